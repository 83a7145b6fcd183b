//! What the statements come to.

use super::{Statement, ports};
use crate::device::*;
use crate::fact::Fact;
use crate::language::{Dialect, Input};
use crate::lines::Lines;
use crate::remark::{Remark, RemarkKind};
use crate::source::Span;
use crate::text::numbers;
use std::array::from_fn;
use std::collections::BTreeMap;
use std::sync::Arc;
use xoff_model::time::SimDuration;
use xoff_model::units::BitRate;

/// A profile acts on every port that names no other, if it is called so.
const EVERYWHERE: &str = "default-global";
const ROCE: &str = "`nv set qos roce` sets it";

type Said<T> = Option<(T, Span)>;

/// The words of statements, each with its place.
type Statements = Vec<(Vec<String>, Span)>;

#[derive(Default)]
struct State {
    name: Said<String>,
    /// On, and its mode.
    roce: Said<bool>,
    mode: Said<String>,
    /// Statements of a profile: kind and name, then the words behind.
    profiles: BTreeMap<(String, String), Statements>,
    interfaces: BTreeMap<String, Interface>,
    order: Vec<String>,
    vlans: Vec<(u16, u16)>,
    vlans_at: Option<Span>,
    poll: Said<u64>,
    robustness: Said<u64>,
    peer_link: Said<String>,
}

#[derive(Clone, Default)]
struct Interface {
    at: Option<Span>,
    mtu: Said<u32>,
    speed: Said<u64>,
    down: Option<Span>,
    description: Said<String>,
    bridge: Option<Span>,
    access: Said<u16>,
    untagged: Said<u16>,
    tagged: Vec<(u16, u16)>,
    tagged_at: Option<Span>,
    routed: Option<Span>,
    bond: Said<String>,
    is_bond: bool,
    watchdog: Said<bool>,
    /// Kind of profile to its name.
    profiles: BTreeMap<String, (String, Span)>,
}

/// Statements of `qos` that act on the whole port, by the kind of their profile.
const KINDS: [&str; 12] = [
    "mapping",
    "pfc",
    "congestion-control",
    "egress-queue-mapping",
    "egress-scheduler",
    "egress-shaper",
    "link-pause",
    "remark",
    "buffer",
    "traffic-pool",
    "advance-buffer-config",
    "headroom",
];

pub(super) fn device(input: Input, statements: &[Statement]) -> Device {
    let mut state = State::default();
    let mut lines = Lines::new(input.file, input.source.lines());
    let mut remarks = Vec::new();
    for statement in statements {
        take(&mut state, statement, &mut lines, &mut remarks);
    }
    unbound(&state, &mut remarks);
    let ports: Vec<Port> = state
        .order
        .iter()
        .map(|name| port(&state, name, &state.interfaces[name]))
        .collect();
    let alias = input.source.stem().to_owned();
    Device {
        name: state
            .name
            .as_ref()
            .map_or_else(|| alias.clone(), |(name, _)| name.clone()),
        alias,
        dialect: Dialect::Nvue,
        kind: Kind::Switch,
        file: input.file,
        ports,
        other_ports: port(&state, "*", &Interface::default()),
        peer_link: state.peer_link.clone(),
        bounce: None,
        host: None,
        remarks,
        lines,
    }
}

