//! Tables for spreadsheets and plotting: one directory per case, units in the column names.

use super::chosen::Chosen;
use super::{CaseRun, node_name, port_name, status_name};
use std::fmt::Write as _;
use xoff_model::PRIORITIES;
use xoff_scenario::metrics::counters::port_counters;
use xoff_scenario::metrics::summary::{fct, goodput, slowdown_ppm};
use xoff_scenario::metrics::value::Value;
use xoff_scenario::plan::Plan;

/// File names and contents for a case. Metrics only if the scenario names some, series and pauses
/// only if they were recorded.
pub(crate) fn files(plan: &Plan, run: &CaseRun<'_>) -> Vec<(&'static str, String)> {
    let mut files = vec![
        ("flows.csv", flows(run)),
        ("ports.csv", ports(run)),
        ("counters.csv", counters(run)),
    ];
    if !plan.report.metrics.is_empty() {
        files.push(("metrics.csv", metrics(plan, run)));
    }
    if !run.results.series.is_empty() {
        files.push(("series.csv", series(run)));
    }
    if run.case.model.log_pauses {
        files.push(("pauses.csv", pauses(run)));
    }
    files
}

/// Lines of cells; quotes what needs it.
pub(super) struct Csv(pub(super) String);

impl Csv {
    pub(super) fn new(columns: &str) -> Csv {
        Csv(format!("{columns}\n"))
    }

    pub(super) fn text(&mut self, cell: &str) -> &mut Csv {
        if cell.contains(['"', ',', '\n', '\r']) {
            let _ = write!(self.0, "\"{}\",", cell.replace('"', "\"\""));
        } else {
            let _ = write!(self.0, "{cell},");
        }
        self
    }

    pub(super) fn number(&mut self, n: u64) -> &mut Csv {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{n},");
        self
    }

    pub(super) fn maybe(&mut self, n: Option<u64>) -> &mut Csv {
        if let Some(n) = n {
            return self.number(n);
        }
        self.0.push(',');
        self
    }

    pub(super) fn end(&mut self) {
        self.0.pop();
        self.0.push('\n');
    }
}

/// The metrics that the scenario names; an empty value: there is none.
fn metrics(plan: &Plan, run: &CaseRun<'_>) -> String {
    let mut csv = Csv::new("metric,heading,value,unit");
    for chosen in Chosen::all(plan, run) {
        csv.text(chosen.metric).text(chosen.heading);
        csv.maybe(chosen.value.map(Value::raw));
        csv.text(chosen.symbol()).end();
    }
    csv.0
}

fn flows(run: &CaseRun<'_>) -> String {
    let model = &run.case.model;
    let mut csv = Csv::new(
        "flow,group,src,dst,bytes,status,start_ps,end_ps,fct_ps,ideal_ps,slowdown_ppm,goodput_bps,\
         bytes_delivered,messages_completed,messages_flushed,latency_p50_ps,latency_p99_ps,\
         latency_max_ps,data_packets,retransmitted_packets,retransmitted_bytes",
    );
    for r in &run.results.flows {
        let Some(spec) = model.flows.get(r.flow as usize) else {
            continue;
        };
        csv.text(&spec.name).text(&spec.group);
        csv.text(node_name(model, spec.src))
            .text(node_name(model, spec.dst));
        csv.number(spec.bytes)
            .text(status_name(r.status))
            .number(r.start.ps());
        csv.maybe(r.end.map(|t| t.ps()))
            .maybe(fct(r).map(|d| d.ps()))
            .number(r.ideal.ps());
        csv.maybe(slowdown_ppm(r))
            .number(goodput(r).bps())
            .number(r.bytes_delivered);
        csv.number(r.messages_completed).number(r.messages_flushed);
        for n in 0..3 {
            csv.maybe(r.message_latency.map(|l| l[n].ps()));
        }
        csv.number(r.data_packets).number(r.retransmitted_packets);
        csv.number(r.retransmitted_bytes).end();
    }
    csv.0
}

/// One row per port and priority that was used.
fn ports(run: &CaseRun<'_>) -> String {
    let model = &run.case.model;
    let mut csv = Csv::new(
        "port,peer,priority,lossless,tx_frames,tx_bytes,tx_pause,tx_resume,rx_pause,rx_resume,\
         rx_pause_transitions,rx_pause_ps,rx_pause_longest_ps,ecn_marked,queue_peak_bytes,\
         ingress_peak_bytes,headroom_peak_bytes,drops_frames,port_busy_ps,\
         rx_pause_ignored,port_tx_global_pause,port_rx_global_pause,port_rx_pause_ignored",
    );
    for port in &run.results.ports {
        for p in 0..PRIORITIES {
            let q = &port.priority[p];
            let drops: u64 = port.drops.iter().map(|by_priority| by_priority[p]).sum();
            let idle = xoff_model::results::PriorityResult {
                lossless: false,
                ..*q
            };
            if idle == Default::default() && drops == 0 && !q.lossless {
                continue;
            }
            csv.text(&port_name(model, port))
                .text(node_name(model, port.peer));
            csv.number(p as u64).number(u64::from(q.lossless));
            csv.number(q.tx_frames)
                .number(q.tx_bytes)
                .number(q.tx_pause)
                .number(q.tx_resume);
            csv.number(q.rx_pause)
                .number(q.rx_resume)
                .number(q.rx_pause_transitions);
            csv.number(q.rx_pause_duration.ps())
                .number(q.rx_pause_longest.ps());
            csv.number(q.ecn_marked)
                .number(q.queue_peak.0)
                .number(q.ingress_peak.0);
            csv.number(q.headroom_peak.0)
                .number(drops)
                .number(port.busy.ps())
                .number(q.rx_pause_ignored);
            csv.number(port.tx_global_pause + port.tx_global_resume)
                .number(port.rx_global_pause + port.rx_global_resume)
                .number(port.rx_pause_ignored)
                .end();
        }
    }
    csv.0
}

