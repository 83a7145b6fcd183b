//! Traffic: patterns become flows.

use super::context::{Context, first_psn};
use super::demands::{Wanted, demands};
use super::diag::Mistakes;
use super::network::{NAME_HELP, Network, valid_name};
use super::nics::Nic;
use super::profiles::{default_marking, marking};
use super::quantity::{Given, OrOff, Sp};
use super::raw::*;
use super::validate::Reach;
use std::collections::{BTreeMap, BTreeSet};
use xoff_model::rng::mix;
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::units::Bytes;
use xoff_model::*;
use xoff_sim::layout::Extent;

/// Messages of one scenario: more are no workload, and each costs a packet.
const MAX_MESSAGES: u64 = 1 << 26;
/// Largest RDMA message (IBTA).
const MAX_MESSAGE: u64 = 1 << 31;
const DEFAULT_MESSAGE: u64 = 1 << 30;
/// UDP destination port of RoCEv2.
const ROCE_PORT: u16 = 4791;

/// What all flows of one traffic table have in common.
struct Common {
    group: String,
    op: Op,
    transport: Transport,
    data: Marking,
    ack: Marking,
    start: SimDuration,
    receives: Option<ReceiveQueue>,
    first_psn: Option<u32>,
}

pub(super) fn build(
    raw: &RawScenario,
    context: &Context<'_>,
    mistakes: &mut Mistakes,
) -> Vec<FlowSpec> {
    let reach = Reach::new(context.network);
    let mut flows: Vec<FlowSpec> = Vec::new();
    let mut names = BTreeSet::new();
    let mut messages = 0;
    let groups = groups(raw, mistakes);
    for (index, (traffic, group)) in raw.traffic.iter().zip(groups).enumerate() {
        let common = common(traffic, group, mistakes);
        let room = context.most_flows().saturating_sub(flows.len() as u64);
        let wanted = demands(traffic, index as u32, room, context, mistakes);
        check_wanted(traffic, &wanted, context.network, &reach, mistakes);
        let qps = qps(traffic, mistakes);
        if (wanted.len() as u64).saturating_mul(qps.into()) > room {
            context.too_many(&traffic.kind, mistakes);
            continue;
        }
        let base = flows.len();
        flows.reserve(wanted.len() * qps as usize);
        for round in 0..qps {
            for (i, one) in wanted.iter().enumerate() {
                let number = i + round as usize * wanted.len();
                let flow = flow(traffic, &common, one, number, base, context, mistakes);
                if !is_countable(traffic, one, &flow, context, &mut messages, mistakes) {
                    break;
                }
                if let Some(name) = &one.name
                    && !names.insert(flow.name.clone())
                {
                    mistakes.at(name, format!("two flows are called `{}`", flow.name), "");
                }
                flows.push(flow);
            }
        }
    }
    // Rules are for the lab, whose hosts bring their own.
    if raw.traffic.is_empty() && raw.rule.is_empty() {
        let help = "add a [[traffic]] table, such as kind = \"incast\" with bytes = \"1MB\"";
        mistakes.push(&(0..0), "the scenario has no traffic".to_owned(), "", help);
    }
    flows
}

/// The group of each traffic table: its name, or its kind, numbered where it repeats.
fn groups(raw: &RawScenario, mistakes: &mut Mistakes) -> Vec<String> {
    let mut used: BTreeMap<String, u32> = BTreeMap::new();
    let mut groups = Vec::new();
    for traffic in &raw.traffic {
        let name = match &traffic.name {
            Some(name) => {
                if !valid_name(name) {
                    mistakes.at(name, format!("`{}` is no name", **name), NAME_HELP);
                }
                name.value.clone()
            }
            None => traffic.kind.value.name().to_owned(),
        };
        let count = used.entry(name.clone()).or_default();
        *count += 1;
        match (*count, &traffic.name) {
            (1, _) => groups.push(name),
            (n, None) => groups.push(format!("{name}-{n}")),
            (_, Some(stated)) => {
                // The tables may share a group, but their flows need names that differ.
                let help = "give each [[traffic]] table a name of its own";
                mistakes.at(stated, format!("two groups are called `{name}`"), help);
                groups.push(name);
            }
        }
    }
    groups
}

fn qps(traffic: &RawTraffic, mistakes: &mut Mistakes) -> u32 {
    let qps = traffic.qps.get_or(1);
    if let Some(given) = traffic
        .qps
        .as_ref()
        .filter(|_| !(1..=65_536).contains(&qps))
    {
        mistakes.at(given, format!("{qps} QPs per pair"), "use 1 to 65536");
        return 1;
    }
    qps
}

