//! Which two halves make a connection.

use super::Follower;
use super::half::Half;
use super::key::{Hosts, Key};
use super::op::Role;
use super::requests::{EARLIER, Requests};
use crate::capture::Frame;
use crate::report::Service;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use xoff_wire::roce;

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
        let (mut fitting, mut same_port): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        let far = role == Role::ReadResponse && half.attempts <= EAGER;
        for bucket in buckets(p.bth.psn, far) {
            let Some(list) = self.open.get_mut(&(hosts, bucket)) else {
                continue;
            };
            let halves = &self.halves;
            list.retain(|&j| halves[j as usize].peer.is_none());
            for &j in &*list {
                let other = &halves[j as usize];
                let Some(fit) = fits(other, role, f, p).filter(|&fit| j != i && Some(fit) >= best)
                else {
                    continue;
                };
                if Some(fit) > best {
                    best = Some(fit);
                    fitting.clear();
                    same_port.clear();
                }
                // A half may stand in several.
                if fitting.contains(&j) {
                    continue;
                }
                fitting.push(j);
                if other.sport == p.sport {
                    same_port.push(j);
                }
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
        let mut single = Single::default();
        for (i, half) in (0u32..).zip(&self.halves) {
            if half.peer.is_none() {
                let hosts = Hosts::of(&half.key);
                single.all.entry(hosts).or_default().push(i);
                single
                    .by_port
                    .entry((hosts, half.sport))
                    .or_default()
                    .push(i);
                *single.left.entry(hosts).or_default() += 1;
            }
        }
        for i in 0..self.halves.len() {
            if self.halves[i].peer.is_some() {
                continue;
            }
            if let Some(j) = self.last_choice(i, &known, &single) {
                for half in [i, j as usize] {
                    let hosts = Hosts::of(&self.halves[half].key);
                    *single.left.entry(hosts).or_default() -= 1;
                }
                self.pair(i as u32, j);
            }
        }
    }

    /// Notes that the requests of a half without a peer have come so far.
    #[inline]
    pub(super) fn list(&mut self, i: u32) {
        let half = &mut self.halves[i as usize];
        let bucket = (half.requests.highest >> BUCKET_BITS) as u8;
        if half.peer.is_some() || half.listed == Some(bucket) || !half.requests.started {
            return;
        }
        let first = (half.requests.first >> BUCKET_BITS) as u8;
        let from = half.listed.map_or(first, |listed| listed.wrapping_add(1));
        half.listed = Some(bucket);
        let hosts = Hosts::of(&half.key);
        // More than all there are means that numbers began anew.
        let count = bucket.wrapping_sub(from);
        for n in 0..=count {
            let bucket = from.wrapping_add(n);
            self.open.entry((hosts, bucket)).or_default().push(i);
        }
    }

    fn last_choice(&self, i: usize, known: &BTreeMap<Key, Key>, single: &Single) -> Option<u32> {
        let half = &self.halves[i];
        if let Some(peer) = known.get(&half.key.anywhere()) {
            let mut key = *peer;
            key.interface = half.key.interface;
            let j = self.index.get(&key).copied()?;
            return self.halves[j as usize].peer.is_none().then_some(j);
        }
        let hosts = Hosts::of(&half.key).reversed();
        let fits = |j: &&u32| {
            let other = &self.halves[**j as usize];
            **j as usize != i && other.peer.is_none() && complement(half, other)
        };
        let only = |list: Option<&Vec<u32>>| {
            let mut fitting = list.into_iter().flatten().filter(fits);
            (fitting.next().copied(), fitting.next().is_some())
        };
        match only(single.by_port.get(&(hosts, half.sport))) {
            (Some(one), false) => return Some(one),
            (Some(_), true) => return None,
            (None, _) => {}
        }
        // No port says which: there must be one only at both ends.
        if single.left.get(&Hosts::of(&half.key)) != Some(&1) {
            return None;
        }
        match only(single.all.get(&hosts)) {
            (Some(one), false) => Some(one),
            _ => None,
        }
    }
}

/// Halves without a peer when the capture ends, by addresses and by source port.
#[derive(Default)]
struct Single {
    all: FxHashMap<Hosts, Vec<u32>>,
    by_port: FxHashMap<(Hosts, Option<u16>), Vec<u32>>,
    /// How many are left.
    left: FxHashMap<Hosts, usize>,
}

/// Sequence numbers of requests are looked for in steps of 2^16, [`EARLIER`].
const BUCKET_BITS: u32 = 16;

/// Where requests stand that an answer with this number may be for: its own step, and the next, as
/// the beginning of the requests may not have been seen. `far`: in any, its own first.
fn buckets(psn: u32, far: bool) -> impl Iterator<Item = u8> {
    let own = (psn >> BUCKET_BITS) as u8;
    (0..if far { 256 } else { 2u16 }).map(move |n| own.wrapping_add(n as u8))
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
