//! RoCEv2 (UDP) and RoCEv1 (GRH) packets, whole.

use super::bth::{self, BTH_LEN, Bth, Extensions};
use super::icrc::{self, Below};
use super::ip::{Kind, Network, protocol};
use super::{Result, WireError, ethernet, ip, take};
use smoltcp::wire::UdpPacket;

/// UDP destination port of RoCEv2.
pub const UDP_PORT: u16 = 4791;
/// Ethertype of RoCEv1.
pub const ETHERTYPE_V1: u16 = 0x8915;
/// Bytes of an Ethernet frame without FCS that is not padded.
pub const MIN_FRAME: usize = 60;

const UDP_LEN: usize = 8;

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

impl<'a> Packet<'a> {
    /// Reads UDP and what follows. `packet` starts with the network header, of `header_len` bytes,
    /// and ends with the IP payload or where the capture was cut.
    ///
    /// An error if a header is cut or the lengths contradict each other. Opcodes, versions and
    /// reserved fields are not judged; an opcode that does not exist has no extension headers.
    pub fn parse_v2(network: Network, packet: &'a [u8], header_len: usize) -> Result<Packet<'a>> {
        let udp = packet.get(header_len..).unwrap_or_default();
        let udp = take::<UDP_LEN>(udp, "UDP", "8 bytes").map_err(|e| e.shifted(header_len))?;
        let udp_len = u32::from(u16::from_be_bytes([udp[4], udp[5]]));
        let fragment = network.has_more_fragments();
        if udp_len < UDP_LEN as u32 || (udp_len > network.payload_len && !fragment) {
            return Err(WireError {
                layer: "UDP",
                field: "length",
                offset: header_len + 4,
                expected: "8 to what IP holds",
                found: u64::from(udp_len),
            });
        }
        let below = match network.kind {
            Kind::V4 { .. } => Below::V4,
            Kind::V6 { .. } | Kind::Grh { .. } => Below::V6,
        };
        let frame = Frame {
            below,
            packet,
            bth: header_len + UDP_LEN,
            wire_len: udp_len as usize - UDP_LEN,
            fragment,
        };
        frame.parse(network, Some(u16::from_be_bytes([udp[0], udp[1]])))
    }

    /// Reads what follows a global routing header; `packet` starts with it. Otherwise as
    /// [`Packet::parse_v2`].
    pub fn parse_v1(network: Network, packet: &'a [u8], header_len: usize) -> Result<Packet<'a>> {
        let wire_len = network.payload_len as usize;
        let frame = Frame {
            below: Below::Grh,
            packet,
            bth: header_len,
            wire_len,
            fragment: false,
        };
        frame.parse(network, None)
    }
}

/// A packet from its network header on, and where its BTH is.
struct Frame<'a> {
    below: Below,
    packet: &'a [u8],
    bth: usize,
    /// Bytes from the BTH to the end of the ICRC, as the headers say.
    wire_len: usize,
    fragment: bool,
}

impl<'a> Frame<'a> {
    fn parse(self, network: Network, sport: Option<u16>) -> Result<Packet<'a>> {
        let captured = self.packet.get(self.bth..).unwrap_or_default();
        let captured = captured.get(..self.wire_len).unwrap_or(captured);
        let (bth, _) = Bth::parse(captured).map_err(|e| e.shifted(self.bth))?;
        let (extensions, extensions_len) = Extensions::parse(bth.opcode, &captured[BTH_LEN..])
            .map_err(|e| e.shifted(self.bth + BTH_LEN))?;
        let start = BTH_LEN + extensions_len;
        let end = start + usize::from(bth.pad) + icrc::LEN;
        let Some(payload_len) = self.wire_len.checked_sub(end) else {
            return Err(WireError {
                layer: "BTH",
                field: "payload length",
                offset: self.bth,
                expected: "room for headers, padding and ICRC",
                found: self.wire_len as u64,
            });
        };
        let payload = captured.get(start..).unwrap_or_default();
        Ok(Packet {
            network,
            sport,
            bth,
            extensions,
            payload_len: payload_len as u32,
            payload: payload.get(..payload_len).unwrap_or(payload),
            icrc: self.icrc(),
        })
    }

    fn icrc(&self) -> Icrc {
        let end = self.bth + self.wire_len;
        if self.fragment {
            return Icrc::Unavailable;
        }
        let whole = self
            .packet
            .get(..end)
            .and_then(|whole| whole.split_last_chunk());
        let Some((covered, found)) = whole else {
            return Icrc::Unavailable;
        };
        let found = u32::from_be_bytes(*found);
        match icrc::compute(self.below, covered, self.bth) {
            Some(computed) if computed == found => Icrc::Valid,
            Some(computed) => Icrc::Invalid { found, computed },
            None => Icrc::Unavailable,
        }
    }
}

