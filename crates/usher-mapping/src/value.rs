//! Values of expressions: how they come from JSON and go back, print, and compare.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde_json::Value as Json;

use crate::date;

/// A value. Text from JSON strings, lists from arrays, objects for complex values.
///
/// An empty list is null everywhere (RFC 7643 §2.5: an empty array is an unassigned attribute).
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

/// A number, as text may spell it too.
#[derive(Debug, Clone, Copy)]
enum Number {
    Whole(i64),
    Other(f64),
}

impl Value {
    /// From JSON.
    pub fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(b) => Self::Boolean(*b),
            Json::Number(n) => match n.as_i64() {
                Some(whole) => Self::Integer(whole),
                None => n.as_f64().map_or(Self::Null, Self::Decimal),
            },
            Json::String(text) => Self::Text(text.clone()),
            Json::Array(items) => Self::list(items.iter().map(Self::from_json)),
            Json::Object(object) => Self::Object(object.clone()),
        }
    }

    /// A list of what is not null; null when nothing is left.
    pub fn list(items: impl IntoIterator<Item = Value>) -> Self {
        let items: Vec<Self> = items.into_iter().filter(|v| !v.is_null()).collect();
        if items.is_empty() { Self::Null } else { Self::List(items) }
    }

    /// To JSON's own types; a moment as RFC 3339 text.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Text(text) => Json::String(text.clone()),
            Self::Boolean(b) => Json::Bool(*b),
            Self::Integer(i) => Json::from(*i),
            Self::Decimal(d) => Json::from(*d),
            Self::DateTime(at) => Json::String(date::rfc3339(*at)),
            Self::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Self::Object(object) => Json::Object(object.clone()),
        }
    }

    /// As text, the way Entra prints it; `None` for null, lists and objects.
    pub fn text(&self) -> Option<String> {
        self.as_text().map(Cow::into_owned)
    }

    /// As [`Value::text`], without a copy where it is text; a list of one value is that value.
    pub fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Boolean(true) => Some(Cow::Borrowed("True")),
            Self::Boolean(false) => Some(Cow::Borrowed("False")),
            Self::Integer(i) => Some(Cow::Owned(i.to_string())),
            Self::Decimal(d) => Some(Cow::Owned(d.to_string())),
            Self::DateTime(at) => Some(Cow::Owned(date::print(*at))),
            Self::List(items) if items.len() == 1 => items[0].as_text(),
            Self::Null | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// Absent: null, or an empty list.
    pub fn is_null(&self) -> bool {
        match self {
            Self::Null => true,
            Self::List(items) => items.is_empty(),
            _ => false,
        }
    }

    /// Absent or `""` or an empty list.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.iter().all(Self::is_empty),
            other => other.is_null(),
        }
    }

    /// True for `true`, the text `True` in any case, a number other than 0; for a list of one value as for that value.
    pub fn truth(&self) -> bool {
        match self {
            Self::Boolean(b) => *b,
            Self::Text(text) => text.eq_ignore_ascii_case("true"),
            Self::Integer(i) => *i != 0,
            Self::Decimal(d) => *d != 0.0,
            Self::List(items) => items.len() == 1 && items[0].truth(),
            Self::Null | Self::DateTime(_) | Self::Object(_) => false,
        }
    }

    /// Its values: none for null, itself alone when it is no list.
    pub fn into_items(self) -> Vec<Value> {
        match self {
            Self::Null => Vec::new(),
            Self::List(items) => items,
            one => vec![one],
        }
    }

    /// Its values, as [`Value::into_items`].
    pub fn items(&self) -> &[Value] {
        match self {
            Self::Null => &[],
            Self::List(items) => items,
            one => std::slice::from_ref(one),
        }
    }

    /// `=`: null equals null and `""`; numbers and numeric text compare as numbers, dates as dates, a boolean with the
    /// texts `True`/`False` in any case, other text by code point. A list equals a value that is one of its values.
    pub fn equals(&self, other: &Value) -> bool {
        match (self, other) {
            (Self::List(a), Self::List(b)) if a.len() == b.len() => a.iter().zip(b).all(|(a, b)| a.equals(b)),
            (Self::List(_), Self::List(_)) => false,
            (Self::List(items), one) | (one, Self::List(items)) if !items.is_empty() => {
                items.iter().any(|item| item.equals(one))
            }
            (a, b) if a.is_null() || b.is_null() => a.is_empty() && b.is_empty(),
            (Self::Object(a), Self::Object(b)) => a == b,
            (a, b) => a.compare(b) == Some(Ordering::Equal),
        }
    }

    /// The order of two single values, by the rules of [`Value::equals`]; `None` where there is none (null, objects, a
    /// date and something that is none).
    pub fn compare(&self, other: &Value) -> Option<Ordering> {
        if matches!(self, Self::DateTime(_)) || matches!(other, Self::DateTime(_)) {
            return Some(self.moment()?.cmp(&other.moment()?));
        }
        if let (Some(a), Some(b)) = (self.number(), other.number()) {
            return match (a, b) {
                (Number::Whole(a), Number::Whole(b)) => Some(a.cmp(&b)),
                (a, b) => a.float().partial_cmp(&b.float()),
            };
        }
        let (a, b) = (self.as_text()?, other.as_text()?);
        let boolean = matches!(self, Self::Boolean(_)) || matches!(other, Self::Boolean(_));
        if boolean && a.eq_ignore_ascii_case(&b) {
            return Some(Ordering::Equal);
        }
        Some(a.as_ref().cmp(b.as_ref()))
    }

    /// The same text exactly, unlike [`Value::equals`]: "01" and "1" are two. A boolean is True or False in any case.
    pub fn is_text(&self, other: &Value) -> bool {
        let (Some(a), Some(b)) = (self.as_text(), other.as_text()) else {
            return self.is_empty() && other.is_empty();
        };
        let boolean = matches!(self, Self::Boolean(_)) || matches!(other, Self::Boolean(_));
        if boolean { a.eq_ignore_ascii_case(&b) } else { a == b }
    }

    /// As a moment: itself, or text that is a date ([`date::parse`]).
    pub(crate) fn moment(&self) -> Option<jiff::Timestamp> {
        match self {
            Self::DateTime(at) => Some(*at),
            other => date::parse(&other.as_text()?),
        }
    }

    /// As a whole number; text and decimals without a fraction too.
    pub(crate) fn whole(&self) -> Option<i64> {
        self.number()?.whole()
    }

    fn number(&self) -> Option<Number> {
        match self {
            Self::Integer(i) => Some(Number::Whole(*i)),
            Self::Decimal(d) => Some(Number::Other(*d)),
            Self::Text(text) => numeric(text),
            Self::List(items) if items.len() == 1 => items[0].number(),
            _ => None,
        }
    }
}

