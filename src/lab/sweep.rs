//! `xoff lab sweep`: the same commands in every case of a scenario, on real stacks.

use super::{self as lab, Prepared};
use crate::args::{LabSweepArgs, TableFormat};
use crate::output::{self, Error};
use crate::report::table::{Align, Table};
use crate::run::load_file;
use serde::Serialize;
use std::io::{self, Write};
use std::time::Duration;
use xoff_lab::LabError;
use xoff_lab::report::LabReport;
use xoff_lab::run::{self, Options};
use xoff_model::rules::Rule;
use xoff_scenario::Overrides;
use xoff_scenario::plan::Case;

/// A case on a kind of device.
#[derive(Debug, Default, Serialize)]
struct Row {
    /// `0.1%`
    case: String,
    device: &'static str,
    /// What the slowest command took, median of the runs that succeeded; None: none did.
    milliseconds: Option<u64>,
    /// Over all runs.
    runs: u64,
    failed: u64,
    /// Frames from guests, and those on which rules acted.
    frames: u64,
    ruled: u64,
    /// Rules that could have acted in the case, and did in no run.
    idle: Vec<String>,
}

/// A case with what each host runs in it.
type Planned<'a> = (&'a Case, Vec<String>);

pub(crate) fn run(args: &LabSweepArgs) -> Result<bool, Error> {
    let overrides = Overrides {
        sets: args.sets.clone(),
        memory: crate::memory::available(),
        ..Overrides::default()
    };
    let plan = load_file(&args.scenario, &overrides)?;
    // What is wrong with the last case is said before the first one runs.
    let planned = |case| plan_case(args, case);
    let cases: Vec<Planned<'_>> = plan.cases.iter().map(planned).collect::<Result<_, _>>()?;
    let prepared = Prepared::new(args.kernel.as_deref())?;
    let mut rows = Vec::new();
    let ended = fill(args, &cases, &prepared, &mut rows);
    // The rows that there are took time: they are shown however it ended.
    if ended.is_ok() || !rows.is_empty() {
        output::print(|out| match args.format {
            TableFormat::Human => {
                writeln!(out, "{}\n", plan.title)?;
                human(out, &rows)
            }
            TableFormat::Json => {
                serde_json::to_writer_pretty(&mut *out, &rows)?;
                writeln!(out)
            }
        })?;
    }
    ended?;
    Ok(rows.iter().all(|row| row.failed == 0))
}

fn plan_case<'a>(args: &LabSweepArgs, case: &'a Case) -> Result<Planned<'a>, Error> {
    let hosts = run::hosts(&case.model)?;
    Ok((case, lab::commands(&args.command, &args.on, &hosts)?))
}

