//! Regular topologies as plain lists of nodes and links, before rates and profiles are assigned.
//!
//! Hosts always come first and are called `h0`, `h1`, ...; then the switches. All host links
//! precede all fabric links, so a switch's first ports lead to its hosts. Every host has all its
//! links to the same switch. Parallel links are adjacent in the list.
//!
//! A builder makes exactly what it is asked for; who reads the numbers from a user limits them.

use crate::NodeId;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayoutNode {
    pub name: String,
    pub switch: bool,
}

/// What a link connects, so that host and fabric links can differ in rate and length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkTier {
    /// Host to switch.
    Host,
    /// Switch to switch.
    Fabric,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayoutLink {
    pub a: NodeId,
    pub b: NodeId,
    pub tier: LinkTier,
}

/// Nodes and links of a network. Node ids are indices into `nodes`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    pub nodes: Vec<LayoutNode>,
    pub links: Vec<LayoutLink>,
}

impl Layout {
    fn with_hosts(hosts: u32) -> Layout {
        let mut layout = Layout::default();
        layout.nodes.extend((0..hosts).map(|i| LayoutNode {
            name: format!("h{i}"),
            switch: false,
        }));
        layout
    }

    /// Adds `count` switches called `prefix0`, `prefix1`, ... and returns the id of the first.
    fn switches(&mut self, prefix: &str, count: u32) -> NodeId {
        let first = self.nodes.len() as NodeId;
        self.nodes.extend((0..count).map(|i| LayoutNode {
            name: format!("{prefix}{i}"),
            switch: true,
        }));
        first
    }

    fn switch(&mut self, name: &str) -> NodeId {
        self.nodes.push(LayoutNode {
            name: name.to_owned(),
            switch: true,
        });
        self.nodes.len() as NodeId - 1
    }

    fn connect(&mut self, a: NodeId, b: NodeId, tier: LinkTier, count: u32) {
        self.links
            .extend((0..count).map(|_| LayoutLink { a, b, tier }));
    }

    /// Connects hosts `0..` in order, `per_switch` to each of `switches` from `first` on.
    fn attach_hosts(&mut self, first: NodeId, switches: u32, per_switch: u32, links: u32) {
        for s in 0..switches {
            for h in 0..per_switch {
                self.connect(s * per_switch + h, first + s, LinkTier::Host, links);
            }
        }
    }
}

/// All hosts on one switch, `sw0`.
pub fn star(hosts: u32, links_per_host: u32) -> Layout {
    let mut layout = Layout::with_hosts(hosts);
    let sw = layout.switch("sw0");
    layout.attach_hosts(sw, 1, hosts, links_per_host);
    layout
}

/// Two-tier Clos: every leaf has `fabric_links` links to every spine. Hosts are numbered by leaf.
pub fn leaf_spine(
    leaves: u32,
    hosts_per_leaf: u32,
    spines: u32,
    links_per_host: u32,
    fabric_links: u32,
) -> Layout {
    let mut layout = Layout::with_hosts(leaves.saturating_mul(hosts_per_leaf));
    let leaf0 = layout.switches("leaf", leaves);
    let spine0 = layout.switches("spine", spines);
    layout.attach_hosts(leaf0, leaves, hosts_per_leaf, links_per_host);
    for leaf in leaf0..leaf0 + leaves {
        for spine in spine0..spine0 + spines {
            layout.connect(leaf, spine, LinkTier::Fabric, fabric_links);
        }
    }
    layout
}

/// Three-tier fat-tree of switches with `k` ports: k pods of k/2 ToRs (`tor0`...) and k/2
/// aggregation switches (`agg0`...), (k/2)² core switches (`core0`...), k³/4 hosts numbered by pod
/// and ToR. The j-th aggregation switch of every pod reaches the same k/2 cores. An odd `k` counts
/// as the even number below it.
pub fn fat_tree(k: u32, links_per_host: u32, fabric_links: u32) -> Layout {
    let half = k / 2;
    let pods = 2 * half;
    let edge = pods.saturating_mul(half);
    let mut layout = Layout::with_hosts(edge.saturating_mul(half));
    let tor0 = layout.switches("tor", edge);
    let agg0 = layout.switches("agg", edge);
    let core0 = layout.switches("core", half.saturating_mul(half));
    layout.attach_hosts(tor0, edge, half, links_per_host);
    for pod in 0..pods {
        for tor in 0..half {
            for agg in 0..half {
                let (a, b) = (tor0 + pod * half + tor, agg0 + pod * half + agg);
                layout.connect(a, b, LinkTier::Fabric, fabric_links);
            }
        }
    }
    for pod in 0..pods {
        for agg in 0..half {
            for core in 0..half {
                let (a, b) = (agg0 + pod * half + agg, core0 + agg * half + core);
                layout.connect(a, b, LinkTier::Fabric, fabric_links);
            }
        }
    }
    layout
}

