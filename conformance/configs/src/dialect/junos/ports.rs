//! `[edit interfaces]`, `[edit vlans]` and `[edit chassis]`: what ports there are, and their layer 2 and 3.

use super::tree::{Tree, View};
use crate::device::{PortKind, Vlans};
use crate::fact::Fact;
use crate::remark::{Remark, RemarkKind};
use crate::source::Span;
use std::collections::BTreeMap;
use xoff_model::units::BitRate;

/// What a port is to classification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layer {
    Trunk,
    Access,
    Routed,
    /// Routed, with VLAN tags.
    RoutedTagged,
    Unknown,
}

/// A port of `[edit interfaces]`.
pub(super) struct Interface<'a> {
    pub(super) name: String,
    pub(super) at: Span,
    pub(super) kind: PortKind,
    pub(super) lag: Option<(&'a str, Span)>,
    pub(super) description: Option<(&'a str, Span)>,
    pub(super) enabled: Fact<bool>,
    pub(super) layer: Layer,
    pub(super) layer_at: Option<Span>,
    pub(super) speed: Fact<BitRate>,
    pub(super) mtu: Fact<u32>,
    pub(super) native: Fact<Option<u16>>,
    pub(super) tagged: Fact<Vlans>,
    pub(super) units: Vec<&'a str>,
    /// 802.3x: received pause is obeyed, pause is sent.
    pub(super) pause: Option<(bool, bool, Span)>,
    /// Filters that see what comes in.
    pub(super) filters: Vec<(&'a str, Span)>,
}

/// VLANs by name.
pub(super) type VlanIds<'a> = BTreeMap<&'a str, Vec<(u16, u16)>>;

/// Whether a name is that of an Ethernet port or LAG that carries traffic.
pub(super) fn is_port(name: &str) -> bool {
    let number = ["et-", "xe-", "ge-", "mge-", "fte-", "ae"]
        .iter()
        .find_map(|kind| name.strip_prefix(kind));
    number.is_some_and(|n| {
        n.starts_with(|c: char| c.is_ascii_digit())
            && n.chars()
                .all(|c| c.is_ascii_digit() || matches!(c, '/' | ':'))
    })
}

pub(super) fn kind_of(name: &str) -> PortKind {
    if name.starts_with("ae") {
        PortKind::Lag
    } else {
        PortKind::Physical
    }
}

/// VLANs and their numbers, those of routing instances as well.
pub(super) fn vlans<'a>(tree: &Tree<'a>) -> VlanIds<'a> {
    let mut found = VlanIds::new();
    let root = tree.root();
    let instances = root.child("routing-instances").into_iter();
    for holder in instances.flat_map(View::kids).chain([root]) {
        for stanza in ["vlans", "bridge-domains"] {
            for vlan in holder.child(stanza).into_iter().flat_map(View::kids) {
                let ids = vlan.values("vlan-id").chain(vlan.values("vlan-id-list"));
                found.insert(vlan.word(), ids.filter_map(|v| ids_of(v.word())).collect());
            }
        }
    }
    found
}

fn ids_of(text: &str) -> Option<(u16, u16)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high): (u16, u16) = (low.parse().ok()?, high.parse().ok()?);
    (low <= high && high <= 4094).then_some((low, high))
}

/// All ports of a file, in its order.
pub(super) fn interfaces<'a>(tree: &Tree<'a>, remarks: &mut Vec<Remark>) -> Vec<Interface<'a>> {
    let vlans = vlans(tree);
    let members = memberships(tree);
    let mut found: Vec<Interface> = Vec::new();
    let Some(all) = tree.root().child("interfaces") else {
        return found;
    };
    for port in all.kids().filter(|p| is_port(p.word())) {
        let Some(sub_ports) = port.value("number-of-sub-ports") else {
            found.push(interface(tree, port, &vlans, &members, remarks));
            continue;
        };
        // The port itself does not exist then, only its parts do.
        for n in 0..sub_ports.number::<u32>().unwrap_or(0).min(8) {
            let name = format!("{}:{n}", port.word());
            if all.child(&name).is_none() {
                let mut part = interface(tree, port, &vlans, &members, remarks);
                part.name = name;
                found.push(part);
            }
        }
    }
    for port in &mut found {
        if let Some((parent, _)) = port.name.split_once(':')
            && !port.speed.is_stated()
            && let Some(parent) = all.child(parent)
        {
            port.speed = speed(tree, parent, parent.word());
        }
    }
    found
}

