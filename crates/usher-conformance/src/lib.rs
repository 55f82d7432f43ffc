//! The checklist of SCIM as cases over HTTP, for our own tests (`./usher test`) and for anybody's server (`usher check`).
//!
//! [`cases()`] is the checklist, once: each requirement with its id, level, section of the RFC, and either requests with
//! assertions or the reason why HTTP does not show it. [`run`] sends the requests to a [`Target`] and judges what comes
//! back; a [`Report`] prints as text, JSON and JUnit. A case makes its own resources under names of its own, removes
//! them at its end, and touches nothing else, so that a server that holds data may be checked.

mod answer;
mod case;
mod cases;
mod probe;
mod report;
mod run;
mod target;
mod verdict;
mod wire;

pub use case::{Case, Level, Need, Profile};
pub use cases::cases;
pub use report::{Format, page};
pub use run::{Choice, run};
pub use target::{Capabilities, Fixture, Target, TargetError};
pub use verdict::{Exchange, Failure, Outcome, Report, Verdict};
