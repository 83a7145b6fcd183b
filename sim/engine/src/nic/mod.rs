//! NICs: which queue pair sends next, and what happens to received frames.

mod ring;
mod rx;

use crate::Sim;
use crate::cc::least_window;
use crate::packet::{Fifo, PacketId};
use crate::port::port_flag;
use crate::transport::{Sender, sender_flag};
use ring::{NOBODY, Ring};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use xoff_model::topology::fabric::PortId;
use xoff_model::units::{BitRate, PS_BITS};
use xoff_model::{CcSpec, PRIORITIES};

/// A host in a simulation.
#[derive(Clone, Debug)]
pub struct Host {
    pub node: u32,
    /// Index into the model's NIC profiles.
    pub profile: u32,
    /// DCQCN notification point with destination scope: earliest next CNP per peer.
    pub cnp_next: BTreeMap<u32, u64>,
}

/// The NIC side of a host port.
#[derive(Clone, Debug)]
pub struct NicPort {
    /// The queue pairs that send from this host, in the order in which they were made.
    pub slots: Vec<u32>,
    /// Per class, the slots of queue pairs that are ready to send.
    rings: [Ring; PRIORITIES],
    /// Per class, the slot that sent last.
    last: [u32; PRIORITIES],
    /// Control packets precede data of every class.
    pub control_first: bool,
    /// Turns go round the queue pairs of all classes; `last[0]` is the last of all.
    pub one_ring: bool,
    /// Paced senders make up for the time that they waited for the port.
    pub makes_up: bool,
    /// Wire bytes of one packet of every queue pair that is at work: one round of the rings.
    pub round_bytes: u64,
    /// Per class, the end of the last pause.
    pub resumed: [u64; PRIORITIES],
    /// Senders that wait for their pacing time.
    pub paced: BinaryHeap<Reverse<(u64, u32)>>,
    /// CNPs that are being generated, oldest first.
    pub cnps: Fifo,
    /// Received frames on their way to host memory.
    pub rx: Fifo,
    pub rx_bytes: u32,
    pub rx_peak: u32,
    /// Bit rate of the way to host memory; 0: faster than the port.
    pub drain_bps: u64,
    /// Time of the pending RxDrain event.
    pub drain_at: u64,
    /// The pause that this NIC imposes began then; 0: none.
    pub pausing_since: u64,
    /// The storm guard has stopped this NIC from pausing.
    pub guarded: bool,
}

impl Default for NicPort {
    fn default() -> Self {
        NicPort {
            cnps: Fifo::default(),
            slots: Vec::new(),
            rings: Default::default(),
            last: [NOBODY; PRIORITIES],
            control_first: false,
            one_ring: false,
            makes_up: false,
            round_bytes: 0,
            resumed: [0; PRIORITIES],
            paced: BinaryHeap::new(),
            rx: Fifo::EMPTY,
            rx_bytes: 0,
            rx_peak: 0,
            drain_bps: 0,
            drain_at: 0,
            pausing_since: 0,
            guarded: false,
        }
    }
}

/// Index of a class among [`PRIORITIES`].
#[inline]
const fn class(queue: u8) -> usize {
    queue as usize % PRIORITIES
}

impl NicPort {
    /// Where the last turn of a class is kept.
    #[inline]
    fn turn(&self, queue: u8) -> usize {
        if self.one_ring { 0 } else { class(queue) }
    }

    /// The slot whose turn it is in a class; its ring must not be empty.
    #[inline]
    fn next_slot(&self, queue: u8) -> u32 {
        self.rings[class(queue)].next(self.last[self.turn(queue)])
    }
}

