//! The report for people.

use super::chosen::Chosen;
use super::plural;
use super::table::{Align, Table};
use super::{CaseRun, ScenarioRun, VERSION, cases, node_name, port_name, status_name, stop_name};
use crate::report::text::NOTHING;
use std::fmt::Display;
use std::io::{self, Write};
use xoff_checks::diagnosis::diagnose;
use xoff_checks::{CheckResult, Report};
use xoff_model::results::{DROP_CAUSES, FlowResult, PriorityResult, Results};
use xoff_model::rules::idle;
use xoff_model::{Model, Role};
use xoff_scenario::metrics::catalogue;
use xoff_scenario::metrics::select::MetricRef;
use xoff_scenario::metrics::summary::{Summary, fct, goodput, slowdown_ppm};
use xoff_scenario::metrics::value::{Value, grouped, ppm};
use xoff_scenario::plan::Plan;

/// Flows, ports and so on listed one by one at most.
const LISTED: usize = 20;
/// Findings of the diagnosis shown at most.
const FINDINGS: usize = 6;

/// Writes the report of every scenario.
pub(crate) fn write(out: &mut dyn Write, runs: &[ScenarioRun<'_>]) -> io::Result<()> {
    for (n, run) in runs.iter().enumerate() {
        if n > 0 {
            writeln!(out)?;
        }
        out.write_all(scenario(run).as_bytes())?;
    }
    Ok(())
}

fn scenario(run: &ScenarioRun<'_>) -> String {
    let mut out = header(run);
    match run.cases.as_slice() {
        [only] => {
            if !only.case.labels.is_empty() {
                out += &format!("case: {}\n", only.label());
            }
            out += &single(run.plan, only);
        }
        cases => {
            out += &cases::text(run);
            for case in cases {
                out += &idle_rules(case);
            }
        }
    }
    out + &expectations(run)
}

fn header(run: &ScenarioRun<'_>) -> String {
    let plan = run.plan;
    let seed = run.cases.first().map_or(0, |c| c.case.model.seed);
    let title = if plan.title.is_empty() {
        &plan.name
    } else {
        &plan.title
    };
    format!(
        "{title}\nxoff {VERSION}, scenario {} ({}), seed {seed}\nrepeat with: {}\n\n",
        plan.name, plan.hash, run.command
    )
}

/// Everything about one case.
fn single(plan: &Plan, run: &CaseRun<'_>) -> String {
    let (model, results) = (&run.case.model, &run.results);
    let mut out = overview(model, results);
    let mut section = |title: &str, table: Table, more: usize| {
        if table.is_empty() {
            return;
        }
        out += &format!("\n{title}\n{}", table.render(2));
        if more > 0 {
            out += &format!("  and {more} more\n");
        }
    };
    section("metrics", chosen_table(plan, run), 0);
    let groups = group_names(model);
    let flow_count = results.flows.len();
    if flow_count > LISTED || groups.len() > 1 && groups.len() < flow_count {
        let more = groups.len().saturating_sub(LISTED);
        section("groups", group_table(&run.summary(), &groups), more);
    }
    if flow_count <= LISTED {
        section("flows", flow_table(model, results), 0);
    }
    let (table, more) = drop_table(model, results);
    section("drops", table, more);
    let (table, more) = pause_table(model, results);
    section("pause received", table, more);
    let (table, more) = queue_table(model, results);
    section("queues", table, more);
    section("totals", totals(&run.summary()), 0);
    out += &rules(results);
    out += "\ndiagnosis\n";
    for finding in diagnose(model, results, "").sentences().take(FINDINGS) {
        out += &format!("  {finding}\n");
    }
    out
}

/// What became of rules. One that did nothing has tested nothing.
fn rules(results: &Results) -> String {
    let lines = results.rules.iter().map(|rule| {
        let matched = plural(rule.matched, "frame");
        let nothing = idle(rule.matched, rule.applied).map(|why| format!(": INCONCLUSIVE, {why}"));
        let (name, applied) = (&rule.name, rule.applied);
        let nothing = nothing.unwrap_or_default();
        format!("  rule {name}: matched {matched}, applied to {applied}{nothing}\n")
    });
    let lines: String = lines.collect();
    if lines.is_empty() {
        return lines;
    }
    format!("\nrules\n{lines}")
}

/// The rules that did nothing in one of several cases.
fn idle_rules(run: &CaseRun<'_>) -> String {
    let rules = run.results.rules.iter();
    let idle = rules.filter_map(|rule| Some((rule, idle(rule.matched, rule.applied)?)));
    let label = run.label();
    idle.map(|(rule, why)| format!("rule {} at {label}: INCONCLUSIVE, {why}\n", rule.name))
        .collect()
}

/// The metrics that the scenario names.
fn chosen_table(plan: &Plan, run: &CaseRun<'_>) -> Table {
    let mut table = Table::new(&[("", Align::Left), ("", Align::Right)]);
    for chosen in Chosen::all(plan, run) {
        table.row([chosen.heading.to_owned(), chosen.text()]);
    }
    table
}

fn overview(model: &Model, results: &Results) -> String {
    let hosts = model
        .nodes
        .iter()
        .filter(|n| matches!(n.role, Role::Host(_)))
        .count();
    format!(
        "{}, {}, {}; ended at {} ({}) after {}\n",
        plural(hosts as u64, "host"),
        plural((model.nodes.len() - hosts) as u64, "switch"),
        plural(model.flows.len() as u64, "flow"),
        results.end,
        stop_name(results.stop),
        plural(results.packet_hops, "packet-hop"),
    )
}

/// In order of first appearance.
fn group_names(model: &Model) -> Vec<&str> {
    let mut seen = std::collections::BTreeSet::new();
    model
        .flows
        .iter()
        .map(|f| f.group.as_str())
        .filter(|g| seen.insert(*g))
        .collect()
}

fn show(value: Option<impl Display>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |v| v.to_string())
}

