//! Linux hosts: shell scripts with `mlnx_qos`, `dcb`, `lldptool`, sysfs writes and others, and what
//! these tools print.

mod host;
mod printed;
mod repair;
mod shell;

use crate::device::Device;
use crate::language::{Dialect, Input, Language};
use crate::source::{Fault, Source, Span};
use host::State;
use shell::evaluate;

pub static LANGUAGE: Language = Language {
    dialect: Dialect::Linux,
    name: "linux",
    title: "Linux",
    recognise,
    import,
    repair: repair::repair,
};

/// What speaks for a script, and how much.
const SIGNS: [(&str, u32); 31] = [
    ("mlnx_qos", 20),
    ("cma_roce_tos", 20),
    ("cma_roce_mode", 20),
    ("/sys/class/infiniband", 20),
    ("/sys/class/net/", 10),
    ("lldptool", 20),
    ("lldpad", 5),
    ("dcb pfc set", 15),
    ("dcb ets set", 15),
    ("dcb app ", 5),
    ("dcb buffer set", 15),
    ("dcb pfc show", 15),
    ("ethtool ", 10),
    ("ip link ", 10),
    ("ip -d link", 10),
    ("rdma link", 10),
    ("#!/bin/sh", 10),
    ("#!/bin/bash", 10),
    ("#!/usr/bin/env bash", 10),
    ("NCCL_", 10),
    ("UCX_IB", 10),
    ("mlxconfig", 15),
    ("pfctx=", 15),
    ("pfcrx=", 15),
    ("modprobe ", 5),
    ("ibdev2netdev", 10),
    ("nicctl ", 10),
    ("niccli ", 10),
    ("bnxt", 5),
    ("Priority trust state", 20),
    ("nvme connect", 10),
];

fn recognise(source: &Source) -> u32 {
    let lines = source
        .text
        .lines()
        .take(400)
        .filter(|l| !l.trim_start().starts_with("nv "));
    lines
        .map(|line| {
            SIGNS
                .iter()
                .filter(|(sign, _)| line.contains(sign))
                .map(|(_, score)| *score)
                .max()
                .unwrap_or(0)
        })
        .sum()
}

fn import(input: Input) -> Result<Vec<Device>, Fault> {
    if let Some(at) = input.source.text.find('\0') {
        let line = input.source.text[..at].matches('\n').count() as u32 + 1;
        return Err(Fault::new(
            Span::line(input.file, line),
            "the file has bytes that no text has",
            "a script, or what tools print",
        ));
    }
    let mut state = State::new(input.file, input.source.lines());
    let text = printed::as_commands(&input.source.text);
    let commands = evaluate(&text, 1).map_err(|open| {
        let what = format!("{} that begins here never ends", open.what);
        Fault::new(Span::line(input.file, open.line), what, "a whole script")
    })?;
    for command in &commands {
        host::run(&mut state, command);
    }
    Ok(host::devices(input, state))
}

#[cfg(test)]
mod tests;
