//! Traffic: who sends how many bytes to whom, and when.
//!
//! Everything here is deterministic: sizes and times are computed in integers from a seeded
//! [`Stream`](xoff_model::rng::Stream).

mod csv;
mod htsim;
mod pattern;
mod poisson;
mod sizes;

pub use csv::{CsvError, parse_csv};
pub use htsim::parse_htsim;
pub use pattern::{all_to_all, incast, permutation, ring_all_reduce, shift};
pub use poisson::{Poisson, poisson};
pub use sizes::{Cdf, Sizes};

use xoff_model::NodeId;
use xoff_model::time::SimTime;

/// A flow that a workload asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    pub src: NodeId,
    pub dst: NodeId,
    pub bytes: u64,
    pub start: SimTime,
    /// Messages are released one by one as messages of this flow arrive at `src`: an index into
    /// the same list.
    pub after: Option<usize>,
    /// Messages that need no release; meaningful with `after` only.
    pub free_messages: u32,
    /// None: the workload does not care.
    pub message_bytes: Option<u64>,
}

impl Demand {
    /// A flow that depends on no other.
    pub fn new(src: NodeId, dst: NodeId, bytes: u64, start: SimTime) -> Demand {
        Demand {
            src,
            dst,
            bytes,
            start,
            after: None,
            free_messages: 0,
            message_bytes: None,
        }
    }
}
