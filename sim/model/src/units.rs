//! Quantities with units, and how they are read and printed.

use crate::scaled::{QuantityError, parse_scaled, write_scaled};
use crate::time::SimDuration;
use std::fmt;
use std::str::FromStr;

/// A rate in bits per second, counted on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BitRate(u64);

/// A number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub u64);

/// A probability in [0, 1], kept as parts of 2^32 so that draws compare integers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Probability(u64);

/// A cable length in millimetres; light takes 5 ns per metre.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Length(pub u64);

/// Picoseconds that a byte takes at 1 bit/s.
pub const PS_BITS: u64 = 8_000_000_000_000;

/// What does not fit is the largest that does.
#[inline]
fn narrow(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

impl BitRate {
    #[inline]
    pub const fn from_bps(bps: u64) -> Self {
        BitRate(bps)
    }

    #[inline]
    pub const fn from_gbps(gbps: u64) -> Self {
        BitRate(gbps * 1_000_000_000)
    }

    #[inline]
    pub const fn bps(self) -> u64 {
        self.0
    }

    /// Time to put `bytes` on the wire, rounded up to a picosecond. The rate must not be zero.
    #[inline]
    pub fn serialize_ceil(self, bytes: u64) -> SimDuration {
        let bits_ps = u128::from(bytes) * u128::from(PS_BITS);
        SimDuration::from_ps(narrow(bits_ps.div_ceil(u128::from(self.0))))
    }

    /// Whole bytes that fit into `span`, rounded down.
    #[inline]
    pub fn bytes_in_floor(self, span: SimDuration) -> u64 {
        narrow(u128::from(self.0) * u128::from(span.ps()) / u128::from(PS_BITS))
    }

    /// The mean rate of `bytes` over `span`, rounded down; zero for an empty span.
    #[inline]
    pub fn mean_floor(bytes: u64, span: SimDuration) -> BitRate {
        if span.is_zero() {
            return BitRate(0);
        }
        let bits_ps = u128::from(bytes) * u128::from(PS_BITS);
        BitRate(narrow(bits_ps / u128::from(span.ps())))
    }
}

impl Probability {
    pub const ZERO: Probability = Probability(0);
    pub const ONE: Probability = Probability(1 << 32);

    /// `numerator / denominator`, rounded to the nearest of 2^32 steps and capped at one.
    #[inline]
    pub fn ratio(numerator: u64, denominator: u64) -> Self {
        let d = u128::from(denominator.max(1));
        let scaled = ((u128::from(numerator) << 32) + d / 2) / d;
        Probability(scaled.min(1 << 32) as u64)
    }

    /// From a fraction such as 0.001; None outside [0, 1].
    #[inline]
    pub fn from_fraction(p: f64) -> Option<Self> {
        (0.0..=1.0)
            .contains(&p)
            .then(|| Probability((p * 4_294_967_296.0).round() as u64))
    }

    #[inline]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Parts of 2^32.
    #[inline]
    pub const fn parts(self) -> u64 {
        self.0
    }

    /// True for a uniformly drawn `u32` with this probability.
    #[inline]
    pub const fn hit(self, draw: u32) -> bool {
        (draw as u64) < self.0
    }
}

impl Length {
    /// Propagation time at 5 ns per metre (5 ps per millimetre).
    #[inline]
    pub const fn propagation(self) -> SimDuration {
        SimDuration::from_ps(self.0.saturating_mul(5))
    }
}

const RATE_UNITS: &str = "a rate such as \"100Gbps\" or \"50Mbps\"";
const BYTE_UNITS: &str = "a size such as \"96KiB\", \"9216B\" or \"1MB\"";
const LENGTH_UNITS: &str = "a length such as \"7m\" or \"2km\"";

impl FromStr for BitRate {
    type Err = QuantityError;

    #[inline]
    fn from_str(s: &str) -> Result<Self, QuantityError> {
        const UNITS: [(&str, u64); 12] = [
            ("bps", 1),
            ("b/s", 1),
            ("kbps", 1_000),
            ("kb/s", 1_000),
            ("Mbps", 1_000_000),
            ("Mb/s", 1_000_000),
            ("Gbps", 1_000_000_000),
            ("Gb/s", 1_000_000_000),
            ("G", 1_000_000_000),
            ("Tbps", 1_000_000_000_000),
            ("Tb/s", 1_000_000_000_000),
            ("T", 1_000_000_000_000),
        ];
        parse_scaled(s, &UNITS, RATE_UNITS).map(BitRate)
    }
}

impl FromStr for Bytes {
    type Err = QuantityError;

    #[inline]
    fn from_str(s: &str) -> Result<Self, QuantityError> {
        const UNITS: [(&str, u64); 9] = [
            ("B", 1),
            ("kB", 1_000),
            ("MB", 1_000_000),
            ("GB", 1_000_000_000),
            ("TB", 1_000_000_000_000),
            ("KiB", 1 << 10),
            ("MiB", 1 << 20),
            ("GiB", 1 << 30),
            ("TiB", 1 << 40),
        ];
        parse_scaled(s, &UNITS, BYTE_UNITS).map(Bytes)
    }
}

impl FromStr for Length {
    type Err = QuantityError;

    #[inline]
    fn from_str(s: &str) -> Result<Self, QuantityError> {
        const UNITS: [(&str, u64); 4] = [("mm", 1), ("cm", 10), ("m", 1_000), ("km", 1_000_000)];
        parse_scaled(s, &UNITS, LENGTH_UNITS).map(Length)
    }
}

impl fmt::Display for BitRate {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            1_000_000_000.. => (1_000_000_000, "Gbps"),
            1_000_000.. => (1_000_000, "Mbps"),
            1_000.. => (1_000, "kbps"),
            _ => (1, "bps"),
        };
        write_scaled(f, self.0, unit, name)
    }
}

