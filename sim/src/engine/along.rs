//! What the ports along a flow's path did while the flow was at it: their counters, read when the
//! flow starts and when it ends.

use super::Sim;
use super::port::port_flag;
use crate::results::HopResult;
use crate::time::SimDuration;
use crate::topology::fabric::PortId;

impl Sim<'_> {
    /// A flow starts.
    pub(crate) fn watch_path(&mut self, qp: u32) {
        let first = self.along.len() as u32;
        let s = &self.senders[qp as usize];
        let (dscp, pcp) = (s.dscp, s.pcp);
        let (mut port, mut route, mut priority) = (s.port, s.route as usize, s.queue);
        loop {
            let hop = self.reading(port, priority);
            self.along.push(hop);
            let out = &self.ports[port as usize];
            let next = self.routes.get(route).copied();
            let (false, Some(next)) = (out.has(port_flag::PEER_HOST), next) else {
                break;
            };
            priority = self.tables_of(out.peer_unit as usize).classify(dscp, pcp);
            (port, route) = (next, route + 1);
        }
        let hops = self.along.len() as u32 - first;
        self.flows[qp as usize].result.along = (first, hops);
    }

    /// A flow ends: what is kept is the difference.
    pub(crate) fn close_path(&mut self, qp: u32) {
        let (first, hops) = self.flows[qp as usize].result.along;
        for at in first..first + hops {
            let before = self.along[at as usize];
            let now = self.reading(before.port, before.priority);
            let hop = &mut self.along[at as usize];
            hop.paused = SimDuration::from_ps(now.paused.ps() - before.paused.ps());
            hop.sent = now.sent - before.sent;
        }
        // A wait that goes on when the flow ends made nothing wait longer.
        let left = self.senders[qp as usize].hold.saturating_sub(self.now);
        let wait = &mut self.flows[qp as usize].result.rnr_wait;
        *wait = SimDuration::from_ps(wait.ps().saturating_sub(left));
    }

    /// The run ends: so does what is unfinished.
    pub(super) fn close_paths(&mut self) {
        for qp in 0..self.senders.len() as u32 {
            if !self.flows[qp as usize].done {
                self.close_path(qp);
            }
        }
    }

    /// Whether a flow's data takes this path now.
    pub(super) fn is_on(&self, qp: u32, path: &[PortId]) -> bool {
        let s = &self.senders[qp as usize];
        let rest = self.routes.get(s.route as usize..).unwrap_or_default();
        path.split_first()
            .is_some_and(|(first, others)| *first == s.port && rest.starts_with(others))
    }

    /// A flow changes its path.
    pub(super) fn forget_path(&mut self, qp: u32) {
        self.flows[qp as usize].result.along = (0, 0);
    }

    fn reading(&self, port: PortId, priority: u8) -> HopResult {
        let (cold, i) = (&self.cold[port as usize], usize::from(priority));
        let mut paused = cold.stats[i].rx_pause_duration;
        if cold.rx.until[i] != 0 {
            paused += SimDuration::from_ps(self.now - cold.rx.since[i]);
        }
        HopResult {
            port,
            priority,
            paused,
            sent: self.bytes_sent(port),
        }
    }
}
