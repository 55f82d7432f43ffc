//! The app side: records of what was provisioned, automation rules, and the people, organizations and sites they make.
//!
//! An environment of an account is a directory that SCIM clients fill. `people` is a consumer of its change feed: each
//! changed SCIM user or group is put on work, and one leased worker a directory runs the automation rules for it. What a
//! SCIM client sends never touches a person directly. See `docs/architecture.md`.
//!
//! Everything is synchronous over [`usher_store::Tx`] and [`usher_store::Snapshot`]; only [`driver`] is async.

mod asked;
mod commit;
mod cursor;
pub mod driver;
pub mod dry_run;
mod execute;
mod fields;
mod group;
mod guard;
pub mod hand;
mod intake;
mod known;
mod lane;
mod limits;
pub mod origin;
pub mod person;
pub mod record;
mod row;
pub mod rule;
mod rules;
mod run;
pub mod search;
mod setting;
mod tables;
pub mod unit;
mod user;
mod walk;
mod world;

pub use driver::People;
pub use tables::TABLES;
use usher_store::StoreError;
pub use walk::{Progress, progress};

/// Why a call here failed, and what the caller can do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PeopleError {
    /// Another organization (or site) of this environment has the name; choose another.
    #[error("there is {} named \"{name}\" already", kind.a())]
    Taken {
        /// Organization or site.
        kind: unit::UnitKind,
        /// The name.
        name: String,
    },
    /// No usable name: 1 to 128 characters that are not all blank.
    #[error("the name of {} is 1 to 128 characters: \"{name}\"", kind.a())]
    Name {
        /// Organization or site.
        kind: unit::UnitKind,
        /// What was given.
        name: String,
    },
    /// There is no organization or site of that name or id.
    #[error("there is no {} \"{name}\"", kind.word())]
    UnknownUnit {
        /// Organization or site.
        kind: unit::UnitKind,
        /// What was asked for.
        name: String,
    },
    /// There is nobody with that id or primary e-mail address.
    #[error("there is no person {0}")]
    UnknownPerson(String),
    /// Somebody protected is to lose access.
    #[error("{0} is protected; end that first")]
    Protected(String),
    /// A field of a person can't take what was given.
    #[error("{field} {what}")]
    Field {
        /// As rules spell it.
        field: String,
        /// What is wrong with it.
        what: String,
    },
    /// There is no record with that id.
    #[error("there is no record {0}")]
    UnknownRecord(String),
    /// A cursor that no list call gave.
    #[error("\"{0}\" is not a cursor of this list")]
    Cursor(String),
    /// Somebody else changed the same thing meanwhile; read again and repeat.
    #[error("it was changed meanwhile; try again")]
    Stale,
    /// Another instance has taken over this directory's rules.
    #[error("another instance runs this directory's rules now")]
    Lost,
    /// There is no rule of that name.
    #[error("there is no rule \"{0}\"")]
    UnknownRule(String),
    /// The rules can't be read or compiled.
    #[error("automation rules: {0}")]
    Rules(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A page of a list: shapes.md's `{"items", "next"}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// At most as many as asked for.
    pub items: Vec<T>,
    /// Give it as `after` to go on; `None`: this was the last page.
    pub next: Option<String>,
}

/// The name of this consumer in every directory's change feed.
pub const CONSUMER: &str = "people";
