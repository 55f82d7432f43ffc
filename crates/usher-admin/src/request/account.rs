//! Accounts of the app side: their settings, schemas and tokens, records of what came, the trail, the guard.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// Accounts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Account {
    Create {
        name: String,
        profile: String,
    },
    List,
    Show {
        name: String,
    },
    /// `strict=true|false`, `hosts=NAME,…`, `default_organization=NAME`, `guard=hold|off`, …: `usher account set --help`.
    Set {
        name: String,
        key: String,
        value: String,
    },
    /// Its own extension schemas.
    Schema {
        name: String,
        act: SchemaAct,
    },
    /// The attributes it has indexed.
    Index {
        name: String,
        act: IndexAct,
    },
}

/// What to do with an account's extension schemas. A kind is `users` or `groups`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum SchemaAct {
    List,
    /// In the form of `/Schemas` (RFC 7643 §7).
    Add {
        kind: String,
        document: serde_json::Map<String, serde_json::Value>,
    },
    Remove {
        urn: String,
    },
}

/// What to do with an account's indexed attributes. A kind is `users` or `groups`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum IndexAct {
    List,
    Add { kind: String, attribute: String },
    Remove { kind: String, attribute: String },
}

/// Tokens of an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Token {
    /// `expires`: `Some(None)` = never, `None` = as the profile says.
    Issue {
        account: String,
        environment: String,
        provider: String,
        expires: Option<Option<SignedDuration>>,
    },
    /// A token of the app itself: it reads people, organizations and sites, and is unknown to the SCIM service.
    IssueApi {
        account: String,
        environment: String,
        expires: Option<Option<SignedDuration>>,
    },
    Rotate {
        account: String,
        environment: String,
        token: Option<String>,
        overlap: SignedDuration,
        expires: Option<Option<SignedDuration>>,
    },
    List {
        account: String,
    },
    Revoke {
        account: String,
        token: String,
    },
}

/// SCIM users and groups as they came.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Record {
    List {
        account: String,
        environment: String,
        /// `users` or `groups`.
        kind: Option<String>,
        /// `provisioned` or `updated`.
        sort: String,
        errors: bool,
        after: Option<String>,
        limit: Option<usize>,
    },
    Show {
        account: String,
        environment: String,
        id: String,
    },
    /// `disable`: end the person's access as well. `erase`: that, and take the person out of everything that is kept.
    Delete {
        account: String,
        environment: String,
        id: String,
        disable: bool,
        erase: bool,
    },
}

/// What an account's clients sent: everything together, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Trail {
    pub account: String,
    pub environment: String,
    /// Writes about this record.
    pub record: Option<String>,
    /// This request.
    pub request: Option<String>,
    /// Requests with this token, by its id.
    pub token: Option<String>,
    /// Only those that were refused.
    pub errors: bool,
    pub after: Option<String>,
    pub limit: Option<usize>,
}

/// The guard against mass loss of an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Guard {
    pub account: String,
    pub environment: String,
    pub act: GuardAct,
}

/// What to do with what the guard holds. Users are named by userName or SCIM id; none named: all that waits is meant.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum GuardAct {
    List { after: Option<String>, limit: Option<usize> },
    Release { users: Vec<String> },
    Reject { users: Vec<String>, why: Option<String> },
}
