//! H-05: the reports are what their formats demand. A sample with every verdict and awkward texts is
//! printed, read back, and must say the same.

use super::{Conformed, json, junit, sarif, tap, xml};
use serde_json::Value;
use std::io;
use xoff_checks::Verdict;
use xoff_checks::catalogue;
use xoff_suite::judges::Fault;
use xoff_suite::profile::Profile;
use xoff_suite::run::Outcome;
use xoff_suite::{Arm, Judged};

/// Text that a careless writer would break on.
const AWKWARD: &str = "a # b <c> \"d\" & 'e' \\ ]]> \u{1f600}\nnot ok 99 - f";

/// Prints the sample and judges what comes out. `damage` names a format whose output is spoilt.
pub(crate) fn selfcheck(damage: Option<&str>) -> Judged {
    let sets = [sample()];
    let mut judged = Judged::default();
    let count = sets[0].outcomes.len();
    type Writer = fn(&mut dyn io::Write, &[Conformed]) -> io::Result<()>;
    type Reader = fn(&str, usize) -> Result<(), String>;
    let formats: [(&str, Writer, Reader); 4] = [
        ("json", json, read_json),
        ("junit", junit, read_junit),
        ("tap", tap, read_tap),
        ("sarif", sarif, read_sarif),
    ];
    for (name, write, read) in formats {
        let mut bytes = Vec::new();
        let written = write(&mut bytes, &sets).map_err(|e| e.to_string());
        let mut text = String::from_utf8_lossy(&bytes).into_owned();
        if damage == Some(name) {
            text = spoilt(&text);
        }
        let read = written.and_then(|()| read(&text, count));
        judged.expect(read.is_ok(), &[], || {
            format!("--format {name}: {}", read.err().unwrap_or_default())
        });
    }
    judged.detail = format!("{} formats read back", judged.stimuli);
    judged
}

/// One verdict says something else.
fn spoilt(text: &str) -> String {
    let pairs = [
        ("\"verdict\": \"fail\"", "\"verdict\": \"pass\""),
        ("<failure", "<skipped"),
        ("not ok 2", "ok 2"),
        ("\"level\": \"error\"", "\"level\": \"none\""),
    ];
    let fold = |text: String, (from, to): (&str, &str)| text.replacen(from, to, 1);
    pairs.into_iter().fold(text.to_owned(), fold)
}

fn verdicts() -> [Verdict; 6] {
    let why = || AWKWARD.to_owned();
    [
        Verdict::Pass,
        Verdict::Fail,
        Verdict::Skip(why()),
        Verdict::Xfail(why()),
        Verdict::Xpass,
        Verdict::Inconclusive(why()),
    ]
}

