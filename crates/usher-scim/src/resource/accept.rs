//! POST and PUT bodies made canonical.

use serde_json::Value;

use super::take::{From, Taker};
use crate::{
    Attribute, AttributePath, Deviation, Note, Object, ResourceType, ScimError, Tolerance,
    body::no_key_twice,
    error::{invalid_syntax, invalid_value},
    path::shorten,
    prepare::same_name,
    resource::{edit::in_container, write},
    schema::{CUSTOM_FIELDS_4ME, Mutability, Returned, Schema, Type, common},
};

/// A body taken in: schema spelling of names, read-only and unknown attributes dropped (the unknown with a note), nulls
/// and empty arrays taken as unassigned, types checked, `password` dropped with a note, `schemas`, `meta` and `id`
/// removed. Base attributes at the root, extensions in containers named by URN. A group's `members` stay in it.
/// Links (`manager`, `members`) keep what the client chose, their `value`; the server knows their `$ref`.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// The canonical resource.
    pub object: Object,
    /// Attributes that came explicitly empty (`null`, `""`, `[]`): a merging PUT clears them. (`""` stands in `object`
    /// too: elsewhere it is a value.)
    pub cleared: Vec<AttributePath>,
    /// Tolerances applied.
    pub notes: Vec<Note>,
}

/// Takes a POST or PUT body in (RFC 7643 §2, §3; RFC 7644 §3.3, §3.5.1).
///
/// Errors: `invalidSyntax` for names given twice, `schemas` without the base schema, and (strict) unknown attributes;
/// `invalidValue` for a wrong type. What the whole must have is [`super::check`]'s.
pub fn accept(of: &ResourceType, body: &Object, how: Tolerance) -> Result<Accepted, ScimError> {
    let mut acceptor =
        Acceptor { of, taker: Taker::new(how, From::Body), object: Object::new(), cleared: Vec::new() };
    no_key_twice(body)?;
    acceptor.schemas(body)?;
    for (key, value) in body {
        acceptor.member(key, value)?;
    }
    Ok(Accepted { object: acceptor.object, cleared: acceptor.cleared, notes: acceptor.taker.notes })
}

struct Acceptor<'t> {
    of: &'t ResourceType,
    taker: Taker,
    object: Object,
    cleared: Vec<AttributePath>,
}

impl Acceptor<'_> {
    /// Checklist S-03 to S-06.
    fn schemas(&mut self, body: &Object) -> Result<(), ScimError> {
        let base = &self.of.schema.id;
        let given = body.iter().find(|(key, _)| same_name(key, "schemas")).map(|(_, v)| v);
        let missing = given.is_none_or(|v| v.is_null() || v.as_array().is_some_and(Vec::is_empty));
        let Some(given) = given.filter(|_| !missing) else {
            let refused = invalid_syntax(format!("\"schemas\" is missing; it must hold {base}"));
            return self.taker.tolerate(
                Deviation::NoSchemas,
                format!("\"schemas\" was missing and was read as {base}"),
                refused,
            );
        };
        let wrong = || invalid_syntax("\"schemas\" must be an array of texts");
        let urns: Vec<&str> = given
            .as_array()
            .ok_or_else(wrong)?
            .iter()
            .map(|v| v.as_str().ok_or_else(wrong))
            .collect::<Result<_, _>>()?;
        let mut has_base = false;
        for urn in urns {
            match self.of.schema_named(urn) {
                Some((schema, extension)) => {
                    has_base |= !extension;
                    if !same_name(&schema.id, urn) {
                        let (urn, id) = (shorten(urn), &schema.id);
                        let refused = invalid_syntax(format!("the schema {urn} is not known; use {id}"));
                        self.taker.tolerate(
                            Deviation::OldSchema,
                            format!("the schema {urn} was read as {id}"),
                            refused,
                        )?;
                    }
                }
                None => {
                    let urn = shorten(urn);
                    let refused =
                        invalid_syntax(format!("the schema {urn} is not one of {}'s", self.of.name));
                    self.taker.tolerate(
                        Deviation::UnknownSchema,
                        format!("the unknown schema {urn} was ignored"),
                        refused,
                    )?;
                }
            }
        }
        match has_base {
            true => Ok(()),
            false => Err(invalid_syntax(format!("\"schemas\" must hold {base}"))),
        }
    }

    /// One member of the body.
    fn member(&mut self, key: &str, value: &Value) -> Result<(), ScimError> {
        let of = self.of;
        if let Some(attribute) = of.schema.attribute(key) {
            return self.attribute(None, attribute, value);
        }
        if let Some(attribute) = common().iter().find(|a| same_name(&a.name, key)) {
            // `id`, `meta` and `schemas` are the server's; a client may send back what it got (checklist S-12, E-10, E-28).
            return if attribute.name == "externalId" {
                self.attribute(None, attribute, value)
            } else {
                Ok(())
            };
        }
        match of.schema_named(key) {
            Some((schema, extension)) => self.container(schema, extension, value),
            // An unknown name without a value says nothing (checklist C-07).
            None => self.taker.unknown_with(key, value),
        }
    }

    /// An extension's container, or the base attributes wrapped in their schema's URN (checklist S-07).
    fn container(&mut self, schema: &Schema, extension: bool, value: &Value) -> Result<(), ScimError> {
        let object = match value {
            Value::Object(object) => object,
            Value::Null => {
                self.cleared.extend(extension.then(|| whole(schema)));
                return Ok(());
            }
            _ => return Err(invalid_value(format!("\"{}\" must be an object", schema.id))),
        };
        no_key_twice(object)?;
        if extension && object.is_empty() {
            self.cleared.push(whole(schema));
        }
        let listed = custom_fields(schema, object)?;
        for (key, value) in listed.as_ref().unwrap_or(object) {
            match schema.attribute(key) {
                Some(attribute) => self.attribute(extension.then_some(schema), attribute, value)?,
                None if schema.open => self.open(schema, key, value)?,
                None => self.taker.unknown_with(&format!("{}:{key}", schema.id), value)?,
            }
        }
        Ok(())
    }

    fn attribute(
        &mut self,
        within: Option<&Schema>,
        attribute: &Attribute,
        value: &Value,
    ) -> Result<(), ScimError> {
        let path = AttributePath {
            schema: within.map(|s| s.id.clone()),
            ..AttributePath::attribute(&attribute.name)
        };
        if attribute.returned == Returned::Never && attribute.mutability == Mutability::WriteOnly {
            self.taker
                .note(Deviation::PasswordDropped, format!("\"{path}\" was dropped: it cannot be set here"));
            return Ok(());
        }
        if attribute.mutability == Mutability::ReadOnly {
            return Ok(());
        }
        self.empties(&path, attribute, value);
        if let Some(value) = self.taker.attribute(attribute, value)? {
            if let (true, Value::Array(elements)) = (attribute.multi_valued, &value) {
                super::one_primary(&attribute.name, elements)?;
            }
            self.insert(within, attribute.name.clone(), value);
        }
        Ok(())
    }

    fn open(&mut self, schema: &Schema, key: &str, value: &Value) -> Result<(), ScimError> {
        if !self.taker.open_name(key)? {
            return Ok(());
        }
        if is_empty(value) {
            self.cleared.push(AttributePath::attribute(key).within(&schema.id));
        }
        if let Some(value) = self.taker.open(key, value)? {
            self.insert(Some(schema), key.to_owned(), value);
        }
        Ok(())
    }

    /// Notes down what came explicitly empty.
    fn empties(&mut self, path: &AttributePath, attribute: &Attribute, value: &Value) {
        if is_empty(value) {
            self.cleared.push(path.clone());
        }
        if let (Value::Object(object), false) = (value, attribute.multi_valued) {
            let empty = object.iter().filter(|(_, value)| is_empty(value));
            let subs = empty
                .filter_map(|(key, _)| attribute.sub(key))
                .filter(|s| s.mutability != Mutability::ReadOnly);
            self.cleared.extend(subs.map(|s| path.clone().with_sub(&s.name)));
        }
    }

    fn insert(&mut self, within: Option<&Schema>, key: String, value: Value) {
        match within {
            None => _ = self.object.insert(key, value),
            Some(schema) => in_container(&mut self.object, &schema.id, |c| _ = c.insert(key, value)),
        }
    }
}

