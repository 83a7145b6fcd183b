//! QoS of one port of EOS.

use super::config::{Config, Curve, Interface, Matches, Rate, Said, Settings, Times, Trusts, Unit};
use crate::defaults;
use crate::device::*;
use crate::fact::Fact;
use crate::source::Span;
use std::array::from_fn;
use std::sync::Arc;
use xoff_model::units::BitRate;

/// The maps that all ports have.
pub(super) struct Maps {
    cos: Arc<[Fact<u8>; 8]>,
    dscp: Arc<[Fact<u8>; 64]>,
    queues: [Fact<u8>; 8],
}

/// EOS has the classes of 0 and 1 the other way round: best effort is in class 1.
fn swapped(n: u8) -> u8 {
    if n < 2 { 1 - n } else { n }
}

impl Maps {
    pub(super) fn new(config: &Config) -> Maps {
        let mut cos = defaults(
            swapped,
            "EOS has CoS 0 in class 1, 1 in 0, and others in their own",
        );
        let why = "EOS has DSCP 0-7 in class 1, 8-15 in class 0, and others n in class n / 8";
        let mut dscp = defaults(|n| swapped(n >> 3), why);
        let mut queues = defaults(|n| n, "EOS has a class in its own queue");
        fn put<const N: usize>(facts: &mut [Fact<u8>; N], said: &[(u8, u8, Span)]) {
            for &(value, class, at) in said {
                facts[usize::from(value) % N] = Fact::stated(class, at);
            }
        }
        put(&mut cos, &config.cos);
        put(&mut dscp, &config.dscp);
        put(&mut queues, &config.queues);
        Maps {
            cos: Arc::new(cos),
            dscp: Arc::new(dscp),
            queues,
        }
    }
}

/// What one port is, beside its settings.
pub(super) struct Around<'a> {
    pub config: &'a Config,
    pub routed: &'a Fact<bool>,
    pub speed: Option<BitRate>,
    /// The port, or the LAG that it is a member of.
    pub port: &'a Interface,
    /// The port itself: LLDP and pause of the link are its own.
    pub member: &'a Interface,
}

pub(super) fn qos(maps: &Maps, settings: &Settings, around: &Around) -> Qos {
    let mut qos = Qos::plain("no line says so, and EOS's default differs between its models");
    classify(maps, settings, around, &mut qos);
    for (n, class) in qos.classes.iter_mut().enumerate() {
        class.queue = maps.queues[n].clone();
    }
    lossless(maps, settings, around, &mut qos);
    for n in 0..EIGHT {
        qos.queues[n] = queue(settings, n, around);
    }
    qos.watchdog = watchdog(settings, around.config);
    link(around, &mut qos);
    qos
}

fn classify(maps: &Maps, settings: &Settings, around: &Around, qos: &mut Qos) {
    qos.dscp = maps.dscp.clone();
    qos.pcp = maps.cos.clone();
    let cos = settings.cos.map_or(0, |(n, _)| n);
    let dscp = settings.dscp.map_or(0, |(n, _)| n);
    let default = |class: &Fact<u8>, said: Said<u8>, how: &'static str| match (class.value(), said)
    {
        (Some(class), Some((_, at))) => Fact::implied(class, at, how),
        _ => class.clone(),
    };
    let by_cos = default(
        &maps.cos[usize::from(cos & 7)],
        settings.cos,
        "the class of the port's own CoS",
    );
    let by_dscp = default(
        &maps.dscp[usize::from(dscp & 63)],
        settings.dscp,
        "the class of the port's own DSCP",
    );
    qos.trust = match (settings.trust, around.routed.value()) {
        (Some((Trusts::Dscp, at)), _) => Fact::stated(Trust::Dscp, at),
        (Some((Trusts::Cos, at)), _) => Fact::stated(Trust::Pcp, at),
        (Some((Trusts::Nothing, at)), _) => Fact::stated(Trust::Nothing, at),
        (None, Some(true)) => Fact::default(Trust::Dscp, "routed ports of EOS trust DSCP"),
        (None, Some(false)) => Fact::default(Trust::Pcp, "switched ports of EOS trust CoS"),
        (None, None) => {
            Fact::unknown("EOS ports trust DSCP if they are routed, which is not known")
        }
    };
    qos.default_class = match qos.trust.value() {
        Some(Trust::Dscp) => by_dscp,
        _ => by_cos,
    };
    let policy = settings.policy.as_ref();
    if let Some((classes, at)) =
        policy.and_then(|(name, at)| Some((around.config.policies.get(name)?, *at)))
    {
        by_policy(around.config, classes, at, qos);
    }
}

