//! An answer, and what can be asserted about it.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use crate::verdict::{Fallible, ensure, fail};

pub(crate) const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
pub(crate) const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

static NOTHING: Value = Value::Null;

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// `POST /Users`, for what a failure says.
    of: String,
    pub(crate) status: u16,
    headers: HeaderMap,
    bytes: Bytes,
    /// `Null` when the body is empty or no JSON.
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) fn new(of: String, answer: http::Response<Bytes>) -> Self {
        let (parts, bytes) = answer.into_parts();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Self { of, status: parts.status.as_u16(), headers: parts.headers, bytes, json }
    }

    /// A header; empty when there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The media type without parameters.
    pub(crate) fn media(&self) -> String {
        self.header("content-type").split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// A short view of it.
    pub(crate) fn seen(&self) -> String {
        let text = self.text();
        let short: String = text.chars().take(400).collect();
        let cut = if short.len() < text.len() { "…" } else { "" };
        format!("{} → {} {short}{cut}", self.of, self.status).trim_end().to_owned()
    }

    /// Another assertion about this answer. `what` reads as what the server should do.
    pub(crate) fn ensure(&self, holds: bool, what: &str) -> Fallible {
        if holds {
            return Ok(());
        }
        fail(format!("{}: {what}", self.of), self.seen(), format!("{what} ({})", self.of))
    }

    /// Asserts one of these states.
    pub(crate) fn one_of(self, statuses: &[u16]) -> Fallible<Self> {
        let listed = statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(" or ");
        self.ensure(statuses.contains(&self.status), &format!("answer {listed}"))?;
        Ok(self)
    }

    /// Asserts the status.
    pub(crate) fn expect(self, status: u16) -> Fallible<Self> {
        self.one_of(&[status])
    }

    /// Asserts a SCIM error of this status and kind (`""`: whatever kind, or none).
    pub(crate) fn refused(self, status: u16, scim_type: &str) -> Fallible<Self> {
        let kind = if scim_type.is_empty() { String::new() } else { format!(" {scim_type}") };
        let what = format!("refuse it with a SCIM error {status}{kind}");
        self.ensure(self.status == status, &what)?;
        self.ensure(scim_type.is_empty() || self.json["scimType"] == scim_type, &what)?;
        self.an_error()
    }

    /// Asserts a SCIM error with this status and one of these kinds.
    pub(crate) fn refused_as(self, status: u16, kinds: &[&str]) -> Fallible<Self> {
        let what = format!("refuse it with a SCIM error {status} {}", kinds.join(" or "));
        self.ensure(self.status == status, &what)?;
        let kind = self.json["scimType"].as_str().unwrap_or_default();
        self.ensure(kinds.contains(&kind), &what)?;
        self.an_error()
    }

    /// Asserts the shape of a SCIM error (RFC 7644 §3.12).
    pub(crate) fn an_error(self) -> Fallible<Self> {
        self.ensure(
            self.json["schemas"].as_array().is_some_and(|s| s.iter().any(|s| s == ERROR)),
            "send errors as SCIM errors, with the Error URN in schemas",
        )?;
        self.ensure(
            self.json["status"].as_str() == Some(self.status.to_string().as_str()),
            "repeat the status of the answer in the error's status, as text",
        )?;
        self.ensure(self.media() == "application/scim+json", "send errors as application/scim+json")?;
        Ok(self)
    }

    /// The `id`.
    pub(crate) fn id(&self) -> Fallible<String> {
        match self.json["id"].as_str().filter(|id| !id.is_empty()) {
            Some(id) => Ok(id.to_owned()),
            None => fail(
                format!("{}: a resource with an id", self.of),
                self.seen(),
                "answer with the whole resource, with its id",
            ),
        }
    }

    /// The value at a JSON pointer; `Null` when there is none.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.json.pointer(pointer).unwrap_or(&NOTHING)
    }

    /// Asserts a value at a JSON pointer.
    pub(crate) fn has(&self, pointer: &str, value: impl Into<Value>) -> Fallible<&Self> {
        let value = value.into();
        let seen = self.at(pointer);
        if *seen == value {
            return Ok(self);
        }
        fail(
            format!("{}: {pointer} is {value}", self.of),
            format!("{seen} in {}", self.seen()),
            format!("show {value} at {pointer} in the answer to {}", self.of),
        )
    }

    /// Asserts that there is nothing at a JSON pointer (absent, `null`, `[]`).
    pub(crate) fn lacks(&self, pointer: &str) -> Fallible<&Self> {
        let seen = self.at(pointer);
        let nothing = seen.is_null() || seen.as_array().is_some_and(Vec::is_empty);
        self.ensure(nothing, &format!("show nothing at {pointer}"))?;
        Ok(self)
    }

    /// The elements of an array at a pointer; none when there is no array.
    pub(crate) fn all(&self, pointer: &str) -> &[Value] {
        self.at(pointer).as_array().map_or(&[], Vec::as_slice)
    }

    /// One key of each element of an array, sorted.
    pub(crate) fn each(&self, pointer: &str, key: &str) -> Vec<String> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut all: Vec<String> =
            self.all(pointer).iter().filter_map(|element| element.get(key)).map(text).collect();
        all.sort();
        all
    }

    /// Asserts what [`Answer::each`] gives, in any order.
    pub(crate) fn each_is(&self, pointer: &str, key: &str, expected: &[&str]) -> Fallible {
        let mut expected: Vec<&str> = expected.to_vec();
        expected.sort_unstable();
        let seen = self.each(pointer, key);
        ensure(
            seen == expected,
            format!("{}: {key} of each of {pointer} is {expected:?}", self.of),
            format!("{seen:?} in {}", self.seen()),
        )
    }

    /// Asserts a list and gives the ids of its resources, in order.
    pub(crate) fn ids(&self) -> Fallible<Vec<String>> {
        self.ensure(self.status == 200, "answer 200 with a list")?;
        self.ensure(
            self.json["schemas"].as_array().is_some_and(|s| s.iter().any(|s| s == LIST)),
            "answer with a ListResponse",
        )?;
        self.ensure(self.json["totalResults"].is_u64(), "give totalResults as a whole number")?;
        Ok(self.all("/Resources").iter().filter_map(|r| r["id"].as_str()).map(str::to_owned).collect())
    }

    /// The `schemas`, sorted.
    pub(crate) fn schemas(&self) -> Vec<String> {
        let mut all: Vec<String> =
            self.all("/schemas").iter().filter_map(Value::as_str).map(str::to_owned).collect();
        all.sort();
        all
    }
}
