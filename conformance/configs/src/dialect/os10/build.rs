//! The model of an OS10 switch, and what is to be remarked about its configuration.

use super::config::{Config, Interface, PolicyClass, Said};
use super::parse::Parsed;
use super::qos::{Bound, Resolver, numbers_of, policy};
use crate::device::*;
use crate::fact::Fact;
use crate::language::{Dialect, Input};
use crate::names::key;
use crate::remark::{Remark, RemarkKind};
use crate::source::Span;

/// Bytes of headers that OS10's MTU counts: its manual has IP packets 32 bytes smaller.
const HEADERS: u32 = 32;
/// Without a line.
const MTU: u32 = 1532;

pub(super) fn device(input: Input, parsed: Parsed) -> Device {
    let Parsed {
        config,
        lines,
        mut remarks,
    } = parsed;
    remark_names(&config, &mut remarks);
    remark_policies(&config, &mut remarks);
    let mut resolver = Resolver::new(&config);
    let peer = config.discovery.first().map(|(name, at)| {
        let name = match config.discovery.len() {
            1 => name.clone(),
            _ => VLTI.to_owned(),
        };
        (name, *at)
    });
    let mut ports = Vec::new();
    for interface in &config.interfaces {
        let lag = interface
            .member_of
            .as_ref()
            .and_then(|(name, _)| find(&config, name));
        let bound = Bound::new(interface, lag, &config);
        let qos = resolver.qos(&bound);
        remark_port(&config, interface, &bound, &mut remarks);
        ports.push(port(&config, interface, lag, qos));
    }
    if config.discovery.len() > 1 && find(&config, VLTI).is_none() {
        ports.extend(vlti(&ports, &config));
    }
    let nothing = Interface::default();
    let other = resolver.qos(&Bound::new(&nothing, None, &config));
    Device {
        name: config
            .hostname
            .clone()
            .unwrap_or_else(|| input.source.stem().to_owned()),
        alias: input.source.stem().to_owned(),
        dialect: Dialect::Os10,
        kind: Kind::Switch,
        file: input.file,
        ports,
        other_ports: port(&config, &nothing, None, other),
        peer_link: peer,
        bounce: None,
        host: None,
        remarks,
        lines,
    }
}

/// The LAG that OS10 makes of the discovery interfaces by itself.
const VLTI: &str = "port-channel1000";

fn find<'a>(config: &'a Config, name: &str) -> Option<&'a Interface> {
    config
        .index
        .get(&key(name))
        .map(|&at| &config.interfaces[at])
}

fn vlti(ports: &[Port], config: &Config) -> Option<Port> {
    let (first, at) = config.discovery.first()?;
    let member = ports.iter().find(|p| key(&p.name) == key(first))?;
    Some(Port {
        name: VLTI.to_owned(),
        at: Some(*at),
        kind: PortKind::Lag,
        lag: None,
        description: None,
        ..member.clone()
    })
}

fn port(config: &Config, own: &Interface, lag: Option<&Interface>, qos: Qos) -> Port {
    let mut port = Port::unknown(own.name.clone(), "no line says it");
    let discovery = config.peers.get(&key(&own.name)).copied();
    port.at = own.at;
    port.kind = own.kind();
    port.lag = own.member_of.clone();
    if let Some(at) = discovery.filter(|_| config.discovery.len() > 1) {
        port.lag = Some((VLTI.to_owned(), at));
    }
    port.description = own.description.clone();
    if let Some((shut, at)) = own.shut {
        port.enabled = Fact::stated(!shut, at);
    }
    let broken = |(name, ..): &&(String, _, _)| {
        own.name.trim_start_matches("ethernet").split(':').next() == Some(name)
    };
    port.speed = match (own.speed, config.breakouts.iter().rev().find(broken)) {
        (Some((rate, at)), _) => Fact::stated(rate, at),
        (None, Some((_, rate, at))) => Fact::implied(*rate, *at, "the port is broken out so"),
        (None, None) => Fact::unknown("no line gives the speed of the port"),
    };
    port.mtu = mtu(config, own, lag);
    vlans(own, lag, discovery, &mut port);
    port.qos = qos;
    port
}

fn mtu(config: &Config, own: &Interface, lag: Option<&Interface>) -> Fact<u32> {
    let said = own.mtu.or(lag.and_then(|lag| lag.mtu)).or(config.mtu);
    match said {
        Some((mtu, at)) => Fact::implied(
            mtu.saturating_sub(HEADERS),
            at,
            "OS10's MTU counts 32 bytes of headers",
        ),
        None => Fact::default(MTU - HEADERS, "OS10's MTU is 1532 with headers"),
    }
}

