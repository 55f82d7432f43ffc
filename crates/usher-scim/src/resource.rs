//! Resources: what a client may send, made canonical; what it gets back; reading and writing by path.

use serde_json::Value;

use crate::{AttributePath, Object, ResourceType, ScimError, error::invalid_value, prepare, schema::Type};

mod accept;
mod compare;
pub(crate) mod edit;
pub(crate) mod place;
mod project;
pub(crate) mod take;

pub use accept::{Accepted, accept, merge};
pub use compare::{same, unchanged};
pub use place::Place;
pub use project::{Projection, Selection, project};

/// Checks what must hold of a whole resource before it is stored (`invalidValue` names the attribute): required
/// attributes and extensions, a `userName` that can be prepared, at most one primary value of an attribute.
pub fn check(of: &ResourceType, object: &Object) -> Result<(), ScimError> {
    required(&of.schema.attributes, object, "")?;
    primaries(&of.schema.attributes, object)?;
    for (schema, needed) in &of.extensions {
        match object.get(&schema.id).and_then(Value::as_object) {
            Some(container) => {
                required(&schema.attributes, container, &format!("{}:", schema.id))?;
                primaries(&schema.attributes, container)?;
            }
            None if *needed => return Err(invalid_value(format!("the extension {} is required", schema.id))),
            None => {}
        }
    }
    if of.schema.id == crate::schema::USER
        && let Some(name) = object.get("userName").and_then(Value::as_str)
    {
        prepare::user_name(name)?;
    }
    Ok(())
}

fn required(attributes: &[crate::Attribute], object: &Object, before: &str) -> Result<(), ScimError> {
    use crate::schema::Mutability::ReadOnly;
    for attribute in attributes {
        let value = object.get(&attribute.name);
        let there = value.is_some_and(|v| !v.is_null() && v.as_str() != Some(""));
        if attribute.required && attribute.mutability != ReadOnly && !there {
            return Err(invalid_value(format!(
                "\"{before}{}\" is required and must not be empty",
                attribute.name
            )));
        }
        let elements = match value {
            Some(Value::Array(elements)) => elements.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        for element in elements.iter().filter_map(Value::as_object) {
            required(&attribute.sub_attributes, element, &format!("{before}{}.", attribute.name))?;
        }
    }
    Ok(())
}

fn primaries(attributes: &[crate::Attribute], object: &Object) -> Result<(), ScimError> {
    for attribute in attributes.iter().filter(|a| a.multi_valued && a.kind == Type::Complex) {
        if let Some(Value::Array(elements)) = object.get(&attribute.name) {
            one_primary(&attribute.name, elements)?;
        }
    }
    Ok(())
}

/// Checklist S-29.
pub(crate) fn one_primary(name: &str, elements: &[Value]) -> Result<(), ScimError> {
    let primary = |e: &&Value| e.get("primary") == Some(&Value::Bool(true));
    match elements.iter().filter(primary).count() {
        0 | 1 => Ok(()),
        _ => Err(invalid_value(format!("\"{name}\" has more than one primary value"))),
    }
}

/// Keeps what is immutable once it has a value (RFC 7644 §3.5.1, checklist S-39, E-23): what `after` leaves out is put
/// back, another value is refused with `mutability`. A group's members are the directory's.
pub fn keep_immutable(of: &ResourceType, before: &Object, after: &mut Object) -> Result<(), ScimError> {
    let base = (&of.schema, None);
    let extensions = of.extensions.iter().map(|(schema, _)| (schema, Some(schema.id.as_str())));
    for (schema, urn) in std::iter::once(base).chain(extensions) {
        for attribute in &schema.attributes {
            let immutable = |a: &&crate::Attribute| a.mutability == crate::schema::Mutability::Immutable;
            let subs = attribute.sub_attributes.iter().filter(|a| immutable(a) && !attribute.multi_valued);
            let path =
                AttributePath { schema: urn.map(str::to_owned), ..AttributePath::attribute(&attribute.name) };
            if immutable(&attribute) {
                keep(of, &path, before, after)?;
            }
            for sub in subs {
                keep(of, &path.clone().with_sub(&sub.name), before, after)?;
            }
        }
    }
    Ok(())
}

fn keep(
    of: &ResourceType,
    path: &AttributePath,
    before: &Object,
    after: &mut Object,
) -> Result<(), ScimError> {
    let there: Vec<Value> = read(of, before, path).into_iter().cloned().collect();
    let (old, new) =
        (Value::Array(there), Value::Array(read(of, after, path).into_iter().cloned().collect()));
    let assigned = |v: &Value| v.as_array().is_some_and(|v| !v.is_empty());
    if !assigned(&old) || same(of, path, &old, &new) {
        return Ok(());
    }
    if assigned(&new) {
        return Err(crate::error::mutability(format!("\"{path}\" cannot be changed once it has a value")));
    }
    write(of, after, path, old).map(|_| ())
}

/// The URNs for `schemas`: the base schema and each extension that has a value or is required.
pub fn schemas(of: &ResourceType, object: &Object) -> Vec<String> {
    let extensions =
        of.extensions.iter().filter(|(schema, required)| *required || object.contains_key(&schema.id));
    std::iter::once(of.schema.id.clone()).chain(extensions.map(|(schema, _)| schema.id.clone())).collect()
}

/// Values a path names, flat; with a filter only the matching ones. Names compare ignoring case. Nothing for a path
/// the type does not have; [`Place`] says why, and reads many objects faster.
pub fn read<'o>(of: &ResourceType, object: &'o Object, path: &AttributePath) -> Vec<&'o Value> {
    Place::new(of, path).map(|place| place.read(object)).unwrap_or_default()
}

/// Writes one value at a path, making containers, complex values and filtered elements that aren't there
/// (`emails[type eq "work"].value` makes `{"type":"work","value":…}`). `Null` removes. `false`: nothing changed.
///
/// The value becomes what the attribute's type asks for (`"True"` a boolean, one value a list of one) or is refused with
/// `invalidValue`. Mutability is the caller's: read-only attributes are written too. A complex or multi-valued attribute
/// named as a whole is replaced as a whole; a primary value written makes the others not primary.
pub fn write(
    of: &ResourceType,
    object: &mut Object,
    path: &AttributePath,
    value: Value,
) -> Result<bool, ScimError> {
    let mut target = edit::Target::new(of, path, crate::Tolerance::Tolerant)?;
    let change = if value.is_null() { edit::Change::Remove } else { edit::Change::Write(value) };
    target.apply(object, change)
}

#[cfg(test)]
mod tests;