fn common(traffic: &Sp<RawTraffic>, group: String, mistakes: &mut Mistakes) -> Common {
    let op = match traffic.op.get_or(RawOp::Write) {
        RawOp::Send => Op::Send,
        RawOp::Write => Op::Write,
        RawOp::Read => Op::Read,
        RawOp::Atomic => Op::Atomic,
    };
    let transport = match traffic.transport.get_or(RawTransport::Rc) {
        RawTransport::Rc => Transport::Rc,
        RawTransport::Uc => Transport::Uc,
        RawTransport::Ud => Transport::Ud,
    };
    let supported = match transport {
        Transport::Rc => true,
        Transport::Uc => matches!(op, Op::Send | Op::Write),
        Transport::Ud => op == Op::Send,
    };
    if let (false, Some(given)) = (supported, &traffic.transport) {
        let help = "RC has all operations, UC send and write, UD send only: set `op`";
        mistakes.at(given, "this transport lacks the operation", help);
    }
    let own = RawMarking {
        priority: traffic.priority.clone(),
        dscp: traffic.dscp.clone(),
        pcp: traffic.pcp.clone(),
    };
    let data = marking(&own, default_marking(3));
    Common {
        group,
        op,
        transport,
        data,
        ack: marking(&traffic.ack, data),
        start: traffic.start.get_or(SimDuration::ZERO),
        receives: receives(traffic, op, mistakes),
        first_psn: first_psn(&traffic.first_psn, mistakes),
    }
}

fn receives(traffic: &RawTraffic, op: Op, mistakes: &mut Mistakes) -> Option<ReceiveQueue> {
    let given = traffic.receives.as_ref()?;
    if op != Op::Send {
        mistakes.at(
            given,
            "only SEND consumes receive buffers",
            "set op = \"send\"",
        );
    }
    if given.posted.value == 0 {
        mistakes.at(
            &given.posted,
            "no receive buffer is ever posted",
            "post at least 1",
        );
    }
    let repost = given.repost.get_or(SimDuration::ZERO);
    Some(ReceiveQueue {
        posted: given.posted.value,
        repost,
    })
}

/// Reports flows that cannot be: to themselves, without bytes, without a path.
fn check_wanted(
    traffic: &Sp<RawTraffic>,
    wanted: &[Wanted],
    network: &Network,
    reach: &Reach,
    mistakes: &mut Mistakes,
) {
    let before = mistakes.count();
    for one in wanted {
        let span = one.span.as_ref().unwrap_or(&traffic.kind.span);
        let (src, dst) = (one.demand.src, one.demand.dst);
        let (from, to) = (network.name(src), network.name(dst));
        if src == dst {
            mistakes.push(span, format!("a flow from `{from}` to itself"), "", "");
        } else if one.demand.bytes == 0 {
            mistakes.push(
                span,
                format!("a flow of zero bytes, `{from}` to `{to}`"),
                "",
                "",
            );
        } else if !reach.connected(src, dst) {
            let message = format!("`{from}` cannot reach `{to}`: no path of links and switches");
            mistakes.push(span, message, "", "hosts do not forward: add a [[link]]");
        }
        // One broken link makes thousands of these.
        if mistakes.count() >= before + 5 {
            return;
        }
    }
}

fn flow(
    traffic: &Sp<RawTraffic>,
    common: &Common,
    wanted: &Wanted,
    number: usize,
    base: usize,
    context: &Context<'_>,
    mistakes: &mut Mistakes,
) -> FlowSpec {
    let demand = &wanted.demand;
    let id = base + number;
    let nic = context.nic_of(demand.src);
    // QPs beyond the first of a named flow get a number.
    let name = match (&wanted.name, number) {
        (Some(name), n) if n == wanted.index => name.value.clone(),
        (Some(name), n) => format!("{}-{n}", **name),
        (None, n) => format!("{}-{n}", common.group),
    };
    let spread = (mix(id as u64) & 0x3fff) as u16;
    let mut flow = FlowSpec {
        name,
        group: common.group.clone(),
        src: demand.src,
        dst: demand.dst,
        src_port: wanted.src_port,
        dst_port: wanted.dst_port,
        start: demand.start + common.start,
        bytes: demand.bytes,
        message_bytes: message_bytes(traffic, common, wanted, nic, mistakes),
        depth: depth(traffic, mistakes),
        op: common.op,
        transport: common.transport,
        data: common.data,
        ack: common.ack,
        ecn_capable: traffic.ecn.get_or(true),
        cc: nic.congestion_control(traffic.cc.get_or(nic.cc)),
        pace: traffic.pace.get_or(OrOff(None)).0,
        sport: wanted.sport.unwrap_or(0xc000 | spread),
        dport: ROCE_PORT,
        path: wanted.path.clone(),
        after: demand
            .after
            .map(|i| (base + number - wanted.index + i) as FlowId),
        free_messages: demand.free_messages,
        receives: common.receives,
        first_psn: wanted.first_psn.or(common.first_psn),
    };
    if let Some(own) = &wanted.own {
        individual(traffic, own, nic, context, &mut flow, mistakes);
    }
    flow
}

