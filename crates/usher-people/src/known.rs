//! What a batch knows: rows as they were read, and over them what its own runs have made of them.
//!
//! Nothing here asks the database. A question that is not answered yet is noted and answered with nothing for now; when the
//! batch has come to its end, all that were noted are answered together, and the batch runs again from its beginning. So
//! hundreds of records cost a handful of statements, and their runs stay plain functions of what is known.

mod answer;

use std::collections::{BTreeSet, HashMap, hash_map::Entry};

use usher_directory::ObjectId;
use uuid::Uuid;

use crate::{
    asked::email_folded,
    row::{self, Loaded, PersonRef, PersonRow, UnitRef},
    unit::{self, UnitKind},
    world::Standing,
};

/// A question to the database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ask {
    /// Who has this primary e-mail address (folded)?
    Email(Vec<u8>),
    /// Whom does this SCIM user govern?
    Record(i64),
    /// Which SCIM user has this id?
    Scim(Uuid),
    /// Is this SCIM user there and active, and what is its id?
    Holder(i64),
    /// Who has this id?
    Person(Uuid),
    /// Which organization or site has this name (folded)?
    Name(UnitKind, Vec<u8>),
    /// Which one has this id?
    Unit(Uuid),
    /// Which groups stand for it?
    Groups(Uuid),
    /// What does this group stand for?
    Standing(i64),
}

/// A record that governs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) id: ObjectId,
    pub(crate) active: bool,
    /// The integration that provisions it, as `okta`.
    pub(crate) integration: Option<String>,
}

/// Rows by what they are found by.
#[derive(Debug, Default, Clone)]
struct Facts {
    people: HashMap<Uuid, Option<PersonRow>>,
    by_email: HashMap<Vec<u8>, Option<Uuid>>,
    by_record: HashMap<i64, Option<Uuid>>,
    units: HashMap<Uuid, Option<UnitRef>>,
    by_name: HashMap<(UnitKind, Vec<u8>), Option<Uuid>>,
    standings: HashMap<i64, Standing>,
}

/// See the module.
#[derive(Debug, Default, Clone)]
pub(crate) struct Known {
    read: Facts,
    made: Facts,
    /// Managers in short, of people that were read.
    managers: HashMap<Uuid, PersonRef>,
    scim: HashMap<Uuid, Option<i64>>,
    holders: HashMap<i64, Option<Holder>>,
    /// Groups that stand for a unit: key and SCIM id, oldest first.
    groups: HashMap<Uuid, Vec<(i64, Uuid)>>,
    missing: BTreeSet<Ask>,
    /// The run, by its number in the batch, that changed a person, organization or site last.
    changed_by: HashMap<Uuid, usize>,
}

impl Known {
    /// Forgets what was made; what was read stays.
    pub(crate) fn begin_anew(&mut self) {
        self.made = Facts::default();
        self.changed_by.clear();
    }

    /// Forgets people; what is known of organizations, sites and groups stays.
    pub(crate) fn forget_people(&mut self) {
        for facts in [&mut self.read, &mut self.made] {
            facts.people.clear();
            facts.by_email.clear();
            facts.by_record.clear();
        }
        self.managers.clear();
        self.scim.clear();
        self.holders.clear();
        self.changed_by.clear();
    }

    fn person_row(&self, id: Uuid) -> Option<&PersonRow> {
        self.made.people.get(&id).or_else(|| self.read.people.get(&id))?.as_ref()
    }

    /// The person with this id.
    pub(crate) fn person(&mut self, id: Uuid) -> Option<&PersonRow> {
        if !self.made.people.contains_key(&id) && !self.read.people.contains_key(&id) {
            self.missing.insert(Ask::Person(id));
        }
        self.person_row(id)
    }

    /// The person with this primary e-mail address.
    pub(crate) fn by_email(&mut self, email: &str) -> Option<&PersonRow> {
        let folded = email_folded(email);
        let id = match self.made.by_email.get(&folded).or_else(|| self.read.by_email.get(&folded)) {
            Some(id) => *id,
            None => {
                self.missing.insert(Ask::Email(folded));
                None
            }
        };
        self.person_row(id?)
    }

