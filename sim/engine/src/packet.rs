//! Packets: plain structs in a slab, linked into at most one list at a time by 32-bit indices.

/// Index into a [`PacketPool`].
pub type PacketId = u32;
pub const NO_PACKET: PacketId = u32::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PacketKind {
    /// SEND/WRITE/atomic request, or READ response: carries payload from a flow's data source.
    Data,
    Ack,
    /// NAK with PSN sequence error.
    Nak,
    RnrNak,
    ReadRequest,
    Cnp,
    /// PFC or 802.3x frame.
    Pause,
    /// NAK that refuses a request, from responder to requester.
    Refusal,
    /// Edited or made by a rule: what it is, its bytes say.
    Foreign,
}

/// Bits of [`Packet::flags`].
pub mod flag {
    /// ECN-capable transport.
    pub const ECT: u8 = 0x01;
    /// Congestion experienced.
    pub const CE: u8 = 0x02;
    /// The responder must acknowledge this packet.
    pub const ACK_REQUEST: u8 = 0x04;
    /// Damaged on a link and forwarded by a cut-through switch.
    pub const CORRUPT: u8 = 0x08;
    /// ACK: echoes CE.
    pub const CE_ECHO: u8 = 0x10;
    /// Was accounted in the switch buffer as part of a lossless group.
    pub const LOSSLESS: u8 = 0x20;
    /// READ response: the first that answers a request for the rest of a message.
    pub const RESTART: u8 = 0x40;
    /// Has met the rules of its host's stack.
    pub const OBEYED: u8 = 0x80;
}

/// [`Packet::pcp`] of a frame without a VLAN tag.
pub const UNTAGGED: u8 = 8;

/// One frame. 64 bytes: one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Packet {
    /// Arrival of the last bit that the next node needs, ps. Pause: when it takes effect.
    pub due: u64,
    /// `due` of the packet behind this one on the link: an arrival need not touch that packet.
    pub next_due: u64,
    /// When the data packet (that an ACK answers) was sent, ps.
    pub sent_at: u64,
    pub next: PacketId,
    /// Index into the route table of the next egress port.
    pub route: u32,
    /// Flow.
    pub qp: u32,
    /// Data: sequence number, not wrapped. ACK: next expected one. READ request: first wanted.
    /// Pause: see [`Pause`].
    pub psn: u32,
    /// READ request: end of the range. ACK under selective repeat: the PSN that caused it.
    /// RNR NAK: timer code. Pause: see [`Pause`]. Refusal: NAK code. Foreign: number of its bytes.
    pub arg: u32,
    /// Port by which the packet entered the node that holds it.
    pub ingress: u32,
    /// In-band telemetry record.
    pub telemetry: u32,
    /// Frame bytes with FCS, without preamble and gap.
    pub frame: u16,
    pub payload: u16,
    pub kind: PacketKind,
    pub flags: u8,
    pub dscp: u8,
    /// Of its VLAN tag, or [`UNTAGGED`].
    pub pcp: u8,
    /// Priority at the node that holds the packet.
    pub priority: u8,
    pub queue: u8,
    /// Priority group by which it is counted in the buffer of the switch that holds it.
    pub group: u8,
}

impl Packet {
    pub const EMPTY: Packet = Packet {
        due: 0,
        next_due: 0,
        sent_at: 0,
        next: NO_PACKET,
        route: 0,
        qp: 0,
        psn: 0,
        arg: 0,
        ingress: 0,
        telemetry: u32::MAX,
        frame: 0,
        payload: 0,
        kind: PacketKind::Data,
        flags: 0,
        dscp: 0,
        pcp: 0,
        priority: 0,
        queue: 0,
        group: 0,
    };

    pub const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// What a pause frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// IEEE 802.3x PAUSE instead of PFC.
    pub global: bool,
    /// Told beside the link, as other simulators do, not in a frame on it.
    pub out_of_band: bool,
    /// Priorities that it names, bit n for priority n, and those of them that it stops.
    pub enabled: u8,
    pub stop: u8,
    /// Pause time of those it stops, in quanta of 512 bit times. None: for ever, which only other
    /// simulators can say.
    pub quanta: Option<u16>,
}

impl Pause {
    const GLOBAL: u32 = 1;
    const OUT_OF_BAND: u32 = 2;
    const FOR_EVER: u32 = 4;

    pub const fn packet(self) -> Packet {
        let quanta = match self.quanta {
            Some(quanta) => quanta as u32,
            None => 0,
        };
        Packet {
            kind: PacketKind::Pause,
            psn: (self.global as u32 * Self::GLOBAL)
                | (self.out_of_band as u32 * Self::OUT_OF_BAND)
                | (self.quanta.is_none() as u32 * Self::FOR_EVER),
            arg: self.enabled as u32 | ((self.stop as u32) << 8) | (quanta << 16),
            ..Packet::EMPTY
        }
    }

