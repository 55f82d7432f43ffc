//! Tests that cross crates, with real servers where there are any. `./usher test` starts what they need.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "figures for docs/proof.md")]

mod backup;
mod beside;
mod builtin;
mod cluster;
mod conformance;
mod demand;
mod demo;
mod example_ldif;
mod expiry;
mod extensions;
mod filters;
mod guard;
mod house;
mod http;
mod kill;
mod ldap;
mod ldif;
mod life;
mod load;
mod mapping;
mod nonsense;
mod okta_spec;
mod people;
mod place;
mod planned;
mod proxy;
mod push;
mod quarantine;
mod reads;
mod reprocess;
mod restart;
mod scim2_server;
mod scim2_tester;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../crates/usher-sources/tests/it/slapd.rs"]
mod slapd;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../crates/usher-jobs/tests/it/smtp.rs"]
mod smtp;
mod stories;
mod trail;
