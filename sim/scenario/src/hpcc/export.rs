//! A model of the family as a scenario file.
//!
//! Every value is written so that reading it gives the same again; what a scenario cannot say is
//! an error.

use super::output::Files;
use std::fmt::{Display, Write as _};
use std::str::FromStr;
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::units::{BitRate, Bytes, Probability};
use xoff_model::*;

/// The scenario that runs as `model` does and writes `files`.
pub fn scenario_text(model: &Model, files: &Files, title: &str) -> Result<String, String> {
    let [nic] = &model.nics[..] else {
        return Err("a scenario of the family has one kind of NIC".to_owned());
    };
    if !model.exceptions.is_empty() {
        return Err("ports of a node of the family are alike".to_owned());
    }
    let mut out = Text::default();
    out.line(&format!("title = {}", quoted(title)));
    out.line(&format!("seed = {}", model.seed));
    let until = model.until.map(|t| t.since(SimTime::ZERO));
    out.key("until", &off(until, time));
    simulation(&mut out, model)?;
    wanted(&mut out, model, files);
    network(&mut out, model)?;
    for (i, profile) in model.switches.iter().enumerate() {
        switch(&mut out, profile, i == 0)?;
    }
    host(&mut out, nic)?;
    controls(&mut out, model)?;
    traffic(&mut out, model)?;
    faults(&mut out, model)?;
    Ok(out.0)
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn table(&mut self, name: &str) {
        self.line(&format!("\n{name}"));
    }

    /// A key with a string.
    fn key(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {}", quoted(value)));
    }

    /// A key with a number, a boolean, or a list of numbers.
    fn plain(&mut self, key: &str, value: impl Display) {
        self.line(&format!("{key} = {value}"));
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            // Writing to a String cannot fail.
            c if c.is_control() => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// As people write it, if that is exact.
fn exact<T: Display + FromStr + PartialEq>(value: T, otherwise: String) -> String {
    let text = value.to_string();
    match text.parse::<T>() {
        Ok(read) if read == value => text,
        _ => otherwise,
    }
}

fn time(t: SimDuration) -> String {
    exact(t, format!("{}ps", t.ps()))
}

fn rate(r: BitRate) -> String {
    exact(r, format!("{}bps", r.bps()))
}

fn bytes(b: Bytes) -> String {
    exact(b, format!("{}B", b.0))
}

fn probability(p: Probability) -> String {
    let parts = p.parts();
    let decimal = |digits: usize| format!("{:.digits$}", parts as f64 / (1u64 << 32) as f64);
    let same = |text: &String| text.parse().ok().and_then(Probability::from_fraction) == Some(p);
    let short = (1..=9).map(decimal).find(same);
    short.unwrap_or_else(|| format!("{parts}/4294967296"))
}

/// A factor in 2^16ths.
fn gain(q16: u32) -> String {
    format!("{q16}/65536")
}

fn off<T>(value: Option<T>, text: impl Fn(T) -> String) -> String {
    value.map_or("off".to_owned(), text)
}

/// The numbers of the bits of a mask.
fn mask(mask: u8) -> String {
    let set: Vec<String> = (0..8)
        .filter(|i| mask >> i & 1 == 1)
        .map(|i: u8| i.to_string())
        .collect();
    format!("[{}]", set.join(", "))
}

fn simulation(out: &mut Text, model: &Model) -> Result<(), String> {
    out.table("[simulation]");
    if model.ecmp == EcmpHash::HpccNs3 {
        out.key("ecmp", "hpcc-ns3");
    }
    out.plain("log_pauses", model.log_pauses);
    out.key("deadlock_scan", &off(model.deadlock_scan, time));
    out.key("sample", &off(model.sample, time));
    let Framing::Fixed {
        data_overhead,
        control_bytes,
        pad_last,
    } = model.framing
    else {
        return Err("frames of the family have fixed sizes".to_owned());
    };
    out.table("[simulation.framing]");
    out.key("kind", "fixed");
    out.plain("data_overhead", data_overhead);
    out.plain("control_bytes", control_bytes);
    out.plain("pad_last", pad_last);
    Ok(())
}

/// The files that running the scenario writes.
fn wanted(out: &mut Text, model: &Model, files: &Files) {
    out.table("[simulation.hpcc]");
    out.key("base", &time(files.base.since(SimTime::ZERO)));
    for (key, file) in [("fct", &files.fct), ("pfc", &files.pfc)] {
        if let Some(file) = file {
            out.key(key, file);
        }
    }
    if files.node_ids {
        out.plain("node_ids", true);
    }
    if let (Some(file), Some(watch)) = (&files.qlen, model.queue_watch) {
        out.key("qlen", file);
        out.key("qlen_from", &time(watch.from.since(SimTime::ZERO)));
        out.key("qlen_until", &time(watch.until.since(SimTime::ZERO)));
    }
    if let Some((file, nodes)) = &files.trace {
        let name = |n: &NodeId| quoted(&model.nodes[*n as usize].name);
        let names: Vec<String> = nodes.iter().map(name).collect();
        out.key("trace", file);
        out.plain("trace_nodes", format!("[{}]", names.join(", ")));
    }
}

fn network(out: &mut Text, model: &Model) -> Result<(), String> {
    out.table("[topology]");
    out.key("kind", "explicit");
    // What links have unless they say otherwise.
    let usual = model.links.first();
    out.key("cable", "0m");
    if let Some(link) = usual {
        out.key("rate", &rate(link.rate));
        out.key("phy_delay", &time(link.delay()));
        out.key("loss", &probability(link.loss));
    }
    // Like neighbours share a table: a node's number is its place in the file.
    for run in model.nodes.chunk_by(|a, b| a.role == b.role) {
        let names: Vec<String> = run.iter().map(|n| quoted(&n.name)).collect();
        out.table("[[node]]");
        out.plain("name", format!("[{}]", names.join(", ")));
        if let Role::Switch(profile) = run[0].role {
            out.key("role", "switch");
            out.key("profile", profile_name(model, profile));
        }
    }
    let mut joined = std::collections::BTreeSet::new();
    for link in &model.links {
        let name = |n: NodeId| model.nodes[n as usize].name.as_str();
        out.table("[[link]]");
        out.key("a", name(link.a));
        out.key("b", name(link.b));
        let differs = |same: &dyn Fn(&LinkSpec) -> bool| !usual.is_some_and(same);
        if differs(&|l| l.rate == link.rate) {
            out.key("rate", &rate(link.rate));
        }
        if differs(&|l| l.delay() == link.delay()) {
            out.key("phy_delay", &time(link.delay()));
        }
        if differs(&|l| l.loss == link.loss) {
            out.key("loss", &probability(link.loss));
        }
        if !joined.insert((link.a.min(link.b), link.a.max(link.b))) {
            out.plain("parallel", true);
        }
        if link.drop_every != 0 || link.ber_e18 != 0 {
            return Err("links of the family lose frames at random".to_owned());
        }
    }
    Ok(())
}

/// The first profile is the one that others start from.
fn profile_name(model: &Model, profile: u32) -> &str {
    match profile {
        0 => "default",
        n => &model.switches[n as usize].name,
    }
}

fn switch(out: &mut Text, s: &SwitchProfile, first: bool) -> Result<(), String> {
    let name = if first { "default" } else { &s.name };
    out.table(&format!("[switch.{name}]"));
    let strict = s.tail_drop == TailDrop::Strict;
    out.key("tail_drop", if strict { "strict" } else { "fair" });
    out.key("latency", &time(s.latency));
    buffer(out, name, s)?;
    let s = &s.port;
    pause(out, &format!("switch.{name}"), &s.pfc);
    schedule(out, &format!("switch.{name}"), &s.scheduler);
    out.table(&format!("[switch.{name}.ecn]"));
    let queues = (0..8).filter(|i| s.ecn[*i].is_some());
    let marking = queues.fold(0u8, |m, i| m | 1 << i);
    let Some(ecn) = s.ecn.iter().flatten().next() else {
        out.key("mode", "off");
        return Ok(());
    };
    out.plain("queues", mask(marking));
    let thresholds = |t: &EcnThresholds| {
        [
            ("kmin", bytes(t.kmin)),
            ("kmax", bytes(t.kmax)),
            ("pmax", probability(t.pmax)),
        ]
    };
    // Ports of other rates do not mark: no queue is that long.
    let never = EcnThresholds {
        rate: BitRate::default(),
        kmin: Bytes(1 << 40),
        kmax: Bytes(1 << 40),
        pmax: Probability::ZERO,
    };
    let every = ecn.by_rate.iter().find(|t| t.rate.bps() == 0);
    for (key, value) in thresholds(every.unwrap_or(&never)) {
        out.key(key, &value);
    }
    for t in ecn.by_rate.iter().filter(|t| t.rate.bps() != 0) {
        let pairs = thresholds(t).map(|(key, value)| format!("{key} = {}", quoted(&value)));
        let table = format!("{{ {} }}", pairs.join(", "));
        out.plain(&format!("by_rate.{}", quoted(&rate(t.rate))), table);
    }
    Ok(())
}

fn buffer(out: &mut Text, name: &str, s: &SwitchProfile) -> Result<(), String> {
    let (b, s) = (&s.buffer, &s.port);
    out.table(&format!("[switch.{name}.buffer]"));
    out.key("size", &bytes(b.size));
    if b.occupancy == Occupancy::Wire {
        out.key("occupancy", "wire");
    }
    let lossless = (0..8).filter(|i| s.pgs[*i].lossless);
    out.plain("lossless", mask(lossless.fold(0u8, |m, i| m | 1 << i)));
    if let Some(pg) = s.pgs.iter().find(|pg| pg.lossless) {
        if (pg.headroom, pg.limit) != (Headroom::HpccNs3, Limit::DynamicByRate { shift: 3 }) {
            return Err("buffers of the family have shares by rate".to_owned());
        }
        out.key("headroom", "hpcc-ns3");
        out.key("alpha", "hpcc-ns3");
        out.key("reserve", &bytes(pg.reserve));
        out.key("xon_offset", &bytes(pg.xon_offset));
    }
    // The most frequent limit is that of all queues; others are stated.
    let common = s.queues[7].limit;
    let value = |limit| match limit {
        Limit::Unlimited => Ok(("limit", quoted("off"))),
        Limit::Dynamic { num, den } => Ok(("alpha", quoted(&format!("{num}/{den}")))),
        _ => Err("lossy queues of the family have a share or no limit".to_owned()),
    };
    let (key, text) = value(common)?;
    out.plain(&format!("lossy_{key}"), text);
    for (i, queue) in s
        .queues
        .iter()
        .enumerate()
        .filter(|(_, q)| q.limit != common)
    {
        let (key, text) = value(queue.limit)?;
        out.plain(&format!("queue.{i}"), format!("{{ {key} = {text} }}"));
    }
    Ok(())
}

/// The pause behaviour of the profile `of`.
fn pause(out: &mut Text, of: &str, p: &PauseSpec) {
    out.table(&format!("[{of}.pfc]"));
    let on = p.mode == PauseMode::Pfc;
    out.key("mode", if on { "pfc" } else { "off" });
    out.plain("priorities", mask(p.rx_mask));
    out.plain("send", !on || p.tx_mask != 0);
    let quanta = p.quanta.map_or(quoted("infinite"), |q| q.to_string());
    out.plain("quanta", quanta);
    out.key("response", &time(p.response));
}

fn schedule(out: &mut Text, of: &str, s: &SchedulerSpec) {
    out.table(&format!("[{of}.ets]"));
    let strict = (0..8).filter(|i| s.queues[*i] == QueueSched::Strict);
    out.plain("strict", mask(strict.fold(0u8, |m, i| m | 1 << i)));
    out.key("burst", &bytes(s.shaper_burst));
}

fn host(out: &mut Text, nic: &NicProfile) -> Result<(), String> {
    let rc = &nic.rc;
    out.table("[nic.default]");
    out.plain("mtu", nic.mtu);
    out.plain("control_first", nic.control_first);
    let port = nic.turns == Turns::Port;
    out.key("turns", if port { "port" } else { "class" });
    let sent = nic.pacing == Pacing::Sent;
    out.key("send_latency", &time(nic.send_latency));
    out.key("pacing", if sent { "sent" } else { "due" });
    for (key, value) in [
        ("rx_buffer", nic.port.rx_buffer),
        ("rx_xoff", nic.port.rx_xoff),
        ("rx_xon", nic.port.rx_xon),
    ] {
        out.key(key, &bytes(value));
    }
    let recovery = match rc.recovery {
        Recovery::GoBackN => "go-back-n",
        Recovery::GoBack0 => "go-back-0",
        Recovery::Selective => "selective",
    };
    out.key("recovery", recovery);
    out.plain("ack_every", rc.ack_every);
    out.key("timeout", &time(rc.timeout));
    out.key("retry_cnt", "off");
    out.key("rnr_timer", &time(rc.rnr_timer));
    out.key("nak_delay", &time(rc.nak_delay));
    out.key("nak_repeat", &off(rc.nak_repeat, time));
    out.key("retransmit_delay", &time(rc.retransmit_delay));
    match rc.max_outstanding {
        Some(most) => out.plain("max_outstanding", most),
        None => out.key("max_outstanding", "off"),
    }
    out.plain("max_rd_atomic", rc.max_rd_atomic);
    if rc.retry_cnt.is_some() || rc.rnr_retry.is_some() {
        return Err("queue pairs of the family never give up".to_owned());
    }
    Ok(())
}

/// The congestion control of all flows, and the tables of the NIC that come with it.
fn controls(out: &mut Text, model: &Model) -> Result<(), String> {
    let nic = &model.nics[0];
    let control = model.flows.first().map_or(&CcSpec::None, |f| &f.cc);
    let window = control.window();
    out.key("window", &off(window.map(|w| Bytes(w.bytes)), bytes));
    out.plain("window_variable", window.is_some_and(|w| w.variable));
    out.key("cc", control_name(control));
    pause(out, "nic.default", &nic.port.pfc);
    // Turns of a whole port know no scheduler.
    if nic.turns == Turns::Class {
        schedule(out, "nic.default", &nic.port.scheduler);
    }
    out.table("[nic.default.cnp]");
    match nic.np {
        NpSpec::Off => out.key("mode", "off"),
        NpSpec::EchoOnAck => out.key("mode", "echo"),
        NpSpec::Cnp {
            interval,
            scope,
            marking,
            delay,
        } => {
            out.key("mode", "on");
            out.key("interval", &time(interval));
            out.key("delay", &time(delay));
            let scope = match scope {
                CnpScope::Qp => "qp",
                CnpScope::DestinationIp => "ip",
                CnpScope::Port => "port",
            };
            out.key("scope", scope);
            out.plain("priority", marking.priority);
            out.plain("dscp", marking.dscp);
            out.plain("pcp", marking.pcp);
        }
    }
    parameters(out, control);
    Ok(())
}

fn control_name(control: &CcSpec) -> &'static str {
    match control {
        CcSpec::None => "none",
        CcSpec::Dcqcn(_) => "dcqcn",
        CcSpec::Timely(_) => "timely",
        CcSpec::Hpcc(_) => "hpcc",
        CcSpec::HpccPint(_) => "hpcc-pint",
        CcSpec::Dctcp(_) => "dctcp",
    }
}

fn variant(variant: Variant) -> &'static str {
    match variant {
        Variant::Published => "published",
        Variant::Ns3 => "ns3",
    }
}

