//! DL-01 and DL-03: circles of lossless buffers that wait for each other.

use super::Context;
use crate::fabric::{End, Fabric, NodeId};
use crate::found::{Claim, Collection, Found};
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet};
use xoff_checks::stuck::{DL_01, DL_03};

/// Fabrics with more links are not tried link by link.
const MOST_LINKS: usize = 96;

pub(super) fn check(cx: &Context, found: &mut Collection) {
    if let Some(circle) = circle(cx) {
        found.push(cx.fabric, told(cx.fabric, &circle, None));
    } else if (2..=MOST_LINKS).contains(&cx.fabric.links.len()) {
        failures(cx, found);
    }
    bounces(cx, found);
}

/// The switches of a circle, if there is one.
fn circle(cx: &Context) -> Option<Vec<NodeId>> {
    // A directed cable waits for the next one if lossless frames go from one to the other.
    let mut waits: DiGraph<(End, End), ()> = DiGraph::new();
    let mut known: BTreeMap<(End, End), NodeIndex> = BTreeMap::new();
    for flow in &cx.flows {
        let mut into: BTreeMap<NodeId, Vec<(End, End)>> = BTreeMap::new();
        for (step, judged) in flow.steps.iter().zip(&flow.judged) {
            if !judged.problems.is_empty() {
                continue;
            }
            for &before in into.get(&step.from.node).into_iter().flatten() {
                let [a, b] = [before, (step.from, step.to)]
                    .map(|cable| *known.entry(cable).or_insert_with(|| waits.add_node(cable)));
                waits.update_edge(a, b, ());
            }
            into.entry(step.to.node)
                .or_default()
                .push((step.from, step.to));
        }
    }
    let found = tarjan_scc(&waits)
        .into_iter()
        .filter(|part| part.len() > 1)
        .min()?;
    let nodes: BTreeSet<NodeId> = found.iter().map(|&n| waits[n].0.node).collect();
    Some(nodes.into_iter().collect())
}

fn told(fabric: &Fabric, circle: &[NodeId], failed: Option<&str>) -> Found {
    let names: Vec<&str> = circle
        .iter()
        .map(|&n| fabric.nodes[n].name.as_str())
        .collect();
    let (check, when) = match failed {
        None => (&DL_01, String::new()),
        Some(link) => (&DL_03, format!("When the link {link} fails, ")),
    };
    let cause = format!(
        "{when}lossless buffers of {} can wait for each other in a circle: once all are full, none sends again.",
        names.join(", ")
    );
    let cure = "Keep routes free of valleys (up, down, up), or give detours a class of their own.";
    Found::warning(check, circle[0], cause, cure).claims(Claim::Nothing)
}

/// Each link between switches taken away.
fn failures(cx: &Context, found: &mut Collection) {
    for n in 0..cx.fabric.links.len() {
        let link = &cx.fabric.links[n];
        if link.ends.iter().any(|e| cx.fabric.is_host(e.node)) {
            continue;
        }
        let fabric = cx.fabric.without(n);
        if let Some(circle) = circle(&Context::new(&fabric)) {
            let [a, b] = link.ends.map(|e| cx.fabric.label(e));
            found.push(
                cx.fabric,
                told(cx.fabric, &circle, Some(&format!("{a} - {b}"))),
            );
            return;
        }
    }
}

/// Switches that send frames back up where they came from, in the same lossless class.
fn bounces(cx: &Context, found: &mut Collection) {
    let bouncing = || {
        cx.fabric
            .devices()
            .filter_map(|(n, d)| Some((n, d.bounce.as_ref().filter(|b| !b.remapped)?)))
    };
    for (node, bounce) in bouncing() {
        let above = |n: NodeId| -> BTreeSet<NodeId> {
            let links = cx
                .fabric
                .links_of(n)
                .iter()
                .flat_map(|&l| cx.fabric.links[l].ends);
            links
                .map(|e| e.node)
                .filter(|&m| m != n && cx.fabric.device(m).is_some())
                .collect()
        };
        let Some((other, _)) =
            bouncing().find(|&(n, _)| n != node && !above(n).is_disjoint(&above(node)))
        else {
            continue;
        };
        let upper: Vec<NodeId> = above(node).intersection(&above(other)).copied().collect();
        let up = cx.name(upper[0]);
        let (a, b) = (cx.name(node), cx.name(other));
        let cause = format!(
            "Frames for a server behind the other switch of the pair are sent back up, in the same lossless class: {up}, \
             {a}, {up}, {b} and {up} again can wait for each other in a circle."
        );
        let cure = "Map bounced frames to other lossless classes at both ends of the tunnel.";
        let one = Found::warning(&DL_01, node, cause, cure).at([bounce.at]);
        found.push(cx.fabric, one);
    }
}
