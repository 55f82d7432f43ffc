//! What a closure works with: a reading view, and a writing transaction.

use std::time::Instant;

use crate::{Backend, Column, FromRow, Row, Sql, StoreError, Value, postgres, sqlite};

/// A consistent reading view.
pub struct Snapshot<'c> {
    link: Link<'c>,
    state: State,
}

/// A writing transaction (or, within a batch, a savepoint); derefs to [`Snapshot`].
///
/// After a statement has failed the transaction can't stand, as on PostgreSQL so on SQLite: further statements fail
/// too, and so does the whole even if the closure answers `Ok`. To go on after a failure, run the statement in a
/// [`Tx::savepoint`].
pub struct Tx<'c>(Snapshot<'c>);

/// The connection below.
pub(crate) enum Link<'c> {
    Lite(&'c sqlite::Connection),
    Pg(&'c mut postgres::Session),
}

/// What the runner of a closure wants to know when it ends.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The failure after which nothing of the present savepoint can stand.
    pub(crate) failed: Option<StoreError>,
    /// Something failed that a run from the beginning may well not meet: a serialization failure, a lost
    /// connection, a budget.
    pub(crate) again: bool,
    pub(crate) announced: bool,
    pub(crate) reading: bool,
    /// Statements after this moment fail with [`StoreError::TooSlow`].
    pub(crate) deadline: Option<Instant>,
    pub(crate) statements: u32,
    pub(crate) depth: u32,
    /// There is no transaction: a second statement would see another state.
    pub(crate) single: bool,
    /// It came all the same: run again in one.
    pub(crate) needs_snapshot: bool,
}

/// A failed statement.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: StoreError,
    /// See [`State::again`].
    pub(crate) again: bool,
    /// Our own reading of a row failed, not the statement: the transaction stands.
    pub(crate) harmless: bool,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self { error, again: false, harmless: false }
    }
}

impl<'c> Snapshot<'c> {
    fn begin_statement(&mut self) -> Result<(), StoreError> {
        if let Some(error) = &self.state.failed {
            return Err(StoreError::Bug(format!(
                "a statement after a failed one ({error}); run what may fail in a savepoint"
            )));
        }
        if self.state.single && self.state.statements > 0 {
            self.state.needs_snapshot = true;
            let error = StoreError::Bug("a second statement without a snapshot".to_owned());
            self.state.failed = Some(error.clone());
            return Err(error);
        }
        if self.state.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            self.state.failed = Some(StoreError::TooSlow);
            self.state.again = true;
            return Err(StoreError::TooSlow);
        }
        self.state.statements += 1;
        Ok(())
    }

    fn end_statement<T>(&mut self, result: Result<T, Failure>) -> Result<T, StoreError> {
        result.map_err(|failure| {
            self.state.again |= failure.again;
            if !failure.harmless {
                self.state.failed = Some(failure.error.clone());
            }
            failure.error
        })
    }

    fn rows<R: FromRow>(&mut self, sql: &Sql, args: &[Value], most: usize) -> Result<Rows<R>, StoreError> {
        self.begin_statement()?;
        let mut found = Rows { rows: Vec::new(), more: false };
        let mut each = |row: &Row<'_>| {
            found.more = found.rows.len() == most;
            if !found.more {
                found.rows.push(R::from_row(row)?);
            }
            Ok(!found.more)
        };
        let result = match &mut self.link {
            Link::Lite(connection) => connection.query(sql, args, self.state.reading, &mut each),
            Link::Pg(session) => session.query(sql, args, &mut each),
        };
        self.end_statement(result)?;
        Ok(found)
    }

    fn control(&mut self, text: &str) -> Result<(), StoreError> {
        let result = match &mut self.link {
            Link::Lite(connection) => connection.control(text),
            Link::Pg(session) => session.control(text),
        };
        self.end_statement(result)
    }

    /// Which database this is.
    pub fn backend(&self) -> Backend {
        match self.link {
            Link::Lite(_) => Backend::Sqlite,
            Link::Pg(_) => Backend::Postgres,
        }
    }

    /// The first row, if any.
    pub fn one<R: FromRow>(&mut self, sql: &Sql, args: &[Value]) -> Result<Option<R>, StoreError> {
        Ok(self.rows(sql, args, 1)?.rows.pop())
    }

    /// At most `most` rows; a row more is [`StoreError::Bug`]: no unbounded read can be written.
    pub fn all<R: FromRow>(&mut self, sql: &Sql, args: &[Value], most: usize) -> Result<Vec<R>, StoreError> {
        let found = self.rows(sql, args, most)?;
        if found.more {
            return Err(StoreError::Bug(format!("more than {most} rows from: {}", sql.text(self.backend()))));
        }
        Ok(found.rows)
    }

    /// Writes the numbers that [`Tx::add`] has moved, so that statements find them; nothing to do where none was.
    pub fn settle(&mut self) -> Result<(), StoreError> {
        let Link::Lite(connection) = &self.link else { return Ok(()) };
        let behind = connection.counters().behind();
        for number in behind {
            let args: Vec<Value> = std::iter::once(number.by).chain(number.keys).map(Value::from).collect();
            self.one::<(i64,)>(&number.sql, &args)?;
        }
        Ok(())
    }

    /// How many statements this run has made so far: on PostgreSQL each is a round trip.
    pub fn statements(&self) -> u32 {
        self.state.statements
    }
}

