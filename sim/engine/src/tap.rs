//! Taps: what passes chosen ports, frame by frame, as a capture would see it.
//!
//! A frame is seen *out* when its first bit leaves, and *in* when its last bit has arrived, at the
//! port itself, before the pipeline of a switch. A pause frame is seen in when it takes effect: the
//! response time of the port is behind it, so that the times between such frames are the times for
//! which the port was silent. Frames that a link loses are seen out and not in; frames that a full
//! receive buffer turns away were on the wire and are seen.

use super::packet::{Packet, PacketId, PacketKind, Pause};
use super::port::port_flag;
use super::{Progress, Sim};
use std::collections::BTreeMap;
use xoff_model::Model;
use xoff_model::results::Results;
use xoff_model::time::SimTime;
use xoff_model::topology::fabric::PortId;

/// Which way a frame passes a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    In,
    Out,
}

/// What a pause frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PauseFrame {
    /// IEEE 802.3x PAUSE instead of PFC.
    pub global: bool,
    /// Priorities that the frame names, bit n for priority n, and those of them that it stops.
    pub enabled: u8,
    pub stop: u8,
    /// Pause time of those it stops, in quanta of 512 bit times.
    pub quanta: u16,
}

#[derive(Clone, Debug)]
pub enum TapFrame {
    Packet(Packet),
    Pause(PauseFrame),
    /// What a rule made of a frame, without FCS.
    Bytes(Vec<u8>),
}

/// One frame at a tapped port.
#[derive(Clone, Debug)]
pub struct TapEvent {
    pub at: SimTime,
    pub port: PortId,
    pub direction: Direction,
    /// Out: the queue that the frame left, and the bytes that wait in it behind the frame. A pause
    /// frame waits in none.
    pub queue: u8,
    pub queued: u32,
    pub frame: TapFrame,
}

/// Simulates a model and reports what passes `ports`, in the order of time and, at one time, of
/// ports.
///
/// The results are those of [`super::run`]. Pauses out of band (the framing of other simulators)
/// are no frames and are not reported.
pub fn run_tapped(
    model: &Model,
    ports: &[PortId],
    sink: &mut dyn FnMut(&TapEvent),
    progress: &mut dyn FnMut(Progress),
) -> Results {
    let mut sim = Sim::new(model);
    sim.attach(ports, sink);
    sim.run(progress);
    sim.finish_tap();
    sim.into_results()
}

/// As [`run_tapped`]; the results have every completion
/// ([`FlowResult::observed`](xoff_model::results::FlowResult::observed)). Memory grows with the number
/// of messages.
pub fn observe(
    model: &Model,
    ports: &[PortId],
    sink: &mut dyn FnMut(&TapEvent),
    progress: &mut dyn FnMut(Progress),
) -> Results {
    let mut sim = Sim::new(model);
    sim.observing = true;
    sim.attach(ports, sink);
    sim.run(progress);
    sim.finish_tap();
    sim.into_results()
}

/// Where events go, by way of a list that puts them in order.
pub(super) struct Tap<'m> {
    sink: &'m mut dyn FnMut(&TapEvent),
    /// By time, then by port, then in the port's order.
    waiting: BTreeMap<(u64, PortId, u64), TapEvent>,
    count: u64,
    /// How far, in ps, an event may lie before the time at which it is reported: arrivals at
    /// switches are handled when the pipeline is done with them.
    slack: u64,
}

impl Tap<'_> {
    fn push(&mut self, now: u64, event: TapEvent) {
        // The count grows with each port's events as with those of all.
        let key = (event.at.ps(), event.port, self.count);
        self.waiting.insert(key, event);
        self.count += 1;
        self.flush(now.saturating_sub(self.slack));
    }

    /// Passes on everything before `end`: nothing of that time comes any more.
    fn flush(&mut self, end: u64) {
        while let Some(entry) = self.waiting.first_entry() {
            if entry.key().0 >= end {
                break;
            }
            (self.sink)(&entry.remove());
        }
    }
}

