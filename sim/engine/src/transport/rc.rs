//! Reliable connection, requester side: ACKs, NAKs, timeouts, retry limits.

use super::sender_flag;
use crate::Sim;
use crate::cc::AckInfo;
use crate::packet::{Packet, flag};
use crate::port::NEVER;
use xoff_model::Recovery;
use xoff_model::results::FlowStatus;
use xoff_model::time::{SimDuration, SimTime};
use xoff_wire::bth::{NakCode, rnr_timer_ns};

impl Sim<'_> {
    /// An ACK: everything before its PSN has arrived.
    #[inline]
    pub(crate) fn receive_ack(&mut self, packet: &Packet) {
        let qp = packet.qp;
        let s = &self.senders[qp as usize];
        if s.is(sender_flag::FAILED) || packet.psn > s.max {
            return;
        }
        self.congestion_feedback(packet);
        self.advance_una(qp, packet.psn);
        self.activate(qp);
    }

    /// Feeds congestion control with an ACK or NAK.
    #[inline]
    fn congestion_feedback(&mut self, packet: &Packet) {
        let s = &mut self.senders[packet.qp as usize];
        if !s.is(sender_flag::PACED) {
            return;
        }
        let now = SimTime::from_ps(self.now);
        if packet.has(flag::CE_ECHO) {
            s.cc.on_cnp(now);
            self.senders_cold[packet.qp as usize]
                .counters
                .rp_cnp_handled += 1;
        }
        if s.cc.follows_acks() {
            let mtu = u64::from(s.layout.mtu);
            let info = AckInfo {
                acked_bytes_seq: u64::from(packet.psn) * mtu,
                sent_bytes_seq: u64::from(s.nxt) * mtu,
                rtt: SimDuration::from_ps(self.now - packet.sent_at),
                ce: packet.has(flag::CE_ECHO),
                packets: packet.psn.saturating_sub(s.una),
                utilisation: self.telemetry.utilisation(packet.telemetry),
                hops: self.telemetry.hops(packet.telemetry),
            };
            s.cc.on_ack(now, &info);
        }
        let deadline = s.cc.deadline().ps();
        self.arm_sender(packet.qp, deadline);
    }

    /// Moves the acknowledged edge; true if that was progress.
    fn advance_una(&mut self, qp: u32, psn: u32) -> bool {
        let s = &mut self.senders[qp as usize];
        if psn <= s.una {
            return false;
        }
        s.una = psn;
        s.nxt = s.nxt.max(psn);
        s.retries = 0;
        s.rnr_retries = 0;
        if let Some(resend) = &mut s.resend {
            resend.acknowledge(psn);
        }
        s.rto_at = if s.una == s.max || s.timeout == 0 {
            NEVER
        } else {
            self.now + s.timeout
        };
        let at = s.rto_at;
        if at != NEVER {
            self.arm_sender(qp, at);
        }
        self.complete_up_to(qp, psn);
        true
    }

    /// A NAK for a sequence error: the packet with its PSN is missing.
    pub(crate) fn receive_nak(&mut self, packet: &Packet) {
        let qp = packet.qp;
        let start = self.model_message_floor(qp);
        let s = &self.senders[qp as usize];
        if s.is(sender_flag::FAILED) || packet.psn > s.max {
            return;
        }
        self.congestion_feedback(packet);
        self.senders_cold[qp as usize].counters.packet_seq_err += 1;
        let progress = self.advance_una(qp, packet.psn);
        let s = &mut self.senders[qp as usize];
        match s.recovery {
            Recovery::Selective => {
                if let Some(resend) = &mut s.resend {
                    resend.received(packet.arg);
                }
            }
            // A NAK below the acknowledged edge was overtaken by events.
            Recovery::GoBackN if packet.psn < s.una => return,
            Recovery::GoBackN => s.nxt = packet.psn,
            Recovery::GoBack0 if packet.psn < start => return,
            Recovery::GoBack0 => (s.una, s.nxt) = (packet.psn, packet.psn),
        }
        if !progress && s.recovery != Recovery::Selective && self.retry_exceeded(qp) {
            return;
        }
        let delay = self.nic_of(qp).rc.retransmit_delay.ps();
        self.hold_back(qp, delay);
        self.activate(qp);
    }

    /// First packet of the oldest message not completed.
    fn model_message_floor(&self, qp: u32) -> u32 {
        let layout = &self.senders[qp as usize].layout;
        layout.end_of(self.requesters[qp as usize].completed)
    }

    /// The receiver had no buffer: wait as told, then send from that packet again.
    pub(crate) fn receive_rnr_nak(&mut self, packet: &Packet) {
        let wait = SimDuration::from_ns(rnr_timer_ns(packet.arg as u8)).ps();
        let qp = packet.qp;
        let rc = self.nic_of(qp).rc;
        if self.senders[qp as usize].is(sender_flag::FAILED) {
            return;
        }
        self.senders_cold[qp as usize].counters.rnr_nak_retry_err += 1;
        self.advance_una(qp, packet.psn);
        let s = &mut self.senders[qp as usize];
        if packet.psn < s.una {
            return;
        }
        s.nxt = packet.psn;
        if let Some(resend) = &mut s.resend {
            resend.restart(packet.psn);
        }
        s.rto_at = NEVER;
        s.rnr_retries = s.rnr_retries.saturating_add(1);
        if rc.rnr_retry.is_some_and(|limit| s.rnr_retries > limit) {
            self.senders_cold[qp as usize]
                .counters
                .req_rnr_retries_exceeded += 1;
            return self.finish(qp, FlowStatus::RnrRetryExceeded);
        }
        let held = self.senders[qp as usize].hold.max(self.now);
        self.hold_back(qp, wait);
        let more = self.senders[qp as usize].hold.saturating_sub(held);
        self.requesters[qp as usize].result.rnr_wait += SimDuration::from_ps(more);
        self.activate(qp);
    }

    /// The responder refuses the packet with this number: everything before it was executed.
    pub(crate) fn receive_refusal(&mut self, packet: &Packet) {
        let qp = packet.qp;
        if self.requesters[qp as usize].done {
            return;
        }
        let read = self.senders[qp as usize].is(sender_flag::READ);
        let status = match NakCode::from_bits(packet.arg as u8) {
            NakCode::PsnSequenceError => return self.repeat_requests(packet),
            NakCode::InvalidRequest => FlowStatus::RemoteInvalidRequest,
            NakCode::RemoteAccessError => FlowStatus::RemoteAccess,
            _ => FlowStatus::RemoteOperational,
        };
        if !read {
            self.advance_una(qp, packet.psn);
        }
        self.finish(qp, status);
    }

    fn hold_back(&mut self, qp: u32, delay: u64) {
        let s = &mut self.senders[qp as usize];
        if delay > 0 {
            s.hold = s.hold.max(self.now + delay);
        }
    }

    /// Counts a retry without progress; true if the limit is exceeded and the QP has failed.
    fn retry_exceeded(&mut self, qp: u32) -> bool {
        let limit = self.nic_of(qp).rc.retry_cnt;
        let s = &mut self.senders[qp as usize];
        s.retries = s.retries.saturating_add(1);
        if limit.is_some_and(|limit| s.retries > limit) {
            self.senders_cold[qp as usize]
                .counters
                .req_transport_retries_exceeded += 1;
            self.finish(qp, FlowStatus::RetryExceeded);
            return true;
        }
        false
    }

    /// The sender's timer: congestion control, then the ack timeout.
    pub(crate) fn sender_timer(&mut self, qp: u32) {
        let s = &mut self.senders[qp as usize];
        if s.timer_at != self.now {
            return;
        }
        s.timer_at = NEVER;
        // The responder of a READ does not know when its requester is done.
        let read = s.is(sender_flag::READ);
        if !read && self.requesters[qp as usize].done {
            return;
        }
        if s.cc.deadline().ps() <= self.now {
            s.cc.on_deadline(SimTime::from_ps(self.now));
        }
        if s.rto_at <= self.now {
            self.ack_timeout(qp);
        }
        let posted = if read { NEVER } else { self.hand_over_due(qp) };
        let s = &self.senders[qp as usize];
        let at = s.rto_at.min(s.cc.deadline().ps()).min(posted);
        if at != NEVER && (read || !self.requesters[qp as usize].done) {
            self.arm_sender(qp, at.max(self.now + 1));
        }
    }

    fn ack_timeout(&mut self, qp: u32) {
        let floor = self.model_message_floor(qp);
        self.senders_cold[qp as usize]
            .counters
            .local_ack_timeout_err += 1;
        if self.retry_exceeded(qp) {
            return;
        }
        let s = &mut self.senders[qp as usize];
        match s.recovery {
            Recovery::GoBackN => s.nxt = s.una,
            Recovery::GoBack0 => (s.una, s.nxt) = (floor, floor),
            Recovery::Selective => {
                if let Some(resend) = &mut s.resend {
                    let certain = self.model.flows[qp as usize].receives.is_none();
                    resend.timeout(s.nxt, certain);
                }
            }
        }
        s.rto_at = self.now + s.timeout;
        self.activate(qp);
    }

    /// A CNP: the path of this queue pair is congested.
    pub(crate) fn receive_cnp(&mut self, packet: &Packet) {
        let s = &mut self.senders[packet.qp as usize];
        let counters = &mut self.senders_cold[packet.qp as usize].counters;
        if !s.is(sender_flag::PACED) || s.is(sender_flag::FAILED) {
            counters.rp_cnp_ignored += 1;
            return;
        }
        counters.rp_cnp_handled += 1;
        s.cc.on_cnp(SimTime::from_ps(self.now));
        let deadline = s.cc.deadline().ps();
        self.arm_sender(packet.qp, deadline);
    }
}
