//! Who may do what: every use case, for everybody there is, in the account at hand and in another.

use usher_admin::{
    Actor, Request, SignedIn,
    request::{
        self as r, Account, App, Authority, Directory, DirectoryToken, Edit, Gallery, Object, ObjectAct,
        People, PeopleFilter, Record, RowChange, RuleAct, RuleChange, SafeguardChange, ScheduleChange,
        Source, SourceFrom, Token, Trail, Unit, UnitAct,
    },
    rights::{Asked, FORBIDDEN, Operation, Right, Role, asked},
};
use usher_api::Secret;

use crate::{House, both};

/// A request of each operation, about `account` in `production` where it is about one.
fn sample(operation: Operation, account: &str) -> Request {
    use Operation as O;
    let (name, account, environment) = (|| "x".to_owned(), account.to_owned(), || "production".to_owned());
    let unit = |act| {
        Request::Unit(Unit { kind: "site".into(), account: account.clone(), environment: environment(), act })
    };
    let schema = |act| Request::Account(Account::Schema { name: account.clone(), act });
    let index = |act| Request::Account(Account::Index { name: account.clone(), act });
    let guard = |act| Request::Guard(r::Guard { account: account.clone(), environment: environment(), act });
    let rule = |act| Request::Rule(r::Rule { account: account.clone(), environment: environment(), act });
    let token = |act| Request::Directory(Directory::Token { name: name(), act });
    let object = |act| Request::Object(Object { directory: "nobody".into(), kind: "users".into(), act });
    let app = |app| Request::App(Box::new(app));
    let overlap = jiff::SignedDuration::ZERO;
    match operation {
        O::AccountCreate => Request::Account(Account::Create { name: "a b".into(), profile: name() }),
        O::AccountList => Request::Account(Account::List),
        O::AccountShow => Request::Account(Account::Show { name: account }),
        O::AccountSet => Request::Account(Account::Set { name: account, key: name(), value: name() }),
        O::AccountOrganization => Request::Account(Account::Set {
            name: account,
            key: "default_organization".into(),
            value: name(),
        }),
        O::SchemaList => schema(r::SchemaAct::List),
        O::SchemaAdd => schema(r::SchemaAct::Add { kind: name(), document: Default::default() }),
        O::SchemaRemove => schema(r::SchemaAct::Remove { urn: name() }),
        O::IndexList => index(r::IndexAct::List),
        O::IndexAdd => index(r::IndexAct::Add { kind: name(), attribute: name() }),
        O::IndexRemove => index(r::IndexAct::Remove { kind: name(), attribute: name() }),
        O::GuardList => guard(r::GuardAct::List { after: None, limit: None }),
        O::GuardRelease => guard(r::GuardAct::Release { users: vec![name()] }),
        O::GuardReject => guard(r::GuardAct::Reject { users: vec![name()], why: None }),
        O::TokenIssue => Request::Token(Token::Issue {
            account,
            environment: environment(),
            provider: "other".into(),
            expires: None,
        }),
        O::TokenIssueApi => {
            Request::Token(Token::IssueApi { account, environment: environment(), expires: None })
        }
        O::TokenRotate => Request::Token(Token::Rotate {
            account,
            environment: environment(),
            token: Some(name()),
            overlap,
            expires: None,
        }),
        O::TokenList => Request::Token(Token::List { account }),
        O::TokenRevoke => Request::Token(Token::Revoke { account, token: name() }),
        O::RoleGrant => Request::Role(r::Role::Grant { account, who: name(), role: name() }),
        O::RoleRevoke => Request::Role(r::Role::Revoke { account, who: name() }),
        O::RoleList => Request::Role(r::Role::List { account }),
        O::RecordList => Request::Record(Record::List {
            account,
            environment: environment(),
            kind: None,
            sort: "updated".into(),
            errors: false,
            after: None,
            limit: None,
        }),
        O::RecordShow => Request::Record(Record::Show { account, environment: environment(), id: name() }),
        O::RecordDelete => Request::Record(Record::Delete {
            account,
            environment: environment(),
            id: name(),
            disable: false,
            erase: false,
        }),
        O::Trail => Request::Trail(Trail {
            account,
            environment: environment(),
            record: None,
            request: None,
            token: None,
            errors: false,
            after: None,
            limit: None,
        }),
        O::PeopleList => Request::People(People::List {
            account,
            environment: environment(),
            ungoverned: false,
            filter: PeopleFilter::default(),
            after: None,
            limit: None,
        }),
        O::PeopleShow => {
            Request::People(People::Show { account, environment: environment(), person: name() })
        }
        O::PeopleCreate => {
            Request::People(People::Create { account, environment: environment(), fields: Vec::new() })
        }
        O::PeopleImport => {
            Request::People(People::Import { account, environment: environment(), csv: String::new() })
        }
        O::PeopleDisable => Request::People(People::Disable {
            account,
            environment: environment(),
            person: name(),
            disabled: true,
        }),
        O::PeopleProtect => Request::People(People::Protect {
            account,
            environment: environment(),
            person: name(),
            protected: true,
        }),
        O::PeopleExplain => {
            Request::People(People::Explain { account, environment: environment(), person: name() })
        }
        O::RuleList => rule(RuleAct::List { kind: None }),
        O::RuleShow => rule(RuleAct::Show { name: name(), kind: None }),
        O::RuleExport => rule(RuleAct::Export { kind: None }),
        O::RuleChange => rule(RuleAct::Change {
            change: RuleChange::Delete { name: name(), kind: None },
            save: false,
            revision: None,
        }),
        O::UnitList => unit(UnitAct::List { name: None, disabled: None, after: None, limit: None }),
        O::UnitShow => unit(UnitAct::Show { name: name() }),
        O::UnitCreate => unit(UnitAct::Create { name: String::new() }),
        O::UnitDisable => unit(UnitAct::Disable { name: name() }),
        O::UnitEnable => unit(UnitAct::Enable { name: name() }),
        O::UnitImport => unit(UnitAct::Import { sheet: Default::default(), dry_run: true }),
        O::DirectoryCreate => Request::Directory(Directory::Create { name: "a b".into() }),
        O::DirectoryList => Request::Directory(Directory::List),
        O::DirectoryShow => Request::Directory(Directory::Show { name: name() }),
        O::DirectoryPurge => Request::Directory(Directory::Purge { name: name() }),
        O::DirectoryTokenIssue => token(DirectoryToken::Issue { provider: name(), expires: None }),
        O::DirectoryTokenRotate => token(DirectoryToken::Rotate { token: None, overlap, expires: None }),
        O::DirectoryTokenList => token(DirectoryToken::List),
        O::DirectoryTokenRevoke => token(DirectoryToken::Revoke { token: name() }),
        O::ObjectList => object(ObjectAct::List { filter: None, deleted: false, after: None, limit: None }),
        O::ObjectShow => object(ObjectAct::Show { name: name() }),
        O::ObjectCreate => object(ObjectAct::Create { edit: Edit::default() }),
        O::ObjectSet => object(ObjectAct::Set { name: name(), edit: Edit::default() }),
        O::ObjectActivate => object(ObjectAct::Activate { name: name(), active: false }),
        O::ObjectProtect => object(ObjectAct::Protect { name: name(), off: false }),
        O::ObjectDelete => object(ObjectAct::Delete { name: name(), hard: false }),
        O::ObjectRestore => object(ObjectAct::Restore { name: name(), edit: Edit::default() }),
        O::ObjectMembers => object(ObjectAct::Members { name: name(), after: None, limit: None }),
        O::ObjectAddMembers => object(ObjectAct::AddMembers { name: name(), members: Vec::new() }),
        O::ObjectRemoveMembers => object(ObjectAct::RemoveMembers { name: name(), members: Vec::new() }),
        O::SourceAdd => Request::Source(Source::Add {
            name: name(),
            directory: "nobody".into(),
            kind: "csv".into(),
            from: SourceFrom::Files { file: name(), memberships: None, encoding: None, separator: None },
            schedule: ScheduleChange::default(),
        }),
        O::SourceSet => Request::Source(Source::Set {
            name: name(),
            ldap: Box::default(),
            bind_password: None,
            schedule: ScheduleChange::default(),
            safeguard: SafeguardChange::default(),
        }),
        O::SourceList => Request::Source(Source::List),
        O::SourceShow => Request::Source(Source::Show { name: name() }),
        O::SourceRemove => Request::Source(Source::Remove { name: name() }),
        O::SourceTest => Request::Source(Source::Test { name: name() }),
        O::SourcePreview => Request::Source(Source::Preview { name: name(), first: 1 }),
        O::SourceSync => Request::Source(Source::Sync { name: name(), changes: false }),
        O::SourceRuns => Request::Source(Source::Runs { name: name(), limit: None }),
        O::SourceAllow => Request::Source(Source::Allow { name: name() }),
        O::GalleryList => Request::Gallery(Gallery::List),
        O::GalleryShow => Request::Gallery(Gallery::Show { name: name() }),
        O::AppAdd => app(App::Add {
            name: name(),
            template: name(),
            directory: "nobody".into(),
            tenant_url: name(),
            token: Secret(name()),
        }),
        O::AppList => app(App::List),
        O::AppShow => app(App::Show { name: name() }),
        O::AppRemove => app(App::Remove { name: name() }),
        O::AppSet => app(App::Set { name: name(), key: name(), value: name() }),
        O::AppCredentials => {
            app(App::Credentials { name: name(), token: Secret(name()), oauth: None, expires: None })
        }
        O::AppMove => app(App::Move {
            name: name(),
            url: "https://app.example.com/scim/v2".into(),
            accounts: "same".into(),
            token: Secret(name()),
            oauth: None,
            expires: None,
        }),
        O::AppTest => app(App::Test { name: name() }),
        O::AppAssign => app(App::Assign {
            name: name(),
            kind: name(),
            who: name(),
            role: None,
            terms: Default::default(),
        }),
        O::AppUnassign => app(App::Unassign { name: name(), kind: name(), who: name() }),
        O::AppGroup => app(App::Group { name: name(), group: name(), act: r::GroupAct::Pause }),
        O::AppLink => app(App::Link { name: name(), kind: name(), who: name(), delete: false }),
        O::AppProtect => app(App::Protect { name: name(), user: name(), off: false }),
        O::AppScope => app(App::Scope { name: name(), scope: name(), yes: true }),
        O::AppStart => app(App::Start { name: name(), first: None }),
        O::AppStop => app(App::Stop { name: name() }),
        O::AppRestart => app(App::Restart { name: name(), reset: String::new() }),
        O::AppPlan => app(App::Plan { name: name(), users: Vec::new() }),
        O::AppSync => app(App::Sync { name: name() }),
        O::AppProvision => app(App::Provision { name: name(), kind: name(), who: name(), dry_run: true }),
        O::AppExplain => app(App::Explain { name: Some(name()), kind: name(), who: name() }),
        O::AppStatus => app(App::Status { name: name() }),
        O::AppLogs => app(App::Logs {
            name: name(),
            user: None,
            status: None,
            cycle: None,
            limit: None,
            more: Default::default(),
        }),
        O::AppAllowDeletes => app(App::AllowDeletes { name: name(), only: Vec::new() }),
        O::AppAllowCreates => app(App::AllowCreates { name: name() }),
        O::AppFilterList => app(App::FilterList { name: name() }),
        O::AppFilterAdd => app(App::FilterAdd {
            name: name(),
            kind: "users".into(),
            title: name(),
            clauses: Vec::new(),
            anchor: None,
            yes: true,
        }),
        O::AppFilterRemove => {
            app(App::FilterRemove { name: name(), kind: "users".into(), title: name(), yes: true })
        }
        O::AppAttributeList => app(App::AttributeList { name: name() }),
        O::AppAttributeAdd => app(App::AttributeAdd {
            name: name(),
            kind: "users".into(),
            attribute: r::NewAttribute {
                name: name(),
                of: "string".into(),
                required: false,
                multi_valued: false,
                case_exact: false,
                mutability: None,
                sub: Vec::new(),
            },
        }),
        O::AppAttributeRemove => {
            app(App::AttributeRemove { name: name(), kind: "users".into(), attribute: name() })
        }
        O::AppAttributeDiscover => app(App::AttributeDiscover { name: name() }),
        O::AppMappingShow => app(App::MappingShow { name: name(), kind: "users".into() }),
        O::AppMappingSet => app(App::MappingSet {
            name: name(),
            kind: "users".into(),
            target: name(),
            change: RowChange::default(),
            force: false,
            yes: true,
        }),
        O::AppMappingImport => app(App::MappingImport {
            name: name(),
            kind: None,
            text: name(),
            format: None,
            anchor: None,
            dry_run: true,
            force: false,
            yes: true,
        }),
        O::AppMappingExport => app(App::MappingExport { name: name(), format: "toml".into() }),
        O::AppMappingTest => app(App::MappingTest { name: name() }),
        O::AppMappingReset => {
            app(App::MappingReset { name: name(), kind: "users".into(), force: false, yes: true })
        }
        O::Status => Request::Status,
        O::Backup => Request::Backup { file: "relative".into() },
    }
}

