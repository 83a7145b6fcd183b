//! C-01 and its kin: the way of RDMA, hop by hop. What is missing is told where it is missing, once.

use super::blame;
use super::remarks::explain;
use super::{Context, Flow, listed};
use crate::device::{Kind, Pfc, Who};
use crate::fabric::End;
use crate::flows::Used;
use crate::found::{Claim, Collection, Found, port_name};
use crate::hop::{By, Lack, Problem, Step, Tag, places};
use crate::repair::Wish;
use xoff_checks::config::{C_01, C_03, C_07, C_19, C_20};
use xoff_checks::dcbx::X_10;
use xoff_checks::pause::P_17;
use xoff_checks::qos::Q_09;

pub(super) fn check(cx: &Context, found: &mut Collection) {
    for flow in &cx.flows {
        match flow.origin.used {
            Used::Yes => follow(cx, flow, found),
            Used::Perhaps => unmarked(cx, flow, found),
            Used::No => {}
        }
    }
}

/// Another way of sending is marked on this host, this one is not.
fn unmarked(cx: &Context, flow: &Flow, found: &mut Collection) {
    let first = flow
        .judged
        .first()
        .is_some_and(|judged| !judged.problems.is_empty());
    if !first {
        return;
    }
    let marked = cx
        .used()
        .find(|f| f.origin.end.node == flow.origin.end.node);
    let (Some(marked), Some(port)) = (marked, cx.fabric.port(flow.origin.end)) else {
        return;
    };
    let (this, that) = (words(&flow.origin.who), words(&marked.origin.who));
    let (cause, cure) = (
        format!("{that} is marked on this host, and {this} is not: what it sends is best effort."),
        format!("Mark {this} as well, or make sure that nobody uses it."),
    );
    let place = marked.origin.marking.dscp.span();
    let one = Found::warning(&C_20, flow.origin.end.node, cause, cure);
    let one = one
        .port(&port.name)
        .at(place)
        .claims(Claim::Nothing)
        .of_host(flow.origin.end.node);
    found.push(cx.fabric, one);
}

/// The name of a way of sending.
pub fn words(who: &Who) -> String {
    match who {
        Who::RdmaCm => "what rdma_cm connects".to_owned(),
        Who::Verbs => "what sets up its queue pairs itself (verbs)".to_owned(),
        Who::SmbDirect => "SMB Direct".to_owned(),
        Who::App(name) => name.clone(),
    }
}

fn follow(cx: &Context, flow: &Flow, found: &mut Collection) {
    let host = flow.origin.end.node;
    // A wrong marking, or a tag that was lost, is one fault, wherever it then shows.
    let mut told = false;
    // Where the frames are in a wrong class: what follows from that on the same device is no fault
    // of its own.
    let mut wrong: Vec<crate::fabric::NodeId> = Vec::new();
    for (step, judged) in flow.steps.iter().zip(&flow.judged) {
        for problem in &judged.problems {
            let one = match problem.lack {
                Lack::OtherQueue { .. } if wrong.contains(&problem.at.node) => continue,
                _ if wrong.contains(&problem.at.node) && nothing(cx, problem.at.node) => continue,
                Lack::Class if told => continue,
                Lack::Class if cx.fabric.is_host(problem.at.node) => host_lacks(cx, problem),
                Lack::Class => {
                    let (one, elsewhere) = class(cx, flow, step, problem);
                    told |= elsewhere;
                    wrong.push(problem.at.node);
                    one
                }
                _ => pause(cx, problem),
            };
            let claim = match one.severity {
                xoff_checks::finding::Severity::Error => Claim::Drops,
                _ => Claim::Nothing,
            };
            found.push(cx.fabric, one.claims(claim).of_host(host));
        }
        for why in judged.unknown.iter().filter(|_| judged.problems.is_empty()) {
            // Names without a configuration are told once, in the notes of the fabric.
            if cx.fabric.device(step.to.node).is_none()
                || cx.fabric.device(step.from.node).is_none()
            {
                continue;
            }
            let node = if why.starts_with(&cx.fabric.label(step.from)) {
                step.from.node
            } else {
                step.to.node
            };
            let cause = "Whether RDMA is lossless here is not known.";
            let one = Found::unknown(&C_01, node, cause, why.clone()).of_host(host);
            found.push(cx.fabric, one);
        }
    }
}

