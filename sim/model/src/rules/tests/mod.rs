mod bytes;

use super::edit::{Edit, apply};
use super::*;
use proptest::prelude::*;
use xoff_wire::Mac;
use xoff_wire::bth::{Aeth, Bth, Extensions, Opcode, Operation, Reth, Service};
use xoff_wire::dissect::{Body, Link, dissect};
use xoff_wire::ip::{Ecn, Kind, Network};
use xoff_wire::{ethernet, roce};

/// A packet from 10.0.0.1 to 10.0.0.2; `sum`: with a UDP checksum.
fn packet(operation: Operation, psn: u32, payload: u32) -> roce::Repr {
    let opcode = Opcode::new(Service::Rc, operation);
    roce::Repr {
        ethernet: ethernet::Repr {
            dst: Mac([2, 0, 0, 0, 0, 2]),
            src: Mac([2, 0, 0, 0, 0, 1]),
            ..ethernet::Repr::default()
        },
        network: Network {
            kind: Kind::whole_v4(7),
            src: [10, 0, 0, 1].into(),
            dst: [10, 0, 0, 2].into(),
            dscp: 26,
            ecn: Ecn::Ect0,
            ttl: 64,
            protocol: 0,
            payload_len: 0,
        },
        sport: Some(50_000),
        bth: Bth {
            opcode,
            pkey: 0xffff,
            dest_qp: 17,
            psn,
            ..Bth::default()
        },
        extensions: Extensions {
            reth: Some(Reth::default()),
            aeth: Some(Aeth::default()),
            ..Extensions::default()
        },
        payload_len: payload,
        spoil_icrc: false,
    }
}

fn emit(repr: &roce::Repr) -> Vec<u8> {
    let mut frame = Vec::new();
    repr.emit(&mut frame, |payload| payload.fill(0x5a));
    frame
}

fn decide(rules: &mut Rules, repr: &roce::Repr) -> Decision {
    let frame = emit(repr);
    rules.decide(0, Some(1), &frame, SimDuration::ZERO)
}

fn rules(filter: Filter, choice: Choice) -> Rules {
    let rule = Rule {
        name: "test".to_owned(),
        filter,
        choice,
        stack: false,
        action: Action::Drop,
    };
    Rules::new(&[rule], 1)
}

/// Which of SENDs with these PSNs are dropped, by position.
fn dropped(rules: &mut Rules, psns: &[u32]) -> Vec<usize> {
    let sent = psns.iter().map(|&psn| packet(Operation::SendOnly, psn, 8));
    let decided: Vec<_> = sent.map(|repr| decide(rules, &repr).drop).collect();
    let hit = decided.iter().enumerate().filter(|(_, drop)| **drop);
    hit.map(|(i, _)| i).collect()
}

#[test]
fn every_class_is_told() {
    let class = |operation, syndrome| {
        let mut repr = packet(operation, 1, 0);
        repr.extensions.aeth = Some(Aeth { syndrome, msn: 0 });
        let frame = emit(&repr);
        classify(&dissect(Link::Ethernet, &frame, frame.len() as u32))
    };
    use Operation as Op;
    assert_eq!(class(Op::SendFirst, 0), Class::Data);
    assert_eq!(class(Op::WriteLastImm, 0), Class::Data);
    assert_eq!(class(Op::Acknowledge, 0x1f), Class::Ack);
    assert_eq!(class(Op::Acknowledge, 0x20), Class::Rnr);
    assert_eq!(class(Op::Acknowledge, 0x60), Class::Nak);
    assert_eq!(class(Op::ReadRequest, 0), Class::ReadRequest);
    assert_eq!(class(Op::ReadResponseMiddle, 0), Class::ReadResponse);
    assert_eq!(class(Op::FetchAdd, 0), Class::Atomic);
    assert_eq!(class(Op::AtomicAcknowledge, 0), Class::AtomicAck);
    let mut mad = packet(Op::SendOnly, 1, 8);
    mad.bth.opcode = Opcode::new(Service::Ud, Op::SendOnly);
    mad.bth.dest_qp = 1;
    let mut pfc = vec![1, 0x80, 0xc2, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0x88, 8, 1, 1];
    pfc.resize(60, 0);
    let of = |frame: &[u8]| classify(&dissect(Link::Ethernet, frame, frame.len() as u32));
    assert_eq!(of(&emit(&mad)), Class::Mad);
    assert_eq!(of(&pfc), Class::Pfc);
    assert_eq!(of(&[0; 60]), Class::Other);
    assert_eq!(of(&[]), Class::Other);
}

