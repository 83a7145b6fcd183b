//! Nodes, ports, states of flows and numbers of things in the words of reports and findings.

use xoff_model::results::{FlowStatus, PortResult};
use xoff_model::{Model, NodeId};
use xoff_scenario::metrics::value::grouped;

/// `?` if there is none.
pub fn node_name(model: &Model, node: NodeId) -> &str {
    model
        .nodes
        .get(node as usize)
        .map_or("?", |n| n.name.as_str())
}

/// `sw0:3`
pub fn port_name(model: &Model, port: &PortResult) -> String {
    format!("{}:{}", node_name(model, port.node), port.port)
}

/// `sw0>h3`, as selectors of metrics name it; `sw0:3>sw1` beside parallel links.
pub fn port_towards(model: &Model, port: &PortResult) -> String {
    let (from, to) = (port.node, port.peer);
    let joins = |a: NodeId, b: NodeId| (a, b) == (from, to) || (a, b) == (to, from);
    let parallel = model.links.iter().filter(|l| joins(l.a, l.b)).count();
    match parallel {
        0 | 1 => format!("{}>{}", node_name(model, from), node_name(model, to)),
        _ => format!("{}>{}", port_name(model, port), node_name(model, to)),
    }
}

/// Stable, for programs: `retry_exceeded`.
pub fn status_name(status: FlowStatus) -> &'static str {
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

/// `1 frame`, `48,211 frames`, `2 switches`
pub fn plural(n: u64, what: &str) -> String {
    let ending = match n {
        1 => "",
        _ if what.ends_with("ch") => "es",
        _ => "s",
    };
    format!("{} {what}{ending}", grouped(n))
}
