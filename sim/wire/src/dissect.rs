//! From a frame to what it carries.

use super::ip::{Network, protocol};
use super::{Mac, Result, WireError, ethernet, ip, mac_control, roce, take};
use smoltcp::wire::TcpPacket;
use std::borrow::Cow;

/// What the frames of a capture start with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    #[default]
    Ethernet,
    /// An IP header, of the version that it says.
    RawIp,
    /// Linux cooked capture, version 1 and 2.
    LinuxSll,
    LinuxSll2,
}

/// Ethertypes that are told apart.
pub mod ethertype {
    pub const IPV4: u16 = 0x0800;
    pub const IPV6: u16 = 0x86dd;
    pub const MAC_CONTROL: u16 = 0x8808;
    pub const LLDP: u16 = 0x88cc;
    pub const ROCE_V1: u16 = crate::roce::ETHERTYPE_V1;
}

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
    /// For link types without Ethernet addresses: what is known (type; source in cooked captures),
    /// the rest default.
    pub ethernet: ethernet::Repr,
    pub body: Body<'a>,
}

impl Default for Dissected<'_> {
    fn default() -> Self {
        Dissected {
            ethernet: ethernet::Repr::default(),
            body: Body::Lldp(&[]),
        }
    }
}

/// Whether a frame of `original_len` bytes was cut by the capture (snaplen): an error about its
/// length is then no fault of the frame.
pub fn is_cut(original_len: u32, captured: usize) -> bool {
    captured < original_len as usize
}

/// Says what `frame` holds, of `original_len` bytes on the wire.
///
/// RoCEv2 is told by the UDP destination port alone. A capture that cut the frame after its
/// transport headers costs the ICRC's verification; before that, the frame is malformed, and
/// [`is_cut`] tells why.
pub fn dissect<'a>(link: Link, frame: &'a [u8], original_len: u32) -> Dissected<'a> {
    let mut dissected = Dissected::default();
    dissect_into(link, frame, original_len, &mut dissected);
    dissected
}

/// The same, where the result is to stay: it is large.
#[inline]
pub fn dissect_into<'a>(link: Link, frame: &'a [u8], original_len: u32, to: &mut Dissected<'a>) {
    match link_header(link, frame, &mut to.ethernet) {
        Ok(header_len) => {
            let wire_len = original_len.max(u32::try_from(frame.len()).unwrap_or(u32::MAX));
            let wire_len = wire_len.saturating_sub(header_len as u32);
            let payload = frame.get(header_len..).unwrap_or_default();
            body(to.ethernet.ethertype, payload, wire_len, &mut to.body);
            if let Body::Malformed(error) = &mut to.body {
                error.offset += header_len;
            }
        }
        Err(error) => to.body = Body::Malformed(error),
    }
}

/// Reads addresses, tags and type, and returns the bytes before what follows.
#[inline]
fn link_header(link: Link, frame: &[u8], repr: &mut ethernet::Repr) -> Result<usize> {
    match link {
        Link::Ethernet => {
            let (parsed, len) = ethernet::Repr::parse(frame)?;
            *repr = parsed;
            Ok(len)
        }
        Link::RawIp => {
            let [first] = take::<1>(frame, "IP", "a version")?;
            repr.ethertype = match first >> 4 {
                4 => ethertype::IPV4,
                6 => ethertype::IPV6,
                version => {
                    return Err(WireError {
                        layer: "IP",
                        field: "version",
                        offset: 0,
                        expected: "4 or 6",
                        found: u64::from(version),
                    });
                }
            };
            Ok(0)
        }
        Link::LinuxSll => {
            let b = take::<16>(frame, "Linux cooked capture", "16 bytes")?;
            repr.ethertype = u16::from_be_bytes([b[14], b[15]]);
            repr.src = cooked([b[4], b[5]], [b[6], b[7], b[8], b[9], b[10], b[11]]);
            // libpcap puts tags that the adapter took off back in.
            repr.parse_tags(frame, b.len())
        }
        Link::LinuxSll2 => {
            let b = take::<20>(frame, "Linux cooked capture v2", "20 bytes")?;
            repr.ethertype = u16::from_be_bytes([b[0], b[1]]);
            repr.src = cooked([0, b[11]], [b[12], b[13], b[14], b[15], b[16], b[17]]);
            repr.parse_tags(frame, b.len())
        }
    }
}

/// The sender's address, if it has the length of a MAC address.
fn cooked(len: [u8; 2], address: [u8; 6]) -> Mac {
    if len == [0, 6] {
        Mac(address)
    } else {
        Mac::default()
    }
}

