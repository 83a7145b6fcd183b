//! Juniper Junos, as on QFX and EX switches: braces, `set` commands, or both in one file.

mod bind;
mod cos;
mod filters;
mod inherit;
mod parse;
mod ports;
mod qos;
mod remarks;
mod repair;
#[cfg(test)]
mod tests;
mod tree;
mod wildcard;

use crate::device::{Device, Kind, Port, PortKind, Qos};
use crate::fact::Fact;
use crate::language::{Dialect, Input, Language};
use crate::lines::Lines;
use crate::remark::{Remark, RemarkKind};
use crate::source::{Fault, Source, Span};
use bind::{Binding, Bindings};
use cos::{Cos, Field};
use ports::{Interface, Layer};
use qos::Site;
use remarks::Remarks;
use std::collections::HashMap;
use tree::{Tree, View};
use xoff_model::units::Length;

pub static LANGUAGE: Language = Language {
    dialect: Dialect::Junos,
    name: "junos",
    title: "Juniper Junos",
    recognise,
    import,
    repair: repair::repair,
};

/// Lines that are read to tell the dialect.
const LOOK: usize = 400;

fn recognise(source: &Source) -> u32 {
    source.text.lines().take(LOOK).map(telling).sum()
}

/// How much a line speaks for Junos.
fn telling(line: &str) -> u32 {
    const TOPS: [&str; 14] = [
        "system",
        "chassis",
        "interfaces",
        "class-of-service",
        "groups",
        "protocols",
        "vlans",
        "routing-options",
        "policy-options",
        "routing-instances",
        "forwarding-options",
        "firewall",
        "switch-options",
        "security",
    ];
    let bare = line.trim();
    let bare = match bare.split_once(' ') {
        Some((prompt, rest)) if prompt.contains('@') && prompt.ends_with(['#', '>']) => rest,
        _ => bare,
    };
    if let Some(path) = bare.strip_prefix("[edit ") {
        return if TOPS.iter().any(|top| path.starts_with(top)) {
            8
        } else {
            0
        };
    }
    let mut words = bare.split_ascii_whitespace();
    let first = words.next().unwrap_or_default();
    let (second, third) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let command = matches!(first, "set" | "delete" | "deactivate" | "activate");
    if command {
        let port = second == "interfaces" && (ports::is_port(third) || third == "interface-range");
        let host = second == "system" && third == "host-name";
        return match second {
            "class-of-service" => 12,
            _ if port || host => 10,
            "groups" | "chassis" | "vlans" | "apply-groups" => 4,
            "protocols" if matches!(third, "dcbx" | "lldp") => 6,
            _ => 0,
        };
    }
    if bare.starts_with("## Last changed") || bare.starts_with("## Last commit") {
        return 20;
    }
    if bare.ends_with('{') && !bare.contains(['"', ':', '=', '(']) || bare.ends_with(":{") {
        let name = bare.trim_end_matches('{').trim_end();
        return match name {
            "class-of-service" | "forwarding-classes" | "congestion-notification-profile" => 12,
            _ if TOPS.contains(&name) => 6,
            "unit 0" | "family inet" | "family ethernet-switching" => 6,
            _ if ports::is_port(name) => 8,
            _ => 0,
        };
    }
    match first {
        "host-name" | "mtu" | "scheduler-map" | "interface-mode" if bare.ends_with(';') => 4,
        "version" if bare.ends_with(';') && bare.contains('R') => 4,
        "inactive:" => 8,
        "loss-priority" | "drop-profile-map" if bare.ends_with(';') => 6,
        _ => 0,
    }
}

