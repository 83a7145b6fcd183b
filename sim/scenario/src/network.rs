//! Nodes and links.

use super::diag::{Mistakes, suggest};
use super::quantity::{BitErrors, Given, Sp};
use super::raw::*;
use crate::metrics::select::{cost, glob};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use xoff_model::time::SimDuration;
use xoff_model::topology::build::{self, Layout, LinkTier};
use xoff_model::topology::fabric::MAX_HOPS;
use xoff_model::units::{BitRate, Bytes, Length, Probability};
use xoff_model::{LinkSpec, NodeId, NodeSpec, Role};
use xoff_sim::footprint;

const MAX_HOSTS: u64 = 65_536;
const MAX_LINKS: u64 = 1 << 20;

/// Indices of the profiles by name; "default" is 0.
#[derive(Debug)]
pub(super) struct ProfileNames {
    /// In the order of the alphabet but for the first.
    pub(super) nics: Vec<String>,
    pub(super) switches: Vec<String>,
}

impl ProfileNames {
    pub(super) fn new(raw: &RawScenario) -> Self {
        fn names<T>(given: &BTreeMap<String, T>) -> Vec<String> {
            let others = given.keys().filter(|n| *n != "default").cloned();
            std::iter::once("default".to_owned())
                .chain(others)
                .collect()
        }
        ProfileNames {
            nics: names(&raw.nic),
            switches: names(&raw.switch),
        }
    }

    /// The role of a node with this profile.
    fn role(&self, switch: bool, name: &Sp<String>, mistakes: &mut Mistakes) -> Role {
        let (names, kind) = if switch {
            (&self.switches, "switch")
        } else {
            (&self.nics, "nic")
        };
        let index = match names[1..].binary_search(&name.value) {
            Ok(index) => index as u32 + 1,
            Err(_) if names[0] == **name => 0,
            Err(_) => {
                let known: Vec<&str> = names.iter().map(String::as_str).collect();
                let help = suggest(name, &known).unwrap_or_default();
                mistakes.at(name, format!("no {kind} profile `{}`", **name), &help);
                0
            }
        };
        if switch {
            Role::Switch(index)
        } else {
            Role::Host(index)
        }
    }
}

/// The network of a scenario.
#[derive(Debug, Default)]
pub(super) struct Network {
    pub(super) nodes: Vec<NodeSpec>,
    pub(super) links: Vec<LinkSpec>,
    /// Where the file describes the network, for mistakes without a place of their own.
    pub(super) span: Range<usize>,
    pub(super) hosts: Vec<NodeId>,
    /// Rate of host links unless a link says otherwise.
    pub(super) rate: BitRate,
    ids: BTreeMap<String, NodeId>,
    degrees: Vec<u32>,
    memory: Option<u64>,
    /// Links between two nodes, by the lower and the higher id.
    bundles: BTreeMap<(NodeId, NodeId), Vec<u32>>,
    defaults: Option<LinkSpec>,
}

impl Network {
    pub(super) fn id(&self, name: &str) -> Option<NodeId> {
        self.ids.get(name).copied()
    }

    pub(super) fn name(&self, id: NodeId) -> &str {
        self.nodes.get(id as usize).map_or("?", |n| &n.name)
    }

    pub(super) fn is_host(&self, id: NodeId) -> bool {
        matches!(
            self.nodes.get(id as usize),
            Some(NodeSpec {
                role: Role::Host(_),
                ..
            })
        )
    }

    /// The links between two nodes, in order.
    pub(super) fn between(&self, a: NodeId, b: NodeId) -> &[u32] {
        self.bundles
            .get(&(a.min(b), a.max(b)))
            .map_or(&[], Vec::as_slice)
    }

    /// Rates of the ports with each NIC profile, and with each switch profile.
    pub(super) fn rates(&self, names: &ProfileNames) -> [Vec<Vec<BitRate>>; 2] {
        let mut nics = vec![Vec::new(); names.nics.len()];
        let mut switches = vec![Vec::new(); names.switches.len()];
        for link in &self.links {
            for node in [link.a, link.b] {
                match self.nodes[node as usize].role {
                    Role::Host(i) => nics[i as usize].push(link.rate),
                    Role::Switch(i) => switches[i as usize].push(link.rate),
                }
            }
        }
        [nics, switches]
    }

