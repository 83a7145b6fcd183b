//! Pause frames: their form, and what hosts do when they get them. Classes are told by the PCP of
//! frames, so that experiments have tags.

use crate::facts::{Facts, Seen};
use crate::judges::Judged;
use crate::judges::view::FCS;
use xoff_model::PRIORITIES;
use xoff_wire::dissect::{Body, ethertype};
use xoff_wire::ethernet::{GAP, PREAMBLE};
use xoff_wire::mac_control::{FRAME_LEN, Irregularity, Repr};

/// Preamble, FCS and the gap between frames, which no capture has.
const AROUND: u64 = (PREAMBLE + FCS + GAP) as u64;
/// Bits of a pause quantum.
const QUANTUM: u64 = 512;
/// Longest that IEEE 802.3 (31B.3.7) lets a port take to obey, in quanta, at 10 Gbit/s.
const RESPONSE: u64 = 60;
/// For how long frames are looked for after a pause frame that must be ignored, ns.
const WINDOW: u64 = 50_000;

fn pause(seen: &Seen<'_>) -> Option<Repr> {
    match seen.frame.body {
        Body::Pause(repr) => Some(repr),
        _ => None,
    }
}

/// Without FCS, which some capture with the rest.
fn length(seen: &Seen<'_>) -> u32 {
    let len = seen.bytes.len() + seen.cut as usize;
    let len = if len == FRAME_LEN + FCS {
        FRAME_LEN
    } else {
        len
    };
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// P-01.
pub(super) fn form(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    let wanted = [
        (
            Irregularity::Destination,
            "is not sent to 01-80-c2-00-00-01",
        ),
        (Irregularity::Tagged, "has a VLAN tag"),
        (Irregularity::Length, "is not 60 bytes long without FCS"),
        (Irregularity::ZeroSource, "has no source address"),
        (Irregularity::GroupSource, "has a group as its source"),
        (Irregularity::Opcode, "has an unknown opcode"),
    ];
    for seen in &facts.seen {
        let Some(repr) = pause(seen) else {
            continue;
        };
        judged.saw();
        let len = length(seen);
        for (irregularity, what) in wanted {
            if irregularity.applies(&seen.frame.ethernet, &repr, len) {
                judged.fault(format!("a pause frame {what}"), &[seen.number]);
            }
        }
    }
    judged
}

/// P-02. A time of a class that is not enabled is to be ignored, and so is a vector that enables
/// none: neither is forbidden.
pub(super) fn class_vector(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for seen in &facts.seen {
        let Some(Repr::Pfc { enable, .. }) = pause(seen) else {
            continue;
        };
        judged.expect(enable >> 8 == 0, &[seen.number], || {
            format!("the class-enable vector is {enable:#06x}: only eight classes exist")
        });
    }
    judged
}

/// P-16: frames that stop a priority or let it go, as mlx5 counts them.
pub(super) fn counted(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    let lists = |seen: &Seen<'_>, class: usize| match pause(seen) {
        Some(Repr::Pfc { enable, .. }) => enable >> class & 1 == 1,
        _ => false,
    };
    for (host, counters) in facts.evidence.counters.iter().enumerate() {
        for (out, way) in [(false, "rx"), (true, "tx")] {
            for class in 0..PRIORITIES {
                let name = format!("{way}_prio{class}_pause");
                let Some(found) = counters.get(&name).copied() else {
                    continue;
                };
                let passed = facts.seen.iter().filter(|s| s.host == host && s.out == out);
                let wanted = passed.filter(|seen| lists(seen, class)).count() as u64;
                judged.stimuli += u64::from(wanted > 0);
                if found != wanted {
                    let what = format!("h{host}: {name} is {found}, and the wire has {wanted}");
                    judged.fault(what, &[]);
                }
            }
        }
    }
    judged
}

/// How a pause ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Expiry,
    Resume,
}

/// A class of a host was to be silent.
#[derive(Clone, Copy, Debug)]
struct Period {
    host: usize,
    class: usize,
    from: u64,
    to: u64,
    /// The frame that began it, and the last that changed it.
    frames: [u64; 2],
    end: End,
}

/// Rate of a host's link, bit/s: the nearest that two frames of one size follow each other.
fn rate(facts: &Facts<'_>, host: usize) -> Option<u64> {
    let one_way = |out: bool| {
        let passed = facts.seen.iter().filter(|s| s.host == host && s.out == out);
        let passed: Vec<(u64, usize)> = passed.map(|s| (s.at_ns, s.bytes.len())).collect();
        let gaps = passed.windows(2).filter(|p| p[0].1 == p[1].1);
        let rates = gaps.filter_map(|p| {
            let bits = (p[0].1 as u64 + AROUND) * 8;
            (bits * 1_000_000_000).checked_div(p[1].0.saturating_sub(p[0].0))
        });
        rates.max()
    };
    one_way(true).max(one_way(false))
}

