//! What must hold for the whole: every flow has a path, every buffer holds what it promises.

use super::diag::Mistakes;
use super::network::Network;
use super::raw::{RawScenario, RawTrust};
use crate::headroom;
use crate::model::*;
use crate::units::{BitRate, Bytes};
use std::collections::BTreeSet;

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
    let mut reported = BTreeSet::new();
    let ports = ports(model);
    for (id, node) in model.nodes.iter().enumerate() {
        let Role::Switch(index) = node.role else {
            continue;
        };
        let profile = &model.switches[index as usize];
        let budget = Budget::of(model, profile, &ports[id]);
        // One report per profile: its other switches would repeat it.
        if budget.shared().is_none() && reported.insert(index) {
            let size = raw.switch.get(&profile.name).and_then(|s| s.buffer.size.as_ref());
            let span = size.map_or(network.span.clone(), |s| s.span.clone());
            let message = format!("the buffer of switch `{}` is too small", node.name);
            mistakes.push(&span, message, &budget.explain(), Budget::HELP);
        }
    }
}

/// The ports of each node: rate, one-way delay and response time of the peer.
fn ports(model: &Model) -> Vec<Vec<(&LinkSpec, NodeId)>> {
    let mut ports = vec![Vec::new(); model.nodes.len()];
    for link in &model.links {
        ports[link.a as usize].push((link, link.b));
        ports[link.b as usize].push((link, link.a));
    }
    ports
}

struct Budget {
    size: u64,
    ports: usize,
    reserves: u64,
    headrooms: u64,
    pool: Option<u64>,
}

impl Budget {
    const HELP: &str =
        "enlarge `buffer.size`, shorten the headroom, or share it in a `headroom_pool`";

    fn of(model: &Model, profile: &SwitchProfile, ports: &[(&LinkSpec, NodeId)]) -> Budget {
        let b = &profile.buffer;
        let groups = if b.per_port { &b.pgs[..1] } else { &b.pgs[..] };
        let mut headrooms = 0u64;
        for (link, peer) in ports {
            for pg in groups.iter().filter(|pg| pg.lossless) {
                headrooms = headrooms.saturating_add(headroom_bytes(model, pg, link, *peer).0);
            }
        }
        let reserve = groups.iter().fold(0u64, |sum, pg| sum.saturating_add(pg.reserve.0));
        Budget {
            size: b.size.0,
            ports: ports.len(),
            reserves: reserve.saturating_mul(ports.len() as u64),
            headrooms,
            pool: b.headroom_pool.map(|p| p.0),
        }
    }

    /// Bytes left to share; None if nothing is.
    fn shared(&self) -> Option<u64> {
        let taken = self.reserves.checked_add(self.pool.unwrap_or(self.headrooms))?;
        self.size.checked_sub(taken).filter(|shared| *shared > 0)
    }

    fn explain(&self) -> String {
        let headroom = match self.pool {
            Some(pool) => format!("a headroom pool of {}", Bytes(pool)),
            None => format!("headrooms of {}", Bytes(self.headrooms)),
        };
        let (size, reserves) = (Bytes(self.size), Bytes(self.reserves));
        format!(
            "{} ports need reserves of {reserves} and {headroom}; the buffer has {size}",
            self.ports
        )
    }
}

fn headroom_bytes(model: &Model, pg: &PgSpec, link: &LinkSpec, peer: NodeId) -> Bytes {
    match pg.headroom {
        Headroom::Bytes(bytes) => bytes,
        Headroom::HpccNs3 => Bytes(3 * link.rate.bytes_in_floor(link.delay())),
        Headroom::Auto => {
            let response = match model.nodes[peer as usize].role {
                Role::Host(i) => model.nics[i as usize].pfc.response,
                Role::Switch(i) => model.switches[i as usize].pfc.response,
            };
            let mtu = model.nics.iter().map(|n| n.mtu).max().unwrap_or(4096);
            headroom::auto(link.rate, link.delay(), mtu, response)
        }
    }
}

/// Marking that the framing cannot carry.
pub(super) fn trust(raw: &RawScenario, framing: Framing, mistakes: &mut Mistakes) {
    if !matches!(framing, Framing::RoceV2 { vlan: false, .. }) {
        return;
    }
    for profile in raw.switch.values() {
        if let Some(trust) = profile.trust.as_ref().filter(|t| t.value == RawTrust::Pcp) {
            let help = "set simulation.framing.vlan = true, or trust DSCP";
            mistakes.at(trust, "PCP is trusted but frames carry no VLAN tag", help);
        }
    }
}

/// The fastest rate among ports, for defaults of profiles that nothing uses.
pub(super) fn rates_or(rates: Vec<BitRate>, default: BitRate) -> Vec<BitRate> {
    if rates.is_empty() { vec![default] } else { rates }
}
