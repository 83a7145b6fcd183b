//! Switches: classification, admission, queueing, scheduling, marking.

pub mod budget;
pub mod buffer;
mod deadlock;
mod ecn;
mod gate;
pub(crate) mod pfc;
mod sched;
mod watchdog;

pub use ecn::Marking;

use crate::Sim;
use crate::packet::{PacketId, PacketKind, UNTAGGED, flag};
use crate::port::port_flag;
use buffer::{Admission, Pool, Threshold};
use xoff_model::results::DropCause;
use xoff_model::topology::fabric::{Ends, PortId};
use xoff_model::{
    Framing, Occupancy, Op, PRIORITIES, PortProfile, SwitchProfile, Tagging, TailDrop, Trust,
};

/// A switch in a simulation.
#[derive(Clone, Debug)]
pub struct Switch {
    pub node: u32,
    pub profile: u32,
    pub pool: Pool,
    /// Bytes of a frame after which a cut-through switch may forward it; 0: store and forward.
    pub header_bytes: u32,
    /// Time of the pending watchdog poll is set while any queue is paused.
    pub watchdog_armed: bool,
}

/// Lookups of the packet path, from the profile of a port.
#[derive(Clone, Debug)]
pub struct Tables {
    by_pcp: bool,
    class: [u8; 64],
    pg: [u8; PRIORITIES],
    queue: [u8; PRIORITIES],
    /// Added to the frame to give what it occupies (preamble and gap, or nothing).
    extra_bytes: u32,
    cell_bytes: u32,
    fair: bool,
    pub(crate) tagging: Tagging,
    egress: [Threshold; PRIORITIES],
    egress_reserve: [u32; PRIORITIES],
}

impl Tables {
    /// The lookups of a port of a switch.
    pub(crate) fn new(device: &SwitchProfile, port: &PortProfile, framing: Framing) -> Self {
        let gap_bytes = framing.gap();
        let of_tag = |pcp: usize| port.pcp_to_priority.get(pcp).copied();
        let class = match port.trust {
            Trust::Dscp => port.dscp_to_priority,
            // A frame without a tag has no PCP (802.1Q 6.9: the port's default priority).
            Trust::Pcp => std::array::from_fn(|pcp| of_tag(pcp).unwrap_or(port.default_priority)),
            Trust::None => [port.default_priority; 64],
        };
        let buffer = &device.buffer;
        Tables {
            by_pcp: port.trust == Trust::Pcp,
            class,
            pg: if port.per_port {
                [0; PRIORITIES]
            } else {
                port.priority_to_pg
            },
            queue: port.priority_to_queue,
            extra_bytes: if buffer.occupancy == Occupancy::Wire {
                gap_bytes
            } else {
                0
            },
            cell_bytes: buffer.cell_bytes.max(1),
            fair: device.tail_drop == TailDrop::Fair,
            tagging: port.tagging,
            egress: port.queues.map(|q| Threshold::new(q.limit, 0)),
            egress_reserve: port
                .queues
                .map(|q| q.reserve.0.min(u64::from(u32::MAX)) as u32),
        }
    }

    /// The lookups of a NIC port, where each priority has its queue and nothing is classified.
    pub(crate) fn of_nic() -> Self {
        Tables {
            by_pcp: false,
            class: [0; 64],
            pg: [0; PRIORITIES],
            queue: std::array::from_fn(|priority| priority as u8),
            extra_bytes: 0,
            cell_bytes: 1,
            fair: false,
            tagging: Tagging::AsReceived,
            egress: [Threshold::UNLIMITED; PRIORITIES],
            egress_reserve: [0; PRIORITIES],
        }
    }

    /// Bytes that a frame takes in the buffer: whole cells.
    #[inline]
    pub(crate) fn occupancy(&self, frame: u16) -> u32 {
        let bytes = u32::from(frame) + self.extra_bytes;
        if self.cell_bytes == 1 {
            bytes
        } else {
            bytes.next_multiple_of(self.cell_bytes)
        }
    }

    /// Priority group of a priority.
    #[inline]
    pub(crate) fn group(&self, priority: u8) -> u8 {
        self.pg[usize::from(priority)]
    }

    #[inline]
    pub(crate) fn queue(&self, priority: u8) -> u8 {
        self.queue[usize::from(priority)]
    }

    /// The PCP, or [`UNTAGGED`](crate::packet::UNTAGGED), with which a packet of a priority leaves.
    pub(crate) fn pcp_out(&self, pcp: u8, priority: u8) -> u8 {
        match self.tagging {
            Tagging::Untagged => UNTAGGED,
            Tagging::Tagged if pcp == UNTAGGED => priority,
            Tagging::Tagged | Tagging::AsReceived => pcp,
        }
    }

