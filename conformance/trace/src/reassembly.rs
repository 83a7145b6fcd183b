//! One direction of a TCP stream: puts segments in order, with bounded memory.

use serde::Serialize;
use std::collections::BTreeMap;

/// Where in the capture something stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub frame: u64,
    pub at_ns: u64,
}

/// What comes out, in the order of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// `segment_start`: these octets are the first of a segment.
    Data {
        place: Place,
        octets: &'a [u8],
        segment_start: bool,
    },
    /// Octets that were not captured; `u64::MAX`: nobody knows how many.
    Gap(u64),
}

/// What was counted in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TcpCounters {
    /// Segments with payload.
    pub segments: u64,
    /// Payload bytes on the wire, repetitions included.
    pub payload_bytes: u64,
    /// Segments that were seen before, at least in part.
    pub retransmitted: u64,
    pub retransmitted_bytes: u64,
    /// Segments that came after later ones: reordered, or repeated after a loss that happened
    /// before the point of capture.
    pub late: u64,
    /// Bytes that never appeared.
    pub missing_bytes: u64,
    /// Bytes that the capture cut off.
    pub cut_bytes: u64,
    pub keepalives: u64,
    /// Segments with ECN codepoint CE, and with the ECE flag (without SYN).
    pub ce_marked: u64,
    pub ece: u64,
}

impl TcpCounters {
    /// Adds what another direction counted.
    pub fn add(&mut self, other: &TcpCounters) {
        self.segments += other.segments;
        self.payload_bytes += other.payload_bytes;
        self.retransmitted += other.retransmitted;
        self.retransmitted_bytes += other.retransmitted_bytes;
        self.late += other.late;
        self.missing_bytes += other.missing_bytes;
        self.cut_bytes += other.cut_bytes;
        self.keepalives += other.keepalives;
        self.ce_marked += other.ce_marked;
        self.ece += other.ece;
    }
}

/// Most bytes that one direction holds back while something in front of them is missing.
pub(super) const HELD_MAX: usize = 256 << 10;
/// What a held segment costs besides its bytes.
const HELD_OVERHEAD: usize = 96;
/// Farther than any window: these sequence numbers belong to another connection.
const JUMP_MAX: i32 = 1 << 30;

#[derive(Debug)]
struct Held {
    place: Place,
    octets: Vec<u8>,
    wire_len: u64,
}

impl Held {
    fn cost(&self) -> usize {
        self.octets.len() + HELD_OVERHEAD
    }
}

/// A segment's payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'a> {
    pub(super) place: Place,
    pub(super) seq: u32,
    pub(super) octets: &'a [u8],
    pub(super) wire_len: u32,
}

#[derive(Debug, Default)]
pub(super) struct Half {
    /// Sequence number of position 0.
    origin: Option<u32>,
    /// Position of the next byte to hand out.
    next: u64,
    /// Position after the last byte that was seen.
    highest: u64,
    held: BTreeMap<u64, Held>,
    held_cost: usize,
    pub(super) counters: TcpCounters,
}

impl Half {
    /// The first sequence number, from a SYN.
    pub(super) fn begin(&mut self, seq: u32) {
        self.origin.get_or_insert(seq);
    }

    /// Bytes held back, with what it costs to hold them.
    pub(super) fn held_cost(&self) -> usize {
        self.held_cost
    }

    /// Distance of a sequence number from `next`.
    fn distance(&self, seq: u32) -> i32 {
        let next = self.origin.unwrap_or(seq).wrapping_add(self.next as u32);
        seq.wrapping_sub(next).cast_signed()
    }

