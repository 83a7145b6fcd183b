//! Dell OS9 (FTOS): S4810, MXL, IOA with four queues, S6000 and later with eight.

mod build;
mod read;
#[cfg(test)]
mod tests;

use crate::blocks::{block, instead, like, under};
use crate::device::Device;
use crate::language::{Dialect, Input, Language};
use crate::repair::{At, Edit, Wish};
use crate::source::{Fault, Source};

pub static LANGUAGE: Language = Language {
    dialect: Dialect::Os9,
    name: "os9",
    title: "Dell OS9 (FTOS)",
    recognise,
    import,
    repair,
};

const SIGNS: [(&str, u32); 13] = [
    ("dcb-map ", 20),
    ("dcb enable", 20),
    ("priority-pgid ", 30),
    ("interface TenGigabitEthernet ", 8),
    ("interface fortyGigE ", 8),
    ("interface twentyFiveGigE ", 8),
    ("interface hundredGigE ", 8),
    ("portmode hybrid", 10),
    ("service-class dynamic dot1p", 20),
    ("dcb-input ", 20),
    ("dcb-output ", 20),
    ("boot system stack-unit ", 20),
    ("stack-unit ", 10),
];

fn recognise(source: &Source) -> u32 {
    let lines = source.text.lines().take(900).map(str::trim);
    lines
        .map(|line| {
            SIGNS
                .iter()
                .filter(|(sign, _)| line.starts_with(sign))
                .map(|(_, score)| *score)
                .max()
                .unwrap_or(0)
        })
        .sum()
}

fn import(input: Input) -> Result<Vec<Device>, Fault> {
    let read = read::read(input);
    if read.interfaces.is_empty() && read.maps.is_empty() {
        return Err(Fault::whole(
            "there is no interface and no dcb-map in the file",
            "an OS9 configuration",
        ));
    }
    Ok(vec![build::device(input, read)])
}

fn repair(device: &Device, source: &Source, wish: &Wish) -> Option<Vec<Edit>> {
    let wanted = |line: &str| {
        [
            "dcb-map",
            "mtu",
            "portmode",
            "service-class",
            "pfc",
            "dcb-policy",
        ]
        .iter()
        .any(|s| line.starts_with(s))
    };
    let replace = |name: &str, start: &str, line: &str| {
        let port = device.port(name)?;
        let own = port.at.map(|at| block(source, at.line)).unwrap_or_default();
        Some(
            match own.iter().find(|(_, text)| text.trim().starts_with(start)) {
                Some((n, _)) => vec![instead(source, *n, line)],
                None => under(source, port, &[line.to_owned()]),
            },
        )
    };
    match wish {
        Wish::Like { port, other } => like(device, source, port, other, wanted),
        Wish::Mtu { port, bytes } => {
            replace(port, "mtu", &format!("mtu {}", (*bytes).max(9198) + 18))
        }
        Wish::NoLinkPause { port } => replace(port, "flowcontrol", "no flowcontrol"),
        Wish::Pfc { port, .. } => {
            // The port has the map that others have.
            let map = source
                .text
                .lines()
                .map(str::trim)
                .find_map(|l| l.strip_prefix("dcb-map "))?;
            let mut edits = replace(port, "dcb-map", &format!("dcb-map {map}"))?;
            let enabled = source.text.lines().any(|l| l.trim() == "dcb enable");
            if !enabled {
                edits.push(Edit {
                    at: At::Begin,
                    lines: vec!["dcb enable".to_owned()],
                });
            }
            Some(edits)
        }
        Wish::Share {
            port,
            queue,
            percent,
        } => share(device, source, port, *queue, *percent),
        Wish::Tag { port, vlan } => {
            let header = format!("interface Vlan {vlan}");
            let (_, number) = source
                .text
                .lines()
                .zip(1_u32..)
                .find(|(l, _)| l.trim().eq_ignore_ascii_case(&header))?;
            // Without a tag first, it would be refused with one.
            let name = &device.port(port)?.name;
            let own = format!("untagged {name}");
            let old = block(source, number)
                .into_iter()
                .find(|(_, l)| l.trim() == own);
            Some(match old {
                Some((n, _)) => vec![instead(source, n, &format!("tagged {name}"))],
                None => vec![Edit::after(number, [format!(" tagged {name}")])],
            })
        }
        Wish::NoDrop { priority, .. } => {
            // The priority goes to a group with PFC.
            let (line, number) = source
                .text
                .lines()
                .zip(1_u32..)
                .find(|(l, _)| l.trim().starts_with("priority-pgid"))?;
            let group = source.text.lines().map(str::trim).find_map(|l| {
                let mut words = l.strip_prefix("priority-group ")?.split_whitespace();
                let number = words.next()?;
                (words.next_back()? == "on").then_some(number)
            })?;
            let mut words: Vec<&str> = line.split_whitespace().collect();
            *words.get_mut(usize::from(*priority) + 1)? = group;
            Some(vec![instead(source, number, &words.join(" "))])
        }
        _ => None,
    }
}

/// Another number of the group, and the rest for the other one if there are two.
fn share(
    device: &Device,
    source: &Source,
    port: &str,
    queue: u8,
    percent: u32,
) -> Option<Vec<Edit>> {
    let queue = device.port(port)?.qos.queues.get(usize::from(queue))?;
    let at = queue.scheduler.span()?;
    let groups: Vec<(u32, &str)> = (1_u32..)
        .zip(source.text.lines())
        .map(|(n, l)| (n, l.trim()))
        .filter(|(_, l)| l.starts_with("priority-group ") && l.contains(" bandwidth "))
        .collect();
    let [one, two] = groups.as_slice() else {
        return None;
    };
    let edit = |(n, line): &(u32, &str)| {
        let percent = match *n == at.line {
            true => percent,
            false => 100_u32.checked_sub(percent)?,
        };
        let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let place = words.iter().position(|w| w == "bandwidth")? + 1;
        *words.get_mut(place)? = percent.to_string();
        Some(instead(source, *n, &words.join(" ")))
    };
    [one, two].into_iter().map(edit).collect()
}
