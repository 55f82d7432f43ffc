//! Section M: /Me.

use crate::case::Case;

pub(super) const CASES: &[Case] = &[];
