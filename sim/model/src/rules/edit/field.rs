//! Fields of frames by name.

use super::layout::{self, Layout};
use xoff_wire::bth::{BTH_LEN, Extensions};
use xoff_wire::icrc::Below;
use xoff_wire::{ethernet, mac_control};

/// A field of a frame, named as IBTA and IETF name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// BTH.
    Opcode,
    /// Solicited event.
    Se,
    Migreq,
    /// Pad count.
    Pad,
    /// Transport header version.
    Tver,
    Pkey,
    Fecn,
    Becn,
    /// Six reserved bits behind FECN and BECN.
    Reserved6,
    DestQp,
    AckRequest,
    /// Seven reserved bits behind the request for an acknowledgement.
    Reserved7,
    Psn,
    /// AETH.
    Syndrome,
    Msn,
    /// Virtual address of RETH or AtomicETH.
    Va,
    /// Of RETH or AtomicETH.
    Rkey,
    /// DMA length of RETH.
    Length,
    /// AtomicETH: what is swapped in or added.
    SwapAdd,
    Compare,
    /// What the memory had, in the answer to an atomic operation.
    AtomicOriginal,
    Immediate,
    /// R_Key of IETH.
    Invalidate,
    /// DETH.
    Qkey,
    SrcQp,
    Icrc,
    UdpSport,
    UdpDport,
    UdpLength,
    UdpChecksum,
    Dscp,
    Ecn,
    /// TTL or hop limit.
    Ttl,
    /// IPv4.
    IpId,
    /// IPv4: do not fragment.
    Df,
    IpChecksum,
    /// IPv6 or GRH.
    FlowLabel,
    /// A part of the payload.
    Payload(Span),
    /// A part of the frame, from its destination address on.
    Frame(Span),
    /// Class-enable vector of a PFC frame.
    Cev,
    /// Time of this priority in a PFC frame, or the time of an 802.3x frame.
    Quanta(u8),
}

/// Bytes of a frame that are a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub offset: u32,
    /// 1 to 8 bytes.
    pub width: u8,
    /// Least significant byte first, as SMB Direct has it.
    pub little: bool,
}

/// What becomes of a field. Bits beyond its width are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    Set(u64),
    /// Modulo the field's width: a number may be negative, in two's complement.
    Add(u64),
    Xor(u64),
}

/// The names of fields in scenarios. Those with parameters have none of use here.
pub const FIELDS: [(&str, Field); 41] = [
    ("opcode", Field::Opcode),
    ("se", Field::Se),
    ("migreq", Field::Migreq),
    ("pad", Field::Pad),
    ("tver", Field::Tver),
    ("pkey", Field::Pkey),
    ("fecn", Field::Fecn),
    ("becn", Field::Becn),
    ("reserved6", Field::Reserved6),
    ("dest-qp", Field::DestQp),
    ("ack-request", Field::AckRequest),
    ("reserved7", Field::Reserved7),
    ("psn", Field::Psn),
    ("syndrome", Field::Syndrome),
    ("msn", Field::Msn),
    ("va", Field::Va),
    ("rkey", Field::Rkey),
    ("length", Field::Length),
    ("swap-add", Field::SwapAdd),
    ("compare", Field::Compare),
    ("atomic-original", Field::AtomicOriginal),
    ("immediate", Field::Immediate),
    ("invalidate", Field::Invalidate),
    ("qkey", Field::Qkey),
    ("src-qp", Field::SrcQp),
    ("icrc", Field::Icrc),
    ("udp-sport", Field::UdpSport),
    ("udp-dport", Field::UdpDport),
    ("udp-length", Field::UdpLength),
    ("udp-checksum", Field::UdpChecksum),
    ("dscp", Field::Dscp),
    ("ecn", Field::Ecn),
    ("ttl", Field::Ttl),
    ("ip-id", Field::IpId),
    ("df", Field::Df),
    ("ip-checksum", Field::IpChecksum),
    ("flow-label", Field::FlowLabel),
    ("payload", Field::Payload(NOWHERE)),
    ("frame", Field::Frame(NOWHERE)),
    ("cev", Field::Cev),
    ("quanta", Field::Quanta(0)),
];

const NOWHERE: Span = Span {
    offset: 0,
    width: 1,
    little: false,
};

/// Where a field is: bytes that are read as one number, and its bits in that.
#[derive(Clone, Copy)]
struct At {
    byte: usize,
    len: usize,
    mask: u64,
    little: bool,
}

impl At {
    const fn bits(byte: usize, len: usize, mask: u64) -> At {
        At {
            byte,
            len,
            mask,
            little: false,
        }
    }

