//! JSON, JUnit and SARIF.

use super::Conformed;
use crate::report::suites::{self, Suite, Test};
use crate::report::{VERSION, sarif};
use serde_json::{Value, json};
use std::io::{self, Write};
use xoff_checks::Verdict;
use xoff_checks::catalogue::Check;
use xoff_checks::deviations::Deviation;
use xoff_suite::mutants::MutantOutcome;
use xoff_suite::run::Outcome;
use xoff_suite::shrink::Minimal;

pub(crate) fn json(out: &mut dyn Write, sets: &[Conformed]) -> io::Result<()> {
    let stacks: Vec<Value> = sets.iter().map(stack).collect();
    write(out, &json!({ "version": VERSION, "stacks": stacks }))
}

fn write(out: &mut dyn Write, value: &Value) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

fn stack(set: &Conformed) -> Value {
    let checks: Vec<Value> = set.outcomes.iter().map(|o| check(set, o)).collect();
    json!({
        "name": set.name,
        "arm": set.arm,
        "profile": set.profile.name,
        "tally": set.report().tally(),
        "checks": checks,
    })
}

fn check(set: &Conformed, outcome: &Outcome) -> Value {
    let judged = outcome.judged.iter().map(|(experiment, judged)| {
        json!({
            "experiment": experiment,
            "stimuli": judged.stimuli,
            "detail": judged.detail,
            "faults": judged.faults,
        })
    });
    let kept = set.kept(outcome.check.id);
    json!({
        "id": outcome.check.id,
        "name": outcome.check.name,
        "title": outcome.check.title,
        "verdict": outcome.verdict.name(),
        "reason": outcome.verdict.reason(),
        "deviation": outcome.deviation.map(|known| deviation(outcome.check, known)),
        "judged": judged.collect::<Vec<_>>(),
        "capture": kept.and_then(|kept| kept.capture.as_deref()),
        "minimal": kept.and_then(|kept| kept.minimal.as_ref()).map(minimal),
        "repeat": set.repeat(outcome.check.id),
    })
}

fn deviation(check: &Check, known: &Deviation) -> Value {
    let symptoms: Vec<&str> = known.symptoms.iter().map(|s| s.name).collect();
    json!({
        "id": known.id,
        "profiles": known.profiles,
        "checks": [check.id],
        "symptoms": symptoms,
        "what": known.what,
        "citation": known.citation,
    })
}

fn minimal(minimal: &Minimal) -> Value {
    let events = minimal
        .events
        .iter()
        .map(|event| json!({ "rule": event.rule, "n": event.n, "frame": event.frame }));
    json!({
        "repeatable": minimal.repeatable,
        "runs": minimal.runs,
        "events": events.collect::<Vec<_>>(),
        "flows": minimal.flows,
    })
}

pub(super) fn mutants(out: &mut dyn Write, outcomes: &[MutantOutcome]) -> io::Result<()> {
    let mutants = outcomes.iter().map(|outcome| {
        let verdict = match outcome.verdict {
            Verdict::Pass => "caught",
            Verdict::Fail => "survived",
            _ => "skip",
        };
        json!({
            "id": outcome.check.id,
            "mutant": outcome.mutant,
            "verdict": verdict,
            "reason": outcome.verdict.reason(),
            "fault": outcome.fault,
        })
    });
    let mutants: Vec<Value> = mutants.collect();
    write(out, &json!({ "version": VERSION, "mutants": mutants }))
}

pub(crate) fn junit(out: &mut dyn Write, sets: &[Conformed]) -> io::Result<()> {
    let suites = sets.iter().map(|set| Suite {
        name: set.title().to_string(),
        properties: Vec::new(),
        tests: set.outcomes.iter().map(|o| test(set, o)).collect(),
    });
    suites::write(out, &suites.collect::<Vec<_>>())
}

fn test(set: &Conformed, outcome: &Outcome) -> Test {
    let detail = outcome.detail();
    let check = outcome.check;
    let name = format!("{} {}", check.id, check.name);
    let mut test = Test::new(&set.title(), name, suites::status(&outcome.verdict));
    if outcome.verdict != Verdict::Pass {
        let message = outcome.verdict.reason().unwrap_or(&detail);
        message.clone_into(&mut test.message);
        test.kind = outcome.verdict.name();
    }
    let capture = set.kept(check.id).and_then(|kept| kept.capture.as_deref());
    let mut text = match outcome.verdict.is_failure() {
        true => format!("{detail}\nrepeat with: {}", set.repeat(check.id)),
        false => detail,
    };
    if let Some(capture) = capture {
        // The form in which test runners pick up files.
        text += &format!("\n[[ATTACHMENT|{capture}]]");
    }
    test.output = text;
    test
}

pub(crate) fn sarif(out: &mut dyn Write, sets: &[Conformed]) -> io::Result<()> {
    let mut checks: Vec<&'static Check> = Vec::new();
    for outcome in sets.iter().flat_map(|set| &set.outcomes) {
        if !checks.contains(&outcome.check) {
            checks.push(outcome.check);
        }
    }
    let results = sets.iter().flat_map(|set| {
        let checks = &checks;
        let outcomes = set.outcomes.iter();
        outcomes.map(move |outcome| result(set, outcome, checks))
    });
    let results: Vec<Value> = results.collect();
    let rules: Vec<_> = checks.iter().map(|check| sarif::rule(check)).collect();
    let driver = json!({ "name": "xoff", "version": VERSION, "rules": rules });
    let run = json!({
        "tool": { "driver": driver },
        "invocations": [{ "executionSuccessful": true }],
        "results": results,
    });
    write(
        out,
        &json!({ "$schema": sarif::SCHEMA, "version": "2.1.0", "runs": [run] }),
    )
}

fn result(set: &Conformed, outcome: &Outcome, checks: &[&Check]) -> Value {
    // The standard wants level none with every kind but fail.
    let (kind, level) = match outcome.verdict {
        Verdict::Pass => ("pass", "none"),
        Verdict::Fail | Verdict::Xpass => ("fail", "error"),
        Verdict::Xfail(_) => ("fail", "note"),
        Verdict::Skip(_) => ("notApplicable", "none"),
        Verdict::Inconclusive(_) => ("open", "none"),
    };
    let id = outcome.check.id;
    let detail = outcome.detail();
    let text = match outcome.verdict.reason() {
        Some(why) => why,
        None if detail.is_empty() => outcome.check.title,
        None => &detail,
    };
    let place = json!({ "fullyQualifiedName": set.title(), "kind": "resource" });
    let mut location = json!({ "logicalLocations": [place] });
    if let Some(capture) = set.kept(id).and_then(|kept| kept.capture.as_deref()) {
        let uri = sarif::uri(capture);
        location["physicalLocation"] = json!({ "artifactLocation": { "uri": uri } });
    }
    let mut result = json!({
        "ruleId": id,
        "ruleIndex": checks.iter().position(|known| *known == outcome.check),
        "kind": kind,
        "level": level,
        "message": { "text": text },
        "locations": [location],
        "partialFingerprints": { "xoff/v1": format!("{}/{}/{id}", set.arm, set.profile.name) },
    });
    if let Verdict::Xfail(why) = &outcome.verdict {
        let suppression = json!({ "kind": "external", "justification": why });
        result["suppressions"] = json!([suppression]);
    }
    result
}
