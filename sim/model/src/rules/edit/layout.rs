//! Where the parts of a packet are in its frame, and its sums.

use xoff_wire::bth::{BTH_LEN, Extensions};
use xoff_wire::dissect::{Body, Dissected, Link, dissect};
use xoff_wire::icrc::{self, Below};
use xoff_wire::ip::{Kind, Network};
use xoff_wire::roce::Packet;

const UDP_LEN: usize = 8;
/// Where checksums are in their headers.
pub(super) const IP_CHECKSUM: usize = 10;
pub(super) const UDP_LENGTH: usize = 4;
pub(super) const UDP_CHECKSUM: usize = 6;
const TCP_CHECKSUM: usize = 16;

/// Offsets in a frame.
pub(super) struct Layout {
    pub(super) network: usize,
    pub(super) transport: usize,
    pub(super) payload: usize,
    pub(super) payload_len: usize,
    /// Of the ICRC; None: TCP.
    pub(super) icrc: Option<usize>,
    pub(super) below: Below,
    pub(super) extensions: Extensions,
}

impl Layout {
    /// None: neither RoCE nor TCP, or not whole.
    pub(super) fn of(frame: &[u8]) -> Option<Layout> {
        let dissected = dissect(Link::Ethernet, frame, u32::try_from(frame.len()).ok()?);
        match &dissected.body {
            Body::Roce(packet) => roce(frame, &dissected, packet),
            Body::Tcp(network, segment) => {
                let start = dissected.ethernet.header_len();
                let (transport, below) = transport(start, network)?;
                Some(Layout {
                    network: start,
                    transport,
                    payload: offset(frame, segment.payload).unwrap_or(start),
                    payload_len: segment.payload.len(),
                    icrc: None,
                    below,
                    extensions: Extensions::default(),
                })
            }
            _ => None,
        }
    }

    /// The base transport header; None: TCP.
    pub(super) fn bth(&self) -> Option<usize> {
        self.icrc.map(|_| self.transport + udp_len(self.below))
    }

    /// The checksum of IPv4.
    pub(super) fn ip_sum(&self) -> Option<usize> {
        (self.below == Below::V4).then_some(self.network + IP_CHECKSUM)
    }

    /// The checksum of UDP or TCP.
    pub(super) fn transport_sum(&self) -> Option<usize> {
        match self.icrc {
            Some(_) if self.below == Below::Grh => None,
            Some(_) => Some(self.transport + UDP_CHECKSUM),
            None => Some(self.transport + TCP_CHECKSUM),
        }
    }

    /// Writes one byte and keeps the checksums right that cover it: those of IP and UDP always, as
    /// what is tested is the ICRC; that of TCP if `repair`. A checksum that is itself written to,
    /// and one of UDP that is zero, which says that there is none, stays.
    pub(super) fn put(&self, frame: &mut [u8], at: usize, new: u8, repair: bool) -> Option<()> {
        let byte = frame.get_mut(at)?;
        let old = std::mem::replace(byte, new);
        let addresses = match self.below {
            Below::V4 => self.network + 12..self.network + 20,
            Below::V6 | Below::Grh => self.network + 8..self.network + 40,
        };
        let in_network = (self.network..self.transport).contains(&at);
        if let Some(sum) = self.ip_sum().filter(|_| in_network) {
            adjust(frame, sum, (at - self.network).is_multiple_of(2), at, old);
        }
        let sum = self.transport_sum().filter(|&sum| match self.icrc {
            Some(_) => frame.get(sum..sum + 2) != Some(&[0, 0]),
            None => repair,
        });
        let Some(sum) = sum.filter(|_| at >= self.transport || addresses.contains(&at)) else {
            return Some(());
        };
        let even = at.abs_diff(self.transport).is_multiple_of(2);
        adjust(frame, sum, even, at, old);
        let length = self.transport + UDP_LENGTH;
        if self.icrc.is_some() && (length..length + 2).contains(&at) {
            // The pseudo header has it again.
            adjust(frame, sum, even, at, old);
        }
        // Zero would say that there is no checksum: UDP writes it as all ones (RFC 768).
        let field = frame.get_mut(sum..sum + 2)?;
        if self.icrc.is_some() && field == [0, 0] && !(sum..sum + 2).contains(&at) {
            field.fill(0xff);
        }
        Some(())
    }

    /// Makes the ICRC right. None: there is none, or it cannot be computed.
    pub(super) fn fix_icrc(&self, frame: &mut [u8]) -> Option<()> {
        let icrc = self.icrc?;
        let packet = frame.get(self.network..icrc)?;
        let computed = icrc::compute(self.below, packet, self.bth()? - self.network)?;
        for (i, byte) in computed.to_be_bytes().into_iter().enumerate() {
            self.put(frame, icrc + i, byte, true)?;
        }
        Some(())
    }
}

/// Corrects the Internet checksum at `sum` for a byte that was `old` (RFC 1624). `even`: it is the
/// upper byte of its word.
pub(super) fn adjust(frame: &mut [u8], sum: usize, even: bool, at: usize, old: u8) {
    let new = frame.get(at).copied().unwrap_or(old);
    let field = frame.get_mut(sum..).and_then(<[u8]>::first_chunk_mut::<2>);
    let Some(field) = field.filter(|_| !(sum..sum + 2).contains(&at)) else {
        return;
    };
    let word = |byte: u8| u32::from(byte) << if even { 8 } else { 0 };
    let mut total = u32::from(!u16::from_be_bytes(*field));
    total += (!word(old) & 0xffff) + word(new);
    while total >> 16 != 0 {
        total = (total & 0xffff) + (total >> 16);
    }
    *field = (!(total as u16)).to_be_bytes();
}

const fn udp_len(below: Below) -> usize {
    match below {
        Below::V4 | Below::V6 => UDP_LEN,
        Below::Grh => 0,
    }
}

fn roce(frame: &[u8], dissected: &Dissected<'_>, packet: &Packet<'_>) -> Option<Layout> {
    let network = dissected.ethernet.header_len();
    let (transport, below) = transport(network, &packet.network)?;
    // The ICRC ends what IP holds.
    let end = transport.checked_add(packet.network.payload_len as usize)?;
    let icrc = end.checked_sub(icrc::LEN)?;
    let payload_len = packet.payload.len();
    let whole = end <= frame.len() && payload_len == packet.payload_len as usize;
    let room = icrc >= transport + udp_len(below) + BTH_LEN;
    (whole && room).then(|| Layout {
        network,
        transport,
        payload: offset(frame, packet.payload).unwrap_or(icrc),
        payload_len,
        icrc: Some(icrc),
        below,
        extensions: packet.extensions,
    })
}

/// Where the transport header starts; None if extension headers are in between.
fn transport(start: usize, network: &Network) -> Option<(usize, Below)> {
    match network.kind {
        Kind::V4 { header_len, .. } => Some((start + usize::from(header_len), Below::V4)),
        Kind::V6 { .. } => Some((start + network.buffer_len(), Below::V6)),
        Kind::Grh { .. } => Some((start + network.buffer_len(), Below::Grh)),
    }
}

/// Where a part of a frame that is not empty starts in it.
fn offset(frame: &[u8], part: &[u8]) -> Option<usize> {
    let at = (part.as_ptr().addr()).checked_sub(frame.as_ptr().addr())?;
    (!part.is_empty() && at + part.len() <= frame.len()).then_some(at)
}
