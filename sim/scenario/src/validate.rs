//! What must hold for the whole: every flow has a path, every buffer holds what it promises.

use super::diag::Mistakes;
use super::network::Network;
use super::raw::RawScenario;
use std::collections::BTreeSet;
use xoff_model::units::BitRate;
use xoff_model::*;
use xoff_sim::switch::budget;

/// Which hosts can reach which: hosts forward nothing, so only switches join parts of the network.
#[derive(Debug)]
pub(super) struct Reach {
    /// Per node: the connected groups of switches that it is attached to, and the peers of hosts.
    groups: Vec<BTreeSet<NodeId>>,
    neighbours: Vec<BTreeSet<NodeId>>,
}

impl Reach {
    pub(super) fn new(network: &Network) -> Self {
        let count = network.nodes.len();
        let mut parent: Vec<NodeId> = (0..count as NodeId).collect();
        for link in &network.links {
            if !network.is_host(link.a) && !network.is_host(link.b) {
                let (a, b) = (root(&mut parent, link.a), root(&mut parent, link.b));
                parent[a as usize] = b;
            }
        }
        let mut reach = Reach {
            groups: vec![BTreeSet::new(); count],
            neighbours: vec![BTreeSet::new(); count],
        };
        for link in &network.links {
            for (host, peer) in [(link.a, link.b), (link.b, link.a)] {
                match (network.is_host(host), network.is_host(peer)) {
                    (true, false) => {
                        reach.groups[host as usize].insert(root(&mut parent, peer));
                    }
                    (true, true) => {
                        reach.neighbours[host as usize].insert(peer);
                    }
                    _ => {}
                }
            }
        }
        reach
    }

    pub(super) fn connected(&self, a: NodeId, b: NodeId) -> bool {
        let (a, b) = (a as usize, b as usize);
        self.neighbours[a].contains(&(b as NodeId)) || !self.groups[a].is_disjoint(&self.groups[b])
    }
}

fn root(parent: &mut [NodeId], node: NodeId) -> NodeId {
    let mut at = node;
    while parent[at as usize] != at {
        parent[at as usize] = parent[parent[at as usize] as usize];
        at = parent[at as usize];
    }
    at
}

/// Every switch must have room for its reserves and headrooms, and some left to share.
pub(super) fn budgets(
    raw: &RawScenario,
    model: &Model,
    network: &Network,
    mistakes: &mut Mistakes,
) {
    let Some(worst) = budget::exceeded(model) else {
        return;
    };
    let node = &model.nodes[worst.node as usize];
    let Role::Switch(index) = node.role else {
        return;
    };
    let profile = &model.switches[index as usize];
    let size = raw
        .switch
        .get(&profile.name)
        .and_then(|s| s.buffer.size.as_ref());
    let span = size.map_or(network.span.clone(), |s| s.span.clone());
    let message = format!("the buffer of switch `{}` is too small", node.name);
    let help = "enlarge `buffer.size`, shorten the headroom, or share it in a `headroom_pool`";
    mistakes.push(&span, message, &worst.budget.to_string(), help);
}

/// Rules look at frames, link MTUs at packets, and some framings have only sizes.
pub(super) fn ruled(raw: &RawScenario, framing: Framing, mistakes: &mut Mistakes) {
    if matches!(framing, Framing::RoceV2 { .. }) {
        return;
    }
    let nics = raw.nic.values().flat_map(|nic| {
        let ports = nic.port.values().map(|port| &port.link_mtu);
        ports.chain([&nic.link_mtu])
    });
    let switches = raw.switch.values().flat_map(|switch| {
        let ports = switch.port.values().map(|port| &port.link_mtu);
        ports.chain([&switch.link_mtu])
    });
    let help = "use simulation.framing.kind = \"rocev2\"";
    let limits = nics.chain(switches).flatten();
    for given in limits.filter(|given| given.0.is_some()) {
        mistakes.at(given, "fixed framing has no packets in its frames", help);
    }
    for nic in raw.nic.values() {
        let ports = nic.port.values().map(|port| &port.tagged);
        for given in ports.chain([&nic.tagged]).flatten() {
            mistakes.at(given, "fixed framing has no VLAN tags", help);
        }
    }
    for switch in raw.switch.values() {
        let ports = switch.port.values().map(|port| &port.tagging);
        for given in ports.chain([&switch.tagging]).flatten() {
            mistakes.at(given, "fixed framing has no VLAN tags", help);
        }
    }
    if let Some(rule) = raw.rule.first() {
        let help = "use simulation.framing.kind = \"rocev2\"";
        let message = "fixed framing has no headers that rules could see";
        mistakes.at(&rule.action, message, help);
    }
}

/// The fastest rate among ports, for defaults of profiles that nothing uses.
pub(super) fn rates_or(rates: Vec<BitRate>, default: BitRate) -> Vec<BitRate> {
    if rates.is_empty() {
        vec![default]
    } else {
        rates
    }
}