/// `hw_counters` of hosts and `ethtool -S` counters of ports. Durations are microseconds.
fn counters(run: &CaseRun<'_>) -> String {
    let (model, results) = (&run.case.model, &run.results);
    let mut csv = Csv::new("object,counter,value");
    for (spec, node) in model.nodes.iter().zip(&results.nodes) {
        if matches!(spec.role, xoff_model::Role::Host(_)) {
            for (name, value) in node.counters.named() {
                csv.text(&spec.name).text(name).number(value).end();
            }
        }
    }
    for port in &results.ports {
        for (name, value) in port_counters(results, port) {
            csv.text(&port_name(model, port))
                .text(&name)
                .number(value)
                .end();
        }
    }
    csv.0
}

/// Long form: a row per sample and object, so that any tool can pivot it.
fn series(run: &CaseRun<'_>) -> String {
    let (model, results) = (&run.case.model, &run.results);
    let mut csv = Csv::new("at_ps,object,quantity,value");
    for sample in &results.series {
        let at = sample.at.ps();
        let flows = model.flows.iter().map(|f| f.name.as_str());
        let quantities = [
            ("delivered_bytes", &sample.flow_bytes),
            ("rate_limit_bps", &sample.flow_rate_bps),
        ];
        for (quantity, values) in quantities {
            for (name, &value) in flows.clone().zip(values) {
                csv.number(at).text(name).text(quantity).number(value).end();
            }
        }
        let quantities = [
            ("queue_bytes", &sample.port_queue),
            ("tx_bytes", &sample.port_tx_bytes),
        ];
        for (quantity, values) in quantities {
            for (port, &value) in results.ports.iter().zip(values) {
                csv.number(at)
                    .text(&port_name(model, port))
                    .text(quantity)
                    .number(value)
                    .end();
            }
        }
        for (port, &mask) in results.ports.iter().zip(&sample.port_paused) {
            let name = port_name(model, port);
            csv.number(at)
                .text(&name)
                .text("paused_mask")
                .number(u64::from(mask))
                .end();
        }
    }
    csv.0
}

fn pauses(run: &CaseRun<'_>) -> String {
    let model = &run.case.model;
    let mut csv = Csv::new("at_ps,port,priority_mask,pause");
    for entry in &run.results.pauses {
        let port = format!("{}:{}", node_name(model, entry.node), entry.port);
        csv.number(entry.at.ps())
            .text(&port)
            .number(u64::from(entry.mask));
        csv.number(u64::from(entry.pause)).end();
    }
    csv.0
}

#[cfg(test)]
mod tests {
    use super::super::testing::{plan, scenario_run};
    use super::*;
    use xoff_model::results::{PauseLogEntry, Sample};
    use xoff_model::time::SimTime;

    #[test]
    fn tables_of_a_case() {
        let (mut plan, mut results) = plan();
        plan.cases[0].model.log_pauses = true;
        plan.cases[0].model.flows[0].name = "a, \"b\"".to_owned();
        let at = SimTime::from_ns(7);
        results[0].pauses = vec![PauseLogEntry {
            at,
            node: 1,
            port: 0,
            mask: 8,
            pause: true,
        }];
        results[0].series = vec![Sample {
            at,
            flow_bytes: vec![1, 2, 3, 4],
            flow_rate_bps: vec![5, 6, 7, 8],
            port_queue: vec![9],
            port_tx_bytes: vec![10],
            port_paused: vec![8],
        }];
        let run = scenario_run(&plan, &results, 1);
        let mut all = String::new();
        for (name, text) in files(&plan, &run.cases[0]) {
            let columns = text.lines().next().unwrap().split(',').count();
            let odd = text
                .lines()
                .filter(|l| !l.contains('"') && l.split(',').count() != columns);
            assert_eq!(odd.count(), 0, "{name}");
            let start: Vec<&str> = text.lines().take(4).collect();
            all += &format!("{name}\n{}\n\n", start.join("\n"));
        }
        insta::assert_snapshot!(all);
    }
}