fn parameters(out: &mut Text, control: &CcSpec) {
    match control {
        CcSpec::None => {}
        CcSpec::Dcqcn(d) => {
            out.table("[nic.default.dcqcn]");
            out.key("variant", variant(d.variant));
            out.key("first_cnp_rate", &off(d.first_cnp_rate, rate));
            out.key("g", &gain(d.g_q16));
            out.key("alpha_interval", &time(d.alpha_interval));
            out.key("decrease_interval", &time(d.decrease_interval));
            out.key("increase_timer", &time(d.increase_timer));
            out.key("byte_counter", &off(d.byte_counter.map(Bytes), bytes));
            out.plain("fast_recovery", d.fast_recovery);
            out.key("rate_ai", &rate(d.rate_ai));
            out.key("rate_hai", &rate(d.rate_hai));
            out.key("rate_min", &rate(d.rate_min));
            out.plain("clamp_target", d.clamp_target);
        }
        CcSpec::Timely(t) => {
            out.table("[nic.default.timely]");
            out.key("ewma", &gain(t.ewma_q16));
            out.key("beta", &gain(t.beta_q16));
            out.key("t_low", &time(t.t_low));
            out.key("t_high", &time(t.t_high));
            out.key("min_rtt", &time(t.min_rtt));
            out.key("rate_ai", &rate(t.rate_ai));
            out.key("rate_hai", &rate(t.rate_hai));
            out.key("rate_min", &rate(t.rate_min));
        }
        CcSpec::Hpcc(h) => {
            out.table("[nic.default.hpcc]");
            out.key("variant", variant(h.variant));
            out.key("u_target", &gain(h.u_target_q16));
            out.plain("max_stage", h.max_stage);
            out.key("rate_ai", &rate(h.rate_ai));
            out.key("rate_min", &rate(h.rate_min));
            out.key("base_rtt", &time(h.base_rtt));
            out.plain("fast_react", h.fast_react);
            out.plain("multi_rate", h.multi_rate);
            out.plain("sample_feedback", h.sample_feedback);
        }
        CcSpec::HpccPint(p) => {
            out.table("[nic.default.hpcc]");
            out.key("u_target", &gain(p.u_target_q16));
            out.plain("max_stage", p.max_stage);
            out.key("rate_ai", &rate(p.rate_ai));
            out.key("rate_min", &rate(p.rate_min));
            out.key("base_rtt", &time(p.base_rtt));
            out.table("[nic.default.pint]");
            // The second power is the base.
            let base = p.powers.get(1).copied().unwrap_or(1 << 32);
            out.key("log_base", &format!("{base}/4294967296"));
            out.key("probability", &probability(p.probability));
        }
        CcSpec::Dctcp(d) => {
            out.table("[nic.default.dctcp]");
            out.key("g", &gain(d.g_q16));
            out.key("rate_ai", &rate(d.rate_ai));
            out.key("rate_min", &rate(d.rate_min));
        }
    }
}

