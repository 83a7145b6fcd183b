//! The scenario's rules at work: what hosts send passes them, and so do the pause frames that
//! switches send to hosts.
//!
//! Rules act on the link between a host and its neighbour, and nowhere else: a frame meets them
//! once on its way. Those of the link act after the frame was seen to leave its host, those of the
//! host's stack before: to everybody else it is the host that acts so.
//!
//! A frame that a rule has edited is *foreign*: its bytes are kept, switches forward it as the
//! packet that it was, and the host that receives it reads the bytes.

mod foreign;
mod held;

pub(crate) use foreign::Foreigners;
pub(crate) use held::Holding;

use super::Sim;
use super::packet::{NO_PACKET, Packet, PacketId, PacketKind, Pause, flag};
use super::port::port_flag;
use super::queue::Kind;
use super::tap::Direction;
use crate::frames::Frames;
use held::{Held, Pair, Way};
use std::iter::Chain;
use std::{option, vec};
use xoff_model::results::{DropCause, RuleResult};
use xoff_model::rules::edit::Edit;
use xoff_model::rules::inject::Made;
use xoff_model::rules::{Car, Count, Decision, Hit, Load, Rule, Rules};
use xoff_model::time::SimDuration;
use xoff_model::topology::fabric::PortId;
use xoff_model::{Model, Op};

/// A frame that waits for later ones does not wait longer, ps: there may be none.
const PATIENCE: u64 = SimDuration::from_ms(1_000).ps();

/// The rules of a model, and what they need to look at frames.
pub(crate) struct Wire<'m> {
    pub(crate) frames: Frames<'m>,
    model: &'m Model,
    stack: Rules,
    link: Rules,
    buffer: Vec<u8>,
}

/// Where a frame meets rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// On its way out of its host.
    Host,
    /// On the link.
    Link,
}

/// A frame that goes on.
#[derive(Clone, Copy, Debug)]
struct Passing {
    id: PacketId,
    delay: u64,
    /// Later frames that go first.
    behind: u32,
}

impl Passing {
    const fn at_once(id: PacketId) -> Self {
        Passing {
            id,
            delay: 0,
            behind: 0,
        }
    }
}

/// What goes on where one frame came: that alone, most of the time, which allocates nothing.
#[derive(Debug, Default)]
struct Train {
    first: Option<Passing>,
    rest: Vec<Passing>,
}

impl Train {
    const fn of(first: Passing) -> Self {
        Train {
            first: Some(first),
            rest: Vec::new(),
        }
    }

    fn push(&mut self, passing: Passing) {
        match self.first {
            None => self.first = Some(passing),
            Some(_) => self.rest.push(passing),
        }
    }
}

impl IntoIterator for Train {
    type Item = Passing;
    type IntoIter = Chain<option::IntoIter<Passing>, vec::IntoIter<Passing>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.rest)
    }
}

impl<'m> Wire<'m> {
    /// None: no rules, or frames without bytes (fixed framing).
    pub(super) fn new(model: &'m Model) -> Option<Box<Self>> {
        if model.rules.is_empty() {
            return None;
        }
        Some(Box::new(Wire {
            frames: Frames::new(model)?,
            model,
            stack: Rules::stack(&model.rules, model.seed),
            link: Rules::new(&model.rules, model.seed),
            buffer: Vec::new(),
        }))
    }

    /// What became of the rules, in the order of the model.
    pub(super) fn results(&self) -> Vec<RuleResult> {
        let (mut stack, mut link) = (counts(&self.stack), counts(&self.link));
        let result = |rule: &Rule| {
            let of_stage = if rule.stack { &mut stack } else { &mut link };
            let (count, hits) = of_stage.next().unwrap_or_default();
            RuleResult {
                name: rule.name.clone(),
                matched: count.matched,
                applied: count.applied,
                hits: hits.to_vec(),
            }
        };
        self.model.rules.iter().map(result).collect()
    }

    fn rules(&self, stage: Stage) -> &Rules {
        match stage {
            Stage::Host => &self.stack,
            Stage::Link => &self.link,
        }
    }