fn whole(schema: &Schema) -> AttributePath {
    AttributePath::attribute("").within(&schema.id)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}

/// 4me's other form of custom fields: `{"custom_fields": [{"id": …, "value": …}]}`; `None`: it is the flat one.
pub(crate) fn custom_fields(schema: &Schema, object: &Object) -> Result<Option<Object>, ScimError> {
    if schema.id != CUSTOM_FIELDS_4ME || object.len() != 1 {
        return Ok(None);
    }
    let Some(fields) = object.get("custom_fields").and_then(Value::as_array) else {
        return Ok(None);
    };
    let mut flat = Object::new();
    for field in fields {
        let id = field.get("id").and_then(Value::as_str);
        let id =
            id.ok_or_else(|| invalid_value("each of \"custom_fields\" needs an \"id\" and a \"value\""))?;
        let value = field.get("value").cloned().unwrap_or_default();
        if flat.insert(id.to_owned(), value).is_some() {
            return Err(invalid_syntax(format!("the custom field \"{}\" is given twice", shorten(id))));
        }
    }
    Ok(Some(flat))
}

/// A PUT that merges into what is there (profile `4me`): absent = kept, cleared = removed. Complex values merge their
/// sub-attributes, multi-valued attributes (and `members`, when they were sent) are taken whole.
pub fn merge(of: &ResourceType, there: &Object, with: Accepted) -> Object {
    let mut merged = there.clone();
    for (key, value) in with.object {
        match (of.schema_named(&key), value) {
            (Some((schema, true)), Value::Object(container)) => {
                in_container(&mut merged, &schema.id, |into| {
                    for (key, value) in container {
                        merge_attribute(into, schema.attribute(&key), key, value);
                    }
                });
            }
            (_, value) => merge_attribute(&mut merged, of.schema.attribute(&key), key, value),
        }
    }
    for path in with.cleared {
        // The paths come from `accept`, so they resolve; a removal cannot fail.
        let _ = write(of, &mut merged, &path, Value::Null);
    }
    merged
}

fn merge_attribute(into: &mut Object, attribute: Option<&Attribute>, key: String, value: Value) {
    let complex = attribute.is_some_and(|a| a.kind == Type::Complex && !a.multi_valued);
    match (into.get_mut(&key), value) {
        (Some(Value::Object(old)), Value::Object(new)) if complex => old.extend(new),
        (_, value) => _ = into.insert(key, value),
    }
}
