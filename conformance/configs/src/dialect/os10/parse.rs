//! Lines to what they say: which block a line stands in, and the blocks themselves. What interfaces
//! say is in `statements`.

use super::config::{ClassMap, Config, Interface, Matches, Policy, PolicyClass, ValueMap, Wred};
use super::statements::{self, Outcome, missing};
use crate::console::Command;
use crate::device::Limit;
use crate::language::Input;
use crate::lines::Lines;
use crate::names::{key, range};
use crate::remark::{Remark, RemarkKind};
use crate::text::{dscp, numbers};
use xoff_model::units::BitRate;

/// The file, read.
pub(super) struct Parsed {
    pub config: Config,
    pub lines: Lines,
    pub remarks: Vec<Remark>,
}

enum Context {
    Top,
    /// Routing, management: nothing of it matters here.
    Other,
    /// An interface without queues: a VLAN, loopback, the management port.
    Quiet,
    Class(String, String),
    Policy(String, String),
    Trust(String, String),
    QueueMap(String),
    Wred(String),
    /// A block of a kind that OS10 lacks.
    Strange,
    System,
    Interfaces(Vec<usize>),
    Vlt,
}

struct Parser<'a> {
    out: &'a mut Parsed,
    context: Context,
    /// Blanks before the line that began the block, and whether its lines have had more.
    indent: usize,
    deeper: bool,
    /// The line that began it.
    began: u32,
}

pub(super) fn parse(input: Input, commands: &[Command]) -> Parsed {
    let mut out = Parsed {
        config: Config::default(),
        lines: Lines::new(input.file, input.source.lines()),
        remarks: Vec::new(),
    };
    let mut parser = Parser {
        out: &mut out,
        context: Context::Top,
        indent: 0,
        deeper: false,
        began: 0,
    };
    for command in commands {
        parser.line(command);
    }
    out
}

