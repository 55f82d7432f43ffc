//! The crate through its door: files in, what stands in the directory out; on SQLite and PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests"
)]

mod converges;
mod csv;
mod held;
mod ldap;
mod ldif;
mod runs;
mod secrets;
mod slapd;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use jiff::Timestamp;
use serde_json::Value;
use usher_directory::{
    DirectoryId, Key, Kind, account,
    config::Configs,
    feed,
    object::{self, Stored},
};
use usher_jobs::{clock::Clock, lease::Leases};
use usher_scim::Object;
use usher_sources::{RunReport, Settings, Source, SourceKind, Sources, SyncError, source};
use usher_store::{
    Lane, Snapshot, StoreError, Tables, Tx,
    testing::{TestStore, stores},
};

const TABLES: &[Tables] = &[usher_directory::TABLES, usher_jobs::TABLES, usher_sources::TABLES];

/// A directory with one source that reads a file of a temporary folder.
struct House {
    store: TestStore,
    folder: tempfile::TempDir,
    directory: DirectoryId,
    source: Source,
    clock: Clock,
    sources: Sources,
    runtime: tokio::runtime::Runtime,
}

/// Runs a test on both databases with a source of this kind.
fn both(kind: SourceKind, test: impl Fn(&House)) {
    for store in stores(TABLES) {
        let at = store.backend();
        let house = House::new(store, kind);
        if let Err(panic) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(&house))) {
            eprintln!("the test failed on {at:?}");
            std::panic::resume_unwind(panic);
        }
    }
}

fn now() -> Timestamp {
    "2026-11-02T09:00:00Z".parse().unwrap()
}

impl House {
    fn new(store: TestStore, kind: SourceKind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let memberships = (kind == SourceKind::Csv).then(|| folder.path().join("groups.csv"));
        let settings = Settings::of_files(folder.path().join("people"), memberships);
        std::fs::write(folder.path().join("groups.csv"), "group,member\n").unwrap();
        let (directory, source) = store
            .block_write(Lane::Now, move |tx| {
                let directory = account::create_directory(tx, "firm", now()).expect("a directory");
                let source = source::add(tx, "hr", directory, kind, &settings, now()).expect("a source");
                Ok::<_, StoreError>((directory, source))
            })
            .unwrap();
        let clock = Clock::still(now(), 7);
        let leases = Leases::with_clock((*store).clone(), clock.clone());
        let sources = Sources::new((*store).clone(), Configs::default(), clock.clone(), leases);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { store, folder, directory, source, clock, sources, runtime }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    fn put(&self, text: impl AsRef<[u8]>) {
        std::fs::write(self.path("people"), text).unwrap();
    }
    fn try_sync(&self) -> Result<RunReport, SyncError> {
        self.clock.advance(Duration::from_secs(1));
        self.runtime.block_on(self.sources.sync(&self.source, &mut |_| {}))
    }
    /// Imports; without errors of entries.
    fn sync(&self) -> RunReport {
        let report = self.try_sync().expect("a run");
        assert_eq!(report.first_errors, [], "{report:?}");
        report
    }
    /// Imports this text.
    fn import(&self, text: impl AsRef<[u8]>) -> RunReport {
        self.put(text);
        self.sync()
    }

    fn read<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Snapshot<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.store.block_read(Duration::from_secs(10), work).unwrap()
    }
    fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.store.block_write(Lane::Now, work).unwrap()
    }

    /// All objects of a kind by name, soft-deleted ones too.
    fn all(&self, kind: Kind) -> BTreeMap<String, Stored> {
        let directory = self.directory;
        let all = self.read(move |on| object::walk(on, directory, kind, None, 500, true));
        all.into_iter().map(|object| (object.label.clone(), object)).collect()
    }
    /// Names of those who are not soft-deleted.
    fn present(&self, kind: Kind) -> Vec<String> {
        self.all(kind)
            .into_iter()
            .filter(|(_, object)| object.deleted.is_none())
            .map(|(name, _)| name)
            .collect()
    }
    fn user(&self, name: &str) -> Stored {
        self.all(Kind::User).remove(name).unwrap_or_else(|| panic!("no user {name}"))
    }
    fn doc(&self, name: &str) -> Object {
        self.user(name).object().unwrap()
    }
    fn manager(&self, name: &str) -> Option<String> {
        let id = self.doc(name).get(ENTERPRISE)?.get("manager")?.get("value")?.as_str()?.to_owned();
        let all = self.all(Kind::User);
        Some(
            all.values()
                .find(|user| user.id.to_string() == id)
                .unwrap_or_else(|| panic!("no {id}"))
                .label
                .clone(),
        )
    }
    /// A group's members by name.
    fn members(&self, group: &str) -> Vec<String> {
        let key = self.all(Kind::Group)[group].key;
        let directory = self.directory;
        let members = self.read(move |on| object::members_of(on, directory, key, None, 500));
        let mut names: Vec<String> = members.into_iter().map(|member| member.name).collect();
        names.sort();
        names
    }
    /// What the feed says since it was asked last.
    fn changes(&self) -> Vec<(Key, Option<Key>)> {
        let directory = self.directory;
        let at = now();
        self.write(move |tx| {
            let from = feed::place(tx, directory, "test")?.unwrap_or(usher_directory::Seq(0));
            let changes = feed::changes(tx, directory, from, 1000).expect("the feed");
            feed::move_to(tx, directory, "test", changes.upto, at)?;
            Ok(changes.rows.into_iter().map(|change| (change.object, change.member)).collect())
        })
    }
}

const ENTERPRISE: &str = usher_scim::schema::ENTERPRISE;
const OPEN: &str = usher_scim::schema::DIRECTORY_USER;

/// People `uid=pN`, all with the first as their manager.
fn staff(people: impl IntoIterator<Item = u32>) -> String {
    let one = |n: u32| {
        format!(
            "dn: uid=p{n},dc=x\nobjectClass: inetOrgPerson\nuid: p{n}\ncn: Person {n}\nsn: {n}\nmail: p{n}@x.example\nmanager: uid=p0,dc=x\n\n"
        )
    };
    people.into_iter().map(one).collect()
}

/// A group of them.
fn team(name: &str, people: impl IntoIterator<Item = u32>) -> String {
    let members: String = people.into_iter().map(|n| format!("member: uid=p{n},dc=x\n")).collect();
    format!("dn: cn={name},dc=x\nobjectClass: groupOfNames\ncn: {name}\n{members}\n")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
