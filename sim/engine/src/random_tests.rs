//! Random small networks: whatever is combined, books close and reliable flows finish.

use super::run;
use xoff_model::results::{DropCause, FlowStatus, Results, Stop};
use xoff_model::rng::{Purpose, Stream};
use xoff_model::rules::edit::{Edit, FIELDS, Field, Value};
use xoff_model::rules::inject::{Inject, Made};
use xoff_model::rules::{Action, Choice, Class, Filter, Rule};
use xoff_model::testing::{flow, nic, star, switch};
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::units::{BitRate, Bytes, Probability};
use xoff_model::*;

const SEEDS: u64 = 2_000;

/// Draws from a seeded stream.
struct Draw(Stream);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0.below(n)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize].clone()
    }
}

/// Two leaves and two spines instead of one switch; the first hosts have a port at each leaf.
fn leaf_spine(model: &mut Model, hosts: u32) {
    let link = model.links[0].clone();
    model.nodes.truncate(hosts as usize);
    model.links.clear();
    for s in 0..4 {
        model.nodes.push(NodeSpec {
            name: format!("sw{s}"),
            role: Role::Switch(0),
        });
    }
    for h in 0..hosts {
        model.links.push(LinkSpec {
            a: h,
            b: hosts + h % 2,
            ..link.clone()
        });
        if h < 2 {
            model.links.push(LinkSpec {
                a: h,
                b: hosts + (h + 1) % 2,
                ..link.clone()
            });
        }
    }
    for (leaf, spine) in [(0, 2), (0, 3), (1, 2), (1, 3), (1, 3)] {
        model.links.push(LinkSpec {
            a: hosts + leaf,
            b: hosts + spine,
            ..link.clone()
        });
    }
}

fn profiles(model: &mut Model, d: &mut Draw) {
    let n = &mut model.nics[0];
    n.mtu = d.of(&[256, 1_024, 4_096]);
    n.control_first = d.one_in(2);
    n.rc.recovery = d.of(&[Recovery::GoBackN, Recovery::GoBack0, Recovery::Selective]);
    n.rc.ack_every = d.of(&[1, 1, 2, 7, 64]);
    n.rc.timeout = SimDuration::from_us(5_000);
    n.rc.retry_cnt = None;
    n.rc.nak_delay = d.of(&[
        SimDuration::ZERO,
        SimDuration::from_us(1),
        SimDuration::from_us(30),
    ]);
    n.rc.nak_repeat = d.of(&[None, Some(SimDuration::from_us(20))]);
    n.rc.retransmit_delay = d.of(&[SimDuration::ZERO, SimDuration::from_us(3)]);
    n.rc.max_outstanding = d.of(&[None, None, Some(1), Some(5), Some(33)]);
    n.rc.max_rd_atomic = d.of(&[1, 2, 16]);
    n.port.rx_drain = d.of(&[
        None,
        None,
        Some(BitRate::from_gbps(20)),
        Some(BitRate::from_gbps(99)),
    ]);
    n.port.storm_guard = d.of(&[None, None, Some(SimDuration::from_us(100))]);
    n.port.pfc.response = d.of(&[SimDuration::ZERO, SimDuration::from_ns(400)]);
    n.port.pfc.quanta = d.of(&[Some(u16::MAX), Some(4_000)]);
    n.np = NpSpec::Cnp {
        interval: SimDuration::from_us(4),
        scope: d.of(&[CnpScope::Qp, CnpScope::DestinationIp, CnpScope::Port]),
        marking: Marking {
            priority: 6,
            dscp: 48,
            pcp: 6,
        },
        delay: SimDuration::from_us([0, 1, 9][(model.seed % 3) as usize]),
    };
    let s = &mut model.switches[0];
    s.forwarding = d.of(&[
        Forwarding::StoreAndForward,
        Forwarding::CutThrough { header_bytes: 64 },
    ]);
    s.latency = d.of(&[SimDuration::ZERO, SimDuration::from_ns(500)]);
    s.port.pfc.quanta = d.of(&[Some(u16::MAX), Some(4_000)]);
    s.buffer.cell_bytes = d.of(&[1, 208]);
    s.buffer.size = Bytes(d.of(&[3 << 20, 8 << 20]));
    s.port.ecn[3] = d.of(&[
        None,
        Some(EcnSpec {
            by_rate: vec![EcnThresholds {
                rate: BitRate::default(),
                kmin: Bytes(20_000),
                kmax: Bytes(80_000),
                pmax: Probability::ratio(1, 5),
            }],
            action: EcnAction::Mark,
        }),
    ]);
    s.port.pgs[2].limit = d.of(&[Limit::Unlimited, Limit::Dynamic { num: 1, den: 4 }]);
    if d.one_in(4) {
        s.port.watchdog = Some(WatchdogSpec {
            detect: SimDuration::from_us(100),
            empty_queue: d.of(&[EmptyQueue::Storm, EmptyQueue::Ignore]),
            restore: SimDuration::from_us(100),
            action: d.of(&[WatchdogAction::Drop, WatchdogAction::Forward]),
        });
    }
    if d.one_in(3) {
        n.port.scheduler.shapers[3] = Some(BitRate::from_gbps(30));
        n.port.scheduler.shaper_burst = Bytes(d.of(&[0, 10_000]));
    }
    if d.one_in(3) {
        s.port.scheduler.shapers[2] = Some(BitRate::from_gbps(7));
        s.port.scheduler.shapers[3] = Some(BitRate::from_gbps(40));
    }
    for queue in 0..PRIORITIES {
        let kind = d.of(&[QueueSched::Strict, QueueSched::Dwrr(1), QueueSched::Dwrr(5)]);
        s.port.scheduler.queues[queue] = kind;
        n.port.scheduler.queues[queue] = kind;
    }
}

