//! What a check is: its page ([`catalogue`]), how it ends ([`Verdict`]), and what is found ([`finding`]).
//!
//! A check has a stable identifier and ends in exactly one [`Verdict`]. A check that could not be
//! made is never a pass: it is skipped or inconclusive, with the reason.

use serde::Serialize;
use std::fmt;

pub mod capture;
pub mod catalogue;
pub mod config;
pub mod congestion;
pub mod counters;
pub mod dcbx;
pub mod deviations;
pub mod diagnosis;
pub mod finding;
pub mod flow;
pub mod harness;
pub mod iwarp;
mod judge;
mod page;
pub mod pause;
pub mod qos;
pub mod rc;
pub mod smb;
pub mod smb_direct;
pub mod stuck;
pub mod wire;
pub mod words;

pub use judge::{failed_expectations, judge_agreements, judge_expectations};

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", content = "reason", rename_all = "lowercase")]
pub enum Verdict {
    Pass,
    Fail,
    /// Not made, and why: a device is missing, a case was not selected.
    Skip(String),
    /// A known deviation of the stack under test, with its citation.
    Xfail(String),
    /// A known deviation that did not show: the citation is out of date. Counts as a failure.
    Xpass,
    /// Made, but the situation it judges did not occur.
    Inconclusive(String),
}

impl Verdict {
    /// Whether it makes the run fail.
    pub fn is_failure(&self) -> bool {
        matches!(self, Verdict::Fail | Verdict::Xpass)
    }

    /// One word.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Skip(_) => "skip",
            Verdict::Xfail(_) => "xfail",
            Verdict::Xpass => "xpass",
            Verdict::Inconclusive(_) => "inconclusive",
        }
    }

    /// Why a check was skipped, excused or inconclusive.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Verdict::Skip(why) | Verdict::Xfail(why) | Verdict::Inconclusive(why) => Some(why),
            Verdict::Pass | Verdict::Fail | Verdict::Xpass => None,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One check that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    /// Stable identifier, such as `PFC-011`, or `expect:17` for line 17 of a scenario.
    pub id: String,
    /// What was checked.
    pub name: String,
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What was observed.
    pub detail: String,
}

/// The results of many checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub results: Vec<CheckResult>,
}

impl Report {
    pub fn push(&mut self, result: CheckResult) {
        self.results.push(result);
    }

    /// Number of results with this verdict's name.
    pub fn count(&self, name: &str) -> usize {
        self.results
            .iter()
            .filter(|r| r.verdict.name() == name)
            .count()
    }

    /// Whether some check failed.
    pub fn failed(&self) -> bool {
        self.results.iter().any(|r| r.verdict.is_failure())
    }

    /// "12 passed, 1 failed"; only what occurred, in a fixed order.
    pub fn tally(&self) -> String {
        const WORDS: [(&str, &str); 6] = [
            ("pass", "passed"),
            ("fail", "failed"),
            ("skip", "skipped"),
            ("xfail", "failed as known"),
            ("xpass", "passed unexpectedly"),
            ("inconclusive", "inconclusive"),
        ];
        let parts: Vec<String> = WORDS
            .iter()
            .map(|&(name, words)| (self.count(name), words))
            .filter(|&(n, _)| n > 0)
            .map(|(n, words)| format!("{n} {words}"))
            .collect();
        if parts.is_empty() {
            "nothing was checked".to_owned()
        } else {
            parts.join(", ")
        }
    }
}

impl FromIterator<CheckResult> for Report {
    fn from_iter<I: IntoIterator<Item = CheckResult>>(iter: I) -> Self {
        Report {
            results: iter.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(verdict: Verdict) -> CheckResult {
        CheckResult {
            id: "X-1".into(),
            name: "x".into(),
            verdict,
            detail: String::new(),
        }
    }

    #[test]
    fn only_failures_and_unexpected_passes_fail() {
        let fine = [
            Verdict::Pass,
            Verdict::Skip("no device".into()),
            Verdict::Xfail("bug 1".into()),
            Verdict::Inconclusive("no loss".into()),
        ];
        let mut report: Report = fine.into_iter().map(result).collect();
        assert!(!report.failed());
        report.push(result(Verdict::Xpass));
        assert!(report.failed());
        report.push(result(Verdict::Fail));
        assert_eq!(
            report.tally(),
            "1 passed, 1 failed, 1 skipped, 1 failed as known, 1 passed unexpectedly, \
             1 inconclusive"
        );
        assert_eq!(Report::default().tally(), "nothing was checked");
    }
}
