//! A hand-made report of a capture with everything in it.

use super::Traced;
use std::net::{IpAddr, Ipv4Addr};
use xoff_checks::catalogue::Check;
use xoff_checks::congestion::CC_01;
use xoff_checks::finding::{Finding, Severity, Where};
use xoff_checks::rc::{RC_05, RC_07};
use xoff_model::dcbx::{Advertised, Dialect, Operational};
use xoff_trace::capture::{Direction, Interface, InterfaceStats};
use xoff_trace::report::*;
use xoff_trace::timeline::{FlowCell, FlowRow, PauseRow, Timeline};
use xoff_wire::{Mac, cee, qaz};

fn endpoint(n: u8, qpn: u32) -> Endpoint {
    Endpoint {
        address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, n)),
        qpn,
        mac: Mac([2, 0, 0, 0, 0, n]),
    }
}

fn direction() -> DirectionReport {
    DirectionReport {
        data: Marking {
            dscp: 26,
            pcp: Some(3),
            ecn_capable: true,
            mixed: true,
        },
        sport: Some(49_152),
        first_psn: Some(7),
        first_data_ns: Some(1_000),
        last_data_ns: Some(1_001_000),
        data_packets: 12_000,
        retransmitted_packets: 1_500,
        retransmitted_bytes: 1_536_000,
        new_bytes: 10_752_000,
        delivered_bytes: 10_750_000,
        naks: 3,
        timeouts: 1,
        cnps: 12,
        ce_marked: 600,
        bad_icrc: 2,
        activity: Activity {
            ns: 1_000_000,
            bytes: 10_752_000,
            total: 10_752_000,
        },
        recovery: Recovery::GoBackN,
        messages: 12,
        messages_completed: 11,
        causes: vec![(Cause::Nak, 3), (Cause::Timeout, 1)],
        episodes: vec![Episode {
            cause: Cause::Nak,
            at_ns: 5_000,
            frame: 44,
            trigger: Some(43),
            psn: 0xff_fff0,
            packets: 500,
            bytes: 512_000,
            delay_ns: 9_000,
        }],
        ..DirectionReport::default()
    }
}

fn connection() -> Connection {
    Connection {
        service: Service::Rc,
        interface: 0,
        vantage: Vantage::AtA,
        speaks_for_sender: [true; 2],
        speaks_for_receiver: [true; 2],
        a: endpoint(1, 0x12),
        b: endpoint(2, 0xabcdef),
        first_ns: 1_000,
        last_ns: 1_001_000,
        v1: false,
        vlan: Some(100),
        mtu: 1_024,
        directions: [direction(), DirectionReport::default()],
    }
}

fn finding(check: &'static Check, severity: Severity, subject: &str, cause: &str) -> Finding {
    Finding {
        check,
        severity,
        inconclusive: None,
        subject: subject.to_owned(),
        cause: cause.to_owned(),
        cure: "Lower the timeout exponent".to_owned(),
        count: 1,
        at: Where::Frames(vec![12, 19]),
    }
}

fn findings() -> Vec<Finding> {
    let mut open = finding(&CC_01, Severity::Warning, "10.0.0.1", "no CNP was seen");
    open.inconclusive = Some("only one direction was captured".to_owned());
    let mut lost = finding(
        &RC_05,
        Severity::Error,
        "10.0.0.1 0x12 to 10.0.0.2 0xabcdef",
        "packets were lost: 1,500 of 12,000 (12.5%) were sent again, because a gap makes go-back-N \
         repeat all that follows it",
    );
    lost.count = 3;
    vec![
        finding(
            &RC_07,
            Severity::Note,
            "a, b: c%\n::error::x",
            "stood still for 67 ms",
        ),
        open,
        lost,
    ]
}

