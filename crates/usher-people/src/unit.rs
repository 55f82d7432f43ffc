//! Organizations and sites: to the rules the same thing, a named unit that people belong to.

use jiff::Timestamp;
use usher_directory::{DirectoryId, ObjectId};
use usher_scim::prepare::fold;
use usher_store::{FromRow, Row, Snapshot, Sql, StoreError, Tx, Value, list, with_bytes};
use uuid::Uuid;

use crate::{
    Page, PeopleError,
    asked::{self, Question},
    cursor, limits,
    row::UnitRef,
    setting, walk,
};

/// Organization or site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnitKind {
    /// A person has at most one.
    Organization = 1,
    /// A person has at most one.
    Site = 2,
}

impl UnitKind {
    /// `organization`, `site`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Site => "site",
        }
    }
    /// `an organization`, `a site`.
    pub fn a(self) -> &'static str {
        match self {
            Self::Organization => "an organization",
            Self::Site => "a site",
        }
    }
    /// By [`UnitKind::word`].
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Organization, Self::Site].into_iter().find(|kind| kind.word() == word)
    }
    pub(crate) fn from_number(number: i64) -> Result<Self, StoreError> {
        match number {
            1 => Ok(Self::Organization),
            2 => Ok(Self::Site),
            _ => Err(StoreError::Bug(format!("unit kind {number}"))),
        }
    }
}

/// An organization or site of one environment. Names are unique in it, ignoring case and outer blanks.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// Its id.
    pub id: Uuid,
    /// Organization or site.
    pub kind: UnitKind,
    /// At most 128 characters.
    pub name: String,
    /// A disabled one is given to nobody; people who have it keep it.
    pub disabled: bool,
    /// The SCIM group that it is linked to (the oldest link, if several).
    pub group: Option<ObjectId>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// A unit with its key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UnitRow {
    pub(crate) key: i64,
    pub(crate) unit: Unit,
}

impl FromRow for UnitRow {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.get(0)?,
            unit: Unit {
                kind: UnitKind::from_number(row.get(1)?)?,
                id: row.get(2)?,
                name: row.get(3)?,
                disabled: row.get(4)?,
                created: row.get(5)?,
                updated: row.get(6)?,
                group: row.get::<Option<Uuid>>(7)?.map(ObjectId),
            },
        })
    }
}

impl FromRow for UnitRef {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let kind = UnitKind::from_number(row.get(0)?)?;
        Ok(Self { kind, id: row.get(1)?, name: row.get(2)?, disabled: row.get(3)? })
    }
}

/// The columns of [`UnitRow`], of `unit u`.
macro_rules! unit_columns {
    () => {
        "select u.key, u.kind, u.id, u.name, u.disabled, u.created, u.updated, \
         (select r.id from record r where r.unit = u.key order by r.object limit 1) from unit u "
    };
}

const BY_ID: Sql = Sql::same(concat!(unit_columns!(), "where u.directory = $1 and u.id = $2"));
const BY_NAME: Sql =
    Sql::same(concat!(unit_columns!(), "where u.directory = $1 and u.kind = $2 and u.folded = $3"));
const LIST: Sql = Sql::same(concat!(
    unit_columns!(),
    "where u.directory = $1 and u.kind = $2 and u.key > $3 order by u.key limit $4"
));
const LIST_OF: Sql = Sql::same(concat!(
    unit_columns!(),
    "where u.directory = $1 and u.kind = $2 and u.key > $3 and u.disabled = $5 order by u.key limit $4"
));
const INSERT: Sql = Sql::same(
    "insert into unit (directory, kind, id, name, folded, disabled, created, updated) \
     values ($1, $2, $3, $4, $5, $6, $7, $7)",
);
const DISABLE: Sql =
    Sql::same("update unit set disabled = $3, updated = $4 where directory = $1 and key = $2");
const RENAME: Sql =
    Sql::same("update unit set name = $3, folded = $4, updated = $5 where directory = $1 and id = $2");
const REFS_BY_ID: Sql =
    with_bytes!("select kind, id, name, disabled from unit where directory = $1 and id", "$2", "");
