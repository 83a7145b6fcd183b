//! The device and its ports, and what does not fit together.

use super::read::{Interface, Read};
use crate::device::*;
use crate::fact::Fact;
use crate::language::{Dialect, Input};
use crate::remark::{Remark, RemarkKind};
use crate::source::Span;
use std::array::from_fn;
use std::sync::Arc;
use xoff_model::units::BitRate;

pub(super) fn device(input: Input, read: Read) -> Device {
    let ports = read
        .interfaces
        .iter()
        .map(|(name, i)| port(&read, name, i))
        .collect();
    let alias = input.source.stem().to_owned();
    let name = read.name.as_ref().map(|(name, _)| name.clone());
    Device {
        name: name.unwrap_or_else(|| alias.clone()),
        alias,
        dialect: Dialect::Onyx,
        kind: Kind::Switch,
        file: input.file,
        ports,
        other_ports: port(&read, "*", &Interface::default()),
        peer_link: read.peer_link.clone(),
        bounce: None,
        host: None,
        remarks: remarks(&read),
        lines: read.lines,
    }
}

fn is_lag(name: &str) -> bool {
    name.contains("port-channel")
}

fn remarks(read: &Read) -> Vec<Remark> {
    let mut found = Vec::new();
    let mut prerequisite = |at: Span, cause: &str, cure: &str| {
        found.push(Remark::new(RemarkKind::Prerequisite, at, cause, cure).of_priorities(0xff));
    };
    let on = |i: &Interface| i.pfc.filter(|(on, _)| *on).map(|(_, at)| at);
    let on_port = read.interfaces.iter().find_map(|(_, i)| on(i));
    if let Some(at) = on_port.filter(|_| read.roce.is_none()) {
        if !read.pfc.is_some_and(|(on, _)| on) {
            prerequisite(
                at,
                "Ports have PFC, but it is not enabled globally: none is in force.",
                "Add `dcb priority-flow-control enable force`.",
            );
        } else if !read.priorities.iter().any(|p| p.is_some_and(|(on, _)| on)) {
            prerequisite(
                at,
                "Ports have PFC, but it is enabled for no priority.",
                "Add `dcb priority-flow-control priority 3 enable`.",
            );
        }
    }
    for (name, lossless, at) in &read.pools {
        if !lossless || read.mapped.iter().any(|(pool, ..)| pool == name) {
            continue;
        }
        let cause =
            format!("No switch priority is mapped to the lossless pool {name}: it is empty.");
        let cure = format!("Add `traffic pool {name} map switch-priority 3`.");
        found.push(Remark::new(RemarkKind::NotBound, *at, cause, cure).of_priorities(0xff));
    }
    for (name, priority, at) in &read.mapped {
        if read.pools.iter().any(|(pool, ..)| pool == name) {
            continue;
        }
        let cause = format!("There is no traffic pool {name}: the line is refused.");
        let cure = format!("Add `traffic pool {name} type lossless` before it.");
        let remark = Remark::new(RemarkKind::UnknownName, *at, cause, cure);
        found.push(remark.of_priorities(1 << (priority & 7)));
    }
    let watched = |(name, i): &&(String, Interface)| i.watchdog.is_some() && is_lag(name);
    if let Some((name, i)) = read.interfaces.iter().find(watched)
        && let Some((_, at)) = i.watchdog
    {
        let cause = "The PFC watchdog is set on a port-channel, where it does not exist.";
        let cure = "Set it on the members.";
        found.push(Remark::new(RemarkKind::WatchdogInert, at, cause, cure).on_port(name));
    }
    curves(read, &mut found);
    found
}

