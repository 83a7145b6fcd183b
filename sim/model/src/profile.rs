//! Profiles: what a device has once, and what each of its ports has.

use crate::ids::{Marking, NodeId, PRIORITIES};
use crate::time::SimDuration;
use crate::units::{BitRate, Bytes, Probability};

/// A switch model with its configuration.
#[derive(Clone, Debug)]
pub struct SwitchProfile {
    pub name: String,
    pub forwarding: Forwarding,
    /// Pipeline latency from ingress to egress queue.
    pub latency: SimDuration,
    pub buffer: BufferSpec,
    /// Which packet loses when a lossy queue is full.
    pub tail_drop: TailDrop,
    /// Interval at which the PFC watchdog looks at all ports.
    pub watchdog_poll: SimDuration,
    /// What the ports have.
    pub port: PortProfile,
    /// What ports have that differ: [`PortException::profile`] is an index into it.
    pub exceptions: Vec<PortProfile>,
}

impl SwitchProfile {
    /// All port profiles, that of most ports first.
    pub fn ports(&self) -> impl Iterator<Item = &PortProfile> {
        std::iter::once(&self.port).chain(&self.exceptions)
    }
}

/// The configuration of a switch port, in both directions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortProfile {
    /// The marking that decides the priority of what comes in.
    pub trust: Trust,
    pub dscp_to_priority: [u8; 64],
    pub pcp_to_priority: [u8; PRIORITIES],
    /// Priority of packets without a trusted marking: all of them, or where PCP is trusted those
    /// without a VLAN tag.
    pub default_priority: u8,
    /// Ingress.
    pub priority_to_pg: [u8; PRIORITIES],
    /// Egress.
    pub priority_to_queue: [u8; PRIORITIES],
    pub pgs: [PgSpec; PRIORITIES],
    /// Count all priorities together instead of one by one. Only group 0 is then used.
    pub per_port: bool,
    pub queues: [EgressSpec; PRIORITIES],
    pub pfc: PauseSpec,
    pub scheduler: SchedulerSpec,
    /// ECN per egress queue.
    pub ecn: [Option<EcnSpec>; PRIORITIES],
    pub watchdog: Option<WatchdogSpec>,
    /// Bytes of IP packet in the largest frame that comes in or goes out. None: no limit.
    pub link_mtu: Option<u32>,
    pub tagging: Tagging,
}

/// Whether frames have a VLAN tag, and with it a PCP, when they leave a switch port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tagging {
    /// As they came.
    AsReceived,
    /// None has: an access port, the native VLAN, or a routed port.
    Untagged,
    /// All have: a tag that is added has the priority as its PCP.
    Tagged,
}

/// A port with a profile of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortException {
    pub node: NodeId,
    /// Index within the node.
    pub port: u32,
    /// Index into the `exceptions` of the node's profile.
    pub profile: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    StoreAndForward,
    /// Forwarding starts after this many bytes of the frame (preamble included).
    CutThrough {
        header_bytes: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    Dscp,
    Pcp,
    /// Everything goes to the default priority.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailDrop {
    /// Arrivals that compete for the same free slot win with equal probability, as on a real
    /// switch whose ports are not phase-locked.
    Fair,
    /// The later arrival is dropped, whoever it is.
    Strict,
}

/// The shared buffer (MMU). All sizes in bytes.
#[derive(Clone, Debug)]
pub struct BufferSpec {
    pub size: Bytes,
    /// Allocation unit; frames are rounded up to it. 1: exact bytes.
    pub cell_bytes: u32,
    /// Headroom shared by all lossless priority groups instead of one reservation each.
    pub headroom_pool: Option<Bytes>,
    /// What a frame counts as in the buffer.
    pub occupancy: Occupancy,
}

/// What a frame occupies in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occupancy {
    /// The frame with its FCS, without preamble and gap.
    Frame,
    /// All bytes that the wire carried.
    Wire,
}

