//! Directories: namespaces of SCIM-shaped users, groups and memberships with a change feed.
//!
//! The provisioning side reads one, the app side fills one. Accounts with their two environments, tokens and profiles
//! stand here too: an environment *is* a directory with tokens. No HTTP, no async; everything runs in a caller's
//! [`usher_store::Tx`] or [`usher_store::Snapshot`].

pub mod account;
pub mod config;
pub mod feed;
pub mod object;
pub mod profile;
pub mod query;
pub mod token;

/// This crate's tables.
pub const TABLES: usher_store::Tables = usher_store::Tables { owner: "directory", migrations: &[] };

/// A directory's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DirectoryId(pub i64);
/// An account's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub i64);
/// An object's key: the order of every walk. Never leaves the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub i64);
/// An object's SCIM id (UUIDv7, lower case), made before the closure that stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub uuid::Uuid);
/// An object's version: rises by one with each change; a group's covers its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version(pub i64);
/// A place in a change feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seq(pub i64);

/// Users or groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// 1
    User = 1,
    /// 2
    Group = 2,
}

/// Production or qa.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Environment {
    Production = 0,
    Qa = 1,
}
