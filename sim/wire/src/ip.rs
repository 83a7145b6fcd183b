//! The network layer of a frame: IPv4, IPv6 or a global routing header, with DSCP and ECN.

use super::{Result, WireError, take};
use smoltcp::wire::{IpProtocol, Ipv4Packet, Ipv6Packet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IP protocol numbers (IANA).
pub mod protocol {
    pub const HOP_BY_HOP: u8 = 0;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    /// What a GRH says is next: InfiniBand transport.
    pub const IBA: u8 = 27;
    pub const ROUTING: u8 = 43;
    pub const FRAGMENT: u8 = 44;
    pub const NO_NEXT: u8 = 59;
    pub const DESTINATION: u8 = 60;
}

/// Bytes of an IPv4 header without options.
pub const V4_LEN: usize = 20;
/// Bytes of an IPv6 header without extension headers, and of a GRH.
pub const V6_LEN: usize = 40;

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

impl Kind {
    /// IPv4 without options, in one piece.
    pub const fn whole_v4(identification: u16) -> Kind {
        Kind::V4 {
            identification,
            dont_fragment: true,
            more_fragments: false,
            fragment_offset: 0,
            checksum_ok: true,
            header_len: 20,
        }
    }
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

impl Ecn {
    /// From the two low bits of a type of service or traffic class.
    pub const fn from_bits(bits: u8) -> Ecn {
        match bits & 3 {
            0 => Ecn::NotEct,
            1 => Ecn::Ect1,
            2 => Ecn::Ect0,
            _ => Ecn::Ce,
        }
    }
}

impl Network {
    /// Reads an IPv4 header (RFC 791). `wire_len` is what the wire had from the header's first byte
    /// on, padding included, even if the capture has less.
    ///
    /// Returns the header's length with options. An error if the header is cut, is not of version
    /// 4, or its lengths contradict each other or `wire_len`.
    #[inline(always)]
    pub fn parse_v4(data: &[u8], wire_len: u32) -> Result<(Network, usize)> {
        const LAYER: &str = "IPv4";
        let fixed = take::<V4_LEN>(data, LAYER, "20 bytes")?;
        let packet = Ipv4Packet::new_unchecked(&fixed);
        check_version(LAYER, packet.version(), 4, "4")?;
        let header_len = usize::from(packet.header_len());
        if header_len < V4_LEN {
            return Err(bad(LAYER, "header length", 0, "20 or more", header_len));
        }
        let Some(header) = data.get(..header_len) else {
            return Err(bad(LAYER, "length", data.len(), "the options", data.len()));
        };
        let total = match packet.total_len() {
            // Segmentation offload: too long for the field.
            0 => wire_len,
            total => u32::from(total),
        };
        if total > wire_len {
            let expected = "no more than the frame holds";
            return Err(bad(LAYER, "total length", 2, expected, total as usize));
        }
        let Some(payload_len) = total.checked_sub(header_len as u32) else {
            return Err(bad(
                LAYER,
                "total length",
                2,
                "the header's or more",
                total as usize,
            ));
        };
        let kind = Kind::V4 {
            identification: packet.ident(),
            dont_fragment: packet.dont_frag(),
            more_fragments: packet.more_frags(),
            fragment_offset: packet.frag_offset() >> 3,
            checksum_ok: sum(header) == 0xffff,
            header_len: header_len as u8,
        };
        let network = Network {
            kind,
            src: packet.src_addr().into(),
            dst: packet.dst_addr().into(),
            dscp: packet.dscp(),
            ecn: Ecn::from_bits(packet.ecn()),
            ttl: packet.hop_limit(),
            protocol: packet.next_header().into(),
            payload_len,
        };
        Ok((network, header_len))
    }

    /// Reads an IPv6 header (RFC 8200) and skips hop-by-hop, routing and destination options and
    /// the fragment header of a packet that is whole. `protocol` is what follows;
    /// [`protocol::FRAGMENT`] if the packet is a fragment. `wire_len` as in [`Network::parse_v4`].
    ///
    /// Returns the length with extension headers. An error if a header is cut, the version is not
    /// 6, or the lengths contradict each other or `wire_len`.
    #[inline]
    pub fn parse_v6(data: &[u8], wire_len: u32) -> Result<(Network, usize)> {
        let mut network = fixed_v6("IPv6", data, wire_len)?;
        let extensions = skip_extensions(data, &mut network)?;
        Ok((network, V6_LEN + extensions))
    }

    /// Reads the global routing header of RoCEv1 (IBTA 8.3), laid out as an IPv6 header.
    ///
    /// Errors as in [`Network::parse_v6`].
    #[inline]
    pub fn parse_grh(data: &[u8], wire_len: u32) -> Result<(Network, usize)> {
        let mut network = fixed_v6("GRH", data, wire_len)?;
        if let Kind::V6 { flow_label } = network.kind {
            network.kind = Kind::Grh { flow_label };
        }
        Ok((network, V6_LEN))
    }

    /// Bytes that [`Network::emit`] writes: no options, no extension headers.
    pub const fn buffer_len(&self) -> usize {
        match self.kind {
            Kind::V4 { .. } => V4_LEN,
            Kind::V6 { .. } | Kind::Grh { .. } => V6_LEN,
        }
    }

    /// Writes the header, with a valid checksum whatever `checksum_ok` says. A `payload_len` beyond
    /// the length field becomes 0. An IPv4 address in an IPv6 header or GRH is written as mapped
    /// address (as RoCE GIDs have it), an IPv6 address in an IPv4 header as 0.0.0.0.
    pub fn emit(&self, buffer: &mut [u8]) {
        match self.kind {
            Kind::V4 {
                identification,
                dont_fragment,
                more_fragments,
                fragment_offset,
                ..
            } => {
                let header = &mut buffer[..V4_LEN];
                header.fill(0);
                let mut packet = Ipv4Packet::new_unchecked(header);
                packet.set_version(4);
                packet.set_header_len(V4_LEN as u8);
                packet.set_dscp(self.dscp);
                packet.set_ecn(self.ecn as u8);
                let total = self.payload_len.saturating_add(V4_LEN as u32);
                packet.set_total_len(u16::try_from(total).unwrap_or(0));
                packet.set_ident(identification);
                packet.set_dont_frag(dont_fragment);
                packet.set_more_frags(more_fragments);
                packet.set_frag_offset(fragment_offset << 3);
                packet.set_hop_limit(self.ttl);
                packet.set_next_header(IpProtocol::from(self.protocol));
                packet.set_src_addr(v4(self.src));
                packet.set_dst_addr(v4(self.dst));
                packet.fill_checksum();
            }
            Kind::V6 { flow_label } | Kind::Grh { flow_label } => {
                let header = &mut buffer[..V6_LEN];
                header.fill(0);
                let mut packet = Ipv6Packet::new_unchecked(header);
                packet.set_version(6);
                packet.set_traffic_class(self.dscp << 2 | self.ecn as u8);
                packet.set_flow_label(flow_label);
                packet.set_payload_len(u16::try_from(self.payload_len).unwrap_or(0));
                packet.set_next_header(IpProtocol::from(self.protocol));
                packet.set_hop_limit(self.ttl);
                packet.set_src_addr(v6(self.src));
                packet.set_dst_addr(v6(self.dst));
            }
        }
    }

    /// Whether the packet is an IPv4 fragment other than the first: no transport header in it.
    pub const fn is_later_fragment(&self) -> bool {
        matches!(
            self.kind,
            Kind::V4 {
                fragment_offset: 1..,
                ..
            }
        )
    }

    /// Whether more fragments follow.
    pub const fn has_more_fragments(&self) -> bool {
        matches!(
            self.kind,
            Kind::V4 {
                more_fragments: true,
                ..
            }
        )
    }
}

fn v4(address: IpAddr) -> Ipv4Addr {
    match address {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    }
}

fn v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn bad(
    layer: &'static str,
    field: &'static str,
    offset: usize,
    expected: &'static str,
    found: usize,
) -> WireError {
    WireError {
        layer,
        field,
        offset,
        expected,
        found: found as u64,
    }
}

fn check_version(layer: &'static str, found: u8, want: u8, expected: &'static str) -> Result<()> {
    if found == want {
        return Ok(());
    }
    Err(bad(layer, "version", 0, expected, usize::from(found)))
}

/// The sum of RFC 1071, not complemented; all ones over data that includes its checksum, if that is
/// right. By words of four bytes and without checks for overflow: it runs over whole payloads.
pub(super) fn sum(data: &[u8]) -> u16 {
    let (words, rest) = data.as_chunks::<4>();
    let mut last = [0; 4];
    // A copy of nothing is a call all the same.
    if !rest.is_empty() {
        last[..rest.len()].copy_from_slice(rest);
    }
    let native = |word: &[u8; 4]| u64::from(u32::from_ne_bytes(*word));
    let sum = words
        .iter()
        .fold(native(&last), |sum, word| sum.wrapping_add(native(word)));
    // The carries come out the same in either order of bytes.
    u16::from_be_bytes(fold(sum).to_ne_bytes())
}

/// Adds the carries of a sum of 16-bit words back in.
pub(super) fn fold(sum: u64) -> u16 {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

fn fixed_v6(layer: &'static str, data: &[u8], wire_len: u32) -> Result<Network> {
    let fixed = take::<V6_LEN>(data, layer, "40 bytes")?;
    let packet = Ipv6Packet::new_unchecked(&fixed);
    check_version(layer, packet.version(), 6, "6")?;
    let held = wire_len.saturating_sub(V6_LEN as u32);
    let protocol = u8::from(packet.next_header());
    let payload_len = match packet.payload_len() {
        // A jumbogram or segmentation offload: too long for the field.
        0 if protocol == protocol::HOP_BY_HOP || protocol == protocol::TCP => held,
        len => u32::from(len),
    };
    if payload_len > held {
        let expected = "no more than the frame holds";
        return Err(bad(
            layer,
            "payload length",
            4,
            expected,
            payload_len as usize,
        ));
    }
    let class = packet.traffic_class();
    Ok(Network {
        kind: Kind::V6 {
            flow_label: packet.flow_label(),
        },
        src: packet.src_addr().into(),
        dst: packet.dst_addr().into(),
        dscp: class >> 2,
        ecn: Ecn::from_bits(class),
        ttl: packet.hop_limit(),
        protocol,
        payload_len,
    })
}

/// Steps over extension headers: sets what follows and its length, and returns the bytes skipped.
fn skip_extensions(data: &[u8], network: &mut Network) -> Result<usize> {
    const LAYER: &str = "IPv6 extension header";
    let mut skipped = 0;
    loop {
        let fragment = match network.protocol {
            protocol::HOP_BY_HOP | protocol::ROUTING | protocol::DESTINATION => false,
            protocol::FRAGMENT => true,
            _ => return Ok(skipped),
        };
        let at = V6_LEN + skipped;
        let head = take::<8>(data.get(at..).unwrap_or_default(), LAYER, "8 bytes or more");
        let head = head.map_err(|error| error.shifted(at))?;
        if fragment && u16::from_be_bytes([head[2], head[3]]) & 0xfff9 != 0 {
            return Ok(skipped);
        }
        let len = if fragment {
            8
        } else {
            8 * (usize::from(head[1]) + 1)
        };
        let Some(rest) = network.payload_len.checked_sub(len as u32) else {
            return Err(bad(
                LAYER,
                "header length",
                at + 1,
                "no more than the payload",
                len,
            ));
        };
        if data.len() < at + len {
            return Err(bad(
                LAYER,
                "length",
                data.len(),
                "the whole header",
                data.len() - at,
            ));
        }
        network.protocol = head[0];
        network.payload_len = rest;
        skipped += len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const V4: [u8; 20] = [
        0x45, 0x6a, 0x00, 0x1c, 0x12, 0x34, 0x40, 0x00, 0x3f, 0x11, 0x15, 0x31, 10, 0, 0, 1, 10, 0,
        0, 2,
    ];

    fn v6_packet(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let network = Network {
            kind: Kind::V6 {
                flow_label: 0xabcde,
            },
            src: Ipv6Addr::LOCALHOST.into(),
            dst: Ipv6Addr::LOCALHOST.into(),
            dscp: 26,
            ecn: Ecn::Ce,
            ttl: 64,
            protocol,
            payload_len: payload.len() as u32,
        };
        let mut packet = vec![0; V6_LEN];
        network.emit(&mut packet);
        packet.extend_from_slice(payload);
        packet
    }

    #[test]
    fn reads_an_ipv4_header() {
        let (network, len) = Network::parse_v4(&V4, 28).unwrap();
        assert_eq!(len, 20);
        assert_eq!(
            (network.dscp, network.ecn, network.ttl),
            (26, Ecn::Ect0, 63)
        );
        assert_eq!((network.protocol, network.payload_len), (17, 8));
        assert_eq!(network.src, IpAddr::from([10, 0, 0, 1]));
        let Kind::V4 {
            identification,
            dont_fragment,
            more_fragments,
            checksum_ok,
            ..
        } = network.kind
        else {
            panic!("not IPv4");
        };
        assert_eq!(
            (identification, dont_fragment, more_fragments),
            (0x1234, true, false)
        );
        assert!(checksum_ok);
        let mut wrong = V4;
        wrong[8] -= 1;
        let (network, _) = Network::parse_v4(&wrong, 28).unwrap();
        assert!(matches!(
            network.kind,
            Kind::V4 {
                checksum_ok: false,
                ..
            }
        ));
    }

    #[test]
    fn refuses_ipv4_lengths_that_cannot_be() {
        let field = |at: usize, value: u8, wire_len| {
            let mut bytes = V4;
            bytes[at] = value;
            Network::parse_v4(&bytes, wire_len).map_err(|error| error.field)
        };
        assert_eq!(field(0, 0x55, 28), Err("version"));
        assert_eq!(field(0, 0x44, 28), Err("header length"));
        assert_eq!(field(0, 0x46, 28), Err("length"));
        assert_eq!(field(3, 19, 28), Err("total length"));
        assert_eq!(field(3, 29, 28), Err("total length"));
        // Too long for the field.
        assert_eq!(field(3, 0, 70_000).unwrap().0.payload_len, 69_980);
        assert_eq!(
            Network::parse_v4(&V4[..19], 28).unwrap_err().field,
            "length"
        );
    }

    #[test]
    fn steps_over_ipv6_extension_headers() {
        // Hop-by-hop of 8 bytes, routing of 16, fragment header of a whole packet, then UDP.
        let mut payload = vec![0; 8 + 16 + 8 + 8];
        payload[0] = protocol::ROUTING;
        payload[8] = protocol::FRAGMENT;
        payload[9] = 1;
        payload[24] = protocol::UDP;
        let packet = v6_packet(protocol::HOP_BY_HOP, &payload);
        let (network, len) = Network::parse_v6(&packet, packet.len() as u32).unwrap();
        assert_eq!(
            (len, network.protocol, network.payload_len),
            (72, protocol::UDP, 8)
        );
        assert_eq!(
            network.kind,
            Kind::V6 {
                flow_label: 0xabcde
            }
        );
        for cut in V6_LEN..72 {
            let error = Network::parse_v6(&packet[..cut], packet.len() as u32).unwrap_err();
            assert_eq!((error.field, error.offset), ("length", cut));
        }
    }

    #[test]
    fn stops_at_an_ipv6_fragment() {
        let mut payload = [0; 16];
        payload[..4].copy_from_slice(&[protocol::UDP, 0, 0, 1]);
        let packet = v6_packet(protocol::FRAGMENT, &payload);
        let (network, len) = Network::parse_v6(&packet, packet.len() as u32).unwrap();
        assert_eq!((len, network.protocol), (40, protocol::FRAGMENT));
    }

    #[test]
    fn refuses_an_extension_header_beyond_the_packet() {
        let packet = v6_packet(protocol::DESTINATION, &[protocol::UDP, 1, 0, 0, 0, 0, 0, 0]);
        let error = Network::parse_v6(&packet, packet.len() as u32).unwrap_err();
        assert_eq!((error.field, error.offset), ("header length", 41));
    }

    #[test]
    fn addresses_of_the_other_family() {
        let network = Network::parse_v4(&V4, 28).unwrap().0;
        let grh = Network {
            kind: Kind::Grh { flow_label: 1 },
            ..network
        };
        let mut bytes = [0; V6_LEN];
        grh.emit(&mut bytes);
        let (parsed, _) = Network::parse_grh(&bytes, 48).unwrap();
        assert_eq!(parsed.kind, grh.kind);
        assert_eq!(parsed.src.to_canonical(), network.src);
    }

    proptest! {
        #[test]
        fn ipv4_round_trips(
            id: u16, df: bool, mf: bool, offset in 0..0x2000u16, bits in 0..4u8, dscp in 0..64u8,
            ttl: u8, protocol: u8, payload_len in 0..65_515u32, src: [u8; 4], dst: [u8; 4],
        ) {
            let kind = Kind::V4 {
                identification: id,
                dont_fragment: df,
                more_fragments: mf,
                fragment_offset: offset,
                checksum_ok: true,
                header_len: 20,
            };
            let (ecn, src, dst) = (Ecn::from_bits(bits), src.into(), dst.into());
            let network = Network { kind, src, dst, dscp, ecn, ttl, protocol, payload_len };
            let mut bytes = [0; V4_LEN];
            network.emit(&mut bytes);
            prop_assert_eq!(Network::parse_v4(&bytes, u32::MAX), Ok((network, V4_LEN)));
        }

        #[test]
        fn ipv6_round_trips(
            flow_label in 0..0x10_0000u32, bits in 0..4u8, dscp in 0..64u8, ttl: u8,
            payload_len in 1..65_536u32, src: [u8; 16], dst: [u8; 16],
        ) {
            let (ecn, src, dst) = (Ecn::from_bits(bits), src.into(), dst.into());
            let (kind, protocol) = (Kind::V6 { flow_label }, protocol::UDP);
            let network = Network { kind, src, dst, dscp, ecn, ttl, protocol, payload_len };
            let mut bytes = [0; V6_LEN];
            network.emit(&mut bytes);
            prop_assert_eq!(Network::parse_v6(&bytes, u32::MAX), Ok((network, V6_LEN)));
            prop_assert!(Network::parse_v6(&bytes, payload_len + 39).is_err());
        }

        #[test]
        fn never_panics(data in proptest::collection::vec(any::<u8>(), 0..128), wire_len: u32) {
            let _ = Network::parse_v4(&data, wire_len);
            let _ = Network::parse_v6(&data, wire_len);
            let _ = Network::parse_grh(&data, wire_len);
        }
    }
}
