//! Wishes as NX-OS statements.

use crate::blocks::{block, instead, like, under};
use crate::device::Device;
use crate::repair::{Edit, Wish};
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
            edits.push(Edit::end(["priority-flow-control watch-dog-interval on"]));
            Some(edits)
        }
        Wish::Mark {
            port: name, queue, ..
        } => {
            let at = port(name)?
                .qos
                .queues
                .get(usize::from(*queue))?
                .wred
                .action
                .span()?;
            let line = source.line(at.line)?.trim();
            (!line.contains(" ecn")).then(|| vec![instead(source, at.line, &format!("{line} ecn"))])
        }
        Wish::Share {
            port: name,
            queue,
            percent,
        } => {
            let at = port(name)?
                .qos
                .queues
                .get(usize::from(*queue))?
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
        } => {
            let facts = &port(name)?.qos;
            let group = |f: &crate::fact::Fact<u8>| f.is(class).then(|| f.span()).flatten();
            let said = facts
                .dscp
                .iter()
                .find_map(group)
                .or_else(|| facts.pcp.iter().find_map(group))?;
            let line = source.line(said.line)?.trim();
            let number = dscp.or(*pcp)?;
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
        _ => None,
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
