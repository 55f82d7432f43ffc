//! Plans: what a cycle would do.

use serde::{Deserialize, Serialize};

use crate::{Time, app::Counts};

/// What a cycle would do now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The app.
    pub app: String,
    /// When it was looked at.
    pub created_at: Time,
    /// Users and groups by action.
    pub counts: Counts,
    /// Those that something would happen to.
    pub items: Vec<Item>,
}

/// Whom a change of mapping, filter or scope would touch. Nothing is saved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Impact {
    /// The app.
    pub app: String,
    /// Users and groups by action; `in_sync`: taken over as they are.
    pub counts: Counts,
    /// The first of them.
    pub items: Vec<Item>,
    /// How many more there are.
    pub more: u64,
}

/// What would happen to one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Which.
    pub object: Object,
    /// `create`, `update`, `disable`, `enable`, `delete`, `link` or `none`.
    pub action: String,
    /// Why.
    pub reason: Reason,
    /// Its id at the app; `null`: it has none yet.
    pub target_id: Option<String>,
    /// What would change.
    pub changes: Vec<Change>,
    /// How many memberships would be added and removed (groups).
    pub members: Members,
    /// What to know.
    pub warnings: Vec<String>,
}

/// A user or group of the directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// `user` or `group`.
    pub kind: String,
    /// Its id in the directory.
    pub id: String,
    /// userName or displayName.
    pub name: String,
}

/// A code and a sentence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The field's code, e.g. `NotEffectivelyEntitled`.
    pub code: String,
    /// For people.
    pub text: String,
}

/// One attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The target attribute.
    pub attribute: String,
    /// What was last written, or was found there.
    pub old: serde_json::Value,
    /// What would be written.
    pub new: serde_json::Value,
    /// Both hidden.
    pub redacted: bool,
}

/// Numbers of memberships.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Members {
    /// To be added.
    pub add: u64,
    /// To be removed.
    pub remove: u64,
}
