//! What the tables come to for the classes of one port.

use super::state::{Map, State, alpha};
use super::tables::{Row, referred};
use crate::device::*;
use crate::fact::Fact;
use crate::source::Span;
use std::array::from_fn;
use std::sync::Arc;
use xoff_model::time::SimDuration;
use xoff_model::units::BitRate;

/// `asymmetric`: where `pfc_asym` is on.
pub(super) fn qos(state: &State, name: &str, asymmetric: Option<Span>) -> Qos {
    let row = state.qos.get(name).copied();
    // Files of buffers alone say nothing of maps and of PFC.
    let mut qos = match state.rows("PORT_QOS_MAP").is_empty() {
        true => Qos::unknown("the file has no PORT_QOS_MAP"),
        false => Qos::plain("the tables do not say it"),
    };
    qos.default_class = Fact::default(0, "frames without a trusted marking are in TC 0");
    qos.dcbx.on = Fact::default(false, "SONiC speaks no DCBX");
    qos.dcbx.willing = Fact::default(false, "switches are not willing");
    qos.pause_rx = Fact::default(false, "SONiC leaves 802.3x off");
    qos.pause_tx = Fact::default(false, "SONiC leaves 802.3x off");
    let enabled = row.and_then(|r| r.field("pfc_enable"));
    let list = enabled.map_or(0, |(list, _)| mask(list));
    if !state.rows("PORT_QOS_MAP").is_empty() {
        trust(state, &mut qos, row);
        pfc(&mut qos, enabled.map(|(_, at)| (list, at)), asymmetric);
    }
    for n in 0..8_u8 {
        let on = enabled.map(|(_, at)| at).filter(|_| list & 1 << n != 0);
        group(state, name, n, on, &mut qos.groups[usize::from(n)]);
        queue(state, name, n, &mut qos.queues[usize::from(n)]);
    }
    if let Some(row) = row {
        classes(state, &mut qos, row, enabled.map(|(_, at)| (list, at)));
    }
    watchdog(state, name, row, &mut qos.watchdog);
    qos
}

/// `3,4`
pub(super) fn mask(list: &str) -> u8 {
    let all = crate::text::numbers(list, 7).unwrap_or_default();
    all.iter().fold(0, |mask, n| mask | 1 << (n & 7))
}

fn trust(state: &State, qos: &mut Qos, row: Option<&Row>) {
    let global = state.qos.get("global").copied();
    let bound = |field: &str| {
        let of = |r: Option<&Row>| {
            let (name, at) = r?.field(field)?;
            Some((referred(name).to_owned(), at)).filter(|(name, _)| !name.is_empty())
        };
        of(row).or_else(|| of(global))
    };
    let missing = "the map is not in the file";
    if let Some((name, at)) = bound("dscp_to_tc_map") {
        let how = "a port with a dscp_to_tc_map sorts by DSCP";
        qos.trust = Fact::implied(Trust::Dscp, at, how);
        qos.dscp = match state.dscp.get(name.as_str()) {
            Some(map) => map.clone(),
            None => Arc::new(from_fn(|_| Fact::unknown(missing))),
        };
    } else if let Some((name, at)) = bound("dot1p_to_tc_map") {
        let how = "a port with a dot1p_to_tc_map sorts by PCP";
        qos.trust = Fact::implied(Trust::Pcp, at, how);
        qos.pcp = match state.pcp.get(name.as_str()) {
            Some(map) => map.clone(),
            None => Arc::new(from_fn(|_| Fact::unknown(missing))),
        };
    } else if state.sorts {
        // Beside ports that have one: it was forgotten, and SAI's default class is 0.
        let why = "a port without a map puts everything into TC 0";
        qos.trust = Fact::default(Trust::Nothing, why);
    } else {
        let why = "no port has a map, and the default of the ASIC is not known";
        qos.trust = Fact::unknown(why);
    }
}

fn pfc(qos: &mut Qos, enabled: Option<(u8, Span)>, asymmetric: Option<Span>) {
    let Some((list, at)) = enabled else {
        return;
    };
    let mode = match list {
        0 => PfcMode::Off,
        _ => PfcMode::On,
    };
    qos.pfc.mode = Fact::stated(mode, at);
    for n in 0..EIGHT {
        let on = list & 1 << n != 0;
        qos.pfc.send[n] = Fact::stated(on, at);
        qos.pfc.obey[n] = match asymmetric {
            Some(at) => Fact::implied(true, at, "pfc_asym obeys pause of every priority"),
            None => Fact::stated(on, at),
        };
    }
}

