//! What queue pairs a scenario wants of real devices.

use crate::evidence::Limits;
use xoff_lab::agent::{Access, Address, Attributes, CreateQp, Device, QpState, QpType};
use xoff_model::time::SimDuration;
use xoff_model::{FlowSpec, Model, NicProfile, NodeId, Op, Role, Transport};
use xoff_wire::bth::{rnr_timer_code, rnr_timer_ns};
use xoff_wire::psn;

/// Flows of one run.
const MAX_FLOWS: usize = 256;
/// Most work that waits in a queue.
const MAX_DEPTH: u64 = 512;
/// Receives that are posted where the scenario does not say how many.
const RECEIVES: u64 = 1024;
/// Memory of one side of a flow; what needs more uses it again and again.
const MEMORY: u64 = 32 << 20;
/// What the network adds in front of a datagram (IBTA 8.3: global route header).
pub(super) const GRH: u64 = 40;
pub(super) const QKEY: u32 = 0x1111_1111;
const ECT0: u8 = 0b10;
const HOP_LIMIT: u8 = 64;
const PORT: u8 = 1;

/// A flow as queue pairs do it.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) transport: Transport,
    pub(super) op: Op,
    /// Hosts: requester and responder.
    pub(super) hosts: [usize; 2],
    pub(super) messages: u64,
    pub(super) message_bytes: u64,
    pub(super) bytes: u64,
    /// Work that may be under way.
    pub(super) window: u64,
    /// Receives that are posted, and how long one takes to be posted again.
    pub(super) receives: u64,
    pub(super) repost_ns: u64,
    /// Receives must never be short.
    pub(super) ample: bool,
    pub(super) start_ns: u64,
    pub(super) mtu: u32,
    pub(super) first_psn: u32,
    /// Traffic class of what requester and responder send.
    traffic_class: [u8; 2],
    max_rd_atomic: u8,
    timeout: u8,
    retry: u8,
    rnr_retry: u8,
    rnr_timer: u8,
    pub(super) limits: Limits,
}

/// The flows of a model.
///
/// # Errors
/// What queue pairs cannot do.
pub(super) fn plans(model: &Model) -> Result<Vec<Plan>, String> {
    if model.flows.len() > MAX_FLOWS {
        let count = model.flows.len();
        return Err(format!(
            "{count} flows are more than {MAX_FLOWS} queue pairs"
        ));
    }
    let flows = model.flows.iter().enumerate();
    flows
        .map(|(index, spec)| plan(model, index, spec))
        .collect()
}

/// Nodes that are hosts, in their order.
fn hosts(model: &Model) -> Vec<NodeId> {
    let nodes = (0..).zip(&model.nodes);
    nodes
        .filter(|(_, node)| matches!(node.role, Role::Host(_)))
        .map(|(id, _)| id)
        .collect()
}

fn nic(model: &Model, node: NodeId) -> Option<&NicProfile> {
    match model.nodes.get(node as usize)?.role {
        Role::Host(nic) => model.nics.get(nic as usize),
        Role::Switch(_) => None,
    }
}

fn plan(model: &Model, index: usize, spec: &FlowSpec) -> Result<Plan, String> {
    let name = &spec.name;
    let hosts = hosts(model);
    let host = |node| hosts.iter().position(|host| *host == node);
    let ends = host(spec.src).zip(host(spec.dst));
    let nics = nic(model, spec.src).zip(nic(model, spec.dst));
    let (Some((src, dst)), Some((near, far))) = (ends, nics) else {
        return Err(format!("flow {name} does not go from host to host"));
    };
    if spec.after.is_some() {
        return Err(format!(
            "flow {name} waits for another: only the simulator does that"
        ));
    }
    let known = match spec.op {
        Op::Send => true,
        Op::Write => spec.transport != Transport::Ud,
        Op::Read | Op::Atomic => spec.transport == Transport::Rc,
    };
    if !known {
        return Err(format!("flow {name}: its transport has no such operation"));
    }
    let mtu = near.mtu.min(far.mtu);
    let message_bytes = match (spec.op, spec.transport) {
        (Op::Atomic, _) => 8,
        (_, Transport::Ud) => spec.message_bytes.min(mtu.into()),
        _ => spec.message_bytes,
    };
    let message_bytes = message_bytes.clamp(1, spec.bytes.max(1));
    if message_bytes > MEMORY {
        return Err(format!(
            "flow {name}: a message has more than {MEMORY} bytes"
        ));
    }
    let messages = spec.bytes.div_ceil(message_bytes).max(1);
    let window = spec.depth.map_or(MAX_DEPTH, u64::from).clamp(1, MAX_DEPTH);
    let (receives, repost_ns) = match spec.receives {
        Some(queue) => (queue.posted.into(), queue.repost.ps() / 1000),
        None => (RECEIVES, 0),
    };
    let ect = if spec.ecn_capable { ECT0 } else { 0 };
    Ok(Plan {
        name: name.clone(),
        transport: spec.transport,
        op: spec.op,
        hosts: [src, dst],
        messages,
        message_bytes,
        bytes: spec.bytes,
        window: window.min(messages),
        receives: receives.min(messages),
        repost_ns,
        ample: spec.receives.is_none(),
        start_ns: spec.start.ps() / 1000,
        mtu,
        first_psn: spec.first_psn.unwrap_or_else(|| first_psn(index)),
        traffic_class: [spec.data.dscp << 2 | ect, spec.ack.dscp << 2 | ect],
        max_rd_atomic: u8::try_from(near.rc.max_rd_atomic).unwrap_or(u8::MAX),
        timeout: timeout_code(near.rc.timeout),
        retry: near.rc.retry_cnt.unwrap_or(7).min(7),
        rnr_retry: near.rc.rnr_retry.unwrap_or(7).min(7),
        rnr_timer: rnr_timer_code(far.rc.rnr_timer.ns()),
        limits: Limits {
            timeout_ns: timeout_ns(timeout_code(near.rc.timeout)),
            retry: near.rc.retry_cnt,
            rnr_retry: near.rc.rnr_retry,
            rnr_timer_ns: rnr_timer_ns(rnr_timer_code(far.rc.rnr_timer.ns())),
        },
    })
}

