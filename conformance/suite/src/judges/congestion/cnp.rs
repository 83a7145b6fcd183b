//! Congestion notifications: when they are sent, and what they look like.

use super::offender::Offenders;
use crate::expect::CnpScope;
use crate::facts::{Facts, Seen};
use crate::judges::Judged;
use crate::judges::view::{describe, is_reliable, layout};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use xoff_checks::congestion::NO_CNP;
use xoff_model::rules::Class;
use xoff_wire::bth::{CNP_PAYLOAD, NakCode, Syndrome};
use xoff_wire::ip::Ecn;
use xoff_wire::roce::{Icrc, Packet};

/// Something for which a host may notify a sender, or a notification.
#[derive(Clone, Copy, Debug)]
struct Event {
    at_ns: u64,
    /// Of its frame: the position in the evidence, and the number to show.
    index: usize,
    frame: u64,
    /// Who notifies.
    host: usize,
    from: IpAddr,
    /// Who is notified.
    to: IpAddr,
    /// The queue pair that is to slow down; None: not known.
    qp: Option<u32>,
}

impl Event {
    /// What a host sends to a queue pair.
    fn answer(seen: &Seen<'_>, packet: &Packet<'_>) -> Event {
        Event {
            at_ns: seen.at_ns,
            index: seen.index,
            frame: seen.number,
            host: seen.host,
            from: packet.network.src,
            to: packet.network.dst,
            qp: Some(packet.bth.dest_qp),
        }
    }
}

/// The first of events by who notifies whom, and which queue pair: its place in the evidence.
#[derive(Debug, Default)]
struct Index(BTreeMap<(IpAddr, IpAddr), BTreeMap<Option<u32>, usize>>);

impl Index {
    fn of(events: &[Event]) -> Index {
        let mut index = Index::default();
        for event in events {
            let ends = index.0.entry((event.from, event.to)).or_default();
            ends.entry(event.qp).or_insert(event.index);
        }
        index
    }

    /// The first events about the same queue pair, as far as it is known.
    fn about(&self, event: &Event) -> impl Iterator<Item = usize> {
        let ends = self.0.get(&(event.from, event.to)).into_iter().flatten();
        let known = event.qp;
        ends.filter(move |(qp, _)| qp.is_none() || known.is_none() || **qp == known)
            .map(|(_, first)| *first)
    }

    fn before(&self, event: &Event) -> bool {
        self.about(event).any(|first| first < event.index)
    }
}

/// Marked data that arrive, in order.
fn marks(facts: &Facts<'_>) -> Vec<Event> {
    let marked = facts.arrived().filter(|(seen, packet)| {
        let data = matches!(seen.class, Class::Data | Class::ReadResponse);
        data && is_reliable(packet) && packet.network.ecn == Ecn::Ce && packet.icrc == Icrc::Valid
    });
    let marked: Vec<_> = marked.collect();
    if marked.is_empty() {
        return Vec::new();
    }
    let offenders = Offenders::of(facts);
    // The sender's queue pair is at fault.
    let caused = |(seen, packet): (&Seen<'_>, &Packet<'_>)| Event {
        from: packet.network.dst,
        to: packet.network.src,
        qp: offenders.find(seen, packet),
        ..Event::answer(seen, packet)
    };
    marked.into_iter().map(caused).collect()
}

/// Notifications as they are sent.
fn notifications(facts: &Facts<'_>) -> Vec<Event> {
    let sent = facts.sent().filter(|(seen, _)| seen.class == Class::Cnp);
    sent.map(|(seen, packet)| Event::answer(seen, packet))
        .collect()
}

/// Refusals for a lost packet, which may cause notifications as well.
fn refusals(facts: &Facts<'_>) -> Vec<Event> {
    let sent = facts.sent().filter(|(_, packet)| {
        let kind = packet.extensions.aeth.map(|aeth| aeth.kind());
        kind == Some(Syndrome::Nak(NakCode::PsnSequenceError))
    });
    sent.map(|(seen, packet)| Event::answer(seen, packet))
        .collect()
}

