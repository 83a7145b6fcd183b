//! Rules about one port: two kinds of pause, the default class, the watchdog, too many classes.

use super::{Context, listed};
use crate::device::{EIGHT, Kind, PfcMode, Port, Trust};
use crate::fabric::End;
use crate::found::{Claim, Collection, Found, port_name};
use crate::repair::Wish;
use xoff_checks::config::{C_04, C_15, C_16, C_18};
use xoff_checks::finding::Severity;
use xoff_checks::stuck::WD_05;

/// Lossless classes of a port above which their headroom is worth a note.
const MANY: u32 = 2;

pub(super) fn check(cx: &Context, found: &mut Collection) {
    for (node, device) in cx.fabric.devices() {
        for port in 0..device.ports.len() {
            let end = End { node, port };
            if cx.fabric.peer(end).is_some()
                || (device.kind == Kind::Switch && cx.fabric.links_of(node).is_empty())
            {
                two_pauses(cx, end, &device.ports[port], found);
            }
        }
    }
    let on = |end: &End| {
        let port = cx.fabric.port(*end);
        port.is_some_and(|p| p.qos.watchdog.on.is(&true))
    };
    let guarded = cx.switch_ends().iter().any(on);
    for end in cx.switch_ends() {
        let Some(port) = cx
            .fabric
            .port(end)
            .filter(|p| !p.qos.pfc.mode.is(&PfcMode::Off))
        else {
            continue;
        };
        default_class(cx, end, port, found);
        many(cx, end, port, found);
        watchdog(cx, end, port, guarded, found);
    }
}

fn two_pauses(cx: &Context, end: End, port: &Port, found: &mut Collection) {
    let said = |f: &crate::fact::Fact<bool>| f.is(&true) && f.is_stated();
    let both = said(&port.qos.pause_rx) || said(&port.qos.pause_tx);
    let any = port
        .qos
        .pfc
        .send
        .iter()
        .chain(&port.qos.pfc.obey)
        .any(|f| f.is(&true));
    if !both
        || port.qos.pfc.mode.is(&PfcMode::Off)
        || !any
        || found.has(&C_18, end.node, Some(&port.name))
    {
        return;
    }
    let cause = "The port has pause of the whole link (802.3x) and PFC: they exclude each other, and which of them works \
                 is the device's choice. With 802.3x everything stops, and with neither RDMA is lossy.";
    let one = Found::error(&C_18, end.node, cause, "Turn 802.3x off on ports with PFC.")
        .claims(Claim::Drops);
    let one = one
        .port(&port.name)
        .at(port.qos.pause_rx.span())
        .at(port.qos.pause_tx.span());
    found.push(
        cx.fabric,
        one.wish(Wish::NoLinkPause {
            port: port.name.clone(),
        }),
    );
}

fn default_class(cx: &Context, end: End, port: &Port, found: &mut Collection) {
    let (class, at) = match port.qos.trust.value() {
        Some(Trust::Dscp) => (port.qos.dscp[0].value(), port.qos.dscp[0].span()),
        Some(Trust::Pcp) => (port.qos.pcp[0].value(), port.qos.pcp[0].span()),
        _ => (
            port.qos.default_class.value(),
            port.qos.default_class.span(),
        ),
    };
    let Some(class) = class else { return };
    let spec = &port.qos.classes[usize::from(class.min(7))];
    let sends = spec
        .pause
        .value()
        .is_some_and(|p| port.qos.pfc.send[usize::from(p.min(7))].is(&true));
    if !(spec.no_drop.is(&true) && sends) {
        return;
    }
    let cause = format!(
        "Class {class} is lossless, and unmarked traffic is in it: broadcast, management and everything else pause with \
         RDMA."
    );
    let cure = "Give RDMA a class of its own, and leave PFC off for the default class.";
    let one = Found::warning(&C_16, end.node, cause, cure).port(port_name(cx.fabric, end));
    found.push(cx.fabric, one.at(at).at(spec.no_drop.span()));
}

fn many(cx: &Context, end: End, port: &Port, found: &mut Collection) {
    let mask = cx.meant(end);
    if mask.count_ones() <= MANY || found.has(&C_04, end.node, None) {
        return;
    }
    let cause = format!(
        "Classes {} are lossless: each needs headroom on every port.",
        listed(mask)
    );
    let one = Found::new(
        &C_04,
        Severity::Note,
        end.node,
        cause,
        "Use one lossless class, two at most.",
    );
    let at = port
        .qos
        .classes
        .iter()
        .take(EIGHT)
        .find_map(|c| c.no_drop.span());
    found.push(cx.fabric, one.port(port_name(cx.fabric, end)).at(at));
}

const UNGUARDED: &str =
    "No PFC watchdog guards the lossless class: a NIC that pauses for ever stops all behind it.";

fn watchdog(cx: &Context, end: End, port: &Port, guarded: bool, found: &mut Collection) {
    let watchdog = &port.qos.watchdog;
    let name = port_name(cx.fabric, end);
    let lossless = cx.classes_in(end) & cx.meant(end) != 0;
    if watchdog.on.is(&false) && lossless {
        let told = |f: &&Found| f.check == &C_15 && f.node == end.node && f.cause != UNGUARDED;
        if found.iter().any(|f| told(&f)) {
            return;
        }
        // Where others have one, it was forgotten here.
        let severity = match guarded {
            true => Severity::Warning,
            false => Severity::Note,
        };
        let cure = "Enable the watchdog, and let it drop.";
        let one = Found::new(&C_15, severity, end.node, UNGUARDED, cure).port(&name);
        let one = one
            .at(watchdog.on.span())
            .wish(Wish::Watchdog { port: name });
        found.push(cx.fabric, one);
        return;
    }
    let (Some(poll), true) = (watchdog.poll.value(), watchdog.on.is(&true)) else {
        return;
    };
    let times = [
        ("detection", &watchdog.detect),
        ("restoration", &watchdog.restore),
    ];
    for (what, fact) in times {
        let Some(time) = fact.value().filter(|&time| time < poll && !time.is_zero()) else {
            continue;
        };
        if found.has(&WD_05, end.node, None) {
            return;
        }
        let ms = |t: xoff_model::time::SimDuration| t.ps() / 1_000_000_000;
        let cause = format!(
            "The watchdog polls every {} ms, and its {what} time is {} ms: it cannot be kept.",
            ms(poll),
            ms(time)
        );
        let one = Found::warning(
            &WD_05,
            end.node,
            cause,
            "Poll at least twice within the shorter of its times.",
        );
        let one = one
            .port(name.clone())
            .at(watchdog.poll.span())
            .at(fact.span());
        found.push(
            cx.fabric,
            one.wish(Wish::WatchdogPoll {
                micros: time.ps() / 2_000_000,
            }),
        );
    }
}
