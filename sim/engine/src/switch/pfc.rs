//! Priority-based flow control (802.1Q) and whole-port pause (802.3x), both directions.
//!
//! A group that should pause marks its priorities pending; the port then sends one frame with
//! every pending class before anything else. At the other end the frame takes effect after the
//! response time, blocks the queues of its priorities, and expires unless refreshed.

use crate::Sim;
use crate::packet::{NO_PACKET, PacketId, PacketKind, Pause};
use crate::port::{NEVER, port_flag};
use crate::queue::Kind;
use crate::tap::Direction;
use xoff_model::results::{DropCause, PauseLogEntry};
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::topology::fabric::PortId;
use xoff_model::units::BitRate;
use xoff_model::{PRIORITIES, PauseMode, PauseSpec};
use xoff_wire::dissect::{Body, Link, dissect};
use xoff_wire::mac_control::{self, ADDRESS, FRAME_LEN};

/// Frame bytes of a MAC control frame, FCS included.
const PAUSE_FRAME_BYTES: u32 = 64;
/// Bits in a pause quantum (IEEE 802.3 Annex 31B).
const QUANTUM_BITS: u64 = 512;

/// Time that a pause lasts at a rate, ps; None: for ever.
fn pause_time(quanta: Option<u16>, rate: BitRate) -> u64 {
    quanta.map_or(NEVER, |q| quanta_time(q, rate))
}

pub(crate) fn quanta_time(quanta: u16, rate: BitRate) -> u64 {
    let bytes = u64::from(quanta) * QUANTUM_BITS / 8;
    rate.serialize_ceil(bytes).ps()
}

