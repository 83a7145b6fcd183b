//! What findings cost: the fabric under stress, as configured and as cured.

mod scenario;

use crate::fabric::{Fabric, NodeId};
use crate::found::{Claim, Found, Proof};
use crate::rules::Context;
use scenario::{Sender, Stress, stress};
use xoff_checks::finding::Severity;
use xoff_model::results::{FlowResult, FlowStatus, Results};
use xoff_scenario::Overrides;
use xoff_scenario::plan::Plan;

/// A fabric that was simulated.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// The two runs side by side, for people.
    pub table: String,
    /// Names and texts of the scenarios.
    pub scenarios: Vec<(String, String)>,
    /// RDMA of the configured run: packets sent again, share of the cured run's goodput in percent.
    pub repeated: u64,
    pub goodput_percent: u64,
}

/// One run.
struct Run {
    plan: Plan,
    results: Results,
}

/// Runs both, and tells each finding what it costs. Err: why it cannot be done.
///
/// # Errors
/// Fewer than two hosts with RDMA on the topology, or a fabric that the simulator refuses.
pub fn simulate(fabric: &Fabric, found: &mut [Found]) -> Result<Simulated, String> {
    let cx = Context::new(fabric);
    let Some(stress) = stress(&cx) else {
        let why = "not simulated: the topology has no two hosts with RDMA";
        for one in found.iter_mut() {
            one.proof = Some(Proof {
                shown: None,
                says: why.to_owned(),
            });
        }
        return Err(why.to_owned());
    };
    let (configured, cured) = rayon::join(
        || run("configured", &stress.configured),
        || run("cured", &stress.cured),
    );
    let (configured, cured) = (configured?, cured?);
    for one in found.iter_mut().filter(|f| f.unknown.is_none()) {
        prove(fabric, &stress, &configured, &cured, one);
    }
    let (real, ideal) = (
        Sums::of(&configured, &stress, None),
        Sums::of(&cured, &stress, None),
    );
    Ok(Simulated {
        table: table(&real, &ideal),
        scenarios: vec![
            ("configured.toml".to_owned(), stress.configured.clone()),
            ("cured.toml".to_owned(), stress.cured.clone()),
        ],
        repeated: real.repeated,
        goodput_percent: real.mbps * 100 / ideal.mbps.max(1),
    })
}

fn run(name: &str, text: &str) -> Result<Run, String> {
    let none = |_: &str| Err("no other file".to_owned());
    let plan = xoff_scenario::load(name, text, &Overrides::default(), &none).map_err(|all| {
        format!(
            "the fabric cannot be simulated: {}",
            all.first().map_or("", |d| d.message.as_str())
        )
    })?;
    let case = plan.cases.first().ok_or("the scenario has no case")?;
    let results = xoff_sim::run(&case.model, &mut |_| {});
    Ok(Run { plan, results })
}

/// What RDMA did in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    packets: u64,
    repeated: u64,
    unfinished: u64,
    /// Mean of the flows' goodput while they lasted.
    mbps: u64,
    /// Pause frames that hosts received, and packets that were marked.
    pauses: u64,
    marks: u64,
}

impl Sums {
    /// Of all flows, or of those from or to a host.
    fn of(run: &Run, stress: &Stress, host: Option<NodeId>) -> Sums {
        let mut sums = Sums::default();
        let (mut flows, mut total) = (0_u64, 0_u128);
        for flow in &run.results.flows {
            let Some((from, to)) = ends(run, flow, stress) else {
                continue;
            };
            if host.is_some_and(|h| from.end.node != h && to.end.node != h) {
                continue;
            }
            sums.packets += flow.data_packets;
            sums.repeated += flow.retransmitted_packets;
            sums.unfinished += u64::from(flow.status != FlowStatus::Completed);
            sums.marks += flow.counters.np_ecn_marked_roce_packets;
            let end = flow.end.unwrap_or(run.results.end);
            let ns = end.since(flow.start).ns().max(1);
            total += u128::from(flow.bytes_delivered) * 8000 / u128::from(ns);
            flows += 1;
        }
        sums.mbps = u64::try_from(total / u128::from(flows.max(1))).unwrap_or(u64::MAX);
        sums.pauses = run.results.ports.iter().map(|p| p.pauses_received()).sum();
        sums
    }
}