fn group_table(summary: &Summary<'_>, groups: &[&str]) -> Table {
    const COLUMNS: [(&str, &str); 11] = [
        ("flows", "flows.total"),
        ("done", "flows.completed"),
        ("goodput", "goodput.total"),
        ("least", "goodput.min"),
        ("fairness", "goodput.jain"),
        ("fct p50", "fct.p50"),
        ("fct p99", "fct.p99"),
        ("fct max", "fct.max"),
        ("slowdown p50", "slowdown.p50"),
        ("p99", "slowdown.p99"),
        ("resent", "retransmits.packets"),
    ];
    let mut table = Table::new(&[("group", Align::Left)]);
    let metrics: Vec<_> = COLUMNS
        .into_iter()
        .filter_map(|(title, name)| Some((title, catalogue::find(name)?)))
        .collect();
    for (title, _) in &metrics {
        table.column(title, Align::Right);
    }
    for group in groups.iter().take(LISTED) {
        let values = metrics
            .iter()
            .map(|(_, m)| show(summary.get(&MetricRef::of_group(m, group))));
        table.row(std::iter::once((*group).to_owned()).chain(values));
    }
    table
}

fn flow_table(model: &Model, results: &Results) -> Table {
    let naks = |f: &FlowResult| f.counters.rnr_nak_retry_err;
    let not_ready = results.flows.iter().any(|f| naks(f) > 0);
    let mut table = Table::new(&[
        ("flow", Align::Left),
        ("from", Align::Left),
        ("to", Align::Left),
        ("size", Align::Right),
        ("status", Align::Left),
        ("fct", Align::Right),
        ("slowdown", Align::Right),
        ("goodput", Align::Right),
        ("resent", Align::Right),
        ("NAKs", Align::Right),
        ("timeouts", Align::Right),
    ]);
    if not_ready {
        table.column("RNR NAKs", Align::Right);
        table.column("RNR wait", Align::Right);
    }
    for result in &results.flows {
        let Some(spec) = model.flows.get(result.flow as usize) else {
            continue;
        };
        let waited = || [grouped(naks(result)), result.rnr_wait.to_string()];
        let cells = [
            spec.name.clone(),
            node_name(model, spec.src).to_owned(),
            node_name(model, spec.dst).to_owned(),
            xoff_model::units::Bytes(spec.bytes).to_string(),
            status_name(result.status).replace('_', " "),
            show(fct(result)),
            show(slowdown_ppm(result).map(Value::Ratio)),
            goodput(result).to_string(),
            grouped(result.retransmitted_packets),
            grouped(result.counters.packet_seq_err),
            grouped(result.counters.local_ack_timeout_err),
        ];
        let not_ready = not_ready.then(waited).into_iter().flatten();
        table.row(cells.into_iter().chain(not_ready));
    }
    table
}

