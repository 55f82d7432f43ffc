//! Who calls: the token names the account, its environment and so the directory (RFC 6750; checklist R-40…R-45). Where the address
//! names a directory of the provisioning side, only that one's tokens are known.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::Engine;
use http::{HeaderMap, header};
use jiff::{SignedDuration, Timestamp};
use usher_directory::{account, config::DirectoryConfig, token};
use usher_store::{Lane, Snapshot, StoreError};
use uuid::Uuid;

use crate::{
    heard::{self, Heard},
    problem::Problem,
    service::Inner,
};

/// An authenticated client.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) token: Uuid,
    pub(crate) config: Arc<DirectoryConfig>,
    /// Whether somebody else may hold objects here, and is asked before they change.
    pub(crate) guarded: bool,
}

/// By which address a client comes. A token that does not belong to it is answered as an unknown one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Door {
    /// `/scim/v2`: any account's tokens.
    Any,
    /// `/t/{account}/scim/v2`: that account's.
    Account(String),
    /// `/d/{directory}/scim/v2`: that directory's.
    Directory(String),
}

const READ: Duration = Duration::from_secs(5);
/// How often a token's last use is written.
const WRITTEN: SignedDuration = SignedDuration::from_mins(1);

/// What came in the Authorization header.
struct Credentials {
    token: String,
    basic: bool,
}

/// Reads the header, looks the token up, and says whose directory is meant.
pub(crate) async fn authenticate(
    service: &Arc<Inner>,
    headers: &HeaderMap,
    door: &Door,
    address: Option<IpAddr>,
    now: Timestamp,
    host: &str,
    heard: &Heard,
) -> Result<Caller, Problem> {
    heard.arrived(address, headers);
    let refused = match look_up(service, headers, door, now, host, heard).await {
        Ok((caller, last_used)) => {
            let taken = service.rate.take(caller.token, now);
            heard.left(taken.level);
            if let Some(seconds) = taken.wait {
                let detail = format!(
                    "this token sends more requests than it may; go on in {seconds} s, as Retry-After says"
                );
                return Err(Problem::status(429, detail).with(header::RETRY_AFTER, &seconds.to_string()));
            }
            if service.used.is_due(caller.token, last_used, now) {
                note_use(service, caller.token, headers, address, now);
            }
            return Ok(caller);
        }
        Err(problem) if problem.error.status != 401 => return Err(problem),
        Err(problem) => problem,
    };
    match address.and_then(|a| service.bad_tokens.take(a, now).wait) {
        Some(seconds) => Err(Problem::status(
            429,
            format!("too many requests with a bad token came from this address; enter a good one and go on in {seconds} s"),
        )
        .with(header::RETRY_AFTER, &seconds.to_string())),
        None => Err(refused),
    }
}

async fn look_up(
    service: &Arc<Inner>,
    headers: &HeaderMap,
    door: &Door,
    now: Timestamp,
    host: &str,
    heard: &Heard,
) -> Result<(Caller, Option<Timestamp>), Problem> {
    let credentials = credentials(headers)?;
    let unknown = || {
        challenge(
            "the token is unknown here; check that it was copied whole, and that it belongs to this address",
            Some("invalid_token"),
        )
    };
    let (token, directory, epoch, last_used, guarded) =
        match presented(service, door, host, credentials.token, now).await? {
            token::Presented::Valid { token, directory, epoch, last_used, .. } => {
                (token, directory, epoch, last_used, false)
            }
            token::Presented::Directory { token, directory, epoch, last_used } => {
                (token, directory, epoch, last_used, true)
            }
            token::Presented::Over { why, token, directory } => {
                heard.from(directory, token);
                let detail = format!("{why}; issue a new token and enter it at the client");
                return Err(challenge(&detail, Some("invalid_token")));
            }
            token::Presented::Unknown => return Err(unknown()),
        };
    heard.from(directory, token);
    let config = match service.configs.known(directory, epoch) {
        Some(config) => config,
        None => {
            let configs = service.configs.clone();
            service.store.read(READ, move |on| configs.get(on, directory)).await?.ok_or_else(unknown)?
        }
    };
    if credentials.basic && !config.profile.basic_authentication {
        return Err(challenge(
            "this account takes the token as Authorization: Bearer only",
            Some("invalid_token"),
        ));
    }
    Ok((Caller { token, config, guarded }, last_used))
}

