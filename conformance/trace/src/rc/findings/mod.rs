//! What is wrong with connections, in words.
//!
//! Rules for single packets are judged on the view nearest their source, damage on the view nearest
//! their destination; rules of connections on the views that speak for the sender or the receiver.

mod congestion;
mod loss;
mod packets;

use super::half::Half;
use super::requests::Requests;
use super::views::{Views, requests};
use super::{Context, Follower};
use crate::report::{Connection, DirectionReport, Service};
use crate::words::{grouped, many, share, time, times};
use std::net::IpAddr;
use xoff_checks::catalogue::Check;
use xoff_checks::finding::{Finding, Severity, Where};

/// What findings are made from.
struct Case<'a> {
    follower: &'a Follower,
    views: &'a Views,
    connections: &'a [Connection],
    end_ns_of: &'a dyn Fn(u32) -> u64,
    context: &'a Context,
    found: Vec<Finding>,
    prompt: loss::Prompt,
}

/// One direction of a connection, as one interface saw it.
#[derive(Clone, Copy)]
struct Direction<'a> {
    connection: &'a Connection,
    report: &'a DirectionReport,
    /// This view speaks for the sender or the receiver of the data.
    sender: bool,
    receiver: bool,
    from: Option<&'a Half>,
    answers: Option<&'a Half>,
    requests: Option<&'a Requests>,
    direction: usize,
}

pub(super) fn all(
    follower: &Follower,
    views: &Views,
    connections: &[Connection],
    end_ns_of: &dyn Fn(u32) -> u64,
    context: &Context,
) -> Vec<Finding> {
    let mut case = Case {
        follower,
        views,
        connections,
        end_ns_of,
        context,
        found: Vec::new(),
        prompt: loss::Prompt::default(),
    };
    case.packets();
    for (c, connection) in connections.iter().enumerate() {
        for d in 0..2 {
            if let Some(direction) = case.direction(c, d, connection) {
                case.loss(&direction);
                case.congestion(&direction);
            }
        }
    }
    case.recoveries();
    case.notifications();
    case.found
}

impl<'a> Case<'a> {
    fn direction(&self, c: usize, d: usize, connection: &'a Connection) -> Option<Direction<'a>> {
        let view = self.views.list.get(c)?;
        let way = view.way(d);
        let halves = &self.follower.halves;
        Some(Direction {
            connection,
            report: &connection.directions[d],
            sender: view.for_sender[d],
            receiver: view.for_receiver[d],
            from: way.requests.map(|h| &halves[h]),
            answers: way.answers.map(|h| &halves[h]),
            requests: requests(halves, way),
            direction: d,
        })
    }

    /// Adds a finding; the cure is the catalogue's.
    fn add(&mut self, check: &'static Check, severity: Severity, subject: String, cause: String) {
        self.found.push(Finding {
            check,
            severity,
            inconclusive: None,
            subject,
            cause,
            cure: check.cure.to_owned(),
            count: 1,
            at: Where::Frames(Vec::new()),
        });
    }

    /// Number and frames of the finding just added.
    fn evidence(&mut self, count: u64, mut frames: Vec<u64>) {
        frames.truncate(xoff_checks::finding::FRAMES_KEPT);
        if let Some(finding) = self.found.last_mut() {
            finding.count = count;
            finding.at = Where::Frames(frames);
        }
    }

    /// The capture cannot decide on the finding just added.
    fn undecided(&mut self, why: String) {
        if let Some(finding) = self.found.last_mut() {
            finding.inconclusive = Some(why);
        }
    }

    fn cure(&mut self, cure: &str) {
        if let Some(finding) = self.found.last_mut() {
            finding.cure = cure.to_owned();
        }
    }

    /// Frames that the capturing system lost at an interface.
    fn dropped(&self, interface: u32) -> u64 {
        self.context.dropped.get(&interface).copied().unwrap_or(0)
    }
}

impl Direction<'_> {
    /// "10.0.0.1 QP 0x11 > 10.0.0.2 QP 0x22".
    fn subject(&self) -> String {
        let ends = [&self.connection.a, &self.connection.b];
        let (from, to) = (ends[self.direction], ends[1 - self.direction]);
        format!(
            "{} > {}",
            end(from.address, from.qpn),
            end(to.address, to.qpn)
        )
    }

    /// Priority of the data: PCP, or DSCP / 8 as most devices map it.
    fn priority(&self) -> u8 {
        let marking = &self.report.data;
        marking.pcp.unwrap_or(marking.dscp >> 3) & 7
    }

    fn reliable(&self) -> bool {
        matches!(self.connection.service, Service::Rc | Service::Xrc)
    }
}

fn end(address: IpAddr, qpn: u32) -> String {
    if qpn == 0 {
        format!("{address} QP unknown")
    } else {
        format!("{address} QP {qpn:#x}")
    }
}
