//! What is wrong with the configuration itself.

use super::build::{Network, group_of, matched};
use super::read::{Bound, Read};
use crate::remark::{Remark, RemarkKind};

pub(super) fn remarks(read: &Read, network: &Network) -> Vec<Remark> {
    let mut found = Vec::new();
    names(read, &mut found);
    class_names(read, &mut found);
    unbound(read, &mut found);
    watchdog(read, &mut found);
    values(read, &mut found);
    pause_of_another(read, network, &mut found);
    ports(read, &mut found);
    found
}

fn all_bound(read: &Read) -> impl Iterator<Item = (&Bound, Option<&str>)> {
    let system = read.system.iter().map(|b| (b, None));
    let ports = read
        .interfaces
        .iter()
        .flat_map(|(name, i)| i.bound.iter().map(move |b| (b, Some(name.as_str()))));
    system.chain(ports)
}

/// Policies that the switch brings along.
fn predefined(name: &str) -> bool {
    name.starts_with("default-") || name.starts_with("fcoe-default-")
}

fn names(read: &Read, found: &mut Vec<Remark>) {
    for (bound, port) in all_bound(read) {
        let there = read
            .policies
            .contains_key(&(bound.kind.clone(), bound.name.clone()));
        if there || predefined(&bound.name) {
            continue;
        }
        // A file without any policy is a part of a configuration.
        let none = !read.policies.keys().any(|(kind, _)| *kind == bound.kind);
        let kind = if none {
            RemarkKind::Note
        } else {
            RemarkKind::UnknownName
        };
        let cause = format!(
            "There is no policy-map type {} called {}.",
            bound.kind, bound.name
        );
        let mut remark =
            Remark::new(kind, bound.at, cause, "Name a policy that is there.").of_priorities(0xff);
        remark.port = port.map(str::to_owned);
        found.push(remark);
    }
}

/// Classes of policies that no class map defines.
fn class_names(read: &Read, found: &mut Vec<Remark>) {
    let mut missing = Vec::new();
    for ((kind, policy), classes) in &read.policies {
        for class in &classes.classes {
            let known = read
                .class_maps
                .contains_key(&(kind.clone(), class.name.clone()))
                || class.name == "class-default"
                || kind != "qos" && group_of(read, kind, &class.name).is_some()
                || class.name.starts_with("class-");
            if !known {
                missing.push((kind, policy, class));
            }
        }
    }
    // Several of them: the file is a part, whose class maps are elsewhere.
    let several = missing
        .iter()
        .filter(|(kind, ..)| *kind == "network-qos")
        .count()
        > 1;
    for (kind, policy, class) in missing {
        let severity = if several && kind == "network-qos" {
            RemarkKind::Note
        } else {
            RemarkKind::UnknownName
        };
        let cause = match severity {
            RemarkKind::Note => format!(
                "Class {} of policy {policy} has its class-map type {kind} elsewhere: which qos-group it is cannot be told.",
                class.name
            ),
            _ => format!(
                "Class {} of policy {policy} has no class-map type {kind}: it matches nothing.",
                class.name
            ),
        };
        let cure = format!(
            "Define `class-map type {kind} {}`, or name one that is there.",
            class.name
        );
        found.push(Remark::new(severity, class.at, cause, cure).of_priorities(0xff));
    }
}

/// Policies about lossless traffic that nothing uses.
fn unbound(read: &Read, found: &mut Vec<Remark>) {
    for ((kind, name), policy) in &read.policies {
        let used = all_bound(read).any(|(b, _)| b.kind == *kind && b.name == *name);
        let Some(at) = policy.at.filter(|_| !used) else {
            continue;
        };
        let lossless = policy.classes.iter().any(|c| {
            c.statements
                .iter()
                .any(|(w, _)| w.first().is_some_and(|w| w == "pause"))
        });
        let groups = policy.classes.iter().any(|c| {
            c.statements
                .iter()
                .any(|(w, _)| w.starts_with(&["set".to_owned(), "qos-group".to_owned()]))
        });
        let (matters, cure) = match kind.as_str() {
            "network-qos" => (
                lossless,
                format!("Bind it: `system qos`, `service-policy type network-qos {name}`."),
            ),
            "qos" => (
                groups,
                format!("Bind it to the ports: `service-policy type qos input {name}`."),
            ),
            _ => (false, String::new()),
        };
        // Meant by a line that has its name wrong, which is told already.
        let misnamed = all_bound(read).any(|(b, _)| {
            b.kind == *kind
                && !predefined(&b.name)
                && !read.policies.contains_key(&(kind.clone(), b.name.clone()))
        });
        let matters = matters && !misnamed;
        // A fragment without ports cannot show that.
        if matters && (!read.interfaces.is_empty() || !read.system.is_empty()) {
            let cause = format!("policy-map type {kind} {name} is bound nowhere: it does nothing.");
            found.push(Remark::new(RemarkKind::NotBound, at, cause, cure).of_priorities(0xff));
        }
    }
}

