//! Runs: what an import did, kept with the errors of single entries.
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use usher_store::{Column, FromRow, Row, Snapshot, Sql, StoreError, Tx, args};

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
    /// People and groups that vanished and were soft-deleted, and people whom the source calls inactive now.
    pub disabled: u64,
    /// People and groups that came back.
    pub restored: u64,
    /// People and groups removed for good, 30 days after they vanished.
    pub removed: u64,
    /// Leavers (people and groups) that the safeguard holds: nothing changed for them.
    pub held: u64,
    /// Groups of the source.
    pub groups: u64,
    /// Memberships of the source whose member is known; of a run that read only changes, those of the groups that these touch.
    pub memberships: u64,
    /// Managers and members that name nobody in the source; of a run that read only changes, those of whom these touch.
    pub unresolved: u64,
    /// Entries that could not be taken.
    pub errors: u64,
    /// Leavers that had been held, and were let go.
    pub allowed: u64,
    /// Only what had changed was read.
    pub incremental: bool,
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

/// Runs are kept this long; the newest always.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Errors and notes of one run that are kept; all are counted.
pub(crate) const ERRORS_KEPT: usize = 1000;
/// Of these, in the report itself.
const FIRST: usize = 20;

impl RunState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// The latest runs of a source, newest first, at most `most` (500).
pub fn list(on: &mut Snapshot<'_>, source: SourceId, most: usize) -> Result<Vec<RunReport>, StoreError> {
    const LIST: Sql = Sql::same(
        "select id, source, started, ended, state, counts, message from source_run where source = $1 order by id desc limit $2",
    );
    let most = most.min(500);
    let runs: Vec<RunReport> = on.all(&LIST, args![source.0, most as i64], most)?;
    runs.into_iter().map(|run| with_first_errors(on, run)).collect()
}

/// A run by its number.
pub fn get(on: &mut Snapshot<'_>, run: i64) -> Result<Option<RunReport>, StoreError> {
    const GET: Sql =
        Sql::same("select id, source, started, ended, state, counts, message from source_run where id = $1");
    match on.one(&GET, args![run])? {
        Some(found) => with_first_errors(on, found).map(Some),
        None => Ok(None),
    }
}

fn with_first_errors(on: &mut Snapshot<'_>, mut run: RunReport) -> Result<RunReport, StoreError> {
    run.first_errors = read_errors(on, run.run, true, 0, FIRST)?;
    Ok(run)
}

/// How many left by the runs since a moment, `but` one apart; only by those after the last in which somebody was let go.
pub(crate) fn leavers(
    on: &mut Snapshot<'_>,
    source: SourceId,
    but: i64,
    since: Timestamp,
) -> Result<u64, StoreError> {
    const COUNTS: Sql = Sql::same(
        "select counts from source_run where source = $1 and id <> $2 and started >= $3 order by id desc limit $4",
    );
    // More runs than that an hour there are not: changes that come together are taken in together.
    const MOST: usize = 20_000;
    let rows: Vec<(String,)> = on.all(&COUNTS, args![source.0, but, since, MOST as i64], MOST)?;
    let mut left = 0;
    for (text,) in rows {
        let counts = counts_in(&text)?;
        if counts.allowed > 0 {
            break;
        }
        left += counts.disabled;
    }
    Ok(left)
}

/// Whether the run before this one came to its end.
pub(crate) fn last_ended(on: &mut Snapshot<'_>, source: SourceId, but: i64) -> Result<bool, StoreError> {
    const LAST: Sql =
        Sql::same("select state from source_run where source = $1 and id < $2 order by id desc limit 1");
    let last: Option<(String,)> = on.one(&LAST, args![source.0, but])?;
    Ok(last.is_some_and(|(state,)| state == RunState::Done.as_str()))
}

fn counts_in(text: &str) -> Result<Counts, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Bug(format!("counts of a run: {error}")))
}

/// The errors of a run's entries, after the first `after`, at most 500; the first 1,000 errors and notes of a run are kept.
pub fn errors(on: &mut Snapshot<'_>, run: i64, after: u64) -> Result<Vec<EntryError>, StoreError> {
    read_errors(on, run, true, after, 500)
}

/// What a run noted of entries that were taken all the same (a manager who is not in the source, leavers that are held); as
/// [`errors`].
pub fn notes(on: &mut Snapshot<'_>, run: i64, after: u64) -> Result<Vec<EntryError>, StoreError> {
    read_errors(on, run, false, after, 500)
}

