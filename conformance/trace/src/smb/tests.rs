//! Sessions made by the emitters of the wire formats.

use super::*;
use xoff_checks::catalogue::Check;
use xoff_checks::finding::{Finding, Severity};
use xoff_checks::smb::{S_01, S_02, S_03};
use xoff_wire::smb2::{
    CAP_MULTI_CHANNEL, FLAG_RESPONSE, FSCTL_QUERY_NETWORK_INTERFACE_INFO, Framing, HEADER_LEN,
    INTERFACE_INFO_LEN, Ioctl, NegotiateRequest, NegotiateResponse, SESSION_BINDING,
    SessionSetupRequest, SessionSetupResponse,
};
use xoff_wire::smbd;

const SESSION: u64 = 0x4400_0001;
const REFUSED: u32 = 0xc000_009a;

struct Net {
    smb: SmbFollower,
    frame: u64,
}

fn at(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], port))
}

impl Net {
    fn new() -> Net {
        Net {
            smb: SmbFollower::default(),
            frame: 0,
        }
    }

    /// A TCP connection that negotiated SMB 3.0.2.
    fn connect(&mut self, client_port: u16, server: u8, capabilities: u32) -> usize {
        let transport = self.smb.open([at(1, client_port), at(server, 445)], true);
        let request = NegotiateRequest {
            capabilities,
            dialects: vec![0x0302],
            ..NegotiateRequest::default()
        };
        let mut body = vec![0; request.buffer_len()];
        request.emit(&mut body);
        self.message(transport, 0, header(Command::NEGOTIATE, 0), &body);
        let response = NegotiateResponse {
            dialect: 0x0302,
            server_guid: [7; 16],
            capabilities: CAP_MULTI_CHANNEL,
            ..NegotiateResponse::default()
        };
        let mut body = vec![0; 64];
        response.emit(&mut body);
        self.message(transport, 1, header(Command::NEGOTIATE, 0), &body);
        transport
    }

    fn set_up(&mut self, transport: usize, flags: u8, status: u32) {
        let request = SessionSetupRequest {
            flags,
            ..SessionSetupRequest::default()
        };
        let mut body = vec![0; 24];
        request.emit(&mut body);
        let binding = flags & SESSION_BINDING != 0;
        let session = if binding { SESSION } else { 0 };
        self.message(transport, 0, header(Command::SESSION_SETUP, session), &body);
        let mut body = vec![0; 8];
        SessionSetupResponse::default().emit(&mut body);
        let answer = Header {
            status,
            ..header(Command::SESSION_SETUP, SESSION)
        };
        self.message(transport, 1, answer, &body);
    }

    fn offer(&mut self, transport: usize, interfaces: &[InterfaceInfo]) {
        let len = interfaces.len() * INTERFACE_INFO_LEN;
        let ioctl = Ioctl {
            response: true,
            code: FSCTL_QUERY_NETWORK_INTERFACE_INFO,
            output: (HEADER_LEN as u32 + 48, len as u32),
            ..Ioctl::default()
        };
        let mut body = vec![0; 48 + len];
        ioctl.emit(&mut body);
        for (i, chunk) in body[48..].chunks_mut(INTERFACE_INFO_LEN).enumerate() {
            interfaces[i].emit(i + 1 == interfaces.len(), chunk);
        }
        self.message(transport, 1, header(Command::IOCTL, SESSION), &body);
    }

    fn message(&mut self, transport: usize, side: usize, header: Header, body: &[u8]) {
        let mut octets = vec![0; 4 + HEADER_LEN + body.len()];
        let len = (octets.len() - 4) as u32;
        Framing { kind: 0, len }.emit(&mut octets);
        let flags = if side == 1 { FLAG_RESPONSE } else { 0 };
        Header { flags, ..header }.emit(&mut octets[4..]);
        octets[4 + HEADER_LEN..].copy_from_slice(body);
        self.octets(transport, side, &octets);
    }

    fn octets(&mut self, transport: usize, side: usize, octets: &[u8]) {
        self.frame += 1;
        let place = self.place();
        let piece = Piece::Data {
            place,
            octets,
            segment_start: true,
        };
        self.smb.tcp_piece(transport, side, piece);
    }

    fn place(&self) -> Place {
        Place {
            frame: self.frame,
            at_ns: self.frame * 1000,
        }
    }

    /// A write of SMB over TCP.
    fn write(&mut self, transport: usize, len: usize) {
        self.message(transport, 0, header(Command::WRITE, SESSION), &vec![0; len]);
    }

