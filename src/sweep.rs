//! `xoff lab sweep`: the same commands in every case of a scenario, on real stacks.

use crate::args::{LabSweepArgs, TableFormat};
use crate::lab::{self, Prepared};
use crate::output::{self, Error};
use crate::report::table::{Align, Table};
use crate::run::load_file;
use serde::Serialize;
use std::time::Duration;
use xoff_conformance::lab::report::LabReport;
use xoff_conformance::lab::run::{self, Options};
use xoff_sim::plan::Case;
use xoff_sim::scenario::Overrides;

/// A case on a kind of device.
#[derive(Debug, Serialize)]
struct Row {
    /// `0.1%`
    case: String,
    device: &'static str,
    /// What the slowest command took, median of the runs.
    milliseconds: u64,
    /// Over all runs.
    runs: u64,
    failed: u64,
    /// Frames from guests, and those on which rules acted.
    frames: u64,
    ruled: u64,
}

pub(crate) fn run(args: &LabSweepArgs) -> Result<bool, Error> {
    let overrides = Overrides {
        sets: args.sets.clone(),
        ..Overrides::default()
    };
    let plan = load_file(&args.scenario, &overrides)?;
    let prepared = Prepared::new(args.kernel.as_deref())?;
    let mut rows = Vec::new();
    for case in &plan.cases {
        for device in &args.device {
            let options = Options {
                timeout: Duration::from_nanos(args.timeout.ns()),
                ..prepared.options(device.driver())
            };
            rows.push(row(args, case, &options)?);
        }
    }
    output::print(|out| match args.format {
        TableFormat::Human => {
            writeln!(out, "{}\n", plan.title)?;
            out.write_all(table(&rows).as_bytes())
        }
        TableFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, &rows)?;
            writeln!(out)
        }
    })?;
    Ok(rows.iter().all(|row| row.failed == 0))
}

fn row(args: &LabSweepArgs, case: &Case, options: &Options<'_>) -> Result<Row, Error> {
    let commands = lab::commands(&args.command, &args.on, &run::hosts(&case.model)?)?;
    let labels: Vec<&str> = case
        .labels
        .iter()
        .map(|(_, label)| label.as_str())
        .collect();
    let mut row = Row {
        case: labels.join(", "),
        device: match options.driver {
            "siw" => "iWARP (siw)",
            _ => "RoCE (rxe)",
        },
        milliseconds: 0,
        runs: u64::from(args.repeat),
        failed: 0,
        frames: 0,
        ruled: 0,
    };
    output::tell(&format!("{} {}", row.case, options.driver));
    let mut times = Vec::new();
    for n in 0..args.repeat {
        let mut model = case.model.clone();
        // Other chances each time.
        model.seed = model.seed.wrapping_add(u64::from(n));
        let report: LabReport = run::run(&model, &commands, options)?;
        let slowest = report.guests.iter().map(|guest| guest.ran_ms).max();
        times.push(slowest.unwrap_or_default());
        if let Some(guest) = report.guests.iter().find(|guest| guest.status != 0) {
            row.failed += 1;
            let said = guest.stderr.trim();
            output::tell(&format!(
                "{}: exit status {}: {said}",
                guest.name, guest.status
            ));
        }
        row.frames += report.wire.received.iter().sum::<u64>();
        row.ruled += report
            .wire
            .rules
            .iter()
            .map(|rule| rule.applied)
            .sum::<u64>();
    }
    times.sort_unstable();
    row.milliseconds = times.get(times.len() / 2).copied().unwrap_or_default();
    Ok(row)
}

fn table(rows: &[Row]) -> String {
    let columns = [
        ("case", Align::Left),
        ("device", Align::Left),
        ("time", Align::Right),
        ("against the first", Align::Right),
        ("frames", Align::Right),
        ("ruled", Align::Right),
        ("failed", Align::Right),
    ];
    let mut table = Table::new(&columns);
    for row in rows {
        // The first case of the same device.
        let first = rows.iter().find(|other| other.device == row.device);
        let first = first.map_or(0, |first| first.milliseconds).max(1);
        let tenths = row.milliseconds * 10 / first;
        table.row([
            row.case.clone(),
            row.device.to_owned(),
            format!(
                "{}.{:03} s",
                row.milliseconds / 1000,
                row.milliseconds % 1000
            ),
            format!("{}.{} x", tenths / 10, tenths % 10),
            row.frames.to_string(),
            row.ruled.to_string(),
            format!("{} of {}", row.failed, row.runs),
        ]);
    }
    table.render(0)
}
