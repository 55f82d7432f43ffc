//! Answering what a batch has asked: all questions of a kind in one statement.

use std::collections::BTreeMap;

use usher_directory::{DirectoryId, Key, ObjectId, object};
use usher_store::{Snapshot, Sql, StoreError, list, with_bytes, with_keys};
use uuid::Uuid;

use super::{Ask, Holder, Known};
use crate::{
    row,
    unit::{self, UnitKind},
    world::Standing,
};

impl Known {
    /// Answers what was noted, a statement a kind of question. `false`: nothing was.
    pub(crate) fn answer(
        &mut self,
        on: &mut Snapshot<'_>,
        directory: DirectoryId,
    ) -> Result<bool, StoreError> {
        if self.missing.is_empty() {
            return Ok(false);
        }
        let mut asked = Asked::default();
        for ask in std::mem::take(&mut self.missing) {
            asked.sort(ask);
        }
        self.answer_people(on, directory, &mut asked)?;
        self.answer_units(on, directory, &asked)?;
        Ok(true)
    }

    fn answer_people(
        &mut self,
        on: &mut Snapshot<'_>,
        directory: DirectoryId,
        asked: &mut Asked,
    ) -> Result<(), StoreError> {
        if !asked.scim.is_empty() {
            let ids: Vec<ObjectId> = asked.scim.iter().map(|id| ObjectId(*id)).collect();
            for (id, key) in object::keys(on, directory, ids.iter())? {
                self.scim.insert(id.0, Some(key.0));
                asked.records.push(key.0);
            }
            for id in &asked.scim {
                self.scim.entry(*id).or_insert(None);
            }
        }
        let mut found = row::by_emails(on, directory, asked.emails.iter().map(Vec::as_slice))?;
        asked.records.retain(|record| !self.read.by_record.contains_key(record));
        found.extend(row::by_records(on, directory, &asked.records)?);
        found.extend(row::by_ids(on, directory, &asked.people)?);
        for loaded in found {
            // Whoever asks for a person by its address asks who governs it.
            asked.holders.extend(loaded.row.record.filter(|record| !self.holders.contains_key(record)));
            self.learn(loaded);
        }
        for email in &asked.emails {
            self.read.by_email.entry(email.clone()).or_insert(None);
        }
        for record in &asked.records {
            self.read.by_record.entry(*record).or_insert(None);
        }
        for id in &asked.people {
            self.read.people.entry(*id).or_insert(None);
        }
        asked.holders.sort_unstable();
        asked.holders.dedup();
        let keys: Vec<Key> = asked.holders.iter().copied().map(Key).collect();
        for head in object::heads(on, directory, &keys)? {
            let holder = Holder { id: head.id, active: head.counts(), integration: head.integration };
            self.holders.insert(head.key.0, Some(holder));
        }
        for record in &asked.holders {
            self.holders.entry(*record).or_insert(None);
        }
        Ok(())
    }

    fn answer_units(
        &mut self,
        on: &mut Snapshot<'_>,
        directory: DirectoryId,
        asked: &Asked,
    ) -> Result<(), StoreError> {
        let mut units = asked.units.clone();
        if !asked.standings.is_empty() {
            let keys = list::numbers(asked.standings.iter().copied());
            let rows: Vec<(i64, Option<i64>, Option<Uuid>)> =
                on.all(&STANDINGS, &[directory.0.into(), keys], asked.standings.len())?;
            for (group, classification, unit) in rows {
                let classification = classification.map(UnitKind::from_number).transpose()?;
                units.extend(unit.filter(|unit| !self.read.units.contains_key(unit)));
                self.read.standings.insert(group, Standing { classification, unit });
            }
            for group in &asked.standings {
                self.read.standings.entry(*group).or_default();
            }
        }
        units.sort_unstable();
        units.dedup();
        let mut found = unit::refs(on, directory, &units)?;
        for (kind, names) in &asked.names {
            found.extend(unit::refs_by_name(on, directory, *kind, names.iter().map(Vec::as_slice))?);
        }
        for unit in found {
            self.read.by_name.insert((unit.kind, unit::folded(&unit.name)), Some(unit.id));
            self.read.units.insert(unit.id, Some(unit));
        }
        for (kind, names) in &asked.names {
            for name in names {
                self.read.by_name.entry((*kind, name.clone())).or_insert(None);
            }
        }
        for id in units {
            self.read.units.entry(id).or_insert(None);
        }
        if !asked.groups.is_empty() {
            let ids = list::bytes(asked.groups.iter().map(|id| id.as_bytes().as_slice()));
            let rows: Vec<(Uuid, i64, Uuid)> = on.all(&GROUPS, &[directory.0.into(), ids], MOST_GROUPS)?;
            for unit in &asked.groups {
                self.groups.entry(*unit).or_default();
            }
            for (unit, group, id) in rows {
                self.groups.entry(unit).or_default().push((group, id));
            }
        }
        Ok(())
    }
}

/// Groups that stand for the units asked for; more are rules gone wild.
const MOST_GROUPS: usize = 100_000;

const STANDINGS: Sql = with_keys!(
    "select r.object, r.classification, u.id from record r left join unit u on u.key = r.unit \
     where r.directory = $1 and r.object",
    "$2",
    ""
);
const GROUPS: Sql = with_bytes!(
    "select u.id, r.object, r.id from unit u join record r on r.unit = u.key where u.directory = $1 and u.id",
    "$2",
    " order by r.object limit 100000"
);

/// Questions by kind.
#[derive(Debug, Default)]
struct Asked {
    emails: Vec<Vec<u8>>,
    records: Vec<i64>,
    scim: Vec<Uuid>,
    holders: Vec<i64>,
    people: Vec<Uuid>,
    names: BTreeMap<UnitKind, Vec<Vec<u8>>>,
    units: Vec<Uuid>,
    groups: Vec<Uuid>,
    standings: Vec<i64>,
}

impl Asked {
    fn sort(&mut self, ask: Ask) {
        match ask {
            Ask::Email(folded) => self.emails.push(folded),
            Ask::Record(record) => self.records.push(record),
            Ask::Scim(id) => self.scim.push(id),
            Ask::Holder(record) => self.holders.push(record),
            Ask::Person(id) => self.people.push(id),
            Ask::Name(kind, folded) => self.names.entry(kind).or_default().push(folded),
            Ask::Unit(id) => self.units.push(id),
            Ask::Groups(unit) => self.groups.push(unit),
            Ask::Standing(group) => self.standings.push(group),
        }
    }
}
