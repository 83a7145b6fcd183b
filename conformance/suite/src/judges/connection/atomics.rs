//! Atomic operations.

use super::outcome::expect_whole;
use super::{Case, FOREIGN};
use crate::evidence::Evidence;
use crate::exchange::{Took, reliable};
use crate::facts::Half;
use crate::judges::{Means, Mutant};
use crate::{Facts, Judged};
use std::collections::BTreeMap;
use xoff_checks::rc;
use xoff_model::Op;
use xoff_model::rules::Class;

pub(super) const RC_21: Case = Case {
    check: &rc::RC_21,
    means: Means::judged_by(
        &[
            "atomic-request-loss",
            "atomic-response-loss",
            "atomic-duplicates",
        ],
        atomic_once,
    ),
    not_on: FOREIGN,
    mutants: &[
        Mutant::rules(
            "executes a repetition and returns the new value",
            "[[rule]]\naction = \"rewrite\"\nfield = \"atomic-original\"\nadd = 1\n\
                 class = \"atomic-ack\"\nfrom = \"h1\"\nround = 1\nstack = true\n",
        ),
        Mutant::evidence("executes a repetition", added_twice),
    ],
};

fn added_twice(evidence: &mut Evidence) {
    for flow in &mut evidence.flows {
        flow.intact = Some(false);
    }
}

fn atomic_once(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reliable(facts).filter(|exchange| exchange.flow.op == Op::Atomic) {
        let partners = exchange.partners();
        let arrivals = exchange.arrivals();
        let again = arrivals.iter().filter(|a| a.took == Took::Duplicate);
        let again = again.map(|arrival| exchange.steps[arrival.step].number);
        let sent = exchange.along(Half::Requests, true);
        let lost = sent.filter(|(index, _)| partners[*index].is_none());
        let mut shown: Vec<u64> = lost.map(|(_, step)| step.number).collect();
        shown.extend(again);
        if shown.is_empty() {
            continue;
        }
        shown.iter().for_each(|_| judged.saw());
        shown.truncate(16);
        let mut values: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        let answers = exchange.along(Half::Answers, true);
        for (_, answer) in answers.filter(|(_, answer)| answer.class == Class::AtomicAck) {
            let Some(value) = answer.extensions().atomic_ack else {
                continue;
            };
            let (known, number) = *values.entry(answer.psn).or_insert((value, answer.number));
            if known != value {
                let (name, psn) = (exchange.name(), answer.psn);
                let what = format!("{name}: the atomic at PSN {psn} gave {known}, then {value}");
                judged.fault(what, &[number, answer.number]);
            }
        }
        expect_whole(&mut judged, &exchange, &shown);
    }
    judged.detail = "repeated atomics give the first result".to_owned();
    judged
}