    /// Priority of a packet by its trusted marking.
    #[inline]
    pub(crate) fn classify(&self, dscp: u8, pcp: u8) -> u8 {
        self.class[usize::from(if self.by_pcp { pcp } else { dscp } & 63)]
    }
}

impl Sim<'_> {
    /// A frame has come in at a switch port of this profile: classify, find its egress, forward or
    /// queue it.
    pub(crate) fn forward(&mut self, rx: PortId, profile: u16, id: PacketId) {
        let tables = &self.tables[usize::from(profile)];
        let packet = &mut self.packets[id];
        if packet.has(flag::CORRUPT) && self.stores(rx) {
            // Stored whole, it shows its FCS.
            return self.discard(rx, id, DropCause::LinkError);
        }
        let packet = &mut self.packets[id];
        let priority = tables.classify(packet.dscp, packet.pcp);
        packet.priority = priority;
        packet.group = tables.group(priority);
        packet.ingress = rx;
        let mut egress = self.routes[packet.route as usize];
        packet.route += 1;
        if self.ports[egress as usize].has(gate::GATED) {
            match self.pass_gate(rx, egress, id) {
                Some(port) => egress = port,
                None => return,
            }
        }
        let out = &self.ports[egress as usize];
        debug_assert_eq!(
            out.unit, self.ports[rx as usize].unit,
            "a route leads through the ports of its nodes"
        );
        let queue = self.tables[usize::from(out.profile)].queue(priority);
        self.packets[id].queue = queue;
        let bit = 1 << queue;
        let cuts = out.busy_until <= self.now
            && out.ready == 0
            && (out.paused & bit) == 0
            && out.flags & (port_flag::PAUSE_PENDING | port_flag::SHAPED) == 0;
        if cuts {
            // Nothing ahead of it: the frame takes no space in the buffer.
            self.stamp_telemetry(egress, id);
            self.send(egress, queue, id);
        } else {
            self.enqueue(rx, egress, id);
        }
    }

    /// Whether the switch of a port stores frames before it forwards them.
    #[cold]
    fn stores(&self, port: PortId) -> bool {
        let unit = self.ports[port as usize].unit;
        self.switches[unit as usize].header_bytes == 0
    }

    /// Admits a frame to the buffer and its egress queue, or drops it.
    fn enqueue(&mut self, rx: PortId, egress: PortId, id: PacketId) {
        let out = &self.ports[egress as usize];
        let unit = out.unit as usize;
        let switch = &mut self.switches[unit];
        let tables = &self.tables[usize::from(out.profile)];
        let packet = &self.packets[id];
        let (pg, queue) = (packet.group, packet.queue);
        let bytes = tables.occupancy(packet.frame);
        let group = &mut self.groups[(rx, pg)];
        let lossless = group.lossless;
        if !lossless {
            let limit = tables.egress[usize::from(queue)].bytes(switch.pool.free());
            let limit = limit.max(tables.egress_reserve[usize::from(queue)]);
            let after = self.queues[(egress, queue)].bytes.saturating_add(bytes);
            if after > limit {
                return self.tail_drop(unit, egress, id);
            }
        }
        match switch.pool.admit(group, bytes) {
            Admission::Admitted => {}
            Admission::OverLimit => return self.tail_drop(unit, egress, id),
            Admission::HeadroomFull => return self.discard(rx, id, DropCause::HeadroomFull),
            Admission::HeadroomPoolFull => {
                return self.discard(rx, id, DropCause::HeadroomPoolFull);
            }
        }
        let pause = group.pause_mask != 0 && switch.pool.should_pause(group);
        if lossless {
            self.packets[id].flags |= flag::LOSSLESS;
        }
        let q = &mut self.queues[(egress, queue)];
        q.push(&mut self.packets, id);
        q.bytes += bytes;
        q.peak = q.peak.max(q.bytes);
        q.contenders = 1;
        let out = &mut self.ports[egress as usize];
        if out.ready & (1 << queue) == 0 {
            // A queue that was empty cannot have been stuck: its clock for stall detection restarts.
            q.last_tx = self.now;
            out.ready |= 1 << queue;
        }
        out.backlog += bytes;
        out.backlog_peak = out.backlog_peak.max(out.backlog);
        if out.paused & (1 << queue) == 0 {
            let at = out.busy_until.max(self.now);
            self.wake(egress, at);
        }
        if pause {
            self.pause_group(rx, pg);
        }
    }

    /// A lossy queue or group is full. Arrivals compete for the slot of the newest queued packet:
    /// the k-th contender takes it with probability 1/k, so each is equally likely to survive.
    fn tail_drop(&mut self, unit: usize, egress: PortId, id: PacketId) {
        let packet = self.packets[id];
        let q = &mut self.queues[(egress, packet.queue)];
        q.contenders = q.contenders.saturating_add(1);
        let tables = &self.tables[usize::from(self.ports[egress as usize].profile)];
        if tables.fair && !q.fifo.is_empty() && q.contenders > 1 {
            let tail = self.packets[q.fifo.tail];
            let bytes = tables.occupancy(packet.frame);
            let exchangeable = !tail.has(flag::LOSSLESS)
                && tables.occupancy(tail.frame) == bytes
                && tail.ingress != packet.ingress;
            let wins = self.drop_rng[egress as usize].below(u64::from(q.contenders)) == 0;
            if exchangeable && wins {
                let old = (tail.ingress, tail.group);
                let new = (packet.ingress, packet.group);
                let pool = &mut self.switches[unit].pool;
                let before = (pool.clone(), self.groups[old].clone());
                pool.release(&mut self.groups[old], bytes);
                if pool.admit(&mut self.groups[new], bytes) == Admission::Admitted {
                    let loser = q.fifo.replace_tail(&mut self.packets, id);
                    if q.fifo.head == q.fifo.tail {
                        q.head_frame = packet.frame;
                    }
                    let loser = self.packets.insert(loser);
                    return self.discard(egress, loser, DropCause::TailDrop);
                }
                // Not by a new admission: the limit may have fallen below what the group holds.
                (*pool, self.groups[old]) = before;
            }
        }
        self.discard(egress, id, DropCause::TailDrop);
    }

    /// Sends the next queued frame of a switch port that is idle.
    pub(crate) fn switch_transmit(&mut self, port: PortId) {
        let out = &self.ports[port as usize];
        let eligible = out.ready & !out.paused;
        if eligible == 0 {
            return;
        }
        let Some(queue) = self.choose_queue(port, eligible) else {
            return;
        };
        let id = self.dequeue(port, queue);
        self.stamp_telemetry(port, id);
        self.send(port, queue, id);
        let out = &self.ports[port as usize];
        if out.ready & !out.paused != 0 {
            self.wake(port, out.busy_until);
        }
    }

    /// Takes the first frame of a queue out of the buffer: marks it, and resumes its sender.
    pub(crate) fn dequeue(&mut self, port: PortId, queue: u8) -> PacketId {
        let q = &mut self.queues[(port, queue)];
        // Callers choose queues whose `ready` bit is set, that is, which are not empty.
        let id = q.pop(&self.packets);
        let out = &mut self.ports[port as usize];
        if q.fifo.is_empty() {
            out.ready &= !(1 << queue);
            q.deficit = 0;
        }
        let unit = out.unit as usize;
        let switch = &mut self.switches[unit];
        let packet = &mut self.packets[id];
        let tables = &self.tables[usize::from(out.profile)];
        let bytes = tables.occupancy(packet.frame);
        let pg = packet.group;
        packet.flags &= !flag::LOSSLESS;
        q.bytes -= bytes;
        out.backlog -= bytes;
        let group = &mut self.groups[(packet.ingress, pg)];
        switch.pool.release(group, bytes);
        let resume = group.paused && switch.pool.should_resume(group);
        let ingress = packet.ingress;
        if out.has(port_flag::ECN) {
            self.mark(port, queue, id);
        }
        if resume {
            self.resume_group(ingress, pg);
        }
        id
    }

    /// Frees all queued frames of a queue as dropped.
    pub(crate) fn flush_queue(&mut self, port: PortId, queue: u8, cause: DropCause) {
        while self.ports[port as usize].ready & (1 << queue) != 0 {
            let id = self.dequeue(port, queue);
            self.discard(port, id, cause);
        }
    }

    /// A new way for a packet whose egress link is down; None if there is none.
    fn reroute(&mut self, rx: PortId, id: PacketId) -> Option<PortId> {
        let packet = self.packets[id];
        let from = self.fabric.ports[rx as usize].node;
        let data = self.towards_receiver(&packet);
        let key = self.path_key(packet.qp, data);
        let ends = Ends {
            first: None,
            ..self.stated_ports(packet.qp, data)
        };
        let path = self.fabric.path(from, key, ends)?;
        let egress = *path.first()?;
        let start = self.routes.len() as u32;
        self.routes.extend(&path);
        self.packets[id].route = start + 1;
        Some(egress)
    }

    /// Whether a packet travels from the data source of its flow to the other end.
    pub(crate) fn towards_receiver(&self, packet: &crate::packet::Packet) -> bool {
        let packet = self.original(packet);
        let read = || self.model.flows[packet.qp as usize].op == Op::Read;
        packet.kind == PacketKind::Data || (packet.kind == PacketKind::Refusal && read())
    }
}
