//! Faults: what goes wrong, and when.

use super::diag::Mistakes;
use super::network::Network;
use super::quantity::{Given, OrOff, Quanta, Sp};
use super::raw::*;
use std::ops::Range;
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::{Fault, FaultKind, NicProfile, NodeId, Role};

/// The faults by time.
pub(super) fn build(
    raw: &RawScenario,
    network: &Network,
    nics: &[&NicProfile],
    mistakes: &mut Mistakes,
) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    for fault in &raw.fault {
        check_keys(fault, mistakes);
        let kinds = kinds(fault, network, nics, mistakes);
        let at = fault.at.get_or(SimDuration::ZERO);
        let end = fault.until.as_ref();
        if let Some(end) = end.filter(|end| end.value <= at) {
            mistakes.at(end, format!("the fault ends before it begins at {at}"), "");
        }
        for (begin, reverse) in kinds {
            faults.push(Fault {
                at: SimTime::ZERO + at,
                kind: begin,
            });
            match (end, reverse) {
                (Some(end), Some(kind)) => {
                    faults.push(Fault {
                        at: SimTime::ZERO + end.value,
                        kind,
                    });
                }
                // It counts, and ends by itself.
                (Some(_), None) if matches!(begin, FaultKind::PeriodicPause { .. }) => {}
                (Some(end), None) => mistakes.at(end, "this kind of fault has no end", ""),
                (None, _) => {}
            }
        }
    }
    faults.sort_by_key(|f| f.at);
    faults
}

/// Reports keys that the fault's kind does not read, and keys that it lacks.
fn check_keys(fault: &Sp<RawFault>, mistakes: &mut Mistakes) {
    use RawFaultKind::*;
    fn place<T>(key: &Option<Sp<T>>) -> Option<Range<usize>> {
        key.as_ref().map(|v| v.span.clone())
    }
    let kind = fault.kind.value;
    let periodic = kind == PeriodicPause;
    let storms = matches!(kind, PauseStorm | PeriodicPause);
    let of_node = storms || matches!(kind, SlowReceiver | PauseStormEnd);
    let of_link = matches!(kind, LinkDown | LinkUp | Loss);
    // Name, place, whether the kind reads it, and whether it can do without.
    let keys = [
        ("link", place(&fault.link), of_link, false),
        ("node", place(&fault.node), of_node, false),
        ("drain", place(&fault.drain), kind == SlowReceiver, false),
        ("loss", place(&fault.loss), kind == Loss, false),
        ("period", place(&fault.period), periodic, false),
        ("quanta", place(&fault.quanta), periodic, false),
        ("priorities", place(&fault.priorities), storms, true),
        ("count", place(&fault.count), periodic, true),
    ];
    for (name, given, read, optional) in keys {
        match given {
            Some(span) if !read => {
                let message = format!("`{name}` has no meaning for this kind of fault");
                mistakes.push(&span, message, "", "");
            }
            None if read && !optional => {
                let message = format!("this kind of fault needs `{name}`");
                mistakes.at(&fault.kind, message, "");
            }
            _ => {}
        }
    }
}

/// A pause that is sent again and again, from `at` to `end`.
fn periodic(
    fault: &RawFault,
    node: NodeId,
    mask: u8,
    mistakes: &mut Mistakes,
) -> Option<FaultKind> {
    let (period, quanta) = (fault.period.as_ref()?, fault.quanta.as_ref()?);
    if period.is_zero() {
        mistakes.at(period, "a period of zero", "");
        return None;
    }
    let Quanta(Some(time)) = quanta.value else {
        let help = "use 1 to 65535, or kind = \"pause-storm\"";
        mistakes.at(quanta, "a periodic pause has an end", help);
        return None;
    };
    if let Some(none) = fault.count.as_ref().filter(|c| c.value == 0) {
        mistakes.at(none, "a count of zero", "leave out the fault");
    }
    let at = fault.at.get_or(SimDuration::ZERO);
    let count = match (&fault.count, &fault.until) {
        (Some(count), Some(_)) => {
            let message = "both `count` and `until` say when a periodic pause ends";
            mistakes.at(count, message, "keep one of them");
            None
        }
        (Some(count), None) => Some(u64::from(count.value)),
        (None, until) => until.given().map(|end| {
            let span = end.ps().saturating_sub(at.ps());
            span.div_ceil(period.ps())
        }),
    };
    Some(FaultKind::PeriodicPause {
        node,
        mask,
        quanta: time,
        period: period.value,
        count,
    })
}

