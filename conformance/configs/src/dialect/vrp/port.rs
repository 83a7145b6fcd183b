//! Ports of the model from what the commands left behind.

use super::state::State;
use super::values::*;
use crate::device::{
    Class, Dcbx, DcbxVersion, EIGHT, Group, Limit, Pfc, PfcMode, Port, PortKind, Qos, Scheduler,
    Trust, Vlans, Watchdog, Wred, WredAction,
};
use crate::fact::Fact;
use std::array::from_fn;
use std::collections::BTreeMap;
use std::sync::Arc;
use xoff_model::time::SimDuration;
use xoff_model::units::BitRate;

/// The class of each DSCP and of each 802.1p priority.
type Tables = (Arc<[Fact<u8>; 64]>, Arc<[Fact<u8>; EIGHT]>);

/// Frames of 9216 bytes pass by default; 18 of them are the Ethernet header and check sum.
const JUMBO: u32 = 9216;
const FRAME: u32 = 18;

pub(super) struct Builder<'s, 'a> {
    pub(super) state: &'s State<'a>,
    tables: BTreeMap<(Option<&'a str>, Option<&'a str>), Tables>,
}

/// A priority of a PFC profile.
type Priorities = [Fact<bool>; EIGHT];

impl<'s, 'a> Builder<'s, 'a> {
    pub(super) fn new(state: &'s State<'a>) -> Builder<'s, 'a> {
        Builder {
            state,
            tables: BTreeMap::new(),
        }
    }

    /// A port; `lag` is the Eth-Trunk that it is a member of.
    pub(super) fn port(&mut self, own: &Interface<'a>, lag: Option<&Interface<'a>>) -> Port {
        let merged = merged(own, lag);
        let upper = lag.unwrap_or(own);
        let (native_vlan, tagged_vlans) = vlans(upper);
        Port {
            name: own.name.clone(),
            at: Some(own.at),
            kind: if own.name.starts_with("Eth-Trunk") {
                PortKind::Lag
            } else {
                PortKind::Physical
            },
            lag: own.trunk.as_ref().map(|t| (t.value.clone(), t.at)),
            description: own.description.clone(),
            enabled: match own.shutdown {
                Some(at) => Fact::stated(false, at),
                None => Fact::default(true, "ports are up unless a line shuts them"),
            },
            routed: match upper.routed {
                Some(at) => Fact::stated(true, at),
                None => Fact::default(false, "CloudEngine ports are switched ones"),
            },
            speed: speed(own),
            cable: Fact::unknown("no line gives the length of the cable"),
            mtu: mtu(upper),
            native_vlan,
            tagged_vlans,
            qos: self.qos(&merged),
            rdma: None,
        }
    }

    fn qos(&mut self, port: &Interface<'a>) -> Qos {
        let (dscp, pcp) = self.tables(port);
        let priorities = self.priorities(port);
        let mut qos = Qos::unknown("Huawei does not tell it");
        qos.trust = trust(port);
        qos.default_class = default_class(port, &pcp);
        qos.dscp = dscp;
        qos.pcp = pcp;
        qos.classes = from_fn(|n| class(n, &priorities[n]));
        qos.groups = from_fn(|n| group(&port.queues[n], &priorities[n]));
        qos.queues = from_fn(|n| self.queue(port, n));
        qos.pfc = Pfc {
            mode: self.mode(port),
            send: priorities.clone(),
            obey: priorities,
            stops: from_fn(|n| Fact::default(index(n), "a priority stops the queue of its number")),
        };
        let pause = |said: Option<Said<bool>>| match said {
            Some(said) => Fact::stated(said.value, said.at),
            None => Fact::default(false, "flow-control is off by default"),
        };
        qos.pause_rx = pause(port.pause_rx);
        qos.pause_tx = pause(port.pause_tx);
        qos.watchdog = self.watchdog(port);
        qos.dcbx = self.dcbx(port);
        qos
    }