impl<'m> Sim<'m> {
    fn attach(&mut self, ports: &[PortId], sink: &'m mut dyn FnMut(&TapEvent)) {
        for &port in ports {
            let out = &mut self.ports[port as usize];
            out.flags |= port_flag::TAPPED;
            self.rx[out.peer as usize].flags |= port_flag::TAPPED;
        }
        let slack = self.model.switches.iter().map(|s| s.latency.ps()).max();
        self.tap = Some(Tap {
            sink,
            waiting: BTreeMap::new(),
            count: 0,
            slack: slack.unwrap_or(0),
        });
    }

    fn finish_tap(&mut self) {
        if let Some(tap) = &mut self.tap {
            tap.flush(u64::MAX);
        }
    }
}

impl Sim<'_> {
    fn tap(&mut self, at: u64, port: PortId, direction: Direction, frame: TapFrame) {
        let now = self.now;
        let (queue, queued) = match (&frame, direction) {
            (TapFrame::Packet(packet), Direction::Out) => {
                let queue = packet.queue;
                (queue, self.queues[(port, queue)].bytes)
            }
            _ => (0, 0),
        };
        if let Some(tap) = &mut self.tap {
            let event = TapEvent {
                at: SimTime::from_ps(at),
                port,
                direction,
                queue,
                queued,
                frame,
            };
            tap.push(now, event);
        }
    }

    /// A frame leaves a tapped port now.
    #[cold]
    pub(super) fn tap_out(&mut self, port: PortId, id: PacketId) {
        self.tap_out_at(port, id, self.now);
    }

    /// A frame leaves a tapped port at a time that has come, or is about to.
    pub(super) fn tap_out_at(&mut self, port: PortId, id: PacketId, at: u64) {
        let frame = self.tap_frame(id);
        self.tap(at, port, Direction::Out, frame);
    }

    fn tap_frame(&self, id: PacketId) -> TapFrame {
        let packet = &self.packets[id];
        match packet.kind {
            PacketKind::Foreign => TapFrame::Bytes(self.foreign_bytes(packet)),
            _ => TapFrame::Packet(*packet),
        }
    }

    /// A frame from `tx` arrives at the tapped port at the other end.
    #[cold]
    pub(super) fn tap_in(&mut self, tx: PortId, id: PacketId) {
        let out = &self.ports[tx as usize];
        let (peer, cuts) = (out.peer, out.has(port_flag::PEER_CUTS_THROUGH));
        let pipeline = out.delay - self.fabric.ports[tx as usize].delay.ps();
        let mut at = self.now - pipeline;
        if cuts {
            let wire = u32::from(self.packets[id].frame) + self.gap_bytes;
            at += self.cut_through_gain(tx, id, wire);
        }
        let frame = self.tap_frame(id);
        self.tap(at, peer, Direction::In, frame);
    }

    /// A pause frame leaves a port, or takes effect there, now.
    pub(crate) fn tap_pause_frame(&mut self, port: PortId, direction: Direction, id: PacketId) {
        if !self.ports[port as usize].has(port_flag::TAPPED) {
            return;
        }
        let packet = self.packets[id];
        if packet.kind == PacketKind::Foreign {
            let frame = TapFrame::Bytes(self.foreign_bytes(&packet));
            return self.tap(self.now, port, direction, frame);
        }
        let pause = Pause::of(&packet);
        if !pause.out_of_band {
            self.tap(self.now, port, direction, TapFrame::Pause(pause.into()));
        }
    }
}

impl From<Pause> for PauseFrame {
    /// A time without end is the longest that a frame can say.
    fn from(pause: Pause) -> Self {
        PauseFrame {
            global: pause.global,
            enabled: pause.enabled,
            stop: pause.stop,
            quanta: pause.quanta.unwrap_or(u16::MAX),
        }
    }
}
