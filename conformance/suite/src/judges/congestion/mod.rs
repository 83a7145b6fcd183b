//! Congestion notification, pause, counters, captures, and xoff itself: CC, P, N, T, H.

use super::{Case, Judged, Means, Mutant, Wrong};
use crate::Arm;
use xoff_checks::capture::{T_01, T_02};
use xoff_checks::catalogue::Check;
use xoff_checks::congestion::{CC_01, CC_02, CC_03, CC_04, CC_14, CC_15};
use xoff_checks::counters::{N_01, N_02, N_03};
use xoff_checks::harness::{H_01, H_02, H_03, H_04, H_05};
use xoff_checks::pause::{P_01, P_02, P_03, P_04, P_05, P_06, P_07, P_08, P_16};

mod capture;
pub(super) mod cnp;
mod counters;
mod ecn;
mod forge;
mod harness;
mod offender;
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

/// A report that says something else than what came out.
const fn spoilt(format: &'static str) -> Mutant {
    Mutant {
        name: format,
        wrong: Wrong::Printer(format),
    }
}

const fn itself(check: &'static Check, judge: fn() -> Judged, mutants: &'static [Mutant]) -> Case {
    Case {
        check,
        means: Means::Harness(judge),
        not_on: &[],
        mutants,
    }
}

pub(super) const CASES: &[Case] = &[
    Case::judged(
        &CC_01,
        &["marked"],
        cnp::for_marks,
        SEEN,
        &[
            Mutant::rules("no CNPs", stack!("action = 'drop'", "class = 'cnp'")),
            Mutant::rules(
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
    Case::judged(
        &CC_02,
        &["marked"],
        cnp::spacing,
        NOTIFIES,
        &[Mutant::rules(
            "CNPs twice",
            stack!("action = 'duplicate'", "class = 'cnp'"),
        )],
    ),
    Case::judged(
        &CC_03,
        &["marked"],
        cnp::count,
        NOTIFIES,
        &[
            Mutant::rules(
                "too few CNPs",
                stack!("action = 'drop'", "class = 'cnp'", "every = 2"),
            ),
            Mutant::rules(
                "too many CNPs",
                stack!("action = 'duplicate'", "class = 'cnp'"),
            ),
        ],
    ),
    Case::judged(
        &CC_04,
        &["lost-data"],
        cnp::on_nak,
        SEEN,
        &[Mutant::rules(
            "CNPs with NAKs",
            stack!("action = 'inject'", "frame = 'cnp'", "class = 'nak'"),
        )],
    ),
    Case::judged(
        &CC_14,
        &["marked", "congested"],
        ecn::bits,
        SEEN,
        &[
            Mutant::rules(
                "a host marks",
                stack!("action = 'ecn'", "class = 'data'", "nth = 3"),
            ),
            Mutant::rules(
                "the network marks what is not capable",
                "[[rule]]\naction = 'ecn'\nclass = 'data'\nevery = 3",
            ),
            Mutant::rules(
                "ECN-capability is taken away",
                "[[rule]]\naction = 'rewrite'\nfield = 'ecn'\nvalue = 0\nclass = 'data'\nnth = 4",
            ),
        ],
    ),
    Case::judged(
        &CC_15,
        &["marked"],
        cnp::counters,
        &[NO_FRAMES, NO_COUNTERS, SILENT],
        &[
            Mutant::rules(
                "CNPs are not counted",
                stack!("action = 'duplicate'", "class = 'cnp'"),
            ),
            Mutant::evidence("a stuck counter", forge::stuck),
        ],
    ),
    Case::judged(
        &P_01,
        &["pfc-congestion"],
        pause::form,
        PAUSES,
        &[
            Mutant::evidence("a VLAN tag", forge::tagged),
            Mutant::evidence("no source address", forge::without_source),
            Mutant::evidence("a short frame", forge::short),
        ],
    ),
    Case::judged(
        &P_02,
        &["pfc-congestion"],
        pause::class_vector,
        PAUSES,
        &[Mutant::evidence("a ninth class", forge::ninth_class)],
    ),
    Case::judged(
        &P_03,
        &["pfc-congestion", "pfc-timed"],
        pause::only_listed,
        TIMED,
        &[
            Mutant::evidence("another class stops", forge::other_class),
            Mutant::evidence("every class stops", forge::all_stop),
        ],
    ),
    Case::judged(
        &P_04,
        &["pfc-timed"],
        pause::duration,
        TIMED,
        &[Mutant::evidence("half the time", forge::half_the_time)],
    ),
    Case::judged(
        &P_05,
        &["pfc-timed"],
        pause::resumption,
        TIMED,
        &[Mutant::evidence("resumes late", forge::slow_to_resume)],
    ),
    Case::judged(
        &P_06,
        &["global-pause"],
        pause::global,
        TIMED,
        &[Mutant::evidence("obeys any pause", forge::obeys_all)],
    ),
    Case::judged(
        &P_07,
        &["pfc-void"],
        pause::empty_vector,
        TIMED,
        &[Mutant::evidence("obeys any pause", forge::obeys_all)],
    ),
    Case::judged(
        &P_08,
        &["pfc-void"],
        pause::malformed,
        TIMED,
        &[Mutant::evidence("obeys any pause", forge::obeys_all)],
    ),
    Case::judged(
        &P_16,
        &["pfc-congestion"],
        pause::counted,
        &[NO_FRAMES, NO_COUNTERS, IDLE],
        &[
            Mutant::evidence("a stuck counter", forge::stuck),
            Mutant::evidence("counters that count twice", forge::one_more),
        ],
    ),
    Case::judged(
        &N_01,
        &["counted"],
        counters::equal,
        COUNTS,
        &[
            Mutant::evidence("a stuck counter", forge::stuck),
            Mutant::evidence("counters that count twice", forge::one_more),
        ],
    ),
    Case::judged(
        &N_02,
        &["counted"],
        counters::moving,
        COUNTS,
        &[Mutant::evidence("a stuck counter", forge::stuck)],
    ),
    Case::judged(
        &N_03,
        &["clean"],
        counters::discards,
        COUNTS,
        &[Mutant::evidence("frames are discarded", forge::discarded)],
    ),
    Case::judged(
        &T_01,
        &["clean"],
        capture::complete,
        SEEN,
        &[
            Mutant::evidence("a frame is missing", forge::lost_frame),
            Mutant::evidence("the clock was set", forge::clock_stepped),
        ],
    ),
    Case::judged(
        &T_02,
        &["clean"],
        capture::sufficient,
        SEEN,
        &[
            Mutant::evidence("frames are cut", forge::snapped),
            Mutant::evidence("one direction is missing", forge::one_direction),
        ],
    ),
    itself(
        &H_01,
        harness::deterministic,
        &[Mutant {
            name: "the second run has another seed",
            wrong: Wrong::Harness(harness::not_deterministic),
        }],
    ),
    itself(
        &H_02,
        harness::mutants,
        &[Mutant {
            name: "a check without mutant",
            wrong: Wrong::Harness(harness::no_mutants),
        }],
    ),
    itself(
        &H_03,
        harness::not_vacuous,
        &[Mutant {
            name: "a check that passes on nothing",
            wrong: Wrong::Harness(harness::vacuous),
        }],
    ),
    itself(
        &H_04,
        harness::cited,
        &[
            Mutant {
                name: "a deviation without citation",
                wrong: Wrong::Harness(harness::not_cited),
            },
            Mutant {
                name: "a deviation that names no symptom",
                wrong: Wrong::Harness(harness::not_told_apart),
            },
        ],
    ),
    Case {
        check: &H_05,
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
