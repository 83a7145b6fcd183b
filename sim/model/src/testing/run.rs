//! A small hand-made run: three senders to h0 through sw0, and a victim that is not finished.

use super::flow;
use crate::results::*;
use crate::time::{SimDuration, SimTime};
use crate::units::{BitRate, Bytes, Length, Probability};
use crate::*;

fn named(name: &str, group: &str, src: NodeId, dst: NodeId) -> FlowSpec {
    FlowSpec {
        name: name.to_owned(),
        group: group.to_owned(),
        sport: 49_152,
        ..flow(src, dst, 1_000_000)
    }
}

fn done(flow: FlowId, end_us: u64) -> FlowResult {
    let end = SimTime::from_ns(end_us * 1_000);
    FlowResult {
        flow,
        status: FlowStatus::Completed,
        end: Some(end),
        active_until: end,
        ideal: SimDuration::from_us(100),
        bytes_completed: 1_000_000,
        bytes_delivered: 1_000_000,
        messages: 1,
        messages_completed: 1,
        data_packets: 250,
        message_latency: Some([
            SimDuration::from_us(10),
            SimDuration::from_us(20),
            end.since(SimTime::ZERO),
        ]),
        ..FlowResult::default()
    }
}

/// Three flows that finished one after the other, and one that did not.
fn flow_results(end: SimTime) -> Vec<FlowResult> {
    let mut flows = vec![done(0, 100), done(1, 200), done(2, 300)];
    flows.push(FlowResult {
        flow: 3,
        active_until: end,
        ideal: SimDuration::from_us(100),
        bytes_delivered: 250_000,
        messages: 1,
        data_packets: 250,
        retransmitted_packets: 50,
        ..FlowResult::default()
    });
    flows
}

/// The model (without profiles) and its results.
pub fn incast() -> (Model, Results) {
    let host = |n: u32| NodeSpec {
        name: format!("h{n}"),
        role: Role::Host(0),
    };
    let mut nodes: Vec<NodeSpec> = (0..4).map(host).collect();
    nodes.push(NodeSpec {
        name: "sw0".to_owned(),
        role: Role::Switch(0),
    });
    let link = |a| LinkSpec {
        a,
        b: 4,
        rate: BitRate::from_gbps(100),
        cable: Length(7_000),
        phy_delay: SimDuration::ZERO,
        loss: Probability::ZERO,
        drop_every: 0,
        ber_e18: 0,
    };
    let model = Model {
        seed: 1,
        until: None,
        framing: Framing::RoceV2 {
            vlan: false,
            ipv6: false,
        },
        ecmp: EcmpHash::Mixed,
        nodes,
        nics: Vec::new(),
        switches: Vec::new(),
        links: (0..4).map(link).collect(),
        exceptions: Vec::new(),
        flows: vec![
            named("f0", "incast", 1, 0),
            named("f1", "incast", 2, 0),
            named("f2", "incast", 3, 0),
            named("victim", "victim", 1, 2),
        ],
        faults: Vec::new(),
        rules: Vec::new(),
        sample: None,
        queue_watch: None,
        deadlock_scan: Some(SimDuration::from_ms(1)),
        log_pauses: false,
    };
    let end = SimTime::from_ns(500_000);
    let mut flows = flow_results(end);
    flows[0].counters.packet_seq_err = 4;
    let mut nodes = vec![NodeResult::default(); 5];
    nodes[0].buffer_peak = Bytes(64_000);
    nodes[1].counters.packet_seq_err = 4;
    nodes[4].buffer_peak = Bytes(900_000);
    let results = Results {
        end,
        stop: Stop::Until,
        events: 5_000,
        packet_hops: 2_000,
        flows,
        ports: ports(),
        nodes,
        ..Results::default()
    };
    (model, results)
}

/// h0:0 to h3:0, then sw0:0 to sw0:3.
fn ports() -> Vec<PortResult> {
    let host = |n| PortResult {
        node: n,
        peer: 4,
        peer_port: n,
        up: true,
        ..Default::default()
    };
    let switch = |n| PortResult {
        node: 4,
        port: n,
        peer: n,
        up: true,
        ..Default::default()
    };
    let mut ports: Vec<PortResult> = (0..4).map(host).chain((0..4).map(switch)).collect();
    ports[0].drops[DropCause::LinkError as usize][3] = 3;
    let stopped = &mut ports[1].priority[3];
    stopped.rx_pause = 10;
    stopped.rx_resume = 9;
    stopped.rx_pause_duration = SimDuration::from_us(50);
    let out = &mut ports[4];
    out.busy = SimDuration::from_us(450);
    out.tx_bytes = 4_000_000;
    out.queue_peak = Bytes(250_000);
    out.priority[3].tx_bytes = 3_000_000;
    out.priority[3].lossless = true;
    out.drops[DropCause::TailDrop as usize][0] = 7;
    out.drops[DropCause::HeadroomFull as usize][3] = 2;
    ports
}
