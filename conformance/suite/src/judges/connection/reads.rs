//! RDMA READ: gaps in responses, repetitions in part and in whole.

use super::outcome::expect_whole;
use super::{Case, FOREIGN};
use crate::evidence::Evidence;
use crate::exchange::{Exchange, Step, reliable};
use crate::facts::Half;
use crate::judges::{Means, Mutant};
use crate::{Facts, Judged};
use xoff_checks::rc;
use xoff_model::Op;
use xoff_model::rules::Class;
use xoff_wire::bth::Reth;
use xoff_wire::psn;

pub(super) const RC_17: Case = Case {
    check: &rc::RC_17,
    means: Means::judged_by(&["read-gap"], read_gap),
    not_on: FOREIGN,
    mutants: &[Mutant::rules(
        "waits for the timeout",
        "[[rule]]\naction = \"delay\"\ndelay = \"60ms\"\nclass = \"read-request\"\n\
             from = \"h0\"\nstack = true\n",
    )],
};

pub(super) const RC_18: Case = Case {
    check: &rc::RC_18,
    means: Means::judged_by(&["read-gap", "read-loss"], read_restart),
    not_on: FOREIGN,
    mutants: &[
        Mutant::rules(
            "reads more than is missing",
            "[[rule]]\naction = \"rewrite\"\nfield = \"length\"\nadd = 1024\n\
                 class = \"read-request\"\nfrom = \"h0\"\npsn = [1, 7]\nstack = true\n",
        ),
        Mutant::rules(
            "reads the wrong memory",
            "[[rule]]\naction = \"rewrite\"\nfield = \"va\"\nadd = 1024\n\
                 class = \"read-request\"\nfrom = \"h0\"\npsn = [1, 7]\nstack = true\n",
        ),
    ],
};

pub(super) const RC_19: Case = Case {
    check: &rc::RC_19,
    means: Means::judged_by(&["read-foreign"], read_subset),
    not_on: FOREIGN,
    mutants: &[Mutant::evidence("answers any repetition", answer_all)],
};

pub(super) const RC_20: Case = Case {
    check: &rc::RC_20,
    means: Means::judged_by(&["read-replay"], read_replay),
    not_on: FOREIGN,
    mutants: &[Mutant::rules(
        "forgets the beginning after a repetition in part",
        "[[rule]]\naction = \"drop\"\nclass = \"read-response\"\nfrom = \"h1\"\n\
             psn = [0, 4]\nround = 1\nstack = true\n",
    )],
};

/// After a READ request that arrives, responses to it are sent.
fn answer_all(evidence: &mut Evidence) {
    let response = evidence.flows.iter().find(|flow| flow.op == Op::Read);
    let responder = response.map(|flow| flow.responder);
    let responses = evidence.frames.iter();
    let mut big = responses.filter(|f| f.out && Some(f.host) == responder && f.bytes.len() > 1000);
    let copy = big.next_back().cloned();
    let requests: Vec<usize> = evidence
        .frames
        .iter()
        .enumerate()
        .filter(|(_, f)| !f.out && Some(f.host) == responder)
        .map(|(index, _)| index)
        .collect();
    for index in requests.into_iter().rev() {
        if let Some(mut copy) = copy.clone() {
            copy.at_ns = evidence.frames[index].at_ns;
            evidence.frames.insert(index + 1, copy);
        }
    }
}

fn reads<'a>(facts: &'a Facts<'a>) -> impl Iterator<Item = Exchange<'a>> {
    reliable(facts).filter(|exchange| exchange.flow.op == Op::Read)
}

/// A READ as it was first asked for.
#[derive(Clone, Copy)]
struct Original {
    psn: u32,
    reth: Reth,
}

impl Original {
    fn packets(&self, mtu: u32) -> u32 {
        psn::packets(u64::from(self.reth.len), mtu).min(u64::from(psn::MASK)) as u32
    }

    fn holds(&self, psn: u32, mtu: u32) -> bool {
        let offset = psn::diff(psn, self.psn);
        offset >= 0 && offset.cast_unsigned() < self.packets(mtu)
    }

