//! Follows RoCE queue pairs: what each side sent, lost, sent again, and how the other answered.
//!
//! A packet carries only the queue pair it goes to. So everything is kept per half connection, that
//! is packets from one address to one queue pair of another ([`half`]), and halves are joined when
//! an answer fits the outstanding requests of exactly one opposite half ([`pairing`]). Several
//! interfaces may see one connection: each has its own view; [`views`] says which speaks for what.
//!
//! - [`requests`]: sequence numbers, repetition, acknowledgement; with [`repeats`] (why a sender
//!   goes back), [`receiver`] (what was accepted), [`reads`], [`messages`]
//! - [`checks`]: single packets; [`report`]: connections; [`findings`]: what is wrong

mod bursts;
mod checks;
mod findings;
mod half;
mod key;
mod messages;
mod op;
mod pairing;
mod reads;
mod receiver;
mod repeats;
mod report;
mod requests;
mod seen;
mod stat;
mod tally;
#[cfg(test)]
mod tests;
mod views;

use super::buckets::{Buckets, FIRST_STEP_NS, STEPS};
use super::report::{Connection, Operation, Service, TraceReport};
use super::timeline::FlowRow;
use crate::capture::{Frame, Interface};
use half::{Answers, Half, Marks};
use key::{Hosts, Key};
use messages::Part;
use op::{Op, Role};
use repeats::Nak;
use requests::{Info, Requests};
use rustc_hash::FxHashMap;
use stat::Stat;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use tally::{Kind, Tallies};
use xoff_checks::finding::Finding;
use xoff_wire::bth::{NakCode, Syndrome, rnr_timer_ns};
use xoff_wire::roce::Icrc;
use xoff_wire::{ethernet, ip, roce};

/// What to keep beyond counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Activity over time, for the first connections.
    pub timeline: bool,
}

/// What else is known of the capture when it has ended.
#[derive(Clone, Debug, Default)]
struct Context {
    /// Priorities for which a PFC pause was seen, by interface.
    paused: BTreeMap<u32, [bool; 8]>,
    /// Interfaces with 802.3x pauses.
    global_pause: BTreeSet<u32>,
    /// Frames that the capturing system says it lost, by interface.
    dropped: BTreeMap<u32, u64>,
    /// Frames that are shorter than they were.
    cut: u64,
}

impl Context {
    fn of(report: &TraceReport) -> Context {
        let mut context = Context {
            cut: report.capture.cut_frames,
            ..Context::default()
        };
        for port in &report.pauses {
            let paused = context.paused.entry(port.interface).or_default();
            for (seen, &frames) in paused.iter_mut().zip(&port.pause) {
                *seen |= frames > 0;
            }
            if port.global_pause > 0 {
                context.global_pause.insert(port.interface);
            }
        }
        for (i, (_, stats, _)) in report.capture.interfaces.iter().enumerate() {
            if let (Ok(id), Some(lost)) = (u32::try_from(i), stats.dropped) {
                context.dropped.insert(id, lost);
            }
        }
        context
    }
}

/// What following gave.
#[derive(Clone, Debug, Default)]
pub struct Output {
    pub connections: Vec<Connection>,
    pub findings: Vec<Finding>,
    /// Empty without [`Options::timeline`]; `step_ns` and start of their cells beside.
    pub flows: Vec<FlowRow>,
    pub start_ns: u64,
    pub step_ns: u64,
}

/// A packet of a SEND, seen for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Send {
    half: u32,
    /// Names the pair of queue pairs, once both directions are known.
    pub pair: u32,
    /// Packets before it are missing.
    pub gap: bool,
    pub first: bool,
    pub last: bool,
}

impl Send {
    /// 0: the way in which the pair's first packet went.
    pub fn direction(&self) -> usize {
        usize::from(self.half != self.pair)
    }
}

/// Most directions for which activity over time is kept while reading.
const TIMED: usize = 256;

/// Spacing of CNPs of one source, or of one source to one destination.
#[derive(Clone, Copy, Debug, Default)]
struct Spacing {
    last_ns: u64,
    span: Stat,
    count: u64,
}

