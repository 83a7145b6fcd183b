//! Guesses the rate of links from how closely frames follow each other.

use rustc_hash::FxHashMap;
use xoff_sim::wire::Mac;

/// Rates of Ethernet, Mb/s.
const STANDARD: [u64; 11] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 40_000, 50_000, 100_000, 200_000, 400_000, 800_000,
];
/// Preamble, FCS and gap: bytes on the wire beside those in a capture.
const OVERHEAD: u64 = 24;
/// Shorter frames say little: timestamps are too coarse for them.
const FRAME_MIN: u32 = 512;
/// Pairs that make a rate credible.
const PAIRS_MIN: u32 = 8;

#[derive(Clone, Copy, Default)]
struct Source {
    last_ns: u64,
    last_len: u32,
    /// Pairs of frames that followed each other at about this rate.
    pairs: [u32; STANDARD.len()],
    frames: u64,
    bytes: u64,
    first_ns: u64,
}

/// Watches the spacing of frames by interface and sender.
#[derive(Default)]
pub(super) struct Observer {
    sources: FxHashMap<(u32, Mac), Source>,
}

/// The rate at which a sender's frames come at an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObservedRate {
    pub interface: u32,
    pub mac: Mac,
    /// A standard rate, bit/s.
    pub rate: u64,
}

impl Observer {
    pub(super) fn frame(&mut self, interface: u32, mac: Mac, at_ns: u64, len: u32) {
        let source = self.sources.entry((interface, mac)).or_default();
        if source.frames == 0 {
            source.first_ns = at_ns;
        }
        let gap = at_ns.saturating_sub(source.last_ns);
        if source.frames > 0 && gap > 0 && len >= FRAME_MIN && len == source.last_len {
            let mbps = (u64::from(len) + OVERHEAD) * 8_000 / gap;
            // Within 6 %: a nanosecond matters at high rates.
            if let Some(i) = STANDARD.iter().position(|&s| mbps.abs_diff(s) * 16 <= s) {
                source.pairs[i] = source.pairs[i].saturating_add(1);
            }
        }
        source.last_ns = at_ns;
        source.last_len = len;
        source.frames += 1;
        source.bytes += u64::from(len) + OVERHEAD;
    }

    /// By interface, then address.
    pub(super) fn finish(self) -> Vec<ObservedRate> {
        let mut sources: Vec<_> = self.sources.into_iter().collect();
        sources.sort_by_key(|&(key, _)| key);
        let rated = sources.into_iter().filter_map(|((interface, mac), s)| {
            let rate = s.rate()?;
            Some(ObservedRate {
                interface,
                mac,
                rate,
            })
        });
        rated.collect()
    }
}

impl Source {
    /// The fastest rate that enough pairs show; else the slowest that could carry the bytes.
    fn rate(&self) -> Option<u64> {
        let needed = u64::from(PAIRS_MIN).max(self.frames / 100);
        let seen = self.pairs.iter().rposition(|&n| u64::from(n) >= needed);
        let index = seen.or_else(|| {
            let time = self.last_ns.checked_sub(self.first_ns).filter(|&t| t > 0)?;
            let mbps = u128::from(self.bytes) * 8_000 / u128::from(time);
            STANDARD.iter().position(|&s| u128::from(s) >= mbps)
        })?;
        Some(STANDARD[index] * 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observe(rate: u64, len: u32, idle_every: u64) -> Option<u64> {
        let mut observer = Observer::default();
        let mut at = 1_000_000_000.0;
        for i in 0..1_000u64 {
            observer.frame(0, Mac([2; 6]), at as u64, len);
            at += (f64::from(len) + 24.0) * 8e9 / rate as f64;
            if i % idle_every == 0 {
                at += 7_777.0;
            }
        }
        observer.finish().first().map(|r| r.rate)
    }

    #[test]
    fn back_to_back_frames_show_the_rate() {
        for gbps in [1, 10, 25, 40, 100, 200, 400] {
            let rate = gbps * 1_000_000_000;
            for len in [1_100, 4_174] {
                assert_eq!(observe(rate, len, 5), Some(rate), "{gbps}G {len}");
            }
        }
    }

    #[test]
    fn spaced_frames_give_the_least_rate_that_carries_them() {
        // Never back to back, about 1.3 Gb/s.
        let mut observer = Observer::default();
        for i in 0..100 {
            observer.frame(
                3,
                Mac([4; 6]),
                i * 7_000 + i % 3 * 10,
                1_100 + (i % 5) as u32,
            );
        }
        assert_eq!(observer.finish()[0].rate, 2_500_000_000);
    }

    #[test]
    fn one_frame_shows_nothing() {
        let mut observer = Observer::default();
        observer.frame(0, Mac([1; 6]), 5, 1_000);
        assert!(observer.finish().is_empty());
    }
}
