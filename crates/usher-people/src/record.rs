//! Records: each SCIM user and group as it came, with what the automation rules made of it.

use std::collections::HashMap;

use jiff::Timestamp;
use usher_directory::{
    DirectoryId, Key, Kind, ObjectId,
    config::DirectoryConfig,
    loss,
    object::{self, Draft, PutError, Stored},
};
use usher_store::{Column, FromRow, Row, Snapshot, Sql, StoreError, Tx};
use uuid::Uuid;

use crate::{
    Page, PeopleError, asked, cursor,
    execute::Executed,
    lane,
    row::{self, Change, PersonRow, Saved},
    setting,
    unit::UnitKind,
    user,
};

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordState {
    /// Everything it says is carried over.
    InOrder = 0,
    /// Something was left out; the reason says what.
    Incomplete = 1,
    /// Its rules failed; nothing of them was carried over but access. The reason says why.
    Error = 2,
    /// The guard against mass loss holds what the client took away.
    Held = 3,
    /// What the client took away was rejected: the person is not what the record says.
    Diverged = 4,
}

impl RecordState {
    /// `in_order`, `incomplete`, `error`, `held`, `diverged`.
    pub fn word(self) -> &'static str {
        match self {
            Self::InOrder => "in_order",
            Self::Incomplete => "incomplete",
            Self::Error => "error",
            Self::Held => "held",
            Self::Diverged => "diverged",
        }
    }
    fn from_number(number: i64) -> Result<Self, StoreError> {
        match number {
            0 => Ok(Self::InOrder),
            1 => Ok(Self::Incomplete),
            2 => Ok(Self::Error),
            3 => Ok(Self::Held),
            4 => Ok(Self::Diverged),
            _ => Err(StoreError::Bug(format!("record state {number}"))),
        }
    }
}

/// A run of the rules over a record, in short.
#[derive(Debug, Clone, PartialEq)]
pub struct LastExecution {
    /// Its id.
    pub id: Uuid,
    /// The state it left.
    pub result: RecordState,
    /// When.
    pub at: Timestamp,
}

/// A record, as shapes.md gives it.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Record {
    pub id: ObjectId,
    pub kind: Kind,
    /// userName or displayName as the client last wrote it.
    pub name: String,
    pub external_id: Option<String>,
    pub active: bool,
    pub state: RecordState,
    /// Why it is not in order.
    pub reason: Option<String>,
    /// The person a user is linked to.
    pub person: Option<Uuid>,
    /// The organization or site a group is linked to.
    pub unit: Option<(UnitKind, Uuid)>,
    pub classification: Option<UnitKind>,
    /// When the client made it.
    pub provisioned: Timestamp,
    /// When the client last changed it, as of the last execution.
    pub updated: Timestamp,
    pub last_execution: LastExecution,
}

/// A run of the rules over a record with every expression's value.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Execution {
    pub id: Uuid,
    pub at: Timestamp,
    pub result: RecordState,
    pub reason: Option<String>,
    /// `[{"rule", "condition", "expressions": {name: value}, "actions": [{"action", "value"}]}]`.
    pub rules: serde_json::Value,
}

/// A record with its last execution and the last that failed.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Detail {
    pub record: Record,
    pub last: Option<Execution>,
    pub last_failed: Option<Execution>,
}

/// The order of a list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// By *Provisioned at*.
    #[default]
    Provisioned,
    /// By *Updated at*.
    Updated,
}

/// Which records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Query {
    /// Users or groups; `None`: both.
    pub kind: Option<Kind>,
    /// Order.
    pub sort: Sort,
    /// Only those that are not in order.
    pub errors: bool,
}

/// How many records are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Figures {
    pub in_order: i64,
    pub incomplete: i64,
    pub error: i64,
    pub held: i64,
    pub diverged: i64,
}

macro_rules! record_columns {
    () => {
        "select r.object, r.id, r.kind, r.state, r.reason, u.kind, u.id, r.classification, r.provisioned, \
         r.updated, e.id, e.result, e.at, p.id from record r \
         join execution e on e.directory = r.directory and e.object = r.object and e.slot = 0 \
         left join unit u on u.key = r.unit \
         left join person p on p.directory = r.directory and p.record = r.object \
         where r.directory = $1 "
    };
}
macro_rules! record_page {
    ($time:literal, $only:literal) => {
        Sql::same(concat!(
            record_columns!(),
            "and r.kind = $2 ",
            $only,
            "and (r.",
            $time,
            ", r.object) < ($3, $4) order by r.",
            $time,
            " desc, r.object desc limit $5"
        ))
    };
}

