//! Congestion notification, pause, counters, captures, and xoff itself: CC, P, N, T, H.

use super::{Case, Judged, Means, Mutant, Wrong};
use crate::conform::evidence::Evidence;
use crate::conform::{Arm, Facts};

mod capture;
pub(super) mod cnp;
mod counters;
mod ecn;
mod forge;
mod harness;
mod pause;
#[cfg(test)]
mod tests;

type NotOn = (Arm, &'static str);

const NO_FRAMES: NotOn = (Arm::Device, "no frames are seen");
const NO_COUNTERS: NotOn = (Arm::Trace, "a capture has no counters");
const SILENT: NotOn = (Arm::Lab, "rxe sends no CNPs (D-RXE-04)");
const SEEN: &[NotOn] = &[NO_FRAMES];
const IDLE: NotOn = (Arm::Lab, "rxe does not act on pause frames");
const NO_TIMES: NotOn = (Arm::Trace, "needs pauses that are sent on purpose");
const PAUSES: &[NotOn] = &[NO_FRAMES, IDLE];
const TIMED: &[NotOn] = &[NO_FRAMES, IDLE, NO_TIMES];
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

/// A report that says something else than what came out.
const fn spoilt(format: &'static str) -> Mutant {
    Mutant {
        name: format,
        wrong: Wrong::Printer(format),
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

pub(super) const CASES: &[Case] = &[
    case(
        "CC-01",
        &["marked"],
        cnp::for_marks,
        SEEN,
        &[
            wrong("no CNPs", stack!("action = 'drop'", "class = 'cnp'")),
            wrong(
                "CNPs without marks",
                stack!(
                    "action = 'inject'",
                    "frame = 'cnp'",
                    "class = 'ack'",
                    "nth = 1"
                ),
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
            stack!("action = 'duplicate'", "class = 'cnp'"),
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
                stack!("action = 'drop'", "class = 'cnp'", "every = 2"),
            ),
            wrong(
                "too many CNPs",
                stack!("action = 'duplicate'", "class = 'cnp'"),
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
            stack!("action = 'inject'", "frame = 'cnp'", "class = 'nak'"),
        )],
    ),
    case(
        "CC-14",
        &["marked", "congested"],
        ecn::bits,
        SEEN,
        &[
            wrong(
                "a host marks",
                stack!("action = 'ecn'", "class = 'data'", "nth = 3"),
            ),
            wrong(
                "the network marks what is not capable",
                "[[rule]]\naction = 'ecn'\nclass = 'data'\nevery = 3",
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
                stack!("action = 'duplicate'", "class = 'cnp'"),
            ),
            false_evidence("a stuck counter", forge::stuck),
        ],
    ),
    case(
        "P-01",
        &["pfc-congestion"],
        pause::form,
        PAUSES,
        &[
            false_evidence("a VLAN tag", forge::tagged),
            false_evidence("no source address", forge::without_source),
            false_evidence("a short frame", forge::short),
        ],
    ),
    case(
        "P-02",
        &["pfc-congestion"],
        pause::class_vector,
        PAUSES,
        &[
            false_evidence("a ninth class", forge::ninth_class),
            false_evidence("a time without its class", forge::stray_time),
        ],
    ),
    case(
        "P-03",
        &["pfc-congestion", "pfc-timed"],
        pause::only_listed,
        TIMED,
        &[
            false_evidence("another class stops", forge::other_class),
            false_evidence("every class stops", forge::all_stop),
        ],
    ),
    case(
        "P-04",
        &["pfc-timed"],
        pause::duration,
        TIMED,
        &[false_evidence("half the time", forge::half_the_time)],
    ),
    case(
        "P-05",
        &["pfc-timed"],
        pause::resumption,
        TIMED,
        &[false_evidence("resumes late", forge::slow_to_resume)],
    ),
    case(
        "P-06",
        &["global-pause"],
        pause::global,
        TIMED,
        &[false_evidence("obeys any pause", forge::obeys_all)],
    ),
    case(
        "P-07",
        &["pfc-void"],
        pause::empty_vector,
        TIMED,
        &[false_evidence("obeys any pause", forge::obeys_all)],
    ),
    case(
        "P-08",
        &["pfc-void"],
        pause::malformed,
        TIMED,
        &[false_evidence("obeys any pause", forge::obeys_all)],
    ),
    case(
        "N-01",
        &["counted"],
        counters::equal,
        COUNTS,
        &[
            false_evidence("a stuck counter", forge::stuck),
            false_evidence("counters that count twice", forge::one_more),
        ],
    ),
    case(
        "N-02",
        &["counted"],
        counters::moving,
        COUNTS,
        &[false_evidence("a stuck counter", forge::stuck)],
    ),
    case(
        "N-03",
        &["clean"],
        counters::discards,
        COUNTS,
        &[false_evidence("frames are discarded", forge::discarded)],
    ),
    case(
        "T-01",
        &["clean"],
        capture::complete,
        SEEN,
        &[
            false_evidence("a frame is missing", forge::lost_frame),
            false_evidence("the clock was set", forge::clock_stepped),
        ],
    ),
    case(
        "T-02",
        &["clean"],
        capture::sufficient,
        SEEN,
        &[
            false_evidence("frames are cut", forge::snapped),
            false_evidence("one direction is missing", forge::one_direction),
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
    Case {
        id: "H-05",
        means: Means::Printer,
        not_on: &[],
        mutants: &[
            spoilt("json"),
            spoilt("junit"),
            spoilt("tap"),
            spoilt("sarif"),
        ],
    },
];
