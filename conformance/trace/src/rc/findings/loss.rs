//! RC-, UC-: loss, repetition, timeouts, refusals.

use super::super::repeats::Repeats;
use super::super::tally::Kind;
use super::{Case, Direction, grouped, many, share, time, times};
use crate::report::{Cause, Connection, DirectionReport, Recovery, Service, Vantage};
use xoff_checks::capture::T_02;
use xoff_checks::finding::FRAMES_KEPT;
use xoff_checks::finding::Severity::{Error, Note, Warning};
use xoff_checks::rc::{
    RC_03, RC_04, RC_05, RC_07, RC_08, RC_12, RC_13, RC_14, RC_17, RC_23, RC_26, RC_28, RC_30,
    RC_38, RC_40, UC_01,
};
use xoff_wire::bth::ack_timeout_ns;

/// A time from NAK to retransmission that is too long for hardware, ns.
const SLOW_NS: u64 = 1_000_000;

/// Times from NAK to retransmission that need no remark, over queue pairs.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    /// The first of them.
    subject: String,
    pairs: u64,
    count: u64,
    least: u64,
    most: u64,
    total: u128,
    frames: Vec<u64>,
}

impl Prompt {
    fn add(&mut self, subject: String, [least, mean, most]: [u64; 3], count: u64, frames: &[u64]) {
        if self.pairs == 0 {
            (self.subject, self.least) = (subject, least);
        }
        self.pairs += 1;
        self.count = self.count.saturating_add(count);
        self.least = self.least.min(least);
        self.most = self.most.max(most);
        self.total = self
            .total
            .saturating_add(u128::from(mean) * u128::from(count));
        let room = FRAMES_KEPT.saturating_sub(self.frames.len());
        self.frames.extend(frames.iter().take(room));
    }
}

/// So many repetitions without an answer, then silence: the requester gave up.
const RETRIES: u32 = 7;

