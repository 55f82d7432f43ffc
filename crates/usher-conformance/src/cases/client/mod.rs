//! Section C: what real clients send.

pub(super) mod entra;
pub(super) mod okta;
pub(super) mod others;
