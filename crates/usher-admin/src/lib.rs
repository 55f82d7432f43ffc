//! Every use case of the command line, the admin API and the console, once: a typed [`Request`] in, a typed [`Answer`] out,
//! who did it noted in the audit log in the same transaction. Who may is said by the table in [`rights`], asked once, before anything
//! else.
//!
//! Synchronous. What needs the network or takes long (a connection test, a cycle, an import) comes back as [`Work`], checked and
//! noted; whoever called runs it on the drivers and follows its progress.

mod account;
pub mod answer;
mod app;
pub mod audit;
mod backup;
mod directory;
mod error;
mod expiry;
mod extension;
mod gallery;
mod group;
mod guard;
pub mod mapping;
mod object;
mod people;
mod record;
pub mod request;
pub mod rights;
mod role;
mod rule;
mod sign_in;
mod source;
mod span;
mod status;
mod token;
mod trail;
mod unit;
mod user;

use std::time::Duration;

use usher_directory::config::Configs;
use usher_jobs::clock::Clock;
use usher_store::{Lane, Snapshot, Store, Tx};

pub use answer::Answer;
pub use app::{describe_cycle, describe_explanation, describe_impact, describe_plan};
pub use error::AdminError;
pub use request::{Actor, Request, Work};
pub use sign_in::{BAD_TOKEN, SignedIn};
pub use source::{describe_preview, describe_run, describe_test};
pub use span::span;

/// This crate's tables: the audit log, and the roles of people.
pub const TABLES: usher_store::Tables = audit::TABLES;

/// The tables of every crate, in the order they must be made.
pub const ALL_TABLES: &[usher_store::Tables] = &[
    usher_directory::TABLES,
    usher_jobs::TABLES,
    usher_people::TABLES,
    usher_sources::TABLES,
    usher_engine::TABLES,
    TABLES,
];

/// How long a reading use case may take.
const READ: Duration = Duration::from_secs(10);
/// How often a change is made again when others were faster.
const TRIES: usize = 4;
/// How many items a list shows when it is not asked for more.
const PAGE: usize = 100;

/// What came of a request.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one is made a request; none are kept in bulk")]
pub enum Outcome {
    /// It is done.
    Done(Answer),
    /// It is allowed and noted; run it on the drivers.
    Work(Work),
}

/// The use cases over one store. Cheap to clone.
#[derive(Clone)]
pub struct Admin {
    store: Store,
    trail: Store,
    configs: Configs,
    clock: Clock,
}

impl Admin {
    /// Over a store that was opened with [`ALL_TABLES`], and one with the trail's ([`usher_directory::trail::TABLES`]), which may be
    /// the same.
    pub fn new(store: Store, trail: Store, configs: Configs, clock: Clock) -> Self {
        Self { store, trail, configs, clock }
    }

    /// The clock's time.
    pub fn now(&self) -> jiff::Timestamp {
        self.clock.now()
    }

    /// A new id, for a request.
    pub fn id(&self) -> uuid::Uuid {
        self.clock.id()
    }

    /// Does what is asked, for `actor`. Blocks: never call it on an async worker.
    ///
    /// # Errors
    /// [`AdminError`] says what is wrong and what to do; nothing was changed then.
    pub fn handle(&self, actor: &Actor, request: Request) -> Result<Outcome, AdminError> {
        rights::check(self, actor, &request)?;
        match request {
            Request::Account(request) => account::handle(self, actor, request).map(Outcome::Done),
            Request::Token(request) => token::handle(self, actor, request).map(Outcome::Done),
            Request::Record(request) => record::handle(self, actor, request).map(Outcome::Done),
            Request::Trail(request) => trail::handle(self, request).map(Outcome::Done),
            Request::Guard(request) => guard::handle(self, actor, request).map(Outcome::Done),
            Request::People(request) => people::handle(self, actor, request).map(Outcome::Done),
            Request::Rule(request) => rule::handle(self, actor, request).map(Outcome::Done),
            Request::Unit(request) => unit::handle(self, actor, request).map(Outcome::Done),
            Request::Role(request) => role::handle(self, actor, request).map(Outcome::Done),
            Request::Directory(request) => directory::handle(self, actor, request).map(Outcome::Done),
            Request::Object(request) => object::handle(self, actor, request).map(Outcome::Done),
            Request::Source(request) => source::handle(self, actor, request),
            Request::Gallery(request) => gallery::handle(request).map(Outcome::Done),
            Request::App(request) => app::handle(self, actor, *request),
            Request::Status => status::handle(self).map(Outcome::Done),
            Request::Backup { file } => backup::handle(self, actor, file),
        }
    }

    fn read<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Snapshot<'_>) -> Result<T, AdminError> + Send + 'static,
    ) -> Result<T, AdminError> {
        self.store.block_read(READ, work)
    }

    fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, AdminError> + Send + 'static,
    ) -> Result<T, AdminError> {
        self.store.block_write(Lane::Now, work)
    }

    /// A change of what somebody else may be changing too: made again from what is there then.
    fn change<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, AdminError> + Send + Clone + 'static,
    ) -> Result<T, AdminError> {
        for _ in 1..TRIES {
            match self.write(work.clone()) {
                Err(error) if error.is_stale() => {}
                other => return other,
            }
        }
        self.write(work)
    }
}
