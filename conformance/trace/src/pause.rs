//! Follows PFC and 802.3x pauses: who stopped whom, for how long, and whether that was called for.

mod account;
mod judge;
mod load;

use super::buckets::Buckets;
use super::class::PauseClass;
use super::rate::ObservedRate;
use super::report::{CaptureSummary, PausePort};
use super::tally::Tally;
use super::timeline::PauseRow;
use crate::capture::{Direction, Frame, Interface};
use account::{Account, LINK};
use load::Load;
use std::collections::BTreeMap;
use xoff_checks::finding::Finding;
use xoff_wire::mac_control::{Irregularity, Repr};
use xoff_wire::{Mac, ethernet};

/// Senders of pause frames that are followed; a link has two.
const PORTS_KEPT: usize = 256;

/// The pause frames of one sender in one direction of one interface.
#[derive(Clone, Debug)]
struct Port {
    interface: u32,
    sender: Mac,
    direction: Direction,
    frames: Tally,
    /// 802.3x, of either meaning; of these, those that let the link go on.
    global: Tally,
    global_resume: u64,
    pfc: Tally,
    pause: [u64; 8],
    resume: [u64; 8],
    irregular: [Tally; Irregularity::ALL.len()],
    account: Account,
}

/// When a class of a port was paused.
#[derive(Clone, Debug)]
pub struct PauseActivity {
    /// Index into the report's pause ports.
    pub port: usize,
    pub class: PauseClass,
    /// Nanoseconds paused per step.
    pub cells: Buckets<u64>,
}

impl PauseActivity {
    /// The same in the steps of a timeline.
    pub fn row(&self, start_ns: u64, step_ns: u64) -> PauseRow {
        PauseRow {
            port: self.port,
            class: self.class,
            paused_ns: self.cells.fold_to(start_ns, step_ns),
        }
    }
}

/// What came of the pauses of a capture.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// By interface, then direction, then sender.
    pub ports: Vec<PausePort>,
    pub findings: Vec<Finding>,
    pub activity: Vec<PauseActivity>,
}

/// Follows the pauses of a capture. Memory grows with the number of links, up to a limit.
#[derive(Clone, Debug, Default)]
pub struct Follower {
    link_rate: Option<u64>,
    start_ns: Option<u64>,
    speeds: BTreeMap<u32, u64>,
    /// Per interface; only the first [`INTERFACES`].
    loads: Vec<Load>,
    /// Of the first pause per interface.
    first_ns: BTreeMap<u32, u64>,
    ports: BTreeMap<(u32, Direction, Mac), Port>,
    /// Frames of senders beyond the limit.
    beyond: Tally,
}

/// Interfaces whose load is measured.
const INTERFACES: usize = 4_096;

impl Follower {
    /// `link_rate` in bit/s holds for interfaces that do not say their speed.
    pub fn new(link_rate: Option<u64>) -> Self {
        Follower {
            link_rate: link_rate.filter(|&rate| rate > 0),
            ..Follower::default()
        }
    }

    /// An interface that frames refer to. Before its first frame.
    pub fn interface(&mut self, id: u32, interface: &Interface) {
        if let Some(speed) = interface.speed.filter(|&speed| speed > 0) {
            self.speeds.insert(id, speed);
        }
    }

    /// A frame that is not a pause. On the path of every frame.
    #[inline]
    pub fn traffic(&mut self, f: &Frame<'_>, eth: &ethernet::Repr) {
        let i = f.interface as usize;
        if i >= self.loads.len() {
            if i >= INTERFACES {
                return;
            }
            self.start_ns.get_or_insert(f.at_ns);
            self.loads.resize(i + 1, Load::default());
        }
        self.loads[i].add(f, eth);
    }

    /// Notes when the capture, and the interface in it, starts.
    fn begin(&mut self, f: &Frame<'_>) -> u64 {
        self.first_ns.entry(f.interface).or_insert(f.at_ns);
        *self.start_ns.get_or_insert(f.at_ns)
    }

