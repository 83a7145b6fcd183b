//! Scenarios from reports made by hand.

use super::*;
use crate::capture::Direction;
use crate::rate::ObservedRate;
use crate::report::{
    Burst, Connection, DirectionReport, Endpoint, PausePort, TraceReport, Vantage,
};
use xoff_scenario::Overrides;

const MS: u64 = 1_000_000;

fn mac(host: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, host])
}

fn end(host: u8) -> Endpoint {
    Endpoint {
        address: IpAddr::from([10, 0, 0, host]),
        qpn: 0x100 + u32::from(host),
        mac: mac(host),
    }
}

/// Messages of one size.
fn run(operation: Operation, bytes: u64, count: u64, start_ns: u64, done_ns: u64) -> Burst {
    Burst {
        operation,
        bytes: bytes * count,
        messages: count,
        message: bytes,
        of_size: bytes * count,
        start_ns,
        end_ns: done_ns,
        done_ns,
        merged: 0,
    }
}

/// Data from the first host to the second.
fn connection(from: u8, to: u8, runs: Vec<Burst>) -> Connection {
    let messages = runs.iter().map(|r| r.messages).sum();
    let bytes: u64 = runs.iter().map(|r| r.bytes).sum();
    let data = Marking {
        dscp: 26,
        ecn_capable: true,
        ..Marking::default()
    };
    let forth = DirectionReport {
        sport: Some(50_000),
        data,
        answers: data,
        data_packets: bytes.div_ceil(1024),
        new_bytes: bytes,
        wire_bytes: bytes,
        delivered_bytes: bytes,
        messages,
        messages_completed: messages,
        first_data_ns: runs.first().map(|r| r.start_ns),
        last_data_ns: runs.last().map(|r| r.end_ns),
        bursts: runs,
        ..DirectionReport::default()
    };
    Connection {
        service: Service::Rc,
        interface: 0,
        vantage: Vantage::Between,
        speaks_for_sender: [true; 2],
        speaks_for_receiver: [true; 2],
        a: end(from),
        b: end(to),
        first_ns: 0,
        last_ns: 10 * MS,
        v1: false,
        vlan: None,
        mtu: 1024,
        directions: [forth, DirectionReport::default()],
    }
}

fn report(connections: Vec<Connection>) -> TraceReport {
    let mut report = TraceReport {
        connections,
        ..TraceReport::default()
    };
    (report.capture.first_ns, report.capture.last_ns) = (Some(0), Some(10 * MS));
    report
}

fn one() -> TraceReport {
    let runs = vec![run(Operation::Write, 1 << 20, 4, 0, MS)];
    report(vec![connection(1, 2, runs)])
}

/// The scenario of a report, after it was read as a user's file is.
fn derived(report: &TraceReport) -> Replay {
    let replay = derive(report, "a.pcap", None).unwrap();
    let none = |_: &str| Err("no file".to_owned());
    let toml = replay.to_toml();
    let plan = xoff_scenario::load("replay.toml", &toml, &Overrides::default(), &none);
    assert!(plan.is_ok(), "{:?}\n{toml}", plan.err());
    replay
}

#[test]
fn hosts_flows_and_markings() {
    let replay = derived(&one());
    let names: Vec<&str> = replay.hosts.iter().map(|h| h.name.as_str()).collect();
    assert_eq!(names, ["10.0.0.1", "10.0.0.2"]);
    let [flow] = &replay.flows[..] else {
        panic!("{:?}", replay.flows)
    };
    assert_eq!((flow.src, flow.dst), (0, 1));
    assert_eq!(
        (flow.bytes, flow.message, flow.depth),
        (4 << 20, 1 << 20, None)
    );
    assert_eq!((flow.priority, flow.sport), (3, Some(50_000)));
    assert_eq!((replay.mtu, replay.vlan, replay.ipv6), (1024, false, false));
}

