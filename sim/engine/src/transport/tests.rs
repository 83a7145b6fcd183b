//! Acknowledgement, selective repeat, sequence numbers and latency of whole runs.

use crate::{observe, run};
use xoff_model::results::{FlowStatus, Results};
use xoff_model::rules::edit::{Edit, Field, Value};
use xoff_model::rules::{Action, Choice, Class, Filter, Rule};
use xoff_model::testing::{active_span, flow, nic, star, switch};
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::units::{BitRate, Bytes, Probability};
use xoff_model::*;

fn simulate(model: &Model) -> Results {
    run(model, &mut |_| {})
}

/// Eight senders to host 0, whose windows follow their rates.
fn shrinking(cc: &CcSpec, ack_every: u32) -> Model {
    let mut model = star(9, nic(PauseMode::Pfc), switch(PauseMode::Pfc));
    model.nics[0].rc.ack_every = ack_every;
    model.nics[0].np = NpSpec::Cnp {
        interval: SimDuration::from_us(4),
        scope: CnpScope::Qp,
        marking: Marking {
            priority: 6,
            dscp: 48,
            pcp: 6,
        },
        delay: SimDuration::ZERO,
    };
    model.switches[0].port.ecn[3] = Some(EcnSpec {
        by_rate: vec![EcnThresholds {
            rate: BitRate::default(),
            kmin: Bytes(20_000),
            kmax: Bytes(80_000),
            pmax: Probability::ONE,
        }],
        action: EcnAction::Mark,
    });
    for src in 1..9 {
        let mut f = flow(src, 0, 3_000_000);
        f.cc = cc.clone();
        model.flows.push(f);
    }
    model
}

#[test]
fn a_window_that_shrinks_leaves_nobody_waiting() {
    let window = Some(Window {
        bytes: 60_000,
        variable: true,
    });
    let gbps = BitRate::from_gbps;
    let dcqcn = CcSpec::Dcqcn(DcqcnSpec {
        variant: Variant::Published,
        g_q16: 4_096,
        alpha_interval: SimDuration::from_us(5),
        decrease_interval: SimDuration::from_us(4),
        increase_timer: SimDuration::from_us(50),
        byte_counter: None,
        fast_recovery: 5,
        rate_ai: BitRate::from_bps(40_000_000),
        rate_hai: BitRate::from_bps(400_000_000),
        rate_min: gbps(1),
        clamp_target: false,
        first_cnp_rate: None,
        window,
    });
    let dctcp = CcSpec::Dctcp(DctcpSpec {
        g_q16: 4_096,
        rate_ai: BitRate::from_bps(615_000_000),
        rate_min: gbps(1),
        window,
    });
    let timely = CcSpec::Timely(TimelySpec {
        ewma_q16: 57_344,
        beta_q16: 52_429,
        t_low: SimDuration::from_us(6),
        t_high: SimDuration::from_us(20),
        min_rtt: SimDuration::from_us(5),
        rate_ai: BitRate::from_bps(50_000_000),
        rate_hai: BitRate::from_bps(250_000_000),
        rate_min: gbps(1),
        window,
    });
    for cc in [dcqcn, timely, dctcp] {
        for ack_every in [1, 4, 16, 64] {
            let results = simulate(&shrinking(&cc, ack_every));
            for f in &results.flows {
                assert_eq!(f.status, FlowStatus::Completed, "{ack_every} {f:?}");
                assert_eq!(f.counters.local_ack_timeout_err, 0, "{ack_every} {cc:?}");
            }
        }
    }
}

#[test]
fn acknowledgements_are_as_rare_as_they_may_be() {
    // ACKs are what host 0 sends.
    let acks = |model: &Model| {
        let results = simulate(model);
        let of_receiver = results.ports.iter().find(|p| p.node == 0);
        of_receiver.map_or(0, |p| p.tx_frames)
    };
    let mut model = star(2, nic(PauseMode::Off), switch(PauseMode::Off));
    model.flows = vec![flow(1, 0, 1_024 * 1_000)];
    for (every, wanted) in [(1, 1_000), (4, 250), (64, 16)] {
        model.nics[0].rc.ack_every = every;
        assert_eq!(acks(&model), wanted, "{every}");
    }
}

/// SENDs of `message` bytes with few receives, over links that lose packets.
fn few_receives(message: u64, posted: u32, loss: u64) -> Model {
    let mut model = star(2, nic(PauseMode::Off), switch(PauseMode::Off));
    model.nics[0].rc.recovery = Recovery::Selective;
    model.nics[0].rc.retry_cnt = None;
    model.nics[0].rc.ack_every = 4;
    for link in &mut model.links {
        link.loss = Probability::ratio(1, loss);
    }
    let mut f = flow(0, 1, 300_000);
    (f.op, f.message_bytes) = (Op::Send, message);
    f.receives = Some(ReceiveQueue {
        posted,
        repost: SimDuration::from_us(20),
    });
    model.flows = vec![f];
    model
}

