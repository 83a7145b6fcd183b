//! The report for programs. Keys are stable and carry their unit; times are picoseconds, rates
//! bit/s, shares and ratios parts per million. Lists are written as they are produced, so that
//! millions of flows need no second copy.

use super::chosen::Chosen;
use super::{CaseRun, ScenarioRun, VERSION, node_name, port_name, status_name, stop_name};
use serde::ser::{SerializeMap, Serializer};
use serde::{Serialize, Serialize as Ser};
use std::io::{self, Write};
use xoff_checks::CheckResult;
use xoff_checks::diagnosis::diagnose;
use xoff_model::Model;
use xoff_model::results::{FlowResult, PortResult, RdmaCounters, Results, RuleResult};
use xoff_scenario::metrics::catalogue::METRICS;
use xoff_scenario::metrics::counters::port_counters;
use xoff_scenario::metrics::summary::{fct, goodput, slowdown_ppm};
use xoff_scenario::metrics::value::Value;
use xoff_scenario::plan::Plan;

/// Version of the layout: raised when a key changes its meaning or goes away.
const LAYOUT: u32 = 1;

pub(crate) fn write(out: &mut dyn Write, runs: &[ScenarioRun<'_>]) -> io::Result<()> {
    let scenarios = runs.iter().map(scenario).collect();
    let document = Document {
        xoff: VERSION,
        layout: LAYOUT,
        scenarios,
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

#[derive(Serialize)]
struct Document<'a> {
    xoff: &'static str,
    layout: u32,
    scenarios: Vec<ScenarioJson<'a>>,
}

#[derive(Serialize)]
struct ScenarioJson<'a> {
    name: &'a str,
    title: &'a str,
    hash: &'a str,
    command: &'a str,
    cases: Vec<CaseJson<'a>>,
    agreements: &'a [CheckResult],
    failed: bool,
}

#[derive(Serialize)]
struct CaseJson<'a> {
    labels: Pairs<'a>,
    seed: u64,
    end_ps: u64,
    stop: &'static str,
    events: u64,
    packet_hops: u64,
    metrics: Metrics<'a>,
    checks: &'a [CheckResult],
    diagnosis: Vec<String>,
    flows: Flows<'a>,
    nodes: Nodes<'a>,
    ports: Ports<'a>,
    deadlocks: Vec<DeadlockJson<'a>>,
    watchdog: Vec<WatchdogJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<RuleJson<'a>>,
}

#[derive(Serialize)]
struct FlowJson<'a> {
    name: &'a str,
    group: &'a str,
    src: &'a str,
    dst: &'a str,
    bytes: u64,
    status: &'static str,
    start_ps: u64,
    end_ps: Option<u64>,
    fct_ps: Option<u64>,
    ideal_ps: u64,
    slowdown_ppm: Option<u64>,
    goodput_bps: u64,
    bytes_completed: u64,
    bytes_delivered: u64,
    messages: u64,
    messages_completed: u64,
    messages_flushed: u64,
    latency_p50_ps: Option<u64>,
    latency_p99_ps: Option<u64>,
    latency_max_ps: Option<u64>,
    data_packets: u64,
    retransmitted_packets: u64,
    retransmitted_bytes: u64,
    rnr_wait_ps: u64,
    counters: Counters<'a>,
}

#[derive(Serialize)]
struct NodeJson<'a> {
    name: &'a str,
    buffer_peak_bytes: u64,
    buffer_size_bytes: u64,
    hw_counters: Counters<'a>,
}

#[derive(Serialize)]
struct PortJson<'a> {
    port: String,
    peer: &'a str,
    up: bool,
    busy_ps: u64,
    queue_peak_bytes: u64,
    counters: Named,
}

#[derive(Serialize)]
struct DeadlockJson<'a> {
    at_ps: u64,
    priority: u8,
    cycle: Vec<(&'a str, u32)>,
    cured_ps: Option<u64>,
}

#[derive(Serialize)]
struct WatchdogJson<'a> {
    at_ps: u64,
    node: &'a str,
    port: u32,
    priority: u8,
    storm: bool,
}

#[derive(Serialize)]
struct RuleJson<'a> {
    name: &'a str,
    matched: u64,
    applied: u64,
}

/// An object with these keys in this order.
struct Pairs<'a>(&'a [(String, String)]);

impl Ser for Pairs<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.0.iter().map(|(k, v)| (k, v)))
    }
}

struct Counters<'a>(&'a RdmaCounters);

impl Ser for Counters<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.0.named())
    }
}

struct Named(Vec<(String, u64)>);

impl Ser for Named {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.0.iter().map(|(k, v)| (k, v)))
    }
}

/// Every metric that has a value and makes sense without a selector, and those that the scenario
/// names: with selectors as it writes them, with its heading, and null where there is no value.
struct Metrics<'a>(&'a Plan, &'a CaseRun<'a>);

#[derive(Serialize)]
struct MetricJson<'a> {
    value: Option<u64>,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    heading: Option<&'a str>,
}

impl Ser for Metrics<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let summary = self.1.summary();
        let chosen = Chosen::all(self.0, self.1);
        let heading = |name: &str| {
            let chosen = chosen.iter().find(|c| c.metric == name)?;
            (chosen.heading != name).then_some(chosen.heading)
        };
        let mut map = s.serialize_map(None)?;
        let mut told = std::collections::BTreeSet::new();
        for metric in METRICS {
            if let Some(value) = summary.whole(metric) {
                told.insert(metric.name);
                let entry = MetricJson {
                    value: Some(value.raw()),
                    unit: value.unit().symbol(),
                    heading: heading(metric.name),
                };
                map.serialize_entry(metric.name, &entry)?;
            }
        }
        for metric in &chosen {
            if told.insert(metric.metric) {
                let entry = MetricJson {
                    value: metric.value.map(Value::raw),
                    unit: metric.symbol(),
                    heading: heading(metric.metric),
                };
                map.serialize_entry(metric.metric, &entry)?;
            }
        }
        map.end()
    }
}

