//! What the statements come to, port by port. A class is a dot1p.

use super::read::{Interface, Map, Read, Said};
use crate::device::*;
use crate::fact::Fact;
use crate::language::{Dialect, Input};
use crate::names::key;
use crate::remark::{Remark, RemarkKind};
use crate::source::Span;
use std::collections::BTreeMap;

/// Lossless queues that exist.
const LOSSLESS_QUEUES: usize = 2;
/// The MTU of a port counts header and FCS.
const HEADER: u32 = 18;

/// The queue of a dot1p: on boxes with four queues, and with eight.
const FOUR: [u8; 8] = [0, 0, 0, 1, 2, 3, 3, 3];
const EIGHT_QUEUES: [u8; 8] = [1, 0, 2, 3, 4, 5, 6, 7];

pub(super) fn device(input: Input, read: Read) -> Device {
    let vlans = vlans(&read);
    let ports: Vec<Port> = read
        .interfaces
        .iter()
        .map(|(name, i)| port(&read, &vlans, name, i))
        .collect();
    let other_ports = port(&read, &vlans, "*", &Interface::default());
    let remarks = remarks(&read);
    let alias = input.source.stem().to_owned();
    Device {
        name: read
            .name
            .as_ref()
            .map_or_else(|| alias.clone(), |(name, _)| name.clone()),
        alias,
        dialect: Dialect::Os9,
        kind: Kind::Switch,
        file: input.file,
        ports,
        other_ports,
        peer_link: read.peer_link.clone(),
        bounce: None,
        host: None,
        remarks,
        lines: read.lines,
    }
}

/// The VLANs of each port: the VLAN, whether with a tag, and where it is said.
type OfPorts = BTreeMap<String, Vec<(u16, bool, Span)>>;

/// VLANs list their ports, not ports their VLANs.
fn vlans(read: &Read) -> OfPorts {
    let mut found = OfPorts::new();
    for (id, ports, tagged, at) in &read.vlans {
        for port in ports {
            found
                .entry(key(port))
                .or_default()
                .push((*id, *tagged, *at));
        }
    }
    found
}

fn queues(read: &Read) -> &'static [u8; 8] {
    if read.eight_queues {
        &EIGHT_QUEUES
    } else {
        &FOUR
    }
}

/// The map of a port: its own, or that of its port-channel.
fn map_of<'a>(read: &'a Read, i: &'a Interface) -> Option<(&'a Map, Span)> {
    let lag = i.channel.as_ref().and_then(|(lag, _)| read.interface(lag));
    let (name, at) = i
        .map
        .as_ref()
        .or_else(|| lag.and_then(|l| l.map.as_ref()))?;
    Some((read.maps.iter().find(|m| m.name == *name)?, *at))
}

fn port(read: &Read, vlans: &OfPorts, name: &str, i: &Interface) -> Port {
    let mut port = Port::unknown(name, "no line says it");
    port.at = i.at;
    port.kind = if name.to_ascii_lowercase().starts_with("port-channel") {
        PortKind::Lag
    } else {
        PortKind::Physical
    };
    port.lag = i.channel.clone();
    port.description = i.description.clone();
    port.enabled = match i.down {
        Some((down, at)) => Fact::stated(!down, at),
        None => Fact::default(false, "OS9 ports are shut unless a line says `no shutdown`"),
    };
    if name == "*" {
        port.enabled = Fact::unknown("the file does not name the port");
    }
    let lag = i.channel.as_ref().and_then(|(lag, _)| read.interface(lag));
    port.mtu = match i.mtu.or_else(|| lag.and_then(|l| l.mtu)) {
        Some((mtu, at)) => Fact::stated(mtu.saturating_sub(HEADER), at),
        None => Fact::default(1500, "OS9 ports pass IP packets of 1500 bytes"),
    };
    port.routed = match (i.switched, i.routed) {
        (Some(at), _) => Fact::stated(false, at),
        (None, Some(at)) => Fact::implied(true, at, "a port with an address is routed"),
        _ => Fact::unknown("no line says `switchport`"),
    };
    let wanted = [
        key(name),
        i.channel
            .as_ref()
            .map_or(String::new(), |(lag, _)| key(lag)),
    ];
    let (mut tagged, mut native, mut at) = (Vec::new(), None, None);
    for (id, with_tag, place) in wanted.iter().filter_map(|w| vlans.get(w)).flatten() {
        at.get_or_insert(*place);
        match with_tag {
            true => tagged.push((*id, *id)),
            false => native = Some(*id),
        }
    }
    if let Some(at) = at {
        port.tagged_vlans = Fact::stated(Vlans::These(tagged), at);
        port.native_vlan = match native {
            Some(vlan) => Fact::stated(Some(vlan), at),
            None => Fact::default(Some(1), "a hybrid port has the default VLAN without a tag"),
        };
    }
    port.qos = qos(read, i);
    port
}

