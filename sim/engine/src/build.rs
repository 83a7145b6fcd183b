//! From a model to the state of a simulation at time zero.

use super::Sim;
use super::grid::Grid;
use super::link::LinkLoss;
use super::own::Alone;
use super::packet::{PacketPool, UNTAGGED};
use super::port::{NEVER, Port, PortCold, Queue, Rx, port_flag};
use super::profiles::Profiles;
use super::queue::{EventQueue, Key, Kind};
use super::rules::Wire;
use super::stall::Stall;
use crate::cc::{Carrier, Cc};
use crate::layout::{Extent, Layout};
use crate::nic::{Host, NicPort};
use crate::route::{flow_path, stated_ports};
use crate::switch::buffer::{Group, Pool, Threshold};
use crate::switch::{Marking, Switch, budget};
use crate::transport::{
    Receiver, ReceiverCold, Requester, Sender, SenderCold, latency_histogram, sender_flag,
};
use std::collections::{BTreeMap, VecDeque};
use xoff_model::results::{FlowResult, FlowStatus, Stop};
use xoff_model::rng::{Purpose, Stream};
use xoff_model::time::SimDuration;
use xoff_model::topology::fabric::{Ends, Fabric, PortId, PortInfo};
use xoff_model::units::{BitRate, PS_BITS};
use xoff_model::{
    CcSpec, FlowId, FlowSpec, Forwarding, Framing, Model, NicProfile, NpSpec, Op, PRIORITIES,
    Pacing, PauseMode, Recovery, Role, Tagging, Transport, Turns,
};
use xoff_wire::bth::rnr_timer_code;

impl<'m> Sim<'m> {
    pub(super) fn new(model: &'m Model) -> Self {
        let fabric = Fabric::new(model);
        let count = fabric.ports.len();
        assert!(count < Key::MAX_ENTITY as usize && model.flows.len() < Key::MAX_ENTITY as usize);
        let stream = |port: usize, purpose| {
            let info = &fabric.ports[port];
            Stream::new(model.seed, info.node, info.index, purpose)
        };
        let streams = |purpose| (0..count).map(|p| stream(p, purpose)).collect();
        let profiles = Profiles::new(model, &fabric);
        let (loss_rng, mark_rng) = (streams(Purpose::Loss), streams(Purpose::Ecn));
        let drop_rng = streams(Purpose::TailDrop);
        let mut sim = Sim {
            model,
            now: 0,
            events: EventQueue::new(),
            packets: PacketPool::new(packets(model).saturating_mul(2).max(1_024)),
            telemetry: Default::default(),
            ports: Vec::with_capacity(count),
            rx: Vec::with_capacity(count),
            queues: Grid::new(count, Queue::EMPTY),
            groups: Grid::new(count, Group::UNUSED),
            marking: Grid::new(count, None),
            tables: profiles.tables,
            schedulers: profiles.schedulers,
            pauses: profiles.pauses,
            nic_specs: profiles.nic_specs,
            cold: Vec::with_capacity(count),
            nic_ports: vec![NicPort::default(); count],
            switches: Vec::new(),
            hosts: Vec::new(),
            senders: Vec::with_capacity(model.flows.len()),
            receivers: Vec::with_capacity(model.flows.len()),
            requesters: Vec::with_capacity(model.flows.len()),
            senders_cold: Vec::with_capacity(model.flows.len()),
            receivers_cold: Vec::with_capacity(model.flows.len()),
            routes: Vec::new(),
            start_order: Vec::new(),
            started: 0,
            flows_done: 0,
            framing: model.framing.tagged(false),
            gap_bytes: model.framing.gap(),
            loss_rng,
            mark_rng,
            drop_rng,
            loss: Vec::with_capacity(count),
            event_count: 0,
            hops: 0,
            stop: Stop::Idle,
            logs: Default::default(),
            events_at_scan: 0,
            sample_base: Default::default(),
            watch: None,
            faults_left: model.faults.len(),
            done_at: 0,
            over_at: NEVER,
            last_frame: 0,
            stall: Stall::new(model),
            tap: None,
            wire: Wire::new(model),
            foreigners: Default::default(),
            held: Default::default(),
            observing: false,
            fabric,
        };
        sim.build(&profiles.of_port);
        sim
    }

