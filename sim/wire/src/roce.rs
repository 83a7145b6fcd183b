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
/// Layer that errors of lengths name, where UDP carries RoCE.
const UDP_LAYER: &str = "UDP of RoCEv2";

/// Whether an error is about a RoCE packet, rather than about something else or what lies below.
pub fn is_layer(layer: &str) -> bool {
    [UDP_LAYER, "GRH", "BTH", "extension header"].contains(&layer)
}

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
    #[inline(always)]
    pub fn parse_v2(network: Network, packet: &'a [u8], header_len: usize) -> Result<Packet<'a>> {
        let udp = packet.get(header_len..).unwrap_or_default();
        let udp = take::<UDP_LEN>(udp, UDP_LAYER, "8 bytes").map_err(|e| e.shifted(header_len))?;
        let udp_len = u32::from(u16::from_be_bytes([udp[4], udp[5]]));
        let fragment = network.has_more_fragments();
        if udp_len < UDP_LEN as u32 || (udp_len > network.payload_len && !fragment) {
            return Err(WireError {
                layer: UDP_LAYER,
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
    #[inline]
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
    #[inline(always)]
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
            // Both versions have their addresses last.
            let addresses = if below == Below::V4 { 12 } else { 8 };
            let udp_len = packet.len() - transport;
            let sums = u64::from(ip::sum(&packet[addresses..]))
                + u64::from(protocol::UDP)
                + udp_len as u64;
            let mut udp = UdpPacket::new_unchecked(&mut packet[transport..]);
            // Zero would say that there is none.
            udp.set_checksum(match !ip::fold(sums) {
                0 => 0xffff,
                checksum => checksum,
            });
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::Mac;
    use super::super::bth::{Aeth, AtomicEth, Deth, Opcode, Reth};
    use super::super::dissect::{Body, Dissected, Link, dissect};
    use super::super::ethernet::VlanTag;
    use super::super::icrc::hex;
    use super::super::ip::Ecn;
    use super::*;
    use proptest::prelude::*;

    // scapy 2.8.0, with the `u`, `b` and `p` of the ICRC's vectors:
    //   Ether(dst='02:00:00:00:00:02', src='02:00:00:00:00:01')/Dot1Q(prio=3, vlan=100)/
    //       IP(src='10.0.0.1', dst='10.0.0.2', tos=0x6a, ttl=63, id=0x1234, flags='DF')/u/b/p
    const V4: &str = "0200000000020200000000018100606408004\
        56a0044123440003f1115090a0000010a000002c00012b7003096440a60ffff0012345680fffffe00001122\
        334455660000abcd0000000668656c6c6f21000076c0c274";

    /// The frame of [`V4`].
    pub(crate) fn write_only() -> Repr {
        let tag = VlanTag {
            tpid: 0x8100,
            pcp: 3,
            dei: false,
            vid: 100,
        };
        Repr {
            ethernet: ethernet::Repr {
                dst: Mac([2, 0, 0, 0, 0, 2]),
                src: Mac([2, 0, 0, 0, 0, 1]),
                outer: Some(tag),
                inner: None,
                ethertype: 0,
            },
            network: Network {
                kind: Kind::whole_v4(0x1234),
                src: [10, 0, 0, 1].into(),
                dst: [10, 0, 0, 2].into(),
                dscp: 26,
                ecn: Ecn::Ect0,
                ttl: 63,
                protocol: 0,
                payload_len: 0,
            },
            sport: Some(49152),
            bth: Bth {
                opcode: Opcode::RC_WRITE_ONLY,
                migreq: true,
                pkey: 0xffff,
                dest_qp: 0x12_3456,
                ack_request: true,
                psn: 0xff_fffe,
                ..Bth::default()
            },
            extensions: Extensions {
                reth: Some(Reth {
                    va: 0x1122_3344_5566,
                    rkey: 0xabcd,
                    len: 6,
                }),
                ..Extensions::default()
            },
            payload_len: 6,
            spoil_icrc: false,
        }
    }

    pub(crate) fn emitted(repr: &Repr) -> Vec<u8> {
        let mut frame = vec![0xee; 7];
        repr.emit(&mut frame, |payload| {
            for (at, byte) in payload.iter_mut().enumerate() {
                *byte = b"hello!"[at % 6];
            }
        });
        frame
    }

    fn whole(frame: &[u8]) -> Dissected<'_> {
        dissect(Link::Ethernet, frame, frame.len() as u32)
    }

    #[test]
    fn writes_what_scapy_writes() {
        assert_eq!(emitted(&write_only()), hex(V4));
    }

    #[test]
    fn a_spoilt_icrc_is_found() {
        let spoilt = Repr {
            spoil_icrc: true,
            ..write_only()
        };
        let frame = emitted(&spoilt);
        let Body::Roce(packet) = whole(&frame).body else {
            panic!("not RoCE")
        };
        let want = Icrc::Invalid {
            found: 0x893f_3d8b,
            computed: 0x76c0_c274,
        };
        assert_eq!(packet.icrc, want);
    }

    #[test]
    fn lengths_that_contradict_each_other() {
        let frame = emitted(&write_only());
        let field = |at: usize, value: u8| {
            let mut frame = frame.clone();
            frame[at] = value;
            match whole(&frame).body {
                Body::Malformed(error) => (error.layer, error.field, error.offset),
                other => panic!("{other:?}"),
            }
        };
        // UDP's length, beyond IP's and below its header's; too short for the headers behind it.
        assert_eq!(field(43, 49), (UDP_LAYER, "length", 42));
        assert_eq!(field(43, 7), (UDP_LAYER, "length", 42));
        assert_eq!(field(43, 8 + 12 + 16 + 5), ("BTH", "payload length", 46));
        assert_eq!(field(43, 8 + 12 + 15), ("extension header", "length", 73));
        assert_eq!(field(43, 8 + 11), ("BTH", "length", 57));
    }

    #[test]
    fn the_first_fragment_has_headers_and_no_icrc() {
        let mut repr = write_only();
        if let Kind::V4 { more_fragments, .. } = &mut repr.network.kind {
            *more_fragments = true;
        }
        let mut frame = emitted(&repr);
        frame[43] = 200;
        let Body::Roce(packet) = whole(&frame).body else {
            panic!("not RoCE")
        };
        assert_eq!(
            (packet.icrc, packet.bth.psn),
            (Icrc::Unavailable, 0xff_fffe)
        );
    }

    #[test]
    fn acknowledgements_are_padded_to_the_least_frame() {
        let mut repr = write_only();
        repr.ethernet.outer = None;
        repr.bth.opcode = Opcode::RC_ACKNOWLEDGE;
        repr.payload_len = 0;
        repr.extensions = Extensions {
            aeth: Some(Aeth {
                syndrome: 31,
                msn: 9,
            }),
            ..Default::default()
        };
        let frame = emitted(&repr);
        assert_eq!((repr.buffer_len(), frame.len()), (62, 62));
        repr.bth.opcode = Opcode(0x1f);
        assert_eq!(emitted(&repr).len(), MIN_FRAME);
        let mut with_fcs = frame.clone();
        with_fcs.extend_from_slice(&[1, 2, 3, 4]);
        let Body::Roce(packet) = whole(&with_fcs).body else {
            panic!("not RoCE")
        };
        assert_eq!((packet.icrc, packet.payload_len), (Icrc::Valid, 0));
        assert_eq!(packet.extensions, repr.extensions);
    }

    prop_compose! {
        fn extensions()(
            numbers: [u32; 4], va: u64, swap_or_add: u64, compare: u64, syndrome: u8,
        ) -> Extensions {
            let [a, b, c, rkey] = numbers;
            let len = a.wrapping_mul(b);
            Extensions {
                rdeth: Some(a & 0xff_ffff),
                deth: Some(Deth { qkey: b, src_qp: c & 0xff_ffff }),
                xrceth: Some(b & 0xff_ffff),
                feth: Some(c),
                reth: Some(Reth { va, rkey, len }),
                atomic: Some(AtomicEth { va, rkey, swap_or_add, compare }),
                aeth: Some(Aeth { syndrome, msn: c & 0xff_ffff }),
                atomic_ack: Some(compare),
                immediate: Some(a),
                invalidate: Some(b),
            }
        }
    }

    /// Only those that the opcode calls for.
    fn called_for(opcode: Opcode, all: &Extensions) -> Extensions {
        let mut bytes = [0; bth::MAX_EXTENSIONS];
        all.emit(opcode, &mut bytes);
        Extensions::parse(opcode, &bytes).unwrap().0
    }

    prop_compose! {
        pub(crate) fn any_repr()(
            base in Just(write_only()), opcode in 0..=255u8, kind in 0..3, tagged: bool,
            flow_label in 0..0x10_0000u32, sport: u16, payload_len in 0..300u32,
            bits: u8, bth_bytes: [u8; BTH_LEN], all in extensions(), spoil_icrc: bool,
        ) -> Repr {
            let mut repr = Repr { payload_len, spoil_icrc, ..base };
            repr.bth = Bth::parse(&bth_bytes).unwrap().0;
            repr.bth.opcode = Opcode(opcode);
            repr.bth.pad = bth::pad(payload_len);
            repr.extensions = called_for(repr.bth.opcode, &all);
            repr.sport = (kind != 2).then_some(sport);
            repr.network.dscp = bits & 0x3f;
            repr.network.ecn = Ecn::from_bits(bits >> 6);
            if !tagged {
                repr.ethernet.outer = None;
            }
            if kind != 0 {
                repr.network.src = [0xfd00, 0, 0, 0, 0, 0, 0, 1].into();
                repr.network.dst = [0xfd00, 0, 0, 0, 0, 0, 0, 2].into();
            }
            match kind {
                0 => {}
                1 => repr.network.kind = Kind::V6 { flow_label },
                _ => repr.network.kind = Kind::Grh { flow_label },
            }
            repr
        }
    }

    proptest! {
        #[test]
        fn emitted_frames_dissect_to_themselves(repr in any_repr()) {
            let frame = emitted(&repr);
            prop_assert_eq!(frame.len(), repr.buffer_len());
            let Dissected { ethernet, body: Body::Roce(packet) } = whole(&frame) else {
                return Err(TestCaseError::fail("not RoCE"));
            };
            prop_assert_eq!(packet.icrc == Icrc::Valid, !repr.spoil_icrc);
            let Network { protocol, payload_len, .. } = packet.network;
            let again = Repr {
                ethernet: ethernet::Repr { ethertype: 0, ..ethernet },
                network: packet.network,
                sport: packet.sport,
                bth: packet.bth,
                extensions: packet.extensions,
                payload_len: packet.payload_len,
                spoil_icrc: repr.spoil_icrc,
            };
            let network = Network { protocol, payload_len, ..repr.network };
            prop_assert_eq!(again, Repr { network, ..repr });
            prop_assert_eq!(emitted(&again), frame.clone());
            prop_assert_eq!(packet.payload.len(), repr.payload_len as usize);
        }

        #[test]
        fn cut_frames_keep_what_is_there(repr in any_repr()) {
            let frame = emitted(&repr);
            let Body::Roce(all) = whole(&frame).body else {
                return Err(TestCaseError::fail("not RoCE"));
            };
            let mut headers_seen = false;
            for len in 0..frame.len() {
                match dissect(Link::Ethernet, &frame[..len], frame.len() as u32).body {
                    Body::Roce(cut) => {
                        headers_seen = true;
                        let icrc = if cut.icrc == Icrc::Unavailable { cut.icrc } else { all.icrc };
                        prop_assert!(all.payload.starts_with(cut.payload));
                        prop_assert_eq!(cut, Packet { payload: cut.payload, icrc, ..all });
                    }
                    Body::Malformed(error) => {
                        prop_assert!(!headers_seen);
                        prop_assert_eq!(error.field, "length");
                    }
                    other => return Err(TestCaseError::fail(format!("{other:?}"))),
                }
            }
        }
    }
}
