//! Ports that differ from what the profile of their node says of all.

use super::diag::{Mistakes, suggest};
use super::network::{MAX_COMPARISONS, Network, ProfileNames};
use super::nics::{self, Nic};
use super::quantity::Sp;
use super::raw::*;
use super::{profiles, validate};
use crate::metrics::select::{cost, glob};
use std::collections::{BTreeMap, BTreeSet};
use xoff_model::*;

/// Most port profiles besides those of the nodes, of a kind.
const MAX_EXCEPTIONS: usize = 10_000;

/// Which ports have a profile of their own: those profiles are added to their nodes'.
pub(super) fn exceptions(
    (raw, network, names): (&RawScenario, &Network, &ProfileNames),
    nics: &mut [Nic],
    switches: &mut [SwitchProfile],
    mistakes: &mut Mistakes,
) -> Vec<PortException> {
    let [nic_rates, switch_rates] = network.rates(names);
    let mut found = Vec::new();
    let stated = names.nics.iter().map(|name| raw.nic.get(name));
    let stated: Vec<_> = stated.map(|nic| nic.map(|nic| &nic.port)).collect();
    for (index, table) in tables("nic", &stated, network, mistakes) {
        let rates = validate::rates_or(nic_rates[index].clone(), network.rate);
        let own = nics::nic_port(table.raw, &rates, mistakes);
        let device = &mut nics[index].profile;
        nics::check_link_mtu(&table.raw.link_mtu, device.mtu, mistakes);
        let known = (&device.port, &mut device.exceptions);
        found.extend(table.exceptions(own, known));
    }
    let stated = names.switches.iter().map(|name| raw.switch.get(name));
    let stated: Vec<_> = stated.map(|s| s.map(|s| &s.port)).collect();
    for (index, table) in tables("switch", &stated, network, mistakes) {
        let rates = validate::rates_or(switch_rates[index].clone(), network.rate);
        let own = profiles::switch_port(table.raw, &rates, mistakes);
        let device = &mut switches[index];
        check_whole(table.raw, device, mistakes);
        let known = (&device.port, &mut device.exceptions);
        found.extend(table.exceptions(own, known));
    }
    found.sort_by_key(|e| (e.node, e.port));
    found
}

/// What a switch has once is none of its ports' matter.
fn check_whole(raw: &RawSwitchPort, device: &SwitchProfile, mistakes: &mut Mistakes) {
    let b = &raw.buffer;
    let spans = [
        ("size", b.size.as_ref().map(|v| &v.span)),
        ("cell", b.cell.as_ref().map(|v| &v.span)),
        ("headroom_pool", b.headroom_pool.as_ref().map(|v| &v.span)),
        ("occupancy", b.occupancy.as_ref().map(|v| &v.span)),
    ];
    for (key, span) in spans {
        if let Some(span) = span {
            let message = format!("`buffer.{key}` belongs to the whole switch");
            mistakes.push(span, message, "", "state it outside of `port`");
        }
    }
    let poll = raw.watchdog.poll.as_ref();
    if let Some(poll) = poll.filter(|poll| poll.value != device.watchdog_poll) {
        let help = "state it outside of `port`";
        mistakes.at(poll, "the watchdog polls all ports of a switch", help);
    }
}

/// A table of ports, and the ports that it is for.
struct Table<'a, T> {
    raw: &'a Sp<T>,
    ports: Vec<(NodeId, u32)>,
}

impl<T> Table<'_, T> {
    /// Gives the ports a profile, unless it is that of their node.
    fn exceptions<P: PartialEq>(
        &self,
        own: P,
        (common, others): (&P, &mut Vec<P>),
    ) -> Vec<PortException> {
        if own == *common {
            return Vec::new();
        }
        let profile = others.iter().position(|other| *other == own);
        let profile = profile.unwrap_or_else(|| {
            others.push(own);
            others.len() - 1
        });
        let exception = |&(node, port): &(NodeId, u32)| PortException {
            node,
            port,
            profile: profile as u32,
        };
        self.ports.iter().map(exception).collect()
    }
}

