//! Captures written by the command, with every option: what is in the file tells the same.

use super::figures::{Pauses, Wrong};
use super::{plan, topologies};
use crate::cli::{Scratch, text, xoff_in};
use crate::support::Run;
use std::fs::File;
use xoff_scenario::plan::{Case, Plan};
use xoff_sim::frames::Frames;
use xoff_trace::analyzer::{self, Options};
use xoff_trace::capture::read::Reader;
use xoff_trace::report::TraceReport;

/// PFC and several paths; losses and go-back-N; pauses on one port.
const LOSSLESS: (&str, &str) = ("pause-tree", "");
const LOSSY: (&str, &str) = ("roce-without-dcb", "");

fn load((name, label): (&str, &str)) -> (Plan, usize) {
    let plan = plan(&topologies().join(format!("{name}.toml")));
    let fits = |case: &Case| {
        let labels = case.labels.iter().map(|(a, l)| format!("{a}={l}"));
        labels.collect::<Vec<_>>().join(",").contains(label)
    };
    let at = plan
        .cases
        .iter()
        .position(fits)
        .expect("a case of this label");
    (plan, at)
}

/// Writes a capture of a case with the command and analyses it.
fn captured(scenario: (&str, &str), more: &[&str], ending: &str) -> (Run, TraceReport) {
    let (plan, at) = load(scenario);
    let case = &plan.cases[at];
    let scratch =
        Scratch::new(&format!("roundtrip-{}-{}", plan.name, more.join("")).replace(':', "-"));
    let path = scratch.path(&format!("out.{ending}"));
    let file = format!("topologies/{}.toml", plan.name);
    let labels: Vec<String> = case
        .labels
        .iter()
        .map(|(a, l)| format!("{a}={l}"))
        .collect();
    let chosen = labels.join(",");
    let mut args = vec!["run", "-q", &file, "--pcap", &path];
    if !labels.is_empty() {
        args.extend(["--case", &chosen]);
    }
    args.extend(more);
    let out = xoff_in(topologies().parent().unwrap(), &args);
    assert_ne!(out.status.code(), Some(2), "{}", text(&out.stderr));
    let reader = Reader::new(Box::new(File::open(&path).unwrap()), &path).unwrap();
    let report = analyzer::analyze(reader, Options::default()).unwrap();
    assert_eq!(report.capture.partial, None);
    assert_eq!(report.capture.malformed, 0);
    (Run::of(case.model.clone()), report)
}

fn compare(scenario: (&str, &str), more: &[&str], ending: &str, pauses: Pauses) -> TraceReport {
    let (run, report) = captured(scenario, more, ending);
    let mut wrong = Wrong::default();
    wrong.compare(scenario.0, &run, &report, pauses);
    wrong.none(&format!("{scenario:?} {more:?} {ending}"));
    report
}

fn unverified(report: &TraceReport) -> u64 {
    let directions = report.connections.iter().flat_map(|c| &c.directions);
    directions.map(|d| d.unverified_icrc).sum()
}

#[test]
fn a_file_tells_what_the_simulator_counted() {
    for scenario in [LOSSLESS, LOSSY] {
        let report = compare(scenario, &[], "pcapng", Pauses::AtHosts);
        assert_eq!(unverified(&report), 0);
        assert!(!report.links.is_empty());
        let packed = compare(scenario, &[], "pcapng.gz", Pauses::AtHosts);
        assert_eq!(packed.capture.frames, report.capture.frames);
    }
}

#[test]
fn headers_alone_tell_the_same() {
    for scenario in [LOSSLESS, LOSSY] {
        let report = compare(scenario, &["--snaplen", "96"], "pcapng", Pauses::AtHosts);
        let data: u64 = report
            .connections
            .iter()
            .flat_map(|c| &c.directions)
            .map(|d| d.data_packets)
            .sum();
        assert!(unverified(&report) >= data, "data is longer than 96 bytes");
        assert!(report.capture.cut_frames >= data);
    }
}

#[test]
fn every_port_at_once_tells_the_same() {
    for scenario in [LOSSLESS, LOSSY] {
        compare(scenario, &["--tap", "all"], "pcapng", Pauses::Everywhere);
    }
}

/// At one port of a switch: what passed there, by the counters of that port.
#[test]
fn one_port_of_a_switch_tells_its_own_counters() {
    for scenario in [LOSSLESS, LOSSY] {
        let (plan, at) = load(scenario);
        let model = &plan.cases[at].model;
        let frames = Frames::new(model).unwrap();
        let run = Run::of(model.clone());
        // The port that sent most, of those of switches.
        let host = |node: u32| frames.ports().iter().filter(|p| p.node == node).count() == 1;
        let ports = (0..frames.ports().len()).filter(|&p| !host(frames.ports()[p].node));
        let port = ports
            .max_by_key(|&p| run.results.ports[p].tx_frames)
            .unwrap();
        let name = frames.port_name(port as u32);
        let (_, report) = captured(scenario, &["--tap", &name], "pcapng");
        let result = &run.results.ports[port];
        let lldp: u64 = report
            .links
            .iter()
            .flat_map(|l| &l.ends)
            .map(|e| e.frames)
            .sum();
        assert!(result.tx_frames > 0);
        let frames = report.capture.frames - lldp;
        assert_eq!(frames, result.tx_frames + result.rx_frames, "{name}");
        let mut wrong = Wrong::default();
        wrong.pauses_at(scenario.0, &run, &report, port as u32);
        wrong.none(&name);
    }
}
