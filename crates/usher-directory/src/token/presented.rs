//! What a presented token means, asked with each request.

use jiff::Timestamp;
use usher_store::{Snapshot, Sql, StoreError, Tx, args};
use uuid::Uuid;

use super::{State, hash, state, well_formed};
use crate::{AccountId, DirectoryId, Environment};

/// What a presented token means.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Presented {
    /// Valid for this directory.
    Valid {
        token: Uuid,
        directory: DirectoryId,
        epoch: i64,
        account: AccountId,
        environment: Environment,
        /// As far as it was written; saves a call of [`used`] within the same minute.
        last_used: Option<Timestamp>,
    },
    /// Valid for this directory of the provisioning side, which belongs to no account.
    Directory {
        token: Uuid,
        directory: DirectoryId,
        epoch: i64,
        last_used: Option<Timestamp>,
    },
    /// Known, but over; the text says since when.
    Over {
        why: String,
        token: Uuid,
        directory: DirectoryId,
    },
    Unknown,
}

/// What is read of a presented token: its directory and that one's epoch, its last use, its three ends, whose it is, and whose the
/// host is.
type Ends = (
    Uuid,
    DirectoryId,
    i64,
    Option<Timestamp>,
    Option<Timestamp>,
    Option<Timestamp>,
    Option<Timestamp>,
    Option<AccountId>,
    Option<Environment>,
    Option<DirectoryId>,
);

macro_rules! find {
    ($door:literal) => {
        Sql::same(concat!(
            "select t.id, t.directory, d.epoch, t.used_at, t.expires, t.ends, t.revoked, d.account, d.environment, h.directory
             from token t join directory d on d.id = t.directory left join host h on h.name = $2 where t.hash = $1 and ",
            $door
        ))
    };
}

/// One indexed read, never cached: a revoked token is refused from the next request on. Tokens of directories that belong to no
/// account, and the app's own, are unknown here, and so are all but its own at a host that belongs to an environment
/// ([`crate::account::set_hosts`]); `host` is in lower case, without a port, or empty where it is not known.
pub fn authenticate(
    on: &mut Snapshot<'_>,
    presented: &str,
    host: &str,
    now: Timestamp,
) -> Result<Presented, StoreError> {
    const FIND: Sql = find!("d.account is not null and t.provider <> 'api'");
    if !well_formed(presented) {
        return Ok(Presented::Unknown);
    }
    let found = on.one::<Ends>(&FIND, args![hash(presented), host])?;
    Ok(found.map_or(Presented::Unknown, |found| judged(found, now)))
}

/// The same at the API's door: only the app's own tokens ([`super::API`]) are known.
pub fn authenticate_api(
    on: &mut Snapshot<'_>,
    presented: &str,
    host: &str,
    now: Timestamp,
) -> Result<Presented, StoreError> {
    const FIND: Sql = find!("d.account is not null and t.provider = 'api'");
    if !well_formed(presented) {
        return Ok(Presented::Unknown);
    }
    let found = on.one::<Ends>(&FIND, args![hash(presented), host])?;
    Ok(found.map_or(Presented::Unknown, |found| judged(found, now)))
}

/// The same at the door of a directory of the provisioning side: any token but its own is unknown.
pub fn authenticate_in(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    presented: &str,
    host: &str,
    now: Timestamp,
) -> Result<Presented, StoreError> {
    const FIND: Sql = find!("d.account is null and d.id = $3");
    if !well_formed(presented) {
        return Ok(Presented::Unknown);
    }
    let found = on.one::<Ends>(&FIND, args![hash(presented), host, directory])?;
    Ok(found.map_or(Presented::Unknown, |found| judged(found, now)))
}

fn judged(found: Ends, now: Timestamp) -> Presented {
    let (token, directory, epoch, last_used, expires, ends, revoked, account, environment, host_of) = found;
    if host_of.is_some_and(|owner| owner != directory) {
        return Presented::Unknown;
    }
    let over = |how: &str, since: Option<Timestamp>| {
        let since = since.unwrap_or_default();
        let why =
            format!("this token {how} on {since}; issue a new one and enter it in the identity provider");
        Presented::Over { why, token, directory }
    };
    match (state(expires, ends, revoked, now), account.zip(environment)) {
        (State::Active | State::Overlap, Some((account, environment))) => {
            Presented::Valid { token, directory, epoch, account, environment, last_used }
        }
        (State::Active | State::Overlap, None) => Presented::Directory { token, directory, epoch, last_used },
        (State::Revoked, _) => over("was revoked", revoked),
        (State::Expired, _) if ends.is_some() => over("was rotated and its overlap ended", ends),
        (State::Expired, _) => over("expired", expires),
    }
}

/// Written lazily (at most once a minute a token): when, from where, by which agent.
pub fn used(tx: &mut Tx<'_>, id: Uuid, at: Timestamp, address: &str, agent: &str) -> Result<(), StoreError> {
    const USED: Sql = Sql::same(
        "update token set used_at = $2, used_address = $3, used_agent = $4
         where id = $1 and (used_at is null or used_at <= $5)",
    );
    let clean = |text: &str| text.chars().filter(|c| !c.is_control()).take(256).collect::<String>();
    let minute_ago = at.as_millisecond() - 60_000;
    tx.exec(&USED, args![id, at, clean(address), clean(agent), minute_ago]).map(drop)
}
