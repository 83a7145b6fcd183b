//! Which command does what.

use super::{ANY, State, dcb, lldp, mlnx, sysfs, value_of};
use crate::dialect::linux::shell::{Command, integer};
use crate::fact::Fact;

/// Commands that bear on RDMA or DCB, and of which what is not done here is told.
const TOLD: [&str; 14] = [
    "mlnx_qos",
    "dcb",
    "lldptool",
    "cma_roce_tos",
    "cma_roce_mode",
    "niccli",
    "nicctl",
    "bnxtqos",
    "bnxt_setupcc.sh",
    "bnxt_re_conf.sh",
    "roce_config",
    "roce_config.sh",
    "tc_wrap.py",
    "dcbtool",
];

/// A number from 0 to 255, decimal, octal or hexadecimal.
pub(super) fn byte(text: &str) -> Option<u8> {
    u8::try_from(integer(text)?).ok()
}

pub(in crate::dialect::linux) fn run(state: &mut State, command: &Command) {
    state.maybe = command.maybe;
    let Some(Some(path)) = command.words.first() else {
        return;
    };
    let name = path.rsplit('/').next().unwrap_or(path);
    let line = command.line;
    if let Some(target) = &command.output {
        write(state, command, target.as_deref());
    }
    match name {
        "mlnx_qos" | "mlnx_qos.py" => mlnx::qos(state, command),
        "cma_roce_tos" => mlnx::cma_tos(state, command),
        "cma_roce_mode" => mlnx::cma_mode(state, command),
        "mlxconfig" | "mlxreg" | "mstconfig" => mlnx::config(state, command),
        "dcb" => dcb::run(state, command),
        "lldptool" => lldp::tool(state, command),
        "lldpad" | "systemctl" | "service" => lldp::service(state, command),
        "ethtool" => ethtool(state, command),
        "ip" => ip(state, command),
        "ifconfig" => ifconfig(state, command),
        "vconfig" => vconfig(state, command),
        "ifenslave" => {
            if let Some(bond) = word(command, 1) {
                for member in command.words.iter().skip(2).flatten() {
                    enslave(state, member, bond, line);
                }
            }
        }
        "export" | "setenv" => exports(state, command),
        "modprobe" | "options" => options(state, command),
        "tee" => {
            if let Some(target) = command
                .words
                .iter()
                .skip(1)
                .flatten()
                .find(|w| !w.starts_with('-'))
            {
                let value = command.input.clone();
                sysfs::write(state, Some(target), value.as_deref(), line);
            }
        }
        "hostname" | "hostnamectl" => {
            if let Some(name) = command
                .words
                .last()
                .cloned()
                .flatten()
                .filter(|_| command.words.len() > 1)
            {
                state.name = Some((name, state.span(line)));
            }
        }
        "ibdev2netdev" | "show_gids" | "rdma" | "ibv_devices" => {}
        _ => {
            applications(state, command, name);
            if TOLD.contains(&name) {
                state
                    .lines
                    .unknown(line, format!("what `{name}` does here is not known"));
            }
        }
    }
}

fn word(command: &Command, n: usize) -> Option<&str> {
    command.words.get(n)?.as_deref()
}

/// `echo X > FILE`
fn write(state: &mut State, command: &Command, target: Option<&str>) {
    let echo = matches!(word(command, 0), Some("echo" | "printf"));
    let text: Option<Vec<String>> = command.words.iter().skip(1).cloned().collect();
    let text = match echo {
        true => text.map(|t| {
            t.into_iter()
                .filter(|w| w != "-n" && w != "-e")
                .collect::<Vec<_>>()
                .join(" ")
        }),
        false => command.input.clone(),
    };
    if echo || command.input.is_some() {
        sysfs::write(state, target, text.as_deref(), command.line);
    }
}

fn ethtool(state: &mut State, command: &Command) {
    let line = command.line;
    let Some(option) = word(command, 1) else {
        return;
    };
    let nic = word(command, 2).map(str::to_owned);
    let nic = nic.as_deref();
    let value = |name: &str| {
        let at = command
            .words
            .iter()
            .position(|w| w.as_deref() == Some(name))?;
        Some(command.words.get(at + 1).cloned().flatten())
    };
    match option {
        "-A" | "--pause" => {
            for (name, rx) in [("rx", true), ("tx", false)] {
                if let Some(value) = value(name) {
                    let fact = state.fact(value.map(|v| v == "on"), line);
                    state.each(nic, line, |nic| match rx {
                        true => nic.pause_rx = Some(fact.clone()),
                        false => nic.pause_tx = Some(fact.clone()),
                    });
                }
            }
        }
        "-s" | "--change" => {
            if let Some(speed) = value("speed") {
                let fact = state.fact(speed.and_then(|v| v.parse().ok()), line);
                state.each(nic, line, |nic| nic.speed_mbps = Some(fact.clone()));
            }
        }
        "--set-priv-flags" => {
            if let Some(agent) = value("fw-lldp-agent") {
                state.intel = true;
                let fact = state.fact(agent.map(|v| v == "on"), line);
                state.each(nic, line, |nic| {
                    nic.dcbx = Some(fact.clone());
                    if fact.is(&true) {
                        nic.willing = Some(fact.clone());
                    }
                });
            }
        }
        // Printed, or of no bearing: rings, coalescing, offloads.
        _ => return,
    }
    state.lines.understood(line);
}

