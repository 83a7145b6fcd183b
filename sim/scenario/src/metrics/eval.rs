//! How each metric is computed from the selected flows, ports or nodes.

use super::metric::{NoData, Outcome};
use super::value::{Value, ppm};
use super::view::{View, selected};
use std::collections::BTreeSet;
use xoff_model::results::{DropCause, FlowResult, FlowStatus, PortResult, PriorityResult};
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::units::{BitRate, Bytes};
use xoff_model::{Op, Role, SwitchProfile};

fn no(why: impl Into<String>) -> Outcome {
    Err(NoData(why.into()))
}

fn count(n: usize) -> Outcome {
    Ok(Value::Count(n as u64))
}

// Flows.

fn with_status(v: &View<'_>, test: fn(FlowStatus) -> bool) -> Outcome {
    count(v.flows.iter().filter(|f| test(f.status)).count())
}

pub(super) fn flows_total(v: &View<'_>) -> Outcome {
    count(v.flows.len())
}

pub(super) fn flows_completed(v: &View<'_>) -> Outcome {
    with_status(v, |s| s == FlowStatus::Completed)
}

pub(super) fn flows_unfinished(v: &View<'_>) -> Outcome {
    with_status(v, |s| s == FlowStatus::Unfinished)
}

pub(super) fn flows_failed(v: &View<'_>) -> Outcome {
    with_status(v, |s| {
        !matches!(s, FlowStatus::Completed | FlowStatus::Unfinished)
    })
}

/// Flow completion time; None if the flow did not complete.
pub fn fct(flow: &FlowResult) -> Option<SimDuration> {
    let end = flow.end.filter(|_| flow.status == FlowStatus::Completed)?;
    Some(end.since(flow.start))
}

/// Completion time over ideal time in parts per million.
pub fn slowdown_ppm(flow: &FlowResult) -> Option<u64> {
    ppm(fct(flow)?.ps(), flow.ideal.ps())
}

/// Payload delivered over the time that the flow was at it.
pub fn goodput(flow: &FlowResult) -> BitRate {
    BitRate::mean_floor(flow.bytes_delivered, last(flow).since(flow.start))
}

fn last(flow: &FlowResult) -> SimTime {
    flow.end.unwrap_or(flow.active_until)
}

/// The sorted values of completed flows, and the name of the first flow that has none.
fn completed(v: &View<'_>, of: fn(&FlowResult) -> Option<u64>) -> (Vec<u64>, Option<NoData>) {
    let mut values: Vec<u64> = v.flows.iter().filter_map(|f| of(f)).collect();
    values.sort_unstable();
    let missing = v.flows.len() - values.len();
    let first = v.flows.iter().find(|f| of(f).is_none());
    let why = first.map(|f| {
        let name = v
            .model
            .flows
            .get(f.flow as usize)
            .map_or("a flow", |f| f.name.as_str());
        NoData(match missing {
            1 => format!("{name} is not finished"),
            n => format!("{name} and {} more are not finished", n - 1),
        })
    });
    (values, why)
}

/// Nearest rank among all flows, those without a value being the largest.
fn percentile(
    v: &View<'_>,
    of: fn(&FlowResult) -> Option<u64>,
    percent: usize,
) -> Result<u64, NoData> {
    let (values, missing) = completed(v, of);
    let rank = (v.flows.len() * percent).div_ceil(100).max(1);
    let none = || missing.unwrap_or_else(|| NoData("no flow".to_owned()));
    values.get(rank - 1).copied().ok_or_else(none)
}

fn mean(v: &View<'_>, of: fn(&FlowResult) -> Option<u64>) -> Result<u64, NoData> {
    let (values, missing) = completed(v, of);
    match missing {
        Some(why) => Err(why),
        None => {
            let sum: u128 = values.iter().map(|&x| u128::from(x)).sum();
            Ok((sum / values.len().max(1) as u128) as u64)
        }
    }
}

fn fct_ps(flow: &FlowResult) -> Option<u64> {
    fct(flow).map(SimDuration::ps)
}

fn duration(ps: u64) -> Value {
    Value::Duration(SimDuration::from_ps(ps))
}