impl fmt::Display for Bytes {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            1_000_000_000.. => (1_000_000_000, "GB"),
            1_000_000.. => (1_000_000, "MB"),
            10_000.. => (1_000, "kB"),
            _ => (1, "B"),
        };
        write_scaled(f, self.0, unit, name)
    }
}

impl fmt::Debug for BitRate {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Debug for Bytes {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}B", self.0)
    }
}

impl fmt::Debug for Length {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}mm", self.0)
    }
}

impl fmt::Debug for Probability {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/2^32", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_rates_have_whole_picoseconds_per_byte() {
        for (gbps, ps) in [
            (10, 800),
            (25, 320),
            (40, 200),
            (100, 80),
            (400, 20),
            (1600, 5),
        ] {
            assert_eq!(BitRate::from_gbps(gbps).serialize_ceil(1).ps(), ps);
        }
    }

    #[test]
    fn reads_quantities_exactly() {
        assert_eq!("100Gbps".parse(), Ok(BitRate::from_gbps(100)));
        assert_eq!("2.5Gbps".parse(), Ok(BitRate::from_bps(2_500_000_000)));
        assert_eq!("96KiB".parse(), Ok(Bytes(98_304)));
        assert_eq!("0.5 MB".parse(), Ok(Bytes(500_000)));
        assert_eq!("4.096us".parse(), Ok(SimDuration::from_ps(4_096_000)));
        assert_eq!("7m".parse(), Ok(Length(7_000)));
        assert_eq!(Length(7_000).propagation(), SimDuration::from_ns(35));
    }

    #[test]
    fn a_bare_number_has_no_meaning() {
        assert_eq!(
            "100".parse::<BitRate>(),
            Err(QuantityError::MissingUnit(RATE_UNITS))
        );
        assert!(matches!(
            "9zz".parse::<Bytes>(),
            Err(QuantityError::UnknownUnit(..))
        ));
        assert!(matches!(
            "us".parse::<SimDuration>(),
            Err(QuantityError::NotANumber(_))
        ));
        assert!(matches!(
            "99999999TB".parse::<Bytes>(),
            Err(QuantityError::TooLarge(_, most)) if most == "8388607TiB"
        ));
    }

    #[test]
    fn probabilities_hit_their_share_of_draws() {
        assert!(!Probability::ZERO.hit(0));
        assert!(Probability::ONE.hit(u32::MAX));
        assert_eq!(
            Probability::ratio(1, 2),
            Probability::from_fraction(0.5).unwrap()
        );
        assert!(Probability::from_fraction(1.5).is_none());
    }
}
