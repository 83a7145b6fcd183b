//! RoCEv2 (UDP) and RoCEv1 (GRH) packets, whole.

use super::bth::{Bth, Extensions};
use super::ip::Network;

/// UDP destination port of RoCEv2.
pub const UDP_PORT: u16 = 4791;

/// What is known of a packet's invariant CRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icrc {
    Valid,
    Invalid {
        found: u32,
        computed: u32,
    },
    /// The capture does not hold the whole packet.
    Unavailable,
}

/// A RoCE packet in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub network: Network,
    /// UDP source port; None: RoCEv1.
    pub sport: Option<u16>,
    pub bth: Bth,
    pub extensions: Extensions,
    /// Payload bytes on the wire, without padding.
    pub payload_len: u32,
    /// What was captured of the payload, without padding.
    pub payload: &'a [u8],
    pub icrc: Icrc,
}
