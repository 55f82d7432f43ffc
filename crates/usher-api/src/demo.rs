//! What `usher demo --json` prints.

use serde::{Deserialize, Serialize};

use crate::app::Counts;

/// The demo's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Demo {
    /// Users of the made-up (or given) directory.
    pub users: u64,
    /// Groups of it.
    pub groups: u64,
    /// What the plan said before the initial cycle.
    pub plan: Counts,
    /// The cycles, in order.
    pub cycles: Vec<Cycle>,
    /// The account's records by state.
    pub records: Records,
    /// The people at the end.
    pub people: People,
    /// Every record came out as it should.
    pub ok: bool,
}

/// A cycle in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cycle {
    /// `initial` or `incremental`.
    pub kind: String,
    /// What it did.
    pub counts: Counts,
}

/// SCIM users and groups by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Records {
    /// In order.
    pub in_order: u64,
    /// Something was left out.
    pub incomplete: u64,
    /// Failed.
    pub error: u64,
}

/// People in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct People {
    /// All.
    pub total: u64,
    /// Without access.
    pub disabled: u64,
    /// Having an organization.
    pub with_organization: u64,
    /// Having a manager.
    pub with_manager: u64,
}