/// Of a host: how long a quantum lasts, how long it may take to obey, and its longest frame, ns.
#[derive(Clone, Copy, Debug)]
struct Clock {
    rate: u64,
    response: u64,
    frame: u64,
}

impl Clock {
    fn of(facts: &Facts<'_>, host: usize) -> Option<Clock> {
        let rate = rate(facts, host).filter(|rate| *rate > 0)?;
        let here = facts.seen.iter().filter(|s| s.host == host);
        let longest = here.map(|s| s.bytes.len() as u64).max()?;
        let span = |bits: u64| (bits * 1_000_000_000).div_ceil(rate);
        Some(Clock {
            rate,
            response: span(RESPONSE * QUANTUM),
            frame: span((longest + AROUND) * 8),
        })
    }

    fn quanta(&self, quanta: u16) -> u64 {
        u64::from(quanta) * QUANTUM * 1_000_000_000 / self.rate
    }
}

fn hosts(facts: &Facts<'_>) -> impl Iterator<Item = usize> {
    0..facts
        .seen
        .iter()
        .map(|seen| seen.host + 1)
        .max()
        .unwrap_or(0)
}

/// Pauses that a host was told by PFC.
fn periods(facts: &Facts<'_>, host: usize, clock: &Clock) -> Vec<Period> {
    let mut periods: Vec<Period> = Vec::new();
    let mut open = [None::<usize>; PRIORITIES];
    for seen in facts.seen.iter().filter(|s| s.host == host && !s.out) {
        let Some(repr @ Repr::Pfc { .. }) = pause(seen) else {
            continue;
        };
        for (class, time) in repr.times().into_iter().enumerate() {
            let Some(time) = time else {
                continue;
            };
            let last = open[class].and_then(|index| periods.get_mut(index));
            let last = last.filter(|period| period.to > seen.at_ns);
            match (time, last) {
                (0, Some(period)) => {
                    (period.to, period.end) = (seen.at_ns, End::Resume);
                    period.frames[1] = seen.number;
                    open[class] = None;
                }
                (0, None) => {}
                (time, Some(period)) => {
                    period.to = seen.at_ns.saturating_add(clock.quanta(time));
                    period.frames[1] = seen.number;
                }
                (time, None) => {
                    open[class] = Some(periods.len());
                    periods.push(Period {
                        host,
                        class,
                        from: seen.at_ns,
                        to: seen.at_ns.saturating_add(clock.quanta(time)),
                        frames: [seen.number; 2],
                        end: End::Expiry,
                    });
                }
            }
        }
    }
    periods
}

/// Tagged frames that a host sends, or that reach it, with their class.
fn tagged(facts: &Facts<'_>, host: usize, out: bool) -> Vec<(u64, usize, u64)> {
    let here = facts.seen.iter().filter(|s| s.host == host && s.out == out);
    here.filter_map(|s| Some((s.at_ns, usize::from(s.frame.ethernet.pcp()?), s.number)))
        .collect()
}

/// Asks about every pause of every host that is long enough to be seen.
fn each_period(facts: &Facts<'_>, mut ask: impl FnMut(&Period, &Clock, &[(u64, usize, u64)])) {
    for host in hosts(facts) {
        let Some(clock) = Clock::of(facts, host) else {
            continue;
        };
        let sent = tagged(facts, host, true);
        for period in periods(facts, host, &clock) {
            if period.to.saturating_sub(period.from) > 2 * (clock.response + clock.frame) {
                ask(&period, &clock, &sent);
            }
        }
    }
}

/// P-03.
pub(super) fn only_listed(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    let (mut others, mut quiet) = (0_u64, Vec::new());
    each_period(facts, |period, clock, sent| {
        judged.saw();
        let begun = period.from.saturating_add(clock.response + clock.frame);
        let within = |at: u64| at > begun && at.saturating_add(clock.frame) < period.to;
        let during = sent.iter().filter(|(at, _, _)| within(*at));
        let (mine, other): (Vec<_>, Vec<_>) = during.partition(|(_, c, _)| *c == period.class);
        if let Some((_, class, frame)) = mine.first() {
            let what = format!("h{} sends class {class} while it is paused", period.host);
            judged.fault(what, &[period.frames[0], *frame]);
        }
        let later = sent
            .iter()
            .any(|(at, c, _)| *at > period.to && *c != period.class);
        others += other.len() as u64;
        if other.is_empty() && later {
            quiet.push(*period);
        }
    });
    if others == 0
        && let Some(period) = quiet.first()
    {
        let (host, class) = (period.host, period.class);
        let what = format!("h{host} sends nothing at all while only class {class} is paused");
        judged.fault(what, &period.frames);
    }
    judged
}

