//! The structured configuration of Arista's AVD: YAML that is rendered to lines. It is read as the
//! lines that it stands for.

use crate::console::Command;
use crate::language::Input;
use crate::source::{Fault, Source, Span};
use crate::tree::{Tree, parse};
use std::borrow::Cow;

/// Whether a file is YAML with keys that only AVD has.
pub(super) fn is_avd(source: &Source) -> bool {
    let key = |line: &str| {
        [
            "qos_profiles:",
            "ethernet_interfaces:",
            "port_channel_interfaces:",
            "priority_flow_control:",
        ]
        .contains(&line.trim_end())
    };
    source.text.lines().take(400).any(key)
}

#[derive(Default)]
struct Writer {
    commands: Vec<Command<'static>>,
    unknown: Vec<(u32, String)>,
}

impl Writer {
    /// A line that this place stands for.
    fn line(&mut self, at: Span, indent: usize, text: &str) {
        let mut words: Vec<Cow<'static, str>> = text
            .split_whitespace()
            .map(|w| Cow::Owned(w.to_owned()))
            .collect();
        let no = words.first().is_some_and(|w| w == "no");
        if no {
            words.remove(0);
        }
        if !words.is_empty() {
            self.commands.push(Command {
                at: Span::line(at.file, at.line),
                indent,
                words,
                no,
            });
        }
    }

    fn strange(&mut self, at: Span, key: &str) {
        self.unknown.push((at.line, key.to_owned()));
    }
}

