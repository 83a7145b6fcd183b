//! The statements of a configuration, in the order that they are typed.

use crate::device::{Limit, Trust};
use crate::language::Input;
use crate::lines::Lines;
use crate::names::{key, range};
use crate::source::{Fault, Span};
use crate::text::words;
use std::array::from_fn;
use std::collections::BTreeMap;

pub(super) type Said<T> = Option<(T, Span)>;

/// Early drop or marking of a traffic class.
#[derive(Clone, Copy)]
pub(super) struct Curve {
    pub(super) drops: bool,
    /// Bytes; None: relative to the buffer.
    pub(super) ends: Option<(u64, u64)>,
}

#[derive(Clone, Default)]
pub(super) struct Interface {
    pub(super) at: Option<Span>,
    pub(super) description: Said<String>,
    pub(super) mtu: Said<u32>,
    pub(super) speed: Said<u64>,
    pub(super) down: Said<bool>,
    pub(super) pfc: Said<bool>,
    pub(super) trust: Said<Trust>,
    pub(super) default_priority: Said<u8>,
    /// Switch priorities by DSCP and PCP.
    pub(super) dscp: BTreeMap<u8, (u8, Span)>,
    pub(super) pcp: BTreeMap<u8, (u8, Span)>,
    /// By switch priority: traffic class, priority group.
    pub(super) class: [Said<u8>; 8],
    pub(super) group: [Said<u8>; 8],
    /// By traffic class.
    pub(super) strict: [Said<bool>; 8],
    pub(super) weight: [Said<u32>; 8],
    /// Megabits per second.
    pub(super) shaper: [Said<u64>; 8],
    pub(super) curve: [Said<Curve>; 8],
    pub(super) flow_rx: Said<bool>,
    pub(super) flow_tx: Said<bool>,
    pub(super) mode: Said<String>,
    pub(super) access: Said<u16>,
    /// None: all of them.
    pub(super) allowed: Said<Option<Vec<(u16, u16)>>>,
    pub(super) routed: Said<bool>,
    pub(super) lag: Said<String>,
    pub(super) watchdog: Said<bool>,
    /// By priority group.
    pub(super) lossless: [Said<bool>; 8],
    pub(super) headroom: [Said<u64>; 8],
    pub(super) reserved: [Said<u64>; 8],
    pub(super) limit: [Said<Limit>; 8],
}

pub(super) struct Read {
    pub(super) name: Said<String>,
    pub(super) interfaces: Vec<(String, Interface)>,
    /// Their places, by what names have in common.
    places: BTreeMap<String, usize>,
    pub(super) pfc: Said<bool>,
    pub(super) priorities: [Said<bool>; 8],
    pub(super) roce: Said<&'static str>,
    pub(super) lldp: Said<bool>,
    /// Pools and whether they are lossless.
    pub(super) pools: Vec<(String, bool, Span)>,
    /// The priorities of pools.
    pub(super) mapped: Vec<(String, u8, Span)>,
    pub(super) peer_link: Said<String>,
    pub(super) lines: Lines,
}

/// The ports of the `interface` line that is open.
#[derive(Default)]
struct Open {
    ports: Vec<usize>,
    indent: usize,
}

pub(super) fn read(input: Input) -> Result<Read, Fault> {
    let mut read = Read {
        name: None,
        interfaces: Vec::new(),
        places: BTreeMap::new(),
        pfc: None,
        priorities: from_fn(|_| None),
        roce: None,
        lldp: None,
        pools: Vec::new(),
        mapped: Vec::new(),
        peer_link: None,
        lines: Lines::new(input.file, input.source.lines()),
    };
    let mut open = Open::default();
    let mut any = false;
    for (line, number) in input.source.text.lines().zip(1_u32..) {
        let found = words(input.file, number, line);
        let mut texts: Vec<&str> = found.iter().map(|w| w.text).collect();
        let mut indent = line.len() - line.trim_start().len();
        let at = Span::line(input.file, number);
        if let Some(n) = prompt(&texts) {
            context(&mut read, &texts[..n], at, &mut open);
            texts.drain(..n);
            // Behind a prompt all stands in the mode that the prompt tells.
            indent = open.indent;
        }
        if texts.is_empty() || texts[0].starts_with(['#', '!']) {
            continue;
        }
        any = true;
        statement(&mut read, &texts, at, indent, &mut open);
    }
    match any {
        true => Ok(read),
        false => Err(Fault::whole(
            "there is no statement in the file",
            "an Onyx configuration",
        )),
    }
}

