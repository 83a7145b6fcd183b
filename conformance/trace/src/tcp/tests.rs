use super::*;
use pcap_file::pcap::PcapReader;
use std::fs::File;
use xoff_checks::finding::Finding;
use xoff_checks::smb::{S_02, S_07};
use xoff_wire::dissect::{Body, Link, dissect};

type Results = (SmbReport, Vec<IwarpConnection>, TcpSummary, Vec<Finding>);

/// Follows a capture of which only some frames, cut to `snaplen`, are left.
fn follow(snaplen: usize, keep: impl Fn(u64) -> bool) -> Results {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../traces/captures/smb3_multichannel.pcap"
    );
    let mut reader = PcapReader::new(File::open(path).unwrap()).unwrap();
    let mut follower = TcpFollower::new();
    let mut number = 0;
    while let Some(packet) = reader.next_packet() {
        let packet = packet.unwrap();
        number += 1;
        if !keep(number) {
            continue;
        }
        let data = &packet.data()[..packet.data().len().min(snaplen)];
        let frame = Frame {
            number,
            at_ns: packet.timestamp().as_nanos() as u64,
            timed: true,
            interface: 0,
            direction: crate::capture::Direction::Unknown,
            original_len: packet.orig_len(),
            data,
        };
        let dissected = dissect(Link::Ethernet, data, packet.orig_len());
        if let Body::Tcp(network, segment) = dissected.body {
            follower.segment(&frame, &dissected.ethernet, &network, &segment);
        }
    }
    follower.finish()
}

#[test]
fn the_multichannel_capture() {
    let (smb, iwarp, summary, findings) = follow(usize::MAX, |_| true);
    assert_eq!(
        (smb.tcp_connections, smb.binding_requests, smb.bindings),
        (4, 6, 3)
    );
    assert_eq!((smb.failed_bindings, smb.lost_sync), (0, 0));
    assert_eq!((summary.connections, summary.resets), (4, 4));
    // As tshark counts them.
    assert_eq!(smb.messages, 795);
    let counters = summary.counters;
    assert_eq!((counters.segments, counters.keepalives), (1128 - 24, 24));
    assert_eq!((counters.retransmitted, counters.late), (0, 0));
    assert!(iwarp.is_empty());
    let session = &smb.sessions[0];
    assert_eq!(session.id, 0x1c00_1000_0049);
    assert_eq!(
        (session.dialect, session.multichannel),
        (Some(0x0311), [Some(true); 2])
    );
    assert!(session.from_start && session.queried && !session.incomplete);
    assert_eq!(session.interfaces.len(), 2);
    for interface in &session.interfaces {
        assert_eq!(interface.info.link_speed, 1_000_000_000);
        assert!(interface.info.rss && !interface.info.rdma);
        assert_eq!((interface.info.if_index, interface.channels), (8, 4));
    }
    let ports: Vec<_> = session
        .channels
        .iter()
        .map(|c| (c.client.port(), c.binding_requests))
        .collect();
    assert_eq!(ports, [(57092, 0), (57093, 2), (57094, 2), (57095, 2)]);
    // The server denies access to every further session; tshark counts as many.
    let [denied] = findings.as_slice() else {
        panic!("{findings:?}");
    };
    assert_eq!(
        (denied.check, denied.count, denied.frames()[0]),
        (&S_07, 26, 1122)
    );
    assert!(denied.cause.contains("STATUS_ACCESS_DENIED (0xc0000022)"));
}

#[test]
fn a_snaplen_costs_heads_but_not_the_thread() {
    let (smb, _, summary, _) = follow(160, |_| true);
    assert_eq!((smb.tcp_connections, smb.binding_requests), (4, 6));
    assert!(summary.counters.cut_bytes > 0);
    let (whole, ..) = follow(usize::MAX, |_| true);
    assert!(smb.messages * 10 > whole.messages * 8, "{}", smb.messages);
}

#[test]
fn missing_frames_are_gaps() {
    let (whole, ..) = follow(usize::MAX, |_| true);
    let (smb, _, summary, _) = follow(usize::MAX, |number| number % 10 != 0);
    assert!(summary.counters.missing_bytes > 0);
    assert!(smb.lost_sync > 0);
    assert!(smb.messages * 2 > whole.messages && smb.messages < whole.messages);
}