impl Sim<'_> {
    /// The pause settings of a port.
    pub(crate) fn pause_spec(&self, port: PortId) -> &PauseSpec {
        &self.pauses[usize::from(self.ports[port as usize].profile)]
    }

    /// A priority group at ingress `port` must pause its sender.
    pub(crate) fn pause_group(&mut self, port: PortId, group: u8) {
        let held = &mut self.groups[(port, group)];
        held.paused = true;
        let bytes = held.used + held.headroom_used;
        held.pause_least = match held.pause_least {
            0 => bytes,
            least => least.min(bytes),
        };
        self.set_xoff(port, self.groups[(port, group)].pause_mask, true);
    }

    pub(crate) fn resume_group(&mut self, port: PortId, group: u8) {
        self.groups[(port, group)].paused = false;
        // With whole-port pause, groups share priorities: all of them must agree.
        let held = self
            .groups
            .of_port(port)
            .filter(|g| g.paused)
            .fold(self.cold[port as usize].tx.forced, |mask, g| {
                mask | g.pause_mask
            });
        let mask = self.groups[(port, group)].pause_mask & !held;
        self.set_xoff(port, mask, false);
    }

    /// Changes the pause state that a port imposes on its peer, and says so.
    pub(crate) fn set_xoff(&mut self, port: PortId, mask: u8, stop: bool) {
        let tx = &mut self.cold[port as usize].tx;
        let changed = mask & if stop { !tx.xoff } else { tx.xoff };
        if changed == 0 {
            return;
        }
        tx.xoff ^= changed;
        tx.pending |= changed;
        self.ports[port as usize].flags |= port_flag::PAUSE_PENDING;
        self.pause_soon(port);
    }

    /// There is a pause frame to send.
    fn pause_soon(&mut self, port: PortId) {
        if self.pause_spec(port).out_of_band {
            self.send_pause(port);
        } else {
            self.kick(port);
        }
    }

    /// Sends one pause of a given time, whatever the port holds. Classes that it keeps stopped
    /// anyway stay so.
    pub(crate) fn pause_once(&mut self, port: PortId, mask: u8, quanta: u16) {
        let tx = &mut self.cold[port as usize].tx;
        tx.once = (mask & !tx.xoff, quanta);
        if tx.once.0 != 0 {
            self.ports[port as usize].flags |= port_flag::PAUSE_PENDING;
            self.pause_soon(port);
        }
    }

    /// Sends a pending pause frame. In band, the port must be idle.
    pub(crate) fn send_pause(&mut self, port: PortId) {
        let p = port as usize;
        let spec = *self.pause_spec(port);
        self.ports[p].flags &= !port_flag::PAUSE_PENDING;
        let tx = &mut self.cold[p].tx;
        let pending = std::mem::take(&mut tx.pending);
        let (enabled, stop, quanta) = if pending != 0 {
            if tx.once.0 != 0 {
                self.ports[p].flags |= port_flag::PAUSE_PENDING;
            }
            (pending, pending & tx.xoff, 0)
        } else {
            let (mask, quanta) = std::mem::take(&mut tx.once);
            // What has been stopped for longer in the meantime must not be cut short.
            let mask = mask & !tx.xoff;
            (mask, mask, quanta)
        };
        if enabled == 0 || self.ports[p].has(port_flag::DOWN) {
            return;
        }
        let pause = Pause {
            // A NIC that storms though pause is off there sends PFC frames.
            global: spec.mode == PauseMode::Global,
            out_of_band: spec.out_of_band,
            enabled,
            stop,
            quanta: match quanta {
                0 => spec.quanta,
                quanta => Some(quanta),
            },
        };
        self.count_sent(port, &pause);
        let mut at = self.now;
        if !spec.out_of_band {
            let bytes = PAUSE_FRAME_BYTES + self.gap_bytes;
            at += self.wire_time(port, bytes);
            self.ports[p].busy_until = at;
            self.cold[p].pause_frames += 1;
            self.cold[p].pause_bytes += u64::from(bytes);
            self.hops += 1;
        }
        self.schedule_refresh(port, &spec);
        let id = self.packets.insert(pause.packet());
        let near_host = port_flag::HOST | port_flag::PEER_HOST;
        if self.wire.is_some() && self.ports[p].has(near_host) && !spec.out_of_band {
            return self.send_pause_ruled(port, id, at);
        }
        self.tap_pause_frame(port, Direction::Out, id);
        self.fly_pause(port, id, at, 0);
    }

    /// A pause frame whose last bit leaves at `end` reaches the other end, `delay` later than it
    /// would.
    pub(crate) fn fly_pause(&mut self, port: PortId, id: PacketId, end: u64, delay: u64) {
        let p = port as usize;
        let loss = self.loss[p].frame;
        if !loss.is_zero() && loss.hit(self.loss_rng[p].next_u32()) {
            return self.forget_pause(id);
        }
        let peer = self.ports[p].peer;
        let due = end + self.cold[p].tx.delay;
        if delay > 0 {
            return self.hold_pause(peer, id, due.saturating_add(delay));
        }
        self.packets[id].due = due;
        let pending = &mut self.cold[peer as usize].rx.pending;
        let first = pending.is_empty();
        pending.push(&mut self.packets, id);
        if first {
            self.schedule(due, Kind::PauseApply, peer);
        }
    }

    /// Frees a pause frame.
    fn forget_pause(&mut self, id: PacketId) {
        let packet = self.packets[id];
        if packet.kind == PacketKind::Foreign {
            self.foreigners.remove(packet.arg);
        }
        self.packets.remove(id);
    }

    fn count_sent(&mut self, port: PortId, pause: &Pause) {
        let cold = &mut self.cold[port as usize];
        if pause.global {
            let stops = pause.stop != 0;
            cold.tx.global_pauses += u64::from(stops);
            cold.tx.global_resumes += u64::from(!stops);
            return;
        }
        for (priority, stats) in cold.stats.iter_mut().enumerate() {
            if pause.enabled & 1 << priority != 0 {
                if pause.stop & 1 << priority != 0 {
                    stats.tx_pause += 1;
                } else {
                    stats.tx_resume += 1;
                }
            }
        }
    }

    /// A standing pause is repeated at half of its time, well before it runs out. A storm guard
    /// looks at that time too, or earlier.
    fn schedule_refresh(&mut self, port: PortId, spec: &PauseSpec) {
        let guard = if self.ports[port as usize].has(port_flag::HOST) {
            self.guard_due(port)
        } else {
            NEVER
        };
        let tx = &self.cold[port as usize].tx;
        if tx.xoff == 0 {
            return;
        }
        let rate = self.cold[port as usize].rate;
        let half = (pause_time(spec.quanta, rate) / 2).max(1);
        let refresh = if spec.quanta.is_some() {
            self.now + half
        } else {
            NEVER
        };
        let at = refresh.min(guard.max(self.now));
        if at < tx.refresh_at {
            self.cold[port as usize].tx.refresh_at = at;
            self.schedule(at, Kind::PauseRefresh, port);
        }
    }

    pub(crate) fn pause_refresh(&mut self, port: PortId) {
        let tx = &mut self.cold[port as usize].tx;
        if tx.refresh_at != self.now {
            return;
        }
        let tx = &mut self.cold[port as usize].tx;
        tx.refresh_at = NEVER;
        if self.stalled() {
            return;
        }
        let host = self.ports[port as usize].has(port_flag::HOST);
        if host && self.guard_due(port) <= self.now {
            return self.guard_network(port);
        }
        let tx = &mut self.cold[port as usize].tx;
        if tx.xoff != 0 {
            tx.pending |= tx.xoff;
            self.ports[port as usize].flags |= port_flag::PAUSE_PENDING;
            self.kick(port);
        }
    }

    /// A received pause frame takes effect.
    pub(crate) fn pause_apply(&mut self, port: PortId) {
        let p = port as usize;
        let head = self.cold[p].rx.pending.head;
        // After a link failure the event may be about a frame that is gone.
        if head == NO_PACKET || self.packets[head].due != self.now {
            return;
        }
        let Some(id) = self.cold[p].rx.pending.pop(&self.packets) else {
            return;
        };
        let next = self.cold[p].rx.pending.head;
        if !self.cold[p].rx.pending.is_empty() {
            self.schedule(self.packets[next].due, Kind::PauseApply, port);
        }
        self.apply_pause(port, id);
    }

    /// A pause frame takes effect at a port.
    pub(crate) fn apply_pause(&mut self, port: PortId, id: PacketId) {
        self.tap_pause_frame(port, Direction::In, id);
        if self.packets[id].kind == PacketKind::Foreign {
            return self.apply_foreign_pause(port, id);
        }
        let p = port as usize;
        let pause = Pause::of(&self.packets[id]);
        self.packets.remove(id);
        let spec = *self.pause_spec(port);
        self.log_pause(port, &pause, &spec);
        let time = pause_time(pause.quanta, self.cold[p].rate);
        let until = self.now.saturating_add(time);
        let sent_as = match pause.global {
            true => PauseMode::Global,
            false => PauseMode::Pfc,
        };
        let mut until_of = [None; PRIORITIES];
        for (priority, until_of) in until_of.iter_mut().enumerate() {
            if pause.enabled & 1 << priority != 0 {
                let stop = pause.stop & 1 << priority != 0;
                *until_of = Some(if stop { until } else { 0 });
            }
        }
        self.obey_pause(port, sent_as, &until_of);
    }

    /// A rule's pause frame: what its bytes say, if they are a pause frame at all.
    fn apply_foreign_pause(&mut self, port: PortId, id: PacketId) {
        let packet = self.packets[id];
        let bytes = self.foreign_bytes(&packet);
        let dissected = dissect(Link::Ethernet, &bytes, bytes.len() as u32);
        let whole = bytes.len() >= FRAME_LEN && dissected.ethernet.dst == ADDRESS;
        let tagged = dissected.ethernet.outer.is_some();
        let (Body::Pause(frame), true, false) = (dissected.body, whole, tagged) else {
            let peer = self.ports[port as usize].peer;
            return self.lose_ruled(peer, id, DropCause::Refused);
        };
        let sent_as = match frame {
            mac_control::Repr::Pause { .. } => PauseMode::Global,
            mac_control::Repr::Pfc { .. } => PauseMode::Pfc,
            mac_control::Repr::Unknown { .. } => {
                let peer = self.ports[port as usize].peer;
                return self.lose_ruled(peer, id, DropCause::Refused);
            }
        };
        self.forget_pause(id);
        let rate = self.cold[port as usize].rate;
        let until = |quanta: u16| match quanta {
            0 => 0,
            quanta => self.now.saturating_add(quanta_time(quanta, rate)),
        };
        let until_of = frame.times().map(|time| time.map(until));
        self.obey_pause(port, sent_as, &until_of);
    }

    /// What a pause frame asks for, per priority: the end of the pause, 0 for none; None: nothing.
    fn obey_pause(
        &mut self,
        port: PortId,
        sent_as: PauseMode,
        until_of: &[Option<u64>; PRIORITIES],
    ) {
        let p = port as usize;
        let spec = *self.pause_spec(port);
        let global = sent_as == PauseMode::Global;
        if global {
            let stops = until_of.iter().flatten().any(|&until| until != 0);
            self.cold[p].rx.global_pauses += u64::from(stops);
            self.cold[p].rx.global_resumes += u64::from(!stops);
        }
        // A port obeys the kind of pause that it is configured for (802.1Q: PFC replaces 802.3x).
        let obeyed = if spec.mode == sent_as {
            spec.rx_mask
        } else {
            0
        };
        let mut unheeded = false;
        for (priority, until) in (0..).zip(until_of) {
            let bit = 1 << priority;
            let Some(until) = *until else {
                continue;
            };
            let stop = until != 0;
            let unobeyed = stop && obeyed & bit == 0;
            unheeded |= unobeyed;
            if !global {
                let stats = &mut self.cold[p].stats[usize::from(priority)];
                stats.rx_pause += u64::from(stop);
                stats.rx_resume += u64::from(!stop);
                stats.rx_pause_ignored += u64::from(unobeyed);
            }
            if obeyed & bit == 0 {
                continue;
            }
            if self.cold[p].rx.ignored & bit != 0 {
                // The watchdog keeps an eye on when the storm is over.
                let over = if stop { until } else { self.now };
                self.cold[p].rx.since[usize::from(priority)] = over;
                continue;
            }
            if stop {
                self.begin_pause(port, priority, until);
            } else {
                self.end_pause(port, priority);
            }
        }
        self.cold[p].rx.unheeded += u64::from(unheeded);
        self.pauses_changed(port);
    }

    fn log_pause(&mut self, port: PortId, frame: &Pause, spec: &PauseSpec) {
        if !self.model.log_pauses {
            return;
        }
        let info = self.fabric.ports[port as usize];
        let at = SimTime::from_ps(self.now) - spec.response;
        let (node, port) = (info.node, info.index);
        for (mask, pause) in [(frame.stop, true), (frame.enabled & !frame.stop, false)] {
            if mask != 0 {
                self.logs.pauses.push(PauseLogEntry {
                    at,
                    node,
                    port,
                    mask,
                    pause,
                });
            }
        }
    }

    fn begin_pause(&mut self, port: PortId, priority: u8, until: u64) {
        let cold = &mut self.cold[port as usize];
        let i = usize::from(priority);
        if cold.rx.until[i] == 0 {
            cold.rx.since[i] = self.now;
            cold.stats[i].rx_pause_transitions += 1;
        }
        cold.rx.until[i] = until;
    }

    /// Ends the pause of a priority and accounts its time.
    pub(crate) fn end_pause(&mut self, port: PortId, priority: u8) {
        let cold = &mut self.cold[port as usize];
        let i = usize::from(priority);
        if cold.rx.until[i] == 0 {
            return;
        }
        cold.rx.until[i] = 0;
        let span = SimDuration::from_ps(self.now - cold.rx.since[i]);
        cold.stats[i].rx_pause_duration += span;
        cold.stats[i].rx_pause_longest = cold.stats[i].rx_pause_longest.max(span);
    }

    /// Recomputes which queues may send, arms the expiry, and sends if something may go now.
    pub(crate) fn pauses_changed(&mut self, port: PortId) {
        let p = port as usize;
        let mut queues = 0u8;
        let mut first = NEVER;
        for priority in 0..PRIORITIES as u8 {
            let until = self.cold[p].rx.until[usize::from(priority)];
            if until != 0 {
                queues |= 1 << self.queue_of(port, priority);
                first = first.min(until);
            }
        }
        let resumed = self.ports[p].paused & !queues;
        if resumed != 0 && self.ports[p].has(port_flag::HOST) {
            self.note_resumed(port, resumed);
        }
        self.ports[p].paused = queues;
        let rx = &mut self.cold[p].rx;
        if first < rx.expire_at {
            rx.expire_at = first;
            self.schedule(first, Kind::PauseExpire, port);
        }
        self.arm_watchdog(port);
        if self.ports[p].eligible() != 0 {
            self.kick(port);
        }
    }

    pub(crate) fn pause_expire(&mut self, port: PortId) {
        if self.cold[port as usize].rx.expire_at != self.now {
            return;
        }
        self.cold[port as usize].rx.expire_at = NEVER;
        for priority in 0..PRIORITIES as u8 {
            let i = usize::from(priority);
            let until = self.cold[port as usize].rx.until[i];
            if until == 0 || until > self.now {
                continue;
            }
            self.end_pause(port, priority);
        }
        self.pauses_changed(port);
    }

    /// The egress queue that carries a priority at a port.
    pub(crate) fn queue_of(&self, port: PortId, priority: u8) -> u8 {
        let profile = self.ports[port as usize].profile;
        self.tables[usize::from(profile)].queue(priority)
    }
}
