//! Messages of a flow: how they divide into packets, when they are posted, and when they complete.

use super::sender_flag;
use crate::Sim;
use crate::port::NEVER;
use hdrhistogram::Histogram;
use xoff_model::framing::extension;
use xoff_model::results::{FlowStatus, Outcome, WorkCompletion};
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::{FlowSpec, Op, Transport};

/// Equal messages of a flow as a sequence of packets; the last message takes the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Packets per message.
    pub per_message: u32,
    /// Packets of the flow.
    pub total: u32,
    pub messages: u32,
    pub mtu: u16,
    /// Payload of the last packet of every message but the last, and of the flow's last packet.
    pub tail: u16,
    pub last: u16,
    /// Extension header bytes of every packet, and more of the first of a message.
    pub extra: u8,
    pub extra_first: u8,
}

/// How many messages and packets a flow has, before anything is made of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    pub messages: u64,
    pub packets: u64,
    /// Payload of every message but the last.
    message: u64,
    per_message: u64,
    /// Payload of the last message.
    rest: u64,
}

impl Extent {
    /// Most packets of a flow: what [`Layout`] counts, and far more than a run gets to.
    pub const MOST_PACKETS: u64 = 4_000_000_000;

    pub fn new(spec: &FlowSpec, mtu: u32) -> Extent {
        let message = match (spec.op, spec.transport) {
            (Op::Atomic, _) => 8,
            (_, Transport::Ud) => spec.message_bytes.min(u64::from(mtu)),
            _ => spec.message_bytes,
        };
        let message = message.clamp(1, spec.bytes.max(1));
        let mtu = u64::from(mtu);
        let messages = spec.bytes.div_ceil(message).max(1);
        let rest = spec.bytes - (messages - 1) * message;
        let per_message = message.div_ceil(mtu);
        Extent {
            messages,
            packets: (messages - 1) * per_message + rest.div_ceil(mtu).max(1),
            message,
            per_message,
            rest,
        }
    }
}

impl Layout {
    pub fn new(spec: &FlowSpec, mtu: u32, pad_last: bool) -> Self {
        let datagram = spec.transport == Transport::Ud;
        let Extent {
            messages,
            packets: total,
            message,
            per_message,
            rest,
        } = Extent::new(spec, mtu);
        let mtu = u64::from(mtu);
        let tail = |bytes: u64| {
            if pad_last {
                mtu
            } else {
                bytes - (bytes.div_ceil(mtu).max(1) - 1) * mtu
            }
        };
        Layout {
            per_message: per_message.min(u64::from(u32::MAX)) as u32,
            total: total.min(u64::from(u32::MAX)) as u32,
            messages: messages.min(u64::from(u32::MAX)) as u32,
            mtu: mtu as u16,
            tail: tail(message) as u16,
            last: tail(rest) as u16,
            extra: extension(spec.op, datagram, false, false) as u8,
            extra_first: extension(spec.op, datagram, true, false) as u8,
        }
    }

    /// Extension header bytes of a request packet.
    #[inline]
    pub(crate) fn extension(&self, first: bool) -> u32 {
        u32::from(if first { self.extra_first } else { self.extra })
    }

    /// First packet of the message that holds `psn`.
    #[inline]
    pub fn message_start(&self, psn: u32) -> u32 {
        if self.messages == 1 {
            0
        } else {
            psn - psn % self.per_message
        }
    }

    /// End (exclusive) of the message that starts at `start`.
    #[inline]
    pub fn message_end(&self, start: u32) -> u32 {
        (u64::from(start) + u64::from(self.per_message)).min(u64::from(self.total)) as u32
    }

    /// Payload of a packet, and whether it is the first and the last of its message.
    #[inline]
    pub fn packet(&self, psn: u32) -> (u16, bool, bool) {
        let index = psn - self.message_start(psn);
        if psn + 1 == self.total {
            (self.last, index == 0, true)
        } else if index + 1 == self.per_message {
            (self.tail, index == 0, true)
        } else {
            (self.mtu, index == 0, false)
        }
    }

