//! Congestion notifications: when they are sent, and what they look like.

use crate::conform::expect::{CnpScope, Expect};
use crate::conform::facts::{Facts, Seen};
use crate::conform::suite::Judged;
use crate::conform::suite::view::{describe, is_reliable, layout};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use xoff_sim::model::Transport;
use xoff_sim::rules::Class;
use xoff_sim::wire::bth::{CNP_PAYLOAD, NakCode, Syndrome};
use xoff_sim::wire::ip::Ecn;
use xoff_sim::wire::roce::{Icrc, Packet};

/// Something for which a host may notify a sender, or a notification.
#[derive(Clone, Copy, Debug)]
struct Event {
    at_ns: u64,
    frame: u64,
    /// Who notifies.
    from: IpAddr,
    /// Who is notified.
    to: IpAddr,
    /// The queue pair that is to slow down; None: not known.
    qp: Option<u32>,
}

/// Frames of events by who notifies whom, and which queue pair.
#[derive(Debug, Default)]
struct Index(BTreeMap<(IpAddr, IpAddr), BTreeMap<Option<u32>, Vec<u64>>>);

impl Index {
    fn of(events: &[Event]) -> Index {
        let mut index = Index::default();
        for event in events {
            let ends = index.0.entry((event.from, event.to)).or_default();
            ends.entry(event.qp).or_default().push(event.frame);
        }
        index
    }

    /// Frames of the events that are about the same queue pair, as far as it is known.
    fn about(&self, event: &Event) -> impl Iterator<Item = &Vec<u64>> {
        let ends = self.0.get(&(event.from, event.to)).into_iter().flatten();
        let known = event.qp;
        ends.filter(move |(qp, _)| qp.is_none() || known.is_none() || **qp == known)
            .map(|(_, frames)| frames)
    }

    fn before(&self, event: &Event) -> bool {
        let first = |frames: &Vec<u64>| frames.first().is_some_and(|f| *f < event.frame);
        self.about(event).any(first)
    }

    fn after(&self, event: &Event) -> bool {
        let last = |frames: &Vec<u64>| frames.last().is_some_and(|f| *f > event.frame);
        self.about(event).any(last)
    }
}

/// Marked data that arrive, in order.
fn marks(facts: &Facts<'_>) -> Vec<Event> {
    let marked = facts.arrived().filter(|(seen, packet)| {
        let data = matches!(seen.class, Class::Data | Class::ReadResponse);
        data && is_reliable(packet) && packet.network.ecn == Ecn::Ce && packet.icrc == Icrc::Valid
    });
    marked.map(|(seen, p)| caused(facts, seen, p)).collect()
}

/// What a packet causes that arrives: the sender's queue pair is at fault.
fn caused(facts: &Facts<'_>, seen: &Seen<'_>, packet: &Packet<'_>) -> Event {
    Event {
        at_ns: seen.at_ns,
        frame: seen.number,
        from: packet.network.dst,
        to: packet.network.src,
        qp: offender(facts, seen, packet),
    }
}

/// The queue pair that sent what arrives.
fn offender(facts: &Facts<'_>, seen: &Seen<'_>, packet: &Packet<'_>) -> Option<u32> {
    let answer = packet.bth.opcode.is_response();
    let flows = facts.evidence.flows.iter();
    let mut flows = flows.filter(|flow| {
        let (host, qpn) = if answer {
            (flow.requester, flow.qpn[0])
        } else {
            (flow.responder, flow.qpn[1])
        };
        flow.transport == Transport::Rc && host == seen.host && qpn == packet.bth.dest_qp
    });
    flows.next().map(|flow| flow.qpn[usize::from(answer)])
}

/// Notifications as they are sent.
fn notifications(facts: &Facts<'_>) -> Vec<Event> {
    let sent = facts.sent().filter(|(seen, _)| seen.class == Class::Cnp);
    let event = |(seen, packet): (&Seen<'_>, &Packet<'_>)| Event {
        at_ns: seen.at_ns,
        frame: seen.number,
        from: packet.network.src,
        to: packet.network.dst,
        qp: Some(packet.bth.dest_qp),
    };
    sent.map(event).collect()
}

/// Refusals for a lost packet, which may cause notifications as well.
fn refusals(facts: &Facts<'_>) -> Vec<Event> {
    let sent = facts.sent().filter(|(_, packet)| {
        let kind = packet.extensions.aeth.map(|aeth| aeth.kind());
        kind == Some(Syndrome::Nak(NakCode::PsnSequenceError))
    });
    let event = |(seen, packet): (&Seen<'_>, &Packet<'_>)| Event {
        at_ns: seen.at_ns,
        frame: seen.number,
        from: packet.network.src,
        to: packet.network.dst,
        qp: Some(packet.bth.dest_qp),
    };
    sent.map(event).collect()
}