fn import(input: Input) -> Result<Vec<Device>, Fault> {
    let mut parsed = parse::parse(input)?;
    inherit::apply_groups(&mut parsed);
    let ranges = inherit::ranges(&parsed);
    let mut tree: Tree = parsed;
    inherit::apply_ranges(&mut tree, &ranges);
    let cos = Cos::read(&tree);
    let bindings = Bindings::read(&tree, &ranges);
    let mut remarks = Vec::new();
    let interfaces = ports::interfaces(&tree, &mut remarks);
    let mut reader = Reader {
        tree: &tree,
        cos: &cos,
        bindings: &bindings,
        known: HashMap::new(),
        remarks,
        unfollowed: Vec::new(),
    };
    let ports = reader.ports(interfaces);
    let other_ports = reader.other_ports();
    let unfollowed = reader.unfollowed;
    let mut remarks = reader.remarks;
    let mut told = Remarks { list: &mut remarks };
    told.definitions(&cos);
    told.bindings(&cos, &bindings.every());
    told.inactive(&tree);
    told.foreign(&tree);
    told.contradictions(&tree);
    remarks.sort_by_key(|r| r.at);
    remarks.dedup();
    let host = tree
        .root()
        .child("system")
        .and_then(|s| s.value("host-name"));
    let stem = input.source.stem().to_owned();
    Ok(vec![Device {
        name: host.map_or(stem.clone(), |h| h.word().to_owned()),
        alias: stem,
        dialect: Dialect::Junos,
        kind: Kind::Switch,
        file: input.file,
        peer_link: peer_link(&tree),
        ports,
        other_ports,
        bounce: None,
        host: None,
        remarks,
        lines: lines(&tree, input, &unfollowed),
    }])
}

/// The link to the other switch of an MC-LAG.
fn peer_link(tree: &Tree) -> Option<(String, Span)> {
    let of = |holder: View| {
        let peer = holder.value("multi-chassis-protection")?;
        let link = peer.value("interface")?;
        Some((link.word().to_owned(), link.at()))
    };
    let global = tree.root().child("multi-chassis").and_then(of);
    let interfaces = tree.root().child("interfaces").into_iter();
    global.or_else(|| {
        let ports = interfaces.flat_map(View::kids);
        let mut found = ports.filter_map(|p| of(p).or_else(|| p.values("unit").find_map(of)));
        found.next()
    })
}

/// What ports share is computed once.
#[derive(PartialEq, Eq, Hash)]
struct Key(String);

struct Reader<'r, 'a> {
    tree: &'r Tree<'a>,
    cos: &'r Cos<'a>,
    bindings: &'r Bindings<'r, 'a>,
    known: HashMap<Key, Qos>,
    remarks: Vec<Remark>,
    /// Lines of filters that sort by what is not followed, and by what.
    unfollowed: Vec<(u32, String)>,
}

