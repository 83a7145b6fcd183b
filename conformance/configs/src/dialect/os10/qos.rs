//! QoS of one port: its own bindings, else those of its LAG, else those of `system qos`.

use super::config::{Config, Interface, Matches, Policy, PolicyClass, Said, ValueMap, Wred};
use crate::defaults;
use crate::device::*;
use crate::fact::Fact;
use crate::source::Span;
use std::array::from_fn;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of the kilobytes that thresholds are given in.
const KB: u64 = 1024;

type Pcps = Arc<[Fact<u8>; 8]>;
type Dscps = Arc<[Fact<u8>; 64]>;

/// The configuration, with the maps that ports share.
pub(super) struct Resolver<'a> {
    pub config: &'a Config,
    pcps: BTreeMap<String, Pcps>,
    dscps: BTreeMap<String, Dscps>,
}

/// What a port is bound to, and where.
pub(super) struct Bound<'a> {
    own: &'a Interface,
    lag: Option<&'a Interface>,
    system: &'a Interface,
}

impl<'a> Bound<'a> {
    pub(super) fn new(
        own: &'a Interface,
        lag: Option<&'a Interface>,
        config: &'a Config,
    ) -> Bound<'a> {
        Bound {
            own,
            lag,
            system: &config.system,
        }
    }

    /// The nearest that says it.
    pub(super) fn get<T>(
        &self,
        what: impl Fn(&'a Interface) -> &'a Said<T>,
    ) -> Option<&'a (T, Span)> {
        let all = [Some(self.own), self.lag, Some(self.system)];
        all.into_iter().flatten().find_map(|i| what(i).as_ref())
    }

    /// The same without `system qos`.
    pub(super) fn port<T>(
        &self,
        what: impl Fn(&'a Interface) -> &'a Said<T>,
    ) -> Option<&'a (T, Span)> {
        let all = [Some(self.own), self.lag];
        all.into_iter().flatten().find_map(|i| what(i).as_ref())
    }
}

/// The policy of a name, if it is there.
pub(super) fn policy<'a>(config: &'a Config, kind: &str, name: &str) -> Option<&'a Policy> {
    config.policies.get(&(kind.to_owned(), name.to_owned()))
}

/// What a class of a policy matches.
pub(super) fn matches<'a>(
    config: &'a Config,
    kind: &str,
    class: &PolicyClass,
) -> &'a [(Matches, Span)] {
    let key = (kind.to_owned(), class.name.clone());
    config.classes.get(&key).map_or(&[], |map| &map.matches)
}

/// The groups that a class of type network-qos, or the queues that one of type queuing stands for.
pub(super) fn numbers_of(config: &Config, kind: &str, class: &PolicyClass) -> Vec<u8> {
    let all = matches(config, kind, class).iter();
    let lists = all.filter_map(|(m, _)| match m {
        Matches::Groups(list) | Matches::Queues(list) => Some(list.as_slice()),
        _ => None,
    });
    lists.flatten().copied().collect()
}

