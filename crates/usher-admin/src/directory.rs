//! Directories of the provisioning side, their tokens, and the end of those who were deleted long ago.

use jiff::{SignedDuration, Timestamp};
use usher_api::{List, directory::Directory};
use usher_directory::{
    DirectoryId, Kind, account as accounts,
    object::{self, Draft},
    token::{self, SecretToken},
};
use usher_store::{Snapshot, Tx};

use crate::{Actor, Admin, AdminError, Answer, answer::Said, audit, request, token as tokens};

/// How long soft-deleted users and groups are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How many of them are removed in one transaction.
const BLOCK: usize = 100;
/// The profile of directories.
const PROFILE: &str = "directory";

pub(crate) fn handle(
    admin: &Admin,
    actor: &Actor,
    request: request::Directory,
) -> Result<Answer, AdminError> {
    let (actor, now) = (actor.clone(), admin.clock.now());
    match request {
        request::Directory::Create { name } => admin.write(move |tx| {
            accounts::create_directory(tx, &name, now)?;
            audit::note(tx, &actor, "directory.create", &name, &serde_json::json!({}), now)?;
            show(tx, &name).map(Answer::Directory)
        }),
        request::Directory::List => admin.read(|on| {
            let names: Vec<String> =
                accounts::list_directories(on)?.into_iter().map(|(_, name, _)| name).collect();
            let items = names.iter().map(|name| show(on, name)).collect::<Result<_, _>>()?;
            Ok(Answer::Directories(List::whole(items)))
        }),
        request::Directory::Show { name } => admin.read(move |on| show(on, &name).map(Answer::Directory)),
        request::Directory::Purge { name } => {
            let id = admin.read({
                let name = name.clone();
                move |on| find(on, &name)
            })?;
            let removed = admin.purge(&actor, Some(id))?;
            let message = format!(
                "{removed} users and groups of {name} that were deleted more than 30 days ago are removed for good"
            );
            Ok(Answer::Said(Said { message }))
        }
        request::Directory::Token { name, act } => token(admin, actor, name, act, now),
    }
}

fn token(
    admin: &Admin,
    actor: Actor,
    name: String,
    act: request::DirectoryToken,
    now: Timestamp,
) -> Result<Answer, AdminError> {
    use request::DirectoryToken as T;
    const SHOWN_BY: &str = "usher directory token list DIRECTORY";
    let secret = SecretToken::generate();
    match act {
        T::Issue { provider, expires } => {
            tokens::check_provider(&provider)?;
            let expires = tokens::expiry(PROFILE, expires, now)?;
            admin.write(move |tx| {
                let (id, name) = named(tx, &name)?;
                let token = token::issue_in(tx, id, &provider, expires, &secret, now)?;
                let details = serde_json::json!({"token": token.id, "provider": provider});
                audit::note(tx, &actor, "directory.token.issue", &name, &details, now)?;
                Ok(tokens::issued(tokens::Owner::Directory(&name), token, &secret))
            })
        }
        T::Rotate { token, overlap, expires } => {
            let old = token.as_deref().map(|token| tokens::parse_id(token, SHOWN_BY)).transpose()?;
            let expires = tokens::expiry(PROFILE, expires, now)?;
            admin.write(move |tx| {
                let (id, name) = named(tx, &name)?;
                let token = token::rotate_in(tx, id, old, overlap, expires, &secret, now)?;
                let details =
                    serde_json::json!({"token": token.id, "old": old, "overlap_seconds": overlap.as_secs()});
                audit::note(tx, &actor, "directory.token.rotate", &name, &details, now)?;
                Ok(tokens::issued(tokens::Owner::Directory(&name), token, &secret))
            })
        }
        T::List => admin.read(move |on| {
            let (id, name) = named(on, &name)?;
            let described = |token| tokens::describe(tokens::Owner::Directory(&name), token);
            let items = token::list_in(on, id, now)?.into_iter().map(described).collect();
            Ok(Answer::Tokens(List::whole(items)))
        }),
        T::Revoke { token } => {
            let token = tokens::parse_id(&token, SHOWN_BY)?;
            admin.write(move |tx| {
                let (id, name) = named(tx, &name)?;
                let revoked = token::revoke_in(tx, id, token, now)?;
                let details = serde_json::json!({"token": token});
                audit::note(tx, &actor, "directory.token.revoke", &name, &details, now)?;
                Ok(Answer::Token(tokens::describe(tokens::Owner::Directory(&name), revoked)))
            })
        }
    }
}