/// No message is received without a buffer for it, whatever came early.
#[test]
fn selective_repeat_keeps_to_the_receives_that_are_posted() {
    let mut refused = 0;
    for seed in 1..40 {
        for (message, posted) in [(1_000, 1), (1_024, 3), (3_000, 1), (5_000, 2)] {
            let mut model = few_receives(message, posted, 25);
            model.seed = seed;
            let results = observe(&model, &[], &mut |_| {}, &mut |_| {});
            let f = &results.flows[0];
            assert_eq!(f.status, FlowStatus::Completed, "{seed} {message} {f:?}");
            assert_eq!(f.bytes_delivered, 300_000, "{seed} {message}");
            let seen = f.observed.as_ref().unwrap();
            assert_eq!(seen.intact, Some(true), "{seed} {message}");
            // A buffer that is used comes back after 20 us, not before.
            let again = SimDuration::from_us(20);
            let at = |i: usize| seen.received[i].at;
            for i in posted as usize..seen.received.len() {
                assert!(
                    at(i) >= at(i - posted as usize) + again,
                    "{seed} {message} {i}"
                );
            }
            refused += f.counters.out_of_buffer;
        }
    }
    assert!(refused > 1_000, "{refused}");
}

/// Rules that make every frame one that is taken by its bytes.
fn by_bytes() -> Vec<Rule> {
    let rewrite = |class| Rule {
        name: format!("{class:?}"),
        filter: Filter {
            classes: vec![class],
            ..Filter::default()
        },
        choice: Choice::default(),
        stack: false,
        action: Action::Edit(Edit::Rewrite {
            field: Field::Ttl,
            value: Value::Set(9),
            repair: true,
        }),
    };
    let classes = [
        Class::Data,
        Class::Ack,
        Class::Nak,
        Class::ReadRequest,
        Class::ReadResponse,
        Class::Atomic,
        Class::AtomicAck,
    ];
    classes.map(rewrite).to_vec()
}

/// Numbers on the wire wrap at 2^24; what happens must not depend on where they begin.
#[test]
fn sequence_numbers_wrap_unnoticed() {
    for op in [Op::Write, Op::Send, Op::Read, Op::Atomic] {
        for recovery in [Recovery::GoBackN, Recovery::GoBack0] {
            for rules in [Vec::new(), by_bytes()] {
                let mut model = star(2, nic(PauseMode::Off), switch(PauseMode::Off));
                model.nics[0].rc.recovery = recovery;
                model.nics[0].rc.retry_cnt = None;
                for link in &mut model.links {
                    link.loss = Probability::ratio(1, 60);
                }
                model.rules = rules;
                let mut f = flow(0, 1, 100_000);
                (f.op, f.message_bytes) = (op, 5_000);
                if op == Op::Atomic {
                    (f.bytes, f.message_bytes) = (800, 8);
                }
                model.flows = vec![f];
                let mut outcomes = [0, 0xff_fff0, 0xff_ffd5, 0xff_ffff].map(|first| {
                    model.flows[0].first_psn = Some(first);
                    let mut results = simulate(&model);
                    let status = results.flows[0].status;
                    assert_eq!(
                        status,
                        FlowStatus::Completed,
                        "{op:?} {recovery:?} {first:x}"
                    );
                    // Hits of rules say the numbers of frames.
                    results.rules.clear();
                    format!("{results:?}")
                });
                let first = outcomes[0].clone();
                assert!(
                    outcomes.iter_mut().all(|o| *o == first),
                    "{op:?} {recovery:?}"
                );
            }
        }
    }
}

#[test]
fn a_nic_takes_its_time_from_post_to_wire() {
    let span = |latency_us: u64, op: Op, messages: u64, depth: Option<u32>| {
        let mut model = star(2, nic(PauseMode::Off), switch(PauseMode::Off));
        model.nics[0].send_latency = SimDuration::from_us(latency_us);
        let mut f = flow(0, 1, messages * 3_000);
        (f.op, f.message_bytes, f.depth) = (op, 3_000, depth);
        f.start = SimTime::from_ns(7_000);
        model.flows = vec![f];
        let results = simulate(&model);
        assert_eq!(results.flows[0].status, FlowStatus::Completed);
        (active_span(&results.flows[0]), results.flows[0].ideal)
    };
    let us = SimDuration::from_us;
    for op in [Op::Write, Op::Send, Op::Read] {
        // One after the other: each pays. All at once: they pay together.
        for (messages, depth, paid) in [(1, None, 3), (100, Some(1), 300), (16, None, 3)] {
            let (at_once, ideal) = span(0, op, messages, depth);
            let (late, late_ideal) = span(3, op, messages, depth);
            assert_eq!(late, at_once + us(paid), "{op:?} {messages}");
            assert_eq!(late_ideal, ideal + us(3));
        }
    }
}
