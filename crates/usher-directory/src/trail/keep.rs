//! Writing the trail, and taking away what is old.

use std::collections::BTreeSet;

use jiff::Timestamp;
use usher_store::{Backend, Column, Snapshot, Sql, StoreError, Tx, args};

use super::{Entry, spelled};

const DAY: i64 = 24 * 60 * 60 * 1000;
/// Days of which tables may be there.
const DAYS: usize = 10_000;

/// Adds entries, with the tables of their days where there are none yet. One that is there already is passed over, so that a
/// batch whose commit is not known can be written again.
///
/// # Errors
/// What the store says; nothing of the batch is kept then.
pub fn append(tx: &mut Tx<'_>, entries: &[Entry]) -> Result<(), StoreError> {
    const ADD: Sql = Sql::each(
        "insert into trail (at, request, directory, token, method, path, status, took, address, agent, detail, deviations,
         objects, body, size, cut, erased) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
         on conflict do nothing",
        "insert into trail (at, request, directory, token, method, path, status, took, address, agent, detail, deviations,
         objects, body, size, cut, erased)
         select * from unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::bytea[], $5::text[], $6::text[], $7::bigint[],
         $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bytea[], $14::text[], $15::bigint[],
         $16::boolean[], $17::boolean[]) on conflict do nothing",
    );
    const ADD_OBJECT: Sql = Sql::each(
        "insert into trail_object (at, request, directory, object) values ($1, $2, $3, $4) on conflict do nothing",
        "insert into trail_object (at, request, directory, object)
         select * from unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::bytea[])
         on conflict do nothing",
    );
    days(tx, entries)?;
    let columns: [Column; 17] = [
        entries.iter().map(|e| e.at).collect(),
        entries.iter().map(|e| e.request).collect(),
        entries.iter().map(|e| e.directory.0).collect(),
        entries.iter().map(|e| e.token).collect(),
        entries.iter().map(|e| e.method.clone()).collect(),
        entries.iter().map(|e| e.path.clone()).collect(),
        entries.iter().map(|e| i64::from(e.status)).collect(),
        entries.iter().map(|e| i64::from(e.took)).collect(),
        entries.iter().map(|e| e.address.clone()).collect(),
        entries.iter().map(|e| e.agent.clone()).collect(),
        entries.iter().map(|e| e.detail.clone()).collect(),
        entries.iter().map(|e| spelled(&e.deviations)).collect(),
        entries.iter().map(objects).collect(),
        entries.iter().map(|e| e.body.clone()).collect(),
        entries.iter().map(|e| e.size.map(|size| i64::try_from(size).unwrap_or(i64::MAX))).collect(),
        entries.iter().map(|e| e.cut).collect(),
        entries.iter().map(|e| e.erased).collect(),
    ];
    tx.exec_many(&ADD, &columns)?;
    let each = || entries.iter().flat_map(|e| e.objects.iter().map(move |object| (e, object)));
    let columns: [Column; 4] = [
        each().map(|(e, _)| e.at).collect(),
        each().map(|(e, _)| e.request).collect(),
        each().map(|(e, _)| e.directory.0).collect(),
        each().map(|(_, object)| object.0).collect(),
    ];
    tx.exec_many(&ADD_OBJECT, &columns).map(drop)
}

fn objects(entry: &Entry) -> Option<Vec<u8>> {
    let ids: Vec<u8> = entry.objects.iter().flat_map(|id| *id.0.as_bytes()).collect();
    (!ids.is_empty()).then_some(ids)
}

/// Makes the tables of the entries' days. Two instances at one time: the second waits for the first, and finds them.
fn days(tx: &mut Tx<'_>, entries: &[Entry]) -> Result<(), StoreError> {
    const OPEN: Sql = Sql::same("insert into trail_day (day) values ($1) on conflict do nothing");
    if tx.backend() == Backend::Sqlite {
        return Ok(());
    }
    let days: BTreeSet<i64> = entries.iter().map(|entry| day(entry.at)).collect();
    for day in days {
        if tx.exec(&OPEN, args![day])? == 0 {
            continue;
        }
        let (from, to) = (day * DAY, (day + 1) * DAY);
        for table in ["trail", "trail_object"] {
            let text = format!(
                "create table {table}_{day} partition of {table} for values from ('{from}') to ('{to}')"
            );
            tx.exec(&Sql::built(text), args![])?;
        }
    }
    Ok(())
}

fn day(at: Timestamp) -> i64 {
    at.as_millisecond().div_euclid(DAY)
}

/// Takes away what came before a time: on PostgreSQL whole days, on SQLite at most `most` entries; how many (days or
/// entries) went, 0 when nothing is left to go.
///
/// # Errors
/// What the store says.
pub fn prune(tx: &mut Tx<'_>, before: Timestamp, most: usize) -> Result<u64, StoreError> {
    if tx.backend() == Backend::Postgres {
        return drop_days(tx, before);
    }
    // Entries come about in the order of their time, so that the oldest lie first.
    const PRUNE: Sql = Sql::same(
        "delete from trail where at < $1 and rowid in (select rowid from trail order by rowid limit $2)",
    );
    const PRUNE_OBJECTS: Sql = Sql::same(
        "delete from trail_object where at < $1 and rowid in (select rowid from trail_object order by rowid limit $2)",
    );
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    Ok(tx.exec(&PRUNE, args![before, most])? + tx.exec(&PRUNE_OBJECTS, args![before, most])?)
}

fn drop_days(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, StoreError> {
    const CLOSE: Sql = Sql::same("delete from trail_day where day = $1");
    let mut gone = 0;
    for day in known_days(tx)?.into_iter().filter(|known| *known < day(before)) {
        if tx.exec(&CLOSE, args![day])? == 1 {
            tx.exec(&Sql::built(format!("drop table if exists trail_{day}, trail_object_{day}")), args![])?;
            gone += 1;
        }
    }
    Ok(gone)
}

fn known_days(on: &mut Snapshot<'_>) -> Result<Vec<i64>, StoreError> {
    const READ: Sql = Sql::same("select day from trail_day order by day");
    let days: Vec<(i64,)> = on.all(&READ, args![], DAYS)?;
    Ok(days.into_iter().map(|(day,)| day).collect())
}
