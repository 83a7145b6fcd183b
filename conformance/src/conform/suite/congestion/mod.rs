//! Congestion notification, pause, counters, captures, and xoff itself: CC, P, N, T, H.

use super::{Case, Judged, Means, Mutant, Wrong};
use crate::conform::evidence::Evidence;
use crate::conform::{Arm, Facts};

mod capture;
pub(super) mod cnp;
mod counters;
mod ecn;
mod harness;

type NotOn = (Arm, &'static str);

const NO_FRAMES: NotOn = (Arm::Device, "no frames are seen");
const NO_COUNTERS: NotOn = (Arm::Trace, "a capture has no counters");
const SILENT: NotOn = (Arm::Lab, "rxe sends no CNPs (D-RXE-04)");
const SEEN: &[NotOn] = &[NO_FRAMES];
const NOTIFIES: &[NotOn] = &[NO_FRAMES, SILENT];
const COUNTS: &[NotOn] = &[NO_FRAMES, NO_COUNTERS];

const fn wrong(name: &'static str, rules: &'static str) -> Mutant {
    Mutant {
        name,
        wrong: Wrong::Rules(rules),
    }
}

const fn false_evidence(name: &'static str, falsify: fn(&mut Evidence)) -> Mutant {
    Mutant {
        name,
        wrong: Wrong::Evidence(falsify),
    }
}

const fn case(
    id: &'static str,
    experiments: &'static [&'static str],
    judge: fn(&Facts<'_>) -> Judged,
    not_on: &'static [NotOn],
    mutants: &'static [Mutant],
) -> Case {
    Case {
        id,
        means: Means::Judge { experiments, judge },
        not_on,
        mutants,
    }
}

const fn itself(id: &'static str, judge: fn() -> Judged, mutants: &'static [Mutant]) -> Case {
    Case {
        id,
        means: Means::Harness(judge),
        not_on: &[],
        mutants,
    }
}

/// Every counter of a host is stuck.
fn stuck(evidence: &mut Evidence) {
    for counters in &mut evidence.counters {
        counters.values_mut().for_each(|value| *value = 0);
    }
}

/// Every counter counts one too many.
fn one_more(evidence: &mut Evidence) {
    for counters in &mut evidence.counters {
        counters.values_mut().for_each(|value| *value += 1);
    }
}

fn discarded(evidence: &mut Evidence) {
    if let Some(counters) = evidence.counters.first_mut() {
        counters.insert("rx_discards_phy".to_owned(), 3);
    }
}

fn lost_frame(evidence: &mut Evidence) {
    let at = evidence.frames.iter().position(|frame| !frame.out);
    if let Some(at) = at {
        evidence.frames.remove(at);
    }
}

fn clock_stepped(evidence: &mut Evidence) {
    if let Some(frame) = evidence.frames.get_mut(9) {
        frame.at_ns += 1_000_000_000;
    }
}

fn snapped(evidence: &mut Evidence) {
    for frame in &mut evidence.frames {
        frame.bytes.truncate(128);
    }
}

fn one_direction(evidence: &mut Evidence) {
    evidence
        .frames
        .retain(|frame| frame.host == 0 || !frame.out);
}

pub(super) const CASES: &[Case] = &[
    case(
        "CC-01",
        &["marked"],
        cnp::for_marks,
        SEEN,
        &[
            wrong("no CNPs", stack!("action = 'drop'" "class = 'cnp'")),
            wrong(
                "CNPs without marks",
                stack!("action = 'inject'" "frame = 'cnp'" "class = 'ack'" "nth = 1"),
            ),
        ],
    ),
    case(
        "CC-02",
        &["marked"],
        cnp::spacing,
        NOTIFIES,
        &[wrong(
            "CNPs twice",
            stack!("action = 'duplicate'" "class = 'cnp'"),
        )],
    ),
    case(
        "CC-03",
        &["marked"],
        cnp::count,
        NOTIFIES,
        &[
            wrong(
                "too few CNPs",
                stack!("action = 'drop'" "class = 'cnp'" "every = 2"),
            ),
            wrong(
                "too many CNPs",
                stack!("action = 'duplicate'" "class = 'cnp'"),
            ),
        ],
    ),
    case(
        "CC-04",
        &["lost-data"],
        cnp::on_nak,
        SEEN,
        &[wrong(
            "CNPs with NAKs",
            stack!("action = 'inject'" "frame = 'cnp'" "class = 'nak'"),
        )],
    ),
    case(
        "CC-14",
        &["marked"],
        ecn::bits,
        SEEN,
        &[
            wrong(
                "a host marks",
                stack!("action = 'ecn'" "class = 'data'" "nth = 3"),
            ),
            wrong(
                "ECN-capability is taken away",
                "[[rule]]\naction = 'rewrite'\nfield = 'ecn'\nvalue = 0\nclass = 'data'\nnth = 4",
            ),
        ],
    ),
    case(
        "CC-15",
        &["marked"],
        cnp::counters,
        &[NO_FRAMES, NO_COUNTERS, SILENT],
        &[
            wrong(
                "CNPs are not counted",
                stack!("action = 'duplicate'" "class = 'cnp'"),
            ),
            false_evidence("a stuck counter", stuck),
        ],
    ),
    case(
        "N-01",
        &["counted"],
        counters::equal,
        COUNTS,
        &[
            false_evidence("a stuck counter", stuck),
            false_evidence("counters that count twice", one_more),
        ],
    ),
    case(
        "N-02",
        &["counted"],
        counters::moving,
        COUNTS,
        &[false_evidence("a stuck counter", stuck)],
    ),
    case(
        "N-03",
        &["clean"],
        counters::discards,
        COUNTS,
        &[false_evidence("frames are discarded", discarded)],
    ),
    case(
        "T-01",
        &["clean"],
        capture::complete,
        SEEN,
        &[
            false_evidence("a frame is missing", lost_frame),
            false_evidence("the clock was set", clock_stepped),
        ],
    ),
    case(
        "T-02",
        &["clean"],
        capture::sufficient,
        SEEN,
        &[
            false_evidence("frames are cut", snapped),
            false_evidence("one direction is missing", one_direction),
        ],
    ),
    itself(
        "H-01",
        harness::deterministic,
        &[Mutant {
            name: "the second run has another seed",
            wrong: Wrong::Harness(harness::not_deterministic),
        }],
    ),
    itself(
        "H-02",
        harness::mutants,
        &[Mutant {
            name: "a check without mutant",
            wrong: Wrong::Harness(harness::no_mutants),
        }],
    ),
    itself(
        "H-03",
        harness::not_vacuous,
        &[Mutant {
            name: "a check that passes on nothing",
            wrong: Wrong::Harness(harness::vacuous),
        }],
    ),
    itself(
        "H-04",
        harness::cited,
        &[Mutant {
            name: "a deviation without citation",
            wrong: Wrong::Harness(harness::not_cited),
        }],
    ),
];
