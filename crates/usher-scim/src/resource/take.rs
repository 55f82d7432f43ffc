//! Values taken in: types checked, names in schema spelling, what is unassigned left out (RFC 7643 §2.3, §2.4, §2.5).

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::Value;

use crate::{
    Attribute, Deviation, Note, Object, ScimError, Tolerance,
    body::no_key_twice,
    error::{invalid_syntax, invalid_value},
    filter::compile::boolean,
    path::shorten,
    prepare,
    schema::{Mutability, Type, is_name},
};

/// The most values of a multi-valued attribute that a client may give (checklist X-19); links are not counted, groups
/// have as many members as they have.
const VALUES: usize = 1_000;

/// The most bytes of one text that a client may give (checklist X-19).
const TEXT: usize = 64 * 1024;

/// Who sends the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// A POST or PUT body.
    Body,
    /// A PATCH operation: one value may stand for an array of one.
    Patch,
    /// Usher itself: read-only sub-attributes may be written.
    Inside,
}

/// Takes values in, collecting notes.
pub(crate) struct Taker {
    pub(crate) how: Tolerance,
    pub(crate) from: From,
    pub(crate) notes: Vec<Note>,
}

impl Taker {
    pub(crate) fn new(how: Tolerance, from: From) -> Self {
        Self { how, from, notes: Vec::new() }
    }
    pub(crate) fn note(&mut self, deviation: Deviation, text: impl Into<String>) {
        self.notes.push(Note::new(deviation, text));
    }
    /// A tolerance: noted, or refused where it is strict.
    pub(crate) fn tolerate(
        &mut self,
        deviation: Deviation,
        text: impl Into<String>,
        refused: ScimError,
    ) -> Result<(), ScimError> {
        match self.how {
            Tolerance::Tolerant => {
                self.note(deviation, text);
                Ok(())
            }
            Tolerance::Strict => Err(refused),
        }
    }
    /// A name in no schema: left out with a note, strictly refused (checklist E-15).
    pub(crate) fn unknown(&mut self, name: &str) -> Result<(), ScimError> {
        let name = shorten(name);
        let refused = invalid_syntax(format!("the attribute \"{name}\" is not known here"));
        self.tolerate(
            Deviation::UnknownAttribute,
            format!("the unknown attribute \"{name}\" was ignored"),
            refused,
        )
    }
    /// The same, with what it came with: without a value it says nothing (checklist C-07).
    pub(crate) fn unknown_with(&mut self, name: &str, value: &Value) -> Result<(), ScimError> {
        if value.is_null() && self.how == Tolerance::Tolerant {
            let said = format!("the unknown attribute \"{}\" had no value and was ignored", shorten(name));
            self.note(Deviation::UnknownNull, said);
            return Ok(());
        }
        self.unknown(name)
    }

    /// A whole attribute's value; `None`: unassigned.
    pub(crate) fn attribute(
        &mut self,
        attribute: &Attribute,
        value: &Value,
    ) -> Result<Option<Value>, ScimError> {
        if !attribute.multi_valued {
            return self.single(attribute, value);
        }
        let elements = match value {
            Value::Null => return Ok(None),
            Value::Array(elements) => elements.as_slice(),
            one if self.from != From::Body => std::slice::from_ref(one),
            _ => return Err(invalid_value(format!("\"{}\" must be an array", attribute.name))),
        };
        self.few_enough(attribute, elements)?;
        let mut taken = Vec::with_capacity(elements.len());
        for element in elements {
            if element.is_null() {
                return Err(invalid_value(format!("\"{}\" holds a null", attribute.name)));
            }
            if let Some(element) = self.element(attribute, element)? {
                taken.push(element);
            }
        }
        drop_repeated(&mut taken);
        Ok((!taken.is_empty()).then_some(Value::Array(taken)))
    }

    /// Refuses more than [`VALUES`] values.
    pub(crate) fn few_enough(&self, attribute: &Attribute, elements: &[Value]) -> Result<(), ScimError> {
        if elements.len() > VALUES && !attribute.is_link() && self.from != From::Inside {
            return Err(invalid_value(format!("\"{}\" has more than {VALUES} values", attribute.name)));
        }
        Ok(())
    }

