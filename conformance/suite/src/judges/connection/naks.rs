//! Gaps, the NAKs that report them, and what requesters do about it.

use super::outcome::expect_whole;
use super::{Case, FOREIGN};
use crate::evidence::Frame;
use crate::exchange::{Cause, Edge, Exchange, Restart, Step, Took, is_sequence_nak, reliable};
use crate::facts::Half;
use crate::judges::{Means, Mutant};
use crate::{Evidence, Facts, Judged};
use std::collections::{BTreeMap, BTreeSet};
use xoff_checks::rc;
use xoff_model::rules::Class;

/// Slower than any adapter that was measured; the slowest takes 83 ms for READs (Lumina).
const REACTION_NS: u64 = 100_000_000;

pub(super) const RC_03: Case = Case {
    check: &rc::RC_03,
    means: Means::judged_by(
        &["loss-middle", "loss-burst", "reordering"],
        one_nak_per_gap,
    ),
    not_on: FOREIGN,
    mutants: &[Mutant::rules(
        "repeats its NAKs",
        "[[rule]]\naction = \"duplicate\"\nclass = \"nak\"\nfrom = \"h1\"\nstack = true\n",
    )],
};

pub(super) const RC_04: Case = Case {
    check: &rc::RC_04,
    means: Means::judged_by(&["loss-middle", "loss-burst", "reordering"], nak_psn),
    not_on: FOREIGN,
    mutants: &[Mutant::rules(
        "asks for the packet behind the missing one",
        "[[rule]]\naction = \"rewrite\"\nfield = \"psn\"\nadd = 1\nclass = \"nak\"\n\
             from = \"h1\"\nstack = true\n",
    )],
};

pub(super) const RC_05: Case = Case {
    check: &rc::RC_05,
    means: Means::judged_by(&["loss-middle", "loss-burst"], retransmission_start),
    not_on: FOREIGN,
    mutants: &[
        Mutant::rules(
            "resumes one packet late",
            "[[rule]]\naction = \"drop\"\nclass = \"data\"\nfrom = \"h0\"\npsn = 3\n\
                 round = 1\nstack = true\n",
        ),
        Mutant::evidence("does not count the NAKs that come", forget_naks),
        Mutant::evidence("ignores NAKs", wait_for_timers),
        Mutant::evidence("goes back to the message before", go_further_back),
    ],
};

pub(super) const RC_11: Case = Case {
    check: &rc::RC_11,
    means: Means::judged_by(&["nak-loss"], nak_loss),
    not_on: FOREIGN,
    mutants: &[Mutant::rules(
        "never repeats without a NAK",
        "[[rule]]\naction = \"drop\"\nclass = \"data\"\nfrom = \"h0\"\npsn = 3\n\
             nth = [2, 3, 4, 5, 6, 7, 8, 9]\nstack = true\n",
    )],
};

pub(super) const RC_37: Case = Case {
    check: &rc::RC_37,
    means: Means::judged_by(&["corruption"], corrupt_as_lost),
    not_on: FOREIGN,
    mutants: &[
        Mutant::rules(
            "acknowledges what it must drop",
            "[[rule]]\naction = \"rewrite\"\nfield = \"psn\"\nadd = 1\nclass = \"nak\"\n\
                 from = \"h1\"\nstack = true\n",
        ),
        Mutant::evidence("delivers corrupt data", spoil),
    ],
};

pub(super) const RC_40: Case = Case {
    check: &rc::RC_40,
    means: Means::judged_by(&["loss-middle"], recovery_latency),
    not_on: FOREIGN,
    mutants: &[
        Mutant::rules(
            "takes its time with a NAK",
            "[[rule]]\naction = \"delay\"\ndelay = \"200ms\"\nclass = \"nak\"\nfrom = \"h1\"\n\
                 stack = true\n",
        ),
        Mutant::evidence("ignores NAKs", wait_for_timers),
    ],
};

fn forget_naks(evidence: &mut Evidence) {
    for counters in &mut evidence.counters {
        for (name, value) in counters.iter_mut() {
            if ends_with(name, "packet_seq_err") || ends_with(name, "rcvd_seq_err") {
                *value = 0;
            }
        }
    }
}