    /// Takes a segment and hands out what is now in order.
    ///
    /// `hold`: whether anybody listens; without, segments are only counted.
    pub(super) fn push(
        &mut self,
        arrival: Arrival<'_>,
        hold: bool,
        sink: &mut dyn FnMut(Piece<'_>),
    ) {
        let Arrival {
            place,
            seq,
            octets,
            wire_len,
        } = arrival;
        let wire_len = u64::from(wire_len);
        if wire_len == 0 {
            return;
        }
        self.begin(seq);
        let mut distance = self.distance(seq);
        if distance.unsigned_abs() > JUMP_MAX.unsigned_abs() {
            self.restart(seq, sink);
            distance = 0;
        }
        let behind = u64::from(distance.min(0).unsigned_abs());
        if wire_len == 1 && behind == 1 {
            self.counters.keepalives += 1;
            return;
        }
        self.counters.segments += 1;
        self.counters.payload_bytes += wire_len;
        let octets = &octets[..octets.len().min(arrival.wire_len as usize)];
        self.counters.cut_bytes += wire_len - octets.len() as u64;
        if behind > 0 {
            self.counters.retransmitted += 1;
            self.counters.retransmitted_bytes += wire_len.min(behind);
            if behind >= wire_len {
                return;
            }
        }
        let start = self.next + u64::from(distance.max(0).unsigned_abs());
        let end = start + wire_len - behind;
        if behind == 0 && end <= self.highest && !self.held.contains_key(&start) {
            self.counters.late += 1;
        }
        self.highest = self.highest.max(end);
        if start == self.next {
            let octets = octets.get(behind as usize..).unwrap_or(&[]);
            self.deliver(place, octets, wire_len - behind, behind == 0, sink);
            self.drain(sink);
        } else if hold {
            self.hold(
                start,
                Held {
                    place,
                    octets: octets.to_vec(),
                    wire_len,
                },
                sink,
            );
        } else {
            self.counters.missing_bytes += start - self.next;
            self.next = end;
        }
    }

    /// The other side acknowledged up to `ack`: what is missing before that was not captured.
    pub(super) fn acknowledged(&mut self, ack: u32, sink: &mut dyn FnMut(Piece<'_>)) {
        let Some((&first, _)) = self.held.first_key_value() else {
            return;
        };
        let distance = self.distance(ack);
        if distance > 0 && self.next + u64::from(distance.unsigned_abs()) >= first {
            self.skip_to_held(sink);
        }
    }

    /// Hands out everything that is held, gaps and all.
    pub(super) fn flush(&mut self, sink: &mut dyn FnMut(Piece<'_>)) {
        while !self.held.is_empty() {
            self.skip_to_held(sink);
        }
    }

    /// Frees what is held without handing it out.
    pub(super) fn drop_held(&mut self) {
        self.flush(&mut |_| {});
    }

    fn restart(&mut self, seq: u32, sink: &mut dyn FnMut(Piece<'_>)) {
        self.flush(sink);
        sink(Piece::Gap(u64::MAX));
        self.origin = Some(seq.wrapping_sub(self.next as u32));
        self.highest = self.next;
    }

    fn deliver(
        &mut self,
        place: Place,
        octets: &[u8],
        wire_len: u64,
        segment_start: bool,
        sink: &mut dyn FnMut(Piece<'_>),
    ) {
        self.next += wire_len;
        if !octets.is_empty() {
            sink(Piece::Data {
                place,
                octets,
                segment_start,
            });
        }
        let cut = wire_len.saturating_sub(octets.len() as u64);
        if cut > 0 {
            sink(Piece::Gap(cut));
        }
    }

    fn hold(&mut self, start: u64, held: Held, sink: &mut dyn FnMut(Piece<'_>)) {
        if self
            .held
            .get(&start)
            .is_some_and(|old| old.wire_len >= held.wire_len)
        {
            self.counters.retransmitted += 1;
            self.counters.retransmitted_bytes += held.wire_len;
            return;
        }
        self.held_cost += held.cost();
        if let Some(old) = self.held.insert(start, held) {
            self.held_cost -= old.cost();
        }
        while self.held_cost > HELD_MAX {
            self.skip_to_held(sink);
        }
    }

    fn skip_to_held(&mut self, sink: &mut dyn FnMut(Piece<'_>)) {
        if let Some((&first, _)) = self.held.first_key_value() {
            let gap = first.saturating_sub(self.next);
            if gap > 0 {
                self.counters.missing_bytes += gap;
                self.next = first;
                sink(Piece::Gap(gap));
            }
            self.drain(sink);
        }
    }

    fn drain(&mut self, sink: &mut dyn FnMut(Piece<'_>)) {
        while let Some(entry) = self.held.first_entry() {
            if *entry.key() > self.next {
                return;
            }
            let (start, held) = entry.remove_entry();
            self.held_cost -= held.cost();
            let behind = self.next - start;
            if behind < held.wire_len {
                let octets = held.octets.get(behind as usize..).unwrap_or(&[]);
                self.deliver(
                    held.place,
                    octets,
                    held.wire_len - behind,
                    behind == 0,
                    sink,
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds segments (offset, length) of a counting stream and returns what came out; `None`
    /// stands for a missing byte.
    fn follow(origin: u32, segments: &[(u32, u32)]) -> (Vec<Option<u8>>, TcpCounters) {
        let (mut half, mut out) = (Half::default(), Vec::new());
        half.begin(origin);
        let mut sink = |piece: Piece<'_>| match piece {
            Piece::Data { octets, .. } => out.extend(octets.iter().map(|o| Some(*o))),
            Piece::Gap(n) => out.extend((0..n).map(|_| None)),
        };
        for &(at, len) in segments {
            let octets: Vec<u8> = (at..at + len).map(|i| i as u8).collect();
            let seq = origin.wrapping_add(at);
            let place = Place::default();
            half.push(
                Arrival {
                    place,
                    seq,
                    octets: &octets,
                    wire_len: len,
                },
                true,
                &mut sink,
            );
        }
        half.flush(&mut sink);
        assert_eq!(half.held_cost, 0);
        (out, half.counters)
    }

    #[test]
    fn reordered_segments_come_out_in_order() {
        let (out, counters) = follow(u32::MAX - 15, &[(0, 10), (20, 10), (10, 10), (30, 5)]);
        assert_eq!(out, (0..35).map(Some).collect::<Vec<_>>());
        assert_eq!((counters.late, counters.retransmitted), (1, 0));
    }

    #[test]
    fn repeated_segments_are_counted_once() {
        let (out, counters) = follow(7, &[(0, 10), (0, 10), (5, 10), (30, 5), (30, 5)]);
        assert_eq!(out.len(), 35);
        assert_eq!(out[15..30], [None; 15]);
        assert_eq!((counters.retransmitted, counters.missing_bytes), (3, 15));
        assert_eq!(counters.retransmitted_bytes, 10 + 5 + 5);
    }

    #[test]
    fn a_cut_segment_is_a_gap() {
        let (mut half, mut pieces) = (Half::default(), Vec::new());
        let arrival = Arrival {
            place: Place::default(),
            seq: 1,
            octets: b"ab",
            wire_len: 9,
        };
        half.push(arrival, true, &mut |piece| {
            if let Piece::Gap(n) = piece {
                pieces.push(n);
            }
        });
        assert_eq!(pieces, [7]);
        assert_eq!(half.counters.cut_bytes, 7);
    }

    #[test]
    fn acknowledged_holes_are_skipped() {
        let (mut half, mut gaps) = (Half::default(), 0);
        let mut sink = |piece: Piece<'_>| gaps += u64::from(matches!(piece, Piece::Gap(_)));
        half.begin(0);
        let arrival = Arrival {
            place: Place::default(),
            seq: 10,
            octets: b"abc",
            wire_len: 3,
        };
        half.push(arrival, true, &mut sink);
        half.acknowledged(9, &mut sink);
        assert_eq!(half.next, 0);
        half.acknowledged(13, &mut sink);
        assert_eq!((half.next, gaps), (13, 1));
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut half = Half::default();
        half.begin(0);
        for i in 1..2000u32 {
            let seq = i * 2000;
            let arrival = Arrival {
                place: Place::default(),
                seq,
                octets: &[1; 900],
                wire_len: 900,
            };
            half.push(arrival, true, &mut |_| {});
            assert!(half.held_cost() <= HELD_MAX);
        }
    }

    proptest! {
        #[test]
        fn any_order_gives_the_stream(
            origin: u32,
            mut segments in prop::collection::vec((0u32..300, 2u32..40), 1..40),
        ) {
            segments.insert(0, (0, 2));
            let (out, _) = follow(origin, &segments);
            let end = segments.iter().map(|(at, len)| at + len).max().unwrap_or(0);
            prop_assert_eq!(out.len(), end as usize);
            for (i, octet) in out.iter().enumerate() {
                let i = i as u32;
                let seen = segments.iter().any(|(at, len)| (*at..at + len).contains(&i));
                prop_assert_eq!(*octet, seen.then_some(i as u8));
            }
        }
    }
}
