//! The tables of a SONiC configuration database, in each form that they are written in.

use super::json::{self, Json};
use crate::language::Input;
use crate::source::{Fault, Span};
use crate::tree::{Key, Tree, Value};
use std::collections::BTreeMap;

/// A row: its key's parts, where it stands, and its fields.
#[derive(Clone, Debug)]
pub(super) struct Row<'a> {
    /// `Ethernet0`, `3-4`.
    pub(super) key: Vec<&'a str>,
    pub(super) at: Span,
    pub(super) fields: &'a Tree,
}

/// Tables that are read, in the order of the schema. Others are passed over.
pub(super) const TABLES: [&str; 38] = [
    "PORT",
    "CABLE_LENGTH",
    "DSCP_TO_TC_MAP",
    "DOT1P_TO_TC_MAP",
    "TC_TO_QUEUE_MAP",
    "TC_TO_PRIORITY_GROUP_MAP",
    "MAP_PFC_PRIORITY_TO_QUEUE",
    "PFC_PRIORITY_TO_QUEUE_MAP",
    "PFC_PRIORITY_TO_PRIORITY_GROUP_MAP",
    "TC_TO_DSCP_MAP",
    "TC_TO_DOT1P_MAP",
    "MPLS_TC_TO_TC_MAP",
    "DSCP_TO_FC_MAP",
    "EXP_TO_FC_MAP",
    "PORT_QOS_MAP",
    "BUFFER_POOL",
    "BUFFER_PROFILE",
    "BUFFER_PG",
    "BUFFER_QUEUE",
    "BUFFER_PORT_INGRESS_PROFILE_LIST",
    "BUFFER_PORT_EGRESS_PROFILE_LIST",
    "DEFAULT_LOSSLESS_BUFFER_PARAMETER",
    "LOSSLESS_TRAFFIC_PATTERN",
    "WRED_PROFILE",
    "SCHEDULER",
    "QUEUE",
    "PFC_WD",
    "TUNNEL",
    "MUX_CABLE",
    "VLAN",
    "VLAN_MEMBER",
    "PORTCHANNEL",
    "PORTCHANNEL_MEMBER",
    "INTERFACE",
    "PORTCHANNEL_INTERFACE",
    "DEVICE_NEIGHBOR",
    "DEVICE_METADATA",
    "VERSIONS",
];

/// Tables about VLANs and wiring: what is in them is read, but not counted among the QoS lines.
const UNCOUNTED: [&str; 9] = [
    "VLAN",
    "VLAN_MEMBER",
    "PORTCHANNEL",
    "PORTCHANNEL_MEMBER",
    "INTERFACE",
    "PORTCHANNEL_INTERFACE",
    "DEVICE_NEIGHBOR",
    "DEVICE_METADATA",
    "VERSIONS",
];

/// Tables of which these words speak are about QoS even if they are not known here.
const ABOUT_QOS: [&str; 10] = [
    "BUFFER", "WRED", "PFC", "DSCP", "DOT1P", "_TC_", "QOS", "SCHEDUL", "ECN", "PRIORITY",
];

/// Real tables that are about QoS by their name only, or belong to nothing that is judged here.
const HARMLESS: [&str; 7] = [
    "SYSTEM_DEFAULTS",
    "VLAN_INTERFACE",
    "VLAN_SUB_INTERFACE",
    "LOOPBACK_INTERFACE",
    "MGMT_INTERFACE",
    "VOQ_INBAND_INTERFACE",
    "DEVICE_NEIGHBOR_METADATA",
];

/// What a table is to the account of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// Read, and about QoS.
    Qos,
    /// Of no bearing, or not counted.
    Other,
    /// About QoS by its name, and not known.
    Unknown,
}

pub(super) fn about(table: &str) -> About {
    if TABLES.contains(&table) {
        return match UNCOUNTED.contains(&table) {
            true => About::Other,
            false => About::Qos,
        };
    }
    let named = ABOUT_QOS.iter().any(|word| table.contains(word));
    match (named || meant(table).is_some()) && !HARMLESS.contains(&table) {
        true => About::Unknown,
        false => About::Other,
    }
}

/// The table that a name is perhaps meant to be, if it is no table.
pub(super) fn meant(table: &str) -> Option<&'static str> {
    if TABLES.contains(&table) || HARMLESS.contains(&table) {
        return None;
    }
    similar(table, &TABLES).filter(|name| name.len() > 5)
}

/// The tables by name, rows in their order.
pub(super) type Tables<'a> = BTreeMap<String, Vec<Row<'a>>>;

/// Something that is said twice, and what is done about it: the last one counts.
pub(super) struct Twice<'a> {
    pub(super) what: String,
    pub(super) key: &'a Key,
    pub(super) first: Span,
}

/// The document as it was read.
pub(super) struct Document {
    json: Json,
}

/// The tables of one ASIC, or of the switch.
pub(super) struct Part<'a> {
    /// `asic0`; None for the switch, or the only one.
    pub(super) asic: Option<&'a str>,
    tree: &'a Tree,
}

impl Document {
    /// # Errors
    /// No JSON, or cut short.
    pub(super) fn read(input: Input) -> Result<Document, Fault> {
        let json = json::parse(input)?;
        Ok(Document { json })
    }

    /// Commas that nothing follows.
    pub(super) fn commas(&self) -> &[Span] {
        &self.json.commas
    }