    /// A pause frame.
    pub fn frame(&mut self, f: &Frame<'_>, eth: &ethernet::Repr, pause: &Repr) {
        let start_ns = self.begin(f);
        let key = (f.interface, f.direction, eth.src);
        if !self.ports.contains_key(&key) && self.ports.len() >= PORTS_KEPT {
            self.beyond.add(f.number);
            return;
        }
        let rate = self.speeds.get(&f.interface).copied().or(self.link_rate);
        let port = self.ports.entry(key).or_insert_with(|| Port {
            interface: f.interface,
            sender: eth.src,
            direction: f.direction,
            frames: Tally::default(),
            global: Tally::default(),
            global_resume: 0,
            pfc: Tally::default(),
            pause: [0; 8],
            resume: [0; 8],
            irregular: std::array::from_fn(|_| Tally::default()),
            account: Account::new(rate, start_ns),
        });
        port.frame(f, eth, pause);
    }

    /// The totals. `end_ns_of` gives the time up to which an interface was captured, `rates` what
    /// its traffic shows of its rate.
    pub fn finish(
        self,
        end_ns_of: impl Fn(u32) -> u64,
        rates: &[ObservedRate],
        capture: &CaptureSummary,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        judge::mixed(&self.ports, capture, &mut outcome.findings);
        judge::beyond(&self.beyond, &mut outcome.findings);
        for (index, (_, port)) in self.ports.into_iter().enumerate() {
            let given = self.speeds.get(&port.interface).copied().or(self.link_rate);
            let load = self.loads.get(port.interface as usize);
            let seen = rates.iter().filter(|r| r.interface == port.interface);
            let rate = given.or_else(|| seen.map(|r| r.rate).max());
            let first_pause = self.first_ns.get(&port.interface).copied();
            let first_data = load.and_then(|l| l.first_ns);
            let start_ns = first_pause.into_iter().chain(first_data).min();
            let start_ns = start_ns.unwrap_or(0);
            let end_ns = end_ns_of(port.interface);
            let totals = rate.and_then(|rate| port.account.clone().finish(rate, end_ns));
            let mut totals = totals.unwrap_or_default();
            let report = PausePort {
                interface: port.interface,
                sender: port.sender,
                direction: port.direction,
                frames: port.frames.count,
                global_pause: port.global.count - port.global_resume,
                global_resume: port.global_resume,
                global_times: totals.times[LINK],
                pause: port.pause,
                resume: port.resume,
                paused_ns: std::array::from_fn(|p| totals.times[p].paused_ns),
                longest_ns: std::array::from_fn(|p| totals.times[p].longest_ns),
                transitions: std::array::from_fn(|p| totals.times[p].transitions),
                rate,
                rate_inferred: given.is_none() && rate.is_some(),
                first_frame: port.frames.frames.first().copied().unwrap_or(0),
            };
            let span_ns = end_ns.saturating_sub(start_ns);
            let judged = judge::Judged {
                port: &port,
                report: &report,
                name: &capture.interface_name(report.interface),
                span_ns,
                towards: load.map_or(0, |l| l.bytes_towards(port.sender, port.direction)),
            };
            judged.findings(&mut outcome.findings);
            let named = report.classes().into_iter();
            outcome.activity.extend(named.filter_map(|class| {
                let cells = totals.activity[account::index(class)].take()?;
                Some(PauseActivity {
                    port: index,
                    class,
                    cells,
                })
            }));
            outcome.ports.push(report);
        }
        outcome
    }
}

impl Port {
    fn frame(&mut self, f: &Frame<'_>, eth: &ethernet::Repr, pause: &Repr) {
        self.frames.add(f.number);
        for (tally, irregularity) in self.irregular.iter_mut().zip(Irregularity::ALL) {
            if irregularity.applies(eth, pause, f.original_len) {
                tally.add(f.number);
            }
        }
        let times = pause.times();
        match pause {
            Repr::Pause { quanta } => {
                self.global.add(f.number);
                self.global_resume += u64::from(*quanta == 0);
                return self.account.link(f.at_ns, *quanta);
            }
            Repr::Pfc { .. } => {
                self.pfc.add(f.number);
                for (class, time) in times.iter().enumerate() {
                    match time {
                        Some(0) => self.resume[class] += 1,
                        Some(_) => self.pause[class] += 1,
                        None => {}
                    }
                }
            }
            Repr::Unknown { .. } => return,
        }
        self.account.priorities(f.at_ns, &times);
    }
}

#[cfg(test)]
mod tests;
