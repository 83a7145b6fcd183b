//! What the ports along a flow's path did while the flow was at it: their counters, read when the
//! flow starts and when it ends.

use super::Sim;
use super::port::port_flag;
use xoff_model::results::HopResult;
use xoff_model::time::SimDuration;
use xoff_model::topology::fabric::PortId;

impl Sim<'_> {
    /// A flow starts.
    pub(crate) fn watch_path(&mut self, qp: u32) {
        let first = self.logs.along.len() as u32;
        let s = &self.senders[qp as usize];
        let mut at = Some((s.port, s.route as usize, s.queue));
        let mut marking = (s.dscp, s.pcp);
        while let Some(place @ (port, _, priority)) = at {
            let hop = self.reading(port, priority);
            self.logs.along.push(hop);
            at = self.next_hop(place, &mut marking);
        }
        let hops = self.logs.along.len() as u32 - first;
        let answers = self.answers_paused(qp);
        let result = &mut self.requesters[qp as usize].result;
        result.along = (first, hops);
        result.answers_paused = answers;
    }

    /// The next port on a way: its number, where the route goes on, and the priority there. A PCP
    /// may be lost on the way.
    fn next_hop(
        &self,
        at: (PortId, usize, u8),
        marking: &mut (u8, u8),
    ) -> Option<(PortId, usize, u8)> {
        let out = &self.ports[at.0 as usize];
        if out.has(port_flag::PEER_HOST) {
            return None;
        }
        let next = self.routes.get(at.1).copied()?;
        marking.1 = self.tables[usize::from(out.profile)].pcp_out(marking.1, at.2);
        let tables = &self.tables[usize::from(self.rx[at.0 as usize].profile)];
        Some((next, at.1 + 1, tables.classify(marking.0, marking.1)))
    }

    fn answers_paused(&self, qp: u32) -> SimDuration {
        let r = &self.receivers[qp as usize];
        let mut at = Some((r.port, r.route as usize, r.queue));
        let mut marking = (r.dscp, r.pcp);
        let mut paused = SimDuration::ZERO;
        while let Some(place @ (port, _, priority)) = at {
            paused += self.reading(port, priority).paused;
            at = self.next_hop(place, &mut marking);
        }
        paused
    }

    /// A flow ends: what is kept is the difference.
    pub(crate) fn close_path(&mut self, qp: u32) {
        let (first, hops) = self.requesters[qp as usize].result.along;
        for at in first..first + hops {
            let before = self.logs.along[at as usize];
            let now = self.reading(before.port, before.priority);
            let hop = &mut self.logs.along[at as usize];
            hop.paused = SimDuration::from_ps(now.paused.ps() - before.paused.ps());
            hop.sent = now.sent - before.sent;
        }
        let before = self.requesters[qp as usize].result.answers_paused.ps();
        let now = self.answers_paused(qp).ps();
        let result = &mut self.requesters[qp as usize].result;
        result.answers_paused = SimDuration::from_ps(now.saturating_sub(before));
        // A wait that goes on when the flow ends made nothing wait longer.
        let left = self.senders[qp as usize].hold.saturating_sub(self.now);
        let wait = &mut self.requesters[qp as usize].result.rnr_wait;
        *wait = SimDuration::from_ps(wait.ps().saturating_sub(left));
    }

    /// The run ends: so does what is unfinished.
    pub(super) fn close_paths(&mut self) {
        for qp in 0..self.senders.len() as u32 {
            if !self.requesters[qp as usize].done {
                self.close_path(qp);
            }
        }
    }

    /// Whether a port and the route from there are this path.
    pub(super) fn is_path(&self, port: PortId, route: u32, path: &[PortId]) -> bool {
        let rest = self.routes.get(route as usize..).unwrap_or_default();
        path.split_first()
            .is_some_and(|(first, others)| *first == port && rest.starts_with(others))
    }

    /// A flow changes its path.
    pub(super) fn forget_path(&mut self, qp: u32) {
        self.requesters[qp as usize].result.along = (0, 0);
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