/// For what a host of this profile notifies, in order.
fn causes(facts: &Facts<'_>, marks: &[Event]) -> Vec<Event> {
    let mut causes = marks.to_vec();
    if facts.expect.nack_triggered_cnp {
        causes.extend(refusals(facts));
        causes.sort_by_key(|event| event.index);
    }
    causes
}

/// Whether it is known what came to the host of an event, and what left it.
fn is_at_its_port(facts: &Facts<'_>, event: &Event) -> bool {
    !facts.evidence.remote.contains(&event.host)
}

/// Why there is nothing to judge in a capture of CNPs.
const REMOTE: &str = "no capture at the port of the host that sends CNPs, with directions";

/// CC-01: who gets marks notifies; who gets none does not.
pub(super) fn for_marks(facts: &Facts<'_>) -> Judged {
    if let Some(why) = facts.incomplete() {
        return Judged::inconclusive(why);
    }
    let (marks, cnps) = (marks(facts), notifications(facts));
    let mut judged = Judged {
        stimuli: marks.len() as u64,
        ..Judged::default()
    };
    let causes = Index::of(&causes(facts, &marks));
    let uncalled = |cnp: &&Event| is_at_its_port(facts, cnp) && !causes.before(cnp);
    for cnp in cnps.iter().filter(uncalled) {
        let what = format!("a CNP to {} without marked data from it", cnp.to);
        judged.saw();
        judged.fault(what, &[cnp.frame]);
    }
    unanswered(facts, &marks, &cnps, &mut judged);
    if judged.stimuli == 0 && !cnps.is_empty() {
        return Judged::inconclusive(REMOTE.to_owned());
    }
    judged
}

/// Marks that no CNP follows to whom it must go.
fn unanswered(facts: &Facts<'_>, marks: &[Event], cnps: &[Event], judged: &mut Judged) {
    let scope = facts.expect.cnp_scope;
    // Elsewhere a host that was not heard again may have been cut off.
    let sent = facts.sent();
    let heard: BTreeMap<(IpAddr, IpAddr), usize> = sent
        .map(|(seen, packet)| ((packet.network.src, packet.network.dst), seen.index))
        .collect();
    let is_heard = |mark: &Event| {
        let last = heard.get(&(mark.from, mark.to));
        is_at_its_port(facts, mark) || last.is_some_and(|last| *last > mark.index)
    };
    let mut last: BTreeMap<Clock, usize> = BTreeMap::new();
    for cnp in cnps {
        // A mark whose queue pair is not known has the clock of its address.
        for scope in [CnpScope::Qp, CnpScope::Address, CnpScope::Port] {
            last.insert(clock(scope, cnp), cnp.index);
        }
    }
    let mut told = BTreeSet::new();
    for mark in marks {
        let of = clock(scope, mark);
        let answered = last.get(&of).is_some_and(|cnp| *cnp > mark.index);
        if told.insert(of) && !answered && is_heard(mark) {
            let qp =
                of.2.map_or(String::new(), |qp| format!(", queue pair {qp:#08x}"));
            let what = format!("no CNP to {}{qp}, whose data arrive marked", mark.to);
            judged.symptom(&NO_CNP, what, &[mark.frame]);
        }
    }
}

/// What CNPs have one clock in common.
type Clock = (IpAddr, Option<IpAddr>, Option<u32>);

fn clock(scope: CnpScope, event: &Event) -> Clock {
    match scope {
        CnpScope::Qp => (event.from, Some(event.to), event.qp),
        CnpScope::Address => (event.from, Some(event.to), None),
        CnpScope::Port => (event.from, None, None),
    }
}

/// A CNP waits for the frame that is being sent, so that two may come closer than they were made.
const fn slack(interval_ns: u64) -> u64 {
    interval_ns / 10
}

