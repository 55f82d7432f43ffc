//! Applications and the gallery.

use serde::{Deserialize, Serialize};

use crate::Time;

/// A gallery entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// To add it by: `usher app add … --from NAME`.
    pub name: String,
    /// For people.
    pub display_name: String,
    /// One line.
    pub summary: String,
    /// Where its documentation is.
    pub documentation: String,
    /// What its tenant URL looks like.
    pub tenant_url: String,
    /// The app's roles.
    pub roles: Vec<String>,
    /// The role `assign` takes when none is named.
    pub default_role: Option<String>,
    /// How long its tokens live, in days.
    pub token_days: Option<u32>,
    /// What it can't do, or does its own way.
    pub limits: serde_json::Value,
    /// Its mapping of users, as TOML.
    pub users: String,
    /// Its mapping of groups, as TOML.
    pub groups: String,
}

/// An application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct App {
    /// Its name.
    pub name: String,
    /// The gallery entry it was added from.
    pub template: String,
    /// The directory it provisions from.
    pub directory: String,
    /// Where its SCIM service is.
    pub tenant_url: String,
    /// Whether a secret token is kept for it.
    pub has_token: bool,
    /// `assigned` or `all`.
    pub scope: String,
    /// `off`, `on`, `quarantine` or `stopped`.
    pub state: String,
    /// Who and what is assigned.
    pub assignments: Vec<Assignment>,
    /// Its settings by key.
    pub settings: serde_json::Value,
}

/// An assignment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// `user` or `group`.
    pub kind: String,
    /// The user's or group's id in the directory.
    pub id: String,
    /// userName or displayName.
    pub name: String,
    /// The app role; `Default Access` where the app has none.
    pub role: String,
    /// Of a group: members of the groups in it get accounts too.
    #[serde(default)]
    pub nested: bool,
    /// Among groups, the smaller number comes first.
    #[serde(default)]
    pub priority: i64,
    /// Its values win over the mapping's.
    #[serde(default)]
    pub overrides: bool,
    /// Values by target attribute.
    #[serde(default)]
    pub values: std::collections::BTreeMap<String, String>,
}

/// Which account or group of an app stands for which user or group of the directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// The app.
    pub app: String,
    /// `user` or `group`.
    pub kind: String,
    /// The id in the directory.
    pub id: String,
    /// userName or displayName.
    pub name: String,
    /// The id in the app; `null`: a create was noted whose answer never came.
    pub target_id: Option<String>,
    /// `noted`, `active`, `left` (disabled in the app) or `loose` (left, and as it was in the app).
    pub state: String,
    /// What was last written, as a SCIM resource.
    pub written: serde_json::Value,
    /// Of a group whose push was spoken of: `on`, `paused` or `off`.
    pub push: Option<String>,
    /// Whether the group in the app gets the directory's name.
    pub renames: Option<bool>,
}

/// Objects by what happens to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Made at the app.
    pub create: u64,
    /// Changed there.
    pub update: u64,
    /// Deactivated there.
    pub disable: u64,
    /// Activated again.
    pub enable: u64,
    /// Deleted there.
    pub delete: u64,
    /// Nothing to do.
    pub in_sync: u64,
    /// Looked at, not in scope.
    pub out_of_scope: u64,
    /// Failed; they are tried again.
    pub failed: u64,
    /// Leavers held back by the deletion threshold.
    pub staged: u64,
    /// Held back because no more are to be made now.
    #[serde(default)]
    pub held: u64,
}

