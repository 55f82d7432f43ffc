//! Lists as one argument of a statement: a JSON text, taken apart by the database. (Reading statements take no arrays.)

use usher_store::Value;

/// Keys, for `in (select value from json_each($n))` on SQLite and `any(array(select value::bigint from
/// json_array_elements_text($n::text::json)))` on PostgreSQL.
pub(crate) fn numbers(keys: impl IntoIterator<Item = i64>) -> Value {
    json(keys.into_iter().map(|key| key.to_string()))
}

/// Bytes in hexadecimal, for `unhex(value)` on SQLite and `decode(value, 'hex')` on PostgreSQL.
pub(crate) fn bytes<'b>(values: impl IntoIterator<Item = &'b [u8]>) -> Value {
    json(values.into_iter().map(|value| {
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

/// A statement with a list of keys: `with_keys!("… where p.record", "$2", " …")`. PostgreSQL is given an array and not a
/// subquery, so that it takes each key to an index.
macro_rules! with_keys {
    ($head:expr, $argument:expr, $tail:expr) => {
        usher_store::Sql::each(
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
pub(crate) use with_keys;

/// A statement with a list of bytes: [`with_keys`] with [`bytes`].
macro_rules! with_bytes {
    ($head:expr, $argument:expr, $tail:expr) => {
        usher_store::Sql::each(
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
pub(crate) use with_bytes;
