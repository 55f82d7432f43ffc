//! What every HTTP door asks about who calls, beside the token itself: whence, by which name, how often. Each door has its own.

use std::net::IpAddr;

use http::{HeaderMap, Uri};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{auth::LastUsed, heard, limit::Buckets, request, serve::Connection, settings::Settings};

/// Rates of tokens and of addresses that send bad ones, and how far proxies are believed.
#[derive(Debug)]
pub struct Callers {
    settings: Settings,
    rate: Buckets<Uuid>,
    bad_tokens: Buckets<IpAddr>,
    used: LastUsed,
}

/// Whence a request comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whence {
    /// The client's address, as far as proxies may be believed; none where it is not known.
    pub address: Option<IpAddr>,
    /// The host by which it came, in lower case and without a port; empty where it is not said.
    pub host: String,
    /// Its `User-Agent`.
    pub agent: String,
}

impl Callers {
    /// With the limits `rate`, `burst` and `bad_tokens` and the `trusted_proxies` of these settings.
    pub fn new(settings: Settings) -> Self {
        let rate = Buckets::new(settings.rate, 1, settings.burst);
        let bad_tokens = Buckets::new(settings.bad_tokens, 60, settings.bad_tokens);
        Self { settings, rate, bad_tokens, used: LastUsed::default() }
    }

    /// Whence a request comes.
    pub fn whence(&self, connection: Option<Connection>, uri: &Uri, headers: &HeaderMap) -> Whence {
        Whence {
            address: request::client_address(&self.settings, connection, headers),
            host: request::host(&self.settings, connection, uri, headers),
            agent: heard::agent(headers),
        }
    }

    /// Counts a request of a good token; `Some`: it may go on in so many whole seconds only.
    pub fn passes(&self, token: Uuid, now: Timestamp) -> Option<u64> {
        self.rate.take(token, now).wait
    }

    /// Counts a request with a bad token; `Some`: its address is to wait for so many whole seconds.
    pub fn refused(&self, address: Option<IpAddr>, now: Timestamp) -> Option<u64> {
        self.bad_tokens.take(address?, now).wait
    }

    /// Whether a token's use is to be written now, given when it was last written; a burst is told so once.
    pub fn use_is_due(&self, token: Uuid, stored: Option<Timestamp>, now: Timestamp) -> bool {
        self.used.is_due(token, stored, now)
    }
}
