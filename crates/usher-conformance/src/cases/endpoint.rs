//! Section E: endpoints and methods.

use crate::case::Case;

pub(super) const CASES: &[Case] = &[];
