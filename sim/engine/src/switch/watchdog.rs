//! PFC watchdog: a queue that is paused and sends nothing for the detection time is in a storm;
//! until pauses cease for the restoration time it is discarded or set free.
//!
//! Polls have a clock of their own that runs from the start of the simulation. A poll sees what has
//! lasted long enough, so that detection and restoration take up to one interval longer.

use crate::Sim;
use crate::port::port_flag;
use crate::queue::Kind;
use xoff_model::results::{DropCause, WatchdogEvent};
use xoff_model::time::SimTime;
use xoff_model::topology::fabric::PortId;
use xoff_model::{EmptyQueue, PRIORITIES, WatchdogAction, WatchdogSpec};

impl Sim<'_> {
    fn watchdog_spec(&self, port: PortId) -> Option<WatchdogSpec> {
        let info = &self.fabric.ports[port as usize];
        self.model.switch_port(info.node, info.index)?.watchdog
    }

    /// Starts polling a switch once one of the ports that it watches is paused.
    pub(crate) fn arm_watchdog(&mut self, port: PortId) {
        let out = &self.ports[port as usize];
        if out.has(port_flag::HOST) || out.paused == 0 {
            return;
        }
        let unit = out.unit;
        if self.switches[unit as usize].watchdog_armed {
            return;
        }
        if self.watchdog_spec(port).is_some() {
            self.schedule_poll(unit);
        }
    }

    /// Polls while there is something to see: the others of its clock would find nothing.
    fn schedule_poll(&mut self, unit: u32) {
        let switch = &mut self.switches[unit as usize];
        switch.watchdog_armed = true;
        let poll = self.model.switches[switch.profile as usize].watchdog_poll;
        let poll = poll.ps().max(1);
        let at = (self.now / poll + 1).saturating_mul(poll);
        self.schedule(at, Kind::Watchdog, unit);
    }

    pub(crate) fn watchdog_poll(&mut self, unit: u32) {
        let node = self.switches[unit as usize].node;
        let mut busy = false;
        for port in self.fabric.node_ports(node) {
            let Some(spec) = self.watchdog_spec(port) else {
                continue;
            };
            for priority in 0..PRIORITIES as u8 {
                busy |= self.watchdog_check(port, priority, &spec);
            }
        }
        self.switches[unit as usize].watchdog_armed = false;
        if busy && !self.stalled() {
            self.schedule_poll(unit);
        }
    }

    /// Examines one priority of one port; true if it must be watched further.
    fn watchdog_check(&mut self, port: PortId, priority: u8, spec: &WatchdogSpec) -> bool {
        let p = port as usize;
        let bit = 1u8 << priority;
        let i = usize::from(priority);
        let rx = &self.cold[p].rx;
        let since = rx.since[i];
        if rx.ignored & bit != 0 {
            // While the watchdog ignores pauses none stops the port, and `since` is when the last
            // one would have ended.
            if self.now.checked_sub(since) >= Some(spec.restore.ps()) {
                let rx = &mut self.cold[p].rx;
                rx.ignored &= !bit;
                rx.discarded &= !bit;
                if rx.discarded == 0 {
                    self.ports[p].flags &= !port_flag::DISCARDS;
                }
                self.log_watchdog(port, priority, false);
                return false;
            }
            return true;
        }
        let until = rx.until[i];
        if until == 0 {
            return false;
        }
        let queue = self.queue_of(port, priority);
        let q = &self.queues[(port, queue)];
        // A paused queue sends nothing; the clock of `last_tx` restarts with the first packet.
        let stalled = match spec.empty_queue {
            EmptyQueue::Storm => self.now - since,
            EmptyQueue::Ignore if q.fifo.is_empty() => 0,
            EmptyQueue::Ignore => self.now - since.max(q.last_tx),
        };
        if stalled >= spec.detect.ps() {
            self.cold[p].rx.ignored |= bit;
            self.log_watchdog(port, priority, true);
            self.end_pause(port, priority);
            self.cold[p].rx.since[i] = until;
            if spec.action == WatchdogAction::Drop {
                self.cold[p].rx.discarded |= bit;
                self.ports[p].flags |= port_flag::DISCARDS;
                self.flush_queue(port, queue, DropCause::Watchdog);
            }
            self.pauses_changed(port);
        }
        true
    }

    fn log_watchdog(&mut self, port: PortId, priority: u8, storm: bool) {
        let info = self.fabric.ports[port as usize];
        self.logs.watchdog.push(WatchdogEvent {
            at: SimTime::from_ps(self.now),
            node: info.node,
            port: info.index,
            priority,
            storm,
        });
    }
}
