//! What a run produced, as plain data in the order of the model's nodes, links and flows.

use crate::rules::Hit;
use crate::time::{SimDuration, SimTime};
use crate::units::{BitRate, Bytes};
use crate::{FlowId, NodeId, PRIORITIES};

/// Results of one simulation.
#[derive(Clone, Debug, Default)]
pub struct Results {
    pub end: SimTime,
    pub stop: Stop,
    pub events: u64,
    /// Frames put on a wire, at hosts and switches, all kinds.
    pub packet_hops: u64,
    pub flows: Vec<FlowResult>,
    /// Every port of every node, in node order.
    pub ports: Vec<PortResult>,
    pub nodes: Vec<NodeResult>,
    pub deadlocks: Vec<Deadlock>,
    pub watchdog: Vec<WatchdogEvent>,
    pub pauses: Vec<PauseLogEntry>,
    pub series: Vec<Sample>,
    /// From here on there was no room for samples.
    pub series_cut: Option<SimTime>,
    /// What became of the model's rules, in their order.
    pub rules: Vec<RuleResult>,
    pub queue_lengths: Vec<QueueLengths>,
    /// The ports along the paths of flows; [`Results::hops`] gives those of one.
    pub along: Vec<HopResult>,
}

/// How long the egress queues of switch ports were, from the start of watching on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueLengths {
    pub at: SimTime,
    /// In the order of nodes and ports.
    pub ports: Vec<QueueLength>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueLength {
    pub node: NodeId,
    pub port: u32,
    /// How often all queues of the port together held i kB (i × 1,000 to i × 1,000 + 999 bytes).
    pub counts: Vec<u64>,
}

impl Results {
    /// What the ports along a flow's data path did while the flow was at it, from its data source
    /// on. Empty if it never started, or if its path changed meanwhile.
    pub fn hops(&self, flow: &FlowResult) -> &[HopResult] {
        let from = flow.along.0 as usize;
        let to = from + flow.along.1 as usize;
        self.along.get(from..to).unwrap_or_default()
    }
}

/// What an egress port on the path of a flow did between the flow's start and its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HopResult {
    /// Index into [`Results::ports`].
    pub port: u32,
    /// Of the flow's data there.
    pub priority: u8,
    /// Time for which that priority was paused.
    pub paused: SimDuration,
    /// Wire bytes that the port sent, of all flows and kinds.
    pub sent: u64,
}

/// What bounds a flow by itself, whoever else is in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnLimit {
    /// Its `pace`.
    Pace,
    /// The shaper of its class, at a port on its path.
    Shaper,
    /// The rate at which its receiver takes frames to memory.
    Receiver,
    /// The bytes or packets that it may have in flight.
    Window,
    /// The messages, READs or atomics that it may have in flight.
    Depth,
}

/// What became of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleResult {
    pub name: String,
    /// Frames that fitted.
    pub matched: u64,
    /// Of these, those that it acted on.
    pub applied: u64,
    /// The first of these.
    pub hits: Vec<Hit>,
}

/// Why the run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    /// Nothing was left to do.
    #[default]
    Idle,
    /// The time limit was reached.
    Until,
    /// No packet moved and none ever will, but flows are unfinished.
    Stuck,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlowStatus {
    #[default]
    Unfinished,
    Completed,
    /// IBV_WC_RETRY_EXC_ERR
    RetryExceeded,
    /// IBV_WC_RNR_RETRY_EXC_ERR
    RnrRetryExceeded,
    /// No path to the destination.
    Unreachable,
    /// IBV_WC_REM_INV_REQ_ERR
    RemoteInvalidRequest,
    /// IBV_WC_REM_ACCESS_ERR
    RemoteAccess,
    /// IBV_WC_REM_OP_ERR
    RemoteOperational,
}

