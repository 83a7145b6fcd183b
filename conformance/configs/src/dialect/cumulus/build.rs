//! The device and its ports, and what does not fit together.

use super::settings::{File, Group, Setting, fields};
use crate::defaults;
use crate::device::*;
use crate::fact::Fact;
use crate::language::{Dialect, Input};
use crate::remark::{Remark, RemarkKind};
use std::array::from_fn;
use std::collections::BTreeMap;
use std::sync::Arc;
use xoff_model::units::Length;

pub(super) fn device(input: Input, file: File) -> Device {
    // Ports in the same groups are alike.
    let mut alike: BTreeMap<Vec<usize>, Port> = BTreeMap::new();
    let mut one = |name: &str| {
        let groups: Vec<usize> = (0..file.groups.len())
            .filter(|n| file.groups[*n].has(name))
            .collect();
        let model = alike
            .entry(groups.clone())
            .or_insert_with(|| port(&file, &groups));
        Port {
            name: name.to_owned(),
            ..model.clone()
        }
    };
    let names = file.ports();
    let ports = names.iter().map(|name| one(name)).collect();
    let other_ports = one("*");
    let alias = input.source.stem().to_owned();
    Device {
        name: alias.clone(),
        alias,
        dialect: Dialect::Cumulus,
        kind: Kind::Switch,
        file: input.file,
        ports,
        other_ports,
        peer_link: None,
        bounce: None,
        host: None,
        remarks: remarks(&file),
        lines: file.lines,
    }
}

/// A port in these groups.
fn port(file: &File, groups: &[usize]) -> Port {
    let why = "it is not in this file but in /etc/network/interfaces";
    let mut port = Port::unknown("", why);
    port.qos = Qos::plain("no setting says it");
    let of = |kind: &'static str| {
        let own = groups.iter().map(|n| &file.groups[*n]);
        own.filter(move |g| g.kind == kind)
    };
    let qos = &mut port.qos;
    qos.dcbx.on = Fact::default(false, "Cumulus sends no DCBX unless lldpd is told to");
    qos.dcbx.willing = Fact::default(false, "switches are not willing");
    qos.watchdog.on = Fact::default(false, "these files have no PFC watchdog");
    classify(file, of("source").next(), qos);
    queues(file, of("egress_sched").next(), qos);
    if let Some(group) = of("pfc").next() {
        pfc(file, group, qos);
        if let Some(length) = file.of(group, "cable_length")
            && let Some(metres) = length.number()
        {
            port.cable = Fact::stated(Length(metres.saturating_mul(1000)), length.at);
        }
    }
    let general = file.get("default_ecn_red_conf.egress_queue_list");
    if let Some(list) = general {
        let of = |name: &str| file.get(&format!("default_ecn_red_conf.{name}"));
        marking(list, &of, &mut port.qos);
    }
    for group in of("ecn").chain(of("ecn_red")) {
        let of = |name: &str| file.of(group, name);
        if let Some(list) = of("egress_queue_list").or_else(|| of("cos_list")) {
            marking(list, &of, &mut port.qos);
        }
    }
    if let Some(group) = of("link_pause").next() {
        let fact = |name: &str| {
            let setting = file.of(group, name);
            setting.map(|s| Fact::stated(s.is_true(), s.at))
        };
        if let Some(on) = fact("rx_enable") {
            port.qos.pause_rx = on;
        }
        if let Some(on) = fact("tx_enable") {
            port.qos.pause_tx = on;
        }
    }
    let qos = &mut port.qos;
    qos.pfc.stops = from_fn(|n| qos.classes[n].queue.clone());
    port
}

