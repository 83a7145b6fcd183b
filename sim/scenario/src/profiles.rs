//! Switch profiles, and the parts that switches and NICs share.

use super::diag::Mistakes;
use super::maps;
use super::quantity::{Alpha, Auto, Given, OrHpcc, OrOff, Priority, Quanta, Sp};
use super::raw::*;
use xoff_model::headroom;
use xoff_model::time::SimDuration;
use xoff_model::units::{BitRate, Bytes, Probability};
use xoff_model::*;

fn bits(priorities: &[super::quantity::Priority]) -> u8 {
    priorities.iter().fold(0, |mask, p| mask | 1 << p.0)
}

/// DSCP to priority out of the box: RoCE and its congestion notifications, then class selectors.
pub(crate) fn default_dscp_map() -> [u8; 64] {
    let mut map: [u8; 64] = std::array::from_fn(|dscp| (dscp / 8) as u8);
    map[26] = 3;
    map[48] = 6;
    map
}

/// The marking with its defaults, from `base` where nothing is given.
pub(super) fn marking(raw: &RawMarking, base: Marking) -> Marking {
    let (dscp, pcp) = (raw.dscp.given().map(|d| d.0), raw.pcp.given().map(|p| p.0));
    match raw.priority.given() {
        Some(p) => Marking {
            priority: p.0,
            dscp: dscp.unwrap_or(default_dscp(p.0)),
            pcp: pcp.unwrap_or(p.0),
        },
        None => Marking {
            dscp: dscp.unwrap_or(base.dscp),
            pcp: pcp.unwrap_or(base.pcp),
            ..base
        },
    }
}

/// The marking that a priority has unless told otherwise.
pub(crate) fn default_marking(priority: u8) -> Marking {
    Marking {
        priority,
        dscp: default_dscp(priority),
        pcp: priority,
    }
}

fn default_dscp(priority: u8) -> u8 {
    match priority {
        3 => 26,
        p => 8 * p,
    }
}

/// Pause behaviour of ports with the given rates.
pub(super) fn pause(raw: &RawPfc, rates: &[BitRate]) -> PauseSpec {
    let mode = match raw.mode.get_or(RawPfcMode::Off) {
        RawPfcMode::Off => PauseMode::Off,
        RawPfcMode::Pfc => PauseMode::Pfc,
        RawPfcMode::Global => PauseMode::Global,
    };
    let mask = match mode {
        PauseMode::Off => 0,
        PauseMode::Pfc => raw.priorities.as_ref().map_or(1 << 3, |p| bits(p)),
        PauseMode::Global => 0xff,
    };
    let slowest = rates.iter().map(|r| headroom::response_time(*r)).max();
    let response = match raw.response.get_or(Auto::Auto) {
        Auto::Value(time) => time,
        Auto::Auto => slowest.unwrap_or(SimDuration::ZERO),
    };
    PauseSpec {
        mode,
        tx_mask: if raw.send.get_or(true) { mask } else { 0 },
        rx_mask: if raw.obey.get_or(true) { mask } else { 0 },
        quanta: raw.quanta.get_or(Quanta(Some(u16::MAX))).0,
        response,
        out_of_band: raw.out_of_band.get_or(false),
    }
}

pub(super) fn scheduler(raw: &RawEts, mistakes: &mut Mistakes) -> SchedulerSpec {
    let mut queues = [QueueSched::Dwrr(1); PRIORITIES];
    let strict = raw.strict.as_ref().map_or(0b1100_0000, |p| bits(p));
    for (i, queue) in queues.iter_mut().enumerate() {
        if strict >> i & 1 == 1 {
            *queue = QueueSched::Strict;
        }
    }
    for (i, share) in maps::slots(&raw.shares, "queue", 7, mistakes) {
        match share.value {
            0 => mistakes.at(share, "a share of 0 is never served", "leave the queue out"),
            weight if weight > 10_000 => mistakes.at(share, "share above 10000", ""),
            _ if strict >> i & 1 == 1 && raw.strict.is_some() => {
                let help = "leave it out of `strict` or of `shares`";
                mistakes.at(share, format!("queue {i} has a share and is strict"), help);
            }
            weight => queues[i] = QueueSched::Dwrr(weight),
        }
    }
    let mut shapers = [None; PRIORITIES];
    for (i, rate) in maps::slots(&raw.max, "queue", 7, mistakes) {
        shapers[i] = Some(rate.value);
    }
    SchedulerSpec {
        queues,
        shapers,
        shaper_burst: raw.burst.get_or(Bytes(16 << 10)),
    }
}

