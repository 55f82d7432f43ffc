//! Where an app's cycles stand: the row `run`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use usher_store::{FromRow, Row, Snapshot, Sql, StoreError, Tx, Value};
use uuid::Uuid;

use crate::{app::AppId, heart::Heart, limit::Limits};

/// Objects by what happened to them, each once a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Made at the app.
    pub create: u64,
    /// Changed there.
    pub update: u64,
    /// Deactivated there.
    pub disable: u64,
    /// Activated again.
    pub enable: u64,
    /// Deleted there.
    pub delete: u64,
    /// Nothing to do.
    pub in_sync: u64,
    /// Looked at, not in scope.
    pub out_of_scope: u64,
    /// Failed; they are tried again.
    pub failed: u64,
    /// Leavers held back by the deletion threshold.
    pub staged: u64,
    /// Held back because no more are to be made now ([`crate::limit`]).
    pub held: u64,
}

/// What an object was counted as in a cycle. Numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    Nothing = 0,
    Create = 1,
    Update = 2,
    Disable = 3,
    Enable = 4,
    Delete = 5,
    InSync = 6,
    Failed = 7,
}

impl Counted {
    pub(crate) fn from_number(n: i64) -> Self {
        match n {
            1 => Self::Create,
            2 => Self::Update,
            3 => Self::Disable,
            4 => Self::Enable,
            5 => Self::Delete,
            6 => Self::InSync,
            7 => Self::Failed,
            _ => Self::Nothing,
        }
    }
}

impl Counts {
    fn place(&mut self, as_what: Counted) -> Option<&mut u64> {
        Some(match as_what {
            Counted::Nothing => return None,
            Counted::Create => &mut self.create,
            Counted::Update => &mut self.update,
            Counted::Disable => &mut self.disable,
            Counted::Enable => &mut self.enable,
            Counted::Delete => &mut self.delete,
            Counted::InSync => &mut self.in_sync,
            Counted::Failed => &mut self.failed,
        })
    }

    /// These with what another cycle wrote.
    pub(crate) fn with(&self, other: &Self) -> Self {
        Self {
            create: self.create + other.create,
            update: self.update + other.update,
            disable: self.disable + other.disable,
            enable: self.enable + other.enable,
            delete: self.delete + other.delete,
            ..*other
        }
    }

    /// Counts an object that this cycle had counted as `before`; what it counts as now. A first write stays what it was
    /// (a created user whose manager follows is one create); *in sync* and *failed* give way to what comes later.
    pub(crate) fn count(&mut self, before: Counted, now: Counted) -> Counted {
        let keeps = match before {
            Counted::Nothing | Counted::Failed => false,
            Counted::InSync => now == Counted::InSync,
            Counted::Create | Counted::Update | Counted::Enable => {
                !matches!(now, Counted::Disable | Counted::Delete | Counted::Failed)
            }
            Counted::Disable | Counted::Delete => matches!(now, Counted::InSync),
        };
        if keeps {
            return before;
        }
        // What the first write did stays done: only the weak ones are taken back.
        if matches!(before, Counted::InSync | Counted::Failed)
            && let Some(n) = self.place(before)
        {
            *n = n.saturating_sub(1);
        }
        if let Some(n) = self.place(now) {
            *n += 1;
        }
        now
    }
}

/// Which kind of cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CycleKind {
    /// Everybody is looked at.
    Initial,
    /// Only what changed.
    Incremental,
    /// One object, asked for by name; the cycles know nothing of it.
    OnDemand,
}

/// A cycle, under way or ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cycle {
    /// Its id, as in the log.
    pub id: Uuid,
    /// Which kind.
    pub kind: CycleKind,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Objects done.
    pub done: u64,
    /// Objects planned so far.
    pub planned: u64,
    /// What happened to them.
    pub counts: Counts,
    /// Requests sent to the app by this process.
    #[serde(default)]
    pub requests: u64,
    /// Those of them that write.
    #[serde(default)]
    pub writes: u64,
}

