//! Lines that profiles and interfaces have in common.

use super::config::{Curve, Queue, Rate, Said, Settings, Trusts, Unit};
use crate::console::Command;
use crate::remark::{Remark, RemarkKind};
use xoff_model::time::SimDuration;
use xoff_model::units::BitRate;

/// What became of a line.
pub(super) enum Outcome {
    Done,
    /// About QoS, and not known.
    Strange(String),
    /// EOS refuses it.
    Refused(Box<Remark>),
    /// None of this block.
    Not,
}

/// A value that EOS refuses.
pub(super) fn bad(c: &Command, why: &str, cure: &str, priorities: u8) -> Outcome {
    let cause = format!("`{}` is refused: {why}.", c.rest(0).join(" "));
    let remark = Remark::new(RemarkKind::BadValue, c.at, cause, cure);
    Outcome::Refused(Box::new(remark.of_priorities(priorities)))
}

/// Seconds with a fraction, at most a day.
pub(super) fn seconds(text: &str) -> Option<SimDuration> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.chars().all(|c| c.is_ascii_digit());
    if text.is_empty() || whole.len() > 5 || part.len() > 6 || !digits(whole) || !digits(part) {
        return None;
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let micros: u64 = format!("{part:0<6}").parse().ok()?;
    Some(SimDuration::from_us(whole * 1_000_000 + micros))
}

/// `queue`: the queue that the line is about, if it is in such a block; None in it: one of multicast.
pub(super) fn line(to: &mut Settings, c: &Command, queue: Option<Option<usize>>) -> Outcome {
    if let Some(queue) = queue {
        let outcome = match queue {
            Some(n) => queue_line(&mut to.queues[n], c),
            None => queue_line(&mut Queue::default(), c),
        };
        if !matches!(outcome, Outcome::Not) {
            return outcome;
        }
    }
    match (c.word(0), c.word(1)) {
        ("qos", "trust") => {
            let trusts = match c.word(2) {
                _ if c.no => Trusts::Nothing,
                "cos" => Trusts::Cos,
                "dscp" => Trusts::Dscp,
                _ => {
                    return bad(
                        c,
                        "a port trusts cos or dscp",
                        "Write `qos trust dscp`.",
                        0xff,
                    );
                }
            };
            to.trust = Some((trusts, c.at));
        }
        ("qos", "cos") => match c.word(2).parse::<u8>() {
            Ok(n) if n < 8 => to.cos = (!c.no).then_some((n, c.at)),
            _ if c.no => to.cos = None,
            _ => return bad(c, "a CoS is 0 to 7", "Correct the value.", 0),
        },
        ("qos", "dscp") => match crate::text::dscp(c.word(2)) {
            Some(n) => to.dscp = (!c.no).then_some((n, c.at)),
            _ if c.no => to.dscp = None,
            _ => return bad(c, "a DSCP is 0 to 63", "Correct the value.", 0),
        },
        ("service-policy", "type") if c.word(2) == "qos" => {
            let input = c.word(3) == "input";
            if input {
                to.policy = (!c.no).then(|| (c.word(4).to_owned(), c.at));
            }
        }
        ("shape", "rate") => to.shape = rate(c, 2).map(|rate| (rate, c.at)),
        ("priority-flow-control", _) => return pfc(to, c),
        _ => return Outcome::Not,
    }
    Outcome::Done
}

fn pfc(to: &mut Settings, c: &Command) -> Outcome {
    match (c.word(1), c.word(2)) {
        ("on", _) | ("mode", "on") => to.pfc = Some((!c.no, c.at)),
        ("off", _) | ("mode", "off") => to.pfc = Some((c.no, c.at)),
        ("mode", _) | ("", _) if c.no => to.pfc = Some((false, c.at)),
        ("priority", n) => match n.parse::<usize>() {
            Ok(n) if n < 8 && (c.no || matches!(c.word(3), "drop" | "no-drop")) => {
                to.no_drop[n] = Some((c.word(3) == "no-drop" && !c.no, c.at));
            }
            _ if c.no => {}
            _ => {
                return bad(
                    c,
                    "it is a priority from 0 to 7, and drop or no-drop",
                    "Write `priority-flow-control priority 3 no-drop`.",
                    0xff,
                );
            }
        },
        ("pause", "watchdog") => return watchdog(to, c),
        _ => {
            let cause = format!("EOS has no such statement as `{}`.", c.rest(0).join(" "));
            let cure =
                "Write `priority-flow-control on` and `priority-flow-control priority 3 no-drop`.";
            let remark = Remark::new(RemarkKind::NoSuchStatement, c.at, cause, cure);
            // One about the watchdog was not meant to make anything lossless.
            let watchdog = c.word(1) == "watchdog";
            return Outcome::Refused(Box::new(remark.of_priorities(if watchdog {
                0
            } else {
                0xff
            })));
        }
    }
    Outcome::Done
}

