//! Which two halves make a connection.

use super::Follower;
use super::half::Half;
use super::key::{Hosts, Key};
use super::op::Role;
use super::requests::{EARLIER, Requests};
use crate::capture::Frame;
use crate::trace::report::Service;
use std::collections::BTreeMap;
use xoff_sim::wire::roce;

/// After so many failures only every so manieth answer is tried.
const EAGER: u32 = 32;

impl Follower {
    /// The half whose requests an answer in half `i` is for.
    #[inline]
    pub(super) fn peer(&mut self, i: u32, role: Role, f: &Frame, p: &roce::Packet) -> Option<u32> {
        if let Some(peer) = self.halves[i as usize].peer {
            return Some(peer);
        }
        self.search(i, role, f, p)
    }

    #[cold]
    fn search(&mut self, i: u32, role: Role, f: &Frame, p: &roce::Packet) -> Option<u32> {
        let half = &mut self.halves[i as usize];
        half.attempts = half.attempts.saturating_add(1);
        if half.attempts > EAGER && !half.attempts.is_multiple_of(EAGER) {
            return None;
        }
        let hosts = Hosts::of(&half.key).reversed();
        let mut best = None;
        let (mut fitting, mut same_port) = (Vec::new(), Vec::new());
        for &j in self.single.get(&hosts)? {
            let other = &self.halves[j as usize];
            let Some(fit) = fits(other, role, f, p).filter(|&fit| j != i && Some(fit) >= best)
            else {
                continue;
            };
            if Some(fit) > best {
                best = Some(fit);
                fitting.clear();
                same_port.clear();
            }
            fitting.push(j);
            if other.sport == p.sport {
                same_port.push(j);
            }
        }
        let peer = match (&fitting[..], &same_port[..]) {
            ([one], _) | (_, [one]) => *one,
            ([], _) => return None,
            _ => {
                self.halves[i as usize].ambiguous = true;
                return None;
            }
        };
        self.pair(i, peer);
        Some(peer)
    }

    fn pair(&mut self, i: u32, j: u32) {
        for (a, b) in [(i, j), (j, i)] {
            let half = &mut self.halves[a as usize];
            half.peer = Some(b);
            half.ambiguous = false;
            let hosts = Hosts::of(&half.key);
            if let Some(list) = self.single.get_mut(&hosts) {
                list.retain(|&k| k != a);
            }
        }
        for (a, b) in [(i, j), (j, i)] {
            if let Some(mut unseen) = self.halves[a as usize].unseen.take() {
                self.halves[b as usize].requests.take_in(&mut unseen);
            }
        }
    }

    /// At the end: halves that no answer joined, such as CNPs for unreliable connections. What
    /// another interface knows decides, then source ports, then that there is only one choice.
    pub(super) fn pair_the_rest(&mut self) {
        let mut known: BTreeMap<Key, Key> = BTreeMap::new();
        for half in &self.halves {
            if let Some(j) = half.peer {
                let peer = self.halves[j as usize].key.anywhere();
                known.insert(half.key.anywhere(), peer);
            }
        }
        for i in 0..self.halves.len() {
            if self.halves[i].peer.is_some() {
                continue;
            }
            if let Some(j) = self.last_choice(i, &known) {
                self.pair(i as u32, j);
            }
        }
    }

    fn last_choice(&self, i: usize, known: &BTreeMap<Key, Key>) -> Option<u32> {
        let half = &self.halves[i];
        if let Some(peer) = known.get(&half.key.anywhere()) {
            let mut key = *peer;
            key.interface = half.key.interface;
            let j = self.index.get(&key).copied()?;
            return self.halves[j as usize].peer.is_none().then_some(j);
        }
        let hosts = Hosts::of(&half.key).reversed();
        let others = self.single.get(&hosts)?;
        let possible: Vec<u32> = others
            .iter()
            .copied()
            .filter(|&j| j as usize != i && complement(half, &self.halves[j as usize]))
            .collect();
        let same_port: Vec<u32> = possible
            .iter()
            .copied()
            .filter(|&j| self.halves[j as usize].sport == half.sport)
            .collect();
        match (&same_port[..], &possible[..]) {
            ([one], _) => Some(*one),
            ([], [one]) if self.single.get(&Hosts::of(&half.key))?.len() == 1 => Some(*one),
            _ => None,
        }
    }
}

/// How well an answer suits the requests of a half, if it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It is for packets before the first that was seen: these may have been lost on the way.
    Earlier,
    Outstanding,
}

fn fits(other: &Half, role: Role, f: &Frame, p: &roce::Packet) -> Option<Fit> {
    let r = &other.requests;
    if !r.started || f.interface != other.key.interface || other.service == Service::Uc {
        return None;
    }
    let psn = r.unwrap(p.bth.psn);
    if role == Role::ReadResponse {
        let awaited = r.reads.as_ref().is_some_and(|reads| reads.awaits(psn));
        return awaited.then_some(Fit::Outstanding);
    }
    if psn > r.highest {
        return None;
    }
    if psn + 1 >= r.una {
        return Some(Fit::Outstanding);
    }
    (r.una == r.first && psn + EARLIER >= r.first).then_some(Fit::Earlier)
}

/// Whether one half sent data and the other only notifications or answers, of one service.
fn complement(a: &Half, b: &Half) -> bool {
    let datagrams = match (a.src_qp(), b.src_qp()) {
        (Some(qp), None) => b.key.dest_qp == qp,
        (None, Some(qp)) => a.key.dest_qp == qp,
        (Some(x), Some(y)) => a.key.dest_qp == y && b.key.dest_qp == x,
        (None, None) => true,
    };
    let one_way = a.requests.started != b.requests.started;
    datagrams && (one_way || a.src_qp().is_some() && b.src_qp().is_some())
}

impl Requests {
    /// Adds what was seen of these requests before it was known whose they are.
    pub(super) fn take_in(&mut self, unseen: &mut Requests) {
        let bursts = std::mem::take(&mut unseen.bursts);
        self.bursts.take_in(bursts, &unseen.counts());
        self.data_packets += unseen.data_packets;
        self.retransmitted_packets += unseen.retransmitted_packets;
        self.retransmitted_bytes += unseen.retransmitted_bytes;
        self.new_bytes += unseen.new_bytes;
        self.read_delivered += unseen.read_delivered;
        self.wire_bytes += unseen.wire_bytes;
        self.mtu = self.mtu.max(unseen.mtu);
    }
}