/// A policy of type qos decides before what the port trusts.
fn by_policy(config: &Config, classes: &[super::config::PolicyClass], at: Span, qos: &mut Qos) {
    let list = "a policy with an access list decides about the class";
    let mut by = (false, false);
    for class in classes.iter().rev() {
        let Some((to, set_at)) = class.class else {
            continue;
        };
        if class.name == "class-default" {
            qos.dscp = Arc::new(from_fn(|_| Fact::stated(to, set_at)));
            qos.pcp = Arc::new(from_fn(|_| Fact::stated(to, set_at)));
            qos.default_class = Fact::stated(to, set_at);
            continue;
        }
        for (matches, _) in config.classes.get(&class.name).into_iter().flatten() {
            match matches {
                Matches::Dscp(list) => {
                    by.0 = true;
                    let map = Arc::make_mut(&mut qos.dscp);
                    list.iter()
                        .for_each(|&n| map[usize::from(n & 63)] = Fact::stated(to, set_at));
                }
                Matches::Cos(list) => {
                    by.1 = true;
                    let map = Arc::make_mut(&mut qos.pcp);
                    list.iter()
                        .for_each(|&n| map[usize::from(n & 7)] = Fact::stated(to, set_at));
                }
                Matches::Other => {
                    qos.dscp = Arc::new(from_fn(|_| Fact::unknown(list)));
                    qos.pcp = Arc::new(from_fn(|_| Fact::unknown(list)));
                    qos.default_class = Fact::unknown(list);
                }
            }
        }
    }
    let trust = match (by, qos.trust.value()) {
        ((true, _), Some(Trust::Pcp | Trust::Nothing)) => Trust::DscpThenPcp,
        ((_, true), Some(Trust::Dscp)) => Trust::DscpThenPcp,
        ((false, true), Some(Trust::Nothing)) => Trust::Pcp,
        _ => return,
    };
    if trust == Trust::DscpThenPcp && !qos.trust.is(&Trust::Dscp) {
        // Where no class matches the DSCP, the tag decides.
        let map = Arc::make_mut(&mut qos.dscp);
        let matched = |fact: &Fact<u8>| {
            fact.span()
                .is_some_and(|s| classes.iter().any(|c| c.class.is_some_and(|(_, a)| a == s)))
        };
        for fact in map.iter_mut().filter(|f| !matched(f)) {
            *fact = Fact::unknown("no class of the policy matches the DSCP");
        }
    }
    qos.trust = Fact::implied(trust, at, "the policy of the port classifies");
}

fn lossless(maps: &Maps, settings: &Settings, around: &Around, qos: &mut Qos) {
    for n in 0..EIGHT {
        // EOS pauses for a class by the priority of the same number.
        if let Some((no_drop, at)) = settings.no_drop[n] {
            qos.classes[n].no_drop = Fact::stated(no_drop, at);
            qos.pfc.send[n] = Fact::stated(no_drop, at);
            qos.pfc.obey[n] = Fact::stated(no_drop, at);
            qos.groups[n].lossless = Fact::implied(
                no_drop,
                at,
                "a priority with no-drop has a buffer of its own",
            );
        }
        qos.pfc.stops[n] = maps.queues[n].clone();
    }
    qos.pfc.mode = match (around.config.all_off, settings.pfc) {
        (Some(((), at)), _) => Fact::implied(
            PfcMode::Off,
            at,
            "`priority-flow-control all off` turns it off everywhere",
        ),
        (None, Some((true, at))) => Fact::stated(PfcMode::On, at),
        (None, Some((false, at))) => Fact::stated(PfcMode::Off, at),
        (None, None) => Fact::default(
            PfcMode::Off,
            "PFC is off on EOS ports without `priority-flow-control on`",
        ),
    };
}

fn queue(settings: &Settings, n: usize, around: &Around) -> Queue {
    let said = &settings.queues[n];
    let scheduler = match (said.strict, said.percent) {
        (Some((true, at)), _) => Fact::stated(Scheduler::Strict, at),
        (_, Some((percent, at))) => Fact::stated(Scheduler::Percent(percent), at),
        (Some((false, _)), None) => {
            Fact::unknown("the queue has no share of its own, and takes what others leave")
        }
        (None, None) => {
            Fact::unknown("queues without a line are strict on most models of EOS, not on all")
        }
    };
    let most = |rate: Rate| match (rate, around.speed) {
        (Rate::Bits(rate), _) => Some(rate),
        (Rate::Percent(percent), Some(speed)) => {
            Some(BitRate::from_bps(speed.bps() / 100 * u64::from(percent)))
        }
        (Rate::Percent(_), None) => None,
    };
    let shaper = match said.shape {
        Some((rate, at)) => match most(rate) {
            Some(rate) => Fact::stated(Some(rate), at),
            None => Fact::unknown("it is a part of the port's speed, which no line gives"),
        },
        None => Fact::default(None, "no line limits the queue's rate"),
    };
    Queue {
        scheduler,
        shaper,
        wred: wred(said.ecn, said.drop, around.speed),
    }
}