/// A priority group of an ingress port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PgSpec {
    /// Uses headroom above its limit, and pauses the sender where PFC is on. A lossy group drops.
    pub lossless: bool,
    /// Guaranteed minimum.
    pub reserve: Bytes,
    pub headroom: Headroom,
    pub limit: Limit,
    /// Resume when usage has fallen to limit - xon_offset (hysteresis).
    pub xon_offset: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Headroom {
    Bytes(Bytes),
    /// Computed per port from the link by [`crate::headroom`] for this MTU.
    Auto,
    /// The HPCC simulator's rule: 3 × rate × one-way delay.
    HpccNs3,
}

/// How much of the shared buffer a group or queue may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// alpha × free shared bytes, alpha = num / den.
    Dynamic {
        num: u32,
        den: u32,
    },
    /// Dynamic with alpha = 2^-shift at the slowest host rate, doubled per doubling of the port's
    /// rate up to 1 (the HPCC simulator's rule).
    DynamicByRate {
        shift: u32,
    },
    Static(Bytes),
    Unlimited,
}

/// An egress queue of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EgressSpec {
    /// Guaranteed minimum.
    pub reserve: Bytes,
    /// Limit for lossy packets; lossless packets are never refused at egress.
    pub limit: Limit,
}

/// Pause behaviour of a port (switch or NIC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PauseSpec {
    pub mode: PauseMode,
    /// Priorities that may send pause (bit n = priority n). All for 802.3x.
    pub tx_mask: u8,
    /// Priorities whose received pause is obeyed.
    pub rx_mask: u8,
    /// Pause time in quanta of 512 bit times. None: until resumed (simulators only).
    pub quanta: Option<u16>,
    /// Time from the reception of a pause frame to its effect on the next frame.
    pub response: SimDuration,
    /// Pause takes exactly the link delay and no bandwidth (simulators only).
    pub out_of_band: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseMode {
    Off,
    /// IEEE 802.1Q priority-based flow control.
    Pfc,
    /// IEEE 802.3x pause of the whole port.
    Global,
}

/// Egress scheduling of the eight queues of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchedulerSpec {
    pub queues: [QueueSched; PRIORITIES],
    /// Maximum rate per queue.
    pub shapers: [Option<BitRate>; PRIORITIES],
    /// Burst that a shaper lets through, in bytes.
    pub shaper_burst: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueSched {
    /// Served first; higher queue numbers first.
    Strict,
    /// Deficit weighted round robin: a share of what strict queues leave, by weight.
    Dwrr(u32),
}

/// Marking of ECN-capable packets by egress queue length, at dequeue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcnSpec {
    /// One entry per link rate; an entry with rate zero serves every other rate.
    pub by_rate: Vec<EcnThresholds>,
    pub action: EcnAction,
}

/// What becomes of the packets that the curve of a queue chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EcnAction {
    /// ECN-capable ones are marked as they leave; to others nothing happens.
    Mark,
    /// Others are dropped as they come (RFC 3168, section 5).
    MarkOrDrop,
    /// All are dropped as they come: WRED without ECN.
    Drop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EcnThresholds {
    pub rate: BitRate,
    pub kmin: Bytes,
    pub kmax: Bytes,
    pub pmax: Probability,
}

/// PFC watchdog of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchdogSpec {
    /// A queue that is paused and has sent nothing for this long is in a storm.
    pub detect: SimDuration,
    pub empty_queue: EmptyQueue,
    /// Normal again when no pause was in force for this long.
    pub restore: SimDuration,
    pub action: WatchdogAction,
}

/// What a watchdog makes of a paused queue without packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyQueue {
    /// It is in a storm as any other.
    Storm,
    /// There is no storm without packets: the time counts from the first one that waits.
    Ignore,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchdogAction {
    /// Discard what is queued and what arrives for the queue.
    Drop,
    /// Ignore the pause.
    Forward,
}