    fn is_too_long(&self, text: &str) -> bool {
        text.len() > TEXT && self.from != From::Inside
    }

    /// One element of a multi-valued attribute.
    pub(crate) fn element(
        &mut self,
        attribute: &Attribute,
        value: &Value,
    ) -> Result<Option<Value>, ScimError> {
        match attribute.kind {
            Type::Complex => self.complex(attribute, value),
            _ => self.simple(attribute, value),
        }
    }

    fn single(&mut self, attribute: &Attribute, value: &Value) -> Result<Option<Value>, ScimError> {
        let value = match value {
            Value::Null => return Ok(None),
            Value::Array(elements) if elements.is_empty() => return Ok(None),
            Value::Array(elements) if elements.len() == 1 && self.from != From::Body => {
                let name = &attribute.name;
                let refused = invalid_value(format!("\"{name}\" has one value, not an array"));
                self.tolerate(
                    Deviation::ArrayOfOne,
                    format!("\"{name}\" came as an array of one value"),
                    refused,
                )?;
                elements.first().unwrap_or(value)
            }
            value => value,
        };
        self.element(attribute, value)
    }

    /// A sub-attribute's or simple attribute's value.
    pub(crate) fn sub(
        &mut self,
        of: &Attribute,
        sub: &Attribute,
        value: &Value,
    ) -> Result<Option<Value>, ScimError> {
        // A path may lead right to the value of a role, and the text is then the same.
        let role = value.as_str().filter(|_| {
            of.name == "roles"
                && sub.name == "value"
                && self.how != Tolerance::Strict
                && self.from != From::Inside
        });
        let unpacked = role.and_then(unpacked_role).map(|(value, _)| Value::String(value));
        let value = unpacked.as_ref().unwrap_or(value);
        let taken = match sub.multi_valued {
            true => self.attribute(sub, value)?,
            false => self.single(sub, value)?,
        };
        if self.how == Tolerance::Strict && self.from != From::Inside {
            shaped(of, sub, taken.as_ref())?;
        }
        // A link to "" links nothing (checklist C-06, P-37).
        Ok(taken.filter(|v| !(of.is_link() && sub.name == "value" && v.as_str() == Some(""))))
    }

    fn simple(&mut self, attribute: &Attribute, value: &Value) -> Result<Option<Value>, ScimError> {
        let name = &attribute.name;
        let fits = match (attribute.kind, value) {
            (_, Value::Null) => return Ok(None),
            (_, Value::String(text)) if text.contains('\0') => {
                return Err(invalid_value(format!("\"{name}\" contains the character U+0000")));
            }
            (_, Value::String(text)) if self.is_too_long(text) => return Err(too_long(name)),
            (Type::String, Value::String(_)) => true,
            (Type::Reference, Value::String(text)) => {
                self.how == Tolerance::Tolerant || !text.chars().any(|c| c.is_whitespace() || c.is_control())
            }
            (Type::Boolean, Value::Bool(_)) => true,
            (Type::Boolean, Value::String(text)) => return self.boolean(attribute, text).map(Some),
            (Type::Integer, Value::Number(number)) => number.is_i64() || number.is_u64(),
            (Type::Decimal, Value::Number(_)) => true,
            (Type::DateTime, Value::String(text)) => prepare::date_time(text).is_some(),
            (Type::Binary, Value::String(text)) => base64(text).is_some(),
            _ => false,
        };
        match fits {
            true => Ok(Some(value.clone())),
            false => Err(wrong_type(attribute)),
        }
    }

    fn boolean(&mut self, attribute: &Attribute, text: &str) -> Result<Value, ScimError> {
        let flag = boolean(text).ok_or_else(|| wrong_type(attribute))?;
        let said = format!("\"{}\" came as the text \"{text}\" and was read as {flag}", attribute.name);
        self.tolerate(Deviation::BooleanAsText, said, wrong_type(attribute))?;
        Ok(flag.into())
    }

