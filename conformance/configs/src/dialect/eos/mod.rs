//! Arista EOS: running configurations, and the structured YAML of AVD.

mod avd;
mod build;
mod config;
mod parse;
mod qos;
mod remarks;
mod repair;
mod settings;
#[cfg(test)]
mod tests;

use crate::console::{commands, typed};
use crate::device::Device;
use crate::language::{Dialect, Input, Language};
use crate::source::{Fault, Source};

pub static LANGUAGE: Language = Language {
    dialect: Dialect::Eos,
    name: "eos",
    title: "Arista EOS",
    recognise,
    import,
    repair: repair::repair,
};

fn recognise(source: &Source) -> u32 {
    let lines = source.text.lines().take(400);
    if avd::is_avd(source) {
        return 60;
    }
    lines.map(|line| telling(typed(line))).sum()
}

/// How much a line tells that it is EOS.
fn telling(line: &str) -> u32 {
    let starts = |all: &[&str]| all.iter().any(|start| line.starts_with(start));
    let map = line.starts_with("qos map ") && line.contains(" to ");
    let queue = starts(&["tx-queue ", "uc-tx-queue ", "mc-tx-queue "]);
    match line {
        _ if map || queue => 20,
        _ if starts(&[
            "qos profile ",
            "service-profile ",
            "priority-flow-control pause watchdog",
            "service routing protocols model",
            "transceiver qsfp default-mode",
            "switchport trunk group ",
            "policy-map type quality-of-service",
            "daemon TerminAttr",
            "management api ",
        ]) =>
        {
            20
        }
        "priority-flow-control on" | "interface defaults" => 20,
        _ if line.starts_with("priority-flow-control priority ") && line.ends_with("drop") => 20,
        _ if line.starts_with("dcbx mode ") || line.starts_with("! device: ") => 20,
        _ if line.starts_with("interface Port-Channel") => 10,
        "qos trust dscp" | "qos trust cos" => 5,
        _ if line.contains("(EOS-4.") || line.contains("boot system flash:/EOS") => 30,
        _ => 0,
    }
}

fn import(input: Input) -> Result<Vec<Device>, Fault> {
    let parsed = if avd::is_avd(input.source) {
        let (commands, unknown) = avd::commands(input)?;
        let mut parsed = parse::parse(input, &commands);
        for (line, key) in unknown {
            let why = format!("the key `{key}` is not known");
            parsed.lines.unknown(line, why);
        }
        parsed
    } else {
        parse::parse(input, &commands(input.file, input.source)?)
    };
    if parsed.config.interfaces.is_empty()
        && parsed.lines.understood_count() == 0
        && recognise(input.source) == 0
    {
        return Err(Fault::whole(
            "no line of the file is one of EOS",
            "a running configuration of Arista EOS, or the YAML of AVD",
        ));
    }
    Ok(vec![build::device(input, parsed)])
}
