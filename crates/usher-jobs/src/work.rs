//! Work rows: the only to-do list of the engine, of rules, and later of webhooks and mail.
//!
//! A row says *that* something is to be looked at; the worker decides again from the present state. Putting twice is once.

use jiff::Timestamp;
use usher_store::{Snapshot, StoreError, Tx};

/// A queue: an app, a directory's rules, …
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Queue(pub i64);

/// One row to put.
#[derive(Debug, Clone, PartialEq)]
pub struct Put {
    /// What to look at (an object's key).
    pub object: i64,
    /// 0 first.
    pub lane: i16,
    /// Not before.
    pub due: Timestamp,
    /// Why, in the queue's own numbering.
    pub reason: i16,
}

/// A row as taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// What to look at.
    pub object: i64,
    /// Its lane.
    pub lane: i16,
    /// Due since.
    pub due: Timestamp,
    /// Failed tries so far.
    pub tries: i64,
    /// Why.
    pub reason: i16,
    /// Changes with each put: [`done`] removes the row only if nobody put it again meanwhile.
    pub stamp: i64,
    /// The last failure.
    pub error: Option<String>,
}

/// The queue of that name, made if need be.
pub fn queue(_tx: &mut Tx<'_>, _name: &str) -> Result<Queue, StoreError> {
    todo!()
}
/// Puts rows. One that is there keeps the earlier due time and the smaller lane, gets a new stamp, and its tries start over.
pub fn put(_tx: &mut Tx<'_>, _queue: Queue, _rows: &[Put]) -> Result<(), StoreError> {
    todo!()
}
/// Due rows by lane, then due time, then object; does not lock or remove them (the queue is leased).
pub fn take(_on: &mut Snapshot<'_>, _queue: Queue, _now: Timestamp, _most: usize) -> Result<Vec<Item>, StoreError> {
    todo!()
}
/// Removes the row unless it was put again since it was taken. `true`: removed.
pub fn done(_tx: &mut Tx<'_>, _queue: Queue, _item: &Item) -> Result<bool, StoreError> {
    todo!()
}
/// Keeps the row for later with one try more and the reason.
pub fn failed(_tx: &mut Tx<'_>, _queue: Queue, _item: &Item, _due: Timestamp, _error: &str) -> Result<(), StoreError> {
    todo!()
}
/// Rows in the queue: (all, due at `now`, failed at least once).
pub fn count(_on: &mut Snapshot<'_>, _queue: Queue, _now: Timestamp) -> Result<(i64, i64, i64), StoreError> {
    todo!()
}
/// When the earliest row of any of these queues is due.
pub fn next_due(_on: &mut Snapshot<'_>, _queues: &[Queue]) -> Result<Option<Timestamp>, StoreError> {
    todo!()
}
/// Removes everything of a queue.
pub fn clear(_tx: &mut Tx<'_>, _queue: Queue) -> Result<(), StoreError> {
    todo!()
}
