//! Guesses the rate of links from how much fits into a short time.

use rustc_hash::FxHashMap;
use xoff_wire::Mac;
use xoff_wire::ethernet;

/// Rates of Ethernet links, bit/s.
pub(crate) const STANDARD_RATES: [u64; 11] = [
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    25_000_000_000,
    40_000_000_000,
    50_000_000_000,
    100_000_000_000,
    200_000_000_000,
    400_000_000_000,
    800_000_000_000,
];
/// FCS, preamble and the gap between frames.
pub(super) const OVERHEAD: u64 = (ethernet::FCS + ethernet::PREAMBLE + ethernet::GAP) as u64;
/// A burst is this many frames and this long at least, so that coarse clocks do no harm.
const BURST_FRAMES: u32 = 16;
const BURST_NS: u64 = 10_000;
/// Silence that ends a burst; it may then be as short as this many frames.
const SILENCE_NS: u64 = 1_000_000;
const SHORT_BURST: u32 = 4;
/// Senders beyond this many are not watched.
const SOURCES: usize = 1 << 16;

/// A run of frames whose rate is being taken, and the fastest so far.
#[derive(Clone, Copy, Debug, Default)]
struct Source {
    start_ns: u64,
    last_ns: u64,
    frames: u32,
    bits: u64,
    /// Bit/s.
    densest: u64,
}

/// Watches the frames of each sender at each interface.
#[derive(Debug, Default)]
pub(super) struct Observer {
    index: FxHashMap<(u32, Mac), u32>,
    sources: Vec<Source>,
    last: Option<((u32, Mac), u32)>,
}

/// The rate at which a sender's frames come at an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObservedRate {
    pub interface: u32,
    pub mac: Mac,
    /// The least standard rate into which the densest burst fits, bit/s.
    pub rate: u64,
}

impl Observer {
    /// A frame of `len` bytes without FCS.
    #[inline]
    pub(super) fn frame(&mut self, interface: u32, mac: Mac, at_ns: u64, len: u32) {
        let key = (interface, mac);
        let at = match self.last {
            Some((known, at)) if known == key => at,
            _ => match self.source(key) {
                Some(at) => at,
                None => return,
            },
        };
        self.sources[at as usize].add(at_ns, len);
    }

    fn source(&mut self, key: (u32, Mac)) -> Option<u32> {
        let next = self.sources.len();
        let at = match self.index.get(&key) {
            Some(&at) => at,
            None if next < SOURCES => {
                self.sources.push(Source::default());
                self.index.insert(key, next as u32);
                next as u32
            }
            None => return None,
        };
        self.last = Some((key, at));
        Some(at)
    }

    /// By interface, then address.
    pub(super) fn finish(mut self) -> Vec<ObservedRate> {
        let mut keys: Vec<_> = self.index.into_iter().collect();
        keys.sort_unstable();
        let rated = keys.into_iter().filter_map(|((interface, mac), at)| {
            let source = &mut self.sources[at as usize];
            if source.frames > SHORT_BURST {
                source.note(source.last_ns.saturating_sub(source.start_ns));
            }
            let rate = source.rate()?;
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
    #[inline]
    fn add(&mut self, at_ns: u64, len: u32) {
        let silence = at_ns.wrapping_sub(self.last_ns) > SILENCE_NS;
        if self.frames == 0 || silence {
            if self.frames > SHORT_BURST {
                self.note(self.last_ns.saturating_sub(self.start_ns));
            }
            return self.restart(at_ns);
        }
        self.last_ns = at_ns;
        let bytes = u64::from(len).max(ethernet::MIN_LEN as u64) + OVERHEAD;
        self.frames = self.frames.saturating_add(1);
        self.bits = self.bits.saturating_add(bytes * 8);
        let span = at_ns - self.start_ns;
        if self.frames > BURST_FRAMES && span >= BURST_NS {
            self.note(span);
            self.restart(at_ns);
        }
    }

    /// The frames so far took so long.
    fn note(&mut self, span: u64) {
        if span >= BURST_NS {
            let rate = u128::from(self.bits) * 1_000_000_000 / u128::from(span);
            self.densest = self.densest.max(u64::try_from(rate).unwrap_or(u64::MAX));
        }
    }

    fn restart(&mut self, at_ns: u64) {
        self.start_ns = at_ns;
        self.last_ns = at_ns;
        self.frames = 1;
        self.bits = 0;
    }

    /// With 2 % for inexact clocks.
    fn rate(&self) -> Option<u64> {
        let fits = |rate: &u64| self.densest > 0 && self.densest <= rate / 50 * 51;
        STANDARD_RATES.into_iter().find(fits)
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
                assert_eq!(observe(rate, len, 900), Some(rate), "{gbps}G {len}");
            }
        }
    }

    #[test]
    fn spaced_frames_give_the_least_rate_that_carries_them() {
        // About 1.3 Gb/s.
        let mut observer = Observer::default();
        for i in 0..100 {
            let at = i * 7_000 + i % 3 * 10;
            observer.frame(3, Mac([4; 6]), at, 1_100 + (i % 5) as u32);
        }
        assert_eq!(observer.finish()[0].rate, 2_500_000_000);
    }

    #[test]
    fn bursts_far_apart_show_the_rate_of_each() {
        // Ten frames at 25 Gb/s a second.
        let mut observer = Observer::default();
        for burst in 0..5u64 {
            for frame in 0..10 {
                let at = burst * 1_000_000_000 + frame * 1_344;
                observer.frame(0, Mac([4; 6]), at, 4_176);
            }
        }
        assert_eq!(observer.finish()[0].rate, 25_000_000_000);
    }

    #[test]
    fn one_frame_shows_nothing() {
        let mut observer = Observer::default();
        observer.frame(0, Mac([1; 6]), 5, 1_000);
        assert!(observer.finish().is_empty());
    }
}
