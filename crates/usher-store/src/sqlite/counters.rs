//! Numbers that many closures of a batch move: written when first moved, kept in memory from then on, and written once more before the
//! commit.

use std::collections::BTreeMap;

use crate::Sql;

/// Of one transaction.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counters(BTreeMap<(&'static str, Vec<i64>), Held>);

#[derive(Debug, Clone, Copy)]
struct Held {
    now: i64,
    /// By so much the row is behind.
    unwritten: i64,
}

/// A number whose row is behind.
pub(crate) struct Behind {
    pub(crate) sql: Sql,
    pub(crate) keys: Vec<i64>,
    pub(crate) by: i64,
}

impl Counters {
    /// Moves a number that is held; what it is now.
    pub(crate) fn add(&mut self, text: &'static str, keys: &[i64], by: i64) -> Option<i64> {
        let held = self.0.get_mut(&(text, keys.to_vec()))?;
        held.now += by;
        held.unwritten += by;
        Some(held.now)
    }

    /// Holds a number that was just written.
    pub(crate) fn hold(&mut self, text: &'static str, keys: &[i64], now: i64) {
        self.0.insert((text, keys.to_vec()), Held { now, unwritten: 0 });
    }

    /// What is to be written; it counts as written.
    pub(crate) fn behind(&mut self) -> Vec<Behind> {
        let held = self.0.iter_mut().filter(|(_, held)| held.unwritten != 0);
        held.map(|((text, keys), held)| {
            let by = std::mem::take(&mut held.unwritten);
            Behind { sql: Sql::same(text), keys: keys.clone(), by }
        })
        .collect()
    }
}
