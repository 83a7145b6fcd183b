//! What a metric is.

use super::value::{Unit, Value};
use super::view::View;
use std::fmt;
use xoff_model::results::{DropCause, RdmaCounters};

/// What a metric is taken from, and so which selectors it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The run as a whole.
    Run,
    /// Flows: by group, flow, src, dst.
    Flow,
    /// RDMA counters: of flows, or of hosts.
    Counter,
    /// Ports: by node, port.
    Port,
    /// Priorities of ports: by node, port, prio.
    PortPriority,
    /// Nodes: by node.
    Node,
}

/// Why a metric has no value in a run, in plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoData(pub String);

pub(crate) type Outcome = Result<Value, NoData>;

/// How a metric is computed from what is selected.
pub(crate) enum Eval {
    Call(fn(&View<'_>) -> Outcome),
    Counter(fn(&RdmaCounters) -> u64),
    Drops(DropCause),
}

/// A named figure of a run.
pub struct Metric {
    pub name: &'static str,
    pub unit: Unit,
    pub scope: Scope,
    pub about: &'static str,
    /// It has no meaning without `prio=`.
    pub(crate) needs_priority: bool,
    pub(crate) eval: Eval,
}

impl PartialEq for Metric {
    fn eq(&self, other: &Metric) -> bool {
        self.name == other.name
    }
}

impl Eq for Metric {}

impl fmt::Debug for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Why an assertion could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectError {
    /// Byte offset in the assertion's text.
    pub offset: usize,
    pub message: String,
    pub hint: Option<String>,
}