pub(super) fn fct_mean(v: &View<'_>) -> Outcome {
    mean(v, fct_ps).map(duration)
}

pub(super) fn fct_p50(v: &View<'_>) -> Outcome {
    percentile(v, fct_ps, 50).map(duration)
}

pub(super) fn fct_p90(v: &View<'_>) -> Outcome {
    percentile(v, fct_ps, 90).map(duration)
}

pub(super) fn fct_p99(v: &View<'_>) -> Outcome {
    percentile(v, fct_ps, 99).map(duration)
}

pub(super) fn fct_max(v: &View<'_>) -> Outcome {
    percentile(v, fct_ps, 100).map(duration)
}

pub(super) fn fct_min(v: &View<'_>) -> Outcome {
    percentile(v, fct_ps, 0).map(duration)
}

pub(super) fn slowdown_mean(v: &View<'_>) -> Outcome {
    mean(v, slowdown_ppm).map(Value::Ratio)
}

pub(super) fn slowdown_p50(v: &View<'_>) -> Outcome {
    percentile(v, slowdown_ppm, 50).map(Value::Ratio)
}

pub(super) fn slowdown_p99(v: &View<'_>) -> Outcome {
    percentile(v, slowdown_ppm, 99).map(Value::Ratio)
}

pub(super) fn slowdown_max(v: &View<'_>) -> Outcome {
    percentile(v, slowdown_ppm, 100).map(Value::Ratio)
}

fn total_goodput(v: &View<'_>) -> BitRate {
    let first = v.flows.iter().map(|f| f.start).min().unwrap_or_default();
    let end = v.flows.iter().map(|f| last(f)).max().unwrap_or_default();
    BitRate::mean_floor(
        v.flows.iter().map(|f| f.bytes_delivered).sum(),
        end.since(first),
    )
}

pub(super) fn goodput_total(v: &View<'_>) -> Outcome {
    Ok(Value::Rate(total_goodput(v)))
}

/// Whether a flow had anything to send before the run ended: its start had come, and so had the
/// first message that it waits for.
fn has_started(v: &View<'_>, flow: &FlowResult) -> bool {
    if flow.status != FlowStatus::Unfinished || flow.data_packets > 0 {
        return true;
    }
    let Some(spec) = v.model.flows.get(flow.flow as usize) else {
        return true;
    };
    let awaited = spec.after.filter(|_| spec.free_messages == 0);
    let released = awaited.is_none_or(|after| {
        let first = v.model.flows.get(after as usize);
        let first = first.map_or(0, |f| f.message_bytes.min(f.bytes));
        let before = v.results.flows.get(after as usize);
        before.is_some_and(|f| f.bytes_delivered >= first)
    });
    flow.start < flow.active_until && released
}

/// Goodput of the flows that have started.
fn goodputs(v: &View<'_>) -> Result<Vec<BitRate>, NoData> {
    let started = v.flows.iter().filter(|f| has_started(v, f));
    let rates: Vec<BitRate> = started.map(|f| goodput(f)).collect();
    match rates.is_empty() {
        true => Err(NoData("no selected flow has started".to_owned())),
        false => Ok(rates),
    }
}

pub(super) fn goodput_mean(v: &View<'_>) -> Outcome {
    let rates = goodputs(v)?;
    let sum: u128 = rates.iter().map(|r| u128::from(r.bps())).sum();
    let mean = sum / rates.len() as u128;
    Ok(Value::Rate(BitRate::from_bps(mean as u64)))
}

pub(super) fn goodput_min(v: &View<'_>) -> Outcome {
    let least = goodputs(v)?.into_iter().min();
    Ok(Value::Rate(least.unwrap_or_default()))
}

pub(super) fn goodput_max(v: &View<'_>) -> Outcome {
    let most = goodputs(v)?.into_iter().max();
    Ok(Value::Rate(most.unwrap_or_default()))
}