impl<'a> Reader<'_, 'a> {
    fn ports(&mut self, mut interfaces: Vec<Interface<'a>>) -> Vec<Port> {
        let named: std::collections::HashSet<String> =
            interfaces.iter().map(|i| i.name.clone()).collect();
        for entry in self.bindings.names() {
            if ports::is_port(entry.word()) && !named.contains(entry.word()) {
                interfaces.push(bare(entry));
            }
        }
        let lags: HashMap<String, usize> = interfaces
            .iter()
            .enumerate()
            .filter(|(_, i)| i.kind == PortKind::Lag)
            .map(|(n, i)| (i.name.clone(), n))
            .collect();
        let all = &interfaces;
        all.iter()
            .map(|port| {
                let lag = port
                    .lag
                    .and_then(|(name, _)| lags.get(name))
                    .map(|&n| &all[n]);
                self.port(port, lag)
            })
            .collect()
    }

    fn port(&mut self, own: &Interface<'a>, lag: Option<&Interface<'a>>) -> Port {
        // VLANs, MTU and class-of-service of a member are those of its LAG.
        let upper = lag.unwrap_or(own);
        let mut binding = self.bindings.of(&own.name, &upper.units);
        if let Some(lag) = lag {
            binding = binding.under(self.bindings.of(&lag.name, &lag.units));
        }
        let qos = self.qos(own, upper, &binding);
        self.port_remarks(own, upper, &binding);
        let profile = binding.profile.map(|p| p.value);
        let profile = self.cos.profiles.iter().find(|p| Some(p.name) == profile);
        Port {
            name: own.name.clone(),
            at: Some(own.at),
            kind: own.kind,
            lag: own.lag.map(|(name, at)| (name.to_owned(), at)),
            description: own.description.map(|(text, at)| (text.to_owned(), at)),
            enabled: own.enabled.clone(),
            routed: match upper.layer {
                Layer::Unknown => Fact::unknown("no line gives the port a family"),
                layer => {
                    let routed = matches!(layer, Layer::Routed | Layer::RoutedTagged);
                    Fact::stated(routed, upper.layer_at.unwrap_or(own.at))
                }
            },
            speed: own.speed.clone(),
            cable: match profile.and_then(|p| p.cable) {
                Some(metres) => Fact::stated(Length(metres.value.saturating_mul(1000)), metres.at),
                None => Fact::unknown("no line gives the length of the cable"),
            },
            mtu: upper.mtu.clone(),
            native_vlan: upper.native.clone(),
            tagged_vlans: upper.tagged.clone(),
            qos,
            rdma: None,
        }
    }

    fn qos(&mut self, own: &Interface<'a>, upper: &Interface<'a>, binding: &Binding<'a>) -> Qos {
        let negotiation = bind::negotiation(self.tree, &own.name);
        let pause = own.pause.or(upper.pause);
        let key = Key(format!(
            "{binding:?} {:?} {:?} {negotiation:?} {pause:?} {:?}",
            upper.layer,
            own.speed.value(),
            upper.filters
        ));
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let filters = upper.filters.iter();
        let terms: Vec<_> = filters
            .flat_map(|(name, _)| filters::terms(self.tree, self.cos, name))
            .collect();
        for term in &terms {
            if let filters::Sorts::Some(what) = term.sorts {
                self.unfollowed.push((term.class.at.line, what.to_owned()));
            }
        }
        let site = Site {
            cos: self.cos,
            binding,
            layer: upper.layer,
            speed: own.speed.value(),
            negotiation,
            pause,
            terms,
        };
        let qos = site.qos();
        self.known.insert(key, qos.clone());
        qos
    }

    fn port_remarks(&mut self, own: &Interface, upper: &Interface, binding: &Binding) {
        let Some(bound) = binding.profile else {
            return;
        };
        let Some(profile) = self.cos.profiles.iter().find(|p| p.name == bound.value) else {
            return;
        };
        if let Some((rx, tx, at)) = own.pause.or(upper.pause)
            && (rx || tx)
        {
            let cause = format!(
                "{} has flow-control (802.3x) beside the profile {}; only one of them can act",
                own.name, profile.name
            );
            let cure = format!("delete interfaces {} ether-options flow-control", own.name);
            let remark = Remark::new(RemarkKind::TwoKindsOfPause, at, cause, cure);
            self.remarks
                .push(remark.on_port(&own.name).beside(bound.at));
        }
        self.untold_pause(profile);
        let by_tag = profile
            .inputs
            .iter()
            .find(|(field, ..)| *field == Field::Pcp);
        let untagged = upper.layer == Layer::Routed && binding.dscp.is_some();
        if let Some((.., at)) = by_tag.filter(|_| untagged)
            && !self.remarks.iter().any(|r| r.at == *at)
        {
            let cause = format!(
                "profile {} pauses by the 802.1p priority of tags, but frames at {} have none \
                 and are sorted by DSCP",
                profile.name, own.name
            );
            let cure = format!(
                "set class-of-service congestion-notification-profile {} input dscp code-point \
                 BITS pfc, and a pfc-priority in the class",
                profile.name
            );
            let remark = Remark::new(RemarkKind::Prerequisite, *at, cause, cure);
            self.remarks.push(remark.on_port(&own.name));
        }
    }

    /// PFC by DSCP for a class without pfc-priority.
    fn untold_pause(&mut self, profile: &cos::Profile) {
        for (field, code, at) in &profile.inputs {
            if *field != Field::Dscp {
                continue;
            }
            let mut classifiers = self
                .cos
                .classifiers
                .iter()
                .filter(|c| c.field == Field::Dscp);
            let class = classifiers.find_map(|c| {
                let entry = c.entries.iter().find(|(point, _)| point == code)?;
                self.cos.class(entry.1.value)
            });
            if let Some(class) = class.filter(|c| c.no_loss.is_some() && c.pause.is_none())
                && !self.remarks.iter().any(|r| r.at == *at)
            {
                let name = class.name;
                let cause = format!(
                    "profile {} pauses for DSCP {code}, but class {name} has no pfc-priority",
                    profile.name
                );
                let cure = format!(
                    "set class-of-service forwarding-classes class {name} pfc-priority PRIORITY"
                );
                let kind = RemarkKind::Prerequisite;
                self.remarks.push(Remark::new(kind, *at, cause, cure));
            }
        }
    }

    fn other_ports(&mut self) -> Port {
        let binding = self.bindings.of_others();
        let site = Site {
            cos: self.cos,
            binding: &binding,
            layer: Layer::Unknown,
            speed: None,
            negotiation: bind::negotiation(self.tree, "all"),
            pause: None,
            terms: Vec::new(),
        };
        let mut port = Port::unknown("", "the file has no such port");
        port.qos = site.qos();
        if self.tree.root().child("interfaces").is_some() {
            port.mtu = Fact::default(1500, "Junos ports have mtu 1514 with the Ethernet header");
        }
        port
    }
}