    /// What a request from a packet within it to its end must say.
    fn from(&self, psn: u32, mtu: u32) -> Reth {
        let skip = psn::sub(psn, self.psn).wrapping_mul(mtu);
        Reth {
            va: self.reth.va.wrapping_add(u64::from(skip)),
            rkey: self.reth.rkey,
            len: self.reth.len.saturating_sub(skip),
        }
    }
}

/// READs in the order in which they were first asked for, as they were sent or as they arrived.
fn originals(exchange: &Exchange<'_>, out: bool) -> Vec<(usize, Original)> {
    let mut next = 0;
    let mut originals = Vec::new();
    for (index, step) in exchange.along(Half::Requests, out) {
        let Some(reth) = step.extensions().reth.filter(|_| step.is_sound()) else {
            continue;
        };
        if psn::diff(step.psn, next) >= 0 {
            let psn = step.psn;
            originals.push((index, Original { psn, reth }));
            next = step.end(exchange.mtu);
        }
    }
    originals
}

fn is_response(step: &Step<'_>, out: bool) -> bool {
    step.is(Half::Answers, out) && step.class == Class::ReadResponse && step.is_sound()
}

/// Gaps in responses as they arrive: the missing PSN and the step that shows it.
fn response_gaps(exchange: &Exchange<'_>) -> Vec<(u32, usize)> {
    let mut expected = 0;
    let mut gaps: Vec<(u32, usize)> = Vec::new();
    for (index, step) in exchange.along(Half::Answers, false) {
        if !is_response(step, false) {
            continue;
        }
        let ahead = psn::diff(step.psn, expected);
        if ahead == 0 {
            expected = psn::add(expected, 1);
        } else if ahead > 0 && gaps.last().is_none_or(|(psn, _)| *psn != expected) {
            gaps.push((expected, index));
        }
    }
    gaps
}

fn read_gap(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reads(facts) {
        let timeout = exchange.flow.limits.timeout_ns;
        for (missing, index) in response_gaps(&exchange) {
            let shown = &exchange.steps[index];
            let later = exchange.steps[index..].iter();
            let mut requests = later.filter(|step| step.is(Half::Requests, true));
            let again = requests.find(|step| step.psn == missing);
            let name = exchange.name();
            judged.saw();
            match again {
                Some(again) => {
                    let waited = again.at_ns.saturating_sub(shown.at_ns);
                    if timeout > 0 && waited > timeout / 2 {
                        let what = format!(
                            "{name}: response {missing} was missing, and only the timeout made \
                             the requester ask again"
                        );
                        let frames = [shown.number, again.number];
                        judged.symptom(&rc::TIMEOUT_ONLY, what, &frames);
                    }
                }
                None if exchange.cut => {}
                None => {
                    let what = format!("{name}: missing response {missing} was not asked for");
                    judged.fault(what, &[shown.number]);
                }
            }
        }
        expect_whole(&mut judged, &exchange, &[]);
    }
    judged.detail = format!("{} gaps, each asked for at once", judged.stimuli);
    judged
}

fn read_restart(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reads(facts) {
        let (mtu, name) = (exchange.mtu, exchange.name());
        let originals = originals(&exchange, true);
        let arrived = |until: usize| {
            let before = exchange.steps[..until].iter();
            let mut expected = 0;
            for step in before.filter(|step| is_response(step, false)) {
                expected = if step.psn == expected {
                    psn::add(expected, 1)
                } else {
                    expected
                };
            }
            expected
        };
        for (index, step) in exchange.along(Half::Requests, true) {
            let Some(reth) = step.extensions().reth else {
                continue;
            };
            let original = originals
                .iter()
                .rfind(|(first, original)| *first < index && original.holds(step.psn, mtu));
            let Some((first, original)) = original else {
                continue;
            };
            let shown = [exchange.steps[*first].number, step.number];
            let wanted = original.from(step.psn, mtu);
            judged.expect(reth == wanted, &shown, || {
                let (psn, len, right) = (step.psn, reth.len, wanted.len);
                let where_from = if reth.va == wanted.va {
                    ""
                } else {
                    " from another address"
                };
                format!("{name}: repeated READ at PSN {psn} of {len} B{where_from}, not {right} B")
            });
            let missing = arrived(index);
            if psn::diff(step.psn, missing) > 0 && original.holds(missing, mtu) {
                let psn = step.psn;
                let what = format!("{name}: repeated READ at PSN {psn} leaves out {missing}");
                judged.fault(what, &shown);
            }
        }
        expect_whole(&mut judged, &exchange, &[]);
    }
    judged.detail = "repeated READs start at what is missing and end as the first".to_owned();
    judged
}

