//! The crate through its door: for all filters, paths and PATCH requests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod made;
mod model;
mod oracle;
mod patch;
mod print;
