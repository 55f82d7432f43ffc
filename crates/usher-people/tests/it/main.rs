//! The app side through its door: SCIM users and groups written as the SCIM service writes them, people read as an app reads
//! them. On both databases.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails a test")]

mod by_hand;
mod default_rule;
mod groups;
mod guard;
mod guard_races;
mod lifecycle;
mod records;
mod rig;
mod rules;
mod worker;
