//! What rules see and ask: the record, what it is linked to, and look-ups over people, organizations and sites. Each look-up
//! is noted, so that the record runs again when its answer changes.

use std::collections::{BTreeSet, HashMap};

use serde_json::json;
use usher_directory::{
    DirectoryId, Key, ObjectId,
    object::{Link, Stored},
};
use usher_mapping::{EvalError, Lookup, Value};
use usher_scim::{Object, schema};
use usher_store::{Snapshot, StoreError};
use uuid::Uuid;

use crate::{
    asked::Question,
    known::Known,
    row::{PersonRef, PersonRow, UnitRef},
    unit::{self, UnitKind},
};

/// A run's view of what its batch knows.
pub(crate) struct World<'b> {
    pub(crate) known: &'b mut Known,
    /// What this run has asked.
    pub(crate) asked: &'b mut BTreeSet<Question>,
    /// The number of the run in its batch.
    pub(crate) run: usize,
}

impl Lookup for World<'_> {
    fn find(&mut self, kind: &str, key: &str) -> Result<Value, EvalError> {
        if key.trim().is_empty() {
            return Ok(Value::Null);
        }
        if kind == "person" {
            self.asked.insert(Question::person(key));
            let found = self.known.by_email(key).cloned();
            return Ok(found.map_or(Value::Null, |row| person_value(self.known, &row)));
        }
        let Some(unit_kind) = UnitKind::from_word(kind) else {
            let message = format!("Find knows \"person\", \"organization\" and \"site\", not \"{kind}\"");
            return Err(EvalError { span: None, message });
        };
        self.asked.insert(Question::unit(unit_kind, key));
        Ok(self.known.by_name(unit_kind, key).map_or(Value::Null, unit_value))
    }

    fn person_of(&mut self, scim_user: &str) -> Result<Value, EvalError> {
        let Ok(id) = Uuid::try_parse(scim_user.trim()) else { return Ok(Value::Null) };
        self.asked.insert(Question::scim_user(ObjectId(id)));
        let found = self.known.of_scim_user(id).cloned();
        Ok(found.map_or(Value::Null, |row| person_value(self.known, &row)))
    }

    fn table(&mut self, _: &str, _: &str) -> Result<Option<Value>, EvalError> {
        Ok(None)
    }
}

/// A person as expressions see it: `[person.name]`, `[person.organization.name]`.
pub(crate) fn person_value(known: &Known, row: &PersonRow) -> Value {
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
    for (name, unit) in [("organization", row.organization), ("site", row.site)] {
        if let Some(unit) = unit.and_then(|id| known.known_unit(id)) {
            object.insert(name.into(), unit_json(unit));
        }
    }
    if let Some(PersonRef { id, name, email, disabled }) = row.manager.and_then(|id| known.manager(id)) {
        let manager = json!({"id": id, "name": name, "primary_email": email, "disabled": disabled});
        object.insert("manager".into(), manager);
    }
    if !row.custom.is_empty() {
        object.insert("custom_fields".into(), row.custom.clone().into());
    }
    Value::Object(object)
}

fn unit_json(unit: &UnitRef) -> serde_json::Value {
    json!({"id": unit.id, "name": unit.name, "disabled": unit.disabled})
}

/// An organization or site as expressions see it.
pub(crate) fn unit_value(unit: &UnitRef) -> Value {
    Value::from_json(&unit_json(unit))
}

/// The account's settings as expressions see them: `[account.organization]`, none if it is disabled.
pub(crate) fn account_value(on: &mut Snapshot<'_>, directory: DirectoryId) -> Result<Value, StoreError> {
    let mut account = Object::new();
    if let Some(row) = unit::default_row(on, directory)?.filter(|row| !row.unit.disabled) {
        let unit::Unit { id, name, disabled, .. } = row.unit;
        account.insert("organization".into(), json!({"id": id, "name": name, "disabled": disabled}));
    }
    Ok(Value::Object(account))
}

/// What a group stands for.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Standing {
    pub(crate) classification: Option<UnitKind>,
    pub(crate) unit: Option<Uuid>,
}

/// A group as its members' rules see it: `{"value", "display", "classification", "organization": {…}, "site": {…}}`, the
/// last three where it stands for one.
fn group_value(known: &mut Known, group: &Link) -> serde_json::Value {
    let mut value = json!({"value": group.id.0, "display": group.name});
    let standing = known.standing(group.key.0);
    if let Some(kind) = standing.classification {
        value["classification"] = kind.word().into();
    }
    if let Some(unit) = standing.unit.and_then(|id| known.unit(id)) {
        value[unit.kind.word()] = unit_json(unit);
    }
    value
}

/// Groups as their members' rules see them, made once a run of the batch.
#[derive(Default)]
pub(crate) struct Groups(HashMap<Key, serde_json::Value>);

impl Groups {
    /// A group's rules have run.
    pub(crate) fn forget(&mut self, group: Key) {
        self.0.remove(&group);
    }

    /// `groups` of a user, oldest membership first.
    pub(crate) fn of(&mut self, known: &mut Known, groups_of_user: &[&Link]) -> serde_json::Value {
        let value = |link: &&Link| {
            let made = self.0.entry(link.key).or_insert_with(|| group_value(known, link));
            made.clone()
        };
        groups_of_user.iter().map(value).collect()
    }
}

/// A SCIM user as rules see it: its document with `id`, `active` as it counts, `custom_fields` where it has any of 4me's,
/// and later its `groups`.
pub(crate) fn user_object(stored: &Stored) -> Result<Object, StoreError> {
    let mut object = stored.object()?;
    if let Some(fields) = object.get(schema::CUSTOM_FIELDS_4ME).cloned() {
        object.insert("custom_fields".into(), fields);
    }
    object.insert("id".into(), stored.id.0.to_string().into());
    object.insert("active".into(), stored.counts().into());
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
