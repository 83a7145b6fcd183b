//! The figures by which a capture and a simulation of it are compared.

use super::Replay;
use super::derive::interface_of;
use crate::trace::report::{DirectionReport, TraceReport};
use serde::Serialize;
use std::collections::BTreeSet;
use xoff_sim::model::{Model, Role};
use xoff_sim::results::{FlowStatus, Results};

/// Totals, and one row per flow of the replay.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    pub delivered_bytes: u64,
    /// From the first packet of data to the last, ns.
    pub span_ns: u64,
    pub goodput_bps: u64,
    pub data_packets: u64,
    pub retransmitted_packets: u64,
    pub naks: u64,
    pub timeouts: u64,
    pub rnr_naks: u64,
    pub ce_marked: u64,
    pub cnps: u64,
    /// Time for which hosts were kept from sending, per priority, and that they kept the network
    /// from sending to them; ns, summed over the hosts whose ports were captured.
    pub hosts_paused_ns: [u64; 8],
    pub hosts_pausing_ns: [u64; 8],
    pub flows: Vec<FlowFigures>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FlowFigures {
    pub name: String,
    pub delivered_bytes: u64,
    /// First packet to last delivery, ns.
    pub span_ns: u64,
    pub goodput_bps: u64,
    pub retransmitted_packets: u64,
    /// False: some of it did not arrive.
    pub completed: bool,
}

impl Figures {
    /// Of the capture, for the flows of its replay. Several bursts of a connection share a row.
    pub fn of_capture(report: &TraceReport, replay: &Replay) -> Figures {
        let mut figures = Figures::default();
        let mut seen = BTreeSet::new();
        let (mut first, mut last) = (u64::MAX, 0);
        for flow in &replay.flows {
            if !seen.insert((flow.connection, flow.direction)) {
                continue;
            }
            let sender = &report.connections[flow.connection].directions[flow.direction];
            let receiver = receiver_view(report, flow.connection, flow.direction);
            figures.add_direction(sender, receiver);
            let start = sender.first_data_ns.unwrap_or(0);
            let end = receiver.last_data_ns.unwrap_or(start).max(start);
            (first, last) = (first.min(start), last.max(end));
            let delivered = receiver.delivered_bytes;
            figures.flows.push(FlowFigures {
                name: flow.name.clone(),
                delivered_bytes: delivered,
                span_ns: end - start,
                goodput_bps: mean_rate(delivered, end - start),
                retransmitted_packets: sender.retransmitted_packets,
                completed: sender.messages_completed >= sender.messages,
            });
        }
        figures.set_span(first, last);
        figures.add_pauses(report, replay);
        figures
    }

    fn add_direction(&mut self, sender: &DirectionReport, receiver: &DirectionReport) {
        self.delivered_bytes += receiver.delivered_bytes;
        self.data_packets += sender.data_packets;
        self.retransmitted_packets += sender.retransmitted_packets;
        self.naks += sender.naks;
        self.rnr_naks += sender.rnr_naks;
        self.timeouts += sender.timeouts;
        self.ce_marked += receiver.ce_marked;
        self.cnps += receiver.cnps;
    }

    fn set_span(&mut self, first: u64, last: u64) {
        self.span_ns = last.saturating_sub(first);
        self.goodput_bps = mean_rate(self.delivered_bytes, self.span_ns);
    }

    fn add_pauses(&mut self, report: &TraceReport, replay: &Replay) {
        for port in &report.pauses {
            let by_host = replay.hosts.iter().any(|h| h.mac == port.sender);
            let sums = if by_host {
                &mut self.hosts_pausing_ns
            } else {
                &mut self.hosts_paused_ns
            };
            for (sum, ns) in sums.iter_mut().zip(port.paused_ns) {
                *sum = sum.saturating_add(ns);
            }
        }
    }

