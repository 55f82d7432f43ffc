//! Okta: the catalogue's apps by PATCH, the wizard's by PUT.

use serde_json::{Value, json};
use usher_scim::{Object, ResourceType, resource, schema};

use crate::{
    Change, ClientError, Endpoint,
    call::resource_type,
    patch::{entries, message},
};

pub(super) fn created(at: Endpoint, resource: &Object) -> Object {
    let mut body = resource.clone();
    let (schema, list) = match at {
        Endpoint::Users => (schema::USER, "groups"),
        Endpoint::Groups => (schema::GROUP, "members"),
    };
    // Extensions are sent and not named.
    body.insert("schemas".into(), json!([schema]));
    body.entry(list).or_insert_with(|| json!([]));
    body
}

/// One `replace` without a path, its value nested as the resource is; chosen values of a list, and what goes, by their paths.
pub(super) fn changes(at: Endpoint, id: &str, changes: &[Change]) -> Object {
    let mut value = Object::new();
    let (mut operations, rest) = entries(resource_type(at), changes);
    for change in rest {
        match &change.value {
            None | Some(Value::Null) => {
                operations.push(json!({"op": "remove", "path": change.path.to_string()}));
            }
            Some(new) if change.path.filter.is_some() => {
                operations.push(json!({"op": "replace", "path": change.path.to_string(), "value": new}));
            }
            // Of a list that is only added to, what is new.
            Some(new @ Value::Array(_)) if !change.there => {
                operations.push(json!({"op": "add", "path": change.path.to_string(), "value": new}));
            }
            Some(new) => nest(&mut value, change, new),
        }
    }
    if !value.is_empty() {
        if at == Endpoint::Groups {
            value.insert("id".into(), json!(id));
        }
        operations.insert(0, json!({"op": "replace", "value": value}));
    }
    message(operations)
}

/// Puts a value where the resource has it: within its extension, under its attribute.
fn nest(value: &mut Object, change: &Change, new: &Value) {
    let path = &change.path;
    let core = |urn: &str| [schema::USER, schema::GROUP].iter().any(|core| core.eq_ignore_ascii_case(urn));
    let mut place = value;
    let schema = path.schema.as_ref().filter(|urn| !core(urn));
    for name in schema.into_iter().chain(path.sub.is_some().then_some(&path.name)) {
        let inner = place.entry(name.clone()).or_insert_with(|| json!({}));
        if !inner.is_object() {
            *inner = json!({});
        }
        let Some(object) = inner.as_object_mut() else { return };
        place = object;
    }
    place.insert(path.sub.clone().unwrap_or_else(|| path.name.clone()), new.clone());
}

/// The resource as read, with these changes: what a PUT sends.
pub(crate) fn put_whole(
    of: &ResourceType,
    mut whole: Object,
    changes: &[Change],
) -> Result<Object, ClientError> {
    for change in changes {
        let new = match (&change.value, change.there) {
            (Some(Value::Array(added)), false) => {
                let mut all: Vec<Value> =
                    resource::read(of, &whole, &change.path).into_iter().cloned().collect();
                all.extend(added.iter().cloned());
                Value::Array(all)
            }
            (value, _) => value.clone().unwrap_or_default(),
        };
        match resource::write(of, &mut whole, &change.path, new.clone()) {
            Ok(_) => {}
            // An attribute of the app's own.
            Err(_) if change.path.filter.is_none() && !new.is_null() => nest(&mut whole, change, &new),
            Err(_) if change.path.filter.is_none() => remove(&mut whole, change),
            Err(error) => return Err(ClientError::NotScim(error.detail)),
        }
    }
    Ok(whole)
}

fn remove(whole: &mut Object, change: &Change) {
    let path = &change.path;
    let extension = path.schema.as_ref().filter(|urn| whole.contains_key(*urn));
    let place = match extension {
        Some(urn) => whole.get_mut(urn).and_then(Value::as_object_mut),
        None => Some(whole),
    };
    let Some(place) = place else { return };
    match &path.sub {
        None => drop(place.remove(&path.name)),
        Some(sub) => {
            if let Some(inner) = place.get_mut(&path.name).and_then(Value::as_object_mut) {
                inner.remove(sub);
            }
        }
    }
}

/// The group as read, with these members more and those fewer.
pub(crate) fn put_members(mut whole: Object, add: &[String], remove: &[String]) -> Object {
    let id = |member: &Value| member.get("value").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut members = match whole.remove("members") {
        Some(Value::Array(members)) => members,
        _ => Vec::new(),
    };
    members.retain(|member| !remove.contains(&id(member)));
    let there: Vec<String> = members.iter().map(id).collect();
    members.extend(add.iter().filter(|new| !there.contains(new)).map(|new| json!({"value": new})));
    whole.insert("members".into(), Value::Array(members));
    whole
}
