//! The accept loop.

use std::{sync::Arc, time::Duration};

use axum::{Extension, Router, routing::get};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, oneshot},
};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use usher_service::{Connection, Listening, serve};

/// A certificate for `localhost` with its key, signed by itself; good for a hundred years and for nothing but this test.
const LOCALHOST: &[u8] = include_bytes!("localhost.pem");

async fn start(
    router: Router,
    listening: Listening,
) -> (std::net::SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let served = tokio::spawn(serve(listener, router, None, listening, async move {
        let _ = stopped.await;
    }));
    (address, stop, served)
}

async fn answer(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    // A connection that is cut may end in a reset.
    let _ = stream.read_to_string(&mut text).await;
    text
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_client_that_says_nothing_or_half_is_cut_off() {
    let listening = Listening { head: Duration::from_millis(50), ..Listening::default() };
    let (address, _stop, _served) = start(Router::new(), listening).await;
    for said in [&b""[..], b"P", b"PRI * HT", b"GET / HTTP/1.1\r\nhos"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said).await.unwrap();
        // Ends because the server ends it; a server that waits would let the test hang.
        let _ = answer(&mut stream).await;
    }
}

#[tokio::test]
async fn requests_under_way_finish_and_no_more_come_in() {
    let (entered, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (entered.clone(), go.clone());
    let router = Router::new().route(
        "/",
        get(move || async move {
            tell.notify_one();
            wait.notified().await;
            "done"
        }),
    );
    let (address, stop, served) = start(router, Listening::default()).await;
    let mut under_way = TcpStream::connect(address).await.unwrap();
    under_way.write_all(REQUEST).await.unwrap();
    entered.notified().await;
    stop.send(()).unwrap();
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!served.is_finished());
    go.notify_one();
    assert!(answer(&mut under_way).await.ends_with("done"));
    served.await.unwrap();
}

#[tokio::test]
async fn draining_has_an_end() {
    let router = Router::new().route("/", get(std::future::pending::<()>));
    let listening = Listening { drain: Duration::from_millis(50), ..Listening::default() };
    let (address, stop, served) = start(router, listening).await;
    let mut stuck = TcpStream::connect(address).await.unwrap();
    stuck.write_all(REQUEST).await.unwrap();
    stop.send(()).unwrap();
    served.await.unwrap();
    assert_eq!(answer(&mut stuck).await, "");
}

#[tokio::test]
async fn connections_are_bounded_and_wait_their_turn() {
    let router = Router::new().route("/", get(|| async { "hello" }));
    let listening = Listening { connections: 1, ..Listening::default() };
    let (address, _stop, _served) = start(router, listening).await;
    let idle = TcpStream::connect(address).await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    second.write_all(REQUEST).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(50), second.readable()).await;
    assert!(early.is_err(), "answered while the only place was taken");
    drop(idle);
    assert!(answer(&mut second).await.ends_with("hello"));
}

#[tokio::test]
async fn tls_is_spoken_and_said_to_the_router() {
    use tokio_rustls::rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    };

    let certificate = CertificateDer::from_pem_slice(LOCALHOST).unwrap();
    let key = PrivateKeyDer::from_pem_slice(LOCALHOST).unwrap();
    let provider = Arc::new(ring::default_provider());
    let server =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let server = server.with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();

    let about =
        |Extension(connection): Extension<Connection>| async move { format!("tls: {}", connection.tls) };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(about));
    let tls = TlsAcceptor::from(Arc::new(server));
    tokio::spawn(serve(listener, router, Some(tls), Listening::default(), std::future::pending()));

    let stream = TcpStream::connect(address).await.unwrap();
    let connector = TlsConnector::from(Arc::new(client));
    let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.ends_with("tls: true"), "{text}");
}
