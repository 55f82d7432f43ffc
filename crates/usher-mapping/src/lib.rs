//! Expressions, attribute mappings and scoping filters: "if the scoping filter holds, write these attribute mappings".
//!
//! One language, three uses: a source entry becomes a directory user, a directory user an app's user, a SCIM user a
//! person. Pure: no I/O; look-ups come through [`Lookup`]. Grammar and functions: `docs/functions.md`.

pub mod alias;
pub mod attribute;
pub mod date;
mod descend;
pub mod exchange;
pub mod expression;
pub mod functions;
pub mod mapping;
pub mod scoping;
pub mod value;

pub use attribute::AttributeName;
pub use expression::{EvalError, Expression, ExpressionError};
pub use mapping::{AttributeMapping, ObjectMapping};
pub use scoping::ScopingFilter;
pub use value::Value;

use usher_scim::{AttributePath, Object};

/// Questions an expression may ask of the world; the caller answers from its own transaction.
pub trait Lookup {
    /// `Find("organization", key)`: the one hit as an object with at least `id` and `name`, else null. Matches by name (people: by
    /// primary email) whole, ignoring case and outer blanks; a caller may define more kinds.
    fn find(&mut self, kind: &str, key: &str) -> Result<Value, EvalError>;
    /// `PersonOf(scimUserId)`: the person linked to that SCIM user, or null.
    fn person_of(&mut self, scim_user: &str) -> Result<Value, EvalError>;
    /// `Lookup("table", key)`: a table beside the mapping.
    fn table(&mut self, name: &str, key: &str) -> Result<Option<Value>, EvalError>;
    /// `FindAll("organization", key)`: every hit, as [`Lookup::find`] gives one. Where a key has one hit at most, that one.
    fn find_all(&mut self, kind: &str, key: &str) -> Result<Vec<Value>, EvalError> {
        let found = self.find(kind, key)?;
        Ok(if found.is_null() { Vec::new() } else { vec![found] })
    }
    /// `DefaultDomain()`: the domain of the directory's e-mail addresses, where it is known.
    fn default_domain(&mut self) -> Result<Option<String>, EvalError> {
        Ok(None)
    }
    /// `SelectUniqueValue(…)`: whether the target has an object with this value at the row's target attribute
    /// ([`Context::target`]) already. Whoever can't ask a target refuses, which is what happens without an answer of one's own.
    fn is_taken(&mut self, target: Option<&AttributePath>, value: &str) -> Result<bool, EvalError> {
        let _ = (target, value);
        Err(EvalError::new(
            "SelectUniqueValue asks an app which values are taken; it works in the mapping of an app only",
        ))
    }
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
///
/// A name in brackets is looked for in this order: [`Context::named`], the object's own keys, the alias table
/// ([`alias`]), then as a SCIM path over the object (names ignoring case, bare names also in the extensions).
pub struct Context<'a> {
    /// The object: a SCIM document, or a source entry with whatever keys its source has (`sn`, `mail`, `l`, …), each
    /// with text or a list of texts.
    pub object: &'a Object,
    /// Named values: earlier named expressions of a rule, `person`, `organization`, `IsSoftDeleted`, `IsNew`, ….
    /// `[person.organization.name]` descends into an object.
    pub named: &'a [(String, Value)],
    /// Names of the object's own keys and of aliases match ignoring case, as LDAP's and CSV headers do.
    pub ignore_case: bool,
    /// Look-ups.
    pub lookup: &'a mut dyn Lookup,
    /// `Now()`.
    pub now: jiff::Timestamp,
    /// What `Guid()` and `RandomString()` are derived from: the same seed gives the same values. Give a secret of the app
    /// joined with the object's id; [`ObjectMapping::apply`] adds the row.
    pub seed: &'a [u8],
    /// The attribute that the value is for: [`ObjectMapping::apply`] sets it for `SelectUniqueValue`.
    pub target: Option<&'a AttributePath>,
    /// Records the evaluation when present.
    pub trace: Option<&'a mut Vec<expression::Trace>>,
}

impl<'a> Context<'a> {
    /// A context over an object: nothing named, names as spelled, no seed, no trace.
    pub fn new(object: &'a Object, lookup: &'a mut dyn Lookup, now: jiff::Timestamp) -> Self {
        Self { object, named: &[], ignore_case: false, lookup, now, seed: &[], target: None, trace: None }
    }
}

/// The names that brackets may use, for checking an expression, a mapping or a scoping filter before it is saved.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// The object is of one of these types: their paths, and the aliases that lead into them, are known.
    pub types: &'a [&'a usher_scim::ResourceType],
    /// Named values.
    pub named: &'a [&'a str],
    /// The object's own keys: a CSV file's headers, an LDAP schema's attribute types.
    pub keys: &'a [&'a str],
    /// The object may have any key (an LDAP entry whose schema isn't at hand): every name is known.
    pub open: bool,
    /// As [`Context::ignore_case`].
    pub ignore_case: bool,
}
