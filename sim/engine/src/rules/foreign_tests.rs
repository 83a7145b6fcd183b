//! What becomes of packets that rules rewrite, and of those that they make.

use super::tests::{count, model, naks, rule, seen, simulate};
use crate::tap::Direction;
use xoff_model::results::{DropCause, FlowStatus, Results};
use xoff_model::rules::edit::{Edit, Field, Value};
use xoff_model::rules::inject::{Inject, Made};
use xoff_model::rules::{Action, Class, Rule};
use xoff_model::time::SimDuration;
use xoff_model::{Model, Op, Transport};

fn rewrite(field: Field, value: Value) -> Action {
    Action::Edit(Edit::Rewrite {
        field,
        value,
        repair: true,
    })
}

/// The rule acts on the packet with this number, the first time.
fn at(class: Class, psn: u32, action: Action) -> Rule {
    let mut rule = rule(class, &[], action);
    (rule.filter.psn, rule.filter.round) = (Some((psn, psn)), Some(0));
    rule
}

fn one(op: Op, class: Class, psn: u32, field: Field, value: Value) -> Model {
    model(op, vec![at(class, psn, rewrite(field, value))])
}

fn refused(r: &Results, host: usize) -> u64 {
    r.ports[host].drops[DropCause::Refused as usize]
        .iter()
        .sum()
}

#[test]
fn headers_that_no_queue_pair_takes_are_ignored_in_silence() {
    for (field, value) in [
        (Field::Tver, Value::Set(1)),
        (Field::Pkey, Value::Set(0x1234)),
        (Field::Opcode, Value::Set(0x1f)),
        (Field::Opcode, Value::Xor(0x20)),
        (Field::Opcode, Value::Set(0xc3)),
        (Field::DestQp, Value::Xor(0x1000)),
        (Field::DestQp, Value::Xor(1)),
    ] {
        let (all, r) = seen(&one(Op::Write, Class::Data, 25, field, value));
        let f = &r.flows[0];
        assert_eq!(refused(&r, 1), 1, "{field:?} {value:?}");
        assert_eq!(f.status, FlowStatus::Completed, "{field:?} {value:?}");
        // Lost, as far as the transport is concerned.
        assert_eq!(naks(&all, 0), [0x60], "{field:?} {value:?}");
        assert_eq!(r.nodes[1].counters.rx_icrc_encapsulated, 0);
    }
}

#[test]
fn what_means_nothing_changes_nothing() {
    for (field, value) in [
        (Field::Migreq, Value::Xor(1)),
        (Field::Se, Value::Xor(1)),
        (Field::Reserved6, Value::Set(0x3f)),
        (Field::Reserved7, Value::Set(0x7f)),
        (Field::Fecn, Value::Set(1)),
        (Field::Becn, Value::Set(1)),
        (Field::Pkey, Value::Set(0x7fff)),
        (Field::Ttl, Value::Set(3)),
        (Field::IpId, Value::Set(77)),
        (Field::UdpSport, Value::Xor(5)),
    ] {
        let (_, r) = seen(&one(Op::Write, Class::Data, 25, field, value));
        let f = &r.flows[0];
        assert_eq!(
            (f.status, f.retransmitted_packets),
            (FlowStatus::Completed, 0),
            "{field:?}"
        );
        assert_eq!((refused(&r, 1), r.rules[0].applied), (0, 1), "{field:?}");
        assert_eq!(f.observed.as_ref().unwrap().intact, Some(true), "{field:?}");
    }
}