fn classes(state: &State, qos: &mut Qos, row: &Row, enabled: Option<(u8, Span)>) {
    let map = |table: &'static str, field: &str| {
        let (name, at) = row.reference(field)?;
        Some((state.maps.get(&(table, name)), at))
    };
    let queues = map("TC_TO_QUEUE_MAP", "tc_to_queue_map");
    let groups = map("TC_TO_PRIORITY_GROUP_MAP", "tc_to_pg_map");
    let stops = map("MAP_PFC_PRIORITY_TO_QUEUE", "pfc_to_queue_map")
        .filter(|(map, _)| map.is_some())
        .or_else(|| map("PFC_PRIORITY_TO_QUEUE_MAP", "pfc_to_queue_map"));
    let pause = map("PFC_PRIORITY_TO_PRIORITY_GROUP_MAP", "pfc_to_pg_map").and_then(|(m, _)| m);
    for n in 0..8_u8 {
        let of = |map: Option<(Option<&Map>, Span)>, none: &'static str| match map {
            Some((Some(map), at)) => match map.get(&n) {
                Some(&(value, at)) => Fact::stated(value.min(7), at),
                None => Fact::implied(0, at, "the map has no entry for it"),
            },
            Some((None, _)) => Fact::unknown("the map is not in the file"),
            None => Fact::default(n, none),
        };
        let class = &mut qos.classes[usize::from(n)];
        class.queue = of(queues, "a traffic class is its own queue without a map");
        let own = "a traffic class is its own priority group without a map";
        class.group = of(groups, own);
        let group = class.group.value().unwrap_or(n);
        let by_group = pause.and_then(|map| map.iter().find(|(_, (g, _))| *g == group));
        class.pause = match by_group {
            Some((&priority, &(_, at))) => Fact::stated(priority.min(7), at),
            None => Fact::default(group, "a priority group pauses by its own number"),
        };
        let priority = class.pause.value().unwrap_or(n);
        let lossless = &qos.groups[usize::from(group.min(7))].lossless;
        class.no_drop = match (enabled, lossless.value(), lossless.span()) {
            (Some((list, at)), ..) if list & 1 << (priority & 7) != 0 => Fact::stated(true, at),
            // A buffer with headroom was made for it, though no pause is sent.
            (_, Some(true), Some(at)) => Fact::implied(true, at, "its priority group has headroom"),
            (Some((_, at)), ..) => Fact::stated(false, at),
            (None, ..) => Fact::default(false, "no priority has PFC without pfc_enable"),
        };
        let own = "a priority stops the queue of its number";
        qos.pfc.stops[usize::from(n)] = of(stops, own);
    }
}

/// The ingress buffer of a priority group; `enabled`: PFC is on for it, as that line says.
fn group(state: &State, port: &str, n: u8, enabled: Option<Span>, group: &mut Group) {
    let row = state.pgs.get(&(port, n)).copied();
    let name = row.and_then(|r| r.reference("profile"));
    let profile = name.and_then(|(name, at)| Some((at, state.profiles.get(name).copied()?)));
    if let Some((at, profile)) = profile {
        buffer(at, profile, group);
        return;
    }
    match (state.no_cable(port), enabled, name) {
        (Some(at), Some(_), _) => {
            let how = "no lossless group is made for a cable of 0 m";
            group.lossless = Fact::implied(false, at, how);
            group.headroom = Fact::implied(0, at, "no headroom is made for a cable of 0 m");
        }
        (None, _, Some(("NULL", at))) => {
            let how = "a group without a profile is lossless in the dynamic model";
            group.lossless = Fact::implied(true, at, how);
            group.headroom = Fact::unknown("buffermgrd computes it from speed, cable and MTU");
        }
        (_, _, Some((_, _))) => {
            group.lossless = Fact::unknown("the buffer profile is not in the file");
            group.headroom = Fact::unknown("the buffer profile is not in the file");
        }
        _ => {
            let why = "buffermgrd makes the group from speed, cable and pg_profile_lookup.ini";
            group.lossless = Fact::unknown(why);
            group.headroom = Fact::unknown(why);
        }
    }
}

fn buffer(at: Span, profile: &Row, group: &mut Group) {
    let dynamic = profile
        .field("headroom_type")
        .filter(|(kind, _)| *kind == "dynamic");
    match (profile.number("xoff"), dynamic) {
        (Some((bytes, xoff)), _) => {
            group.lossless = Fact::stated(true, at);
            group.headroom = Fact::stated(bytes, xoff);
        }
        (None, Some((_, kind))) => {
            let how = "a profile of headroom_type dynamic is lossless";
            group.lossless = Fact::implied(true, kind, how);
            group.headroom = Fact::unknown("buffermgrd computes it from speed, cable and MTU");
        }
        (None, None) => {
            group.lossless = Fact::stated(false, at);
            group.headroom = Fact::unknown("a lossy group has no headroom");
        }
    }
    // On Broadcom a small guarantee; on Mellanox headroom and XON are in it, too.
    if let Some((bytes, at)) = profile.number("size") {
        group.reserved = Fact::stated(bytes, at);
    }
    if let Some((bytes, at)) = profile.number("static_th") {
        group.limit = Fact::stated(Limit::Static(bytes), at);
    }
    if let Some((text, at)) = profile.field("dynamic_th")
        && let Ok(power) = text.trim().parse::<i32>()
    {
        group.limit = Fact::stated(alpha(power), at);
    }
    if let Some((bytes, at)) = profile.number("xon_offset") {
        group.xon_offset = Fact::stated(bytes, at);
    }
}

