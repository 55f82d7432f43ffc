//! PostgreSQL's errors as [`StoreError`].

use std::error::Error as _;

use ::postgres::error::{DbError, Error, SqlState};

use crate::{StoreError, tx::Failure};

/// A statement's error.
pub(super) fn failure(error: &Error, sql: &str) -> Failure {
    if is_lost(error) {
        return again(StoreError::Unavailable(format!(
            "the connection to PostgreSQL was lost: {}",
            text(error)
        )));
    }
    match error.as_db_error() {
        Some(database) => of_database(database, sql),
        None => StoreError::Bug(format!("{}: {sql}", text(error))).into(),
    }
}

fn again(error: StoreError) -> Failure {
    Failure { error, again: true, harmless: false }
}

fn of_database(error: &DbError, sql: &str) -> Failure {
    let code = error.code();
    if [SqlState::UNIQUE_VIOLATION, SqlState::FOREIGN_KEY_VIOLATION, SqlState::EXCLUSION_VIOLATION]
        .contains(code)
    {
        let constraint = error.constraint().unwrap_or("unknown").to_owned();
        return StoreError::Conflict { constraint }.into();
    }
    if [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code)
        || is_stale_plan(error)
    {
        return again(StoreError::busy());
    }
    // It has waited for the whole `lock_timeout` already, and has held a connection all the while.
    if *code == SqlState::LOCK_NOT_AVAILABLE {
        return StoreError::busy().into();
    }
    if *code == SqlState::QUERY_CANCELED {
        return StoreError::TooSlow.into();
    }
    if *code == SqlState::DISK_FULL {
        return StoreError::Full.into();
    }
    match &code.code()[..2] {
        // Syntax, data, constraints not of ours to meet, a write in a reading view: our mistake.
        "22" | "23" | "25" | "26" | "42" => {
            StoreError::Bug(format!("{error} [{}]: {sql}", code.code())).into()
        }
        _ => StoreError::Unavailable(format!("PostgreSQL failed: {error} [{}]", code.code())).into(),
    }
}

/// A prepared statement does not fit the tables any more: a newer instance has changed them.
pub(super) fn is_stale_plan(error: &DbError) -> bool {
    *error.code() == SqlState::INVALID_SQL_STATEMENT_NAME
        || (*error.code() == SqlState::FEATURE_NOT_SUPPORTED && error.message().contains("cached plan"))
}

/// Whether the connection is gone, or the server is going.
pub(super) fn is_lost(error: &Error) -> bool {
    if let Some(database) = error.as_db_error() {
        let code = database.code().code();
        return code.starts_with("08") || matches!(code, "57P01" | "57P02" | "57P03" | "57P05" | "25P03");
    }
    error.is_closed() || error.source().is_some_and(|source| source.is::<std::io::Error>())
}

/// An error with its causes.
pub(super) fn text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
