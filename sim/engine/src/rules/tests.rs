use crate::frames::Frames;
use crate::tap::{Direction, TapEvent};
use crate::{observe, run};
use xoff_model::results::{DropCause, FlowStatus, Outcome, Results, Stop};
use xoff_model::rules::edit::Edit;
use xoff_model::rules::inject::{Inject, Made};
use xoff_model::rules::{Action, Choice, Class, Filter, Rule, classify};
use xoff_model::testing::{flow, nic, star, switch};
use xoff_model::time::SimDuration;
use xoff_model::{Model, Op, PauseMode, ReceiveQueue, Recovery, Transport};
use xoff_wire::bth::Syndrome;
use xoff_wire::dissect::{Body, Link, dissect};

pub(super) fn rule(class: Class, nth: &[u64], action: Action) -> Rule {
    Rule {
        name: "r".to_owned(),
        filter: Filter {
            classes: vec![class],
            ..Filter::default()
        },
        choice: Choice {
            nth: nth.to_vec(),
            ..Choice::default()
        },
        stack: false,
        action,
    }
}

/// One flow of 100 packets of 1,024 bytes in messages of 10, from host 0 to host 1.
pub(super) fn model(op: Op, rules: Vec<Rule>) -> Model {
    let mut model = star(2, nic(PauseMode::Pfc), switch(PauseMode::Pfc));
    let mut f = flow(0, 1, 102_400);
    (f.op, f.message_bytes) = (op, 10_240);
    model.flows.push(f);
    model.rules = rules;
    model
}

pub(super) fn simulate(model: &Model) -> Results {
    run(model, &mut |_| {})
}

/// Every frame at the hosts: sent by a host or not, host, bytes.
pub(super) fn seen(model: &Model) -> (Vec<(Direction, u32, Vec<u8>)>, Results) {
    let frames = Frames::new(model).unwrap();
    let mut all = Vec::new();
    let mut sink = |event: &TapEvent| {
        let mut bytes = Vec::new();
        frames.emit(event, &mut bytes);
        all.push((event.direction, event.port, bytes));
    };
    let results = observe(model, &[0, 1], &mut sink, &mut |_| {});
    (all, results)
}

/// How many frames of a class passed a host in one direction.
pub(super) fn count(
    all: &[(Direction, u32, Vec<u8>)],
    host: u32,
    way: Direction,
    class: Class,
) -> usize {
    let fits = |frame: &&(Direction, u32, Vec<u8>)| {
        let d = dissect(Link::Ethernet, &frame.2, frame.2.len() as u32);
        (frame.0, frame.1) == (way, host) && classify(&d) == class
    };
    all.iter().filter(fits).count()
}

/// Syndromes of the NAKs and RNR NAKs that a host received.
pub(super) fn naks(all: &[(Direction, u32, Vec<u8>)], host: u32) -> Vec<u8> {
    let here = all.iter().filter(|f| (f.0, f.1) == (Direction::In, host));
    let aeth = here.filter_map(|f| {
        let Body::Roce(packet) = dissect(Link::Ethernet, &f.2, f.2.len() as u32).body else {
            return None;
        };
        packet.extensions.aeth
    });
    aeth.filter(|aeth| !matches!(aeth.kind(), Syndrome::Ack { .. }))
        .map(|aeth| aeth.syndrome)
        .collect()
}

#[test]
fn each_packet_dropped_is_asked_for_once() {
    let drop = |psn| {
        let mut rule = rule(Class::Data, &[], Action::Drop);
        (rule.filter.psn, rule.filter.round) = (Some((psn, psn)), Some(0));
        rule
    };
    let (all, r) = seen(&model(Op::Write, vec![drop(4), drop(60)]));
    assert_eq!(r.flows[0].status, FlowStatus::Completed);
    assert_eq!(r.flows[0].counters.packet_seq_err, 2);
    assert_eq!(naks(&all, 0), [0x60; 2]);
    let (out, arrived) = (Direction::Out, Direction::In);
    let sent = count(&all, 0, out, Class::Data);
    assert_eq!(sent, count(&all, 1, arrived, Class::Data) + 2);
    assert!(r.rules.iter().all(|r| (r.matched, r.applied) == (1, 1)));
    let lost = |p: &xoff_model::results::PortResult| p.drops[DropCause::Rule as usize][3];
    assert_eq!(r.ports.iter().map(lost).sum::<u64>(), 2);
}

