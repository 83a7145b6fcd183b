//! TCP connections: which carry SMB or iWARP, and what their directions say in order.

#[cfg(test)]
mod tests;

use super::iwarp::{self, IwarpConnection, IwarpStream};
use super::reassembly::{Arrival, Half, Piece, Place, TcpCounters};
use super::smb::{self, RdmaKey, SendPacket, SmbFollower, SmbReport};
use crate::capture::Frame;
use rustc_hash::FxHashMap;
use serde::Serialize;
use std::net::SocketAddr;
use xoff_checks::finding::Finding;
use xoff_wire::dissect::Segment;
use xoff_wire::{ethernet, ip, mpa, smb2};

/// Totals over all TCP connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TcpSummary {
    pub connections: u64,
    pub iwarp: u64,
    /// Connections that were reset while neither side had finished.
    pub resets: u64,
    /// Segments of connections that another interface speaks for.
    pub other_views: u64,
    /// Connections that were forgotten to bound memory; their counts stay.
    pub evicted: u64,
    pub counters: TcpCounters,
}

/// Most connections that are followed at a time.
const STREAMS_MAX: usize = 1 << 16;
/// Most bytes held back over all connections.
const HELD_TOTAL_MAX: usize = 16 << 20;
/// Octets that tell what a stream carries.
const DECIDED_BY: usize = 16;

#[derive(Debug)]
struct Stream {
    flow: Flow,
    key: (SocketAddr, SocketAddr),
    interface: u32,
    /// Sequence number of the first SYN.
    syn: Option<u32>,
    halves: [Half; 2],
    finished: [bool; 2],
    last_ns: u64,
    app: App,
}

/// What an application needs to know of its connection.
#[derive(Clone, Copy, Debug)]
struct Flow {
    /// The initiator first, as far as that is known.
    ends: [SocketAddr; 2],
    /// Its start is in the capture.
    from_start: bool,
    iwarp_id: u64,
}

#[derive(Debug)]
enum App {
    /// The first octets, and the direction they go.
    Undecided(Vec<u8>, usize),
    /// Index of the follower's transport.
    Smb(usize),
    Iwarp(Box<IwarpStream>),
    Other,
}

enum Verdict {
    Smb,
    Iwarp,
    Other,
    /// More octets are needed.
    Wait,
}

impl Flow {
    fn smb_port(&self) -> bool {
        self.ends.iter().any(|e| e.port() == smb2::PORT)
    }

    fn netbios_port(&self) -> bool {
        self.ends.iter().any(|e| e.port() == smb2::NETBIOS_PORT)
    }

    fn verdict(&self, octets: &[u8]) -> Verdict {
        let key = &mpa::REQUEST_KEY[..octets.len().min(DECIDED_BY)];
        let session_request = self.netbios_port() && octets.first() == Some(&0x81);
        match octets {
            _ if smb::starts_message(octets) || session_request => Verdict::Smb,
            _ if octets.starts_with(key) && key.len() == DECIDED_BY => Verdict::Iwarp,
            _ if octets.starts_with(key) => Verdict::Wait,
            [0, ..] if octets.len() < 8 => Verdict::Wait,
            _ if self.smb_port() && !self.from_start => Verdict::Smb,
            _ => Verdict::Other,
        }
    }
}

impl App {
    fn piece(&mut self, flow: &Flow, direction: usize, piece: Piece<'_>, smb: &mut SmbFollower) {
        match self {
            App::Smb(transport) => smb.tcp_piece(*transport, direction, piece),
            App::Iwarp(stream) => stream.piece(direction, piece, smb),
            App::Undecided(head, first) => {
                let (Piece::Data { place, octets, .. }, true) =
                    (piece, head.is_empty() || *first == direction)
                else {
                    return self.without_start(flow, direction, piece, smb);
                };
                *first = direction;
                head.extend_from_slice(octets);
                let octets = std::mem::take(head);
                match flow.verdict(&octets) {
                    Verdict::Wait => *head = octets,
                    Verdict::Other => *self = App::Other,
                    verdict => {
                        *self = match verdict {
                            Verdict::Smb => {
                                let synced = flow.from_start || smb::starts_message(&octets);
                                App::Smb(smb.open(flow.ends, synced))
                            }
                            _ => App::Iwarp(Box::new(IwarpStream::new(
                                flow.ends,
                                direction,
                                flow.iwarp_id,
                                place,
                            ))),
                        };
                        let octets = &octets[..];
                        let piece = Piece::Data {
                            place,
                            octets,
                            segment_start: true,
                        };
                        self.piece(flow, direction, piece, smb);
                    }
                }
            }
            App::Other => {}
        }
    }

