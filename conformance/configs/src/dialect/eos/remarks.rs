//! What is to be remarked about a configuration of EOS.

use super::config::{Config, Interface, Settings};
use super::qos::times;
use crate::remark::{Remark, RemarkKind};
use crate::source::Span;
use xoff_model::time::SimDuration;

pub(super) fn remarks(config: &Config) -> Vec<Remark> {
    let mut found = Vec::new();
    names(config, &mut found);
    for (name, profile) in &config.profiles {
        of_profile(config, name, profile, &mut found);
    }
    for interface in &config.interfaces {
        let settings = config.in_force(interface);
        // What a profile lacks is told there, once.
        if interface.own.says_something() {
            halves(&settings, Some(&interface.name), &mut found);
            inert(config, &settings, &mut found);
        }
        two_pauses(interface, &settings, &mut found);
    }
    polling(config, &mut found);
    let mut told: Vec<(RemarkKind, Span)> = Vec::new();
    found.retain(|remark| {
        let new = !told.contains(&(remark.kind, remark.at)) || remark.port.is_some();
        told.push((remark.kind, remark.at));
        new
    });
    found
}

/// Profiles, policies and classes that are named, and not there.
fn names(config: &Config, found: &mut Vec<Remark>) {
    let mut told: Vec<Span> = Vec::new();
    for interface in &config.interfaces {
        if let Some((name, at)) = &interface.profile
            && !config.profiles.contains_key(name)
            && !told.contains(at)
        {
            told.push(*at);
            let other = config
                .profiles
                .iter()
                .max_by_key(|(_, p)| p.lossless().count_ones());
            let cause = format!("There is no qos profile with the name {name}: the port has none.");
            let cure = match other {
                Some((other, _)) => format!("Name one that is there: `service-profile {other}`."),
                None => format!("Define it: `qos profile {name}`."),
            };
            let mut remark =
                Remark::new(RemarkKind::UnknownName, *at, cause, cure).of_priorities(0xff);
            remark.related.extend(other.and_then(|(_, p)| p.at));
            remarks_of_port(&mut remark, interface);
            found.push(remark);
        }
    }
    let all = config
        .profiles
        .values()
        .chain(config.interfaces.iter().map(|i| &i.own));
    for settings in all {
        if let Some((name, at)) = &settings.policy
            && !config.policies.contains_key(name)
            && !told.contains(at)
        {
            told.push(*at);
            let cause = format!("There is no policy-map of type qos with the name {name}.");
            let cure = format!(
                "Define it: `policy-map type quality-of-service {name}`, or take the line away."
            );
            found.push(Remark::new(RemarkKind::UnknownName, *at, cause, cure));
        }
    }
}

/// The line of a range is about all its ports; that of one port is about it.
fn remarks_of_port(remark: &mut Remark, interface: &Interface) {
    remark.port = Some(interface.name.clone());
}

fn of_profile(config: &Config, name: &str, profile: &Settings, found: &mut Vec<Remark>) {
    let bound = config
        .interfaces
        .iter()
        .any(|i| i.profile.as_ref().is_some_and(|(n, _)| n == name));
    let dangling = |i: &Interface| {
        i.profile
            .as_ref()
            .is_some_and(|(n, _)| !config.profiles.contains_key(n))
    };
    let lossless = profile.lossless();
    if let Some(at) = profile.at.filter(|_| !bound && lossless != 0)
        && !config.interfaces.iter().any(dangling)
    {
        let cause = format!(
            "qos profile {name} keeps priorities lossless, and no port has it: it does nothing."
        );
        let cure = format!("Bind it to the ports: `service-profile {name}`.");
        found.push(Remark::new(RemarkKind::NotBound, at, cause, cure).of_priorities(lossless));
        return;
    }
    halves(profile, None, found);
    if bound {
        inert(config, profile, found);
    }
    let shares = profile
        .queues
        .iter()
        .filter(|q| q.strict.is_none_or(|(strict, _)| !strict));
    let shares: Vec<(u32, Span)> = shares.filter_map(|q| q.percent).collect();
    let sum: u32 = shares.iter().map(|(n, _)| n).sum();
    if let Some(at) = profile.at.filter(|_| sum > 100) {
        let cause = format!(
            "The shares of qos profile {name} add up to {sum} %: EOS scales them down, to other shares than these."
        );
        let mut remark = Remark::new(
            RemarkKind::Sum,
            at,
            cause,
            "Correct the shares so that they add up to 100.",
        );
        remark.related = shares.into_iter().map(|(_, at)| at).collect();
        found.push(remark);
    }
}