/// The frames are sorted into a class that is not lossless. Also: whether the fault is elsewhere than
/// at this port, so that it explains the hops behind it as well.
fn class(cx: &Context, flow: &Flow, step: &Step, problem: &Problem) -> (Found, bool) {
    if let Some(found) = blame::host(cx, flow, step) {
        return (found, true);
    }
    if let Some(found) = explain(cx, problem.at, 1 << problem.class | wanted(flow)) {
        return (found, false);
    }
    if nothing(cx, problem.at.node) {
        return (nothing_lossless(cx, flow, problem), false);
    }
    if let Some(found) = same_class_elsewhere(cx, problem) {
        return (found, false);
    }
    match step.sorted.by {
        By::NoTag => untagged(cx, flow, step),
        By::NoTrust => (no_trust(cx, flow, step), false),
        By::Dscp(_) | By::Pcp(_) | By::Unknown => (misplaced(cx, flow, step, problem), false),
    }
}

/// Nothing at all is lossless on a switch.
fn nothing(cx: &Context, node: crate::fabric::NodeId) -> bool {
    let device = cx.fabric.device(node).filter(|d| d.kind == Kind::Switch);
    let none = |port: &crate::device::Port| port.qos.classes.iter().all(|c| c.no_drop.is(&false));
    device.is_some_and(|d| d.ports.iter().all(none))
}

fn nothing_lossless(cx: &Context, flow: &Flow, problem: &Problem) -> Found {
    let cause = format!(
        "No class of this switch is lossless: RDMA with {} is best effort. It works until a port is congested, and is \
         dropped there in congestion.",
        marking(flow)
    );
    let cure = "Make a class lossless, with PFC on every port, and put RDMA into it.";
    let name = port_name(cx.fabric, problem.at);
    let priority = flow.origin.marking.priority.value().unwrap_or(3).min(7);
    let class = flow
        .origin
        .frame
        .dscp
        .value()
        .filter(|d| *d > 0)
        .map_or(priority, |d| d >> 3);
    let port = cx.fabric.port(problem.at);
    let mode = port.and_then(|p| p.qos.pfc.mode.span());
    let one = Found::error(&C_01, problem.at.node, cause, cure)
        .port(&name)
        .at(problem.place)
        .at(mode);
    let one = one
        .at(port.and_then(|p| p.at))
        .wish(Wish::NoDrop { class, priority });
    one.wish(Wish::Pfc {
        port: name,
        priority,
    })
}

/// The class is lossless on other ports of the device: it is PFC that is missing here.
fn same_class_elsewhere(cx: &Context, problem: &Problem) -> Option<Found> {
    let device = cx.fabric.device(problem.at.node)?;
    let class = usize::from(problem.class.min(7));
    let lossless = |port: &crate::device::Port| port.qos.classes[class].no_drop.is(&true);
    let here = cx.fabric.port(problem.at)?;
    let other = device
        .ports
        .iter()
        .find(|port| port.name != here.name && lossless(port))?;
    let priority = other.qos.classes[class]
        .pause
        .value()
        .unwrap_or(problem.priority);
    let lack = match here.qos.pfc.mode.value() {
        Some(crate::device::PfcMode::Off) => Lack::Off,
        _ => Lack::NotSent,
    };
    let problem = Problem {
        lack,
        priority,
        ..problem.clone()
    };
    Some(pause(cx, &problem))
}

/// The priority that the sending host means.
fn wanted(flow: &Flow) -> u8 {
    flow.origin
        .marking
        .priority
        .value()
        .map_or(0, |p| 1 << p.min(7))
}

