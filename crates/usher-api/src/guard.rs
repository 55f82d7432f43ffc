//! What the guard against mass loss holds.

use serde::{Deserialize, Serialize};

use crate::{Time, trail::Sender};

/// Something that a user would lose, and does not for now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// The SCIM user: its id and userName.
    pub user: Named,
    /// What it would lose.
    pub loses: Loss,
    /// `held`, `diverged` (rejected).
    pub state: String,
    /// Since when.
    pub since: Time,
    /// When it is let go by itself; `null`: not before somebody decides.
    pub until: Option<Time>,
    /// The token whose client took it away.
    pub token: Sender,
    /// The request that did: `usher trail ACCOUNT --request ID`.
    pub request_id: String,
    /// Who rejected it; `null` while it waits.
    pub rejected: Option<Decision>,
}

/// A SCIM resource, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Named {
    /// Its SCIM id.
    pub id: String,
    /// userName or displayName.
    pub name: String,
}

/// What a user would lose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// It was set inactive or deleted.
    Access,
    /// It was taken out of this group; `null`: of one that is gone.
    Group(Option<Named>),
}

/// Who said no.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// `local:UNIXUSER` at the shell.
    pub by: String,
    /// When.
    pub at: Time,
    /// Why, if it was said.
    pub why: Option<String>,
}

/// What was released or rejected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Released {
    /// How many losses; a user may have several.
    pub losses: u64,
}
