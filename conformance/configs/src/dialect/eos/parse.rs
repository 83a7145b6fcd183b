//! Lines to what they say: which block a line stands in, and what interfaces and the switch say. What
//! profiles say too is in `settings`.

use super::config::{Config, Interface, Matches, Mode, PolicyClass, Said};
use super::settings::{self, Outcome, bad, seconds};
use crate::console::Command;
use crate::device::{DcbxVersion, Vlans};
use crate::language::Input;
use crate::lines::Lines;
use crate::names::{key, range};
use crate::remark::Remark;
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
    /// Routing, management, VLANs: nothing of it matters here.
    Other,
    Interfaces(Vec<usize>),
    /// An interface without queues.
    Quiet,
    Defaults,
    Profile(String),
    Class(String),
    Policy(String),
    Mlag,
}

struct Parser<'a> {
    out: &'a mut Parsed,
    context: Context,
    /// The queue of the profile or interface that lines are about; None in it: one of multicast.
    queue: Option<Option<usize>>,
    indent: usize,
    deeper: bool,
    /// Blanks before the line of the queue.
    queue_indent: usize,
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
        queue: None,
        indent: 0,
        deeper: false,
        queue_indent: 0,
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
            self.begin(Context::Top, c);
        }
        if self.deeper && c.indent <= self.queue_indent {
            self.queue = None;
        }
        if matches!(c.word(0), "exit" | "end") {
            match self.queue.take() {
                Some(_) => {}
                None => self.begin(Context::Top, c),
            }
            return;
        }
        let outcome = match self.open(c) {
            Some(outcome) => outcome,
            None => self.inside(c),
        };
        match outcome {
            Outcome::Done => self.out.lines.understood(c.at.line),
            Outcome::Strange(why) => self.out.lines.unknown(c.at.line, why),
            Outcome::Refused(remark) => {
                self.out.lines.understood(c.at.line);
                self.out.remarks.push(*remark);
            }
            Outcome::Not if about_qos(c) && !matches!(self.context, Context::Other) => {
                let why = format!("`{}` is not known here", c.word(0));
                self.out.lines.unknown(c.at.line, why);
            }
            Outcome::Not => {}
        }
    }

    fn begin(&mut self, context: Context, c: &Command) {
        self.context = context;
        self.queue = None;
        self.indent = c.indent;
        self.queue_indent = c.indent;
        self.deeper = false;
    }

    /// A line that begins a block. None: it begins none.
    fn open(&mut self, c: &Command) -> Option<Outcome> {
        let last = |from: usize| {
            let words = c.rest(from);
            words.last().copied().unwrap_or_default().to_owned()
        };
        match (c.word(0), c.word(1)) {
            ("interface", _) => return Some(self.interface(c)),
            ("qos", "profile") => {
                let name = last(2);
                if c.no {
                    self.out.config.profiles.remove(&name);
                    return Some(Outcome::Done);
                }
                let profile = self.out.config.profiles.entry(name.clone()).or_default();
                profile.at = Some(c.at);
                self.begin(Context::Profile(name), c);
            }
            ("class-map", kind) => {
                let about = kind != "type" || matches!(c.word(2), "qos" | "quality-of-service");
                if !about {
                    self.begin(Context::Other, c);
                    return Some(Outcome::Not);
                }
                self.out.config.classes.entry(last(1)).or_default();
                self.begin(Context::Class(last(1)), c);
            }
            ("policy-map", kind) => {
                let about = kind != "type" || matches!(c.word(2), "qos" | "quality-of-service");
                if !about {
                    self.begin(Context::Other, c);
                    return Some(Outcome::Not);
                }
                self.out.config.policies.entry(last(1)).or_default();
                self.begin(Context::Policy(last(1)), c);
            }
            ("mlag", "configuration") => {
                self.begin(Context::Mlag, c);
                return Some(Outcome::Not);
            }
            ("hostname", name) => {
                self.out.config.hostname = Some(name.to_owned());
                self.begin(Context::Top, c);
                return Some(Outcome::Not);
            }
            (
                "router" | "management" | "daemon" | "vrf" | "route-map" | "monitor" | "aaa"
                | "username" | "logging" | "ntp" | "snmp-server" | "spanning-tree" | "vlan"
                | "event-handler" | "control-plane",
                _,
            ) if matches!(self.context, Context::Top | Context::Other)
                || c.indent == 0 && self.deeper =>
            {
                self.begin(Context::Other, c);
                return Some(Outcome::Not);
            }
            ("ip" | "ipv6" | "mac", "access-list") => {
                self.begin(Context::Other, c);
                return Some(Outcome::Not);
            }
            _ => return None,
        }
        Some(Outcome::Done)
    }

    fn interface(&mut self, c: &Command) -> Outcome {
        let mut text = c.rest(1).concat();
        if text.eq_ignore_ascii_case("defaults") {
            self.begin(Context::Defaults, c);
            return Outcome::Not;
        }
        if let Some(rest) = text.strip_prefix("range") {
            text = rest.to_owned();
        }
        let lower = text.to_ascii_lowercase();
        let digits = lower
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(lower.len());
        let kind = match &lower[..digits] {
            "ethernet" | "eth" | "et" => "Ethernet",
            "port-channel" | "po" => "Port-Channel",
            _ => {
                self.begin(Context::Quiet, c);
                return Outcome::Not;
            }
        };
        // `Ethernet1-8,10`, and `Ethernet1/1,Et1/2`: each part with the name in full.
        let parts = lower.split(',').map(|part| {
            let own = part
                .find(|c: char| c.is_ascii_digit())
                .unwrap_or(part.len());
            format!("{kind}{}", &part[own..])
        });
        let Some(names) = range(&parts.collect::<Vec<_>>().join(",")) else {
            self.begin(Context::Quiet, c);
            return Outcome::Strange(format!("`{text}` is no range of ports"));
        };
        if c.no {
            // `default interface X`: as it came.
            for name in names {
                if let Some(&at) = self.out.config.index.get(&key(&name)) {
                    let interface = &mut self.out.config.interfaces[at];
                    *interface = Interface {
                        name: interface.name.clone(),
                        lag: interface.lag,
                        at: Some(c.at),
                        ..Interface::default()
                    };
                }
            }
            self.begin(Context::Top, c);
            return Outcome::Not;
        }
        let ports = names
            .into_iter()
            .map(|name| self.port(name, kind, c))
            .collect();
        self.begin(Context::Interfaces(ports), c);
        Outcome::Not
    }

    fn port(&mut self, name: String, kind: &str, c: &Command) -> usize {
        let config = &mut self.out.config;
        let next = config.interfaces.len();
        let at = *config.index.entry(key(&name)).or_insert(next);
        if at == next {
            config.interfaces.push(Interface {
                lag: kind == "Port-Channel",
                name,
                ..Interface::default()
            });
        }
        config.interfaces[at].at = Some(c.at);
        at
    }

    fn inside(&mut self, c: &Command) -> Outcome {
        if matches!(c.word(0), "tx-queue" | "uc-tx-queue" | "mc-tx-queue")
            && matches!(self.context, Context::Profile(_) | Context::Interfaces(_))
        {
            return self.begin_queue(c);
        }
        let queue = self.queue;
        let outcome = match &self.context {
            Context::Profile(name) => match self.out.config.profiles.get_mut(name) {
                Some(profile) => settings::line(profile, c, queue),
                None => Outcome::Not,
            },
            Context::Interfaces(ports) => {
                let mut outcome = Outcome::Not;
                for &port in ports {
                    let one = &mut self.out.config.interfaces[port];
                    outcome = match settings::line(&mut one.own, c, queue) {
                        Outcome::Not => interface(one, c),
                        outcome => outcome,
                    };
                }
                outcome
            }
            Context::Class(name) => match self.out.config.classes.get_mut(name) {
                Some(map) => class_map(map, c),
                None => Outcome::Not,
            },
            Context::Policy(name) => match self.out.config.policies.get_mut(name) {
                Some(map) => policy(map, c),
                None => Outcome::Not,
            },
            Context::Defaults if c.word(0) == "mtu" => match c.word(1).parse() {
                Ok(mtu) => {
                    self.out.config.mtu = Some((mtu, c.at));
                    Outcome::Done
                }
                Err(_) => Outcome::Strange("it has no number".to_owned()),
            },
            Context::Mlag if c.word(0) == "peer-link" => {
                let name = c.rest(1).concat();
                self.out.config.peer_link = Some((name, c.at));
                Outcome::Done
            }
            Context::Quiet => match c.word(0) {
                "mtu" | "service-policy" | "qos" | "switchport" => Outcome::Done,
                _ => Outcome::Not,
            },
            _ => Outcome::Not,
        };
        match outcome {
            Outcome::Not if !matches!(self.context, Context::Other) => {
                global(&mut self.out.config, c)
            }
            outcome => outcome,
        }
    }

    fn begin_queue(&mut self, c: &Command) -> Outcome {
        let Some(n) = c.word(1).parse::<usize>().ok().filter(|n| *n < 8) else {
            self.queue = Some(None);
            return bad(c, "queues are 0 to 7", "Name a queue from 0 to 7.", 0);
        };
        let multicast = c.word(0) == "mc-tx-queue";
        self.queue = Some((!multicast).then_some(n));
        self.queue_indent = c.indent;
        if multicast {
            return Outcome::Done;
        }
        let config = &mut self.out.config;
        match &self.context {
            Context::Profile(name) => {
                if let Some(profile) = config.profiles.get_mut(name) {
                    profile.queues[n].at = Some(c.at);
                }
            }
            Context::Interfaces(ports) => {
                for &port in ports {
                    config.interfaces[port].own.queues[n].at = Some(c.at);
                }
            }
            _ => {}
        }
        Outcome::Done
    }
}