struct Flows<'a>(&'a Model, &'a Results);

impl Ser for Flows<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.1.flows.iter().filter_map(|f| flow(self.0, f)))
    }
}

struct Nodes<'a>(&'a Model, &'a Results);

impl Ser for Nodes<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(
            self.0
                .nodes
                .iter()
                .zip(&self.1.nodes)
                .map(|(spec, node)| NodeJson {
                    name: &spec.name,
                    buffer_peak_bytes: node.buffer_peak.0,
                    buffer_size_bytes: node.buffer_size.0,
                    hw_counters: Counters(&node.counters),
                }),
        )
    }
}

struct Ports<'a>(&'a Model, &'a Results);

impl Ser for Ports<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.1.ports.iter().map(|p| port(self.0, self.1, p)))
    }
}

fn scenario<'a>(run: &'a ScenarioRun<'a>) -> ScenarioJson<'a> {
    ScenarioJson {
        name: &run.plan.name,
        title: &run.plan.title,
        hash: &run.plan.hash,
        command: &run.command,
        cases: run.cases.iter().map(|c| case(run.plan, c)).collect(),
        agreements: &run.agreements,
        failed: run.report().failed(),
    }
}

fn diagnosis(model: &Model, results: &Results) -> Vec<String> {
    let found = diagnose(model, results, "");
    found.sentences().map(str::to_owned).collect()
}

fn case<'a>(plan: &'a Plan, run: &'a CaseRun<'a>) -> CaseJson<'a> {
    let (model, results) = (&run.case.model, &run.results);
    CaseJson {
        labels: Pairs(&run.case.labels),
        seed: model.seed,
        end_ps: results.end.ps(),
        stop: stop_name(results.stop),
        events: results.events,
        packet_hops: results.packet_hops,
        metrics: Metrics(plan, run),
        checks: &run.checks,
        diagnosis: diagnosis(model, results),
        flows: Flows(model, results),
        nodes: Nodes(model, results),
        ports: Ports(model, results),
        deadlocks: results
            .deadlocks
            .iter()
            .map(|d| DeadlockJson {
                at_ps: d.at.ps(),
                priority: d.priority,
                cycle: d
                    .cycle
                    .iter()
                    .map(|&(n, p)| (node_name(model, n), p))
                    .collect(),
                cured_ps: d.cured.map(|t| t.ps()),
            })
            .collect(),
        watchdog: results
            .watchdog
            .iter()
            .map(|e| WatchdogJson {
                at_ps: e.at.ps(),
                node: node_name(model, e.node),
                port: e.port,
                priority: e.priority,
                storm: e.storm,
            })
            .collect(),
        rules: results.rules.iter().map(rule).collect(),
    }
}

fn rule(rule: &RuleResult) -> RuleJson<'_> {
    RuleJson {
        name: &rule.name,
        matched: rule.matched,
        applied: rule.applied,
    }
}

fn flow<'a>(model: &'a Model, r: &'a FlowResult) -> Option<FlowJson<'a>> {
    let spec = model.flows.get(r.flow as usize)?;
    let latency = |n: usize| r.message_latency.map(|l| l[n].ps());
    Some(FlowJson {
        name: &spec.name,
        group: &spec.group,
        src: node_name(model, spec.src),
        dst: node_name(model, spec.dst),
        bytes: spec.bytes,
        status: status_name(r.status),
        start_ps: r.start.ps(),
        end_ps: r.end.map(|t| t.ps()),
        fct_ps: fct(r).map(|d| d.ps()),
        ideal_ps: r.ideal.ps(),
        slowdown_ppm: slowdown_ppm(r),
        goodput_bps: goodput(r).bps(),
        bytes_completed: r.bytes_completed,
        bytes_delivered: r.bytes_delivered,
        messages: r.messages,
        messages_completed: r.messages_completed,
        messages_flushed: r.messages_flushed,
        latency_p50_ps: latency(0),
        latency_p99_ps: latency(1),
        latency_max_ps: latency(2),
        data_packets: r.data_packets,
        retransmitted_packets: r.retransmitted_packets,
        retransmitted_bytes: r.retransmitted_bytes,
        rnr_wait_ps: r.rnr_wait.ps(),
        counters: Counters(&r.counters),
    })
}

fn port<'a>(model: &'a Model, results: &Results, p: &PortResult) -> PortJson<'a> {
    PortJson {
        port: port_name(model, p),
        peer: node_name(model, p.peer),
        up: p.up,
        busy_ps: p.busy.ps(),
        queue_peak_bytes: p.queue_peak.0,
        counters: Named(port_counters(results, p)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{plan, scenario_run};
    use super::*;

    #[test]
    fn the_layout_is_stable() {
        let (mut plan, mut results) = plan();
        // Four flows show no more than two.
        plan.cases[0].model.flows.truncate(1);
        results[0].flows.truncate(1);
        results[0].ports.truncate(2);
        let mut out = Vec::new();
        write(&mut out, &[scenario_run(&plan, &results, 1)]).unwrap();
        let text = String::from_utf8(out).unwrap().replace(VERSION, "VERSION");
        insta::assert_snapshot!(text);
    }
}
