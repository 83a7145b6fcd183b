//! What is wrong with a configuration in itself.

use super::script::{Command, View};
use super::state::State;
use super::values::{Levels, Profile};
use crate::remark::{Remark, RemarkKind as Kind};
use crate::source::Span;

/// Priorities that PFC takes: three beside the default one.
const MOST_LOSSLESS: usize = 4;

pub(super) fn tell(state: &mut State, commands: &[Command]) {
    let mut found = std::mem::take(&mut state.remarks);
    uncommitted(commands, &mut found);
    ports(state, &mut found);
    profiles(state, &mut found);
    queues(state, &mut found);
    state.remarks = found;
}

fn put(found: &mut Vec<Remark>, kind: Kind, at: Span, cause: String, cure: impl Into<String>) {
    found.push(Remark::new(kind, at, cause, cure));
}

/// What was typed and never committed.
fn uncommitted(commands: &[Command], found: &mut Vec<Remark>) {
    let mut left = commands.iter().filter(|c| c.uncommitted);
    let bears = |c: &&Command| !matches!(c.view, View::Other) && c.word(0) != "sysname";
    if let Some(first) = left.find(bears) {
        let last = left.next_back().unwrap_or(first);
        let cause = format!(
            "lines {} to {} were typed and never committed, so they are not in force",
            first.at.line, last.at.line
        );
        put(
            found,
            Kind::Uncommitted,
            first.at.to(last.at),
            cause,
            "commit",
        );
    }
}

fn ports(state: &State, found: &mut Vec<Remark>) {
    for port in &state.interfaces {
        let on = |remark: Remark| remark.on_port(&port.name);
        let Some(pfc) = port.pfc else {
            continue;
        };
        let pause = [port.pause_rx, port.pause_tx];
        if let Some(line) = pause.iter().flatten().find(|p| p.value) {
            let cause = format!(
                "{} has flow-control (802.3x) beside PFC; only one of them can act",
                port.name
            );
            let remark = Remark::new(Kind::TwoKindsOfPause, line.at, cause, "undo flow-control");
            found.push(on(remark.beside(pfc.at)));
        }
        if let Some(at) = state.pfc_off {
            let cause = format!("PFC is off on all ports, so {} has none", port.name);
            let remark = Remark::new(Kind::Prerequisite, at, cause, "undo dcb pfc global disable");
            found.push(on(remark.beside(pfc.at)));
        }
    }
    names(state, found);
}

/// Names that are used and not defined.
fn names(state: &State, found: &mut Vec<Remark>) {
    for port in &state.interfaces {
        let mut unknown = |known: bool, at: Span, what: &str, name: &str, cure: String| {
            if !known && !found.iter().any(|r| r.at == at) {
                let cause = format!("there is no {what} {name}");
                let remark = Remark::new(Kind::UnknownName, at, cause, cure);
                found.push(remark.on_port(&port.name));
            }
        };
        if let Some(pfc) = port.pfc {
            let name = pfc.value.0;
            let known = name == "default" || state.profiles.contains_key(name);
            let cure = format!("dcb pfc {name}, and below it: priority 3");
            unknown(known, pfc.at, "PFC profile", name, cure);
        }
        if let Some(ets) = port.ets {
            let known = ets.value == "default" || state.ets.contains_key(ets.value);
            let cure = format!("dcb ets-profile {}", ets.value);
            unknown(known, ets.at, "ETS profile", ets.value, cure);
        }
        if let Some(domain) = port.upstream {
            let name = domain.value;
            let known = matches!(name, "default" | "none") || state.domains.contains_key(name);
            let cure = format!("diffserv domain {name}");
            unknown(known, domain.at, "diffserv domain", name, cure);
        }
        for drops in port.queues.iter().filter_map(|q| q.drops) {
            let known = drops.value == "default" || state.drops.contains_key(drops.value);
            let cure = format!("drop-profile {}", drops.value);
            unknown(known, drops.at, "drop profile", drops.value, cure);
        }
        if let Some(policy) = port.policy {
            let known = state.policies.contains_key(policy.value);
            let cure = format!("traffic policy {}", policy.value);
            unknown(known, policy.at, "traffic policy", policy.value, cure);
        }
    }
}