/// Sorts rows by falling weight, keeping the order of ports among equals, and cuts them off.
fn heaviest<T>(mut rows: Vec<(u64, T)>) -> (Vec<T>, usize) {
    rows.sort_by_key(|row| std::cmp::Reverse(row.0));
    let more = rows.len().saturating_sub(LISTED);
    rows.truncate(LISTED);
    (rows.into_iter().map(|(_, row)| row).collect(), more)
}

fn filled(columns: &[(&str, Align)], rows: Vec<(u64, Vec<String>)>) -> (Table, usize) {
    let mut table = Table::new(columns);
    let (rows, more) = heaviest(rows);
    for row in rows {
        table.row(row);
    }
    (table, more)
}

fn drop_table(model: &Model, results: &Results) -> (Table, usize) {
    let mut rows = Vec::new();
    for port in &results.ports {
        for (cause, name) in DROP_CAUSES {
            for (p, &frames) in port.drops[cause as usize].iter().enumerate() {
                if frames == 0 {
                    continue;
                }
                let class = if port.priority[p].lossless {
                    "lossless"
                } else {
                    "lossy"
                };
                let cells = [
                    port_name(model, port),
                    node_name(model, port.peer).to_owned(),
                    p.to_string(),
                    class.to_owned(),
                    name.to_owned(),
                    grouped(frames),
                ];
                rows.push((frames, cells.to_vec()));
            }
        }
    }
    let columns = [
        ("port", Align::Left),
        ("peer", Align::Left),
        ("prio", Align::Right),
        ("class", Align::Left),
        ("cause", Align::Left),
        ("frames", Align::Right),
    ];
    filled(&columns, rows)
}

fn pause_table(model: &Model, results: &Results) -> (Table, usize) {
    let mut rows = Vec::new();
    for port in &results.ports {
        let mut row = |class: String, frames: u64, q: &PriorityResult| {
            let time = q.rx_pause_duration;
            let cells = [
                port_name(model, port),
                node_name(model, port.peer).to_owned(),
                class,
                grouped(frames),
                grouped(q.rx_pause_transitions),
                time.to_string(),
                q.rx_pause_longest.to_string(),
                show(ppm(time.ps(), results.end.ps()).map(Value::Share)),
            ];
            rows.push((time.ps(), cells.to_vec()));
        };
        // A whole-port pause stops all priorities alike, if the port obeys it: one row says it.
        let whole = !port.rx_global_pause_duration.is_zero();
        if whole || port.rx_global_pause > 0 {
            let idle = PriorityResult::default();
            let stopped = if whole { &port.priority[0] } else { &idle };
            row("all".to_owned(), port.rx_global_pause, stopped);
        }
        for (p, q) in port.priority.iter().enumerate() {
            if q.rx_pause > 0 || (!whole && !q.rx_pause_duration.is_zero()) {
                let idle = PriorityResult::default();
                row(p.to_string(), q.rx_pause, if whole { &idle } else { q });
            }
        }
    }
    let columns = [
        ("port", Align::Left),
        ("peer", Align::Left),
        ("prio", Align::Right),
        ("pauses", Align::Right),
        ("transitions", Align::Right),
        ("stopped for", Align::Right),
        ("longest", Align::Right),
        ("of the run", Align::Right),
    ];
    filled(&columns, rows)
}

/// The switch ports that queued most. Hosts' send queues are not congestion.
fn queue_table(model: &Model, results: &Results) -> (Table, usize) {
    const SHOWN: usize = 5;
    let switch = |n: u32| {
        model
            .nodes
            .get(n as usize)
            .is_some_and(|n| matches!(n.role, Role::Switch(_)))
    };
    let mut rows = Vec::new();
    for port in results
        .ports
        .iter()
        .filter(|p| switch(p.node) && p.queue_peak.0 > 0)
    {
        let headroom = port
            .priority
            .iter()
            .map(|q| q.headroom_peak)
            .max()
            .unwrap_or_default();
        let marked: u64 = port.priority.iter().map(|q| q.ecn_marked).sum();
        let cells = [
            port_name(model, port),
            node_name(model, port.peer).to_owned(),
            port.queue_peak.to_string(),
            headroom.to_string(),
            show(ppm(port.busy.ps(), results.end.ps()).map(Value::Share)),
            grouped(marked),
        ];
        rows.push((port.queue_peak.0, cells.to_vec()));
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.0));
    rows.truncate(SHOWN);
    let columns = [
        ("port", Align::Left),
        ("peer", Align::Left),
        ("peak", Align::Right),
        ("headroom used", Align::Right),
        ("busy", Align::Right),
        ("ECN marked", Align::Right),
    ];
    filled(&columns, rows)
}

