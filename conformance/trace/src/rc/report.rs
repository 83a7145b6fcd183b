//! Connections as the report has them.

use super::Follower;
use super::half::Half;
use super::key::Place;
use super::repeats::CAUSES;
use super::requests::Requests;
use super::views::{Views, Way, carries_responses, data_place, reads, requests};
use crate::buckets::{Buckets, FIRST_STEP_NS, Merge};
use crate::report::{Cause, Connection, DirectionReport, Endpoint, Vantage};
use crate::timeline::{FlowCell, FlowRow};
use std::collections::BTreeSet;
use xoff_model::results::RdmaCounters;
use xoff_wire::psn;

/// Most rows of the timeline.
const ROWS: usize = 64;

/// Activity over time by half, with the number of data packets.
pub(super) struct Flows {
    cells: Vec<(usize, u64, Buckets<FlowCell>)>,
    start_ns: u64,
}

impl Merge for FlowCell {
    fn merge(&mut self, later: &Self) {
        self.new_bytes = self.new_bytes.saturating_add(later.new_bytes);
        self.repeated_bytes = self.repeated_bytes.saturating_add(later.repeated_bytes);
        self.psn = self.psn.max(later.psn);
        self.naks = self.naks.saturating_add(later.naks);
        self.timeouts = self.timeouts.saturating_add(later.timeouts);
        self.cnps = self.cnps.saturating_add(later.cnps);
        self.ce = self.ce.saturating_add(later.ce);
    }
}

pub(super) fn flows(follower: &mut Follower) -> Flows {
    let mut cells = Vec::new();
    for (i, half) in follower.halves.iter_mut().enumerate() {
        let packets = half.requests.data_packets;
        if let Some(buckets) = half.requests.cells.take() {
            cells.push((i, packets, *buckets));
        }
    }
    Flows {
        cells,
        start_ns: follower.start_ns.unwrap_or(0),
    }
}

/// The rows of the busiest directions, in the order of connections; start and step.
pub(super) fn rows(
    flows: Flows,
    views: &Views,
    connections: &[Connection],
) -> (Vec<FlowRow>, u64, u64) {
    let step = flows.cells.iter().map(|c| c.2.step_ns()).max();
    let step = step.unwrap_or(FIRST_STEP_NS);
    let mut busiest: Vec<_> = flows
        .cells
        .into_iter()
        .map(|(half, packets, cells)| (views.of_half[half], packets, cells))
        .filter(|&((c, d), ..)| connections.get(c).is_some_and(|c| c.speaks_for_sender[d]))
        .collect();
    busiest.sort_by_key(|&(place, packets, _)| (std::cmp::Reverse(packets), place));
    busiest.truncate(ROWS);
    busiest.sort_by_key(|&(place, ..)| place);
    let rows = busiest
        .into_iter()
        .map(|((connection, direction), _, cells)| FlowRow {
            connection,
            direction,
            cells: cells.fold_to(flows.start_ns, step),
        })
        .collect();
    (rows, flows.start_ns, step)
}

pub(super) fn connections(follower: &mut Follower, views: &Views) -> Vec<Connection> {
    let notifiers = notifiers(&follower.halves);
    let halves = &mut follower.halves;
    for half in halves.iter_mut() {
        for r in std::iter::once(&mut half.requests).chain(half.unseen.as_deref_mut()) {
            let counts = r.counts();
            r.bursts.finish(&counts);
        }
    }
    let mut list = Vec::with_capacity(views.list.len());
    for view in &views.list {
        let Some(any) = view.any() else { continue };
        let mut directions = [0, 1].map(|d| {
            let speaks = (view.for_sender[d], view.for_receiver[d]);
            direction(halves, view.way(d), speaks, &notifiers)
        });
        for (d, report) in directions.iter_mut().enumerate() {
            take_lists(halves, view.way(d), report);
        }
        let both = [view.forth, view.back];
        let seen = || both.iter().flatten().map(|&h| &halves[h]);
        let mtu = directions_mtu(halves, [view.way(0), view.way(1)]);
        let half = &halves[any];
        list.push(Connection {
            service: service(halves, both),
            interface: half.key.interface,
            vantage: vantage(halves, view.forth, view.back),
            speaks_for_sender: view.for_sender,
            speaks_for_receiver: view.for_receiver,
            a: endpoint(halves, view.forth, view.back),
            b: endpoint(halves, view.back, view.forth),
            first_ns: seen().map(|h| h.first_ns).min().unwrap_or(0),
            last_ns: seen().map(|h| h.last_ns).max().unwrap_or(0),
            v1: half.v1,
            vlan: half.vlan,
            mtu,
            directions,
        });
    }
    list
}

