//! Sending data packets.

use super::{Sender, sender_flag};
use crate::Sim;
use crate::cc::Cc;
use crate::packet::{Packet, PacketKind, flag};
use crate::port::NEVER;
use crate::queue::Kind;
use xoff_model::framing::extension;
use xoff_model::time::SimDuration;
use xoff_model::topology::fabric::PortId;
use xoff_model::units::{BitRate, PS_BITS};
use xoff_model::{Framing, Op};

impl Sim<'_> {
    /// Whether a sender has a packet that protocol and congestion control let go.
    #[inline]
    pub(crate) fn can_send(&self, qp: u32) -> bool {
        let s = &self.senders[qp as usize];
        if s.flags & (sender_flag::STARTED | sender_flag::FAILED) != sender_flag::STARTED {
            return false;
        }
        if s.resend.as_ref().is_some_and(|r| r.is_pending()) {
            return true;
        }
        if s.nxt >= s.limit {
            return false;
        }
        if s.is(sender_flag::READ) {
            return true;
        }
        let flight = s.nxt - s.una;
        flight < s.max_flight
            && s.cc
                .window()
                .is_none_or(|w| u64::from(flight) * u64::from(s.layout.mtu) < w)
    }

    /// Frame and payload bytes of one data packet, and whether it ends a message.
    #[inline]
    pub(crate) fn data_frame(&self, s: &Sender, psn: u32) -> (u16, u16, bool) {
        let (payload, first, last) = s.layout.packet(psn.min(s.layout.total - 1));
        let frame = match self.framing {
            Framing::Fixed { data_overhead, .. } => {
                (data_overhead + u32::from(payload)).min(u32::from(u16::MAX)) as u16
            }
            framing => {
                let extra = if s.is(sender_flag::READ) {
                    extension(Op::Read, false, first || psn == s.restart, last)
                } else {
                    s.layout.extension(first)
                };
                framing.data(payload, extra) + u16::from(s.tag)
            }
        };
        (frame, payload, last)
    }

    /// Sends the next data packet of a queue pair; the port is idle and the sender may send.
    /// Returns whether it may send another.
    pub(crate) fn send_data(&mut self, port: PortId, qp: u32) -> bool {
        let s = &mut self.senders[qp as usize];
        let psn = match s.resend.as_mut().and_then(|r| r.next()) {
            Some(psn) => psn,
            None => {
                s.nxt += 1;
                s.nxt - 1
            }
        };
        let s = &self.senders[qp as usize];
        let (frame, payload, last) = self.data_frame(s, psn);
        let repeated = psn < s.max;
        let mut flags = if s.is(sender_flag::ECT) { flag::ECT } else { 0 };
        let mut packet = Packet {
            sent_at: self.now,
            route: s.route,
            qp,
            psn,
            frame,
            payload,
            dscp: s.dscp,
            pcp: s.pcp,
            priority: s.queue,
            queue: s.queue,
            ..Packet::EMPTY
        };
        if psn == s.restart {
            flags |= flag::RESTART;
        }
        let (queue, telemetry) = (s.queue, s.is(sender_flag::TELEMETRY));
        self.after_data(qp, psn, frame);
        let more = self.can_send(qp);
        if last || !more || self.asks(qp, psn) {
            flags |= flag::ACK_REQUEST;
        }
        packet.flags = flags;
        packet.kind = PacketKind::Data;
        if telemetry {
            let average = match &self.senders[qp as usize].cc {
                Cc::Pint(m) => m.base_rtt_ps(),
                _ => 0,
            };
            packet.telemetry = self.telemetry.start(average);
        }
        let cold = &mut self.senders_cold[qp as usize];
        cold.data_packets += 1;
        if repeated {
            cold.retransmitted_packets += 1;
            cold.retransmitted_bytes += u64::from(payload);
        }
        let id = self.packets.insert(packet);
        self.send(port, queue, id);
        let s = &self.senders[qp as usize];
        if last && s.is(sender_flag::UNRELIABLE) {
            // Nobody will answer: a message is complete for its sender once it is sent.
            let sent = s.nxt;
            self.complete_up_to(qp, sent);
            return self.can_send(qp);
        }
        more
    }

    /// Whether a packet asks for an ACK by its number. As any does behind which nothing can be
    /// sent, since nothing else will make the receiver answer, so do as many that what is not
    /// asked for keeps within a window that has shrunk meanwhile.
    #[inline]
    fn asks(&self, qp: u32, psn: u32) -> bool {
        let every = self.senders[qp as usize].ask_every;
        every != u32::MAX && (psn + 1).is_multiple_of(every)
    }

    /// Pacing, ack timeout and congestion control after a packet.
    #[inline]
    fn after_data(&mut self, qp: u32, psn: u32, frame: u16) {
        let now = self.now;
        let wire = u64::from(frame) + u64::from(self.gap_bytes);
        let s = &mut self.senders[qp as usize];
        s.max = s.max.max(psn + 1);
        if s.is(sender_flag::PACED) {
            let rate = s.cc.rate_bps().min(s.pace_bps).max(1);
            if s.avail < now {
                s.avail = self.nic_ports[s.port as usize].paced_from(s, now, rate);
            }
            s.avail = s.avail.saturating_add((wire * PS_BITS).div_ceil(rate));
            s.cc.on_sent(xoff_model::time::SimTime::from_ps(now), wire);
        }
        if s.is(sender_flag::UNRELIABLE) {
            s.una = s.nxt;
        } else if s.rto_at == NEVER && s.timeout != 0 && !s.is(sender_flag::READ) {
            s.rto_at = now + s.timeout;
            let at = s.rto_at;
            self.arm_sender(qp, at);
        }
    }

    /// Makes sure that the sender's timer runs at `at` or earlier.
    #[inline]
    pub(crate) fn arm_sender(&mut self, qp: u32, at: u64) {
        let s = &mut self.senders[qp as usize];
        if at < s.timer_at {
            s.timer_at = at;
            self.schedule(at, Kind::Requester, qp);
        }
    }
}

/// Least time for a flow alone on its path: the bottleneck sends every byte, each other hop one
/// packet, and the last ACK returns.
pub(crate) fn ideal_time(
    wire_bytes: u64,
    packet_bytes: u64,
    ack_bytes: u64,
    hops: &[(BitRate, u64)],
) -> u64 {
    let Some(slowest) = hops.iter().map(|h| h.0).min() else {
        return 0;
    };
    let mut time = slowest.serialize_ceil(wire_bytes);
    let mut bottleneck_seen = false;
    for &(rate, delay) in hops {
        time += SimDuration::from_ps(delay) * 2 + rate.serialize_ceil(ack_bytes);
        if rate == slowest && !bottleneck_seen {
            bottleneck_seen = true;
        } else {
            time += rate.serialize_ceil(packet_bytes);
        }
    }
    time.ps()
}