/// What ports say that does not go together, or that NX-OS does not have.
fn ports(read: &Read, found: &mut Vec<Remark>) {
    for (name, i) in &read.interfaces {
        let link = i
            .receive
            .or(i.send)
            .filter(|_| i.receive.is_some_and(|(on, _)| on) || i.send.is_some_and(|(on, _)| on));
        let pfc = i.pfc.as_ref().filter(|(mode, _)| mode == "on");
        if let (Some((_, link)), Some((_, pfc))) = (link, pfc) {
            let cause = "The port has flowcontrol, pause of the whole link (802.3x), and PFC: they exclude each other.";
            let cure = "Write `flowcontrol receive off` and `flowcontrol send off`.";
            let mut remark =
                Remark::new(RemarkKind::TwoKindsOfPause, link, cause, cure).beside(*pfc);
            // A port that is not named stands for every one.
            remark.port = Some(name.clone()).filter(|n| !n.is_empty());
            found.push(remark.of_priorities(0xff));
        }
    }
    for (line, at) in &read.foreign {
        let cause = format!("NX-OS has no statement `{line}`.");
        let cure = "Write `priority-flow-control mode on`, and classify by `service-policy type qos input NAME`.";
        found.push(Remark::new(RemarkKind::NoSuchStatement, *at, cause, cure).of_priorities(0xff));
    }
}

fn watchdog(read: &Read, found: &mut Vec<Remark>) {
    let mut ports = read
        .interfaces
        .iter()
        .filter_map(|(_, i)| i.watchdog.filter(|(on, _)| *on).map(|(_, at)| at));
    match (read.watchdog, ports.next()) {
        (None | Some((false, _)), Some(at)) => {
            let cause = "The watchdog is on at ports, but not globally: it does not run.";
            let cure = "Add the global line `priority-flow-control watch-dog-interval on`.";
            let mut remark = Remark::new(RemarkKind::WatchdogInert, at, cause, cure);
            remark.related.extend(ports);
            found.push(remark);
        }
        (Some((true, at)), None) if !read.interfaces.is_empty() => {
            let cause = "The watchdog is on globally, but at no port: it does not run.";
            let cure = "Add `priority-flow-control watch-dog-interval on` to the ports.";
            found.push(Remark::new(RemarkKind::WatchdogInert, at, cause, cure));
        }
        _ => {}
    }
}

fn values(read: &Read, found: &mut Vec<Remark>) {
    for ((kind, _), policy) in &read.policies {
        let mut percent = 0_u32;
        let mut places = Vec::new();
        for class in &policy.classes {
            for (words, at) in &class.statements {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                let bad = match words.as_slice() {
                    ["set", "qos-group", n] => n.parse::<u8>().ok().is_none_or(|n| n > 7),
                    ["pause", "pfc-cos", list @ ..] => {
                        crate::text::numbers(&list.concat(), 7).is_none()
                    }
                    _ => false,
                };
                if bad {
                    let cause = format!(
                        "`{}`: qos-groups and priorities are 0 to 7.",
                        words.join(" ")
                    );
                    found.push(
                        Remark::new(
                            RemarkKind::BadValue,
                            *at,
                            cause,
                            "Use a number from 0 to 7.",
                        )
                        .of_priorities(0xff),
                    );
                }
                if let (["bandwidth", "percent", n], "queuing") = (words.as_slice(), kind.as_str())
                {
                    percent = percent.saturating_add(n.parse().unwrap_or(0));
                    places.push(*at);
                }
            }
        }
        if percent > 100 {
            let cause = format!("The shares add up to {percent} %: what is above 100 is refused.");
            let mut remark = Remark::new(
                RemarkKind::Sum,
                places[0],
                cause,
                "Correct the shares so that they add up to 100.",
            );
            remark.related.extend(&places[1..]);
            found.push(remark);
        }
    }
}

/// A class pauses by another priority than that of the frames that are sorted into it.
fn pause_of_another(read: &Read, network: &Network, found: &mut Vec<Remark>) {
    for ((kind, _), policy) in read.policies.iter().filter(|((kind, _), _)| kind == "qos") {
        for class in &policy.classes {
            let group = class
                .statements
                .iter()
                .find_map(|(w, _)| match w.as_slice() {
                    [set, group, n] if set == "set" && group == "qos-group" => {
                        n.parse::<usize>().ok().filter(|n| *n < 8)
                    }
                    _ => None,
                });
            let Some((Some(cos), at)) = group.and_then(|g| network.pause[g]) else {
                continue;
            };
            let values: Vec<u32> = matched(read, &class.name)
                .into_iter()
                .filter(|m| !m.1)
                .flat_map(|m| m.0)
                .collect();
            if values.is_empty() || values.contains(&u32::from(cos)) {
                continue;
            }
            let _ = kind;
            let cause = format!(
                "Frames with CoS {} are in a class that pauses by priority {cos}.",
                values[0]
            );
            let cure = format!("Write `pause pfc-cos {}`.", values[0]);
            found.push(Remark::new(RemarkKind::Note, at, cause, cure).beside(class.at));
        }
    }
}