/// The tables of ports of all profiles of a kind, with the index of the profile.
fn tables<'a, T>(
    kind: &str,
    stated: &[Option<&'a BTreeMap<String, Sp<T>>>],
    network: &Network,
    mistakes: &mut Mistakes,
) -> Vec<(usize, Table<'a, T>)> {
    let of = |profile: usize| stated.get(profile).copied().flatten().into_iter().flatten();
    let count: usize = (0..stated.len()).map(|profile| of(profile).count()).sum();
    if count == 0 {
        return Vec::new();
    }
    if let Some((_, table)) = (0..stated.len()).flat_map(of).nth(MAX_EXCEPTIONS) {
        let help = format!("a scenario has at most {MAX_EXCEPTIONS}: use patterns");
        mistakes.push(&table.span, format!("{count} tables of ports"), "", &help);
        return Vec::new();
    }
    let neighbours = network.neighbours();
    let mut all = Vec::new();
    let mut search = Search {
        network,
        neighbours: &neighbours,
        work: MAX_COMPARISONS,
        used: BTreeSet::new(),
        matched: BTreeSet::new(),
    };
    let nodes = nodes_of(kind, stated.len(), network);
    for (profile, nodes) in nodes.iter().enumerate() {
        let patterns: Vec<(&str, &Sp<T>)> = of(profile).map(|(k, t)| (k.as_str(), t)).collect();
        let ports = search.ports(&patterns, nodes, mistakes);
        let tables = patterns.iter().zip(ports);
        all.extend(tables.map(|(&(_, raw), ports)| (profile, Table { raw, ports })));
    }
    let unmatched = (0..stated.len()).flat_map(|profile| of(profile).map(move |t| (profile, t)));
    let mut named = BTreeSet::new();
    for (profile, (pattern, table)) in unmatched {
        let never =
            search.used.contains(pattern.as_str()) && !search.matched.contains(pattern.as_str());
        if never && named.insert(pattern) {
            let help = search.help(pattern, &nodes[profile]);
            let message = format!("no port of a node with this {kind} profile matches `{pattern}`");
            mistakes.at(table, message, &help);
        }
    }
    all
}

/// The nodes with each profile of a kind.
fn nodes_of(kind: &str, profiles: usize, network: &Network) -> Vec<Vec<NodeId>> {
    let mut nodes = vec![Vec::new(); profiles];
    for (id, node) in (0..).zip(&network.nodes) {
        match node.role {
            Role::Host(profile) if kind == "nic" => nodes[profile as usize].push(id),
            Role::Switch(profile) if kind == "switch" => nodes[profile as usize].push(id),
            _ => {}
        }
    }
    nodes
}

/// Looks for the ports that patterns mean.
struct Search<'a> {
    network: &'a Network,
    /// Of each node, in the order of its ports.
    neighbours: &'a [Vec<NodeId>],
    /// Comparisons that may still be made.
    work: u64,
    /// Patterns of profiles that some node has, and those that a port matched. An inherited one
    /// need not match in each profile.
    used: BTreeSet<String>,
    matched: BTreeSet<String>,
}