/// Where an app stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The app.
    pub app: String,
    /// `off`, `on`, `quarantine` or `stopped`.
    pub state: String,
    /// The cycle under way.
    pub cycle: Option<Cycle>,
    /// The last one that ended.
    pub last_cycle: Option<Cycle>,
    /// Objects as they stand (`in_sync`, `out_of_scope`, `failed`, `staged`, `held`), and what was written to date.
    pub counts: Counts,
    /// Since when nothing was left to do.
    pub steady_since: Option<Time>,
    /// When the next cycle begins by itself.
    pub next_run_at: Option<Time>,
    /// When the app last answered as it should.
    pub last_reachable_at: Option<Time>,
    /// It asked to be left alone until then.
    pub paused_until: Option<Time>,
    /// Why probes fail while nothing is to be sent; `null`: they do not.
    pub unreachable: Option<Unreachable>,
    /// When its credentials expire; `null`: nobody knows, or never.
    pub credential_expires_at: Option<Time>,
    /// Why nobody new is made; `null`: they are.
    pub held: Option<HeldCreates>,
    /// Why it is in quarantine.
    pub quarantine: Option<Quarantine>,
    /// Objects that failed and wait for another try.
    pub escrows: u64,
    /// Those of them that failed for 28 days: they are tried when they change, or by hand.
    #[serde(default)]
    pub parked: u64,
    /// Users linked at present.
    pub linked_users: u64,
    /// Groups linked at present.
    pub linked_groups: u64,
    /// Notification e-mails that wait to be sent; `null`: none.
    pub notification: Option<Notification>,
}

/// Probes of an app that fail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unreachable {
    /// When the last one was sent.
    pub at: Time,
    /// How many in a row failed.
    pub failed: u32,
    /// Why.
    pub text: String,
}

/// Creates that are held back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldCreates {
    /// How many wait; more may come.
    pub waiting: u64,
    /// Since when.
    pub since: Time,
    /// Why, and what lets them go on.
    pub text: String,
}

/// A target attribute of an app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attribute {
    /// `users` or `groups`.
    pub kind: String,
    /// Its path.
    pub name: String,
    /// `string`, `boolean`, `integer`, `decimal`, `dateTime`, `reference`, `binary` or `complex`.
    #[serde(rename = "type")]
    pub of: String,
    /// Whether the app refuses an object without it.
    pub required: bool,
    /// Whether it has several values.
    pub multi_valued: bool,
    /// Whether texts that differ in case alone differ.
    pub case_exact: bool,
    /// `readWrite`, `readOnly`, `immutable` or `writeOnly`.
    pub mutability: String,
    /// Whether it was added to what the gallery knows.
    pub added: bool,
    /// Whether it is mapped.
    pub mapped: bool,
    /// Whether the app can filter on it, so that it can be a matching property.
    pub filterable: bool,
}

/// What an app announced of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Discovery {
    /// The app.
    pub app: String,
    /// Attributes that nobody knew of; they are added.
    pub added: Vec<Attribute>,
    /// What can't be taken, with the reason.
    pub left_out: Vec<String>,
}

/// A group of a scoping filter: all clauses must hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FilterGroup {
    /// `users` or `groups`.
    pub kind: String,
    /// Its name.
    pub title: String,
    /// Each as `attribute OPERATOR value`.
    pub clauses: Vec<String>,
}

/// E-mails about an app that wait to be sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// How many.
    pub waiting: u64,
    /// Why the last try failed; `null`: none was tried.
    pub error: Option<String>,
}

/// A cycle, under way or ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cycle {
    /// Its id, as in the log.
    pub id: String,
    /// `initial` or `incremental`.
    pub kind: String,
    /// What it works on, of one under way: `reading`, `leavers`, `users`, `groups` or `references`.
    #[serde(default)]
    pub phase: Option<String>,
    /// When it began.
    pub began_at: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// Objects done.
    pub done: u64,
    /// Objects planned so far; of an initial cycle under way, how many it comes to.
    pub planned: u64,
    /// How many seconds it takes on, if it goes on as it did; of one under way.
    #[serde(default)]
    pub eta_seconds: Option<u64>,
    /// What happened to them.
    pub counts: Counts,
    /// Requests sent to the app, and those of them that write.
    pub requests: u64,
    /// Requests that write.
    pub writes: u64,
}

/// Why an app rests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quarantine {
    /// Entra's code.
    pub reason: String,
    /// For people, with what to do.
    pub text: String,
    /// Since when.
    pub since: Time,
    /// How often it was tried again.
    pub tries: u32,
    /// When it is tried next; `null`: no more, the app is switched off.
    pub next_try_at: Option<Time>,
    /// The request that says so: method and path.
    pub request: Option<String>,
    /// Its answer.
    pub answer: Option<String>,
}
