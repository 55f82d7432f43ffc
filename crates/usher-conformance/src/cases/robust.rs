//! Section N: what breaks real servers.

use crate::case::Case;

pub(super) const CASES: &[Case] = &[];
