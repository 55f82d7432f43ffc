//! Work rows: the only to-do list of the engine, of rules, and later of webhooks and mail.
//!
//! A row says *that* something is to be looked at; the worker decides again from the present state. Putting twice is once.
//! A queue's rows are taken by one worker, the holder of its lease; a row goes only with its outcome, in one transaction.

use std::collections::BTreeMap;

use jiff::Timestamp;
use usher_store::{Column, Snapshot, Sql, StoreError, Tx, args};

/// A queue: an app, a directory's rules, …
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Queue(pub i64);

/// One row to put.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
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

const QUEUE: Sql =
    Sql::same("insert into queue (name) values ($1) on conflict (name) do nothing returning id");
const FIND_QUEUE: Sql = Sql::same("select id from queue where name = $1");
// The stamp is compared for equality alone, so chance serves, and a row that was removed and put anew differs too.
const PUT: Sql = Sql::each(
    "insert into work (queue, object, lane, due, reason, tries, stamp) values ($1, $2, $3, $4, $5, 0, random())
     on conflict (queue, object) do update set
       lane = case when excluded.lane < work.lane then excluded.lane else work.lane end,
       due = case when excluded.due < work.due then excluded.due else work.due end,
       tries = 0, error = null, reason = excluded.reason, stamp = excluded.stamp",
    "insert into work (queue, object, lane, due, reason, tries, stamp)
     select *, 0, floor(random() * 9007199254740992)::bigint
       from unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[], $5::smallint[])
     on conflict (queue, object) do update set
       lane = case when excluded.lane < work.lane then excluded.lane else work.lane end,
       due = case when excluded.due < work.due then excluded.due else work.due end,
       tries = 0, error = null, reason = excluded.reason, stamp = excluded.stamp",
);
/// The lane after that one.
const LANE: Sql = Sql::same("select min(lane) from work where queue = $1 and lane > $2");
const TAKE: Sql = Sql::same(
    "select object, lane, due, tries, reason, stamp, error from work
     where queue = $1 and lane = $2 and due <= $3 order by due, object limit $4",
);
const GET: Sql = Sql::same(
    "select object, lane, due, tries, reason, stamp, error from work where queue = $1 and object = $2",
);
const DONE: Sql = Sql::same("delete from work where queue = $1 and object = $2 and stamp = $3");
const DONE_ALL: Sql = Sql::each(
    "delete from work where queue = $1 and object = $2 and stamp = $3",
    "delete from work w using unnest($2::bigint[], $3::bigint[]) as d (object, stamp)
     where w.queue = $1 and w.object = d.object and w.stamp = d.stamp",
);
const FAILED: Sql = Sql::same(
    "update work set tries = tries + 1, due = $4, error = $5 where queue = $1 and object = $2 and stamp = $3",
);
const COUNT: Sql = Sql::same(
    "select count(*), count(case when due <= $2 then 1 end), count(case when tries > 0 then 1 end)
     from work where queue = $1",
);
const NEXT_DUE: Sql = Sql::same("select min(due) from work where queue = $1 and lane = $2");
const WITH_DUE: Sql = Sql::same(
    "select q.name from queue q where q.name >= $1 and q.name < $2
       and exists (select 1 from work w where w.queue = q.id and w.due <= $3) order by q.name limit 10000",
);
const IS_DUE: Sql = Sql::same("select count(*) from work where queue = $1 and lane = $2 and due <= $3");
const RETRY: Sql = Sql::same(
    "update work set due = $3, tries = 0, error = null where queue = $1 and lane = $2 and tries > 0",
);
const FORGET_FAILED: Sql = Sql::same("delete from work where queue = $1 and tries > 0");
const CLEAR: Sql = Sql::same("delete from work where queue = $1");

const PARKED_COUNT: Sql = Sql::same("select count(*) from work where queue = $1 and due >= $2");

/// When a row is due that is not tried again by itself. Put again, it is due as it is put.
pub const PARKED: Timestamp = Timestamp::constant(253_370_764_800, 0);

/// When a row is due that waits for somebody's word ([`release`]). Put again, it is due as it is put.
pub const HELD: Timestamp = Timestamp::constant(253_370_678_400, 0);

const HOLD: Sql = Sql::same("update work set due = $4 where queue = $1 and object = $2 and stamp = $3");
const RELEASE: Sql = Sql::same("update work set due = $3 where queue = $1 and due = $2");
const HELD_COUNT: Sql = Sql::same("select count(*) from work where queue = $1 and due = $2");

/// Lanes begin above this.
const BEFORE_ALL: i16 = i16::MIN;

