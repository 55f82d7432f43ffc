//! SCIM 2.0 (RFC 7643, RFC 7644) as data and functions.
//!
//! Pure: no I/O, no async, no SQL. Usable alone.

pub mod body;
mod deviation;
pub mod error;
pub mod filter;
pub mod message;
pub mod patch;
pub mod path;
pub mod prepare;
pub mod resource;
pub mod schema;

pub use deviation::{Deviation, Note};
pub use error::{ScimError, ScimType};
pub use filter::Filter;
pub use path::AttributePath;
pub use schema::{Attribute, ResourceType, Schema};

/// A JSON object: a resource, an extension container or a complex value.
pub type Object = serde_json::Map<String, serde_json::Value>;

/// How deviations of known clients are taken (the checklist's C- ids).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tolerance {
    /// Read as meant, and said in a [`Note`].
    #[default]
    Tolerant,
    /// Refused with the error the RFC names.
    Strict,
}
