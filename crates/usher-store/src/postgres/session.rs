//! One connection with its prepared statements.

use std::collections::HashMap;

use ::postgres::{Client, Error, Statement, fallible_iterator::FallibleIterator, types::ToSql};

use super::errors;
use crate::{Backend, Column, Row, Sql, StoreError, Value, row::Source, tx::Failure};

/// Statements kept prepared; the search planner's are the only ones without a bound of their own.
const STATEMENTS: usize = 500;
/// What the connection was opened with (`connect::SETTINGS`), in milliseconds.
const STATEMENT_TIMEOUT: u128 = 30_000;

pub(crate) struct Session {
    client: Client,
    statements: HashMap<String, Statement>,
    /// The session's own `statement_timeout`, in milliseconds.
    timeout: u128,
    lost: bool,
}

impl Session {
    pub(super) fn new(client: Client) -> Self {
        Self { client, statements: HashMap::new(), timeout: STATEMENT_TIMEOUT, lost: false }
    }

    /// Whether the connection is of no use any more.
    pub(super) fn is_lost(&self) -> bool {
        self.lost || self.client.is_closed()
    }

    /// Its state is not known any more.
    pub(super) fn abandon(&mut self) {
        self.lost = true;
    }

    /// Begin, commit, savepoints.
    pub(crate) fn control(&mut self, text: &str) -> Result<(), Failure> {
        let result = self.client.batch_execute(text);
        result.map_err(|error| self.failed(&error, text))
    }

    /// Statements outside of a transaction end after that many milliseconds.
    pub(super) fn limit(&mut self, timeout: u128) -> Result<(), Failure> {
        if self.timeout != timeout {
            self.control(&format!("set statement_timeout = {timeout}"))?;
            self.timeout = timeout;
        }
        Ok(())
    }

    fn failed(&mut self, error: &Error, sql: &str) -> Failure {
        self.lost |= errors::is_lost(error);
        if error.as_db_error().is_some_and(errors::is_stale_plan) {
            self.statements.clear();
        }
        errors::failure(error, sql)
    }

    fn prepare(&mut self, text: &str, args: usize) -> Result<Statement, Failure> {
        let statement = match self.statements.get(text) {
            Some(statement) => statement.clone(),
            None => {
                let prepared = self.client.prepare(text);
                let prepared = prepared.map_err(|error| self.failed(&error, text))?;
                if self.statements.len() >= STATEMENTS {
                    self.statements.clear();
                }
                self.statements.insert(text.to_owned(), prepared.clone());
                prepared
            }
        };
        let wanted = statement.params().len();
        if wanted != args {
            return Err(StoreError::Bug(format!("{args} arguments for {wanted} places: {text}")).into());
        }
        Ok(statement)
    }

    /// Calls `each` with every row until it says `false`.
    pub(crate) fn query(
        &mut self,
        sql: &Sql,
        args: &[Value],
        each: &mut dyn FnMut(&Row<'_>) -> Result<bool, StoreError>,
    ) -> Result<(), Failure> {
        let text = sql.text(Backend::Postgres);
        let statement = self.prepare(text, args.len())?;
        let result = self.client.query_raw(&statement, args).and_then(|mut rows| {
            let mut stopped = Ok(true);
            while matches!(stopped, Ok(true)) {
                let Some(row) = rows.next()? else { break };
                stopped = each(&Row(Source::Pg(&row)));
            }
            Ok(stopped)
        });
        match result {
            Ok(stopped) => {
                stopped.map(|_| ()).map_err(|error| Failure { error, again: false, harmless: true })
            }
            Err(error) => Err(self.failed(&error, text)),
        }
    }

    /// Runs one statement; the rows it touched.
    pub(crate) fn execute(&mut self, sql: &Sql, args: &[Value]) -> Result<u64, Failure> {
        let args: Vec<&(dyn ToSql + Sync)> = args.iter().map(|arg| arg as _).collect();
        self.run(sql, &args)
    }

    /// Runs one statement with arrays.
    pub(crate) fn execute_many(&mut self, sql: &Sql, columns: &[Column]) -> Result<u64, Failure> {
        let args: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as _).collect();
        self.run(sql, &args)
    }

    fn run(&mut self, sql: &Sql, args: &[&(dyn ToSql + Sync)]) -> Result<u64, Failure> {
        let text = sql.text(Backend::Postgres);
        let statement = self.prepare(text, args.len())?;
        let result = self.client.execute(&statement, args);
        result.map_err(|error| self.failed(&error, text))
    }
}
