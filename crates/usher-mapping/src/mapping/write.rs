//! Mapped values as a document of the target's type.

use usher_scim::schema::{Attribute, Resolved, Type};
use usher_scim::{AttributePath, Object, ResourceType, ScimError, ScimType};

use super::Mapped;
use crate::Value;

/// Writes mapped values into a new document of `target`'s type (for a create, or as the desired state). Nulls are left out.
/// Errors: `invalidPath` for a target the type does not have, `invalidValue` for a value of another type.
pub fn document(target: &ResourceType, values: &[Mapped]) -> Result<Object, ScimError> {
    let mut object = Object::new();
    for mapped in values.iter().filter(|mapped| !mapped.value.is_null()) {
        let json = json_for(target, &mapped.target, &mapped.value)?;
        usher_scim::resource::write(target, &mut object, &mapped.target, json)?;
    }
    Ok(object)
}

/// A value as the JSON of the attribute that a path names: the texts True and False become a boolean, numeric text a
/// number, a date RFC 3339; a single-valued attribute takes the first of several values, a multi-valued one takes one as
/// a list of one; a complex one takes text as its `value`. Null stays null. Errors as [`document`].
pub fn json_for(
    target: &ResourceType,
    path: &AttributePath,
    value: &Value,
) -> Result<serde_json::Value, ScimError> {
    if value.is_null() {
        return Ok(serde_json::Value::Null);
    }
    let Some(resolved) = target.resolve(path) else {
        return Err(ScimError::bad(
            ScimType::InvalidPath,
            format!("{} has no attribute {path}", target.name),
        ));
    };
    let Resolved { attribute: Some(attribute), sub, .. } = resolved else {
        return untyped(path, &resolved, value);
    };
    let leaf = sub.unwrap_or(attribute);
    // A filter chooses one value of a multi-valued attribute.
    let many = leaf.multi_valued && (sub.is_some() || path.filter.is_none());
    let one = |value: &Value| {
        typed(leaf, value).ok_or_else(|| {
            let kind = format!("{:?}", leaf.kind).to_lowercase();
            ScimError::bad(ScimType::InvalidValue, format!("{path} takes a {kind} value, which this is not"))
        })
    };
    if many {
        return value.items().iter().map(one).collect::<Result<Vec<_>, _>>().map(serde_json::Value::Array);
    }
    value.items().first().map_or(Ok(serde_json::Value::Null), one)
}

/// Where no attribute is described: in an open schema any value is one, a whole extension is an object.
fn untyped(path: &AttributePath, at: &Resolved<'_>, value: &Value) -> Result<serde_json::Value, ScimError> {
    match value {
        Value::List(items) if at.open && items.len() == 1 => Ok(items[0].to_json()),
        Value::Object(_) => Ok(value.to_json()),
        _ if at.open => Ok(value.to_json()),
        _ => Err(ScimError::bad(ScimType::InvalidValue, format!("{path} takes an object"))),
    }
}

fn typed(attribute: &Attribute, value: &Value) -> Option<serde_json::Value> {
    use serde_json::Value as Json;
    match attribute.kind {
        Type::Boolean => match value.as_text()?.to_ascii_lowercase().as_str() {
            "true" => Some(Json::Bool(true)),
            "false" => Some(Json::Bool(false)),
            _ => None,
        },
        Type::Integer => value.whole().map(Json::from),
        Type::Decimal => match value {
            Value::Integer(_) | Value::Decimal(_) => Some(value.to_json()),
            other => {
                other.as_text()?.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Json::Number)
            }
        },
        Type::DateTime => value.moment().map(|at| Value::DateTime(at).to_json()),
        Type::String | Type::Reference | Type::Binary => match value {
            // A reference or role given whole: its value is meant.
            Value::Object(object) => Value::from_json(object.get("value")?).text().map(Json::String),
            other => other.text().map(Json::String),
        },
        Type::Complex => match value {
            Value::Object(object) => Some(Json::Object(object.clone())),
            other => {
                let sub = attribute.sub_attributes.iter().find(|sub| sub.name == "value")?;
                Some(Json::Object(Object::from_iter([(sub.name.clone(), typed(sub, other)?)])))
            }
        },
    }
}
