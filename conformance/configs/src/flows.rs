//! RDMA as it leaves the hosts, and the way of its frames through the fabric.

use crate::device::{Kind, Marking, Port, PortKind, Rdma, Transport, Who};
use crate::fabric::{End, Fabric, NodeId};
use crate::fact::Fact;
use crate::hop::{Frame, Step, Tag, forward, sort};
use std::collections::VecDeque;

/// One kind of sender at one port of a host.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The port that its frames leave by.
    pub end: End,
    pub who: Who,
    pub marking: Marking,
    pub frame: Frame,
    /// VLAN of the frames, if they have one.
    pub vlan: Option<u16>,
    pub used: Used,
}

/// Whether somebody sends so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// A line marks it or shows it, or nothing on this host is marked.
    Yes,
    /// Another way of sending is marked, and this one is not: it may be that nobody uses it.
    Perhaps,
    /// Only programs with markings of their own are set up.
    No,
}

/// Where a host's port does RDMA: its own settings, or those of a VLAN interface, vNIC or bond on it.
pub fn rdma_of(fabric: &Fabric, end: End) -> Option<&Rdma> {
    let device = fabric.device(end.node).filter(|d| d.kind == Kind::Host)?;
    let port = device.ports.get(end.port)?;
    let on_it = |p: &&Port| {
        p.kind == PortKind::Virtual
            && p.lag
                .as_ref()
                .is_some_and(|(carrier, _)| *carrier == port.name)
    };
    let virtual_one = device
        .ports
        .iter()
        .filter(on_it)
        .find_map(|p| p.rdma.as_ref());
    let bond = port
        .lag
        .as_ref()
        .and_then(|(lag, _)| device.port(lag))
        .and_then(|p| p.rdma.as_ref());
    virtual_one.or(port.rdma.as_ref()).or(bond)
}

/// All senders of RoCE at ports with a cable.
pub fn origins(fabric: &Fabric) -> Vec<Origin> {
    let mut found = Vec::new();
    for (node, _) in fabric.devices().filter(|(_, d)| d.kind == Kind::Host) {
        for &link in fabric.links_of(node) {
            let mine = fabric.links[link]
                .ends
                .into_iter()
                .filter(|e| e.node == node);
            for end in mine {
                found.extend(
                    rdma_of(fabric, end)
                        .into_iter()
                        .flat_map(|rdma| senders(end, rdma)),
                );
            }
        }
    }
    found
}

fn senders(end: End, rdma: &Rdma) -> Vec<Origin> {
    if rdma.on.is(&false) || rdma.transport.is(&Transport::Iwarp) {
        return Vec::new();
    }
    let stated = |m: &Marking| m.dscp.is_stated() || m.priority.is_stated();
    let general = |who: &Who| matches!(who, Who::RdmaCm | Who::Verbs);
    let marked = |general_ones: bool| {
        let mut those = rdma
            .senders
            .iter()
            .filter(|s| general(&s.who) == general_ones);
        those.any(|s| stated(&s.marking))
    };
    let (generals, apps) = (marked(true), marked(false));
    let origin = |sender: &crate::device::Sender| Origin {
        end,
        who: sender.who.clone(),
        marking: sender.marking.clone(),
        frame: frame(rdma, &sender.marking),
        vlan: rdma.vlan.value().flatten(),
        used: match general(&sender.who) && !stated(&sender.marking) {
            true if generals => Used::Perhaps,
            true if apps => Used::No,
            _ => Used::Yes,
        },
    };
    rdma.senders.iter().map(origin).collect()
}

/// A frame with this marking as it leaves the host.
pub fn frame(rdma: &Rdma, marking: &Marking) -> Frame {
    let tag = match (rdma.tagged.value(), rdma.vlan.value()) {
        (Some(true), _) => Tag::Pcp(marking.priority.clone()),
        (Some(false), _) => Tag::None(None),
        (None, Some(Some(_))) => Tag::Pcp(marking.priority.clone()),
        (None, Some(None)) => Tag::None(None),
        (None, None) => Tag::Unknown(
            rdma.tagged
                .why_unknown()
                .unwrap_or("whether frames have a VLAN tag is not known")
                .to_owned(),
        ),
    };
    Frame {
        dscp: marking.dscp.clone(),
        tag,
    }
}

