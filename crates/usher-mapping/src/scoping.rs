//! Scoping filters: groups of clauses; clauses of a group all hold, one group is enough; no group: everything passes.

use crate::Context;

/// An operator. More come with the issue on mappings; the null rule: any clause but `IS NULL` is false on null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ScopeOperator {
    Equals,
    IsNull,
    IsNotNull,
}

/// A clause over a source attribute.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Clause {
    pub title: Option<String>,
    /// As in an expression's brackets.
    pub attribute: crate::AttributeName,
    pub operator: ScopeOperator,
    pub values: Vec<String>,
}

/// A group.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Group {
    pub title: String,
    pub clauses: Vec<Clause>,
}

/// A whole filter.
#[derive(Debug, Clone, PartialEq, Default)]
#[allow(missing_docs)]
pub struct ScopingFilter {
    pub groups: Vec<Group>,
}

/// One clause as judged: shapes.md's scope detail.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Judged {
    pub group: String,
    pub title: String,
    pub attribute: String,
    pub operator: ScopeOperator,
    pub value: String,
    pub seen: Option<String>,
    pub holds: bool,
}

/// The decision with its reasons.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Decision {
    pub holds: bool,
    pub clauses: Vec<Judged>,
}

impl ScopingFilter {
    /// Reads the TOML form: an array of tables, each a group.
    pub fn from_toml(_groups: &[toml::Value]) -> Result<Self, crate::mapping::MappingError> {
        todo!()
    }
    /// The same array again.
    pub fn to_toml(&self) -> toml::value::Array {
        todo!()
    }
    /// Whether an object passes, without the reasons.
    pub fn holds(&self, _cx: &Context<'_>) -> bool {
        todo!()
    }
    /// Judges an object.
    pub fn judge(&self, _cx: &Context<'_>) -> Decision {
        todo!()
    }
}
