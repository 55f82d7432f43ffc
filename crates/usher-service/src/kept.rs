//! What of a body is kept: its beginning, without secrets.

use std::{
    collections::HashSet,
    io::{self, Write},
};

use serde::{Serialize, Serializer, ser::SerializeMap, ser::SerializeSeq};
use serde_json::Value;
use usher_directory::config::DirectoryConfig;
use usher_scim::{Attribute, Object, ResourceType, schema::Returned};

/// As much of a body as is kept.
const BYTES: usize = 16 * 1024;
/// What stands in a secret's place.
const REMOVED: &str = "(removed)";

/// The beginning of a body, as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) text: String,
    /// There was more.
    pub(crate) cut: bool,
}

impl Kept {
    /// Of a body.
    pub(crate) fn of(config: &DirectoryConfig, body: &Object) -> Self {
        let secrets = Secrets::of(config);
        let mut beginning = Beginning { bytes: Vec::new(), cut: false };
        // It fails where it is full, which is no failure.
        let _ = serde_json::to_writer(&mut beginning, &Members { of: body, secrets: &secrets });
        let Beginning { mut bytes, cut } = beginning;
        if let Err(error) = std::str::from_utf8(&bytes) {
            bytes.truncate(error.valid_up_to());
        }
        Self { text: String::from_utf8(bytes).unwrap_or_default(), cut }
    }
}

/// The names of attributes that nobody gets to see: `password`, and whatever a schema says is never returned.
struct Secrets(HashSet<String>);

impl Secrets {
    fn of(config: &DirectoryConfig) -> Self {
        let mut names = HashSet::from(["password".to_owned()]);
        for of in [&config.user, &config.group] {
            let ResourceType { schema, extensions, .. } = of;
            for schema in std::iter::once(schema).chain(extensions.iter().map(|(schema, _)| schema)) {
                hidden(&schema.attributes, &mut names);
            }
        }
        Self(names)
    }

    /// Whether a key or a path names one: `password`, `urn:…:User:password`, `login.password`, `logins[type eq "x"].password`.
    fn are_in(&self, path: &str) -> bool {
        let mut names = path.split(|c: char| !c.is_ascii_alphanumeric() && !"_-$".contains(c));
        names.any(|name| self.0.contains(&name.to_ascii_lowercase()))
    }

    /// Whether the object is an operation at a secret's path.
    fn at(&self, operation: &Object) -> bool {
        let path = operation.iter().find(|(key, _)| key.eq_ignore_ascii_case("path"));
        path.and_then(|(_, path)| path.as_str()).is_some_and(|path| self.are_in(path))
    }
}

fn hidden(attributes: &[Attribute], names: &mut HashSet<String>) {
    for attribute in attributes {
        if attribute.returned == Returned::Never {
            names.insert(attribute.name.to_ascii_lowercase());
        }
        hidden(&attribute.sub_attributes, names);
    }
}

struct Members<'b> {
    of: &'b Object,
    secrets: &'b Secrets,
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let at_secret = self.secrets.at(self.of);
        let mut map = to.serialize_map(Some(self.of.len()))?;
        for (key, value) in self.of {
            if self.secrets.are_in(key) || (at_secret && key.eq_ignore_ascii_case("value")) {
                map.serialize_entry(key, REMOVED)?;
            } else {
                map.serialize_entry(key, &Shown { value, secrets: self.secrets })?;
            }
        }
        map.end()
    }
}

struct Shown<'b> {
    value: &'b Value,
    secrets: &'b Secrets,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Object(of) => Members { of, secrets: self.secrets }.serialize(to),
            Value::Array(elements) => {
                let mut seq = to.serialize_seq(Some(elements.len()))?;
                for value in elements {
                    seq.serialize_element(&Shown { value, secrets: self.secrets })?;
                }
                seq.end()
            }
            simple => simple.serialize(to),
        }
    }
}

/// Takes [`BYTES`] and no more.
struct Beginning {
    bytes: Vec<u8>,
    cut: bool,
}

impl Write for Beginning {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        let room = BYTES - self.bytes.len();
        self.cut = more.len() > room;
        self.bytes.extend_from_slice(&more[..more.len().min(room)]);
        if self.cut { Err(io::ErrorKind::WriteZero.into()) } else { Ok(more.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use usher_directory::{DirectoryId, profile};
    use usher_scim::Tolerance;

    use super::*;

    fn kept(body: Value) -> Kept {
        let profile = profile::by_name("4me").unwrap();
        let config = DirectoryConfig::new(DirectoryId(1), 1, profile, Tolerance::Tolerant).unwrap();
        Kept::of(&config, body.as_object().unwrap())
    }

    #[test]
    fn secrets_are_removed_wherever_they_stand() {
        let urn = "urn:ietf:params:scim:schemas:core:2.0:User";
        for body in [
            json!({"userName": "ann", "Password": "x7k2"}),
            json!({urn: {"password": {"value": "x7k2"}}}),
            json!({"Operations": [{"op": "replace", "value": {"password": "x7k2"}}]}),
            json!({"Operations": [{"op": "add", "PATH": "password", "Value": "x7k2"}]}),
            json!({"Operations": [{"op": "add", "path": format!("{urn}:password"), "value": "x7k2"}]}),
            json!({"Operations": [{"method": "POST", "data": {"password": "x7k2", "title": "T"}}]}),
            json!({"Operations": [{"op": "replace", "value": {format!("{urn}:password"): ["x7k2"]}}]}),
        ] {
            let kept = kept(body);
            assert!(!kept.text.contains("x7k2") && kept.text.contains(REMOVED), "{kept:?}");
        }
        let plain =
            json!({"userName": "ann", "title": "passwords", "Operations": [{"path": "title", "value": "T"}]});
        assert_eq!(serde_json::from_str::<Value>(&kept(plain.clone()).text).unwrap(), plain);
    }

    #[test]
    fn the_first_16_kib_are_kept() {
        let body = |n: usize| json!({"title": "é".repeat(n)});
        // {"title":""} is 12 bytes.
        let whole = kept(body((BYTES - 12) / 2));
        assert_eq!((whole.text.len(), whole.cut), (BYTES, false));
        let more = kept(body((BYTES - 12) / 2 + 1));
        assert!(more.cut && more.text.len() <= BYTES && more.text.len() > BYTES - 4, "{}", more.text.len());
    }
}
