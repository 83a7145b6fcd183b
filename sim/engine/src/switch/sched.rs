//! Egress scheduling: strict priority, then deficit weighted round robin; shapers.

use crate::Sim;
use crate::port::port_flag;
use xoff_model::topology::fabric::PortId;

impl Sim<'_> {
    /// The queue to serve among `eligible` (not empty). None: all are held by their shapers, and
    /// the port is woken when the first is free.
    #[inline]
    pub(crate) fn choose_queue(&mut self, port: PortId, eligible: u8) -> Option<u8> {
        let out = &self.ports[port as usize];
        if eligible & (eligible - 1) == 0 && !out.has(port_flag::SHAPED) {
            return Some(eligible.trailing_zeros() as u8);
        }
        if out.has(port_flag::SHAPED) {
            self.choose_shaped(port, eligible)
        } else {
            Some(self.choose_weighted(port, eligible))
        }
    }

    fn choose_shaped(&mut self, port: PortId, eligible: u8) -> Option<u8> {
        let mut open = 0u8;
        let mut first = u64::MAX;
        for queue in (0..8u8).filter(|q| eligible & (1 << q) != 0) {
            let next = self.queues[(port, queue)].shaper_next;
            if next <= self.now {
                open |= 1 << queue;
            } else {
                first = first.min(next);
            }
        }
        if open == 0 {
            self.wake(port, first);
            return None;
        }
        let queue = self.choose_weighted(port, open);
        let slot = (port, queue);
        let scheduler = &self.schedulers[usize::from(self.ports[port as usize].profile)];
        if let Some(rate) = scheduler.max[usize::from(queue)] {
            // A virtual clock that may lag by the burst: the classic leaky bucket.
            let burst = rate.serialize_ceil(scheduler.burst).ps();
            let wire = self.next_wire_bytes(port, queue);
            let from = self.queues[slot]
                .shaper_next
                .max(self.now.saturating_sub(burst));
            self.queues[slot].shaper_next = from + rate.serialize_ceil(u64::from(wire)).ps();
        }
        Some(queue)
    }

    /// Strict queues by number, then the weighted ones in turn. `eligible` is not zero.
    fn choose_weighted(&mut self, port: PortId, eligible: u8) -> u8 {
        let scheduler = &self.schedulers[usize::from(self.ports[port as usize].profile)];
        let strict = eligible & scheduler.strict;
        if strict != 0 {
            return 7 - strict.leading_zeros() as u8;
        }
        if eligible & (eligible - 1) == 0 {
            return eligible.trailing_zeros() as u8;
        }
        let quantum = scheduler.quantum;
        let mut turn = self.ports[port as usize].turn;
        loop {
            let slot = (port, turn);
            if eligible & (1 << turn) != 0 {
                let wire = self.next_wire_bytes(port, turn) as i32;
                if self.queues[slot].deficit >= wire {
                    self.queues[slot].deficit -= wire;
                    self.ports[port as usize].turn = turn;
                    return turn;
                }
            }
            // The next eligible queue gets its quantum as its turn begins.
            turn = (1..=8u8)
                .map(|step| (turn + step) % 8)
                .find(|q| eligible & (1 << q) != 0)
                .unwrap_or(turn);
            self.queues[(port, turn)].deficit += quantum[usize::from(turn)].max(1);
        }
    }

    /// Wire bytes of the frame that a queue would send next.
    fn next_wire_bytes(&self, port: PortId, queue: u8) -> u32 {
        let q = &self.queues[(port, queue)];
        let frame = if q.fifo.is_empty() {
            self.next_data_frame(port, queue)
        } else {
            u32::from(q.head_frame)
        };
        frame + self.gap_bytes
    }
}
