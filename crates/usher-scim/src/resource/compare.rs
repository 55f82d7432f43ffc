//! Equality as the schema sees it.

use serde_json::Value;

use crate::{
    Attribute, AttributePath, Object, ResourceType, Schema,
    filter::compile::{compare_numbers, is_assigned},
    prepare::{self, Form},
    schema::Type,
};

/// Equality as the schema sees it: `caseExact`, order of multi-valued attributes does not matter, null = absent = `[]`;
/// dates by instant, numbers by value. A path the type does not have compares JSON as it is.
pub fn same(of: &ResourceType, path: &AttributePath, a: &Value, b: &Value) -> bool {
    match of.resolve(path) {
        Some(resolved) => match resolved.sub.or(resolved.attribute) {
            Some(attribute) => equal(resolved.schema, attribute, a, b),
            None if !resolved.open => containers(resolved.schema, a, b),
            None => alike(a, b),
        },
        None => alike(a, b),
    }
}

/// Two values of an extension as a whole.
fn containers(schema: Option<&Schema>, a: &Value, b: &Value) -> bool {
    let (Some(schema), Some(a), Some(b)) = (schema, a.as_object(), b.as_object()) else {
        return alike(a, b);
    };
    by_keys(a, b, &mut |key, a, b| match schema.attribute(key) {
        Some(attribute) => equal(Some(schema), attribute, a, b),
        None => alike(a, b),
    })
}

pub(crate) fn equal(schema: Option<&Schema>, attribute: &Attribute, a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => in_any_order(a, b, &mut |a, b| equal(schema, attribute, a, b)),
        (Value::Array(list), one) | (one, Value::Array(list)) if attribute.multi_valued && !one.is_null() => {
            list.len() == 1 && list.iter().all(|v| equal(schema, attribute, v, one))
        }
        (Value::Object(a), Value::Object(b)) => by_keys(a, b, &mut |key, a, b| match attribute.sub(key) {
            Some(sub) => equal(schema, sub, a, b),
            None => alike(a, b),
        }),
        (Value::String(a), Value::String(b)) if attribute.kind == Type::DateTime => {
            a == b || prepare::date_time(a).is_some_and(|at| prepare::date_time(b) == Some(at))
        }
        (Value::String(a), Value::String(b)) => {
            let form = Form::of(schema, attribute);
            a == b || form.apply(a) == form.apply(b)
        }
        (a, b) => alike(a, b),
    }
}

/// Equality without a schema; only order and what is unassigned are looked past.
pub(crate) fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => in_any_order(a, b, &mut alike),
        (Value::Object(a), Value::Object(b)) => by_keys(a, b, &mut |_, a, b| alike(a, b)),
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b).is_eq(),
        (Value::Null, other) | (other, Value::Null) => {
            !matches!(other, Value::String(_)) && !is_assigned(other)
        }
        (a, b) => a == b,
    }
}

fn in_any_order(a: &[Value], b: &[Value], same: &mut dyn FnMut(&Value, &Value) -> bool) -> bool {
    if a.len() != b.len() {
        return false;
    }
    // In order as a rule; only else is each sought among those not yet taken.
    if a.iter().zip(b).all(|(a, b)| same(a, b)) {
        return true;
    }
    let mut left: Vec<&Value> = b.iter().collect();
    a.iter().all(|a| match left.iter().position(|b| same(a, b)) {
        Some(at) => {
            left.swap_remove(at);
            true
        }
        None => false,
    })
}

fn by_keys(a: &Object, b: &Object, same: &mut dyn FnMut(&str, &Value, &Value) -> bool) -> bool {
    let null = Value::Null;
    a.iter().all(|(key, a)| same(key, a, b.get(key).unwrap_or(&null)))
        && b.iter().filter(|(key, _)| !a.contains_key(*key)).all(|(key, b)| same(key, &null, b))
}

/// Whether two canonical objects hold the same, the order of multi-valued attributes aside (case of text counts): what
/// a PUT or PATCH that changes nothing is told by (checklist E-28, P-42).
pub fn unchanged(before: &Object, after: &Object) -> bool {
    before == after || by_keys(before, after, &mut |_, a, b| alike(a, b))
}