/// How many words are of a prompt: `sw1 [standalone: master] (config) # mtu 9216`.
fn prompt(texts: &[&str]) -> Option<usize> {
    let mark = texts
        .iter()
        .take(10)
        .position(|w| matches!(*w, "#" | ">") || w.ends_with(")#"))?;
    let config = texts[..=mark].iter().any(|w| w.contains("(config"));
    (config || (mark > 0 && mark < 4)).then_some(mark + 1)
}

/// The mode that a prompt tells: `(config interface ethernet 1/1) #`.
fn context(read: &mut Read, prompt: &[&str], at: Span, open: &mut Open) {
    open.ports.clear();
    open.indent = 0;
    let Some(n) = prompt.iter().position(|w| *w == "interface") else {
        return;
    };
    let rest: Vec<&str> = prompt[n + 1..]
        .iter()
        .map(|w| w.trim_end_matches(['#', ')']))
        .collect();
    let (ports, _) = ports(&rest);
    open.ports = ports.iter().map(|name| interface(read, name, at)).collect();
}

/// Statements that only ports have: below `interface`, whatever the indentation is.
fn of_a_port(words: &[&str]) -> bool {
    let words = match words {
        ["no", rest @ ..] => rest,
        all => all,
    };
    matches!(
        words,
        ["dcb", "priority-flow-control", "mode", ..]
            | ["qos", "trust" | "map" | "default" | "rewrite", ..]
            | [
                "traffic-class" | "flowcontrol" | "switchport" | "pfc-wd",
                ..
            ]
            | ["ingress-buffer" | "egress-buffer", ..]
            | ["channel-group" | "mlag-channel-group" | "ipl", ..]
            | ["mtu" | "speed" | "shutdown" | "description", ..]
    )
}

fn statement(read: &mut Read, words: &[&str], at: Span, indent: usize, open: &mut Open) {
    let known = match words {
        ["exit" | "end", ..] => {
            open.ports.clear();
            return;
        }
        ["hostname", name] => {
            read.name = Some(((*name).to_owned(), at));
            return;
        }
        ["interface", rest @ ..] | ["no", "interface", rest @ ..] => {
            open.ports.clear();
            let (ports, rest) = ports(rest);
            if ports.is_empty() {
                return;
            }
            let all: Vec<usize> = ports.iter().map(|name| interface(read, name, at)).collect();
            if rest.is_empty() {
                open.ports = all;
                open.indent = indent;
                return;
            }
            let mut own = Vec::with_capacity(rest.len() + 1);
            own.extend((words[0] == "no").then_some("no"));
            own.extend(rest);
            each(read, &all, &own, at)
        }
        _ if !open.ports.is_empty() && (indent > open.indent || of_a_port(words)) => {
            let all = open.ports.clone();
            each(read, &all, words, at)
        }
        _ if of_a_port(words) => Some(false),
        _ => {
            open.ports.clear();
            global(read, words, at)
        }
    };
    match known {
        Some(true) => read.lines.understood(at.line),
        Some(false) => read
            .lines
            .unknown(at.line, "what this statement does is not known"),
        None => {}
    }
}

