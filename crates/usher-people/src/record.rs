//! Records: each SCIM user and group as it came, with what the automation rules made of it.

mod write;

use std::collections::HashMap;

use jiff::Timestamp;
use usher_directory::{
    DirectoryId, Key, Kind, ObjectId, loss,
    object::{self, Stored},
};
use usher_store::{FromRow, Row, Snapshot, Sql, StoreError};
use uuid::Uuid;

use crate::{Page, PeopleError, cursor, unit::UnitKind};

pub use write::{Leaving, delete};
pub(crate) use write::{executed, forget_all, kept};

/// The slot of the last execution.
const LAST: i64 = 0;
/// The slot of the last one that failed.
const LAST_FAILED: i64 = 1;

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
    /// The integration that wrote it last, as `okta`; `None`: its SCIM object is gone.
    pub integration: Option<String>,
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
         r.updated, e.id, e.result, e.at, p.id, t.provider from record r \
         join execution e on e.directory = r.directory and e.object = r.object and e.slot = 0 \
         left join unit u on u.key = r.unit \
         left join person p on p.directory = r.directory and p.record = r.object \
         left join object o on o.key = r.object left join token t on t.id = o.token \
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
                integration: row.get(14)?,
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
        record.active = stored.counts();
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
