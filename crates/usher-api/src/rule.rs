//! Automation rules, and what a change of them would do.

use serde::{Deserialize, Serialize};

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name, one of its kind.
    pub name: String,
    /// `user` or `group`: whose records it runs for.
    pub kind: String,
    /// Its place in the order, from 1.
    pub position: usize,
    /// `access` (first, in a transaction of its own) or `profile`.
    pub step: String,
    /// It is kept and does not run.
    pub disabled: bool,
    /// What it is for.
    pub description: Option<String>,
    /// One of the default rules; nobody has edited those of this kind.
    pub default: bool,
    /// As TOML: what `usher rule set` takes.
    pub text: String,
}

/// How far everybody has run through changed rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reprocessing {
    /// SCIM users and groups that are still to run.
    pub left: u64,
    /// All of them.
    pub total: u64,
}

/// The rules of an environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// In their order, those for users first.
    pub items: Vec<Rule>,
    /// `null`: everybody has run through them.
    pub reprocessing: Option<Reprocessing>,
}

/// A change of rules, and what it would do or was let do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleChange {
    /// A unified diff of the rules as TOML; empty: nothing changes.
    pub diff: String,
    /// Whether the rules were written.
    pub saved: bool,
    /// What the change was made from: give it when saving, so that nothing is written over what somebody else changed since.
    pub revision: i64,
    /// What would come of it; `null`: it was saved without a dry run.
    pub impact: Option<Impact>,
}

/// What rules would do to the people there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Impact {
    /// SCIM users and groups that were run.
    pub records: u64,
    /// How many people would be made, changed, lose access, get it back, and how many records would begin to fail.
    pub counts: ImpactCounts,
    /// Organizations and sites that would be made or renamed.
    pub units: Vec<UnitImpact>,
    /// The first people who would change.
    pub changes: Vec<PersonImpact>,
    /// The first records that would begin to fail.
    pub failing: Vec<FailingRecord>,
}

/// How many of each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImpactCounts {
    /// People made.
    pub create: u64,
    /// People of whom something changes, access aside.
    pub update: u64,
    /// People who lose access.
    pub disable: u64,
    /// People who get it back.
    pub enable: u64,
    /// Records that begin to fail.
    pub failing: u64,
}

/// An organization or site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitImpact {
    /// `organization` or `site`.
    pub kind: String,
    /// The present name; `null`: it would be made.
    pub old: Option<String>,
    /// The other name.
    pub new: String,
}

/// A person who would change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonImpact {
    /// `null`: a new one.
    pub id: Option<String>,
    /// The name it would have.
    pub name: String,
    /// The login it would have.
    pub primary_email: String,
    /// `create`, `update`, `disable` or `enable`.
    pub action: String,
    /// Field by field.
    pub changes: Vec<FieldImpact>,
}

/// A field that would change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldImpact {
    /// As rules spell it.
    pub field: String,
    /// The present value.
    pub old: serde_json::Value,
    /// The other one.
    pub new: serde_json::Value,
}

/// A record that would begin to fail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailingRecord {
    /// Its SCIM id.
    pub id: String,
    /// Why.
    pub reason: String,
}
