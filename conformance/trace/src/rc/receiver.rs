//! What the receiver of requests has accepted, as far as this capture point can tell.
//!
//! The model takes every packet that passes as arrived and follows the rules of IBTA 9.7.5: in
//! order is accepted, beyond is out of sequence, below is a duplicate. The receiver's own answers
//! correct it: a NAK below what the model took as accepted means that packets were lost further
//! on (those after them then count as out of sequence), an ACK above it means that the receiver
//! keeps what comes early (selective repeat).

use super::messages::Part;
use super::seen::Seen;

/// A NAK that is this much younger than the packet it asks for was overtaken by it, ns.
const OVERTAKEN_NS: u64 = 10_000;

/// A receiver that was asked for an ACK and gave none for this long did not get the packet, ns.
const UNANSWERED_NS: u64 = 100_000;

#[derive(Clone, Debug, Default)]
pub(super) struct Receiver {
    /// Next sequence number expected.
    pub(super) epsn: u64,
    pub(super) delivered: u64,
    /// Payload of whole messages.
    whole: u64,
    message_start: u64,
    in_message: bool,
    pub(super) out_of_sequence: u64,
    pub(super) duplicates: u64,
    /// Keeps packets that come early.
    pub(super) selective: bool,
    /// That is a guess: where the gap is if it is wrong, and packets accepted since.
    guess: Option<(u64, u64)>,
    /// Gaps after which the receiver wanted the message from its start.
    pub(super) restarts_message: u32,
    /// Out of sequence since the expected packet last came, what was the highest then, and when.
    since_fill: u64,
    fill_highest: u64,
    fill_at_ns: u64,
    fill_psn: u64,
    /// When the first packet beyond a gap came, until the gap is filled.
    pub(super) gap_at_ns: Option<u64>,
    /// The gap for which no NAK has come by yet.
    owed: Option<u64>,
    /// A guess that packets were lost further on, as nobody answered them: the end of what was
    /// accepted before, where that was taken back to, and packets out of sequence since.
    doubt: Option<(u64, u64, u64)>,
    /// UC: the message in progress lacks a packet.
    broken: bool,
    message_bytes: u64,
}

impl Receiver {
    pub(super) fn start_at(&mut self, psn: u64, first: bool) {
        self.epsn = psn;
        self.message_start = psn;
        self.fill_highest = psn;
        self.broken = !first;
    }

    /// A request of a reliable connection. `highest`: first number never seen before this packet.
    #[inline]
    pub(super) fn reliable(&mut self, part: &Part, seen: &Seen, highest: u64) {
        if part.psn == self.epsn {
            return self.in_order(part, seen, highest);
        }
        if part.psn > self.epsn {
            return self.beyond(part);
        }
        let restart = self.restarts_message > 0
            && self.in_message
            && part.psn == self.message_start
            && part.op.first;
        if restart {
            self.take_back(part.psn, seen);
            self.in_order(part, seen, highest);
        } else {
            self.duplicates += 1;
        }
    }

    #[inline]
    fn in_order(&mut self, part: &Part, seen: &Seen, highest: u64) {
        self.epsn += part.count;
        self.delivered += u64::from(part.payload);
        if self.gap_at_ns.take().is_some() {
            (self.fill_at_ns, self.fill_psn) = (part.at_ns, part.psn);
        }
        if part.psn < highest {
            self.since_fill = 0;
            self.fill_highest = highest;
        }
        if part.op.first {
            self.message_start = part.psn;
            self.in_message = true;
        }
        if self.selective {
            self.absorb(seen);
        }
        if let Some((_, accepted)) = &mut self.guess {
            *accepted += 1;
        }
        if part.op.last {
            self.in_message = false;
            self.whole = self.delivered;
        }
    }

    fn beyond(&mut self, part: &Part) {
        self.out_of_sequence += 1;
        self.since_fill += 1;
        if self.gap_at_ns.is_none() {
            self.gap_at_ns = Some(part.at_ns);
            self.owed = Some(self.epsn);
        }
    }

    /// What came early now follows in order.
    fn absorb(&mut self, seen: &Seen) {
        let end = seen.next_missing(self.epsn);
        self.delivered += seen.payload(self.epsn, end);
        self.epsn = end.max(self.epsn);
    }

    /// The sender goes on with new data although the model waits for packets that did come: the
    /// receiver must have kept them.
    pub(super) fn sender_went_on(&mut self, psn: u64, seen: &Seen) {
        if !self.selective && self.epsn < psn && seen.next_missing(self.epsn) >= psn {
            self.selective = true;
            self.guess = Some((self.epsn, 0));
            self.absorb(seen);
            self.gap_at_ns = None;
        }
    }

