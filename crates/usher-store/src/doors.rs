//! Conversions that the doors promise, until the store itself is here.
use super::*;
macro_rules! fv { ($($t:ty),*) => {$(impl FromValue for $t { fn from_value(_: Value) -> Result<Self, StoreError> { todo!() } } impl FromValue for Option<$t> { fn from_value(_: Value) -> Result<Self, StoreError> { todo!() } })*} }
fv!(i64, bool, String, Vec<u8>, uuid::Uuid, jiff::Timestamp);
macro_rules! ft { ($($t:ty),*) => {$(impl From<$t> for Value { fn from(_: $t) -> Value { todo!() } } )*} }
ft!(bool, i64, i32, i16, u32, &str, String, &[u8], Vec<u8>, uuid::Uuid, jiff::Timestamp);
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(_: Option<T>) -> Value {
        todo!()
    }
}
macro_rules! tup { ($($n:ident),*) => { impl<$($n: FromValue),*> FromRow for ($($n,)*) { fn from_row(_: &Row<'_>) -> Result<Self, StoreError> { todo!() } } } }
tup!(A);
tup!(A, B);
tup!(A, B, C);
tup!(A, B, C, D);
tup!(A, B, C, D, E);