const BY_PROVISIONED: Sql = record_page!("provisioned", "");
const BY_UPDATED: Sql = record_page!("updated", "");
const WRONG_BY_PROVISIONED: Sql = record_page!("provisioned", "and r.state <> 0 ");
const WRONG_BY_UPDATED: Sql = record_page!("updated", "and r.state <> 0 ");
const BY_ID: Sql = Sql::same(concat!(record_columns!(), "and r.id = $2"));
const OBJECT_OF: Sql = Sql::same("select object from record where directory = $1 and id = $2");
const EXECUTIONS: Sql = Sql::same(
    "select slot, id, at, result, reason, rules from execution where directory = $1 and object = $2 order by slot",
);
const FIGURES: Sql = Sql::same(
    "select kind, state, count(*) from record where directory = $1 group by kind, state order by kind, state",
);

/// A row of `record` with what it is linked to; name and externalId are the SCIM object's.
struct RecordRow {
    object: i64,
    record: Record,
}

impl FromRow for RecordRow {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let unit = match (row.get::<Option<i64>>(5)?, row.get::<Option<Uuid>>(6)?) {
            (Some(kind), Some(id)) => Some((UnitKind::from_number(kind)?, id)),
            _ => None,
        };
        let kind = if row.get::<i64>(2)? == Kind::User as i64 { Kind::User } else { Kind::Group };
        Ok(Self {
            object: row.get(0)?,
            record: Record {
                id: ObjectId(row.get(1)?),
                kind,
                name: String::new(),
                external_id: None,
                active: false,
                state: RecordState::from_number(row.get(3)?)?,
                reason: row.get(4)?,
                person: row.get(13)?,
                unit,
                classification: row.get::<Option<i64>>(7)?.map(UnitKind::from_number).transpose()?,
                provisioned: row.get(8)?,
                updated: row.get(9)?,
                last_execution: LastExecution {
                    id: row.get(10)?,
                    result: RecordState::from_number(row.get(11)?)?,
                    at: row.get(12)?,
                },
            },
        })
    }
}

/// A row of `execution`.
struct Slot {
    slot: i64,
    execution: Execution,
}

impl FromRow for Slot {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let rules = serde_json::from_slice(&row.get::<Vec<u8>>(5)?)
            .map_err(|error| StoreError::Bug(format!("an execution's JSON: {error}")))?;
        Ok(Self {
            slot: row.get(0)?,
            execution: Execution {
                id: row.get(1)?,
                at: row.get(2)?,
                result: RecordState::from_number(row.get(3)?)?,
                reason: row.get(4)?,
                rules,
            },
        })
    }
}

/// A page, newest first. A record whose SCIM object is just gone is left out: it is about to go. Not so while that is held.
pub fn list(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    query: Query,
    after: Option<&str>,
    most: usize,
) -> Result<Page<Record>, PeopleError> {
    let (time, object) = cursor::pair(after)?.unwrap_or((i64::MAX, i64::MAX));
    let sql = match (query.sort, query.errors) {
        (Sort::Provisioned, false) => &BY_PROVISIONED,
        (Sort::Updated, false) => &BY_UPDATED,
        (Sort::Provisioned, true) => &WRONG_BY_PROVISIONED,
        (Sort::Updated, true) => &WRONG_BY_UPDATED,
    };
    let key = |row: &RecordRow| match query.sort {
        Sort::Provisioned => (row.record.provisioned.as_millisecond(), row.object),
        Sort::Updated => (row.record.updated.as_millisecond(), row.object),
    };
    let mut rows: Vec<RecordRow> = Vec::new();
    for kind in [Kind::User, Kind::Group] {
        if query.kind.is_none_or(|wanted| wanted == kind) {
            let args =
                [directory.0.into(), (kind as i64).into(), time.into(), object.into(), cursor::limit(most)];
            rows.extend(on.all::<RecordRow>(sql, &args, most + 1)?);
        }
    }
    rows.sort_by_key(|row| std::cmp::Reverse(key(row)));
    let next = cursor::cut(&mut rows, most, |row| {
        let (time, object) = key(row);
        format!("{time}.{object}")
    });
    Ok(Page { items: records(on, directory, rows)?, next })
}

