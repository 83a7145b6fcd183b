//! What the tables come to, port by port.

use super::tables::{Document, Row, TABLES, UNCOUNTED, similar};
use crate::device::*;
use crate::fact::Fact;
use crate::language::{Dialect, Input};
use crate::lines::Lines;
use crate::remark::{Remark, RemarkKind};
use crate::source::Span;
use std::array::from_fn;
use std::collections::BTreeMap;
use std::sync::Arc;
use xoff_model::time::SimDuration;
use xoff_model::units::{BitRate, Length};

type Tables<'a> = BTreeMap<String, Vec<Row<'a>>>;

/// A map of numbers, each with its place.
type Map = BTreeMap<u8, (u8, Span)>;

/// The tables, looked up by what they are asked for.
struct State<'a> {
    tables: &'a Tables<'a>,
    dscp: BTreeMap<&'a str, Arc<[Fact<u8>; 64]>>,
    /// Other maps by table and name.
    maps: BTreeMap<(&'static str, &'a str), Map>,
    profiles: BTreeMap<&'a str, &'a Row<'a>>,
    wreds: BTreeMap<&'a str, &'a Row<'a>>,
    schedulers: BTreeMap<&'a str, &'a Row<'a>>,
    /// By port and priority group (queue).
    pgs: BTreeMap<(&'a str, u8), &'a Row<'a>>,
    queues: BTreeMap<(&'a str, u8), &'a Row<'a>>,
    qos: BTreeMap<&'a str, &'a Row<'a>>,
    watchdogs: BTreeMap<&'a str, &'a Row<'a>>,
    cables: BTreeMap<&'a str, (&'a str, Span)>,
}

const MAPS: [&str; 6] = [
    "DOT1P_TO_TC_MAP",
    "TC_TO_QUEUE_MAP",
    "TC_TO_PRIORITY_GROUP_MAP",
    "MAP_PFC_PRIORITY_TO_QUEUE",
    "PFC_PRIORITY_TO_QUEUE_MAP",
    "PFC_PRIORITY_TO_PRIORITY_GROUP_MAP",
];

pub(super) fn device(input: Input, document: &Document) -> Device {
    let tables = document.tables();
    let state = State::new(&tables);
    let mut remarks = Vec::new();
    check_names(document, &tables, &state, &mut remarks);
    let names = port_names(&tables);
    let ports: Vec<Port> = names
        .iter()
        .map(|&(name, at)| state.port(name, Some(at)))
        .collect();
    let metadata = tables
        .get("DEVICE_METADATA")
        .and_then(|rows| rows.iter().find(|r| r.key == ["localhost"]));
    let alias = input.source.stem().to_owned();
    let hostname = metadata
        .and_then(|row| row.field("hostname"))
        .map(|(name, _)| name.to_owned());
    Device {
        name: hostname.unwrap_or_else(|| alias.clone()),
        alias,
        dialect: Dialect::Sonic,
        kind: Kind::Switch,
        file: input.file,
        ports,
        other_ports: state.port("*", None),
        peer_link: None,
        bounce: bounce(&tables),
        host: None,
        remarks,
        lines: lines(input, &tables),
    }
}

/// Ports in the order of the PORT table; where that is missing, those that other tables name.
fn port_names<'a>(tables: &Tables<'a>) -> Vec<(&'a str, Span)> {
    let mut found: Vec<(&str, Span)> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    let sources = ["PORT", "PORTCHANNEL", "PORT_QOS_MAP", "BUFFER_PG", "QUEUE"];
    let have = |t: &str| tables.get(t).is_some_and(|rows| !rows.is_empty());
    let used: &[&str] = if have("PORT") {
        &sources[..2]
    } else {
        &sources
    };
    for row in used.iter().filter_map(|t| tables.get(*t)).flatten() {
        for name in row.ports() {
            let port = name.starts_with("Ethernet") || name.starts_with("PortChannel");
            if port && seen.insert(name) {
                found.push((name, row.at));
            }
        }
    }
    found
}

