//! What `xoff trace` finds in a simulated capture is what the simulator counted.

mod figures;
mod files;

use crate::support::Run;
use figures::{Pauses, Wrong};
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use xoff_model::topology::fabric::PortId;
use xoff_model::{Model, Role};
use xoff_scenario::Overrides;
use xoff_scenario::plan::{Case, Plan};
use xoff_sim::frames::Frames;
use xoff_sim::tap::{self, TapEvent};
use xoff_trace::analyzer::{Analyzer, Options};
use xoff_trace::capture::{Direction, Frame, Interface};
use xoff_trace::report::TraceReport;

fn topologies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("topologies")
}

/// Every shipped scenario, by name.
fn shipped() -> Vec<Plan> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(topologies())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    paths.sort();
    paths.iter().map(|path| plan(path)).collect()
}

fn plan(path: &Path) -> Plan {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let read =
        |file: &str| std::fs::read_to_string(path.with_file_name(file)).map_err(|e| e.to_string());
    xoff_scenario::load(name, &text, &Overrides::default(), &read).unwrap()
}

fn host_ports(model: &Model, frames: &Frames<'_>) -> Vec<PortId> {
    let host = |node: u32| matches!(model.nodes[node as usize].role, Role::Host(_));
    (0..)
        .zip(frames.ports())
        .filter(|(_, info)| host(info.node))
        .map(|(port, _)| port)
        .collect()
}

/// Simulates a model and analyses what its hosts see, without a file between.
fn simulate(model: &Model) -> Option<(Run, TraceReport)> {
    let frames = Frames::new(model)?;
    let ports = host_ports(model, &frames);
    let mut analyzer = Analyzer::new(Options::default());
    let mut interfaces = vec![0; frames.ports().len()];
    for (id, &port) in (0..).zip(&ports) {
        interfaces[port as usize] = id;
        let interface = Interface {
            speed: Some(frames.ports()[port as usize].rate.bps()),
            mac: Some(frames.mac(port)),
            ..Interface::default()
        };
        analyzer.interface(id, &interface);
    }
    let (mut number, mut buffer) = (0, Vec::new());
    let mut sink = |event: &TapEvent| {
        number += 1;
        frames.emit(event, &mut buffer);
        analyzer.frame(&Frame {
            number,
            at_ns: event.at.ps() / 1_000,
            timed: true,
            interface: interfaces[event.port as usize],
            direction: match event.direction {
                tap::Direction::In => Direction::In,
                tap::Direction::Out => Direction::Out,
            },
            original_len: buffer.len() as u32,
            data: &buffer,
        });
    };
    let results = tap::run_tapped(model, &ports, &mut sink, &mut |_| ());
    let end_ns = Some(results.end.ps() / 1_000);
    let stats = xoff_trace::capture::InterfaceStats {
        end_ns,
        ..Default::default()
    };
    let report = analyzer.finish(&vec![stats; ports.len()], None);
    drop(frames);
    let model = model.clone();
    Some((Run { model, results }, report))
}

fn label(plan: &Plan, case: &Case) -> String {
    let labels = case.labels.iter().map(|(a, l)| format!(" {a}={l}"));
    plan.name.clone() + &labels.collect::<String>()
}

/// Every case of every shipped scenario that has real frames: those made to be compared with htsim
/// have its fixed sizes instead, which no capture can hold.
#[test]
fn every_shipped_case() {
    let plans = shipped();
    let cases: Vec<(&Plan, &Case)> = plans
        .iter()
        .flat_map(|plan| plan.cases.iter().map(move |case| (plan, case)))
        .collect();
    let compare = |(plan, case): &(&Plan, &Case)| {
        let mut wrong = Wrong::default();
        let Some((run, report)) = simulate(&case.model) else {
            assert!(plan.name.starts_with("htsim-"), "{}", plan.name);
            return None;
        };
        wrong.compare(&label(plan, case), &run, &report, Pauses::AtHosts);
        Some((wrong, run.results.packet_hops))
    };
    let compared: Vec<_> = cases.par_iter().filter_map(compare).collect();
    let short = compared
        .iter()
        .filter(|(_, hops)| *hops < 1_000_000)
        .count();
    let mut all = Wrong::default();
    compared.into_iter().for_each(|(wrong, _)| all.add(wrong));
    assert!(short > 100, "{short} cases below 1 M packet hops");
    insta::assert_snapshot!(all.summary("every case"));
}

/// What shipped scenarios do not send: every operation and service, over IPv6 with VLAN tags, with
/// random loss, with marks.
fn other(work: &str, ipv6: bool, loss: &str) -> String {
    format!(
        r#"
        until = "20ms"
        [simulation]
        framing = {{ kind = "rocev2", vlan = {ipv6}, ipv6 = {ipv6} }}
        [topology]
        kind = "star"
        hosts = 4
        rate = "25Gbps"
        cable = "3m"
        [switch.default]
        buffer = {{ size = "4MiB" }}
        pfc = {{ mode = "pfc" }}
        ecn = {{ kmin = "40kB", kmax = "160kB", pmax = "20%" }}
        [nic.default]
        cc = "dcqcn"
        timeout = "200us"
        [[traffic]]
        kind = "incast"
        receiver = "h0"
        bytes = "1MB"
        {work}
        {loss}
        "#
    )
}

#[test]
fn every_operation_tells_what_the_simulator_counted() {
    let works = [
        "op = \"write\"\nmessage = \"30kB\"",
        "op = \"send\"\nmessage = \"5000B\"",
        "op = \"send\"\nmessage = \"4000B\"\nreceives = { posted = 3, repost = \"2us\" }",
        "op = \"read\"\nmessage = \"20kB\"\ndepth = 4",
        "op = \"atomic\"",
        "transport = \"uc\"\nmessage = \"9000B\"",
        "transport = \"ud\"\nop = \"send\"",
    ];
    let losses = [
        "",
        "[[fault]]\nkind = \"loss\"\nlink = [\"h1\", \"sw0\"]\nloss = \"1%\"\nat = \"0us\"",
    ];
    let mut all = Wrong::default();
    for work in works {
        for ipv6 in [false, true] {
            for loss in losses {
                let bytes = if work.contains("atomic") {
                    "8kB"
                } else {
                    "1MB"
                };
                let text = other(work, ipv6, loss).replace("1MB", bytes);
                let plan = crate::support::load(&text).unwrap_or_else(|e| panic!("{e:#?}"));
                let (run, report) = simulate(&plan.cases[0].model).unwrap();
                let case = format!("{work:?} {ipv6} {loss:?}");
                all.compare(&case, &run, &report, Pauses::AtHosts);
            }
        }
    }
    insta::assert_snapshot!(all.summary("every operation"));
}