    fn tables(&mut self, port: &Interface<'a>) -> Tables {
        let policy = port.policy.or(self.state.global_policy).map(|p| p.value);
        let domain = port.upstream.map(|d| d.value);
        if let Some(known) = self.tables.get(&(domain, policy)) {
            return known.clone();
        }
        let (mut dscp, mut pcp) = self.domain(domain);
        let rules = policy.and_then(|p| self.state.policies.get(p));
        for (classifier, behavior) in rules.into_iter().flatten().rev() {
            let matches = self.state.classifiers.get(classifier);
            let queue = self.state.behaviors.get(behavior);
            let (Some(matches), Some(queue)) = (matches, queue) else {
                continue;
            };
            let fact = if matches.other {
                Fact::unknown("a traffic policy sorts some packets by what is not followed")
            } else {
                Fact::stated(queue.value, queue.at)
            };
            let all = matches.any || matches.other;
            for (n, place) in dscp.iter_mut().enumerate() {
                if all || matches.dscp.contains(&index(n)) {
                    *place = fact.clone();
                }
            }
            for (n, place) in pcp.iter_mut().enumerate() {
                if all || matches.pcp.contains(&index(n)) {
                    *place = fact.clone();
                }
            }
        }
        let tables = (Arc::new(dscp), Arc::new(pcp));
        self.tables.insert((domain, policy), tables.clone());
        tables
    }

    fn domain(&self, name: Option<&str>) -> ([Fact<u8>; 64], [Fact<u8>; EIGHT]) {
        let name = name.unwrap_or("default");
        let domain = self.state.domains.get(name);
        if domain.is_none() && !matches!(name, "default" | "none") {
            let why = || Fact::unknown(format!("no diffserv domain is called {name}"));
            return (from_fn(|_| why()), from_fn(|_| why()));
        }
        let entry = |said: Option<Said<u8>>, default: usize| match said {
            Some(said) => Fact::stated(said.value, said.at),
            None => Fact::default(
                index(default),
                "what a domain does not list keeps its default PHB",
            ),
        };
        let dscp = from_fn(|n| entry(domain.and_then(|d| d.dscp[n]), n >> 3));
        let pcp = from_fn(|n| entry(domain.and_then(|d| d.pcp[n]), n));
        (dscp, pcp)
    }

    /// The priorities of the profile that the port has.
    fn priorities(&self, port: &Interface) -> Priorities {
        let Some(bound) = port.pfc else {
            return from_fn(|_| Fact::default(false, "no PFC profile is applied to the port"));
        };
        let name = bound.value.0;
        let profile = self.state.profiles.get(name);
        let stated = profile.map_or(&[][..], |p| &p.priorities);
        if profile.is_none() && name != "default" {
            return from_fn(|_| Fact::unknown(format!("no PFC profile is called {name}")));
        }
        let emptied = profile.and_then(|p| p.emptied);
        from_fn(|n| {
            let said = stated.iter().find(|p| usize::from(p.value) == n);
            match (said, emptied) {
                (Some(said), _) => Fact::stated(true, said.at),
                (None, Some(at)) if stated.is_empty() => {
                    Fact::implied(false, at, "the profile has no priority")
                }
                (None, _) if stated.is_empty() => Fact::default(
                    n == 3,
                    "a PFC profile has priority 3 unless a line says others",
                ),
                _ => Fact::default(false, "the PFC profile does not name this priority"),
            }
        })
    }

    fn mode(&self, port: &Interface) -> Fact<PfcMode> {
        match (port.pfc, self.state.pfc_off) {
            (Some(_), Some(at)) => Fact::implied(PfcMode::Off, at, "PFC is off on all ports"),
            (Some(bound), None) if bound.value.1 => Fact::stated(PfcMode::Auto, bound.at),
            (Some(bound), None) => Fact::stated(PfcMode::On, bound.at),
            (None, _) => Fact::default(PfcMode::Off, "no PFC profile is applied to the port"),
        }
    }

    fn queue(&self, port: &Interface, n: usize) -> crate::device::Queue {
        let queue = &port.queues[n];
        crate::device::Queue {
            scheduler: self.scheduler(port, n),
            shaper: match queue.shaping.map(|s| (s.value, s.at)) {
                Some((Rate::Bits(rate), at)) => Fact::stated(Some(rate), at),
                Some((Rate::Percent(percent), at)) => match speed(port).value() {
                    Some(speed) => {
                        let part = speed.bps() / 100 * u64::from(percent);
                        Fact::stated(Some(BitRate::from_bps(part.max(1))), at)
                    }
                    None => Fact::unknown("the speed of the port is not known"),
                },
                None => Fact::default(None, "no line limits the queue's rate"),
            },
            wred: self.wred(queue, n),
        }
    }

