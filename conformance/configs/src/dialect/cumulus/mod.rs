//! Cumulus Linux: `traffic.conf` and `datapath.conf` of releases 3 and 4, `qos_features.conf` and
//! `qos_infra.conf` of release 5.

#[cfg(test)]
mod tests;

use crate::defaults;
use crate::device::*;
use crate::fact::Fact;
use crate::language::{Dialect, Input, Language};
use crate::lines::Lines;
use crate::names::{key, range};
use crate::remark::{Remark, RemarkKind};
use crate::repair::{Edit, Wish};
use crate::source::{Fault, Source, Span};
use std::array::from_fn;
use std::sync::Arc;
use xoff_model::units::Length;

pub static LANGUAGE: Language = Language {
    dialect: Dialect::Cumulus,
    name: "cumulus",
    title: "Cumulus Linux",
    recognise,
    import,
    repair,
};

const STARTS: [&str; 16] = [
    "traffic.",
    "priority_group.",
    "pfc.",
    "link_pause.",
    "ecn.",
    "ecn_red.",
    "default_egress_sched.",
    "default_egress_shaping.",
    "egress_sched.",
    "egress_shaping.",
    "cos_egr_queue.",
    "source.",
    "remark.",
    "ingress_service_pool.",
    "egress_service_pool.",
    "flow_control.",
];

fn recognise(source: &Source) -> u32 {
    let lines = source
        .text
        .lines()
        .take(600)
        .map(|l| l.trim_start_matches(['#', ' ']));
    lines
        .map(|line| {
            if STARTS.iter().any(|s| line.starts_with(s)) && line.contains('=') {
                10
            } else {
                0
            }
        })
        .sum()
}

/// `pfc.roce_ports.cos_list = [3]`
struct Setting<'a> {
    path: Vec<&'a str>,
    value: &'a str,
    at: Span,
}

impl<'a> Setting<'a> {
    /// The items of `[a, b]`, or the value alone.
    fn items(&self) -> Vec<&'a str> {
        let inner = self.value.trim_matches(['[', ']']);
        inner
            .split(',')
            .map(|v| v.trim().trim_matches(['"', '\'']))
            .filter(|v| !v.is_empty())
            .collect()
    }

    fn numbers(&self) -> Vec<u8> {
        self.items().iter().filter_map(|v| v.parse().ok()).collect()
    }

    fn is(&self, path: &[&str]) -> bool {
        self.path == path
    }
}

struct State<'a> {
    settings: Vec<Setting<'a>>,
    /// Release 5: DSCP and PCP map one to one by default.
    five: bool,
}

fn import(input: Input) -> Result<Vec<Device>, Fault> {
    let mut settings = Vec::new();
    let mut lines = Lines::new(input.file, input.source.lines());
    for (line, number) in input.source.text.lines().zip(1_u32..) {
        // What is behind # is the shipped sample, not configuration.
        let text = line.split('#').next().unwrap_or_default().trim();
        let Some((path, value)) = text.split_once('=') else {
            continue;
        };
        settings.push(Setting {
            path: path.trim().split('.').collect(),
            value: value.trim(),
            at: Span::line(input.file, number),
        });
    }
    if settings.is_empty() && !input.source.text.contains('#') {
        return Err(Fault::whole(
            "there is no setting in the file",
            "lines such as `pfc.roce.cos_list = [3]`",
        ));
    }
    for setting in &settings {
        match known(&setting.path) {
            true => lines.understood(setting.at.line),
            false => lines.unknown(setting.at.line, "what this setting does is not known"),
        }
    }
    let text = &input.source.text;
    let five = input.source.path.contains("qos_")
        || text.contains("qos_features.conf")
        || text.contains("qos_infra.conf");
    let state = State { settings, five };
    let alias = input.source.stem().to_owned();
    Ok(vec![Device {
        name: alias.clone(),
        alias,
        dialect: Dialect::Cumulus,
        kind: Kind::Switch,
        file: input.file,
        ports: state.ports(),
        other_ports: state.port("*"),
        peer_link: None,
        bounce: None,
        host: None,
        remarks: state.remarks(),
        lines,
    }])
}

