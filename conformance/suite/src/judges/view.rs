//! Packets as judges of formats need them: by stream, by message, by place in the frame.

use crate::evidence::Flow;
use crate::facts::{Facts, Seen};
use std::collections::BTreeMap;
use std::net::IpAddr;
use xoff_model::rules::Class;
use xoff_wire::bth::{Operation, Service};
use xoff_wire::ip::Kind;
use xoff_wire::psn;
use xoff_wire::roce::Packet;

/// Bytes at the end of a frame that some capture with the rest.
pub(super) use xoff_wire::ethernet::FCS;

/// A packet with its frame.
pub(super) type Sent<'f, 'a> = (&'f Seen<'a>, &'f Packet<'a>);

/// One direction of a queue pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stream {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub dest_qp: u32,
    /// Queue pair of the sender, where datagrams name it.
    pub src_qp: Option<u32>,
}

impl Stream {
    pub(super) fn of(packet: &Packet<'_>) -> Stream {
        Stream {
            src: packet.network.src,
            dst: packet.network.dst,
            dest_qp: packet.bth.dest_qp,
            src_qp: packet.extensions.deth.map(|deth| deth.src_qp),
        }
    }
}

/// What was sent, apart from management datagrams, by stream.
pub(super) fn streams<'f, 'a>(
    facts: &'f Facts<'a>,
    wanted: impl Fn(&Seen<'a>, &Packet<'a>) -> bool,
) -> BTreeMap<Stream, Vec<Sent<'f, 'a>>> {
    let mut streams: BTreeMap<Stream, Vec<Sent<'f, 'a>>> = BTreeMap::new();
    for (seen, packet) in facts.sent() {
        if seen.class != Class::Mad && wanted(seen, packet) {
            streams
                .entry(Stream::of(packet))
                .or_default()
                .push((seen, packet));
        }
    }
    streams
}

/// SEND and WRITE, or READ responses: packets that make up messages.
pub(super) fn makes_messages(seen: &Seen<'_>) -> bool {
    matches!(seen.class, Class::Data | Class::ReadResponse)
}

pub(super) fn is_connected(packet: &Packet<'_>) -> bool {
    let service = packet.bth.opcode.service();
    matches!(service, Some(Service::Rc | Service::Uc | Service::Xrc))
}

pub(super) fn is_reliable(packet: &Packet<'_>) -> bool {
    let service = packet.bth.opcode.service();
    matches!(service, Some(Service::Rc | Service::Xrc))
}

/// The flow of which this is a request that its sender sends.
pub(super) fn requested<'f>(
    facts: &'f Facts<'_>,
    seen: &Seen<'_>,
    packet: &Packet<'_>,
) -> Option<&'f Flow> {
    let ours =
        |flow: &&Flow| flow.requester == seen.host && seen.out && flow.qpn[1] == packet.bth.dest_qp;
    facts.evidence.flows.iter().find(ours)
}

/// How many PSNs a packet takes: a READ request those of its answer.
pub(super) fn span(packet: &Packet<'_>, mtu: u32) -> u32 {
    let read = packet.bth.opcode.operation() == Some(Operation::ReadRequest);
    let asked = packet.extensions.reth.filter(|_| read);
    asked.map_or(1, |reth| psn::packets(u64::from(reth.len), mtu) as u32)
}

/// Packets of one message in direct succession.
#[derive(Clone, Debug)]
pub(super) struct Message<'f, 'a> {
    pub packets: Vec<Sent<'f, 'a>>,
    /// From its first packet to its last.
    pub whole: bool,
}

impl Message<'_, '_> {
    pub(super) fn payload(&self) -> u64 {
        let bytes = |(_, packet): &Sent<'_, '_>| u64::from(packet.payload_len);
        self.packets.iter().map(bytes).sum()
    }

    pub(super) fn frames(&self) -> Vec<u64> {
        self.packets.iter().map(|(seen, _)| seen.number).collect()
    }
}

/// Messages of a stream of packets that make up messages. Repetitions begin new ones.
pub(super) fn messages<'f, 'a>(stream: &[Sent<'f, 'a>]) -> Vec<Message<'f, 'a>> {
    let mut messages: Vec<Message<'f, 'a>> = Vec::new();
    // The PSN that would go on with the last message.
    let mut next = None;
    for &(seen, packet) in stream {
        let opcode = packet.bth.opcode;
        let opens = opcode.is_first() || opcode.is_only();
        match messages.last_mut() {
            Some(message) if !opens && next == Some(packet.bth.psn) => {
                message.packets.push((seen, packet));
                message.whole &= opcode.is_middle() || opcode.is_last();
            }
            _ => messages.push(Message {
                packets: vec![(seen, packet)],
                whole: opens,
            }),
        }
        let ends = opcode.is_last() || opcode.is_only();
        next = (!ends).then(|| psn::add(packet.bth.psn, 1));
    }
    let last = |message: &Message<'_, '_>| message.packets.last().map(|(_, p)| p.bth.opcode);
    for message in &mut messages {
        let ended = last(message).is_some_and(|op| op.is_last() || op.is_only());
        message.whole &= ended;
    }
    messages
}

/// Where the parts of a RoCEv2 frame are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub ip: usize,
    pub udp: usize,
    /// First byte of the ICRC, as UDP's length says.
    pub icrc: usize,
    pub udp_len: u16,
}

/// None: RoCEv1, or the frame ends before.
pub(super) fn layout(seen: &Seen<'_>, packet: &Packet<'_>) -> Option<Layout> {
    let ip = seen.frame.ethernet.header_len();
    let udp = match packet.network.kind {
        Kind::V4 { header_len, .. } => ip + usize::from(header_len),
        Kind::V6 { .. } => ip + packet.network.buffer_len(),
        Kind::Grh { .. } => return None,
    };
    let length = seen.bytes.get(udp + 4..udp + 6)?.first_chunk::<2>()?;
    let udp_len = u16::from_be_bytes(*length);
    let icrc = (udp + usize::from(udp_len)).checked_sub(4)?;
    (icrc + 4 <= seen.bytes.len()).then_some(Layout {
        ip,
        udp,
        icrc,
        udp_len,
    })
}

/// "RC SEND Only to 0x000011, PSN 0x000007".
pub(super) fn describe(packet: &Packet<'_>) -> String {
    let (qp, psn) = (packet.bth.dest_qp, packet.bth.psn);
    format!("{} to {qp:#08x}, PSN {psn:#08x}", packet.bth.opcode)
}
