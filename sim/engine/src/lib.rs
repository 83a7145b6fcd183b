//! The simulation: its state, and the loop that takes one event after the other.
//!
//! State is dense arrays indexed by port, port × queue, switch, host and flow. The models are
//! `impl Sim` blocks beside their subject: [`crate::switch`], [`crate::nic`], [`crate::transport`].

mod along;
mod build;
pub mod cc;
mod collect;
mod faults;
pub mod footprint;
pub mod frames;
pub mod grid;
pub mod layout;
mod link;
pub mod nic;
mod own;
pub mod packet;
pub mod port;
mod profiles;
pub mod queue;
#[cfg(test)]
mod random_tests;
mod route;
mod rules;
mod sample;
mod stall;
pub mod switch;
pub mod tap;
#[cfg(test)]
mod tests;
pub mod transport;

pub use tap::{observe, run_tapped};

use crate::nic::{Host, NicPort};
use crate::switch::buffer::Group;
use crate::switch::{Marking, Switch, Tables};
use crate::transport::telemetry::TelemetryPool;
use crate::transport::{Receiver, ReceiverCold, Requester, Sender, SenderCold};
use grid::Grid;
use packet::PacketPool;
use port::{Port, PortCold, Queue, Rx, Scheduler};
use queue::{EventQueue, Key, Kind};
use xoff_model::results::{
    Deadlock, HopResult, PauseLogEntry, Results, Sample, Stop, WatchdogEvent,
};
use xoff_model::rng::Stream;
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::topology::fabric::Fabric;
use xoff_model::{Framing, Model, NicPortProfile, PauseSpec};

/// How far a run has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub now: SimTime,
    pub until: Option<SimTime>,
    pub flows_done: u32,
    pub flows: u32,
}

/// Nodes learn at multiples of this that all is done, ps.
const TICK: u64 = SimDuration::from_us(10).ps();

/// Events between two progress reports.
const REPORT_EVERY: u64 = 1 << 18;

/// Simulates a model to its end.
pub fn run(model: &Model, progress: &mut dyn FnMut(Progress)) -> Results {
    let mut sim = Sim::new(model);
    sim.run(progress);
    sim.into_results()
}

/// A simulation in progress.
pub struct Sim<'m> {
    pub(crate) model: &'m Model,
    /// Current time, ps.
    pub(crate) now: u64,
    pub(crate) events: EventQueue,
    pub(crate) packets: PacketPool,
    pub(crate) telemetry: TelemetryPool,
    pub(crate) fabric: Fabric,
    pub(crate) ports: Vec<Port>,
    /// Receiving ends of links; a link has the number of the port that sends.
    pub(crate) rx: Vec<Rx>,
    pub(crate) queues: Grid<Queue>,
    /// Ingress priority groups.
    pub(crate) groups: Grid<Group>,
    /// ECN thresholds.
    pub(crate) marking: Grid<Option<Marking>>,
    /// Port profiles, those of NICs first: lookups, schedulers, and what pauses are like.
    pub(crate) tables: Vec<Tables>,
    pub(crate) schedulers: Vec<Scheduler>,
    pub(crate) pauses: Vec<PauseSpec>,
    /// Of the port profiles of NICs.
    pub(crate) nic_specs: Vec<&'m NicPortProfile>,
    pub(crate) cold: Vec<PortCold>,
    pub(crate) nic_ports: Vec<NicPort>,
    pub(crate) switches: Vec<Switch>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) senders: Vec<Sender>,
    pub(crate) receivers: Vec<Receiver>,
    pub(crate) requesters: Vec<Requester>,
    pub(crate) senders_cold: Vec<SenderCold>,
    pub(crate) receivers_cold: Vec<ReceiverCold>,
    /// Egress ports along the paths of flows; packets hold an index.
    pub(crate) routes: Vec<u32>,
    /// Flows in the order of their start.
    pub(crate) start_order: Vec<u32>,
    pub(crate) started: usize,
    pub(crate) flows_done: u32,
    /// Sizes of frames without a VLAN tag.
    pub(crate) framing: Framing,
    /// Bytes of preamble and gap around each frame.
    pub(crate) gap_bytes: u32,
    pub(crate) loss_rng: Vec<Stream>,
    pub(crate) mark_rng: Vec<Stream>,
    pub(crate) drop_rng: Vec<Stream>,
    pub(crate) loss: Vec<link::LinkLoss>,
    pub(crate) event_count: u64,
    pub(crate) hops: u64,
    pub(crate) stop: Stop,
    pub(crate) logs: Logs,
    /// Events up to the last scan for them.
    pub(crate) events_at_scan: u64,
    pub(crate) sample_base: sample::Base,
    pub(crate) watch: Option<Box<sample::Watch>>,
    pub(crate) faults_left: usize,
    /// When the last flow and the last fault were over, ps.
    done_at: u64,
    /// When nodes learn of it.
    over_at: u64,
    /// Time of the last event that was no timer, ps.
    last_frame: u64,
    stall: stall::Stall,
    tap: Option<tap::Tap<'m>>,
    /// Rules of the scenario; None: there are none.
    pub(crate) wire: Option<Box<rules::Wire<'m>>>,
    pub(crate) foreigners: rules::Foreigners,
    pub(crate) held: rules::Holding,
    /// Whether completions are kept.
    pub(crate) observing: bool,
}

