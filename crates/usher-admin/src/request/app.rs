//! Apps and the gallery.

use serde::{Deserialize, Serialize};
use usher_api::Secret;

/// The gallery.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Gallery {
    List,
    Show { name: String },
}

/// Applications.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum App {
    Add {
        name: String,
        template: String,
        directory: String,
        tenant_url: String,
        token: Secret,
    },
    List,
    Show {
        name: String,
    },
    Remove {
        name: String,
    },
    Set {
        name: String,
        key: String,
        value: String,
    },
    /// Replaces the secret token, if the app accepts the new one.
    Credentials {
        name: String,
        token: Secret,
        /// The secret is that of this OAuth client.
        #[serde(default)]
        oauth: Option<OAuth>,
        /// When it expires: `30d`, `never`, a date or a time; absent: as the gallery says.
        #[serde(default)]
        expires: Option<String>,
    },
    /// To another tenant URL, with credentials for it.
    Move {
        name: String,
        url: String,
        /// `same`: the links are kept, after some of them were looked for there; `other`: they are forgotten, and the app is off.
        accounts: String,
        token: Secret,
        #[serde(default)]
        oauth: Option<OAuth>,
        #[serde(default)]
        expires: Option<String>,
    },
    Test {
        name: String,
    },
    Assign {
        name: String,
        kind: String,
        who: String,
        role: Option<String>,
        #[serde(default)]
        terms: Terms,
    },
    Unassign {
        name: String,
        kind: String,
        who: String,
    },
    /// A group's push.
    Group {
        name: String,
        group: String,
        act: GroupAct,
    },
    /// The link of a user or group; `delete`: it is forgotten.
    Link {
        name: String,
        kind: String,
        who: String,
        delete: bool,
    },
    /// A user who is never disabled, deleted or emptied; `off`: no longer.
    Protect {
        name: String,
        user: String,
        off: bool,
    },
    Scope {
        name: String,
        scope: String,
        /// Whomever it touches; otherwise that is the answer, and nothing is saved.
        #[serde(default)]
        yes: bool,
    },
    /// `first`: it stops after so many accounts and groups were made or taken over.
    Start {
        name: String,
        #[serde(default)]
        first: Option<u64>,
    },
    Stop {
        name: String,
    },
    /// `reset`: what is forgotten, names with commas between them; empty: watermark, escrows and quarantine.
    Restart {
        name: String,
        reset: String,
    },
    Plan {
        name: String,
        users: Vec<String>,
    },
    Sync {
        name: String,
    },
    /// One user or group now; `dry_run`: only what would be done.
    Provision {
        name: String,
        kind: String,
        who: String,
        dry_run: bool,
    },
    /// Why a user or group is in or out; without a name: of every app of its directory.
    Explain {
        name: Option<String>,
        kind: String,
        who: String,
    },
    Status {
        name: String,
    },
    Logs {
        name: String,
        user: Option<String>,
        status: Option<String>,
        cycle: Option<String>,
        limit: Option<usize>,
        #[serde(default)]
        more: Box<LogFilter>,
    },
    /// `only`: these users; empty: all.
    AllowDeletes {
        name: String,
        #[serde(default)]
        only: Vec<String>,
    },
    /// Lets those be made who are held back.
    AllowCreates {
        name: String,
    },
    /// The groups of the scoping filters.
    FilterList {
        name: String,
    },
    /// A group more of a scoping filter; in place of one of that title.
    FilterAdd {
        name: String,
        kind: String,
        title: String,
        /// Each as `attribute OPERATOR value`.
        clauses: Vec<String>,
        /// `whole` or `part`, of regular expressions.
        anchor: Option<String>,
        #[serde(default)]
        yes: bool,
    },
    FilterRemove {
        name: String,
        kind: String,
        title: String,
        #[serde(default)]
        yes: bool,
    },
    /// The target attributes of users and groups.
    AttributeList {
        name: String,
    },
    AttributeAdd {
        name: String,
        kind: String,
        attribute: NewAttribute,
    },
    AttributeRemove {
        name: String,
        kind: String,
        attribute: String,
    },
    /// Adds those that the app announces.
    AttributeDiscover {
        name: String,
    },
    MappingShow {
        name: String,
        kind: String,
    },
    /// Changes one row; makes it where the target has none.
    MappingSet {
        name: String,
        kind: String,
        target: String,
        change: RowChange,
        /// Although golden cases fail.
        force: bool,
        #[serde(default)]
        yes: bool,
    },
    /// Replaces a mapping by a document's.
    MappingImport {
        name: String,
        /// `users` or `groups`; absent: all that the document has.
        kind: Option<String>,
        text: String,
        /// `toml` or `entra`; absent: by its content.
        format: Option<String>,
        /// `whole` or `part`, of regular expressions in scoping filters.
        anchor: Option<String>,
        /// Only says what would become of it.
        dry_run: bool,
        force: bool,
        #[serde(default)]
        yes: bool,
    },
    /// As `toml` or `entra`.
    MappingExport {
        name: String,
        format: String,
    },
    /// Runs the golden cases.
    MappingTest {
        name: String,
    },
    /// Back to the gallery's; the app's own golden cases and attributes stay.
    MappingReset {
        name: String,
        kind: String,
        force: bool,
        #[serde(default)]
        yes: bool,
    },
}

