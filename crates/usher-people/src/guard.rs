//! What the guard against mass loss holds, on the side of people: rules see a user as it stood before the loss, the record says
//! `held` or `diverged`, its owner hears of it by mail, and what ends is put on work.
//!
//! What is held, and how it ends, is [`usher_directory::loss`]'s.

use std::collections::HashMap;

use jiff::Timestamp;
use usher_directory::{
    DirectoryId, Environment, Key, Kind, account,
    loss::{self, HeldState, Holding, Notice},
    object::{self, Link, Stored},
};
use usher_jobs::{
    mail::{self, Mail},
    work::{self, Put, Queue},
};
use usher_store::{StoreError, Tx};

use crate::{lane, record::RecordState};

/// Losses that end in one transaction.
const BLOCK: usize = 500;

/// Objects with what is held of them.
///
/// What is held is read before and after the objects: on PostgreSQL a statement sees what is committed when it begins, and a
/// user must not be seen inactive with the hold not yet there, or already gone because the user is active again. Whoever was
/// held at either moment counts as held; if that is over, the user is on work again.
pub(crate) fn objects(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    keys: &[Key],
) -> Result<(HashMap<Key, Stored>, HashMap<Key, Holding>), StoreError> {
    let mut held = loss::of_objects(tx, directory, keys)?;
    let objects = object::by_keys(tx, directory, keys)?;
    held.extend(loss::of_objects(tx, directory, keys)?);
    Ok((objects.into_iter().map(|stored| (stored.key, stored)).collect(), held))
}

/// A user as rules see it: with access where that is held.
pub(crate) fn seen<'s>(stored: &'s Stored, held: Option<&Holding>) -> std::borrow::Cow<'s, Stored> {
    match held {
        Some(holding) if holding.access && stored.kind == Kind::User => {
            std::borrow::Cow::Owned(Stored { active: true, deleted: None, ..stored.clone() })
        }
        _ => std::borrow::Cow::Borrowed(stored),
    }
}

/// The groups that rules see a user in, where any are held; what the client gave back is held no more. `None`: those it is in.
pub(crate) fn groups(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    user: Key,
    held: &mut Option<Holding>,
    now_in: &[&Link],
) -> Result<Option<Vec<Link>>, StoreError> {
    let Some(holding) = held.as_mut().filter(|holding| !holding.groups.is_empty()) else { return Ok(None) };
    let (back, out) = holding.groups.iter().partition(|group| now_in.iter().any(|link| link.key == **group));
    let back: Vec<Key> = back;
    holding.groups = out;
    for group in back {
        loss::rejoined(tx, directory, user, group)?;
    }
    if !holding.access && holding.groups.is_empty() {
        *held = None;
    }
    loss::as_before(tx, directory, user).map(Some)
}

/// What the record says of it, and why.
pub(crate) fn state(holding: &Holding) -> (RecordState, String) {
    match (holding.state, &holding.decision) {
        (HeldState::Held, _) => {
            let end =
                holding.until.map_or("until somebody decides".to_owned(), |until| format!("until {until}"));
            (RecordState::Held, format!("held by the guard against mass loss since {} {end}", holding.since))
        }
        (HeldState::Diverged, decision) => {
            let by = decision.as_ref().map(|it| {
                let why = it.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
                format!(" by {} at {}{why}", it.who, it.at)
            });
            (
                RecordState::Diverged,
                format!("what the client took away was rejected{}", by.unwrap_or_default()),
            )
        }
    }
}

/// Puts on work whose hold has ended, and tells the owner what is to be told. `true`: there was something.
pub(crate) fn step(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    queue: Queue,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let users = loss::due(tx, directory, now, BLOCK)?;
    let put = |user: &Key| Put { object: user.0, lane: lane::DEACTIVATION, due: now, reason: lane::CHANGED };
    work::put(tx, queue, &users.iter().map(put).collect::<Vec<_>>())?;
    let notice = loss::notices(tx, directory, now)?;
    if let Some(notice) = &notice {
        tell(tx, directory, notice, now)?;
    }
    Ok(!users.is_empty() || notice.is_some())
}

/// The topics of an environment's mails begin so.
fn topic(directory: DirectoryId) -> String {
    format!("people/{}/guard", directory.0)
}

fn tell(tx: &mut Tx<'_>, directory: DirectoryId, notice: &Notice, now: Timestamp) -> Result<(), StoreError> {
    let Some((account, environment)) = account::of_directory(tx, directory)? else { return Ok(()) };
    tracing::warn!(account = account.name, held = notice.held, "the guard against mass loss holds");
    let Some(to) = account.owner else { return Ok(()) };
    let (name, held) = (&account.name, notice.held);
    let option = if environment == Environment::Qa { " --environment qa" } else { "" };
    let half = if notice.half_time { "still " } else { "" };
    let subject = format!("[Usher] {name}: what {held} people would lose is {half}held");
    let end = notice.until.map_or("It stays so until somebody decides.".to_owned(), |until| {
        format!("If nobody decides, what was held first is let go at {until}.")
    });
    let text = format!(
        "The identity provider of {name} ({}) has taken more away at once than its guard lets pass.\n\
         {held} people keep access and groups for now; all else goes on.\n\n{end}\n\n\
         Who it is:        usher guard {name} list{option}\n\
         Let it happen:    usher guard {name} release{option}\n\
         Refuse it:        usher guard {name} reject{option}\n\
         One person alone: --user USERNAME\n\nAt: {now}\n",
        environment.name(),
    );
    mail::put(tx, &Mail { topic: topic(directory), to, subject, text }, now)
}
