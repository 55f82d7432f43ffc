//! Assignments: a user or a group, with an app role.

use jiff::Timestamp;
use usher_directory::{DirectoryId, Key, Kind, object};
use usher_store::{FromRow, Row, Snapshot, Sql, StoreError, Tx, Value};

use crate::{
    app::{App, AppId},
    cycle::walk,
    error::EngineError,
};

/// The role of an assignment that carries none of the app's own.
pub const DEFAULT_ACCESS: &str = "Default Access";

/// An assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The user or group.
    pub object: Key,
    /// Which of the two.
    pub kind: Kind,
    /// The app role.
    pub role: String,
    /// When it was made.
    pub since: Timestamp,
}

impl FromRow for Assignment {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let kind: i64 = row.get(1)?;
        Ok(Self {
            object: Key(row.get(0)?),
            kind: if kind == Kind::Group as i64 { Kind::Group } else { Kind::User },
            role: row.get(2)?,
            since: row.get(3)?,
        })
    }
}

const INSERT: Sql = Sql::same(
    "insert into assignment (app, object, role, kind, since) values ($1, $2, $3, $4, $5) \
     on conflict (app, object, role) do nothing",
);
const DELETE_ROLE: Sql = Sql::same("delete from assignment where app = $1 and object = $2 and role = $3");
const DELETE: Sql = Sql::same("delete from assignment where app = $1 and object = $2");
const PAGE: Sql = Sql::same(
    "select object, kind, role, since from assignment where app = $1 and (object > $2 or (object = $2 and role > $3)) \
     order by object, role limit $4",
);
const OF: Sql = Sql::each(
    "select object, kind, role, since from assignment where app = $1 and object in (select value from json_each($2)) \
     order by object, role",
    "select object, kind, role, since from assignment where app = $1 and object in \
     (select value::bigint from json_array_elements_text($2::text::json)) order by object, role",
);

/// The role that an assignment gets: the one named, else the app's default, else *Default Access* for an app without roles.
pub fn role(app: &App, named: Option<&str>) -> Result<String, EngineError> {
    let roles = &app.template.roles;
    match (named, &app.template.default_role) {
        (Some(named), _) if named == DEFAULT_ACCESS || roles.iter().any(|r| r == named) => {
            Ok(named.to_owned())
        }
        (Some(named), _) if roles.is_empty() => Err(EngineError::Role(format!(
            "{} has no roles, so there is no role {named}; leave --role out",
            app.name
        ))),
        (Some(named), _) => Err(EngineError::Role(format!(
            "{} has no role {named}; there are: {}",
            app.name,
            roles.join(", ")
        ))),
        (None, Some(default)) => Ok(default.clone()),
        (None, None) if roles.is_empty() => Ok(DEFAULT_ACCESS.to_owned()),
        (None, None) => Err(EngineError::Role(format!("say which role with --role: {}", roles.join(", ")))),
    }
}

/// Assigns; `false`: it was assigned with that role already. A group's members are looked at block by block.
pub fn assign(
    tx: &mut Tx<'_>,
    app: &App,
    object: Key,
    kind: Kind,
    role: &str,
    now: Timestamp,
) -> Result<bool, EngineError> {
    let args = [app.id.0.into(), object.0.into(), role.into(), (kind as i64).into(), now.into()];
    if tx.exec(&INSERT, &args)? == 0 {
        return Ok(false);
    }
    look_at(tx, app.id, object, kind)?;
    Ok(true)
}

/// Takes an assignment away (all of the object's roles, or one); `false`: there was none.
pub fn unassign(
    tx: &mut Tx<'_>,
    app: &App,
    object: Key,
    kind: Kind,
    role: Option<&str>,
) -> Result<bool, EngineError> {
    let gone = match role {
        Some(role) => tx.exec(&DELETE_ROLE, &[app.id.0.into(), object.0.into(), role.into()])?,
        None => tx.exec(&DELETE, &[app.id.0.into(), object.0.into()])?,
    };
    if gone > 0 {
        look_at(tx, app.id, object, kind)?;
    }
    Ok(gone > 0)
}

fn look_at(tx: &mut Tx<'_>, app: AppId, object: Key, kind: Kind) -> Result<(), StoreError> {
    walk::one(tx, app, object)?;
    if kind == Kind::Group {
        walk::members(tx, app, object)?;
    }
    tx.announce();
    Ok(())
}

/// A block of an app's assignments by (object, role), going on after the last one seen.
pub fn page(
    on: &mut Snapshot<'_>,
    app: AppId,
    after: Option<(Key, &str)>,
    most: usize,
) -> Result<Vec<Assignment>, StoreError> {
    let (key, role) = after.map_or((-1, ""), |(k, r)| (k.0, r));
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    on.all(&PAGE, &[app.0.into(), key.into(), role.into(), limit.into()], most)
}

/// Assignments of these objects.
pub(crate) fn of(on: &mut Snapshot<'_>, app: AppId, objects: &[Key]) -> Result<Vec<Assignment>, StoreError> {
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    on.all(&OF, &[app.0.into(), keys_json(objects)], 100_000)
}

/// Keys as the one argument that both databases can unfold.
pub(crate) fn keys_json(keys: &[Key]) -> Value {
    let mut text = String::with_capacity(keys.len() * 8 + 2);
    text.push('[');
    for (n, key) in keys.iter().enumerate() {
        if n > 0 {
            text.push(',');
        }
        text.push_str(&key.0.to_string());
    }
    text.push(']');
    Value::Text(text)
}

/// Finds what `--user` or `--group` names: userName or displayName, or the id.
pub fn find(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    kind: Kind,
    name: &str,
) -> Result<object::Stored, EngineError> {
    let by_name = object::by_name(on, directory, kind, name)?;
    let found = match (by_name, uuid::Uuid::parse_str(name)) {
        (Some(found), _) => Some(found),
        (None, Ok(id)) => {
            object::get(on, directory, usher_directory::ObjectId(id))?.filter(|o| o.kind == kind)
        }
        (None, Err(_)) => None,
    };
    found.ok_or_else(|| EngineError::NoObject(name.to_owned()))
}
