//! Test Anything Protocol, version 14.

use super::Conformed;
use std::io::{self, Write};
use xoff_checks::Verdict;
use xoff_suite::run::Outcome;

pub(crate) fn tap(out: &mut dyn Write, sets: &[Conformed]) -> io::Result<()> {
    let count: usize = sets.iter().map(|set| set.outcomes.len()).sum();
    writeln!(out, "TAP version 14\n1..{count}")?;
    let all = sets.iter().flat_map(|set| {
        let outcomes = set.outcomes.iter();
        outcomes.map(move |outcome| (set, outcome))
    });
    for (number, (set, outcome)) in (1..).zip(all) {
        point(out, number, set, outcome)?;
    }
    Ok(())
}

/// What is known to fail is TODO; what was not judged is SKIP.
fn point(out: &mut dyn Write, n: usize, set: &Conformed, outcome: &Outcome) -> io::Result<()> {
    let (ok, directive) = match &outcome.verdict {
        Verdict::Pass => ("ok", String::new()),
        Verdict::Skip(why) => ("ok", format!(" # SKIP {}", escaped(why))),
        Verdict::Inconclusive(why) => ("ok", format!(" # SKIP inconclusive: {}", escaped(why))),
        Verdict::Xfail(why) => ("not ok", format!(" # TODO {}", escaped(why))),
        Verdict::Fail | Verdict::Xpass => ("not ok", String::new()),
    };
    let check = outcome.check;
    let place = match set.name.as_str() {
        "" => String::new(),
        name => format!(" [{}]", escaped(name)),
    };
    let title = escaped(check.title);
    writeln!(out, "{ok} {n} - {} {title}{place}{directive}", check.id)?;
    if !outcome.verdict.is_failure() {
        return Ok(());
    }
    writeln!(out, "  ---")?;
    writeln!(out, "  verdict: {}", outcome.verdict.name())?;
    writeln!(out, "  message: {}", quoted(&outcome.detail()))?;
    if let Some(capture) = set.kept(check.id).and_then(|kept| kept.capture.as_deref()) {
        writeln!(out, "  capture: {}", quoted(capture))?;
    }
    writeln!(out, "  repeat: {}", quoted(&set.repeat(check.id)))?;
    writeln!(out, "  ...")
}

/// A description must not seem to have a directive, nor a second line.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('#', "\\#");
    text.replace(['\n', '\r'], " ")
}

/// A YAML scalar in double quotes: JSON's strings are such.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