    /// The person that this SCIM user governs.
    pub(crate) fn by_record(&mut self, record: i64) -> Option<&PersonRow> {
        let id = match self.made.by_record.get(&record).or_else(|| self.read.by_record.get(&record)) {
            Some(id) => *id,
            None => {
                self.missing.insert(Ask::Record(record));
                None
            }
        };
        self.person_row(id?)
    }

    /// The person of the SCIM user with this id.
    pub(crate) fn of_scim_user(&mut self, id: Uuid) -> Option<&PersonRow> {
        let Some(record) = self.scim.get(&id) else {
            self.missing.insert(Ask::Scim(id));
            return None;
        };
        self.by_record((*record)?)
    }

    /// The SCIM user of this key, if it is there.
    pub(crate) fn holder(&mut self, record: i64) -> Option<Holder> {
        match self.holders.get(&record) {
            Some(holder) => holder.clone(),
            None => {
                self.missing.insert(Ask::Holder(record));
                None
            }
        }
    }

    /// A manager in short.
    pub(crate) fn manager(&self, id: Uuid) -> Option<PersonRef> {
        match self.person_row(id) {
            Some(row) => Some(PersonRef {
                id,
                name: row.name.clone(),
                email: row.email.clone(),
                disabled: row.disabled,
            }),
            None => self.managers.get(&id).cloned(),
        }
    }

    /// The organization or site with this id.
    pub(crate) fn unit(&mut self, id: Uuid) -> Option<&UnitRef> {
        match self.made.units.get(&id).or_else(|| self.read.units.get(&id)) {
            Some(unit) => unit.as_ref(),
            None => {
                self.missing.insert(Ask::Unit(id));
                None
            }
        }
    }

    /// One that was read with what names it.
    pub(crate) fn known_unit(&self, id: Uuid) -> Option<&UnitRef> {
        self.made.units.get(&id).or_else(|| self.read.units.get(&id))?.as_ref()
    }

    /// The organization or site of this name.
    pub(crate) fn by_name(&mut self, kind: UnitKind, name: &str) -> Option<&UnitRef> {
        let key = (kind, unit::folded(name));
        let id = match self.made.by_name.get(&key).or_else(|| self.read.by_name.get(&key)) {
            Some(id) => *id,
            None => {
                self.missing.insert(Ask::Name(key.0, key.1));
                None
            }
        };
        self.unit(id?)
    }

    /// What a group stands for.
    pub(crate) fn standing(&mut self, group: i64) -> Standing {
        match self.made.standings.get(&group).or_else(|| self.read.standings.get(&group)) {
            Some(standing) => standing.clone(),
            None => {
                self.missing.insert(Ask::Standing(group));
                Standing::default()
            }
        }
    }

    /// Another group that stands for this unit: its SCIM id.
    pub(crate) fn other_group(&mut self, unit: Uuid, group: i64) -> Option<Uuid> {
        let Some(groups) = self.groups.get(&unit) else {
            self.missing.insert(Ask::Groups(unit));
            return None;
        };
        let still = |other: &(i64, Uuid)| {
            other.0 != group
                && self.made.standings.get(&other.0).is_none_or(|standing| standing.unit == Some(unit))
        };
        groups.iter().copied().find(still).map(|(_, id)| id)
    }

    /// A person as it is from now on; `run` made it so.
    pub(crate) fn put_person(&mut self, row: PersonRow, run: usize) {
        let before = self.person_row(row.id).map(|before| (before.email.clone(), before.record));
        let folded = email_folded(&row.email);
        if let Some((email, record)) = before {
            let old = email_folded(&email);
            if old != folded && self.made.by_email.get(&old).is_none_or(|id| *id == Some(row.id)) {
                self.made.by_email.insert(old, None);
            }
            if let Some(record) = record.filter(|record| Some(*record) != row.record) {
                self.made.by_record.insert(record, None);
            }
        }
        self.made.by_email.insert(folded, Some(row.id));
        if let Some(record) = row.record {
            self.made.by_record.insert(record, Some(row.id));
        }
        self.changed_by.insert(row.id, run);
        self.made.people.insert(row.id, Some(row));
    }