    /// A stream whose first octets nobody saw: only the port tells.
    fn without_start(
        &mut self,
        flow: &Flow,
        direction: usize,
        piece: Piece<'_>,
        smb: &mut SmbFollower,
    ) {
        *self = if flow.smb_port() {
            App::Smb(smb.open(flow.ends, false))
        } else {
            App::Other
        };
        self.piece(flow, direction, piece, smb);
    }
}

/// Follows TCP connections and what they carry.
#[derive(Debug, Default)]
pub struct TcpFollower {
    /// Indices of streams, by both ends in order.
    flows: FxHashMap<(SocketAddr, SocketAddr), usize>,
    streams: Vec<Stream>,
    held: usize,
    smb: SmbFollower,
    iwarp: Vec<IwarpConnection>,
    summary: TcpSummary,
}

impl TcpFollower {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a segment, in the order of the capture.
    pub fn segment(
        &mut self,
        frame: &Frame<'_>,
        _ethernet: &ethernet::Repr,
        network: &ip::Network,
        segment: &Segment<'_>,
    ) {
        let src = SocketAddr::new(network.src, segment.src_port);
        let dst = SocketAddr::new(network.dst, segment.dst_port);
        let place = Place {
            frame: frame.number,
            at_ns: frame.at_ns,
        };
        let index = self.stream(src, dst, frame.interface, segment);
        let Some(stream) = self.streams.get_mut(index) else {
            return;
        };
        if stream.interface != frame.interface {
            self.summary.other_views += 1;
            return;
        }
        stream.last_ns = stream.last_ns.max(frame.at_ns);
        let direction = usize::from(src != stream.flow.ends[0]);
        let counters = &mut stream.halves[direction].counters;
        counters.ce_marked += u64::from(network.ecn == ip::Ecn::Ce);
        counters.ece += u64::from(segment.ece && !segment.syn);
        let held_before = stream.held();
        stream.take(direction, place, segment, &mut self.smb);
        if self.held.saturating_sub(held_before) + stream.held() > HELD_TOTAL_MAX {
            stream.flush(&mut self.smb);
        }
        self.held = self.held.saturating_sub(held_before) + stream.held();
        let over = stream.finished == [true; 2] && stream.held() == 0;
        if segment.rst || over {
            let abrupt = segment.rst && stream.finished == [false; 2];
            self.summary.resets += u64::from(abrupt);
            stream.finished = [true; 2];
            self.held -= stream.held();
            stream.end(abrupt.then_some(place), &mut self.smb, &mut self.iwarp);
        }
    }

    /// A packet of a RoCE Send that is in order and was not seen before. True if it belongs to
    /// SMB Direct; false once means false for ever, the caller need not ask again.
    pub fn rdma_send(&mut self, key: RdmaKey, place: Place, packet: &SendPacket<'_>) -> bool {
        self.smb.rdma_send(key, place, packet)
    }

    /// Packets of Sends are missing from the capture.
    pub fn rdma_gap(&mut self, key: RdmaKey, direction: usize) {
        self.smb.rdma_gap(key, direction);
    }

    /// The results, and what is wrong.
    pub fn finish(mut self) -> (SmbReport, Vec<IwarpConnection>, TcpSummary, Vec<Finding>) {
        for stream in std::mem::take(&mut self.streams) {
            self.retire(stream);
        }
        self.summary.iwarp = self.iwarp.len() as u64;
        let report = self.smb.finish();
        let mut findings = smb::findings(&report);
        self.iwarp.sort_by_key(|c| c.first_frame);
        findings.extend(self.iwarp.iter().flat_map(iwarp::findings));
        (report, self.iwarp, self.summary, findings)
    }

    /// The stream of a segment; a SYN with a new number starts another one.
    fn stream(
        &mut self,
        src: SocketAddr,
        dst: SocketAddr,
        interface: u32,
        segment: &Segment<'_>,
    ) -> usize {
        let key = (src.min(dst), src.max(dst));
        let opens = segment.syn && !segment.has_ack;
        if let Some(&index) = self.flows.get(&key) {
            let stream = &self.streams[index];
            let another = match stream.syn {
                Some(syn) => syn != segment.seq,
                None => stream.halves.iter().any(|h| h.counters.segments > 0),
            };
            let reused = opens && another && stream.interface == interface;
            if !reused {
                return index;
            }
            let fresh = self.open(key, src, dst, interface, segment);
            let old = std::mem::replace(&mut self.streams[index], fresh);
            self.held -= old.held();
            self.retire(old);
            return index;
        }
        if self.streams.len() >= STREAMS_MAX {
            self.evict();
        }
        let stream = self.open(key, src, dst, interface, segment);
        self.streams.push(stream);
        self.flows.insert(key, self.streams.len() - 1);
        self.streams.len() - 1
    }

