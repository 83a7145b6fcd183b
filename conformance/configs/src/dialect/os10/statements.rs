//! What interfaces and `system qos` say.

use super::config::{Interface, Said};
use crate::console::Command;
use crate::device::DcbxVersion;
use crate::remark::{Remark, RemarkKind};
use xoff_model::units::BitRate;

/// What became of a line.
pub(super) enum Outcome {
    Done,
    /// About QoS, and not known.
    Strange(String),
    /// OS10 refuses it.
    Missing(Box<Remark>),
    /// None of this block.
    Not,
}

/// A statement that other devices have, or that only recipes have.
pub(super) fn missing(c: &Command, what: &str, cure: &str, priorities: u8) -> Outcome {
    let cause = format!(
        "OS10 has no such statement as `{}`: there is no {what}.",
        c.rest(0).join(" ")
    );
    let cause = cause.replace("no a ", "no ").replace("no the ", "no ");
    let remark = Remark::new(RemarkKind::NoSuchStatement, c.at, cause, cure);
    Outcome::Missing(Box::new(remark.of_priorities(priorities)))
}

/// A line of an interface, or of `system qos`. `began`: the line of the block's first.
pub(super) fn port(port: &mut Interface, c: &Command, began: u32) -> Outcome {
    let on = |c: &Command, n: usize| !c.no && c.word(n) != "off";
    match c.word(0) {
        "description" => {
            let text = c.rest(1).join(" ");
            port.description = (!c.no).then_some((text, c.at));
            return Outcome::Not;
        }
        "shutdown" => {
            port.shut = Some((!c.no, c.at));
            return Outcome::Not;
        }
        "switchport" => return switchport(port, c),
        "mtu" => match c.word(1).parse::<u32>() {
            Ok(mtu) if (1280..=9216).contains(&mtu) || (mtu > 9216 && mtu <= 9416) => {
                port.mtu = Some((mtu, c.at));
            }
            _ if c.no => port.mtu = None,
            _ => {
                let cause = format!(
                    "`{}` is refused: an MTU is 1280 to 9216 bytes.",
                    c.rest(0).join(" ")
                );
                let remark = Remark::new(RemarkKind::BadValue, c.at, cause, "Write `mtu 9216`.");
                return Outcome::Missing(Box::new(remark));
            }
        },
        "channel-group" => {
            port.member_of = (!c.no).then(|| (format!("port-channel{}", c.word(1)), c.at));
        }
        "speed" => {
            port.speed = speed(c.word(1)).map(|rate| (rate, c.at));
            return Outcome::Not;
        }
        "flowcontrol" => match c.word(1) {
            "receive" => return set(&mut port.receive, on(c, 2), c, began),
            "transmit" => return set(&mut port.transmit, on(c, 2), c, began),
            _ => return Outcome::Strange("it has no direction".to_owned()),
        },
        "priority-flow-control" => return pfc(port, c, began),
        "ets" => return set(&mut port.ets, on(c, 2), c, began),
        "service-policy" => return policy(port, c, began),
        "qos-map" | "trust-map" | "trust" | "wred-profile" => return maps(port, c, began),
        "random-detect" => {
            port.wred = (!c.no).then(|| {
                (
                    c.rest(1).last().copied().unwrap_or_default().to_owned(),
                    c.at,
                )
            });
        }
        "dcbx" => return dcbx(port, c),
        "lldp" if matches!(c.word(1), "transmit" | "receive" | "enable") => {
            port.dcbx = c.no.then_some((false, c.at));
        }
        "pfc-max-buffer-size"
        | "pfc-shared-buffer-size"
        | "pfc-shared-headroom-buffer-size"
        | "buffer-statistics-tracking" => {}
        word if word.contains("pfc-storm") || word.contains("pfc-watchdog") => {
            port.watchdog = Some((!c.no, c.at));
        }
        _ => return Outcome::Not,
    }
    Outcome::Done
}