/// What happens, and what puts it right.
fn kinds(
    fault: &RawFault,
    network: &Network,
    nics: &[&NicProfile],
    mistakes: &mut Mistakes,
) -> Vec<(FaultKind, Option<FaultKind>)> {
    let links = fault
        .link
        .as_ref()
        .map(|l| links(l, network, mistakes))
        .unwrap_or_default();
    let node = fault.node.as_ref().and_then(|n| network.host(n, mistakes));
    match (fault.kind.value, node) {
        (RawFaultKind::LinkDown, _) => links
            .iter()
            .map(|&l| (FaultKind::LinkDown(l), Some(FaultKind::LinkUp(l))))
            .collect(),
        (RawFaultKind::LinkUp, _) => links
            .iter()
            .map(|&l| (FaultKind::LinkUp(l), None))
            .collect(),
        (RawFaultKind::Loss, _) => {
            let Some(loss) = fault.loss.given() else {
                return Vec::new();
            };
            let pair = |&link: &u32| {
                let normal = network.links[link as usize].loss;
                let begin = FaultKind::LinkLoss { link, loss };
                (begin, Some(FaultKind::LinkLoss { link, loss: normal }))
            };
            links.iter().map(pair).collect()
        }
        (RawFaultKind::SlowReceiver, Some(node)) => {
            let drain = fault.drain.get_or(OrOff(None)).0;
            let normal = FaultKind::SlowReceiver { node, drain: None };
            vec![(FaultKind::SlowReceiver { node, drain }, Some(normal))]
        }
        (RawFaultKind::PauseStorm, Some(node)) => {
            let mask = storm_mask(fault, node, network, nics);
            let end = FaultKind::PauseStormEnd { node };
            vec![(FaultKind::PauseStormStart { node, mask }, Some(end))]
        }
        (RawFaultKind::PauseStormEnd, Some(node)) => {
            vec![(FaultKind::PauseStormEnd { node }, None)]
        }
        (RawFaultKind::PeriodicPause, Some(node)) => {
            let mask = storm_mask(fault, node, network, nics);
            let kind = periodic(fault, node, mask, mistakes);
            kind.into_iter().map(|kind| (kind, None)).collect()
        }
        (_, None) => Vec::new(),
    }
}

fn storm_mask(fault: &RawFault, node: NodeId, network: &Network, nics: &[&NicProfile]) -> u8 {
    if let Some(given) = &fault.priorities {
        return given.iter().fold(0, |mask, p| mask | 1 << p.0);
    }
    let profile = match network.nodes[node as usize].role {
        Role::Host(i) => nics.get(i as usize),
        Role::Switch(_) => None,
    };
    // A NIC can be sick whether or not pause is configured there.
    profile
        .map(|n| n.port.pfc.tx_mask)
        .filter(|mask| *mask != 0)
        .unwrap_or(1 << 3)
}

fn links(
    given: &Sp<super::quantity::OneOrMany<String>>,
    network: &Network,
    mistakes: &mut Mistakes,
) -> Vec<u32> {
    let (ends, parallel) = match &given.value.0[..] {
        [one] => {
            let (ends, parallel) = match one.split_once('#') {
                Some((ends, n)) => (ends, Some(n)),
                None => (one.as_str(), None),
            };
            (ends.split_once(':'), parallel)
        }
        [a, b] => (Some((a.as_str(), b.as_str())), None),
        _ => (None, None),
    };
    let form = "write \"a:b\", [\"a\", \"b\"], or \"a:b#1\" for the second of parallel links";
    let Some((a, b)) = ends else {
        mistakes.at(given, "not a link", form);
        return Vec::new();
    };
    let mut node = |name: &str| {
        network.node(
            &Sp {
                value: name.trim().to_owned(),
                span: given.span.clone(),
            },
            mistakes,
        )
    };
    let (Some(a), Some(b)) = (node(a), node(b)) else {
        return Vec::new();
    };
    let all = network.between(a, b);
    if all.is_empty() {
        let message = format!(
            "no link between `{}` and `{}`",
            network.name(a),
            network.name(b)
        );
        mistakes.at(given, message, "");
    }
    match parallel {
        None => all.to_vec(),
        Some(n) => match n.parse::<usize>().ok().and_then(|n| all.get(n)) {
            Some(link) => vec![*link],
            None => {
                let message = format!("no parallel link number {n} among {}", all.len());
                mistakes.at(given, message, form);
                Vec::new()
            }
        },
    }
}
