//! What goes into statements and comes out of rows: the one place where types are mapped.
//!
//! | Rust | [`Value`] | SQLite | PostgreSQL |
//! |---|---|---|---|
//! | `bool` | `Bool` | integer 0 or 1 | `boolean` |
//! | `i16`, `i32`, `i64`, `u32` | `Int` | integer | `smallint`, `int`, `bigint`, whole `numeric` |
//! | `jiff::Timestamp` | `Int`: milliseconds since 1970 | integer | `bigint` |
//! | `&str`, `String` | `Text` | text | `text` |
//! | `&[u8]`, `Vec<u8>` | `Bytes` | blob | `bytea` |
//! | `uuid::Uuid` | `Bytes`: 16 | blob | `bytea` |

use jiff::Timestamp;
use uuid::Uuid;

use crate::StoreError;

/// An argument or a column's value. Times are integer milliseconds since 1970; ids are bytes.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL null.
    Null,
    /// A boolean (an integer on SQLite).
    Bool(bool),
    /// `bigint`.
    Int(i64),
    /// `text`.
    Text(String),
    /// `blob` / `bytea`.
    Bytes(Vec<u8>),
}

/// A column of [`crate::Tx::exec_many`]: one entry a row; all columns of a call are equally long, but for [`Column::Same`].
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// `bigint[]` (also fits `int[]` and `smallint[]`).
    Int(Vec<Option<i64>>),
    /// `boolean[]`
    Bool(Vec<Option<bool>>),
    /// `text[]`
    Text(Vec<Option<String>>),
    /// `bytea[]`
    Bytes(Vec<Option<Vec<u8>>>),
    /// One value for all rows: a plain argument, not an array, on PostgreSQL too.
    Same(Value),
}

impl Column {
    /// How many rows it has; `None`: it fits any number.
    pub(crate) fn rows(&self) -> Option<usize> {
        match self {
            Self::Int(rows) => Some(rows.len()),
            Self::Bool(rows) => Some(rows.len()),
            Self::Text(rows) => Some(rows.len()),
            Self::Bytes(rows) => Some(rows.len()),
            Self::Same(_) => None,
        }
    }
}

macro_rules! collected {
    ($($item:ty => $variant:ident $map:expr;)*) => {$(
        impl FromIterator<$item> for Column {
            fn from_iter<I: IntoIterator<Item = $item>>(rows: I) -> Self {
                Self::$variant(rows.into_iter().map($map).collect())
            }
        }
    )*};
}
collected! {
    i64 => Int Some;
    Option<i64> => Int std::convert::identity;
    i32 => Int |row| Some(row.into());
    i16 => Int |row| Some(row.into());
    Timestamp => Int |row| Some(row.as_millisecond());
    Option<Timestamp> => Int |row| row.map(Timestamp::as_millisecond);
    bool => Bool Some;
    Option<bool> => Bool std::convert::identity;
    String => Text Some;
    Option<String> => Text std::convert::identity;
    Vec<u8> => Bytes Some;
    Option<Vec<u8>> => Bytes std::convert::identity;
    Uuid => Bytes |row| Some(row.as_bytes().to_vec());
}

macro_rules! from {
    ($($source:ty => |$name:ident| $value:expr;)*) => {$(
        impl From<$source> for Value {
            fn from($name: $source) -> Self {
                $value
            }
        }
    )*};
}
from! {
    bool => |it| Value::Bool(it);
    i64 => |it| Value::Int(it);
    i32 => |it| Value::Int(it.into());
    i16 => |it| Value::Int(it.into());
    u32 => |it| Value::Int(it.into());
    u16 => |it| Value::Int(it.into());
    u8 => |it| Value::Int(it.into());
    &str => |it| Value::Text(it.to_owned());
    String => |it| Value::Text(it);
    &[u8] => |it| Value::Bytes(it.to_vec());
    Vec<u8> => |it| Value::Bytes(it);
    Uuid => |it| Value::Bytes(it.as_bytes().to_vec());
    Timestamp => |it| Value::Int(it.as_millisecond());
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(it: [u8; N]) -> Self {
        Self::Bytes(it.to_vec())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(it: Option<T>) -> Self {
        it.map_or(Self::Null, Into::into)
    }
}

/// Anything a value can be made of, behind a reference.
impl<T: Clone + Into<Value>> From<&T> for Value {
    fn from(it: &T) -> Self {
        it.clone().into()
    }
}

/// A type a column can be read as: bool, i64, i32, i16, u32, String, `Vec<u8>`, Uuid, jiff::Timestamp, [`Value`], `Option<T>`.
pub trait FromValue: Sized {
    /// Reads it; [`StoreError::Bug`] on another type, a number out of range or an unexpected null.
    fn from_value(value: Value) -> Result<Self, StoreError>;
}

fn wrong(value: &Value, wanted: &str) -> StoreError {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Int(_) => "an integer",
        Value::Text(_) => "a text",
        Value::Bytes(_) => "bytes",
    };
    StoreError::Bug(format!("a column holds {found} where {wanted} is expected"))
}

macro_rules! from_value {
    ($($target:ty, $wanted:literal: $($pattern:pat => $result:expr),+;)*) => {$(
        impl FromValue for $target {
            fn from_value(value: Value) -> Result<Self, StoreError> {
                match value {
                    $($pattern => $result,)+
                    other => Err(wrong(&other, $wanted)),
                }
            }
        }
    )*};
}
from_value! {
    bool, "a boolean": Value::Bool(it) => Ok(it), Value::Int(0) => Ok(false), Value::Int(1) => Ok(true);
    i64, "an integer": Value::Int(it) => Ok(it);
    String, "a text": Value::Text(it) => Ok(it);
    Vec<u8>, "bytes": Value::Bytes(it) => Ok(it);
    Uuid, "an id of 16 bytes": Value::Bytes(it) => Uuid::from_slice(&it).map_err(|_| wrong(&Value::Bytes(it), "an id of 16 bytes"));
    Timestamp, "a time": Value::Int(it) => Timestamp::from_millisecond(it).map_err(|_| wrong(&Value::Int(it), "a time"));
}

macro_rules! from_int {
    ($($target:ty)*) => {$(
        impl FromValue for $target {
            fn from_value(value: Value) -> Result<Self, StoreError> {
                let number = i64::from_value(value)?;
                number.try_into().map_err(|_| {
                    StoreError::Bug(format!("a column holds {number}, which is no {}", stringify!($target)))
                })
            }
        }
    )*};
}
from_int! { i32 i16 u32 u64 usize }

impl FromValue for Value {
    fn from_value(value: Value) -> Result<Self, StoreError> {
        Ok(value)
    }
}

impl<const N: usize> FromValue for [u8; N] {
    fn from_value(value: Value) -> Result<Self, StoreError> {
        let bytes = Vec::<u8>::from_value(value)?;
        bytes.try_into().map_err(|bytes: Vec<u8>| {
            StoreError::Bug(format!("a column holds {} bytes where {N} are expected", bytes.len()))
        })
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// The arguments of a statement: `args![id, name, now]`, each anything a [`Value`] can be made of.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => {
        &[$($crate::Value::from($value)),*] as &[$crate::Value]
    };
}