/// `vlans X interface xe-0/0/1.0`, by port.
fn memberships<'a>(tree: &Tree<'a>) -> BTreeMap<&'a str, Vec<(&'a str, Span)>> {
    let mut found: BTreeMap<&str, Vec<(&str, Span)>> = BTreeMap::new();
    for vlan in tree.root().child("vlans").into_iter().flat_map(View::kids) {
        for port in vlan.values("interface") {
            let name = port.word().split('.').next().unwrap_or_default();
            let list = found.entry(name).or_default();
            list.push((vlan.word(), port.at()));
        }
    }
    found
}

fn interface<'a>(
    tree: &Tree<'a>,
    port: View<'_, 'a>,
    vlans: &VlanIds<'a>,
    members: &BTreeMap<&'a str, Vec<(&'a str, Span)>>,
    remarks: &mut Vec<Remark>,
) -> Interface<'a> {
    let name = port.word();
    let tagging = [
        "vlan-tagging",
        "flexible-vlan-tagging",
        "stacked-vlan-tagging",
    ]
    .iter()
    .find_map(|t| port.child(t));
    let units: Vec<View> = port.values("unit").collect();
    let switching = units.iter().find_map(|u| {
        let family = u.child("family")?;
        let bridge = || family.child("bridge");
        family.child("ethernet-switching").or_else(bridge)
    });
    let routed = units.iter().find_map(|u| {
        let family = u.child("family")?;
        family.child("inet").or_else(|| family.child("inet6"))
    });
    let mode = switching.and_then(|s| s.value("interface-mode").or_else(|| s.value("port-mode")));
    let (layer, layer_at) = match (switching, mode, routed) {
        (_, Some(mode), _) if mode.word() == "trunk" => (Layer::Trunk, Some(mode.at())),
        (Some(s), mode, _) => (Layer::Access, Some(mode.map_or(s.at(), View::at))),
        (_, _, Some(r)) if tagging.is_some() => (Layer::RoutedTagged, Some(r.at())),
        (_, _, Some(r)) => (Layer::Routed, Some(r.at())),
        _ => (Layer::Unknown, None),
    };
    let mut found = Interface {
        name: name.to_owned(),
        at: port.at(),
        kind: kind_of(name),
        lag: ["ether-options", "gigether-options"]
            .iter()
            .find_map(|o| port.child(o)?.value("802.3ad"))
            .map(|l| (l.word(), l.at())),
        description: port.value("description").map(|d| (d.word(), d.at())),
        enabled: match port.child("disable") {
            Some(line) => Fact::stated(false, line.at()),
            None => Fact::default(true, "Junos ports are up unless a line disables them"),
        },
        layer,
        layer_at,
        speed: speed(tree, port, name),
        mtu: mtu(port, &units, tagging, layer),
        native: Fact::unknown("a routed port has no VLAN"),
        tagged: Fact::unknown("no line gives the port a family"),
        units: units.iter().map(|u| u.word()).collect(),
        pause: link_pause(port),
        filters: filters(&units),
    };
    match layer {
        Layer::Trunk | Layer::Access => {
            let listed = members.get(name).map_or(&[][..], Vec::as_slice);
            let ids = VlanReader { vlans, remarks };
            switched(&mut found, port, switching, listed, ids);
        }
        Layer::Routed | Layer::RoutedTagged => routed_vlans(&mut found, port, &units),
        Layer::Unknown => {}
    }
    found
}

struct VlanReader<'v, 'a> {
    vlans: &'v VlanIds<'a>,
    remarks: &'v mut Vec<Remark>,
}

