//! Every metric: its name, unit, and what it means.

use super::eval;
use super::metric::{Eval, Metric, Outcome, Scope};
use super::value::Unit;
use super::view::View;
use xoff_model::results::{DropCause, RdmaCounters};

/// The metric of that name.
pub fn find(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|m| m.name == name)
}

const fn call(
    name: &'static str,
    unit: Unit,
    scope: Scope,
    about: &'static str,
    eval: fn(&View<'_>) -> Outcome,
) -> Metric {
    Metric {
        name,
        unit,
        scope,
        about,
        needs_priority: false,
        eval: Eval::Call(eval),
    }
}

const fn counter(
    name: &'static str,
    about: &'static str,
    read: fn(&RdmaCounters) -> u64,
) -> Metric {
    Metric {
        name,
        unit: Unit::Count,
        scope: Scope::Counter,
        about,
        needs_priority: false,
        eval: Eval::Counter(read),
    }
}

const fn drops(name: &'static str, about: &'static str, cause: DropCause) -> Metric {
    Metric {
        name,
        unit: Unit::Count,
        scope: Scope::PortPriority,
        about,
        needs_priority: false,
        eval: Eval::Drops(cause),
    }
}

use Scope::{Flow, Node, Port, PortPriority, Run};

/// All metrics, in the order of reports.
pub static METRICS: &[Metric] = &[
    // Flows.
    call("flows.total", Unit::Count, Flow, "flows", eval::flows_total),
    call(
        "flows.completed",
        Unit::Count,
        Flow,
        "flows that completed",
        eval::flows_completed,
    ),
    call(
        "flows.unfinished",
        Unit::Count,
        Flow,
        "flows still at work",
        eval::flows_unfinished,
    ),
    call(
        "flows.failed",
        Unit::Count,
        Flow,
        "flows whose QP failed (retries exceeded) or that have no path",
        eval::flows_failed,
    ),
    call(
        "fct.mean",
        Unit::Duration,
        Flow,
        "mean flow completion time, start to last completion; no value while a flow is unfinished",
        eval::fct_mean,
    ),
    call(
        "fct.p50",
        Unit::Duration,
        Flow,
        "median flow completion time (nearest rank); an unfinished flow counts as infinite",
        eval::fct_p50,
    ),
    call(
        "fct.p90",
        Unit::Duration,
        Flow,
        "90th percentile of it",
        eval::fct_p90,
    ),
    call(
        "fct.p99",
        Unit::Duration,
        Flow,
        "99th percentile of it",
        eval::fct_p99,
    ),
    call(
        "fct.max",
        Unit::Duration,
        Flow,
        "largest flow completion time",
        eval::fct_max,
    ),
    call(
        "fct.min",
        Unit::Duration,
        Flow,
        "smallest flow completion time",
        eval::fct_min,
    ),
    call(
        "slowdown.mean",
        Unit::Ratio,
        Flow,
        "mean of completion time / least time that the path allows for the flow alone",
        eval::slowdown_mean,
    ),
    call(
        "slowdown.p50",
        Unit::Ratio,
        Flow,
        "median of it",
        eval::slowdown_p50,
    ),
    call(
        "slowdown.p99",
        Unit::Ratio,
        Flow,
        "99th percentile of it",
        eval::slowdown_p99,
    ),
    call(
        "slowdown.max",
        Unit::Ratio,
        Flow,
        "largest of it",
        eval::slowdown_max,
    ),
    call(
        "goodput.total",
        Unit::Rate,
        Flow,
        "payload delivered to all flows' receivers / (last end - first start)",
        eval::goodput_total,
    ),
    call(
        "goodput.mean",
        Unit::Rate,
        Flow,
        "mean over the flows that have started of payload delivered / time from start to end",
        eval::goodput_mean,
    ),
    call(
        "goodput.min",
        Unit::Rate,
        Flow,
        "smallest of it",
        eval::goodput_min,
    ),
    call(
        "goodput.max",
        Unit::Rate,
        Flow,
        "largest of it",
        eval::goodput_max,
    ),
    call(
        "goodput.jain",
        Unit::Ratio,
        Flow,
        "Jain's fairness index of the goodput of flows that have started: 1 if all are equal",
        eval::goodput_jain,
    ),
    call(
        "efficiency",
        Unit::Share,
        Flow,
        "goodput.total / summed link rate of the hosts that receive the selected flows' payload",
        eval::efficiency,
    ),
    call(
        "messages.completed",
        Unit::Count,
        Flow,
        "messages completed",
        eval::messages_completed,
    ),
    call(
        "messages.flushed",
        Unit::Count,
        Flow,
        "work requests flushed by a QP error",
        eval::messages_flushed,
    ),
    call(
        "latency.p50",
        Unit::Duration,
        Flow,
        "median completion latency of messages; the largest of the selected flows' medians",
        eval::latency_p50,
    ),
    call(
        "latency.p99",
        Unit::Duration,
        Flow,
        "99th percentile, likewise",
        eval::latency_p99,
    ),
    call(
        "latency.max",
        Unit::Duration,
        Flow,
        "largest message latency",
        eval::latency_max,
    ),
    // Losses and their repair.
    call(
        "drops.total",
        Unit::Count,
        PortPriority,
        "frames discarded",
        eval::drops_total,
    ),
    call(
        "drops.lossless",
        Unit::Count,
        PortPriority,
        "frames of lossless priorities discarded for lack of buffer or by the watchdog; \
         no value if no selected priority is lossless",
        eval::drops_lossless,
    ),
    call(
        "drops.lossy",
        Unit::Count,
        PortPriority,
        "frames of other priorities discarded for lack of buffer or by the watchdog",
        eval::drops_lossy,
    ),
    drops(
        "drops.tail_drop",
        "a lossy queue or group was above its limit",
        DropCause::TailDrop,
    ),
    drops(
        "drops.headroom_full",
        "a lossless group had exhausted its own headroom",
        DropCause::HeadroomFull,
    ),
    drops(
        "drops.headroom_pool_full",
        "the headroom pool that lossless groups share was exhausted",
        DropCause::HeadroomPoolFull,
    ),
    drops(
        "drops.link_error",
        "lost or corrupted on a link",
        DropCause::LinkError,
    ),
    drops("drops.link_down", "the link was down", DropCause::LinkDown),
    drops(
        "drops.pfc_watchdog",
        "discarded by the PFC watchdog",
        DropCause::Watchdog,
    ),
    drops(
        "drops.rx_buffer",
        "a NIC's receive buffer was full",
        DropCause::RxBuffer,
    ),
    drops(
        "drops.no_route",
        "no route to the destination",
        DropCause::NoRoute,
    ),
    drops("drops.rule", "dropped by a [[rule]]", DropCause::Rule),
    drops(
        "drops.refused",
        "taken by no queue pair: ICRC or headers are wrong",
        DropCause::Refused,
    ),
    drops(
        "drops.oversize",
        "larger than the link MTU of a port, coming in (giants, rx_oversize) or going out",
        DropCause::Oversize,
    ),
    drops(
        "drops.wred",
        "dropped early by WRED: not ECN-capable, or at a queue that does not mark",
        DropCause::Wred,
    ),
    call(
        "retransmits.packets",
        Unit::Count,
        Flow,
        "data packets that were sent again",
        eval::retransmits_packets,
    ),
    call(
        "retransmits.bytes",
        Unit::Bytes,
        Flow,
        "payload that was sent again",
        eval::retransmits_bytes,
    ),
    call(
        "retransmits.ratio",
        Unit::Share,
        Flow,
        "data packets sent again / all data packets sent",
        eval::retransmits_ratio,
    ),
    counter(
        "naks",
        "NAKs (PSN sequence error) that requesters received",
        |c| c.packet_seq_err,
    ),
    counter("timeouts", "expiries of the local ACK timer", |c| {
        c.local_ack_timeout_err
    }),
    counter("rnr", "RNR NAKs that requesters received", |c| {
        c.rnr_nak_retry_err
    }),
    // Congestion signals.
    call(
        "ecn.marked",
        Unit::Count,
        PortPriority,
        "frames that left with CE set",
        eval::ecn_marked,
    ),
    counter("cnp.sent", "CNPs sent by notification points", |c| {
        c.np_cnp_sent
    }),
    counter("cnp.handled", "CNPs that slowed a sender down", |c| {
        c.rp_cnp_handled
    }),
    call(
        "pause.frames",
        Unit::Count,
        PortPriority,
        "pause frames received (time > 0), obeyed or not, per priority that they name; \
         an 802.3x frame counts once",
        eval::pause_frames,
    ),
    call(
        "pause.resumes",
        Unit::Count,
        PortPriority,
        "resume frames received (time = 0), likewise",
        eval::pause_resumes,
    ),
    call(
        "pause.sent",
        Unit::Count,
        PortPriority,
        "pause frames sent (time > 0), likewise",
        eval::pause_sent,
    ),
    call(
        "pause.ignored",
        Unit::Count,
        PortPriority,
        "pause frames received (time > 0) that a port does not obey by its configuration: they \
         are of the other kind (PFC, 802.3x) or name another class; with prio, of PFC only",
        eval::pause_ignored,
    ),
    call(
        "pause.time",
        Unit::Duration,
        PortPriority,
        "time for which ports were kept from sending, summed over ports and priorities; \
         802.3x stops a port as a whole, and counts once",
        eval::pause_time,
    ),
    call(
        "pause.longest",
        Unit::Duration,
        PortPriority,
        "longest single uninterrupted pause",
        eval::pause_longest,
    ),
    call(
        "pause.share",
        Unit::Share,
        PortPriority,
        "largest part of the run for which a priority of a port was paused",
        eval::pause_share,
    ),
    // Buffers.
    call(
        "queue.peak",
        Unit::Bytes,
        PortPriority,
        "largest egress backlog of a port (of a queue, with prio)",
        eval::queue_peak,
    ),
    call(
        "headroom.peak",
        Unit::Bytes,
        PortPriority,
        "largest use of the headroom of a priority group",
        eval::headroom_peak,
    ),
    call(
        "buffer.peak",
        Unit::Bytes,
        Node,
        "largest occupancy of a switch's buffer (with node, also of a host's receive buffer)",
        eval::buffer_peak,
    ),
    // What goes wrong in lossless networks.
    call(
        "deadlocks",
        Unit::Count,
        Run,
        "cycles of queues that wait for each other; no value unless they are looked for",
        eval::deadlocks,
    ),
    call(
        "deadlocks.cured",
        Unit::Count,
        Run,
        "those that dissolved",
        eval::deadlocks_cured,
    ),
    call(
        "watchdog.storms",
        Unit::Count,
        PortPriority,
        "storms that PFC watchdogs detected; no value without a watchdog",
        eval::watchdog_storms,
    ),
    call(
        "watchdog.restored",
        Unit::Count,
        PortPriority,
        "storms that ended",
        eval::watchdog_restored,
    ),
    // Ports.
    call(
        "utilisation",
        Unit::Share,
        Port,
        "part of the run in which a port was sending; the mean if several are selected",
        eval::utilisation,
    ),
    call(
        "utilisation.min",
        Unit::Share,
        Port,
        "smallest of it",
        eval::utilisation_min,
    ),
    call(
        "utilisation.max",
        Unit::Share,
        Port,
        "largest of it",
        eval::utilisation_max,
    ),
    call(
        "tx.frames",
        Unit::Count,
        PortPriority,
        "frames sent",
        eval::tx_frames,
    ),
    call(
        "tx.bytes",
        Unit::Bytes,
        PortPriority,
        "bytes sent, on the wire",
        eval::tx_bytes,
    ),
    call(
        "rx.frames",
        Unit::Count,
        Port,
        "frames received",
        eval::rx_frames,
    ),
    call(
        "rx.bytes",
        Unit::Bytes,
        Port,
        "bytes received, on the wire",
        eval::rx_bytes,
    ),
    Metric {
        name: "tx.share",
        unit: Unit::Share,
        scope: PortPriority,
        about: "part of the bytes that a port sent which belong to this priority",
        needs_priority: true,
        eval: Eval::Call(eval::tx_share),
    },
    // The run.
    call(
        "hops",
        Unit::Count,
        Run,
        "frames put on a wire, of all kinds",
        eval::hops,
    ),
    call(
        "events",
        Unit::Count,
        Run,
        "events of the simulation",
        eval::events,
    ),
    call(
        "time.end",
        Unit::Duration,
        Run,
        "simulated time at the end",
        eval::time_end,
    ),
    // hw_counters.
    counter(
        "counters.out_of_sequence",
        "responder: packets beyond the expected PSN",
        |c| c.out_of_sequence,
    ),
    counter(
        "counters.packet_seq_err",
        "requester: NAKs with PSN sequence error",
        |c| c.packet_seq_err,
    ),
    counter(
        "counters.implied_nak_seq_err",
        "requester: later response seen, an earlier one is missing",
        |c| c.implied_nak_seq_err,
    ),
    counter(
        "counters.local_ack_timeout_err",
        "requester: ACK timer expired",
        |c| c.local_ack_timeout_err,
    ),
    counter(
        "counters.rnr_nak_retry_err",
        "requester: RNR NAKs received",
        |c| c.rnr_nak_retry_err,
    ),
    counter(
        "counters.duplicate_request",
        "responder: requests executed before",
        |c| c.duplicate_request,
    ),
    counter(
        "counters.out_of_buffer",
        "responder: no receive was posted",
        |c| c.out_of_buffer,
    ),
    counter(
        "counters.req_transport_retries_exceeded",
        "requester: QP failed, retry_cnt exceeded",
        |c| c.req_transport_retries_exceeded,
    ),
    counter(
        "counters.req_rnr_retries_exceeded",
        "requester: QP failed, rnr_retry exceeded",
        |c| c.req_rnr_retries_exceeded,
    ),
    counter(
        "counters.np_ecn_marked_roce_packets",
        "responder: packets received with CE",
        |c| c.np_ecn_marked_roce_packets,
    ),
    counter("counters.np_cnp_sent", "responder: CNPs sent", |c| {
        c.np_cnp_sent
    }),
    counter(
        "counters.rp_cnp_handled",
        "requester: CNPs that throttled",
        |c| c.rp_cnp_handled,
    ),
    counter("counters.rp_cnp_ignored", "requester: CNPs ignored", |c| {
        c.rp_cnp_ignored
    }),
    counter(
        "counters.rx_icrc_encapsulated",
        "responder: packets with a wrong ICRC",
        |c| c.rx_icrc_encapsulated,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use xoff_model::results::DROP_CAUSES;

    #[test]
    fn names_are_unique_and_every_counter_and_cause_has_one() {
        let names: BTreeSet<&str> = METRICS.iter().map(|m| m.name).collect();
        assert_eq!(names.len(), METRICS.len());
        for (counter, _) in RdmaCounters::default().named() {
            assert!(
                names.contains(format!("counters.{counter}").as_str()),
                "{counter}"
            );
        }
        for (_, cause) in DROP_CAUSES {
            assert!(names.contains(format!("drops.{cause}").as_str()), "{cause}");
        }
    }
}
