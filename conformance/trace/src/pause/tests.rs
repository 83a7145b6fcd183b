use super::*;
use crate::rate::Observer;
use xoff_checks::catalogue::Check;
use xoff_checks::finding::Severity;
use xoff_checks::pause::{P_01, P_02, P_06, P_07, P_08, P_20};

const HOST: Mac = Mac([2, 0, 0, 0, 0, 1]);
const SWITCH: Mac = Mac([2, 0, 0, 0, 0, 2]);
const GBPS: u64 = 1_000_000_000;

fn pfc(class: usize, quanta: u16) -> Repr {
    Repr::Pfc {
        enable: 1 << class,
        quanta: std::array::from_fn(|c| if c == class { quanta } else { 0 }),
    }
}

struct Bench {
    follower: Follower,
    rates: Observer,
    number: u64,
}

impl Bench {
    fn new(speed: Option<u64>) -> Self {
        let mut follower = Follower::new(None);
        let interface = Interface {
            speed,
            ..Interface::default()
        };
        follower.interface(0, &interface);
        Bench {
            follower,
            rates: Observer::default(),
            number: 0,
        }
    }

    fn frame(&mut self, at_ns: u64, direction: Direction, len: u32) -> Frame<'static> {
        self.number += 1;
        Frame {
            number: self.number,
            at_ns,
            timed: true,
            interface: 0,
            direction,
            original_len: len,
            data: &[],
        }
    }

    fn pause(&mut self, at_ns: u64, direction: Direction, repr: &Repr) {
        let (eth, _) = ethernet::Repr::parse(&repr.frame(HOST)).unwrap();
        let f = self.frame(at_ns, direction, 60);
        self.follower.frame(&f, &eth, repr);
    }

    fn data(&mut self, at_ns: u64, direction: Direction, len: u32) {
        let eth = ethernet::Repr {
            dst: HOST,
            src: SWITCH,
            ..ethernet::Repr::default()
        };
        let f = self.frame(at_ns, direction, len);
        self.follower.traffic(&f, &eth);
        self.rates.frame(0, eth.src, at_ns, len);
    }

    fn finish(self, end_ns_of: impl Fn(u32) -> u64) -> Outcome {
        let capture = CaptureSummary::default();
        self.follower
            .finish(end_ns_of, &self.rates.finish(), &capture)
    }
}

fn ids(findings: &[Finding]) -> Vec<(&'static Check, Severity, bool)> {
    findings
        .iter()
        .map(|f| (f.check, f.severity, f.inconclusive.is_some()))
        .collect()
}

#[test]
fn counts_times_and_rows_of_a_port() {
    let mut bench = Bench::new(Some(100 * GBPS));
    // Steady data at the link's rate towards the host: 1,500 bytes and overhead in 122 ns.
    for i in 0..20_000u64 {
        bench.data(i * 122, Direction::Out, 1_500);
    }
    bench.pause(1_000_000, Direction::In, &pfc(3, 1_000));
    bench.pause(1_002_000, Direction::In, &pfc(3, 0));
    bench.pause(2_440_000, Direction::In, &pfc(3, u16::MAX));
    let outcome = bench.finish(|_| 2_450_000);
    let [port] = outcome.ports.as_slice() else {
        panic!("one port");
    };
    assert_eq!((port.frames, port.pause[3], port.resume[3]), (3, 2, 1));
    assert_eq!(port.paused_ns[3], 2_000 + 10_000);
    assert_eq!((port.longest_ns[3], port.transitions[3]), (10_000, 2));
    assert_eq!((port.rate, port.rate_inferred), (Some(100 * GBPS), false));
    assert_eq!(port.first_frame, 20_001);
    let [activity] = outcome.activity.as_slice() else {
        panic!("one row");
    };
    let row = activity.row(0, activity.cells.step_ns());
    assert_eq!(
        (row.port, row.class, row.paused_ns.len()),
        (0, PauseClass::Priority(3), 512)
    );
    assert_eq!(row.paused_ns.iter().sum::<u64>(), 12_000);
    // The link was full: pauses were called for.
    assert_eq!(ids(&outcome.findings), []);
}

