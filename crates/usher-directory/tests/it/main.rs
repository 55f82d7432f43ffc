//! The crate through its door, on SQLite and PostgreSQL.
#![expect(clippy::expect_used, reason = "a test that can't go on has failed")]

mod accounts;
mod agree;
mod blocks;
mod feed;
mod foreign;
mod members;
mod objects;
mod queries;
mod tokens;
mod trail;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value, json};
use usher_directory::{
    DirectoryId, Kind, ObjectId, TABLES,
    account::{self, Account, AccountError},
    config::{Configs, DirectoryConfig},
    object::{self, Cause, Draft, MemberOp, MembersPut, PutError, Stored},
};
use usher_scim::Object;
use usher_store::{
    Lane, Snapshot, Store, StoreError, Tx,
    testing::{self, TestStore},
};

/// A store with one account, seen as its production directory.
struct House<'s> {
    store: &'s TestStore,
    account: Account,
    config: Arc<DirectoryConfig>,
    /// A thread of the test has failed: the others needn't wait for what it would have done.
    failed: AtomicBool,
}

/// Runs a test on both databases, in the production directory of an account with this profile.
fn both(profile: &'static str, test: impl Fn(&House)) {
    testing::both(&[TABLES], |store| {
        let account = store
            .block_write(Lane::Now, move |tx| account::create(tx, "acme", profile, now()))
            .expect("an account");
        let config = config(store, account.production);
        test(&House { store, account, config, failed: AtomicBool::new(false) });
    });
}

fn now() -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000).expect("a time")
}

fn later(seconds: i64) -> Timestamp {
    now() + Duration::from_secs(seconds.unsigned_abs())
}

fn config(store: &Store, id: DirectoryId) -> Arc<DirectoryConfig> {
    read(store, move |on| Configs::default().get(on, id)).expect("a directory")
}

/// How long a read may take: long enough for a machine that stands still for a while, so that no test is about time.
const PATIENCE: Duration = Duration::from_secs(180);

fn read<T: Send + 'static>(
    store: &Store,
    work: impl FnMut(&mut Snapshot<'_>) -> Result<T, StoreError> + Send + 'static,
) -> T {
    store.block_read(PATIENCE, work).expect("a read")
}

fn write<T: Send + 'static>(
    store: &Store,
    work: impl FnMut(&mut Tx<'_>) -> Result<T, PutError> + Send + 'static,
) -> Result<T, PutError> {
    // Somebody told that the database is busy tries again, as a client does.
    let work = Arc::new(Mutex::new(work));
    loop {
        let work = Arc::clone(&work);
        let written =
            store.block_write(Lane::Now, move |tx| (work.lock().unwrap_or_else(PoisonError::into_inner))(tx));
        if !matches!(written, Err(PutError::Store(StoreError::Busy { .. }))) {
            return written;
        }
    }
}

fn doc(value: Value) -> Object {
    value.as_object().expect("an object").clone()
}

impl House<'_> {
    /// An account of its own in the same store.
    fn another(&self, name: &str) -> House<'_> {
        self.another_of(name, "standard")
    }
    fn another_of(&self, name: &str, profile: &'static str) -> House<'_> {
        let (name, at) = (name.to_owned(), now());
        let account = self
            .store
            .block_write(Lane::Now, move |tx| account::create(tx, &name, profile, at))
            .expect("an account");
        let config = config(self.store, account.production);
        House { store: self.store, account, config, failed: AtomicBool::new(false) }
    }
    fn goes_on(&self) {
        assert!(!self.failed.load(Ordering::Acquire), "another thread of the test has failed");
    }
    fn id(&self) -> DirectoryId {
        self.config.id
    }
    fn put(&self, draft: Draft) -> Result<Stored, PutError> {
        put(self.store, &self.config, draft)
    }
    fn user(&self, name: &str) -> Stored {
        self.add(Kind::User, json!({"userName": name})).expect("a user")
    }
    fn group(&self, name: &str) -> Stored {
        self.add(Kind::Group, json!({"displayName": name})).expect("a group")
    }
    fn add(&self, kind: Kind, value: Value) -> Result<Stored, PutError> {
        add(self.store, &self.config, kind, value)
    }
    fn get(&self, id: ObjectId) -> Option<Stored> {
        let directory = self.id();
        read(self.store, move |on| object::get(on, directory, id))
    }
    fn fresh(&self, stored: &Stored) -> Stored {
        self.get(stored.id).expect("still there")
    }
    fn members(&self, group: &Stored, ops: Vec<MemberOp>) -> Result<MembersPut, PutError> {
        change_members(self.store, &self.config, group, ops)
    }
    fn member_ids(&self, group: &Stored) -> Vec<ObjectId> {
        let (directory, key) = (self.id(), group.key);
        let members = read(self.store, move |on| object::members_of(on, directory, key, None, 10_000));
        members.into_iter().map(|member| member.id).collect()
    }
    fn count(&self, kind: Kind) -> i64 {
        let directory = self.id();
        read(self.store, move |on| object::count(on, directory, kind))
    }
}

fn put(store: &Store, config: &DirectoryConfig, draft: Draft) -> Result<Stored, PutError> {
    let directory = config.id;
    write(store, move |tx| object::put(tx, directory, &draft))
}

fn add(store: &Store, config: &DirectoryConfig, kind: Kind, value: Value) -> Result<Stored, PutError> {
    let draft =
        Draft::create(config, kind, ObjectId::new(now()), &doc(value), now()).expect("a fit document");
    put(store, config, draft)
}

fn change_members(
    store: &Store,
    config: &DirectoryConfig,
    group: &Stored,
    ops: Vec<MemberOp>,
) -> Result<MembersPut, PutError> {
    let (directory, group) = (config.id, group.key);
    write(store, move |tx| object::members(tx, directory, group, None, &ops, Cause::default(), now()))
}

fn is_taken<T>(result: &Result<T, PutError>, attribute: &str) -> bool {
    matches!(result, Err(PutError::Taken { attribute: taken, .. }) if taken.name == attribute)
}

/// Runs `work` on so many threads at once, each with its number and its own view of the store.
fn at_once<T: Send>(house: &House, threads: usize, work: impl Fn(usize, &Store) -> T + Sync) -> Vec<T> {
    let start = std::sync::Barrier::new(threads);
    let instance = house.store.instance();
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|number| {
                let (start, work) = (&start, &work);
                let store = if number % 2 == 0 { Store::clone(house.store) } else { instance.clone() };
                scope.spawn(move || {
                    let _told = Told(house);
                    start.wait();
                    work(number, &store)
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

/// Tells the others when its thread fails.
struct Told<'h>(&'h House<'h>);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.store(true, Ordering::Release);
        }
    }
}

fn account_error(result: Result<Account, AccountError>) -> AccountError {
    result.expect_err("refused")
}
