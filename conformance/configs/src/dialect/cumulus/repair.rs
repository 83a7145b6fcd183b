//! Wishes as settings: in the place of those that there are, or at the end.

use super::settings::{File, Group, Setting};
use crate::device::{Device, Limit, Trust};
use crate::language::Input;
use crate::repair::{Edit, Wish};
use crate::source::Source;

pub(super) fn repair(device: &Device, source: &Source, wish: &Wish) -> Option<Vec<Edit>> {
    let file = File::read(Input {
        file: device.file,
        source,
    })
    .ok()?;
    match wish {
        Wish::Trust { port, trust } => {
            let what = match trust {
                Trust::Pcp => "802.1p",
                Trust::Dscp => "dscp",
                Trust::DscpThenPcp => "802.1p,dscp",
                Trust::Nothing => "port",
            };
            let name = format!("{}.packet_priority_source_set", start(&file, port));
            Some(vec![set(&file, &name, &format!("[{what}]"))])
        }
        Wish::Classify {
            port,
            dscp,
            pcp,
            class,
        } => classify(&file, port, *dscp, *pcp, *class),
        Wish::Pfc { port, priority } => Some(pfc(&file, port, *priority)),
        Wish::NoDrop { priority, .. } => {
            let group =
                of(&file, "pfc", "*").or_else(|| file.groups.iter().find(|g| g.kind == "pfc"));
            Some(match group {
                Some(group) => {
                    let name = format!("pfc.{}.cos_list", group.name);
                    vec![with(&file, &name, *priority)]
                }
                None => pfc(&file, "allports", *priority),
            })
        }
        Wish::Obey { port, .. } => {
            let group = of(&file, "pfc", port)?;
            let name = format!("pfc.{}.rx_enable", group.name);
            Some(vec![set(&file, &name, "true")])
        }
        Wish::NoLinkPause { port } => {
            let group = of(&file, "link_pause", port)?;
            let off = |way: &str| set(&file, &format!("link_pause.{}.{way}", group.name), "false");
            Some(vec![off("rx_enable"), off("tx_enable")])
        }
        Wish::Headroom { port, bytes, .. } => headroom(&file, device, port, *bytes),
        Wish::Mark {
            port,
            queue,
            min,
            max,
        } => mark(&file, port, *queue, *min, *max),
        Wish::Share { queue, percent, .. } => share(&file, *queue, *percent),
        _ => None,
    }
}

/// The group of a kind that a port is in.
fn of<'f, 'a>(file: &'f File<'a>, kind: &str, port: &str) -> Option<&'f Group<'a>> {
    file.groups.iter().find(|g| g.kind == kind && g.has(port))
}

/// What the settings begin with that sort the port's packets.
fn start(file: &File, port: &str) -> String {
    match of(file, "source", port) {
        Some(group) => format!("source.{}", group.name),
        None => "traffic".to_owned(),
    }
}

fn set(file: &File, name: &str, value: &str) -> Edit {
    let line = format!("{name} = {value}");
    match file.get(name) {
        Some(setting) => Edit::instead(setting.at.line, [line]),
        None => Edit::end([line]),
    }
}

/// A list with one more number.
fn with(file: &File, name: &str, number: u8) -> Edit {
    let mut all = file.get(name).map(Setting::numbers).unwrap_or_default();
    if !all.contains(&number) {
        all.push(number);
    }
    let list: Vec<String> = all.iter().map(u8::to_string).collect();
    set(file, name, &format!("[{}]", list.join(",")))
}

fn classify(
    file: &File,
    port: &str,
    dscp: Option<u8>,
    pcp: Option<u8>,
    class: u8,
) -> Option<Vec<Edit>> {
    let (kind, number) = match (dscp, pcp) {
        (Some(dscp), _) => ("dscp", dscp),
        (None, pcp) => ("8021p", pcp?),
    };
    let start = start(file, port);
    let name = |cos: u8| format!("{start}.cos_{cos}.priority_source.{kind}");
    let mut edits = Vec::new();
    // It can be in one list only.
    for cos in (0..8).filter(|cos| *cos != class) {
        let Some(old) = file.get(&name(cos)) else {
            continue;
        };
        let numbers = old.numbers();
        if numbers.contains(&number) {
            let rest: Vec<String> = numbers
                .iter()
                .filter(|n| **n != number)
                .map(u8::to_string)
                .collect();
            edits.push(set(file, &name(cos), &format!("[{}]", rest.join(","))));
        }
    }
    edits.push(with(file, &name(class), number));
    Some(edits)
}

/// PFC of one more priority, in the port's group or in one that it joins.
fn pfc(file: &File, port: &str, priority: u8) -> Vec<Edit> {
    let own = of(file, "pfc", port);
    let group = own.or_else(|| file.groups.iter().find(|g| g.kind == "pfc"));
    let Some(group) = group else {
        let start = "pfc.roce_ports";
        return vec![
            set(file, "pfc.port_group_list", "[roce_ports]"),
            set(file, &format!("{start}.cos_list"), &format!("[{priority}]")),
            set(file, &format!("{start}.port_set"), port),
            set(file, &format!("{start}.tx_enable"), "true"),
            set(file, &format!("{start}.rx_enable"), "true"),
        ];
    };
    let name = |field: &str| format!("pfc.{}.{field}", group.name);
    let mut edits = vec![with(file, &name("cos_list"), priority)];
    if own.is_none() {
        let ports = file.of(group, "port_set").map_or("", |s| s.value);
        let joined = match ports {
            "" => port.to_owned(),
            ports => format!("{ports},{port}"),
        };
        edits.push(set(file, &name("port_set"), &joined));
    }
    for way in ["tx_enable", "rx_enable"] {
        edits.push(set(file, &name(way), "true"));
    }
    edits
}

fn headroom(file: &File, device: &Device, port: &str, bytes: u64) -> Option<Vec<Edit>> {
    let group = of(file, "pfc", port)?;
    let own = device.port(port).unwrap_or(&device.other_ports);
    let limit = own.qos.groups.iter().find_map(|g| match g.limit.value() {
        Some(Limit::Static(bytes)) => Some(bytes),
        _ => None,
    })?;
    let name = format!("pfc.{}.port_buffer_bytes", group.name);
    let all = limit.saturating_add(bytes).to_string();
    Some(vec![set(file, &name, &all)])
}

fn share(file: &File, queue: u8, percent: u32) -> Option<Vec<Edit>> {
    let name = |n: u8| format!("default_egress_sched.egr_queue_{n}.bw_percent");
    // The rest must stay within 100 as well, which one setting cannot do.
    let others = (0..8).filter(|n| *n != queue);
    let others = others
        .filter_map(|n| file.get(&name(n))?.value.parse::<u32>().ok())
        .fold(0, u32::saturating_add);
    file.get(&name(queue))?;
    (others.saturating_add(percent) <= 100)
        .then(|| vec![set(file, &name(queue), &percent.to_string())])
}

fn mark(file: &File, port: &str, queue: u8, min: u64, max: u64) -> Option<Vec<Edit>> {
    let group = of(file, "ecn_red", port).or_else(|| of(file, "ecn", port))?;
    let name = |field: &str| format!("{}.{}.{field}", group.kind, group.name);
    let list = match file.of(group, "egress_queue_list") {
        Some(_) => "egress_queue_list",
        None => "cos_list",
    };
    Some(vec![
        with(file, &name(list), queue),
        set(file, &name("ecn_enable"), "true"),
        set(file, &name("min_threshold_bytes"), &min.to_string()),
        set(file, &name("max_threshold_bytes"), &max.to_string()),
    ])
}