    fn scheduler(&self, port: &Interface, n: usize) -> Fact<Scheduler> {
        let queue = &port.queues[n];
        if let Some(bound) = port.ets {
            return match self.state.ets.get(bound.value) {
                Some(ets) => ets_share(ets, n, bound.at),
                None if bound.value == "default" => ets_share(&Ets::new(), n, bound.at),
                None => Fact::unknown(format!("no ETS profile is called {}", bound.value)),
            };
        }
        match (queue.service, queue.weight) {
            (Some(line), _) if line.value == Service::Strict => {
                Fact::stated(Scheduler::Strict, line.at)
            }
            (Some(_), Some(weight)) => Fact::stated(Scheduler::Weight(weight.value), weight.at),
            (Some(line), None) => {
                Fact::implied(Scheduler::Weight(1), line.at, "the default weight")
            }
            (None, Some(_)) => Fact::unknown("a weight without qos drr"),
            (None, None) => Fact::default(Scheduler::Strict, "queues are PQ by default"),
        }
    }

    fn wred(&self, queue: &Queue, n: usize) -> Wred {
        let by_ai = self
            .state
            .ai_queues
            .iter()
            .any(|q| usize::from(q.value) == n);
        let profile = queue.drops.map(|d| self.state.drops.get(d.value));
        let levels = match profile {
            Some(Some(profile)) if queue.ecn.is_some() => profile.ecn.or(profile.green),
            Some(Some(profile)) => profile.green,
            _ => None,
        };
        let action = match (queue.ecn, queue.drops, profile) {
            (_, Some(drops), Some(None)) if drops.value != "default" => {
                Fact::unknown(format!("no drop profile is called {}", drops.value))
            }
            (Some(at), ..) => Fact::stated(WredAction::Mark, at),
            (None, Some(drops), _) if levels.is_some() => Fact::stated(WredAction::Drop, drops.at),
            (None, Some(drops), _) => Fact::implied(
                WredAction::Off,
                drops.at,
                "the profile drops nothing before the queue is full",
            ),
            (None, None, _) => Fact::default(WredAction::Off, "no drop profile: tail drop only"),
        };
        let bytes = |pick: fn(u64, u64) -> u64| match levels {
            _ if by_ai => Fact::unknown("AI ECN sets the thresholds"),
            Some((Levels::Bytes(low, high), _, at)) => Fact::stated(pick(low, high), at),
            Some((Levels::Cells, ..)) => Fact::unknown("thresholds in cells, which differ by chip"),
            Some((Levels::Percent(..), ..)) => Fact::unknown("thresholds in percent of the queue"),
            None => Fact::unknown("no line gives thresholds"),
        };
        Wred {
            action,
            min: bytes(|low, _| low),
            max: bytes(|_, high| high),
            percent: match levels {
                Some((_, percent, at)) => Fact::stated(percent, at),
                None => Fact::unknown("no line gives it"),
            },
        }
    }

    fn watchdog(&self, port: &Interface) -> Watchdog {
        let state = self.state;
        let profile = port.pfc.and_then(|p| state.profiles.get(p.value.0));
        let unit = state.interval.map_or(10, |i| i.value);
        let time = |own: Option<&Said<u64>>, all: Option<Said<u64>>| {
            let ms = |n: u64| SimDuration::from_ms(n.min(1 << 40));
            match (own, all) {
                (Some(own), _) => Fact::stated(ms(own.value.saturating_mul(unit)), own.at),
                (None, Some(all)) => Fact::stated(ms(all.value), all.at),
                (None, None) => Fact::default(ms(100), "100 ms by default"),
            }
        };
        let detect = profile.and_then(|p| p.detect.last());
        let recover = profile.and_then(|p| p.recover.last());
        let never = recover.or(state.recover.as_ref()).filter(|r| r.value == 0);
        let said = detect
            .or(recover)
            .or(state.detect.as_ref())
            .or(state.recover.as_ref());
        Watchdog {
            on: match (never, said) {
                (Some(line), _) => {
                    Fact::implied(false, line.at, "with recovery time 0 nothing is recovered")
                }
                (None, Some(line)) => Fact::stated(true, line.at),
                (None, None) => {
                    Fact::default(true, "PFC deadlock detection is always on on CloudEngine")
                }
            },
            detect: time(detect, state.detect),
            restore: time(recover, state.recover),
            poll: Fact::unknown("the hardware watches by itself"),
            drops: match state.drops_packets {
                Some(said) => Fact::stated(said.value, said.at),
                None => Fact::default(false, "packets are forwarded meanwhile"),
            },
        }
    }

