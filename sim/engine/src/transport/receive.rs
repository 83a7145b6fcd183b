//! Receiving data packets: order, gaps, duplicates, acknowledgement, delivery.

use super::selective::Arrived;
use crate::Sim;
use crate::packet::{Packet, flag};
use xoff_model::results::{Outcome, WorkCompletion};
use xoff_model::time::SimTime;
use xoff_model::topology::fabric::PortId;
use xoff_model::{NpSpec, Op, Recovery, Transport};
use xoff_wire::bth::NakCode;

impl Sim<'_> {
    /// A data packet has reached its host.
    #[inline]
    pub(crate) fn receive_data(&mut self, port: PortId, packet: &Packet) {
        if self.receivers[packet.qp as usize].special && !self.is_usable(packet) {
            return;
        }
        let r = &self.receivers[packet.qp as usize];
        if packet.has(flag::CE) && (r.echo || self.nic_at(port).np != NpSpec::Off) {
            self.congestion_seen(port, packet.qp);
        }
        let r = &self.receivers[packet.qp as usize];
        match r.transport {
            Transport::Rc if packet.psn == r.epsn => self.in_order(packet),
            Transport::Rc if packet.psn > r.epsn => self.gap(packet),
            Transport::Rc => self.duplicate(packet),
            Transport::Uc => self.unreliable(packet),
            Transport::Ud => self.datagram(packet),
        }
    }

    /// Whether a queue pair that is in error, or about to find one, takes a packet.
    #[cold]
    fn is_usable(&mut self, packet: &Packet) -> bool {
        let r = &self.receivers[packet.qp as usize];
        let doomed = packet.psn == r.doom && packet.psn == r.epsn;
        if doomed && !r.dead {
            self.refuse_request(packet.qp, NakCode::InvalidRequest);
        }
        !doomed && !self.receivers[packet.qp as usize].dead
    }

    #[inline]
    fn in_order(&mut self, packet: &Packet) {
        let qp = packet.qp;
        if packet.psn == self.receivers[qp as usize].message_end
            && !self.open_message(qp, packet.psn)
        {
            return;
        }
        if self.observing {
            self.note_accepted(qp, packet.psn);
        }
        let r = &mut self.receivers[qp as usize];
        if r.echo && r.marked != packet.has(flag::CE) {
            self.marking_changes(packet);
        }
        let r = &mut self.receivers[qp as usize];
        r.epsn += 1;
        r.since_ack += 1;
        r.nak_sent = false;
        r.retries = 0;
        if r.recovery != Recovery::GoBack0 {
            r.delivered += u64::from(packet.payload);
        }
        if r.op != Op::Read && r.arrived.is_none() && r.deadline != crate::port::NEVER {
            r.deadline = crate::port::NEVER;
        }
        if r.arrived.is_some() {
            self.absorb_arrived(qp);
        } else if r.epsn == r.message_end {
            self.close_message(qp);
        }
        self.acknowledge(packet);
    }

    /// An ACK speaks for marked packets or for others, never for both (RFC 8257, 3.2): what came
    /// before is acknowledged now.
    fn marking_changes(&mut self, packet: &Packet) {
        let r = &mut self.receivers[packet.qp as usize];
        r.marked = packet.has(flag::CE);
        if r.since_ack == 0 || r.op == Op::Read {
            return;
        }
        let before = Packet {
            flags: packet.flags ^ flag::CE,
            psn: r.epsn - 1,
            telemetry: Packet::EMPTY.telemetry,
            ..*packet
        };
        self.send_ack(&before);
    }

    /// Keeps watch over the receiver: each packet is accepted once and in its turn.
    #[cold]
    fn note_accepted(&mut self, qp: u32, psn: u32) {
        let again = self.receivers[qp as usize].recovery == Recovery::GoBack0;
        let cold = &mut self.receivers_cold[qp as usize];
        cold.spoiled |= psn > cold.in_turn || (psn < cold.in_turn && !again);
        cold.in_turn = psn + 1;
    }

    /// Answers an in-order packet if it is time to.
    #[inline]
    fn acknowledge(&mut self, packet: &Packet) {
        let r = &self.receivers[packet.qp as usize];
        if r.op == Op::Read {
            let epsn = r.epsn;
            self.arm_read_timeout(packet.qp);
            return self.complete_up_to(packet.qp, epsn);
        }
        if packet.has(flag::ACK_REQUEST) || r.since_ack >= r.ack_every || r.op == Op::Atomic {
            self.send_ack(packet);
        }
    }

    /// Selective repeat: packets that had come early now follow in order.
    fn absorb_arrived(&mut self, qp: u32) {
        loop {
            let r = &mut self.receivers[qp as usize];
            if r.epsn == r.message_end {
                self.close_message(qp);
            }
            let r = &mut self.receivers[qp as usize];
            let epsn = r.epsn;
            if epsn >= r.layout.total || !r.arrived.as_ref().is_some_and(|a| a.contains(epsn)) {
                return;
            }
            if epsn == r.message_end && !self.open_message(qp, epsn) {
                // It will come again, and all behind it.
                self.receivers[qp as usize].arrived = None;
                return;
            }
            let r = &mut self.receivers[qp as usize];
            r.delivered += u64::from(r.layout.packet(epsn).0);
            r.epsn += 1;
            r.since_ack += 1;
            if self.observing {
                self.note_accepted(qp, epsn);
            }
        }
    }

    /// The first packet of a message: a SEND needs a posted receive. False: refused.
    fn open_message(&mut self, qp: u32, first: u32) -> bool {
        if let Some(spec) = self.model.flows[qp as usize].receives {
            let now = self.now;
            let r = &mut self.receivers[qp as usize];
            while r.reposts.front().is_some_and(|&at| at <= now) {
                r.reposts.pop_front();
                r.receives = (r.receives + 1).min(spec.posted);
            }
            if r.receives == 0 {
                self.receivers_cold[qp as usize].counters.out_of_buffer += 1;
                if r.transport == Transport::Rc {
                    // The rest of the burst is dropped silently until this packet comes again.
                    r.nak_sent = true;
                    r.nak_at = crate::port::NEVER;
                    self.send_rnr_nak(qp);
                }
                return false;
            }
            r.receives -= 1;
        }
        let r = &mut self.receivers[qp as usize];
        r.message_start = first;
        r.message_end = r.layout.message_end(first);
        true
    }

    /// The message being received is whole.
    fn close_message(&mut self, qp: u32) {
        let repost = self.model.flows[qp as usize]
            .receives
            .map(|spec| spec.repost.ps());
        let now = self.now;
        let r = &mut self.receivers[qp as usize];
        if let Some(after) = repost {
            r.reposts.push_back(now + after);
        }
        // Other transports have counted what arrived.
        if r.recovery == Recovery::GoBack0 && r.transport == Transport::Rc {
            let packets = r.message_start..r.message_end;
            r.delivered += packets
                .map(|p| u64::from(r.layout.packet(p).0))
                .sum::<u64>();
        }
        if self.observing && r.op == Op::Send {
            let cold = &mut self.receivers_cold[qp as usize];
            cold.received.push(WorkCompletion {
                at: SimTime::from_ps(now),
                outcome: Outcome::Success,
            });
        }
        self.message_delivered(qp);
    }

    /// A packet beyond the expected one: something is missing.
    fn gap(&mut self, packet: &Packet) {
        let qp = packet.qp;
        let rc = self.nic_at(self.receivers[qp as usize].port).rc;
        let counters = &mut self.receivers_cold[qp as usize].counters;
        counters.out_of_sequence += 1;
        let r = &mut self.receivers[qp as usize];
        if r.recovery == Recovery::Selective && r.op != Op::Read {
            if r.nak_sent {
                // After an RNR NAK the rest of the burst is dropped: it will all come again.
                return;
            }
            let epsn = r.epsn;
            let arrived = r
                .arrived
                .get_or_insert_with(|| Box::new(Arrived::default()));
            if arrived.insert(epsn, packet.psn) {
                self.send_nak(packet);
            }
            return;
        }
        let again = rc
            .nak_repeat
            .is_some_and(|span| self.now >= r.nak_at.saturating_add(span.ps()));
        if r.nak_sent && !again {
            return;
        }
        r.nak_sent = true;
        r.nak_at = self.now;
        if r.op == Op::Read {
            counters.implied_nak_seq_err += 1;
            return self.repeat_read(qp);
        }
        if r.recovery == Recovery::GoBack0 && r.epsn != r.message_end {
            // The whole message is to be sent again; what arrived of it is forgotten.
            r.epsn = r.message_start;
        }
        if rc.nak_delay.is_zero() {
            return self.send_nak(packet);
        }
        r.nak_for = packet.psn;
        r.deadline = self.now + rc.nak_delay.ps();
        let at = r.deadline;
        self.arm_receiver(qp, at);
    }

    /// A packet that was received before.
    fn duplicate(&mut self, packet: &Packet) {
        let qp = packet.qp;
        let r = &mut self.receivers[qp as usize];
        if r.op == Op::Read {
            return;
        }
        let restarts = r.recovery == Recovery::GoBack0
            && packet.psn == r.message_start
            && r.epsn < r.message_end;
        if restarts {
            r.epsn = r.message_start + 1;
            r.nak_sent = false;
            return self.acknowledge(packet);
        }
        self.receivers_cold[qp as usize].counters.duplicate_request += 1;
        // IBTA C9-105: acknowledged again, not executed again.
        if packet.has(flag::ACK_REQUEST) || r.recovery == Recovery::Selective {
            self.send_ack(packet);
        }
    }

    /// UC: a gap spoils the message; the next first packet starts afresh.
    fn unreliable(&mut self, packet: &Packet) {
        let qp = packet.qp;
        let start = self.receivers[qp as usize].layout.message_start(packet.psn);
        let r = &mut self.receivers[qp as usize];
        if packet.psn != r.epsn {
            self.receivers_cold[qp as usize].counters.out_of_sequence += 1;
        }
        let broken = packet.psn != r.epsn;
        let half_received = !r.broken && r.epsn != r.message_end;
        if broken
            && half_received
            && let Some(spec) = self.model.flows[qp as usize].receives
        {
            // The receive of a message that is given up serves the next one.
            r.receives = (r.receives + 1).min(spec.posted);
            r.broken = true;
        }
        if packet.psn == start {
            let refused = !self.open_message(qp, packet.psn);
            self.receivers[qp as usize].broken = refused;
        } else if broken {
            let r = &mut self.receivers[qp as usize];
            r.broken = true;
        }
        let r = &mut self.receivers[qp as usize];
        r.epsn = packet.psn + 1;
        if !r.broken && r.epsn == r.layout.message_end(start) {
            r.delivered += (start..r.epsn)
                .map(|p| u64::from(r.layout.packet(p).0))
                .sum::<u64>();
            self.receivers_cold[qp as usize].messages += 1;
            self.close_message(qp);
        }
    }

    /// UD: every packet stands alone.
    fn datagram(&mut self, packet: &Packet) {
        if self.open_message(packet.qp, packet.psn) {
            let r = &mut self.receivers[packet.qp as usize];
            r.epsn = packet.psn + 1;
            r.delivered += u64::from(packet.payload);
            self.receivers_cold[packet.qp as usize].messages += 1;
            self.close_message(packet.qp);
        }
    }
}
