//! Nanoseconds per event of event queues under the hold model (pop one, push one):
//! `cargo bench --bench queues`. Deltas mix what a network has: serialisation, propagation, timers.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::io::Write as _;
use xoff_model::rng::{Purpose, Stream};
use xoff_model::time::SimTime;
use xoff_sim::queue::{EventQueue, Key, Kind};

const EVENTS: u32 = 2_000_000;

trait Queue: Default {
    const NAME: &'static str;
    fn push(&mut self, at: u64, id: u32);
    fn pop(&mut self) -> Option<(u64, u32)>;
}

#[derive(Default)]
struct Heap(BinaryHeap<Reverse<(u64, u32)>>);

impl Queue for Heap {
    const NAME: &'static str = "std BinaryHeap";
    fn push(&mut self, at: u64, id: u32) {
        self.0.push(Reverse((at, id)));
    }
    fn pop(&mut self) -> Option<(u64, u32)> {
        self.0.pop().map(|Reverse(e)| e)
    }
}

#[derive(Default)]
struct Tree(BTreeSet<(u64, u32)>);

impl Queue for Tree {
    const NAME: &'static str = "std BTreeSet";
    fn push(&mut self, at: u64, id: u32) {
        self.0.insert((at, id));
    }
    fn pop(&mut self) -> Option<(u64, u32)> {
        self.0.pop_first()
    }
}

/// A heap of four children per node: half the depth, one cache line per level.
#[derive(Default)]
struct FourAry(Vec<(u64, u32)>);

impl Queue for FourAry {
    const NAME: &'static str = "4-ary heap";
    fn push(&mut self, at: u64, id: u32) {
        self.0.push((at, id));
        let mut i = self.0.len() - 1;
        while i > 0 && self.0[(i - 1) / 4] > self.0[i] {
            self.0.swap(i, (i - 1) / 4);
            i = (i - 1) / 4;
        }
    }
    fn pop(&mut self) -> Option<(u64, u32)> {
        if self.0.is_empty() {
            return None;
        }
        let first = self.0.swap_remove(0);
        let mut i = 0;
        while let Some(child) =
            (4 * i + 1..(4 * i + 5).min(self.0.len())).min_by_key(|&c| self.0[c])
        {
            if self.0[child] >= self.0[i] {
                break;
            }
            self.0.swap(i, child);
            i = child;
        }
        Some(first)
    }
}

#[derive(Default)]
struct Calendar(EventQueue);

impl Queue for Calendar {
    const NAME: &'static str = "xoff calendar";
    fn push(&mut self, at: u64, id: u32) {
        self.0
            .push(SimTime::from_ps(at), Key::new(Kind::Arrive, id));
    }
    fn pop(&mut self) -> Option<(u64, u32)> {
        self.0.pop().map(|(at, key)| (at.ps(), key.entity()))
    }
}

/// Picoseconds until an entity's next event.
fn delta(rng: &mut Stream) -> u64 {
    match rng.below(100) {
        0..50 => 83_840 + rng.below(500),
        50..95 => 1_083_840 + rng.below(500),
        _ => 55_000_000 + rng.below(1_000_000),
    }
}

/// Nanoseconds per pop and push, and a hash of the order in which events came.
fn hold<Q: Queue>(pending: u32) -> (f64, u64) {
    let mut rng = Stream::new(1, 0, 0, Purpose::Workload);
    let mut queue = Q::default();
    for id in 0..pending {
        queue.push(rng.below(2_000_000), id);
    }
    let start = std::time::Instant::now();
    let mut hash = 0u64;
    for _ in 0..EVENTS {
        let Some((at, id)) = queue.pop() else { break };
        hash = hash.rotate_left(5) ^ at ^ u64::from(id);
        queue.push(at + delta(&mut rng), id);
    }
    (start.elapsed().as_nanos() as f64 / f64::from(EVENTS), hash)
}

/// A queue's name, and its measurement for a number of pending events.
type Row = (&'static str, fn(u32) -> (f64, u64));

fn main() {
    let mut out = std::io::stdout().lock();
    let sizes = [1_000, 10_000, 100_000, 1_000_000];
    let _ = writeln!(
        out,
        "{:<16}{:>9}{:>9}{:>9}{:>9}  ns per event",
        "pending", "1k", "10k", "100k", "1M"
    );
    let rows: [Row; 4] = [
        (Heap::NAME, hold::<Heap>),
        (Tree::NAME, hold::<Tree>),
        (FourAry::NAME, hold::<FourAry>),
        (Calendar::NAME, hold::<Calendar>),
    ];
    let mut orders: Vec<Vec<u64>> = Vec::new();
    for (name, run) in rows {
        let results = sizes.map(run);
        let cells: String = results.iter().map(|r| format!("{:>9.1}", r.0)).collect();
        let _ = writeln!(out, "{name:<16}{cells}");
        orders.push(results.iter().map(|r| r.1).collect());
    }
    assert!(
        orders.windows(2).all(|w| w[0] == w[1]),
        "all queues give the same order"
    );
}
