//! References: a manager is written by the id it has at the app; until it has one, whoever names it waits.
//! (Members need no waiting: a new link looks up the groups it is in.)

use std::collections::HashMap;

use serde_json::{Value as Json, json};
use usher_directory::{Key, ObjectId, object};
use usher_mapping::{Value, mapping::Mapped};
use usher_scim::{AttributePath, ResourceType};
use usher_store::{Snapshot, Sql, StoreError, Tx};
use uuid::Uuid;

use crate::{
    app::{App, AppId},
    error::EngineError,
    flaw::{self, Flaw},
    link,
};

/// Whether a path is the group's `members`, which are rows and deltas, never a value.
pub fn is_members(path: &AttributePath) -> bool {
    path.schema.as_deref().is_none_or(|s| s.eq_ignore_ascii_case(usher_scim::schema::GROUP))
        && path.name.eq_ignore_ascii_case("members")
}

/// Whether a target attribute refers to users or groups (RFC 7643 §2.3.7: it has a `$ref` to them), like the manager.
pub fn is(target: &ResourceType, path: &AttributePath) -> bool {
    let Some(attribute) = target.resolve(path).and_then(|r| r.attribute) else { return false };
    attribute.sub_attributes.iter().any(|s| {
        s.name == "$ref" && s.reference_types.iter().any(|t| t == "User" || t == "Group") && !is_members(path)
    })
}

/// `{"value": id}` of whatever form a reference came in.
pub(crate) fn bare(value: &Json) -> Json {
    match value {
        Json::Object(o) => o.get("value").map_or(Json::Null, |v| json!({ "value": v })),
        other => other.clone(),
    }
}

/// What resolving a user's references found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resolved {
    /// Objects of the directory that have no target yet: to be waited for.
    pub awaited: Vec<(AttributePath, Key, String)>,
    /// Ids that name nothing in the directory.
    pub unknown: Vec<String>,
}

/// Translates directory ids in reference rows to the ids their targets have; rows that can't be are taken out.
pub fn resolve(
    on: &mut Snapshot<'_>,
    app: &App,
    target: &ResourceType,
    mapped: &mut Vec<Mapped>,
) -> Result<Resolved, EngineError> {
    let mut resolved = Resolved::default();
    let mut known: HashMap<usize, Option<Value>> = HashMap::new();
    for (n, row) in mapped.iter().enumerate() {
        if row.value.is_empty() || !is(target, &row.target) {
            continue;
        }
        known.insert(n, translate(on, app, row, &mut resolved)?);
    }
    let mut n = 0;
    mapped.retain_mut(|row| {
        let keep = match known.remove(&n) {
            None => true,
            Some(None) => false,
            Some(Some(value)) => {
                row.value = value;
                true
            }
        };
        n += 1;
        keep
    });
    Ok(resolved)
}

fn translate(
    on: &mut Snapshot<'_>,
    app: &App,
    row: &Mapped,
    resolved: &mut Resolved,
) -> Result<Option<Value>, EngineError> {
    let text = match &row.value {
        Value::Object(o) => o.get("value").and_then(Json::as_str).map(str::to_owned),
        other => other.text(),
    };
    let Some(text) = text else { return Ok(None) };
    let found = match Uuid::parse_str(&text) {
        Ok(id) => object::get(on, app.directory, ObjectId(id))?,
        Err(_) => None,
    };
    let Some(found) = found else {
        resolved.unknown.push(text);
        return Ok(None);
    };
    let target = link::get(on, app.id, found.key)?.and_then(|l| l.target);
    let Some(target) = target else {
        resolved.awaited.push((row.target.clone(), found.key, found.name().to_owned()));
        return Ok(None);
    };
    let whole = row.target.sub.is_none();
    if !whole {
        return Ok(Some(Value::Text(target)));
    }
    let mut object = usher_scim::Object::new();
    object.insert("value".into(), target.into());
    Ok(Some(Value::Object(object)))
}

const WAIT: Sql = Sql::same(
    "insert into waiting (app, awaited, object) values ($1, $2, $3) on conflict (app, awaited, object) do nothing",
);
const STOP_WAITING: Sql = Sql::same("delete from waiting where app = $1 and object = $2");
const WAITING: Sql =
    Sql::same("select object from waiting where app = $1 and awaited = $2 order by object limit $3");
const HEAL: Sql = Sql::same("delete from waiting where app = $1 and awaited = $2 and object <= $3");

/// `object` waits for these and no others.
pub(crate) fn wait_for(tx: &mut Tx<'_>, app: AppId, object: Key, awaited: &[Key]) -> Result<(), StoreError> {
    tx.exec(&STOP_WAITING, &[app.0.into(), object.0.into()])?;
    for key in awaited {
        tx.exec(&WAIT, &[app.0.into(), key.0.into(), object.0.into()])?;
    }
    Ok(())
}

/// Takes a block of those who wait for `awaited`, which now has a target.
pub(crate) fn healed(tx: &mut Tx<'_>, app: AppId, awaited: Key, most: usize) -> Result<Vec<Key>, StoreError> {
    if flaw::is_on(Flaw::ReferenceForgotten) {
        return Ok(Vec::new());
    }
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let rows: Vec<(i64,)> = tx.all(&WAITING, &[app.0.into(), awaited.0.into(), limit.into()], most)?;
    if let Some((last,)) = rows.last() {
        tx.exec(&HEAL, &[app.0.into(), awaited.0.into(), (*last).into()])?;
    }
    Ok(rows.into_iter().map(|(object,)| Key(object)).collect())
}