impl NicPort {
    /// From when the time to a sender's next packet counts, for a packet that is sent late: from
    /// when it was due, so that a sender that waited for the port keeps its rate.
    ///
    /// What it could not have sent it need not make up for: the time before the end of a pause, a
    /// wait that the receiver asked for, or (see [`Sim::activate`]) a closed window. Nor more than
    /// one round of the rings, a packet of every queue pair at work. While paces together are
    /// below the rate of the port, no more than that is ever behind: the port is not idle while
    /// something is, and each pair's packets are due one by one. If they are above it, what is
    /// behind can never be sent, and this bounds the burst of those who stay when others end.
    #[inline]
    pub(crate) fn paced_from(&self, sender: &Sender, now: u64, rate: u64) -> u64 {
        if !self.makes_up {
            return now;
        }
        let round = self.round_bytes.saturating_mul(PS_BITS) / rate;
        let resumed = self.resumed[usize::from(sender.queue)];
        let ready = sender.not_before().max(resumed);
        ready.max(now.saturating_sub(round))
    }
}

impl Sim<'_> {
    /// A sender has something to send: put it in line and start the port if it is idle.
    pub(crate) fn activate(&mut self, qp: u32) {
        if !self.can_send(qp) {
            return;
        }
        let sender = &mut self.senders[qp as usize];
        if sender.flags & sender_flag::QUEUED != 0 {
            return;
        }
        sender.flags |= sender_flag::QUEUED;
        // It had nothing to send until now, so it has no time to make up for.
        sender.avail = sender.avail.max(self.now);
        let (port, at) = (sender.port, sender.not_before());
        if at > self.now {
            self.nic_ports[port as usize].paced.push(Reverse((at, qp)));
            let out = &self.ports[port as usize];
            self.wake(port, at.max(out.busy_until));
        } else {
            let queue = sender.queue;
            self.join_ring(port, qp);
            self.kick_queue(port, queue);
        }
    }

    /// Sends at once if a port is idle and the queue is not paused.
    fn kick_queue(&mut self, port: PortId, queue: u8) {
        if self.ports[port as usize].paused & (1 << queue) == 0 {
            self.kick(port);
        }
    }

    /// Gives a class of a port a ring in which all queue pairs of the host have their places.
    pub(crate) fn fit_ring(&mut self, port: PortId, queue: u8) {
        let nic = &mut self.nic_ports[port as usize];
        nic.rings[class(queue)].fit(nic.slots.len());
    }

    fn join_ring(&mut self, port: PortId, qp: u32) {
        let sender = &self.senders[qp as usize];
        self.nic_ports[port as usize].rings[class(sender.queue)].insert(sender.slot);
        self.ports[port as usize].rings |= 1 << sender.queue;
    }

    /// Takes a slot out of the ring of a class, if it is there.
    #[inline]
    fn leave_ring(&mut self, port: PortId, queue: u8, slot: u32) {
        let ring = &mut self.nic_ports[port as usize].rings[class(queue)];
        ring.remove(slot);
        if ring.is_empty() {
            self.ports[port as usize].rings &= !(1 << queue);
            self.settle(port, queue);
        }
    }

    /// The slot whose turn it is in a class, and its queue pair; the ring must not be empty.
    #[inline]
    fn whose_turn(&self, port: PortId, queue: u8) -> (u32, u32) {
        let nic = &self.nic_ports[port as usize];
        let slot = nic.next_slot(queue);
        (slot, nic.slots[slot as usize])
    }

    /// A queue that has nothing to send keeps no credit (DWRR).
    fn settle(&mut self, port: PortId, queue: u8) {
        let out = &self.ports[port as usize];
        if (out.ready | out.rings) & (1 << queue) == 0 {
            self.queues[(port, queue)].deficit = 0;
        }
    }

    /// Frame bytes of what a class would send next (its ring must not be empty).
    pub(crate) fn next_data_frame(&self, port: PortId, queue: u8) -> u32 {
        let (_, qp) = self.whose_turn(port, queue);
        let sender = &self.senders[qp as usize];
        u32::from(self.data_frame(sender, sender.next_psn()).0)
    }

    /// Queues of a port may send again from now on.
    pub(crate) fn note_resumed(&mut self, port: PortId, queues: u8) {
        for queue in (0..PRIORITIES).filter(|q| queues & (1 << q) != 0) {
            self.nic_ports[port as usize].resumed[queue] = self.now;
        }
    }

    /// A queue pair begins or ends its work at its port.
    pub(crate) fn note_at_work(&mut self, qp: u32, begins: bool) {
        let sender = &self.senders[qp as usize];
        let frame = self.framing.largest_frame(u32::from(sender.layout.mtu));
        let frame = frame + u32::from(sender.tag);
        let bytes = u64::from(frame + self.gap_bytes);
        let nic = &mut self.nic_ports[sender.port as usize];
        nic.round_bytes = match begins {
            true => nic.round_bytes + bytes,
            false => nic.round_bytes - bytes,
        };
    }

    /// Queues a control packet (ACK, NAK, CNP, READ request) at a host port.
    pub(crate) fn send_control(&mut self, port: PortId, queue: u8, id: PacketId) {
        let out = &mut self.ports[port as usize];
        let bit = 1 << queue;
        let idle = out.busy_until <= self.now && out.ready == 0 && out.rings == 0;
        let free = out.paused & bit == 0
            && !out.has(port_flag::PAUSE_PENDING | port_flag::SHAPED | port_flag::DOWN);
        if idle && free {
            return self.send(port, queue, id);
        }
        out.ready |= bit;
        let bytes = u32::from(self.packets[id].frame);
        out.backlog += bytes;
        out.backlog_peak = out.backlog_peak.max(out.backlog);
        let q = &mut self.queues[(port, queue)];
        q.push(&mut self.packets, id);
        q.bytes += bytes;
        q.peak = q.peak.max(q.bytes);
        self.kick_queue(port, queue);
    }

    /// Sends the next frame of a host port that is idle.
    pub(crate) fn nic_transmit(&mut self, port: PortId) {
        let p = port as usize;
        let idle = self.ports[p].ready | self.ports[p].rings == 0;
        let mut first = None;
        while let Some(&Reverse((at, qp))) = self.nic_ports[p].paced.peek() {
            if at > self.now {
                break;
            }
            self.nic_ports[p].paced.pop();
            // A hold set meanwhile (RNR, retransmission delay) counts from here.
            let not_before = self.senders[qp as usize].not_before();
            if not_before > self.now {
                self.nic_ports[p].paced.push(Reverse((not_before, qp)));
            } else if idle && first.is_none() {
                first = Some(qp);
            } else {
                self.join_ring(port, qp);
            }
        }
        match first {
            Some(qp) if self.ports[p].rings == 0 && self.may_go_alone(port, qp) => {
                self.send_alone(port, qp);
            }
            first => {
                if let Some(qp) = first {
                    self.join_ring(port, qp);
                }
                self.nic_send_one(port);
            }
        }
        let out = &self.ports[p];
        if out.eligible() != 0 {
            let at = out.busy_until;
            // Otherwise held by shapers only: the scheduler has set the time, but a paced queue
            // pair of another class may be due before.
            if at > self.now {
                return self.wake(port, at);
            }
        }
        if let Some(&Reverse((at, _))) = self.nic_ports[p].paced.peek() {
            let at = at.max(self.ports[p].busy_until);
            self.wake(port, at);
        }
    }

    /// Whether a sender that is due, the only one of the port, needs no turn to send.
    #[inline]
    fn may_go_alone(&self, port: PortId, qp: u32) -> bool {
        let out = &self.ports[port as usize];
        let paused = out.paused & (1 << self.senders[qp as usize].queue) != 0;
        !paused && !out.has(port_flag::SHAPED) && self.can_send(qp)
    }

    fn send_alone(&mut self, port: PortId, qp: u32) {
        let sender = &self.senders[qp as usize];
        let (queue, slot) = (sender.queue, sender.slot);
        let nic = &mut self.nic_ports[port as usize];
        let turn = nic.turn(queue);
        nic.last[turn] = slot;
        let more = self.send_data(port, qp);
        let sender = &mut self.senders[qp as usize];
        let at = sender.not_before();
        if !more {
            sender.flags &= !sender_flag::QUEUED;
        } else if at > self.ports[port as usize].busy_until.max(self.now) {
            self.nic_ports[port as usize].paced.push(Reverse((at, qp)));
        } else {
            self.join_ring(port, qp);
        }
    }

    fn nic_send_one(&mut self, port: PortId) {
        loop {
            let out = &self.ports[port as usize];
            let eligible = out.eligible();
            if eligible == 0 {
                return;
            }
            let control = out.ready & !out.paused;
            let queue = if control != 0 && self.nic_ports[port as usize].control_first {
                7 - control.leading_zeros() as u8
            } else {
                match self.choose_class(port, eligible) {
                    Some(queue) => queue,
                    None => return,
                }
            };
            if self.ports[port as usize].ready & (1 << queue) != 0 {
                return self.send_queued_control(port, queue);
            }
            let (slot, qp) = self.whose_turn(port, queue);
            if self.is_due(qp) {
                let nic = &mut self.nic_ports[port as usize];
                let turn = nic.turn(queue);
                nic.last[turn] = slot;
                let more = self.send_data(port, qp);
                return self.after_turn(port, queue, (slot, qp), more);
            }
            self.sit_out(port, qp);
        }
    }

    /// The class to serve among `eligible`. None: all are held by their shapers, or have nothing
    /// to send after all.
    #[inline]
    fn choose_class(&mut self, port: PortId, eligible: u8) -> Option<u8> {
        let alone = eligible & (eligible - 1) == 0;
        if alone && !self.ports[port as usize].has(port_flag::SHAPED) {
            return Some(eligible.trailing_zeros() as u8);
        }
        let eligible = self.weed(port, eligible);
        let out = &self.ports[port as usize];
        let nic = &self.nic_ports[port as usize];
        match (eligible, nic.one_ring) {
            (0, _) => None,
            (_, false) => self.choose_queue(port, eligible),
            (_, true) if out.ready & eligible != 0 => {
                Some(7 - (out.ready & eligible).leading_zeros() as u8)
            }
            (_, true) => {
                let queues = (0..PRIORITIES as u8).filter(|q| eligible & (1 << q) != 0);
                // Slots behind the last that sent come before those that wrap.
                let behind = nic.last[0].wrapping_add(1);
                queues.min_by_key(|&q| nic.next_slot(q).wrapping_sub(behind))
            }
        }
    }

    /// The classes of `eligible` that can send. Who can not leaves the ring here, before a shaper
    /// or a share is charged for the packet.
    fn weed(&mut self, port: PortId, mut eligible: u8) -> u8 {
        let data = eligible & !self.ports[port as usize].ready;
        for queue in (0..PRIORITIES as u8).filter(|q| data & (1 << q) != 0) {
            while self.ports[port as usize].rings & (1 << queue) != 0 {
                let (_, qp) = self.whose_turn(port, queue);
                if self.is_due(qp) {
                    break;
                }
                self.sit_out(port, qp);
            }
            if self.ports[port as usize].rings & (1 << queue) == 0 {
                eligible &= !(1 << queue);
            }
        }
        eligible
    }

    /// Whether a sender may send a packet now.
    #[inline]
    fn is_due(&self, qp: u32) -> bool {
        self.can_send(qp) && self.senders[qp as usize].not_before() <= self.now
    }

    fn send_queued_control(&mut self, port: PortId, queue: u8) {
        let q = &mut self.queues[(port, queue)];
        // The `ready` bit says that the list is not empty.
        let id = q.pop(&self.packets);
        let bytes = u32::from(self.packets[id].frame);
        q.bytes -= bytes;
        let out = &mut self.ports[port as usize];
        out.backlog -= bytes;
        if q.fifo.is_empty() {
            out.ready &= !(1 << queue);
            self.settle(port, queue);
        }
        self.send(port, queue, id);
    }

    /// The sender at a slot has sent. It stays in the ring if it may send `more` when the port is
    /// free.
    #[inline]
    fn after_turn(&mut self, port: PortId, queue: u8, (slot, qp): (u32, u32), more: bool) {
        let sender = &mut self.senders[qp as usize];
        if !more {
            sender.flags &= !sender_flag::QUEUED;
            return self.leave_ring(port, queue, slot);
        }
        let at = sender.not_before();
        if at > self.ports[port as usize].busy_until.max(self.now) {
            self.leave_ring(port, queue, slot);
            self.nic_ports[port as usize].paced.push(Reverse((at, qp)));
        }
    }

    /// A sender whose turn it is cannot send: its window closed, or it failed, or must wait, since
    /// it joined the ring.
    fn sit_out(&mut self, port: PortId, qp: u32) {
        let sender = &self.senders[qp as usize];
        let (queue, slot, at) = (sender.queue, sender.slot, sender.not_before());
        self.leave_ring(port, queue, slot);
        if self.can_send(qp) {
            self.nic_ports[port as usize].paced.push(Reverse((at, qp)));
        } else {
            self.senders[qp as usize].flags &= !sender_flag::QUEUED;
        }
    }

    /// Lets senders use other ports of their hosts.
    pub(crate) fn move_senders(&mut self, moves: &[(u32, PortId)]) {
        let mut left: Vec<PortId> = Vec::new();
        for &(qp, port) in moves {
            let sender = &self.senders[qp as usize];
            let (old, queue, slot) = (sender.port, sender.queue, sender.slot);
            if self.senders[qp as usize].is(sender_flag::STARTED) {
                self.note_at_work(qp, false);
            }
            self.leave_ring(old, queue, slot);
            self.senders[qp as usize].flags &= !sender_flag::QUEUED;
            self.use_port(qp, port);
            self.fit_ring(port, queue);
            if self.senders[qp as usize].is(sender_flag::STARTED) {
                self.note_at_work(qp, true);
            }
            left.push(old);
        }
        left.sort_unstable();
        left.dedup();
        for port in left {
            let senders = &self.senders;
            self.nic_ports[port as usize]
                .paced
                .retain(|&Reverse((_, qp))| senders[qp as usize].port == port);
        }
        for &(qp, _) in moves {
            self.activate(qp);
        }
    }

    /// The rate of a sender is bounded by the port that it uses.
    pub(crate) fn use_port(&mut self, qp: u32, port: PortId) {
        let spec = &self.model.flows[qp as usize];
        let line = self.cold[port as usize].rate;
        let pace = spec.pace.map_or(line, |pace| pace.min(line));
        let s = &mut self.senders[qp as usize];
        s.port = port;
        s.pace_bps = pace.bps();
        s.cc.set_line(pace);
        let ack_every = self.receivers[qp as usize].ack_every;
        s.ask_every = ask_every(&spec.cc, pace, s.layout.mtu, ack_every);
        if spec.cc != CcSpec::None || pace < line {
            s.flags |= sender_flag::PACED;
        } else {
            s.flags &= !sender_flag::PACED;
            s.avail = 0;
        }
    }
}

/// How often a sender asks for an ACK, so that a window that shrinks cannot leave it waiting for an
/// answer which the receiver, that counts to `ack_every`, does not give yet.
fn ask_every(cc: &CcSpec, line: BitRate, mtu: u16, ack_every: u32) -> u32 {
    let least = least_window(cc, line).map(|bytes| bytes.div_ceil(u64::from(mtu)));
    match least {
        Some(packets) if packets < u64::from(ack_every) => packets.max(1) as u32,
        _ => u32::MAX,
    }
}

#[cfg(test)]
mod tests;