fn vlans(own: &Interface, lag: Option<&Interface>, peer_link: Option<Span>, port: &mut Port) {
    if let Some(at) = peer_link {
        let how = "the link between VLT peers carries all VLANs";
        port.routed = Fact::implied(false, at, how);
        port.native_vlan = Fact::implied(None, at, how);
        port.tagged_vlans = Fact::implied(Vlans::All, at, how);
        return;
    }
    let of = lag.unwrap_or(own);
    if own.member_of.is_some() && lag.is_none() {
        return;
    }
    port.routed = match of.routed {
        Some((routed, at)) => Fact::stated(routed, at),
        None => Fact::default(false, "OS10 ports are switch ports"),
    };
    let trunk = of.trunk.is_some_and(|(trunk, _)| trunk);
    port.native_vlan = match (of.access, of.trunk) {
        _ if port.routed.is(&true) => port.routed.map(|_| None),
        (Some((vlan, at)), _) => Fact::stated(Some(vlan), at),
        (None, _) => Fact::default(Some(1), "untagged frames are in VLAN 1"),
    };
    port.tagged_vlans = match (&of.allowed, &of.trunk) {
        _ if port.routed.is(&true) => port.routed.map(|_| Vlans::These(Vec::new())),
        (Some((list, at)), _) if trunk => Fact::stated(Vlans::These(list.clone()), *at),
        (_, Some((false, at))) => Fact::stated(Vlans::These(Vec::new()), *at),
        _ => Fact::default(
            Vlans::These(Vec::new()),
            "ports carry no tagged VLANs unless a line allows them",
        ),
    };
}

/// Names that are bound, and those of them that are not there.
fn remark_names(config: &Config, remarks: &mut Vec<Remark>) {
    let mut told: Vec<Span> = Vec::new();
    for interface in config.interfaces.iter().chain([&config.system]) {
        for (kind, said) in [
            ("network-qos", &interface.network_qos),
            ("queuing", &interface.queuing),
            ("qos", &interface.qos),
        ] {
            let missing = said
                .as_ref()
                .filter(|(name, _)| policy(config, kind, name).is_none());
            // OS10 is shipped with policies of the name `default`.
            let missing = missing.filter(|(name, _)| name != "default");
            if let Some((name, at)) = missing.filter(|(_, at)| !told.contains(at)) {
                told.push(*at);
                let mut names = config.policies.iter().filter(|((k, _), _)| k == kind);
                let there = names.next().map(|((_, n), p)| (n.as_str(), p.at));
                let what = format!("policy-map of type {kind}");
                let line = format!(
                    "service-policy {} type {kind}",
                    if kind == "queuing" { "output" } else { "input" }
                );
                let concerned = if kind == "queuing" { 0 } else { 0xff };
                remarks.push(unknown_name(&what, name, *at, there, &line).of_priorities(concerned));
            }
        }
        for (kind, said) in [
            ("dot1p", &interface.trust_dot1p),
            ("dscp", &interface.trust_dscp),
        ] {
            let there = |name: &str| {
                config
                    .trusts
                    .contains_key(&(kind.to_owned(), name.to_owned()))
            };
            let missing = said
                .as_ref()
                .filter(|(name, at)| name != "default" && !there(name) && !told.contains(at));
            if let Some((name, at)) = missing {
                told.push(*at);
                let mut names = config.trusts.iter().filter(|((k, _), _)| k == kind);
                let there = names.next().map(|((_, n), m)| (n.as_str(), m.at));
                let line = format!("trust-map {kind}");
                let remark = unknown_name(&format!("trust {kind}-map"), name, *at, there, &line);
                remarks.push(remark.of_priorities(0xff));
            }
        }
        let missing = interface.queue_map.as_ref();
        let missing = missing
            .filter(|(name, at)| !config.queue_maps.contains_key(name) && !told.contains(at));
        if let Some((name, at)) = missing {
            told.push(*at);
            let there = config
                .queue_maps
                .iter()
                .next()
                .map(|(n, m)| (n.as_str(), m.at));
            remarks.push(
                unknown_name(
                    "qos-map traffic-class",
                    name,
                    *at,
                    there,
                    "qos-map traffic-class",
                )
                .of_priorities(0xff),
            );
        }
    }
}

fn unknown_name(
    what: &str,
    name: &str,
    at: Span,
    there: Option<(&str, Span)>,
    line: &str,
) -> Remark {
    let cause = format!("There is no {what} with the name {name}: the line is refused.");
    let cure = match there {
        Some((other, _)) => format!("Name one that is there: `{line} {other}`."),
        None => format!("Define {name}, or name one that is there."),
    };
    let remark = Remark::new(RemarkKind::UnknownName, at, cause, cure);
    match there {
        Some((_, place)) => remark.beside(place),
        None => remark,
    }
}

