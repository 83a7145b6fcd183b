//! What happened, in plain words: one sentence per finding, the most important first.

use super::{node_name, port_towards, status_name};
use xoff_sim::metrics::summary::{goodput, is_congestion, slowdown_ppm};
use xoff_sim::metrics::value::{Value, grouped, ppm};
use xoff_sim::model::{Model, NodeId, Op, PRIORITIES, PauseMode, Recovery, Role};
use xoff_sim::results::{DROP_CAUSES, Deadlock, DropCause, FlowStatus, PortResult, Results, Stop};

/// A pause is worth a word from this part of the run on.
const NOTABLE_PAUSE_PPM: u64 = 50_000;
/// A flow alone at its receiver is a victim if it takes this much longer than alone.
const VICTIM_SLOWDOWN_PPM: u64 = 1_500_000;

/// Findings about a run, at least one.
pub(crate) fn diagnose(model: &Model, results: &Results) -> Vec<String> {
    let run = Run { model, results };
    let mut found = Vec::new();
    found.extend(run.deadlock());
    found.extend(run.lossless_drops());
    found.extend(run.tail_drops());
    found.extend(run.receive_buffer());
    found.extend(run.watchdog());
    found.extend(run.links());
    found.extend(run.failed());
    found.extend(run.slow_receiver());
    found.extend(run.paused());
    found.extend(run.timeouts());
    found.extend(run.marked());
    found.extend(run.unfinished());
    if found.is_empty() {
        found.push("nothing was lost and nobody had to wait".to_owned());
    }
    found
}

struct Run<'a> {
    model: &'a Model,
    results: &'a Results,
}

/// Frames lost for one reason, and where most of them.
struct Loss<'a> {
    total: u64,
    port: &'a PortResult,
    priority: usize,
}