impl Parser<'_> {
    fn line(&mut self, c: &Command) {
        if c.indent > self.indent {
            self.deeper = true;
        } else if self.deeper && !matches!(self.context, Context::Top) {
            // Back at the margin, after lines that were not: the block is over.
            self.begin(Context::Top, c);
        }
        if matches!(c.word(0), "exit" | "end") {
            self.begin(Context::Top, c);
            return;
        }
        let outcome = match self.open(c) {
            Some(outcome) => outcome,
            None => self.inside(c),
        };
        match outcome {
            Outcome::Done => self.out.lines.understood(c.at.line),
            Outcome::Strange(why) => self.out.lines.unknown(c.at.line, why),
            Outcome::Missing(remark) => {
                self.out.lines.understood(c.at.line);
                self.out.remarks.push(*remark);
            }
            Outcome::Not => {
                if about_qos(c) && !matches!(self.context, Context::Other) {
                    let why = format!("`{}` is not known here", c.word(0));
                    self.out.lines.unknown(c.at.line, why);
                }
            }
        }
    }

    fn begin(&mut self, context: Context, c: &Command) {
        self.context = context;
        self.indent = c.indent;
        self.deeper = false;
        self.began = c.at.line;
    }

    /// A line that begins a block. None: it begins none.
    fn open(&mut self, c: &Command) -> Option<Outcome> {
        let bound = matches!(self.context, Context::System | Context::Interfaces(_));
        let (a, b) = (c.word(1).to_owned(), c.word(2).to_owned());
        match c.word(0) {
            "interface" => return Some(self.interface(c)),
            "class-map" | "policy-map" => return Some(self.map(c)),
            "trust" if matches!(c.word(1), "dot1p-map" | "dscp-map") => {
                let kind = a.trim_end_matches("-map").to_owned();
                let name = (kind, b);
                if c.no {
                    self.out.config.trusts.remove(&name);
                    return Some(Outcome::Done);
                }
                let map = ValueMap {
                    at: c.at,
                    entries: Vec::new(),
                };
                self.out.config.trusts.entry(name.clone()).or_insert(map);
                self.begin(Context::Trust(name.0, name.1), c);
            }
            "qos-map" if !bound && !c.no && a == "traffic-class" => {
                let map = ValueMap {
                    at: c.at,
                    entries: Vec::new(),
                };
                self.out.config.queue_maps.entry(b.clone()).or_insert(map);
                self.begin(Context::QueueMap(b), c);
            }
            "qos-map" if !bound && a.starts_with("dscp-") => {
                self.begin(Context::Strange, c);
                let cure = "Write `trust dscp-map NAME` with `qos-group 3 dscp 26`, and bind it with `trust-map dscp \
                            NAME` in `system qos` or on the port.";
                return Some(missing(c, "a map of DSCPs by `qos-map`", cure, 0xff));
            }
            "wred" if c.word(1) == "ecn-profile" => {
                self.begin(Context::Strange, c);
                let cure = "Write `wred NAME` with `random-detect color green minimum-threshold 150 maximum-threshold \
                            1500 drop-probability 100` and `random-detect ecn`.";
                return Some(missing(c, "`wred ecn-profile`", cure, 0));
            }
            "wred" if !c.no => {
                let wred = Wred {
                    at: c.at,
                    min: None,
                    max: None,
                    percent: None,
                    ecn: None,
                };
                self.out.config.wreds.entry(a.clone()).or_insert(wred);
                self.begin(Context::Wred(a), c);
            }
            "system" if a == "qos" => self.begin(Context::System, c),
            "vlt-domain" => {
                self.begin(Context::Vlt, c);
                return Some(Outcome::Not);
            }
            "router" | "control-plane" | "route-map" | "monitor" | "line" | "username"
            | "logging" | "ntp" | "snmp-server" | "aaa" | "hostname" => {
                if c.word(0) == "hostname" {
                    self.out.config.hostname = Some(a);
                    self.begin(Context::Top, c);
                } else {
                    self.begin(Context::Other, c);
                }
                return Some(Outcome::Not);
            }
            _ => return None,
        }
        Some(Outcome::Done)
    }

    fn interface(&mut self, c: &Command) -> Outcome {
        let mut words = c.rest(1);
        if words.first() == Some(&"breakout") {
            return self.breakout(c);
        }
        if words.first() == Some(&"range") {
            words.remove(0);
        }
        let text = words.concat().to_ascii_lowercase();
        let text = match text
            .strip_prefix("eth")
            .filter(|t| t.starts_with(|c: char| c.is_ascii_digit()))
        {
            Some(number) => format!("ethernet{number}"),
            None => text,
        };
        let queues = text.starts_with("ethernet") || text.starts_with("port-channel");
        if !queues || c.no {
            self.begin(Context::Quiet, c);
            return Outcome::Not;
        }
        let Some(names) = range(&text) else {
            self.begin(Context::Quiet, c);
            return Outcome::Strange(format!("`{text}` is no range of ports"));
        };
        let ports = names.into_iter().map(|name| self.port(name, c)).collect();
        self.begin(Context::Interfaces(ports), c);
        Outcome::Not
    }

    /// The place of an interface, new or not.
    fn port(&mut self, name: String, c: &Command) -> usize {
        let config = &mut self.out.config;
        let next = config.interfaces.len();
        let at = *config.index.entry(key(&name)).or_insert(next);
        if at == next {
            config.interfaces.push(Interface {
                lag: name.starts_with("port-channel"),
                name,
                ..Interface::default()
            });
        }
        // The block that says most of a port is the last one.
        config.interfaces[at].at = Some(c.at);
        at
    }

    /// `interface breakout 1/1/1 map 25g-4x`.
    fn breakout(&mut self, c: &Command) -> Outcome {
        let rate = c
            .value("map")
            .and_then(|map| map.split(['g', 'G']).next()?.parse::<u64>().ok());
        self.begin(Context::Top, c);
        if let Some(rate) = rate.filter(|rate| (1..=1600).contains(rate)) {
            let port = (c.word(2).to_owned(), BitRate::from_gbps(rate), c.at);
            self.out.config.breakouts.push(port);
        }
        Outcome::Not
    }

    fn map(&mut self, c: &Command) -> Outcome {
        let mut words = c.rest(1);
        let kind = match words.first() {
            Some(&"type") if words.len() > 2 => {
                let kind = words[1].to_owned();
                words.drain(..2);
                kind
            }
            _ => "qos".to_owned(),
        };
        words.retain(|w| !matches!(*w, "match-any" | "match-all"));
        let name = (kind, words.first().copied().unwrap_or_default().to_owned());
        let config = &mut self.out.config;
        if c.word(0) == "class-map" {
            if c.no {
                config.classes.remove(&name);
                return Outcome::Done;
            }
            let map = ClassMap {
                matches: Vec::new(),
            };
            config.classes.entry(name.clone()).or_insert(map);
            self.begin(Context::Class(name.0, name.1), c);
        } else {
            if c.no {
                config.policies.remove(&name);
                return Outcome::Done;
            }
            let map = Policy {
                at: c.at,
                classes: Vec::new(),
            };
            config.policies.entry(name.clone()).or_insert(map);
            self.begin(Context::Policy(name.0, name.1), c);
        }
        Outcome::Done
    }

    /// A line in a block, or one of the whole switch.
    fn inside(&mut self, c: &Command) -> Outcome {
        let outcome = match &self.context {
            Context::Class(kind, name) => {
                let map = self
                    .out
                    .config
                    .classes
                    .get_mut(&(kind.clone(), name.clone()));
                map.map_or(Outcome::Not, |map| class_map(map, c))
            }
            Context::Policy(kind, name) => {
                let map = self
                    .out
                    .config
                    .policies
                    .get_mut(&(kind.clone(), name.clone()));
                map.map_or(Outcome::Not, |map| policy(map, kind, c))
            }
            Context::Trust(kind, name) => {
                let map = self
                    .out
                    .config
                    .trusts
                    .get_mut(&(kind.clone(), name.clone()));
                map.map_or(Outcome::Not, |map| entries(map, c, "qos-group", kind))
            }
            Context::QueueMap(name) => {
                let map = self.out.config.queue_maps.get_mut(name);
                map.map_or(Outcome::Not, |map| entries(map, c, "queue", "qos-group"))
            }
            Context::Wred(name) => {
                let map = self.out.config.wreds.get_mut(name);
                map.map_or(Outcome::Not, |map| wred(map, c))
            }
            Context::Strange => Outcome::Done,
            Context::System => statements::port(&mut self.out.config.system, c, self.began),
            Context::Interfaces(ports) => {
                let mut outcome = Outcome::Not;
                for &port in ports {
                    let one =
                        statements::port(&mut self.out.config.interfaces[port], c, self.began);
                    outcome = match (outcome, one) {
                        // A remark that holds for one port of a range is about that port.
                        (Outcome::Missing(first), _) => Outcome::Missing(first),
                        (_, one) => one,
                    };
                }
                outcome
            }
            Context::Vlt => self.vlt(c),
            Context::Quiet => match c.word(0) {
                "mtu" | "service-policy" | "switchport" | "flowcontrol" => Outcome::Done,
                _ => Outcome::Not,
            },
            Context::Top | Context::Other => Outcome::Not,
        };
        match outcome {
            Outcome::Not if !matches!(self.context, Context::Other | Context::Quiet) => {
                self.global(c)
            }
            outcome => outcome,
        }
    }

    fn vlt(&mut self, c: &Command) -> Outcome {
        if c.word(0) != "discovery-interface" || c.no {
            return Outcome::Not;
        }
        let mut words = c.rest(1);
        words.retain(|w| *w != "range");
        let names = range(&words.concat().to_ascii_lowercase()).unwrap_or_default();
        for name in names {
            self.out.config.peers.insert(key(&name), c.at);
            self.out.config.discovery.push((name, c.at));
        }
        Outcome::Done
    }

    /// Statements of the whole switch.
    fn global(&mut self, c: &Command) -> Outcome {
        let config = &mut self.out.config;
        match c.word(0) {
            "dcbx" if c.word(1) == "enable" => config.dcbx = Some((!c.no, c.at)),
            "lldp" if c.word(1) == "enable" => config.lldp = Some((!c.no, c.at)),
            "default" if c.word(1) == "mtu" => match c.word(2).parse() {
                Ok(mtu) => config.mtu = Some((mtu, c.at)),
                Err(_) => return Outcome::Strange("it has no number".to_owned()),
            },
            "hardware" if c.begins("hardware deep-buffer-mode") => {
                config.buffer = Some(((), c.at));
            }
            // What the CPU gets, and iSCSI's own watching, have no part in the way of RDMA.
            "iscsi" | "fcoe" | "vlan" => return Outcome::Not,
            _ => return Outcome::Not,
        }
        Outcome::Done
    }
}