/// `source`: a group of ports with settings of its own, in which those of `traffic` do not hold.
fn classify(file: &File, source: Option<&Group>, qos: &mut Qos) {
    let start = source.map_or("traffic".to_owned(), |g| format!("source.{}", g.name));
    let sources = file
        .get(&format!("{start}.packet_priority_source_set"))
        .or_else(|| file.get("traffic.packet_priority_source_set"));
    let has = |name: &str| sources.is_some_and(|s| s.items().contains(&name));
    let (dscp, pcp) = (has("dscp"), has("802.1p") || has("8021p") || has("cos"));
    qos.trust = match (sources, dscp, pcp) {
        // Of both, the DSCP decides for IP, with a tag or without.
        (Some(s), true, _) => Fact::stated(Trust::Dscp, s.at),
        (Some(s), false, true) => Fact::stated(Trust::Pcp, s.at),
        (Some(s), false, false) => Fact::stated(Trust::Nothing, s.at),
        (None, ..) => Fact::default(Trust::Pcp, "802.1p is the only source by default"),
    };
    let default = file
        .get(&format!("{start}.port_default_priority"))
        .or_else(|| file.get("traffic.port_default_priority"));
    if let Some((n, at)) = default.and_then(|s| Some((s.value.parse::<u8>().ok()?, s.at))) {
        qos.default_class = Fact::stated(n.min(7), at);
    }
    let mut by_dscp: [Fact<u8>; 64] = match file.five {
        true => defaults(|n| n >> 3, "DSCP n is in cos n / 8 by default"),
        false => from_fn(|_| {
            Fact::unknown(
                "no line gives the DSCP a cos, and the default of the release is not known",
            )
        }),
    };
    let mut by_pcp: [Fact<u8>; EIGHT] = match file.five {
        true => defaults(|n| n, "802.1p n is cos n by default"),
        // Cos 3 is kept for the CPU: its traffic enters cos 4 with that of 4.
        false => defaults(
            |n| if n == 3 { 4 } else { n },
            "802.1p 3 enters cos 4 by default",
        ),
    };
    for cos in 0..8_u8 {
        for kind in ["dscp", "8021p", "cos"] {
            let name = format!("{start}.cos_{cos}.priority_source.{kind}");
            let Some(setting) = file.get(&name) else {
                continue;
            };
            for n in setting.numbers() {
                let place = match kind {
                    "dscp" => by_dscp.get_mut(usize::from(n)),
                    _ => by_pcp.get_mut(usize::from(n)),
                };
                if let Some(place) = place {
                    *place = Fact::stated(cos, setting.at);
                }
            }
        }
    }
    qos.dscp = Arc::new(by_dscp);
    qos.pcp = Arc::new(by_pcp);
}

fn pfc(file: &File, group: &Group, qos: &mut Qos) {
    let Some(list) = file.of(group, "cos_list") else {
        return;
    };
    let on = |name: &str| match file.of(group, name) {
        Some(setting) => Fact::stated(setting.is_true(), setting.at),
        None => Fact::default(true, "both directions are on by default"),
    };
    let (send, obey) = (on("tx_enable"), on("rx_enable"));
    qos.pfc.mode = Fact::implied(PfcMode::On, list.at, "the port is in a group with PFC");
    let bytes = |name: &str| {
        let setting = file.of(group, name)?;
        Some((setting.number()?, setting.at))
    };
    let lists = list.numbers().into_iter().filter(|n| *n < 8);
    for n in lists.map(usize::from) {
        qos.classes[n].no_drop = Fact::stated(true, list.at);
        qos.pfc.send[n] = send.clone();
        qos.pfc.obey[n] = obey.clone();
        let buffer = &mut qos.groups[n];
        buffer.lossless = Fact::stated(true, list.at);
        let computed = "switchd computes it from speed, MTU and cable";
        buffer.headroom = Fact::unknown(computed);
        if let (Some((all, at)), Some((xoff, limit))) =
            (bytes("port_buffer_bytes"), bytes("xoff_size"))
        {
            let how = "what is above XOFF in the port's buffer";
            buffer.headroom = Fact::implied(all.saturating_sub(xoff), at, how);
            buffer.limit = Fact::stated(Limit::Static(xoff), limit);
        }
        if let Some((delta, at)) = bytes("xon_delta") {
            buffer.xon_offset = Fact::stated(delta, at);
        }
    }
}

