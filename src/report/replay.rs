//! A capture and its simulation side by side.

use super::plural;
use super::table::{Align, Table};
use crate::replay::Replayed;
use crate::report::text::{NOTHING, paragraph};
use xoff_scenario::metrics::value::{Unit, grouped};
use xoff_trace::replay::figures::{Figures, FlowFigures};

/// Flows that the table shows.
const ROWS: usize = 20;

/// The report for people. `changes`: the what-if, as given.
pub(super) fn text(replayed: &Replayed) -> String {
    let replay = &replayed.replay;
    let hosts = plural(replay.hosts.len() as u64, "host");
    let rows = replayed.captured.flows.len();
    let mut flows = plural(rows as u64, "flow");
    if replay.flows.len() > rows {
        flows += &format!(" in {}", plural(replay.flows.len() as u64, "burst"));
    }
    let mut out = format!("\nreplay: {hosts} around one switch, {flows}\n");
    for note in &replay.notes {
        out += &paragraph(2, "- ", note);
    }
    let mut columns = vec![
        ("captured", &replayed.captured),
        ("replay", &replayed.simulated),
    ];
    if let Some((sets, changed)) = &replayed.changed {
        columns.push(("what if", changed));
        let sets: Vec<String> = sets.iter().map(|(k, v)| format!("{k}={v}")).collect();
        out += &format!("  what if: {}\n", sets.join(", "));
    }
    out += &format!("\n{}", totals(&columns).render(2));
    out += &format!("\n{}", by_flow(&columns).render(2));
    let rows = &replayed.captured.flows;
    if rows.len() > ROWS {
        out += &format!("  and {} more flows\n", rows.len() - ROWS);
    }
    let all = columns.iter().flat_map(|(_, figures)| &figures.flows);
    if all.clone().any(|flow| !flow.completed) {
        out += "  * not completed\n";
    }
    out
}

fn totals(columns: &[(&str, &Figures)]) -> Table {
    let mut table = Table::new(&[("", Align::Left)]);
    for (name, _) in columns {
        table.column(name, Align::Right);
    }
    let mut row = |name: &str, value: &dyn Fn(&Figures) -> String| {
        let cells = columns.iter().map(|(_, f)| value(f));
        table.row(std::iter::once(name.to_owned()).chain(cells));
    };
    row("delivered", &|f| show(Unit::Bytes, f.delivered_bytes));
    row("first to last data", &|f| time(f.span_ns));
    row("goodput", &|f| {
        f.goodput_bps
            .map_or(NOTHING.to_owned(), |rate| show(Unit::Rate, rate))
    });
    row("data packets", &|f| grouped(f.data_packets));
    row("retransmitted packets", &|f| {
        grouped(f.retransmitted_packets)
    });
    row("NAKs received", &|f| grouped(f.naks));
    row("timeouts", &|f| grouped(f.timeouts));
    row("RNR NAKs", &|f| grouped(f.rnr_naks));
    row("CE marks", &|f| grouped(f.ce_marked));
    row("CNPs", &|f| grouped(f.cnps));
    let kinds: [(&str, PerPriority); 2] = [
        ("hosts paused", |f| &f.hosts_paused_ns),
        ("hosts pausing", |f| &f.hosts_pausing_ns),
    ];
    for (what, of) in kinds {
        // 802.3x stops all alike: that is one row.
        let alike = columns.iter().all(|(_, f)| of(f) == &[of(f)[0]; 8]);
        for priority in 0..if alike { 1 } else { 8 } {
            let class = match alike {
                true => "all priorities".to_owned(),
                false => format!("priority {priority}"),
            };
            if columns.iter().any(|(_, f)| of(f)[priority] > 0) {
                row(&format!("{what}, {class}"), &|f| time(of(f)[priority]));
            }
        }
    }
    table
}

/// Times per priority of one kind.
type PerPriority = fn(&Figures) -> &[u64; 8];

/// Flows that were sent again most, then the longest.
fn by_flow(columns: &[(&str, &Figures)]) -> Table {
    let mut table = Table::new(&[("flow", Align::Left), ("bytes", Align::Right)]);
    table.span("", 2);
    for (name, _) in columns {
        table.span(name, 2);
        table.column("time", Align::Right);
        table.column("sent again", Align::Right);
    }
    let captured = columns[0].1;
    let mut order: Vec<usize> = (0..captured.flows.len()).collect();
    order.sort_by_key(|&i| {
        let f = &captured.flows[i];
        std::cmp::Reverse((f.retransmitted_packets, f.span_ns))
    });
    for &i in order.iter().take(ROWS) {
        let flow = &captured.flows[i];
        let mut cells = vec![flow.name.clone(), show(Unit::Bytes, flow.delivered_bytes)];
        for (_, figures) in columns {
            cells.extend(figures.flows.get(i).map_or(Default::default(), cells_of));
        }
        table.row(cells);
    }
    table
}

fn cells_of(flow: &FlowFigures) -> [String; 2] {
    let unfinished = if flow.completed { "" } else { "*" };
    [
        format!("{}{unfinished}", time(flow.span_ns)),
        grouped(flow.retransmitted_packets),
    ]
}

fn show(unit: Unit, raw: u64) -> String {
    unit.value(raw).to_string()
}

fn time(ns: u64) -> String {
    show(Unit::Duration, ns.saturating_mul(1_000))
}

/// The same for programs.
pub(super) fn json(replayed: &Replayed) -> serde_json::Value {
    let sets = replayed.changed.as_ref().map(|(sets, _)| sets);
    serde_json::json!({
        "scenario": replayed.toml,
        "notes": replayed.replay.notes,
        "captured": replayed.captured,
        "simulated": replayed.simulated,
        "what_if": replayed.changed.as_ref().map(|(_, figures)| figures),
        "what_if_set": sets,
    })
}