/// CC-02.
pub(super) fn spacing(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    let expect = &facts.expect;
    let Some(least) = expect.cnp_interval_ns else {
        return Judged::inconclusive("the profile gives no interval of CNPs".to_owned());
    };
    let mut last: BTreeMap<Clock, Event> = BTreeMap::new();
    for cnp in notifications(facts) {
        let clock = clock(expect.cnp_scope, &cnp);
        if let Some(before) = last.insert(clock, cnp) {
            let gap = cnp.at_ns.saturating_sub(before.at_ns);
            let right = gap.saturating_add(slack(least)) >= least;
            judged.expect(right, &[before.frame, cnp.frame], || {
                let to = cnp.to;
                format!("CNPs to {to} are {gap} ns apart, and must be {least}")
            });
        }
    }
    judged.unless(facts.holes())
}

/// How many CNPs of one clock are due.
#[derive(Clone, Copy, Debug)]
struct Due {
    count: u64,
    next_ns: u64,
    /// Of the first cause.
    frame: u64,
}

/// CC-03: one CNP for the first mark of each interval; where that is not known, one at all.
pub(super) fn count(facts: &Facts<'_>) -> Judged {
    if let Some(why) = facts.incomplete() {
        return Judged::inconclusive(why);
    }
    let mut judged = Judged::default();
    let (scope, interval) = (facts.expect.cnp_scope, facts.expect.cnp_interval_ns);
    let mut due: BTreeMap<Clock, Due> = BTreeMap::new();
    let mut unknown = None;
    for cause in &causes(facts, &marks(facts)) {
        if !is_at_its_port(facts, cause) {
            unknown = Some(REMOTE);
            continue;
        }
        if scope == CnpScope::Qp && cause.qp.is_none() {
            unknown = Some("it is not known which queue pairs the marked data come from");
            continue;
        }
        judged.saw();
        let due = due.entry(clock(scope, cause)).or_insert(Due {
            count: 0,
            next_ns: 0,
            frame: cause.frame,
        });
        if cause.at_ns >= due.next_ns {
            due.count += 1;
            due.next_ns = cause.at_ns.saturating_add(interval.unwrap_or(u64::MAX));
        }
    }
    compare(facts, &due, &mut judged);
    match unknown {
        Some(why) if judged.stimuli == 0 => Judged::inconclusive(why.to_owned()),
        _ => judged,
    }
}

fn compare(facts: &Facts<'_>, due: &BTreeMap<Clock, Due>, judged: &mut Judged) {
    let mut sent: BTreeMap<Clock, u64> = BTreeMap::new();
    for cnp in &notifications(facts) {
        *sent.entry(clock(facts.expect.cnp_scope, cnp)).or_default() += 1;
    }
    for (clock, due) in due {
        let (from, wanted) = (clock.0, due.count);
        let found = sent.get(clock).copied().unwrap_or_default();
        let right = match facts.expect.cnp_interval_ns {
            // Where captures are made after queues, a mark near the end of an interval may count
            // for either.
            Some(_) => found.abs_diff(wanted) <= wanted / 20,
            None => found > 0,
        };
        if !right {
            let what = format!("{from} sends {found} CNPs, where marks call for {wanted}");
            judged.fault(what, &[due.frame]);
        }
    }
}

/// How near a NAK and the CNP that it triggers are, ns.
const NEAR: u64 = 1_000_000;

/// CC-04: loss without marks.
pub(super) fn on_nak(facts: &Facts<'_>) -> Judged {
    if let Some(why) = facts.incomplete() {
        return Judged::inconclusive(why);
    }
    let mut judged = Judged::default();
    let (naks, cnps, marks) = (refusals(facts), notifications(facts), marks(facts));
    let triggered = facts.expect.nack_triggered_cnp;
    let marks = Index::of(&marks);
    // Elsewhere a mark that came later does not show, which may have been the cause.
    let clear = |nak: &&Event| triggered || is_at_its_port(facts, nak);
    let unmarked = |nak: &&Event| marks.about(nak).next().is_none();
    for nak in naks.iter().filter(clear).filter(unmarked) {
        // Captures are in the order of time.
        let from = cnps.partition_point(|cnp| cnp.at_ns < nak.at_ns.saturating_sub(NEAR));
        let notified = cnps[from..]
            .iter()
            .take_while(|cnp| cnp.at_ns <= nak.at_ns.saturating_add(NEAR))
            .find(|cnp| (cnp.from, cnp.to, cnp.qp) == (nak.from, nak.to, nak.qp));
        let mut frames = vec![nak.frame];
        frames.extend(notified.map(|cnp| cnp.frame));
        judged.expect(notified.is_some() == triggered, &frames, || {
            let (to, with) = (nak.to, if triggered { "without" } else { "with" });
            format!("a NAK to {to} {with} a CNP")
        });
    }
    judged
}