/// The ports that an `interface` statement names, and what stands behind.
pub(super) fn ports<'a>(rest: &'a [&'a str]) -> (Vec<String>, &'a [&'a str]) {
    let spread = |list: &str| range(list).unwrap_or_else(|| vec![list.to_owned()]);
    match rest {
        ["ethernet", list, rest @ ..] => (spread(list), rest),
        [
            kind @ ("port-channel" | "mlag-port-channel"),
            list,
            rest @ ..,
        ] => {
            let all = spread(list).into_iter();
            (all.map(|n| format!("{kind} {n}")).collect(), rest)
        }
        _ => (Vec::new(), &[]),
    }
}

fn interface(read: &mut Read, name: &str, at: Span) -> usize {
    let next = read.interfaces.len();
    let n = *read.places.entry(key(name)).or_insert(next);
    if n == next {
        let interface = Interface {
            at: Some(at),
            ..Interface::default()
        };
        read.interfaces.push((name.to_owned(), interface));
    }
    n
}

impl Read {
    /// The interface of a name.
    pub(super) fn find(&self, name: &str) -> Option<&Interface> {
        let n = *self.places.get(&key(name))?;
        Some(&self.interfaces[n].1)
    }
}

fn each(read: &mut Read, all: &[usize], words: &[&str], at: Span) -> Option<bool> {
    let mut known = None;
    for &n in all {
        let (name, interface) = &mut read.interfaces[n];
        known = port_statement(interface, words, at);
        if let ["ipl", ..] = words {
            read.peer_link = Some((name.clone(), at));
        }
    }
    known
}

fn class(text: &str) -> Option<usize> {
    text.parse().ok().filter(|n| *n < 8)
}

/// None: of no bearing.
fn port_statement(i: &mut Interface, words: &[&str], at: Span) -> Option<bool> {
    match words {
        ["description", rest @ ..] => {
            i.description = Some((rest.join(" "), at));
            return None;
        }
        ["shutdown"] => i.down = Some((true, at)),
        ["no", "shutdown"] => i.down = Some((false, at)),
        ["mtu", mtu, ..] => match mtu.parse() {
            Ok(mtu) => i.mtu = Some((mtu, at)),
            Err(_) => return Some(false),
        },
        ["speed", speed, ..] => {
            let gbps = speed.split(['x', 'X']).next().unwrap_or(speed);
            let gbps = gbps.trim_end_matches(['G', 'g']).parse().ok();
            i.speed = gbps.map(|s| (s, at));
        }
        ["dcb", "priority-flow-control", "mode", state, ..] => i.pfc = Some((*state == "on", at)),
        ["no", "dcb", "priority-flow-control", ..] => i.pfc = Some((false, at)),
        ["flowcontrol", "receive", state, ..] => i.flow_rx = Some((*state == "on", at)),
        ["flowcontrol", "send", state, ..] => i.flow_tx = Some((*state == "on", at)),
        ["qos", rest @ ..] => return Some(marking(i, rest, at)),
        ["no", "qos", "trust", ..] => i.trust = None,
        ["vlan", "default", "priority", n] => {
            i.default_priority = class(n).map(|n| (n as u8, at));
        }
        ["traffic-class", n, rest @ ..] => {
            return Some(class(n).is_some_and(|n| traffic_class(i, n, rest, at)));
        }
        ["no", "traffic-class", n, "congestion-control", ..] => match class(n) {
            Some(n) => i.curve[n] = None,
            None => return Some(false),
        },
        ["no", "switchport", ..] => i.routed = Some((true, at)),
        ["switchport", rest @ ..] => return switchport(i, rest, at),
        ["ip", "address", ..] => {
            i.routed = Some((true, at));
            return None;
        }
        ["channel-group", n, ..] => {
            i.lag = Some((format!("port-channel {n}"), at));
            return None;
        }
        ["mlag-channel-group", n, ..] => {
            i.lag = Some((format!("mlag-port-channel {n}"), at));
            return None;
        }
        ["no", "channel-group" | "mlag-channel-group", ..] => {
            i.lag = None;
            return None;
        }
        ["pfc-wd", rest @ ..] => i.watchdog = Some((!rest.contains(&"disable"), at)),
        ["no", "pfc-wd", ..] => i.watchdog = Some((false, at)),
        ["ingress-buffer", name, rest @ ..] => return Some(buffer(i, name, rest, at)),
        // What leaves is held in its own queues; nothing of the model is in it.
        ["egress-buffer", ..] => {}
        ["lldp", ..] | ["no", "lldp", ..] => {}
        ["dcb" | "congestion-control" | "bandwidth", ..]
        | ["no", "dcb" | "qos" | "traffic-class" | "ingress-buffer", ..] => return Some(false),
        _ => return None,
    }
    Some(true)
}

/// `trust L3`, `map dscp 26 to switch-priority 3`, `map pcp 3 dei 0 to switch-priority 3`
fn marking(i: &mut Interface, words: &[&str], at: Span) -> bool {
    match words {
        ["trust", what] => {
            let trust = match what.to_ascii_lowercase().as_str() {
                "l2" => Trust::Pcp,
                "l3" => Trust::Dscp,
                "both" => Trust::DscpThenPcp,
                "port" => Trust::Nothing,
                _ => return false,
            };
            i.trust = Some((trust, at));
        }
        ["default", "switch-priority", n, ..] => match class(n) {
            Some(n) => i.default_priority = Some((n as u8, at)),
            None => return false,
        },
        ["map", kind @ ("dscp" | "pcp"), rest @ ..] => {
            let Some(to) = rest.iter().position(|w| *w == "switch-priority") else {
                return false;
            };
            let Some(priority) = rest.get(to + 1).and_then(|n| class(n)) else {
                return false;
            };
            let most = if *kind == "dscp" { 63 } else { 7 };
            let given = rest[..to]
                .iter()
                .take_while(|w| !matches!(**w, "to" | "dei"));
            let mut all = Vec::new();
            for list in given {
                match crate::text::numbers(list, most) {
                    Some(numbers) => all.extend(numbers),
                    None => return false,
                }
            }
            let map = match *kind {
                "dscp" => &mut i.dscp,
                _ => &mut i.pcp,
            };
            let entry = (priority as u8, at);
            map.extend(
                all.into_iter()
                    .filter_map(|n| Some((u8::try_from(n).ok()?, entry))),
            );
        }
        _ => return false,
    }
    true
}

fn traffic_class(i: &mut Interface, n: usize, rest: &[&str], at: Span) -> bool {
    match rest {
        ["dcb", "ets", "strict"] => i.strict[n] = Some((true, at)),
        ["dcb", "ets", "wrr", weight, ..] | ["dcb", "ets", "weight", weight] => {
            i.strict[n] = Some((false, at));
            i.weight[n] = weight.parse().ok().map(|w| (w, at));
        }
        ["bind", "switch-priority", all @ ..] => {
            for list in all {
                let Some(priorities) = crate::text::numbers(list, 7) else {
                    return false;
                };
                for p in priorities {
                    i.class[p as usize & 7] = Some((n as u8, at));
                }
            }
        }
        ["congestion-control", kind, rest @ ..] => {
            let drops = match *kind {
                "ecn" | "both" => false,
                "red" => true,
                _ => return false,
            };
            let ends = value(rest, "minimum-absolute", kilobytes).zip(value(
                rest,
                "maximum-absolute",
                kilobytes,
            ));
            i.curve[n] = Some((Curve { drops, ends }, at));
        }
        ["bandwidth", "shape", rate, ..] => match megabits(rate) {
            Some(rate) => i.shaper[n] = Some((rate, at)),
            None => return false,
        },
        // A least rate, which scheduling keeps anyhow.
        ["bandwidth", "guaranteed", ..] => {}
        _ => return false,
    }
    true
}

/// The number behind a word.
fn value(words: &[&str], name: &str, read: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let n = words.iter().position(|w| *w == name)?;
    read(words.get(n + 1)?)
}

/// `150` or `150K`, in thousands of bytes, and `1M`.
fn kilobytes(text: &str) -> Option<u64> {
    let (number, unit) = scaled(text)?;
    number.checked_mul(match unit {
        "" | "k" => 1_000,
        "m" => 1_000_000,
        _ => return None,
    })
}

/// `67538`, `64K`, `1M`
fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = scaled(text)?;
    number.checked_mul(match unit {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        _ => return None,
    })
}

