//! Directories and sources of the provisioning side.

use serde::{Deserialize, Serialize};

use crate::Time;

/// A directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Directory {
    /// Its name.
    pub name: String,
    /// Users in it (soft-deleted ones not counted).
    pub users: u64,
    /// Groups in it.
    pub groups: u64,
    /// What fills it.
    pub sources: Vec<String>,
    /// Since when.
    pub created_at: Time,
}

/// A source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// The directory it fills.
    pub directory: String,
    /// `ldif` or `csv`.
    pub kind: String,
    /// The file it reads.
    pub file: String,
    /// A second file of memberships (CSV).
    pub memberships: Option<String>,
    /// The last run.
    pub last_run: Option<Run>,
}

/// A run of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its number.
    pub id: String,
    /// `done` or `failed`.
    pub result: String,
    /// When it began.
    pub at: Time,
    /// Entries read.
    pub read: u64,
    /// Users and groups made.
    pub created: u64,
    /// Changed.
    pub updated: u64,
    /// Same as before.
    pub unchanged: u64,
    /// Soft-deleted because they vanished.
    pub deleted: u64,
    /// Restored because they are there again.
    pub restored: u64,
    /// Vanished, but held back by the safeguard.
    pub held: u64,
    /// Memberships added and removed.
    pub memberships: u64,
    /// What could not be taken, an entry each.
    pub errors: Vec<String>,
}

/// A step of a test: of a source, or of an app's connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What was tried.
    pub name: String,
    /// Whether it went well.
    pub ok: bool,
    /// What was found, and what to do when it failed.
    pub text: String,
}

/// A test step by step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// All went well.
    pub ok: bool,
    /// The steps, up to the one that failed.
    pub steps: Vec<Step>,
    /// For an app: another tenant URL that works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub works_instead: Option<String>,
}
