//! Wishes as changes of the JSON: values in their place, new entries at the start of their table.

use super::json;
use super::qos::mask;
use super::tables::referred;
use crate::device::{Device, Trust};
use crate::language::Input;
use crate::repair::{Edit, Wish};
use crate::source::{Source, Span};
use crate::tree::Tree;
use std::collections::BTreeMap;

/// Changes of the text: what goes from here to there.
struct Changes<'a> {
    tree: &'a Tree,
    source: &'a Source,
    /// Byte ranges and what comes instead.
    list: Vec<(usize, usize, String)>,
}

pub(super) fn repair(device: &Device, source: &Source, wish: &Wish) -> Option<Vec<Edit>> {
    let file = device.file;
    let json = json::parse(Input { file, source }).ok()?;
    let mut changes = Changes {
        tree: &json.tree,
        source,
        list: Vec::new(),
    };
    match wish {
        Wish::Classify {
            port,
            dscp,
            pcp,
            class,
        } => changes.classify(port, *dscp, *pcp, *class)?,
        Wish::Trust { port, trust } => changes.trust(port, *trust)?,
        Wish::Pfc { port, priority } => changes.pfc(port, *priority)?,
        Wish::Obey {
            port,
            priority,
            queue,
        } => changes.obey(port, *priority, *queue)?,
        Wish::NoDrop { priority, .. } => {
            for port in &device.ports {
                changes.pfc(&port.name, *priority);
            }
        }
        Wish::Like { port, other } => changes.like(port, other)?,
        Wish::Mtu { port, bytes } => {
            let lag = device.port(port)?.lag.as_ref();
            changes.mtu(port, lag.map(|(lag, _)| lag.as_str()), *bytes)?;
        }
        Wish::Share {
            port,
            queue,
            percent,
        } => changes.share(port, *queue, *percent)?,
        Wish::Mark {
            port,
            queue,
            min,
            max,
        } => {
            let profile = changes.profile("QUEUE", port, *queue, "wred_profile", "WRED_PROFILE")?;
            changes.set(profile, "green_min_threshold", &min.to_string());
            changes.set(profile, "green_max_threshold", &max.to_string());
            changes.set(profile, "ecn", "ecn_all");
            changes.set(profile, "wred_green_enable", "true");
        }
        Wish::Headroom { port, group, bytes } => changes.headroom(port, *group, *bytes)?,
        Wish::Watchdog { port } => changes.watchdog(port)?,
        Wish::WatchdogPoll { micros } => changes.poll(*micros)?,
        Wish::Tag { port, vlan } => changes.tag(port, *vlan)?,
        _ => return None,
    }
    changes.edits()
}

/// Whether a key such as `Ethernet0,Ethernet4|3-4` is for a port's queue or group.
fn covers(key: &str, port: &str, number: u8) -> bool {
    let Some((ports, numbers)) = key.rsplit_once(['|', ':']) else {
        return false;
    };
    let ports = ports.rsplit(['|', ':']).next().unwrap_or(ports);
    let numbers = crate::text::numbers(numbers, 63).unwrap_or_default();
    ports.split(',').any(|p| p.trim() == port) && numbers.contains(&u32::from(number))
}

/// `3,4`
fn listed(mask: u8) -> String {
    let all = (0..8).filter(|n| mask & 1 << n != 0);
    all.map(|n| n.to_string()).collect::<Vec<_>>().join(",")
}

