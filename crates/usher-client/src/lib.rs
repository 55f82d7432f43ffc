//! A SCIM client: typed calls, a rate limit, wire profiles; and the guarded outbound HTTP everything uses.
//!
//! No storage and no retries of its own: what a failure means for the work at hand is the caller's decision, so every
//! failure comes back sorted ([`ClientError`]), a 429 with how long to wait. The real wire is [`HttpTransport`]; a
//! service in the same process is called through [`InProcess`]; tests put their faults into a [`Transport`] of their own.

use std::time::Duration;

use secrecy::SecretString;
use usher_scim::{AttributePath, Object};

mod address;
mod answer;
mod base;
mod call;
mod diagnose;
mod discover;
mod oauth;
mod patch;
mod transport;
mod wire;

pub use address::AddressPolicy;
pub use call::{Client, Exchange};
pub use diagnose::{Diagnosis, Step};
pub use discover::Discovered;
pub use oauth::{OAuth, Tokens};
pub use transport::{Answering, HttpTransport, InProcess, Transport, TransportError};
pub use wire::{UnknownWire, Wire};

/// Users or groups, at the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `/Users`
    Users,
    /// `/Groups`
    Groups,
}

impl Endpoint {
    /// The path segment.
    pub fn segment(self) -> &'static str {
        match self {
            Self::Users => "Users",
            Self::Groups => "Groups",
        }
    }
}

/// Everything a client needs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// As the administrator gave it; a query string is merged into every request.
    pub tenant_url: url::Url,
    /// The bearer token. A leading `Bearer ` (as some apps print it) is taken off; a blank one is never sent.
    pub token: SecretString,
    /// How requests are spelled.
    pub wire: Wire,
    /// How long a connection may take to be made (for the transport that is made from these settings).
    pub connect: Duration,
    /// How long one request may take, answer included.
    pub request: Duration,
    /// Requests a second; `None`: no limit of ours.
    pub rate: Option<u32>,
}

/// Why a call failed, sorted by what the engine does about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Nothing came back.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// 401 or 403.
    #[error("the app refused the credentials ({status}): {detail}")]
    Credentials {
        /// 401 or 403.
        status: u16,
        /// What the app said.
        detail: String,
    },
    /// 429, or 503 with Retry-After: the whole app pauses.
    #[error("the app asks to wait{}", .retry_after.map(|d| format!(" {} s", d.as_secs())).unwrap_or_default())]
    Wait {
        /// `None`: it did not say how long.
        retry_after: Option<Duration>,
    },
    /// 409.
    #[error("the app says it conflicts: {detail}")]
    Conflict {
        /// What the app said.
        detail: String,
    },
    /// 404 or 410 on a resource.
    #[error("the app has no such resource")]
    Gone,
    /// Any other 3xx, 4xx or 5xx with its SCIM error; or an answer to a filter with something else in it (status 200).
    #[error("the app answered {status}: {detail}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// As the app named it (`invalidFilter`, …).
        scim_type: Option<String>,
        /// What the app said, or what its answer means.
        detail: String,
    },
    /// HTML, no JSON, no ListResponse, no id, …: the text says what came and what to do.
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
    /// Whether the app has nothing that the path's filter would find: an entry is to be made for it.
    pub new_entry: bool,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// `totalResults`.
    pub total: u64,
    /// `startIndex` as asked.
    pub start: u64,
    /// Each with a text `id`; may be fewer than asked for.
    pub resources: Vec<Object>,
}