    /// A complex value.
    fn complex(&mut self, attribute: &Attribute, value: &Value) -> Result<Option<Value>, ScimError> {
        let name = &attribute.name;
        let unpacked;
        let object = match value {
            Value::Object(object) => object,
            Value::String(text) if attribute.sub("value").is_some() => {
                if text.is_empty() {
                    return Ok(None);
                }
                let deviation =
                    if attribute.multi_valued { Deviation::BareValues } else { Deviation::TextAsValue };
                let said = format!("\"{name}\" came as plain text and was read as its value");
                self.tolerate(deviation, said, invalid_value(format!("\"{name}\" must hold objects")))?;
                unpacked = Object::from_iter([("value".to_owned(), value.clone())]);
                &unpacked
            }
            _ => return Err(invalid_value(format!("\"{name}\" must be an object"))),
        };
        no_key_twice(object)?;
        let unwrapped = self.role(attribute, object);
        let object = unwrapped.as_ref().unwrap_or(object);
        let mut taken = Object::new();
        for (key, value) in object {
            let Some(sub) = attribute.sub(key) else {
                if prepare::same_name(key, "operation") {
                    return Err(invalid_syntax(format!(
                        "\"operation\" within \"{name}\" is not SCIM 2.0; send a PATCH operation with \"op\": \"remove\""
                    )));
                }
                self.unknown(&format!("{name}.{key}"))?;
                continue;
            };
            // The server itself says where a link points to and what the other resource is called.
            let computed =
                sub.mutability == Mutability::ReadOnly || (sub.name == "$ref" && attribute.is_link());
            if computed && self.from != From::Inside {
                continue;
            }
            if let Some(value) = self.sub(attribute, sub, value)? {
                taken.insert(sub.name.clone(), value);
            }
        }
        if attribute.is_link() && !taken.contains_key("value") {
            match object
                .iter()
                .find(|(key, _)| prepare::same_name(key, "$ref"))
                .and_then(|(_, v)| last_segment(v))
            {
                Some(id) => _ = taken.insert("value".into(), id.into()),
                None if attribute.multi_valued && says_something(attribute, object) => {
                    return Err(invalid_value(format!("\"{name}\" needs a \"value\" in each element")));
                }
                None if self.from != From::Inside => taken.clear(),
                None => {}
            }
        }
        Ok((!taken.is_empty()).then_some(Value::Object(taken)))
    }

    /// Entra's app roles come as JSON text in `value` (checklist C-11).
    fn role(&mut self, attribute: &Attribute, object: &Object) -> Option<Object> {
        if attribute.name != "roles" || self.how == Tolerance::Strict {
            return None;
        }
        let key_of = |name: &str| object.keys().find(|key| prepare::same_name(key, name));
        let key = key_of("value")?;
        let (value, display) = unpacked_role(object.get(key)?.as_str()?)?;
        let mut unpacked = object.clone();
        unpacked.insert(key.clone(), value.into());
        if let Some(display) = display {
            unpacked.insert(key_of("display").map_or("display", String::as_str).to_owned(), display.into());
        }
        self.note(Deviation::RoleAsJson, "a role came as JSON text and was unpacked");
        Some(unpacked)
    }

    /// A value of an open schema: any JSON, without what is unassigned.
    pub(crate) fn open(&mut self, name: &str, value: &Value) -> Result<Option<Value>, ScimError> {
        Ok(match value {
            Value::Null => None,
            Value::String(text) if text.contains('\0') => {
                return Err(invalid_value(format!("\"{}\" contains the character U+0000", shorten(name))));
            }
            Value::String(text) if self.is_too_long(text) => return Err(too_long(name)),
            Value::Array(elements) if elements.len() > VALUES && self.from != From::Inside => {
                return Err(invalid_value(format!("\"{}\" has more than {VALUES} values", shorten(name))));
            }
            Value::Array(elements) => {
                let mut taken = Vec::with_capacity(elements.len());
                for element in elements {
                    taken.extend(self.open(name, element)?);
                }
                (!taken.is_empty()).then_some(Value::Array(taken))
            }
            Value::Object(object) => {
                no_key_twice(object)?;
                let mut taken = Object::new();
                for (key, value) in object {
                    if key.contains('\0') {
                        return Err(invalid_value(format!(
                            "a name in \"{}\" contains the character U+0000",
                            shorten(name)
                        )));
                    }
                    if let Some(value) = self.open(name, value)? {
                        taken.insert(key.clone(), value);
                    }
                }
                (!taken.is_empty()).then_some(Value::Object(taken))
            }
            value => Some(value.clone()),
        })
    }