fn untagged(cx: &Context, flow: &Flow, step: &Step) -> (Found, bool) {
    let to = port_name(cx.fabric, step.to);
    let class = step.sorted.class.value().unwrap_or(0);
    let routed = cx.fabric.port(step.to).is_some_and(|p| p.routed.is(&true));
    let priority = flow.origin.marking.priority.value().unwrap_or(0);
    if let Tag::None(Some(lost)) = step.frame.tag
        && lost != flow.origin.end
    {
        let cause = format!(
            "RDMA loses its VLAN tag here, and with it PCP {priority}: the next device sorts frames by PCP, and puts \
             these into class {class}."
        );
        let vlan = flow.origin.vlan;
        let cure =
            "Carry the VLAN of RDMA with its tag on this link, or trust DSCP at the next device.";
        let mut one = Found::error(&C_07, lost.node, cause, cure).port(port_name(cx.fabric, lost));
        if let Some(port) = cx.fabric.port(lost) {
            one = one
                .at(port.native_vlan.span())
                .at(port.routed.span())
                .at(port.at);
            one.wishes.extend(vlan.map(|vlan| {
                (
                    lost.node,
                    Wish::Tag {
                        port: port.name.clone(),
                        vlan,
                    },
                )
            }));
        }
        return (one.at(places(cx.fabric, step)), true);
    }
    let dscp = flow.origin.frame.dscp.value().filter(|&dscp| dscp > 0);
    if routed && dscp.is_none() {
        let cause = format!(
            "A routed port has no VLAN tags and with them no PCP, but it sorts frames by PCP: RDMA is in class {class}."
        );
        let cure = "Mark RDMA with a DSCP, and trust DSCP on this port.";
        return (
            Found::error(&C_07, step.to.node, cause, cure)
                .port(to)
                .at(places(cx.fabric, step)),
            false,
        );
    }
    if let Some(dscp) = dscp {
        let cause = format!(
            "The port sorts frames by the PCP of their VLAN tag, and RDMA has none: its DSCP {dscp} is not looked at, \
             and it is in class {class}, which is not lossless. It is dropped there in congestion."
        );
        let cure = format!("Trust DSCP on the port, with DSCP {dscp} in the lossless class.");
        let trust = Wish::Trust {
            port: to.clone(),
            trust: crate::device::Trust::Dscp,
        };
        let one = Found::error(&Q_09, step.to.node, cause, cure).port(to);
        return (
            one.at(pfc_places(cx, step.to))
                .at(places(cx.fabric, step))
                .wish(trust),
            false,
        );
    }
    let cause = format!(
        "RDMA leaves without a VLAN tag, so priority {priority} is not on the wire: the switch sorts it into class \
         {class}, which is not lossless. It is dropped there in congestion."
    );
    let cure = "Give the adapter the VLAN of the storage network, and carry that VLAN with its tag on the switch.";
    let mut one = Found::error(&C_07, flow.origin.end.node, cause, cure);
    one = one.port(port_name(cx.fabric, flow.origin.end));
    if let Some(rdma) = crate::flows::rdma_of(cx.fabric, flow.origin.end) {
        one = one.at(rdma.vlan.span()).at(rdma.tagged.span());
    }
    if let Some(port) = cx.fabric.port(step.to) {
        one = one.at(port.native_vlan.span());
        if let Some(vlan) = port.native_vlan.value().flatten() {
            let name = port_name(cx.fabric, flow.origin.end);
            one = one.wish(Wish::Tag { port: name, vlan });
            one.wishes.push((
                step.to.node,
                Wish::Tag {
                    port: port.name.clone(),
                    vlan,
                },
            ));
        }
    }
    (one, true)
}

/// Where PFC of a port is said.
fn pfc_places(cx: &Context, end: End) -> Vec<crate::source::Span> {
    cx.fabric
        .port(end)
        .and_then(|p| p.qos.pfc.mode.span())
        .into_iter()
        .collect()
}

fn no_trust(cx: &Context, flow: &Flow, step: &Step) -> Found {
    let class = step.sorted.class.value().unwrap_or(0);
    let name = port_name(cx.fabric, step.to);
    if let Some(one) = like_others(cx, flow, step) {
        return one;
    }
    let marking = marking(flow);
    let cause = format!(
        "The port looks at no marking: everything is in class {class}, RDMA with {marking} too, and that is not \
         lossless. It is dropped there in congestion."
    );
    let trust = match flow.origin.frame.tag {
        Tag::Pcp(_) if flow.origin.frame.dscp.value().unwrap_or(0) == 0 => {
            crate::device::Trust::Pcp
        }
        _ => crate::device::Trust::Dscp,
    };
    let cure = format!(
        "Have the port trust {}.",
        if trust == crate::device::Trust::Pcp {
            "the PCP"
        } else {
            "the DSCP"
        }
    );
    let one = Found::error(&Q_09, step.to.node, cause, cure)
        .port(&name)
        .at(places(cx.fabric, step));
    one.wish(Wish::Trust { port: name, trust })
}