const REFS_BY_NAME: Sql = with_bytes!(
    "select kind, id, name, disabled from unit where directory = $1 and kind = $2 and folded",
    "$3",
    ""
);
const DEFAULT: Sql = Sql::same(concat!(
    unit_columns!(),
    "join people_setting s on s.default_organization = u.key where s.directory = $1 and u.directory = $1"
));
const SET_DEFAULT: Sql = Sql::same(
    "insert into people_setting (directory, default_organization) values ($1, $2) \
     on conflict (directory) do update set default_organization = excluded.default_organization",
);

/// How names are compared: whole, ignoring case and outer blanks.
pub(crate) fn folded(name: &str) -> Vec<u8> {
    fold(name.trim()).into_bytes()
}

/// Makes one. `id` is a new UUIDv7. Records that named it in vain run through the rules again.
pub fn create(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    kind: UnitKind,
    name: &str,
    id: Uuid,
    now: Timestamp,
) -> Result<Unit, PeopleError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > limits::UNIT_NAME {
        return Err(PeopleError::Name { kind, name: name.to_owned() });
    }
    let args = [
        directory.0.into(),
        (kind as i64).into(),
        id.into(),
        name.into(),
        folded(name).into(),
        false.into(),
        now.into(),
    ];
    setting::moved(tx, directory)?;
    match tx.savepoint(|tx| tx.exec(&INSERT, &args)) {
        Ok(_) => {}
        // Run again after a commit whose outcome was unknown: our own row.
        Err(StoreError::Conflict { .. }) if by_id(tx, directory, id)?.is_some() => {}
        Err(error) => return Err(taken(error, kind, name)),
    }
    asked::changed(tx, directory, &Question::unit(kind, name))?;
    Ok(Unit { id, kind, name: name.to_owned(), disabled: false, group: None, created: now, updated: now })
}

/// A refused name is told as such.
fn taken(error: StoreError, kind: UnitKind, name: &str) -> PeopleError {
    match error {
        StoreError::Conflict { .. } => PeopleError::Taken { kind, name: name.to_owned() },
        other => other.into(),
    }
}

/// A page in the order of creation.
pub fn list(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    kind: UnitKind,
    after: Option<&str>,
    most: usize,
) -> Result<Page<Unit>, PeopleError> {
    list_of(on, directory, kind, None, after, most)
}

/// As [`list`], of enabled or disabled ones alone.
pub fn list_of(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    kind: UnitKind,
    disabled: Option<bool>,
    after: Option<&str>,
    most: usize,
) -> Result<Page<Unit>, PeopleError> {
    let after = cursor::key(after)?;
    let mut args = vec![directory.0.into(), (kind as i64).into(), after.into(), cursor::limit(most)];
    args.extend(disabled.map(Value::from));
    let statement = if disabled.is_some() { &LIST_OF } else { &LIST };
    let mut rows: Vec<UnitRow> = on.all(statement, &args, most + 1)?;
    let next = cursor::cut(&mut rows, most, |row| row.key.to_string());
    Ok(Page { items: rows.into_iter().map(|row| row.unit).collect(), next })
}

/// One by id, or by name (whole, ignoring case and outer blanks).
pub fn show(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    kind: UnitKind,
    name_or_id: &str,
) -> Result<Option<Unit>, PeopleError> {
    Ok(find(on, directory, kind, name_or_id)?.map(|row| row.unit))
}

/// One by name alone.
pub fn by_its_name(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    kind: UnitKind,
    name: &str,
) -> Result<Option<Unit>, PeopleError> {
    Ok(by_name(on, directory, kind, name)?.map(|row| row.unit))
}

/// [`show`] with the key: a name that looks like an id is tried as an id first.
pub(crate) fn find(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    kind: UnitKind,
    name_or_id: &str,
) -> Result<Option<UnitRow>, StoreError> {
    if let Ok(id) = Uuid::try_parse(name_or_id)
        && let Some(row) = by_id(on, directory, id)?
        && row.unit.kind == kind
    {
        return Ok(Some(row));
    }
    by_name(on, directory, kind, name_or_id)
}