/// All flows in one table: their order is that of the file.
fn traffic(out: &mut Text, model: &Model) -> Result<(), String> {
    let Some(first) = model.flows.first() else {
        return Err("a scenario needs at least one flow".to_owned());
    };
    out.table("[[traffic]]");
    out.key("kind", "flows");
    out.key("name", &first.group);
    out.plain("priority", first.data.priority);
    out.plain("ack", marking(&first.ack));
    out.key("pace", &off(first.pace, rate));
    let longest = model.flows.iter().map(|f| f.message_bytes).max();
    out.key("message", &bytes(Bytes(longest.unwrap_or(1))));
    out.line("flow = [");
    for flow in &model.flows {
        out.line(&format!("    {},", row(model, first, flow)));
    }
    out.line("]");
    Ok(())
}

fn marking(m: &Marking) -> String {
    let Marking {
        priority,
        dscp,
        pcp,
    } = m;
    format!("{{ priority = {priority}, dscp = {dscp}, pcp = {pcp} }}")
}

/// A flow, with what it does not share with the first.
fn row(model: &Model, first: &FlowSpec, flow: &FlowSpec) -> String {
    let name = |n: NodeId| quoted(&model.nodes[n as usize].name);
    let mut cells = vec![
        format!("src = {}", name(flow.src)),
        format!("dst = {}", name(flow.dst)),
        format!("bytes = {}", quoted(&bytes(Bytes(flow.bytes)))),
        format!("start = {}", quoted(&time(flow.start.since(SimTime::ZERO)))),
        format!("name = {}", quoted(&flow.name)),
        format!("sport = {}", flow.sport),
        format!("dport = {}", flow.dport),
    ];
    if flow.group != first.group {
        cells.push(format!("group = {}", quoted(&flow.group)));
    }
    if flow.data != first.data {
        cells.push(format!("priority = {}", flow.data.priority));
    }
    if flow.ack != first.ack {
        cells.push(format!("ack = {}", marking(&flow.ack)));
    }
    if let Some(path) = &flow.path {
        let via: Vec<String> = path.iter().map(|n| name(*n)).collect();
        cells.push(format!("path = [{}]", via.join(", ")));
    }
    let (window, usual) = (flow.cc.window(), first.cc.window());
    if let Some(window) = window.filter(|w| Some(*w) != usual) {
        cells.push(format!("window = {}", quoted(&bytes(Bytes(window.bytes)))));
    }
    if let Some(rtt) = flow
        .cc
        .base_rtt()
        .filter(|r| Some(*r) != first.cc.base_rtt())
    {
        cells.push(format!("base_rtt = {}", quoted(&time(rtt))));
    }
    format!("{{ {} }}", cells.join(", "))
}

fn faults(out: &mut Text, model: &Model) -> Result<(), String> {
    for fault in &model.faults {
        let FaultKind::LinkDown(down) = fault.kind else {
            return Err("what fails in inputs of the family is a link".to_owned());
        };
        let link = &model.links[down as usize];
        let ends = (link.a.min(link.b), link.a.max(link.b));
        let before = model.links[..down as usize].iter();
        let number = before
            .filter(|l| (l.a.min(l.b), l.a.max(l.b)) == ends)
            .count();
        let name = |n: NodeId| model.nodes[n as usize].name.as_str();
        out.table("[[fault]]");
        out.key("kind", "link-down");
        out.key("at", &time(fault.at.since(SimTime::ZERO)));
        out.key(
            "link",
            &format!("{}:{}#{number}", name(link.a), name(link.b)),
        );
    }
    Ok(())
}