struct Rows<R> {
    rows: Vec<R>,
    /// There was at least one more.
    more: bool,
}

impl<'c> std::ops::Deref for Tx<'c> {
    type Target = Snapshot<'c>;
    fn deref(&self) -> &Snapshot<'c> {
        &self.0
    }
}

impl std::ops::DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<'c> Tx<'c> {
    pub(crate) fn new(link: Link<'c>, state: State) -> Self {
        Self(Snapshot { link, state })
    }

    pub(crate) fn state(&mut self) -> &mut State {
        &mut self.0.state
    }

    pub(crate) fn into_state(self) -> State {
        self.0.state
    }

    /// Runs a statement; the number of rows it touched. `insert … returning` goes through [`Snapshot::one`].
    pub fn exec(&mut self, sql: &Sql, args: &[Value]) -> Result<u64, StoreError> {
        self.begin_statement()?;
        let result = match &mut self.0.link {
            Link::Lite(connection) => connection.execute(sql, args),
            Link::Pg(session) => session.execute(sql, args),
        };
        self.end_statement(result)
    }

    /// The same statement for many rows; the number of rows touched. PostgreSQL: one statement with arrays (spell it
    /// with `unnest($1::bigint[], …)`); SQLite: a prepared statement in a loop, `$1` being the row's value of the first
    /// column. [`Column::Same`] is a plain argument in both. Without rows nothing runs.
    pub fn exec_many(&mut self, sql: &Sql, columns: &[Column]) -> Result<u64, StoreError> {
        let mut lengths = columns.iter().filter_map(Column::rows);
        let rows = lengths.next().unwrap_or(0);
        if lengths.any(|other| other != rows) {
            return Err(StoreError::Bug("columns of different lengths".to_owned()));
        }
        if rows == 0 {
            return Ok(0);
        }
        self.begin_statement()?;
        let result = match &mut self.0.link {
            Link::Lite(connection) => connection.execute_many(sql, columns, rows),
            Link::Pg(session) => session.execute_many(sql, columns),
        };
        self.end_statement(result)
    }

    /// Moves a number in a row by so much, and answers what it is then; `None`: there is no such row. `number` is an update with `$1` the
    /// distance and the row's keys from `$2` on, `returning` the number. Where closures share a transaction it is written when first moved
    /// and once more before the commit, so whoever reads it by a statement of its own in a [`Tx`] calls [`Snapshot::settle`] before.
    pub fn add(&mut self, number: &'static Sql, keys: &[i64], by: i64) -> Result<Option<i64>, StoreError> {
        let text = number.text(self.backend());
        if let (Link::Lite(connection), None) = (&self.0.link, &self.0.state.failed)
            && let Some(now) = connection.counters().add(text, keys, by)
        {
            return Ok(Some(now));
        }
        let args: Vec<Value> = std::iter::once(by).chain(keys.iter().copied()).map(Value::from).collect();
        let moved = self.one::<(i64,)>(number, &args)?.map(|(now,)| now);
        if let (Link::Lite(connection), Some(now)) = (&self.0.link, moved) {
            connection.counters().hold(text, keys, now);
        }
        Ok(moved)
    }

    /// What is undone with a savepoint, beside what the database undoes.
    fn counters(&self) -> Option<sqlite::Counters> {
        match &self.0.link {
            Link::Lite(connection) => Some(connection.counters().clone()),
            Link::Pg(_) => None,
        }
    }

    /// Runs `work` in a savepoint: on `Err` only what it wrote is undone, and the transaction goes on.
    pub fn savepoint<T, E>(&mut self, work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>) -> Result<T, E>
    where
        E: From<StoreError>,
    {
        self.begin_statement()?;
        let (announced, counters) = (self.0.state.announced, self.counters());
        self.0.state.depth += 1;
        let depth = self.0.state.depth;
        self.control(&format!("savepoint s{depth}"))?;
        let mut result = work(self);
        if let (Ok(_), Some(error)) = (&result, &self.0.state.failed) {
            result = Err(error.clone().into());
        }
        self.0.state.depth = depth - 1;
        match &result {
            Ok(_) => self.control(&format!("release savepoint s{depth}"))?,
            Err(_) => {
                self.0.state.failed = None;
                self.0.state.announced = announced;
                if let (Link::Lite(connection), Some(counters)) = (&self.0.link, counters) {
                    *connection.counters() = counters;
                }
                self.control(&format!("rollback to savepoint s{depth}; release savepoint s{depth}"))?;
            }
        }
        result
    }

    /// Says that consumers of the feed or of work have something new once this commits.
    pub fn announce(&mut self) {
        self.0.state.announced = true;
    }
}