    /// `profile_of`: the port profile of every port.
    fn build(&mut self, profile_of: &[u16]) {
        self.build_nodes(profile_of);
        self.build_ports(profile_of);
        self.build_flows();
        self.build_events();
        self.note_done();
    }

    fn build_nodes(&mut self, profile_of: &[u16]) {
        for (node, spec) in self.model.nodes.iter().enumerate() {
            let node = node as u32;
            match spec.role {
                Role::Host(profile) => self.hosts.push(Host {
                    node,
                    profile,
                    cnp_next: BTreeMap::new(),
                }),
                Role::Switch(profile) => {
                    let switch = self.build_switch(node, profile, profile_of);
                    self.switches.push(switch);
                }
            }
        }
    }

    fn build_switch(&mut self, node: u32, profile: u32, profile_of: &[u16]) -> Switch {
        let spec = &self.model.switches[profile as usize];
        let budget = budget::of_switch(self.model, &self.fabric, node);
        let clamp = |bytes: u64| bytes.min(u64::from(u32::MAX)) as u32;
        for (port, headrooms) in self.fabric.node_ports(node).zip(&budget.headrooms) {
            let tables = &self.tables[usize::from(profile_of[port as usize])];
            let index = self.fabric.ports[port as usize].index;
            let own = self.model.switch_port(node, index).unwrap_or(&spec.port);
            for (pg, &headroom) in headrooms.iter().enumerate() {
                let group = &own.pgs[pg];
                let pauses = (0..PRIORITIES as u8).filter(|&p| usize::from(tables.group(p)) == pg);
                let mask = match own.pfc.mode {
                    PauseMode::Off => 0,
                    PauseMode::Global => u8::MAX,
                    PauseMode::Pfc => pauses.fold(0, |mask, p| mask | 1 << p) & own.pfc.tx_mask,
                };
                let doublings = budget::rate_doublings(self.model, &self.fabric, port);
                self.groups[(port, pg as u8)] = Group {
                    headroom: clamp(headroom),
                    reserve: clamp(group.reserve.0),
                    xon_offset: clamp(group.xon_offset.0),
                    threshold: Threshold::new(group.limit, doublings),
                    lossless: group.lossless,
                    pause_mask: if group.lossless { mask } else { 0 },
                    ..Group::UNUSED
                };
            }
        }
        Switch {
            node,
            profile,
            pool: Pool {
                size: clamp(spec.buffer.size.0),
                // Validation refuses models whose reserves and headrooms exceed the buffer.
                shared_size: clamp(budget.shared().unwrap_or(0)),
                shared_used: 0,
                headroom_pool: spec.buffer.headroom_pool.map(|b| clamp(b.0)),
                headroom_used: 0,
                used: 0,
                peak: 0,
            },
            header_bytes: header_bytes(spec.forwarding),
            watchdog_armed: false,
        }
    }

