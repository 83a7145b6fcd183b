//! Whether it is the host that marks its RDMA otherwise than all around it mean.

use super::{Context, Flow, listed, marking};
use crate::device::{Host, Matches, Port, Who};
use crate::fabric::End;
use crate::found::{Claim, Found, port_name};
use crate::hop::{Frame, Step, Tag, sort};
use crate::repair::Wish;
use crate::source::Span;
use xoff_checks::config::{C_01, C_20};
use xoff_checks::dcbx::X_08;
use xoff_checks::finding::Severity;

/// The finding, if the host is the odd one.
pub(super) fn host(cx: &Context, flow: &Flow, step: &Step) -> Option<Found> {
    let port = cx.fabric.port(step.to)?;
    let end = flow.origin.end;
    let name = port_name(cx.fabric, end);
    let found = policy(cx, flow)
        .or_else(|| program(cx, flow, port, step))
        .or_else(|| tos_byte(cx, flow, port, step))
        .or_else(|| own_pfc(cx, flow, port, step))
        .or_else(|| others_differ(cx, flow, port, step))
        .or_else(|| unmarked(cx, flow, port, step))?;
    let fits = fitting(cx, flow, port, step);
    // How much a program sends that is only said to exist is not known.
    let claim = match found.severity {
        Severity::Error => Claim::Drops,
        _ => Claim::Nothing,
    };
    let mut found = found.port(&name).claims(claim).of_host(end.node);
    if let Some((dscp, priority)) = fits {
        found = found.wish(Wish::MarkRdma {
            port: name,
            dscp,
            priority,
        });
    }
    Some(found)
}

fn is_lossless(port: &Port, frame: &Frame) -> bool {
    let class = sort(port, frame).class.value();
    class.is_some_and(|class| {
        port.qos.classes[usize::from(class.min(7))]
            .no_drop
            .is(&true)
    })
}

/// The same frame with another DSCP.
fn with_dscp(frame: &Frame, dscp: u8) -> Frame {
    Frame {
        dscp: crate::fact::Fact::default(dscp, "tried"),
        tag: frame.tag.clone(),
    }
}

fn with_pcp(frame: &Frame, pcp: u8) -> Option<Frame> {
    let tag = matches!(frame.tag, Tag::Pcp(_))
        .then(|| Tag::Pcp(crate::fact::Fact::default(pcp, "tried")))?;
    Some(Frame {
        dscp: frame.dscp.clone(),
        tag,
    })
}

/// What the host could mark to be lossless at the port: a DSCP that others use, or the one that it
/// meant; else the priority that its own PFC is on for.
fn fitting(cx: &Context, flow: &Flow, port: &Port, step: &Step) -> Option<(Option<u8>, u8)> {
    let pfc = host_pfc(cx, flow.origin.end);
    let priority = (0..8_u8).find(|n| pfc & 1 << n != 0);
    let others = cx
        .used()
        .filter(|f| f.origin.end.node != flow.origin.end.node);
    let mut fit = others.filter(|f| is_lossless(port, &f.origin.frame));
    if let Some(other) = fit.next() {
        let dscp = other.origin.frame.dscp.value().filter(|&d| d > 0);
        return Some((dscp, other.origin.marking.priority.value().or(priority)?));
    }
    let said = flow.origin.frame.dscp.value()?;
    let meant = (4 * said.min(15)..)
        .take(4)
        .find(|&d| said > 0 && is_lossless(port, &with_dscp(&step.frame, d)));
    let dscp = meant.or_else(|| {
        let p = priority?;
        let range = (8 * p..8 * p + 8).filter(|&d| is_lossless(port, &with_dscp(&step.frame, d)));
        range
            .clone()
            .find(|d| d % 8 == 2)
            .or_else(|| range.clone().next())
    });
    match dscp {
        Some(dscp) => Some((Some(dscp), priority.unwrap_or(dscp >> 3))),
        None => {
            let p = priority
                .filter(|&p| with_pcp(&step.frame, p).is_some_and(|f| is_lossless(port, &f)))?;
            Some((None, p))
        }
    }
}