/// Whatever is sent again after a NAK comes a timeout later, and the rest of its queue pair with it.
fn wait_for_timers(evidence: &mut Evidence) {
    let mut later: Vec<(u64, u64)> = Vec::new();
    for exchange in reliable(&Facts::new(evidence)) {
        let restarts = exchange.restarts().into_iter();
        let asked = restarts.filter(|restart| matches!(restart.cause, Cause::Nak(_)));
        let asked: Vec<usize> = asked.map(|restart| restart.step).collect();
        for (index, step) in exchange.steps.iter().enumerate() {
            let waits = asked.iter().filter(|&&restart| restart <= index).count() as u64;
            later.push((step.number, waits * exchange.flow.limits.timeout_ns));
        }
    }
    for (number, by) in later {
        let frame = usize::try_from(number - 1).ok();
        if let Some(frame) = frame.and_then(|at| evidence.frames.get_mut(at)) {
            frame.at_ns += by;
        }
    }
    evidence.frames.sort_by_key(|frame| frame.at_ns);
}

/// What was sent just before a repetition is the first packet of the first message, once more.
fn go_further_back(evidence: &mut Evidence) {
    let mut again: Vec<(usize, usize)> = Vec::new();
    for exchange in reliable(&Facts::new(evidence)) {
        let at = |step: &Step<'_>| usize::try_from(step.number - 1).unwrap_or(usize::MAX);
        let first = exchange.along(Half::Requests, true).next();
        let restarts = exchange.restarts();
        let restart = restarts
            .iter()
            .rev()
            .find(|r| exchange.steps[r.step].psn > 0);
        if let (Some((_, first)), Some(restart)) = (first, restart) {
            again.push((at(&exchange.steps[restart.step]), at(first)));
        }
    }
    // From the end, so that positions before it stay.
    again.sort_unstable();
    for (before, copied) in again.into_iter().rev() {
        let whole = evidence.frames.get(before).zip(evidence.frames.get(copied));
        if let Some((restart, first)) = whole {
            let frame = Frame {
                at_ns: restart.at_ns,
                ..first.clone()
            };
            evidence.frames.insert(before, frame);
        }
    }
}

fn spoil(evidence: &mut Evidence) {
    for flow in &mut evidence.flows {
        flow.intact = Some(false);
    }
}

/// The counter, or that of a device: `rxe0/rcvd_seq_err`.
fn ends_with(name: &str, counter: &str) -> bool {
    name.rsplit('/').next() == Some(counter)
}

/// Sum of a counter over the devices of a host; None: it has none of that name.
fn counter(evidence: &Evidence, host: usize, name: &str) -> Option<u64> {
    let all = evidence.counters.get(host)?.iter();
    let mine = all.filter(|(key, _)| ends_with(key, name));
    mine.map(|(_, value)| *value).reduce(u64::saturating_add)
}

/// A gap at a responder.
struct Gap {
    /// Missing.
    psn: u32,
    /// Step that showed it, and the one that closed it.
    opened: usize,
    closed: Option<usize>,
}

fn gaps(exchange: &Exchange<'_>) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = Vec::new();
    for arrival in exchange.arrivals() {
        match arrival.took {
            Took::Gap { opens: true } => gaps.push(Gap {
                psn: arrival.expected,
                opened: arrival.step,
                closed: None,
            }),
            Took::InOrder => {
                let open = gaps.last_mut().filter(|gap| gap.closed.is_none());
                if let Some(gap) = open.filter(|gap| gap.psn == arrival.expected) {
                    gap.closed = Some(arrival.step);
                }
            }
            _ => {}
        }
    }
    gaps
}

/// NAKs of sequence errors that the responder sent, by PSN.
fn naks(exchange: &Exchange<'_>) -> BTreeMap<u32, Vec<usize>> {
    let mut naks: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (index, answer) in exchange.along(Half::Answers, true) {
        if is_sequence_nak(answer) {
            naks.entry(answer.psn).or_default().push(index);
        }
    }
    naks
}

fn numbers(exchange: &Exchange<'_>, steps: &[usize]) -> Vec<u64> {
    let numbers = steps.iter().filter_map(|&step| exchange.steps.get(step));
    numbers.map(|step| step.number).take(16).collect()
}