/// A READ request at the responder that repeats, and whether it may be answered.
struct Repetition {
    step: usize,
    original: Original,
    /// The same memory of the same region, or a part of it.
    within: bool,
}

fn repetitions(exchange: &Exchange<'_>) -> Vec<Repetition> {
    let originals = originals(exchange, false);
    let mut found = Vec::new();
    for (index, step) in exchange.along(Half::Requests, false) {
        let Some(reth) = step.extensions().reth.filter(|_| step.is_sound()) else {
            continue;
        };
        let holds = |(first, original): &&(usize, Original)| {
            *first < index && original.holds(step.psn, exchange.mtu)
        };
        let Some((_, original)) = originals.iter().rfind(holds) else {
            continue;
        };
        let whole = original.reth;
        let end = |reth: &Reth| reth.va.wrapping_add(u64::from(reth.len));
        let within = reth.rkey == whole.rkey && reth.va >= whole.va && end(&reth) <= end(&whole);
        found.push(Repetition {
            step: index,
            original: *original,
            within,
        });
    }
    found
}

/// Responses that the responder sends after a request arrived and before the next does.
fn responses_after<'a, 'e>(
    exchange: &'a Exchange<'e>,
    request: usize,
) -> impl Iterator<Item = &'a Step<'e>> {
    let later = exchange.steps[request + 1..].iter();
    let until = later.take_while(|step| !step.is(Half::Requests, false));
    until.filter(|step| is_response(step, true))
}

fn read_subset(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reads(facts) {
        for repetition in repetitions(&exchange).into_iter().filter(|r| !r.within) {
            let request = &exchange.steps[repetition.step];
            // Responses to earlier requests have ended: the requester had run into its timeout.
            let answer = responses_after(&exchange, repetition.step).next();
            let shown: Vec<u64> = [Some(request), answer]
                .into_iter()
                .flatten()
                .map(|step| step.number)
                .collect();
            judged.expect(answer.is_none(), &shown, || {
                let (name, psn) = (exchange.name(), request.psn);
                format!("{name}: a repeated READ at PSN {psn} of other memory was answered")
            });
        }
        expect_whole(&mut judged, &exchange, &[]);
    }
    judged.detail = "repetitions of other memory are not answered".to_owned();
    judged
}

fn read_replay(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for exchange in reads(facts) {
        let repetitions = repetitions(&exchange);
        for (place, whole) in repetitions.iter().enumerate().filter(|(_, r)| r.within) {
            let request = &exchange.steps[whole.step];
            let part = repetitions[..place].iter().find(|part| {
                let earlier = &exchange.steps[part.step];
                part.within
                    && part.original.psn == whole.original.psn
                    && psn::diff(earlier.psn, request.psn) > 0
            });
            let Some(part) = part.map(|part| &exchange.steps[part.step]) else {
                continue;
            };
            let answered = responses_after(&exchange, whole.step).any(|r| r.psn == request.psn);
            let shown = [part.number, request.number];
            let right = answered || exchange.cut;
            judged.expect_not(&rc::WHOLE_UNANSWERED, right, &shown, || {
                let (name, psn, from) = (exchange.name(), request.psn, part.psn);
                format!(
                    "{name}: the READ at PSN {psn}, repeated in whole after a repetition from \
                     PSN {from}, was not answered"
                )
            });
        }
    }
    judged.detail = "answered in whole after a part".to_owned();
    judged
}