/// Lines, and keys about QoS that are not known, each with its line.
type Read = (Vec<Command<'static>>, Vec<(u32, String)>);

/// Its lines, and the keys about QoS that are not known.
///
/// # Errors
/// It is no YAML.
pub(super) fn commands(input: Input) -> Result<Read, Fault> {
    let tree = parse(input.file, input.source)?;
    let mut w = Writer::default();
    for (key, value) in tree.entries() {
        match key.text.as_str() {
            "hostname" => w.line(key.at, 0, &format!("hostname {}", text(value))),
            "qos" => qos(&mut w, value),
            "priority_flow_control" => switch_pfc(&mut w, value),
            "qos_profiles" => items(value).for_each(|one| profile(&mut w, one)),
            "class_maps" => value
                .get("qos")
                .into_iter()
                .flat_map(items)
                .for_each(|one| class_map(&mut w, one)),
            "policy_maps" => value
                .get("qos")
                .into_iter()
                .flat_map(items)
                .for_each(|one| policy_map(&mut w, one)),
            "ethernet_interfaces" | "port_channel_interfaces" => {
                items(value).for_each(|one| interface(&mut w, one));
            }
            _ => {}
        }
    }
    Ok((w.commands, w.unknown))
}

fn items(tree: &Tree) -> impl Iterator<Item = &Tree> {
    tree.items().iter()
}

fn text(tree: &Tree) -> &str {
    tree.text().unwrap_or_default()
}

fn is_true(tree: &Tree) -> bool {
    matches!(text(tree), "true" | "True" | "yes")
}

fn qos(w: &mut Writer, tree: &Tree) {
    for (key, value) in tree.entries() {
        match key.text.as_str() {
            "map" => {
                for (kind, list) in value.entries() {
                    let kind = kind.text.replace('_', "-");
                    for entry in items(list) {
                        w.line(entry.at, 0, &format!("qos map {kind} {}", text(entry)));
                    }
                }
            }
            "rewrite_dscp" if is_true(value) => w.line(key.at, 0, "qos rewrite dscp"),
            "random_detect" => every_line(w, value, "qos random-detect ecn"),
            "rewrite_dscp" => {}
            _ => w.strange(key.at, &key.text),
        }
    }
}

/// Each key below stands for part of one statement that changes nothing here.
fn every_line(w: &mut Writer, tree: &Tree, line: &str) {
    for (key, value) in tree.entries() {
        w.line(key.at, 0, line);
        every_line(w, value, line);
    }
}

fn switch_pfc(w: &mut Writer, tree: &Tree) {
    for (key, value) in tree.entries() {
        match key.text.as_str() {
            "all_off" if is_true(value) => w.line(key.at, 0, "priority-flow-control all off"),
            "all_off" => {}
            "watchdog" => {
                for (key, value) in value.entries() {
                    let rest = match key.text.as_str() {
                        "action" => format!("action {}", text(value)),
                        "timeout" => format!("default timeout {}", text(value)),
                        "polling_interval" => format!("default polling-interval {}", text(value)),
                        "recovery_time" => format!("default recovery-time {}", text(value)),
                        "override_action_drop" => "override action drop".to_owned(),
                        _ => {
                            w.strange(key.at, &key.text);
                            continue;
                        }
                    };
                    w.line(
                        key.at,
                        0,
                        &format!("priority-flow-control pause watchdog {rest}"),
                    );
                }
            }
            _ => w.strange(key.at, &key.text),
        }
    }
}

fn profile(w: &mut Writer, tree: &Tree) {
    let Some((key, name)) = tree.entry("name") else {
        return;
    };
    w.line(key.at, 0, &format!("qos profile {}", text(name)));
    for (key, value) in tree.entries() {
        match key.text.as_str() {
            "name" => {}
            "trust" | "cos" | "dscp" => trust(w, key.at, &key.text, text(value)),
            _ => settings(w, key.at, &key.text, value),
        }
    }
}

fn trust(w: &mut Writer, at: Span, key: &str, value: &str) {
    match (key, value) {
        ("trust", "disabled") => w.line(at, 1, "no qos trust"),
        (key, value) => w.line(at, 1, &format!("qos {key} {value}")),
    }
}

/// What profiles and interfaces have in common.
fn settings(w: &mut Writer, at: Span, key: &str, value: &Tree) {
    match key {
        "shape" => {
            if let Some((key, rate)) = value.entry("rate") {
                w.line(key.at, 1, &format!("shape rate {}", text(rate)));
            }
        }
        "service_policy" => {
            let of = value.get("type").or(Some(value));
            for (key, one) in of.into_iter().flat_map(Tree::entries) {
                let input = match key.text.as_str() {
                    "qos_input" => Some((key, one)),
                    "qos" => one.entry("input").map(|(k, v)| (k, v)),
                    _ => None,
                };
                if let Some((key, name)) = input {
                    w.line(
                        key.at,
                        1,
                        &format!("service-policy type qos input {}", text(name)),
                    );
                }
            }
        }
        "priority_flow_control" => port_pfc(w, value),
        "tx_queues" | "uc_tx_queues" | "mc_tx_queues" => {
            let kind = key.trim_end_matches('s').replace('_', "-");
            items(value).for_each(|one| queue(w, &kind, one));
        }
        _ => w.strange(at, key),
    }
}

fn port_pfc(w: &mut Writer, tree: &Tree) {
    for (key, value) in tree.entries() {
        match key.text.as_str() {
            "enabled" => {
                let no = if is_true(value) { "" } else { "no " };
                w.line(key.at, 1, &format!("{no}priority-flow-control on"));
            }
            "priorities" => {
                for one in items(value) {
                    let Some((key, priority)) = one.entry("priority") else {
                        continue;
                    };
                    let no_drop = one.entry("no_drop");
                    let drop = if no_drop.is_some_and(|(_, v)| is_true(v)) {
                        "no-drop"
                    } else {
                        "drop"
                    };
                    let line = format!("priority-flow-control priority {} {drop}", text(priority));
                    w.line(key.at, 1, &line);
                    if let Some((key, _)) = no_drop {
                        w.line(key.at, 1, &line);
                    }
                }
            }
            "watchdog" => port_watchdog(w, value),
            _ => w.strange(key.at, &key.text),
        }
    }
}

fn port_watchdog(w: &mut Writer, tree: &Tree) {
    for (key, value) in tree.entries() {
        match key.text.as_str() {
            "enabled" => {
                let no = if is_true(value) { "" } else { "no " };
                w.line(
                    key.at,
                    1,
                    &format!("{no}priority-flow-control pause watchdog"),
                );
            }
            "action" => {
                let line = format!(
                    "priority-flow-control pause watchdog port action {}",
                    text(value)
                );
                w.line(key.at, 1, &line);
            }
            "timer" => {
                let mut line = "priority-flow-control pause watchdog port timer".to_owned();
                for (key, value) in value.entries() {
                    line += &match key.text.as_str() {
                        "forced" => " forced".to_owned(),
                        name => format!(" {} {}", name.replace('_', "-"), text(value)),
                    };
                }
                for (key, _) in value.entries() {
                    w.line(key.at, 1, &line);
                }
            }
            _ => w.strange(key.at, &key.text),
        }
    }
}

fn queue(w: &mut Writer, kind: &str, tree: &Tree) {
    let Some((key, id)) = tree.entry("id") else {
        return;
    };
    w.line(key.at, 1, &format!("{kind} {}", text(id)));
    for (key, value) in tree.entries() {
        let line = match key.text.as_str() {
            "id" | "comment" => continue,
            "bandwidth_percent" => format!("bandwidth percent {}", text(value)),
            "bandwidth_guaranteed_percent" => {
                format!("bandwidth guaranteed percent {}", text(value))
            }
            "priority" => text(value).to_owned(),
            "shape" => format!("shape rate {}", value.get("rate").map_or("", text)),
            "random_detect" => {
                random_detect(w, value);
                continue;
            }
            other => {
                w.strange(key.at, other);
                continue;
            }
        };
        w.line(key.at, 2, &line);
    }
}

fn random_detect(w: &mut Writer, tree: &Tree) {
    for (kind, value) in tree.entries() {
        if let Some((key, _)) = value.entry("count") {
            w.line(key.at, 2, "random-detect ecn count");
        }
        let Some((_, threshold)) = value.entry("threshold") else {
            continue;
        };
        let of = |key: &str| threshold.get(key).map(text);
        let unit = of("units").unwrap_or_default();
        let mut line = format!("random-detect {}", kind.text);
        for (key, word) in [
            ("drop_precedence", "drop-precedence"),
            ("min", "minimum-threshold"),
            ("max", "maximum-threshold"),
        ] {
            if let Some(value) = of(key) {
                let unit = if key == "drop_precedence" { "" } else { unit };
                line += &format!(" {word} {value} {unit}");
            }
        }
        for (key, word) in [
            ("max_probability", "max-mark-probability"),
            ("drop_probability", "drop-probability"),
            ("weight", "weight"),
        ] {
            if let Some(value) = of(key) {
                line += &format!(" {word} {value}");
            }
        }
        for (key, _) in threshold.entries() {
            w.line(key.at, 2, &line);
        }
    }
}

fn class_map(w: &mut Writer, tree: &Tree) {
    let Some((key, name)) = tree.entry("name") else {
        return;
    };
    w.line(
        key.at,
        0,
        &format!("class-map type qos match-any {}", text(name)),
    );
    for (key, value) in tree.entries() {
        match key.text.as_str() {
            "name" => {}
            "cos" | "vlan" | "dscp" => {
                w.line(key.at, 1, &format!("match {} {}", key.text, text(value)))
            }
            "ip" | "ipv6" => {
                for (key, value) in value.entries() {
                    w.line(key.at, 1, &format!("match ip access-group {}", text(value)));
                }
            }
            _ => w.strange(key.at, &key.text),
        }
    }
}

fn policy_map(w: &mut Writer, tree: &Tree) {
    let Some((key, name)) = tree.entry("name") else {
        return;
    };
    w.line(
        key.at,
        0,
        &format!("policy-map type quality-of-service {}", text(name)),
    );
    for class in tree.get("classes").into_iter().flat_map(items) {
        let Some((key, name)) = class.entry("name") else {
            continue;
        };
        w.line(key.at, 1, &format!("class {}", text(name)));
        for (key, value) in class.get("set").into_iter().flat_map(Tree::entries) {
            let what = key.text.replace('_', "-");
            w.line(key.at, 2, &format!("set {what} {}", text(value)));
        }
    }
}

fn interface(w: &mut Writer, tree: &Tree) {
    let Some((key, name)) = tree.entry("name") else {
        return;
    };
    w.line(key.at, 0, &format!("interface {}", text(name)));
    for (key, value) in tree.entries() {
        match key.text.as_str() {
            "description" => w.line(key.at, 1, &format!("description {}", text(value))),
            "shutdown" => {
                let no = if is_true(value) { "" } else { "no " };
                w.line(key.at, 1, &format!("{no}shutdown"));
            }
            "mtu" => w.line(key.at, 1, &format!("mtu {}", text(value))),
            "l2_mtu" => w.line(key.at, 1, &format!("l2 mtu {}", text(value))),
            "speed" => w.line(key.at, 1, &format!("speed {}", text(value))),
            "service_profile" => w.line(key.at, 1, &format!("service-profile {}", text(value))),
            "switchport" => switchport(w, value),
            "channel_group" => {
                let id = value.get("id").map_or("", text);
                w.line(key.at, 1, &format!("channel-group {id} mode active"));
            }
            "flowcontrol" => {
                if let Some((key, value)) = value.entry("received") {
                    w.line(key.at, 1, &format!("flowcontrol receive {}", text(value)));
                }
            }
            "dcbx" => {
                if let Some((key, mode)) = value.entry("mode") {
                    w.line(key.at, 1, &format!("dcbx mode {}", text(mode)));
                }
            }
            "qos" => {
                for (key, value) in value.entries() {
                    trust(w, key.at, &key.text, text(value));
                }
            }
            "priority_flow_control"
            | "tx_queues"
            | "uc_tx_queues"
            | "mc_tx_queues"
            | "service_policy"
            | "shape" => {
                settings(w, key.at, &key.text, value);
            }
            _ => {}
        }
    }
}

fn switchport(w: &mut Writer, tree: &Tree) {
    for (key, value) in tree.entries() {
        match key.text.as_str() {
            "enabled" => {
                let no = if is_true(value) { "" } else { "no " };
                w.line(key.at, 1, &format!("{no}switchport"));
            }
            "mode" => w.line(key.at, 1, &format!("switchport mode {}", text(value))),
            "access_vlan" => w.line(
                key.at,
                1,
                &format!("switchport access vlan {}", text(value)),
            ),
            "trunk" => {
                for (key, value) in value.entries() {
                    match key.text.as_str() {
                        "allowed_vlan" => {
                            let line = format!("switchport trunk allowed vlan {}", text(value));
                            w.line(key.at, 1, &line);
                        }
                        "native_vlan" => {
                            let line = format!("switchport trunk native vlan {}", text(value));
                            w.line(key.at, 1, &line);
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}
