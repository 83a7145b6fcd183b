//! Class-of-service of one port, from what is defined and what is bound.

use super::bind::{Binding, Negotiation};
use super::cos::{Classifier, Cos, Field, ForwardingClass, Profile, Rate, Said, Scheduler};
use super::filters::{Sorts, Term};
use super::ports::Layer;
use crate::device::Scheduler as Share;
use crate::device::*;
use crate::fact::Fact;
use crate::source::Span;
use std::array::from_fn;
use std::sync::Arc;
use xoff_model::time::SimDuration;
use xoff_model::units::BitRate;

/// What decides about a port's class-of-service.
pub(super) struct Site<'s, 'a> {
    pub(super) cos: &'s Cos<'a>,
    pub(super) binding: &'s Binding<'a>,
    pub(super) layer: Layer,
    pub(super) speed: Option<BitRate>,
    pub(super) negotiation: Negotiation,
    pub(super) pause: Option<(bool, bool, Span)>,
    pub(super) terms: Vec<Term<'a>>,
}

const UNLISTED: &str = "code points that a Junos classifier does not list are best-effort";

impl Site<'_, '_> {
    pub(super) fn profile(&self) -> Option<&Profile<'_>> {
        let name = self.binding.profile?.value;
        self.cos.profiles.iter().find(|p| p.name == name)
    }

    pub(super) fn qos(&self) -> Qos {
        let mut dscp: [Fact<u8>; 64] = self.dscp_map();
        let mut pcp: [Fact<u8>; EIGHT] = self.pcp_map();
        let mut default_class = match self.binding.fixed {
            Some(class) => class_fact(self.cos, class),
            None => Fact::default(
                self.best_effort(),
                "Junos sorts what has no trusted marking into best-effort",
            ),
        };
        for term in self.terms.iter().rev() {
            self.sort(term, &mut dscp, &mut pcp, &mut default_class);
        }
        let classes = self.classes(&dscp, &pcp);
        let mut qos = Qos::unknown("Junos does not say it");
        qos.trust = self.trust();
        qos.default_class = default_class;
        qos.groups = from_fn(|n| self.group(&classes[n]));
        qos.queues = self.queues();
        qos.pfc = self.pfc(&dscp);
        qos.watchdog = self.watchdog();
        qos.dcbx = self.dcbx();
        qos.classes = classes;
        qos.dscp = Arc::new(dscp);
        qos.pcp = Arc::new(pcp);
        let pause = |on: fn(&(bool, bool, Span)) -> bool| match &self.pause {
            Some(said) => Fact::stated(on(said), said.2),
            None => Fact::default(false, "QFX ports have no 802.3x without flow-control"),
        };
        qos.pause_rx = pause(|p| p.0);
        qos.pause_tx = pause(|p| p.1);
        qos
    }

    fn best_effort(&self) -> u8 {
        queue_of(self.cos, "best-effort")
    }

    /// A filter sorts after the classifiers.
    fn sort(
        &self,
        term: &Term,
        dscp: &mut [Fact<u8>; 64],
        pcp: &mut [Fact<u8>; EIGHT],
        rest: &mut Fact<u8>,
    ) {
        let class = class_fact(self.cos, term.class);
        match &term.sorts {
            Sorts::Points(Field::Pcp, codes) => codes
                .iter()
                .for_each(|&c| pcp[usize::from(c)] = class.clone()),
            Sorts::Points(_, codes) => codes
                .iter()
                .for_each(|&c| dscp[usize::from(c)] = class.clone()),
            Sorts::All => {
                dscp.fill(class.clone());
                pcp.fill(class.clone());
                *rest = class;
            }
            Sorts::Some(what) => {
                let fact =
                    Fact::unknown(format!("a filter sorts some packets of the port by {what}"));
                dscp.fill(fact.clone());
                pcp.fill(fact.clone());
                *rest = fact;
            }
        }
    }

    fn trust(&self) -> Fact<Trust> {
        let binding = self.binding;
        if let Some(term) = self.terms.first() {
            let trust = match (&term.sorts, binding.pcp, self.layer) {
                (Sorts::Points(Field::Pcp, _), ..) => Trust::Pcp,
                (_, Some(_), _) | (_, None, Layer::Trunk) if binding.dscp.is_none() => {
                    Trust::DscpThenPcp
                }
                _ => Trust::Dscp,
            };
            let mixed = self
                .terms
                .iter()
                .any(|t| matches!(t.sorts, Sorts::Points(Field::Dscp, _)))
                && self
                    .terms
                    .iter()
                    .any(|t| matches!(t.sorts, Sorts::Points(Field::Pcp, _)));
            let trust = if mixed { Trust::DscpThenPcp } else { trust };
            return Fact::implied(trust, term.class.at, "a filter sorts what comes in");
        }
        if let Some(said) = binding.dscp.or(binding.precedence) {
            return Fact::stated(Trust::Dscp, said.at);
        }
        if let Some(said) = binding.pcp {
            return Fact::stated(Trust::Pcp, said.at);
        }
        if let Some(said) = binding.fixed {
            return Fact::stated(Trust::Nothing, said.at);
        }
        match self.layer {
            Layer::Trunk => Fact::default(
                Trust::Pcp,
                "Junos trunks without a classifier have the default 802.1p one",
            ),
            Layer::Access => Fact::default(
                Trust::Nothing,
                "Junos access ports without a classifier believe no marking",
            ),
            Layer::Routed | Layer::RoutedTagged => Fact::default(
                Trust::Dscp,
                "Junos routed ports without a classifier have the default DSCP one",
            ),
            Layer::Unknown => Fact::unknown("no classifier is bound, and no line says the family"),
        }
    }

    fn dscp_map(&self) -> [Fact<u8>; 64] {
        let binding = self.binding;
        if let Some(bound) = binding.dscp {
            return self.classified(Field::Dscp, bound);
        }
        if let Some(bound) = binding.precedence {
            let by_three: [Fact<u8>; EIGHT] = self.classified(Field::Precedence, bound);
            return from_fn(|n| by_three[n >> 3].clone());
        }
        from_fn(|n| {
            let class = default_class(Field::Dscp, n);
            let why = "the default DSCP classifier of QFX: 48 and 56 are network-control";
            Fact::default(queue_of(self.cos, class), why)
        })
    }

    fn pcp_map(&self) -> [Fact<u8>; EIGHT] {
        if let Some(bound) = self.binding.pcp {
            return self.classified(Field::Pcp, bound);
        }
        from_fn(|n| match self.layer {
            Layer::Access => Fact::default(
                self.best_effort(),
                "Junos access ports believe no 802.1p priority",
            ),
            _ => {
                let why = "the default 802.1p classifier of QFX: 3 is fcoe, 4 no-loss";
                Fact::default(queue_of(self.cos, default_class(Field::Pcp, n)), why)
            }
        })
    }

    fn classified<const N: usize>(&self, field: Field, bound: Said<&str>) -> [Fact<u8>; N] {
        if bound.value == "default" {
            return from_fn(|n| {
                let queue = queue_of(self.cos, default_class(field, n));
                Fact::implied(queue, bound.at, "the default classifier")
            });
        }
        match self.cos.classifier(field, bound.value) {
            Some(classifier) => self.entries(classifier, 0),
            None => from_fn(|_| Fact::unknown(format!("no classifier is called {}", bound.value))),
        }
    }

    fn entries<const N: usize>(&self, classifier: &Classifier, depth: u32) -> [Fact<u8>; N] {
        let mut map: [Fact<u8>; N] = match classifier.import {
            Some(import) => {
                let other = self.cos.classifier(classifier.field, import.value);
                match other.filter(|_| depth < 4) {
                    Some(other) => self.entries(other, depth + 1),
                    None if import.value == "default" => from_fn(|n| {
                        let queue = queue_of(self.cos, default_class(classifier.field, n));
                        Fact::implied(queue, import.at, "import default")
                    }),
                    None => from_fn(|_| Fact::unknown("it imports a classifier that is missing")),
                }
            }
            None => from_fn(|_| Fact::default(self.best_effort(), UNLISTED)),
        };
        for (code, class) in &classifier.entries {
            if let Some(place) = map.get_mut(usize::from(*code)) {
                *place = class_fact(self.cos, *class);
            }
        }
        map
    }

    fn classes(&self, dscp: &[Fact<u8>; 64], pcp: &[Fact<u8>; EIGHT]) -> [Class; EIGHT] {
        from_fn(|n| {
            let queue = index(n);
            let class = class_of_queue(self.cos, queue);
            let no_drop = match class {
                Some(class) => no_drop(class),
                None => Fact::default(false, "no forwarding class has this queue"),
            };
            let queue_fact = match class.and_then(|c| c.at) {
                Some(at) => Fact::stated(queue, at),
                None => Fact::default(queue, "the default queues of Junos"),
            };
            Class {
                name: class.map_or(String::new(), |c| c.name.to_owned()),
                queue: queue_fact,
                group: Fact::default(queue, "Junos has a priority group per forwarding class"),
                pause: self.pause_of(queue, class, no_drop.is(&true), dscp, pcp),
                no_drop,
                mtu: Fact::default(None, "Junos classes have no MTU of their own"),
            }
        })
    }

    /// The priority of the pause that is sent for a class: its pfc-priority, or that of the frames.
    fn pause_of(
        &self,
        queue: u8,
        class: Option<&ForwardingClass>,
        lossless: bool,
        dscp: &[Fact<u8>; 64],
        pcp: &[Fact<u8>; EIGHT],
    ) -> Fact<u8> {
        if let Some(pause) = class.and_then(|c| c.pause) {
            return Fact::stated(pause.value, pause.at);
        }
        if !lossless {
            return Fact::default(queue, "a lossy class sends no pause");
        }
        let inputs = self.profile().map_or(&[][..], |p| &p.inputs);
        let sent: Vec<_> = inputs
            .iter()
            .filter(|(field, code, _)| *field == Field::Pcp && pcp[usize::from(*code)].is(&queue))
            .collect();
        if let [(_, code, at)] = sent.as_slice() {
            return Fact::implied(*code, *at, "pause has the 802.1p priority of the frames");
        }
        let by_dscp = inputs
            .iter()
            .any(|(field, code, _)| *field == Field::Dscp && dscp[usize::from(*code)].is(&queue));
        if by_dscp {
            return Fact::unknown(
                "PFC by DSCP needs a pfc-priority in the class, which is missing",
            );
        }
        match queue {
            3 | 4 if class.is_some_and(|c| c.lossless_by_default) => {
                Fact::default(queue, "fcoe pauses by priority 3 and no-loss by 4")
            }
            _ => {
                let mut own = (0..8).filter(|&p| pcp[usize::from(p)].is(&queue));
                match (own.next(), own.next()) {
                    (Some(p), None) => {
                        Fact::default(p, "pause has the 802.1p priority of the frames")
                    }
                    _ => Fact::unknown(
                        "the class has no pfc-priority, and no 802.1p priority of its own",
                    ),
                }
            }
        }
    }

    fn group(&self, class: &Class) -> Group {
        let lossless = class.no_drop.is(&true);
        let headroom = self
            .cos
            .partitions
            .iter()
            .find(|(d, p, _)| (*d, *p) == ("ingress", "lossless-headroom"));
        Group {
            lossless: class.no_drop.clone(),
            headroom: match headroom {
                Some((.., percent)) if percent.value == 0 && lossless => {
                    Fact::implied(0, percent.at, "no part of the buffer is headroom")
                }
                _ => Fact::unknown("Junos computes headroom from cable-length and mru"),
            },
            reserved: Fact::unknown("Junos gives dedicated buffers in percent of the device's"),
            limit: match self.cos.lossless_threshold.filter(|_| lossless) {
                // 7 is all of what is free; each step is a factor of 2.
                Some(step) if step.value <= 10 => {
                    let (num, den) = match step.value {
                        above @ 7.. => (1 << (above - 7), 1),
                        below => (1, 1 << (7 - below)),
                    };
                    Fact::stated(Limit::Dynamic { num, den }, step.at)
                }
                _ => Fact::unknown("the device's own threshold"),
            },
            xon_offset: Fact::unknown("Junos has it built in"),
        }
    }

    fn queues(&self) -> [Queue; EIGHT] {
        from_fn(|n| {
            let queue = index(n);
            let class = class_of_queue(self.cos, queue);
            match class.and_then(|class| self.scheduled(class)) {
                Some((scheduler, share)) => self.queue(scheduler, share),
                None => self.default_queue(queue, class),
            }
        })
    }

    /// The scheduler of a class at this port, and what part of the port its set has.
    fn scheduled(&self, class: &ForwardingClass) -> Option<(&Scheduler<'_>, Option<Said<Rate>>)> {
        let cos = self.cos;
        let of_map = |name: &str| {
            let map = cos.maps.iter().find(|m| m.name == name)?;
            let entry = map
                .entries
                .iter()
                .find(|(c, _)| cos.class(c.value).is_some_and(|c| c.name == class.name))?;
            cos.scheduler(entry.1.value)
        };
        let control = |name: &str| cos.controls.iter().find(|c| c.name == name);
        for (set, bound) in &self.binding.controls {
            let members = cos.sets.iter().find(|(s, _)| s.value == set.value);
            let holds = members.is_some_and(|(_, classes)| {
                let same =
                    |c: &Said<&str>| cos.class(c.value).is_some_and(|c| c.name == class.name);
                classes.iter().any(same)
            });
            if let Some(control) = control(bound.value).filter(|_| holds) {
                let scheduler = control.map.and_then(|m| of_map(m.value))?;
                return Some((scheduler, control.guaranteed));
            }
        }
        let through = self.binding.control.and_then(|c| control(c.value)?.map);
        let map = self.binding.map.or(through)?;
        of_map(map.value).map(|s| (s, None))
    }

    fn queue(&self, scheduler: &Scheduler, share: Option<Said<Rate>>) -> Queue {
        let strict = scheduler
            .priority
            .filter(|p| matches!(p.value, "strict-high" | "high" | "strict"));
        let percent = |said: Said<Rate>| match said.value {
            Rate::Percent(n) => Some(n),
            Rate::Bits(rate) => {
                let speed = self.speed?.bps();
                u32::try_from(rate.bps().saturating_mul(100) / speed.max(1)).ok()
            }
            Rate::Remainder => None,
        };
        let rate = scheduler.rate.map(|r| (r, percent(r)));
        let fact = match (strict, rate, share.map(|s| (s, percent(s)))) {
            (Some(line), ..) => Fact::stated(Share::Strict, line.at),
            (_, Some((_, Some(own))), Some((set, Some(of)))) => Fact::implied(
                Share::Percent(own.saturating_mul(of) / 100),
                set.at,
                "the queue's part of its set's guaranteed-rate",
            ),
            (_, None, Some((set, Some(of)))) => {
                Fact::implied(Share::Percent(of), set.at, "the guaranteed-rate of its set")
            }
            (_, Some((line, Some(own))), None) => Fact::stated(Share::Percent(own), line.at),
            (_, Some((line, None)), _) if matches!(line.value, Rate::Remainder) => {
                Fact::unknown("it gets what the transmit-rates of the others leave")
            }
            (_, Some(_), _) => Fact::unknown("the speed of the port is not known"),
            (_, None, _) => Fact::unknown("no transmit-rate: it gets what the others leave"),
        };
        Queue {
            scheduler: fact,
            shaper: self.shaper(scheduler, strict.is_some()),
            wred: self.wred(scheduler),
        }
    }

    fn shaper(&self, scheduler: &Scheduler, strict: bool) -> Fact<Option<BitRate>> {
        let bits = |said: Said<Rate>| match said.value {
            Rate::Bits(rate) => Fact::stated(Some(rate), said.at),
            Rate::Percent(n) => match self.speed {
                Some(speed) => {
                    let part = speed.bps() / 100 * u64::from(n);
                    Fact::stated(Some(BitRate::from_bps(part.max(1))), said.at)
                }
                None => Fact::unknown("the speed of the port is not known"),
            },
            Rate::Remainder => Fact::default(None, "no line limits the queue's rate"),
        };
        match (scheduler.shaping, scheduler.rate) {
            (Some(line), _) => bits(line),
            (None, Some(line)) if scheduler.exact => bits(line),
            (None, Some(_)) if strict => {
                Fact::unknown("whether transmit-rate limits a strict queue differs between models")
            }
            _ => Fact::default(None, "no line limits the queue's rate"),
        }
    }

    fn wred(&self, scheduler: &Scheduler) -> Wred {
        let bytes = || Fact::unknown("Junos gives fill levels in percent of the queue's buffer");
        let profile = scheduler
            .drops
            .and_then(|d| self.cos.drops.iter().find(|p| p.name == d.value));
        let action = match (scheduler.drops, scheduler.ecn) {
            (Some(_), _) if profile.is_none() => Fact::unknown("its drop profile is missing"),
            (Some(_), Some(at)) => Fact::stated(WredAction::Mark, at),
            (Some(line), None) => Fact::stated(WredAction::Drop, line.at),
            (None, Some(at)) => Fact::implied(
                WredAction::Off,
                at,
                "without a drop profile nothing says when to mark",
            ),
            (None, None) => Fact::default(WredAction::Off, "no drop profile: tail drop only"),
        };
        let last = profile.and_then(|p| p.probability.last());
        Wred {
            action,
            min: bytes(),
            max: bytes(),
            percent: match last {
                Some(said) => Fact::stated(said.value, said.at),
                None => Fact::unknown("no drop profile says it"),
            },
        }
    }

    fn default_queue(&self, queue: u8, class: Option<&ForwardingClass>) -> Queue {
        let bound = self.binding.map.is_some() || !self.binding.controls.is_empty();
        let share = match class.map(|c| c.name) {
            Some("best-effort" | "network-control") => Some(5),
            Some("fcoe" | "no-loss") => Some(35),
            _ => None,
        };
        let scheduler = match (bound, share) {
            (false, Some(n)) => Fact::default(
                Share::Percent(n),
                "the default schedulers of QFX: 5, 35, 35 and 5 percent",
            ),
            (false, None) => Fact::unknown("no scheduler-map is bound to the port"),
            (true, _) => Fact::unknown(format!("the scheduler-map has nothing for queue {queue}")),
        };
        let off = || Fact::unknown("no drop profile");
        Queue {
            scheduler,
            shaper: Fact::default(None, "no line limits the queue's rate"),
            wred: Wred {
                action: Fact::default(WredAction::Off, "no drop profile: tail drop only"),
                min: Fact::unknown("no drop profile"),
                max: Fact::unknown("no drop profile"),
                percent: off(),
            },
        }
    }

    fn pfc(&self, dscp: &[Fact<u8>; 64]) -> Pfc {
        let profile = self.profile();
        let mut send: [Fact<bool>; EIGHT] = from_fn(|_| {
            Fact::default(
                false,
                "Junos pauses only for code points with pfc in the input",
            )
        });
        for (field, code, at) in profile.map_or(&[][..], |p| &p.inputs) {
            let priority = match field {
                Field::Pcp => Some(*code),
                _ => {
                    let queue = dscp[usize::from(*code)].value();
                    let class = queue.and_then(|q| class_of_queue(self.cos, q));
                    class.and_then(|c| c.pause).map(|p| p.value)
                }
            };
            if let Some(priority) = priority {
                send[usize::from(priority)] = Fact::stated(true, *at);
            }
        }
        let default = "Junos stops queues 3 and 4 by default";
        let mut obey: [Fact<bool>; EIGHT] = from_fn(|n| Fact::default(matches!(n, 3 | 4), default));
        let mut stops: [Fact<u8>; EIGHT] = from_fn(|n| Fact::default(index(n), default));
        if let Some((profile, at)) = profile.and_then(|p| Some((p, p.output?))) {
            let how = "an output stanza replaces the default, queues 3 and 4";
            obey = from_fn(|_| Fact::implied(false, at, how));
            for (priority, queues) in &profile.outputs {
                // Several queues may stop: the one whose class pauses by this priority is told.
                let own = queues.iter().find(|q| {
                    let class = class_of_queue(self.cos, q.value);
                    class.is_some_and(|c| c.pause.is_some_and(|p| p.value == *priority))
                });
                if let Some(queue) = own.or(queues.first()) {
                    obey[usize::from(*priority)] = Fact::stated(true, queue.at);
                    stops[usize::from(*priority)] = Fact::stated(queue.value, queue.at);
                }
            }
        }
        Pfc {
            mode: self.mode(),
            send,
            obey,
            stops,
        }
    }

    fn mode(&self) -> Fact<PfcMode> {
        let Some(bound) = self.binding.profile else {
            let why = "no congestion-notification-profile is bound to the port";
            return Fact::default(PfcMode::Off, why);
        };
        let Some(profile) = self.profile() else {
            return Fact::unknown(format!("no profile is called {}", bound.value));
        };
        if let Some(at) = self.negotiation.fixed {
            let how = "no-auto-negotiation: PFC is as the profile says";
            return Fact::implied(PfcMode::On, at, how);
        }
        if let Some(at) = self.negotiation.off {
            return Fact::implied(PfcMode::On, at, "without DCBX, PFC is as the profile says");
        }
        if profile.inputs.iter().any(|(f, ..)| *f == Field::Dscp) {
            return Fact::implied(PfcMode::On, bound.at, "PFC by DSCP is not negotiated");
        }
        Fact::default(
            PfcMode::Auto,
            "Junos negotiates PFC by DCBX unless no-auto-negotiation is set",
        )
    }

    fn watchdog(&self) -> Watchdog {
        let ms = |said: Option<Said<u64>>, default: u64, times: u64, why: &'static str| match said {
            Some(said) => {
                let time = SimDuration::from_ms(said.value.saturating_mul(times).min(1 << 40));
                Fact::stated(time, said.at)
            }
            None => Fact::default(SimDuration::from_ms(default * times), why),
        };
        let profile = self.profile();
        let dog = profile.and_then(|p| p.watchdog);
        let poll = dog.and_then(|d| d.poll);
        let polls = poll.map_or(100, |p| p.value);
        let detection = dog.and_then(|d| d.detection);
        let why = "100 ms, twice: the default of Junos";
        Watchdog {
            on: match (dog, profile.and_then(|p| p.output)) {
                (Some(dog), Some(_)) => Fact::stated(true, dog.at),
                (Some(dog), None) => Fact::implied(
                    false,
                    dog.at,
                    "the watchdog sees only queues that flow-control-queue names",
                ),
                (None, _) => Fact::default(false, "no pfc-watchdog in the profile of the port"),
            },
            detect: match (detection, poll) {
                (None, Some(poll)) => ms(Some(poll), 0, 2, why),
                (detection, _) => ms(detection, 2, polls.min(1 << 20), why),
            },
            restore: ms(dog.and_then(|d| d.recovery), 200, 1, "the default of Junos"),
            poll: ms(poll, 100, 1, "the default of Junos"),
            drops: Fact::default(true, "the watchdog of Junos flushes the queue"),
        }
    }

    fn dcbx(&self) -> Dcbx {
        Dcbx {
            on: match self.negotiation.off {
                Some(at) => Fact::stated(false, at),
                None => Fact::default(true, "DCBX is on by default on QFX"),
            },
            version: match self.negotiation.version {
                Some(said) => Fact::stated(said.value, said.at),
                None => Fact::default(DcbxVersion::Auto, "Junos speaks what the peer speaks"),
            },
            willing: Fact::default(
                false,
                "Junos compares its settings with the peer's and does not take them",
            ),
        }
    }
}

