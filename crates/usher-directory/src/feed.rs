//! The change feed: *that* a thing changed; what it is now is read from it.
//!
//! A write leaves one row for each object or membership it touched; a second change of the same thing overwrites the first. On SQLite
//! the only writer numbers as it writes. On PostgreSQL rows come unnumbered and readers number what is committed, so that
//! writers never wait for each other and no reader can miss a change. [`changes`] is the one function that knows.

mod place;
mod write;

use jiff::Timestamp;
use usher_store::{Backend, FromRow, FromValue, Row, Snapshot, Sql, StoreError, Tx, Value, args};

use crate::{DirectoryId, Key, Kind, Seq, object::Cause};

pub use place::{forget, leaver_waits, move_to, place, unnumbered, waiting};
#[cfg(test)]
pub(crate) use write::BUMP_GROUPS;
pub(crate) use write::{Left, clear_members, leave, leave_groups};

/// What happened last to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Op {
    Created = 1,
    Updated = 2,
    /// Gone for good.
    Removed = 3,
}

impl From<Op> for Value {
    fn from(it: Op) -> Self {
        Self::Int(it as i64)
    }
}
impl FromValue for Op {
    fn from_value(value: Value) -> Result<Self, StoreError> {
        match i64::from_value(value)? {
            1 => Ok(Self::Created),
            2 => Ok(Self::Updated),
            3 => Ok(Self::Removed),
            other => Err(StoreError::Bug(format!("a column holds {other}, which is no operation"))),
        }
    }
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
    /// The last one; a thing created and then updated before anybody read is `Updated`.
    pub op: Op,
    /// What caused the last change.
    pub cause: Cause,
}

impl FromRow for Change {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let member: i64 = row.get(2)?;
        Ok(Self {
            seq: row.get(0)?,
            object: row.get(1)?,
            member: (member != 0).then_some(Key(member)),
            kind: row.get(3)?,
            op: row.get(4)?,
            cause: Cause { run: row.get(5)?, request: row.get(6)?, token: None },
        })
    }
}

/// A block of the feed.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Changes {
    /// In order of numbers.
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

/// The most rows numbered in one go.
const BLOCK: i64 = 5000;

/// Numbers what is committed (PostgreSQL; on SQLite the writer numbers), then reads on from `after`, at most `most` rows.
pub fn changes(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    after: Seq,
    most: usize,
) -> Result<Changes, FeedError> {
    const READ: Sql = Sql::same(
        "select seq, object, member, kind, op, run, request from change
         where directory = $1 and seq is not null and seq > $2 order by seq limit $3",
    );
    number(tx, directory)?;
    // The end is read before the rows: what is numbered in between comes with them or next time, and is never passed over.
    let (end, floor) = ends(tx, directory)?;
    if after < floor {
        return Err(FeedError::Behind);
    }
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let rows: Vec<Change> = tx.all(&READ, args![directory, after, limit], most)?;
    let last = rows.last().map_or(after, |row| row.seq);
    let upto = if rows.len() < most { last.max(end) } else { last };
    Ok(Changes { rows, upto })
}

/// The present end of the feed, after numbering. What is committed later comes after it.
pub fn head(tx: &mut Tx<'_>, directory: DirectoryId) -> Result<Seq, StoreError> {
    number(tx, directory)?;
    Ok(ends(tx, directory)?.0)
}

/// The last number given, and the last one whose rows are gone.
fn ends(on: &mut Snapshot<'_>, directory: DirectoryId) -> Result<(Seq, Seq), StoreError> {
    const ENDS: Sql = Sql::same("select seq, floor from directory where id = $1");
    on.settle()?;
    Ok(on.one(&ENDS, args![directory])?.unwrap_or((Seq(0), Seq(0))))
}

/// Numbers what is committed in a directory where nobody reads (PostgreSQL; nothing to do on SQLite), so that counts stay cheap.
/// How many rows it numbered; call again while it is not 0.
pub fn number(tx: &mut Tx<'_>, directory: DirectoryId) -> Result<u64, StoreError> {
    const PENDING: Sql = Sql::same("select 1 from change where directory = $1 and seq is null limit 1");
    // Not `for update`: that would also wait for everybody who refers to this row.
    const LOCK: Sql = Sql::same("select seq from directory where id = $1 for no key update");
    const NUMBER: Sql = Sql::same(
        "with free as (select object, member from change where directory = $1 and seq is null
                       order by object, member limit $3 for update skip locked),
              counted as (select object, member, row_number() over (order by object, member) as n from free),
              numbered as (update change c set seq = $2 + counted.n from counted
                           where c.directory = $1 and c.object = counted.object and c.member = counted.member
                           returning c.kind, c.delta)
         select kind, count(*)::bigint, coalesce(sum(delta), 0)::bigint from numbered group by kind order by kind",
    );
    const MOVE: Sql = Sql::same("update directory set seq = seq + $2 where id = $1");
    if tx.backend() == Backend::Sqlite || tx.one::<(i64,)>(&PENDING, args![directory])?.is_none() {
        return Ok(0);
    }
    let Some((seq,)) = tx.one::<(Seq,)>(&LOCK, args![directory])? else {
        return Ok(0);
    };
    let numbered: Vec<(Kind, i64, i64)> = tx.all(&NUMBER, args![directory, seq, BLOCK], 2)?;
    let mut rows = 0;
    for (kind, n, delta) in numbered {
        rows += n;
        write::count(tx, directory, kind, delta)?;
    }
    if rows > 0 {
        tx.exec(&MOVE, args![directory, rows])?;
    }
    Ok(rows.unsigned_abs())
}

/// The consumers' 30 days: who leaves changes unread for so long loses its place.
fn too_silent(now: Timestamp) -> i64 {
    now.as_millisecond() - 30 * 24 * 3_600_000
}
