//! Apps and networks that fail.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use usher_client::{AddressPolicy, Client, ClientError, Endpoint, HttpTransport, Settings, TransportError};

use crate::app::{App, answer, client, list, object, path, scim, settings, transport};

/// A server that reads a request and sends these bytes, then ends the connection.
async fn raw(bytes: &'static [u8]) -> url::Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(bytes).await;
        }
    });
    url::Url::parse(&format!("http://{address}/scim/v2")).unwrap()
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_token_goes_nowhere_else() {
    let other = App::start(|_| list(&[])).await;
    let to = other.url("/scim/v2/Users").to_string();
    let app = App::start(move |_| {
        axum::response::Response::builder().status(307).header("location", &to).body(Body::empty()).unwrap()
    })
    .await;
    let error = app.client().get(Endpoint::Users, "1").await.unwrap_err();
    assert!(
        matches!(&error, ClientError::Refused { status: 307, detail, .. } if detail.contains("redirects to")),
        "{error}"
    );
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn html_half_a_body_and_a_cut_connection_are_told_apart() {
    let html = App::start(|_| answer(200, "text/html", "<!doctype html><title>Sign in</title>")).await;
    let error = html.client().find(Endpoint::Users, &path("userName"), "a").await.unwrap_err();
    assert!(
        matches!(&error, ClientError::NotScim(text) if text.contains("HTML") && text.contains("tenant URL")),
        "{error}"
    );

    let half = raw(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{\"totalResults\":",
    )
    .await;
    let error = client(half).find(Endpoint::Users, &path("userName"), "a").await.unwrap_err();
    assert!(matches!(error, ClientError::Transport(TransportError::Broken(_))), "{error}");

    let cut = raw(b"").await;
    let error = client(cut).create(Endpoint::Users, &object(json!({}))).await.unwrap_err();
    assert!(matches!(error, ClientError::Transport(TransportError::Broken(_))), "{error}");
}

#[tokio::test]
async fn a_slow_app_is_given_up_within_the_limit() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url::Url::parse(&format!("http://{}/scim", listener.local_addr().unwrap())).unwrap();
    let limit = Duration::from_millis(50);
    let error = client(url).within(move || limit).get(Endpoint::Users, "1").await.unwrap_err();
    assert_eq!(error, ClientError::Transport(TransportError::Timeout(limit)));
    drop(listener);
}

#[tokio::test]
async fn how_long_a_request_may_take_is_asked_before_each_and_for_no_time_none_is_sent() {
    let app = App::start(|_| list(&[])).await;
    let left = Arc::new(std::sync::atomic::AtomicU64::new(5));
    let asked = left.clone();
    let client =
        app.client().within(move || Duration::from_secs(asked.load(std::sync::atomic::Ordering::SeqCst)));
    client.find(Endpoint::Users, &path("userName"), "x").await.unwrap();
    left.store(0, std::sync::atomic::Ordering::SeqCst);
    let error = client.find(Endpoint::Users, &path("userName"), "x").await.unwrap_err();
    assert_eq!(error, ClientError::Transport(TransportError::Timeout(Duration::ZERO)));
    assert_eq!((app.seen().len(), client.sent().0), (1, 1));
}

#[tokio::test]
async fn refusals_are_sorted() {
    let app = App::start(|seen| {
        let status = seen.target.split(['/', '?']).find_map(|s| s.parse().ok()).unwrap_or(200);
        let mut answer = scim(status, &json!({"detail": "because", "scimType": "invalidValue"}));
        if seen.target.contains("/Groups") {
            answer.headers_mut().insert("date", "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
            answer.headers_mut().insert("retry-after", "Sun, 06 Nov 1994 08:49:57 GMT".parse().unwrap());
        }
        answer
    })
    .await;
    let client = app.client();
    let detail = || "because".to_owned();
    let got = |at, id: &'static str| {
        let client = client.clone();
        async move { client.get(at, id).await.unwrap_err() }
    };
    assert_eq!(got(Endpoint::Users, "401").await, ClientError::Credentials { status: 401, detail: detail() });
    assert_eq!(got(Endpoint::Users, "403").await, ClientError::Credentials { status: 403, detail: detail() });
    assert_eq!(got(Endpoint::Users, "409").await, ClientError::Conflict { detail: detail() });
    assert_eq!(got(Endpoint::Users, "429").await, ClientError::Wait { retry_after: None });
    let wait = ClientError::Wait { retry_after: Some(Duration::from_secs(20)) };
    assert_eq!(got(Endpoint::Groups, "429").await, wait);
    assert_eq!(got(Endpoint::Groups, "503").await, wait);
    let refused =
        |status| ClientError::Refused { status, scim_type: Some("invalidValue".into()), detail: detail() };
    assert_eq!(got(Endpoint::Users, "400").await, refused(400));
    assert_eq!(got(Endpoint::Users, "500").await, refused(500));
    assert_eq!(got(Endpoint::Users, "503").await, refused(503));
}

#[tokio::test]
async fn addresses_that_are_not_allowed_are_never_connected_to() {
    let app = App::start(|_| list(&[])).await;
    let port = app.address.port();
    let strict: Arc<HttpTransport> =
        Arc::new(HttpTransport::new(AddressPolicy { private: false }, Duration::from_secs(5)).unwrap());
    for host in [
        format!("http://127.0.0.1:{port}"),
        format!("http://localhost:{port}"),
        "https://10.0.0.1".to_owned(),
    ] {
        let client = Client::new(settings(host.parse().unwrap()), strict.clone());
        let error = client.get(Endpoint::Users, "1").await.unwrap_err();
        assert!(matches!(error, ClientError::Transport(TransportError::Address(_))), "{host}: {error}");
    }
    for host in
        ["https://169.254.169.254", "https://[::ffff:169.254.169.254]", "http://192.0.2.1", "ftp://localhost"]
    {
        let error = client(host.parse().unwrap()).get(Endpoint::Users, "1").await.unwrap_err();
        assert!(matches!(error, ClientError::Transport(TransportError::Address(_))), "{host}: {error}");
    }
    assert!(app.seen().is_empty());
    let named = client(format!("http://localhost:{port}/scim").parse().unwrap());
    assert!(named.find(Endpoint::Users, &path("userName"), "x").await.unwrap().is_empty());
}

#[tokio::test]
async fn an_unknown_name_a_closed_port_and_no_tls_are_told_apart() {
    let failed = |url: String| async move {
        match client(url.parse().unwrap()).get(Endpoint::Users, "1").await {
            Err(ClientError::Transport(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    assert!(matches!(failed("https://no-such-host.invalid/scim".into()).await, TransportError::Dns(_)));
    let closed = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    assert!(matches!(failed(format!("http://{closed}/scim")).await, TransportError::Connect(..)));
    let plain = raw(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let error = failed(plain.as_str().replace("http://", "https://")).await;
    assert!(matches!(error, TransportError::Tls(..)), "{error:?}");
}

#[tokio::test]
async fn a_blank_token_is_never_sent_and_a_scheme_before_it_is_taken_off() {
    let app = App::start(|_| list(&[])).await;
    for token in [" ", "", "Bearer ", "Bearer  abc ", "abc\n"] {
        let settings = Settings { token: token.into(), ..settings(app.url("/scim")) };
        Client::new(settings, transport()).page(Endpoint::Users, 1, 1).await.unwrap();
    }
    let seen: Vec<_> = app.seen().into_iter().map(|s| s.authorization).collect();
    let abc = Some("Bearer abc".to_owned());
    assert_eq!(seen, [None, None, None, abc.clone(), abc]);
    let broken = Settings { token: "a\nb".into(), ..settings(app.url("/scim")) };
    let error = Client::new(broken, transport()).page(Endpoint::Users, 1, 1).await.unwrap_err();
    assert!(matches!(error, ClientError::Credentials { status: 401, .. }), "{error}");
}
