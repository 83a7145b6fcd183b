//! Queue pairs: RC, UC, UD.

use super::Case;

pub(super) const CASES: &[Case] = &[];
