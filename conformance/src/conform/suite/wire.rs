//! The format of packets: W.

use super::Case;

pub(super) const CASES: &[Case] = &[];
