//! What the analysis of a capture gives.

use super::class::PauseClass;
use super::timeline::Timeline;
use crate::capture::{Interface, InterfaceStats};
use serde::Serialize;
use std::net::IpAddr;
use xoff_checks::finding::Finding;
use xoff_model::dcbx;
use xoff_model::results::RdmaCounters;

/// Everything that was found in one capture.
#[derive(Clone, Debug, Default)]
pub struct TraceReport {
    pub capture: CaptureSummary,
    pub connections: Vec<Connection>,
    pub pauses: Vec<PausePort>,
    pub links: Vec<Link>,
    /// Rates that the spacing of frames shows, by interface and sender.
    pub rates: Vec<super::rate::ObservedRate>,
    pub smb: super::smb::SmbReport,
    pub iwarp: Vec<super::iwarp::IwarpConnection>,
    pub tcp: super::tcp::TcpSummary,
    pub timeline: Option<Timeline>,
    /// By severity, then ID, then subject.
    pub findings: Vec<Finding>,
}

impl TraceReport {
    /// The interface at which a host was captured: its own port.
    pub fn interface_of(&self, address: IpAddr) -> Option<u32> {
        self.connections.iter().find_map(|c| {
            let here = match c.vantage {
                Vantage::AtA => c.a.address,
                Vantage::AtB => c.b.address,
                Vantage::Between => return None,
            };
            (here == address).then_some(c.interface)
        })
    }
}

#[derive(Clone, Debug, Default)]
pub struct CaptureSummary {
    pub frames: u64,
    /// Captured bytes.
    pub bytes: u64,
    /// Least and greatest time of a frame; None if no frame has one.
    pub first_ns: Option<u64>,
    pub last_ns: Option<u64>,
    /// Frames that the file gives no time, or one that cannot be.
    pub untimed_frames: u64,
    /// Frames earlier than the one before on their interface.
    pub backwards: Backwards,
    /// Frames shorter in the file than on the wire.
    pub cut_frames: u64,
    /// Frames whose headers are not what they say, and the first of them with the error.
    pub malformed: u64,
    pub malformed_examples: Vec<(u64, String)>,
    /// Of the malformed frames, those of RoCE.
    pub malformed_roce: u64,
    /// Frames of link types that are not read, or cut before anything could be told.
    pub unread_frames: u64,
    pub interfaces: Vec<(Interface, InterfaceStats, u64)>,
    /// Frames by protocol name, most frequent first.
    pub protocols: Vec<(String, u64)>,
    /// Why reading stopped before the end, with the byte offset.
    pub partial: Option<String>,
}

/// How often the clock ran backwards, the first frame at which it did, and by how much at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backwards {
    pub frames: u64,
    pub first_frame: u64,
    pub most_ns: u64,
}

impl CaptureSummary {
    /// From the least to the greatest time of a frame; None if no frame has one.
    pub fn span_ns(&self) -> Option<u64> {
        Some(self.last_ns?.saturating_sub(self.first_ns?))
    }

    /// Frames are here, and not one could be read.
    pub fn unreadable(&self) -> bool {
        self.frames > 0 && self.unread_frames == self.frames
    }

    /// Frames are here, and not one has a time: nothing is known of how long anything took.
    pub fn timeless(&self) -> bool {
        self.frames > 0 && self.first_ns.is_none()
    }

    /// What an interface is called: by its name in the capture, or else `#` and its number.
    pub fn interface_name(&self, id: u32) -> String {
        let entry = self.interfaces.get(id as usize);
        let name = entry.and_then(|(interface, _, _)| interface.name.clone());
        name.filter(|name| !name.is_empty())
            .unwrap_or_else(|| format!("#{id}"))
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Congestion notifications alone, or reserved opcodes, do not tell.
    #[default]
    Unknown,
    Rc,
    Uc,
    Ud,
    Rd,
    Xrc,
}

/// Where a capture point stands relative to a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Vantage {
    /// At the port of `a`.
    AtA,
    /// At the port of `b`.
    AtB,
    #[default]
    Between,
}

/// A pair of queue pairs, as one interface saw it. `a` is the first that sent a request.
///
/// Both ends may send requests: every figure is kept per direction, 0 for requests of `a`.
#[derive(Clone, Debug)]
pub struct Connection {
    pub service: Service,
    pub interface: u32,
    pub vantage: Vantage,
    /// Set on the view that speaks for the connection when several interfaces saw it: for figures
    /// of the sender, the one nearest the sender; see [`Connection::speaks_for_receiver`].
    pub speaks_for_sender: [bool; 2],
    pub speaks_for_receiver: [bool; 2],
    pub a: Endpoint,
    pub b: Endpoint,
    pub first_ns: u64,
    pub last_ns: u64,
    /// RoCEv1 (GRH) rather than v2.
    pub v1: bool,
    pub vlan: Option<u16>,
    pub mtu: u32,
    /// Requests of a and what b answers; requests of b and what a answers.
    pub directions: [DirectionReport; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    pub address: IpAddr,
    /// 0 if not seen: nothing was sent to it.
    pub qpn: u32,
    pub mac: xoff_wire::Mac,
}

/// How traffic of one kind was marked; `mixed` if it changed under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Marking {
    pub dscp: u8,
    pub pcp: Option<u8>,
    pub ecn_capable: bool,
    pub mixed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    Send,
    Write,
    Read,
    Atomic,
}