/// Windows without a NetDirect policy: `-SMB` is TCP.
fn policy(cx: &Context, flow: &Flow) -> Option<Found> {
    let node = flow.origin.end.node;
    let host: &Host = cx.fabric.device(node)?.host.as_ref()?;
    if flow.origin.who != Who::SmbDirect
        || host
            .policies
            .iter()
            .any(|p| matches!(p.matches, Matches::NetDirect(_)))
    {
        return None;
    }
    let smb = host.policies.iter().find(|p| p.matches == Matches::Smb);
    let (cause, at) = match smb {
        Some(policy) => (
            format!(
                "Policy {} matches SMB over TCP (port 445), not SMB Direct: RDMA stays in priority 0, which is not lossless.",
                policy.name
            ),
            Some(policy.at),
        ),
        None => ("No policy gives SMB Direct a priority: RDMA stays in priority 0, which is not lossless.".to_owned(), None),
    };
    let cure = "Make the policy with -NetDirectPortMatchCondition 445.";
    Some(Found::error(&X_08, node, cause, cure).at(at))
}

/// A DSCP where a ToS byte was asked for: 26 is DSCP 6.
fn tos_byte(cx: &Context, flow: &Flow, port: &Port, step: &Step) -> Option<Found> {
    let dscp = flow
        .origin
        .marking
        .dscp
        .value()
        .filter(|&d| d > 0 && d < 16)?;
    let at = flow.origin.marking.dscp.span()?;
    let meant =
        (4 * dscp..4 * dscp + 4).find(|&d| is_lossless(port, &with_dscp(&step.frame, d)))?;
    let places = same_marking(cx, flow);
    let cause = format!(
        "The value is a ToS byte, so {meant} is DSCP {dscp}, which is not lossless; DSCP {meant} would be, and is ToS {}.",
        meant << 2
    );
    let cure = format!(
        "Write {} (DSCP {meant}), or {} with ECN.",
        meant << 2,
        (meant << 2) + 2
    );
    Some(
        Found::error(&C_20, flow.origin.end.node, cause, cure)
            .at([at])
            .at(places),
    )
}

/// Where other senders of the host have the same marking.
fn same_marking(cx: &Context, flow: &Flow) -> Vec<Span> {
    let same = cx.used().filter(|f| f.origin.end == flow.origin.end);
    let same = same.filter(|f| f.origin.marking.dscp.get() == flow.origin.marking.dscp.get());
    same.filter_map(|f| f.origin.marking.dscp.span()).collect()
}

/// Priorities (bit n) for which PFC of the host's port is on.
fn host_pfc(cx: &Context, end: End) -> u8 {
    let port = cx.fabric.port(end);
    port.map_or(0, |port| {
        let on = (0..8_u8).filter(|&n| {
            port.qos.pfc.obey[usize::from(n)].is(&true)
                && !port.qos.pfc.mode.is(&crate::device::PfcMode::Off)
        });
        on.fold(0, |mask, n| mask | 1 << n)
    })
}

/// The host marks one priority and has PFC for another, which the switch keeps lossless, too.
fn own_pfc(cx: &Context, flow: &Flow, port: &Port, step: &Step) -> Option<Found> {
    let priority = flow.origin.marking.priority.value()?;
    let pfc = host_pfc(cx, flow.origin.end);
    if pfc == 0 || pfc & 1 << priority.min(7) != 0 {
        return None;
    }
    let fits = (0..8_u8).filter(|n| pfc & 1 << n != 0).any(|p| {
        with_pcp(&step.frame, p).is_some_and(|f| is_lossless(port, &f))
            || (8 * p..8 * p + 8).any(|d| is_lossless(port, &with_dscp(&step.frame, d)))
    });
    let stated = flow
        .origin
        .marking
        .priority
        .span()
        .or_else(|| flow.origin.marking.dscp.span());
    if !fits {
        return None;
    }
    let (id, cause) = match stated {
        Some(_) => (
            &C_01,
            format!(
                "RDMA is marked {} and in priority {priority}, but PFC of this host, and the lossless class of the switch, \
                 is priority {}.",
                marking(flow),
                listed(pfc)
            ),
        ),
        None => (
            &C_20,
            format!(
                "Nothing marks RDMA on this host: it is in priority {priority}, and PFC, here and at the switch, is on \
                 for priority {}.",
                listed(pfc)
            ),
        ),
    };
    let cure = format!("Mark RDMA so that it is in priority {}.", listed(pfc));
    let host = cx.fabric.port(flow.origin.end);
    let pfc_at = host.and_then(|p| {
        p.qos
            .pfc
            .obey
            .iter()
            .find_map(|f| f.span().filter(|_| f.is(&true)))
    });
    Some(
        Found::error(id, flow.origin.end.node, cause, cure)
            .at(stated)
            .at(pfc_at),
    )
}