    fn build_ports(&mut self, profile_of: &[u16]) {
        let mut unit = vec![0u32; self.model.nodes.len()];
        for (i, host) in self.hosts.iter().enumerate() {
            unit[host.node as usize] = i as u32;
        }
        for (i, switch) in self.switches.iter().enumerate() {
            unit[switch.node as usize] = i as u32;
        }
        for p in 0..self.fabric.ports.len() {
            let info = self.fabric.ports[p];
            let link = &self.model.links[info.link as usize];
            let loss = LinkLoss {
                frame: link.loss,
                drop_every: link.drop_every,
                ber_e18: link.ber_e18,
            };
            let peer = self.fabric.ports[info.peer as usize].node as usize;
            let (delay, peer_header) = self.peer_of(peer, info.delay.ps());
            let mut flags = if loss.is_none() { 0 } else { port_flag::LOSSY };
            let profile = profile_of[p];
            flags |= self.peer_flags(peer) | self.port_role_flags(p as u32, info.rate);
            flags |= self.profile_flags(&info, profile);
            let mtu = self.model.link_mtu(info.node, info.index);
            self.ports.push(Port {
                busy_until: 0,
                tx_at: NEVER,
                delay,
                peer: info.peer,
                unit: unit[info.node as usize],
                peer_header,
                profile,
                ps_per_byte: ps_per_byte(info.rate),
                backlog: 0,
                backlog_peak: 0,
                ready: 0,
                rings: 0,
                paused: 0,
                flags,
                turn: 0,
            });
            self.rx.push(Rx {
                flight: Default::default(),
                port: info.peer,
                profile: profile_of[info.peer as usize],
                flags: match self.model.nodes[peer].role {
                    Role::Host(_) => port_flag::HOST,
                    Role::Switch(_) => 0,
                },
                stale_arrivals: 0,
            });
            self.loss.push(loss);
            let mut cold = PortCold {
                rate: info.rate,
                max_frame: mtu.map_or(u32::MAX, |mtu| self.framing.of_ip(mtu)),
                ..PortCold::default()
            };
            cold.rx.expire_at = NEVER;
            cold.tx.refresh_at = NEVER;
            cold.tx.delay = (info.delay
                + self.pauses[usize::from(profile_of[info.peer as usize])].response)
                .ps();
            self.cold.push(cold);
            self.mark_lossless(p as u32);
        }
    }

    /// What a transmitter knows of the node at the other end: the delay of a link of `delay` ps
    /// with that of the node's pipeline, and after how many bytes it forwards.
    fn peer_of(&self, peer: usize, delay: u64) -> (u64, u32) {
        let Role::Switch(profile) = self.model.nodes[peer].role else {
            return (delay, 0);
        };
        let profile = &self.model.switches[profile as usize];
        (
            delay + profile.latency.ps(),
            header_bytes(profile.forwarding),
        )
    }

    fn peer_flags(&self, peer: usize) -> u16 {
        match self.model.nodes[peer].role {
            Role::Host(_) => port_flag::PEER_HOST,
            Role::Switch(profile) => match self.model.switches[profile as usize].forwarding {
                Forwarding::CutThrough { .. } => port_flag::PEER_CUTS_THROUGH,
                Forwarding::StoreAndForward => 0,
            },
        }
    }

    /// Flags that follow from the profiles of a port and of the other end.
    fn profile_flags(&self, info: &PortInfo, profile: u16) -> u16 {
        let far = &self.fabric.ports[info.peer as usize];
        let mtu = self.model.link_mtu(info.node, info.index);
        let retags = self.tables[usize::from(profile)].tagging != Tagging::AsReceived;
        let peer_mtu = self.model.link_mtu(far.node, far.index);
        let shaped = !self.schedulers[usize::from(profile)].plain;
        let flags = [
            (mtu.is_some() || retags, port_flag::CHECKED),
            (peer_mtu.is_some(), port_flag::PEER_MTU),
            (shaped, port_flag::SHAPED),
        ];
        let set = flags.iter().filter(|(is, _)| *is);
        set.fold(0, |all, (_, flag)| all | flag)
    }

    /// Flags that follow from a port's own node; a switch port also gets its ECN thresholds.
    fn port_role_flags(&mut self, port: PortId, rate: BitRate) -> u16 {
        let (node, index) = (
            self.fabric.ports[port as usize].node,
            self.fabric.ports[port as usize].index,
        );
        match self.model.nodes[node as usize].role {
            Role::Host(profile) => {
                let nic = &self.model.nics[profile as usize];
                let drain = self.model.nic_port(node, index).and_then(|p| p.rx_drain);
                let own = &mut self.nic_ports[port as usize];
                own.drain_bps = drain.map_or(0, |r| r.bps());
                own.control_first = nic.control_first;
                own.one_ring = nic.turns == Turns::Port;
                own.makes_up = nic.pacing == Pacing::Due;
                let ruled = match self.wire {
                    Some(_) => port_flag::RULED,
                    None => 0,
                };
                port_flag::HOST | ruled
            }
            Role::Switch(profile) => {
                let spec = &self.model.switches[profile as usize].port;
                let spec = self.model.switch_port(node, index).unwrap_or(spec);
                let mut ecn = 0;
                for queue in 0..PRIORITIES {
                    let marking = spec.ecn[queue].as_ref().and_then(|e| Marking::new(e, rate));
                    if let Some(marking) = &marking {
                        ecn |= port_flag::ECN;
                        ecn |= if marking.drops() {
                            port_flag::CHECKED
                        } else {
                            0
                        };
                    }
                    self.marking[(port, queue as u8)] = marking;
                }
                ecn
            }
        }
    }

