//! The expectations of a simulated scenario as checks.

use crate::finding::{Finding, Place, Severity, Where};
use crate::flow::F_02;
use crate::{CheckResult, Verdict};
use xoff_model::results::RuleResult;
use xoff_scenario::metrics::agree;
use xoff_scenario::metrics::summary::Summary;
use xoff_scenario::plan::{Case, Plan};

/// One check per expectation of a case, in the order of the scenario. What holds without what rules
/// were to do proves little: each rule that did nothing is one more, and inconclusive.
pub fn judge_expectations(case: &Case, summary: &Summary<'_>) -> Vec<CheckResult> {
    let judge = |located: &xoff_scenario::plan::Located<_>| {
        let expectation: &xoff_scenario::metrics::expect::Expectation = &located.value;
        let judgement = expectation.judge(summary);
        CheckResult {
            id: format!("expect:{}", located.line),
            name: located.text.clone(),
            verdict: if judgement.pass {
                Verdict::Pass
            } else {
                Verdict::Fail
            },
            detail: judgement.detail,
        }
    };
    let mut checks: Vec<_> = case
        .expectations
        .iter()
        .map(|located| judge(located))
        .collect();
    if !checks.is_empty() {
        checks.extend(summary.results().rules.iter().filter_map(idle));
    }
    checks
}

/// What failed of a case's checks as findings, each at its line of the scenario. `case`: its label.
pub fn failed_expectations(file: &str, case: &str, checks: &[CheckResult]) -> Vec<Finding> {
    let failed = checks.iter().filter(|check| check.verdict.is_failure());
    let found = failed.map(|check| {
        let line = check.id.split_once(':').and_then(|(_, n)| n.parse().ok());
        let detail = match check.detail.as_str() {
            "" => String::new(),
            detail => format!(": {detail}"),
        };
        Finding {
            check: &F_02,
            severity: Severity::Error,
            inconclusive: None,
            subject: match case {
                "" => check.name.clone(),
                case => format!("{} [{case}]", check.name),
            },
            cause: format!("does not hold{detail}"),
            cure: F_02.cure.to_owned(),
            count: 1,
            at: Where::Text(vec![Place::line(file, line.unwrap_or(1))]),
        }
    });
    found.collect()
}

fn idle(rule: &RuleResult) -> Option<CheckResult> {
    let why = xoff_model::rules::idle(rule.matched, rule.applied)?;
    Some(CheckResult {
        id: format!("rule:{}", rule.name),
        name: format!("rule {} acts", rule.name),
        verdict: Verdict::Inconclusive(why.to_owned()),
        detail: String::new(),
    })
}

/// One check per agreement and combination of the other axes. What could not be compared fails,
/// unless only some of the plan's cases were run.
pub fn judge_agreements(plan: &Plan, runs: &[(&Case, Summary<'_>)]) -> Vec<CheckResult> {
    let partial = runs.len() < plan.cases.len();
    let labelled: Vec<_> = runs
        .iter()
        .map(|(case, summary)| (&case.labels[..], *summary))
        .collect();
    let mut out = Vec::new();
    for agreement in &plan.agreements {
        for judgement in agree::judge(agreement, &labelled) {
            let others: Vec<String> = judgement
                .labels
                .iter()
                .map(|(axis, label)| format!("{axis}={label}"))
                .collect();
            let mut name = format!("{} agrees across {}", agreement.metric, agreement.across);
            if !others.is_empty() {
                name += &format!(" at {}", others.join(", "));
            }
            let (verdict, detail) = match judgement.pass {
                Some(true) => (Verdict::Pass, judgement.detail),
                Some(false) => (Verdict::Fail, judgement.detail),
                None if partial => (Verdict::Skip(judgement.detail), String::new()),
                None => (Verdict::Fail, judgement.detail),
            };
            out.push(CheckResult {
                id: format!("agree:{}", agreement.line),
                name,
                verdict,
                detail,
            });
        }
    }
    out
}
