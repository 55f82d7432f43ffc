//! Section P: PATCH.

pub(super) mod add;
pub(super) mod again;
pub(super) mod message;
pub(super) mod remove;
pub(super) mod replace;
