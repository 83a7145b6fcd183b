//! `mlnx_qos`, `cma_roce_tos`, `cma_roce_mode`, `mlxconfig`.

use super::{State, eight};
use crate::dialect::linux::shell::Command;
use crate::remark::RemarkKind;

/// The options of `mlnx_qos`, with the letter of those that have one, and whether they take a value.
const OPTIONS: [(&str, &str, bool); 19] = [
    ("--interface", "-i", true),
    ("--prio_tc", "-p", true),
    ("--tsa", "-s", true),
    ("--tcbw", "-t", true),
    ("--ratelimit", "-r", true),
    ("--ingress_lossy", "", true),
    ("--pfc", "-f", true),
    ("--trust", "", true),
    ("--dscp2prio", "", true),
    ("--buffer_size", "", true),
    ("--prio2buffer", "", true),
    ("--cable_len", "", true),
    ("--dcbx", "-d", true),
    ("--show_buffer", "", false),
    ("--local", "", false),
    ("--help", "-h", false),
    ("--version", "", false),
    ("--set", "", false),
    ("--verbose", "-v", false),
];

pub(super) fn qos(state: &mut State, command: &Command) {
    state.mellanox = true;
    let line = command.line;
    let options = match options(&command.words) {
        Ok(options) => options,
        Err(wrong) => {
            let cause = format!(
                "mlnx_qos has no option `{wrong}`: the whole command is refused, and sets nothing."
            );
            state.remark(
                RemarkKind::NoSuchStatement,
                line,
                cause,
                "Use --trust, --pfc, --prio_tc, --tsa, --tcbw, --dscp2prio.",
            );
            state.lines.understood(line);
            return;
        }
    };
    let nic = options
        .iter()
        .find(|(name, _)| *name == "--interface")
        .and_then(|(_, v)| v.clone());
    state.nic(nic.as_deref(), line);
    for (name, value) in &options {
        option(state, nic.as_deref(), name, value.as_deref(), line);
    }
    state.lines.understood(line);
}

