//! C-02 and Q-05: the share of RDMA's queue.

use super::Context;
use crate::device::{EIGHT, Port, Scheduler};
use crate::fabric::End;
use crate::found::{Claim, Collection, Found, port_name};
use crate::repair::Wish;
use crate::source::Span;
use xoff_checks::config::C_02;
use xoff_checks::qos::Q_05;

/// A share below that, in percent, is an oversight where no host says what is meant.
const LEAST: u64 = 5;
/// Shares of hosts and switches that are this many times apart contradict each other.
const APART: u64 = 5;

pub(super) fn check(cx: &Context, found: &mut Collection) {
    for end in cx.switch_ends() {
        let Some(port) = cx.fabric.port(end) else {
            continue;
        };
        sums(cx, end, port, found);
        for class in (0..8_u8).filter(|n| cx.classes_out(end) & 1 << n != 0) {
            share(cx, end, port, class, found);
        }
    }
}

/// The queue's share of the port in percent, and the line that says it.
fn percent(port: &Port, queue: u8) -> Option<(u64, Option<Span>)> {
    let spec = &port.qos.queues[usize::from(queue.min(7))].scheduler;
    let share = match spec.value()? {
        Scheduler::Strict => return None,
        Scheduler::Percent(percent) => u64::from(percent),
        Scheduler::Weight(weight) => {
            let mut sum = 0_u64;
            for queue in &port.qos.queues {
                match queue.scheduler.value()? {
                    Scheduler::Weight(w) => sum += u64::from(w),
                    Scheduler::Strict => {}
                    Scheduler::Percent(_) => return None,
                }
            }
            u64::from(weight) * 100 / sum.max(1)
        }
    };
    Some((share, spec.span()))
}

fn share(cx: &Context, end: End, port: &Port, class: u8, found: &mut Collection) {
    let spec = &port.qos.classes[usize::from(class)];
    // A class that is not lossless is told as such, and what share it then has is no matter.
    let Some(queue) = spec.queue.value().filter(|_| spec.no_drop.is(&true)) else {
        return;
    };
    let Some((share, Some(at))) = percent(port, queue) else {
        return;
    };
    let hosts = host_share(cx);
    let (low, cause) = match hosts {
        Some((meant, name, _)) if share * APART <= meant => (
            true,
            format!(
                "RDMA (queue {queue}) has {share} % of the link here, and {meant} % on hosts such as {name}: it starves \
                     when others fill the link, without a drop."
            ),
        ),
        Some(_) => (false, String::new()),
        None => (
            share < LEAST,
            format!(
                "RDMA (queue {queue}) has {share} % of the link: it starves when others fill the link, without a drop."
            ),
        ),
    };
    if !low {
        return;
    }
    let name = port_name(cx.fabric, end);
    let percent = u32::try_from(hosts.map_or(50, |(meant, ..)| meant)).unwrap_or(50);
    let cure = format!("Give queue {queue} {percent} %.");
    let others = port
        .qos
        .queues
        .iter()
        .enumerate()
        .filter(|&(n, _)| n != usize::from(queue));
    let largest = others.filter_map(|(_, q)| match q.scheduler.value()? {
        Scheduler::Percent(p) if u64::from(p) >= 10 * share.max(1) => q.scheduler.span(),
        _ => None,
    });
    let mut one = Found::error(&C_02, end.node, cause, cure)
        .port(&name)
        .at([at])
        .at(largest)
        .claims(Claim::Nothing);
    one = one.at(hosts.and_then(|(_, _, at)| at));
    found.push(
        cx.fabric,
        one.wish(Wish::Share {
            port: name,
            queue,
            percent,
        }),
    );
}

/// The share that hosts give the class of their RDMA: the first that says one.
fn host_share<'a>(cx: &'a Context) -> Option<(u64, &'a str, Option<Span>)> {
    cx.used().find_map(|flow| {
        let end = flow.origin.end;
        let priority = flow.origin.marking.priority.value()?;
        let host = cx.fabric.device(end.node)?;
        let ets = host
            .host
            .iter()
            .flat_map(|h| &h.ets)
            .find(|c| c.priorities & 1 << priority.min(7) != 0 && !c.strict);
        let windows = ets.and_then(|c| {
            Some((
                u64::from(c.percent.value()?),
                c.percent.span().or(Some(c.at)),
            ))
        });
        let linux = || {
            let port = cx.fabric.port(end)?;
            let queue = port.qos.classes[usize::from(priority.min(7))]
                .queue
                .value()?;
            percent(port, queue).filter(|(_, at)| at.is_some())
        };
        let (share, at) = windows.or_else(linux).filter(|&(share, _)| share > 0)?;
        Some((share, cx.name(end.node), at))
    })
}

/// Percents above 100 that an importer did not remark.
fn sums(cx: &Context, end: End, port: &Port, found: &mut Collection) {
    let (mut sum, mut places) = (0_u64, Vec::new());
    for queue in &port.qos.queues[..EIGHT] {
        if let (Some(Scheduler::Percent(percent)), Some(at)) =
            (queue.scheduler.value(), queue.scheduler.span())
        {
            sum += u64::from(percent);
            places.push(at);
        }
    }
    if sum > 100 && !found.has(&Q_05, end.node, None) {
        let cause = format!(
            "The shares of the queues add up to {sum} %: the device refuses what is above 100."
        );
        let one = Found::error(
            &Q_05,
            end.node,
            cause,
            "Correct the shares so that they add up to 100.",
        );
        found.push(cx.fabric, one.port(&port.name).at(places));
    }
}