// Results are made where they stay rather than passed on by value or `?`: moving them costs more
// than reading the headers.
#[inline]
fn body<'a>(ethertype: u16, payload: &'a [u8], wire_len: u32, to: &mut Body<'a>) {
    match ethertype {
        ethertype::IPV4 => match Network::parse_v4(payload, wire_len) {
            Ok((network, header_len)) => internet(ethertype, network, payload, header_len, to),
            Err(error) => *to = Body::Malformed(error),
        },
        ethertype::IPV6 => match Network::parse_v6(payload, wire_len) {
            Ok((network, header_len)) => internet(ethertype, network, payload, header_len, to),
            Err(error) => *to = Body::Malformed(error),
        },
        _ => *to = other_body(ethertype, payload, wire_len),
    }
}

fn other_body(ethertype: u16, payload: &[u8], wire_len: u32) -> Body<'_> {
    match ethertype {
        ethertype::ROCE_V1 => match Network::parse_grh(payload, wire_len) {
            Ok((network, header_len)) => {
                match roce::Packet::parse_v1(network, payload, header_len) {
                    Ok(packet) => Body::Roce(packet),
                    Err(error) => Body::Malformed(error),
                }
            }
            Err(error) => Body::Malformed(error),
        },
        ethertype::MAC_CONTROL => match mac_control::Repr::parse(payload) {
            Ok((pause, _)) => Body::Pause(pause),
            Err(error) => Body::Malformed(error),
        },
        ethertype::LLDP => Body::Lldp(payload),
        _ => Body::Other(Other {
            ethertype,
            protocol: None,
            port: None,
        }),
    }
}

#[inline(always)]
fn internet<'a>(
    ethertype: u16,
    network: Network,
    packet: &'a [u8],
    header_len: usize,
    to: &mut Body<'a>,
) {
    // What follows the IP packet is padding of a short Ethernet frame, or its FCS.
    let end = header_len.saturating_add(network.payload_len as usize);
    let packet = packet.get(..end).unwrap_or(packet);
    let payload = packet.get(header_len..).unwrap_or_default();
    let other = Other {
        ethertype,
        protocol: Some(network.protocol),
        port: None,
    };
    if network.is_later_fragment() {
        *to = Body::Other(other);
        return;
    }
    *to = match network.protocol {
        protocol::UDP => match udp_ports(payload) {
            Ok((_, roce::UDP_PORT)) => match roce::Packet::parse_v2(network, packet, header_len) {
                Ok(packet) => {
                    *to = Body::Roce(packet);
                    return;
                }
                Err(error) => Body::Malformed(error),
            },
            Ok((src, dst)) => Body::Other(Other {
                // What goes to the port of RoCE is RoCE: this only comes from it.
                port: Some(match src {
                    roce::UDP_PORT if port_name(dst).is_none() => src,
                    _ => src.min(dst),
                }),
                ..other
            }),
            Err(error) => Body::Malformed(error.shifted(header_len)),
        },
        protocol::TCP => match Segment::parse(payload, network.payload_len) {
            Ok(segment) => Body::Tcp(network, segment),
            Err(error) => Body::Malformed(error.shifted(header_len)),
        },
        _ => Body::Other(other),
    };
}

