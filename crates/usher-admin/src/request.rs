//! What may be asked. The command line, the socket of a running server and later the admin API send the same values.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use usher_api::Secret;

/// Who asks, and by what right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// As the audit log has it: `local:UNIXUSER` at the shell, a person's name, `token:ID`.
    pub name: String,
    /// What the table of [`crate::rights`] is asked with.
    pub authority: Authority,
}

/// By what right somebody acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// Whoever may open the data (the shell of the machine, Usher's own timers): everything.
    Machine,
    /// A person: what is granted to this name at the moment of asking.
    Granted {
        /// As in [`Role::Grant`].
        who: String,
    },
    /// A program with an account's API token: it reads one environment.
    Reader {
        /// The account's name.
        account: String,
        /// `production` or `qa`.
        environment: String,
    },
}

impl Actor {
    /// Somebody who has the machine, and so every right.
    pub fn machine(name: impl Into<String>) -> Self {
        Self { name: name.into(), authority: Authority::Machine }
    }

    /// A person, with the rights granted to that name.
    pub fn person(who: impl Into<String>) -> Self {
        let who = who.into();
        Self { name: who.clone(), authority: Authority::Granted { who } }
    }
}

/// A use case, by noun.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Request {
    Account(Account),
    Token(Token),
    Record(Record),
    Trail(Trail),
    Guard(Guard),
    People(People),
    Rule(Rule),
    Unit(Unit),
    Role(Role),
    Directory(Directory),
    Object(Object),
    Source(Source),
    Gallery(Gallery),
    App(Box<App>),
    Status,
    /// A copy of the database.
    Backup {
        /// A new file, from the root; on the machine where the database lies.
        file: std::path::PathBuf,
    },
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

/// People.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum People {
    /// `ungoverned`: only those whom provisioning made or found and no record governs any more.
    List {
        account: String,
        environment: String,
        ungoverned: bool,
        filter: PeopleFilter,
        after: Option<String>,
        limit: Option<usize>,
    },
    /// By id or primary e-mail.
    Show { account: String, environment: String, person: String },
    /// Fields as rules spell them.
    Create { account: String, environment: String, fields: Vec<(String, String)> },
    /// Of a CSV text whose head names fields. All lines or none.
    Import { account: String, environment: String, csv: String },
    /// `disabled`: access ends; else it is given back.
    Disable { account: String, environment: String, person: String, disabled: bool },
    /// Whether provisioning may end the person's access.
    Protect { account: String, environment: String, person: String, protected: bool },
    /// Where each field's value is from.
    Explain { account: String, environment: String, person: String },
}

/// Automation rules of an account's environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Rule {
    pub account: String,
    pub environment: String,
    pub act: RuleAct,
}

/// What to do with rules. `kind` is `users` or `groups`, otherwise both.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum RuleAct {
    List {
        kind: Option<String>,
    },
    Show {
        name: String,
        kind: Option<String>,
    },
    Export {
        kind: Option<String>,
    },
    /// Without `save`, a dry run over everybody. With it, written if the rules still are of `revision` (none: whatever they are).
    Change {
        change: RuleChange,
        save: bool,
        revision: Option<i64>,
    },
}

/// A change of rules.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum RuleChange {
    /// One rule or several, as TOML, in place of those of the same name; else after the last or at `position`, from 1.
    Set { toml: String, position: Option<usize> },
    /// Those of a file in place of all of their kind.
    Import { toml: String, kind: Option<String> },
    /// Without the last of a kind its default ones are back.
    Delete { name: String, kind: Option<String> },
    /// The default ones.
    Reset { kind: Option<String> },
    /// Those of the other environment (`qa` into `production`).
    Promote { from: String, kind: Option<String> },
}