impl Run<'_> {
    fn loss(&self, cause: DropCause, at: impl Fn(&PortResult, usize) -> bool) -> Option<Loss<'_>> {
        let mut total = 0;
        let mut worst: Option<(u64, &PortResult, usize)> = None;
        for port in &self.results.ports {
            for p in (0..PRIORITIES).filter(|&p| at(port, p)) {
                let frames = port.drops[cause as usize][p];
                total += frames;
                if frames > worst.map_or(0, |(most, ..)| most) {
                    worst = Some((frames, port, p));
                }
            }
        }
        worst.map(|(_, port, priority)| Loss {
            total,
            port,
            priority,
        })
    }

    fn place(&self, port: &PortResult) -> String {
        port_towards(self.model, port)
    }

    fn is_host(&self, node: NodeId) -> bool {
        self.model
            .nodes
            .get(node as usize)
            .is_some_and(|n| matches!(n.role, Role::Host(_)))
    }

    fn share_of_run(&self, part: u64) -> u64 {
        ppm(part, self.results.end.ps()).unwrap_or(0)
    }

    fn deadlock(&self) -> Option<String> {
        let describe = |d: &Deadlock| {
            let queues: Vec<String> = d
                .cycle
                .iter()
                .map(|(node, port)| format!("{}:{port}", node_name(self.model, *node)))
                .collect();
            (d.priority, queues.join(" > "))
        };
        let all = &self.results.deadlocks;
        if let Some(d) = all.iter().find(|d| d.cured.is_none()) {
            let (priority, cycle) = describe(d);
            return Some(format!(
                "deadlock: since {} the queues of priority {priority} at {cycle} wait for each \
                 other",
                d.at
            ));
        }
        if self.results.stop == Stop::Stuck {
            return Some(format!("nothing moves any more since {}", self.results.end));
        }
        let d = all.first()?;
        let (priority, cycle) = describe(d);
        let cured = d.cured.unwrap_or(d.at);
        Some(format!(
            "{} on priority {priority} at {cycle} began at {} and dissolved by {cured}",
            plural(all.len() as u64, "deadlock"),
            d.at
        ))
    }

    fn lossless_drops(&self) -> Option<String> {
        let loss = self.loss(DropCause::HeadroomFull, |_, _| true)?;
        Some(format!(
            "{} of a lossless class lost, most at {} (priority {}): the sender stops too late \
             for the headroom there, of which {} were used",
            plural(loss.total, "frame"),
            self.place(loss.port),
            loss.priority,
            loss.port.priority[loss.priority].headroom_peak,
        ))
    }

    fn tail_drops(&self) -> Option<String> {
        let loss = self.loss(DropCause::TailDrop, |_, _| true)?;
        let lossless = loss.port.priority[loss.priority].lossless;
        let mut text = format!(
            "{} tail-dropped, most at {} (priority {})",
            plural(loss.total, "frame"),
            self.place(loss.port),
            loss.priority,
        );
        if !lossless {
            text += match self.pause_mode(loss.port.node) {
                PauseMode::Off => " because PFC is off there",
                _ => " because that priority is not lossless there",
            };
        }
        Some(text + &self.resent())
    }

    fn pause_mode(&self, node: NodeId) -> PauseMode {
        match self.model.nodes.get(node as usize).map(|n| n.role) {
            Some(Role::Switch(i)) => self.model.switches.get(i as usize).map(|s| s.pfc.mode),
            Some(Role::Host(i)) => self.model.nics.get(i as usize).map(|n| n.pfc.mode),
            None => None,
        }
        .unwrap_or(PauseMode::Off)
    }

    /// What the losses cost.
    fn resent(&self) -> String {
        let packets: u64 = self
            .results
            .flows
            .iter()
            .map(|f| f.retransmitted_packets)
            .sum();
        let sent: u64 = self.results.flows.iter().map(|f| f.data_packets).sum();
        if packets == 0 {
            return String::new();
        }
        let mut recoveries = self.model.nics.iter().map(|n| n.rc.recovery);
        let everything = match recoveries.next() {
            Some(Recovery::GoBackN) if recoveries.all(|r| r == Recovery::GoBackN) => {
                " everything after each loss"
            }
            _ => "",
        };
        format!(
            ": RoCE resends{everything} ({}, {} of what it sent)",
            plural(packets, "packet"),
            Value::Share(ppm(packets, sent).unwrap_or(0))
        )
    }

    fn receive_buffer(&self) -> Option<String> {
        let loss = self.loss(DropCause::RxBuffer, |_, _| true)?;
        let host = node_name(self.model, loss.port.node);
        let prio = &loss.port.priority[loss.priority];
        let paused = prio.tx_pause > 0 || loss.port.tx_global_pause > 0;
        let why = if paused {
            "although it paused the network, which did not stop in time"
        } else {
            "and it did not pause the network"
        };
        Some(format!(
            "{} lost at {host}, whose receive buffer was full, {why}{}",
            plural(loss.total, "frame"),
            self.resent()
        ))
    }

    fn watchdog(&self) -> Option<String> {
        let storms = self.results.watchdog.iter().filter(|e| e.storm);
        let first = storms.clone().next()?;
        let lost = self
            .loss(DropCause::Watchdog, |_, _| true)
            .map_or(0, |l| l.total);
        Some(format!(
            "the PFC watchdog found {}, first at {}:{} (priority {}) at {}, and discarded {}",
            plural(storms.count() as u64, "storm"),
            node_name(self.model, first.node),
            first.port,
            first.priority,
            first.at,
            plural(lost, "frame"),
        ))
    }

    fn links(&self) -> Option<String> {
        let causes = [
            (DropCause::LinkError, "damaged on links"),
            (DropCause::LinkDown, "lost with a link that went down"),
            (DropCause::NoRoute, "without a route"),
            (DropCause::Rule, "dropped by rules"),
            (DropCause::Refused, "refused for what their headers say"),
        ];
        let (loss, what) = causes
            .iter()
            .find_map(|&(c, what)| Some((self.loss(c, |_, _| true)?, what)))?;
        Some(format!(
            "{} {what}, most between {} and {}{}",
            plural(loss.total, "frame"),
            node_name(self.model, loss.port.node),
            node_name(self.model, loss.port.peer),
            self.resent()
        ))
    }

    fn failed(&self) -> Option<String> {
        let over = |s| !matches!(s, FlowStatus::Completed | FlowStatus::Unfinished);
        let mut failed = self.results.flows.iter().filter(|f| over(f.status));
        let first = failed.next()?;
        let name = self.flow_name(first.flow);
        let others = failed.count() as u64;
        let more = if others == 0 {
            String::new()
        } else {
            format!(" and {others} more")
        };
        Some(format!(
            "{name}{more} failed ({})",
            status_name(first.status).replace('_', " ")
        ))
    }

    fn flow_name(&self, flow: u32) -> &str {
        self.model
            .flows
            .get(flow as usize)
            .map_or("?", |f| f.name.as_str())
    }

    /// A host that pauses the network itself.
    fn slow_receiver(&self) -> Option<String> {
        let sent = PortResult::pauses_sent;
        let hosts = self
            .results
            .ports
            .iter()
            .filter(|p| self.is_host(p.node) && sent(p) > 0);
        let worst = hosts.max_by_key(|p| (sent(p), std::cmp::Reverse((p.node, p.port))))?;
        Some(format!(
            "{} cannot take what it is sent: it paused {} {} times",
            node_name(self.model, worst.node),
            node_name(self.model, worst.peer),
            grouped(sent(worst)),
        ))
    }

    fn lost_nothing(&self) -> bool {
        let congestion = DROP_CAUSES
            .iter()
            .filter(|(cause, _)| is_congestion(*cause));
        let causes: Vec<usize> = congestion.map(|(cause, _)| *cause as usize).collect();
        let clean = |p: &PortResult| causes.iter().all(|&c| p.drops[c].iter().all(|&n| n == 0));
        self.results.ports.iter().all(clean)
    }

    /// The victim of pause if there is one, else who waited longest.
    fn paused(&self) -> Option<String> {
        let longest = |p: &PortResult| p.priority.iter().map(|q| q.rx_pause_duration).max();
        let share = |p: &PortResult| self.share_of_run(longest(p).unwrap_or_default().ps());
        let hosts = self.results.ports.iter().filter(|p| self.is_host(p.node));
        let mut waits = vec![None; self.model.nodes.len()];
        for port in hosts {
            let Some(wait) = waits.get_mut(port.node as usize) else {
                continue;
            };
            if wait.is_none_or(|(most, _)| share(port) > most) {
                *wait = Some((share(port), port));
            }
        }
        let drops = if self.lost_nothing() {
            "no drops, but "
        } else {
            ""
        };
        if let Some((flow, wait, port)) = self.victim(&waits) {
            let spec = &self.model.flows[flow];
            let result = &self.results.flows[flow];
            let slow = match slowdown_ppm(result) {
                Some(s) => format!("takes {} times as long as alone", Value::Ratio(s)),
                None => format!("gets {}", goodput(result)),
            };
            return Some(format!(
                "{drops}pause stops a bystander: {} {slow} although nobody else sends to {}, as \
                 {} paused {} for {} of the run",
                spec.name,
                node_name(self.model, spec.dst),
                node_name(self.model, port.peer),
                node_name(self.model, spec.src),
                Value::Share(wait),
            ));
        }
        let (most, port) = waits
            .iter()
            .flatten()
            .max_by_key(|(most, p)| (*most, std::cmp::Reverse((p.node, p.port))))?;
        (*most >= NOTABLE_PAUSE_PPM).then(|| {
            format!(
                "{drops}pause holds senders back: {} waited for {} for {} of the run",
                node_name(self.model, port.node),
                node_name(self.model, port.peer),
                Value::Share(*most),
            )
        })
    }

    /// The slowest flow whose receiver serves no other, and whose sender was paused.
    fn victim<'a>(
        &self,
        waits: &[Option<(u64, &'a PortResult)>],
    ) -> Option<(usize, u64, &'a PortResult)> {
        let mut inbound = vec![0u32; self.model.nodes.len()];
        for flow in &self.model.flows {
            if let Some(n) = inbound.get_mut(flow.dst as usize) {
                *n += 1;
            }
        }
        let mut worst: Option<(u64, usize, u64, &PortResult)> = None;
        for (n, (spec, result)) in self.model.flows.iter().zip(&self.results.flows).enumerate() {
            let slowdown = slowdown_ppm(result).unwrap_or(u64::MAX);
            let alone = inbound.get(spec.dst as usize) == Some(&1) && spec.op != Op::Read;
            let wait = waits.get(spec.src as usize).copied().flatten();
            let Some((wait, port)) = wait.filter(|(wait, _)| *wait >= NOTABLE_PAUSE_PPM) else {
                continue;
            };
            let slow = slowdown >= VICTIM_SLOWDOWN_PPM && result.data_packets > 0;
            if alone && slow && worst.is_none_or(|(most, ..)| slowdown > most) {
                worst = Some((slowdown, n, wait, port));
            }
        }
        worst.map(|(_, flow, wait, port)| (flow, wait, port))
    }

    fn timeouts(&self) -> Option<String> {
        let flows = &self.results.flows;
        let timeouts: u64 = flows.iter().map(|f| f.counters.local_ack_timeout_err).sum();
        (timeouts > 0).then(|| {
            format!(
                "{}: a loss at the end of a message, or of an acknowledgement, is noticed only \
                 then",
                plural(timeouts, "ACK timeout")
            )
        })
    }

    fn marked(&self) -> Option<String> {
        let marked: u64 = self
            .results
            .ports
            .iter()
            .flat_map(|p| &p.priority)
            .map(|q| q.ecn_marked)
            .sum();
        let handled: u64 = self
            .results
            .flows
            .iter()
            .map(|f| f.counters.rp_cnp_handled)
            .sum();
        (marked > 0).then(|| {
            let slowed = match handled {
                0 => "no sender slowed down for it".to_owned(),
                n => format!("{} slowed senders down", plural(n, "CNP")),
            };
            format!("ECN marked {}; {slowed}", plural(marked, "frame"))
        })
    }

    fn unfinished(&self) -> Option<String> {
        let flows = &self.results.flows;
        let open = flows
            .iter()
            .filter(|f| f.status == FlowStatus::Unfinished)
            .count() as u64;
        (open > 0).then(|| {
            format!(
                "{} of {} not finished when the run ended at {}",
                grouped(open),
                plural(flows.len() as u64, "flow"),
                self.results.end
            )
        })
    }
}

