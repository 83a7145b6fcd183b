//! RoCE transports: reliable connection, unreliable connection, unreliable datagram.
//!
//! A flow is a queue pair. Its data travels from a [`Sender`] to a [`Receiver`]: for SEND, WRITE
//! and atomics the sender is the requester, for READ it is the responder. Sequence numbers are
//! kept unwrapped; the 24 bits of the wire are enough because fewer than 2^23 are in flight.

mod control;
mod foreign;
mod messages;
mod rc;
mod receive;
mod selective;
mod send;
pub mod telemetry;
#[cfg(test)]
mod tests;

use crate::cc::Cc;
use crate::layout::Layout;
use hdrhistogram::Histogram;
pub(crate) use messages::{latency_histogram, latency_quantiles};
use selective::{Arrived, Resend};
pub(crate) use send::ideal_time;
use std::collections::VecDeque;
use xoff_model::results::{FlowResult, RdmaCounters, WorkCompletion};
use xoff_model::topology::fabric::PortId;
use xoff_model::{Op, Recovery, Transport};

/// Bits of [`Sender::flags`].
pub mod sender_flag {
    /// Ready in the ring, or in the pacing heap, of its port.
    pub const QUEUED: u8 = 0x01;
    /// The queue pair is in error.
    pub const FAILED: u8 = 0x02;
    pub const STARTED: u8 = 0x04;
    /// Sends READ responses.
    pub const READ: u8 = 0x08;
    /// Not acknowledged: UC or UD.
    pub const UNRELIABLE: u8 = 0x10;
    pub const ECT: u8 = 0x20;
    /// The rate may be below the line: pacing is needed.
    pub const PACED: u8 = 0x40;
    pub const TELEMETRY: u8 = 0x80;
}

/// The data source of a flow.
#[derive(Debug)]
pub struct Sender {
    /// Oldest packet not acknowledged.
    pub una: u32,
    /// Next packet to send.
    pub nxt: u32,
    /// First packet never sent.
    pub max: u32,
    /// First packet that may not be sent yet.
    pub limit: u32,
    /// READ: packet at which a repeated request made the responses start again.
    pub restart: u32,
    pub layout: Layout,
    pub port: PortId,
    pub route: u32,
    /// Place among the queue pairs of its host.
    pub slot: u32,
    pub max_flight: u32,
    /// At least one of so many packets asks for an ACK.
    pub ask_every: u32,
    pub flags: u8,
    pub queue: u8,
    pub dscp: u8,
    pub pcp: u8,
    /// Bytes of the VLAN tag on what it sends.
    pub tag: u8,
    pub retries: u8,
    pub rnr_retries: u8,
    pub recovery: Recovery,
    /// Pacing: the next packet is due at this time.
    pub avail: u64,
    /// RNR wait or retransmission delay: no packet before this time.
    pub hold: u64,
    /// Rate limit of the flow, bit/s.
    pub pace_bps: u64,
    /// Ack timeout: span and current deadline.
    pub timeout: u64,
    pub rto_at: u64,
    /// Time of the pending Requester event.
    pub timer_at: u64,
    pub cc: Cc,
    pub resend: Option<Box<Resend>>,
    /// READ: a gap among requests was reported.
    pub gap_told: bool,
}

impl Sender {
    #[inline]
    pub fn not_before(&self) -> u64 {
        self.avail.max(self.hold)
    }

    /// The packet that it would send next.
    #[inline]
    pub fn next_psn(&self) -> u32 {
        let repeated = self.resend.as_ref().and_then(|r| r.first());
        repeated.unwrap_or(self.nxt)
    }

    #[inline]
    pub const fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// The data sink of a flow.
#[derive(Debug)]
pub struct Receiver {
    /// Next packet expected in order.
    pub epsn: u32,
    pub since_ack: u32,
    pub ack_every: u32,
    /// Host port and route of control packets back to the sender.
    pub port: PortId,
    pub route: u32,
    pub layout: Layout,
    /// First packet of the message being received, and its end.
    pub message_start: u32,
    pub message_end: u32,
    pub nak_sent: bool,
    /// The message being received lacks a packet (UC).
    pub broken: bool,
    /// The two below are to be looked at.
    pub special: bool,
    /// The queue pair is in error.
    pub dead: bool,
    /// The packet with this number cannot belong to the message being received.
    pub doom: u32,
    pub transport: Transport,
    pub op: Op,
    pub recovery: Recovery,
    pub dscp: u8,
    pub pcp: u8,
    /// Bytes of the VLAN tag on what it sends.
    pub tag: u8,
    pub queue: u8,
    pub nak_at: u64,
    /// Packet that a delayed NAK answers.
    pub nak_for: u32,
    /// Delayed NAK or READ timeout: deadline, and time of the pending Responder event.
    pub deadline: u64,
    pub timer_at: u64,
    /// DCQCN notification point: earliest next CNP.
    pub cnp_next: u64,
    /// ACKs say whether what they acknowledge was marked (no CNPs).
    pub echo: bool,
    /// The packets since the last ACK were marked.
    pub marked: bool,
    pub delivered: u64,
    pub arrived: Option<Box<Arrived>>,
    /// Receive buffers left, and when used ones are posted again.
    pub receives: u32,
    pub reposts: VecDeque<u64>,
    /// Code of the wait that an RNR NAK asks for.
    pub rnr_timer: u8,
    /// READ: end of what was requested; retries without progress.
    pub requested: u32,
    pub retries: u8,
}

/// The work queue of a flow's requester, and what its application sees.
#[derive(Debug)]
pub struct Requester {
    pub result: FlowResult,
    pub latency: Option<Histogram<u32>>,
    /// When the messages in flight were posted, oldest first, and how many at that time.
    pub posted: VecDeque<(u64, u32)>,
    pub completed: u32,
    pub released: u32,
    /// Messages whose time of posting is recorded.
    pub posted_count: u32,
    /// What was posted and is still on its way to the transport: when it gets there, and the end
    /// of its packets.
    pub posting: VecDeque<(u64, u32)>,
    /// Packet at which the next message completes.
    pub next_end: u32,
    pub done: bool,
    /// Completions, if they are kept.
    pub sent: Vec<WorkCompletion>,
}

/// What the packet path touches seldom at the data source of a flow.
#[derive(Debug, Default)]
pub struct SenderCold {
    pub data_packets: u64,
    pub retransmitted_packets: u64,
    pub retransmitted_bytes: u64,
    /// Of the queue pair at this end.
    pub counters: RdmaCounters,
}

/// What the packet path touches seldom at the data sink of a flow.
#[derive(Debug, Default)]
pub struct ReceiverCold {
    /// Of the queue pair at this end.
    pub counters: RdmaCounters,
    /// Messages received whole (UC, UD).
    pub messages: u64,
    /// Flows that a message delivered here releases.
    pub releases: Vec<u32>,
    /// Something was accepted that was not sent so.
    pub spoiled: bool,
    /// RC: the packet that is to be accepted next.
    pub in_turn: u32,
    /// Completions of receives, if they are kept.
    pub received: Vec<WorkCompletion>,
}