/// Maps and profiles that are bound, in OS10's words or in those of recipes.
fn maps(port: &mut Interface, c: &Command, began: u32) -> Outcome {
    match c.word(0) {
        "qos-map" if c.word(1) == "traffic-class" => name(&mut port.queue_map, c.word(2), c, began),
        "qos-map" => {
            let cure =
                "Bind DSCPs by `trust-map dscp NAME`, and queues by `qos-map traffic-class NAME`.";
            missing(c, "binding of that kind", cure, 0xff)
        }
        "trust-map" => match c.word(1) {
            "dot1p" => name(&mut port.trust_dot1p, c.word(2), c, began),
            "dscp" => name(&mut port.trust_dscp, c.word(2), c, began),
            _ => Outcome::Strange("it is neither dot1p nor dscp".to_owned()),
        },
        "trust" => {
            let kind = if c.word(1).contains("dscp") {
                "dscp"
            } else {
                "dot1p"
            };
            let cure = format!(
                "Write `trust-map {kind} NAME`, with a `trust {kind}-map NAME` or `default`."
            );
            missing(
                c,
                "trust without a map, and the port honours no marking",
                &cure,
                0xff,
            )
        }
        _ => {
            let cure = "Write `random-detect NAME` in the class of the queue, in a policy-map of type queuing.";
            missing(c, "WRED of a queue on the port itself", cure, 0)
        }
    }
}

/// A setting that is said twice, differently, in one block, is told.
fn set<T: PartialEq>(place: &mut Said<T>, value: T, c: &Command, began: u32) -> Outcome {
    let before = place.replace((value, c.at));
    let Some((old, at)) = before.filter(|(_, at)| at.line > began) else {
        return Outcome::Done;
    };
    if place.as_ref().is_some_and(|(new, _)| *new == old) {
        return Outcome::Done;
    }
    let cause = format!(
        "`{}` says otherwise than line {} of the same block; the last one holds.",
        c.rest(0).join(" "),
        at.line
    );
    let remark = Remark::new(
        RemarkKind::Contradiction,
        c.at,
        cause,
        "Keep one of the two.",
    );
    Outcome::Missing(Box::new(remark.beside(at)))
}

fn name(place: &mut Said<String>, name: &str, c: &Command, began: u32) -> Outcome {
    if c.no {
        *place = None;
        return Outcome::Done;
    }
    if name.is_empty() {
        return Outcome::Strange("it names nothing".to_owned());
    }
    set(place, name.to_owned(), c, began)
}

/// `25000`, `25g`, `100GIGE`: megabits, or gigabits with a letter.
fn speed(text: &str) -> Option<BitRate> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    match (digits == text.len(), number) {
        (true, 1_000..=1_600_000) => Some(BitRate::from_bps(number * 1_000_000)),
        (false, 1..=1600) => Some(BitRate::from_gbps(number)),
        _ => None,
    }
}

fn switchport(port: &mut Interface, c: &Command) -> Outcome {
    match (c.word(1), c.word(2), c.word(3)) {
        ("", ..) => port.routed = Some((c.no, c.at)),
        ("mode", mode, _) => {
            port.trunk = Some((mode == "trunk" && !c.no, c.at));
            port.routed = None;
        }
        ("access", "vlan", id) => match id.parse::<u16>() {
            Ok(id) => port.access = Some((id, c.at)),
            Err(_) if c.no => port.access = None,
            Err(_) => return Outcome::Strange("it names no VLAN".to_owned()),
        },
        ("trunk", "allowed", "vlan") => {
            let text = c.rest(4).concat();
            let list = ranges(&text);
            match list {
                Some(list) if c.no => {
                    if let Some((all, _)) = &mut port.allowed {
                        all.retain(|range| !list.contains(range));
                    }
                }
                // It adds to what is there, on OS10.
                Some(list) => {
                    let mut all = port.allowed.take().map(|(all, _)| all).unwrap_or_default();
                    all.extend(list);
                    port.allowed = Some((all, c.at));
                }
                None => {
                    let cause = format!("`{}` is refused: it names no VLANs.", c.rest(0).join(" "));
                    let cure = "Name the VLANs: `switchport trunk allowed vlan 711`.";
                    let remark = Remark::new(RemarkKind::BadValue, c.at, cause, cure);
                    return Outcome::Missing(Box::new(remark));
                }
            }
        }
        ("trunk", "native", "vlan") => {
            let cure = format!(
                "Write `switchport access vlan {}`, which sets the untagged VLAN of a trunk.",
                c.word(4)
            );
            return missing(c, "native VLAN by that name", &cure, 0);
        }
        _ => return Outcome::Strange("its form is not known".to_owned()),
    }
    Outcome::Done
}

