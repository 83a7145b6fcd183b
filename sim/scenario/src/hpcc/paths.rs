//! Base RTT, bottleneck rate and BDP of host pairs, as the reference computes them.

use std::collections::BTreeMap;
use xoff_model::{LinkSpec, NodeSpec, Role};

/// What the path between two hosts allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// Twice the propagation delay plus one payload's transmission on every link, in nanoseconds.
    pub(super) base_rtt_ns: u64,
    /// Rate of the slowest link in bit/s.
    pub(super) rate_bps: u64,
}

impl Path {
    /// Bandwidth-delay product in bytes.
    pub(super) fn bdp(&self) -> u64 {
        let bits = u128::from(self.base_rtt_ns) * u128::from(self.rate_bps) / 1_000_000_000;
        u64::try_from(bits / 8).unwrap_or(u64::MAX)
    }
}

#[derive(Clone, Copy)]
struct Neighbour {
    node: u32,
    delay_ns: u64,
    tx_ns: u64,
    rate_bps: u64,
}

/// The paths to every node from one.
struct Tree {
    root: u32,
    found: Vec<Option<Path>>,
}

/// Shortest paths by hop count. Hosts do not forward.
///
/// Hosts that hang on the same switch by equal links see the same paths, so one search serves all
/// of them.
pub(super) struct Paths {
    is_switch: Vec<bool>,
    neighbours: Vec<Vec<Neighbour>>,
    /// Per attachment: switch, rate and delay, or a host of its own kind.
    trees: BTreeMap<(u32, u64, u64), Tree>,
}

impl Paths {
    /// `payload` is that of a full packet.
    pub(super) fn new(nodes: &[NodeSpec], links: &[LinkSpec], payload: u32) -> Self {
        let mut neighbours = vec![Vec::new(); nodes.len()];
        for link in links {
            let rate_bps = link.rate.bps();
            let tx_ns = u64::from(payload) * 8_000_000_000 / rate_bps;
            let delay_ns = link.delay().ns();
            for (from, node) in [(link.a, link.b), (link.b, link.a)] {
                let to = Neighbour {
                    node,
                    delay_ns,
                    tx_ns,
                    rate_bps,
                };
                let list: &mut Vec<Neighbour> = &mut neighbours[from as usize];
                // Of parallel links the reference knows the last.
                match list.iter_mut().find(|n| n.node == node) {
                    Some(same) => *same = to,
                    None => list.push(to),
                }
            }
        }
        for list in &mut neighbours {
            list.sort_by_key(|n| n.node);
        }
        let is_switch = |n: &NodeSpec| matches!(n.role, Role::Switch(_));
        Paths {
            is_switch: nodes.iter().map(is_switch).collect(),
            neighbours,
            trees: BTreeMap::new(),
        }
    }

    /// The path from host `src` to host `dst`; None if there is none.
    pub(super) fn between(&mut self, src: u32, dst: u32) -> Option<Path> {
        let tree = self.attachment(dst);
        if !self.trees.contains_key(&tree) {
            let found = self.search(dst);
            self.trees.insert(tree, Tree { root: dst, found });
        }
        let Tree { root, found } = &self.trees[&tree];
        // The tree of an equally attached host holds everything but that host itself.
        let other = if *root == src { dst } else { src };
        found.get(other as usize).copied().flatten()
    }

    /// The largest base RTT in nanoseconds and the largest BDP in bytes of all host pairs.
    pub(super) fn largest(&mut self) -> (u64, u64) {
        let (mut rtt, mut bdp) = (0, 0);
        for host in 0..self.is_switch.len() as u32 {
            let tree = self.attachment(host);
            if self.is_switch[host as usize] || self.is_searched(tree, host) {
                continue;
            }
            let found = self.search(host);
            let paths = self.is_switch.iter().zip(&found);
            for path in paths.filter_map(|(is_switch, path)| path.filter(|_| !is_switch)) {
                rtt = path.base_rtt_ns.max(rtt);
                bdp = path.bdp().max(bdp);
            }
            self.trees.insert(tree, Tree { root: host, found });
        }
        (rtt, bdp)
    }