fn known(path: &[&str]) -> bool {
    let last = path.last().copied().unwrap_or_default();
    match path.first().copied().unwrap_or_default() {
        "traffic" => matches!(
            last,
            "packet_priority_source_set"
                | "dscp"
                | "8021p"
                | "cos"
                | "packet_priority_remark_set"
                | "port_default_priority"
                | "packet_priorities"
        ),
        "priority_group" => matches!(
            last,
            "cos_list"
                | "id"
                | "weight"
                | "service_pool"
                | "priority_group_list"
                | "ingress_buffer"
                | "egress_buffer"
                | "unlimited_egress_buffer"
        ),
        "pfc" | "link_pause" | "flow_control" => matches!(
            last,
            "port_group_list"
                | "pause_port_group_list"
                | "cos_list"
                | "port_set"
                | "port_buffer_bytes"
                | "xoff_size"
                | "xon_delta"
                | "tx_enable"
                | "rx_enable"
                | "cable_length"
        ),
        "ecn" | "ecn_red" => matches!(
            last,
            "port_group_list"
                | "cos_list"
                | "egress_queue_list"
                | "port_set"
                | "min_threshold_bytes"
                | "max_threshold_bytes"
                | "probability"
                | "red_enable"
                | "ecn_enable"
        ),
        "default_egress_sched"
        | "egress_sched"
        | "cos_egr_queue"
        | "default_egress_shaping"
        | "egress_shaping"
        | "source"
        | "remark"
        | "ingress_service_pool"
        | "egress_service_pool"
        | "port"
        | "port_default_priority"
        | "service_pool"
        | "forwarding_table"
        | "hash_config"
        | "arp"
        | "acl"
        | "ecmp"
        | "lag"
        | "resilient_hash"
        | "vxlan"
        | "switch" => true,
        _ => false,
    }
}