/// A text as a whole number, as [`Value::whole`] reads it.
pub(crate) fn whole(text: &str) -> Option<i64> {
    numeric(text)?.whole()
}

impl Number {
    fn whole(self) -> Option<i64> {
        match self {
            Self::Whole(i) => Some(i),
            Self::Other(d) if d.fract() == 0.0 && d.abs() < 9e15 => Some(d as i64),
            Self::Other(_) => None,
        }
    }

    fn float(self) -> f64 {
        match self {
            Self::Whole(i) => i as f64,
            Self::Other(d) => d,
        }
    }
}

/// Digits with an optional sign and fraction. Whole numbers beyond 64 bits are no numbers here: rounded, two long
/// personnel numbers would be equal that are not.
fn numeric(text: &str) -> Option<Number> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    if digits.contains('.') {
        text.parse().ok().map(Number::Other)
    } else {
        text.parse().ok().map(Number::Whole)
    }
}

/// As an expression would write it: text in quotes, `null`, lists as `["a","b"]`, objects as JSON.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Text(text) => write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
            Self::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        f.write_str(",")?;
                    }
                    write!(f, "{item}")?;
                }
                f.write_str("]")
            }
            Self::Object(object) => f.write_str(&serde_json::to_string(object).map_err(|_| fmt::Error)?),
            scalar => f.write_str(&scalar.as_text().unwrap_or_default()),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Boolean(b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::from(text)
    }

    #[test]
    fn comparison_follows_the_kinds() {
        assert!(Value::Integer(7).equals(&text("007")));
        assert!(text("10").compare(&text("9")) == Some(Ordering::Greater));
        assert!(text("10a").compare(&text("9a")) == Some(Ordering::Less));
        assert!(!text("abc").equals(&text("ABC")));
        assert!(Value::Boolean(true).equals(&text("TRUE")));
        assert!(!text("true").equals(&text("True")), "two texts are two texts");
        assert!(Value::Null.equals(&text("")));
        assert!(!Value::Null.equals(&text("x")));
        assert!(!text("12345678901234567890").equals(&text("12345678901234567891")));
        let at = Value::DateTime(date::parse("2020-03-16T07:00:00Z").unwrap());
        assert!(at.equals(&text("3/16/2020 7:00:00 AM")));
        assert_eq!(at.compare(&text("next week")), None);
        assert!(Value::list([text("a"), text("b")]).equals(&text("b")));
        assert!(!Value::list([text("a"), text("b")]).equals(&text("c")));
    }

    #[test]
    fn json_and_print() {
        let json = serde_json::json!({"a": [1, "x", null, true, 1.5], "b": [], "c": null});
        let object = json.as_object().unwrap();
        let list = Value::from_json(&object["a"]);
        assert_eq!(list.to_string(), r#"[1,"x",True,1.5]"#);
        assert_eq!(list.to_json(), serde_json::json!([1, "x", true, 1.5]));
        assert!(Value::from_json(&object["b"]).is_null());
        assert!(Value::from_json(&object["c"]).is_null());
        assert_eq!(text("a\"\\").to_string(), r#""a\"\\""#);
    }
}
