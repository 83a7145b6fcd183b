//! One pass over a capture: every frame to the follower that it concerns.

use super::buckets::{Buckets, Merge, STEPS};
use super::icrc;
use super::malformed::Malformed;
use super::reassembly::Place;
use super::report::{CaptureSummary, TraceReport};
use super::smb::{Rdma, RdmaKey, SendPacket};
use super::timeline::{FlowCell, FlowRow, Timeline};
use super::words::{self, grouped, many};
use super::{links, pause, rate, rc, tcp};
use crate::capture::read::{CaptureError, Reader};
use crate::capture::{Frame, Interface, InterfaceStats, LinkType};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use xoff_checks::capture::T_01;
use xoff_checks::catalogue::Check;
use xoff_checks::congestion::CC_02;
use xoff_checks::finding::{FRAMES_KEPT, Finding, Severity, Where};
use xoff_checks::pause::P_20;
use xoff_checks::rc::{RC_07, RC_08, RC_14, RC_40};
use xoff_model::units::BitRate;
use xoff_wire::dissect::{self, Body, Dissected, Link};
use xoff_wire::{WireError, ethernet, roce};

/// Checks that times decide.
const BY_TIME: [&Check; 6] = [&RC_07, &RC_08, &RC_14, &RC_40, &CC_02, &P_20];
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

/// Analyses a whole capture. What was read before an error is kept and marked as partial.
///
/// # Errors
/// If not one frame or block could be read.
pub fn analyze(mut reader: Reader, options: Options) -> Result<TraceReport, CaptureError> {
    let mut analyzer = Analyzer::new(options);
    let mut known = 0;
    let mut any = false;
    let ended = loop {
        match reader.advance() {
            Ok(true) => {}
            Ok(false) => break None,
            Err(e) if any => break Some(e),
            Err(e) => return Err(e),
        }
        any = true;
        for interface in &reader.interfaces()[known..] {
            analyzer.interface(known as u32, interface);
            known += 1;
        }
        analyzer.frame(&reader.frame());
    };
    // Those without frames.
    for interface in &reader.interfaces()[known..] {
        analyzer.interface(known as u32, interface);
        known += 1;
    }
    Ok(analyzer.finish(reader.stats(), ended.map(|e| e.partial())))
}

/// Analyses a capture frame by frame. Memory grows with the flows, not with the frames.
pub struct Analyzer {
    options: Options,
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
    tcp: tcp::TcpFollower,
    rates: rate::Observer,
    icrc: icrc::Judge,
    malformed: Malformed,
    /// Which interface first saw SENDs to a queue pair.
    sends: FxHashMap<(IpAddr, IpAddr, u32), u32>,
}

struct InterfaceState {
    interface: Interface,
    /// None: a link type that xoff does not read.
    link: Option<Link>,
    frames: u64,
    /// Of its last frame, and the greatest.
    before_ns: u64,
    last_ns: u64,
}

