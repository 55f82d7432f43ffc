//! One connection: its settings, its statements, its clock.

use std::{
    cell::RefCell,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use rusqlite::{
    CachedStatement, OpenFlags,
    config::DbConfig,
    types::{ToSqlOutput, ValueRef},
};

use super::{counters::Counters, errors};
use crate::{Column, Row, Sql, StoreError, Value, row::Source, sql::Spelled, tx::Failure};

/// A connection to the file; used by one thread at a time.
pub(crate) struct Connection {
    db: rusqlite::Connection,
    clock: Arc<Clock>,
    began: Instant,
    spelled: RefCell<Spelled>,
    /// Of the present transaction.
    counters: RefCell<Counters>,
}

/// When a read is interrupted: nanoseconds after the connection began; 0: never.
#[derive(Default)]
struct Clock(AtomicU64);

/// Virtual machine steps between two looks at the clock: some ten microseconds.
const STEPS: i32 = 1000;
/// Statements kept prepared.
const STATEMENTS: usize = 256;

/// Settings of every connection, each set and read back: nothing depends on how SQLite was built.
const PRAGMAS: &[(&str, &str)] = &[
    ("synchronous", "2"), // FULL: what was acknowledged survives a power cut; group commit makes it cheap
    ("foreign_keys", "1"),
    ("wal_autocheckpoint", "1000"),
    ("journal_size_limit", "67108864"),
    ("cache_size", "-16384"), // KB
    ("mmap_size", "0"),       // an I/O error would be a SIGBUS
    ("temp_store", "2"),
    ("busy_timeout", "5000"),
    ("trusted_schema", "0"),
    ("recursive_triggers", "1"),
    ("ignore_check_constraints", "0"),
    ("defer_foreign_keys", "0"),
    ("cell_size_check", "1"),
    ("locking_mode", "normal"),
];

impl Connection {
    /// The connection that writes; makes the file.
    pub(crate) fn writer(file: &Path) -> Result<Self, StoreError> {
        let db = open(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        set(&db, "page_size", "4096")?;
        set(&db, "journal_mode", "wal")?;
        Self::set_up(db, false)
    }

    /// A connection that only reads.
    pub(crate) fn reader(file: &Path) -> Result<Self, StoreError> {
        // Read-write below, because a reader of a WAL keeps its marks in shared memory; `query_only` forbids the rest.
        Self::set_up(open(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?, true)
    }

    /// A database in memory.
    pub(crate) fn memory() -> Result<Self, StoreError> {
        version()?;
        Self::set_up(rusqlite::Connection::open_in_memory().map_err(|e| errors::opening(&e))?, false)
    }

    fn set_up(db: rusqlite::Connection, reading: bool) -> Result<Self, StoreError> {
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        let in_memory = db.path().is_none_or(str::is_empty);
        for (name, value) in PRAGMAS {
            let kept_in_memory = matches!(*name, "mmap_size" | "journal_size_limit");
            if !(in_memory && kept_in_memory) {
                set(&db, name, value)?;
            }
        }
        set(&db, "query_only", if reading { "1" } else { "0" })?;
        // One plan a statement, whatever its arguments are: without it SQLite looks at them for a partial index that they might
        // allow, and plans the statement anew with each other value.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
            .map_err(|error| errors::opening(&error))?;
        let mut connection = Self {
            db,
            clock: Arc::default(),
            began: Instant::now(),
            spelled: RefCell::default(),
            counters: RefCell::default(),
        };
        if reading {
            let (clock, began) = (Arc::clone(&connection.clock), connection.began);
            connection
                .db
                .progress_handler(STEPS, Some(move || clock.is_over(began)))
                .map_err(|error| errors::opening(&error))?;
        }
        Ok(connection)
    }

    /// Statements from now on are interrupted at that moment.
    pub(crate) fn interrupt_at(&self, moment: Instant) {
        let nanos = moment.saturating_duration_since(self.began).as_nanos();
        self.clock.0.store(u64::try_from(nanos).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
    }

    /// Numbers that this transaction moves.
    pub(crate) fn counters(&self) -> std::cell::RefMut<'_, Counters> {
        self.counters.borrow_mut()
    }

    /// Whether a transaction stands.
    pub(crate) fn in_transaction(&self) -> bool {
        !self.db.is_autocommit()
    }

    /// The raw connection, for migrations and backup.
    pub(crate) fn raw(&self) -> &rusqlite::Connection {
        &self.db
    }

    /// Begin, commit, savepoints.
    pub(crate) fn control(&self, text: &str) -> Result<(), Failure> {
        // One statement is prepared once; several ("rollback to …; release …") are rare.
        let result = if text.contains(';') {
            self.db.execute_batch(text)
        } else {
            self.db.prepare_cached(text).and_then(|mut statement| statement.raw_execute().map(|_| ()))
        };
        result.map_err(|error| errors::failure(&self.db, &error, text))
    }

    fn prepare(&self, text: &str, args: usize) -> Result<CachedStatement<'_>, Failure> {
        let statement =
            self.db.prepare_cached(text).map_err(|error| errors::failure(&self.db, &error, text))?;
        if statement.parameter_count() != args {
            let wanted = statement.parameter_count();
            return Err(StoreError::Bug(format!("{args} arguments for {wanted} places: {text}")).into());
        }
        Ok(statement)
    }

    /// Calls `each` with every row until it says `false`.
    pub(crate) fn query(
        &self,
        sql: &Sql,
        args: &[Value],
        reading: bool,
        each: &mut dyn FnMut(&Row<'_>) -> Result<bool, StoreError>,
    ) -> Result<(), Failure> {
        let text = self.spelled.borrow_mut().of(sql);
        let mut statement = self.prepare(&text, args.len())?;
        if reading && !statement.readonly() {
            return Err(StoreError::Bug(format!("a write in a reading view: {text}")).into());
        }
        let failure = |error| errors::failure(&self.db, &error, &text);
        for (index, value) in args.iter().enumerate() {
            statement.raw_bind_parameter(index + 1, Bound(value)).map_err(failure)?;
        }
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(failure)? {
            let go_on = each(&Row(Source::Lite(row))).map_err(|error| Failure {
                error,
                again: false,
                harmless: true,
            })?;
            if !go_on {
                break;
            }
        }
        Ok(())
    }

    /// Runs one statement; the rows it touched.
    pub(crate) fn execute(&self, sql: &Sql, args: &[Value]) -> Result<u64, Failure> {
        let text = self.spelled.borrow_mut().of(sql);
        let mut statement = self.prepare(&text, args.len())?;
        let failure = |error| errors::failure(&self.db, &error, &text);
        for (index, value) in args.iter().enumerate() {
            statement.raw_bind_parameter(index + 1, Bound(value)).map_err(failure)?;
        }
        statement.raw_execute().map(as_count).map_err(failure)
    }

    /// Runs one statement for each row of `columns`.
    pub(crate) fn execute_many(&self, sql: &Sql, columns: &[Column], rows: usize) -> Result<u64, Failure> {
        let text = self.spelled.borrow_mut().of(sql);
        let mut statement = self.prepare(&text, columns.len())?;
        let failure = |error| errors::failure(&self.db, &error, &text);
        let mut touched = 0;
        for row in 0..rows {
            for (index, column) in columns.iter().enumerate() {
                statement.raw_bind_parameter(index + 1, Cell(column, row)).map_err(failure)?;
            }
            touched += as_count(statement.raw_execute().map_err(failure)?);
        }
        Ok(touched)
    }
}

impl Clock {
    fn is_over(&self, began: Instant) -> bool {
        let limit = self.0.load(Ordering::Relaxed);
        limit != 0 && began.elapsed().as_nanos() >= u128::from(limit)
    }
}

fn as_count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

fn open(file: &Path, flags: OpenFlags) -> Result<rusqlite::Connection, StoreError> {
    version()?;
    // No mutex: a connection is used by one thread at a time.
    rusqlite::Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| errors::opening(&error))
}

/// Below 3.51.3 two connections and a checkpoint could corrupt a WAL.
fn version() -> Result<(), StoreError> {
    if rusqlite::version_number() < 3_051_003 {
        let version = rusqlite::version();
        return Err(StoreError::Unavailable(format!(
            "SQLite {version} is too old, 3.51.3 is needed; build Usher with the one it brings"
        )));
    }
    Ok(())
}

fn set(db: &rusqlite::Connection, name: &str, value: &str) -> Result<(), StoreError> {
    db.pragma_update(None, name, value).map_err(|error| errors::opening(&error))?;
    let found: String = db
        .pragma_query_value(None, name, |row| {
            Ok(match row.get_ref(0)? {
                ValueRef::Integer(number) => number.to_string(),
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                _ => String::new(),
            })
        })
        .map_err(|error| errors::opening(&error))?;
    // An older file keeps its page size.
    if found != value && name != "page_size" {
        return Err(StoreError::Unavailable(format!("SQLite does not take {name}={value}, it is {found}")));
    }
    Ok(())
}

struct Bound<'a>(&'a Value);

impl rusqlite::ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(reference(self.0)))
    }
}

