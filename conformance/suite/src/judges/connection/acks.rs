//! Acknowledgements, and what the wire does to the order and number of packets.

use super::outcome::{complaint, expect_whole, first_error, successes};
use super::timers::give_up;
use super::{Case, FOREIGN};
use crate::evidence::Evidence;
use crate::exchange::{Exchange, Took, is_sequence_nak, reliable};
use crate::facts::Half;
use crate::judges::{Means, Mutant};
use crate::{Facts, Judged};
use std::collections::{BTreeMap, BTreeSet};
use xoff_checks::rc;
use xoff_model::Op;
use xoff_model::rules::Class;
use xoff_wire::bth::{Syndrome, credit_count};
use xoff_wire::psn;

/// ACKs after which a requester that heeds credits has seen the first of them.
const IGNORED: usize = 3;

pub(super) const RC_01: Case = Case {
    check: &rc::RC_01,
    means: Means::judged_by(
        &[
            "clean",
            "loss-middle",
            "loss-burst",
            "loss-tail",
            "read-loss",
        ],
        data_integrity,
    ),
    not_on: FOREIGN,
    mutants: &[
        Mutant::rules(
            "sends other bytes than posted",
            "[[rule]]\naction = \"corrupt\"\nrepair = true\nclass = \"data\"\n\
                 from = \"h0\"\nnth = 5\nstack = true\n",
        ),
        Mutant::evidence("completes a message twice", complete_twice),
    ],
};

pub(super) const RC_02: Case = Case {
    check: &rc::RC_02,
    means: Means::judged_by(&["duplicates", "ack-loss"], duplicate_request),
    not_on: FOREIGN,
    mutants: &[
        Mutant::rules(
            "executes repetitions",
            "[[rule]]\naction = \"rewrite\"\nfield = \"msn\"\nadd = 1\nclass = \"ack\"\n\
                 from = \"h1\"\nstack = true\n",
        ),
        Mutant::evidence("is silent about repetitions", without_acks),
    ],
};

pub(super) const RC_10: Case = Case {
    check: &rc::RC_10,
    means: Means::judged_by(&["ack-loss"], ack_loss),
    not_on: FOREIGN,
    mutants: &[Mutant::evidence("fails when ACKs are lost", give_up)],
};

pub(super) const RC_12: Case = Case {
    check: &rc::RC_12,
    means: Means::judged_by(&["ack-coalesced"], coalesced_ack),
    not_on: FOREIGN,
    mutants: &[
        Mutant::evidence("completes out of order", swap_completions),
        Mutant::evidence("completes only what an ACK names", forget_completion),
    ],
};

pub(super) const RC_13: Case = Case {
    check: &rc::RC_13,
    means: Means::judged_by(&["reordering"], reordering),
    not_on: FOREIGN,
    mutants: &[Mutant::evidence(
        "delivers in the order of arrival",
        scramble,
    )],
};

pub(super) const RC_14: Case = Case {
    check: &rc::RC_14,
    means: Means::judged_by(&["late-ack", "late-data"], late),
    not_on: FOREIGN,
    mutants: &[Mutant::evidence("fails although the ACK comes", give_up)],
};

pub(super) const RC_15: Case = Case {
    check: &rc::RC_15,
    means: Means::judged_by(&["duplicates"], duplicates),
    not_on: FOREIGN,
    mutants: &[
        Mutant::evidence("delivers duplicates", complete_twice),
        Mutant::rules(
            "takes a duplicate for a gap",
            "[[rule]]\naction = \"inject\"\nframe = \"nak\"\ncode = 0\npsn_add = 1\n\
                 class = \"ack\"\nfrom = \"h1\"\nnth = 4\nstack = true\n",
        ),
    ],
};

pub(super) const RC_16: Case = Case {
    check: &rc::RC_16,
    means: Means::judged_by(&["ghost-data", "ghost-ack"], ghosts),
    not_on: FOREIGN,
    mutants: &[
        Mutant::evidence("executes a packet from an earlier life", scramble),
        Mutant::evidence("believes any ACK", complete_twice),
    ],
};

pub(super) const RC_32: Case = Case {
    check: &rc::RC_32,
    means: Means::judged_by(&["credits"], credits),
    not_on: FOREIGN,
    mutants: &[Mutant::rules(
        "sends without credits",
        "[[rule]]\naction = \"rewrite\"\nfield = \"syndrome\"\nvalue = 0\nclass = \"ack\"\n\
             from = \"h0\"\nstack = true\n",
    )],
};