fn take(state: &mut State, s: &Statement, lines: &mut Lines, remarks: &mut Vec<Remark>) {
    let at = s.at;
    if let Some([name]) = s.after("system hostname") {
        state.name = Some((name.clone(), at));
    } else if let Some(rest) = s.after("qos roce") {
        roce(state, s.set, rest, at, remarks);
        lines.understood(at.line);
    } else if let Some(rest) = s.after("qos pfc-watchdog") {
        match rest {
            [key, value] if key == "polling-interval" => {
                state.poll = digits(value).map(|v| (v, at))
            }
            [key, value] if key == "robustness" => {
                state.robustness = digits(value).map(|v| (v, at))
            }
            _ => {}
        }
        lines.understood(at.line);
    } else if let Some(rest) = s.after("qos") {
        profile(state, s, rest, lines);
    } else if let Some(rest) = s.after("bridge domain") {
        if let [_, key, list, ..] = rest
            && key == "vlan"
        {
            state.vlans.extend(vlans(list));
            state.vlans_at = Some(at);
            lines.understood(at.line);
        }
    } else if let Some([names, rest @ ..]) = s.after("interface") {
        let mut known = None;
        for name in ports(names) {
            if !state.interfaces.contains_key(&name) {
                state.order.push(name.clone());
            }
            let interface = state.interfaces.entry(name.clone()).or_default();
            interface.at.get_or_insert(at);
            known = interface_statement(interface, &name, s.set, rest, at, remarks).or(known);
        }
        if let [bond, member, list, ..] = rest
            && bond == "bond"
            && member == "member"
        {
            for name in ports(list) {
                if !state.interfaces.contains_key(&name) {
                    state.order.push(name.clone());
                }
                let interface = state.interfaces.entry(name).or_default();
                interface.at.get_or_insert(at);
                interface.bond = Some((names.clone(), at));
            }
            lines.understood(at.line);
        }
        if names == "peerlink" {
            state.peer_link = Some((names.clone(), at));
        }
        match known {
            Some(true) => lines.understood(at.line),
            Some(false) => lines.unknown(
                at.line,
                "what this QoS statement of a port does is not known",
            ),
            None => {}
        }
    }
}

fn roce(state: &mut State, set: bool, rest: &[String], at: Span, remarks: &mut Vec<Remark>) {
    let words: Vec<&str> = rest.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => state.roce = Some((set, at)),
        ["enable" | "state", value] => {
            state.roce = Some((set && matches!(*value, "on" | "enabled"), at))
        }
        [
            "mode",
            mode @ ("lossless" | "lossy" | "lossless-single-ipool"),
        ] => {
            state.mode = set.then(|| ((*mode).to_owned(), at));
            state.roce.get_or_insert((true, at));
        }
        ["mode", mode] => {
            let cause = format!("`{mode}` is no mode of RoCE: the command is refused.");
            let cure = "Write `nv set qos roce mode lossless`.";
            remarks.push(Remark::new(RemarkKind::BadValue, at, cause, cure).of_priorities(0xff));
        }
        _ => {}
    }
}

fn profile(state: &mut State, s: &Statement, rest: &[String], lines: &mut Lines) {
    let at = s.at;
    let [kind, name, words @ ..] = rest else {
        lines.unknown(at.line, "what this QoS statement does is not known");
        return;
    };
    if !KINDS.contains(&kind.as_str()) {
        lines.unknown(at.line, format!("what `qos {kind}` does is not known"));
        return;
    }
    let key = (kind.clone(), name.clone());
    if s.set {
        state
            .profiles
            .entry(key)
            .or_default()
            .push((words.to_vec(), at));
    } else if let Some(all) = state.profiles.get_mut(&key) {
        all.retain(|(w, _)| !w.starts_with(words));
    }
    lines.understood(at.line);
}

/// None: of no bearing; whether it is understood.
fn interface_statement(
    i: &mut Interface,
    name: &str,
    set: bool,
    rest: &[String],
    at: Span,
    remarks: &mut Vec<Remark>,
) -> Option<bool> {
    let words: Vec<&str> = rest.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["link", "mtu", mtu] => i.mtu = mtu.parse().ok().map(|m| (m, at)),
        ["link", "speed", speed] => i.speed = gigabits(speed).map(|s| (s, at)),
        ["link", "state", "down"] => i.down = set.then_some(at),
        ["link", "state", "up"] => i.down = None,
        ["description", text] => {
            i.description = Some(((*text).to_owned(), at));
            return None;
        }
        ["bridge", "domain", _, "access", vlan] => i.access = vlan.parse().ok().map(|v| (v, at)),
        ["bridge", "domain", _, "untagged", vlan] => {
            i.untagged = vlan.parse().ok().map(|v| (v, at))
        }
        ["bridge", "domain", _, "vlan", list, ..] => {
            i.tagged.extend(vlans(list));
            i.tagged_at = Some(at);
        }
        ["bridge", ..] => {
            i.bridge = Some(at);
            return Some(true);
        }
        ["ip", "address", ..] | ["ip", "vrf", ..] => {
            i.routed = Some(at);
            return None;
        }
        ["bond", ..] => {
            i.is_bond = true;
            return None;
        }
        ["type", "bond"] => i.is_bond = true,
        ["qos", "pfc-watchdog", state @ ..] => {
            let on = set && !matches!(state, ["state", "disable" | "disabled" | "off"]);
            i.watchdog = Some((on, at));
            if i.is_bond || name.starts_with("bond") {
                let cause = "The PFC watchdog is set on a bond, where it does not exist.";
                let cure = "Set it on the members: `nv set interface swp1 qos pfc-watchdog`.";
                remarks.push(Remark::new(RemarkKind::WatchdogInert, at, cause, cure).on_port(name));
            }
        }
        ["qos", kind, "profile", profile] if KINDS.contains(kind) => {
            match set {
                true => i
                    .profiles
                    .insert((*kind).to_owned(), ((*profile).to_owned(), at)),
                false => i.profiles.remove(*kind),
            };
        }
        ["qos", ..] => return Some(false),
        _ => return None,
    }
    if matches!(words.first(), Some(&"bridge")) {
        i.bridge = Some(at);
    }
    Some(true)
}

