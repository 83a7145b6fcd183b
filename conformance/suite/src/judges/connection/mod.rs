//! Queue pairs: RC, UC.

use super::{Arm, Case};
use crate::evidence::Flow;

mod acks;
mod atomics;
mod forge;
mod naks;
mod outcome;
mod reads;
mod requests;
mod rnr;
#[cfg(test)]
mod tests;
mod timers;
mod unreliable;

pub(super) use outcome::complaint;

pub(super) const CASES: &[Case] = &[
    acks::RC_01,
    acks::RC_02,
    naks::RC_03,
    naks::RC_04,
    naks::RC_05,
    timers::RC_06,
    timers::RC_07,
    timers::RC_08,
    timers::RC_09,
    acks::RC_10,
    naks::RC_11,
    acks::RC_12,
    acks::RC_13,
    acks::RC_14,
    acks::RC_15,
    acks::RC_16,
    reads::RC_17,
    reads::RC_18,
    reads::RC_19,
    reads::RC_20,
    atomics::RC_21,
    rnr::RC_23,
    rnr::RC_24,
    rnr::RC_25,
    requests::RC_30,
    acks::RC_32,
    naks::RC_37,
    timers::RC_38,
    naks::RC_40,
    unreliable::UC_01,
    unreliable::UC_02,
];

/// What was posted, and what completed, is in no capture.
const FOREIGN: &[(Arm, &str)] = &[
    (
        Arm::Trace,
        "a capture does not say what was posted; see xoff trace",
    ),
    (Arm::Device, "needs the wire between the hosts"),
];