    /// Payload bytes before a packet.
    pub(crate) fn offset(&self, psn: u32) -> u64 {
        let (mtu, tail) = (u64::from(self.mtu), u64::from(self.tail));
        let full = u64::from(self.per_message.max(1));
        let message = (full - 1) * mtu + tail;
        let before = match psn {
            _ if psn >= self.total => self.messages - 1,
            _ if self.messages == 1 => 0,
            _ => psn / self.per_message,
        };
        let packets = u64::from(psn.min(self.total)) - u64::from(before) * full;
        let rest = if psn >= self.total {
            (packets - 1) * mtu + u64::from(self.last)
        } else {
            packets * mtu
        };
        u64::from(before) * message + rest
    }

    /// Messages that end at or before a packet's beginning.
    pub(crate) fn whole_before(&self, psn: u32) -> u32 {
        if psn >= self.total {
            self.messages
        } else if self.messages == 1 {
            0
        } else {
            psn / self.per_message
        }
    }

    /// First packet after the first `messages` messages.
    pub fn end_of(&self, messages: u32) -> u32 {
        (u64::from(messages) * u64::from(self.per_message)).min(u64::from(self.total)) as u32
    }
}

impl Sim<'_> {
    /// Messages that the application has handed over by now.
    fn postable(&self, qp: u32) -> u32 {
        let spec = &self.model.flows[qp as usize];
        let cold = &self.requesters[qp as usize];
        let messages = self.senders[qp as usize].layout.messages;
        let by_depth = spec
            .depth
            .map_or(messages, |d| cold.completed.saturating_add(d.max(1)));
        let by_release = if spec.after.is_some() {
            cold.released
        } else {
            messages
        };
        let by_atomics = if spec.op == Op::Atomic || spec.op == Op::Read {
            cold.completed
                .saturating_add(self.nic_of(qp).rc.max_rd_atomic.max(1))
        } else {
            messages
        };
        by_depth.min(by_release).min(by_atomics).min(messages)
    }

    /// The NIC profile of a flow's requester.
    pub(crate) fn nic_of(&self, qp: u32) -> &xoff_model::NicProfile {
        let node = self.model.flows[qp as usize].src as usize;
        match self.model.nodes[node].role {
            xoff_model::Role::Host(profile) => &self.model.nics[profile as usize],
            // Validation admits only hosts as ends of flows.
            xoff_model::Role::Switch(_) => &self.model.nics[0],
        }
    }

    /// Posts messages that may be by now.
    pub(crate) fn post(&mut self, qp: u32) {
        if self.requesters[qp as usize].done {
            return;
        }
        let postable = self.postable(qp);
        let layout = self.senders[qp as usize].layout;
        let cold = &mut self.requesters[qp as usize];
        if cold.latency.is_some() && cold.posted_count < postable {
            let posted = (self.now, postable - cold.posted_count);
            cold.posted.push_back(posted);
            cold.posted_count = postable;
        }
        let end = layout.end_of(postable);
        let latency = self.nic_of(qp).send_latency.ps();
        if latency == 0 {
            return self.hand_over(qp, end);
        }
        let posting = &mut self.requesters[qp as usize].posting;
        if posting.back().is_none_or(|&(_, last)| last < end) {
            let at = self.now.saturating_add(latency);
            posting.push_back((at, end));
            self.arm_requester(qp, at);
        }
    }

    /// Makes sure that the timer of a flow's requester runs at `at` or earlier.
    fn arm_requester(&mut self, qp: u32, at: u64) {
        if self.senders[qp as usize].is(sender_flag::READ) {
            self.arm_receiver(qp, at);
        } else {
            self.arm_sender(qp, at);
        }
    }

    /// What was posted has reached the transport, as far as it is time. When the next will.
    pub(crate) fn hand_over_due(&mut self, qp: u32) -> u64 {
        loop {
            match self.requesters[qp as usize].posting.front() {
                None => return NEVER,
                Some(&(at, _)) if at > self.now => return at,
                Some(&(_, end)) => {
                    self.requesters[qp as usize].posting.pop_front();
                    self.hand_over(qp, end);
                }
            }
        }
    }

    /// Packets up to `end` are the transport's to send, or to ask for.
    fn hand_over(&mut self, qp: u32, end: u32) {
        if self.senders[qp as usize].is(sender_flag::READ) {
            self.request_reads(qp, end);
        } else {
            self.senders[qp as usize].limit = end;
            self.activate(qp);
        }
    }

    /// Everything before `psn` is acknowledged (or, for READ, received): completes messages.
    #[inline]
    pub(crate) fn complete_up_to(&mut self, qp: u32, psn: u32) {
        if psn < self.requesters[qp as usize].next_end {
            return;
        }
        self.complete_messages(qp, psn);
    }

    fn complete_messages(&mut self, qp: u32, psn: u32) {
        let layout = self.senders[qp as usize].layout;
        let spec = &self.model.flows[qp as usize];
        let cold = &mut self.requesters[qp as usize];
        while cold.completed < layout.messages && psn >= cold.next_end {
            cold.completed += 1;
            if self.observing {
                cold.sent.push(WorkCompletion {
                    at: SimTime::from_ps(self.now),
                    outcome: Outcome::Success,
                });
            }
            cold.next_end = layout.end_of(cold.completed + 1);
            if let (Some(hist), Some((posted, count))) =
                (&mut cold.latency, cold.posted.front_mut())
            {
                // Nanoseconds; the histogram grows to any value below its limit.
                hist.saturating_record((self.now - *posted) / 1_000);
                *count -= 1;
                if *count == 0 {
                    cold.posted.pop_front();
                }
            }
        }
        if cold.completed == layout.messages {
            return self.finish(qp, FlowStatus::Completed);
        }
        if spec.depth.is_some() || matches!(spec.op, Op::Read | Op::Atomic) {
            self.post(qp);
        }
    }

    /// A message has been delivered at the receiver: flows that wait for it may go on.
    pub(crate) fn message_delivered(&mut self, qp: u32) {
        for i in 0..self.receivers_cold[qp as usize].releases.len() {
            let waiting = self.receivers_cold[qp as usize].releases[i];
            self.requesters[waiting as usize].released += 1;
            if self.senders[waiting as usize].is(sender_flag::STARTED) {
                self.post(waiting);
            }
        }
    }

    /// The next flows of the start list begin.
    pub(crate) fn flow_start(&mut self) {
        while let Some(&qp) = self.start_order.get(self.started) {
            let start = self.model.flows[qp as usize].start.ps();
            if start > self.now {
                return self.schedule(start, crate::queue::Kind::FlowStart, 0);
            }
            self.started += 1;
            if self.requesters[qp as usize].done {
                continue;
            }
            self.senders[qp as usize].flags |= sender_flag::STARTED;
            self.requesters[qp as usize].result.start = SimTime::from_ps(self.now);
            self.note_at_work(qp, true);
            self.watch_path(qp);
            self.post(qp);
        }
    }

    /// Ends a flow: complete, or in error with the rest of its work flushed.
    pub(crate) fn finish(&mut self, qp: u32, status: FlowStatus) {
        let layout = self.senders[qp as usize].layout;
        if self.requesters[qp as usize].done {
            return;
        }
        self.close_path(qp);
        let cold = &mut self.requesters[qp as usize];
        cold.done = true;
        cold.posted = Default::default();
        self.flows_done += 1;
        self.note_done();
        if self.senders[qp as usize].is(sender_flag::STARTED) {
            self.note_at_work(qp, false);
        }
        let cold = &mut self.requesters[qp as usize];
        let now = SimTime::from_ps(self.now);
        cold.result.status = status;
        cold.result.active_until = now;
        if status == FlowStatus::Completed {
            cold.result.end = Some(now);
        } else {
            let left = layout.messages - cold.completed;
            cold.result.messages_flushed = u64::from(left);
            if self.observing {
                let error = std::iter::once(Outcome::Error);
                let rest = std::iter::repeat(Outcome::Flushed);
                let outcomes = error.chain(rest).take(left as usize);
                let ended = outcomes.map(|outcome| WorkCompletion { at: now, outcome });
                cold.sent.extend(ended);
            }
        }
        // The requester's queue pair alone: the other end may hear of it, or never.
        if self.senders[qp as usize].is(sender_flag::READ) {
            let r = &mut self.receivers[qp as usize];
            r.deadline = NEVER;
            if status != FlowStatus::Completed {
                (r.dead, r.special) = (true, true);
            }
        } else {
            let s = &mut self.senders[qp as usize];
            s.rto_at = NEVER;
            if status != FlowStatus::Completed {
                s.flags |= sender_flag::FAILED;
            }
        }
    }
}