    /// Which priorities are lossless at a port: those that pause their sender.
    fn mark_lossless(&mut self, port: PortId) {
        let spec = *self.pause_spec(port);
        let node = self.fabric.ports[port as usize].node as usize;
        for priority in 0..PRIORITIES {
            let lossless = match (spec.mode, self.model.nodes[node].role) {
                (PauseMode::Off, _) => false,
                (mode, Role::Host(_)) => {
                    mode == PauseMode::Global || spec.tx_mask & 1 << priority != 0
                }
                (_, Role::Switch(_)) => {
                    let profile = self.ports[port as usize].profile;
                    let pg = self.tables[usize::from(profile)].group(priority as u8);
                    self.groups[(port, pg)].pause_mask & 1 << priority != 0
                }
            };
            self.cold[port as usize].stats[priority].lossless = lossless;
        }
    }

    fn build_flows(&mut self) {
        for qp in 0..self.model.flows.len() as u32 {
            let alone = self.build_flow(qp);
            self.use_port(qp, self.senders[qp as usize].port);
            if alone.ideal.is_none() {
                self.finish(qp, FlowStatus::Unreachable);
            }
        }
        for (qp, flow) in self.model.flows.iter().enumerate() {
            if let Some(after) = flow.after {
                let releases = &mut self.receivers_cold[after as usize].releases;
                releases.push(qp as u32);
            }
        }
    }

    /// Both ends of a flow. Returns what it would take alone.
    fn build_flow(&mut self, qp: FlowId) -> Alone {
        let model = self.model;
        let spec = &model.flows[qp as usize];
        let mtu = self.nic_of_node(spec.src).mtu;
        let pad = matches!(model.framing, Framing::Fixed { pad_last: true, .. });
        let layout = Layout::new(spec, mtu, pad);
        let data = self.find_path(qp, true);
        let back = self.find_path(qp, false);
        let alone = match (&data, &back) {
            (Some(path), Some(_)) => self.alone(qp, &layout, path),
            _ => Alone::default(),
        };
        let (source, sink) = match spec.op {
            Op::Read => (spec.dst, spec.src),
            Op::Send | Op::Write | Op::Atomic => (spec.src, spec.dst),
        };
        let out = self.store_path(data.as_deref(), source);
        let back = self.store_path(back.as_deref(), sink);
        let (sender, receiver) = (
            self.sender(qp, layout, out),
            self.receiver(qp, layout, back),
        );
        self.senders.push(sender);
        self.senders_cold.push(SenderCold::default());
        self.receivers.push(receiver);
        self.receivers_cold.push(ReceiverCold::default());
        self.requesters.push(requester(qp, spec, &layout, &alone));
        alone
    }

