//! Lists as one argument of a statement: a JSON text, taken apart by the database. (Reading statements take no arrays.)

use usher_store::Value;

use crate::{Key, ObjectId};

/// A statement with a list of keys in the middle: `with_keys!("… o.key", "$2", " …")`.
///
/// PostgreSQL is given an array and not a subquery: it takes each key to an index then, also while it has no statistics of a
/// table that was filled just now. A subquery it takes for a hundred rows to be joined, and may read everything for that.
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

/// The argument for [`with_keys`].
pub(crate) fn keys(keys: impl IntoIterator<Item = Key>) -> Value {
    json(keys.into_iter().map(|key| key.0.to_string()))
}

/// Ids as hexadecimal texts; `unhex(value)` on SQLite, `decode(value, 'hex')` on PostgreSQL.
pub(crate) fn ids<'i>(ids: impl IntoIterator<Item = &'i ObjectId>) -> Value {
    json(ids.into_iter().map(|id| format!("\"{}\"", id.0.simple())))
}

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
