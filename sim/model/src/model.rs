//! What the engine runs: a complete, validated description of one simulation, as plain data.
//!
//! A [`Model`] comes from a scenario file or from the input files of another simulator. Everything is
//! resolved here: no defaults, no names to look up.

use crate::framing::Framing;
use crate::ids::{FlowId, Marking, NodeId};
use crate::profile::{
    NicPortProfile, NicProfile, PauseSpec, PortException, PortProfile, SwitchProfile, Tagging,
};
use crate::rules::Rule;
use crate::time::{SimDuration, SimTime};
use crate::units::{BitRate, Length, Probability};
use std::sync::Arc;

/// One simulation.
#[derive(Clone, Debug)]
pub struct Model {
    pub seed: u64,
    /// Stop at this time even if flows are unfinished. None: run until nothing is left to do.
    pub until: Option<SimTime>,
    pub framing: Framing,
    pub ecmp: EcmpHash,
    pub nodes: Vec<NodeSpec>,
    pub nics: Vec<NicProfile>,
    pub switches: Vec<SwitchProfile>,
    /// A node's ports are numbered by the order in which links name it, from 0.
    pub links: Vec<LinkSpec>,
    /// Ports whose profile is not that of their node, in the order of nodes and ports.
    pub exceptions: Vec<PortException>,
    pub flows: Vec<FlowSpec>,
    pub faults: Vec<Fault>,
    /// What the links between hosts and their neighbours do to frames.
    pub rules: Vec<Rule>,
    /// Interval of the time series; None: no series.
    pub sample: Option<SimDuration>,
    /// How long the queues of switches are, often enough for a distribution; None: not watched.
    pub queue_watch: Option<QueueWatch>,
    /// How often blocked queues are examined for cyclic waits; None: never.
    pub deadlock_scan: Option<SimDuration>,
    /// Keep a log entry of every pause and resume that a port receives.
    pub log_pauses: bool,
}

impl Model {
    /// The profile of a switch port. None: the node is a host, or there is no such node.
    pub fn switch_port(&self, node: NodeId, port: u32) -> Option<&PortProfile> {
        let Role::Switch(index) = self.nodes.get(node as usize)?.role else {
            return None;
        };
        let device = self.switches.get(index as usize)?;
        let own = self.exception(node, port);
        Some(own.map_or(&device.port, |own| &device.exceptions[own]))
    }

    /// The profile of a host port. None: the node is a switch, or there is no such node.
    pub fn nic_port(&self, node: NodeId, port: u32) -> Option<&NicPortProfile> {
        let Role::Host(index) = self.nodes.get(node as usize)?.role else {
            return None;
        };
        let device = self.nics.get(index as usize)?;
        let own = self.exception(node, port);
        Some(own.map_or(&device.port, |own| &device.exceptions[own]))
    }

    /// The pause settings of a port. None: there is no such node.
    pub fn pause_spec(&self, node: NodeId, port: u32) -> Option<&PauseSpec> {
        let nic = self.nic_port(node, port).map(|port| &port.pfc);
        nic.or_else(|| self.switch_port(node, port).map(|port| &port.pfc))
    }

    /// Bytes of IP packet in the largest frame of a port. None: it has no limit.
    pub fn link_mtu(&self, node: NodeId, port: u32) -> Option<u32> {
        let nic = self.nic_port(node, port).and_then(|port| port.link_mtu);
        nic.or_else(|| self.switch_port(node, port)?.link_mtu)
    }

    /// The framing of the largest frames: with a tag if any port sends one.
    pub fn widest_framing(&self) -> Framing {
        let mut hosts = self.nics.iter().flat_map(NicProfile::ports);
        let mut switches = self.switches.iter().flat_map(SwitchProfile::ports);
        let adds = |port: &PortProfile| port.tagging == Tagging::Tagged;
        if hosts.any(|port| port.tagged == Some(true)) || switches.any(adds) {
            self.framing.tagged(true)
        } else {
            self.framing
        }
    }

    /// The pause settings of all port profiles.
    pub fn pause_specs(&self) -> impl Iterator<Item = &PauseSpec> {
        let nics = self.nics.iter().flat_map(NicProfile::ports).map(|p| &p.pfc);
        let switches = self.switches.iter().flat_map(SwitchProfile::ports);
        nics.chain(switches.map(|p| &p.pfc))
    }

