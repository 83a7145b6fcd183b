//! Selective repeat: what the receiver holds out of order, and what the sender must send again.

use std::collections::VecDeque;

/// Receiver: packets that arrived beyond the next expected one.
#[derive(Debug, Default)]
pub struct Arrived {
    /// Bit i of word w: packet `base` + 64 w + i has arrived.
    words: VecDeque<u64>,
    base: u32,
}

impl Arrived {
    /// Notes a packet; false if it was there already.
    pub fn insert(&mut self, epsn: u32, psn: u32) -> bool {
        self.trim(epsn);
        let offset = (psn - self.base) as usize;
        while self.words.len() <= offset / 64 {
            self.words.push_back(0);
        }
        let bit = 1u64 << (offset % 64);
        let new = self.words[offset / 64] & bit == 0;
        self.words[offset / 64] |= bit;
        new
    }

    pub fn contains(&self, psn: u32) -> bool {
        let Some(offset) = psn.checked_sub(self.base) else {
            return false;
        };
        self.words
            .get(offset as usize / 64)
            .is_some_and(|w| w & (1 << (offset % 64)) != 0)
    }

    fn trim(&mut self, epsn: u32) {
        if self.words.is_empty() {
            self.base = epsn;
        }
        while self.base + 64 <= epsn && self.words.pop_front().is_some() {
            self.base += 64;
        }
        if self.words.is_empty() {
            self.base = self.base.max(epsn);
        }
    }
}

/// Sender: the state of packets between the oldest unacknowledged and the newest sent.
#[derive(Debug, Default)]
pub struct Resend {
    base: u32,
    states: VecDeque<State>,
    queue: VecDeque<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Sent,
    Received,
    /// Reported missing and queued or sent again.
    Repeated,
}

impl Resend {
    pub fn is_pending(&self) -> bool {
        !self.queue.is_empty()
    }

    pub fn first(&self) -> Option<u32> {
        self.queue.front().copied()
    }

    pub fn next(&mut self) -> Option<u32> {
        self.queue.pop_front()
    }

    /// Everything before `una` has arrived.
    pub fn acknowledge(&mut self, una: u32) {
        while self.base < una {
            self.states.pop_front();
            self.base += 1;
        }
        while self.queue.front().is_some_and(|&psn| psn < una) {
            self.queue.pop_front();
        }
    }

    /// Everything before `psn` has arrived, and all from there on is sent anew.
    pub fn restart(&mut self, psn: u32) {
        *self = Resend {
            base: psn,
            ..Resend::default()
        };
    }

    /// `psn` has arrived although an earlier packet is missing: queue the gaps before it.
    pub fn received(&mut self, psn: u32) {
        if psn < self.base {
            return;
        }
        let offset = (psn - self.base) as usize;
        while self.states.len() <= offset {
            self.states.push_back(State::Sent);
        }
        self.states[offset] = State::Received;
        for i in 0..offset {
            if self.states[i] == State::Sent {
                self.states[i] = State::Repeated;
                self.queue.push_back(self.base + i as u32);
            }
        }
    }

    /// Timeout: everything sent and not known to have arrived is sent again. A receiver that runs
    /// out of receives throws away what arrived, and its RNR NAK may be lost: what is known of it
    /// is not `certain`.
    pub fn timeout(&mut self, sent: u32, certain: bool) {
        self.queue.clear();
        if !certain {
            self.states.clear();
        }
        let count = (sent - self.base) as usize;
        while self.states.len() < count {
            self.states.push_back(State::Sent);
        }
        for i in 0..count {
            if self.states[i] != State::Received {
                self.states[i] = State::Repeated;
                self.queue.push_back(self.base + i as u32);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_sent_again_once() {
        let mut r = Resend::default();
        r.received(3);
        r.received(5);
        let queued: Vec<u32> = std::iter::from_fn(|| r.next()).collect();
        assert_eq!(queued, [0, 1, 2, 4]);
        r.received(6);
        assert!(!r.is_pending());
        r.acknowledge(2);
        r.timeout(8, true);
        assert_eq!(r.first(), Some(2));
        let queued: Vec<u32> = std::iter::from_fn(|| r.next()).collect();
        assert_eq!(queued, [2, 4, 7]);
        r.restart(5);
        r.received(6);
        r.timeout(7, false);
        let queued: Vec<u32> = std::iter::from_fn(|| r.next()).collect();
        assert_eq!(queued, [5, 6]);
    }

    #[test]
    fn arrivals_are_remembered_until_in_order() {
        let mut a = Arrived::default();
        assert!(a.insert(10, 12));
        assert!(!a.insert(10, 12));
        assert!(a.insert(10, 200));
        assert!(a.contains(12) && a.contains(200) && !a.contains(11));
        assert!(a.insert(150, 201));
        assert!(a.contains(200) && a.contains(201));
    }
}
