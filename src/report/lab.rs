//! What happened in a lab.

use super::plural;
use serde::Serialize;
use std::io::{self, Write};
use xoff_lab::report::{GuestReport, LabReport, SwitchPortReport, WireReport};
use xoff_model::rules::idle;

/// Of the counters of the Internet protocols, those of loss and its repair. The others move in every
/// run.
const TELLING: [&str; 18] = [
    "net/IpExtInCEPkts",
    "net/IpExtInCsumErrors",
    "net/IpInDiscards",
    "net/IpReasmFails",
    "net/TcpExtTCPDSACKRecv",
    "net/TcpExtTCPFastRetrans",
    "net/TcpExtTCPLossProbes",
    "net/TcpExtTCPLostRetransmit",
    "net/TcpExtTCPOFOQueue",
    "net/TcpExtTCPSlowStartRetrans",
    "net/TcpExtTCPSpuriousRTOs",
    "net/TcpExtTCPSynRetrans",
    "net/TcpExtTCPTimeouts",
    "net/TcpInCsumErrors",
    "net/TcpInErrs",
    "net/TcpRetransSegs",
    "net/UdpInErrors",
    "net/UdpRcvbufErrors",
];

pub(crate) fn json(out: &mut dyn Write, report: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    writeln!(out)
}

pub(crate) fn human(out: &mut dyn Write, report: &LabReport) -> io::Result<()> {
    let count = plural(report.guests.len() as u64, "guest");
    let (active, total) = (seconds(report.active_ms), seconds(report.total_ms));
    writeln!(
        out,
        "{count}: devices active after {active}, everything down after {total}"
    )?;
    for guest in &report.guests {
        write_guest(out, guest)?;
    }
    writeln!(out)?;
    wire(out, &report.wire)
}

/// What passed the wire, and what rules did to it.
pub(crate) fn wire(out: &mut dyn Write, wire: &WireReport) -> io::Result<()> {
    let received = plural(wire.received.iter().sum(), "frame");
    writeln!(
        out,
        "wire: {received} from guests, {} passed on",
        wire.forwarded
    )?;
    if wire.overflowed > 0 {
        writeln!(
            out,
            "  {} lost: too many waited for a guest",
            wire.overflowed
        )?;
    }
    wire.switch
        .iter()
        .try_for_each(|port| write_port(out, port))?;
    rules(out, wire)
}

/// What rules did, and which of them nothing is known about.
pub(crate) fn rules(out: &mut dyn Write, wire: &WireReport) -> io::Result<()> {
    for rule in &wire.rules {
        let matched = plural(rule.matched, "frame");
        let never = idle(rule.matched, rule.applied);
        let never = never.map_or(String::new(), |why| format!(": INCONCLUSIVE, {why}"));
        writeln!(
            out,
            "  rule {}: matched {matched}, applied to {}{never}",
            rule.name, rule.applied
        )?;
    }
    let vain: Vec<&str> = wire.idle().collect();
    match vain[..] {
        [] => Ok(()),
        _ => writeln!(
            out,
            "warning: nothing was done by {}: this run shows nothing about it",
            vain.join(", ")
        ),
    }
}

fn write_port(out: &mut dyn Write, port: &SwitchPortReport) -> io::Result<()> {
    write!(
        out,
        "  port to {}: {} sent, {} bytes queued at most",
        port.name,
        plural(port.sent, "frame"),
        port.peak_queue
    )?;
    for (count, what) in [
        (port.marked, "marked"),
        (port.tail_drops, "dropped (tail)"),
        (port.headroom_drops, "dropped (no headroom)"),
        (port.pauses_sent, "pauses to the host"),
        (port.pauses_received, "pauses from the host"),
    ] {
        if count > 0 {
            write!(out, ", {count} {what}")?;
        }
    }
    if port.paused_us > 0 {
        write!(out, ", paused for {} us", port.paused_us)?;
    }
    writeln!(out)
}

fn write_guest(out: &mut dyn Write, guest: &GuestReport) -> io::Result<()> {
    let GuestReport {
        name,
        address,
        device,
        command,
        status,
        ..
    } = guest;
    let ran = seconds(guest.ran_ms);
    writeln!(
        out,
        "\n{name} ({address}, {device}): exit status {status} after {ran}"
    )?;
    writeln!(out, "  $ {command}")?;
    for text in [&guest.stdout, &guest.stderr] {
        for line in text.lines() {
            writeln!(out, "  {line}")?;
        }
    }
    if guest.cut > 0 {
        writeln!(out, "  ({} more)", plural(guest.cut, "byte"))?;
    }
    let counted = guest.counters.iter().filter(|(_, value)| **value != 0);
    let counters: Vec<String> = counted
        .filter(|(name, _)| !name.starts_with("net/") || TELLING.contains(&name.as_str()))
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    writeln!(out, "  counters: {}", counters.join(", "))
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03} s", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use xoff_lab::report::{RuleReport, WireReport};

    #[test]
    fn a_run_is_told() {
        let rule = |name: &str, matched, applied| RuleReport {
            name: name.to_owned(),
            matched,
            applied,
            ..RuleReport::default()
        };
        let report = LabReport {
            guests: vec![GuestReport {
                name: "h0".to_owned(),
                address: "10.9.0.1".to_owned(),
                device: "rxe0".to_owned(),
                command: "false".to_owned(),
                status: 1,
                ran_ms: 1204,
                stdout: "one\ntwo\n".to_owned(),
                stderr: "oops\n".to_owned(),
                cut: 7,
                counters: [
                    ("net/TcpInSegs".to_owned(), 70),
                    ("net/TcpRetransSegs".to_owned(), 2),
                    ("rxe0/a".to_owned(), 0),
                    ("rxe0/b".to_owned(), 3),
                ]
                .into(),
                ..GuestReport::default()
            }],
            wire: WireReport {
                received: vec![4, 5],
                forwarded: 8,
                overflowed: 0,
                rules: vec![rule("drop-1", 5, 1), rule("late", 0, 0), rule("rare", 4, 0)],
                switch: vec![SwitchPortReport {
                    name: "h0".to_owned(),
                    sent: 8,
                    marked: 2,
                    tail_drops: 1,
                    peak_queue: 3000,
                    paused_us: 51,
                    ..SwitchPortReport::default()
                }],
            },
            active_ms: 987,
            total_ms: 3021,
        };
        let mut out = Vec::new();
        human(&mut out, &report).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        1 guest: devices active after 0.987 s, everything down after 3.021 s

        h0 (10.9.0.1, rxe0): exit status 1 after 1.204 s
          $ false
          one
          two
          oops
          (7 bytes more)
          counters: net/TcpRetransSegs 2, rxe0/b 3

        wire: 9 frames from guests, 8 passed on
          port to h0: 8 frames sent, 3000 bytes queued at most, 2 marked, 1 dropped (tail), paused for 51 us
          rule drop-1: matched 5 frames, applied to 1
          rule late: matched 0 frames, applied to 0: INCONCLUSIVE, it never matched
          rule rare: matched 4 frames, applied to 0: INCONCLUSIVE, it did nothing to the frames that fitted
        warning: nothing was done by late, rare: this run shows nothing about it
        ");
    }
}