    /// The neighbours of each node, in the order of its ports.
    pub(super) fn neighbours(&self) -> Vec<Vec<NodeId>> {
        let mut neighbours = vec![Vec::new(); self.nodes.len()];
        for link in &self.links {
            neighbours[link.a as usize].push(link.b);
            neighbours[link.b as usize].push(link.a);
        }
        neighbours
    }

    /// A node by its name, or a host by its number.
    pub(super) fn node(&self, name: &Sp<String>, mistakes: &mut Mistakes) -> Option<NodeId> {
        let id = self.id(name);
        if id.is_none() {
            let help = match mistakes.is_full() {
                true => String::new(),
                false => self.suggest(name),
            };
            mistakes.at(name, format!("no node `{}`", **name), &help);
        }
        id
    }

    /// How many links a node has.
    pub(super) fn degree(&self, node: NodeId) -> u32 {
        self.degrees.get(node as usize).copied().unwrap_or(0)
    }

    /// The nodes, or the hosts, that a pattern means. `work`: comparisons that may still be made;
    /// None: too many.
    pub(super) fn matching(
        &self,
        pattern: &str,
        hosts_only: bool,
        work: &Cell<u64>,
    ) -> Option<Vec<NodeId>> {
        if !pattern.contains('*') {
            let named = self
                .id(pattern)
                .filter(|id| !hosts_only || self.is_host(*id));
            return Some(named.into_iter().collect());
        }
        let count = match hosts_only {
            true => self.hosts.len(),
            false => self.nodes.len(),
        };
        work.set(work.get().checked_sub(count as u64 * cost(pattern))?);
        let fits = |id: &NodeId| glob(pattern, self.name(*id));
        Some(match hosts_only {
            true => self.hosts.iter().copied().filter(fits).collect(),
            false => (0..count as NodeId).filter(fits).collect(),
        })
    }

    pub(super) fn host(&self, name: &Sp<String>, mistakes: &mut Mistakes) -> Option<NodeId> {
        let id = self.node(name, mistakes)?;
        if !self.is_host(id) {
            mistakes.at(name, format!("`{}` is a switch, not a host", **name), "");
            return None;
        }
        Some(id)
    }

    pub(super) fn suggest(&self, name: &str) -> String {
        // In large networks names are numbered: the first ones show how.
        let known: Vec<&str> = self.nodes.iter().map(|n| n.name.as_str()).collect();
        match suggest(name, &known) {
            Some(help) if help.len() < 200 => help,
            _ => format!("known: {}, ...", known[..known.len().min(8)].join(", ")),
        }
    }

    fn add_node(&mut self, name: &str, role: Role) -> bool {
        let id = self.nodes.len() as NodeId;
        if self.ids.insert(name.to_owned(), id).is_some() {
            return false;
        }
        if matches!(role, Role::Host(_)) {
            self.hosts.push(id);
        }
        self.nodes.push(NodeSpec {
            name: name.to_owned(),
            role,
        });
        self.degrees.push(0);
        true
    }

    fn add_link(&mut self, link: LinkSpec) {
        let key = (link.a.min(link.b), link.a.max(link.b));
        self.bundles
            .entry(key)
            .or_default()
            .push(self.links.len() as u32);
        self.degrees[link.a as usize] += 1;
        self.degrees[link.b as usize] += 1;
        self.links.push(link);
    }
}

/// Names that patterns of a scenario may be compared with in all: a second or two.
pub(super) const MAX_COMPARISONS: u64 = 20_000_000;

/// Names are used in selectors such as `fct.max[flow=a*]` and `sw0:3`.
pub(super) fn valid_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    !name.is_empty() && name.len() <= 64 && name.chars().all(allowed)
}

pub(super) const NAME_HELP: &str = "use letters, digits, and any of - _ . / (at most 64)";

/// Builds the network; `memory` is how many bytes a run may take, if that is limited.
pub(super) fn build(
    raw: &RawScenario,
    names: &ProfileNames,
    memory: Option<u64>,
    mistakes: &mut Mistakes,
) -> Network {
    let mut network = Network {
        memory,
        ..Network::default()
    };
    match &raw.topology {
        Some(topology) => from_topology(topology, &mut network, mistakes),
        None if raw.node.is_empty() => {
            let help = "add a [topology], such as kind = \"star\" with hosts = 2";
            mistakes.push(&(0..0), "the scenario has no network".to_owned(), "", help);
        }
        None => set_defaults(None, &mut network),
    }
    for node in &raw.node {
        add_nodes(node, names, &mut network, mistakes);
    }
    let work = Cell::new(MAX_COMPARISONS);
    for assign in &raw.assign {
        assign_profile(assign, names, &mut network, &work, mistakes);
    }
    let mut stated = BTreeSet::new();
    for link in &raw.link {
        add_or_change(link, &mut stated, &mut network, mistakes);
    }
    if network.hosts.len() as u64 > MAX_HOSTS {
        mistakes.push(
            &network.span,
            format!("more than {MAX_HOSTS} hosts"),
            "",
            "",
        );
    }
    network
}

