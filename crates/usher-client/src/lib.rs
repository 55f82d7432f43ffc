//! A SCIM client: typed calls, retry on 429, rate limit, wire profiles; and the guarded outbound HTTP everything uses.
//!
//! No storage. The engine's tests call a service in process through [`Transport`].

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use secrecy::SecretString;
use usher_scim::{AttributePath, Object};

/// Users or groups, at the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Endpoint {
    Users,
    Groups,
}

/// How requests are spelled (docs/guides: wire profiles). More come with the issue on the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum Wire {
    /// RFC 7644 as written.
    #[default]
    Rfc,
}

/// Which resolved addresses may be connected to; link-local, metadata, unspecified and multicast never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Loopback and private ranges too.
    pub private: bool,
}

/// Everything a client needs.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Settings {
    /// As the administrator gave it; a query string is merged into every request.
    pub tenant_url: url::Url,
    pub token: SecretString,
    pub wire: Wire,
    pub connect: Duration,
    pub request: Duration,
    /// Requests a second; `None`: no limit of ours.
    pub rate: Option<u32>,
}

/// Sends one request. The real one is [`HttpTransport`]; tests call a router in process, or lose and repeat answers.
pub trait Transport: Send + Sync + 'static {
    /// The answer with its whole body.
    fn send<'a>(
        &'a self,
        request: http::Request<Bytes>,
        limit: Duration,
    ) -> Pin<Box<dyn Future<Output = Result<http::Response<Bytes>, TransportError>> + Send + 'a>>;
}

/// Why nothing came back: the step that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum TransportError {
    #[error("the name {0} does not resolve")]
    Dns(String),
    #[error("{0} can't be reached: {1}")]
    Connect(String, String),
    #[error("TLS with {0} failed: {1}")]
    Tls(String, String),
    #[error("the address {0} is not allowed")]
    Address(String),
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("the connection broke: {0}")]
    Broken(String),
}

/// Why a call failed, sorted by what the engine does about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum ClientError {
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// 401 or 403.
    #[error("the app refused the credentials ({status}): {detail}")]
    Credentials { status: u16, detail: String },
    /// 429 or 503 with Retry-After: the whole app pauses.
    #[error("the app asks to wait {retry_after:?}")]
    Wait { retry_after: Option<Duration> },
    /// 409.
    #[error("the app says it conflicts: {detail}")]
    Conflict { detail: String },
    /// 404 on a resource.
    #[error("the app has no such resource")]
    Gone,
    /// Any other 4xx or 5xx with its SCIM error.
    #[error("the app answered {status}: {detail}")]
    Refused { status: u16, scim_type: Option<String>, detail: String },
    /// HTML, no JSON, no ListResponse, no id, …
    #[error("the answer is not SCIM: {0}")]
    NotScim(String),
}

/// One attribute to change at the app.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where.
    pub path: AttributePath,
    /// The new value; `None` removes.
    pub value: Option<serde_json::Value>,
    /// Whether the app has a value there now (profiles that tell Add from Replace need it).
    pub there: bool,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Page {
    pub total: u64,
    pub start: u64,
    pub resources: Vec<Object>,
}

/// A step of a connection test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// `address`, `connect`, `tls`, `credentials`, `scim`, `filter`, `groups`, `service provider config`.
    pub name: &'static str,
    /// Whether it went well.
    pub ok: bool,
    /// What was found, and what to do when it failed.
    pub text: String,
}

/// What a connection test found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// In order, up to and including the one that failed.
    pub steps: Vec<Step>,
    /// Another base URL that works (`/scim/v2`, `/scim`, bare host), when the given one does not.
    pub works_instead: Option<String>,
}

impl Diagnosis {
    /// All went well.
    pub fn ok(&self) -> bool {
        self.steps.iter().all(|s| s.ok)
    }
}

/// reqwest on rustls, the address guard at connect, redirects never followed with the token.
pub struct HttpTransport(());

impl HttpTransport {
    /// A pool of its own.
    pub fn new(_policy: AddressPolicy, _connect: Duration) -> Result<Self, TransportError> {
        todo!()
    }
}

/// The client of one app. Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<()>);

impl Client {
    /// A client over a transport.
    pub fn new(_settings: Settings, _transport: Arc<dyn Transport>) -> Self {
        todo!()
    }
    /// Requests sent so far, and those of them that change something (POST, PUT, PATCH, DELETE).
    pub fn sent(&self) -> (u64, u64) {
        todo!()
    }
    /// The connection test of design/engine.md: `filter` on the matching property for a random value, groups too when asked.
    pub async fn test(&self, _matching: &AttributePath, _groups: Option<&AttributePath>) -> Diagnosis {
        todo!()
    }
    /// `filter=path eq "value"`, escaped; groups without their members. At most a page.
    pub async fn find(&self, _at: Endpoint, _path: &AttributePath, _value: &str) -> Result<Vec<Object>, ClientError> {
        todo!()
    }
    /// By id (a group without members); `None`: 404.
    pub async fn get(&self, _at: Endpoint, _id: &str) -> Result<Option<Object>, ClientError> {
        todo!()
    }
    /// POST; the resource as answered (an `id` at least; ids as numbers are taken).
    pub async fn create(&self, _at: Endpoint, _resource: &Object) -> Result<Object, ClientError> {
        todo!()
    }
    /// PATCH with these changes; the resource when the app answers one.
    pub async fn update(&self, _at: Endpoint, _id: &str, _changes: &[Change]) -> Result<Option<Object>, ClientError> {
        todo!()
    }
    /// Membership deltas, many to a PATCH.
    pub async fn members(&self, _id: &str, _add: &[String], _remove: &[String]) -> Result<(), ClientError> {
        todo!()
    }
    /// DELETE; 404 is success.
    pub async fn delete(&self, _at: Endpoint, _id: &str) -> Result<(), ClientError> {
        todo!()
    }
    /// A page; go on at `start + resources.len()`.
    pub async fn page(&self, _at: Endpoint, _start: u64, _count: u32) -> Result<Page, ClientError> {
        todo!()
    }
}
