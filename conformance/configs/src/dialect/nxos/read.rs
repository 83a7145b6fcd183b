//! The statements of a file, by what they are about. Lines need not be indented.

use crate::language::Input;
use crate::lines::Lines;
use crate::names::range;
use crate::source::Span;
use crate::text::words;
use std::collections::BTreeMap;

pub(super) type Said<T> = Option<(T, Span)>;

/// What a class or policy is of: `qos`, `network-qos`, `queuing`.
pub(super) type Kind = String;

#[derive(Clone, Debug, Default)]
pub(super) struct ClassMap {
    pub(super) at: Option<Span>,
    pub(super) all: bool,
    pub(super) matches: Vec<(Vec<String>, Span)>,
}

#[derive(Clone, Debug)]
pub(super) struct Class {
    pub(super) name: String,
    pub(super) at: Span,
    pub(super) statements: Vec<(Vec<String>, Span)>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Policy {
    pub(super) at: Option<Span>,
    pub(super) classes: Vec<Class>,
}

/// A policy where it is bound: kind, direction, name.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) kind: Kind,
    pub(super) input: bool,
    pub(super) name: String,
    pub(super) at: Span,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Interface {
    pub(super) at: Option<Span>,
    pub(super) description: Said<String>,
    pub(super) mtu: Said<u32>,
    pub(super) speed: Said<u64>,
    pub(super) down: Said<bool>,
    /// `on`, `off`, `auto`.
    pub(super) pfc: Said<String>,
    pub(super) send_tlv: bool,
    pub(super) watchdog: Said<bool>,
    pub(super) receive: Said<bool>,
    pub(super) send: Said<bool>,
    pub(super) bound: Vec<Bound>,
    pub(super) trunk: Said<bool>,
    pub(super) native: Said<u16>,
    pub(super) access: Said<u16>,
    pub(super) allowed: Option<(Option<Vec<(u16, u16)>>, Span)>,
    pub(super) routed: Said<bool>,
    pub(super) channel: Said<u32>,
    pub(super) no_lldp: Said<bool>,
}

#[derive(Debug)]
pub(super) struct Read {
    pub(super) name: Said<String>,
    pub(super) class_maps: BTreeMap<(Kind, String), ClassMap>,
    pub(super) policies: BTreeMap<(Kind, String), Policy>,
    pub(super) system: Vec<Bound>,
    /// In the file's order; the empty name: lines about a port whose name is not given.
    pub(super) interfaces: Vec<(String, Interface)>,
    pub(super) watchdog: Said<bool>,
    pub(super) poll_ms: Said<u64>,
    pub(super) lldp: Said<bool>,
    pub(super) fcoe: bool,
    pub(super) peer_link: Said<String>,
    pub(super) lines: Lines,
}

impl Read {
    pub(super) fn is_empty(&self) -> bool {
        self.interfaces.is_empty() && self.policies.is_empty() && self.class_maps.is_empty()
    }
}

enum Context {
    Top,
    /// Something of no bearing, whose lines are passed over.
    Other,
    ClassMap(Kind, String),
    Policy(Kind, String),
    System,
    Interfaces(Vec<usize>),
}

struct Reader {
    read: Read,
    context: Context,
    by_name: BTreeMap<String, usize>,
}

pub(super) fn read(input: Input) -> Read {
    let mut reader = Reader {
        read: Read {
            name: None,
            class_maps: BTreeMap::new(),
            policies: BTreeMap::new(),
            system: Vec::new(),
            interfaces: Vec::new(),
            watchdog: None,
            poll_ms: None,
            lldp: None,
            fcoe: false,
            peer_link: None,
            lines: Lines::new(input.file, input.source.lines()),
        },
        context: Context::Top,
        by_name: BTreeMap::new(),
    };
    for (line, number) in input.source.text.lines().zip(1_u32..) {
        let found = words(input.file, number, line);
        let texts: Vec<&str> = found.iter().map(|w| w.text).collect();
        if texts.is_empty() || texts[0].starts_with('!') {
            continue;
        }
        let indented = line.starts_with([' ', '\t']);
        reader.line(
            &strip_prompt(&texts),
            Span::line(input.file, number),
            indented,
        );
    }
    reader.read
}

/// `switch(config-if)# mtu 9216`
fn strip_prompt<'a>(words: &[&'a str]) -> Vec<&'a str> {
    match words {
        [first, rest @ ..] if first.ends_with('#') && first.len() > 1 && !rest.is_empty() => {
            rest.to_vec()
        }
        _ => words.to_vec(),
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

impl Reader {
    fn line(&mut self, words: &[&str], at: Span, indented: bool) {
        if self.global(words, at, indented) {
            return;
        }
        match &self.context {
            Context::ClassMap(kind, name) => {
                let key = (kind.clone(), name.clone());
                let statement = (owned(words), at);
                self.read
                    .class_maps
                    .entry(key)
                    .or_default()
                    .matches
                    .push(statement);
                self.understood(at, matches!(words[0], "match" | "description" | "no"));
            }
            Context::Policy(kind, name) => {
                let key = (kind.clone(), name.clone());
                self.policy_line(&key, words, at);
            }
            Context::System => match words {
                ["service-policy", ..] => self.system_policy(words, at),
                ["exit"] => self.context = Context::Top,
                _ if port_line(words) => {
                    // Lines of a port without its name: a fragment for documentation.
                    let n = self.interface("", at);
                    self.context = Context::Interfaces(vec![n]);
                    self.port_line(words, at);
                }
                _ => self.understood(at, false),
            },
            Context::Interfaces(_) => self.port_line(words, at),
            Context::Other | Context::Top => {}
        }
    }

    fn understood(&mut self, at: Span, yes: bool) {
        match yes {
            true => self.read.lines.understood(at.line),
            false => self
                .read
                .lines
                .unknown(at.line, "what this statement does is not known"),
        }
    }

    fn interface(&mut self, name: &str, at: Span) -> usize {
        if let Some(&n) = self.by_name.get(&crate::names::key(name)) {
            return n;
        }
        self.read.interfaces.push((
            name.to_owned(),
            Interface {
                at: Some(at),
                ..Interface::default()
            },
        ));
        let n = self.read.interfaces.len() - 1;
        self.by_name.insert(crate::names::key(name), n);
        n
    }

    /// A line that begins something, or that stands alone. False: it belongs to what is open.
    fn global(&mut self, words: &[&str], at: Span, indented: bool) -> bool {
        match words {
            ["hostname" | "switchname", name] => self.read.name = Some(((*name).to_owned(), at)),
            [
                "class-map",
                "type",
                kind @ ("qos" | "network-qos" | "queuing"),
                rest @ ..,
            ] => {
                let all = rest.first() != Some(&"match-any");
                let Some(name) = rest
                    .iter()
                    .find(|w| !matches!(**w, "match-any" | "match-all"))
                else {
                    return true;
                };
                self.begin_class_map(kind, name, all, at);
            }
            ["class-map", name] | ["class-map", "match-all", name] => {
                self.begin_class_map("qos", name, true, at)
            }
            ["class-map", "match-any", name] => self.begin_class_map("qos", name, false, at),
            [
                "policy-map",
                "type",
                kind @ ("qos" | "network-qos" | "queuing"),
                name,
                ..,
            ] => self.begin_policy(kind, name, at),
            ["policy-map", name] => self.begin_policy("qos", name, at),
            ["class-map" | "policy-map", ..] => self.context = Context::Other,
            ["system", "qos"] => {
                self.context = Context::System;
                self.read.lines.understood(at.line);
            }
            ["interface", rest @ ..] if !rest.is_empty() => self.begin_interfaces(rest, at),
            ["priority-flow-control", rest @ ..]
                if !indented && !matches!(self.context, Context::Interfaces(_))
                    || matches!(rest, ["watch-dog", ..]) && !indented =>
            {
                self.global_pfc(rest, at);
            }
            ["feature", name] => {
                match *name {
                    "lldp" => self.read.lldp = Some((true, at)),
                    "fcoe" => self.read.fcoe = true,
                    _ => {}
                }
                self.context = Context::Top;
            }
            ["no", "feature", "lldp"] => self.read.lldp = Some((false, at)),
            ["lldp", "tlv-select", "dcbxp", ..] => {
                self.read.lldp.get_or_insert((true, at));
                self.read.lines.understood(at.line);
            }
            ["system", "jumbomtu", _] | ["hardware", "qos", ..] => {
                self.read.lines.understood(at.line)
            }
            ["exit" | "end"] if !indented => self.context = Context::Top,
            _ if !indented && begins_other(words) => self.context = Context::Other,
            _ => return false,
        }
        true
    }

    fn begin_class_map(&mut self, kind: &str, name: &str, all: bool, at: Span) {
        let key = (kind.to_owned(), name.to_owned());
        let map = self.read.class_maps.entry(key).or_default();
        map.at = Some(at);
        map.all = all;
        self.context = Context::ClassMap(kind.to_owned(), name.to_owned());
        self.read.lines.understood(at.line);
    }

    fn begin_policy(&mut self, kind: &str, name: &str, at: Span) {
        let key = (kind.to_owned(), name.to_owned());
        self.read.policies.entry(key).or_default().at = Some(at);
        self.context = Context::Policy(kind.to_owned(), name.to_owned());
        self.read.lines.understood(at.line);
    }

    fn global_pfc(&mut self, rest: &[&str], at: Span) {
        match rest {
            ["watch-dog-interval" | "watch-dog", state @ ("on" | "off")] => {
                self.read.watchdog = Some((*state == "on", at))
            }
            ["watch-dog", "interval", ms] | ["watch-dog-interval", ms] => {
                self.read.poll_ms = ms.parse().ok().map(|ms| (ms, at));
            }
            ["watch-dog", ..] | ["auto-restore", ..] | ["fixed-restore", ..] | ["mode", ..] => {}
            _ => return self.understood(at, false),
        }
        self.read.lines.understood(at.line);
    }

    fn begin_interfaces(&mut self, rest: &[&str], at: Span) {
        let text = rest.concat();
        let lower = text.to_ascii_lowercase();
        let port = lower.starts_with("eth")
            || lower.starts_with("port-channel")
            || lower.starts_with("po");
        if !port || lower.contains('.') {
            self.context = Context::Other;
            return;
        }
        let names = range(&text).unwrap_or_else(|| vec![text.clone()]);
        let full = |name: &str| {
            let digits = name.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
            let (kind, number) = name.split_at(digits);
            match kind.to_ascii_lowercase().starts_with('e') {
                true => format!("Ethernet{number}"),
                false => format!("port-channel{number}"),
            }
        };
        let all = names
            .iter()
            .map(|name| self.interface(&full(name), at))
            .collect();
        self.context = Context::Interfaces(all);
    }

    fn policy_line(&mut self, key: &(Kind, String), words: &[&str], at: Span) {
        let policy = self.read.policies.entry(key.clone()).or_default();
        match words {
            ["class", rest @ ..] if !rest.is_empty() => {
                let name = rest.last().copied().unwrap_or_default();
                policy.classes.push(Class {
                    name: name.to_owned(),
                    at,
                    statements: Vec::new(),
                });
                self.read.lines.understood(at.line);
            }
            _ => {
                let known = known_statement(words);
                if let Some(class) = policy.classes.last_mut() {
                    class.statements.push((owned(words), at));
                }
                self.understood(at, known);
            }
        }
    }

    fn system_policy(&mut self, words: &[&str], at: Span) {
        match bound(words, at) {
            Some(bound) => {
                self.read.system.push(bound);
                self.read.lines.understood(at.line);
            }
            None => self.understood(at, false),
        }
    }

    fn port_line(&mut self, words: &[&str], at: Span) {
        let Context::Interfaces(all) = &self.context else {
            return;
        };
        let all = all.clone();
        let mut known = None;
        for n in all {
            let (name, interface) = &mut self.read.interfaces[n];
            known = port_statement(interface, words, at);
            if words == ["vpc", "peer-link"] {
                self.read.peer_link = Some((name.clone(), at));
            }
        }
        if let Some(known) = known {
            self.understood(at, known);
        }
    }
}

/// Whether an unindented line is of a port.
fn port_line(words: &[&str]) -> bool {
    matches!(
        words[0],
        "switchport" | "priority-flow-control" | "flowcontrol" | "mtu"
    )
}

/// Top-level statements whose blocks have no bearing.
fn begins_other(words: &[&str]) -> bool {
    const OTHER: [&str; 26] = [
        "vlan",
        "vrf",
        "router",
        "route-map",
        "line",
        "ip",
        "ipv6",
        "spanning-tree",
        "control-plane",
        "vdc",
        "banner",
        "aaa",
        "tacacs-server",
        "snmp-server",
        "ntp",
        "logging",
        "username",
        "role",
        "no",
        "vpc",
        "track",
        "key",
        "object-group",
        "telemetry",
        "monitor",
        "cli",
    ];
    OTHER.contains(&words[0])
}

fn bound(words: &[&str], at: Span) -> Option<Bound> {
    let (kind, input, name) = match words {
        [
            "service-policy",
            "type",
            kind,
            direction @ ("input" | "output"),
            name,
            ..,
        ] => (*kind, *direction == "input", *name),
        ["service-policy", "type", kind @ "network-qos", name] => (*kind, true, *name),
        ["service-policy", direction @ ("input" | "output"), name, ..] => {
            ("qos", *direction == "input", *name)
        }
        _ => return None,
    };
    Some(Bound {
        kind: kind.to_owned(),
        input,
        name: name.to_owned(),
        at,
    })
}

fn known_statement(words: &[&str]) -> bool {
    matches!(
        words[0],
        "set"
            | "pause"
            | "mtu"
            | "bandwidth"
            | "priority"
            | "shape"
            | "random-detect"
            | "queue-limit"
            | "no-drop"
            | "police"
            | "description"
            | "congestion-control"
            | "match"
            | "afd"
            | "dpp"
            | "burst-detect"
    ) || words == ["exit"]
        || words[0] == "no"
}

/// None: of no bearing; else whether it is understood.
fn port_statement(i: &mut Interface, words: &[&str], at: Span) -> Option<bool> {
    match words {
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
        ["speed", mbps] => i.speed = mbps.parse().ok().map(|m| (m, at)),
        [
            "priority-flow-control",
            "mode",
            mode @ ("on" | "off" | "auto"),
            rest @ ..,
        ] => {
            i.pfc = Some(((*mode).to_owned(), at));
            i.send_tlv = rest.contains(&"send-tlv");
        }
        ["no", "priority-flow-control", "mode", ..] => i.pfc = Some(("auto".to_owned(), at)),
        [
            "priority-flow-control",
            "watch-dog-interval",
            state @ ("on" | "off"),
            ..,
        ] => i.watchdog = Some((*state == "on", at)),
        ["priority-flow-control", "watch-dog-interval", ..]
        | ["priority-flow-control", "watch-dog", ..] => {}
        ["flowcontrol", "receive", state] => i.receive = Some((*state == "on", at)),
        ["flowcontrol", "send", state] => i.send = Some((*state == "on", at)),
        ["no", "flowcontrol", ..] => {}
        ["service-policy", ..] => match bound(words, at) {
            Some(bound) => i.bound.push(bound),
            None => return Some(false),
        },
        ["no", "service-policy", ..] => {}
        ["channel-group", number, ..] => i.channel = number.parse().ok().map(|n| (n, at)),
        ["no", "switchport"] => i.routed = Some((true, at)),
        ["switchport", rest @ ..] => switchport(i, rest, at),
        ["lldp", "tlv-set", ..] | ["lldp", "transmit" | "receive"] => {}
        ["no", "lldp", "transmit" | "receive"] => i.no_lldp = Some((true, at)),
        ["ip", "address", ..] => {
            i.routed.get_or_insert((true, at));
            return None;
        }
        ["vpc", ..] => return None,
        ["random-detect" | "qos" | "queuing", ..] => return Some(false),
        _ => return None,
    }
    Some(true)
}

fn switchport(i: &mut Interface, rest: &[&str], at: Span) {
    match rest {
        [] => i.routed = Some((false, at)),
        ["mode", mode] => {
            i.trunk = Some((mode.starts_with("trunk") || *mode == "fex-fabric", at));
            i.routed = Some((false, at));
        }
        ["trunk", "native", "vlan", vlan] => i.native = vlan.parse().ok().map(|v| (v, at)),
        ["access", "vlan", vlan] => i.access = vlan.parse().ok().map(|v| (v, at)),
        ["trunk", "allowed", "vlan", "add", list @ ..] => {
            let more = vlans(&list.concat());
            match &mut i.allowed {
                Some((Some(all), _)) => all.extend(more),
                other => *other = Some((Some(more), at)),
            }
        }
        ["trunk", "allowed", "vlan", "all"] => i.allowed = Some((None, at)),
        ["trunk", "allowed", "vlan", "none"] => i.allowed = Some((Some(Vec::new()), at)),
        ["trunk", "allowed", "vlan", list @ ..] => {
            i.allowed = Some((Some(vlans(&list.concat())), at))
        }
        _ => {}
    }
}

/// `711,2000-2050`
pub(in crate::dialect) fn vlans(list: &str) -> Vec<(u16, u16)> {
    let part = |part: &str| {
        let (a, b) = part.split_once('-').unwrap_or((part, part));
        Some((a.trim().parse().ok()?, b.trim().parse().ok()?))
    };
    list.split(',').filter_map(part).collect()
}
