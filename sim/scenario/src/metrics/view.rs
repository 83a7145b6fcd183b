//! What a metric is computed from.

use xoff_model::results::{DROP_CAUSES, DropCause, FlowResult, PortResult, Results};
use xoff_model::{Model, NodeId};

/// The part of a run that a reference selects.
pub(crate) struct View<'a> {
    pub(crate) model: &'a Model,
    pub(crate) results: &'a Results,
    pub(crate) flows: Vec<&'a FlowResult>,
    pub(crate) ports: Vec<&'a PortResult>,
    pub(crate) nodes: Vec<NodeId>,
    /// Bit n = priority n.
    pub(crate) priorities: u8,
    /// The reference names nodes, ports or priorities.
    pub(crate) filtered: bool,
}

impl View<'_> {
    /// Frames dropped for this cause at the selected ports and priorities.
    pub(crate) fn drops(&self, cause: DropCause) -> u64 {
        self.drops_where(|c, _| c == cause)
    }

    /// Frames dropped for which `count(cause, priority is lossless there)`.
    pub(crate) fn drops_where(&self, count: impl Fn(DropCause, bool) -> bool) -> u64 {
        let mut sum = 0;
        for port in &self.ports {
            for (cause, _) in DROP_CAUSES {
                for p in selected(self.priorities) {
                    if count(cause, port.priority[p].lossless) {
                        sum += port.drops[cause as usize][p];
                    }
                }
            }
        }
        sum
    }
}

/// The priorities of a mask, lowest first.
pub(crate) fn selected(mask: u8) -> impl Iterator<Item = usize> {
    (0..8).filter(move |p| mask & 1 << p != 0)
}
