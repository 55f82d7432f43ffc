//! One operation of a bulk request, as it was sent.

use percent_encoding::percent_decode_str;
use serde_json::Value;
use usher_directory::{Kind, config::DirectoryConfig};
use usher_scim::{Object, ScimError, ScimType};

use super::reference::{self, References};

/// An operation.
#[derive(Debug)]
pub(super) struct Operation {
    /// As the answer repeats it.
    pub(super) method: String,
    pub(super) bulk_id: Option<String>,
    /// What is to be done, or why that can't be told: then only this operation fails (checklist B-04).
    pub(super) action: Result<Action, ScimError>,
}

/// What an operation does.
#[derive(Debug)]
pub(super) struct Action {
    pub(super) verb: Verb,
    pub(super) kind: Kind,
    /// The resource's id; `None` with POST.
    pub(super) id: Option<Named>,
    pub(super) data: Object,
    /// `If-Match` of this operation.
    pub(super) version: Option<String>,
    /// The bulkIds that its data names.
    pub(super) names: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Post,
    Put,
    Patch,
    Delete,
}

/// How a path names its resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    Id(String),
    BulkId(String),
}

impl Operation {
    pub(super) fn read(config: &DirectoryConfig, json: Object) -> Self {
        let mut members = Members::default();
        for (key, value) in json {
            members.take(&key, value);
        }
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let (method, bulk_id) = (text(&members.method).unwrap_or_default(), text(&members.bulk_id));
        let action = action(config, &method, bulk_id.is_some(), members);
        Self { method: method.to_ascii_uppercase(), bulk_id, action }
    }

    /// Every bulkId it names, in its path or its data.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        let action = self.action.as_ref().ok();
        let path = action.and_then(|action| match &action.id {
            Some(Named::BulkId(id)) => Some(id),
            _ => None,
        });
        path.into_iter().chain(action.into_iter().flat_map(|action| &action.names))
    }

    /// Whether it makes a resource.
    pub(super) fn makes(&self) -> bool {
        matches!(&self.action, Ok(Action { verb: Verb::Post, .. }))
    }
}

#[derive(Default)]
struct Members {
    method: Value,
    path: Value,
    bulk_id: Value,
    data: Value,
    version: Value,
}

impl Members {
    fn take(&mut self, key: &str, value: Value) {
        let place = match key.to_ascii_lowercase().as_str() {
            "method" => &mut self.method,
            "path" => &mut self.path,
            "bulkid" => &mut self.bulk_id,
            "data" => &mut self.data,
            "version" => &mut self.version,
            _ => return,
        };
        *place = value;
    }
}

fn wrong(detail: impl Into<String>) -> ScimError {
    ScimError::bad(ScimType::InvalidSyntax, detail)
}

fn action(
    config: &DirectoryConfig,
    method: &str,
    has_bulk_id: bool,
    members: Members,
) -> Result<Action, ScimError> {
    let verb = match method.to_ascii_uppercase().as_str() {
        "POST" => Verb::Post,
        "PUT" => Verb::Put,
        "PATCH" => Verb::Patch,
        "DELETE" => Verb::Delete,
        _ => return Err(wrong("the \"method\" of an operation is POST, PUT, PATCH or DELETE")),
    };
    let path = members.path.as_str().ok_or_else(|| {
        wrong("an operation needs a \"path\": /Users, /Groups, or one of these with an id behind it")
    })?;
    let (kind, id) = target(path)?;
    match (verb, &id) {
        (Verb::Post, Some(_)) => {
            return Err(wrong(format!("a POST goes to /Users or /Groups, not to {path}")));
        }
        (Verb::Put | Verb::Patch | Verb::Delete, None) => {
            return Err(wrong(format!("the \"path\" of a {method} needs an id behind {path}")));
        }
        (Verb::Post, None) if !has_bulk_id => return Err(wrong("a POST needs a \"bulkId\" of its own")),
        _ => {}
    }
    let mut data = match (verb, members.data) {
        (Verb::Delete, _) => Object::new(),
        (_, Value::Object(data)) => data,
        (_, _) => return Err(wrong(format!("a {method} needs \"data\", the body of such a request"))),
    };
    let version = match members.version {
        Value::String(version) if verb != Verb::Post => Some(version),
        Value::Null => None,
        _ if verb == Verb::Post => None,
        _ => return Err(wrong("\"version\" must be text, the ETag as it came")),
    };
    let mut names = Vec::new();
    References::of(config.resource_type(kind)).each(verb, &mut data, &mut |text| {
        names.extend(reference::bulk_id(text).map(str::to_owned));
    });
    Ok(Action { verb, kind, id, data, version, names })
}

/// What a path names; no query, no other endpoint, nothing deeper (checklist B-03, B-04).
fn target(path: &str) -> Result<(Kind, Option<Named>), ScimError> {
    let refused = || {
        wrong(format!(
            "an operation can't go to {path}; its \"path\" is /Users, /Groups, or one of these with an id behind it"
        ))
    };
    let decoded = percent_decode_str(path).decode_utf8().map_err(|_| refused())?;
    if path.contains(['?', '#']) {
        return Err(refused());
    }
    let segments: Vec<&str> = decoded.trim_start_matches('/').trim_end_matches('/').split('/').collect();
    let (kind, id) = match segments[..] {
        ["Users"] => (Kind::User, None),
        ["Groups"] => (Kind::Group, None),
        ["Users" | "Groups", ".search"] => return Err(refused()),
        ["Users", id] => (Kind::User, Some(id)),
        ["Groups", id] => (Kind::Group, Some(id)),
        _ => return Err(refused()),
    };
    let named = |id: &str| match reference::bulk_id(id) {
        Some(id) => Named::BulkId(id.to_owned()),
        None => Named::Id(id.to_owned()),
    };
    Ok((kind, id.map(named)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_collections_and_resources_and_nothing_else() {
        assert_eq!(target("/Users").unwrap(), (Kind::User, None));
        assert_eq!(target("/Groups/a%20b").unwrap(), (Kind::Group, Some(Named::Id("a b".into()))));
        assert_eq!(target("/Users/bulkId:x").unwrap(), (Kind::User, Some(Named::BulkId("x".into()))));
        for bad in [
            "",
            "/",
            "/Bulk",
            "/Me",
            "/.search",
            "/Users/.search",
            "/Users/1/2",
            "/Schemas",
            "https://x.example/Users",
            "/Users?a=b",
            "/users",
        ] {
            assert_eq!(target(bad).unwrap_err().scim_type, Some(ScimType::InvalidSyntax), "{bad}");
        }
    }
}
