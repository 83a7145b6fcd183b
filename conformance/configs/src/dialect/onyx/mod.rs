//! NVIDIA Onyx (MLNX-OS): statements with their whole context, or below `interface`.

#[cfg(test)]
mod tests;

use crate::device::*;
use crate::fact::Fact;
use crate::language::{Dialect, Input, Language};
use crate::lines::Lines;
use crate::names::{key, range};
use crate::remark::{Remark, RemarkKind};
use crate::repair::{Edit, Wish};
use crate::source::{Fault, Source, Span};
use crate::text::words;
use std::array::from_fn;
use std::sync::Arc;
use xoff_model::units::BitRate;

pub static LANGUAGE: Language = Language {
    dialect: Dialect::Onyx,
    name: "onyx",
    title: "NVIDIA Onyx",
    recognise,
    import,
    repair,
};

const SIGNS: [(&str, u32); 11] = [
    ("dcb priority-flow-control", 20),
    ("traffic pool ", 20),
    ("roce", 3),
    ("interface ethernet 1/", 5),
    ("interface mlag-port-channel", 20),
    ("## ", 1),
    ("pool iPool", 20),
    ("pool ePool", 20),
    ("advanced buffer management", 30),
    ("protocol mlag", 20),
    ("no cli default prefix-modes enable", 40),
];

fn recognise(source: &Source) -> u32 {
    let lines = source.text.lines().take(500).map(str::trim);
    lines
        .map(|line| {
            let starts = SIGNS
                .iter()
                .filter(|(sign, _)| line.starts_with(sign))
                .map(|(_, score)| *score)
                .max()
                .unwrap_or(0);
            let inside = [
                " congestion-control ecn",
                " dcb priority-flow-control mode on",
                " qos trust L",
                " dcb ets ",
                " ingress-buffer iPort",
            ];
            starts.max(if inside.iter().any(|s| line.contains(s)) {
                20
            } else {
                0
            })
        })
        .sum()
}

type Said<T> = Option<(T, Span)>;

#[derive(Clone, Default)]
struct Interface {
    at: Option<Span>,
    description: Said<String>,
    mtu: Said<u32>,
    speed: Said<u64>,
    down: Said<bool>,
    pfc: Said<bool>,
    trust: Said<Trust>,
    default_priority: Said<u8>,
    /// By traffic class.
    strict: [Said<bool>; 8],
    weight: [Said<u32>; 8],
    ecn: [Said<(u64, u64)>; 8],
    red: [Said<bool>; 8],
    flow_rx: Said<bool>,
    flow_tx: Said<bool>,
    mode: Said<String>,
    access: Said<u16>,
    allowed: Option<(Vec<(u16, u16)>, Span)>,
    routed: Said<bool>,
    lag: Said<String>,
    watchdog: Said<bool>,
    headroom: [Said<u64>; 8],
    limit: [Option<(Limit, Span)>; 8],
}

struct Read {
    name: Said<String>,
    interfaces: Vec<(String, Interface)>,
    pfc: Said<bool>,
    priorities: [Said<bool>; 8],
    roce: Said<&'static str>,
    /// Lossless pools: the priorities that are mapped to them.
    pools: Vec<(String, bool, Span)>,
    mapped: Vec<(String, u8, Span)>,
    peer_link: Said<String>,
    remarks: Vec<Remark>,
    lines: Lines,
}

