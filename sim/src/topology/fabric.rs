//! The network as ports and links, and shortest-path routing with ECMP.

use crate::compat::hpcc;
use crate::model::{EcmpHash, Model, NodeId, Role};
use crate::rng::mix;
use crate::time::SimDuration;
use crate::units::BitRate;
use std::collections::BTreeMap;

/// Index of a port among all ports of all nodes; ports of a node are consecutive.
pub type PortId = u32;

const UNREACHED: u16 = u16::MAX;

/// One end of a link.
#[derive(Clone, Copy, Debug)]
pub struct PortInfo {
    pub node: NodeId,
    /// Index within the node.
    pub index: u32,
    pub link: u32,
    pub peer: PortId,
    pub rate: BitRate,
    /// One-way latency of the link.
    pub delay: SimDuration,
    pub up: bool,
}

/// What an ECMP hash sees of a packet.
#[derive(Clone, Copy, Debug)]
pub struct PathKey {
    pub src: NodeId,
    pub dst: NodeId,
    pub sport: u16,
    pub dport: u16,
}

impl PathKey {
    /// The key of packets in the other direction.
    pub fn reversed(self) -> PathKey {
        PathKey {
            src: self.dst,
            dst: self.src,
            sport: self.dport,
            dport: self.sport,
        }
    }
}

/// Ports that a path must start and end with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    pub first: Option<PortId>,
    /// Port of the destination.
    pub last: Option<PortId>,
}

/// Ports, links and the distances between nodes.
pub struct Fabric {
    pub ports: Vec<PortInfo>,
    /// First port of each node, and one more entry that ends the last node.
    first_port: Vec<PortId>,
    is_switch: Vec<bool>,
    hash: EcmpHash,
    seed: u64,
    /// Hops to a destination, or to one port of it, from every node: computed when first asked for.
    distance: BTreeMap<(NodeId, Option<PortId>), Vec<u16>>,
}

impl Fabric {
    pub fn new(model: &Model) -> Self {
        let mut degree = vec![0u32; model.nodes.len()];
        for link in &model.links {
            degree[link.a as usize] += 1;
            degree[link.b as usize] += 1;
        }
        let mut first_port = Vec::with_capacity(degree.len() + 1);
        let mut total = 0;
        for d in &degree {
            first_port.push(total);
            total += d;
        }
        first_port.push(total);
        let blank = PortInfo {
            node: 0,
            index: 0,
            link: 0,
            peer: 0,
            rate: BitRate::default(),
            delay: SimDuration::ZERO,
            up: true,
        };
        let mut ports = vec![blank; total as usize];
        let mut used = vec![0u32; degree.len()];
        for (number, link) in model.links.iter().enumerate() {
            let mut take = |node: NodeId| {
                let index = used[node as usize];
                used[node as usize] += 1;
                (index, first_port[node as usize] + index)
            };
            let (index_a, a) = take(link.a);
            let (index_b, b) = take(link.b);
            for (node, index, own, peer) in [(link.a, index_a, a, b), (link.b, index_b, b, a)] {
                ports[own as usize] = PortInfo {
                    node,
                    index,
                    link: number as u32,
                    peer,
                    rate: link.rate,
                    delay: link.delay(),
                    up: true,
                };
            }
        }
        Fabric {
            ports,
            first_port,
            is_switch: model
                .nodes
                .iter()
                .map(|n| matches!(n.role, Role::Switch(_)))
                .collect(),
            hash: model.ecmp,
            seed: model.seed,
            distance: BTreeMap::new(),
        }
    }

    pub fn node_ports(&self, node: NodeId) -> std::ops::Range<PortId> {
        self.first_port[node as usize]..self.first_port[node as usize + 1]
    }

    pub fn is_switch(&self, node: NodeId) -> bool {
        self.is_switch[node as usize]
    }

    /// The node at the other end of a port's link.
    pub fn neighbour(&self, port: PortId) -> NodeId {
        self.ports[self.ports[port as usize].peer as usize].node
    }

