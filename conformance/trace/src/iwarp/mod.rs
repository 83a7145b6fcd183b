//! iWARP connections: MPA start-up, DDP segments, RDMAP operations.
//!
//! Checks beside those of RoCE: W-23 wrong MPA CRC, W-24 headers or markers that cannot be, W-25
//! connections that were refused or ended by a Terminate.

mod framing;

use super::reassembly::{Piece, Place, TcpCounters};
use super::smb::{Rdma, RdmaKey, SendPacket, SmbFollower};
use framing::Framing;
use std::net::SocketAddr;
use xoff_checks::finding::{FRAMES_KEPT, Finding, Severity, Where};
use xoff_checks::wire::{W_23, W_24, W_25};
use xoff_wire::mpa::{Crc, Deframer, Fpdu, MarkerRule, Pointer, ReadDepths, Startup};
use xoff_wire::rdmap::{self, Control, Opcode, Terminate};
use xoff_wire::{WireError, ddp};

/// An iWARP connection. Index 0 is the initiator's direction, 1 the responder's.
#[derive(Clone, Debug)]
pub struct IwarpConnection {
    pub initiator: SocketAddr,
    pub responder: SocketAddr,
    pub first_frame: u64,
    pub first_ns: u64,
    pub last_ns: u64,
    /// Of the reply if it was seen, else of the request.
    pub revision: u8,
    /// CRCs are in use: one side asked for them.
    pub crc: bool,
    /// Markers are in use in each direction: its receiver asked for them.
    pub markers: [bool; 2],
    /// The responder said no.
    pub rejected: bool,
    /// Both start-up frames were seen.
    pub established: bool,
    /// Bytes of private data in request and reply.
    pub private_data: [usize; 2],
    /// RDMA Read depths of request and reply (RFC 6581).
    pub read_depths: [Option<ReadDepths>; 2],
    pub directions: [IwarpDirection; 2],
    /// Who ended the connection, why, and in which frame.
    pub terminate: Option<(usize, Terminate, u64)>,
    pub reset: bool,
    pub smb_direct: bool,
}

#[derive(Clone, Debug, Default)]
pub struct IwarpDirection {
    pub fpdus: u64,
    /// By opcode, in order of first appearance.
    pub operations: Vec<Operation>,
    pub bad_crc: u64,
    /// CRCs that could not be verified: octets are missing.
    pub unverified_crc: u64,
    pub bad_markers: u64,
    /// DDP or RDMAP headers that cannot be.
    pub bad_headers: u64,
    /// How often the thread was lost.
    pub lost_sync: u64,
    /// Nothing behind this frame is counted: where FPDUs begin there cannot be told.
    pub followed_to: Option<u64>,
    /// The rule that the markers follow, if it is not that of RFC 5044.
    pub marker_rule: Option<MarkerRule>,
    pub crc_frames: Vec<u64>,
    pub header_frames: Vec<u64>,
    pub tcp: TcpCounters,
}

/// What was done with one opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    pub opcode: Opcode,
    pub segments: u64,
    pub messages: u64,
    /// Payload.
    pub bytes: u64,
}

/// The longest DDP header, octets.
const HEADER_MAX: usize = 18;
/// Octets of each ULPDU that are looked at.
const KEEP: usize = 8 << 10;

/// Follows one connection.
#[derive(Debug)]
pub(super) struct IwarpStream {
    report: IwarpConnection,
    key: RdmaKey,
    /// The stream's direction 0 is the responder's.
    flipped: bool,
    sides: [Side; 2],
    /// Whether each receiver wants markers.
    wants_markers: [bool; 2],
    sends: bool,
    /// Of the latest octets.
    latest: Place,
}

#[derive(Debug, Default)]
struct Side {
    /// Start-up frame, until it is complete.
    startup: Vec<u8>,
    started: bool,
    framing: Option<Framing>,
    lost: bool,
    /// Not even a later segment can be understood.
    stopped: bool,
    /// Of the last FPDU that is certain.
    certain: Place,
    /// An FPDU whose header cannot be, with nothing to prove that one begins there.
    suspect: Option<Place>,
    /// Message offset of the next Send segment.
    send_offset: u64,
}

