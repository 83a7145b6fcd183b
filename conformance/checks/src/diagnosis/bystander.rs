//! A flow that pause stops for frames that go elsewhere.
//!
//! The proof is in the buffers. A switch pauses a link when a priority group of it is full. If the
//! queue that a flow joins there never held more than a small part of what the group held at any
//! pause, the rest waited for other ports. Those, and the ports that they in turn wait for if they
//! are paused, must not be on the flow's own path: else it is a part of what stops it.

use super::courses::Course;
use super::pauses::longest_paused;
use super::{Run, share};
use std::collections::BTreeSet;
use xoff_model::results::{HopResult, PortResult};
use xoff_model::time::SimDuration;
use xoff_model::units::Bytes;
use xoff_model::{Model, PRIORITIES, PauseMode, PortProfile};

/// A flow is a victim if it takes this much longer than it must.
const VICTIM_PPM: u64 = 1_500_000;
/// A pause counts from this part of a flow's time on.
const NOTABLE_PPM: u64 = 50_000;
/// A queue held but little of what filled a group: this part of it.
const SMALL_PART: u64 = 4;
/// A port that was paused for this part of the run may have waited for others.
const PAUSED_PPM: u64 = 1_000;

/// A port as flows enter it: index and priority of their data there.
type Entry = (u32, u8);

/// For each port, the ports by which flows go on at the other end of its link.
type Onward = Vec<BTreeSet<Entry>>;

impl<'a> Run<'a> {
    pub(super) fn bystander(&self) -> Option<String> {
        if !self.model.rules.is_empty() {
            // Pause frames of rules come from nowhere.
            return None;
        }
        let waited = self.courses.iter().filter(|c| {
            let slow = c.beyond_own.is_some_and(|taken| taken >= VICTIM_PPM);
            slow && c.result.rnr_wait.is_zero() && !self.held_at_its_ends(c)
        });
        let mut victims: Vec<&Course<'_>> = waited
            .filter(|c| c.hops.iter().any(|hop| notable(c, hop)))
            .collect();
        if victims.is_empty() {
            return None;
        }
        // Stable: the first of equals.
        victims.sort_by_key(|c| std::cmp::Reverse(c.beyond_own));
        let onward = self.onward();
        let told = |c: &&Course<'_>| {
            let stopped = (0..c.hops.len()).find_map(|at| self.stopped_for_others(c, at, &onward));
            stopped.map(|told| format!("pause stops a bystander: {}; {told}", c.told()))
        };
        victims.iter().find_map(told)
    }

    /// Pause by its receiver, or of its ACKs by its own host, took more than a small part of its
    /// time: that goes on whoever else is there.
    fn held_at_its_ends(&self, c: &Course<'_>) -> bool {
        let last = c.hops.last().map_or(SimDuration::ZERO, |hop| hop.paused);
        let source = c.hops.first().and_then(|hop| self.peer(self.port(hop)?));
        let by_source = source.map_or(SimDuration::ZERO, longest_paused);
        let answers = self.answers_late(c).min(by_source);
        last + answers >= SimDuration::from_ps(c.lost().ps() / 4)
    }

    fn onward(&self) -> Onward {
        let mut onward = vec![BTreeSet::new(); self.results.ports.len()];
        for pair in self.courses.iter().flat_map(|c| c.hops.windows(2)) {
            if let Some(entries) = onward.get_mut(pair[0].port as usize) {
                entries.insert((pair[1].port, pair[1].priority));
            }
        }
        onward
    }

    fn stopped_for_others(&self, c: &Course<'_>, at: usize, onward: &Onward) -> Option<String> {
        let (hop, next) = (c.hops.get(at)?, c.hops.get(at + 1)?);
        if !notable(c, hop) {
            return None;
        }
        let (from, own) = (self.port(hop)?, self.port(next)?);
        let link = Ingress::of(self, from, next.priority)?;
        let own_peak = link.held_at_most(own);
        if own_peak.0 > link.small_part() {
            return None;
        }
        let fillers = self.fillers(hop.port, &link, onward);
        let full = fillers.iter().rev();
        let full = full.max_by_key(|entry| self.held(&link, entry))?;
        let roots = self.roots(c, &fillers, onward)?;
        let (full, peak) = (self.entry(full)?, self.held(&link, full));
        let root = match roots.as_slice() {
            [root] if (root.node, root.port) != (full.node, full.port) => {
                format!("; the pauses go back to {}", self.place(root))
            }
            _ => String::new(),
        };
        Some(format!(
            "{} paused {} for {} of its time for frames that go elsewhere: {} queued up to {peak} \
             there, its own way {} {own_peak} at most{root}",
            self.name(link.at.node),
            self.name(from.node),
            share(c.share(hop.paused)),
            self.place(full),
            self.place(own),
        ))
    }

    fn entry(&self, entry: &Entry) -> Option<&'a PortResult> {
        self.results.ports.get(entry.0 as usize)
    }

    fn held(&self, link: &Ingress<'_>, entry: &Entry) -> Bytes {
        let port = self.entry(entry);
        port.map_or(Bytes(0), |port| link.held_at_most(port))
    }

    /// The queues beyond a link that held more than a small part of what made it pause.
    fn fillers(&self, port: u32, link: &Ingress<'_>, onward: &Onward) -> BTreeSet<Entry> {
        let entries = onward.get(port as usize).into_iter().flatten();
        let large = entries
            .filter(|entry| link.counts(entry.1) && self.held(link, entry).0 > link.small_part());
        large.copied().collect()
    }

    /// Follows what fills a buffer to what that waits for: the ports where it ends. None: it leads
    /// back to the flow's own path.
    fn roots(
        &self,
        c: &Course<'_>,
        fillers: &BTreeSet<Entry>,
        onward: &Onward,
    ) -> Option<Vec<&'a PortResult>> {
        let mut seen = fillers.clone();
        let mut open: Vec<Entry> = fillers.iter().copied().collect();
        let mut roots = Vec::new();
        while let Some(entry) = open.pop() {
            if c.hops.iter().any(|own| own.port == entry.0) {
                return None;
            }
            let port = self.entry(&entry)?;
            let paused = port.priority[usize::from(entry.1)].rx_pause_duration;
            if self.share_of_run(paused) < PAUSED_PPM || self.is_host(port.peer) {
                roots.push(port);
                continue;
            }
            let beyond = onward.get(entry.0 as usize).into_iter().flatten();
            for priority in beyond.map(|entry| entry.1).collect::<BTreeSet<u8>>() {
                let Some(link) = Ingress::of(self, port, priority) else {
                    continue;
                };
                let more = self.fillers(entry.0, &link, onward);
                open.extend(more.iter().filter(|entry| seen.insert(**entry)));
            }
        }
        Some(roots)
    }
}

