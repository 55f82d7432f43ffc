//! Bearer tokens: `usher_` + 64 hex + 8 hex of their CRC-32; only their SHA-256 is stored.
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use usher_store::{FromRow, Row, Snapshot, Sql, StoreError, Tx, args};
use uuid::Uuid;

use crate::{AccountId, DirectoryId, Environment};

/// A new token, made before the closure that stores it. Never printed by `Debug`.
#[derive(Clone)]
pub struct SecretToken {
    id: Uuid,
    text: SecretString,
}

const PREFIX: &str = "usher_";

/// The provider of tokens that belong to no identity provider but to the app itself: they read people
/// ([`authenticate_api`]) and are unknown to the SCIM service.
pub const API: &str = "api";

impl SecretToken {
    /// 256 random bits.
    pub fn generate() -> Self {
        let random = hex(&rand::random::<[u8; 32]>());
        let check = crc32fast::hash(random.as_bytes());
        Self { id: Uuid::now_v7(), text: format!("{PREFIX}{random}{check:08x}").into() }
    }
    /// The text, to be shown once.
    pub fn reveal(&self) -> &str {
        self.text.expose_secret()
    }
    fn last4(&self) -> &str {
        let text = self.reveal();
        &text[text.len() - 4..]
    }
}

impl std::fmt::Debug for SecretToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretToken({})", self.id)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a text has the form of a token and the right checksum; anything else needs no look-up.
fn well_formed(text: &str) -> bool {
    let Some((random, check)) = text.strip_prefix(PREFIX).and_then(|rest| rest.split_at_checked(64)) else {
        return false;
    };
    check.len() == 8
        && random.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        && u32::from_str_radix(check, 16) == Ok(crc32fast::hash(random.as_bytes()))
}

fn hash(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
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
    pub id: Uuid,
    pub directory: DirectoryId,
    /// `None`: of a directory of the provisioning side.
    pub environment: Option<Environment>,
    /// `entra`, `okta`, `onelogin`, `google`, `other`; [`API`].
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

/// The most tokens listed.
const LISTED: i64 = 1000;
/// The most live tokens of one integration.
const SLOTS: i64 = 3;

/// Columns of a [`Token`], of tables `t` and `d`.
macro_rules! columns {
    () => {
        "t.id, t.directory, d.environment, t.provider, t.last4, t.created, t.expires, t.ends, t.revoked, t.used_at,
         t.used_address, t.used_agent"
    };
}

mod expiry;
mod presented;

pub use expiry::{Expiring, expiring, told};
pub use presented::{Presented, authenticate, authenticate_api, authenticate_in, used};

/// A token's row, its state to be told by the time.
struct Read(Token);

impl FromRow for Read {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let used: Option<Timestamp> = row.get(9)?;
        let address: Option<String> = row.get(10)?;
        let agent: Option<String> = row.get(11)?;
        Ok(Self(Token {
            id: row.get(0)?,
            directory: row.get(1)?,
            environment: row.get(2)?,
            provider: row.get(3)?,
            last4: row.get(4)?,
            created: row.get(5)?,
            expires: row.get(6)?,
            ends: row.get(7)?,
            revoked: row.get(8)?,
            last_used: used.map(|at| (at, address.unwrap_or_default(), agent.unwrap_or_default())),
            state: State::Active,
        }))
    }
}

impl Read {
    fn at(self, now: Timestamp) -> Token {
        let state = state(self.0.expires, self.0.ends, self.0.revoked, now);
        Token { state, ..self.0 }
    }
}

/// An overlap's end stands in place of the token's own expiry.
fn state(
    expires: Option<Timestamp>,
    ends: Option<Timestamp>,
    revoked: Option<Timestamp>,
    now: Timestamp,
) -> State {
    if revoked.is_some() {
        State::Revoked
    } else if ends.or(expires).is_some_and(|end| end <= now) {
        State::Expired
    } else if ends.is_some() {
        State::Overlap
    } else {
        State::Active
    }
}

impl Token {
    /// Whether it is accepted.
    pub fn is_live(&self) -> bool {
        matches!(self.state, State::Active | State::Overlap)
    }
}

