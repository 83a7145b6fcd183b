//! Hosts, flows and causes of trouble, from the report of a capture.

use super::figures::{Busy, mean_rate};
use super::{DAY_NS, Flow, Host, LONGEST_NS, RateSource, Replay, ReplayError};
use crate::rate::STANDARD_RATES;
use crate::report::{
    Burst, Cause, Connection, DirectionReport, Marking, Operation, PausePort, Recovery, Service,
    TraceReport,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use xoff_wire::Mac;

/// Slowest pace: packets of 4 KiB follow each other within an eighth of the usual ACK timeout of
/// 67 ms. What went slower in the mean would look like a loss, bit/s.
const SLOWEST: u64 = 4_000_000;
/// Messages from this size on fill the path by themselves: their number in flight says little.
const LARGE_MESSAGE: u64 = 65_536;

/// What a scenario can state as a rate, bit/s.
const RATES: RangeInclusive<u64> = 1_000..=100_000_000_000_000;
/// Largest RDMA message (IBTA 9.7.7), and more than any flow has, bytes.
const MESSAGE_MAX: u64 = 1 << 31;
const BYTES_MAX: u64 = 1 << 60;
/// What the switch is called that stands for the network.
pub(super) const FABRIC: &str = "fabric";

/// Derives a scenario. `link_rate`: what the user says that links run at, bit/s.
pub fn derive(
    report: &TraceReport,
    name: &str,
    link_rate: Option<u64>,
) -> Result<Replay, ReplayError> {
    if speaking(report).next().is_none() {
        return Err(ReplayError::NoData);
    }
    let capture = &report.capture;
    if capture.timeless() {
        return Err(ReplayError::NoTimes);
    }
    let duration_ns = capture.span_ns().unwrap_or(0);
    if duration_ns > LONGEST_NS {
        return Err(ReplayError::TooLong(duration_ns / DAY_NS));
    }
    let mut replay = Replay {
        title: format!("Replay of {name}"),
        mtu: 256,
        duration_ns,
        ..Replay::default()
    };
    find_hosts(report, link_rate, &mut replay)?;
    find_pauses(report, &mut replay);
    find_flows(report, &mut replay);
    find_behaviour(report, &mut replay);
    find_losses(report, &mut replay);
    if replay.flows.is_empty() {
        return Err(ReplayError::NoData);
    }
    Ok(replay)
}

/// Connections and directions that carry data, each from the view that speaks for its sender.
fn speaking(
    report: &TraceReport,
) -> impl Iterator<Item = (usize, usize, &Connection, &DirectionReport)> {
    let all = report.connections.iter().enumerate();
    all.flat_map(|(i, c)| [(i, 0, c), (i, 1, c)])
        .filter(|&(_, d, c)| c.speaks_for_sender[d] && c.directions[d].new_bytes > 0)
        .map(|(i, d, c)| (i, d, c, &c.directions[d]))
}

fn find_hosts(
    report: &TraceReport,
    link_rate: Option<u64>,
    replay: &mut Replay,
) -> Result<(), ReplayError> {
    let mut addresses: BTreeMap<IpAddr, Mac> = BTreeMap::new();
    for (_, _, c, _) in speaking(report) {
        if c.a.address == c.b.address {
            return Err(ReplayError::Loop(c.a.address));
        }
        for end in [c.a, c.b] {
            addresses.entry(end.address).or_insert(end.mac);
        }
    }
    let names = host_names(report, &addresses);
    for ((&address, &mac), name) in addresses.iter().zip(names) {
        let (rate, rate_source) = host_rate(report, address, mac, link_rate);
        replay.hosts.push(Host {
            name,
            address,
            mac,
            rate,
            rate_source,
        });
    }
    for source in [RateSource::Given, RateSource::Inferred, RateSource::Assumed] {
        let hosts: Vec<&str> = replay
            .hosts
            .iter()
            .filter(|h| h.rate_source == source)
            .map(|h| h.name.as_str())
            .collect();
        if hosts.is_empty() {
            continue;
        }
        replay.notes.push(match source {
            RateSource::Given => format!("link rate of {}: as given", some(&hosts)),
            RateSource::Assumed => format!(
                "link rate of {}: assumed, as too few frames show one; --link-rate states it",
                some(&hosts)
            ),
            _ => format!(
                "link rate of {}: inferred from the spacing of frames; --link-rate states it",
                some(&hosts)
            ),
        });
    }
    Ok(())
}

/// The first names of a list.
fn some(names: &[&str]) -> String {
    match names {
        [a, b, c, _, ..] => format!("{a}, {b}, {c} and {} more", names.len() - 3),
        _ => names.join(", "),
    }
}

/// What LLDP calls a host, if each name is said of one address only; else the address.
fn host_names(report: &TraceReport, addresses: &BTreeMap<IpAddr, Mac>) -> Vec<String> {
    let said = |mac: Mac| {
        let ends = report.links.iter().flat_map(|l| &l.ends);
        let system = ends
            .filter(|e| e.mac == mac)
            .find_map(|e| e.system.clone())?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let fits = (1..=40).contains(&system.len()) && system != FABRIC;
        (fits && system.chars().all(allowed)).then_some(system)
    };
    let names: Vec<Option<String>> = addresses.values().map(|&mac| said(mac)).collect();
    let unique: BTreeSet<&String> = names.iter().flatten().collect();
    let all = unique.len() == names.len();
    let plain = |address: &IpAddr| match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => v6.to_string().replace("::", "--").replace(':', "-"),
    };
    addresses
        .keys()
        .zip(&names)
        .map(|(address, name)| match name {
            Some(name) if all => name.clone(),
            _ => plain(address),
        })
        .collect()
}

