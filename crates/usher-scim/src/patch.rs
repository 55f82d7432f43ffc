//! PATCH (RFC 7644 §3.5.2) and what real clients send instead.

use serde_json::Value;

use crate::{
    AttributePath, Deviation, Note, Object, ResourceType, ScimError, Tolerance,
    body::no_key_twice,
    error::{invalid_path, invalid_syntax, mutability},
    message,
    path::shorten,
    prepare::same_name,
    resource::take::{From, Taker},
};

mod apply;
mod members;
mod own;

pub use members::MemberChange;

/// What a PATCH does to a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The document after it (still canonical as [`crate::resource::accept`] makes it).
    pub object: Object,
    /// Whether the document changed.
    pub changed: bool,
    /// Member changes, for groups.
    pub members: Vec<MemberChange>,
    /// Tolerances applied.
    pub notes: Vec<Note>,
}

/// A parsed PATCH request.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// In order.
    pub operations: Vec<Operation>,
    /// Tolerances applied while reading.
    pub notes: Vec<Note>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// What to do.
    pub op: Op,
    /// Where; `None` = the resource.
    pub path: Option<AttributePath>,
    /// With what; `None`: it was not given, `Null`: it was given as `null`.
    pub value: Option<Value>,
}

/// RFC 7644 §3.5.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Op {
    Add,
    Remove,
    Replace,
}

impl Patch {
    /// Reads the message; `own_body` = 4me's pre-RFC form (attributes at the root, members with `"operation":"delete"`) is taken too.
    ///
    /// Errors: `invalidSyntax` for another message or operation, `invalidPath` for a malformed path.
    pub fn parse(body: &Object, how: Tolerance, own_body: bool) -> Result<Self, ScimError> {
        no_key_twice(body)?;
        let mut taker = Taker::new(how, From::Patch);
        let member = |name: &str| body.iter().find(|(key, _)| same_name(key, name));
        let Some((spelled, operations)) = member("Operations") else {
            return match own_body {
                true => own::parse(body),
                false => Err(invalid_syntax("a PATCH needs \"Operations\", an array of operations")),
            };
        };
        let urns = member("schemas").and_then(|(_, v)| v.as_array());
        if !urns
            .is_some_and(|urns| urns.iter().filter_map(Value::as_str).any(|u| same_name(u, message::PATCH)))
        {
            return Err(invalid_syntax(format!("the \"schemas\" of a PATCH must hold {}", message::PATCH)));
        }
        if spelled != "Operations" {
            taker.note(
                Deviation::OperationsSpelled,
                format!("\"{}\" was read as \"Operations\"", shorten(spelled)),
            );
        }
        let operations = operations
            .as_array()
            .ok_or_else(|| invalid_syntax("\"Operations\" must be an array of operations"))?;
        if operations.is_empty() {
            taker.tolerate(
                Deviation::NoOperations,
                "there were no operations",
                invalid_syntax("\"Operations\" is empty"),
            )?;
        }
        let operations = operations.iter().map(|o| operation(o, &mut taker)).collect::<Result<_, _>>()?;
        Ok(Self { operations, notes: taker.notes })
    }

    /// Refuses (`mutability`) a path-less value whose `id` is another than the resource's (checklist C-20).
    pub fn check_id(&self, id: &str) -> Result<(), ScimError> {
        match self.said("id").any(|value| !value.is_null() && value.as_str() != Some(id)) {
            true => {
                Err(mutability("\"id\" cannot be changed; the value names another resource than the URL"))
            }
            false => Ok(()),
        }
    }

    /// Whether a path-less value says something of a user's `groups`, which are read-only (checklist P-38).
    pub fn says_groups(&self) -> bool {
        self.said("groups").next().is_some()
    }

