//! SCIM 2.0 (RFC 7643, RFC 7644) over HTTP for a directory.
//!
//! [`router`] mounts one [`Service`] at `/scim/v2`, `/scim` and `/t/{account}/scim/v2`; the bearer token says which
//! account and environment is meant. At `/d/{directory}/scim/v2` a directory of the provisioning side is served to its own tokens. [`serve()`] is the accept loop (TLS, time limits, draining), for any axum router.
//!
//! A request goes one way: limits → token → route → method → media type → body → resource → preconditions → schema →
//! uniqueness, and each refusal is a SCIM error that tells the client's administrator what to do (checklist E-08, R-01).
//! What is written is prepared outside and compared and swapped inside the transaction.
//!
//! Every request of a known token is noted in the [`Trail`], if the service has one: what it said, and each deviation from the
//! RFC with how it was read.
//!
//! Announced is what is enforced, by the profile of the token's account: where it has no bulk, `/Bulk` answers 501; `/Me`
//! always does. Discovery needs a token, since the token says whose profile counts.

mod auth;
mod bulk;
mod caller;
mod change;
mod condition;
mod cursor;
mod discovery;
mod heard;
mod kept;
mod limit;
mod manager;
mod media;
mod members;
mod problem;
mod query;
mod read;
mod render;
mod request;
mod route;
mod search;
mod serve;
mod service;
mod settings;
mod trail;
mod walk;

pub use caller::{Callers, Whence};
pub use route::router;
pub use serve::{Connection, Listening, serve};
pub use service::{Clock, Service};
pub use settings::{Network, NotANetwork, Settings};
pub use trail::{Figures, Trail};