    /// Both ports of a link.
    pub fn link_ports(&self, link: u32) -> impl Iterator<Item = PortId> + '_ {
        (0..self.ports.len() as u32).filter(move |&p| self.ports[p as usize].link == link)
    }

    /// Takes a link down or up; paths found later avoid or use it.
    pub fn set_link(&mut self, link: u32, up: bool) {
        for port in &mut self.ports {
            if port.link == link {
                port.up = up;
            }
        }
        self.distance.clear();
    }

    /// Breadth-first distances to `dst`, by any port or by `last` only. Hosts do not forward.
    fn measure(&mut self, dst: NodeId, last: Option<PortId>) {
        if self.distance.contains_key(&(dst, last)) {
            return;
        }
        let mut dist = vec![UNREACHED; self.is_switch.len()];
        dist[dst as usize] = 0;
        let mut frontier = vec![dst];
        let mut next = Vec::new();
        let mut d = 0;
        while !frontier.is_empty() {
            d += 1;
            for node in frontier.drain(..) {
                for port in self.node_ports(node) {
                    let peer = self.neighbour(port);
                    let usable = self.ports[port as usize].up
                        && (node != dst || last.is_none_or(|last| last == port));
                    if usable && dist[peer as usize] == UNREACHED {
                        dist[peer as usize] = d;
                        if self.is_switch(peer) {
                            next.push(peer);
                        }
                    }
                }
            }
            std::mem::swap(&mut frontier, &mut next);
        }
        self.distance.insert((dst, last), dist);
    }

    /// Egress ports from `from` to `key.dst`, starting with one of `from`; None if unreachable.
    pub fn path(&mut self, from: NodeId, key: PathKey, ends: Ends) -> Option<Vec<PortId>> {
        self.measure(key.dst, ends.last);
        let dist = self.distance.get(&(key.dst, ends.last))?;
        let mut path = Vec::with_capacity(8);
        let mut at = from;
        if let Some(port) = ends.first {
            let info = self.ports[port as usize];
            let peer = self.neighbour(port);
            let arrives = peer == key.dst && ends.last.is_none_or(|last| last == info.peer);
            if !info.up || !(self.is_switch(peer) || arrives) {
                return None;
            }
            path.push(port);
            at = peer;
        }
        while at != key.dst {
            if dist[at as usize] == UNREACHED {
                return None;
            }
            let port = self.choose(at, dist, key, ends.last)?;
            path.push(port);
            at = self.neighbour(port);
        }
        Some(path)
    }

    /// The egress port of `node` among those on a shortest path.
    fn choose(
        &self,
        node: NodeId,
        dist: &[u16],
        key: PathKey,
        last: Option<PortId>,
    ) -> Option<PortId> {
        let nearer = |&port: &PortId| {
            let peer = self.neighbour(port) as usize;
            let info = &self.ports[port as usize];
            info.up
                && (dist[peer] != 0 || last.is_none_or(|last| last == info.peer))
                && dist[peer] != UNREACHED
                && dist[peer] + 1 == dist[node as usize]
                && (self.is_switch[peer] || dist[peer] == 0)
        };
        let count = self.node_ports(node).filter(nearer).count() as u64;
        if count <= 1 {
            return self.node_ports(node).find(nearer);
        }
        let pick = match self.hash {
            EcmpHash::Mixed => {
                let ends = (u64::from(key.src) << 32) | u64::from(key.dst);
                let ports = (u64::from(key.sport) << 16) | u64::from(key.dport);
                let place = mix(self.seed ^ mix(u64::from(node) << 20));
                mix(mix(ends ^ place) ^ ports) % count
            }
            EcmpHash::HpccNs3 => {
                let (src, dst) = (hpcc::node_ip(key.src), hpcc::node_ip(key.dst));
                // Hosts there hash with the sequence of a queue pair; with one NIC it is unused.
                u64::from(hpcc::ecmp_hash(src, dst, key.sport, key.dport, node)) % count
            }
        };
        // That simulator lists next hops in the order of node numbers, which for its generated
        // topologies is also the order of links.
        let mut ports: Vec<PortId> = self.node_ports(node).filter(nearer).collect();
        if self.hash == EcmpHash::HpccNs3 {
            ports.sort_by_key(|&p| self.neighbour(p));
        }
        ports.get(pick as usize).copied()
    }

    /// Egress ports along an explicit list of nodes from `key.src` to `key.dst`; None if two
    /// neighbours in the list share no link. Parallel links are chosen by hash.
    pub fn explicit_path(&self, via: &[NodeId], key: PathKey, ends: Ends) -> Option<Vec<PortId>> {
        let mut path = Vec::with_capacity(via.len() + 1);
        let mut at = key.src;
        for &next in via.iter().chain(std::iter::once(&key.dst)) {
            let links: Vec<PortId> = self
                .node_ports(at)
                .filter(|&p| self.neighbour(p) == next)
                .filter(|&p| at != key.src || ends.first.is_none_or(|first| first == p))
                .filter(|&p| {
                    let arrival = self.ports[p as usize].peer;
                    next != key.dst || ends.last.is_none_or(|last| last == arrival)
                })
                .collect();
            let ports = (u64::from(key.sport) << 16) | u64::from(key.dport);
            let pick = mix(self.seed ^ mix(ports ^ (u64::from(at) << 32)));
            path.push(*links.get((pick % (links.len() as u64).max(1)) as usize)?);
            at = next;
        }
        Some(path)
    }
}
