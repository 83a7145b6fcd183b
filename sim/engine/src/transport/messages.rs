//! Messages of a flow: when they are posted, and when they complete.

use super::sender_flag;
use crate::Sim;
use crate::port::NEVER;
use hdrhistogram::Histogram;
use xoff_model::Op;
use xoff_model::results::{FlowStatus, Outcome, WorkCompletion};
use xoff_model::time::{SimDuration, SimTime};

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