pub(super) fn goodput_jain(v: &View<'_>) -> Outcome {
    // In kbit/s, so that the squares of millions of sums fit 128 bits.
    let rates: Vec<u128> = goodputs(v)?
        .iter()
        .map(|r| u128::from(r.bps() / 1_000))
        .collect();
    let sum: u128 = rates.iter().sum();
    let squares: u128 = rates.iter().map(|r| r * r).sum();
    if squares == 0 {
        return no("nothing was delivered");
    }
    let n = rates.len() as u128;
    let whole = n * squares;
    let part = sum * sum;
    let index = part
        .checked_mul(1_000_000)
        .map_or(part / (whole / 1_000_000).max(1), |p| p / whole);
    Ok(Value::Ratio(index as u64))
}

pub(super) fn efficiency(v: &View<'_>) -> Outcome {
    let mut receivers = BTreeSet::new();
    for flow in &v.flows {
        if let Some(spec) = v.model.flows.get(flow.flow as usize) {
            receivers.insert(if spec.op == Op::Read {
                spec.src
            } else {
                spec.dst
            });
        }
    }
    let ends = v
        .model
        .links
        .iter()
        .flat_map(|l| [(l.a, l.rate), (l.b, l.rate)]);
    let capacity = ends
        .filter(|(node, _)| receivers.contains(node))
        .fold(0u64, |sum, (_, rate)| sum.saturating_add(rate.bps()));
    match ppm(total_goodput(v).bps(), capacity) {
        Some(share) => Ok(Value::Share(share)),
        None => no("the receivers have no link"),
    }
}

fn flow_sum(v: &View<'_>, of: fn(&FlowResult) -> u64) -> u64 {
    v.flows.iter().map(|f| of(f)).sum()
}

pub(super) fn messages_completed(v: &View<'_>) -> Outcome {
    Ok(Value::Count(flow_sum(v, |f| f.messages_completed)))
}

pub(super) fn messages_flushed(v: &View<'_>) -> Outcome {
    Ok(Value::Count(flow_sum(v, |f| f.messages_flushed)))
}

fn latency(v: &View<'_>, which: usize) -> Outcome {
    let known = v
        .flows
        .iter()
        .filter_map(|f| f.message_latency)
        .map(|l| l[which]);
    match known.max() {
        Some(largest) => Ok(Value::Duration(largest)),
        None => no("no message completed"),
    }
}

pub(super) fn latency_p50(v: &View<'_>) -> Outcome {
    latency(v, 0)
}

pub(super) fn latency_p99(v: &View<'_>) -> Outcome {
    latency(v, 1)
}

pub(super) fn latency_max(v: &View<'_>) -> Outcome {
    latency(v, 2)
}

pub(super) fn retransmits_packets(v: &View<'_>) -> Outcome {
    Ok(Value::Count(flow_sum(v, |f| f.retransmitted_packets)))
}

pub(super) fn retransmits_bytes(v: &View<'_>) -> Outcome {
    Ok(Value::Bytes(Bytes(flow_sum(v, |f| f.retransmitted_bytes))))
}

pub(super) fn retransmits_ratio(v: &View<'_>) -> Outcome {
    match ppm(
        flow_sum(v, |f| f.retransmitted_packets),
        flow_sum(v, |f| f.data_packets),
    ) {
        Some(share) => Ok(Value::Share(share)),
        None => no("no data was sent"),
    }
}

// Drops.

/// Whether a cause is a failure of buffering, and not of a link or route.
pub fn is_congestion(cause: DropCause) -> bool {
    use DropCause::{HeadroomFull, HeadroomPoolFull, RxBuffer, TailDrop, Watchdog, Wred};
    matches!(
        cause,
        TailDrop | HeadroomFull | HeadroomPoolFull | RxBuffer | Watchdog | Wred
    )
}

pub(super) fn drops_total(v: &View<'_>) -> Outcome {
    Ok(Value::Count(v.drops_where(|_, _| true)))
}

pub(super) fn drops_lossless(v: &View<'_>) -> Outcome {
    if !priorities(v).any(|p| p.lossless) {
        return no("no selected priority is lossless");
    }
    Ok(Value::Count(v.drops_where(|cause, lossless| {
        lossless && is_congestion(cause)
    })))
}

pub(super) fn drops_lossy(v: &View<'_>) -> Outcome {
    Ok(Value::Count(v.drops_where(|cause, lossless| {
        !lossless && is_congestion(cause)
    })))
}

