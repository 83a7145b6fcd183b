//! The tables of a switch, looked up by what they are asked for.

use super::tables::{Row, Tables};
use crate::device::{EIGHT, Limit};
use crate::fact::Fact;
use crate::source::Span;
use std::array::from_fn;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A map of numbers, each with its place.
pub(super) type Map = BTreeMap<u8, (u8, Span)>;

/// A port's part in a VLAN.
pub(super) struct Membership {
    pub(super) vlan: u16,
    pub(super) tagged: bool,
    pub(super) at: Span,
}

pub(super) struct State<'a> {
    tables: &'a Tables<'a>,
    pub(super) ports: BTreeMap<&'a str, &'a Row<'a>>,
    pub(super) dscp: BTreeMap<&'a str, Arc<[Fact<u8>; 64]>>,
    pub(super) pcp: BTreeMap<&'a str, Arc<[Fact<u8>; EIGHT]>>,
    /// Other maps by table and name.
    pub(super) maps: BTreeMap<(&'static str, &'a str), Map>,
    pub(super) profiles: BTreeMap<&'a str, &'a Row<'a>>,
    pub(super) wreds: BTreeMap<&'a str, &'a Row<'a>>,
    pub(super) schedulers: BTreeMap<&'a str, &'a Row<'a>>,
    /// By port and priority group (queue).
    pub(super) pgs: BTreeMap<(&'a str, u8), &'a Row<'a>>,
    pub(super) queues: BTreeMap<(&'a str, u8), &'a Row<'a>>,
    pub(super) qos: BTreeMap<&'a str, &'a Row<'a>>,
    pub(super) watchdogs: BTreeMap<&'a str, &'a Row<'a>>,
    pub(super) cables: BTreeMap<&'a str, (&'a str, Span)>,
    pub(super) neighbors: BTreeMap<&'a str, &'a Row<'a>>,
    /// The LAG of a port.
    pub(super) lags: BTreeMap<&'a str, (&'a str, Span)>,
    /// Ports and LAGs with an address.
    pub(super) routed: BTreeMap<&'a str, Span>,
    pub(super) vlans: BTreeMap<&'a str, Vec<Membership>>,
    /// Some port sorts by DSCP or PCP.
    pub(super) sorts: bool,
}

const MAPS: [&str; 5] = [
    "TC_TO_QUEUE_MAP",
    "TC_TO_PRIORITY_GROUP_MAP",
    "MAP_PFC_PRIORITY_TO_QUEUE",
    "PFC_PRIORITY_TO_QUEUE_MAP",
    "PFC_PRIORITY_TO_PRIORITY_GROUP_MAP",
];

impl<'a> State<'a> {
    pub(super) fn new(tables: &'a Tables<'a>) -> State<'a> {
        let rows = |name: &str| tables.get(name).map_or(&[][..], Vec::as_slice);
        let first = |name: &str| named(rows(name));
        let maps = MAPS.iter().flat_map(|&table| {
            let own = rows(table).iter();
            own.filter_map(move |r| Some(((table, *r.key.first()?), map(r))))
        });
        let cables = rows("CABLE_LENGTH").iter().flat_map(|r| {
            let entries = r.fields.entries().iter();
            entries.filter_map(|(k, v)| Some((k.text.as_str(), (v.text()?, v.at))))
        });
        let addresses = rows("INTERFACE")
            .iter()
            .chain(rows("PORTCHANNEL_INTERFACE"))
            .filter_map(|r| Some((*r.key.first()?, r.at)));
        let qos = rows("PORT_QOS_MAP");
        let sorts = |r: &Row| {
            let bound = |f: &str| r.reference(f).is_some_and(|(name, _)| !name.is_empty());
            bound("dscp_to_tc_map") || bound("dot1p_to_tc_map")
        };
        State {
            tables,
            ports: first("PORTCHANNEL")
                .into_iter()
                .chain(first("PORT"))
                .collect(),
            dscp: spread(rows("DSCP_TO_TC_MAP"), "DSCPs without an entry are in TC 0"),
            pcp: spread(rows("DOT1P_TO_TC_MAP"), "PCPs without an entry are in TC 0"),
            maps: maps.collect(),
            profiles: first("BUFFER_PROFILE"),
            wreds: first("WRED_PROFILE"),
            schedulers: first("SCHEDULER"),
            pgs: numbered(rows("BUFFER_PG")),
            queues: numbered(rows("QUEUE")),
            qos: each(qos),
            watchdogs: each(rows("PFC_WD")),
            cables: cables.collect(),
            neighbors: first("DEVICE_NEIGHBOR"),
            lags: lags(rows("PORTCHANNEL"), rows("PORTCHANNEL_MEMBER")),
            routed: addresses.collect(),
            vlans: vlans(rows("VLAN_MEMBER")),
            sorts: qos.iter().any(sorts),
        }
    }

    pub(super) fn rows(&self, name: &str) -> &'a [Row<'a>] {
        self.tables.get(name).map_or(&[], Vec::as_slice)
    }

    /// The file has the table; a part of a configuration may lack it.
    pub(super) fn has(&self, name: &str) -> bool {
        self.tables.contains_key(name)
    }

    /// Ports in the order of the PORT table; where that is missing, those that other tables name.
    pub(super) fn port_names(&self) -> Vec<(&'a str, Span)> {
        let mut found: Vec<(&str, Span)> = Vec::new();
        let mut seen = BTreeSet::new();
        let sources = ["PORT", "PORTCHANNEL", "PORT_QOS_MAP", "BUFFER_PG", "QUEUE"];
        let used = match self.rows("PORT").is_empty() {
            false => 2,
            true => sources.len(),
        };
        for row in sources[..used].iter().flat_map(|t| self.rows(t)) {
            for name in row.ports() {
                let port = name.starts_with("Ethernet") || name.starts_with("PortChannel");
                if port && seen.insert(name) {
                    found.push((name, row.at));
                }
            }
        }
        found
    }

    /// A column of CABLE_LENGTH that is 0 m: no lossless groups are made.
    pub(super) fn no_cable(&self, port: &str) -> Option<Span> {
        let (text, at) = self.cables.get(port)?;
        (metres(text) == Some(0)).then_some(*at)
    }

    /// The value of a field of the switch itself.
    pub(super) fn metadata(&self, field: &str) -> Option<&'a str> {
        let rows = self.rows("DEVICE_METADATA").iter();
        let row = rows.rev().find(|r| r.key == ["localhost"])?;
        row.field(field).map(|(text, _)| text)
    }
}

