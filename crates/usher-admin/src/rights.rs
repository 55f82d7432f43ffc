//! Who may do what: a table with one row for each use case, asked in one place before anything is done.
//!
//! Each [`Request`] is exactly one [`Operation`], and each operation has the [`Right`] that it takes. Both are told by a `match`
//! without a wildcard, so that a new request does not compile before it has its row. `docs/roles.md` is this table.

use std::time::Duration;

use usher_store::Snapshot;

use crate::{
    Actor, Admin, AdminError, Request,
    request::{self, Authority},
    role,
};

/// What somebody is in an account. Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads people, organizations and sites: what an account's API token may, in its environment.
    Reader,
    /// The account administrator: records, executions, rules, people, organizations and sites.
    Administrator,
    /// The account owner: tokens, and who else has a role here.
    Owner,
}

impl Role {
    /// The roles that can be granted to a person.
    pub const GRANTED: [Self; 2] = [Self::Owner, Self::Administrator];

    /// `reader`, `administrator`, `owner`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Administrator => "administrator",
            Self::Owner => "owner",
        }
    }
}

/// What an operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// At least this role in the account that the request names.
    Account(Role),
    /// The whole installation: whoever has the machine.
    Installation,
}

macro_rules! operations {
    ($($variant:ident $name:literal $right:expr, $doc:literal;)*) => {
        /// A use case.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Operation {
            $(#[doc = $doc] $variant,)*
        }

        impl Operation {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As the table spells it, e.g. `token.issue`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What it is, in a few words.
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => $doc,)*
                }
            }

            /// What it takes.
            pub fn right(self) -> Right {
                match self {
                    $(Self::$variant => $right,)*
                }
            }
        }
    };
}

const READER: Right = Right::Account(Role::Reader);
const ADMINISTRATOR: Right = Right::Account(Role::Administrator);
const OWNER: Right = Right::Account(Role::Owner);
const INSTALLATION: Right = Right::Installation;