/// Profiles about lossless traffic that no port has.
fn unbound(state: &State, remarks: &mut Vec<Remark>) {
    for ((kind, name), statements) in &state.profiles {
        let matters = ["pfc", "mapping", "congestion-control"].contains(&kind.as_str());
        let named = |i: &Interface| i.profiles.get(kind).is_some_and(|(n, _)| n == name);
        if !matters || name == EVERYWHERE || state.interfaces.values().any(named) {
            continue;
        }
        let Some((_, at)) = statements.first() else {
            continue;
        };
        let cause = format!("The {kind} profile {name} is bound to no port: it does nothing.");
        let cure = format!("Bind it: `nv set interface swp1 qos {kind} profile {name}`.");
        remarks.push(Remark::new(RemarkKind::NotBound, *at, cause, cure).of_priorities(0xff));
    }
    for (name, interface) in &state.interfaces {
        for (kind, (profile, at)) in &interface.profiles {
            if state
                .profiles
                .contains_key(&(kind.clone(), profile.clone()))
                || profile == EVERYWHERE
            {
                continue;
            }
            let cause = format!("No {kind} profile is called {profile}.");
            let cure = "Use the name of a profile that is there.";
            remarks.push(
                Remark::new(RemarkKind::UnknownName, *at, cause, cure)
                    .on_port(name)
                    .of_priorities(0xff),
            );
        }
    }
}

fn port(state: &State, name: &str, i: &Interface) -> Port {
    let mut port = Port::unknown(name, "no line says it");
    port.at = i.at;
    port.kind = match i.is_bond || name.starts_with("bond") || name == "peerlink" {
        true => PortKind::Lag,
        false if name.starts_with("swp") || name == "*" => PortKind::Physical,
        false => PortKind::Virtual,
    };
    port.lag = i.bond.clone();
    // What is said of a bond's link holds for its members.
    let bond = i
        .bond
        .as_ref()
        .and_then(|(bond, _)| state.interfaces.get(bond));
    let own = |pick: fn(&Interface) -> Option<Span>| pick(i).or_else(|| bond.and_then(pick));
    port.description = i.description.clone();
    if let Some(at) = i.down {
        port.enabled = Fact::stated(false, at);
    }
    port.mtu = match i.mtu.or_else(|| bond.and_then(|b| b.mtu)) {
        Some((mtu, at)) => Fact::stated(mtu, at),
        None => Fact::default(9216, "ports have an MTU of 9216 by default"),
    };
    if let Some((gbps, at)) = i.speed {
        port.speed = Fact::stated(BitRate::from_gbps(gbps), at);
    }
    port.routed = match (own(|i| i.bridge), own(|i| i.routed)) {
        (Some(at), _) => Fact::implied(false, at, "a port of a bridge is switched"),
        (None, Some(at)) => Fact::implied(true, at, "a port with an address is routed"),
        _ => Fact::unknown("no line puts the port into a bridge or gives it an address"),
    };
    vlans_of(
        state,
        bond.filter(|_| i.bridge.is_none()).unwrap_or(i),
        &mut port,
    );
    port.qos = qos(state, i, bond);
    port
}

