//! `bulkId:…` in place of an id that is not known yet (RFC 7644 §3.7.2).
//!
//! Only where a resource is referred to (a member's or a manager's `value`, in bodies, PATCH values and filters of PATCH
//! paths) is it a reference; anywhere else such a text is a text (checklist B-10).

use std::collections::HashSet;

use serde_json::Value;
use usher_scim::{AttributePath, Object, ResourceType, schema::Mutability};

use super::operation::Verb;

const PREFIX: &str = "bulkId:";

/// The bulkId that a text names, if it is a reference.
pub(super) fn bulk_id(text: &str) -> Option<&str> {
    text.strip_prefix(PREFIX).filter(|id| !id.is_empty())
}

/// The attributes of a type that refer to resources.
pub(super) struct References {
    /// In lower case.
    names: HashSet<String>,
}

impl References {
    pub(super) fn of(of: &ResourceType) -> Self {
        let extensions = of.extensions.iter().flat_map(|(schema, _)| &schema.attributes);
        let refers = of.schema.attributes.iter().chain(extensions).filter(|attribute| {
            attribute.mutability != Mutability::ReadOnly
                && attribute.sub("$ref").is_some()
                && attribute.sub("value").is_some()
        });
        Self { names: refers.map(|attribute| attribute.name.to_ascii_lowercase()).collect() }
    }

    fn refers(&self, path: &AttributePath) -> bool {
        self.names.contains(&path.name.to_ascii_lowercase())
            && path.sub.as_deref().is_none_or(|sub| sub.eq_ignore_ascii_case("value"))
    }

    /// Calls `each` with every reference of a request's data, for reading or for putting an id in its place.
    pub(super) fn each(&self, verb: Verb, data: &mut Object, each: &mut impl FnMut(&mut String)) {
        if verb != Verb::Patch {
            return self.within(data, each);
        }
        let operations = data.iter_mut().filter(|(key, _)| key.eq_ignore_ascii_case("Operations"));
        for operation in operations.filter_map(|(_, all)| all.as_array_mut()).flatten() {
            if let Some(operation) = operation.as_object_mut() {
                self.patched(operation, each);
            }
        }
    }

    fn patched(&self, operation: &mut Object, each: &mut impl FnMut(&mut String)) {
        let path = operation.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case("path"));
        let mut refers = false;
        if let Some((_, Value::String(text))) = path
            && let Ok(path) = AttributePath::parse(text)
        {
            refers = self.refers(&path);
            if refers && path.filter.is_some() {
                *text = quoted(text, each);
            }
        }
        let value = operation.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case("value"));
        match value {
            Some((_, value)) if refers => referring(value, each),
            Some((_, value)) => self.inside(value, each),
            None => {}
        }
    }

    fn within(&self, object: &mut Object, each: &mut impl FnMut(&mut String)) {
        for (key, value) in object.iter_mut() {
            match AttributePath::parse(key) {
                Ok(path) if self.refers(&path) => referring(value, each),
                _ => self.inside(value, each),
            }
        }
    }

    fn inside(&self, value: &mut Value, each: &mut impl FnMut(&mut String)) {
        match value {
            Value::Object(object) => self.within(object, each),
            Value::Array(elements) => elements.iter_mut().for_each(|element| self.inside(element, each)),
            _ => {}
        }
    }

    /// Takes the values out of a body that name one of these bulkIds, each with the path to add it by.
    pub(super) fn take(&self, data: &mut Object, without: &HashSet<String>) -> Vec<(String, Value)> {
        let mut taken = Vec::new();
        self.take_within(data, "", without, &mut taken);
        taken
    }

    fn take_within(
        &self,
        object: &mut Object,
        around: &str,
        without: &HashSet<String>,
        taken: &mut Vec<(String, Value)>,
    ) {
        object.retain(|key, value| {
            let path = if around.is_empty() { key.clone() } else { format!("{around}:{key}") };
            if !AttributePath::parse(key).is_ok_and(|path| self.refers(&path)) {
                if let Value::Object(inner) = value {
                    self.take_within(inner, key, without, taken);
                }
                return true;
            }
            let mut goes = |value: &mut Value| {
                let mut named = false;
                referring(value, &mut |text| named |= bulk_id(text).is_some_and(|id| without.contains(id)));
                if named {
                    taken.push((path.clone(), value.take()));
                }
                named
            };
            match value {
                Value::Array(elements) => {
                    elements.retain_mut(|element| !goes(element));
                    true
                }
                one => !goes(one),
            }
        });
    }
}

