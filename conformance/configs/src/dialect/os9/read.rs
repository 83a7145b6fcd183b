//! The statements of a file, by what they are about.

use crate::language::Input;
use crate::lines::Lines;
use crate::source::Span;
use crate::text::{Node, numbers, tree};
use std::collections::BTreeMap;

pub(super) type Said<T> = Option<(T, Span)>;

/// `priority-group N bandwidth B pfc on`
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) number: u8,
    pub(super) percent: Option<u32>,
    pub(super) strict: bool,
    pub(super) pfc: bool,
    pub(super) at: Span,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Map {
    pub(super) name: String,
    pub(super) at: Option<Span>,
    pub(super) groups: Vec<Group>,
    /// Group of each dot1p.
    pub(super) pgid: Said<[u8; 8]>,
    /// It has not eight numbers.
    pub(super) bad_pgid: Option<Span>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Interface {
    pub(super) at: Option<Span>,
    pub(super) description: Said<String>,
    pub(super) mtu: Said<u32>,
    pub(super) down: Said<bool>,
    pub(super) map: Said<String>,
    pub(super) pfc: Option<(Vec<u32>, Span)>,
    pub(super) service_class: Option<Span>,
    /// `dcb-policy input NAME` of old releases.
    pub(super) input: Said<String>,
    /// `pfc no-drop queues`.
    pub(super) no_drop_queues: Option<Span>,
    pub(super) flow_rx: Said<bool>,
    pub(super) flow_tx: Said<bool>,
    pub(super) channel: Said<String>,
    pub(super) routed: Option<Span>,
    pub(super) switched: Option<Span>,
    pub(super) role: Said<String>,
}

#[derive(Debug)]
pub(super) struct Read {
    pub(super) name: Said<String>,
    pub(super) dcb: Said<bool>,
    pub(super) service_class: Option<Span>,
    pub(super) maps: Vec<Map>,
    pub(super) interfaces: Vec<(String, Interface)>,
    /// VLAN, ports, with a tag, where.
    pub(super) vlans: Vec<(u16, Vec<String>, bool, Span)>,
    pub(super) version: Said<String>,
    pub(super) no_lldp: Option<Span>,
    pub(super) eight_queues: bool,
    pub(super) peer_link: Said<String>,
    by_name: BTreeMap<String, usize>,
    /// `dcb-input` of old releases: its name and lossless priorities.
    pub(super) inputs: Vec<(String, Vec<u32>, Span)>,
    pub(super) lines: Lines,
}

impl Read {
    /// The interface of this name, which begins here if it is new.
    fn named(&mut self, name: &str, at: Span) -> &mut Interface {
        let next = self.interfaces.len();
        let n = *self.by_name.entry(name.to_owned()).or_insert(next);
        if n == next {
            let interface = Interface {
                at: Some(at),
                ..Interface::default()
            };
            self.interfaces.push((name.to_owned(), interface));
        }
        &mut self.interfaces[n].1
    }

    pub(super) fn interface(&self, name: &str) -> Option<&Interface> {
        self.by_name.get(name).map(|&n| &self.interfaces[n].1)
    }
}

/// Whether a line says that the switch is one with eight queues: where its model is told, and not
/// wherever a neighbour's is (descriptions).
fn eight_queues(line: &str) -> bool {
    const MODELS: [&str; 8] = [
        "S6000", "S6010", "S6100", "Z9100", "Z9500", "S4048", "S5048", "S3048",
    ];
    let text = line.trim().trim_start_matches('!').trim();
    let tells = text.starts_with("stack-unit ") && text.contains(" provision ")
        || text.starts_with("hostname ")
        || text.starts_with("System Type")
        || text.starts_with("boot system ");
    let text = text.to_ascii_uppercase();
    tells && MODELS.iter().any(|m| text.contains(m))
}

pub(super) fn read(input: Input) -> Read {
    let mut read = Read {
        name: None,
        dcb: None,
        service_class: None,
        maps: Vec::new(),
        interfaces: Vec::new(),
        vlans: Vec::new(),
        version: None,
        no_lldp: None,
        eight_queues: input.source.text.lines().any(eight_queues),
        peer_link: None,
        by_name: BTreeMap::new(),
        inputs: Vec::new(),
        lines: Lines::new(input.file, input.source.lines()),
    };
    for node in &tree(input.file, input.source, &['!', '#']) {
        top(&mut read, node);
    }
    read
}

fn texts<'a>(node: &Node<'a>) -> Vec<&'a str> {
    node.words.iter().map(|w| w.text).collect()
}

