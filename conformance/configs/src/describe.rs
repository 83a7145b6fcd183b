//! The model of a device as a small table: what `--model` prints and snapshots hold. `*` marks what a
//! device does by default, `?` what is not known.

use crate::device::*;
use crate::fact::{Basis, Fact};
use std::fmt::Write;
use xoff_model::time::SimDuration;

/// A paragraph for the device and one for each set of ports that are configured alike.
pub fn describe(device: &Device) -> String {
    let kind = match device.kind {
        Kind::Switch => "switch",
        Kind::Host => "host",
    };
    let (all, understood) = (device.lines.qos(), device.lines.understood_count());
    let title = device.dialect.language().title;
    let mut out = format!(
        "{}: {kind}, {title}; understood {understood} of {all} QoS lines\n",
        device.name
    );
    let mut groups: Vec<(Vec<&str>, String)> = Vec::new();
    for port in &device.ports {
        let text = describe_port(port);
        match groups.iter_mut().find(|(_, t)| *t == text) {
            Some((names, _)) => names.push(&port.name),
            None => groups.push((vec![&port.name], text)),
        }
    }
    for (names, text) in groups {
        let shown = match names.as_slice() {
            [first, .., last] if names.len() > 4 => format!("{first} ... {last} ({})", names.len()),
            _ => names.join(", "),
        };
        let _ = writeln!(out, "  {shown}\n{text}");
    }
    if let Some((link, _)) = &device.peer_link {
        let _ = writeln!(out, "  peer link: {link}");
    }
    for remark in &device.remarks {
        let _ = writeln!(
            out,
            "  line {}: {:?}: {}",
            remark.at.line, remark.kind, remark.cause
        );
    }
    out
}

fn show<T>(fact: &Fact<T>, text: impl Fn(&T) -> String) -> String {
    match (fact.get(), fact.basis()) {
        (Some(value), Basis::Default(_)) => format!("{}*", text(value)),
        (Some(value), _) => text(value),
        (None, _) => "?".to_owned(),
    }
}

fn yes(fact: &Fact<bool>) -> String {
    show(fact, |v| if *v { "yes" } else { "no" }.to_owned())
}

fn number<T: ToString>(fact: &Fact<T>) -> String {
    show(fact, T::to_string)
}

fn time(fact: &Fact<SimDuration>) -> String {
    show(fact, |v| format!("{} us", v.ps() / 1_000_000))
}

fn describe_port(port: &Port) -> String {
    let vlan = |v: &Option<u16>| v.map_or("none".to_owned(), |v| v.to_string());
    let vlans = |v: &Vlans| match v {
        Vlans::All => "all".to_owned(),
        Vlans::These(ranges) if ranges.is_empty() => "none".to_owned(),
        Vlans::These(ranges) => {
            let one = |&(a, b): &(u16, u16)| {
                if a == b {
                    a.to_string()
                } else {
                    format!("{a}-{b}")
                }
            };
            ranges.iter().map(one).collect::<Vec<_>>().join(",")
        }
    };
    let mut lines = vec![format!(
        "up {}, routed {}, mtu {}, native {}, tagged {}, speed {}",
        yes(&port.enabled),
        yes(&port.routed),
        number(&port.mtu),
        show(&port.native_vlan, vlan),
        show(&port.tagged_vlans, vlans),
        show(&port.speed, |v| format!("{}G", v.bps() / 1_000_000_000)),
    )];
    if let Some((lag, _)) = &port.lag {
        lines.push(format!("member of {lag}"));
    }
    qos(&port.qos, &mut lines);
    if let Some(rdma) = &port.rdma {
        describe_rdma(rdma, &mut lines);
    }
    lines
        .iter()
        .fold(String::new(), |text, line| text + "    " + line + "\n")
}