fn complete_twice(evidence: &mut Evidence) {
    for flow in &mut evidence.flows {
        if let Some(&last) = flow.completions.last() {
            flow.completions.push(last);
        }
    }
}

/// No ACK is sent.
fn without_acks(evidence: &mut Evidence) {
    let acks: BTreeSet<u64> = Facts::new(evidence)
        .sent()
        .filter(|(seen, _)| seen.class == Class::Ack)
        .map(|(seen, _)| seen.number)
        .collect();
    let mut number = 0;
    evidence.frames.retain(|_| {
        number += 1;
        !acks.contains(&number)
    });
}

fn swap_completions(evidence: &mut Evidence) {
    for flow in &mut evidence.flows {
        let last = flow.completions.len().saturating_sub(1);
        flow.completions.swap(0, last);
    }
}

fn forget_completion(evidence: &mut Evidence) {
    for flow in &mut evidence.flows {
        flow.completions.truncate(1);
    }
}

fn scramble(evidence: &mut Evidence) {
    for flow in &mut evidence.flows {
        flow.intact = Some(false);
    }
}

fn data_integrity(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reliable(facts) {
        if exchange.flow.intact.is_some() || first_error(exchange.flow).is_some() {
            judged.saw();
        }
        expect_whole(&mut judged, &exchange, &[]);
    }
    judged.detail = format!("{} flows whole", judged.stimuli);
    judged
}

/// Messages that end at or before a request, by the last arrival that counted.
fn message_ends(exchange: &Exchange<'_>) -> Vec<(usize, u32)> {
    let mut whole = 0_u32;
    let mut ends = Vec::new();
    for arrival in exchange.arrivals() {
        let request = &exchange.steps[arrival.step];
        let ends_one = match request.class {
            Class::Data => request.packet.bth.opcode.ends_message(),
            Class::Atomic | Class::ReadRequest => true,
            _ => false,
        };
        if arrival.took == Took::InOrder && ends_one {
            whole = psn::add(whole, 1);
            ends.push((arrival.step, whole));
        }
    }
    ends
}

fn duplicate_request(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    let writes = |exchange: &Exchange<'_>| matches!(exchange.flow.op, Op::Send | Op::Write);
    for exchange in reliable(facts).filter(writes) {
        let name = exchange.name();
        let arrivals = exchange.arrivals();
        let again = arrivals.iter().filter(|a| a.took == Took::Duplicate);
        let again = again.map(|arrival| (arrival.step, &exchange.steps[arrival.step]));
        let asks = again.filter(|(_, step)| step.packet.bth.ack_request);
        for (index, step) in asks {
            let mut later = exchange.steps[index..].iter();
            let answered = later.any(|answer| {
                answer.is(Half::Answers, true)
                    && answer.class != Class::Cnp
                    && psn::diff(answer.psn, step.psn) >= 0
            });
            judged.expect(answered || exchange.cut, &[step.number], || {
                format!(
                    "{name}: the repetition of PSN {} was not acknowledged",
                    step.psn
                )
            });
        }
        let (mut ends, mut next) = (0, message_ends(&exchange).into_iter().peekable());
        for (index, answer) in exchange.along(Half::Answers, true) {
            while let Some((_, whole)) = next.next_if(|(step, _)| *step < index) {
                ends = whole;
            }
            let msn = answer.extensions().aeth.map_or(0, |aeth| aeth.msn);
            if psn::diff(msn, ends) > 0 {
                let what = format!("{name}: MSN {msn} after {ends} messages had arrived");
                judged.fault(what, &[answer.number]);
            }
        }
        if let Some(complaint) = complaint(exchange.flow) {
            judged.fault(complaint, &[]);
        }
    }
    judged.detail = "repetitions are acknowledged and counted once".to_owned();
    judged
}

/// Answers of these classes that did not arrive.
fn lost_answers(exchange: &Exchange<'_>, class: Class) -> Vec<u64> {
    let partners = exchange.partners();
    let sent = exchange.along(Half::Answers, true);
    let lost = sent.filter(|(index, a)| a.class == class && partners[*index].is_none());
    lost.map(|(_, answer)| answer.number).collect()
}

