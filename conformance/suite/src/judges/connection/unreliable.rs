//! Unreliable connections.

use super::forge;
use super::outcome::{complaint, first_error};
use super::{Case, FOREIGN};
use crate::evidence::{Completion, Evidence, Status};
use crate::exchange::{Exchange, unreliable};
use crate::facts::Half;
use crate::judges::{Means, Mutant};
use crate::{Facts, Judged};
use xoff_checks::rc;
use xoff_model::{Op, Transport};
use xoff_wire::psn;

pub(super) const UC_01: Case = Case {
    check: &rc::UC_01,
    means: Means::judged_by(&["uc-gap"], gap),
    not_on: FOREIGN,
    mutants: &[
        Mutant::evidence("reports the gap", report),
        Mutant::evidence("delivers messages with gaps", deliver),
    ],
};

pub(super) const UC_02: Case = Case {
    check: &rc::UC_02,
    means: Means::judged_by(&["uc-no-receive"], no_receive),
    not_on: FOREIGN,
    mutants: &[
        Mutant::evidence("answers with RNR", refuse),
        Mutant::evidence("fails at the sender", fail),
    ],
};

fn report(evidence: &mut Evidence) {
    forge::answer(evidence, Transport::Uc, 0x60);
}

fn refuse(evidence: &mut Evidence) {
    forge::answer(evidence, Transport::Uc, 0x2c);
}

fn of_connections(evidence: &mut Evidence) -> impl Iterator<Item = &mut super::Flow> {
    let flows = evidence.flows.iter_mut();
    flows.filter(|flow| flow.transport == Transport::Uc)
}

fn deliver(evidence: &mut Evidence) {
    for flow in of_connections(evidence) {
        flow.received = (0..flow.messages)
            .map(|wr| Completion {
                wr,
                status: Status::Success,
                at_ns: 0,
            })
            .collect();
    }
}

fn fail(evidence: &mut Evidence) {
    for flow in of_connections(evidence) {
        if let Some(last) = flow.completions.last_mut() {
            last.status = Status::RnrRetryExcErr;
        }
    }
}

/// Messages that arrived whole, and frames of others.
fn messages(exchange: &Exchange<'_>) -> (u64, Vec<u64>) {
    let mut whole = 0;
    let mut broken = Vec::new();
    let mut next: Option<u32> = None;
    for (_, step) in exchange.along(Half::Requests, false) {
        if !step.is_sound() {
            continue;
        }
        let opcode = step.packet.bth.opcode;
        let follows = opcode.starts_message() || next == Some(step.psn);
        if !follows && !broken.contains(&step.number) {
            broken.push(step.number);
        }
        whole += u64::from(follows && opcode.ends_message());
        let goes_on = follows && !opcode.ends_message();
        next = goes_on.then(|| psn::add(step.psn, 1));
    }
    (whole, broken)
}

/// Messages that the receiver was told of.
fn received(exchange: &Exchange<'_>) -> u64 {
    let received = exchange.flow.received.iter();
    received.filter(|c| c.status == Status::Success).count() as u64
}

fn expect_silence(exchange: &Exchange<'_>, judged: &mut Judged) {
    if let Some((_, answer)) = exchange.along(Half::Answers, true).next() {
        let (name, what) = (exchange.name(), answer.packet.bth.opcode.name());
        judged.fault(
            format!("{name}: {what} on an unreliable connection"),
            &[answer.number],
        );
    }
    if let Some((index, status)) = first_error(exchange.flow) {
        let (name, status) = (exchange.name(), status.name());
        judged.fault(
            format!("{name}: message {index} completed with {status}"),
            &[],
        );
    }
}

fn gap(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in unreliable(facts) {
        let (whole, broken) = messages(&exchange);
        let flow = exchange.flow;
        if broken.is_empty() {
            continue;
        }
        judged.saw();
        expect_silence(&exchange, &mut judged);
        let received = received(&exchange);
        if flow.op == Op::Send && received != whole && !exchange.cut {
            let name = exchange.name();
            let what = format!("{name}: {received} messages received, {whole} arrived whole");
            match received < whole {
                true => judged.symptom(&rc::NEXT_DROPPED, what, &broken),
                false => judged.fault(what, &broken),
            }
        }
    }
    judged.detail = "messages with gaps are dropped in silence".to_owned();
    judged
}

fn no_receive(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in unreliable(facts).filter(|exchange| exchange.flow.op == Op::Send) {
        let (whole, _) = messages(&exchange);
        let received = received(&exchange);
        if received >= whole {
            continue;
        }
        judged.saw();
        expect_silence(&exchange, &mut judged);
        let mut sender = exchange.flow.clone();
        sender.received.clear();
        sender.intact = None;
        if let Some(complaint) = complaint(&sender).filter(|_| !exchange.cut) {
            judged.fault(complaint, &[]);
        }
    }
    judged.detail = "messages without a receive are dropped in silence".to_owned();
    judged
}