fn vlans_of(state: &State, i: &Interface, port: &mut Port) {
    let Some(bridge) = i.bridge else { return };
    if let Some((vlan, at)) = i.access {
        port.native_vlan = Fact::stated(Some(vlan), at);
        port.tagged_vlans = Fact::implied(
            Vlans::These(Vec::new()),
            at,
            "an access port has no tagged VLANs",
        );
        return;
    }
    port.native_vlan = match i.untagged {
        Some((vlan, at)) => Fact::stated(Some(vlan), at),
        None => Fact::default(Some(1), "VLAN 1 is untagged on the ports of a bridge"),
    };
    port.tagged_vlans = match (i.tagged_at, state.vlans_at) {
        (Some(at), _) => Fact::stated(Vlans::These(i.tagged.clone()), at),
        (None, Some(at)) => Fact::implied(
            Vlans::These(state.vlans.clone()),
            at,
            "a port carries the VLANs of its bridge",
        ),
        (None, None) => Fact::implied(Vlans::These(Vec::new()), bridge, "the bridge has no VLANs"),
    };
}

/// The statements of the profile of a kind that acts on a port.
fn acting<'a>(
    state: &'a State,
    i: &Interface,
    bond: Option<&Interface>,
    kind: &str,
) -> &'a [(Vec<String>, Span)] {
    let named = i
        .profiles
        .get(kind)
        .or_else(|| bond.and_then(|b| b.profiles.get(kind)));
    let name = named.map_or(EVERYWHERE, |(name, _)| name);
    state
        .profiles
        .get(&(kind.to_owned(), name.to_owned()))
        .map_or(&[], Vec::as_slice)
}

fn qos(state: &State, i: &Interface, bond: Option<&Interface>) -> Qos {
    let mut qos = Qos::plain("no line says it, and the default depends on the platform");
    qos.trust = Fact::default(
        Trust::Pcp,
        "Cumulus 5 trusts PCP unless a mapping says otherwise",
    );
    qos.dcbx.on = Fact::default(false, "Cumulus sends no DCBX unless it is configured");
    qos.dcbx.willing = Fact::default(false, "switches are not willing");
    if let Some((true, at)) = state.roce {
        with_roce(&mut qos, state, at);
    }
    mapping(&mut qos, acting(state, i, bond, "mapping"));
    queues(&mut qos, state, i, bond);
    pfc(&mut qos, acting(state, i, bond, "pfc"));
    for (words, at) in acting(state, i, bond, "link-pause") {
        let on = |w: &String| matches!(w.as_str(), "enable" | "on" | "enabled");
        match words.as_slice() {
            [way, value] if way == "rx" => qos.pause_rx = Fact::stated(on(value), *at),
            [way, value] if way == "tx" => qos.pause_tx = Fact::stated(on(value), *at),
            _ => {}
        }
    }
    if let Some((on, at)) = i.watchdog {
        let poll = state.poll.map_or(100, |(ms, _)| ms);
        let times = state.robustness.map_or(3, |(n, _)| n);
        let ms = |n: u64| SimDuration::from_ms(n.min(1 << 30));
        qos.watchdog.on = Fact::stated(on, at);
        qos.watchdog.poll = match state.poll {
            Some((_, at)) => Fact::stated(ms(poll), at),
            None => Fact::default(ms(poll), "the watchdog polls every 100 ms"),
        };
        let why = "three polls by default";
        qos.watchdog.detect = Fact::default(ms(poll.saturating_mul(times)), why);
        qos.watchdog.restore = Fact::default(ms(poll.saturating_mul(times)), why);
    }
    qos
}