/// Whether a line that nobody knew is about QoS.
fn about_qos(c: &Command) -> bool {
    const WORDS: [&str; 16] = [
        "mtu",
        "qos",
        "priority-flow-control",
        "dcbx",
        "flowcontrol",
        "random-detect",
        "bandwidth",
        "shape",
        "priority",
        "service-profile",
        "tx-queue",
        "uc-tx-queue",
        "mc-tx-queue",
        "pause",
        "ecn",
        "l2",
    ];
    WORDS.contains(&c.word(0))
        || c.begins("platform trident mmu")
        || c.begins("service-policy type qos")
}

/// A line that only interfaces have.
fn interface(port: &mut Interface, c: &Command) -> Outcome {
    match c.word(0) {
        "description" => {
            port.description = (!c.no).then(|| (c.rest(1).join(" "), c.at));
            return Outcome::Not;
        }
        "shutdown" => {
            port.shut = Some((!c.no, c.at));
            return Outcome::Not;
        }
        "switchport" => return switchport(port, c),
        "mtu" => return mtu(&mut port.mtu, c, 1),
        "l2" if c.word(1) == "mtu" => return mtu(&mut port.l2_mtu, c, 2),
        "channel-group" => {
            port.member_of = (!c.no).then(|| (format!("Port-Channel{}", c.word(1)), c.at));
        }
        "speed" => {
            port.speed = speed(c).map(|rate| (rate, c.at));
            return Outcome::Not;
        }
        "flowcontrol" => {
            let on = (!c.no && c.word(2) != "off", c.at);
            match c.word(1) {
                "receive" => port.receive = Some(on),
                "send" => port.send = Some(on),
                _ => return Outcome::Strange("it has no direction".to_owned()),
            }
        }
        "dcbx" => match (c.word(1), c.word(2)) {
            ("mode", _) if c.no => port.dcbx = Some((None, c.at)),
            ("mode", "ieee") => port.dcbx = Some((Some(DcbxVersion::Ieee), c.at)),
            ("mode", "cee") => port.dcbx = Some((Some(DcbxVersion::Cee), c.at)),
            ("mode", "none") => port.dcbx = Some((None, c.at)),
            ("mode", _) => {
                return bad(
                    c,
                    "the modes are ieee, cee and none",
                    "Write `dcbx mode ieee`.",
                    0,
                );
            }
            _ => {}
        },
        "lldp" if matches!(c.word(1), "transmit" | "receive") => port.lldp = Some((!c.no, c.at)),
        "service-profile" => {
            port.profile = (!c.no).then(|| (c.word(1).to_owned(), c.at));
        }
        _ => return Outcome::Not,
    }
    Outcome::Done
}

