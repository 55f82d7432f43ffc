//! Directories of the provisioning side, who stands in them, and their sources.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use usher_api::Secret;

/// Directories of the provisioning side.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Directory {
    Create {
        name: String,
    },
    List,
    Show {
        name: String,
    },
    /// Removes for good whoever was soft-deleted more than 30 days ago.
    Purge {
        name: String,
    },
    Token {
        name: String,
        act: DirectoryToken,
    },
}

/// Tokens of a directory.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum DirectoryToken {
    /// `expires`: as for an account's token.
    Issue {
        provider: String,
        expires: Option<Option<SignedDuration>>,
    },
    Rotate {
        token: Option<String>,
        overlap: SignedDuration,
        expires: Option<Option<SignedDuration>>,
    },
    List,
    Revoke {
        token: String,
    },
}

/// Users and groups of a directory. A name is an id, a userName (displayName) or an externalId.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub struct Object {
    pub directory: String,
    /// `users` or `groups`.
    pub kind: String,
    pub act: ObjectAct,
}

/// Attributes to write.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// A SCIM resource; what it leaves out stays as it is.
    pub document: Option<serde_json::Map<String, serde_json::Value>>,
    /// Paths with their values; an empty one clears.
    pub set: Vec<(String, String)>,
}

/// What to do with users or groups.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum ObjectAct {
    /// All, soft-deleted ones too; or those a SCIM filter finds; or soft-deleted ones alone.
    List {
        filter: Option<String>,
        deleted: bool,
        after: Option<String>,
        limit: Option<usize>,
    },
    /// As SCIM JSON with its members or groups.
    Show {
        name: String,
    },
    Create {
        edit: Edit,
    },
    Set {
        name: String,
        edit: Edit,
    },
    /// Users alone.
    Activate {
        name: String,
        active: bool,
    },
    /// `hard`: for good.
    Delete {
        name: String,
        hard: bool,
    },
    /// The edit is made first: a name that is another's now can be changed.
    Restore {
        name: String,
        edit: Edit,
    },
    /// Groups alone, as the next two.
    Members {
        name: String,
        after: Option<String>,
        limit: Option<usize>,
    },
    AddMembers {
        name: String,
        members: Vec<String>,
    },
    /// Users alone: never disabled, deleted or emptied in any app; `off`: no longer.
    Protect {
        name: String,
        off: bool,
    },
    RemoveMembers {
        name: String,
        members: Vec<String>,
    },
}

/// What a source reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum SourceFrom {
    Files {
        file: String,
        memberships: Option<String>,
        /// CSV: its encoding and separator, where they are not to be found.
        encoding: Option<String>,
        separator: Option<char>,
    },
    Ldap {
        settings: Box<usher_sources::LdapSettings>,
        bind_password: Option<Secret>,
    },
}

/// How many may leave in one run, as far as that is to change.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SafeguardChange {
    pub percent: Option<u32>,
    pub from: Option<u64>,
    pub count: Option<u64>,
}

/// When a server reads a source by itself, as far as that is to change. Of the last two one takes the other's place.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ScheduleChange {
    /// Seconds between two runs that read changes; 0: never.
    pub every: Option<u64>,
    /// Seconds between two runs that read everything; 0: never.
    pub full_every: Option<u64>,
    /// The time of day at which everything is read: `02:30`, `02:30 Europe/Berlin`.
    pub full_at: Option<String>,
}

/// Sources.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Source {
    Add {
        name: String,
        directory: String,
        kind: String,
        /// What it reads.
        from: SourceFrom,
        schedule: ScheduleChange,
    },
    /// Changes settings; the others stay.
    Set {
        name: String,
        ldap: Box<usher_sources::LdapChange>,
        bind_password: Option<Secret>,
        schedule: ScheduleChange,
        safeguard: SafeguardChange,
    },
    List,
    Show {
        name: String,
    },
    Remove {
        name: String,
    },
    Test {
        name: String,
    },
    /// What an import would do, and the first so many as they would become.
    Preview {
        name: String,
        first: usize,
    },
    Sync {
        name: String,
        /// Only what changed, where that can be told.
        changes: bool,
    },
    /// The latest runs.
    Runs {
        name: String,
        limit: Option<usize>,
    },
    /// Lets the leavers go that the safeguard holds.
    Allow {
        name: String,
    },
}
