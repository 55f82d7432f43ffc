//! Section E: endpoints and methods.

pub(super) mod change;
pub(super) mod read;
pub(super) mod version;
