//! Directories: namespaces of SCIM-shaped users, groups and memberships with a change feed.
//!
//! The provisioning side reads one, the app side fills one. Accounts with their two environments, tokens and profiles
//! stand here too: an environment *is* a directory with tokens. No HTTP, no async; everything runs in a caller's
//! [`usher_store::Tx`] or [`usher_store::Snapshot`].
//!
//! An error from a function that writes means: give it back from the closure (or the savepoint), so that what was
//! written before it is undone.

pub mod account;
pub mod config;
pub mod extension;
pub mod feed;
pub mod guard;
mod index;
pub mod indexing;
pub mod loss;
pub mod object;
#[cfg(test)]
mod plans;
pub mod profile;
pub mod query;
mod tables;
pub mod token;
pub mod trail;

use usher_store::{FromValue, StoreError, Value};

/// This crate's tables.
pub const TABLES: usher_store::Tables =
    usher_store::Tables { owner: "directory", migrations: tables::MIGRATIONS };

macro_rules! number {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub i64);

        impl From<$name> for Value {
            fn from(it: $name) -> Self {
                Self::Int(it.0)
            }
        }
        impl From<$name> for i64 {
            fn from(it: $name) -> Self {
                it.0
            }
        }
        impl FromValue for $name {
            fn from_value(value: Value) -> Result<Self, StoreError> {
                i64::from_value(value).map(Self)
            }
        }
    )*};
}
number! {
    /// A directory's key.
    DirectoryId;
    /// An account's key.
    AccountId;
    /// An object's key: the order of every walk. Never leaves the process.
    Key;
    /// An object's version: rises by one with each change; a group's covers its members.
    Version;
    /// A place in a change feed.
    Seq;
}

/// An object's SCIM id (UUIDv7, lower case), made before the closure that stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub uuid::Uuid);

impl AsRef<[u8]> for ObjectId {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl ObjectId {
    /// A new one.
    pub fn new(now: jiff::Timestamp) -> Self {
        let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let at = uuid::Timestamp::from_unix_time(
            milliseconds / 1000,
            u32::try_from(milliseconds % 1000).unwrap_or_default() * 1_000_000,
            0,
            0,
        );
        Self(uuid::Uuid::new_v7(at))
    }
    /// As it is printed, and in no other spelling (`id` is case-exact): `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let id = uuid::Uuid::try_parse(text).ok().map(Self)?;
        (id.to_string() == text).then_some(id)
    }
}

impl std::fmt::Display for ObjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}
impl From<ObjectId> for Value {
    fn from(it: ObjectId) -> Self {
        it.0.into()
    }
}
impl FromValue for ObjectId {
    fn from_value(value: Value) -> Result<Self, StoreError> {
        uuid::Uuid::from_value(value).map(Self)
    }
}

/// Users or groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// 1
    User = 1,
    /// 2
    Group = 2,
}

impl Kind {
    /// `User`, `Group`: the resource type's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }
    pub(crate) fn number(self) -> i64 {
        self as i64
    }
}
impl From<Kind> for Value {
    fn from(it: Kind) -> Self {
        Self::Int(it.number())
    }
}
impl FromValue for Kind {
    fn from_value(value: Value) -> Result<Self, StoreError> {
        match i64::from_value(value)? {
            1 => Ok(Self::User),
            2 => Ok(Self::Group),
            other => Err(StoreError::Bug(format!("a column holds {other}, which is no kind of object"))),
        }
    }
}

/// Production or qa.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Environment {
    Production = 0,
    Qa = 1,
}

impl Environment {
    /// `production`, `qa`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Qa => "qa",
        }
    }
}
impl From<Environment> for Value {
    fn from(it: Environment) -> Self {
        Self::Int(it as i64)
    }
}
impl FromValue for Environment {
    fn from_value(value: Value) -> Result<Self, StoreError> {
        match i64::from_value(value)? {
            0 => Ok(Self::Production),
            1 => Ok(Self::Qa),
            other => Err(StoreError::Bug(format!("a column holds {other}, which is no environment"))),
        }
    }
}
