//! Attributes with index rows of their own, chosen by an account: added and taken away while clients go on reading and writing.
//!
//! An added one is *building*: every write keeps its rows from the next request on, queries don't use them yet, and
//! [`step`] goes over what is there in blocks. When it has been everywhere the attribute is *ready*. One that is taken away is hidden at
//! once, and its rows go in blocks. Where a block ended stands in the database, so whoever comes next goes on from there.

use jiff::Timestamp;
use usher_scim::{AttributePath, ScimError};
use usher_store::{Column, FromRow, Row, Snapshot, Sql, StoreError, Tx, args};

use crate::{
    DirectoryId, Kind,
    config::{self, Configs, DirectoryConfig},
    index::{Indexed, Named},
    object::Stored,
};

/// The most indexed attributes of an environment, beside those every one has.
const MOST: usize = 20;
/// Numbers below are those of attributes that every directory has indexed.
const OWN: i64 = 100;

/// How far an indexed attribute is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexState {
    /// Rows are made; queries don't use them.
    Building = 1,
    /// Queries use it.
    Ready = 2,
    /// Its rows are on their way out.
    Going = 3,
}

impl IndexState {
    /// `building`, `ready`, `going`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Ready => "ready",
            Self::Going => "going",
        }
    }
}

/// An indexed attribute of a directory.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Index {
    /// Its number in the tables, beyond [`OWN`].
    pub number: i64,
    pub directory: DirectoryId,
    pub kind: Kind,
    /// As resolved: `urn:example:hr:1.0:User:badge`, `emails.type`.
    pub path: String,
    /// Kept to refuse a second object with the value; else for queries.
    pub unique: bool,
    pub state: IndexState,
    pub created: Timestamp,
    after: i64,
}

impl FromRow for Index {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            number: row.get::<i64>(0)? + OWN,
            directory: row.get(1)?,
            kind: row.get(2)?,
            path: row.get(3)?,
            unique: row.get(4)?,
            state: match row.get::<i64>(5)? {
                1 => IndexState::Building,
                2 => IndexState::Ready,
                3 => IndexState::Going,
                other => {
                    return Err(StoreError::Bug(format!(
                        "a column holds {other}, which is no state of an index"
                    )));
                }
            },
            created: row.get(6)?,
            after: row.get(7)?,
        })
    }
}

