//! The accept loop: bounded connections, time limits, TLS, draining. `axum::serve` has neither TLS nor a limit for the
//! head of a request.

use std::{
    future::Future,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// What a request's connection is; in its extensions beside axum's `ConnectInfo<SocketAddr>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// The other end.
    pub peer: SocketAddr,
    /// Whether it came over TLS of ours.
    pub tls: bool,
}

/// Limits of the accept loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// Connections at once: 4,096; more wait in the kernel's queue.
    pub connections: usize,
    /// Time for the head of a request, and from connecting to the first one: 30 s.
    pub head: Duration,
    /// How long requests under way may go on after a shutdown was asked for: 30 s.
    pub drain: Duration,
}

impl Default for Listening {
    fn default() -> Self {
        Self { connections: 4_096, head: Duration::from_secs(30), drain: Duration::from_secs(30) }
    }
}

/// Serves until `shutdown` ends, then takes no more connections, lets requests under way finish, and returns when all
/// have or the drain limit is over. HTTP/1.1 and HTTP/2; with `tls`, its ALPN should name both.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<TlsAcceptor>,
    listening: Listening,
    shutdown: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let free = Arc::new(Semaphore::new(listening.connections.min(Semaphore::MAX_PERMITS)));
    let server = Arc::new(builder(&listening));
    // Dropped at the end: what is still open then is cut.
    let (_open, cut) = watch::channel(());
    let mut shutdown = pin!(shutdown);
    loop {
        let next = async {
            // The semaphore is never closed, so a permit always comes.
            let permit = free.clone().acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            () = &mut shutdown => break,
            next = next => next,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: let some connections end instead of spinning.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let watcher = graceful.watcher();
        let (server, router, tls, head) = (server.clone(), router.clone(), tls.clone(), listening.head);
        let mut cut = cut.clone();
        tokio::spawn(async move {
            let work = limited(head, |called| connection(server, router, tls, stream, peer, called, watcher));
            tokio::select! {
                () = work => {}
                _ = cut.changed() => {}
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(listening.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections did not end in time and are cut");
    }
}

/// Ends a connection on which no request came in time. Covers what no limit of hyper's does: a TLS handshake that never
/// ends, and a client that says nothing at all.
async fn limited<F: Future<Output = ()>>(head: Duration, work: impl FnOnce(Arc<AtomicBool>) -> F) {
    let called = Arc::new(AtomicBool::new(false));
    let mut work = pin!(work(called.clone()));
    if tokio::time::timeout(head, &mut work).await.is_err() && called.load(Ordering::Relaxed) {
        work.await;
    }
}

fn builder(listening: &Listening) -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(listening.head).max_buf_size(64 * 1024);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(128)
        .max_header_list_size(64 * 1024)
        .keep_alive_interval(Duration::from_secs(60))
        .keep_alive_timeout(Duration::from_secs(20));
    server
}

async fn connection(
    server: Arc<auto::Builder<TokioExecutor>>,
    router: Router,
    tls: Option<TlsAcceptor>,
    stream: TcpStream,
    peer: SocketAddr,
    called: Arc<AtomicBool>,
    watcher: hyper_util::server::graceful::Watcher,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, %peer, "TCP_NODELAY can't be set");
    }
    let about = Connection { peer, tls: tls.is_some() };
    match tls {
        None => speak(&server, router, stream, about, called, watcher).await,
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => speak(&server, router, stream, about, called, watcher).await,
            Err(error) => tracing::debug!(%error, %peer, "no TLS session"),
        },
    }
}

async fn speak(
    server: &auto::Builder<TokioExecutor>,
    router: Router,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    about: Connection,
    called: Arc<AtomicBool>,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
        called.store(true, Ordering::Relaxed);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(about);
        request.extensions_mut().insert(ConnectInfo(about.peer));
        router.clone().oneshot(request)
    });
    let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(error, peer = %about.peer, "a connection ended early");
    }
}
