//! `POST .search` (RFC 7644 §3.4.3): the parameters of a query as a message.

use serde_json::Value;
use usher_scim::{Object, ScimType, message};

use crate::{problem::Problem, request::Query};

/// What kind of value a member takes.
enum Takes {
    Text,
    Texts,
    Number,
}

const MEMBERS: [(&str, Takes); 8] = [
    ("attributes", Takes::Texts),
    ("excludedAttributes", Takes::Texts),
    ("filter", Takes::Text),
    ("sortBy", Takes::Text),
    ("sortOrder", Takes::Text),
    ("startIndex", Takes::Number),
    ("count", Takes::Number),
    ("cursor", Takes::Text),
];

/// The query that a search request asks; other members are nothing, as are other parameters of a GET (checklist ).
pub(crate) fn query(body: &Object) -> Result<Query, Problem> {
    let member = |name: &str| {
        body.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v).filter(|v| !v.is_null())
    };
    let urns = member("schemas").and_then(Value::as_array);
    let is_search = |urn: &Value| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(message::SEARCH));
    if !urns.is_some_and(|urns| urns.iter().any(is_search)) {
        let detail = format!("the \"schemas\" of a search must hold {}", message::SEARCH);
        return Err(Problem::bad(ScimType::InvalidSyntax, detail));
    }
    let mut query = Vec::new();
    for (name, takes) in MEMBERS {
        let Some(value) = member(name) else { continue };
        let text = match (&takes, value) {
            (Takes::Text, Value::String(text)) => Some(text.clone()),
            (Takes::Number, Value::Number(number)) => Some(number.to_string()),
            (Takes::Texts, Value::Array(names)) => {
                names.iter().map(Value::as_str).collect::<Option<Vec<_>>>().map(|names| names.join(","))
            }
            _ => None,
        };
        let text = text.ok_or_else(|| {
            let wanted = match takes {
                Takes::Text => "text",
                Takes::Texts => "an array of attribute names",
                Takes::Number => "a whole number",
            };
            Problem::bad(ScimType::InvalidValue, format!("\"{name}\" of a search must be {wanted}"))
        })?;
        query.push((name.to_owned(), text));
    }
    Ok(Query(query))
}
