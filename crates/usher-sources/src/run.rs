//! Runs: what an import did, kept with the errors of single entries.
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use usher_store::{Snapshot, StoreError};

use crate::source::SourceId;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Under way, or ended without saying so (a crash).
    Running,
    /// Ended; single entries may have failed, leavers may be held.
    Done,
    /// Stopped by an error; one that stopped while reading changed nothing.
    Failed,
}

/// What a run did. Counts are of people unless they say otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Entries (LDIF) or rows (CSV) read, of any kind.
    pub read: u64,
    /// People and groups made.
    pub created: u64,
    /// People and groups whose attributes changed.
    pub updated: u64,
    /// People and groups that are as they were.
    pub unchanged: u64,
    /// People who vanished and were soft-deleted, or whom the source calls inactive now.
    pub disabled: u64,
    /// People who came back.
    pub restored: u64,
    /// People and groups removed for good, 30 days after they vanished.
    pub removed: u64,
    /// Leavers (people and groups) that the safeguard holds: nothing changed for them.
    pub held: u64,
    /// Groups of the source.
    pub groups: u64,
    /// Memberships of the source whose member is known.
    pub memberships: u64,
    /// Managers and members that name nobody in the source.
    pub unresolved: u64,
    /// Entries that could not be taken.
    pub errors: u64,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReport {
    /// Its number; rows of the change feed carry it.
    pub run: i64,
    /// The source.
    pub source: SourceId,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How it stands.
    pub state: RunState,
    /// What it did.
    pub counts: Counts,
    /// Why it failed; or what the safeguard held, and how to allow it.
    pub message: Option<String>,
    /// The first entries with errors, at most 20; [`errors`] reads them all.
    pub first_errors: Vec<EntryError>,
}

/// An entry that could not be taken. It stays as it was, and is no leaver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryError {
    /// The line of the file it begins at, from 1.
    pub line: u64,
    /// Who: its DN, or its key in the file.
    pub entry: String,
    /// Why, and what to do.
    pub message: String,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Reading the file: bytes done, bytes in all.
    Reading {
        /// Bytes read.
        done: u64,
        /// The file's size.
        of: u64,
    },
    /// Writing people and groups that changed.
    Writing {
        /// Written.
        done: u64,
        /// To be written.
        of: u64,
    },
    /// Writing managers and memberships.
    Linking {
        /// Written.
        done: u64,
        /// To be written.
        of: u64,
    },
}

/// The latest runs of a source, newest first.
pub fn list(_on: &mut Snapshot<'_>, _source: SourceId, _most: usize) -> Result<Vec<RunReport>, StoreError> {
    todo!()
}

/// The errors of a run's entries, from the `after`th on, at most 500.
pub fn errors(_on: &mut Snapshot<'_>, _run: i64, _after: u64) -> Result<Vec<EntryError>, StoreError> {
    todo!()
}
