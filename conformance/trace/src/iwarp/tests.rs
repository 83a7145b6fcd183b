//! Streams made by the emitters of the wire formats.

use super::*;
use crate::capture::{Direction, Frame};
use crate::smb::SmbReport;
use crate::tcp::TcpFollower;
use xoff_checks::finding::Finding;
use xoff_checks::smb::S_04;
use xoff_checks::wire::{W_23, W_24, W_25};
use xoff_wire::dissect::Segment;
use xoff_wire::mpa::{Framer, Startup};
use xoff_wire::{ethernet, ip, smbd};

/// Both ends of a connection, and what follows them.
struct Pair {
    follower: TcpFollower,
    seq: [u32; 2],
    frame: u64,
    framers: [Framer; 2],
    msn: u32,
}

fn network(direction: usize) -> ip::Network {
    let ends = [[192, 0, 2, 1], [192, 0, 2, 2]].map(std::net::IpAddr::from);
    ip::Network {
        kind: ip::Kind::V6 { flow_label: 0 },
        src: ends[direction],
        dst: ends[1 - direction],
        dscp: 0,
        ecn: ip::Ecn::NotEct,
        ttl: 64,
        protocol: 6,
        payload_len: 0,
    }
}

impl Pair {
    /// A connection whose initiator wants markers and whose responder wants CRCs, as told.
    fn new(markers: bool, crc: bool) -> Pair {
        let mut pair = Pair {
            follower: TcpFollower::new(),
            seq: [u32::MAX - 300, 77],
            frame: 0,
            framers: [Framer::new(false, crc), Framer::new(markers, crc)],
            msn: 0,
        };
        let request = Startup {
            markers,
            revision: 1,
            private_data: b"hello",
            ..Startup::default()
        };
        let reply = Startup {
            reply: true,
            crc,
            revision: 1,
            ..Startup::default()
        };
        for (direction, startup) in [request, reply].into_iter().enumerate() {
            let mut octets = vec![0; startup.buffer_len()];
            startup.emit(&mut octets);
            pair.segment(direction, &octets);
        }
        pair
    }

    fn segment(&mut self, direction: usize, payload: &[u8]) {
        self.partly(direction, payload, payload.len());
    }

    /// A segment of which the first `captured` octets are in the capture.
    fn partly(&mut self, direction: usize, payload: &[u8], captured: usize) {
        self.frame += 1;
        let ports = [40_000, 5445];
        let segment = Segment {
            src_port: ports[direction],
            dst_port: ports[1 - direction],
            seq: self.seq[direction],
            ack: self.seq[1 - direction],
            syn: false,
            fin: false,
            rst: false,
            has_ack: true,
            ece: false,
            cwr: false,
            payload: &payload[..captured],
            payload_len: payload.len() as u32,
        };
        let frame = Frame {
            number: self.frame,
            at_ns: self.frame * 1000,
            timed: true,
            interface: 0,
            direction: Direction::Unknown,
            original_len: 0,
            data: &[],
        };
        self.seq[direction] = self.seq[direction].wrapping_add(payload.len() as u32);
        let ethernet = ethernet::Repr::default();
        self.follower
            .segment(&frame, &ethernet, &network(direction), &segment);
    }

    fn fpdu(&mut self, direction: usize, opcode: Opcode, last: bool, payload: &[u8]) -> Vec<u8> {
        let control = Control {
            version: rdmap::VERSION,
            reserved: 0,
            opcode,
            invalidate: None,
        };
        let kind = if opcode.is_tagged() {
            let ulp = control.octet();
            ddp::Kind::Tagged {
                ulp,
                stag: 9,
                offset: 0,
            }
        } else {
            self.msn += 1;
            let queue = if opcode == Opcode::Terminate { 2 } else { 0 };
            let ulp = control.untagged();
            ddp::Kind::Untagged {
                ulp,
                queue,
                msn: self.msn,
                offset: 0,
            }
        };
        let header = ddp::Repr {
            last,
            reserved: 0,
            version: ddp::VERSION,
            kind,
        };
        let mut ulpdu = vec![0; header.buffer_len()];
        header.emit(&mut ulpdu);
        ulpdu.extend_from_slice(payload);
        let mut octets = Vec::new();
        self.framers[direction].emit(&ulpdu, &mut octets);
        octets
    }

    fn send(&mut self, direction: usize, opcode: Opcode, last: bool, payload: &[u8]) {
        let octets = self.fpdu(direction, opcode, last, payload);
        self.segment(direction, &octets);
    }

    fn finish(self) -> (IwarpConnection, SmbReport, Vec<Finding>) {
        let (smb, mut iwarp, summary, findings) = self.follower.finish();
        assert_eq!((summary.connections, summary.iwarp), (1, 1));
        (iwarp.remove(0), smb, findings)
    }
}

