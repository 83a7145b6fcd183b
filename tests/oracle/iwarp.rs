//! iWARP over TCP: MPA start-up and FPDUs with and without CRC and markers, DDP, every RDMAP
//! operation.

use super::{Fields, Sample};
use xoff_wire::dissect::{Body, Link, Segment, dissect};
use xoff_wire::mpa::{Crc, Deframer, Framer, Startup};
use xoff_wire::rdmap::{Control, Opcode, ReadRequest, Terminate};
use xoff_wire::{ddp, rdmap};

/// A TCP connection between two hosts; side 0 opens it.
pub(super) struct Tcp {
    pub(super) kind: &'static str,
    pub(super) ports: [u16; 2],
    /// Next sequence number of each side.
    seq: [u32; 2],
    pub(super) samples: Vec<Sample>,
}

const SYN: u8 = 2;
const PUSH: u8 = 8;
const ACK: u8 = 16;

impl Tcp {
    pub(super) fn open(kind: &'static str, ports: [u16; 2]) -> Tcp {
        let seq = [0xffff_ff00, 0x1234_5678];
        let mut tcp = Tcp {
            kind,
            ports,
            seq,
            samples: Vec::new(),
        };
        for (from, flags) in [(0, SYN), (1, SYN | ACK)] {
            tcp.segment(from, flags, &[]);
            tcp.seq[from] = tcp.seq[from].wrapping_add(1);
        }
        tcp.segment(0, ACK, &[]);
        tcp
    }

    /// Sends, and says what xoff reads of TCP; the caller adds what is above it.
    pub(super) fn send(&mut self, from: usize, payload: &[u8]) -> &mut Fields {
        self.segment(from, PUSH | ACK, payload);
        self.seq[from] = self.seq[from].wrapping_add(payload.len() as u32);
        &mut self.samples.last_mut().unwrap().fields
    }

    fn segment(&mut self, from: usize, flags: u8, payload: &[u8]) {
        let to = 1 - from;
        let addresses = [[10, 0, 0, 1], [10, 0, 0, 2]];
        let ack = if flags & ACK == 0 { 0 } else { self.seq[to] };
        let mut tcp = Vec::new();
        tcp.extend(self.ports[from].to_be_bytes());
        tcp.extend(self.ports[to].to_be_bytes());
        tcp.extend(self.seq[from].to_be_bytes());
        tcp.extend(ack.to_be_bytes());
        tcp.extend([5 << 4, flags, 0x80, 0, 0, 0, 0, 0]);
        tcp.extend(payload);
        let mut pseudo = [addresses[from], addresses[to]].concat();
        pseudo.extend([0, 6]);
        pseudo.extend((tcp.len() as u16).to_be_bytes());
        pseudo.extend(&tcp);
        tcp[16..18].copy_from_slice(&checksum(&pseudo).to_be_bytes());
        let mut ip = vec![0x45, 0];
        ip.extend((20 + tcp.len() as u16).to_be_bytes());
        ip.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        ip.extend([addresses[from], addresses[to]].concat());
        let sum = checksum(&ip);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        let mac = |side: usize| [2, 0, 0, 0, 0, 1 + side as u8];
        let mut frame = [mac(to), mac(from)].concat();
        frame.extend([8, 0]);
        frame.extend(ip);
        frame.extend(tcp);
        let mut fields = Fields::default();
        let found = dissect(Link::Ethernet, &frame, frame.len() as u32);
        super::roce::ethernet_fields(&found.ethernet, &mut fields);
        let Body::Tcp(network, segment) = found.body else {
            panic!("{:?}", found.body);
        };
        super::roce::network_fields(&network, &mut fields);
        tcp_fields(&segment, &mut fields);
        self.samples.push(Sample {
            kind: if payload.is_empty() { "TCP" } else { self.kind },
            frame,
            fields,
        });
    }

    /// What was sent last, as xoff reads it.
    pub(super) fn payload(&self) -> Vec<u8> {
        let frame = &self.samples.last().unwrap().frame;
        match dissect(Link::Ethernet, frame, frame.len() as u32).body {
            Body::Tcp(_, segment) => segment.payload.to_vec(),
            other => panic!("{other:?}"),
        }
    }
}

/// RFC 1071.
fn checksum(data: &[u8]) -> u16 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |b| u32::from(*b));
    let mut sum: u32 = data.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn tcp_fields(segment: &Segment<'_>, fields: &mut Fields) {
    fields.add("tcp.srcport", segment.src_port);
    fields.add("tcp.dstport", segment.dst_port);
    fields.add("tcp.seq_raw", segment.seq);
    fields.add("tcp.ack_raw", segment.ack);
    fields.add("tcp.len", segment.payload_len);
    fields.flag("tcp.flags.syn", segment.syn);
    fields.flag("tcp.flags.fin", segment.fin);
    fields.flag("tcp.flags.reset", segment.rst);
    fields.flag("tcp.flags.ack", segment.has_ack);
    fields.flag("tcp.flags.ece", segment.ece);
    fields.flag("tcp.flags.cwr", segment.cwr);
    fields.flag("tcp.checksum.status", true);
}

