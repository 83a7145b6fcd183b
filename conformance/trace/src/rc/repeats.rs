//! Retransmission: when a sender goes back, and why.
//!
//! - `Nak`, `Rnr`: an answer of that kind asked for this packet, or one before it, since the last
//!   time that the sender went back.
//! - `Timeout`: nothing asked for it, and there was no progress for [`QUIET_NS`] or more.
//! - `ImpliedNak`: a READ is asked for again after a gap among its responses.
//! - `Spurious`: the packet had been acknowledged, or nothing asked for it and too little time had
//!   passed for any timeout.

use super::stat::Stat;
use crate::report::{Cause, DETAILS_KEPT, Episode, Recovery};

/// The shortest ACK timeout that IBTA 9.7.6.1.3 knows is 4.096 us times two.
pub(super) const QUIET_NS: u64 = 8_192;

pub(super) const CAUSES: [Cause; 5] = [
    Cause::Nak,
    Cause::Timeout,
    Cause::ImpliedNak,
    Cause::Rnr,
    Cause::Spurious,
];

/// An answer that asks for packets again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nak {
    pub(super) psn: u64,
    pub(super) at_ns: u64,
    pub(super) frame: u64,
    /// RNR NAK: how long to wait, ns.
    pub(super) wait_ns: Option<u64>,
}

/// The moment a sender goes back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Back {
    pub(super) psn: u64,
    pub(super) at_ns: u64,
    pub(super) frame: u64,
    /// End of what is acknowledged, and of what was sent.
    pub(super) una: u64,
    pub(super) highest: u64,
    /// When this packet went out first.
    pub(super) sent_ns: Option<u64>,
    /// It is the first of its message.
    pub(super) first: bool,
}

/// What is being repeated.
#[derive(Clone, Copy, Debug)]
struct Current {
    cause: Cause,
    psn: u64,
    last: u64,
    limit: u64,
    packets: u64,
    /// Packets in between were left out.
    skipped: bool,
    /// Packets among them that had come this far before.
    known: u64,
    /// Place in the list, if it is kept.
    index: Option<usize>,
}

/// Evidence that all behind a lost packet is repeated.
#[derive(Clone, Copy, Debug, Default)]
struct Votes {
    go_back_n: u32,
    weak: u32,
}