    /// The receiver acknowledges everything below `end`.
    pub(super) fn acknowledged(&mut self, end: u64, seen: &Seen) {
        if self.guess.is_some_and(|(gap, _)| end > gap) {
            self.guess = None;
        }
        let doubt = self.doubt.take();
        if end <= self.epsn {
            return;
        }
        if let Some((accepted, from, after)) = doubt.filter(|d| end <= d.0) {
            // It had them all: the answer was lost, and what came again since came twice.
            self.out_of_sequence = self.out_of_sequence.saturating_sub(after);
            self.duplicates += self.epsn.saturating_sub(from);
            self.delivered += seen.payload(self.epsn, accepted);
            self.epsn = accepted;
            self.gap_at_ns = None;
            return;
        }
        if seen.next_missing(self.epsn) >= end {
            self.selective = true;
            let arrived = seen.next_missing(end);
            let in_order = seen
                .packets(self.fill_highest, arrived)
                .min(self.since_fill);
            self.out_of_sequence -= in_order.min(self.out_of_sequence);
            self.absorb(seen);
        } else {
            self.delivered += seen.payload(self.epsn, end);
            self.epsn = end;
        }
        self.gap_at_ns = None;
        self.since_fill = 0;
        self.fill_highest = self.epsn;
    }

    /// The receiver says that it waits for `psn`.
    pub(super) fn wants(&mut self, psn: u64, seen: &Seen, at_ns: u64) {
        let owed = self.owed.take() == Some(psn);
        if psn >= self.epsn {
            return self.acknowledged(psn, seen);
        }
        self.doubt = None;
        if owed {
            // Said before what filled the gap arrived.
            return;
        }
        let filled = psn <= self.fill_psn && self.fill_at_ns > 0;
        if filled && at_ns.saturating_sub(self.fill_at_ns) < OVERTAKEN_NS {
            return;
        }
        // It has dropped what it was thought to have kept.
        self.selective = false;
        let at_message = self.in_message && psn == self.message_start;
        if self.gap_at_ns.is_some() && at_message {
            self.restarts_message = self.restarts_message.saturating_add(1);
        } else {
            // What came after the packet was out of sequence there.
            let after = match self.guess.filter(|g| g.0 == psn) {
                Some((_, accepted)) => accepted,
                None => seen.packets(psn + 1, self.epsn),
            };
            self.guess = None;
            self.out_of_sequence += after;
            self.since_fill += after;
        }
        self.take_back(psn, seen);
        self.gap_at_ns.get_or_insert(at_ns);
    }

    fn take_back(&mut self, psn: u64, seen: &Seen) {
        let bytes = seen.payload(psn, self.epsn);
        self.delivered = self.delivered.saturating_sub(bytes);
        self.whole = self.whole.min(self.delivered);
        self.epsn = psn;
        if psn <= self.message_start {
            self.in_message = false;
        }
    }

    /// A packet that had passed comes again. If the receiver was to acknowledge it (`asked`: when)
    /// and did not, it never got it.
    pub(super) fn repeated(&mut self, psn: u64, asked: Option<u64>, seen: &Seen, at_ns: u64) {
        let unanswered = asked.is_some_and(|t| at_ns.saturating_sub(t) >= UNANSWERED_NS);
        if psn < self.epsn && unanswered {
            let after = seen.packets(psn + 1, self.epsn);
            self.out_of_sequence += after;
            self.doubt = Some((self.epsn, psn, after));
            self.owed = None;
            self.take_back(psn, seen);
        }
    }

    /// A packet of an unreliable connection: a gap spoils its message (IBTA 9.8.2).
    pub(super) fn unreliable(&mut self, part: &Part) {
        let gap = part.psn != self.epsn;
        if gap {
            self.out_of_sequence += 1;
        }
        if part.op.first {
            self.broken = false;
            self.message_bytes = 0;
        } else if gap {
            self.broken = true;
        }
        self.epsn = part.psn + 1;
        self.message_bytes += u64::from(part.payload);
        if part.op.last && !self.broken {
            self.delivered += self.message_bytes;
            self.broken = true;
        }
    }

    /// Payload that the receiver has for good.
    pub(super) fn payload(&self) -> u64 {
        if self.restarts_message > 0 {
            self.whole
        } else {
            self.delivered
        }
    }
}