operations! {
    AccountCreate "account.create" INSTALLATION, "Make an account";
    AccountList "account.list" INSTALLATION, "All accounts";
    AccountShow "account.show" ADMINISTRATOR, "One account with its numbers";
    AccountSet "account.set" INSTALLATION, "Strictness, host names, mail addresses and guard of an account";
    AccountOrganization "account.set_default_organization" ADMINISTRATOR, "The organization that new people of an account get";
    SchemaList "schema.list" ADMINISTRATOR, "Extension schemas of an account";
    SchemaAdd "schema.add" INSTALLATION, "Add an extension schema to an account";
    SchemaRemove "schema.remove" INSTALLATION, "Take an extension schema away from an account";
    IndexList "index.list" ADMINISTRATOR, "Indexed attributes of an account";
    IndexAdd "index.add" INSTALLATION, "Have an attribute indexed";
    IndexRemove "index.remove" INSTALLATION, "Have an attribute indexed no longer";
    TokenIssue "token.issue" OWNER, "A new token for an identity provider";
    TokenIssueApi "token.issue_api" OWNER, "A new API token for the app itself";
    TokenRotate "token.rotate" OWNER, "A new token in place of an old one";
    TokenList "token.list" OWNER, "Tokens and their last use";
    TokenRevoke "token.revoke" OWNER, "End a token";
    RoleGrant "role.grant" OWNER, "Give somebody a role in an account";
    RoleRevoke "role.revoke" OWNER, "Take somebody's role away";
    RoleList "role.list" ADMINISTRATOR, "Who has which role";
    RecordList "record.list" ADMINISTRATOR, "SCIM users and groups as they came";
    RecordShow "record.show" ADMINISTRATOR, "A record with its executions and requests";
    RecordDelete "record.delete" ADMINISTRATOR, "Delete a record";
    Trail "trail.list" ADMINISTRATOR, "What identity providers sent";
    GuardList "guard.list" ADMINISTRATOR, "What the guard against mass loss holds";
    GuardRelease "guard.release" ADMINISTRATOR, "Let held losses happen";
    GuardReject "guard.reject" ADMINISTRATOR, "Refuse held losses";
    PeopleList "people.list" READER, "People";
    PeopleShow "people.show" READER, "One person";
    PeopleCreate "people.create" ADMINISTRATOR, "Make a person by hand";
    PeopleImport "people.import" ADMINISTRATOR, "People from a CSV file";
    PeopleDisable "people.disable" ADMINISTRATOR, "Disable or enable a person";
    PeopleProtect "people.protect" ADMINISTRATOR, "Keep provisioning from ending somebody's access";
    PeopleExplain "people.explain" ADMINISTRATOR, "Where each field of a person is from";
    RuleList "rule.list" ADMINISTRATOR, "Automation rules";
    RuleShow "rule.show" ADMINISTRATOR, "One automation rule";
    RuleExport "rule.export" ADMINISTRATOR, "Automation rules as a file";
    RuleChange "rule.change" ADMINISTRATOR, "Try, change, import, promote or restore automation rules";
    UnitList "unit.list" READER, "Organizations and sites";
    UnitShow "unit.show" READER, "One organization or site";
    UnitCreate "unit.create" ADMINISTRATOR, "Make an organization or site";
    UnitDisable "unit.disable" ADMINISTRATOR, "Disable an organization or site";
    UnitEnable "unit.enable" ADMINISTRATOR, "Enable an organization or site";
    UnitImport "unit.import" ADMINISTRATOR, "Organizations or sites from a CSV file";
    DirectoryCreate "directory.create" INSTALLATION, "Make a directory";
    DirectoryList "directory.list" INSTALLATION, "All directories";
    DirectoryShow "directory.show" INSTALLATION, "One directory";
    DirectoryPurge "directory.purge" INSTALLATION, "Remove for good who was deleted long ago";
    DirectoryTokenIssue "directory.token.issue" INSTALLATION, "A new token of a directory";
    DirectoryTokenRotate "directory.token.rotate" INSTALLATION, "A new token of a directory in place of an old one";
    DirectoryTokenList "directory.token.list" INSTALLATION, "Tokens of a directory";
    DirectoryTokenRevoke "directory.token.revoke" INSTALLATION, "End a token of a directory";
    ObjectList "object.list" INSTALLATION, "Users or groups of a directory";
    ObjectShow "object.show" INSTALLATION, "A user or group of a directory";
    ObjectCreate "object.create" INSTALLATION, "Make a user or group";
    ObjectSet "object.set" INSTALLATION, "Change a user or group";
    ObjectActivate "object.activate" INSTALLATION, "Enable or disable a user";
    ObjectProtect "object.protect" INSTALLATION, "Keep every app from disabling or deleting somebody";
    ObjectDelete "object.delete" INSTALLATION, "Delete a user or group";
    ObjectRestore "object.restore" INSTALLATION, "Restore a deleted user";
    ObjectMembers "object.members" INSTALLATION, "Members of a group";
    ObjectAddMembers "object.add_members" INSTALLATION, "Add members to a group";
    ObjectRemoveMembers "object.remove_members" INSTALLATION, "Remove members from a group";
    SourceAdd "source.add" INSTALLATION, "Add a source";
    SourceSet "source.set" INSTALLATION, "Change a source";
    SourceList "source.list" INSTALLATION, "All sources";
    SourceShow "source.show" INSTALLATION, "One source";
    SourceRemove "source.remove" INSTALLATION, "Remove a source";
    SourceTest "source.test" INSTALLATION, "Test a source";
    SourcePreview "source.preview" INSTALLATION, "What an import would do";
    SourceSync "source.sync" INSTALLATION, "Import";
    SourceRuns "source.runs" INSTALLATION, "Runs of a source";
    SourceAllow "source.allow" INSTALLATION, "Let held leavers go";
    GalleryList "gallery.list" INSTALLATION, "Apps that can be added";
    GalleryShow "gallery.show" INSTALLATION, "An app that can be added";
    AppAdd "app.add" INSTALLATION, "Add an app";
    AppList "app.list" INSTALLATION, "All apps";
    AppShow "app.show" INSTALLATION, "One app";
    AppRemove "app.remove" INSTALLATION, "Remove an app";
    AppSet "app.set" INSTALLATION, "Change an app's settings";
    AppCredentials "app.credentials" INSTALLATION, "Replace an app's secret token";
    AppMove "app.move" INSTALLATION, "Move an app to another tenant URL";
    AppTest "app.test" INSTALLATION, "Test an app's connection";
    AppAssign "app.assign" INSTALLATION, "Assign a user or group";
    AppUnassign "app.unassign" INSTALLATION, "Take an assignment away";
    AppGroup "app.group" INSTALLATION, "Push, pause, link or unlink a group";
    AppLink "app.link" INSTALLATION, "Look at a link, or forget it";
    AppProtect "app.protect" INSTALLATION, "Keep an app from disabling or deleting somebody";
    AppScope "app.scope" INSTALLATION, "Who is in scope";
    AppStart "app.start" INSTALLATION, "Switch provisioning on";
    AppStop "app.stop" INSTALLATION, "Switch provisioning off";
    AppRestart "app.restart" INSTALLATION, "Begin anew";
    AppPlan "app.plan" INSTALLATION, "What a cycle would do";
    AppSync "app.sync" INSTALLATION, "Run a cycle";
    AppProvision "app.provision" INSTALLATION, "Provision one user or group";
    AppExplain "app.explain" INSTALLATION, "Why somebody is in or out";
    AppStatus "app.status" INSTALLATION, "Where an app stands";
    AppLogs "app.logs" INSTALLATION, "The provisioning log";
    AppAllowDeletes "app.allow_deletes" INSTALLATION, "Let held-back leavers go";
    AppAllowCreates "app.allow_creates" INSTALLATION, "Let held-back creates go";
    AppFilterList "app.filter.list" INSTALLATION, "An app's scoping filters";
    AppFilterAdd "app.filter.add" INSTALLATION, "Add to a scoping filter";
    AppFilterRemove "app.filter.remove" INSTALLATION, "Take from a scoping filter";
    AppAttributeList "app.attribute.list" INSTALLATION, "An app's target attributes";
    AppAttributeAdd "app.attribute.add" INSTALLATION, "Add a target attribute";
    AppAttributeRemove "app.attribute.remove" INSTALLATION, "Take a target attribute away";
    AppAttributeDiscover "app.attribute.discover" INSTALLATION, "Add the attributes that an app announces";
    AppMappingShow "app.mapping.show" INSTALLATION, "An app's mapping";
    AppMappingSet "app.mapping.set" INSTALLATION, "Change a mapping's row";
    AppMappingImport "app.mapping.import" INSTALLATION, "Import a mapping";
    AppMappingExport "app.mapping.export" INSTALLATION, "Export mappings";
    AppMappingTest "app.mapping.test" INSTALLATION, "Run golden cases";
    AppMappingReset "app.mapping.reset" INSTALLATION, "A mapping as the gallery has it";
    Status "status" INSTALLATION, "Where every app stands";
    Backup "backup" INSTALLATION, "Copy the database";
}