/// `priority-flow-control pause watchdog [port …]`.
fn watchdog(to: &mut Settings, c: &Command) -> Outcome {
    match (c.word(3), c.word(4)) {
        ("", _) | ("disable", _) => {
            let on = !c.no && c.word(3).is_empty();
            to.watchdog = Some((on, c.at));
        }
        ("port", "action") | ("action", _) => {
            to.drops = Some((c.rest(4).contains(&"drop") && !c.no, c.at));
        }
        ("port", "timer") | ("timer", _) => {
            let time = |name: &str| c.value(name).and_then(seconds).map(|time| (time, c.at));
            to.times.timeout = time("timeout");
            to.times.recovery = time("recovery-time");
            to.times.polling = c.value("polling-interval").map(|v| (seconds(v), c.at));
        }
        // The times of the switch belong at the top.
        ("default" | "override", _) => return Outcome::Not,
        _ => return Outcome::Strange("its form is not known".to_owned()),
    }
    Outcome::Done
}

fn queue_line(queue: &mut Queue, c: &Command) -> Outcome {
    let number = |n: usize| c.word(n).parse::<u32>().ok();
    match (c.word(0), c.word(1)) {
        ("priority", "strict") => queue.strict = Some((!c.no, c.at)),
        ("priority", "") if c.no => queue.strict = Some((false, c.at)),
        ("bandwidth", "percent") => match number(2) {
            Some(n) if n <= 100 => queue.percent = (!c.no).then_some((n, c.at)),
            _ if c.no => queue.percent = None,
            _ => return bad(c, "a share is 1 to 100 percent", "Correct the share.", 0),
        },
        ("bandwidth", "guaranteed") => queue.guaranteed = (!c.no).then_some(((), c.at)),
        ("shape", "rate") => queue.shape = rate(c, 2).map(|rate| (rate, c.at)),
        ("random-detect", "ecn") => match c.word(2) {
            "count" | "delay" => {}
            _ if c.no => queue.ecn = None,
            _ => return curve(&mut queue.ecn, c),
        },
        ("random-detect", "drop") => match c.no {
            true => queue.drop = None,
            false => return curve(&mut queue.drop, c),
        },
        ("latency" | "scheduler" | "buffer" | "drop", _) => {
            return Outcome::Strange("its form is not known".to_owned());
        }
        _ => return Outcome::Not,
    }
    Outcome::Done
}

/// `shape rate 40 percent`, `shape rate 10000000` (kbit/s).
fn rate(c: &Command, at: usize) -> Option<Rate> {
    let number: u64 = c.word(at).parse().ok()?;
    match c.word(at + 1) {
        "percent" => u32::try_from(number).ok().map(Rate::Percent),
        "" | "kbps" => Some(Rate::Bits(BitRate::from_bps(number.checked_mul(1_000)?))),
        "mbps" => Some(Rate::Bits(BitRate::from_bps(
            number.checked_mul(1_000_000)?,
        ))),
        "gbps" => Some(Rate::Bits(BitRate::from_bps(
            number.checked_mul(1_000_000_000)?,
        ))),
        _ => None,
    }
}

/// `random-detect ecn minimum-threshold 256 kbytes maximum-threshold 512 kbytes max-mark-probability 100`.
fn curve(place: &mut Said<Curve>, c: &Command) -> Outcome {
    let number = |name: &str| c.value(name).and_then(|v| v.parse::<u64>().ok());
    let unit = |name: &str| {
        let at = c.words.iter().position(|w| w == name)?;
        match c.word(at + 2) {
            "bytes" => Some(Unit::Bytes),
            "kbytes" => Some(Unit::Kilobytes),
            "mbytes" => Some(Unit::Megabytes),
            "segments" => Some(Unit::Segments),
            "microseconds" => Some(Unit::Microseconds),
            "milliseconds" => Some(Unit::Milliseconds),
            _ => None,
        }
    };
    let percent = number("max-mark-probability").or_else(|| number("drop-probability"));
    let min = number("minimum-threshold");
    let units = (unit("minimum-threshold"), unit("maximum-threshold"));
    let (Some(_), (Some(low), Some(high))) = (min, units) else {
        return Outcome::Strange("its thresholds have no unit that is known".to_owned());
    };
    if low != high {
        return bad(
            c,
            "both thresholds have one unit",
            "Give both in kbytes.",
            0,
        );
    }
    let curve = Curve {
        min,
        max: number("maximum-threshold"),
        unit: low,
        percent: percent.and_then(|p| u32::try_from(p).ok()),
        precedence: number("drop-precedence").and_then(|n| u8::try_from(n).ok()),
    };
    *place = Some((curve, c.at));
    Outcome::Done
}
