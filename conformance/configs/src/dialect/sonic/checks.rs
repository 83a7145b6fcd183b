//! What is wrong with the tables themselves: names that do not exist, values that are refused, what is
//! bound to nothing.

use super::qos::mask;
use super::state::{State, metres};
use super::tables::{Document, Part, Row, Twice, meant, similar};
use crate::remark::{Remark, RemarkKind};
use crate::source::Span;
use std::collections::BTreeSet;

/// The fields of tables in which an unknown one is a mistake.
pub(super) const FIELDS: [(&str, &[&str]); 9] = [
    (
        "PORT_QOS_MAP",
        &[
            "dscp_to_tc_map",
            "dot1p_to_tc_map",
            "tc_to_queue_map",
            "tc_to_pg_map",
            "pfc_to_queue_map",
            "pfc_to_pg_map",
            "pfc_enable",
            "pfcwd_sw_enable",
            "scheduler",
            "tc_to_dscp_map",
            "tc_to_dot1p_map",
            "dscp_to_fc_map",
            "exp_to_fc_map",
            "mpls_tc_to_tc_map",
            "pfc_asym",
        ],
    ),
    (
        "BUFFER_POOL",
        &["size", "type", "mode", "xoff", "percentage"],
    ),
    (
        "BUFFER_PROFILE",
        &[
            "pool",
            "size",
            "xon",
            "xoff",
            "xon_offset",
            "dynamic_th",
            "static_th",
            "headroom_type",
            "packet_discard_action",
        ],
    ),
    ("BUFFER_PG", &["profile"]),
    ("BUFFER_QUEUE", &["profile"]),
    (
        "WRED_PROFILE",
        &[
            "wred_green_enable",
            "wred_yellow_enable",
            "wred_red_enable",
            "ecn",
            "green_max_threshold",
            "green_min_threshold",
            "yellow_max_threshold",
            "yellow_min_threshold",
            "red_max_threshold",
            "red_min_threshold",
            "green_drop_probability",
            "yellow_drop_probability",
            "red_drop_probability",
            "weight",
        ],
    ),
    (
        "SCHEDULER",
        &[
            "type",
            "weight",
            "meter_type",
            "cir",
            "cbs",
            "pir",
            "pbs",
            "priority",
        ],
    ),
    ("QUEUE", &["scheduler", "wred_profile"]),
    (
        "PFC_WD",
        &[
            "action",
            "detection_time",
            "restoration_time",
            "POLL_INTERVAL",
            "BIG_RED_SWITCH",
            "pfc_stat_history",
        ],
    ),
];

/// Whether a field of a table is one.
pub(super) fn known(table: &str, field: &str) -> bool {
    let fields = FIELDS.iter().find(|(name, _)| *name == table);
    fields.is_none_or(|(_, fields)| {
        fields.contains(&field) || field.bytes().all(|b| b.is_ascii_digit())
    })
}

/// Most remarks of one kind: more say nothing new.
const MOST: usize = 20;

pub(super) fn check(
    document: &Document,
    part: &Part,
    state: &State,
    twice: &[Twice],
) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for at in document.commas().iter().take(MOST) {
        let cause =
            "Nothing follows this comma: that is no JSON, and `config load` refuses the file.";
        let cure = "Take the comma away.";
        remarks.push(Remark::new(RemarkKind::BadValue, *at, cause, cure));
    }
    for one in twice.iter().take(MOST) {
        let cause = format!(
            "{} is there twice: the last one counts.",
            capital(&one.what)
        );
        let cure = "Take one of them away.";
        let remark = Remark::new(RemarkKind::Contradiction, one.key.at, cause, cure);
        remarks.push(remark.beside(one.first));
    }
    names(part, state, &mut remarks);
    references(state, &mut remarks);
    curves(state, &mut remarks);
    values(state, &mut remarks);
    unbound(state, &mut remarks);
    watchdogs(state, &mut remarks);
    remarks
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

fn names(part: &Part, state: &State, remarks: &mut Vec<Remark>) {
    for (name, at) in part.names() {
        let Some(meant) = meant(name) else { continue };
        let cause = format!("SONiC has no table `{name}`: what is in it does nothing.");
        let cure = format!("Did you mean `{meant}`?");
        remarks.push(Remark::new(RemarkKind::NoSuchStatement, at, cause, cure).of_priorities(0xff));
    }
    for (table, fields) in FIELDS {
        for row in state.rows(table) {
            for (key, _) in row.fields.entries() {
                if known(table, &key.text) {
                    continue;
                }
                let Some(meant) = similar(&key.text, fields) else {
                    continue;
                };
                let cause = format!("{table} has no field `{}`: it does nothing.", key.text);
                let cure = format!("Did you mean `{meant}`?");
                let remark = Remark::new(RemarkKind::NoSuchStatement, key.at, cause, cure);
                remarks.push(one_port(remark.of_priorities(0xff), table, row));
            }
        }
    }
}