/// RDMA of other hosts is lossless at the very port, with another marking.
fn others_differ(cx: &Context, flow: &Flow, port: &Port, step: &Step) -> Option<Found> {
    let node = flow.origin.end.node;
    let lossless = |f: &&Flow| is_lossless(port, &f.origin.frame);
    let mut others = cx.used().filter(|f| f.origin.end.node != node);
    let other = others.find(|f| lossless(f))?;
    // As many hosts are of this one's mind: then who is odd?
    let alike = |f: &&Flow| {
        f.origin.frame.dscp.get() == flow.origin.frame.dscp.get()
            && f.origin.frame.tag == flow.origin.frame.tag
    };
    let (with, against) = (
        cx.used()
            .filter(|f| alike(f))
            .map(|f| f.origin.end.node)
            .collect::<std::collections::BTreeSet<_>>()
            .len(),
        cx.used()
            .filter(|f| lossless(f))
            .map(|f| f.origin.end.node)
            .collect::<std::collections::BTreeSet<_>>()
            .len(),
    );
    if with > against
        || matches!(step.frame.tag, Tag::None(_)) && matches!(other.origin.frame.tag, Tag::Pcp(_))
    {
        return None;
    }
    let marked = flow
        .origin
        .marking
        .dscp
        .span()
        .or_else(|| flow.origin.marking.priority.span());
    let priority = flow.origin.marking.priority.span();
    let cause = format!(
        "RDMA is marked {} here, which no switch keeps lossless; other hosts, such as {}, mark {}, which is.",
        marking(flow),
        cx.name(other.origin.end.node),
        marking(other)
    );
    let cure = format!(
        "Mark RDMA {} on this host as well, with PFC for its priority.",
        marking(other)
    );
    let id = if marked.is_some() { &C_01 } else { &C_20 };
    let host = cx.fabric.port(flow.origin.end);
    let pfc = host.and_then(|p| {
        p.qos
            .pfc
            .obey
            .iter()
            .find_map(|f| f.span().filter(|_| f.is(&true)))
    });
    let class = port
        .qos
        .classes
        .iter()
        .find(|c| c.no_drop.is(&true))
        .and_then(|c| c.no_drop.span());
    Some(
        Found::error(id, node, cause, cure)
            .at(marked)
            .at(priority)
            .at(pfc)
            .at(class),
    )
}

/// A program that is not covered by what marks the others on its host.
fn program(cx: &Context, flow: &Flow, port: &Port, step: &Step) -> Option<Found> {
    let apart = matches!(flow.origin.who, Who::App(_)) && !flow.origin.marking.dscp.is_stated();
    let found = unmarked(cx, flow, port, step).filter(|_| apart)?;
    let marked = cx
        .used()
        .find(|f| f.origin.end == flow.origin.end && f.origin.marking.dscp.is_stated());
    Some(found.at(marked.and_then(|f| f.origin.marking.dscp.span())))
}

/// Nothing marks its RDMA, and the switch has a lossless class for what is marked.
fn unmarked(cx: &Context, flow: &Flow, port: &Port, step: &Step) -> Option<Found> {
    let marking = &flow.origin.marking;
    let unmarked = marking.dscp.is(&0)
        && !marking.dscp.is_stated()
        && marking.priority.value().unwrap_or(0) == 0;
    if !unmarked || marking.priority.is_stated() {
        return None;
    }
    let any = (1..64).any(|d| is_lossless(port, &with_dscp(&step.frame, d)))
        || (1..8).any(|p| with_pcp(&step.frame, p).is_some_and(|f| is_lossless(port, &f)));
    if !any {
        return None;
    }
    let (cause, cure) = match &flow.origin.who {
        Who::App(name) => (
            format!(
                "{name} sends without a marking of its own: that is DSCP 0, best effort, whatever is set for others."
            ),
            format!("Give {name} the traffic class that the other senders have."),
        ),
        _ => (
            "Nothing marks RDMA on this host: it is DSCP 0, best effort on the switch.".to_owned(),
            "Set the ToS byte of rdma_cm and of verbs.".to_owned(),
        ),
    };
    let node = flow.origin.end.node;
    let others = cx
        .used()
        .any(|f| f.origin.end == flow.origin.end && f.origin.marking.dscp.is_stated());
    let found = match (&flow.origin.who, others) {
        // Its neighbours on the same host are marked: nobody knows how much it sends.
        (Who::App(_), true) => Found::warning(&C_20, node, cause, cure),
        _ => Found::error(&C_20, node, cause, cure),
    };
    Some(found)
}