/// The queue of that name, made if need be.
///
/// # Errors
/// [`StoreError`] of the statements.
pub fn queue(tx: &mut Tx<'_>, name: &str) -> Result<Queue, StoreError> {
    if let Some((id,)) = tx.one(&QUEUE, args![name])? {
        return Ok(Queue(id));
    }
    find_queue(tx, name)?.ok_or_else(|| StoreError::Bug(format!("the queue {name} vanished")))
}

/// The queue of that name, if it was ever made.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn find_queue(on: &mut Snapshot<'_>, name: &str) -> Result<Option<Queue>, StoreError> {
    Ok(on.one(&FIND_QUEUE, args![name])?.map(|(id,)| Queue(id)))
}

/// Puts rows into one queue; see [`put_many`].
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn put(tx: &mut Tx<'_>, queue: Queue, rows: &[Put]) -> Result<(), StoreError> {
    put_all(tx, rows.iter().map(|row| (queue, row)))
}

/// Puts rows, in one statement. One that is there keeps the earlier due time and the smaller lane, gets the new reason and
/// a new stamp, and its tries start over. Wakes workers when it commits ([`Tx::announce`]).
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn put_many(tx: &mut Tx<'_>, rows: &[(Queue, Put)]) -> Result<(), StoreError> {
    put_all(tx, rows.iter().map(|(queue, row)| (*queue, row)))
}

fn put_all<'a>(tx: &mut Tx<'_>, rows: impl Iterator<Item = (Queue, &'a Put)>) -> Result<(), StoreError> {
    // Once each, as PostgreSQL demands, and in key order, so that two writers never wait for each other in a circle.
    let mut once: BTreeMap<(i64, i64), Put> = BTreeMap::new();
    for (queue, row) in rows {
        once.entry((queue.0, row.object))
            .and_modify(|there| {
                there.lane = there.lane.min(row.lane);
                there.due = there.due.min(row.due);
                there.reason = row.reason;
            })
            .or_insert_with(|| row.clone());
    }
    if once.is_empty() {
        return Ok(());
    }
    let columns: [Column; 5] = [
        once.keys().map(|(queue, _)| *queue).collect(),
        once.keys().map(|(_, object)| *object).collect(),
        once.values().map(|row| row.lane).collect(),
        once.values().map(|row| row.due).collect(),
        once.values().map(|row| row.reason).collect(),
    ];
    tx.exec_many(&PUT, &columns)?;
    tx.announce();
    Ok(())
}

/// At most `most` due rows by lane, then due time, then object; does not lock or remove them (the queue is leased).
///
/// # Errors
/// [`StoreError`] of the statements.
pub fn take(
    on: &mut Snapshot<'_>,
    queue: Queue,
    now: Timestamp,
    most: usize,
) -> Result<Vec<Item>, StoreError> {
    let mut items = Vec::new();
    let mut lane = BEFORE_ALL;
    // Lane by lane, so that each is a range of the index, however many rows of it wait for a later time.
    while items.len() < most
        && let Some(next) = lane_after(on, queue, lane)?
    {
        lane = next;
        let room = most - items.len();
        let limit = i64::try_from(room).unwrap_or(i64::MAX);
        items.extend(on.all::<Taken>(&TAKE, args![queue.0, lane, now, limit], room)?.into_iter().map(item));
    }
    Ok(items)
}

/// One row, due or not.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn get(on: &mut Snapshot<'_>, queue: Queue, object: i64) -> Result<Option<Item>, StoreError> {
    Ok(on.one::<Taken>(&GET, args![queue.0, object])?.map(item))
}

type Taken = (i64, i16, Timestamp, i64, i16, i64, Option<String>);

fn item((object, lane, due, tries, reason, stamp, error): Taken) -> Item {
    Item { object, lane, due, tries, reason, stamp, error }
}

/// As [`take`], of one lane alone.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn take_lane(
    on: &mut Snapshot<'_>,
    queue: Queue,
    lane: i16,
    now: Timestamp,
    most: usize,
) -> Result<Vec<Item>, StoreError> {
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    Ok(on.all::<Taken>(&TAKE, args![queue.0, lane, now, limit], most)?.into_iter().map(item).collect())
}

/// Whether a lane has a row that is due.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn is_due(on: &mut Snapshot<'_>, queue: Queue, lane: i16, now: Timestamp) -> Result<bool, StoreError> {
    Ok(on.one::<(i64,)>(&IS_DUE, args![queue.0, lane, now])?.is_some_and(|(n,)| n > 0))
}

/// Makes the failed rows of a lane due now, with all tries before them; how many.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn retry(tx: &mut Tx<'_>, queue: Queue, lane: i16, now: Timestamp) -> Result<u64, StoreError> {
    tx.exec(&RETRY, args![queue.0, lane, now])
}

