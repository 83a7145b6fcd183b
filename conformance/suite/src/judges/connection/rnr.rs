//! Receiver not ready.

use super::outcome::{complaint, first_error};
use super::{Case, FOREIGN};
use crate::evidence::{Evidence, Status};
use crate::exchange::{Exchange, Step, reliable};
use crate::facts::Half;
use crate::judges::{Means, Mutant};
use crate::{Facts, Judged};
use std::collections::{BTreeMap, BTreeSet};
use xoff_checks::rc;
use xoff_model::rules::Class;
use xoff_wire::bth::rnr_timer_ns;

/// A timer of a real host fires later than it is due, if the host is busy.
const LATE_NS: u64 = 100_000_000;

pub(super) const RC_23: Case = Case {
    check: &rc::RC_23,
    means: Means::judged_by(&["rnr-wait"], rnr_wait),
    not_on: FOREIGN,
    mutants: &[
        Mutant::evidence("asks again at once", hurry),
        Mutant::rules(
            "waits much longer than told",
            "[[rule]]\naction = \"drop\"\nclass = \"data\"\nfrom = \"h0\"\npsn = 1\n\
                 nth = [2, 3, 4]\nstack = true\n",
        ),
    ],
};

pub(super) const RC_24: Case = Case {
    check: &rc::RC_24,
    means: Means::judged_by(&["rnr-limit"], rnr_limit),
    not_on: FOREIGN,
    mutants: &[
        Mutant::rules(
            "gives up one retry early",
            "[[rule]]\naction = \"drop\"\nclass = \"rnr\"\nfrom = \"h1\"\nnth = 2\n\
                 stack = true\n",
        ),
        Mutant::evidence("fails with another status", misname),
    ],
};

pub(super) const RC_25: Case = Case {
    check: &rc::RC_25,
    means: Means::judged_by(&["rnr-unlimited"], rnr_unlimited),
    not_on: FOREIGN,
    mutants: &[Mutant::evidence("takes 7 for a number", give_up)],
};

/// Half the time passes between what is sent.
fn hurry(evidence: &mut Evidence) {
    for frame in &mut evidence.frames {
        frame.at_ns /= 64;
    }
}

fn misname(evidence: &mut Evidence) {
    let completions = evidence.flows.iter_mut().flat_map(|f| &mut f.completions);
    for completion in completions.filter(|c| c.status == Status::RnrRetryExcErr) {
        completion.status = Status::RetryExcErr;
    }
}

fn give_up(evidence: &mut Evidence) {
    for flow in &mut evidence.flows {
        if let Some(last) = flow.completions.last_mut() {
            last.status = Status::RnrRetryExcErr;
        }
    }
}

fn is_rnr(step: &Step<'_>) -> bool {
    step.is(Half::Answers, false) && step.class == Class::Rnr && step.is_sound()
}

fn rnr_wait(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    let mut codes: BTreeSet<u8> = BTreeSet::new();
    for exchange in reliable(facts) {
        let name = exchange.name();
        for (index, rnr) in exchange.steps.iter().enumerate() {
            let Some(code) = rnr.syndrome().filter(|_| is_rnr(rnr)).map(|s| s & 0x1f) else {
                continue;
            };
            codes.insert(code);
            judged.saw();
            let mut later = exchange.steps[index + 1..].iter();
            let next =
                |s: &&Step<'_>| s.psn == rnr.psn && (s.is(Half::Requests, true) || is_rnr(s));
            let again = later.find(next);
            // The last one that came counts.
            if again.is_some_and(is_rnr) {
                continue;
            }
            let Some(again) = again else {
                if !exchange.cut && first_error(exchange.flow).is_none() {
                    let what = format!("{name}: PSN {} was not sent again after RNR", rnr.psn);
                    judged.fault(what, &[rnr.number]);
                }
                continue;
            };
            let (least, waited) = (rnr_timer_ns(code), again.at_ns.saturating_sub(rnr.at_ns));
            let us = |ns: u64| ns / 1000;
            let shown = [rnr.number, again.number];
            if waited < least {
                let (waited, least) = (us(waited), us(least));
                let what = format!("{name}: waited {waited} us after RNR code {code} ({least} us)");
                judged.fault(what, &shown);
            } else if waited > least.saturating_mul(4).saturating_add(LATE_NS) {
                let (waited, least) = (us(waited), us(least));
                let what = format!("{name}: still waited {waited} us at RNR code {code} ({least})");
                judged.fault(what, &shown);
            }
        }
    }
    let codes: Vec<String> = codes.iter().map(u8::to_string).collect();
    judged.detail = format!("waits of RNR codes {}", codes.join(", "));
    judged
}

/// RNR NAKs that arrived, by PSN.
fn refusals(exchange: &Exchange<'_>) -> BTreeMap<u32, Vec<u64>> {
    let mut refusals: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for step in exchange.steps.iter().filter(|step| is_rnr(step)) {
        refusals.entry(step.psn).or_default().push(step.number);
    }
    refusals
}

fn rnr_limit(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reliable(facts) {
        let flow = exchange.flow;
        let refusals = refusals(&exchange).into_iter();
        let most = refusals.max_by_key(|(_, frames)| frames.len());
        let (Some(limit), Some((psn, frames))) = (flow.limits.rnr_retry, most) else {
            continue;
        };
        let (name, limit) = (exchange.name(), usize::from(limit));
        let sent = exchange.along(Half::Requests, true);
        let retries = sent
            .filter(|(_, step)| step.psn == psn)
            .count()
            .saturating_sub(1);
        match first_error(flow).map(|(_, status)| status) {
            None if frames.len() <= limit => {}
            None => {
                let count = frames.len();
                judged.saw();
                let what = format!("{name}: rnr_retry {limit}, no failure after {count} RNR NAKs");
                judged.fault(what, &frames);
            }
            Some(Status::RnrRetryExcErr) => judged.expect(
                retries == limit && frames.len() == limit + 1,
                &frames,
                || {
                    let count = frames.len();
                    format!(
                        "{name}: rnr_retry {limit}, but failure after {retries} retries and \
                         {count} RNR NAKs"
                    )
                },
            ),
            Some(other) => {
                judged.saw();
                let other = other.name();
                judged.fault(
                    format!("{name}: {other} instead of RNR_RETRY_EXC_ERR"),
                    &frames,
                );
            }
        }
    }
    judged.detail = "failed after as many RNR NAKs as configured".to_owned();
    judged
}

fn rnr_unlimited(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reliable(facts).filter(|e| e.flow.limits.rnr_retry.is_none()) {
        let refusals = refusals(&exchange).into_iter();
        let many = refusals.map(|(_, frames)| frames).max_by_key(Vec::len);
        let Some(many) = many.filter(|many| many.len() > 7) else {
            continue;
        };
        judged.saw();
        if let Some(complaint) = complaint(exchange.flow) {
            judged.fault(complaint, &many[..8]);
        }
    }
    judged.detail = "more than 7 RNR NAKs of one packet, and no failure".to_owned();
    judged
}
