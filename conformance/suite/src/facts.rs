//! Evidence, dissected: what judges look at.

use super::evidence::{Evidence, Flow};
use super::expect::{self, Expect};
use std::cell::OnceCell;
use xoff_model::rules::{Class, classify};
use xoff_trace::analyzer::{Analyzer, Options};
use xoff_trace::capture::{Direction, Frame, Interface};
use xoff_trace::report::TraceReport;
use xoff_wire::dissect::{Body, Dissected, Link, dissect};
use xoff_wire::psn;
use xoff_wire::roce::Packet;

/// A frame, dissected.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Position in the evidence from 0.
    pub index: usize,
    /// Its number in the capture that was read or is kept, from 1.
    pub number: u64,
    pub at_ns: u64,
    pub host: usize,
    pub out: bool,
    pub bytes: &'a [u8],
    /// Bytes at its end that are not known.
    pub cut: u32,
    pub frame: Dissected<'a>,
    pub class: Class,
}

impl<'a> Seen<'a> {
    pub fn roce(&self) -> Option<&Packet<'a>> {
        match &self.frame.body {
            Body::Roce(packet) => Some(packet),
            _ => None,
        }
    }

    /// It is not what it claims to be, or too little of it was captured to say.
    pub fn is_malformed(&self) -> bool {
        matches!(self.frame.body, Body::Malformed(_))
    }
}

/// Evidence with every frame dissected.
#[derive(Debug)]
pub struct Facts<'a> {
    pub evidence: &'a Evidence,
    pub seen: Vec<Seen<'a>>,
    /// What the stack under test may do its own way. That of the simulator, unless told.
    pub expect: Expect,
    analyzed: OnceCell<TraceReport>,
}

/// Which half of a queue pair's packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// From the requester: data, requests.
    Requests,
    /// From the responder: acknowledgements, READ responses, CNPs.
    Answers,
}

impl<'a> Facts<'a> {
    pub fn new(evidence: &'a Evidence) -> Facts<'a> {
        let seen = |(index, frame): (usize, &'a super::evidence::Frame)| {
            let len = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
            let dissected = dissect(Link::Ethernet, &frame.bytes, len.saturating_add(frame.cut));
            Seen {
                index,
                number: frame.number.unwrap_or(index as u64 + 1),
                at_ns: frame.at_ns,
                host: frame.host,
                out: frame.out,
                bytes: &frame.bytes,
                cut: frame.cut,
                frame: dissected,
                class: classify(&dissected),
            }
        };
        let seen = evidence.frames.iter().enumerate().map(seen).collect();
        Facts {
            evidence,
            seen,
            expect: expect::SIM,
            analyzed: OnceCell::new(),
        }
    }

    /// What the trace analyzer makes of the frames as their hosts sent them; they keep their numbers.
    pub fn analyzed(&self) -> &TraceReport {
        self.analyzed.get_or_init(|| {
            let mut analyzer = Analyzer::new(Options::default());
            analyzer.interface(0, &Interface::default());
            for seen in self.seen.iter().filter(|seen| seen.out) {
                let captured = u32::try_from(seen.bytes.len()).unwrap_or(u32::MAX);
                analyzer.frame(&Frame {
                    number: seen.number,
                    timed: true,
                    at_ns: seen.at_ns,
                    interface: 0,
                    direction: Direction::Unknown,
                    original_len: captured.saturating_add(seen.cut),
                    data: seen.bytes,
                });
            }
            analyzer.finish(&[], None)
        })
    }

    /// The same, of a stack of another kind.
    pub fn expecting(self, expect: Expect) -> Facts<'a> {
        Facts { expect, ..self }
    }

    /// Why frames may be missing between those that are there.
    pub fn holes(&self) -> Option<String> {
        let missing = &self.evidence.missing;
        match (missing.lost, missing.foreign) {
            (0, 0) => None,
            (0, n) => Some(format!("{n} packets have no Ethernet headers")),
            (n, _) => Some(format!("{n} frames were lost while they were captured")),
        }
    }

    /// Why what came is not known to the end, or not to the last byte.
    pub fn incomplete(&self) -> Option<String> {
        let cut = |seen: &&Seen<'_>| seen.cut > 0 && (seen.roce().is_some() || seen.is_malformed());
        let found = self.holes().or_else(|| self.evidence.missing.end.clone());
        let found = found.or_else(|| self.limit());
        found.or_else(|| {
            let first = self.seen.iter().find(cut)?.number;
            Some(format!("frames are cut, such as frame {first}"))
        })
    }

    /// Why the last frame is not the end.
    pub fn limit(&self) -> Option<String> {
        let last = self.seen.last().filter(|_| self.evidence.cut)?.number;
        Some(format!(
            "frames after frame {last} are too many to be judged"
        ))
    }

    /// RoCE packets as their senders sent them.
    pub fn sent(&self) -> impl Iterator<Item = (&Seen<'a>, &Packet<'a>)> {
        let out = self.seen.iter().filter(|seen| seen.out);
        out.filter_map(|seen| Some((seen, seen.roce()?)))
    }

    /// RoCE packets as they arrived, after the wire.
    pub fn arrived(&self) -> impl Iterator<Item = (&Seen<'a>, &Packet<'a>)> {
        let arrived = self.seen.iter().filter(|seen| !seen.out);
        arrived.filter_map(|seen| Some((seen, seen.roce()?)))
    }

    /// Packets of a flow at one of its ends: `out` as sent, otherwise as they arrived.
    pub fn of(
        &self,
        flow: &Flow,
        half: Half,
        out: bool,
    ) -> impl Iterator<Item = (&Seen<'a>, &Packet<'a>)> {
        let (from, to, qpn) = match half {
            Half::Requests => (flow.requester, flow.responder, flow.qpn[1]),
            Half::Answers => (flow.responder, flow.requester, flow.qpn[0]),
        };
        let host = if out { from } else { to };
        let here = self
            .seen
            .iter()
            .filter(move |seen| seen.out == out && seen.host == host);
        here.filter_map(move |seen| {
            let packet = seen.roce().filter(|packet| packet.bth.dest_qp == qpn)?;
            Some((seen, packet))
        })
    }

    /// A PSN relative to the flow's first.
    pub fn relative(flow: &Flow, psn: u32) -> u32 {
        psn::sub(psn, flow.first_psn)
    }
}