/// Follows every RoCE queue pair of a capture.
#[derive(Clone, Debug, Default)]
pub struct Follower {
    options: Options,
    interfaces: Vec<Option<Interface>>,
    index: FxHashMap<Key, u32>,
    last: Option<(Key, u32)>,
    halves: Vec<Half>,
    /// Halves with requests and without a peer, by their addresses and how far the numbers are.
    open: FxHashMap<(Hosts, u8), Vec<u32>>,
    /// CNPs by interface and source, and also by destination.
    cnp_ports: FxHashMap<(u32, u128), Spacing>,
    cnp_pairs: FxHashMap<(u32, u128, u128), Spacing>,
    start_ns: Option<u64>,
    timed: usize,
    /// Bad ICRC on packets of no known connection, and the first frames.
    stray: Tallies,
}

impl Follower {
    pub fn new(options: Options) -> Self {
        Follower {
            options,
            ..Follower::default()
        }
    }

    /// Tells of an interface before its first frame.
    pub fn interface(&mut self, id: u32, interface: &Interface) {
        let id = id as usize;
        // Numbers come from a file: no more than could be.
        if id >= 1 << 16 {
            return;
        }
        if self.interfaces.len() <= id {
            self.interfaces.resize(id + 1, None);
        }
        self.interfaces[id] = Some(interface.clone());
    }

    /// Whether nothing was taken so far.
    pub fn is_empty(&self) -> bool {
        self.halves.is_empty()
    }

    /// Whether packets of a sender were taken that were not spoilt.
    pub fn knows(&self, interface: u32, src: IpAddr) -> bool {
        let src = key::number(src);
        let mut halves = self.halves.iter();
        halves.any(|h| (h.key.interface, h.key.src) == (interface, src))
    }

    /// Takes a RoCE packet; `overlook`: though its ICRC is wrong. Says if it is part of a SEND that
    /// the receiver accepts, and whose contents are not yet known to be of no concern
    /// ([`Follower::ignore_sends`]).
    #[inline]
    pub fn packet(
        &mut self,
        f: &Frame,
        eth: &ethernet::Repr,
        p: &roce::Packet,
        overlook: bool,
    ) -> Option<Send> {
        let key = key::of(f, p);
        let i = match self.last {
            Some((k, i)) if k == key => i,
            _ => self.find(key, f, eth, p, overlook)?,
        };
        self.last = Some((key, i));
        let half = &mut self.halves[i as usize];
        half.last_ns = f.at_ns;
        match p.icrc {
            Icrc::Valid => {}
            Icrc::Unavailable => half.unverified_icrc += 1,
            Icrc::Invalid { .. } if overlook => half.unjudged_icrc += 1,
            Icrc::Invalid { found, computed } => {
                half.bad_icrc += 1;
                let example = [u64::from(found), u64::from(computed)];
                half.tallies.add(Kind::BadIcrc, f.number, example);
                return None;
            }
        }
        let op = op::of(p.bth.opcode);
        checks::packet(half, op, f, p);
        match op.role {
            Role::Request | Role::AtomicRequest => return self.request(i, op, f, eth, p),
            Role::ReadRequest => self.read_request(i, op, f, p),
            Role::ReadResponse => self.response(i, op, f, eth, p),
            Role::Acknowledge | Role::AtomicAcknowledge => self.acknowledge(i, f, eth, p),
            Role::Cnp => self.cnp(i, f),
            Role::Other => {}
        }
        None
    }

    /// The SENDs of a queue pair, in the direction of this one, need not be told of any more.
    pub fn ignore_sends(&mut self, send: &Send) {
        if let Some(half) = self.halves.get_mut(send.half as usize) {
            half.plain_sends = true;
        }
    }

