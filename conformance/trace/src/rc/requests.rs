//! Requests in one direction of a connection: what was sent, sent again, accepted, acknowledged.

use super::bursts::{Bursts, Counts, IDLE_NS, Start};
use super::messages::{Messages, Part};
use super::op::Role;
use super::reads::{Arrival, Reads};
use super::receiver::Receiver;
use super::repeats::{Back, Nak, QUIET_NS, Repeats};
use super::seen::Seen;
use super::stat::{Asked, Sent, Stat};
use crate::buckets::Buckets;
use crate::report::{Cause, Service};
use crate::timeline::FlowCell;
use xoff_wire::psn;

/// Sequence numbers are counted on from here, so that none is ever below zero.
const ORIGIN: u64 = 1 << 32;
/// Nor do they get below this; a multiple of the numbers on the wire.
const FLOOR: u64 = 1 << 31;

/// A jump by more than this, at the start of a message, is a new connection on old numbers.
const NEW_SEQUENCE: u64 = 1 << 20;

/// A packet that fills a gap this soon, asked for by nobody, was overtaken on the way, ns.
const REORDER_NS: u64 = 1_000_000;

/// The last packet once more within this time, though nothing could ask for it: a copy, ns.
const COPY_NS: u64 = 1_000_000;

/// How far below the first captured PSN a sequence may have started.
pub(super) const EARLIER: u64 = 1 << 16;

/// Largest lead of an ACK over captured PSNs that still counts as loss of the capture.
const MISSED: u64 = 1 << 16;

/// A request or response packet, beyond what [`Part`] says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Info {
    pub(super) frame: u64,
    /// Frame bytes with FCS.
    pub(super) wire: u64,
    pub(super) ack_request: bool,
    pub(super) service: Service,
    /// Answers to these requests are seen here.
    pub(super) paired: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Requests {
    pub(super) started: bool,
    /// Something was acknowledged.
    answered: bool,
    pub(super) first: u64,
    /// First number never seen; the number after the last packet's; end of what is acknowledged.
    pub(super) highest: u64,
    pub(super) cursor: u64,
    pub(super) una: u64,
    // What every packet touches lies together.
    pub(super) first_ns: Option<u64>,
    pub(super) last_ns: u64,
    pub(super) data_packets: u64,
    /// Of these, SEND, WRITE and atomics rather than READ responses.
    pub(super) request_packets: u64,
    pub(super) new_bytes: u64,
    pub(super) wire_bytes: u64,
    pub(super) window_max: u64,
    pub(super) seen: Seen,
    pub(super) receiver: Receiver,
    pub(super) messages: Messages,
    pub(super) sent: Sent,
    pub(super) asked: Asked,
    pub(super) repeats: Repeats,
    pub(super) reads: Option<Box<Reads>>,
    pub(super) bursts: Bursts,
    pub(super) mtu: u32,
    pub(super) retransmitted_packets: u64,
    pub(super) retransmitted_bytes: u64,
    pub(super) acked_bytes: u64,
    pub(super) gaps: u64,
    gap_ns: u64,
    pub(super) reordered: u64,
    /// Packets that came twice, at once.
    pub(super) copies: u64,
    pub(super) read_requests: u64,
    pub(super) read_restarts: u64,
    /// End of the range that was last asked for again.
    read_again_to: u64,
    pub(super) read_duplicates: u64,
    pub(super) read_delivered: u64,
    /// Packets that only an acknowledgement told of.
    pub(super) missed: u64,
    /// New sequences on the same queue pair numbers.
    pub(super) sequences: u32,
    /// From a gap to the NAK.
    pub(super) nak_delay: Stat,
    pub(super) repeated_naks: u64,
    last_nak: Option<u64>,
    pub(super) cells: Option<Box<Buckets<FlowCell>>>,
}

impl Requests {
    /// A 24-bit number as one that does not wrap.
    #[inline]
    pub(super) fn unwrap(&self, number: u32) -> u64 {
        if !self.started {
            return ORIGIN + u64::from(number & psn::MASK);
        }
        let near = (self.highest & u64::from(psn::MASK)) as u32;
        let psn = self
            .highest
            .saturating_add_signed(i64::from(psn::diff(number, near)));
        // Every new sequence may lie below the one before.
        if psn < FLOOR { psn + FLOOR } else { psn }
    }

