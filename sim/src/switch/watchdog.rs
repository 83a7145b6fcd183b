//! PFC watchdog: a queue that is paused, holds packets and sends nothing for the detection time is
//! in a storm; until pauses cease for the restoration time it is discarded or set free.

use crate::engine::Sim;
use crate::engine::port::port_flag;
use crate::engine::queue::Kind;
use crate::model::{PRIORITIES, WatchdogAction, WatchdogSpec};
use crate::results::{DropCause, WatchdogEvent};
use crate::time::SimTime;
use crate::topology::fabric::PortId;

impl Sim<'_> {
    fn watchdog_spec(&self, unit: u32) -> Option<WatchdogSpec> {
        let profile = self.switches[unit as usize].profile;
        self.model.switches[profile as usize].watchdog
    }

    /// Starts polling a switch once one of its ports is paused.
    pub(crate) fn arm_watchdog(&mut self, port: PortId) {
        let out = &self.ports[port as usize];
        if out.has(port_flag::HOST) || out.paused == 0 {
            return;
        }
        let unit = out.unit;
        if self.switches[unit as usize].watchdog_armed {
            return;
        }
        if let Some(spec) = self.watchdog_spec(unit) {
            self.switches[unit as usize].watchdog_armed = true;
            self.schedule(self.now + spec.poll.ps(), Kind::Watchdog, unit);
        }
    }

    pub(crate) fn watchdog_poll(&mut self, unit: u32) {
        let Some(spec) = self.watchdog_spec(unit) else {
            return;
        };
        let node = self.switches[unit as usize].node;
        let mut busy = false;
        for port in self.fabric.node_ports(node) {
            for priority in 0..PRIORITIES as u8 {
                busy |= self.watchdog_check(port, priority, &spec);
            }
        }
        self.switches[unit as usize].watchdog_armed = busy;
        if self.switches[unit as usize].watchdog_armed {
            self.schedule(self.now + spec.poll.ps(), Kind::Watchdog, unit);
        }
    }

    /// Examines one priority of one port; true if it must be watched further.
    fn watchdog_check(&mut self, port: PortId, priority: u8, spec: &WatchdogSpec) -> bool {
        let p = port as usize;
        let bit = 1u8 << priority;
        let rx = &self.cold[p].rx;
        let since = rx.since[usize::from(priority)];
        if rx.ignored & bit != 0 {
            if self.now - self.last_pause_seen(port, priority) >= spec.restore.ps() {
                let rx = &mut self.cold[p].rx;
                rx.ignored &= !bit;
                rx.discarded &= !bit;
                if rx.discarded == 0 {
                    self.ports[p].flags &= !port_flag::DISCARDS;
                }
                self.log_watchdog(port, priority, false);
            }
            return true;
        }
        if rx.until[usize::from(priority)] == 0 {
            return false;
        }
        let queue = self.queue_of(port, priority);
        let q = &self.queues[(port, queue)];
        let stalled = self.now - since.max(q.last_tx);
        if !q.fifo.is_empty() && stalled >= spec.detect.ps() {
            self.cold[p].rx.ignored |= bit;
            self.log_watchdog(port, priority, true);
            self.end_pause(port, priority);
            self.note_pause_seen(port, priority);
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
        self.watchdog_log.push(WatchdogEvent {
            at: SimTime::from_ps(self.now),
            node: info.node,
            port: info.index,
            priority,
            storm,
        });
    }

    /// Last time that a pause for a priority in storm arrived.
    fn last_pause_seen(&self, port: PortId, priority: u8) -> u64 {
        // While the watchdog ignores pauses no pause is in force, so `since` is free to hold it.
        self.cold[port as usize].rx.since[usize::from(priority)]
    }

    /// Remembers that a pause for a priority in storm arrived now.
    pub(crate) fn note_pause_seen(&mut self, port: PortId, priority: u8) {
        self.cold[port as usize].rx.since[usize::from(priority)] = self.now;
    }
}