/// Interfaces and addresses that tell of congestion.
fn notifiers(halves: &[Half]) -> BTreeSet<u128> {
    halves
        .iter()
        .filter(|h| h.answers.cnps + h.answers.echoes > 0)
        .map(|h| h.key.src)
        .collect()
}

/// That of requests, if there are any, else that of answers: notifications tell none.
fn service(halves: &[Half], both: [Option<usize>; 2]) -> crate::report::Service {
    let of = |h: Option<usize>| h.map(|h| &halves[h]);
    let sent = |h: &&Half| h.requests.started || h.unseen.is_some();
    let [a, b] = both.map(of);
    let told = |h: &&Half| h.service != crate::report::Service::Unknown;
    a.filter(sent)
        .or(b.filter(sent))
        .or(a.filter(told))
        .or(b)
        .map_or_else(Default::default, |h| h.service)
}

fn directions_mtu(halves: &[Half], ways: [Way; 2]) -> u32 {
    ways.iter()
        .filter_map(|&w| requests(halves, w))
        .map(|r| r.mtu)
        .max()
        .unwrap_or(0)
}

fn vantage(halves: &[Half], forth: Option<usize>, back: Option<usize>) -> Vantage {
    let place = match (forth, back) {
        (Some(h), _) => halves[h].place,
        (None, Some(h)) => match halves[h].place {
            Place::Source => Place::Destination,
            Place::Between => Place::Between,
            Place::Destination => Place::Source,
        },
        (None, None) => Place::Between,
    };
    match place {
        Place::Source => Vantage::AtA,
        Place::Between => Vantage::Between,
        Place::Destination => Vantage::AtB,
    }
}

/// The end that `from` leaves and `to` reaches.
fn endpoint(halves: &[Half], from: Option<usize>, to: Option<usize>) -> Endpoint {
    let (from, to) = (from.map(|h| &halves[h]), to.map(|h| &halves[h]));
    let address = from.map(|h| h.src).or(to.map(|h| h.dst));
    let told = from.and_then(Half::src_qp);
    Endpoint {
        address: address.unwrap_or(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)),
        qpn: told.or(to.map(|h| h.key.dest_qp)).unwrap_or(0),
        mac: from
            .map(|h| h.src_mac)
            .or(to.map(|h| h.dst_mac))
            .unwrap_or_default(),
    }
}

fn direction(
    halves: &[Half],
    way: Way,
    speaks: (bool, bool),
    notifiers: &BTreeSet<u128>,
) -> DirectionReport {
    let mut report = DirectionReport::default();
    let request_half = way.requests.map(|h| &halves[h]);
    let answer_half = way.answers.map(|h| &halves[h]);
    report.sport = request_half.or(answer_half).and_then(|h| h.sport);
    if let Some(r) = requests(halves, way) {
        let service = service(halves, [way.requests, way.answers]);
        let here = data_place(halves, way) == Place::Destination;
        from_requests(&mut report, r);
        report.delivered_bytes = r.delivered(here, service);
    }
    if let Some(h) = answer_half {
        report.answers = h.answer_marks.marking;
        report.acks = h.answers.acks;
        report.naks = h.answers.naks;
        report.rnr_naks = h.answers.rnr_naks;
        report.error_naks = h.answers.error_naks;
    }
    let marked_for = marks(halves, way, &mut report);
    let notified = marked_for.is_some_and(|a| notifiers.contains(&a));
    report.counters = counters(
        &report,
        requests(halves, way),
        answer_half,
        speaks,
        Sides {
            reads: reads(halves, way),
            notified,
        },
    );
    report
}