/// The remark is about the port of a row, if the row is of one.
fn one_port(remark: Remark, table: &str, row: &Row) -> Remark {
    let mut ports = row.ports();
    let by_port = [
        "PORT_QOS_MAP",
        "BUFFER_PG",
        "BUFFER_QUEUE",
        "QUEUE",
        "PFC_WD",
    ];
    match (ports.next(), ports.next()) {
        (Some(name), None) if by_port.contains(&table) && name.starts_with("Ethernet") => {
            remark.on_port(name)
        }
        _ => remark,
    }
}

/// Fields that name rows of other tables.
const REFERENCES: [(&str, &str, &[&str]); 13] = [
    ("PORT_QOS_MAP", "dscp_to_tc_map", &["DSCP_TO_TC_MAP"]),
    ("PORT_QOS_MAP", "dot1p_to_tc_map", &["DOT1P_TO_TC_MAP"]),
    ("PORT_QOS_MAP", "tc_to_queue_map", &["TC_TO_QUEUE_MAP"]),
    (
        "PORT_QOS_MAP",
        "tc_to_pg_map",
        &["TC_TO_PRIORITY_GROUP_MAP"],
    ),
    (
        "PORT_QOS_MAP",
        "pfc_to_queue_map",
        &["MAP_PFC_PRIORITY_TO_QUEUE", "PFC_PRIORITY_TO_QUEUE_MAP"],
    ),
    (
        "PORT_QOS_MAP",
        "pfc_to_pg_map",
        &["PFC_PRIORITY_TO_PRIORITY_GROUP_MAP"],
    ),
    ("PORT_QOS_MAP", "tc_to_dscp_map", &["TC_TO_DSCP_MAP"]),
    ("PORT_QOS_MAP", "scheduler", &["SCHEDULER"]),
    ("BUFFER_PG", "profile", &["BUFFER_PROFILE"]),
    ("BUFFER_QUEUE", "profile", &["BUFFER_PROFILE"]),
    ("BUFFER_PROFILE", "pool", &["BUFFER_POOL"]),
    ("QUEUE", "scheduler", &["SCHEDULER"]),
    ("QUEUE", "wred_profile", &["WRED_PROFILE"]),
];

fn references(state: &State, remarks: &mut Vec<Remark>) {
    let mut told: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (table, field, targets) in REFERENCES {
        // A file without the table is a part of a configuration.
        if !targets.iter().any(|t| state.has(t)) {
            continue;
        }
        let there: BTreeSet<&str> = targets
            .iter()
            .flat_map(|t| state.rows(t))
            .filter_map(|r| r.key.first().copied())
            .collect();
        let target = targets[0];
        for row in state.rows(table) {
            let Some((name, at)) = row.reference(field) else {
                continue;
            };
            if name.is_empty() || name == "NULL" || there.contains(name) {
                continue;
            }
            if !told.insert((target, name)) {
                continue;
            }
            let cause = format!("`{name}` is no row of {target}: the reference is refused.");
            let cure = match similar(name, &there.iter().copied().collect::<Vec<_>>()) {
                Some(meant) => format!("Did you mean `{meant}`?"),
                None => format!("Name a row of {target}, or add `{name}`."),
            };
            let remark = Remark::new(RemarkKind::UnknownName, at, cause, cure);
            remarks.push(one_port(remark.of_priorities(0xff), table, row));
        }
    }
}

/// Where WRED begins must be below where it ends.
fn curves(state: &State, remarks: &mut Vec<Remark>) {
    for (name, row) in &state.wreds {
        for color in ["green", "yellow", "red"] {
            let value = |what: &str| row.number(&format!("{color}_{what}_threshold"));
            let (Some((min, at)), Some((max, other))) = (value("min"), value("max")) else {
                continue;
            };
            if min <= max {
                continue;
            }
            let cause = format!(
                "WRED profile {name} begins at {min} and ends at {max} bytes: it is refused."
            );
            let cure = format!("Set {color}_min_threshold below {color}_max_threshold.");
            remarks.push(Remark::new(RemarkKind::BadValue, at, cause, cure).beside(other));
            break;
        }
    }
}

fn bad(at: Span, text: &str, field: &str, wanted: &str) -> Remark {
    let cause = format!("`{text}` is no value of {field}: it is refused.");
    Remark::new(RemarkKind::BadValue, at, cause, format!("Write {wanted}."))
}