fn read_errors(
    on: &mut Snapshot<'_>,
    run: i64,
    grave: bool,
    after: u64,
    most: usize,
) -> Result<Vec<EntryError>, StoreError> {
    const READ: Sql = Sql::same(
        "select line, entry, message from source_error where run = $1 and grave = $2 order by n limit $3 offset $4",
    );
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    on.all(&READ, args![run, grave, most as i64, after], most)
}

impl FromRow for EntryError {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self { line: row.get(0)?, entry: row.get(1)?, message: row.get(2)? })
    }
}

impl FromRow for RunReport {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let (state, counts): (String, String) = (row.get(4)?, row.get(5)?);
        Ok(Self {
            run: row.get(0)?,
            source: SourceId(row.get(1)?),
            started: row.get(2)?,
            ended: row.get(3)?,
            state: [RunState::Running, RunState::Done, RunState::Failed]
                .into_iter()
                .find(|known| known.as_str() == state)
                .ok_or_else(|| StoreError::Bug(format!("a run in state {state}")))?,
            counts: counts_in(&counts)?,
            message: row.get(6)?,
            first_errors: Vec::new(),
        })
    }
}

/// Notes that a run begins; its number. Earlier ones that never ended have failed: the caller holds the source's lease.
pub(crate) fn begin(tx: &mut Tx<'_>, source: SourceId, now: Timestamp) -> Result<i64, StoreError> {
    const BROKEN: Sql = Sql::same(
        "update source_run set state = 'failed', ended = $2, message = 'it stopped without saying why' where source = $1 and state = 'running'",
    );
    const BEGIN: Sql = Sql::same(
        "insert into source_run (source, started, state, counts) values ($1, $2, 'running', '{}') returning id",
    );
    tx.exec(&BROKEN, args![source.0, now])?;
    let begun: Option<(i64,)> = tx.one(&BEGIN, args![source.0, now])?;
    begun.map(|(run,)| run).ok_or_else(|| StoreError::Bug("a run without a number".into()))
}

/// Notes how a run ended, with errors and notes (`true`: an error), and forgets old runs.
pub(crate) fn end(
    tx: &mut Tx<'_>,
    report: &RunReport,
    errors: &[(bool, EntryError)],
) -> Result<(), StoreError> {
    const END: Sql =
        Sql::same("update source_run set ended = $2, state = $3, counts = $4, message = $5 where id = $1");
    const ERRORS: Sql = Sql::each(
        "insert into source_error (run, n, grave, line, entry, message) values ($1, $2, $3, $4, $5, $6)",
        "insert into source_error (run, n, grave, line, entry, message)
         select $1::bigint, * from unnest($2::bigint[], $3::boolean[], $4::bigint[], $5::text[], $6::text[])",
    );
    const FORGET: Sql = Sql::same("delete from source_run where source = $1 and id < $2 and started < $3");
    let counts = serde_json::to_string(&report.counts).map_err(|error| StoreError::Bug(error.to_string()))?;
    tx.exec(&END, args![report.run, report.ended, report.state.as_str(), counts, &report.message])?;
    let columns = [
        Column::Same(report.run.into()),
        (0_i64..).take(errors.len()).collect(),
        errors.iter().map(|(grave, _)| *grave).collect(),
        errors.iter().map(|(_, error)| i64::try_from(error.line).unwrap_or(i64::MAX)).collect(),
        errors.iter().map(|(_, error)| printable(&error.entry)).collect(),
        errors.iter().map(|(_, error)| printable(&error.message)).collect(),
    ];
    tx.exec_many(&ERRORS, &columns)?;
    tx.exec(&FORGET, args![report.source.0, report.run, report.started - KEPT])?;
    Ok(())
}

/// PostgreSQL's text takes no U+0000, and a terminal no control characters.
fn printable(text: &str) -> String {
    text.chars().take(1000).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Errors and notes of a run under way.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) kept: Vec<(bool, EntryError)>,
    pub(crate) errors: u64,
}

impl Findings {
    /// An entry that can't be taken.
    pub(crate) fn error(&mut self, error: EntryError) {
        self.errors += 1;
        self.keep(true, error);
    }
    /// Something worth knowing of one that was.
    pub(crate) fn note(&mut self, note: EntryError) {
        self.keep(false, note);
    }
    fn keep(&mut self, grave: bool, finding: EntryError) {
        if self.kept.len() < ERRORS_KEPT {
            self.kept.push((grave, finding));
        }
    }
    /// The first errors.
    pub(crate) fn first(&self) -> Vec<EntryError> {
        self.kept.iter().filter(|(grave, _)| *grave).take(FIRST).map(|(_, error)| error.clone()).collect()
    }
}
