//! What the statements come to, port by port.

use super::read::{Bound, Class, Interface, Policy, Read};
use super::remarked;
use crate::device::*;
use crate::fact::Fact;
use crate::language::{Dialect, Input};
use crate::source::Span;
use crate::text::{dscp, numbers};
use std::array::from_fn;
use std::sync::Arc;
use xoff_model::time::SimDuration;
use xoff_model::units::BitRate;

/// What holds for the whole switch.
struct Common {
    network: Network,
    /// Nexus 5000 with FCoE: it has predefined policies, and always speaks DCBX.
    fcoe: bool,
}

/// The policy of type network-qos: by qos-group.
#[derive(Default)]
pub(super) struct Network {
    /// The statement that makes it no-drop, and its 802.1p priority if it says one.
    pub(super) pause: [Option<(Option<u8>, Span)>; 8],
    mtu: [Option<(u32, Span)>; 8],
    /// The predefined FCoE policy acts: where that is said.
    predefined: Option<Span>,
    any_mtu: bool,
    /// In the old form, no-drop without a priority.
    old: bool,
    /// Several of its classes have no class map in the file, which is a part then: the groups that
    /// no other class names may be lossless.
    elsewhere: Option<Span>,
    /// Groups that a class with a class map names.
    named: [bool; 8],
    /// Priorities of pause in classes without class map.
    loose: [bool; 8],
}

pub(super) fn device(input: Input, read: Read) -> Device {
    let network = network(&read);
    let fcoe = read.fcoe || network.predefined.is_some();
    let common = Common { network, fcoe };
    let mut ports = Vec::new();
    let mut other = port(&read, &common, "*", &Interface::default());
    for (name, interface) in &read.interfaces {
        let whole = with_channel(&read, interface);
        let built = port(&read, &common, name, &whole);
        match name.is_empty() {
            // A port that is not named stands for every one.
            true => {
                other = Port {
                    name: "*".to_owned(),
                    ..built
                }
            }
            false => ports.push(built),
        }
    }
    let remarks = remarked(&read, &common.network);
    let alias = input.source.stem().to_owned();
    Device {
        name: read
            .name
            .as_ref()
            .map_or_else(|| alias.clone(), |(name, _)| name.clone()),
        alias,
        dialect: Dialect::NxOs,
        kind: Kind::Switch,
        file: input.file,
        ports,
        other_ports: other,
        peer_link: read.peer_link.clone(),
        bounce: None,
        host: None,
        remarks,
        lines: read.lines,
    }
}

/// A member of a port-channel has what is said of that, where its own block says nothing.
fn with_channel(read: &Read, own: &Interface) -> Interface {
    let channel = own.channel.and_then(|(n, _)| {
        let name = format!("port-channel{n}");
        read.interfaces
            .iter()
            .find(|(other, _)| *other == name)
            .map(|(_, i)| i)
    });
    let Some(channel) = channel else {
        return own.clone();
    };
    let mut whole = own.clone();
    whole.mtu = own.mtu.or(channel.mtu);
    whole.pfc = own.pfc.clone().or_else(|| channel.pfc.clone());
    whole.watchdog = own.watchdog.or(channel.watchdog);
    whole.trunk = own.trunk.or(channel.trunk);
    whole.native = own.native.or(channel.native);
    whole.access = own.access.or(channel.access);
    whole.allowed = own.allowed.clone().or_else(|| channel.allowed.clone());
    whole.routed = own.routed.or(channel.routed);
    whole.bound.extend(
        channel
            .bound
            .iter()
            .filter(|b| {
                !own.bound
                    .iter()
                    .any(|o| o.kind == b.kind && o.input == b.input)
            })
            .cloned(),
    );
    whole
}

/// The policy of this kind that acts on a port: its own, else the system's.
fn acting<'a>(read: &'a Read, own: &'a [Bound], kind: &str, input: bool) -> Option<&'a Bound> {
    let is = |b: &&Bound| b.kind == kind && b.input == input;
    own.iter()
        .rfind(is)
        .or_else(|| read.system.iter().rfind(is))
}