impl<'a> Resolver<'a> {
    pub(super) fn new(config: &'a Config) -> Resolver<'a> {
        Resolver {
            config,
            pcps: BTreeMap::new(),
            dscps: BTreeMap::new(),
        }
    }

    pub(super) fn qos(&mut self, bound: &Bound) -> Qos {
        let mut qos =
            Qos::plain("no line says so, and OS10's default is not known for all its releases");
        self.classify(bound, &mut qos);
        self.queues_of_classes(bound, &mut qos);
        self.lossless(bound, &mut qos);
        self.queues(bound, &mut qos);
        self.pause(bound, &mut qos);
        qos
    }

    fn classify(&mut self, bound: &Bound, qos: &mut Qos) {
        let none = "OS10 ports honour neither dot1p nor DSCP without a trust map";
        qos.trust = Fact::default(Trust::Nothing, none);
        // A map on the port is instead of those of the switch.
        let on_port =
            bound.port(|i| &i.trust_dscp).is_some() || bound.port(|i| &i.trust_dot1p).is_some();
        let find = |what: for<'x> fn(&'x Interface) -> &'x Said<String>| match on_port {
            true => bound.port(what),
            false => bound.get(what),
        };
        let dscp = find(|i| &i.trust_dscp).filter(|(name, _)| self.has_trust("dscp", name));
        let pcp = find(|i| &i.trust_dot1p).filter(|(name, _)| self.has_trust("dot1p", name));
        if let Some((name, _)) = dscp {
            qos.dscp = self.dscp_map(name);
        }
        if let Some((name, _)) = pcp {
            qos.pcp = self.pcp_map(name);
        }
        match (dscp, pcp) {
            (Some((_, at)), Some(_)) => qos.trust = Fact::stated(Trust::DscpThenPcp, *at),
            (Some((_, at)), None) => qos.trust = Fact::stated(Trust::Dscp, *at),
            (None, Some((_, at))) => qos.trust = Fact::stated(Trust::Pcp, *at),
            (None, None) => {}
        }
        let input = bound.get(|i| &i.qos);
        if let Some((policy, at)) =
            input.and_then(|(name, at)| Some((policy(self.config, "qos", name)?, *at)))
        {
            self.by_policy(policy, at, qos);
        }
    }

    fn has_trust(&self, kind: &str, name: &str) -> bool {
        name == "default"
            || self
                .config
                .trusts
                .contains_key(&(kind.to_owned(), name.to_owned()))
    }

    fn dscp_map(&mut self, name: &str) -> Dscps {
        if let Some(map) = self.dscps.get(name) {
            return map.clone();
        }
        let map = self
            .config
            .trusts
            .get(&("dscp".to_owned(), name.to_owned()));
        let facts: [Fact<u8>; 64] = match map {
            Some(map) => from_fn(|n| entry(map, n)),
            None => defaults(
                |n| n >> 3,
                "OS10's default map has DSCP n in qos-group n / 8",
            ),
        };
        let facts = Arc::new(facts);
        self.dscps.insert(name.to_owned(), facts.clone());
        facts
    }

    fn pcp_map(&mut self, name: &str) -> Pcps {
        if let Some(map) = self.pcps.get(name) {
            return map.clone();
        }
        let map = self
            .config
            .trusts
            .get(&("dot1p".to_owned(), name.to_owned()));
        let swapped = |n: u8| if n < 2 { 1 - n } else { n };
        let facts: [Fact<u8>; 8] = match map {
            Some(map) => from_fn(|n| entry(map, n)),
            None => defaults(
                swapped,
                "OS10's default map has dot1p 0 in qos-group 1, 1 in 0, others in their own",
            ),
        };
        let facts = Arc::new(facts);
        self.pcps.insert(name.to_owned(), facts.clone());
        facts
    }

    /// A policy of type qos goes before the trust maps.
    fn by_policy(&self, policy: &Policy, at: Span, qos: &mut Qos) {
        let (mut dscps, mut pcps) = (qos.dscp.clone(), qos.pcp.clone());
        let (mut by_dscp, mut by_pcp) = (false, false);
        let trusted = qos.trust.value() != Some(Trust::Nothing);
        if !trusted {
            // What no class matches has the default group.
            dscps = Arc::new(from_fn(|_| {
                Fact::implied(0, at, "no class of the policy matches it")
            }));
            pcps = Arc::new(from_fn(|_| {
                Fact::implied(0, at, "no class of the policy matches it")
            }));
        }
        for class in policy.classes.iter().rev() {
            if let Some((dscp, at)) = class.trust {
                (by_dscp, by_pcp) = (by_dscp || dscp, by_pcp || !dscp);
                let why = "class-trust has the default map";
                match dscp {
                    true => dscps = Arc::new(from_fn(|n| Fact::implied(low(n) >> 3, at, why))),
                    false => pcps = Arc::new(from_fn(|n| Fact::implied(low(n), at, why))),
                }
            }
            let Some((group, _)) = class.group else {
                continue;
            };
            for (matches, at) in matches(self.config, "qos", class) {
                match matches {
                    Matches::Dscp(list) => {
                        by_dscp = true;
                        let map = Arc::make_mut(&mut dscps);
                        list.iter()
                            .for_each(|&n| map[usize::from(n & 63)] = Fact::stated(group, *at));
                    }
                    Matches::Cos(list) => {
                        by_pcp = true;
                        let map = Arc::make_mut(&mut pcps);
                        list.iter()
                            .for_each(|&n| map[usize::from(n & 7)] = Fact::stated(group, *at));
                    }
                    Matches::Other => {
                        let why = "an access list decides about the class";
                        qos.default_class = Fact::unknown(why);
                        dscps = Arc::new(from_fn(|_| Fact::unknown(why)));
                        by_dscp = true;
                    }
                    Matches::Groups(_) | Matches::Queues(_) => {}
                }
            }
        }
        let trust = match (by_dscp, by_pcp, qos.trust.value()) {
            (true, true, _) | (true, _, Some(Trust::Pcp)) | (_, true, Some(Trust::Dscp)) => {
                Trust::DscpThenPcp
            }
            (true, false, _) => Trust::Dscp,
            (false, true, _) => Trust::Pcp,
            (false, false, _) => return,
        };
        if by_dscp && by_pcp && !trusted {
            // Of a tagged frame whose DSCP no class matches, the tag decides.
            let map = Arc::make_mut(&mut dscps);
            for fact in map.iter_mut().filter(|f| f.is(&0)) {
                *fact = Fact::unknown("no class matches the DSCP");
            }
        }
        qos.trust = Fact::implied(trust, at, "the policy classifies");
        (qos.dscp, qos.pcp) = (dscps, pcps);
    }

    fn queues_of_classes(&self, bound: &Bound, qos: &mut Qos) {
        let Some((name, at)) = bound.get(|i| &i.queue_map) else {
            return;
        };
        let Some(map) = self.config.queue_maps.get(name) else {
            return;
        };
        for n in 0..8_u8 {
            let fact = match map.get(n) {
                Some((queue, at)) => Fact::stated(queue, at),
                None => Fact::implied(
                    n,
                    *at,
                    "a group that the map does not name keeps its own queue",
                ),
            };
            qos.classes[usize::from(n)].queue = fact;
        }
    }

    fn lossless(&self, bound: &Bound, qos: &mut Qos) {
        let Some((name, bound_at)) = bound.get(|i| &i.network_qos) else {
            return;
        };
        let Some(policy) = policy(self.config, "network-qos", name) else {
            return;
        };
        for class in &policy.classes {
            let Some((pause, at)) = class.pause else {
                continue;
            };
            let groups = numbers_of(self.config, "network-qos", class);
            for (position, &group) in groups.iter().enumerate() {
                let n = usize::from(group & 7);
                let Some((list, cos_at)) = &class.cos else {
                    qos.classes[n].no_drop =
                        Fact::implied(false, at, "there is no `pfc-cos` beside `pause`");
                    continue;
                };
                qos.classes[n].no_drop = Fact::stated(true, at);
                // Several groups pause by several priorities, each by its own if the list has it.
                let own = list.contains(&group).then_some(group);
                let cos = own
                    .or_else(|| list.get(position).copied())
                    .or(list.first().copied());
                if let Some(cos) = cos {
                    qos.classes[n].pause = Fact::stated(cos & 7, *cos_at);
                }
                for &cos in list {
                    let p = usize::from(cos & 7);
                    qos.pfc.send[p] = Fact::stated(true, *cos_at);
                    qos.pfc.obey[p] = Fact::stated(true, *cos_at);
                    let how = "pause of the priority stops the queue of its group";
                    if let Some(queue) = qos.classes[n].queue.value()
                        && (own.is_none() || cos == group)
                    {
                        qos.pfc.stops[p] = Fact::implied(queue, *bound_at, how);
                    }
                }
                group_of(&mut qos.groups[n], pause, at, class);
            }
        }
    }

    fn queues(&self, bound: &Bound, qos: &mut Qos) {
        // One WRED profile for the whole port.
        if let Some((name, at)) = bound.port(|i| &i.wred)
            && let Some(wred) = self.config.wreds.get(name)
        {
            for queue in &mut qos.queues {
                queue.wred = wred_of(wred, *at);
            }
        }
        let Some((name, _)) = bound.get(|i| &i.queuing) else {
            return;
        };
        let Some(policy) = policy(self.config, "queuing", name) else {
            return;
        };
        for class in &policy.classes {
            for n in numbers_of(self.config, "queuing", class) {
                let queue = &mut qos.queues[usize::from(n & 7)];
                if let Some((percent, at)) = class.bandwidth {
                    queue.scheduler = Fact::stated(Scheduler::Percent(percent), at);
                }
                if let Some(((), at)) = class.strict {
                    queue.scheduler = Fact::stated(Scheduler::Strict, at);
                }
                if let Some((rate, at)) = class.shaper {
                    queue.shaper = Fact::stated(Some(rate), at);
                }
                match class
                    .wred
                    .as_ref()
                    .map(|(name, at)| (self.config.wreds.get(name), *at))
                {
                    Some((Some(wred), at)) => queue.wred = wred_of(wred, at),
                    Some((None, _)) => {
                        queue.wred.action =
                            Fact::unknown("the WRED profile that it names is not in the file");
                    }
                    None => {}
                }
            }
        }
    }

    fn pause(&self, bound: &Bound, qos: &mut Qos) {
        if let Some((on, at)) = bound.port(|i| &i.pfc) {
            let mode = if *on { PfcMode::On } else { PfcMode::Off };
            qos.pfc.mode = Fact::stated(mode, *at);
        }
        if let Some((on, at)) = bound.port(|i| &i.receive) {
            qos.pause_rx = Fact::stated(*on, *at);
        }
        if let Some((on, at)) = bound.port(|i| &i.transmit) {
            qos.pause_tx = Fact::stated(*on, *at);
        }
        qos.watchdog.on = match bound.port(|i| &i.watchdog) {
            Some((on, at)) => Fact::stated(*on, *at),
            None => Fact::unknown(
                "no line is about a PFC watchdog, and which releases of OS10 have one is not known",
            ),
        };
        let config = self.config;
        let switch = match (&config.lldp, &config.dcbx) {
            (Some((false, at)), _) => {
                Fact::implied(false, *at, "DCBX goes with LLDP, which is off")
            }
            (_, Some((on, at))) => Fact::stated(*on, *at),
            _ => Fact::default(false, "OS10 speaks no DCBX without `dcbx enable`"),
        };
        qos.dcbx.on = match bound.port(|i| &i.dcbx) {
            Some((false, at)) => Fact::implied(false, *at, "the port sends no such TLVs"),
            _ => switch,
        };
        qos.dcbx.version = match bound.port(|i| &i.version) {
            Some((version, at)) => Fact::stated(*version, *at),
            None => Fact::default(DcbxVersion::Auto, "OS10's DCBX speaks what the peer speaks"),
        };
        qos.dcbx.willing = match bound.port(|i| &i.willing) {
            Some((willing, at)) => Fact::stated(*willing, *at),
            None => Fact::default(false, "OS10 ports keep their own settings"),
        };
    }
}

