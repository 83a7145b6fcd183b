//! Whether the ICRCs of a sender can be judged at all.
//!
//! One wrong ICRC among right ones is damage. Where every one that a sender sent is wrong, the
//! capture was made before its adapter filled them in, or by a program that does not compute them:
//! such packets are analysed like any others, and it is said once that ICRCs say nothing there.
//! Packets wait, in order, until the sender of the first wrong one has shown which it is.

use crate::capture::{Direction, Frame};
use crate::words::{grouped, many};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::net::IpAddr;
use xoff_checks::finding::{FRAMES_KEPT, Finding, Severity, Where};
use xoff_checks::wire::{W_01, W_02};
use xoff_wire::roce::{Icrc, Packet};

/// So many wrong ones in a row, with none right before, are no accident.
const WRONG: u64 = 8;
/// Most frames that wait, and their bytes.
const HELD: usize = 512;
const HELD_BYTES: usize = 4 << 20;

/// A sender's packets at an interface.
type Source = (u32, IpAddr);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// All so far are wrong.
    Open,
    /// Some are right.
    Judged,
    Hopeless,
}

#[derive(Clone, Debug)]
struct Known {
    state: State,
    wrong: u64,
    frames: Vec<u64>,
    /// All are this, or the computed one in the other order of bytes.
    value: Option<u32>,
    swapped: bool,
}

/// A frame that waits.
#[derive(Clone, Debug)]
pub(super) struct Held {
    number: u64,
    at_ns: u64,
    timed: bool,
    pub(super) interface: u32,
    direction: Direction,
    original_len: u32,
    data: Vec<u8>,
}

impl Held {
    fn of(f: &Frame<'_>) -> Held {
        Held {
            number: f.number,
            at_ns: f.at_ns,
            timed: f.timed,
            interface: f.interface,
            direction: f.direction,
            original_len: f.original_len,
            data: f.data.to_vec(),
        }
    }