fn mtu(place: &mut Said<u32>, c: &Command, word: usize) -> Outcome {
    match c.word(word).parse::<u32>() {
        Ok(mtu) if (68..=10240).contains(&mtu) => *place = (!c.no).then_some((mtu, c.at)),
        _ if c.no => *place = None,
        _ => {
            return bad(
                c,
                "it is 68 to 9214 bytes on most models",
                "Write `mtu 9214`.",
                0,
            );
        }
    }
    Outcome::Done
}

/// `speed 100gfull`, `speed forced 25gfull`, `speed 100g-4`.
fn speed(c: &Command) -> Option<BitRate> {
    let words = c.rest(1);
    let text = words
        .iter()
        .find(|w| w.starts_with(|c: char| c.is_ascii_digit()))?;
    let (number, _) = text.split_once('g')?;
    let rate: u64 = number.parse().ok()?;
    (1..=1600).contains(&rate).then(|| BitRate::from_gbps(rate))
}

fn switchport(port: &mut Interface, c: &Command) -> Outcome {
    match (c.word(1), c.word(2), c.word(3)) {
        ("", ..) => port.routed = Some((c.no, c.at)),
        ("mode", mode, _) => {
            let mode = match mode {
                _ if c.no => Mode::Access,
                "trunk" => Mode::Trunk,
                "dot1q-tunnel" => Mode::Tunnel,
                _ => Mode::Access,
            };
            port.mode = Some((mode, c.at));
        }
        ("access", "vlan", id) => match id.parse() {
            Ok(id) => port.access = (!c.no).then_some((id, c.at)),
            Err(_) if c.no => port.access = None,
            Err(_) => return Outcome::Strange("it names no VLAN by its number".to_owned()),
        },
        ("trunk", "native", "vlan") => match c.word(4) {
            "tag" => port.native = Some((None, c.at)),
            id => match id.parse() {
                Ok(id) => port.native = Some((Some(id), c.at)),
                Err(_) if c.no => port.native = None,
                Err(_) => return Outcome::Strange("it names no VLAN by its number".to_owned()),
            },
        },
        ("trunk", "allowed", "vlan") => return allowed(port, c),
        _ => return Outcome::Not,
    }
    Outcome::Done
}