/// Whether the use case was refused for who asked, in the words of [`FORBIDDEN`]. Anything else means that it was let through.
fn forbidden(house: &House, actor: &Actor, request: Request) -> Option<String> {
    match house.admin.handle(actor, request) {
        Err(error) if error.0.code == FORBIDDEN => Some(error.to_string()),
        _ => None,
    }
}

fn reader(account: &str, environment: &str) -> Actor {
    let authority = Authority::Reader { account: account.into(), environment: environment.into() };
    Actor { name: "token:1".into(), authority }
}

fn grant(house: &House, account: &str, who: &str, role: &str) {
    let grant = r::Role::Grant { account: account.into(), who: who.into(), role: role.into() };
    house.ask(Request::Role(grant)).unwrap();
}

#[test]
fn every_use_case_is_open_to_whom_the_table_says_and_to_nobody_else() {
    both(|house| {
        for account in ["acme", "globex"] {
            let create = Account::Create { name: account.into(), profile: "4me".into() };
            house.ask(Request::Account(create)).unwrap();
        }
        grant(house, "acme", "olga@example.com", "owner");
        grant(house, "acme", "adam@example.com", "administrator");
        grant(house, "globex", "gina@example.com", "owner");
        // Who asks, and as what they count in acme.
        let people = [
            (Actor::person("Olga@Example.com"), Some(Role::Owner)),
            (Actor::person("adam@example.com"), Some(Role::Administrator)),
            (reader("ACME", "production"), Some(Role::Reader)),
            (reader("acme", "qa"), None),
            (reader("globex", "production"), None),
            (Actor::person("gina@example.com"), None),
            (Actor::person("nobody@example.com"), None),
            (Actor::person(""), None),
        ];
        for &operation in Operation::ALL {
            let of_acme = sample(operation, "acme");
            let Asked { operation: row, account, .. } = asked(&of_acme);
            assert_eq!(row, operation, "the sample of {} is another's", operation.name());
            assert_eq!(
                account.is_some(),
                matches!(operation.right(), Right::Account(_)),
                "{}",
                operation.name()
            );
            for (actor, has) in &people {
                let allowed = match operation.right() {
                    Right::Account(needed) => has.is_some_and(|has| has >= needed),
                    Right::Installation => false,
                };
                let refused = forbidden(house, actor, sample(operation, "acme"));
                assert_eq!(refused.is_none(), allowed, "{} for {actor:?}: {refused:?}", operation.name());
            }
            // In an account that is another's, and in one that is not there, in the same words.
            for actor in [Actor::person("adam@example.com"), reader("acme", "production")] {
                let words = |account: &str| {
                    forbidden(house, &actor, sample(operation, account))
                        .map(|said| said.replace(account, "ACCOUNT"))
                };
                let (foreign, missing) = (words("globex"), words("initech"));
                assert!(
                    foreign.is_some() && foreign == missing,
                    "{}: {foreign:?} {missing:?}",
                    operation.name()
                );
            }
        }
        // Whoever has the machine may do all of it; what changes something comes last.
        let machine = Actor::machine("local:root");
        for &operation in Operation::ALL {
            assert_eq!(forbidden(house, &machine, sample(operation, "acme")), None, "{}", operation.name());
        }
    });
}

