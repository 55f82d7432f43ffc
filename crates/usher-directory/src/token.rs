//! Bearer tokens: `usher_` + 64 hex + 8 hex of their CRC-32; only their SHA-256 is stored.
use jiff::Timestamp;
use secrecy::SecretString;
use usher_store::{Snapshot, StoreError, Tx};

use crate::{AccountId, DirectoryId, Environment};

/// A new token, made before the closure that stores it. Never printed by `Debug`.
#[derive(Clone)]
pub struct SecretToken(#[allow(dead_code)] SecretString);

impl SecretToken {
    /// 256 random bits.
    pub fn generate() -> Self {
        todo!()
    }
    /// The text, to be shown once.
    pub fn reveal(&self) -> &str {
        todo!()
    }
}

/// Where a token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum State {
    Active,
    Overlap,
    Expired,
    Revoked,
}

/// A token as listed.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Token {
    pub id: uuid::Uuid,
    pub directory: DirectoryId,
    pub environment: Environment,
    /// `entra`, `okta`, `onelogin`, `google`, `other`.
    pub provider: String,
    pub last4: String,
    pub created: Timestamp,
    /// `None`: never.
    pub expires: Option<Timestamp>,
    /// When an overlap after rotation ends.
    pub ends: Option<Timestamp>,
    pub revoked: Option<Timestamp>,
    pub last_used: Option<(Timestamp, String, String)>,
    pub state: State,
}

/// Why not.
#[derive(Debug, Clone, thiserror::Error)]
#[allow(missing_docs)]
pub enum TokenError {
    #[error("there are three live {0} tokens already; revoke one: {1}")]
    TooMany(String, String),
    #[error("there is no live token to rotate; issue one")]
    NoneLive,
    #[error("several tokens are live, say which with --token: {0}")]
    Which(String),
    #[error("there is no token {0}")]
    Unknown(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stores `token` (at most three live ones an integration).
pub fn issue(
    _tx: &mut Tx<'_>,
    _account: AccountId,
    _environment: Environment,
    _provider: &str,
    _expires: Option<Timestamp>,
    _token: &SecretToken,
    _now: Timestamp,
) -> Result<Token, TokenError> {
    todo!()
}
/// Stores `token` beside the old one, which ends at `now + overlap` whatever its own expiry said; without `old` the newest
/// live one of (environment, only integration) is meant.
#[allow(clippy::too_many_arguments)]
pub fn rotate(
    _tx: &mut Tx<'_>,
    _account: AccountId,
    _environment: Environment,
    _old: Option<uuid::Uuid>,
    _overlap: jiff::SignedDuration,
    _expires: Option<Timestamp>,
    _token: &SecretToken,
    _now: Timestamp,
) -> Result<Token, TokenError> {
    todo!()
}
/// All tokens of an account, newest first.
pub fn list(_on: &mut Snapshot<'_>, _account: AccountId, _now: Timestamp) -> Result<Vec<Token>, StoreError> {
    todo!()
}
/// Ends it at once.
pub fn revoke(
    _tx: &mut Tx<'_>,
    _account: AccountId,
    _id: uuid::Uuid,
    _now: Timestamp,
) -> Result<Token, TokenError> {
    todo!()
}

/// What a presented token means.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Presented {
    /// Valid for this directory.
    Valid {
        token: uuid::Uuid,
        directory: DirectoryId,
        epoch: i64,
        account: AccountId,
        environment: Environment,
        /// As far as it was written; saves a call of [`used`] within the same minute.
        last_used: Option<Timestamp>,
    },
    /// Known, but over; the text says since when.
    Over(String),
    Unknown,
}

/// One indexed read.
pub fn authenticate(
    _on: &mut Snapshot<'_>,
    _presented: &str,
    _now: Timestamp,
) -> Result<Presented, StoreError> {
    todo!()
}
/// Written lazily (at most once a minute a token): when, from where, by which agent.
pub fn used(
    _tx: &mut Tx<'_>,
    _id: uuid::Uuid,
    _at: Timestamp,
    _address: &str,
    _agent: &str,
) -> Result<(), StoreError> {
    todo!()
}