#[test]
fn requests_that_must_not_be_are_refused() {
    use FlowStatus::{RemoteAccess, RemoteInvalidRequest};
    // WRITE First at 20, Middle at 25, Last at 29.
    for (psn, field, value, code, status) in [
        (20, Field::Rkey, Value::Xor(1), 0x62, RemoteAccess),
        (20, Field::Va, Value::Add(1 << 40), 0x62, RemoteAccess),
        (20, Field::Length, Value::Set(200_000), 0x62, RemoteAccess),
        (
            20,
            Field::Length,
            Value::Set(0x8000_0001),
            0x61,
            RemoteInvalidRequest,
        ),
        (
            20,
            Field::Length,
            Value::Set(9_000),
            0x61,
            RemoteInvalidRequest,
        ),
        (
            20,
            Field::Length,
            Value::Set(11_000),
            0x61,
            RemoteInvalidRequest,
        ),
        // Middle becomes First, Last, Only, SEND Middle; First becomes Middle; Last Middle.
        (25, Field::Opcode, Value::Set(6), 0x61, RemoteInvalidRequest),
        (25, Field::Opcode, Value::Set(8), 0x61, RemoteInvalidRequest),
        (
            25,
            Field::Opcode,
            Value::Set(10),
            0x61,
            RemoteInvalidRequest,
        ),
        (25, Field::Opcode, Value::Set(1), 0x61, RemoteInvalidRequest),
        (20, Field::Opcode, Value::Set(7), 0x61, RemoteInvalidRequest),
        (29, Field::Opcode, Value::Set(7), 0x61, RemoteInvalidRequest),
        (25, Field::Pad, Value::Set(1), 0x61, RemoteInvalidRequest),
    ] {
        let (all, r) = seen(&one(Op::Write, Class::Data, psn, field, value));
        let f = &r.flows[0];
        assert_eq!(naks(&all, 0), [code], "{psn} {field:?} {value:?}");
        assert_eq!(f.status, status, "{psn} {field:?} {value:?}");
        assert_eq!(f.messages_completed, 2, "{psn} {field:?} {value:?}");
        let observed = f.observed.as_ref().unwrap();
        assert_eq!(observed.sent.len(), 10);
    }
    let (all, r) = seen(&one(
        Op::Send,
        Class::Data,
        25,
        Field::Opcode,
        Value::Set(2),
    ));
    assert_eq!(
        (naks(&all, 0), r.flows[0].status),
        (vec![0x61], RemoteInvalidRequest)
    );
    let (all, r) = seen(&one(
        Op::Read,
        Class::ReadRequest,
        20,
        Field::Rkey,
        Value::Set(5),
    ));
    assert_eq!(
        (naks(&all, 0), r.flows[0].status),
        (vec![0x62], RemoteAccess)
    );
    let mut atomic = one(Op::Atomic, Class::Atomic, 20, Field::Va, Value::Add(4));
    (atomic.flows[0].bytes, atomic.flows[0].message_bytes) = (800, 8);
    let (all, r) = seen(&atomic);
    assert_eq!(
        (naks(&all, 0), r.flows[0].status),
        (vec![0x61], RemoteInvalidRequest)
    );
}

#[test]
fn sequence_numbers_count_as_they_are_written() {
    // From the future: a gap. From the past: a duplicate, and then a gap.
    for (add, duplicates) in [(5, 0), (0xff_fff0, 1)] {
        let m = one(Op::Write, Class::Data, 25, Field::Psn, Value::Add(add));
        let (all, r) = seen(&m);
        let f = &r.flows[0];
        assert_eq!(
            (f.status, naks(&all, 0)),
            (FlowStatus::Completed, vec![0x60]),
            "{add}"
        );
        assert_eq!(f.counters.duplicate_request, duplicates, "{add}");
        assert_eq!(f.observed.as_ref().unwrap().intact, Some(true));
    }
    // In place of the one before, which is lost: accepted, and wrong.
    let mut m = one(
        Op::Write,
        Class::Data,
        26,
        Field::Psn,
        Value::Add(0xff_ffff),
    );
    m.rules.push(at(Class::Data, 25, Action::Drop));
    let (_, r) = seen(&m);
    assert_eq!(r.flows[0].observed.as_ref().unwrap().intact, Some(false));
}

