//! Nodes and links of a topology, and the ports and paths of its flows.

use super::files::{FlowRow, Link, NodeKind, Topology};
use std::collections::{BTreeMap, BTreeSet};
use xoff_model::units::{Length, Probability};
use xoff_model::{LinkSpec, NodeSpec, Role};

/// First UDP source port of a pair of hosts.
const FIRST_PORT: u16 = 10_000;
/// First UDP destination port of a host where flows do not state theirs.
const FIRST_DPORT: u16 = 100;

/// The UDP ports of flows, in the order of the file.
#[derive(Default)]
pub(super) struct Ports {
    pairs: BTreeMap<(u32, u32), u16>,
    sources: BTreeMap<u32, u16>,
    destinations: BTreeMap<u32, u16>,
}

impl Ports {
    /// The original counts source ports per pair of hosts; conweave counts them per source, and
    /// destination ports per destination.
    pub(super) fn next(&mut self, row: &FlowRow) -> (u16, u16) {
        fn count<K: Ord>(map: &mut BTreeMap<K, u16>, key: K, first: u16) -> u16 {
            let next = map.entry(key).or_insert(first);
            std::mem::replace(next, next.wrapping_add(1))
        }
        match row.dport {
            Some(dport) => (
                count(&mut self.pairs, (row.src, row.dst), FIRST_PORT),
                dport,
            ),
            None => (
                count(&mut self.sources, row.src, FIRST_PORT),
                count(&mut self.destinations, row.dst, FIRST_DPORT),
            ),
        }
    }
}

/// Which NVSwitches and switches each host is linked to.
pub(super) struct Servers {
    nv: BTreeMap<u32, BTreeSet<u32>>,
    plain: BTreeMap<u32, BTreeSet<u32>>,
}

impl Servers {
    pub(super) fn new(topology: &Topology) -> Servers {
        let mut servers = Servers {
            nv: BTreeMap::new(),
            plain: BTreeMap::new(),
        };
        for (host, switch) in topology.links.iter().flat_map(|l| [(l.a, l.b), (l.b, l.a)]) {
            let kind = topology.kinds[switch as usize];
            let map = match kind {
                NodeKind::NvSwitch => &mut servers.nv,
                NodeKind::Switch => &mut servers.plain,
                NodeKind::Host => continue,
            };
            map.entry(host).or_default().insert(switch);
        }
        servers
    }

    /// Where a network switch is as near as an NVSwitch, GPUs of a server use the NVSwitch.
    pub(super) fn path(&self, src: u32, dst: u32, flow: usize) -> Option<Vec<u32>> {
        let common = |map: &BTreeMap<u32, BTreeSet<u32>>| -> Vec<u32> {
            match (map.get(&src), map.get(&dst)) {
                (Some(a), Some(b)) => a.intersection(b).copied().collect(),
                _ => Vec::new(),
            }
        };
        let nv = common(&self.nv);
        if nv.is_empty() || common(&self.plain).is_empty() {
            return None;
        }
        Some(vec![nv[flow % nv.len()]])
    }
}

pub(super) fn nodes(topology: &Topology) -> Vec<NodeSpec> {
    let node = |(id, kind): (usize, &NodeKind)| {
        let (letter, role) = match kind {
            NodeKind::Host => ("h", Role::Host(0)),
            NodeKind::Switch => ("s", Role::Switch(0)),
            NodeKind::NvSwitch => ("nv", Role::Switch(1)),
        };
        NodeSpec {
            name: format!("{letter}{id}"),
            role,
        }
    };
    topology.kinds.iter().enumerate().map(node).collect()
}

/// `loss` is that of links that state none.
pub(super) fn links(topology: &Topology, loss: Probability) -> Vec<LinkSpec> {
    let link = |link: &Link| LinkSpec {
        a: link.a,
        b: link.b,
        rate: link.rate,
        cable: Length(0),
        phy_delay: link.delay,
        loss: if link.loss.is_zero() { loss } else { link.loss },
        drop_every: 0,
        ber_e18: 0,
    };
    topology.links.iter().map(link).collect()
}
