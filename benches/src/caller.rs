//! A connection to a SCIM server: HTTP/1.1, kept open, one request at a time.

use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

/// How long a server may take for one answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server and how to speak to it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Server {
    /// `127.0.0.1:8080`
    address: String,
    /// `/scim/v2`, without a slash at the end.
    path: String,
    authorization: Option<HeaderValue>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The whole body.
    pub body: Bytes,
}

/// A request before it knows its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// Below the tenant URL, encoded, with its query: `/Users?count=1`.
    pub path: String,
    /// JSON; empty for none.
    pub body: Bytes,
}

impl Call {
    /// Without a body.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: Bytes::new() }
    }

    /// With one.
    pub fn with(method: Method, path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self { method, path: path.into(), body: body.into() }
    }
}

impl Server {
    /// `url`: the tenant URL, plain HTTP; `token`: a bearer token, if the server wants one.
    ///
    /// # Errors
    /// For a URL that is none, or not `http`.
    pub fn new(url: &str, token: Option<&str>) -> anyhow::Result<Self> {
        let url: Url = url.parse().with_context(|| format!("{url} is no URL"))?;
        let (Some(host), Some(port), "http") = (url.host_str(), url.port_or_known_default(), url.scheme())
        else {
            bail!("{url}: the driver speaks plain http, to a host and port");
        };
        let authorization = token
            .map(|token| HeaderValue::from_str(&format!("Bearer {}", token.trim())))
            .transpose()
            .context("the token")?;
        let path = url.path().trim_end_matches('/').to_owned();
        Ok(Self { address: format!("{host}:{port}"), path, authorization })
    }

    fn request(&self, call: Call) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(call.method)
            .uri(format!("{}{}", self.path, call.path))
            .header(header::HOST, &self.address)
            .header(header::ACCEPT, "application/scim+json");
        if let Some(value) = &self.authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        if !call.body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/scim+json");
        }
        Ok(request.body(Full::new(call.body))?)
    }
}

/// A client with its connection, opened when first needed and again when the server closed it.
#[derive(Debug)]
pub struct Caller {
    server: Server,
    open: Option<SendRequest<Full<Bytes>>>,
}

impl Caller {
    /// A client of that server.
    pub fn new(server: Server) -> Self {
        Self { server, open: None }
    }

    /// Sends, and reads the whole answer.
    ///
    /// # Errors
    /// When the server can't be reached, hangs up, or takes longer than two minutes.
    pub async fn call(&mut self, call: Call) -> anyhow::Result<Answer> {
        let request = self.server.request(call)?;
        match tokio::time::timeout(PATIENCE, self.exchange(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                self.open = None;
                Err(error)
            }
            Err(_) => {
                self.open = None;
                bail!("no answer within {} s", PATIENCE.as_secs())
            }
        }
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let sender = self.sender().await?;
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Answer { status, body })
    }

    async fn sender(&mut self) -> anyhow::Result<&mut SendRequest<Full<Bytes>>> {
        let kept = match self.open.take() {
            // Ready at once where the connection stands; an error says that the server has closed it.
            Some(mut sender) => sender.ready().await.is_ok().then_some(sender),
            None => None,
        };
        let sender = match kept {
            Some(sender) => sender,
            None => connect(&self.server.address).await?,
        };
        Ok(self.open.insert(sender))
    }
}

async fn connect(address: &str) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("{address} can't be reached"))?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with its sender; what went wrong is told by the request that met it.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender)
}
