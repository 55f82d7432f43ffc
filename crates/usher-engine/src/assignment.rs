//! Assignments: a user or a group, with an app role, whether the groups in a group count too, and default attribute values.
//!
//! A user's own assignments come before those of groups; among groups the smaller priority number comes first, then the older
//! assignment. Of each attribute the first value holds ([`crate::given`] says what becomes of it).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use usher_directory::{DirectoryId, Key, Kind, object};
use usher_store::{FromRow, Row, Snapshot, Sql, StoreError, Tx, list};

use usher_mapping::mapping::MappingError;

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
    /// Of a group: members of the groups in it get accounts too, at any depth.
    pub nested: bool,
    /// Among groups, the smaller number comes first.
    pub priority: i64,
    /// Its values win over the mapping's.
    pub overrides: bool,
    /// Values by target attribute.
    pub values: BTreeMap<String, String>,
}

/// What an assignment gives beside the role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Members of groups in the group count too (of a user: nothing).
    pub nested: bool,
    /// Among groups, the smaller number comes first.
    pub priority: i64,
    /// The values win over the mapping's.
    pub overrides: bool,
    /// Values by target attribute path, used where the mapping gives none.
    pub values: BTreeMap<String, String>,
}

impl Default for Terms {
    fn default() -> Self {
        Self { nested: false, priority: 100, overrides: false, values: BTreeMap::new() }
    }
}

impl Terms {
    /// Whether these can be given to users of the app: every attribute is one of its users', and none is a matching property.
    ///
    /// # Errors
    /// [`EngineError::Mapping`] names the attribute and, of an unknown one, the nearest.
    pub fn check(&self, app: &App) -> Result<(), EngineError> {
        let matchers = app.users.matchers();
        for name in self.values.keys() {
            let path = crate::given::path(app, name)?;
            if matchers.iter().any(|row| row.target == path) {
                return Err(MappingError::Other(format!(
                    "{name} is a matching property of {}: an assignment can't set it, or people would be linked to other accounts",
                    app.name
                ))
                .into());
            }
        }
        Ok(())
    }

    fn text(&self) -> Result<String, EngineError> {
        if self.values.is_empty() {
            return Ok(String::new());
        }
        Ok(serde_json::to_string(&self.values).map_err(|e| StoreError::Bug(e.to_string()))?)
    }
}

impl FromRow for Assignment {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let kind: i64 = row.get(1)?;
        Ok(Self {
            object: Key(row.get(0)?),
            kind: if kind == Kind::Group as i64 { Kind::Group } else { Kind::User },
            role: row.get(2)?,
            since: row.get(3)?,
            nested: row.get(4)?,
            priority: row.get(5)?,
            overrides: row.get(6)?,
            values: values(&row.get::<String>(7)?)?,
        })
    }
}

fn values(text: &str) -> Result<BTreeMap<String, String>, StoreError> {
    if text.is_empty() {
        return Ok(BTreeMap::new());
    }
    serde_json::from_str(text)
        .map_err(|e| StoreError::Bug(format!("values of an assignment can't be read: {e}")))
}

// Only what differs counts as written.
const INSERT: Sql = Sql::same(
    "insert into assignment (app, object, role, kind, since, nested, priority, overrides, given) \
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (app, object, role) do update set \
     nested = excluded.nested, priority = excluded.priority, overrides = excluded.overrides, given = excluded.given \
     where assignment.nested <> excluded.nested or assignment.priority <> excluded.priority \
     or assignment.overrides <> excluded.overrides or assignment.given <> excluded.given",
);
const NESTED: Sql = Sql::same("select object from assignment where app = $1 and nested limit 1");
const DELETE_ROLE: Sql = Sql::same("delete from assignment where app = $1 and object = $2 and role = $3");
const DELETE: Sql = Sql::same("delete from assignment where app = $1 and object = $2");
const PAGE: Sql = Sql::same(
    "select object, kind, role, since, nested, priority, overrides, given from assignment where app = $1 and (object > $2 or (object = $2 and role > $3)) \
     order by object, role limit $4",
);
const OF: Sql = Sql::each(
    "select object, kind, role, since, nested, priority, overrides, given from assignment where app = $1 and object in (select value from json_each($2)) \
     order by object, role",
    "select object, kind, role, since, nested, priority, overrides, given from assignment where app = $1 and object in \
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
    assign_on(tx, app, (object, kind), role, &Terms::default(), now)
}

/// The same with more than the role; one that is there gets these terms. `false`: nothing changed.
///
/// # Errors
/// Those of [`Terms::check`].
pub fn assign_on(
    tx: &mut Tx<'_>,
    app: &App,
    (object, kind): (Key, Kind),
    role: &str,
    terms: &Terms,
    now: Timestamp,
) -> Result<bool, EngineError> {
    terms.check(app)?;
    let deep = kind == Kind::Group && (terms.nested || any_nested(tx, app.id)?);
    let args = [
        app.id.0.into(),
        object.0.into(),
        role.into(),
        (kind as i64).into(),
        now.into(),
        (terms.nested && kind == Kind::Group).into(),
        terms.priority.into(),
        terms.overrides.into(),
        terms.text()?.into(),
    ];
    if tx.exec(&INSERT, &args)? == 0 {
        return Ok(false);
    }
    look_at(tx, app, object, kind, deep)?;
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
    let deep = kind == Kind::Group && any_nested(tx, app.id)?;
    let gone = match role {
        Some(role) => tx.exec(&DELETE_ROLE, &[app.id.0.into(), object.0.into(), role.into()])?,
        None => tx.exec(&DELETE, &[app.id.0.into(), object.0.into()])?,
    };
    if gone > 0 {
        look_at(tx, app, object, kind, deep)?;
    }
    Ok(gone > 0)
}

fn look_at(tx: &mut Tx<'_>, app: &App, object: Key, kind: Kind, deep: bool) -> Result<(), EngineError> {
    walk::one(tx, app.id, object)?;
    match (kind, deep) {
        (Kind::Group, true) => walk::below(tx, app, object)?,
        (Kind::Group, false) => walk::members(tx, app.id, object)?,
        (Kind::User, _) => {}
    }
    tx.announce();
    Ok(())
}

/// Whether the groups in some assigned group count too.
pub(crate) fn any_nested(on: &mut Snapshot<'_>, app: AppId) -> Result<bool, StoreError> {
    Ok(on.one::<(i64,)>(&NESTED, &[app.0.into()])?.is_some())
}

/// Which of these groups give their members accounts: they are assigned, or lie in a group that is assigned with the groups in it.
pub(crate) fn giving(on: &mut Snapshot<'_>, app: &App, groups: &[Key]) -> Result<BTreeSet<Key>, EngineError> {
    let mut found: BTreeSet<Key> = of(on, app.id, groups)?.into_iter().map(|a| a.object).collect();
    if groups.is_empty() || !any_nested(on, app.id)? {
        return Ok(found);
    }
    let above = object::all_groups_of(on, app.directory, groups)?;
    let mut keys: Vec<Key> = above.iter().map(|(_, group, _)| group.key).collect();
    keys.sort_unstable();
    keys.dedup();
    let nested: BTreeSet<Key> =
        of(on, app.id, &keys)?.into_iter().filter(|a| a.nested).map(|a| a.object).collect();
    found.extend(above.into_iter().filter(|(_, group, _)| nested.contains(&group.key)).map(|(g, ..)| g));
    Ok(found)
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
    on.all(&OF, &[app.0.into(), list::numbers(objects.iter().copied())], 100_000)
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