fn with_roce(qos: &mut Qos, state: &State, at: Span) {
    let lossless = state.mode.as_ref().is_none_or(|(mode, _)| mode != "lossy");
    let at = state.mode.as_ref().map_or(at, |(_, at)| *at);
    qos.trust = Fact::implied(
        Trust::DscpThenPcp,
        at,
        "RoCE trusts DSCP, and PCP of what is not IP",
    );
    qos.dscp = Arc::new(from_fn(|n| Fact::implied((n >> 3) as u8, at, ROCE)));
    qos.pcp = Arc::new(from_fn(|n| Fact::implied(n as u8, at, ROCE)));
    for (n, class) in qos.classes.iter_mut().enumerate() {
        let queue = if matches!(n, 3 | 6) { n as u8 } else { 0 };
        class.queue = Fact::implied(queue, at, ROCE);
    }
    let three = &mut qos.classes[3];
    three.no_drop = Fact::implied(
        lossless,
        at,
        "RoCE's mode decides whether its class is lossless",
    );
    for n in [0, 3] {
        qos.queues[n].scheduler = Fact::implied(Scheduler::Percent(50), at, ROCE);
    }
    qos.queues[6].scheduler = Fact::implied(Scheduler::Strict, at, ROCE);
    let wred = &mut qos.queues[3].wred;
    wred.action = Fact::implied(WredAction::Mark, at, ROCE);
    wred.min = Fact::implied(150_000, at, ROCE);
    wred.max = Fact::implied(1_500_000, at, ROCE);
    wred.percent = Fact::implied(100, at, ROCE);
    if lossless {
        qos.groups[3].lossless = Fact::implied(true, at, "RoCE makes a lossless pool");
        switch_on(qos, 3, true, true, at);
    }
}

fn switch_on(qos: &mut Qos, priority: usize, send: bool, obey: bool, at: Span) {
    qos.pfc.mode = Fact::stated(PfcMode::On, at);
    qos.pfc.send[priority] = Fact::stated(send, at);
    qos.pfc.obey[priority] = Fact::stated(obey, at);
    qos.classes[priority].no_drop = Fact::stated(true, at);
    qos.pfc.stops = from_fn(|n| qos.classes[n].queue.clone());
}

fn mapping(qos: &mut Qos, statements: &[(Vec<String>, Span)]) {
    let mut dscp = None;
    let mut pcp = None;
    for (words, at) in statements {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["trust", trust] => {
                let trust = match *trust {
                    "dscp" | "l3" => Some(Trust::Dscp),
                    "pcp" | "l2" => Some(Trust::Pcp),
                    "both" => Some(Trust::DscpThenPcp),
                    "port" => Some(Trust::Nothing),
                    _ => None,
                };
                if let Some(trust) = trust {
                    qos.trust = Fact::stated(trust, *at);
                }
            }
            ["port-default-sp", class] => {
                if let Some(class) = class.parse().ok().filter(|c| *c < 8) {
                    qos.default_class = Fact::stated(class, *at);
                }
            }
            [kind @ ("dscp" | "pcp"), list, "switch-priority", class] => {
                let Some(class) = class.parse::<u8>().ok().filter(|c| *c < 8) else {
                    continue;
                };
                let most = if *kind == "dscp" { 63 } else { 7 };
                for n in numbers(list, most).unwrap_or_default() {
                    match *kind {
                        "dscp" => {
                            dscp.get_or_insert_with(|| (*qos.dscp).clone())[n as usize] =
                                Fact::stated(class, *at)
                        }
                        _ => {
                            pcp.get_or_insert_with(|| (*qos.pcp).clone())[n as usize] =
                                Fact::stated(class, *at)
                        }
                    }
                }
            }
            _ => {}
        }
    }
    if let Some(map) = dscp {
        qos.dscp = Arc::new(map);
    }
    if let Some(map) = pcp {
        qos.pcp = Arc::new(map);
    }
}

fn queues(qos: &mut Qos, state: &State, i: &Interface, bond: Option<&Interface>) {
    for (words, at) in acting(state, i, bond, "egress-queue-mapping") {
        if let [_, list, _, queue] = words.as_slice()
            && let Some(queue) = queue.parse::<u8>().ok().filter(|q| *q < 8)
        {
            for n in numbers(list, 7).unwrap_or_default() {
                qos.classes[n as usize].queue = Fact::stated(queue, *at);
            }
        }
    }
    for (words, at) in acting(state, i, bond, "egress-scheduler") {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let ["traffic-class", list, key, value] = words.as_slice() else {
            continue;
        };
        for n in numbers(list, 7).unwrap_or_default() {
            let queue = &mut qos.queues[n as usize];
            match (*key, *value) {
                ("mode", "strict") => queue.scheduler = Fact::stated(Scheduler::Strict, *at),
                ("bw-percent", percent) => {
                    if let Ok(percent) = percent.parse() {
                        queue.scheduler = Fact::stated(Scheduler::Percent(percent), *at);
                    }
                }
                _ => {}
            }
        }
    }
    for (words, at) in acting(state, i, bond, "congestion-control") {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let ["traffic-class", list, key, value] = words.as_slice() else {
            continue;
        };
        let on = matches!(*value, "enable" | "on" | "enabled");
        for n in numbers(list, 7).unwrap_or_default() {
            let wred = &mut qos.queues[n as usize].wred;
            match *key {
                "ecn" if on => wred.action = Fact::stated(WredAction::Mark, *at),
                "ecn" => wred.action = Fact::stated(WredAction::Off, *at),
                // RoCE packets are ECN-capable: with ECN they are marked, whatever RED does to others.
                "red" if on && !wred.action.is(&WredAction::Mark) => {
                    wred.action = Fact::stated(WredAction::Drop, *at)
                }
                "min-threshold" | "min-threshold-bytes" => wred.min = bytes(value, *at),
                "max-threshold" | "max-threshold-bytes" => wred.max = bytes(value, *at),
                "probability" => {
                    if let Ok(percent) = value.parse() {
                        wred.percent = Fact::stated(percent, *at);
                    }
                }
                _ => {}
            }
        }
    }
    qos.pfc.stops = from_fn(|n| qos.classes[n].queue.clone());
}

