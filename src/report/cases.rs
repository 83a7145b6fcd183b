//! Several cases in one table.

use super::ScenarioRun;
use super::chosen::Chosen;
use super::table::{Align, Table};
use crate::report::text::NOTHING;
use xoff_checks::diagnosis::diagnose;
use xoff_scenario::plan::column;

/// Metrics of a scenario that names none.
const DEFAULT: [&str; 6] = [
    "flows.completed",
    "goodput.total",
    "fct.max",
    "drops.total",
    "retransmits.packets",
    "pause.frames",
];
/// Cases that get a line of diagnosis.
const DIAGNOSED: usize = 8;

/// The table of metrics by case, and a finding per case if they are few.
pub(crate) fn text(run: &ScenarioRun<'_>) -> String {
    let names: Vec<&str> = match run.plan.report.metrics.as_slice() {
        [] => DEFAULT.to_vec(),
        chosen => chosen.iter().map(String::as_str).collect(),
    };
    let mut out = table(run, &names).render(0);
    if run.cases.len() <= DIAGNOSED {
        out += "\ndiagnosis\n";
        for case in &run.cases {
            let label = case.label();
            let found = diagnose(&case.case.model, &case.results, &label);
            let first = found.sentences().next().unwrap_or(NOTHING);
            out += &format!("  {label}: {first}\n");
        }
    }
    out
}

type Labels<'a> = Vec<&'a str>;
/// The pivot's group, and the values there.
type Cells = (usize, Vec<String>);

fn table(run: &ScenarioRun<'_>, names: &[&str]) -> Table {
    let axes: Vec<&str> = run
        .cases
        .first()
        .map(|c| {
            c.case
                .labels
                .iter()
                .map(|(axis, _)| axis.as_str())
                .collect()
        })
        .unwrap_or_default();
    let pivot = run.plan.report.pivot.as_deref();
    let pivot_at = axes.iter().position(|axis| Some(*axis) == pivot);
    let mut table = Table::new(&[]);
    for (n, axis) in axes.iter().enumerate() {
        if Some(n) != pivot_at {
            table.column(axis, Align::Left);
        }
    }
    // Labels and rows in the order in which the cases show them.
    let mut groups: Vec<&str> = Vec::new();
    let mut rows: Vec<(Labels<'_>, Vec<Cells>)> = Vec::new();
    for case in &run.cases {
        let label = |n: usize| case.case.labels.get(n).map_or("", |(_, l)| l.as_str());
        let group = pivot_at.map_or("", label);
        let key: Labels<'_> = (0..axes.len())
            .filter(|n| Some(*n) != pivot_at)
            .map(label)
            .collect();
        let at = groups.iter().position(|g| *g == group).unwrap_or_else(|| {
            groups.push(group);
            groups.len() - 1
        });
        let values = names.iter().map(|name| Chosen::of(case, name).text());
        let cells = (at, values.collect());
        match rows.iter_mut().find(|(k, _)| *k == key) {
            Some((_, row)) => row.push(cells),
            None => rows.push((key, vec![cells])),
        }
    }
    if let (Some(at), false) = (pivot_at, groups.is_empty()) {
        if axes.len() > 1 {
            table.span("", axes.len() - 1);
        }
        for group in &groups {
            table.span(&format!("{}={group}", axes[at]), names.len());
        }
    }
    for _ in &groups {
        for name in names {
            table.column(column(name).1, Align::Right);
        }
    }
    for (key, row) in rows {
        let mut cells: Vec<String> = key.iter().map(|l| (*l).to_owned()).collect();
        for at in 0..groups.len() {
            match row.iter().find(|(group, _)| *group == at) {
                Some((_, values)) => cells.extend(values.iter().cloned()),
                None => cells.extend(names.iter().map(|_| String::new())),
            }
        }
        table.row(cells);
    }
    table
}
