//! The checklist: one table, a file (or folder) a section.

mod bulk;
mod client;
mod discovery;
mod endpoint;
mod error;
mod me;
mod patch;
mod profiles;
mod query;
mod robust;
mod schema;
mod security;

pub(crate) use profiles::{is_of, reads_only};

use crate::case::Case;

/// Sections by the letter of their ids.
pub(crate) const SECTIONS: &[(&str, &str)] = &[
    ("S-", "Schema"),
    ("E-", "Endpoints and methods"),
    ("Q-", "Query"),
    ("P-", "PATCH"),
    ("C-", "What clients send"),
    ("B-", "Bulk"),
    ("R-", "Errors, media types, authentication"),
    ("D-", "Discovery"),
    ("M-", "/Me"),
    ("X-", "Security, text, limits"),
    ("N-", "What breaks real servers"),
];

/// Every requirement, in the order of the checklist.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    TABLE.iter().flat_map(|section| section.iter())
}

const TABLE: &[&[Case]] = &[
    schema::envelope::CASES,
    schema::values::CASES,
    schema::meaning::CASES,
    schema::attributes::CASES,
    endpoint::read::CASES,
    endpoint::change::CASES,
    endpoint::version::CASES,
    query::list::CASES,
    query::filter::CASES,
    query::operator::CASES,
    query::sort::CASES,
    query::page::CASES,
    query::projection::CASES,
    query::search::CASES,
    patch::message::CASES,
    patch::add::CASES,
    patch::remove::CASES,
    patch::replace::CASES,
    patch::again::CASES,
    client::entra::CASES,
    client::okta::CASES,
    client::others::CASES,
    bulk::message::FIRST,
    bulk::reference::CASES,
    bulk::message::LAST,
    error::status::CASES,
    error::media::CASES,
    discovery::CASES,
    me::CASES,
    security::access::CASES,
    security::text::CASES,
    robust::query::CASES,
    robust::change::CASES,
    robust::hard::CASES,
];
