//! Look-up tables beside a mapping: what `Lookup("sites", [city])` asks.

use std::collections::BTreeMap;

use usher_scim::AttributePath;

use crate::{EvalError, Lookup, Value};

/// Tables by name, each with a value for each key. Keys are compared exactly.
pub type Tables = BTreeMap<String, BTreeMap<String, Value>>;

/// Answers from tables; everything else, and tables that are not among them, is asked beyond.
pub(super) struct WithTables<'a> {
    pub(super) tables: &'a Tables,
    pub(super) beyond: &'a mut dyn Lookup,
}

impl Lookup for WithTables<'_> {
    fn find(&mut self, kind: &str, key: &str) -> Result<Value, EvalError> {
        self.beyond.find(kind, key)
    }
    fn person_of(&mut self, scim_user: &str) -> Result<Value, EvalError> {
        self.beyond.person_of(scim_user)
    }
    fn table(&mut self, name: &str, key: &str) -> Result<Option<Value>, EvalError> {
        match self.tables.get(name) {
            Some(table) => Ok(table.get(key).cloned()),
            None => self.beyond.table(name, key),
        }
    }
    fn find_all(&mut self, kind: &str, key: &str) -> Result<Vec<Value>, EvalError> {
        self.beyond.find_all(kind, key)
    }
    fn default_domain(&mut self) -> Result<Option<String>, EvalError> {
        self.beyond.default_domain()
    }
    fn is_taken(&mut self, target: Option<&AttributePath>, value: &str) -> Result<bool, EvalError> {
        self.beyond.is_taken(target, value)
    }
}