    /// Of a simulation of the replay. The capture says at which hosts pauses could be seen.
    pub fn of_run(
        report: &TraceReport,
        replay: &Replay,
        model: &Model,
        results: &Results,
    ) -> Figures {
        let mut figures = Figures::default();
        let (mut first, mut last) = (u64::MAX, 0);
        let mut rows: Vec<(usize, usize)> = Vec::new();
        for (flow, result) in replay.flows.iter().zip(&results.flows) {
            let start = result.start.ps() / 1_000;
            let end = result.end.unwrap_or(result.active_until).ps() / 1_000;
            (first, last) = (first.min(start), last.max(end));
            figures.delivered_bytes += result.bytes_delivered;
            figures.data_packets += result.data_packets;
            figures.retransmitted_packets += result.retransmitted_packets;
            let c = &result.counters;
            figures.naks += c.packet_seq_err;
            figures.timeouts += c.local_ack_timeout_err;
            figures.rnr_naks += c.rnr_nak_retry_err;
            figures.ce_marked += c.np_ecn_marked_roce_packets;
            figures.cnps += c.np_cnp_sent;
            let completed = result.status == FlowStatus::Completed;
            let key = (flow.connection, flow.direction);
            if let Some(at) = rows.iter().position(|&k| k == key) {
                let row = &mut figures.flows[at];
                row.delivered_bytes += result.bytes_delivered;
                row.retransmitted_packets += result.retransmitted_packets;
                row.completed &= completed;
                row.span_ns = row
                    .span_ns
                    .max(end.saturating_sub(burst_start(replay, key)));
                row.goodput_bps = mean_rate(row.delivered_bytes, row.span_ns);
                continue;
            }
            rows.push(key);
            figures.flows.push(FlowFigures {
                name: flow.name.clone(),
                delivered_bytes: result.bytes_delivered,
                span_ns: end.saturating_sub(start),
                goodput_bps: mean_rate(result.bytes_delivered, end.saturating_sub(start)),
                retransmitted_packets: result.retransmitted_packets,
                completed,
            });
        }
        figures.set_span(first, last);
        figures.add_port_pauses(report, replay, model, results);
        figures
    }

    fn add_port_pauses(
        &mut self,
        report: &TraceReport,
        replay: &Replay,
        model: &Model,
        results: &Results,
    ) {
        let captured = |name: &str| {
            let host = replay.hosts.iter().find(|h| h.name == name);
            host.is_some_and(|h| interface_of(report, h.address).is_some())
        };
        let any = replay.hosts.iter().any(|h| captured(&h.name));
        for port in &results.ports {
            let host_of = |node: u32| {
                let spec = &model.nodes[node as usize];
                let host = matches!(spec.role, Role::Host(_));
                (host && (!any || captured(&spec.name))).then_some(())
            };
            let sums = if host_of(port.node).is_some() {
                &mut self.hosts_paused_ns
            } else if host_of(port.peer).is_some() {
                &mut self.hosts_pausing_ns
            } else {
                continue;
            };
            for (sum, p) in sums.iter_mut().zip(&port.priority) {
                *sum += p.rx_pause_duration.ps() / 1_000;
            }
        }
    }

    /// How far two sets of figures are apart: 0 is equal. Ratios count, not differences.
    pub fn distance(&self, other: &Figures) -> f64 {
        let apart =
            |a: u64, b: u64, least: f64| ((a as f64 + least) / (b as f64 + least)).ln().abs();
        let pause = |f: &Figures| f.hosts_paused_ns.into_iter().fold(0, u64::saturating_add);
        apart(
            self.retransmitted_packets,
            other.retransmitted_packets,
            10.0,
        ) + apart(self.naks + self.timeouts, other.naks + other.timeouts, 4.0)
            + apart(self.cnps, other.cnps, 4.0)
            + apart(pause(self), pause(other), 10_000.0)
            + apart(self.span_ns, other.span_ns, 1_000.0)
    }
}

/// Start of the first burst of a connection's direction.
fn burst_start(replay: &Replay, key: (usize, usize)) -> u64 {
    let of = replay.flows.iter();
    of.filter(|f| (f.connection, f.direction) == key)
        .map(|f| f.start_ns)
        .min()
        .unwrap_or(0)
}

/// The view of a connection that speaks for the receiver of a direction.
fn receiver_view(report: &TraceReport, connection: usize, direction: usize) -> &DirectionReport {
    let of = &report.connections[connection];
    let same = |c: &&crate::trace::report::Connection| {
        let ends = (c.a.address, c.a.qpn, c.b.address, c.b.qpn);
        ends == (of.a.address, of.a.qpn, of.b.address, of.b.qpn) && c.speaks_for_receiver[direction]
    };
    let view = report.connections.iter().find(same).unwrap_or(of);
    &view.directions[direction]
}

/// Bit/s; 0 over no time.
pub(super) fn mean_rate(bytes: u64, ns: u64) -> u64 {
    let bits = u128::from(bytes) * 8_000_000_000;
    let rate = bits.checked_div(u128::from(ns)).unwrap_or(0);
    u64::try_from(rate).unwrap_or(u64::MAX)
}
