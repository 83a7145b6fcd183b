//! Renderers of results. All text is a function of the results alone: no clock, no thread count.

pub(crate) mod cases;
pub(crate) mod check;
pub(crate) mod chosen;
pub(crate) mod conform;
pub(crate) mod csv;
pub(crate) mod github;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod junit;
pub(crate) mod lab;
pub(crate) mod replay;
pub(crate) mod sarif;
mod suites;
pub(crate) mod table;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod text;
pub(crate) mod trace;

pub(crate) use xoff_checks::words::{node_name, plural, port_name, status_name};
use xoff_checks::{CheckResult, Report};
use xoff_model::results::{Results, Stop};
use xoff_scenario::metrics::summary::Summary;
use xoff_scenario::plan::{Case, Plan};

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A scenario that was run.
pub(crate) struct ScenarioRun<'a> {
    pub(crate) plan: &'a Plan,
    /// As it was named.
    pub(crate) file: &'a str,
    /// The command that repeats it.
    pub(crate) command: String,
    /// The cases that were run, in the plan's order.
    pub(crate) cases: Vec<CaseRun<'a>>,
    pub(crate) agreements: Vec<CheckResult>,
}

/// A case that was run.
pub(crate) struct CaseRun<'a> {
    pub(crate) case: &'a Case,
    pub(crate) results: Results,
    pub(crate) checks: Vec<CheckResult>,
}

impl ScenarioRun<'_> {
    /// All checks: of the cases in order, then of cases with each other.
    pub(crate) fn report(&self) -> Report {
        let cases = self.cases.iter().flat_map(|c| &c.checks);
        cases.chain(&self.agreements).cloned().collect()
    }
}

impl CaseRun<'_> {
    pub(crate) fn summary(&self) -> Summary<'_> {
        Summary::new(&self.case.model, &self.results)
    }

    /// `pfc=on, n=4`; empty if the scenario has no axis.
    pub(crate) fn label(&self) -> String {
        let labels: Vec<String> = self
            .case
            .labels
            .iter()
            .map(|(axis, label)| format!("{axis}={label}"))
            .collect();
        labels.join(", ")
    }
}

pub(crate) fn stop_name(stop: Stop) -> &'static str {
    match stop {
        Stop::Idle => "idle",
        Stop::Until => "until",
        Stop::Stuck => "stuck",
    }
}