/// `DSCP 26`, or `PCP 3`.
pub(super) fn marking(flow: &Flow) -> String {
    let frame = &flow.origin.frame;
    match (frame.dscp.value().filter(|&d| d > 0), &frame.tag) {
        (Some(dscp), _) => format!("DSCP {dscp}"),
        (None, Tag::Pcp(pcp)) => pcp
            .value()
            .map_or("a PCP".to_owned(), |p| format!("PCP {p}")),
        _ => "DSCP 0 and no tag".to_owned(),
    }
}

/// Another port of the device sorts such frames into a lossless class: this one lacks what that has.
fn like_others(cx: &Context, flow: &Flow, step: &Step) -> Option<Found> {
    let device = cx.fabric.device(step.to.node)?;
    let here = cx.fabric.port(step.to)?;
    let class = step.sorted.class.value()?;
    let other = device.ports.iter().find(|port| {
        let sorted = crate::hop::sort(port, &step.frame).class.value();
        let lossless = |c: u8| port.qos.classes[usize::from(c.min(7))].no_drop.is(&true);
        port.name != here.name && sorted != Some(class) && sorted.is_some_and(lossless)
    })?;
    let cause = format!(
        "The port does not have what puts RDMA with {} into the lossless class on other ports, such as {}: here it is \
         in class {class}, and is dropped in congestion.",
        marking(flow),
        other.name,
    );
    let cure = format!(
        "Give the port the policies, maps and trust of {}.",
        other.name
    );
    let wish = Wish::Like {
        port: here.name.clone(),
        other: other.name.clone(),
    };
    let lag = here
        .lag
        .as_ref()
        .and_then(|(lag, _)| device.port(lag))
        .and_then(|p| p.at);
    let one = Found::error(&C_19, step.to.node, cause, cure).port(&here.name);
    Some(
        one.at(here.at)
            .at(lag)
            .at(step.sorted.class.span())
            .wish(wish),
    )
}

fn misplaced(cx: &Context, flow: &Flow, step: &Step, problem: &Problem) -> Found {
    if let Some(one) = like_others(cx, flow, step) {
        return one;
    }
    let name = port_name(cx.fabric, step.to);
    let by = match step.sorted.by {
        By::Dscp(dscp) => format!("DSCP {dscp}"),
        By::Pcp(pcp) => format!("PCP {pcp}"),
        _ => marking(flow),
    };
    let lossless = cx.fabric.port(step.to).map_or(0, |port| {
        let classes = (0..8_u8).filter(|&n| port.qos.classes[usize::from(n)].no_drop.is(&true));
        classes.fold(0_u8, |mask, n| mask | 1 << n)
    });
    let what = match lossless {
        0 => "no class of this port is lossless".to_owned(),
        mask if mask.count_ones() == 1 => format!("only class {} is lossless", listed(mask)),
        mask => format!("only classes {} are lossless", listed(mask)),
    };
    let cause = format!(
        "RDMA with {by} is in class {} here, and {what}: it is dropped there in congestion.",
        problem.class
    );
    let mut one = match lossless {
        0 => Found::error(
            &C_01,
            step.to.node,
            cause,
            "Make a class lossless, with PFC, and put RDMA into it.",
        ),
        _ => {
            let cure = format!(
                "Map {by} to a lossless class, or have the hosts mark what the switch expects."
            );
            Found::error(&C_01, step.to.node, cause, cure)
        }
    };
    one = one
        .port(&name)
        .at(places(cx.fabric, step))
        .at(problem.place);
    one = one
        .at(flow.origin.marking.dscp.span())
        .at(flow.origin.marking.priority.span());
    let priority = flow.origin.marking.priority.value().unwrap_or(3).min(7);
    match best_class(cx, step.to, lossless, priority) {
        None => {
            let class = problem.class;
            one.wish(Wish::NoDrop { class, priority }).wish(Wish::Pfc {
                port: name,
                priority,
            })
        }
        Some(class) => {
            let (dscp, pcp) = match step.sorted.by {
                By::Dscp(dscp) => (Some(dscp), None),
                By::Pcp(pcp) => (None, Some(pcp)),
                _ => (flow.origin.frame.dscp.value(), None),
            };
            one.wish(Wish::Classify {
                port: name,
                dscp,
                pcp,
                class,
            })
        }
    }
}