fn ip(state: &mut State, command: &Command) {
    let line = command.line;
    let words: Vec<Option<&str>> = command.words.iter().map(Option::as_deref).collect();
    let words: Vec<Option<&str>> = words
        .into_iter()
        .filter(|w| w.is_none_or(|w| !w.starts_with('-')))
        .collect();
    let after = |name: &str| {
        let at = words.iter().position(|w| *w == Some(name))?;
        Some(words.get(at + 1).copied().flatten())
    };
    match (
        words.get(1).copied().flatten(),
        words.get(2).copied().flatten(),
    ) {
        (Some("link" | "l" | "li"), Some("set" | "s")) => {
            let nic = match words.get(3).copied().flatten() {
                Some("dev") => words.get(4).copied().flatten(),
                other => other,
            };
            link_set(state, nic, &words, line);
        }
        (Some("link" | "l" | "li"), Some("add" | "a")) => {
            let name = after("name").or_else(|| after("add"));
            let at = words
                .iter()
                .rposition(|w| *w == Some("link"))
                .filter(|&at| at > 1);
            let carrier = at.and_then(|at| words.get(at + 1).copied().flatten());
            let Some(name) = name.flatten() else { return };
            match after("type").flatten() {
                Some("vlan") => vlan(state, name, carrier, &words, line),
                Some("bond") => {
                    state.nic(Some(name), line).is_bond = true;
                    state.lines.understood(line);
                }
                _ => {}
            }
        }
        _ => {}
    }
}

fn link_set(state: &mut State, nic: Option<&str>, words: &[Option<&str>], line: u32) {
    for (n, word) in words.iter().enumerate() {
        let value = words.get(n + 1).copied().flatten();
        match *word {
            Some("mtu") => {
                let fact = state.fact(value.and_then(|v| v.parse().ok()), line);
                state.each(nic, line, |nic| nic.mtu = Some(fact.clone()));
                state.lines.understood(line);
            }
            Some("master") => {
                if let (Some(nic), Some(bond)) = (nic, value) {
                    enslave(state, nic, bond, line);
                }
            }
            Some("egress-qos-map") => egress(state, nic, &words[n + 1..], line),
            _ => {}
        }
    }
}

pub(super) fn enslave(state: &mut State, nic: &str, bond: &str, line: u32) {
    let at = state.span(line);
    state.nic(Some(bond), line).is_bond = true;
    state.nic(Some(nic), line).bond = Some((bond.to_owned(), at));
    state.lines.understood(line);
}

fn vlan(state: &mut State, name: &str, carrier: Option<&str>, words: &[Option<&str>], line: u32) {
    let at = words.iter().position(|w| *w == Some("id"));
    let id = at
        .and_then(|n| words.get(n + 1).copied().flatten())
        .and_then(|v| v.parse::<u16>().ok());
    let fact = state.fact(id, line);
    let carrier = carrier
        .or_else(|| name.rsplit_once('.').map(|(c, _)| c))
        .unwrap_or(ANY);
    if carrier != ANY {
        state.nic(Some(carrier), line);
    }
    state.nic(Some(name), line).vlan = Some((carrier.to_owned(), fact));
    if let Some(n) = words.iter().position(|w| *w == Some("egress-qos-map")) {
        egress(state, Some(name), &words[n + 1..], line);
    }
    state.lines.understood(line);
}

/// `0:3 1:3 ...`
fn egress(state: &mut State, nic: Option<&str>, pairs: &[Option<&str>], line: u32) {
    for pair in pairs {
        let Some((from, to)) = pair.and_then(|p| p.split_once(':')) else {
            break;
        };
        let (Ok(from @ 0..8), to) = (
            from.parse::<usize>(),
            to.parse::<u8>().ok().filter(|p| *p < 8),
        ) else {
            continue;
        };
        let fact = state.fact(to, line);
        state.each(nic, line, |nic| nic.egress[from] = Some(fact.clone()));
    }
    state.lines.understood(line);
}

/// `vconfig add eth0 711`, `vconfig set_egress_map eth0.711 0 3`
fn vconfig(state: &mut State, command: &Command) {
    let line = command.line;
    match (
        word(command, 1),
        word(command, 2),
        word(command, 3),
        word(command, 4),
    ) {
        (Some("add"), Some(nic), Some(id), _) => {
            let fact = state.fact(id.parse().ok(), line);
            state.nic(Some(nic), line);
            state.nic(Some(&format!("{nic}.{id}")), line).vlan = Some((nic.to_owned(), fact));
        }
        (Some("set_egress_map"), Some(nic), Some(from), Some(to)) => {
            let pair = format!("{from}:{to}");
            egress(state, Some(nic), &[Some(&pair)], line);
        }
        _ => return,
    }
    state.lines.understood(line);
}

