//! Changing the bytes of a frame.

use crate::wire::bth::BTH_LEN;
use crate::wire::dissect::{Body, Dissected, Link, dissect};
use crate::wire::icrc::{self, Below};
use crate::wire::ip::{Kind, Network};
use crate::wire::roce::Packet;

const UDP_LEN: usize = 8;
/// Where the checksum of a TCP header is.
const TCP_CHECKSUM: usize = 16;
/// Congestion experienced, in the two bits of IP.
const CE: u8 = 3;

/// A change of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Turns one bit of the payload round, counted from its beginning and modulo its length; of the
    /// ICRC if there is no payload. `repair`: the ICRC or TCP checksum is made right again, so that
    /// only the application can notice. The UDP checksum is right in either case: what is tested
    /// is the ICRC.
    Corrupt { bit: u32, repair: bool },
    /// Cuts the frame to so many bytes, without FCS.
    Truncate { bytes: u32 },
    /// Marks congestion experienced, as a switch does.
    SetCe,
}

/// Changes a frame of Ethernet. False: there is nothing in it that could be changed so.
pub fn apply(edit: Edit, frame: &mut Vec<u8>) -> bool {
    match edit {
        Edit::Corrupt { bit, repair } => corrupt(frame, bit, repair).is_some(),
        Edit::Truncate { bytes } => {
            let shorter = (bytes as usize) < frame.len();
            frame.truncate(bytes as usize);
            shorter
        }
        Edit::SetCe => set_ce(frame).is_some(),
    }
}

/// Where the parts of a packet are in its frame.
struct Layout {
    network: usize,
    transport: usize,
    payload: usize,
    payload_len: usize,
    /// Of the ICRC; None: TCP.
    icrc: Option<usize>,
    below: Below,
}

fn corrupt(frame: &mut [u8], bit: u32, repair: bool) -> Option<()> {
    let layout = {
        let dissected = dissect(Link::Ethernet, frame, u32::try_from(frame.len()).ok()?);
        layout(frame, &dissected)?
    };
    let at = match (layout.payload_len, layout.icrc) {
        (0, Some(_)) if repair => return None,
        (0, Some(icrc)) => icrc + bit as usize / 8 % icrc::LEN,
        (0, None) => return None,
        (len, _) => layout.payload + bit as usize / 8 % len,
    };
    let flip = |frame: &mut [u8]| {
        let byte = frame.get_mut(at)?;
        *byte ^= 0x80 >> (bit % 8);
        Some(())
    };
    let sum = match layout.icrc {
        Some(_) if layout.below == Below::Grh => None,
        Some(_) => Some(layout.transport + 6),
        None => repair.then_some(layout.transport + TCP_CHECKSUM),
    };
    // A UDP checksum of zero says that there is none.
    let sum = sum.filter(|&at| layout.icrc.is_none() || frame.get(at..at + 2) != Some(&[0, 0]));
    keep_sum(frame, layout.transport, at, sum, flip)?;
    if let Some(icrc) = layout.icrc.filter(|_| repair) {
        let packet = frame.get(layout.network..icrc)?;
        let bth = layout.transport - layout.network + udp_len(layout.below);
        let computed = icrc::compute(layout.below, packet, bth)?.to_be_bytes();
        for (i, byte) in computed.into_iter().enumerate() {
            let at = icrc + i;
            let write = |frame: &mut [u8]| {
                *frame.get_mut(at)? = byte;
                Some(())
            };
            keep_sum(frame, layout.transport, at, sum, write)?;
        }
    }
    Some(())
}

const fn udp_len(below: Below) -> usize {
    match below {
        Below::V4 | Below::V6 => UDP_LEN,
        Below::Grh => 0,
    }
}

/// Changes the byte at `at` and, at `sum`, the Internet checksum that covers it from `start` on
/// (RFC 1624).
fn keep_sum(
    frame: &mut [u8],
    start: usize,
    at: usize,
    sum: Option<usize>,
    change: impl FnOnce(&mut [u8]) -> Option<()>,
) -> Option<()> {
    let old = *frame.get(at)?;
    change(frame)?;
    let new = *frame.get(at)?;
    let Some(sum) = sum else {
        return Some(());
    };
    let shift = if (at - start).is_multiple_of(2) { 8 } else { 0 };
    let word = |byte: u8| u32::from(byte) << shift;
    let field = frame.get_mut(sum..sum + 2)?.first_chunk_mut::<2>()?;
    let mut total = u32::from(!u16::from_be_bytes(*field));
    total += (!word(old) & 0xffff) + word(new);
    while total >> 16 != 0 {
        total = (total & 0xffff) + (total >> 16);
    }
    *field = (!(total as u16)).to_be_bytes();
    Some(())
}

fn layout(frame: &[u8], dissected: &Dissected<'_>) -> Option<Layout> {
    match &dissected.body {
        Body::Roce(packet) => roce(frame, dissected, packet),
        Body::Tcp(network, segment) => {
            let start = dissected.ethernet.header_len();
            let payload = offset(frame, segment.payload).unwrap_or(start);
            let (transport, below) = transport(start, network)?;
            Some(Layout {
                network: start,
                transport,
                payload,
                payload_len: segment.payload.len(),
                icrc: None,
                below,
            })
        }
        _ => None,
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

fn set_ce(frame: &mut [u8]) -> Option<()> {
    let (start, network) = {
        let dissected = dissect(Link::Ethernet, frame, u32::try_from(frame.len()).ok()?);
        let network = match &dissected.body {
            Body::Roce(packet) => packet.network,
            Body::Tcp(network, _) => *network,
            _ => return None,
        };
        (dissected.ethernet.header_len(), network)
    };
    match network.kind {
        Kind::V4 { .. } => {
            let mark = |frame: &mut [u8]| {
                *frame.get_mut(start + 1)? |= CE;
                Some(())
            };
            keep_sum(frame, start, start + 1, Some(start + 10), mark)
        }
        // The traffic class lies across the first two bytes; its low bits are in the second.
        Kind::V6 { .. } | Kind::Grh { .. } => {
            *frame.get_mut(start + 1)? |= CE << 4;
            Some(())
        }
    }
}
