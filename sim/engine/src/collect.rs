//! From the state at the end of a run to its results, with the books checked.

use super::Sim;
use super::packet::NO_PACKET;
use super::port::port_flag;
use crate::transport::latency_quantiles;
use xoff_model::results::{
    CAUSES, DROP_CAUSES, DropCause, NodeResult, Observed, PortResult, PriorityResult, Results,
    WatchdogEvent,
};
use xoff_model::time::SimTime;
use xoff_model::units::Bytes;
use xoff_model::{Op, PRIORITIES, PauseMode, Transport};

impl Sim<'_> {
    pub(super) fn into_results(mut self) -> Results {
        self.close_pauses();
        let queue_lengths = self.finish_watch();
        self.close_paths();
        self.check_conservation();
        self.logs.pauses.sort_by_key(|e| (e.at, e.node, e.port));
        let place = |e: &WatchdogEvent| (e.at, e.node, e.port, e.priority);
        self.logs.watchdog.sort_by_key(place);
        let nodes = self.node_results();
        let ports = (0..self.ports.len() as u32)
            .map(|p| self.port_result(p))
            .collect();
        let flows = (0..self.requesters.len())
            .map(|qp| self.flow_result(qp))
            .collect();
        Results {
            end: SimTime::from_ps(self.now),
            stop: self.stop,
            events: self.event_count,
            packet_hops: self.hops,
            flows,
            ports,
            nodes,
            deadlocks: self.logs.deadlocks,
            watchdog: self.logs.watchdog,
            pauses: self.logs.pauses,
            series: self.logs.series,
            queue_lengths,
            series_cut: self.logs.series_cut,
            rules: self.wire.map_or_else(Vec::new, |wire| wire.results()),
            along: self.logs.along,
        }
    }

    /// Pauses in force at the end count up to the end.
    fn close_pauses(&mut self) {
        for port in 0..self.ports.len() as u32 {
            for priority in 0..PRIORITIES as u8 {
                self.end_pause(port, priority);
            }
        }
    }

    /// Frames in = frames out + dropped + queued, at every switch; and every packet is somewhere.
    fn check_conservation(&self) {
        for switch in &self.switches {
            let (mut received, mut sent, mut dropped, mut queued) = (0u64, 0u64, 0u64, 0u64);
            for port in self.fabric.node_ports(switch.node) {
                let cold = &self.cold[port as usize];
                received += self.frames_received(port);
                sent += self.frames_sent(port);
                dropped += cold.drops.total();
                queued += self.frames_queued(port);
            }
            assert_eq!(
                received,
                sent + dropped + queued,
                "frames at {} do not add up",
                self.model.nodes[switch.node as usize].name
            );
            assert!(switch.pool.used <= switch.pool.size);
            assert!(
                queued > 0 || switch.pool.used == 0,
                "an empty switch holds bytes"
            );
        }
    }

    fn frames_sent(&self, port: u32) -> u64 {
        self.queues
            .of_port(port)
            .map(|q| u64::from(q.tx_frames))
            .sum()
    }

    /// Wire bytes sent by a port, pause frames included.
    pub(super) fn bytes_sent(&self, port: u32) -> u64 {
        let queued: u64 = self.queues.of_port(port).map(|q| q.tx_bytes).sum();
        queued + self.cold[port as usize].pause_bytes
    }

    /// Frames that arrived at a port: what was sent to it, or added by rules, and neither lost nor
    /// still under way.
    fn frames_received(&self, port: u32) -> u64 {
        let peer = self.ports[port as usize].peer;
        let under_way =
            self.list_length(self.rx[peer as usize].flight.head) + self.held.on_link(peer);
        let sender = &self.cold[peer as usize];
        self.frames_sent(peer) + sender.added - sender.lost_tx.total() - under_way
    }

    fn frames_queued(&self, port: u32) -> u64 {
        self.queues
            .of_port(port)
            .map(|q| self.list_length(q.fifo.head))
            .sum()
    }

    fn list_length(&self, head: u32) -> u64 {
        let mut at = head;
        let mut length = 0;
        while at != NO_PACKET {
            length += 1;
            at = self.packets[at].next;
        }
        length
    }

    fn port_result(&self, port: u32) -> PortResult {
        let p = port as usize;
        let (info, out, cold) = (&self.fabric.ports[p], &self.ports[p], &self.cold[p]);
        let peer = &self.fabric.ports[out.peer as usize];
        let tx_bytes = self.bytes_sent(port);
        let received = self.frames_received(port);
        let host = out.has(port_flag::HOST);
        // 802.3x stops all priorities alike.
        let whole = match self.pause_spec(port).mode {
            PauseMode::Global => cold.stats[0],
            PauseMode::Pfc | PauseMode::Off => PriorityResult::default(),
        };
        PortResult {
            node: info.node,
            port: info.index,
            peer: peer.node,
            peer_port: peer.index,
            rate: info.rate,
            tx_frames: self.frames_sent(port) + cold.pause_frames,
            tx_bytes,
            rx_frames: received + self.cold[out.peer as usize].pause_frames,
            rx_bytes: self.bytes_sent(out.peer),
            priority: std::array::from_fn(|priority| self.priority_result(port, priority)),
            drops: self.drops_at(port),
            tx_global_pause: cold.tx.global_pauses,
            tx_global_resume: cold.tx.global_resumes,
            rx_global_pause: cold.rx.global_pauses,
            rx_global_resume: cold.rx.global_resumes,
            rx_global_pause_transitions: whole.rx_pause_transitions,
            rx_global_pause_duration: whole.rx_pause_duration,
            rx_pause_ignored: cold.rx.unheeded,
            queue_peak: Bytes(u64::from(if host {
                out.backlog_peak.max(self.nic_ports[p].rx_peak)
            } else {
                out.backlog_peak
            })),
            busy: cold.rate.serialize_ceil(tx_bytes),
            up: info.up,
        }
    }

    /// Frames dropped at a port, and those that the link lost on their way to it.
    fn drops_at(&self, port: u32) -> [[u64; PRIORITIES]; CAUSES] {
        let peer = self.ports[port as usize].peer;
        let (here, lost) = (
            &self.cold[port as usize].drops,
            &self.cold[peer as usize].lost_tx,
        );
        let mut drops = [[0; PRIORITIES]; CAUSES];
        for (cause, _) in DROP_CAUSES {
            let (here, lost) = (here.of(cause), lost.of(cause));
            drops[cause as usize] = std::array::from_fn(|p| here[p] + lost[p]);
        }
        drops
    }

    /// Queue figures appear under the lowest priority that the queue serves.
    fn priority_result(&self, port: u32, priority: usize) -> PriorityResult {
        let p = port as usize;
        let mut result = self.cold[p].stats[priority];
        let out = &self.ports[p];
        let serves = |other: usize| self.queue_of(port, other as u8);
        let queue = serves(priority);
        if (0..priority).all(|lower| serves(lower) != queue) {
            let q = &self.queues[(port, queue)];
            result.tx_frames = u64::from(q.tx_frames);
            result.tx_bytes = q.tx_bytes;
            result.ecn_marked = u64::from(q.marked);
            result.queue_peak = Bytes(u64::from(q.peak));
        }
        if !out.has(port_flag::HOST) {
            let tables = &self.tables[usize::from(out.profile)];
            let pg = tables.group(priority as u8);
            if (0..priority).all(|lower| tables.group(lower as u8) != pg) {
                let group = &self.groups[(port, pg)];
                result.ingress_peak = Bytes(u64::from(group.peak));
                result.headroom_peak = Bytes(u64::from(group.headroom_peak));
                result.pause_least = Bytes(u64::from(group.pause_least));
            }
        }
        result
    }

    fn node_results(&self) -> Vec<NodeResult> {
        let mut nodes = vec![NodeResult::default(); self.model.nodes.len()];
        for switch in &self.switches {
            let node = &mut nodes[switch.node as usize];
            node.buffer_peak = Bytes(u64::from(switch.pool.peak));
            node.buffer_size = Bytes(u64::from(switch.pool.size));
        }
        for host in &self.hosts {
            let node = &mut nodes[host.node as usize];
            for port in self.fabric.node_ports(host.node) {
                node.buffer_size = node.buffer_size.max(self.nic_spec(port).rx_buffer);
                let peak = u64::from(self.nic_ports[port as usize].rx_peak);
                node.buffer_peak = Bytes(node.buffer_peak.0.max(peak));
                let cold = &self.cold[port as usize];
                let full = cold.drops.of(DropCause::RxBuffer);
                node.counters.out_of_buffer += full.iter().sum::<u64>();
            }
        }
        for (qp, spec) in self.model.flows.iter().enumerate() {
            let (source, sink) = match spec.op {
                Op::Read => (spec.dst, spec.src),
                Op::Send | Op::Write | Op::Atomic => (spec.src, spec.dst),
            };
            let (sender, receiver) = (&self.senders_cold[qp], &self.receivers_cold[qp]);
            nodes[source as usize].counters.add(&sender.counters);
            nodes[sink as usize].counters.add(&receiver.counters);
        }
        nodes
    }

    fn flow_result(&self, qp: usize) -> xoff_model::results::FlowResult {
        let cold = &self.requesters[qp];
        let (sender, receiver) = (&self.senders_cold[qp], &self.receivers_cold[qp]);
        let mut result = cold.result.clone();
        result.data_packets = sender.data_packets;
        result.retransmitted_packets = sender.retransmitted_packets;
        result.retransmitted_bytes = sender.retransmitted_bytes;
        result.counters = sender.counters;
        result.counters.add(&receiver.counters);
        let spec = &self.model.flows[qp];
        let layout = &self.senders[qp].layout;
        result.bytes_delivered = self.receivers[qp].delivered.min(spec.bytes);
        if spec.transport == Transport::Rc {
            result.messages_completed = u64::from(cold.completed);
            let packets = layout.end_of(cold.completed);
            result.bytes_completed = if cold.completed == layout.messages {
                spec.bytes
            } else {
                let tail = u64::from(layout.mtu) - u64::from(layout.tail);
                u64::from(packets) * u64::from(layout.mtu) - u64::from(cold.completed) * tail
            };
        } else {
            result.messages_completed = receiver.messages;
            result.bytes_completed = result.bytes_delivered;
        }
        if !cold.done {
            result.active_until = SimTime::from_ps(self.now);
        }
        if self.observing {
            result.observed = Some(Observed {
                sent: cold.sent.clone(),
                received: receiver.received.clone(),
                intact: (spec.transport == Transport::Rc).then_some(!receiver.spoiled),
            });
        }
        result.message_latency = match &cold.latency {
            Some(hist) => latency_quantiles(hist),
            None => result.end.map(|end| [end.since(result.start); 3]),
        };
        result
    }
}