/// A port of which only class-of-service speaks.
fn bare<'a>(entry: View<'_, 'a>) -> Interface<'a> {
    let why = "[edit interfaces] does not name the port";
    Interface {
        name: entry.word().to_owned(),
        at: entry.at(),
        kind: ports::kind_of(entry.word()),
        lag: None,
        description: None,
        enabled: Fact::default(true, "Junos ports are up unless a line disables them"),
        layer: Layer::Unknown,
        layer_at: None,
        speed: Fact::unknown(why),
        mtu: Fact::unknown(why),
        native: Fact::unknown(why),
        tagged: Fact::unknown(why),
        units: Vec::new(),
        pause: None,
        filters: Vec::new(),
    }
}

/// The account of the lines.
fn lines(tree: &Tree, input: Input, unfollowed: &[(u32, String)]) -> Lines {
    let mut lines = Lines::new(input.file, input.source.lines());
    for (line, view, seen) in tree.statements() {
        let path = view.path();
        if let Some((_, what)) = unfollowed.iter().find(|(at, _)| *at == line) {
            lines.unknown(line, format!("sorting packets by {what} is not followed"));
        } else if remarks::bears(&path) {
            let of_no_port = match path.as_slice() {
                ["interfaces", name, rest @ ..] => !ports::is_port(name) || rest.contains(&"inet6"),
                _ => false,
            };
            // What is switched off does nothing, which a remark tells.
            if seen || of_no_port || !view.in_force() {
                lines.understood(line);
            } else {
                lines.unknown(line, "what this statement does is not known");
            }
        } else if match path.first() {
            // Filters that no port has, or that sort no RDMA, change nothing.
            Some(&"firewall") => path.contains(&"forwarding-class"),
            Some(&"interfaces") => seen && layer_two(&path),
            _ => false,
        } {
            lines.understood(line);
        }
    }
    lines
}

fn layer_two(path: &[&str]) -> bool {
    path.iter().any(|w| {
        matches!(
            *w,
            "vlan" | "native-vlan-id" | "802.3ad" | "interface-mode" | "port-mode" | "vlan-tagging"
        )
    })
}