    /// A new organization or site, or another name of one.
    pub(crate) fn put_unit(&mut self, unit: UnitRef, run: usize) {
        self.changed_by.insert(unit.id, run);
        if let Some(before) = self.known_unit(unit.id) {
            let old = (before.kind, unit::folded(&before.name));
            self.made.by_name.insert(old, None);
        }
        self.made.by_name.insert((unit.kind, unit::folded(&unit.name)), Some(unit.id));
        self.made.units.insert(unit.id, Some(unit));
    }

    /// What a group stands for from now on.
    pub(crate) fn put_standing(&mut self, group: i64, standing: Standing) {
        self.made.standings.insert(group, standing);
    }

    /// People as they were read and as they are to be, those that differ, with the number of the run that changed them last.
    pub(crate) fn changed_people(&self) -> Vec<(row::Change, usize)> {
        let mut changes: Vec<(row::Change, usize)> = Vec::new();
        for (id, after) in &self.made.people {
            let before = self.read.people.get(id).and_then(Option::as_ref);
            if let Some(after) = after
                && before != Some(after)
            {
                let run = self.changed_by.get(id).copied().unwrap_or_default();
                changes.push((row::Change { before: before.cloned(), after: after.clone() }, run));
            }
        }
        changes.sort_by_key(|(change, run)| (change.after.key, *run));
        changes
    }

    /// Organizations and sites as they were read (none: new) and as they are to be, those that differ, with the run.
    pub(crate) fn changed_units(&self) -> Vec<(Option<UnitRef>, UnitRef, usize)> {
        let made = self.made.units.iter().filter_map(|(id, unit)| {
            let before = self.read.units.get(id).and_then(Option::as_ref);
            let after = unit.as_ref()?;
            let run = self.changed_by.get(id).copied().unwrap_or_default();
            (before != Some(after)).then(|| (before.cloned(), after.clone(), run))
        });
        let mut changed: Vec<_> = made.collect();
        changed.sort_by_key(|(_, unit, _)| unit.id);
        changed
    }

    /// What was made of people is stored now, as the next version of theirs.
    pub(crate) fn stored(&mut self, changes: Vec<(row::Change, usize)>) {
        for (change, _) in changes {
            let mut row = change.after;
            row.version += 1;
            self.read.people.insert(row.id, Some(row));
        }
        self.read.by_email.extend(self.made.by_email.drain());
        self.read.by_record.extend(self.made.by_record.drain());
        self.made.people.clear();
        self.changed_by.clear();
    }

    /// A person that was read, with what it refers to.
    pub(crate) fn learn(&mut self, loaded: Loaded) {
        let Loaded { row, organization, site, manager } = loaded;
        for unit in [organization, site].into_iter().flatten() {
            self.read.units.entry(unit.id).or_insert(Some(unit));
        }
        if let Some(manager) = manager {
            self.managers.insert(manager.id, manager);
        }
        self.read.by_email.insert(email_folded(&row.email), Some(row.id));
        if let Some(record) = row.record {
            self.read.by_record.insert(record, Some(row.id));
        }
        if let Entry::Vacant(there) = self.read.people.entry(row.id) {
            there.insert(Some(row));
        }
    }

    /// Notes questions that will be asked, and are not answered yet.
    pub(crate) fn ask(&mut self, questions: impl IntoIterator<Item = Ask>) {
        for question in questions {
            if !self.knows(&question) {
                self.missing.insert(question);
            }
        }
    }

    fn knows(&self, question: &Ask) -> bool {
        match question {
            Ask::Email(folded) => self.read.by_email.contains_key(folded),
            Ask::Record(record) => self.read.by_record.contains_key(record),
            Ask::Scim(id) => self.scim.contains_key(id),
            Ask::Holder(record) => self.holders.contains_key(record),
            Ask::Person(id) => self.read.people.contains_key(id),
            Ask::Name(kind, folded) => self.read.by_name.contains_key(&(*kind, folded.clone())),
            Ask::Unit(id) => self.read.units.contains_key(id),
            Ask::Groups(unit) => self.groups.contains_key(unit),
            Ask::Standing(group) => self.read.standings.contains_key(group),
        }
    }

    /// What was made of organizations, sites and groups counts as read from now on: a dry run goes on with it.
    pub(crate) fn settle_units(&mut self) {
        self.read.units.extend(self.made.units.drain());
        self.read.by_name.extend(self.made.by_name.drain());
        self.read.standings.extend(self.made.standings.drain());
    }
}
