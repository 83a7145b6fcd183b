//! What is found in simulated captures against what the simulator counted.

use crate::capture::{Direction, Frame, Interface};
use crate::rc::{Context, Follower, Options, Output};
use std::collections::BTreeMap;
use xoff_model::results::{DropCause, FlowResult, FlowStatus, RdmaCounters, Results};
use xoff_model::{Model, Op, Recovery, Role};
use xoff_sim::frames::Frames;
use xoff_sim::tap;
use xoff_wire::dissect::{self, Body};

/// Taps every port of every host and follows what passes.
fn follow(model: &Model) -> Option<(Results, Output)> {
    let frames = Frames::new(model)?;
    let ports: Vec<u32> = (0..frames.ports().len() as u32)
        .filter(|&p| {
            let node = frames.ports()[p as usize].node;
            matches!(model.nodes[node as usize].role, Role::Host(_))
        })
        .collect();
    let mut follower = Follower::new(Options { timeline: false });
    for &port in &ports {
        let interface = Interface {
            mac: Some(frames.mac(port)),
            ..Interface::default()
        };
        follower.interface(port, &interface);
    }
    let (mut number, mut buffer) = (0, Vec::new());
    let mut sink = |event: &tap::TapEvent| {
        number += 1;
        frames.emit(event, &mut buffer);
        let frame = Frame {
            number,
            timed: true,
            at_ns: event.at.ps() / 1_000,
            interface: event.port,
            direction: match event.direction {
                tap::Direction::In => Direction::In,
                tap::Direction::Out => Direction::Out,
            },
            original_len: buffer.len() as u32,
            data: &buffer,
        };
        let found = dissect::dissect(dissect::Link::Ethernet, &buffer, frame.original_len);
        if let Body::Roce(packet) = &found.body {
            follower.packet(&frame, &found.ethernet, packet, false);
        }
    };
    let results = tap::run_tapped(model, &ports, &mut sink, &mut |_| ());
    let end = results.end.ps() / 1_000;
    Some((results, follower.conclude(&|_| end, &Context::default())))
}

/// Figures of a flow, by name.
fn figures(flow: &FlowResult, op: Op) -> Vec<(&'static str, u64)> {
    let mut list = vec![
        ("data_packets", flow.data_packets),
        ("retransmitted_packets", flow.retransmitted_packets),
        ("retransmitted_bytes", flow.retransmitted_bytes),
        ("bytes_delivered", flow.bytes_delivered),
    ];
    let mut c = flow.counters;
    c.rp_cnp_handled += c.rp_cnp_ignored;
    c.rp_cnp_ignored = 0;
    // Not on the wire: no packet tells that a requester gave up.
    c.req_transport_retries_exceeded = 0;
    c.req_rnr_retries_exceeded = 0;
    if op != Op::Send {
        c.out_of_buffer = 0;
    }
    list.extend(c.named());
    list
}

