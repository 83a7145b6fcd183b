//! Dell OS10.

mod build;
mod config;
mod parse;
mod qos;
mod repair;
mod statements;
#[cfg(test)]
mod tests;

use crate::console::{commands, typed};
use crate::device::Device;
use crate::language::{Dialect, Input, Language};
use crate::source::{Fault, Source};

pub static LANGUAGE: Language = Language {
    dialect: Dialect::Os10,
    name: "os10",
    title: "Dell OS10",
    recognise,
    import,
    repair: repair::repair,
};

fn recognise(source: &Source) -> u32 {
    let lines = source.text.lines().take(400).map(typed);
    lines.map(telling).sum()
}

/// How much a line tells that it is OS10.
fn telling(line: &str) -> u32 {
    let starts = |all: &[&str]| all.iter().any(|start| line.starts_with(start));
    match line {
        _ if starts(&[
            "trust dot1p-map ",
            "trust dscp-map ",
            "trust-map dot1p ",
            "trust-map dscp ",
            "qos-map traffic-class ",
            "vlt-port-channel ",
            "service-policy input type network-qos",
            "service-policy output type queuing",
            "class-map type application ",
            "policy-map type application ",
            "! Version 10.",
        ]) =>
        {
            20
        }
        _ if starts(&["interface ethernet1/", "interface range ethernet1/"]) => 10,
        _ if starts(&["interface ethernet 1/", "interface Ethernet 1/"])
            && line.split_whitespace().nth(2).is_some_and(|w| {
                w.split('-')
                    .next()
                    .is_some_and(|w| w.matches('/').count() == 2)
            }) =>
        {
            10
        }
        "dcbx enable" | "ets mode on" | "ztd cancel" => 20,
        _ if starts(&[
            "interface breakout ",
            "discovery-interface ",
            "interface mgmt1/",
        ]) =>
        {
            20
        }
        _ => 0,
    }
}

fn import(input: Input) -> Result<Vec<Device>, Fault> {
    let commands = commands(input.file, input.source)?;
    let parsed = parse::parse(input, &commands);
    if parsed.config.interfaces.is_empty()
        && parsed.lines.understood_count() == 0
        && recognise(input.source) == 0
    {
        return Err(Fault::whole(
            "no line of the file is one of OS10",
            "a running configuration of Dell OS10",
        ));
    }
    Ok(vec![build::device(input, parsed)])
}
