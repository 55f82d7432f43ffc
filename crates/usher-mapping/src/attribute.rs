//! What stands in an expression's brackets and in a scoping clause: a named value, a key, an alias or a SCIM path.

use crate::{Context, ExpressionError, Known, Value};

/// An attribute's name, made ready for reading: `mail`, `name.givenName`, `emails[type eq "work"].value`,
/// `person.organization.name`, `cn;lang-de`. `Display` prints it as it was written.
#[derive(Debug, Clone)]
pub struct AttributeName {
    text: String,
}

impl AttributeName {
    /// Reads what stands between the brackets. Any text without brackets is a name; a value filter must be one.
    pub fn parse(_text: &str) -> Result<Self, ExpressionError> {
        todo!()
    }
    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// Its value: text, number or boolean; a list where the attribute is multi-valued; an object for a complex value.
    /// A value filter that one value fulfils gives that value, several a list. Absent, `null` and `[]` are null.
    pub fn read(&self, _cx: &Context<'_>) -> Value {
        todo!()
    }
    /// Whether it is known; the error names the nearest.
    pub fn check(&self, _known: &Known<'_>) -> Result<(), ExpressionError> {
        todo!()
    }
}

impl std::fmt::Display for AttributeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for AttributeName {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