    fn finish(self) -> (SmbReport, Vec<Finding>) {
        let report = self.smb.finish();
        let findings = findings(&report);
        (report, findings)
    }
}

fn header(command: Command, session_id: u64) -> Header {
    Header {
        command,
        session_id,
        ..Header::default()
    }
}

fn interface(if_index: u32, host: u8, rss: bool, rdma: bool) -> InterfaceInfo {
    InterfaceInfo {
        if_index,
        rss,
        rdma,
        link_speed: 10_000_000_000,
        address: Some(at(host, 0).ip()),
    }
}

fn ids(findings: &[Finding]) -> Vec<(&'static Check, Severity, bool)> {
    let told = |f: &Finding| (f.check, f.severity, f.inconclusive.is_some());
    findings.iter().map(told).collect()
}

#[test]
fn a_client_without_multichannel() {
    let mut net = Net::new();
    let transport = net.connect(1000, 2, 0);
    net.set_up(transport, 0, 0);
    let (report, findings) = net.finish();
    assert_eq!(report.sessions.len(), 1);
    assert_eq!(report.sessions[0].multichannel, [Some(false), Some(true)]);
    assert_eq!(ids(&findings), [(&S_01, Severity::Note, false)]);
    assert!(findings[0].cause.starts_with("The client does not"));
}

#[test]
fn rdma_offered_and_not_used() {
    let mut net = Net::new();
    let transport = net.connect(1000, 2, CAP_MULTI_CHANNEL);
    net.set_up(transport, 0, 0);
    net.offer(transport, &[interface(4, 2, false, true)]);
    let (_, findings) = net.finish();
    assert_eq!(ids(&findings), [(&S_01, Severity::Warning, true)]);

    let mut net = Net::new();
    let transport = net.connect(1000, 2, CAP_MULTI_CHANNEL);
    net.set_up(transport, 0, 0);
    net.offer(transport, &[interface(4, 2, false, true)]);
    net.write(transport, 1 << 20);
    let (_, findings) = net.finish();
    assert_eq!(ids(&findings), [(&S_01, Severity::Warning, false)]);
}

#[test]
fn a_refused_binding_and_an_idle_interface() {
    let mut net = Net::new();
    let first = net.connect(1000, 2, CAP_MULTI_CHANNEL);
    net.set_up(first, 0, 0);
    let offered = [interface(4, 2, true, false), interface(5, 3, true, false)];
    net.offer(first, &offered);
    let second = net.connect(1001, 3, CAP_MULTI_CHANNEL);
    net.set_up(second, SESSION_BINDING, REFUSED);
    let (report, findings) = net.finish();
    assert_eq!((report.binding_requests, report.failed_bindings), (1, 1));
    let session = &report.sessions[0];
    let used: Vec<_> = session.interfaces.iter().map(|i| i.used()).collect();
    assert_eq!(used, [true, false]);
    assert_eq!(session.channels[1].status, Some(REFUSED));
    assert_eq!(
        ids(&findings),
        [
            (&S_02, Severity::Error, false),
            (&S_02, Severity::Warning, false),
            (&S_02, Severity::Note, false),
        ]
    );
    assert!(findings[0].cause.contains("0xc000009a"));
    assert!(findings[1].cause.contains("interface 5 (10000 Mb/s)"));
    assert!(findings[2].cause.starts_with("1 of the 4"));
}

#[test]
fn encryption_hides_the_interfaces() {
    let mut net = Net::new();
    let transport = net.connect(1000, 2, CAP_MULTI_CHANNEL);
    net.set_up(transport, 0, 0);
    let mut octets = [0; 4 + 52];
    Framing { kind: 0, len: 52 }.emit(&mut octets);
    let transform = smb2::Transform {
        session_id: SESSION,
        ..smb2::Transform::default()
    };
    transform.emit(&mut octets[4..]);
    net.octets(transport, 0, &octets);
    let (report, findings) = net.finish();
    assert_eq!(report.encrypted_messages, 1);
    assert!(report.sessions[0].encrypted);
    assert_eq!(ids(&findings), [(&S_02, Severity::Note, true)]);
}