/// What a listed flow has of its own.
fn individual(
    traffic: &RawTraffic,
    own: &RawFlow,
    nic: &Nic,
    context: &Context<'_>,
    flow: &mut FlowSpec,
    mistakes: &mut Mistakes,
) {
    if let Some(group) = &own.group {
        if !valid_name(group) {
            mistakes.at(group, format!("`{}` is no name", **group), NAME_HELP);
        }
        flow.group.clone_from(group);
    }
    if let Some(priority) = &own.priority {
        flow.data = default_marking(priority.0);
        flow.ack = marking(&traffic.ack, flow.data);
    }
    if let Some(ack) = &own.ack {
        flow.ack = marking(ack, flow.data);
    }
    if let Some(dport) = &own.dport {
        if !context.fixed {
            let help = "leave `dport` out, or use simulation.framing.kind = \"fixed\"";
            mistakes.at(dport, "RoCEv2 has destination port 4791", help);
        }
        flow.dport = dport.value;
    }
    if let Some(window) = &own.window {
        if window.0 == 0 {
            mistakes.at(window, "a window of zero bytes", "");
        } else if !flow.cc.set_window(nic.window(window.value)) {
            let help = "set `cc`, or bound packets with max_outstanding of the NIC";
            mistakes.at(window, "a window belongs to a congestion control", help);
        }
    }
    if let Some(rtt) = own.base_rtt.as_ref()
        && !flow.cc.set_base_rtt(rtt.value)
    {
        mistakes.at(rtt, "this congestion control knows no base RTT", "");
    }
}

/// Whether a flow begins before the clock ends and has packets that can be counted, and whether all
/// flows so far have no more `messages` than can be simulated.
fn is_countable(
    traffic: &Sp<RawTraffic>,
    wanted: &Wanted,
    flow: &FlowSpec,
    context: &Context<'_>,
    messages: &mut u64,
    mistakes: &mut Mistakes,
) -> bool {
    let own = wanted.span.as_ref();
    if flow.start > SimTime::LAST {
        let stated = traffic.stagger.as_ref().or(traffic.start.as_ref());
        let span = own
            .or(stated.map(|s| &s.span))
            .unwrap_or(&traffic.kind.span);
        let message = format!("`{}` would start after the end of the clock", flow.name);
        let help = format!("all flows must start within {}", SimTime::LAST);
        mistakes.push(span, message, "", &help);
        return false;
    }
    let extent = Extent::new(flow, context.nic_of(flow.src).profile.mtu);
    let stated = traffic.message.as_ref().or(traffic.bytes.as_ref());
    let span = stated
        .map(|s| &s.span)
        .or(own)
        .unwrap_or(&traffic.kind.span);
    if extent.packets > Extent::MOST_PACKETS {
        let message = format!("a flow of {} packets", extent.packets);
        let help = format!("a flow has at most {} packets", Extent::MOST_PACKETS);
        mistakes.push(span, message, "", &help);
        return false;
    }
    *messages = messages.saturating_add(extent.messages);
    if *messages > MAX_MESSAGES {
        let message = format!("{messages} messages");
        let help =
            format!("a scenario has at most {MAX_MESSAGES}: use larger ones, or fewer bytes");
        mistakes.push(span, message, "", &help);
        return false;
    }
    true
}

fn depth(traffic: &RawTraffic, mistakes: &mut Mistakes) -> Option<u32> {
    let depth = traffic.depth.as_ref()?;
    if depth.0 == Some(0) {
        mistakes.at(
            depth,
            "no message may be posted",
            "use \"off\" for no limit",
        );
    }
    depth.0
}

fn message_bytes(
    traffic: &Sp<RawTraffic>,
    common: &Common,
    wanted: &Wanted,
    nic: &Nic,
    mistakes: &mut Mistakes,
) -> u64 {
    let bytes = wanted.demand.bytes;
    let mtu = u64::from(nic.profile.mtu);
    let largest = if common.transport == Transport::Ud {
        mtu
    } else {
        MAX_MESSAGE
    };
    if let Some(given) = traffic
        .message
        .as_ref()
        .filter(|m| m.0 == 0 || m.0 > largest)
    {
        let help = format!("use 1B to {} here", Bytes(largest));
        mistakes.at(given, format!("messages of {}", given.value), &help);
        return 1;
    }
    if common.op == Op::Atomic {
        if !bytes.is_multiple_of(8) {
            let span = wanted.span.as_ref().unwrap_or(&traffic.kind.span);
            let message = format!("{bytes} bytes are no whole number of atomics");
            mistakes.push(span, message, "", "atomics have 8 bytes each");
        }
        return 8;
    }
    let stated = wanted
        .demand
        .message_bytes
        .or(traffic.message.given().map(|m| m.0));
    stated
        .unwrap_or(bytes.min(DEFAULT_MESSAGE).min(largest))
        .max(1)
}
