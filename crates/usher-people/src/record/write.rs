//! Writing records: what runs of the rules left, and records that go.

use jiff::Timestamp;
use usher_directory::{
    DirectoryId, Key, ObjectId,
    config::DirectoryConfig,
    loss,
    object::{self, Draft, PutError},
};
use usher_store::{Column, Sql, StoreError, Tx, list, with_keys};

use super::{LAST, LAST_FAILED, RecordState};
use crate::{
    PeopleError, asked,
    execute::Executed,
    row::{self, Change, PersonRow, Saved},
    setting,
    unit::UnitKind,
    user,
};

const OBJECT_OF: Sql = Sql::same("select object from record where directory = $1 and id = $2");

/// An administrator's repair: the SCIM user or group is removed from the directory, so that the client makes it anew; its
/// person stays as it is, unlinked, unless `disable` ends access as well.
pub fn delete(
    tx: &mut Tx<'_>,
    config: &DirectoryConfig,
    id: ObjectId,
    person: Leaving,
    now: Timestamp,
) -> Result<(), PeopleError> {
    let directory = config.id;
    setting::moved(tx, directory)?;
    let stored = object::get(tx, directory, id)?;
    let known: Option<(i64,)> = tx.one(&OBJECT_OF, &[directory.0.into(), id.0.into()])?;
    let key = stored.as_ref().map(|stored| stored.key).or(known.map(|(key,)| Key(key)));
    let Some(key) = key else { return Err(PeopleError::UnknownRecord(id.0.to_string())) };
    if let Some(stored) = stored {
        let removal = Draft::remove(config, &stored, now)
            .map_err(|error| StoreError::Bug(format!("a stored document that can't be read: {error}")))?;
        match object::put(tx, directory, &removal) {
            Ok(_) | Err(PutError::Gone) => {}
            Err(PutError::Store(error)) => return Err(error.into()),
            Err(PutError::Stale | PutError::Taken { .. }) => return Err(PeopleError::Stale),
        }
    }
    release(tx, directory, key, person, now)
}

/// What becomes of the person of a record that goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// Stays as it is, unlinked.
    Stays,
    /// Stays, disabled.
    Disabled,
    /// Is disabled, and nothing that tells who it was is left: only the id and since when.
    Erased,
}

/// Ends a record: its person stays, unlinked, in the way that is said; what is kept about the record goes.
fn release(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    record: Key,
    person: Leaving,
    now: Timestamp,
) -> Result<(), PeopleError> {
    if let Some(loaded) = row::by_record(tx, directory, record.0)? {
        let before = loaded.row;
        let disabled = before.disabled || person == Leaving::Disabled;
        let after = match person {
            Leaving::Erased => before.erased(),
            Leaving::Stays | Leaving::Disabled => PersonRow { record: None, disabled, ..before.clone() },
        };
        let questions = user::answers(Some(&before), &after);
        if row::save_all(tx, directory, &[Change { before: Some(before), after }], now)? == Saved::Stale {
            return Err(PeopleError::Stale);
        }
        for question in questions {
            asked::changed(tx, directory, &question)?;
        }
    }
    Ok(forget_all(tx, directory, &[record.0])?)
}

/// Forgets records whose SCIM objects are gone.
pub(crate) fn forget_all(tx: &mut Tx<'_>, directory: DirectoryId, records: &[i64]) -> Result<(), StoreError> {
    const EXECUTIONS: Sql = with_keys!("delete from execution where directory = $1 and object", "$2", "");
    const RECORDS: Sql = with_keys!("delete from record where directory = $1 and object", "$2", "");
    if records.is_empty() {
        return Ok(());
    }
    loss::forget(tx, directory, &records.iter().copied().map(Key).collect::<Vec<_>>())?;
    asked::forget(tx, directory, records)?;
    for sql in [&EXECUTIONS, &RECORDS] {
        tx.exec(sql, &[directory.0.into(), list::numbers(records.iter().copied())])?;
    }
    Ok(())
}