impl<'a> State<'a> {
    fn find(&self, path: &[&str]) -> Option<&Setting<'a>> {
        self.settings.iter().rev().find(|s| s.is(path))
    }

    /// The groups of ports of a kind: those in its list.
    fn groups(&self, kind: &str) -> Vec<&'a str> {
        let list = self
            .find(&[kind, "port_group_list"])
            .or_else(|| self.find(&[kind, "pause_port_group_list"]));
        list.map(Setting::items).unwrap_or_default()
    }

    /// The group of a kind that a port is in.
    fn group(&self, kind: &str, port: &str) -> Option<&'a str> {
        self.groups(kind).into_iter().find(|group| {
            self.find(&[kind, group, "port_set"])
                .is_some_and(|set| has(set, port))
        })
    }

    /// The ports that sets name.
    fn ports(&self) -> Vec<Port> {
        let mut names: Vec<String> = Vec::new();
        for setting in self
            .settings
            .iter()
            .filter(|s| s.path.last() == Some(&"port_set"))
        {
            for name in set_ports(setting.value) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names.truncate(crate::names::MOST_PORTS);
        names.iter().map(|name| self.port(name)).collect()
    }

    fn port(&self, name: &str) -> Port {
        let why = "it is not in this file but in /etc/network/interfaces";
        let mut port = Port::unknown(name, why);
        port.qos = Qos::plain("no setting says it");
        let qos = &mut port.qos;
        qos.dcbx.on = Fact::default(false, "Cumulus sends no DCBX unless lldpd is told to");
        qos.dcbx.willing = Fact::default(false, "switches are not willing");
        self.classify(qos);
        self.pfc(qos, name);
        self.queues(qos, name);
        if let Some(group) = self.group("pfc", name)
            && let Some(length) = self.find(&["pfc", group, "cable_length"])
            && let Ok(metres) = length.value.parse::<u64>()
        {
            port.cable = Fact::stated(Length(metres.saturating_mul(1000)), length.at);
        }
        for (way, rx) in [("rx_enable", true), ("tx_enable", false)] {
            let Some(group) = self.group("link_pause", name) else {
                continue;
            };
            let setting = self.find(&["link_pause", group, way]);
            let fact = setting.map(|s| Fact::stated(s.value == "true", s.at));
            match (fact, rx) {
                (Some(fact), true) => port.qos.pause_rx = fact,
                (Some(fact), false) => port.qos.pause_tx = fact,
                _ => {}
            }
        }
        port
    }

    fn classify(&self, qos: &mut Qos) {
        let sources = self.find(&["traffic", "packet_priority_source_set"]);
        let has = |name: &str| sources.is_some_and(|s| s.items().contains(&name));
        let (dscp, pcp) = (has("dscp"), has("802.1p") || has("8021p") || has("cos"));
        qos.trust = match (sources, dscp, pcp) {
            (Some(s), true, true) => Fact::stated(Trust::DscpThenPcp, s.at),
            (Some(s), true, false) => Fact::stated(Trust::Dscp, s.at),
            (Some(s), false, true) => Fact::stated(Trust::Pcp, s.at),
            (Some(s), false, false) => Fact::stated(Trust::Nothing, s.at),
            (None, ..) => Fact::default(Trust::Pcp, "802.1p is the only source by default"),
        };
        let (mut by_dscp, mut by_pcp): ([Fact<u8>; 64], [Fact<u8>; 8]) = match self.five {
            true => (
                defaults(|n| n >> 3, "DSCP n is in cos n / 8 by default"),
                defaults(|n| n, "802.1p n is cos n by default"),
            ),
            // Cos 3 is kept for the CPU: its traffic enters cos 4 with that of 4.
            false => (
                defaults(
                    |n| if n >> 3 == 3 { 4 } else { n >> 3 },
                    "DSCPs 24 to 31 enter cos 4 by default",
                ),
                defaults(
                    |n| if n == 3 { 4 } else { n },
                    "802.1p 3 enters cos 4 by default",
                ),
            ),
        };
        for setting in &self.settings {
            let (Some(cos), Some(kind)) = (
                setting
                    .path
                    .get(1)
                    .and_then(|c| c.strip_prefix("cos_")?.parse::<u8>().ok()),
                setting.path.last(),
            ) else {
                continue;
            };
            if setting.path.first() != Some(&"traffic") || cos > 7 {
                continue;
            }
            for n in setting.numbers() {
                let place = match *kind {
                    "dscp" => by_dscp.get_mut(usize::from(n)),
                    "8021p" | "cos" => by_pcp.get_mut(usize::from(n)),
                    _ => None,
                };
                if let Some(place) = place {
                    *place = Fact::stated(cos, setting.at);
                }
            }
        }
        qos.dscp = Arc::new(by_dscp);
        qos.pcp = Arc::new(by_pcp);
    }

    fn pfc(&self, qos: &mut Qos, port: &str) {
        let Some(group) = self.group("pfc", port) else {
            return;
        };
        let setting = |name: &str| self.find(&["pfc", group, name]);
        let Some(list) = setting("cos_list") else {
            return;
        };
        let on = |name: &str| {
            setting(name).map_or(
                Fact::default(true, "both directions are on by default"),
                |s| Fact::stated(s.value == "true", s.at),
            )
        };
        let (send, obey) = (on("tx_enable"), on("rx_enable"));
        qos.pfc.mode = Fact::implied(PfcMode::On, list.at, "the port is in a group with PFC");
        let bytes =
            |name: &str| setting(name).and_then(|s| Some((s.value.parse::<u64>().ok()?, s.at)));
        for n in list
            .numbers()
            .into_iter()
            .filter(|n| *n < 8)
            .map(usize::from)
        {
            qos.classes[n].no_drop = Fact::stated(true, list.at);
            qos.pfc.send[n] = send.clone();
            qos.pfc.obey[n] = obey.clone();
            let buffer = &mut qos.groups[n];
            buffer.lossless = Fact::stated(true, list.at);
            if let (Some((all, at)), Some((xoff, limit))) =
                (bytes("port_buffer_bytes"), bytes("xoff_size"))
            {
                buffer.headroom = Fact::implied(
                    all.saturating_sub(xoff),
                    at,
                    "what is above XOFF in the port's buffer",
                );
                buffer.limit = Fact::stated(Limit::Static(xoff), limit);
            }
            if let Some((delta, at)) = bytes("xon_delta") {
                buffer.xon_offset = Fact::stated(delta, at);
            }
        }
    }

    fn queues(&self, qos: &mut Qos, port: &str) {
        for setting in &self.settings {
            match setting.path.as_slice() {
                ["cos_egr_queue", cos, "uc" | "mc"] | ["cos_egr_queue", cos] => {
                    let (cos, queue) = (
                        cos.strip_prefix("cos_")
                            .and_then(|c| c.parse::<usize>().ok()),
                        setting.value.parse::<u8>().ok(),
                    );
                    if let (Some(cos @ 0..8), Some(queue @ 0..8)) = (cos, queue) {
                        qos.classes[cos].queue = Fact::stated(queue, setting.at);
                    }
                }
                ["default_egress_sched" | "egress_sched", rest @ ..] => {
                    let Some(n) = rest
                        .iter()
                        .find_map(|p| p.strip_prefix("egr_queue_")?.parse::<usize>().ok())
                        .filter(|n| *n < 8)
                    else {
                        continue;
                    };
                    if let Ok(percent) = setting.value.parse::<u32>() {
                        // 0 is strict priority.
                        let kind = if percent == 0 {
                            Scheduler::Strict
                        } else {
                            Scheduler::Percent(percent)
                        };
                        qos.queues[n].scheduler = Fact::stated(kind, setting.at);
                    }
                }
                _ => {}
            }
        }
        for kind in ["ecn_red", "ecn"] {
            let Some(group) = self.group(kind, port) else {
                continue;
            };
            let setting = |name: &str| self.find(&[kind, group, name]);
            let list = setting("egress_queue_list").or_else(|| setting("cos_list"));
            let on = |name: &str| setting(name).is_none_or(|s| s.value == "true");
            let Some(list) = list else { continue };
            for n in list
                .numbers()
                .into_iter()
                .filter(|n| *n < 8)
                .map(usize::from)
            {
                let wred = &mut qos.queues[n].wred;
                let action = match (
                    on("ecn_enable"),
                    setting("red_enable").is_some_and(|s| s.value == "true"),
                ) {
                    (true, _) => WredAction::Mark,
                    (false, true) => WredAction::Drop,
                    (false, false) => WredAction::Off,
                };
                wred.action = Fact::stated(action, list.at);
                let bytes = |name: &str| match setting(name)
                    .and_then(|s| Some((s.value.parse::<u64>().ok()?, s.at)))
                {
                    Some((bytes, at)) => Fact::stated(bytes, at),
                    None => Fact::unknown("the profile has no such threshold"),
                };
                wred.min = bytes("min_threshold_bytes");
                wred.max = bytes("max_threshold_bytes");
                if let Some((percent, at)) =
                    setting("probability").and_then(|s| Some((s.value.parse::<u32>().ok()?, s.at)))
                {
                    wred.percent = Fact::stated(percent, at);
                }
            }
        }
        qos.pfc.stops = from_fn(|n| qos.classes[n].queue.clone());
    }

    /// Groups that no list names, and lists that name no group.
    fn remarks(&self) -> Vec<Remark> {
        let mut found = Vec::new();
        for kind in ["pfc", "ecn_red", "ecn", "link_pause"] {
            let listed = self.groups(kind);
            let mut told: Vec<&str> = Vec::new();
            for setting in self
                .settings
                .iter()
                .filter(|s| s.path.len() == 3 && s.path[0] == kind)
            {
                let group = setting.path[1];
                if listed.contains(&group) || told.contains(&group) {
                    continue;
                }
                told.push(group);
                let cause = format!(
                    "{kind}.port_group_list does not name `{group}`: its settings do nothing."
                );
                let cure = format!("Write {kind}.port_group_list = [{group}].");
                found.push(
                    Remark::new(RemarkKind::NotBound, setting.at, cause, cure).of_priorities(0xff),
                );
            }
            for group in listed {
                if self.find(&[kind, group, "port_set"]).is_some() {
                    continue;
                }
                let Some(list) = self.find(&[kind, "port_group_list"]) else {
                    continue;
                };
                let cause = format!("{kind} group `{group}` has no port_set: it acts on no port.");
                let cure = format!("Write {kind}.{group}.port_set = allports.");
                found.push(
                    Remark::new(RemarkKind::NotBound, list.at, cause, cure).of_priorities(0xff),
                );
            }
        }
        found
    }
}

