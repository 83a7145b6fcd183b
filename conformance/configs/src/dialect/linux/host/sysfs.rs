//! Files of the kernel, and files of settings, that scripts write.

use super::{State, byte, module};
use crate::dialect::linux::shell::evaluate;

/// What is written to a file; None: not known.
pub(super) fn write(state: &mut State, path: Option<&str>, value: Option<&str>, line: u32) {
    let Some(path) = path else { return };
    let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    let known = |name: &str| (!name.contains(['*', '?', '[', '$'])).then(|| name.to_owned());
    let number = value.map(str::trim).and_then(byte);
    match parts.as_slice() {
        [
            "sys",
            "class",
            "infiniband",
            device,
            "tc",
            _,
            "traffic_class",
        ] => {
            // Also `Global tclass=106`, and queue pairs of one kind: those are others' traffic.
            let text = value.map(|v| v.trim().trim_start_matches("tclass=").to_owned());
            let fact = state.fact(text.as_deref().and_then(byte).or(number), line);
            state.rdma(known(device).as_deref()).verbs = Some(fact);
        }
        ["sys", "class", "net", nic, "ecn", "roce_np", "cnp_dscp"] => {
            let fact = state.fact(number.filter(|n| *n < 64), line);
            state.mellanox = true;
            state.each(known(nic).as_deref(), line, |nic| {
                nic.cnp_dscp = Some(fact.clone())
            });
        }
        [
            "sys",
            "class",
            "net",
            nic,
            "ecn",
            "roce_np",
            "cnp_802p_prio",
        ] => {
            let fact = state.fact(number.filter(|n| *n < 8), line);
            state.mellanox = true;
            state.each(known(nic).as_deref(), line, |nic| {
                nic.cnp_priority = Some(fact.clone())
            });
        }
        // Marking and reacting per priority: on by default on these NICs, no part of the model.
        ["sys", "class", "net", nic, "ecn", ..] => {
            state.mellanox = true;
            state.nic(known(nic).as_deref(), line);
        }
        ["sys", "class", "net", nic, "mtu"] => {
            let fact = state.fact(value.and_then(|v| v.trim().parse().ok()), line);
            state.each(known(nic).as_deref(), line, |nic| {
                nic.mtu = Some(fact.clone())
            });
        }
        ["sys", "class", "net", nic, "qos", "trust"] => {
            let fact = state.fact(value.map(|v| v.trim() == "dscp"), line);
            state.each(known(nic).as_deref(), line, |nic| {
                nic.trust_dscp = Some(fact.clone())
            });
        }
        ["sys", "class", "net", bond, "bonding", "slaves"] => {
            for member in value.unwrap_or_default().split_whitespace() {
                super::enslave(state, member.trim_start_matches('+'), bond, line);
            }
        }
        [
            "sys",
            "kernel",
            "config",
            "rdma_cm",
            device,
            "ports",
            _,
            "default_roce_tos",
        ]
        | ["config", "rdma_cm", device, "ports", _, "default_roce_tos"] => {
            let fact = state.fact(number, line);
            state.rdma(known(device).as_deref()).cma = Some(fact);
        }
        [
            "sys",
            "kernel",
            "config",
            "rdma_cm",
            device,
            "ports",
            _,
            "default_roce_mode",
        ] => {
            let fact = state.fact(value.map(|v| v.contains("v1")), line);
            state.rdma(known(device).as_deref()).v1 = Some(fact);
        }
        ["sys", "module", _, "parameters", name @ ("pfctx" | "pfcrx")] => {
            let word = value.map(|v| format!("{name}={}", v.trim()));
            module(state, &[word], line);
        }
        [.., "modprobe.d", _] => {
            for text in value.unwrap_or_default().lines() {
                let words: Vec<Option<String>> = text
                    .split_whitespace()
                    .map(|w| Some(w.to_owned()))
                    .collect();
                module(state, &words, line);
            }
            return;
        }
        ["etc", "environment" | "profile", ..] | [.., "profile.d", _] => {
            if let Ok(commands) = evaluate(value.unwrap_or_default(), line) {
                for command in commands {
                    super::run(state, &command);
                }
            }
            return;
        }
        ["sys", "class", "infiniband", ..] => {
            state
                .lines
                .unknown(line, "what this file of the RDMA device sets is not known");
            return;
        }
        _ => return,
    }
    state.lines.understood(line);
}
