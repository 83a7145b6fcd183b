//! What a capture shows of SMB, read once from front to back.

use std::collections::{BTreeMap, BTreeSet};
use xoff_lab::LabError;
use xoff_model::rules::{Class, classify};
use xoff_trace::capture::Direction;
use xoff_trace::capture::read::Reader;
use xoff_wire::dissect::{Body, Dissected, Link, Segment, dissect};
use xoff_wire::roce::Packet;
use xoff_wire::smb2;
use xoff_wire::smbd::{NegotiateRequest, NegotiateResponse};

/// The server's place among the hosts; the client is the other.
const SERVER: usize = 0;
const SMB: u16 = 445;
/// Attempts, windows, writes that are kept.
const MAX_NEGOTIATIONS: usize = 256;
const MAX_WINDOWS: usize = 4096;
const MAX_WRITES: usize = 65_536;
/// Length of a window, ns.
pub const WINDOW_NS: u64 = 100_000_000;
/// CM attribute: disconnect request (IBTA volume 1, 12.6.10).
const DREQ: u16 = 0x0015;
/// Header of a MAD, and where CM's disconnect request has the far queue pair.
const MAD_HEADER: usize = 24;
const DREQ_QPN: usize = MAD_HEADER + 8;

/// An SMB Direct connection as far as negotiation goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Negotiation {
    /// Queue pairs at server and client.
    pub qpn: [u32; 2],
    /// As the server received it.
    pub request: NegotiateRequest,
    pub sent: Option<NegotiateResponse>,
    /// As the client received it.
    pub received: Option<NegotiateResponse>,
    /// The client went on: messages after the request.
    pub client_messages: u64,
    /// Who asked to disconnect: server, client.
    pub left: [bool; 2],
}

/// Payload bytes that hosts sent in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    pub rdma: u64,
    /// Of SMB's port.
    pub tcp: u64,
}

/// A WRITE request over TCP whose header begins a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Write {
    /// Offset in the file.
    pub offset: u64,
    pub file: u64,
    /// Network: number of the interface.
    pub network: usize,
    pub client_port: u16,
    pub message_id: u64,
}

#[derive(Clone, Debug, Default)]
pub struct SmbWire {
    pub negotiations: Vec<Negotiation>,
    pub windows: BTreeMap<u64, Window>,
    /// Each once, however often TCP sent it.
    pub writes: BTreeSet<Write>,
    /// Something was more than is kept.
    pub cut: bool,
}

/// Reads a capture whose interfaces belong to hosts.
///
/// # Errors
/// It cannot be read.
pub(super) fn read(mut reader: Reader, ports: &[usize]) -> Result<SmbWire, LabError> {
    let mut seen = SmbWire::default();
    let failed = |e: xoff_trace::capture::read::CaptureError| LabError::Message(e.to_string());
    let mut first = None;
    while let Some(frame) = reader.next().map_err(failed)? {
        let host = ports
            .get(frame.interface as usize)
            .copied()
            .unwrap_or_default();
        let port = frame.interface as usize;
        let network = ports.iter().take(port).filter(|at| **at == host).count();
        let at = frame
            .at_ns
            .saturating_sub(*first.get_or_insert(frame.at_ns));
        let dissected = dissect(Link::Ethernet, frame.data, frame.original_len);
        let out = frame.direction == Direction::Out;
        match &dissected.body {
            Body::Roce(packet) => seen.roce(at, host, out, &dissected, packet),
            Body::Tcp(_, segment) if out => seen.tcp(at, network, host, segment),
            _ => {}
        }
    }
    Ok(seen)
}

impl SmbWire {
    fn window(&mut self, at: u64) -> Option<&mut Window> {
        let number = at / WINDOW_NS;
        if self.windows.len() >= MAX_WINDOWS && !self.windows.contains_key(&number) {
            self.cut = true;
            return None;
        }
        Some(self.windows.entry(number).or_default())
    }

    fn roce(
        &mut self,
        at: u64,
        host: usize,
        out: bool,
        frame: &Dissected<'_>,
        packet: &Packet<'_>,
    ) {
        let class = classify(frame);
        if class == Class::Mad {
            if out {
                self.management(host, packet.payload);
            }
            return;
        }
        if out && let Some(window) = self.window(at) {
            window.rdma += u64::from(packet.payload_len);
        }
        match (host == SERVER, out) {
            (true, false) => self.arrived_at_server(class, packet),
            (true, true) => self.on_the_way_to_client(class, packet, true),
            (false, false) => self.on_the_way_to_client(class, packet, false),
            (false, true) => {}
        }
    }