fn has(set: &Setting, port: &str) -> bool {
    set.value
        .split(',')
        .any(|p| matches!(p.trim(), "allports" | "all"))
        || set_ports(set.value).iter().any(|p| key(p) == key(port))
}

/// `swp1-swp4,swp6`
fn set_ports(set: &str) -> Vec<String> {
    let parts = set
        .split(',')
        .map(str::trim)
        .filter(|p| p.starts_with("swp"));
    parts
        .flat_map(|p| range(p).unwrap_or_else(|| vec![p.to_owned()]))
        .collect()
}

fn repair(device: &Device, source: &Source, wish: &Wish) -> Option<Vec<Edit>> {
    let line_of = |start: &str| {
        source
            .text
            .lines()
            .zip(1_u32..)
            .filter(|(l, _)| l.trim_start().starts_with(start))
            .last()
    };
    let set = |start: &str, line: String| match line_of(start) {
        Some((_, n)) => Edit::instead(n, [line]),
        None => Edit::end([line]),
    };
    match wish {
        Wish::Trust { trust, .. } => {
            let source = if *trust == Trust::Pcp {
                "802.1p"
            } else {
                "dscp"
            };
            let start = "traffic.packet_priority_source_set";
            Some(vec![set(start, format!("{start} = [{source}]"))])
        }
        Wish::Classify {
            dscp, pcp, class, ..
        } => {
            let (kind, n) = dscp
                .map(|d| ("dscp", d))
                .or_else(|| pcp.map(|p| ("8021p", p)))?;
            let start = format!("traffic.cos_{class}.priority_source.{kind}");
            let old = line_of(&start).and_then(|(l, _)| {
                l.split_once('=')
                    .map(|(_, v)| v.trim().trim_matches(['[', ']']).to_owned())
            });
            let list = old
                .filter(|o| !o.is_empty())
                .map_or(n.to_string(), |o| format!("{o},{n}"));
            Some(vec![set(&start, format!("{start} = [{list}]"))])
        }
        Wish::Headroom { port, bytes, .. } => {
            let name = source.text.lines().find_map(|l| {
                l.trim()
                    .strip_prefix("pfc.")?
                    .split_once(".port_buffer_bytes")
                    .map(|(g, _)| g.to_owned())
            })?;
            let own = device.port(port).unwrap_or(&device.other_ports);
            let limit = own.qos.groups.iter().find_map(|g| match g.limit.value() {
                Some(Limit::Static(bytes)) => Some(bytes),
                _ => None,
            })?;
            let start = format!("pfc.{name}.port_buffer_bytes");
            Some(vec![set(&start, format!("{start} = {}", limit + bytes))])
        }
        Wish::NoDrop { priority, .. } | Wish::Pfc { priority, .. } => {
            let group = source.text.lines().find_map(|l| {
                l.trim()
                    .strip_prefix("pfc.port_group_list")?
                    .split(['[', ']'])
                    .nth(1)
                    .map(|g| g.trim().to_owned())
            });
            let group = group.unwrap_or_else(|| "roce_ports".to_owned());
            let mut edits = vec![set(
                "pfc.port_group_list",
                format!("pfc.port_group_list = [{group}]"),
            )];
            for (name, value) in [
                ("cos_list", format!("[{priority}]")),
                ("port_set", "allports".to_owned()),
                ("tx_enable", "true".to_owned()),
                ("rx_enable", "true".to_owned()),
            ] {
                let start = format!("pfc.{group}.{name}");
                edits.push(set(&start, format!("{start} = {value}")));
            }
            Some(edits)
        }
        Wish::Obey { .. } => {
            let (line, n) = line_of("pfc.")
                .filter(|(l, _)| l.contains("rx_enable"))
                .or_else(|| {
                    source.text.lines().zip(1_u32..).find(|(l, _)| {
                        l.trim_start().starts_with("pfc.") && l.contains("rx_enable")
                    })
                })?;
            let (path, _) = line.split_once('=')?;
            Some(vec![Edit::instead(n, [format!("{} = true", path.trim())])])
        }
        _ => None,
    }
}
