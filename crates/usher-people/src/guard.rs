//! What the guard against mass loss holds, on the side of people: rules see a user as it stood before the loss, the record says
//! `held` or `diverged`, its owner hears of it by mail, and what ends is put on work.
//!
//! What is held, and how it ends, is [`usher_directory::loss`]'s.

use std::collections::HashMap;

use jiff::Timestamp;
use usher_directory::{
    DirectoryId, Environment, Key, Kind, account,
    loss::{self, HeldState, Holding, Notice},
    object::{Link, Stored},
};
use usher_jobs::{
    mail::{self, Mail},
    work::{self, Put, Queue},
};
use usher_store::{Snapshot, StoreError, Tx};

use crate::{lane, record::RecordState};

/// Losses that end in one transaction.
const BLOCK: usize = 500;

/// What is held of the records of a batch, and of which groups the client gave back.
///
/// It is read in the snapshot that the users are read in, so that none is seen inactive with the hold not yet there, or already
/// gone because it is active again.
#[derive(Debug, Default)]
pub(crate) struct Guarded {
    held: HashMap<Key, Holding>,
    back: HashMap<Key, Vec<Key>>,
}

impl Guarded {
    /// Of these.
    pub(crate) fn read(
        on: &mut Snapshot<'_>,
        directory: DirectoryId,
        records: &[Key],
    ) -> Result<Self, StoreError> {
        Ok(Self { held: loss::of_objects(on, directory, records)?, back: HashMap::new() })
    }

    /// A user as rules see it: with access where that is held.
    pub(crate) fn seen(&self, stored: Stored) -> Stored {
        if stored.kind == Kind::User && self.keeps(stored.key) {
            Stored { active: true, deleted: None, ..stored }
        } else {
            stored
        }
    }

    /// The groups that rules see users in: where any are held, those of before. A group that the user is in again is held no
    /// more.
    pub(crate) fn groups(
        &mut self,
        on: &mut Snapshot<'_>,
        directory: DirectoryId,
        memberships: &mut HashMap<i64, Vec<Link>>,
    ) -> Result<(), StoreError> {
        let of_groups = self.held.iter().filter(|(_, holding)| !holding.groups.is_empty());
        let mut users: Vec<Key> = of_groups.map(|(user, _)| *user).collect();
        users.sort_unstable();
        for user in &users {
            let Some(holding) = self.held.get_mut(user) else { continue };
            let now_in = memberships.get(&user.0).map(Vec::as_slice).unwrap_or_default();
            let (back, out): (Vec<Key>, Vec<Key>) = std::mem::take(&mut holding.groups)
                .into_iter()
                .partition(|group| now_in.iter().any(|link| link.key == *group));
            holding.groups = out;
            if !holding.access && holding.groups.is_empty() {
                self.held.remove(user);
            }
            if !back.is_empty() {
                self.back.insert(*user, back);
            }
        }
        users.retain(|user| self.held.get(user).is_some_and(|holding| !holding.groups.is_empty()));
        for user in &users {
            memberships.remove(&user.0);
        }
        for (user, link) in loss::as_before(on, directory, &users)? {
            if link.kind == Kind::Group {
                memberships.entry(user.0).or_default().push(link);
            }
        }
        Ok(())
    }

    /// Whether a user keeps its access, be it inactive or gone.
    pub(crate) fn keeps(&self, user: Key) -> bool {
        self.held.get(&user).is_some_and(|holding| holding.access)
    }

    /// What its record says of it, and why; `None`: nothing is held.
    pub(crate) fn word(&self, user: Key) -> Option<(RecordState, String)> {
        self.held.get(&user).map(state)
    }

    /// Takes the groups that were held and that it is in again.
    pub(crate) fn back(&mut self, user: Key) -> Vec<Key> {
        self.back.remove(&user).unwrap_or_default()
    }
}

/// What the record says of it, and why.
fn state(holding: &Holding) -> (RecordState, String) {
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