#[test]
fn observed_completions_are_those_of_messages() {
    let (_, r) = seen(&model(
        Op::Send,
        vec![rule(Class::Data, &[95], Action::Drop)],
    ));
    let observed = r.flows[0].observed.as_ref().unwrap();
    assert_eq!((observed.sent.len(), observed.received.len()), (10, 10));
    assert!(observed.sent.is_sorted_by_key(|c| c.at));
    assert!(observed.sent[0].at < observed.sent[9].at);
    assert_eq!(observed.intact, Some(true));
    assert!(
        simulate(&model(Op::Send, vec![])).flows[0]
            .observed
            .is_none()
    );
}

#[test]
fn a_lost_ack_is_made_up_for() {
    for (nth, timeouts) in [(vec![3, 4], 0), (vec![10], 1)] {
        let mut m = model(Op::Write, vec![]);
        m.nics[0].rc.ack_every = 10;
        m.rules = vec![rule(Class::Ack, &nth, Action::Drop)];
        let f = &simulate(&m).flows[0];
        assert_eq!(f.status, FlowStatus::Completed, "{nth:?}");
        assert_eq!(f.counters.local_ack_timeout_err, timeouts, "{nth:?}");
        assert_eq!(f.counters.duplicate_request, 10 * timeouts, "{nth:?}");
    }
}

#[test]
fn duplicates_arrive_twice_and_count_once() {
    let twice = rule(Class::Data, &[7, 8], Action::Duplicate { copies: 2 });
    let (all, r) = seen(&model(Op::Send, vec![twice]));
    assert_eq!(count(&all, 0, Direction::Out, Class::Data), 100);
    assert_eq!(count(&all, 1, Direction::In, Class::Data), 104);
    let f = &r.flows[0];
    assert_eq!((f.bytes_delivered, f.retransmitted_packets), (102_400, 0));
    assert_eq!(f.counters.duplicate_request, 4);
    assert_eq!(f.observed.as_ref().unwrap().received.len(), 10);
}

#[test]
fn a_delayed_packet_is_overtaken() {
    let late = Action::Delay(SimDuration::from_us(3));
    let (all, r) = seen(&model(Op::Write, vec![rule(Class::Data, &[50], late)]));
    let f = &r.flows[0];
    assert_eq!(f.status, FlowStatus::Completed);
    // Again when it has come and those that overtook it are missing.
    assert_eq!((f.counters.packet_seq_err, naks(&all, 0).len()), (2, 2));
    assert_eq!(
        count(&all, 1, Direction::In, Class::Data) as u64,
        f.data_packets
    );
}

#[test]
fn a_packet_waits_for_those_that_pass_it() {
    let (all, r) = seen(&model(
        Op::Write,
        vec![rule(Class::Data, &[50], Action::Reorder { by: 2 })],
    ));
    // The second when it has come and those that passed it are missing.
    assert_eq!(r.flows[0].counters.packet_seq_err, 2);
    let arrived: Vec<u32> = all
        .iter()
        .filter(|f| (f.0, f.1) == (Direction::In, 1))
        .filter_map(
            |f| match dissect(Link::Ethernet, &f.2, f.2.len() as u32).body {
                Body::Roce(packet) => Some(packet.bth.psn),
                _ => None,
            },
        )
        .collect();
    let relative = |n: usize| (arrived[n].wrapping_sub(arrived[0])) & 0xff_ffff;
    assert_eq!([48, 49, 50, 51, 52].map(relative), [48, 50, 51, 49, 52]);
    // With nothing behind it, it goes when patience ends.
    let last = rule(Class::Data, &[100], Action::Reorder { by: 9 });
    let r = simulate(&model(Op::Write, vec![last]));
    assert_eq!(r.flows[0].status, FlowStatus::Completed);
    assert_eq!(r.flows[0].counters.local_ack_timeout_err, 1);
}

#[test]
fn marked_packets_are_notified_of() {
    let mut m = model(
        Op::Write,
        vec![rule(Class::Data, &[3, 4], Action::Edit(Edit::SetCe))],
    );
    m.nics[0].np = xoff_model::NpSpec::Cnp {
        interval: SimDuration::ZERO,
        scope: xoff_model::CnpScope::Qp,
        marking: xoff_model::testing::RDMA,
        delay: xoff_model::time::SimDuration::ZERO,
    };
    let (all, r) = seen(&m);
    let c = &r.flows[0].counters;
    assert_eq!((c.np_ecn_marked_roce_packets, c.np_cnp_sent), (2, 2));
    assert_eq!(count(&all, 0, Direction::In, Class::Cnp), 2);
}

