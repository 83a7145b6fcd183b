//! The statements of a file, by what they are about. Lines need not be indented.

use crate::language::Input;
use crate::lines::Lines;
use crate::names::range;
use crate::source::{Fault, Span};
use crate::text::words;
use std::collections::BTreeMap;

pub(super) type Said<T> = Option<(T, Span)>;

/// Ranges of VLANs, both ends included.
pub(super) type Ranges = Vec<(u16, u16)>;

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
    /// None in it: all.
    pub(super) allowed: Said<Option<Ranges>>,
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
    /// Polls until a queue counts as stuck, and until it is tried again.
    pub(super) detect_polls: Said<u64>,
    pub(super) restore_polls: Said<u64>,
    /// Statements of other systems.
    pub(super) foreign: Vec<(String, Span)>,
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
    /// The lines of the port that is open are not indented; None: none was seen yet.
    flat: Option<bool>,
    by_name: BTreeMap<String, usize>,
}

pub(super) fn read(input: Input) -> Result<Read, Fault> {
    let mut reader = Reader {
        read: Read {
            name: None,
            class_maps: BTreeMap::new(),
            policies: BTreeMap::new(),
            system: Vec::new(),
            interfaces: Vec::new(),
            watchdog: None,
            poll_ms: None,
            detect_polls: None,
            restore_polls: None,
            foreign: Vec::new(),
            lldp: None,
            fcoe: false,
            peer_link: None,
            lines: Lines::new(input.file, input.source.lines()),
        },
        context: Context::Top,
        flat: None,
        by_name: BTreeMap::new(),
    };
    // Text of a banner goes on until its delimiter.
    let mut banner: Option<(char, Span)> = None;
    for (line, number) in input.source.text.lines().zip(1_u32..) {
        if let Some((end, _)) = banner {
            banner = banner.filter(|_| !line.contains(end));
            continue;
        }
        let found = words(input.file, number, line);
        let texts: Vec<&str> = found.iter().map(|w| w.text).collect();
        if texts.is_empty() || texts[0].starts_with('!') {
            continue;
        }
        banner = opens_banner(line).map(|end| (end, Span::line(input.file, number)));
        let indented = line.starts_with([' ', '\t']);
        reader.line(
            &strip_prompt(&texts),
            Span::line(input.file, number),
            indented,
        );
    }
    match banner {
        Some((end, at)) => Err(Fault::new(
            at,
            "the banner does not end: the file is cut short",
            format!("a line with `{end}`"),
        )),
        None => Ok(reader.read),
    }
}

/// The delimiter of a banner that this line begins and does not end.
fn opens_banner(line: &str) -> Option<char> {
    let text = line.trim().strip_prefix("banner ")?.trim_start();
    let (_, text) = text.split_once(' ')?;
    let text = text.trim_start();
    let end = text.chars().next()?;
    (!text[end.len_utf8()..].contains(end)).then_some(end)
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
        let in_port = matches!(self.context, Context::Interfaces(_));
        if in_port {
            let flat = *self.flat.get_or_insert(!indented);
            let of_port = indented || flat && continues_port(words);
            match of_port {
                true => return self.port_line(words, at),
                false if !flat => self.context = Context::Top,
                false => {}
            }
        }
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
                self.understood(at, matches!(words[0], "match" | "description" | "exit"));
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
                    self.flat = Some(!indented);
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
            // Ports that are split have other names and speeds: the lines of those tell.
            ["interface", "breakout", ..] => {
                self.read.lines.understood(at.line);
                self.context = Context::Top;
            }
            ["interface", rest @ ..] if !rest.is_empty() => self.begin_interfaces(rest, at),
            ["priority-flow-control", rest @ ..]
                if !indented && !matches!(self.context, Context::System) =>
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
                let Ok(ms) = ms.trim_end_matches("ms").trim_end_matches('-').parse() else {
                    return self.understood(at, false);
                };
                self.read.poll_ms = Some((ms, at));
            }
            ["watch-dog", "shutdown-multiplier", n] => {
                self.read.detect_polls = n.parse().ok().map(|n| (n, at));
            }
            ["auto-restore", "multiplier", n] => {
                self.read.restore_polls = n.parse().ok().map(|n| (n, at));
            }
            ["watch-dog", "internal-interface-multiplier", _] => {}
            ["fixed-restore", "multiplier", _] | ["mode", ..] => {}
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
        self.flat = None;
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
        if known == Some(false) && foreign(words) {
            self.read.foreign.push((words.join(" "), at));
            known = Some(true);
        }
        if let Some(known) = known {
            self.understood(at, known);
        }
    }
}