fn one_nak_per_gap(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reliable(facts).filter(|exchange| !exchange.has_rnr()) {
        let (naks, partners) = (naks(&exchange), exchange.partners());
        for gap in gaps(&exchange) {
            let sent = naks.get(&gap.psn).map_or(&[][..], Vec::as_slice);
            let mut shown = numbers(&exchange, &[gap.opened]);
            shown.extend(numbers(&exchange, sent));
            // Closed by a packet that was only overtaken, before it could be reported.
            let first = exchange.along(Half::Requests, true);
            let first = first.clone().find(|(_, step)| step.psn == gap.psn);
            let closer = gap.closed.and_then(|closed| partners[closed]);
            let overtaken = closer.is_some() && closer == first.map(|(index, _)| index);
            let excused = sent.is_empty() && (overtaken || exchange.cut);
            judged.expect(sent.len() == 1 || excused, &shown, || {
                let (name, psn, count) = (exchange.name(), gap.psn, sent.len());
                format!("{name}: {count} NAKs for the gap at PSN {psn} instead of one")
            });
        }
    }
    responders_count(facts, &mut judged);
    judged.detail = "one NAK for each gap".to_owned();
    judged
}

/// Hosts that count the NAKs they send must count right.
fn responders_count(facts: &Facts<'_>, judged: &mut Judged) {
    let evidence = facts.evidence;
    for host in 0..evidence.counters.len() {
        let mine = facts.sent().filter(|(seen, packet)| {
            let code = packet.extensions.aeth.map(|aeth| aeth.syndrome & 0x1f);
            seen.host == host && seen.class == Class::Nak && code == Some(0)
        });
        let sent = mine.count() as u64;
        let counted = counter(evidence, host, "out_of_seq_request").unwrap_or(sent);
        if counted != sent && !evidence.cut {
            let what = format!("out_of_seq_request of h{host} is {counted} after {sent} NAKs");
            judged.fault(what, &[]);
        }
    }
}

fn nak_psn(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reliable(facts).filter(|exchange| !exchange.has_rnr()) {
        let gaps = gaps(&exchange);
        let sent = exchange.along(Half::Answers, true);
        for (index, nak) in sent.filter(|(_, answer)| is_sequence_nak(answer)) {
            let mut before = gaps.iter().filter(|gap| gap.opened < index);
            let missing = before.clone().any(|gap| gap.psn == nak.psn);
            let last = before.next_back();
            let mut shown = last.map_or(Vec::new(), |gap| numbers(&exchange, &[gap.opened]));
            shown.push(nak.number);
            judged.expect(missing, &shown, || {
                let name = exchange.name();
                let wanted = last.map_or("nothing".to_owned(), |gap| format!("PSN {}", gap.psn));
                format!(
                    "{name}: a NAK names PSN {} while {wanted} is missing",
                    nak.psn
                )
            });
        }
    }
    judged.detail = "every NAK names the packet that is missing".to_owned();
    judged
}

fn retransmission_start(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    let mut zero = false;
    for exchange in reliable(facts).filter(|exchange| !exchange.has_rnr()) {
        let starts = message_starts(&exchange);
        for restart in &exchange.restarts() {
            let Cause::Nak(nak) = restart.cause else {
                continue;
            };
            let (nak, first) = (&exchange.steps[nak], &exchange.steps[restart.step]);
            let whole = starts.range(..=nak.psn).next_back() == Some(&first.psn);
            zero |= nak.psn != first.psn && whole;
            let right = nak.psn == first.psn || whole;
            judged.expect(right, &[nak.number, first.number], || {
                let (name, wanted, found) = (exchange.name(), nak.psn, first.psn);
                format!("{name}: resumed from PSN {found} after a NAK for PSN {wanted}")
            });
            if by_timer(&exchange, restart, nak) {
                let (name, psn) = (exchange.name(), nak.psn);
                let what = format!("{name}: only the timeout, no NAK, brought PSN {psn}");
                let shown = [nak.number, first.number];
                match times_sent(&exchange.steps[..restart.step], psn) {
                    ..2 => judged.fault(what, &shown),
                    _ => {
                        let what = what + ", which was lost again";
                        judged.symptom(&rc::NAK_OF_LOST_AGAIN, what, &shown);
                    }
                }
            }
        }
        unanswered(&exchange, &mut judged);
    }
    requesters_count(facts, &mut judged);
    let from = if zero {
        "the message's first packet"
    } else {
        "the missing packet"
    };
    judged.detail = format!("sent again from {from}");
    judged
}

