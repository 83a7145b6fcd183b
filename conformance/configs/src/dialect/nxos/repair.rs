//! Wishes as NX-OS statements.

use crate::blocks::{block, instead, like, under};
use crate::device::Device;
use crate::repair::{At, Edit, Wish};
use crate::source::Source;

/// Lines of a port that belong to its lossless configuration.
fn matters(line: &str) -> bool {
    [
        "service-policy",
        "priority-flow-control",
        "mtu",
        "flowcontrol",
        "switchport trunk allowed",
    ]
    .iter()
    .any(|s| line.starts_with(s))
}

pub(super) fn repair(device: &Device, source: &Source, wish: &Wish) -> Option<Vec<Edit>> {
    let port = |name: &str| device.port(name);
    let lines = |name: &str, lines: &[&str]| {
        let lines: Vec<String> = lines.iter().map(|l| (*l).to_owned()).collect();
        Some(under(source, port(name)?, &lines))
    };
    match wish {
        Wish::Pfc { port: name, .. } => replace(
            device,
            source,
            name,
            "priority-flow-control mode",
            "priority-flow-control mode on",
        ),
        Wish::Like { port: name, other } => like(device, source, name, other, matters),
        Wish::NoLinkPause { port: name } => {
            let mut edits = replace(
                device,
                source,
                name,
                "flowcontrol receive",
                "flowcontrol receive off",
            )?;
            edits.extend(replace(
                device,
                source,
                name,
                "flowcontrol send",
                "flowcontrol send off",
            )?);
            Some(edits)
        }
        Wish::Mtu { port: name, bytes } => {
            let line = format!("mtu {}", (*bytes).max(9216));
            replace(device, source, name, "mtu", &line)
        }
        Wish::Watchdog { port: name } => {
            let mut edits = lines(name, &["priority-flow-control watch-dog-interval on"])?;
            const GLOBAL: &str = "priority-flow-control watch-dog-interval on";
            if !source.text.lines().any(|l| l.trim_end() == GLOBAL) {
                edits.push(global(GLOBAL));
            }
            Some(edits)
        }
        Wish::Mark {
            port: name,
            queue,
            min,
            max,
        } => mark(device, source, name, *queue, (*min, *max)),
        Wish::NoDrop { class, priority } => no_drop(source, *class, *priority),
        Wish::WatchdogPoll { micros } => watchdog_poll(source, *micros),
        Wish::Share {
            port: name,
            queue,
            percent,
        } => share(device, source, name, *queue, *percent),
        Wish::Tag { port: name, vlan } => {
            let own = port(name)?;
            if own.native_vlan.is(&Some(*vlan)) {
                // Another VLAN without a tag: the one that is there for that on every switch.
                return replace(
                    device,
                    source,
                    name,
                    "switchport trunk native vlan",
                    "switchport trunk native vlan 1",
                );
            }
            lines(
                name,
                &[&format!("switchport trunk allowed vlan add {vlan}")],
            )
        }
        Wish::Classify {
            port: name,
            dscp,
            pcp,
            class,
        } => classify(device, source, name, (*dscp, *pcp), *class),
        _ => None,
    }
}

/// Marking instead of dropping, or between these lengths.
fn mark(
    device: &Device,
    source: &Source,
    name: &str,
    queue: u8,
    (min, max): (u64, u64),
) -> Option<Vec<Edit>> {
    let at = device
        .port(name)?
        .qos
        .queues
        .get(usize::from(queue))?
        .wred
        .action
        .span()?;
    let line = source.line(at.line)?.trim();
    match line.split(' ').any(|w| w == "ecn") {
        false => Some(vec![instead(source, at.line, &format!("{line} ecn"))]),
        // It marks already, and between wrong lengths.
        true => {
            let (min, max) = (min / 1000, max / 1000);
            let line = format!(
                "random-detect minimum-threshold {min} kbytes maximum-threshold {max} kbytes drop-probability 7 weight 0 ecn"
            );
            (0 < min && min <= max).then(|| vec![instead(source, at.line, &line)])
        }
    }
}

