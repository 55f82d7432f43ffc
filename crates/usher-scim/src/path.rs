//! Attribute paths: `name.givenName`, `emails[type eq "work"].value`, `urn:…:User:department` (RFC 7644 §3.5.2 PATH, §3.10).

use crate::{Filter, ScimError};

/// A parsed path. Names keep the spelling they came in; compare through a [`crate::ResourceType`].
#[derive(Debug, Clone, PartialEq)]
pub struct AttributePath {
    /// A schema URN before the attribute, if one was given.
    pub schema: Option<String>,
    /// The attribute; empty when the path names a schema (an extension) as a whole.
    pub name: String,
    /// The value filter in brackets.
    pub filter: Option<Box<Filter>>,
    /// The sub-attribute.
    pub sub: Option<String>,
}

impl AttributePath {
    /// Parses; `invalidPath` says where and why.
    pub fn parse(_text: &str) -> Result<Self, ScimError> {
        todo!()
    }
}
impl std::str::FromStr for AttributePath {
    type Err = ScimError;
    fn from_str(text: &str) -> Result<Self, ScimError> {
        Self::parse(text)
    }
}
impl std::fmt::Display for AttributePath {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}
