//! `fct.txt`, `pfc.txt` and `qlen.txt`.

use super::paths::{Path, Paths};
use std::fmt::Write as _;
use xoff_model::results::{FlowStatus, Results};
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::topology::ecmp::node_ip;
use xoff_model::{Model, NodeId, PRIORITIES, Role};

/// PPP 14, IPv4 20, UDP 8, sequence number and priority group 6.
pub(super) const HEADERS: u32 = 48;

/// The files of the HPCC simulator that a run writes, with paths relative to its input. None: the
/// file is not wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// The absolute time of the model's time zero; the original's scenarios begin at 2 s.
    pub base: SimTime,
    pub fct: Option<String>,
    pub pfc: Option<String>,
    /// How long queues were ([`Model::queue_watch`]).
    pub qlen: Option<String>,
    /// What passed the ports of these nodes.
    pub trace: Option<(String, Vec<NodeId>)>,
    /// conweave's way: hosts in `fct.txt` are node ids instead of addresses.
    pub node_ids: bool,
}

impl Files {
    /// The path of each file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let trace = self.trace.as_ref().map(|(file, _)| file.as_str());
        let others = [&self.fct, &self.pfc, &self.qlen].map(Option::as_deref);
        others.into_iter().chain([trace]).flatten()
    }

    /// Path and content of each file but the trace.
    pub fn texts(&self, model: &Model, results: &Results) -> Vec<(&str, String)> {
        let fct = self
            .fct
            .as_deref()
            .map(|f| (f, self.fct_text(model, results)));
        let pfc = self
            .pfc
            .as_deref()
            .map(|f| (f, self.pfc_text(model, results)));
        let qlen = self.qlen.as_deref().map(|f| (f, self.qlen_text(results)));
        [fct, pfc, qlen].into_iter().flatten().collect()
    }

    /// Completed flows in order of completion:
    /// `sip dip sport dport bytes start_ns fct_ns standalone_ns`.
    pub fn fct_text(&self, model: &Model, results: &Results) -> String {
        let mut done: Vec<_> = results
            .flows
            .iter()
            .filter(|f| f.status == FlowStatus::Completed)
            .filter_map(|f| Some((f.end?, f.flow)))
            .collect();
        done.sort_unstable();
        let standalone = standalone(model);
        let mut text = String::new();
        for (end, id) in done {
            let (Some(flow), Some(standalone)) =
                (model.flows.get(id as usize), standalone.get(id as usize))
            else {
                continue;
            };
            // Writing to a String cannot fail.
            let _ = match self.node_ids {
                true => write!(text, "{} {}", flow.src, flow.dst),
                false => write!(text, "{:08x} {:08x}", node_ip(flow.src), node_ip(flow.dst)),
            };
            let _ = writeln!(
                text,
                " {} {} {} {} {} {standalone}",
                flow.sport,
                flow.dport,
                flow.bytes,
                self.absolute_ns(flow.start),
                end.since(flow.start).ns(),
            );
        }
        text
    }

    /// Received PFC frames: `t_ns node node_type interface 1=pause|0=resume`, one line per class.
    pub fn pfc_text(&self, model: &Model, results: &Results) -> String {
        let mut text = String::new();
        for entry in &results.pauses {
            let node = model.nodes.get(entry.node as usize);
            let is_switch = node.is_some_and(|n| matches!(n.role, Role::Switch(_)));
            for _ in (0..PRIORITIES).filter(|p| entry.mask & (1 << p) != 0) {
                let _ = writeln!(
                    text,
                    "{} {} {} {} {}",
                    self.absolute_ns(entry.at),
                    entry.node,
                    u8::from(is_switch),
                    entry.port + 1,
                    u8::from(entry.pause),
                );
            }
        }
        text
    }

    /// Blocks of `time: t_ns` and, per port of a switch, `node interface n0 n1 ...`: how often its
    /// queues held i kB.
    pub fn qlen_text(&self, results: &Results) -> String {
        let mut text = String::new();
        for lengths in &results.queue_lengths {
            let _ = writeln!(text, "time: {}", self.absolute_ns(lengths.at));
            for port in &lengths.ports {
                let _ = write!(text, "{} {}", port.node, port.port + 1);
                for count in &port.counts {
                    let _ = write!(text, " {count}");
                }
                text.push('\n');
            }
        }
        text
    }

    pub(super) fn absolute_ns(&self, at: SimTime) -> u64 {
        (self.base + SimDuration::from_ps(at.ps())).ns()
    }
}

/// Per flow, the original's least completion time in nanoseconds: base RTT plus all bytes at the
/// bottleneck, without telemetry.
pub fn standalone(model: &Model) -> Vec<u64> {
    let payload = |node: NodeId| match model.nodes[node as usize].role {
        Role::Host(profile) => model.nics[profile as usize].mtu,
        Role::Switch(_) => 1,
    };
    let largest = model.nics.iter().map(|n| n.mtu).max().unwrap_or(1);
    let mut paths = Paths::new(&model.nodes, &model.links, largest);
    let one = |flow: &xoff_model::FlowSpec| {
        let path = paths.between(flow.src, flow.dst)?;
        Some(standalone_ns(flow.bytes, payload(flow.src), path))
    };
    model
        .flows
        .iter()
        .map(one)
        .map(Option::unwrap_or_default)
        .collect()
}

fn standalone_ns(bytes: u64, payload: u32, path: Path) -> u64 {
    let packets = u128::from(bytes.div_ceil(u64::from(payload)));
    let wire = u128::from(bytes) + packets * u128::from(HEADERS);
    let ns = wire * 8_000_000_000 / u128::from(path.rate_bps);
    path.base_rtt_ns
        .saturating_add(u64::try_from(ns).unwrap_or(u64::MAX))
}
