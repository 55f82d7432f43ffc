//! Walks: putting many records on work block by block, each block in one transaction with the move of its cursor.

use std::collections::HashSet;

use jiff::Timestamp;
use usher_directory::{DirectoryId, Key, Kind, object};
use usher_jobs::work::{self, Put, Queue};
use usher_store::{Snapshot, Sql, StoreError, Tx, Value};

use crate::{
    asked::{self, Question},
    lane,
};

/// What to put on work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Walk {
    /// Every SCIM group: a first pass, or changed rules.
    Groups,
    /// Every SCIM user.
    Users,
    /// Every record whose SCIM user or group is gone: a first pass after a place in the feed was lost.
    Records,
    /// The members of a group whose meaning changed.
    Members(Key),
    /// One record, be its SCIM user there or gone.
    Record(Key),
    /// Everybody who asked this.
    Asked(Question),
}

impl Walk {
    fn row(&self) -> (i64, Vec<u8>) {
        match self {
            Self::Groups => (1, Vec::new()),
            Self::Users => (2, Vec::new()),
            Self::Records => (3, Vec::new()),
            Self::Members(group) => (4, group.0.to_be_bytes().to_vec()),
            Self::Record(record) => (5, record.0.to_be_bytes().to_vec()),
            Self::Asked(question) => (10 + question.kind, question.value.clone()),
        }
    }
    fn from_row(kind: i64, value: Vec<u8>) -> Result<Self, StoreError> {
        Ok(match kind {
            1 => Self::Groups,
            2 => Self::Users,
            3 => Self::Records,
            4 | 5 => {
                let bytes = <[u8; 8]>::try_from(value.as_slice())
                    .map_err(|_| StoreError::Bug("a walk of a group or record without its key".into()))?;
                let key = Key(i64::from_be_bytes(bytes));
                if kind == 4 { Self::Members(key) } else { Self::Record(key) }
            }
            kind => Self::Asked(Question { kind: kind - 10, value }),
        })
    }
}

/// Work rows put in one transaction.
const BLOCK: usize = 500;
/// Walks looked at in one transaction.
const WALKS: usize = 100;

const BEGIN: Sql = Sql::same(
    "insert into rule_walk (directory, kind, value, after) values ($1, $2, $3, 0) \
     on conflict (directory, kind, value) do update set after = 0",
);
const OPEN: Sql =
    Sql::same("select kind, value, after from rule_walk where directory = $1 order by kind, value limit $2");
/// The cursor moves only from where it was read: a walk that was begun anew meanwhile stays at its beginning.
const MOVE: Sql = Sql::same(
    "update rule_walk set after = $5 where directory = $1 and kind = $2 and value = $3 and after = $4",
);
const END: Sql =
    Sql::same("delete from rule_walk where directory = $1 and kind = $2 and value = $3 and after = $4");
const WAITING: Sql = Sql::same("select distinct directory from rule_walk limit 1000");
const RECORDS: Sql =
    Sql::same("select object from record where directory = $1 and object > $2 order by object limit $3");
const LINKED: Sql = Sql::same("select object from record where unit = $1 order by object limit 1000");

/// Begins a walk, or begins it anew.
pub(crate) fn begin(tx: &mut Tx<'_>, directory: DirectoryId, walk: &Walk) -> Result<(), StoreError> {
    let (kind, value) = walk.row();
    tx.exec(&BEGIN, &[directory.0.into(), kind.into(), value.into()])?;
    tx.announce();
    Ok(())
}

/// The members of every group that is linked to this unit.
pub(crate) fn members_of_unit(tx: &mut Tx<'_>, directory: DirectoryId, unit: i64) -> Result<(), StoreError> {
    let groups: Vec<(i64,)> = tx.all(&LINKED, &[unit.into()], 1000)?;
    for (group,) in groups {
        begin(tx, directory, &Walk::Members(Key(group)))?;
    }
    Ok(())
}

/// How far a pass over every group and user has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Records that are still to run.
    pub left: u64,
    /// All of them.
    pub total: u64,
}

const PASSES: Sql = Sql::same("select kind, after from rule_walk where directory = $1 and kind in (1, 2)");
const BEYOND: Sql = Sql::same(
    "select count(*) from object where directory = $1 and kind = $2 and key > $3 and deleted is null",
);

