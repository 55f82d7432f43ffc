//! [`Value`] and [`Column`] as PostgreSQL's types.

use std::error::Error;

use ::postgres::types::{FromSql, IsNull, ToSql, Type, private::BytesMut, to_sql_checked};

use crate::{Column, StoreError, Value};

type Boxed = Box<dyn Error + Sync + Send>;

fn no(value: &str, ty: &Type) -> Boxed {
    format!("{value} does not fit {ty}; if the type is not what was meant, write cast($n as …)").into()
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
        match (self, ty) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Bool(it), &Type::BOOL) => it.to_sql(ty, out),
            (Self::Int(it), &Type::INT8) => it.to_sql(ty, out),
            (Self::Int(it), &Type::INT4) => i32::try_from(*it)?.to_sql(ty, out),
            (Self::Int(it), &Type::INT2) => i16::try_from(*it)?.to_sql(ty, out),
            (Self::Text(it), &Type::TEXT | &Type::VARCHAR) => it.to_sql(ty, out),
            (Self::Bytes(it), &Type::BYTEA) => it.to_sql(ty, out),
            (Self::Bool(_), _) => Err(no("a boolean", ty)),
            (Self::Int(_), _) => Err(no("an integer", ty)),
            (Self::Text(_), _) => Err(no("a text", ty)),
            (Self::Bytes(_), _) => Err(no("a value of bytes", ty)),
        }
    }
    fn accepts(_: &Type) -> bool {
        true
    }
    to_sql_checked!();
}

impl ToSql for Column {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
        match (self, ty) {
            (Self::Same(value), _) => value.to_sql(ty, out),
            (Self::Int(rows), &Type::INT8_ARRAY) => rows.to_sql(ty, out),
            (Self::Int(rows), &Type::INT4_ARRAY) => narrowed::<i32>(rows)?.to_sql(ty, out),
            (Self::Int(rows), &Type::INT2_ARRAY) => narrowed::<i16>(rows)?.to_sql(ty, out),
            (Self::Bool(rows), &Type::BOOL_ARRAY) => rows.to_sql(ty, out),
            (Self::Text(rows), &Type::TEXT_ARRAY) => rows.to_sql(ty, out),
            (Self::Bytes(rows), &Type::BYTEA_ARRAY) => rows.to_sql(ty, out),
            _ => Err(no("a column of exec_many", ty)),
        }
    }
    fn accepts(_: &Type) -> bool {
        true
    }
    to_sql_checked!();
}

fn narrowed<T: TryFrom<i64>>(rows: &[Option<i64>]) -> Result<Vec<Option<T>>, T::Error> {
    rows.iter().map(|row| row.map(T::try_from).transpose()).collect()
}

/// Reads a column.
pub(crate) fn value_of(row: &::postgres::Row, index: usize) -> Result<Value, StoreError> {
    let found: Found = row.try_get(index).map_err(|error| StoreError::Bug(super::errors::text(&error)))?;
    Ok(found.0)
}

struct Found(Value);

impl FromSql<'_> for Found {
    fn from_sql(ty: &Type, raw: &[u8]) -> Result<Self, Boxed> {
        Ok(Self(match *ty {
            Type::BOOL => Value::Bool(bool::from_sql(ty, raw)?),
            Type::INT8 => Value::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Value::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => Value::Int(i16::from_sql(ty, raw)?.into()),
            Type::NUMERIC => Value::Int(whole(raw)?),
            Type::BYTEA => Value::Bytes(raw.to_vec()),
            Type::VOID => Value::Null,
            _ => Value::Text(String::from_sql(ty, raw)?),
        }))
    }
    fn from_sql_null(_: &Type) -> Result<Self, Boxed> {
        Ok(Self(Value::Null))
    }
    fn accepts(ty: &Type) -> bool {
        matches!(
            *ty,
            Type::BOOL | Type::INT8 | Type::INT4 | Type::INT2 | Type::NUMERIC | Type::BYTEA | Type::VOID
        ) || <String as FromSql<'_>>::accepts(ty)
    }
}

/// A whole `numeric`, which is what `sum` of a `bigint` gives: digits to the base of 10,000.
fn whole(raw: &[u8]) -> Result<i64, Boxed> {
    let words: Vec<i16> = raw.chunks_exact(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect();
    let [_, weight, sign, _, digits @ ..] = &words[..] else { return Err("a cut numeric".into()) };
    let mut number: i128 = 0;
    for place in 0..=*weight {
        let digit = usize::try_from(place).ok().and_then(|place| digits.get(place)).copied().unwrap_or(0);
        number = number.checked_mul(10_000).ok_or("a numeric too large")? + i128::from(digit);
    }
    let wholes = usize::try_from(*weight + 1).unwrap_or(0);
    if digits.iter().skip(wholes).any(|digit| *digit != 0) {
        return Err("a numeric that is not whole".into());
    }
    match sign {
        0 => Ok(number.try_into()?),
        0x4000 => Ok((-number).try_into()?),
        _ => Err("a numeric that is no number".into()),
    }
}
