//! The gate that reads go through, so that the writer can have a moment without any.
//!
//! SQLite folds a write-ahead log wholly only while nobody reads from it. Readers that overlap leave no such moment, however long
//! the writer waits.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

use crate::job::lock;

#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    shut: bool,
    /// Reads under way.
    inside: usize,
}

/// The right to read, until dropped.
pub(super) struct Pass<'g>(&'g Gate);

impl Gate {
    /// `None` while it is shut.
    pub(super) fn pass(&self) -> Option<Pass<'_>> {
        let mut state = lock(&self.state);
        if state.shut {
            return None;
        }
        state.inside += 1;
        Some(Pass(self))
    }

    /// Waits until it is open.
    pub(super) fn wait(&self) -> Pass<'_> {
        let open = self.changed.wait_while(lock(&self.state), |state| state.shut);
        open.unwrap_or_else(PoisonError::into_inner).inside += 1;
        Pass(self)
    }

    /// Runs `work` while nobody reads and no read begins. `false`, and nothing is run, where those under way don't end within `limit`.
    pub(super) fn alone(&self, limit: Duration, work: impl FnOnce()) -> bool {
        let mut state = lock(&self.state);
        state.shut = true;
        let waited = self.changed.wait_timeout_while(state, limit, |state| state.inside > 0);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let alone = state.inside == 0;
        drop(state);
        if alone {
            work();
        }
        lock(&self.state).shut = false;
        self.changed.notify_all();
        alone
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.inside -= 1;
        if state.inside == 0 && state.shut {
            self.0.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_alone_waits_for_those_inside_and_lets_nobody_in() {
        let gate = Gate::default();
        let inside = gate.pass().unwrap();
        assert!(!gate.alone(Duration::from_millis(1), || panic!("somebody reads")));
        drop(inside);
        let ran = std::cell::Cell::new(false);
        assert!(gate.alone(Duration::ZERO, || {
            assert!(gate.pass().is_none());
            ran.set(true);
        }));
        assert!(ran.get());
        drop(gate.wait());
        assert!(gate.pass().is_some());
    }
}
