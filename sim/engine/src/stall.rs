//! Runs without an end that can go nowhere: what is pending only watches, or renews pauses.

use super::Sim;
use super::packet::{NO_PACKET, PacketKind, Pause};
use super::port::NEVER;
use super::queue::{EventQueue, Key, Kind};
use crate::switch::pfc::quanta_time;
use xoff_model::topology::fabric::PortId;
use xoff_model::{FaultKind, Model, NicProfile, Op};

/// How long nothing has moved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stall {
    /// Nothing moved since then, ps.
    since: u64,
    /// Frames of flows that were sent, storms that began or ended, flows done, faults to come.
    seen: [u64; 4],
    /// All that happens at intervals has happened, if nothing has moved for this long.
    patience: u64,
}

impl Stall {
    pub(super) fn new(model: &Model) -> Self {
        Stall {
            since: 0,
            seen: [0; 4],
            patience: patience(model),
        }
    }
}

/// Twice the longest that anything periodic takes to make a difference, ps.
fn patience(model: &Model) -> u64 {
    let slowest = model.links.iter().map(|l| l.rate).min();
    let time = |quanta: u16| slowest.map_or(0, |rate| quanta_time(quanta, rate));
    let quanta = model.pause_specs().filter_map(|spec| spec.quanta).map(time);
    let nic_ports = model.nics.iter().flat_map(NicProfile::ports);
    let guards = nic_ports.filter_map(|port| port.storm_guard);
    let endless = model.nics.iter().filter(|n| n.rc.retry_cnt.is_none());
    let timers = guards.chain(endless.map(|n| n.rc.timeout)).map(|t| t.ps());
    let watchdogs = model.switches.iter().flat_map(|switch| {
        let polls = switch.watchdog_poll.ps().saturating_mul(2);
        let watchdogs = switch.ports().filter_map(|port| port.watchdog);
        watchdogs.map(move |w| polls.saturating_add(w.detect.max(w.restore).ps()))
    });
    let faults = model.faults.iter().filter_map(|fault| match fault.kind {
        FaultKind::PeriodicPause { period, quanta, .. } => {
            Some(period.ps().saturating_add(time(quanta)))
        }
        _ => None,
    });
    let scans = model.deadlock_scan.map(|scan| scan.ps().saturating_mul(2));
    let times = quanta
        .chain(timers)
        .chain(watchdogs)
        .chain(faults)
        .chain(scans);
    times.max().unwrap_or(0).saturating_mul(2)
}

impl Sim<'_> {
    /// Called by what only watches, before it puts itself off to the next time. True: nothing
    /// moves and nothing ever will. Then the run is over.
    #[cold]
    pub(crate) fn nothing_to_watch(&mut self) -> bool {
        let watches = |key: Key| matches!(key.kind(), Kind::Sample | Kind::DeadlockScan);
        let over = self.only(|_, key| watches(key));
        if over {
            self.events = EventQueue::new();
        }
        over || self.stalled()
    }

    /// The same for what happens at intervals and may change something.
    #[cold]
    pub(crate) fn stalled(&mut self) -> bool {
        let over = self.waits_in_vain();
        if over {
            self.events = EventQueue::new();
        }
        over
    }

    /// Nothing has moved for so long that pauses are renewed for ever.
    fn waits_in_vain(&mut self) -> bool {
        if self.model.until.is_some() {
            return false;
        }
        let pauses: u64 = self.cold.iter().map(|c| c.pause_frames).sum();
        let seen = [
            self.hops - pauses,
            self.logs.watchdog.len() as u64,
            u64::from(self.flows_done),
            self.faults_left as u64,
        ];
        if seen != self.stall.seen {
            (self.stall.seen, self.stall.since) = (seen, self.now);
            return false;
        }
        if self.now - self.stall.since < self.stall.patience {
            return false;
        }
        // Looked at again after as long, if something is under way.
        self.stall.since = self.now;
        self.only(|sim, key| !sim.may_move(key))
    }

    /// Whether all pending events are of a sort.
    fn only(&self, sort: impl Fn(&Self, Key) -> bool) -> bool {
        self.events.pending().all(|key| sort(self, key))
    }

    /// Whether an event can set something in motion that has stood still.
    fn may_move(&self, key: Key) -> bool {
        let entity = key.entity() as usize;
        match key.kind() {
            Kind::Arrive | Kind::RxDrain | Kind::FlowStart | Kind::Release | Kind::Notify => true,
            Kind::PauseApply => self.resumes(key.entity()),
            Kind::TxReady => {
                self.ports[entity].eligible() != 0 || !self.nic_ports[entity].paced.is_empty()
            }
            // Retries without limit come to nothing as often as one likes.
            Kind::Requester => self.senders[entity].rto_at != NEVER && self.gives_up(key.entity()),
            Kind::Responder => self.receivers[entity].op != Op::Read || self.gives_up(key.entity()),
            Kind::Fault => {
                let fault = &self.model.faults[entity];
                let periodic = matches!(fault.kind, FaultKind::PeriodicPause { .. });
                !periodic || fault.at.ps() > self.now
            }
            Kind::PauseExpire
            | Kind::PauseRefresh
            | Kind::Watchdog
            | Kind::DeadlockScan
            | Kind::Sample => false,
        }
    }

    fn gives_up(&self, qp: u32) -> bool {
        !self.requesters[qp as usize].done && self.nic_of(qp).rc.retry_cnt.is_some()
    }

    /// Whether a pause frame on its way to a port lets something go.
    fn resumes(&self, port: PortId) -> bool {
        let mut at = self.cold[port as usize].rx.pending.head;
        while at != NO_PACKET {
            let packet = &self.packets[at];
            let pause = Pause::of(packet);
            if packet.kind == PacketKind::Foreign || pause.enabled != pause.stop {
                return true;
            }
            at = packet.next;
        }
        false
    }
}