fn allowed(port: &mut Interface, c: &Command) -> Outcome {
    let (word, rest) = match c.word(4) {
        word @ ("add" | "remove" | "except" | "all" | "none") => (word, c.rest(5).concat()),
        _ => ("", c.rest(4).concat()),
    };
    let before = match port.allowed.take() {
        Some((Vlans::These(list), _)) => list,
        _ => Vec::new(),
    };
    let list: Option<Vec<(u16, u16)>> = rest
        .split(',')
        .map(|part| {
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            let range = (low.parse().ok()?, high.parse().ok()?);
            (range.0 <= range.1 && range.1 <= 4095).then_some(range)
        })
        .collect();
    let vlans = match (word, list) {
        ("all", _) => Vlans::All,
        ("none", _) => Vlans::These(Vec::new()),
        _ if c.no => Vlans::All,
        ("add", Some(list)) => Vlans::These([before, list].concat()),
        ("remove", Some(list)) => {
            let kept = before.into_iter().filter(|r| !list.contains(r));
            Vlans::These(kept.collect())
        }
        ("except", Some(list)) => Vlans::These(except(list)),
        ("", Some(list)) => Vlans::These(list),
        _ => {
            return bad(
                c,
                "it names no VLANs",
                "Write `switchport trunk allowed vlan 711`.",
                0,
            );
        }
    };
    port.allowed = Some((vlans, c.at));
    Outcome::Done
}

/// All VLANs but these.
fn except(mut list: Vec<(u16, u16)>) -> Vec<(u16, u16)> {
    list.sort_unstable();
    let (mut rest, mut next) = (Vec::new(), 1);
    for (low, high) in list {
        if low > next {
            rest.push((next, low - 1));
        }
        next = next.max(high.saturating_add(1));
    }
    if next <= 4094 {
        rest.push((next, 4094));
    }
    rest
}

fn class_map(map: &mut Vec<(Matches, crate::source::Span)>, c: &Command) -> Outcome {
    if c.word(0) != "match" {
        return Outcome::Not;
    }
    let words = c.rest(1);
    let values = |from: usize| words[from.min(words.len())..].join(",");
    let matches = match words.first().copied() {
        Some("dscp") => code_points(&values(1)).map(Matches::Dscp),
        Some("ip") if words.get(1) == Some(&"dscp") => code_points(&values(2)).map(Matches::Dscp),
        Some("cos") => small(&values(1)).map(Matches::Cos),
        _ => Some(Matches::Other),
    };
    match matches {
        Some(matches) => map.push((matches, c.at)),
        None => {
            return bad(
                c,
                "its values are out of range",
                "Correct the values.",
                0xff,
            );
        }
    }
    Outcome::Done
}

fn policy(map: &mut Vec<PolicyClass>, c: &Command) -> Outcome {
    match c.word(0) {
        "class" => {
            let words = c.rest(1);
            let name = words.last().copied().unwrap_or_default().to_owned();
            map.push(PolicyClass { name, class: None });
        }
        "set" => match (c.word(1), c.word(2).parse::<u8>(), map.last_mut()) {
            ("traffic-class", Ok(n), Some(class)) if n < 8 => class.class = Some((n, c.at)),
            ("traffic-class", ..) => {
                return bad(c, "traffic classes are 0 to 7", "Correct the class.", 0xff);
            }
            _ => {}
        },
        "police" => {}
        _ => return Outcome::Not,
    }
    Outcome::Done
}

