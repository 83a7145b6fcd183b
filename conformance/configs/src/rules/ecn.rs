//! C-05: marks before pause; C-21: no early drop in a lossless class.

use super::Context;
use crate::device::{Kind, Limit, Port, WredAction};
use crate::fabric::{End, NodeId};
use crate::found::{Claim, Collection, Found, port_name};
use crate::repair::Wish;
use xoff_checks::config::{C_05, C_21};

pub(super) fn check(cx: &Context, found: &mut Collection) {
    for end in cx.switch_ends() {
        let Some(port) = cx.fabric.port(end) else {
            continue;
        };
        for class in (0..8_u8).filter(|n| cx.classes_out(end) & 1 << n != 0) {
            if port.qos.classes[usize::from(class)].no_drop.is(&true) {
                queue(cx, end, port, class, found);
            }
        }
    }
    alike(cx, found);
}

fn queue(cx: &Context, end: End, port: &Port, class: u8, found: &mut Collection) {
    let Some(queue) = port.qos.classes[usize::from(class)].queue.value() else {
        return;
    };
    let wred = &port.qos.queues[usize::from(queue.min(7))].wred;
    let name = port_name(cx.fabric, end);
    let curve = wred.min.value().zip(wred.max.value());
    match wred.action.value() {
        Some(WredAction::Drop) => {
            let from = wred.min.value().map_or(String::new(), |min| {
                format!(" from {min} bytes of queue on")
            });
            let cause = format!(
                "WRED of queue {queue} drops packets early{from} instead of marking them, in the class that PFC keeps \
                 lossless: RoCE repeats everything behind each of them."
            );
            let one = Found::error(
                &C_21,
                end.node,
                cause,
                "Add ECN to the WRED of the queue, or take WRED off it.",
            );
            let one = one
                .port(&name)
                .at(wred.action.span())
                .at(wred.min.span())
                .claims(Claim::Drops);
            let (min, max) = curve.unwrap_or((150_000, 1_500_000));
            found.push(
                cx.fabric,
                one.wish(Wish::Mark {
                    port: name,
                    queue,
                    min,
                    max,
                }),
            );
        }
        Some(WredAction::Mark) => {
            let Some((min, max)) = curve else { return };
            // The importer may have told it: the device refuses it.
            let told = |f: &Found| wred.min.span().is_some_and(|at| f.places.contains(&at));
            if min > max && found.iter().any(told) {
                return;
            }
            if min > max {
                let cause = format!(
                    "Marking of queue {queue} begins at {min} bytes and ends at {max}: the curve goes backwards."
                );
                let one =
                    Found::warning(&C_05, end.node, cause, "Set the minimum below the maximum.");
                let one = one.port(&name).at(wred.min.span()).at(wred.max.span());
                found.push(
                    cx.fabric,
                    one.wish(Wish::Mark {
                        port: name,
                        queue,
                        min: max,
                        max: min,
                    }),
                );
            } else {
                before_pause(cx, end, port, class, min, found);
            }
        }
        _ => {}
    }
}

/// With static limits it is known how long a queue can get before everyone who fills it is paused.
fn before_pause(cx: &Context, end: End, port: &Port, class: u8, min: u64, found: &mut Collection) {
    let group = &port.qos.classes[usize::from(class)].group;
    let Some(group) = group
        .value()
        .map(|g| &port.qos.groups[usize::from(g.min(7))])
    else {
        return;
    };
    let Some(Limit::Static(limit)) = group.limit.value() else {
        return;
    };
    let limit = limit + group.reserved.value().unwrap_or(0);
    let senders = (cx.fabric.links_of(end.node).len() as u64).saturating_sub(1);
    let most = senders * limit;
    if senders == 0 || min < most {
        return;
    }
    let queue = port.qos.classes[usize::from(class)]
        .queue
        .value()
        .unwrap_or(class);
    let wred = &port.qos.queues[usize::from(queue.min(7))].wred;
    let cause = format!(
        "Marking of queue {queue} begins at {min} bytes. All {senders} ports that can fill it are paused once they have \
         {limit} bytes each in the switch, {most} together: pause always comes first, and senders get no marks."
    );
    let name = port_name(cx.fabric, end);
    let lower = (limit / 2).max(1);
    let cure = format!("Begin to mark well below {limit} bytes, such as at {lower}.");
    let one = Found::warning(&C_05, end.node, cause, cure)
        .port(&name)
        .claims(Claim::Pauses);
    let one = one.at(wred.min.span()).at(group.limit.span());
    let max = wred.max.value().unwrap_or(min).min(limit).max(lower);
    found.push(
        cx.fabric,
        one.wish(Wish::Mark {
            port: name,
            queue,
            min: lower,
            max,
        }),
    );
}

/// Switches of one role share their buffers by the same rule.
fn alike(cx: &Context, found: &mut Collection) {
    let mut seen: Vec<(NodeId, (u32, u32))> = Vec::new();
    for (node, device) in cx.fabric.devices().filter(|(_, d)| d.kind == Kind::Switch) {
        let edge = |n: NodeId| {
            cx.fabric.links_of(n).iter().any(|&l| {
                cx.fabric.links[l]
                    .ends
                    .iter()
                    .any(|e| cx.fabric.is_host(e.node))
            })
        };
        let limits = device.ports.iter().flat_map(|port| {
            let lossless = port.qos.classes.iter().filter(|c| c.no_drop.is(&true));
            lossless
                .filter_map(|c| Some(&port.qos.groups[usize::from(c.group.value()?.min(7))].limit))
        });
        let stated = limits.filter(|l| l.is_stated());
        let Some((limit, Limit::Dynamic { num, den })) =
            stated.into_iter().find_map(|l| Some((l, l.value()?)))
        else {
            continue;
        };
        let usual = seen.iter().find(|(n, _)| {
            cx.fabric
                .device(*n)
                .is_some_and(|d| d.dialect == device.dialect)
                && edge(*n) == edge(node)
        });
        match usual {
            Some(&(other, (a, b)))
                if u64::from(a) * u64::from(den) != u64::from(b) * u64::from(num) =>
            {
                let cause = format!(
                    "Its lossless class may take {num}/{den} of the free buffer, and on {} {a}/{b}: one of them pauses long \
                     before the other.",
                    cx.name(other)
                );
                let one = Found::warning(
                    &C_05,
                    node,
                    cause,
                    "Use the same alpha on all switches of a role.",
                );
                found.push(cx.fabric, one.at(limit.span()));
            }
            _ => seen.push((node, (num, den))),
        }
    }
}