    fn dcbx(&self, port: &Interface) -> Dcbx {
        let lldp = self.state.lldp.is_some_and(|l| l.value);
        Dcbx {
            on: match port.dcbx {
                Some(said) if said.value && !lldp => {
                    Fact::implied(false, said.at, "LLDP is not enabled")
                }
                Some(said) => Fact::stated(said.value, said.at),
                None => Fact::default(false, "no DCBX TLVs without lldp tlv-enable dcbx"),
            },
            version: match port.cee {
                Some(at) => Fact::stated(DcbxVersion::Cee, at),
                None => Fact::default(DcbxVersion::Ieee, "DCBX of IEEE by default"),
            },
            willing: Fact::unknown("Huawei does not tell whether its switches are willing"),
        }
    }
}

/// What a member has: its own statements, and the Eth-Trunk's where it has none. PFC is a matter of the
/// member only.
fn merged<'a>(own: &Interface<'a>, lag: Option<&Interface<'a>>) -> Interface<'a> {
    let mut port = own.clone();
    if let Some(lag) = lag {
        port.routed = lag.routed;
        port.link_type = lag.link_type;
        port.trust = own.trust.or(lag.trust);
        port.upstream = own.upstream.or(lag.upstream);
        port.priority = own.priority.or(lag.priority);
        port.policy = own.policy.or(lag.policy);
        port.pfc = own.pfc.or(lag.pfc);
        port.ets = own.ets.or(lag.ets);
        for (place, of_lag) in port.queues.iter_mut().zip(&lag.queues) {
            place.drops = place.drops.or(of_lag.drops);
            place.ecn = place.ecn.or(of_lag.ecn);
            place.service = place.service.or(of_lag.service);
            place.weight = place.weight.or(of_lag.weight);
            place.shaping = place.shaping.or(of_lag.shaping);
        }
    }
    port
}

fn speed(port: &Interface) -> Fact<BitRate> {
    match (port.speed, by_name(&port.name)) {
        (Some(said), _) => Fact::stated(said.value, said.at),
        (None, Some(rate)) => Fact::implied(rate, port.at, "the name of the port tells it"),
        (None, None) => Fact::unknown("no line gives the speed of this port"),
    }
}

/// Frames up to the jumbo limit pass; `mtu` of a routed port is the IP packet itself.
fn mtu(port: &Interface) -> Fact<u32> {
    if let (Some(said), Some(_)) = (port.mtu, port.routed) {
        return Fact::stated(said.value, said.at);
    }
    match port.jumbo {
        Some(said) => Fact::stated(said.value.saturating_sub(FRAME), said.at),
        None => Fact::default(
            JUMBO - FRAME,
            "frames of 9216 bytes pass by default, with header and check sum",
        ),
    }
}

fn vlans(port: &Interface) -> (Fact<Option<u16>>, Fact<Vlans>) {
    if port.routed.is_some() {
        let why = "a routed port has no VLAN";
        let tagged = match port.allowed_at {
            Some(at) => Fact::stated(Vlans::These(joined(port.allowed.clone())), at),
            None => Fact::default(Vlans::These(Vec::new()), why),
        };
        return (Fact::unknown(why), tagged);
    }
    let native = match port.pvid {
        Some(said) => Fact::stated(Some(said.value), said.at),
        None => Fact::default(Some(1), "ports are in VLAN 1 by default"),
    };
    let trunk = port
        .link_type
        .filter(|kind| matches!(kind.value, "trunk" | "hybrid"));
    let Some(kind) = trunk else {
        let why = "an access port takes no tag";
        return (native, Fact::default(Vlans::These(Vec::new()), why));
    };
    let pvid = port.pvid.map_or(1, |p| p.value);
    // A trunk has VLAN 1 unless it is taken away.
    let mut ranges = port.allowed.clone();
    let without_one = port.untagged.contains(&(1, 1));
    if kind.value == "trunk" && !without_one {
        ranges.push((1, 1));
    }
    let ranges = joined(ranges);
    let listed = ranges
        .iter()
        .any(|(low, high)| (*low..=*high).contains(&pvid));
    let native = if kind.value == "trunk" && !listed {
        match port.pvid.map(|p| p.at).or(port.allowed_at) {
            Some(at) => Fact::implied(None, at, "the port does not let its PVID pass"),
            None => native,
        }
    } else {
        native
    };
    let tagged = match port.allowed_at {
        Some(at) if ranges.contains(&(1, 4094)) => Fact::stated(Vlans::All, at),
        Some(at) => Fact::stated(Vlans::These(ranges), at),
        None => Fact::default(Vlans::These(ranges), "a trunk carries VLAN 1 by default"),
    };
    (native, tagged)
}

/// Ranges in their order; those that touch are one.
fn joined(mut ranges: Vec<(u16, u16)>) -> Vec<(u16, u16)> {
    ranges.sort_unstable();
    let mut found: Vec<(u16, u16)> = Vec::new();
    for (low, high) in ranges {
        match found.last_mut() {
            Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
            _ => found.push((low, high)),
        }
    }
    found
}