impl Admin {
    /// Removes for good whoever was soft-deleted more than 30 days ago, in one directory or in all; how many. Blocks.
    ///
    /// # Errors
    /// [`AdminError`]: the database. What was removed before stays so.
    pub fn purge(&self, actor: &Actor, directory: Option<DirectoryId>) -> Result<u64, AdminError> {
        let now = self.clock.now();
        let Ok(before) = now.checked_sub(KEPT) else { return Ok(0) };
        let mut all = 0;
        loop {
            let (actor, configs) = (actor.clone(), self.configs.clone());
            let removed = self.change(move |tx| {
                let expired = object::expired(tx, directory, before, BLOCK)?;
                for (id, was) in &expired {
                    let Some(config) = configs.get(tx, *id)? else { continue };
                    object::put(tx, *id, &Draft::remove(&config, was, now)?)?;
                    note_purged(tx, &actor, *id, was, now)?;
                }
                Ok(expired.len())
            })?;
            all += removed as u64;
            if removed < BLOCK {
                return Ok(all);
            }
        }
    }
}

fn note_purged(
    tx: &mut Tx<'_>,
    actor: &Actor,
    directory: DirectoryId,
    was: &object::Stored,
    now: Timestamp,
) -> Result<(), AdminError> {
    let operation = if was.kind == Kind::User { "user.purge" } else { "group.purge" };
    let directory = name_of(tx, directory)?;
    let details = serde_json::json!({"directory": directory, "id": was.id.0, "deleted": was.deleted.map(usher_api::Time)});
    Ok(audit::note(tx, actor, operation, was.name(), &details, now)?)
}

/// The directory of that name, and its name as it is spelled.
pub(crate) fn named(on: &mut Snapshot<'_>, name: &str) -> Result<(DirectoryId, String), AdminError> {
    let id = find(on, name)?;
    Ok((id, name_of(on, id)?))
}

fn name_of(on: &mut Snapshot<'_>, id: DirectoryId) -> Result<String, AdminError> {
    let all = accounts::list_directories(on)?;
    Ok(all.into_iter().find(|(found, _, _)| *found == id).map_or_else(String::new, |(_, name, _)| name))
}

pub(crate) fn gone(name: &str) -> AdminError {
    AdminError::new("directory_not_found", format!("there is no directory {name}"))
}

/// The directory of that name.
pub(crate) fn find(on: &mut Snapshot<'_>, name: &str) -> Result<DirectoryId, AdminError> {
    if let Some(id) = accounts::directory_by_name(on, name)? {
        return Ok(id);
    }
    let all = accounts::list_directories(on)?;
    Err(AdminError::missing(
        "directory",
        name,
        all.iter().map(|(_, name, _)| name.as_str()),
        "usher directory create NAME",
    ))
}

fn show(on: &mut Snapshot<'_>, name: &str) -> Result<Directory, AdminError> {
    let id = find(on, name)?;
    let (_, name, created) = accounts::list_directories(on)?
        .into_iter()
        .find(|(found, _, _)| *found == id)
        .ok_or_else(|| gone(name))?;
    Ok(Directory {
        name,
        users: object::count(on, id, Kind::User)?.unsigned_abs(),
        groups: object::count(on, id, Kind::Group)?.unsigned_abs(),
        sources: crate::source::names_of(on, id)?,
        created_at: created.into(),
    })
}