    /// The half of a packet, new if need be; none for a spoilt packet of no known half.
    fn find(
        &mut self,
        key: Key,
        f: &Frame,
        eth: &ethernet::Repr,
        p: &roce::Packet,
        overlook: bool,
    ) -> Option<u32> {
        if let Some(&i) = self.index.get(&key) {
            return Some(i);
        }
        if matches!(p.icrc, Icrc::Invalid { .. }) && !overlook {
            self.stray.add(Kind::BadIcrc, f.number, [0; 2]);
            return None;
        }
        let i = u32::try_from(self.halves.len()).ok()?;
        let interface = self.interfaces.get(f.interface as usize);
        let place = key::place(f, eth, interface.and_then(Option::as_ref));
        self.halves.push(new_half(key, place, f, eth, p));
        self.index.insert(key, i);
        self.start_ns.get_or_insert(f.at_ns);
        Some(i)
    }

    /// Where activity over time of the requests of a half goes, if it is kept.
    fn time(&mut self, i: u32) {
        let start_ns = self.start_ns.unwrap_or(0);
        let requests = &mut self.halves[i as usize].requests;
        if self.options.timeline && requests.cells.is_none() && self.timed < TIMED {
            self.timed += 1;
            let buckets = Buckets::new(start_ns, FIRST_STEP_NS, STEPS);
            requests.cells = Some(Box::new(buckets));
        }
    }

    #[inline]
    fn request(
        &mut self,
        i: u32,
        op: Op,
        f: &Frame,
        eth: &ethernet::Repr,
        p: &roce::Packet,
    ) -> Option<Send> {
        if self.options.timeline && !self.halves[i as usize].requests.started {
            self.time(i);
        }
        let half = &mut self.halves[i as usize];
        half.service = op.service;
        half.responds = false;
        half.data.note(eth, p, f.number);
        let part = part(&half.requests, op, f, p);
        let info = info(half, op, f, p);
        if p.network.ecn == ip::Ecn::Ce
            && let Some(cells) = &mut half.requests.cells
        {
            cells.at(f.at_ns).ce += 1;
        }
        if op.service == Service::Ud {
            half.requests.datagram(&part, &info);
            return None;
        }
        if op.role == Role::Request {
            checks::sequence(half, &part, f.number);
            if op.first && !op.last {
                half.requests.learn_mtu(part.payload);
            }
            if op.last && !p.bth.ack_request && matches!(op.service, Service::Rc | Service::Xrc) {
                half.tallies.add(Kind::NoAckRequest, f.number, [0; 2]);
            }
        }
        let next = half.requests.started.then_some(half.requests.highest);
        half.requests.request(&part, &info);
        if half.peer.is_none() {
            self.list(i);
        }
        let half = &mut self.halves[i as usize];
        let wanted = op.operation == Operation::Send && !half.plain_sends;
        if !wanted || half.requests.highest != part.psn + 1 || next > Some(part.psn) {
            return None;
        }
        Some(Send {
            half: i,
            pair: half.peer.map_or(i, |peer| i.min(peer)),
            gap: next.is_some_and(|next| next < part.psn),
            first: op.first,
            last: op.last,
        })
    }

    fn read_request(&mut self, i: u32, op: Op, f: &Frame, p: &roce::Packet) {
        if self.options.timeline && !self.halves[i as usize].requests.started {
            self.time(i);
        }
        let half = &mut self.halves[i as usize];
        half.service = op.service;
        let part = part(&half.requests, op, f, p);
        let info = info(half, op, f, p);
        let before = half.requests.read_restarts;
        let len = p.extensions.reth.map_or(0, |r| r.len);
        half.requests.read_request(part, len, &info);
        if half.requests.read_restarts > before {
            half.tallies.add(Kind::ReadRestart, f.number, [0; 2]);
        }
        if half.peer.is_none() {
            self.list(i);
        }
    }

    fn response(&mut self, i: u32, op: Op, f: &Frame, eth: &ethernet::Repr, p: &roce::Packet) {
        let peer = self.peer(i, op.role, f, p);
        let half = &mut self.halves[i as usize];
        half.service = op.service;
        half.responds = true;
        half.data.note(eth, p, f.number);
        half.answers.first_ns.get_or_insert(f.at_ns);
        let info = info(half, op, f, p);
        let requests = match peer {
            Some(j) => &mut self.halves[j as usize].requests,
            None => &mut **half.unseen.get_or_insert_with(Box::default),
        };
        let part = part(requests, op, f, p);
        if p.network.ecn == ip::Ecn::Ce
            && let Some(cells) = &mut requests.cells
        {
            cells.at(f.at_ns).ce += 1;
        }
        requests.response(&part, &info);
    }

