//! How a request gets to the app: over the network behind the address guard, or to a service in this process.

use std::{error::Error, future::Future, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tower::{Service, ServiceExt};

use crate::address::{AddressPolicy, is_loopback};

/// The most an answer may bring: a page of resources is far smaller, and a client must not be filled up by a server.
const ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// What [`Transport::send`] gives back.
pub type Answering<'a> =
    Pin<Box<dyn Future<Output = Result<http::Response<Bytes>, TransportError>> + Send + 'a>>;

/// Sends one request. The real one is [`HttpTransport`]; tests call a router in process, or lose and repeat answers.
pub trait Transport: Send + Sync + 'static {
    /// The answer with its whole body, within `limit`.
    fn send<'a>(&'a self, request: http::Request<Bytes>, limit: Duration) -> Answering<'a>;
}

/// Why nothing came back: the step that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The host name is unknown.
    #[error("the name {0} does not resolve")]
    Dns(String),
    /// No connection: host, why.
    #[error("{0} can't be reached: {1}")]
    Connect(String, String),
    /// No TLS session: host, why.
    #[error("TLS with {0} failed: {1}")]
    Tls(String, String),
    /// The address, or plain `http://` to another machine, is not allowed by the [`AddressPolicy`]. Nothing was sent.
    #[error("the address {0} is not allowed")]
    Address(String),
    /// No whole answer in time; the request may have been carried out.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The connection broke or the answer could not be read; the request may have been carried out.
    #[error("the connection broke: {0}")]
    Broken(String),
}

/// reqwest on rustls, the address guard at connect, redirects never followed, no proxy of the environment.
#[derive(Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
    policy: AddressPolicy,
}

impl HttpTransport {
    /// A connection pool of its own; `connect` limits making a connection, TLS included.
    pub fn new(policy: AddressPolicy, connect: Duration) -> Result<Self, TransportError> {
        let broken = |e: &dyn Error| TransportError::Broken(format!("the HTTP client can't be set up: {e}"));
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls().map_err(|e| broken(&e))?)
            .dns_resolver(Guard(policy))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(connect)
            .pool_idle_timeout(Duration::from_secs(60))
            .user_agent(concat!("Usher/", env!("CARGO_PKG_VERSION"), " (SCIM)"))
            .build()
            .map_err(|e| broken(&e))?;
        Ok(Self { client, policy })
    }

    /// What can be judged before a name is resolved: literal addresses (they skip the resolver), and plain HTTP.
    fn judge(&self, url: &url::Url) -> Result<String, TransportError> {
        let refused = |why: &str| Err(TransportError::Address(format!("{} ({why})", shown(url))));
        let Some(host) = url.host() else { return refused("it names no host") };
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&host) => {}
            "http" => return refused("plain http is only spoken to this machine; use https"),
            _ => return refused("only https is spoken"),
        }
        let literal = match host {
            url::Host::Ipv4(ip) => Some(ip.into()),
            url::Host::Ipv6(ip) => Some(ip.into()),
            url::Host::Domain(_) => None,
        };
        if literal.is_some_and(|ip| !self.policy.allows(ip)) {
            return refused("it lies in a range that this server may not connect to");
        }
        Ok(host.to_string())
    }

    async fn exchange(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let url = url::Url::parse(&request.uri().to_string())
            .map_err(|e| TransportError::Address(format!("{} ({e})", request.uri())))?;
        let host = self.judge(&url)?;
        let request = reqwest::Request::try_from(request).map_err(|e| TransportError::Broken(chain(&e)))?;
        let mut answer = self.client.execute(request).await.map_err(|e| sort(&host, &e))?;
        let mut body = BytesMut::new();
        while let Some(block) = answer.chunk().await.map_err(|e| sort(&host, &e))? {
            if body.len() + block.len() > ANSWER_BYTES {
                return Err(TransportError::Broken(format!(
                    "the answer of {host} is larger than {ANSWER_BYTES} bytes"
                )));
            }
            body.extend_from_slice(&block);
        }
        let mut whole = http::Response::new(body.freeze());
        *whole.status_mut() = answer.status();
        *whole.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(whole)
    }
}

