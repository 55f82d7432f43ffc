//! 4me's PATCH from before the RFC: attributes at the root, which merge; members are added, or taken out when they
//! carry `"operation": "delete"` (draft-scim-api-00).

use serde_json::Value;

use super::{Op, Operation, Patch};
use crate::{
    AttributePath, Deviation, Filter, Note, Object, ScimError,
    error::{invalid_syntax, invalid_value},
    filter::Operator,
    prepare::same_name,
};

pub(super) fn parse(body: &Object) -> Result<Patch, ScimError> {
    let mut operations = Vec::new();
    let mut rest = Object::new();
    for (key, value) in body {
        match key.to_ascii_lowercase().as_str() {
            "schemas" | "id" | "meta" => {}
            "members" => members(value, &mut operations)?,
            _ => _ = rest.insert(key.clone(), cleared(value)),
        }
    }
    if !rest.is_empty() {
        operations.push(Operation { op: Op::Replace, path: None, value: Some(Value::Object(rest)) });
    }
    let note = Note::new(Deviation::OwnPatchBody, "attributes at the root were read as a PATCH that merges");
    Ok(Patch { operations, notes: vec![note] })
}

/// An empty text clears, as `null` does.
fn cleared(value: &Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() => Value::Null,
        Value::Object(object) => object.iter().map(|(key, value)| (key.clone(), cleared(value))).collect(),
        value => value.clone(),
    }
}

fn members(value: &Value, operations: &mut Vec<Operation>) -> Result<(), ScimError> {
    let elements = match value {
        Value::Null => return Ok(()),
        Value::Array(elements) => elements,
        _ => return Err(invalid_value("\"members\" must be an array")),
    };
    let path = AttributePath::attribute("members");
    let mut added = Vec::new();
    for element in elements {
        let member =
            |name: &str| element.as_object()?.iter().find(|(k, _)| same_name(k, name)).map(|(_, v)| v);
        match member("operation").map(|o| o.as_str().unwrap_or_default().to_ascii_lowercase()).as_deref() {
            None | Some("add") => {
                let mut element = element.clone();
                if let Value::Object(object) = &mut element {
                    object.retain(|key, _| !same_name(key, "operation"));
                }
                added.push(element);
            }
            Some("delete") => {
                let id = member("value").filter(|v| v.is_string());
                let id =
                    id.ok_or_else(|| invalid_value("a member to delete needs a \"value\", its id"))?.clone();
                let filter = Filter::Compare(AttributePath::attribute("value"), Operator::Eq, id);
                let path = AttributePath { filter: Some(Box::new(filter)), ..path.clone() };
                operations.push(Operation { op: Op::Remove, path: Some(path), value: None });
            }
            Some(_) => return Err(invalid_syntax("the \"operation\" of a member is add or delete")),
        }
    }
    if !added.is_empty() {
        operations.push(Operation { op: Op::Add, path: Some(path), value: Some(Value::Array(added)) });
    }
    Ok(())
}
