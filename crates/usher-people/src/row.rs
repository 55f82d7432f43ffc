//! People as rows: reading one with its organization, site and manager in one statement, and writing what changed.

use jiff::Timestamp;
use usher_directory::DirectoryId;
use usher_scim::Object;
use usher_store::{Column, FromRow, Row, Snapshot, Sql, StoreError, Tx, list, with_bytes, with_keys};
use uuid::Uuid;

use crate::{
    asked::email_folded,
    cursor,
    person::{Address, Contact},
    unit::UnitKind,
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
    /// The organization's id; rows of the same batch refer to each other before any has a key.
    pub(crate) organization: Option<Uuid>,
    /// The site's id.
    pub(crate) site: Option<Uuid>,
    /// The manager's id.
    pub(crate) manager: Option<Uuid>,
    pub(crate) locale: Option<String>,
    pub(crate) time_zone: Option<String>,
    pub(crate) vip: bool,
    pub(crate) disabled: bool,
    /// Provisioning does not end its access.
    pub(crate) protected: bool,
    pub(crate) contacts: Vec<Contact>,
    pub(crate) addresses: Vec<Address>,
    /// Fields of the app's own.
    pub(crate) custom: Object,
    /// Where each field's value is from ([`crate::origin`]), as JSON: read only where one changes, or is asked for.
    pub(crate) origins: Option<Vec<u8>>,
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
            protected: false,
            contacts: Vec::new(),
            addresses: Vec::new(),
            custom: Object::new(),
            origins: None,
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
    pub(crate) kind: UnitKind,
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
        let unit = |kind: UnitKind, at: usize| -> Result<Option<UnitRef>, StoreError> {
            let Some(id) = row.get(at)? else { return Ok(None) };
            Ok(Some(UnitRef { kind, id, name: row.get(at + 1)?, disabled: row.get(at + 2)? }))
        };
        let manager = match row.get(25)? {
            None => None,
            Some(id) => {
                Some(PersonRef { id, name: row.get(26)?, email: row.get(27)?, disabled: row.get(28)? })
            }
        };
        let (organization, site) = (unit(UnitKind::Organization, 19)?, unit(UnitKind::Site, 22)?);
        let row = PersonRow {
            key: row.get(0)?,
            id: row.get(1)?,
            version: row.get(2)?,
            name: row.get(3)?,
            email: row.get(4)?,
            job_title: row.get(5)?,
            location: row.get(6)?,
            employee_id: row.get(7)?,
            support_id: row.get(8)?,
            organization: organization.as_ref().map(|unit| unit.id),
            site: site.as_ref().map(|unit| unit.id),
            manager: manager.as_ref().map(|manager| manager.id),
            locale: row.get(9)?,
            time_zone: row.get(10)?,
            vip: row.get(11)?,
            disabled: row.get(12)?,
            contacts: json(&row.get::<Vec<u8>>(13)?)?,
            addresses: json(&row.get::<Vec<u8>>(14)?)?,
            record: row.get(15)?,
            source: row.get(16)?,
            source_id: row.get(17)?,
            created: row.get(18)?,
            updated: row.get(29)?,
            protected: row.get(30)?,
            custom: row
                .get::<Option<Vec<u8>>>(31)?
                .map(|bytes| json(&bytes))
                .transpose()?
                .unwrap_or_default(),
            origins: row.get(32)?,
        };
        Ok(Self { organization, site, manager, row })
    }
}

fn json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|error| StoreError::Bug(format!("a person's JSON: {error}")))
}

fn bytes<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| StoreError::Bug(format!("a person's JSON: {error}")))
}