impl Transport for HttpTransport {
    fn send<'a>(&'a self, request: http::Request<Bytes>, limit: Duration) -> Answering<'a> {
        Box::pin(async move {
            tokio::time::timeout(limit, self.exchange(request))
                .await
                .unwrap_or(Err(TransportError::Timeout(limit)))
        })
    }
}

/// A service of this process (an axum `Router`, say) as a transport: no network, no guard. For the demo's own app, tests
/// and simulation.
#[derive(Clone)]
pub struct InProcess<S>(pub S);

impl<S, B> Transport for InProcess<S>
where
    S: Service<http::Request<Full<Bytes>>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Error: std::fmt::Display,
    S::Future: Send,
    B: BodyExt<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Display,
{
    fn send<'a>(&'a self, request: http::Request<Bytes>, limit: Duration) -> Answering<'a> {
        let called = self.0.clone().oneshot(request.map(Full::new));
        Box::pin(async move {
            let answer = tokio::time::timeout(limit, async {
                let (parts, body) =
                    called.await.map_err(|e| TransportError::Broken(e.to_string()))?.into_parts();
                let body = body.collect().await.map_err(|e| TransportError::Broken(e.to_string()))?;
                Ok(http::Response::from_parts(parts, body.to_bytes()))
            });
            answer.await.unwrap_or(Err(TransportError::Timeout(limit)))
        })
    }
}

/// Resolves, then gives only addresses that the policy allows: reqwest connects to exactly these.
struct Guard(AddressPolicy);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((host.as_str(), 0)).await.map_err(|_| NoName)?.collect();
            let (good, bad): (Vec<_>, Vec<_>) = found.into_iter().partition(|a| policy.allows(a.ip()));
            match bad.first() {
                Some(first) if good.is_empty() => Err(Denied(format!("{} of {host}", first.ip())).into()),
                _ if good.is_empty() => Err(NoName.into()),
                _ => Ok(Box::new(good.into_iter()) as Addrs),
            }
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no such name")]
struct NoName;

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Denied(String);

/// TLS with this machine's roots and the ring provider, named here so that nothing depends on a process-wide default.
fn tls() -> Result<rustls::ClientConfig, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "a root certificate of this machine could not be read");
    }
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        tracing::warn!(
            "this machine has no root certificates: every https connection will fail; install ca-certificates"
        );
    }
    let mut config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Finds the step that failed in a chain of errors.
fn sort(host: &str, error: &reqwest::Error) -> TransportError {
    let mut step: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(e) = step {
        if let Some(denied) = e.downcast_ref::<Denied>() {
            return TransportError::Address(denied.0.clone());
        }
        if e.is::<NoName>() {
            return TransportError::Dns(host.to_owned());
        }
        if let Some(tls) = tls_error(e) {
            return TransportError::Tls(host.to_owned(), tls.to_string());
        }
        step = e.source();
    }
    if error.is_connect() {
        let why = if error.is_timeout() { "no connection in time".to_owned() } else { chain(error) };
        TransportError::Connect(host.to_owned(), why)
    } else {
        TransportError::Broken(chain(error))
    }
}

/// A TLS failure, however many I/O errors are wrapped around it (their `source` passes over what they hold).
fn tls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    match error.downcast_ref::<std::io::Error>() {
        Some(io) => tls_error(io.get_ref()?),
        None => error.downcast_ref(),
    }
}

/// The innermost error says most; reqwest's own text repeats the whole address with its query.
fn chain(error: &dyn Error) -> String {
    let mut last: &dyn Error = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

/// A URL without what may be secret in it.
fn shown(url: &url::Url) -> String {
    format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default())
}