const UPSERT: Sql = Sql::each(
    "insert into record (directory, object, id, kind, state, reason, unit, classification, provisioned, updated) \
     values ($1, $2, $3, $4, $5, $6, (select key from unit where directory = $1 and id = $7), $8, $9, $10) \
     on conflict (directory, object) do update set state = excluded.state, reason = excluded.reason, \
     unit = excluded.unit, classification = excluded.classification, updated = excluded.updated",
    "insert into record (directory, object, id, kind, state, reason, unit, classification, provisioned, updated) \
     select $1, d.object, d.id, d.kind, d.state, d.reason, u.key, d.classification, d.provisioned, d.updated \
     from unnest($2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[], $6::text[], $7::bytea[], $8::bigint[], \
     $9::bigint[], $10::bigint[]) \
     as d (object, id, kind, state, reason, unit, classification, provisioned, updated) \
     left join unit u on u.directory = $1 and u.id = d.unit \
     on conflict (directory, object) do update set state = excluded.state, reason = excluded.reason, \
     unit = excluded.unit, classification = excluded.classification, updated = excluded.updated",
);
const EXECUTED: Sql = Sql::each(
    "insert into execution (directory, object, slot, id, at, result, reason, rules, digest) \
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
     on conflict (directory, object, slot) do update set id = excluded.id, at = excluded.at, \
     result = excluded.result, reason = excluded.reason, rules = excluded.rules, digest = excluded.digest",
    "insert into execution (directory, object, slot, id, at, result, reason, rules, digest) \
     select $1, d.object, d.slot, d.id, d.at, d.result, d.reason, d.rules, d.digest \
     from unnest($2::bigint[], $3::bigint[], $4::bytea[], $5::bigint[], $6::bigint[], $7::text[], $8::bytea[], \
     $9::bigint[]) as d (object, slot, id, at, result, reason, rules, digest) \
     on conflict (directory, object, slot) do update set id = excluded.id, at = excluded.at, \
     result = excluded.result, reason = excluded.reason, rules = excluded.rules, digest = excluded.digest",
);
/// The same run again: nothing of it is to be written but that it was.
const SAME_AGAIN: Sql = Sql::each(
    "update execution set id = $3, at = $4 where directory = $1 and object = $2 and slot = 0",
    "update execution e set id = d.id, at = d.at \
     from unnest($2::bigint[], $3::bytea[], $4::bigint[]) as d (object, id, at) \
     where e.directory = $1 and e.object = d.object and e.slot = 0",
);

/// Says of records whose SCIM users are gone, while the guard holds that, how they stand.
pub(crate) fn kept(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    records: &[(i64, RecordState, String)],
) -> Result<(), StoreError> {
    const SAY: Sql = Sql::each(
        "update record set state = $3, reason = $4 where directory = $1 and object = $2",
        "update record r set state = d.state, reason = d.reason \
         from unnest($2::bigint[], $3::bigint[], $4::text[]) as d (object, state, reason) \
         where r.directory = $1 and r.object = d.object",
    );
    let columns = [
        Column::Same(directory.0.into()),
        records.iter().map(|(record, ..)| *record).collect(),
        records.iter().map(|(_, state, _)| *state as i64).collect(),
        records.iter().map(|(.., reason)| Some(reason.clone())).collect(),
    ];
    tx.exec_many(&SAY, &columns)?;
    Ok(())
}

/// Writes what runs of the rules left: the records' states and links, and the executions in place of the last ones. A record's
/// state is its execution's, unless the guard has another word.
pub(crate) fn executed(tx: &mut Tx<'_>, directory: DirectoryId, runs: &[Executed]) -> Result<(), StoreError> {
    let changed: Vec<&Executed> = runs.iter().filter(|run| !run.as_before()).collect();
    let number = |kind: Option<UnitKind>| kind.map(|kind| kind as i64);
    let columns = [
        Column::Same(directory.0.into()),
        changed.iter().map(|run| run.key).collect(),
        changed.iter().map(|run| run.id.0).collect(),
        changed.iter().map(|run| run.kind as i64).collect(),
        changed.iter().map(|run| run.state() as i64).collect(),
        changed.iter().map(|run| run.reason().map(str::to_owned)).collect(),
        changed.iter().map(|run| run.standing.unit.map(|id| id.as_bytes().to_vec())).collect(),
        changed.iter().map(|run| number(run.standing.classification)).collect(),
        changed.iter().map(|run| run.created).collect(),
        changed.iter().map(|run| run.modified).collect(),
    ];
    tx.exec_many(&UPSERT, &columns)?;
    let known = |run: &&Executed| run.before.as_ref().is_some_and(|before| before.digest == run.digest);
    let (same, other): (Vec<&Executed>, Vec<&Executed>) = runs.iter().partition(known);
    let columns = [
        Column::Same(directory.0.into()),
        same.iter().map(|run| run.key).collect(),
        same.iter().map(|run| run.execution.id).collect(),
        same.iter().map(|run| run.execution.at).collect(),
    ];
    tx.exec_many(&SAME_AGAIN, &columns)?;
    let failed = runs.iter().filter(|run| run.execution.result == RecordState::Error);
    let slots: Vec<(i64, &Executed)> =
        other.into_iter().map(|run| (LAST, run)).chain(failed.map(|run| (LAST_FAILED, run))).collect();
    let columns = [
        Column::Same(directory.0.into()),
        slots.iter().map(|(_, run)| run.key).collect(),
        slots.iter().map(|(slot, _)| *slot).collect(),
        slots.iter().map(|(_, run)| run.execution.id).collect(),
        slots.iter().map(|(_, run)| run.execution.at).collect(),
        slots.iter().map(|(_, run)| run.execution.result as i64).collect(),
        slots.iter().map(|(_, run)| run.execution.reason.clone()).collect(),
        slots.iter().map(|(_, run)| run.rules.clone()).collect(),
        slots.iter().map(|(_, run)| run.digest).collect(),
    ];
    tx.exec_many(&EXECUTED, &columns)?;
    Ok(())
}