impl Case<'_> {
    pub(super) fn loss(&mut self, d: &Direction<'_>) {
        match d.connection.service {
            Service::Uc => return self.unreliable(d),
            Service::Ud | Service::Rd | Service::Unknown => return,
            Service::Rc | Service::Xrc => {}
        }
        if d.sender {
            self.one_sided(d);
            self.repeated(d);
            self.timeouts(d);
            self.reads(d);
            self.spurious(d);
            self.same_packet(d);
            self.latency(d);
        }
        if d.receiver {
            self.overtaken(d);
            self.refusals(d);
        }
        if d.sender {
            self.naks(d);
        }
    }

    fn unreliable(&mut self, d: &Direction<'_>) {
        if !d.receiver || d.report.gaps == 0 {
            return;
        }
        let cause = format!(
            "{} of {} did not arrive here{}: each spoils its whole message, and nothing is sent \
             again",
            many(d.report.gaps, "packet"),
            grouped(d.report.gaps.saturating_add(d.report.data_packets)),
            self.lossy_class(d)
        );
        self.add(&UC_01, Error, d.subject(), cause);
        self.evidence(d.report.gaps, Vec::new());
        self.doubt_gaps(d);
    }

    /// A gap may be the capture's own.
    fn doubt_gaps(&mut self, d: &Direction<'_>) {
        let lost = self.dropped(d.connection.interface);
        if lost > 0 {
            self.undecided(format!("the capturing system lost {lost} frames"));
        }
    }

    /// What the capture says of pauses for this class, as part of a sentence.
    fn lossy_class(&self, d: &Direction<'_>) -> String {
        let interface = d.connection.interface;
        let priority = d.priority();
        let paused = self.context.paused.get(&interface);
        if self.context.global_pause.contains(&interface) {
            return " although the link uses 802.3x pause".to_owned();
        }
        match paused {
            Some(p) if p[usize::from(priority)] => {
                format!(" although PFC pauses priority {priority} on this link")
            }
            _ if self.paused_elsewhere(priority) => format!(
                "; PFC pauses priority {priority} elsewhere in the capture, but never on this \
                 link: packets may have waited behind a pause for longer than the sender does"
            ),
            Some(_) => format!(
                "; PFC pauses other priorities on this link, but never priority {priority}: the \
                 class is not lossless"
            ),
            None if self.context.paused.is_empty() => format!(
                "; no pause for priority {priority} is in the capture: either the class is not \
                 lossless, or the capture cannot show pause frames"
            ),
            None => format!(
                "; priority {priority} is never paused on this link: the class is not lossless"
            ),
        }
    }

    /// Packets that were lost between the ports of sender and receiver, if both were captured.
    fn place_of_loss(&self, d: &Direction<'_>) -> Option<u64> {
        let receiver = self.receiver(d)?;
        let lost_capturing = self.context.dropped.values().any(|&n| n > 0);
        if lost_capturing || d.report.read_requests > 0 || receiver.bad_icrc > 0 {
            return None;
        }
        Some(d.report.data_packets.saturating_sub(receiver.data_packets))
    }

    /// What was captured of this direction at the port of its receiver, if it is another port
    /// than this view's.
    fn receiver(&self, d: &Direction<'_>) -> Option<&DirectionReport> {
        let ends = |c: &Connection| (c.a.address, c.a.qpn, c.b.address, c.b.qpn);
        let at = [Vantage::AtB, Vantage::AtA][d.direction];
        let of = self.connections.iter().find(|c| {
            c.vantage == at
                && c.interface != d.connection.interface
                && c.speaks_for_receiver[d.direction]
                && ends(c) == ends(d.connection)
        })?;
        Some(&of.directions[d.direction])
    }

    /// Who lost packets, as part of a sentence. `place`: see [`Case::place_of_loss`].
    fn whose_loss(&self, d: &Direction<'_>, place: Option<u64>) -> String {
        match place {
            None => self.lossy_class(d),
            Some(0) if d.report.naks == 0 => "; all of them reached the receiver's port, so that \
                                              what was late or lost is the ACK"
                .to_owned(),
            Some(0) => "; all of them reached the receiver's port: it dropped them itself, for \
                        want of buffers or of PCIe or memory bandwidth"
                .to_owned(),
            Some(lost) => format!(
                "{}; {} did not reach the receiver's port: lost in the network between",
                self.lossy_class(d),
                many(lost, "packet")
            ),
        }
    }

    fn paused_elsewhere(&self, priority: u8) -> bool {
        let mut links = self.context.paused.values();
        links.any(|paused| paused[usize::from(priority)])
    }

    fn repeated(&mut self, d: &Direction<'_>) {
        let (again, all) = (d.report.retransmitted_packets, d.report.data_packets);
        if again == 0 {
            return;
        }
        let (Some(r), spurious) = (d.requests, count(d, Cause::Spurious)) else {
            return;
        };
        let episodes: u64 = d.report.causes.iter().map(|c| c.1).sum();
        if episodes > 0 && episodes == spurious {
            return;
        }
        let (none, twice) = (d.report.naks + d.report.rnr_naks == 0, d.report.duplicates);
        if none && d.report.gaps == 0 && twice >= again {
            let cause = format!(
                "packets were sent again that the receiver had: {} of {} ({}), in {} ({}); its \
                 ACKs were lost or late",
                grouped(again),
                grouped(all),
                share(again, all),
                many(episodes, "episode"),
                causes(d)
            );
            self.add(&RC_05, Warning, d.subject(), cause);
            return self.evidence(again, r.repeats.frames.clone());
        }
        let place = self.place_of_loss(d);
        let cause = format!(
            "packets were lost and sent again: {} of {} ({}), {}, in {} ({}); the sender {}{}",
            grouped(again),
            grouped(all),
            share(again, all),
            many(d.report.retransmitted_bytes, "byte"),
            many(episodes, "episode"),
            causes(d),
            match d.report.recovery {
                Recovery::GoBackN => "goes back to the lost packet and repeats all behind it",
                Recovery::GoBack0 => "begins the whole message again (go-back-0)",
                Recovery::Selective => "repeats only what was lost",
                Recovery::Unknown => "repeated too little after a NAK to tell how it recovers",
            },
            self.whose_loss(d, place),
        );
        self.add(&RC_05, Error, d.subject(), cause);
        self.evidence(again, r.repeats.frames.clone());
        if place == Some(0) && d.report.naks == 0 {
            self.cure("Find what holds the ACKs back: a pause (P-20), a queue, a busy receiver.");
        } else if place == Some(0) {
            self.cure(
                "Look at the receiver: receive buffers, PCIe, memory; let it pause the switch \
                 (PFC) before it drops.",
            );
        }
        if d.answers.is_none() {
            self.undecided("no answer is in the capture: what was lost is unknown".to_owned());
        }
    }

    fn timeouts(&mut self, d: &Direction<'_>) {
        let Some(r) = d.requests.filter(|_| d.report.timeouts > 0) else {
            return;
        };
        let frames = d.report.episodes.iter();
        let frames = frames
            .filter(|e| e.cause == Cause::Timeout)
            .map(|e| e.frame)
            .collect();
        let quiet = r.repeats.quiet.get().unwrap_or_default();
        let cause = format!(
            "{}: nothing came back for {}, {}; neither NAK nor ACK told of the loss, as when the \
             last packets of a burst or their ACK are lost",
            many(d.report.timeouts, "ACK timeout"),
            times(quiet),
            exponent(quiet[0])
        );
        self.add(&RC_07, Error, d.subject(), cause);
        self.evidence(d.report.timeouts, frames);
        if d.answers.is_none() && r.read_requests == 0 {
            self.undecided("no answer is in the capture: it may have come".to_owned());
        }
        self.exhausted(d, &r.repeats);
    }

    fn exhausted(&mut self, d: &Direction<'_>, repeats: &Repeats) {
        let Some((at, span)) = repeats.last_timeout else {
            return;
        };
        let end = (self.end_ns_of)(d.connection.interface).max(d.connection.last_ns);
        let silent = end.saturating_sub(at) >= span.saturating_mul(2);
        let last = d.report.last_data_ns.unwrap_or(0);
        let after = last.saturating_sub(at) < span / 2;
        if repeats.row_max >= RETRIES && silent && after {
            let sent = repeats.row_max + 1;
            let cause = if repeats.row_max > RETRIES {
                format!(
                    "one packet was sent {sent} times without progress, more often than any retry \
                     count allows: the sender retries without end; then nothing more came"
                )
            } else {
                format!(
                    "one packet was sent {sent} times without an answer, then nothing more: the \
                     retries are used up and the queue pair is in error"
                )
            };
            self.add(&RC_08, Error, d.subject(), cause);
            self.evidence(1, vec![repeats.row_frame]);
        }
    }

    fn reads(&mut self, d: &Direction<'_>) {
        let implied = count(d, Cause::ImpliedNak);
        if implied == 0 {
            return;
        }
        let cause = format!(
            "READ responses were lost: {} asked for again after a gap, {} came twice{}",
            many(implied, "READ"),
            many(d.report.retransmitted_packets, "response"),
            self.lossy_class(d)
        );
        self.add(&RC_17, Error, d.subject(), cause);
        let frames = d.from.and_then(|h| h.tallies.get(Kind::ReadRestart));
        self.evidence(implied, frames.map(|t| t.frames()).unwrap_or_default());
    }

    fn spurious(&mut self, d: &Direction<'_>) {
        let spurious = count(d, Cause::Spurious);
        if spurious == 0 {
            return;
        }
        let late = d.requests.map(|r| r.repeats.late).unwrap_or_default();
        let silent = match late.get() {
            Some([least, _, most]) => format!(
                "; {} of them after a silence of {} to {}: timeouts, as the ACKs were lost behind \
                 this point",
                late.count,
                time(least),
                time(most)
            ),
            None => String::new(),
        };
        let cause = format!(
            "the sender went back {} to what was acknowledged, or nothing had asked for{silent}",
            many(spurious, "time")
        );
        let frames = d.report.episodes.iter();
        let frames = frames
            .filter(|e| e.cause == Cause::Spurious)
            .map(|e| e.frame)
            .collect();
        self.add(&RC_14, Warning, d.subject(), cause);
        self.evidence(spurious, frames);
        if d.answers.is_none() {
            self.undecided("no answer is in the capture: a NAK may have come".to_owned());
        }
    }

    fn same_packet(&mut self, d: &Direction<'_>) {
        let Some(r) = d.requests.filter(|r| r.repeats.lost_max >= 2) else {
            return;
        };
        let cause = format!("one packet was lost {} times in a row", r.repeats.lost_max);
        self.add(&RC_38, Warning, d.subject(), cause);
        self.evidence(u64::from(r.repeats.lost_max), vec![r.repeats.lost_frame]);
    }

    fn latency(&mut self, d: &Direction<'_>) {
        let Some(r) = d.requests else { return };
        let Some(times_of) = r.repeats.reaction.get() else {
            return;
        };
        let generation = match r.nak_delay.get() {
            Some([_, mean, _]) if d.receiver => {
                format!("the NAK leaves {} after the gap, ", time(mean))
            }
            _ => String::new(),
        };
        let count = r.repeats.reaction.count;
        if times_of[1] < SLOW_NS {
            self.prompt
                .add(d.subject(), times_of, count, &r.repeats.frames);
            return;
        }
        let cause = format!(
            "slow recovery after a NAK: {generation}the sender goes back {} after it",
            times(times_of)
        );
        self.add(&RC_40, Warning, d.subject(), cause);
        self.evidence(count, r.repeats.frames.clone());
    }

    /// RC-40 of all queue pairs that recover as fast as hardware does, in one note.
    pub(super) fn recoveries(&mut self) {
        let prompt = std::mem::take(&mut self.prompt);
        if prompt.count == 0 {
            return;
        }
        let mean = u64::try_from(prompt.total / u128::from(prompt.count)).unwrap_or(u64::MAX);
        let cause = format!(
            "recovery after a NAK is prompt: senders go back {} after it",
            times([prompt.least, mean, prompt.most])
        );
        let subject = match prompt.pairs {
            1 => prompt.subject,
            n => many(n, "queue pair"),
        };
        self.add(&RC_40, Note, subject, cause);
        self.evidence(prompt.count, prompt.frames);
        self.cure("");
    }

    fn overtaken(&mut self, d: &Direction<'_>) {
        let copies = d.requests.map_or(0, |r| r.copies);
        if copies > 0 {
            let cause = format!(
                "{} came twice at once: copied on the way, or by the capture",
                many(copies, "packet")
            );
            self.add(&RC_14, Warning, d.subject(), cause);
            self.evidence(copies, Vec::new());
        }
        let reordered = d.requests.map_or(0, |r| r.reordered);
        if reordered == 0 {
            return;
        }
        let cause = format!(
            "{} overtaken on the way: the path reorders, which receivers take for loss",
            if reordered == 1 {
                "1 packet was".to_owned()
            } else {
                format!("{} packets were", grouped(reordered))
            }
        );
        self.add(&RC_13, Warning, d.subject(), cause);
        self.evidence(reordered, Vec::new());
    }

    /// The receiver had no buffer, or refused.
    fn refusals(&mut self, d: &Direction<'_>) {
        let Some(answers) = d.answers else { return };
        for (code, check, what) in [
            (1, &RC_30, "an invalid request"),
            (2, &RC_28, "a remote access error (key, bounds or rights)"),
            (3, &RC_26, "a remote operational error"),
        ] {
            if let Some(tally) = answers.tallies.get(Kind::ErrorNak(code)) {
                let cause = format!(
                    "the responder refused with {what}: the queue pair is in error and all that \
                     waits on it fails"
                );
                self.add(check, Error, d.subject(), cause);
                self.evidence(tally.count, tally.frames());
            }
        }
        let Some(tally) = answers.tallies.get(Kind::RnrNak) else {
            return;
        };
        let early = d.requests.map_or(0, |r| r.repeats.early);
        let example = d.requests.and_then(|r| r.repeats.early_example);
        let (severity, tail) = match example {
            Some((asked, waited, _)) if early > 0 => (
                Error,
                format!(
                    "; the sender waited too short a time {} (first: {} of {})",
                    many(early, "time"),
                    time(waited),
                    time(asked)
                ),
            ),
            _ => (Warning, String::new()),
        };
        let cause = format!(
            "the receiver was not ready {}: no receive buffer was posted{tail}",
            many(tally.count, "time")
        );
        self.add(&RC_23, severity, d.subject(), cause);
        self.evidence(tally.count, tally.frames());
        self.cure("Post more receive buffers, or send less at once.");
    }

    fn naks(&mut self, d: &Direction<'_>) {
        let Some(answers) = d.answers else { return };
        let repeated = d.requests.map_or(0, |r| r.repeated_naks);
        if repeated > 0 && d.report.recovery != Recovery::Selective {
            let cause = format!(
                "{} for a packet that a NAK had asked for already and that had not come again",
                many(repeated, "more NAK")
            );
            let frames = answers.tallies.get(Kind::Nak).map(|t| t.frames());
            self.add(&RC_03, Warning, d.subject(), cause);
            self.evidence(repeated, frames.unwrap_or_default());
        }
        if let Some(tally) = answers.tallies.get(Kind::NakBeyond) {
            let cause = format!(
                "{} for a packet that was never sent (first: PSN {})",
                many(tally.count, "NAK"),
                tally.example[0]
            );
            self.add(&RC_04, Error, d.subject(), cause);
            self.evidence(tally.count, tally.frames());
            self.doubt_gaps(d);
        }
        if let Some(tally) = answers.tallies.get(Kind::AckBeyond) {
            let cause = format!(
                "{} for packets that were never sent (first: PSN {})",
                many(tally.count, "ACK"),
                tally.example[0]
            );
            self.add(&RC_12, Error, d.subject(), cause);
            self.evidence(tally.count, tally.frames());
            self.doubt_gaps(d);
        }
    }

    /// T-02: what the capture lacks.
    fn one_sided(&mut self, d: &Direction<'_>) {
        let Some(r) = d.requests else {
            if d.answers
                .is_some_and(|h| h.answers.acks + h.answers.naks > 0)
            {
                let cause = "only the answers of this connection are in the capture".to_owned();
                self.add(&T_02, Note, d.subject(), cause);
                self.undecided("requests are missing: what was sent is unknown".to_owned());
            }
            return;
        };
        if r.missed > 0 {
            let cause = format!(
                "{} acknowledged that the capture does not hold",
                if r.missed == 1 {
                    "1 packet was".to_owned()
                } else {
                    format!("{} packets were", grouped(r.missed))
                }
            );
            self.add(&T_02, Note, d.subject(), cause);
            self.undecided("the capture is incomplete: figures are too low".to_owned());
            return;
        }
        let answered = d.answers.is_some_and(|h| h.answers.first_ns.is_some());
        // A burst that ends with the capture has no answer yet.
        if d.reliable() && d.from.is_some() && !answered && r.data_packets >= 64 {
            let ambiguous = d.from.is_some_and(|h| h.ambiguous);
            let cause = if ambiguous {
                "the answers to these requests cannot be told from those to others".to_owned()
            } else {
                "no answer to these requests is in the capture".to_owned()
            };
            self.add(&T_02, Note, d.subject(), cause);
            self.undecided("one direction only: NAKs, ACKs and timeouts are unknown".to_owned());
            self.cure("Capture both directions, best at both hosts.");
        }
    }
}

