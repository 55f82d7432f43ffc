//! From the change feed to work: what changed is put on work, and the place in the feed moves, in one transaction.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use usher_directory::{
    DirectoryId, Key,
    feed::{self, FeedError},
    object::{self, Head},
};
use usher_jobs::work::{self, Put, Queue};
use usher_store::{StoreError, Tx};

use crate::{
    CONSUMER, lane,
    walk::{self, Walk},
};

/// Feed rows read in one transaction.
const BLOCK: usize = 500;

/// Takes a block of the feed in. `true`: something was taken in, or a pass over everything was begun.
pub(crate) fn take_in(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    queue: Queue,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(place) = feed::place(tx, directory, CONSUMER)? else {
        return begin(tx, directory, now).map(|()| true);
    };
    let changes = match feed::changes(tx, directory, place, BLOCK) {
        Ok(changes) => changes,
        Err(FeedError::Behind) => return begin(tx, directory, now).map(|()| true),
        Err(FeedError::Store(error)) => return Err(error),
    };
    if changes.rows.is_empty() {
        if changes.upto > place {
            feed::move_to(tx, directory, CONSUMER, changes.upto, now)?;
        }
        return Ok(false);
    }
    let changed: BTreeSet<Key> = changes.rows.iter().map(|change| change.object).collect();
    let members: BTreeSet<Key> = changes.rows.iter().filter_map(|change| change.member).collect();
    let keys: Vec<Key> = changed.union(&members).copied().collect();
    let objects: HashMap<Key, Head> =
        object::heads(tx, directory, &keys)?.into_iter().map(|head| (head.key, head)).collect();
    let puts: Vec<Put> = keys
        .iter()
        .map(|key| Put {
            object: key.0,
            lane: objects.get(key).map_or(lane::DEACTIVATION, lane::of_change),
            due: now,
            reason: if changed.contains(key) { lane::CHANGED } else { lane::MEMBERSHIP },
        })
        .collect();
    work::put(tx, queue, &puts)?;
    feed::move_to(tx, directory, CONSUMER, changes.upto, now)?;
    Ok(true)
}

/// Begins a pass over everything, with a place at the present end of the feed: what changes from here on comes through it.
fn begin(tx: &mut Tx<'_>, directory: DirectoryId, now: Timestamp) -> Result<(), StoreError> {
    let head = feed::head(tx, directory)?;
    feed::move_to(tx, directory, CONSUMER, head, now)?;
    for walk in [Walk::Groups, Walk::Users, Walk::Records] {
        walk::begin(tx, directory, &walk)?;
    }
    Ok(())
}