/// The hosts of an RDMA flow: `rdma-1-to-0`.
fn ends<'a>(run: &Run, flow: &FlowResult, stress: &'a Stress) -> Option<(&'a Sender, &'a Sender)> {
    let case = run.plan.cases.first()?;
    let spec = case.model.flows.get(flow.flow as usize)?;
    let (from, to) = spec.group.strip_prefix("rdma-")?.split_once("-to-")?;
    let sender = |n: &str| stress.senders.get(n.parse::<usize>().ok()?);
    Some((sender(from)?, sender(to)?))
}

/// Frames of RDMA that were dropped at a node.
fn drops_at(run: &Run, fabric: &Fabric, node: NodeId) -> u64 {
    let Some(case) = run.plan.cases.first() else {
        return 0;
    };
    let name = scenario::safe(&fabric.nodes[node].name);
    let id = case.model.nodes.iter().position(|n| n.name == name);
    let here = run
        .results
        .ports
        .iter()
        .filter(|p| id == Some(p.node as usize));
    here.flat_map(|p| p.drops.iter().flatten()).sum()
}

fn prove(fabric: &Fabric, stress: &Stress, configured: &Run, cured: &Run, one: &mut Found) {
    let host = fabric.is_host(one.node).then_some(one.node);
    let concerned: Vec<NodeId> = match host {
        Some(host) => vec![host],
        None if one.hosts.is_empty() => vec![],
        None => one.hosts.clone(),
    };
    let sums = |run: &Run| match concerned.as_slice() {
        [] => Sums::of(run, stress, None),
        [host] => Sums::of(run, stress, Some(*host)),
        hosts => hosts
            .iter()
            .map(|h| Sums::of(run, stress, Some(*h)))
            .max_by_key(|s| s.repeated)
            .unwrap_or_default(),
    };
    let (real, ideal) = (sums(configured), sums(cured));
    let gbps = |s: &Sums| format!("{}.{} Gb/s", s.mbps / 1000, s.mbps % 1000 / 100);
    let (a, b) = (gbps(&real), gbps(&ideal));
    let here = drops_at(configured, fabric, one.node);
    let (shown, says) = match one.claim {
        Claim::Nothing => {
            one.proof = Some(Proof {
                shown: None,
                says: "not simulated: the load that is tried does not show it".to_owned(),
            });
            return;
        }
        Claim::Drops => {
            let shown = real.repeated > 0 && ideal.repeated == 0 && (host.is_some() || here > 0);
            let place = if host.is_some() {
                String::new()
            } else {
                format!(", {here} frames dropped at {}", fabric.nodes[one.node].name)
            };
            (
                shown,
                format!(
                    "under incast {} of {} RDMA packets are repeated{place}; {a} per flow, and cured {b} with {} repeated",
                    real.repeated, real.packets, ideal.repeated
                ),
            )
        }
        Claim::Lost => (
            real.unfinished > 0 && ideal.unfinished == 0,
            format!(
                "{} flows do not end, and cured {}",
                real.unfinished, ideal.unfinished
            ),
        ),
        Claim::Pauses => (
            real.pauses > 0 && real.marks * 10 < ideal.marks,
            format!(
                "{} pause frames and {} marks, and cured {} and {}",
                real.pauses, real.marks, ideal.pauses, ideal.marks
            ),
        ),
    };
    if !shown {
        one.severity = match one.severity {
            Severity::Error => Severity::Warning,
            _ => Severity::Note,
        };
    }
    let says = if shown {
        says
    } else {
        format!("not reproduced: {says}")
    };
    one.proof = Some(Proof {
        shown: Some(shown),
        says,
    });
}

fn table(real: &Sums, ideal: &Sums) -> String {
    let row = |name: &str, s: &Sums| {
        let goodput = format!("{}.{}", s.mbps / 1000, s.mbps % 1000 / 100);
        format!(
            "  {name:12} {:>12} {:>10} {:>11} {:>10} {:>10} {goodput:>14}\n",
            s.packets, s.repeated, s.unfinished, s.pauses, s.marks
        )
    };
    let head = format!(
        "  {:12} {:>12} {:>10} {:>11} {:>10} {:>10} {:>14}\n",
        "", "RDMA packets", "repeated", "unfinished", "pauses", "marks", "Gb/s per flow"
    );
    format!(
        "simulated, incast to each host beside best effort:\n{head}{}{}",
        row("configured", real),
        row("cured", ideal)
    )
}