/// Why an app rests although it is on ([`crate::quarantine`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Facts §1.12's reason code, e.g. `EncounteredQuarantineException`.
    pub code: String,
    /// What happened and what to do.
    pub text: String,
    /// Since when.
    pub since: Timestamp,
    /// Since when for this reason.
    #[serde(default)]
    pub began: Option<Timestamp>,
    /// How often it was tried again.
    pub tries: u32,
    /// When it is tried next.
    pub next: Timestamp,
    /// The request that says so: method and path.
    #[serde(default)]
    pub request: Option<String>,
    /// Its answer.
    #[serde(default)]
    pub answer: Option<String>,
    /// How those who are to lose access are tried meanwhile.
    #[serde(default)]
    pub leavers: Leavers,
    /// When the app was switched off for it.
    #[serde(default)]
    pub ended: Option<Timestamp>,
}

/// How leavers are tried at an app that can't be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Leavers {
    /// When next; `None`: at once.
    pub next: Option<Timestamp>,
    /// How often it was tried in vain.
    pub tries: u32,
}

/// The row.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The cycle under way.
    pub cycle: Option<Cycle>,
    /// The last one that ended.
    pub last: Option<Cycle>,
    /// Since when nothing was left to do.
    pub steady: Option<Timestamp>,
    /// When the app last answered as it should.
    pub reachable: Option<Timestamp>,
    /// When the last cycle ended.
    pub ended: Option<Timestamp>,
    /// The app asked for a pause until then (429, 503).
    pub pause: Option<Timestamp>,
    /// Why it rests.
    pub stopped: Option<Stop>,
    /// What is known of it while nothing changes.
    pub heart: Heart,
    /// How many may be made.
    pub limits: Limits,
    /// What all cycles that ended wrote, with what the last one left as it was.
    pub total: Counts,
}

impl FromRow for Run {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let id: Option<Uuid> = row.get(0)?;
        let kind: i64 = row.get(1)?;
        let began: Option<Timestamp> = row.get(2)?;
        let (planned, done): (i64, i64) = (row.get(3)?, row.get(4)?);
        let counts: String = row.get(5)?;
        let cycle = match (id, began) {
            (Some(id), Some(began)) => Some(Cycle {
                id,
                kind: if kind == 1 { CycleKind::Initial } else { CycleKind::Incremental },
                began,
                ended: None,
                done: u64::try_from(done).unwrap_or_default(),
                planned: u64::try_from(planned).unwrap_or_default(),
                counts: json(&counts)?,
                requests: 0,
                writes: 0,
            }),
            _ => None,
        };
        let last: Option<String> = row.get(6)?;
        let stopped: Option<String> = row.get(11)?;
        Ok(Self {
            cycle,
            last: last.as_deref().map(json).transpose()?,
            steady: row.get(7)?,
            reachable: row.get(8)?,
            ended: row.get(9)?,
            pause: row.get(10)?,
            stopped: stopped.as_deref().map(json).transpose()?,
            heart: or_default(row.get(12)?)?,
            limits: or_default(row.get(13)?)?,
            total: or_default(row.get(14)?)?,
        })
    }
}

fn or_default<T: serde::de::DeserializeOwned + Default>(text: Option<String>) -> Result<T, StoreError> {
    text.as_deref().map_or_else(|| Ok(T::default()), json)
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| StoreError::Bug(format!("a row of run can't be read: {e}")))
}

fn text<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Bug(e.to_string()))
}

const GET: Sql = Sql::same(
    "select cycle, kind, began, planned, done, counts, last_cycle, steady, reachable, ended, pause, stopped, \
     heart, limits, total from run where app = $1",
);
const BEGIN: Sql = Sql::same(
    "update run set cycle = $2, kind = $3, began = $4, planned = 0, done = 0, counts = $5 where app = $1",
);
const PROGRESS: Sql = Sql::same("update run set planned = $2, done = $3, counts = $4 where app = $1");
const END: Sql = Sql::same(
    "update run set cycle = null, last_cycle = $2, ended = $3, total = $5, \
     steady = case when $4 = 0 then null else coalesce(steady, $3) end where app = $1",
);
const INITIAL: Sql = Sql::same("update run set kind = 1 where app = $1");
const REACHED: Sql = Sql::same("update run set reachable = $2, pause = null where app = $1");
const PAUSE: Sql = Sql::same("update run set pause = $2 where app = $1");
const HEART: Sql = Sql::same("update run set heart = $2 where app = $1");
const LIMITS: Sql = Sql::same("update run set limits = $2 where app = $1");
const STOP: Sql = Sql::same("update run set stopped = $2 where app = $1");