/// The qos-group of a class of a policy: by its number, or by what its class map matches.
pub(super) fn group_of(read: &Read, kind: &str, name: &str) -> Option<u8> {
    let map = read.class_maps.get(&(kind.to_owned(), name.to_owned()));
    let matched = map.and_then(|map| {
        map.matches.iter().find_map(|(words, _)| {
            match words
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .as_slice()
            {
                ["match", "qos-group", n] => n.parse().ok(),
                _ => None,
            }
        })
    });
    matched
        .or_else(|| predefined_group(name))
        .filter(|n| *n < 8)
}

fn predefined_group(name: &str) -> Option<u8> {
    match name {
        "class-default" | "c-out-q-default" | "c-out-8q-q-default" | "c-8q-nq-default"
        | "c-4q-nq-default" | "c-in-q-default" | "c-out-def" | "c-nq-default" => {
            return Some(0);
        }
        "class-fcoe" => return Some(1),
        _ => {}
    }
    let start = [
        "c-out-8q-q",
        "c-out-4q-q",
        "c-out-q",
        "c-8q-nq",
        "c-4q-nq",
        "c-nq",
        "c-in-8q-q",
        "c-in-4q-q",
        "c-in-q",
    ];
    start
        .iter()
        .find_map(|s| name.strip_prefix(s)?.parse().ok())
}

fn network(read: &Read) -> Network {
    let mut network = Network::default();
    let Some(bound) = acting(read, &[], "network-qos", true) else {
        return network;
    };
    if bound.name.starts_with("fcoe-default") {
        network.predefined = Some(bound.at);
        network.pause[1] = Some((Some(3), bound.at));
        network.mtu[1] = Some((2158, bound.at));
        network.any_mtu = true;
        return network;
    }
    let Some(policy) = read
        .policies
        .get(&("network-qos".to_owned(), bound.name.clone()))
    else {
        return network;
    };
    let missing = |class: &&Class| group_of(read, "network-qos", &class.name).is_none();
    if policy.classes.iter().filter(missing).count() > 1 {
        network.elsewhere = Some(bound.at);
    }
    for class in &policy.classes {
        let Some(group) = group_of(read, "network-qos", &class.name) else {
            for cos in class.statements.iter().filter_map(|(w, _)| pfc_cos(w)) {
                network.loose[usize::from(cos)] = true;
            }
            continue;
        };
        let group = usize::from(group);
        network.named[group] = true;
        if class.name == "class-fcoe" {
            network.pause[group] = Some((Some(3), class.at));
        }
        for (words, at) in &class.statements {
            match words
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .as_slice()
            {
                ["pause", ..] => {
                    let cos = pfc_cos(words);
                    network.pause[group] = Some((cos, *at));
                    network.old |= cos.is_none();
                }
                ["no-drop"] => {
                    network.pause[group].get_or_insert((None, *at));
                }
                ["no", "pause", ..] => network.pause[group] = None,
                ["mtu", mtu] => {
                    network.mtu[group] = mtu.parse().ok().map(|m| (m, *at));
                    network.any_mtu = true;
                }
                _ => {}
            }
        }
    }
    network
}

/// The priority of `pause no-drop pfc-cos 3`; of a list the first one.
fn pfc_cos(words: &[String]) -> Option<u8> {
    let at = words.iter().position(|w| w == "pfc-cos")?;
    let list = numbers(&words.get(at + 1..)?.concat(), 7)?;
    u8::try_from(*list.first()?).ok()
}

