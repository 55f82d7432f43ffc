//! People as rows: reading one with its organization, site and manager in one statement, and writing what changed.

use jiff::Timestamp;
use usher_directory::DirectoryId;
use usher_store::{FromRow, Row, Snapshot, Sql, StoreError, Tx, Value};
use uuid::Uuid;

use crate::{
    asked::email_folded,
    cursor,
    person::{Address, Contact},
};

/// A row of `person`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PersonRow {
    /// 0: not stored yet.
    pub(crate) key: i64,
    pub(crate) id: Uuid,
    pub(crate) version: i64,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) job_title: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) employee_id: Option<String>,
    pub(crate) support_id: Option<String>,
    pub(crate) organization: Option<i64>,
    pub(crate) site: Option<i64>,
    pub(crate) manager: Option<i64>,
    pub(crate) locale: Option<String>,
    pub(crate) time_zone: Option<String>,
    pub(crate) vip: bool,
    pub(crate) disabled: bool,
    pub(crate) contacts: Vec<Contact>,
    pub(crate) addresses: Vec<Address>,
    /// The key of the SCIM user that governs it.
    pub(crate) record: Option<i64>,
    pub(crate) source: Option<String>,
    pub(crate) source_id: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

impl PersonRow {
    /// The same with nothing that tells who it was. The address is nobody's (RFC 2606), and no other person's.
    pub(crate) fn erased(&self) -> Self {
        Self {
            key: self.key,
            version: self.version,
            name: "(erased)".into(),
            email: format!("erased-{}@erased.invalid", self.id),
            disabled: true,
            ..Self::empty(self.id, self.created)
        }
    }
    /// A person of whom nothing is known yet.
    pub(crate) fn empty(id: Uuid, now: Timestamp) -> Self {
        Self {
            key: 0,
            id,
            version: 0,
            name: String::new(),
            email: String::new(),
            job_title: None,
            location: None,
            employee_id: None,
            support_id: None,
            organization: None,
            site: None,
            manager: None,
            locale: None,
            time_zone: None,
            vip: false,
            disabled: false,
            contacts: Vec::new(),
            addresses: Vec::new(),
            record: None,
            source: None,
            source_id: None,
            created: now,
            updated: now,
        }
    }
}

/// An organization or site as a person's row names it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UnitRef {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) disabled: bool,
}

/// A manager as a person's row names it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PersonRef {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) disabled: bool,
}

/// A row with what it refers to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Loaded {
    pub(crate) row: PersonRow,
    pub(crate) organization: Option<UnitRef>,
    pub(crate) site: Option<UnitRef>,
    pub(crate) manager: Option<PersonRef>,
}

impl FromRow for Loaded {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let unit = |at: usize| -> Result<Option<UnitRef>, StoreError> {
            let Some(id) = row.get(at)? else { return Ok(None) };
            Ok(Some(UnitRef { id, name: row.get(at + 1)?, disabled: row.get(at + 2)? }))
        };
        let manager = match row.get(28)? {
            None => None,
            Some(id) => {
                Some(PersonRef { id, name: row.get(29)?, email: row.get(30)?, disabled: row.get(31)? })
            }
        };
        Ok(Self { organization: unit(22)?, site: unit(25)?, manager, row: PersonRow::from_row(row)? })
    }
}

impl FromRow for PersonRow {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.get(0)?,
            id: row.get(1)?,
            version: row.get(2)?,
            name: row.get(3)?,
            email: row.get(4)?,
            job_title: row.get(5)?,
            location: row.get(6)?,
            employee_id: row.get(7)?,
            support_id: row.get(8)?,
            organization: row.get(9)?,
            site: row.get(10)?,
            manager: row.get(11)?,
            locale: row.get(12)?,
            time_zone: row.get(13)?,
            vip: row.get(14)?,
            disabled: row.get(15)?,
            contacts: json(&row.get::<Vec<u8>>(16)?)?,
            addresses: json(&row.get::<Vec<u8>>(17)?)?,
            record: row.get(18)?,
            source: row.get(19)?,
            source_id: row.get(20)?,
            created: row.get(21)?,
            updated: row.get(32)?,
        })
    }
}

