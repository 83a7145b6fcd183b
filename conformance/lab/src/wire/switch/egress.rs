//! The sending side of a port: queues, a scheduler, marking, pauses.

use super::wire_time;
use std::collections::VecDeque;
use xoff_model::rng::{Purpose, Stream};
use xoff_model::rules::edit::{self, Edit};
use xoff_model::units::BitRate;
use xoff_model::{PRIORITIES, QueueSched, SchedulerSpec};
use xoff_sim::switch::Marking;

/// A frame in the buffer.
pub(super) struct Queued {
    /// The port that it came from, and its priority group there.
    pub(super) from: usize,
    pub(super) group: usize,
    /// What it takes of the buffer.
    pub(super) bytes: u32,
    /// In ps, as all times.
    pub(super) arrived: u64,
    pub(super) ecn_capable: bool,
    pub(super) frame: Vec<u8>,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Queued>,
    bytes: u32,
    paused_until: u64,
    /// All times of pauses, those to come included.
    paused: u64,
    deficit: u64,
}

pub(super) struct Egress {
    rate: BitRate,
    queues: [Queue; PRIORITIES],
    /// What is being sent, and when its end leaves.
    in_service: Option<(u64, Queued)>,
    busy_until: u64,
    /// Whose turn it is among weighted queues.
    turn: usize,
    marking: [Option<Marking>; PRIORITIES],
    chance: Stream,
    pub(super) marked: u64,
    /// Most bytes that all queues held.
    pub(super) peak: u64,
}

impl Egress {
    pub(super) fn new(
        rate: BitRate,
        marking: [Option<Marking>; PRIORITIES],
        seed: u64,
        name: &str,
    ) -> Egress {
        let lane = name
            .bytes()
            .fold(0, |sum: u32, b| sum.wrapping_mul(31) ^ u32::from(b));
        Egress {
            rate,
            queues: std::array::from_fn(|_| Queue::default()),
            in_service: None,
            busy_until: 0,
            turn: 0,
            marking,
            chance: Stream::new(seed, lane, 0, Purpose::Ecn),
            marked: 0,
            peak: 0,
        }
    }

    /// Bytes of a queue.
    pub(super) fn length(&self, queue: usize) -> u32 {
        self.queues.get(queue).map_or(0, |queue| queue.bytes)
    }

    pub(super) fn push(&mut self, queue: usize, queued: Queued) {
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.bytes = queue.bytes.saturating_add(queued.bytes);
            queue.frames.push_back(queued);
        }
        let held = self.queues.iter().map(|queue| u64::from(queue.bytes));
        self.peak = self.peak.max(held.sum());
    }

    /// A queue sends nothing more until then; a time that has come ends its pause.
    pub(super) fn pause(&mut self, queue: usize, now: u64, until: u64) {
        if let Some(queue) = self.queues.get_mut(queue) {
            let left = queue.paused_until.saturating_sub(now);
            let pause = until.saturating_sub(now);
            queue.paused = queue.paused.saturating_sub(left).saturating_add(pause);
            queue.paused_until = until;
        }
    }

    /// How long the queue that was paused longest was, by now.
    pub(super) fn paused(&self, now: u64) -> u64 {
        let of = |queue: &Queue| {
            let to_come = queue.paused_until.saturating_sub(now);
            queue.paused.saturating_sub(to_come)
        };
        self.queues.iter().map(of).max().unwrap_or(0)
    }

    /// When a frame starts or ends next without a further event.
    pub(super) fn next_time(&self) -> Option<u64> {
        let ends = self.in_service.as_ref().map(|(end, _)| *end);
        ends.or_else(|| self.start())
    }

    /// When the next frame could start.
    fn start(&self) -> Option<u64> {
        let starts = self.queues.iter().filter_map(|queue| self.start_of(queue));
        starts.min()
    }

    fn start_of(&self, queue: &Queue) -> Option<u64> {
        let head = queue.frames.front()?;
        let free = self.busy_until.max(queue.paused_until);
        Some(free.max(head.arrived))
    }

    /// The next frame whose end has left by now.
    pub(super) fn next(&mut self, scheduler: &SchedulerSpec, now: u64) -> Option<Queued> {
        if self.in_service.is_none() {
            let start = self.start().filter(|start| *start <= now)?;
            let queue = self.choose(scheduler, start)?;
            let queued = self.take(queue)?;
            let end = start.saturating_add(wire_time(self.rate, queued.frame.len()));
            self.busy_until = end;
            self.in_service = Some((end, queued));
        }
        let sent = self.in_service.take_if(|(end, _)| *end <= now);
        sent.map(|(_, queued)| queued)
    }

    /// Strict queues by number, then the weighted ones in turn.
    fn choose(&mut self, scheduler: &SchedulerSpec, start: u64) -> Option<usize> {
        let ready = |egress: &Egress, index: usize| {
            let queue = egress.queues.get(index)?;
            let at = egress.start_of(queue).filter(|at| *at <= start);
            at.and(queue.frames.front()).map(|q| q.frame.len() as u64)
        };
        let mut strict = (0..PRIORITIES).rev().filter(|i| share(scheduler, *i) == 0);
        if let Some(first) = strict.find(|&index| ready(self, index).is_some()) {
            return Some(first);
        }
        // A turn adds 64 bytes or more, so the longest frame has its turn before this ends.
        for _ in 0..PRIORITIES * 4096 {
            let head = ready(self, self.turn);
            let queue = self.queues.get_mut(self.turn)?;
            if let Some(len) = head.filter(|len| queue.deficit >= *len) {
                queue.deficit -= len;
                return Some(self.turn);
            }
            self.turn = (self.turn + 1) % PRIORITIES;
            let waits = ready(self, self.turn).is_some();
            let quantum = share(scheduler, self.turn).saturating_mul(64);
            let queue = self.queues.get_mut(self.turn)?;
            // Who has nothing to send saves nothing up.
            queue.deficit = match waits {
                true => queue.deficit.saturating_add(quantum),
                false => 0,
            };
        }
        None
    }

    /// The head of a queue, marked by the length of the queue behind it.
    fn take(&mut self, index: usize) -> Option<Queued> {
        let queue = self.queues.get_mut(index)?;
        let mut queued = queue.frames.pop_front()?;
        queue.bytes = queue.bytes.saturating_sub(queued.bytes);
        let marking = self.marking.get(index).copied().flatten();
        if let Some(marking) = marking.filter(|_| queued.ecn_capable) {
            let p = marking.probability(queue.bytes);
            let hit = p > 0 && u64::from(self.chance.next_u32()) < p;
            if hit && edit::apply(Edit::SetCe, &mut queued.frame) {
                self.marked += 1;
            }
        }
        Some(queued)
    }
}

/// The weight of a queue; 0: strict.
fn share(scheduler: &SchedulerSpec, queue: usize) -> u64 {
    match scheduler.queues.get(queue) {
        Some(QueueSched::Dwrr(weight)) => u64::from(*weight).max(1),
        Some(QueueSched::Strict) | None => 0,
    }
}