/// W-15.
pub(in super::super) fn format(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    let marks = Index::of(&marks(facts));
    let known = facts.incomplete().is_none();
    for cnp in notifications(facts) {
        let Some(seen) = facts.seen.get(cnp.index) else {
            continue;
        };
        let Some(packet) = seen.roce() else {
            continue;
        };
        judged.saw();
        if let Some(why) = wrong(facts, seen, packet) {
            judged.fault(format!("{}: {why}", describe(packet)), &[seen.number]);
        }
        let anyone = Event { qp: None, ..cnp };
        let all_marks = known && is_at_its_port(facts, &cnp);
        if all_marks && marks.before(&anyone) && !marks.before(&cnp) {
            let what = describe(packet);
            let why = "no data of this queue pair arrived marked";
            judged.fault(format!("{what}: {why}"), &[seen.number]);
        }
    }
    judged
}

/// What is wrong with a CNP (IBTA A17.9.3).
fn wrong(facts: &Facts<'_>, seen: &Seen<'_>, packet: &Packet<'_>) -> Option<String> {
    let bth = &packet.bth;
    if !bth.becn {
        return Some("BECN is 0".to_owned());
    }
    if packet.icrc != Icrc::Valid {
        return Some("the ICRC is wrong".to_owned());
    }
    if packet.payload_len as usize != CNP_PAYLOAD {
        return Some(format!(
            "{} bytes follow, not {CNP_PAYLOAD}",
            packet.payload_len
        ));
    }
    let at = layout(seen, packet)?;
    let payload = seen.bytes.get(at.icrc.checked_sub(CNP_PAYLOAD)?..at.icrc)?;
    if payload.iter().any(|byte| *byte != 0) {
        return Some("its reserved bytes are not 0".to_owned());
    }
    if let Some(dscp) = facts.expect.cnp_dscp.filter(|d| *d != packet.network.dscp) {
        return Some(format!(
            "DSCP {}, and {dscp} is configured",
            packet.network.dscp
        ));
    }
    None
}

/// CC-15.
pub(super) fn counters(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    let marks = marks(facts);
    for (host, counters) in facts.evidence.counters.iter().enumerate() {
        let at = |seen: &&Seen<'_>| seen.host == host;
        let sound = |seen: &&Seen<'_>| seen.roce().is_some_and(|p| p.icrc == Icrc::Valid);
        let cnps = |out: bool| {
            let here = facts.seen.iter().filter(at).filter(sound);
            here.filter(|s| s.out == out && s.class == Class::Cnp)
                .count() as u64
        };
        let marked = marks.iter().filter(|mark| mark.host == host).count() as u64;
        let value = |name: &str| counters.get(name).copied();
        let handled = value("rp_cnp_handled")
            .map(|handled| handled.saturating_add(value("rp_cnp_ignored").unwrap_or_default()));
        for (name, counted, wire) in [
            ("np_cnp_sent", value("np_cnp_sent"), cnps(true)),
            ("rp_cnp_handled and rp_cnp_ignored", handled, cnps(false)),
            (
                "np_ecn_marked_roce_packets",
                value("np_ecn_marked_roce_packets"),
                marked,
            ),
        ] {
            let Some(counted) = counted else {
                continue;
            };
            judged.stimuli += wire;
            if counted != wire {
                let what = format!("h{host}: {name} is {counted}, and the wire has {wire}");
                judged.fault(what, &[]);
            }
        }
    }
    judged
}
