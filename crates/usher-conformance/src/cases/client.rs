//! Section C: what clients send.

use crate::case::Case;

pub(super) const CASES: &[Case] = &[];