macro_rules! person_columns {
    () => {
        "select p.key, p.id, p.version, p.name, p.email, p.job_title, p.location, p.employee_id, p.support_id, \
         p.locale, p.time_zone, p.vip, p.disabled, p.contacts, p.addresses, p.record, p.source, p.source_id, \
         p.created, o.id, o.name, o.disabled, s.id, s.name, s.disabled, m.id, m.name, m.email, m.disabled, \
         p.updated, p.protected, p.custom, p.origins \
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
/// The lists are long and the people few among many: SQLite is to look each up, whatever it thinks of their number.
const BY_EMAILS: Sql =
    with_bytes!(concat!(person_columns!(), "where p.directory = $1 and p.email_folded"), "$2", "");
const BY_RECORDS: Sql =
    with_keys!(concat!(person_columns!(), "where p.directory = $1 and p.record"), "$2", "");
const BY_IDS: Sql = with_bytes!(concat!(person_columns!(), "where p.directory = $1 and p.id"), "$2", "");
const UNGOVERNED: Sql = Sql::same(concat!(
    person_columns!(),
    "where p.directory = $1 and p.record is null and p.source is not null and p.key > $2 order by p.key limit $3"
));
const INSERT: Sql = Sql::each(
    "insert into person (directory, id, version, name, email, email_folded, job_title, location, employee_id, \
     support_id, organization, site, manager, locale, time_zone, vip, disabled, protected, contacts, addresses, \
     custom, origins, record, source, source_id, created, updated) \
     values ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, \
     (select key from unit where directory = $1 and id = $10), \
     (select key from unit where directory = $1 and id = $11), \
     (select key from person where directory = $1 and id = $12), \
     $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $25)",
    "insert into person (directory, id, version, name, email, email_folded, job_title, location, employee_id, \
     support_id, organization, site, manager, locale, time_zone, vip, disabled, protected, contacts, addresses, \
     custom, origins, record, source, source_id, created, updated) \
     select $1, d.id, 1, d.name, d.email, d.folded, d.job_title, d.location, d.employee_id, d.support_id, \
     o.key, s.key, m.key, d.locale, d.time_zone, d.vip, d.disabled, d.protected, d.contacts, d.addresses, \
     d.custom, d.origins, d.record, d.source, d.source_id, $25, $25 \
     from unnest($2::bytea[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::text[], $8::text[], \
     $9::text[], $10::bytea[], $11::bytea[], $12::bytea[], $13::text[], $14::text[], $15::boolean[], \
     $16::boolean[], $17::boolean[], $18::bytea[], $19::bytea[], $20::bytea[], $21::bytea[], $22::bigint[], \
     $23::text[], $24::text[]) with ordinality \
     as d (id, name, email, folded, job_title, location, employee_id, support_id, organization, site, manager, \
     locale, time_zone, vip, disabled, protected, contacts, addresses, custom, origins, record, source, source_id, at) \
     left join unit o on o.directory = $1 and o.id = d.organization \
     left join unit s on s.directory = $1 and s.id = d.site \
     left join person m on m.directory = $1 and m.id = d.manager order by d.at",
);
/// The version tells whether somebody else changed the person since it was read.
const UPDATE: Sql = Sql::each(
    "update person set version = version + 1, name = $4, email = $5, email_folded = $6, job_title = $7, \
     location = $8, employee_id = $9, support_id = $10, \
     organization = (select key from unit where directory = $1 and id = $11), \
     site = (select key from unit where directory = $1 and id = $12), \
     manager = (select key from person where directory = $1 and id = $13), \
     locale = $14, time_zone = $15, vip = $16, disabled = $17, protected = $18, contacts = $19, addresses = $20, \
     custom = $21, origins = $22, record = $23, source = $24, source_id = $25, updated = $26 \
     where directory = $1 and key = $2 and version = $3",
    "update person p set version = p.version + 1, name = d.name, email = d.email, email_folded = d.folded, \
     job_title = d.job_title, location = d.location, employee_id = d.employee_id, support_id = d.support_id, \
     organization = o.key, site = s.key, manager = m.key, locale = d.locale, time_zone = d.time_zone, \
     vip = d.vip, disabled = d.disabled, protected = d.protected, contacts = d.contacts, \
     addresses = d.addresses, custom = d.custom, origins = d.origins, record = d.record, source = d.source, \
     source_id = d.source_id, updated = $26 \
     from unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bytea[], $7::text[], $8::text[], \
     $9::text[], $10::text[], $11::bytea[], $12::bytea[], $13::bytea[], $14::text[], $15::text[], \
     $16::boolean[], $17::boolean[], $18::boolean[], $19::bytea[], $20::bytea[], $21::bytea[], $22::bytea[], \
     $23::bigint[], $24::text[], $25::text[]) \
     as d (key, version, name, email, folded, job_title, location, employee_id, support_id, organization, site, \
     manager, locale, time_zone, vip, disabled, protected, contacts, addresses, custom, origins, record, source, \
     source_id) \
     left join unit o on o.directory = $1 and o.id = d.organization \
     left join unit s on s.directory = $1 and s.id = d.site \
     left join person m on m.directory = $1 and m.id = d.manager \
     where p.directory = $1 and p.key = d.key and p.version = d.version",
);
/// Before the others' rows: an address, or a record's link, that goes from one person to another is free then.
const LET_GO: Sql = Sql::each(
    "update person set email_folded = $4, record = null where directory = $1 and key = $2 and version = $3",
    "update person p set email_folded = d.folded, record = null \
     from unnest($2::bigint[], $3::bigint[], $4::bytea[]) as d (key, version, folded) \
     where p.directory = $1 and p.key = d.key and p.version = d.version",
);
/// For people who were made in the same statement as their managers.
const SET_MANAGER: Sql = Sql::each(
    "update person set manager = (select key from person where directory = $1 and id = $3) \
     where directory = $1 and id = $2",
    "update person p set manager = m.key from unnest($2::bytea[], $3::bytea[]) as d (id, manager) \
     join person m on m.directory = $1 and m.id = d.manager where p.directory = $1 and p.id = d.id",
);

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

/// A page of people whom provisioning made or found and no record governs any more.
pub(crate) fn ungoverned(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    after: i64,
    most: usize,
) -> Result<Vec<Loaded>, StoreError> {
    on.all(&UNGOVERNED, &[directory.0.into(), after.into(), cursor::limit(most)], most + 1)
}

/// Those with these primary addresses (folded), in no order.
pub(crate) fn by_emails<'e>(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    folded: impl ExactSizeIterator<Item = &'e [u8]>,
) -> Result<Vec<Loaded>, StoreError> {
    match folded.len() {
        0 => Ok(Vec::new()),
        most => on.all(&BY_EMAILS, &[directory.0.into(), list::bytes(folded)], most),
    }
}

/// Those that these SCIM users govern, in no order.
pub(crate) fn by_records(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    records: &[i64],
) -> Result<Vec<Loaded>, StoreError> {
    match records.len() {
        0 => Ok(Vec::new()),
        most => on.all(&BY_RECORDS, &[directory.0.into(), list::numbers(records.iter().copied())], most),
    }
}

/// By ids, in no order.
pub(crate) fn by_ids(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    ids: &[Uuid],
) -> Result<Vec<Loaded>, StoreError> {
    match ids.len() {
        0 => Ok(Vec::new()),
        most => on.all(
            &BY_IDS,
            &[directory.0.into(), list::bytes(ids.iter().map(|id| id.as_bytes().as_slice()))],
            most,
        ),
    }
}

/// A person as it was read, and as it is to be.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// None: a new one.
    pub(crate) before: Option<PersonRow>,
    pub(crate) after: PersonRow,
}

