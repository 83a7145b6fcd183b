//! RDMA READ: what was asked for, what came, what was asked for again.

use super::seen::Seen;
use std::collections::VecDeque;

/// Most READ requests whose range is remembered; hardware has 16 or fewer outstanding.
const RANGES: usize = 64;

/// A request this soon after a response beyond a gap is an answer to the gap, ns.
const AT_ONCE_NS: u64 = 5_000;

#[derive(Clone, Copy, Debug)]
struct Range {
    start: u64,
    end: u64,
    /// Bytes; `end` is known only once the MTU is.
    len: u32,
}

/// What a response meant to the requester.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    InOrder,
    Beyond,
    Duplicate,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Reads {
    ranges: VecDeque<Range>,
    /// Response that the requester waits for.
    next: u64,
    /// First response never sent, and the next that the responder will send.
    pub(super) highest: u64,
    answered: u64,
    pub(super) seen: Seen,
    armed: bool,
    implied: bool,
    beyond_at_ns: Option<u64>,
    /// Since when the requester waits without progress.
    pub(super) progress_ns: u64,
    pub(super) out_of_sequence: u64,
    pub(super) responses: u64,
}

impl Reads {
    pub(super) fn new(psn: u64) -> Self {
        Reads {
            next: psn,
            highest: psn,
            answered: psn,
            seen: Seen::new(psn),
            armed: true,
            ..Reads::default()
        }
    }

    /// A request for something new.
    pub(super) fn request(&mut self, start: u64, end: u64, len: u32, at_ns: u64) {
        if self.ranges.is_empty() {
            self.progress_ns = at_ns;
            self.next = start;
            self.armed = true;
        }
        if self.ranges.len() == RANGES {
            self.ranges.pop_front();
        }
        self.ranges.push_back(Range { start, end, len });
    }

    /// A request that had been lost on the way here comes again.
    pub(super) fn fill(&mut self, start: u64, end: u64, len: u32) {
        if self.ranges.len() == RANGES {
            return;
        }
        let at = self.ranges.partition_point(|r| r.start < start);
        self.ranges.insert(at, Range { start, end, len });
        self.next = self.next.min(start);
    }

    /// A request for something that was asked for before. Whether a gap among the responses is the
    /// reason, and whether the responder had answered it already.
    pub(super) fn again(&mut self, psn: u64, at_ns: u64) -> (bool, bool) {
        let soon = self
            .beyond_at_ns
            .is_some_and(|t| at_ns.saturating_sub(t) <= AT_ONCE_NS);
        let implied = self.implied || soon;
        self.implied = false;
        self.beyond_at_ns = None;
        (implied, self.again_too(psn))
    }

    /// Another request that is repeated. Whether the responder had answered it already.
    pub(super) fn again_too(&mut self, psn: u64) -> bool {
        let duplicate = psn < self.answered;
        self.answered = self.answered.min(psn);
        duplicate
    }

    /// Sets the end of ranges that were asked for before the MTU was known.
    pub(super) fn set_mtu(&mut self, mtu: u32) -> Option<u64> {
        let mut end = None;
        for r in &mut self.ranges {
            r.end = r.start + xoff_wire::psn::packets(u64::from(r.len), mtu);
            end = Some(r.end);
        }
        end
    }

    /// A response: what it is to the requester, whether it was sent before, and whether it was
    /// seen before.
    pub(super) fn response(&mut self, psn: u64, payload: u32, at_ns: u64) -> (Arrival, bool, bool) {
        let repeated = psn < self.highest;
        self.highest = self.highest.max(psn + 1);
        self.answered = psn + 1;
        self.responses += 1;
        let seen = !self.seen.insert(psn, payload);
        let arrival = if psn == self.next {
            self.advance(psn + 1);
            self.progress_ns = at_ns;
            Arrival::InOrder
        } else if psn > self.next {
            self.out_of_sequence += 1;
            self.beyond_at_ns = Some(at_ns);
            if self.armed {
                (self.armed, self.implied) = (false, true);
            }
            Arrival::Beyond
        } else {
            Arrival::Duplicate
        };
        (arrival, repeated, seen)
    }

    fn advance(&mut self, end: u64) {
        self.next = end;
        (self.armed, self.implied) = (true, false);
        self.beyond_at_ns = None;
        while self.ranges.front().is_some_and(|r| r.end <= end) {
            self.ranges.pop_front();
        }
        if let Some(r) = self.ranges.front() {
            self.next = end.max(r.start);
        }
        self.seen.forget(end);
    }

    /// Whether a response with this number is due.
    pub(super) fn awaits(&self, psn: u64) -> bool {
        match (self.ranges.front(), self.ranges.back()) {
            (Some(first), Some(last)) => {
                let end = last.start + u64::from(last.len).div_ceil(256).max(1);
                (first.start..end.max(last.end)).contains(&psn)
            }
            _ => false,
        }
    }
}
