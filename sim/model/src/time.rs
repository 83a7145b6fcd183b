//! Exact simulated time: integer picoseconds.
//!
//! One byte at 400 Gb/s lasts 20 ps, at 1.6 Tb/s 5 ps, so every common Ethernet rate has a whole
//! number of picoseconds per byte. 2^64 ps are 213 days.

use crate::scaled::{QuantityError, parse_scaled, write_scaled};
use std::fmt;
use std::ops::{Add, AddAssign, Mul, Sub};
use std::str::FromStr;

/// A point in simulated time, in picoseconds since the start of the run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SimTime(u64);

/// A span of simulated time, in picoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SimDuration(u64);

impl SimTime {
    pub const ZERO: SimTime = SimTime(0);
    /// Later than every event: "never".
    pub const NEVER: SimTime = SimTime(u64::MAX);
    /// Where the clock ends: 106 days. A run goes no further, so that a few spans that
    /// [`SimDuration::LONGEST`] bounds can be added to any time of it.
    pub const LAST: SimTime = SimTime(1 << 63);

    #[inline]
    pub const fn from_ps(ps: u64) -> Self {
        SimTime(ps)
    }

    #[inline]
    pub const fn from_ns(ns: u64) -> Self {
        SimTime(ns.saturating_mul(1_000))
    }

    #[inline]
    pub const fn ps(self) -> u64 {
        self.0
    }

    /// Whole nanoseconds, rounded down.
    #[inline]
    pub const fn ns(self) -> u64 {
        self.0 / 1_000
    }

    /// The span since `earlier`; zero if `earlier` is later.
    #[inline]
    pub const fn since(self, earlier: SimTime) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }
}

impl SimDuration {
    pub const ZERO: SimDuration = SimDuration(0);
    pub const MAX: SimDuration = SimDuration(u64::MAX);
    /// The longest span that an input may state: 11.6 days.
    pub const LONGEST: SimDuration = SimDuration(1_000_000_000_000_000_000);

    #[inline]
    pub const fn from_ps(ps: u64) -> Self {
        SimDuration(ps)
    }

    #[inline]
    pub const fn from_ns(ns: u64) -> Self {
        SimDuration(ns.saturating_mul(1_000))
    }

    #[inline]
    pub const fn from_us(us: u64) -> Self {
        SimDuration(us.saturating_mul(1_000_000))
    }

    #[inline]
    pub const fn from_ms(ms: u64) -> Self {
        SimDuration(ms.saturating_mul(1_000_000_000))
    }

    #[inline]
    pub const fn ps(self) -> u64 {
        self.0
    }

    /// Whole nanoseconds, rounded down.
    #[inline]
    pub const fn ns(self) -> u64 {
        self.0 / 1_000
    }

    #[inline]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Seconds, for presentation only: no result is computed from it.
    #[inline]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 * 1e-12
    }

    #[inline]
    pub const fn saturating_sub(self, other: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_sub(other.0))
    }
}

impl Add<SimDuration> for SimTime {
    type Output = SimTime;

    #[inline]
    fn add(self, d: SimDuration) -> SimTime {
        SimTime(self.0.saturating_add(d.0))
    }
}

impl AddAssign<SimDuration> for SimTime {
    #[inline]
    fn add_assign(&mut self, d: SimDuration) {
        *self = *self + d;
    }
}

impl Sub<SimDuration> for SimTime {
    type Output = SimTime;

    #[inline]
    fn sub(self, d: SimDuration) -> SimTime {
        SimTime(self.0.saturating_sub(d.0))
    }
}

impl Add for SimDuration {
    type Output = SimDuration;

    #[inline]
    fn add(self, d: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_add(d.0))
    }
}

impl AddAssign for SimDuration {
    #[inline]
    fn add_assign(&mut self, d: SimDuration) {
        *self = *self + d;
    }
}

impl Mul<u64> for SimDuration {
    type Output = SimDuration;

    #[inline]
    fn mul(self, n: u64) -> SimDuration {
        SimDuration(self.0.saturating_mul(n))
    }
}

const UNITS: [(u64, &str); 5] = [
    (1_000_000_000_000, "s"),
    (1_000_000_000, "ms"),
    (1_000_000, "us"),
    (1_000, "ns"),
    (1, "ps"),
];

impl fmt::Display for SimDuration {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = UNITS
            .into_iter()
            .find(|&(unit, _)| self.0 >= unit)
            .unwrap_or((1, "ps"));
        write_scaled(f, self.0, unit, name)
    }
}

/// Nanoseconds of the world outside, of which 213 days do not fit into a [`SimDuration`]; written
/// as that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nanoseconds(pub u64);

impl fmt::Display for Nanoseconds {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = UNITS
            .into_iter()
            .map(|(ps, name)| (ps / 1_000, name))
            .find(|&(unit, _)| unit > 0 && self.0 >= unit)
            .unwrap_or((1, if self.0 == 0 { "ps" } else { "ns" }));
        write_scaled(f, self.0, unit, name)
    }
}

impl fmt::Display for SimTime {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SimDuration(self.0).fmt(f)
    }
}

impl fmt::Debug for SimDuration {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Debug for SimTime {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

const TIME_UNITS: &str = "a time such as \"1us\", \"250ns\" or \"10ms\"";

impl FromStr for SimDuration {
    type Err = QuantityError;

    #[inline]
    fn from_str(s: &str) -> Result<Self, QuantityError> {
        const UNITS: [(&str, u64); 5] = [
            ("ps", 1),
            ("ns", 1_000),
            ("us", 1_000_000),
            ("ms", 1_000_000_000),
            ("s", 1_000_000_000_000),
        ];
        parse_scaled(&s.replace('µ', "u"), &UNITS, TIME_UNITS).map(SimDuration::from_ps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_the_largest_unit_that_fits() {
        assert_eq!(SimDuration::from_ps(0).to_string(), "0ps");
        assert_eq!(SimDuration::from_ps(83_840).to_string(), "83.84ns");
        assert_eq!(SimDuration::from_us(1).to_string(), "1us");
        assert_eq!(SimTime::from_ns(2_500_000).to_string(), "2.5ms");
        for ns in [0, 1, 999, 1_000, 2_500_000, 86_400_000_000_000] {
            assert_eq!(
                Nanoseconds(ns).to_string(),
                SimTime::from_ns(ns).to_string()
            );
        }
        let year = Nanoseconds(365 * 86_400 * 1_000_000_000);
        assert_eq!(year.to_string(), "31536000s");
        assert_eq!(Nanoseconds(u64::MAX).to_string(), "18446744073.71s");
    }

    #[test]
    fn never_does_not_overflow() {
        assert_eq!(SimTime::NEVER + SimDuration::from_ms(1), SimTime::NEVER);
    }
}