fn traffic(model: &mut Model, d: &mut Draw, hosts: u32) {
    let low = Marking {
        priority: 2,
        dscp: 16,
        pcp: 2,
    };
    let dcqcn = CcSpec::Dcqcn(DcqcnSpec {
        variant: [Variant::Published, Variant::Ns3][(model.seed % 2) as usize],
        g_q16: 256,
        alpha_interval: SimDuration::from_us(1),
        decrease_interval: SimDuration::from_us(4),
        increase_timer: SimDuration::from_us(50),
        byte_counter: None,
        fast_recovery: 1,
        rate_ai: BitRate::from_bps(200_000_000),
        rate_hai: BitRate::from_bps(2_000_000_000),
        rate_min: BitRate::from_gbps(1),
        clamp_target: false,
        first_cnp_rate: model
            .seed
            .is_multiple_of(5)
            .then_some(BitRate::from_gbps(7)),
        window: d.of(&[
            None,
            Some(Window {
                bytes: 60_000,
                variable: true,
            }),
        ]),
    });
    let dctcp = CcSpec::Dctcp(DctcpSpec {
        g_q16: 4_096,
        rate_ai: BitRate::from_gbps(1),
        rate_min: BitRate::from_gbps(1),
        window: None,
    });
    let marks = if model.seed.is_multiple_of(4) {
        dctcp
    } else {
        dcqcn
    };
    for _ in 0..1 + d.below(8) {
        let src = d.below(u64::from(hosts)) as u32;
        let dst = (src + 1 + d.below(u64::from(hosts) - 1) as u32) % hosts;
        let mut f = flow(src, dst, 1 + d.below(400_000));
        f.start = SimTime::from_ns(d.below(100_000));
        f.sport = 40_000 + d.below(20_000) as u16;
        f.op = d.of(&[Op::Write, Op::Write, Op::Send, Op::Read, Op::Atomic]);
        let rc = Transport::Rc;
        f.transport = d.of(&[rc, rc, rc, Transport::Uc, Transport::Ud]);
        if f.transport != Transport::Rc {
            f.op = Op::Send;
        }
        f.message_bytes = d.of(&[f.bytes, 1_000, 4_096, 9_999, 30_000]).min(f.bytes);
        if f.op == Op::Atomic {
            f.bytes = 8 * (1 + d.below(500));
            f.message_bytes = 8;
        }
        f.depth = d.of(&[None, Some(1), Some(4)]);
        if f.op == Op::Send && d.one_in(2) {
            let repost = SimDuration::from_us(d.below(10));
            f.receives = Some(ReceiveQueue {
                posted: 1 + d.below(4) as u32,
                repost,
            });
        }
        f.data = d.of(&[f.data, f.data, low]);
        f.ack = d.of(&[
            f.ack,
            low,
            Marking {
                priority: 6,
                dscp: 48,
                pcp: 6,
            },
        ]);
        f.cc = d.of(&[CcSpec::None, CcSpec::None, marks.clone()]);
        f.pace = d.of(&[
            None,
            None,
            Some(BitRate::from_gbps(3)),
            Some(BitRate::from_gbps(60)),
        ]);
        model.flows.push(f);
    }
}