/// Why a packet was sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// NAK, PSN sequence error.
    Nak,
    /// Nothing came back for a while.
    Timeout,
    /// A gap among READ responses or atomic answers: the requester asks again by itself.
    ImpliedNak,
    Rnr,
    /// It had been acknowledged already, or nothing asked for it.
    Spurious,
}

/// One retransmission episode: the sender went back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Episode {
    pub cause: Cause,
    pub at_ns: u64,
    pub frame: u64,
    /// The frame that triggered it (NAK), if one was seen.
    pub trigger: Option<u64>,
    pub psn: u32,
    pub packets: u64,
    pub bytes: u64,
    /// From the first transmission of the PSN until it went out again, ns.
    pub delay_ns: u64,
}

/// How a sender repeats after a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recovery {
    #[default]
    Unknown,
    GoBackN,
    GoBack0,
    Selective,
}

/// A message: one work request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    pub operation: Operation,
    pub bytes: u64,
    /// First packet, last packet's first transmission, and the ACK (or last READ response).
    pub start_ns: u64,
    pub sent_ns: Option<u64>,
    pub done_ns: Option<u64>,
}

/// Messages of one size, posted in a row; a run-length list keeps memory flat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageRun {
    pub operation: Operation,
    pub bytes: u64,
    pub count: u64,
    pub start_ns: u64,
    /// Completion of the last.
    pub done_ns: Option<u64>,
}

/// How long data of one direction flowed, silence of the application left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// From the first packet to the last of every stretch without silence, summed, ns.
    pub ns: u64,
    /// Payload that came in that time: without the first packet of each stretch.
    pub bytes: u64,
    /// Payload in all.
    pub total: u64,
}

impl Activity {
    /// The rate at which `bytes` of the payload went, bit/s; None if no time shows it.
    pub fn rate(&self, bytes: u64) -> Option<u64> {
        let part = u128::from(bytes) * u128::from(self.bytes);
        let part = part.checked_div(u128::from(self.total))?;
        let rate = (part * 8_000_000_000).checked_div(u128::from(self.ns))?;
        u64::try_from(rate).ok().filter(|_| self.bytes > 0)
    }
}

/// Messages that were sent without silence between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// That of most of its bytes.
    pub operation: Operation,
    /// Its first and its last packet, and when all was acknowledged as far as that was seen.
    pub start_ns: u64,
    pub end_ns: u64,
    pub done_ns: u64,
    /// Payload, messages, and the size of message that carries most of it with its bytes.
    pub bytes: u64,
    pub messages: u64,
    pub message: u64,
    pub of_size: u64,
    /// Further bursts, with silence before each, that were joined to this one.
    pub merged: u64,
}

impl Burst {
    /// Takes in a later one.
    pub fn join(&mut self, later: &Burst) {
        self.end_ns = self.end_ns.max(later.end_ns);
        self.done_ns = self.done_ns.max(later.done_ns);
        self.bytes = self.bytes.saturating_add(later.bytes);
        self.messages = self.messages.saturating_add(later.messages);
        self.merged += later.merged + 1;
        if later.message == self.message && later.operation == self.operation {
            self.of_size = self.of_size.saturating_add(later.of_size);
        } else if later.of_size > self.of_size {
            self.operation = later.operation;
            (self.message, self.of_size) = (later.message, later.of_size);
        }
    }
}

/// The greatest number of episodes and message runs that a direction keeps; the totals count all.
pub const DETAILS_KEPT: usize = 256;

