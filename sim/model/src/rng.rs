//! Seeded, portable random numbers, one stream per (node, port, purpose).
//!
//! Streams are independent of each other and of the order in which nodes act, so a run gives the
//! same numbers however its work is divided.

use rand::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

/// What a stream is drawn for. A purpose keeps its number for ever: results depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Ecn = 1,
    Loss = 2,
    TailDrop = 3,
    Workload = 4,
    Psn = 5,
    Route = 6,
    Rule = 7,
    Pint = 8,
}

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Stream(Pcg64Mcg);

impl Stream {
    #[inline]
    pub fn new(seed: u64, node: u32, port: u32, purpose: Purpose) -> Self {
        let lane = mix((u64::from(node) << 32) | u64::from(port));
        let low = mix(seed ^ mix(lane ^ purpose as u64));
        let high = mix(low ^ seed.rotate_left(32));
        let mut key = [0u8; 16];
        key[..8].copy_from_slice(&low.to_le_bytes());
        key[8..].copy_from_slice(&high.to_le_bytes());
        Stream(Pcg64Mcg::from_seed(key))
    }

    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `0..n`, without bias beyond 2^-64. `n` must not be zero.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(n)) >> 64) as u64
    }
}

/// The finaliser of splitmix64: a fixed bijection that spreads neighbouring inputs.
#[inline]
pub const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_pinned_and_differ_by_key() {
        let draw = |node, port, purpose| Stream::new(1, node, port, purpose).next_u64();
        let first = draw(0, 0, Purpose::Ecn);
        assert_eq!(first, draw(0, 0, Purpose::Ecn));
        assert_ne!(first, draw(1, 0, Purpose::Ecn));
        assert_ne!(first, draw(0, 1, Purpose::Ecn));
        assert_ne!(first, draw(0, 0, Purpose::Loss));
    }

    #[test]
    fn below_stays_below() {
        let mut s = Stream::new(7, 0, 0, Purpose::Workload);
        assert!((0..1_000).all(|_| s.below(3) < 3));
    }
}