/// Removes every row that failed; how many. What they were about is looked at again when it is put again.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn forget_failed(tx: &mut Tx<'_>, queue: Queue) -> Result<u64, StoreError> {
    tx.exec(&FORGET_FAILED, args![queue.0])
}

fn lane_after(on: &mut Snapshot<'_>, queue: Queue, lane: i16) -> Result<Option<i16>, StoreError> {
    Ok(on.one::<(Option<i16>,)>(&LANE, args![queue.0, lane])?.and_then(|(lane,)| lane))
}

/// Removes the row unless it was put again since it was taken. `true`: removed.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn done(tx: &mut Tx<'_>, queue: Queue, item: &Item) -> Result<bool, StoreError> {
    Ok(tx.exec(&DONE, args![queue.0, item.object, item.stamp])? == 1)
}

/// [`done`] for many rows, in one statement; how many were removed.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn done_all(tx: &mut Tx<'_>, queue: Queue, items: &[&Item]) -> Result<u64, StoreError> {
    let columns = [
        Column::Same(queue.0.into()),
        items.iter().map(|item| item.object).collect(),
        items.iter().map(|item| item.stamp).collect(),
    ];
    tx.exec_many(&DONE_ALL, &columns)
}

/// Keeps the row for later with one try more and the reason, unless it was put again since it was taken: then it is to be
/// looked at anew, and stays as it was put.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn failed(
    tx: &mut Tx<'_>,
    queue: Queue,
    item: &Item,
    due: Timestamp,
    error: &str,
) -> Result<(), StoreError> {
    tx.exec(&FAILED, args![queue.0, item.object, item.stamp, due, error])?;
    Ok(())
}

/// Rows in the queue: (all, due at `now`, failed at least once).
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn count(on: &mut Snapshot<'_>, queue: Queue, now: Timestamp) -> Result<(i64, i64, i64), StoreError> {
    Ok(on.one(&COUNT, args![queue.0, now])?.unwrap_or((0, 0, 0)))
}

/// Rows that are not tried again by themselves.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn parked(on: &mut Snapshot<'_>, queue: Queue) -> Result<i64, StoreError> {
    Ok(on.one::<(i64,)>(&PARKED_COUNT, args![queue.0, PARKED])?.map_or(0, |(n,)| n))
}

/// Keeps the row until somebody says a word, without counting it as a try; one that was put again meanwhile stays as it was put.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn hold(tx: &mut Tx<'_>, queue: Queue, item: &Item) -> Result<(), StoreError> {
    tx.exec(&HOLD, args![queue.0, item.object, item.stamp, HELD])?;
    Ok(())
}

/// Makes all rows due that [`hold`] keeps; how many.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn release(tx: &mut Tx<'_>, queue: Queue) -> Result<u64, StoreError> {
    let released = tx.exec(&RELEASE, args![queue.0, HELD, Timestamp::UNIX_EPOCH])?;
    tx.announce();
    Ok(released)
}

/// How many rows [`hold`] keeps.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn held(on: &mut Snapshot<'_>, queue: Queue) -> Result<i64, StoreError> {
    Ok(on.one::<(i64,)>(&HELD_COUNT, args![queue.0, HELD])?.map_or(0, |(n,)| n))
}

/// When the earliest row of any of these queues is due.
///
/// # Errors
/// [`StoreError`] of the statements.
pub fn next_due(on: &mut Snapshot<'_>, queues: &[Queue]) -> Result<Option<Timestamp>, StoreError> {
    let mut earliest: Option<Timestamp> = None;
    for queue in queues {
        let mut lane = BEFORE_ALL;
        while let Some(next) = lane_after(on, *queue, lane)? {
            lane = next;
            let due = on.one::<(Option<Timestamp>,)>(&NEXT_DUE, args![queue.0, lane])?.and_then(|(due,)| due);
            earliest = earliest.into_iter().chain(due).min();
        }
    }
    Ok(earliest)
}

/// Names of the queues that begin with `prefix` and have a row that is due; at most 10,000.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn with_due(on: &mut Snapshot<'_>, prefix: &str, now: Timestamp) -> Result<Vec<String>, StoreError> {
    let end = format!("{prefix}\u{10ffff}");
    let rows: Vec<(String,)> = on.all(&WITH_DUE, args![prefix, end, now], 10_000)?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// Removes everything of a queue.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn clear(tx: &mut Tx<'_>, queue: Queue) -> Result<(), StoreError> {
    tx.exec(&CLEAR, args![queue.0])?;
    Ok(())
}