fn top(read: &mut Read, node: &Node) {
    let at = node.at;
    let known = match texts(node).as_slice() {
        ["hostname", name] => {
            read.name = Some(((*name).to_owned(), at));
            return;
        }
        ["dcb", "enable"] => {
            read.dcb = Some((true, at));
            true
        }
        ["no", "dcb", "enable"] => {
            read.dcb = Some((false, at));
            true
        }
        ["dcb", ..] => true,
        // Buffers by hand: their sizes are not in the model.
        ["dcb-buffer-threshold" | "buffer-profile", ..] => false,
        ["service-class", "dynamic", "dot1p"] => {
            read.service_class = Some(at);
            true
        }
        ["dcb-map", name] => {
            dcb_map(read, name, node);
            true
        }
        ["protocol", "lldp"] => {
            for line in &node.children {
                match texts(line).as_slice() {
                    ["dcbx", "version", version] => {
                        read.version = Some(((*version).to_owned(), line.at));
                        read.lines.understood(line.number);
                    }
                    ["disable"] => read.no_lldp = Some(line.at),
                    ["advertise", "dcbx-tlv" | "dcbx-appln-tlv", ..] | ["dcbx", ..] => {
                        read.lines.understood(line.number)
                    }
                    _ => {}
                }
            }
            return;
        }
        ["vlt", "domain", _] => {
            for line in &node.children {
                if let ["peer-link", "port-channel", n, ..] = texts(line).as_slice() {
                    read.peer_link = Some((format!("Port-channel {n}"), line.at));
                }
            }
            return;
        }
        ["interface", "Vlan" | "vlan", id] => {
            vlan(read, id, node);
            return;
        }
        ["interface", "range", rest @ ..] | ["interface", rest @ ..] => {
            interface(read, rest, node);
            return;
        }
        [
            "qos-policy-output" | "policy-map-input" | "policy-map-output" | "qos-policy-input"
            | "wred" | "wred-profile",
            ..,
        ] => false,
        ["dcb-input", name] => {
            dcb_input(read, name, node);
            true
        }
        [
            "dcb-output" | "qos-policy-buffer" | "priority-list" | "priority-group"
            | "service-class",
            ..,
        ] => false,
        _ => return,
    };
    mark(read, node, known);
}

fn mark(read: &mut Read, node: &Node, known: bool) {
    match known {
        true => read.lines.understood(node.number),
        false => {
            read.lines
                .unknown(node.number, "what this statement does is not known");
            for line in &node.children {
                read.lines
                    .unknown(line.number, "what this statement does is not known");
            }
        }
    }
}

fn dcb_map(read: &mut Read, name: &str, node: &Node) {
    let mut map = Map {
        name: name.to_owned(),
        at: Some(node.at),
        ..Map::default()
    };
    for line in &node.children {
        let known = match texts(line).as_slice() {
            ["priority-group", number, rest @ ..] => number.parse().is_ok_and(|number| {
                let after = |word: &str| {
                    rest.iter()
                        .position(|w| *w == word)
                        .and_then(|n| rest.get(n + 1))
                        .copied()
                };
                map.groups.push(Group {
                    number,
                    percent: after("bandwidth").and_then(|b| b.parse().ok()),
                    strict: rest.contains(&"strict-priority"),
                    pfc: after("pfc") == Some("on"),
                    at: line.at,
                });
                true
            }),
            ["priority-pgid", list @ ..] => {
                let list: Option<Vec<u8>> = list.iter().map(|n| n.parse().ok()).collect();
                match list.and_then(|l| <[u8; 8]>::try_from(l).ok()) {
                    Some(list) => map.pgid = Some((list, line.at)),
                    None => map.bad_pgid = Some(line.at),
                }
                true
            }
            ["no", ..] | ["exit"] => true,
            _ => false,
        };
        mark(read, line, known);
    }
    read.maps.retain(|m| m.name != name);
    read.maps.push(map);
}

/// `pfc priority 3` below `dcb-input NAME`.
fn dcb_input(read: &mut Read, name: &str, node: &Node) {
    for line in &node.children {
        let known = match texts(line).as_slice() {
            ["pfc", "priority", list] => match numbers(list, 7) {
                Some(list) => {
                    read.inputs.push((name.to_owned(), list, line.at));
                    true
                }
                None => false,
            },
            ["pfc", "mode", "on"] | ["pfc", "link-delay", ..] => true,
            _ => false,
        };
        mark(read, line, known);
    }
}

fn vlan(read: &mut Read, id: &str, node: &Node) {
    let Ok(id) = id.parse::<u16>() else { return };
    for line in &node.children {
        if let ["tagged" | "untagged", rest @ ..] = texts(line).as_slice() {
            let tagged = line.word(0) == "tagged";
            read.vlans
                .push((id, ports(&rest.join(" ")), tagged, line.at));
            read.lines.understood(line.number);
        }
    }
}