impl App {
    /// The same, whomever it touches; `None`: it is no such request, or says so already.
    #[must_use]
    pub fn agreed(&self) -> Option<Self> {
        let mut agreed = self.clone();
        let yes = match &mut agreed {
            Self::Scope { yes, .. }
            | Self::FilterAdd { yes, .. }
            | Self::FilterRemove { yes, .. }
            | Self::MappingSet { yes, .. }
            | Self::MappingImport { yes, dry_run: false, .. }
            | Self::MappingReset { yes, .. } => yes,
            _ => return None,
        };
        (!std::mem::replace(yes, true)).then_some(agreed)
    }
}

/// A target attribute to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAttribute {
    /// Its name, with a URN before it where it is not of the core schema.
    pub name: String,
    /// `string`, `boolean`, `integer`, `decimal`, `dateTime`, `reference`, `binary` or `complex`.
    pub of: String,
    /// Whether the app refuses an object without it.
    pub required: bool,
    /// Whether it has several values.
    pub multi_valued: bool,
    /// Whether texts that differ in case alone differ.
    pub case_exact: bool,
    /// `readWrite`, `immutable`, `writeOnly` or `readOnly`; absent: the first.
    pub mutability: Option<String>,
    /// Of a complex one, the names and types of what it is made of.
    #[serde(default)]
    pub sub: Vec<(String, String)>,
}

/// An OAuth 2 client whose tokens open an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuth {
    /// The token endpoint.
    pub token_url: String,
    /// The client's identifier.
    pub client_id: String,
    /// What is asked for.
    pub scope: Option<String>,
}

/// What an assignment gives beside the role.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Terms {
    /// Members of groups in the group count too.
    pub nested: bool,
    /// Among groups, the smaller number comes first; absent: 100.
    pub priority: Option<i64>,
    /// The values win over the mapping's.
    pub overrides: bool,
    /// Target attributes with their values.
    pub values: std::collections::BTreeMap<String, String>,
}

/// What to do with a group's push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum GroupAct {
    Push,
    Pause,
    Resume,
    /// Provisioned now, with its membership overwritten in the app.
    PushNow,
    /// Whether the group in the app gets the directory's name.
    Rename {
        on: bool,
    },
    /// To a group of the app, by its id there.
    Link {
        to: String,
        rename: bool,
    },
    /// `delete`: the group is deleted in the app.
    Unlink {
        delete: bool,
    },
}

/// Which entries of the provisioning log, beside a user, a status and a cycle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogFilter {
    /// Of this group.
    pub group: Option<String>,
    /// `create`, `update`, `disable`, `delete`, `stageddelete` or `other`.
    pub action: Option<String>,
    /// With this error code.
    pub code: Option<String>,
    /// Not before, RFC 3339.
    pub since: Option<String>,
    /// Before, RFC 3339.
    pub until: Option<String>,
    /// The oldest first, from the beginning or after a place that an answer named.
    pub oldest_first: bool,
    /// The place that an answer named as `next`.
    pub after: Option<String>,
}

/// What to change of a mapping's row; what is absent stays as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RowChange {
    /// Where the value comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// A text instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant: Option<String>,
    /// In place of a null; empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// The precedence as a matching property; 0: it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matching: Option<u32>,
    /// `always`, `on_create` or `add_values`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// `skip` or `clear`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nulls: Option<String>,
    /// The row goes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub remove: bool,
}