#[derive(Clone, Debug, Default)]
pub struct DirectionReport {
    pub data: Marking,
    /// ACKs and NAKs.
    pub answers: Marking,
    pub sport: Option<u16>,
    pub first_psn: Option<u32>,
    pub first_data_ns: Option<u64>,
    pub last_data_ns: Option<u64>,
    /// Request packets with payload, READ responses for READs; and those sent again.
    pub data_packets: u64,
    pub retransmitted_packets: u64,
    pub retransmitted_bytes: u64,
    /// Payload that was seen for the first time, and payload accepted in order by the receiver.
    pub new_bytes: u64,
    pub delivered_bytes: u64,
    /// Packets missing from the sequence here (lost before this interface).
    pub gaps: u64,
    /// Bytes of complete frames, FCS counted, preamble and gap not.
    pub wire_bytes: u64,
    pub acks: u64,
    pub naks: u64,
    pub rnr_naks: u64,
    /// NAK codes 1 to 3: invalid request, remote access, remote operational error.
    pub error_naks: [u64; 3],
    pub read_requests: u64,
    /// READ requests that ask again for something.
    pub read_restarts: u64,
    pub duplicates: u64,
    pub ce_marked: u64,
    pub ect_packets: u64,
    pub cnps: u64,
    /// Least time between two CNPs of this queue pair, ns.
    pub cnp_spacing_min_ns: Option<u64>,
    pub bad_icrc: u64,
    /// ICRC could not be verified: the frame was cut, or all of the sender's are wrong.
    pub unverified_icrc: u64,
    /// From a packet that asked for an ACK to the ACK, ns: least, mean, greatest.
    pub ack_latency_ns: Option<[u64; 3]>,
    pub timeouts: u64,
    /// Greatest number of packets sent and not acknowledged.
    pub window_max: u32,
    pub recovery: Recovery,
    /// Greatest number of messages begun and not completed.
    pub outstanding_max: u32,
    pub messages: u64,
    pub messages_completed: u64,
    pub message_runs: Vec<MessageRun>,
    pub activity: Activity,
    pub bursts: Vec<Burst>,
    pub completion_ns: Option<[u64; 3]>,
    pub episodes: Vec<Episode>,
    pub causes: Vec<(Cause, u64)>,
    /// The same under the names of mlx5's counters.
    pub counters: RdmaCounters,
}

/// Pause frames in one direction of an interface.
#[derive(Clone, Debug)]
pub struct PausePort {
    pub interface: u32,
    /// Who sent the frames: it asks its link partner to be silent.
    pub sender: xoff_wire::Mac,
    pub direction: crate::capture::Direction,
    pub frames: u64,
    /// 802.3x frames with time > 0, and = 0; and what they did to the link by themselves.
    pub global_pause: u64,
    pub global_resume: u64,
    pub global_times: PauseTimes,
    /// PFC frames per priority with time > 0, and = 0.
    pub pause: [u64; 8],
    pub resume: [u64; 8],
    /// How long each priority was stopped, by frames of either kind.
    pub paused_ns: [u64; 8],
    pub longest_ns: [u64; 8],
    pub transitions: [u64; 8],
    /// Rate by which quanta were turned into time, bit/s, and whether it was given or guessed.
    pub rate: Option<u64>,
    pub rate_inferred: bool,
    pub first_frame: u64,
}

/// How long something was paused, the longest at a stretch, and how often it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PauseTimes {
    pub paused_ns: u64,
    pub longest_ns: u64,
    pub transitions: u64,
}

impl PausePort {
    /// Frames of 802.3x, of either meaning.
    pub fn global(&self) -> u64 {
        self.global_pause.saturating_add(self.global_resume)
    }

    /// Those that its frames named: the whole link first.
    pub fn classes(&self) -> Vec<PauseClass> {
        let named = |p: &u8| self.pause[usize::from(*p)] > 0 || self.resume[usize::from(*p)] > 0;
        let priorities = (0..8).filter(named).map(PauseClass::Priority);
        let all = (self.global() > 0).then_some(PauseClass::All);
        all.into_iter().chain(priorities).collect()
    }

    /// Frames that stopped a class, and that let it go on.
    pub fn counts(&self, class: PauseClass) -> [u64; 2] {
        match class {
            PauseClass::All => [self.global_pause, self.global_resume],
            PauseClass::Priority(p) => [self.pause[usize::from(p)], self.resume[usize::from(p)]],
        }
    }

    pub fn times(&self, class: PauseClass) -> PauseTimes {
        let PauseClass::Priority(p) = class else {
            return self.global_times;
        };
        let p = usize::from(p);
        PauseTimes {
            paused_ns: self.paused_ns[p],
            longest_ns: self.longest_ns[p],
            transitions: self.transitions[p],
        }
    }
}

/// What LLDP said on one link, and what both ends make of it.
#[derive(Clone, Debug)]
pub struct Link {
    pub interface: u32,
    pub ends: Vec<LinkEnd>,
    /// Present if both ends were heard.
    pub negotiated: Option<[dcbx::Operational; 2]>,
}

#[derive(Clone, Debug)]
pub struct LinkEnd {
    pub mac: xoff_wire::Mac,
    pub chassis: String,
    pub port: String,
    pub system: Option<String>,
    pub ttl_s: u16,
    pub frames: u64,
    pub first_frame: u64,
    pub last_ns: u64,
    pub advertised: dcbx::Advertised,
    pub port_settings: PortSettings,
}

/// What a station says of its port besides DCBX (802.1Q annex D, 802.3 clause 79).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortSettings {
    /// 0: the port has none.
    pub port_vlan: Option<u16>,
    pub vlan_names: Vec<(u16, String)>,
    /// Port and protocol VLANs that are enabled.
    pub protocol_vlans: Vec<u16>,
    pub management_vlan: Option<u16>,
    /// Bytes with header and FCS.
    pub max_frame: Option<u16>,
    pub aggregation: Option<Aggregation>,
}

/// Link aggregation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aggregation {
    pub capable: bool,
    pub aggregated: bool,
    /// Number of the aggregated port.
    pub port: u32,
}
