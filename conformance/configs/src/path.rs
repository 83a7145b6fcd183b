//! The way of RDMA from one host to another: class, priority, queue and buffer at each hop.

use crate::fabric::{End, Fabric, NodeId};
use crate::flows::{Used, cables, steps};
use crate::hop::{Judged, Sorted, judge};
use crate::rules::Context;
use std::collections::BTreeMap;

/// One cable of a way.
#[derive(Clone, Debug)]
pub struct Hop {
    pub from: End,
    pub to: End,
    /// The class at the device that sends it on, and its queue there.
    pub class_out: Option<u8>,
    pub queue_out: Option<u8>,
    pub sorted: Sorted,
    /// 802.1p priority of the pause frames for it, and the priority group that it fills.
    pub pause: Option<u8>,
    pub group: Option<u8>,
    pub judged: Judged,
}

/// The way of one kind of sender.
#[derive(Clone, Debug)]
pub struct Way {
    pub sender: String,
    pub marking: String,
    pub hops: Vec<Hop>,
}

/// The ways from a host to another, one per kind of sender; the first of several equal paths.
pub fn ways(
    cx: &Context,
    from: NodeId,
    to: NodeId,
    wanted: impl Fn(&crate::device::Who) -> bool,
) -> Vec<Way> {
    let fabric = cx.fabric;
    let mut found = Vec::new();
    for flow in cx
        .flows
        .iter()
        .filter(|f| f.origin.end.node == from && f.origin.used != Used::No)
    {
        if !wanted(&flow.origin.who) {
            continue;
        }
        let Some(way) = shortest(fabric, flow.origin.end, to) else {
            continue;
        };
        let steps = steps(
            fabric,
            &way,
            flow.origin.end,
            &flow.origin.frame,
            &flow.origin.marking.priority,
            flow.origin.vlan,
        );
        let hops = steps.iter().map(|step| {
            let at = |end: End, class: Option<u8>| {
                let port = fabric.port(end)?;
                Some(&port.qos.classes[usize::from(class?.min(7))])
            };
            let out = at(step.from, step.class_out.value());
            let into = at(step.to, step.sorted.class.value());
            Hop {
                from: step.from,
                to: step.to,
                class_out: step.class_out.value(),
                queue_out: out.and_then(|c| c.queue.value()),
                sorted: step.sorted.clone(),
                pause: into.and_then(|c| c.pause.value()),
                group: into.and_then(|c| c.group.value()),
                judged: judge(fabric, step),
            }
        });
        let number =
            |fact: &crate::fact::Fact<u8>| fact.value().map_or("?".to_owned(), |v| v.to_string());
        let (dscp, priority) = (&flow.origin.marking.dscp, &flow.origin.marking.priority);
        let way = Way {
            sender: crate::rules::words(&flow.origin.who),
            marking: format!("DSCP {}, priority {}", number(dscp), number(priority)),
            hops: hops.collect(),
        };
        let same = |w: &Way| {
            w.marking == way.marking
                && w.hops.len() == way.hops.len()
                && w.hops.first().map(|h| h.from) == way.hops.first().map(|h| h.from)
        };
        match found.iter_mut().find(|w| same(w)) {
            Some(w) => w.sender = format!("{} and {}", w.sender, way.sender),
            None => found.push(way),
        }
    }
    found
}

/// The cables from a port to a node, by a shortest path.
fn shortest(fabric: &Fabric, origin: End, to: NodeId) -> Option<Vec<(End, End)>> {
    let all = cables(fabric, origin);
    let mut into: BTreeMap<NodeId, (End, End)> = BTreeMap::new();
    for &(from, end) in &all {
        into.entry(end.node).or_insert((from, end));
    }
    let (mut way, mut at) = (Vec::new(), to);
    while at != origin.node {
        let &cable = into.get(&at)?;
        way.push(cable);
        at = cable.0.node;
        if way.len() > fabric.nodes.len() {
            return None;
        }
    }
    way.reverse();
    Some(way)
}