    fn decide(&mut self, stage: Stage, (from, to): Pair, now: u64) -> Decision {
        let rules = match stage {
            Stage::Host => &mut self.stack,
            Stage::Link => &mut self.link,
        };
        rules.decide(from, to, &self.buffer, SimDuration::from_ps(now))
    }
}

fn counts(rules: &Rules) -> impl Iterator<Item = (Count, &[Hit])> {
    let counts = rules.counts().map(|(_, count)| count);
    counts.zip(rules.hits())
}

impl Sim<'_> {
    /// [`Sim::send`] at a host's port where rules act.
    #[cold]
    pub(super) fn send_ruled(&mut self, port: PortId, queue: u8, id: PacketId) {
        let wire = u32::from(self.packets[id].frame) + self.gap_bytes;
        // A frame that its stack drops takes its time all the same.
        let least = self.now + self.wire_time(port, wire);
        let mut start = self.now;
        let pair = self.pair(port, id);
        for passing in self.leave_stack(port, id) {
            if self.is_pause(passing.id) {
                start = self.launch_pause(port, passing.id, start);
                continue;
            }
            if self.hold(&passing, Way::Queue(port, queue), pair, self.now) {
                self.packets[passing.id].flags |= flag::OBEYED;
                continue;
            }
            start = self.launch(port, queue, passing.id, start);
            for Held { id, way, .. } in self.held.passed(Way::Queue(port, queue), pair) {
                match way {
                    Way::Queue(own, _) if own == port => {
                        start = self.launch(port, queue, id, start);
                    }
                    Way::Queue(other, queue) => self.send_control(other, queue, id),
                    Way::Link(_) | Way::Pause(_) => {}
                }
            }
        }
        self.ports[port as usize].busy_until = start.max(least);
    }

    /// The rules of the sending host's stack, unless the frame has met them.
    fn leave_stack(&mut self, port: PortId, id: PacketId) -> Train {
        let obeyed = self.packets[id].has(flag::OBEYED);
        self.packets[id].flags &= !flag::OBEYED;
        if obeyed {
            return Train::of(Passing::at_once(id));
        }
        self.pass(Stage::Host, port, id)
    }

    /// Puts a frame on the link at `start`. Returns when its last bit has left.
    fn launch(&mut self, port: PortId, queue: u8, id: PacketId, start: u64) -> u64 {
        let wire = u32::from(self.packets[id].frame) + self.gap_bytes;
        self.count_sent_frame(port, queue, wire);
        let end = start + self.wire_time(port, wire);
        if self.ports[port as usize].has(port_flag::TAPPED) {
            self.tap_out_at(port, id, start);
        }
        let (pair, receiver) = (self.pair(port, id), self.receiving_port(id));
        for passing in self.pass(Stage::Link, port, id) {
            let id = passing.id;
            if self.is_pause(id) {
                let due = end + self.ports[port as usize].delay;
                self.hold_pause(receiver, id, due);
                continue;
            }
            if !self.survives(port, id, wire) {
                continue;
            }
            let due = self.due(port, id, end);
            if self.hold(&passing, Way::Link(port), pair, due) {
                continue;
            }
            self.fly(port, id, due);
            for Held { id, way, .. } in self.held.passed(Way::Link(port), pair) {
                match way {
                    Way::Link(port) => self.fly(port, id, due),
                    Way::Queue(..) | Way::Pause(_) => {}
                }
            }
        }
        end
    }

    /// A pause frame that ends at `end` leaves a port at which rules act.
    #[cold]
    pub(crate) fn send_pause_ruled(&mut self, port: PortId, id: PacketId, end: u64) {
        for stacked in self.pass(Stage::Host, port, id) {
            if self.ports[port as usize].has(port_flag::TAPPED) {
                self.tap_pause_frame(port, Direction::Out, stacked.id);
            }
            for passing in self.pass(Stage::Link, port, stacked.id) {
                let passing = Passing {
                    delay: passing.delay + stacked.delay,
                    ..passing
                };
                self.fly_pause(port, passing.id, end, passing.delay);
            }
        }
    }

    /// Puts a pause frame that a host's rules made on the link at `start`. Returns when its last
    /// bit has left.
    fn launch_pause(&mut self, port: PortId, id: PacketId, start: u64) -> u64 {
        let wire = u32::from(self.packets[id].frame) + self.gap_bytes;
        let cold = &mut self.cold[port as usize];
        cold.pause_frames += 1;
        cold.pause_bytes += u64::from(wire);
        self.hops += 1;
        if self.ports[port as usize].has(port_flag::TAPPED) {
            self.tap_out_at(port, id, start);
        }
        let end = start + self.wire_time(port, wire);
        for passing in self.pass(Stage::Link, port, id) {
            self.fly_pause(port, passing.id, end, passing.delay);
        }
        end
    }

    /// The port of the host that a packet is for.
    fn receiving_port(&self, id: PacketId) -> PortId {
        let packet = self.original(&self.packets[id]);
        let qp = packet.qp as usize;
        if self.towards_receiver(&packet) {
            self.receivers[qp].port
        } else {
            self.senders[qp].port
        }
    }

    /// A pause frame that reaches the other end only after `delay`, beside its usual time.
    pub(crate) fn hold_pause(&mut self, port: PortId, id: PacketId, due: u64) {
        self.held.hold(due, id, Way::Pause(port), (0, None), 0);
        self.schedule_release();
    }

    /// Lets a frame meet the rules of a stage. What goes on, in order; what does not is gone.
    fn pass(&mut self, stage: Stage, port: PortId, id: PacketId) -> Train {
        let mut taken = self.wire.take();
        let train = match &mut taken {
            Some(wire) if !wire.rules(stage).is_empty() => self.pass_by(wire, stage, port, id),
            _ => Train::of(Passing::at_once(id)),
        };
        self.wire = taken;
        train
    }

    fn pass_by(&mut self, wire: &mut Wire<'_>, stage: Stage, port: PortId, id: PacketId) -> Train {
        let pair = self.pair(port, id);
        self.write_frame(wire, port, id);
        let decision = wire.decide(stage, pair, self.now);
        let dropped = decision.drop;
        if !dropped && !decision.edits.is_empty() {
            self.change(id, &decision.edits, wire.rules(stage).edited());
        }
        let mut train = Train::default();
        for Car {
            load,
            delay,
            behind,
        } in decision.train()
        {
            let added = match load {
                Load::Itself => None,
                Load::Copy => Some(self.copy(id)),
                Load::Made(made, bytes) => Some(self.inject(id, made, &bytes)),
            };
            if let Some(added) = added {
                self.count_added(stage, port, added);
            }
            train.push(Passing {
                id: added.unwrap_or(id),
                delay: delay.ps(),
                behind,
            });
        }
        if dropped {
            match stage {
                Stage::Host if !self.is_pause(id) => self.discard(port, id, DropCause::Rule),
                Stage::Host | Stage::Link => self.lose_ruled(port, id, DropCause::Rule),
            }
        }
        train
    }

    /// A frame that a rule makes from the frame `id`.
    fn inject(&mut self, id: PacketId, made: Made, bytes: &[u8]) -> PacketId {
        let template = match made {
            Made::Pfc { .. } | Made::Pause { .. } => Packet {
                kind: PacketKind::Pause,
                ..Packet::EMPTY
            },
            Made::Cnp | Made::Acknowledge { .. } | Made::Ghost { .. } => {
                self.original(&self.packets[id])
            }
        };
        let id = self.packets.insert(Packet {
            telemetry: Packet::EMPTY.telemetry,
            next: NO_PACKET,
            ..template
        });
        self.make_foreign(id, bytes);
        id
    }

    /// Counts a frame that rules add to what a port has sent; pause frames have books of their own.
    fn count_added(&mut self, stage: Stage, port: PortId, id: PacketId) {
        let on_link = stage == Stage::Link && !self.is_pause(id);
        self.cold[port as usize].added += u64::from(on_link);
    }

    /// A frame is gone on the link away from `port`. Pause frames are not in the books of frames,
    /// which must close all the same.
    pub(crate) fn lose_ruled(&mut self, port: PortId, id: PacketId, cause: DropCause) {
        self.cold[port as usize].added += u64::from(self.is_pause(id));
        self.lose(port, id, cause);
    }

    fn is_pause(&self, id: PacketId) -> bool {
        self.original(&self.packets[id]).kind == PacketKind::Pause
    }

    /// Edits a frame, of which this is made.
    fn change(&mut self, id: PacketId, edits: &[Edit], bytes: &[u8]) {
        let packet = &mut self.packets[id];
        let native = !matches!(packet.kind, PacketKind::Foreign | PacketKind::Pause);
        if native && edits.iter().all(|edit| *edit == Edit::SetCe) {
            packet.flags |= flag::CE;
        } else {
            self.make_foreign(id, bytes);
        }
    }

    /// Holds a frame, due at `due`, if it is to wait. False: it goes now.
    fn hold(&mut self, passing: &Passing, way: Way, pair: Pair, due: u64) -> bool {
        if passing.delay == 0 && passing.behind == 0 {
            return false;
        }
        let patience = if passing.behind > 0 { PATIENCE } else { 0 };
        let at = due.saturating_add(passing.delay).saturating_add(patience);
        self.held.hold(at, passing.id, way, pair, passing.behind);
        self.schedule_release();
        true
    }

    fn schedule_release(&mut self) {
        if let Some(at) = self.held.next().filter(|&at| at < self.held.event_at) {
            self.held.event_at = at;
            self.schedule(at.max(self.now), Kind::Release, 0);
        }
    }

    /// The time of held frames has come.
    pub(super) fn release_held(&mut self) {
        if self.held.event_at > self.now {
            return;
        }
        self.held.event_at = super::port::NEVER;
        while let Some(held) = self.held.due(self.now) {
            match held.way {
                Way::Queue(port, queue) => self.send_control(port, queue, held.id),
                Way::Link(port) => self.arrive_held(port, held.id),
                Way::Pause(port) => self.apply_pause(port, held.id),
            }
        }
        self.schedule_release();
    }

    fn arrive_held(&mut self, tx: PortId, id: PacketId) {
        let out = &self.ports[tx as usize];
        if out.has(port_flag::DOWN) {
            return self.lose(tx, id, DropCause::LinkDown);
        }
        let rx = &self.rx[tx as usize];
        let (port, profile, host) = (rx.port, rx.profile, rx.has(port_flag::HOST));
        if rx.has(port_flag::TAPPED) {
            self.tap_in(tx, id);
        }
        if host {
            self.nic_receive(port, id);
        } else {
            self.forward(port, profile, id);
        }
    }

    /// The nodes between which a frame of a port travels.
    fn pair(&self, port: PortId, id: PacketId) -> Pair {
        let packet = self.original(&self.packets[id]);
        let from = self.fabric.ports[port as usize].node;
        let to = match packet.kind {
            PacketKind::Pause => None,
            _ => {
                let spec = &self.model.flows[packet.qp as usize];
                let forward = self.towards_receiver(&packet) != (spec.op == Op::Read);
                Some(if forward { spec.dst } else { spec.src })
            }
        };
        (from, to)
    }

    /// Puts the bytes of a frame that leaves a port into the buffer.
    fn write_frame(&self, wire: &mut Wire<'_>, port: PortId, id: PacketId) {
        let packet = &self.packets[id];
        match packet.kind {
            PacketKind::Foreign => {
                wire.buffer.clear();
                wire.buffer.extend_from_slice(&self.foreign_bytes(packet));
            }
            PacketKind::Pause => {
                let pause = Pause::of(packet).into();
                wire.frames.write_pause(port, &pause, &mut wire.buffer);
            }
            _ => wire.frames.write(packet, &mut wire.buffer),
        }
    }

    /// One more of the same.
    fn copy(&mut self, id: PacketId) -> PacketId {
        let mut packet: Packet = self.packets[id];
        packet.next = NO_PACKET;
        packet.telemetry = self.telemetry.copy(packet.telemetry);
        if packet.kind == PacketKind::Foreign {
            packet.arg = self.foreigners.copy(packet.arg);
        }
        self.packets.insert(packet)
    }
}

#[cfg(test)]
mod foreign_tests;
#[cfg(test)]
mod tests;