/// One flow (queue pair).
#[derive(Clone, Debug, Default)]
pub struct FlowResult {
    pub flow: FlowId,
    pub status: FlowStatus,
    pub start: SimTime,
    /// Last completion at the requester; None while unfinished.
    pub end: Option<SimTime>,
    /// End of the run if unfinished.
    pub active_until: SimTime,
    /// Least time that the path allows for this flow alone.
    pub ideal: SimDuration,
    /// What of its own settings bounds it most, and the least time that this allows, if that is
    /// more than `ideal`.
    pub own: Option<(OwnLimit, SimDuration)>,
    /// Least time of one packet there and its ACK back.
    pub round: SimDuration,
    /// Wire bytes of its largest data packet.
    pub packet_wire: u32,
    /// Payload of completed messages.
    pub bytes_completed: u64,
    /// New payload accepted in order by the receiver.
    pub bytes_delivered: u64,
    pub messages: u64,
    pub messages_completed: u64,
    /// Work requests flushed by a QP error.
    pub messages_flushed: u64,
    pub data_packets: u64,
    pub retransmitted_packets: u64,
    pub retransmitted_bytes: u64,
    /// Time for which RNR NAKs made it wait.
    pub rnr_wait: SimDuration,
    pub counters: RdmaCounters,
    /// Time for which ports on the way of its ACKs (of READ: its requests) were paused for them,
    /// summed over the ports.
    pub answers_paused: SimDuration,
    /// First and number of its hops in [`Results::along`].
    pub along: (u32, u32),
    /// Completion latency of messages in picoseconds: p50, p99, max.
    pub message_latency: Option<[SimDuration; 3]>,
    /// Kept by [`observe`](xoff_sim::observe) only.
    pub observed: Option<Observed>,
}

/// What the applications at both ends of a flow saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Completions at the requester, in the order of messages: successes, then, if the queue pair
    /// failed, the error that [`FlowResult::status`] names, then what it flushed.
    pub sent: Vec<WorkCompletion>,
    /// Completions of receives at the responder (SEND only).
    pub received: Vec<WorkCompletion>,
    /// RC: every packet was accepted once, in order, and with the content that was sent.
    pub intact: Option<bool>,
}

/// The end of a work request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkCompletion {
    pub at: SimTime,
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    /// With the status of the flow.
    Error,
    Flushed,
}

/// RDMA counters under the names that Linux mlx5 gives them in `hw_counters`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RdmaCounters {
    pub out_of_sequence: u64,
    pub packet_seq_err: u64,
    pub implied_nak_seq_err: u64,
    pub local_ack_timeout_err: u64,
    pub rnr_nak_retry_err: u64,
    pub duplicate_request: u64,
    pub out_of_buffer: u64,
    pub req_transport_retries_exceeded: u64,
    pub req_rnr_retries_exceeded: u64,
    pub np_ecn_marked_roce_packets: u64,
    pub np_cnp_sent: u64,
    pub rp_cnp_handled: u64,
    pub rp_cnp_ignored: u64,
    pub rx_icrc_encapsulated: u64,
}