impl IwarpStream {
    /// `initiator`: the direction that the request goes.
    pub(super) fn new(ends: [SocketAddr; 2], initiator: usize, id: u64, place: Place) -> Self {
        let [a, b] = ends;
        let flipped = initiator != 0;
        Self {
            report: IwarpConnection {
                initiator: if flipped { b } else { a },
                responder: if flipped { a } else { b },
                first_frame: place.frame,
                first_ns: place.at_ns,
                last_ns: place.at_ns,
                revision: 0,
                crc: false,
                markers: [false; 2],
                rejected: false,
                established: false,
                private_data: [0; 2],
                read_depths: [None; 2],
                directions: [IwarpDirection::default(), IwarpDirection::default()],
                terminate: None,
                reset: false,
                smb_direct: false,
            },
            key: RdmaKey {
                rdma: Rdma::Iwarp,
                id,
            },
            flipped,
            sides: [Side::default(), Side::default()],
            wants_markers: [false; 2],
            sends: true,
            latest: place,
        }
    }

    pub(super) fn piece(&mut self, direction: usize, piece: Piece<'_>, smb: &mut SmbFollower) {
        let side = (direction & 1) ^ usize::from(self.flipped);
        match piece {
            Piece::Gap(octets) => self.gap(side, octets, smb),
            Piece::Data {
                place,
                octets,
                segment_start,
            } => {
                self.report.last_ns = self.report.last_ns.max(place.at_ns);
                self.latest = place;
                self.data(side, place, octets, segment_start, smb);
            }
        }
    }

    fn data(
        &mut self,
        side: usize,
        place: Place,
        octets: &[u8],
        segment_start: bool,
        smb: &mut SmbFollower,
    ) {
        if segment_start && self.strayed(side, octets) {
            self.lose(side, smb);
        }
        if self.sides[side].stopped
            || self.sides[side].lost && !self.resume(side, octets, segment_start)
        {
            return;
        }
        if self.sides[side].started {
            self.fpdus(side, place, octets, smb);
            return;
        }
        let mut buffer = std::mem::take(&mut self.sides[side].startup);
        buffer.extend_from_slice(octets);
        match Startup::parse(&buffer) {
            Ok((startup, used)) => {
                self.start(side, &startup);
                self.fpdus(side, place, &buffer[used..], smb);
            }
            Err(WireError {
                field: "length" | "private data",
                ..
            }) => {
                self.sides[side].startup = buffer;
            }
            Err(_) => self.lose(side, smb),
        }
    }

    /// Whether what is being taken for an FPDU has a header that cannot be, while one begins here.
    fn strayed(&mut self, side: usize, octets: &[u8]) -> bool {
        let state = &mut self.sides[side];
        if state.lost || state.stopped {
            return false;
        }
        let Some(framing) = state.framing.as_mut().filter(|f| !f.in_doubt()) else {
            return false;
        };
        let deframer = framing.deframer();
        let field = deframer.before_field().and_then(|at| octets.get(at..));
        let begun = deframer
            .current()
            .filter(|(_, head)| head.len() >= HEADER_MAX);
        begun.is_some_and(|(len, head)| !is_sound(len, head)) && field.is_some_and(plausible)
    }

    /// Looks for an FPDU at the start of a segment, where senders like to begin one.
    fn resume(&mut self, side: usize, octets: &[u8], segment_start: bool) -> bool {
        let state = &mut self.sides[side];
        let Some(framing) = state.framing.as_mut() else {
            return false;
        };
        let deframer = framing.deframer();
        let field = deframer.before_field().and_then(|at| octets.get(at..));
        if segment_start && field.is_some_and(plausible) {
            deframer.restart();
            state.lost = false;
            return true;
        }
        // Markers stand at positions of the stream: these count on.
        deframer.skip(octets.len() as u64);
        false
    }

    fn start(&mut self, side: usize, startup: &Startup<'_>) {
        let report = &mut self.report;
        self.sides[side].started = true;
        self.wants_markers[side] = startup.markers;
        report.revision = startup.revision;
        report.crc |= startup.crc;
        report.private_data[side] = startup.private_data.len();
        report.read_depths[side] = startup.read_depths();
        report.rejected |= startup.reply && startup.reject;
        if self.sides.iter().all(|s| s.started) && !report.rejected {
            report.established = true;
            for side in 0..2 {
                let markers = self.wants_markers[1 - side];
                report.markers[side] = markers;
                let deframer = Deframer::new(markers, report.crc, KEEP);
                self.sides[side].framing = Some(Framing::new(deframer));
            }
        }
    }