/// What is asked, and of which account and environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'r> {
    /// The row of the table.
    pub operation: Operation,
    /// The account that the request names; none with [`Right::Installation`].
    pub account: Option<&'r str>,
    /// The environment that it names; none: both are meant.
    pub environment: Option<&'r str>,
}

impl<'r> Asked<'r> {
    fn plain(operation: Operation) -> Self {
        Self { operation, account: None, environment: None }
    }
    fn of(operation: Operation, account: &'r str) -> Self {
        Self { operation, account: Some(account), environment: None }
    }
    fn within(operation: Operation, account: &'r str, environment: &'r str) -> Self {
        Self { operation, account: Some(account), environment: Some(environment) }
    }
}

/// The row of a request.
pub fn asked(request: &Request) -> Asked<'_> {
    use Operation as O;
    match request {
        Request::Account(account) => match account {
            request::Account::Create { .. } => Asked::plain(O::AccountCreate),
            request::Account::List => Asked::plain(O::AccountList),
            request::Account::Show { name } => Asked::of(O::AccountShow, name),
            request::Account::Set { name, key, .. } if key.ends_with("default_organization") => {
                Asked::of(O::AccountOrganization, name)
            }
            request::Account::Set { .. } => Asked::plain(O::AccountSet),
            request::Account::Schema { name, act: request::SchemaAct::List } => {
                Asked::of(O::SchemaList, name)
            }
            request::Account::Schema { act: request::SchemaAct::Add { .. }, .. } => {
                Asked::plain(O::SchemaAdd)
            }
            request::Account::Schema { act: request::SchemaAct::Remove { .. }, .. } => {
                Asked::plain(O::SchemaRemove)
            }
            request::Account::Index { name, act: request::IndexAct::List } => Asked::of(O::IndexList, name),
            request::Account::Index { act: request::IndexAct::Add { .. }, .. } => Asked::plain(O::IndexAdd),
            request::Account::Index { act: request::IndexAct::Remove { .. }, .. } => {
                Asked::plain(O::IndexRemove)
            }
        },
        Request::Token(token) => match token {
            request::Token::Issue { account, environment, .. } => {
                Asked::within(O::TokenIssue, account, environment)
            }
            request::Token::IssueApi { account, environment, .. } => {
                Asked::within(O::TokenIssueApi, account, environment)
            }
            request::Token::Rotate { account, environment, .. } => {
                Asked::within(O::TokenRotate, account, environment)
            }
            request::Token::List { account } => Asked::of(O::TokenList, account),
            request::Token::Revoke { account, .. } => Asked::of(O::TokenRevoke, account),
        },
        Request::Role(role) => match role {
            request::Role::Grant { account, .. } => Asked::of(O::RoleGrant, account),
            request::Role::Revoke { account, .. } => Asked::of(O::RoleRevoke, account),
            request::Role::List { account } => Asked::of(O::RoleList, account),
        },
        Request::Record(record) => match record {
            request::Record::List { account, environment, .. } => {
                Asked::within(O::RecordList, account, environment)
            }
            request::Record::Show { account, environment, .. } => {
                Asked::within(O::RecordShow, account, environment)
            }
            request::Record::Delete { account, environment, .. } => {
                Asked::within(O::RecordDelete, account, environment)
            }
        },
        Request::Trail(trail) => Asked::within(O::Trail, &trail.account, &trail.environment),
        Request::Guard(guard) => {
            let operation = match &guard.act {
                request::GuardAct::List { .. } => O::GuardList,
                request::GuardAct::Release { .. } => O::GuardRelease,
                request::GuardAct::Reject { .. } => O::GuardReject,
            };
            Asked::within(operation, &guard.account, &guard.environment)
        }
        Request::People(people) => match people {
            request::People::List { account, environment, .. } => {
                Asked::within(O::PeopleList, account, environment)
            }
            request::People::Show { account, environment, .. } => {
                Asked::within(O::PeopleShow, account, environment)
            }
            request::People::Create { account, environment, .. } => {
                Asked::within(O::PeopleCreate, account, environment)
            }
            request::People::Import { account, environment, .. } => {
                Asked::within(O::PeopleImport, account, environment)
            }
            request::People::Disable { account, environment, .. } => {
                Asked::within(O::PeopleDisable, account, environment)
            }
            request::People::Protect { account, environment, .. } => {
                Asked::within(O::PeopleProtect, account, environment)
            }
            request::People::Explain { account, environment, .. } => {
                Asked::within(O::PeopleExplain, account, environment)
            }
        },
        Request::Rule(rule) => {
            let operation = match &rule.act {
                request::RuleAct::List { .. } => O::RuleList,
                request::RuleAct::Show { .. } => O::RuleShow,
                request::RuleAct::Export { .. } => O::RuleExport,
                request::RuleAct::Change { .. } => O::RuleChange,
            };
            Asked::within(operation, &rule.account, &rule.environment)
        }
        Request::Unit(unit) => {
            let operation = match &unit.act {
                request::UnitAct::List { .. } => O::UnitList,
                request::UnitAct::Show { .. } => O::UnitShow,
                request::UnitAct::Create { .. } => O::UnitCreate,
                request::UnitAct::Disable { .. } => O::UnitDisable,
                request::UnitAct::Enable { .. } => O::UnitEnable,
                request::UnitAct::Import { .. } => O::UnitImport,
            };
            Asked::within(operation, &unit.account, &unit.environment)
        }
        Request::Directory(directory) => Asked::plain(of_directory(directory)),
        Request::Object(object) => Asked::plain(of_object(&object.act)),
        Request::Source(source) => Asked::plain(of_source(source)),
        Request::Gallery(request::Gallery::List) => Asked::plain(O::GalleryList),
        Request::Gallery(request::Gallery::Show { .. }) => Asked::plain(O::GalleryShow),
        Request::App(app) => Asked::plain(of_app(app)),
        Request::Status => Asked::plain(O::Status),
        Request::Backup { .. } => Asked::plain(O::Backup),
    }
}