impl RdmaCounters {
    /// Name and value of every counter, in a fixed order.
    pub fn named(&self) -> [(&'static str, u64); 14] {
        [
            ("out_of_sequence", self.out_of_sequence),
            ("packet_seq_err", self.packet_seq_err),
            ("implied_nak_seq_err", self.implied_nak_seq_err),
            ("local_ack_timeout_err", self.local_ack_timeout_err),
            ("rnr_nak_retry_err", self.rnr_nak_retry_err),
            ("duplicate_request", self.duplicate_request),
            ("out_of_buffer", self.out_of_buffer),
            (
                "req_transport_retries_exceeded",
                self.req_transport_retries_exceeded,
            ),
            ("req_rnr_retries_exceeded", self.req_rnr_retries_exceeded),
            (
                "np_ecn_marked_roce_packets",
                self.np_ecn_marked_roce_packets,
            ),
            ("np_cnp_sent", self.np_cnp_sent),
            ("rp_cnp_handled", self.rp_cnp_handled),
            ("rp_cnp_ignored", self.rp_cnp_ignored),
            ("rx_icrc_encapsulated", self.rx_icrc_encapsulated),
        ]
    }

    pub fn add(&mut self, o: &RdmaCounters) {
        self.out_of_sequence += o.out_of_sequence;
        self.packet_seq_err += o.packet_seq_err;
        self.implied_nak_seq_err += o.implied_nak_seq_err;
        self.local_ack_timeout_err += o.local_ack_timeout_err;
        self.rnr_nak_retry_err += o.rnr_nak_retry_err;
        self.duplicate_request += o.duplicate_request;
        self.out_of_buffer += o.out_of_buffer;
        self.req_transport_retries_exceeded += o.req_transport_retries_exceeded;
        self.req_rnr_retries_exceeded += o.req_rnr_retries_exceeded;
        self.np_ecn_marked_roce_packets += o.np_ecn_marked_roce_packets;
        self.np_cnp_sent += o.np_cnp_sent;
        self.rp_cnp_handled += o.rp_cnp_handled;
        self.rp_cnp_ignored += o.rp_cnp_ignored;
        self.rx_icrc_encapsulated += o.rx_icrc_encapsulated;
    }
}

/// Why a frame was discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum DropCause {
    /// Lossy queue or group above its limit.
    TailDrop = 0,
    /// Lossless group with its own headroom exhausted.
    HeadroomFull = 1,
    /// Lost or corrupted on the link (loss model, bit errors).
    LinkError = 2,
    /// The link was down.
    LinkDown = 3,
    /// Discarded by the PFC watchdog.
    Watchdog = 4,
    /// NIC receive buffer full.
    RxBuffer = 5,
    /// No route from here.
    NoRoute = 6,
    /// Dropped by a rule of the scenario.
    Rule = 7,
    /// Taken by no queue pair: ICRC or headers are wrong.
    Refused = 8,
    /// Lossless group, and the headroom pool that it shares with others is exhausted.
    HeadroomPoolFull = 9,
    /// Larger than the link MTU of a port that receives it or is to send it.
    Oversize = 10,
    /// Chosen by WRED, and not ECN-capable, or at a queue that does not mark.
    Wred = 11,
}

/// Causes in [`DROP_CAUSES`].
pub const CAUSES: usize = 12;

pub const DROP_CAUSES: [(DropCause, &str); CAUSES] = [
    (DropCause::TailDrop, "tail_drop"),
    (DropCause::HeadroomFull, "headroom_full"),
    (DropCause::HeadroomPoolFull, "headroom_pool_full"),
    (DropCause::LinkError, "link_error"),
    (DropCause::LinkDown, "link_down"),
    (DropCause::Watchdog, "pfc_watchdog"),
    (DropCause::RxBuffer, "rx_buffer"),
    (DropCause::NoRoute, "no_route"),
    (DropCause::Rule, "rule"),
    (DropCause::Refused, "refused"),
    (DropCause::Oversize, "oversize"),
    (DropCause::Wred, "wred"),
];

/// One port. Rates of frames count whole frames; "rx" is what arrived from the link.
#[derive(Clone, Debug, Default)]
pub struct PortResult {
    pub node: NodeId,
    /// Index within the node.
    pub port: u32,
    pub peer: NodeId,
    pub peer_port: u32,
    pub rate: BitRate,
    pub tx_frames: u64,
    /// Wire bytes, preamble and gap included where the framing has them.
    pub tx_bytes: u64,
    pub rx_frames: u64,
    pub rx_bytes: u64,
    pub priority: [PriorityResult; PRIORITIES],
    /// Frames discarded here at ingress or egress, by cause and priority.
    pub drops: [[u64; PRIORITIES]; CAUSES],
    /// 802.3x frames sent with time > 0, and with time = 0 (resume). No priority counts them.
    pub tx_global_pause: u64,
    pub tx_global_resume: u64,
    pub rx_global_pause: u64,
    pub rx_global_resume: u64,
    /// Times that 802.3x stopped the whole port, and for how long in all.
    pub rx_global_pause_transitions: u64,
    pub rx_global_pause_duration: SimDuration,
    /// Frames of either kind, with time > 0, that name something which the port does not obey by
    /// its configuration: the other kind of pause, or another class.
    pub rx_pause_ignored: u64,
    /// Largest egress backlog over all queues.
    pub queue_peak: Bytes,
    /// Time in which the port sent something.
    pub busy: SimDuration,
    pub up: bool,
}

