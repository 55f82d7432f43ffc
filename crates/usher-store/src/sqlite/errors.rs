//! SQLite's errors as [`StoreError`], with the names that PostgreSQL would give constraints.

use rusqlite::{Connection, Error, ErrorCode, ffi};

use crate::{StoreError, tx::Failure};

/// A statement's error.
pub(super) fn failure(db: &Connection, error: &Error, sql: &str) -> Failure {
    let again = error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted);
    Failure { error: map(db, error, sql), again, harmless: false }
}

/// An error before there is a connection to ask.
pub(super) fn opening(error: &Error) -> StoreError {
    StoreError::Unavailable(format!("the database can't be opened: {error}"))
}

fn map(db: &Connection, error: &Error, sql: &str) -> StoreError {
    let Error::SqliteFailure(code, text) = error else {
        return StoreError::Bug(format!("{error}: {sql}"));
    };
    let text = text.as_deref().unwrap_or_default();
    match (code.code, code.extended_code) {
        (
            _,
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID,
        ) => StoreError::Conflict { constraint: constraint(db, text).unwrap_or_else(|| text.to_owned()) },
        (_, ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => {
            StoreError::Conflict { constraint: "foreign_key".to_owned() }
        }
        (ErrorCode::DiskFull, _) => StoreError::Full,
        (ErrorCode::OperationInterrupted, _) => StoreError::TooSlow,
        (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => StoreError::busy(),
        (
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::OutOfMemory,
            _,
        ) => StoreError::Unavailable(format!("the database failed: {error}")),
        _ => StoreError::Bug(format!("{error}: {sql}")),
    }
}

/// The name behind "UNIQUE constraint failed: object.directory, object.kind, object.name".
fn constraint(db: &Connection, text: &str) -> Option<String> {
    let (_, what) = text.split_once("failed: ")?;
    if let Some(name) = what.strip_prefix("index '") {
        return name.strip_suffix('\'').map(str::to_owned);
    }
    let places: Vec<(&str, &str)> =
        what.split(", ").map(|place| place.split_once('.')).collect::<Option<_>>()?;
    let (table, _) = *places.first()?;
    let columns: Vec<&str> = places.iter().map(|(_, column)| *column).collect();
    index_on(db, table, &columns).ok().flatten().or_else(|| Some(format!("{table}_pkey")))
}

/// The unique index on just these columns; a primary key that is the row's own number has none.
fn index_on(db: &Connection, table: &str, columns: &[&str]) -> rusqlite::Result<Option<String>> {
    let mut indexes = db.prepare_cached(
        "select name, origin from pragma_index_list(?1) where \"unique\" order by seq desc",
    )?;
    let mut indexed = db.prepare_cached("select name from pragma_index_info(?1) order by seqno")?;
    let found: Vec<(String, String)> =
        indexes.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    for (name, origin) in found {
        let of: Vec<Option<String>> =
            indexed.query_map([&name], |row| row.get(0))?.collect::<Result<_, _>>()?;
        if of.iter().map(|column| column.as_deref().unwrap_or_default()).eq(columns.iter().copied()) {
            return Ok(Some(match origin.as_str() {
                "pk" => format!("{table}_pkey"),
                "u" => format!("{table}_{}_key", columns.join("_")),
                _ => name,
            }));
        }
    }
    Ok(None)
}