/// What is written down on the way. What nodes write is sorted by time and place when it is
/// collected.
#[derive(Default)]
pub(crate) struct Logs {
    pub(crate) deadlocks: Vec<Deadlock>,
    /// Those that stand.
    pub(crate) open_deadlocks: Vec<usize>,
    pub(crate) watchdog: Vec<WatchdogEvent>,
    pub(crate) pauses: Vec<PauseLogEntry>,
    pub(crate) series: Vec<Sample>,
    /// When there was no more room for samples.
    pub(crate) series_cut: Option<SimTime>,
    /// Hops of flows that have started.
    pub(crate) along: Vec<HopResult>,
}

impl Sim<'_> {
    fn run(&mut self, progress: &mut dyn FnMut(Progress)) {
        // What lies beyond the end of the clock never happens.
        let until = self.model.until.unwrap_or(SimTime::LAST);
        let until = until.min(SimTime::LAST).ps();
        while let Some((at, key)) = self.events.pop() {
            let timer = key.kind().is_timer();
            if timer && self.is_over(at.ps(), key.kind()) {
                continue;
            }
            if at.ps() > until {
                self.now = until;
                if self.model.until.is_some() {
                    self.stop = Stop::Until;
                }
                break;
            }
            self.now = at.ps();
            if !timer {
                self.last_frame = self.now;
            }
            self.event_count += 1;
            self.look_ahead();
            self.dispatch(key);
            if self.event_count.is_multiple_of(REPORT_EVERY) {
                progress(self.progress());
            }
        }
        progress(self.progress());
        if self.stop != Stop::Idle {
            return;
        }
        if (self.flows_done as usize) < self.model.flows.len() {
            self.stop = Stop::Stuck;
        } else if !self.alive() {
            self.now = self.done_at.max(self.last_frame);
        }
    }

    /// Whether a timer at `at` is left over from finished work. Such timers do not lengthen the
    /// run, nor change what is left of it: a deadlock that outlived its flows stands.
    ///
    /// That all is done is known everywhere at the same time to what concerns the whole network,
    /// and to the timers of nodes and flows from the next tick on.
    fn is_over(&self, at: u64, kind: Kind) -> bool {
        match kind.is_global() {
            true => !self.alive(),
            false => at >= self.over_at,
        }
    }

    /// A flow has ended, or a fault has been.
    pub(crate) fn note_done(&mut self) {
        if !self.alive() {
            self.done_at = self.now;
            self.over_at = (self.now / TICK + 1).saturating_mul(TICK);
        }
    }

    /// Reads what the next events will need, so that their cache misses overlap with this event's
    /// work: the port, or the end of the link, of the event after the next; the packet of the next.
    #[inline]
    fn look_ahead(&self) {
        if let Some(key) = self.events.upcoming(1) {
            if key.is(Kind::Arrive) {
                std::hint::black_box(self.rx[key.entity() as usize].port);
            } else if key.is(Kind::TxReady) {
                std::hint::black_box(self.ports[key.entity() as usize].busy_until);
            }
        }
        if let Some(key) = self.events.upcoming(0)
            && key.is(Kind::Arrive)
        {
            let head = self.rx[key.entity() as usize].flight.head;
            if head != packet::NO_PACKET {
                std::hint::black_box(self.packets[head].next);
            }
        }
    }

    fn progress(&self) -> Progress {
        Progress {
            now: SimTime::from_ps(self.now),
            until: self.model.until,
            flows_done: self.flows_done,
            flows: self.senders.len() as u32,
        }
    }

    #[inline]
    fn dispatch(&mut self, key: Key) {
        let entity = key.entity();
        match key.kind() {
            Kind::Arrive => self.arrive(entity),
            Kind::TxReady => self.tx_ready(entity),
            Kind::PauseApply => self.pause_apply(entity),
            Kind::PauseExpire => self.pause_expire(entity),
            Kind::PauseRefresh => self.pause_refresh(entity),
            Kind::Requester => self.sender_timer(entity),
            Kind::Responder => self.receiver_timer(entity),
            Kind::RxDrain => self.rx_drain(entity),
            Kind::FlowStart => self.flow_start(),
            Kind::Fault => self.fault(entity),
            Kind::Watchdog => self.watchdog_poll(entity),
            Kind::DeadlockScan => self.deadlock_scan(),
            Kind::Sample if entity == sample::QUEUES => self.watch_queues(),
            Kind::Sample => self.take_sample(),
            Kind::Release => self.release_held(),
            Kind::Notify => self.notify(entity),
        }
    }

    #[inline]
    pub(crate) fn schedule(&mut self, at: u64, kind: Kind, entity: u32) {
        self.events
            .push(SimTime::from_ps(at), Key::new(kind, entity));
    }

    /// Whether anything but periodic events can still happen.
    pub(crate) fn alive(&self) -> bool {
        (self.flows_done as usize) < self.model.flows.len() || self.faults_left > 0
    }
}
