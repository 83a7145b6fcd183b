//! Random loss between a small go-back-N sender and receiver, seen at both ends: the follower must
//! count what they count.

use super::dsl::{MTU, Talk};
use crate::report::Cause;
use proptest::prelude::*;
use std::collections::VecDeque;

/// Ticks of a microsecond each.
const TIMEOUT: u64 = 400;
const DELAY: u64 = 7;

#[derive(Clone, Copy, Debug)]
enum Packet {
    Data(u64, bool),
    Ack(u64),
    Nak(u64),
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    sent: u64,
    again: u64,
    naks_received: u64,
    naks_sent: u64,
    timeouts: u64,
    out_of_sequence: u64,
    duplicates: u64,
    delivered: u64,
}

struct Model {
    total: u64,
    message: u64,
    window: u64,
    first_psn: u32,
    lost: VecDeque<bool>,
    una: u64,
    nxt: u64,
    max: u64,
    deadline: u64,
    epsn: u64,
    nak_sent: bool,
    /// (arrival, packet).
    wires: [VecDeque<(u64, Packet)>; 2],
    counts: Counts,
    talk: Talk,
}

impl Model {
    fn run(mut self) -> (Counts, Talk) {
        self.talk.tap(1, 1);
        self.talk.tap(0, 0);
        self.talk.step = 0;
        for tick in 1..200_000 {
            self.talk.now = tick * 1_000;
            while self.wires[1].front().is_some_and(|p| p.0 <= tick) {
                let (_, packet) = self.wires[1].pop_front().unwrap();
                self.at_sender(tick, packet);
            }
            while self.wires[0].front().is_some_and(|p| p.0 <= tick) {
                let (_, packet) = self.wires[0].pop_front().unwrap();
                self.at_receiver(tick, packet);
            }
            if self.una == self.total {
                break;
            }
            if tick >= self.deadline && self.una < self.max {
                self.counts.timeouts += 1;
                self.nxt = self.una;
                self.deadline = tick + TIMEOUT;
            }
            self.send(tick);
        }
        (self.counts, self.talk)
    }

    fn is_last(&self, psn: u64) -> bool {
        (psn + 1).is_multiple_of(self.message) || psn + 1 == self.total
    }

    fn send(&mut self, tick: u64) {
        if self.nxt >= self.total || self.nxt - self.una >= self.window {
            return;
        }
        let psn = self.nxt;
        self.nxt += 1;
        if self.una == self.max {
            self.deadline = tick + TIMEOUT;
        }
        self.counts.sent += 1;
        self.counts.again += u64::from(psn < self.max);
        self.max = self.max.max(self.nxt);
        let full = self.nxt - self.una >= self.window;
        self.put(0, tick, Packet::Data(psn, full || self.is_last(psn)));
    }

    /// Onto the wire from this side, unless it is lost behind the port.
    fn put(&mut self, side: usize, tick: u64, packet: Packet) {
        self.show(side, packet);
        if !self.lost.pop_front().unwrap_or(false) {
            self.wires[side].push_back((tick + DELAY, packet));
        }
    }

    fn show(&mut self, side: usize, packet: Packet) {
        // Interface 0 is the sender's port, 1 the receiver's.
        self.talk.interface = side as u32;
        let psn = |n: u64| self.first_psn.wrapping_add(n as u32) & 0xff_ffff;
        match packet {
            Packet::Data(n, ask) => {
                let start = n - n % self.message;
                let first = n == start;
                let opcode = match (first, self.is_last(n)) {
                    (true, true) => 10,
                    (true, false) => 6,
                    (false, false) => 7,
                    (false, true) => 8,
                };
                let number = psn(n);
                self.talk
                    .send(0, opcode, number, MTU, |p| p.bth.ack_request = ask);
            }
            Packet::Ack(n) => {
                let number = psn(n.wrapping_sub(1));
                self.talk.ack(number);
            }
            Packet::Nak(n) => {
                let number = psn(n);
                self.talk.nak(number);
            }
        }
    }

    fn at_receiver(&mut self, tick: u64, packet: Packet) {
        self.show(1, packet);
        let Packet::Data(psn, ask) = packet else {
            return;
        };
        if psn > self.epsn {
            self.counts.out_of_sequence += 1;
            if !self.nak_sent {
                self.nak_sent = true;
                self.counts.naks_sent += 1;
                self.put(1, tick, Packet::Nak(self.epsn));
            }
            return;
        }
        if psn == self.epsn {
            self.epsn += 1;
            self.nak_sent = false;
            self.counts.delivered += u64::from(MTU);
        } else {
            self.counts.duplicates += 1;
        }
        if ask {
            self.put(1, tick, Packet::Ack(self.epsn));
        }
    }

    fn at_sender(&mut self, tick: u64, packet: Packet) {
        self.show(0, packet);
        let (end, nak) = match packet {
            Packet::Ack(end) => (end, false),
            Packet::Nak(end) => (end, true),
            Packet::Data(..) => return,
        };
        self.counts.naks_received += u64::from(nak);
        if end > self.una {
            self.una = end;
            self.nxt = self.nxt.max(end);
            self.deadline = tick + TIMEOUT;
        }
        if nak && end >= self.una {
            self.nxt = end;
        }
    }
}

proptest! {
    #[test]
    fn counts_are_those_of_the_model(
        total in 1u64..200,
        message in 1u64..40,
        window in 1u64..64,
        first_psn in prop_oneof![0u32..0x100_0000, 0xff_ff00u32..0x100_0000],
        lost in prop::collection::vec(prop::bool::weighted(0.08), 0..400),
    ) {
        let model = Model {
            total, message, window, first_psn,
            lost: lost.into(),
            una: 0, nxt: 0, max: 0, deadline: u64::MAX, epsn: 0, nak_sent: false,
            wires: Default::default(),
            counts: Counts::default(),
            talk: Talk::new(),
        };
        let (counts, talk) = model.run();
        let o = talk.end();
        let mut got = Counts::default();
        for c in &o.connections {
            let d = &c.directions[0];
            if c.speaks_for_sender[0] {
                got.sent = d.data_packets;
                got.again = d.retransmitted_packets;
                got.naks_received = d.naks;
                got.timeouts = d.counters.local_ack_timeout_err;
                let causes: u64 = d.causes.iter().map(|c| c.1).sum();
                prop_assert!(causes <= counts.timeouts + counts.naks_received);
                prop_assert!(d.causes.iter().all(|c| c.0 != Cause::Spurious), "{:?}", d.causes);
                prop_assert_eq!(d.messages, total.div_ceil(message));
                prop_assert_eq!(d.messages_completed, d.messages);
            }
            if c.speaks_for_receiver[0] {
                got.naks_sent = d.naks;
                got.out_of_sequence = d.counters.out_of_sequence;
                got.duplicates = d.counters.duplicate_request;
                got.delivered = d.delivered_bytes;
            }
        }
        prop_assert_eq!(got, counts);
    }
}