/// PSNs of the first packets of messages. What is sent again may begin with one in their middle.
fn message_starts(exchange: &Exchange<'_>) -> BTreeSet<u32> {
    let mut starts: BTreeMap<u32, bool> = BTreeMap::new();
    for (_, step) in exchange.along(Half::Requests, true) {
        let start = step.packet.bth.opcode.starts_message();
        starts.entry(step.psn).or_insert(start);
    }
    starts.retain(|_, start| *start);
    starts.into_keys().collect()
}

fn times_sent(steps: &[Step<'_>], psn: u32) -> usize {
    let sent = steps.iter().filter(|step| step.is(Half::Requests, true));
    sent.filter(|step| step.psn == psn).count()
}

/// Whether a requester that had a NAK went back when its timer expired: a busy host may take long,
/// and still not as long as its timer, of which 0.8 allow for one that is early.
fn by_timer(exchange: &Exchange<'_>, restart: &Restart, nak: &Step<'_>) -> bool {
    let timeout = exchange.flow.limits.timeout_ns;
    let first = &exchange.steps[restart.step];
    let slow = first.at_ns.saturating_sub(nak.at_ns) > REACTION_NS;
    timeout > 0 && slow && restart.after_ns >= timeout / 5 * 4
}

fn behind(ahead: u32, psn: u32) -> bool {
    xoff_wire::psn::diff(ahead, psn) > 0
}

/// NAKs after which their packet was not sent again.
fn unanswered(exchange: &Exchange<'_>, judged: &mut Judged) {
    let last = exchange.along(Half::Requests, true);
    let mut resent: BTreeMap<u32, usize> = BTreeMap::new();
    for (index, step) in last {
        resent.insert(step.psn, index);
    }
    let arrived = exchange.along(Half::Answers, false);
    for (index, nak) in arrived.filter(|(_, a)| is_sequence_nak(a) && a.is_sound()) {
        let again = resent.get(&nak.psn).is_some_and(|&last| last > index);
        let acknowledged = exchange.steps[..index].iter().any(|step| {
            step.is(Half::Answers, false) && step.class == Class::Ack && !behind(nak.psn, step.psn)
        });
        if !again && !acknowledged && !exchange.cut {
            let (name, psn) = (exchange.name(), nak.psn);
            let what = format!("{name}: PSN {psn} was not sent again after a NAK for it");
            judged.fault(what, &[nak.number]);
        }
    }
}

/// Hosts count the NAKs that come. Linux's rxe only those that acknowledge something, too.
fn requesters_count(facts: &Facts<'_>, judged: &mut Judged) {
    let evidence = facts.evidence;
    let mut arrived = vec![(0_u64, 0_u64); evidence.counters.len()];
    for exchange in reliable(facts) {
        let mut edge = Edge::default();
        for (_, answer) in exchange.along(Half::Answers, false) {
            let progress = answer.is_sound() && edge.take(answer);
            if let Some(at) = arrived.get_mut(exchange.flow.requester)
                && is_sequence_nak(answer)
                && answer.is_sound()
            {
                at.0 += 1;
                at.1 += u64::from(progress);
            }
        }
    }
    for (host, (all, progress)) in arrived.into_iter().enumerate() {
        let kinds = [("packet_seq_err", all), ("rcvd_seq_err", progress)];
        for (name, least) in kinds {
            let counted = counter(evidence, host, name);
            let wrong = counted.filter(|counted| !(least..=all).contains(counted));
            if let Some(counted) = wrong.filter(|_| !evidence.cut) {
                let what = format!("{name} of h{host} is {counted} after {all} NAKs");
                judged.fault(what, &[]);
            }
        }
    }
}

fn nak_loss(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reliable(facts) {
        let partners = exchange.partners();
        let naks = exchange.along(Half::Answers, true);
        let lost = naks.filter(|(index, nak)| is_sequence_nak(nak) && partners[*index].is_none());
        let lost: Vec<u64> = lost.map(|(_, nak)| nak.number).collect();
        if lost.is_empty() {
            continue;
        }
        judged.saw();
        expect_whole(&mut judged, &exchange, &lost);
    }
    judged.detail = "recovered by timeout".to_owned();
    judged
}

fn corrupt_as_lost(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    let mut twins: Vec<(usize, Vec<u32>)> = Vec::new();
    for exchange in reliable(facts) {
        let arrivals = exchange.arrivals();
        let spoiled = arrivals.iter().filter(|a| a.took == Took::Spoiled);
        let steps: Vec<usize> = spoiled.map(|arrival| arrival.step).collect();
        let naks = exchange.along(Half::Answers, true);
        let naks = naks.filter(|(_, answer)| is_sequence_nak(answer));
        twins.push((steps.len(), naks.map(|(_, nak)| nak.psn).collect()));
        if steps.is_empty() {
            continue;
        }
        let shown = numbers(&exchange, &steps);
        for step in steps {
            judged.saw();
            taken(&exchange, step, &mut judged);
        }
        expect_whole(&mut judged, &exchange, &shown);
    }
    // The same losses befell both: one flow's packets are spoiled, the other's dropped.
    if let [(spoiled, one), (0, other)] = &twins[..]
        && *spoiled > 0
        && one != other
    {
        let what = format!("NAKs for PSNs {one:?} after corruption, {other:?} after loss");
        judged.fault(what, &[]);
    }
    judged.detail = "corrupt packets are dropped and come again".to_owned();
    judged
}

/// Finds fault if a spoiled packet is acknowledged before it comes again.
fn taken(exchange: &Exchange<'_>, spoiled: usize, judged: &mut Judged) {
    let psn = exchange.steps[spoiled].psn;
    let whole = |step: &&crate::exchange::Step<'_>| {
        step.is(Half::Requests, false) && step.is_sound() && step.psn == psn
    };
    if exchange.steps[..spoiled].iter().any(|step| whole(&step)) {
        return;
    }
    let later = exchange.steps[spoiled..].iter();
    let until = later.take_while(|step| !whole(step));
    for answer in until.filter(|step| step.is(Half::Answers, true)) {
        let covers = match answer.class {
            Class::Ack => !behind(psn, answer.psn),
            Class::Nak => behind(answer.psn, psn),
            _ => false,
        };
        if covers {
            let (name, number) = (exchange.name(), exchange.steps[spoiled].number);
            let what = format!("{name}: PSN {psn}, which arrived corrupt, is acknowledged");
            return judged.fault(what, &[number, answer.number]);
        }
    }
}

