//! Dynamic deadlock detection: cycles among paused egress queues that have sent nothing since the
//! last scan, where each waits for the buffer of the next.

use crate::Sim;
use crate::packet::NO_PACKET;
use crate::port::port_flag;
use crate::queue::Kind;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::BTreeMap;
use xoff_model::PRIORITIES;
use xoff_model::results::Deadlock;
use xoff_model::time::SimTime;
use xoff_model::topology::fabric::PortId;

/// A queue that is kept from sending: egress port and priority.
type Blocked = (PortId, u8);

impl Sim<'_> {
    pub(crate) fn deadlock_scan(&mut self) {
        let Some(interval) = self.model.deadlock_scan else {
            return;
        };
        let cycles = self.blocked_cycles(interval.ps());
        let at = SimTime::from_ps(self.now);
        let (deadlocks, open) = (&mut self.logs.deadlocks, &mut self.logs.open_deadlocks);
        open.retain(|&i| {
            let known = &mut deadlocks[i];
            let stands = cycles
                .iter()
                .any(|c| c.1.iter().any(|hop| known.cycle.contains(hop)));
            if !stands {
                known.cured = Some(at);
            }
            stands
        });
        for (priority, cycle) in cycles {
            let known = |&i: &usize| deadlocks[i].cycle.iter().any(|hop| cycle.contains(hop));
            if !open.iter().any(known) {
                open.push(deadlocks.len());
                deadlocks.push(Deadlock {
                    at,
                    priority,
                    cycle,
                    cured: None,
                });
            }
        }
        // A deadlock that nothing but time could dissolve does not keep the run going.
        if !self.alive() || self.nothing_to_watch() {
            return;
        }
        if let Some(change) = self.events.next_time() {
            let step = interval.ps();
            // Nothing has happened since the last scan, so until the next event each would find what
            // this one did.
            let quiet = self.event_count == self.events_at_scan + 1;
            let steps = match quiet {
                true => change.saturating_sub(self.now) / step,
                false => 1,
            };
            self.events_at_scan = self.event_count;
            self.schedule(self.now + step * steps.max(1), Kind::DeadlockScan, 0);
        }
    }

    /// Strongly connected sets of blocked queues, each as (priority, ports in waiting order).
    fn blocked_cycles(&self, idle: u64) -> Vec<(u8, Vec<(u32, u32)>)> {
        let mut graph: DiGraph<Blocked, ()> = DiGraph::new();
        let mut index: BTreeMap<Blocked, NodeIndex> = BTreeMap::new();
        for port in 0..self.ports.len() as u32 {
            for priority in 0..PRIORITIES as u8 {
                if self.is_blocked(port, priority, idle) {
                    index.insert((port, priority), graph.add_node((port, priority)));
                }
            }
        }
        for (&(port, priority), &from) in &index {
            let ingress = self.ports[port as usize].peer;
            if self.ports[ingress as usize].has(port_flag::HOST) {
                continue;
            }
            let node = self.fabric.ports[ingress as usize].node;
            for egress in self.fabric.node_ports(node) {
                if let Some(&to) = index.get(&(egress, priority))
                    && self.holds_from(egress, priority, ingress)
                {
                    graph.add_edge(from, to, ());
                }
            }
        }
        let mut cycles: Vec<(u8, Vec<(u32, u32)>)> = tarjan_scc(&graph)
            .into_iter()
            .filter(|set| set.len() > 1 || graph.contains_edge(set[0], set[0]))
            .map(|set| self.in_waiting_order(&graph, &set))
            .collect();
        cycles.sort();
        cycles
    }

    fn is_blocked(&self, port: PortId, priority: u8, idle: u64) -> bool {
        let p = port as usize;
        if self.ports[p].has(port_flag::HOST) || self.cold[p].rx.until[usize::from(priority)] == 0 {
            return false;
        }
        let queue = self.queue_of(port, priority);
        let q = &self.queues[(port, queue)];
        !q.fifo.is_empty() && self.now - q.last_tx >= idle
    }

    /// Whether an egress queue holds a packet that came in by `ingress`.
    fn holds_from(&self, egress: PortId, priority: u8, ingress: PortId) -> bool {
        let queue = self.queue_of(egress, priority);
        let fifo = self.queues[(egress, queue)].fifo;
        let mut at = fifo.head;
        while at != NO_PACKET {
            if self.packets[at].ingress == ingress {
                return true;
            }
            at = self.packets[at].next;
        }
        false
    }

    /// Follows edges from the lowest port of a set until a port repeats.
    fn in_waiting_order(
        &self,
        graph: &DiGraph<Blocked, ()>,
        set: &[NodeIndex],
    ) -> (u8, Vec<(u32, u32)>) {
        let start = set
            .iter()
            .copied()
            .min_by_key(|&n| graph[n])
            .unwrap_or_default();
        let mut order = vec![start];
        let mut at = start;
        while let Some(next) = graph
            .neighbors(at)
            .filter(|n| set.contains(n) && !order.contains(n))
            .min_by_key(|&n| graph[n])
        {
            order.push(next);
            at = next;
        }
        let place = |n: &NodeIndex| {
            let info = self.fabric.ports[graph[*n].0 as usize];
            (info.node, info.index)
        };
        (graph[start].1, order.iter().map(place).collect())
    }
}