fn port(read: &Read, common: &Common, name: &str, i: &Interface) -> Port {
    let mut port = Port::unknown(name, "no line says it");
    port.at = i.at;
    port.kind = if name.starts_with("port-channel") {
        PortKind::Lag
    } else {
        PortKind::Physical
    };
    port.lag = i.channel.map(|(n, at)| (format!("port-channel{n}"), at));
    port.description = i.description.clone();
    if let Some((down, at)) = i.down {
        port.enabled = Fact::stated(!down, at);
    }
    if let Some((mbps, at)) = i.speed.filter(|(m, _)| *m > 0) {
        port.speed = Fact::stated(BitRate::from_bps(mbps.saturating_mul(1_000_000)), at);
    }
    // With an MTU in network-qos in the old form, the port has none of its own.
    let by_class = common.network.any_mtu && (common.fcoe || common.network.old);
    port.mtu = match i.mtu {
        Some((mtu, at)) => Fact::stated(mtu, at),
        None if by_class => Fact::default(9216, "the MTU is that of the class (network-qos)"),
        None => Fact::default(1500, "NX-OS ports have an MTU of 1500"),
    };
    port.routed = match i.routed {
        Some((routed, at)) => Fact::stated(routed, at),
        None => Fact::unknown(
            "no line says `switchport` or `no switchport`, and the default depends on the switch",
        ),
    };
    match (i.trunk, i.access) {
        (Some((true, at)), _) => {
            port.native_vlan = match i.native {
                Some((vlan, at)) => Fact::stated(Some(vlan), at),
                None => Fact::default(Some(1), "the native VLAN is 1"),
            };
            port.tagged_vlans = match &i.allowed {
                Some((Some(list), at)) => Fact::stated(Vlans::These(list.clone()), *at),
                Some((None, at)) => Fact::stated(Vlans::All, *at),
                None => Fact::implied(Vlans::All, at, "a trunk carries all VLANs"),
            };
        }
        (_, Some((vlan, at))) => {
            port.native_vlan = Fact::stated(Some(vlan), at);
            port.tagged_vlans = Fact::implied(
                Vlans::These(Vec::new()),
                at,
                "an access port has no tagged VLANs",
            );
        }
        _ => {}
    }
    port.qos = qos(read, common, i);
    port
}

fn qos(read: &Read, common: &Common, i: &Interface) -> Qos {
    let mut qos = Qos::plain("no line says it");
    classify(read, common, i, &mut qos);
    for (n, class) in qos.classes.iter_mut().enumerate() {
        class.name = format!("qos-group {n}");
    }
    lossless(read, common, i, &mut qos);
    queuing(read, i, &mut qos);
    buffers(read, i, &mut qos);
    qos.pfc.mode = match &i.pfc {
        Some((mode, at)) => Fact::stated(
            match mode.as_str() {
                "on" => PfcMode::On,
                "off" => PfcMode::Off,
                _ => PfcMode::Auto,
            },
            *at,
        ),
        None => Fact::default(PfcMode::Auto, "NX-OS ports are in PFC mode auto"),
    };
    if let Some((on, at)) = i.receive {
        qos.pause_rx = Fact::stated(on, at);
    }
    if let Some((on, at)) = i.send {
        qos.pause_tx = Fact::stated(on, at);
    }
    dcbx(read, common, i, &mut qos);
    let watchdog = &mut qos.watchdog;
    watchdog.on = match (read.watchdog, i.watchdog) {
        (Some((true, _)), Some((true, at))) => Fact::stated(true, at),
        (_, Some((false, at))) | (Some((false, at)), _) => Fact::stated(false, at),
        (None, Some((true, at))) => {
            Fact::implied(false, at, "the port's watchdog needs the global statement")
        }
        (Some((true, at)), None) => {
            Fact::implied(false, at, "the global watchdog needs the port's statement")
        }
        (None, None) => Fact::default(false, "no line turns the watchdog on"),
    };
    let poll = read.poll_ms.map_or_else(
        || Fact::default(SimDuration::from_ms(100), "the watchdog polls every 100 ms"),
        |(ms, at)| Fact::stated(SimDuration::from_ms(ms.min(1 << 30)), at),
    );
    // Both times are counted in polls: one, and ten, unless a line says so.
    let times = |polls: Option<(u64, Span)>, usual: u64, why: &'static str| {
        let ms = poll.value().map_or(100, |p| p.ps() / 1_000_000_000);
        match polls {
            Some((n, at)) => {
                let time = ms.saturating_mul(n).min(1 << 30);
                Fact::implied(SimDuration::from_ms(time), at, "polls times their interval")
            }
            None => Fact::default(SimDuration::from_ms(ms.saturating_mul(usual)), why),
        }
    };
    watchdog.detect = times(read.detect_polls, 1, "a queue is stuck after one poll");
    watchdog.restore = times(
        read.restore_polls,
        10,
        "a queue is tried again after ten polls",
    );
    watchdog.drops = Fact::default(true, "a queue that is stuck is shut down, and drops");
    watchdog.poll = poll;
    qos
}