fn fill(
    args: &LabSweepArgs,
    cases: &[Planned<'_>],
    prepared: &Prepared,
    rows: &mut Vec<Row>,
) -> Result<(), Error> {
    for planned in cases {
        for device in &args.device {
            let options = Options {
                timeout: Duration::from_nanos(args.timeout.ns()),
                ..prepared.options(device.driver())
            };
            rows.push(row(args.repeat, planned, &options)?);
        }
    }
    Ok(())
}

fn row(repeat: u16, planned: &Planned<'_>, options: &Options<'_>) -> Result<Row, Error> {
    let (case, commands) = planned;
    let labels = case.labels.iter().map(|(_, label)| label.as_str());
    let row = Row {
        case: labels.collect::<Vec<_>>().join(", "),
        device: match options.driver {
            "siw" => "iWARP (siw)",
            _ => "RoCE (rxe)",
        },
        ..Row::default()
    };
    output::tell(&format!("{} {}", row.case, options.driver));
    let mut tally = Tally::new(row, &case.model.rules);
    for n in 0..repeat {
        let mut model = case.model.clone();
        // Other chances each time.
        model.seed = model.seed.wrapping_add(u64::from(n));
        let failure = tally.take(run::run(&model, commands, options))?;
        failure.iter().for_each(|text| output::tell(text));
    }
    Ok(tally.row())
}

/// A row under way.
struct Tally {
    row: Row,
    /// Of runs that succeeded, in milliseconds.
    times: Vec<u64>,
    /// Rules that have done nothing yet.
    idle: Vec<String>,
    /// There is a run that the wire saw to its end.
    seen: bool,
}

impl Tally {
    fn new(row: Row, rules: &[Rule]) -> Tally {
        // The case without loss of a sweep over losses.
        let never = |rule: &&Rule| rule.choice.probability.is_some_and(|p| p.is_zero());
        let rules = rules.iter().filter(|rule| !never(rule));
        Tally {
            row,
            times: Vec::new(),
            idle: rules.map(|rule| rule.name.clone()).collect(),
            seen: false,
        }
    }

    /// Adds a run; gives why it failed, if it did. An error: there is no sense in more runs.
    fn take(&mut self, ran: Result<LabReport, LabError>) -> Result<Option<String>, LabError> {
        let report = match ran {
            Ok(report) => report,
            Err(guest @ LabError::Guest { .. }) => {
                self.row.runs += 1;
                self.row.failed += 1;
                return Ok(Some(guest.to_string()));
            }
            Err(other) => return Err(other),
        };
        self.row.runs += 1;
        self.row.frames += report.wire.received.iter().sum::<u64>();
        let rules = &report.wire.rules;
        self.row.ruled += rules.iter().map(|rule| rule.applied).sum::<u64>();
        let idle: Vec<&str> = report.wire.idle().collect();
        self.idle.retain(|name| idle.contains(&name.as_str()));
        self.seen = true;
        let Some(guest) = report.guests.iter().find(|guest| guest.status != 0) else {
            let slowest = report.guests.iter().map(|guest| guest.ran_ms).max();
            self.times.push(slowest.unwrap_or_default());
            return Ok(None);
        };
        self.row.failed += 1;
        let (name, status, said) = (&guest.name, guest.status, guest.stderr.trim());
        Ok(Some(format!("{name}: exit status {status}: {said}")))
    }

    fn row(mut self) -> Row {
        self.times.sort_unstable();
        let milliseconds = self.times.get(self.times.len() / 2).copied();
        self.idle.retain(|_| self.seen);
        Row {
            milliseconds,
            idle: self.idle,
            ..self.row
        }
    }
}

fn human(out: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
    out.write_all(table(rows).as_bytes())?;
    for row in rows.iter().filter(|row| !row.idle.is_empty()) {
        writeln!(
            out,
            "warning: nothing was done by {} in {} with {}: that row shows nothing about it",
            row.idle.join(", "),
            row.case,
            row.device
        )?;
    }
    Ok(())
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
        let first = first.and_then(|first| first.milliseconds);
        let none = || "-".to_owned();
        let against = row.milliseconds.zip(first).map(|(time, first)| {
            let tenths = time * 10 / first.max(1);
            format!("{}.{} x", tenths / 10, tenths % 10)
        });
        let time = row.milliseconds;
        let time = time.map(|ms| format!("{}.{:03} s", ms / 1000, ms % 1000));
        table.row([
            row.case.clone(),
            row.device.to_owned(),
            time.unwrap_or_else(none),
            against.unwrap_or_else(none),
            row.frames.to_string(),
            row.ruled.to_string(),
            format!("{} of {}", row.failed, row.runs),
        ]);
    }
    table.render(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use xoff_lab::report::{GuestReport, RuleReport, WireReport};

    fn ran(status: i32, ran_ms: u64, applied: u64) -> Result<LabReport, LabError> {
        let rule = |name: &str, applied| RuleReport {
            name: name.to_owned(),
            matched: 10,
            applied,
            ..RuleReport::default()
        };
        let guest = |ran_ms, status| GuestReport {
            name: "h0".to_owned(),
            status,
            ran_ms,
            ..GuestReport::default()
        };
        Ok(LabReport {
            guests: vec![guest(1, 0), guest(ran_ms, status)],
            wire: WireReport {
                received: vec![3, 4],
                rules: vec![rule("lose", applied), rule("mark", 0)],
                ..WireReport::default()
            },
            ..LabReport::default()
        })
    }

    fn hung() -> Result<LabReport, LabError> {
        Err(LabError::Guest {
            guest: "h1".to_owned(),
            message: "did not end".to_owned(),
            console: Vec::new(),
        })
    }

    fn tally(case: &str) -> Tally {
        let row = Row {
            case: case.to_owned(),
            device: "RoCE (rxe)",
            ..Row::default()
        };
        Tally {
            row,
            times: Vec::new(),
            idle: vec!["lose".to_owned(), "mark".to_owned()],
            seen: false,
        }
    }

    #[test]
    fn failed_runs_have_no_time_and_end_no_sweep() {
        let mut some = tally("0%");
        for (ran, fails) in [
            (ran(0, 2000, 0), false),
            (ran(1, 60_000, 1), true),
            (hung(), true),
            (ran(0, 1000, 0), false),
            (ran(0, 3000, 2), false),
        ] {
            assert_eq!(some.take(ran).unwrap().is_some(), fails);
        }
        let mut none = tally("1%");
        let why = none.take(hung()).unwrap().unwrap();
        assert!(why.contains("h1: did not end"), "{why}");
        assert!(none.take(Err(LabError::Interrupted)).is_err());
        let rows = [some.row(), none.row()];
        let mut out = Vec::new();
        human(&mut out, &rows).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        case  device         time  against the first  frames  ruled  failed
        0%    RoCE (rxe)  2.000 s              1.0 x      28      3  2 of 5
        1%    RoCE (rxe)        -                  -       0      0  1 of 1
        warning: nothing was done by mark in 0% with RoCE (rxe): that row shows nothing about it
        ");
        assert_eq!(
            serde_json::to_value(&rows[1]).unwrap()["milliseconds"],
            serde_json::Value::Null
        );
    }
}