/// Why an attribute can't be indexed.
#[derive(Debug, Clone, thiserror::Error)]
#[allow(missing_docs)]
pub enum IndexError {
    #[error("{}", .0.detail)]
    Path(#[from] ScimError),
    #[error("{0} is indexed already")]
    Known(String),
    #[error("{0} is indexed in every account")]
    Always(String),
    #[error("an environment has {MOST} indexed attributes of its own at most; take one away first")]
    TooMany,
    #[error("{0} is not among the indexed attributes of this account's own")]
    Unknown(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The attributes of a directory, by number.
pub fn list(on: &mut Snapshot<'_>, directory: DirectoryId) -> Result<Vec<Index>, StoreError> {
    const LIST: Sql = Sql::same(
        "select number, directory, kind, path, uniq, state, created, after from indexed where directory = $1 order by number limit 2000",
    );
    on.all(&LIST, args![directory], 2000)
}

/// Has an attribute that holds texts indexed.
pub fn add(
    tx: &mut Tx<'_>,
    config: &DirectoryConfig,
    kind: Kind,
    path: &str,
    now: Timestamp,
) -> Result<Index, IndexError> {
    const ADD: Sql = Sql::same(
        "insert into indexed (directory, kind, path, folded, uniq, state, created, after) values ($1, $2, $3, $4, $5, 1, $6, 0)
         on conflict do nothing returning number, directory, kind, path, uniq, state, created, after",
    );
    let path = resolved(config, kind, path)?;
    let all = list(tx, config.id)?;
    if all.iter().filter(|index| !index.unique && index.state != IndexState::Going).count() >= MOST {
        return Err(IndexError::TooMany);
    }
    let added =
        tx.one::<Index>(&ADD, args![config.id, kind, &path, path.to_ascii_lowercase(), false, now])?;
    let added = added.ok_or(IndexError::Known(path))?;
    config::bump(tx, config.id)?;
    tx.announce();
    Ok(added)
}

/// Takes an attribute away again: queries use it no more from the next request on.
pub fn remove(
    tx: &mut Tx<'_>,
    config: &DirectoryConfig,
    kind: Kind,
    path: &str,
) -> Result<Index, IndexError> {
    let known = list(tx, config.id)?;
    let wanted = resolved(config, kind, path).unwrap_or_else(|_| path.to_owned());
    let found = known
        .into_iter()
        .filter(|index| !index.unique && index.kind == kind && index.state != IndexState::Going)
        .find(|index| index.path.eq_ignore_ascii_case(&wanted));
    let found = found.ok_or_else(|| IndexError::Unknown(path.to_owned()))?;
    going(tx, &found)?;
    config::bump(tx, config.id)?;
    tx.announce();
    Ok(found)
}

fn going(tx: &mut Tx<'_>, index: &Index) -> Result<(), StoreError> {
    const GOING: Sql = Sql::same("update indexed set state = 3, folded = $2 where number = $1");
    // Its name is free again at once.
    let number = index.number - OWN;
    tx.exec(&GOING, args![number, format!("going/{number}")]).map(drop)
}

/// All attributes of an extension that is taken away.
pub(crate) fn remove_under(tx: &mut Tx<'_>, directory: DirectoryId, urn: &str) -> Result<(), StoreError> {
    let prefix = format!("{urn}:").to_ascii_lowercase();
    for index in list(tx, directory)? {
        if index.path.to_ascii_lowercase().starts_with(&prefix) && index.state != IndexState::Going {
            going(tx, &index)?;
        }
    }
    Ok(())
}

/// Has values of a new attribute be one object's alone. Nothing is there yet that has some.
pub(crate) fn hold_unique(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    kind: Kind,
    path: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    const ADD: Sql = Sql::same(
        "insert into indexed (directory, kind, path, folded, uniq, state, created, after) values ($1, $2, $3, $4, $5, 2, $6, 0)
         on conflict do nothing",
    );
    let folded = format!("unique/{}", path.to_ascii_lowercase());
    tx.exec(&ADD, args![directory, kind, path, folded, true, now]).map(drop)
}

/// A path as it is kept, with the names as the schema spells them; refused where there is nothing to index.
fn resolved(config: &DirectoryConfig, kind: Kind, path: &str) -> Result<String, IndexError> {
    let indexed = Indexed::new(0, kind, config.resource_type(kind), path)?;
    let Named { extension, attribute, sub, .. } = &indexed.name;
    let always = extension.is_none()
        && matches!(
            (attribute.as_str(), sub.as_deref()),
            ("id" | "externalId" | "schemas" | "meta" | "members" | "groups", _) | ("emails", Some("value"))
        )
        || (extension.is_none() && kind == Kind::User && attribute == "userName")
        || (extension.is_none() && kind == Kind::Group && attribute == "displayName");
    if always {
        return Err(IndexError::Always(path.to_owned()));
    }
    let path =
        AttributePath { schema: extension.clone(), name: attribute.clone(), filter: None, sub: sub.clone() };
    Ok(path.to_string())
}

/// Compiles what holds in a directory into its configuration.
pub(crate) fn compile(on: &mut Snapshot<'_>, config: &mut DirectoryConfig) -> Result<(), StoreError> {
    for index in list(on, config.id)? {
        if index.state == IndexState::Going {
            continue;
        }
        let of = config.resource_type(index.kind);
        let mut compiled = Indexed::new(index.number, index.kind, of, &index.path)
            .map_err(|error| StoreError::Bug(format!("the indexed attribute {}: {error}", index.path)))?;
        compiled.ready = index.state == IndexState::Ready;
        if index.unique { &mut config.unique } else { &mut config.indexed }.push(compiled);
    }
    Ok(())
}

/// Attributes with work left: those being built since before a moment (whoever still writes by an older configuration has ended by
/// then), and those on their way out.
pub fn unfinished(on: &mut Snapshot<'_>, before: Timestamp) -> Result<Vec<Index>, StoreError> {
    const UNFINISHED: Sql = Sql::same(
        "select number, directory, kind, path, uniq, state, created, after from indexed
         where state <> 2 and (state = 3 or created < $1) order by number limit 1000",
    );
    on.all(&UNFINISHED, args![before], 1000)
}

/// Goes on with one by a block of at most `most` objects (or rows). `true`: there is more to do.
///
/// On PostgreSQL the objects of the block are locked: whoever changes one meanwhile comes after the rows that are made here, and takes
/// away those of the old values.
pub fn step(tx: &mut Tx<'_>, configs: &Configs, index: &Index, most: usize) -> Result<bool, StoreError> {
    const PRESENT: Sql = Sql::same(
        "select number, directory, kind, path, uniq, state, created, after from indexed where number = $1",
    );
    let number = index.number - OWN;
    let Some(index) = tx.one::<Index>(&PRESENT, args![number])? else { return Ok(false) };
    match index.state {
        IndexState::Ready => Ok(false),
        IndexState::Building => build(tx, configs, &index, most),
        IndexState::Going => take_down(tx, &index, most),
    }
}

fn build(tx: &mut Tx<'_>, configs: &Configs, index: &Index, most: usize) -> Result<bool, StoreError> {
    const BLOCK: Sql = Sql::each(
        concat!(
            "select ",
            crate::object::columns!(),
            " from object o where o.directory = $1 and o.kind = $2 and o.key > $3 order by o.key limit $4"
        ),
        concat!(
            "select ",
            crate::object::columns!(),
            " from object o where o.directory = $1 and o.kind = $2 and o.key > $3 order by o.key limit $4 for no key update"
        ),
    );
    const ROWS: Sql = Sql::each(
        "insert into search (directory, attribute, value, key) values ($1, $2, $3, $4) on conflict do nothing",
        "insert into search (directory, attribute, value, key)
         select $1::bigint, $2::bigint, value, key from unnest($3::bytea[], $4::bigint[]) as r(value, key) on conflict do nothing",
    );
    const MOVE: Sql =
        Sql::same("update indexed set after = $3 where number = $1 and after = $2 and state = 1");
    const READY: Sql =
        Sql::same("update indexed set state = 2 where number = $1 and after = $2 and state = 1");
    let number = index.number - OWN;
    let Some(config) = configs.get(tx, index.directory)? else { return Ok(false) };
    let Some(indexed) = config.indexed.iter().find(|it| it.number == index.number) else { return Ok(false) };
    let objects: Vec<Stored> =
        tx.all(&BLOCK, args![index.directory, index.kind, index.after, most as i64], most)?;
    let mut rows = Vec::new();
    for stored in &objects {
        rows.extend(indexed.searched(&stored.object()?).into_iter().map(|(_, value)| (value, stored.key.0)));
    }
    if !rows.is_empty() {
        let (values, keys): (Vec<Vec<u8>>, Vec<i64>) = rows.into_iter().unzip();
        let columns = [
            Column::Same(index.directory.into()),
            Column::Same(index.number.into()),
            values.into_iter().collect(),
            keys.into_iter().collect(),
        ];
        tx.exec_many(&ROWS, &columns)?;
    }
    match objects.last() {
        Some(last) if objects.len() >= most => {
            tx.exec(&MOVE, args![number, index.after, last.key])?;
            Ok(true)
        }
        _ => {
            if tx.exec(&READY, args![number, index.after])? > 0 {
                config::bump(tx, index.directory)?;
            }
            Ok(false)
        }
    }
}

fn take_down(tx: &mut Tx<'_>, index: &Index, most: usize) -> Result<bool, StoreError> {
    const SEARCH: Sql = Sql::same(
        "delete from search where directory = $1 and attribute = $2 and (value, key) in (
           select value, key from search where directory = $1 and attribute = $2 order by value, key limit $3)",
    );
    const TAKEN: Sql = Sql::same(
        "delete from taken where directory = $1 and attribute = $2 and value in (
           select value from taken where directory = $1 and attribute = $2 order by value limit $3)",
    );
    const GONE: Sql = Sql::same("delete from indexed where number = $1 and state = 3");
    let sql = if index.unique { &TAKEN } else { &SEARCH };
    let gone = tx.exec(sql, args![index.directory, index.number, most as i64])?;
    if gone >= most as u64 {
        return Ok(true);
    }
    tx.exec(&GONE, args![index.number - OWN])?;
    Ok(false)
}
