//! Attribute mappings: rows target ← source, for one kind of object. TOML form as in gallery files.
//!
//! ```toml
//! [users]
//! enabled = true
//! actions = ["create", "update", "delete"]
//! [[users.mapping]]
//! target = "userName"
//! source = "[userPrincipalName]"   # an expression; or constant = "x"; neither = kind none, with default
//! match = 1                        # precedence, absent = no matcher
//! when = "always"                  # or "on_create"
//! nulls = "skip"                   # or "clear"
//! default = "…"                    # used on create when the source is null
//! ```

use usher_scim::{AttributePath, Object, ResourceType};

use crate::{Context, EvalError, Expression, ExpressionError, ScopingFilter, Value};

/// When a row acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum When {
    #[default]
    Always,
    OnCreate,
}
/// What a null does on update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum Nulls {
    #[default]
    Skip,
    Clear,
}
/// Where a row's value comes from.
#[derive(Debug, Clone)]
pub enum From {
    /// Direct (`[attr]`) or any expression.
    Expression(Expression),
    /// A constant.
    Constant(Value),
    /// Nothing: only the default, where the target is empty.
    None,
}

/// One row.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct AttributeMapping {
    pub target: AttributePath,
    pub from: From,
    pub default: Option<Value>,
    /// Precedence as a matching property, lowest first.
    pub matching: Option<u32>,
    pub when: When,
    pub nulls: Nulls,
}

/// The rows of one kind of object, whether it is on, what may act, and its scoping filter.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct ObjectMapping {
    pub enabled: bool,
    pub create: bool,
    pub update: bool,
    pub delete: bool,
    pub rows: Vec<AttributeMapping>,
    pub scoping: ScopingFilter,
}

/// Why a mapping can't be read or saved.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[allow(missing_docs)]
pub enum MappingError {
    #[error("{row}: {}", error.caret(text))]
    Expression { row: String, text: String, error: ExpressionError },
    #[error("{0}")]
    Toml(String),
    #[error("unknown target attribute {target}{}", hint.as_ref().map(|h| format!(" (did you mean {h}?)")).unwrap_or_default())]
    UnknownTarget { target: String, hint: Option<String> },
    #[error("{0}")]
    Other(String),
}

/// One row's outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapped {
    /// Which row (index).
    pub row: usize,
    /// The target path.
    pub target: AttributePath,
    /// The value; `Null`: skip, or clear where [`Mapped::clear`].
    pub value: Value,
    /// The null policy says clear.
    pub clear: bool,
    /// Hide it in logs.
    pub redacted: bool,
}

/// Creating or updating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Moment {
    Create,
    Update,
}

impl ObjectMapping {
    /// Reads the TOML table of one kind (`users` or `groups`).
    pub fn from_toml(_table: &toml::Table) -> Result<Self, MappingError> {
        todo!()
    }
    /// The same table again.
    pub fn to_toml(&self) -> toml::Table {
        todo!()
    }
    /// Every bracketed name known, every target in `target`, no target twice, precedences distinct.
    pub fn check(&self, _source: &crate::Known<'_>, _target: &ResourceType) -> Result<(), MappingError> {
        todo!()
    }
    /// Evaluates every row that acts at `moment`, in order.
    pub fn apply(&self, _cx: &mut Context<'_>, _moment: Moment) -> Result<Vec<Mapped>, (usize, EvalError)> {
        todo!()
    }
    /// Matching rows by precedence.
    pub fn matchers(&self) -> Vec<&AttributeMapping> {
        todo!()
    }
}

/// Writes mapped values into a new document of `target`'s type (for a create, or as the desired state).
pub fn document(_target: &ResourceType, _values: &[Mapped]) -> Result<Object, usher_scim::ScimError> {
    todo!()
}
