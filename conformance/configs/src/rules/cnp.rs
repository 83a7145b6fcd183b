//! C-12: where congestion notifications travel.

use super::{Context, Flow};
use crate::device::{Kind, Scheduler, Trust, WredAction};
use crate::fabric::{End, Fabric};
use crate::flows::{cables, frame, rdma_of, steps};
use crate::found::{Claim, Collection, Found, port_name};
use crate::hop::{Step, places};
use crate::repair::Wish;
use xoff_checks::config::C_12;

pub(super) fn check(cx: &Context, found: &mut Collection) {
    let mut done: Vec<End> = Vec::new();
    for flow in cx.used() {
        let end = flow.origin.end;
        if done.contains(&end) || !is_marked(cx, flow) {
            continue;
        }
        done.push(end);
        let Some(rdma) = rdma_of(cx.fabric, end) else {
            continue;
        };
        // Its own place in the host's configuration, or the NIC's default.
        let cnp = frame(rdma, &rdma.cnp);
        let way = cables(cx.fabric, end);
        let cnps = steps(
            cx.fabric,
            &way,
            end,
            &cnp,
            &rdma.cnp.priority,
            flow.origin.vlan,
        );
        let chosen = rdma.cnp.dscp.span().or_else(|| rdma.cnp.priority.span());
        for (step, data) in cnps.iter().zip(&flow.steps) {
            if let Some(one) = judge(cx, step, data, flow, chosen) {
                found.push(cx.fabric, one.claims(Claim::Nothing).of_host(end.node));
                break;
            }
        }
    }
}

/// Whether some switch marks the class of the data: else there are no notifications.
fn is_marked(cx: &Context, flow: &Flow) -> bool {
    flow.steps.iter().any(|step| {
        let out = cx
            .fabric
            .port(step.from)
            .filter(|_| step.from != flow.origin.end);
        let queue = out.zip(step.class_out.value()).and_then(|(port, class)| {
            let queue = port.qos.classes[usize::from(class.min(7))].queue.value()?;
            Some(&port.qos.queues[usize::from(queue.min(7))])
        });
        queue.is_some_and(|q| q.wred.action.is(&WredAction::Mark))
    }) || flow
        .steps
        .iter()
        .all(|step| marking_unknown(cx.fabric, step, flow.origin.end))
}

/// Nothing tells whether the queue marks.
fn marking_unknown(fabric: &Fabric, step: &Step, origin: End) -> bool {
    step.from == origin || fabric.port(step.from).is_none()
}

fn judge(
    cx: &Context,
    step: &Step,
    data: &Step,
    flow: &Flow,
    chosen: Option<crate::source::Span>,
) -> Option<Found> {
    let device = cx
        .fabric
        .device(step.to.node)
        .filter(|d| d.kind == Kind::Switch)?;
    let port = cx.fabric.port(step.to)?;
    let (cnp, rdma) = (step.sorted.class.value()?, data.sorted.class.value()?);
    let queue = |class: u8| port.qos.classes[usize::from(class.min(7))].queue.value();
    let (cnp_queue, data_queue) = (queue(cnp)?, queue(rdma)?);
    let lossless = |class: u8| {
        port.qos.classes[usize::from(class.min(7))]
            .no_drop
            .is(&true)
    };
    let dscp = step.frame.dscp.value();
    let marking = dscp.map_or("their marking".to_owned(), |d| format!("DSCP {d}"));
    let host = flow.origin.end;
    let name = port_name(cx.fabric, host);
    // Data that are lost themselves, or that the port does not tell apart, are told elsewhere.
    if !lossless(rdma) {
        return None;
    }
    if cnp == rdma || cnp_queue == data_queue {
        let cause = format!(
            "CNPs ({marking}) travel in the class of the data, queue {data_queue}: they wait in the queue that they report, \
             and are paused with it."
        );
        let cure = "Send CNPs with DSCP 48, and give that a strict queue without PFC.";
        return Some(match chosen {
            Some(at) => Found::warning(&C_12, host.node, cause, cure)
                .port(&name)
                .at([at])
                .wish(Wish::MarkCnp {
                    port: name,
                    dscp: 48,
                }),
            None => Found::warning(&C_12, step.to.node, cause, cure)
                .port(port_name(cx.fabric, step.to))
                .at(places(cx.fabric, step)),
        });
    }
    // The queue of best effort, served in turns: they wait behind whatever fills the link.
    let best_effort = if port.qos.trust.is(&Trust::Dscp) {
        port.qos.dscp[0].value()
    } else {
        port.qos.default_class.value()
    };
    let out = device
        .ports
        .iter()
        .find(|p| p.name != port.name)
        .unwrap_or(port);
    let strict = |class: u8| {
        let queue = out.qos.classes[usize::from(class.min(7))].queue.value();
        queue.map(|q| {
            out.qos.queues[usize::from(q.min(7))]
                .scheduler
                .is(&Scheduler::Strict)
        })
    };
    let alone = best_effort.and_then(queue) != Some(cnp_queue);
    if alone
        || strict(cnp) != Some(false)
        || port.qos.queues[usize::from(cnp_queue.min(7))]
            .scheduler
            .get()
            .is_none()
    {
        return None;
    }
    let cause = format!(
        "CNPs ({marking}) are sorted into class {cnp}, and share queue {cnp_queue} with best effort: when that is busy they \
         are late or lost, and senders slow down too late."
    );
    let cure = format!("Map {marking} to a strict queue of its own, without PFC.");
    let one = Found::warning(&C_12, step.to.node, cause, cure).port(port_name(cx.fabric, step.to));
    Some(match chosen {
        Some(at) => Found {
            node: host.node,
            ports: vec![name],
            places: vec![at],
            ..one
        },
        None => one.at(meant(port)).at(places(cx.fabric, step)),
    })
}

/// The entries of the DSCP map that are in a strict queue without PFC: one of them was meant for CNPs.
fn meant(port: &crate::device::Port) -> Vec<crate::source::Span> {
    let strict = |class: u8| {
        let spec = &port.qos.classes[usize::from(class.min(7))];
        let queue = spec
            .queue
            .value()
            .map(|q| &port.qos.queues[usize::from(q.min(7))]);
        queue.is_some_and(|q| q.scheduler.is(&Scheduler::Strict)) && !spec.no_drop.is(&true)
    };
    let entries = port
        .qos
        .dscp
        .iter()
        .filter(|f| f.is_stated() && f.value().is_some_and(strict));
    let mut places: Vec<_> = entries.filter_map(crate::fact::Fact::span).collect();
    places.sort();
    places.dedup();
    places.truncate(2);
    places
}
