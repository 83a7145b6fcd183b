//! From what a capture shows to a scenario that can be simulated, and back: the same figures of
//! both, side by side.
//!
//! - [`derive`](derive()): hosts, flows, classes, pauses and losses of a [`TraceReport`]
//! - `toml`: the scenario file, with a comment on everything that was inferred
//! - [`figures`]: goodput, retransmissions, pauses and completion times of a capture or a simulation

mod derive;
pub mod figures;
#[cfg(test)]
mod tests;
mod toml;

pub use derive::derive;

use crate::report::{Marking, Operation, Recovery, Service};
use std::collections::BTreeSet;
use std::net::IpAddr;
use xoff_wire::Mac;

/// Why no scenario can be derived.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    #[error("the capture holds no RoCE data: there is nothing to replay")]
    NoData,
    #[error(
        "the capture holds RoCE data to {0} only from itself: a replay needs a sender and a receiver"
    )]
    Loop(IpAddr),
    #[error("the packets of the capture have no times: when to send is not known")]
    NoTimes,
    #[error(
        "from its first frame to its last, the capture spans {0} days, or its clock jumps: a replay \
         simulates at most {days}; cut the capture with `editcap -A` and `-B`",
        days = LONGEST_NS / DAY_NS
    )]
    TooLong(u64),
}

const DAY_NS: u64 = 86_400_000_000_000;
/// Longest capture that is replayed: simulated time ends after about a hundred days.
const LONGEST_NS: u64 = 90 * DAY_NS;

/// A scenario derived from a capture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replay {
    pub title: String,
    pub hosts: Vec<Host>,
    pub flows: Vec<Flow>,
    /// Path MTU: the greatest that was seen.
    pub mtu: u32,
    pub recovery: Recovery,
    /// Code n of the local ACK timeout, 4.096 us x 2^n, if a timeout was seen.
    pub timeout: Option<u8>,
    pub vlan: bool,
    pub ipv6: bool,
    /// Priorities that are lossless; none: no PFC.
    pub lossless: BTreeSet<u8>,
    /// 802.3x instead of PFC.
    pub global_pause: bool,
    /// DSCP to priority where it is not xoff's default.
    pub dscp_map: Vec<(u8, u8)>,
    /// Packets were marked by a switch.
    pub marking: bool,
    /// Receivers answered marks with CNPs.
    pub dcqcn: bool,
    /// DSCP and priority of CNPs.
    pub cnp: Option<(u8, u8)>,
    /// Loss on the links to these hosts (index, probability) that no queue explains.
    pub losses: Vec<(usize, f64)>,
    /// Hosts that paused the network: index, and the rate at which they still took data, bit/s.
    pub slow: Vec<(usize, u64)>,
    /// Buffer of the switch, MiB, if it was chosen to fit the capture.
    pub buffer_mib: Option<u32>,
    /// Links lose packets at random as often as was observed, instead of in the switch.
    pub inject_loss: bool,
    /// Length of the capture, ns.
    pub duration_ns: u64,
    /// What was inferred and how, one line each.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    pub name: String,
    pub address: IpAddr,
    pub mac: Mac,
    /// Link rate, bit/s.
    pub rate: u64,
    /// Where the rate comes from.
    pub rate_source: RateSource,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RateSource {
    /// The capture states the speed of the interface at this host.
    Stated,
    /// The user said so.
    Given,
    /// The slowest standard rate that could have carried what was seen.
    Inferred,
    /// Too little was seen.
    Assumed,
}

/// A burst of one queue pair's traffic in one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    pub name: String,
    /// Requester and responder, indices of hosts.
    pub src: usize,
    pub dst: usize,
    /// Connection and direction in the report.
    pub connection: usize,
    pub direction: usize,
    pub service: Service,
    pub operation: Operation,
    pub bytes: u64,
    pub message: u64,
    pub depth: Option<u32>,
    /// From the start of the capture.
    pub start_ns: u64,
    pub data: Marking,
    pub answers: Marking,
    pub priority: u8,
    pub sport: Option<u16>,
    /// The rate at which the packets of the burst went, if that is below the link's, bit/s.
    pub pace: Option<u64>,
}
