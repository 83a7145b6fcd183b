//! What a flow would take if it were alone: by its path, and by its own settings.

use super::Sim;
use super::packet::UNTAGGED;
use super::port::port_flag;
use crate::layout::Layout;
use crate::transport::ideal_time;
use xoff_model::results::OwnLimit;
use xoff_model::time::SimDuration;
use xoff_model::topology::fabric::PortId;
use xoff_model::units::BitRate;
use xoff_model::{FaultKind, FlowId, Op, Tagging, Transport};

/// A flow without others.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Alone {
    /// Least time, ps. None: unreachable.
    pub(super) ideal: Option<u64>,
    pub(super) own: Option<(OwnLimit, SimDuration)>,
    /// Least time of one packet and its ACK.
    pub(super) round: SimDuration,
    /// Wire bytes of the largest data packet.
    pub(super) packet_wire: u32,
}

/// What a flow puts on its path.
struct Load {
    /// Wire bytes of everything, of one packet, of an ACK.
    wire: u64,
    packet: u64,
    ack: u64,
    /// Wire bytes of a message that is not the last.
    message: u64,
    /// Rate and delay of each hop.
    hops: Vec<(BitRate, u64)>,
    /// Some switch on the way forwards what it has not stored.
    cuts: bool,
    /// Rate of the receiver's way to memory if that is known, and the gap around frames.
    drain: Option<(BitRate, u64)>,
}

impl Load {
    /// No less passes between the start of so many wire bytes and the ACK of the last.
    fn round(&self, wire: u64) -> u64 {
        let Some((drain, gap)) = self.drain else {
            return self.on_path(wire);
        };
        // From the arrival of the first packet on everything passes the receiver's way to memory.
        let frames = wire - wire.div_ceil(self.packet.max(1)) * gap;
        let drained = self.on_path(self.packet.min(wire)) + drain.serialize_ceil(frames).ps();
        self.on_path(wire).max(drained)
    }

    fn on_path(&self, wire: u64) -> u64 {
        if !self.cuts {
            return ideal_time(wire, self.packet.min(wire), self.ack, &self.hops);
        }
        let delay: u64 = self.hops.iter().map(|h| 2 * h.1).sum();
        let slowest = self.hops.iter().map(|h| h.0).min();
        delay + slowest.map_or(0, |rate| rate.serialize_ceil(wire).ps())
    }
}