#[test]
fn a_rate_is_inferred_from_dense_traffic_or_said_to_be_missing() {
    for (data, rate, paused) in [(true, Some(10 * GBPS), 51_200), (false, None, 0)] {
        let mut bench = Bench::new(None);
        bench.pause(0, Direction::Unknown, &pfc(3, 1_000));
        for i in 0..u64::from(data) * 10_000 {
            bench.data(i * 1_300, Direction::Unknown, 1_476);
        }
        let outcome = bench.finish(|_| 13_000_000);
        assert_eq!(outcome.ports[0].rate, rate);
        assert_eq!(outcome.ports[0].rate_inferred, data);
        assert_eq!(outcome.ports[0].paused_ns[3], paused);
        let expected = [(&P_20, Severity::Note, true)];
        assert_eq!(ids(&outcome.findings), expected[usize::from(data)..]);
    }
}

#[test]
fn storms_and_slow_receivers_are_told_apart() {
    // 0xffff quanta at 10 Gb/s: 3.36 ms each.
    for (refreshes, towards, expected) in [
        (40, 0, (&P_20, Severity::Error, false)),
        (1, 1_000, (&P_20, Severity::Warning, false)),
        (1, 0, (&P_20, Severity::Warning, true)),
    ] {
        let mut bench = Bench::new(Some(10 * GBPS));
        bench.data(0, Direction::In, 60);
        for i in 0..refreshes {
            bench.pause(i * 3_000_000, Direction::In, &pfc(4, u16::MAX));
        }
        for i in 0..towards {
            bench.data(i * 1_000, Direction::Out, 1_500);
        }
        let outcome = bench.finish(|_| 1_000_000_000);
        assert_eq!(ids(&outcome.findings), [expected]);
    }
}

#[test]
fn short_stops_are_no_storm_however_many() {
    // 100 of every 150 us for 9 ms.
    let mut bench = Bench::new(Some(10 * GBPS));
    bench.data(0, Direction::In, 60);
    for i in 0..60 {
        bench.pause(i * 150_000, Direction::In, &pfc(4, u16::MAX));
        bench.pause(i * 150_000 + 100_000, Direction::In, &pfc(4, 0));
    }
    let outcome = bench.finish(|_| 9_000_000);
    let expected = [(&P_20, Severity::Warning, false)];
    assert_eq!(ids(&outcome.findings), expected);
    let cause = &outcome.findings[0].cause;
    assert!(cause.contains("6.0 ms of 9.0 ms"), "{cause}");
}

#[test]
fn irregular_frames_are_named() {
    let mut bench = Bench::new(Some(10 * GBPS));
    let odd = Repr::Pfc {
        enable: 0x100,
        quanta: [0; 8],
    };
    let (eth, _) = ethernet::Repr::parse(&odd.frame(Mac::ZERO)).unwrap();
    let eth = ethernet::Repr {
        dst: Mac([0xff; 6]),
        outer: Some(ethernet::VlanTag::default()),
        ..eth
    };
    let f = bench.frame(0, Direction::In, 64);
    bench.follower.frame(&f, &eth, &odd);
    bench.pause(1, Direction::In, &Repr::Unknown { opcode: 0x0102 });
    bench.pause(2, Direction::In, &Repr::Pause { quanta: 1 });
    let outcome = bench.finish(|_| 3);
    let names: Vec<_> = outcome.findings.iter().map(|f| f.check).collect();
    assert_eq!(
        names,
        [&P_06, &P_01, &P_01, &P_01, &P_01, &P_02, &P_07, &P_08]
    );
    assert_eq!(outcome.findings[0].frames(), [3]);
    assert_eq!(outcome.ports.len(), 2);
    assert_eq!(outcome.ports[1].global_pause, 1);
    assert_eq!(outcome.ports[1].transitions, [1; 8]);
}

#[test]
fn forged_senders_do_not_fill_the_memory() {
    let mut bench = Bench::new(Some(10 * GBPS));
    for i in 0..1_000u16 {
        let [a, b] = i.to_be_bytes();
        let repr = pfc(3, 1);
        let src = Mac([2, 0, 0, 0, a, b]);
        let (eth, _) = ethernet::Repr::parse(&repr.frame(src)).unwrap();
        let f = bench.frame(u64::from(i), Direction::In, 60);
        bench.follower.frame(&f, &eth, &repr);
    }
    let outcome = bench.finish(|_| 1_000);
    assert_eq!(outcome.ports.len(), PORTS_KEPT);
    assert_eq!(outcome.findings[0].count, 1_000 - PORTS_KEPT as u64);
}