#[test]
fn names_of_operations_are_one_each() {
    let mut names: Vec<&str> = Operation::ALL.iter().map(|operation| operation.name()).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn a_role_holds_from_its_grant_to_its_revocation_and_each_is_noted() {
    both(|house| {
        house.ask(Request::Account(Account::Create { name: "acme".into(), profile: "4me".into() })).unwrap();
        let ann = Actor::person("ann@example.com");
        let list = || Request::Token(Token::List { account: "acme".into() });
        assert!(forbidden(house, &ann, list()).unwrap().contains("ann@example.com has no role in acme"));
        grant(house, "acme", " Ann@Example.com ", "administrator");
        let said = forbidden(house, &ann, list()).unwrap();
        assert!(
            said.contains("ann@example.com is administrator of acme") && said.contains("the role owner"),
            "{said}"
        );
        grant(house, "acme", "ann@example.com", "owner");
        assert_eq!(forbidden(house, &ann, list()), None);
        // An owner appoints others.
        let request = r::Role::Grant {
            account: "acme".into(),
            who: "ben@example.com".into(),
            role: "administrator".into(),
        };
        house.admin.handle(&ann, Request::Role(request)).unwrap();
        let roles =
            house.ask(Request::Role(r::Role::List { account: "acme".into() })).unwrap().to_json().unwrap();
        let roles: Vec<_> = roles["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| (it["who"].clone(), it["role"].clone()))
            .collect();
        assert_eq!(
            roles,
            [("ann@example.com".into(), "owner".into()), ("ben@example.com".into(), "administrator".into())]
        );
        let revoke =
            || Request::Role(r::Role::Revoke { account: "acme".into(), who: "ANN@example.com".into() });
        house.ask(revoke()).unwrap();
        assert!(forbidden(house, &ann, list()).is_some());
        assert_eq!(house.ask(revoke()).unwrap_err().0.code, "role_not_found");
        for (who, role) in
            [("", "owner"), ("a b", "owner"), ("local:root", "owner"), ("ann@example.com", "king")]
        {
            let wrong = r::Role::Grant { account: "acme".into(), who: who.into(), role: role.into() };
            assert!(
                house.ask(Request::Role(wrong)).unwrap_err().0.code.starts_with("invalid_"),
                "{who} {role}"
            );
        }
        let noted: Vec<_> =
            house.audit().into_iter().filter(|(_, what, _)| what.starts_with("role.")).collect();
        let row = |actor: &str, what: &str| (actor.to_owned(), what.to_owned(), "acme".to_owned());
        assert_eq!(
            noted,
            [
                row("local:tester", "role.grant"),
                row("local:tester", "role.grant"),
                row("ann@example.com", "role.grant"),
                row("local:tester", "role.revoke")
            ]
        );
    });
}

#[test]
fn an_api_token_stands_for_its_environment_until_it_is_revoked() {
    both(|house| {
        house.ask(Request::Account(Account::Create { name: "Acme".into(), profile: "4me".into() })).unwrap();
        let issue = |request| house.ask(Request::Token(request)).unwrap().to_json().unwrap();
        let api = issue(Token::IssueApi { account: "acme".into(), environment: "qa".into(), expires: None });
        assert_eq!(api["authorization"], format!("Bearer {}", api["secret"].as_str().unwrap()));
        let secret = api["secret"].as_str().unwrap();
        let SignedIn { actor, last_used, token } = house.admin.sign_in(secret, "").unwrap();
        assert_eq!((actor.authority, last_used), (reader("Acme", "qa").authority, None));
        assert_eq!(actor.name, format!("token:{token}"));
        house.admin.note_use(token, "192.0.2.7", "app/1").unwrap();
        assert_eq!(house.admin.sign_in(secret, "").unwrap().last_used, Some(house.clock.now()));
        // A token of a client reads nobody, and none at all is not known.
        let issue_scim = Token::Issue {
            account: "acme".into(),
            environment: "qa".into(),
            provider: "okta".into(),
            expires: None,
        };
        let scim = issue(issue_scim);
        for wrong in [scim["secret"].as_str().unwrap(), "", "usher_x", &secret[1..]] {
            assert_eq!(house.admin.sign_in(wrong, "").unwrap_err().0.code, usher_admin::BAD_TOKEN);
        }
        // Rotating without saying which means the client's.
        let rotate = |token: Option<String>| {
            issue(Token::Rotate {
                account: "acme".into(),
                environment: "qa".into(),
                token,
                overlap: jiff::SignedDuration::from_hours(1),
                expires: None,
            })
        };
        assert_eq!(rotate(None)["token"]["provider"], "okta");
        let next = rotate(Some(token.to_string()));
        assert_eq!(next["token"]["provider"], "api");
        house.clock.advance(std::time::Duration::from_secs(3601));
        let over = house.admin.sign_in(secret, "").unwrap_err();
        assert!(over.to_string().contains("was rotated"), "{over}");
        let secret = next["secret"].as_str().unwrap();
        house.admin.sign_in(secret, "").unwrap();
        let id = next["token"]["id"].as_str().unwrap().to_owned();
        house.ask(Request::Token(Token::Revoke { account: "acme".into(), token: id })).unwrap();
        assert!(house.admin.sign_in(secret, "").unwrap_err().to_string().contains("was revoked"));
    });
}

#[test]
fn the_page_of_roles_is_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/roles.md");
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    let (head, _) = stored.split_once("| operation |").unwrap_or((&stored, ""));
    let mut made = format!(
        "{head}| operation | what | reader | administrator | owner | machine |\n| --- | --- | --- | --- | --- | --- |\n"
    );
    for operation in Operation::ALL {
        let may = |role: Role| match operation.right() {
            Right::Account(needed) if role >= needed => "yes",
            _ => "",
        };
        let roles = [Role::Reader, Role::Administrator, Role::Owner].map(may).join(" | ");
        made.push_str(&format!("| `{}` | {} | {roles} | yes |\n", operation.name(), operation.about()));
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &made).unwrap();
        return;
    }
    assert!(stored == made, "docs/roles.md is out of date: run this test with UPDATE_DOCS=1");
}