#[test]
fn a_capture_from_the_middle_finds_the_session() {
    let (smb, _, _, findings) = follow(usize::MAX, |number| number > 30);
    let session = &smb.sessions[0];
    assert_eq!(session.id, 0x1c00_1000_0049);
    assert!(!session.from_start && session.incomplete);
    assert!(
        findings
            .iter()
            .all(|f| f.check != &S_02 || f.inconclusive.is_some())
    );
}

/// A segment between two ports of one host.
fn synthetic(follower: &mut TcpFollower, src: u16, seq: u32, flags: u8, payload: &[u8]) {
    on_host(1, follower, src, seq, flags, payload);
}

fn on_host(host: u32, follower: &mut TcpFollower, src: u16, seq: u32, flags: u8, payload: &[u8]) {
    let address = std::net::IpAddr::V4(std::net::Ipv4Addr::from_bits(host));
    let network = ip::Network {
        kind: ip::Kind::V6 { flow_label: 0 },
        src: address,
        dst: address,
        dscp: 0,
        ecn: ip::Ecn::Ce,
        ttl: 64,
        protocol: 6,
        payload_len: 0,
    };
    let dst = if src == 445 { 40_000 } else { 445 };
    let segment = Segment {
        src_port: src,
        dst_port: dst,
        seq,
        ack: seq.wrapping_mul(31),
        syn: flags & 2 != 0,
        fin: flags & 1 != 0,
        rst: flags & 4 != 0,
        has_ack: flags & 16 != 0,
        ece: flags & 64 != 0,
        cwr: false,
        payload,
        payload_len: payload.len() as u32,
    };
    let frame = Frame {
        number: 1,
        at_ns: 0,
        timed: true,
        interface: 0,
        direction: crate::capture::Direction::Unknown,
        original_len: 0,
        data: &[],
    };
    follower.segment(&frame, &ethernet::Repr::default(), &network, &segment);
}

#[test]
fn ports_that_are_used_again_make_another_connection() {
    let mut follower = TcpFollower::new();
    for seq in [100, 5000] {
        synthetic(&mut follower, 40_000, seq, 2, b"");
        synthetic(&mut follower, 40_000, seq, 2, b"");
        synthetic(&mut follower, 40_000, seq + 1, 16, b"GET / HTTP/1.1");
        synthetic(&mut follower, 445, 9, 4, b"");
    }
    let (smb, _, summary, _) = follower.finish();
    assert_eq!((summary.connections, summary.resets), (2, 2));
    assert_eq!(smb.tcp_connections, 0);
    assert_eq!(summary.counters.segments, 2);
    assert_eq!(summary.counters.ce_marked, 8);
}

#[test]
fn many_connections_are_bounded() {
    let mut follower = TcpFollower::new();
    let count = STREAMS_MAX as u32 + 10;
    for host in 0..count {
        on_host(host, &mut follower, 40_000, 1, 2, b"");
        on_host(host, &mut follower, 40_000, 2, 16, b"GET / HTTP/1.1");
        assert!(follower.streams.len() <= STREAMS_MAX);
    }
    let (_, _, summary, _) = follower.finish();
    assert_eq!(summary.connections, u64::from(count));
    assert_eq!(summary.evicted, STREAMS_MAX as u64 / 2);
    assert_eq!(summary.counters.segments, u64::from(count));
}

proptest::proptest! {
    #[test]
    fn never_panics(
        segments in proptest::collection::vec(
            (
                proptest::bool::ANY,
                proptest::num::u32::ANY,
                0u32..40,
                proptest::num::u8::ANY,
                proptest::collection::vec(proptest::num::u8::ANY, 0..40),
                0usize..4,
            ),
            1..40,
        ),
    ) {
        let mut follower = TcpFollower::new();
        for (up, seq, step, flags, tail, kind) in segments {
            let src = if up { 445 } else { 40_000 };
            let seq = if flags & 0xf0 == 0xf0 { seq } else { step };
            let mut payload = match kind {
                0 => b"\x00\x00\x00\x60\xfeSMB\x40\x00".to_vec(),
                1 => b"MPA ID Req Frame\x40\x01\x00\x00".to_vec(),
                2 => b"MPA ID Rep Frame\xc0\x01\x00\x00".to_vec(),
                _ => Vec::new(),
            };
            payload.extend(tail);
            synthetic(&mut follower, src, seq, flags & 0x13, &payload);
        }
        follower.finish();
    }
}