fn totals(summary: &Summary<'_>) -> Table {
    const SHOWN: [&str; 14] = [
        "goodput.total",
        "efficiency",
        "drops.lossless",
        "drops.total",
        "retransmits.packets",
        "retransmits.ratio",
        "pause.frames",
        "pause.time",
        "ecn.marked",
        "cnp.handled",
        "buffer.peak",
        "deadlocks",
        "watchdog.storms",
        "hops",
    ];
    let mut table = Table::new(&[("", Align::Left), ("", Align::Right)]);
    for metric in SHOWN.into_iter().filter_map(catalogue::find) {
        if let Some(value) = summary.whole(metric) {
            table.row([metric.name.to_owned(), value.to_string()]);
        }
    }
    table
}

fn expectations(run: &ScenarioRun<'_>) -> String {
    let report: Report = run.report();
    if report.results.is_empty() {
        return String::new();
    }
    let several = run.cases.len() > 1;
    let mut out = format!("\nexpectations: {}\n", report.tally());
    let mut list = |label: String, checks: &[CheckResult]| {
        // Of many cases only what needs attention. What rules did is told elsewhere.
        let worth = |c: &&CheckResult| {
            (!several || c.verdict.name() != "pass") && !c.id.starts_with("rule:")
        };
        for check in checks.iter().filter(worth) {
            let at = if label.is_empty() {
                String::new()
            } else {
                format!(" at {label}")
            };
            let line = check.id.split_once(':').map_or("", |(_, line)| line);
            let detail = check.verdict.reason().unwrap_or(&check.detail);
            out += &format!(
                "  {:<4}  line {line}: {}{at}: {detail}\n",
                check.verdict.name(),
                check.name
            );
        }
    };
    for case in &run.cases {
        list(
            if several { case.label() } else { String::new() },
            &case.checks,
        );
    }
    list(String::new(), &run.agreements);
    out
}

#[cfg(test)]
mod tests {
    use super::super::testing::{plan, scenario_run};
    use super::*;
    use xoff_model::results::RuleResult;

    fn shown(cases: usize) -> String {
        let (plan, results) = plan();
        let mut out = Vec::new();
        write(&mut out, &[scenario_run(&plan, &results, cases)]).unwrap();
        String::from_utf8(out).unwrap().replace(VERSION, "VERSION")
    }

    #[test]
    fn one_case() {
        insta::assert_snapshot!(shown(1));
    }

    #[test]
    fn rules_that_did_nothing_are_said() {
        let rule = |name: &str, matched, applied| RuleResult {
            name: name.to_owned(),
            matched,
            applied,
            hits: Vec::new(),
        };
        let (plan, mut results) = plan();
        for results in &mut results {
            results.rules = vec![rule("loss", 9, 2), rule("late", 0, 0), rule("rare", 4, 0)];
        }
        let shown = |cases| {
            let mut out = Vec::new();
            write(&mut out, &[scenario_run(&plan, &results, cases)]).unwrap();
            String::from_utf8(out).unwrap()
        };
        let one = shown(1);
        assert!(
            one.contains("rule loss: matched 9 frames, applied to 2\n"),
            "{one}"
        );
        assert!(
            one.contains("applied to 0: INCONCLUSIVE, it never matched\n"),
            "{one}"
        );
        // Beside them expectations prove little.
        assert!(one.contains("1 failed, 2 inconclusive\n"), "{one}");
        let two = shown(2);
        assert_eq!(two.matches("INCONCLUSIVE").count(), 4, "{two}");
        assert!(!two.contains("rule loss"), "{two}");
    }

    #[test]
    fn several_cases() {
        insta::assert_snapshot!(shown(2));
    }

    #[test]
    fn several_cases_beside_each_other() {
        let (mut plan, results) = plan();
        plan.report.pivot = Some("pfc".to_owned());
        plan.report.metrics = vec![
            "goodput.total".to_owned(),
            "fct.max[group=incast] as slowest".to_owned(),
        ];
        let mut out = Vec::new();
        write(&mut out, &[scenario_run(&plan, &results, 2)]).unwrap();
        let text = String::from_utf8(out).unwrap().replace(VERSION, "VERSION");
        insta::assert_snapshot!(text);
    }
}
