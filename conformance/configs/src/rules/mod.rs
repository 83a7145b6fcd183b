//! The rules: each looks at the fabric, or at the way of RDMA through it, and says what it found.

mod blame;
mod cnp;
mod cycles;
mod ecn;
mod headroom;
mod hosts;
mod lossless;
mod members;
mod mtu;
mod ports;
mod remarks;
mod shares;

use lossless::marking;
pub use lossless::words;
pub(crate) use mtu::roce_mtu;

use crate::device::Kind;
use crate::fabric::{End, Fabric, NodeId};
use crate::flows::{Origin, Used, cables, origins, steps};
use crate::found::{Collection, Found};
use crate::hop::{Judged, Step, judge};
use std::collections::BTreeMap;
use xoff_checks::catalogue::Check;
use xoff_checks::{config, dcbx, pause, qos, stuck};

/// The checks that configurations are checked for.
pub static MADE: &[&Check] = &[
    &config::C_01,
    &config::C_02,
    &config::C_03,
    &config::C_04,
    &config::C_05,
    &config::C_06,
    &config::C_07,
    &config::C_08,
    &config::C_12,
    &config::C_15,
    &config::C_16,
    &config::C_17,
    &config::C_18,
    &config::C_19,
    &config::C_20,
    &config::C_21,
    &config::C_23,
    &qos::Q_05,
    &qos::Q_09,
    &stuck::WD_05,
    &stuck::DL_01,
    &stuck::DL_03,
    &pause::P_12,
    &pause::P_17,
    &dcbx::X_08,
    &dcbx::X_10,
];

/// RDMA of one kind from one port, with its way through the fabric.
#[derive(Clone, Debug)]
pub struct Flow {
    pub origin: Origin,
    pub steps: Vec<Step>,
    /// For each step.
    pub judged: Vec<Judged>,
}

impl Flow {
    /// Every hop is known to be lossless.
    pub fn is_lossless(&self) -> bool {
        self.judged.iter().all(Judged::is_lossless)
    }
}

/// What the rules look at.
pub struct Context<'a> {
    pub fabric: &'a Fabric,
    /// All senders that are used, or may be.
    pub flows: Vec<Flow>,
    /// Classes (bit n) of used RDMA as it comes in at a port.
    classes_in: BTreeMap<End, u8>,
    /// Classes of used RDMA as it leaves by a port.
    classes_out: BTreeMap<End, u8>,
}

impl<'a> Context<'a> {
    pub fn new(fabric: &'a Fabric) -> Context<'a> {
        let mut ways: BTreeMap<End, Vec<(End, End)>> = BTreeMap::new();
        let mut flows = Vec::new();
        for origin in origins(fabric) {
            if origin.used == Used::No {
                continue;
            }
            let way = ways
                .entry(origin.end)
                .or_insert_with(|| cables(fabric, origin.end));
            let steps = steps(
                fabric,
                way,
                origin.end,
                &origin.frame,
                &origin.marking.priority,
                origin.vlan,
            );
            let judged = steps.iter().map(|step| judge(fabric, step)).collect();
            flows.push(Flow {
                origin,
                steps,
                judged,
            });
        }
        let (mut classes_in, mut classes_out) = (BTreeMap::new(), BTreeMap::new());
        for step in flows
            .iter()
            .filter(|f| f.origin.used == Used::Yes)
            .flat_map(|f| &f.steps)
        {
            if let Some(class) = step.sorted.class.value() {
                *classes_in.entry(step.to).or_default() |= 1 << class.min(7);
            }
            if let Some(class) = step.class_out.value() {
                *classes_out.entry(step.from).or_default() |= 1 << class.min(7);
            }
        }
        Context {
            fabric,
            flows,
            classes_in,
            classes_out,
        }
    }

    /// Flows of senders that are surely used.
    pub fn used(&self) -> impl Iterator<Item = &Flow> {
        self.flows
            .iter()
            .filter(|flow| flow.origin.used == Used::Yes)
    }

    /// Classes of RDMA that come in at a port; where no host tells, those that the port keeps lossless.
    pub fn classes_in(&self, end: End) -> u8 {
        self.classes_in
            .get(&end)
            .copied()
            .unwrap_or_else(|| self.meant(end))
    }

    /// Classes of RDMA that leave by a port; where no host tells, those that it keeps lossless.
    pub fn classes_out(&self, end: End) -> u8 {
        self.classes_out
            .get(&end)
            .copied()
            .unwrap_or_else(|| self.meant(end))
    }

    fn meant(&self, end: End) -> u8 {
        let Some(port) = self.fabric.port(end) else {
            return 0;
        };
        let lossless = (0..8_u8).filter(|&n| port.qos.classes[usize::from(n)].no_drop.is(&true));
        lossless.fold(0, |mask, n| mask | 1 << n)
    }

    /// The ends of switches that have a cable; of a switch without any, all its ports.
    pub fn switch_ends(&self) -> Vec<End> {
        let mut ends = Vec::new();
        for (node, device) in self
            .fabric
            .devices()
            .filter(|(_, d)| d.kind == Kind::Switch)
        {
            let links = self.fabric.links_of(node);
            let cabled = links
                .iter()
                .flat_map(|&n| self.fabric.links[n].ends)
                .filter(|e| e.node == node);
            match links.is_empty() {
                false => ends.extend(cabled),
                true => ends.extend((0..device.ports.len()).map(|port| End { node, port })),
            }
        }
        ends
    }

    /// The name of a device.
    pub fn name(&self, node: NodeId) -> &str {
        &self.fabric.nodes[node].name
    }
}

/// Numbers of a set: `3` or `3 and 4`.
fn listed(mask: u8) -> String {
    let all: Vec<String> = (0..8)
        .filter(|n| mask & 1 << n != 0)
        .map(|n| n.to_string())
        .collect();
    match all.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Checks a fabric.
pub fn check(fabric: &Fabric) -> Vec<Found> {
    let cx = Context::new(fabric);
    let mut found = Collection::default();
    lossless::check(&cx, &mut found);
    remarks::check(&cx, &mut found);
    hosts::check(&cx, &mut found);
    cnp::check(&cx, &mut found);
    shares::check(&cx, &mut found);
    mtu::check(&cx, &mut found);
    ecn::check(&cx, &mut found);
    headroom::check(&cx, &mut found);
    ports::check(&cx, &mut found);
    members::check(&cx, &mut found);
    cycles::check(&cx, &mut found);
    found.sorted()
}
