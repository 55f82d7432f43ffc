//! Nothing is checked first and written then: for each invariant that the tables hold, two transactions do what cannot both stand. On
//! PostgreSQL the first has written and is not yet committed when the second comes, so the second can see nothing of it.

use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::channel,
    },
};

use jiff::Timestamp;
use serde_json::{Value, json};
use usher_admin::ALL_TABLES;
use usher_directory::{
    DirectoryId, Environment, Kind, ObjectId, Version,
    account::{self, Account},
    config::{Configs, DirectoryConfig},
    object::{self, Cause, Draft, MemberOp, Stored},
    token::{self, SecretToken},
};
use usher_engine::{app, app::NewApp, assignment};
use usher_jobs::work;
use usher_people::unit::{self, UnitKind};
use usher_sources::{Settings, SourceKind, source};
use usher_store::{
    Lane, Sql, Store, StoreError, Tx,
    testing::{self, TestStore},
};

/// Why the second was refused.
#[derive(Debug)]
struct Refused(String);

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self(format!("{error:?}"))
    }
}

fn told<T: Debug, E: Debug>(result: Result<T, E>) -> Result<T, Refused> {
    result.map_err(|error| Refused(format!("{error:?}")))
}

/// What each of the two does, by its number; what came of it as text.
type Act = Arc<dyn Fn(&mut Tx<'_>, usize) -> Result<String, Refused> + Send + Sync>;

fn act(work: impl Fn(&mut Tx<'_>, usize) -> Result<String, Refused> + Send + Sync + 'static) -> Act {
    Arc::new(work)
}

/// Runs both; the first commits when the second waits for it (or has ended).
fn race(store: &TestStore, act: &Act) -> [Result<String, Refused>; 2] {
    // Whom this transaction keeps waiting.
    const WAITING: Sql = Sql::same(
        "select count(*) from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid))",
    );
    let run = |store: &Store, n: usize| {
        let act = Arc::clone(act);
        store.block_write(Lane::Now, move |tx| act(tx, n))
    };
    if !store.is_postgres() {
        return [run(store, 0), run(store, 1)];
    }
    let (wrote, written) = channel();
    let ended = Arc::new(AtomicBool::new(false));
    let second = store.instance();
    std::thread::scope(|threads| {
        let first = threads.spawn({
            let (act, ended) = (Arc::clone(act), Arc::clone(&ended));
            move || {
                store.block_write(Lane::Now, move |tx| {
                    let came = act(tx, 0)?;
                    // Nobody hears it when this is run again.
                    let _ = wrote.send(());
                    while !ended.load(Ordering::SeqCst) && tx.one::<(i64,)>(&WAITING, &[])? == Some((0,)) {
                        std::thread::yield_now();
                    }
                    Ok::<_, Refused>(came)
                })
            }
        });
        let came = written
            .recv()
            .map_or_else(|_| Err(Refused("the first was refused already".to_owned())), |()| run(&second, 1));
        ended.store(true, Ordering::SeqCst);
        [first.join().unwrap(), came]
    })
}

/// What may come of the second.
enum Second {
    /// Refused, and says so in these words.
    Refused(&'static str),
    /// It finds what the first has written.
    Finds(&'static str),
    /// It gets what the first got.
    Same,
    /// Refused in these words where it came before the first was committed, else it finds what was written.
    Either(&'static str, &'static str),
}

fn now() -> Timestamp {
    "2026-11-02T09:00:00Z".parse().unwrap()
}

/// An account of the profile `4me`, with what the cases need in it.
struct House {
    account: Account,
    config: Arc<DirectoryConfig>,
    firm: DirectoryId,
    ann: Stored,
    bob: Stored,
    dan: Stored,
    group: Stored,
    app: app::App,
}

fn new_app(directory: DirectoryId, name: &str) -> NewApp {
    NewApp {
        name: name.to_owned(),
        template: "scim".to_owned(),
        directory,
        tenant_url: "https://app.example.com/scim".to_owned(),
        secret: "secret".into(),
        plain_http: false,
    }
}

impl House {
    fn new(store: &TestStore) -> Self {
        let inner = Store::clone(store);
        let (account, firm, app) = store
            .block_write(Lane::Now, move |tx| {
                let account = told(account::create(tx, "first", "4me", now()))?;
                let firm = told(account::create_directory(tx, "other", now()))?;
                let app = told(app::add(tx, &inner, &new_app(firm, "there"), now()))?;
                Ok::<_, Refused>((account, firm, app))
            })
            .unwrap();
        let directory = account.production;
        let config = store
            .block_read(std::time::Duration::from_secs(20), move |on| Configs::default().get(on, directory))
            .unwrap()
            .unwrap();
        let put = |kind, value: Value| {
            let draft = draft(&config, kind, &value);
            store.block_write(Lane::Now, move |tx| told(object::put(tx, directory, &draft))).unwrap()
        };
        let ann = put(Kind::User, json!({"userName": "ann"}));
        let bob = put(Kind::User, json!({"userName": "bob"}));
        let dan = put(Kind::User, json!({"userName": "dan"}));
        let group = put(Kind::Group, json!({"displayName": "group"}));
        // Two live tokens; the third is the last.
        for _ in 0..2 {
            let (secret, account) = (SecretToken::generate(), account.id);
            let issue = move |tx: &mut Tx<'_>| {
                told(token::issue(tx, account, Environment::Production, "okta", None, &secret, now()))
            };
            store.block_write(Lane::Now, issue).unwrap();
        }
        Self { account, config, firm, ann, bob, dan, group, app }
    }

    fn put(&self, drafts: [Draft; 2]) -> Act {
        let directory = self.config.id;
        act(move |tx, n| told(object::put(tx, directory, &drafts[n])).map(|it| it.id.to_string()))
    }

    fn add_member(
        &self,
        member: &Stored,
        was: Option<Version>,
    ) -> impl Fn(&mut Tx<'_>) -> Result<String, Refused> + use<> {
        let (directory, group, ops) = (self.config.id, self.group.key, [MemberOp::Add(vec![member.id])]);
        move |tx| {
            let put = told(object::members(tx, directory, group, was, &ops, Cause::default(), now()))?;
            Ok(format!("{} added", put.added))
        }
    }
}

fn draft(config: &DirectoryConfig, kind: Kind, value: &Value) -> Draft {
    Draft::create(config, kind, ObjectId::new(now()), value.as_object().unwrap(), now()).unwrap()
}

/// Cases of directories: accounts, objects, members, tokens.
fn of_directories(house: &House) -> Vec<(&'static str, Act, Second)> {
    let config = &house.config;
    let both = |kind, one: Value, other: Value| [draft(config, kind, &one), draft(config, kind, &other)];
    let titled = |title: &str| {
        let value = json!({"userName": "ann", "title": title});
        Draft::replace(config, &house.ann, value.as_object().unwrap(), now()).unwrap()
    };
    let once = draft(config, Kind::User, &json!({"userName": "twice"}));
    let (account, secrets) = (house.account.id, [SecretToken::generate(), SecretToken::generate()]);
    let version = Some(house.group.version);
    let (first, second) = (house.add_member(&house.ann, version), house.add_member(&house.bob, version));
    let (again, directory) = (house.add_member(&house.bob, None), house.config.id);
    let (goes, joins) =
        (Draft::remove(config, &house.dan, now()).unwrap(), house.add_member(&house.dan, None));
    vec![
        (
            "an account's name",
            act(|tx, n| {
                told(account::create(tx, ["Acme", "ACME"][n], "standard", now())).map(|_| String::new())
            }),
            Second::Refused("Taken"),
        ),
        (
            "a directory's name",
            act(|tx, n| {
                told(account::create_directory(tx, ["Firm", "FIRM"][n], now())).map(|_| String::new())
            }),
            Second::Refused("Taken"),
        ),
        (
            "a userName",
            house.put(both(Kind::User, json!({"userName": "Carl"}), json!({"userName": "cARL"}))),
            Second::Refused("Taken"),
        ),
        (
            "a value declared unique",
            house.put(both(Kind::Group, json!({"displayName": "Sales"}), json!({"displayName": "SALES"}))),
            Second::Refused("Taken"),
        ),
        ("an id: the same creation twice", house.put([once.clone(), once]), Second::Same),
        ("an object's version", house.put([titled("one"), titled("two")]), Second::Refused("Stale")),
        (
            "a group's version, which covers its members",
            act(move |tx, n| if n == 0 { first(tx) } else { second(tx) }),
            Second::Refused("Stale"),
        ),
        ("a membership", act(move |tx, _| again(tx)), Second::Finds("0 added")),
        (
            "a member that is removed meanwhile",
            act(move |tx, n| {
                if n == 0 {
                    told(object::put(tx, directory, &goes)).map(|_| String::new())
                } else {
                    joins(tx)
                }
            }),
            // On PostgreSQL it was there when it was looked up.
            Second::Either("Stale", "0 added"),
        ),
        (
            "three live tokens of an integration",
            act(move |tx, n| {
                told(token::issue(tx, account, Environment::Production, "okta", None, &secrets[n], now()))
                    .map(|_| String::new())
            }),
            Second::Refused("TooMany"),
        ),
    ]
}

/// Cases of the crates above.
fn of_others(house: &House, store: &Store) -> Vec<(&'static str, Act, Second)> {
    let (firm, app, object) = (house.firm, house.app.clone(), house.ann.key);
    let (directory, engine) = (house.config.id, store.clone());
    vec![
        (
            "a queue",
            act(|tx, _| told(work::queue(tx, "one")).map(|queue| format!("{queue:?}"))),
            Second::Same,
        ),
        (
            "an organization's name",
            act(move |tx, n| {
                let id = uuid::Uuid::now_v7();
                let made =
                    unit::create(tx, directory, UnitKind::Organization, ["North", "NORTH"][n], id, now());
                told(made).map(|_| String::new())
            }),
            Second::Refused(""),
        ),
        (
            "a source's name",
            act(move |tx, _| {
                let settings = Settings::of_files("people.csv", None);
                told(source::add(tx, "hr", firm, SourceKind::Csv, &settings, now())).map(|_| String::new())
            }),
            Second::Refused("Taken"),
        ),
        (
            "an app's name",
            act(move |tx, _| {
                told(app::add(tx, &engine, &new_app(firm, "new"), now())).map(|_| String::new())
            }),
            Second::Refused("Taken"),
        ),
        (
            "an app's settings",
            act({
                let app = app.clone();
                move |tx, n| {
                    let pair = ("interval".to_owned(), ["50", "60"][n].to_owned());
                    told(app::set(tx, &app, &[pair])).map(|_| String::new())
                }
            }),
            Second::Refused("Stale"),
        ),
        (
            "an assignment",
            act(move |tx, _| {
                told(assignment::assign(tx, &app, object, Kind::User, "User", now()))
                    .map(|new| new.to_string())
            }),
            Second::Finds("false"),
        ),
    ]
}

#[test]
fn of_two_that_can_not_both_stand_the_second_is_refused_or_finds_the_first() {
    testing::both(ALL_TABLES, |store| {
        let house = House::new(store);
        let cases = of_directories(&house).into_iter().chain(of_others(&house, store));
        for (what, act, second) in cases {
            let [first, came] = race(store, &act);
            let first = first.unwrap_or_else(|error| panic!("{what}: the first was refused: {error:?}"));
            match (second, came) {
                (Second::Refused(word), Err(Refused(why))) if why.contains(word) => {}
                (Second::Finds(expected), Ok(came)) if came == expected && first != came => {}
                (Second::Same, Ok(came)) if came == first => {}
                (Second::Either(word, _), Err(Refused(why))) if store.is_postgres() && why.contains(word) => {
                }
                (Second::Either(_, expected), Ok(came)) if !store.is_postgres() && came == expected => {}
                (_, came) => panic!("{what}: the first came to {first:?}, the second to {came:?}"),
            }
        }
    });
}
