//! What all traffic is built from.

use super::diag::Mistakes;
use super::network::Network;
use super::nics::Nic;
use super::quantity::Sp;
use std::cell::Cell;
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::{NodeId, Role};
use xoff_sim::footprint;
use xoff_wire::psn;

/// Flows of one scenario; more would not fit into memory.
const MAX_FLOWS: u64 = 5_000_000;

/// What traffic is built from.
pub(super) struct Context<'a> {
    pub(super) network: &'a Network,
    pub(super) nics: &'a [Nic],
    pub(super) seed: u64,
    /// Framing with sizes alone.
    pub(super) fixed: bool,
    pub(super) read: super::ReadFile<'a>,
    /// Comparisons of names with patterns that may still be made.
    pub(super) work: Cell<u64>,
    /// Bytes that flows may take, if that is limited.
    pub(super) memory: Option<u64>,
}

impl Context<'_> {
    /// Flows that there is room for.
    pub(super) fn most_flows(&self) -> u64 {
        let memory = self.memory.unwrap_or(u64::MAX);
        MAX_FLOWS.min(memory / footprint::FLOW)
    }

    pub(super) fn too_many<T>(&self, at: &Sp<T>, mistakes: &mut Mistakes) {
        let most = self.most_flows();
        let message = match most {
            MAX_FLOWS => format!("more than {most} flows"),
            _ => format!("more than {most} flows, for which there is memory"),
        };
        mistakes.at(at, message, "use fewer hosts, QPs, or a shorter duration");
    }

    pub(super) fn nic_of(&self, node: NodeId) -> &Nic {
        match self.network.nodes.get(node as usize).map(|n| n.role) {
            Some(Role::Host(i)) => &self.nics[i as usize],
            _ => &self.nics[0],
        }
    }
}

/// A PSN as written.
pub(super) fn first_psn(given: &Option<Sp<u32>>, mistakes: &mut Mistakes) -> Option<u32> {
    let given = given.as_ref()?;
    if given.value > psn::MASK {
        mistakes.at(given, "PSNs have 24 bits", "use 0 to 16777215");
    }
    Some(given.value & psn::MASK)
}

/// Start of a flow within its traffic.
pub(super) fn at(offset: SimDuration) -> SimTime {
    SimTime::ZERO + offset
}
