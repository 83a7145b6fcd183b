//! Scheduled faults: links that fail and return, slow receivers, pause storms, loss.

use super::Sim;
use super::packet::{Fifo, NO_PACKET, PacketKind};
use super::port::port_flag;
use super::queue::Kind;
use xoff_model::results::DropCause;
use xoff_model::topology::fabric::PortId;
use xoff_model::units::{BitRate, Probability};
use xoff_model::{Fault, FaultKind, NodeId, PRIORITIES, PauseMode};

impl Sim<'_> {
    pub(super) fn fault(&mut self, index: u32) {
        let Fault { at, kind } = self.model.faults[index as usize];
        // A fault that repeats does not keep the run going.
        self.faults_left -= usize::from(self.now == at.ps());
        self.note_done();
        match kind {
            FaultKind::LinkDown(link) => self.link_down(link),
            FaultKind::LinkUp(link) => self.link_up(link),
            FaultKind::SlowReceiver { node, drain } => self.slow_receiver(node, drain),
            FaultKind::PauseStormStart { node, mask } => self.storm(node, mask),
            FaultKind::PauseStormEnd { node } => self.storm_end(node),
            FaultKind::LinkLoss { link, loss } => self.link_loss(link, loss),
            FaultKind::PeriodicPause {
                node,
                mask,
                quanta,
                period,
                count,
            } => {
                self.pause_node(node, mask, quanta);
                let sent = (self.now - at.ps()) / period.ps() + 1;
                if count.is_none_or(|count| sent < count) && !self.stalled() {
                    let next = self.now.saturating_add(period.ps());
                    self.schedule(next, Kind::Fault, index);
                }
            }
        }
    }

    /// Every port of a host sends one pause.
    fn pause_node(&mut self, node: NodeId, mask: u8, quanta: u16) {
        for port in self.fabric.node_ports(node) {
            let mask = self.storm_classes(port, mask);
            self.pause_once(port, mask, quanta);
        }
    }

    /// Whole-port pause knows no priorities.
    fn storm_classes(&self, port: PortId, mask: u8) -> u8 {
        match self.pause_spec(port).mode {
            PauseMode::Global => u8::MAX,
            PauseMode::Pfc | PauseMode::Off => mask,
        }
    }

    fn ports_of(&self, link: u32) -> Vec<PortId> {
        self.fabric.link_ports(link).collect()
    }

    fn link_down(&mut self, link: u32) {
        for port in self.ports_of(link) {
            self.ports[port as usize].flags |= port_flag::DOWN;
        }
        for port in self.ports_of(link) {
            self.drop_in_flight(port);
            self.drop_queued(port);
            self.forget_pauses(port);
        }
        self.fabric.set_link(link, false);
        self.reroute_flows();
    }

    fn link_up(&mut self, link: u32) {
        for port in self.ports_of(link) {
            self.ports[port as usize].flags &= !port_flag::DOWN;
        }
        self.fabric.set_link(link, true);
        self.reroute_flows();
        for port in self.ports_of(link) {
            // A storm outlasts the failure.
            let guarded = self.nic_ports[port as usize].guarded;
            let forced = if guarded {
                0
            } else {
                self.cold[port as usize].tx.forced
            };
            self.set_xoff(port, forced, true);
            self.note_resumed(port, u8::MAX);
            self.kick(port);
        }
    }

    fn drop_in_flight(&mut self, port: PortId) {
        let rx = &mut self.rx[port as usize];
        let mut flight = std::mem::replace(&mut rx.flight, Fifo::EMPTY);
        if !flight.is_empty() {
            // The events of earlier failures come first: their frames were due earlier.
            rx.stale_arrivals += 1;
            rx.flags |= port_flag::STALE_ARRIVAL;
        }
        while let Some(id) = flight.pop(&self.packets) {
            self.lose(port, id, DropCause::LinkDown);
        }
        for id in self.held.take_from_link(port) {
            self.lose(port, id, DropCause::LinkDown);
        }
    }

    fn drop_queued(&mut self, port: PortId) {
        let host = self.ports[port as usize].has(port_flag::HOST);
        for queue in 0..PRIORITIES as u8 {
            if !host {
                self.flush_queue(port, queue, DropCause::LinkDown);
                continue;
            }
            let q = &mut self.queues[(port, queue)];
            let mut fifo = std::mem::replace(&mut q.fifo, Fifo::EMPTY);
            let bytes = std::mem::take(&mut q.bytes);
            self.ports[port as usize].backlog -= bytes;
            self.ports[port as usize].ready &= !(1 << queue);
            while let Some(id) = fifo.pop(&self.packets) {
                self.discard(port, id, DropCause::LinkDown);
            }
        }
    }

    /// A link that fails takes its flow control state with it.
    fn forget_pauses(&mut self, port: PortId) {
        let pending = std::mem::replace(&mut self.cold[port as usize].rx.pending, Fifo::EMPTY);
        let mut at = pending.head;
        while at != NO_PACKET {
            let packet = self.packets[at];
            let next = packet.next;
            if packet.kind == PacketKind::Foreign {
                self.foreigners.remove(packet.arg);
            }
            self.packets.remove(at);
            at = next;
        }
        for priority in 0..PRIORITIES as u8 {
            self.end_pause(port, priority);
        }
        self.ports[port as usize].paused = 0;
        self.ports[port as usize].flags &= !port_flag::PAUSE_PENDING;
        let now = self.now;
        let rx = &mut self.cold[port as usize].rx;
        for priority in (0..PRIORITIES).filter(|p| rx.ignored >> p & 1 == 1) {
            rx.since[priority] = rx.since[priority].min(now);
        }
        let tx = &mut self.cold[port as usize].tx;
        (tx.xoff, tx.pending, tx.once) = (0, 0, (0, 0));
        for group in self.groups.of_port_mut(port) {
            group.paused = false;
        }
    }

    /// Routing has converged: unfinished flows take the paths that it gives now. Flows with an
    /// explicit path, and those without any way left, keep the one they have.
    fn reroute_flows(&mut self) {
        let mut moves = Vec::new();
        for qp in 0..self.senders.len() as u32 {
            if self.requesters[qp as usize].done || self.model.flows[qp as usize].path.is_some() {
                continue;
            }
            let node = |port: PortId| self.fabric.ports[port as usize].node;
            let (from, to) = (
                node(self.senders[qp as usize].port),
                node(self.receivers[qp as usize].port),
            );
            if let Some(path) = self.find_path(qp, true) {
                let s = &self.senders[qp as usize];
                let (port, route) = self.keep_path(qp, (s.port, s.route), &path, from);
                self.senders[qp as usize].route = route;
                if self.senders[qp as usize].port != port {
                    moves.push((qp, port));
                }
            }
            if let Some(path) = self.find_path(qp, false) {
                let r = &self.receivers[qp as usize];
                let (port, route) = self.keep_path(qp, (r.port, r.route), &path, to);
                self.receivers[qp as usize].port = port;
                self.receivers[qp as usize].route = route;
            }
        }
        self.move_senders(&moves);
    }

    /// Stores a path, unless it is the one that is stored at `old`.
    fn keep_path(
        &mut self,
        qp: u32,
        old: (PortId, u32),
        path: &[PortId],
        node: NodeId,
    ) -> (PortId, u32) {
        if self.is_path(old.0, old.1, path) {
            return old;
        }
        self.forget_path(qp);
        self.store_path(Some(path), node)
    }

    fn slow_receiver(&mut self, node: NodeId, drain: Option<BitRate>) {
        for port in self.fabric.node_ports(node) {
            let normal = self.nic_spec(port).rx_drain;
            let bps = drain.or(normal).map_or(0, BitRate::bps);
            self.set_drain(port, bps);
        }
    }

    fn storm(&mut self, node: NodeId, mask: u8) {
        for port in self.fabric.node_ports(node) {
            let mask = self.storm_classes(port, mask);
            self.note_pausing(port);
            self.cold[port as usize].tx.forced |= mask;
            self.set_xoff(port, mask, true);
        }
    }

    fn storm_end(&mut self, node: NodeId) {
        for port in self.fabric.node_ports(node) {
            let mask = std::mem::take(&mut self.cold[port as usize].tx.forced);
            self.storm_over(port, mask);
        }
    }

    fn link_loss(&mut self, link: u32, loss: Probability) {
        for port in self.ports_of(link) {
            self.loss[port as usize].frame = loss;
            let flags = &mut self.ports[port as usize].flags;
            if self.loss[port as usize].is_none() {
                *flags &= !port_flag::LOSSY;
            } else {
                *flags |= port_flag::LOSSY;
            }
        }
    }
}
