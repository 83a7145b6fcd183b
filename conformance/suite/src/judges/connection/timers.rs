//! The ACK timeout and the limit of retries.

use super::outcome::{complaint, expect_whole, first_error};
use super::{Case, FOREIGN};
use crate::evidence::{Evidence, Status};
use crate::exchange::{Cause, Edge, Exchange, Restart, is_sequence_nak, reliable};
use crate::facts::Half;
use crate::judges::{Means, Mutant};
use crate::{Facts, Judged};
use std::collections::{BTreeMap, BTreeSet};
use xoff_checks::rc;
use xoff_model::Op;
use xoff_wire::psn;

/// A timer of a real host fires later than it is due, if the host is busy.
const LATE_NS: u64 = 100_000_000;

pub(super) const RC_06: Case = Case {
    check: &rc::RC_06,
    means: Means::judged_by(&["loss-tail"], tail_loss),
    not_on: FOREIGN,
    mutants: &[Mutant::evidence(
        "repeats without waiting for the timeout",
        hurry,
    )],
};

pub(super) const RC_07: Case = Case {
    check: &rc::RC_07,
    means: Means::judged_by(&["timeouts"], ack_timeout),
    not_on: FOREIGN,
    mutants: &[
        Mutant::rules(
            "waits much longer than configured",
            "[[rule]]\naction = \"delay\"\ndelay = \"380ms\"\nclass = \"data\"\n\
                 from = \"h0\"\nafter = \"10ms\"\nstack = true\n",
        ),
        Mutant::evidence("waits half as long as configured", hurry),
    ],
};

pub(super) const RC_08: Case = Case {
    check: &rc::RC_08,
    means: Means::judged_by(&["retry-limit", "retry-seven"], retry_limit),
    not_on: FOREIGN,
    mutants: &[
        Mutant::rules(
            "gives up one retry early",
            "[[rule]]\naction = \"drop\"\nclass = \"data\"\nfrom = \"h0\"\nround = 3\n\
                 stack = true\n",
        ),
        Mutant::evidence("fails with another status", misname),
    ],
};

pub(super) const RC_09: Case = Case {
    check: &rc::RC_09,
    means: Means::judged_by(&["retry-reset"], retry_reset),
    not_on: FOREIGN,
    mutants: &[Mutant::evidence("adds up retries over all losses", give_up)],
};

pub(super) const RC_38: Case = Case {
    check: &rc::RC_38,
    means: Means::judged_by(&["loss-repeated"], repeated_loss),
    not_on: FOREIGN,
    mutants: &[Mutant::rules(
        "does not repeat a repetition",
        "[[rule]]\naction = \"drop\"\nclass = \"data\"\nfrom = \"h0\"\npsn = 3\n\
             nth = [4, 5, 6, 7, 8, 9]\nstack = true\n",
    )],
};

/// All that happens, happens in half the time.
fn hurry(evidence: &mut Evidence) {
    for frame in &mut evidence.frames {
        frame.at_ns /= 2;
    }
}

fn misname(evidence: &mut Evidence) {
    let completions = evidence.flows.iter_mut().flat_map(|f| &mut f.completions);
    for completion in completions.filter(|c| c.status == Status::RetryExcErr) {
        completion.status = Status::RespTimeoutErr;
    }
}

/// The last message of every flow fails.
pub(super) fn give_up(evidence: &mut Evidence) {
    for flow in &mut evidence.flows {
        if let Some(last) = flow.completions.last_mut() {
            last.status = Status::RetryExcErr;
        }
    }
}

/// Restarts that nothing on the wire asked for.
fn timeouts(exchange: &Exchange<'_>) -> impl Iterator<Item = Restart> {
    let all = exchange.restarts().into_iter();
    all.filter(|restart| restart.cause == Cause::Timer)
}

/// Requests that were lost while nothing after them arrived before they were sent again.
fn lost_tails(exchange: &Exchange<'_>) -> Vec<(usize, Option<usize>)> {
    let partners = exchange.partners();
    let requests: Vec<_> = exchange.along(Half::Requests, true).collect();
    let mut tails = Vec::new();
    for (place, (index, step)) in requests.iter().enumerate() {
        let lost = partners[*index].is_none();
        let rest = &requests[place + 1..];
        let again = rest.iter().find(|(_, later)| later.psn == step.psn);
        let again = again.map(|(later, _)| *later);
        let until = again.unwrap_or(exchange.steps.len());
        let mut between = exchange.steps[*index..until].iter();
        let shown = between
            .any(|s| s.is(Half::Requests, false) && s.is_sound() && psn::diff(s.psn, step.psn) > 0);
        if lost && !shown {
            tails.push((*index, again));
        }
    }
    tails
}

fn tail_loss(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reliable(facts).filter(|exchange| exchange.flow.op != Op::Read) {
        let timeout = exchange.flow.limits.timeout_ns;
        let restarts = exchange.restarts();
        for (lost, again) in lost_tails(&exchange) {
            let tail = &exchange.steps[lost];
            let end = again.unwrap_or(exchange.steps.len());
            let mut answers = exchange.steps[lost..end].iter();
            let nak = answers.find(|a| a.is(Half::Answers, true) && is_sequence_nak(a));
            let name = exchange.name();
            judged.saw();
            if let Some(nak) = nak {
                let what = format!("{name}: a NAK after the loss of PSN {}, the last", tail.psn);
                judged.fault(what, &[tail.number, nak.number]);
            }
            // The restart that reached it; with go-back-N it may have begun before it.
            let restart = restarts.iter().find(|r| r.step > lost);
            match (again, restart) {
                (Some(again), Some(restart)) if restart.after_ns < timeout * 5 / 8 => {
                    let what = format!("{name}: PSN {} came again before the timeout", tail.psn);
                    judged.fault(what, &[tail.number, exchange.steps[again].number]);
                }
                (None, _) if !exchange.cut && first_error(exchange.flow).is_none() => {
                    let what = format!("{name}: PSN {} was lost and never sent again", tail.psn);
                    judged.fault(what, &[tail.number]);
                }
                _ => {}
            }
            expect_whole(&mut judged, &exchange, &[tail.number]);
        }
    }
    judged.detail = "lost tails are found by timeout".to_owned();
    judged
}

