//! Section X: security, text, limits.

pub(super) mod access;
pub(super) mod text;