    /// The data source of a flow.
    fn sender(&self, qp: FlowId, layout: Layout, (port, route): (PortId, u32)) -> Sender {
        let model = self.model;
        let spec = &model.flows[qp as usize];
        let nic = self.nic_of_node(spec.src);
        let read = spec.op == Op::Read;
        let line = self.fabric.ports[port as usize].rate;
        let tag = self.tag_of(port);
        let carrier = Carrier {
            line: spec.pace.map_or(line, |p| p.min(line)),
            mtu: nic.mtu,
            frame: self.framing.largest_frame(nic.mtu) + u32::from(tag),
            rng: Stream::new(model.seed, spec.src, qp, Purpose::Pint),
        };
        let cc = Cc::new(&spec.cc, carrier);
        let mut flags = 0;
        for (condition, flag) in [
            (read, sender_flag::READ),
            (spec.transport != Transport::Rc, sender_flag::UNRELIABLE),
            (spec.ecn_capable, sender_flag::ECT),
            (cc.needs_telemetry(), sender_flag::TELEMETRY),
        ] {
            flags |= if condition { flag } else { 0 };
        }
        let selective = nic.rc.recovery == Recovery::Selective && !read;
        // A READ's data are responses to its requests.
        let marking = if read { spec.ack } else { spec.data };
        Sender {
            una: 0,
            nxt: 0,
            max: 0,
            limit: 0,
            restart: u32::MAX,
            layout,
            port,
            route,
            slot: 0,
            max_flight: nic.rc.max_outstanding.unwrap_or(1 << 23).clamp(1, 1 << 23),
            ask_every: u32::MAX,
            flags,
            queue: marking.priority,
            dscp: marking.dscp,
            pcp: if tag == 0 { UNTAGGED } else { marking.pcp },
            tag,
            retries: 0,
            rnr_retries: 0,
            recovery: nic.rc.recovery,
            avail: 0,
            hold: 0,
            pace_bps: 0,
            timeout: nic.rc.timeout.ps(),
            rto_at: NEVER,
            timer_at: NEVER,
            cc,
            resend: selective.then(Default::default),
            gap_told: false,
        }
    }

    /// The data sink of a flow.
    fn receiver(&self, qp: FlowId, layout: Layout, (port, route): (PortId, u32)) -> Receiver {
        let spec = &self.model.flows[qp as usize];
        let far = self.nic_of_node(spec.dst);
        let marking = match spec.op {
            Op::Read => spec.data,
            Op::Send | Op::Write | Op::Atomic => spec.ack,
        };
        let tag = self.tag_of(port);
        Receiver {
            epsn: 0,
            since_ack: 0,
            ack_every: far.rc.ack_every.max(1),
            port,
            route,
            layout,
            message_start: 0,
            message_end: 0,
            nak_sent: false,
            broken: false,
            special: false,
            dead: false,
            doom: u32::MAX,
            transport: spec.transport,
            op: spec.op,
            recovery: self.nic_of_node(spec.src).rc.recovery,
            dscp: marking.dscp,
            pcp: if tag == 0 { UNTAGGED } else { marking.pcp },
            tag,
            queue: marking.priority,
            nak_at: 0,
            nak_for: 0,
            deadline: NEVER,
            timer_at: NEVER,
            cnp_next: 0,
            echo: far.np == NpSpec::EchoOnAck || matches!(spec.cc, CcSpec::Dctcp(_)),
            marked: false,
            delivered: 0,
            arrived: None,
            receives: spec.receives.map_or(0, |r| r.posted),
            reposts: VecDeque::new(),
            rnr_timer: rnr_timer_code(far.rc.rnr_timer.ns()),
            requested: 0,
            retries: 0,
        }
    }

    /// Bytes of the VLAN tag on what a host port sends.
    pub(crate) fn tag_of(&self, port: PortId) -> u8 {
        let tagged = self.nic_spec(port).tagged;
        match tagged.unwrap_or(self.model.framing.is_tagged()) {
            true => self.framing.tag(),
            false => 0,
        }
    }

    /// Every queue pair that sends gets its place among those of its host: the earlier it starts,
    /// the earlier its place.
    fn build_rings(&mut self) {
        for i in 0..self.start_order.len() {
            let qp = self.start_order[i];
            let sender = &mut self.senders[qp as usize];
            let node = self.fabric.ports[sender.port as usize].node;
            for port in self.fabric.node_ports(node) {
                let slots = &mut self.nic_ports[port as usize].slots;
                sender.slot = slots.len() as u32;
                slots.push(qp);
            }
        }
        for qp in 0..self.senders.len() {
            let sender = &self.senders[qp];
            self.fit_ring(sender.port, sender.queue);
        }
    }