/// Which people a list is of; what is absent filters nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeopleFilter {
    /// Primary e-mail address, whole, ignoring case: one person at most.
    pub email: Option<String>,
    /// Organization, by id or name.
    pub organization: Option<String>,
    /// Site, by id or name.
    pub site: Option<String>,
    /// Manager, by id or primary e-mail address.
    pub manager: Option<String>,
    /// Whether the person is disabled.
    pub disabled: Option<bool>,
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
    Create {
        name: String,
    },
    /// `name`: only the one of that name, whole, ignoring case.
    List {
        name: Option<String>,
        disabled: Option<bool>,
        after: Option<String>,
        limit: Option<usize>,
    },
    /// By id or name, as the next two.
    Show {
        name: String,
    },
    Disable {
        name: String,
    },
    Enable {
        name: String,
    },
    /// All rows of a table with a column `name`, and `disabled` where some are or are not to be; or none of them.
    /// `dry_run`: only what would be done.
    Import {
        sheet: usher_sources::sheet::Sheet,
        dry_run: bool,
    },
}

/// Who may do what in an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Role {
    /// `role`: `owner` or `administrator`; it takes the place of what the person had there.
    Grant {
        account: String,
        who: String,
        role: String,
    },
    Revoke {
        account: String,
        who: String,
    },
    List {
        account: String,
    },
}

/// Directories of the provisioning side.
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
    /// Removes for good whoever was soft-deleted more than 30 days ago.
    Purge {
        name: String,
    },
    Token {
        name: String,
        act: DirectoryToken,
    },
}

/// Tokens of a directory.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum DirectoryToken {
    /// `expires`: as for an account's token.
    Issue {
        provider: String,
        expires: Option<Option<SignedDuration>>,
    },
    Rotate {
        token: Option<String>,
        overlap: SignedDuration,
        expires: Option<Option<SignedDuration>>,
    },
    List,
    Revoke {
        token: String,
    },
}

/// Users and groups of a directory. A name is an id, a userName (displayName) or an externalId.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub struct Object {
    pub directory: String,
    /// `users` or `groups`.
    pub kind: String,
    pub act: ObjectAct,
}

/// Attributes to write.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// A SCIM resource; what it leaves out stays as it is.
    pub document: Option<serde_json::Map<String, serde_json::Value>>,
    /// Paths with their values; an empty one clears.
    pub set: Vec<(String, String)>,
}

/// What to do with users or groups.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum ObjectAct {
    /// All, soft-deleted ones too; or those a SCIM filter finds; or soft-deleted ones alone.
    List {
        filter: Option<String>,
        deleted: bool,
        after: Option<String>,
        limit: Option<usize>,
    },
    /// As SCIM JSON with its members or groups.
    Show {
        name: String,
    },
    Create {
        edit: Edit,
    },
    Set {
        name: String,
        edit: Edit,
    },
    /// Users alone.
    Activate {
        name: String,
        active: bool,
    },
    /// `hard`: for good.
    Delete {
        name: String,
        hard: bool,
    },
    /// The edit is made first: a name that is another's now can be changed.
    Restore {
        name: String,
        edit: Edit,
    },
    /// Groups alone, as the next two.
    Members {
        name: String,
        after: Option<String>,
        limit: Option<usize>,
    },
    AddMembers {
        name: String,
        members: Vec<String>,
    },
    /// Users alone: never disabled, deleted or emptied in any app; `off`: no longer.
    Protect {
        name: String,
        off: bool,
    },
    RemoveMembers {
        name: String,
        members: Vec<String>,
    },
}

/// What a source reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum SourceFrom {
    Files {
        file: String,
        memberships: Option<String>,
        /// CSV: its encoding and separator, where they are not to be found.
        encoding: Option<String>,
        separator: Option<char>,
    },
    Ldap {
        settings: Box<usher_sources::LdapSettings>,
        bind_password: Option<Secret>,
    },
}

/// How many may leave in one run, as far as that is to change.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SafeguardChange {
    pub percent: Option<u32>,
    pub from: Option<u64>,
    pub count: Option<u64>,
}