/// `10G`, `500M`
fn megabits(text: &str) -> Option<u64> {
    let (number, unit) = scaled(text)?;
    number.checked_mul(match unit {
        "g" => 1_000,
        "m" => 1,
        _ => return None,
    })
}

fn scaled(text: &str) -> Option<(u64, &'static str)> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" => "",
        "K" | "k" | "KB" => "k",
        "M" | "m" | "MB" => "m",
        "G" | "g" => "g",
        _ => return None,
    };
    Some((digits.parse().ok()?, unit))
}

fn switchport(i: &mut Interface, words: &[&str], at: Span) -> Option<bool> {
    match words {
        ["mode", mode, rest @ ..] => {
            i.mode = Some(((*mode).to_owned(), at));
            if let ["vlan", vlan, ..] = rest {
                i.access = vlan.parse().ok().map(|v| (v, at));
            }
        }
        ["access", "vlan", vlan, ..] => i.access = vlan.parse().ok().map(|v| (v, at)),
        [_, "allowed-vlan", rest @ ..] => {
            let (how, list) = match rest {
                ["add" | "remove", list @ ..] => (rest[0], list),
                list => ("", list),
            };
            let list = list.concat();
            let more = super::super::nxos::vlans(&list);
            let (old, _) = i.allowed.take().unwrap_or((Some(Vec::new()), at));
            let new = match (how, list.as_str(), old) {
                (_, "all", _) => None,
                (_, "none", _) => Some(Vec::new()),
                ("add", _, Some(mut old)) => {
                    old.extend(more);
                    Some(old)
                }
                ("add", _, None) => None,
                ("remove", _, Some(old)) => Some(without(old, &more)),
                ("remove", _, None) => Some(without(vec![(1, 4094)], &more)),
                _ => Some(more),
            };
            i.allowed = Some((new, at));
        }
        _ => return None,
    }
    Some(true)
}

/// Ranges without other ranges.
fn without(from: Vec<(u16, u16)>, less: &[(u16, u16)]) -> Vec<(u16, u16)> {
    less.iter().fold(from, |ranges, &(low, high)| {
        let cut = |(a, b): (u16, u16)| {
            let before = (low > a).then(|| (a, b.min(low.saturating_sub(1))));
            let after = (high < b).then(|| (a.max(high.saturating_add(1)), b));
            let apart = b < low || a > high;
            match apart {
                true => [Some((a, b)), None],
                false => [before, after],
            }
        };
        ranges.into_iter().flat_map(cut).flatten().collect()
    })
}