    const fn whole(byte: usize, len: usize) -> At {
        At::bits(byte, len, ones(8 * len as u32))
    }

    const fn from(self, start: usize) -> At {
        At {
            byte: self.byte.saturating_add(start),
            ..self
        }
    }

    fn read(self, frame: &[u8]) -> Option<u64> {
        let bytes = frame.get(self.byte..self.byte.checked_add(self.len)?)?;
        let shift = |word: u64, byte: &u8| word << 8 | u64::from(*byte);
        Some(match self.little {
            true => bytes.iter().rev().fold(0, shift),
            false => bytes.iter().fold(0, shift),
        })
    }

    /// The bytes of a number, in the order of the frame.
    fn bytes(self, word: u64) -> impl Iterator<Item = (usize, u8)> {
        (0..self.len).map(move |i| {
            let place = if self.little { i } else { self.len - 1 - i };
            (self.byte + i, (word >> (8 * place)) as u8)
        })
    }
}

/// So many ones at the low end.
const fn ones(bits: u32) -> u64 {
    match bits {
        0 => 0,
        1..64 => (1 << bits) - 1,
        _ => u64::MAX,
    }
}

impl Value {
    fn on(self, old: u64) -> u64 {
        match self {
            Value::Set(value) => value,
            Value::Add(value) => old.wrapping_add(value),
            Value::Xor(value) => old ^ value,
        }
    }
}

impl Field {
    /// How many bits it has.
    pub const fn width(self) -> u32 {
        match self {
            Field::Payload(span) | Field::Frame(span) => 8 * span.width as u32,
            Field::Quanta(_) | Field::Cev => 16,
            Field::Dscp => 6,
            Field::Ecn => 2,
            Field::Ttl => 8,
            Field::Df => 1,
            Field::IpId | Field::IpChecksum => 16,
            Field::UdpSport | Field::UdpDport | Field::UdpLength | Field::UdpChecksum => 16,
            Field::FlowLabel => 20,
            Field::Icrc => 32,
            _ => match self.in_bth() {
                Some(at) => at.mask.count_ones(),
                None => match self {
                    Field::Syndrome => 8,
                    Field::Msn | Field::SrcQp => 24,
                    Field::Va | Field::SwapAdd | Field::Compare | Field::AtomicOriginal => 64,
                    _ => 32,
                },
            },
        }
    }

    /// From the beginning of the BTH.
    const fn in_bth(self) -> Option<At> {
        Some(match self {
            Field::Opcode => At::whole(0, 1),
            Field::Se => At::bits(1, 1, 0x80),
            Field::Migreq => At::bits(1, 1, 0x40),
            Field::Pad => At::bits(1, 1, 0x30),
            Field::Tver => At::bits(1, 1, 0x0f),
            Field::Pkey => At::whole(2, 2),
            Field::Fecn => At::bits(4, 1, 0x80),
            Field::Becn => At::bits(4, 1, 0x40),
            Field::Reserved6 => At::bits(4, 1, 0x3f),
            Field::DestQp => At::whole(5, 3),
            Field::AckRequest => At::bits(8, 1, 0x80),
            Field::Reserved7 => At::bits(8, 1, 0x7f),
            Field::Psn => At::whole(9, 3),
            _ => return None,
        })
    }

    /// From the end of the BTH: extension headers stand in a fixed order (IBTA 5.2.2).
    fn in_extensions(self, has: &Extensions) -> Option<At> {
        let mut next = 0;
        let mut place = |present: bool, len: usize| {
            let start = next;
            next += if present { len } else { 0 };
            present.then_some(start)
        };
        let _rdeth = place(has.rdeth.is_some(), 4);
        let deth = place(has.deth.is_some(), 8);
        let _xrceth = place(has.xrceth.is_some(), 4);
        let _feth = place(has.feth.is_some(), 4);
        let reth = place(has.reth.is_some(), 16);
        let atomic = place(has.atomic.is_some(), 28);
        let aeth = place(has.aeth.is_some(), 4);
        let original = place(has.atomic_ack.is_some(), 8);
        let immediate = place(has.immediate.is_some(), 4);
        let invalidate = place(has.invalidate.is_some(), 4);
        let (start, at) = match self {
            Field::Qkey => (deth, At::whole(0, 4)),
            Field::SrcQp => (deth, At::whole(5, 3)),
            Field::Va => (reth.or(atomic), At::whole(0, 8)),
            Field::Rkey => (reth.or(atomic), At::whole(8, 4)),
            Field::Length => (reth, At::whole(12, 4)),
            Field::SwapAdd => (atomic, At::whole(12, 8)),
            Field::Compare => (atomic, At::whole(20, 8)),
            Field::Syndrome => (aeth, At::whole(0, 1)),
            Field::Msn => (aeth, At::whole(1, 3)),
            Field::AtomicOriginal => (original, At::whole(0, 8)),
            Field::Immediate => (immediate, At::whole(0, 4)),
            Field::Invalidate => (invalidate, At::whole(0, 4)),
            _ => (None, At::whole(0, 1)),
        };
        start.map(|start| at.from(start))
    }