fn wred(ecn: Said<Curve>, drop: Said<Curve>, speed: Option<BitRate>) -> Wred {
    let none = |why: &'static str| Wred {
        action: Fact::default(WredAction::Off, why),
        min: Fact::unknown(why),
        max: Fact::unknown(why),
        percent: Fact::unknown(why),
    };
    let (curve, at, action) = match (ecn, drop) {
        (Some((curve, at)), _) => (curve, at, WredAction::Mark),
        (None, Some((curve, at))) => (curve, at, WredAction::Drop),
        (None, None) => return none("EOS queues neither mark nor drop early without a line"),
    };
    let bytes = |value: Option<u64>| {
        let value = value?;
        let micros = |us: u64| Some(speed?.bps() / 8_000_000 * us);
        match curve.unit {
            Unit::Bytes => Some(value),
            Unit::Kilobytes => value.checked_mul(1_000),
            Unit::Megabytes => value.checked_mul(1_000_000),
            Unit::Segments => None,
            Unit::Microseconds => micros(value),
            Unit::Milliseconds => micros(value.checked_mul(1_000)?),
        }
    };
    let fact = |value: Option<u64>| match bytes(value) {
        Some(bytes) => Fact::stated(bytes, at),
        None if curve.unit == Unit::Segments => {
            Fact::unknown("it is in segments, whose size depends on the model")
        }
        None => Fact::unknown("it is in time, and no line gives the speed of the port"),
    };
    Wred {
        action: match curve.precedence {
            // Packets have the lowest precedence unless a map or a meter gave them another one.
            Some(1..) => Fact::unknown(
                "it acts on packets with one drop precedence, and that of RDMA is not known",
            ),
            _ => Fact::stated(action, at),
        },
        min: fact(curve.min),
        max: fact(curve.max),
        percent: match curve.percent {
            Some(percent) => Fact::stated(percent, at),
            None => Fact::default(
                100,
                "EOS marks all at the maximum unless a line says otherwise",
            ),
        },
    }
}

/// The times that hold for a port.
pub(super) fn times(settings: &Settings, config: &Config) -> Times {
    settings.times.over(config.watchdog)
}

fn watchdog(settings: &Settings, config: &Config) -> Watchdog {
    let times = times(settings, config);
    let why = "no line gives this time, and EOS's default is not known for all its releases";
    let time = |said: Said<xoff_model::time::SimDuration>| match said {
        Some((time, at)) => Fact::stated(time, at),
        None => Fact::unknown(why),
    };
    let on = match (settings.watchdog, config.watchdog.timeout) {
        (Some((on, at)), _) => Fact::stated(on, at),
        (None, Some(_)) => {
            Fact::unknown("the switch has times for the watchdog, and the port no line for it")
        }
        (None, None) => Fact::default(false, "no line turns the watchdog on"),
    };
    Watchdog {
        on,
        detect: time(times.timeout),
        restore: time(times.recovery),
        poll: match times.polling {
            Some((Some(time), at)) => Fact::stated(time, at),
            Some((None, _)) => Fact::unknown("EOS chooses it by itself (auto)"),
            None => Fact::unknown("EOS chooses it by itself"),
        },
        drops: match settings.drops.or(config.drops) {
            Some((drops, at)) => Fact::stated(drops, at),
            None => Fact::unknown("no line says what the watchdog does"),
        },
    }
}

fn link(around: &Around, qos: &mut Qos) {
    let member = around.member;
    if let Some((on, at)) = member.receive {
        qos.pause_rx = Fact::stated(on, at);
    }
    if let Some((on, at)) = member.send {
        qos.pause_tx = Fact::stated(on, at);
    }
    let said = member.dcbx.or(around.port.dcbx);
    qos.dcbx.on = match (around.config.lldp, member.lldp, said) {
        (Some((false, at)), ..) | (_, Some((false, at)), _) => {
            Fact::implied(false, at, "DCBX goes with LLDP, which is off")
        }
        (.., Some((version, at))) => Fact::stated(version.is_some(), at),
        _ => Fact::default(false, "DCBX is off on EOS ports without `dcbx mode`"),
    };
    qos.dcbx.version = match said {
        Some((Some(version), at)) => Fact::stated(version, at),
        _ => Fact::unknown("no line turns DCBX on"),
    };
    qos.dcbx.willing = Fact::default(false, "EOS ports keep their own settings");
}