/// What happened to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saved {
    Done,
    /// Somebody else changed one since it was read: nothing of it may stand, read again.
    Stale,
}

/// Writes new people and changed ones, all or none: whoever gets [`Saved::Stale`] undoes what was written.
pub(crate) fn save_all(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    changes: &[Change],
    now: Timestamp,
) -> Result<Saved, StoreError> {
    let (old, new): (Vec<&Change>, Vec<&Change>) = changes.iter().partition(|change| change.before.is_some());
    let moving: Vec<&Change> = if changes.len() == 1 {
        Vec::new()
    } else {
        old.iter().copied().filter(|change| lets_go(change)).collect()
    };
    let of = |changes: &[&Change], get: fn(&PersonRow) -> i64| -> Column {
        changes.iter().map(|change| get(change.before.as_ref().unwrap_or(&change.after))).collect()
    };
    if !moving.is_empty() {
        let free = moving.iter().map(|change| change.after.id.as_bytes().to_vec()).collect();
        let args = [
            Column::Same(directory.0.into()),
            of(&moving, |row| row.key),
            of(&moving, |row| row.version),
            free,
        ];
        if tx.exec_many(&LET_GO, &args)? != moving.len() as u64 {
            return Ok(Saved::Stale);
        }
    }
    if !new.is_empty() {
        let rows: Vec<&PersonRow> = new.iter().map(|change| &change.after).collect();
        let mut args =
            vec![Column::Same(directory.0.into()), rows.iter().map(|row| row.id).collect::<Column>()];
        args.extend(columns(&rows, now)?);
        tx.exec_many(&INSERT, &args)?;
        let made: std::collections::HashSet<Uuid> = rows.iter().map(|row| row.id).collect();
        let below: Vec<(Uuid, Uuid)> = rows
            .iter()
            .filter_map(|row| Some((row.id, row.manager.filter(|manager| made.contains(manager))?)))
            .collect();
        let args = [
            Column::Same(directory.0.into()),
            below.iter().map(|(id, _)| *id).collect(),
            below.iter().map(|(_, manager)| *manager).collect(),
        ];
        tx.exec_many(&SET_MANAGER, &args)?;
    }
    if !old.is_empty() {
        let rows: Vec<&PersonRow> = old.iter().map(|change| &change.after).collect();
        let mut args =
            vec![Column::Same(directory.0.into()), of(&old, |row| row.key), of(&old, |row| row.version)];
        args.extend(columns(&rows, now)?);
        if tx.exec_many(&UPDATE, &args)? != old.len() as u64 {
            return Ok(Saved::Stale);
        }
    }
    Ok(Saved::Done)
}

