//! Traffic and faults as written.

use super::{RawCc, RawMarking};
use crate::quantity::{Dscp, Label, OneOrMany, OrOff, Priority, Quanta, Sp};
use schemars::JsonSchema;
use serde::Deserialize;
use xoff_model::time::SimDuration;
use xoff_model::units::{BitRate, Bytes, Probability};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawPattern {
    /// The list in `flow`.
    Flows,
    /// A file with columns id,src,dst,bytes,start_ps. Keys: file.
    Csv,
    /// A connection matrix of htsim (`.cm`), whose node i is host i; start times are in
    /// picoseconds. Keys: file.
    Htsim,
    /// Many to one. Keys: senders, receiver, bytes, stagger.
    Incast,
    /// Every host to one other. Keys: bytes, shift.
    Permutation,
    /// Every host to every other. Keys: bytes.
    AllToAll,
    /// Random arrivals. Keys: load, sizes, bytes, duration, receiver.
    Poisson,
    /// All-reduce by passing chunks around a ring. Keys: bytes.
    RingAllreduce,
}

impl RawPattern {
    pub(crate) fn name(self) -> &'static str {
        match self {
            RawPattern::Flows => "flows",
            RawPattern::Csv => "csv",
            RawPattern::Htsim => "htsim",
            RawPattern::Incast => "incast",
            RawPattern::Permutation => "permutation",
            RawPattern::AllToAll => "all-to-all",
            RawPattern::Poisson => "poisson",
            RawPattern::RingAllreduce => "ring-allreduce",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawOp {
    Send,
    Write,
    Read,
    /// Compare-and-swap or fetch-and-add, 8 bytes each.
    Atomic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawTransport {
    /// Reliable connection.
    Rc,
    /// Unreliable connection.
    Uc,
    /// Unreliable datagram.
    Ud,
}

/// A pattern of flows. Every flow is one queue pair.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTraffic {
    /// The pattern. Each reads the keys that its description names, beside the common ones.
    pub(crate) kind: Sp<RawPattern>,
    /// Group under which these flows are reported. Default: the kind, numbered if it repeats.
    #[serde(default)]
    pub(crate) name: Option<Sp<String>>,
    /// Priority of requests (SEND, WRITE, READ requests, atomics) at the sending host. Default: 3.
    #[serde(default)]
    pub(crate) priority: Option<Sp<Priority>>,
    /// Default: 26 for priority 3, 48 for 6, otherwise 8 x priority.
    #[serde(default)]
    pub(crate) dscp: Option<Sp<Dscp>>,
    /// Default: the priority.
    #[serde(default)]
    pub(crate) pcp: Option<Sp<Priority>>,
    /// RDMA operation. Default: "write".
    #[serde(default)]
    pub(crate) op: Option<Sp<RawOp>>,
    /// Default: "rc".
    #[serde(default)]
    pub(crate) transport: Option<Sp<RawTransport>>,
    /// Message size; the last message takes the rest. Default: all bytes of a flow in one message,
    /// at most 1 GiB.
    #[serde(default)]
    pub(crate) message: Option<Sp<Bytes>>,
    /// Most messages posted and not completed (queue depth); "off": all at once. Default: "off".
    #[serde(default)]
    pub(crate) depth: Option<Sp<OrOff<u32>>>,
    /// Start of the first flow. Default: "0us".
    #[serde(default)]
    pub(crate) start: Option<Sp<SimDuration>>,
    /// Congestion control, with the parameters of the sender's NIC. Default: that of the NIC.
    #[serde(default)]
    pub(crate) cc: Option<Sp<RawCc>>,
    /// Packets are ECN-capable: switches mark them. Default: true.
    #[serde(default)]
    pub(crate) ecn: Option<Sp<bool>>,
    /// Rate limit of each QP, in bits on the wire: frames with headers, FCS, preamble and
    /// inter-frame gap (the last two not with fixed framing), so payload gets less. "off": the
    /// port's rate. Default: "off".
    #[serde(default)]
    pub(crate) pace: Option<Sp<OrOff<BitRate>>>,
    /// Marking of what answers requests: ACKs, NAKs, atomic ACKs and READ responses. Default: that
    /// of requests.
    #[serde(default)]
    pub(crate) ack: RawMarking,
    /// op "send": receive buffers at the destination. Default: never short.
    #[serde(default)]
    pub(crate) receives: Option<Sp<RawReceives>>,
    /// Parallel QPs per pair of hosts, each with all the bytes. Default: 1.
    #[serde(default)]
    pub(crate) qps: Option<Sp<u32>>,
    /// PSN of each QP's first packet, 0 to 16777215. Default: from the seed.
    #[serde(default)]
    pub(crate) first_psn: Option<Sp<u32>>,
    /// Hosts that take part, `*` standing for any characters. Default: all.
    #[serde(default)]
    pub(crate) hosts: Option<Sp<OneOrMany<String>>>,
    /// Bytes per flow; for ring-allreduce, per rank.
    #[serde(default)]
    pub(crate) bytes: Option<Sp<Bytes>>,
    /// flows: the list.
    #[serde(default)]
    pub(crate) flow: Option<Vec<Sp<RawFlow>>>,
    /// csv, htsim: path of the file, relative to the scenario.
    #[serde(default)]
    pub(crate) file: Option<Sp<String>>,
    /// incast: how many senders, or which. Default: all hosts but the receiver.
    #[serde(default)]
    pub(crate) senders: Option<Sp<OneOrMany<Label>>>,
    /// incast: the receiver, by default the first host. poisson: all flows go there, by default to
    /// random hosts.
    #[serde(default)]
    pub(crate) receiver: Option<Sp<String>>,
    /// incast: time between the starts of two senders. Default: "0us".
    #[serde(default)]
    pub(crate) stagger: Option<Sp<SimDuration>>,
    /// permutation: host i sends to host i + shift, instead of a random one.
    #[serde(default)]
    pub(crate) shift: Option<Sp<u32>>,
    /// poisson: share of the hosts' link rate.
    #[serde(default)]
    pub(crate) load: Option<Sp<Probability>>,
    /// poisson: "websearch", "hadoop", "fixed" (with `bytes`), or the path of a file with a
    /// cumulative distribution.
    #[serde(default)]
    pub(crate) sizes: Option<Sp<String>>,
    /// poisson: how long flows arrive.
    #[serde(default)]
    pub(crate) duration: Option<Sp<SimDuration>>,
}

/// One flow.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFlow {
    /// Sending host (the requester; it receives the data of a READ).
    pub(crate) src: Sp<String>,
    /// The other host.
    pub(crate) dst: Sp<String>,
    /// Bytes to transfer. Default: the traffic's `bytes`.
    #[serde(default)]
    pub(crate) bytes: Option<Sp<Bytes>>,
    /// Start, counted from the traffic's start. Default: "0us".
    #[serde(default)]
    pub(crate) start: Option<Sp<SimDuration>>,
    /// Name in reports. Default: group and number.
    #[serde(default)]
    pub(crate) name: Option<Sp<String>>,
    /// Switches to visit, instead of the shortest path.
    #[serde(default)]
    pub(crate) path: Option<Sp<Vec<String>>>,
    /// Port of a multi-port sender, from 0. Default: by hash.
    #[serde(default)]
    pub(crate) src_port: Option<Sp<u32>>,
    /// Port of a multi-port receiver, from 0. Default: by hash.
    #[serde(default)]
    pub(crate) dst_port: Option<Sp<u32>>,
    /// UDP source port. Default: from the flow's number.
    #[serde(default)]
    pub(crate) sport: Option<Sp<u16>>,
    /// UDP destination port, with fixed framing. Default: 4791, that of RoCEv2.
    #[serde(default)]
    pub(crate) dport: Option<Sp<u16>>,
    /// Group under which the flow is reported. Default: that of the traffic.
    #[serde(default)]
    pub(crate) group: Option<Sp<String>>,
    /// Priority, with the DSCP and PCP that follow from it. Default: the traffic's marking.
    #[serde(default)]
    pub(crate) priority: Option<Sp<Priority>>,
    /// Marking of ACKs and NAKs. Default: the traffic's, or that of the flow's data.
    #[serde(default)]
    pub(crate) ack: Option<Sp<RawMarking>>,
    /// Bound of bytes in flight under congestion control. Default: that of the NIC.
    #[serde(default)]
    pub(crate) window: Option<Sp<Bytes>>,
    /// RTT of the empty path, under HPCC. Default: that of the NIC.
    #[serde(default)]
    pub(crate) base_rtt: Option<Sp<SimDuration>>,
    /// PSN of the first packet. Default: the traffic's `first_psn`.
    #[serde(default)]
    pub(crate) first_psn: Option<Sp<u32>>,
}

/// Receive buffers of a QP.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawReceives {
    /// Buffers posted at the start.
    pub(crate) posted: Sp<u32>,
    /// Time until a used buffer is posted again. Default: "0us".
    #[serde(default)]
    pub(crate) repost: Option<Sp<SimDuration>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawFaultKind {
    /// A link stops carrying frames. Keys: link.
    LinkDown,
    /// A link works again. Keys: link.
    LinkUp,
    /// A host takes received frames at rate `drain`. Keys: node, drain.
    SlowReceiver,
    /// A NIC sends pause without end. Keys: node, priorities.
    PauseStorm,
    /// It stops. Keys: node.
    PauseStormEnd,
    /// A NIC sends one pause of `quanta` every `period`, as a receiver that throttles its sender
    /// does: 802.3x if that is its mode, otherwise PFC. It lets 1 - pause / period of the rate
    /// through. Keys: node, period, quanta, priorities, count.
    PeriodicPause,
    /// A link loses frames. Keys: link, loss.
    Loss,
}

/// Something that goes wrong.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFault {
    /// When. Default: "0us".
    #[serde(default)]
    pub(crate) at: Option<Sp<SimDuration>>,
    /// What. Each reads the keys that its description names.
    pub(crate) kind: Sp<RawFaultKind>,
    /// When it is put right again; of a periodic pause, when no more are sent. Default: never.
    #[serde(default)]
    pub(crate) until: Option<Sp<SimDuration>>,
    /// The link's ends as "h0:sw", or ["h0", "sw"]. "h0:sw#1" is the second of parallel links;
    /// otherwise all of them.
    #[serde(default)]
    pub(crate) link: Option<Sp<OneOrMany<String>>>,
    /// The host.
    #[serde(default)]
    pub(crate) node: Option<Sp<String>>,
    /// slow-receiver: the rate; "off": normal again.
    #[serde(default)]
    pub(crate) drain: Option<Sp<OrOff<BitRate>>>,
    /// pause-storm, periodic-pause: the priorities. Default: those of the NIC's PFC, or all for
    /// 802.3x.
    #[serde(default)]
    pub(crate) priorities: Option<Sp<OneOrMany<Priority>>>,
    /// periodic-pause: time from one pause to the next.
    #[serde(default)]
    pub(crate) period: Option<Sp<SimDuration>>,
    /// periodic-pause: time of each pause in units of 512 bit times, 1 to 65535.
    #[serde(default)]
    pub(crate) quanta: Option<Sp<Quanta>>,
    /// periodic-pause: how many, instead of `until`. Default: no end.
    #[serde(default)]
    pub(crate) count: Option<Sp<u32>>,
    /// loss: probability of losing a frame, in each direction.
    #[serde(default)]
    pub(crate) loss: Option<Sp<Probability>>,
}