fn recovery_latency(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reliable(facts).filter(|exchange| !exchange.has_rnr()) {
        let naks = naks(&exchange);
        for gap in gaps(&exchange) {
            let nak = naks.get(&gap.psn).and_then(|sent| sent.first());
            let Some(nak) = nak.map(|&nak| &exchange.steps[nak]) else {
                continue;
            };
            let opened = &exchange.steps[gap.opened];
            let took = nak.at_ns.saturating_sub(opened.at_ns);
            judged.expect(took <= REACTION_NS, &[opened.number, nak.number], || {
                let (name, ms) = (exchange.name(), took / 1_000_000);
                format!(
                    "{name}: the NAK for PSN {} came {ms} ms after the gap",
                    gap.psn
                )
            });
        }
        for restart in exchange.restarts() {
            let Cause::Nak(nak) = restart.cause else {
                continue;
            };
            let (nak, first) = (&exchange.steps[nak], &exchange.steps[restart.step]);
            let took = first.at_ns.saturating_sub(nak.at_ns);
            judged.expect(took <= REACTION_NS, &[nak.number, first.number], || {
                let (name, ms) = (exchange.name(), took / 1_000_000);
                format!(
                    "{name}: PSN {} was sent again {ms} ms after its NAK",
                    first.psn
                )
            });
        }
    }
    let budget = REACTION_NS / 1_000_000;
    judged.detail = format!("NAK and retransmission within {budget} ms each");
    judged
}