fn link() -> Link {
    let ets = qaz::Ets {
        willing: true,
        priority: [0, 0, 0, 3, 0, 0, 0, 0],
        bandwidth: [50, 0, 0, 50, 0, 0, 0, 0],
        tsa: [2; 8],
        ..qaz::Ets::default()
    };
    let advertised = Advertised {
        ets: Some(ets),
        pfc: Some(qaz::Pfc {
            willing: true,
            capability: 8,
            enabled: 0b1000,
            mbc: false,
        }),
        apps: vec![qaz::App {
            priority: 3,
            selector: 3,
            protocol: 4791,
        }],
        cee: Some(cee::Repr {
            pfc: Some(cee::Pfc::default()),
            ..cee::Repr::default()
        }),
        ..Advertised::default()
    };
    let end = |n| LinkEnd {
        mac: Mac([2, 0, 0, 0, 0, n]),
        chassis: "02:00:00:00:00:09".to_owned(),
        port: "Eth1/1".to_owned(),
        system: Some("leaf\u{7}1".to_owned()),
        ttl_s: 120,
        frames: 4,
        first_frame: 1,
        last_ns: 9,
        advertised: advertised.clone(),
        port_settings: PortSettings {
            port_vlan: Some(10),
            vlan_names: vec![(10, "storage\u{7}".to_owned())],
            max_frame: Some(9_216),
            aggregation: Some(Aggregation {
                capable: true,
                aggregated: true,
                port: 3,
            }),
            ..PortSettings::default()
        },
    };
    let operational = Operational {
        dialect: Dialect::Ieee,
        pfc: Some(0b1000),
        ets: Some(ets),
        apps: Vec::new(),
        notes: vec!["both are willing: the lower MAC address wins".to_owned()],
        conflict: false,
    };
    Link {
        interface: 0,
        ends: vec![end(1), end(2)],
        negotiated: Some([operational.clone(), operational]),
    }
}

fn timeline() -> Timeline {
    let cell = |n: u64| FlowCell {
        new_bytes: if (20..30).contains(&n) { 0 } else { 1_000 + n },
        repeated_bytes: if n == 30 { 5_000 } else { 0 },
        psn: n,
        naks: u32::from(n == 19),
        timeouts: u32::from(n == 30),
        cnps: (n % 7) as u32 * 3,
        ce: 0,
    };
    Timeline {
        start_ns: 1_000,
        step_ns: 10_000,
        steps: 100,
        flows: vec![FlowRow {
            connection: 0,
            direction: 0,
            cells: (0..100).map(cell).collect(),
        }],
        pauses: vec![PauseRow {
            port: 0,
            class: xoff_trace::class::PauseClass::Priority(3),
            paused_ns: (0..100).map(|n| n * 100).collect(),
        }],
    }
}

/// One connection in trouble, a paused class, a link, findings of every kind, cut short.
pub(crate) fn traced() -> Traced {
    let interface = Interface {
        name: Some("eth0".to_owned()),
        speed: Some(100_000_000_000),
        ..Interface::default()
    };
    let stats = InterfaceStats {
        dropped: Some(17),
        ..InterfaceStats::default()
    };
    let capture = CaptureSummary {
        frames: 12_345,
        bytes: 13_000_000,
        first_ns: Some(1_000),
        last_ns: Some(1_001_000),
        untimed_frames: 2,
        backwards: Backwards {
            frames: 3,
            first_frame: 8,
            most_ns: 250_000,
        },
        cut_frames: 5,
        malformed: 1,
        malformed_roce: 0,
        unread_frames: 0,
        malformed_examples: vec![(77, "BTH length at byte 4: cut".to_owned())],
        interfaces: vec![(interface, stats, 12_345)],
        protocols: vec![("RoCEv2".to_owned(), 12_300), ("PFC".to_owned(), 45)],
        partial: Some("reading stopped at byte 99: the file ends inside a frame".to_owned()),
    };
    let port = PausePort {
        interface: 0,
        sender: Mac([2, 0, 0, 0, 0, 9]),
        direction: Direction::In,
        frames: 45,
        global_pause: 0,
        global_resume: 0,
        global_times: PauseTimes::default(),
        pause: [0, 0, 0, 30, 0, 0, 0, 0],
        resume: [0, 0, 0, 15, 0, 0, 0, 0],
        paused_ns: [0, 0, 0, 400_000, 0, 0, 0, 0],
        longest_ns: [0, 0, 0, 90_000, 0, 0, 0, 0],
        transitions: [0, 0, 0, 15, 0, 0, 0, 0],
        rate: Some(100_000_000_000),
        rate_inferred: true,
        first_frame: 40,
    };
    let report = TraceReport {
        capture,
        connections: vec![connection()],
        pauses: vec![port],
        links: vec![link()],
        timeline: Some(timeline()),
        findings: findings(),
        ..TraceReport::default()
    };
    Traced {
        name: "dir/a.pcap".to_owned(),
        report,
        replayed: None,
    }
}