/// The same in every run, and apart for every flow.
fn first_psn(index: usize) -> u32 {
    psn::add(0x12_3456, (index as u32).wrapping_mul(0x1_0000))
}

/// 4.096 us x 2^n; code 0 is never.
fn timeout_ns(code: u8) -> u64 {
    match code {
        0 => 0,
        code => 4096 << code.min(31),
    }
}

fn timeout_code(span: SimDuration) -> u8 {
    let wanted = span.ps() / 1000;
    let nearest = (1..32).min_by_key(|&code| timeout_ns(code).abs_diff(wanted));
    if wanted == 0 { 0 } else { nearest.unwrap_or(0) }
}

impl Plan {
    pub(super) fn len(&self, message: u64) -> u64 {
        let before = message.saturating_mul(self.message_bytes);
        self.message_bytes.min(self.bytes.saturating_sub(before))
    }

    /// Places for messages at each side.
    pub(super) fn slots(&self) -> u64 {
        let fit = MEMORY / (self.message_bytes + GRH);
        self.messages.min(fit.max(1))
    }

    pub(super) fn datagram(&self) -> bool {
        self.transport == Transport::Ud
    }

    /// From one place to the next: at the requester, and at the responder.
    pub(super) fn step(&self, side: usize) -> u64 {
        let header = if self.datagram() && side == 1 { GRH } else { 0 };
        self.message_bytes + header
    }

    /// Bytes of memory of a side.
    pub(super) fn memory(&self, side: usize) -> u64 {
        match (self.op, side) {
            (Op::Atomic, 1) => 8,
            _ => self.slots() * self.step(side),
        }
    }

    /// What memory is filled with: other bytes at each side of each flow.
    pub(super) fn seed(&self, side: usize) -> u64 {
        u64::from(self.first_psn) << 1 | side as u64
    }

    pub(super) fn kind(&self) -> QpType {
        match self.transport {
            Transport::Rc => QpType::Rc,
            Transport::Uc => QpType::Uc,
            Transport::Ud => QpType::Ud,
        }
    }

    pub(super) fn queue_pair(&self, side: usize) -> CreateQp {
        let recv_depth = self.receives.max(1) as u32;
        CreateQp {
            kind: self.kind(),
            send_depth: if side == 0 { self.window as u32 } else { 1 },
            recv_depth: if side == 1 { recv_depth } else { 1 },
            max_sge: 1,
            srq: None,
            signal_all: true,
        }
    }

    /// READs and atomics that may be outstanding.
    pub(super) fn reads(&self, devices: &[Device; 2]) -> u8 {
        let most = devices.iter().map(|device| device.max_qp_rd_atom).min();
        self.max_rd_atomic.min(most.unwrap_or(1))
    }

    /// The way from `side` to the other.
    pub(super) fn address(&self, side: usize, devices: &[Device; 2]) -> Address {
        let [near, far] = [side, 1 - side].map(|side| &devices[side.min(1)]);
        Address {
            gid: far.gid.clone(),
            gid_index: near.gid_index,
            traffic_class: self.traffic_class[side.min(1)],
            flow_label: 0,
            hop_limit: HOP_LIMIT,
        }
    }

    /// What takes a queue pair to INIT, RTR and RTS.
    pub(super) fn steps(
        &self,
        side: usize,
        devices: &[Device; 2],
        peer_qpn: u32,
    ) -> [Attributes; 3] {
        let mut init = Attributes {
            state: Some(QpState::Init),
            pkey_index: Some(0),
            port: Some(PORT),
            ..Attributes::default()
        };
        let mut rtr = Attributes {
            state: Some(QpState::Rtr),
            ..Attributes::default()
        };
        let mine = if side == 0 {
            self.first_psn
        } else {
            self.answers_psn()
        };
        let theirs = if side == 0 {
            self.answers_psn()
        } else {
            self.first_psn
        };
        let mut rts = Attributes {
            state: Some(QpState::Rts),
            sq_psn: Some(mine),
            ..Attributes::default()
        };
        if self.datagram() {
            init.qkey = Some(QKEY);
            return [init, rtr, rts];
        }
        init.access = Some(Access::ALL);
        rtr.path_mtu = Some(self.mtu);
        rtr.dest_qpn = Some(peer_qpn);
        rtr.rq_psn = Some(theirs);
        rtr.address = Some(self.address(side, devices));
        if self.transport == Transport::Rc {
            let atomics = self.reads(devices);
            rtr.max_dest_rd_atomic = Some(atomics);
            rtr.min_rnr_timer = Some(self.rnr_timer);
            rts.max_rd_atomic = Some(atomics);
            rts.timeout = Some(self.timeout);
            rts.retry_cnt = Some(self.retry);
            rts.rnr_retry = Some(self.rnr_retry);
        }
        [init, rtr, rts]
    }

    /// Where the responder would begin if it asked for something.
    fn answers_psn(&self) -> u32 {
        psn::add(self.first_psn, 0x40_0000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_nearest() {
        for code in 1..=31 {
            let span = SimDuration::from_ns(timeout_ns(code));
            assert_eq!(timeout_code(span), code);
        }
        assert_eq!(timeout_code(SimDuration::from_ns(0)), 0);
    }
}
