//! Plans: what a cycle would do, from the same decisions and differences, with nothing written anywhere.

use jiff::Timestamp;
use usher_directory::{Key, Kind, ObjectId};

use crate::{cycle::Counts, diff::Difference};

/// What would happen to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Action {
    Create,
    Update,
    Disable,
    Enable,
    Delete,
    /// An account found in the app is taken over as it is.
    Link,
    None,
}

impl Action {
    /// As printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Delete => "delete",
            Self::Link => "link",
            Self::None => "none",
        }
    }
}

/// One object.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Which object.
    pub key: Key,
    /// User or group.
    pub kind: Kind,
    /// Its id in the directory.
    pub id: ObjectId,
    /// userName or displayName.
    pub name: String,
    /// What would happen.
    pub action: Action,
    /// A code of facts §5.3/§5.4 or of [`crate::decide::Reason`], and a sentence.
    pub reason: (String, String),
    /// Its id at the app.
    pub target: Option<String>,
    /// What would change.
    pub changes: Vec<Difference>,
    /// Memberships to add and to remove (groups).
    pub members: (u64, u64),
    /// What to know.
    pub warnings: Vec<String>,
}

/// A plan. Items that nothing happens to are counted, not listed (failures are listed).
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// When it was looked at.
    pub at: Timestamp,
    /// Objects by action.
    pub counts: Counts,
    /// Objects something would happen to, users first, in the directory's order.
    pub items: Vec<Item>,
}

impl Plan {
    /// Whether a cycle would send anything that writes.
    pub fn changes_anything(&self) -> bool {
        let c = &self.counts;
        c.create + c.update + c.disable + c.enable + c.delete > 0
    }
}