fn host_rate(
    report: &TraceReport,
    address: IpAddr,
    mac: Mac,
    given: Option<u64>,
) -> (u64, RateSource) {
    if let Some(rate) = given {
        return (rate, RateSource::Given);
    }
    let own = report.interface_of(address);
    let stated = own.and_then(|i| report.capture.interfaces.get(i as usize)?.0.speed);
    if let Some(rate) = stated.filter(|r| RATES.contains(r)) {
        return (rate, RateSource::Stated);
    }
    let observed = report.rates.iter().filter(|r| r.mac == mac);
    let fastest = observed.map(|r| r.rate).max();
    // A host that only receives is as fast as what is sent to it.
    let sent_to_it = || {
        let senders = speaking(report).filter_map(|(_, _, c, _)| match address {
            x if x == c.a.address => Some(c.b.mac),
            x if x == c.b.address => Some(c.a.mac),
            _ => None,
        });
        let senders: BTreeSet<Mac> = senders.collect();
        let rates = report.rates.iter().filter(|r| senders.contains(&r.mac));
        rates.map(|r| r.rate).max()
    };
    let receives_mostly = fastest.is_none_or(|rate| sent_to_it().is_some_and(|r| r > rate));
    let rate = if receives_mostly {
        sent_to_it()
    } else {
        fastest
    };
    match rate {
        Some(rate) => (rate, RateSource::Inferred),
        None => (100_000_000_000, RateSource::Assumed),
    }
}

/// A rate, or the nearest that a scenario can state.
fn simulated(rate: u64) -> u64 {
    rate.clamp(*RATES.start(), *RATES.end())
}

/// The priority of marked traffic, by the tag or by xoff's default DSCP map.
fn priority_of(marking: &Marking) -> u8 {
    match (marking.pcp, marking.dscp) {
        (Some(pcp), _) => pcp,
        (None, 26) => 3,
        (None, 48) => 6,
        (None, dscp) => dscp / 8,
    }
}

/// Whether most of a direction's data is that of READs, which its responder sends.
fn reads(d: &DirectionReport) -> bool {
    d.bursts.iter().any(|b| b.operation == Operation::Read)
}