/// What links have unless they say otherwise.
fn set_defaults(t: Option<&Sp<RawTopology>>, network: &mut Network) {
    network.rate = t
        .and_then(|t| t.rate.given())
        .unwrap_or(BitRate::from_gbps(100));
    network.span = t.map_or(0..0, |t| t.span.clone());
    network.defaults = Some(LinkSpec {
        a: 0,
        b: 0,
        rate: network.rate,
        cable: t.and_then(|t| t.cable.given()).unwrap_or(Length(3_000)),
        phy_delay: t
            .and_then(|t| t.phy_delay.given())
            .unwrap_or(SimDuration::from_ns(200)),
        loss: t.and_then(|t| t.loss.given()).unwrap_or(Probability::ZERO),
        drop_every: t.and_then(|t| t.drop_every.given()).unwrap_or(0),
        ber_e18: t.and_then(|t| t.ber.given()).unwrap_or(BitErrors(0)).0,
    });
}

fn from_topology(t: &Sp<RawTopology>, network: &mut Network, mistakes: &mut Mistakes) {
    set_defaults(Some(t), network);
    let layout = layout(t, network.memory, mistakes);
    let (Some(layout), Some(base)) = (layout, network.defaults.clone()) else {
        return;
    };
    for node in &layout.nodes {
        network.add_node(
            &node.name,
            if node.switch {
                Role::Switch(0)
            } else {
                Role::Host(0)
            },
        );
    }
    let fabric = LinkSpec {
        rate: t.fabric_rate.get_or(base.rate),
        cable: t.fabric_cable.get_or(base.cable),
        ..base.clone()
    };
    for link in &layout.links {
        let base = match link.tier {
            LinkTier::Host => &base,
            LinkTier::Fabric => &fabric,
        };
        network.add_link(LinkSpec {
            a: link.a,
            b: link.b,
            ..base.clone()
        });
    }
}