fn dcbx(read: &Read, common: &Common, i: &Interface, qos: &mut Qos) {
    qos.dcbx.on = match (i.no_lldp, read.lldp) {
        (Some((_, at)), _) => Fact::stated(false, at),
        (None, Some((on, at))) => Fact::implied(on, at, "LLDP carries DCBX"),
        (None, None) if common.fcoe => Fact::default(true, "Nexus 5000 speaks DCBX on every port"),
        (None, None) if i.send_tlv => Fact::default(true, "the port sends the PFC TLV"),
        (None, None) => Fact::default(false, "LLDP is off without `feature lldp`"),
    };
    qos.dcbx.version = Fact::default(DcbxVersion::Auto, "NX-OS speaks the version of its peer");
    qos.dcbx.willing = Fact::default(false, "switches are not willing");
}

/// Which qos-group frames are in: the policy of type qos.
fn classify(read: &Read, common: &Common, i: &Interface, qos: &mut Qos) {
    let Some(bound) = acting(read, &i.bound, "qos", true) else {
        match common.fcoe {
            true => fcoe_classes(qos, common.network.predefined),
            false => {
                qos.trust = Fact::default(
                    Trust::Nothing,
                    "without a policy of type qos everything is in qos-group 0",
                )
            }
        }
        return;
    };
    if bound.name.starts_with("fcoe-default") {
        fcoe_classes(qos, Some(bound.at));
        return;
    }
    let Some(policy) = read.policies.get(&("qos".to_owned(), bound.name.clone())) else {
        qos.trust = Fact::implied(Trust::Nothing, bound.at, "there is no policy of this name");
        return;
    };
    let Matched {
        by_dscp,
        by_pcp,
        any_dscp,
        any_pcp,
    } = by_classes(read, policy, qos);
    let rest = qos.default_class.value().unwrap_or(0);
    let fill = |fact: &Option<Fact<u8>>| match fact {
        Some(fact) => fact.clone(),
        None => Fact::implied(rest, bound.at, "no class of the policy matches it"),
    };
    qos.pcp = Arc::new(from_fn(|n| fill(&by_pcp[n])));
    qos.dscp = match any_pcp && any_dscp {
        // What no class matches by DSCP is looked up by PCP.
        true => Arc::new(from_fn(|n| {
            by_dscp[n]
                .clone()
                .unwrap_or_else(|| Fact::unknown("no class matches this DSCP"))
        })),
        false => Arc::new(from_fn(|n| fill(&by_dscp[n]))),
    };
    let trust = match (any_dscp, any_pcp) {
        (true, true) => Trust::DscpThenPcp,
        (true, false) => Trust::Dscp,
        (false, true) => Trust::Pcp,
        (false, false) => Trust::Nothing,
    };
    qos.trust = Fact::implied(
        trust,
        bound.at,
        "it follows from what the classes of the policy match",
    );
}

/// What the classes of a policy of type qos match.
struct Matched {
    by_dscp: [Option<Fact<u8>>; 64],
    by_pcp: [Option<Fact<u8>>; 8],
    any_dscp: bool,
    any_pcp: bool,
}