fn qos(read: &Read, i: &Interface) -> Qos {
    let mut qos = Qos::plain("no line says it");
    let dynamic = read.service_class.or(i.service_class);
    let queue = queues(read);
    let on = read.dcb.is_some_and(|(on, _)| on);
    qos.trust = Fact::default(Trust::Pcp, "PFC looks at the dot1p of frames");
    for (n, &queue) in queue.iter().enumerate() {
        qos.classes[n].queue = match dynamic {
            Some(at) => Fact::implied(queue, at, "the queue of this dot1p on this model"),
            None => {
                Fact::unknown("without `service-class dynamic dot1p` the queue is that of a policy")
            }
        };
        qos.pfc.stops[n] = Fact::default(queue, "the queue of this dot1p on this model");
    }
    if let Some((map, at)) = map_of(read, i).filter(|_| on) {
        with_map(&mut qos, map, at, queue);
    }
    if let Some((list, at)) = i.pfc.as_ref().filter(|_| on) {
        qos.pfc.mode = Fact::stated(PfcMode::On, *at);
        for &n in list {
            lossless(&mut qos, n as usize, *at);
        }
    }
    if let Some((name, at)) = i.input.as_ref().filter(|_| on) {
        let lists = read.inputs.iter().filter(|(n, ..)| n == name);
        for (_, list, said) in lists {
            qos.pfc.mode = Fact::implied(PfcMode::On, *at, "the dcb-input policy is on the port");
            for &n in list {
                lossless(&mut qos, n as usize, *said);
            }
        }
    }
    if i.no_drop_queues.is_some() {
        // They keep what leaves from being dropped; whether they pause what comes in is not known.
        for class in qos.classes.iter_mut().filter(|c| c.no_drop.is(&false)) {
            class.no_drop = Fact::unknown("what `pfc no-drop queues` does to what comes in");
        }
    }
    if let Some((on, at)) = i.flow_rx {
        qos.pause_rx = Fact::stated(on, at);
    }
    if let Some((on, at)) = i.flow_tx {
        qos.pause_tx = Fact::stated(on, at);
    }
    qos.watchdog.on = Fact::unknown("OS9 has no statement for it that is known");
    let role = i.role.as_ref().map(|(role, at)| (role.as_str(), *at));
    qos.dcbx.on = match (read.no_lldp, read.dcb) {
        (Some(at), _) => Fact::stated(false, at),
        (None, Some((true, at))) => {
            Fact::implied(true, at, "ports speak DCBX where DCB is enabled")
        }
        _ => Fact::default(false, "DCBX needs `dcb enable`"),
    };
    qos.dcbx.version = match read.version.as_ref().map(|(v, at)| (v.as_str(), *at)) {
        Some(("ieee" | "ieee-v2.5", at)) => Fact::stated(DcbxVersion::Ieee, at),
        Some(("cee", at)) => Fact::stated(DcbxVersion::Cee, at),
        Some((_, at)) => Fact::stated(DcbxVersion::Auto, at),
        None => Fact::default(DcbxVersion::Auto, "OS9 speaks the version of its peer"),
    };
    qos.dcbx.willing = match role {
        Some((role, at)) => Fact::stated(role == "auto-upstream", at),
        None => Fact::default(false, "the port role is manual"),
    };
    qos
}

fn with_map(qos: &mut Qos, map: &Map, bound: Span, queue: &[u8; 8]) {
    qos.pfc.mode = Fact::implied(PfcMode::On, bound, "the dcb-map is on the port");
    let Some((pgid, at)) = map.pgid else { return };
    for n in 0..8 {
        let Some(group) = map.groups.iter().find(|g| g.number == pgid[n]) else {
            continue;
        };
        match group.pfc {
            true => lossless(qos, n, group.at),
            false => qos.classes[n].no_drop = Fact::stated(false, at),
        }
        // A share is of the group: of a queue if no other is in it.
        let alone = (0..8).all(|m| pgid[m] != pgid[n] || queue[m] == queue[n]);
        let scheduler = match group.percent {
            Some(percent) if alone => Fact::stated(Scheduler::Percent(percent), group.at),
            _ if group.strict => Fact::stated(Scheduler::Strict, group.at),
            _ => Fact::unknown("the share is that of several queues together"),
        };
        qos.queues[usize::from(queue[n])].scheduler = scheduler;
    }
}

fn lossless(qos: &mut Qos, n: usize, at: Span) {
    if n >= EIGHT {
        return;
    }
    qos.classes[n].no_drop = Fact::stated(true, at);
    qos.pfc.send[n] = Fact::stated(true, at);
    qos.pfc.obey[n] = Fact::stated(true, at);
    qos.groups[n].lossless = Fact::implied(true, at, "a lossless queue has a buffer by default");
    qos.groups[n].headroom = Fact::unknown("the switch chooses the buffer by default");
}