fn queues(file: &File, group: Option<&Group>, qos: &mut Qos) {
    for n in 0..8_u8 {
        let queue = file
            .get(&format!("cos_egr_queue.cos_{n}.uc"))
            .or_else(|| file.get(&format!("cos_egr_queue.cos_{n}")));
        if let Some((queue, at)) = queue.and_then(|s| Some((s.value.parse::<u8>().ok()?, s.at))) {
            qos.classes[usize::from(n)].queue = Fact::stated(queue.min(7), at);
        }
        let name = format!("egr_queue_{n}.bw_percent");
        let share = group
            .and_then(|g| file.of(g, &name))
            .or_else(|| file.get(&format!("default_egress_sched.{name}")));
        let share = share.and_then(|s| Some((s.value.parse::<u32>().ok()?, s.at)));
        if let Some((percent, at)) = share {
            // 0 is strict priority.
            let kind = match percent {
                0 => Scheduler::Strict,
                _ => Scheduler::Percent(percent),
            };
            qos.queues[usize::from(n)].scheduler = Fact::stated(kind, at);
        }
    }
}

fn marking<'s, 'a: 's>(
    list: &Setting,
    of: &impl Fn(&str) -> Option<&'s Setting<'a>>,
    qos: &mut Qos,
) {
    let marks = of("ecn_enable").is_none_or(Setting::is_true);
    let drops = of("red_enable").is_some_and(Setting::is_true);
    let action = match (marks, drops) {
        (true, _) => WredAction::Mark,
        (false, true) => WredAction::Drop,
        (false, false) => WredAction::Off,
    };
    let bytes = |name: &str| match of(name).and_then(|s| Some((s.number()?, s.at))) {
        Some((bytes, at)) => Fact::stated(bytes, at),
        None => Fact::unknown("the profile has no such threshold"),
    };
    let queues = list.numbers().into_iter().filter(|n| *n < 8);
    for n in queues.map(usize::from) {
        let wred = &mut qos.queues[n].wred;
        wred.action = Fact::stated(action, list.at);
        wred.min = bytes("min_threshold_bytes");
        wred.max = bytes("max_threshold_bytes");
        if let Some((percent, at)) = of("probability").and_then(|s| Some((s.number()?, s.at))) {
            let percent = u32::try_from(percent).unwrap_or(100).min(100);
            wred.percent = Fact::stated(percent, at);
        }
    }
}

fn remarks(file: &File) -> Vec<Remark> {
    let mut found = Vec::new();
    groups(file, &mut found);
    twice(file, &mut found);
    values(file, &mut found);
    found
}

/// Groups that no list names, and lists that name no group.
fn groups(file: &File, found: &mut Vec<Remark>) {
    for kind in ["pfc", "ecn_red", "ecn", "link_pause"] {
        let listed: Vec<&str> = file
            .groups
            .iter()
            .filter(|g| g.kind == kind)
            .map(|g| g.name)
            .collect();
        let mut told: Vec<&str> = Vec::new();
        let mine = file.settings.iter();
        for setting in mine.filter(|s| s.path.len() == 3 && s.path[0] == kind) {
            let group = setting.path[1];
            if listed.contains(&group) || told.contains(&group) || told.len() > 20 {
                continue;
            }
            told.push(group);
            let cause =
                format!("{kind}.port_group_list does not name `{group}`: its settings do nothing.");
            let cure = format!("Write {kind}.port_group_list = [{group}].");
            found.push(
                Remark::new(RemarkKind::NotBound, setting.at, cause, cure).of_priorities(0xff),
            );
        }
        for group in listed {
            let set = file.get(&format!("{kind}.{group}.port_set"));
            let Some(list) = file.list(kind).filter(|_| set.is_none()) else {
                continue;
            };
            let cause = format!("{kind} group `{group}` has no port_set: it acts on no port.");
            let cure = format!("Write {kind}.{group}.port_set = allports.");
            found.push(Remark::new(RemarkKind::NotBound, list.at, cause, cure).of_priorities(0xff));
        }
    }
}