#[test]
fn answers_are_believed() {
    let ack = |field, value| {
        let mut m = one(Op::Write, Class::Ack, 40, field, value);
        m.nics[0].rc.ack_every = 10;
        seen(&m).1
    };
    let of = |syndrome| ack(Field::Syndrome, Value::Set(syndrome)).flows[0].clone();
    assert_eq!(of(0x61).status, FlowStatus::RemoteInvalidRequest);
    assert_eq!(of(0x62).status, FlowStatus::RemoteAccess);
    assert_eq!(of(0x63).status, FlowStatus::RemoteOperational);
    assert_eq!(of(0x61).messages_completed, 4);
    assert_eq!(of(0x60).counters.packet_seq_err, 1);
    // Timer 1: 10 us; timer 14: 1 ms.
    let end = |syndrome| of(syndrome).end.unwrap().ps();
    assert!(end(0x2e) > end(0x21) + 900_000_000);
    assert_eq!(of(0x2e).counters.rnr_nak_retry_err, 1);
    assert_eq!(of(0x5f).retransmitted_packets, 0);
    // Of a packet that was never sent.
    let ghost = ack(Field::Psn, Value::Add(50_000));
    assert_eq!(
        (refused(&ghost, 0), ghost.flows[0].retransmitted_packets),
        (1, 0)
    );
}

#[test]
fn hosts_seem_to_do_what_their_rules_say() {
    let mut m = one(Op::Write, Class::Data, 25, Field::Tver, Value::Set(1));
    m.rules[0].stack = true;
    let (all, r) = seen(&m);
    assert_eq!((r.rules[0].applied, refused(&r, 1)), (1, 1));
    let wrong = |way| {
        let bad =
            |f: &&(Direction, u32, Vec<u8>)| f.0 == way && f.2.len() > 50 && f.2[43] & 0xf == 1;
        all.iter().filter(bad).count()
    };
    assert_eq!((wrong(Direction::Out), wrong(Direction::In)), (1, 1));
    m.rules = vec![Rule {
        stack: true,
        ..at(Class::Data, 25, Action::Drop)
    }];
    let (all, r) = seen(&m);
    let (out, arrived) = (Direction::Out, Direction::In);
    let sent = count(&all, 0, out, Class::Data);
    assert_eq!(sent, count(&all, 1, arrived, Class::Data));
    assert_eq!(
        (sent as u64 + 1, naks(&all, 0)),
        (r.flows[0].data_packets, vec![0x60])
    );
    m.rules[0].action = Action::Duplicate { copies: 3 };
    assert_eq!(count(&seen(&m).0, 0, out, Class::Data), 103);
    for action in [
        Action::Delay(SimDuration::from_us(3)),
        Action::Reorder { by: 4 },
    ] {
        m.rules[0].action = action;
        let (all, r) = seen(&m);
        assert_eq!(
            count(&all, 0, out, Class::Data) as u64,
            r.flows[0].data_packets
        );
        assert!(r.flows[0].counters.packet_seq_err > 0, "{action:?}");
    }
}

fn inject(class: Class, psn: u32, frame: Made, before: bool) -> Model {
    model(
        Op::Write,
        vec![at(class, psn, Action::Inject(Inject { frame, before }))],
    )
}