#[test]
fn link_rates_say_where_they_come_from() {
    let mut report = one();
    let rate = |report: &TraceReport, given| {
        let replay = derive(report, "a", given).unwrap();
        (replay.hosts[0].rate, replay.hosts[0].rate_source)
    };
    let inferred = RateSource::Inferred;
    let assumed = RateSource::Assumed;
    assert_eq!(rate(&report, None), (100_000_000_000, assumed));
    report.rates.push(ObservedRate {
        interface: 0,
        mac: mac(1),
        rate: 25_000_000_000,
    });
    assert_eq!(rate(&report, None), (25_000_000_000, inferred));
    let interface = crate::capture::Interface {
        speed: Some(10_000_000_000),
        ..Default::default()
    };
    report
        .capture
        .interfaces
        .push((interface, Default::default(), 1));
    report.connections[0].vantage = Vantage::AtA;
    let stated = (10_000_000_000, RateSource::Stated);
    assert_eq!(rate(&report, None), stated);
    let given = (1_000_000_000, RateSource::Given);
    assert_eq!(rate(&report, Some(1_000_000_000)), given);
}

#[test]
fn a_break_between_messages_begins_another_flow() {
    let runs = vec![
        run(Operation::Write, 2 << 20, 3, 0, 2 * MS),
        run(Operation::Write, 1 << 20, 1, 8 * MS, 9 * MS),
        run(Operation::Send, 1 << 20, 1, 9 * MS, 10 * MS),
    ];
    let replay = derived(&report(vec![connection(1, 2, runs)]));
    let flows: Vec<_> = replay
        .flows
        .iter()
        .map(|f| (f.operation, f.bytes >> 20, f.message >> 20, f.start_ns))
        .collect();
    let expected = [
        (Operation::Write, 6, 2, 0),
        (Operation::Write, 1, 1, 8 * MS),
        (Operation::Send, 1, 1, 9 * MS),
    ];
    assert_eq!(flows, expected);
}

#[test]
fn small_messages_keep_as_many_in_flight_as_were_seen() {
    let mut small = connection(1, 2, vec![run(Operation::Write, 4096, 100, 0, MS)]);
    small.mtu = 0;
    small.directions[0].outstanding_max = 8;
    let mut single = connection(2, 1, vec![run(Operation::Write, 1 << 20, 4, 0, MS)]);
    single.directions[0].outstanding_max = 1;
    // Where something went wrong, queue pairs are not held to the pace that came of it.
    single.directions[0].cnps = 1;
    let replay = derived(&report(vec![small, single]));
    let depths: Vec<_> = replay.flows.iter().map(|f| f.depth).collect();
    assert_eq!(depths, [Some(8), Some(1)]);
    assert!(replay.flows.iter().all(|f| f.pace.is_none()));
    // Messages of one packet show no path MTU, but must fit.
    assert_eq!(replay.mtu, 4096);
}

#[test]
fn bursts_of_clean_captures_keep_their_own_pace() {
    let runs = vec![
        run(Operation::Write, 1 << 20, 1, 0, MS),
        run(Operation::Write, 1 << 20, 1, 5_000 * MS, 5_004 * MS),
        // What takes longer than an ACK timeout between packets would look like a loss.
        run(Operation::Write, 2_048, 1, 8_000 * MS, 9_000 * MS),
        run(Operation::Send, 100, 1, 9_900 * MS, 9_900 * MS),
    ];
    let mut report = report(vec![connection(1, 2, runs)]);
    report.capture.last_ns = Some(10_000 * MS);
    let replay = derived(&report);
    let paces: Vec<_> = replay.flows.iter().map(|f| f.pace).collect();
    let expected = [
        Some(8_390_000_000),
        Some(2_100_000_000),
        Some(4_000_000),
        None,
    ];
    assert_eq!(paces, expected);
}