impl PortResult {
    /// Frames sent to stop the other end (time > 0): PFC per priority that they name, 802.3x once.
    pub fn pauses_sent(&self) -> u64 {
        self.tx_global_pause + self.priority.iter().map(|q| q.tx_pause).sum::<u64>()
    }

    /// Frames that arrived to stop the port, obeyed or not; counted likewise.
    pub fn pauses_received(&self) -> u64 {
        self.rx_global_pause + self.priority.iter().map(|q| q.rx_pause).sum::<u64>()
    }
}

/// Per priority counters of a port; names after `ethtool -S` (mlx5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PriorityResult {
    /// The priority is lossless here: it sends pause and has headroom.
    pub lossless: bool,
    pub tx_frames: u64,
    /// Wire bytes sent, by egress priority.
    pub tx_bytes: u64,
    /// PFC frames sent with time > 0, and with time = 0 (resume).
    pub tx_pause: u64,
    pub tx_resume: u64,
    /// PFC frames that arrived, obeyed or not.
    pub rx_pause: u64,
    pub rx_resume: u64,
    /// Those with time > 0 that the port does not obey by its configuration.
    pub rx_pause_ignored: u64,
    /// Times that the port went from sending to paused.
    pub rx_pause_transitions: u64,
    /// Time for which the port was kept from sending on this priority.
    pub rx_pause_duration: SimDuration,
    /// Longest single uninterrupted pause.
    pub rx_pause_longest: SimDuration,
    /// Frames that left with CE set here.
    pub ecn_marked: u64,
    pub queue_peak: Bytes,
    /// Largest ingress occupancy (reserve + shared), and of it in headroom.
    pub ingress_peak: Bytes,
    pub headroom_peak: Bytes,
    /// Least ingress occupancy, headroom included, at which a pause was sent. 0: none was.
    pub pause_least: Bytes,
}

#[derive(Clone, Debug, Default)]
pub struct NodeResult {
    /// Largest buffer occupancy of a switch, or receive buffer of a host.
    pub buffer_peak: Bytes,
    pub buffer_size: Bytes,
    /// RDMA counters of a host: the sum over its QPs, on the side that counts.
    pub counters: RdmaCounters,
}

/// A cycle of queues that wait for each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadlock {
    pub at: SimTime,
    pub priority: u8,
    /// (node, egress port) of each blocked queue, in waiting order.
    pub cycle: Vec<(NodeId, u32)>,
    /// The cycle had dissolved again at this time.
    pub cured: Option<SimTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchdogEvent {
    pub at: SimTime,
    pub node: NodeId,
    pub port: u32,
    pub priority: u8,
    /// False: restored.
    pub storm: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PauseLogEntry {
    pub at: SimTime,
    pub node: NodeId,
    /// The port that received the frame.
    pub port: u32,
    pub mask: u8,
    pub pause: bool,
}

/// The state at one instant, and what happened since the previous sample.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    pub at: SimTime,
    /// Per flow: payload delivered since the last sample, and the current rate limit in bit/s.
    pub flow_bytes: Vec<u64>,
    pub flow_rate_bps: Vec<u64>,
    /// Per port: egress backlog, bytes sent since the last sample, priorities paused now.
    pub port_queue: Vec<u64>,
    pub port_tx_bytes: Vec<u64>,
    pub port_paused: Vec<u8>,
}
