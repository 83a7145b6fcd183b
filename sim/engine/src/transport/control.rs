//! Control packets of the receiving side: ACK, NAK, RNR NAK, CNP, READ requests.

use super::sender_flag;
use crate::Sim;
use crate::packet::{NO_PACKET, Packet, PacketKind, UNTAGGED, flag};
use crate::port::NEVER;
use crate::queue::Kind;
use xoff_model::framing::header;
use xoff_model::results::FlowStatus;
use xoff_model::{CnpScope, NpSpec, Op};
use xoff_wire::bth::NakCode;

impl Sim<'_> {
    /// A control packet from the receiver of a flow back to its sender.
    fn control_packet(&self, qp: u32, kind: PacketKind, psn: u32, extension: u32) -> Packet {
        let r = &self.receivers[qp as usize];
        Packet {
            kind,
            qp,
            psn,
            route: r.route,
            frame: self.framing.control(extension) + u16::from(r.tag),
            dscp: r.dscp,
            pcp: r.pcp,
            priority: r.queue,
            queue: r.queue,
            ..Packet::EMPTY
        }
    }

    fn send_reply(&mut self, qp: u32, packet: Packet) {
        let (port, queue) = (self.receivers[qp as usize].port, packet.queue);
        let id = self.packets.insert(packet);
        self.send_control(port, queue, id);
    }

    /// Acknowledges everything before the next expected packet, in answer to `data`.
    pub(crate) fn send_ack(&mut self, data: &Packet) {
        let r = &mut self.receivers[data.qp as usize];
        r.since_ack = 0;
        let extension = match r.op {
            Op::Atomic => header::AETH + header::ATOMIC_ACK_ETH,
            _ => header::AETH,
        };
        let mut ack = self.control_packet(data.qp, PacketKind::Ack, 0, extension);
        self.answer(&mut ack, data);
        self.send_reply(data.qp, ack);
    }

    /// Fields that ACK and NAK take from the receiver's state and the packet they answer.
    fn answer(&mut self, reply: &mut Packet, data: &Packet) {
        reply.psn = self.receivers[data.qp as usize].epsn;
        reply.arg = data.psn;
        reply.sent_at = data.sent_at;
        if data.has(flag::CE) && self.receivers[data.qp as usize].echo {
            reply.flags |= flag::CE_ECHO;
        }
        reply.telemetry = self.telemetry.copy(data.telemetry);
    }

    /// The profile of the NIC that owns a host port.
    pub(crate) fn nic_at(&self, port: u32) -> &xoff_model::NicProfile {
        let unit = self.ports[port as usize].unit as usize;
        &self.model.nics[self.hosts[unit].profile as usize]
    }

    /// Reports a gap: the next expected packet is missing.
    pub(crate) fn send_nak(&mut self, data: &Packet) {
        let mut nak = self.control_packet(data.qp, PacketKind::Nak, 0, header::AETH);
        self.answer(&mut nak, data);
        self.send_reply(data.qp, nak);
    }

    pub(crate) fn send_rnr_nak(&mut self, qp: u32) {
        let r = &self.receivers[qp as usize];
        let (epsn, timer) = (r.epsn, r.rnr_timer);
        let mut nak = self.control_packet(qp, PacketKind::RnrNak, epsn, header::AETH);
        nak.arg = u32::from(timer);
        self.send_reply(qp, nak);
    }

    /// DCQCN notification point: a marked packet has arrived.
    pub(crate) fn congestion_seen(&mut self, port: u32, qp: u32) {
        let counters = &mut self.receivers_cold[qp as usize].counters;
        counters.np_ecn_marked_roce_packets += 1;
        let NpSpec::Cnp {
            interval,
            scope,
            marking,
            delay,
        } = self.nic_at(port).np
        else {
            return;
        };
        if self.receivers[qp as usize].echo {
            return;
        }
        let unit = self.ports[port as usize].unit as usize;
        let peer = &self.model.flows[qp as usize];
        let peer = if peer.op == Op::Read {
            peer.dst
        } else {
            peer.src
        };
        let next = match scope {
            CnpScope::Qp => &mut self.receivers[qp as usize].cnp_next,
            CnpScope::DestinationIp => self.hosts[unit].cnp_next.entry(peer).or_insert(0),
            CnpScope::Port => &mut self.cold[port as usize].cnp_next,
        };
        if self.now < *next {
            return;
        }
        *next = self.now + interval.ps();
        self.receivers_cold[qp as usize].counters.np_cnp_sent += 1;
        let mut cnp = self.control_packet(qp, PacketKind::Cnp, 0, header::CNP_RESERVED);
        cnp.dscp = marking.dscp;
        if cnp.pcp != UNTAGGED {
            cnp.pcp = marking.pcp;
        }
        cnp.priority = marking.priority;
        cnp.queue = marking.priority;
        if delay.is_zero() {
            return self.send_reply(qp, cnp);
        }
        cnp.due = self.now.saturating_add(delay.ps());
        let due = cnp.due;
        let id = self.packets.insert(cnp);
        let waiting = &mut self.nic_ports[port as usize].cnps;
        let idle = waiting.is_empty();
        waiting.push(&mut self.packets, id);
        if idle {
            self.schedule(due, Kind::Notify, port);
        }
    }

    /// The oldest CNP that a port's NIC has been working on is ready.
    pub(crate) fn notify(&mut self, port: u32) {
        while let Some(id) = self.nic_ports[port as usize].cnps.pop(&self.packets) {
            let (qp, queue) = (self.packets[id].qp, self.packets[id].queue);
            // The way back may have changed meanwhile.
            let r = &self.receivers[qp as usize];
            let leaves_by = r.port;
            self.packets[id].route = r.route;
            self.send_control(leaves_by, queue, id);
            let next = self.nic_ports[port as usize].cnps.head;
            if next == NO_PACKET {
                return;
            }
            let due = self.packets[next].due;
            if due > self.now {
                return self.schedule(due, Kind::Notify, port);
            }
        }
    }

    /// READ: asks for everything up to `end` that was not asked for yet.
    pub(crate) fn request_reads(&mut self, qp: u32, end: u32) {
        let r = &self.receivers[qp as usize];
        let from = r.requested;
        self.send_read_requests(qp, from, end);
        self.receivers[qp as usize].requested = from.max(end);
        self.arm_read_timeout(qp);
    }

    /// One request packet per message, as the wire has it.
    fn send_read_requests(&mut self, qp: u32, mut from: u32, end: u32) {
        let layout = self.receivers[qp as usize].layout;
        while from < end {
            let to = layout.message_end(layout.message_start(from)).min(end);
            self.send_read_request(qp, from, to);
            from = to;
        }
    }

    fn send_read_request(&mut self, qp: u32, from: u32, to: u32) {
        let mut request = self.control_packet(qp, PacketKind::ReadRequest, from, header::RETH);
        request.arg = to;
        self.send_reply(qp, request);
    }

    /// Refuses the request that is expected; the queue pair is in error from now on.
    pub(crate) fn refuse_request(&mut self, qp: u32, code: NakCode) {
        let r = &mut self.receivers[qp as usize];
        if r.op == Op::Read {
            self.senders[qp as usize].flags |= sender_flag::FAILED;
        } else {
            (r.dead, r.special) = (true, true);
        }
        self.send_refusal(qp, code);
    }

    /// A NAK from the responder, whichever way the data goes.
    fn send_refusal(&mut self, qp: u32, code: NakCode) {
        let arg = u32::from(code.bits());
        let s = &self.senders[qp as usize];
        if !s.is(sender_flag::READ) {
            let epsn = self.receivers[qp as usize].epsn;
            let nak = self.control_packet(qp, PacketKind::Refusal, epsn, header::AETH);
            return self.send_reply(qp, Packet { arg, ..nak });
        }
        // It goes the way of the responses, as one of them.
        let nak = Packet {
            kind: PacketKind::Refusal,
            qp,
            psn: s.limit,
            arg,
            route: s.route,
            frame: self.framing.control(header::AETH) + u16::from(s.tag),
            dscp: s.dscp,
            pcp: s.pcp,
            priority: s.queue,
            queue: s.queue,
            ..Packet::EMPTY
        };
        let port = s.port;
        let id = self.packets.insert(nak);
        self.send_control(port, nak.queue, id);
    }

    /// READ: the responder lacks a request.
    pub(crate) fn repeat_requests(&mut self, packet: &Packet) {
        let qp = packet.qp as usize;
        self.receivers_cold[qp].counters.packet_seq_err += 1;
        if self.receivers[qp].op == Op::Read {
            let r = &self.receivers[qp];
            let (from, to) = (packet.psn.max(r.epsn), r.requested);
            self.send_read_requests(packet.qp, from, to);
        }
    }

    /// READ: asks again from the first missing packet.
    pub(crate) fn repeat_read(&mut self, qp: u32) {
        let r = &self.receivers[qp as usize];
        let (from, to) = (r.epsn, r.requested);
        self.send_read_requests(qp, from, to);
        self.arm_read_timeout(qp);
    }

    pub(crate) fn arm_read_timeout(&mut self, qp: u32) {
        let timeout = self.nic_of(qp).rc.timeout.ps();
        let r = &mut self.receivers[qp as usize];
        if timeout == 0 || r.epsn >= r.requested {
            r.deadline = NEVER;
            return;
        }
        r.deadline = self.now + timeout;
        let at = r.deadline;
        self.arm_receiver(qp, at);
    }

    pub(crate) fn arm_receiver(&mut self, qp: u32, at: u64) {
        let r = &mut self.receivers[qp as usize];
        if at < r.timer_at {
            r.timer_at = at;
            self.schedule(at, Kind::Responder, qp);
        }
    }

    /// READ timeout, a delayed NAK, or a posted READ is due.
    pub(crate) fn receiver_timer(&mut self, qp: u32) {
        let r = &mut self.receivers[qp as usize];
        if r.timer_at != self.now {
            return;
        }
        r.timer_at = NEVER;
        let read = r.op == Op::Read;
        if r.deadline <= self.now {
            self.receiver_deadline(qp);
        }
        let posts = read && !self.requesters[qp as usize].done;
        let posted = if posts { self.hand_over_due(qp) } else { NEVER };
        let at = self.receivers[qp as usize].deadline.min(posted);
        if at != NEVER {
            self.arm_receiver(qp, at);
        }
    }

    fn receiver_deadline(&mut self, qp: u32) {
        let r = &mut self.receivers[qp as usize];
        if r.op != Op::Read {
            r.deadline = NEVER;
            let data = Packet {
                qp,
                psn: r.nak_for,
                sent_at: self.now,
                ..Packet::EMPTY
            };
            return self.send_nak(&data);
        }
        let counters = &mut self.receivers_cold[qp as usize].counters;
        counters.local_ack_timeout_err += 1;
        let limit = self.nic_of(qp).rc.retry_cnt;
        let r = &mut self.receivers[qp as usize];
        r.retries = r.retries.saturating_add(1);
        if limit.is_some_and(|limit| r.retries > limit) {
            let counters = &mut self.receivers_cold[qp as usize].counters;
            counters.req_transport_retries_exceeded += 1;
            return self.finish(qp, FlowStatus::RetryExceeded);
        }
        self.repeat_read(qp);
    }

    /// READ responder: a range of packets is asked for.
    pub(crate) fn receive_read_request(&mut self, packet: &Packet) {
        let s = &mut self.senders[packet.qp as usize];
        if s.is(sender_flag::FAILED) {
            return;
        }
        if packet.psn < s.limit {
            let counters = &mut self.senders_cold[packet.qp as usize].counters;
            counters.duplicate_request += 1;
        }
        if packet.psn < s.nxt {
            // A repeated request restarts the responses where it says.
            s.nxt = packet.psn;
            s.restart = packet.psn;
        } else if packet.psn > s.limit {
            // An earlier request is lost: the requester is told once.
            let counters = &mut self.senders_cold[packet.qp as usize].counters;
            counters.out_of_sequence += 1;
            if !s.gap_told {
                s.gap_told = true;
                self.send_refusal(packet.qp, NakCode::PsnSequenceError);
            }
            return;
        }
        s.gap_told = false;
        s.limit = s.limit.max(packet.arg);
        self.activate(packet.qp);
    }
}