fn json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|error| StoreError::Bug(format!("a person's JSON: {error}")))
}

fn bytes<T: serde::Serialize>(value: &T) -> Result<Value, StoreError> {
    let bytes = serde_json::to_vec(value);
    Ok(Value::Bytes(bytes.map_err(|error| StoreError::Bug(format!("a person's JSON: {error}")))?))
}

macro_rules! person_columns {
    () => {
        "select p.key, p.id, p.version, p.name, p.email, p.job_title, p.location, p.employee_id, p.support_id, \
         p.organization, p.site, p.manager, p.locale, p.time_zone, p.vip, p.disabled, p.contacts, p.addresses, \
         p.record, p.source, p.source_id, p.created, \
         o.id, o.name, o.disabled, s.id, s.name, s.disabled, m.id, m.name, m.email, m.disabled, p.updated \
         from person p left join unit o on o.key = p.organization left join unit s on s.key = p.site \
         left join person m on m.key = p.manager "
    };
}

const BY_ID: Sql = Sql::same(concat!(person_columns!(), "where p.directory = $1 and p.id = $2"));
const BY_EMAIL: Sql = Sql::same(concat!(person_columns!(), "where p.directory = $1 and p.email_folded = $2"));
const BY_RECORD: Sql = Sql::same(concat!(person_columns!(), "where p.directory = $1 and p.record = $2"));
/// The first condition is the one that an index leads to; an argument of 0 (or, of `disabled`, -1) asks for nothing.
macro_rules! narrowed {
    ($first:literal) => {
        Sql::same(concat!(
            person_columns!(),
            "where p.directory = $1 and ",
            $first,
            "p.key > $2 and (p.organization = $4 or $4 = 0) and (p.site = $5 or $5 = 0) \
             and (p.manager = $6 or $6 = 0) and (case when p.disabled then 1 else 0 end = $7 or $7 < 0) \
             order by p.key limit $3"
        ))
    };
}
const OF_ORGANIZATION: Sql = narrowed!("p.organization = $4 and ");
const OF_SITE: Sql = narrowed!("p.site = $5 and ");
const OF_MANAGER: Sql = narrowed!("p.manager = $6 and ");
const OF_ALL: Sql = narrowed!("");
const PAGE: Sql =
    Sql::same(concat!(person_columns!(), "where p.directory = $1 and p.key > $2 order by p.key limit $3"));
const INSERT: Sql = Sql::same(
    "insert into person (directory, id, version, name, email, email_folded, job_title, location, employee_id, \
     support_id, organization, site, manager, locale, time_zone, vip, disabled, contacts, addresses, record, \
     source, source_id, created, updated) \
     values ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, \
     $22, $22) returning key",
);
/// The version tells whether somebody else changed the person since it was read.
const UPDATE: Sql = Sql::same(
    "update person set version = version + 1, name = $4, email = $5, email_folded = $6, job_title = $7, \
     location = $8, employee_id = $9, support_id = $10, organization = $11, site = $12, manager = $13, \
     locale = $14, time_zone = $15, vip = $16, disabled = $17, contacts = $18, addresses = $19, record = $20, \
     source = $21, source_id = $22, updated = $23 where directory = $1 and key = $2 and version = $3",
);
const KEY_OF: Sql = Sql::same("select key from person where directory = $1 and id = $2");

pub(crate) fn by_id(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    id: Uuid,
) -> Result<Option<Loaded>, StoreError> {
    on.one(&BY_ID, &[directory.0.into(), id.into()])
}

pub(crate) fn by_email(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    email: &str,
) -> Result<Option<Loaded>, StoreError> {
    on.one(&BY_EMAIL, &[directory.0.into(), email_folded(email).into()])
}

/// The person that a SCIM user governs.
pub(crate) fn by_record(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    record: i64,
) -> Result<Option<Loaded>, StoreError> {
    on.one(&BY_RECORD, &[directory.0.into(), record.into()])
}

