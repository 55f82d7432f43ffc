//! Consumers and their places in a feed; rows that all of them have passed go.

use jiff::Timestamp;
use usher_store::{Backend, Snapshot, Sql, StoreError, Tx, args};

use super::too_silent;
use crate::{DirectoryId, Seq};

/// The most rows pruned, or looked at for leavers, in one go.
const ROWS: i64 = 2000;
/// The most directories named at once.
const MOST: usize = 10_000;

/// Where a consumer is; `None`: it never read, begin with a full pass from [`super::head`].
pub fn place(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    consumer: &str,
) -> Result<Option<Seq>, StoreError> {
    const PLACE: Sql = Sql::same("select seq from consumer where directory = $1 and name = $2");
    Ok(on.one::<(Seq,)>(&PLACE, args![directory, consumer])?.map(|(seq,)| seq))
}

/// Whether among the first changes that a consumer has not read somebody is inactive, soft-deleted or gone: a reader that takes its
/// time with other changes may not with these.
pub fn leaver_waits(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    consumer: &str,
) -> Result<bool, StoreError> {
    const WAITS: Sql = Sql::same(
        "select 1 from (
           select object from (select object, member, kind from change
             where directory = $1 and seq is not null
               and seq > coalesce((select seq from consumer where directory = $1 and name = $2), 0)
             order by seq limit $3) as numbered where member = 0 and kind = 1
           union all
           select object from (select object, member, kind from change where directory = $1 and seq is null limit $3) as pending
             where member = 0 and kind = 1) as unread
         left join object o on o.key = unread.object
         where o.key is null or not o.active or o.deleted is not null limit 1",
    );
    Ok(on.one::<(i64,)>(&WAITS, args![directory, consumer, ROWS])?.is_some())
}

/// Moves it (and removes rows that every consumer has passed). A consumer that leaves changes unread for 30 days no longer
/// counts; when it comes back, [`super::changes`] may answer [`super::FeedError::Behind`].
pub fn move_to(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    consumer: &str,
    to: Seq,
    now: Timestamp,
) -> Result<(), StoreError> {
    const MOVE: Sql = Sql::same(
        "insert into consumer (directory, name, seq) values ($1, $2, $3)
         on conflict (directory, name) do update set seq = excluded.seq, behind = null",
    );
    // Since when others leave unread what this one has read: silence is counted from there, not from their last word.
    const BEHIND: Sql =
        Sql::same("update consumer set behind = $3 where directory = $1 and seq < $2 and behind is null");
    // The directory first, then its consumers: as a reader does who numbers and then moves, so that no two wait for each other.
    const LOCK: Sql = Sql::same("select 1 from directory where id = $1 for no key update");
    if tx.backend() == Backend::Postgres {
        tx.one::<(i64,)>(&LOCK, args![directory])?;
    }
    tx.exec(&MOVE, args![directory, consumer, to])?;
    tx.exec(&BEHIND, args![directory, to, now])?;
    prune(tx, directory, now)
}

fn prune(tx: &mut Tx<'_>, directory: DirectoryId, now: Timestamp) -> Result<(), StoreError> {
    const PASSED: Sql =
        Sql::same("select min(seq) from consumer where directory = $1 and (behind is null or behind > $2)");
    const UPTO: Sql = Sql::same(
        "select max(seq) from (select seq from change where directory = $1 and seq is not null and seq <= $2
                               order by seq limit $3) as oldest",
    );
    // A row that somebody is just changing is left to the next time: it gets a new number with their commit.
    const DELETE: Sql = Sql::each(
        "delete from change where directory = $1 and seq is not null and seq <= $2",
        "delete from change c using (select object, member from change where directory = $1 and seq is not null and seq <= $2
                                     for update skip locked) passed
         where c.directory = $1 and c.object = passed.object and c.member = passed.member",
    );
    const FLOOR: Sql = Sql::same("update directory set floor = $2 where id = $1 and floor < $2");
    let Some((Some(passed),)) = tx.one::<(Option<Seq>,)>(&PASSED, args![directory, too_silent(now)])? else {
        return Ok(());
    };
    let Some((Some(upto),)) = tx.one::<(Option<Seq>,)>(&UPTO, args![directory, passed, ROWS])? else {
        return Ok(());
    };
    tx.exec(&DELETE, args![directory, upto])?;
    tx.exec(&FLOOR, args![directory, upto]).map(drop)
}

/// Forgets a consumer; what only it had not read goes with the next move of another.
pub fn forget(tx: &mut Tx<'_>, directory: DirectoryId, consumer: &str) -> Result<(), StoreError> {
    const FORGET: Sql = Sql::same("delete from consumer where directory = $1 and name = $2");
    tx.exec(&FORGET, args![directory, consumer]).map(drop)
}

/// Directories with changes not yet numbered: one query on an index that is nearly always empty. Always none on SQLite.
pub fn unnumbered(on: &mut Snapshot<'_>) -> Result<Vec<DirectoryId>, StoreError> {
    const UNNUMBERED: Sql =
        Sql::same("select distinct directory from change where seq is null order by directory limit $1");
    directories(on, &UNNUMBERED, args![MOST as i64])
}

/// Directories with changes past the given consumer's place, and those with changes where it has none yet (of any account and
/// of the provisioning side: take those that concern you): one cheap query.
pub fn waiting(on: &mut Snapshot<'_>, consumer: &str) -> Result<Vec<DirectoryId>, StoreError> {
    const WAITING: Sql = Sql::same(
        "select d.id from directory d left join consumer c on c.directory = d.id and c.name = $1
         where d.seq > coalesce(c.seq, 0) union select directory from change where seq is null order by 1 limit $2",
    );
    on.settle()?;
    directories(on, &WAITING, args![consumer, MOST as i64])
}

fn directories(
    on: &mut Snapshot<'_>,
    sql: &Sql,
    arguments: &[usher_store::Value],
) -> Result<Vec<DirectoryId>, StoreError> {
    Ok(on.all::<(DirectoryId,)>(sql, arguments, MOST)?.into_iter().map(|(id,)| id).collect())
}
