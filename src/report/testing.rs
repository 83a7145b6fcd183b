//! A small hand-made scenario: three senders to h0 through sw0, and a victim; with PFC and without.

use std::sync::Arc;
use xoff_checks::judge_expectations;
use xoff_model::results::*;
use xoff_model::testing::incast;
use xoff_scenario::metrics::expect::Expectation;
use xoff_scenario::metrics::summary::Summary;
use xoff_scenario::plan::{Case, Located, Plan, ReportSpec};

use super::{CaseRun, ScenarioRun};

/// A scenario with one case per PFC setting, and the results of both.
pub(crate) fn plan() -> (Plan, Vec<Results>) {
    let (model, with) = incast();
    let mut without = with.clone();
    without.ports[4].drops[DropCause::TailDrop as usize][3] = 48_211;
    without.ports[4].drops[DropCause::HeadroomFull as usize][3] = 0;
    without.ports[4].priority[3].lossless = false;
    without.ports[1].priority[3] = PriorityResult::default();
    without.flows[0].bytes_delivered = 500_000;
    let expectations = ["drops.lossless == 0", "goodput.max >= \"70Gbps\""];
    let located = |(n, text): (usize, &&str)| {
        Arc::new(Located {
            value: Expectation::parse(text).unwrap(),
            text: (*text).to_owned(),
            line: 20 + n,
        })
    };
    let case = |pfc: &str| Case {
        labels: vec![("pfc".to_owned(), pfc.to_owned())],
        model: model.clone(),
        expectations: expectations.iter().enumerate().map(located).collect(),
    };
    let plan = Plan {
        labels: vec![("pfc".to_owned(), vec!["on".to_owned(), "off".to_owned()])],
        unmatched: Vec::new(),
        name: "incast".to_owned(),
        title: "Incast with a victim".to_owned(),
        cases: vec![case("on"), case("off")],
        report: ReportSpec::default(),
        agreements: Vec::new(),
        hash: "0123456789abcdef".to_owned(),
        files: None,
    };
    (plan, vec![with, without])
}

/// The first `cases` cases as they are reported.
pub(crate) fn scenario_run<'a>(
    plan: &'a Plan,
    results: &[Results],
    cases: usize,
) -> ScenarioRun<'a> {
    let run = |(case, results): (&'a Case, &Results)| CaseRun {
        case,
        results: results.clone(),
        checks: judge_expectations(case, &Summary::new(&case.model, results)),
    };
    ScenarioRun {
        plan,
        command: "xoff run incast.toml".to_owned(),
        file: "incast.toml",
        cases: plan
            .cases
            .iter()
            .zip(results)
            .take(cases)
            .map(run)
            .collect(),
        agreements: Vec::new(),
    }
}
