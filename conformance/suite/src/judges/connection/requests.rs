//! Requests that break the rules.

use super::outcome::first_error;
use super::{Case, FOREIGN};
use crate::evidence::{Evidence, Status};
use crate::exchange::{Exchange, Step, Took, nak_code, reliable};
use crate::facts::Half;
use crate::judges::{Means, Mutant};
use crate::{Facts, Judged};
use xoff_checks::rc;
use xoff_model::rules::Class;
use xoff_wire::bth::Operation;
use xoff_wire::psn;

/// Code of a NAK for an invalid request.
const INVALID_REQUEST: u8 = 1;
const OTHER_LENGTH: &str = "of another length than announced";

pub(super) const RC_30: Case = Case {
    check: &rc::RC_30,
    means: Means::judged_by(&["invalid-sequence", "invalid-length"], invalid_request),
    not_on: FOREIGN,
    mutants: &[
        Mutant::rules(
            "refuses with another code",
            "[[rule]]\naction = \"rewrite\"\nfield = \"syndrome\"\nvalue = 99\n\
                 class = \"nak\"\nstack = true\n",
        ),
        Mutant::evidence("completes with another status", misname),
    ],
};

fn misname(evidence: &mut Evidence) {
    let completions = evidence.flows.iter_mut().flat_map(|f| &mut f.completions);
    for completion in completions.filter(|c| c.status == Status::RemInvReqErr) {
        completion.status = Status::RemOpErr;
    }
}

/// A message at the responder.
#[derive(Clone, Copy)]
struct Message {
    send: bool,
    /// Bytes that are announced and not there yet; None: nothing is announced.
    left: Option<u32>,
}

/// What is wrong with a request in order, in the light of the message that is under way.
fn violation(step: &Step<'_>, message: Option<Message>, mtu: u32) -> Option<&'static str> {
    let opcode = step.packet.bth.opcode;
    let len = step.packet.payload_len;
    let send = opcode.operation()?.is_send();
    match message {
        None if !opcode.starts_message() => return Some("without a first packet"),
        Some(_) if opcode.starts_message() => return Some("within a message"),
        Some(message) if message.send != send => return Some("within another operation"),
        _ => {}
    }
    if !opcode.ends_message() && len != mtu {
        return Some("shorter than the MTU before the end");
    }
    if opcode.is_last() && len == 0 || len > mtu {
        return Some("of an impossible length");
    }
    let announced = match message {
        None => step.extensions().reth.map(|reth| reth.len),
        Some(message) => message.left,
    };
    let over = announced.is_some_and(|left| len > left);
    let short = announced.is_some_and(|left| opcode.ends_message() && len < left);
    (over || short).then_some(OTHER_LENGTH)
}

/// The first request in order that breaks the rules.
fn first_violation(exchange: &Exchange<'_>) -> Option<(usize, &'static str)> {
    let mut message: Option<Message> = None;
    for arrival in exchange.arrivals() {
        let step = &exchange.steps[arrival.step];
        if arrival.took != Took::InOrder || step.class != Class::Data {
            continue;
        }
        if let Some(what) = violation(step, message, exchange.mtu) {
            return Some((arrival.step, what));
        }
        let opcode = step.packet.bth.opcode;
        let announced = match message {
            None => step.extensions().reth.map(|reth| reth.len),
            Some(message) => message.left,
        };
        message = (!opcode.ends_message()).then(|| Message {
            send: opcode.operation().is_some_and(|op| op.is_send()),
            left: announced.map(|left| left.saturating_sub(step.packet.payload_len)),
        });
    }
    None
}

fn invalid_request(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reliable(facts) {
        let Some((index, wrong)) = first_violation(&exchange) else {
            continue;
        };
        let (name, request) = (exchange.name(), &exchange.steps[index]);
        let (psn, opcode) = (request.psn, request.packet.bth.opcode.name());
        let later = exchange.steps[index..].iter();
        let mut answers = later.filter(|step| step.is(Half::Answers, true));
        let answer = answers.find(|a| psn::diff(a.psn, psn) >= 0);
        let shown: Vec<u64> = [Some(request), answer]
            .into_iter()
            .flatten()
            .map(|step| step.number)
            .collect();
        let code = answer.and_then(nak_code);
        let last = request.packet.bth.opcode.operation() == Some(Operation::WriteLast);
        let symptom = (last && wrong == OTHER_LENGTH).then_some(&rc::WRITE_OF_OTHER_LENGTH);
        let refused = answer.is_some_and(|a| a.psn == psn) && code == Some(INVALID_REQUEST);
        judged.expect_not(symptom, refused, &shown, || {
            let answer = match (answer, code) {
                (None, _) => "not answered".to_owned(),
                (Some(a), _) if a.psn != psn => "executed".to_owned(),
                (Some(_), Some(code)) => format!("answered by NAK code {code}"),
                (Some(_), None) => "acknowledged".to_owned(),
            };
            format!("{name}: {opcode} {wrong} (PSN {psn}) was {answer} instead of refused")
        });
        let status = first_error(exchange.flow).map(|(_, status)| status);
        if status != Some(Status::RemInvReqErr) {
            let status = status.map_or("success".to_owned(), Status::name);
            let what =
                format!("{name}: {status} instead of REM_INV_REQ_ERR after {opcode} {wrong}");
            match symptom {
                Some(symptom) => judged.symptom(symptom, what, &shown),
                None => judged.fault(what, &shown),
            }
        }
    }
    judged.detail = format!("{} violations refused", judged.stimuli);
    judged
}
