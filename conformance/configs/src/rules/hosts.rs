//! Rules about hosts alone: policies of storage clusters, willingness, the kind of RDMA.

use super::Context;
use crate::device::{Device, Kind, Matches, Transport};
use crate::fabric::NodeId;
use crate::flows::rdma_of;
use crate::found::{Collection, Found};
use xoff_checks::config::{C_02, C_08};

/// Percent of the link that the heartbeat of a cluster may have: more is taken from others.
const MOST_FOR_CLUSTER: u32 = 2;

pub(super) fn check(cx: &Context, found: &mut Collection) {
    for (node, device) in cx.fabric.devices().filter(|(_, d)| d.kind == Kind::Host) {
        policies(cx, node, device, found);
    }
    transports(cx, found);
}

fn policies(cx: &Context, node: NodeId, device: &Device, found: &mut Collection) {
    let Some(host) = device.host.as_ref().filter(|h| h.microsoft) else {
        return;
    };
    let direct: Vec<_> = host
        .policies
        .iter()
        .filter(|p| matches!(p.matches, Matches::NetDirect(_)))
        .collect();
    if let [first, second, ..] = direct.as_slice() {
        let cause = format!(
            "{} and {} both match NetworkDirect: one of them gives SMB Direct its priority, and which is not defined.",
            first.name, second.name
        );
        let one = Found::warning(&C_02, node, cause, "Keep one policy for NetworkDirect.");
        found.push(cx.fabric, one.at([second.at, first.at]));
    }
    let Some(cluster) = host.policies.iter().find(|p| p.matches == Matches::Cluster) else {
        return;
    };
    let Some(priority) = cluster.priority else {
        return;
    };
    let class = host
        .ets
        .iter()
        .find(|c| c.priorities & 1 << priority.min(7) != 0);
    let Some((class, percent)) = class.and_then(|c| Some((c, c.percent.value()?))) else {
        return;
    };
    if percent > MOST_FOR_CLUSTER && !class.strict {
        let cause = format!(
            "The cluster's heartbeat has {percent} % of the link: it needs 1 or 2, and what is reserved for it is missing \
             elsewhere when the link is full."
        );
        let one = Found::warning(
            &C_02,
            node,
            cause,
            "Give the heartbeat 1 % (from 25 Gb/s on), or 2 %.",
        );
        found.push(cx.fabric, one.at(class.percent.span()).at([class.at]));
    }
}

/// RoCE and iWARP in one fabric do not connect.
fn transports(cx: &Context, found: &mut Collection) {
    let mut seen: Vec<(NodeId, Transport, Option<crate::source::Span>)> = Vec::new();
    for (node, device) in cx.fabric.devices().filter(|(_, d)| d.kind == Kind::Host) {
        for port in 0..device.ports.len() {
            let Some(rdma) = rdma_of(cx.fabric, crate::fabric::End { node, port }) else {
                continue;
            };
            if let Some(transport) = rdma.transport.value().filter(|_| !rdma.on.is(&false)) {
                seen.push((node, transport, rdma.transport.span()));
            }
        }
    }
    let Some(&(first, usual, _)) = seen.first() else {
        return;
    };
    for &(node, transport, at) in seen.iter().filter(|(_, transport, _)| *transport != usual) {
        let cause = format!(
            "The host speaks {}, and {} speaks {}: they do not connect with RDMA.",
            name(transport),
            cx.name(first),
            name(usual)
        );
        let one = Found::error(
            &C_08,
            node,
            cause,
            "Use the same kind of RDMA on all hosts.",
        )
        .at(at);
        found.push(cx.fabric, one);
    }
}

fn name(transport: Transport) -> &'static str {
    match transport {
        Transport::RoceV1 => "RoCE v1",
        Transport::RoceV2 => "RoCE v2",
        Transport::Iwarp => "iWARP",
    }
}