type Options = Vec<(&'static str, Option<String>)>;

/// Long options may be shortened, and have their value behind `=`.
fn options(words: &[Option<String>]) -> Result<Options, String> {
    let mut found: Options = Vec::new();
    let mut at = 1;
    while at < words.len() {
        let Some(word) = &words[at] else {
            at += 1;
            continue;
        };
        at += 1;
        if !word.starts_with('-') {
            continue;
        }
        let (name, mut value) = match word.split_once('=') {
            Some((name, value)) if word.starts_with("--") => (name, Some(Some(value.to_owned()))),
            _ => (word.as_str(), None),
        };
        let long = |o: &&(&str, &str, bool)| {
            o.0 == name || name.len() > 2 && name.starts_with("--") && o.0.starts_with(name)
        };
        let short = OPTIONS
            .iter()
            .find(|o| !o.1.is_empty() && name.starts_with(o.1) && !name.starts_with("--"));
        let Some(option) = OPTIONS.iter().find(long).or(short) else {
            return Err(name.to_owned());
        };
        if option.2 && value.is_none() {
            value = match short.filter(|o| name.len() > o.1.len()) {
                Some(o) => Some(Some(name[o.1.len()..].to_owned())),
                None => {
                    at += 1;
                    Some(words.get(at - 1).cloned().flatten())
                }
            };
        }
        found.push((option.0, value.flatten()));
    }
    Ok(found)
}

fn option(state: &mut State, nic: Option<&str>, name: &str, value: Option<&str>, line: u32) {
    match name {
        "--pfc" => {
            let list = value.and_then(|v| eight(v, |v| matches!(v, "0" | "1").then_some(v == "1")));
            if list.is_none() && value.is_some() {
                let cause = format!(
                    "`{}` is no list of eight 0 or 1: mlnx_qos refuses it.",
                    value.unwrap_or_default()
                );
                state.remark(
                    RemarkKind::BadValue,
                    line,
                    cause,
                    "Write --pfc 0,0,0,1,0,0,0,0 for priority 3.",
                );
                return;
            }
            for n in 0..8 {
                let fact = state.fact(list.map(|l| l[n]), line);
                state.each(nic, line, |nic| {
                    nic.pfc[n] = Some(fact.clone());
                    nic.pfc_rx[n] = Some(fact.clone());
                });
            }
        }
        "--trust" => {
            let fact = state.fact(value.map(|v| v == "dscp"), line);
            state.each(nic, line, |nic| nic.trust_dscp = Some(fact.clone()));
        }
        "--prio_tc" => {
            let list = value.and_then(|v| eight(v, |v| v.parse::<u8>().ok().filter(|n| *n < 8)));
            for n in 0..8 {
                let fact = state.fact(list.map(|l| l[n]), line);
                state.each(nic, line, |nic| nic.prio_tc[n] = Some(fact.clone()));
            }
        }
        "--tsa" => {
            let list = value.and_then(|v| {
                eight(v, |v| {
                    matches!(v, "ets" | "strict" | "vendor").then_some(v == "strict")
                })
            });
            for n in 0..8 {
                let fact = state.fact(list.map(|l| l[n]), line);
                state.each(nic, line, |nic| nic.strict[n] = Some(fact.clone()));
            }
        }
        "--tcbw" => shares(state, nic, value, line),
        "--dscp2prio" => dscp(state, nic, value, line),
        "--cable_len" => {
            let fact = state.fact(value.and_then(|v| v.parse().ok()), line);
            state.each(nic, line, |nic| nic.cable_m = Some(fact.clone()));
        }
        "--dcbx" => {
            let fact = state.fact(value.map(|v| v == "fw"), line);
            state.each(nic, line, |nic| nic.dcbx = Some(fact.clone()));
        }
        // Printed, or not in the model: buffers of the receive side, rate limits.
        _ => {}
    }
}

fn shares(state: &mut State, nic: Option<&str>, value: Option<&str>, line: u32) {
    let list = value.and_then(|v| eight(v, |v| v.parse::<u32>().ok().filter(|n| *n <= 100)));
    let sum: u32 = list.map_or(100, |l| l.iter().sum());
    if sum != 100 && sum != 0 {
        let cause =
            format!("The shares of --tcbw add up to {sum} %: mlnx_qos refuses what is not 100.");
        state.remark(
            RemarkKind::Sum,
            line,
            cause,
            "Correct the shares so that they add up to 100.",
        );
    }
    for n in 0..8 {
        let fact = state.fact(list.map(|l| l[n]), line);
        state.each(nic, line, |nic| nic.share[n] = Some(fact.clone()));
    }
}

/// `set,26,3`, `del,26,3`, `flush`.
fn dscp(state: &mut State, nic: Option<&str>, value: Option<&str>, line: u32) {
    let parts: Vec<&str> = value.unwrap_or_default().split(',').collect();
    match parts.as_slice() {
        ["flush"] => state.each(nic, line, |nic| nic.dscp_prio.clear()),
        [action @ ("set" | "del"), dscp, priority] => {
            let numbers = (dscp.parse::<u8>().ok(), priority.parse::<u8>().ok());
            let (Some(dscp @ 0..64), Some(priority @ 0..8)) = numbers else {
                let cause = format!(
                    "`{}` is no DSCP and priority: mlnx_qos refuses it.",
                    value.unwrap_or_default()
                );
                state.remark(
                    RemarkKind::BadValue,
                    line,
                    cause,
                    "Write --dscp2prio set,26,3.",
                );
                return;
            };
            let fact = state.fact(Some(priority), line);
            let set = *action == "set";
            state.each(nic, line, |nic| {
                match set {
                    true => nic.dscp_prio.insert(dscp, fact.clone()),
                    false => nic.dscp_prio.remove(&dscp),
                };
            });
        }
        _ => {}
    }
}

/// `cma_roce_tos -d mlx5_0 -t 106`
pub(super) fn cma_tos(state: &mut State, command: &Command) {
    state.mellanox = true;
    let device = value_of(&command.words, &["-d", "--dev"]);
    let Some(tos) = value_of(&command.words, &["-t", "--tos"]) else {
        state.lines.understood(command.line);
        return;
    };
    let number = tos.as_deref().and_then(super::byte);
    let fact = state.fact(number, command.line);
    state.rdma(device.flatten().as_deref()).cma = Some(fact);
    state.lines.understood(command.line);
}

/// `cma_roce_mode -d mlx5_0 -p 1 -m 2`
pub(super) fn cma_mode(state: &mut State, command: &Command) {
    let device = value_of(&command.words, &["-d", "--dev"]);
    if let Some(mode) = value_of(&command.words, &["-m"]) {
        let fact = state.fact(mode.map(|m| matches!(m.as_str(), "1" | "0")), command.line);
        state.rdma(device.flatten().as_deref()).v1 = Some(fact);
    }
    state.lines.understood(command.line);
}

/// `mlxconfig -d DEV set LLDP_NB_DCBX_P1=1 CNP_DSCP_P1=48`; it is not told which interface that is.
pub(super) fn config(state: &mut State, command: &Command) {
    state.mellanox = true;
    let line = command.line;
    for word in command.words.iter().flatten() {
        let Some((key, value)) = word.split_once('=') else {
            continue;
        };
        let truth = match value {
            "1" | "True" | "TRUE" | "true" => Some(true),
            "0" | "False" | "FALSE" | "false" => Some(false),
            _ => None,
        };
        let number = value.parse::<u8>().ok();
        let known = ["LLDP_NB_", "CNP_", "ROCE_", "DCBX_", "PRIO_", "DCR_"]
            .iter()
            .any(|k| key.starts_with(k));
        if key.starts_with("LLDP_NB_DCBX") || key.starts_with("DCBX_IEEE") {
            let fact = state.fact(truth, line);
            state.each(None, line, |nic| nic.dcbx = Some(fact.clone()));
        } else if key.starts_with("DCBX_WILLING") {
            let fact = state.fact(truth, line);
            state.each(None, line, |nic| nic.willing = Some(fact.clone()));
        } else if key.starts_with("CNP_DSCP") {
            let fact = state.fact(number.filter(|n| *n < 64), line);
            state.each(None, line, |nic| nic.cnp_dscp = Some(fact.clone()));
        } else if key.starts_with("CNP_802P_PRIO") {
            let fact = state.fact(number.filter(|n| *n < 8), line);
            state.each(None, line, |nic| nic.cnp_priority = Some(fact.clone()));
        } else if !known {
            continue;
        }
        state.lines.understood(line);
    }
}

/// The value behind one of these options: None if there is no such option, Some(None) if it is not
/// known.
pub(super) fn value_of(words: &[Option<String>], names: &[&str]) -> Option<Option<String>> {
    for (n, word) in words.iter().enumerate() {
        let Some(word) = word else { continue };
        for name in names {
            if word == name {
                return Some(words.get(n + 1).cloned().flatten());
            }
            if let Some(value) = word
                .strip_prefix(name)
                .filter(|v| name.len() == 2 && !v.is_empty() || v.starts_with('='))
            {
                return Some(Some(value.trim_start_matches('=').to_owned()));
            }
        }
    }
    None
}
