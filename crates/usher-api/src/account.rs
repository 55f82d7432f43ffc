//! Accounts, tokens, and records of what an identity provider sent.

use serde::{Deserialize, Serialize};

use crate::Time;

/// An account: the app's tenant, with a production and a qa environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// `standard`, `4me` or `elium`.
    pub profile: String,
    /// Whether deviations of clients are refused instead of read as meant.
    pub strict: bool,
    /// Whom mails about it go to; `null`: nobody.
    pub owner: Option<String>,
    /// Since when.
    pub created_at: Time,
    /// Users, groups and people of each environment.
    pub environments: Vec<EnvironmentCounts>,
}

/// How much an environment holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentCounts {
    /// `production` or `qa`.
    pub environment: String,
    /// Host names at which only its tokens work.
    pub hosts: Vec<String>,
    /// SCIM users.
    pub users: u64,
    /// SCIM groups.
    pub groups: u64,
    /// People.
    pub people: u64,
    /// The guard against mass loss.
    pub guard: GuardSettings,
}

/// How the guard against mass loss is set in an environment, and what it holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuardSettings {
    /// `hold` or `off`.
    pub mode: String,
    /// Above so many people in an hour it holds.
    pub count: u32,
    /// Above so many percent of those who were active, ten people at least; 0: no such limit.
    pub percent: u32,
    /// After so many seconds it lets go by itself; `null`: never.
    pub hold_seconds: Option<u64>,
    /// People of whom something is held.
    pub held: u64,
    /// People of whom something was rejected.
    pub diverged: u64,
}

/// An extension schema of an account's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExtensionSchema {
    /// Its URN.
    pub urn: String,
    /// What it extends: `user` or `group`.
    pub kind: String,
    /// As `/Schemas` serves it (RFC 7643 §7).
    pub schema: serde_json::Value,
    /// Since when.
    pub created_at: Time,
}

/// An attribute that an account has indexed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexedAttribute {
    /// E.g. `urn:example:hr:1.0:User:badge`.
    pub attribute: String,
    /// Of users or groups: `user` or `group`.
    pub kind: String,
    /// `production` or `qa`.
    pub environment: String,
    /// `building` (filters look at documents still), `ready`, `going` (its rows are being removed).
    pub state: String,
    /// Whether it is kept because the schema says that its values are unique.
    pub unique: bool,
    /// Since when.
    pub created_at: Time,
}

/// A token, never its text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// To revoke or rotate it by.
    pub id: String,
    /// The account; absent for a directory's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// `production` or `qa` of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The directory that is a SCIM service of its own; absent for an account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// `entra`, `okta`, `onelogin`, `google` or `other`; `api`: it belongs to the app itself and reads people.
    pub provider: String,
    /// The last four characters.
    pub last4: String,
    /// When it was issued.
    pub created_at: Time,
    /// When it expires; `null`: never.
    pub expires_at: Option<Time>,
    /// When the overlap after a rotation ends.
    pub ends_at: Option<Time>,
    /// Where it was last seen.
    pub last_used: Option<LastUsed>,
    /// `active`, `overlap`, `expired` or `revoked`.
    pub state: String,
}

/// When, whence and by what a token was last used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastUsed {
    /// When, to the minute.
    pub at: Time,
    /// The client's address.
    pub address: String,
    /// Its `User-Agent`.
    pub agent: String,
}

/// A new token: the only answer that ever holds its text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IssuedToken {
    /// The text, to be handed to the identity provider.
    pub secret: crate::Secret,
    /// The same as the value of the header `Authorization`, for clients that ask for that: `Bearer …`.
    pub authorization: crate::Secret,
    /// What it is.
    pub token: Token,
}

/// A SCIM user or group as it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its SCIM id.
    pub id: String,
    /// `user` or `group`.
    pub kind: String,
    /// userName or displayName.
    pub name: String,
    /// What the client calls it.
    pub external_id: Option<String>,
    /// Whether the SCIM user is active; `true` for groups.
    pub active: bool,
    /// `in_order`, `incomplete`, `error`, `held`, `diverged`; `new` until the rules have run.
    pub state: String,
    /// Why it is not in order.
    pub reason: Option<String>,
    /// The person it governs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person_id: Option<String>,
    /// The organization it is linked to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    /// The site it is linked to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site_id: Option<String>,
    /// `organization` or `site`, for groups.
    pub classification: Option<String>,
    /// The integration that provisions it, as `okta`.
    pub integration: Option<String>,
    /// When it first came.
    pub provisioned_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// What the rules last did with it.
    pub last_execution: Option<Execution>,
}

/// A run of the rules over one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// Its id.
    pub id: String,
    /// `done`, `incomplete` or `failed`.
    pub result: String,
    /// When.
    pub at: Time,
}

/// A person's role in an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleGrant {
    /// The account.
    pub account: String,
    /// Whose, as an e-mail address.
    pub who: String,
    /// `owner` or `administrator`.
    pub role: String,
    /// Since when.
    pub granted_at: Time,
}