    /// Which of the `exceptions` of its node's profile a port has. None: it is like most.
    pub fn exception(&self, node: NodeId, port: u32) -> Option<usize> {
        let key = |e: &PortException| (e.node, e.port);
        let at = self.exceptions.binary_search_by_key(&(node, port), key);
        at.ok().map(|at| self.exceptions[at].profile as usize)
    }
}

/// Counts of the lengths of the egress queues of all switch ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueWatch {
    pub from: SimTime,
    /// The first look at or behind this time is the last.
    pub until: SimTime,
    pub every: SimDuration,
    /// The counts so far are kept at multiples of this time, and at the end.
    pub report: SimDuration,
}

#[derive(Clone, Debug)]
pub struct NodeSpec {
    pub name: String,
    pub role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Index into [`Model::nics`].
    Host(u32),
    /// Index into [`Model::switches`].
    Switch(u32),
}

/// A full-duplex cable between two ports.
#[derive(Clone, Debug)]
pub struct LinkSpec {
    pub a: NodeId,
    pub b: NodeId,
    pub rate: BitRate,
    pub cable: Length,
    /// PHY, FEC and MAC latency of both ends together, added to the cable's propagation time.
    pub phy_delay: SimDuration,
    /// Probability that a frame is lost, in each direction.
    pub loss: Probability,
    /// Drop exactly every n-th data frame (deterministic loss), counted per direction. 0: off.
    pub drop_every: u32,
    /// Bit errors per 10^18 bits, in each direction; a frame with an error is discarded by its FCS.
    pub ber_e18: u64,
}

impl LinkSpec {
    /// One-way latency of a bit.
    pub fn delay(&self) -> SimDuration {
        self.cable.propagation() + self.phy_delay
    }
}

/// How equal-cost next hops are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EcmpHash {
    /// xoff's own: the scenario's seed, the switch and the 5-tuple, well mixed.
    Mixed,
    /// The hash, addresses, port numbers and next-hop order of the de-facto HPCC simulator.
    HpccNs3,
}

/// Congestion control of a requester.
#[derive(Clone, Debug, PartialEq)]
pub enum CcSpec {
    None,
    Dcqcn(DcqcnSpec),
    Timely(TimelySpec),
    Hpcc(HpccSpec),
    Dctcp(DctcpSpec),
    HpccPint(PintSpec),
}

impl CcSpec {
    /// ACKs drive it, so that the receiver should not thin them out.
    pub fn follows_acks(&self) -> bool {
        !matches!(self, CcSpec::None | CcSpec::Dcqcn(_))
    }
}

/// Whose rules a congestion control follows where the HPCC ns-3 simulator departs from the
/// publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    Published,
    /// The ns-3 simulator of HPCC.
    Ns3,
}

impl CcSpec {
    /// The window that is stated.
    pub fn window(&self) -> Option<Window> {
        match self {
            CcSpec::None => None,
            CcSpec::Dcqcn(spec) => spec.window,
            CcSpec::Timely(spec) => spec.window,
            CcSpec::Dctcp(spec) => spec.window,
            CcSpec::Hpcc(spec) => spec.window.given(),
            CcSpec::HpccPint(spec) => spec.window.given(),
        }
    }

    /// The window of a flow that may send at `line`. None: packets in flight have no bound.
    pub fn window_at(&self, line: BitRate) -> Option<Window> {
        match self {
            CcSpec::Hpcc(spec) => spec.window.at(line, spec.base_rtt),
            CcSpec::HpccPint(spec) => spec.window.at(line, spec.base_rtt),
            _ => self.window(),
        }
    }

    /// What the rate does not fall below.
    pub fn rate_min(&self) -> Option<BitRate> {
        match self {
            CcSpec::None => None,
            CcSpec::Dcqcn(spec) => Some(spec.rate_min),
            CcSpec::Timely(spec) => Some(spec.rate_min),
            CcSpec::Dctcp(spec) => Some(spec.rate_min),
            CcSpec::Hpcc(spec) => Some(spec.rate_min),
            CcSpec::HpccPint(spec) => Some(spec.rate_min),
        }
    }

    /// False: without congestion control there is no window.
    pub fn set_window(&mut self, window: Window) -> bool {
        match self {
            CcSpec::None => return false,
            CcSpec::Dcqcn(spec) => spec.window = Some(window),
            CcSpec::Timely(spec) => spec.window = Some(window),
            CcSpec::Dctcp(spec) => spec.window = Some(window),
            CcSpec::Hpcc(spec) => spec.window = HpccWindow::Given(window),
            CcSpec::HpccPint(spec) => spec.window = HpccWindow::Given(window),
        }
        true
    }

