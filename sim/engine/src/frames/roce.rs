//! RoCEv2 packets of flows.

use super::{Flow, Frames};
use crate::packet::{Packet, PacketKind, UNTAGGED, flag};
use xoff_model::Op;
use xoff_wire::bth::{
    Aeth, AtomicEth, Bth, CNP_PAYLOAD, DEFAULT_PKEY, Deth, Extensions, NakCode, Opcode, Operation,
    Reth, Service, Syndrome, UNLIMITED_CREDITS,
};
use xoff_wire::ip::{Ecn, Kind, Network};
use xoff_wire::{ethernet, psn, roce};

const TTL: u8 = 64;
pub(crate) const VLAN: u16 = 1;
pub(crate) const RKEY: u32 = 0x1000;
pub(crate) const QKEY: u32 = 0x1111_1111;

/// What distinguishes a packet above the network layer.
struct Transport {
    operation: Operation,
    /// Not wrapped, from the flow's first packet; may be one before it.
    psn: u32,
    ack_request: bool,
    extensions: Extensions,
    payload_len: u32,
}

impl Frames<'_> {
    pub(super) fn packet(&self, packet: &Packet) -> roce::Repr {
        let flow = &self.flows[packet.qp as usize];
        let source = usize::from(flow.op == Op::Read);
        let from = match packet.kind {
            PacketKind::Data => source,
            PacketKind::Refusal => 1,
            _ => 1 - source,
        };
        let (from, to) = (flow.ends[from], flow.ends[1 - from]);
        let mut bth = Bth {
            opcode: Opcode::CNP,
            pkey: DEFAULT_PKEY,
            becn: packet.kind == PacketKind::Cnp || packet.has(flag::CE_ECHO),
            dest_qp: to.qpn,
            ..Bth::default()
        };
        let (mut extensions, mut payload_len) = (Extensions::default(), CNP_PAYLOAD as u32);
        if let Some(transport) = flow.transport(packet) {
            bth.opcode = Opcode::new(flow.service, transport.operation);
            // A connection starts migrated, and nothing here arms another path (IBTA 9.2.3).
            bth.migreq = flow.service != Service::Ud;
            bth.psn = psn::add(flow.first_psn, transport.psn);
            bth.ack_request = transport.ack_request;
            extensions = transport.extensions;
            payload_len = transport.payload_len;
        }
        if flow.service == Service::Ud && packet.kind == PacketKind::Data {
            extensions.deth = Some(Deth {
                qkey: QKEY,
                src_qp: from.qpn,
            });
        }
        let tag = ethernet::VlanTag {
            tpid: 0x8100,
            pcp: packet.pcp,
            dei: false,
            vid: VLAN,
        };
        roce::Repr {
            ethernet: ethernet::Repr {
                dst: self.mac(to.port),
                src: self.mac(from.port),
                outer: (packet.pcp != UNTAGGED).then_some(tag),
                ..ethernet::Repr::default()
            },
            network: self.network(packet, (from.port, to.port)),
            sport: Some(flow.sport),
            bth,
            extensions,
            payload_len,
            spoil_icrc: packet.has(flag::CORRUPT),
        }
    }

    fn network(&self, packet: &Packet, (from, to): (u32, u32)) -> Network {
        let kind = if self.ipv6 {
            Kind::V6 { flow_label: 0 }
        } else {
            Kind::whole_v4(0)
        };
        let ecn = if packet.has(flag::CE) {
            Ecn::Ce
        } else if packet.has(flag::ECT) {
            Ecn::Ect0
        } else {
            Ecn::NotEct
        };
        Network {
            kind,
            src: self.address(from),
            dst: self.address(to),
            dscp: packet.dscp & 63,
            ecn,
            ttl: TTL,
            protocol: 0,
            payload_len: 0,
        }
    }
}