#[test]
fn a_wrong_icrc_is_a_loss_that_is_counted() {
    let spoil = Action::Edit(Edit::Corrupt {
        bit: 13,
        repair: false,
    });
    let (all, r) = seen(&model(Op::Write, vec![rule(Class::Data, &[20], spoil)]));
    let f = &r.flows[0];
    assert_eq!(
        (f.status, f.counters.packet_seq_err),
        (FlowStatus::Completed, 1)
    );
    assert_eq!(naks(&all, 0), [0x60]);
    assert_eq!(r.nodes[1].counters.rx_icrc_encapsulated, 1);
    assert_eq!(r.nodes[0].counters.rx_icrc_encapsulated, 0);
    assert_eq!(f.observed.as_ref().unwrap().intact, Some(true));
    // With its ICRC made right, only the application can tell.
    let repair = Action::Edit(Edit::Corrupt {
        bit: 13,
        repair: true,
    });
    let (all, r) = seen(&model(Op::Write, vec![rule(Class::Data, &[20], repair)]));
    assert_eq!(r.flows[0].retransmitted_packets, 0);
    assert!(naks(&all, 0).is_empty());
    assert_eq!(r.flows[0].observed.as_ref().unwrap().intact, Some(false));
}

#[test]
fn a_cut_frame_is_a_loss() {
    let cut = Action::Edit(Edit::Truncate { bytes: 200 });
    let (all, r) = seen(&model(Op::Write, vec![rule(Class::Data, &[20], cut)]));
    assert_eq!(r.flows[0].counters.packet_seq_err, 1);
    let short =
        |f: &&(Direction, u32, Vec<u8>)| f.0 == Direction::In && f.1 == 1 && f.2.len() == 200;
    assert_eq!(all.iter().filter(short).count(), 1);
    let refused = r.ports[1].drops[DropCause::Refused as usize];
    assert_eq!(refused.iter().sum::<u64>(), 1);
}

#[test]
fn retries_run_out_and_the_rest_is_flushed() {
    let mut m = model(Op::Write, vec![rule(Class::Data, &[], Action::Drop)]);
    m.rules[0].filter.psn = Some((25, 25));
    let (_, r) = seen(&m);
    let f = &r.flows[0];
    assert_eq!(f.status, FlowStatus::RetryExceeded);
    let observed = f.observed.as_ref().unwrap();
    let of = |n: usize| observed.sent[n].outcome;
    assert_eq!(
        [of(1), of(2), of(3)],
        [Outcome::Success, Outcome::Error, Outcome::Flushed]
    );
    assert_eq!((observed.sent.len(), f.messages_flushed), (10, 8));
}

#[test]
fn a_lost_read_request_is_refused_and_repeated() {
    let mut m = model(Op::Read, vec![rule(Class::ReadRequest, &[3], Action::Drop)]);
    let (all, r) = seen(&m);
    assert_eq!(
        (r.flows[0].status, naks(&all, 0).len()),
        (FlowStatus::Completed, 1)
    );
    assert_eq!(r.flows[0].counters.local_ack_timeout_err, 0);
    m.rules = vec![rule(Class::ReadResponse, &[33], Action::Drop)];
    let (all, r) = seen(&m);
    assert_eq!(r.flows[0].counters.implied_nak_seq_err, 1);
    assert!(naks(&all, 0).is_empty());
    assert_eq!(r.flows[0].observed.as_ref().unwrap().intact, Some(true));
}

/// Pause frames of a host that cannot keep up.
fn slow() -> Model {
    let mut m = model(Op::Write, vec![]);
    m.flows[0].bytes = 4_000_000;
    m.flows[0].message_bytes = 4_000_000;
    m.nics[0].port.rx_drain = Some(xoff_model::units::BitRate::from_gbps(10));
    m.nics[0].port.rx_xoff = xoff_model::units::Bytes(100_000);
    m.nics[0].port.rx_xon = xoff_model::units::Bytes(50_000);
    m.nics[0].port.rx_buffer = xoff_model::units::Bytes(200_000);
    m
}