/// The size keys that a kind of topology reads.
fn size_keys(kind: RawTopologyKind) -> (&'static str, &'static [&'static str]) {
    match kind {
        RawTopologyKind::Star => ("star", &["hosts"]),
        RawTopologyKind::LeafSpine => ("leaf-spine", &["leaves", "hosts_per_leaf", "spines"]),
        RawTopologyKind::FatTree => ("fat-tree", &["k"]),
        RawTopologyKind::Dumbbell => ("dumbbell", &["left", "right"]),
        RawTopologyKind::Ring => ("ring", &["switches", "hosts_per_switch"]),
        RawTopologyKind::Explicit => ("explicit", &[]),
    }
}

/// The sizes in the order of [`size_keys`], if they are complete and sound.
fn sizes(t: &Sp<RawTopology>, mistakes: &mut Mistakes) -> Option<Vec<u32>> {
    let all = [
        ("hosts", &t.hosts),
        ("leaves", &t.leaves),
        ("hosts_per_leaf", &t.hosts_per_leaf),
        ("spines", &t.spines),
        ("k", &t.k),
        ("left", &t.left),
        ("right", &t.right),
        ("switches", &t.switches),
        ("hosts_per_switch", &t.hosts_per_switch),
    ];
    let (kind, wanted) = size_keys(t.kind.value);
    let before = mistakes.count();
    for (name, value) in all {
        match (value, wanted.contains(&name)) {
            (Some(v), false) => {
                let help = format!("a {kind} topology reads {}", list_or_nothing(wanted));
                mistakes.at(v, format!("`{name}` has no meaning here"), &help);
            }
            (Some(v), true) if v.value == 0 => mistakes.at(v, format!("`{name}` is zero"), ""),
            (Some(v), true) if u64::from(v.value) > MAX_HOSTS => {
                mistakes.at(v, format!("`{name}` is above {MAX_HOSTS}"), "");
            }
            (None, true) => {
                mistakes.at(&t.kind, format!("a {kind} topology needs `{name}`"), "");
            }
            _ => {}
        }
    }
    let found = all.iter().filter(|(name, _)| wanted.contains(name));
    let values: Vec<u32> = found.map(|(_, v)| v.get_or(0)).collect();
    (mistakes.count() == before).then_some(values)
}

fn list_or_nothing(words: &[&str]) -> String {
    if words.is_empty() {
        "no sizes".to_owned()
    } else {
        words.join(", ")
    }
}

fn layout(t: &Sp<RawTopology>, memory: Option<u64>, mistakes: &mut Mistakes) -> Option<Layout> {
    let sizes = sizes(t, mistakes)?;
    let (per_host, fabric) = (t.links_per_host.get_or(1), t.fabric_links.get_or(1));
    for given in [&t.links_per_host, &t.fabric_links].into_iter().flatten() {
        if !(1..=1_024).contains(&given.value) {
            mistakes.at(
                given,
                format!("{} parallel links", **given),
                "use 1 to 1024",
            );
            return None;
        }
    }
    let n = |i: usize| u64::from(sizes.get(i).copied().unwrap_or(0));
    let (hosts, fabric_pairs) = match t.kind.value {
        RawTopologyKind::Star => (n(0), 0),
        RawTopologyKind::LeafSpine => (n(0) * n(1), n(0) * n(2)),
        RawTopologyKind::FatTree => (n(0).pow(3) / 4, n(0).pow(3) / 2),
        RawTopologyKind::Dumbbell => (n(0) + n(1), 1),
        RawTopologyKind::Ring => (n(0) * n(1), n(0)),
        RawTopologyKind::Explicit => return None,
    };
    let links = hosts.saturating_mul(per_host.into()) + fabric_pairs.saturating_mul(fabric.into());
    if hosts > MAX_HOSTS || links > MAX_LINKS {
        let message = format!("{hosts} hosts and {links} links");
        let help = format!("xoff takes at most {MAX_HOSTS} hosts and {MAX_LINKS} links");
        mistakes.at(&t.kind, message, &help);
        return None;
    }
    if t.kind.value == RawTopologyKind::Ring && n(0) > 2 * u64::from(MAX_HOPS) {
        let help = format!("no packet passes more than {MAX_HOPS} hops: its TTL has 8 bits");
        let wide = t.switches.as_ref().map_or(&t.kind.span, |s| &s.span);
        mistakes.push(wide, format!("a ring of {} switches", n(0)), "", &help);
        return None;
    }
    let need = footprint::of_network(hosts, links);
    if memory.is_some_and(|memory| need > memory) {
        let message = format!("{hosts} hosts and {links} links take {}", Bytes(need));
        mistakes.at(
            &t.kind,
            message,
            "that is more memory than there is: use fewer",
        );
        return None;
    }
    let s = |i: usize| sizes.get(i).copied().unwrap_or(0);
    Some(match t.kind.value {
        RawTopologyKind::Star => build::star(s(0), per_host),
        RawTopologyKind::LeafSpine => build::leaf_spine(s(0), s(1), s(2), per_host, fabric),
        RawTopologyKind::FatTree => {
            if s(0) % 2 != 0 {
                let help = "a fat-tree has switches with an even number of ports";
                mistakes.push(&t.span, format!("k = {} is odd", s(0)), "", help);
                return None;
            }
            build::fat_tree(s(0), per_host, fabric)
        }
        RawTopologyKind::Dumbbell => build::dumbbell(s(0), s(1), per_host, fabric),
        RawTopologyKind::Ring => build::ring(s(0), s(1), per_host, fabric),
        RawTopologyKind::Explicit => return None,
    })
}

fn add_nodes(
    node: &Sp<RawNode>,
    names: &ProfileNames,
    network: &mut Network,
    mistakes: &mut Mistakes,
) {
    let switch = node.role.get_or(RawRole::Host) == RawRole::Switch;
    let default = Sp {
        value: "default".to_owned(),
        span: node.span.clone(),
    };
    let role = names.role(switch, node.profile.as_ref().unwrap_or(&default), mistakes);
    for name in node.name.iter() {
        if !valid_name(name) {
            mistakes.at(&node.name, format!("`{name}` is no name"), NAME_HELP);
        } else if !network.add_node(name, role) {
            mistakes.at(&node.name, format!("two nodes are called `{name}`"), "");
        }
    }
}

fn assign_profile(
    assign: &Sp<RawAssign>,
    names: &ProfileNames,
    network: &mut Network,
    work: &Cell<u64>,
    mistakes: &mut Mistakes,
) {
    for pattern in assign.nodes.iter() {
        let Some(found) = network.matching(pattern, false, work) else {
            return mistakes.at(
                &assign.nodes,
                "too many patterns with `*`",
                "name the nodes",
            );
        };
        // One mistake is enough, however many nodes match.
        let mut roles = [None, None];
        for &node in &found {
            let switch = !network.is_host(node);
            let role = &mut roles[usize::from(switch)];
            let role = *role.get_or_insert_with(|| names.role(switch, &assign.profile, mistakes));
            network.nodes[node as usize].role = role;
        }
        if found.is_empty() {
            let help = match mistakes.is_full() {
                true => String::new(),
                false => network.suggest(pattern),
            };
            mistakes.at(&assign.nodes, format!("no node matches `{pattern}`"), &help);
        }
    }
}

fn add_or_change(
    link: &Sp<RawLink>,
    stated: &mut BTreeSet<(NodeId, NodeId)>,
    network: &mut Network,
    mistakes: &mut Mistakes,
) {
    let ends = (
        network.node(&link.a, mistakes),
        network.node(&link.b, mistakes),
    );
    let ((Some(a), Some(b)), Some(defaults)) = (ends, network.defaults.clone()) else {
        return;
    };
    if a == b {
        mistakes.at(&link.b, format!("`{}` is linked to itself", *link.a), "");
        return;
    }
    let further = link.parallel.get_or(false);
    if !stated.insert((a.min(b), a.max(b))) && !further {
        let message = format!("the link {} to {} is stated twice", *link.a, *link.b);
        let help = "use `count` for parallel links, or `parallel = true` if they differ";
        mistakes.push(&link.span, message, "", help);
        return;
    }
    let count = link.count.get_or(1);
    if let Some(given) = link
        .count
        .as_ref()
        .filter(|_| !(1..=1_024).contains(&count))
    {
        mistakes.at(given, format!("{count} parallel links"), "use 1 to 1024");
        return;
    }
    let built = match further {
        true => Vec::new(),
        false => network.between(a, b).to_vec(),
    };
    if let (false, Some(count)) = (built.is_empty(), &link.count) {
        let message = format!("the topology has already built {} links here", built.len());
        mistakes.at(
            count,
            message,
            "use `links_per_host` or `fabric_links` of the topology",
        );
        return;
    }
    let base = built.first().map(|l| network.links[*l as usize].clone());
    let base = base.unwrap_or(LinkSpec { a, b, ..defaults });
    let spec = LinkSpec {
        rate: agreed_rate(link, base.rate, mistakes),
        cable: link.cable.get_or(base.cable),
        phy_delay: link.phy_delay.get_or(base.phy_delay),
        loss: link.loss.get_or(base.loss),
        drop_every: link.drop_every.get_or(base.drop_every),
        ber_e18: link.ber.get_or(BitErrors(base.ber_e18)).0,
        ..base
    };
    match built.is_empty() {
        true => (0..count).for_each(|_| network.add_link(spec.clone())),
        false => built
            .iter()
            .for_each(|l| network.links[*l as usize] = spec.clone()),
    }
}

/// The rate on which both ends must agree.
fn agreed_rate(link: &RawLink, base: BitRate, mistakes: &mut Mistakes) -> BitRate {
    let rate = link.rate.get_or(base);
    let (at_a, at_b) = (link.rate_a.get_or(rate), link.rate_b.get_or(rate));
    if at_a != at_b {
        let message = format!(
            "the ends disagree: `{}` is set to {at_a}, `{}` to {at_b}",
            *link.a, *link.b
        );
        let help = "two ports with different rates bring up no link: give both the same";
        if let Some(given) = link.rate_b.as_ref().or(link.rate_a.as_ref()) {
            mistakes.at(given, message, help);
        }
    }
    at_a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_characters_of_selectors() {
        assert!(valid_name("rack-1/leaf_0.a"));
        for bad in ["", "a b", "a:b", "a*", "a>b", "a,b", "ä"] {
            assert!(!valid_name(bad), "{bad}");
        }
    }
}
