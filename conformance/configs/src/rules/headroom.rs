//! P-12: what is under way when pause is sent fits.

use super::Context;
use crate::device::{PfcMode, Port};
use crate::fabric::{End, Link};
use crate::found::{Claim, Collection, Found, port_name};
use crate::repair::Wish;
use xoff_checks::pause::P_12;
use xoff_model::headroom::{Input, Profile, calculate};
use xoff_model::units::Length;

pub(super) fn check(cx: &Context, found: &mut Collection) {
    for end in cx.switch_ends() {
        let Some(port) = cx
            .fabric
            .port(end)
            .filter(|p| !p.qos.pfc.mode.is(&PfcMode::Off))
        else {
            continue;
        };
        let link = cx.fabric.peer(end).map(|(link, _)| link);
        for class in 0..8_u8 {
            let spec = &port.qos.classes[usize::from(class)];
            let sends = spec
                .pause
                .value()
                .is_some_and(|p| port.qos.pfc.send[usize::from(p.min(7))].is(&true));
            // A class that is lossy is told as such.
            if sends
                && !spec.no_drop.is(&false)
                && (cx.classes_in(end) | cx.meant(end)) & 1 << class != 0
            {
                group(cx, end, port, link, class, found);
            }
        }
    }
}

fn group(
    cx: &Context,
    end: End,
    port: &Port,
    link: Option<&Link>,
    class: u8,
    found: &mut Collection,
) {
    let spec = &port.qos.classes[usize::from(class)];
    let Some(number) = spec.group.value() else {
        return;
    };
    let group = &port.qos.groups[usize::from(number.min(7))];
    let priority = spec.pause.value().unwrap_or(class);
    let name = port_name(cx.fabric, end);
    let rate = link.and_then(|l| l.rate).or_else(|| port.speed.value());
    let cable = link.and_then(|l| l.cable).or_else(|| port.cable.value());
    let need = rate.and_then(|rate| {
        let input = Input::roce(rate, cable.unwrap_or(Length(1)), 4096);
        calculate(Profile::Xoff, &input).ok().map(|b| b.total.0)
    });
    let (cause, at) = match (group.lossless.value(), group.headroom.value(), need) {
        (Some(false), ..) | (_, Some(0), _) => (
            format!(
                "PFC is on for priority {priority}, and its priority group {number} has no headroom: frames that are under \
                 way when pause is sent are dropped, or no pause is sent at all."
            ),
            group.lossless.span().or_else(|| group.headroom.span()),
        ),
        (_, Some(bytes), Some(need)) if bytes < need => {
            let (rate, length) = (
                rate.map_or(0, |r| r.bps() / 1_000_000_000),
                cable.map(|c| c.0 / 1000),
            );
            let length = length.map_or("even the shortest cable".to_owned(), |m| {
                format!("{m} m of cable")
            });
            (
                format!(
                    "The headroom of priority group {number} is {bytes} bytes, and {rate} Gb/s with {length} and packets of \
                     4096 bytes need {need}: what is under way when pause is sent is dropped."
                ),
                group.headroom.span(),
            )
        }
        _ => return,
    };
    let cure = match need {
        Some(need) => {
            format!("Give the group {need} bytes above XOFF (`xoff headroom` shows every term).")
        }
        None => "Give the group the headroom that `xoff headroom` calculates for rate and cable."
            .to_owned(),
    };
    let mut one = Found::error(&P_12, end.node, cause, cure)
        .port(&name)
        .claims(Claim::Drops);
    one = one
        .at(at)
        .at(port.cable.span())
        .at(port.qos.pfc.send[usize::from(priority.min(7))].span())
        .at(port.at);
    if let Some(bytes) = need {
        one = one.wish(Wish::Headroom {
            port: name,
            group: number,
            bytes,
        });
    }
    found.push(cx.fabric, one);
}