impl Search<'_> {
    /// The ports of some nodes that each pattern matches. No port may match two of them.
    fn ports<T>(
        &mut self,
        patterns: &[(&str, &Sp<T>)],
        nodes: &[NodeId],
        mistakes: &mut Mistakes,
    ) -> Vec<Vec<(NodeId, u32)>> {
        let mut found = vec![Vec::new(); patterns.len()];
        if nodes.is_empty() {
            return found;
        }
        let work: u64 = patterns.iter().map(|(pattern, _)| cost(pattern)).sum();
        self.used
            .extend(patterns.iter().map(|(p, _)| (*p).to_owned()));
        let mut rivals = BTreeSet::new();
        for &node in nodes {
            let ends = &self.neighbours[node as usize];
            let Some(left) = self.work.checked_sub(work * ends.len() as u64) else {
                if let Some((_, table)) = patterns.first() {
                    mistakes.at(table, "too many or too long patterns of ports", "use fewer");
                }
                // Whether they match is not known.
                let all = patterns.iter().map(|(p, _)| (*p).to_owned());
                self.matched.extend(all);
                return found;
            };
            self.work = left;
            for (port, &peer) in (0..).zip(ends) {
                let fits = |i: &usize| self.fits(patterns[*i].0, (node, port), peer);
                let mut fitting = (0..patterns.len()).filter(fits);
                let Some(first) = fitting.next() else {
                    continue;
                };
                if let Some(second) = fitting.next()
                    && rivals.insert((first, second))
                {
                    let (a, b) = (patterns[first].0, patterns[second].0);
                    let name = self.network.name(node);
                    let message = format!("`{a}` and `{b}` both match port {name}:{port}");
                    let help = "write patterns of which each port matches one at most";
                    mistakes.at(patterns[second].1, message, help);
                }
                found[first].push((node, port));
            }
        }
        let hit = patterns
            .iter()
            .zip(&found)
            .filter(|(_, ports)| !ports.is_empty());
        self.matched.extend(hit.map(|((p, _), _)| (*p).to_owned()));
        found
    }

    /// Whether a port is among those that a pattern means: number, neighbour, NODE:NUMBER or
    /// NODE>NEIGHBOUR.
    fn fits(&self, pattern: &str, (node, port): (NodeId, u32), peer: NodeId) -> bool {
        let number = |text: &str| text.parse() == Ok(port);
        let name = |pattern: &str, id| glob(pattern.trim(), self.network.name(id));
        pattern.split('|').map(str::trim).any(|one| {
            match (one.split_once('>'), one.rsplit_once(':')) {
                (Some((at, to)), _) => name(at, node) && name(to, peer),
                (None, Some((at, "*"))) => name(at, node),
                (None, Some((at, index))) => name(at, node) && number(index.trim()),
                (None, None) if one.bytes().all(|b| b.is_ascii_digit()) => number(one),
                (None, None) => name(one, peer),
            }
        })
    }

    /// What a pattern that matches nothing may have meant.
    fn help(&self, pattern: &str, nodes: &[NodeId]) -> String {
        let ports = nodes
            .iter()
            .map(|node| self.neighbours[*node as usize].len());
        let most = ports.max().unwrap_or(0);
        if pattern.bytes().all(|b| b.is_ascii_digit()) {
            return match most {
                0 => "they have no ports".to_owned(),
                most => format!("their ports are 0 to {}", most - 1),
            };
        }
        let ends = nodes
            .iter()
            .flat_map(|node| &self.neighbours[*node as usize]);
        let names: BTreeSet<&str> = ends.map(|id| self.network.name(*id)).collect();
        let known: Vec<&str> = names.into_iter().collect();
        let form = "write a port's number, its neighbour, NODE:NUMBER or NODE>NEIGHBOUR";
        match suggest(pattern, &known) {
            Some(help) if help.len() < 200 => help,
            _ => form.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Overrides;
    use xoff_model::{Model, PauseMode};

    const NETWORK: &str = "[topology]\nkind = 'leaf-spine'\nleaves = 2\nspines = 2\n\
                           hosts_per_leaf = 2\nlinks_per_host = 2\n\
                           [[assign]]\nnodes = 'leaf*'\nprofile = 'leaf'\n\
                           [[traffic]]\nkind = 'incast'\nbytes = '1kB'\n[switch.leaf]\n";

    fn load(text: &str) -> Result<Model, Vec<String>> {
        let text = format!("{NETWORK}{text}");
        let none = |_: &str| Err(String::new());
        let plan = crate::load("x.toml", &text, &Overrides::default(), &none);
        plan.map(|mut plan| plan.cases.remove(0).model)
            .map_err(|e| {
                let place = |d: &crate::Diagnostic| {
                    let line = 1 + text[..d.span.start].matches('\n').count();
                    let help = d.help.as_deref().unwrap_or_default();
                    format!("{line}: {} ({help})", d.message)
                };
                e.iter().map(place).collect()
            })
    }

    /// Ports without PFC, as `NODE:NUMBER`.
    fn off(model: &Model) -> Vec<String> {
        let mut found = Vec::new();
        for (id, node) in (0..).zip(&model.nodes) {
            let links = model.links.iter().filter(|l| l.a == id || l.b == id);
            for port in 0..links.count() as u32 {
                if model.pause_spec(id, port).unwrap().mode == PauseMode::Off {
                    found.push(format!("{}:{port}", node.name));
                }
            }
        }
        found
    }

    const ON: &str = "[switch.default.pfc]\nmode = 'pfc'\n[nic.default.pfc]\nmode = 'pfc'\n";

    #[test]
    fn ports_are_named_by_number_or_neighbour() {
        for (pattern, wanted) in [
            ("switch.leaf.port.0", &["leaf0:0", "leaf1:0"][..]),
            ("switch.leaf.port.\"spine1\"", &["leaf0:5", "leaf1:5"]),
            ("switch.leaf.port.\"h0\"", &["leaf0:0", "leaf0:1"]),
            (
                "switch.leaf.port.\"0|spine1\"",
                &["leaf0:0", "leaf0:5", "leaf1:0", "leaf1:5"],
            ),
            ("switch.leaf.port.\"leaf1:4\"", &["leaf1:4"]),
            ("switch.leaf.port.\"leaf1>spine*\"", &["leaf1:4", "leaf1:5"]),
            ("switch.default.port.\"leaf0\"", &["spine0:0", "spine1:0"]),
            ("nic.default.port.\"h3:1\"", &["h3:1"]),
            (
                "nic.default.port.\"leaf1\"",
                &["h2:0", "h2:1", "h3:0", "h3:1"],
            ),
        ] {
            let model = load(&format!("{ON}[{pattern}.pfc]\nmode = 'off'")).unwrap();
            assert_eq!(off(&model), wanted, "{pattern}");
        }
    }

    #[test]
    fn what_is_not_said_of_a_port_is_as_at_its_node() {
        let text = "[switch.default]\nbuffer = { size = '8MB', xoff = '40kB' }\n\
                    pfc = { mode = 'pfc', priorities = [3, 4] }\n\
                    [switch.default.port.\"spine*\"]\nbuffer.alpha = '1/4'\npfc.send = false\n\
                    [switch.leaf.pfc]\npriorities = [5]";
        let model = load(text).unwrap();
        let leaf = &model.switches[1];
        let [own] = &leaf.exceptions[..] else {
            panic!("{:?}", leaf.exceptions)
        };
        assert_eq!((leaf.port.pfc.tx_mask, leaf.port.pfc.rx_mask), (32, 32));
        assert_eq!((own.pfc.tx_mask, own.pfc.rx_mask), (0, 32));
        assert!(leaf.port.pgs[5].lossless && !own.pgs[5].lossless);
        assert_eq!(model.exceptions.len(), 4);
        // The same as at the node is no exception.
        let model = load(&format!("{ON}[switch.leaf.port.1.pfc]\nmode = 'pfc'")).unwrap();
        assert!(model.exceptions.is_empty() && model.switches[1].exceptions.is_empty());
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (text, message) in [
            (
                "[switch.leaf.port.spin1.pfc]\nmode = 'off'",
                "14: no port of a node with this switch profile \
              matches `spin1` (did you mean `spine1`?)",
            ),
            (
                "[switch.leaf.port.6.pfc]\nmode = 'off'",
                "14: no port of a node with this switch profile \
              matches `6` (their ports are 0 to 5)",
            ),
            (
                "[switch.leaf.port.4]\n[switch.leaf.port.\"spine*\"]",
                "15: `4` and `spine*` both \
              match port leaf0:4 (write patterns of which each port matches one at most)",
            ),
            (
                "[switch.leaf.port.4]\nlatency = '1us'",
                "15: unknown key `latency`",
            ),
            (
                "[switch.leaf.port.4]\nbuffer.size = '1MB'",
                "15: `buffer.size` belongs to the \
              whole switch (state it outside of `port`)",
            ),
            (
                "[switch.leaf.port.4]\nwatchdog.poll = '1ms'",
                "15: the watchdog polls all ports",
            ),
            (
                "[switch.leaf.port.4.pfc]\npriorities = [8]",
                "15: priority 8",
            ),
            (
                "[nic.default.port.2]",
                "14: no port of a node with this nic profile matches `2` (their ports \
              are 0 to 1)",
            ),
        ] {
            let found = load(text).expect_err(text);
            assert!(found[0].starts_with(message), "{text}: {found:?}");
        }
    }
}