#[test]
fn operations_are_counted() {
    let mut pair = Pair::new(true, true);
    pair.send(0, Opcode::Send, true, &[1; 100]);
    for last in [false, false, true] {
        pair.send(1, Opcode::Write, last, &[2; 1400]);
    }
    pair.send(1, Opcode::SendInvalidate, true, &[3; 33]);
    let (connection, smb, findings) = pair.finish();
    assert!(connection.established && connection.crc && !connection.smb_direct);
    assert_eq!(connection.markers, [false, true]);
    assert_eq!(connection.private_data, [5, 0]);
    let [initiator, responder] = &connection.directions;
    assert_eq!((initiator.fpdus, responder.fpdus), (1, 4));
    let write = Operation {
        opcode: Opcode::Write,
        segments: 3,
        messages: 1,
        bytes: 4200,
    };
    assert_eq!(responder.operations[0], write);
    assert_eq!(responder.operations[1].bytes, 33);
    assert_eq!(
        (responder.tcp.segments, responder.tcp.retransmitted),
        (5, 0)
    );
    assert!(smb.direct.is_empty());
    assert_eq!(findings, []);
}

#[test]
fn a_wrong_crc_is_w_23() {
    let mut pair = Pair::new(false, true);
    let mut octets = pair.fpdu(0, Opcode::Write, true, &[1; 100]);
    octets[50] ^= 1;
    pair.segment(0, &octets);
    pair.send(0, Opcode::Write, true, &[1; 100]);
    let (connection, _, findings) = pair.finish();
    assert_eq!(connection.directions[0].bad_crc, 1);
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].check, findings[0].frames()), (&W_23, &[3][..]));
}

#[test]
fn a_cut_frame_leaves_the_crc_open() {
    let mut pair = Pair::new(true, true);
    let octets = pair.fpdu(1, Opcode::Write, true, &[1; 1400]);
    pair.partly(1, &octets, 60);
    pair.send(1, Opcode::Write, true, &[1; 10]);
    let (connection, _, findings) = pair.finish();
    let responder = &connection.directions[1];
    assert_eq!((responder.fpdus, responder.unverified_crc), (2, 1));
    assert_eq!((responder.bad_crc, responder.lost_sync), (0, 0));
    assert_eq!(responder.operations[0].bytes, 1410);
    assert_eq!(findings, []);
}

#[test]
fn a_missing_segment_is_survived_at_the_next_boundary() {
    for markers in [false, true] {
        let mut pair = Pair::new(markers, true);
        let lost = pair.fpdu(1, Opcode::Write, true, &[1; 500]);
        pair.seq[1] = pair.seq[1].wrapping_add(lost.len() as u32);
        pair.send(1, Opcode::Write, true, &[1; 10]);
        pair.send(1, Opcode::Write, true, &[1; 1000]);
        let (connection, _, findings) = pair.finish();
        let responder = &connection.directions[1];
        assert_eq!((responder.lost_sync, responder.fpdus), (1, 2));
        assert_eq!(responder.tcp.missing_bytes, lost.len() as u64);
        assert_eq!((responder.bad_crc, responder.unverified_crc), (0, 0));
        assert_eq!(findings, []);
    }
}

#[test]
fn terminate_is_w_25() {
    let mut pair = Pair::new(false, false);
    pair.send(1, Opcode::Terminate, true, &[0x01, 0x02, 0, 0]);
    let (connection, _, findings) = pair.finish();
    let (side, terminate, frame) = connection.terminate.unwrap();
    assert_eq!((side, terminate.error_code, frame), (1, 2, 3));
    assert_eq!(findings[0].check, &W_25);
    assert!(findings[0].cause.contains("access rights"));
}

#[test]
fn an_opcode_of_the_wrong_kind_is_w_24() {
    let mut pair = Pair::new(false, true);
    pair.send(0, Opcode::Reserved(13), true, &[0; 8]);
    let (_, _, findings) = pair.finish();
    assert_eq!(findings[0].check, &W_24);
}

#[test]
fn smb_direct_over_iwarp() {
    let mut pair = Pair::new(false, true);
    let request = smbd::NegotiateRequest {
        min_version: smbd::VERSION,
        max_version: smbd::VERSION,
        credits_requested: 10,
        preferred_send_size: 1364,
        max_receive_size: 1364,
        max_fragmented_size: 131_072,
    };
    let response = smbd::NegotiateResponse {
        min_version: smbd::VERSION,
        max_version: smbd::VERSION,
        negotiated_version: smbd::VERSION,
        credits_requested: 10,
        credits_granted: 1,
        status: 0,
        max_read_write_size: 1 << 20,
        preferred_send_size: 1364,
        max_receive_size: 1364,
        max_fragmented_size: 131_072,
    };
    let transfer = smbd::DataTransfer {
        credits_requested: 10,
        ..smbd::DataTransfer::default()
    };
    let (mut a, mut b, mut c) = ([0; 20], [0; 32], [0; 20]);
    request.emit(&mut a);
    response.emit(&mut b);
    transfer.emit(&mut c);
    pair.send(0, Opcode::Send, true, &a);
    pair.send(1, Opcode::Send, true, &b);
    pair.send(0, Opcode::Send, true, &c);
    let (connection, smb, findings) = pair.finish();
    assert!(connection.smb_direct);
    let direct = &smb.direct[0];
    assert_eq!((direct.request, direct.response), (request, Some(response)));
    assert_eq!(direct.directions[0].least_credits, Some(0));
    assert!(!direct.incomplete);
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].check, findings[0].frames()), (&S_04, &[5][..]));
}
