//! Dry runs: what other rules would do to the people there are. Every SCIM group and user is run over what is stored, block by
//! block, and nothing is written. Groups go first, and users see what those would stand for.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};
use usher_directory::{DirectoryId, Key, Kind, object};
use usher_jobs::{clock::Clock, work::Item};
use usher_store::{Snapshot, Store, StoreError};
use uuid::Uuid;

use crate::{
    PeopleError,
    execute::{Batch, Job, Outcome},
    known::Known,
    record::RecordState,
    row::{Change, PersonRow},
    rule::Draft,
    rules::Rules,
    unit::UnitKind,
};

/// Records run in one read.
const BLOCK: usize = 200;
/// The longest a read may take.
const READ: std::time::Duration = std::time::Duration::from_secs(5);

/// What would come of rules.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Records that were run.
    pub records: u64,
    /// People who would be made.
    pub created: u64,
    /// People of whom something would change, access aside.
    pub updated: u64,
    /// People who would lose access.
    pub disabled: u64,
    /// People who would get access back.
    pub enabled: u64,
    /// Organizations and sites that would be made or renamed.
    pub units: Vec<UnitChange>,
    /// Records that would fail and do not now, with the reason: the first of them.
    pub failing: Vec<(Uuid, String)>,
    /// How many of those there are.
    pub failures: u64,
    /// Who would change and how: the first of them.
    pub changes: Vec<PersonChange>,
}

impl Report {
    /// Whether nobody and nothing would change.
    pub fn is_empty(&self) -> bool {
        self.created + self.updated + self.disabled + self.enabled + self.failures == 0
            && self.units.is_empty()
    }
}

/// An organization or site that would be made or renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitChange {
    /// Organization or site.
    pub kind: UnitKind,
    /// Its present name; none: it would be made.
    pub before: Option<String>,
    /// The name it would have.
    pub after: String,
}

/// What would happen to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It would be made.
    Create,
    /// Fields would change.
    Update,
    /// Access would end (fields may change too).
    Disable,
    /// Access would come back (fields may change too).
    Enable,
}

impl What {
    /// `create`, `update`, `disable`, `enable`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Disable => "disable",
            Self::Enable => "enable",
        }
    }
}

/// A person who would change.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonChange {
    /// The person; none: a new one.
    pub person: Option<Uuid>,
    /// Name and primary e-mail address as they would be.
    pub name: String,
    /// See there.
    pub primary_email: String,
    /// What would happen.
    pub what: What,
    /// Field, present value, other value; null: none.
    pub fields: Vec<(String, Value, Value)>,
}

/// Runs `draft` over everybody. At most `most` people and failures are told one by one, all are counted. Blocks: never call
/// it on an async worker.
///
/// # Errors
/// [`PeopleError::Rules`], and the database's.
pub fn dry_run(
    store: &Store,
    clock: &Clock,
    directory: DirectoryId,
    draft: &Draft,
    most: usize,
) -> Result<Report, PeopleError> {
    let rules = Arc::new(draft.compile()?);
    let mut report = Report::default();
    let mut known = Known::default();
    for kind in [Kind::Group, Kind::User] {
        let mut after = None;
        loop {
            let block = Block { directory, kind, after, ids: (0..BLOCK).map(|_| clock.id()).collect() };
            let (now, rules, base) = (clock.now(), rules.clone(), known);
            let read = store.block_read(READ, move |on| {
                let mut known = base.clone();
                let run = block.run(on, &rules, &mut known, now)?;
                Ok::<_, StoreError>((run, known))
            });
            let (run, seen) = read?;
            known = seen;
            let Some((outcome, last)) = run else { break };
            report.add(&outcome, &known, most);
            known.settle_units();
            known.forget_people();
            after = Some(last);
        }
    }
    Ok(report)
}

/// Some records of a kind.
#[derive(Debug, Clone)]
struct Block {
    directory: DirectoryId,
    kind: Kind,
    after: Option<Key>,
    ids: Vec<Uuid>,
}