#[test]
fn a_channel_that_is_lost() {
    let mut net = Net::new();
    let first = net.connect(1000, 2, CAP_MULTI_CHANNEL);
    net.set_up(first, 0, 0);
    let second = net.connect(1001, 2, CAP_MULTI_CHANNEL);
    net.set_up(second, SESSION_BINDING, 0);
    let place = net.place();
    net.smb.closed(second, Some(place));
    net.write(first, 100);
    let (report, findings) = net.finish();
    assert_eq!((report.bindings, report.failed_bindings), (1, 0));
    assert_eq!(ids(&findings), [(&S_03, Severity::Warning, true)]);
    assert_eq!(findings[0].frames(), [place.frame]);
}

#[test]
fn equal_session_ids_of_different_servers() {
    let mut net = Net::new();
    for (server, guid) in [(2, [1; 16]), (3, [2; 16])] {
        let transport = net.connect(1000, server, CAP_MULTI_CHANNEL);
        net.smb.transports[transport].server_guid = Some(guid);
        net.set_up(transport, 0, 0);
    }
    let (report, _) = net.finish();
    assert_eq!(report.sessions.len(), 2);
}

#[test]
fn related_requests_of_a_compound_share_the_session() {
    let mut net = Net::new();
    let transport = net.connect(1000, 2, CAP_MULTI_CHANNEL);
    let first = Header {
        next_command: 128,
        ..header(Command(5), SESSION)
    };
    let related = Header {
        flags: smb2::FLAG_RELATED,
        ..header(Command(16), u64::MAX)
    };
    let mut body = vec![0; 64 + HEADER_LEN];
    related.emit(&mut body[64..]);
    net.message(transport, 0, first, &body);
    let (report, _) = net.finish();
    assert_eq!(report.sessions.len(), 1);
    assert!(!report.sessions[0].from_start);
}

#[test]
fn a_session_over_smb_direct() {
    // RoCE has no ports; iWARP has those of its TCP connection.
    over_smb_direct(Rdma::Roce, [0, 0]);
    over_smb_direct(Rdma::Iwarp, [40_000, 5_445]);
}

fn over_smb_direct(rdma: Rdma, [from, to]: [u16; 2]) {
    let mut net = Net::new();
    let transport = net.connect(1000, 2, CAP_MULTI_CHANNEL);
    net.set_up(transport, 0, 0);
    net.offer(transport, &[interface(4, 2, false, true)]);
    let key = RdmaKey { rdma, id: 3 };
    let request = smbd::NegotiateRequest {
        min_version: smbd::VERSION,
        max_version: smbd::VERSION,
        credits_requested: 10,
        preferred_send_size: 1364,
        max_receive_size: 1364,
        max_fragmented_size: 131_072,
    };
    let response = smbd::NegotiateResponse {
        negotiated_version: smbd::VERSION,
        credits_requested: 10,
        credits_granted: 10,
        preferred_send_size: 1364,
        max_receive_size: 1364,
        max_fragmented_size: 131_072,
        ..smbd::NegotiateResponse::default()
    };
    let transfer = smbd::DataTransfer {
        credits_requested: 10,
        credits_granted: 10,
        data_offset: 24,
        data_len: HEADER_LEN as u32 + 1000,
        ..smbd::DataTransfer::default()
    };
    let (mut a, mut b, mut c) = (vec![0; 20], vec![0; 32], vec![0; 24 + HEADER_LEN + 1000]);
    request.emit(&mut a);
    response.emit(&mut b);
    transfer.emit(&mut c);
    header(Command::WRITE, SESSION).emit(&mut c[24..]);
    for (direction, octets) in [(1, a), (0, b), (1, c)] {
        // Path MTU 1024: the last message takes two packets.
        let packets = octets.chunks(1024).count();
        for (i, chunk) in octets.chunks(1024).enumerate() {
            net.frame += 1;
            let place = net.place();
            let packet = SendPacket {
                ends: [at(2, to), at(1, from)],
                direction,
                octets: chunk,
                wire_len: chunk.len() as u32,
                first: i == 0,
                last: i + 1 == packets,
            };
            assert!(net.smb.rdma_send(key, place, &packet));
        }
    }
    let (report, findings) = net.finish();
    let direct = &report.direct[0];
    assert_eq!(
        (direct.client, direct.server),
        (at(1, 0).ip(), at(2, 0).ip())
    );
    assert_eq!(direct.directions[0].data_bytes, HEADER_LEN as u64 + 1000);
    let channels = &report.sessions[0].channels;
    assert_eq!(channels[1].carrier, Carrier::Direct(rdma));
    assert_eq!(
        (channels[1].client, channels[1].server),
        (at(1, from), at(2, to))
    );
    assert_eq!(findings, []);
}
