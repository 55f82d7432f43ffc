//! What rules see and ask: the record, what it is linked to, and look-ups over people, organizations and sites. Each look-up
//! is noted, so that the record runs again when its answer changes.

use std::collections::{BTreeSet, HashMap};

use serde_json::json;
use usher_directory::{
    DirectoryId, Key, ObjectId,
    object::{self, Link, Stored},
};
use usher_mapping::{EvalError, Lookup, Value};
use usher_scim::Object;
use usher_store::{FromRow, Row, Sql, StoreError, Tx};
use uuid::Uuid;

use crate::{
    asked::Question,
    lane,
    row::{self, Loaded, PersonRef, UnitRef},
    unit::{self, UnitKind, UnitRow},
};

/// A run's view of the database.
pub(crate) struct World<'t, 'c> {
    pub(crate) tx: &'t mut Tx<'c>,
    pub(crate) directory: DirectoryId,
    /// What this run has asked.
    pub(crate) asked: &'t mut BTreeSet<Question>,
    /// A failure of the database during a look-up: it ends the run, whatever the expression made of it.
    pub(crate) failed: Option<StoreError>,
}

impl World<'_, '_> {
    /// Hands the expression an error and keeps ours.
    fn keep<T>(&mut self, result: Result<T, StoreError>) -> Result<T, EvalError> {
        result.map_err(|error| {
            let message = error.to_string();
            self.failed = Some(error);
            EvalError { span: None, message }
        })
    }
}

impl Lookup for World<'_, '_> {
    fn find(&mut self, kind: &str, key: &str) -> Result<Value, EvalError> {
        if key.trim().is_empty() {
            return Ok(Value::Null);
        }
        if kind == "person" {
            self.asked.insert(Question::person(key));
            let found = row::by_email(self.tx, self.directory, key);
            return Ok(self.keep(found)?.map_or(Value::Null, |loaded| person_value(&loaded)));
        }
        let Some(unit_kind) = UnitKind::from_word(kind) else {
            let message = format!("Find knows \"person\", \"organization\" and \"site\", not \"{kind}\"");
            return Err(EvalError { span: None, message });
        };
        self.asked.insert(Question::unit(unit_kind, key));
        let found = unit::by_name(self.tx, self.directory, unit_kind, key);
        Ok(self.keep(found)?.map_or(Value::Null, |row| unit_value(&row)))
    }

    fn person_of(&mut self, scim_user: &str) -> Result<Value, EvalError> {
        let Ok(id) = Uuid::try_parse(scim_user.trim()) else { return Ok(Value::Null) };
        self.asked.insert(Question::scim_user(ObjectId(id)));
        let directory = self.directory;
        let stored = object::get(self.tx, directory, ObjectId(id));
        let Some(stored) = self.keep(stored)? else { return Ok(Value::Null) };
        let person = row::by_record(self.tx, directory, stored.key.0);
        Ok(self.keep(person)?.map_or(Value::Null, |loaded| person_value(&loaded)))
    }

    fn table(&mut self, _: &str, _: &str) -> Result<Option<Value>, EvalError> {
        Ok(None)
    }
}

/// A person as expressions see it: `[person.name]`, `[person.organization.name]`.
pub(crate) fn person_value(loaded: &Loaded) -> Value {
    let Loaded { row, organization, site, manager } = loaded;
    let mut object = Object::new();
    object.insert("id".into(), row.id.to_string().into());
    object.insert("name".into(), row.name.clone().into());
    object.insert("primary_email".into(), row.email.clone().into());
    object.insert("vip".into(), row.vip.into());
    object.insert("disabled".into(), row.disabled.into());
    let texts = [
        ("job_title", &row.job_title),
        ("location", &row.location),
        ("employee_id", &row.employee_id),
        ("support_id", &row.support_id),
        ("locale", &row.locale),
        ("time_zone", &row.time_zone),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            object.insert(name.into(), value.clone().into());
        }
    }
    for (name, unit) in [("organization", organization), ("site", site)] {
        if let Some(UnitRef { id, name: text, disabled }) = unit {
            object.insert(name.into(), json!({"id": id, "name": text, "disabled": disabled}));
        }
    }
    if let Some(PersonRef { id, name, email, disabled }) = manager {
        let manager = json!({"id": id, "name": name, "primary_email": email, "disabled": disabled});
        object.insert("manager".into(), manager);
    }
    Value::Object(object)
}