/// Both directions of an iWARP connection.
pub(super) struct Iwarp {
    pub(super) tcp: Tcp,
    framers: [Framer; 2],
    deframers: [Deframer; 2],
    msn: u32,
}

impl Iwarp {
    pub(super) fn open(kind: &'static str, ports: [u16; 2], markers: bool, crc: bool) -> Iwarp {
        let mut tcp = Tcp::open(kind, ports);
        for from in [0, 1] {
            let startup = Startup {
                reply: from == 1,
                markers,
                crc,
                revision: 1,
                private_data: b"hello",
                ..Startup::default()
            };
            let mut bytes = vec![0; startup.buffer_len()];
            startup.emit(&mut bytes);
            tcp.send(from, &bytes);
            let bytes = tcp.payload();
            let (read, _) = Startup::parse(&bytes).unwrap();
            let fields = &mut tcp.samples.last_mut().unwrap().fields;
            fields.flag("iwarp_mpa.marker_flag", read.markers);
            fields.flag("iwarp_mpa.crc_flag", read.crc);
            fields.flag("iwarp_mpa.rej_flag", read.reject);
            fields.add("iwarp_mpa.res", read.reserved);
            fields.add("iwarp_mpa.rev", read.revision);
            fields.add("iwarp_mpa.pdlength", read.private_data.len());
        }
        Iwarp {
            tcp,
            framers: [0, 1].map(|_| Framer::new(markers, crc)),
            deframers: [0, 1].map(|_| Deframer::new(markers, crc, 2_000)),
            msn: 0,
        }
    }

    /// One FPDU in a segment of its own; returns its payload above RDMAP as xoff reads it.
    pub(super) fn send(&mut self, from: usize, header: &ddp::Repr, payload: &[u8]) -> Vec<u8> {
        let mut ulpdu = vec![0; header.buffer_len()];
        header.emit(&mut ulpdu);
        ulpdu.extend(payload);
        let mut stream = Vec::new();
        self.framers[from].emit(&ulpdu, &mut stream);
        self.tcp.send(from, &stream);
        let bytes = self.tcp.payload();
        let (taken, fpdu) = self.deframers[from].push(&bytes);
        let fpdu = fpdu.expect("the FPDU is whole");
        assert_eq!(taken, bytes.len());
        assert!(
            matches!(fpdu.crc, Crc::Good | Crc::Unused),
            "{:?}",
            fpdu.crc
        );
        let fields = &mut self.tcp.samples.last_mut().unwrap().fields;
        fields.add("iwarp_mpa.ulpdulength", fpdu.ulpdu_len);
        let (header, len) = ddp::Repr::parse(&fpdu.head).unwrap();
        ddp_fields(&header, fields);
        let above = fpdu.head[len..].to_vec();
        rdmap_fields(&Control::of(&header), &above, fields);
        above
    }

    /// Header of a message in a queue.
    pub(super) fn untagged(&mut self, opcode: Opcode, queue: u32) -> ddp::Repr {
        self.msn += 1;
        let control = Control {
            version: rdmap::VERSION,
            reserved: 0,
            opcode,
            invalidate: opcode
                .to_string()
                .contains("nvalidate")
                .then_some(0x0a0b_0c0d),
        };
        ddp::Repr {
            last: true,
            reserved: 0,
            version: ddp::VERSION,
            kind: ddp::Kind::Untagged {
                ulp: control.untagged(),
                queue,
                msn: self.msn,
                offset: 0,
            },
        }
    }
}

fn tagged(opcode: Opcode, last: bool) -> ddp::Repr {
    let control = Control {
        version: rdmap::VERSION,
        reserved: 0,
        opcode,
        invalidate: None,
    };
    ddp::Repr {
        last,
        reserved: 0,
        version: ddp::VERSION,
        kind: ddp::Kind::Tagged {
            ulp: control.octet(),
            stag: 0x1122_3344,
            offset: 0x0102_0304_0506_0708,
        },
    }
}