/// Statements of a port that other systems have for it, and NX-OS does not.
fn foreign(words: &[&str]) -> bool {
    matches!(
        words,
        ["priority-flow-control", "priority", ..]
            | ["priority-flow-control", "on"]
            | ["service-policy", "input" | "output", "type", ..]
            | ["qos", "trust", ..]
            | ["mls", "qos", ..]
            | ["trust", ..]
            | ["dcb-map", ..]
            | ["dcbx", ..]
            | ["pfc", ..]
            | ["ets", ..]
    )
}

/// Whether a line of a paste without indentation belongs to the port that is open, though its first
/// word also begins statements of the switch.
fn continues_port(words: &[&str]) -> bool {
    match words {
        ["spanning-tree", what, ..] => {
            matches!(
                *what,
                "port" | "bpduguard" | "bpdufilter" | "guard" | "link-type" | "cost"
            )
        }
        ["no", what, ..] => !matches!(*what, "feature" | "vlan" | "interface" | "vpc" | "hardware"),
        ["ip" | "ipv6", what, ..] => !matches!(
            *what,
            "route" | "access-list" | "prefix-list" | "domain-name" | "name-server" | "host"
        ),
        ["vpc", what, ..] => *what != "domain",
        ["logging", what, ..] => *what == "event",
        ["priority-flow-control", what, ..] => !matches!(*what, "watch-dog" | "auto-restore"),
        [
            "speed" | "duplex" | "mtu" | "switchport" | "description" | "flowcontrol",
            ..,
        ]
        | [
            "service-policy" | "channel-group" | "shutdown" | "lldp" | "cdp" | "negotiate",
            ..,
        ] => true,
        _ => false,
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
        ["service-policy", direction @ ("input" | "output"), name] if *name != "type" => {
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
    ) || matches!(
        words,
        ["exit"] | ["no", "pause" | "mtu" | "random-detect" | "priority", ..]
    )
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
        ["priority-flow-control", rest @ ..] => return Some(pfc(i, rest, at)),
        ["no", "priority-flow-control", "watch-dog-interval", ..] => i.watchdog = Some((false, at)),
        ["no", "priority-flow-control", "mode", ..] => i.pfc = Some(("auto".to_owned(), at)),
        ["no", "mtu", ..] => i.mtu = None,
        ["flowcontrol", "receive", state] => i.receive = Some((*state == "on", at)),
        ["flowcontrol", "send", state] => i.send = Some((*state == "on", at)),
        ["no", "flowcontrol", "receive", ..] => i.receive = Some((false, at)),
        ["no", "flowcontrol", "send", ..] => i.send = Some((false, at)),
        ["service-policy", ..] | ["no", "service-policy", ..] => return Some(policy(i, words, at)),
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
        // About QoS by their first word, whatever they say.
        [
            "random-detect" | "qos" | "queuing" | "flowcontrol" | "mls" | "trust" | "dcb-map"
            | "dcbx" | "pfc" | "ets" | "hardware" | "mtu",
            ..,
        ] => return Some(false),
        _ => return None,
    }
    Some(true)
}

/// A policy of a port, or its end.
fn policy(i: &mut Interface, words: &[&str], at: Span) -> bool {
    let no = words[0] == "no";
    match (bound(&words[usize::from(no)..], at), no) {
        (Some(new), false) => i.bound.push(new),
        (Some(gone), true) => i
            .bound
            .retain(|b| (&gone.kind, gone.input, &gone.name) != (&b.kind, b.input, &b.name)),
        (None, _) => return false,
    }
    true
}

/// `priority-flow-control` at a port; whether it is understood.
fn pfc(i: &mut Interface, rest: &[&str], at: Span) -> bool {
    match rest {
        ["mode", mode @ ("on" | "off" | "auto"), rest @ ..] => {
            i.pfc = Some(((*mode).to_owned(), at));
            i.send_tlv = rest.contains(&"send-tlv");
        }
        ["watch-dog-interval", state @ ("on" | "off"), ..] => {
            i.watchdog = Some((*state == "on", at));
        }
        ["watch-dog-interval" | "watch-dog", ..] => {}
        _ => return false,
    }
    true
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
