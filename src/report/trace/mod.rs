//! Renderers of what a capture shows.

pub(crate) mod csv;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod junit;
mod links;
mod smb;
#[cfg(test)]
pub(crate) mod testing;
mod timeline;

use crate::replay::Replayed;
use std::net::IpAddr;
use xoff_checks::finding::{Finding, Severity};
use xoff_model::time::Nanoseconds;
use xoff_model::units::BitRate;
use xoff_trace::report::{
    Cause, Connection, DirectionReport, Operation, Recovery, Service, TraceReport,
};

/// A capture that was read.
pub(crate) struct Traced {
    /// As given on the command line.
    pub(crate) name: String,
    pub(crate) report: TraceReport,
    /// With --replay, if there is something to replay.
    pub(crate) replayed: Option<Replayed>,
}

/// The name of a capture that could not be read, and the message that says why.
pub(crate) type Failure = (String, String);

/// One direction of a connection: where it is, and the reports that speak for its two ends.
#[derive(Clone, Copy)]
pub(super) struct Stream<'a> {
    /// Index of the sender's view among the connections.
    pub(super) index: usize,
    pub(super) direction: usize,
    pub(super) connection: &'a Connection,
    pub(super) sent: &'a DirectionReport,
    pub(super) received: &'a DirectionReport,
}

impl Stream<'_> {
    /// Address and queue pair of the end that sends requests, then of the other.
    pub(super) fn ends(&self) -> [(IpAddr, u32); 2] {
        let (a, b) = (&self.connection.a, &self.connection.b);
        let ends = [(a.address, a.qpn), (b.address, b.qpn)];
        if self.direction == 0 {
            ends
        } else {
            [ends[1], ends[0]]
        }
    }

    /// Payload accepted in order over the time in which data flowed: silence of the application
    /// does not count. None if no two packets of a burst show that time.
    pub(super) fn goodput(&self) -> Option<BitRate> {
        let rate = self.received.activity.rate(self.delivered());
        rate.map(BitRate::from_bps)
    }

    /// Payload accepted in order, or seen where the receiver's state is not known.
    pub(super) fn delivered(&self) -> u64 {
        match self.received.delivered_bytes {
            0 => self.received.new_bytes,
            bytes => bytes,
        }
    }

    /// What was lost, refused or stood still; marks are no damage.
    pub(super) fn damage(&self) -> u64 {
        let (s, r) = (self.sent, self.received);
        [
            s.retransmitted_packets,
            s.naks,
            s.rnr_naks,
            s.timeouts,
            r.bad_icrc,
            s.read_restarts,
        ]
        .into_iter()
        .fold(s.error_naks.iter().sum(), u64::saturating_add)
    }

    /// How much went wrong.
    pub(super) fn trouble(&self) -> u64 {
        let marks = self.sent.cnps.saturating_add(self.received.ce_marked);
        self.damage().saturating_add(marks)
    }
}

/// Every direction that carried something, once, whatever the number of interfaces that saw it.
pub(super) fn streams(report: &TraceReport) -> Vec<Stream<'_>> {
    let mut streams = Vec::new();
    for (index, connection) in report.connections.iter().enumerate() {
        for (direction, sent) in connection.directions.iter().enumerate() {
            let active = sent.data_packets | sent.read_requests | sent.cnps | sent.messages > 0;
            if !active || !connection.speaks_for_sender[direction] {
                continue;
            }
            let received = if connection.speaks_for_receiver[direction] {
                sent
            } else {
                other_view(report, connection, direction).unwrap_or(sent)
            };
            streams.push(Stream {
                index,
                direction,
                connection,
                sent,
                received,
            });
        }
    }
    streams
}

/// The view of the same connection that speaks for the receiver.
fn other_view<'a>(
    report: &'a TraceReport,
    of: &Connection,
    direction: usize,
) -> Option<&'a DirectionReport> {
    let end = |c: &Connection| (c.a.address, c.a.qpn, c.b.address, c.b.qpn);
    let same = |c: &&Connection| c.speaks_for_receiver[direction] && end(c) == end(of);
    report
        .connections
        .iter()
        .find(same)
        .map(|c| &c.directions[direction])
}

/// Findings as people want them: the worst first, what could not be decided last.
pub(crate) fn ranked(findings: &[Finding]) -> Vec<&Finding> {
    let mut ranked: Vec<&Finding> = findings.iter().collect();
    ranked.sort_by_key(|f| (f.inconclusive.is_some(), std::cmp::Reverse(f.severity)));
    ranked
}

/// `error`, `warning`, `note` or `inconclusive`.
pub(crate) fn verdict(finding: &Finding) -> &'static str {
    match (finding.inconclusive.is_some(), finding.severity) {
        (true, _) => "inconclusive",
        (false, Severity::Error) => "error",
        (false, Severity::Warning) => "warning",
        (false, Severity::Note) => "note",
    }
}

/// Cause and cure as sentences, the reason first if it is inconclusive.
pub(crate) fn sentences(finding: &Finding) -> String {
    let stop = |text: &str| {
        let text = text.trim();
        match text.chars().last() {
            None => String::new(),
            Some('.' | '!' | '?') => format!("{text} "),
            Some(_) => format!("{text}. "),
        }
    };
    let why = finding.inconclusive.as_deref().map_or(String::new(), stop);
    let text = why + &stop(&finding.cause) + &stop(&finding.cure);
    text.trim_end().to_owned()
}

/// `frames 3, 5 and others`; empty if none is known.
pub(crate) fn frames(finding: &Finding) -> String {
    let numbers: Vec<String> = finding.frames().iter().map(u64::to_string).collect();
    let more = match finding.count > finding.frames().len() as u64 {
        true => ", …",
        false => "",
    };
    match numbers.as_slice() {
        [] => String::new(),
        [one] => format!("frame {one}{more}"),
        _ => format!("frames {}{more}", numbers.join(", ")),
    }
}

/// Nanoseconds as a duration.
pub(super) fn duration(ns: u64) -> Nanoseconds {
    Nanoseconds(ns)
}

pub(super) fn service_name(service: Service) -> &'static str {
    match service {
        Service::Unknown => "?",
        Service::Rc => "RC",
        Service::Uc => "UC",
        Service::Ud => "UD",
        Service::Rd => "RD",
        Service::Xrc => "XRC",
    }
}

pub(super) fn cause_name(cause: Cause) -> &'static str {
    match cause {
        Cause::Nak => "nak",
        Cause::Timeout => "timeout",
        Cause::ImpliedNak => "implied-nak",
        Cause::Rnr => "rnr",
        Cause::Spurious => "spurious",
    }
}

pub(super) fn operation_name(operation: Operation) -> &'static str {
    match operation {
        Operation::Send => "send",
        Operation::Write => "write",
        Operation::Read => "read",
        Operation::Atomic => "atomic",
    }
}

pub(super) fn recovery_name(recovery: Recovery) -> Option<&'static str> {
    match recovery {
        Recovery::Unknown => None,
        Recovery::GoBackN => Some("go-back-n"),
        Recovery::GoBack0 => Some("go-back-0"),
        Recovery::Selective => Some("selective"),
    }
}

/// The name of an interface, or its number.
pub(super) fn interface_name(report: &TraceReport, id: u32) -> String {
    report.capture.interface_name(id)
}
