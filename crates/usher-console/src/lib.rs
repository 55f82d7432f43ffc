//! The API of Usher over HTTP, at `/api/v1`: the use cases of `usher-admin`, with no domain logic of its own.
//!
//! It begins with what an app reads of its people, organizations and sites, signed in with an account's API token
//! (`usher token issue ACCOUNT --api`). Answers are the shapes of the command line's `--json`, errors are
//! `application/problem+json` (RFC 9457), lists go on by a cursor, and `/api/v1/openapi.json` describes all of it, made from the
//! code (OpenAPI 3.1). Who may is the business of `usher_admin::rights`; here it is only found out who asks.

mod console;
mod document;
mod params;
mod people;
mod problem;
mod sign_in;
mod unit;

pub use console::{Console, router};
