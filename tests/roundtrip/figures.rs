//! The figures of a run and of the analysis of its capture, side by side.

use crate::support::Run;
use xoff_conformance::capture::Direction;
use xoff_conformance::trace::report::{PausePort, TraceReport};
use xoff_sim::frames::{self, Frames};
use xoff_sim::model::{Op, Role};
use xoff_sim::results::{FlowResult, FlowStatus, RdmaCounters};

/// Figures that differ.
#[derive(Default)]
pub(super) struct Wrong {
    lines: Vec<String>,
    compared: u64,
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

    fn simulated(flow: &FlowResult) -> Figures {
        Figures {
            plain: [
                flow.data_packets,
                flow.retransmitted_packets,
                flow.retransmitted_bytes,
                flow.bytes_delivered,
            ],
            counters: flow.counters,
            done_ns: flow.end.map(|end| end.ps() / 1_000),
        }
    }

    /// Of all views of a flow: each figure from the view that speaks for it.
    fn traced(report: &TraceReport, flow: &frames::Flow) -> Figures {
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
                    let done = direction.message_runs.iter().filter_map(|m| m.done_ns).max();
                    figures.done_ns = figures.done_ns.max(done);
                }
                if c.speaks_for_receiver[d] {
                    figures.plain[3] += direction.delivered_bytes;
                }
                figures.counters.add(&direction.counters);
            }
        }
        figures
    }
}

impl Wrong {
    pub(super) fn compare(&mut self, case: &str, run: &Run, report: &TraceReport) {
        let Some(frames) = Frames::new(&run.model) else {
            return;
        };
        for (flow, result) in frames.flows().iter().zip(&run.results.flows) {
            let wanted = Figures::simulated(result);
            let found = Figures::traced(report, flow);
            let at = format!("{case}: flow {} {:?}", result.flow, result.status);
            for ((name, wanted), (_, found)) in wanted.named().into_iter().zip(found.named()) {
                self.equal(&at, name, found, wanted);
            }
            if result.status == FlowStatus::Completed {
                let ns = |f: &Figures| f.done_ns.unwrap_or(0);
                self.equal(&at, "done_ns", ns(&found), ns(&wanted));
            }
        }
        self.pauses(case, run, report, &frames);
    }

    fn equal(&mut self, at: &str, name: &str, found: u64, wanted: u64) {
        self.compared += 1;
        if found != wanted {
            self.lines.push(format!("{at} {name}: {found}, simulator {wanted}"));
        }
    }

    /// What every port of a host received.
    fn pauses(&mut self, case: &str, run: &Run, report: &TraceReport, frames: &Frames<'_>) {
        let zero = PausePort {
            interface: 0,
            sender: Default::default(),
            direction: Direction::In,
            frames: 0,
            global: 0,
            pause: [0; 8],
            resume: [0; 8],
            paused_ns: [0; 8],
            longest_ns: [0; 8],
            transitions: [0; 8],
            rate: None,
            rate_inferred: false,
            first_frame: 0,
        };
        for (port, info) in (0..).zip(frames.ports()) {
            let node = &run.model.nodes[info.node as usize];
            if !matches!(node.role, Role::Host(_)) {
                continue;
            }
            let mac = frames.mac(info.peer);
            let result = &run.results.ports[port as usize];
            let seen = report.pauses.iter();
            let mut seen = seen.filter(|p| p.sender == mac && p.direction == Direction::In);
            let found = seen.next().unwrap_or(&zero);
            let at = format!("{case}: {}", frames.port_name(port));
            self.equal(&at, "rx_global_pause", found.global, result.rx_global_pause);
            for (n, wanted) in result.priority.iter().enumerate() {
                let at = format!("{at} priority {n}");
                self.equal(&at, "rx_pause", found.pause[n], wanted.rx_pause);
                self.equal(&at, "rx_resume", found.resume[n], wanted.rx_resume);
                let transitions = wanted.rx_pause_transitions;
                self.equal(&at, "transitions", found.transitions[n], transitions);
                let paused = wanted.rx_pause_duration.ns();
                self.equal(&at, "paused_ns", found.paused_ns[n], paused);
            }
        }
    }

    #[track_caller]
    pub(super) fn none(&self, what: &str) {
        let some: Vec<&String> = self.lines.iter().take(60).collect();
        let (wrong, all) = (self.lines.len(), self.compared);
        assert!(wrong == 0, "{what}: {wrong} of {all} figures: {some:#?}");
    }
}
