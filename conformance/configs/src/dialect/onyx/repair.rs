//! Wishes as lines at the end, each with its whole context.

use super::read::ports;
use crate::device::{Device, Trust};
use crate::names::key;
use crate::repair::{Edit, Wish};
use crate::source::Source;

pub(super) fn repair(device: &Device, source: &Source, wish: &Wish) -> Option<Vec<Edit>> {
    let lines = match wish {
        Wish::Classify {
            port,
            dscp,
            pcp,
            class,
        } => {
            let from = match (dscp, pcp) {
                (Some(dscp), _) => format!("dscp {dscp}"),
                (None, Some(pcp)) => format!("pcp {pcp} dei 0"),
                (None, None) => return None,
            };
            vec![on(
                port,
                &format!("qos map {from} to switch-priority {class}"),
            )]
        }
        Wish::Trust { port, trust } => {
            let what = match trust {
                Trust::Pcp => "L2",
                Trust::Dscp => "L3",
                Trust::DscpThenPcp => "both",
                Trust::Nothing => "port",
            };
            vec![on(port, &format!("qos trust {what}"))]
        }
        Wish::Pfc { port, priority } => pfc(port, *priority),
        Wish::Obey {
            port,
            priority,
            queue,
        } => {
            let mut lines = pfc(port, *priority);
            // A pause stops the traffic class that its switch priority is in.
            let bound = format!("traffic-class {queue} bind switch-priority {priority}");
            lines.push(on(port, &bound));
            lines
        }
        // Of the LAG, if it is a member.
        Wish::Mtu { port, bytes } => {
            let lag = device.port(port).and_then(|p| p.lag.as_ref());
            let name = lag.map_or(port.as_str(), |(lag, _)| lag.as_str());
            vec![on(name, &format!("mtu {} force", (*bytes).max(9216)))]
        }
        Wish::NoLinkPause { port } => vec![
            on(port, "flowcontrol receive off force"),
            on(port, "flowcontrol send off force"),
        ],
        Wish::Mark {
            port,
            queue,
            min,
            max,
        } => {
            vec![mark(port, *queue, *min, *max)]
        }
        Wish::NoDrop { priority, .. } => vec![
            format!("dcb priority-flow-control priority {priority} enable"),
            "traffic pool roce type lossless".to_owned(),
            format!("traffic pool roce map switch-priority {priority}"),
        ],
        Wish::Watchdog { port } => vec![on(port, "pfc-wd")],
        Wish::Tag { port, vlan } => tag(device, port, *vlan),
        Wish::Like { port, other } => like(source, port, other),
        _ => return None,
    };
    (!lines.is_empty()).then(|| vec![Edit::end(lines)])
}

fn on(name: &str, rest: &str) -> String {
    let kind = match name.contains("port-channel") {
        true => "",
        false => "ethernet ",
    };
    format!("interface {kind}{name} {rest}")
}

fn mark(port: &str, queue: u8, min: u64, max: u64) -> String {
    let min = min / 1000;
    let max = (max / 1000).max(min + 1);
    let curve = format!("minimum-absolute {min} maximum-absolute {max}");
    let line = format!("traffic-class {queue} congestion-control ecn {curve}");
    on(port, &line)
}

fn pfc(port: &str, priority: u8) -> Vec<String> {
    vec![
        "dcb priority-flow-control enable force".to_owned(),
        format!("dcb priority-flow-control priority {priority} enable"),
        on(port, "dcb priority-flow-control mode on force"),
    ]
}

fn tag(device: &Device, port: &str, vlan: u16) -> Vec<String> {
    let own = device.port(port);
    let lag = own.and_then(|p| p.lag.as_ref());
    let name = lag.map_or(port, |(lag, _)| lag.as_str());
    vec![
        on(name, "switchport mode hybrid"),
        // Frames without a tag go on in the default VLAN.
        on(name, "switchport access vlan 1"),
        on(name, &format!("switchport hybrid allowed-vlan add {vlan}")),
    ]
}

/// The lines of the other port that are about QoS and VLANs, in either form.
fn like(source: &Source, port: &str, other: &str) -> Vec<String> {
    let wanted = |rest: &[&str]| {
        matches!(
            rest,
            ["dcb" | "qos" | "mtu" | "traffic-class" | "switchport", ..]
                | ["pfc-wd" | "ingress-buffer" | "egress-buffer", ..]
        )
    };
    let mut found = Vec::new();
    let mut inside = false;
    for line in source.text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.strip_prefix(&["interface"]) {
            Some(rest) => {
                let (names, rest) = ports(rest);
                let is = names.iter().any(|n| key(n) == key(other));
                inside = is && rest.is_empty();
                if is && wanted(rest) {
                    found.push(on(port, &rest.join(" ")));
                }
            }
            None if words == ["exit"] => inside = false,
            None if inside && wanted(&words) => found.push(on(port, &words.join(" "))),
            None => {}
        }
    }
    found
}
