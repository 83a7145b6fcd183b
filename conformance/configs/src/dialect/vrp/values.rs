//! What statements say, and how values are written.

use crate::source::Span;
use crate::text::{Word, numbers};
use xoff_model::units::BitRate;

/// A value and its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said<T> {
    pub(super) value: T,
    pub(super) at: Span,
}

pub(super) fn said<T>(value: T, at: Span) -> Option<Said<T>> {
    Some(Said { value, at })
}

/// A PFC profile.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub(super) at: Option<Span>,
    pub(super) priorities: Vec<Said<u8>>,
    /// `undo priority` without one: none is left.
    pub(super) emptied: Option<Span>,
    /// By priority: how many intervals until a deadlock is seen, and until it is over.
    pub(super) detect: Vec<Said<u64>>,
    pub(super) recover: Vec<Said<u64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Strict,
    Drr,
}

/// An ETS profile.
#[derive(Clone, Debug)]
pub(super) struct Ets {
    pub(super) at: Option<Span>,
    /// Group of each queue; 15 is strict.
    pub(super) group: [Option<Said<u8>>; 8],
    /// Weight of each group.
    pub(super) weight: [Option<Said<u32>>; 16],
    /// Weight within the group.
    pub(super) inner: [Option<u32>; 8],
}

/// A diffserv domain: where packets go that come in.
#[derive(Clone, Debug)]
pub(super) struct Domain {
    pub(super) dscp: [Option<Said<u8>>; 64],
    pub(super) pcp: [Option<Said<u8>>; 8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Levels {
    Bytes(u64, u64),
    Cells,
    Percent(u32, u32),
}

/// A drop profile.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Drops {
    pub(super) green: Option<(Levels, u32, Span)>,
    pub(super) ecn: Option<(Levels, u32, Span)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rate {
    Bits(BitRate),
    Percent(u32),
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Queue<'a> {
    pub(super) drops: Option<Said<&'a str>>,
    pub(super) ecn: Option<Span>,
    pub(super) service: Option<Said<Service>>,
    pub(super) weight: Option<Said<u32>>,
    pub(super) shaping: Option<Said<Rate>>,
    pub(super) headroom: Option<Said<u64>>,
    pub(super) guaranteed: Option<Said<u64>>,
    pub(super) xoff: Option<Said<u64>>,
    pub(super) xon_offset: Option<Said<u64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Dscp,
    Pcp,
}

/// A port.
#[derive(Clone, Debug)]
pub(super) struct Interface<'a> {
    pub(super) name: String,
    pub(super) at: Span,
    pub(super) description: Option<(String, Span)>,
    pub(super) shutdown: Option<Span>,
    pub(super) routed: Option<Span>,
    pub(super) link_type: Option<Said<&'a str>>,
    pub(super) pvid: Option<Said<u16>>,
    pub(super) allowed: Vec<(u16, u16)>,
    pub(super) allowed_at: Option<Span>,
    pub(super) untagged: Vec<(u16, u16)>,
    pub(super) mtu: Option<Said<u32>>,
    pub(super) jumbo: Option<Said<u32>>,
    pub(super) speed: Option<Said<BitRate>>,
    pub(super) trunk: Option<Said<String>>,
    pub(super) peer_link: Option<Span>,
    pub(super) trust: Option<Said<Field>>,
    pub(super) upstream: Option<Said<&'a str>>,
    pub(super) priority: Option<Said<u8>>,
    /// Profile, and whether its mode is auto.
    pub(super) pfc: Option<Said<(&'a str, bool)>>,
    pub(super) ets: Option<Said<&'a str>>,
    pub(super) queues: [Queue<'a>; 8],
    pub(super) pause_rx: Option<Said<bool>>,
    pub(super) pause_tx: Option<Said<bool>>,
    pub(super) dcbx: Option<Said<bool>>,
    pub(super) cee: Option<Span>,
    pub(super) policy: Option<Said<&'a str>>,
}

/// What a traffic policy finds its packets by.
#[derive(Clone, Debug, Default)]
pub(super) struct Matches {
    pub(super) dscp: Vec<u8>,
    pub(super) pcp: Vec<u8>,
    pub(super) any: bool,
    /// By something that is not followed.
    pub(super) other: bool,
}

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// No bearing.
    Other,
    Understood,
    Unknown(&'static str),
}

impl Profile {
    pub(super) fn new() -> Profile {
        Profile {
            at: None,
            priorities: Vec::new(),
            emptied: None,
            detect: Vec::new(),
            recover: Vec::new(),
        }
    }
}

impl Ets {
    pub(super) fn new() -> Ets {
        Ets {
            at: None,
            group: [None; 8],
            weight: [None; 16],
            inner: [None; 8],
        }
    }
}

impl Domain {
    pub(super) fn new() -> Domain {
        Domain {
            dscp: [None; 64],
            pcp: [None; 8],
        }
    }
}

/// Whether an interface has frames of its own.
pub(super) fn carries(name: &str) -> bool {
    let kind = by_name(name).is_some()
        || name.starts_with("Eth-Trunk")
        || name.contains("GigabitEthernet");
    kind && !name.contains('.')
}

/// The speed that the name of a port tells: 100GE1/0/1.
pub(super) fn by_name(name: &str) -> Option<BitRate> {
    let (number, rest) = name.split_once("GE")?;
    let clean = rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit());
    let gigabits = match number {
        "" => 1,
        "X" => 10,
        number => number.parse::<u64>().ok()?,
    };
    let known = matches!(gigabits, 1 | 10 | 25 | 40 | 50 | 100 | 200 | 400 | 800);
    (clean && known).then(|| BitRate::from_gbps(gigabits))
}

pub(super) fn queue_number(word: &str) -> Option<usize> {
    word.parse().ok().filter(|n| *n < 8)
}

/// `0 to 2 4 to 6`.
pub(super) fn queue_list(words: &[Word]) -> Vec<u8> {
    let mut found: Vec<u8> = Vec::new();
    let mut range = false;
    for word in words {
        match word.text.parse::<u8>() {
            Ok(n) if n < 8 => {
                if let Some(&low) = found.last().filter(|_| range) {
                    found.extend(low + 1..=n);
                } else {
                    found.push(n);
                }
                range = false;
            }
            _ if word.text == "to" => range = true,
            _ => break,
        }
    }
    found
}

pub(super) fn vlan(word: &str, at: Span) -> Option<Said<u16>> {
    let id = word.parse().ok().filter(|n| (1..=4094).contains(n))?;
    said(id, at)
}

pub(super) fn vlan_list(words: &[Word]) -> Vec<(u16, u16)> {
    let mut found: Vec<(u16, u16)> = Vec::new();
    let mut range = false;
    for word in words {
        match word.text.parse::<u16>() {
            Ok(n) if range => {
                if let Some(last) = found.last_mut() {
                    last.1 = n.max(last.0);
                }
                range = false;
            }
            Ok(n) => found.push((n, n)),
            _ if word.text == "to" => range = true,
            _ if word.text == "all" => found.push((1, 4094)),
            _ => match numbers(word.text, 4094).as_deref() {
                Some([low, .., high]) => {
                    let id = |n: u32| u16::try_from(n).unwrap_or(4094);
                    found.push((id(*low), id(*high)));
                }
                _ => break,
            },
        }
    }
    found
}

/// The queue of a PHB.
pub(super) fn queue_of(phb: &str) -> Option<u8> {
    const PHBS: [&str; 8] = ["be", "af1", "af2", "af3", "af4", "ef", "cs6", "cs7"];
    let phb = phb.to_ascii_lowercase();
    let at = PHBS.iter().position(|p| *p == phb)?;
    u8::try_from(at).ok()
}
