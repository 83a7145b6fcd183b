//! CC-: marks and notifications.

use super::super::Spacing;
use super::{Case, Direction, many, share, time};
use crate::report::Vantage;
use std::collections::BTreeMap;
use xoff_checks::congestion::{CC_01, CC_02, CC_14};
use xoff_checks::finding::Severity::{Note, Warning};

/// Fewer CNPs than this say nothing of their spacing.
const ENOUGH: u64 = 8;

/// Least spacings of the CNPs of one host, ns.
#[derive(Clone, Copy, Debug, Default)]
struct Scopes {
    count: u64,
    port: Option<u64>,
    address: Option<u64>,
    pair: Option<u64>,
    addresses: u64,
    pairs: u64,
}

impl Case<'_> {
    pub(super) fn congestion(&mut self, d: &Direction<'_>) {
        if !d.receiver {
            return;
        }
        let (marked, cnps) = (d.report.ce_marked, d.report.cnps);
        let echoes = d.answers.map_or(0, |h| h.answers.echoes);
        if marked > 0 && d.report.counters.np_ecn_marked_roce_packets == 0 && echoes == 0 {
            let cause = format!(
                "{} of {} arrived marked CE, but the receiver sent no CNP at all: the sender is \
                 never told to slow down",
                many(marked, "packet"),
                d.report.data_packets
            );
            self.add(&CC_01, Warning, d.subject(), cause);
            let frame = d.from.map(|h| h.first_frame);
            self.evidence(marked, frame.into_iter().collect());
            if d.answers.is_none() {
                self.undecided("nothing that the receiver sent is in the capture".to_owned());
            }
        }
        if cnps > 0 && marked == 0 {
            let all = d.report.data_packets;
            let cause = format!(
                "{} came for this queue pair, but none of its {} was marked CE",
                many(cnps, "CNP"),
                many(all, "packet")
            );
            let at_receiver = matches!(
                (d.connection.vantage, d.direction),
                (Vantage::AtB, 0) | (Vantage::AtA, 1)
            );
            let severity = if at_receiver { Warning } else { Note };
            self.add(&CC_01, severity, d.subject(), cause);
            self.evidence(cnps, Vec::new());
            if !at_receiver {
                let why = "captured before the receiver: the marks may be set further on";
                self.undecided(why.to_owned());
            }
        }
        self.capability(d);
    }

    fn capability(&mut self, d: &Direction<'_>) {
        let (ect, all) = (d.report.ect_packets, d.report.data_packets);
        if ect > 0 && ect < all && !d.report.data.mixed {
            let cause = format!(
                "{} of the data is ECN-capable, the rest is not",
                share(ect, all)
            );
            self.add(&CC_14, Warning, d.subject(), cause);
            self.evidence(all - ect, Vec::new());
        }
    }

    /// CC-02: how far apart the CNPs of each host are, and which scope explains it.
    pub(super) fn notifications(&mut self) {
        let mut hosts: BTreeMap<(u128, u32), Scopes> = BTreeMap::new();
        let halves = &self.follower.halves;
        let mut ports: Vec<_> = self.follower.cnp_ports.iter().collect();
        ports.sort_unstable_by_key(|p| p.0);
        for (&(interface, src), spacing) in ports {
            let s = hosts.entry((src, interface)).or_default();
            s.count = spacing.count;
            s.port = spacing.span.min();
        }
        let mut pairs: Vec<(&(u32, u128, u128), &Spacing)> =
            self.follower.cnp_pairs.iter().collect();
        pairs.sort_unstable_by_key(|p| p.0);
        for (&(interface, src, _), spacing) in pairs {
            let s = hosts.entry((src, interface)).or_default();
            s.addresses += 1;
            s.address = least(s.address, spacing.span.min());
        }
        let mut names = BTreeMap::new();
        for half in halves.iter().filter(|h| h.answers.cnps > 0) {
            let key = (half.key.src, half.key.interface);
            let s = hosts.entry(key).or_default();
            s.pairs += 1;
            s.pair = least(s.pair, half.answers.cnp_spacing_ns);
            names.entry(key.0).or_insert((half.src, half.first_frame));
        }
        let mut told = None;
        for (&(src, _), s) in &hosts {
            if told == Some(src) || s.count < ENOUGH {
                continue;
            }
            told = Some(src);
            if let Some(&(address, frame)) = names.get(&src) {
                self.add(&CC_02, Note, address.to_string(), spacing_in_words(s));
                self.evidence(s.count, vec![frame]);
            }
        }
    }
}

fn least(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(x), Some(y)) => Some(x.min(y)),
        _ => a.or(b),
    }
}

fn spacing_in_words(s: &Scopes) -> String {
    let [port, address, pair] = [s.port, s.address, s.pair].map(|t| t.unwrap_or(0));
    let near = |wide: u64, narrow: u64| wide > 0 && wide >= narrow - narrow / 10;
    let scope = if s.pairs < 2 {
        "only one queue pair was notified, so the scope of the limit cannot be told"
    } else if near(port, pair) {
        "the limit holds for the whole port: one busy queue pair hides the congestion of others"
    } else if s.addresses >= 2 && near(address, pair) {
        "the limit holds per destination address"
    } else {
        "the limit holds per queue pair"
    };
    format!(
        "{} were sent, at least {} apart for a queue pair, {} for an address, {} in all; {scope}",
        many(s.count, "CNP"),
        time(pair),
        time(address),
        time(port)
    )
}