fn interface(read: &mut Read, rest: &[&str], node: &Node) {
    let kind = rest
        .first()
        .copied()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let port = [
        "gigabitethernet",
        "gige",
        "port-channel",
        "fortygige",
        "hundredgige",
        "twentyfivegige",
        "fiftygige",
    ];
    if !port
        .iter()
        .any(|p| kind.ends_with(p) || kind.starts_with(p))
    {
        return;
    }
    for name in ports(&rest.join(" ")) {
        let mut interface = std::mem::take(read.named(&name, node.at));
        interface.at.get_or_insert(node.at);
        for line in &node.children {
            if let Some(known) = statement(read, &name, &mut interface, line) {
                mark(read, line, known);
            }
        }
        *read.named(&name, node.at) = interface;
    }
}

/// None: of no bearing.
fn statement(read: &mut Read, name: &str, i: &mut Interface, line: &Node) -> Option<bool> {
    let at = line.at;
    match texts(line).as_slice() {
        ["description", rest @ ..] => {
            i.description = Some((rest.join(" "), at));
            return None;
        }
        ["shutdown"] => {
            i.down = Some((true, at));
            return None;
        }
        ["no", "shutdown"] => {
            i.down = Some((false, at));
            return None;
        }
        ["mtu", mtu] => i.mtu = mtu.parse().ok().map(|m| (m, at)),
        ["dcb-map", map] => i.map = Some(((*map).to_owned(), at)),
        ["no", "dcb-map", ..] => i.map = None,
        ["service-class", "dynamic", "dot1p"] => i.service_class = Some(at),
        ["pfc", "priority", list] => i.pfc = numbers(list, 7).map(|l| (l, at)),
        ["pfc", "no-drop", "queues", ..] => i.no_drop_queues = Some(at),
        ["no", "pfc", "no-drop", ..] => i.no_drop_queues = None,
        ["pfc", "mode", "on"] => {}
        ["dcb-policy", "input", name] => i.input = Some(((*name).to_owned(), at)),
        ["flowcontrol", rest @ ..] => {
            let on = |word: &str| {
                rest.iter()
                    .position(|w| *w == word)
                    .and_then(|n| rest.get(n + 1))
                    .map(|v| *v == "on")
            };
            i.flow_rx = on("rx").map(|v| (v, at)).or(i.flow_rx);
            i.flow_tx = on("tx").map(|v| (v, at)).or(i.flow_tx);
        }
        ["no", "flowcontrol", ..] => {
            i.flow_rx = Some((false, at));
            i.flow_tx = Some((false, at));
        }
        ["portmode", "hybrid"] | ["switchport"] => i.switched = Some(at),
        ["ip", "address", ..] => {
            i.routed = Some(at);
            return None;
        }
        ["channel-member", rest @ ..] => {
            for member in ports(&rest.join(" ")) {
                member_of(read, &member, name, at);
            }
            return None;
        }
        ["port-channel-protocol", ..] => {
            for inner in &line.children {
                if let ["port-channel", n, "mode", _] = texts(inner).as_slice() {
                    i.channel = Some((format!("Port-channel {n}"), inner.at));
                }
            }
            return None;
        }
        ["protocol", "lldp"] => {
            for inner in &line.children {
                if let ["dcbx", "port-role", role] = texts(inner).as_slice() {
                    i.role = Some(((*role).to_owned(), inner.at));
                    read.lines.understood(inner.number);
                }
            }
            return None;
        }
        [
            "dcb-policy"
            | "service-policy"
            | "pfc"
            | "dcb"
            | "dcbx"
            | "ets"
            | "qos"
            | "service-class"
            | "trust"
            | "priority-flow-control"
            | "mtu"
            | "dcb-map"
            | "wred"
            | "ecn",
            ..,
        ]
        | ["rate", "police" | "shape", ..] => return Some(false),
        _ => return None,
    }
    Some(true)
}

fn member_of(read: &mut Read, member: &str, lag: &str, at: Span) {
    read.named(member, at).channel = Some((lag.to_owned(), at));
}

/// `TenGigabitEthernet 0/0,37-42`: later parts may leave out the slot.
fn ports(text: &str) -> Vec<String> {
    let digits = text
        .find(|c: char| c.is_ascii_digit())
        .unwrap_or(text.len());
    let (kind, list) = text.split_at(digits);
    let kind = kind.trim();
    let mut slot = String::new();
    let mut found = Vec::new();
    for part in list.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let part = part.trim_start_matches(|c: char| !c.is_ascii_digit());
        let number = match part.rfind('/') {
            Some(n) => {
                part[..=n].clone_into(&mut slot);
                &part[n + 1..]
            }
            None => part,
        };
        let (low, high) = number.split_once('-').unwrap_or((number, number));
        let (Ok(low), Ok(high)) = (low.trim().parse::<u32>(), high.trim().parse::<u32>()) else {
            continue;
        };
        found
            .extend((low..=high.min(low.saturating_add(511))).map(|n| format!("{kind} {slot}{n}")));
    }
    found
}
