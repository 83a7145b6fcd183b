//! The network as ports and links, and shortest-path routing with ECMP.

use super::ecmp;
use crate::rng::mix;
use crate::time::SimDuration;
use crate::units::BitRate;
use crate::{EcmpHash, Model, NodeId, NodeSpec, Role};
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
    /// Ports of each link.
    ends: Vec<[PortId; 2]>,
    /// Ports that lead to switches, node by node, and where those of each node begin: a switch may
    /// have thousands that do not.
    inner: Vec<PortId>,
    first_inner: Vec<u32>,
    /// Number of each switch among the switches.
    switch_number: Vec<u32>,
    switches: usize,
    /// Hops from every switch to a destination, by where it is attached: computed when first asked
    /// for. Hosts at the same switches are equally far from everywhere, so they share the answer.
    distance: BTreeMap<Attachment, Vec<u16>>,
}

/// The switches that reach a node by a link of its own, and the node itself if it is a switch, which
/// others may pass.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Attachment {
    switches: Vec<NodeId>,
    own: Option<NodeId>,
}

/// Bytes of distances that are kept.
const KEPT: usize = 64 << 20;
/// Longest path: the hops that the TTL of IPv4 or the hop limit of IPv6 allow.
pub const MAX_HOPS: u16 = 255;