fn index(n: usize) -> u8 {
    u8::try_from(n).unwrap_or(u8::MAX)
}

/// The class of a queue: one that the file names before one of the defaults.
pub(super) fn class_of_queue<'s, 'a>(
    cos: &'s Cos<'a>,
    queue: u8,
) -> Option<&'s ForwardingClass<'a>> {
    let of = |c: &&ForwardingClass| c.queue == queue;
    let stated = cos.classes.iter().filter(of).filter(|c| c.at.is_some());
    // Two classes may share a queue; a lossless one decides what becomes of it.
    stated
        .max_by_key(|c| c.no_loss.is_some())
        .or_else(|| cos.classes.iter().find(of))
}

fn no_drop(class: &ForwardingClass) -> Fact<bool> {
    match (class.no_loss, class.at) {
        (Some(at), _) => Fact::stated(true, at),
        (None, Some(at)) => Fact::implied(false, at, "the class statement has no no-loss"),
        (None, None) if class.lossless_by_default => Fact::default(
            true,
            "classes fcoe and no-loss are lossless unless a statement names them",
        ),
        _ => Fact::default(
            false,
            "the default classes best-effort and network-control drop",
        ),
    }
}

fn queue_of(cos: &Cos, name: &str) -> u8 {
    cos.class(name).map_or(0, |c| c.queue & 7)
}

fn class_fact(cos: &Cos, class: Said<&str>) -> Fact<u8> {
    match cos.class(class.value) {
        Some(found) if found.queue < 8 => Fact::stated(found.queue, class.at),
        Some(_) => Fact::unknown(format!("class {} is one for multicast", class.value)),
        None => Fact::unknown(format!(
            "the file does not say the queue of {}",
            class.value
        )),
    }
}

fn default_class(field: Field, code: usize) -> &'static str {
    match (field, code) {
        (Field::Dscp, 48 | 56) | (Field::Pcp | Field::Precedence, 6 | 7) => "network-control",
        (Field::Pcp, 3) => "fcoe",
        (Field::Pcp, 4) => "no-loss",
        _ => "best-effort",
    }
}