/// When a server reads a source by itself, as far as that is to change. Of the last two one takes the other's place.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ScheduleChange {
    /// Seconds between two runs that read changes; 0: never.
    pub every: Option<u64>,
    /// Seconds between two runs that read everything; 0: never.
    pub full_every: Option<u64>,
    /// The time of day at which everything is read: `02:30`, `02:30 Europe/Berlin`.
    pub full_at: Option<String>,
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
        schedule: ScheduleChange,
    },
    /// Changes settings; the others stay.
    Set {
        name: String,
        ldap: Box<usher_sources::LdapChange>,
        bind_password: Option<Secret>,
        schedule: ScheduleChange,
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

/// Where an app moves to.
#[derive(Debug, Clone)]
pub struct Moved {
    /// The tenant URL.
    pub url: usher_engine::app::Url,
    /// Whether the accounts there are the same.
    pub accounts: usher_engine::app::Accounts,
    /// The token for it, or the client's secret.
    pub token: Secret,
    /// The OAuth client whose secret that is.
    pub oauth: Option<usher_engine::app::OAuthClient>,
    /// When it expires.
    pub expires: Option<jiff::Timestamp>,
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
        /// The new token, or the client's secret.
        token: Secret,
        /// The OAuth client whose secret that is.
        oauth: Option<usher_engine::app::OAuthClient>,
        /// When it expires.
        expires: Option<jiff::Timestamp>,
        /// Who gave it.
        actor: Actor,
    },
    /// Another tenant URL: tested first, then kept by [`crate::Admin::move_app`].
    AppMove {
        /// Of which app.
        app: Box<usher_engine::App>,
        /// Where to, and with what.
        to: Moved,
        /// Who asked.
        actor: Actor,
    },
    /// A change of mapping, filter or scope: saved by [`crate::Admin::save_change`] if it touches nobody.
    AppChange {
        /// The app as it would be.
        changed: Box<usher_engine::App>,
        /// The request, agreed to.
        request: Box<App>,
        /// Who asked.
        actor: Actor,
    },
    /// The attributes that an app announces, kept by [`crate::Admin::add_attributes`].
    AppDiscover {
        /// Which app.
        app: Box<usher_engine::App>,
        /// Who asked.
        actor: Actor,
    },
    /// A plan.
    AppPlan {
        /// Of which app.
        app: Box<usher_engine::App>,
        /// Only these users; `None`: everybody.
        only: Option<Vec<usher_directory::Key>>,
    },
    /// One user or group, for real.
    AppProvision {
        /// In which app.
        app: Box<usher_engine::App>,
        /// Who or what.
        object: usher_directory::Key,
        /// Who asked.
        actor: Actor,
    },
    /// The way of one user or group, looked at.
    AppExplain {
        /// In which app.
        app: Box<usher_engine::App>,
        /// Who or what.
        object: usher_directory::Key,
    },
    /// The same in several apps.
    AppsExplain {
        /// Each app with the object in its directory.
        of: Vec<(usher_engine::App, usher_directory::Key)>,
    },
    /// Let cycles run by themselves, unless the app ignores filters.
    AppStart {
        /// Of which app.
        app: Box<usher_engine::App>,
        /// It stops after so many.
        first: Option<u64>,
        /// Who asked.
        actor: Actor,
    },
    /// A group's push, as far as the app is spoken to: push now, link, unlink.
    AppGroup {
        /// In which app.
        app: Box<usher_engine::App>,
        /// The group.
        group: usher_directory::Key,
        /// Its name.
        name: String,
        /// What.
        act: GroupAct,
        /// Who asked.
        actor: Actor,
    },
    /// A cycle.
    AppSync {
        /// Of which app.
        app: Box<usher_engine::App>,
    },
    /// A copy of the database.
    Backup {
        /// The new file.
        file: std::path::PathBuf,
    },
}