/// Stores `token` (at most three live ones an integration). Run again after an unknown commit it recognises its own row.
pub fn issue(
    tx: &mut Tx<'_>,
    account: AccountId,
    environment: Environment,
    provider: &str,
    expires: Option<Timestamp>,
    token: &SecretToken,
    now: Timestamp,
) -> Result<Token, TokenError> {
    const DIRECTORY: Sql = Sql::same("select id from directory where account = $1 and environment = $2");
    let (directory,) = tx
        .one::<(DirectoryId,)>(&DIRECTORY, args![account, environment])?
        .ok_or_else(|| StoreError::Bug(format!("there is no account {}", account.0)))?;
    issue_in(tx, directory, provider, expires, token, now)
}

/// The same for a directory of the provisioning side, which is a SCIM service of its own.
pub fn issue_in(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    provider: &str,
    expires: Option<Timestamp>,
    token: &SecretToken,
    now: Timestamp,
) -> Result<Token, TokenError> {
    // The dead leave their slots; which of three racing issuers gets one, the unique index says.
    const FREE: Sql = Sql::same(
        "update token set slot = null where directory = $1 and provider = $2 and slot is not null
         and (revoked is not null or coalesce(ends, expires) <= $3)",
    );
    const INSERT: Sql = Sql::same(
        "insert into token (id, hash, directory, provider, slot, last4, created, expires)
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
    );
    if let Some(ours) = by_id_in(tx, directory, token.id, now)? {
        return Ok(ours);
    }
    tx.exec(&FREE, args![directory, provider, now])?;
    for slot in 1..=SLOTS {
        let arguments =
            args![token.id, hash(token.reveal()), directory, provider, slot, token.last4(), now, expires];
        if tx.exec(&INSERT, arguments)? == 1 {
            return by_id_in(tx, directory, token.id, now)?
                .ok_or_else(|| StoreError::Bug("a token just stored is not there".to_owned()).into());
        }
    }
    let mut live = list_in(tx, directory, now)?;
    live.retain(|other| other.provider == provider && other.is_live());
    Err(TokenError::TooMany(provider.to_owned(), idlest(&live)))
}

/// The one to revoke: never or longest not used.
fn idlest(live: &[Token]) -> String {
    let idlest = live.iter().min_by_key(|token| token.last_used.as_ref().map(|(at, ..)| *at));
    idlest.map_or_else(String::new, |token| match &token.last_used {
        Some((at, ..)) => format!("{} (…{}), last used {at}", token.id, token.last4),
        None => format!("{} (…{}), never used", token.id, token.last4),
    })
}

/// Stores `token` beside the old one, which ends at `now + overlap` whatever its own expiry said; without `old` the newest
/// live one of (environment, only integration) is meant, which is never the app's own. One that is dead already stays dead.
#[allow(clippy::too_many_arguments)]
pub fn rotate(
    tx: &mut Tx<'_>,
    account: AccountId,
    environment: Environment,
    old: Option<Uuid>,
    overlap: jiff::SignedDuration,
    expires: Option<Timestamp>,
    token: &SecretToken,
    now: Timestamp,
) -> Result<Token, TokenError> {
    let mut known = list(tx, account, now)?;
    if let Some(ours) = known.iter().find(|known| known.id == token.id) {
        return Ok(ours.clone());
    }
    let old = match old {
        Some(id) => by_id(tx, account, id, now)?.ok_or_else(|| TokenError::Unknown(id.to_string()))?,
        None => {
            known.retain(|known| known.environment == Some(environment) && known.provider != API);
            meant(known)?
        }
    };
    replace(tx, &old, overlap, expires, token, now)
}

/// The same for a directory of the provisioning side; without `old` the newest live one of the only integration is meant.
pub fn rotate_in(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    old: Option<Uuid>,
    overlap: jiff::SignedDuration,
    expires: Option<Timestamp>,
    token: &SecretToken,
    now: Timestamp,
) -> Result<Token, TokenError> {
    let known = list_in(tx, directory, now)?;
    if let Some(ours) = known.iter().find(|known| known.id == token.id) {
        return Ok(ours.clone());
    }
    let old = match old {
        Some(id) => by_id_in(tx, directory, id, now)?.ok_or_else(|| TokenError::Unknown(id.to_string()))?,
        None => meant(known)?,
    };
    replace(tx, &old, overlap, expires, token, now)
}

