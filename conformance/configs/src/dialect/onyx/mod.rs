//! NVIDIA Onyx (MLNX-OS): statements with their whole context, or below `interface`.

mod build;
mod read;
mod repair;
#[cfg(test)]
mod tests;

use crate::device::Device;
use crate::language::{Dialect, Input, Language};
use crate::source::{Fault, Source};

pub static LANGUAGE: Language = Language {
    dialect: Dialect::Onyx,
    name: "onyx",
    title: "NVIDIA Onyx",
    recognise,
    import,
    repair: repair::repair,
};

/// What lines begin with in this dialect only.
const SIGNS: [(&str, u32); 12] = [
    ("dcb priority-flow-control ", 20),
    ("traffic pool ", 20),
    ("interface mlag-port-channel", 20),
    ("## Running database", 20),
    ("## Active saved database", 20),
    ("## Running-config temporary", 20),
    ("pool iPool", 20),
    ("pool ePool", 20),
    ("advanced buffer management", 30),
    ("protocol mlag", 20),
    ("no cli default prefix-modes enable", 40),
    ("qos trust L", 20),
];

fn recognise(source: &Source) -> u32 {
    source.text.lines().take(500).map(telling).sum()
}

fn telling(line: &str) -> u32 {
    // Behind a prompt.
    let line = match (line.contains("(config"), line.find("# ")) {
        (true, Some(n)) => &line[n + 2..],
        _ => line,
    };
    let line = line.trim();
    if matches!(
        line,
        "roce" | "roce lossless" | "roce lossy" | "roce semi-lossless"
    ) {
        return 20;
    }
    let sign = SIGNS.iter().find(|(sign, _)| line.starts_with(sign));
    if let Some((_, score)) = sign {
        return *score;
    }
    // The whole context in one line.
    let rest = ["interface ethernet 1/", "interface port-channel "]
        .iter()
        .find_map(|start| line.strip_prefix(start));
    match rest.and_then(|rest| rest.split_once(' ')) {
        Some((_, rest)) if !rest.trim().is_empty() => 20,
        _ => 0,
    }
}

fn import(input: Input) -> Result<Vec<Device>, Fault> {
    let read = read::read(input)?;
    Ok(vec![build::device(input, read)])
}