/// Where marking begins must be below where it ends.
fn curves(read: &Read, found: &mut Vec<Remark>) {
    let mut told: Vec<Span> = Vec::new();
    for (_, i) in &read.interfaces {
        for (n, curve) in i.curve.iter().enumerate() {
            let Some((curve, at)) = curve else { continue };
            let Some((min, max)) = curve.ends.filter(|(min, max)| min > max) else {
                continue;
            };
            // A line of a range is one mistake.
            if told.contains(at) {
                continue;
            }
            told.push(*at);
            let cause = format!(
                "Traffic class {n} begins to mark at {} KB and ends at {} KB: the line is refused.",
                min / 1000,
                max / 1000
            );
            let cure = "Set minimum-absolute below maximum-absolute.";
            found.push(Remark::new(RemarkKind::BadValue, *at, cause, cure));
        }
    }
}

fn port(read: &Read, name: &str, i: &Interface) -> Port {
    let lag = i.lag.as_ref().and_then(|(lag, _)| read.find(lag));
    let mut port = Port::unknown(name, "no line says it");
    port.at = i.at;
    port.kind = match is_lag(name) {
        true => PortKind::Lag,
        false => PortKind::Physical,
    };
    port.lag = i.lag.clone();
    port.description = i.description.clone();
    if let Some((down, at)) = i.down {
        port.enabled = Fact::stated(!down, at);
    }
    if let Some((gbps, at)) = i.speed.filter(|(g, _)| (1..=1600).contains(g)) {
        port.speed = Fact::stated(BitRate::from_gbps(gbps), at);
    }
    // An MTU of 1500 lets frames of 1522 bytes pass: it is of IP packets.
    port.mtu = match lag.and_then(|l| l.mtu).or(i.mtu) {
        Some((mtu, at)) => Fact::stated(mtu, at),
        None => Fact::default(1500, "Onyx ports pass IP packets of 1500 bytes"),
    };
    // What switches is said at the LAG of a member.
    let switching = lag.unwrap_or(i);
    port.routed = match (switching.routed, &switching.mode) {
        (Some((routed, at)), _) => Fact::stated(routed, at),
        (None, Some((_, at))) => {
            Fact::implied(false, *at, "a port with a switchport mode is switched")
        }
        _ => Fact::default(false, "ports are switched unless a line says otherwise"),
    };
    if !port.routed.is(&true) {
        vlans(&mut port, switching);
    }
    port.qos = qos(read, i, lag);
    port
}

fn vlans(port: &mut Port, i: &Interface) {
    let access = i.access.map_or(1, |(v, _)| v);
    let list = match &i.allowed {
        Some((Some(list), at)) => Some(Fact::stated(Vlans::These(list.clone()), *at)),
        Some((None, at)) => Some(Fact::stated(Vlans::All, *at)),
        None => None,
    };
    let untagged = "the access VLAN of the port has no tag";
    match i.mode.as_ref().map(|(mode, at)| (mode.as_str(), *at)) {
        Some(("trunk", at)) => {
            port.native_vlan = Fact::implied(None, at, "a trunk takes no frames without a tag");
            let all = || Fact::implied(Vlans::All, at, "a trunk without a list has all VLANs");
            port.tagged_vlans = list.unwrap_or_else(all);
        }
        Some(("hybrid", at)) => {
            let place = i.access.map_or(at, |(_, at)| at);
            port.native_vlan = Fact::implied(Some(access), place, untagged);
            let none = || Fact::unknown("no line lists the VLANs of the hybrid port");
            port.tagged_vlans = list.unwrap_or_else(none);
        }
        Some(("access", _)) | None => {
            let none = "an access port has no tagged VLANs";
            let said = i.access.map(|(_, at)| at);
            match said.or_else(|| i.mode.as_ref().map(|(_, at)| *at)) {
                Some(at) => {
                    port.native_vlan = Fact::implied(Some(access), at, untagged);
                    port.tagged_vlans = Fact::implied(Vlans::These(Vec::new()), at, none);
                }
                None => {
                    port.native_vlan = Fact::default(Some(1), "ports are in VLAN 1 by default");
                    port.tagged_vlans = Fact::default(Vlans::These(Vec::new()), none);
                }
            }
        }
        _ => {}
    }
}