/// Another number on the line that says the share.
fn share(
    device: &Device,
    source: &Source,
    name: &str,
    queue: u8,
    percent: u32,
) -> Option<Vec<Edit>> {
    let at = device
        .port(name)?
        .qos
        .queues
        .get(usize::from(queue))?
        .scheduler
        .span()?;
    let line = source.line(at.line)?.trim();
    let words: Vec<&str> = line.split_whitespace().collect();
    let start = words.split_last()?.1.join(" ");
    Some(vec![instead(
        source,
        at.line,
        &format!("{start} {percent}"),
    )])
}

/// One more value for the class map of the class.
fn classify(
    device: &Device,
    source: &Source,
    name: &str,
    (dscp, pcp): (Option<u8>, Option<u8>),
    class: u8,
) -> Option<Vec<Edit>> {
    let facts = &device.port(name)?.qos;
    let group = |f: &crate::fact::Fact<u8>| f.is(&class).then(|| f.span()).flatten();
    let said = facts
        .dscp
        .iter()
        .find_map(group)
        .or_else(|| facts.pcp.iter().find_map(group))?;
    let line = source.line(said.line)?.trim();
    let number = dscp.or(pcp)?;
    let kind = if dscp.is_some() {
        "match dscp"
    } else {
        "match cos"
    };
    let rest = line.strip_prefix(kind)?;
    Some(vec![instead(
        source,
        said.line,
        &format!("{kind}{rest},{number}"),
    )])
}

/// The global interval of the watchdog.
fn watchdog_poll(source: &Source, micros: u64) -> Option<Vec<Edit>> {
    let line = format!(
        "priority-flow-control watch-dog interval {}",
        (micros / 1000).max(100)
    );
    let old = source
        .text
        .lines()
        .zip(1_u32..)
        .find(|(l, _)| l.starts_with("priority-flow-control watch-dog interval "));
    Some(match old {
        Some((_, n)) => vec![instead(source, n, &line)],
        None => vec![global(&line)],
    })
}

/// `pause pfc-cos` in the class of the network-qos policy, as far as the switch names it itself.
fn no_drop(source: &Source, class: u8, priority: u8) -> Option<Vec<Edit>> {
    let header = format!("class type network-qos c-8q-nq{class}");
    let mut lines = source.text.lines().zip(1_u32..);
    let (text, number) = lines.find(|(l, _)| l.trim() == header)?;
    let line = format!("pause pfc-cos {priority}");
    let own = lines.take_while(|(l, _)| {
        let first = l.split_whitespace().next().unwrap_or_default();
        matches!(first, "mtu" | "pause" | "congestion-control" | "no-drop")
    });
    let old = own.filter(|(l, _)| l.trim().starts_with("pause")).last();
    Some(match old {
        Some((_, n)) => vec![instead(source, n, &line)],
        None => {
            let indent: String = text.chars().take_while(|c| c.is_whitespace()).collect();
            vec![Edit::after(number, [format!("{indent}  {line}")])]
        }
    })
}

/// A line of the switch: before all others, since behind them it may be taken for one of a port.
fn global(line: &str) -> Edit {
    Edit {
        at: At::Begin,
        lines: vec![line.to_owned()],
    }
}

/// The line of the port that begins so, or a new one.
fn replace(
    device: &Device,
    source: &Source,
    name: &str,
    start: &str,
    line: &str,
) -> Option<Vec<Edit>> {
    let port = device.port(name)?;
    let own = port.at.map(|at| block(source, at.line)).unwrap_or_default();
    match own.iter().find(|(_, text)| text.trim().starts_with(start)) {
        Some((n, _)) => Some(vec![instead(source, *n, line)]),
        None => Some(under(source, port, &[line.to_owned()])),
    }
}
