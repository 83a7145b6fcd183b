//! The event queue: a calendar of 4,096 buckets with an occupancy bitmap, sorted bucket by bucket
//! on entry, and a heap for what lies beyond its horizon.
//!
//! Order is total: by time, then by [`Key`]. A key names a kind of event and the entity (port,
//! queue pair, node) that it concerns, and an entity has at most one pending event of a kind, so
//! order never depends on who inserted first. `benches/queues.rs` compares the alternatives.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use xoff_model::time::SimTime;

const BUCKETS: usize = 4096;
const WORDS: usize = BUCKETS / 64;
const NONE: u32 = u32::MAX;
/// Pops between two looks at whether the bucket width still fits.
const REVIEW: u32 = 1 << 16;

/// What an event is about: kind in the upper 4 bits, entity index in the lower 28.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(u32);

/// Kinds of events. Among events of the same time, lower kinds come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// The oldest frame in flight from a port reaches the other end of the link.
    Arrive = 0,
    /// A received pause frame takes effect at a port.
    PauseApply = 1,
    /// A pause runs out at a port.
    PauseExpire = 2,
    /// A port that keeps its peer paused must say so again.
    PauseRefresh = 3,
    /// A port may have something to send.
    TxReady = 4,
    /// A timer of a requester: ack timeout, RNR wait, congestion control.
    Requester = 5,
    /// A timer of a responder: delayed NAK, READ timeout.
    Responder = 6,
    /// The oldest frame in a receive buffer has reached host memory.
    RxDrain = 7,
    /// The next flow of the start list begins.
    FlowStart = 8,
    /// A scheduled fault.
    Fault = 9,
    /// A switch polls its PFC watchdog.
    Watchdog = 10,
    /// Look for queues that wait for each other.
    DeadlockScan = 11,
    /// Take a sample of the time series (entity 0) or of the lengths of queues (1).
    Sample = 12,
    /// A frame that a rule held back goes on.
    Release = 13,
    /// A CNP has been generated at a host port.
    Notify = 14,
}

const KINDS: [Kind; 15] = [
    Kind::Arrive,
    Kind::PauseApply,
    Kind::PauseExpire,
    Kind::PauseRefresh,
    Kind::TxReady,
    Kind::Requester,
    Kind::Responder,
    Kind::RxDrain,
    Kind::FlowStart,
    Kind::Fault,
    Kind::Watchdog,
    Kind::DeadlockScan,
    Kind::Sample,
    Kind::Release,
    Kind::Notify,
];

impl Kind {
    /// Does not concern a packet.
    pub const fn is_timer(self) -> bool {
        !matches!(
            self,
            Kind::Arrive | Kind::TxReady | Kind::PauseApply | Kind::RxDrain | Kind::Notify
        )
    }
}

impl Kind {
    /// Concerns the whole network, at times that are known beforehand.
    pub const fn is_global(self) -> bool {
        matches!(
            self,
            Kind::FlowStart | Kind::Fault | Kind::DeadlockScan | Kind::Sample
        )
    }
}

impl Key {
    pub const MAX_ENTITY: u32 = (1 << 28) - 1;

    pub const fn new(kind: Kind, entity: u32) -> Self {
        Key(((kind as u32) << 28) | entity)
    }

    pub fn kind(self) -> Kind {
        KINDS[(self.0 >> 28) as usize]
    }

    #[inline]
    pub const fn is(self, kind: Kind) -> bool {
        self.0 >> 28 == kind as u32
    }

    pub const fn entity(self) -> u32 {
        self.0 & Self::MAX_ENTITY
    }
}

type Event = (u64, Key);

#[derive(Clone, Copy)]
struct Node {
    time: u64,
    key: Key,
    next: u32,
}

/// Pending events.
pub struct EventQueue {
    /// A bucket spans 2^shift picoseconds.
    shift: u32,
    /// Absolute number of the bucket whose events are in `current`.
    base: u64,
    heads: Vec<u32>,
    occupied: [u64; WORDS],
    /// Bit w: occupied[w] is not zero.
    summary: u64,
    nodes: Vec<Node>,
    free: u32,
    /// Events of the bucket `base` and earlier, latest first.
    current: Vec<Event>,
    /// Events at or beyond `base + BUCKETS`.
    far: BinaryHeap<Reverse<Event>>,
    pops: u32,
    advances: u32,
    far_pushes: u32,
}

impl Default for EventQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl EventQueue {
    pub fn new() -> Self {
        EventQueue {
            shift: 13,
            base: 0,
            heads: vec![NONE; BUCKETS],
            occupied: [0; WORDS],
            summary: 0,
            nodes: Vec::with_capacity(1024),
            free: NONE,
            current: Vec::with_capacity(64),
            far: BinaryHeap::new(),
            pops: 0,
            advances: 0,
            far_pushes: 0,
        }
    }

