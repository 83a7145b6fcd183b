//! Messages: where they begin and end, how large they are, when they are done.

use super::bursts::Bursts;
use super::op::{Op, Role};
use super::seen::Seen;
use super::stat::Stat;
use crate::report::{DETAILS_KEPT, MessageRun, Operation};
use std::collections::VecDeque;

/// Most messages whose completion is waited for one by one.
const PENDING: usize = 128;

/// Most first and last packets that are kept while one before them is missing.
const AHEAD: usize = 256;

/// What a packet says that matters here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) op: Op,
    pub(super) psn: u64,
    /// Sequence numbers it takes: more than one for READ requests.
    pub(super) count: u64,
    pub(super) payload: u32,
    /// Length that a RETH gives.
    pub(super) dma_len: Option<u32>,
    pub(super) at_ns: u64,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    operation: Operation,
    psn: u64,
    payload: u32,
    dma_len: Option<u32>,
    at_ns: u64,
}

/// Messages that are sent but not acknowledged: one, or when there are many, equal ones in a row.
#[derive(Clone, Copy, Debug)]
struct Pending {
    /// End of the first of them, and packets of each.
    end: u64,
    packets: u64,
    count: u64,
    start_ns: u64,
    /// Index of the run they are in.
    run: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Messages {
    open: Option<Open>,
    /// Everything below was looked at.
    next: u64,
    /// First and last packets beyond a gap, in order; `waits`: there is such a gap.
    ahead: VecDeque<Part>,
    waits: bool,
    pending: VecDeque<Pending>,
    runs: Vec<MessageRun>,
    /// Messages done of each run.
    done: Vec<u64>,
    /// Messages that began here but are in no run, as the list is full.
    last_run: Option<(Operation, u64)>,
    pub(super) total: u64,
    pub(super) completed: u64,
    pub(super) completion: Stat,
    /// Payload of whole messages.
    pub(super) bytes: u64,
    /// Most messages that had begun and were not done at one time.
    pub(super) outstanding_max: u64,
}

impl Messages {
    pub(super) fn start_at(&mut self, psn: u64) {
        self.next = psn;
        self.open = None;
        self.ahead.clear();
        self.waits = false;
    }

    /// A packet. `acked`: end of what is acknowledged.
    #[inline]
    pub(super) fn packet(&mut self, part: &Part, seen: &Seen, acked: u64, bursts: &mut Bursts) {
        if part.psn < self.next {
            return;
        }
        if part.psn > self.next {
            self.keep(part);
            if acked > self.next {
                // What lies between will not come again: its messages cannot be told apart.
                self.go_on(seen, acked, bursts);
            }
            return;
        }
        self.take(part, bursts);
        if self.waits {
            self.go_on(seen, acked, bursts);
        }
    }

    fn take(&mut self, part: &Part, bursts: &mut Bursts) {
        self.next = part.psn.saturating_add(part.count);
        if part.op.first {
            let begun = self.total.saturating_sub(self.completed) + 1;
            self.outstanding_max = self.outstanding_max.max(begun);
            self.open = Some(Open {
                operation: part.op.operation,
                psn: part.psn,
                payload: part.payload,
                dma_len: part.dma_len,
                at_ns: part.at_ns,
            });
        }
        if part.op.last {
            self.close(part, bursts);
        }
    }

    #[cold]
    fn keep(&mut self, part: &Part) {
        self.waits = true;
        if !part.op.first && !part.op.last {
            return;
        }
        let at = self.ahead.partition_point(|p| p.psn < part.psn);
        if self.ahead.get(at).is_none_or(|p| p.psn != part.psn) {
            self.ahead.insert(at, *part);
        }
        // The furthest is the first to be sent again.
        self.ahead.truncate(AHEAD);
    }

    /// Takes what follows without a gap, or has arrived anyway.
    #[cold]
    fn go_on(&mut self, seen: &Seen, acked: u64, bursts: &mut Bursts) {
        loop {
            let end = seen.next_missing(self.next);
            while let Some(part) = self.ahead.front().copied().filter(|p| p.psn < end) {
                self.ahead.pop_front();
                if part.psn >= self.next {
                    self.take(&part, bursts);
                }
            }
            self.next = self.next.max(end);
            if self.next >= acked {
                break;
            }
            self.open = None;
            let beyond = self.ahead.front().map_or(acked, |p| p.psn.min(acked));
            self.next = beyond.max(self.next + 1);
        }
        self.waits = !self.ahead.is_empty();
    }

    /// Where the message in progress began.
    pub(super) fn open_start(&self) -> Option<u64> {
        self.open.map(|o| o.psn)
    }