fn notable(c: &Course<'_>, hop: &HopResult) -> bool {
    let least = SimDuration::from_ps(c.lost().ps() / 4);
    c.share(hop.paused) >= NOTABLE_PPM && hop.paused >= least
}

/// The end of a link at a switch, and the priority groups there that may pause a priority.
struct Ingress<'a> {
    model: &'a Model,
    at: &'a PortResult,
    profile: &'a PortProfile,
    priority: u8,
    /// Least that one of them held when it paused the link.
    least: u64,
}

impl<'a> Ingress<'a> {
    /// None: the other end of the port is no switch, or never paused that priority.
    fn of(run: &Run<'a>, from: &PortResult, priority: u8) -> Option<Self> {
        let at = run.peer(from)?;
        let mut link = Ingress {
            model: run.model,
            at,
            profile: run.switch_port(at)?,
            priority,
            least: 0,
        };
        let pauses = (0..PRIORITIES as u8).filter(|&p| link.counts(p));
        let least = pauses.map(|p| at.priority[usize::from(p)].pause_least.0);
        link.least = least.filter(|&bytes| bytes > 0).min()?;
        Some(link)
    }

    fn group(&self, priority: u8) -> u8 {
        match self.profile.per_port {
            true => 0,
            false => self.profile.priority_to_pg[usize::from(priority)],
        }
    }

    /// Whether frames of another priority can make the link pause this one.
    fn counts(&self, priority: u8) -> bool {
        self.profile.pfc.mode == PauseMode::Global
            || self.group(priority) == self.group(self.priority)
    }

    fn small_part(&self) -> u64 {
        self.least / SMALL_PART
    }

    /// The most that an egress port held of what may fill these groups, from whatever link.
    fn held_at_most(&self, egress: &PortResult) -> Bytes {
        let profile = self.model.switch_port(egress.node, egress.port);
        let map = profile.unwrap_or(self.profile).priority_to_queue;
        let queue = |p: u8| map[usize::from(p)];
        let pauses = (0..PRIORITIES as u8).filter(|&p| self.counts(p));
        let queues: BTreeSet<u8> = pauses.map(queue).collect();
        // A queue's figures are those of the lowest priority that it serves.
        let lowest = |&q: &u8| (0..PRIORITIES as u8).find(|&p| queue(p) == q);
        let held = queues.iter().filter_map(lowest);
        Bytes(
            held.map(|p| egress.priority[usize::from(p)].queue_peak.0)
                .sum(),
        )
    }
}
