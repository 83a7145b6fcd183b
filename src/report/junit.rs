//! The report for test runners: a suite per scenario, a test per expectation and case.

use super::ScenarioRun;
use super::chosen::Chosen;
use super::suites::{self, Suite, Test};
use std::io::{self, Write};
use xoff_checks::{CheckResult, Verdict};

pub(crate) fn write(out: &mut dyn Write, runs: &[ScenarioRun<'_>]) -> io::Result<()> {
    let suite = |run: &ScenarioRun<'_>| {
        let (mut tests, mut properties) = (Vec::new(), Vec::new());
        for case in &run.cases {
            let label = case.label();
            for chosen in Chosen::all(run.plan, case) {
                properties.push((named(chosen.heading, &label), chosen.text()));
            }
            tests.extend(case.checks.iter().map(|c| test(run, &label, c)));
        }
        tests.extend(run.agreements.iter().map(|c| test(run, "", c)));
        Suite {
            name: run.plan.name.clone(),
            properties,
            tests,
        }
    };
    suites::write(out, &runs.iter().map(suite).collect::<Vec<_>>())
}

fn test(run: &ScenarioRun<'_>, label: &str, check: &CheckResult) -> Test {
    let name = named(&format!("{} {}", check.id, check.name), label);
    let mut test = Test::new(&run.plan.name, name, suites::status(&check.verdict));
    if check.verdict == Verdict::Pass {
        test.output.clone_from(&check.detail);
    } else {
        let message = check.verdict.reason().unwrap_or(&check.detail);
        message.clone_into(&mut test.message);
        test.kind = check.verdict.name();
    }
    test
}

/// A name in one of several cases.
fn named(name: &str, label: &str) -> String {
    match label {
        "" => name.to_owned(),
        label => format!("{name} [{label}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{plan, scenario_run};
    use super::*;

    #[test]
    fn suites_and_cases() {
        let (plan, results) = plan();
        let mut run = scenario_run(&plan, &results, 2);
        run.agreements.push(CheckResult {
            id: "agree:30".to_owned(),
            name: "goodput.total agrees across pfc".to_owned(),
            verdict: Verdict::Skip("only one case of `pfc` was run".to_owned()),
            detail: String::new(),
        });
        let mut out = Vec::new();
        write(&mut out, &[run]).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
