//! The service through HTTP, in process, on SQLite and on PostgreSQL.

mod discovery;
mod errors;
mod groups;
mod lists;
mod parallel;
mod profiles;
mod serving;
mod tokens;
mod users;
mod world;