/// `iPort.pg3 bind switch-priority 3`, and
/// `iPort.pg3 map pool iPool1 type lossless reserved 67538 xoff 18432 xon 18432 shared alpha 2`
fn buffer(i: &mut Interface, name: &str, rest: &[&str], at: Span) -> bool {
    let Some(n) = name.strip_prefix("iPort.pg") else {
        // Buffers of the port as a whole, or of the CPU.
        return name.starts_with("iPort");
    };
    // Group 9 is that of control traffic.
    let Some(n) = class(n) else {
        return n.parse::<u8>().is_ok();
    };
    match rest {
        ["bind", "switch-priority", all @ ..] => {
            for list in all {
                let Some(priorities) = crate::text::numbers(list, 7) else {
                    return false;
                };
                for p in priorities {
                    i.group[p as usize & 7] = Some((n as u8, at));
                }
            }
        }
        [
            "map",
            "pool",
            _,
            "type",
            kind @ ("lossless" | "lossy"),
            rest @ ..,
        ] => {
            let lossless = *kind == "lossless";
            i.lossless[n] = Some((lossless, at));
            let reserved = value(rest, "reserved", bytes);
            i.reserved[n] = reserved.map(|b| (b, at));
            if let (true, Some(all), Some(xoff)) = (lossless, reserved, value(rest, "xoff", bytes))
            {
                i.headroom[n] = Some((all.saturating_sub(xoff), at));
            }
            let alpha = rest.iter().position(|w| *w == "alpha");
            i.limit[n] = alpha
                .and_then(|n| fraction(rest.get(n + 1)?))
                .map(|limit| (limit, at));
        }
        _ => return false,
    }
    true
}

/// `2`, `1/8`
fn fraction(text: &str) -> Option<Limit> {
    let (num, den) = text.split_once('/').unwrap_or((text, "1"));
    let (num, den) = (num.parse().ok()?, den.parse().ok()?);
    (num > 0 && den > 0).then_some(Limit::Dynamic { num, den })
}

/// None: of no bearing.
fn global(read: &mut Read, words: &[&str], at: Span) -> Option<bool> {
    match words {
        ["dcb", "priority-flow-control", "enable", ..] => read.pfc = Some((true, at)),
        ["no", "dcb", "priority-flow-control", "enable", ..] => read.pfc = Some((false, at)),
        [
            "dcb",
            "priority-flow-control",
            "priority",
            list,
            "enable",
            ..,
        ] => {
            return Some(priorities(read, list, true, at));
        }
        ["no", "dcb", "priority-flow-control", "priority", list, ..] => {
            return Some(priorities(read, list, false, at));
        }
        ["roce", rest @ ..] => {
            let mode = match rest.first().copied() {
                None | Some("lossless") => "lossless",
                Some("lossy") => "lossy",
                Some("semi-lossless") => "semi-lossless",
                _ => return Some(false),
            };
            read.roce = Some((mode, at));
        }
        ["no", "roce"] => read.roce = None,
        [
            "traffic",
            "pool",
            name,
            "type",
            kind @ ("lossless" | "lossy"),
        ] => {
            let lossless = *kind == "lossless";
            read.pools.push(((*name).to_owned(), lossless, at));
        }
        ["traffic", "pool", name, "map", "switch-priority", list @ ..] => {
            for n in list.iter().filter_map(|n| class(n)) {
                read.mapped.push(((*name).to_owned(), n as u8, at));
            }
        }
        ["traffic", "pool", _, "memory", ..] => {}
        ["pool", ..] | ["advanced", "buffer", "management", ..] => {}
        ["lldp"] => read.lldp = Some((true, at)),
        ["no", "lldp"] => read.lldp = Some((false, at)),
        ["lldp", ..] | ["no", "lldp", ..] => {}
        [
            "dcb" | "qos" | "pfc-wd" | "traffic" | "congestion-control",
            ..,
        ]
        | [
            "no",
            "dcb" | "qos" | "pfc-wd" | "traffic" | "congestion-control" | "roce",
            ..,
        ] => {
            return Some(false);
        }
        _ => return None,
    }
    Some(true)
}

fn priorities(read: &mut Read, list: &str, on: bool, at: Span) -> bool {
    let Some(all) = crate::text::numbers(list, 7) else {
        return false;
    };
    for n in all {
        read.priorities[n as usize & 7] = Some((on, at));
    }
    true
}
