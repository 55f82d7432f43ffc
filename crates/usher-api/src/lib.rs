//! The JSON that Usher speaks outside SCIM: plain types, used by the command line's `--json` and the API, and later by the console
//! and events. Those of the API describe themselves for OpenAPI.
//!
//! UTF-8 JSON; snake_case; times RFC 3339 UTC with milliseconds ([`Time`]); ids are text; a field that is absent is
//! unknown, `null` is known to be empty. Provisioning log entries alone keep Entra's names and case (`provisioningObjectSummary`, as
//! `usher-engine` writes them), so that people's queries carry over.

pub mod account;
pub mod app;
pub mod demo;
pub mod directory;
pub mod explain;
pub mod guard;
pub mod mapping;
pub mod people;
pub mod plan;
pub mod rule;
mod time;
pub mod trail;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use time::Time;

/// A list: the items, a cursor to go on from, and how many there are in all where that is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct List<T> {
    /// What was found.
    pub items: Vec<T>,
    /// Pass it to get the rest; `null`: there is no more.
    pub next: Option<String>,
    /// How many there are in all; `null`: not counted.
    pub total: Option<u64>,
}

impl<T> List<T> {
    /// A list that is whole.
    pub fn whole(items: Vec<T>) -> Self {
        let total = Some(items.len() as u64);
        Self { items, next: None, total }
    }
}

/// An error as printed under `--json`: `{"error": {…}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The error.
    pub error: FailureBody,
}

/// What went wrong and what to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailureBody {
    /// For programs, e.g. `app_not_found`.
    pub code: String,
    /// For people, one line.
    pub message: String,
    /// What to do, where there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// More, for programs.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub details: serde_json::Map<String, serde_json::Value>,
}

/// An error of the API, as RFC 9457 has it: `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The status in words.
    pub title: String,
    /// What went wrong, for people.
    pub detail: String,
    /// For programs, e.g. `person_not_found`: the codes of the command line's errors.
    pub code: String,
    /// What to do, where there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// An id with a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Named {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
}

/// A secret on its way in or (once) out. `Debug` hides it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}
