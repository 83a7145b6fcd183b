//! Pause: who sent it and why, whether it was obeyed, deadlocks and storms.

use super::{Run, share};
use crate::words::plural;
use xoff_model::results::{Deadlock, DropCause, PortResult, Stop};
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::{FaultKind, NodeId, PRIORITIES, PauseMode, Role, WatchdogAction};
use xoff_scenario::metrics::value::grouped;

/// A pause is worth a word from this part of the run on.
const NOTABLE_PAUSE_PPM: u64 = 50_000;

/// Pause frames that a port sent: 802.3x, or PFC for its most paused priority.
fn stops(port: &PortResult) -> u64 {
    let pfc = port.priority.iter().map(|q| q.tx_pause).max();
    port.tx_global_pause + pfc.unwrap_or(0)
}

/// How long its most paused priority was.
pub(super) fn longest_paused(port: &PortResult) -> SimDuration {
    let all = port.priority.iter().map(|q| q.rx_pause_duration);
    all.max().unwrap_or(SimDuration::ZERO)
}

impl Run<'_> {
    pub(super) fn is_host(&self, node: NodeId) -> bool {
        matches!(self.role(node), Some(Role::Host(_)))
    }

    pub(super) fn deadlock(&self) -> Option<String> {
        let describe = |d: &Deadlock| {
            let queues: Vec<String> = d
                .cycle
                .iter()
                .map(|(node, port)| format!("{}:{port}", self.name(*node)))
                .collect();
            format!(
                "the queues of priority {} at {}",
                d.priority,
                queues.join(" > ")
            )
        };
        let all = &self.results.deadlocks;
        let open: Vec<&Deadlock> = all.iter().filter(|d| d.cured.is_none()).collect();
        if let Some(d) = open.first() {
            let more = match open.len() {
                1 => String::new(),
                n => format!(", and {} more", plural(n as u64 - 1, "cycle")),
            };
            return Some(format!(
                "deadlock: {} wait for each other, found at {} and lasting to the end{more}",
                describe(d),
                d.at
            ));
        }
        if self.results.stop == Stop::Stuck {
            return Some(format!(
                "the run is stuck: nothing is left to happen after {}",
                self.results.end
            ));
        }
        let d = all.first()?;
        Some(format!(
            "{}, the first found at {}, and gone by {}: {} waited for each other",
            plural(all.len() as u64, "deadlock"),
            d.at,
            d.cured.unwrap_or(d.at),
            describe(d),
        ))
    }

    pub(super) fn watchdog(&self) -> Option<String> {
        let storms = self.results.watchdog.iter().filter(|e| e.storm);
        let first = storms.clone().next()?;
        let drops = self.results.ports.iter();
        let lost: u64 = drops
            .flat_map(|p| p.drops[DropCause::Watchdog as usize])
            .sum();
        let action = self.model.switch_port(first.node, first.port);
        let action = action.and_then(|port| port.watchdog);
        let forward = action.is_some_and(|w| w.action == WatchdogAction::Forward);
        let did = match lost {
            0 if forward => ", and let the queue go".to_owned(),
            0 => String::new(),
            n => format!(", and discarded {}", plural(n, "frame")),
        };
        Some(format!(
            "the PFC watchdog found {}, first at {}:{} (priority {}) at {}{did}",
            plural(storms.count() as u64, "storm"),
            self.name(first.node),
            first.port,
            first.priority,
            first.at,
        ))
    }

    /// Why the far end of a link takes no notice of a port's pause frames, for one priority or for
    /// any; None: it heeds all that arrived.
    fn disregarded(&self, port: &PortResult, priority: Option<usize>) -> Option<String> {
        let far = self.peer(port)?;
        let spec = self.pause_spec(far)?;
        let peer = self.name(port.peer);
        if port.tx_global_pause > 0 && far.rx_pause_ignored > 0 {
            let does = match spec.mode {
                PauseMode::Off => "has pause off",
                _ => "obeys PFC frames only, and these are 802.3x",
            };
            return Some(format!("{peer} {does}"));
        }
        let unheeded = |p: &usize| far.priority[*p].rx_pause_ignored > 0;
        let mut asked = (0..PRIORITIES).filter(|p| priority.is_none_or(|only| only == *p));
        let first = asked.find(unheeded)?;
        Some(match spec.mode {
            PauseMode::Off => format!("{peer} has pause off"),
            PauseMode::Global => {
                format!("{peer} obeys 802.3x frames only, and these are PFC")
            }
            PauseMode::Pfc => format!("{peer} does not obey it for priority {first}"),
        })
    }

    /// Whether the far end heeds the pause frames of a port for a priority.
    pub(super) fn is_obeyed(&self, port: &PortResult, priority: usize) -> bool {
        self.disregarded(port, Some(priority)).is_none()
    }

    /// Pause frames with which a port stopped a priority.
    pub(super) fn stopped(port: &PortResult, priority: usize) -> u64 {
        port.tx_global_pause + port.priority[priority].tx_pause
    }

    /// Pause frames that the other end takes no notice of.
    pub(super) fn ignored_pause(&self) -> Option<String> {
        let ports = self.results.ports.iter().filter(|p| stops(p) > 0);
        let mut ignored = ports.filter_map(|p| Some((p, self.disregarded(p, None)?)));
        let (port, why) = ignored.next()?;
        let more = match ignored.count() as u64 {
            0 => String::new(),
            n => format!("; the same at {}", plural(n, "other port")),
        };
        Some(format!(
            "pause is not obeyed: {} asked {} {} to stop, but {why}{more}",
            self.name(port.node),
            self.name(port.peer),
            plural(stops(port), "time"),
        ))
    }

    /// Since when a fault of the scenario makes a host send pause, and whether without end.
    fn storm_of(&self, node: NodeId) -> Option<(SimTime, bool)> {
        let faults = self.model.faults.iter();
        let starts = faults.filter_map(|fault| match fault.kind {
            FaultKind::PauseStormStart { node: n, .. } if n == node => Some((fault.at, true)),
            FaultKind::PeriodicPause { node: n, .. } if n == node => Some((fault.at, false)),
            _ => None,
        });
        starts.filter(|start| start.0 <= self.results.end).min()
    }

    /// `it paused sw0 165 times, for 40% of the run`
    fn paused_its_peer(&self, port: &PortResult) -> String {
        let stopped = self.peer(port).map_or(SimDuration::ZERO, longest_paused);
        format!(
            "it paused {} {}, for {} of the run",
            self.name(port.peer),
            plural(stops(port), "time"),
            share(self.share_of_run(stopped)),
        )
    }

    pub(super) fn storms(&self) -> Option<String> {
        let hosts = self.results.ports.iter().filter(|p| self.is_host(p.node));
        let (port, (at, endless)) = hosts
            .filter(|p| stops(p) > 0 && self.disregarded(p, None).is_none())
            .find_map(|p| Some((p, self.storm_of(p.node)?)))?;
        Some(format!(
            "{} {} from {at} on, by a fault of the scenario: {}",
            self.name(port.node),
            if endless { "storms" } else { "sends pause" },
            self.paused_its_peer(port)
        ))
    }

    /// A host whose receive buffer filled, so that it paused the network.
    pub(super) fn slow_receiver(&self) -> Option<String> {
        let full = |p: &&PortResult| {
            let peak = self.results.nodes.get(p.node as usize);
            let peak = peak.map_or(0, |node| node.buffer_peak.0);
            let xoff = self.model.nic_port(p.node, p.port);
            let xoff = xoff.map_or(u64::MAX, |port| port.rx_xoff.0);
            let heeded = stops(p) > 0 && self.disregarded(p, None).is_none();
            peak > xoff && heeded && self.storm_of(p.node).is_none()
        };
        let hosts = self.results.ports.iter().filter(|p| self.is_host(p.node));
        let slow: Vec<&PortResult> = hosts.filter(full).collect();
        let worst = slow.iter().rev().max_by_key(|p| stops(p))?;
        let peak = self.results.nodes.get(worst.node as usize)?.buffer_peak;
        let more = match slow.len() as u64 - 1 {
            0 => String::new(),
            n => format!("; the same at {}", plural(n, "other port")),
        };
        Some(format!(
            "{} takes frames more slowly than they come: its receive buffer held {peak}, and {}\
             {more}",
            self.name(worst.node),
            self.paused_its_peer(worst),
        ))
    }

    /// The host that was paused longest.
    pub(super) fn paused(&self) -> Option<String> {
        let hosts = self.results.ports.iter().filter(|p| self.is_host(p.node));
        let notable = |p: &&PortResult| self.share_of_run(longest_paused(p)) >= NOTABLE_PAUSE_PPM;
        let paused: Vec<&PortResult> = hosts.filter(notable).collect();
        let most = paused.iter().rev().max_by_key(|p| longest_paused(p))?;
        let others = match paused.len() - 1 {
            0 => String::new(),
            n => format!(
                ", the longest of {} that were paused",
                grouped(n as u64 + 1)
            ),
        };
        Some(format!(
            "{} paused {} for {} of the run{others}",
            self.name(most.peer),
            self.name(most.node),
            share(self.share_of_run(longest_paused(most))),
        ))
    }
}
