//! What attributes an app says that it has: `/Schemas` and `/ResourceTypes` (RFC 7644 §4).

use serde_json::Value;
use usher_scim::{Object, Schema};

use crate::{
    Client, ClientError, Endpoint,
    answer::{Answer, Body},
    call::Call,
};

/// The schemas of an app's users and groups.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Discovered {
    /// Of users: the core schema and extensions.
    pub users: Vec<Schema>,
    /// Of groups.
    pub groups: Vec<Schema>,
    /// What can't be read or is nobody's, each with the reason.
    pub left_out: Vec<String>,
}

impl Client {
    /// Reads the app's schemas. Whose they are is what `/ResourceTypes` says; of an app without it, what their URNs end in.
    ///
    /// # Errors
    /// [`ClientError::NotScim`] and others: the app has no `/Schemas`, or its answer is no list of schemas.
    pub async fn discover(&self) -> Result<Discovered, ClientError> {
        let answer = self.call(Call::get("Schemas", None, &[])).await?;
        let documents = match answer.failure(false) {
            Some(failure) => return Err(failure),
            None => listed(answer)?,
        };
        let types = match self.call(Call::get("ResourceTypes", None, &[])).await {
            Ok(answer) if answer.is_success() => listed(answer).unwrap_or_default(),
            _ => Vec::new(),
        };
        let mut found = Discovered::default();
        for document in documents {
            let schema = match Schema::from_json(&document) {
                Ok(schema) => schema,
                Err(error) => {
                    let id = document.get("id").and_then(Value::as_str).unwrap_or("a schema without an id");
                    found.left_out.push(format!("{id}: {}", error.detail));
                    continue;
                }
            };
            let of = |at: Endpoint| belongs(&types, at, &schema.id);
            match (of(Endpoint::Users), of(Endpoint::Groups)) {
                (false, false) => {
                    found.left_out.push(format!("{}: neither of users nor of groups", schema.id))
                }
                (true, false) => found.users.push(schema),
                (false, true) => found.groups.push(schema),
                (true, true) => {
                    found.users.push(schema.clone());
                    found.groups.push(schema);
                }
            }
        }
        Ok(found)
    }
}

/// The resources of a ListResponse, or of the bare array that some apps answer.
fn listed(answer: Answer) -> Result<Vec<Object>, ClientError> {
    let wrong = answer.not_scim("a ListResponse of schemas");
    let values = match answer.body {
        Body::Json(Value::Array(values)) => values,
        Body::Json(Value::Object(mut list)) => match list.remove("Resources") {
            Some(Value::Array(values)) => values,
            _ => return Err(wrong),
        },
        _ => return Err(wrong),
    };
    let object = |value| if let Value::Object(object) = value { Some(object) } else { None };
    Ok(values.into_iter().filter_map(object).collect())
}

/// Whether a schema is one of that endpoint's.
fn belongs(types: &[Object], at: Endpoint, urn: &str) -> bool {
    let text =
        |object: &Object, key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let is = |other: &str| other.eq_ignore_ascii_case(urn);
    let mut of =
        types.iter().filter(|of| text(of, "endpoint").trim_start_matches('/') == at.segment()).peekable();
    if of.peek().is_none() {
        let ending = if at == Endpoint::Users { ":user" } else { ":group" };
        return urn.to_ascii_lowercase().ends_with(ending);
    }
    of.any(|of| {
        let extensions = of.get("schemaExtensions").and_then(Value::as_array).into_iter().flatten();
        is(&text(of, "schema")) || extensions.filter_map(|e| e.get("schema")?.as_str()).any(is)
    })
}
