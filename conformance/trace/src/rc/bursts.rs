//! When data flowed: bursts of messages with silence between them, and for how long they lasted.
//!
//! Everything is taken from counters when a burst ends, so that packets within one cost nothing.

use crate::report::{Activity, Burst, Operation};

/// Silence longer than this, with nothing outstanding, is the application's: it ends a burst, ns.
pub(super) const IDLE_NS: u64 = 1_000_000;

/// Most bursts that are kept. Beyond that those with the least silence between them become one.
const KEPT: usize = 2_048;

/// What a half has counted when a burst begins or ends.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Of its last packet.
    pub(super) last_ns: u64,
    /// When the last of it was acknowledged, or 0.
    pub(super) done_ns: u64,
    pub(super) bytes: u64,
    pub(super) messages: u64,
}

/// A packet that begins a burst, or goes on after a while.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) at_ns: u64,
    pub(super) payload: u32,
    pub(super) operation: Operation,
    /// It begins a message, and nothing sent before it is outstanding.
    pub(super) idle: bool,
}

/// The size of messages that carries most of a burst's bytes, as far as they come in a row.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    /// Operation, size and bytes of the present row, and of the greatest.
    row: (Operation, u64, u64),
    most: (Operation, u64, u64),
}

#[derive(Clone, Copy, Debug)]
struct Open {
    start_ns: u64,
    before: Counts,
    sizes: Option<Sizes>,
    operation: Operation,
    /// Of the present stretch without silence: its start, and the bytes up to its first packet.
    since_ns: u64,
    since_bytes: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Bursts {
    list: Vec<Burst>,
    open: Option<Open>,
    /// Silence up to this does not end a burst any more, beyond [`IDLE_NS`].
    coarse_ns: u64,
    activity: Activity,
}

impl Bursts {
    /// A message begins with another operation than the one before.
    #[inline]
    pub(super) fn changes(&self, operation: Operation) -> bool {
        self.open.is_some_and(|o| o.operation != operation)
    }

    /// A packet after silence, or back in time, or the first of all, or of another operation.
    /// `now`: what was counted before it.
    #[cold]
    pub(super) fn begin(&mut self, start: &Start, now: &Counts) {
        let quiet_since = now.last_ns.max(now.done_ns);
        let silence = start.at_ns.saturating_sub(quiet_since);
        let backwards = start.at_ns < now.last_ns;
        let idle = start.idle && silence > IDLE_NS;
        if let Some(open) = &self.open {
            let other = start.idle && open.operation != start.operation;
            if !idle && !backwards && !other {
                return;
            }
            self.stretch(now);
            if other || idle && silence > self.coarse_ns {
                self.close(now);
            }
        }
        let open = self.open.get_or_insert(Open {
            start_ns: start.at_ns,
            before: *now,
            sizes: None,
            operation: start.operation,
            since_ns: 0,
            since_bytes: 0,
        });
        open.since_ns = start.at_ns;
        open.since_bytes = now.bytes + u64::from(start.payload);
    }

    /// A message is complete.
    #[inline]
    pub(super) fn message(&mut self, operation: Operation, bytes: u64) {
        let Some(open) = &mut self.open else { return };
        let row = (operation, bytes, 0);
        let sizes = open.sizes.get_or_insert(Sizes { row, most: row });
        if (sizes.row.0, sizes.row.1) != (operation, bytes) {
            sizes.row = row;
        }
        sizes.row.2 += bytes;
        if sizes.row.2 >= sizes.most.2 {
            sizes.most = sizes.row;
        }
    }

    /// Ends what flowed without silence: the first packet shows the beginning of its time only.
    fn stretch(&mut self, now: &Counts) {
        let Some(open) = &self.open else { return };
        let span = now.last_ns.saturating_sub(open.since_ns);
        if span > 0 {
            self.activity.ns += span;
            self.activity.bytes += now.bytes.saturating_sub(open.since_bytes);
        }
    }

    fn close(&mut self, now: &Counts) {
        let Some(open) = self.open.take() else { return };
        let bytes = now.bytes.saturating_sub(open.before.bytes);
        let messages = now.messages.saturating_sub(open.before.messages);
        let mean = bytes.div_ceil(messages.max(1));
        let (operation, message, of_size) =
            open.sizes.map_or((open.operation, mean, bytes), |s| s.most);
        if self.list.len() == KEPT {
            self.merge();
        }
        self.list.push(Burst {
            operation,
            start_ns: open.start_ns,
            end_ns: now.last_ns.max(open.start_ns),
            done_ns: now.done_ns.max(now.last_ns).max(open.start_ns),
            bytes,
            messages,
            message,
            of_size,
            merged: 0,
        });
    }

    /// Makes room: about half of the bursts join the one before.
    #[cold]
    fn merge(&mut self) {
        let gap = |pair: &[Burst]| pair[1].start_ns.saturating_sub(pair[0].done_ns);
        let mut gaps: Vec<u64> = self.list.windows(2).map(gap).collect();
        gaps.sort_unstable();
        self.coarse_ns = self.coarse_ns.max(gaps[gaps.len() / 2]);
        let mut kept: Vec<Burst> = Vec::with_capacity(KEPT);
        for burst in self.list.drain(..) {
            match kept.last_mut() {
                Some(last) if gap(&[*last, burst]) <= self.coarse_ns => last.join(&burst),
                _ => kept.push(burst),
            }
        }
        self.list = kept;
    }

