//! Renderers of results. All text is a function of the results alone: no clock, no thread count.

pub(crate) mod cases;
pub(crate) mod chosen;
pub(crate) mod conform;
pub(crate) mod csv;
pub(crate) mod diagnosis;
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

use xoff_checks::{CheckResult, Report};
use xoff_model::results::{FlowStatus, PortResult, Results, Stop};
use xoff_model::{Model, NodeId};
use xoff_scenario::metrics::summary::Summary;
use xoff_scenario::plan::{Case, Plan};

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A scenario that was run.
pub(crate) struct ScenarioRun<'a> {
    pub(crate) plan: &'a Plan,
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

pub(crate) fn node_name(model: &Model, node: NodeId) -> &str {
    model
        .nodes
        .get(node as usize)
        .map_or("?", |n| n.name.as_str())
}

/// `sw0:3`
pub(crate) fn port_name(model: &Model, port: &PortResult) -> String {
    format!("{}:{}", node_name(model, port.node), port.port)
}

/// `sw0>h3`, as selectors of metrics name it; `sw0:3>sw1` beside parallel links.
pub(crate) fn port_towards(model: &Model, port: &PortResult) -> String {
    let (from, to) = (port.node, port.peer);
    let joins = |a: NodeId, b: NodeId| (a, b) == (from, to) || (a, b) == (to, from);
    let parallel = model.links.iter().filter(|l| joins(l.a, l.b)).count();
    match parallel {
        0 | 1 => format!("{}>{}", node_name(model, from), node_name(model, to)),
        _ => format!("{}>{}", port_name(model, port), node_name(model, to)),
    }
}

pub(crate) fn status_name(status: FlowStatus) -> &'static str {
    match status {
        FlowStatus::Unfinished => "unfinished",
        FlowStatus::Completed => "completed",
        FlowStatus::RetryExceeded => "retry_exceeded",
        FlowStatus::RnrRetryExceeded => "rnr_retry_exceeded",
        FlowStatus::Unreachable => "unreachable",
        FlowStatus::RemoteInvalidRequest => "remote_invalid_request",
        FlowStatus::RemoteAccess => "remote_access",
        FlowStatus::RemoteOperational => "remote_operational",
    }
}

pub(crate) fn stop_name(stop: Stop) -> &'static str {
    match stop {
        Stop::Idle => "idle",
        Stop::Until => "until",
        Stop::Stuck => "stuck",
    }
}
