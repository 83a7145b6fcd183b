//! Frames that rules have edited or made, as the queue pairs of a host take them: by their bytes.

mod request;

use crate::Sim;
use crate::packet::{Packet, PacketId, PacketKind, flag};
use xoff_model::results::DropCause;
use xoff_model::topology::fabric::PortId;
use xoff_model::{Op, Recovery, Transport};
use xoff_wire::bth::{DEFAULT_PKEY, NakCode, Operation, Service, Syndrome};
use xoff_wire::dissect::{Body, Dissected, Link, dissect};
use xoff_wire::ip::Kind;
use xoff_wire::psn;
use xoff_wire::roce::{self, Icrc};

/// The part of a P_Key that must agree; the top bit is the kind of membership (IBTA 10.9).
const PKEY_BASE: u16 = 0x7fff;

/// A packet at a queue pair that is there.
struct Heard<'a> {
    qp: u32,
    /// At the responder rather than the requester.
    responder: bool,
    roce: &'a roce::Packet<'a>,
    /// The packet that it was.
    original: Packet,
    /// What does not depend on the headers of the transport.
    base: Packet,
}

/// Why a frame gets no further than its NIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    Icrc,
    Headers,
}

impl Sim<'_> {
    /// A foreign frame is in host memory.
    #[cold]
    pub(crate) fn deliver_foreign(&mut self, port: PortId, id: PacketId) {
        let packet = self.packets[id];
        let bytes = self.foreign_bytes(&packet);
        let dissected = dissect(Link::Ethernet, &bytes, bytes.len() as u32);
        let taken = match &dissected.body {
            Body::Roce(_) if !self.is_for(port, &dissected) => false,
            Body::Roce(roce) => match self.admit(port, &packet, roce) {
                Ok(heard) => self.hear(port, &heard),
                Err(refused) => {
                    if refused == Refused::Icrc {
                        self.count_icrc(port, &packet);
                    }
                    false
                }
            },
            _ => false,
        };
        if !taken {
            return self.discard(port, id, DropCause::Refused);
        }
        self.release_telemetry(&packet);
        self.foreigners.remove(packet.arg);
        self.packets.remove(id);
    }

    /// Whether the addresses of a packet are those of a port.
    fn is_for(&self, port: PortId, frame: &Dissected<'_>) -> bool {
        let (Some(wire), Body::Roce(roce)) = (&self.wire, &frame.body) else {
            return false;
        };
        let frames = &wire.frames;
        frame.ethernet.dst == frames.mac(port) && roce.network.dst == frames.address(port)
    }

    fn count_icrc(&mut self, port: PortId, packet: &Packet) {
        let qp = self.original(packet).qp as usize;
        let node = |port: PortId| self.fabric.ports[port as usize].node;
        let counters = if node(port) == node(self.receivers[qp].port) {
            &mut self.receivers_cold[qp].counters
        } else {
            &mut self.senders_cold[qp].counters
        };
        counters.rx_icrc_encapsulated += 1;
    }

    /// The checks that every packet must pass before its queue pair sees it (IBTA 9.6.1).
    fn admit<'a>(
        &self,
        port: PortId,
        packet: &Packet,
        roce: &'a roce::Packet<'a>,
    ) -> Result<Heard<'a>, Refused> {
        let sum_wrong = matches!(
            roce.network.kind,
            Kind::V4 {
                checksum_ok: false,
                ..
            }
        );
        if sum_wrong {
            return Err(Refused::Headers);
        }
        match roce.icrc {
            Icrc::Valid => {}
            Icrc::Invalid { .. } => return Err(Refused::Icrc),
            Icrc::Unavailable => return Err(Refused::Headers),
        }
        let bth = &roce.bth;
        let partition = bth.pkey & PKEY_BASE == DEFAULT_PKEY & PKEY_BASE;
        let found = self.queue_pair(port, bth.dest_qp);
        let (true, true, 0, Some((qp, responder))) =
            (bth.opcode.is_known(), partition, bth.tver, found)
        else {
            return Err(Refused::Headers);
        };
        let service = match self.model.flows[qp as usize].transport {
            Transport::Rc => Service::Rc,
            Transport::Uc => Service::Uc,
            Transport::Ud => Service::Ud,
        };
        let key = |qkey: u32| service == Service::Ud && qkey != crate::frames::QKEY;
        let wrong_key = roce.extensions.deth.is_some_and(|deth| key(deth.qkey));
        if (bth.opcode.service() != Some(service) && !bth.opcode.is_cnp()) || wrong_key {
            return Err(Refused::Headers);
        }
        let original = self.original(packet);
        let ack_request = if bth.ack_request {
            flag::ACK_REQUEST
        } else {
            0
        };
        let kept = packet.flags & (flag::ECT | flag::CE) | original.flags & flag::CE_ECHO;
        let base = Packet {
            qp,
            sent_at: original.sent_at,
            telemetry: packet.telemetry,
            flags: kept | ack_request,
            ..Packet::EMPTY
        };
        Ok(Heard {
            qp,
            responder,
            roce,
            original,
            base,
        })
    }

    /// The flow of a queue pair of this host, and whether it is the responder's.
    fn queue_pair(&self, port: PortId, qpn: u32) -> Option<(u32, bool)> {
        let flows = self.wire.as_ref()?.frames.flows();
        let qp = psn::sub(qpn, crate::frames::FIRST_QPN) / 2;
        let ends = flows.get(qp as usize)?.ends;
        let responder = ends[1].qpn == qpn;
        let end = if responder { ends[1] } else { ends[0] };
        let node = |port: PortId| self.fabric.ports[port as usize].node;
        (end.qpn == qpn && node(end.port) == node(port)).then_some((qp, responder))
    }

    /// Gives a packet to its queue pair. False: it makes nothing of it.
    fn hear(&mut self, port: PortId, heard: &Heard<'_>) -> bool {
        let opcode = heard.roce.bth.opcode;
        let read = self.model.flows[heard.qp as usize].op == Op::Read;
        if opcode.is_cnp() {
            // Congestion control is where the data comes from.
            if heard.responder == read {
                self.receive_cnp(&heard.base);
            }
            return heard.responder == read;
        }
        let Some(operation) = opcode.operation() else {
            return false;
        };
        match (heard.responder, operation) {
            (false, Operation::Acknowledge) if read => self.hear_read_nak(heard),
            (false, Operation::Acknowledge | Operation::AtomicAcknowledge) => {
                self.hear_ack(heard, operation)
            }
            (false, op) if op.is_read_response() && read => self.hear_response(port, heard, op),
            (true, Operation::ReadRequest) if read => self.hear_read_request(heard),
            (true, op) if op.is_request() => self.hear_request(port, heard, op),
            _ => false,
        }
    }

    /// The sequence number of a packet, counted from the flow's first; negative before it.
    fn unwrap_psn(&self, heard: &Heard<'_>, near: u32) -> i64 {
        let flows = self.wire.as_ref().map(|wire| wire.frames.flows());
        let first = flows.and_then(|flows| flows.get(heard.qp as usize));
        let first = first.map_or(0, |flow| flow.first_psn);
        psn::unwrap(heard.roce.bth.psn, first, near)
    }

    /// An acknowledgement at the requester of anything but READs.
    fn hear_ack(&mut self, heard: &Heard<'_>, operation: Operation) -> bool {
        let s = &self.senders[heard.qp as usize];
        let (una, max) = (s.una, s.max);
        let at = self.unwrap_psn(heard, una);
        let Some(aeth) = heard.roce.extensions.aeth else {
            return false;
        };
        // What was never sent cannot be answered.
        if at >= i64::from(max) {
            return false;
        }
        let atomic = self.model.flows[heard.qp as usize].op == Op::Atomic;
        let kind = aeth.kind();
        let fits = atomic == (operation == Operation::AtomicAcknowledge);
        if matches!(kind, Syndrome::Ack { .. }) {
            if fits && let Ok(next) = u32::try_from(at + 1) {
                self.receive_ack(&Packet {
                    kind: PacketKind::Ack,
                    psn: next,
                    arg: heard.original.arg,
                    ..heard.base
                });
            }
            return fits;
        }
        if matches!(kind, Syndrome::Reserved(_)) {
            return false;
        }
        match u32::try_from(at) {
            Ok(at) if at >= una => self.hear_nak(heard, at, kind),
            // Of what was acknowledged since.
            _ => true,
        }
    }

    /// A NAK or RNR NAK of the outstanding packet `at`.
    fn hear_nak(&mut self, heard: &Heard<'_>, at: u32, kind: Syndrome) -> bool {
        let reply = Packet {
            kind: PacketKind::Nak,
            psn: at,
            arg: heard.original.arg,
            ..heard.base
        };
        match kind {
            Syndrome::RnrNak { timer } => self.receive_rnr_nak(&Packet {
                arg: u32::from(timer),
                ..reply
            }),
            Syndrome::Nak(NakCode::PsnSequenceError) => {
                let selective = self.senders[heard.qp as usize].recovery == Recovery::Selective;
                // Selective repeat needs to know what arrived, which only its own NAKs tell.
                if selective && heard.original.kind != PacketKind::Nak {
                    return false;
                }
                self.receive_nak(&reply);
            }
            Syndrome::Nak(code) => self.receive_refusal(&Packet {
                arg: u32::from(code.bits()),
                ..reply
            }),
            Syndrome::Ack { .. } | Syndrome::Reserved(_) => return false,
        }
        true
    }

    /// A negative acknowledgement of a READ request.
    fn hear_read_nak(&mut self, heard: &Heard<'_>) -> bool {
        let r = &self.receivers[heard.qp as usize];
        let (epsn, requested) = (r.epsn, r.requested);
        let at = self.unwrap_psn(heard, epsn);
        let syndrome = heard.roce.extensions.aeth.map(|aeth| aeth.kind());
        let outstanding = i64::from(epsn)..i64::from(requested);
        match (syndrome, u32::try_from(at)) {
            (Some(Syndrome::Nak(code)), Ok(psn)) if outstanding.contains(&at) => {
                self.receive_refusal(&Packet {
                    psn,
                    arg: u32::from(code.bits()),
                    ..heard.base
                });
                true
            }
            _ => false,
        }
    }

    /// A READ response at the requester.
    fn hear_response(&mut self, port: PortId, heard: &Heard<'_>, op: Operation) -> bool {
        let r = &self.receivers[heard.qp as usize];
        let (epsn, requested, layout) = (r.epsn, r.requested, r.layout);
        let at = self.unwrap_psn(heard, epsn);
        let Ok(psn) = u32::try_from(at) else {
            return false;
        };
        if psn >= requested {
            return false;
        }
        let (payload, _, last) = layout.packet(psn);
        if psn == epsn {
            let ends = op.is_last() || op.is_only();
            if ends != last || heard.roce.payload_len != u32::from(payload) {
                return false;
            }
            self.note_content(heard, psn);
        }
        self.receive_data(
            port,
            &Packet {
                psn,
                payload,
                ..heard.base
            },
        );
        true
    }

    /// Notes whether what a packet carries is what belongs to `psn`.
    fn note_content(&mut self, heard: &Heard<'_>, psn: u32) {
        let same = heard.original.kind == PacketKind::Data
            && (heard.original.qp, heard.original.psn) == (heard.qp, psn);
        let untouched = heard.roce.payload.iter().all(|&byte| byte == 0);
        if !(same && untouched) {
            self.receivers_cold[heard.qp as usize].spoiled = true;
        }
    }
}