    /// One for each ASIC, if the document has a database of each: `show runningconfiguration all`.
    pub(super) fn parts(&self) -> Vec<Part<'_>> {
        let entries = self.json.tree.entries();
        let asic = |name: &str| {
            let number = name.strip_prefix("asic").unwrap_or("");
            !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
        };
        let all = entries
            .iter()
            .all(|(k, _)| k.text == "localhost" || asic(&k.text));
        match all && entries.iter().any(|(k, _)| asic(&k.text)) {
            true => entries
                .iter()
                .map(|(key, tree)| Part {
                    asic: Some(key.text.as_str()).filter(|name| asic(name)),
                    tree,
                })
                .collect(),
            false => vec![Part {
                asic: None,
                tree: &self.json.tree,
            }],
        }
    }
}

impl<'a> Part<'a> {
    pub(super) fn tables(&self) -> (Tables<'a>, Vec<Twice<'a>>) {
        let mut found = Tables::new();
        let mut twice = Vec::new();
        let mut add = |table: &str, key: Vec<&'a str>, at: Span, fields: &'a Tree| {
            let name = plain(table).to_owned();
            found.entry(name).or_default().push(Row { key, at, fields });
        };
        for (table, rows) in last(self.tree.entries(), "the table", &mut twice) {
            match table.text.split_once(['|', ':']) {
                // One row, as `redis-dump` and swssconfig have it.
                Some((name, key)) => add(name, split(key), table.at, inner(rows)),
                None => {
                    let what = format!("the row of {}", table.text);
                    for (key, fields) in last(rows.entries(), &what, &mut twice) {
                        add(&table.text, split(&key.text), key.at, fields);
                        last(fields.entries(), "the field", &mut twice);
                    }
                }
            }
        }
        for item in self.tree.items() {
            for (key, fields) in item.entries() {
                if let (Some((name, row)), Value::Map(_)) =
                    (key.text.split_once(['|', ':']), &fields.value)
                {
                    add(name, split(row), key.at, fields);
                }
            }
        }
        (found, twice)
    }

    /// The names of the tables, with their places.
    pub(super) fn names(&self) -> impl Iterator<Item = (&'a str, Span)> {
        let entries = self.tree.entries().iter();
        entries.map(|(key, _)| {
            let name = key.text.split(['|', ':']).next().unwrap_or_default();
            (plain(name), key.at)
        })
    }
}

/// The entries of a map; of those with one key the last, which is what counts on the switch.
fn last<'a>(
    entries: &'a [(Key, Tree)],
    what: &str,
    twice: &mut Vec<Twice<'a>>,
) -> Vec<&'a (Key, Tree)> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut kept: Vec<&(Key, Tree)> = Vec::with_capacity(entries.len());
    for entry in entries {
        match places.get(entry.0.text.as_str()) {
            Some(&n) => {
                twice.push(Twice {
                    what: format!("{what} `{}`", entry.0.text),
                    key: &entry.0,
                    first: kept[n].0.at,
                });
                kept[n] = entry;
            }
            None => {
                places.insert(&entry.0.text, kept.len());
                kept.push(entry);
            }
        }
    }
    kept
}

/// `BUFFER_POOL_TABLE` is BUFFER_POOL in another database.
fn plain(table: &str) -> &str {
    table.strip_suffix("_TABLE").unwrap_or(table)
}

/// redis-dump puts the fields of a row below `value`.
fn inner(row: &Tree) -> &Tree {
    match (row.get("type"), row.get("value")) {
        (Some(_), Some(value)) if !value.entries().is_empty() => value,
        _ => row,
    }
}

fn split(key: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = key.split(['|', ':']).collect();
    // A chassis puts the names of card and ASIC first.
    let asic = |p: &&str| {
        let number = p.strip_prefix("Asic").or_else(|| p.strip_prefix("asic"));
        number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    if let Some(n) = parts.iter().position(asic) {
        parts.drain(..=n);
    }
    parts
}

impl<'a> Row<'a> {
    /// The ports that it is for: `Ethernet0,Ethernet4`.
    pub(super) fn ports(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let names = self.key.first().copied().unwrap_or_default();
        names.split(',').map(str::trim)
    }

    /// The numbers behind the ports: `3-4`.
    pub(super) fn numbers(&self) -> Vec<u8> {
        let list = self
            .key
            .get(1)
            .and_then(|list| crate::text::numbers(list, 63))
            .unwrap_or_default();
        list.into_iter()
            .filter_map(|n| u8::try_from(n).ok())
            .collect()
    }

    pub(super) fn field(&self, name: &str) -> Option<(&'a str, Span)> {
        let tree = self.fields.get(name)?;
        Some((tree.text()?, tree.at))
    }

    /// A field that names a row of another table, `name` or `[TABLE|name]`.
    pub(super) fn reference(&self, name: &str) -> Option<(&'a str, Span)> {
        let (text, at) = self.field(name)?;
        Some((referred(text), at))
    }

    pub(super) fn number(&self, name: &str) -> Option<(u64, Span)> {
        let (text, at) = self.field(name)?;
        Some((text.trim().parse().ok()?, at))
    }
}

/// The name in a reference.
pub(super) fn referred(text: &str) -> &str {
    let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
    inner.rsplit(['|', ':']).next().unwrap_or(inner)
}

/// The known name that was perhaps meant.
pub(super) fn similar<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let short: String = name.chars().take(48).collect();
    let near = |k: &&&str| {
        k.len().abs_diff(short.len()) <= 2 && xoff_scenario::edits::edits(&short, k) <= 2
    };
    known.iter().find(near).copied()
}