/// Whether a line that nobody knew is about QoS.
fn about_qos(c: &Command) -> bool {
    const WORDS: [&str; 23] = [
        "mtu",
        "qos",
        "qos-map",
        "trust",
        "trust-map",
        "service-policy",
        "priority-flow-control",
        "pfc",
        "ets",
        "dcbx",
        "dcb",
        "dcb-map",
        "flowcontrol",
        "wred",
        "wred-profile",
        "random-detect",
        "pause",
        "pfc-cos",
        "queue-limit",
        "bandwidth",
        "class",
        "buffer-profile",
        "ecn",
    ];
    let first = c.word(0);
    let storm = first.contains("pfc") || first.contains("queue");
    WORDS.contains(&first) || storm || c.begins("system qos") || c.begins("hardware buffer")
}

fn small(list: &[&str], max: u8) -> Option<Vec<u8>> {
    let all = numbers(&list.join(","), u32::from(max))?;
    Some(
        all.into_iter()
            .filter_map(|n| u8::try_from(n).ok())
            .collect(),
    )
}

fn class_map(map: &mut ClassMap, c: &Command) -> Outcome {
    if c.word(0) != "match" {
        return Outcome::Not;
    }
    let mut words = c.rest(1);
    words.retain(|w| !matches!(*w, "ip" | "ipv6" | "ip-any"));
    let Some((&field, values)) = words.split_first() else {
        return Outcome::Strange("it matches nothing".to_owned());
    };
    let matches = match field {
        "qos-group" => small(values, 7).map(Matches::Groups),
        "queue" => small(values, 7).map(Matches::Queues),
        "cos" => small(values, 7).map(Matches::Cos),
        "dscp" => dscps(values).map(Matches::Dscp),
        _ => Some(Matches::Other),
    };
    let Some(matches) = matches else {
        let cause = format!(
            "`{}` has a value that {field} cannot have.",
            c.rest(0).join(" ")
        );
        let remark = Remark::new(RemarkKind::BadValue, c.at, cause, "Correct the value.");
        return Outcome::Missing(Box::new(remark.of_priorities(0xff)));
    };
    map.matches.push((matches, c.at));
    Outcome::Done
}

