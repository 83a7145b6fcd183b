//! Why flows took longer than their paths allow, as far as it is proved.

use super::courses::{CALM_PPM, Course, named};
use super::{Run, share};
use crate::words::plural;
use xoff_model::results::{DropCause, FlowStatus, HopResult, OwnLimit, PortResult};
use xoff_model::time::SimTime;
use xoff_model::{FaultKind, Transport};
use xoff_scenario::metrics::value::{Value, grouped};

/// A link is full from this part of a flow's time on.
const FULL_PPM: u64 = 950_000;
/// Others take part in a link from this part of its bytes on.
const OTHERS_PPM: u64 = 50_000;
/// Ports that are examined for contention at most.
const EXAMINED: usize = 8;

/// The most telling flow of a link that several shared.
struct Contention<'a> {
    port: &'a PortResult,
    flow: usize,
    sharing: u64,
    busy: u64,
    /// Flows that it slowed down.
    slowed: usize,
}

impl<'a> Run<'a> {
    // Links that several flows share.

    pub(super) fn contention(&self) -> Option<String> {
        let mut slowed = vec![0usize; self.results.ports.len()];
        for hop in self.courses.iter().flat_map(|c| self.full_links(c)) {
            if let Some(count) = slowed.get_mut(hop.port as usize) {
                *count += 1;
            }
        }
        let mut ports: Vec<usize> = (0..slowed.len()).filter(|&p| slowed[p] > 0).collect();
        ports.sort_by_key(|&p| (std::cmp::Reverse(slowed[p]), p));
        let examined = ports.iter().take(EXAMINED);
        let found: Vec<Contention<'_>> = examined
            .filter_map(|&p| self.contention_at(p as u32))
            .collect();
        let most = found.iter().rev().max_by_key(|c| c.slowed)?;
        let c = &self.courses[most.flow];
        Some(format!(
            "contention at {}: {} share this link, which was busy for {} of the time of {}",
            self.place(most.port),
            plural(most.sharing, "flow"),
            share(most.busy),
            c.told_as_slowest(most.slowed),
        ))
    }

    /// Links that were full while a flow waited.
    fn full_links<'c>(&self, c: &'c Course<'a>) -> impl Iterator<Item = &'c HopResult> {
        let answered = c.share(self.answers_late(c)) < OTHERS_PPM;
        let candidate = c.has_waited() && answered && !self.sink_varies(c);
        c.hops.iter().filter(move |hop| {
            let busy = |port: &PortResult| c.busy(hop, port) >= FULL_PPM;
            candidate && self.port(hop).is_some_and(busy)
        })
    }

    /// A fault changes how fast its receiver takes frames to memory: what that allows is not known.
    fn sink_varies(&self, c: &Course<'_>) -> bool {
        self.model.faults.iter().any(|fault| {
            let sink = c.sink();
            matches!(fault.kind, FaultKind::SlowReceiver { node, .. } if node == sink)
        })
    }