// Pause, marking, buffers.

fn priorities<'a>(v: &'a View<'_>) -> impl Iterator<Item = &'a PriorityResult> {
    v.ports
        .iter()
        .flat_map(|port| selected(v.priorities).map(|p| &port.priority[p]))
}

fn prio_sum(v: &View<'_>, of: fn(&PriorityResult) -> u64) -> u64 {
    priorities(v).map(of).sum()
}

/// Pause frames: PFC by priority; 802.3x concerns all of them, and counts once.
fn pauses(v: &View<'_>, pfc: fn(&PriorityResult) -> u64, global: fn(&PortResult) -> u64) -> u64 {
    prio_sum(v, pfc) + v.ports.iter().map(|port| global(port)).sum::<u64>()
}

pub(super) fn ecn_marked(v: &View<'_>) -> Outcome {
    Ok(Value::Count(prio_sum(v, |p| p.ecn_marked)))
}

pub(super) fn pause_frames(v: &View<'_>) -> Outcome {
    Ok(Value::Count(pauses(
        v,
        |p| p.rx_pause,
        |p| p.rx_global_pause,
    )))
}

pub(super) fn pause_resumes(v: &View<'_>) -> Outcome {
    Ok(Value::Count(pauses(
        v,
        |p| p.rx_resume,
        |p| p.rx_global_resume,
    )))
}

pub(super) fn pause_sent(v: &View<'_>) -> Outcome {
    Ok(Value::Count(pauses(
        v,
        |p| p.tx_pause,
        |p| p.tx_global_pause,
    )))
}

pub(super) fn pause_ignored(v: &View<'_>) -> Outcome {
    if v.priorities == u8::MAX {
        return Ok(Value::Count(
            v.ports.iter().map(|p| p.rx_pause_ignored).sum(),
        ));
    }
    Ok(Value::Count(prio_sum(v, |p| p.rx_pause_ignored)))
}

pub(super) fn pause_time(v: &View<'_>) -> Outcome {
    let stopped = |port: &PortResult| {
        let whole = port.rx_global_pause_duration;
        if !whole.is_zero() {
            return whole;
        }
        selected(v.priorities).fold(SimDuration::ZERO, |sum, p| {
            sum + port.priority[p].rx_pause_duration
        })
    };
    let total = v
        .ports
        .iter()
        .fold(SimDuration::ZERO, |sum, port| sum + stopped(port));
    Ok(Value::Duration(total))
}

pub(super) fn pause_longest(v: &View<'_>) -> Outcome {
    Ok(Value::Duration(
        priorities(v)
            .map(|p| p.rx_pause_longest)
            .max()
            .unwrap_or_default(),
    ))
}

pub(super) fn pause_share(v: &View<'_>) -> Outcome {
    let longest = priorities(v)
        .map(|p| p.rx_pause_duration)
        .max()
        .unwrap_or_default();
    match ppm(longest.ps(), v.results.end.ps()) {
        Some(share) => Ok(Value::Share(share)),
        None => no("the run has no length"),
    }
}

pub(super) fn queue_peak(v: &View<'_>) -> Outcome {
    let peak = if v.priorities == u8::MAX {
        v.ports.iter().map(|p| p.queue_peak).max()
    } else {
        priorities(v).map(|p| p.queue_peak).max()
    };
    Ok(Value::Bytes(peak.unwrap_or_default()))
}

pub(super) fn headroom_peak(v: &View<'_>) -> Outcome {
    Ok(Value::Bytes(
        priorities(v)
            .map(|p| p.headroom_peak)
            .max()
            .unwrap_or_default(),
    ))
}

pub(super) fn buffer_peak(v: &View<'_>) -> Outcome {
    let switch = |n: usize| matches!(v.model.nodes.get(n).map(|n| n.role), Some(Role::Switch(_)));
    let peak = v
        .nodes
        .iter()
        .map(|&n| n as usize)
        .filter(|&n| v.filtered || switch(n))
        .filter_map(|n| v.results.nodes.get(n))
        .map(|n| n.buffer_peak)
        .max();
    match peak {
        Some(peak) => Ok(Value::Bytes(peak)),
        None => no("there is no switch"),
    }
}