    /// Refuses (`mutability`) a path-less value whose `groups` are others than these ids; for strict services (checklist P-38).
    pub fn check_groups(&self, ids: &[String]) -> Result<(), ScimError> {
        let mut here: Vec<&str> = ids.iter().map(String::as_str).collect();
        here.sort_unstable();
        for value in self.said("groups") {
            let elements = value.as_array().map_or(&[][..], Vec::as_slice);
            let mut said: Vec<&str> =
                elements.iter().map(|group| group["value"].as_str().unwrap_or_default()).collect();
            said.sort_unstable();
            if said != here || !(value.is_array() || value.is_null()) {
                return Err(mutability(
                    "\"groups\" is read-only, it follows from the members of groups; leave it out, or change those",
                ));
            }
        }
        Ok(())
    }

    /// What path-less values say of an attribute.
    fn said(&self, name: &str) -> impl Iterator<Item = &Value> {
        let pathless =
            self.operations.iter().filter(|o| o.path.is_none()).filter_map(|o| o.value.as_ref()?.as_object());
        pathless
            .flat_map(move |o| o.iter().filter(move |(key, _)| same_name(key, name)).map(|(_, value)| value))
    }

    /// Whether an operation may change a group's members.
    pub fn touches_members(&self) -> bool {
        let named = |key: &str| {
            let name = key.rsplit(':').next().unwrap_or(key);
            name.get(..7).is_some_and(|n| same_name(n, "members"))
        };
        self.operations.iter().any(|o| match (&o.path, &o.value) {
            (Some(path), _) => same_name(&path.name, "members"),
            (None, Some(Value::Object(value))) => value
                .iter()
                .any(|(key, v)| named(key) || v.as_object().is_some_and(|o| o.keys().any(|k| named(k)))),
            _ => false,
        })
    }

    /// Applies all or nothing to a canonical document (as [`crate::resource::accept`] makes it, without `members`). The result
    /// has passed [`crate::resource::check`].
    ///
    /// Errors: `noTarget`, `invalidPath`, `invalidFilter`, `invalidValue` and `mutability` as RFC 7644 §3.5.2 names them,
    /// `invalidSyntax` for attributes that are unknown (strict only).
    pub fn apply(&self, of: &ResourceType, to: &Object, how: Tolerance) -> Result<Applied, ScimError> {
        apply::apply(self, of, to, how)
    }
}

fn operation(json: &Value, taker: &mut Taker) -> Result<Operation, ScimError> {
    let json = json.as_object().ok_or_else(|| invalid_syntax("each operation must be an object"))?;
    no_key_twice(json)?;
    let member = |name: &str| json.iter().find(|(key, _)| same_name(key, name)).map(|(_, v)| v);
    let op = member("op")
        .and_then(Value::as_str)
        .ok_or_else(|| invalid_syntax("each operation needs an \"op\""))?;
    let read = match op.to_ascii_lowercase().as_str() {
        "add" => Op::Add,
        "remove" => Op::Remove,
        "replace" => Op::Replace,
        "delete" => {
            return Err(invalid_syntax("\"op\" is add, remove or replace; to delete a value send remove"));
        }
        _ => {
            return Err(invalid_syntax(format!("\"op\" is add, remove or replace, not \"{}\"", shorten(op))));
        }
    };
    if op.bytes().any(|b| b.is_ascii_uppercase()) {
        taker.note(
            Deviation::OpSpelled,
            format!("the operation {op} was read as {}", op.to_ascii_lowercase()),
        );
    }
    let path = match member("path") {
        None | Some(Value::Null) => None,
        Some(Value::String(path)) if path.is_empty() => {
            taker.tolerate(
                Deviation::EmptyPath,
                "an empty path was read as none",
                invalid_path("the path is empty"),
            )?;
            None
        }
        Some(Value::String(path)) => Some(AttributePath::parse(path)?),
        Some(_) => return Err(invalid_path("\"path\" must be text")),
    };
    Ok(Operation { op: read, path, value: member("value").cloned() })
}

#[cfg(test)]
mod tests;
