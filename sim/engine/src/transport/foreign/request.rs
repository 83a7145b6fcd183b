//! Foreign requests at a responder: the checks that decide between execution, silence and a NAK
//! (IBTA 9.7.4.1, 9.7.5.2.8).

use super::Heard;
use crate::Sim;
use crate::frames::RKEY;
use crate::packet::{Packet, PacketKind};
use crate::transport::sender_flag;
use xoff_model::topology::fabric::PortId;
use xoff_model::{Op, Recovery, Transport};
use xoff_wire::bth::{NakCode, Operation, Reth};
use xoff_wire::roce;

/// The longest message (IBTA 9.7.4.1.6).
const MAX_MESSAGE: u32 = 1 << 31;

/// What a responder says to the request that it expects.
enum Verdict {
    /// Executed. What comes at the number given cannot belong to it.
    Execute(Option<u32>),
    Refuse(NakCode),
}

impl Sim<'_> {
    /// A SEND, WRITE or atomic at its responder.
    pub(super) fn hear_request(
        &mut self,
        port: PortId,
        heard: &Heard<'_>,
        operation: Operation,
    ) -> bool {
        match self.model.flows[heard.qp as usize].transport {
            Transport::Rc => self.hear_reliable(port, heard, operation),
            Transport::Uc => self.hear_unreliable(port, heard, operation),
            Transport::Ud => {
                let datagram = operation.is_only() && heard.original.kind == PacketKind::Data;
                if datagram {
                    self.take(port, heard, heard.original.psn);
                }
                datagram
            }
        }
    }

    fn hear_reliable(&mut self, port: PortId, heard: &Heard<'_>, operation: Operation) -> bool {
        let qp = heard.qp as usize;
        let r = &self.receivers[qp];
        let (epsn, total, dead) = (r.epsn, r.layout.total, r.dead);
        let at = self.unwrap_psn(heard, epsn);
        let Ok(at) = u32::try_from(at) else {
            // Long executed.
            let counters = match self.model.flows[qp].op {
                Op::Read => &mut self.senders_cold[qp].counters,
                _ => &mut self.receivers_cold[qp].counters,
            };
            counters.duplicate_request += 1;
            if heard.roce.bth.ack_request && !dead {
                self.send_ack(&heard.base);
            }
            return true;
        };
        let sent = self.senders[qp].max;
        let selective = self.senders[qp].recovery == Recovery::Selective;
        if dead || (at == epsn && at >= total) || (selective && at >= sent) {
            return false;
        }
        if at != epsn {
            self.take(port, heard, at);
            return true;
        }
        match self.judge(heard.qp, at, heard.roce, operation) {
            Verdict::Execute(doom) => {
                self.note_content(heard, at);
                self.take(port, heard, at);
                let r = &mut self.receivers[qp];
                if let Some(doom) = doom.filter(|_| r.epsn > at) {
                    (r.doom, r.special) = (doom, true);
                }
            }
            Verdict::Refuse(code) => self.refuse_request(heard.qp, code),
        }
        true
    }

    /// A data packet with the number `psn`, as if it had come unedited.
    fn take(&mut self, port: PortId, heard: &Heard<'_>, psn: u32) {
        let layout = self.receivers[heard.qp as usize].layout;
        let (payload, ..) = layout.packet(psn.min(layout.total.saturating_sub(1)));
        let packet = Packet {
            psn,
            payload,
            ..heard.base
        };
        self.receive_data(port, &packet);
    }

    fn hear_unreliable(&mut self, port: PortId, heard: &Heard<'_>, operation: Operation) -> bool {
        let r = &self.receivers[heard.qp as usize];
        let at = self.unwrap_psn(heard, r.epsn);
        let layout = r.layout;
        let fits = u32::try_from(at).ok().filter(|&at| {
            at < layout.total && {
                let (payload, first, last) = layout.packet(at);
                let begins = operation.is_first() || operation.is_only();
                let ends = operation.is_last() || operation.is_only();
                let length = heard.roce.payload_len == u32::from(payload);
                (begins, ends) == (first, last) && length
            }
        });
        if let Some(at) = fits {
            self.note_content(heard, at);
            self.take(port, heard, at);
            return true;
        }
        // The message is lost; the next first packet starts afresh.
        let counters = &mut self.receivers_cold[heard.qp as usize].counters;
        counters.out_of_sequence += 1;
        self.receivers[heard.qp as usize].broken = true;
        false
    }

    /// The request whose number is expected.
    fn judge(&self, qp: u32, at: u32, packet: &roce::Packet<'_>, operation: Operation) -> Verdict {
        let spec = &self.model.flows[qp as usize];
        let r = &self.receivers[qp as usize];
        // A message that starts anew is outside, too.
        let anew = r.recovery == Recovery::GoBack0 && at == r.message_start;
        let inside = at != r.message_end && !anew;
        let (begins, ends) = (
            operation.is_first() || operation.is_only(),
            operation.is_last() || operation.is_only(),
        );
        let known = match spec.op {
            Op::Send => operation.is_send(),
            Op::Write => operation.is_write(),
            Op::Atomic => operation.is_atomic(),
            Op::Read => operation == Operation::ReadRequest,
        };
        let alone = !operation.carries_payload();
        if inside == (begins || alone) || (inside && !known) {
            return Verdict::Refuse(NakCode::InvalidRequest);
        }
        let mtu = u32::from(r.layout.mtu);
        let length = packet.payload_len;
        let right = match (begins, ends) {
            (_, false) if !alone => length == mtu,
            (false, true) => (1..=mtu).contains(&length),
            _ => length <= mtu,
        };
        if !right {
            return Verdict::Refuse(NakCode::InvalidRequest);
        }
        if let Some(code) = self.forbids(qp, packet) {
            return Verdict::Refuse(code);
        }
        if !known {
            // Memory was not opened for this.
            return Verdict::Refuse(NakCode::RemoteAccessError);
        }
        if spec.op == Op::Atomic {
            return Verdict::Execute(None);
        }
        self.fits_message(qp, at, packet, (begins, ends))
    }

    /// Whether a packet of the expected kind fits its message.
    fn fits_message(
        &self,
        qp: u32,
        at: u32,
        packet: &roce::Packet<'_>,
        (begins, ends): (bool, bool),
    ) -> Verdict {
        let layout = self.receivers[qp as usize].layout;
        let (payload, first, last) = layout.packet(at);
        let write = self.model.flows[qp as usize].op == Op::Write;
        let start = layout.message_start(at);
        let end = layout.message_end(start);
        if let (true, Some(reth)) = (write, packet.extensions.reth) {
            let whole = layout.offset(end) - layout.offset(start);
            if ends && packet.payload_len != reth.len {
                return Verdict::Refuse(NakCode::InvalidRequest);
            }
            if !ends && u64::from(reth.len) != whole {
                let full = reth.len / u32::from(layout.mtu).max(1);
                let doom = start.saturating_add(full.max(1)).min(end - 1);
                return Verdict::Execute(Some(doom).filter(|&doom| doom > at));
            }
        }
        if write && !begins && (ends != last || packet.payload_len != u32::from(payload)) {
            return Verdict::Refuse(NakCode::InvalidRequest);
        }
        // A SEND may end when it likes; what follows then belongs to no message.
        let other = (begins, ends) != (first, last);
        Verdict::Execute(other.then_some(at + 1))
    }

    /// Whether the memory that a request names is not open to it.
    fn forbids(&self, qp: u32, packet: &roce::Packet<'_>) -> Option<NakCode> {
        let bytes = self.model.flows[qp as usize].bytes;
        let outside = |va: u64, len: u64| va.checked_add(len).is_none_or(|end| end > bytes);
        if let Some(Reth { va, rkey, len }) = packet.extensions.reth {
            if len > MAX_MESSAGE {
                return Some(NakCode::InvalidRequest);
            }
            if len > 0 && (rkey != RKEY || outside(va, u64::from(len))) {
                return Some(NakCode::RemoteAccessError);
            }
        }
        if let Some(atomic) = packet.extensions.atomic {
            if !atomic.va.is_multiple_of(8) {
                return Some(NakCode::InvalidRequest);
            }
            if atomic.rkey != RKEY || outside(atomic.va, 8) {
                return Some(NakCode::RemoteAccessError);
            }
        }
        None
    }

    /// A READ request at its responder.
    pub(super) fn hear_read_request(&mut self, heard: &Heard<'_>) -> bool {
        let s = &self.senders[heard.qp as usize];
        let (limit, layout, failed) = (s.limit, s.layout, s.is(sender_flag::FAILED));
        let at = self.unwrap_psn(heard, limit);
        let (Ok(at), Some(reth)) = (u32::try_from(at), heard.roce.extensions.reth) else {
            return false;
        };
        if failed || at >= layout.total {
            return false;
        }
        if at <= limit
            && let Some(code) = self.forbids(heard.qp, heard.roce)
        {
            // A repetition that asks for something else is not answered (IBTA 9.7.5.2.3).
            if at == limit {
                self.refuse_request(heard.qp, code);
            }
            return at == limit;
        }
        let packets = reth.len.div_ceil(u32::from(layout.mtu).max(1)).max(1);
        self.receive_read_request(&Packet {
            kind: PacketKind::ReadRequest,
            psn: at,
            arg: at.saturating_add(packets).min(layout.total),
            ..heard.base
        });
        true
    }
}