/// Code points by name or number: `26`, `24-31,48`, `af31`.
fn dscps(values: &[&str]) -> Option<Vec<u8>> {
    let mut found = Vec::new();
    for part in values.iter().flat_map(|v| v.split(',')) {
        match dscp(part) {
            Some(one) => found.push(one),
            None => found.extend(small(&[part], 63)?),
        }
    }
    Some(found)
}

/// `qos-group 3 dot1p 3`, `queue 3 qos-group 3`.
fn entries(map: &mut ValueMap, c: &Command, to: &str, from: &str) -> Outcome {
    if c.word(0) != to {
        return Outcome::Not;
    }
    let target = c.word(1).parse::<u8>().ok().filter(|n| *n < 8);
    let words = c.rest(3);
    let values: Vec<&str> = words.iter().copied().take_while(|w| *w != "type").collect();
    if words.last() == Some(&"mcast") {
        return Outcome::Done;
    }
    let list = match from {
        "dscp" => dscps(&values),
        _ => small(&values, 7),
    };
    match (target, c.word(2) == from, list) {
        (Some(target), true, Some(list)) => {
            if c.no {
                map.entries
                    .retain(|e| !(e.1 == target && list.contains(&e.0)));
            } else {
                map.entries
                    .extend(list.into_iter().map(|value| (value, target, c.at)));
            }
            Outcome::Done
        }
        _ => {
            let cause = format!(
                "`{}` is refused: it is to be `{to} N {from} LIST`, with numbers in range.",
                c.rest(0).join(" ")
            );
            let remark = Remark::new(RemarkKind::BadValue, c.at, cause, "Correct the entry.");
            Outcome::Missing(Box::new(remark.of_priorities(0xff)))
        }
    }
}

fn wred(wred: &mut Wred, c: &Command) -> Outcome {
    if c.word(0) != "random-detect" {
        return Outcome::Not;
    }
    if c.word(1) == "ecn" {
        wred.ecn = (!c.no).then_some(((), c.at));
        return Outcome::Done;
    }
    let number = |name: &str| c.value(name).and_then(|v| v.parse::<u64>().ok());
    // Frames are green as they come in; the other colours are for what a meter has marked.
    if c.value("color").is_none_or(|color| color == "green") {
        let at = |v: u64| (v, c.at);
        wred.min = number("minimum-threshold").map(at).or(wred.min);
        wred.max = number("maximum-threshold").map(at).or(wred.max);
        let percent = number("drop-probability").and_then(|v| u32::try_from(v).ok());
        wred.percent = percent.map(|v| (v, c.at)).or(wred.percent);
    }
    Outcome::Done
}