    /// Adds an event. Its time must not lie before the last event popped.
    #[inline]
    pub fn push(&mut self, at: SimTime, key: Key) {
        self.insert(at.ps(), key);
    }

    #[inline]
    fn insert(&mut self, time: u64, key: Key) {
        let bucket = time >> self.shift;
        if bucket <= self.base {
            let i = self.current.partition_point(|&e| e > (time, key));
            self.current.insert(i, (time, key));
        } else if bucket - self.base < BUCKETS as u64 {
            self.link(bucket as usize % BUCKETS, time, key);
        } else {
            self.far_pushes += 1;
            self.far.push(Reverse((time, key)));
        }
    }

    #[inline]
    fn link(&mut self, slot: usize, time: u64, key: Key) {
        let node = Node {
            time,
            key,
            next: self.heads[slot],
        };
        let index = self.free;
        if index == NONE {
            self.heads[slot] = self.nodes.len() as u32;
            self.nodes.push(node);
        } else {
            self.free = self.nodes[index as usize].next;
            self.nodes[index as usize] = node;
            self.heads[slot] = index;
        }
        self.occupied[slot / 64] |= 1 << (slot % 64);
        self.summary |= 1 << (slot / 64);
    }

    /// Removes the earliest event.
    #[inline]
    pub fn pop(&mut self) -> Option<(SimTime, Key)> {
        loop {
            if let Some((time, key)) = self.current.pop() {
                self.pops += 1;
                return Some((SimTime::from_ps(time), key));
            }
            if !self.advance() {
                return None;
            }
        }
    }

    /// The event that comes `ahead` places after the next one, if that is known already.
    #[inline]
    pub fn upcoming(&self, ahead: usize) -> Option<Key> {
        let last = self.current.len().checked_sub(ahead + 1)?;
        self.current.get(last).map(|e| e.1)
    }

