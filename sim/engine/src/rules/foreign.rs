//! Frames whose bytes count: edited or made by rules.

use crate::Sim;
use crate::frames;
use crate::packet::{Packet, PacketId, PacketKind, UNTAGGED, flag};
use std::collections::BTreeMap;
use xoff_model::rules::edit::{self, Edit};
use xoff_wire::dissect::{Body, Link, dissect};
use xoff_wire::ethernet;
use xoff_wire::ip::Ecn;

/// A frame with bytes of its own.
#[derive(Clone, Debug)]
pub(crate) struct Foreign {
    /// Without FCS.
    pub(crate) bytes: Vec<u8>,
    /// The packet that it was made from.
    pub(crate) original: Packet,
}

/// All of them, by the number that [`Packet::arg`] holds.
#[derive(Debug, Default)]
pub(crate) struct Foreigners {
    by_number: BTreeMap<u32, Foreign>,
    next: u32,
}

impl Foreigners {
    fn insert(&mut self, foreign: Foreign) -> u32 {
        // Numbers come round after 2^32; far fewer frames exist at a time.
        while self.by_number.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let number = self.next;
        self.by_number.insert(number, foreign);
        self.next = number.wrapping_add(1);
        number
    }

    pub(super) fn copy(&mut self, number: u32) -> u32 {
        let foreign = self.get(number).clone();
        self.insert(foreign)
    }

    /// The frame of a packet that travels. It must be there.
    fn get(&self, number: u32) -> &Foreign {
        &self.by_number[&number]
    }

    /// The packet of a frame goes no further.
    pub(crate) fn remove(&mut self, number: u32) {
        let frame = self.by_number.remove(&number);
        assert!(frame.is_some(), "a packet of kind Foreign has bytes");
    }
}

impl Sim<'_> {
    /// From now on a packet is what `bytes` say.
    pub(super) fn make_foreign(&mut self, id: PacketId, bytes: &[u8]) {
        let packet = self.packets[id];
        let mut original = self.original(&packet);
        // The record stays with the packet that travels.
        original.telemetry = Packet::EMPTY.telemetry;
        if packet.kind == PacketKind::Foreign {
            self.foreigners.remove(packet.arg);
        }
        let number = self.foreigners.insert(Foreign {
            bytes: bytes.to_vec(),
            original,
        });
        let frame = bytes.len().max(ethernet::MIN_LEN) + ethernet::FCS;
        let altered = &mut self.packets[id];
        altered.kind = PacketKind::Foreign;
        altered.arg = number;
        altered.frame = frame.min(usize::from(u16::MAX)) as u16;
        let dissected = dissect(Link::Ethernet, bytes, bytes.len() as u32);
        altered.pcp = dissected.ethernet.outer.map_or(UNTAGGED, |tag| tag.pcp & 7);
        if let Body::Roce(roce) = &dissected.body {
            altered.dscp = roce.network.dscp & 63;
            altered.flags &= !(flag::ECT | flag::CE);
            altered.flags |= match roce.network.ecn {
                Ecn::NotEct => 0,
                Ecn::Ect0 | Ecn::Ect1 => flag::ECT,
                Ecn::Ce => flag::ECT | flag::CE,
            };
        }
    }

    /// The packet that a packet was before rules edited it.
    pub(crate) fn original(&self, packet: &Packet) -> Packet {
        if packet.kind != PacketKind::Foreign {
            return *packet;
        }
        self.foreigners.get(packet.arg).original
    }

    /// Puts the VLAN tag that a frame has now in the place of the one it had when it was made.
    fn renew_tag(&self, packet: &Packet, bytes: &mut Vec<u8>) {
        const ADDRESSES: usize = 12;
        let tag = dissect(Link::Ethernet, bytes, bytes.len() as u32)
            .ethernet
            .outer;
        match (tag, packet.pcp) {
            (Some(_), UNTAGGED) => drop(bytes.drain(ADDRESSES..ADDRESSES + 4)),
            (None, pcp) if pcp != UNTAGGED && bytes.len() >= ADDRESSES => {
                let [high, low] = frames::VLAN.to_be_bytes();
                bytes.splice(ADDRESSES..ADDRESSES, [0x81, 0, pcp << 5 | high, low]);
            }
            _ => {}
        }
    }

    /// The bytes of a foreign frame, with what switches did to it since.
    pub(crate) fn foreign_bytes(&self, packet: &Packet) -> Vec<u8> {
        let mut bytes = self.foreigners.get(packet.arg).bytes.clone();
        self.renew_tag(packet, &mut bytes);
        if packet.has(flag::CE) {
            edit::apply(Edit::SetCe, &mut bytes);
        }
        bytes
    }
}