fn import(input: Input) -> Result<Vec<Device>, Fault> {
    let mut read = Read {
        name: None,
        interfaces: Vec::new(),
        pfc: None,
        priorities: from_fn(|_| None),
        roce: None,
        pools: Vec::new(),
        mapped: Vec::new(),
        peer_link: None,
        remarks: Vec::new(),
        lines: Lines::new(input.file, input.source.lines()),
    };
    // The ports of the `interface` line that a block stands below.
    let mut open: Vec<usize> = Vec::new();
    let mut any = false;
    for (line, number) in input.source.text.lines().zip(1_u32..) {
        let found = words(input.file, number, line);
        let mut texts: Vec<&str> = found.iter().map(|w| w.text).collect();
        // Behind a prompt: `switch (config) # interface ...`.
        if let Some(n) = texts
            .iter()
            .position(|w| *w == "#" || *w == ">")
            .filter(|n| (1..4).contains(n))
        {
            texts.drain(..=n);
        }
        if texts.is_empty() || texts[0].starts_with(['#', '!']) {
            continue;
        }
        any = true;
        statement(
            &mut read,
            &texts,
            Span::line(input.file, number),
            line.starts_with([' ', '\t']),
            &mut open,
        );
    }
    if !any {
        return Err(Fault::whole(
            "there is no statement in the file",
            "an Onyx configuration",
        ));
    }
    remarks(&mut read);
    let ports: Vec<Port> = read
        .interfaces
        .iter()
        .map(|(name, i)| port(&read, name, i))
        .collect();
    let alias = input.source.stem().to_owned();
    Ok(vec![Device {
        name: read
            .name
            .as_ref()
            .map_or_else(|| alias.clone(), |(name, _)| name.clone()),
        alias,
        dialect: Dialect::Onyx,
        kind: Kind::Switch,
        file: input.file,
        ports,
        other_ports: port(&read, "*", &Interface::default()),
        peer_link: read.peer_link.clone(),
        bounce: None,
        host: None,
        remarks: read.remarks,
        lines: read.lines,
    }])
}

