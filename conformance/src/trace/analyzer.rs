//! One pass over a capture: every frame to the follower that it concerns.

use super::report::{CaptureSummary, TraceReport};
use super::{links, pause, rate, rc, tcp};
use crate::capture::{Frame, Interface, InterfaceStats, LinkType};
use std::borrow::Cow;
use std::collections::BTreeMap;
use xoff_sim::units::BitRate;
use xoff_sim::wire::dissect::{self, Body, Dissected, Link};
use xoff_sim::wire::{WireError, roce};

/// Malformed frames that the report shows.
const EXAMPLES: usize = 5;

/// What the analysis is to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Keep activity over time.
    pub timeline: bool,
    /// What links run at, where the capture does not say.
    pub link_rate: Option<BitRate>,
}

/// Analyses a capture frame by frame. Memory grows with the flows, not with the frames.
pub struct Analyzer {
    interfaces: Vec<InterfaceState>,
    summary: CaptureSummary,
    roce: [u64; 2],
    pauses: u64,
    lldp: u64,
    tcp_frames: u64,
    others: BTreeMap<Cow<'static, str>, u64>,
    rc: rc::Follower,
    pause: pause::Follower,
    links: links::Follower,
    tcp: tcp::Follower,
    rates: rate::Observer,
}

struct InterfaceState {
    interface: Interface,
    /// None: a link type that xoff does not read.
    link: Option<Link>,
    frames: u64,
    last_ns: u64,
}

impl Analyzer {
    pub fn new(options: Options) -> Analyzer {
        Analyzer {
            interfaces: Vec::new(),
            summary: CaptureSummary::default(),
            roce: [0; 2],
            pauses: 0,
            lldp: 0,
            tcp_frames: 0,
            others: BTreeMap::new(),
            rc: rc::Follower::new(rc::Options {
                timeline: options.timeline,
            }),
            pause: pause::Follower::new(options.link_rate),
            links: links::Follower::default(),
            tcp: tcp::Follower::default(),
            rates: rate::Observer::default(),
        }
    }

    /// An interface of the capture; they come in the order of their numbers, each before its frames.
    pub fn interface(&mut self, id: u32, interface: &Interface) {
        let link = match interface.link_type {
            LinkType::Ethernet => Some(Link::Ethernet),
            LinkType::RawIp => Some(Link::RawIp),
            LinkType::LinuxSll => Some(Link::LinuxSll),
            LinkType::LinuxSll2 => Some(Link::LinuxSll2),
            LinkType::Other(_) => None,
        };
        self.interfaces.push(InterfaceState {
            interface: interface.clone(),
            link,
            frames: 0,
            last_ns: 0,
        });
        self.rc.interface(id, interface);
        self.pause.interface(id, interface);
    }

    /// The next frame.
    pub fn frame(&mut self, f: &Frame<'_>) {
        let summary = &mut self.summary;
        if summary.frames == 0 {
            summary.first_ns = f.at_ns;
            summary.last_ns = f.at_ns;
        }
        summary.frames += 1;
        summary.bytes += f.data.len() as u64;
        // Interfaces of one file need not be in step.
        summary.first_ns = summary.first_ns.min(f.at_ns);
        summary.last_ns = summary.last_ns.max(f.at_ns);
        summary.cut_frames += u64::from(f.data.len() < f.original_len as usize);
        let Some(state) = self.interfaces.get_mut(f.interface as usize) else {
            return;
        };
        state.frames += 1;
        state.last_ns = state.last_ns.max(f.at_ns);
        let Some(link) = state.link else {
            return self.other(Cow::Borrowed("unknown link type"));
        };
        let dissected = dissect::dissect(link, f.data, f.original_len);
        self.rates
            .frame(f.interface, dissected.ethernet.src, f.at_ns, f.original_len);
        self.dissected(f, &dissected);
    }

    fn dissected(&mut self, f: &Frame<'_>, d: &Dissected<'_>) {
        let eth = &d.ethernet;
        match &d.body {
            Body::Roce(packet) => {
                self.roce[usize::from(packet.sport.is_none())] += 1;
                self.rc.packet(f, eth, packet);
                if packet.icrc != roce_invalid(packet) {
                    self.tcp.roce(f, packet);
                }
                self.pause.traffic(f, eth);
            }
            Body::Pause(pause) => {
                self.pauses += 1;
                self.pause.frame(f, eth, pause);
            }
            Body::Lldp(tlvs) => {
                self.lldp += 1;
                self.links.frame(f, eth, tlvs);
            }
            Body::Tcp(network, segment) => {
                self.tcp_frames += 1;
                self.tcp.segment(f, eth, network, segment);
                self.pause.traffic(f, eth);
            }
            Body::Other(other) => {
                self.pause.traffic(f, eth);
                self.other(other.name());
            }
            Body::Malformed(error) => self.malformed(f, error),
        }
    }

    fn other(&mut self, name: Cow<'static, str>) {
        *self.others.entry(name).or_insert(0) += 1;
    }

    fn malformed(&mut self, f: &Frame<'_>, error: &WireError) {
        if dissect::is_cut(f.original_len, f.data.len()) {
            return self.other(Cow::Borrowed("cut within its headers"));
        }
        self.summary.malformed += 1;
        if self.summary.malformed_examples.len() < EXAMPLES {
            let example = (f.number, error.to_string());
            self.summary.malformed_examples.push(example);
        }
    }

    /// Everything that was found. `partial`: why reading stopped before the end.
    pub fn finish(mut self, stats: &[InterfaceStats], partial: Option<String>) -> TraceReport {
        self.summary.partial = partial;
        self.summary.protocols = self.protocols();
        let ends: Vec<u64> = self.ends(stats);
        let end_of = |interface: u32| ends.get(interface as usize).copied().unwrap_or(0);
        let mut report = TraceReport::default();
        let of = |i: usize| stats.get(i).copied().unwrap_or_default();
        let states = self.interfaces.into_iter().enumerate();
        self.summary.interfaces = states
            .map(|(i, state)| (state.interface, of(i), state.frames))
            .collect();
        let last_ns = self.summary.last_ns;
        report.capture = self.summary;
        report.rates = self.rates.finish();
        let (pauses, mut findings) = self.pause.finish(&end_of);
        report.pauses = pauses;
        let (links, more) = self.links.finish(last_ns);
        report.links = links;
        findings.extend(more);
        let followed = self.rc.finish(&report, &end_of);
        report.connections = followed.connections;
        findings.extend(followed.findings);
        let streams = self.tcp.finish();
        report.smb = streams.smb;
        report.iwarp = streams.iwarp;
        findings.extend(streams.findings);
        findings.sort_by(|a, b| {
            let rank = |f: &crate::finding::Finding| {
                (f.inconclusive.is_some(), std::cmp::Reverse(f.severity))
            };
            (rank(a), a.id, &a.subject).cmp(&(rank(b), b.id, &b.subject))
        });
        report.findings = findings;
        report
    }
}
