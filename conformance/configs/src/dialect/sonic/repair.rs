//! Wishes as changes of the JSON: values in their place, new entries at the start of their table.

use crate::device::Device;
use crate::repair::{Edit, Wish};
use crate::source::{Source, Span};
use crate::tree::{Tree, parse};
use std::collections::BTreeMap;

/// Changes of the text: what goes from here to there.
struct Changes<'a> {
    source: &'a Source,
    /// Byte ranges and what comes instead.
    list: Vec<(usize, usize, String)>,
}

pub(super) fn repair(device: &Device, source: &Source, wish: &Wish) -> Option<Vec<Edit>> {
    let tree = parse(device.file, source).ok()?;
    let mut changes = Changes {
        source,
        list: Vec::new(),
    };
    let row = |table: &str, name: &str| {
        let rows = tree.get(table)?;
        rows.entries()
            .iter()
            .find(|(k, _)| k.text.split(['|', ':']).next() == Some(name) || k.text == name)
            .map(|(_, t)| t)
    };
    let named = |field: &str, port: &str| {
        let text = row("PORT_QOS_MAP", port)?.get(field)?.text()?;
        Some(text.trim_matches(['[', ']']).rsplit('|').next()?.to_owned())
    };
    match wish {
        Wish::Classify {
            port,
            dscp: Some(dscp),
            class,
            ..
        } => {
            let map =
                named("dscp_to_tc_map", port).or_else(|| named("dscp_to_tc_map", "global"))?;
            changes.set(
                row("DSCP_TO_TC_MAP", &map)?,
                &dscp.to_string(),
                &class.to_string(),
            );
        }
        Wish::Pfc { port, priority } => changes.set(
            row("PORT_QOS_MAP", port)?,
            "pfc_enable",
            &priority.to_string(),
        ),
        Wish::Like { port, other } => like(&tree, &mut changes, port, other)?,
        Wish::Mtu { port, bytes } => {
            changes.set(row("PORT", port)?, "mtu", &(*bytes).max(9100).to_string())
        }
        Wish::Mark {
            port,
            queue,
            min,
            max,
        } => {
            let key = tree
                .get("QUEUE")?
                .entries()
                .iter()
                .find(|(k, _)| covers(&k.text, port, *queue))?;
            let name = key
                .1
                .get("wred_profile")?
                .text()?
                .trim_matches(['[', ']'])
                .rsplit('|')
                .next()?
                .to_owned();
            let profile = row("WRED_PROFILE", &name)?;
            changes.set(profile, "green_min_threshold", &min.to_string());
            changes.set(profile, "green_max_threshold", &max.to_string());
            changes.set(profile, "ecn", "ecn_all");
        }
        Wish::Headroom { port, group, bytes } => {
            let rows = tree.get("BUFFER_PG")?.entries();
            match rows.iter().find(|(k, _)| covers(&k.text, port, *group)) {
                Some((_, row_of)) => {
                    let name = row_of
                        .get("profile")?
                        .text()?
                        .trim_matches(['[', ']'])
                        .rsplit('|')
                        .next()?
                        .to_owned();
                    let profile = row("BUFFER_PROFILE", &name)?;
                    profile.get("xoff")?;
                    changes.set(profile, "xoff", &bytes.to_string());
                }
                None => {
                    let cables = tree.get("CABLE_LENGTH")?.entries().first()?;
                    changes.set(&cables.1, port, "40m");
                }
            }
        }
        Wish::WatchdogPoll { micros } => {
            let global = row("PFC_WD", "GLOBAL")?;
            changes.set(global, "POLL_INTERVAL", &(micros / 1000).max(1).to_string());
        }
        _ => return None,
    }
    changes.edits()
}

/// Whether a key such as `Ethernet0,Ethernet4|3-4` is for a port's queue or group.
fn covers(key: &str, port: &str, number: u8) -> bool {
    let Some((ports, numbers)) = key.split_once(['|', ':']) else {
        return false;
    };
    let numbers = crate::text::numbers(numbers, 63).unwrap_or_default();
    ports.split(',').any(|p| p == port) && numbers.contains(&u32::from(number))
}

/// The port's row of PORT_QOS_MAP has what the other's has.
fn like(tree: &Tree, changes: &mut Changes, port: &str, other: &str) -> Option<()> {
    let rows = tree.get("PORT_QOS_MAP")?;
    let model = rows.get(other)?;
    match rows.get(port) {
        Some(row) => {
            for (key, value) in model.entries() {
                if row.get(&key.text).and_then(Tree::text) != value.text() {
                    changes.set(row, &key.text, value.text()?);
                }
            }
        }
        None => {
            let fields: Vec<String> = model
                .entries()
                .iter()
                .filter_map(|(k, v)| Some(format!("\"{}\": \"{}\"", k.text, v.text()?)))
                .collect();
            changes.begin(rows, format!("\"{port}\": {{{}}}", fields.join(", ")));
        }
    }
    Some(())
}

impl Changes<'_> {
    /// A field of a map has this value.
    fn set(&mut self, map: &Tree, key: &str, value: &str) {
        match map.get(key) {
            Some(tree) => {
                let range = self.source.range(tree.at);
                self.list
                    .push((range.start, range.end, format!("\"{value}\"")));
            }
            None => self.begin(map, format!("\"{key}\": \"{value}\"")),
        }
    }

    /// A new entry at the beginning of a map.
    fn begin(&mut self, map: &Tree, entry: String) {
        let start = self
            .source
            .range(Span {
                len: 1,
                end_line: map.at.line,
                ..map.at
            })
            .start;
        let comma = if map.entries().is_empty() { "" } else { ", " };
        self.list
            .push((start + 1, start + 1, format!("{entry}{comma}")));
    }

    /// As edits of whole lines.
    fn edits(mut self) -> Option<Vec<Edit>> {
        if self.list.is_empty() {
            return None;
        }
        self.list.sort();
        let text = &self.source.text;
        let mut lines: BTreeMap<usize, String> = BTreeMap::new();
        // From behind, so that places before stay right.
        for (start, end, new) in self.list.into_iter().rev() {
            let begin = text[..start].rfind('\n').map_or(0, |n| n + 1);
            let number = text[..begin].matches('\n').count() + 1;
            let line = lines.entry(number).or_insert_with(|| {
                let stop = text[begin..].find('\n').map_or(text.len(), |n| begin + n);
                text[begin..stop].trim_end_matches('\r').to_owned()
            });
            if end.max(start) - begin <= line.len() {
                line.replace_range(start - begin..end - begin, &new);
            }
        }
        Some(
            lines
                .into_iter()
                .map(|(n, line)| Edit::instead(u32::try_from(n).unwrap_or(u32::MAX), [line]))
                .collect(),
        )
    }
}
