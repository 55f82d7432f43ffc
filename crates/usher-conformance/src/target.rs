//! The server that is checked.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use usher_client::Transport;

/// A server, and how to get there.
#[derive(Clone)]
pub struct Target {
    pub(crate) base: String,
    pub(crate) token: String,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) fixture: Fixture,
    pub(crate) limit: Duration,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("base", &self.base).finish_non_exhaustive()
    }
}

/// What a server can't be asked for over SCIM. Cases that need what is not given are skipped and say so.
#[derive(Debug, Clone, Default)]
pub struct Fixture {
    /// A token of another tenant of the same server.
    pub other_token: Option<String>,
    /// A token that has expired or was revoked.
    pub dead_token: Option<String>,
    /// A token of a tenant that refuses the dialects of clients.
    pub strict_token: Option<String>,
    /// A service whose request rate may be used up, to see 429: service root and token.
    pub slow: Option<(String, String)>,
    /// A query that asks for more than the server will look at or send: service root, token, filter on users.
    pub broad: Option<(String, String, String)>,
    /// A token of the same tenant that may read and not write.
    pub reader_token: Option<String>,
    /// The most bytes that a request body may have.
    pub body_bytes: Option<usize>,
}

/// A server that can't be checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No service root.
    #[error(
        "{0:?} is no address of a SCIM service; write the service root, such as https://example.com/scim/v2"
    )]
    Address(String),
    /// No token.
    #[error(
        "the token is blank, or holds characters that no header can carry; give the bearer token as the app printed it"
    )]
    Token,
    /// No answer to anything.
    #[error("the server does not answer: {0}")]
    Unreachable(String),
}

impl Target {
    /// `url` is the service root; a leading `Bearer ` of the token is taken off.
    pub fn new(url: &str, token: &str, transport: Arc<dyn Transport>) -> Result<Self, TargetError> {
        let wrong = || TargetError::Address(url.to_owned());
        let parsed = url::Url::parse(url.trim()).map_err(|_| wrong())?;
        if parsed.query().is_some() || parsed.fragment().is_some() || !parsed.has_host() {
            return Err(wrong());
        }
        let token = token.trim();
        let token = token.strip_prefix("Bearer ").unwrap_or(token).trim();
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(TargetError::Token);
        }
        Ok(Self {
            base: parsed.as_str().trim_end_matches('/').to_owned(),
            token: token.to_owned(),
            transport,
            fixture: Fixture::default(),
            limit: Duration::from_secs(60),
        })
    }

    /// With what could be set up beside it.
    pub fn with(mut self, fixture: Fixture) -> Self {
        self.fixture = fixture;
        self
    }

    /// Every secret that a transcript must not show.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let fixture = &self.fixture;
        let slow = fixture.slow.as_ref().map(|(_, token)| token);
        let broad = fixture.broad.as_ref().map(|(_, token, _)| token);
        [
            Some(&self.token),
            fixture.other_token.as_ref(),
            fixture.dead_token.as_ref(),
            fixture.strict_token.as_ref(),
            fixture.reader_token.as_ref(),
            slow,
            broad,
        ]
        .into_iter()
        .flatten()
        .cloned()
        .collect()
    }
}

/// What the server says of itself.
#[derive(Debug, Clone, Default)]
pub struct Capabilities {
    /// PATCH.
    pub patch: bool,
    /// Filters.
    pub filter: bool,
    /// The most resources in an answer to a query.
    pub max_results: Option<u64>,
    /// Sorting.
    pub sort: bool,
    /// Versions.
    pub etag: bool,
    /// Bulk.
    pub bulk: bool,
    /// The most operations of a bulk request.
    pub bulk_operations: Option<u64>,
    /// The most bytes of a bulk request.
    pub bulk_bytes: Option<u64>,
    /// Passwords can be changed.
    pub change_password: bool,
    /// Cursor pagination (RFC 9865).
    pub cursor: bool,
    /// ServiceProviderConfig as it came.
    pub config: Value,
    /// The served schemas, as they came.
    pub schemas: Vec<Value>,
}

impl Capabilities {
    /// From the answers of ServiceProviderConfig and Schemas.
    pub(crate) fn read(config: Value, schemas: &Value) -> Self {
        let flag = |pointer: &str| config.pointer(pointer) == Some(&Value::Bool(true));
        let number = |pointer: &str| config.pointer(pointer).and_then(Value::as_u64);
        Self {
            patch: flag("/patch/supported"),
            filter: flag("/filter/supported"),
            max_results: number("/filter/maxResults"),
            sort: flag("/sort/supported"),
            etag: flag("/etag/supported"),
            bulk: flag("/bulk/supported"),
            bulk_operations: number("/bulk/maxOperations"),
            bulk_bytes: number("/bulk/maxPayloadSize"),
            change_password: flag("/changePassword/supported"),
            cursor: flag("/pagination/cursor"),
            schemas: schemas["Resources"].as_array().cloned().unwrap_or_default(),
            config,
        }
    }

    /// The served schema of a URN.
    pub fn schema(&self, urn: &str) -> Option<&Value> {
        self.schemas
            .iter()
            .find(|schema| schema["id"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(urn)))
    }
}