fn remarks(read: &Read) -> Vec<Remark> {
    let mut found = Vec::new();
    let queue = queues(read);
    for map in &read.maps {
        map_remarks(read, map, queue, &mut found);
    }
    for (name, i) in &read.interfaces {
        let Some((map, at)) = &i.map else { continue };
        if !read.maps.iter().any(|m| m.name == *map) {
            let cause = format!("There is no dcb-map called {map}.");
            let remark = Remark::new(
                RemarkKind::UnknownName,
                *at,
                cause,
                "Name a dcb-map that is there.",
            );
            found.push(remark.on_port(name).of_priorities(0xff));
        }
    }
    flow_control(read, &mut found);
    let bound = read
        .interfaces
        .iter()
        .find_map(|(_, i)| i.map.as_ref().map(|(_, at)| *at));
    if let Some(at) = bound.filter(|_| !read.dcb.is_some_and(|(on, _)| on)) {
        let cause = "Ports have a dcb-map, but DCB is not enabled: no PFC and no ETS are in force.";
        found.push(
            Remark::new(
                RemarkKind::Prerequisite,
                at,
                cause,
                "Add the global line `dcb enable`.",
            )
            .of_priorities(0xff),
        );
    }
    found
}

/// Pause of the whole link and DCB exclude each other.
fn flow_control(read: &Read, found: &mut Vec<Remark>) {
    let Some((true, dcb)) = read.dcb else { return };
    for (name, i) in &read.interfaces {
        let on = |said: &Said<bool>| said.filter(|(on, _)| *on).map(|(_, at)| at);
        let Some(at) = on(&i.flow_rx).or_else(|| on(&i.flow_tx)) else {
            continue;
        };
        let cause = "The port has flowcontrol, pause of the whole link (802.3x), and DCB is enabled: OS9 takes one of them.";
        let remark = Remark::new(
            RemarkKind::TwoKindsOfPause,
            at,
            cause,
            "Write `no flowcontrol` on ports with a dcb-map.",
        );
        found.push(remark.on_port(name).beside(dcb).of_priorities(0xff));
    }
}

fn map_remarks(read: &Read, map: &Map, queue: &[u8; 8], found: &mut Vec<Remark>) {
    if let Some(at) = map.bad_pgid {
        let cause = "priority-pgid takes eight numbers, the group of each dot1p from 0 to 7: the line is refused.";
        found.push(
            Remark::new(RemarkKind::BadValue, at, cause, "Write eight numbers.")
                .of_priorities(0xff),
        );
    }
    let sum: u32 = map
        .groups
        .iter()
        .filter_map(|g| g.percent)
        .fold(0, u32::saturating_add);
    let shares =
        map.groups.iter().any(|g| g.percent.is_some()) && !map.groups.iter().any(|g| g.strict);
    if let Some(last) = map.groups.last().filter(|_| shares && sum != 100) {
        let cause = format!(
            "The shares of dcb-map {} add up to {sum} %: the map is refused unless they are 100.",
            map.name
        );
        let mut remark = Remark::new(
            RemarkKind::Sum,
            last.at,
            cause,
            "Correct the shares so that they add up to 100.",
        );
        remark.related.extend(map.groups.iter().map(|g| g.at));
        found.push(remark);
    }
    too_many(map, queue, found);
    let Some((pgid, at)) = map.pgid else { return };
    if let Some(group) =
        (0..8).find_map(|n| (!map.groups.iter().any(|g| g.number == pgid[n])).then_some(pgid[n]))
    {
        let cause = format!(
            "priority-pgid names group {group}, which dcb-map {} does not have.",
            map.name
        );
        found.push(
            Remark::new(
                RemarkKind::UnknownName,
                at,
                cause,
                "Name groups of the map.",
            )
            .of_priorities(0xff),
        );
    }
    let bound = read
        .interfaces
        .iter()
        .any(|(_, i)| i.map.as_ref().is_some_and(|(m, _)| *m == map.name));
    if let Some(at) = map.at.filter(|_| !bound && !read.interfaces.is_empty()) {
        let cause = format!("dcb-map {} is on no port: it does nothing.", map.name);
        let cure = format!("Add `dcb-map {}` to the ports.", map.name);
        found.push(Remark::new(RemarkKind::NotBound, at, cause, cure).of_priorities(0xff));
    }
}

fn too_many(map: &Map, queue: &[u8; 8], found: &mut Vec<Remark>) {
    let Some((pgid, at)) = map.pgid else { return };
    let lossless: Vec<usize> = (0..8)
        .filter(|&n| map.groups.iter().any(|g| g.number == pgid[n] && g.pfc))
        .collect();
    let mut used: Vec<u8> = lossless.iter().map(|&n| queue[n]).collect();
    used.sort_unstable();
    used.dedup();
    if used.len() > LOSSLESS_QUEUES {
        let list: Vec<String> = lossless.iter().map(ToString::to_string).collect();
        let cause = format!(
            "dot1p {} are lossless, in {} queues: {LOSSLESS_QUEUES} lossless queues exist, and the map is refused or not in force on ports.",
            list.join(", "),
            used.len()
        );
        let mut remark = Remark::new(
            RemarkKind::TooManyLossless,
            at,
            cause,
            "Keep one or two dot1p in the group with PFC.",
        );
        remark.priorities = lossless.iter().fold(0, |mask, n| mask | 1 << n);
        remark
            .related
            .extend(map.groups.iter().filter(|g| g.pfc).map(|g| g.at));
        found.push(remark);
    }
}