fn udp_ports(data: &[u8]) -> Result<(u16, u16)> {
    let [a, b, c, d] = take::<4>(data, "UDP", "8 bytes")?;
    Ok((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

impl<'a> Segment<'a> {
    /// Reads a TCP header (RFC 9293) at the start of `data`; the segment has `wire_len` bytes,
    /// header included, of which `data` may have fewer.
    ///
    /// An error if fewer than 20 bytes were captured or the header's length cannot be.
    pub fn parse(data: &'a [u8], wire_len: u32) -> Result<Segment<'a>> {
        let fixed = take::<20>(data, "TCP", "20 bytes")?;
        let tcp = TcpPacket::new_unchecked(&fixed);
        let header_len = u32::from(tcp.header_len());
        let payload_len = wire_len
            .checked_sub(header_len)
            .filter(|_| header_len >= 20);
        let Some(payload_len) = payload_len else {
            return Err(WireError {
                layer: "TCP",
                field: "data offset",
                offset: 12,
                expected: "20 bytes to what IP holds",
                found: u64::from(header_len),
            });
        };
        let payload = data.get(header_len as usize..).unwrap_or_default();
        Ok(Segment {
            src_port: tcp.src_port(),
            dst_port: tcp.dst_port(),
            seq: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ack: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            syn: tcp.syn(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            has_ack: tcp.ack(),
            ece: tcp.ece(),
            cwr: tcp.cwr(),
            payload: payload.get(..payload_len as usize).unwrap_or(payload),
            payload_len,
        })
    }
}

impl Other {
    /// A name for people: `"ARP"`, `"DNS"`; numbers where there is none (`"UDP port 7"`).
    pub fn name(&self) -> Cow<'static, str> {
        if let Some(port) = self.port {
            return match port_name(port) {
                Some(name) => Cow::Borrowed(name),
                None => Cow::Owned(format!("UDP port {port}")),
            };
        }
        if let Some(protocol) = self.protocol {
            return match protocol_name(protocol) {
                Some(name) => Cow::Borrowed(name),
                None => Cow::Owned(format!("IP protocol {protocol}")),
            };
        }
        match ethertype_name(self.ethertype) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(format!("ethertype {:#06x}", self.ethertype)),
        }
    }
}

/// Services that share networks with RDMA (IANA registry).
fn port_name(port: u16) -> Option<&'static str> {
    Some(match port {
        53 => "DNS",
        67 | 68 => "DHCP",
        69 => "TFTP",
        88 => "Kerberos",
        123 => "NTP",
        137 | 138 => "NetBIOS",
        161 | 162 => "SNMP",
        319 | 320 => "PTP",
        389 => "CLDAP",
        443 => "QUIC",
        500 | 4500 => "IKE",
        514 => "syslog",
        546 | 547 => "DHCPv6",
        1900 => "SSDP",
        2055 => "NetFlow",
        3702 => "WS-Discovery",
        3784 | 4784 => "BFD",
        4789 => "VXLAN",
        roce::UDP_PORT => "UDP from port 4791 (the other direction of what goes there, no RoCE)",
        5353 => "mDNS",
        5355 => "LLMNR",
        6081 => "Geneve",
        6343 => "sFlow",
        _ => return None,
    })
}

fn protocol_name(protocol: u8) -> Option<&'static str> {
    Some(match protocol {
        1 => "ICMP",
        2 => "IGMP",
        protocol::TCP => "TCP fragment",
        protocol::UDP => "UDP fragment",
        protocol::FRAGMENT => "IPv6 fragment",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        58 => "ICMPv6",
        89 => "OSPF",
        103 => "PIM",
        112 => "VRRP",
        132 => "SCTP",
        _ => return None,
    })
}

fn ethertype_name(ethertype: u16) -> Option<&'static str> {
    Some(match ethertype {
        ..0x0600 => "802.3 LLC",
        0x0806 => "ARP",
        0x8035 => "RARP",
        0x8100 | 0x88a8 | 0x9100 => "VLAN (three tags or more)",
        0x8809 => "LACP",
        0x8847 | 0x8848 => "MPLS",
        0x8863 | 0x8864 => "PPPoE",
        0x888e => "EAPOL",
        0x88e5 => "MACsec",
        0x88e7 => "PBB",
        0x88f7 => "PTP",
        0x8902 => "CFM",
        0x8906 => "FCoE",
        0x8914 => "FIP",
        0x9000 => "loopback test",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::icrc::hex;
    use super::super::roce::tests::{any_repr, emitted, write_only};
    use super::*;
    use proptest::prelude::*;

    // scapy 2.8.0:
    //   Ether(dst='02:00:00:00:00:02', src='02:00:00:00:00:01')/
    //       IP(src='10.0.0.1', dst='10.0.0.2', id=1)/
    //       TCP(sport=445, dport=50000, seq=0x01020304, ack=0x05060708, flags='SAEC',
    //           options=[('MSS', 1460)])/Raw(b'abc')
    const TCP: &str = "02000000000202000000000108004500002f00010000400666c60a0000010a00000201bdc350\
        010203040506070860d22000c9cc0000020405b4616263";

    fn ethernet(frame: &[u8]) -> Body<'_> {
        dissect(Link::Ethernet, frame, frame.len() as u32).body
    }

    /// A UDP packet of 10.0.0.1 to 10.0.0.2 without payload.
    fn udp(src_port: u16, dst_port: u16, fragment: u8) -> Vec<u8> {
        let mut packet = hex("4500001c00000000401100000a0000010a000002");
        packet[7] = fragment;
        packet.extend_from_slice(&src_port.to_be_bytes());
        packet.extend_from_slice(&dst_port.to_be_bytes());
        packet.extend_from_slice(&[0, 8, 0, 0]);
        packet
    }

    fn other(body: Body<'_>) -> Other {
        match body {
            Body::Other(other) => other,
            body => panic!("{body:?}"),
        }
    }

    #[test]
    fn tcp_with_options() {
        let frame = hex(TCP);
        let Body::Tcp(network, segment) = ethernet(&frame) else {
            panic!("not TCP")
        };
        assert_eq!(network.payload_len, 27);
        let want = Segment {
            src_port: 445,
            dst_port: 50000,
            seq: 0x0102_0304,
            ack: 0x0506_0708,
            syn: true,
            fin: false,
            rst: false,
            has_ack: true,
            ece: true,
            cwr: true,
            payload: b"abc",
            payload_len: 3,
        };
        assert_eq!(segment, want);
        // Cut within the options.
        let cut = dissect(Link::Ethernet, &frame[..56], frame.len() as u32);
        let Body::Tcp(_, segment) = cut.body else {
            panic!("not TCP")
        };
        assert_eq!(
            segment,
            Segment {
                payload: &[],
                ..want
            }
        );
    }

    #[test]
    fn tcp_with_a_header_that_cannot_be() {
        for offset in [0x40, 0xf0] {
            let mut frame = hex(TCP);
            frame[46] = offset;
            let Body::Malformed(error) = ethernet(&frame) else {
                panic!("not refused")
            };
            assert_eq!((error.field, error.offset), ("data offset", 46));
        }
    }

    #[test]
    fn roce_by_destination_port_only() {
        let raw = |packet: &[u8]| other(dissect(Link::RawIp, packet, 28).body);
        let back = raw(&udp(roce::UDP_PORT, 53, 0));
        assert_eq!((back.port, back.name().as_ref()), (Some(53), "DNS"));
        let answer = raw(&udp(roce::UDP_PORT, 0xc000, 0)).name();
        assert!(answer.starts_with("UDP from port 4791 (the other direction"));
        assert_eq!(raw(&udp(4000, 7000, 0)).name(), "UDP port 4000");
        assert_eq!(raw(&udp(4000, roce::UDP_PORT, 1)).name(), "UDP fragment");
    }

    #[test]
    fn the_same_packet_on_every_link() {
        let repr = write_only();
        let frame = emitted(&repr);
        let packet = &frame[18..];
        let mut sll = hex("0000 0001 0006 020000000001 0000 0800");
        sll.extend_from_slice(packet);
        let mut tagged = hex("0000 0001 0006 020000000001 0000 8100 6064 0800");
        tagged.extend_from_slice(packet);
        let mut sll2 = hex("0800 0000 00000002 0001 00 06 020000000001 0000");
        sll2.extend_from_slice(packet);
        let want = ethernet(&frame);
        for (link, frame) in [
            (Link::RawIp, packet),
            (Link::LinuxSll, &sll),
            (Link::LinuxSll, &tagged),
            (Link::LinuxSll2, &sll2),
        ] {
            let found = dissect(link, frame, frame.len() as u32);
            assert_eq!(found.body, want);
            let src = if link == Link::RawIp {
                Mac::default()
            } else {
                repr.ethernet.src
            };
            assert_eq!(found.ethernet.src, src);
            assert_eq!(found.ethernet.ethertype, ethertype::IPV4);
        }
    }

    #[test]
    fn other_frames_have_names() {
        let name = |ethertype, protocol, port| {
            Other {
                ethertype,
                protocol,
                port,
            }
            .name()
        };
        assert_eq!(name(0x0806, None, None), "ARP");
        assert_eq!(name(0x0027, None, None), "802.3 LLC");
        assert_eq!(name(0x88b5, None, None), "ethertype 0x88b5");
        assert_eq!(name(0x86dd, Some(58), None), "ICMPv6");
        assert_eq!(name(0x0800, Some(200), None), "IP protocol 200");
        assert_eq!(name(0x0800, Some(17), Some(67)), "DHCP");
    }

    #[test]
    fn control_frames() {
        let pfc = "0180c2000001 020000000001 8808 0101 0008 0000 0000 0000 ffff";
        let mut pfc = hex(pfc);
        pfc.resize(60, 0);
        let Body::Pause(mac_control::Repr::Pfc { enable, quanta }) = ethernet(&pfc) else {
            panic!("not PFC");
        };
        assert_eq!((enable, quanta[3]), (8, 0xffff));
        let lldp = hex("0180c200000e 020000000001 88cc 0000");
        assert_eq!(ethernet(&lldp), Body::Lldp(&[0, 0]));
    }

    #[test]
    fn a_cut_frame_is_told_from_a_short_one() {
        assert!(is_cut(100, 64));
        assert!(!is_cut(64, 64));
        assert!(!is_cut(0, 64));
    }

    proptest! {
        #[test]
        fn never_panics(data in proptest::collection::vec(any::<u8>(), 0..160), original_len: u32) {
            for link in [Link::Ethernet, Link::RawIp, Link::LinuxSll, Link::LinuxSll2] {
                dissect(link, &data, original_len);
            }
        }

        #[test]
        fn never_panics_on_spoilt_frames(
            repr in any_repr(), at in 0..90usize, value: u8, len in 0..400usize,
        ) {
            let mut frame = emitted(&repr);
            if let Some(byte) = frame.get_mut(at) {
                *byte = value;
            }
            let original_len = frame.len() as u32;
            frame.truncate(len);
            dissect(Link::Ethernet, &frame, original_len);
        }
    }
}