    fn close(&mut self, part: &Part, bursts: &mut Bursts) {
        let Some(open) = self.open.take() else {
            return;
        };
        let before = part.psn - open.psn;
        let summed = before * u64::from(open.payload) + u64::from(part.payload);
        let bytes = match part.op.role {
            Role::AtomicRequest => 8,
            _ => open.dma_len.map_or(summed, u64::from),
        };
        self.total += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        bursts.message(open.operation, bytes);
        let run = self.count(open.operation, bytes, open.at_ns);
        let pending = Pending {
            end: self.next,
            packets: self.next - open.psn,
            count: 1,
            start_ns: open.at_ns,
            run,
        };
        if self.pending.len() >= PENDING
            && let Some(last) = self.pending.back_mut()
        {
            let follows = last.end + last.count * last.packets == pending.end;
            if last.run == run && last.packets == pending.packets && follows {
                last.count += 1;
                return;
            }
        }
        if self.pending.len() < 2 * PENDING {
            self.pending.push_back(pending);
        } else if let Some(last) = self.pending.back_mut() {
            // Too many of too many sizes: they count as done with the one before.
            last.count += 1;
        }
    }

    /// Adds a message to the runs; the index of its run.
    fn count(&mut self, operation: Operation, bytes: u64, start_ns: u64) -> usize {
        let same = self.last_run == Some((operation, bytes));
        self.last_run = Some((operation, bytes));
        let full = self.runs.len() >= DETAILS_KEPT;
        match self.runs.last_mut() {
            Some(run) if same && run.operation == operation && run.bytes == bytes => {
                run.count += 1;
            }
            _ if full => return usize::MAX,
            _ => {
                self.runs.push(MessageRun {
                    operation,
                    bytes,
                    count: 1,
                    start_ns,
                    done_ns: None,
                });
                self.done.push(0);
            }
        }
        self.runs.len() - 1
    }

    /// Everything below `end` has arrived at the other side.
    #[inline]
    pub(super) fn acked(&mut self, end: u64, at_ns: u64) {
        while let Some(first) = self.pending.front_mut() {
            if first.end > end {
                return;
            }
            if first.count == 1 {
                self.completion.between(first.start_ns, at_ns);
            }
            let extra = (end - first.end).checked_div(first.packets).unwrap_or(0);
            let done = (extra + 1).min(first.count);
            self.completed += done;
            let run = first.run;
            first.count -= done;
            first.end += done * first.packets;
            if first.count == 0 {
                self.pending.pop_front();
            }
            if let (Some(run), Some(n)) = (self.runs.get_mut(run), self.done.get_mut(run)) {
                *n += done;
                run.done_ns = Some(at_ns);
            }
        }
    }

    /// The runs; those that are not done have no time of completion.
    pub(super) fn take_runs(&mut self) -> Vec<MessageRun> {
        let mut runs = std::mem::take(&mut self.runs);
        for (run, &done) in runs.iter_mut().zip(&self.done) {
            if done < run.count {
                run.done_ns = None;
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rc::op;
    use xoff_wire::bth::Opcode;

    fn part(opcode: u8, psn: u64, payload: u32, at_ns: u64) -> Part {
        Part {
            op: op::of(Opcode(opcode)),
            psn,
            count: 1,
            payload,
            dma_len: None,
            at_ns,
        }
    }

    #[test]
    fn sizes_and_runs() {
        let mut m = Messages::default();
        m.start_at(10);
        let seen = Seen::new(10);
        for i in 0..3 {
            m.packet(
                &part(0, 10 + 3 * i, 1024, i),
                &seen,
                0,
                &mut Bursts::default(),
            );
            m.packet(
                &part(1, 11 + 3 * i, 1024, i),
                &seen,
                0,
                &mut Bursts::default(),
            );
            m.packet(
                &part(2, 12 + 3 * i, 100, i),
                &seen,
                0,
                &mut Bursts::default(),
            );
        }
        m.packet(&part(4, 19, 7, 9), &seen, 0, &mut Bursts::default());
        m.acked(16, 50);
        assert_eq!((m.total, m.completed), (4, 2));
        m.acked(20, 60);
        let runs = m.take_runs();
        assert_eq!(runs.len(), 2);
        assert_eq!(m.outstanding_max, 4);
        assert_eq!(
            (runs[0].bytes, runs[0].count, runs[0].done_ns),
            (2148, 3, Some(60))
        );
        assert_eq!((runs[1].bytes, runs[1].count, runs[1].start_ns), (7, 1, 9));
        assert_eq!(m.completion.get(), Some([49, 52, 58]));
    }

    #[test]
    fn many_outstanding_messages_are_counted() {
        let mut m = Messages::default();
        m.start_at(0);
        let seen = Seen::new(0);
        for psn in 0..10_000 {
            m.packet(&part(4, psn, 64, psn), &seen, 0, &mut Bursts::default());
        }
        assert!(m.pending.len() <= 2 * PENDING);
        m.acked(9_000, 1);
        assert_eq!((m.total, m.completed), (10_000, 9_000));
    }
}