fn low(n: usize) -> u8 {
    u8::try_from(n).unwrap_or(0)
}

fn entry(map: &ValueMap, n: usize) -> Fact<u8> {
    match map.get(low(n)) {
        Some((group, at)) => Fact::stated(group, at),
        None => Fact::implied(
            0,
            map.at,
            "values that the map does not name are in qos-group 0",
        ),
    }
}

/// `pause buffer-size 120 pause-threshold 60 resume-threshold 40`: what is above the threshold is
/// there for frames under way.
fn group_of(group: &mut Group, pause: super::config::Pause, at: Span, class: &PolicyClass) {
    group.lossless = Fact::stated(true, at);
    if let (Some(size), Some(xoff)) = (pause.size, pause.xoff) {
        let headroom = size.saturating_sub(xoff).saturating_mul(KB);
        group.headroom = Fact::implied(headroom, at, "buffer-size less pause-threshold");
    }
    if let (Some(xoff), Some(xon)) = (pause.xoff, pause.xon) {
        let offset = xoff.saturating_sub(xon).saturating_mul(KB);
        group.xon_offset = Fact::implied(offset, at, "pause-threshold less resume-threshold");
    }
    if let Some((limit, at)) = class.limit {
        group.limit = Fact::stated(limit, at);
    }
}

fn wred_of(wred: &Wred, at: Span) -> crate::device::Wred {
    let action = match (&wred.ecn, &wred.min) {
        (Some(((), at)), _) => Fact::stated(WredAction::Mark, *at),
        (None, Some(_)) => Fact::implied(
            WredAction::Drop,
            at,
            "the profile has no `random-detect ecn`",
        ),
        (None, None) => Fact::implied(WredAction::Off, at, "the profile has no thresholds"),
    };
    let bytes = |said: &Said<u64>| match said {
        Some((kb, at)) => Fact::stated(kb.saturating_mul(KB), *at),
        None => Fact::unknown("the WRED profile does not say it"),
    };
    crate::device::Wred {
        action,
        min: bytes(&wred.min),
        max: bytes(&wred.max),
        percent: match &wred.percent {
            Some((percent, at)) => Fact::stated(*percent, *at),
            None => Fact::unknown("the WRED profile does not say it"),
        },
    }
}