fn ifconfig(state: &mut State, command: &Command) {
    if let (Some(nic), Some(at)) = (
        word(command, 1),
        command
            .words
            .iter()
            .position(|w| w.as_deref() == Some("mtu")),
    ) {
        let value = command.words.get(at + 1).cloned().flatten();
        let fact = state.fact(value.and_then(|v| v.parse().ok()), command.line);
        let nic = nic.to_owned();
        state.each(Some(&nic), command.line, |nic| nic.mtu = Some(fact.clone()));
        state.lines.understood(command.line);
    }
}

/// Variables with which programs are told their traffic class, with the program's name.
const VARIABLES: [(&str, &str); 5] = [
    ("NCCL_IB_TC", "NCCL"),
    ("NCCL_GIN_IB_TC", "NCCL (GPU-initiated)"),
    ("UCX_IB_TRAFFIC_CLASS", "UCX"),
    ("NVSHMEM_IB_TRAFFIC_CLASS", "NVSHMEM"),
    ("RDMAV_TRAFFIC_CLASS", "verbs programs"),
];

fn exports(state: &mut State, command: &Command) {
    for word in command.words.iter().skip(1) {
        let Some((name, value)) = word.as_deref().and_then(|w| w.split_once('=')) else {
            continue;
        };
        let line = command.line;
        if let Some((_, program)) = VARIABLES.iter().find(|(n, _)| *n == name) {
            app(state, program, value, line);
            if *program == "NCCL" {
                // Queue pairs that the GPU makes take it too, unless they have their own.
                let own = state
                    .apps
                    .iter()
                    .any(|(name, fact)| name == "NCCL (GPU-initiated)" && fact.is_stated());
                if !own {
                    app(state, "NCCL (GPU-initiated)", value, line);
                }
            }
        } else if name == "NCCL_GIN_ENABLE" || name == "NCCL_GIN_TYPE" {
            state.gin = (value != "0").then(|| state.span(line));
            state.lines.understood(line);
        } else if name.starts_with("NCCL_IB_")
            || name.starts_with("UCX_") && name.contains("IB")
            || name.starts_with("NCCL_GIN")
        {
            state.lines.understood(line);
        }
    }
}

/// A program with a traffic class (ToS byte) of its own.
pub(super) fn app(state: &mut State, program: &str, value: &str, line: u32) {
    let fact = state.fact(byte(value.trim_matches(['"', '\''])), line);
    state.lines.understood(line);
    state.apps.retain(|(name, _)| name != program);
    state.apps.push((program.to_owned(), fact));
}

/// Programs whose options mark their packets.
fn applications(state: &mut State, command: &Command, name: &str) {
    let line = command.line;
    let perftest = ["ib_write_", "ib_read_", "ib_send_", "ib_atomic_"]
        .iter()
        .any(|p| name.starts_with(p));
    if perftest {
        if let Some(tos) = value_of(&command.words, &["--tclass", "-T", "--tos"]) {
            app(state, name, tos.as_deref().unwrap_or("?"), line);
        }
    } else if name == "nvme" && word(command, 1) == Some("connect") {
        if let Some(tos) = value_of(&command.words, &["--tos", "-T"]) {
            app(state, "NVMe", tos.as_deref().unwrap_or("?"), line);
        }
    } else if name == "mpirun" || name == "srun" || name == "docker" || name == "podman" {
        for (variable, program) in VARIABLES {
            for word in command.words.iter().flatten() {
                if let Some(value) = word
                    .strip_prefix(variable)
                    .and_then(|w| w.strip_prefix('='))
                {
                    app(state, program, value, line);
                }
            }
        }
    }
}

/// `options mlx4_en pfctx=0x08 pfcrx=0x08`
fn options(state: &mut State, command: &Command) {
    module(state, &command.words, command.line);
}

pub(super) fn module(state: &mut State, words: &[Option<String>], line: u32) {
    for word in words.iter().flatten() {
        let Some((key, value)) = word.split_once('=') else {
            continue;
        };
        if !matches!(key, "pfctx" | "pfcrx") {
            continue;
        }
        state.mellanox = true;
        // Bit masks in hexadecimal, with or without 0x.
        let hex = value.trim_start_matches("0x");
        let mask = u8::from_str_radix(hex, 16).ok().map(super::bits);
        for n in 0..8 {
            let fact: Fact<bool> = state.fact(mask.map(|m| m[n]), line);
            state.each(None, line, |nic| match key {
                "pfctx" => nic.pfc[n] = Some(fact.clone()),
                _ => nic.pfc_rx[n] = Some(fact.clone()),
            });
        }
        state.lines.understood(line);
    }
}