/// Whether another may get what this one had.
fn lets_go(change: &Change) -> bool {
    change.before.as_ref().is_some_and(|before| {
        before.record.is_some() && before.record != change.after.record
            || email_folded(&before.email) != email_folded(&change.after.email)
    })
}

/// What both statements write, in their order.
fn columns(rows: &[&PersonRow], now: Timestamp) -> Result<Vec<Column>, StoreError> {
    fn each<T>(rows: &[&PersonRow], get: impl Fn(&PersonRow) -> T) -> Column
    where
        Column: FromIterator<T>,
    {
        rows.iter().map(|row| get(row)).collect()
    }
    let id = |id: Option<Uuid>| id.map(|id| id.as_bytes().to_vec());
    #[allow(clippy::type_complexity)]
    let jsons = |get: &dyn Fn(&PersonRow) -> Result<Option<Vec<u8>>, StoreError>| {
        rows.iter().map(|row| get(row)).collect::<Result<Vec<_>, _>>().map(Column::Bytes)
    };
    Ok(vec![
        each(rows, |row| row.name.clone()),
        each(rows, |row| row.email.clone()),
        each(rows, |row| email_folded(&row.email)),
        each(rows, |row| row.job_title.clone()),
        each(rows, |row| row.location.clone()),
        each(rows, |row| row.employee_id.clone()),
        each(rows, |row| row.support_id.clone()),
        each(rows, |row| id(row.organization)),
        each(rows, |row| id(row.site)),
        each(rows, |row| id(row.manager)),
        each(rows, |row| row.locale.clone()),
        each(rows, |row| row.time_zone.clone()),
        each(rows, |row| row.vip),
        each(rows, |row| row.disabled),
        each(rows, |row| row.protected),
        jsons(&|row| bytes(&row.contacts).map(Some))?,
        jsons(&|row| bytes(&row.addresses).map(Some))?,
        jsons(&|row| if row.custom.is_empty() { Ok(None) } else { bytes(&row.custom).map(Some) })?,
        each(rows, |row| row.origins.clone()),
        each(rows, |row| row.record),
        each(rows, |row| row.source.clone()),
        each(rows, |row| row.source_id.clone()),
        Column::Same(now.into()),
    ])
}
