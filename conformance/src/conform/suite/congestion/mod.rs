//! Congestion notification, pause, counters, captures, and xoff itself: CC, P, N, T, H.

use super::Case;

pub(super) const CASES: &[Case] = &[];