fn unit_json(row: &UnitRow) -> serde_json::Value {
    json!({"id": row.unit.id, "name": row.unit.name, "disabled": row.unit.disabled})
}

/// An organization or site as expressions see it.
pub(crate) fn unit_value(row: &UnitRow) -> Value {
    Value::from_json(&unit_json(row))
}

/// The account's settings as expressions see them: `[account.organization]`, none if it is disabled.
pub(crate) fn account_value(tx: &mut Tx<'_>, directory: DirectoryId) -> Result<Value, StoreError> {
    let mut account = Object::new();
    if let Some(row) = unit::default_row(tx, directory)?.filter(|row| !row.unit.disabled) {
        account.insert("organization".into(), unit_json(&row));
    }
    Ok(Value::Object(account))
}

/// What a group stands for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standing {
    pub(crate) classification: Option<UnitKind>,
    pub(crate) unit: Option<i64>,
}

impl FromRow for Standing {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let classification: Option<i64> = row.get(0)?;
        Ok(Self { classification: classification.map(UnitKind::from_number).transpose()?, unit: row.get(1)? })
    }
}

const STANDING: Sql =
    Sql::same("select classification, unit from record where directory = $1 and object = $2");

/// What a group stands for, as its last run left it.
pub(crate) fn standing(tx: &mut Tx<'_>, directory: DirectoryId, group: Key) -> Result<Standing, StoreError> {
    let row = tx.one(&STANDING, &[directory.0.into(), group.0.into()])?;
    Ok(row.unwrap_or(Standing { classification: None, unit: None }))
}

/// Groups as users' rules see them, read once a transaction.
#[derive(Default)]
pub(crate) struct Groups(HashMap<Key, serde_json::Value>);

impl Groups {
    /// A group's rules have run.
    pub(crate) fn forget(&mut self, group: Key) {
        self.0.remove(&group);
    }

    /// `{"value", "display", "classification", "organization": {…}, "site": {…}}`, the last three where it stands for one.
    fn get(
        &mut self,
        tx: &mut Tx<'_>,
        directory: DirectoryId,
        group: &Link,
    ) -> Result<serde_json::Value, StoreError> {
        if let Some(known) = self.0.get(&group.key) {
            return Ok(known.clone());
        }
        let mut value = json!({"value": group.id.0, "display": group.name});
        let standing = standing(tx, directory, group.key)?;
        if let Some(kind) = standing.classification {
            value["classification"] = kind.word().into();
        }
        if let Some(key) = standing.unit
            && let Some(row) = unit::by_key(tx, directory, key)?
        {
            value[row.unit.kind.word()] = unit_json(&row);
        }
        self.0.insert(group.key, value.clone());
        Ok(value)
    }
}

/// A SCIM user as rules see it: its document with `id`, `active` as it counts, and `groups`, oldest membership first.
pub(crate) fn user_object(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    stored: &Stored,
    groups_of_user: &[&Link],
    groups: &mut Groups,
) -> Result<Object, StoreError> {
    let mut object = stored.object()?;
    object.insert("id".into(), stored.id.0.to_string().into());
    object.insert("active".into(), lane::active(stored).into());
    let mut list = Vec::with_capacity(groups_of_user.len());
    for link in groups_of_user {
        list.push(groups.get(tx, directory, link)?);
    }
    object.insert("groups".into(), list.into());
    Ok(object)
}

/// A SCIM group as rules see it: its document with `id`; members are not read.
pub(crate) fn group_object(stored: &Stored) -> Result<Object, StoreError> {
    let mut object = stored.object()?;
    object.insert("id".into(), stored.id.0.to_string().into());
    Ok(object)
}

/// The id of a person, organization or site that an expression gave: the object with `id`, or the id itself.
pub(crate) fn id_of(value: &Value) -> Option<Uuid> {
    let id = match value {
        Value::Object(object) => object.get("id")?.as_str()?.to_owned(),
        other => other.text()?,
    };
    Uuid::try_parse(id.trim()).ok()
}