/// Builds a switch profile whose ports have the given rates.
pub(super) fn switch(
    name: &str,
    raw: &RawSwitch,
    rates: &[BitRate],
    mistakes: &mut Mistakes,
) -> SwitchProfile {
    SwitchProfile {
        name: name.to_owned(),
        forwarding: match raw.forwarding.get_or(RawForwarding::StoreAndForward) {
            RawForwarding::StoreAndForward => Forwarding::StoreAndForward,
            RawForwarding::CutThrough => Forwarding::CutThrough {
                header_bytes: raw.cut_through_bytes.get_or(64),
            },
        },
        latency: raw.latency.get_or(SimDuration::from_ns(600)),
        buffer: buffer(&raw.buffer, mistakes),
        tail_drop: match raw.tail_drop.get_or(RawTailDrop::Fair) {
            RawTailDrop::Fair => TailDrop::Fair,
            RawTailDrop::Strict => TailDrop::Strict,
        },
        watchdog_poll: raw.watchdog.poll.get_or(SimDuration::from_ms(100)),
        port: switch_port(&raw.own_port(), rates, mistakes),
        exceptions: Vec::new(),
    }
}

/// Builds the profile of switch ports that have the given rates.
pub(super) fn switch_port(
    raw: &RawSwitchPort,
    rates: &[BitRate],
    mistakes: &mut Mistakes,
) -> PortProfile {
    let mut dscp_to_priority = default_dscp_map();
    let priority = |p: &Priority| p.0;
    maps::fill(
        &mut dscp_to_priority,
        &raw.dscp_to_priority,
        "DSCP",
        priority,
        mistakes,
    );
    let mut maps = [std::array::from_fn(|i| i as u8); 3];
    for (map, given, what) in [
        (0, &raw.pcp_to_priority, "PCP"),
        (1, &raw.priority_to_pg, "priority"),
        (2, &raw.priority_to_queue, "priority"),
    ] {
        maps::fill(&mut maps[map], given, what, priority, mistakes);
    }
    let [pcp_to_priority, priority_to_pg, priority_to_queue] = maps;
    let pfc = pause(&raw.pfc, rates);
    let per_port = raw.buffer.per_port.get_or(false) || pfc.mode == PauseMode::Global;
    let lossless = lossless_groups(raw, &pfc, &priority_to_pg, per_port, mistakes);
    PortProfile {
        trust: match raw.trust.get_or(RawTrust::Dscp) {
            RawTrust::Dscp => Trust::Dscp,
            RawTrust::Pcp => Trust::Pcp,
            RawTrust::None => Trust::None,
        },
        dscp_to_priority,
        pcp_to_priority,
        default_priority: raw.default_priority.given().map_or(0, |p| p.0),
        priority_to_pg,
        priority_to_queue,
        pgs: groups(&raw.buffer, lossless, mistakes),
        per_port,
        queues: egress(&raw.buffer, mistakes),
        pfc,
        scheduler: scheduler(&raw.ets, mistakes),
        ecn: ecn(&raw.ecn, mistakes),
        watchdog: watchdog(&raw.watchdog, mistakes),
        link_mtu: link_mtu(&raw.link_mtu, mistakes),
        tagging: match raw.tagging.get_or(RawTagging::AsReceived) {
            RawTagging::AsReceived => Tagging::AsReceived,
            RawTagging::Untagged => Tagging::Untagged,
            RawTagging::Tagged => Tagging::Tagged,
        },
    }
}