    fn fpdus(&mut self, side: usize, place: Place, octets: &[u8], smb: &mut SmbFollower) {
        let mut rest = octets;
        let mut found = Vec::new();
        while !rest.is_empty() && !self.sides[side].lost {
            let Some(framing) = self.sides[side].framing.as_mut() else {
                // Only a peer that saw the reply may go on, so the reply is missing here.
                return self.lose(side, smb);
            };
            let Ok(used) = framing.push(rest, has_sound_header, &mut found) else {
                return self.stop(side, smb);
            };
            rest = &rest[used..];
            self.found(side, place, &mut found, smb);
        }
    }

    /// Takes FPDUs, by whatever rule of markers they were found.
    fn found(&mut self, side: usize, place: Place, fpdus: &mut Vec<Fpdu>, smb: &mut SmbFollower) {
        if let Some(framing) = &mut self.sides[side].framing {
            let rule = framing.deframer().rule();
            let odd = Some(rule).filter(|rule| *rule != MarkerRule::default());
            self.report.directions[side].marker_rule = odd;
        }
        for fpdu in fpdus.drain(..) {
            self.fpdu(side, place, &fpdu, smb);
        }
    }

    /// Nothing further of this direction can be understood.
    fn stop(&mut self, side: usize, smb: &mut SmbFollower) {
        self.sides[side].stopped = true;
        self.report.directions[side].followed_to = Some(self.sides[side].certain.frame);
        self.lose(side, smb);
    }

    fn gap(&mut self, side: usize, octets: u64, smb: &mut SmbFollower) {
        let state = &mut self.sides[side];
        if state.stopped {
            return;
        }
        let marked = |f: &mut Framing| f.deframer().marked();
        if octets == u64::MAX && state.framing.as_mut().is_some_and(marked) {
            state.framing = None;
        }
        if state.lost {
            if let Some(framing) = state.framing.as_mut() {
                framing.skip(octets);
            }
            return;
        }
        let odd = self.report.directions[side].marker_rule.is_some();
        let doubtful = state.framing.as_ref().is_some_and(Framing::in_doubt);
        match state.framing.as_mut().and_then(|f| f.skip(octets)) {
            Some(None) => {}
            Some(Some(fpdu)) => self.fpdu(side, self.latest, &fpdu, smb),
            // Where the next marker stands is known by the RFC's rule only.
            None if odd || doubtful => self.stop(side, smb),
            None => self.lose(side, smb),
        }
    }

    fn lose(&mut self, side: usize, smb: &mut SmbFollower) {
        self.sides[side].lost = true;
        self.sides[side].startup = Vec::new();
        self.report.directions[side].lost_sync += 1;
        smb.rdma_gap(self.key, side);
    }

    fn fpdu(&mut self, side: usize, place: Place, fpdu: &Fpdu, smb: &mut SmbFollower) {
        if self.suspects(side, place, fpdu, smb) {
            return;
        }
        self.sides[side].certain = place;
        let report = &mut self.report.directions[side];
        report.fpdus += 1;
        report.bad_markers += u64::from(fpdu.bad_markers);
        if report.marker_rule.is_some() {
            // Right by the sender's own rule only.
            report.bad_markers += u64::from(fpdu.good_markers);
        }
        report.unverified_crc += u64::from(fpdu.crc == Crc::Unknown);
        if let Crc::Bad { .. } = fpdu.crc {
            report.bad_crc += 1;
            keep(&mut report.crc_frames, place);
            smb.rdma_gap(self.key, side);
            return;
        }
        let Ok((header, header_len)) = ddp::Repr::parse(&fpdu.head) else {
            if fpdu.crc != Crc::Unknown {
                report.bad_headers += 1;
                keep(&mut report.header_frames, place);
            }
            smb.rdma_gap(self.key, side);
            return;
        };
        let control = Control::of(&header);
        if !sound(&header, &control) || fpdu.bad_markers > 0 {
            report.bad_headers += u64::from(!sound(&header, &control));
            keep(&mut report.header_frames, place);
        }
        let bytes = usize::from(fpdu.ulpdu_len).saturating_sub(header_len);
        count(
            &mut report.operations,
            control.opcode,
            header.last,
            bytes as u64,
        );
        let payload = fpdu.head.get(header_len..).unwrap_or(&[]);
        if control.opcode == Opcode::Terminate {
            if let Ok((terminate, _)) = Terminate::parse(payload) {
                self.report
                    .terminate
                    .get_or_insert((side, terminate, place.frame));
            }
        } else if control.opcode.is_send() && self.sends {
            self.send(side, place, &header, payload, bytes, smb);
        }
    }

