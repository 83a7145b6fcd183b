//! Which sequence numbers were seen, and the payload of each, in little space.

use std::collections::VecDeque;

/// Most segments kept: 3 KiB. Beyond that the oldest are forgotten.
const SEGMENTS: usize = 128;

/// Consecutive packets of one payload size.
#[derive(Clone, Copy, Debug)]
struct Segment {
    start: u64,
    end: u64,
    payload: u32,
}

/// The sequence numbers seen at or above a floor; those below count as seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    segments: VecDeque<Segment>,
    floor: u64,
    /// Segments were forgotten that could still be asked for.
    pub(super) approximate: bool,
}

impl Seen {
    pub(super) fn new(floor: u64) -> Self {
        Seen {
            floor,
            ..Seen::default()
        }
    }

    /// Index of the first segment that ends after `psn`.
    fn find(&self, psn: u64) -> usize {
        match self.segments.back() {
            Some(last) if last.start <= psn => self.segments.len() - usize::from(last.end > psn),
            _ => self.segments.partition_point(|s| s.end <= psn),
        }
    }

    pub(super) fn contains(&self, psn: u64) -> bool {
        psn < self.floor
            || self
                .segments
                .get(self.find(psn))
                .is_some_and(|s| s.start <= psn)
    }

    /// Notes a packet; false if it had been seen.
    #[inline]
    pub(super) fn insert(&mut self, psn: u64, payload: u32) -> bool {
        if let Some(last) = self.segments.back_mut()
            && last.end == psn
            && last.payload == payload
        {
            last.end += 1;
            return true;
        }
        self.insert_range(psn, psn + 1, payload)
    }

    /// Notes packets from `start` up to `end` that have this payload each; false if the first of
    /// them had been seen. What had been seen keeps its size.
    pub(super) fn insert_range(&mut self, start: u64, end: u64, payload: u32) -> bool {
        if self.contains(start) || start >= end {
            return false;
        }
        let at = self.find(start);
        let end = self
            .segments
            .get(at)
            .map_or(end, |next| end.min(next.start));
        let joins_next = self
            .segments
            .get(at)
            .is_some_and(|s| s.start == end && s.payload == payload);
        let previous = at.checked_sub(1).and_then(|i| self.segments.get_mut(i));
        match previous {
            Some(p) if p.end == start && p.payload == payload => {
                p.end = end;
                if joins_next && let Some(next) = self.segments.remove(at) {
                    self.segments[at - 1].end = next.end;
                }
            }
            _ if joins_next => self.segments[at].start = start,
            _ => {
                let segment = Segment {
                    start,
                    end,
                    payload,
                };
                self.segments.insert(at, segment);
                self.trim();
            }
        }
        true
    }

    fn trim(&mut self) {
        if self.segments.len() > SEGMENTS
            && let Some(oldest) = self.segments.pop_front()
        {
            self.floor = self.floor.max(oldest.end);
            self.approximate = true;
        }
    }

    /// Payload of what was seen from `from` up to `to`.
    pub(super) fn payload(&self, from: u64, to: u64) -> u64 {
        let mut sum = 0;
        for s in self.segments.iter().skip(self.find(from)) {
            if s.start >= to {
                break;
            }
            let packets = s.end.min(to).saturating_sub(s.start.max(from));
            sum += packets * u64::from(s.payload);
        }
        sum
    }

    /// Number of packets seen from `from` up to `to`.
    pub(super) fn packets(&self, from: u64, to: u64) -> u64 {
        self.segments
            .iter()
            .skip(self.find(from))
            .take_while(|s| s.start < to)
            .map(|s| s.end.min(to).saturating_sub(s.start.max(from)))
            .sum()
    }

    /// The first sequence number from `from` on that was not seen.
    pub(super) fn next_missing(&self, from: u64) -> u64 {
        let mut psn = from.max(self.floor);
        for s in self.segments.iter().skip(self.find(psn)) {
            if s.start > psn {
                break;
            }
            psn = s.end;
        }
        psn
    }

    /// Nothing below `psn` will be asked for again.
    pub(super) fn forget(&mut self, psn: u64) {
        while self.segments.len() > 1 && self.segments[0].end <= psn {
            if let Some(s) = self.segments.pop_front() {
                self.floor = self.floor.max(s.end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn agrees_with_a_map(
            ops in prop::collection::vec((0u64..60, 1u64..4, 0u32..3), 0..80)
        ) {
            let mut seen = Seen::new(0);
            let mut map = BTreeMap::new();
            for (start, count, payload) in ops {
                let new = !map.contains_key(&start);
                if new {
                    for p in start..start + count {
                        if p > start && map.contains_key(&p) {
                            break;
                        }
                        map.insert(p, payload);
                    }
                }
                prop_assert_eq!(seen.insert_range(start, start + count, payload), new);
                for p in 0..64 {
                    prop_assert_eq!(seen.contains(p), map.contains_key(&p));
                    let missing = (p..).find(|q| !map.contains_key(q));
                    prop_assert_eq!(Some(seen.next_missing(p)), missing);
                }
                let sum: u32 = map.range(7..40).map(|(_, &v)| v).sum();
                prop_assert_eq!(seen.payload(7, 40), u64::from(sum));
                prop_assert_eq!(seen.packets(7, 40), map.range(7..40).count() as u64);
            }
        }
    }

    #[test]
    fn space_is_bounded() {
        let mut seen = Seen::new(0);
        for i in 0..10_000u64 {
            assert!(seen.insert(2 * i + 1, 5));
        }
        assert!(seen.segments.len() <= SEGMENTS && seen.approximate);
        assert!(seen.contains(19_999) && !seen.contains(19_998));
    }
}
