//! The provisioning log: one entry for each object and change, in Entra's schema (facts §5.1), written with the state it describes.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use usher_directory::{Kind, ObjectId};
use usher_store::{Snapshot, Sql, StoreError, Tx, Value};
use uuid::Uuid;

use crate::{
    app::{App, AppId},
    diff::Difference,
};

/// `provisioningAction`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Action {
    Create,
    Update,
    Disable,
    Delete,
    StagedDelete,
    Other,
}

impl Action {
    /// As Entra spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Disable => "disable",
            Self::Delete => "delete",
            Self::StagedDelete => "stageddelete",
            Self::Other => "other",
        }
    }
}

/// `provisioningStatusInfo.status`, and of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Status {
    Success,
    Failure,
    Skipped,
    Warning,
}

impl Status {
    /// As Entra spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
        }
    }
}

/// `provisioningStepType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum StepType {
    Import,
    Scoping,
    Matching,
    Processing,
    ReferenceResolution,
    Export,
}

impl StepType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Scoping => "scoping",
            Self::Matching => "matching",
            Self::Processing => "processing",
            Self::ReferenceResolution => "referenceResolution",
            Self::Export => "export",
        }
    }
}

/// One of `provisioningSteps`.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// E.g. `EntryExportAdd` (facts §5.2).
    pub name: &'static str,
    /// Its type.
    pub kind: StepType,
    /// How it went.
    pub status: Status,
    /// A sentence with object and system.
    pub description: String,
    /// E.g. `{"IsActive": "True"}`.
    pub details: Json,
}

/// `errorInformation`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Facts §5.4.
    pub code: &'static str,
    /// What happened, in the app's words where it had any.
    pub reason: String,
    /// What to do.
    pub action: &'static str,
    /// Whether it counts as ours or the app's passing trouble (`failure`, `nonServiceFailure`).
    pub passing: bool,
}

/// An entry to write.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) cycle: Uuid,
    pub(crate) change: Uuid,
    pub(crate) kind: Kind,
    pub(crate) source: ObjectId,
    pub(crate) name: String,
    pub(crate) target: Option<String>,
    pub(crate) action: Action,
    pub(crate) status: Status,
    pub(crate) steps: Vec<Step>,
    pub(crate) modified: Vec<Difference>,
    pub(crate) failure: Option<Failure>,
    /// A code for entries that are no failures, e.g. `ImportSkipped`, `UnableToResolveReferenceAttributeValue`.
    pub(crate) note: Option<(&'static str, String)>,
    pub(crate) milliseconds: u64,
    pub(crate) attempt: i64,
    /// Who asked for it by name; `None`: a cycle came by.
    pub(crate) by: Option<Arc<str>>,
}

fn printed(value: &Json, redacted: bool) -> Json {
    match value {
        Json::Null => Json::Null,
        _ if redacted => json!("[Redact]"),
        Json::String(s) => json!(s),
        Json::Bool(b) => json!(if *b { "True" } else { "False" }),
        other => json!(other.to_string()),
    }
}

impl Entry {
    fn code(&self) -> Option<&'static str> {
        self.failure.as_ref().map(|f| f.code).or(self.note.as_ref().map(|n| n.0))
    }

    fn document(&self, app: &App) -> Json {
        let identity = |id: Option<String>, name: &str| json!({ "id": id, "displayName": name, "identityType": kind(self.kind), "details": {} });
        let steps: Vec<Json> = self
            .steps
            .iter()
            .map(|s| {
                json!({ "name": s.name, "provisioningStepType": s.kind.as_str(), "status": s.status.as_str(),
                    "description": s.description, "details": s.details })
            })
            .collect();
        let modified: Vec<Json> = self
            .modified
            .iter()
            .map(|d| {
                json!({ "displayName": d.path.to_string(), "oldValue": printed(&d.old, d.redacted),
                    "newValue": printed(&d.new, d.redacted) })
            })
            .collect();
        let error = match (&self.failure, &self.note) {
            (Some(f), _) => json!({ "errorCode": f.code, "reason": f.reason, "additionalDetails": null,
                "recommendedAction": f.action, "errorCategory": if f.passing { "nonServiceFailure" } else { "failure" } }),
            (None, Some((code, reason))) => {
                json!({ "errorCode": code, "reason": reason, "additionalDetails": null,
                "recommendedAction": null, "errorCategory": "success" })
            }
            (None, None) => Json::Null,
        };
        json!({
            "id": self.change.to_string(),
            "activityDateTime": usher_scim::prepare::print_time(self.at.as_millisecond()),
            "jobId": app.consumer(),
            "cycleId": self.cycle.to_string(),
            "changeId": self.change.to_string(),
            "provisioningAction": self.action.as_str(),
            "durationInMilliseconds": self.milliseconds,
            "initiatedBy": match &self.by {
                Some(by) => json!({ "id": &**by, "displayName": &**by, "initiatorType": "user" }),
                None => json!({ "id": "", "displayName": "Usher", "initiatorType": "system" }),
            },
            "servicePrincipal": { "id": app.consumer(), "displayName": app.name },
            "sourceSystem": { "id": app.directory.0.to_string(), "displayName": "Usher directory", "details": {} },
            "targetSystem": { "id": app.template.name, "displayName": app.name,
                "details": { "ApplicationId": app.consumer(), "ServicePrincipalId": app.consumer(),
                    "ServicePrincipalDisplayName": app.name } },
            "sourceIdentity": identity(Some(self.source.0.to_string()), &self.name),
            "targetIdentity": identity(self.target.clone(), &self.name),
            "provisioningSteps": steps,
            "modifiedProperties": modified,
            "provisioningStatusInfo": { "status": self.status.as_str(), "errorInformation": error },
            "attempt": self.attempt,
        })
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "User",
        Kind::Group => "Group",
    }
}