fn by_classes(read: &Read, policy: &Policy, qos: &mut Qos) -> Matched {
    let (mut by_dscp, mut by_pcp) = (from_fn(|_| None), from_fn(|_| None));
    let (mut any_dscp, mut any_pcp) = (false, false);
    for class in &policy.classes {
        let Some((group, at)) = set_group(class) else {
            continue;
        };
        if let Some(list) = access_list(read, &class.name) {
            // It may match anything that no class before it has.
            let why = format!("class {} may take it, by access list {list}", class.name);
            let places = by_dscp.iter_mut().chain(by_pcp.iter_mut());
            for place in places {
                place.get_or_insert_with(|| Fact::unknown(why.clone()));
            }
            any_dscp = true;
            continue;
        }
        if class.name == "class-default" {
            qos.default_class = Fact::stated(group, at);
            continue;
        }
        for (values, is_dscp, at) in matched(read, &class.name) {
            any_dscp |= is_dscp;
            any_pcp |= !is_dscp;
            for n in values {
                // The first class that fits counts.
                let place = if is_dscp {
                    by_dscp.get_mut(n as usize)
                } else {
                    by_pcp.get_mut(n as usize)
                };
                if let Some(place) = place {
                    place.get_or_insert(Fact::stated(group, at));
                }
            }
        }
    }
    Matched {
        by_dscp,
        by_pcp,
        any_dscp,
        any_pcp,
    }
}

/// The access list that a class map of type qos matches.
fn access_list<'a>(read: &'a Read, name: &str) -> Option<&'a str> {
    let map = read.class_maps.get(&("qos".to_owned(), name.to_owned()))?;
    map.matches
        .iter()
        .find(|(w, _)| w.get(1).is_some_and(|w| w == "access-group"))
        .and_then(|(w, _)| w.last().map(String::as_str))
}

fn fcoe_classes(qos: &mut Qos, at: Option<Span>) {
    const WHY: &str = "the predefined policy puts CoS 3 into class-fcoe, qos-group 1";
    let fact = |value: u8| match at {
        Some(at) => Fact::implied(value, at, WHY),
        None => Fact::default(value, WHY),
    };
    qos.trust = match at {
        Some(at) => Fact::implied(Trust::Pcp, at, "Ethernet ports trust CoS"),
        None => Fact::default(Trust::Pcp, "Ethernet ports trust CoS"),
    };
    qos.pcp = Arc::new(from_fn(|n| fact(u8::from(n == 3))));
}

fn set_group(class: &Class) -> Option<(u8, Span)> {
    class.statements.iter().find_map(|(words, at)| {
        match words
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice()
        {
            ["set", "qos-group", n] => Some((n.parse().ok().filter(|n| *n < 8)?, *at)),
            _ => None,
        }
    })
}

/// What a class map of type qos matches: values, whether they are DSCPs, and where it says so.
pub(super) fn matched(read: &Read, name: &str) -> Vec<(Vec<u32>, bool, Span)> {
    if name == "class-fcoe"
        && !read
            .class_maps
            .contains_key(&("qos".to_owned(), name.to_owned()))
    {
        return Vec::new();
    }
    let Some(map) = read.class_maps.get(&("qos".to_owned(), name.to_owned())) else {
        return Vec::new();
    };
    let found = map.matches.iter().filter_map(|(words, at)| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["match", "cos", list @ ..] => Some((numbers(&list.concat(), 7)?, false, *at)),
            ["match", "dscp", list @ ..] | ["match", "ip", "dscp", list @ ..] => {
                Some((code_points(&list.join(",")), true, *at))
            }
            ["match", "precedence", list @ ..] => {
                let classes = numbers(&list.concat(), 7)?;
                Some((
                    classes.into_iter().flat_map(|n| n * 8..n * 8 + 8).collect(),
                    true,
                    *at,
                ))
            }
            _ => None,
        }
    });
    let found: Vec<_> = found.collect();
    // All of several must fit, which no single value shows.
    match map.all && found.len() > 1 && found.iter().any(|f| f.1) && found.iter().any(|f| !f.1) {
        true => Vec::new(),
        false => found,
    }
}