    fn contention_at(&self, port: u32) -> Option<Contention<'a>> {
        let there: Vec<&Course<'_>> = self
            .courses
            .iter()
            .filter(|c| c.hops.iter().any(|hop| hop.port == port))
            .collect();
        let here = self.results.ports.get(port as usize)?;
        let here: u64 = here.drops[DropCause::TailDrop as usize].iter().sum();
        let elsewhere = self.drops() - here;
        let last = |c: &Course<'_>| c.result.start + c.span;
        let mut starts: Vec<SimTime> = there.iter().map(|c| c.result.start).collect();
        let mut ends: Vec<SimTime> = there.iter().map(|c| last(c)).collect();
        starts.sort_unstable();
        ends.sort_unstable();
        let mut best: Option<Contention<'a>> = None;
        let mut slowed = 0;
        for (flow, c) in self.courses.iter().enumerate() {
            let Some(hop) = self.full_links(c).find(|hop| hop.port == port) else {
                continue;
            };
            let begun = starts.partition_point(|&at| at < last(c));
            let over = ends.partition_point(|&at| at <= c.result.start);
            let sharing = (begun - over) as u64;
            let result = self.port(hop)?;
            // A frame or two that are on the wire are no contention.
            let frame = result.rate.serialize_ceil(u64::from(c.result.packet_wire));
            let waited = c.lost().ps() >= 4 * frame.ps();
            let lossless = elsewhere == 0 || !c.has_repeated();
            let shared = waited && lossless && sharing > 1 && takes_part(c, hop, &there);
            if !shared || !explains(c, sharing, result) {
                continue;
            }
            slowed += 1;
            let slower = |b: &Contention<'_>| c.beyond_own > self.courses[b.flow].beyond_own;
            if best.as_ref().is_none_or(slower) {
                best = Some(Contention {
                    port: result,
                    flow,
                    sharing,
                    busy: c.busy(hop, result),
                    slowed: 0,
                });
            }
        }
        best.map(|best| Contention { slowed, ..best })
    }

    // Flows that only their own settings hold.

    pub(super) fn own_limits(&self) -> Option<String> {
        let held = |c: &&Course<'_>| c.is_slow() && c.result.own.is_some() && !c.has_waited();
        let held = self.courses.iter().filter(held);
        let known = held.clone().filter(|c| c.beyond_own.is_some());
        let slowest = known.clone().rev().max_by_key(|c| c.taken)?;
        let what = named(slowest.result.own?.0);
        let more = match known.count() as u64 - 1 {
            0 => String::new(),
            n => format!(
                " ({} are held by their own settings too)",
                plural(n, "more flow")
            ),
        };
        Some(format!("{}: {what} allows no less{more}", slowest.told()))
    }

    // A flow that fills a link slower than its sender's.

    pub(super) fn step(&self) -> Option<String> {
        let alone = |hop: &HopResult| {
            let on_it = self.courses.iter().filter(|c| {
                let mut ports = c.hops.iter().map(|own| own.port);
                ports.any(|port| port == hop.port)
            });
            on_it.take(2).count() == 1
        };
        let steps = self.courses.iter().filter_map(|c| {
            let first = c.hops.first()?;
            let sender = self.port(first)?;
            let fills = |hop: &&HopResult| {
                let slower =
                    |port: &PortResult| port.rate < sender.rate && c.busy(hop, port) >= FULL_PPM;
                self.port(hop).is_some_and(slower)
            };
            let paused = c.share(first.paused) >= OTHERS_PPM && c.taken? <= CALM_PPM;
            let hop = c.hops.iter().filter(|_| paused).find(fills)?;
            alone(hop).then_some((c, sender, hop))
        });
        let most = steps.reduce(|most, next| {
            let paused = |step: &(&Course<'_>, &PortResult, &HopResult)| {
                step.0.hops.first().map(|hop| step.0.share(hop.paused))
            };
            if paused(&next) > paused(&most) {
                next
            } else {
                most
            }
        });
        let (c, sender, hop) = most?;
        let slow = self.port(hop)?;
        Some(format!(
            "a step in speed: {} alone fills {} ({}, busy for {} of its time), and its sender's \
             link is faster ({}): pause holds {} back to what fits",
            c.spec.name,
            self.place(slow),
            slow.rate,
            share(c.busy(hop, slow)),
            sender.rate,
            self.name(sender.node),
        ))
    }

    // What is known where nothing is proved.

    /// The slowest flow, and what was counted on its path.
    pub(super) fn unexplained(&self) -> Option<String> {
        let slow = self.courses.iter().rev().filter(|c| c.is_slow());
        let c = slow.max_by_key(|c| c.lost())?;
        let mut known = Vec::new();
        let longest = c.hops.iter().rev().max_by_key(|hop| hop.paused);
        let paused = longest.filter(|hop| !hop.paused.is_zero());
        if let Some((hop, port)) = paused.and_then(|hop| Some((hop, self.port(hop)?))) {
            known.push(format!(
                "{} paused {} for {} of its time",
                self.name(port.peer),
                self.place(port),
                share(c.share(hop.paused))
            ));
        }
        let ports = || c.hops.iter().filter_map(|hop| Some((hop, self.port(hop)?)));
        let busiest = ports().map(|(hop, port)| (c.busy(hop, port), port));
        if let Some((busy, port)) = busiest.rev().max_by_key(|(busy, _)| *busy) {
            let place = self.place(port);
            known.push(format!(
                "the busiest link, {place}, sent for {} of it",
                share(busy)
            ));
        }
        let queues = ports()
            .map(|(_, port)| port)
            .filter(|p| !self.is_host(p.node));
        if let Some(port) = queues.rev().max_by_key(|port| port.queue_peak) {
            let (place, peak) = (self.place(port), port.queue_peak);
            known.push(format!("the fullest queue, {place}, held {peak} at most"));
        }
        let buffer = self.results.nodes.get(c.sink() as usize);
        if let Some(peak) = buffer
            .map(|node| node.buffer_peak)
            .filter(|peak| peak.0 > 0)
        {
            let sink = self.name(c.sink());
            known.push(format!("the receive buffer of {sink} held {peak} at most"));
        }
        let again = c.result.retransmitted_packets;
        if again > 0 {
            known.push(format!("{} were sent again", plural(again, "packet")));
        }
        let told = c.result.counters.rp_cnp_handled;
        if told > 0 && c.is_controlled() {
            known.push(format!(
                "{} came back",
                plural(told, "congestion notification")
            ));
        }
        if known.is_empty() {
            known.push("its path changed on the way".to_owned());
        }
        let (told, lost, known) = (c.told(), c.lost(), known.join(", "));
        Some(format!("{told} ({lost} lost); on its path {known}"))
    }

    /// Nothing happened that is worth a word.
    pub(super) fn calm(&self) -> String {
        let results = self.results;
        let done = |c: &Course<'_>| {
            let reliable = c.spec.transport == Transport::Rc;
            reliable && c.result.status == FlowStatus::Completed
        };
        let worst = self.courses.iter().map(|c| c.taken.unwrap_or(0)).max();
        let Some(worst) = worst else {
            return "there is no flow".to_owned();
        };
        // Every loss has a sentence of its own.
        let what = "nothing was lost";
        if self.courses.iter().all(done) {
            let times = Value::Ratio(worst);
            return format!(
                "{what} and nobody had to wait: no flow took more than {times} times as long as \
                 its path allows"
            );
        }
        let switches = results.ports.iter().filter(|p| !self.is_host(p.node));
        match switches.rev().max_by_key(|p| p.queue_peak) {
            Some(port) if port.queue_peak.0 > 0 => format!(
                "{what}; the fullest queue of a switch was {}, {} at most",
                self.place(port),
                port.queue_peak
            ),
            _ => format!("{what}, and no frame was queued at a switch"),
        }
    }
}