fn ack_timeout(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reliable(facts).filter(|exchange| exchange.flow.op != Op::Read) {
        let timeout = exchange.flow.limits.timeout_ns;
        if timeout == 0 || exchange.has_rnr() {
            continue;
        }
        for restart in timeouts(&exchange) {
            let first = &exchange.steps[restart.step];
            let (name, psn) = (exchange.name(), first.psn);
            let waited = restart.after_ns;
            let ms = |ns: u64| format!("{}.{} ms", ns / 1_000_000, ns / 100_000 % 10);
            let bound = timeout.saturating_mul(4).saturating_add(LATE_NS);
            judged.saw();
            // The frames' times are those of the wire, not of the timer.
            if waited < timeout - timeout / 50 {
                let (waited, timeout) = (ms(waited), ms(timeout));
                let what = format!("{name}: early timeout of PSN {psn}, {waited} of {timeout}");
                judged.symptom(&rc::EARLY_TIMEOUT, what, &[first.number]);
            } else if waited > bound {
                let (waited, bound) = (ms(waited), ms(bound));
                let what = format!("{name}: late timeout of PSN {psn}, {waited}, bound {bound}");
                judged.fault(what, &[first.number]);
            }
        }
    }
    judged.detail = "timeouts from T to 4 T".to_owned();
    judged
}

/// Repetitions of the oldest packet that was not acknowledged then, by PSN: their frames.
fn retries(exchange: &Exchange<'_>) -> BTreeMap<u32, Vec<u64>> {
    let mut retries: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    let mut sent: BTreeSet<u32> = BTreeSet::new();
    let mut edge = Edge::default();
    for step in &exchange.steps {
        if step.is(Half::Answers, false) && step.is_sound() {
            edge.take(step);
        } else if step.is(Half::Requests, true) {
            let again = !sent.insert(step.psn);
            if again && step.psn == edge.una {
                retries.entry(step.psn).or_default().push(step.number);
            }
        }
    }
    retries
}

fn retry_limit(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reliable(facts).filter(|exchange| !exchange.has_rnr()) {
        let flow = exchange.flow;
        let Some(limit) = flow.limits.retry.map(usize::from) else {
            continue;
        };
        let name = exchange.name();
        let most = retries(&exchange).into_iter();
        let Some((psn, frames)) = most.max_by_key(|(_, frames)| frames.len()) else {
            continue;
        };
        let retries = frames.len();
        let shown = &frames[frames.len().saturating_sub(8)..];
        let symptom = (limit == 7).then_some(&rc::SEVEN_RETRIES);
        match first_error(flow).map(|(_, status)| status) {
            None if retries <= limit => {}
            None => {
                let what = format!("{name}: retry_cnt {limit}, but {retries} retries of PSN {psn}");
                judged.expect_not(symptom, false, shown, || what);
            }
            Some(Status::RetryExcErr) => {
                judged.expect_not(symptom, retries == limit, shown, || {
                    format!("{name}: retry_cnt {limit}, but failure after {retries} of PSN {psn}")
                });
            }
            Some(other) => {
                let other = other.name();
                judged.saw();
                judged.fault(format!("{name}: {other} instead of RETRY_EXC_ERR"), shown);
            }
        }
    }
    judged.detail = "failed after as many retries as configured".to_owned();
    judged
}

fn retry_reset(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reliable(facts).filter(|exchange| !exchange.has_rnr()) {
        let Some(limit) = exchange.flow.limits.retry.map(usize::from) else {
            continue;
        };
        let retries = retries(&exchange);
        let counts = retries.values().map(Vec::len);
        let (sum, most) = (counts.clone().sum::<usize>(), counts.max().unwrap_or(0));
        if sum <= limit || most > limit {
            continue;
        }
        judged.saw();
        if let Some(complaint) = complaint(exchange.flow) {
            let what = format!("{complaint}, after at most {most} retries of one packet");
            judged.fault(what, &[]);
        }
    }
    judged.detail = "more retries than the limit in all, never of one packet".to_owned();
    judged
}

fn repeated_loss(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    let mut deepest = 0;
    for exchange in reliable(facts) {
        let partners = exchange.partners();
        let mut losses: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        let mut sent: BTreeMap<u32, usize> = BTreeMap::new();
        for (index, step) in exchange.along(Half::Requests, true) {
            *sent.entry(step.psn).or_default() += 1;
            if partners[index].is_none() {
                losses.entry(step.psn).or_default().push(step.number);
            }
        }
        for (psn, frames) in losses.iter().filter(|(_, frames)| frames.len() > 1) {
            deepest = deepest.max(frames.len());
            let times = sent.get(psn).copied().unwrap_or(0);
            judged.expect(times > frames.len(), frames, || {
                let (name, lost) = (exchange.name(), frames.len());
                format!("{name}: PSN {psn} was lost {lost} times and sent {times} times")
            });
            expect_whole(&mut judged, &exchange, frames);
        }
    }
    judged.detail = format!("one packet was lost {deepest} times and arrived in the end");
    judged
}