fn pfc(qos: &mut Qos, statements: &[(Vec<String>, Span)]) {
    let value = |key: &str| {
        statements
            .iter()
            .rev()
            .find(|(w, _)| w.first().is_some_and(|w| w == key))
    };
    let on = |key: &str| {
        value(key).is_none_or(|(w, _)| {
            w.get(1)
                .is_some_and(|w| matches!(w.as_str(), "enable" | "on" | "enabled"))
        })
    };
    let number = |key: &str| {
        value(key)
            .and_then(|(w, at)| Some((w.get(1)?, *at)))
            .map(|(v, at)| bytes(v, at))
    };
    for (words, at) in statements {
        let [key, list, ..] = words.as_slice() else {
            continue;
        };
        if key != "switch-priority" {
            continue;
        }
        for n in numbers(list, 7).unwrap_or_default() {
            let n = n as usize;
            switch_on(qos, n, on("tx"), on("rx"), *at);
            for (key, way) in [("tx", true), ("rx", false)] {
                if let Some((_, at)) = value(key) {
                    let fact = Fact::stated(on(key), *at);
                    match way {
                        true => qos.pfc.send[n] = fact,
                        false => qos.pfc.obey[n] = fact,
                    }
                }
            }
            let group = &mut qos.groups[n];
            group.lossless = Fact::stated(true, *at);
            let (buffer, xoff) = (number("port-buffer"), number("xoff-threshold"));
            let known = buffer
                .zip(xoff)
                .and_then(|(b, x)| Some((b.value()?, x.value()?, x.span()?)));
            if let Some((all, xoff, at)) = known {
                let why = "what is above XOFF in the port's buffer";
                group.headroom = Fact::implied(all.saturating_sub(xoff), at, why);
                group.limit = Fact::stated(Limit::Static(xoff), at);
            }
        }
    }
}

/// Bytes, with or without a unit.
fn bytes(text: &str, at: Span) -> Fact<u64> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let unit = text[digits.len()..].trim().to_ascii_lowercase();
    let factor = match unit.as_str() {
        "" | "b" | "bytes" => Some(1),
        "k" | "kb" => Some(1000),
        "m" | "mb" => Some(1_000_000),
        _ => None,
    };
    match digits
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(n, f)| n.checked_mul(f))
    {
        Some(bytes) => Fact::stated(bytes, at),
        None => Fact::unknown("the number of bytes is not understood"),
    }
}

fn digits(text: &str) -> Option<u64> {
    text.trim_end_matches(|c: char| c.is_ascii_alphabetic())
        .parse()
        .ok()
}

/// `100G`
fn gigabits(text: &str) -> Option<u64> {
    let upper = text.to_ascii_uppercase();
    upper
        .strip_suffix('G')?
        .parse()
        .ok()
        .filter(|g| (1..=3200).contains(g))
}

fn vlans(list: &str) -> Vec<(u16, u16)> {
    let part = |part: &str| {
        let (a, b) = part.split_once('-').unwrap_or((part, part));
        Some((a.trim().parse().ok()?, b.trim().parse().ok()?))
    };
    list.split(',').filter_map(part).collect()
}