/// P-04: pauses that nobody ends last for their quanta.
pub(super) fn duration(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    each_period(facts, |period, clock, sent| {
        let begun = period.from.saturating_add(clock.response + clock.frame);
        let mine = |(at, class, _): &&(u64, usize, u64)| *class == period.class && *at > begun;
        let next = sent.iter().find(mine);
        if let Some((at, _, frame)) = next.filter(|_| period.end == End::Expiry) {
            let lasted = at.saturating_sub(period.from);
            let told = period.to.saturating_sub(period.from);
            let least = told.saturating_sub(clock.frame);
            let most = told + clock.response + clock.frame;
            judged.expect(
                (least..=most).contains(&lasted),
                &[period.frames[1], *frame],
                || {
                    let (host, class) = (period.host, period.class);
                    format!("h{host}: class {class} is silent for {lasted} ns, and was told {told}")
                },
            );
        }
    });
    judged
}

/// P-05: silence ends with its pause.
pub(super) fn resumption(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    each_period(facts, |period, clock, sent| {
        let mine = |(_, class, _): &&(u64, usize, u64)| *class == period.class;
        let had = sent.iter().filter(mine).any(|(at, _, _)| *at < period.from);
        let next = sent
            .iter()
            .filter(mine)
            .find(|(at, _, _)| *at >= period.to.saturating_sub(clock.frame));
        if !had {
            return;
        }
        let late = match next {
            Some((at, _, _)) => at.saturating_sub(period.to) > clock.response + clock.frame,
            None => unfinished(facts, period.host),
        };
        judged.expect(!late, &period.frames, || {
            let (host, class) = (period.host, period.class);
            let how = match period.end {
                End::Expiry => "has expired",
                End::Resume => "was withdrawn",
            };
            format!("h{host}: class {class} stays silent though its pause {how}")
        });
    });
    judged
}

/// Whether a host has work that is not done.
fn unfinished(facts: &Facts<'_>, host: usize) -> bool {
    let flows = facts.evidence.flows.iter();
    let mut mine = flows.filter(|flow| flow.requester == host);
    mine.any(|flow| (flow.completions.len() as u64) < flow.messages)
}

/// That a port goes on sending after frames that are no pause for it: a host's after those that
/// reach it, the switch's after those that the host sends.
fn ignored(facts: &Facts<'_>, what: &str, void: impl Fn(&Seen<'_>) -> bool) -> Judged {
    let mut judged = Judged::default();
    for pause in facts.seen.iter().filter(|seen| void(seen)) {
        let (host, port) = (pause.host, if pause.out { "the port to h" } else { "h" });
        let Some(clock) = Clock::of(facts, host) else {
            continue;
        };
        let passed = tagged(facts, host, !pause.out);
        let from = pause.at_ns.saturating_add(clock.response + clock.frame);
        let to = pause.at_ns.saturating_add(WINDOW);
        for class in 0..PRIORITIES {
            let mine = || passed.iter().filter(|(_, c, _)| *c == class);
            let before = mine()
                .any(|(at, _, _)| (pause.at_ns.saturating_sub(WINDOW)..pause.at_ns).contains(at));
            let after = mine().any(|(at, _, _)| *at > to);
            if before && after {
                let during = mine().any(|(at, _, _)| (from..to).contains(at));
                judged.expect(during, &[pause.number], || {
                    format!("{port}{host} stops class {class} for {what}")
                });
            }
        }
    }
    judged
}

/// P-06.
pub(super) fn global(facts: &Facts<'_>) -> Judged {
    ignored(facts, "an 802.3x pause, where PFC is on", |seen| {
        matches!(pause(seen), Some(Repr::Pause { quanta: 1.. }))
    })
}

/// P-07.
pub(super) fn empty_vector(facts: &Facts<'_>) -> Judged {
    ignored(
        facts,
        "a PFC frame that lists none",
        |seen| matches!(pause(seen), Some(Repr::Pfc { enable, .. }) if enable & 0xff == 0),
    )
}

/// P-08.
pub(super) fn malformed(facts: &Facts<'_>) -> Judged {
    ignored(facts, "a malformed pause frame", |seen| {
        let cut = seen.frame.ethernet.ethertype == ethertype::MAC_CONTROL;
        match seen.frame.body {
            Body::Malformed(_) => cut,
            _ => matches!(pause(seen), Some(Repr::Unknown { .. })),
        }
    })
}
