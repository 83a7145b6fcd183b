//! The settings of a file, and the groups of ports that they are for.

use crate::language::Input;
use crate::lines::Lines;
use crate::names::{key, range};
use crate::source::{Fault, Span};
use std::collections::{BTreeMap, BTreeSet};

/// `pfc.roce_ports.cos_list = [3]`
pub(super) struct Setting<'a> {
    /// As it is written, without blanks.
    pub(super) name: &'a str,
    pub(super) path: Vec<&'a str>,
    pub(super) value: &'a str,
    pub(super) at: Span,
}

impl<'a> Setting<'a> {
    /// The items of `[a, b]`, or the value alone.
    pub(super) fn items(&self) -> Vec<&'a str> {
        let inner = self.value.trim_matches(['[', ']']);
        let items = inner.split(',').map(|v| v.trim().trim_matches(['"', '\'']));
        items.filter(|v| !v.is_empty()).collect()
    }

    pub(super) fn numbers(&self) -> Vec<u8> {
        self.items().iter().filter_map(|v| v.parse().ok()).collect()
    }

    pub(super) fn number(&self) -> Option<u64> {
        self.value.parse().ok()
    }

    pub(super) fn is_true(&self) -> bool {
        self.value.eq_ignore_ascii_case("true")
    }
}

/// A group of ports of one kind: `pfc.roce_ports`.
pub(super) struct Group<'a> {
    pub(super) kind: &'static str,
    pub(super) name: &'a str,
    all: bool,
    /// By what names have in common.
    ports: BTreeSet<String>,
}

impl Group<'_> {
    pub(super) fn has(&self, port: &str) -> bool {
        self.all || self.ports.contains(&key(port))
    }
}

/// The kinds of groups, and what lists them.
pub(super) const KINDS: [&str; 7] = [
    "pfc",
    "link_pause",
    "ecn_red",
    "ecn",
    "source",
    "egress_sched",
    "egress_shaping",
];

pub(super) struct File<'a> {
    pub(super) settings: Vec<Setting<'a>>,
    /// Where a setting stands last, which is what counts.
    places: BTreeMap<&'a str, usize>,
    pub(super) groups: Vec<Group<'a>>,
    /// Release 5: DSCP and PCP map one to one by default.
    pub(super) five: bool,
    pub(super) lines: Lines,
}

impl<'a> File<'a> {
    /// # Errors
    /// There is no setting in it, not even a sample of one.
    pub(super) fn read(input: Input<'a>) -> Result<File<'a>, Fault> {
        let text: &'a str = &input.source.text;
        let mut settings = Vec::new();
        for (line, number) in text.lines().zip(1_u32..) {
            // What is behind # is the shipped sample, not configuration.
            let line = line.split('#').next().unwrap_or_default();
            if let Some((name, value)) = line.split_once('=') {
                let name = name.trim();
                settings.push(Setting {
                    name,
                    path: name.split('.').collect(),
                    value: value.trim(),
                    at: Span::line(input.file, number),
                });
            }
        }
        if settings.is_empty() && !text.contains('#') {
            return Err(Fault::whole(
                "there is no setting in the file",
                "lines such as `pfc.roce.cos_list = [3]`",
            ));
        }
        let five = input.source.path.contains("qos_")
            || text.contains("qos_features.conf")
            || text.contains("qos_infra.conf");
        let places = settings.iter().zip(0..).map(|(s, n)| (s.name, n));
        let mut file = File {
            places: places.collect(),
            settings,
            groups: Vec::new(),
            five,
            lines: Lines::new(input.file, input.source.lines()),
        };
        file.groups = KINDS.iter().flat_map(|kind| file.groups_of(kind)).collect();
        file.count();
        Ok(file)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Setting<'a>> {
        self.places.get(name).map(|n| &self.settings[*n])
    }

    /// A setting of a group.
    pub(super) fn of(&self, group: &Group, name: &str) -> Option<&Setting<'a>> {
        self.get(&format!("{}.{}.{name}", group.kind, group.name))
    }

