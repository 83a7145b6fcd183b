use super::*;
use crate::finding::Finding;
use pcap_file::pcap::PcapReader;
use std::fs::File;
use xoff_sim::wire::dissect::{Body, Link, dissect};

type Results = (SmbReport, Vec<IwarpConnection>, TcpSummary, Vec<Finding>);

/// Follows a capture of which only some frames, cut to `snaplen`, are left.
fn follow(snaplen: usize, keep: impl Fn(u64) -> bool) -> Results {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../traces/captures/smb3_multichannel.pcap"
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
    assert_eq!(summary.connections, 4);
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
    assert_eq!(findings, []);
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
            .all(|f| f.id != "S-02" || f.inconclusive.is_some())
    );
}