/// How far the present pass has come, of everybody, or of what is on work; `None`: nothing is left.
pub fn progress(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    now: Timestamp,
) -> Result<Option<Progress>, StoreError> {
    let passes: Vec<(i64, i64)> = on.all(&PASSES, &[directory.0.into()], 2)?;
    let mut left = 0;
    for (kind, after) in passes {
        let beyond: Option<(i64,)> = on.one(&BEYOND, &[directory.0.into(), kind.into(), after.into()])?;
        left += beyond.map_or(0, |(count,)| count);
    }
    if let Some(queue) = work::find_queue(on, &crate::driver::queue_name(directory))? {
        left += work::count(on, queue, now)?.0;
    }
    if left == 0 {
        return Ok(None);
    }
    let mut total = 0;
    for kind in [Kind::User, Kind::Group] {
        total += object::count(on, directory, kind)?;
    }
    Ok(Some(Progress { left: left.unsigned_abs(), total: total.max(left).unsigned_abs() }))
}

/// Directories with a walk under way.
pub(crate) fn waiting(on: &mut Snapshot<'_>) -> Result<Vec<DirectoryId>, StoreError> {
    let rows: Vec<(i64,)> = on.all(&WAITING, &[], 1000)?;
    Ok(rows.into_iter().map(|(directory,)| DirectoryId(directory)).collect())
}

/// Goes on with the walks of a directory, one block in all. `true`: something was put, or more is to come.
pub(crate) fn expand(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    queue: Queue,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let limit = i64::try_from(WALKS).unwrap_or(i64::MAX);
    let open: Vec<(i64, Vec<u8>, i64)> = tx.all(&OPEN, &[directory.0.into(), limit.into()], WALKS)?;
    let any = !open.is_empty();
    let mut budget = BLOCK;
    for (kind, value, after) in open {
        if budget == 0 {
            break;
        }
        let walk = Walk::from_row(kind, value.clone())?;
        let (puts, last) = block(tx, directory, &walk, after, budget, now)?;
        work::put(tx, queue, &puts)?;
        budget -= puts.len().min(budget);
        let row: [Value; 4] = [directory.0.into(), kind.into(), value.into(), after.into()];
        match last {
            Some(last) => {
                let [directory, kind, value, after] = row;
                tx.exec(&MOVE, &[directory, kind, value, after, last.into()])?;
            }
            None => {
                tx.exec(&END, &row)?;
            }
        }
    }
    Ok(any)
}

/// A block of a walk and where it ended; `None`: that was the last one.
fn block(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    walk: &Walk,
    after: i64,
    most: usize,
    now: Timestamp,
) -> Result<(Vec<Put>, Option<i64>), StoreError> {
    let start = (after > 0).then_some(Key(after));
    let put = |object: i64, lane: i16, reason: i16| Put { object, lane, due: now, reason };
    let ended = |read: usize, last: Option<i64>| if read < most { None } else { last };
    Ok(match walk {
        Walk::Groups | Walk::Users => {
            let kind = if *walk == Walk::Users { Kind::User } else { Kind::Group };
            let heads = object::walk_heads(on, directory, kind, start, most)?;
            let last = ended(heads.len(), heads.last().map(|head| head.key.0));
            (heads.iter().map(|head| put(head.key.0, lane::of_pass(head), lane::PASS)).collect(), last)
        }
        Walk::Records => {
            let limit = i64::try_from(most).unwrap_or(i64::MAX);
            let rows: Vec<(i64,)> =
                on.all(&RECORDS, &[directory.0.into(), after.into(), limit.into()], most)?;
            let keys: Vec<Key> = rows.into_iter().map(|(key,)| Key(key)).collect();
            let there: HashSet<Key> =
                object::heads(on, directory, &keys)?.into_iter().map(|head| head.key).collect();
            let gone = keys.iter().filter(|key| !there.contains(key));
            let puts = gone.map(|key| put(key.0, lane::DEACTIVATION, lane::PASS)).collect();
            (puts, ended(keys.len(), keys.last().map(|key| key.0)))
        }
        Walk::Members(group) => {
            let members = object::members_of(on, directory, *group, start, most)?;
            let last = ended(members.len(), members.last().map(|member| member.key.0));
            let users = members.iter().filter(|member| member.kind == Kind::User);
            (users.map(|member| put(member.key.0, lane::USER, lane::MEMBERSHIP)).collect(), last)
        }
        Walk::Record(record) => {
            let there = object::heads(on, directory, &[*record])?;
            let lane = there.first().map_or(lane::DEACTIVATION, lane::of_change);
            (vec![put(record.0, lane, lane::CHANGED)], None)
        }
        Walk::Asked(question) => {
            let keys = asked::block(on, directory, question, after, most)?;
            let last = ended(keys.len(), keys.last().copied());
            (keys.into_iter().map(|key| put(key, lane::USER, lane::ANSWER)).collect(), last)
        }
    })
}
