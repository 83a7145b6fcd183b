//! W-: the format of packets.

use super::super::half::Half;
use super::super::key::{Key, Place};
use super::super::tally::{Kind, Tally};
use super::{Case, end, many, share};
use std::collections::BTreeMap;
use std::net::IpAddr;
use xoff_checks::catalogue::Check;
use xoff_checks::congestion::CC_14;
use xoff_checks::finding::Severity::{self, Error, Note, Warning};
use xoff_checks::wire::{
    W_01, W_02, W_05, W_06, W_07, W_08, W_10, W_12, W_13, W_15, W_16, W_18, W_19, W_20,
};

impl Case<'_> {
    pub(super) fn packets(&mut self) {
        let halves = &self.follower.halves;
        let (mut near, mut far) = (BTreeMap::new(), BTreeMap::new());
        for (i, half) in halves.iter().enumerate() {
            keep_best(&mut near, half, (half.place, i), |new, old| new < old);
            keep_best(&mut far, half, (half.place, i), |new, old| new.0 > old.0);
        }
        for (i, half) in halves.iter().enumerate() {
            let key = half.key.anywhere();
            if far.get(&key).is_some_and(|best| best.1 == i) {
                self.damage(half);
            }
            if near.get(&key).is_some_and(|best| best.1 == i) {
                self.fields(half);
                self.order(half);
                self.answers(half);
                self.marks(half);
            }
        }
        self.stray();
        self.unverified();
    }

    /// A finding from a tally, if there is one.
    fn tallied(
        &mut self,
        half: &Half,
        kind: Kind,
        check: &'static Check,
        severity: Severity,
        cause: impl FnOnce(&Tally) -> String,
    ) -> bool {
        let Some(tally) = half.tallies.get(kind) else {
            return false;
        };
        self.add(check, severity, self.way(half), cause(tally));
        self.evidence(tally.count, tally.frames());
        true
    }

    /// Like a connection's direction, from a half alone.
    fn way(&self, half: &Half) -> String {
        let peer = half.peer.map(|j| &self.follower.halves[j as usize]);
        let source = half.src_qp().or(peer.map(|p| p.key.dest_qp)).unwrap_or(0);
        format!(
            "{} > {}",
            end(half.src, source),
            end(half.dst, half.key.dest_qp)
        )
    }

    fn damage(&mut self, half: &Half) {
        let check = match half.src {
            IpAddr::V6(_) if !half.v1 => &W_02,
            _ => &W_01,
        };
        self.tallied(half, Kind::BadIcrc, check, Error, |t| {
            format!(
                "{} with a wrong ICRC (first: 0x{:08x}, should be 0x{:08x}): damaged on the way or \
                 rewritten without a new ICRC; the receiver drops them without a word",
                many(t.count, "packet"),
                t.example[0],
                t.example[1]
            )
        });
    }

    fn fields(&mut self, half: &Half) {
        self.tallied(half, Kind::Reserved, &W_05, Warning, |t| {
            format!("{} with reserved BTH bits set", many(t.count, "packet"))
        });
        self.tallied(half, Kind::Version, &W_06, Error, |t| {
            format!(
                "{} with transport header version {}: receivers know version 0 only and drop them",
                many(t.count, "packet"),
                t.example[0]
            )
        });
        self.tallied(half, Kind::SourcePort, &W_08, Note, |t| {
            format!(
                "UDP source port {} lies outside 49152 to 65535, where RoCEv2 senders take theirs \
                 from",
                t.example[0]
            )
        });
        self.tallied(half, Kind::SourcePortChanged, &W_08, Note, |t| {
            format!(
                "the UDP source port changed {} (first from {} to {}): the flow may change its \
                 path and be reordered",
                many(t.count, "time"),
                t.example[0],
                t.example[1]
            )
        });
        self.tallied(half, Kind::PadCount, &W_10, Error, |t| {
            format!(
                "{} whose pad count does not round the payload up to four bytes (first: {} bytes, \
                 pad {})",
                many(t.count, "packet"),
                t.example[0],
                t.example[1]
            )
        });
        self.tallied(half, Kind::Length, &W_19, Note, |t| {
            format!("{} without Don't Fragment", many(t.count, "IPv4 packet"))
        });
        self.tallied(half, Kind::Fragment, &W_19, Error, |t| {
            format!(
                "{} in fragments: RDMA NICs do not put them together",
                many(t.count, "IPv4 packet")
            )
        });
        self.migration(half);
    }

    fn migration(&mut self, half: &Half) {
        let Some(peer) = half.peer.map(|j| &self.follower.halves[j as usize]) else {
            return;
        };
        // Notifications belong to no connection.
        if half.only_cnps || peer.only_cnps {
            return;
        }
        // Once per connection.
        if half.migreq == peer.migreq || half.key.anywhere() > peer.key.anywhere() {
            return;
        }
        let of = |yes| if yes { 1 } else { 0 };
        let cause = format!(
            "{} sends MigReq {}, {} sends {}: some NICs treat the other value as a path migration \
             and become slow",
            half.src,
            of(half.migreq),
            half.dst,
            of(peer.migreq)
        );
        self.add(&W_07, Note, self.way(half), cause);
        self.evidence(1, vec![half.first_frame, peer.first_frame]);
    }

    fn order(&mut self, half: &Half) {
        let lost = self.dropped(half.key.interface);
        let found = self.tallied(half, Kind::Sequence, &W_12, Error, |t| {
            format!(
                "{} out of the order first, middle, last",
                many(t.count, "packet")
            )
        });
        if found && lost > 0 {
            self.undecided(format!("the capturing system lost {lost} frames"));
        }
        self.tallied(half, Kind::PayloadLength, &W_13, Error, |t| {
            format!(
                "{} whose payload does not suit its place in the message (first: {} bytes, \
                 MTU {})",
                many(t.count, "packet"),
                t.example[0],
                t.example[1]
            )
        });
        let all = half.requests.messages.total;
        self.tallied(half, Kind::NoAckRequest, &W_20, Note, |t| {
            format!(
                "{} of {} ended without asking for an ACK: the loss of its last packet shows only \
                 when more follows, or by timeout",
                t.count,
                many(all.max(t.count), "message")
            )
        });
    }

    fn answers(&mut self, half: &Half) {
        self.tallied(half, Kind::CnpFormat, &W_15, Error, |t| {
            format!(
                "{} not as they should be, which is BECN set and 16 zero bytes (first: BECN {}, \
                 {} bytes)",
                many(t.count, "CNP"),
                t.example[0],
                t.example[1]
            )
        });
        self.tallied(half, Kind::Syndrome, &W_16, Error, |t| {
            format!(
                "{} with a reserved AETH syndrome (first: 0x{:02x})",
                many(t.count, "answer"),
                t.example[0]
            )
        });
        let lost = self.dropped(half.key.interface);
        let found = self.tallied(half, Kind::Msn, &W_16, Error, |t| {
            format!(
                "{} whose message sequence number goes back (first: from {} to {})",
                many(t.count, "answer"),
                t.example[0],
                t.example[1]
            )
        });
        if found && lost > 0 {
            self.undecided(format!("the capturing system lost {lost} frames"));
        }
    }

    fn marks(&mut self, half: &Half) {
        let (data, answers) = (&half.data, &half.answer_marks);
        if let Some(frame) = data.changed {
            let cause = "DSCP, PCP or ECN capability of the data changed under way: part of it \
                         travels in another class"
                .to_owned();
            self.add(&W_18, Warning, self.way(half), cause);
            self.evidence(1, vec![half.first_frame, frame]);
        } else if answers.seen && data.seen && data.marking.dscp != answers.marking.dscp {
            let cause = format!(
                "data leaves with DSCP {}, ACKs with DSCP {}: they travel in different classes",
                data.marking.dscp, answers.marking.dscp
            );
            self.add(&W_18, Note, self.way(half), cause);
            self.evidence(1, vec![half.first_frame]);
        }
        self.tallied(half, Kind::CeWithoutEct, &CC_14, Error, |t| {
            format!(
                "{} marked CE when they left their source: only the network may mark",
                many(t.count, "packet")
            )
        });
    }

    fn stray(&mut self) {
        if let Some(tally) = self.follower.stray.get(Kind::BadIcrc) {
            let cause = format!(
                "{} with a wrong ICRC on no connection of this capture",
                many(tally.count, "packet")
            );
            self.add(&W_01, Error, "RoCE".to_owned(), cause);
            self.evidence(tally.count, tally.frames());
        }
    }

    fn unverified(&mut self) {
        let halves = &self.follower.halves;
        let cut: u64 = halves.iter().map(|h| h.unverified_icrc).sum();
        if cut == 0 {
            return;
        }
        let frames = halves
            .iter()
            .filter(|h| h.unverified_icrc > 0)
            .map(|h| h.first_frame)
            .collect();
        let check = if halves.iter().any(|h| h.src.is_ipv4() || h.v1) {
            &W_01
        } else {
            &W_02
        };
        let cause = format!("the ICRC of {} could not be verified", many(cut, "packet"));
        self.add(check, Note, "RoCE".to_owned(), cause);
        self.evidence(cut, frames);
        let share = share(cut, cut.max(self.context.cut));
        self.undecided(format!(
            "frames are cut in the capture ({share} of the cut frames are RoCE)"
        ));
        self.cure("Capture whole frames (snap length 0).");
    }
}

fn keep_best(
    best: &mut BTreeMap<Key, (Place, usize)>,
    half: &Half,
    new: (Place, usize),
    better: impl Fn((Place, usize), (Place, usize)) -> bool,
) {
    let entry = best.entry(half.key.anywhere()).or_insert(new);
    if better(new, *entry) {
        *entry = new;
    }
}