// Pathologies.

pub(super) fn deadlocks(v: &View<'_>) -> Outcome {
    if v.model.deadlock_scan.is_none() {
        return no("deadlocks are not looked for (set simulation.deadlock_scan)");
    }
    count(v.results.deadlocks.len())
}

pub(super) fn deadlocks_cured(v: &View<'_>) -> Outcome {
    deadlocks(v)?;
    count(
        v.results
            .deadlocks
            .iter()
            .filter(|d| d.cured.is_some())
            .count(),
    )
}

fn watchdog(v: &View<'_>, storm: bool) -> Outcome {
    let mut ports = v.model.switches.iter().flat_map(SwitchProfile::ports);
    if ports.all(|port| port.watchdog.is_none()) {
        return no("no switch has a PFC watchdog");
    }
    let here = |node, port| v.ports.iter().any(|p| p.node == node && p.port == port);
    let events = v.results.watchdog.iter().filter(|e| {
        e.storm == storm && v.priorities & 1 << (e.priority & 7) != 0 && here(e.node, e.port)
    });
    count(events.count())
}

pub(super) fn watchdog_storms(v: &View<'_>) -> Outcome {
    watchdog(v, true)
}

pub(super) fn watchdog_restored(v: &View<'_>) -> Outcome {
    watchdog(v, false)
}

// Ports.

fn busy_ppm(v: &View<'_>, port: &PortResult) -> Result<u64, NoData> {
    ppm(port.busy.ps(), v.results.end.ps()).ok_or_else(|| NoData("the run has no length".into()))
}

fn busy_all(v: &View<'_>) -> Result<Vec<u64>, NoData> {
    v.ports.iter().map(|p| busy_ppm(v, p)).collect()
}

pub(super) fn utilisation(v: &View<'_>) -> Outcome {
    let all = busy_all(v)?;
    Ok(Value::Share(
        all.iter().sum::<u64>() / all.len().max(1) as u64,
    ))
}

pub(super) fn utilisation_min(v: &View<'_>) -> Outcome {
    Ok(Value::Share(
        busy_all(v)?.into_iter().min().unwrap_or_default(),
    ))
}

pub(super) fn utilisation_max(v: &View<'_>) -> Outcome {
    Ok(Value::Share(
        busy_all(v)?.into_iter().max().unwrap_or_default(),
    ))
}

fn sent(v: &View<'_>, port: fn(&PortResult) -> u64, prio: fn(&PriorityResult) -> u64) -> u64 {
    if v.priorities == u8::MAX {
        v.ports.iter().map(|p| port(p)).sum()
    } else {
        prio_sum(v, prio)
    }
}

pub(super) fn tx_frames(v: &View<'_>) -> Outcome {
    Ok(Value::Count(sent(v, |p| p.tx_frames, |p| p.tx_frames)))
}

pub(super) fn tx_bytes(v: &View<'_>) -> Outcome {
    Ok(Value::Bytes(Bytes(sent(v, |p| p.tx_bytes, |p| p.tx_bytes))))
}

pub(super) fn rx_frames(v: &View<'_>) -> Outcome {
    Ok(Value::Count(v.ports.iter().map(|p| p.rx_frames).sum()))
}

pub(super) fn rx_bytes(v: &View<'_>) -> Outcome {
    Ok(Value::Bytes(Bytes(
        v.ports.iter().map(|p| p.rx_bytes).sum(),
    )))
}

pub(super) fn tx_share(v: &View<'_>) -> Outcome {
    let whole = v.ports.iter().map(|p| p.tx_bytes).sum();
    match ppm(prio_sum(v, |p| p.tx_bytes), whole) {
        Some(share) => Ok(Value::Share(share)),
        None => no("nothing was sent"),
    }
}

// The run.

pub(super) fn hops(v: &View<'_>) -> Outcome {
    Ok(Value::Count(v.results.packet_hops))
}

pub(super) fn events(v: &View<'_>) -> Outcome {
    Ok(Value::Count(v.results.events))
}

pub(super) fn time_end(v: &View<'_>) -> Outcome {
    Ok(Value::Duration(v.results.end.since(SimTime::ZERO)))
}