/// The lossless class that pauses by the host's priority, else the first.
fn best_class(cx: &Context, end: End, lossless: u8, priority: u8) -> Option<u8> {
    let port = cx.fabric.port(end)?;
    let mut all = (0..8_u8).filter(|n| lossless & 1 << n != 0);
    let fits = all
        .clone()
        .find(|&n| port.qos.classes[usize::from(n)].pause.is(&priority));
    fits.or_else(|| all.next())
}

/// A host that does not keep its priority lossless.
fn host_lacks(cx: &Context, problem: &Problem) -> Found {
    let node = problem.at.node;
    if let Some(found) = explain(cx, problem.at, 1 << problem.priority) {
        return found;
    }
    let name = port_name(cx.fabric, problem.at);
    let port = cx.fabric.port(problem.at);
    let force = crate::in_force::in_force(cx.fabric, problem.at);
    let on = force.map_or(0, |f| {
        (0..8_u8)
            .filter(|&n| f.send[usize::from(n)].is(&true))
            .fold(0, |m, n| m | 1 << n)
    });
    let cause = match on {
        0 => format!(
            "PFC is off on the host, and RDMA is in priority {}: it is not lossless there.",
            problem.priority
        ),
        on => format!(
            "PFC of the host is on for priority {}, and RDMA is in priority {}: it is not lossless there.",
            listed(on),
            problem.priority
        ),
    };
    let cure = format!("Enable PFC for priority {} on the host.", problem.priority);
    let mut one = Found::error(&C_01, node, cause, cure).port(&name);
    if let Some(port) = port {
        one = one
            .at(on_places(&port.qos.pfc))
            .at(problem.place)
            .at(port.at);
    }
    one.wish(Wish::Pfc {
        port: name,
        priority: problem.priority,
    })
}

/// The lines that say for which priorities PFC is on.
fn on_places(pfc: &Pfc) -> Vec<crate::source::Span> {
    let said = pfc
        .send
        .iter()
        .chain(&pfc.obey)
        .filter(|f| f.is(&true))
        .filter_map(|f| f.span());
    let mut all: Vec<_> = said.collect();
    all.sort();
    all.dedup();
    all.truncate(3);
    all.extend(pfc.mode.span());
    all
}