/// Bytes of IP packet that a link carries.
pub(super) fn link_mtu(given: &Option<Sp<OrOff<u32>>>, mistakes: &mut Mistakes) -> Option<u32> {
    let mtu = given.get_or(OrOff(None)).0;
    // What IPv4 asks of every link (RFC 791), and the length that it can state.
    let bad = |mtu: &u32| !(68..=65_535).contains(mtu);
    if let (Some(given), Some(bad)) = (given, mtu.filter(bad)) {
        let help = "use 68 to 65535 bytes, or \"off\" for no limit";
        mistakes.at(given, format!("a link MTU of {bad}"), help);
    }
    mtu
}

/// What a value of a limit means.
trait AsLimit: Copy {
    fn limit(self) -> Limit;
}

impl AsLimit for Alpha {
    fn limit(self) -> Limit {
        Limit::Dynamic {
            num: self.num,
            den: self.den,
        }
    }
}

impl AsLimit for OrHpcc<Alpha> {
    fn limit(self) -> Limit {
        match self {
            OrHpcc::HpccNs3 => Limit::DynamicByRate { shift: 3 },
            OrHpcc::Value(alpha) => alpha.limit(),
        }
    }
}

impl AsLimit for Bytes {
    fn limit(self) -> Limit {
        Limit::Static(self)
    }
}

impl AsLimit for OrOff<Bytes> {
    fn limit(self) -> Limit {
        self.0.map_or(Limit::Unlimited, Limit::Static)
    }
}

/// A limit from its two spellings.
fn limit(
    alpha: &Option<Sp<impl AsLimit>>,
    fixed: &Option<Sp<impl AsLimit>>,
    names: [&str; 2],
    mistakes: &mut Mistakes,
) -> Option<Limit> {
    match (alpha, fixed) {
        (Some(_), Some(fixed)) => {
            let message = format!(
                "both `{}` and `{}` limit the same thing",
                names[0], names[1]
            );
            mistakes.at(fixed, message, "keep one of them");
            None
        }
        (Some(alpha), None) => Some(alpha.value.limit()),
        (None, Some(fixed)) => Some(fixed.value.limit()),
        (None, None) => None,
    }
}

/// Which groups are lossless: those of the priorities that send pause, unless they are stated.
fn lossless_groups(
    raw: &RawSwitchPort,
    pfc: &PauseSpec,
    map: &[u8; PRIORITIES],
    per_port: bool,
    mistakes: &mut Mistakes,
) -> [bool; PRIORITIES] {
    let mut lossless = [false; PRIORITIES];
    if per_port {
        lossless[0] = pfc.tx_mask != 0;
        return lossless;
    }
    let paused = |p: &usize| pfc.tx_mask >> p & 1 == 1;
    (0..PRIORITIES)
        .filter(paused)
        .for_each(|p| lossless[usize::from(map[p])] = true);
    if let Some(stated) = &raw.buffer.lossless {
        let groups = bits(stated);
        if let Some(pg) = (0..PRIORITIES).find(|pg| lossless[*pg] && groups >> pg & 1 == 0) {
            let message = format!("priority group {pg} sends pause but is not lossless");
            mistakes.at(
                stated,
                message,
                "list it, or leave it out of pfc.priorities",
            );
        }
        return std::array::from_fn(|pg| groups >> pg & 1 == 1);
    }
    for p in (0..PRIORITIES).filter(|p| !paused(p) && lossless[usize::from(map[*p])]) {
        let pg = map[p];
        let stated = raw
            .priority_to_pg
            .values()
            .find(|v| v.value.0 == pg)
            .map(|v| &v.span);
        let span = stated.or(raw.pfc.priorities.as_ref().map(|v| &v.span));
        let span = span
            .or(raw.pfc.mode.as_ref().map(|v| &v.span))
            .cloned()
            .unwrap_or(0..0);
        let message =
            format!("priority group {pg} holds lossless priorities and lossy priority {p}");
        mistakes.push(
            &span,
            message,
            "",
            "give lossy priorities a group of their own",
        );
    }
    lossless
}

