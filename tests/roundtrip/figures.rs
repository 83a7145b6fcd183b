//! The figures of a run and of the analysis of its capture, side by side.

use crate::support::Run;
use std::collections::BTreeMap;
use xoff_model::results::{DropCause, FlowResult, FlowStatus, RdmaCounters};
use xoff_model::time::SimDuration;
use xoff_model::topology::fabric::PortId;
use xoff_model::{NicProfile, Op, PauseMode, Role};
use xoff_sim::frames::{self, Frames};
use xoff_trace::capture::Direction;
use xoff_trace::report::{PausePort, TraceReport};

/// At which ports received pauses are compared.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Pauses {
    AtHosts,
    Everywhere,
}

/// Figures that differ.
#[derive(Default)]
pub(super) struct Wrong {
    lines: Vec<String>,
    compared: u64,
    /// Figures that may differ, by the reason.
    excused: BTreeMap<&'static str, u64>,
}

/// What is compared of a flow.
#[derive(Default)]
struct Figures {
    plain: [u64; 4],
    counters: RdmaCounters,
    /// Completion of the last message, ns.
    done_ns: Option<u64>,
}

const PLAIN: [&str; 4] = [
    "data_packets",
    "retransmitted_packets",
    "retransmitted_bytes",
    "bytes_delivered",
];

impl Figures {
    fn named(&self) -> Vec<(&'static str, u64)> {
        let plain = PLAIN.into_iter().zip(self.plain);
        plain.chain(self.counters.named()).collect()
    }

    /// Less what no packet tells: that a requester gave up, and the expiry of its timer at which it
    /// did, after which it sent nothing.
    fn simulated(flow: &FlowResult) -> Figures {
        let mut counters = flow.counters;
        counters.local_ack_timeout_err -= counters.req_transport_retries_exceeded;
        counters.req_transport_retries_exceeded = 0;
        counters.req_rnr_retries_exceeded = 0;
        Figures {
            plain: [
                flow.data_packets,
                flow.retransmitted_packets,
                flow.retransmitted_bytes,
                flow.bytes_delivered,
            ],
            counters,
            done_ns: flow.end.map(|end| end.ps() / 1_000),
        }
    }

    /// Of all views of a flow: each figure from the view that speaks for it.
    fn traced(report: &TraceReport, flow: &frames::Flow, op: Op) -> Figures {
        let mut figures = Figures::default();
        let of_flow = |qpn: u32| flow.ends.iter().any(|end| end.qpn == qpn);
        for c in &report.connections {
            if !of_flow(c.a.qpn) && !of_flow(c.b.qpn) {
                continue;
            }
            for (d, direction) in c.directions.iter().enumerate() {
                if c.speaks_for_sender[d] {
                    figures.plain[0] += direction.data_packets;
                    figures.plain[1] += direction.retransmitted_packets;
                    figures.plain[2] += direction.retransmitted_bytes;
                }
                if c.speaks_for_receiver[d] {
                    figures.plain[3] += direction.delivered_bytes;
                }
                figures.counters.add(&direction.counters);
                // Where the requester is, on whichever side of the data.
                let done = direction
                    .message_runs
                    .iter()
                    .filter_map(|m| m.done_ns)
                    .max();
                let at_requester = if op == Op::Read {
                    c.speaks_for_receiver[d]
                } else {
                    c.speaks_for_sender[d]
                };
                if at_requester {
                    figures.done_ns = figures.done_ns.max(done);
                }
            }
        }
        figures
    }
}

fn nic(run: &Run, node: u32) -> Option<&NicProfile> {
    match run.model.nodes[node as usize].role {
        Role::Host(profile) => run.model.nics.get(profile as usize),
        Role::Switch(_) => None,
    }
}

fn honours(run: &Run, (node, port): (u32, u32), priority: usize) -> bool {
    let pause = run.model.pause_spec(node, port).unwrap();
    pause.mode != PauseMode::Off && pause.rx_mask >> priority & 1 == 1
}

/// Why a figure may differ: no frame shows what it takes to tell.
fn excuse(
    run: &Run,
    flow: &frames::Flow,
    result: &FlowResult,
    (name, found, wanted): (&str, u64, u64),
) -> Option<&'static str> {
    let beyond = found.checked_sub(wanted).filter(|&n| n > 0);
    let read = run.model.flows[result.flow as usize].op == Op::Read;
    match name {
        // A READ that asks again for what a capture did not see answered looks like a new one there.
        "duplicate_request" if read && found < wanted => Some("READ requests that were repeated"),
        "local_ack_timeout_err" if found < wanted && silenced(run, flow, result) => {
            Some("timers that expired while the port was paused")
        }
        "out_of_sequence" | "duplicate_request" => {
            let beyond = beyond?;
            let turned_away = |end: &frames::End| {
                let drops = &run.results.ports[end.port as usize].drops;
                drops[DropCause::RxBuffer as usize].iter().sum::<u64>()
            };
            let dropped: u64 = flow.ends.iter().map(turned_away).sum();
            (beyond <= dropped).then_some("packets that a full receive buffer turned away")
        }
        _ => None,
    }
}

