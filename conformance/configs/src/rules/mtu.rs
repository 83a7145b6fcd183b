//! C-06: what fits through every port; C-07: VLANs that a switch does not carry.

use super::Context;
use crate::device::{Kind, Port};
use crate::fabric::{End, NodeId};
use crate::found::{Claim, Collection, Found, port_name};
use crate::repair::Wish;
use crate::source::Span;
use xoff_checks::config::{C_06, C_07};

/// Bytes of a RoCE v2 packet beside its payload at most: IPv6, UDP, BTH, RETH and immediate data, ICRC.
const HEADERS: u32 = 40 + 8 + 12 + 16 + 4 + 4;
/// And at least, as most packets are: IPv4, UDP, BTH, ICRC.
const LEAST_HEADERS: u32 = 20 + 8 + 12 + 4;
/// Linux ports count as jumbo from here.
const JUMBO: u32 = 4200;

/// RoCE's MTU on a NIC whose IP MTU is this: the largest of IBTA's five that fits.
pub(crate) fn roce_mtu(ip_mtu: u32) -> u32 {
    [4096, 2048, 1024, 512]
        .into_iter()
        .find(|mtu| mtu + HEADERS <= ip_mtu)
        .unwrap_or(256)
}

pub(super) fn check(cx: &Context, found: &mut Collection) {
    let mut hosts: Vec<(End, u32, Option<Span>)> = Vec::new();
    for flow in cx.used() {
        let end = flow.origin.end;
        if hosts.iter().any(|(e, ..)| *e == end) {
            continue;
        }
        if let Some(port) = cx.fabric.port(end)
            && let Some(mtu) = port.mtu.value()
        {
            hosts.push((end, mtu, port.mtu.span()));
        }
    }
    path(cx, &hosts, found);
    ends(cx, &hosts, found);
    vlans(cx, found);
}

/// The RoCE MTU of a pair is the smaller of both. Frames of it must pass every port between.
fn path(cx: &Context, hosts: &[(End, u32, Option<Span>)], found: &mut Collection) {
    let mtu_of = |node: NodeId| {
        hosts
            .iter()
            .filter(|(e, ..)| e.node == node)
            .map(|(_, mtu, _)| *mtu)
            .max()
    };
    let largest = hosts.iter().map(|(_, mtu, _)| *mtu).collect::<Vec<_>>();
    for flow in cx.used() {
        let Some(own) = mtu_of(flow.origin.end.node) else {
            continue;
        };
        // The largest frame that any two of the hosts agree on, this one being one of them.
        let others = hosts
            .iter()
            .filter(|(e, ..)| e.node != flow.origin.end.node)
            .map(|(_, mtu, _)| *mtu);
        let Some(peer) = others.max() else { continue };
        let roce = roce_mtu(own.min(peer));
        let jumbo = own.min(peer);
        for step in &flow.steps {
            for (end, class) in [
                (step.from, step.class_out.value()),
                (step.to, step.sorted.class.value()),
            ] {
                let Some(port) = cx.fabric.port(end).filter(|_| !cx.fabric.is_host(end.node))
                else {
                    continue;
                };
                port_mtu(cx, end, port, class, roce, jumbo, &largest, found);
            }
        }
    }
}