fn ack_loss(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reliable(facts) {
        let lost = lost_answers(&exchange, Class::Ack);
        if lost.is_empty() {
            continue;
        }
        judged.saw();
        expect_whole(&mut judged, &exchange, &lost);
    }
    judged.detail = "nothing failed, nothing came twice".to_owned();
    judged
}

fn coalesced_ack(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reliable(facts).filter(|exchange| exchange.flow.op != Op::Read) {
        let mut ends: Vec<u32> = Vec::new();
        for (_, step) in exchange.along(Half::Requests, true) {
            let new = ends
                .last()
                .is_none_or(|&last| psn::diff(step.psn, last) > 0);
            if new && step.packet.bth.opcode.ends_message() {
                ends.push(step.psn);
            }
        }
        let mut complete = 0;
        let mut many = Vec::new();
        for (_, ack) in exchange.along(Half::Answers, false) {
            if ack.class != Class::Ack || !ack.is_sound() {
                continue;
            }
            let covered = ends.iter().take_while(|&&end| psn::diff(ack.psn, end) >= 0);
            let covered = covered.count();
            if covered > complete + 1 {
                many.push(ack.number);
            }
            complete = complete.max(covered);
        }
        if many.is_empty() {
            continue;
        }
        judged.saw();
        let (name, done) = (exchange.name(), successes(exchange.flow));
        if done < complete as u64 && first_error(exchange.flow).is_none() {
            let what = format!("{name}: {done} completions, but ACKs for {complete} messages");
            judged.fault(what, &many);
        }
        expect_whole(&mut judged, &exchange, &many);
    }
    judged.detail = "one ACK completes several messages, in order".to_owned();
    judged
}

/// First transmissions that were overtaken by later ones.
fn overtaken(exchange: &Exchange<'_>) -> Vec<u64> {
    let partners = exchange.partners();
    let mut latest = None;
    let mut found = Vec::new();
    for (index, step) in exchange.along(Half::Requests, false) {
        let Some(sent) = partners[index] else {
            continue;
        };
        if latest.is_some_and(|latest| sent < latest) {
            found.push(step.number);
        }
        latest = latest.max(Some(sent));
    }
    found
}

fn reordering(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reliable(facts) {
        let late = overtaken(&exchange);
        if late.is_empty() {
            continue;
        }
        late.iter().for_each(|_| judged.saw());
        expect_whole(&mut judged, &exchange, &late);
    }
    judged.detail = "packets that were overtaken are recovered".to_owned();
    judged
}

fn late(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reliable(facts) {
        let partners = exchange.partners();
        let timeout = exchange.flow.limits.timeout_ns.max(1);
        let steps = exchange.steps.iter().enumerate().filter(|(_, s)| !s.out);
        let late = steps.filter(|(index, step)| {
            let sent = partners[*index].map(|sent| exchange.steps[sent].at_ns);
            sent.is_some_and(|sent| step.at_ns.saturating_sub(sent) > timeout)
        });
        let late: Vec<u64> = late.map(|(_, step)| step.number).collect();
        if late.is_empty() {
            continue;
        }
        late.iter().for_each(|_| judged.saw());
        expect_whole(&mut judged, &exchange, &late);
    }
    judged.detail = "late packets do no harm".to_owned();
    judged
}

fn duplicates(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reliable(facts) {
        let partners = exchange.partners();
        let arrived = exchange.steps.iter().enumerate();
        let extra = arrived.filter(|(i, s)| !s.out && s.is_sound() && partners[*i].is_none());
        let extra: Vec<u64> = extra.map(|(_, step)| step.number).collect();
        if extra.is_empty() {
            continue;
        }
        extra.iter().for_each(|_| judged.saw());
        let opened = exchange.arrivals().into_iter();
        let opened = opened
            .filter(|a| a.took == Took::Gap { opens: true })
            .count();
        let naks = exchange.along(Half::Answers, true);
        let naks: Vec<u64> = naks
            .filter(|(_, answer)| is_sequence_nak(answer))
            .map(|(_, nak)| nak.number)
            .collect();
        if naks.len() > opened {
            let (name, count) = (exchange.name(), naks.len());
            let what = format!("{name}: {count} NAKs, but only {opened} gaps");
            judged.fault(what, &naks);
        }
        expect_whole(&mut judged, &exchange, &extra);
    }
    judged.detail = "packets that came twice count once".to_owned();
    judged
}