    /// The setting that lists the groups of a kind.
    pub(super) fn list(&self, kind: &str) -> Option<&Setting<'a>> {
        self.get(&format!("{kind}.port_group_list"))
            .or_else(|| self.get(&format!("{kind}.pause_port_group_list")))
    }

    fn groups_of(&self, kind: &'static str) -> Vec<Group<'a>> {
        let names = self.list(kind).map(Setting::items).unwrap_or_default();
        let group = |name: &&'a str| {
            let set = self.get(&format!("{kind}.{name}.port_set"));
            let set = set.map_or("", |s| s.value);
            Group {
                kind,
                name,
                all: parts(set).any(|p| matches!(p, "allports" | "all")),
                ports: set_ports(set).iter().map(|p| key(p)).collect(),
            }
        };
        names.iter().map(group).collect()
    }

    /// The ports that sets name, once each.
    pub(super) fn ports(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let mut names = Vec::new();
        let sets = self.settings.iter();
        for setting in sets.filter(|s| s.path.last() == Some(&"port_set")) {
            for name in set_ports(setting.value) {
                if names.len() < crate::names::MOST_PORTS && seen.insert(name.clone()) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// What packets are rewritten to as they leave.
    fn rewrites(&self) -> bool {
        let set = |s: &Setting| {
            s.path.last() == Some(&"packet_priority_remark_set") && !s.items().is_empty()
        };
        self.settings.iter().any(set)
    }

    fn count(&mut self) {
        let rewrites = self.rewrites();
        for setting in &self.settings {
            let line = setting.at.line;
            let remarks = setting.path.iter().any(|p| p.contains("remark"));
            match known(&setting.path) {
                None => {}
                Some(_) if remarks && rewrites => self
                    .lines
                    .unknown(line, "what is rewritten on the way out is not followed"),
                Some(true) => self.lines.understood(line),
                Some(false) => self
                    .lines
                    .unknown(line, "what this setting does is not known"),
            }
        }
    }
}

fn parts(set: &str) -> impl Iterator<Item = &str> {
    let inner = set.trim_matches(['[', ']']);
    inner.split(',').map(str::trim)
}

/// `swp1-swp4,swp6`
fn set_ports(set: &str) -> Vec<String> {
    let ports = parts(set).filter(|p| p.starts_with("swp") || p.starts_with("bond"));
    ports
        .flat_map(|p| range(p).unwrap_or_else(|| vec![p.to_owned()]))
        .collect()
}

/// The settings of a kind of group.
pub(super) fn fields(kind: &str) -> &'static [&'static str] {
    match kind {
        "traffic" => &[
            "packet_priority_source_set",
            "packet_priority_remark_set",
            "port_default_priority",
        ],
        "source" => &[
            "port_group_list",
            "port_set",
            "packet_priority_source_set",
            "port_default_priority",
        ],
        "remark" => &["port_group_list", "port_set", "packet_priority_remark_set"],
        "pfc" | "link_pause" | "flow_control" => &[
            "port_group_list",
            "pause_port_group_list",
            "cos_list",
            "port_set",
            "port_buffer_bytes",
            "xoff_size",
            "xon_delta",
            "tx_enable",
            "rx_enable",
            "cable_length",
        ],
        "ecn" | "ecn_red" | "default_ecn_red_conf" => &[
            "port_group_list",
            "cos_list",
            "egress_queue_list",
            "port_set",
            "min_threshold_bytes",
            "max_threshold_bytes",
            "probability",
            "red_enable",
            "ecn_enable",
        ],
        "priority_group" => &[
            "cos_list",
            "id",
            "weight",
            "service_pool",
            "priority_group_list",
            "ingress_buffer",
            "egress_buffer",
            "unlimited_egress_buffer",
        ],
        "egress_sched" => &["port_group_list", "port_set", "bw_percent"],
        "default_egress_sched" => &["bw_percent"],
        _ => &[],
    }
}

/// Whether a setting is read, or known to change nothing here; None: of no bearing.
fn known(path: &[&str]) -> Option<bool> {
    let (first, last) = (path.first().copied()?, path.last().copied()?);
    Some(match first {
        "traffic" | "source" | "remark" => {
            let of_cos = path.iter().any(|p| p.starts_with("cos_"));
            let maps = of_cos && matches!(last, "dscp" | "8021p" | "cos");
            maps || fields(first).contains(&last)
        }
        "pfc"
        | "link_pause"
        | "flow_control"
        | "ecn"
        | "ecn_red"
        | "default_ecn_red_conf"
        | "priority_group"
        | "egress_sched"
        | "default_egress_sched" => fields(first).contains(&last),
        "cos_egr_queue" => true,
        // Sizes of pools that all ports share, which no rule asks for.
        "ingress_service_pool" | "egress_service_pool" | "service_pool" | "port" => true,
        "default_egress_shaping" | "egress_shaping" | "scheduling" | "port_default_priority" => {
            false
        }
        _ => return None,
    })
}