    pub(super) fn frame(&self) -> Frame<'_> {
        Frame {
            number: self.number,
            at_ns: self.at_ns,
            timed: self.timed,
            interface: self.interface,
            direction: self.direction,
            original_len: self.original_len,
            data: &self.data,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Judge {
    sources: FxHashMap<Source, Known>,
    held: VecDeque<Held>,
    bytes: usize,
    open: usize,
    hopeless: usize,
}

impl Judge {
    /// Nothing waits and nothing is in doubt: the usual case.
    #[inline]
    pub(super) fn idle(&self, packet: &Packet<'_>) -> bool {
        self.open == 0 && self.hopeless == 0 && !matches!(packet.icrc, Icrc::Invalid { .. })
    }

    /// Whether it matters if right packets of the sender were seen before.
    pub(super) fn asks(&self, f: &Frame<'_>, packet: &Packet<'_>) -> bool {
        let source = (f.interface, packet.network.src);
        matches!(packet.icrc, Icrc::Invalid { .. }) && !self.sources.contains_key(&source)
    }

    /// Notes a packet; `trusted`: right ones of its sender were seen before, `others`: of anyone.
    /// True if it has to wait.
    pub(super) fn wait(
        &mut self,
        f: &Frame<'_>,
        packet: &Packet<'_>,
        trusted: bool,
        others: bool,
    ) -> bool {
        let source = (f.interface, packet.network.src);
        match packet.icrc {
            Icrc::Valid => self.settle(source, State::Judged),
            Icrc::Unavailable => {}
            Icrc::Invalid { found, computed } => {
                self.wrong(source, f.number, [found, computed], trusted);
            }
        }
        if self.open == 0 && self.held.is_empty() {
            return false;
        }
        self.bytes += f.data.len();
        self.held.push_back(Held::of(f));
        if self.held.len() >= HELD || self.bytes >= HELD_BYTES {
            self.decide(others);
        }
        true
    }

    fn wrong(&mut self, source: Source, frame: u64, [found, computed]: [u32; 2], trusted: bool) {
        let open = &mut self.open;
        let known = self.sources.entry(source).or_insert_with(|| {
            let state = if trusted { State::Judged } else { State::Open };
            *open += usize::from(!trusted);
            Known {
                state,
                wrong: 0,
                frames: Vec::new(),
                value: Some(found),
                swapped: true,
            }
        });
        known.wrong += 1;
        known.value = known.value.filter(|v| *v == found);
        known.swapped &= found == computed.swap_bytes();
        if known.frames.len() < FRAMES_KEPT {
            known.frames.push(frame);
        }
        if known.state == State::Open && known.wrong >= WRONG {
            self.settle(source, State::Hopeless);
        }
    }

    fn settle(&mut self, source: Source, state: State) {
        let known = self.sources.entry(source).or_insert(Known {
            state,
            wrong: 0,
            frames: Vec::new(),
            value: None,
            swapped: false,
        });
        if known.state == State::Open {
            self.open -= 1;
        }
        if known.state == State::Hopeless && known.wrong > 0 {
            self.hopeless -= 1;
        }
        known.state = state;
        self.hopeless += usize::from(state == State::Hopeless);
    }

    /// Settles what is open by what is known now. A single wrong packet is damage, if another
    /// sender's are right; `others`: packets were taken before any was in doubt.
    pub(super) fn decide(&mut self, others: bool) {
        let judged = self.sources.values().any(|k| k.state == State::Judged);
        let right = judged || others && self.hopeless == 0;
        let open: Vec<(Source, u64)> = self
            .sources
            .iter()
            .filter(|(_, k)| k.state == State::Open)
            .map(|(source, k)| (*source, k.wrong))
            .collect();
        for (source, wrong) in open {
            let damaged = wrong == 1 && right;
            let state = if damaged {
                State::Judged
            } else {
                State::Hopeless
            };
            self.settle(source, state);
        }
    }

    /// The next of the frames that waited, once nothing is open.
    pub(super) fn release(&mut self) -> Option<Held> {
        if self.open > 0 {
            return None;
        }
        let held = self.held.pop_front()?;
        self.bytes -= held.data.len();
        Some(held)
    }

    /// The packet's ICRC is wrong, and says nothing.
    pub(super) fn overlooks(&self, f: &Frame<'_>, packet: &Packet<'_>) -> bool {
        let source = (f.interface, packet.network.src);
        self.hopeless > 0
            && matches!(packet.icrc, Icrc::Invalid { .. })
            && self
                .sources
                .get(&source)
                .is_some_and(|k| k.state == State::Hopeless)
    }

    /// Said once, whatever the number of senders.
    pub(super) fn finding(&self) -> Option<Finding> {
        let mut hopeless: Vec<(&Source, &Known)> = self
            .sources
            .iter()
            .filter(|(_, k)| k.state == State::Hopeless)
            .collect();
        hopeless.sort_by_key(|(source, k)| (k.frames.first().copied(), **source));
        let (first, known) = hopeless.first()?;
        let senders = match hopeless.len() {
            1 => format!("{} sent", first.1),
            n => format!(
                "{} and {} sent",
                first.1,
                many(n as u64 - 1, "other sender")
            ),
        };
        let packets = hopeless.iter().map(|(_, k)| k.wrong).sum();
        let same = |of: fn(&Known) -> bool| hopeless.iter().all(|(_, k)| of(k));
        let value = known.value;
        let how = if hopeless
            .iter()
            .all(|(_, k)| k.value.is_some() && k.value == value)
        {
            format!(": all are 0x{:08x}", value.unwrap_or_default())
        } else if same(|k| k.swapped) {
            ": all have their bytes in the other order".to_owned()
        } else {
            String::new()
        };
        let mut frames: Vec<u64> = hopeless
            .iter()
            .flat_map(|(_, k)| k.frames.clone())
            .collect();
        frames.sort_unstable();
        frames.truncate(FRAMES_KEPT);
        Some(Finding {
            check: if first.1.is_ipv4() { &W_01 } else { &W_02 },
            severity: Severity::Note,
            inconclusive: Some(
                "frames were captured before the adapter filled the ICRC in, or were made by a \
                 program that does not compute it"
                    .to_owned(),
            ),
            subject: "RoCE".to_owned(),
            cause: format!(
                "the ICRC of every packet that {senders} is wrong ({} in all){how}; they are \
                 analysed as if they were right",
                grouped(packets)
            ),
            cure: "Capture on the wire or at a mirror port to judge ICRCs.".to_owned(),
            count: packets,
            at: Where::Frames(frames),
        })
    }
}
