//! PATCH bodies as RFC 7644 §3.5.2 writes them.

use serde_json::{Value, json};
use usher_scim::{Object, message};

use crate::Change;

/// Members in one PATCH: as many as every app known to us takes, and a body of a few kilobytes.
pub(crate) const MEMBERS: usize = 100;

/// One operation an attribute, each with a path, in lower case; `remove` has no value.
pub(crate) fn changes(changes: &[Change]) -> Object {
    let operations = changes.iter().map(|change| {
        let path = change.path.to_string();
        match &change.value {
            None | Some(Value::Null) => json!({"op": "remove", "path": path}),
            Some(value) if change.there => json!({"op": "replace", "path": path, "value": value}),
            Some(value) => json!({"op": "add", "path": path, "value": value}),
        }
    });
    message(operations.collect())
}

/// Membership deltas in bodies of at most [`MEMBERS`]; who leaves goes first, since access that ends should end first.
pub(crate) fn members(add: &[String], remove: &[String]) -> Vec<Object> {
    let leavers = remove.chunks(MEMBERS).map(|ids| message(ids.iter().map(|id| removal(id)).collect()));
    let joiners = add.chunks(MEMBERS).map(|ids| message(vec![addition(ids)]));
    match (remove.len() + add.len() <= MEMBERS, add.is_empty() || remove.is_empty()) {
        // A small delta is one request, and so one change at the app.
        (true, false) => {
            let mut operations: Vec<Value> = remove.iter().map(|id| removal(id)).collect();
            operations.push(addition(add));
            vec![message(operations)]
        }
        _ => leavers.chain(joiners).collect(),
    }
}

fn addition(ids: &[String]) -> Value {
    let values: Vec<Value> = ids.iter().map(|id| json!({"value": id})).collect();
    json!({"op": "add", "path": "members", "value": values})
}

pub(crate) fn removal(id: &str) -> Value {
    json!({"op": "remove", "path": format!("members[value eq {}]", Value::from(id))})
}

pub(crate) fn message(operations: Vec<Value>) -> Object {
    let mut body = Object::new();
    body.insert("schemas".into(), json!([message::PATCH]));
    body.insert("Operations".into(), Value::Array(operations));
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(range: std::ops::Range<usize>) -> Vec<String> {
        range.map(|n| format!("u{n}")).collect()
    }

    #[test]
    fn a_small_delta_is_one_patch_with_who_leaves_first() {
        let bodies = members(&ids(0..2), &["a\"b".to_owned()]);
        assert_eq!(bodies.len(), 1);
        assert_eq!(
            bodies[0]["Operations"],
            json!([
                {"op": "remove", "path": "members[value eq \"a\\\"b\"]"},
                {"op": "add", "path": "members", "value": [{"value": "u0"}, {"value": "u1"}]}
            ])
        );
    }

    #[test]
    fn a_large_delta_goes_in_blocks_and_no_delta_in_none() {
        let bodies = members(&ids(0..250), &ids(300..401));
        let sizes: Vec<usize> = bodies.iter().map(|b| b["Operations"].as_array().unwrap().len()).collect();
        assert_eq!(sizes, [100, 1, 1, 1, 1]);
        assert_eq!(bodies[4]["Operations"][0]["value"].as_array().unwrap().len(), 50);
        assert!(members(&[], &[]).is_empty());
    }
}