/// A line of a policy: a class, or what is done with it.
fn policy(map: &mut Policy, kind: &str, c: &Command) -> Outcome {
    if c.word(0) == "class" {
        let name = c.rest(1);
        let name = name.last().copied().unwrap_or_default();
        match c.no {
            true => map.classes.retain(|class| class.name != name),
            false => map.classes.push(PolicyClass::new(name, c.at)),
        }
        return Outcome::Done;
    }
    let Some(class) = map.classes.last_mut() else {
        return Outcome::Not;
    };
    if matches!(kind, "application" | "control-plane") {
        return match c.word(0) {
            "set" | "police" | "trust" => Outcome::Done,
            _ => Outcome::Not,
        };
    }
    let number = |n: usize| c.word(n).parse::<u32>().ok();
    let strange = |why: &str| Outcome::Strange(why.to_owned());
    match (c.word(0), kind) {
        ("pause", "network-qos") => {
            let kb = |name: &str| c.value(name).and_then(|v| v.parse::<u64>().ok());
            let pause = super::config::Pause {
                size: kb("buffer-size"),
                xoff: kb("pause-threshold"),
                xon: kb("resume-threshold"),
            };
            class.pause = (!c.no).then_some((pause, c.at));
        }
        ("pfc-cos", "network-qos") => match small(&c.rest(1), 7) {
            Some(list) if !list.is_empty() => class.cos = (!c.no).then_some((list, c.at)),
            _ if c.no => class.cos = None,
            _ => {
                let cause = format!(
                    "`{}` is refused: 802.1p priorities are 0 to 7.",
                    c.rest(0).join(" ")
                );
                let remark = Remark::new(
                    RemarkKind::BadValue,
                    c.at,
                    cause,
                    "Give priorities such as `pfc-cos 3`.",
                );
                return Outcome::Missing(Box::new(remark.of_priorities(0xff)));
            }
        },
        ("queue-limit", _) => match (c.word(1), c.word(2), number(3)) {
            ("thresh-mode", "static", Some(kb)) => {
                class.limit = Some((Limit::Static(u64::from(kb) * 1024), c.at));
            }
            // The shared threshold is alpha = 2^n / 128.
            ("thresh-mode", "dynamic", Some(n)) if n <= 10 => {
                let limit = Limit::Dynamic {
                    num: 1 << n,
                    den: 128,
                };
                class.limit = Some((limit, c.at));
            }
            _ => {
                return if c.word(1) == "queue-len" {
                    Outcome::Done
                } else {
                    strange("its form is not known")
                };
            }
        },
        ("bandwidth", "queuing") => match (c.word(1), number(2)) {
            ("percent", Some(n)) if n <= 100 => class.bandwidth = (!c.no).then_some((n, c.at)),
            _ if c.no => class.bandwidth = None,
            _ => {
                let cause = format!(
                    "`{}` is refused: shares are `bandwidth percent`, 1 to 100.",
                    c.rest(0).join(" ")
                );
                let remark = Remark::new(
                    RemarkKind::BadValue,
                    c.at,
                    cause,
                    "Give the share in percent.",
                );
                return Outcome::Missing(Box::new(remark));
            }
        },
        ("priority", "queuing") => class.strict = (!c.no).then_some(((), c.at)),
        ("random-detect", "queuing") => {
            class.wred = (!c.no).then(|| (c.word(1).to_owned(), c.at));
        }
        ("shape", "queuing") => class.shaper = shape(c).map(|rate| (rate, c.at)),
        ("set", "qos") if c.word(1) == "qos-group" => {
            match number(2).and_then(|n| u8::try_from(n).ok()) {
                Some(n) if n < 8 => class.group = Some((n, c.at)),
                _ => return strange("its group is no number from 0 to 7"),
            }
        }
        ("trust", "qos") => class.trust = Some((c.word(1).starts_with("dscp"), c.at)),
        ("set" | "police", _) => {}
        _ => return Outcome::Not,
    }
    Outcome::Done
}

/// `shape min mbps 100 max mbps 400`: the most.
fn shape(c: &Command) -> Option<BitRate> {
    let at = c.words.iter().position(|w| w == "max")?;
    let unit = match c.word(at + 1) {
        "kbps" => 1_000,
        "mbps" => 1_000_000,
        "gbps" => 1_000_000_000,
        _ => return None,
    };
    let rate: u64 = c.word(at + 2).parse().ok()?;
    Some(BitRate::from_bps(rate.checked_mul(unit)?))
}
