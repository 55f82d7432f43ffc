//! Section X: security, text, limits.

use crate::case::Case;

pub(super) const CASES: &[Case] = &[];