    /// From the beginning of the network header.
    const fn in_network(self, below: Below) -> Option<At> {
        let v4 = matches!(below, Below::V4);
        Some(match self {
            Field::Dscp if v4 => At::bits(1, 1, 0xfc),
            Field::Dscp => At::bits(0, 2, 0x0fc0),
            Field::Ecn if v4 => At::bits(1, 1, 0x03),
            Field::Ecn => At::bits(1, 1, 0x30),
            Field::Ttl if v4 => At::whole(8, 1),
            Field::Ttl => At::whole(7, 1),
            Field::IpId if v4 => At::whole(4, 2),
            Field::Df if v4 => At::bits(6, 1, 0x40),
            Field::IpChecksum if v4 => At::whole(layout::IP_CHECKSUM, 2),
            Field::FlowLabel if !v4 => At::bits(1, 3, 0x0f_ffff),
            _ => return None,
        })
    }

    /// From the beginning of the UDP header.
    const fn in_udp(self) -> Option<At> {
        Some(match self {
            Field::UdpSport => At::whole(0, 2),
            Field::UdpDport => At::whole(2, 2),
            Field::UdpLength => At::whole(layout::UDP_LENGTH, 2),
            Field::UdpChecksum => At::whole(layout::UDP_CHECKSUM, 2),
            _ => return None,
        })
    }

    fn in_packet(self, layout: &Layout) -> Option<At> {
        if let Field::Payload(span) = self {
            let at = span.at(layout.payload_len)?;
            return Some(at.from(layout.payload));
        }
        if let Some(at) = self.in_network(layout.below) {
            return Some(at.from(layout.network));
        }
        let bth = layout.bth()?;
        if let Some(at) = self.in_udp() {
            let there = layout.below != Below::Grh;
            return there.then(|| at.from(layout.transport));
        }
        if self == Field::Icrc {
            return Some(At::whole(layout.icrc?, 4));
        }
        if let Some(at) = self.in_bth() {
            return Some(at.from(bth));
        }
        let at = self.in_extensions(&layout.extensions)?;
        Some(at.from(bth + BTH_LEN))
    }

    /// In a MAC control frame.
    fn in_pause(self, frame: &[u8]) -> Option<At> {
        let (ethernet, start) = ethernet::Repr::parse(frame).ok()?;
        if ethernet.ethertype != mac_control::ETHERTYPE {
            return None;
        }
        let (repr, _) = mac_control::Repr::parse(frame.get(start..)?).ok()?;
        let at = match (self, repr) {
            (Field::Cev, mac_control::Repr::Pfc { .. }) => 2,
            (Field::Quanta(class @ 0..8), mac_control::Repr::Pfc { .. }) => {
                4 + 2 * usize::from(class)
            }
            (Field::Quanta(_), mac_control::Repr::Pause { .. }) => 2,
            _ => return None,
        };
        Some(At::whole(at, 2).from(start))
    }
}

impl Span {
    /// In something of this length.
    fn at(self, len: usize) -> Option<At> {
        let (byte, width) = (self.offset as usize, usize::from(self.width));
        let fits = (1..=8).contains(&width) && byte.checked_add(width)? <= len;
        fits.then(|| At {
            little: self.little,
            ..At::whole(byte, width)
        })
    }
}

/// None: the frame has no such field.
pub(super) fn rewrite(frame: &mut [u8], field: Field, value: Value, repair: bool) -> Option<()> {
    let layout = Layout::of(frame);
    let at = match field {
        Field::Frame(span) => span.at(frame.len())?,
        Field::Cev | Field::Quanta(_) => field.in_pause(frame)?,
        _ => field.in_packet(layout.as_ref()?)?,
    };
    let word = at.read(frame)?;
    let low = at.mask.trailing_zeros();
    let new = value.on((word & at.mask) >> low);
    let word = word & !at.mask | new << low & at.mask;
    for (place, byte) in at.bytes(word) {
        match &layout {
            Some(layout) => layout.put(frame, place, byte, repair)?,
            None => *frame.get_mut(place)? = byte,
        }
    }
    if let Some(layout) = layout.filter(|_| repair && field != Field::Icrc) {
        // TCP has none.
        let _ = layout.fix_icrc(frame);
    }
    Some(())
}
