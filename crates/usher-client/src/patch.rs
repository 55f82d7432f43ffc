//! PATCH bodies as RFC 7644 §3.5.2 writes them.

use serde_json::{Value, json};
use usher_scim::{Object, ResourceType, message, resource};

use crate::Change;

/// Members in one PATCH: as many as every app known to us takes, and a body of a few kilobytes.
pub(crate) const MEMBERS: usize = 100;

/// One operation an attribute, each with a path, in lower case; `remove` has no value.
pub(crate) fn changes(of: &ResourceType, changes: &[Change]) -> Object {
    let (entries, rest) = entries(of, changes);
    let operations = rest.into_iter().map(|change| {
        let path = change.path.to_string();
        match &change.value {
            None | Some(Value::Null) => json!({"op": "remove", "path": path}),
            Some(value) if change.there => json!({"op": "replace", "path": path, "value": value}),
            Some(value) => json!({"op": "add", "path": path, "value": value}),
        }
    });
    message(operations.chain(entries).collect())
}

/// The operations that make entries which are not there yet, and the other changes. A filter that finds nothing has no target
/// (§3.5.2.3), so an entry is added to its list as a whole.
pub(crate) fn entries<'c>(of: &ResourceType, changes: &'c [Change]) -> (Vec<Value>, Vec<&'c Change>) {
    let mut made = Object::new();
    let makes = |change: &&Change, made: &mut Object| {
        let value = change.value.as_ref().filter(|value| change.new_entry && !value.is_null());
        // A filter that describes no entry goes as it is.
        value.is_some_and(|value| resource::write(of, made, &change.path, value.clone()).is_ok())
    };
    let rest = changes.iter().filter(|change| !makes(change, &mut made)).collect();
    let add = |(list, values): (String, Value)| json!({"op": "add", "path": list, "value": values});
    (made.into_iter().map(add).collect(), rest)
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