/// Reads the token. At the usual door that is one statement, which runs by itself on PostgreSQL: no transaction round it.
async fn presented(
    service: &Arc<Inner>,
    door: &Door,
    host: &str,
    token: String,
    now: Timestamp,
) -> Result<token::Presented, StoreError> {
    let host = host.to_owned();
    if *door == Door::Any {
        return service.store.read(READ, move |on| token::authenticate(on, &token, &host, now)).await;
    }
    let door = door.clone();
    service.store.read(READ, move |on| present(on, &door, &host, &token, now)).await
}

/// What a token means at a door.
fn present(
    on: &mut Snapshot<'_>,
    door: &Door,
    host: &str,
    token: &str,
    now: Timestamp,
) -> Result<token::Presented, StoreError> {
    if let Door::Directory(name) = door {
        return match account::directory_by_name(on, name)? {
            Some(directory) => token::authenticate_in(on, directory, token, host, now),
            None => Ok(token::Presented::Unknown),
        };
    }
    let presented = token::authenticate(on, token, host, now)?;
    if let (token::Presented::Valid { account, .. }, Door::Account(named)) = (&presented, door)
        && account::by_name(on, named)?.is_none_or(|named| named.id != *account)
    {
        return Ok(token::Presented::Unknown);
    }
    Ok(presented)
}

/// Refuses a token that comes in the URL beside the one in the header (checklist R-43); alone it counts for nothing.
pub(crate) fn check_url(query: Option<&str>, headers: &HeaderMap) -> Result<(), Problem> {
    let names = query.unwrap_or_default().split('&').map(|part| part.split('=').next().unwrap_or_default());
    if !headers.contains_key(header::AUTHORIZATION) || !names.into_iter().any(|name| name == "access_token") {
        return Ok(());
    }
    let detail = "the request has a token in its URL too, where logs keep it; leave access_token out of the URL, and replace that token";
    Err(Problem::status(400, detail)
        .with(header::WWW_AUTHENTICATE, "Bearer realm=\"scim\", error=\"invalid_request\""))
}

fn credentials(headers: &HeaderMap) -> Result<Credentials, Problem> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = all.next() else {
        return Err(challenge("send the account's secret token as Authorization: Bearer <token>", None));
    };
    if all.next().is_some() {
        return Err(Problem::status(400, "the request has two Authorization headers; send one")
            .with(header::WWW_AUTHENTICATE, "Bearer realm=\"scim\", error=\"invalid_request\""));
    }
    let malformed = || {
        challenge(
            "the Authorization header can't be read; send Authorization: Bearer <token>",
            Some("invalid_token"),
        )
    };
    let (scheme, rest) = value.to_str().ok().and_then(|v| v.trim().split_once(' ')).ok_or_else(malformed)?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Credentials { token: rest.to_owned(), basic: false });
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(rest).map_err(|_| malformed())?;
    let pair = String::from_utf8(decoded).map_err(|_| malformed())?;
    let (_, token) = pair.split_once(':').ok_or_else(malformed)?;
    Ok(Credentials { token: token.to_owned(), basic: true })
}

/// 401 with the challenge of RFC 6750 §3; without an `error` where no credentials came.
fn challenge(detail: &str, error: Option<&str>) -> Problem {
    let value = error.map_or_else(
        || "Bearer realm=\"scim\"".to_owned(),
        |e| format!("Bearer realm=\"scim\", error=\"{e}\""),
    );
    Problem::status(401, detail).with(header::WWW_AUTHENTICATE, &value)
}

/// When each token's use was last handed to the store, so that a burst writes it once.
#[derive(Debug, Default)]
pub(crate) struct LastUsed(Mutex<HashMap<Uuid, Timestamp>>);

impl LastUsed {
    pub(crate) fn is_due(&self, token: Uuid, stored: Option<Timestamp>, now: Timestamp) -> bool {
        let recent = |at: Timestamp| now.duration_since(at).abs() < WRITTEN;
        if stored.is_some_and(recent) {
            return false;
        }
        let mut handed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        handed.retain(|_, at| recent(*at));
        match handed.entry(token) {
            std::collections::hash_map::Entry::Occupied(_) => false,
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(now);
                true
            }
        }
    }
}

/// Written beside the request, not in its way; if it fails, the next minute's use is written.
fn note_use(service: &Arc<Inner>, token: Uuid, headers: &HeaderMap, address: Option<IpAddr>, now: Timestamp) {
    let agent = heard::agent(headers);
    let address = address.map(|a| a.to_string()).unwrap_or_default();
    let store = service.store.clone();
    tokio::spawn(async move {
        let written = store.write(Lane::Bulk, move |tx| token::used(tx, token, now, &address, &agent)).await;
        if let Err(error) = written {
            tracing::debug!(%error, "a token's last use could not be written");
        }
    });
}