fn find_flows(report: &TraceReport, replay: &mut Replay) {
    let only_lossless = match replay.lossless.iter().collect::<Vec<_>>()[..] {
        [&one] => Some(one),
        _ => None,
    };
    let mut map = BTreeMap::new();
    let clean = is_clean(report);
    if clean {
        widen(report, replay);
    }
    let mut merged = 0;
    for (connection, direction, c, d) in speaking(report) {
        let (from, to) = if direction == 0 {
            (c.a, c.b)
        } else {
            (c.b, c.a)
        };
        let index = |address: IpAddr| replay.hosts.iter().position(|h| h.address == address);
        let (Some(src), Some(dst)) = (index(from.address), index(to.address)) else {
            continue;
        };
        let mut priority = priority_of(&d.data);
        if let Some(one) = only_lossless.filter(|&p| p != priority && d.data.pcp.is_none()) {
            // The only class that is paused is the class of RDMA.
            map.insert(d.data.dscp, one);
            priority = one;
        }
        replay.mtu = replay.mtu.max(mtu(c, d));
        let model = Flow {
            name: String::new(),
            src,
            dst,
            connection,
            direction,
            service: c.service,
            operation: Operation::Write,
            bytes: 0,
            message: 0,
            depth: None,
            start_ns: 0,
            data: d.data,
            answers: d.answers,
            priority,
            sport: d.sport,
            pace: None,
        };
        let base = report.capture.first_ns.unwrap_or(0);
        let sender = if reads(d) { dst } else { src };
        let link = if clean { replay.hosts[sender].rate } else { 0 };
        replay.flows.extend(bursts(base, link, d, &model));
        merged += d.bursts.iter().map(|b| b.merged).sum::<u64>();
    }
    if merged > 0 {
        replay.notes.push(format!(
            "{merged} bursts are replayed as one with the burst before, as there are too many"
        ));
    }
    finish(replay, map);
}

/// Gives flows their names and what all of them need to know.
fn finish(replay: &mut Replay, map: BTreeMap<u8, u8>) {
    replay.mtu = replay.mtu.clamp(256, 4_096).next_power_of_two();
    for (i, flow) in replay.flows.iter_mut().enumerate() {
        fit(flow, replay.mtu);
        let (src, dst) = (&replay.hosts[flow.src].name, &replay.hosts[flow.dst].name);
        flow.name = format!("{i}.{src}-{dst}");
        flow.name.truncate(64);
    }
    replay.dscp_map = map.into_iter().collect();
    for &(dscp, priority) in &replay.dscp_map {
        replay.notes.push(format!(
            "DSCP {dscp} is taken for priority {priority}, the only one that was paused"
        ));
    }
}

/// Makes a flow one that can be simulated: captures hold operations that the transport lacks, and
/// lengths that are false.
fn fit(flow: &mut Flow, mtu: u32) {
    let datagrams = matches!(flow.service, Service::Ud | Service::Rd);
    match flow.operation {
        _ if datagrams => flow.operation = Operation::Send,
        Operation::Read | Operation::Atomic if flow.service == Service::Uc => {
            flow.operation = Operation::Write;
        }
        Operation::Atomic => flow.bytes = flow.bytes.min(BYTES_MAX).next_multiple_of(8),
        _ => {}
    }
    let largest = if datagrams { mtu.into() } else { MESSAGE_MAX };
    flow.message = flow.message.clamp(1, largest);
    flow.bytes = flow.bytes.clamp(1, BYTES_MAX);
}

/// Path MTU of a connection; of one whose messages take one packet each, what holds the largest.
fn mtu(c: &Connection, d: &DirectionReport) -> u32 {
    if c.mtu > 0 {
        return c.mtu;
    }
    let largest = d.bursts.iter().map(|burst| burst.message).max();
    let mean = d.new_bytes.checked_div(d.data_packets).unwrap_or(0);
    let needed = largest.unwrap_or(mean);
    let sizes = [256, 512, 1024, 2048];
    let fits = sizes.into_iter().find(|&mtu| u64::from(mtu) >= needed);
    fits.unwrap_or(4096)
}

/// A direction as one flow per burst of messages: what was silent stays silent.
fn bursts(base: u64, link: u64, d: &DirectionReport, model: &Flow) -> Vec<Flow> {
    let depth = |bytes: u64| match d.outstanding_max {
        1 => Some(1),
        n if n > 0 && bytes < LARGE_MESSAGE => Some(n),
        _ => None,
    };
    let seen = d.bursts.iter().filter(|burst| burst.bytes > 0);
    let flows = seen.map(|burst| {
        // A capture may begin in the middle of a message.
        let message = burst.message.clamp(1, burst.bytes);
        let pace = pace(d, burst, link);
        Flow {
            operation: burst.operation,
            bytes: burst.bytes,
            message,
            // A pace says all: waiting for completions as well would slow it down.
            depth: depth(message).filter(|_| pace.is_none()),
            start_ns: burst.start_ns.saturating_sub(base),
            pace,
            ..model.clone()
        }
    });
    flows.collect()
}

