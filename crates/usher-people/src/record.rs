//! Records: each SCIM user and group as it came, with what the automation rules made of it.

use jiff::Timestamp;
use usher_directory::{DirectoryId, Kind, ObjectId};
use usher_store::{Snapshot, Tx};
use uuid::Uuid;

use crate::{Page, PeopleError, unit::UnitKind};

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordState {
    /// Everything it says is carried over.
    InOrder = 0,
    /// Something was left out; the reason says what.
    Incomplete = 1,
    /// Its rules failed; nothing of them was carried over but access. The reason says why.
    Error = 2,
}

impl RecordState {
    /// `in_order`, `incomplete`, `error`.
    pub fn word(self) -> &'static str {
        match self {
            Self::InOrder => "in_order",
            Self::Incomplete => "incomplete",
            Self::Error => "error",
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
    /// Why it is incomplete or in error.
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

/// A record with its last execution and the last that did not end in order.
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
}

/// A page, newest first.
pub fn list(
    _on: &mut Snapshot<'_>,
    _directory: DirectoryId,
    _query: Query,
    _after: Option<&str>,
    _most: usize,
) -> Result<Page<Record>, PeopleError> {
    todo!()
}

/// One with its executions.
pub fn show(
    _on: &mut Snapshot<'_>,
    _directory: DirectoryId,
    _id: ObjectId,
) -> Result<Option<Detail>, PeopleError> {
    todo!()
}

/// Counts by state; `None`: of both kinds.
pub fn figures(
    _on: &mut Snapshot<'_>,
    _directory: DirectoryId,
    _kind: Option<Kind>,
) -> Result<Figures, PeopleError> {
    todo!()
}

/// An administrator's repair: the SCIM user or group is removed from the directory, so that the client makes it anew; its
/// person stays as it is, unlinked, unless `disable` ends access as well.
pub fn delete(
    _tx: &mut Tx<'_>,
    _directory: DirectoryId,
    _id: ObjectId,
    _disable: bool,
    _now: Timestamp,
) -> Result<(), PeopleError> {
    todo!()
}