fn faults(model: &mut Model, d: &mut Draw, hosts: u32) {
    for _ in 0..d.below(4) {
        let start = SimTime::from_ns(d.below(150_000));
        let end = start + SimDuration::from_ns(1 + d.below(200_000));
        let node = d.below(u64::from(hosts)) as u32;
        let link = d.below(model.links.len() as u64) as u32;
        let pauses = |count, quanta| FaultKind::PeriodicPause {
            node,
            mask: 1 << 3,
            quanta,
            period: SimDuration::from_us(5),
            count: Some(count),
        };
        let (from, to) = match d.below(5) {
            4 => (pauses(20, 700), pauses(3, 3_000)),
            0 => (FaultKind::LinkDown(link), FaultKind::LinkUp(link)),
            1 => (
                FaultKind::SlowReceiver {
                    node,
                    drain: Some(BitRate::from_bps(100_000_000)),
                },
                FaultKind::SlowReceiver { node, drain: None },
            ),
            2 => (
                FaultKind::PauseStormStart { node, mask: 1 << 3 },
                FaultKind::PauseStormEnd { node },
            ),
            _ => (
                FaultKind::LinkLoss {
                    link,
                    loss: Probability::ratio(1, 50),
                },
                FaultKind::LinkLoss {
                    link,
                    loss: Probability::ZERO,
                },
            ),
        };
        model.faults.push(Fault {
            at: start,
            kind: from,
        });
        model.faults.push(Fault { at: end, kind: to });
    }
    model.faults.sort_by_key(|f| f.at);
}

fn draw(seed: u64) -> Model {
    let mut d = Draw(Stream::new(seed, 0, 0, Purpose::Workload));
    let pfc = d.of(&[
        PauseMode::Off,
        PauseMode::Pfc,
        PauseMode::Pfc,
        PauseMode::Global,
    ]);
    let hosts = 2 + d.below(5) as u32;
    let mut model = star(hosts, nic(pfc), switch(pfc));
    model.seed = seed;
    if d.one_in(2) {
        leaf_spine(&mut model, hosts);
    }
    if pfc == PauseMode::Global {
        for spec in [&mut model.nics[0].port.pfc, &mut model.switches[0].port.pfc] {
            (spec.tx_mask, spec.rx_mask) = (u8::MAX, u8::MAX);
        }
    }
    for link in &mut model.links {
        link.rate = BitRate::from_gbps(d.of(&[100, 100, 25, 10]));
        link.phy_delay = SimDuration::from_ns(10 + d.below(2_000));
    }
    profiles(&mut model, &mut d);
    traffic(&mut model, &mut d, hosts);
    if d.one_in(2) {
        faults(&mut model, &mut d, hosts);
    }
    if d.one_in(3) {
        model.sample = Some(SimDuration::from_us(50));
        model.deadlock_scan = Some(SimDuration::from_us(70));
    }
    model.until = Some(SimTime::from_ns(20_000_000_000));
    if d.one_in(3) {
        exception(&mut model, &mut d);
    }
    model
}