    fn start(&mut self, part: &Part) {
        self.started = true;
        (self.first, self.highest) = (part.psn, part.psn);
        (self.cursor, self.una) = (part.psn, part.psn);
        // What was sent before the first packet seen may yet come.
        self.seen = Seen::new(part.psn - EARLIER);
        self.answered = false;
        self.receiver.start_at(part.psn, part.op.first);
        self.messages.start_at(part.psn);
        self.repeats.base_ns = part.at_ns;
    }

    /// The sequence began before what was seen first: its beginning was lost on the way here.
    fn began_earlier(&mut self, psn: u64, at_ns: u64) {
        if self.answered || psn >= self.first || self.first - psn > EARLIER {
            return;
        }
        self.gaps += self.first - psn;
        self.gap_ns = at_ns;
        (self.first, self.una) = (psn, psn);
        self.receiver.wants(psn, &self.seen, at_ns);
        self.messages = Messages::default();
        self.messages.start_at(psn);
    }

    /// A queue pair number is in use again, with another sequence.
    fn start_anew(&mut self, part: &Part) {
        self.sequences = self.sequences.saturating_add(1);
        self.sent = Sent::default();
        self.asked.go_back(0);
        self.reads = None;
        self.repeats.leave(false);
        self.start(part);
    }

    /// A packet with a request, or part of one.
    pub(super) fn request(&mut self, part: &Part, info: &Info) {
        if !self.started {
            self.start(part);
        } else if self.is_new_sequence(part) {
            self.start_anew(part);
        }
        self.flows(part);
        if self.una >= self.highest {
            self.repeats.base_ns = part.at_ns;
        }
        let highest = self.highest;
        let mut in_place = true;
        if part.psn >= highest {
            self.ahead(part);
        } else if info.service == Service::Rc || info.service == Service::Xrc {
            in_place = self.again(part, info);
        } else {
            in_place = false;
            self.late(part);
        }
        if in_place {
            self.cursor = part.psn.saturating_add(part.count);
        }
        self.count(part, info);
        match info.service {
            Service::Rc | Service::Xrc => {
                self.receiver.reliable(part, &self.seen, highest);
                if info.ack_request {
                    self.asked.ask(part.psn, part.at_ns);
                } else {
                    self.asked.go_back(part.psn);
                }
            }
            _ => {
                self.receiver.unreliable(part);
                self.una = self.highest;
            }
        }
        self.messages
            .packet(part, &self.seen, self.una, &mut self.bursts);
        if info.service == Service::Uc {
            self.messages.acked(self.una, part.at_ns);
            self.forget();
        }
    }

