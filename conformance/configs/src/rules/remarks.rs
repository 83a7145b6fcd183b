//! What importers remarked, as findings: by itself, or as the cause of what is not lossless.

use super::Context;
use crate::fabric::{End, NodeId};
use crate::found::{Claim, Collection, Found};
use crate::remark::{Remark, RemarkKind};
use crate::repair::Wish;
use xoff_checks::catalogue::Check;
use xoff_checks::config::{C_04, C_15, C_17, C_18, C_19};
use xoff_checks::finding::Severity;
use xoff_checks::qos::Q_05;
use xoff_checks::stuck::WD_05;

fn rule(kind: RemarkKind) -> (&'static Check, Severity) {
    match kind {
        RemarkKind::NoSuchStatement | RemarkKind::BadValue | RemarkKind::UnknownName => {
            (&C_17, Severity::Error)
        }
        RemarkKind::Contradiction | RemarkKind::Note => (&C_17, Severity::Note),
        RemarkKind::Uncommitted | RemarkKind::NotBound | RemarkKind::Prerequisite => {
            (&C_19, Severity::Warning)
        }
        RemarkKind::TooManyLossless => (&C_04, Severity::Error),
        RemarkKind::Sum => (&Q_05, Severity::Error),
        RemarkKind::TwoKindsOfPause => (&C_18, Severity::Error),
        RemarkKind::WatchdogTimes => (&WD_05, Severity::Warning),
        RemarkKind::WatchdogInert => (&C_15, Severity::Warning),
    }
}

/// Whether such a remark may be why a class is not lossless.
fn may_explain(kind: RemarkKind) -> bool {
    matches!(
        kind,
        RemarkKind::NoSuchStatement
            | RemarkKind::BadValue
            | RemarkKind::UnknownName
            | RemarkKind::Uncommitted
            | RemarkKind::NotBound
            | RemarkKind::Prerequisite
            | RemarkKind::TooManyLossless
    )
}

fn finding(node: NodeId, remark: &Remark) -> Found {
    let (check, severity) = rule(remark.kind);
    // What is about no class does not cost RDMA anything by itself.
    let severity = match check == &C_17 && remark.priorities == 0 {
        true => severity.min(Severity::Warning),
        false => severity,
    };
    let mut found = Found::new(
        check,
        severity,
        node,
        remark.cause.clone(),
        remark.cure.clone(),
    );
    found.ports.extend(remark.port.clone());
    found.places.push(remark.at);
    found.places.extend(remark.related.iter().copied());
    if remark.kind == RemarkKind::TooManyLossless {
        found.claim = Claim::Drops;
    }
    if remark.kind == RemarkKind::TwoKindsOfPause {
        found.wishes.extend(
            remark
                .port
                .clone()
                .map(|port| (node, Wish::NoLinkPause { port })),
        );
        found.claim = Claim::Drops;
    }
    found
}

/// The remark that says why these priorities or classes are not lossless at a port: the statement that
/// was meant to make them so is not in force.
pub(super) fn explain(cx: &Context, end: End, priorities: u8) -> Option<Found> {
    let device = cx.fabric.device(end.node)?;
    let port = cx.fabric.port(end)?;
    let about = |r: &&Remark| {
        let lag = port.lag.as_ref().map(|(lag, _)| lag);
        let here = r
            .port
            .as_ref()
            .is_none_or(|name| *name == port.name || Some(name) == lag);
        here && r.priorities & priorities != 0
    };
    let mut remarks = device.remarks.iter().filter(|r| may_explain(r.kind));
    let remark = remarks.find(about)?;
    let mut found = finding(end.node, remark);
    found.severity = Severity::Error;
    found.claim = Claim::Drops;
    let told = "It is dropped there in congestion.";
    if !found.cause.contains("congestion") {
        found.cause = format!(
            "{} RDMA is not lossless here without it. {told}",
            stop(&found.cause)
        );
    }
    found.ports = vec![port.name.clone()];
    found
        .wishes
        .extend(wish(device, &port.name, remark).map(|wish| (end.node, wish)));
    Some(found)
}

fn wish(device: &crate::device::Device, port: &str, remark: &Remark) -> Option<Wish> {
    let port = port.to_owned();
    match (remark.kind, device.kind) {
        (RemarkKind::Prerequisite, crate::device::Kind::Host) => Some(Wish::AdapterQos { port }),
        _ => None,
    }
}

/// With its stop.
fn stop(text: &str) -> String {
    match text.ends_with(['.', '!', '?']) {
        true => text.to_owned(),
        false => format!("{text}."),
    }
}

/// All remarks that did not explain something already.
pub(super) fn check(cx: &Context, found: &mut Collection) {
    for (node, device) in cx.fabric.devices() {
        for remark in &device.remarks {
            let told = found.iter().any(|f| {
                f.node == node && f.places.contains(&remark.at) && f.check == rule(remark.kind).0
            });
            if told {
                continue;
            }
            let mut one = finding(node, remark);
            one.cause = stop(&one.cause);
            one.cure = stop(&one.cure);
            found.push(cx.fabric, one);
        }
    }
}