#[test]
fn a_receiver_is_as_fast_as_what_came_at_one_time() {
    let burst = |from: u8| {
        let runs = vec![run(Operation::Write, 4 << 20, 1, 0, MS)];
        connection(from, 9, runs)
    };
    let mut all = report(vec![burst(1), burst(2), burst(3), burst(4)]);
    for host in 1..5 {
        all.rates.push(ObservedRate {
            interface: 0,
            mac: mac(host),
            rate: 40_000_000_000,
        });
    }
    let replay = derived(&all);
    // 33.6 Gb/s from each of four.
    let rates: Vec<_> = replay
        .hosts
        .iter()
        .map(|h| h.rate / 1_000_000_000)
        .collect();
    assert_eq!(rates, [40, 40, 40, 40, 200]);
    // Where something went wrong, the links may be why.
    all.connections[0].directions[0].cnps = 1;
    let replay = derived(&all);
    assert_eq!(replay.hosts[4].rate, 40_000_000_000);
}

fn pause(sender: u8, priority: usize) -> PausePort {
    let mut pause = [0; 8];
    pause[priority] = 5;
    PausePort {
        interface: 0,
        sender: mac(sender),
        direction: Direction::In,
        frames: 5,
        global_pause: 0,
        global_resume: 0,
        global_times: Default::default(),
        pause,
        resume: [0; 8],
        paused_ns: [0; 8],
        longest_ns: [0; 8],
        transitions: [0; 8],
        rate: None,
        rate_inferred: false,
        first_frame: 1,
    }
}

#[test]
fn pauses_make_classes_lossless_and_hosts_slow() {
    let mut report = one();
    report.pauses.push(pause(2, 4));
    let replay = derived(&report);
    assert_eq!(replay.lossless, BTreeSet::from([4]));
    // The only class that is paused is that of the data.
    assert_eq!(replay.dscp_map, [(26, 4)]);
    assert_eq!(replay.flows[0].priority, 4);
    // 4 MiB in 1 ms.
    assert_eq!(replay.slow, [(1, 33_554_432_000)]);
    report.pauses[0].pause = [0; 8];
    report.pauses[0].global_pause = 1;
    let replay = derived(&report);
    assert!(replay.lossless.is_empty());
    assert!(
        !replay
            .notes
            .iter()
            .any(|n| n.contains("PFC is taken to be off"))
    );
    assert!(derived(&report).to_toml().contains("mode = \"802.3x\""));
}

#[test]
fn losses_are_shares_of_what_was_sent() {
    let mut report = one();
    report.connections[0].directions[0].naks = 4;
    let mut replay = derived(&report);
    let [(host, share)] = replay.losses[..] else {
        panic!("{:?}", replay.losses)
    };
    assert_eq!(host, 1);
    assert!((share - 4.0 / 4096.0).abs() < 1e-9, "{share}");
    assert!(!replay.to_toml().contains("[[fault]]"));
    replay.inject_loss = true;
    assert!(
        replay
            .to_toml()
            .contains("link = \"10.0.0.2:fabric\"\nloss = 0.00097656")
    );
}

#[test]
fn datagrams_tags_and_ipv6() {
    let mut report = one();
    let c = &mut report.connections[0];
    c.service = Service::Uc;
    c.vlan = Some(7);
    c.a.address = "2001:db8::1".parse().unwrap();
    c.b.address = "2001:db8::2".parse().unwrap();
    c.directions[0].data.pcp = Some(5);
    let replay = derived(&report);
    assert!(replay.vlan && replay.ipv6);
    assert_eq!(replay.flows[0].priority, 5);
    assert_eq!(replay.hosts[0].name, "2001-db8--1");
    let toml = replay.to_toml();
    assert!(toml.contains("transport = \"uc\"") && toml.contains("trust = \"pcp\""));
}

#[test]
fn what_cannot_be_replayed_says_why() {
    let none = derive(&TraceReport::default(), "a", None);
    assert_eq!(none, Err(ReplayError::NoData));
    let mut report = one();
    report.connections[0].b.address = report.connections[0].a.address;
    let looped = derive(&report, "a", None);
    assert!(matches!(looped, Err(ReplayError::Loop(_))), "{looped:?}");
}
