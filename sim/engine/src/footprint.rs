//! How much memory a scenario takes, estimated before it is taken: the model, and a run of it.
//!
//! What grows with simulated time (samples, logs, packets in flight) is bounded where it grows.

use super::link::LinkLoss;
use super::port::{Port, PortCold, Queue, Rx};
use crate::nic::{Host, NicPort};
use crate::switch::buffer::Group;
use crate::switch::{Marking, Switch};
use crate::transport::{Receiver, ReceiverCold, Requester, Sender, SenderCold};
use xoff_model::results::{FlowResult, NodeResult, PortResult};
use xoff_model::rng::Stream;
use xoff_model::topology::fabric::PortInfo;
use xoff_model::{
    FlowSpec, LinkSpec, Model, NicPortProfile, NicProfile, NodeSpec, PRIORITIES, PortException,
    PortProfile, SwitchProfile,
};

/// What an allocation takes beside what was asked for, and what short names take.
const ALLOCATION: u64 = 32;
/// Ports of a usual path, there and back.
const ROUTE: u64 = 2 * 8 * size_of::<u32>() as u64;
/// A histogram of latencies that has seen some.
const HISTOGRAM: u64 = 6 << 10;

const fn bytes<T>() -> u64 {
    size_of::<T>() as u64
}

/// A flow of a model, with its name and that of its group.
const FLOW_SPEC: u64 = bytes::<FlowSpec>() + 2 * ALLOCATION;
/// A flow of a run, with its result.
const FLOW_STATE: u64 = bytes::<Sender>()
    + bytes::<SenderCold>()
    + bytes::<Receiver>()
    + bytes::<ReceiverCold>()
    + bytes::<Requester>()
    + bytes::<FlowResult>()
    + ROUTE;
/// A flow, from the scenario to the result.
pub const FLOW: u64 = FLOW_SPEC + FLOW_STATE;

const LINK: u64 = bytes::<LinkSpec>();
const NODE: u64 = bytes::<NodeSpec>() + ALLOCATION;
const PORT: u64 = bytes::<Port>()
    + bytes::<Rx>()
    + bytes::<PortCold>()
    + bytes::<NicPort>()
    + bytes::<PortInfo>()
    + bytes::<LinkLoss>()
    + bytes::<PortResult>()
    + 3 * bytes::<Stream>()
    + PRIORITIES as u64 * (bytes::<Queue>() + bytes::<Group>() + bytes::<Option<Marking>>());

/// Bytes of a model.
pub fn of_model(model: &Model) -> u64 {
    let flows = model.flows.iter();
    let paths = flows
        .filter_map(|f| f.path.as_ref())
        .map(|p| 4 * p.len() as u64);
    let switch_ports = model.switches.iter().map(|s| s.exceptions.len());
    let nic_ports = model.nics.iter().map(|n| n.exceptions.len());
    let lists = [
        (model.flows.len(), FLOW_SPEC),
        (model.links.len(), LINK),
        (model.nodes.len(), NODE),
        (model.nics.len(), bytes::<NicProfile>() + ALLOCATION),
        (model.switches.len(), bytes::<SwitchProfile>() + ALLOCATION),
        (switch_ports.sum(), bytes::<PortProfile>()),
        (nic_ports.sum(), bytes::<NicPortProfile>()),
        (model.exceptions.len(), bytes::<PortException>()),
        (model.faults.len(), bytes::<xoff_model::Fault>()),
    ];
    total(&lists) + paths.sum::<u64>()
}

/// Bytes that a run of a model takes beside it at least.
pub fn of_run(model: &Model) -> u64 {
    let many = |f: &&FlowSpec| f.bytes > f.message_bytes;
    let several = model.flows.iter().filter(many).count();
    let node = bytes::<Host>().max(bytes::<Switch>()) + bytes::<NodeResult>();
    total(&[
        (model.flows.len(), FLOW_STATE),
        (several, HISTOGRAM),
        (2 * model.links.len(), PORT),
        (model.nodes.len(), node),
    ])
}

/// Bytes that the results of a model take, which are kept until they are reported.
pub fn of_results(model: &Model) -> u64 {
    total(&[
        (model.flows.len(), bytes::<FlowResult>()),
        (2 * model.links.len(), bytes::<PortResult>()),
        (model.nodes.len(), bytes::<NodeResult>()),
    ])
}

/// Bytes of a network of so many nodes and links, from the scenario to the result.
pub fn of_network(nodes: u64, links: u64) -> u64 {
    nodes.saturating_mul(NODE) + links.saturating_mul(LINK + 2 * PORT)
}

fn total(lists: &[(usize, u64)]) -> u64 {
    lists.iter().map(|(count, size)| *count as u64 * size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_a_hundred_thousand_ports_fits_into_a_laptop() {
        const { assert!(PORT < 6_000) };
        const { assert!(FLOW < 3_000) };
    }
}