/// Whether the port of an end was kept silent for longer than the requester waits for an answer.
fn silenced(run: &Run, flow: &frames::Flow, result: &FlowResult) -> bool {
    let spec = &run.model.flows[result.flow as usize];
    let timeout = nic(run, spec.src).map_or(SimDuration::ZERO, |nic| nic.rc.timeout);
    flow.ends.iter().any(|end| {
        let port = &run.results.ports[end.port as usize];
        port.priority.iter().any(|p| p.rx_pause_longest >= timeout)
    })
}

impl Wrong {
    pub(super) fn compare(&mut self, case: &str, run: &Run, report: &TraceReport, pauses: Pauses) {
        let Some(frames) = Frames::new(&run.model) else {
            return;
        };
        for (flow, result) in frames.flows().iter().zip(&run.results.flows) {
            let wanted = Figures::simulated(result);
            let found = Figures::traced(report, flow, run.model.flows[result.flow as usize].op);
            let at = format!("{case}: flow {} {:?}", result.flow, result.status);
            for ((name, wanted), (_, found)) in wanted.named().into_iter().zip(found.named()) {
                match excuse(run, flow, result, (name, found, wanted)) {
                    Some(why) => *self.excused.entry(why).or_default() += 1,
                    None => self.equal(&at, name, found, wanted),
                }
            }
            if result.status == FlowStatus::Completed {
                let ns = |f: &Figures| f.done_ns.unwrap_or(0);
                self.equal(&at, "done_ns", ns(&found), ns(&wanted));
            }
        }
        for (port, info) in (0..).zip(frames.ports()) {
            if pauses == Pauses::Everywhere || nic(run, info.node).is_some() {
                self.pauses_at(case, run, report, port);
            }
        }
    }

    fn equal(&mut self, at: &str, name: &str, found: u64, wanted: u64) {
        self.near(at, name, found, wanted, 0);
    }

    fn near(&mut self, at: &str, name: &str, found: u64, wanted: u64, within: u64) {
        self.compared += 1;
        if found.abs_diff(wanted) > within {
            self.lines
                .push(format!("{at} {name}: {found}, simulator {wanted}"));
        }
    }

    /// What a port received.
    pub(super) fn pauses_at(&mut self, case: &str, run: &Run, report: &TraceReport, port: PortId) {
        let Some(frames) = Frames::new(&run.model) else {
            return;
        };
        let info = &frames.ports()[port as usize];
        let mac = frames.mac(info.peer);
        let result = &run.results.ports[port as usize];
        let mut seen = report.pauses.iter();
        let found = seen.find(|p| p.sender == mac && p.direction == Direction::In);
        let each = |of: fn(&PausePort) -> [u64; 8]| found.map_or([0; 8], of);
        let (pause, resume) = (each(|p| p.pause), each(|p| p.resume));
        let (paused_ns, transitions) = (each(|p| p.paused_ns), each(|p| p.transitions));
        let global = found.map_or(0, PausePort::global);
        let at = format!("{case}: {}", frames.port_name(port));
        let received = result.rx_global_pause + result.rx_global_resume;
        self.equal(&at, "rx_global_pause", global, received);
        for (n, wanted) in result.priority.iter().enumerate() {
            let at = format!("{at} priority {n}");
            self.equal(&at, "rx_pause", pause[n], wanted.rx_pause);
            self.equal(&at, "rx_resume", resume[n], wanted.rx_resume);
            if !honours(run, (info.node, info.index), n) {
                // No frame says that a port goes on sending by design.
                if wanted.rx_pause > 0 {
                    *self
                        .excused
                        .entry("pauses that a port does not honour")
                        .or_default() += 1;
                }
                continue;
            }
            let intervals = wanted.rx_pause_transitions;
            self.equal(&at, "rx_pause_transitions", transitions[n], intervals);
            // Begin and end of each interval are whole nanoseconds in a capture.
            let paused = wanted.rx_pause_duration.ns();
            self.near(&at, "rx_pause_duration", paused_ns[n], paused, intervals);
        }
    }

    pub(super) fn add(&mut self, other: Wrong) {
        self.lines.extend(other.lines);
        self.compared += other.compared;
        for (why, count) in other.excused {
            *self.excused.entry(why).or_default() += count;
        }
    }

    /// Fails if anything differs; else what was compared.
    #[track_caller]
    pub(super) fn summary(&self, what: &str) -> String {
        self.none(what);
        let mut text = format!("{} figures equal; not to be told:\n", self.compared);
        for (why, count) in &self.excused {
            text += &format!("{count:>6} {why}\n");
        }
        text
    }

    #[track_caller]
    pub(super) fn none(&self, what: &str) {
        let some: Vec<&String> = self.lines.iter().take(60).collect();
        let (wrong, all) = (self.lines.len(), self.compared);
        assert!(wrong == 0, "{what}: {wrong} of {all} figures: {some:#?}");
    }
}