/// Groups and priorities of a class, as a mask.
fn mask(config: &Config, class: &PolicyClass) -> u8 {
    let cos = class.cos.iter().flat_map(|(list, _)| list.iter().copied());
    let all = numbers_of(config, "network-qos", class)
        .into_iter()
        .chain(cos);
    all.fold(0, |mask, n| mask | 1 << (n & 7))
}

/// Groups that some policy keeps lossless.
fn lossless_groups(config: &Config) -> u8 {
    let policies = config
        .policies
        .iter()
        .filter(|((kind, _), _)| kind == "network-qos");
    let classes = policies
        .flat_map(|(_, p)| &p.classes)
        .filter(|c| c.pause.is_some());
    let groups = classes.flat_map(|c| numbers_of(config, "network-qos", c));
    groups.fold(0, |mask, n| mask | 1 << (n & 7))
}

/// What policies and maps lack in themselves, and those that nothing is bound to.
fn remark_policies(config: &Config, remarks: &mut Vec<Remark>) {
    let all = || config.interfaces.iter().chain([&config.system]);
    // A statement that OS10 lacks was meant to do it, and is told by itself.
    let meant = remarks
        .iter()
        .any(|r| r.kind == RemarkKind::NoSuchStatement && r.priorities != 0);
    for ((kind, name), policy) in &config.policies {
        for class in &policy.classes {
            remark_class(config, kind, class, remarks);
        }
        let sum: u32 = policy
            .classes
            .iter()
            .filter_map(|c| c.bandwidth)
            .map(|(n, _)| n)
            .sum();
        if sum > 100 {
            let cause = format!(
                "The shares of policy-map {name} add up to {sum} %: OS10 refuses what is above 100."
            );
            let mut remark = Remark::new(
                RemarkKind::Sum,
                policy.at,
                cause,
                "Correct the shares so that they add up to 100.",
            );
            remark.related = policy
                .classes
                .iter()
                .filter_map(|c| c.bandwidth)
                .map(|(_, at)| at)
                .collect();
            remarks.push(remark);
        }
        let said = |i: &Interface| -> Said<String> {
            match kind.as_str() {
                "network-qos" => i.network_qos.clone(),
                "queuing" => i.queuing.clone(),
                _ => None,
            }
        };
        // A binding to a name that is not there is told by itself: this is what it means.
        let dangles = all()
            .filter_map(said)
            .any(|(n, _)| super::qos::policy(config, kind, &n).is_none());
        let bound = all().filter_map(said).any(|(n, _)| n == *name);
        let concerned = policy
            .classes
            .iter()
            .filter(|c| c.pause.is_some())
            .fold(0, |m, c| m | mask(config, c));
        let matters = (kind == "network-qos" && concerned != 0) || kind == "queuing";
        if matters && !bound && !dangles && !meant {
            let direction = if kind == "queuing" { "output" } else { "input" };
            let cause = format!(
                "policy-map {name} of type {kind} is applied to no port, and does nothing."
            );
            let cure =
                format!("Apply it to the ports: `service-policy {direction} type {kind} {name}`.");
            remarks.push(
                Remark::new(RemarkKind::NotBound, policy.at, cause, cure).of_priorities(concerned),
            );
        }
    }
    let lossless = lossless_groups(config);
    for ((kind, name), map) in &config.trusts {
        let said = |i: &Interface| {
            if kind == "dscp" {
                i.trust_dscp.clone()
            } else {
                i.trust_dot1p.clone()
            }
        };
        let bound = all()
            .filter_map(said)
            .any(|(n, _)| n == *name || !config.trusts.contains_key(&(kind.clone(), n)));
        let concerned = map
            .entries
            .iter()
            .filter(|e| lossless & 1 << (e.1 & 7) != 0);
        let concerned = concerned.fold(0_u8, |mask, e| mask | 1 << (e.1 & 7));
        // Another map in force is a choice, and this one is spare.
        let other = all().any(|i| i.trust_dscp.is_some() || i.trust_dot1p.is_some());
        if concerned != 0 && !bound && !other && !meant {
            let cause = format!(
                "trust {kind}-map {name} is bound neither in `system qos` nor on a port: ports do not honour {kind}."
            );
            let cure = format!("Bind it: `trust-map {kind} {name}` in `system qos`.");
            remarks.push(
                Remark::new(RemarkKind::NotBound, map.at, cause, cure).of_priorities(concerned),
            );
        }
    }
}

