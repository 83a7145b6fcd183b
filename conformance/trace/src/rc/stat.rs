//! Small measures of time: least, mean, greatest; when packets were sent.

use std::collections::VecDeque;

/// Least, sum, greatest and number of some spans, ns.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stat {
    min: u64,
    max: u64,
    sum: u64,
    pub(super) count: u64,
}

impl Stat {
    pub(super) fn add(&mut self, value: u64) {
        self.min = if self.count == 0 {
            value
        } else {
            self.min.min(value)
        };
        self.max = self.max.max(value);
        self.sum = self.sum.saturating_add(value);
        self.count += 1;
    }

    /// Adds a span; one that ends before it began, as the clock ran backwards, is not known.
    pub(super) fn between(&mut self, from_ns: u64, to_ns: u64) {
        if let Some(span) = to_ns.checked_sub(from_ns) {
            self.add(span);
        }
    }

    pub(super) fn min(&self) -> Option<u64> {
        (self.count > 0).then_some(self.min)
    }

    /// Least, mean, greatest.
    pub(super) fn get(&self) -> Option<[u64; 3]> {
        (self.count > 0).then(|| [self.min, self.sum / self.count, self.max])
    }
}

/// Most moments kept.
const MOMENTS: usize = 64;

/// When packets went out for the first time: each, as long as few are outstanding, else some.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    moments: VecDeque<(u64, u64)>,
    stride: u64,
    /// First sequence number to note.
    next: u64,
}

impl Default for Sent {
    fn default() -> Self {
        Sent {
            moments: VecDeque::new(),
            stride: 1,
            next: 0,
        }
    }
}

impl Sent {
    #[inline]
    pub(super) fn record(&mut self, psn: u64, at_ns: u64) {
        if psn < self.next {
            return;
        }
        if self.moments.len() == MOMENTS {
            let mut odd = false;
            self.moments.retain(|_| {
                odd = !odd;
                odd
            });
            self.stride = self.stride.saturating_mul(2);
        }
        self.moments.push_back((psn, at_ns));
        self.next = psn.saturating_add(self.stride);
    }

    /// Forgets what is below `psn`, except what is needed for `psn` itself.
    pub(super) fn forget(&mut self, psn: u64) {
        while self.moments.len() > 1 && self.moments[1].0 <= psn {
            self.moments.pop_front();
        }
        if self.moments.len() <= 1 && self.stride > 1 {
            self.stride = 1;
            self.next = self.moments.back().map_or(0, |m| m.0 + 1);
        }
    }

    /// When `psn` went out, or the nearest packet before it that was noted.
    pub(super) fn at(&self, psn: u64) -> Option<u64> {
        let i = self.moments.partition_point(|m| m.0 <= psn);
        let i = i
            .checked_sub(1)
            .or((!self.moments.is_empty()).then_some(0))?;
        self.moments.get(i).map(|m| m.1)
    }
}

/// Packets that asked for an acknowledgement, until it comes.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// Sequence number and time.
    waiting: VecDeque<(u64, u64)>,
    pub(super) latency: Stat,
}

/// Most packets whose answer is waited for.
const ASKED: usize = 16;

impl Asked {
    pub(super) fn ask(&mut self, psn: u64, at_ns: u64) {
        self.go_back(psn);
        if self.waiting.len() < ASKED {
            self.waiting.push_back((psn, at_ns));
        }
    }

    /// `psn` and all after it will be sent anew: an answer to the first copies cannot be told.
    pub(super) fn go_back(&mut self, psn: u64) {
        while self.waiting.back().is_some_and(|w| w.0 >= psn) {
            self.waiting.pop_back();
        }
    }

    /// Everything below `end` is acknowledged.
    pub(super) fn answer(&mut self, end: u64, at_ns: u64) {
        let mut answered = None;
        while self.waiting.front().is_some_and(|w| w.0 < end) {
            answered = self.waiting.pop_front();
        }
        if let Some((_, asked)) = answered {
            self.latency.between(asked, at_ns);
        }
    }

    /// The first that waits.
    pub(super) fn oldest(&self) -> Option<(u64, u64)> {
        self.waiting.front().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_thin_out_and_recover() {
        let mut s = Sent::default();
        for psn in 0..10_000 {
            s.record(psn, psn * 10);
        }
        assert!(s.moments.len() <= MOMENTS);
        let at = s.at(5_000).unwrap();
        assert!(at <= 50_000 && at > 45_000, "{at}");
        s.forget(10_000);
        s.record(10_000, 7);
        s.record(10_001, 8);
        assert_eq!((s.at(10_000), s.at(10_001)), (Some(7), Some(8)));
    }

    #[test]
    fn latency_is_that_of_the_last_packet_covered() {
        let mut a = Asked::default();
        a.ask(1, 100);
        a.ask(5, 200);
        a.ask(9, 300);
        a.answer(6, 250);
        assert_eq!(a.latency.get(), Some([50, 50, 50]));
        a.go_back(9);
        a.answer(10, 400);
        assert_eq!(a.latency.count, 1);
    }
}
