//! The change feed: *that* a thing changed; what it is now is read from it.
use jiff::Timestamp;
use usher_store::{Snapshot, StoreError, Tx};

use crate::{DirectoryId, Key, Kind, Seq};

/// What happened last to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Op {
    Created,
    Updated,
    /// Gone for good.
    Removed,
}

/// One changed object (`member` = None) or membership (`object` is the group).
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Change {
    pub seq: Seq,
    pub object: Key,
    pub member: Option<Key>,
    /// The object's; of a membership, the member's.
    pub kind: Kind,
    pub op: Op,
    /// What caused the last change.
    pub cause: crate::object::Cause,
}

/// A block of the feed.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Changes {
    pub rows: Vec<Change>,
    /// Where to go on.
    pub upto: Seq,
}

/// Why not.
#[derive(Debug, Clone, thiserror::Error)]
#[allow(missing_docs)]
pub enum FeedError {
    /// Below the floor: begin with a full pass.
    #[error("this place in the feed is gone")]
    Behind,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Numbers what is committed (PostgreSQL; on SQLite the writer numbers), then reads on from `after`.
pub fn changes(
    _tx: &mut Tx<'_>,
    _directory: DirectoryId,
    _after: Seq,
    _most: usize,
) -> Result<Changes, FeedError> {
    todo!()
}
/// Where a consumer is; `None`: it never read, begin with a full pass from [`head`].
pub fn place(
    _on: &mut Snapshot<'_>,
    _directory: DirectoryId,
    _consumer: &str,
) -> Result<Option<Seq>, StoreError> {
    todo!()
}
/// Moves it (and removes rows that every consumer has passed).
pub fn move_to(
    _tx: &mut Tx<'_>,
    _directory: DirectoryId,
    _consumer: &str,
    _to: Seq,
    _now: Timestamp,
) -> Result<(), StoreError> {
    todo!()
}
/// Forgets a consumer.
pub fn forget(_tx: &mut Tx<'_>, _directory: DirectoryId, _consumer: &str) -> Result<(), StoreError> {
    todo!()
}
/// The present end of the feed, after numbering.
pub fn head(_tx: &mut Tx<'_>, _directory: DirectoryId) -> Result<Seq, StoreError> {
    todo!()
}
/// Numbers what is committed in a directory where nobody reads (PostgreSQL; nothing to do on SQLite), so that counts stay cheap.
/// How many rows it numbered; call again while it is not 0.
pub fn number(_tx: &mut Tx<'_>, _directory: DirectoryId) -> Result<u64, StoreError> {
    todo!()
}
/// Directories with changes not yet numbered: one query on an index that is nearly always empty. Always none on SQLite.
pub fn unnumbered(_on: &mut Snapshot<'_>) -> Result<Vec<DirectoryId>, StoreError> {
    todo!()
}
/// Directories with changes past the given consumer's place, and those with changes where it has none yet (of any account and
/// of the provisioning side: take those that concern you): one cheap query.
pub fn waiting(_on: &mut Snapshot<'_>, _consumer: &str) -> Result<Vec<DirectoryId>, StoreError> {
    todo!()
}