#[test]
fn frames_are_chosen_by_number() {
    let take = |choice| dropped(&mut rules(Filter::default(), choice), &[5; 12]);
    let nth = Choice {
        nth: vec![2, 5],
        ..Choice::default()
    };
    assert_eq!(take(nth), [1, 4]);
    let every = Choice {
        every: 5,
        ..Choice::default()
    };
    assert_eq!(take(every.clone()), [4, 9]);
    assert_eq!(
        take(Choice {
            limit: Some(1),
            ..every
        }),
        [4]
    );
    assert_eq!(take(Choice::default()).len(), 12);
}

#[test]
fn rules_have_their_time() {
    let choice = Choice {
        after: Some(SimDuration::from_us(5)),
        until: Some(SimDuration::from_us(7)),
        nth: vec![2],
        ..Choice::default()
    };
    let mut rules = rules(Filter::default(), choice);
    let frame = emit(&packet(Operation::SendOnly, 1, 8));
    let at = |us| SimDuration::from_us(us);
    let drops = [4, 5, 6, 6, 7].map(|us| rules.decide(0, None, &frame, at(us)).drop);
    assert_eq!(drops, [false, false, true, false, false]);
    assert_eq!(rules.counts().next().unwrap().1.matched, 3);
}

#[test]
fn hosts_and_wire_have_their_own_rules() {
    let rule = |stack, name: &str| Rule {
        name: name.to_owned(),
        filter: Filter::default(),
        choice: Choice {
            probability: Some(Probability::ratio(1, 2)),
            ..Choice::default()
        },
        stack,
        action: Action::Drop,
    };
    let all = [rule(false, "a"), rule(true, "b"), rule(false, "c")];
    let names = |rules: &Rules| {
        let names = rules.counts().map(|(rule, _)| rule.name.clone());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(&Rules::new(&all, 1)), ["a", "c"]);
    let mut stack = Rules::stack(&all, 1);
    assert_eq!(names(&stack), ["b"]);
    // Its chances do not depend on whether other rules are for the wire.
    let both = [rule(true, "a"), rule(true, "b")];
    let mut with_first = Rules::stack(&both, 1);
    let none = packet(Operation::SendOnly, 1, 8);
    let applied = |rules: &Rules| rules.counts().last().unwrap().1;
    for _ in 0..64 {
        decide(&mut stack, &none);
        decide(&mut with_first, &none);
    }
    assert_eq!(applied(&stack).matched, 64);
    assert!(applied(&with_first).matched < 64);
}