/// A histogram of message latencies in nanoseconds, two significant digits. It grows with what it
/// records: room for an hour takes 18 kB, and there may be millions.
pub(crate) fn latency_histogram() -> Option<Histogram<u32>> {
    let mut hist = Histogram::new_with_bounds(1, 2, 2).ok()?;
    hist.auto(true);
    Some(hist)
}

/// p50, p99 and maximum of a histogram.
pub(crate) fn latency_quantiles(hist: &Histogram<u32>) -> Option<[SimDuration; 3]> {
    (!hist.is_empty()).then(|| {
        [
            hist.value_at_quantile(0.5),
            hist.value_at_quantile(0.99),
            hist.max(),
        ]
        .map(SimDuration::from_ns)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(bytes: u64, message: u64, mtu: u32, pad: bool) -> Layout {
        let mut spec = xoff_model::testing::flow(0, 1, bytes);
        spec.message_bytes = message;
        Layout::new(&spec, mtu, pad)
    }

    #[test]
    fn bytes_divide_into_messages_and_packets() {
        let l = layout(10_000, 4_000, 1_024, false);
        assert_eq!((l.messages, l.per_message, l.total), (3, 4, 10));
        let payload: u64 = (0..l.total).map(|p| u64::from(l.packet(p).0)).sum();
        assert_eq!(payload, 10_000);
        assert_eq!(l.packet(3), (928, false, true));
        assert_eq!(l.packet(4), (1_024, true, false));
        assert_eq!(l.packet(9), (976, false, true));
        assert_eq!(l.message_end(8), 10);
    }

    #[test]
    fn offsets_add_up() {
        for (bytes, message, mtu) in [(10_000, 4_000, 1_024), (1_500, 9_999, 1_024), (64, 8, 512)] {
            let l = layout(bytes, message, mtu, false);
            let mut at = 0;
            for psn in 0..l.total {
                assert_eq!(l.offset(psn), at, "{psn}");
                let ends = (0..psn).filter(|&p| l.packet(p).2).count();
                assert_eq!(l.whole_before(psn) as usize, ends);
                at += u64::from(l.packet(psn).0);
            }
            assert_eq!((l.offset(l.total), at), (bytes, bytes));
            assert_eq!(l.whole_before(l.total), l.messages);
        }
    }

    #[test]
    fn a_padded_last_packet_is_full_size() {
        let l = layout(2_000_000, 2_000_000, 4_096, true);
        assert_eq!((l.total, l.last), (489, 4_096));
    }

    #[test]
    fn flows_beyond_4_gib_are_exact() {
        let l = layout(5_000_000_000, 5_000_000_000, 1_000, false);
        assert_eq!((l.total, l.last), (5_000_000, 1_000));
    }
}