fn qos(read: &Read, i: &Interface, lag: Option<&Interface>) -> Qos {
    let mut qos = Qos::plain("no line says it, and the default depends on the release");
    qos.dcbx.on = match read.lldp {
        Some((true, at)) => Fact::implied(true, at, "LLDP carries DCBX"),
        Some((false, at)) => Fact::implied(false, at, "without LLDP there is no DCBX"),
        None => Fact::default(true, "Onyx sends LLDP with DCBX by default"),
    };
    qos.dcbx.version = Fact::default(DcbxVersion::Ieee, "Onyx speaks the IEEE version");
    qos.dcbx.willing = Fact::default(false, "switches are not willing");
    qos.trust = Fact::default(Trust::Pcp, "Onyx ports trust L2 by default");
    if let Some((mode, at)) = read.roce {
        roce(&mut qos, mode, at);
    }
    if let Some((trust, at)) = i.trust.or_else(|| lag.and_then(|l| l.trust)) {
        qos.trust = Fact::stated(trust, at);
    }
    let default = i.default_priority;
    if let Some((n, at)) = default.or_else(|| lag.and_then(|l| l.default_priority)) {
        qos.default_class = Fact::stated(n, at);
    }
    maps(&mut qos, i, lag);
    pfc(&mut qos, read, i, lag);
    queues(&mut qos, read, i, lag);
    groups(&mut qos, i);
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

fn maps(qos: &mut Qos, i: &Interface, lag: Option<&Interface>) {
    let of = |get: fn(&Interface) -> &std::collections::BTreeMap<u8, (u8, Span)>| {
        lag.map(get)
            .filter(|map| !map.is_empty() && get(i).is_empty())
            .unwrap_or(get(i))
    };
    let (dscp, pcp) = (of(|i| &i.dscp), of(|i| &i.pcp));
    if !dscp.is_empty() {
        let old = qos.dscp.clone();
        qos.dscp = Arc::new(from_fn(|n| match dscp.get(&(n as u8)) {
            Some(&(p, at)) => Fact::stated(p, at),
            None => old[n].clone(),
        }));
    }
    if !pcp.is_empty() {
        let old = qos.pcp.clone();
        qos.pcp = Arc::new(from_fn(|n| match pcp.get(&(n as u8)) {
            Some(&(p, at)) => Fact::stated(p, at),
            None => old[n].clone(),
        }));
    }
}

fn queues(qos: &mut Qos, read: &Read, i: &Interface, lag: Option<&Interface>) {
    for n in 0..EIGHT {
        if let Some((queue, at)) = i.class[n].or_else(|| lag.and_then(|l| l.class[n])) {
            qos.classes[n].queue = Fact::stated(queue, at);
        }
        let own = |i: &Interface| (i.strict[n], i.weight[n]);
        let (strict, weight) = match (own(i), lag.map(own)) {
            ((None, None), Some(lag)) => lag,
            (own, _) => own,
        };
        let queue = &mut qos.queues[n];
        match (strict, weight) {
            (Some((true, at)), _) => queue.scheduler = Fact::stated(Scheduler::Strict, at),
            (_, Some((weight, at))) => {
                queue.scheduler = Fact::stated(Scheduler::Weight(weight), at);
            }
            _ if read.roce.is_none() => {
                let why = "queues are served in turns, in equal shares";
                queue.scheduler = Fact::default(Scheduler::Weight(1), why);
            }
            _ => {}
        }
        if let Some((mbps, at)) = i.shaper[n] {
            let rate = BitRate::from_bps(mbps.saturating_mul(1_000_000));
            queue.shaper = Fact::stated(Some(rate), at);
        }
        if let Some((curve, at)) = i.curve[n].or_else(|| lag.and_then(|l| l.curve[n])) {
            let action = match curve.drops {
                true => WredAction::Drop,
                false => WredAction::Mark,
            };
            queue.wred.action = Fact::stated(action, at);
            let relative = "the threshold is relative to the buffer";
            let end = |bytes: Option<u64>| match bytes {
                Some(bytes) => Fact::stated(bytes, at),
                None => Fact::unknown(relative),
            };
            queue.wred.min = end(curve.ends.map(|(min, _)| min));
            queue.wred.max = end(curve.ends.map(|(_, max)| max));
        }
    }
    // A pause of a priority stops the queue that its class is in.
    qos.pfc.stops = from_fn(|n| qos.classes[n].queue.clone());
}

/// Advanced buffers.
fn groups(qos: &mut Qos, i: &Interface) {
    for n in 0..EIGHT {
        if let Some((group, at)) = i.group[n] {
            qos.classes[n].group = Fact::stated(group, at);
        }
        let group = &mut qos.groups[n];
        if let Some((lossless, at)) = i.lossless[n] {
            group.lossless = Fact::stated(lossless, at);
        }
        if let Some((bytes, at)) = i.headroom[n] {
            group.headroom = Fact::implied(bytes, at, "what is reserved above xoff");
        }
        if let Some((bytes, at)) = i.reserved[n] {
            group.reserved = Fact::stated(bytes, at);
        }
        if let Some((limit, at)) = i.limit[n] {
            group.limit = Fact::stated(limit, at);
        }
    }
}

const ROCE: &str = "`roce` sets it";

fn roce(qos: &mut Qos, mode: &str, at: Span) {
    qos.trust = Fact::implied(Trust::Dscp, at, ROCE);
    qos.dscp = Arc::new(from_fn(|n| Fact::implied((n >> 3) as u8, at, ROCE)));
    for (n, class) in qos.classes.iter_mut().enumerate() {
        let queue = if matches!(n, 3 | 6) { n as u8 } else { 0 };
        class.queue = Fact::implied(queue, at, ROCE);
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
    let lossless = mode == "lossless";
    let half = "semi-lossless obeys pause and sends none";
    qos.pfc.mode = Fact::implied(PfcMode::On, at, ROCE);
    qos.pfc.obey[3] = Fact::implied(true, at, ROCE);
    qos.pfc.send[3] = match lossless {
        true => Fact::implied(true, at, ROCE),
        false => Fact::implied(false, at, half),
    };
    qos.classes[3].no_drop = Fact::implied(lossless, at, ROCE);
    if lossless {
        qos.groups[3].lossless = Fact::implied(true, at, ROCE);
        qos.groups[3].headroom = Fact::unknown("the switch chooses the buffer");
    }
}

fn pfc(qos: &mut Qos, read: &Read, i: &Interface, lag: Option<&Interface>) {
    let global = read.pfc.is_some_and(|(on, _)| on);
    match (i.pfc, lag.and_then(|l| l.pfc)) {
        (Some((on, at)), _) => {
            let mode = match on && (global || read.roce.is_some()) {
                true => PfcMode::On,
                false => PfcMode::Off,
            };
            qos.pfc.mode = Fact::stated(mode, at);
        }
        // The manual knows PFC on physical ports only; configurations have it on LAGs, too.
        (None, Some((true, _))) if read.roce.is_none() => {
            let why = "whether PFC of a port-channel is that of its members depends on the release";
            qos.pfc.mode = Fact::unknown(why);
        }
        _ => {}
    }
    for n in 0..EIGHT {
        let Some((on, at)) = read.priorities[n] else {
            continue;
        };
        qos.pfc.send[n] = Fact::stated(on, at);
        qos.pfc.obey[n] = Fact::stated(on, at);
        qos.classes[n].no_drop = Fact::stated(on, at);
        let lossless = |pool: &str| {
            let mut pools = read.pools.iter();
            pools.any(|(name, lossless, _)| name == pool && *lossless)
        };
        let mut mapped = read.mapped.iter();
        let pool = mapped.find(|(pool, p, _)| usize::from(*p) == n && lossless(pool));
        if let Some((.., at)) = pool {
            qos.groups[n].lossless = Fact::stated(true, *at);
        }
    }
}