fn of_directory(directory: &request::Directory) -> Operation {
    use Operation as O;
    use request::{Directory as D, DirectoryToken as T};
    match directory {
        D::Create { .. } => O::DirectoryCreate,
        D::List => O::DirectoryList,
        D::Show { .. } => O::DirectoryShow,
        D::Purge { .. } => O::DirectoryPurge,
        D::Token { act: T::Issue { .. }, .. } => O::DirectoryTokenIssue,
        D::Token { act: T::Rotate { .. }, .. } => O::DirectoryTokenRotate,
        D::Token { act: T::List, .. } => O::DirectoryTokenList,
        D::Token { act: T::Revoke { .. }, .. } => O::DirectoryTokenRevoke,
    }
}

fn of_object(act: &request::ObjectAct) -> Operation {
    use Operation as O;
    use request::ObjectAct as A;
    match act {
        A::List { .. } => O::ObjectList,
        A::Show { .. } => O::ObjectShow,
        A::Create { .. } => O::ObjectCreate,
        A::Set { .. } => O::ObjectSet,
        A::Activate { .. } => O::ObjectActivate,
        A::Protect { .. } => O::ObjectProtect,
        A::Delete { .. } => O::ObjectDelete,
        A::Restore { .. } => O::ObjectRestore,
        A::Members { .. } => O::ObjectMembers,
        A::AddMembers { .. } => O::ObjectAddMembers,
        A::RemoveMembers { .. } => O::ObjectRemoveMembers,
    }
}

