//! Attribute mappings: what became of an import or export, and golden cases.

use serde::{Deserialize, Serialize};

/// A part of a document, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// Where it stands: a path into the JSON document, or the place in the mapping.
    pub at: String,
    /// What it is: a target attribute, a clause.
    pub what: String,
    /// Why it was changed or left out.
    pub why: Option<String>,
}

/// A regular expression for which it matters whether the whole value or a part of it has to match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Regex {
    /// `users` or `groups`.
    pub kind: String,
    /// The scoping filter's title.
    pub group: String,
    /// The clause.
    pub clause: String,
    /// How many people or groups of the directory were looked at.
    pub looked_at: u64,
    /// For how many of them the two differ.
    pub differ: u64,
    /// The first of them.
    pub names: Vec<String>,
}

/// A golden case that does not come out as expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailedCase {
    /// `users` or `groups`.
    pub kind: String,
    /// The case's name.
    pub case: String,
    /// The target attribute, or `scope`.
    pub what: String,
    /// As JSON; `[Redact]` where hidden.
    pub expected: String,
    /// Likewise.
    pub got: String,
}

/// What an import took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Import {
    /// The app.
    pub app: String,
    /// `toml` or `entra`.
    pub format: String,
    /// `users`, `groups`, or both.
    pub kinds: Vec<String>,
    /// Whether the app has it now.
    pub saved: bool,
    /// Why it is not saved without `--force` or at all.
    pub refusals: Vec<String>,
    /// Taken as it means.
    pub taken: Vec<Note>,
    /// Taken, but not as it was.
    pub changed: Vec<Note>,
    /// Left out.
    pub not_understood: Vec<Note>,
    /// Regular expressions of its scoping filters.
    pub regexes: Vec<Regex>,
    /// Golden cases that fail.
    pub failed_cases: Vec<FailedCase>,
}

/// An exported mapping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Export {
    /// The app.
    pub app: String,
    /// `toml` or `entra`.
    pub format: String,
    /// The document itself.
    pub document: String,
    /// Written, but not as it is here.
    pub changed: Vec<Note>,
    /// What the other form cannot say.
    pub not_expressible: Vec<Note>,
}

/// Golden cases as they came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cases {
    /// The app.
    pub app: String,
    /// How many there are.
    pub cases: u64,
    /// What differs.
    pub failed: Vec<FailedCase>,
}