    pub fn base_rtt(&self) -> Option<SimDuration> {
        match self {
            CcSpec::Hpcc(spec) => Some(spec.base_rtt),
            CcSpec::HpccPint(spec) => Some(spec.base_rtt),
            _ => None,
        }
    }

    /// False: the congestion control knows no base RTT.
    pub fn set_base_rtt(&mut self, rtt: SimDuration) -> bool {
        match self {
            CcSpec::Hpcc(spec) => spec.base_rtt = rtt,
            CcSpec::HpccPint(spec) => spec.base_rtt = rtt,
            _ => return false,
        }
        true
    }
}

/// DCQCN reaction point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DcqcnSpec {
    /// Published: a CNP cuts at once. Ns3: at the next point of a grid of decrease intervals.
    pub variant: Variant,
    /// g as a fraction of 2^16 (1/256 = 256).
    pub g_q16: u32,
    /// α is updated once per interval.
    pub alpha_interval: SimDuration,
    /// The rate is cut at most once per interval.
    pub decrease_interval: SimDuration,
    /// Rate increase timer.
    pub increase_timer: SimDuration,
    /// Bytes per byte-counter stage. None: timer only.
    pub byte_counter: Option<u64>,
    /// Fast recovery steps (F).
    pub fast_recovery: u32,
    pub rate_ai: BitRate,
    pub rate_hai: BitRate,
    pub rate_min: BitRate,
    /// Set the target to the current rate at every cut, also at consecutive ones.
    pub clamp_target: bool,
    /// Current and target rate at the first CNP. None: it cuts like any other.
    pub first_cnp_rate: Option<BitRate>,
    /// Bound of packets in flight in bytes. None: no window.
    pub window: Option<Window>,
}

/// Bytes in flight that a congestion control allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub bytes: u64,
    /// Scale with current rate / line rate.
    pub variable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimelySpec {
    /// Weight of a new RTT sample, in 2^16ths.
    pub ewma_q16: u32,
    /// Multiplicative decrease factor, in 2^16ths.
    pub beta_q16: u32,
    pub t_low: SimDuration,
    pub t_high: SimDuration,
    pub min_rtt: SimDuration,
    pub rate_ai: BitRate,
    pub rate_hai: BitRate,
    pub rate_min: BitRate,
    pub window: Option<Window>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HpccSpec {
    /// Ns3: rounds are as short as ACKs allow, and every queued byte counts.
    pub variant: Variant,
    /// Target utilisation, in 2^16ths.
    pub u_target_q16: u32,
    /// Additive stages before a multiplicative update.
    pub max_stage: u32,
    pub rate_ai: BitRate,
    pub rate_min: BitRate,
    /// Base RTT.
    pub base_rtt: SimDuration,
    /// React to every ACK within an RTT.
    pub fast_react: bool,
    /// A rate per hop; the least counts.
    pub multi_rate: bool,
    /// Within a round trip only hops with a queue count.
    pub sample_feedback: bool,
    pub window: HpccWindow,
}

/// Bound of bytes in flight under HPCC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HpccWindow {
    Off,
    /// What fills the port's rate for a base RTT, scaled with the rate (the publication).
    Bdp,
    Given(Window),
}

impl HpccWindow {
    fn given(self) -> Option<Window> {
        match self {
            HpccWindow::Given(window) => Some(window),
            HpccWindow::Off | HpccWindow::Bdp => None,
        }
    }