fn of_source(source: &request::Source) -> Operation {
    use Operation as O;
    use request::Source as S;
    match source {
        S::Add { .. } => O::SourceAdd,
        S::Set { .. } => O::SourceSet,
        S::List => O::SourceList,
        S::Show { .. } => O::SourceShow,
        S::Remove { .. } => O::SourceRemove,
        S::Test { .. } => O::SourceTest,
        S::Preview { .. } => O::SourcePreview,
        S::Sync { .. } => O::SourceSync,
        S::Runs { .. } => O::SourceRuns,
        S::Allow { .. } => O::SourceAllow,
    }
}

fn of_app(app: &request::App) -> Operation {
    use Operation as O;
    use request::App as A;
    match app {
        A::Add { .. } => O::AppAdd,
        A::List => O::AppList,
        A::Show { .. } => O::AppShow,
        A::Remove { .. } => O::AppRemove,
        A::Set { .. } => O::AppSet,
        A::Credentials { .. } => O::AppCredentials,
        A::Move { .. } => O::AppMove,
        A::Test { .. } => O::AppTest,
        A::Assign { .. } => O::AppAssign,
        A::Unassign { .. } => O::AppUnassign,
        A::Group { .. } => O::AppGroup,
        A::Link { .. } => O::AppLink,
        A::Protect { .. } => O::AppProtect,
        A::Scope { .. } => O::AppScope,
        A::Start { .. } => O::AppStart,
        A::Stop { .. } => O::AppStop,
        A::Restart { .. } => O::AppRestart,
        A::Plan { .. } => O::AppPlan,
        A::Sync { .. } => O::AppSync,
        A::Provision { .. } => O::AppProvision,
        A::Explain { .. } => O::AppExplain,
        A::Status { .. } => O::AppStatus,
        A::Logs { .. } => O::AppLogs,
        A::AllowDeletes { .. } => O::AppAllowDeletes,
        A::AllowCreates { .. } => O::AppAllowCreates,
        A::FilterList { .. } => O::AppFilterList,
        A::FilterAdd { .. } => O::AppFilterAdd,
        A::FilterRemove { .. } => O::AppFilterRemove,
        A::AttributeList { .. } => O::AppAttributeList,
        A::AttributeAdd { .. } => O::AppAttributeAdd,
        A::AttributeRemove { .. } => O::AppAttributeRemove,
        A::AttributeDiscover { .. } => O::AppAttributeDiscover,
        A::MappingShow { .. } => O::AppMappingShow,
        A::MappingSet { .. } => O::AppMappingSet,
        A::MappingImport { .. } => O::AppMappingImport,
        A::MappingExport { .. } => O::AppMappingExport,
        A::MappingTest { .. } => O::AppMappingTest,
        A::MappingReset { .. } => O::AppMappingReset,
    }
}

