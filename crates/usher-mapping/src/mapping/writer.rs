//! Documents written fast: where each row's target stands is found once, and what is plain is put there directly.

use serde_json::Value as Json;
use usher_scim::filter::Operator;
use usher_scim::schema::{Attribute, Resolved, Type};
use usher_scim::{AttributePath, Filter, Object, ResourceType, ScimError, resource};

use super::{Mapped, ObjectMapping, json_for};
use crate::Value;

/// The rows of a mapping made ready for one resource type. It writes what [`super::document`] writes.
#[derive(Debug, Clone)]
pub struct Writer {
    /// By row; `None`: written by the schema's rules, as everything can be.
    slots: Vec<Option<Slot>>,
}

/// A plain place: a single value, or one part of a complex value that a text chooses.
#[derive(Debug, Clone)]
struct Slot {
    /// The extension's URN.
    container: Option<String>,
    attribute: String,
    part: Part,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Part {
    Whole,
    Sub(String),
    /// `attribute[name eq "text"].sub`
    Element {
        name: String,
        text: String,
        sub: String,
    },
}

/// What is written without looking twice.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Boolean,
    Integer,
    /// `{"value": text}`
    Reference,
}

impl ObjectMapping {
    /// Makes ready to write documents of this type.
    pub fn writer(&self, of: &ResourceType) -> Writer {
        Writer { slots: self.rows.iter().map(|row| Slot::of(of, &row.target)).collect() }
    }
}

impl Writer {
    /// As [`super::document`], for values that the same mapping gave and the same type.
    pub fn document(&self, of: &ResourceType, values: &[Mapped]) -> Result<Object, ScimError> {
        let mut object = Object::new();
        for mapped in values.iter().filter(|mapped| !mapped.value.is_null()) {
            let slot = self.slots.get(mapped.row).and_then(Option::as_ref);
            if !slot.is_some_and(|slot| slot.put(&mapped.value, &mut object)) {
                let json = json_for(of, &mapped.target, &mapped.value)?;
                resource::write(of, &mut object, &mapped.target, json)?;
            }
        }
        Ok(object)
    }
}

impl Slot {
    fn of(of: &ResourceType, path: &AttributePath) -> Option<Self> {
        let Resolved { schema, extension, attribute: Some(attribute), sub, .. } = of.resolve(path)? else {
            return None;
        };
        let container = if extension { Some(schema?.id.clone()) } else { None };
        let (part, kind) = match (&path.filter, sub) {
            (None, None) => (Part::Whole, whole(attribute)?),
            // A link is a link only with its `value`, which the schema's rules see to.
            (_, Some(sub)) if sub.multi_valued || attribute.sub("$ref").is_some() => return None,
            (None, Some(_)) if attribute.multi_valued => return None,
            (None, Some(sub)) => (Part::Sub(sub.name.clone()), simple(sub)?),
            (Some(filter), Some(sub)) => (element(attribute, filter, sub)?, simple(sub)?),
            (Some(_), None) => return None,
        };
        Some(Self { container, attribute: attribute.name.clone(), part, kind })
    }

    /// Writes a value; `false`: this is not plain after all, and nothing was done.
    fn put(&self, value: &Value, into: &mut Object) -> bool {
        let Some(json) = self.kind.json(value) else { return false };
        let holder = match &self.container {
            None => into,
            Some(urn) => {
                if !into.contains_key(urn) {
                    into.insert(urn.clone(), Json::Object(Object::new()));
                }
                match into.get_mut(urn) {
                    Some(Json::Object(container)) => container,
                    _ => return false,
                }
            }
        };
        match (&self.part, holder.get_mut(&self.attribute)) {
            (Part::Whole, _) => _ = holder.insert(self.attribute.clone(), json),
            (Part::Sub(sub), Some(Json::Object(there))) => _ = there.insert(sub.clone(), json),
            (Part::Sub(sub), None) => {
                holder.insert(self.attribute.clone(), object([(sub, json)]));
            }
            (Part::Element { name, text, sub }, Some(Json::Array(there))) => {
                match chosen(there, name, text) {
                    Chosen::New => there.push(made(name, text, sub, json)),
                    Chosen::There(element) => _ = element.insert(sub.clone(), json),
                    Chosen::Unsure => return false,
                }
            }
            (Part::Element { name, text, sub }, None) => {
                holder.insert(self.attribute.clone(), Json::Array(vec![made(name, text, sub, json)]));
            }
            _ => return false,
        }
        true
    }
}

/// Which element `name eq "text"` chooses.
enum Chosen<'o> {
    /// None that is there.
    New,
    /// One.
    There(&'o mut Object),
    /// The schema's rules are to say.
    Unsure,
}

fn chosen<'o>(elements: &'o mut [Json], name: &str, text: &str) -> Chosen<'o> {
    let mut one = None;
    for element in elements {
        match element.get(name).and_then(Json::as_str) {
            Some(there) if !there.is_ascii() => return Chosen::Unsure,
            Some(there) if !there.eq_ignore_ascii_case(text) => {}
            Some(_) if one.is_none() => one = element.as_object_mut(),
            _ => return Chosen::Unsure,
        }
    }
    one.map_or(Chosen::New, Chosen::There)
}

fn made(name: &str, text: &str, sub: &str, json: Json) -> Json {
    object([(name, text.into()), (sub, json)])
}

/// A small object; collecting would sort it first.
fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    let mut object = Object::new();
    for (name, value) in members {
        object.insert(name.to_owned(), value);
    }
    Json::Object(object)
}

fn whole(attribute: &Attribute) -> Option<Kind> {
    match attribute.kind {
        _ if attribute.multi_valued => None,
        Type::Complex => attribute.sub("value").and_then(simple).and(Some(Kind::Reference)),
        _ => simple(attribute),
    }
}

fn simple(attribute: &Attribute) -> Option<Kind> {
    match attribute.kind {
        Type::String | Type::Reference => Some(Kind::Text),
        Type::Boolean => Some(Kind::Boolean),
        Type::Integer => Some(Kind::Integer),
        Type::Decimal | Type::DateTime | Type::Binary | Type::Complex => None,
    }
}

/// `[name eq "text"].sub` over texts.
fn element(attribute: &Attribute, filter: &Filter, sub: &Attribute) -> Option<Part> {
    let Filter::Compare(path, Operator::Eq, Json::String(text)) = filter else { return None };
    let name = attribute.sub(&path.name)?;
    let plain = path.schema.is_none()
        && path.filter.is_none()
        && path.sub.is_none()
        && attribute.multi_valued
        && attribute.kind == Type::Complex
        && matches!(name.kind, Type::String)
        && !name.multi_valued
        && name.name != sub.name
        && sub.name != "primary"
        && text.is_ascii()
        && !text.is_empty()
        && !text.contains('\0');
    plain.then(|| Part::Element { name: name.name.clone(), text: text.clone(), sub: sub.name.clone() })
}

impl Kind {
    /// `None`: the schema's rules are to say what comes of it.
    fn json(self, value: &Value) -> Option<Json> {
        let text = |text: &String| (!text.contains('\0')).then(|| Json::String(text.clone()));
        match (self, value) {
            (Self::Text, Value::Text(it)) => text(it),
            (Self::Boolean, Value::Boolean(b)) => Some(Json::Bool(*b)),
            (Self::Integer, Value::Integer(i)) => Some(Json::from(*i)),
            (Self::Reference, Value::Text(it)) if !it.is_empty() => Some(object([("value", text(it)?)])),
            _ => None,
        }
    }
}
