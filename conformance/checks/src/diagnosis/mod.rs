//! What happened, in plain words: one sentence per finding, the most important first.
//!
//! A sentence is printed only if what the run counted proves it. Where no cause is proved the
//! sentences say what is known: who waited, for how long, where most.

mod bystander;
mod courses;
mod losses;
mod marks;
mod pauses;
#[cfg(test)]
mod tests;
mod waits;

use crate::catalogue::Check;
use crate::congestion::CC_01;
use crate::counters::N_03;
use crate::finding::Severity::{self, Error, Note, Warning};
use crate::finding::{Finding, Where};
use crate::flow::{F_01, F_02};
use crate::pause::{P_12, P_14, P_17, P_19, P_20, P_21};
use crate::rc::{RC_05, RC_07, RC_08, RC_14, RC_23, RC_24, RC_26, RC_28, RC_30, RC_37};
use crate::words::{node_name, plural, port_towards};
use courses::Course;
use xoff_model::results::{FlowStatus, PortResult, Results};
use xoff_model::time::SimDuration;
use xoff_model::{Model, NicProfile, NodeId, PauseSpec, PortProfile, Role, SwitchProfile};
use xoff_scenario::metrics::value::{Value, grouped, ppm};

/// The checks that a run is found to violate, what its scenario expects among them.
pub static MADE: &[&Check] = &[
    &RC_05, &RC_07, &RC_08, &RC_14, &RC_23, &RC_24, &RC_26, &RC_28, &RC_30, &RC_37, &CC_01, &P_12,
    &P_14, &P_17, &P_19, &P_20, &P_21, &N_03, &F_01, &F_02,
];

/// What came of a run.
pub struct Diagnosis {
    /// The most important first.
    pub findings: Vec<Finding>,
    /// Said of a run without a finding.
    calm: Option<String>,
}

impl Diagnosis {
    /// At least one.
    pub fn sentences(&self) -> impl Iterator<Item = &str> {
        let found = self.findings.iter().map(|f| f.cause.as_str());
        found.chain(self.calm.as_deref())
    }
}

/// Looks at a case of a run; `case`: its label, empty if there is one only.
pub fn diagnose(model: &Model, results: &Results, case: &str) -> Diagnosis {
    let run = Run::new(model, results);
    let mut found = Found {
        case,
        findings: Vec::new(),
    };
    found.add(&P_21, Error, "deadlocks", run.deadlock());
    found.add(&P_17, Error, "pause.ignored", run.ignored_pause());
    for (check, severity, metric, sentence) in run.losses() {
        found.add(check, severity, metric, Some(sentence));
    }
    found.add(&P_20, Error, "watchdog.storms", run.watchdog());
    if let Some((check, sentence)) = run.failed() {
        found.add(check, Error, "flows.failed", Some(sentence));
    }
    found.add(&P_20, Error, "pause.share", run.storms());
    found.add(&P_20, Error, "pause.share", run.slow_receiver());
    found.add(&P_19, Warning, "slowdown.max", run.bystander());
    let not_ready = run.receiver_not_ready();
    found.add(&RC_23, Warning, "counters.rnr_nak_retry_err", not_ready);
    found.add(&F_01, Note, "slowdown.max", run.contention());
    found.add(&F_01, Note, "slowdown.max", run.own_limits());
    found.add(&F_01, Note, "slowdown.max", run.step());
    if found.findings.is_empty() {
        found.add(&F_01, Warning, "slowdown.max", run.unexplained());
    }
    found.add(&P_20, Note, "pause.share", run.paused());
    if let Some((check, severity, sentence)) = run.timeouts() {
        let metric = "counters.local_ack_timeout_err";
        found.add(check, severity, metric, Some(sentence));
    }
    found.add(&CC_01, Note, "ecn.marked", run.marked());
    found.add(&F_01, Note, "flows.unfinished", run.unfinished());
    let findings = found.findings;
    let calm = findings.is_empty().then(|| run.calm());
    Diagnosis { findings, calm }
}

struct Found<'a> {
    case: &'a str,
    findings: Vec<Finding>,
}

impl Found<'_> {
    fn add(
        &mut self,
        check: &'static Check,
        severity: Severity,
        metric: &'static str,
        sentence: Option<String>,
    ) {
        let Some(cause) = sentence else { return };
        let subject = match self.case {
            "" => "the run".to_owned(),
            case => format!("case {case}"),
        };
        self.findings.push(Finding {
            check,
            severity,
            inconclusive: None,
            subject,
            cause,
            cure: check.cure.to_owned(),
            count: 1,
            at: Where::Run {
                case: self.case.to_owned(),
                metric: Some(metric),
            },
        });
    }
}

struct Run<'a> {
    model: &'a Model,
    results: &'a Results,
    courses: Vec<Course<'a>>,
    /// Of any port and priority.
    longest_pause: SimDuration,
}

impl<'a> Run<'a> {
    fn new(model: &'a Model, results: &'a Results) -> Self {
        let flows = model.flows.iter().zip(&results.flows);
        let priorities = results.ports.iter().flat_map(|p| &p.priority);
        let longest = priorities.map(|q| q.rx_pause_longest).max();
        Run {
            model,
            results,
            longest_pause: longest.unwrap_or(SimDuration::ZERO),
            courses: flows
                .map(|(spec, result)| Course::new(model, results, spec, result))
                .collect(),
        }
    }

    fn name(&self, node: NodeId) -> &'a str {
        node_name(self.model, node)
    }

    fn place(&self, port: &PortResult) -> String {
        port_towards(self.model, port)
    }

    fn role(&self, node: NodeId) -> Option<Role> {
        self.model.nodes.get(node as usize).map(|n| n.role)
    }

    fn nic(&self, node: NodeId) -> Option<&'a NicProfile> {
        match self.role(node)? {
            Role::Host(i) => self.model.nics.get(i as usize),
            Role::Switch(_) => None,
        }
    }

    fn switch(&self, node: NodeId) -> Option<&'a SwitchProfile> {
        match self.role(node)? {
            Role::Switch(i) => self.model.switches.get(i as usize),
            Role::Host(_) => None,
        }
    }

    fn switch_port(&self, port: &PortResult) -> Option<&'a PortProfile> {
        self.model.switch_port(port.node, port.port)
    }

    fn pause_spec(&self, port: &PortResult) -> Option<&'a PauseSpec> {
        self.model.pause_spec(port.node, port.port)
    }

    /// The port at the other end of the link.
    fn peer(&self, port: &PortResult) -> Option<&'a PortResult> {
        let key = |p: &PortResult| (p.node, p.port);
        let ports = &self.results.ports;
        let at = ports.binary_search_by_key(&(port.peer, port.peer_port), key);
        at.ok().map(|at| &ports[at])
    }

    fn share_of_run(&self, part: SimDuration) -> u64 {
        ppm(part.ps(), self.results.end.ps()).unwrap_or(0)
    }

    fn drops(&self) -> u64 {
        let all = self.results.ports.iter().flat_map(|p| &p.drops);
        all.flatten().sum()
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

fn share(ppm: u64) -> Value {
    Value::Share(ppm)
}