/// Reads it.
pub fn get(on: &mut Snapshot<'_>, app: AppId) -> Result<Run, StoreError> {
    on.one(&GET, &[app.0.into()])?.ok_or_else(|| StoreError::Bug(format!("app {} has no row in run", app.0)))
}

/// Begins a cycle.
pub(crate) fn begin(tx: &mut Tx<'_>, app: AppId, cycle: &Cycle) -> Result<(), StoreError> {
    let kind = i64::from(cycle.kind == CycleKind::Initial);
    let counts = text(&cycle.counts)?;
    tx.exec(&BEGIN, &[app.0.into(), cycle.id.into(), kind.into(), cycle.began.into(), counts.into()])?;
    Ok(())
}

/// The cycle under way turned out to be an initial one.
pub(crate) fn initial(tx: &mut Tx<'_>, app: AppId) -> Result<(), StoreError> {
    tx.exec(&INITIAL, &[app.0.into()]).map(drop)
}

/// Keeps how far it came.
pub(crate) fn progress(tx: &mut Tx<'_>, app: AppId, cycle: &Cycle) -> Result<(), StoreError> {
    if cycle.kind == CycleKind::OnDemand {
        return Ok(());
    }
    let n = |n: u64| Value::from(i64::try_from(n).unwrap_or(i64::MAX));
    tx.exec(&PROGRESS, &[app.0.into(), n(cycle.planned), n(cycle.done), text(&cycle.counts)?.into()])
        .map(drop)
}

/// Ends it; `steady`: nothing is left to do, not even later.
pub(crate) fn end(
    tx: &mut Tx<'_>,
    app: AppId,
    cycle: &Cycle,
    steady: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let steady = i64::from(steady);
    let total = text(&get(tx, app)?.total.with(&cycle.counts))?;
    tx.exec(&END, &[app.0.into(), text(cycle)?.into(), now.into(), steady.into(), total.into()]).map(drop)
}

/// The app answered as it should.
pub(crate) fn reached(tx: &mut Tx<'_>, app: AppId, at: Timestamp) -> Result<(), StoreError> {
    tx.exec(&REACHED, &[app.0.into(), at.into()]).map(drop)
}

/// The app asked for a pause.
pub(crate) fn pause(tx: &mut Tx<'_>, app: AppId, until: Timestamp) -> Result<(), StoreError> {
    tx.exec(&PAUSE, &[app.0.into(), until.into()]).map(drop)
}

/// The app rests, and why.
pub(crate) fn stop(tx: &mut Tx<'_>, app: AppId, stop: &Stop) -> Result<(), StoreError> {
    tx.exec(&STOP, &[app.0.into(), text(stop)?.into()]).map(drop)
}

/// Keeps what is known of an app while nothing changes.
pub(crate) fn set_heart(tx: &mut Tx<'_>, app: AppId, heart: &Heart) -> Result<(), StoreError> {
    tx.exec(&HEART, &[app.0.into(), text(heart)?.into()]).map(drop)
}

/// Keeps how many may be made.
pub(crate) fn set_limits(tx: &mut Tx<'_>, app: AppId, limits: &Limits) -> Result<(), StoreError> {
    tx.exec(&LIMITS, &[app.0.into(), text(limits)?.into()]).map(drop)
}

/// Lifts a stop.
pub fn lift(tx: &mut Tx<'_>, app: AppId) -> Result<(), StoreError> {
    tx.exec(&STOP, &[app.0.into(), Value::Null]).map(drop)
}