pub(crate) fn by_name(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    kind: UnitKind,
    name: &str,
) -> Result<Option<UnitRow>, StoreError> {
    on.one(&BY_NAME, &[directory.0.into(), (kind as i64).into(), folded(name).into()])
}

pub(crate) fn by_id(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    id: Uuid,
) -> Result<Option<UnitRow>, StoreError> {
    on.one(&BY_ID, &[directory.0.into(), id.into()])
}

/// Disables or enables one. Records that refer to it, by name or through their group, run through the rules again.
pub fn set_disabled(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    kind: UnitKind,
    name_or_id: &str,
    disabled: bool,
    now: Timestamp,
) -> Result<Unit, PeopleError> {
    let Some(mut row) = find(tx, directory, kind, name_or_id)? else {
        return Err(PeopleError::UnknownUnit { kind, name: name_or_id.to_owned() });
    };
    if row.unit.disabled != disabled {
        setting::moved(tx, directory)?;
        tx.exec(&DISABLE, &[directory.0.into(), row.key.into(), disabled.into(), now.into()])?;
        asked::changed(tx, directory, &Question::unit(kind, &row.unit.name))?;
        walk::members_of_unit(tx, directory, row.key)?;
        row.unit.disabled = disabled;
        row.unit.updated = now;
    }
    Ok(row.unit)
}

/// By ids or folded names, in no order.
pub(crate) fn refs(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    ids: &[Uuid],
) -> Result<Vec<UnitRef>, StoreError> {
    match ids.len() {
        0 => Ok(Vec::new()),
        most => {
            let ids = list::bytes(ids.iter().map(|id| id.as_bytes().as_slice()));
            on.all(&REFS_BY_ID, &[directory.0.into(), ids], most)
        }
    }
}

/// Those of a kind with these folded names, in no order.
pub(crate) fn refs_by_name<'n>(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    kind: UnitKind,
    folded: impl ExactSizeIterator<Item = &'n [u8]>,
) -> Result<Vec<UnitRef>, StoreError> {
    match folded.len() {
        0 => Ok(Vec::new()),
        most => {
            let args = [directory.0.into(), (kind as i64).into(), list::bytes(folded)];
            on.all(&REFS_BY_NAME, &args, most)
        }
    }
}

/// Writes what rules made of organizations and sites: new ones and other names. The index refuses a name that another has.
pub(crate) fn save_all(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    new: &[&UnitRef],
    renamed: &[&UnitRef],
    now: Timestamp,
) -> Result<(), StoreError> {
    for unit in renamed {
        let args = [
            directory.0.into(),
            unit.id.into(),
            unit.name.clone().into(),
            folded(&unit.name).into(),
            now.into(),
        ];
        tx.exec(&RENAME, &args)?;
    }
    for unit in new {
        let args = [
            directory.0.into(),
            (unit.kind as i64).into(),
            unit.id.into(),
            unit.name.clone().into(),
            folded(&unit.name).into(),
            unit.disabled.into(),
            now.into(),
        ];
        tx.exec(&INSERT, &args)?;
    }
    Ok(())
}

/// The account's default organization: what a new person gets when neither its record nor its groups name one.
/// `None`: people may stand without an organization.
pub fn default_organization(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
) -> Result<Option<Unit>, PeopleError> {
    Ok(default_row(on, directory)?.map(|row| row.unit))
}

pub(crate) fn default_row(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
) -> Result<Option<UnitRow>, StoreError> {
    on.one(&DEFAULT, &[directory.0.into()])
}

/// Sets it by name or id, or takes it away. It counts for people made from now on.
pub fn set_default_organization(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    organization: Option<&str>,
) -> Result<Option<Unit>, PeopleError> {
    let kind = UnitKind::Organization;
    let row = match organization {
        None => None,
        Some(name) => Some(
            find(tx, directory, kind, name)?
                .ok_or_else(|| PeopleError::UnknownUnit { kind, name: name.to_owned() })?,
        ),
    };
    let key: Value = row.as_ref().map(|row| row.key).into();
    setting::moved(tx, directory)?;
    tx.exec(&SET_DEFAULT, &[directory.0.into(), key])?;
    Ok(row.map(|row| row.unit))
}
