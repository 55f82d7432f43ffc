//! Request bodies: bytes to a JSON object, strictly (RFC 7644 §3.8; checklist S-18, N-29, R-39).

use std::{collections::HashSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::{Object, ScimError, error::invalid_syntax, prepare};

/// How deep objects and arrays may stand in each other.
pub const DEPTH: usize = 64;

/// Reads a body: a JSON object in UTF-8 without a byte order mark, at most [`DEPTH`] deep, no key twice in one object
/// (ignoring case). Anything else is `invalidSyntax`.
pub fn parse(bytes: &[u8]) -> Result<Object, ScimError> {
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err(invalid_syntax("the body begins with a byte order mark; send UTF-8 without one"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = Level(1)
        .deserialize(&mut json)
        .and_then(|value| json.end().map(|()| value))
        .map_err(|e| invalid_syntax(format!("the body is not valid JSON: {e}")))?;
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(invalid_syntax("the body must be a JSON object")),
    }
}

/// Refuses two keys that are one name (checklist S-18).
pub(crate) fn no_key_twice(object: &Object) -> Result<(), ScimError> {
    match key_twice(object) {
        Some(key) => Err(invalid_syntax(format!("the attribute \"{key}\" is given twice"))),
        None => Ok(()),
    }
}

fn key_twice(object: &Object) -> Option<&str> {
    // Objects are small as a rule; a hostile one must not cost the square of its size.
    if object.len() > 16 {
        let mut seen = HashSet::with_capacity(object.len());
        return object.keys().find(|key| !seen.insert(prepare::fold(key))).map(String::as_str);
    }
    let twice =
        |(at, key): &(usize, &String)| object.keys().take(*at).any(|before| prepare::same_name(before, key));
    object.keys().enumerate().find(twice).map(|(_, key)| key.as_str())
}

/// A JSON value at a depth. serde_json's own `Value` would keep the last of two equal keys silently.
struct Level(usize);

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(Level(inner))? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut object = Object::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(Level(inner))?;
            if object.insert(key.clone(), value).is_some() {
                return Err(A::Error::custom(format_args!("the attribute \"{key}\" is given twice")));
            }
        }
        if let Some(key) = key_twice(&object) {
            return Err(A::Error::custom(format_args!("the attribute \"{key}\" is given twice")));
        }
        Ok(Value::Object(object))
    }
}

impl Level {
    fn inner<E: Error>(self) -> Result<usize, E> {
        if self.0 > DEPTH {
            return Err(E::custom(format_args!("objects and arrays nest deeper than {DEPTH}")));
        }
        Ok(self.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScimType;

    fn refused(bytes: &[u8]) -> String {
        let error = parse(bytes).unwrap_err();
        assert_eq!((error.status, error.scim_type), (400, Some(ScimType::InvalidSyntax)));
        error.detail
    }

    #[test]
    fn s_18_duplicate_keys() {
        assert!(refused(br#"{"userName":"a","userName":"b"}"#).contains("twice"));
        assert!(refused(br#"{"userName":"a","USERNAME":"b"}"#).contains("twice"));
        assert!(refused(br#"{"name":{"givenName":"a","givenname":"b"}}"#).contains("twice"));
    }

    #[test]
    fn n_29_bodies_that_are_no_json_object() {
        for bytes in [
            &b"[]"[..],
            b"\"x\"",
            b"",
            b"{\"a\":1} x",
            b"\xEF\xBB\xBF{}",
            br#"{"a":"\ud800"}"#,
            b"{\"a\":\"\xff\"}",
        ] {
            refused(bytes);
        }
        let deep = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
        refused(deep.as_bytes());
        refused(format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64)).as_bytes());
        assert!(parse(format!("{{\"a\":{}{}}}", "[".repeat(63), "]".repeat(63)).as_bytes()).is_ok());
    }

    #[test]
    fn values_arrive_as_they_are() {
        let body = parse(r#"{"a":[1,-2,1.5,true,null,"é\u00e9"],"b":{}}"#.as_bytes()).unwrap();
        assert_eq!(Value::Object(body), serde_json::json!({"a": [1, -2, 1.5, true, null, "éé"], "b": {}}));
    }
}