    /// Whether an FPDU may be none, or payload that was taken for one: its header cannot be, and no
    /// CRC proves it. Two in a row are none.
    fn suspects(&mut self, side: usize, place: Place, fpdu: &Fpdu, smb: &mut SmbFollower) -> bool {
        let proved = matches!(fpdu.crc, Crc::Good | Crc::Unknown);
        let state = &mut self.sides[side];
        if proved || has_sound_header(fpdu) {
            if let Some(place) = state.suspect.take() {
                self.bad_header(side, place);
            }
            return false;
        }
        match (state.suspect.take(), fpdu.crc) {
            (Some(_), _) => {
                self.lose(side, smb);
                true
            }
            (None, Crc::Unused) => {
                state.suspect = Some(place);
                smb.rdma_gap(self.key, side);
                true
            }
            // A wrong CRC is counted as such; another such FPDU is none.
            (None, _) => {
                state.suspect = Some(place);
                false
            }
        }
    }

    /// An FPDU that is one, though its header cannot be.
    fn bad_header(&mut self, side: usize, place: Place) {
        let report = &mut self.report.directions[side];
        if !self.report.crc {
            report.fpdus += 1;
            report.bad_headers += 1;
            keep(&mut report.header_frames, place);
        }
    }

    fn send(
        &mut self,
        side: usize,
        place: Place,
        header: &ddp::Repr,
        payload: &[u8],
        bytes: usize,
        smb: &mut SmbFollower,
    ) {
        let ddp::Kind::Untagged { offset, .. } = header.kind else {
            return;
        };
        let offset = u64::from(offset);
        let next = &mut self.sides[side].send_offset;
        if offset != *next {
            smb.rdma_gap(self.key, side);
        }
        *next = if header.last {
            0
        } else {
            offset + bytes as u64
        };
        let packet = SendPacket {
            ends: [self.report.initiator, self.report.responder],
            direction: side,
            octets: payload,
            wire_len: bytes as u32,
            first: offset == 0,
            last: header.last,
        };
        self.sends = smb.rdma_send(self.key, place, &packet);
        self.report.smb_direct |= self.sends;
    }

    /// `tcp`: counters of the stream's directions.
    pub(super) fn finish(
        mut self,
        tcp: [TcpCounters; 2],
        reset: bool,
        smb: &mut SmbFollower,
    ) -> IwarpConnection {
        for side in 0..2 {
            let concluded = self.sides[side].framing.as_mut().map(Framing::conclude);
            self.found(side, self.latest, &mut concluded.unwrap_or_default(), smb);
            if let Some(place) = self.sides[side].suspect.take() {
                self.bad_header(side, place);
            }
            if self.sides[side]
                .framing
                .as_ref()
                .is_some_and(Framing::in_doubt)
            {
                let to = self.sides[side].certain.frame;
                self.report.directions[side].followed_to = Some(to);
            }
        }
        for (direction, counters) in tcp.into_iter().enumerate() {
            self.report.directions[direction ^ usize::from(self.flipped)].tcp = counters;
        }
        self.report.reset = reset;
        self.report
    }
}

fn keep(frames: &mut Vec<u64>, place: Place) {
    if frames.len() < FRAMES_KEPT && frames.last() != Some(&place.frame) {
        frames.push(place.frame);
    }
}

fn count(operations: &mut Vec<Operation>, opcode: Opcode, last: bool, bytes: u64) {
    let known = operations.iter().position(|o| o.opcode == opcode);
    let index = known.unwrap_or_else(|| {
        operations.push(Operation {
            opcode,
            segments: 0,
            messages: 0,
            bytes: 0,
        });
        operations.len() - 1
    });
    let operation = &mut operations[index];
    operation.segments += 1;
    operation.messages += u64::from(last);
    operation.bytes += bytes;
}

/// Whether versions, opcode and model agree (RFC 5040 4, RFC 5041 4).
fn sound(header: &ddp::Repr, control: &Control) -> bool {
    let tagged = matches!(header.kind, ddp::Kind::Tagged { .. });
    header.version == ddp::VERSION
        && control.version <= rdmap::VERSION
        && !matches!(control.opcode, Opcode::Reserved(_))
        && control.opcode.is_tagged() == tagged
}

