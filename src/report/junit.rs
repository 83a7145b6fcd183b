//! The report for test runners: a suite per scenario, a test per expectation and case.

use super::ScenarioRun;
use super::chosen::Chosen;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::io::{self, Write};
use xoff_conformance::{CheckResult, Verdict};

pub(crate) fn write(out: &mut dyn Write, runs: &[ScenarioRun<'_>]) -> io::Result<()> {
    let mut report = Report::new("xoff");
    for run in runs {
        let mut suite = TestSuite::new(run.plan.name.as_str());
        for case in &run.cases {
            let label = case.label();
            for chosen in Chosen::all(run.plan, case) {
                let name = named(chosen.heading, &label);
                suite.add_property((name, chosen.text()));
            }
            suite.add_test_cases(case.checks.iter().map(|c| test(run, &label, c)));
        }
        suite.add_test_cases(run.agreements.iter().map(|c| test(run, "", c)));
        report.add_test_suite(suite);
    }
    report.serialize(&mut *out).map_err(io::Error::other)
}

fn test(run: &ScenarioRun<'_>, label: &str, check: &CheckResult) -> TestCase {
    let failure = || TestCaseStatus::non_success(NonSuccessKind::Failure);
    let mut status = match check.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail | Verdict::Xpass => failure(),
        Verdict::Skip(_) | Verdict::Xfail(_) | Verdict::Inconclusive(_) => {
            TestCaseStatus::skipped()
        }
    };
    let message = check.verdict.reason().unwrap_or(&check.detail);
    if check.verdict != Verdict::Pass {
        status.set_message(message);
        status.set_type(check.verdict.name());
    }
    let name = named(&format!("{} {}", check.id, check.name), label);
    let mut case = TestCase::new(name, status);
    case.set_classname(run.plan.name.as_str());
    if check.verdict == Verdict::Pass {
        case.set_system_out(check.detail.as_str());
    }
    case
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