const INSERT: Sql = Sql::same(
    "insert into provisioning (app, at, cycle, kind, source, action, status, code, doc) \
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
);
const PAGE: Sql = Sql::each(
    "select id, doc from provisioning where app = $1 and id > $2 and ($3 is null or source = $3) \
     and ($4 is null or cycle = $4) and ($5 is null or status = $5) and ($6 is null or action = $6) \
     and ($7 is null or code = $7) and ($8 is null or at >= $8) and ($9 is null or at < $9) order by id limit $10",
    "select id, doc from provisioning where app = $1 and id > $2 and ($3::bytea is null or source = $3) \
     and ($4::bytea is null or cycle = $4) and ($5::text is null or status = $5) and ($6::text is null or action = $6) \
     and ($7::text is null or code = $7) and ($8::bigint is null or at >= $8) and ($9::bigint is null or at < $9) \
     order by id limit $10",
);
const PAGE_BACK: Sql = Sql::each(
    "select id, doc from provisioning where app = $1 and id < $2 and ($3 is null or source = $3) \
     and ($4 is null or cycle = $4) and ($5 is null or status = $5) and ($6 is null or action = $6) \
     and ($7 is null or code = $7) and ($8 is null or at >= $8) and ($9 is null or at < $9) order by id desc limit $10",
    "select id, doc from provisioning where app = $1 and id < $2 and ($3::bytea is null or source = $3) \
     and ($4::bytea is null or cycle = $4) and ($5::text is null or status = $5) and ($6::text is null or action = $6) \
     and ($7::text is null or code = $7) and ($8::bigint is null or at >= $8) and ($9::bigint is null or at < $9) \
     order by id desc limit $10",
);
const PRUNE: Sql = Sql::same(
    "delete from provisioning where id in (select id from provisioning where at < $1 order by at limit $2)",
);

/// Which entries.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// Of this user or group (its id in the directory).
    pub source: Option<ObjectId>,
    /// Of this cycle.
    pub cycle: Option<Uuid>,
    /// `success`, `failure`, `skipped`, `warning`.
    pub status: Option<String>,
    /// `create`, `update`, `disable`, `delete`, `stageddelete`, `other`.
    pub action: Option<String>,
    /// An error code.
    pub code: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Go on from an entry's number; `None`: from the beginning (or, newest first, the end).
    pub from: Option<i64>,
    /// Newest first.
    pub newest_first: bool,
}

/// An entry as read: its number (to go on from) and Entra's document.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// Rises with time within an app.
    pub number: i64,
    /// `provisioningObjectSummary`.
    pub document: Json,
}

/// Writes entries.
pub(crate) fn write(tx: &mut Tx<'_>, app: &App, entries: &[Entry]) -> Result<(), StoreError> {
    for e in entries {
        let doc = serde_json::to_vec(&e.document(app)).map_err(|e| StoreError::Bug(e.to_string()))?;
        let args = [
            app.id.0.into(),
            e.at.into(),
            e.cycle.into(),
            (e.kind as i64).into(),
            e.source.0.into(),
            e.action.as_str().into(),
            e.status.as_str().into(),
            e.code().map_or(Value::Null, Value::from),
            doc.into(),
        ];
        tx.exec(&INSERT, &args)?;
    }
    Ok(())
}

/// A page of entries.
pub fn page(on: &mut Snapshot<'_>, app: AppId, query: &Query, most: usize) -> Result<Vec<Read>, StoreError> {
    fn or_null<T: Into<Value>>(value: Option<T>) -> Value {
        value.map_or(Value::Null, |v| v.into())
    }
    let (sql, from) = if query.newest_first {
        (&PAGE_BACK, query.from.unwrap_or(i64::MAX))
    } else {
        (&PAGE, query.from.unwrap_or(-1))
    };
    let args = [
        app.0.into(),
        from.into(),
        or_null(query.source.map(|s| s.0)),
        or_null(query.cycle),
        or_null(query.status.clone()),
        or_null(query.action.clone()),
        or_null(query.code.clone()),
        or_null(query.since),
        or_null(query.until),
        i64::try_from(most).unwrap_or(i64::MAX).into(),
    ];
    let rows: Vec<(i64, Vec<u8>)> = on.all(sql, &args, most)?;
    rows.into_iter()
        .map(|(number, doc)| {
            let document = serde_json::from_slice(&doc)
                .map_err(|e| StoreError::Bug(format!("log entry {number} can't be read: {e}")))?;
            Ok(Read { number, document })
        })
        .collect()
}

/// Removes entries of all apps older than `before`, at most `most`; how many.
pub fn prune(tx: &mut Tx<'_>, before: Timestamp, most: usize) -> Result<u64, StoreError> {
    tx.exec(&PRUNE, &[before.into(), i64::try_from(most).unwrap_or(i64::MAX).into()])
}