    pub const fn of(packet: &Packet) -> Self {
        let (kind, arg) = (packet.psn, packet.arg);
        Pause {
            global: kind & Self::GLOBAL != 0,
            out_of_band: kind & Self::OUT_OF_BAND != 0,
            enabled: arg as u8,
            stop: (arg >> 8) as u8,
            quanta: match kind & Self::FOR_EVER {
                0 => Some((arg >> 16) as u16),
                _ => None,
            },
        }
    }
}

/// Slots that a pool sets aside at first. Memory is taken page by page as they are used; what
/// counts is that growing, which copies all packets, is rare.
const SLOTS: u64 = 1 << 21;

/// All packets of a simulation. Freed slots are reused, last freed first.
pub struct PacketPool {
    slots: Vec<Packet>,
    free: Vec<PacketId>,
}

impl PacketPool {
    /// For a run of so many packets, or more. Where there is not so much room it grows as needed.
    pub fn new(packets: u64) -> Self {
        let mut slots = Vec::new();
        let _ = slots.try_reserve_exact(packets.min(SLOTS) as usize);
        PacketPool {
            slots,
            free: Vec::new(),
        }
    }

    #[inline]
    pub fn insert(&mut self, packet: Packet) -> PacketId {
        if let Some(id) = self.free.pop() {
            self.slots[id as usize] = packet;
            id
        } else {
            self.slots.push(packet);
            (self.slots.len() - 1) as PacketId
        }
    }

    #[inline]
    pub fn remove(&mut self, id: PacketId) {
        self.free.push(id);
    }
}

impl std::ops::Index<PacketId> for PacketPool {
    type Output = Packet;

    #[inline]
    fn index(&self, id: PacketId) -> &Packet {
        &self.slots[id as usize]
    }
}

impl std::ops::IndexMut<PacketId> for PacketPool {
    #[inline]
    fn index_mut(&mut self, id: PacketId) -> &mut Packet {
        &mut self.slots[id as usize]
    }
}

/// A first-in first-out list of packets, linked through [`Packet::next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fifo {
    pub head: PacketId,
    pub tail: PacketId,
}

impl Default for Fifo {
    fn default() -> Self {
        Fifo::EMPTY
    }
}

impl Fifo {
    pub const EMPTY: Fifo = Fifo {
        head: NO_PACKET,
        tail: NO_PACKET,
    };

    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.head == NO_PACKET
    }

    #[inline]
    pub fn push(&mut self, pool: &mut PacketPool, id: PacketId) {
        pool[id].next = NO_PACKET;
        if self.is_empty() {
            self.head = id;
        } else {
            pool[self.tail].next = id;
        }
        self.tail = id;
    }

    #[inline]
    pub fn pop(&mut self, pool: &PacketPool) -> Option<PacketId> {
        if self.is_empty() {
            return None;
        }
        let id = self.head;
        self.head = pool[id].next;
        Some(id)
    }

    /// Puts the packet `new` in the place of the last one, whose content is returned.
    /// `new` is freed; the slot at the tail now holds its content.
    pub fn replace_tail(&mut self, pool: &mut PacketPool, new: PacketId) -> Packet {
        let mut content = pool[new];
        content.next = NO_PACKET;
        pool.remove(new);
        std::mem::replace(&mut pool[self.tail], content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_one_cache_line() {
        assert_eq!(size_of::<Packet>(), 64);
    }

    #[test]
    fn a_pause_frame_carries_all_that_it_says() {
        for (bits, quanta) in (0..32).zip([Some(0), Some(1), Some(u16::MAX), None].iter().cycle()) {
            let pause = Pause {
                global: bits & 1 != 0,
                out_of_band: bits & 2 != 0,
                enabled: 0xa5 ^ bits,
                stop: 0x81 ^ bits,
                quanta: *quanta,
            };
            assert_eq!(Pause::of(&pause.packet()), pause);
        }
    }

    #[test]
    fn fifo_keeps_order_and_the_pool_reuses_slots() {
        let mut pool = PacketPool::new(4);
        let mut fifo = Fifo::EMPTY;
        let ids: Vec<_> = (0..3).map(|_| pool.insert(Packet::EMPTY)).collect();
        ids.iter().for_each(|&id| fifo.push(&mut pool, id));
        pool[ids[2]].psn = 2;
        let extra = pool.insert(Packet {
            psn: 9,
            ..Packet::EMPTY
        });
        assert_eq!(fifo.replace_tail(&mut pool, extra).psn, 2);
        assert_eq!(pool[ids[2]].psn, 9);
        assert_eq!(pool.insert(Packet::EMPTY), extra);
        assert_eq!(fifo.pop(&pool), Some(ids[0]));
        pool.remove(ids[0]);
        assert_eq!(pool.insert(Packet::EMPTY), ids[0]);
        assert_eq!(fifo.pop(&pool), Some(ids[1]));
        assert_eq!(fifo.pop(&pool), Some(ids[2]));
        assert_eq!(fifo.pop(&pool), None);
    }
}