fn count(d: &Direction<'_>, cause: Cause) -> u64 {
    let causes = d.report.causes.iter();
    causes.filter(|c| c.0 == cause).map(|c| c.1).sum()
}

/// "3 after a NAK, 1 after a timeout".
fn causes(d: &Direction<'_>) -> String {
    let words = d.report.causes.iter().map(|&(cause, n)| match cause {
        Cause::Nak => format!("{} after a NAK", grouped(n)),
        Cause::Timeout => format!("{} after a timeout", grouped(n)),
        Cause::ImpliedNak => format!("{} after a gap in READ responses", grouped(n)),
        Cause::Rnr => format!("{} after an RNR NAK", grouped(n)),
        Cause::Spurious => format!("{} that nothing had asked for", grouped(n)),
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() {
        "lost before this point".to_owned()
    } else {
        words.join(", ")
    }
}

/// Which ACK timeout a quiet time fits: the greatest that is not longer.
fn exponent(ns: u64) -> String {
    let fits = (1..32u8).rev().find_map(|n| {
        let timeout = ack_timeout_ns(n)?;
        // Software rounds down to its ticks: Linux rxe waits 60 ms for 67.
        (ns.saturating_add(ns / 8) >= timeout).then_some((n, timeout))
    });
    match fits {
        Some((n, timeout)) => format!(
            "which fits a timeout of 4.096 us x 2^{n} = {}",
            time(timeout)
        ),
        None => "which is shorter than any ACK timeout".to_owned(),
    }
}
