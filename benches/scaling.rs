//! Cost per packet-hop of a permutation (2 MB per host, MTU 1024, PFC) on fat-trees of 16, 128 and
//! 1,024 hosts: `cargo bench --bench scaling`. Each size runs in a process of its own, so that its
//! peak memory is its own.

use std::io::Write as _;
use std::process::Command;
use xoff_scenario::{Overrides, load};

const SCENARIO: &str = r#"
title = "permutation"
[topology]
kind = "fat-tree"
k = 4
rate = "100Gbps"
[switch.default]
pfc = { mode = "pfc", priorities = [3] }
[nic.default]
mtu = 1024
ack_every = 1
pfc = { mode = "pfc", priorities = [3] }
[[traffic]]
kind = "permutation"
bytes = "2MB"
"#;

/// User CPU ticks (1/100 s) and peak resident kB of this process, as Linux accounts them.
fn usage() -> (f64, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name
        .split_whitespace()
        .nth(11)
        .and_then(|t| t.parse().ok());
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let peak = peak
        .and_then(|l| l.split_whitespace().next())
        .and_then(|kb| kb.parse().ok());
    (ticks.unwrap_or(0.0), peak.unwrap_or(0))
}

fn run_one(k: &str) {
    let over = Overrides {
        sets: vec![("topology.k".into(), k.into())],
        ..Overrides::default()
    };
    let Ok(plan) = load("permutation.toml", SCENARIO, &over, &|name| {
        Err(name.to_owned())
    }) else {
        return;
    };
    // Small sizes are repeated until the clock's ticks no longer matter.
    let repeat = match k {
        "4" => 40,
        "8" => 5,
        _ => 1,
    };
    let before = usage().0;
    let mut hops = 0;
    for _ in 0..repeat {
        hops += xoff_sim::run(&plan.cases[0].model, &mut |_| {}).packet_hops;
    }
    let (after, peak) = usage();
    let hosts = plan.cases[0].model.flows.len();
    let mut out = std::io::stdout().lock();
    let _ = writeln!(
        out,
        "{hosts:>5} hosts: {:>10} packet-hops, {:>6.1} ns of CPU each, peak {} MB",
        hops / repeat,
        (after - before) * 1e7 / hops as f64,
        peak / 1_000,
    );
}

fn main() {
    if let Ok(k) = std::env::var("XOFF_SCALING_K") {
        return run_one(&k);
    }
    let Ok(this) = std::env::current_exe() else {
        return;
    };
    for k in ["4", "8", "16"] {
        let _ = Command::new(&this).env("XOFF_SCALING_K", k).status();
    }
}
