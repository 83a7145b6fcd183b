//! The network layer of a frame: IPv4, IPv6 or a global routing header, with DSCP and ECN.

use std::net::IpAddr;

/// ECN codepoint (RFC 3168).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Ecn {
    #[default]
    NotEct = 0,
    Ect1 = 1,
    Ect0 = 2,
    Ce = 3,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    V4 {
        identification: u16,
        dont_fragment: bool,
        more_fragments: bool,
        /// In units of eight bytes.
        fragment_offset: u16,
        checksum_ok: bool,
        /// Header bytes, with options.
        header_len: u8,
    },
    V6 {
        flow_label: u32,
    },
    /// RoCEv1: an IPv6 header by another name, without IP.
    Grh {
        flow_label: u32,
    },
}

/// What the layers above need to know of the network header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    pub kind: Kind,
    pub src: IpAddr,
    pub dst: IpAddr,
    pub dscp: u8,
    pub ecn: Ecn,
    pub ttl: u8,
    /// Next header.
    pub protocol: u8,
    /// Bytes after the network header, as it says.
    pub payload_len: u32,
}