fn queue(state: &State, port: &str, n: u8, queue: &mut Queue) {
    let Some(row) = state.queues.get(&(port, n)).copied() else {
        return;
    };
    let scheduler = row
        .reference("scheduler")
        .and_then(|(name, at)| Some((state.schedulers.get(name)?, at)));
    if let Some((scheduler, at)) = scheduler {
        let kind = scheduler.field("type").map_or("", |(t, _)| t);
        queue.scheduler = match (
            kind.to_ascii_uppercase().as_str(),
            scheduler.number("weight"),
        ) {
            ("STRICT", _) => Fact::stated(Scheduler::Strict, at),
            (_, Some((weight, at))) => {
                let weight = u32::try_from(weight).unwrap_or(u32::MAX);
                Fact::stated(Scheduler::Weight(weight), at)
            }
            _ => Fact::unknown("the scheduler has no weight"),
        };
        shaper(scheduler, queue);
    }
    if let Some((name, bound)) = row.reference("wred_profile").filter(|(n, _)| !n.is_empty()) {
        match state.wreds.get(name) {
            Some(profile) => wred(profile, bound, &mut queue.wred),
            None => queue.wred.action = Fact::unknown("the WRED profile is not in the file"),
        }
    }
}

/// `pir` is in bytes per second if meters count bytes.
fn shaper(scheduler: &Row, queue: &mut Queue) {
    let Some((rate, at)) = scheduler.number("pir").filter(|(rate, _)| *rate > 0) else {
        return;
    };
    queue.shaper = match scheduler.field("meter_type") {
        Some(("packets", _)) => Fact::unknown("its rate is in packets"),
        _ => Fact::stated(Some(BitRate::from_bps(rate.saturating_mul(8))), at),
    };
}

fn wred(profile: &Row, bound: Span, wred: &mut Wred) {
    // Without the field, SAI leaves early drops off.
    let green = profile.field("wred_green_enable");
    let drops = green.is_some_and(|(v, _)| v.eq_ignore_ascii_case("true"));
    let (ecn, at) = profile.field("ecn").unwrap_or(("ecn_none", bound));
    wred.action = match ecn {
        // Packets are green, as nothing colours them.
        "ecn_none" | "ecn_red" | "ecn_yellow" | "ecn_yellow_red" => match drops {
            true => Fact::stated(WredAction::Drop, at),
            false => Fact::stated(WredAction::Off, at),
        },
        "ecn_all" | "ecn_green" | "ecn_green_yellow" | "ecn_green_red" => match (green, drops) {
            (Some(_), false) => {
                Fact::unknown("whether it marks without wred_green_enable depends on the ASIC")
            }
            _ => Fact::stated(WredAction::Mark, at),
        },
        _ => Fact::unknown("the value of ecn is not known"),
    };
    let bytes = |name: &str| match profile.number(name) {
        Some((bytes, at)) => Fact::stated(bytes, at),
        None => Fact::unknown("the profile has no such threshold"),
    };
    wred.min = bytes("green_min_threshold");
    wred.max = bytes("green_max_threshold");
    if let Some((percent, at)) = profile.number("green_drop_probability") {
        wred.percent = Fact::stated(u32::try_from(percent).unwrap_or(100).min(100), at);
    }
}

fn watchdog(state: &State, port: &str, row: Option<&Row>, watchdog: &mut Watchdog) {
    let ms = |(n, at): (u64, Span)| Fact::stated(SimDuration::from_ms(n.min(1 << 30)), at);
    let Some(own) = state.watchdogs.get(port).filter(|_| port != "GLOBAL") else {
        // A file of QoS alone leaves the watchdog to another one.
        if state.has("PFC_WD") || state.has("PORT") {
            watchdog.on = Fact::default(false, "the port has no row in PFC_WD");
        } else {
            watchdog.on = Fact::unknown("the file has no PFC_WD");
        }
        return;
    };
    let list = row.and_then(|r| r.field("pfc_enable"));
    let selected = row.and_then(|r| r.field("pfcwd_sw_enable"));
    watchdog.on = match (selected, list) {
        (Some((selected, at)), Some((list, _))) => {
            Fact::stated(mask(selected) & mask(list) != 0, at)
        }
        (Some((selected, at)), None) => Fact::stated(mask(selected) != 0, at),
        // Databases of before had it for every priority with PFC, and still have when migrated.
        (None, _) => Fact::stated(true, own.at),
    };
    let global = state
        .watchdogs
        .get("GLOBAL")
        .and_then(|r| r.number("POLL_INTERVAL"));
    watchdog.poll = match global {
        Some(poll) => ms(poll),
        None => Fact::default(SimDuration::from_ms(100), "it polls every 100 ms"),
    };
    if let Some(time) = own.number("detection_time") {
        watchdog.detect = ms(time);
    }
    if let Some(time) = own.number("restoration_time") {
        watchdog.restore = ms(time);
    }
    if let Some((action, at)) = own.field("action") {
        watchdog.drops = Fact::stated(action == "drop", at);
    }
}