fn statement(read: &mut Read, words: &[&str], at: Span, indented: bool, open: &mut Vec<usize>) {
    if !indented {
        open.clear();
    }
    let known = match words {
        ["hostname", name] => {
            read.name = Some(((*name).to_owned(), at));
            return;
        }
        ["interface", rest @ ..] => {
            let (ports, rest) = ports(rest);
            if ports.is_empty() {
                return;
            }
            let all: Vec<usize> = ports.iter().map(|name| interface(read, name, at)).collect();
            if rest.is_empty() {
                *open = all;
                return;
            }
            each(read, &all, rest, at)
        }
        _ if indented && !open.is_empty() => {
            let all = open.clone();
            each(read, &all, words, at)
        }
        _ => global(read, words, at),
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
fn ports<'a>(rest: &'a [&'a str]) -> (Vec<String>, &'a [&'a str]) {
    match rest {
        ["ethernet", list, rest @ ..] => {
            let all = range(list).unwrap_or_else(|| vec![(*list).to_owned()]);
            (all, rest)
        }
        [
            kind @ ("port-channel" | "mlag-port-channel"),
            list,
            rest @ ..,
        ] => {
            let all = range(list).unwrap_or_else(|| vec![(*list).to_owned()]);
            (
                all.into_iter().map(|n| format!("{kind} {n}")).collect(),
                rest,
            )
        }
        _ => (Vec::new(), &[]),
    }
}

fn interface(read: &mut Read, name: &str, at: Span) -> usize {
    if let Some(n) = read
        .interfaces
        .iter()
        .position(|(other, _)| key(other) == key(name))
    {
        return n;
    }
    let interface = Interface {
        at: Some(at),
        ..Interface::default()
    };
    read.interfaces.push((name.to_owned(), interface));
    read.interfaces.len() - 1
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
        ["mtu", mtu, ..] => i.mtu = mtu.parse().ok().map(|m| (m, at)),
        ["speed", speed, ..] => {
            i.speed = speed
                .trim_end_matches(['G', 'g'])
                .split('x')
                .next()
                .and_then(|s| s.parse().ok())
                .map(|s| (s, at))
        }
        ["dcb", "priority-flow-control", "mode", state, ..] => i.pfc = Some((*state == "on", at)),
        ["no", "dcb", "priority-flow-control", ..] => i.pfc = Some((false, at)),
        ["qos", "trust", what] => {
            let trust = match what.to_ascii_lowercase().as_str() {
                "l2" => Trust::Pcp,
                "l3" => Trust::Dscp,
                "both" => Trust::DscpThenPcp,
                "port" | "none" => Trust::Nothing,
                _ => return Some(false),
            };
            i.trust = Some((trust, at));
        }
        ["qos", "default", "switch-priority", n, ..] => {
            i.default_priority = class(n).map(|n| (n as u8, at))
        }
        ["traffic-class", n, rest @ ..] => {
            return Some(class(n).is_some_and(|n| traffic_class(i, n, rest, at)));
        }
        ["flowcontrol", way, state, ..] => match *way {
            "receive" => i.flow_rx = Some((*state == "on", at)),
            _ => i.flow_tx = Some((*state == "on", at)),
        },
        ["switchport", "mode", mode, ..] => i.mode = Some(((*mode).to_owned(), at)),
        ["switchport", "access", "vlan", vlan] => i.access = vlan.parse().ok().map(|v| (v, at)),
        ["switchport", _, "allowed-vlan", rest @ ..] => {
            let list: Vec<&str> = rest
                .iter()
                .copied()
                .filter(|w| !matches!(*w, "add" | "remove"))
                .collect();
            let more = super::nxos::vlans(&list.concat());
            match &mut i.allowed {
                Some((all, _)) => all.extend(more),
                none => *none = Some((more, at)),
            }
        }
        ["no", "switchport", ..] => i.routed = Some((true, at)),
        ["ip", "address", ..] => {
            i.routed = Some((true, at));
            return None;
        }
        ["channel-group", n, ..] => i.lag = Some((format!("port-channel {n}"), at)),
        ["mlag-channel-group", n, ..] => i.lag = Some((format!("mlag-port-channel {n}"), at)),
        ["pfc-wd", rest @ ..] => i.watchdog = Some((!rest.contains(&"disable"), at)),
        ["ingress-buffer", name, rest @ ..] => buffer(i, name, rest, at),
        [
            "egress-buffer" | "congestion-control" | "qos" | "bandwidth",
            ..,
        ] => {}
        ["lldp", ..] | ["no", "lldp", ..] => {}
        _ => return None,
    }
    Some(true)
}

fn traffic_class(i: &mut Interface, n: usize, rest: &[&str], at: Span) -> bool {
    match rest {
        ["dcb", "ets", "strict"] => i.strict[n] = Some((true, at)),
        ["dcb", "ets", "wrr", weight, ..] | ["dcb", "ets", "weight", weight] => {
            i.strict[n] = Some((false, at));
            i.weight[n] = weight.parse().ok().map(|w| (w, at));
        }
        ["congestion-control", kind, rest @ ..] => {
            let value = |name: &str| {
                let n = rest.iter().position(|w| *w == name)?;
                rest.get(n + 1)?.parse::<u64>().ok()
            };
            // In kilobytes.
            let curve = value("minimum-absolute")
                .zip(value("maximum-absolute"))
                .map(|(a, b)| (a.saturating_mul(1000), b.saturating_mul(1000)));
            match *kind {
                "ecn" | "both" => i.ecn[n] = Some((curve.unwrap_or((0, 0)), at)),
                "red" => {
                    i.red[n] = Some((true, at));
                    i.ecn[n] = Some((curve.unwrap_or((0, 0)), at));
                }
                _ => return false,
            }
        }
        ["bandwidth", ..] | ["shape", ..] => {}
        _ => return false,
    }
    true
}

/// `ingress-buffer iPort.pg3 map pool iPool1 type lossless reserved 67538 xoff 18432 xon 18432 shared alpha 2`
fn buffer(i: &mut Interface, name: &str, rest: &[&str], at: Span) {
    let Some(n) = name.strip_prefix("iPort.pg").and_then(class) else {
        return;
    };
    let value = |name: &str| {
        let n = rest.iter().position(|w| *w == name)?;
        rest.get(n + 1)
    };
    let bytes = |name: &str| {
        let text = value(name)?;
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let factor = if text.ends_with(['K', 'k']) { 1024 } else { 1 };
        digits.parse::<u64>().ok()?.checked_mul(factor)
    };
    if let (Some(reserved), Some(xoff)) = (bytes("reserved"), bytes("xoff")) {
        i.headroom[n] = Some((reserved.saturating_sub(xoff), at));
    }
    if let Some(alpha) = value("alpha").and_then(|a| a.parse::<u32>().ok()) {
        i.limit[n] = Some((
            Limit::Dynamic {
                num: alpha.max(1),
                den: 1,
            },
            at,
        ));
    }
}

fn global(read: &mut Read, words: &[&str], at: Span) -> Option<bool> {
    match words {
        ["dcb", "priority-flow-control", "enable", ..] => read.pfc = Some((true, at)),
        ["no", "dcb", "priority-flow-control", "enable", ..] => read.pfc = Some((false, at)),
        ["dcb", "priority-flow-control", "priority", n, "enable", ..] => {
            if let Some(n) = class(n) {
                read.priorities[n] = Some((true, at));
            }
        }
        ["no", "dcb", "priority-flow-control", "priority", n, ..] => {
            if let Some(n) = class(n) {
                read.priorities[n] = Some((false, at));
            }
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
        ["traffic", "pool", name, "type", kind] => {
            read.pools
                .push(((*name).to_owned(), *kind == "lossless", at))
        }
        ["traffic", "pool", name, "map", "switch-priority", list @ ..] => {
            for n in list.iter().filter_map(|n| class(n)) {
                read.mapped.push(((*name).to_owned(), n as u8, at));
            }
        }
        ["traffic", "pool", ..] | ["pool", ..] | ["advanced", "buffer", ..] => {}
        ["lldp"] | ["lldp", ..] | ["no", "lldp"] => {}
        ["dcb" | "qos" | "pfc-wd", ..] => return Some(false),
        _ => return None,
    }
    Some(true)
}

fn remarks(read: &mut Read) {
    let on_port = read
        .interfaces
        .iter()
        .find_map(|(_, i)| i.pfc.filter(|(on, _)| *on).map(|(_, at)| at));
    if let Some(at) = on_port.filter(|_| read.roce.is_none()) {
        if !read.pfc.is_some_and(|(on, _)| on) {
            let cause = "Ports have PFC, but it is not enabled globally: none is in force.";
            let cure = "Add `dcb priority-flow-control enable force`.";
            read.remarks
                .push(Remark::new(RemarkKind::Prerequisite, at, cause, cure).of_priorities(0xff));
        } else if !read.priorities.iter().any(|p| p.is_some_and(|(on, _)| on)) {
            let cause = "Ports have PFC, but it is enabled for no priority.";
            let cure = "Add `dcb priority-flow-control priority 3 enable`.";
            read.remarks
                .push(Remark::new(RemarkKind::Prerequisite, at, cause, cure).of_priorities(0xff));
        }
    }
    for (name, lossless, at) in &read.pools {
        if *lossless && !read.mapped.iter().any(|(pool, ..)| pool == name) {
            let cause =
                format!("No switch priority is mapped to the lossless pool {name}: it is empty.");
            let cure = format!("Add `traffic pool {name} map switch-priority 3`.");
            read.remarks
                .push(Remark::new(RemarkKind::NotBound, *at, cause, cure).of_priorities(0xff));
        }
    }
    let mut watchdogs = read
        .interfaces
        .iter()
        .filter(|(name, i)| i.watchdog.is_some() && name.contains("port-channel"));
    if let Some((name, i)) = watchdogs.next()
        && let Some((_, at)) = i.watchdog
    {
        let cause = "The PFC watchdog is set on a port-channel, where it does not exist.";
        read.remarks.push(
            Remark::new(
                RemarkKind::WatchdogInert,
                at,
                cause,
                "Set it on the members.",
            )
            .on_port(name),
        );
    }
}

const ROCE: &str = "`roce` sets it";

fn port(read: &Read, name: &str, i: &Interface) -> Port {
    let lag = i
        .lag
        .as_ref()
        .and_then(|(lag, _)| read.interfaces.iter().find(|(n, _)| key(n) == key(lag)))
        .map(|(_, i)| i);
    let mut port = Port::unknown(name, "no line says it");
    port.at = i.at;
    port.kind = if name.contains("port-channel") {
        PortKind::Lag
    } else {
        PortKind::Physical
    };
    port.lag = i.lag.clone();
    port.description = i.description.clone();
    if let Some((down, at)) = i.down {
        port.enabled = Fact::stated(!down, at);
    }
    if let Some((gbps, at)) = i.speed.filter(|(g, _)| (1..=1600).contains(g)) {
        port.speed = Fact::stated(BitRate::from_gbps(gbps), at);
    }
    // The MTU of a port counts the Ethernet header and FCS.
    port.mtu = match i.mtu.or_else(|| lag.and_then(|l| l.mtu)) {
        Some((mtu, at)) => Fact::stated(mtu.saturating_sub(22), at),
        None => Fact::default(1500, "Onyx ports pass IP packets of 1500 bytes"),
    };
    port.routed = match (
        i.routed,
        i.mode
            .as_ref()
            .or_else(|| lag.and_then(|l| l.mode.as_ref())),
    ) {
        (Some((routed, at)), _) => Fact::stated(routed, at),
        (None, Some((_, at))) => {
            Fact::implied(false, *at, "a port with a switchport mode is switched")
        }
        _ => Fact::default(false, "ports are switched unless a line says otherwise"),
    };
    vlans(&mut port, i);
    port.qos = qos(read, i, lag);
    port
}

fn vlans(port: &mut Port, i: &Interface) {
    let list = |i: &Interface, default: Vlans, at: Span| match &i.allowed {
        Some((list, at)) => Fact::stated(Vlans::These(list.clone()), *at),
        None => Fact::implied(default, at, "no line lists the VLANs"),
    };
    match i.mode.as_ref().map(|(mode, at)| (mode.as_str(), *at)) {
        Some(("trunk", at)) => {
            port.native_vlan = Fact::implied(None, at, "a trunk takes no frames without a tag");
            port.tagged_vlans = list(i, Vlans::All, at);
        }
        Some(("hybrid", at)) => {
            port.native_vlan = Fact::implied(
                Some(i.access.map_or(1, |(v, _)| v)),
                at,
                "the access VLAN of a hybrid port has no tag",
            );
            port.tagged_vlans = list(i, Vlans::These(Vec::new()), at);
        }
        Some(("access", at)) => {
            port.native_vlan = Fact::implied(
                Some(i.access.map_or(1, |(v, _)| v)),
                at,
                "the VLAN of an access port has no tag",
            );
            port.tagged_vlans = Fact::implied(
                Vlans::These(Vec::new()),
                at,
                "an access port has no tagged VLANs",
            );
        }
        _ => {}
    }
}

fn qos(read: &Read, i: &Interface, lag: Option<&Interface>) -> Qos {
    let mut qos = Qos::plain("no line says it, and the default depends on the release");
    qos.dcbx.on = Fact::default(true, "Onyx sends LLDP with DCBX by default");
    qos.dcbx.version = Fact::default(DcbxVersion::Ieee, "Onyx speaks the IEEE version");
    qos.dcbx.willing = Fact::default(false, "switches are not willing");
    qos.trust = Fact::default(Trust::Pcp, "Onyx ports trust L2 by default");
    if let Some((mode, at)) = read.roce {
        roce(&mut qos, mode, at);
    }
    if let Some((trust, at)) = i.trust.or_else(|| lag.and_then(|l| l.trust)) {
        qos.trust = Fact::stated(trust, at);
    }
    if let Some((n, at)) = i.default_priority {
        qos.default_class = Fact::stated(n, at);
    }
    pfc(&mut qos, read, i);
    for n in 0..8 {
        let queue = &mut qos.queues[n];
        match (i.strict[n], i.weight[n]) {
            (Some((true, at)), _) => queue.scheduler = Fact::stated(Scheduler::Strict, at),
            (_, Some((weight, at))) => {
                queue.scheduler = Fact::stated(Scheduler::Weight(weight), at)
            }
            _ if read.roce.is_none() => {
                queue.scheduler = Fact::default(
                    Scheduler::Weight(1),
                    "queues are served in turns, in equal shares",
                )
            }
            _ => {}
        }
        if let Some(((min, max), at)) = i.ecn[n] {
            queue.wred.action = Fact::stated(
                if i.red[n].is_some() {
                    WredAction::Drop
                } else {
                    WredAction::Mark
                },
                at,
            );
            if max > 0 {
                queue.wred.min = Fact::stated(min, at);
                queue.wred.max = Fact::stated(max, at);
            }
        }
        if let Some((bytes, at)) = i.headroom[n] {
            qos.groups[n].headroom = Fact::stated(bytes, at);
        }
        if let Some((limit, at)) = i.limit[n] {
            qos.groups[n].limit = Fact::stated(limit, at);
        }
    }
    if let Some((on, at)) = i.flow_rx {
        qos.pause_rx = Fact::stated(on, at);
    }
    if let Some((on, at)) = i.flow_tx {
        qos.pause_tx = Fact::stated(on, at);
    }
    if let Some((on, at)) = i.watchdog {
        qos.watchdog.on = Fact::stated(on, at);
    }
    qos
}

fn roce(qos: &mut Qos, mode: &str, at: Span) {
    qos.trust = Fact::implied(Trust::Dscp, at, ROCE);
    qos.dscp = Arc::new(from_fn(|n| Fact::implied((n >> 3) as u8, at, ROCE)));
    for (n, class) in qos.classes.iter_mut().enumerate() {
        class.queue = Fact::implied(if matches!(n, 3 | 6) { n as u8 } else { 0 }, at, ROCE);
    }
    qos.queues[6].scheduler = Fact::implied(Scheduler::Strict, at, ROCE);
    for n in [0, 3] {
        qos.queues[n].scheduler = Fact::implied(Scheduler::Percent(50), at, ROCE);
    }
    let wred = &mut qos.queues[3].wred;
    wred.action = Fact::implied(WredAction::Mark, at, ROCE);
    wred.min = Fact::implied(150_000, at, ROCE);
    wred.max = Fact::implied(1_500_000, at, ROCE);
    if mode == "lossy" {
        return;
    }
    qos.pfc.mode = Fact::implied(PfcMode::On, at, ROCE);
    qos.pfc.obey[3] = Fact::implied(true, at, ROCE);
    qos.pfc.send[3] = Fact::implied(
        mode == "lossless",
        at,
        "semi-lossless obeys pause and sends none",
    );
    qos.classes[3].no_drop = Fact::implied(mode == "lossless", at, ROCE);
    if mode == "lossless" {
        qos.groups[3].lossless = Fact::implied(true, at, ROCE);
        qos.groups[3].headroom = Fact::unknown("the switch chooses the buffer");
    }
}

fn pfc(qos: &mut Qos, read: &Read, i: &Interface) {
    let global = read.pfc.is_some_and(|(on, _)| on);
    if let Some((on, at)) = i.pfc {
        qos.pfc.mode = Fact::stated(
            if on && global {
                PfcMode::On
            } else {
                PfcMode::Off
            },
            at,
        );
    }
    for n in 0..8 {
        let Some((on, at)) = read.priorities[n] else {
            continue;
        };
        qos.pfc.send[n] = Fact::stated(on, at);
        qos.pfc.obey[n] = Fact::stated(on, at);
        qos.classes[n].no_drop = Fact::stated(on, at);
        let pool = read.mapped.iter().find(|(pool, p, _)| {
            usize::from(*p) == n
                && read
                    .pools
                    .iter()
                    .any(|(name, lossless, _)| name == pool && *lossless)
        });
        if let Some((.., at)) = pool {
            qos.groups[n].lossless = Fact::stated(true, *at);
        }
    }
}

fn repair(device: &Device, source: &Source, wish: &Wish) -> Option<Vec<Edit>> {
    let on = |name: &str, rest: &str| {
        let kind = if name.contains("port-channel") {
            ""
        } else {
            "ethernet "
        };
        format!("interface {kind}{name} {rest}")
    };
    let lines = match wish {
        Wish::Trust { port, trust } => vec![on(
            port,
            if *trust == Trust::Pcp {
                "qos trust L2"
            } else {
                "qos trust L3"
            },
        )],
        Wish::Pfc { port, priority } => vec![
            "dcb priority-flow-control enable force".to_owned(),
            format!("dcb priority-flow-control priority {priority} enable"),
            on(port, "dcb priority-flow-control mode on force"),
        ],
        Wish::Mtu { port, bytes } => {
            vec![on(port, &format!("mtu {} force", (*bytes).max(9194) + 22))]
        }
        Wish::NoLinkPause { port } => vec![
            on(port, "flowcontrol receive off force"),
            on(port, "flowcontrol send off force"),
        ],
        Wish::Mark {
            port,
            queue,
            min,
            max,
        } => {
            let (min, max) = (min / 1000, (max / 1000).max(min / 1000 + 1));
            vec![on(
                port,
                &format!(
                    "traffic-class {queue} congestion-control ecn minimum-absolute {min} maximum-absolute {max}"
                ),
            )]
        }
        Wish::NoDrop { priority, .. } => vec![
            format!("dcb priority-flow-control priority {priority} enable"),
            "traffic pool roce type lossless".to_owned(),
            format!("traffic pool roce map switch-priority {priority}"),
        ],
        Wish::Like { port, other } => {
            let wanted = |line: &str| {
                ["dcb", "qos trust", "mtu", "traffic-class", "switchport"]
                    .iter()
                    .any(|s| line.contains(s))
            };
            let of = |line: &str| {
                let words: Vec<&str> = line.split_whitespace().collect();
                let rest = words.strip_prefix(&["interface"])?;
                let (names, rest) = ports(rest);
                let rest = rest.join(" ");
                (names.iter().any(|n| key(n) == key(other)) && wanted(&rest))
                    .then(|| on(port, &rest))
            };
            source.text.lines().filter_map(of).collect()
        }
        _ => return None,
    };
    let _ = device;
    (!lines.is_empty()).then(|| vec![Edit::end(lines)])
}
