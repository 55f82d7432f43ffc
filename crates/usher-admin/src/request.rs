//! What may be asked. The command line, the socket of a running server and later the admin API send the same values.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use usher_api::Secret;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// `local:UNIXUSER` at the shell.
    pub name: String,
}

/// A use case, by noun.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Request {
    Account(Account),
    Token(Token),
    Record(Record),
    People(People),
    Unit(Unit),
    Directory(Directory),
    Source(Source),
    Gallery(Gallery),
    App(Box<App>),
    Status,
}

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
    /// `strict=true|false`, `default_organization=NAME`.
    Set {
        name: String,
        key: String,
        value: String,
    },
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
    /// `disable`: end the person's access as well.
    Delete {
        account: String,
        environment: String,
        id: String,
        disable: bool,
    },
}

/// People.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum People {
    List {
        account: String,
        environment: String,
        after: Option<String>,
        limit: Option<usize>,
    },
    /// By id or primary e-mail.
    Show {
        account: String,
        environment: String,
        person: String,
    },
}

/// Organizations and sites.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub struct Unit {
    /// `organization` or `site`.
    pub kind: String,
    pub account: String,
    pub environment: String,
    pub act: UnitAct,
}

/// What to do with an organization or site.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum UnitAct {
    Create { name: String },
    List { after: Option<String>, limit: Option<usize> },
    Disable { name: String },
    Enable { name: String },
}

/// Directories of the provisioning side, and who is in them.
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
    /// Users or groups of a directory.
    Objects {
        directory: String,
        kind: String,
        after: Option<String>,
        limit: Option<usize>,
    },
    /// One, by id or name, as SCIM JSON with members or groups.
    Object {
        directory: String,
        kind: String,
        name: String,
    },
}

/// What a source reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum SourceFrom {
    Files { file: String, memberships: Option<String> },
    Ldap { settings: Box<usher_sources::LdapSettings>, bind_password: Option<Secret> },
}

/// How many may leave in one run, as far as that is to change.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SafeguardChange {
    pub percent: Option<u32>,
    pub from: Option<u64>,
    pub count: Option<u64>,
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
        /// Seconds between two runs of a server, 0: never.
        every: Option<u64>,
        full_every: Option<u64>,
    },
    /// Changes settings; the others stay.
    Set {
        name: String,
        ldap: Box<usher_sources::LdapChange>,
        bind_password: Option<Secret>,
        every: Option<u64>,
        full_every: Option<u64>,
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
    },
    Test {
        name: String,
    },
    Assign {
        name: String,
        kind: String,
        who: String,
        role: Option<String>,
    },
    Unassign {
        name: String,
        kind: String,
        who: String,
    },
    Scope {
        name: String,
        scope: String,
    },
    Start {
        name: String,
    },
    Stop {
        name: String,
    },
    Plan {
        name: String,
        users: Vec<String>,
    },
    Sync {
        name: String,
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
    },
    AllowDeletes {
        name: String,
    },
    MappingShow {
        name: String,
        kind: String,
    },
    /// Sets the source of one row to an expression.
    MappingSet {
        name: String,
        kind: String,
        target: String,
        expression: String,
    },
    MappingImport {
        name: String,
        kind: String,
        toml: String,
    },
    MappingReset {
        name: String,
        kind: String,
    },
}

/// Work that was allowed and noted, and is now to be run on the drivers by whoever asked.
#[derive(Debug, Clone)]
pub enum Work {
    /// An import.
    SourceSync {
        /// What to import.
        source: Box<usher_sources::Source>,
        /// Let the leavers go that the safeguard holds.
        allow: bool,
        /// Only what changed, where that can be told.
        changes: bool,
    },
    /// A look at a source's server, step by step.
    SourceTest {
        /// Which.
        source: Box<usher_sources::Source>,
    },
    /// What an import would do.
    SourcePreview {
        /// Of which source.
        source: Box<usher_sources::Source>,
        /// How many people and groups to show.
        first: usize,
    },
    /// A connection test.
    AppTest {
        /// Of which app.
        app: Box<usher_engine::App>,
    },
    /// A new secret token: tested first, then kept by [`crate::Admin::replace_token`].
    AppCredentials {
        /// Of which app.
        app: Box<usher_engine::App>,
        /// The new token.
        token: Secret,
        /// Who gave it.
        actor: Actor,
    },
    /// A plan.
    AppPlan {
        /// Of which app.
        app: Box<usher_engine::App>,
        /// Only these users; `None`: everybody.
        only: Option<Vec<usher_directory::Key>>,
    },
    /// A cycle.
    AppSync {
        /// Of which app.
        app: Box<usher_engine::App>,
    },
}