/// The cables that frames of a host may take to any other host, by shortest paths, in the order of
/// their distance; each once, in the direction away from the host.
pub fn cables(fabric: &Fabric, origin: End) -> Vec<(End, End)> {
    let far = usize::MAX;
    let mut distance = vec![far; fabric.nodes.len()];
    let mut order = Vec::new();
    let mut queue = VecDeque::from([origin.node]);
    distance[origin.node] = 0;
    while let Some(node) = queue.pop_front() {
        order.push(node);
        if node != origin.node && fabric.is_host(node) {
            continue;
        }
        for (_, to) in out_of(fabric, node, origin) {
            if distance[to.node] == far {
                distance[to.node] = distance[node] + 1;
                queue.push_back(to.node);
            }
        }
    }
    // Which nodes lead to a host.
    let mut leads = vec![false; fabric.nodes.len()];
    for &node in order.iter().rev() {
        let further = || {
            out_of(fabric, node, origin)
                .any(|(_, to)| leads[to.node] && distance[to.node] == distance[node] + 1)
        };
        leads[node] = node != origin.node && fabric.is_host(node) || further();
    }
    let forward = order
        .iter()
        .filter(|&&n| n == origin.node || !fabric.is_host(n));
    forward
        .flat_map(|&node| out_of(fabric, node, origin))
        .filter(|(from, to)| leads[to.node] && distance[to.node] == distance[from.node] + 1)
        .collect()
}

/// The cables at a node; of the host itself only that of its port.
fn out_of(fabric: &Fabric, node: NodeId, origin: End) -> impl Iterator<Item = (End, End)> {
    fabric.links_of(node).iter().filter_map(move |&n| {
        let link = &fabric.links[n];
        let from = link.ends.into_iter().find(|e| e.node == node)?;
        (node != origin.node || from == origin).then(|| (from, link.other(from)))
    })
}

/// The steps of frames with this marking from a host's port to all others.
pub fn steps(
    fabric: &Fabric,
    cables: &[(End, End)],
    origin: End,
    frame: &Frame,
    priority: &Fact<u8>,
    vlan: Option<u16>,
) -> Vec<Step> {
    // What arrives at each node: the first to come stands for all.
    let mut arrived: Vec<Option<(Frame, Fact<u8>)>> = vec![None; fabric.nodes.len()];
    arrived[origin.node] = Some((frame.clone(), priority.clone()));
    let mut steps = Vec::with_capacity(cables.len());
    for &(from, to) in cables {
        let Some((frame, class_out)) = arrived[from.node].clone() else {
            continue;
        };
        let frame = match from == origin {
            true => frame,
            false => forward(fabric, from, &frame, vlan, &class_out),
        };
        let sorted = match fabric.port(to) {
            Some(port) if fabric.is_host(to.node) => received(port, &frame, priority),
            Some(port) => sort(port, &frame),
            None => crate::hop::Sorted {
                class: Fact::unknown(format!("{} has no configuration", fabric.label(to))),
                by: crate::hop::By::Unknown,
            },
        };
        if arrived[to.node].is_none() {
            arrived[to.node] = Some((frame.clone(), sorted.class.clone()));
        }
        steps.push(Step {
            from,
            to,
            class_out,
            frame,
            sorted,
        });
    }
    steps
}

/// The class of a frame at the host that receives it. Where the host's own maps do not tell, it is
/// the priority that such frames have at their sender: what it pauses is what it sends.
fn received(port: &Port, frame: &Frame, priority: &Fact<u8>) -> crate::hop::Sorted {
    let sorted = sort(port, frame);
    match (sorted.class.get(), sorted.by) {
        (Some(_), crate::hop::By::Dscp(_) | crate::hop::By::Pcp(_)) => sorted,
        (Some(_), crate::hop::By::NoTag) if !matches!(frame.tag, Tag::None(Some(_))) => sorted,
        _ => crate::hop::Sorted {
            class: priority.clone(),
            by: crate::hop::By::Unknown,
        },
    }
}
