//! The files that a run writes beside its report.

use super::diag::{Mistakes, suggest};
use super::network::MAX_COMPARISONS;
use super::quantity::{Given, Sp};
use super::raw::RawHpccFiles;
use crate::hpcc::Files;
use crate::metrics::select::{cost, glob};
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::{NodeId, NodeSpec, QueueWatch};

/// The simulator looks at queues this often, and writes what it saw this often.
const LOOK: SimDuration = SimDuration::from_ns(100);
const REPORT: SimDuration = SimDuration::from_ms(100);

pub(super) fn queue_watch(raw: &RawHpccFiles, mistakes: &mut Mistakes) -> Option<QueueWatch> {
    let from = raw.qlen_from.get_or(SimDuration::ZERO);
    let until = raw.qlen_until.get_or(SimDuration::from_ms(100));
    if let Some(given) = raw.qlen_until.as_ref().filter(|_| until < from) {
        mistakes.at(
            given,
            format!("qlen_until is before qlen_from ({from})"),
            "",
        );
    }
    raw.qlen.as_ref()?;
    Some(QueueWatch {
        from: SimTime::ZERO + from,
        until: SimTime::ZERO + until,
        every: LOOK,
        report: REPORT,
    })
}

/// None: the scenario asks for no such file.
pub(super) fn files(
    raw: &RawHpccFiles,
    nodes: &[NodeSpec],
    mistakes: &mut Mistakes,
) -> Option<Files> {
    let wanted = [&raw.fct, &raw.pfc, &raw.qlen, &raw.trace];
    for empty in wanted.into_iter().flatten().filter(|f| f.is_empty()) {
        mistakes.at(
            empty,
            "a file without a name",
            "leave the key out for no file",
        );
    }
    for (n, file) in wanted.iter().enumerate() {
        let Some(file) = file else { continue };
        let same =
            |other: &&Option<Sp<String>>| other.as_ref().is_some_and(|o| o.value == file.value);
        if wanted[..n].iter().any(same) {
            mistakes.at(file, format!("two files are called `{}`", **file), "");
        }
    }
    let traced = traced(raw, nodes, mistakes);
    if wanted.iter().all(|f| f.is_none()) {
        return None;
    }
    let base = raw.base.get_or(SimDuration::from_ms(2_000));
    Some(Files {
        base: SimTime::ZERO + base,
        fct: raw.fct.given(),
        pfc: raw.pfc.given(),
        qlen: raw.qlen.given(),
        trace: raw.trace.given().map(|file| (file, traced)),
        node_ids: raw.node_ids.get_or(false),
    })
}

/// The nodes of the packet trace, in their order.
fn traced(raw: &RawHpccFiles, nodes: &[NodeSpec], mistakes: &mut Mistakes) -> Vec<NodeId> {
    let Some(patterns) = &raw.trace_nodes else {
        return (0..nodes.len() as NodeId).collect();
    };
    let work = patterns.iter().map(|p| cost(p)).sum::<u64>() * nodes.len() as u64;
    if work > MAX_COMPARISONS {
        mistakes.at(patterns, "too many or too long patterns", "use fewer");
        return Vec::new();
    }
    for pattern in patterns.iter() {
        if !nodes.is_empty() && !nodes.iter().any(|n| glob(pattern, &n.name)) {
            let names: Vec<&str> = nodes.iter().map(|n| n.name.as_str()).take(16).collect();
            let help = suggest(pattern, &names).unwrap_or_default();
            mistakes.at(patterns, format!("no node matches `{pattern}`"), &help);
        }
    }
    let chosen = |n: &NodeSpec| patterns.iter().any(|p| glob(p, &n.name));
    let numbered = (0..).zip(nodes).filter(|(_, n)| chosen(n));
    numbered.map(|(id, _)| id).collect()
}
