//! Deliberate bugs: the proof that the proofs would find one.
//!
//! Each is switched on for the work of one thread of a test. All of it is behind the feature `flaws`, which only this crate's own tests
//! ask for; without it [`is_on`] is the constant `false` and nothing of it is left in a build.

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "flaws"), expect(unreachable_pub, reason = "only with the feature others see it"))]
pub enum Flaw {
    /// In `decide`: somebody linked who is disabled in the directory is taken for one who left before.
    LeaverLost,
    /// In `diff`: a value that is to be emptied is taken for the same.
    EmptiedValueKept,
    /// In the references: nobody who waits is told that the awaited one has an account now.
    ReferenceForgotten,
    /// In the checkpoint: a row whose work could not even be tried is taken off the list as done.
    UntriedIsDone,
}

#[cfg(feature = "flaws")]
mod switch {
    use std::cell::Cell;

    use super::Flaw;

    thread_local! {
        static ON: Cell<Option<Flaw>> = const { Cell::new(None) };
    }

    /// Does `work` with a flaw; what it does on other threads is without.
    pub fn with<T>(flaw: Flaw, work: impl FnOnce() -> T) -> T {
        ON.set(Some(flaw));
        let done = work();
        ON.set(None);
        done
    }

    pub(crate) fn is_on(flaw: Flaw) -> bool {
        ON.get() == Some(flaw)
    }
}

#[cfg(feature = "flaws")]
pub(crate) use switch::is_on;
#[cfg(feature = "flaws")]
pub use switch::with;

#[cfg(not(feature = "flaws"))]
pub(crate) const fn is_on(_: Flaw) -> bool {
    false
}
