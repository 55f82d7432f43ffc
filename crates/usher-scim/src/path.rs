//! Attribute paths: `name.givenName`, `emails[type eq "work"].value`, `urn:…:User:department` (RFC 7644 §3.5.2 PATH, §3.10).

use std::fmt;

use crate::{Filter, ScimError, error::invalid_path, filter::parse};

/// A parsed path. Names keep the spelling they came in; compare through a [`crate::ResourceType`].
#[derive(Debug, Clone, PartialEq)]
pub struct AttributePath {
    /// A schema URN before the attribute, if one was given. A URN alone may parse as schema and name
    /// (`…:2.0` and `User`): only a resource type knows its schemas, see [`crate::ResourceType::resolve`].
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
    pub fn parse(text: &str) -> Result<Self, ScimError> {
        parse::path(text)
            .map_err(|e| invalid_path(format!("the path \"{}\" is not valid: {e}", shorten(text))))
    }
    /// An attribute by its name alone.
    pub fn attribute(name: &str) -> Self {
        Self { schema: None, name: name.to_owned(), filter: None, sub: None }
    }
    /// The same path with a sub-attribute.
    pub fn with_sub(mut self, sub: &str) -> Self {
        self.sub = Some(sub.to_owned());
        self
    }
    /// The same path with a schema before it.
    pub fn within(mut self, schema: &str) -> Self {
        self.schema = Some(schema.to_owned());
        self
    }
}

/// So much of a client's text as a message may repeat.
pub(crate) fn shorten(text: &str) -> &str {
    match text.char_indices().nth(200) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

impl std::str::FromStr for AttributePath {
    type Err = ScimError;
    fn from_str(text: &str) -> Result<Self, ScimError> {
        Self::parse(text)
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) if self.name.is_empty() => f.write_str(schema)?,
            Some(schema) => write!(f, "{schema}:{}", self.name)?,
            None => f.write_str(&self.name)?,
        }
        if let Some(filter) = &self.filter {
            write!(f, "[{filter}]")?;
        }
        if let Some(sub) = &self.sub {
            write!(f, ".{sub}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScimType;

    #[test]
    fn p_08_forms() {
        for text in [
            "userName",
            "name.givenName",
            "emails[type eq \"work\"]",
            "emails[type eq \"work\" and value ew \"example.com\"].value",
            "members.$ref",
            "urn:ietf:params:scim:schemas:core:2.0:User:name.familyName",
            "urn:ietf:params:scim:schemas:core:2.0:User:emails[type eq \"work\"].value",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        ] {
            assert_eq!(AttributePath::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn p_11_bad_paths() {
        let long = format!("emails[{}", "(".repeat(9_000));
        for text in [
            "",
            " ",
            "emails[0].value",
            "emails.0",
            "a.b.c",
            "emails[",
            "emails[]",
            "emails]",
            "emails[type eq \"w\"",
            "emails[type eq 'w']",
            "name.",
            ".name",
            "a b",
            "emails[type eq \"w\"].value.x",
            "name.a[b pr]",
            "1a",
            "emails[addresses[type eq \"a\"]]",
            "é",
            "a:b",
            &long,
        ] {
            let error = AttributePath::parse(text).unwrap_err();
            assert_eq!(error.scim_type, Some(ScimType::InvalidPath), "{text}");
        }
    }

    #[test]
    fn n_21_filter_text_is_tokenised() {
        let path = AttributePath::parse(r#"emails[value eq "a]b\"c.d"]"#).unwrap();
        let Some(Filter::Compare(_, _, value)) = path.filter.as_deref() else { unreachable!() };
        assert_eq!(value, "a]b\"c.d");
        assert_eq!(path.sub, None);
    }
}