#[test]
fn pause_frames_obey_too() {
    let calm = simulate(&slow());
    let full = |r: &Results| r.ports[1].drops[DropCause::RxBuffer as usize][3];
    assert_eq!(full(&calm), 0);
    assert!(calm.ports[1].priority[3].tx_pause > 0);
    let mut m = slow();
    m.rules = vec![rule(Class::Pfc, &[], Action::Drop)];
    let (all, r) = seen(&m);
    assert!(full(&r) > 0);
    assert!(r.rules[0].applied > 0);
    assert!(count(&all, 1, Direction::Out, Class::Pfc) > 0);
    let short = Action::Edit(Edit::Truncate { bytes: 20 });
    m.rules = vec![rule(Class::Pfc, &[], short)];
    assert!(full(&simulate(&m)) > 0);
    m.rules = vec![rule(Class::Pfc, &[], Action::Duplicate { copies: 1 })];
    assert_eq!(full(&simulate(&m)), 0);
    m.rules = vec![rule(
        Class::Pfc,
        &[],
        Action::Delay(SimDuration::from_us(100)),
    )];
    assert!(full(&simulate(&m)) > 0);
}

#[test]
fn without_rules_nothing_changes() {
    let never = Rule {
        filter: Filter {
            qp: Some(99),
            ..Filter::default()
        },
        ..rule(Class::Data, &[], Action::Drop)
    };
    for op in [Op::Send, Op::Write, Op::Read] {
        let (plain, ruled) = (
            seen(&model(op, vec![])),
            seen(&model(op, vec![never.clone()])),
        );
        assert!(plain.0 == ruled.0, "{op:?}");
        assert_eq!(plain.1.end, ruled.1.end);
        assert_eq!(ruled.1.rules[0].matched, 0);
    }
}

#[test]
fn unreliable_messages_are_lost_whole() {
    let mut m = model(Op::Send, vec![rule(Class::Data, &[15], Action::Drop)]);
    m.flows[0].transport = Transport::Uc;
    let (_, r) = seen(&m);
    assert_eq!(r.flows[0].bytes_delivered, 92_160);
    m.flows[0].receives = Some(ReceiveQueue {
        posted: 100,
        repost: SimDuration::ZERO,
    });
    assert_eq!(simulate(&m).flows[0].bytes_delivered, 92_160);
}

#[test]
fn other_ways_of_recovery_manage_too() {
    for recovery in [Recovery::GoBack0, Recovery::Selective] {
        let mut m = model(Op::Write, vec![rule(Class::Data, &[5, 40], Action::Drop)]);
        m.nics[0].rc.recovery = recovery;
        let (_, r) = seen(&m);
        assert_eq!((r.stop, r.flows[0].bytes_delivered), (Stop::Idle, 102_400));
        assert_eq!(r.flows[0].observed.as_ref().unwrap().intact, Some(true));
    }
}

/// However many frames are under way, none overtakes another.
#[test]
fn a_steady_delay_reorders_nothing() {
    let delay = SimDuration::from_us(2_000);
    let mut model = model(
        Op::Write,
        vec![rule(Class::Data, &[], Action::Delay(delay))],
    );
    (model.flows[0].bytes, model.flows[0].message_bytes) = (10_000_000, 10_000_000);
    model.nics[0].rc.timeout = SimDuration::from_us(9_000);
    let r = simulate(&model);
    let flow = &r.flows[0];
    assert_eq!(flow.status, FlowStatus::Completed);
    assert_eq!(
        (flow.retransmitted_packets, flow.counters.packet_seq_err),
        (0, 0)
    );
    assert!(flow.end.unwrap().since(xoff_model::time::SimTime::ZERO) > delay);
    assert_eq!(r.rules[0].applied, flow.data_packets);
}

/// What is injected behind a frame stays behind it, however late that is.
#[test]
fn what_is_injected_waits_with_its_frame() {
    let inject = Inject {
        frame: Made::Ghost { psn_add: 0 },
        before: false,
    };
    let rules = vec![
        rule(
            Class::Data,
            &[100],
            Action::Delay(SimDuration::from_us(100)),
        ),
        rule(Class::Data, &[100], Action::Inject(inject)),
    ];
    let (all, r) = seen(&model(Op::Write, rules));
    assert_eq!(r.flows[0].status, FlowStatus::Completed);
    let arrived = all.iter().filter(|f| (f.0, f.1) == (Direction::In, 1));
    let psns: Vec<u32> = arrived
        .filter_map(
            |f| match dissect(Link::Ethernet, &f.2, f.2.len() as u32).body {
                Body::Roce(packet) => Some(packet.bth.psn),
                _ => None,
            },
        )
        .collect();
    assert_eq!(psns.len(), 101);
    assert_eq!(psns[99], psns[100]);
    assert_eq!(r.flows[0].counters.duplicate_request, 1);
}