fn trust(port: &Interface) -> Fact<Trust> {
    if let Some(domain) = port.upstream.filter(|d| d.value == "none") {
        return Fact::stated(Trust::Nothing, domain.at);
    }
    match (port.trust, port.routed) {
        (Some(said), _) => {
            let trust = match said.value {
                Field::Dscp => Trust::Dscp,
                Field::Pcp => Trust::Pcp,
            };
            Fact::stated(trust, said.at)
        }
        (None, Some(_)) => Fact::default(Trust::Dscp, "routed ports trust DSCP"),
        (None, None) => Fact::default(Trust::Pcp, "switched ports trust the tag's priority"),
    }
}

fn default_class(port: &Interface, pcp: &[Fact<u8>; EIGHT]) -> Fact<u8> {
    let priority = port.priority.map_or(0, |p| p.value);
    match (pcp[usize::from(priority & 7)].value(), port.priority) {
        (Some(queue), Some(said)) => Fact::stated(queue, said.at),
        (Some(queue), None) => Fact::default(queue, "port priority is 0 by default"),
        (None, _) => Fact::unknown("the domain of the port is not known"),
    }
}

fn class(n: usize, lossless: &Fact<bool>) -> Class {
    let queue = || {
        Fact::default(
            index(n),
            "a PHB has the queue of its number, and its priority",
        )
    };
    const NAMES: [&str; EIGHT] = ["be", "af1", "af2", "af3", "af4", "ef", "cs6", "cs7"];
    Class {
        name: NAMES[n].to_owned(),
        queue: queue(),
        group: queue(),
        no_drop: lossless.clone(),
        pause: queue(),
        mtu: Fact::default(None, "classes have no MTU of their own"),
    }
}

fn group(queue: &Queue, lossless: &Fact<bool>) -> Group {
    let bytes = |said: Option<Said<u64>>, why: &'static str| match said {
        Some(said) => Fact::stated(said.value, said.at),
        None => Fact::unknown(why),
    };
    Group {
        lossless: lossless.clone(),
        headroom: bytes(
            queue.headroom,
            "the switch has a default headroom of its own",
        ),
        reserved: bytes(queue.guaranteed, "the switch has a default of its own"),
        limit: match queue.xoff {
            Some(said) => Fact::stated(Limit::Static(said.value), said.at),
            None => Fact::unknown("the switch has a default threshold of its own"),
        },
        xon_offset: bytes(queue.xon_offset, "the switch has a default of its own"),
    }
}

/// The share of a queue in an ETS profile. Queues of group 15 are strict; queues 0 to 2, 4 and 5 are in
/// group 0 by default, 3 in group 1, 6 and 7 in group 15.
fn ets_share(ets: &Ets, n: usize, at: crate::source::Span) -> Fact<Scheduler> {
    const GROUPS: [usize; EIGHT] = [0, 0, 0, 1, 0, 0, 15, 15];
    let group_of = |n: usize| ets.group[n].map_or(GROUPS[n], |g| usize::from(g.value));
    let group = group_of(n);
    if group == 15 {
        return match ets.group[n] {
            Some(said) => Fact::stated(Scheduler::Strict, said.at),
            None => Fact::implied(Scheduler::Strict, at, "priority group 15 is strict"),
        };
    }
    let weight = |group: usize| ets.weight[group & 15].map_or(50, |w| w.value);
    let mut used: Vec<usize> = (0..EIGHT).map(group_of).filter(|g| *g != 15).collect();
    used.sort_unstable();
    used.dedup();
    let sum: u64 = used.iter().map(|g| u64::from(weight(*g))).sum();
    let mut share = u64::from(weight(group)) * 100 / sum.max(1);
    // Within its group a queue is strict, unless it has a weight there.
    if let Some(own) = ets.inner[n] {
        let others = (0..EIGHT).filter(|m| group_of(*m) == group);
        let inner: u64 = others.filter_map(|m| ets.inner[m]).map(u64::from).sum();
        share = share * u64::from(own) / inner.max(1);
    }
    let share = Scheduler::Percent(u32::try_from(share).unwrap_or(100));
    match ets.weight[group & 15] {
        Some(said) => Fact::stated(share, said.at),
        None => Fact::implied(share, at, "the default weights of priority groups, 50 each"),
    }
}

fn index(n: usize) -> u8 {
    u8::try_from(n).unwrap_or(u8::MAX)
}
