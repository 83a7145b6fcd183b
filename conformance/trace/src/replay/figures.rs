//! The figures by which a capture and a simulation of it are compared.

use super::Replay;
use crate::report::{DirectionReport, TraceReport};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use xoff_model::results::{FlowResult, FlowStatus, Results};
use xoff_model::{Model, Role};

/// Totals, and one row per flow of the replay.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    pub delivered_bytes: u64,
    /// From the first packet of data to the last, ns.
    pub span_ns: u64,
    /// While data flowed: from the first packet of each burst to the last answer.
    pub goodput_bps: Option<u64>,
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
    pub goodput_bps: Option<u64>,
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
        let mut busy = Busy::default();
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
            let bursts = sender.bursts.iter().map(|b| (b.start_ns, b.done_ns));
            let mut own = Busy::default();
            own.extend(bursts.clone());
            busy.extend(bursts);
            let delivered = receiver.delivered_bytes;
            figures.flows.push(FlowFigures {
                name: flow.name.clone(),
                delivered_bytes: delivered,
                span_ns: end - start,
                goodput_bps: mean_rate(delivered, own.ns()),
                retransmitted_packets: sender.retransmitted_packets,
                completed: sender.messages_completed >= sender.messages,
            });
        }
        figures.set_span(first, last, busy);
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

    fn set_span(&mut self, first: u64, last: u64, busy: Busy) {
        self.span_ns = last.saturating_sub(first);
        self.goodput_bps = mean_rate(self.delivered_bytes, busy.ns());
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
        // Place, start and times of each connection's direction.
        let mut rows: BTreeMap<(usize, usize), (usize, u64, Busy)> = BTreeMap::new();
        let mut busy = Busy::default();
        for (flow, result) in replay.flows.iter().zip(&results.flows) {
            let start = result.start.ps() / 1_000;
            let end = result.end.unwrap_or(result.active_until).ps() / 1_000;
            (first, last) = (first.min(start), last.max(end));
            busy.extend([(start, end)]);
            figures.add_result(result);
            let places = rows.len();
            let key = (flow.connection, flow.direction);
            let (place, begun, own) = rows.entry(key).or_insert((places, start, Busy::default()));
            *begun = start.min(*begun);
            own.extend([(start, end)]);
            if *place == figures.flows.len() {
                figures.flows.push(FlowFigures {
                    name: flow.name.clone(),
                    completed: true,
                    ..FlowFigures::default()
                });
            }
            let row = &mut figures.flows[*place];
            row.delivered_bytes += result.bytes_delivered;
            row.retransmitted_packets += result.retransmitted_packets;
            row.completed &= result.status == FlowStatus::Completed;
            row.span_ns = row.span_ns.max(end.saturating_sub(*begun));
        }
        for (place, _, own) in rows.into_values() {
            let row = &mut figures.flows[place];
            row.goodput_bps = mean_rate(row.delivered_bytes, own.ns());
        }
        figures.set_span(first, last, busy);
        figures.add_port_pauses(report, replay, model, results);
        figures
    }

    fn add_result(&mut self, result: &FlowResult) {
        self.delivered_bytes += result.bytes_delivered;
        self.data_packets += result.data_packets;
        self.retransmitted_packets += result.retransmitted_packets;
        let c = &result.counters;
        self.naks += c.packet_seq_err;
        self.timeouts += c.local_ack_timeout_err;
        self.rnr_naks += c.rnr_nak_retry_err;
        self.ce_marked += c.np_ecn_marked_roce_packets;
        self.cnps += c.np_cnp_sent;
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
            host.is_some_and(|h| report.interface_of(h.address).is_some())
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

/// The view of a connection that speaks for the receiver of a direction.
fn receiver_view(report: &TraceReport, connection: usize, direction: usize) -> &DirectionReport {
    let of = &report.connections[connection];
    let same = |c: &&crate::report::Connection| {
        let ends = (c.a.address, c.a.qpn, c.b.address, c.b.qpn);
        ends == (of.a.address, of.a.qpn, of.b.address, of.b.qpn) && c.speaks_for_receiver[direction]
    };
    let view = report.connections.iter().find(same).unwrap_or(of);
    &view.directions[direction]
}

/// Bit/s; None over no time.
pub(super) fn mean_rate(bytes: u64, ns: u64) -> Option<u64> {
    let bits = u128::from(bytes) * 8_000_000_000;
    let rate = bits.checked_div(u128::from(ns))?;
    Some(u64::try_from(rate).unwrap_or(u64::MAX))
}

/// Times in which data flowed; they may overlap.
#[derive(Clone, Debug, Default)]
pub(super) struct Busy(Vec<(u64, u64)>);

impl Busy {
    pub(super) fn extend(&mut self, spans: impl IntoIterator<Item = (u64, u64)>) {
        self.0.extend(spans);
    }

    /// How long anything flowed.
    pub(super) fn ns(mut self) -> u64 {
        self.0.sort_unstable();
        let (mut sum, mut until) = (0, 0);
        for (start, end) in self.0 {
            sum += end.saturating_sub(start.max(until));
            until = end.max(until);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_not_busy() {
        let mut busy = Busy::default();
        busy.extend([(100, 200), (10, 20), (150, 250), (160, 170), (900, 900)]);
        assert_eq!(busy.ns(), 160);
        assert_eq!(mean_rate(20, 160), Some(1_000_000_000));
        assert_eq!(mean_rate(20, 0), None);
    }
}