/// What is said twice, and code points in two lists.
fn twice(file: &File, found: &mut Vec<Remark>) {
    let mut first: BTreeMap<&str, &Setting> = BTreeMap::new();
    let mut points: BTreeMap<(String, u8), &Setting> = BTreeMap::new();
    for setting in &file.settings {
        if found.len() > 40 {
            return;
        }
        if let Some(old) = first.insert(setting.name, setting) {
            if old.value != setting.value {
                let cause = format!("{} is set twice: the last one counts.", setting.name);
                let cure = "Take one of them away.";
                let remark = Remark::new(RemarkKind::Contradiction, setting.at, cause, cure);
                found.push(remark.beside(old.at));
            }
            continue;
        }
        let cos = setting.path.iter().position(|p| p.starts_with("cos_"));
        let source = setting.path.contains(&"priority_source");
        let Some(cos) = cos.filter(|_| source) else {
            continue;
        };
        let (before, kind) = (&setting.path[..cos], setting.path.last().copied());
        let kind = format!("{}.{}", before.join("."), kind.unwrap_or_default());
        for n in setting.numbers() {
            if let Some(old) = points.insert((kind.clone(), n), setting) {
                let cause = format!(
                    "{} and {} both have {n}: it can be in one cos only.",
                    old.name, setting.name
                );
                let cure = "Take it out of one of them.";
                let remark = Remark::new(RemarkKind::Contradiction, setting.at, cause, cure);
                found.push(remark.beside(old.at));
                break;
            }
        }
    }
}

/// Values that are refused, and names that are nearly right.
fn values(file: &File, found: &mut Vec<Remark>) {
    for setting in &file.settings {
        if found.len() > 60 {
            return;
        }
        let (Some(first), Some(last)) = (setting.path.first(), setting.path.last()) else {
            continue;
        };
        let lists = matches!(*last, "cos_list" | "egress_queue_list");
        let wrong = setting.items().into_iter();
        let mut wrong = wrong.filter(|v| !v.parse::<u8>().is_ok_and(|n| n < 8));
        if let Some(value) = wrong.next().filter(|_| lists) {
            let cause = format!("`{value}` in {} is not of 0 to 7.", setting.name);
            let cure = "Write numbers of 0 to 7.";
            let remark = Remark::new(RemarkKind::BadValue, setting.at, cause, cure);
            found.push(remark.of_priorities(0xff));
        }
        let known = fields(first);
        let group = setting.path.len() == 3 || setting.path.len() == 2;
        if !group || known.is_empty() || known.contains(last) {
            continue;
        }
        let short: String = last.chars().take(40).collect();
        let near = |k: &&&str| {
            k.len().abs_diff(short.len()) <= 2 && xoff_scenario::edits::edits(&short, k) <= 2
        };
        if let Some(meant) = known.iter().find(near) {
            let cause = format!("There is no setting {}: it does nothing.", setting.name);
            let cure = format!("Did you mean `{meant}`?");
            let remark = Remark::new(RemarkKind::NoSuchStatement, setting.at, cause, cure);
            found.push(remark.of_priorities(0xff));
        }
    }
    for group in file.groups.iter().filter(|g| g.kind.starts_with("ecn")) {
        let of = |name: &str| file.of(group, name).and_then(|s| Some((s.number()?, s.at)));
        let (Some((min, at)), Some((max, other))) =
            (of("min_threshold_bytes"), of("max_threshold_bytes"))
        else {
            continue;
        };
        if min > max {
            let cause = format!(
                "{} group {} begins to mark at {min} and ends at {max} bytes.",
                group.kind, group.name
            );
            let cure = "Set min_threshold_bytes below max_threshold_bytes.";
            found.push(Remark::new(RemarkKind::BadValue, at, cause, cure).beside(other));
        }
    }
}
