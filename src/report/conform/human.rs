//! For people.

use super::Conformed;
use crate::report::table::{Align, Table};
use crate::report::text::wrap;
use std::io::{self, Write};
use xoff_checks::{CheckResult, Report, Verdict};
use xoff_suite::Arm;
use xoff_suite::mutants::MutantOutcome;
use xoff_suite::profile::Profile;
use xoff_suite::run::Outcome;
use xoff_suite::shrink::Minimal;

const WIDTH: usize = 100;
/// Before the text of a row: ID, verdict, and what is between.
const BEFORE: usize = 24;

pub(crate) fn human(out: &mut dyn Write, sets: &[Conformed]) -> io::Result<()> {
    for (n, set) in sets.iter().enumerate() {
        if n > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{}", set.title())?;
        let mut table = Table::new(&[("", Align::Left), ("", Align::Left), ("", Align::Left)]);
        for outcome in &set.outcomes {
            rows(&mut table, outcome);
        }
        write!(out, "{}", table.render(2))?;
        for outcome in set.outcomes.iter().filter(|o| o.verdict.is_failure()) {
            failure(out, set, outcome)?;
        }
        writeln!(out, "\n{}", set.report().tally())?;
    }
    Ok(())
}

fn rows(table: &mut Table, outcome: &Outcome) {
    let text = match outcome.verdict.reason() {
        Some(why) => why.to_owned(),
        None => outcome.check.title.to_owned(),
    };
    let lines = wrap(&text, WIDTH - BEFORE);
    for (n, line) in lines.iter().enumerate() {
        let first = |text: &str| {
            if n == 0 {
                text.to_owned()
            } else {
                String::new()
            }
        };
        let verdict = outcome.verdict.name().to_uppercase();
        table.row([first(outcome.check.id), first(&verdict), line.clone()]);
    }
}

fn failure(out: &mut dyn Write, set: &Conformed, outcome: &Outcome) -> io::Result<()> {
    let check = outcome.check;
    let verdict = outcome.verdict.name().to_uppercase();
    writeln!(out, "\n{verdict} {}: {}", check.id, check.title)?;
    if let (Verdict::Xpass, Some(deviation)) = (&outcome.verdict, outcome.deviation) {
        writeln!(out, "  no longer seen: {}", deviation.reason())?;
    }
    for (experiment, judged) in &outcome.judged {
        for fault in &judged.faults {
            let place = match *experiment {
                "" => String::new(),
                name => format!("{name}: "),
            };
            let frames = match &fault.frames[..] {
                [] => String::new(),
                frames => {
                    let numbers: Vec<String> = frames.iter().map(u64::to_string).collect();
                    format!(" (frames {})", numbers.join(", "))
                }
            };
            writeln!(out, "  {place}{}{frames}", fault.what)?;
        }
    }
    if let Some(kept) = set.kept(check.id) {
        if let Some(capture) = &kept.capture {
            writeln!(out, "  capture: {capture}")?;
        }
        if let Some(minimal) = &kept.minimal {
            least(out, minimal)?;
        }
    }
    writeln!(out, "  repeat with: {}", set.repeat(check.id))
}

/// The least that fails.
fn least(out: &mut dyn Write, minimal: &Minimal) -> io::Result<()> {
    if !minimal.repeatable {
        return writeln!(out, "  it did not fail again: nothing could be left out");
    }
    let runs = minimal.runs;
    match minimal.events.len() {
        0 => writeln!(out, "  it needs no event of the wire ({runs} runs)")?,
        _ => writeln!(out, "  the least that fails ({runs} runs):")?,
    }
    for event in &minimal.events {
        writeln!(out, "    {event}")?;
    }
    writeln!(out, "    with {}", minimal.flows.join(", "))
}

/// Mutants and whether they were caught.
pub(crate) fn mutants(
    out: &mut dyn Write,
    arm: Arm,
    profile: &Profile,
    outcomes: &[MutantOutcome],
    as_json: bool,
) -> io::Result<()> {
    if as_json {
        return super::machine::mutants(out, outcomes);
    }
    writeln!(out, "mutants on {arm}, profile {}", profile.name)?;
    let columns = [("", Align::Left); 4];
    let mut table = Table::new(&columns);
    for outcome in outcomes {
        let (word, text) = match &outcome.verdict {
            Verdict::Pass => ("caught", outcome.fault.as_str()),
            Verdict::Fail => ("SURVIVED", ""),
            other => ("not run", other.reason().unwrap_or_default()),
        };
        let row = [outcome.check.id, outcome.mutant, word, text];
        table.row(row.map(str::to_owned));
    }
    write!(out, "{}", table.render(2))?;
    let result = |outcome: &MutantOutcome| CheckResult {
        id: outcome.check.id.to_owned(),
        name: outcome.mutant.to_owned(),
        verdict: outcome.verdict.clone(),
        detail: outcome.fault.clone(),
    };
    let report: Report = outcomes.iter().map(result).collect();
    let (caught, survived) = (report.count("pass"), report.count("fail"));
    let skipped = report.count("skip");
    writeln!(
        out,
        "\n{caught} caught, {survived} survived, {skipped} not run"
    )
}
