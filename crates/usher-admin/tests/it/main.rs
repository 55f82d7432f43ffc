//! Use cases through the crate's door, on SQLite and PostgreSQL, with a clock that moves when told.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails a test")]

mod expiry;
mod rights;
mod two_connections;
mod units;

use std::time::Duration;

use serde_json::Value;
use usher_admin::{
    ALL_TABLES, Actor, Admin, AdminError, Answer, Outcome, Request,
    request::{Directory, Edit, Object, ObjectAct},
};
use usher_directory::config::Configs;
use usher_jobs::clock::Clock;
use usher_store::{
    Sql, Store, StoreError, args,
    testing::{self, TestStore},
};

struct House {
    store: Store,
    admin: Admin,
    clock: Clock,
}

/// Runs a test on both databases, with a directory `firm`.
fn both(test: impl Fn(&House)) {
    let tables = [ALL_TABLES, &[usher_directory::trail::TABLES]].concat();
    testing::both(&tables, |store: &TestStore| {
        let clock = Clock::still("2026-11-02T09:00:00Z".parse().unwrap(), 7);
        let (store, trail) = (Store::clone(store), Store::clone(store));
        let admin = Admin::new(store.clone(), trail, Configs::default(), clock.clone());
        let house = House { store, admin, clock };
        house.ask(Request::Directory(Directory::Create { name: "firm".into() })).unwrap();
        test(&house);
    });
}

fn actor() -> Actor {
    Actor::machine("local:tester")
}

impl House {
    fn ask(&self, request: Request) -> Result<Answer, AdminError> {
        match self.admin.handle(&actor(), request)? {
            Outcome::Done(answer) => Ok(answer),
            Outcome::Work(work) => panic!("{work:?}"),
        }
    }
    fn user(&self, act: ObjectAct) -> Result<Value, AdminError> {
        let request = Object { directory: "firm".into(), kind: "users".into(), act };
        self.ask(Request::Object(request)).map(|answer| answer.to_json().unwrap())
    }
    fn create(&self, name: &str) -> Value {
        let edit = Edit { document: None, set: vec![("userName".into(), name.into())] };
        self.user(ObjectAct::Create { edit }).unwrap()
    }
    fn delete(&self, name: &str) {
        self.user(ObjectAct::Delete { name: name.into(), hard: false }).unwrap();
    }
    fn names(&self) -> Vec<String> {
        let list = ObjectAct::List { filter: None, deleted: false, after: None, limit: None };
        let list = self.user(list).unwrap();
        let name = |user: &Value| user["userName"].as_str().unwrap().to_owned();
        list["items"].as_array().unwrap().iter().map(name).collect()
    }
    /// Who did what to whom, oldest first.
    fn audit(&self) -> Vec<(String, String, String)> {
        const READ: Sql = Sql::same("select actor, operation, name from audit order by id");
        let read = self.store.block_read(Duration::from_secs(10), |on| on.all(&READ, args![], 100));
        let rows: Result<_, StoreError> = read;
        rows.unwrap()
    }
}

#[test]
fn after_thirty_days_who_was_deleted_is_removed_for_good() {
    both(|house| {
        for name in ["ann", "bob", "cy"] {
            house.create(name);
        }
        house.delete("ann");
        house.clock.advance(Duration::from_secs(86_400));
        house.delete("bob");
        house.clock.advance(Duration::from_secs(29 * 86_400 + 1));
        let usher = Actor::machine("usher");
        assert_eq!(house.admin.purge(&usher, None).unwrap(), 1);
        assert_eq!(house.names(), ["bob", "cy"]);
        assert_eq!(house.admin.purge(&usher, None).unwrap(), 0);
        house.clock.advance(Duration::from_secs(86_400));
        let said = house.ask(Request::Directory(Directory::Purge { name: "firm".into() })).unwrap();
        assert!(matches!(said, Answer::Said(said) if said.message.starts_with("1 users and groups of firm")));
        assert_eq!(house.names(), ["cy"]);
        let purged: Vec<_> =
            house.audit().into_iter().filter(|(_, operation, _)| operation == "user.purge").collect();
        let row = |actor: &str, name: &str| (actor.to_owned(), "user.purge".to_owned(), name.to_owned());
        assert_eq!(purged, [row("usher", "ann"), row("local:tester", "bob")]);
    });
}

#[test]
fn every_change_by_hand_is_noted_and_a_refused_one_is_not() {
    both(|house| {
        house.create("ann");
        house.user(ObjectAct::Activate { name: "ann".into(), active: false }).unwrap();
        house.delete("ann");
        house.user(ObjectAct::Restore { name: "ann".into(), edit: Edit::default() }).unwrap();
        let edit = Edit { document: None, set: vec![("shoeSize".into(), "7".into())] };
        let refused = house.user(ObjectAct::Set { name: "ann".into(), edit }).unwrap_err();
        assert_eq!(refused.0.code, "attribute_not_found");
        house.user(ObjectAct::Delete { name: "ann".into(), hard: true }).unwrap();
        let operations: Vec<String> = house.audit().into_iter().map(|(_, operation, _)| operation).collect();
        assert_eq!(
            operations,
            ["directory.create", "user.create", "user.disable", "user.delete", "user.restore", "user.remove"]
        );
        assert_eq!(house.names(), Vec::<String>::new());
    });
}

/// The profile table's row "token lives", where nobody says otherwise.
#[test]
fn row_token_lives() {
    use usher_admin::request::{Account, Token};
    both(|house| {
        for (profile, days) in [("standard", 365), ("4me", 30), ("elium", 365)] {
            let account = format!("a-{profile}");
            house
                .ask(Request::Account(Account::Create { name: account.clone(), profile: profile.into() }))
                .unwrap();
            let (environment, provider) = ("production".to_owned(), "okta".to_owned());
            let issue = Token::Issue { account, environment, provider, expires: None };
            let Answer::IssuedToken(issued) = house.ask(Request::Token(issue)).unwrap() else {
                panic!("no token")
            };
            let lives = jiff::SignedDuration::from_hours(24 * days);
            assert_eq!(issued.token.expires_at.unwrap().0, house.clock.now() + lives, "{profile}");
        }
    });
}