/// A NIC model with its configuration.
#[derive(Clone, Debug)]
pub struct NicProfile {
    pub name: String,
    /// RoCE path MTU: payload bytes per packet.
    pub mtu: u32,
    /// Control packets (ACK, NAK, CNP) precede data of every class, whatever the scheduler.
    pub control_first: bool,
    pub turns: Turns,
    pub pacing: Pacing,
    /// From the posting of a message until its first packet may leave: doorbell, work request,
    /// first data.
    pub send_latency: SimDuration,
    pub rc: RcSpec,
    pub np: NpSpec,
    /// What the ports have.
    pub port: NicPortProfile,
    /// What ports have that differ: [`PortException::profile`] is an index into it.
    pub exceptions: Vec<NicPortProfile>,
}

impl NicProfile {
    /// All port profiles, that of most ports first.
    pub fn ports(&self) -> impl Iterator<Item = &NicPortProfile> {
        std::iter::once(&self.port).chain(&self.exceptions)
    }
}

/// The configuration of a NIC port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NicPortProfile {
    pub pfc: PauseSpec,
    pub scheduler: SchedulerSpec,
    /// Receive buffer; a frame that does not fit is dropped.
    pub rx_buffer: Bytes,
    /// Pause is sent above this occupancy and withdrawn below `rx_xon`.
    pub rx_xoff: Bytes,
    pub rx_xon: Bytes,
    /// Rate at which received frames leave to host memory. None: faster than the port.
    pub rx_drain: Option<BitRate>,
    /// NIC-side watchdog: stop pausing the network after pausing continuously for this long.
    pub storm_guard: Option<SimDuration>,
    /// Bytes of IP packet in the largest frame that is received. None: no limit.
    pub link_mtu: Option<u32>,
    /// What it sends has a VLAN tag. None: as the framing says.
    pub tagged: Option<bool>,
}

/// Among which queue pairs of a port turns go round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turns {
    /// Those of a class; the scheduler chooses among classes.
    Class,
    /// All of them: there is no scheduler, and control packets go first (the HPCC simulator's way).
    Port,
}

/// From when the time to the next packet of a paced queue pair counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// From when this one was due: time that it waited for the port is not lost.
    Due,
    /// From when this one was sent (the HPCC simulator's way).
    Sent,
}

/// Reliable connection behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RcSpec {
    pub recovery: Recovery,
    /// Packets per ACK; those that ask for one are acknowledged at once.
    pub ack_every: u32,
    /// Local ACK timeout, 4.096 µs × 2^n. Zero: never.
    pub timeout: SimDuration,
    /// Retransmissions by timeout or sequence error without progress before the QP fails. None: no limit.
    pub retry_cnt: Option<u8>,
    /// RNR NAKs without progress before the QP fails. None: no limit (code 7).
    pub rnr_retry: Option<u8>,
    /// Wait that an RNR NAK demands.
    pub rnr_timer: SimDuration,
    /// Responder: gap seen → NAK sent.
    pub nak_delay: SimDuration,
    /// A gap that persists is reported again after this long. None: once (IBTA).
    pub nak_repeat: Option<SimDuration>,
    /// Requester: NAK received → retransmission starts.
    pub retransmit_delay: SimDuration,
    /// Most packets in flight. None: no limit below 2^23.
    pub max_outstanding: Option<u32>,
    /// Most READs and atomics in flight.
    pub max_rd_atomic: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Resume at the lost packet, resending everything after it.
    GoBackN,
    /// Restart the whole message.
    GoBack0,
    /// Resend only what is missing.
    Selective,
}

/// DCQCN notification point: how a receiver reports CE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NpSpec {
    Off,
    /// Real CNP packets, at most one per interval and scope.
    Cnp {
        interval: SimDuration,
        scope: CnpScope,
        marking: Marking,
        /// Marked packet received → CNP handed to the port.
        delay: SimDuration,
    },
    /// A flag on the ACK of every marked packet (the HPCC simulator's way).
    EchoOnAck,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CnpScope {
    Qp,
    DestinationIp,
    Port,
}