/// The priority groups of a port, some of them lossless.
fn groups(
    b: &RawBuffer,
    lossless: [bool; PRIORITIES],
    mistakes: &mut Mistakes,
) -> [PgSpec; PRIORITIES] {
    let names = ["alpha", "xoff"];
    let pause_limit =
        limit(&b.alpha, &b.xoff, names, mistakes).unwrap_or(Limit::Dynamic { num: 1, den: 8 });
    let lossy_ingress = b
        .lossy_ingress_alpha
        .given()
        .map_or(Limit::Unlimited, AsLimit::limit);
    let mut pgs = lossless.map(|lossless| PgSpec {
        lossless,
        reserve: if lossless {
            b.reserve.get_or(Bytes(0))
        } else {
            Bytes(0)
        },
        headroom: headroom_of(&b.headroom, lossless),
        limit: if lossless { pause_limit } else { lossy_ingress },
        xon_offset: b.xon_offset.get_or(Bytes(8 << 10)),
    });
    for (i, over) in maps::slots(&b.pg, "priority group", 7, mistakes) {
        let pg = &mut pgs[i];
        pg.limit = limit(&over.alpha, &over.xoff, names, mistakes).unwrap_or(pg.limit);
        pg.reserve = over.reserve.get_or(pg.reserve);
        pg.xon_offset = over.xon_offset.get_or(pg.xon_offset);
        if over.headroom.is_some() {
            pg.headroom = headroom_of(&over.headroom, pg.lossless);
        }
    }
    pgs
}

/// What all ports of a switch share.
fn buffer(b: &RawBuffer, mistakes: &mut Mistakes) -> BufferSpec {
    let cell = b.cell.get_or(Bytes(1));
    if !(1..=65_536).contains(&cell.0) {
        let span = b.cell.as_ref().map_or(0..0, |c| c.span.clone());
        mistakes.push(
            &span,
            format!("a cell of {cell}"),
            "",
            "cells have 1 byte to 64 KiB",
        );
    }
    BufferSpec {
        size: b.size.get_or(Bytes(16 << 20)),
        cell_bytes: cell.0.clamp(1, 65_536) as u32,
        headroom_pool: b.headroom_pool.get_or(OrOff(None)).0,
        occupancy: match b.occupancy.get_or(RawOccupancy::Frame) {
            RawOccupancy::Frame => Occupancy::Frame,
            RawOccupancy::Wire => Occupancy::Wire,
        },
    }
}

fn headroom_of(given: &Option<Sp<OrHpcc<Auto<Bytes>>>>, lossless: bool) -> Headroom {
    match given.get_or(OrHpcc::Value(Auto::Auto)) {
        _ if !lossless => Headroom::Bytes(Bytes(0)),
        OrHpcc::HpccNs3 => Headroom::HpccNs3,
        OrHpcc::Value(Auto::Auto) => Headroom::Auto,
        OrHpcc::Value(Auto::Value(bytes)) => Headroom::Bytes(bytes),
    }
}

fn egress(b: &RawBuffer, mistakes: &mut Mistakes) -> [EgressSpec; PRIORITIES] {
    let names = ["lossy_alpha", "lossy_limit"];
    let base = limit(&b.lossy_alpha, &b.lossy_limit, names, mistakes)
        .unwrap_or(Limit::Dynamic { num: 1, den: 1 });
    let mut queues = [EgressSpec {
        reserve: Bytes(0),
        limit: base,
    }; PRIORITIES];
    for (i, over) in maps::slots(&b.queue, "queue", 7, mistakes) {
        let given = limit(&over.alpha, &over.limit, ["alpha", "limit"], mistakes);
        queues[i].limit = given.unwrap_or(base);
        queues[i].reserve = over.reserve.get_or(Bytes(0));
    }
    queues
}

/// Whether a table that is off by default is on: stated, or because it has content.
fn switched(mode: &Option<Sp<RawSwitched>>, content: bool) -> bool {
    mode.given().map_or(content, |m| m == RawSwitched::On)
}

