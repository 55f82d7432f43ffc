//! Stores for tests: every test that touches storage runs on SQLite and on PostgreSQL.
//!
//! PostgreSQL is the database named by `USHER_TEST_POSTGRES`, in which each test store has a schema of its own, dropped
//! with it. `./usher test` starts one and sets the variable.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test that can't begin has failed"
)]

mod cut;

use std::{ops::Deref, panic::AssertUnwindSafe};

pub use cut::{Cut, Wire};

use crate::{Backend, SealingKey, Store, StoreUrl, Tables, postgres};

/// Connections of a test store: many tests run at a time against one server.
const CONNECTIONS: usize = 4;

/// An empty store that is removed when dropped.
pub struct TestStore {
    store: Option<Store>,
    tables: Vec<Tables>,
    key: SealingKey,
    place: Place,
}

enum Place {
    Folder(tempfile::TempDir),
    Schema { url: String, name: String },
}

/// How often something is done: `few` times by `./usher test`, `many` by `./usher proof` (which sets `USHER_PROOF`).
pub fn times(few: usize, many: usize) -> usize {
    if std::env::var_os("USHER_PROOF").is_some() { many } else { few }
}

/// A line for docs/proof.md, which `./usher proof` looks for in what tests print.
pub fn proved(backend: Backend, what: &str, figures: &str) {
    let database = match backend {
        Backend::Sqlite => "SQLite",
        Backend::Postgres => "PostgreSQL",
    };
    println!("proof: | {database} | {what} | {figures} |");
}

/// Runs a test on SQLite and then on PostgreSQL, each time with an empty store. What fails names the database.
pub fn both(tables: &[Tables], test: impl Fn(&TestStore)) {
    for store in stores(tables) {
        let backend = store.backend();
        if let Err(panic) = std::panic::catch_unwind(AssertUnwindSafe(|| test(&store))) {
            eprintln!("the test failed on {backend:?}");
            std::panic::resume_unwind(panic);
        }
    }
}

/// An empty store on each database; the same for tests that are async: `for store in stores(TABLES) { … }`.
pub fn stores(tables: &[Tables]) -> Vec<TestStore> {
    vec![sqlite(tables), postgres(tables)]
}

/// An empty SQLite store in a temporary folder.
pub fn sqlite(tables: &[Tables]) -> TestStore {
    // In memory where there is such a place: durability is not what most tests ask for.
    let shm = std::path::Path::new("/dev/shm");
    let folder = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
    TestStore::at(Place::Folder(folder.expect("a temporary folder")), tables)
}

/// An empty PostgreSQL store in a schema of its own.
pub fn postgres(tables: &[Tables]) -> TestStore {
    let Ok(url) = std::env::var("USHER_TEST_POSTGRES") else {
        panic!(
            "USHER_TEST_POSTGRES names no PostgreSQL database; run the tests with `./usher test`, which starts one"
        );
    };
    let name = format!("test_{}", uuid::Uuid::now_v7().simple());
    postgres::run_once(&url, &format!("create schema {name}")).expect("a schema for the test");
    TestStore::at(Place::Schema { url, name }, tables)
}

impl TestStore {
    fn at(place: Place, tables: &[Tables]) -> Self {
        let mut made = Self { store: None, tables: tables.to_vec(), key: SealingKey::generate().0, place };
        made.store = Some(made.open());
        made
    }

    fn open(&self) -> Store {
        let opened = match &self.place {
            Place::Folder(folder) => {
                Store::open(&StoreUrl::Sqlite(folder.path().to_owned()), &self.tables, self.key.clone())
            }
            Place::Schema { url, name } => {
                Store::open_postgres(&in_schema(url, name), CONNECTIONS, &self.tables, self.key.clone())
            }
        };
        opened.expect("the store opens")
    }

    /// Where it is, to open it in another way.
    pub fn url(&self) -> StoreUrl {
        match &self.place {
            Place::Folder(folder) => StoreUrl::Sqlite(folder.path().to_owned()),
            Place::Schema { url, name } => StoreUrl::Postgres(in_schema(url, name)),
        }
    }

    /// As seen by another instance: on PostgreSQL a store with connections of its own, on SQLite (one process) a clone.
    pub fn instance(&self) -> Store {
        match self.place {
            Place::Folder(_) => Store::clone(self),
            Place::Schema { .. } => self.open(),
        }
    }

    /// Over a wire to PostgreSQL that can be cut, with as many connections.
    pub fn over_wire(&self) -> (Store, Wire) {
        let StoreUrl::Postgres(url) = self.url() else { panic!("there is no wire to SQLite") };
        let wire = Wire::to(&url);
        let store = Store::open_postgres(&wire.url(&url), CONNECTIONS, &self.tables, self.key.clone());
        (store.expect("the store opens"), wire)
    }

    /// Closes it and opens it again on the same data.
    pub fn reopen(&mut self) {
        if let Some(store) = self.store.take() {
            store.close();
        }
        self.store = Some(self.open());
    }

    /// Whether this is PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        self.backend() == Backend::Postgres
    }
}

fn in_schema(url: &str, name: &str) -> String {
    let sign = if url.contains('?') { '&' } else { '?' };
    format!("{url}{sign}options=-csearch_path%3D{name}")
}

impl Deref for TestStore {
    type Target = Store;
    fn deref(&self) -> &Store {
        self.store.as_ref().expect("a store, but while it is opened again")
    }
}

impl Drop for TestStore {
    fn drop(&mut self) {
        if let Some(store) = self.store.take() {
            store.close();
        }
        if let Place::Schema { url, name } = &self.place {
            let dropped = postgres::run_once(url, &format!("drop schema if exists {name} cascade"));
            if let (Err(error), false) = (dropped, std::thread::panicking()) {
                panic!("the test's schema is left behind: {error}");
            }
        }
    }
}