#[allow(clippy::too_many_arguments)]
fn port_mtu(
    cx: &Context,
    end: End,
    port: &Port,
    class: Option<u8>,
    roce: u32,
    jumbo: u32,
    all: &[u32],
    found: &mut Collection,
) {
    let of_class = class.and_then(|c| {
        let fact = &port.qos.classes[usize::from(c.min(7))].mtu;
        Some((fact.value().flatten()?, fact.span()))
    });
    let of_port = port.mtu.value().map(|mtu| (mtu, port.mtu.span()));
    let Some((mtu, at)) = [of_class, of_port]
        .into_iter()
        .flatten()
        .min_by_key(|(mtu, _)| *mtu)
    else {
        return;
    };
    let name = port_name(cx.fabric, end);
    let need = all.iter().copied().max().unwrap_or(jumbo).max(jumbo);
    let wish = Wish::Mtu {
        port: name.clone(),
        bytes: need.max(9000),
    };
    let cure =
        format!("Raise the MTU of the port to that of the hosts ({need} bytes of IP) or more.");
    let at = at.or(port.at);
    if mtu < roce + LEAST_HEADERS {
        let cause = format!(
            "The port passes IP packets of {mtu} bytes, and the hosts use a RoCE MTU of {roce}: packets of {} bytes are \
             dropped, always. Connections come up, and large messages never arrive.",
            roce + LEAST_HEADERS
        );
        let one = Found::error(&C_06, end.node, cause, cure)
            .port(name)
            .at(at)
            .claims(Claim::Lost);
        found.push(cx.fabric, one.at(port.at).wish(wish));
    } else if mtu < jumbo {
        let cause = format!(
            "The port passes IP packets of {mtu} bytes, and the hosts send up to {jumbo}: RoCE (MTU {roce}) fits, jumbo \
             frames of TCP and UDP do not."
        );
        let one = Found::warning(&C_06, end.node, cause, cure)
            .port(name)
            .at(at);
        found.push(cx.fabric, one.at(port.at).wish(wish));
    }
}

/// Hosts whose MTUs lead to different RoCE MTUs: the smaller one rules.
fn ends(cx: &Context, hosts: &[(End, u32, Option<Span>)], found: &mut Collection) {
    let Some(&(best, most, best_at)) = hosts.iter().max_by_key(|(_, mtu, _)| *mtu) else {
        return;
    };
    for &(end, mtu, at) in hosts
        .iter()
        .filter(|(e, mtu, _)| e.node != best.node && roce_mtu(*mtu) < roce_mtu(most))
    {
        if most < JUMBO && at.is_none() {
            continue;
        }
        let cause = format!(
            "The host has an MTU of {mtu}, and {} has {most}: between them RoCE uses packets of {} bytes instead of {}.",
            cx.name(best.node),
            roce_mtu(mtu),
            roce_mtu(most)
        );
        let name = port_name(cx.fabric, end);
        let wish = Wish::Mtu {
            port: name.clone(),
            bytes: most,
        };
        let one = Found::warning(
            &C_06,
            end.node,
            cause,
            format!("Set the MTU to {most} on all hosts."),
        );
        found.push(cx.fabric, one.port(name).at(at).at(best_at).wish(wish));
    }
}

/// A VLAN that a host uses and a switch on the way does not carry.
fn vlans(cx: &Context, found: &mut Collection) {
    for flow in cx.used() {
        let Some(vlan) = flow.origin.vlan else {
            continue;
        };
        for step in &flow.steps {
            for end in [step.from, step.to] {
                let switch = cx
                    .fabric
                    .device(end.node)
                    .is_some_and(|d| d.kind == Kind::Switch);
                let Some(port) = cx
                    .fabric
                    .port(end)
                    .filter(|p| switch && !p.routed.is(&true))
                else {
                    continue;
                };
                let (Some(tagged), Some(native)) =
                    (port.tagged_vlans.get(), port.native_vlan.value())
                else {
                    continue;
                };
                if tagged.has(vlan) || native == Some(vlan) {
                    continue;
                }
                let cause = format!(
                    "RDMA is in VLAN {vlan}, which the port does not carry: its frames are dropped."
                );
                let cure = format!("Carry VLAN {vlan} on the port, with its tag.");
                let name = port_name(cx.fabric, end);
                let rdma = crate::flows::rdma_of(cx.fabric, flow.origin.end);
                let one = Found::error(&C_07, end.node, cause, cure)
                    .port(&name)
                    .claims(Claim::Lost);
                let one = one
                    .at(port.tagged_vlans.span())
                    .at(port.at)
                    .at(rdma.and_then(|r| r.vlan.span()));
                found.push(
                    cx.fabric,
                    one.wish(Wish::Tag { port: name, vlan })
                        .of_host(flow.origin.end.node),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::roce_mtu;

    #[test]
    fn roce_takes_the_largest_mtu_that_fits() {
        assert_eq!(
            [9000, 4200, 4100, 1500, 1000].map(roce_mtu),
            [4096, 4096, 2048, 1024, 512]
        );
    }
}
