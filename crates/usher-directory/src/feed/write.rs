//! Leaving rows in the feed: in the writer's own transaction.

use jiff::Timestamp;
use usher_store::{Backend, Column, Sql, StoreError, Tx, Value, args, list};

use super::Op;
use crate::{DirectoryId, Key, Kind, Seq, object::Cause};

/// A row to leave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Left {
    pub(crate) object: Key,
    pub(crate) member: Option<Key>,
    pub(crate) kind: Kind,
    pub(crate) op: Op,
    /// By so many the count of objects of this kind changes.
    pub(crate) delta: i64,
}

/// What a second change of the same thing does. Deltas not yet counted add up.
macro_rules! overwrite {
    () => {
        " on conflict (directory, object, member) do update set kind = excluded.kind, op = excluded.op, run = excluded.run,
          request = excluded.request, seq = excluded.seq,
          delta = excluded.delta + case when change.seq is null then change.delta else 0 end"
    };
}

const LEAVE: Sql = Sql::each(
    concat!(
        "insert into change (directory, run, request, object, member, kind, op, delta, seq)
         values ($1, $2, $3, $4, $5, $6, $7, 0, $8)",
        overwrite!()
    ),
    concat!(
        "insert into change (directory, run, request, object, member, kind, op, delta, seq)
         select $1::bigint, $2::bigint, $3::bytea, object, member, kind, op, delta, null
         from unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[]) as r(object, member, kind, op, delta)",
        overwrite!()
    ),
);

/// Leaves rows (each thing at most once).
pub(crate) fn leave(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    rows: &[Left],
    cause: Cause,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let last = match tx.backend() {
        Backend::Sqlite => {
            let first = reserve(tx, directory, rows.len() as i64)?;
            for row in rows {
                count(tx, directory, row.kind, row.delta)?;
            }
            (first.0..).take(rows.len()).collect::<Column>()
        }
        Backend::Postgres => rows.iter().map(|row| row.delta).collect(),
    };
    let columns = [
        Column::Same(directory.into()),
        Column::Same(cause.run.into()),
        Column::Same(cause.request.into()),
        rows.iter().map(|row| row.object.0).collect(),
        rows.iter().map(|row| row.member.map_or(0, |member| member.0)).collect(),
        rows.iter().map(|row| row.kind.number()).collect(),
        rows.iter().map(|row| row.op as i64).collect(),
        last,
    ];
    tx.exec_many(&LEAVE, &columns)?;
    tx.announce();
    Ok(())
}

/// Takes `n` numbers (SQLite, whose only writer this is); the first of them.
fn reserve(tx: &mut Tx<'_>, directory: DirectoryId, n: i64) -> Result<Seq, StoreError> {
    static RESERVE: Sql = Sql::same("update directory set seq = seq + $1 where id = $2 returning seq");
    let seq = tx
        .add(&RESERVE, &[directory.0], n)?
        .ok_or_else(|| StoreError::Bug(format!("there is no directory {}", directory.0)))?;
    Ok(Seq(seq - n + 1))
}

/// Moves the count of a kind.
pub(super) fn count(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    kind: Kind,
    delta: i64,
) -> Result<(), StoreError> {
    static COUNT: Sql =
        Sql::same("update amount set n = n + $1 where directory = $2 and kind = $3 returning n");
    if delta == 0 { Ok(()) } else { tx.add(&COUNT, &[directory.0, kind.number()], delta).map(drop) }
}

/// Statements that take memberships away and leave a feed row (operation 3) each, without a list of them in memory:
/// on SQLite count, leave, delete; on PostgreSQL one statement.
struct Sweep {
    count: Sql,
    leave: Sql,
    delete: Sql,
    at_once: Sql,
}

/// `$1` directory, `$2` run, `$3` request, `$4` and on the condition's, the last one the first number.
macro_rules! sweep {
    ($lite:expr, $pg:expr, $first:literal) => {
        Sweep {
            count: Sql::same(concat!("select count(*) from member where ", $lite)),
            leave: Sql::same(concat!(
                "insert into change (directory, run, request, object, member, kind, op, delta, seq)
                 select $1, $2, $3, grp, member, kind, 3, 0, ",
                $first,
                " - 1 + row_number() over (order by grp, member) from member where ",
                $lite,
                overwrite!()
            )),
            delete: Sql::same(concat!("delete from member where ", $lite)),
            at_once: Sql::same(concat!(
                "with gone as (delete from member where ",
                $pg,
                " returning grp, member, kind)
                 insert into change (directory, run, request, object, member, kind, op, delta, seq)
                 select $1::bigint, $2::bigint, $3::bytea, grp, member, kind, 3, 0, null from gone",
                overwrite!()
            )),
        }
    };
}

/// How many memberships went.
fn sweep(
    tx: &mut Tx<'_>,
    sweep: &Sweep,
    directory: DirectoryId,
    cause: Cause,
    condition: &[Value],
) -> Result<u64, StoreError> {
    let mut arguments = vec![directory.into(), cause.run.into(), cause.request.into()];
    arguments.extend_from_slice(condition);
    let gone = if tx.backend() == Backend::Postgres {
        tx.exec(&sweep.at_once, &arguments)?
    } else {
        let gone = tx.one::<(i64,)>(&sweep.count, &arguments)?.map_or(0, |(n,)| n);
        if gone > 0 {
            let first = reserve(tx, directory, gone)?;
            let delete = arguments.clone();
            arguments.push(first.into());
            tx.exec(&sweep.leave, &arguments)?;
            tx.exec(&sweep.delete, &delete)?;
        }
        gone.unsigned_abs()
    };
    if gone > 0 {
        tx.announce();
    }
    Ok(gone)
}

/// Takes all members out of a group but those to `keep`; how many went. The caller has locked the group.
pub(crate) fn clear_members(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    group: Key,
    keep: &[Key],
    cause: Cause,
) -> Result<u64, StoreError> {
    const CLEAR: Sweep = sweep!(
        "grp = $4 and member not in (select value from json_each($5))",
        "grp = $4 and member not in (select value::bigint from json_array_elements_text($5::text::json))",
        "$6"
    );
    sweep(tx, &CLEAR, directory, cause, &[group.into(), list::numbers(keep.iter().copied())])
}

pub(crate) const BUMP_GROUPS: Sql = Sql::each(
    "update object set version = version + 1, modified = $3
     where +directory = $1 and key in (select grp from member where member = $2)",
    "with affected as (select key from object where +directory = $1 and key in (select grp from member where member = $2)
                     order by key for no key update)
     update object o set version = o.version + 1, modified = $3 from affected where o.key = affected.key",
);

/// Takes an object out of all groups, and everything out of it; the groups it was in get a new version, in key order.
pub(crate) fn leave_groups(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    object: Key,
    now: Timestamp,
    cause: Cause,
) -> Result<(), StoreError> {
    const LEAVE: Sweep = sweep!("(member = $4 or grp = $4)", "(member = $4 or grp = $4)", "$5");
    tx.exec(&BUMP_GROUPS, args![directory, object, now])?;
    sweep(tx, &LEAVE, directory, cause, &[object.into()]).map(drop)
}