impl Sim<'_> {
    pub(super) fn alone(&self, qp: FlowId, layout: &Layout, path: &[PortId]) -> Alone {
        let load = self.load(qp, layout, path);
        let wire = ideal_time(load.wire, load.packet, load.ack, &load.hops);
        let ideal = wire.saturating_add(self.nic_of(qp).send_latency.ps());
        let limits = [
            (OwnLimit::Pace, self.least_by_pace(qp, &load)),
            (OwnLimit::Shaper, self.least_by_shaper(qp, path, &load)),
            (OwnLimit::Receiver, load.round(load.wire)),
            (OwnLimit::Window, self.least_by_window(qp, layout, &load)),
            (OwnLimit::Depth, self.least_by_depth(qp, layout, &load)),
        ];
        let most = limits.into_iter().max_by_key(|limit| limit.1);
        let own = most.filter(|limit| limit.1 > ideal);
        Alone {
            ideal: Some(ideal),
            own: own.map(|(limit, ps)| (limit, SimDuration::from_ps(ps))),
            round: SimDuration::from_ps(load.on_path(load.packet)),
            packet_wire: load.packet as u32,
        }
    }

    fn load(&self, qp: FlowId, layout: &Layout, path: &[PortId]) -> Load {
        let spec = &self.model.flows[qp as usize];
        let framing = self.framing;
        // The least that a frame has anywhere on the way.
        let strips = |&port: &PortId| {
            let profile = usize::from(self.ports[port as usize].profile);
            self.tables[profile].tagging == Tagging::Untagged
        };
        let tag_from = |port: Option<PortId>| match port {
            Some(port) if !path.iter().any(strips) => self.tag_of(port),
            _ => 0,
        };
        let far = path.last().map(|&port| self.ports[port as usize].peer);
        let (tag, ack_tag) = (tag_from(path.first().copied()), tag_from(far));
        let gap = u64::from(self.gap_bytes);
        let around = gap + u64::from(tag);
        let overhead = u64::from(framing.data(1_024, 0) - 1_024) + around;
        let padding = u64::from(layout.last) - spec.bytes.min(u64::from(layout.last));
        let packets = u64::from(layout.per_message);
        Load {
            wire: spec.bytes + padding + u64::from(layout.total) * overhead,
            packet: u64::from(framing.data(layout.packet(0).0, 0)) + around,
            ack: u64::from(framing.control(4)) + gap + u64::from(ack_tag),
            message: spec.message_bytes.min(spec.bytes) + packets * overhead,
            hops: path
                .iter()
                .map(|&p| {
                    let port = &self.ports[p as usize];
                    (self.fabric.ports[p as usize].rate, port.delay)
                })
                .collect(),
            drain: self.drain_of(qp, path).map(|rate| (rate, gap)),
            cuts: path
                .iter()
                .any(|&p| self.ports[p as usize].has(port_flag::PEER_CUTS_THROUGH)),
        }
    }

    /// The last packet starts no earlier than the others have been paid for.
    fn least_by_pace(&self, qp: FlowId, load: &Load) -> u64 {
        let pace = self.model.flows[qp as usize].pace;
        pace.map_or(0, |pace| {
            pace.serialize_ceil(load.wire - load.packet.min(load.wire))
                .ps()
        })
    }

    fn least_by_shaper(&self, qp: FlowId, path: &[PortId], load: &Load) -> u64 {
        let marking = self.model.flows[qp as usize].data;
        let mut priority = marking.priority;
        let tagged = path.first().is_some_and(|&port| self.tag_of(port) > 0);
        let mut pcp = if tagged { marking.pcp } else { UNTAGGED };
        let mut least = 0;
        for &port in path {
            let out = &self.ports[port as usize];
            let queue = self.queue_of(port, priority);
            let scheduler = &self.schedulers[usize::from(out.profile)];
            if let Some(rate) = scheduler.max[usize::from(queue)] {
                let free = scheduler.burst + load.packet;
                least = least.max(rate.serialize_ceil(load.wire.saturating_sub(free)).ps());
            }
            if !out.has(port_flag::PEER_HOST) {
                pcp = self.tables[usize::from(out.profile)].pcp_out(pcp, priority);
                let tables = &self.tables[usize::from(self.rx[port as usize].profile)];
                priority = tables.classify(marking.dscp, pcp);
            }
        }
        least
    }

    fn drain_of(&self, qp: FlowId, path: &[PortId]) -> Option<BitRate> {
        let spec = &self.model.flows[qp as usize];
        let sink = if spec.op == Op::Read {
            spec.src
        } else {
            spec.dst
        };
        let mut faults = self.model.faults.iter();
        let varies = faults.any(
            |fault| matches!(fault.kind, FaultKind::SlowReceiver { node, .. } if node == sink),
        );
        let end = self.ports[*path.last()? as usize].peer;
        let drain = self.nic_spec(end).rx_drain;
        drain.filter(|_| !varies && spec.transport == Transport::Rc)
    }

    /// A packet beyond the window waits for the ACK of the one that far before it.
    fn least_by_window(&self, qp: FlowId, layout: &Layout, load: &Load) -> u64 {
        let spec = &self.model.flows[qp as usize];
        if spec.transport != Transport::Rc || spec.op == Op::Read {
            return 0;
        }
        let line = load.hops.first().map_or(BitRate::default(), |hop| hop.0);
        let line = spec.pace.map_or(line, |pace| pace.min(line));
        let by_cc = spec.cc.window_at(line);
        let by_cc = by_cc.map(|w| w.bytes.max(1).div_ceil(u64::from(layout.mtu).max(1)));
        let by_nic = self.nic_of_node(spec.src).rc.max_outstanding;
        let window = by_cc
            .unwrap_or(u64::MAX)
            .min(by_nic.map_or(u64::MAX, u64::from));
        let window = window.clamp(1, u64::from(layout.total.max(1)));
        // An ACK for so many packets comes with the last of them.
        let rare = u64::from(self.nic_of_node(spec.dst).rc.ack_every) >= window;
        let answered = if rare { window } else { 1 };
        let waits = u64::from(layout.total.saturating_sub(1)) / window;
        waits.saturating_mul(load.round(load.packet * answered))
    }

    /// A message beyond the depth waits for the completion of the one that far before it.
    fn least_by_depth(&self, qp: FlowId, layout: &Layout, load: &Load) -> u64 {
        let spec = &self.model.flows[qp as usize];
        if spec.transport != Transport::Rc {
            return 0;
        }
        let mut depth = spec.depth.unwrap_or(u32::MAX);
        if matches!(spec.op, Op::Read | Op::Atomic) {
            depth = depth.min(self.nic_of_node(spec.src).rc.max_rd_atomic);
        }
        let waits = u64::from(layout.messages.saturating_sub(1) / depth.max(1));
        waits.saturating_mul(load.round(load.message))
    }
}