/// Fills in what the SCIM objects say now.
fn records(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    rows: Vec<RecordRow>,
) -> Result<Vec<Record>, StoreError> {
    let keys: Vec<Key> = rows.iter().map(|row| Key(row.object)).collect();
    let objects = if keys.is_empty() { Vec::new() } else { object::by_keys(on, directory, &keys)? };
    let objects: HashMap<i64, Stored> = objects.into_iter().map(|stored| (stored.key.0, stored)).collect();
    let gone: Vec<Key> =
        rows.iter().map(|row| row.object).filter(|key| !objects.contains_key(key)).map(Key).collect();
    let held = loss::of_objects(on, directory, &gone)?;
    let mut records = Vec::with_capacity(rows.len());
    for RecordRow { object, mut record } in rows {
        let Some(stored) = objects.get(&object) else {
            if let Some(holding) = held.get(&Key(object)) {
                record.name.clone_from(&holding.name);
                records.push(record);
            }
            continue;
        };
        record.name = stored.name().to_owned();
        record.external_id = stored.object()?.get("externalId").and_then(|id| id.as_str()).map(str::to_owned);
        record.active = lane::active(stored);
        records.push(record);
    }
    Ok(records)
}

/// One with its executions.
pub fn show(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    id: ObjectId,
) -> Result<Option<Detail>, PeopleError> {
    let Some(row) = on.one::<RecordRow>(&BY_ID, &[directory.0.into(), id.0.into()])? else {
        return Ok(None);
    };
    let object = row.object;
    let Some(record) = records(on, directory, vec![row])?.pop() else { return Ok(None) };
    let slots: Vec<Slot> = on.all(&EXECUTIONS, &[directory.0.into(), object.into()], 2)?;
    let mut detail = Detail { record, last: None, last_failed: None };
    for Slot { slot, execution } in slots {
        match slot {
            LAST => detail.last = Some(execution),
            _ => detail.last_failed = Some(execution),
        }
    }
    Ok(Some(detail))
}

/// Counts by state; `None`: of both kinds.
pub fn figures(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    kind: Option<Kind>,
) -> Result<Figures, PeopleError> {
    let mut figures = Figures::default();
    let rows: Vec<(i64, i64, i64)> = on.all(&FIGURES, &[directory.0.into()], 10)?;
    for (of, state, count) in rows {
        if kind.is_some_and(|kind| kind as i64 != of) {
            continue;
        }
        match RecordState::from_number(state)? {
            RecordState::InOrder => figures.in_order += count,
            RecordState::Incomplete => figures.incomplete += count,
            RecordState::Error => figures.error += count,
            RecordState::Held => figures.held += count,
            RecordState::Diverged => figures.diverged += count,
        }
    }
    Ok(figures)
}

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
pub(crate) fn release(
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
    asked::forget(tx, directory, record)?;
    loss::forget(tx, directory, &[record])?;
    for sql in [&FORGET_EXECUTIONS, &FORGET] {
        tx.exec(sql, &[directory.0.into(), record.0.into()])?;
    }
    Ok(())
}

/// Forgets records whose SCIM objects are gone.
pub(crate) fn forget_all(tx: &mut Tx<'_>, directory: DirectoryId, records: &[i64]) -> Result<(), StoreError> {
    loss::forget(tx, directory, &records.iter().copied().map(Key).collect::<Vec<_>>())?;
    for record in records {
        asked::forget(tx, directory, Key(*record))?;
        for sql in [&FORGET_EXECUTIONS, &FORGET] {
            tx.exec(sql, &[directory.0.into(), (*record).into()])?;
        }
    }
    Ok(())
}

const FORGET_EXECUTIONS: Sql = Sql::same("delete from execution where directory = $1 and object = $2");
const FORGET: Sql = Sql::same("delete from record where directory = $1 and object = $2");

/// The slot of the last execution.
const LAST: i64 = 0;
/// The slot of the last one that failed.
const LAST_FAILED: i64 = 1;

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
