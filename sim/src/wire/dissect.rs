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
    pub const ROCE_V1: u16 = crate::wire::roce::ETHERTYPE_V1;
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
    let wire_len = original_len.max(u32::try_from(frame.len()).unwrap_or(u32::MAX));
    let (ethernet, header_len) = match link_header(link, frame) {
        Ok(header) => header,
        Err(error) => {
            let body = Body::Malformed(error);
            return Dissected {
                ethernet: ethernet::Repr::default(),
                body,
            };
        }
    };
    let payload = frame.get(header_len..).unwrap_or_default();
    let wire_len = wire_len.saturating_sub(header_len as u32);
    let body = match body(ethernet.ethertype, payload, wire_len) {
        Ok(body) => body,
        Err(error) => Body::Malformed(WireError {
            offset: error.offset + header_len,
            ..error
        }),
    };
    Dissected { ethernet, body }
}

/// Addresses, tags and type, and the bytes before what follows.
fn link_header(link: Link, frame: &[u8]) -> Result<(ethernet::Repr, usize)> {
    match link {
        Link::Ethernet => ethernet::Repr::parse(frame),
        Link::RawIp => {
            let [first] = take::<1>(frame, "IP", "a version")?;
            let ethertype = match first >> 4 {
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
            Ok((
                ethernet::Repr {
                    ethertype,
                    ..Default::default()
                },
                0,
            ))
        }
        Link::LinuxSll => {
            let b = take::<16>(frame, "Linux cooked capture", "16 bytes")?;
            let address_len = u16::from_be_bytes([b[4], b[5]]);
            let ethertype = u16::from_be_bytes([b[14], b[15]]);
            Ok((
                cooked(
                    ethertype,
                    address_len,
                    [b[6], b[7], b[8], b[9], b[10], b[11]],
                ),
                16,
            ))
        }
        Link::LinuxSll2 => {
            let b = take::<20>(frame, "Linux cooked capture v2", "20 bytes")?;
            let ethertype = u16::from_be_bytes([b[0], b[1]]);
            let address = [b[12], b[13], b[14], b[15], b[16], b[17]];
            Ok((cooked(ethertype, u16::from(b[11]), address), 20))
        }
    }
}

fn cooked(ethertype: u16, address_len: u16, address: [u8; 6]) -> ethernet::Repr {
    let src = if address_len == 6 {
        Mac(address)
    } else {
        Mac::default()
    };
    ethernet::Repr {
        src,
        ethertype,
        ..Default::default()
    }
}

fn body(ethertype: u16, payload: &[u8], wire_len: u32) -> Result<Body<'_>> {
    match ethertype {
        ethertype::IPV4 => {
            let (network, header_len) = Network::parse_v4(payload, wire_len)?;
            internet(ethertype, network, payload, header_len)
        }
        ethertype::IPV6 => {
            let (network, header_len) = Network::parse_v6(payload, wire_len)?;
            internet(ethertype, network, payload, header_len)
        }
        ethertype::ROCE_V1 => {
            let (network, header_len) = Network::parse_grh(payload, wire_len)?;
            Ok(Body::Roce(roce::Packet::parse_v1(
                network, payload, header_len,
            )?))
        }
        ethertype::MAC_CONTROL => Ok(Body::Pause(mac_control::Repr::parse(payload)?.0)),
        ethertype::LLDP => Ok(Body::Lldp(payload)),
        _ => Ok(Body::Other(Other {
            ethertype,
            protocol: None,
            port: None,
        })),
    }
}

fn internet(
    ethertype: u16,
    network: Network,
    packet: &[u8],
    header_len: usize,
) -> Result<Body<'_>> {
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
        return Ok(Body::Other(other));
    }
    match network.protocol {
        protocol::UDP => {
            let ports = take::<4>(payload, "UDP", "8 bytes");
            let b = ports.map_err(|error| error.shifted(header_len))?;
            let src_port = u16::from_be_bytes([b[0], b[1]]);
            let dst_port = u16::from_be_bytes([b[2], b[3]]);
            if dst_port != roce::UDP_PORT {
                let port = Some(src_port.min(dst_port));
                return Ok(Body::Other(Other { port, ..other }));
            }
            Ok(Body::Roce(roce::Packet::parse_v2(
                network, packet, header_len,
            )?))
        }
        protocol::TCP => {
            let segment = Segment::parse(payload, network.payload_len);
            Ok(Body::Tcp(
                network,
                segment.map_err(|error| error.shifted(header_len))?,
            ))
        }
        _ => Ok(Body::Other(other)),
    }
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