impl Block {
    /// The run and the last record of it; `None`: there was no record left.
    fn run(
        &self,
        on: &mut Snapshot<'_>,
        rules: &Rules,
        known: &mut Known,
        now: jiff::Timestamp,
    ) -> Result<Option<(Outcome, Key)>, StoreError> {
        let objects = object::walk(on, self.directory, self.kind, self.after, BLOCK, true)?;
        let Some(last) = objects.last().map(|stored| stored.key) else { return Ok(None) };
        let job = |(stored, id): (&object::Stored, &Uuid)| {
            let object = stored.key.0;
            let item = Item { object, lane: 0, due: now, tries: 0, reason: 0, stamp: 0, error: None };
            Job { item, fresh: *id, execution: *id }
        };
        let jobs = objects.iter().zip(&self.ids).map(job).collect();
        let batch = Batch { directory: self.directory, jobs, now };
        let outcome = batch.run_in(on, rules, known)?;
        let endless = || StoreError::Bug("rules that ask without end".into());
        Ok(Some((outcome.ok_or_else(endless)?, last)))
    }
}

impl Report {
    fn add(&mut self, outcome: &Outcome, known: &Known, most: usize) {
        self.records += outcome.executed.len() as u64;
        for (before, after, _) in &outcome.units {
            self.units.push(UnitChange {
                kind: after.kind,
                before: before.as_ref().map(|unit| unit.name.clone()),
                after: after.name.clone(),
            });
        }
        for run in &outcome.executed {
            if run.execution.result == RecordState::Error && !run.failed_before() {
                self.failures += 1;
                if self.failing.len() < most {
                    self.failing.push((run.id.0, run.execution.reason.clone().unwrap_or_default()));
                }
            }
        }
        // Both steps of one person are one change.
        let mut changes: BTreeMap<Uuid, Change> = BTreeMap::new();
        for (change, _) in outcome.access.iter().chain(&outcome.people) {
            changes
                .entry(change.after.id)
                .and_modify(|whole| whole.after = change.after.clone())
                .or_insert_with(|| change.clone());
        }
        for change in changes.values() {
            self.person(change, known, most);
        }
    }

    fn person(&mut self, change: &Change, known: &Known, most: usize) {
        let (before, after) = (change.before.as_ref(), &change.after);
        let fields = match before {
            Some(before) => differing(&fields(before, known), &fields(after, known)),
            None => differing(&BTreeMap::new(), &fields(after, known)),
        };
        if before.is_some() && fields.is_empty() {
            return;
        }
        let what = match before {
            None => What::Create,
            Some(before) if !before.disabled && after.disabled => What::Disable,
            Some(before) if before.disabled && !after.disabled => What::Enable,
            Some(_) => What::Update,
        };
        match what {
            What::Create => self.created += 1,
            What::Update => self.updated += 1,
            What::Disable => self.disabled += 1,
            What::Enable => self.enabled += 1,
        }
        if self.changes.len() < most {
            self.changes.push(PersonChange {
                person: before.map(|before| before.id),
                name: after.name.clone(),
                primary_email: after.email.clone(),
                what,
                fields,
            });
        }
    }
}

fn differing(
    before: &BTreeMap<String, Value>,
    after: &BTreeMap<String, Value>,
) -> Vec<(String, Value, Value)> {
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let of = |fields: &BTreeMap<String, Value>, name: &str| fields.get(name).cloned().unwrap_or_default();
    names
        .into_iter()
        .map(|name| (name.clone(), of(before, name), of(after, name)))
        .filter(|(_, before, after)| before != after)
        .collect()
}

/// A person's fields that have a value, as rules spell them; organizations, sites and managers by name.
pub(crate) fn fields(row: &PersonRow, known: &Known) -> BTreeMap<String, Value> {
    let mut fields = BTreeMap::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            fields.insert(name.to_owned(), value);
        }
    };
    put("name", json!(row.name));
    put("primary_email", json!(row.email));
    put("job_title", json!(row.job_title));
    put("location", json!(row.location));
    put("employee_id", json!(row.employee_id));
    put("support_id", json!(row.support_id));
    put("locale", json!(row.locale));
    put("time_zone", json!(row.time_zone));
    put("vip", json!(row.vip));
    put("disabled", json!(row.disabled));
    put("source_id", json!(row.source_id));
    if row.protected {
        put("protected", json!(true));
    }
    let unit = |id: Option<Uuid>| json!(id.and_then(|id| known.known_unit(id)).map(|unit| &unit.name));
    put("organization", unit(row.organization));
    put("site", unit(row.site));
    put("manager", json!(row.manager.and_then(|id| known.manager(id)).map(|manager| manager.name)));
    if !row.contacts.is_empty() {
        put("contacts", json!(row.contacts));
    }
    if !row.addresses.is_empty() {
        put("addresses", json!(row.addresses));
    }
    for (name, value) in &row.custom {
        put(&format!("custom_fields.{name}"), value.clone());
    }
    fields
}