/// One port of a switch is not like the others.
fn exception(model: &mut Model, d: &mut Draw) {
    let link = model.links[d.below(model.links.len() as u64) as usize].clone();
    let switch = |node: &u32| matches!(model.nodes[*node as usize].role, Role::Switch(_));
    let Some(node) = [link.b, link.a].into_iter().find(switch) else {
        return;
    };
    let degree = model.links.iter().filter(|l| l.a == node || l.b == node);
    let port = d.below(degree.count() as u64) as u32;
    let mut own = model.switches[0].port.clone();
    match d.below(5) {
        0 => own.pfc.mode = PauseMode::Off,
        1 => own.pfc.tx_mask = 0,
        2 => own.pfc.rx_mask = 0,
        3 => own.priority_to_queue = std::array::from_fn(|p| (p as u8 + 3) % 8),
        _ => own.dscp_to_priority = std::array::from_fn(|dscp| (dscp % 8) as u8),
    }
    model.switches[0].exceptions.push(own);
    model.exceptions.push(PortException {
        node,
        port,
        profile: 0,
    });
}

fn drops(results: &Results, cause: DropCause) -> u64 {
    results
        .ports
        .iter()
        .map(|p| p.drops[cause as usize].iter().sum::<u64>())
        .sum()
}

fn check(seed: u64, model: &Model, r: &Results) {
    let open: Vec<_> = r
        .flows
        .iter()
        .zip(&model.flows)
        .filter(|(f, _)| f.status != FlowStatus::Completed)
        .collect();
    assert_eq!(r.stop, Stop::Idle, "seed {seed} end {} {open:?}", r.end);
    let calm = model.faults.is_empty();
    for (f, spec) in r.flows.iter().zip(&model.flows) {
        let reliable = spec.transport == Transport::Rc;
        assert_eq!(
            f.status,
            FlowStatus::Completed,
            "seed {seed} {spec:?} {f:?}"
        );
        assert!(f.bytes_delivered <= spec.bytes);
        if reliable {
            assert_eq!(f.bytes_delivered, spec.bytes, "seed {seed} {f:?}");
            assert_eq!(f.messages_completed, f.messages, "seed {seed}");
        }
        let dropless = r
            .ports
            .iter()
            .all(|p| p.drops.iter().flatten().sum::<u64>() == 0);
        if calm && dropless {
            assert_eq!(
                f.counters.local_ack_timeout_err, 0,
                "seed {seed} {spec:?} {f:?}"
            );
            assert_eq!(f.counters.packet_seq_err, 0, "seed {seed} {spec:?} {f:?}");
            if spec.receives.is_none() {
                assert_eq!(f.retransmitted_packets, 0, "seed {seed} {spec:?} {f:?}");
                assert_eq!(f.bytes_delivered, spec.bytes, "seed {seed} {spec:?} {f:?}");
            }
        }
    }
    if calm
        && model.exceptions.is_empty()
        && model.nics[0].port.pfc.mode == PauseMode::Pfc
        && model.switches[0].port.watchdog.is_none()
    {
        let full = drops(r, DropCause::HeadroomFull) + drops(r, DropCause::RxBuffer);
        if model.nics[0].port.storm_guard.is_none() {
            assert_eq!(full, 0, "seed {seed}");
        }
    }
    assert!(r.deadlocks.is_empty(), "seed {seed}: {:?}", r.deadlocks);
}

#[test]
fn reliable_flows_finish_whatever_is_combined() {
    for seed in 0..SEEDS {
        let model = draw(seed);
        if crate::switch::budget::exceeded(&model).is_none() {
            check(seed, &model, &run(&model, &mut |_| {}));
        }
    }
}

fn rules(d: &mut Draw, hosts: u32) -> Vec<Rule> {
    let one = |d: &mut Draw, index| {
        let host = |d: &mut Draw| d.one_in(4).then(|| d.below(u64::from(hosts)) as u32);
        let class = d.of(&[
            Class::Data,
            Class::Data,
            Class::Ack,
            Class::Nak,
            Class::ReadRequest,
            Class::ReadResponse,
            Class::Atomic,
            Class::Cnp,
            Class::Pfc,
        ]);
        Rule {
            name: format!("r{index}"),
            filter: Filter {
                classes: if d.one_in(4) { vec![] } else { vec![class] },
                from: host(d),
                to: host(d),
                round: d.one_in(3).then_some(0),
                ..Filter::default()
            },
            choice: Choice {
                every: d.below(40),
                probability: d.one_in(2).then(|| Probability::ratio(1, 1 + d.below(9))),
                limit: Some(1 + d.below(20)),
                ..Choice::default()
            },
            stack: d.one_in(3),
            action: action(d),
        }
    };
    (0..1 + d.below(6)).map(|n| one(d, n)).collect()
}

