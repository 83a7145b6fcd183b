//! Small models for unit tests.

mod run;

pub use run::incast;

use crate::results::{FlowResult, FlowStatus};
use crate::time::{SimDuration, SimTime};
use crate::units::{BitRate, Bytes, Length, Probability};
use crate::*;

pub const RDMA: Marking = Marking {
    priority: 3,
    dscp: 26,
    pcp: 3,
};

/// Span of a flow for rates: start to end, or to the end of the run.
pub fn active_span(flow: &FlowResult) -> SimDuration {
    let end = match flow.status {
        FlowStatus::Completed => flow.end.unwrap_or(flow.active_until),
        _ => flow.active_until,
    };
    end.since(flow.start)
}

pub fn flow(src: NodeId, dst: NodeId, bytes: u64) -> FlowSpec {
    FlowSpec {
        name: format!("f{src}-{dst}"),
        group: "all".into(),
        src,
        dst,
        src_port: None,
        dst_port: None,
        start: SimTime::ZERO,
        bytes,
        message_bytes: bytes,
        depth: None,
        op: Op::Write,
        transport: Transport::Rc,
        data: RDMA,
        ack: RDMA,
        ecn_capable: true,
        cc: CcSpec::None,
        pace: None,
        sport: 49_152 + src as u16,
        dport: 4_791,
        path: None,
        after: None,
        free_messages: 0,
        receives: None,
        first_psn: None,
    }
}

fn pause(mode: PauseMode) -> PauseSpec {
    PauseSpec {
        mode,
        tx_mask: 1 << 3,
        rx_mask: 1 << 3,
        quanta: Some(u16::MAX),
        response: SimDuration::ZERO,
        out_of_band: false,
    }
}

fn strict() -> SchedulerSpec {
    SchedulerSpec {
        queues: [QueueSched::Dwrr(1); PRIORITIES],
        shapers: [None; PRIORITIES],
        shaper_burst: Bytes(0),
    }
}

pub fn nic(pfc: PauseMode) -> NicProfile {
    NicProfile {
        name: "nic".into(),
        mtu: 1_024,
        control_first: false,
        turns: Turns::Class,
        pacing: Pacing::Due,
        send_latency: SimDuration::ZERO,
        rc: RcSpec {
            recovery: Recovery::GoBackN,
            ack_every: 1,
            timeout: SimDuration::from_us(500),
            retry_cnt: Some(7),
            rnr_retry: None,
            rnr_timer: SimDuration::from_us(10),
            nak_delay: SimDuration::ZERO,
            nak_repeat: None,
            retransmit_delay: SimDuration::ZERO,
            max_outstanding: None,
            max_rd_atomic: 16,
        },
        np: NpSpec::Off,
        port: NicPortProfile {
            pfc: pause(pfc),
            scheduler: strict(),
            rx_buffer: Bytes(1 << 20),
            rx_xoff: Bytes(1 << 19),
            rx_xon: Bytes(1 << 18),
            rx_drain: None,
            storm_guard: None,
            link_mtu: None,
            tagged: None,
        },
        exceptions: Vec::new(),
    }
}

pub fn switch(pfc: PauseMode) -> SwitchProfile {
    let on = pfc != PauseMode::Off;
    let group = |pg: usize| PgSpec {
        lossless: on && pg == 3,
        reserve: Bytes(0),
        headroom: if on && pg == 3 {
            Headroom::Auto
        } else {
            Headroom::Bytes(Bytes(0))
        },
        limit: if on && pg == 3 {
            Limit::Dynamic { num: 1, den: 8 }
        } else {
            Limit::Unlimited
        },
        xon_offset: Bytes(4_096),
    };
    SwitchProfile {
        name: "switch".into(),
        forwarding: Forwarding::StoreAndForward,
        latency: SimDuration::ZERO,
        buffer: BufferSpec {
            size: Bytes(4 << 20),
            cell_bytes: 1,
            headroom_pool: None,
            occupancy: Occupancy::Frame,
        },
        tail_drop: TailDrop::Fair,
        watchdog_poll: SimDuration::from_us(10),
        port: PortProfile {
            trust: Trust::Dscp,
            dscp_to_priority: std::array::from_fn(|d| if d == 26 { 3 } else { (d / 8) as u8 }),
            pcp_to_priority: std::array::from_fn(|p| p as u8),
            default_priority: 0,
            priority_to_pg: std::array::from_fn(|p| p as u8),
            priority_to_queue: std::array::from_fn(|p| p as u8),
            pgs: std::array::from_fn(group),
            per_port: false,
            queues: [EgressSpec {
                reserve: Bytes(0),
                limit: Limit::Dynamic { num: 1, den: 1 },
            }; PRIORITIES],
            pfc: pause(pfc),
            scheduler: strict(),
            ecn: std::array::from_fn(|_| None),
            watchdog: None,
            link_mtu: None,
            tagging: Tagging::AsReceived,
        },
        exceptions: Vec::new(),
    }
}

/// Hosts 0..n on one switch (node n), 100G links of 1 us.
pub fn star(hosts: u32, nic: NicProfile, switch: SwitchProfile) -> Model {
    let mut nodes: Vec<NodeSpec> = (0..hosts)
        .map(|h| NodeSpec {
            name: format!("h{h}"),
            role: Role::Host(0),
        })
        .collect();
    nodes.push(NodeSpec {
        name: "sw0".into(),
        role: Role::Switch(0),
    });
    Model {
        seed: 1,
        until: Some(SimTime::from_ps(1_000_000_000_000)),
        framing: Framing::RoceV2 {
            vlan: false,
            ipv6: false,
        },
        ecmp: EcmpHash::Mixed,
        nodes,
        nics: vec![nic],
        switches: vec![switch],
        links: (0..hosts)
            .map(|h| LinkSpec {
                a: h,
                b: hosts,
                rate: BitRate::from_gbps(100),
                cable: Length(0),
                phy_delay: SimDuration::from_us(1),
                loss: Probability::ZERO,
                drop_every: 0,
                ber_e18: 0,
            })
            .collect(),
        exceptions: Vec::new(),
        flows: Vec::new(),
        faults: Vec::new(),
        rules: Vec::new(),
        sample: None,
        queue_watch: None,
        deadlock_scan: None,
        log_pauses: true,
    }
}