/// CC-01: who gets marks notifies; who gets none does not.
pub(super) fn for_marks(facts: &Facts<'_>) -> Judged {
    let (marks, cnps) = (marks(facts), notifications(facts));
    let mut judged = Judged {
        stimuli: marks.len() as u64,
        ..Judged::default()
    };
    let mut causes = marks.clone();
    if facts.expect.nack_triggered_cnp {
        causes.extend(refusals(facts));
        causes.sort_by_key(|event| event.frame);
    }
    let causes = Index::of(&causes);
    for cnp in cnps.iter().filter(|cnp| !causes.before(cnp)) {
        let what = format!("a CNP to {} without marked data from it", cnp.to);
        judged.saw();
        judged.fault(what, &[cnp.frame]);
    }
    let cnps = Index::of(&cnps);
    let mut told = BTreeSet::new();
    for mark in &marks {
        if told.insert((mark.from, mark.to, mark.qp)) && !cnps.after(mark) {
            let qp = mark
                .qp
                .map_or(String::new(), |qp| format!(", queue pair {qp:#08x}"));
            let what = format!("no CNP to {}{qp}, whose data arrive marked", mark.to);
            judged.fault(what, &[mark.frame]);
        }
    }
    judged
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
const fn slack(expect: &Expect) -> u64 {
    expect.cnp_interval_ns / 10
}

/// CC-02.
pub(super) fn spacing(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    let expect = &facts.expect;
    let mut last: BTreeMap<Clock, Event> = BTreeMap::new();
    for cnp in notifications(facts) {
        let clock = clock(expect.cnp_scope, &cnp);
        if let Some(before) = last.insert(clock, cnp) {
            let gap = cnp.at_ns.saturating_sub(before.at_ns);
            let least = expect.cnp_interval_ns;
            judged.expect(
                gap + slack(expect) >= least,
                &[before.frame, cnp.frame],
                || {
                    let to = cnp.to;
                    format!("CNPs to {to} are {gap} ns apart, and must be {least}")
                },
            );
        }
    }
    judged
}

/// CC-03: one CNP for the first mark of each interval.
pub(super) fn count(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    let (expect, cnps) = (&facts.expect, notifications(facts));
    let mut due: BTreeMap<Clock, (u64, u64, u64)> = BTreeMap::new();
    let mut causes = marks(facts);
    if expect.nack_triggered_cnp {
        causes.extend(refusals(facts));
        causes.sort_by_key(|event| event.frame);
    }
    for cause in &causes {
        judged.saw();
        let entry = due.entry(clock(expect.cnp_scope, cause));
        let (count, next, _) = entry.or_insert((0, 0, cause.frame));
        if cause.at_ns >= *next {
            *count += 1;
            *next = cause.at_ns.saturating_add(expect.cnp_interval_ns);
        }
    }
    let mut sent: BTreeMap<Clock, u64> = BTreeMap::new();
    for cnp in &cnps {
        *sent.entry(clock(expect.cnp_scope, cnp)).or_default() += 1;
    }
    for (clock_of, (wanted, _, frame)) in due {
        let found = sent.get(&clock_of).copied().unwrap_or_default();
        // Where captures are made after queues, a mark near the end of an interval may count
        // for either.
        let tolerance = wanted / 20;
        if found.abs_diff(wanted) > tolerance {
            let from = clock_of.0;
            let what = format!("{from} sends {found} CNPs, where marks call for {wanted}");
            judged.fault(what, &[frame]);
        }
    }
    judged
}

/// How near a NAK and the CNP that it triggers are, ns.
const NEAR: u64 = 1_000_000;

/// CC-04: loss without marks.
pub(super) fn on_nak(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    let (naks, cnps, marks) = (refusals(facts), notifications(facts), marks(facts));
    let triggered = facts.expect.nack_triggered_cnp;
    let marks = Index::of(&marks);
    for nak in naks.iter().filter(|nak| marks.about(nak).next().is_none()) {
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
    let mut marks = marks(facts);
    marks.retain(|mark| mark.qp.is_some());
    let marks = Index::of(&marks);
    for cnp in notifications(facts) {
        let Some(seen) = facts.seen.get(cnp.frame as usize - 1) else {
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
        if marks.before(&anyone) && !marks.before(&cnp) {
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
    for (host, counters) in facts.evidence.counters.iter().enumerate() {
        let at = |seen: &&Seen<'_>| seen.host == host;
        let sound = |seen: &&Seen<'_>| seen.roce().is_some_and(|p| p.icrc == Icrc::Valid);
        let cnps = |out: bool| {
            let here = facts.seen.iter().filter(at).filter(sound);
            here.filter(|s| s.out == out && s.class == Class::Cnp)
                .count() as u64
        };
        let own = marks(facts);
        let arrived = |mark: &&Event| {
            facts
                .seen
                .get(mark.frame as usize - 1)
                .is_some_and(|seen| seen.host == host)
        };
        let marked = own.iter().filter(arrived).count() as u64;
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
