//! Expressions, attribute mappings and scoping filters: "if the scoping filter holds, write these attribute mappings".
//!
//! One language, three uses: a source entry becomes a directory user, a directory user an app's user, a SCIM user a
//! person. Pure: no I/O; look-ups come through [`Lookup`]. Grammar and functions: `docs/functions.md`.

pub mod alias;
pub mod expression;
pub mod functions;
pub mod mapping;
pub mod scoping;
pub mod value;

pub use expression::{EvalError, Expression, ExpressionError};
pub use mapping::{AttributeMapping, ObjectMapping};
pub use scoping::ScopingFilter;
pub use value::Value;

use usher_scim::Object;

/// Questions an expression may ask of the world; the caller answers from its own transaction.
pub trait Lookup {
    /// `Find("organization", key)`: the one hit as an object with at least `id` and `name`, else null. Matches by name (people: by
    /// primary email) whole, ignoring case and outer blanks; a caller may define more kinds.
    fn find(&mut self, kind: &str, key: &str) -> Result<Value, EvalError>;
    /// `PersonOf(scimUserId)`: the person linked to that SCIM user, or null.
    fn person_of(&mut self, scim_user: &str) -> Result<Value, EvalError>;
    /// `Lookup("table", key)`: a table beside the mapping.
    fn table(&mut self, name: &str, key: &str) -> Result<Option<Value>, EvalError>;
}

/// Answers nothing: every look-up is null.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoLookup;

impl Lookup for NoLookup {
    fn find(&mut self, _: &str, _: &str) -> Result<Value, EvalError> {
        Ok(Value::Null)
    }
    fn person_of(&mut self, _: &str) -> Result<Value, EvalError> {
        Ok(Value::Null)
    }
    fn table(&mut self, _: &str, _: &str) -> Result<Option<Value>, EvalError> {
        Ok(None)
    }
}

/// What an evaluation sees.
pub struct Context<'a> {
    /// The object: a SCIM-shaped document. `[mail]`, `[userPrincipalName]`, `[IsSoftDeleted]` are found by the alias table
    /// ([`alias`]) or as keys of the object itself.
    pub object: &'a Object,
    /// Named values that brackets find first: named expressions of a rule, `person`, `organization`, `IsNew`, ….
    pub named: &'a [(String, Value)],
    /// Look-ups.
    pub lookup: &'a mut dyn Lookup,
    /// `Now()`.
    pub now: jiff::Timestamp,
    /// Seed of `Guid()` and `RandomString()`: same seed, same value.
    pub seed: u64,
    /// Records calls when present.
    pub trace: Option<&'a mut Vec<expression::Trace>>,
}