    /// What was seen before of the same requests.
    pub(super) fn take_in(&mut self, mut earlier: Bursts, counts: &Counts) {
        earlier.finish(counts);
        if let Some(open) = &mut self.open {
            open.before.bytes += counts.bytes;
            open.since_bytes += counts.bytes;
            open.before.messages += counts.messages;
        }
        earlier.list.append(&mut self.list);
        self.list = earlier.list;
        while self.list.len() > KEPT {
            self.merge();
        }
        self.activity.ns += earlier.activity.ns;
        self.activity.bytes += earlier.activity.bytes;
    }

    /// Nothing more comes.
    pub(super) fn finish(&mut self, now: &Counts) {
        self.stretch(now);
        self.close(now);
        self.activity.total = now.bytes;
    }

    pub(super) fn activity(&self) -> Activity {
        self.activity
    }

    pub(super) fn take(&mut self) -> Vec<Burst> {
        std::mem::take(&mut self.list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// One message of `packets` packets of 1,000 bytes, 1 us apart, from `at_ns` on.
    fn message(b: &mut Bursts, now: &mut Counts, at_ns: u64, packets: u64, operation: Operation) {
        let start = Start {
            at_ns,
            payload: 1_000,
            operation,
            idle: true,
        };
        b.begin(&start, now);
        now.last_ns = at_ns + (packets - 1) * 1_000;
        now.done_ns = now.last_ns + 500;
        now.bytes += packets * 1_000;
        now.messages += 1;
        b.message(operation, packets * 1_000);
    }

    #[test]
    fn silence_belongs_to_no_burst() {
        let (mut b, mut now) = (Bursts::default(), Counts::default());
        for n in 0..3 {
            // Two messages close together, then a second of silence.
            message(&mut b, &mut now, n * 1_000 * MS, 11, Operation::Write);
            message(
                &mut b,
                &mut now,
                n * 1_000 * MS + 20_000,
                11,
                Operation::Write,
            );
        }
        b.finish(&now);
        // 21 of 22 packets in 30 us each.
        let activity = b.activity();
        assert_eq!((activity.ns, activity.bytes), (90_000, 63_000));
        assert_eq!(activity.rate(66_000), Some(5_600_000_000));
        let bursts = b.take();
        let shown: Vec<_> = bursts
            .iter()
            .map(|b| (b.start_ns, b.bytes, b.messages))
            .collect();
        let second = 1_000 * MS;
        assert_eq!(
            shown,
            [(0, 22_000, 2), (second, 22_000, 2), (2 * second, 22_000, 2)]
        );
        assert_eq!((bursts[0].end_ns, bursts[0].message), (30_000, 11_000));
    }

    #[test]
    fn single_packets_show_no_rate() {
        let (mut b, mut now) = (Bursts::default(), Counts::default());
        for n in 0..5 {
            message(&mut b, &mut now, n * 10 * MS, 1, Operation::Send);
        }
        b.finish(&now);
        assert_eq!(b.activity().rate(5_000), None);
        assert_eq!(b.take().len(), 5);
    }

    #[test]
    fn other_operations_and_earlier_times_are_told_apart() {
        let (mut b, mut now) = (Bursts::default(), Counts::default());
        message(&mut b, &mut now, 50 * MS, 11, Operation::Write);
        message(&mut b, &mut now, 50 * MS + 20_000, 11, Operation::Send);
        // The clock jumps back: what lies between is not known, and counts as nothing.
        message(&mut b, &mut now, 7 * MS, 11, Operation::Send);
        b.finish(&now);
        assert_eq!(b.activity().ns, 30_000);
        let kinds: Vec<_> = b.take().iter().map(|b| b.operation).collect();
        assert_eq!(kinds, [Operation::Write, Operation::Send]);
    }

    #[test]
    fn memory_is_bounded_and_no_byte_is_lost() {
        let (mut b, mut now) = (Bursts::default(), Counts::default());
        for n in 0..10_000u64 {
            // Every eighth gap is a long one.
            let at_ns = n * 2 * MS + n / 8 * 100 * MS;
            message(&mut b, &mut now, at_ns, 2, Operation::Write);
        }
        b.finish(&now);
        assert_eq!(b.activity().ns, 10_000 * 1_000);
        let bursts = b.take();
        assert!(bursts.len() <= KEPT, "{}", bursts.len());
        assert_eq!(bursts.iter().map(|b| b.bytes).sum::<u64>(), 20_000_000);
        assert_eq!(bursts.iter().map(|b| b.messages).sum::<u64>(), 10_000);
        assert!(bursts.iter().all(|b| b.end_ns - b.start_ns < 100 * MS));
        assert!(bursts.iter().any(|b| b.merged > 0));
    }
}