/// Two switches, `left` and `right`, with a bottleneck between them. Hosts `h0..` are on the left.
pub fn dumbbell(left: u32, right: u32, links_per_host: u32, fabric_links: u32) -> Layout {
    let mut layout = Layout::with_hosts(left.saturating_add(right));
    let (l, r) = (layout.switch("left"), layout.switch("right"));
    for host in 0..left {
        layout.connect(host, l, LinkTier::Host, links_per_host);
    }
    for host in left..left.saturating_add(right) {
        layout.connect(host, r, LinkTier::Host, links_per_host);
    }
    layout.connect(l, r, LinkTier::Fabric, fabric_links);
    layout
}

/// Switches `sw0`, `sw1`, ... in a circle, each with its own hosts. Two switches have one
/// connection, not two.
pub fn ring(
    switches: u32,
    hosts_per_switch: u32,
    links_per_host: u32,
    fabric_links: u32,
) -> Layout {
    let mut layout = Layout::with_hosts(switches.saturating_mul(hosts_per_switch));
    let sw0 = layout.switches("sw", switches);
    layout.attach_hosts(sw0, switches, hosts_per_switch, links_per_host);
    let connections = if switches > 2 {
        switches
    } else {
        switches.saturating_sub(1)
    };
    for i in 0..connections {
        let next = (i + 1) % switches;
        layout.connect(sw0 + i, sw0 + next, LinkTier::Fabric, fabric_links);
    }
    layout
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number of links of a node, host links and fabric links.
    fn degree(layout: &Layout, name: &str) -> (usize, usize) {
        let id = layout.nodes.iter().position(|n| n.name == name).unwrap() as NodeId;
        let of = |tier| {
            let ends = layout.links.iter().filter(|l| l.tier == tier);
            ends.filter(|l| l.a == id || l.b == id).count()
        };
        (of(LinkTier::Host), of(LinkTier::Fabric))
    }

    fn check(layout: &Layout, hosts: usize, switches: usize) {
        assert_eq!(layout.nodes.len(), hosts + switches);
        assert!(layout.nodes[..hosts].iter().all(|n| !n.switch));
        assert!(layout.nodes[hosts..].iter().all(|n| n.switch));
        for link in &layout.links {
            let (a, b) = (
                &layout.nodes[link.a as usize],
                &layout.nodes[link.b as usize],
            );
            assert_eq!(link.tier == LinkTier::Host, !a.switch);
            assert!(b.switch && link.a != link.b);
        }
        let first_fabric = layout.links.iter().position(|l| l.tier == LinkTier::Fabric);
        let split = first_fabric.unwrap_or(layout.links.len());
        assert!(
            layout.links[split..]
                .iter()
                .all(|l| l.tier == LinkTier::Fabric)
        );
    }

    #[test]
    fn star_has_one_switch() {
        let layout = star(3, 2);
        check(&layout, 3, 1);
        assert_eq!(degree(&layout, "h2"), (2, 0));
        assert_eq!(degree(&layout, "sw0"), (6, 0));
    }

    #[test]
    fn every_leaf_reaches_every_spine() {
        let layout = leaf_spine(4, 3, 2, 1, 2);
        check(&layout, 12, 6);
        assert_eq!(degree(&layout, "leaf3"), (3, 4));
        assert_eq!(degree(&layout, "spine1"), (0, 8));
        assert!(layout.links.contains(&LayoutLink {
            a: 3,
            b: 13,
            tier: LinkTier::Host
        }));
    }

    #[test]
    fn fat_tree_uses_all_ports() {
        let layout = fat_tree(4, 1, 1);
        check(&layout, 16, 20);
        for name in ["tor0", "tor7"] {
            assert_eq!(degree(&layout, name), (2, 2));
        }
        for name in ["agg0", "agg7", "core0", "core3"] {
            assert_eq!(degree(&layout, name), (0, 4));
        }
        let big = fat_tree(8, 1, 1);
        check(&big, 128, 80);
        assert_eq!(big.links.len(), 3 * 128);
    }

    #[test]
    fn each_core_reaches_each_pod_once() {
        let (layout, core0) = (fat_tree(4, 1, 1), 32);
        for core in core0..core0 + 4 {
            let to_core = layout.links.iter().filter(|l| l.b == core);
            let pods: Vec<u32> = to_core.map(|l| (l.a - 24) / 2).collect();
            assert_eq!(pods, [0, 1, 2, 3]);
        }
    }

    #[test]
    fn dumbbell_has_two_sides() {
        let layout = dumbbell(2, 3, 1, 4);
        check(&layout, 5, 2);
        assert_eq!(degree(&layout, "left"), (2, 4));
        assert_eq!(degree(&layout, "right"), (3, 4));
    }

    #[test]
    fn small_rings_have_no_double_connection() {
        for (switches, connections) in [(0, 0), (1, 0), (2, 1), (3, 3), (5, 5)] {
            let layout = ring(switches, 1, 1, 2);
            check(&layout, switches as usize, switches as usize);
            assert_eq!(layout.links.len(), switches as usize + 2 * connections);
        }
    }
}