fn reference(value: &Value) -> ValueRef<'_> {
    match value {
        Value::Null => ValueRef::Null,
        Value::Bool(it) => ValueRef::Integer((*it).into()),
        Value::Int(it) => ValueRef::Integer(*it),
        Value::Text(it) => ValueRef::Text(it.as_bytes()),
        Value::Bytes(it) => ValueRef::Blob(it),
    }
}

/// A column's value in a row.
struct Cell<'a>(&'a Column, usize);

impl rusqlite::ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        fn at<T>(rows: &[Option<T>], row: usize) -> Option<&T> {
            rows.get(row).and_then(Option::as_ref)
        }
        let value = match self.0 {
            Column::Int(rows) => at(rows, self.1).map(|it| ValueRef::Integer(*it)),
            Column::Bool(rows) => at(rows, self.1).map(|it| ValueRef::Integer((*it).into())),
            Column::Text(rows) => at(rows, self.1).map(|it| ValueRef::Text(it.as_bytes())),
            Column::Bytes(rows) => at(rows, self.1).map(|it| ValueRef::Blob(it)),
            Column::Same(value) => Some(reference(value)),
        };
        Ok(ToSqlOutput::Borrowed(value.unwrap_or(ValueRef::Null)))
    }
}

/// Reads a column.
pub(crate) fn value_of(row: &rusqlite::Row<'_>, index: usize) -> Result<Value, StoreError> {
    let value = row.get_ref(index).map_err(|error| StoreError::Bug(format!("column {index}: {error}")))?;
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(it) => Value::Int(it),
        ValueRef::Text(it) => Value::Text(
            std::str::from_utf8(it)
                .map_err(|_| StoreError::Bug(format!("column {index}: text that is not UTF-8")))?
                .to_owned(),
        ),
        ValueRef::Blob(it) => Value::Bytes(it.to_vec()),
        ValueRef::Real(it) => return Err(StoreError::Bug(format!("column {index}: {it} is no integer"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pragma(connection: &Connection, name: &str) -> String {
        connection
            .db
            .pragma_query_value(None, name, |row| {
                row.get::<_, i64>(0).map(|it| it.to_string()).or_else(|_| row.get::<_, String>(0))
            })
            .unwrap()
    }

    #[test]
    fn every_connection_is_set_up_explicitly() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("usher.db");
        let writer = Connection::writer(&file).unwrap();
        let reader = Connection::reader(&file).unwrap();
        for connection in [&writer, &reader] {
            assert_eq!(pragma(connection, "journal_mode"), "wal");
            assert_eq!(pragma(connection, "synchronous"), "2");
            assert_eq!(pragma(connection, "foreign_keys"), "1");
            assert_eq!(pragma(connection, "wal_autocheckpoint"), "1000");
            assert_eq!(pragma(connection, "journal_size_limit"), (64 << 20).to_string());
            assert_eq!(pragma(connection, "cache_size"), "-16384");
            assert_eq!(pragma(connection, "mmap_size"), "0");
        }
        assert_eq!(pragma(&writer, "query_only"), "0");
        assert_eq!(pragma(&reader, "query_only"), "1");
        assert!(reader.db.execute_batch("create table t (a int)").is_err());
    }

    #[test]
    fn the_library_is_new_enough() {
        assert!(rusqlite::version_number() >= 3_051_003);
    }
}