/// `priority-flow-control on` and `… priority 3 no-drop` are nothing without each other.
fn halves(settings: &Settings, port: Option<&str>, found: &mut Vec<Remark>) {
    let lossless = settings.lossless();
    let remark = match (settings.pfc, lossless) {
        (Some((true, at)), 0) => {
            let cause = "PFC is on, and no priority is no-drop: it protects nothing.";
            let cure = "Add the priority of RDMA: `priority-flow-control priority 3 no-drop`.";
            // Of a port whose profile has priorities, this is not the reason.
            Remark::new(RemarkKind::Prerequisite, at, cause, cure).of_priorities(0xff)
        }
        (None, 1..) => {
            let first = settings
                .no_drop
                .iter()
                .flatten()
                .find(|(no_drop, _)| *no_drop);
            let Some((_, at)) = first else { return };
            let cause = "A priority is no-drop, and PFC is not on: no pause is sent.";
            let cure = "Add `priority-flow-control on`.";
            Remark::new(RemarkKind::Prerequisite, *at, cause, cure).of_priorities(lossless)
        }
        _ => return,
    };
    found.push(match port {
        Some(port) => remark.on_port(port),
        None => remark,
    });
}

/// EOS watches only queues with guaranteed bandwidth.
fn inert(config: &Config, settings: &Settings, found: &mut Vec<Remark>) {
    let Some((true, at)) = settings.watchdog else {
        return;
    };
    for (n, _) in settings
        .no_drop
        .iter()
        .enumerate()
        .filter(|(_, said)| said.is_some_and(|(on, _)| on))
    {
        let mapped = config
            .queues
            .iter()
            .rev()
            .find(|(class, ..)| usize::from(*class) == n);
        let queue = mapped.map_or(n, |(_, queue, _)| usize::from(*queue)) & 7;
        let said = &settings.queues[queue];
        if said.guaranteed.is_some() {
            continue;
        }
        let cause = format!(
            "The watchdog watches queues with guaranteed bandwidth only, and tx-queue {queue}, the lossless one, has none: \
             `bandwidth percent` is not that."
        );
        let cure = format!("Add `bandwidth guaranteed 100` to tx-queue {queue}.");
        let mut remark = Remark::new(RemarkKind::WatchdogInert, at, cause, cure);
        remark.related.extend(said.at);
        found.push(remark);
        return;
    }
}

fn two_pauses(interface: &Interface, settings: &Settings, found: &mut Vec<Remark>) {
    let on = [interface.receive, interface.send]
        .into_iter()
        .flatten()
        .filter(|(on, _)| *on);
    let link: Vec<Span> = on.map(|(_, at)| at).collect();
    if let (Some((true, at)), Some(&first)) = (settings.pfc, link.first()) {
        let cause = "The port has pause of the whole link (`flowcontrol`) and PFC: with both, everything stops, or RDMA is lossy.";
        let cure = "Write `flowcontrol receive off` and `flowcontrol send off`.";
        let mut remark =
            Remark::new(RemarkKind::TwoKindsOfPause, first, cause, cure).on_port(&interface.name);
        remark.related.extend(link.iter().skip(1));
        found.push(remark.beside(at));
    }
}

/// Polling is to be at most half of the shorter time.
fn polling(config: &Config, found: &mut Vec<Remark>) {
    let all = config
        .profiles
        .values()
        .chain(config.interfaces.iter().map(|i| &i.own));
    let nothing = Settings::default();
    for settings in all.chain([&nothing]) {
        let times = times(settings, config);
        let Some((Some(poll), at)) = times.polling else {
            continue;
        };
        let shorter = [times.timeout, times.recovery]
            .into_iter()
            .flatten()
            .filter(|(t, _)| !t.is_zero())
            .min_by_key(|(t, _)| t.ps());
        let Some((time, other)) =
            shorter.filter(|(time, _)| poll.ps().saturating_mul(2) > time.ps())
        else {
            continue;
        };
        let cause = format!(
            "The watchdog is to poll every {} s, and its shorter time is {} s: EOS takes at most half of that instead.",
            seconds(poll),
            seconds(time)
        );
        let half = seconds(SimDuration::from_ps(time.ps() / 2));
        let cure = format!(
            "Write `priority-flow-control pause watchdog default polling-interval {half}`, or less."
        );
        found.push(Remark::new(RemarkKind::WatchdogTimes, at, cause, cure).beside(other));
    }
}

/// `0.2`.
pub(super) fn seconds(time: SimDuration) -> String {
    let micros = time.ps() / 1_000_000;
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
