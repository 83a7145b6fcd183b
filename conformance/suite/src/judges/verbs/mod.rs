//! Checks that need verbs: what a scenario cannot ask for.

mod access;
mod lies;
mod order;
mod receive;
mod rig;
mod state;
mod stream;
#[cfg(test)]
mod tests;

use super::{Arm, Case, Means, Mutant, Wrong};
use crate::script::Script;
use xoff_checks::iwarp::{IW_04, IW_05, IW_06};
use xoff_checks::rc::{
    RC_22, RC_26, RC_27, RC_28, RC_29, RC_31, RC_33, RC_34, RC_35, RC_36, RC_39, UD_01,
};

const NOT_ON: &[(Arm, &str)] = &[
    (Arm::Sim, "the model has queue pairs, but no verbs"),
    (Arm::Trace, "a capture shows no verbs"),
];

const fn script(run: crate::script::Play, rules: &'static str) -> Means {
    Means::Script(Script { rules, run })
}

const fn lie(name: &'static str, how: crate::arm::Lie) -> Mutant {
    let wrong = Wrong::Verbs(how);
    Mutant { name, wrong }
}

pub(super) const CASES: &[Case] = &[
    Case {
        check: &RC_22,
        means: script(access::atomics, access::MOVED),
        not_on: NOT_ON,
        mutants: &[
            lie(
                "refuses unaligned atomics as forbidden",
                lies::invalid_is_access,
            ),
            lie("does what is forbidden", lies::errors_are_successes),
        ],
    },
    Case {
        check: &RC_26,
        means: script(access::codes, access::CODES),
        not_on: NOT_ON,
        mutants: &[
            lie(
                "takes operational for access errors",
                lies::operational_is_access,
            ),
            Mutant::rules(
                "sends access errors for all",
                "[[rule]]\naction = \"ecn\"\nclass = \"nak\"\n",
            ),
        ],
    },
    Case {
        check: &RC_27,
        means: script(order::flush, ""),
        not_on: NOT_ON,
        mutants: &[
            lie("flushes the last first", lies::reversed),
            lie("loses a flushed request", lies::loses_one),
            lie("stays in RTS", lies::states_are_rts),
        ],
    },
    Case {
        check: &RC_28,
        means: script(access::bounds, ""),
        not_on: NOT_ON,
        mutants: &[
            lie("does what is forbidden", lies::errors_are_successes),
            lie("gives another error", lies::access_is_operational),
        ],
    },
    Case {
        check: &RC_29,
        means: script(access::empty, ""),
        not_on: NOT_ON,
        mutants: &[lie("looks at keys of nothing", lies::success_is_access)],
    },
    Case {
        check: &RC_31,
        means: script(order::depth, order::LATE),
        not_on: NOT_ON,
        mutants: &[
            lie("starts more than it may", lies::sends_twice),
            lie(
                "serves what it has no place for",
                lies::errors_are_successes,
            ),
        ],
    },
    Case {
        check: &RC_33,
        means: script(order::drain, order::SLOW),
        not_on: NOT_ON,
        mutants: &[
            lie("does not say that it has drained", lies::no_events),
            lie("starts what comes later", lies::completes_late_work),
        ],
    },
    Case {
        check: &RC_34,
        means: script(receive::immediate, ""),
        not_on: NOT_ON,
        mutants: &[
            lie("loses immediate data", lies::no_immediate),
            lie("swaps immediate data", lies::swapped_immediate),
        ],
    },
    Case {
        check: &RC_35,
        means: script(receive::shared, ""),
        not_on: NOT_ON,
        mutants: &[
            lie("tells the limit twice", lies::events_twice),
            lie("does not tell the limit", lies::no_events),
        ],
    },
    Case {
        check: &RC_36,
        means: script(state::matrix, ""),
        not_on: NOT_ON,
        mutants: &[
            lie("allows every step", lies::allows_all),
            lie("shows another state", lies::states_are_rts),
        ],
    },
    Case {
        check: &RC_39,
        means: script(state::stale, state::STALE),
        not_on: NOT_ON,
        mutants: &[Mutant::rules("begins where it has been", state::REVIVED)],
    },
    Case {
        check: &UD_01,
        means: script(receive::datagram, ""),
        not_on: NOT_ON,
        mutants: &[
            lie("has no header", lies::no_header),
            lie("receives what is not for it", lies::receives_all),
        ],
    },
];

/// The same of iWARP.
pub(super) const IWARP: &[Case] = &[
    Case {
        check: &IW_04,
        means: script(stream::refuse, ""),
        not_on: NOT_ON,
        mutants: &[lie("does what is forbidden", lies::errors_are_successes)],
    },
    Case {
        check: &IW_05,
        means: script(stream::stop, ""),
        not_on: NOT_ON,
        mutants: &[
            lie("flushes the last first", lies::reversed),
            lie("loses a flushed request", lies::loses_one),
        ],
    },
    Case {
        check: &IW_06,
        means: script(stream::end, ""),
        not_on: NOT_ON,
        mutants: &[
            lie("keeps the connection", lies::states_are_rts),
            lie("loses a receive", lies::loses_one),
        ],
    },
];