    /// Whether a key may be kept in an open schema.
    pub(crate) fn open_name(&mut self, key: &str) -> Result<bool, ScimError> {
        if is_name(key) && key != "$ref" {
            return Ok(true);
        }
        self.unknown(key).map(|()| false)
    }
}

/// Whether an element says something of what its attribute has, be it taken or not.
fn says_something(attribute: &Attribute, element: &Object) -> bool {
    element.iter().any(|(key, value)| !value.is_null() && attribute.sub(key).is_some())
}

/// The value and the name of a role as JSON text, however deep one stands in the other.
fn unpacked_role(text: &str) -> Option<(String, Option<String>)> {
    let role: Object = serde_json::from_str(text).ok().filter(|_| text.starts_with('{'))?;
    let value = role.get("value")?.as_str()?;
    let display = role.get("displayName").and_then(Value::as_str).map(str::to_owned);
    Some(unpacked_role(value).unwrap_or_else(|| (value.to_owned(), display)))
}

fn too_long(name: &str) -> ScimError {
    invalid_value(format!("\"{}\" is longer than {TEXT} bytes", shorten(name)))
}

fn wrong_type(attribute: &Attribute) -> ScimError {
    let article = if attribute.kind == Type::Integer { "an" } else { "a" };
    invalid_value(format!("\"{}\" must be {article} {}", attribute.name, attribute.kind.as_str()))
}

/// Elements said twice are one (checklist S-30).
pub(crate) fn drop_repeated(elements: &mut Vec<Value>) {
    // Long lists are members, whose ids the directory keeps once; the square of a long list is not worth it.
    if elements.len() <= 100 {
        let all = std::mem::take(elements);
        for element in all {
            if !elements.contains(&element) {
                elements.push(element);
            }
        }
    }
}

/// The id at the end of a resource's URI.
pub(crate) fn last_segment(uri: &Value) -> Option<&str> {
    uri.as_str()?.rsplit('/').next().filter(|id| !id.is_empty())
}

/// Forms beyond the type that RFC 7643 asks of some values, held to strictly only: tolerant services store what they
/// are sent (checklist S-32, S-47, S-48).
fn shaped(of: &Attribute, sub: &Attribute, value: Option<&Value>) -> Result<(), ScimError> {
    let Some(text) = value.and_then(Value::as_str) else {
        return Ok(());
    };
    match (of.name.as_str(), sub.name.as_str()) {
        ("addresses", "country") if text.len() != 2 || !text.bytes().all(|b| b.is_ascii_alphabetic()) => {
            Err(invalid_value("\"addresses.country\" must be a two-letter code of ISO 3166-1"))
        }
        ("x509Certificates", "value") if !base64(text).is_some_and(|der| is_one_sequence(&der)) => {
            Err(invalid_value(
                "\"x509Certificates.value\" must be exactly one certificate, base64 of its DER form",
            ))
        }
        _ => Ok(()),
    }
}

/// Whether bytes are one DER SEQUENCE and nothing after it.
fn is_one_sequence(der: &[u8]) -> bool {
    let [0x30, first, rest @ ..] = der else {
        return false;
    };
    let long = usize::from(*first).saturating_sub(0x80);
    if *first < 0x80 {
        return rest.len() == usize::from(*first);
    }
    let Some((length, content)) = rest.split_at_checked(long) else {
        return false;
    };
    (1..=4).contains(&long) && length.iter().fold(0, |sum, b| sum << 8 | usize::from(*b)) == content.len()
}

/// Base64 in the standard alphabet, with padding or without (RFC 7643 §2.3.6).
fn base64(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&alphabet::STANDARD, config).decode(text).ok()
}