impl<'a> Changes<'a> {
    /// The row of a port, or of a name; of a list of ports, too.
    fn row(&self, table: &str, name: &str) -> Option<&'a Tree> {
        let rows = self.tree.get(table)?.entries();
        let is = |key: &str| {
            let last = key.rsplit(['|', ':']).next().unwrap_or(key);
            key == name || last.split(',').any(|p| p.trim() == name)
        };
        rows.iter().find(|(k, _)| is(&k.text)).map(|(_, t)| t)
    }

    /// The row that a field of a port's (or the global) row in PORT_QOS_MAP names.
    fn map(&self, port: &str, field: &str, table: &str) -> Option<&'a Tree> {
        let of = |name: &str| self.row("PORT_QOS_MAP", name)?.get(field)?.text();
        let name = of(port).or_else(|| of("global"))?;
        self.tree.get(table)?.get(referred(name))
    }

    /// The profile of a port's queue or group.
    fn profile(
        &self,
        table: &str,
        port: &str,
        number: u8,
        field: &str,
        profiles: &str,
    ) -> Option<&'a Tree> {
        let rows = self.tree.get(table)?.entries();
        let (_, row) = rows.iter().find(|(k, _)| covers(&k.text, port, number))?;
        let name = row.get(field)?.text()?;
        self.tree.get(profiles)?.get(referred(name))
    }

    fn classify(&mut self, port: &str, dscp: Option<u8>, pcp: Option<u8>, class: u8) -> Option<()> {
        let (map, key) = match (dscp, pcp) {
            (Some(dscp), _) => (self.map(port, "dscp_to_tc_map", "DSCP_TO_TC_MAP")?, dscp),
            (None, Some(pcp)) => (self.map(port, "dot1p_to_tc_map", "DOT1P_TO_TC_MAP")?, pcp),
            (None, None) => return None,
        };
        self.set(map, &key.to_string(), &class.to_string());
        Some(())
    }

    /// A map that there is, preferably that of another port.
    fn trust(&mut self, port: &str, trust: Trust) -> Option<()> {
        let row = self.row("PORT_QOS_MAP", port)?;
        let (field, table) = match trust {
            Trust::Dscp => ("dscp_to_tc_map", "DSCP_TO_TC_MAP"),
            // A port that has a map of DSCPs as well would go on with that.
            Trust::Pcp if row.get("dscp_to_tc_map").is_none() => {
                ("dot1p_to_tc_map", "DOT1P_TO_TC_MAP")
            }
            _ => return None,
        };
        let others = self.tree.get("PORT_QOS_MAP")?.entries().iter();
        let name = others
            .filter_map(|(_, r)| r.get(field)?.text())
            .next()
            .or_else(|| {
                let rows = self.tree.get(table)?.entries();
                rows.first().map(|(k, _)| k.text.as_str())
            })?;
        self.set(row, field, name);
        Some(())
    }

    /// PFC of the priority beside those that have it.
    fn pfc(&mut self, port: &str, priority: u8) -> Option<()> {
        let row = self.row("PORT_QOS_MAP", port)?;
        let old = row.get("pfc_enable").and_then(Tree::text).unwrap_or("");
        let new = mask(old) | 1 << (priority & 7);
        if new != mask(old) || row.get("pfc_enable").is_none() {
            self.set(row, "pfc_enable", &listed(new));
        }
        Some(())
    }

    fn obey(&mut self, port: &str, priority: u8, queue: u8) -> Option<()> {
        self.pfc(port, priority)?;
        let field = "pfc_to_queue_map";
        let map = self
            .map(port, field, "MAP_PFC_PRIORITY_TO_QUEUE")
            .or_else(|| self.map(port, field, "PFC_PRIORITY_TO_QUEUE_MAP"));
        match map {
            Some(map) => {
                let key = priority.to_string();
                if map.get(&key).and_then(Tree::text) != Some(&queue.to_string()) {
                    self.set(map, &key, &queue.to_string());
                }
            }
            None if priority != queue => return None,
            None => {}
        }
        Some(())
    }

    /// The port's row of PORT_QOS_MAP has what the other's has.
    fn like(&mut self, port: &str, other: &str) -> Option<()> {
        let rows = self.tree.get("PORT_QOS_MAP")?;
        let model = self.row("PORT_QOS_MAP", other)?;
        match rows.get(port) {
            Some(row) => {
                for (key, value) in model.entries() {
                    if row.get(&key.text).and_then(Tree::text) != value.text() {
                        self.set(row, &key.text, value.text()?);
                    }
                }
            }
            // Its row is the other's, too: there is nothing to copy.
            None if self.row("PORT_QOS_MAP", port).is_some() => return None,
            None => self.begin(rows, format!("\"{port}\": {}", fields(model))),
        }
        if self.row("PFC_WD", other).is_some() && self.row("PFC_WD", port).is_none() {
            self.watchdog(port);
        }
        Some(())
    }

    /// The weight that gives a queue its share, if no other queue has the same scheduler.
    fn share(&mut self, port: &str, queue: u8, percent: u32) -> Option<()> {
        let own = self.profile("QUEUE", port, queue, "scheduler", "SCHEDULER")?;
        own.get("weight")?;
        let mut others = 0_u64;
        for n in (0..8).filter(|n| *n != queue) {
            let Some(other) = self.profile("QUEUE", port, n, "scheduler", "SCHEDULER") else {
                continue;
            };
            if std::ptr::eq(own, other) {
                return None;
            }
            others += other
                .get("weight")
                .and_then(Tree::text)?
                .parse::<u64>()
                .ok()?;
        }
        let percent = u64::from(percent.clamp(1, 99));
        let weight = (others.max(1) * percent).div_ceil(100 - percent);
        // Weights are of 1 to 100.
        (1..=100).contains(&weight).then_some(())?;
        self.set(own, "weight", &weight.to_string());
        Some(())
    }

    fn headroom(&mut self, port: &str, group: u8, bytes: u64) -> Option<()> {
        let rows = self.tree.get("BUFFER_PG").map_or(&[][..], Tree::entries);
        if rows.iter().any(|(k, _)| covers(&k.text, port, group)) {
            let profile = self.profile("BUFFER_PG", port, group, "profile", "BUFFER_PROFILE")?;
            profile.get("xoff")?;
            self.set(profile, "xoff", &bytes.to_string());
            return Some(());
        }
        let (_, cables) = self.tree.get("CABLE_LENGTH")?.entries().first()?;
        self.set(cables, port, "40m");
        Some(())
    }

    /// That of the LAG is that of its members.
    fn mtu(&mut self, port: &str, lag: Option<&str>, bytes: u32) -> Option<()> {
        let of_lag = lag
            .and_then(|lag| self.tree.get("PORTCHANNEL")?.get(lag))
            .filter(|row| row.get("mtu").is_some());
        let row = of_lag.or_else(|| self.row("PORT", port))?;
        self.set(row, "mtu", &bytes.max(9100).to_string());
        Some(())
    }

    fn poll(&mut self, micros: u64) -> Option<()> {
        let poll = (micros / 1000).max(1).to_string();
        match self.row("PFC_WD", "GLOBAL") {
            Some(global) => self.set(global, "POLL_INTERVAL", &poll),
            None => {
                let table = self.tree.get("PFC_WD")?;
                let entry = format!("\"GLOBAL\": {{\"POLL_INTERVAL\": \"{poll}\"}}");
                self.begin(table, entry);
            }
        }
        Some(())
    }

    fn tag(&mut self, port: &str, vlan: u16) -> Option<()> {
        let members = self.tree.get("VLAN_MEMBER")?;
        let key = format!("Vlan{vlan}|{port}");
        match members.get(&key) {
            Some(row) => self.set(row, "tagging_mode", "tagged"),
            None => {
                let entry = format!("\"{key}\": {{\"tagging_mode\": \"tagged\"}}");
                self.begin(members, entry);
            }
        }
        Some(())
    }

    /// A row of PFC_WD, like that of another port if there is one.
    fn watchdog(&mut self, port: &str) -> Option<()> {
        let table = self.tree.get("PFC_WD");
        let rows = table.map_or(&[][..], Tree::entries);
        if self.row("PFC_WD", port).is_none() {
            let like = rows.iter().find(|(k, _)| k.text != "GLOBAL");
            let own = like.map_or_else(
                || {
                    "{\"action\": \"drop\", \"detection_time\": \"200\", \"restoration_time\": \"200\"}"
                        .to_owned()
                },
                |(_, row)| fields(row),
            );
            let entry = format!("\"{port}\": {own}");
            match table {
                Some(table) => self.begin(table, entry),
                None => self.begin(self.tree, format!("\"PFC_WD\": {{{entry}}}")),
            }
        }
        // What it looks at.
        if let Some(row) = self.row("PORT_QOS_MAP", port)
            && let (Some(list), Some(selected)) = (
                row.get("pfc_enable").and_then(Tree::text),
                row.get("pfcwd_sw_enable"),
            )
            && mask(list) & !mask(selected.text().unwrap_or_default()) != 0
        {
            self.set(row, "pfcwd_sw_enable", list);
        }
        Some(())
    }

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
        let place = Span { len: 1, ..map.at };
        let start = self.source.range(place).start;
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
        self.list.dedup();
        let text = &self.source.text;
        // Where lines begin, to find the line of a place.
        let begins: Vec<usize> = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(n, _)| n + 1))
            .collect();
        let mut lines: BTreeMap<usize, String> = BTreeMap::new();
        // From behind, so that places before stay right. Entries at one place need commas between them.
        let mut later: Option<usize> = None;
        for (start, end, new) in self.list.into_iter().rev() {
            let number = begins.partition_point(|begin| *begin <= start);
            let begin = begins[number - 1];
            let line = lines.entry(number).or_insert_with(|| {
                let stop = text[begin..].find('\n').map_or(text.len(), |n| begin + n);
                text[begin..stop].trim_end_matches('\r').to_owned()
            });
            let mut new = new;
            if later == Some(start) && start == end && !new.ends_with(", ") {
                new.push_str(", ");
            }
            later = Some(start);
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

/// A row as one line.
fn fields(row: &Tree) -> String {
    let all: Vec<String> = row
        .entries()
        .iter()
        .filter_map(|(k, v)| Some(format!("\"{}\": \"{}\"", k.text, v.text()?)))
        .collect();
    format!("{{{}}}", all.join(", "))
}