/// Values outside of what their fields take.
fn values(state: &State, remarks: &mut Vec<Remark>) {
    for row in state.rows("PORT_QOS_MAP") {
        for field in ["pfc_enable", "pfcwd_sw_enable"] {
            let Some((list, at)) = row.field(field).filter(|(list, _)| !list.is_empty()) else {
                continue;
            };
            if crate::text::numbers(list, 7).is_none() {
                let remark = bad(at, list, field, "priorities of 0 to 7 such as `3,4`");
                remarks.push(one_port(remark.of_priorities(0xff), "PORT_QOS_MAP", row));
            }
        }
    }
    let mut found = 0;
    for (table, keys) in [
        ("DSCP_TO_TC_MAP", 63),
        ("DOT1P_TO_TC_MAP", 7),
        ("TC_TO_PRIORITY_GROUP_MAP", 7),
        ("PFC_PRIORITY_TO_PRIORITY_GROUP_MAP", 7),
    ] {
        for (key, value) in state.rows(table).iter().flat_map(|r| r.fields.entries()) {
            let text = value.text().unwrap_or_default();
            let to = text.trim().parse::<u8>().is_ok_and(|n| n < 8);
            let from = crate::text::numbers(&key.text, keys).is_some();
            if (from && to) || found >= MOST {
                continue;
            }
            found += 1;
            let (at, text, wanted) = match from {
                true => (value.at, text, "0 to 7".to_owned()),
                false => (key.at, key.text.as_str(), format!("0 to {keys}")),
            };
            remarks.push(bad(at, text, table, &wanted));
        }
    }
    for row in state.rows("PFC_WD") {
        let known = ["drop", "forward", "alert"];
        if let Some((action, at)) = row.field("action").filter(|(a, _)| !known.contains(a)) {
            let remark = bad(at, action, "action", "`drop`, `forward` or `alert`");
            remarks.push(one_port(remark, "PFC_WD", row));
        }
    }
    for (port, (text, at)) in &state.cables {
        if metres(text).is_none() {
            remarks.push(bad(*at, text, "CABLE_LENGTH", "metres such as `40m`").on_port(*port));
        }
    }
}

/// Maps and curves that no port and no queue has.
fn unbound(state: &State, remarks: &mut Vec<Remark>) {
    let ports = state.qos.keys().any(|name| name.starts_with("Ethernet"));
    let global = state.qos.get("global");
    let sorts = state.sorts || global.is_some_and(|r| r.field("dscp_to_tc_map").is_some());
    if ports
        && !sorts
        && let Some(row) = state.rows("DSCP_TO_TC_MAP").first()
    {
        let name = row.key.first().copied().unwrap_or_default();
        let cause = format!("No port has a dscp_to_tc_map: DSCP_TO_TC_MAP {name} does nothing.");
        let cure = format!("Add `\"dscp_to_tc_map\": \"{name}\"` to the ports in PORT_QOS_MAP.");
        remarks.push(Remark::new(RemarkKind::NotBound, row.at, cause, cure).of_priorities(0xff));
    }
    let marks = |r: &&Row| {
        r.reference("wred_profile")
            .is_some_and(|(n, _)| !n.is_empty())
    };
    let queues = state.rows("QUEUE");
    if !queues.is_empty()
        && !queues.iter().any(|r| marks(&r))
        && let Some((name, row)) = state.wreds.iter().next()
    {
        let cause = format!("No queue has WRED profile {name}: nothing is marked.");
        let cure = format!("Add `\"wred_profile\": \"{name}\"` to the lossless queues in QUEUE.");
        remarks.push(Remark::new(RemarkKind::NotBound, row.at, cause, cure));
    }
}

/// The watchdog of a port looks only at what `pfcwd_sw_enable` selects.
fn watchdogs(state: &State, remarks: &mut Vec<Remark>) {
    for row in state.rows("PORT_QOS_MAP") {
        let (Some((list, _)), Some((selected, at))) =
            (row.field("pfc_enable"), row.field("pfcwd_sw_enable"))
        else {
            continue;
        };
        let watched = row.ports().any(|p| state.watchdogs.contains_key(p));
        let left = mask(list) & !mask(selected);
        // All of them: the watchdog is off, which is told elsewhere.
        if !watched || left == 0 || left == mask(list) {
            continue;
        }
        let listed: Vec<String> = (0..8)
            .filter(|n| left & 1 << n != 0)
            .map(|n| n.to_string())
            .collect();
        let cause = format!(
            "pfcwd_sw_enable leaves out priority {}, which has PFC: no watchdog guards it.",
            listed.join(" and ")
        );
        let cure = format!("Write `\"pfcwd_sw_enable\": \"{list}\"`.");
        let remark = Remark::new(RemarkKind::WatchdogInert, at, cause, cure);
        remarks.push(one_port(remark.of_priorities(left), "PORT_QOS_MAP", row));
    }
}