/// The VLANs of a port, by name or number.
fn member_names<'a>(
    switching: Option<View<'_, 'a>>,
    listed: &[(&'a str, Span)],
) -> Vec<(&'a str, Span)> {
    let members = switching.and_then(|s| s.child("vlan"));
    let mut names: Vec<(&str, Span)> = members
        .iter()
        .flat_map(|v| v.values("members"))
        .map(|m| (m.word(), m.at()))
        .collect();
    let ids_here = switching.into_iter().flat_map(|s| {
        let list = s.values("vlan-id-list");
        list.chain(s.values("vlan-id"))
    });
    names.extend(ids_here.map(|v| (v.word(), v.at())));
    names.extend(listed);
    names
}

fn switched<'a>(
    found: &mut Interface<'a>,
    port: View<'_, 'a>,
    switching: Option<View<'_, 'a>>,
    listed: &[(&'a str, Span)],
    mut ids: VlanReader<'_, 'a>,
) {
    let names = member_names(switching, listed);
    let mut ranges = Vec::new();
    let mut first = None;
    let mut known = true;
    for &(name, at) in &names {
        first = first.or(Some(at));
        if name == "all" {
            ranges.push((1, 4094));
            continue;
        }
        match ids_of(name) {
            Some(range) => ranges.push(range),
            None => match ids.vlans.get(name) {
                Some(list) if !list.is_empty() => ranges.extend(list),
                Some(_) => known = false,
                None => {
                    known = false;
                    ids.missing(name, at, &found.name);
                }
            },
        }
    }
    ranges.sort_unstable();
    ranges.dedup();
    let vlans = match first {
        _ if !known => Fact::unknown("a VLAN of the port has no number in this file"),
        Some(at) if ranges == [(1, 4094)] => Fact::stated(Vlans::All, at),
        Some(at) => Fact::stated(Vlans::These(ranges.clone()), at),
        None => Fact::default(Vlans::These(Vec::new()), "the port is in no VLAN"),
    };
    let native = port
        .value("native-vlan-id")
        .or_else(|| switching?.value("native-vlan-id"));
    if found.layer == Layer::Trunk {
        found.tagged = vlans;
        found.native = match native {
            Some(id) => match ids_of(id.word()) {
                Some((id_low, _)) => Fact::stated(Some(id_low), id.at()),
                None => Fact::unknown("its native-vlan-id is no number"),
            },
            None => Fact::default(
                None,
                "a Junos trunk without native-vlan-id takes no untagged",
            ),
        };
        return;
    }
    found.tagged = Fact::default(Vlans::These(Vec::new()), "an access port takes no tag");
    found.native = match (first, ranges.as_slice()) {
        (Some(at), &[(id, last)]) if known && id == last => Fact::stated(Some(id), at),
        (None, _) => Fact::default(Some(1), "an access port is in VLAN default, number 1"),
        _ => Fact::unknown("the VLAN of the port has no single number in this file"),
    };
}

impl VlanReader<'_, '_> {
    fn missing(&mut self, name: &str, at: Span, port: &str) {
        let cause = format!("no VLAN is called {name}, of which {port} is to be a member");
        let cure = format!("set vlans {name} vlan-id NUMBER");
        // A file that is a part has many such names: enough is enough.
        let told = self.remarks.iter().any(|r| r.cause.contains(name));
        if !told && self.remarks.len() < 64 {
            let remark = Remark::new(RemarkKind::UnknownName, at, cause, cure);
            self.remarks.push(remark.on_port(port));
        }
    }
}

fn routed_vlans(found: &mut Interface, port: View, units: &[View]) {
    if found.layer == Layer::Routed {
        found.tagged = Fact::default(
            Vlans::These(Vec::new()),
            "a routed port without vlan-tagging takes no tag",
        );
        return;
    }
    let ids: Vec<View> = units.iter().filter_map(|u| u.value("vlan-id")).collect();
    let ranges = ids.iter().filter_map(|v| ids_of(v.word())).collect();
    if let Some(first) = ids.first() {
        found.tagged = Fact::stated(Vlans::These(ranges), first.at());
    }
    found.native = match port.value("native-vlan-id") {
        Some(id) => match id.number() {
            Some(number) => Fact::stated(Some(number), id.at()),
            None => Fact::unknown("its native-vlan-id is no number"),
        },
        None => Fact::default(None, "with vlan-tagging, a frame without a tag has no unit"),
    };
}

/// Junos counts the Ethernet header: 14 bytes, 18 where the port is said to have tags, 22 where they
/// may be two. `family inet mtu` is the IP packet itself.
fn mtu(port: View, units: &[View], tagging: Option<View>, layer: Layer) -> Fact<u32> {
    let header = match tagging.map(View::word) {
        None => 14,
        Some("vlan-tagging") => 18,
        Some(_) => 22,
    };
    let family = units.iter().find_map(|u| {
        let inet = u.walk(&["family", "inet"])?;
        inet.value("mtu")
    });
    let media = port.value("mtu");
    let routed = matches!(layer, Layer::Routed | Layer::RoutedTagged);
    if let Some(family) = family.filter(|_| routed) {
        return match family.number() {
            Some(bytes) => Fact::stated(bytes, family.at()),
            None => Fact::unknown("its mtu is no number"),
        };
    }
    match media {
        Some(value) => match value.number::<u32>() {
            Some(bytes) => Fact::stated(bytes.saturating_sub(header), value.at()),
            None => Fact::unknown("its mtu is no number"),
        },
        None => Fact::default(1500, "Junos ports have mtu 1514 with the Ethernet header"),
    }
}

/// `100g`, `10m`.
pub(super) fn rate(text: &str) -> Option<BitRate> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" => 1,
        "k" => 1_000,
        "m" => 1_000_000,
        "g" => 1_000_000_000,
        _ => return None,
    };
    let bits = number.parse::<u64>().ok()?.checked_mul(factor)?;
    (bits > 0 && bits <= 10_000_000_000_000).then(|| BitRate::from_bps(bits))
}

