//! Cycles: what is to be looked at, from the feed and from walks, and where a cycle stands.
//!
//! A cycle is the span from its first row of work to an empty list. Its place in the directory's change feed is the
//! watermark: it moves in the transaction that puts the rows.

pub mod pump;
pub mod run;
pub mod walk;

pub use run::{Counts, Cycle, CycleKind, Stop};
