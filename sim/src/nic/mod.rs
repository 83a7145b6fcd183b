//! NICs: which queue pair sends next, and what happens to received frames.

mod rx;

use crate::engine::Sim;
use crate::engine::packet::{Fifo, PacketId};
use crate::engine::port::port_flag;
use crate::topology::fabric::PortId;
use crate::transport::sender_flag;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

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
#[derive(Clone, Debug, Default)]
pub struct NicPort {
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
        let (port, at) = (sender.port, sender.not_before());
        sender.flags |= sender_flag::QUEUED;
        if at > self.now {
            self.nic_ports[port as usize].paced.push(Reverse((at, qp)));
            let out = &self.ports[port as usize];
            self.wake(port, at.max(out.busy_until));
        } else {
            self.join_ring(port, qp);
            self.kick_queue(port, self.senders[qp as usize].queue);
        }
    }

    /// Sends at once if a port is idle and the queue is not paused.
    fn kick_queue(&mut self, port: PortId, queue: u8) {
        if self.ports[port as usize].paused & (1 << queue) == 0 {
            self.kick(port);
        }
    }

    fn join_ring(&mut self, port: PortId, qp: u32) {
        self.join_ring_of(port, self.senders[qp as usize].queue, qp);
    }

    fn join_ring_of(&mut self, port: PortId, queue: u8, qp: u32) {
        self.senders[qp as usize].next = u32::MAX;
        let q = &mut self.queues[(port, queue)];
        if q.ring_head == u32::MAX {
            q.ring_head = qp;
        } else {
            self.senders[q.ring_tail as usize].next = qp;
        }
        q.ring_tail = qp;
        self.ports[port as usize].rings |= 1 << queue;
    }

    /// Takes a sender out of the ring that it stands in, if it does.
    pub(crate) fn remove_from_ring(&mut self, port: PortId, queue: u8, qp: u32) {
        let q = &mut self.queues[(port, queue)];
        let mut at = std::mem::replace(&mut q.ring_head, u32::MAX);
        q.ring_tail = u32::MAX;
        self.ports[port as usize].rings &= !(1 << queue);
        while at != u32::MAX {
            let next = self.senders[at as usize].next;
            if at != qp {
                self.join_ring_of(port, queue, at);
            }
            at = next;
        }
    }

    fn leave_ring(&mut self, port: PortId, queue: u8) -> u32 {
        let q = &mut self.queues[(port, queue)];
        let qp = q.ring_head;
        q.ring_head = self.senders[qp as usize].next;
        if q.ring_head == u32::MAX {
            self.ports[port as usize].rings &= !(1 << queue);
        }
        qp
    }

    /// A queue that has nothing to send keeps no credit (DWRR).
    fn settle(&mut self, port: PortId, queue: u8) {
        let out = &self.ports[port as usize];
        if (out.ready | out.rings) & (1 << queue) == 0 {
            self.queues[(port, queue)].deficit = 0;
        }
    }

    /// Frame bytes of what a sender would send next (its ring must not be empty).
    pub(crate) fn next_data_frame(&self, qp: u32) -> u32 {
        let sender = &self.senders[qp as usize];
        u32::from(self.data_frame(sender, sender.nxt).0)
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
        while let Some(&Reverse((at, qp))) = self.nic_ports[p].paced.peek() {
            if at > self.now {
                break;
            }
            self.nic_ports[p].paced.pop();
            // A hold set meanwhile (RNR, retransmission delay) counts from here.
            let not_before = self.senders[qp as usize].not_before();
            if not_before > self.now {
                self.nic_ports[p].paced.push(Reverse((not_before, qp)));
            } else {
                self.join_ring(port, qp);
            }
        }
        self.nic_send_one(port);
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

    fn nic_send_one(&mut self, port: PortId) {
        loop {
            let out = &self.ports[port as usize];
            let eligible = out.eligible();
            if eligible == 0 {
                return;
            }
            let control = out.ready & !out.paused;
            let first = self.hosts[out.unit as usize].profile as usize;
            let queue = if control != 0 && self.model.nics[first].control_first {
                7 - control.leading_zeros() as u8
            } else {
                match self.choose_queue(port, eligible) {
                    Some(queue) => queue,
                    None => return,
                }
            };
            if self.ports[port as usize].ready & (1 << queue) != 0 {
                return self.send_queued_control(port, queue);
            }
            let qp = self.leave_ring(port, queue);
            self.senders[qp as usize].flags &= !sender_flag::QUEUED;
            if self.can_send(qp) && self.senders[qp as usize].not_before() <= self.now {
                self.send_data(port, qp);
                self.requeue(port, qp);
                return self.settle(port, queue);
            }
            // Its window closed, or it failed, while it stood in line.
            self.activate_later(qp);
            self.settle(port, queue);
        }
    }

    fn send_queued_control(&mut self, port: PortId, queue: u8) {
        let q = &mut self.queues[(port, queue)];
        // The `ready` bit says that the list is not empty.
        let id = q.pop(&self.packets).unwrap_or_default();
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

    /// After a packet: back in line, to the pacing heap, or out until an event wakes the sender.
    fn requeue(&mut self, port: PortId, qp: u32) {
        // A completion may have put it in line already.
        if self.senders[qp as usize].is(sender_flag::QUEUED) || !self.can_send(qp) {
            return;
        }
        let free = self.ports[port as usize].busy_until;
        let sender = &mut self.senders[qp as usize];
        sender.flags |= sender_flag::QUEUED;
        let at = sender.not_before();
        if at <= free {
            self.join_ring(port, qp);
        } else {
            self.nic_ports[port as usize].paced.push(Reverse((at, qp)));
        }
    }

    /// Puts a sender that may send only later into the pacing heap.
    fn activate_later(&mut self, qp: u32) {
        let sender = &self.senders[qp as usize];
        let (port, at) = (sender.port, sender.not_before());
        if self.can_send(qp) && at > self.now {
            self.senders[qp as usize].flags |= sender_flag::QUEUED;
            self.nic_ports[port as usize].paced.push(Reverse((at, qp)));
        }
    }
}
