//! How many bytes a packet is on the wire.

use crate::Op;

/// How payload becomes bytes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Real RoCEv2: preamble 8, Ethernet 14 (+4 tagged), IPv4 20 or IPv6 40, UDP 8, BTH 12 and
    /// extension headers, ICRC 4, FCS 4, gap 12, 64-byte minimum.
    RoceV2 { vlan: bool, ipv6: bool },
    /// Every data packet is payload + `data_overhead` bytes and every control packet
    /// `control_bytes`, with nothing else on the wire. `pad_last`: the last packet of a message is
    /// full size whatever it carries.
    Fixed {
        data_overhead: u32,
        control_bytes: u32,
        pad_last: bool,
    },
}

/// Bytes of headers (IBTA, IEEE 802.3) as xoff counts them.
pub mod header {
    use xoff_wire::{bth, ethernet};

    pub const ETHERNET: u32 = ethernet::UNTAGGED_LEN as u32;
    pub const VLAN: u32 = ethernet::TAG_LEN as u32;
    pub const IPV4: u32 = 20;
    pub const IPV6: u32 = 40;
    pub const UDP: u32 = 8;
    pub const BTH: u32 = bth::BTH_LEN as u32;
    pub const RETH: u32 = 16;
    pub const AETH: u32 = 4;
    pub const ATOMIC_ETH: u32 = 28;
    pub const ATOMIC_ACK_ETH: u32 = 8;
    pub const DETH: u32 = 8;
    pub const CNP_RESERVED: u32 = bth::CNP_PAYLOAD as u32;
    pub const ICRC: u32 = 4;
    pub const FCS: u32 = ethernet::FCS as u32;
    /// Least frame with its FCS.
    pub const FRAME_MIN: u32 = ethernet::MIN_LEN as u32 + FCS;
    /// Around each frame: preamble and gap.
    pub const PREAMBLE_AND_GAP: u32 = (ethernet::PREAMBLE + ethernet::GAP) as u32;
}

impl Framing {
    /// Frame bytes up to and including BTH, with ICRC and FCS.
    #[inline]
    pub(crate) fn base(self) -> u32 {
        match self {
            Framing::RoceV2 { vlan, ipv6 } => {
                header::ETHERNET
                    + if vlan { header::VLAN } else { 0 }
                    + if ipv6 { header::IPV6 } else { header::IPV4 }
                    + header::UDP
                    + header::BTH
                    + header::ICRC
                    + header::FCS
            }
            Framing::Fixed { data_overhead, .. } => data_overhead,
        }
    }

    /// Frame bytes of a data packet. `extension`: bytes of extension headers.
    #[inline]
    pub fn data(self, payload: u16, extension: u32) -> u16 {
        let frame = match self {
            // The payload is padded to four bytes (BTH PadCnt).
            Framing::RoceV2 { .. } => {
                let padded = u32::from(payload).next_multiple_of(4);
                (self.base() + extension + padded).max(header::FRAME_MIN)
            }
            Framing::Fixed { data_overhead, .. } => data_overhead + u32::from(payload),
        };
        frame.min(u32::from(u16::MAX)) as u16
    }

    /// Frame bytes of the largest data packet for an MTU (first packet of a WRITE).
    #[inline]
    pub fn largest_frame(self, mtu: u32) -> u32 {
        let payload = mtu.min(u32::from(u16::MAX)) as u16;
        u32::from(self.data(payload, extension(Op::Write, false, true, false)))
    }

    /// The same with a VLAN tag on each frame, or without.
    #[must_use]
    pub fn tagged(self, vlan: bool) -> Framing {
        match self {
            Framing::RoceV2 { ipv6, .. } => Framing::RoceV2 { vlan, ipv6 },
            fixed @ Framing::Fixed { .. } => fixed,
        }
    }

    /// Whether frames have a VLAN tag.
    pub fn is_tagged(self) -> bool {
        matches!(self, Framing::RoceV2 { vlan: true, .. })
    }

    /// Bytes of a VLAN tag, where frames have headers at all.
    pub fn tag(self) -> u8 {
        match self {
            Framing::RoceV2 { .. } => header::VLAN as u8,
            Framing::Fixed { .. } => 0,
        }
    }

    /// Frame bytes of an IP packet. u32::MAX where frames have only sizes.
    pub fn of_ip(self, bytes: u32) -> u32 {
        match self {
            Framing::RoceV2 { vlan, .. } => {
                let tag = if vlan { header::VLAN } else { 0 };
                bytes.saturating_add(header::ETHERNET + tag + header::FCS)
            }
            Framing::Fixed { .. } => u32::MAX,
        }
    }

    /// Frame bytes that no packet is below.
    #[inline]
    pub fn smallest_frame(self) -> u32 {
        u32::from(self.control(0).min(self.data(1, 0))).max(1)
    }

    /// Frame bytes of a packet without payload.
    #[inline]
    pub fn control(self, extension: u32) -> u16 {
        match self {
            Framing::RoceV2 { .. } => (self.base() + extension).max(header::FRAME_MIN) as u16,
            Framing::Fixed { control_bytes, .. } => control_bytes.min(u32::from(u16::MAX)) as u16,
        }
    }

    /// Preamble and inter-packet gap.
    #[inline]
    pub fn gap(self) -> u32 {
        match self {
            Framing::RoceV2 { .. } => header::PREAMBLE_AND_GAP,
            Framing::Fixed { .. } => 0,
        }
    }
}

/// Extension header bytes of a data packet by its place in the message.
#[inline]
pub fn extension(op: Op, datagram: bool, first: bool, last: bool) -> u32 {
    let transport = if datagram { header::DETH } else { 0 };
    transport
        + match op {
            Op::Write if first => header::RETH,
            Op::Read if first || last => header::AETH,
            // The eight bytes that count as payload are operands in this header.
            Op::Atomic => header::ATOMIC_ETH - 8,
            _ => 0,
        }
}