impl Flow {
    /// None for a CNP, which belongs to no transport.
    fn transport(&self, packet: &Packet) -> Option<Transport> {
        let answer = |syndrome| Extensions {
            aeth: Some(Aeth::new(syndrome, self.layout.whole_before(packet.psn))),
            ..Extensions::default()
        };
        let (operation, psn, extensions) = match packet.kind {
            PacketKind::Data => return Some(self.data(packet)),
            PacketKind::Cnp | PacketKind::Pause | PacketKind::Foreign => return None,
            PacketKind::Refusal => {
                let nak = Syndrome::Nak(NakCode::from_bits(packet.arg as u8));
                (Operation::Acknowledge, packet.psn, answer(nak))
            }
            PacketKind::Ack => {
                let mut extensions = answer(UNLIMITED);
                let before = packet.psn.wrapping_sub(1);
                if self.op == Op::Atomic {
                    extensions.atomic_ack = Some(0);
                    (Operation::AtomicAcknowledge, before, extensions)
                } else {
                    (Operation::Acknowledge, before, extensions)
                }
            }
            PacketKind::Nak => {
                let nak = Syndrome::Nak(NakCode::PsnSequenceError);
                (Operation::Acknowledge, packet.psn, answer(nak))
            }
            PacketKind::RnrNak => {
                let timer = packet.arg as u8;
                let extensions = answer(Syndrome::RnrNak { timer });
                (Operation::Acknowledge, packet.psn, extensions)
            }
            PacketKind::ReadRequest => {
                let extensions = Extensions {
                    reth: Some(self.reth(packet.psn, packet.arg)),
                    ..Extensions::default()
                };
                (Operation::ReadRequest, packet.psn, extensions)
            }
        };
        Some(Transport {
            operation,
            psn,
            ack_request: false,
            extensions,
            payload_len: 0,
        })
    }

    fn data(&self, packet: &Packet) -> Transport {
        let (_, first, last) = self.layout.packet(packet.psn);
        let first = first || packet.has(flag::RESTART);
        let mut extensions = Extensions::default();
        let start = self.layout.message_start(packet.psn);
        match self.op {
            Op::Write if first => {
                extensions.reth = Some(self.reth(start, self.layout.message_end(start)));
            }
            Op::Read if first || last => {
                let message = self.layout.whole_before(start).wrapping_add(1);
                extensions.aeth = Some(Aeth::new(UNLIMITED, message));
            }
            Op::Atomic => {
                extensions.atomic = Some(AtomicEth {
                    va: self.layout.offset(packet.psn),
                    rkey: RKEY,
                    swap_or_add: 1,
                    compare: 0,
                });
            }
            Op::Send | Op::Write | Op::Read => {}
        }
        let reliable = self.service == Service::Rc;
        Transport {
            operation: operation(self.op, first, last),
            psn: packet.psn,
            ack_request: packet.has(flag::ACK_REQUEST) && reliable && self.op != Op::Read,
            extensions,
            // The operands of an atomic are in its header.
            payload_len: if self.op == Op::Atomic {
                0
            } else {
                u32::from(packet.payload)
            },
        }
    }

    /// The memory of packets `from..to`; the flow's first byte lies at address 0.
    fn reth(&self, from: u32, to: u32) -> Reth {
        let va = self.layout.offset(from);
        let len = self.layout.offset(to).saturating_sub(va);
        Reth {
            va,
            rkey: RKEY,
            len: u32::try_from(len).unwrap_or(u32::MAX),
        }
    }
}

const UNLIMITED: Syndrome = Syndrome::Ack {
    credits: UNLIMITED_CREDITS,
};

fn operation(op: Op, first: bool, last: bool) -> Operation {
    use Operation as O;
    let [only, begin, end, middle] = match op {
        Op::Send => [O::SendOnly, O::SendFirst, O::SendLast, O::SendMiddle],
        Op::Write => [O::WriteOnly, O::WriteFirst, O::WriteLast, O::WriteMiddle],
        Op::Read => [
            O::ReadResponseOnly,
            O::ReadResponseFirst,
            O::ReadResponseLast,
            O::ReadResponseMiddle,
        ],
        Op::Atomic => [O::FetchAdd; 4],
    };
    match (first, last) {
        (true, true) => only,
        (true, false) => begin,
        (false, true) => end,
        (false, false) => middle,
    }
}