/// `1 frame`, `48,211 frames`, `2 switches`
pub(crate) fn plural(n: u64, what: &str) -> String {
    let ending = match n {
        1 => "",
        _ if what.ends_with("ch") => "es",
        _ => "s",
    };
    format!("{} {what}{ending}", grouped(n))
}

#[cfg(test)]
mod tests {
    use super::super::testing::plan;
    use super::*;
    use xoff_sim::results::{FlowResult, WatchdogEvent};
    use xoff_sim::time::{SimDuration, SimTime};

    fn empty() -> (Model, Results) {
        let (plan, results) = plan();
        let mut r = results[0].clone();
        let flows = r.flows.len() as u32;
        r.flows = (0..flows)
            .map(|flow| FlowResult {
                flow,
                status: FlowStatus::Completed,
                ..Default::default()
            })
            .collect();
        for port in &mut r.ports {
            *port = PortResult {
                node: port.node,
                port: port.port,
                peer: port.peer,
                peer_port: port.peer_port,
                ..Default::default()
            };
        }
        (plan.cases[0].model.clone(), r)
    }

    fn first(m: &Model, r: &Results) -> String {
        diagnose(m, r).remove(0)
    }

    #[test]
    fn each_misfortune_is_named_where_it_happened() {
        let (m, clean) = empty();
        assert_eq!(first(&m, &clean), "nothing was lost and nobody had to wait");

        let mut r = clean.clone();
        r.ports[4].drops[DropCause::TailDrop as usize][3] = 48_211;
        r.flows[0].data_packets = 100;
        r.flows[0].retransmitted_packets = 25;
        assert_eq!(
            first(&m, &r),
            "48,211 frames tail-dropped, most at sw0:0 to h0 (priority 3) because PFC is off \
             there: RoCE resends (25 packets, 25% of what it sent)"
        );

        let mut r = clean.clone();
        r.ports[0].drops[DropCause::RxBuffer as usize][3] = 1;
        assert!(first(&m, &r).starts_with("1 frame lost at h0, whose receive buffer was full"));

        let mut r = clean.clone();
        r.flows[1].status = FlowStatus::RetryExceeded;
        assert_eq!(first(&m, &r), "f1 failed (retry exceeded)");

        let mut r = clean.clone();
        r.ports[0].priority[3].tx_pause = 1_234;
        assert_eq!(
            first(&m, &r),
            "h0 cannot take what it is sent: it paused sw0 1,234 times"
        );

        let mut r = clean.clone();
        let at = SimTime::from_ns(10);
        r.deadlocks = vec![Deadlock {
            at,
            priority: 3,
            cycle: vec![(4, 1), (4, 2)],
            cured: None,
        }];
        assert_eq!(
            first(&m, &r),
            "deadlock: since 10ns the queues of priority 3 at sw0:1 > sw0:2 wait for each other"
        );

        let mut r = clean;
        r.watchdog = vec![WatchdogEvent {
            at,
            node: 4,
            port: 0,
            priority: 3,
            storm: true,
        }];
        assert_eq!(
            first(&m, &r),
            "the PFC watchdog found 1 storm, first at sw0:0 (priority 3) at 10ns, and discarded \
             0 frames"
        );
    }

    #[test]
    fn a_bystander_is_told_from_a_culprit() {
        let (m, mut r) = empty();
        for n in [1, 2, 3] {
            r.ports[n].priority[3].rx_pause_duration = SimDuration::from_us(100);
        }
        r.flows[3].data_packets = 10;
        r.flows[3].ideal = SimDuration::from_us(100);
        r.flows[3].end = Some(SimTime::from_ns(330_000));
        assert_eq!(
            first(&m, &r),
            "no drops, but pause stops a bystander: victim takes 3.3 times as long as alone \
             although nobody else sends to h2, as sw0 paused h1 for 20% of the run"
        );
        r.flows[3].end = Some(SimTime::from_ns(101_000));
        assert_eq!(
            first(&m, &r),
            "no drops, but pause holds senders back: h1 waited for sw0 for 20% of the run"
        );
    }
}
