//! Section R: errors, media types, authentication.

use crate::case::Case;

pub(super) const CASES: &[Case] = &[];
