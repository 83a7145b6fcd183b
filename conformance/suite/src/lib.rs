//! Conformance: the checks of the catalogue, made.
//!
//! An *experiment* is a scenario file: hosts, queue pairs with work, and rules of the wire. An
//! [`arm`] runs it, on the simulator or on real stacks, and gives [`Evidence`]: every frame as it
//! passed the hosts' ports, every completion, every counter. The judges of the [`judges`] see only
//! evidence, so that one judge serves all arms. What needs verbs rather than a scenario is a
//! script against the agents of two hosts.
//!
//! No judge is trusted unless it catches a [`Mutant`]: a stack made wrong on purpose.

pub mod arm;
pub mod compare;
pub mod evidence;
mod exchange;
pub mod expect;
pub mod experiment;
pub mod facts;
pub mod judges;
pub mod matrix;
pub mod mutants;
pub mod profile;
pub mod run;
pub mod script;
pub mod shrink;
pub mod snapshot;

pub use evidence::Evidence;
pub use facts::Facts;
pub use judges::{Judged, Mutant};

use serde::Serialize;
use std::fmt;

/// Where a check is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    /// The simulator.
    Sim,
    /// A capture.
    Trace,
    /// Real kernels as guests.
    Lab,
    /// Real RDMA devices of two hosts.
    Device,
}

impl Arm {
    pub const fn name(self) -> &'static str {
        match self {
            Arm::Sim => "sim",
            Arm::Trace => "trace",
            Arm::Lab => "lab",
            Arm::Device => "device",
        }
    }
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
