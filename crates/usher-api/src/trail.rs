//! The trail: what SCIM clients sent, and how it was read.

use serde::{Deserialize, Serialize};

use crate::Time;

/// A request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id: the `X-Request-Id` of the answer.
    pub id: String,
    /// When it came.
    pub at: Time,
    /// `POST`.
    pub method: String,
    /// Path and query as they came.
    pub path: String,
    /// The answer's status.
    pub status: u16,
    /// Milliseconds until the answer began.
    pub duration_ms: u32,
    /// Whose it was.
    pub token: Sender,
    /// The client's address; empty where it is not known.
    pub address: String,
    /// Its `User-Agent`.
    pub agent: String,
    /// Why it was refused, as the client was told.
    pub detail: Option<String>,
    /// What was read otherwise than it came.
    pub deviations: Vec<Deviation>,
    /// The records that a write was about.
    pub records: Vec<String>,
    /// The body of a write, without secrets; a text where only its beginning is kept.
    pub body: Option<serde_json::Value>,
    /// How many bytes the body had as it came.
    pub body_bytes: Option<u64>,
    /// Whether only the body's beginning is kept.
    pub body_cut: bool,
    /// Whether what was personal was removed since.
    pub erased: bool,
}

/// The token of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sender {
    /// Its id.
    pub id: String,
    /// `entra`, `okta`, `onelogin`, `google` or `other`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Its last four characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last4: Option<String>,
}

/// A deviation from RFC 7643 and 7644, and how it was read; docs/conformance.md lists them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deviation {
    /// `boolean_as_text`.
    pub name: String,
    /// `C-01`.
    pub id: String,
    /// What came, and how it was read.
    pub text: String,
}