    /// Arrived at the server.
    fn arrived_at_server(&mut self, class: Class, packet: &Packet<'_>) {
        if class != Class::Data {
            return;
        }
        let qpn = packet.bth.dest_qp;
        let known = self.negotiations.iter_mut().rev().find(|n| n.qpn[0] == qpn);
        if let Some(known) = known {
            known.client_messages +=
                u64::from(packet.payload_len as usize != NegotiateRequest::LEN);
            return;
        }
        let whole = packet.payload.len() == NegotiateRequest::LEN;
        let Ok((request, _)) = NegotiateRequest::parse(packet.payload) else {
            return;
        };
        if whole && self.negotiations.len() < MAX_NEGOTIATIONS {
            self.negotiations.push(Negotiation {
                qpn: [qpn, 0],
                request,
                ..Negotiation::default()
            });
        } else {
            self.cut |= whole;
        }
    }

    /// Sent by the server, or arrived at the client. The first packet to a queue pair that is not
    /// known belongs to the latest request: attempts come one after the other.
    fn on_the_way_to_client(&mut self, class: Class, packet: &Packet<'_>, sent: bool) {
        let qpn = packet.bth.dest_qp;
        let known = self.negotiations.iter().rposition(|n| n.qpn[1] == qpn);
        let index = known.or_else(|| self.negotiations.iter().rposition(|n| n.qpn[1] == 0));
        let Some(negotiation) = index.and_then(|index| self.negotiations.get_mut(index)) else {
            return;
        };
        negotiation.qpn[1] = qpn;
        let slot = match sent {
            true => &mut negotiation.sent,
            false => &mut negotiation.received,
        };
        let whole = packet.payload.len() == NegotiateResponse::LEN;
        if class == Class::Data && whole && slot.is_none() {
            *slot = NegotiateResponse::parse(packet.payload)
                .ok()
                .map(|(r, _)| r);
        }
    }

    /// Who disconnects names the far end's queue pair.
    fn management(&mut self, host: usize, mad: &[u8]) {
        let attribute = mad
            .get(16..18)
            .map(|b| u16::from(b[0]) << 8 | u16::from(b[1]));
        let qpn = mad.get(DREQ_QPN..DREQ_QPN + 3);
        let (Some(DREQ), Some([a, b, c])) = (attribute, qpn) else {
            return;
        };
        let qpn = u32::from_be_bytes([0, *a, *b, *c]);
        let side = usize::from(host != SERVER);
        let far = 1 - side;
        let of = self
            .negotiations
            .iter_mut()
            .rev()
            .find(|n| n.qpn[far] == qpn);
        if let Some(of) = of {
            of.left[side] = true;
        }
    }

    fn tcp(&mut self, at: u64, network: usize, host: usize, segment: &Segment<'_>) {
        if segment.src_port != SMB && segment.dst_port != SMB {
            return;
        }
        if let Some(window) = self.window(at) {
            window.tcp += u64::from(segment.payload_len);
        }
        if host == SERVER || segment.dst_port != SMB {
            return;
        }
        let Some(write) = write(network, segment) else {
            return;
        };
        if self.writes.len() < MAX_WRITES {
            self.writes.insert(write);
        } else {
            self.cut = true;
        }
    }
}

/// MS-SMB2 2.2.21: after the header StructureSize, DataOffset, Length, Offset, FileId.
fn write(network: usize, segment: &Segment<'_>) -> Option<Write> {
    /// Of direct TCP transport: a zero and three bytes of length.
    const FRAMING: usize = 4;
    let message = segment.payload.get(FRAMING..)?;
    let (header, len) = smb2::Header::parse(message).ok()?;
    if header.command != smb2::Command::WRITE {
        return None;
    }
    let body = message.get(len..)?;
    let word = |at: usize| {
        let bytes = body.get(at..at.checked_add(8)?)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    Some(Write {
        offset: word(8)?,
        file: word(24)?,
        network,
        client_port: segment.src_port,
        message_id: header.message_id,
    })
}
