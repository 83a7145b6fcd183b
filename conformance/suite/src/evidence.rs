//! What was seen of an experiment, whichever arm ran it.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
pub use xoff_lab::agent::Status;
use xoff_lab::report::RuleReport;
use xoff_model::{Op, Transport};
pub use xoff_trace::capture::HostFrame as Frame;

/// What a run of an experiment left behind.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Frames at the ports of hosts, in the order of time. A frame that arrives was sent before,
    /// and is here twice: out at its sender, in at its receiver.
    pub frames: Vec<Frame>,
    /// Further frames passed after the limit of what is kept: judges must not take the end of
    /// `frames` for the end.
    pub cut: bool,
    /// In the order of the scenario's flows. Empty for a foreign capture.
    pub flows: Vec<Flow>,
    /// Per host, named as its arm names them: `out_of_sequence` of the simulator (the names of
    /// mlx5), `rxe0/rcvd_seq_err` of the lab.
    pub counters: Vec<BTreeMap<String, u64>>,
    /// What became of the experiment's rules.
    pub rules: Vec<RuleReport>,
    /// Payload bytes per packet of the path.
    pub mtu: u32,
    /// Hosts of a capture that was made elsewhere: what they send and get is known only from where
    /// it passed, which may be before or after it was marked, changed or lost.
    pub remote: BTreeSet<usize>,
    pub missing: Missing,
}

/// What a capture is known not to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Frames that the capturing system says it lost.
    pub lost: u64,
    /// RoCE packets without Ethernet headers, which are not judged.
    pub foreign: u64,
    /// Where and why the file breaks off.
    pub end: Option<String>,
}

/// A queue pair with its work.
#[derive(Clone, Debug)]
pub struct Flow {
    pub name: String,
    pub transport: Transport,
    pub op: Op,
    /// Hosts by index: who posts the work, and the other.
    pub requester: usize,
    pub responder: usize,
    /// Numbers of the queue pairs at requester and responder.
    pub qpn: [u32; 2],
    /// PSN of the requester's first packet.
    pub first_psn: u32,
    pub messages: u64,
    pub message_bytes: u64,
    /// Attributes of the queue pair.
    pub limits: Limits,
    /// Completions at the requester, in the order of polling.
    pub completions: Vec<Completion>,
    /// Completions of receives at the responder. The simulator counts only successes.
    pub received: Vec<Completion>,
    /// Whether what arrived is what was sent, byte by byte. None: the arm cannot tell.
    pub intact: Option<bool>,
}

/// Attributes of a reliable connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Local ACK timeout, ns; 0: never.
    pub timeout_ns: u64,
    /// None: no limit.
    pub retry: Option<u8>,
    pub rnr_retry: Option<u8>,
    /// Wait that an RNR NAK of the responder demands, ns.
    pub rnr_timer_ns: u64,
}

/// An entry of a completion queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// Work request: number of the message from 0.
    pub wr: u64,
    pub status: Status,
    /// When it was polled, ns on the clock of its host (simulator: when it was written).
    pub at_ns: u64,
}