/// The rate of a burst's packets on the wire, bit/s; None if they went as fast as the link, or if
/// one packet shows none.
fn pace(d: &DirectionReport, burst: &Burst, link: u64) -> Option<u64> {
    // What comes first shows the beginning of the time only; it has the mean length.
    let packets = d.data_packets.max(1);
    let first = d.new_bytes.div_ceil(packets).min(burst.bytes);
    let after = u128::from(burst.bytes - first);
    let wire = after * u128::from(d.wire_bytes) / u128::from(d.new_bytes.max(1));
    let span = burst.end_ns.saturating_sub(burst.start_ns);
    let rate = mean_rate(u64::try_from(wire).unwrap_or(u64::MAX), span)?;
    let rate = simulated(rounded(rate).max(SLOWEST));
    (after > 0 && u128::from(rate) * 10 < u128::from(link) * 9).then_some(rate)
}

/// Three digits, upwards: flows of about the same rate share a table.
fn rounded(rate: u64) -> u64 {
    let digits = rate.checked_ilog10().unwrap_or(0).saturating_sub(2);
    rate.next_multiple_of(10_u64.pow(digits))
}

/// Nothing went wrong: what was sent went at the rate that applications gave it.
fn is_clean(report: &TraceReport) -> bool {
    let paused = |p: &PausePort| p.global_pause > 0 || p.pause.iter().any(|&n| n > 0);
    let all = report.connections.iter().flat_map(|c| &c.directions);
    !report.pauses.iter().any(paused)
        && all
            .map(|d| d.retransmitted_packets | d.cnps | d.rnr_naks | d.ce_marked)
            .all(|n| n == 0)
}

/// Gives hosts of unknown rate a link that carries what came to them at one time.
fn widen(report: &TraceReport, replay: &mut Replay) {
    let base = report.capture.first_ns.unwrap_or(0);
    let mut changes: Vec<(usize, u64, i128)> = Vec::new();
    for (_, direction, c, d) in speaking(report) {
        let to = if direction == 0 { c.b } else { c.a };
        let Some(host) = replay.hosts.iter().position(|h| h.address == to.address) else {
            continue;
        };
        for burst in &d.bursts {
            let Some(rate) = pace(d, burst, u64::MAX) else {
                continue;
            };
            let rate = i128::from(rate);
            changes.push((host, burst.start_ns.saturating_sub(base), rate));
            changes.push((host, burst.end_ns.saturating_sub(base), -rate));
        }
    }
    // What ends goes before what begins.
    changes.sort_unstable();
    let (mut at, mut sum) = (usize::MAX, 0i128);
    for (host, _, change) in changes {
        (at, sum) = (host, if host == at { sum + change } else { change });
        let link = &mut replay.hosts[host];
        let fits = |rate: u64| i128::from(rate) * 51 >= sum * 50;
        if matches!(link.rate_source, RateSource::Inferred | RateSource::Assumed)
            && !fits(link.rate)
        {
            let standard = STANDARD_RATES.into_iter().find(|&r| fits(r));
            link.rate = standard.unwrap_or(link.rate);
        }
    }
}

/// Classes that were paused, by whom; or that LLDP says may be.
fn find_pauses(report: &TraceReport, replay: &mut Replay) {
    for port in &report.pauses {
        replay.global_pause |= port.global() > 0;
        let paused = (0..8u8).filter(|&p| port.pause[usize::from(p)] > 0);
        replay.lossless.extend(paused);
        if let Some(slow) = slow_receiver(report, replay, port) {
            replay.slow.push(slow);
        }
    }
    if replay.global_pause && !replay.lossless.is_empty() {
        let note = "both 802.3x and PFC pause frames were seen: replayed with 802.3x";
        replay.notes.push(note.to_owned());
    }
    if replay.global_pause || !replay.lossless.is_empty() {
        return;
    }
    let links = report.links.iter();
    let agreed = links.flat_map(|l| l.negotiated.iter().flatten());
    for pfc in agreed.filter_map(|o| o.pfc) {
        replay.lossless.extend((0..8).filter(|p| pfc & 1 << p != 0));
    }
    replay.notes.push(if replay.lossless.is_empty() {
        "no pause frame and no PFC in LLDP was seen: PFC is taken to be off".to_owned()
    } else {
        "no pause frame was seen: lossless priorities are those that LLDP agreed on".to_owned()
    });
}

