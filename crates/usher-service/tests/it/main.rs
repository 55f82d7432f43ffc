//! The service through HTTP, in process, on SQLite and on PostgreSQL.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails a test")]

mod bulk;
mod checklist;
mod cursors;
mod defaults;
mod discovery;
mod edges;
mod errors;
mod extensions;
mod faults;
mod groups;
mod guard;
mod instances;
mod limits;
mod lists;
mod parallel;
mod profiles;
mod races;
mod search;
mod serving;
mod slow;
mod table;
mod tokens;
mod trail;
mod users;
mod walks;
mod wire;
mod world;