fn remark_class(config: &Config, kind: &str, class: &PolicyClass, remarks: &mut Vec<Remark>) {
    let known = config
        .classes
        .contains_key(&(kind.to_owned(), class.name.clone()));
    let shipped = class.name.starts_with("class-") || class.name == "default";
    if !known && !shipped {
        let mut names = config
            .classes
            .keys()
            .filter(|(k, n)| k == kind && *n != class.name);
        let cause = format!(
            "There is no class-map of type {kind} with the name {}: the class matches nothing.",
            class.name
        );
        let cure = match names.next() {
            Some((_, other)) => format!("Define it, or name one that is there, such as {other}."),
            None => format!("Define it: `class-map type {kind} {}`.", class.name),
        };
        let concerned = if kind == "network-qos" { 0xff } else { 0 };
        remarks.push(
            Remark::new(RemarkKind::UnknownName, class.at, cause, cure).of_priorities(concerned),
        );
    }
    if kind != "network-qos" {
        if let Some((name, at)) = class
            .wred
            .as_ref()
            .filter(|(name, _)| !config.wreds.contains_key(name) && !name.is_empty())
        {
            let there = config.wreds.iter().next().map(|(n, w)| (n.as_str(), w.at));
            remarks.push(unknown_name(
                "wred profile",
                name,
                *at,
                there,
                "random-detect",
            ));
        }
        return;
    }
    let concerned = mask(config, class);
    match (&class.pause, &class.cos) {
        (Some((_, at)), None) => {
            let cause = format!(
                "Class {} has `pause` and no `pfc-cos`: it pauses nobody.",
                class.name
            );
            let cure = "Add `pfc-cos 3`, the priority that pause frames are to have.";
            remarks.push(
                Remark::new(RemarkKind::Prerequisite, *at, cause, cure).of_priorities(concerned),
            );
        }
        (None, Some((_, at))) => {
            let cause = format!(
                "Class {} has `pfc-cos` and no `pause`: it is not lossless.",
                class.name
            );
            remarks.push(
                Remark::new(
                    RemarkKind::Prerequisite,
                    *at,
                    cause,
                    "Add `pause` to the class.",
                )
                .of_priorities(concerned),
            );
        }
        _ => {}
    }
}

/// What the two halves of PFC on a port say of each other.
fn remark_port(config: &Config, own: &Interface, bound: &Bound, remarks: &mut Vec<Remark>) {
    if own.shut.is_some_and(|(shut, _)| shut) {
        return;
    }
    let bind = bound
        .get(|i| &i.network_qos)
        .filter(|_| own.network_qos.is_some() || own.pfc.is_some());
    let classes = bind.and_then(|(name, at)| Some((policy(config, "network-qos", name)?, *at)));
    let on = bound.port(|i| &i.pfc).filter(|(on, _)| *on);
    match (classes, on) {
        (Some((policy, at)), None) if bound.port(|i| &i.pfc).is_none() => {
            let lossless = policy
                .classes
                .iter()
                .filter(|c| c.pause.is_some() && c.cos.is_some());
            let concerned = lossless.fold(0, |m, c| m | mask(config, c));
            if concerned != 0 {
                let cause = "The port has a network-qos policy that pauses, and no `priority-flow-control mode on`: PFC is off.";
                let cure = "Write `priority-flow-control mode on` on the port.";
                let remark = Remark::new(RemarkKind::Prerequisite, at, cause, cure);
                remarks.push(remark.on_port(&own.name).of_priorities(concerned));
            }
        }
        (None, Some((_, at))) if bind.is_none() && own.pfc.is_some() => {
            let lossless = lossless_groups(config);
            let cause = "The port has `priority-flow-control mode on` and no network-qos policy: PFC protects no class.";
            let mut names = config
                .policies
                .keys()
                .filter(|(kind, _)| kind == "network-qos");
            let name = names.next().map_or("NAME", |(_, name)| name.as_str());
            let cure = format!("Apply the policy: `service-policy input type network-qos {name}`.");
            let remark = Remark::new(RemarkKind::Prerequisite, *at, cause, cure);
            let concerned = if lossless == 0 { 0xff } else { lossless };
            remarks.push(remark.on_port(&own.name).of_priorities(concerned));
        }
        _ => {}
    }
    let said = |said: Option<&(bool, Span)>| said.filter(|(on, _)| *on).map(|(_, at)| *at);
    let link = [bound.port(|i| &i.receive), bound.port(|i| &i.transmit)];
    let link: Vec<Span> = link.into_iter().filter_map(said).collect();
    if let (Some(&first), Some((_, at))) = (link.first(), on) {
        let cause = "The port has pause of the whole link (`flowcontrol`) and PFC: OS10 refuses the second of them, so that \
                     their order decides which one works.";
        let cure = "Write `flowcontrol receive off` and `flowcontrol transmit off`.";
        let mut remark =
            Remark::new(RemarkKind::TwoKindsOfPause, first, cause, cure).on_port(&own.name);
        remark.related.extend(link.iter().skip(1).copied());
        remarks.push(remark.beside(*at));
    }
}
