//! Lists as one argument of a statement: a JSON text, taken apart by the database. (Reading statements take no arrays.)
//!
//! ```
//! use usher_store::{Sql, Value, list, with_keys};
//!
//! const NAMES: Sql = with_keys!("select name from note where key", "$1", " order by key");
//! assert_eq!(list::numbers([3_i64, 5]), Value::Text("[3,5]".into()));
//! assert_eq!(list::bytes([b"\x0a\xff"]), Value::Text("[\"0aff\"]".into()));
//! ```

use crate::Value;

/// Numbers, for [`crate::with_keys`].
pub fn numbers(numbers: impl IntoIterator<Item: Into<i64>>) -> Value {
    json(numbers.into_iter().map(|number| number.into().to_string()))
}

/// Bytes in hexadecimal, for [`crate::with_bytes`]; `unhex(value)` on SQLite and `decode(value, 'hex')` on PostgreSQL.
pub fn bytes(values: impl IntoIterator<Item: AsRef<[u8]>>) -> Value {
    json(values.into_iter().map(|value| {
        let value = value.as_ref();
        let mut text = String::with_capacity(value.len() * 2 + 2);
        text.push('"');
        for byte in value {
            text.push(char::from(HEX[usize::from(byte >> 4)]));
            text.push(char::from(HEX[usize::from(byte & 15)]));
        }
        text.push('"');
        text
    }))
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn json(items: impl Iterator<Item = String>) -> Value {
    let mut text = String::from("[");
    for (at, item) in items.enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push_str(&item);
    }
    text.push(']');
    Value::Text(text)
}

/// A statement with a list of keys in the middle, given as [`numbers`]: `with_keys!("… o.key", "$2", " …")`.
///
/// PostgreSQL is given an array and not a subquery: it takes each key to an index then, also while it has no statistics of a
/// table that was filled just now. A subquery it takes for a hundred rows to be joined, and may read everything for that.
#[macro_export]
macro_rules! with_keys {
    ($head:expr, $argument:expr, $tail:expr) => {
        $crate::Sql::each(
            concat!($head, " in (select value from json_each(", $argument, "))", $tail),
            concat!(
                $head,
                " = any(array(select value::bigint from json_array_elements_text(",
                $argument,
                "::text::json)))",
                $tail
            ),
        )
    };
}

/// The same with a list of [`bytes`].
#[macro_export]
macro_rules! with_bytes {
    ($head:expr, $argument:expr, $tail:expr) => {
        $crate::Sql::each(
            concat!($head, " in (select unhex(value) from json_each(", $argument, "))", $tail),
            concat!(
                $head,
                " = any(array(select decode(value, 'hex') from json_array_elements_text(",
                $argument,
                "::text::json)))",
                $tail
            ),
        )
    };
}