/// Which people a page is of: keys with ids.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Narrowed {
    pub(crate) organization: Option<(i64, Uuid)>,
    pub(crate) site: Option<(i64, Uuid)>,
    pub(crate) manager: Option<(i64, Uuid)>,
    pub(crate) disabled: Option<bool>,
}

impl Narrowed {
    /// Whether a person who was found otherwise is one of them.
    pub(crate) fn holds(&self, found: &Loaded) -> bool {
        let is = |wanted: Option<(i64, Uuid)>, id: Option<Uuid>| wanted.is_none_or(|(_, w)| id == Some(w));
        is(self.organization, found.organization.as_ref().map(|unit| unit.id))
            && is(self.site, found.site.as_ref().map(|unit| unit.id))
            && is(self.manager, found.manager.as_ref().map(|manager| manager.id))
            && self.disabled.is_none_or(|disabled| found.row.disabled == disabled)
    }
}

/// As [`page`], of those people alone.
pub(crate) fn narrowed(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    of: &Narrowed,
    after: i64,
    most: usize,
) -> Result<Vec<Loaded>, StoreError> {
    let statement = match of {
        Narrowed { manager: Some(_), .. } => &OF_MANAGER,
        Narrowed { site: Some(_), .. } => &OF_SITE,
        Narrowed { organization: Some(_), .. } => &OF_ORGANIZATION,
        _ => &OF_ALL,
    };
    let key = |of: Option<(i64, Uuid)>| of.map_or(0, |(key, _)| key).into();
    let args = [
        directory.0.into(),
        after.into(),
        cursor::limit(most),
        key(of.organization),
        key(of.site),
        key(of.manager),
        of.disabled.map_or(-1, i64::from).into(),
    ];
    on.all(statement, &args, most + 1)
}

/// One more than `most`, where there are more.
pub(crate) fn page(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    after: i64,
    most: usize,
) -> Result<Vec<Loaded>, StoreError> {
    on.all(&PAGE, &[directory.0.into(), after.into(), cursor::limit(most)], most + 1)
}

pub(crate) fn key_of(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    id: Uuid,
) -> Result<Option<i64>, StoreError> {
    Ok(on.one::<(i64,)>(&KEY_OF, &[directory.0.into(), id.into()])?.map(|(key,)| key))
}

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saved {
    Unchanged,
    Changed,
    /// Somebody else changed it since it was read: run again.
    Stale,
}

/// Writes `row` in place of `before` (none: a new one), if anything differs.
pub(crate) fn save(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    before: Option<&PersonRow>,
    row: &mut PersonRow,
    now: Timestamp,
) -> Result<Saved, StoreError> {
    if before == Some(&*row) {
        return Ok(Saved::Unchanged);
    }
    row.updated = now;
    let mut args: Vec<Value> = vec![directory.0.into()];
    match before {
        None => args.push(row.id.into()),
        Some(before) => args.extend([before.key.into(), before.version.into()]),
    }
    args.extend([
        row.name.clone().into(),
        row.email.clone().into(),
        email_folded(&row.email).into(),
        row.job_title.clone().into(),
        row.location.clone().into(),
        row.employee_id.clone().into(),
        row.support_id.clone().into(),
        row.organization.into(),
        row.site.into(),
        row.manager.into(),
        row.locale.clone().into(),
        row.time_zone.clone().into(),
        row.vip.into(),
        row.disabled.into(),
        bytes(&row.contacts)?,
        bytes(&row.addresses)?,
        row.record.into(),
        row.source.clone().into(),
        row.source_id.clone().into(),
        now.into(),
    ]);
    if before.is_none() {
        let key: Option<(i64,)> = tx.one(&INSERT, &args)?;
        row.key = key.ok_or_else(|| StoreError::Bug("an insert without its key".into()))?.0;
        row.version = 1;
        return Ok(Saved::Changed);
    }
    if tx.exec(&UPDATE, &args)? == 0 {
        return Ok(Saved::Stale);
    }
    row.version += 1;
    Ok(Saved::Changed)
}
