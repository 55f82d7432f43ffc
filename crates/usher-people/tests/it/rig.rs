//! An account with a directory that tests write to, and the people that come out of it.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use usher_directory::{
    DirectoryId, Kind, ObjectId, account,
    config::{Configs, DirectoryConfig},
    object::{self, Cause, Draft, MemberOp, PutError, Stored},
};
use usher_jobs::clock::Clock;
use usher_people::{
    People, driver, dry_run, hand,
    person::{self, Person},
    record::{self, Detail, Record},
    rule,
    unit::{self, UnitKind},
};
use usher_scim::Object;
use usher_store::{Lane, Snapshot, Store, StoreError, Tables, Tx, testing};

const TABLES: &[Tables] = &[usher_directory::TABLES, usher_jobs::TABLES, usher_people::TABLES];

/// The enterprise extension.
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Runs a test in an account with profile `4me` on each database.
pub(crate) fn both(test: impl Fn(&Rig)) {
    testing::both(TABLES, |store| test(&Rig::new(store.instance(), "4me")));
}

/// The same with a profile and a clock that stands until it is moved.
pub(crate) fn both_still(profile: &'static str, test: impl Fn(&Rig)) {
    testing::both(TABLES, |store| {
        let clock = Clock::still("2026-11-02T09:00:00Z".parse().unwrap(), 11);
        test(&Rig::with_clock(store.instance(), profile, clock));
    });
}

/// As [`both_still`], but the rules wait after each read and write, also on SQLite: a test can do something in between.
pub(crate) fn both_stepwise(profile: &'static str, test: impl Fn(&Rig)) {
    let postgres = testing::postgres(TABLES);
    for store in [Store::stepwise(TABLES), postgres.instance()] {
        let clock = Clock::still("2026-11-02T09:00:00Z".parse().unwrap(), 11);
        test(&Rig::with_clock(store, profile, clock));
    }
}

pub(crate) struct Rig {
    pub(crate) store: Store,
    pub(crate) people: People,
    pub(crate) directory: DirectoryId,
    pub(crate) config: Arc<DirectoryConfig>,
    pub(crate) clock: Clock,
    runtime: tokio::runtime::Runtime,
}

impl Rig {
    fn new(store: Store, profile: &'static str) -> Self {
        Self::with_clock(store, profile, Clock::real())
    }

    fn with_clock(store: Store, profile: &'static str, clock: Clock) -> Self {
        let now = clock.now();
        let account =
            store.block_write(Lane::Now, move |tx| account::create(tx, "acme", profile, now)).unwrap();
        let directory = account.production;
        let configs = Configs::default();
        let config = store
            .block_read(testing_limit(), move |on| Ok::<_, StoreError>(configs.get(on, directory)?.unwrap()))
            .unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let people = People::new(store.clone(), clock.clone());
        Self { store, people, directory, config, clock, runtime }
    }

    /// The same account through an instance that knows nothing of what this one was doing.
    pub(crate) fn other_instance(&self) -> People {
        People::new(self.store.clone(), self.clock.clone())
    }

    pub(crate) fn write<T: Send + 'static, E: From<StoreError> + std::fmt::Debug + Send + 'static>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> T {
        self.store.block_write(Lane::Now, work).unwrap()
    }