fn has_sound_header(fpdu: &Fpdu) -> bool {
    is_sound(fpdu.ulpdu_len, &fpdu.head)
}

/// Whether a ULPDU of a length may begin with these octets.
fn is_sound(len: u16, head: &[u8]) -> bool {
    let header = ddp::Repr::parse(head).ok();
    header.is_some_and(|(h, size)| usize::from(len) >= size && sound(&h, &Control::of(&h)))
}

/// Whether an FPDU without markers may begin here.
fn plausible(octets: &[u8]) -> bool {
    let len = octets
        .first_chunk::<2>()
        .map_or(0, |l| u16::from_be_bytes(*l));
    octets.get(2..).is_some_and(|head| is_sound(len, head))
}

/// What is wrong with a connection: W-23 to W-25.
pub(super) fn findings(connection: &IwarpConnection) -> Vec<Finding> {
    let c = connection;
    let ends = [c.initiator, c.responder];
    let mut findings = Vec::new();
    for (side, d) in c.directions.iter().enumerate() {
        let subject = format!("iWARP, {} to {}", ends[side], ends[1 - side]);
        let base = Finding {
            check: &W_23,
            severity: Severity::Error,
            inconclusive: None,
            subject,
            cause: String::new(),
            cure: String::new(),
            count: d.bad_crc,
            at: Where::Frames(d.crc_frames.clone()),
        };
        if d.bad_crc > 0 {
            findings.push(Finding {
                cause: format!("{} of {} FPDUs have a wrong MPA CRC.", d.bad_crc, d.fpdus),
                cure: "Look for a device that rewrites payload, and for faulty memory in adapters \
                       or switches: TCP's checksum did not notice."
                    .to_string(),
                ..base.clone()
            });
        }
        let strange = d.bad_headers + d.bad_markers;
        if strange > 0 || d.marker_rule.is_some() {
            findings.push(Finding {
                check: &W_24,
                cause: format!(
                    "{} DDP or RDMAP headers and {} MPA markers are not what the RFCs allow{}.",
                    d.bad_headers,
                    d.bad_markers,
                    d.marker_rule.map_or(String::new(), rule_words)
                ),
                cure: "Update the sender's adapter firmware or driver.".to_string(),
                count: strange.max(1),
                at: Where::Frames(d.header_frames.clone()),
                ..base.clone()
            });
        }
        findings.extend(d.followed_to.map(|frame| {
            Finding {
            check: &W_24,
            inconclusive: Some(format!("nothing behind frame {frame} is counted")),
            cause: "MPA markers neither stand nor point where RFC 5044 puts them, and no rule that \
                    senders are known to follow explains them: where FPDUs begin cannot be told."
                .to_string(),
            cure: "Update the sender's adapter firmware or driver, or turn markers off."
                .to_string(),
            count: 1,
            at: Where::Frames(vec![frame]),
            ..base
        }
        }));
    }
    findings.extend(ended(c));
    findings
}

/// How markers differ from the rule of RFC 5044 4.3.
fn rule_words(rule: MarkerRule) -> String {
    let pointer = match rule.pointer {
        Pointer::Big => None,
        Pointer::Little => Some("FPDUPTR has its octets in the other order"),
        Pointer::Zero => Some("FPDUPTR is always zero"),
    };
    let place = (!rule.crc_counts).then_some("the octets of CRCs are not counted between markers");
    let words: Vec<&str> = pointer.into_iter().chain(place).collect();
    format!(
        ": {}; they are followed by the sender's own rule",
        words.join(", and ")
    )
}

fn ended(c: &IwarpConnection) -> Option<Finding> {
    let (cause, cure, frame) = if let Some((side, terminate, frame)) = c.terminate {
        let who = if side == 0 { "initiator" } else { "responder" };
        let cause = format!("The {who} ended the connection: {}.", terminate.reason());
        (
            cause,
            "Look at what the other side asked for just before.",
            frame,
        )
    } else if c.rejected {
        let cause = "The responder refused the connection in its MPA reply.".to_string();
        (
            cause,
            "Check that a service listens there, and its limits.",
            c.first_frame,
        )
    } else {
        return None;
    };
    Some(Finding {
        check: &W_25,
        severity: Severity::Error,
        inconclusive: None,
        subject: format!("iWARP, {} to {}", c.initiator, c.responder),
        cause,
        cure: cure.to_string(),
        count: 1,
        at: Where::Frames(vec![frame]),
    })
}

#[cfg(test)]
mod tests;