fn ecn(raw: &RawEcn, mistakes: &mut Mistakes) -> [Option<EcnSpec>; PRIORITIES] {
    let base = EcnThresholds {
        rate: BitRate::default(),
        kmin: raw.kmin.get_or(Bytes(150_000)),
        kmax: raw.kmax.get_or(Bytes(1_500_000)),
        pmax: raw.pmax.get_or(Probability::ONE),
    };
    if base.kmin > base.kmax {
        let span = raw
            .kmin
            .as_ref()
            .or(raw.kmax.as_ref())
            .map_or(0..0, |v| v.span.clone());
        kmin_above_kmax(&span, &base, mistakes);
    }
    let (mut by_rate, mut rates) = (Vec::new(), Vec::new());
    for (key, over) in &raw.by_rate {
        match key.parse::<BitRate>() {
            Ok(rate) if rate.bps() > 0 => {
                rates.push((rate, key.as_str(), over));
                by_rate.push(EcnThresholds {
                    rate,
                    ..thresholds(over, base, mistakes)
                });
            }
            Ok(_) => mistakes.at(over, "a rate of zero", ""),
            Err(e) => mistakes.at(over, format!("`{key}`: {e}"), ""),
        }
    }
    maps::once(&mut rates, mistakes);
    by_rate.push(base);
    let stated = raw.queue.len() + raw.by_rate.len() > 0
        || raw.not_ect.is_some()
        || raw.queues.is_some()
        || raw.kmin.is_some()
        || raw.kmax.is_some()
        || raw.pmax.is_some();
    let mode = raw.mode.given().unwrap_or(match stated {
        true => RawEcnMode::On,
        false => RawEcnMode::Off,
    });
    let action = match (mode, raw.not_ect.get_or(RawNotEct::Pass)) {
        (RawEcnMode::Drop, _) => EcnAction::Drop,
        (_, RawNotEct::Drop) => EcnAction::MarkOrDrop,
        (_, RawNotEct::Pass) => EcnAction::Mark,
    };
    let marking = raw.queues.as_ref().map_or(0xff, |q| bits(q));
    let mut queues: [Option<EcnSpec>; PRIORITIES] = std::array::from_fn(|i| {
        (marking >> i & 1 == 1).then(|| EcnSpec {
            by_rate: by_rate.clone(),
            action,
        })
    });
    for (i, over) in maps::slots(&raw.queue, "queue", 7, mistakes) {
        let own = thresholds(over, base, mistakes);
        queues[i] = Some(EcnSpec {
            by_rate: vec![own],
            action,
        });
    }
    match mode {
        RawEcnMode::On | RawEcnMode::Drop => queues,
        RawEcnMode::Off => std::array::from_fn(|_| None),
    }
}

fn thresholds(
    raw: &Sp<RawThresholds>,
    base: EcnThresholds,
    mistakes: &mut Mistakes,
) -> EcnThresholds {
    let own = EcnThresholds {
        rate: base.rate,
        kmin: raw.kmin.get_or(base.kmin),
        kmax: raw.kmax.get_or(base.kmax),
        pmax: raw.pmax.get_or(base.pmax),
    };
    if own.kmin > own.kmax {
        kmin_above_kmax(&raw.span, &own, mistakes);
    }
    own
}

fn kmin_above_kmax(span: &std::ops::Range<usize>, t: &EcnThresholds, mistakes: &mut Mistakes) {
    let message = format!("kmin ({}) is above kmax ({})", t.kmin, t.kmax);
    mistakes.push(
        span,
        message,
        "",
        "marking begins at kmin and is certain above kmax",
    );
}

fn watchdog(raw: &RawWatchdog, mistakes: &mut Mistakes) -> Option<WatchdogSpec> {
    let times = [&raw.poll, &raw.detect, &raw.restore];
    let stated =
        times.iter().any(|t| t.is_some()) || raw.action.is_some() || raw.empty_queue.is_some();
    for zero in times.into_iter().flatten().filter(|t| t.is_zero()) {
        mistakes.at(zero, "a watchdog time of zero", "");
    }
    switched(&raw.mode, stated).then(|| WatchdogSpec {
        detect: raw.detect.get_or(SimDuration::from_ms(200)),
        empty_queue: match raw.empty_queue.get_or(RawEmptyQueue::Storm) {
            RawEmptyQueue::Storm => EmptyQueue::Storm,
            RawEmptyQueue::Ignore => EmptyQueue::Ignore,
        },
        restore: raw.restore.get_or(SimDuration::from_ms(200)),
        action: match raw.action.get_or(RawWatchdogAction::Drop) {
            RawWatchdogAction::Drop => WatchdogAction::Drop,
            RawWatchdogAction::Forward => WatchdogAction::Forward,
        },
    })
}