/// `3`, `1 2 3` or `0-7` joined by commas.
fn small(list: &str) -> Option<Vec<u8>> {
    let all = numbers(list, 7)?;
    Some(
        all.into_iter()
            .filter_map(|n| u8::try_from(n).ok())
            .collect(),
    )
}

fn code_points(list: &str) -> Option<Vec<u8>> {
    let mut found = Vec::new();
    for part in list.split(',') {
        match dscp(part) {
            Some(one) => found.push(one),
            None => {
                let all = numbers(part, 63)?;
                found.extend(all.into_iter().filter_map(|n| u8::try_from(n).ok()));
            }
        }
    }
    Some(found)
}

/// Statements of the whole switch.
fn global(config: &mut Config, c: &Command) -> Outcome {
    match (c.word(0), c.word(1)) {
        ("qos", "map") => return map(config, c),
        ("qos", "rewrite" | "random-detect" | "tx-queue") => {}
        ("priority-flow-control", "all") if c.word(2) == "off" => {
            config.all_off = (!c.no).then_some(((), c.at));
        }
        ("priority-flow-control", "pause") if c.word(2) == "watchdog" => {
            return watchdog(config, c);
        }
        ("lldp", "run") => config.lldp = Some((!c.no, c.at)),
        ("switchport", "default") if c.word(2) == "mode" => {
            config.routed = Some((c.word(3) == "routed" && !c.no, c.at));
        }
        // The peer's part of DCBX, and buffers whose sizes EOS takes by itself.
        ("dcbx", _) => {}
        ("platform", _) if c.begins("platform trident mmu") => {}
        _ => return Outcome::Not,
    }
    Outcome::Done
}

/// `qos map cos 1 2 to traffic-class 2`.
fn map(config: &mut Config, c: &Command) -> Outcome {
    let words = c.rest(2);
    let Some(to) = words.iter().position(|w| *w == "to") else {
        return Outcome::Strange("it maps to nothing".to_owned());
    };
    let (from, list) = (
        words.first().copied().unwrap_or_default(),
        words[1.min(to)..to].join(","),
    );
    let kind = words.get(to + 1).copied().unwrap_or_default();
    let target = words.get(to + 2).and_then(|w| w.parse::<u8>().ok());
    let refused = || {
        bad(
            c,
            "its values are out of range",
            "Correct the values.",
            0xff,
        )
    };
    match (from, kind) {
        ("cos" | "dscp", "traffic-class") => {
            let values = if from == "cos" {
                small(&list)
            } else {
                code_points(&list)
            };
            let (Some(values), Some(class)) = (values, target.filter(|n| *n < 8)) else {
                return refused();
            };
            let place = if from == "cos" {
                &mut config.cos
            } else {
                &mut config.dscp
            };
            if !c.no {
                place.extend(values.into_iter().map(|value| (value, class, c.at)));
            }
        }
        ("traffic-class", "tx-queue" | "uc-tx-queue") => {
            let (Some(values), Some(queue)) = (small(&list), target.filter(|n| *n < 8)) else {
                return refused();
            };
            if !c.no {
                let all = values.into_iter().map(|value| (value, queue, c.at));
                config.queues.extend(all);
            }
        }
        // What leaves is marked anew; MPLS; queues of multicast.
        ("traffic-class", _) | ("exp", _) => {}
        _ => return Outcome::Strange("what it maps is not known".to_owned()),
    }
    Outcome::Done
}

/// `priority-flow-control pause watchdog default timeout 0.2`, `… action drop`.
fn watchdog(config: &mut Config, c: &Command) -> Outcome {
    match (c.word(3), c.word(4)) {
        ("default", what) => {
            let value = (!c.no).then(|| seconds(c.word(5))).flatten();
            if value.is_none() && !c.no && c.word(5) != "auto" {
                return bad(
                    c,
                    "it is a number of seconds",
                    "Give the time in seconds, such as 0.2.",
                    0,
                );
            }
            let said = value.map(|time| (time, c.at));
            match what {
                "timeout" => config.watchdog.timeout = said,
                "recovery-time" => config.watchdog.recovery = said,
                "polling-interval" => {
                    config.watchdog.polling = Some((value, c.at)).filter(|_| !c.no)
                }
                _ => return Outcome::Strange("what it sets is not known".to_owned()),
            }
        }
        ("action", action) => config.drops = Some((action == "drop" && !c.no, c.at)),
        ("override", _) => {}
        ("hardware" | "non-disruptive" | "override-action", _) => {}
        _ => return Outcome::Strange("its form is not known".to_owned()),
    }
    Outcome::Done
}
