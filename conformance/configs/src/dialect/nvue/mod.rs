//! NVIDIA NVUE (Cumulus Linux 5): `nv set` commands, and the YAML that `nv config show` prints.

mod build;
mod statements;
#[cfg(test)]
mod tests;

use crate::device::{Device, Trust};
use crate::language::{Dialect, Input, Language};
use crate::names::{MOST_PORTS, range};
use crate::repair::{Edit, Wish};
use crate::source::{Fault, Source};
use statements::{Statement, from_commands, from_yaml};

pub static LANGUAGE: Language = Language {
    dialect: Dialect::Nvue,
    name: "nvue",
    title: "NVIDIA NVUE",
    recognise,
    import,
    repair,
};

fn recognise(source: &Source) -> u32 {
    let lines = source.text.lines().take(400).map(str::trim);
    lines
        .map(|line| match line {
            _ if ["nv set ", "nv unset ", "nv config "]
                .iter()
                .any(|c| line.starts_with(c) || line.contains(&format!("$ {c}"))) =>
            {
                20
            }
            "- set:" => 30,
            _ if line.starts_with("nvue-api-version") || line.starts_with("model: VX") => 20,
            _ => 0,
        })
        .sum()
}

fn import(input: Input) -> Result<Vec<Device>, Fault> {
    let yaml = input
        .source
        .text
        .lines()
        .any(|l| l.trim_end() == "- set:" || l.trim_start().starts_with("nvue-api-version"));
    let statements = match yaml {
        true => from_yaml(input)?,
        false => from_commands(input),
    };
    if statements.is_empty() {
        return Err(Fault::whole(
            "there is no `nv set` in the file",
            "NVUE commands, or the YAML of `nv config show`",
        ));
    }
    Ok(vec![build::device(input, &statements)])
}

/// The ports of `swp1-4,swp7` or `swp1s0-3`.
fn ports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in text.split(',') {
        let breakout = part
            .rfind('s')
            .filter(|&n| n > 2 && part[n + 1..].contains('-'));
        let spread = match breakout {
            Some(n) => part[n + 1..].split_once('-').and_then(|(a, b)| {
                let (a, b): (u32, u32) = (a.parse().ok()?, b.parse().ok()?);
                Some(
                    (a..=b.min(a.saturating_add(63)))
                        .map(|i| format!("{}{i}", &part[..=n]))
                        .collect(),
                )
            }),
            None => range(part),
        };
        found.extend(spread.unwrap_or_else(|| vec![part.to_owned()]));
        found.truncate(MOST_PORTS);
    }
    found
}

fn repair(device: &Device, source: &Source, wish: &Wish) -> Option<Vec<Edit>> {
    if source.text.lines().any(|l| l.trim_end() == "- set:") {
        return None;
    }
    let lines = match wish {
        Wish::Mtu { port, bytes } => vec![format!(
            "nv set interface {port} link mtu {}",
            (*bytes).max(9216)
        )],
        Wish::Watchdog { port } => vec![format!("nv set interface {port} qos pfc-watchdog")],
        Wish::NoDrop { .. } | Wish::Pfc { .. } => vec!["nv set qos roce mode lossless".to_owned()],
        Wish::Trust { trust, .. } => {
            let trust = if *trust == Trust::Pcp { "pcp" } else { "dscp" };
            vec![format!("nv set qos mapping default-global trust {trust}")]
        }
        Wish::Classify {
            dscp, pcp, class, ..
        } => {
            let one = |kind: &str, n: u8| {
                format!("nv set qos mapping default-global {kind} {n} switch-priority {class}")
            };
            dscp.iter()
                .map(|&d| one("dscp", d))
                .chain(pcp.iter().map(|&p| one("pcp", p)))
                .collect()
        }
        Wish::Mark {
            queue, min, max, ..
        } => [
            "ecn enable".to_owned(),
            "red disable".to_owned(),
            format!("min-threshold {min}"),
            format!("max-threshold {max}"),
        ]
        .iter()
        .map(|rest| {
            format!("nv set qos congestion-control default-global traffic-class {queue} {rest}")
        })
        .collect(),
        Wish::Share { queue, percent, .. } => vec![
            format!("nv set qos egress-scheduler default-global traffic-class {queue} mode dwrr"),
            format!(
                "nv set qos egress-scheduler default-global traffic-class {queue} bw-percent {percent}"
            ),
        ],
        Wish::Tag { port, vlan } => vec![
            format!("nv set bridge domain br_default vlan {vlan}"),
            format!("nv set interface {port} bridge domain br_default vlan {vlan}"),
        ],
        Wish::Like { port, other } => {
            let of = |line: &str| {
                let rest = line.trim().strip_prefix("nv set interface ")?;
                let (names, rest) = rest.split_once(' ')?;
                let named = ports(names).iter().any(|p| p == other);
                (named && !rest.contains("description"))
                    .then(|| format!("nv set interface {port} {rest}"))
            };
            source.text.lines().filter_map(of).collect()
        }
        _ => return None,
    };
    let _ = device;
    // Before the line that makes it so, if there is one.
    let apply = source
        .text
        .lines()
        .zip(1_u32..)
        .filter(|(l, _)| l.trim().starts_with("nv config apply"))
        .last();
    let edit = match apply {
        Some((_, line)) if line > 1 => Edit::after(line - 1, lines.clone()),
        _ => Edit::end(lines.clone()),
    };
    (!lines.is_empty()).then(|| vec![edit])
}