/// A host that sent pause frames, and the rate at which it took data all the same.
fn slow_receiver(report: &TraceReport, replay: &Replay, port: &PausePort) -> Option<(usize, u64)> {
    let host = replay.hosts.iter().position(|h| h.mac == port.sender)?;
    if replay.slow.iter().any(|&(h, _)| h == host)
        || port.pause.iter().all(|&n| n == 0) && port.global_pause == 0
    {
        return None;
    }
    let address = replay.hosts[host].address;
    let mut bytes = 0u64;
    let mut busy = Busy::default();
    for (_, direction, c, d) in speaking(report) {
        let to = if direction == 0 {
            c.b.address
        } else {
            c.a.address
        };
        if to == address {
            bytes = bytes.saturating_add(d.wire_bytes);
            busy.extend(d.bursts.iter().map(|b| (b.start_ns, b.end_ns)));
        }
    }
    let rate = simulated(mean_rate(bytes, busy.ns())?);
    (bytes > 0 && rate < replay.hosts[host].rate).then_some((host, rate))
}

fn find_behaviour(report: &TraceReport, replay: &mut Replay) {
    let mut recovery = BTreeMap::new();
    let mut shortest = u64::MAX;
    for (_, _, c, d) in speaking(report) {
        replay.vlan |= c.vlan.is_some();
        replay.ipv6 |= c.a.address.is_ipv6();
        replay.marking |= d.ce_marked > 0;
        replay.dcqcn |= d.cnps > 0;
        if d.recovery != Recovery::Unknown {
            *recovery
                .entry(format!("{:?}", d.recovery))
                .or_insert((0, d.recovery)) = (d.retransmitted_packets, d.recovery);
        }
        let timeouts = d.episodes.iter().filter(|e| e.cause == Cause::Timeout);
        let delays = timeouts.map(|e| e.delay_ns).filter(|&ns| ns >= 4_096);
        shortest = shortest.min(delays.min().unwrap_or(u64::MAX));
    }
    for c in &report.connections {
        for d in &c.directions {
            replay.marking |= d.ce_marked > 0;
            replay.dcqcn |= d.cnps > 0;
        }
    }
    let most = recovery.values().max_by_key(|(packets, _)| *packets);
    replay.recovery = most.map_or(Recovery::Unknown, |&(_, r)| r);
    if shortest != u64::MAX {
        let code = (shortest / 4_096).ilog2().min(31) as u8;
        replay.timeout = Some(code);
        replay.notes.push(format!(
            "ACK timeout code {code}: the shortest wait for a timeout was {:.3} ms",
            shortest as f64 / 1e6
        ));
    } else {
        let note = "ACK timeout: none was seen, 67 ms (code 14) is assumed";
        replay.notes.push(note.to_owned());
    }
    if replay.ipv6 && replay.hosts.iter().any(|h| h.address.is_ipv4()) {
        let note = "IPv4 and IPv6 are mixed: all frames are replayed as IPv6";
        replay.notes.push(note.to_owned());
    }
    let datagrams = |c: &&Connection| matches!(c.service, Service::Ud | Service::Rd | Service::Xrc);
    let others = report.connections.iter().filter(datagrams).count();
    if others > 0 {
        replay.notes.push(format!(
            "{others} views of UD, RD or XRC queue pairs: only UD with data is replayed"
        ));
    }
}

/// The share of a receiver's packets that were missing on their way to it.
fn find_losses(report: &TraceReport, replay: &mut Replay) {
    let mut totals: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
    for (_, direction, c, d) in speaking(report) {
        let to = if direction == 0 {
            c.b.address
        } else {
            c.a.address
        };
        let Some(host) = replay.hosts.iter().position(|h| h.address == to) else {
            continue;
        };
        let total = totals.entry(host).or_default();
        // Each report of a gap stands for at least one packet.
        total.0 += d.naks.max(d.gaps) + d.timeouts;
        total.1 += d.data_packets;
    }
    let lossy = totals
        .into_iter()
        .filter(|(_, (lost, sent))| *lost > 0 && *sent > 0);
    replay.losses = lossy
        .map(|(host, (lost, sent))| (host, (lost as f64 / sent as f64).min(0.5)))
        .collect();
}