fn differences(model: &Model) -> Option<Vec<String>> {
    let (results, output) = follow(model)?;
    let frames = Frames::new(model)?;
    let mut found: BTreeMap<u32, Vec<(&'static str, u64)>> = BTreeMap::new();
    for c in &output.connections {
        for (d, report) in c.directions.iter().enumerate() {
            let (s, r) = (c.speaks_for_sender[d], c.speaks_for_receiver[d]);
            let only = |yes: bool, n: u64| if yes { n } else { 0 };
            let mut list = vec![
                ("data_packets", only(s, report.data_packets)),
                (
                    "retransmitted_packets",
                    only(s, report.retransmitted_packets),
                ),
                ("retransmitted_bytes", only(s, report.retransmitted_bytes)),
                ("bytes_delivered", only(r, report.delivered_bytes)),
            ];
            list.extend(report.counters.named());
            let requester = [c.a.qpn, c.b.qpn][d] & !1;
            let sums = found.entry(requester).or_insert_with(|| {
                let zero = RdmaCounters::default().named();
                let names = list[..4].iter().map(|x| x.0);
                names.chain(zero.map(|x| x.0)).map(|n| (n, 0)).collect()
            });
            for (sum, (_, n)) in sums.iter_mut().zip(list) {
                sum.1 += n;
            }
        }
    }
    let mut wrong = Vec::new();
    for (i, flow) in results.flows.iter().enumerate() {
        let wanted = figures(flow, model.flows[i].op);
        let none = Vec::new();
        let got = found.get(&frames.flows()[i].ends[0].qpn).unwrap_or(&none);
        for (k, &(name, n)) in wanted.iter().enumerate() {
            let g = got.get(k).map_or(0, |x| x.1);
            // Timers that expire while nothing may be sent do not show, nor does the last one; a
            // receiver in the simulator stops counting when the requester has given up.
            let failed = flow.status != FlowStatus::Completed;
            let lost_in_nic = results
                .ports
                .iter()
                .any(|p| p.drops[DropCause::RxBuffer as usize].iter().sum::<u64>() > 0);
            let hidden = match name {
                "local_ack_timeout_err" => g <= n,
                "out_of_sequence" | "duplicate_request" => (failed || lost_in_nic) && g >= n,
                _ => false,
            } || approximate(model, name, flow);
            if g != n && !hidden {
                wrong.push(format!(
                    "flow {i} {:?} {name}: {g}, simulator {n}",
                    flow.status
                ));
            }
        }
    }
    Some(wrong)
}

/// The order of arrival under selective repeat and go-back-0 is known only from answers that come
/// later.
fn approximate(model: &Model, name: &str, flow: &FlowResult) -> bool {
    let recovery = model.nics[0].rc.recovery;
    let spec = &model.flows[flow.flow as usize];
    match name {
        "out_of_sequence" | "duplicate_request" => recovery != Recovery::GoBackN,
        "bytes_delivered" => recovery == Recovery::GoBack0 && spec.bytes < 10_000_000,
        _ => false,
    }
}

/// All cases of a scenario below so many packet hops.
fn scenario_differs(path: &std::path::Path, hops: u64) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let read =
        |file: &str| std::fs::read_to_string(path.with_file_name(file)).map_err(|e| e.to_string());
    text_differs(&path.to_string_lossy(), &text, &read, hops)
}

fn text_differs(
    name: &str,
    text: &str,
    read: xoff_scenario::ReadFile<'_>,
    hops: u64,
) -> Vec<String> {
    let overrides = xoff_scenario::Overrides::default();
    let plan = xoff_scenario::load("x.toml", text, &overrides, read).unwrap();
    let mut wrong = Vec::new();
    for case in &plan.cases {
        if xoff_sim::run(&case.model, &mut |_| ()).packet_hops > hops {
            continue;
        }
        for line in differences(&case.model).unwrap_or_default() {
            wrong.push(format!("{name} {:?}: {line}", case.labels));
        }
    }
    wrong
}

/// Loss, incast and little buffer, with every operation, transport and way to recover.
const MIXED: &str = r#"
until = "60ms"
[topology]
kind = "star"
hosts = 4
rate = "100Gbps"
loss = "0.5%"
[switch.default]
buffer = { size = "1MiB" }
ecn = { mode = "on", kmin = "20kB", kmax = "200kB", pmax = 0.2 }
[nic.default]
mtu = 1024
timeout = 6
cc = "dcqcn"
[[traffic]]
kind = "incast"
receiver = "h0"
bytes = "900kB"
message = "30001B"
[[axis]]
name = "recovery"
[[axis.case]]
label = "go-back-n"
[[axis.case]]
label = "selective"
set = { "nic.default.recovery" = "selective" }
[[axis.case]]
label = "go-back-0"
set = { "nic.default.recovery" = "go-back-0" }
[[axis]]
name = "op"
[[axis.case]]
label = "write"
[[axis.case]]
label = "send"
set = { "traffic.0.op" = "send" }
[[axis.case]]
label = "read"
set = { "traffic.0.op" = "read" }
[[axis.case]]
label = "uc"
set = { "traffic.0.transport" = "uc" }
[[axis.case]]
label = "rnr"
[axis.case.set]
"traffic.0.op" = "send"
"traffic.0.receives" = { posted = 2, repost = "50us" }
"#;

#[test]
fn every_operation_and_recovery() {
    let mut wrong = text_differs("mixed", MIXED, &|_| Err(String::new()), u64::MAX);
    // A READ that asks again for what a capture did not see answered looks like a new one there.
    let repeated = |line: &String| line.contains("\"read\"") && line.contains("duplicate_request");
    wrong.retain(|line| !repeated(line));
    assert!(
        wrong.is_empty(),
        "{} {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(60)]
    );
}

#[test]
#[ignore = "long"]
fn every_shipped_scenario() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../topologies");
    let only = std::env::var("SCENARIO").unwrap_or_default();
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") && path.to_string_lossy().contains(&only) {
            wrong.extend(scenario_differs(&path, 4_000_000));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(100)]
    );
}