fn action(d: &mut Draw) -> Action {
    let values = [
        Value::Set(d.below(256)),
        Value::Add(d.below(100)),
        Value::Xor(1),
    ];
    let value = d.of(&values);
    let number = d.of(&[1, 7, 0x00ff_ffff, 0x00ff_ff00]);
    let made = [
        Made::Cnp,
        Made::nak(d.below(5) as u8, number),
        Made::rnr(d.below(15) as u8, number),
        Made::ack(number),
        Made::Ghost { psn_add: number },
        Made::Pfc {
            enable: 1 << 3,
            quanta: d.below(300) as u16,
        },
        Made::Pause {
            quanta: d.below(300) as u16,
        },
    ];
    let made = d.of(&made);
    let actions = [
        Action::Drop,
        Action::Duplicate {
            copies: 1 + d.below(3) as u8,
        },
        Action::Delay(SimDuration::from_ns(d.below(30_000))),
        Action::Reorder {
            by: 1 + d.below(5) as u32,
        },
        Action::Edit(Edit::SetCe),
        Action::Edit(Edit::Truncate {
            bytes: 14 + d.below(100) as u32,
        }),
        Action::Edit(Edit::Corrupt {
            bit: d.below(9_000) as u32,
            repair: d.one_in(2),
        }),
        Action::Edit(Edit::Rewrite {
            field: d.of(&FIELDS).1,
            value,
            repair: !d.one_in(4),
        }),
        Action::Edit(Edit::Rewrite {
            field: d.of(&[Field::Psn, Field::Opcode, Field::Syndrome, Field::Length]),
            value,
            repair: true,
        }),
        Action::Inject(Inject {
            frame: made,
            before: d.one_in(2),
        }),
    ];
    d.of(&actions)
}

/// Conservation is asserted at the end of every run.
#[test]
fn rules_break_neither_the_books_nor_the_order_of_things() {
    let (mut applied, mut refused) = (0, 0);
    for seed in 0..SEEDS / 4 {
        let mut model = draw(seed);
        if crate::switch::budget::exceeded(&model).is_some() {
            continue;
        }
        let mut d = Draw(Stream::new(seed, 1, 0, Purpose::Rule));
        let hosts = model
            .nodes
            .iter()
            .filter(|n| matches!(n.role, Role::Host(_)));
        let hosts = hosts.count() as u32;
        model.rules = rules(&mut d, hosts);
        model.nics[0].rc.retry_cnt = Some(7);
        model.until = Some(SimTime::from_ns(1_000_000_000));
        let once = run(&model, &mut |_| {});
        assert_eq!(
            format!("{once:?}"),
            format!("{:?}", run(&model, &mut |_| {})),
            "{seed}"
        );
        for (f, spec) in once.flows.iter().zip(&model.flows) {
            assert!(f.bytes_delivered <= spec.bytes, "seed {seed} {f:?}");
        }
        applied += once.rules.iter().map(|r| r.applied).sum::<u64>();
        refused += drops(&once, DropCause::Refused);
    }
    assert!(applied > 2_000 && refused > 200, "{applied} {refused}");
}

#[test]
fn one_queue_pair_per_class_gets_its_share() {
    let mut model = star(2, nic(PauseMode::Pfc), switch(PauseMode::Pfc));
    model.nics[0].port.scheduler.queues[3] = QueueSched::Dwrr(3);
    model.flows = vec![flow(0, 1, 30_000_000), flow(0, 1, 30_000_000)];
    model.flows[1].data = Marking {
        priority: 2,
        dscp: 16,
        pcp: 2,
    };
    model.until = Some(SimTime::from_ns(1_000_000));
    let results = run(&model, &mut |_| {});
    let sent: Vec<u64> = results.flows.iter().map(|f| f.bytes_delivered).collect();
    assert!(sent[0].abs_diff(3 * sent[1]) < sent[0] / 100, "{sent:?}");
}