/// Whether others took part in what a link carried during a flow.
fn takes_part(c: &Course<'_>, hop: &HopResult, there: &[&Course<'_>]) -> bool {
    if c.others(hop) >= OTHERS_PPM {
        return true;
    }
    // What was delivered of flows that ran meanwhile passed there meanwhile.
    let enough = u128::from(hop.sent) * u128::from(OTHERS_PPM) / 1_000_000;
    let within = |other: &&&Course<'_>| {
        let (start, end) = (c.result.start, c.result.start + c.span);
        let ended = other.result.start + other.span;
        other.result.flow != c.result.flow && other.result.start >= start && ended <= end
    };
    let mut passed = there.iter().filter(within).scan(0u128, |sum, other| {
        *sum += u128::from(other.result.bytes_delivered);
        Some(*sum)
    });
    passed.any(|sum| sum >= enough)
}

/// Whether a full link that so many flows shared is enough to explain how long a flow took. Where
/// something else may have held it too, no more than its fair share does, and only if that is less
/// than it could use.
fn explains(c: &Course<'_>, sharing: u64, port: &PortResult) -> bool {
    let Some(taken) = c.beyond_own else {
        return false;
    };
    let usable = match c.result.own {
        Some((OwnLimit::Window | OwnLimit::Depth, _)) => taken >= 1_250_000,
        Some((_, own)) => {
            let wire = c.result.data_packets * u64::from(c.result.packet_wire);
            let fair = port.rate.serialize_ceil(wire.saturating_mul(sharing));
            fair.ps() > own.ps() + own.ps() / 20
        }
        None => true,
    };
    let fair = sharing.saturating_mul(1_250_000);
    let bound = match (c.held_otherwise(), c.is_controlled()) {
        (true, _) => fair,
        (false, true) => fair.saturating_mul(2),
        (false, false) => u64::MAX,
    };
    usable && taken <= bound
}

impl Course<'_> {
    /// `f1, the slowest of 3: f1 takes 2 times as long as its path allows`
    fn told_as_slowest(&self, of: usize) -> String {
        let name = &self.spec.name;
        let among = match of {
            1 => String::new(),
            n => format!(", the slowest of {} that waited there", grouped(n as u64)),
        };
        format!("{name}{among}: {}", self.told())
    }
}