    fn open(
        &mut self,
        key: (SocketAddr, SocketAddr),
        src: SocketAddr,
        dst: SocketAddr,
        interface: u32,
        segment: &Segment<'_>,
    ) -> Stream {
        self.summary.connections += 1;
        let from_server = if segment.syn {
            segment.has_ack
        } else {
            src.port() == smb2::PORT || src.port() == smb2::NETBIOS_PORT
        };
        let ends = if from_server { [dst, src] } else { [src, dst] };
        let iwarp_id = self.summary.connections;
        Stream {
            flow: Flow {
                ends,
                from_start: segment.syn,
                iwarp_id,
            },
            key,
            interface,
            syn: (segment.syn && !segment.has_ack).then_some(segment.seq),
            halves: [Half::default(), Half::default()],
            finished: [false; 2],
            last_ns: 0,
            app: App::Undecided(Vec::new(), 0),
        }
    }

    /// Forgets half of the streams: those of no interest first, then the longest silent.
    fn evict(&mut self) {
        let mut order: Vec<_> = self
            .streams
            .iter()
            .enumerate()
            .map(|(i, s)| (!matches!(s.app, App::Other), s.last_ns, i))
            .collect();
        order.sort_unstable();
        let mut keep = vec![true; self.streams.len()];
        for (.., index) in order.into_iter().take(STREAMS_MAX / 2) {
            keep[index] = false;
        }
        self.flows.clear();
        let streams = std::mem::take(&mut self.streams);
        for (stream, keep) in streams.into_iter().zip(keep) {
            if keep {
                self.flows.insert(stream.key, self.streams.len());
                self.streams.push(stream);
            } else {
                self.summary.evicted += 1;
                self.held -= stream.held();
                self.retire(stream);
            }
        }
    }

    fn retire(&mut self, mut stream: Stream) {
        stream.end(None, &mut self.smb, &mut self.iwarp);
        for half in &stream.halves {
            self.summary.counters.add(&half.counters);
        }
    }
}

impl Stream {
    fn held(&self) -> usize {
        self.halves[0].held_cost() + self.halves[1].held_cost()
    }

    fn take(
        &mut self,
        direction: usize,
        place: Place,
        segment: &Segment<'_>,
        smb: &mut SmbFollower,
    ) {
        let Stream {
            flow, halves, app, ..
        } = self;
        let flow = &*flow;
        let seq = segment.seq.wrapping_add(u32::from(segment.syn));
        if segment.syn {
            halves[direction].begin(seq);
        }
        if segment.has_ack {
            let other = 1 - direction;
            halves[other]
                .acknowledged(segment.ack, &mut |piece| app.piece(flow, other, piece, smb));
        }
        let arrival = Arrival {
            place,
            seq,
            octets: segment.payload,
            wire_len: segment.payload_len,
        };
        let hold = !matches!(app, App::Other);
        halves[direction].push(arrival, hold, &mut |piece| {
            app.piece(flow, direction, piece, smb);
        });
        if matches!(app, App::Other) {
            halves.iter_mut().for_each(Half::drop_held);
        }
        self.finished[direction] |= segment.fin;
    }

    fn flush(&mut self, smb: &mut SmbFollower) {
        let Stream {
            flow, halves, app, ..
        } = self;
        for (direction, half) in halves.iter_mut().enumerate() {
            half.flush(&mut |piece| app.piece(flow, direction, piece, smb));
        }
    }

    /// Hands what the stream carried over to the reports.
    fn end(
        &mut self,
        reset: Option<Place>,
        smb: &mut SmbFollower,
        iwarp: &mut Vec<IwarpConnection>,
    ) {
        self.flush(smb);
        match std::mem::replace(&mut self.app, App::Other) {
            App::Smb(transport) => smb.closed(transport, reset),
            App::Iwarp(stream) => {
                let counters = [self.halves[0].counters, self.halves[1].counters];
                iwarp.push(stream.finish(counters, reset.is_some(), smb));
            }
            App::Undecided(..) | App::Other => {}
        }
    }
}