#[test]
fn chance_is_seeded() {
    let draw = |seed| {
        let rule = Rule {
            name: String::new(),
            filter: Filter::default(),
            choice: Choice {
                probability: Some(Probability::ratio(1, 4)),
                ..Choice::default()
            },
            stack: false,
            action: Action::Drop,
        };
        dropped(&mut Rules::new(&[rule], seed), &[1; 400])
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    assert!((70..130).contains(&draw(1).len()));
}

#[test]
fn repetitions_and_relative_numbers() {
    let start = 0xff_fffe;
    let psns = [start, start + 1, 0, 1, 0, 1, 0];
    let hit = |filter| dropped(&mut rules(filter, Choice::default()), &psns);
    assert_eq!(
        hit(Filter {
            round: Some(0),
            ..Filter::default()
        }),
        [0, 1, 2, 3]
    );
    assert_eq!(
        hit(Filter {
            round: Some(1),
            ..Filter::default()
        }),
        [4, 5]
    );
    assert_eq!(
        hit(Filter {
            round: Some(2),
            ..Filter::default()
        }),
        [6]
    );
    assert_eq!(
        hit(Filter {
            psn: Some((2, 2)),
            ..Filter::default()
        }),
        [2, 4, 6]
    );
    assert_eq!(
        hit(Filter {
            psn: Some((1, 2)),
            round: Some(0),
            ..Filter::default()
        }),
        [1, 2]
    );
    assert_eq!(
        hit(Filter {
            qp: Some(0),
            ..Filter::default()
        })
        .len(),
        7
    );
    assert!(
        hit(Filter {
            qp: Some(1),
            ..Filter::default()
        })
        .is_empty()
    );
    let mut rules = rules(
        Filter {
            qp: Some(1),
            ..Filter::default()
        },
        Choice::default(),
    );
    let mut second = packet(Operation::SendOnly, 9, 8);
    assert!(!decide(&mut rules, &second).drop);
    second.bth.dest_qp = 99;
    assert!(decide(&mut rules, &second).drop);
}

#[test]
fn answers_do_not_count_as_repetitions_of_requests() {
    let filter = Filter {
        round: Some(1),
        ..Filter::default()
    };
    let mut rules = rules(filter, Choice::default());
    let of = |operation| packet(operation, 3, 0);
    assert!(!decide(&mut rules, &of(Operation::SendOnly)).drop);
    assert!(!decide(&mut rules, &of(Operation::ReadResponseOnly)).drop);
    assert!(!decide(&mut rules, &of(Operation::Acknowledge)).drop);
    assert!(decide(&mut rules, &of(Operation::SendOnly)).drop);
}

#[test]
fn hosts_and_classes_filter() {
    let seen = Seen {
        from: 0,
        to: Some(1),
        class: Class::Data,
        place: None,
    };
    let fits = |filter: Filter| filter.fits(&seen);
    assert!(fits(Filter {
        from: Some(0),
        to: Some(1),
        ..Filter::default()
    }));
    assert!(!fits(Filter {
        from: Some(1),
        ..Filter::default()
    }));
    assert!(!fits(Filter {
        to: Some(0),
        ..Filter::default()
    }));
    assert!(fits(Filter {
        classes: vec![Class::Ack, Class::Data],
        ..Filter::default()
    }));
    assert!(!fits(Filter {
        classes: vec![Class::Ack],
        ..Filter::default()
    }));
    let group = Seen { to: None, ..seen };
    assert!(
        !Filter {
            to: Some(1),
            ..Filter::default()
        }
        .fits(&group)
    );
    // What is no packet of a queue pair has no PSN.
    assert!(!fits(Filter {
        round: Some(0),
        ..Filter::default()
    }));
    assert!(!fits(Filter {
        psn: Some((0, 9)),
        ..Filter::default()
    }));
}

#[test]
fn several_rules_act_in_their_order() {
    let rule = |action, every| Rule {
        name: String::new(),
        filter: Filter::default(),
        choice: Choice {
            every,
            ..Choice::default()
        },
        stack: false,
        action,
    };
    let mut rules = Rules::new(
        &[
            rule(Action::Duplicate { copies: 2 }, 1),
            rule(Action::Delay(SimDuration::from_us(3)), 1),
            rule(Action::Reorder { by: 2 }, 1),
            rule(Action::Edit(Edit::SetCe), 1),
            rule(Action::Drop, 2),
            rule(Action::Edit(Edit::SetCe), 1),
        ],
        1,
    );
    let repr = packet(Operation::SendOnly, 1, 8);
    let first = decide(&mut rules, &repr);
    assert_eq!((first.drop, first.copies, first.behind), (false, 2, 2));
    assert_eq!(
        (first.delay, first.edits.len()),
        (SimDuration::from_us(3), 2)
    );
    assert!(decide(&mut rules, &repr).drop);
    let counts: Vec<_> = rules
        .counts()
        .map(|(_, c)| (c.matched, c.applied))
        .collect();
    // What was dropped did not reach the last rule.
    assert_eq!(counts, [(2, 2), (2, 2), (2, 2), (2, 2), (2, 1), (1, 1)]);
}

/// ICRC and IP checksum of a frame, and whether the one's complement sum of UDP is right.
fn judged(frame: &[u8]) -> (bool, bool, bool) {
    let Body::Roce(packet) = dissect(Link::Ethernet, frame, frame.len() as u32).body else {
        panic!("not RoCE")
    };
    let Kind::V4 { checksum_ok, .. } = packet.network.kind else {
        panic!("not IPv4")
    };
    let udp = &frame[34..34 + packet.network.payload_len as usize];
    let words = frame[26..34].chunks(2).chain(udp.chunks(2));
    let sum: u64 = words
        .map(|w| u64::from(w[0]) << 8 | u64::from(w.get(1).copied().unwrap_or(0)))
        .sum();
    let sum = sum + 17 + udp.len() as u64;
    let udp_ok = sum.is_multiple_of(0xffff);
    (packet.icrc == roce::Icrc::Valid, checksum_ok, udp_ok)
}

#[test]
fn marking_leaves_all_checksums_right() {
    let mut frame = emit(&packet(Operation::SendOnly, 1, 9));
    assert!(apply(Edit::SetCe, &mut frame));
    assert_eq!(frame[15] & 3, 3);
    assert_eq!(judged(&frame), (true, true, true));
    assert!(!apply(Edit::SetCe, &mut vec![0; 60]));
}

#[test]
fn without_payload_only_the_icrc_can_be_wrong() {
    let ack = emit(&packet(Operation::Acknowledge, 1, 0));
    let mut spoilt = ack.clone();
    assert!(apply(
        Edit::Corrupt {
            bit: 9,
            repair: false
        },
        &mut spoilt
    ));
    assert_eq!(judged(&spoilt), (false, true, true));
    let mut same = ack.clone();
    assert!(!apply(
        Edit::Corrupt {
            bit: 9,
            repair: true
        },
        &mut same
    ));
    assert_eq!(same, ack);
}

#[test]
fn frames_are_cut() {
    let mut frame = emit(&packet(Operation::SendOnly, 1, 90));
    assert!(!apply(Edit::Truncate { bytes: 10_000 }, &mut frame));
    assert!(apply(Edit::Truncate { bytes: 60 }, &mut frame));
    assert_eq!(frame.len(), 60);
}

proptest! {
    #[test]
    fn a_wrong_bit_is_one_wrong_bit(bit: u32, payload in 1..200u32, repair: bool) {
        let before = emit(&packet(Operation::SendOnly, 1, payload));
        let mut after = before.clone();
        let done = apply(Edit::Corrupt { bit, repair }, &mut after);
        prop_assert!(done);
        prop_assert_eq!(judged(&after), (repair, true, true));
        let range = 54..54 + payload as usize;
        let wrong: u32 = before[range.clone()].iter().zip(&after[range])
            .map(|(a, b)| (a ^ b).count_ones()).sum();
        prop_assert_eq!(wrong, 1);
    }

    #[test]
    fn any_bytes_can_be_edited(mut frame in proptest::collection::vec(any::<u8>(), 0..150),
                               bit: u32, repair: bool) {
        apply(Edit::Corrupt { bit, repair }, &mut frame);
        apply(Edit::SetCe, &mut frame);
        for (_, field) in super::edit::FIELDS {
            let value = super::edit::Value::Add(u64::from(bit));
            apply(Edit::Rewrite { field, value, repair }, &mut frame);
        }
        apply(Edit::Truncate { bytes: bit % 200 }, &mut frame);
    }
}