    /// The window of a flow that may send at `line`.
    pub fn at(self, line: BitRate, base_rtt: SimDuration) -> Option<Window> {
        match self {
            HpccWindow::Off => None,
            HpccWindow::Given(window) => Some(window),
            HpccWindow::Bdp => Some(Window {
                bytes: line.bytes_in_floor(base_rtt),
                variable: true,
            }),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DctcpSpec {
    /// g as a fraction of 2^16 (1/16 = 4096).
    pub g_q16: u32,
    /// Added once per round trip.
    pub rate_ai: BitRate,
    pub rate_min: BitRate,
    pub window: Option<Window>,
}

/// HPCC-PINT: HPCC with one rounded and sampled utilisation per packet.
#[derive(Clone, Debug, PartialEq)]
pub struct PintSpec {
    /// Target utilisation, in 2^16ths.
    pub u_target_q16: u32,
    /// Additive stages before a multiplicative update.
    pub max_stage: u32,
    pub rate_ai: BitRate,
    pub rate_min: BitRate,
    /// Base RTT: the time over which switches average.
    pub base_rtt: SimDuration,
    pub window: HpccWindow,
    /// What a packet can say: the powers of the base, in 2^32ths, ascending.
    pub powers: Arc<[u64]>,
    /// Share of packets that are looked at.
    pub probability: Probability,
}

impl PintSpec {
    /// Powers of a base (in 2^32ths) from 1 to 2^26. None: so many that no packet tells them
    /// apart, or none.
    pub fn powers_of(base_q32: u64) -> Option<Arc<[u64]>> {
        const MOST: usize = 1 << 16;
        let mut powers = vec![1u64 << 32];
        while let Some(&last) = powers.last().filter(|p| **p < 1 << 58) {
            let next = (u128::from(last) * u128::from(base_q32)) >> 32;
            let next = u64::try_from(next).ok().filter(|n| *n > last)?;
            if powers.len() == MOST {
                return None;
            }
            powers.push(next);
        }
        Some(powers.into())
    }
}

/// One queue pair with the work it is given.
#[derive(Clone, Debug)]
pub struct FlowSpec {
    pub name: String,
    /// Flows with the same group are reported together.
    pub group: String,
    pub src: NodeId,
    pub dst: NodeId,
    /// Local port of a multi-port host; None: by hash among the shortest paths.
    pub src_port: Option<u32>,
    /// Port of a multi-port destination (its address); None: by hash.
    pub dst_port: Option<u32>,
    pub start: SimTime,
    pub bytes: u64,
    /// Message size; the last message takes the rest.
    pub message_bytes: u64,
    /// Most messages posted and not completed (queue depth). None: all at once.
    pub depth: Option<u32>,
    pub op: Op,
    pub transport: Transport,
    /// Marking of requests: SEND, WRITE, READ requests, atomics.
    pub data: Marking,
    /// Marking of what answers them: ACKs, NAKs, atomic ACKs, READ responses.
    pub ack: Marking,
    /// ECT(0) is set: switches mark instead of ignoring.
    pub ecn_capable: bool,
    pub cc: CcSpec,
    /// Rate limit of the QP, below the port's rate.
    pub pace: Option<BitRate>,
    /// UDP source and destination port, for hashing.
    pub sport: u16,
    pub dport: u16,
    /// The nodes to visit between src and dst, instead of the shortest path.
    pub path: Option<Vec<NodeId>>,
    /// Messages are released one by one as messages of that flow are delivered at `src`;
    /// the first `free_messages` need no release.
    pub after: Option<FlowId>,
    pub free_messages: u32,
    /// SEND only: receive buffers posted at the destination. None: never short.
    pub receives: Option<ReceiveQueue>,
    /// PSN of the first packet on the wire, 24 bits. None: from the seed.
    pub first_psn: Option<u32>,
}

/// Receive buffers of a QP that the application reposts after using them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveQueue {
    pub posted: u32,
    /// Time from a message's arrival until its buffer is posted again.
    pub repost: SimDuration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Send,
    Write,
    Read,
    /// Compare-and-swap or fetch-and-add: 8 bytes each.
    Atomic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Rc,
    Uc,
    Ud,
}

/// Something that goes wrong at a given time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub at: SimTime,
    pub kind: FaultKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Index into [`Model::links`].
    LinkDown(u32),
    LinkUp(u32),
    /// A host takes received frames at this rate from now on. None: normal again.
    SlowReceiver {
        node: NodeId,
        drain: Option<BitRate>,
    },
    /// A NIC sends pause for these priorities without end, and stops.
    PauseStormStart {
        node: NodeId,
        mask: u8,
    },
    PauseStormEnd {
        node: NodeId,
    },
    /// A NIC sends one pause of `quanta` for these priorities at once and then in each period,
    /// `count` times. None: without end.
    PeriodicPause {
        node: NodeId,
        mask: u8,
        quanta: u16,
        period: SimDuration,
        count: Option<u64>,
    },
    /// Loss probability of a link from now on, in both directions.
    LinkLoss {
        link: u32,
        loss: Probability,
    },
}
