//! The checklist against Usher's own SCIM service over a real socket, on SQLite and on PostgreSQL; and what shows that
//! its cases can fail.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails a test")]

mod checklist;
mod controls;
mod peers;
mod rules;
mod service;