/// PFC itself is missing at one end of a cable.
fn pause(cx: &Context, problem: &Problem) -> Found {
    let node = problem.at.node;
    let host = cx.fabric.device(node).is_some_and(|d| d.kind == Kind::Host);
    if let Some(found) = explain(cx, problem.at, 1 << problem.priority) {
        return found;
    }
    let name = port_name(cx.fabric, problem.at);
    let port_at = cx.fabric.port(problem.at).and_then(|p| p.at);
    let pfc = cx.fabric.port(problem.at).map(|p| &p.qos.pfc);
    let said = pfc.map(on_places).unwrap_or_default();
    let p = problem.priority;
    let wish = Wish::Pfc {
        port: name.clone(),
        priority: p,
    };
    let one = match &problem.lack {
        Lack::Refused(why) => {
            let cause = format!(
                "PFC is by negotiation here, and ends up off: {why}. Priority {p} is not lossless."
            );
            Found::error(
                &X_10,
                node,
                cause,
                "Turn PFC on without negotiation, or have both ends speak DCBX.",
            )
        }
        Lack::NothingToTake(why) => {
            let cause = format!(
                "The host is willing: it does not use its own PFC settings but what the switch sends, and {why}. \
                 Priority {p} is not lossless on the host."
            );
            let one = Found::error(
                &C_03,
                node,
                cause,
                "Set Willing to false, so that the host's own settings hold.",
            );
            let willing = cx
                .fabric
                .port(problem.at)
                .and_then(|p| p.qos.dcbx.willing.span());
            let wish = Wish::Willing {
                port: name.clone(),
                willing: false,
            };
            return one.port(&name).at(willing).at(port_at).wish(wish);
        }
        Lack::OtherQueue { stops, queue } => {
            let cause = format!(
                "Pause of priority {p} stops queue {stops}, and RDMA is in queue {queue}: it is not obeyed."
            );
            let cure =
                format!("Map pause of priority {p} to queue {queue}, or RDMA to queue {stops}.");
            let wish = Wish::Obey {
                port: name.clone(),
                priority: p,
                queue: *queue,
            };
            return Found::error(&C_01, node, cause, cure)
                .port(&name)
                .at(problem.place)
                .at(port_at)
                .wish(wish);
        }
        Lack::NotObeyed | Lack::NotSent if !host_or_priority_missing(cx, problem) => {
            let (has, lacks) = match problem.lack {
                Lack::NotSent => ("obeyed", "sent"),
                _ => ("sent", "obeyed"),
            };
            let cause = format!(
                "Pause frames of priority {p} are {has} here, but not {lacks}: one direction is lossy."
            );
            let wish = match (problem.lack.clone(), cx.fabric.port(problem.at)) {
                (Lack::NotObeyed, Some(port)) => {
                    let queue = port.qos.classes[usize::from(problem.class.min(7))]
                        .queue
                        .value()
                        .unwrap_or(p);
                    Wish::Obey {
                        port: name.clone(),
                        priority: p,
                        queue,
                    }
                }
                _ => wish.clone(),
            };
            let one = Found::error(
                &P_17,
                node,
                cause,
                "Enable both directions of PFC for the priority.",
            );
            return one.port(&name).at(problem.place).at(port_at).wish(wish);
        }
        _ if host => return host_lacks(cx, problem),
        Lack::Off => off(cx, problem, p),
        _ => {
            let on = pfc.map_or(0, |pfc| {
                (0..8_u8)
                    .filter(|&n| pfc.send[usize::from(n)].is(&true))
                    .fold(0, |m, n| m | 1 << n)
            });
            let cause = match on {
                0 => format!("PFC is on for no priority here, and RDMA pauses by priority {p}."),
                on => format!(
                    "PFC is on for priority {} here, and RDMA pauses by priority {p}.",
                    listed(on)
                ),
            };
            Found::error(
                &C_01,
                node,
                cause,
                format!("Enable PFC for priority {p} on the port."),
            )
        }
    };
    one.port(&name)
        .at(problem.place)
        .at(said)
        .at(port_at)
        .wish(wish)
}

fn off(cx: &Context, problem: &Problem, p: u8) -> Found {
    let device = cx.fabric.device(problem.at.node);
    let elsewhere = device.and_then(|d| {
        let on = |port: &&crate::device::Port| port.qos.pfc.mode.is(&crate::device::PfcMode::On);
        d.ports.iter().find(on)
    });
    let (cause, wish) = match elsewhere {
        Some(other) => (
            format!(
                "PFC is off on this port, though it is on on others, such as {}.",
                other.name
            ),
            Some(Wish::Like {
                port: port_name(cx.fabric, problem.at),
                other: other.name.clone(),
            }),
        ),
        None => (
            format!("PFC is off on the port: priority {p}, which carries RDMA, is not lossless."),
            None,
        ),
    };
    let one = Found::error(
        &C_01,
        problem.at.node,
        cause,
        format!("Turn PFC on for priority {p} on the port."),
    );
    match wish {
        Some(wish) => one.wish(wish),
        None => one,
    }
}

/// Neither direction is on for the priority.
fn host_or_priority_missing(cx: &Context, problem: &Problem) -> bool {
    let Some(force) = crate::in_force::in_force(cx.fabric, problem.at) else {
        return true;
    };
    let n = usize::from(problem.priority.min(7));
    !(force.send[n].is(&true) || force.obey[n].is(&true))
}
