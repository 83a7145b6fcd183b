//! The tables of a SONiC configuration database, in each form that they are written in.

use crate::language::Input;
use crate::source::{Fault, Span};
use crate::tree::{Tree, Value, parse};
use std::collections::BTreeMap;

/// A row: its key's parts, where it stands, and its fields.
#[derive(Clone, Debug)]
pub(super) struct Row<'a> {
    /// `Ethernet0`, `3-4`.
    pub(super) key: Vec<&'a str>,
    pub(super) at: Span,
    pub(super) fields: &'a Tree,
}

/// All tables that bear on QoS. Others are passed over.
pub(super) const TABLES: [&str; 33] = [
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
];

/// Tables whose lines are about VLANs and wiring, not about QoS, are not counted among its lines.
pub(super) const UNCOUNTED: [&str; 6] = [
    "VLAN",
    "VLAN_MEMBER",
    "PORTCHANNEL",
    "PORTCHANNEL_MEMBER",
    "INTERFACE",
    "PORTCHANNEL_INTERFACE",
];

/// The document as it was read.
pub(super) struct Document {
    tree: Tree,
}

impl Document {
    /// # Errors
    /// No JSON, or cut short.
    pub(super) fn read(input: Input) -> Result<Document, Fault> {
        let text = input.source.text.trim_start();
        if !text.starts_with(['{', '[']) {
            return Err(Fault::whole(
                "this is no JSON",
                "a configuration database (config_db.json)",
            ));
        }
        let tree = parse(input.file, input.source)?;
        Ok(Document { tree })
    }

    /// The tables by name, rows in their order.
    pub(super) fn tables(&self) -> BTreeMap<String, Vec<Row<'_>>> {
        let mut found: BTreeMap<String, Vec<Row<'_>>> = BTreeMap::new();
        let mut add = |table: &str, key: Vec<_>, at: Span, fields| {
            let name = table.trim_end_matches("_TABLE");
            found
                .entry(name.to_owned())
                .or_default()
                .push(Row { key, at, fields });
        };
        for (table, rows) in self.tree.entries() {
            match table.text.split_once([':', '|']) {
                // One row, as `redis-dump` and swssconfig have it.
                Some((name, key)) => add(name, split(key), rows.at, rows),
                None => {
                    for (key, fields) in rows.entries() {
                        add(&table.text, split(&key.text), key.at, fields);
                    }
                }
            }
        }
        for item in self.tree.items() {
            for (key, fields) in item.entries() {
                if let (Some((name, row)), Value::Map(_)) =
                    (key.text.split_once([':', '|']), &fields.value)
                {
                    add(name, split(row), key.at, fields);
                }
            }
        }
        found
    }

    /// The names of the tables, with their places.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, Span)> {
        self.tree
            .entries()
            .iter()
            .map(|(key, _)| (key.text.as_str(), key.at))
    }
}

fn split(key: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = key.split(['|', ':']).collect();
    // A chassis puts the names of card and ASIC first.
    if let Some(n) = parts
        .iter()
        .position(|p| p.starts_with("Asic") || p.starts_with("asic"))
    {
        parts.drain(..=n);
    }
    parts
}

impl<'a> Row<'a> {
    /// The ports that it is for: `Ethernet0,Ethernet4`.
    pub(super) fn ports(&self) -> Vec<&'a str> {
        self.key
            .first()
            .map(|names| names.split(',').map(str::trim).collect())
            .unwrap_or_default()
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
        Some((tree.text()?, line_of(tree.at)))
    }

    /// A field that names a row of another table, `name` or `[TABLE|name]`.
    pub(super) fn reference(&self, name: &str) -> Option<(&'a str, Span)> {
        let (text, at) = self.field(name)?;
        let inner = text.trim_start_matches('[').trim_end_matches(']');
        Some((inner.rsplit(['|', ':']).next().unwrap_or(inner), at))
    }

    pub(super) fn number(&self, name: &str) -> Option<(u64, Span)> {
        let (text, at) = self.field(name)?;
        Some((text.trim().parse().ok()?, at))
    }
}

/// The place itself: what is shown is the value in its line.
fn line_of(at: Span) -> Span {
    Span {
        end_line: at.line,
        ..at
    }
}

/// The known name that was perhaps meant.
pub(super) fn similar<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let short: String = name.chars().take(48).collect();
    let near = |k: &&&str| xoff_scenario::edits::edits(&short, k) <= 2;
    known.iter().find(near).copied()
}
