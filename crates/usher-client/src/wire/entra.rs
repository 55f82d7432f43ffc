//! Microsoft Entra ID.

use serde_json::{Value, json};
use usher_scim::{Object, schema};

use super::{is_single, reference};
use crate::{
    Change, Endpoint,
    patch::{self, MEMBERS, message},
};

/// What its groups carry beside the core schema.
const VENDOR_GROUP: &str = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";

pub(super) fn created(at: Endpoint, resource: &Object) -> Object {
    let mut body = resource.clone();
    match at {
        Endpoint::Users => {
            // An extension of the app's own is sent and not named.
            body.insert("schemas".into(), json!([schema::USER, schema::ENTERPRISE]));
            body.insert("meta".into(), json!({"resourceType": "User"}));
            body.entry("roles").or_insert_with(|| json!([]));
            let work = body.get_mut("emails").and_then(Value::as_array_mut).into_iter().flatten();
            for mail in work.filter(|mail| mail["type"] == "work") {
                if let Some(mail) = mail.as_object_mut() {
                    mail.entry("primary").or_insert(json!(true));
                }
            }
        }
        Endpoint::Groups => {
            body.insert("schemas".into(), json!([schema::GROUP, VENDOR_GROUP]));
            body.insert("meta".into(), json!({"resourceType": "Group"}));
            body.remove("members");
        }
    }
    body
}

/// An operation an attribute; booleans as text; a manager as a list of one with its address.
pub(super) fn legacy(changes: &[Change], address: impl Fn(&str) -> Option<String>) -> Object {
    let operations = changes.iter().map(|change| {
        let path = change.path.to_string();
        let value = match (&change.value, reference(change)) {
            (None | Some(Value::Null), _) => return json!({"op": "Remove", "path": path}),
            (_, Some(id)) => json!([{"$ref": address(id), "value": id}]),
            (Some(Value::Bool(b)), _) => json!(if *b { "True" } else { "False" }),
            (Some(value), _) => value.clone(),
        };
        let op = if change.there { "Replace" } else { "Add" };
        json!({"op": op, "path": path, "value": value})
    });
    message(operations.collect())
}

/// Single-valued attributes in one operation without a path, by dotted and colon-joined keys; the rest by their paths.
pub(super) fn changes(changes: &[Change]) -> Object {
    let mut operations = Vec::new();
    for (op, there) in [("replace", true), ("add", false)] {
        let merged = changes.iter().filter(|change| is_single(change) && change.there == there);
        let value: Object =
            merged.filter_map(|change| Some((change.path.to_string(), change.value.clone()?))).collect();
        if !value.is_empty() {
            operations.push(json!({"op": op, "value": value}));
        }
    }
    for change in changes.iter().filter(|change| !is_single(change)) {
        let path = change.path.to_string();
        let op = if change.there { "replace" } else { "add" };
        operations.push(match (&change.value, reference(change)) {
            (None | Some(Value::Null), _) => json!({"op": "remove", "path": path}),
            (_, Some(id)) => json!({"op": op, "path": path, "value": id}),
            (Some(value), _) => json!({"op": op, "path": path, "value": value}),
        });
    }
    message(operations)
}

/// `Remove` with a list of values, which RFC 7644 does not have: a strict app may empty the group.
pub(super) fn legacy_members(add: &[String], remove: &[String]) -> Vec<Object> {
    let body =
        |op: &str, ids: &[String]| message(vec![json!({"op": op, "path": "members", "value": values(ids)})]);
    let leavers = remove.chunks(MEMBERS).map(|ids| body("Remove", ids));
    leavers.chain(add.chunks(MEMBERS).map(|ids| body("Add", ids))).collect()
}

pub(super) fn members(add: &[String], remove: &[String]) -> Vec<Object> {
    let leavers =
        remove.chunks(MEMBERS).map(|ids| message(ids.iter().map(|id| patch::removal(id)).collect()));
    let joiners = add
        .chunks(MEMBERS)
        .map(|ids| message(vec![json!({"op": "add", "path": "members", "value": values(ids)})]));
    leavers.chain(joiners).collect()
}

fn values(ids: &[String]) -> Vec<Value> {
    ids.iter().map(|id| json!({"$ref": null, "value": id})).collect()
}