/// DSCPs by number, range or name: `24-31,af31,cs6`.
fn code_points(list: &str) -> Vec<u32> {
    let one = |part: &str| match (dscp(part), part.split_once('-')) {
        (Some(n), _) => vec![u32::from(n)],
        (None, Some((a, b))) => match (dscp(a), dscp(b)) {
            (Some(a), Some(b)) => (u32::from(a)..=u32::from(b)).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    list.split(',')
        .map(str::trim)
        .filter(|p| !p.is_empty())
        .flat_map(one)
        .collect()
}

/// No-drop classes and the priorities of their pause frames.
fn lossless(read: &Read, common: &Common, i: &Interface, qos: &mut Qos) {
    const ELSEWHERE: &str =
        "the class maps of type network-qos, which say what is lossless, are not in the file";
    for (n, loose) in common.network.loose.iter().enumerate() {
        if *loose && common.network.elsewhere.is_some() {
            qos.pfc.send[n] = Fact::unknown(ELSEWHERE);
            qos.pfc.obey[n] = Fact::unknown(ELSEWHERE);
            qos.pfc.stops[n] = Fact::unknown(ELSEWHERE);
        }
    }
    for group in 0..8 {
        let class = &mut qos.classes[group];
        if common.network.elsewhere.is_some() && !common.network.named[group] {
            class.no_drop = Fact::unknown(ELSEWHERE);
            class.pause = Fact::unknown(ELSEWHERE);
            class.mtu = Fact::unknown(ELSEWHERE);
            qos.groups[group].lossless = Fact::unknown(ELSEWHERE);
        }
        if let Some((mtu, at)) = common.network.mtu[group] {
            class.mtu = Fact::stated(Some(mtu), at);
        }
        let Some((cos, at)) = common.network.pause[group] else {
            continue;
        };
        class.no_drop = Fact::stated(true, at);
        // Without a priority of its own, it pauses by the CoS that is sorted into it.
        let cos = cos.or_else(|| {
            let policy = acting(read, &i.bound, "qos", true)?;
            (0..8_u8).find(|n| {
                qos.pcp[usize::from(*n)].is(&(group as u8))
                    && qos.pcp[usize::from(*n)].is_stated()
                    && !policy.name.is_empty()
            })
        });
        let cos = cos.unwrap_or(group as u8).min(7);
        class.pause = Fact::stated(cos, at);
        let n = usize::from(cos);
        qos.pfc.send[n] = Fact::implied(true, at, "a no-drop class pauses");
        qos.pfc.obey[n] = Fact::implied(true, at, "a no-drop class obeys pause");
        qos.pfc.stops[n] = Fact::implied(group as u8, at, "pause stops the queue of its class");
        qos.groups[group].lossless =
            Fact::implied(true, at, "a no-drop class has a buffer by default");
        qos.groups[group].headroom = Fact::unknown("the switch chooses the buffer by default");
    }
}

/// Shares and marking: the policy of type queuing.
fn queuing(read: &Read, i: &Interface, qos: &mut Qos) {
    let Some(bound) = acting(read, &i.bound, "queuing", false) else {
        return;
    };
    let Some(policy) = read
        .policies
        .get(&("queuing".to_owned(), bound.name.clone()))
    else {
        return;
    };
    for class in &policy.classes {
        let Some(queue) = group_of(read, "queuing", &class.name) else {
            continue;
        };
        let queue = &mut qos.queues[usize::from(queue)];
        for (words, at) in &class.statements {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words.as_slice() {
                ["bandwidth", "percent", n] | ["bandwidth", "remaining", "percent", n] => {
                    if let Ok(n) = n.parse() {
                        queue.scheduler = Fact::stated(Scheduler::Percent(n), *at);
                    }
                }
                ["priority", ..] => queue.scheduler = Fact::stated(Scheduler::Strict, *at),
                ["shape", rest @ ..] => queue.shaper = shape(rest, *at),
                ["random-detect", rest @ ..] => wred(queue, rest, *at),
                _ => {}
            }
        }
    }
}

/// `shape min 0 gbps max 10 gbps`, `shape average 10 gbps`
fn shape(words: &[&str], at: Span) -> Fact<Option<BitRate>> {
    let start = words
        .iter()
        .position(|w| matches!(*w, "max" | "average"))
        .map_or(0, |n| n + 1);
    let number = words.get(start).and_then(|n| n.parse::<u64>().ok());
    let unit = match words.get(start + 1).copied() {
        Some("gbps") => Some(1_000_000_000),
        Some("mbps") => Some(1_000_000),
        Some("kbps") => Some(1_000),
        Some("bps") | None => Some(1),
        _ => None,
    };
    match number
        .zip(unit)
        .and_then(|(n, u)| n.checked_mul(u))
        .filter(|r| *r > 0)
    {
        Some(rate) => Fact::stated(Some(BitRate::from_bps(rate)), at),
        None => Fact::unknown("the rate of the shaper is not understood"),
    }
}

fn wred(queue: &mut Queue, words: &[&str], at: Span) {
    let ecn = words.contains(&"ecn");
    queue.wred.action = match (ecn, words.first()) {
        (true, _) => Fact::stated(WredAction::Mark, at),
        (false, Some(&"cos-based" | &"ecn")) => return,
        _ => Fact::stated(WredAction::Drop, at),
    };
    let value = |name: &str| {
        let at_word = words.iter().position(|w| *w == name)?;
        let number = words.get(at_word + 1)?.parse::<u64>().ok()?;
        let factor = match words.get(at_word + 2).copied() {
            Some("kbytes") => 1000,
            Some("mbytes") => 1_000_000,
            Some("bytes") => 1,
            // Packets, milliseconds: bytes are not known.
            Some("packets" | "ms" | "us" | "cells") => return None,
            _ => 1,
        };
        number.checked_mul(factor)
    };
    let threshold = |name: &str| match value(name) {
        Some(bytes) => Fact::stated(bytes, at),
        None => Fact::unknown("the threshold is not given in bytes"),
    };
    queue.wred.min = threshold("minimum-threshold");
    queue.wred.max = threshold("maximum-threshold");
    let percent = words
        .iter()
        .position(|w| *w == "drop-probability")
        .and_then(|n| words.get(n + 1)?.parse().ok());
    if let Some(percent) = percent {
        queue.wred.percent = Fact::stated(percent, at);
    }
}

/// Pause buffers that are sized by hand: the input policy of type queuing.
fn buffers(read: &Read, i: &Interface, qos: &mut Qos) {
    let Some(bound) = acting(read, &i.bound, "queuing", true) else {
        return;
    };
    let Some(policy) = read
        .policies
        .get(&("queuing".to_owned(), bound.name.clone()))
    else {
        return;
    };
    for class in &policy.classes {
        let Some(group) = group_of(read, "queuing", &class.name) else {
            continue;
        };
        let group = &mut qos.groups[usize::from(group)];
        for (words, at) in &class.statements {
            let value = |name: &str| {
                let n = words.iter().position(|w| w == name)?;
                words.get(n + 1)?.parse::<u64>().ok()
            };
            if words.first().is_none_or(|w| w != "pause") {
                continue;
            }
            if let (Some(size), Some(pause)) = (value("buffer-size"), value("pause-threshold")) {
                group.headroom = Fact::implied(
                    size.saturating_sub(pause),
                    *at,
                    "what is above the pause threshold",
                );
                group.limit = Fact::stated(Limit::Static(pause), *at);
                if let Some(resume) = value("resume-threshold") {
                    group.xon_offset = Fact::stated(pause.saturating_sub(resume), *at);
                }
            }
        }
    }
}
