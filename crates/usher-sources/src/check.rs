//! Looking at a source's file, step by step, without writing anything.
use serde::{Deserialize, Serialize};

use crate::{run::EntryError, source::Source};

/// One step and how it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// E.g. `the file can be opened`.
    pub step: String,
    /// Whether it did.
    pub ok: bool,
    /// What was found; or what went wrong and what to do.
    pub text: String,
}

/// What a look at a source's file found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Checked {
    /// The steps, ending with the first that failed.
    pub steps: Vec<Step>,
    /// People in the file.
    pub people: u64,
    /// Groups in the file.
    pub groups: u64,
    /// Memberships in the file whose member is in it too.
    pub memberships: u64,
    /// The first entries that an import would refuse, at most 20.
    pub first_errors: Vec<EntryError>,
    /// How many it would refuse.
    pub errors: u64,
}

impl Checked {
    /// Whether an import would run.
    pub fn ok(&self) -> bool {
        self.steps.iter().all(|step| step.ok)
    }
}

/// Looks at a source's file. Blocking: reads the whole file.
pub fn file(_source: &Source) -> Checked {
    todo!()
}