    fn acknowledge(&mut self, i: u32, f: &Frame, eth: &ethernet::Repr, p: &roce::Packet) {
        let role = op::of(p.bth.opcode).role;
        let peer = self.peer(i, role, f, p);
        let half = &mut self.halves[i as usize];
        half.service = op::of(p.bth.opcode).service;
        half.answer_marks.note(eth, p, f.number);
        half.answers.first_ns.get_or_insert(f.at_ns);
        half.answers.echoes += u64::from(p.bth.becn);
        let Some(aeth) = p.extensions.aeth else {
            return;
        };
        let syndrome = aeth.kind();
        count_answer(half, syndrome, f.number);
        let Some(peer) = peer.filter(|&j| j != i) else {
            return;
        };
        let Ok([half, peer]) = self.halves.get_disjoint_mut([i as usize, peer as usize]) else {
            return;
        };
        apply(half, &mut peer.requests, syndrome, f, p);
    }

    fn cnp(&mut self, i: u32, f: &Frame) {
        let half = &mut self.halves[i as usize];
        half.answers.cnp(f.at_ns);
        let key = half.key;
        let peer = half.peer;
        let marked = peer.map_or(0, |j| self.halves[j as usize].data.ce);
        let half = &mut self.halves[i as usize];
        if peer.is_some() && marked == 0 {
            half.answers.cnps_unfounded += 1;
            half.tallies.add(Kind::Cnp, f.number, [0; 2]);
        }
        // The data that is to slow down: what the peer sends.
        let (flow, responds) = match peer {
            Some(j) => (j, self.halves[j as usize].responds),
            None => (i, true),
        };
        let flow = if responds { i } else { flow };
        if let Some(cells) = &mut self.halves[flow as usize].requests.cells {
            cells.at(f.at_ns).cnps += 1;
        }
        let port = (key.interface, key.src);
        self.cnp_ports.entry(port).or_default().note(f.at_ns);
        let pair = (key.interface, key.src, key.dst);
        self.cnp_pairs.entry(pair).or_default().note(f.at_ns);
    }

    /// Ends. `known`: what the other followers found; `end_ns_of`: when the capture ended at an
    /// interface.
    pub fn finish(self, known: &TraceReport, end_ns_of: &dyn Fn(u32) -> u64) -> Output {
        self.conclude(end_ns_of, &Context::of(known))
    }

    fn conclude(mut self, end_ns_of: &dyn Fn(u32) -> u64, context: &Context) -> Output {
        self.pair_the_rest();
        let flows = report::flows(&mut self);
        let views = views::Views::of(&self);
        let connections = report::connections(&mut self, &views);
        let findings = findings::all(&self, &views, &connections, end_ns_of, context);
        let (rows, start_ns, step_ns) = report::rows(flows, &views, &connections);
        Output {
            connections,
            findings,
            flows: rows,
            start_ns,
            step_ns,
        }
    }
}

impl Spacing {
    fn note(&mut self, at_ns: u64) {
        if self.count > 0 {
            self.span.between(self.last_ns, at_ns);
        }
        self.last_ns = at_ns;
        self.count += 1;
    }
}

impl Answers {
    fn cnp(&mut self, at_ns: u64) {
        self.cnps += 1;
        self.first_ns.get_or_insert(at_ns);
        if let Some(span) = self.cnp_last_ns.and_then(|last| at_ns.checked_sub(last)) {
            self.cnp_spacing_ns = Some(self.cnp_spacing_ns.map_or(span, |s| s.min(span)));
        }
        self.cnp_last_ns = Some(at_ns);
    }
}

