//! PostgreSQL: not yet.
use crate::{Column, Lane, Row, Sql, StoreError, Tables, Value, job::Job, tx::Failure};
use std::time::Duration;
pub(crate) struct Session;
pub(crate) struct Postgres;
fn no() -> StoreError {
    StoreError::Unavailable("PostgreSQL comes next".to_owned())
}
impl Session {
    pub(crate) fn query(
        &mut self,
        _: &Sql,
        _: &[Value],
        _: &mut dyn FnMut(&Row<'_>) -> Result<bool, StoreError>,
    ) -> Result<(), Failure> {
        Err(no().into())
    }
    pub(crate) fn control(&mut self, _: &str) -> Result<(), Failure> {
        Err(no().into())
    }
    pub(crate) fn execute(&mut self, _: &Sql, _: &[Value]) -> Result<u64, Failure> {
        Err(no().into())
    }
    pub(crate) fn execute_many(&mut self, _: &Sql, _: &[Column]) -> Result<u64, Failure> {
        Err(no().into())
    }
}
impl Postgres {
    pub(crate) fn open(_: &str, _: usize, _: &[Tables], _: impl Fn()) -> Result<Self, StoreError> {
        Err(no())
    }
    pub(crate) fn write(&self, _: Lane, job: Box<dyn Job>) {
        job.finish(Err(no()))
    }
    pub(crate) fn read(&self, _: Duration, job: Box<dyn Job>) {
        job.finish(Err(no()))
    }
    pub(crate) fn close(&self) {}
}
pub(crate) fn value_of(_: &::postgres::Row, _: usize) -> Result<Value, StoreError> {
    Err(no())
}
pub(crate) fn run_once(_: &str, _: &str) -> Result<(), StoreError> {
    Err(no())
}