fn from_requests(report: &mut DirectionReport, r: &Requests) {
    report.first_psn = r.started.then(|| (r.first & u64::from(psn::MASK)) as u32);
    report.first_data_ns = r.first_ns;
    report.last_data_ns = r.first_ns.map(|_| r.last_ns);
    report.data_packets = r.data_packets;
    report.retransmitted_packets = r.retransmitted_packets;
    report.retransmitted_bytes = r.retransmitted_bytes;
    report.new_bytes = r.new_bytes;
    report.gaps = r.gaps;
    report.wire_bytes = r.wire_bytes;
    report.read_requests = r.read_requests;
    report.read_restarts = r.read_restarts;
    report.duplicates = r.receiver.duplicates + r.read_duplicates;
    report.ack_latency_ns = r.asked.latency.get();
    report.timeouts = r.repeats.count(Cause::Timeout);
    report.window_max = u32::try_from(r.window_max).unwrap_or(u32::MAX);
    report.recovery = r.repeats.recovery(r.receiver.restarts_message);
    report.messages = r.messages.total;
    report.messages_completed = r.messages.completed;
    report.outstanding_max = u32::try_from(r.messages.outstanding_max).unwrap_or(u32::MAX);
    report.completion_ns = r.messages.completion.get();
    report.activity = r.bursts.activity();
    report.causes = CAUSES
        .iter()
        .map(|&c| (c, r.repeats.count(c)))
        .filter(|&(_, n)| n > 0)
        .collect();
}

/// Marks, notifications and spoilt packets of the data of a direction; the address it goes to.
fn marks(halves: &[Half], way: Way, report: &mut DirectionReport) -> Option<u128> {
    let mut to = None;
    let forth = way.requests.filter(|&h| !carries_responses(halves, h));
    let back = way.answers.filter(|&h| carries_responses(halves, h));
    for (carrier, other) in [(forth, way.answers), (back, way.requests)] {
        let Some(h) = carrier.map(|h| &halves[h]) else {
            continue;
        };
        if h.data.seen || to.is_none() {
            report.data = h.data.marking;
            to = Some(h.key.dst);
        }
        report.ce_marked += h.data.ce;
        report.ect_packets += h.data.ect;
        report.bad_icrc += h.bad_icrc;
        report.unverified_icrc += h.unverified_icrc + h.unjudged_icrc;
        if let Some(other) = other.map(|o| &halves[o]) {
            report.cnps += other.answers.cnps;
            report.cnp_spacing_min_ns = other.answers.cnp_spacing_ns;
        }
    }
    if way.requests.is_none()
        && back.is_none()
        && let Some(h) = way.answers.map(|h| &halves[h])
    {
        report.cnps = h.answers.cnps;
        report.cnp_spacing_min_ns = h.answers.cnp_spacing_ns;
        to = Some(h.key.src);
    }
    to
}

#[derive(Clone, Copy)]
struct Sides {
    reads: bool,
    notified: bool,
}

/// mlx5's counters, of the sides that this view speaks for: summed over all connections of a
/// report they count nothing twice.
fn counters(
    report: &DirectionReport,
    r: Option<&Requests>,
    answers: Option<&Half>,
    (sender, receiver): (bool, bool),
    sides: Sides,
) -> RdmaCounters {
    let mut c = RdmaCounters::default();
    let (requester, responder) = if sides.reads {
        (receiver, sender)
    } else {
        (sender, receiver)
    };
    if sender {
        let echoes = answers.map_or(0, |h| h.answers.echoes);
        c.rp_cnp_handled = report.cnps + echoes;
    }
    if receiver {
        let reads = r.and_then(|r| r.reads.as_ref());
        c.out_of_sequence = r.map_or(0, |r| r.receiver.out_of_sequence)
            + reads.map_or(0, |reads| reads.out_of_sequence);
        c.np_ecn_marked_roce_packets = if sides.notified { report.ce_marked } else { 0 };
        c.np_cnp_sent = report.cnps;
        c.rx_icrc_encapsulated = report.bad_icrc;
    }
    if requester {
        c.packet_seq_err = report.naks;
        c.rnr_nak_retry_err = report.rnr_naks;
        c.local_ack_timeout_err = report.timeouts;
        c.implied_nak_seq_err = r.map_or(0, |r| r.repeats.count(Cause::ImpliedNak));
    }
    if responder {
        c.duplicate_request = report.duplicates;
        c.out_of_buffer = report.rnr_naks;
    }
    c
}

/// Lists are moved rather than copied.
fn take_lists(halves: &mut [Half], way: Way, report: &mut DirectionReport) {
    let requests = match way.requests {
        Some(h) => Some(&mut halves[h].requests),
        None => way.answers.and_then(|h| halves[h].unseen.as_deref_mut()),
    };
    if let Some(r) = requests {
        report.episodes = std::mem::take(&mut r.repeats.episodes);
        report.message_runs = r.messages.take_runs();
        report.bursts = r.bursts.take();
    }
}
