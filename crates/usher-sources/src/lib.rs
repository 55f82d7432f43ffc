//! Sources: what fills a directory of the provisioning side.
//!
//! A source reads entries (an LDIF file, RFC 2849; a CSV file; an LDAP server), maps each to a directory user or group, and writes only
//! differences, so that the directory's change feed carries real changes alone. It knows which objects are its own; whoever
//! vanishes from it is soft-deleted at once, restored when it returns, and removed after 30 days. When more people would
//! leave in one run than its safeguard allows, joiners and updates go through and the leavers are held.
//!
//! [`source`] adds, lists and removes sources; [`check`] looks at their files step by step; [`driver::Sources`] runs them, looks at
//! servers, and keeps all sources in step. Of an LDAP server only what changed is read, where it can tell (sync replication, RFC
//! 4533; else stamps). Passwords in a file are dropped while it is read, and never asked a server for ([`secret`]): they are never stored, hashed or logged.

pub mod check;
mod csv;
pub mod dn;
pub mod driver;
mod entry;
pub mod file;
pub mod held;
mod ldap;
pub mod ldif;
mod ledger;
mod reader;
mod rows;
pub mod run;
mod schedule;
pub mod secret;
pub mod sheet;
pub mod source;
mod state;
mod tables;
pub mod watch;

pub use driver::{Preview, Previewed, Sources, SyncError};
pub use ldap::settings::{LdapBind, LdapChange, LdapSettings, LdapSync};
pub use run::{EntryError, Progress, RunReport, RunState};
pub use schedule::{Schedule, TimeOfDay};
pub use source::{Files, Reads, Safeguard, Settings, Source, SourceError, SourceId, SourceKind};

/// This crate's tables.
pub const TABLES: usher_store::Tables =
    usher_store::Tables { owner: "sources", migrations: tables::MIGRATIONS };