/// The ports of all links, and the two of each.
fn wired(model: &Model, first_port: &[PortId]) -> (Vec<PortInfo>, Vec<[PortId; 2]>) {
    let blank = PortInfo {
        node: 0,
        index: 0,
        link: 0,
        peer: 0,
        rate: BitRate::default(),
        delay: SimDuration::ZERO,
        up: true,
    };
    let mut ports = vec![blank; first_port.last().map_or(0, |&end| end as usize)];
    let mut used = vec![0u32; model.nodes.len()];
    let mut ends = vec![[0; 2]; model.links.len()];
    for (number, link) in model.links.iter().enumerate() {
        let mut take = |node: NodeId| {
            let index = used[node as usize];
            used[node as usize] += 1;
            (index, first_port[node as usize] + index)
        };
        let (index_a, a) = take(link.a);
        let (index_b, b) = take(link.b);
        for (node, index, own, peer) in [(link.a, index_a, a, b), (link.b, index_b, b, a)] {
            ends[number][usize::from(own != a)] = own;
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
    (ports, ends)
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
        let (ports, ends) = wired(model, &first_port);
        let is_switch = |n: &NodeSpec| matches!(n.role, Role::Switch(_));
        let is_switch: Vec<bool> = model.nodes.iter().map(is_switch).collect();
        let mut switches = 0;
        let number = |&is_switch: &bool| {
            switches += u32::from(is_switch);
            switches.saturating_sub(1)
        };
        let mut inner = Vec::new();
        let mut first_inner = vec![0];
        for own in first_port.windows(2) {
            let to_switch = |p: &PortId| {
                let peer = ports[ports[*p as usize].peer as usize].node;
                is_switch[peer as usize]
            };
            inner.extend((own[0]..own[1]).filter(to_switch));
            first_inner.push(inner.len() as u32);
        }
        Fabric {
            ports,
            first_port,
            ends,
            inner,
            first_inner,
            switch_number: is_switch.iter().map(number).collect(),
            switches: switches as usize,
            is_switch,
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

    /// Ports of a node that lead to switches.
    fn inner_ports(&self, node: NodeId) -> &[PortId] {
        let [from, to] = [0, 1].map(|i| self.first_inner[node as usize + i] as usize);
        &self.inner[from..to]
    }

    /// Ports of `from` whose other end is a port of `to`, in order.
    fn ports_between(&self, from: NodeId, to: NodeId) -> Vec<PortId> {
        let peer = |p: PortId| self.ports[p as usize].peer;
        if self.node_ports(from).len() <= self.node_ports(to).len() {
            let joined = |&p: &PortId| self.neighbour(p) == to;
            return self.node_ports(from).filter(joined).collect();
        }
        let of_other = self.node_ports(to).map(peer);
        let mut ports: Vec<PortId> = of_other
            .filter(|&p| self.ports[p as usize].node == from)
            .collect();
        ports.sort_unstable();
        ports
    }

    /// Both ports of a link, the lower one first.
    pub fn link_ports(&self, link: u32) -> impl Iterator<Item = PortId> + use<> {
        let [a, b] = self.ends[link as usize];
        [a.min(b), a.max(b)].into_iter()
    }

    /// Takes a link down or up; paths found later avoid or use it.
    pub fn set_link(&mut self, link: u32, up: bool) {
        for port in self.link_ports(link) {
            self.ports[port as usize].up = up;
        }
        self.distance.clear();
    }

    /// How `dst` is reached now, by any port or by `last` only.
    fn attachment(&self, dst: NodeId, last: Option<PortId>) -> Attachment {
        let usable = |&p: &PortId| self.ports[p as usize].up && last.is_none_or(|last| last == p);
        let peers = self
            .node_ports(dst)
            .filter(usable)
            .map(|p| self.neighbour(p));
        let mut switches: Vec<NodeId> = peers.filter(|&peer| self.is_switch(peer)).collect();
        switches.sort_unstable();
        switches.dedup();
        let own = Some(dst).filter(|&dst| self.is_switch(dst));
        Attachment { switches, own }
    }

    /// Breadth-first distances of all switches. Hosts do not forward.
    fn measure(&mut self, to: &Attachment) {
        if self.distance.contains_key(to) {
            return;
        }
        let mut dist = vec![UNREACHED; self.switches];
        let number = |node: NodeId| self.switch_number[node as usize] as usize;
        if let Some(own) = to.own {
            dist[number(own)] = 0;
        }
        let mut frontier = Vec::new();
        for &node in &to.switches {
            if dist[number(node)] == UNREACHED {
                dist[number(node)] = 1;
                frontier.push(node);
            }
        }
        let mut next = Vec::new();
        for d in 2..=MAX_HOPS {
            for node in frontier.drain(..) {
                let inner = self.inner_ports(node).iter();
                for &port in inner.filter(|&&p| self.ports[p as usize].up) {
                    let peer = self.neighbour(port);
                    if dist[number(peer)] == UNREACHED {
                        dist[number(peer)] = d;
                        next.push(peer);
                    }
                }
            }
            std::mem::swap(&mut frontier, &mut next);
        }
        if (self.distance.len() + 1) * self.switches * size_of::<u16>() > KEPT {
            self.distance.clear();
        }
        self.distance.insert(to.clone(), dist);
    }

    /// Egress ports from `from` to `key.dst`, starting with one of `from`; None if unreachable.
    pub fn path(&mut self, from: NodeId, key: PathKey, ends: Ends) -> Option<Vec<PortId>> {
        let to = self.attachment(key.dst, ends.last);
        self.measure(&to);
        let dist = self.distance.get(&to)?;
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
            let port = self.choose(at, dist, key, ends.last)?;
            path.push(port);
            at = self.neighbour(port);
        }
        Some(path)
    }

    /// The ports of `node` on a shortest path, in order.
    fn nearest(
        &self,
        node: NodeId,
        dist: &[u16],
        dst: NodeId,
        last: Option<PortId>,
    ) -> Vec<PortId> {
        let mut direct = self.ports_between(node, dst);
        direct.retain(|&p| {
            let info = &self.ports[p as usize];
            info.up && last.is_none_or(|last| last == info.peer)
        });
        if !direct.is_empty() {
            return direct;
        }
        let hops = |p: PortId| {
            let peer = self.neighbour(p);
            let hops = dist[self.switch_number[peer as usize] as usize];
            // A destination that is a switch is entered as above.
            let usable = self.ports[p as usize].up && hops != UNREACHED && peer != dst;
            usable.then_some(hops)
        };
        let inner = self.inner_ports(node).iter().copied();
        let Some(least) = inner.clone().filter_map(hops).min() else {
            return Vec::new();
        };
        inner.filter(|&p| hops(p) == Some(least)).collect()
    }

    /// The egress port of `node` among those on a shortest path.
    fn choose(
        &self,
        node: NodeId,
        dist: &[u16],
        key: PathKey,
        last: Option<PortId>,
    ) -> Option<PortId> {
        let mut ports = self.nearest(node, dist, key.dst, last);
        let count = ports.len() as u64;
        if count <= 1 {
            return ports.first().copied();
        }
        let pick = match self.hash {
            EcmpHash::Mixed => {
                let ends = (u64::from(key.src) << 32) | u64::from(key.dst);
                let ports = (u64::from(key.sport) << 16) | u64::from(key.dport);
                let place = mix(self.seed ^ mix(u64::from(node) << 20));
                mix(mix(ends ^ place) ^ ports) % count
            }
            EcmpHash::HpccNs3 => {
                let (src, dst) = (ecmp::node_ip(key.src), ecmp::node_ip(key.dst));
                // Hosts there hash with the sequence of a queue pair; with one NIC it is unused.
                u64::from(ecmp::ecmp_hash(src, dst, key.sport, key.dport, node)) % count
            }
        };
        // That simulator lists next hops in the order of node numbers, which for its generated
        // topologies is also the order of links.
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
                .ports_between(at, next)
                .into_iter()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PauseMode;
    use crate::testing;

    /// Of each path between hosts: the nodes that it passes.
    fn passed(fabric: &mut Fabric, src: NodeId, dst: NodeId) -> Option<Vec<NodeId>> {
        let key = PathKey {
            src,
            dst,
            sport: 7,
            dport: 9,
        };
        let path = fabric.path(src, key, Ends::default())?;
        Some(path.iter().map(|&port| fabric.neighbour(port)).collect())
    }

    #[test]
    fn hosts_of_a_switch_share_what_is_known_of_the_way_to_them() {
        let pause = PauseMode::Off;
        let model = testing::star(50, testing::nic(pause), testing::switch(pause));
        let mut fabric = Fabric::new(&model);
        let hosts: Vec<NodeId> = (0..model.nodes.len() as NodeId)
            .filter(|&node| !fabric.is_switch(node))
            .collect();
        let switch = (0..model.nodes.len() as NodeId).find(|&node| fabric.is_switch(node));
        for &dst in &hosts[1..] {
            let path = passed(&mut fabric, hosts[0], dst);
            assert_eq!(path, Some(vec![switch.unwrap(), dst]));
        }
        assert_eq!(fabric.distance.len(), 1);
        // A link that is down is no way, and only for the host behind it.
        let link = fabric.ports[fabric.node_ports(hosts[3]).start as usize].link;
        fabric.set_link(link, false);
        assert_eq!(passed(&mut fabric, hosts[0], hosts[3]), None);
        assert!(passed(&mut fabric, hosts[0], hosts[4]).is_some());
        fabric.set_link(link, true);
        assert!(passed(&mut fabric, hosts[0], hosts[3]).is_some());
    }
}