/// Dual-ToR: frames for a server whose active path is the other switch go there through a tunnel.
fn bounce(tables: &Tables) -> Option<Bounce> {
    let tunnel = tables
        .get("TUNNEL")?
        .iter()
        .find(|r| r.key.first().is_some_and(|k| k.starts_with("Mux")))?;
    tables.get("MUX_CABLE").filter(|rows| !rows.is_empty())?;
    let remapped = [
        "encap_tc_to_queue_map",
        "decap_tc_to_pg_map",
        "decap_dscp_to_tc_map",
    ]
    .iter()
    .any(|f| tunnel.field(f).is_some());
    Some(Bounce {
        at: tunnel.at,
        remapped,
    })
}

fn lines(input: Input, tables: &Tables) -> Lines {
    let mut lines = Lines::new(input.file, input.source.lines());
    for (name, rows) in tables
        .iter()
        .filter(|(name, _)| TABLES.contains(&name.as_str()) && !UNCOUNTED.contains(&name.as_str()))
    {
        for row in rows {
            if row.fields.entries().is_empty() {
                lines.understood(row.at.line);
            }
            for (key, value) in row.fields.entries() {
                let known =
                    FIELDS
                        .iter()
                        .find(|(table, _)| table == name)
                        .is_none_or(|(_, fields)| {
                            fields.contains(&key.text.as_str())
                                || key.text.bytes().all(|b| b.is_ascii_digit())
                        });
                for line in key.at.line..=value.at.line {
                    match known {
                        true => lines.understood(line),
                        false => lines.unknown(
                            line,
                            format!("what `{}` does in {name} is not known", key.text),
                        ),
                    }
                }
            }
        }
    }
    lines
}

