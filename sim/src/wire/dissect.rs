//! From a frame to what it carries.

use super::{WireError, ethernet, ip, mac_control, roce};

/// What a frame holds, as far as it concerns RDMA.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Body<'a> {
    Roce(roce::Packet<'a>),
    Pause(mac_control::Repr),
    /// The TLVs.
    Lldp(&'a [u8]),
    Tcp(ip::Network, Segment<'a>),
    Other(Other),
    Malformed(WireError),
}

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    pub src_port: u16,
    pub dst_port: u16,
    pub seq: u32,
    pub ack: u32,
    pub syn: bool,
    pub fin: bool,
    pub rst: bool,
    pub has_ack: bool,
    pub ece: bool,
    pub cwr: bool,
    /// Captured payload, and its length on the wire.
    pub payload: &'a [u8],
    pub payload_len: u32,
}

/// Something else, by its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Other {
    pub ethertype: u16,
    /// IP protocol.
    pub protocol: Option<u8>,
    /// The lower of the UDP ports.
    pub port: Option<u16>,
}

/// A dissected frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dissected<'a> {
    /// Default for link types without Ethernet addresses.
    pub ethernet: ethernet::Repr,
    pub body: Body<'a>,
}