fn ddp_fields(header: &ddp::Repr, fields: &mut Fields) {
    fields.flag("iwarp_ddp.last_flag", header.last);
    fields.add("iwarp_ddp.rsvd", header.reserved);
    fields.add("iwarp_ddp.dv", header.version);
    match header.kind {
        ddp::Kind::Tagged { stag, offset, .. } => {
            fields.flag("iwarp_ddp.tagged_flag", true);
            fields.add("iwarp_ddp.stag", stag);
            fields.add("iwarp_ddp.tagged_offset", offset);
        }
        ddp::Kind::Untagged {
            queue, msn, offset, ..
        } => {
            fields.flag("iwarp_ddp.tagged_flag", false);
            fields.add("iwarp_ddp.qn", queue);
            fields.add("iwarp_ddp.msn", msn);
            fields.add("iwarp_ddp.mo", offset);
        }
    }
}

fn rdmap_fields(control: &Control, payload: &[u8], fields: &mut Fields) {
    fields.add("iwarp_rdma.version", control.version);
    fields.add("iwarp_rdma.rsv", control.reserved);
    fields.add("iwarp_rdma.opcode", control.opcode.bits());
    match control.opcode {
        Opcode::SendInvalidate | Opcode::SendSolicitedInvalidate => {
            fields.add("iwarp_rdma.inval_stag", control.invalidate.unwrap());
        }
        Opcode::ReadRequest => {
            let (read, _) = ReadRequest::parse(payload).unwrap();
            fields.add("iwarp_rdma.sinkstag", read.sink_stag);
            fields.add("iwarp_rdma.sinkto", read.sink_offset);
            fields.add("iwarp_rdma.rdmardsz", read.size);
            fields.add("iwarp_rdma.srcstag", read.source_stag);
            fields.add("iwarp_rdma.srcto", read.source_offset);
        }
        Opcode::Terminate => {
            let (terminate, _) = Terminate::parse(payload).unwrap();
            fields.add("iwarp_rdma.term_layer", terminate.layer);
            fields.add("iwarp_rdma.term_etype_rdma", terminate.error_type);
            fields.add("iwarp_rdma.term_errcode_rdma", terminate.error_code);
            fields.flag("iwarp_rdma.term_hdrct_m", terminate.headers & 4 != 0);
            fields.flag("iwarp_rdma.hdrct_d", terminate.headers & 2 != 0);
            fields.flag("iwarp_rdma.hdrct_r", terminate.headers & 1 != 0);
        }
        _ => {}
    }
}

pub(super) fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    let connections = [
        ("iWARP, CRC", false, true),
        ("iWARP, no CRC", false, false),
        ("iWARP, CRC and markers", true, true),
        ("iWARP, markers, no CRC", true, false),
    ];
    for (port, (kind, markers, crc)) in (40_000..).zip(connections) {
        let mut c = Iwarp::open(kind, [port, 4_444], markers, crc);
        conversation(&mut c);
        samples.extend(c.tcp.samples);
    }
    samples
}

/// The initiator sends first: until then the responder must not.
fn conversation(c: &mut Iwarp) {
    let send = c.untagged(Opcode::Send, ddp::QUEUE_SEND);
    c.send(0, &send, b"a first message, 33 octets long..");
    for opcode in [
        Opcode::SendInvalidate,
        Opcode::SendSolicited,
        Opcode::SendSolicitedInvalidate,
    ] {
        let header = c.untagged(opcode, ddp::QUEUE_SEND);
        c.send(1, &header, &[0x5a; 21]);
    }
    c.send(0, &tagged(Opcode::Write, false), &[7; 1_200]);
    c.send(0, &tagged(Opcode::Write, true), &[8; 601]);
    let request = ReadRequest {
        sink_stag: 0x0101_0202,
        sink_offset: 0x0303_0404_0505_0606,
        size: 900,
        source_stag: 0x0707_0808,
        source_offset: 0x0909_0a0a_0b0b_0c0c,
    };
    let mut bytes = vec![0; ReadRequest::LEN];
    request.emit(&mut bytes);
    let header = c.untagged(Opcode::ReadRequest, ddp::QUEUE_READ_REQUEST);
    c.send(0, &header, &bytes);
    c.send(1, &tagged(Opcode::ReadResponse, true), &[9; 900]);
    for opcode in [Opcode::Immediate, Opcode::ImmediateSolicited] {
        let header = c.untagged(opcode, ddp::QUEUE_SEND);
        c.send(0, &header, &[1, 2, 3, 4, 5, 6, 7, 8]);
    }
    let terminate = Terminate {
        layer: 0,
        error_type: 1,
        error_code: 1,
        headers: 0,
        reserved: 0,
    };
    let mut bytes = vec![0; Terminate::LEN];
    terminate.emit(&mut bytes);
    let header = c.untagged(Opcode::Terminate, ddp::QUEUE_TERMINATE);
    c.send(1, &header, &bytes);
}