/// How long it may take to look a role up.
const LOOK: Duration = Duration::from_secs(5);

/// Refuses what the actor may not do. What somebody has no role in is refused in the same words whether it is there or not.
pub(crate) fn check(admin: &Admin, actor: &Actor, request: &Request) -> Result<(), AdminError> {
    let asked = asked(request);
    match &actor.authority {
        Authority::Machine => Ok(()),
        Authority::Reader { account, environment } => reads(asked, account, environment),
        Authority::Granted { who } => {
            let Some(account) = asked.account else { return Err(refused(who, asked, None)) };
            let (name, whose) = (who.clone(), account.to_owned());
            let look = move |on: &mut Snapshot<'_>| role::of(on, &whose, &name);
            let has = admin.store.block_read::<_, AdminError>(LOOK, look)?;
            match asked.operation.right() {
                Right::Account(needed) if has.is_some_and(|has| has >= needed) => Ok(()),
                _ => Err(refused(who, asked, has)),
            }
        }
    }
}

/// What an API token may.
fn reads(asked: Asked<'_>, account: &str, environment: &str) -> Result<(), AdminError> {
    let own = asked.account.is_some_and(|asked| asked.eq_ignore_ascii_case(account))
        && asked.environment == Some(environment);
    if own && asked.operation.right() == READER {
        return Ok(());
    }
    let message = format!(
        "this token reads people, organizations and sites of {account}, {environment}, and nothing else"
    );
    Err(AdminError::new(FORBIDDEN, message))
}

/// The code of every refusal of this kind.
pub const FORBIDDEN: &str = "forbidden";

fn refused(who: &str, asked: Asked<'_>, has: Option<Role>) -> AdminError {
    let what = asked.operation.name();
    let message = match (asked.account, has) {
        (Some(account), Some(has)) => {
            format!("{who} is {} of {account} and may not do that: {what}", has.word())
        }
        (Some(account), None) => format!("{who} has no role in {account} and may not do that: {what}"),
        (None, _) => format!("{who} may not do that: {what}"),
    };
    let hint = match asked.operation.right() {
        Right::Account(needed) => {
            format!("It takes the role {} there, which its owner grants.", needed.word())
        }
        Right::Installation => "It takes the machine that Usher runs on.".to_owned(),
    };
    AdminError::new(FORBIDDEN, message).hint(hint)
}