impl Analyzer {
    pub fn new(options: Options) -> Analyzer {
        Analyzer {
            options,
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
            pause: pause::Follower::new(options.link_rate.map(BitRate::bps)),
            links: links::Follower::new(),
            tcp: tcp::TcpFollower::new(),
            rates: rate::Observer::default(),
            icrc: icrc::Judge::default(),
            malformed: Malformed::default(),
            sends: FxHashMap::default(),
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
            before_ns: 0,
            last_ns: 0,
        });
        self.rc.interface(id, interface);
        self.pause.interface(id, interface);
    }

    /// The next frame.
    pub fn frame(&mut self, f: &Frame<'_>) {
        let summary = &mut self.summary;
        summary.frames += 1;
        summary.bytes += f.data.len() as u64;
        summary.cut_frames += u64::from(f.data.len() < f.original_len as usize);
        let Some(state) = self.interfaces.get_mut(f.interface as usize) else {
            return;
        };
        state.frames += 1;
        time(summary, state, f);
        let Some(link) = state.link else {
            let name = other_link(state.interface.link_type);
            summary.unread_frames += 1;
            return self.other(name);
        };
        let mut dissected = Dissected::default();
        dissect::dissect_into(link, f.data, f.original_len, &mut dissected);
        if f.timed {
            self.rates
                .frame(f.interface, dissected.ethernet.src, f.at_ns, f.original_len);
        }
        self.dissected(f, &dissected);
    }

    fn dissected(&mut self, f: &Frame<'_>, d: &Dissected<'_>) {
        let eth = &d.ethernet;
        match &d.body {
            Body::Roce(packet) => {
                self.roce[usize::from(packet.sport.is_none())] += 1;
                if self.icrc.idle(packet) {
                    self.roce(f, eth, packet, false);
                } else {
                    self.doubtful(f, eth, packet);
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

    #[inline]
    fn roce(
        &mut self,
        f: &Frame<'_>,
        eth: &ethernet::Repr,
        packet: &roce::Packet<'_>,
        overlook: bool,
    ) {
        if let Some(send) = self.rc.packet(f, eth, packet, overlook) {
            self.send(f, packet, &send);
        }
    }

    /// A packet while there are ICRCs of which nobody knows what they say.
    #[cold]
    fn doubtful(&mut self, f: &Frame<'_>, eth: &ethernet::Repr, packet: &roce::Packet<'_>) {
        let asked = self.icrc.asks(f, packet);
        let trusted = asked && self.rc.knows(f.interface, packet.network.src);
        if self.icrc.wait(f, packet, trusted, !self.rc.is_empty()) {
            return self.release();
        }
        let overlook = self.icrc.overlooks(f, packet);
        self.roce(f, eth, packet, overlook);
    }

    /// Takes what waited, if it has waited long enough.
    fn release(&mut self) {
        while let Some(held) = self.icrc.release() {
            let f = held.frame();
            let state = self.interfaces.get(held.interface as usize);
            let Some(link) = state.and_then(|s| s.link) else {
                continue;
            };
            let dissected = dissect::dissect(link, f.data, f.original_len);
            if let Body::Roce(packet) = &dissected.body {
                let overlook = self.icrc.overlooks(&f, packet);
                self.roce(&f, &dissected.ethernet, packet, overlook);
            }
        }
    }

    /// A SEND over RoCE may be SMB Direct. Several interfaces may see it: the first one tells.
    fn send(&mut self, f: &Frame<'_>, packet: &roce::Packet<'_>, send: &rc::Send) {
        let [src, dst] = [packet.network.src, packet.network.dst];
        let ends = [src, dst].map(|ip| SocketAddr::new(ip, 0));
        let seen = *self
            .sends
            .entry((src, dst, packet.bth.dest_qp))
            .or_insert(f.interface);
        let key = RdmaKey {
            rdma: Rdma::Roce,
            id: u64::from(send.pair),
        };
        let direction = send.direction();
        if send.gap {
            self.tcp.rdma_gap(key, direction);
        }
        let place = Place {
            frame: f.number,
            at_ns: f.at_ns,
        };
        let piece = SendPacket {
            ends: if direction == 0 {
                ends
            } else {
                [ends[1], ends[0]]
            },
            direction,
            octets: packet.payload,
            wire_len: packet.payload_len,
            first: send.first,
            last: send.last,
        };
        if seen != f.interface || !self.tcp.rdma_send(key, place, &piece) {
            self.rc.ignore_sends(send);
        }
    }

    fn other(&mut self, name: Cow<'static, str>) {
        *self.others.entry(name).or_insert(0) += 1;
    }

    fn malformed(&mut self, f: &Frame<'_>, error: &WireError) {
        if dissect::is_cut(f.original_len, f.data.len()) {
            self.summary.unread_frames += 1;
            return self.other(Cow::Borrowed("cut within its headers"));
        }
        self.summary.malformed += 1;
        self.malformed.add(f.interface, f.number, error);
        if self.summary.malformed_examples.len() < EXAMPLES {
            let example = (f.number, error.to_string());
            self.summary.malformed_examples.push(example);
        }
    }

    /// Everything that was found. `partial`: why reading stopped before the end.
    pub fn finish(mut self, stats: &[InterfaceStats], partial: Option<String>) -> TraceReport {
        self.icrc.decide(!self.rc.is_empty());
        self.release();
        self.summary.partial = partial;
        self.summary.malformed_roce = self.malformed.roce;
        self.summary.protocols = self.protocols();
        let ends = self.ends(stats);
        let end_of = |interface: u32| ends.get(interface as usize).copied().unwrap_or(0);
        let stats_of = |i: usize| stats.get(i).copied().unwrap_or_default();
        let states = self.interfaces.into_iter().enumerate();
        self.summary.interfaces = states
            .map(|(i, state)| (state.interface, stats_of(i), state.frames))
            .collect();
        let rates = self.rates.finish();
        let mut pauses = self.pause.finish(end_of, &rates, &self.summary);
        let links = self.links.finish(&self.summary);
        let (smb, iwarp, tcp, stream_findings) = self.tcp.finish();
        let mut report = TraceReport {
            capture: self.summary,
            pauses: std::mem::take(&mut pauses.ports),
            links: links.links,
            rates,
            smb,
            iwarp,
            tcp,
            ..TraceReport::default()
        };
        let queue_pairs = self.rc.finish(&report, &end_of);
        if self.options.timeline {
            report.timeline = Some(timeline(&queue_pairs, &pauses));
        }
        report.connections = queue_pairs.connections;
        let mut findings = pauses.findings;
        findings.extend(links.findings);
        findings.extend(queue_pairs.findings);
        findings.extend(stream_findings);
        findings.extend(self.icrc.finding());
        findings.extend(self.malformed.findings(&report.capture));
        findings.extend(times(&report.capture));
        if report.capture.timeless() {
            let by_time = findings.iter_mut().filter(|f| BY_TIME.contains(&f.check));
            for finding in by_time.filter(|f| f.inconclusive.is_none()) {
                finding.inconclusive = Some("the capture has no times".to_owned());
            }
        }
        debug_assert!(findings.iter().all(|f| crate::MADE.contains(&f.check)));
        report.findings = merge(findings);
        report
    }

    /// When the capture of each interface ended: what the file says, or else its last frame.
    fn ends(&self, stats: &[InterfaceStats]) -> Vec<u64> {
        let states = self.interfaces.iter().enumerate();
        states
            .map(|(i, state)| {
                let stated = stats.get(i).and_then(|s| s.end_ns);
                stated.unwrap_or(0).max(state.last_ns)
            })
            .collect()
    }

    /// Frames by protocol, most frequent first.
    fn protocols(&mut self) -> Vec<(String, u64)> {
        let known = [
            ("RoCEv2", self.roce[0]),
            ("RoCEv1", self.roce[1]),
            ("PFC and pause", self.pauses),
            ("LLDP", self.lldp),
            ("TCP", self.tcp_frames),
            ("malformed RoCE", self.malformed.roce),
            ("malformed", self.summary.malformed - self.malformed.roce),
        ];
        let others = std::mem::take(&mut self.others);
        let known = known.into_iter().filter(|&(_, count)| count > 0);
        let mut all: Vec<(String, u64)> = known
            .map(|(name, count)| (name.to_owned(), count))
            .chain(others.into_iter().map(|(name, n)| (name.into_owned(), n)))
            .collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        all
    }
}

/// Notes when a frame came, and whether the clock ran backwards.
#[inline]
fn time(summary: &mut CaptureSummary, state: &mut InterfaceState, f: &Frame<'_>) {
    if !f.timed {
        summary.untimed_frames += 1;
        return;
    }
    // Interfaces of one file need not be in step.
    summary.first_ns = Some(summary.first_ns.map_or(f.at_ns, |t| t.min(f.at_ns)));
    summary.last_ns = Some(summary.last_ns.map_or(f.at_ns, |t| t.max(f.at_ns)));
    state.last_ns = state.last_ns.max(f.at_ns);
    if f.at_ns < state.before_ns {
        let back = &mut summary.backwards;
        back.frames += 1;
        if back.frames == 1 {
            back.first_frame = f.number;
        }
        back.most_ns = back.most_ns.max(state.before_ns - f.at_ns);
    }
    state.before_ns = f.at_ns;
}

/// What times are missing, and which are not in order: T-01.
fn times(capture: &CaptureSummary) -> Vec<Finding> {
    let finding = |cause: String, count: u64, frames: Vec<u64>, cure: &str| Finding {
        check: &T_01,
        severity: Severity::Note,
        inconclusive: Some("how long things took is not known where times are missing".to_owned()),
        subject: "capture".to_owned(),
        cause,
        cure: cure.to_owned(),
        count,
        at: Where::Frames(frames),
    };
    let mut findings = Vec::new();
    let untimed = capture.untimed_frames;
    if untimed > 0 {
        let which = match untimed == capture.frames {
            true => "no frame has a time".to_owned(),
            false => format!(
                "{} of {} have no time; each counts as coming with the one before",
                grouped(untimed),
                many(capture.frames, "frame")
            ),
        };
        let cure = "Capture into packet blocks with time stamps (pcap, or pcapng's enhanced ones).";
        findings.push(finding(which, untimed, Vec::new(), cure));
    }
    let back = capture.backwards;
    if back.frames > 0 {
        let cause = format!(
            "the clock runs backwards at {}, by up to {}: spans across are not counted",
            many(back.frames, "frame"),
            words::time(back.most_ns)
        );
        let cure = "Capture with one clock; `reordercap` sorts frames that are out of order.";
        findings.push(Finding {
            inconclusive: None,
            ..finding(cause, back.frames, vec![back.first_frame], cure)
        });
    }
    findings
}

/// What frames of a link type are called that is not read; numbers are those of pcap's registry.
fn other_link(link: LinkType) -> Cow<'static, str> {
    let LinkType::Other(number) = link else {
        return Cow::Borrowed("unknown link type");
    };
    Cow::Borrowed(match number {
        0 | 108 => "BSD loopback (not read)",
        105 | 119 | 127 | 163 => "802.11 (not read)",
        187 | 201 => "Bluetooth (not read)",
        189 | 220 | 249 => "USB (not read)",
        247 => "InfiniBand (not read)",
        _ => return Cow::Owned(format!("link type {number} (not read)")),
    })
}

/// Both kinds of rows in the same steps: the longest that any of them has.
fn timeline(queue_pairs: &rc::Output, pauses: &pause::Outcome) -> Timeline {
    let cells = || pauses.activity.iter().map(|a| &a.cells);
    let mut start_ns = cells().map(Buckets::start_ns).min().unwrap_or(u64::MAX);
    let mut step_ns = cells().map(Buckets::step_ns).max().unwrap_or(0);
    if !queue_pairs.flows.is_empty() {
        start_ns = start_ns.min(queue_pairs.start_ns);
        step_ns = step_ns.max(queue_pairs.step_ns);
    }
    let flows = queue_pairs.flows.iter().map(|row| FlowRow {
        cells: refold(queue_pairs, &row.cells, start_ns, step_ns),
        ..*row
    });
    let rows = pauses.activity.iter().map(|a| a.row(start_ns, step_ns));
    Timeline {
        start_ns,
        step_ns,
        steps: STEPS,
        flows: flows.collect(),
        pauses: rows.collect(),
    }
}

/// The cells of a flow in other steps, no shorter than its own.
fn refold(from: &rc::Output, cells: &[FlowCell], start_ns: u64, step_ns: u64) -> Vec<FlowCell> {
    let mut folded = vec![FlowCell::default(); STEPS];
    for (i, cell) in cells.iter().enumerate() {
        let at = (i as u64).saturating_mul(from.step_ns);
        let at = from.start_ns.saturating_add(at);
        let index = at.saturating_sub(start_ns) / step_ns.max(1);
        let index = usize::try_from(index).unwrap_or(STEPS);
        folded[index.min(STEPS - 1)].merge(cell);
    }
    folded
}

/// Subjects that a finding names when the same holds of several.
const SUBJECTS: usize = 4;

/// The worst first, what could not be decided last. What is said in the same words of several
/// subjects is said once.
fn merge(mut findings: Vec<Finding>) -> Vec<Finding> {
    let rank = |f: &Finding| (f.inconclusive.is_some(), std::cmp::Reverse(f.severity));
    let words = |f: &Finding| {
        (
            f.check.id,
            f.inconclusive.clone(),
            f.cause.clone(),
            f.cure.clone(),
        )
    };
    findings.sort_by(|a, b| {
        (rank(a), words(a), a.frames().first()).cmp(&(rank(b), words(b), b.frames().first()))
    });
    let mut merged: Vec<Finding> = Vec::new();
    for group in findings.chunk_by(|a, b| (rank(a), words(a)) == (rank(b), words(b))) {
        let mut all = group[0].clone();
        let subjects: BTreeSet<&str> = group.iter().map(|f| f.subject.as_str()).collect();
        if subjects.len() > 1 {
            let named: Vec<&str> = group.iter().map(|f| f.subject.as_str()).collect();
            let shown = named[..named.len().min(SUBJECTS)].join("; ");
            let rest = named.len().saturating_sub(SUBJECTS);
            all.subject = match rest {
                0 => shown,
                _ => format!("{shown}; and {rest} more"),
            };
        }
        all.count = group.iter().map(|f| f.count).sum();
        let frames: BTreeSet<u64> = group.iter().flat_map(|f| f.frames()).copied().collect();
        all.at = Where::Frames(frames.into_iter().take(FRAMES_KEPT).collect());
        merged.push(all);
    }
    // Causes of one check and severity in the order of the capture.
    merged.sort_by(|a, b| {
        (rank(a), a.check.id, a.frames().first()).cmp(&(rank(b), b.check.id, b.frames().first()))
    });
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use xoff_checks::dcbx::X_08;
    use xoff_wire::bth::{Aeth, Bth, Extensions, Opcode};
    use xoff_wire::smbd::{NegotiateRequest, NegotiateResponse};
    use xoff_wire::{Mac, ip};

    fn finding(severity: Severity, subject: &str, cause: &str, frame: u64) -> Finding {
        Finding {
            check: &X_08,
            severity,
            inconclusive: None,
            subject: subject.to_owned(),
            cause: cause.to_owned(),
            cure: "mend it".to_owned(),
            count: 2,
            at: Where::Frames(vec![frame]),
        }
    }

    #[test]
    fn the_same_words_about_several_subjects_are_one_finding() {
        let mut all: Vec<Finding> = (0..6)
            .map(|i| finding(Severity::Note, &format!("h{i}"), "no PFC", 10 - i))
            .collect();
        all.push(finding(Severity::Error, "h9", "lost", 50));
        let merged = merge(all);
        assert_eq!(merged.len(), 2);
        assert_eq!(merged[0].cause, "lost");
        assert_eq!(merged[1].subject, "h5; h4; h3; h2; and 2 more");
        assert_eq!(merged[1].count, 12);
        assert_eq!(merged[1].frames(), [5, 6, 7, 8, 9, 10]);
    }

    /// A SEND of a connection: 0 from client to server.
    fn send_frame(direction: usize, psn: u32, opcode: u8, payload: &[u8]) -> Vec<u8> {
        let ip = |n: usize| IpAddr::from([10, 0, 0, n as u8 + 1]);
        let mac = |n: usize| Mac([2, 0, 0, 0, 0, n as u8 + 1]);
        let ack = opcode == 0x11;
        let repr = roce::Repr {
            ethernet: ethernet::Repr {
                src: mac(direction),
                dst: mac(1 - direction),
                ..ethernet::Repr::default()
            },
            network: ip::Network {
                kind: ip::Kind::whole_v4(0),
                src: ip(direction),
                dst: ip(1 - direction),
                dscp: 26,
                ecn: ip::Ecn::Ect0,
                ttl: 64,
                protocol: 17,
                payload_len: 0,
            },
            sport: Some(0xc123),
            bth: Bth {
                opcode: Opcode(opcode),
                dest_qp: 0x20 + direction as u32,
                ack_request: !ack,
                psn,
                pkey: 0xffff,
                ..Bth::default()
            },
            extensions: Extensions {
                aeth: ack.then_some(Aeth {
                    syndrome: 0x1f,
                    msn: 1,
                }),
                ..Extensions::default()
            },
            payload_len: payload.len() as u32,
            spoil_icrc: false,
        };
        let mut frame = Vec::new();
        repr.emit(&mut frame, |bytes| bytes.copy_from_slice(payload));
        frame
    }

    #[test]
    fn smb_direct_is_followed_over_roce_and_once_for_several_interfaces() {
        const SEND_ONLY: u8 = 0x04;
        const ACK: u8 = 0x11;
        let request = NegotiateRequest {
            min_version: 0x0100,
            max_version: 0x0100,
            credits_requested: 10,
            preferred_send_size: 1_364,
            max_receive_size: 8_192,
            max_fragmented_size: 1 << 20,
        };
        let mut asks = [0; NegotiateRequest::LEN];
        request.emit(&mut asks);
        let response = NegotiateResponse {
            min_version: 0x0100,
            max_version: 0x0100,
            negotiated_version: 0x0100,
            credits_requested: 10,
            credits_granted: 10,
            status: 0,
            max_read_write_size: 1 << 20,
            preferred_send_size: 1_364,
            max_receive_size: 1_364,
            max_fragmented_size: 1 << 20,
        };
        let mut answers = [0; NegotiateResponse::LEN];
        response.emit(&mut answers);
        let frames = [
            send_frame(0, 100, SEND_ONLY, &asks),
            send_frame(1, 100, ACK, &[]),
            send_frame(1, 7_000, SEND_ONLY, &answers),
            send_frame(0, 7_000, ACK, &[]),
        ];
        let mut analyzer = Analyzer::new(Options::default());
        analyzer.interface(0, &Interface::default());
        analyzer.interface(1, &Interface::default());
        for (i, data) in frames.iter().enumerate() {
            for interface in [0, 1] {
                analyzer.frame(&Frame {
                    number: 2 * i as u64 + u64::from(interface) + 1,
                    at_ns: 1_000 * i as u64 + u64::from(interface),
                    timed: true,
                    interface,
                    direction: crate::capture::Direction::Unknown,
                    original_len: data.len() as u32,
                    data,
                });
            }
        }
        let report = analyzer.finish(&[], None);
        assert_eq!(report.connections.len(), 2, "one view per interface");
        let [direct] = report.smb.direct.as_slice() else {
            panic!("one SMB Direct connection: {:?}", report.smb.direct);
        };
        assert_eq!(direct.client, IpAddr::from([10, 0, 0, 1]));
        assert_eq!(direct.server, IpAddr::from([10, 0, 0, 2]));
        assert_eq!(direct.request, request);
        assert_eq!(direct.response, Some(response));
    }
}