fn replace(
    tx: &mut Tx<'_>,
    old: &Token,
    overlap: jiff::SignedDuration,
    expires: Option<Timestamp>,
    token: &SecretToken,
    now: Timestamp,
) -> Result<Token, TokenError> {
    const END: Sql = Sql::same(
        "update token set ends = $2, told = 0 where id = $1 and revoked is null
         and (coalesce(ends, expires) is null or coalesce(ends, expires) > $3)",
    );
    let ends = now.checked_add(overlap).unwrap_or(Timestamp::MAX);
    tx.exec(&END, args![old.id, ends, now])?;
    issue_in(tx, old.directory, &old.provider, expires, token, now)
}

/// The newest live token of the only integration that has one.
fn meant(mut live: Vec<Token>) -> Result<Token, TokenError> {
    live.retain(Token::is_live);
    let newest = live.first().cloned().ok_or(TokenError::NoneLive)?;
    if live.iter().any(|token| token.provider != newest.provider) {
        let names: Vec<String> =
            live.iter().map(|token| format!("{} ({}, …{})", token.id, token.provider, token.last4)).collect();
        return Err(TokenError::Which(names.join(", ")));
    }
    Ok(newest)
}

macro_rules! tokens {
    ($tail:literal) => {
        Sql::same(concat!(
            "select ",
            columns!(),
            " from directory d join token t on t.directory = d.id where ",
            $tail
        ))
    };
}

/// All tokens of an account, newest first; the newest 1,000.
pub fn list(on: &mut Snapshot<'_>, account: AccountId, now: Timestamp) -> Result<Vec<Token>, StoreError> {
    const LIST: Sql = tokens!("d.account = $1 order by t.created desc, t.id desc limit $2");
    let tokens: Vec<Read> = on.all(&LIST, args![account, LISTED], LISTED as usize)?;
    Ok(tokens.into_iter().map(|read| read.at(now)).collect())
}

/// All tokens of a directory, newest first; the newest 1,000.
pub fn list_in(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    now: Timestamp,
) -> Result<Vec<Token>, StoreError> {
    const LIST: Sql = tokens!("d.id = $1 order by t.created desc, t.id desc limit $2");
    let tokens: Vec<Read> = on.all(&LIST, args![directory, LISTED], LISTED as usize)?;
    Ok(tokens.into_iter().map(|read| read.at(now)).collect())
}

fn by_id(
    on: &mut Snapshot<'_>,
    account: AccountId,
    id: Uuid,
    now: Timestamp,
) -> Result<Option<Token>, StoreError> {
    const READ: Sql = tokens!("t.id = $1 and d.account = $2");
    Ok(on.one::<Read>(&READ, args![id, account])?.map(|read| read.at(now)))
}

fn by_id_in(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    id: Uuid,
    now: Timestamp,
) -> Result<Option<Token>, StoreError> {
    const READ: Sql = tokens!("t.id = $1 and d.id = $2");
    Ok(on.one::<Read>(&READ, args![id, directory])?.map(|read| read.at(now)))
}

/// Ends it at once.
pub fn revoke(tx: &mut Tx<'_>, account: AccountId, id: Uuid, now: Timestamp) -> Result<Token, TokenError> {
    match by_id(tx, account, id, now)? {
        Some(token) => end(tx, &token, now),
        None => Err(TokenError::Unknown(id.to_string())),
    }
}

/// The same for a directory of the provisioning side.
pub fn revoke_in(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    id: Uuid,
    now: Timestamp,
) -> Result<Token, TokenError> {
    match by_id_in(tx, directory, id, now)? {
        Some(token) => end(tx, &token, now),
        None => Err(TokenError::Unknown(id.to_string())),
    }
}

fn end(tx: &mut Tx<'_>, token: &Token, now: Timestamp) -> Result<Token, TokenError> {
    const REVOKE: Sql =
        Sql::same("update token set revoked = $2, slot = null where id = $1 and revoked is null");
    tx.exec(&REVOKE, args![token.id, now])?;
    by_id_in(tx, token.directory, token.id, now)?.ok_or_else(|| TokenError::Unknown(token.id.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_a_checksum_and_stays_out_of_logs() {
        let token = SecretToken::generate();
        assert_eq!(token.reveal().len(), 78);
        assert!(well_formed(token.reveal()));
        assert!(!format!("{token:?}").contains(token.reveal()));
        let mut mistyped = token.reveal().to_owned();
        let last = if mistyped.pop() == Some('0') { '1' } else { '0' };
        mistyped.push(last);
        assert!(!well_formed(&mistyped));
        for other in ["", "usher_", "usher_é", &"x".repeat(78), &token.reveal().to_uppercase()] {
            assert!(!well_formed(other), "{other}");
        }
    }
}