fn speed(tree: &Tree, port: View, name: &str) -> Fact<BitRate> {
    let options = || port.child("ether-options");
    let line = port
        .value("speed")
        .or_else(|| options()?.value("speed"))
        .or_else(|| chassis_speed(tree, name));
    if let Some(line) = line {
        return match rate(line.word()) {
            Some(rate) => Fact::stated(rate, line.at()),
            None => Fact::unknown("its speed is not a number"),
        };
    }
    match name.get(..2) {
        Some("ge") => Fact::default(gigabits(1), "ge- ports have 1 Gb/s"),
        Some("xe") => Fact::default(gigabits(10), "xe- ports have 10 Gb/s"),
        _ => Fact::unknown("no line gives the speed of this port"),
    }
}

fn gigabits(n: u64) -> BitRate {
    BitRate::from_bps(n * 1_000_000_000)
}

/// `chassis fpc 0 pic 0 port 5 speed 100g`.
fn chassis_speed<'t, 'a>(tree: &'t Tree<'a>, name: &str) -> Option<View<'t, 'a>> {
    let number = name.split_once('-')?.1;
    let number = number.split(':').next()?;
    let mut parts = number.split('/');
    let (fpc, pic, port) = (parts.next()?, parts.next()?, parts.next()?);
    let pic = tree
        .root()
        .walk(&["chassis", "fpc", fpc, "pic", pic, "port"])?;
    let port = pic.child(port)?;
    port.value("channel-speed").or_else(|| port.value("speed"))
}

fn link_pause(port: View) -> Option<(bool, bool, Span)> {
    for options in [
        "ether-options",
        "gigether-options",
        "aggregated-ether-options",
    ] {
        let Some(options) = port.child(options) else {
            continue;
        };
        if let Some(line) = options.child("flow-control") {
            return Some((true, true, line.at()));
        }
        if let Some(line) = options.child("no-flow-control") {
            return Some((false, false, line.at()));
        }
        if let Some(both) = options.child("configured-flow-control") {
            let on = |word: &str| both.value(word).is_some_and(|v| v.word() == "on");
            return Some((on("tx-buffers"), on("rx-buffers"), both.at()));
        }
    }
    None
}

fn filters<'a>(units: &[View<'_, 'a>]) -> Vec<(&'a str, Span)> {
    let families = units.iter().filter_map(|u| u.child("family"));
    families
        .flat_map(View::kids)
        .filter_map(|family| {
            let filter = family.child("filter")?;
            let name = filter
                .value("input")
                .or_else(|| filter.value("input-list"))?;
            Some((name.word(), name.at()))
        })
        .collect()
}