/// The fields of tables in which an unknown one is a mistake.
const FIELDS: [(&str, &[&str]); 9] = [
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

/// Unknown tables and fields, references to nothing, values that are refused.
fn check_names(document: &Document, tables: &Tables, state: &State, remarks: &mut Vec<Remark>) {
    for (name, at) in document.names() {
        let plain = name
            .split([':', '|'])
            .next()
            .unwrap_or(name)
            .trim_end_matches("_TABLE");
        if TABLES.contains(&plain) {
            continue;
        }
        if let Some(meant) = similar(plain, &TABLES).filter(|m| m.len() > 5) {
            let cause = format!("SONiC has no table `{plain}`: what is in it does nothing.");
            let cure = format!("Did you mean `{meant}`?");
            remarks.push(
                Remark::new(RemarkKind::NoSuchStatement, at, cause, cure).of_priorities(0xff),
            );
        }
    }
    for (table, fields) in FIELDS {
        for row in tables.get(table).into_iter().flatten() {
            for (key, _) in row.fields.entries() {
                let digits = key.text.bytes().all(|b| b.is_ascii_digit());
                if digits || fields.contains(&key.text.as_str()) {
                    continue;
                }
                if let Some(meant) = similar(&key.text, fields) {
                    let cause = format!("{table} has no field `{}`: it does nothing.", key.text);
                    let cure = format!("Did you mean `{meant}`?");
                    remarks.push(
                        Remark::new(RemarkKind::NoSuchStatement, key.at, cause, cure)
                            .of_priorities(0xff),
                    );
                }
            }
        }
    }
    references(tables, state, remarks);
    for (name, row) in &state.wreds {
        if let (Some((min, at)), Some((max, other))) = (
            row.number("green_min_threshold"),
            row.number("green_max_threshold"),
        ) && min > max
        {
            let cause = format!(
                "WRED profile {name} begins at {min} and ends at {max} bytes: it is refused."
            );
            let remark = Remark::new(
                RemarkKind::BadValue,
                at,
                cause,
                "Set green_min_threshold below green_max_threshold.",
            );
            remarks.push(remark.beside(other));
        }
    }
}

fn references(tables: &Tables, state: &State, remarks: &mut Vec<Remark>) {
    let mut told: Vec<(String, String)> = Vec::new();
    let mut missing = |row: &Row, field: &str, table: &str, there: bool| {
        let Some((name, at)) = row
            .reference(field)
            .filter(|(name, _)| !there && !name.is_empty() && *name != "NULL")
        else {
            return;
        };
        if told.contains(&(table.to_owned(), name.to_owned())) {
            return;
        }
        told.push((table.to_owned(), name.to_owned()));
        let cause = format!("`{name}` is no row of {table}: the reference is refused.");
        let cure = format!("Name a row of {table}, or add `{name}`.");
        let mut remark = Remark::new(RemarkKind::UnknownName, at, cause, cure).of_priorities(0xff);
        remark.port = row
            .ports()
            .first()
            .filter(|p| p.starts_with("Ethernet"))
            .map(|p| (*p).to_owned());
        remarks.push(remark);
    };
    // A file without the table is a part of a configuration.
    let have = |t: &str| tables.contains_key(t);
    for row in tables.get("PORT_QOS_MAP").into_iter().flatten() {
        for (field, table) in [
            ("dscp_to_tc_map", "DSCP_TO_TC_MAP"),
            ("tc_to_queue_map", "TC_TO_QUEUE_MAP"),
            ("tc_to_pg_map", "TC_TO_PRIORITY_GROUP_MAP"),
            ("dot1p_to_tc_map", "DOT1P_TO_TC_MAP"),
        ] {
            let rows = tables.get(table);
            let there = row
                .reference(field)
                .is_none_or(|(n, _)| rows.is_some_and(|rows| rows.iter().any(|r| r.key == [n])));
            missing(row, field, table, there || !have(table));
        }
    }
    for row in tables.get("BUFFER_PG").into_iter().flatten() {
        let there = row
            .reference("profile")
            .is_none_or(|(n, _)| state.profiles.contains_key(n));
        missing(
            row,
            "profile",
            "BUFFER_PROFILE",
            there || !have("BUFFER_PROFILE"),
        );
    }
    for row in tables.get("QUEUE").into_iter().flatten() {
        let there = row
            .reference("wred_profile")
            .is_none_or(|(n, _)| state.wreds.contains_key(n));
        missing(
            row,
            "wred_profile",
            "WRED_PROFILE",
            there || !have("WRED_PROFILE"),
        );
        let there = row
            .reference("scheduler")
            .is_none_or(|(n, _)| state.schedulers.contains_key(n));
        missing(row, "scheduler", "SCHEDULER", there || !have("SCHEDULER"));
    }
}

impl<'a> State<'a> {
    fn new(tables: &'a Tables<'a>) -> State<'a> {
        let rows = |name: &str| tables.get(name).map_or(&[][..], Vec::as_slice);
        fn named<'a>(rows: &'a [Row<'a>]) -> BTreeMap<&'a str, &'a Row<'a>> {
            rows.iter()
                .filter_map(|r| Some((*r.key.first()?, r)))
                .collect()
        }
        fn each<'a>(rows: &'a [Row<'a>]) -> BTreeMap<&'a str, &'a Row<'a>> {
            rows.iter()
                .flat_map(|r| r.ports().into_iter().map(move |p| (p, r)))
                .collect()
        }
        fn numbered<'a>(rows: &'a [Row<'a>]) -> BTreeMap<(&'a str, u8), &'a Row<'a>> {
            let spread = |r: &'a Row<'a>| {
                let numbers = r.numbers();
                r.ports()
                    .into_iter()
                    .flat_map(move |p| numbers.clone().into_iter().map(move |n| ((p, n), r)))
            };
            rows.iter().flat_map(spread).collect()
        }
        let dscp = rows("DSCP_TO_TC_MAP")
            .iter()
            .filter_map(|r| Some((*r.key.first()?, Arc::new(dscp_map(r)))));
        let maps = MAPS.iter().flat_map(|&table| {
            rows(table)
                .iter()
                .filter_map(move |r| Some(((table, *r.key.first()?), map(r))))
        });
        let cables = rows("CABLE_LENGTH").iter().flat_map(|r| {
            r.fields
                .entries()
                .iter()
                .filter_map(|(k, v)| Some((k.text.as_str(), (v.text()?, v.at))))
        });
        State {
            tables,
            dscp: dscp.collect(),
            maps: maps.collect(),
            profiles: named(rows("BUFFER_PROFILE")),
            wreds: named(rows("WRED_PROFILE")),
            schedulers: named(rows("SCHEDULER")),
            pgs: numbered(rows("BUFFER_PG")),
            queues: numbered(rows("QUEUE")),
            qos: each(rows("PORT_QOS_MAP")),
            watchdogs: each(rows("PFC_WD")),
            cables: cables.collect(),
        }
    }

    fn rows(&self, name: &str) -> &'a [Row<'a>] {
        self.tables.get(name).map_or(&[], Vec::as_slice)
    }

    fn port(&self, name: &str, at: Option<Span>) -> Port {
        let mut port = Port::unknown(name, "no table says it");
        port.at = at;
        port.kind = if name.starts_with("PortChannel") {
            PortKind::Lag
        } else {
            PortKind::Physical
        };
        let row = self
            .rows("PORT")
            .iter()
            .find(|r| r.key.first() == Some(&name));
        let row = row.or_else(|| {
            self.rows("PORTCHANNEL")
                .iter()
                .find(|r| r.key.first() == Some(&name))
        });
        if let Some(row) = row {
            if let Some(("down", at)) = row.field("admin_status") {
                port.enabled = Fact::stated(false, at);
            }
            if let Some((mbps, at)) = row.number("speed").filter(|(m, _)| *m > 0) {
                port.speed = Fact::stated(BitRate::from_bps(mbps.saturating_mul(1_000_000)), at);
            }
            if let Some((text, at)) = row.field("description") {
                port.description = Some((text.to_owned(), at));
            }
        }
        port.mtu = match row.and_then(|r| r.number("mtu")) {
            Some((mtu, at)) => Fact::stated(u32::try_from(mtu).unwrap_or(u32::MAX), at),
            None => Fact::default(9100, "SONiC ports have an MTU of 9100"),
        };
        if port.description.is_none()
            && let Some(row) = self
                .rows("DEVICE_NEIGHBOR")
                .iter()
                .find(|r| r.key.first() == Some(&name))
            && let Some((device, at)) = row.field("name")
        {
            let far = row
                .field("port")
                .map_or(String::new(), |(p, _)| format!(" {p}"));
            port.description = Some((format!("{device}{far}"), at));
        }
        if let Some((metres, at)) = self
            .cables
            .get(name)
            .and_then(|(text, at)| Some((metres(text)?, *at)))
        {
            port.cable = Fact::stated(Length(metres.saturating_mul(1000)), at);
        }
        port.lag = self.lag(name);
        self.switching(&mut port, name);
        let asymmetric = row
            .and_then(|r| r.field("pfc_asym"))
            .filter(|(v, _)| *v == "on");
        port.qos = self.qos(name, asymmetric.map(|(_, at)| at));
        port
    }

    fn lag(&self, name: &str) -> Option<(String, Span)> {
        let row = self
            .rows("PORTCHANNEL_MEMBER")
            .iter()
            .find(|r| r.key.get(1) == Some(&name));
        if let Some(row) = row {
            return Some((row.key[0].to_owned(), row.at));
        }
        let has = |r: &&Row| {
            r.fields
                .get("members")
                .is_some_and(|m| m.items().iter().any(|i| i.text() == Some(name)))
        };
        let row = self.rows("PORTCHANNEL").iter().find(has)?;
        Some(((*row.key.first()?).to_owned(), row.at))
    }

    fn switching(&self, port: &mut Port, name: &str) {
        let lag = port.lag.as_ref().map(|(lag, _)| lag.as_str());
        let mine = |r: &&Row| r.key.first().is_some_and(|k| *k == name || Some(*k) == lag);
        let routed = self
            .rows("INTERFACE")
            .iter()
            .chain(self.rows("PORTCHANNEL_INTERFACE"))
            .find(mine);
        if let Some(row) = routed {
            port.routed = Fact::implied(true, row.at, "a port with an address is routed");
            return;
        }
        let (mut native, mut tagged, mut any) = (None, Vec::new(), None);
        for row in self.rows("VLAN_MEMBER") {
            if !row
                .key
                .get(1)
                .is_some_and(|k| *k == name || Some(*k) == lag)
            {
                continue;
            }
            any = Some(row.at);
            let Some(vlan) = row.key[0].trim_start_matches("Vlan").parse::<u16>().ok() else {
                continue;
            };
            match row.field("tagging_mode") {
                Some(("untagged", _)) => native = Some(vlan),
                _ => tagged.push((vlan, vlan)),
            }
        }
        if let Some(at) = any {
            port.routed = Fact::implied(false, at, "a member of a VLAN is switched");
            port.native_vlan = Fact::stated(native, at);
            port.tagged_vlans = Fact::stated(Vlans::These(tagged), at);
        }
    }

    fn qos(&self, name: &str, asymmetric: Option<Span>) -> Qos {
        let mut qos = Qos::plain("the tables do not say it");
        let row = self.qos.get(name).copied();
        let global = self.qos.get("global").copied();
        qos.dcbx.on = Fact::default(false, "SONiC speaks no DCBX");
        qos.dcbx.willing = Fact::default(false, "switches are not willing");
        if self.rows("PORT_QOS_MAP").is_empty() {
            qos.pfc.mode = Fact::unknown("the file has no PORT_QOS_MAP");
            qos.trust = Fact::unknown("the file has no PORT_QOS_MAP");
            return qos;
        }
        self.trust(&mut qos, row, global);
        let map = |table: &'static str, field: &str| {
            let (name, at) = row.and_then(|r| r.reference(field))?;
            Some((self.maps.get(&(table, name))?, at))
        };
        let queues = map("TC_TO_QUEUE_MAP", "tc_to_queue_map");
        let groups = map("TC_TO_PRIORITY_GROUP_MAP", "tc_to_pg_map");
        let stops = map("MAP_PFC_PRIORITY_TO_QUEUE", "pfc_to_queue_map")
            .or_else(|| map("PFC_PRIORITY_TO_QUEUE_MAP", "pfc_to_queue_map"));
        let pause = map("PFC_PRIORITY_TO_PRIORITY_GROUP_MAP", "pfc_to_pg_map");
        let enabled = row.and_then(|r| r.field("pfc_enable"));
        let list = enabled
            .map(|(list, _)| crate::text::numbers(list, 7).unwrap_or_default())
            .unwrap_or_default();
        if let Some((_, at)) = enabled {
            qos.pfc.mode = Fact::stated(
                if list.is_empty() {
                    PfcMode::Off
                } else {
                    PfcMode::On
                },
                at,
            );
            for n in 0..8 {
                let on = list.contains(&(n as u32));
                qos.pfc.send[n] = Fact::stated(on, at);
                qos.pfc.obey[n] = match asymmetric {
                    Some(at) => Fact::implied(true, at, "pfc_asym obeys pause of every priority"),
                    None => Fact::stated(on, at),
                };
            }
        }
        for n in 0..8_u8 {
            let of = |map: Option<(&Map, Span)>, default: &'static str| match map {
                Some((map, at)) => match map.get(&n) {
                    Some(&(value, at)) => Fact::stated(value.min(7), at),
                    None => Fact::implied(0, at, "the map has no entry for it"),
                },
                None => Fact::default(n, default),
            };
            let class = &mut qos.classes[usize::from(n)];
            class.queue = of(queues, "a traffic class is its own queue without a map");
            class.group = of(
                groups,
                "a traffic class is its own priority group without a map",
            );
            let group = class.group.value().unwrap_or(n);
            class.pause = match pause {
                None => Fact::default(group, "a priority group pauses by its own number"),
                Some((map, at)) => match map.iter().find(|(_, (g, _))| *g == group) {
                    Some((&priority, _)) => Fact::stated(priority.min(7), at),
                    None => Fact::default(group, "a priority group pauses by its own number"),
                },
            };
            let priority = class.pause.value().unwrap_or(n);
            // PG 0 is that of everything lossy, whatever stands in pfc_enable.
            if let Some((_, at)) = enabled {
                class.no_drop = Fact::stated(list.contains(&u32::from(priority)), at);
            }
            qos.pfc.stops[usize::from(n)] = of(stops, "a priority stops the queue of its number");
            self.group(
                name,
                n,
                enabled
                    .map(|(_, at)| at)
                    .filter(|_| list.contains(&u32::from(n))),
                &mut qos.groups[usize::from(n)],
            );
            self.queue(name, n, &mut qos.queues[usize::from(n)]);
        }
        self.watchdog(name, row, &mut qos.watchdog);
        qos
    }

    fn trust(&self, qos: &mut Qos, row: Option<&Row<'a>>, global: Option<&Row<'a>>) {
        let bound = |field: &str| {
            row.and_then(|r| r.reference(field))
                .or_else(|| global.and_then(|r| r.reference(field)))
        };
        if let Some((name, at)) = bound("dscp_to_tc_map") {
            qos.trust = Fact::implied(
                Trust::Dscp,
                at,
                "a port with a dscp_to_tc_map sorts by DSCP",
            );
            match self.dscp.get(name) {
                Some(map) => qos.dscp = map.clone(),
                None => {
                    qos.dscp = Arc::new(from_fn(|_| Fact::unknown("the map is not in the file")))
                }
            }
        } else if let Some((name, at)) = bound("dot1p_to_tc_map") {
            qos.trust = Fact::implied(Trust::Pcp, at, "a port with a dot1p_to_tc_map sorts by PCP");
            let map = self.maps.get(&("DOT1P_TO_TC_MAP", name));
            qos.pcp = Arc::new(from_fn(|n| match map.and_then(|m| m.get(&(n as u8))) {
                Some(&(tc, at)) => Fact::stated(tc.min(7), at),
                None => Fact::default(0, "PCPs without an entry are in TC 0"),
            }));
        } else {
            qos.trust = Fact::default(
                Trust::Nothing,
                "a port without a map puts everything into TC 0",
            );
        }
    }

    /// The ingress buffer of a priority group; `enabled`: PFC is on for it, as that line says.
    fn group(&self, port: &str, n: u8, enabled: Option<Span>, group: &mut Group) {
        let row = self.pgs.get(&(port, n)).copied();
        let profile =
            row.and_then(|r| Some((r, self.profiles.get(r.reference("profile")?.0).copied()?)));
        let zero = self
            .cables
            .get(port)
            .filter(|(text, _)| metres(text) == Some(0));
        match (profile, zero, enabled) {
            (Some((row, profile)), ..) => {
                let xoff = profile.number("xoff");
                group.lossless = Fact::stated(xoff.is_some(), row.at);
                if let Some((bytes, at)) = xoff {
                    group.headroom = Fact::stated(bytes, at);
                } else if enabled.is_none() {
                    group.headroom = Fact::unknown("a lossy group has no headroom");
                }
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
            (None, Some((_, at)), Some(_)) => {
                group.lossless =
                    Fact::implied(false, *at, "no lossless group is made for a cable of 0 m");
                group.headroom = Fact::implied(0, *at, "no headroom is made for a cable of 0 m");
            }
            _ => {
                let why = "buffermgrd makes the group from speed, cable and pg_profile_lookup.ini";
                group.lossless = Fact::unknown(why);
                group.headroom = Fact::unknown(why);
            }
        }
    }

    fn queue(&self, port: &str, n: u8, queue: &mut Queue) {
        let Some(row) = self.queues.get(&(port, n)).copied() else {
            return;
        };
        let scheduler = row
            .reference("scheduler")
            .and_then(|(name, at)| Some((self.schedulers.get(name)?, at)));
        if let Some((scheduler, at)) = scheduler {
            let kind = scheduler.field("type").map_or("", |(t, _)| t);
            queue.scheduler = match (
                kind.to_ascii_uppercase().as_str(),
                scheduler.number("weight"),
            ) {
                ("STRICT", _) => Fact::stated(Scheduler::Strict, at),
                (_, Some((weight, at))) => Fact::stated(
                    Scheduler::Weight(u32::try_from(weight).unwrap_or(u32::MAX)),
                    at,
                ),
                _ => Fact::unknown("the scheduler has no weight"),
            };
        }
        let Some((name, bound)) = row.reference("wred_profile") else {
            return;
        };
        let Some(profile) = self.wreds.get(name) else {
            queue.wred.action = Fact::unknown("the WRED profile is not in the file");
            return;
        };
        let green = profile
            .field("wred_green_enable")
            .is_none_or(|(v, _)| v == "true");
        let (ecn, at) = profile.field("ecn").unwrap_or(("ecn_none", bound));
        queue.wred.action = match ecn {
            "ecn_none" | "ecn_red" | "ecn_yellow" | "ecn_yellow_red" if green => {
                Fact::stated(WredAction::Drop, at)
            }
            "ecn_none" => Fact::stated(WredAction::Off, at),
            _ => Fact::stated(WredAction::Mark, at),
        };
        let bytes = |name: &str| match profile.number(name) {
            Some((bytes, at)) => Fact::stated(bytes, at),
            None => Fact::unknown("the profile has no such threshold"),
        };
        queue.wred.min = bytes("green_min_threshold");
        queue.wred.max = bytes("green_max_threshold");
        if let Some((percent, at)) = profile.number("green_drop_probability") {
            queue.wred.percent = Fact::stated(u32::try_from(percent).unwrap_or(100), at);
        }
    }

    fn watchdog(&self, port: &str, row: Option<&Row<'a>>, watchdog: &mut Watchdog) {
        let ms = |(n, at): (u64, Span)| Fact::stated(SimDuration::from_ms(n.min(1 << 30)), at);
        let global = self
            .watchdogs
            .get("GLOBAL")
            .and_then(|r| r.number("POLL_INTERVAL"));
        let Some(own) = self.watchdogs.get(port) else {
            watchdog.on = Fact::default(false, "the port has no row in PFC_WD");
            return;
        };
        let selected = row.and_then(|r| r.field("pfcwd_sw_enable"));
        watchdog.on = match selected {
            Some(("", at)) => Fact::stated(false, at),
            _ => Fact::stated(true, own.at),
        };
        watchdog.poll = global.map_or_else(
            || Fact::default(SimDuration::from_ms(100), "it polls every 100 ms"),
            ms,
        );
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
}

fn dscp_map(row: &Row) -> [Fact<u8>; 64] {
    let map = map(row);
    from_fn(|n| match map.get(&(n as u8)) {
        Some(&(tc, at)) => Fact::stated(tc.min(7), at),
        None => Fact::implied(0, row.at, "DSCPs without an entry are in TC 0"),
    })
}

fn map(row: &Row) -> Map {
    let mut found = Map::new();
    for (key, value) in row.fields.entries() {
        let number = value.text().and_then(|t| t.trim().parse::<u8>().ok());
        let keys = crate::text::numbers(&key.text, 63).unwrap_or_default();
        for n in keys {
            if let (Ok(n), Some(number)) = (u8::try_from(n), number) {
                found.insert(n, (number, key.at.to(value.at)));
            }
        }
    }
    found
}

/// dynamic_th n: alpha is 2 to the n.
fn alpha(power: i32) -> Limit {
    let shift = 1_u32 << power.unsigned_abs().min(20);
    match power >= 0 {
        true => Limit::Dynamic { num: shift, den: 1 },
        false => Limit::Dynamic { num: 1, den: shift },
    }
}

/// `40m`
fn metres(text: &str) -> Option<u64> {
    text.trim().strip_suffix('m')?.parse().ok()
}