/// Packets that arrived far from any that was sent until then.
fn strangers<'a>(exchange: &'a Exchange<'a>, half: Half) -> Vec<usize> {
    let mut newest = 0;
    let mut found = Vec::new();
    for (index, step) in exchange.steps.iter().enumerate() {
        if step.is(Half::Requests, true) {
            newest = psn::max(newest, step.psn);
        }
        let outside = psn::diff(step.psn, newest) > 0 || psn::diff(step.psn, 0) < 0;
        // An ACK of a READ or a late NAK may name the packet after the newest.
        let beyond = psn::diff(step.psn, psn::add(newest, 1)) > 0 || psn::diff(step.psn, 0) < -1;
        if step.is(half, false) && step.is_sound() && outside && beyond {
            found.push(index);
        }
    }
    found
}

fn ghosts(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reliable(facts).filter(|exchange| exchange.flow.op != Op::Read) {
        let name = exchange.name();
        let requests = strangers(&exchange, Half::Requests);
        let answers = strangers(&exchange, Half::Answers);
        let mut shown: Vec<u64> = Vec::new();
        for &index in requests.iter().chain(&answers) {
            judged.saw();
            shown.push(exchange.steps[index].number);
        }
        if shown.is_empty() {
            continue;
        }
        // What completed although it had not arrived.
        let arrived = message_ends(&exchange)
            .last()
            .map_or(0, |(_, whole)| *whole);
        let done = successes(exchange.flow);
        if done > u64::from(arrived) && !exchange.cut {
            let what = format!("{name}: {done} messages completed, but only {arrived} arrived");
            judged.symptom(&rc::COMPLETED_AHEAD, what, &shown);
        }
        for (_, answer) in exchange.along(Half::Answers, true) {
            let far = psn::diff(answer.psn, 0) < -1 || answer.psn > psn::MASK / 2;
            if far {
                let what = format!(
                    "{name}: PSN {} is answered, which is none of it",
                    answer.psn
                );
                judged.fault(what, &[answer.number]);
            }
        }
        match complaint(exchange.flow) {
            // What it took for done is not sent again, so that nothing behind it is taken.
            Some(complaint) if !answers.is_empty() && first_error(exchange.flow).is_some() => {
                judged.symptom(&rc::MISLED, complaint, &shown);
            }
            Some(complaint) => judged.fault(complaint, &shown),
            None => {}
        }
    }
    judged.detail = "packets of another life change nothing".to_owned();
    judged
}

fn credits(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    let sends = |exchange: &Exchange<'_>| exchange.flow.op == Op::Send;
    let mut limited = false;
    for exchange in reliable(facts).filter(sends) {
        let mut started: BTreeMap<u32, u64> = BTreeMap::new();
        // Most messages that may have been started, by the last ACK.
        let mut allowed: Option<(u64, u64)> = None;
        let mut ignored: Vec<u64> = Vec::new();
        for step in &exchange.steps {
            let aeth = step.extensions().aeth;
            if let Some(aeth) = aeth.filter(|_| step.is(Half::Answers, false) && step.is_sound()) {
                judged.saw();
                if let Syndrome::Ack { credits } = aeth.kind() {
                    // One more may go, to ask for credits.
                    let most = |count| u64::from(aeth.msn) + u64::from(count) + 1;
                    allowed = credit_count(credits).map(|count| (most(count), step.number));
                    limited |= allowed.is_some();
                }
            }
            let begins = step.packet.bth.opcode.starts_message();
            if !step.is(Half::Requests, true) || !begins || started.contains_key(&step.psn) {
                continue;
            }
            let message = started.len() as u64 + 1;
            started.insert(step.psn, message);
            if let Some((_, ack)) = allowed.filter(|(most, _)| message > *most)
                && ignored.last() != Some(&ack)
            {
                ignored.push(ack);
            }
        }
        // What was on its way when the limit came is no fault.
        if ignored.len() >= IGNORED {
            let (name, count) = (exchange.name(), ignored.len());
            let what = format!("{name}: messages beyond the credits of {count} ACKs");
            judged.fault(what, &ignored);
        }
    }
    let kind = if limited { "respected" } else { "unlimited" };
    judged.detail = format!("credits {kind}");
    judged
}