    /// What is pending, in no useful order.
    pub fn pending(&self) -> impl Iterator<Item = Key> + '_ {
        let bits = |(word, set): (usize, &u64)| {
            let set = *set;
            (0..64)
                .filter(move |bit| set >> bit & 1 == 1)
                .map(move |bit| word * 64 + bit)
        };
        let linked = self
            .occupied
            .iter()
            .enumerate()
            .flat_map(bits)
            .flat_map(|slot| {
                let node = |at: u32| (at != NONE).then(|| self.nodes[at as usize]);
                std::iter::successors(node(self.heads[slot]), move |n| node(n.next))
            });
        let near = self
            .current
            .iter()
            .map(|e| e.1)
            .chain(linked.map(|n| n.key));
        near.chain(self.far.iter().map(|Reverse(e)| e.1))
    }

    pub fn is_empty(&self) -> bool {
        self.current.is_empty() && self.summary == 0 && self.far.is_empty()
    }

    /// When the next event is, in ps; None: there is none.
    pub fn next_time(&self) -> Option<u64> {
        if let Some(&(time, _)) = self.current.last() {
            return Some(time);
        }
        let mut least = self.far.peek().map(|&Reverse((time, _))| time);
        let near = self.next_occupied();
        let mut at = near.map_or(NONE, |bucket| self.heads[bucket as usize % BUCKETS]);
        while at != NONE {
            let node = self.nodes[at as usize];
            least = Some(least.map_or(node.time, |least| least.min(node.time)));
            at = node.next;
        }
        least
    }

    /// Moves to the next bucket that holds an event; false if there is none.
    fn advance(&mut self) -> bool {
        if self.pops >= REVIEW {
            self.review();
        }
        self.advances += 1;
        let near = self.next_occupied();
        let far = self.far.peek().map(|&Reverse((t, _))| t >> self.shift);
        self.base = match (near, far) {
            (None, None) => return false,
            (Some(b), None) | (None, Some(b)) => b,
            (Some(a), Some(b)) => a.min(b),
        };
        while let Some(&Reverse((time, key))) = self.far.peek() {
            let bucket = time >> self.shift;
            if bucket >= self.base + BUCKETS as u64 {
                break;
            }
            self.far.pop();
            self.link(bucket as usize % BUCKETS, time, key);
        }
        self.enter(self.base as usize % BUCKETS);
        true
    }

    /// Takes a bucket's list into `current`, latest event first.
    fn enter(&mut self, slot: usize) {
        let mut at = self.heads[slot];
        self.heads[slot] = NONE;
        self.occupied[slot / 64] &= !(1 << (slot % 64));
        if self.occupied[slot / 64] == 0 {
            self.summary &= !(1 << (slot / 64));
        }
        while at != NONE {
            let node = self.nodes[at as usize];
            self.current.push((node.time, node.key));
            self.nodes[at as usize].next = self.free;
            self.free = at;
            at = node.next;
        }
        if self.current.len() > 1 {
            self.current.sort_unstable_by(|a, b| b.cmp(a));
        }
    }

    /// Absolute number of the first occupied bucket after `base`.
    fn next_occupied(&self) -> Option<u64> {
        if self.summary == 0 {
            return None;
        }
        let start = (self.base as usize + 1) % BUCKETS;
        let (word, bit) = (start / 64, start % 64);
        let here = self.occupied[word] & (!0u64 << bit);
        let slot = if here != 0 {
            word * 64 + here.trailing_zeros() as usize
        } else {
            // Words after this one, then (wrapped) the words up to and including it.
            let after = if word == 63 {
                0
            } else {
                self.summary & (!0u64 << (word + 1))
            };
            let words = if after != 0 { after } else { self.summary };
            let w = words.trailing_zeros() as usize;
            w * 64 + self.occupied[w].trailing_zeros() as usize
        };
        let ahead = (slot + BUCKETS - start) % BUCKETS;
        Some(self.base + 1 + ahead as u64)
    }

    /// Narrows buckets that hold many events, widens them when too much lies beyond the horizon.
    fn review(&mut self) {
        let dense = self.pops > 12 * self.advances;
        let shallow = self.far_pushes > self.pops / 4;
        let shift = match (dense, shallow) {
            (_, true) if self.shift < 40 => self.shift + 1,
            (true, false) if self.far_pushes < self.pops / 16 && self.shift > 4 => self.shift - 1,
            _ => self.shift,
        };
        (self.pops, self.advances, self.far_pushes) = (0, 0, 0);
        if shift == self.shift {
            return;
        }
        let mut all: Vec<Event> = self.far.drain().map(|Reverse(e)| e).collect();
        for head in &mut self.heads {
            let mut at = std::mem::replace(head, NONE);
            while at != NONE {
                all.push((self.nodes[at as usize].time, self.nodes[at as usize].key));
                at = self.nodes[at as usize].next;
            }
        }
        self.nodes.clear();
        self.free = NONE;
        self.occupied = [0; WORDS];
        self.summary = 0;
        // The bucket `base` is exhausted here, so every event is at or after its end.
        let now = (self.base + 1) << self.shift;
        self.shift = shift;
        self.base = (now >> shift).saturating_sub(1);
        for (time, key) in all {
            self.insert(time, key);
        }
        self.far_pushes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use xoff_model::rng::{Purpose, Stream};

    #[test]
    fn equal_times_come_in_key_order_however_inserted() {
        let keys = [
            Key::new(Kind::Arrive, 1),
            Key::new(Kind::Arrive, 2),
            Key::new(Kind::TxReady, 0),
            Key::new(Kind::Sample, 9),
        ];
        for rotation in 0..keys.len() {
            let mut q = EventQueue::new();
            for i in 0..keys.len() {
                q.push(SimTime::from_ps(5), keys[(i + rotation) % keys.len()]);
            }
            let order: Vec<Key> = std::iter::from_fn(|| q.pop().map(|(_, k)| k)).collect();
            assert_eq!(order, keys);
        }
    }

    #[test]
    fn survives_width_changes_on_a_long_mixed_run() {
        let mut rng = Stream::new(3, 0, 0, Purpose::Workload);
        let mut q = EventQueue::new();
        let mut model = BTreeSet::new();
        for entity in 0..500 {
            let at = SimTime::from_ps(rng.below(1 << 20));
            q.push(at, Key::new(Kind::Arrive, entity));
            model.insert((at, Key::new(Kind::Arrive, entity)));
        }
        for step in 0..400_000u64 {
            let (now, key) = q.pop().unwrap();
            assert_eq!(model.pop_first(), Some((now, key)));
            let span = if (step / 100_000).is_multiple_of(2) {
                1 << 14
            } else {
                1 << 32
            };
            let at = now + xoff_model::time::SimDuration::from_ps(rng.below(span));
            q.push(at, key);
            model.insert((at, key));
        }
        assert_eq!(model.len(), 500);
    }

    proptest! {
        #[test]
        fn pops_like_a_sorted_set(ops in prop::collection::vec((0u64..1 << 36, 0u32..64), 1..300)) {
            let mut q = EventQueue::new();
            let mut model = BTreeSet::new();
            let mut now = 0;
            for (delta, entity) in ops {
                prop_assert_eq!(q.next_time(), model.first().map(|e: &(SimTime, Key)| e.0.ps()));
                if entity < 20 && !model.is_empty() {
                    let got = q.pop().unwrap();
                    prop_assert_eq!(Some(got), model.pop_first());
                    now = got.0.ps();
                } else {
                    let e = (SimTime::from_ps(now + delta), Key::new(Kind::Fault, entity));
                    if model.insert(e) {
                        q.push(e.0, e.1);
                    }
                }
            }
            while let Some(got) = q.pop() {
                prop_assert_eq!(Some(got), model.pop_first());
            }
            prop_assert!(model.is_empty() && q.is_empty());
        }
    }
}