fn named<'a>(rows: &'a [Row<'a>]) -> BTreeMap<&'a str, &'a Row<'a>> {
    rows.iter()
        .filter_map(|r| Some((*r.key.first()?, r)))
        .collect()
}

fn each<'a>(rows: &'a [Row<'a>]) -> BTreeMap<&'a str, &'a Row<'a>> {
    rows.iter()
        .flat_map(|r| r.ports().map(move |p| (p, r)))
        .collect()
}

fn numbered<'a>(rows: &'a [Row<'a>]) -> BTreeMap<(&'a str, u8), &'a Row<'a>> {
    let mut found = BTreeMap::new();
    for row in rows {
        let numbers = row.numbers();
        for port in row.ports() {
            for &n in &numbers {
                found.insert((port, n), row);
            }
        }
    }
    found
}

fn lags<'a>(channels: &'a [Row<'a>], members: &'a [Row<'a>]) -> BTreeMap<&'a str, (&'a str, Span)> {
    let mut found = BTreeMap::new();
    // Old releases list the members in the row of the LAG.
    for row in channels {
        let Some(lag) = row.key.first() else { continue };
        for member in row.fields.get("members").map_or(&[][..], |m| m.items()) {
            if let Some(name) = member.text() {
                found.insert(name, (*lag, member.at));
            }
        }
    }
    for row in members {
        if let [lag, member, ..] = row.key[..] {
            found.insert(member, (lag, row.at));
        }
    }
    found
}

fn vlans<'a>(members: &'a [Row<'a>]) -> BTreeMap<&'a str, Vec<Membership>> {
    let mut found: BTreeMap<&str, Vec<Membership>> = BTreeMap::new();
    let number = |name: &str| name.strip_prefix("Vlan")?.parse::<u16>().ok();
    for row in members {
        let [name, port, ..] = row.key[..] else {
            continue;
        };
        let Some(vlan) = number(name) else { continue };
        let mode = row.field("tagging_mode");
        found.entry(port).or_default().push(Membership {
            vlan,
            tagged: mode.is_none_or(|(mode, _)| mode != "untagged"),
            at: row.at,
        });
    }
    found
}

/// The maps of a table, with a fact for each of their keys.
fn spread<'a, const N: usize>(
    rows: &'a [Row<'a>],
    none: &'static str,
) -> BTreeMap<&'a str, Arc<[Fact<u8>; N]>> {
    let one = |row: &Row| {
        let map = map(row);
        let fact = |n: usize| match u8::try_from(n).ok().and_then(|n| map.get(&n)) {
            Some(&(tc, at)) => Fact::stated(tc.min(7), at),
            None => Fact::implied(0, row.at, none),
        };
        Arc::new(from_fn(fact))
    };
    rows.iter()
        .filter_map(|r| Some((*r.key.first()?, one(r))))
        .collect()
}

/// The entries of a map; a key may be a range or a list.
pub(super) fn map(row: &Row) -> Map {
    let mut found = Map::new();
    for (key, value) in row.fields.entries() {
        let number = value.text().and_then(|t| t.trim().parse::<u8>().ok());
        let place = Span {
            len: key.at.len,
            ..key.at.to(value.at)
        };
        for n in crate::text::numbers(&key.text, 63).unwrap_or_default() {
            if let (Ok(n), Some(number)) = (u8::try_from(n), number) {
                found.insert(n, (number, place));
            }
        }
    }
    found
}

/// `dynamic_th` n: alpha is 2 to the n.
pub(super) fn alpha(power: i32) -> Limit {
    let shift = 1_u32 << power.unsigned_abs().min(20);
    match power >= 0 {
        true => Limit::Dynamic { num: shift, den: 1 },
        false => Limit::Dynamic { num: 1, den: shift },
    }
}

/// `40m`
pub(super) fn metres(text: &str) -> Option<u64> {
    text.trim().strip_suffix('m')?.parse().ok()
}
