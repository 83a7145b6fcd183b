//! Sending frames and carrying them to the other end of a link.

use super::Sim;
use super::packet::{NO_PACKET, PacketId, PacketKind, UNTAGGED, flag};
use super::port::{NEVER, port_flag};
use super::queue::Kind;
use xoff_model::results::DropCause;
use xoff_model::topology::fabric::PortId;
use xoff_model::units::Probability;

/// Ports with any of these do more than send a frame.
const NOT_PLAIN: u16 = port_flag::DOWN
    | port_flag::LOSSY
    | port_flag::PEER_CUTS_THROUGH
    | port_flag::PEER_MTU
    | port_flag::TAPPED;

/// How a link loses frames, in the direction away from a port.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LinkLoss {
    pub(crate) frame: Probability,
    pub(crate) drop_every: u32,
    pub(crate) ber_e18: u64,
}

impl LinkLoss {
    pub(crate) fn is_none(&self) -> bool {
        self.frame.is_zero() && self.drop_every == 0 && self.ber_e18 == 0
    }
}

impl Sim<'_> {
    /// Time that `bytes` take on the wire of a port, ps.
    #[inline]
    pub(crate) fn wire_time(&self, port: PortId, bytes: u32) -> u64 {
        let ps = self.ports[port as usize].ps_per_byte;
        if ps != 0 {
            u64::from(ps) * u64::from(bytes)
        } else {
            self.cold[port as usize]
                .rate
                .serialize_ceil(u64::from(bytes))
                .ps()
        }
    }

    /// Puts a frame on the wire now. The port must be idle.
    pub(crate) fn send(&mut self, port: PortId, queue: u8, id: PacketId) {
        let p = port as usize;
        debug_assert!(self.ports[p].busy_until <= self.now);
        if self.ports[p].has(port_flag::RULED) {
            return self.send_ruled(port, queue, id);
        }
        let wire = u32::from(self.packets[id].frame) + self.gap_bytes;
        let end = self.now + self.wire_time(port, wire);
        self.count_sent_frame(port, queue, wire);
        let out = &mut self.ports[p];
        out.busy_until = end;
        let mut due = end + out.delay;
        if out.flags & NOT_PLAIN != 0 {
            if self.ports[p].has(port_flag::TAPPED) {
                self.tap_out(port, id);
            }
            if !self.survives(port, id, wire) {
                return;
            }
            if self.ports[p].has(port_flag::PEER_CUTS_THROUGH) {
                due -= self.cut_through_gain(port, id, wire);
            }
        }
        self.take_off(port, id, due);
    }

    #[inline]
    pub(super) fn count_sent_frame(&mut self, port: PortId, queue: u8, wire: u32) {
        self.hops += 1;
        let q = &mut self.queues[(port, queue)];
        q.tx_frames += 1;
        q.tx_bytes += u64::from(wire);
        q.last_tx = self.now;
    }

    /// When a frame whose last bit leaves at `end` arrives at the other end.
    pub(super) fn due(&self, port: PortId, id: PacketId, end: u64) -> u64 {
        let out = &self.ports[port as usize];
        let due = end + out.delay;
        if !out.has(port_flag::PEER_CUTS_THROUGH) {
            return due;
        }
        let wire = u32::from(self.packets[id].frame) + self.gap_bytes;
        due - self.cut_through_gain(port, id, wire)
    }

    /// Puts a frame behind those in flight, which it cannot overtake.
    pub(super) fn fly(&mut self, port: PortId, id: PacketId, due: u64) {
        let flight = self.rx[port as usize].flight;
        let ahead = if flight.is_empty() {
            0
        } else {
            self.packets[flight.tail].due
        };
        self.take_off(port, id, due.max(ahead));
    }

    #[inline(always)]
    fn take_off(&mut self, port: PortId, id: PacketId, due: u64) {
        self.packets[id].due = due;
        let flight = &mut self.rx[port as usize].flight;
        if flight.is_empty() {
            flight.push(&mut self.packets, id);
            self.schedule(due, Kind::Arrive, port);
        } else {
            self.packets[flight.tail].next_due = due;
            flight.push(&mut self.packets, id);
        }
    }

    /// Decides whether a frame gets across the link; frees it if not.
    pub(super) fn survives(&mut self, port: PortId, id: PacketId, wire: u32) -> bool {
        let p = port as usize;
        if self.ports[p].has(port_flag::DOWN) {
            self.lose(port, id, DropCause::LinkDown);
            return false;
        }
        if self.ports[p].has(port_flag::PEER_MTU) {
            // A MAC counts a frame that is too long, and takes no notice of it otherwise.
            let most = self.cold[self.ports[p].peer as usize].max_frame;
            let tag = match self.packets[id].pcp {
                UNTAGGED => 0,
                _ => u32::from(self.framing.tag()),
            };
            if u32::from(self.packets[id].frame) > most.saturating_add(tag) {
                self.lose(port, id, DropCause::Oversize);
                return false;
            }
        }
        if !self.ports[p].has(port_flag::LOSSY) {
            return true;
        }
        let loss = self.loss[p];
        let mut hit = !loss.frame.is_zero() && loss.frame.hit(self.loss_rng[p].next_u32());
        if loss.drop_every > 0 && self.packets[id].kind == PacketKind::Data {
            self.cold[p].every_count += 1;
            if self.cold[p].every_count >= loss.drop_every {
                self.cold[p].every_count = 0;
                hit = true;
            }
        }
        if loss.ber_e18 > 0 && !hit {
            // 1 - (1 - ber)^bits, to first order: exact enough below 10^-6 per frame bit.
            let errors = u128::from(loss.ber_e18) * u128::from(wire) * 8;
            let frame = (errors << 32) / 1_000_000_000_000_000_000;
            hit = u128::from(self.loss_rng[p].next_u32()) < frame;
        }
        if hit && self.ports[p].has(port_flag::PEER_CUTS_THROUGH) {
            // The head has left before the FCS is seen: the damaged frame travels on.
            self.packets[id].flags |= flag::CORRUPT;
            return true;
        }
        if hit {
            self.lose(port, id, DropCause::LinkError);
        }
        !hit
    }

    /// A frame is gone on the link away from `port`.
    pub(super) fn lose(&mut self, port: PortId, id: PacketId, cause: DropCause) {
        let priority = self.free_dropped(id);
        self.cold[port as usize].lost_tx.count(cause, priority);
    }

    /// How much earlier than its end a frame may be forwarded by a cut-through switch: as soon as
    /// the header is in, but never so early that a faster egress would run dry.
    pub(super) fn cut_through_gain(&self, port: PortId, id: PacketId, wire: u32) -> u64 {
        let header = self.ports[port as usize].peer_header;
        let gain = self.wire_time(port, wire.saturating_sub(header));
        let egress = self.routes[self.packets[id].route as usize];
        let (rate, ports) = (self.cold[port as usize].rate, &self.fabric.ports);
        match ports[egress as usize].rate {
            egress if egress > rate => gain.min(egress.serialize_ceil(u64::from(wire)).ps()),
            _ => gain,
        }
    }

    /// The oldest frame in flight from `tx` arrives.
    #[inline]
    pub(super) fn arrive(&mut self, tx: PortId) {
        let unusual = port_flag::STALE_ARRIVAL | port_flag::TAPPED;
        if self.rx[tx as usize].has(unusual) && !self.lands(tx) {
            return;
        }
        let rx = &mut self.rx[tx as usize];
        let id = rx.flight.head;
        let (next, next_due) = (self.packets[id].next, self.packets[id].next_due);
        rx.flight.head = next;
        let (port, profile, host) = (rx.port, rx.profile, rx.has(port_flag::HOST));
        if next != NO_PACKET {
            self.schedule(next_due, Kind::Arrive, tx);
        }
        if host {
            self.nic_receive(port, id);
        } else {
            self.forward(port, profile, id);
        }
    }

    /// Whether an arrival is about a frame; a tap sees it.
    #[cold]
    fn lands(&mut self, tx: PortId) -> bool {
        let rx = &self.rx[tx as usize];
        if rx.has(port_flag::STALE_ARRIVAL) {
            self.stale_arrival(tx);
            return false;
        }
        self.tap_in(tx, rx.flight.head);
        true
    }

    /// An Arrive event about a frame that a link failure took.
    fn stale_arrival(&mut self, tx: PortId) {
        let rx = &mut self.rx[tx as usize];
        rx.stale_arrivals -= 1;
        if rx.stale_arrivals == 0 {
            rx.flags &= !port_flag::STALE_ARRIVAL;
        }
    }

    /// A port may send: pause frames first, then what its scheduler chooses.
    #[inline]
    pub(super) fn tx_ready(&mut self, port: PortId) {
        let out = &mut self.ports[port as usize];
        if out.tx_at != self.now {
            return;
        }
        out.tx_at = NEVER;
        self.transmit_next(port);
    }

    /// Sends the next frame if the port is idle, and arranges for the one after it.
    pub(crate) fn transmit_next(&mut self, port: PortId) {
        let out = &self.ports[port as usize];
        if out.has(port_flag::DOWN) {
            return;
        }
        if out.busy_until > self.now {
            return self.wake(port, out.busy_until);
        }
        if out.has(port_flag::PAUSE_PENDING) {
            self.send_pause(port);
            let out = &self.ports[port as usize];
            if out.busy_until > self.now {
                if out.eligible() != 0 || out.has(port_flag::PAUSE_PENDING | port_flag::HOST) {
                    self.wake(port, self.ports[port as usize].busy_until);
                }
                return;
            }
        }
        if self.ports[port as usize].has(port_flag::HOST) {
            self.nic_transmit(port);
        } else {
            self.switch_transmit(port);
        }
    }

    /// Makes sure that the port looks for work at `at` or earlier.
    #[inline]
    pub(crate) fn wake(&mut self, port: PortId, at: u64) {
        let out = &mut self.ports[port as usize];
        if at < out.tx_at {
            out.tx_at = at;
            self.schedule(at, Kind::TxReady, port);
        }
    }

    /// There is new work for a port: send at once if it is idle.
    #[inline]
    pub(crate) fn kick(&mut self, port: PortId) {
        let out = &self.ports[port as usize];
        if out.busy_until > self.now {
            self.wake(port, out.busy_until);
        } else {
            self.transmit_next(port);
        }
    }

    /// Counts a frame as dropped at a port and frees it.
    pub(crate) fn discard(&mut self, port: PortId, id: PacketId, cause: DropCause) {
        let priority = self.free_dropped(id);
        self.cold[port as usize].drops.count(cause, priority);
    }

    /// Frees a frame that goes no further. Returns its priority.
    pub(super) fn free_dropped(&mut self, id: PacketId) -> u8 {
        let packet = self.packets[id];
        self.release_telemetry(&packet);
        if packet.kind == PacketKind::Foreign {
            self.foreigners.remove(packet.arg);
        }
        self.packets.remove(id);
        packet.priority
    }
}