fn qos(qos: &Qos, lines: &mut Vec<String>) {
    let trust = show(&qos.trust, |t| format!("{t:?}"));
    lines.push(format!(
        "trust {trust}, others in class {}",
        number(&qos.default_class)
    ));
    if !qos.trust.is(&Trust::Pcp) && qos.dscp.iter().any(|f| f.get().is_some()) {
        lines.push(format!("dscp {}", map(&qos.dscp[..])));
    }
    if !qos.trust.is(&Trust::Dscp) && qos.pcp.iter().any(|f| f.get().is_some()) {
        lines.push(format!("pcp {}", map(&qos.pcp[..])));
    }
    for (n, class) in qos.classes.iter().enumerate() {
        let known = class.no_drop.is(&true) || class.queue.is_stated() || class.no_drop.is_stated();
        if known {
            let mtu = class
                .mtu
                .get()
                .copied()
                .flatten()
                .map_or(String::new(), |m| format!(", mtu {m}"));
            lines.push(format!(
                "class {n} {}: queue {}, group {}, no-drop {}, pause {}{mtu}",
                class.name,
                number(&class.queue),
                number(&class.group),
                yes(&class.no_drop),
                number(&class.pause),
            ));
        }
    }
    describe_queues(qos, lines);
    let set = |all: &[Fact<bool>; EIGHT]| {
        let known: String = (0..EIGHT)
            .filter(|&n| all[n].is(&true))
            .map(|n| n.to_string())
            .collect();
        let unknown: String = (0..EIGHT)
            .filter(|&n| all[n].get().is_none())
            .map(|n| n.to_string())
            .collect();
        let unknown = if unknown.is_empty() {
            unknown
        } else {
            format!("?{unknown}")
        };
        if known.is_empty() && unknown.is_empty() {
            "-".to_owned()
        } else {
            known + &unknown
        }
    };
    lines.push(format!(
        "pfc {}, send {}, obey {}; link pause rx {} tx {}",
        show(&qos.pfc.mode, |m| format!("{m:?}")),
        set(&qos.pfc.send),
        set(&qos.pfc.obey),
        yes(&qos.pause_rx),
        yes(&qos.pause_tx),
    ));
    let (watchdog, dcbx) = (&qos.watchdog, &qos.dcbx);
    lines.push(format!(
        "watchdog {}, detect {}, restore {}, poll {}; dcbx {}, {}, willing {}",
        yes(&watchdog.on),
        time(&watchdog.detect),
        time(&watchdog.restore),
        time(&watchdog.poll),
        yes(&dcbx.on),
        show(&dcbx.version, |v| format!("{v:?}")),
        yes(&dcbx.willing),
    ));
}

fn describe_queues(qos: &Qos, lines: &mut Vec<String>) {
    for (n, queue) in qos.queues.iter().enumerate() {
        let (scheduler, wred) = (&queue.scheduler, &queue.wred);
        if scheduler.is_stated() || wred.action.is_stated() {
            let mut line = format!("queue {n}: {}", show(scheduler, |s| format!("{s:?}")));
            if let Some(rate) = queue.shaper.get().copied().flatten() {
                let _ = write!(line, ", at most {} Mb/s", rate.bps() / 1_000_000);
            }
            if !wred.action.is(&WredAction::Off) {
                let action = show(&wred.action, |a| format!("{a:?}"));
                let (min, max, percent) =
                    (number(&wred.min), number(&wred.max), number(&wred.percent));
                let _ = write!(line, ", {action} {min} to {max} B, {percent} %");
            }
            lines.push(line);
        }
    }
    for (n, group) in qos.groups.iter().enumerate() {
        if group.lossless.is(&true) || group.headroom.is_stated() {
            lines.push(format!(
                "group {n}: lossless {}, headroom {}, reserved {}, limit {}, xon offset {}",
                yes(&group.lossless),
                number(&group.headroom),
                number(&group.reserved),
                show(&group.limit, |l| format!("{l:?}")),
                number(&group.xon_offset),
            ));
        }
    }
}

fn describe_rdma(rdma: &Rdma, lines: &mut Vec<String>) {
    lines.push(format!(
        "rdma {}, {}, vlan {}, tagged {}; cnp dscp {} priority {}",
        yes(&rdma.on),
        show(&rdma.transport, |t| format!("{t:?}")),
        show(&rdma.vlan, |v| v
            .map_or("none".to_owned(), |v| v.to_string())),
        yes(&rdma.tagged),
        number(&rdma.cnp.dscp),
        number(&rdma.cnp.priority),
    ));
    for sender in &rdma.senders {
        let (dscp, priority) = (
            number(&sender.marking.dscp),
            number(&sender.marking.priority),
        );
        lines.push(format!(
            "{:?}: dscp {dscp}, priority {priority}",
            sender.who
        ));
    }
}

/// `0-7>0 8-15>1`, with the marks of what is not stated.
fn map(entries: &[Fact<u8>]) -> String {
    let mut parts: Vec<(usize, usize, String)> = Vec::new();
    for (n, fact) in entries.iter().enumerate() {
        let value = number(fact);
        match parts.last_mut() {
            Some((_, last, v)) if *v == value => *last = n,
            _ => parts.push((n, n, value)),
        }
    }
    let one = |(a, b, v): &(usize, usize, String)| match a == b {
        true => format!("{a}>{v}"),
        false => format!("{a}-{b}>{v}"),
    };
    parts.iter().map(one).collect::<Vec<_>>().join(" ")
}