/// `711,713-715` as ranges.
fn ranges(text: &str) -> Option<Vec<(u16, u16)>> {
    let mut found = Vec::new();
    for part in text.split(',') {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let (low, high) = (low.parse::<u16>().ok()?, high.parse::<u16>().ok()?);
        if low > high || high > 4094 {
            return None;
        }
        found.push((low, high));
    }
    Some(found)
}

fn pfc(port: &mut Interface, c: &Command, began: u32) -> Outcome {
    match c.word(1) {
        "mode" => {
            let on = !c.no && c.word(2) != "off";
            if !matches!(c.word(2), "on" | "off") && !c.no {
                let cause = format!(
                    "`{}` is refused: the mode is on or off.",
                    c.rest(0).join(" ")
                );
                let remark = Remark::new(
                    RemarkKind::BadValue,
                    c.at,
                    cause,
                    "Write `priority-flow-control mode on`.",
                );
                return Outcome::Missing(Box::new(remark.of_priorities(0xff)));
            }
            set(&mut port.pfc, on, c, began)
        }
        "watchdog" => {
            port.watchdog = Some((!c.no && c.word(2) != "off", c.at));
            Outcome::Done
        }
        "" if c.no => {
            port.pfc = Some((false, c.at));
            Outcome::Done
        }
        word => {
            let priorities = match (word, c.word(2).parse::<u8>()) {
                ("priority", Ok(n)) if n < 8 => 1 << n,
                _ => 0xff,
            };
            let cure = "Name the priority in a policy-map of type network-qos (`pause` and `pfc-cos 3`), and apply it to the \
                        port.";
            missing(c, "PFC by priority on the port itself", cure, priorities)
        }
    }
}

fn policy(port: &mut Interface, c: &Command, began: u32) -> Outcome {
    let mut words = c.rest(1);
    let place = words.iter().position(|w| *w == "type");
    let kind = match place {
        Some(at) if at + 1 < words.len() => {
            let kind = words[at + 1].to_owned();
            words.drain(at..at + 2);
            kind
        }
        _ => "qos".to_owned(),
    };
    let direction = words.first().copied().unwrap_or_default().to_owned();
    if place == Some(0) {
        let cure = format!(
            "Write `service-policy {direction} type {kind} {}`.",
            words.get(1).copied().unwrap_or("NAME")
        );
        return missing(c, "policy in that order of words", &cure, 0xff);
    }
    let policy = words.get(1).copied().unwrap_or_default();
    match (kind.as_str(), direction.as_str()) {
        ("network-qos", "input") => name(&mut port.network_qos, policy, c, began),
        ("queuing", "output") => name(&mut port.queuing, policy, c, began),
        ("qos", "input") => name(&mut port.qos, policy, c, began),
        // Metering of what leaves; iSCSI's own.
        ("qos", "output") | ("application", _) | ("control-plane", _) => Outcome::Done,
        ("network-qos", "output") | ("queuing", "input") => {
            let right = if kind == "queuing" { "output" } else { "input" };
            let cause = format!(
                "`{}` is refused: policies of type {kind} are for {right}.",
                c.rest(0).join(" ")
            );
            let cure = format!("Write `service-policy {right} type {kind} {policy}`.");
            let remark = Remark::new(RemarkKind::BadValue, c.at, cause, cure);
            Outcome::Missing(Box::new(remark.of_priorities(0xff)))
        }
        _ => Outcome::Strange("its form is not known".to_owned()),
    }
}

fn dcbx(port: &mut Interface, c: &Command) -> Outcome {
    match c.word(1) {
        "version" => {
            let version = match c.word(2) {
                "ieee" => DcbxVersion::Ieee,
                "cee" => DcbxVersion::Cee,
                "auto" => DcbxVersion::Auto,
                _ if c.no => DcbxVersion::Auto,
                _ => return Outcome::Strange("the version is not known".to_owned()),
            };
            port.version = Some((version, c.at));
        }
        "enable" => port.dcbx = Some((!c.no, c.at)),
        "tlv-select" => {
            let all = c.word(2).is_empty() || c.rest(2).contains(&"pfc");
            port.dcbx = (c.no && all).then_some((false, c.at));
        }
        "port-role" => {
            let willing = c.word(2) == "auto-upstream";
            port.willing = Some((willing && !c.no, c.at));
        }
        _ => {
            let cure = "DCBX of all ports is `dcbx enable`; PFC does not need it.";
            return missing(c, "such option of DCBX", cure, 0xff);
        }
    }
    Outcome::Done
}