    fn is_searched(&self, tree: (u32, u64, u64), host: u32) -> bool {
        self.trees.get(&tree).is_some_and(|t| t.root != host)
    }

    fn attachment(&self, host: u32) -> (u32, u64, u64) {
        match self.neighbours[host as usize].as_slice() {
            [one] if self.is_switch[one.node as usize] => (one.node, one.rate_bps, one.delay_ns),
            // A host that is its own kind; its id cannot be that of a switch.
            _ => (host, 0, 0),
        }
    }

    /// Breadth-first from `root`, neighbours in the order of their ids.
    fn search(&self, root: u32) -> Vec<Option<Path>> {
        let nodes = self.neighbours.len();
        // Delay and transmission time so far, bottleneck.
        let mut seen: Vec<Option<(u64, u64, u64)>> = vec![None; nodes];
        seen[root as usize] = Some((0, 0, u64::MAX));
        let mut queue = vec![root];
        let mut next = 0;
        while let Some(&now) = queue.get(next) {
            next += 1;
            let Some((delay, tx, rate)) = seen[now as usize] else {
                continue;
            };
            for n in &self.neighbours[now as usize] {
                let slot = &mut seen[n.node as usize];
                if slot.is_none() {
                    let delay = delay.saturating_add(n.delay_ns);
                    *slot = Some((delay, tx.saturating_add(n.tx_ns), rate.min(n.rate_bps)));
                    if self.is_switch[n.node as usize] {
                        queue.push(n.node);
                    }
                }
            }
        }
        seen[root as usize] = None;
        seen.into_iter()
            .map(|found| {
                let (delay, tx, rate_bps) = found?;
                let base_rtt_ns = delay.saturating_mul(2).saturating_add(tx);
                Some(Path {
                    base_rtt_ns,
                    rate_bps,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::files;
    use super::super::network::{links, nodes};
    use super::super::text::Source;
    use super::*;
    use xoff_model::units::Probability;

    fn paths(text: &str) -> Paths {
        let source = Source { file: "t", text };
        let (topology, _) = files::topology(source, &mut Vec::new()).unwrap();
        Paths::new(
            &nodes(&topology),
            &links(&topology, Probability::ZERO),
            1_000,
        )
    }

    #[test]
    fn two_tiers_have_the_base_rtt_of_four_links() {
        // Hosts 0 and 1 under 4, host 2 under 5, host 3 alone; 6 joins the leaves.
        let mut p = paths(
            "7 3 5\n4 5 6\n0 4 100Gbps 1us 0\n1 4 100Gbps 1us 0\n2 5 25Gbps 1us 0\n\
             4 6 400Gbps 2us 0\n5 6 400Gbps 2us 0\n",
        );
        let near = Path {
            base_rtt_ns: 4_160,
            rate_bps: 100_000_000_000,
        };
        assert_eq!((p.between(0, 1), p.between(1, 0)), (Some(near), Some(near)));
        let far = Path {
            base_rtt_ns: 12_000 + 80 + 20 + 20 + 320,
            rate_bps: 25_000_000_000,
        };
        assert_eq!((p.between(0, 2), p.between(2, 1)), (Some(far), Some(far)));
        assert_eq!((p.between(0, 3), p.between(3, 0)), (None, None));
        assert_eq!(p.largest(), (12_440, near.bdp()));
        assert_eq!(near.bdp(), 52_000);
    }

    #[test]
    fn hosts_do_not_forward() {
        let mut p = paths("3 0 2\n0 1 1Gbps 1us 0\n1 2 1Gbps 1us 0\n");
        assert!(p.between(0, 1).is_some());
        assert_eq!(p.between(0, 2), None);
    }
}