    pub(super) fn nic_of_node(&self, node: u32) -> &'m NicProfile {
        let model = self.model;
        match model.nodes[node as usize].role {
            Role::Host(profile) => &model.nics[profile as usize],
            // Validation admits only hosts as ends of flows.
            Role::Switch(_) => &model.nics[0],
        }
    }

    /// Egress ports of a flow's data, or of what answers it.
    pub(super) fn find_path(&mut self, qp: FlowId, data: bool) -> Option<Vec<PortId>> {
        flow_path(&mut self.fabric, &self.model.flows[qp as usize], data)
    }

    /// The ports by which a flow's data, or what answers it, must leave and arrive.
    pub(crate) fn stated_ports(&self, qp: FlowId, data: bool) -> Ends {
        stated_ports(&self.fabric, &self.model.flows[qp as usize], data)
    }

    /// Appends a path to the route table: its first port, and the index of what follows.
    pub(super) fn store_path(&mut self, path: Option<&[PortId]>, node: u32) -> (PortId, u32) {
        let start = self.routes.len() as u32;
        match path {
            Some([first, rest @ ..]) => {
                self.routes.extend(rest);
                (*first, start)
            }
            // Never used: a flow without a path does not start.
            _ => (self.fabric.node_ports(node).start, start),
        }
    }

    fn build_events(&mut self) {
        let model = self.model;
        self.start_order = (0..model.flows.len() as u32).collect();
        self.start_order
            .sort_by_key(|&qp| (model.flows[qp as usize].start, qp));
        self.build_rings();
        if let Some(&first) = self.start_order.first() {
            self.schedule(model.flows[first as usize].start.ps(), Kind::FlowStart, 0);
        }
        for (i, fault) in model.faults.iter().enumerate() {
            self.schedule(fault.at.ps(), Kind::Fault, i as u32);
        }
        if let Some(every) = model.deadlock_scan {
            self.schedule(every.ps(), Kind::DeadlockScan, 0);
        }
        if let Some(every) = model.sample {
            self.schedule(every.ps(), Kind::Sample, 0);
        }
        self.start_watch();
    }
}

/// The work queue of a flow's requester.
fn requester(qp: FlowId, spec: &FlowSpec, layout: &Layout, alone: &Alone) -> Requester {
    let many = layout.messages > 1;
    Requester {
        result: FlowResult {
            flow: qp,
            start: spec.start,
            ideal: SimDuration::from_ps(alone.ideal.unwrap_or(0)),
            own: alone.own,
            round: alone.round,
            packet_wire: alone.packet_wire,
            messages: u64::from(layout.messages),
            ..FlowResult::default()
        },
        latency: if many { latency_histogram() } else { None },
        posted: VecDeque::new(),
        completed: 0,
        released: spec.free_messages,
        posted_count: 0,
        posting: VecDeque::new(),
        next_end: layout.end_of(1),
        done: false,
        sent: Vec::new(),
    }
}

/// Data packets of all flows.
fn packets(model: &Model) -> u64 {
    let least = model.nics.iter().map(|nic| nic.mtu).min();
    let of_flow = |flow: &FlowSpec| Extent::new(flow, least.unwrap_or(1)).packets;
    model.flows.iter().map(of_flow).fold(0, u64::saturating_add)
}

/// Bytes of a frame after which a switch may forward it; 0: store and forward.
fn header_bytes(forwarding: Forwarding) -> u32 {
    match forwarding {
        Forwarding::StoreAndForward => 0,
        Forwarding::CutThrough { header_bytes } => header_bytes.max(1),
    }
}

/// Picoseconds per byte at a rate; 0 if that is not a whole number, or one of more than 32 bits.
fn ps_per_byte(rate: BitRate) -> u32 {
    let exact = PS_BITS / rate.bps().max(1);
    match exact * rate.bps() == PS_BITS {
        true => u32::try_from(exact).unwrap_or(0),
        false => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_takes_its_time_at_every_rate() {
        assert_eq!(ps_per_byte(BitRate::from_gbps(100)), 80);
        assert_eq!(ps_per_byte(BitRate::from_bps(3)), 0);
        // 8 ms do not fit 32 bits of picoseconds.
        assert_eq!(ps_per_byte(BitRate::from_bps(1_000)), 0);
    }
}
