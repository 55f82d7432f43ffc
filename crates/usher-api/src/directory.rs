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

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// `user` or `group`.
    pub kind: String,
    /// userName or displayName.
    pub name: String,
}

/// What a change of a group's members did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Membership {
    /// The group's id.
    pub id: String,
    /// Its displayName.
    pub group: String,
    /// How many are members now who were not.
    pub added: u64,
    /// How many are no members any more.
    pub removed: u64,
    /// How many members it has now.
    pub members: u64,
}

/// A source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// The directory it fills.
    pub directory: String,
    /// `ldif`, `csv` or `ldap`.
    pub kind: String,
    /// The file it reads; of a server, its address and base.
    pub file: String,
    /// A second file of memberships (CSV).
    pub memberships: Option<String>,
    /// The last run.
    pub last_run: Option<Run>,
}

/// A run of a source. Counts are of people and groups unless they say otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its number.
    pub id: String,
    /// The source.
    pub source: String,
    /// `running`, `done` or `failed`.
    pub state: String,
    /// When it began.
    pub began_at: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// Entries or rows read.
    pub read: u64,
    /// Made.
    pub created: u64,
    /// Changed.
    pub updated: u64,
    /// As they were.
    pub unchanged: u64,
    /// Vanished and soft-deleted, or inactive now.
    pub disabled: u64,
    /// Come back.
    pub restored: u64,
    /// Removed for good, 30 days after they vanished.
    pub removed: u64,
    /// Leavers held by the safeguard.
    pub held: u64,
    /// Groups of the source.
    pub groups: u64,
    /// Memberships whose member is known.
    pub memberships: u64,
    /// Managers and members that name nobody in the source.
    pub unresolved: u64,
    /// Only what had changed was read.
    #[serde(default)]
    pub incremental: bool,
    /// How many entries could not be taken.
    pub errors: u64,
    /// The first of those.
    pub first_errors: Vec<EntryError>,
    /// Why it failed; or what is held and how to allow it.
    pub message: Option<String>,
}

/// What an import would do. Counts are of people and groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// The source.
    pub source: String,
    /// Entries or rows read.
    pub read: u64,
    /// People among them.
    pub people: u64,
    /// Groups among them.
    pub groups: u64,
    /// Would be made.
    pub create: u64,
    /// Would be written.
    pub update: u64,
    /// Would come back.
    pub restore: u64,
    /// Would stay as they are.
    pub unchanged: u64,
    /// Would leave.
    pub leave: u64,
    /// Would leave, and the safeguard would hold them.
    pub held: u64,
    /// How many entries can't be taken.
    pub errors: u64,
    /// The first of those.
    pub first_errors: Vec<EntryError>,
    /// What the safeguard would say.
    pub message: Option<String>,
    /// The first people and groups as they would become.
    pub first: Vec<Previewed>,
}

/// Somebody as they would become.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Previewed {
    /// Its DN, or key in the file.
    pub entry: String,
    /// `User` or `Group`.
    pub kind: String,
    /// `create`, `update`, `restore`, `unchanged` or `error`.
    pub change: String,
    /// Its attributes; managers and members are left out.
    pub resource: serde_json::Value,
}

/// An entry that could not be taken: it stays as it was, and is no leaver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntryError {
    /// The line it begins at; 0: it stands in no file.
    pub line: u64,
    /// Its DN or key.
    pub entry: String,
    /// Why, and what to do.
    pub message: String,
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