    pub(crate) fn read<T: Send + 'static, E: From<StoreError> + std::fmt::Debug + Send + 'static>(
        &self,
        work: impl FnMut(&mut Snapshot<'_>) -> Result<T, E> + Send + 'static,
    ) -> T {
        self.store.block_read(testing_limit(), work).unwrap()
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Runs the rules until nothing is left to do; how many executions.
    pub(crate) fn catch_up(&self) -> u64 {
        self.block_on(driver::catch_up(&self.people, self.directory)).unwrap().executions
    }

    fn create(&self, kind: Kind, doc: Value) -> ObjectId {
        let id = ObjectId(self.clock.id());
        let draft = Draft::create(&self.config, kind, id, &object_of(doc), self.clock.now()).unwrap();
        let directory = self.directory;
        self.write(move |tx| object::put(tx, directory, &draft)).id
    }

    /// POST of a user.
    pub(crate) fn user(&self, doc: Value) -> ObjectId {
        self.create(Kind::User, doc)
    }

    /// POST of a user with an e-mail address as userName.
    pub(crate) fn plain(&self, email: &str, name: &str) -> ObjectId {
        self.user(json!({"userName": email, "displayName": name}))
    }

    pub(crate) fn stored(&self, id: ObjectId) -> Option<Stored> {
        let directory = self.directory;
        self.read::<_, StoreError>(move |on| object::get(on, directory, id))
    }

    /// PATCH: each key of `changes` replaces an attribute; null removes it.
    pub(crate) fn change(&self, id: ObjectId, changes: Value) {
        let was = self.stored(id).unwrap();
        let mut doc = was.object().unwrap();
        for (name, value) in object_of(changes) {
            if value.is_null() {
                doc.remove(&name);
            } else {
                doc.insert(name, value);
            }
        }
        let draft = Draft::replace(&self.config, &was, &doc, self.clock.now()).unwrap();
        let directory = self.directory;
        self.write(move |tx| object::put(tx, directory, &draft));
    }

    /// DELETE under `4me`: inactive, still there.
    pub(crate) fn deactivate(&self, id: ObjectId) {
        let draft = Draft::deactivate(&self.config, &self.stored(id).unwrap(), self.clock.now()).unwrap();
        let directory = self.directory;
        self.write(move |tx| object::put(tx, directory, &draft));
    }

    /// DELETE under `standard`, or with `?hard=true`: gone.
    pub(crate) fn remove(&self, id: ObjectId) {
        let draft = Draft::remove(&self.config, &self.stored(id).unwrap(), self.clock.now()).unwrap();
        let directory = self.directory;
        self.write(move |tx| object::put(tx, directory, &draft));
    }

    /// POST of a group.
    pub(crate) fn group(&self, name: &str, members: &[ObjectId]) -> ObjectId {
        let id = self.create(Kind::Group, json!({"displayName": name}));
        if !members.is_empty() {
            self.members(id, MemberOp::Add(members.to_vec()));
        }
        id
    }

    pub(crate) fn members(&self, group: ObjectId, op: MemberOp) {
        let key = self.stored(group).unwrap().key;
        let (directory, now) = (self.directory, self.clock.now());
        self.write::<_, PutError>(move |tx| {
            object::members(tx, directory, key, None, std::slice::from_ref(&op), Cause::default(), now)
        });
    }

    pub(crate) fn unit(&self, kind: UnitKind, name: &str) {
        let (directory, id, now) = (self.directory, self.clock.id(), self.clock.now());
        let name = name.to_owned();
        self.write(move |tx| unit::create(tx, directory, kind, &name, id, now));
    }

    pub(crate) fn organization(&self, name: &str) {
        self.unit(UnitKind::Organization, name);
    }

    pub(crate) fn disable_unit(&self, kind: UnitKind, name: &str, disabled: bool) {
        let (directory, now) = (self.directory, self.clock.now());
        let name = name.to_owned();
        self.write(move |tx| unit::set_disabled(tx, directory, kind, &name, disabled, now));
    }

    /// The person with this primary e-mail address.
    pub(crate) fn find(&self, email: &str) -> Option<Person> {
        let directory = self.directory;
        let email = email.to_owned();
        self.read(move |on| person::show(on, directory, &email))
    }

    pub(crate) fn person(&self, email: &str) -> Person {
        self.find(email).unwrap_or_else(|| panic!("there is no person {email}"))
    }

    pub(crate) fn detail(&self, id: ObjectId) -> Detail {
        let directory = self.directory;
        self.read(move |on| record::show(on, directory, id)).unwrap()
    }

    pub(crate) fn record(&self, id: ObjectId) -> Record {
        self.detail(id).record
    }

    /// Writes a user, runs the rules, and gives the person.
    pub(crate) fn made(&self, doc: Value) -> Person {
        let id = self.user(doc);
        self.catch_up();
        let person = self.record(id).person.expect("a person");
        self.person(&person.to_string())
    }
}

pub(crate) fn testing_limit() -> std::time::Duration {
    std::time::Duration::from_secs(10)
}

fn object_of(doc: Value) -> Object {
    match doc {
        Value::Object(object) => object,
        other => panic!("no object: {other}"),
    }
}

/// The name of what a person belongs to.
pub(crate) fn name(named: &Option<person::Named>) -> Option<&str> {
    named.as_ref().map(|named| named.name.as_str())
}

/// For lists that should be in order of time.
pub(crate) fn descending(times: &[Timestamp]) -> bool {
    times.windows(2).all(|pair| pair[0] >= pair[1])
}

impl Rig {
    pub(crate) fn spawn<F>(&self, future: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.runtime.spawn(future)
    }

    /// Waits until something holds.
    pub(crate) fn wait_for(&self, holds: impl Fn(&Self) -> bool) {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while !holds(self) {
            assert!(std::time::Instant::now() < end, "waited for 30 s in vain");
            std::thread::yield_now();
        }
    }

    /// As if the holders of leases had been dead for 90 s.
    pub(crate) fn free_leases(&self) {
        const FREE: usher_store::Sql = usher_store::Sql::same("delete from lease");
        self.write::<_, StoreError>(|tx| tx.exec(&FREE, &[]));
    }
}

impl Rig {
    /// Rules put beside those that are there, or in place of those of their names.
    pub(crate) fn rules(&self, toml: &str) {
        let (directory, now, toml) = (self.directory, self.clock.now(), toml.to_owned());
        self.write(move |tx| {
            let draft = rule::current(tx, directory)?.set(&toml, None)?;
            rule::save(tx, directory, &draft, now)
        });
    }

    /// The rules as they are.
    pub(crate) fn current(&self) -> rule::Current {
        let directory = self.directory;
        self.read(move |on| rule::current(on, directory))
    }

    /// What a change would do.
    pub(crate) fn dry_run(&self, draft: &rule::Draft) -> dry_run::Report {
        dry_run::dry_run(&self.store, &self.clock, self.directory, draft, 100).unwrap()
    }

    /// Somebody made by hand.
    pub(crate) fn by_hand(&self, fields: &[(&str, &str)]) -> Result<hand::Made, usher_people::PeopleError> {
        let (directory, id, now) = (self.directory, self.clock.id(), self.clock.now());
        let fields = fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let new = hand::NewPerson { fields };
        self.store.block_write(Lane::Now, move |tx| hand::create(tx, directory, &new, id, "ann", now))
    }
}