#[test]
fn made_answers_are_taken_for_real_ones() {
    let mut m = inject(Class::Ack, 49, Made::Cnp, false);
    let (all, r) = seen(&m);
    let c = r.flows[0].counters;
    assert_eq!(
        (
            c.rp_cnp_handled + c.rp_cnp_ignored,
            count(&all, 0, Direction::In, Class::Cnp)
        ),
        (1, 1)
    );
    m = inject(Class::Ack, 49, Made::nak(2, 1), false);
    assert_eq!(simulate(&m).flows[0].status, FlowStatus::RemoteAccess);
    m = inject(Class::Ack, 49, Made::nak(0, 1), false);
    let (all, r) = seen(&m);
    assert_eq!(
        (r.flows[0].counters.packet_seq_err, naks(&all, 0)),
        (1, vec![0x60])
    );
    assert_eq!(naks(&all, 0).len(), 1);
    m = inject(Class::Ack, 49, Made::rnr(14, 1), false);
    assert_eq!(simulate(&m).flows[0].counters.rnr_nak_retry_err, 1);
    // Everything so far, before it has arrived: the responder must still have it all.
    m = inject(Class::Ack, 49, Made::ack(3), true);
    let (_, r) = seen(&m);
    assert_eq!(r.flows[0].bytes_delivered, 102_400);
    m = inject(Class::Ack, 49, Made::ack(90_000), true);
    assert_eq!(refused(&simulate(&m), 0), 1);
}

#[test]
fn ghosts_are_gaps_or_duplicates() {
    let (all, r) = seen(&inject(
        Class::Data,
        50,
        Made::Ghost { psn_add: 100 },
        false,
    ));
    assert_eq!(
        (naks(&all, 0), r.flows[0].counters.packet_seq_err),
        (vec![0x60], 1)
    );
    assert_eq!(
        count(&all, 1, Direction::In, Class::Data) as u64,
        r.flows[0].data_packets + 1
    );
    let (all, r) = seen(&inject(
        Class::Data,
        50,
        Made::Ghost { psn_add: 0xff_fff0 },
        true,
    ));
    assert!(naks(&all, 0).is_empty());
    assert_eq!(r.flows[0].counters.duplicate_request, 1);
}

#[test]
fn made_pauses_stop_who_gets_them() {
    let pfc = |enable, quanta| Made::Pfc { enable, quanta };
    let paused = |m: &Model, port: usize| {
        let r = simulate(m);
        assert_eq!(r.flows[0].status, FlowStatus::Completed);
        r.ports[port].priority[3].rx_pause_duration
    };
    // 100 quanta of 512 bits at 100 Gb/s.
    let span = SimDuration::from_ns(512);
    let m = inject(Class::Ack, 49, pfc(8, 100), false);
    assert_eq!(paused(&m, 0), span);
    assert_eq!(count(&seen(&m).0, 0, Direction::In, Class::Pfc), 1);
    assert_eq!(
        paused(&inject(Class::Ack, 49, pfc(4, 100), false), 0),
        SimDuration::ZERO
    );
    assert_eq!(
        paused(&inject(Class::Ack, 49, pfc(0, 100), false), 0),
        SimDuration::ZERO
    );
    let global = inject(Class::Ack, 49, Made::Pause { quanta: 100 }, false);
    assert_eq!(paused(&global, 0), SimDuration::ZERO);
    assert_eq!(simulate(&global).ports[0].rx_global_pause, 1);
    // By the receiver itself: it stops its switch.
    let mut m = inject(Class::Ack, 49, pfc(8, 100), false);
    m.rules[0].stack = true;
    let (all, r) = seen(&m);
    assert_eq!(r.ports[3].priority[3].rx_pause_duration, span);
    assert_eq!(count(&all, 1, Direction::Out, Class::Pfc), 1);
    assert_eq!(count(&all, 0, Direction::In, Class::Pfc), 0);
}

#[test]
fn datagrams_need_their_key() {
    let mut m = one(Op::Send, Class::Data, 5, Field::Qkey, Value::Xor(1));
    m.flows[0].transport = Transport::Ud;
    (m.flows[0].bytes, m.flows[0].message_bytes) = (10_240, 1_024);
    let r = simulate(&m);
    assert_eq!((refused(&r, 1), r.flows[0].bytes_delivered), (1, 9_216));
    m.flows[0].transport = Transport::Uc;
    m.rules = vec![at(Class::Data, 5, rewrite(Field::Psn, Value::Add(9_000)))];
    let r = simulate(&m);
    assert_eq!(r.flows[0].bytes_delivered, 9_216);
}
