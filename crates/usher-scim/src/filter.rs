//! Filters (RFC 7644 §3.4.2.2): the whole grammar with spans, printing, and evaluation over a resource.

use std::fmt;

use serde_json::Value;

use crate::{AttributePath, Note, Object, ResourceType, ScimError, Tolerance};

pub(crate) mod compile;
pub(crate) mod parse;

pub use compile::Compiled;

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

impl Operator {
    const ALL: [Self; 9] =
        [Self::Eq, Self::Ne, Self::Co, Self::Sw, Self::Ew, Self::Gt, Self::Ge, Self::Lt, Self::Le];

    /// Its keyword.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }
}

/// A filter as parsed. `Display` prints it so that it parses to the same again.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All hold (two or more).
    And(Vec<Filter>),
    /// One holds (two or more).
    Or(Vec<Filter>),
    /// It doesn't hold.
    Not(Box<Filter>),
    /// `path op value`; value is a JSON string, number, boolean or null.
    Compare(AttributePath, Operator, Value),
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
    /// Whether it is made of eq, ne, lt and gt on attributes, joined by and, or, alone: all that simple services know.
    pub fn is_plain(&self) -> bool {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().all(Self::is_plain),
            Self::Compare(path, Operator::Eq | Operator::Ne | Operator::Lt | Operator::Gt, _) => {
                path.filter.is_none()
            }
            _ => false,
        }
    }
    /// Parses; at most 10,000 characters, depth 64, 200 comparisons. Values must be JSON.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Self::read(text, Tolerance::Strict).map(|(filter, _)| filter)
    }
    /// As [`Filter::parse`]; tolerant also reads unquoted values (checklist Q-13), with a note.
    pub fn read(text: &str, how: Tolerance) -> Result<(Self, Vec<Note>), FilterError> {
        parse::filter(text, how)
    }
    /// Every path in it, those inside brackets as they stand there.
    pub fn paths(&self) -> Vec<&AttributePath> {
        let mut paths = Vec::new();
        self.collect(&mut paths);
        paths
    }
    fn collect<'f>(&'f self, paths: &mut Vec<&'f AttributePath>) {
        match self {
            Self::And(terms) | Self::Or(terms) => terms.iter().for_each(|t| t.collect(paths)),
            Self::Not(inner) => inner.collect(paths),
            Self::Value(path, inner) => {
                paths.push(path);
                inner.collect(paths);
            }
            Self::Compare(path, ..) | Self::Present(path) => {
                paths.push(path);
                if let Some(inner) = &path.filter {
                    inner.collect(paths);
                }
            }
        }
    }
    /// Resolves all names and prepares all values once, for a scan. Errors with `invalidFilter` where an operator or
    /// value does not fit an attribute's type, where an attribute is never returned, and (as said) where it is unknown.
    pub fn compile(
        &self,
        of: &ResourceType,
        unknown: Unknown,
        how: Tolerance,
    ) -> Result<Compiled, ScimError> {
        Compiled::new(self, of, unknown, how)
    }
    /// Whether `resource` (as returned to a client: with `id`, `externalId`, `meta`, `schemas`, `groups`/`members` where known) matches.
    /// Errors with `invalidFilter` where an operator does not fit an attribute's type. Unknown attributes are absent.
    /// For many resources use [`Filter::compile`].
    pub fn matches(&self, of: &ResourceType, resource: &Object) -> Result<bool, ScimError> {
        Ok(self.compile(of, Unknown::Absent, Tolerance::Tolerant)?.matches(resource))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(terms) => joined(f, terms, " and ", |t| matches!(t, Self::And(_) | Self::Or(_))),
            Self::Or(terms) => joined(f, terms, " or ", |t| matches!(t, Self::Or(_))),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::Compare(path, operator, value) => write!(f, "{path} {} {value}", operator.as_str()),
            Self::Present(path) => write!(f, "{path} pr"),
            Self::Value(path, inner) => write!(f, "{path}[{inner}]"),
        }
    }
}

fn joined(
    f: &mut fmt::Formatter<'_>,
    terms: &[Filter],
    by: &str,
    grouped: fn(&Filter) -> bool,
) -> fmt::Result {
    for (at, term) in terms.iter().enumerate() {
        if at > 0 {
            f.write_str(by)?;
        }
        if grouped(term) { write!(f, "({term})")? } else { write!(f, "{term}")? }
    }
    Ok(())
}

impl From<FilterError> for ScimError {
    fn from(e: FilterError) -> Self {
        Self::bad(crate::ScimType::InvalidFilter, e.to_string())
    }
}

#[cfg(test)]
mod tests;