fn new_half(
    key: Key,
    place: key::Place,
    f: &Frame,
    eth: &ethernet::Repr,
    p: &roce::Packet,
) -> Half {
    Half {
        key,
        peer: None,
        attempts: 0,
        ambiguous: false,
        service: op::of(p.bth.opcode).service,
        src: p.network.src,
        dst: p.network.dst,
        src_mac: eth.src,
        dst_mac: eth.dst,
        place,
        v1: p.sport.is_none(),
        vlan: eth.inner.or(eth.outer).map(|t| t.vid),
        sport: p.sport,
        listed: None,
        only_cnps: op::of(p.bth.opcode).role == Role::Cnp,
        migreq: p.bth.migreq,
        first_ns: f.at_ns,
        last_ns: f.at_ns,
        first_frame: f.number,
        requests: Requests::default(),
        unseen: None,
        answers: Answers::default(),
        responds: false,
        data: Marks::default(),
        answer_marks: Marks::default(),
        bad_icrc: 0,
        unverified_icrc: 0,
        unjudged_icrc: 0,
        plain_sends: false,
        in_message: false,
        tallies: Tallies::default(),
    }
}

#[inline]
fn part(requests: &Requests, op: Op, f: &Frame, p: &roce::Packet) -> Part {
    let payload = match op.role {
        // An atomic works on eight bytes, which its header carries.
        Role::AtomicRequest => 8,
        Role::ReadRequest => 0,
        _ => p.payload_len,
    };
    Part {
        op,
        psn: requests.unwrap(p.bth.psn),
        count: 1,
        payload,
        dma_len: p.extensions.reth.map(|r| r.len),
        at_ns: f.at_ns,
    }
}

#[inline]
fn info(half: &Half, op: Op, f: &Frame, p: &roce::Packet) -> Info {
    Info {
        frame: f.number,
        wire: u64::from(f.original_len).max(ethernet::MIN_LEN as u64) + ethernet::FCS as u64,
        ack_request: p.bth.ack_request,
        service: op.service,
        paired: half.peer.is_some(),
    }
}

fn count_answer(half: &mut Half, syndrome: Syndrome, frame: u64) {
    let answers = &mut half.answers;
    match syndrome {
        Syndrome::Ack { .. } => answers.acks += 1,
        Syndrome::RnrNak { .. } => {
            answers.rnr_naks += 1;
            half.tallies.add(Kind::RnrNak, frame, [0; 2]);
        }
        Syndrome::Nak(NakCode::PsnSequenceError) => {
            answers.naks += 1;
            half.tallies.add(Kind::Nak, frame, [0; 2]);
        }
        Syndrome::Nak(code) => {
            let bits = code.bits();
            let error = usize::from(bits).wrapping_sub(1);
            if let Some(count) = answers.error_naks.get_mut(error) {
                *count += 1;
            }
            half.tallies.add(Kind::ErrorNak(bits), frame, [0; 2]);
        }
        Syndrome::Reserved(_) => {}
    }
}

/// An answer reaches the requests it is for.
fn apply(
    half: &mut Half,
    requests: &mut Requests,
    syndrome: Syndrome,
    f: &Frame,
    p: &roce::Packet,
) {
    let psn = requests.unwrap(p.bth.psn);
    let nak = |wait_ns| Nak {
        psn,
        at_ns: f.at_ns,
        frame: f.number,
        wait_ns,
    };
    let before = requests.una;
    let fits = match syndrome {
        Syndrome::RnrNak { timer } => requests.nak(nak(Some(rnr_timer_ns(timer)))),
        Syndrome::Nak(NakCode::PsnSequenceError) => requests.nak(nak(None)),
        Syndrome::Nak(_) | Syndrome::Reserved(_) => true,
        Syndrome::Ack { .. } => requests.acknowledged(psn + 1, f.at_ns),
    };
    if let (Syndrome::Nak(_) | Syndrome::RnrNak { .. }, Some(cells)) =
        (syndrome, &mut requests.cells)
    {
        cells.at(f.at_ns).naks += 1;
    }
    if !fits {
        let kind = match syndrome {
            Syndrome::Ack { .. } => Kind::AckBeyond,
            _ => Kind::NakBeyond,
        };
        half.tallies.add(kind, f.number, [u64::from(p.bth.psn), 0]);
    }
    let progress = requests.una > before;
    checks::msn(half, p, f.number, progress);
}
