//! Filters (RFC 7644 §3.4.2.2): the whole grammar with spans, printing, and evaluation over a resource.

use crate::{AttributePath, Object, ResourceType, ScimError};

/// A comparison operator; `pr` is [`Filter::Present`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Operator {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
}

/// A filter as parsed. `Display` prints it so that it parses to the same again.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All hold.
    And(Vec<Filter>),
    /// One holds.
    Or(Vec<Filter>),
    /// It doesn't hold.
    Not(Box<Filter>),
    /// `path op value`; value is a JSON string, number, boolean or null.
    Compare(AttributePath, Operator, serde_json::Value),
    /// `path pr`
    Present(AttributePath),
    /// `path[filter]` standing alone: one value fulfils all of it.
    Value(AttributePath, Box<Filter>),
}

/// What a filter on an attribute the type does not define means (checklist ).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// `invalidFilter`: an endpoint of one type.
    Refused,
    /// It has no value: a query over several types.
    Absent,
}

/// A filter made ready for one resource type; owns all it needs.
#[derive(Debug, Clone)]
pub struct Compiled(());

impl Compiled {
    /// Whether a resource in schema spelling matches.
    pub fn matches(&self, _resource: &Object) -> bool {
        todo!()
    }
    /// Tolerances applied (texts read as booleans).
    pub fn notes(&self) -> &[crate::Note] {
        todo!()
    }
}

/// Where and why a filter could not be read; byte offsets into the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at position {}", span.start + 1)]
pub struct FilterError {
    /// The part of the text that is wrong.
    pub span: std::ops::Range<usize>,
    /// What was expected.
    pub message: String,
}

impl Filter {
    /// Parses; at most 10,000 characters, depth 64, 200 comparisons.
    pub fn parse(_text: &str) -> Result<Self, FilterError> {
        todo!()
    }
    /// As [`Filter::parse`]; tolerant also reads unquoted values (checklist Q-13), with a note.
    pub fn read(_text: &str, _how: crate::Tolerance) -> Result<(Self, Vec<crate::Note>), FilterError> {
        todo!()
    }
    /// Every path in it, those inside brackets as they stand there.
    pub fn paths(&self) -> Vec<&AttributePath> {
        todo!()
    }
    /// Resolves all names and prepares all values once, for a scan. Errors with `invalidFilter` where an operator or
    /// value does not fit an attribute's type, where an attribute is never returned, and (as said) where it is unknown.
    pub fn compile(
        &self,
        _of: &ResourceType,
        _unknown: Unknown,
        _how: crate::Tolerance,
    ) -> Result<Compiled, ScimError> {
        todo!()
    }
    /// Whether `resource` (as returned to a client: with `id`, `externalId`, `meta`, `schemas`, `groups`/`members` where known) matches.
    /// Errors with `invalidFilter` where an operator does not fit an attribute's type. Unknown attributes are absent.
    pub fn matches(&self, _of: &ResourceType, _resource: &Object) -> Result<bool, ScimError> {
        todo!()
    }
}
impl std::fmt::Display for Filter {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}
impl From<FilterError> for ScimError {
    fn from(e: FilterError) -> Self {
        Self::bad(crate::ScimType::InvalidFilter, e.to_string())
    }
}