/// The references in the value of an attribute that refers.
pub(super) fn referring(value: &mut Value, each: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) if bulk_id(text).is_some() => each(text),
        Value::Array(elements) => elements.iter_mut().for_each(|element| referring(element, each)),
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                match value {
                    Value::String(text) if key.eq_ignore_ascii_case("value") && bulk_id(text).is_some() => {
                        each(text);
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// The references in a path's filter: whole texts in quotes.
fn quoted(path: &str, each: &mut impl FnMut(&mut String)) -> String {
    let mut out = String::with_capacity(path.len());
    for (n, part) in path.split('"').enumerate() {
        if n > 0 {
            out.push('"');
        }
        // Every second part stands in quotes; a bulkId with a quote of its own is not found here, and then nobody's id.
        if n % 2 == 1 && bulk_id(part).is_some() {
            let mut text = part.to_owned();
            each(&mut text);
            out.push_str(&text);
        } else {
            out.push_str(part);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use usher_scim::schema;

    use super::*;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn resolved(of: &References, verb: Verb, data: Value) -> Value {
        let Value::Object(mut data) = data else { panic!("no object") };
        of.each(verb, &mut data, &mut |text| *text = text.replace("bulkId:", "id-"));
        Value::Object(data)
    }

    #[test]
    fn only_what_refers_is_a_reference() {
        let users = References::of(&ResourceType::user(schema::user(), vec![schema::enterprise_user()]));
        assert_eq!(
            resolved(
                &users,
                Verb::Post,
                json!({"displayName": "bulkId:a", "emails": [{"value": "bulkId:b"}],
                    (ENTERPRISE): {"manager": {"value": "bulkId:c"}, "department": "bulkId:d"}})
            ),
            json!({"displayName": "bulkId:a", "emails": [{"value": "bulkId:b"}],
                (ENTERPRISE): {"manager": {"value": "id-c"}, "department": "bulkId:d"}})
        );
        let groups = References::of(&ResourceType::group(schema::group()));
        assert_eq!(
            resolved(
                &groups,
                Verb::Patch,
                json!({"Operations": [
                    {"op": "add", "path": "members", "value": [{"value": "bulkId:a", "display": "bulkId:x"}]},
                    {"op": "remove", "path": "members[value eq \"bulkId:b\"]"},
                    {"op": "replace", "path": "displayName", "value": "bulkId:c"},
                    {"op": "replace", "value": {"members": "bulkId:d", "displayName": "bulkId:e"}},
                ]})
            ),
            json!({"Operations": [
                {"op": "add", "path": "members", "value": [{"value": "id-a", "display": "bulkId:x"}]},
                {"op": "remove", "path": "members[value eq \"id-b\"]"},
                {"op": "replace", "path": "displayName", "value": "bulkId:c"},
                {"op": "replace", "value": {"members": "id-d", "displayName": "bulkId:e"}},
            ]})
        );
    }

    #[test]
    fn what_is_left_out_knows_its_path() {
        let users = References::of(&ResourceType::user(schema::user(), vec![schema::enterprise_user()]));
        let without = HashSet::from(["b".to_owned()]);
        let Value::Object(mut user) =
            json!({(ENTERPRISE): {"manager": {"value": "bulkId:b"}, "division": "x"}})
        else {
            panic!("no object")
        };
        let taken = users.take(&mut user, &without);
        assert_eq!(taken, [(format!("{ENTERPRISE}:manager"), json!({"value": "bulkId:b"}))]);
        assert_eq!(Value::Object(user), json!({(ENTERPRISE): {"division": "x"}}));
        let groups = References::of(&ResourceType::group(schema::group()));
        let Value::Object(mut group) = json!({"members": [{"value": "bulkId:a"}, {"value": "bulkId:b"}]})
        else {
            panic!("no object")
        };
        assert_eq!(groups.take(&mut group, &without), [("members".to_owned(), json!({"value": "bulkId:b"}))]);
        assert_eq!(Value::Object(group), json!({"members": [{"value": "bulkId:a"}]}));
    }
}