fn profiles(state: &State, found: &mut Vec<Remark>) {
    let ports = || state.interfaces.iter();
    for (name, profile) in &state.profiles {
        let bound = ports().any(|p| p.pfc.is_some_and(|b| b.value.0 == *name));
        if let Some(first) = profile.priorities.first().filter(|_| !bound) {
            let set = profile
                .priorities
                .iter()
                .fold(0, |all, p| all | 1 << (p.value & 7));
            let cause = format!("PFC profile {name} is applied to no port");
            let cure = match *name {
                "default" => "interface PORT, and below it: dcb pfc enable mode manual".to_owned(),
                name => format!("interface PORT, and below it: dcb pfc enable {name} mode manual"),
            };
            let at = profile.at.unwrap_or(first.at);
            found.push(Remark::new(Kind::NotBound, at, cause, cure).of_priorities(set));
        }
        if profile.priorities.len() > MOST_LOSSLESS {
            let cause = format!(
                "PFC profile {name} has {} priorities; the switch takes {MOST_LOSSLESS}",
                profile.priorities.len()
            );
            let set = profile
                .priorities
                .iter()
                .fold(0, |all, p| all | 1 << (p.value & 7));
            let at = profile.priorities[MOST_LOSSLESS].at;
            let cure = "undo priority for those that no RDMA uses";
            found.push(Remark::new(Kind::TooManyLossless, at, cause, cure).of_priorities(set));
        }
        if let Some(never) = profile.recover.iter().find(|r| r.value == 0) {
            let cause = "with recovery time 0 no deadlock is recovered".to_owned();
            put(
                found,
                Kind::WatchdogInert,
                never.at,
                cause,
                "set a time of 1 to 15",
            );
        }
    }
    let lossless = |queue: u8| {
        let named = |p: &Profile| p.priorities.iter().any(|s| s.value == queue);
        state.profiles.values().any(named)
    };
    for (name, domain) in &state.domains {
        let bound = ports().any(|p| p.upstream.is_some_and(|u| u.value == *name));
        let mut entries = domain.dscp.iter().chain(&domain.pcp).flatten();
        let matters = entries.find(|e| lossless(e.value));
        if let Some(entry) = matters.filter(|_| !bound && *name != "default") {
            let cause = format!("diffserv domain {name} is applied to no port");
            let cure = format!("interface PORT, and below it: trust upstream {name}");
            put(found, Kind::NotBound, entry.at, cause, cure);
        }
    }
    for (name, drops) in &state.drops {
        let bound = ports().any(|p| {
            p.queues
                .iter()
                .any(|q| q.drops.is_some_and(|d| d.value == *name))
        });
        if let Some((.., at)) = drops.ecn.filter(|_| !bound && *name != "default") {
            let cause = format!("drop profile {name} is applied to no queue");
            let cure = format!("interface PORT, and below it: qos queue 3 wred {name}");
            put(found, Kind::NotBound, at, cause, cure);
        }
    }
}

/// ECN needs two lines.
fn queues(state: &State, found: &mut Vec<Remark>) {
    for port in &state.interfaces {
        for (queue, n) in port.queues.iter().zip(0_u8..) {
            let by_ai = state.ai_queues.iter().any(|q| q.value == n);
            if let (Some(at), None) = (queue.ecn, queue.drops)
                && !by_ai
                && !found.iter().any(|r| r.at == at)
            {
                let cause = format!(
                    "queue {n} of {} is to mark, but no drop profile says when",
                    port.name
                );
                let cure = format!("qos queue {n} wred PROFILE");
                let remark = Remark::new(Kind::Prerequisite, at, cause, cure);
                found.push(remark.on_port(&port.name).of_priorities(1 << n));
            }
            let profile = queue.drops.and_then(|d| state.drops.get(d.value));
            let marks = profile.and_then(|p| p.ecn);
            if let (Some(drops), Some((levels, ..)), None) = (queue.drops, marks, queue.ecn)
                && !found.iter().any(|r| r.at == drops.at)
            {
                let what = match levels {
                    Levels::Bytes(low, _) => format!("at {low} bytes"),
                    Levels::Percent(low, _) => format!("at {low} percent"),
                    Levels::Cells => "at its limit".to_owned(),
                };
                let cause = format!(
                    "drop profile {} would mark {what}, but ECN is off on queue {n} of {}",
                    drops.value, port.name
                );
                let cure = format!("qos queue {n} ecn");
                let remark = Remark::new(Kind::Prerequisite, drops.at, cause, cure);
                found.push(remark.on_port(&port.name).of_priorities(1 << n));
            }
        }
    }
}
