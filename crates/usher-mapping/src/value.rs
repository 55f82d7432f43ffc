//! Values of expressions.

/// A value. Text from JSON strings, lists from arrays, objects for complex values.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// Absent.
    #[default]
    Null,
    /// Text.
    Text(String),
    /// `True` / `False` when printed.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Decimal(f64),
    /// A moment; printed as Entra does, `M/d/yyyy h:mm:ss tt` UTC.
    DateTime(jiff::Timestamp),
    /// Several values.
    List(Vec<Value>),
    /// A complex value.
    Object(usher_scim::Object),
}

impl Value {
    /// From JSON.
    pub fn from_json(_json: &serde_json::Value) -> Self {
        todo!()
    }
    /// To JSON's own types; a moment as RFC 3339 text.
    pub fn to_json(&self) -> serde_json::Value {
        todo!()
    }
    /// As text, the way Entra prints it; `None` for null, lists and objects.
    pub fn text(&self) -> Option<String> {
        todo!()
    }
    /// Absent or `""` or an empty list.
    pub fn is_empty(&self) -> bool {
        todo!()
    }
    /// True for `true`, the text `True` in any case, a number other than 0.
    pub fn truth(&self) -> bool {
        todo!()
    }
}