    /// Tells of silence before a packet, and of one from the past.
    #[inline]
    fn flows(&mut self, part: &Part) {
        let gap = part.at_ns.wrapping_sub(self.last_ns);
        let changes = part.op.first && self.bursts.changes(part.op.operation);
        if gap <= IDLE_NS && !changes && self.first_ns.is_some() {
            return;
        }
        let start = Start {
            at_ns: part.at_ns,
            payload: part.payload,
            operation: part.op.operation,
            // Without answers here nobody knows what is outstanding.
            idle: part.op.first
                && part.psn >= self.highest
                && (self.una >= self.highest || !self.answered),
        };
        self.bursts.begin(&start, &self.counts());
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            last_ns: if self.first_ns.is_some() {
                self.last_ns
            } else {
                0
            },
            done_ns: if self.answered {
                self.repeats.base_ns
            } else {
                0
            },
            bytes: self.new_bytes,
            messages: self.messages.total,
        }
    }

    fn is_new_sequence(&self, part: &Part) -> bool {
        part.op.first
            && part.psn.abs_diff(self.highest) > NEW_SEQUENCE
            && part.psn != self.una
            && self.repeats.pending().is_none_or(|n| n.psn != part.psn)
    }

    /// Something that was never sent before, as far as was seen here.
    #[inline]
    fn ahead(&mut self, part: &Part) {
        let highest = self.highest;
        if part.psn > highest {
            self.gaps += part.psn - highest;
            self.gap_ns = part.at_ns;
        }
        if self.cursor < highest {
            let skipped = self.cursor.max(self.una) < highest;
            if skipped {
                self.repeats.skip(self.cursor.max(self.una)..highest);
                if part.psn == highest && self.repeats.only_missing() {
                    self.receiver.sender_went_on(part.psn, &self.seen);
                }
            }
            self.repeats.leave(!skipped);
        } else {
            self.repeats.leave(true);
        }
        let end = part.psn.saturating_add(part.count);
        if part.count == 1 {
            self.seen.insert(part.psn, part.payload);
        } else {
            self.seen.insert_range(part.psn, end, part.payload);
        }
        self.highest = end;
        self.window_max = self.window_max.max(end - self.una);
        self.sent.record(part.psn, part.at_ns);
        self.new_bytes += u64::from(part.payload);
        if let Some(cells) = &mut self.cells {
            let cell = cells.at(part.at_ns);
            cell.new_bytes += u64::from(part.payload);
            cell.psn = cell.psn.max(end - self.first);
        }
    }

    /// Something below the highest number: sent again, or overtaken on the way. False if overtaken.
    fn again(&mut self, part: &Part, info: &Info) -> bool {
        if part.psn < self.first {
            self.began_earlier(part.psn, part.at_ns);
        }
        let new = self.seen.insert(part.psn, part.payload);
        if new {
            self.new_bytes += u64::from(part.payload);
        }
        if new && part.psn < self.cursor && self.overtaken(part, info) {
            self.gaps = self.gaps.saturating_sub(1);
            self.reordered += 1;
            return false;
        }
        if !new && self.copied(part) {
            self.copies += 1;
            return false;
        }
        let accepted = self.una.max(part.psn)..self.receiver.epsn;
        let asked = self.asked.oldest().filter(|a| accepted.contains(&a.0));
        if part.psn >= self.una {
            self.receiver
                .repeated(part.psn, asked.map(|a| a.1), &self.seen, part.at_ns);
        }
        if part.psn < self.cursor {
            self.asked.go_back(part.psn);
            if !info.paired {
                // Answers are not seen here: only a pause in sending looks like a timeout.
                self.repeats.base_ns = self.last_ns;
            }
            let cause = self.repeats.go_back(&self.back(part, info.frame));
            if cause == Cause::Timeout
                && let Some(cells) = &mut self.cells
            {
                cells.at(part.at_ns).timeouts += 1;
            }
        } else if part.psn > self.cursor && self.cursor.max(self.una) < part.psn {
            self.repeats.skip(self.cursor.max(self.una)..part.psn);
        }
        self.repeats.packet(part.psn, part.payload, !new);
        if part.op.role != Role::ReadRequest {
            self.repeated(part);
        }
        true
    }

    fn repeated(&mut self, part: &Part) {
        self.retransmitted_packets += 1;
        self.retransmitted_bytes += u64::from(part.payload);
        if let Some(cells) = &mut self.cells {
            cells.at(part.at_ns).repeated_bytes += u64::from(part.payload);
        }
    }

    fn back(&self, part: &Part, frame: u64) -> Back {
        Back {
            psn: part.psn,
            at_ns: part.at_ns,
            frame,
            una: self.una,
            highest: self.highest,
            sent_ns: self.sent.at(part.psn),
            first: part.op.first,
        }
    }

    fn overtaken(&self, part: &Part, info: &Info) -> bool {
        let asked_for = self.repeats.pending().is_some_and(|n| n.psn <= part.psn);
        info.paired
            && !asked_for
            && self.cursor == self.highest
            && part.at_ns.saturating_sub(self.gap_ns) < REORDER_NS
    }

    /// The last packet comes again: a timeout would begin with the first that is outstanding.
    fn copied(&self, part: &Part) -> bool {
        let span = part.at_ns.saturating_sub(self.last_ns);
        let limit = if part.psn > self.una {
            COPY_NS
        } else {
            QUIET_NS
        };
        part.psn + 1 == self.cursor
            && self.cursor == self.highest
            && self.repeats.pending().is_none()
            && span < limit
    }

    /// UC and UD never send again: a packet below the highest was overtaken, or copied.
    fn late(&mut self, part: &Part) {
        if self.seen.insert(part.psn, part.payload) {
            self.gaps = self.gaps.saturating_sub(1);
            self.reordered += 1;
            self.new_bytes += u64::from(part.payload);
        }
    }

    fn count(&mut self, part: &Part, info: &Info) {
        self.last_ns = part.at_ns;
        self.first_ns.get_or_insert(part.at_ns);
        self.wire_bytes += info.wire;
        if part.op.role != Role::ReadRequest {
            self.data_packets += 1;
            self.request_packets += 1;
        }
    }

    /// A datagram: its numbers run over all destinations of its queue pair, so gaps say nothing.
    pub(super) fn datagram(&mut self, part: &Part, info: &Info) {
        if !self.started {
            self.start(part);
        }
        self.flows(part);
        let payload = u64::from(part.payload);
        self.highest = self.highest.max(part.psn + 1);
        (self.una, self.cursor) = (self.highest, self.highest);
        self.new_bytes += payload;
        self.receiver.delivered += payload;
        self.messages.start_at(part.psn);
        self.messages
            .packet(part, &self.seen, self.una, &mut self.bursts);
        self.messages.acked(part.psn + 1, part.at_ns);
        self.count(part, info);
        if let Some(cells) = &mut self.cells {
            let cell = cells.at(part.at_ns);
            cell.new_bytes += payload;
            cell.psn = cell.psn.max(self.highest - self.first);
        }
    }

    /// A READ request for `len` bytes. `number`: unwrapped.
    pub(super) fn read_request(&mut self, mut part: Part, len: u32, info: &Info) {
        self.guess_mtu(part.psn);
        part.count = psn::packets(u64::from(len), self.mtu.max(1));
        if self.mtu == 0 {
            part.count = 1;
        }
        self.read_requests += 1;
        let end = part.psn.saturating_add(part.count);
        let again = self.started && part.psn < self.highest;
        if again && !self.is_new_sequence(&part) {
            return self.read_again(&part, len, info);
        }
        self.request(&part, info);
        let start = part.psn;
        let reads = self
            .reads
            .get_or_insert_with(|| Box::new(Reads::new(start)));
        reads.request(start, end, len, part.at_ns);
    }

    /// The number of the request after a READ tells how many responses that one has.
    fn guess_mtu(&mut self, next: u64) {
        if self.mtu != 0 || next < self.highest {
            return;
        }
        let Some(reads) = self.reads.as_deref_mut() else {
            return;
        };
        for mtu in [4096, 2048, 1024, 512, 256] {
            let mut trial = reads.clone();
            if trial.set_mtu(mtu) == Some(next) {
                self.learn_mtu(mtu);
                return;
            }
        }
    }

    /// The payload of a first or middle packet.
    pub(super) fn learn_mtu(&mut self, mtu: u32) {
        if mtu <= self.mtu {
            return;
        }
        let unknown = self.mtu == 0;
        self.mtu = mtu;
        if unknown
            && let Some(end) = self.reads.as_deref_mut().and_then(|r| r.set_mtu(mtu))
            && end > self.highest
        {
            self.seen.insert_range(self.highest, end, 0);
            if self.cursor == self.highest {
                self.cursor = end;
            }
            if self.receiver.epsn == self.highest {
                self.receiver.epsn = end;
            }
            self.messages.start_at(end.max(self.highest));
            self.highest = end;
        }
    }

    /// A READ request that is sent again may be new here, and to the responder.
    fn read_accepted(&mut self, part: &Part) {
        if part.psn >= self.receiver.epsn {
            self.receiver.reliable(part, &self.seen, self.highest);
        }
        self.messages
            .packet(part, &self.seen, self.una, &mut self.bursts);
    }

    fn read_again(&mut self, part: &Part, len: u32, info: &Info) {
        let end = part.psn.saturating_add(part.count);
        let new = self.seen.insert_range(part.psn, end, 0);
        let back = self.back(part, info.frame);
        let start = part.psn;
        self.read_accepted(part);
        // All that is outstanding is asked for again, message by message: one restart.
        let goes_on = start == self.read_again_to;
        self.read_again_to = end;
        self.last_ns = part.at_ns;
        self.wire_bytes += info.wire;
        let reads = self
            .reads
            .get_or_insert_with(|| Box::new(Reads::new(start)));
        if new {
            reads.fill(start, end, len);
        }
        if goes_on {
            self.read_duplicates += u64::from(reads.again_too(start));
            return;
        }
        self.read_restarts += 1;
        let (implied, duplicate) = reads.again(start, part.at_ns);
        let progress = reads.progress_ns;
        self.read_duplicates += u64::from(duplicate);
        let cause = self.repeats.read_again(implied, progress, &back);
        if end > self.highest {
            self.seen.insert_range(self.highest, end, 0);
            self.highest = end;
            self.cursor = end;
        }
        if cause == Cause::Timeout
            && let Some(cells) = &mut self.cells
        {
            cells.at(part.at_ns).timeouts += 1;
        }
    }

    /// A READ response to these requests. Returns what it meant to the requester.
    pub(super) fn response(&mut self, part: &Part, info: &Info) -> Arrival {
        if !self.started {
            self.start(part);
        }
        if part.op.first && !part.op.last {
            self.learn_mtu(part.payload);
        }
        self.flows(part);
        let start = part.psn;
        let reads = self
            .reads
            .get_or_insert_with(|| Box::new(Reads::new(start)));
        let (arrival, repeated, seen) = reads.response(part.psn, part.payload, part.at_ns);
        self.data_packets += 1;
        self.last_ns = part.at_ns;
        self.first_ns.get_or_insert(part.at_ns);
        self.wire_bytes += info.wire;
        let payload = u64::from(part.payload);
        if !seen {
            self.new_bytes += payload;
        }
        if repeated {
            self.repeated(part);
            self.repeats.packet(part.psn, part.payload, seen);
        } else if let Some(cells) = &mut self.cells {
            let cell = cells.at(part.at_ns);
            cell.new_bytes += payload;
            cell.psn = cell.psn.max((part.psn + 1).saturating_sub(self.first));
        }
        if arrival == Arrival::InOrder {
            self.read_delivered += payload;
            self.advance(part.psn + 1, part.at_ns);
        }
        if self.highest <= part.psn {
            self.highest = part.psn + 1;
            self.cursor = self.highest;
        }
        arrival
    }

    /// An ACK: everything below `end` has arrived. False if that cannot be.
    pub(super) fn acknowledged(&mut self, end: u64, at_ns: u64) -> bool {
        if end > self.highest {
            if end - self.highest > MISSED || !self.started {
                return false;
            }
            self.missed += end - self.highest;
            if self.cursor == self.highest {
                self.cursor = end;
            }
            self.highest = end;
        }
        if end <= self.una {
            return true;
        }
        self.answered = true;
        self.receiver.acknowledged(end, &self.seen);
        self.advance(end, at_ns);
        true
    }

    fn advance(&mut self, end: u64, at_ns: u64) {
        if end <= self.una {
            return;
        }
        self.acked_bytes += self.seen.payload(self.una, end);
        self.una = end;
        self.repeats.progress(end, at_ns);
        self.asked.answer(end, at_ns);
        self.messages.acked(end, at_ns);
        self.sent.forget(end);
        self.forget();
    }

    fn forget(&mut self) {
        let open = self.messages.open_start().unwrap_or(self.una);
        self.seen.forget(self.una.min(open).min(self.receiver.epsn));
    }

    /// A NAK or RNR NAK: the receiver waits for `nak.psn`. False if that cannot be.
    pub(super) fn nak(&mut self, nak: Nak) -> bool {
        if nak.psn > self.highest || !self.started {
            return false;
        }
        self.began_earlier(nak.psn, nak.at_ns);
        self.answered = true;
        if let Some(gap) = self.receiver.gap_at_ns
            && nak.wait_ns.is_none()
            && self.last_nak != Some(nak.psn)
        {
            self.nak_delay.between(gap, nak.at_ns);
        }
        let same_kind = |n: Nak| n.wait_ns.is_some() == nak.wait_ns.is_some();
        if self.last_nak == Some(nak.psn) && self.repeats.pending().is_some_and(same_kind) {
            self.repeated_naks += 1;
        }
        self.last_nak = Some(nak.psn);
        self.receiver.wants(nak.psn, &self.seen, nak.at_ns);
        self.advance(nak.psn, nak.at_ns);
        if nak.psn < self.una && self.receiver.restarts_message > 0 {
            let bytes = self.seen.payload(nak.psn, self.una);
            self.acked_bytes = self.acked_bytes.saturating_sub(bytes);
            self.una = nak.psn;
        }
        self.repeats.nak(nak);
        true
    }

    /// Payload that arrived at its destination, as far as can be told: `here` if this is where it
    /// arrives, else what was acknowledged.
    pub(super) fn delivered(&self, here: bool, service: Service) -> u64 {
        let requests = match service {
            Service::Rc | Service::Xrc if !here => self.acked_bytes,
            _ => self.receiver.payload(),
        };
        requests + self.read_delivered
    }
}