fn sample() -> Conformed {
    let outcome = |(check, verdict)| {
        let fault = Fault {
            what: AWKWARD.to_owned(),
            frames: vec![1, 2],
            symptom: None,
        };
        Outcome {
            check,
            judged: vec![(
                "sample",
                Judged {
                    stimuli: 1,
                    faults: match verdict {
                        Verdict::Fail => vec![fault],
                        _ => Vec::new(),
                    },
                    detail: AWKWARD.to_owned(),
                },
            )],
            verdict,
            deviation: None,
            failed_in: None,
        }
    };
    Conformed {
        name: "a capture".to_owned(),
        arm: Arm::Sim,
        profile: Profile::of(Arm::Sim),
        command: "xoff conform".to_owned(),
        outcomes: catalogue::checks().zip(verdicts()).map(outcome).collect(),
        kept: Vec::new(),
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, wanted: T) -> Result<(), String> {
    match found == wanted {
        true => Ok(()),
        false => Err(format!("{what}: {found:?}, expected {wanted:?}")),
    }
}

fn read_json(text: &str, count: usize) -> Result<(), String> {
    let value: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let checks = value["stacks"][0]["checks"].as_array();
    let checks = checks.ok_or("there are no checks")?;
    same("checks", checks.len(), count)?;
    for (check, verdict) in checks.iter().zip(verdicts()) {
        same("verdict", check["verdict"].as_str(), Some(verdict.name()))?;
        same("reason", check["reason"].as_str(), verdict.reason())?;
    }
    Ok(())
}

fn read_junit(text: &str, count: usize) -> Result<(), String> {
    let elements = xml::elements(text)?;
    let named = |name: &str| {
        elements
            .iter()
            .filter(move |e| e.name == name)
            .collect::<Vec<_>>()
    };
    let root = elements.first().ok_or("there is no element")?;
    same("root", root.name.as_str(), "testsuites")?;
    for element in [root].into_iter().chain(named("testsuite")) {
        let number = |key| element.attribute(key).and_then(|n| n.parse().ok());
        same("tests", number("tests"), Some(count))?;
        same("failures", number("failures"), Some(2))?;
        same("errors", number("errors"), Some(0))?;
        same("skipped", number("skipped"), Some(3))?;
    }
    same("tests", named("testcase").len(), count)?;
    same("failed tests", named("failure").len(), 2)?;
    let skipped = named("skipped");
    same("skipped tests", skipped.len(), 3)?;
    for test in skipped {
        same("reason", test.attribute("message"), Some(AWKWARD))?;
    }
    for output in named("system-out") {
        same("output", output.text.starts_with(AWKWARD), true)?;
    }
    Ok(())
}

/// A reader of the protocol's lines: plan, points, directives, YAML blocks.
fn read_tap(text: &str, count: usize) -> Result<(), String> {
    let mut lines = text.lines();
    same("version", lines.next(), Some("TAP version 14"))?;
    same("plan", lines.next(), Some(format!("1..{count}").as_str()))?;
    let mut points = Vec::new();
    let mut yaml = false;
    for line in lines {
        match line {
            "  ---" => yaml = true,
            "  ..." => yaml = false,
            _ if yaml => {}
            _ => {
                let ok = !line.starts_with("not ");
                let rest = line.trim_start_matches("not ");
                let number = points.len() + 1;
                let start = format!("ok {number} - ");
                let rest = rest
                    .strip_prefix(&start)
                    .ok_or_else(|| format!("a line is {line:?}"))?;
                // A directive follows the first # that is not escaped.
                let directive = rest.split(" # ").nth(1).and_then(|d| d.split(' ').next());
                points.push((ok, directive.unwrap_or_default().to_owned()));
            }
        }
    }
    same("end of a YAML block", yaml, false)?;
    let wanted = verdicts().map(|verdict| match verdict {
        Verdict::Pass => (true, ""),
        Verdict::Skip(_) | Verdict::Inconclusive(_) => (true, "SKIP"),
        Verdict::Xfail(_) => (false, "TODO"),
        Verdict::Fail | Verdict::Xpass => (false, ""),
    });
    let wanted: Vec<_> = wanted
        .into_iter()
        .map(|(ok, d)| (ok, d.to_owned()))
        .collect();
    same("points", points, wanted)
}

fn read_sarif(text: &str, count: usize) -> Result<(), String> {
    let log: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    same("version", log["version"].as_str(), Some("2.1.0"))?;
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array();
    let rules = rules.ok_or("there are no rules")?;
    let results = run["results"].as_array().ok_or("there are no results")?;
    same("results", results.len(), count)?;
    for result in results {
        let index = result["ruleIndex"].as_u64().unwrap_or(u64::MAX);
        let rule = usize::try_from(index)
            .ok()
            .and_then(|index| rules.get(index));
        let id = rule.and_then(|rule| rule["id"].as_str());
        same("rule of a result", id, result["ruleId"].as_str())?;
        let fail = result["kind"] == "fail";
        same(
            "level none if not kind fail",
            result["level"] != "none",
            fail,
        )?;
    }
    let failed = results
        .iter()
        .filter(|r| r["kind"] == "fail" && r["suppressions"].is_null());
    same("failures that are not excused", failed.count(), 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read_back_and_damage_is_seen() {
        let judged = selfcheck(None);
        assert_eq!((judged.stimuli, &judged.faults[..]), (4, &[][..]));
        for format in ["json", "junit", "tap", "sarif"] {
            let judged = selfcheck(Some(format));
            assert_eq!(judged.faults.len(), 1, "{format}");
            assert!(judged.faults[0].what.contains(format));
        }
    }

    /// Types made from the standard's own schema refuse what it refuses.
    #[test]
    fn sarif_fits_the_schema() {
        let mut out = Vec::new();
        sarif(&mut out, &[sample()]).unwrap();
        let log: serde_sarif::sarif::Sarif = serde_json::from_slice(&out).unwrap();
        assert_eq!(log.runs[0].results.as_ref().unwrap().len(), 6);
    }

    #[test]
    fn reports_for_people_and_machines() {
        for (name, write) in [
            (
                "human",
                super::super::human as fn(&mut dyn io::Write, &[Conformed]) -> _,
            ),
            ("tap", tap),
        ] {
            let mut out = Vec::new();
            write(&mut out, &[sample()]).unwrap();
            insta::assert_snapshot!(name, String::from_utf8(out).unwrap());
        }
    }
}