/// A frame to be written: Ethernet, the network header, UDP (RoCEv2) and the InfiniBand transport.
///
/// What follows from something else is not asked for: ethertype, IP protocol, lengths, padding and
/// checksums are computed, whatever the fields say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Repr {
    pub ethernet: ethernet::Repr,
    pub network: Network,
    /// UDP source port; None counts as 0. RoCEv1 has none.
    pub sport: Option<u16>,
    pub bth: Bth,
    pub extensions: Extensions,
    /// Bytes, without padding. At most what IP can carry (64 KiB less the headers).
    pub payload_len: u32,
    /// Write an ICRC that is wrong.
    pub spoil_icrc: bool,
}

impl Repr {
    fn udp_len(&self) -> usize {
        if matches!(self.network.kind, Kind::Grh { .. }) {
            0
        } else {
            UDP_LEN
        }
    }

    /// From the BTH to the end of the ICRC.
    fn transport_len(&self) -> usize {
        let payload = self.payload_len as usize + usize::from(bth::pad(self.payload_len));
        BTH_LEN + Extensions::len(self.bth.opcode) + payload + icrc::LEN
    }

    /// Bytes of the frame without FCS, at least 60.
    pub fn buffer_len(&self) -> usize {
        let headers = self.ethernet.header_len() + self.network.buffer_len() + self.udp_len();
        (headers + self.transport_len()).max(MIN_FRAME)
    }

    /// Replaces what `buffer` holds by the frame, without FCS; `fill` writes the payload into
    /// `payload_len` zeros. A buffer that is used again is not allocated again.
    pub fn emit(&self, buffer: &mut Vec<u8>, fill: impl FnOnce(&mut [u8])) {
        buffer.clear();
        buffer.resize(self.buffer_len(), 0);
        let mut ethernet = self.ethernet;
        ethernet.ethertype = match self.network.kind {
            Kind::V4 { .. } => 0x0800,
            Kind::V6 { .. } => 0x86dd,
            Kind::Grh { .. } => ETHERTYPE_V1,
        };
        ethernet.emit(buffer);
        let end = ethernet.header_len()
            + self.network.buffer_len()
            + self.udp_len()
            + self.transport_len();
        let packet = &mut buffer[ethernet.header_len()..end];
        self.emit_network(packet);
        self.emit_transport(
            &mut packet[self.network.buffer_len() + self.udp_len()..],
            fill,
        );
        self.emit_checksums(packet);
    }

    fn emit_network(&self, packet: &mut [u8]) {
        let mut network = self.network;
        network.payload_len = (self.udp_len() + self.transport_len()) as u32;
        network.protocol = if self.udp_len() == 0 {
            protocol::IBA
        } else {
            protocol::UDP
        };
        network.emit(packet);
        if self.udp_len() != 0 {
            let mut udp = UdpPacket::new_unchecked(&mut packet[network.buffer_len()..]);
            udp.set_src_port(self.sport.unwrap_or(0));
            udp.set_dst_port(UDP_PORT);
            udp.set_len(network.payload_len as u16);
        }
    }

    fn emit_transport(&self, transport: &mut [u8], fill: impl FnOnce(&mut [u8])) {
        let bth = Bth {
            pad: bth::pad(self.payload_len),
            ..self.bth
        };
        bth.emit(transport);
        let at = BTH_LEN + self.extensions.emit(bth.opcode, &mut transport[BTH_LEN..]);
        fill(&mut transport[at..at + self.payload_len as usize]);
    }

    /// ICRC first: the UDP checksum covers it, and it does not depend on that.
    fn emit_checksums(&self, packet: &mut [u8]) {
        let below = match self.network.kind {
            Kind::V4 { .. } => Below::V4,
            Kind::V6 { .. } => Below::V6,
            Kind::Grh { .. } => Below::Grh,
        };
        let transport = self.network.buffer_len();
        if let Some((covered, icrc)) = packet.split_last_chunk_mut() {
            let computed = icrc::compute(below, covered, transport + self.udp_len());
            let spoil = if self.spoil_icrc { u32::MAX } else { 0 };
            *icrc = (computed.unwrap_or(0) ^ spoil).to_be_bytes();
        }
        if self.udp_len() != 0 {
            let mut udp = UdpPacket::new_unchecked(&mut packet[transport..]);
            let Network { src, dst, .. } = self.network;
            if below == Below::V4 {
                udp.fill_checksum(&ip::v4(src).into(), &ip::v4(dst).into());
            } else {
                udp.fill_checksum(&ip::v6(src).into(), &ip::v6(dst).into());
            }
        }
    }
}
