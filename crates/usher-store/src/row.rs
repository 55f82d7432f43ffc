//! Rows as they are read.

use crate::{FromValue, StoreError, postgres, sqlite};

/// A row being read.
pub struct Row<'r>(pub(crate) Source<'r>);

/// Where a row's columns come from.
pub(crate) enum Source<'r> {
    Lite(&'r rusqlite::Row<'r>),
    Pg(&'r ::postgres::Row),
}

impl Row<'_> {
    /// The value of column `index` (from 0). Errors with [`StoreError::Bug`] on a wrong type or an unexpected null.
    pub fn get<T: FromValue>(&self, index: usize) -> Result<T, StoreError> {
        let value = match self.0 {
            Source::Lite(row) => sqlite::value_of(row, index)?,
            Source::Pg(row) => postgres::value_of(row, index)?,
        };
        T::from_value(value).map_err(|error| match error {
            StoreError::Bug(text) => StoreError::Bug(format!("column {index}: {text}")),
            other => other,
        })
    }

    /// How many columns it has.
    pub fn width(&self) -> usize {
        match self.0 {
            Source::Lite(row) => row.as_ref().column_count(),
            Source::Pg(row) => row.len(),
        }
    }
}

/// A type a row can be read as; implemented for tuples of [`FromValue`] up to 16 and for single values through `(T,)`.
///
/// A tuple must be as wide as the row.
pub trait FromRow: Sized {
    /// Reads it.
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError>;
}

macro_rules! tuples {
    ($($name:ident $index:tt),+) => {
        impl<$($name: FromValue),+> FromRow for ($($name,)+) {
            fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
                const WIDTH: usize = [$($index),+].len();
                if row.width() != WIDTH {
                    return Err(StoreError::Bug(format!("a row of {} columns is read as {WIDTH}", row.width())));
                }
                Ok(($(row.get::<$name>($index)?,)+))
            }
        }
    };
}
tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13, O 14);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13, O 14, P 15);
