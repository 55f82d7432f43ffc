//! Section N: what breaks real servers.

pub(super) mod change;
pub(super) mod hard;
pub(super) mod query;