impl Votes {
    /// `strong`: many packets were repeated, up to the highest PSN sent: certain go-back-N.
    fn count(&mut self, strong: bool) {
        if strong {
            self.go_back_n += 1;
        } else {
            self.weak += 1;
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Repeats {
    pub(super) episodes: Vec<Episode>,
    pub(super) causes: [u64; 5],
    current: Option<Current>,
    nak: Option<Nak>,
    /// Since when the sender has had no progress.
    pub(super) base_ns: u64,
    /// Quiet time before timeouts; NAK to retransmission.
    pub(super) quiet: Stat,
    pub(super) reaction: Stat,
    /// RNR waits that were shorter than asked for: number, and the first (asked, waited, frame).
    pub(super) early: u64,
    pub(super) early_example: Option<(u64, u64, u64)>,
    /// Timeouts in a row at one packet, the most so far, and the last one's time and span.
    in_a_row: u32,
    row_psn: u64,
    pub(super) row_max: u32,
    pub(super) row_frame: u64,
    pub(super) last_timeout: Option<(u64, u64)>,
    /// NAKs in a row that ask for one packet.
    lost_psn: u64,
    lost: u32,
    pub(super) lost_max: u32,
    pub(super) lost_frame: u64,
    /// Evidence of how the sender repeats.
    votes: Votes,
    /// After a NAK something was repeated that had come this far before: not selective.
    repeats_known: bool,
    selective: u32,
    /// What the sender last seemed to leave out.
    left_out: std::ops::Range<u64>,
    /// Silence before it went back to what was acknowledged here.
    pub(super) late: Stat,
    pub(super) go_back_0: u32,
    /// First frames that were sent again after a NAK or RNR NAK.
    pub(super) frames: Vec<u64>,
}

impl Repeats {
    pub(super) fn nak(&mut self, nak: Nak) {
        if self.left_out.contains(&nak.psn) {
            // It was sent, and lost before this point.
            self.left_out = 0..0;
            self.selective = self.selective.saturating_sub(1);
        }
        let waits = |n: Nak| n.wait_ns.is_some() && n.psn == nak.psn;
        // Linux rxe asks for what follows an RNR NAK again; the wait stays.
        if nak.wait_ns.is_some() || !self.nak.is_some_and(waits) {
            self.nak = Some(nak);
        }
    }

    pub(super) fn pending(&self) -> Option<Nak> {
        self.nak
    }

    /// Everything below `una` is acknowledged.
    pub(super) fn progress(&mut self, una: u64, at_ns: u64) {
        self.base_ns = at_ns;
        if self.nak.is_some_and(|n| n.psn < una) {
            self.nak = None;
        }
        if self.row_psn < una {
            self.in_a_row = 0;
        }
    }

    /// The sender goes back; counts the first packet too.
    pub(super) fn go_back(&mut self, back: &Back) -> Cause {
        if let Some(c) = &mut self.current
            && c.skipped
            && self.nak.is_none()
            && back.psn > c.last
            && back.psn < c.limit
        {
            return c.cause;
        }
        self.leave(false);
        let cause = self.cause(back);
        let trigger = match cause {
            Cause::Nak | Cause::Rnr => self.nak.take().map(|n| n.frame),
            _ => None,
        };
        if back.psn < back.una && back.first && cause != Cause::Spurious {
            self.go_back_0 += 1;
        }
        self.begin(cause, trigger, back);
        cause
    }

    fn cause(&mut self, back: &Back) -> Cause {
        if let Some(nak) = self.nak.filter(|n| back.psn >= n.psn || back.first) {
            if let Some(asked) = nak.wait_ns {
                if let Some(waited) = back.at_ns.checked_sub(nak.at_ns) {
                    self.rnr_wait(asked, waited, back.frame);
                }
                return Cause::Rnr;
            }
            self.reaction.between(nak.at_ns, back.at_ns);
            self.note_loss(back);
            return Cause::Nak;
        }
        let quiet = back.at_ns.saturating_sub(self.base_ns);
        if back.psn < back.una && self.go_back_0 == 0 && !back.first {
            if quiet >= QUIET_NS {
                self.late.add(quiet);
            }
            return Cause::Spurious;
        }
        if quiet < QUIET_NS {
            return Cause::Spurious;
        }
        self.timeout(back, quiet);
        Cause::Timeout
    }

    fn rnr_wait(&mut self, asked: u64, waited: u64, frame: u64) {
        if waited < asked {
            self.early += 1;
            self.early_example.get_or_insert((asked, waited, frame));
        }
    }

    fn note_loss(&mut self, back: &Back) {
        self.lost = if self.lost_psn == back.psn {
            self.lost + 1
        } else {
            1
        };
        self.lost_psn = back.psn;
        if self.lost > self.lost_max {
            (self.lost_max, self.lost_frame) = (self.lost, back.frame);
        }
    }

    fn timeout(&mut self, back: &Back, quiet: u64) {
        self.quiet.add(quiet);
        self.base_ns = back.at_ns;
        self.last_timeout = Some((back.at_ns, quiet));
        self.in_a_row = if self.row_psn == back.psn {
            self.in_a_row + 1
        } else {
            1
        };
        self.row_psn = back.psn;
        if self.in_a_row > self.row_max {
            (self.row_max, self.row_frame) = (self.in_a_row, back.frame);
        }
    }

    /// Begins an episode. READ requests that are repeated call this too.
    pub(super) fn begin(&mut self, cause: Cause, trigger: Option<u64>, back: &Back) {
        if let Some(i) = CAUSES.iter().position(|&c| c == cause) {
            self.causes[i] += 1;
        }
        if self.frames.len() < xoff_checks::finding::FRAMES_KEPT {
            self.frames.push(back.frame);
        }
        let kept = self.episodes.len() < DETAILS_KEPT;
        let index = kept.then_some(self.episodes.len());
        if kept {
            self.episodes.push(Episode {
                cause,
                at_ns: back.at_ns,
                frame: back.frame,
                trigger,
                psn: xoff_wire::psn::MASK & back.psn as u32,
                packets: 0,
                bytes: 0,
                delay_ns: back.sent_ns.map_or(0, |t| back.at_ns.saturating_sub(t)),
            });
        }
        self.current = Some(Current {
            cause,
            psn: back.psn,
            last: back.psn,
            limit: back.highest,
            packets: 0,
            skipped: false,
            known: 0,
            index,
        });
    }

    /// A READ is asked for again.
    pub(super) fn read_again(&mut self, implied: bool, progress_ns: u64, back: &Back) -> Cause {
        if self.nak.is_some_and(|n| back.psn >= n.psn) {
            return self.go_back(back);
        }
        let cause = if implied {
            Cause::ImpliedNak
        } else {
            Cause::Timeout
        };
        if !implied {
            let base = self.base_ns.max(progress_ns);
            self.timeout(back, back.at_ns.saturating_sub(base));
        }
        self.base_ns = back.at_ns;
        self.begin(cause, None, back);
        cause
    }

    /// Whether what is being repeated had all been missing here.
    pub(super) fn only_missing(&self) -> bool {
        !self.repeats_known && self.current.is_some_and(|c| c.known == 0)
    }

    /// A packet of the episode. `known`: it had come this far before.
    #[inline]
    pub(super) fn packet(&mut self, psn: u64, payload: u32, known: bool) {
        let Some(c) = &mut self.current else { return };
        c.last = psn;
        c.packets += 1;
        c.known += u64::from(known);
        self.repeats_known |= known && c.cause == Cause::Nak;
        if let Some(e) = c.index.and_then(|i| self.episodes.get_mut(i)) {
            e.packets += 1;
            e.bytes += u64::from(payload);
        }
        // A NAK for a packet that was about to go out anyway has been served.
        if self.nak.is_some_and(|n| n.psn == psn) {
            self.nak = None;
        }
    }

    /// The sender leaves out packets that are not acknowledged.
    pub(super) fn skip(&mut self, left_out: std::ops::Range<u64>) {
        if let Some(c) = &mut self.current {
            c.skipped = true;
            self.selective += 1;
            self.left_out = left_out;
        }
    }

    /// The sender is through with what it repeats; `whole`: with everything it had sent.
    pub(super) fn leave(&mut self, whole: bool) {
        let Some(c) = self.current else { return };
        if c.skipped {
            return;
        }
        self.current = None;
        if c.cause == Cause::Nak && c.packets >= 2 {
            self.votes.count(whole && c.limit - c.psn >= 3);
        }
    }

    pub(super) fn count(&self, cause: Cause) -> u64 {
        CAUSES
            .iter()
            .zip(self.causes)
            .find(|&(&c, _)| c == cause)
            .map_or(0, |(_, n)| n)
    }

    pub(super) fn recovery(&self, restarts_message: u32) -> Recovery {
        let mut votes = self.votes;
        // The capture may end with an episode.
        let open = self.current.filter(|c| !c.skipped && c.cause == Cause::Nak);
        if let Some(c) = open.filter(|c| c.packets >= 2) {
            votes.count(c.last + 1 >= c.limit && c.limit - c.psn >= 3);
        }
        let zero = self.go_back_0.max(restarts_message);
        let n = if votes.go_back_n == 0 && self.selective == 0 {
            votes.weak
        } else {
            votes.go_back_n
        };
        if zero > 0 && u64::from(zero) * 2 >= self.causes.iter().sum::<u64>() {
            Recovery::GoBack0
        } else if self.selective > n {
            Recovery::Selective
        } else if n > 0 {
            Recovery::GoBackN
        } else {
            Recovery::Unknown
        }
    }
}
