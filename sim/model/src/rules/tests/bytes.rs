//! Frames that are rewritten, and frames that are made.

use super::super::edit::{FIELDS, Field, Span, Value};
use super::super::inject::{Inject, Made, make};
use super::*;
use xoff_wire::bth::{AtomicEth, Deth, NakCode, Syndrome};
use xoff_wire::mac_control;
use xoff_wire::roce::{Icrc, Packet};

fn rewrite(field: Field, value: Value, repair: bool) -> Edit {
    Edit::Rewrite {
        field,
        value,
        repair,
    }
}

fn set(field: Field, value: u64, frame: &mut Vec<u8>) -> bool {
    apply(rewrite(field, Value::Set(value), true), frame)
}

fn roce(frame: &[u8]) -> Packet<'_> {
    match dissect(Link::Ethernet, frame, frame.len() as u32).body {
        Body::Roce(packet) => packet,
        other => panic!("{other:?}"),
    }
}

/// What a packet says of a field.
fn read(field: Field, p: &Packet<'_>) -> Option<u64> {
    let (b, e) = (&p.bth, &p.extensions);
    Some(match field {
        Field::Opcode => b.opcode.0.into(),
        Field::Se => b.solicited.into(),
        Field::Migreq => b.migreq.into(),
        Field::Pad => b.pad.into(),
        Field::Tver => b.tver.into(),
        Field::Pkey => b.pkey.into(),
        Field::Fecn => b.fecn.into(),
        Field::Becn => b.becn.into(),
        Field::Reserved6 => b.reserved6.into(),
        Field::DestQp => b.dest_qp.into(),
        Field::AckRequest => b.ack_request.into(),
        Field::Reserved7 => b.reserved7.into(),
        Field::Psn => b.psn.into(),
        Field::Syndrome => e.aeth?.syndrome.into(),
        Field::Msn => e.aeth?.msn.into(),
        Field::Va => e.reth.map(|r| r.va).or(e.atomic.map(|a| a.va))?,
        Field::Rkey => e.reth.map(|r| r.rkey).or(e.atomic.map(|a| a.rkey))?.into(),
        Field::Length => e.reth?.len.into(),
        Field::SwapAdd => e.atomic?.swap_or_add,
        Field::Compare => e.atomic?.compare,
        Field::AtomicOriginal => e.atomic_ack?,
        Field::Immediate => e.immediate?.into(),
        Field::Invalidate => e.invalidate?.into(),
        Field::Qkey => e.deth?.qkey.into(),
        Field::SrcQp => e.deth?.src_qp.into(),
        Field::UdpSport => p.sport?.into(),
        Field::Dscp => p.network.dscp.into(),
        Field::Ecn => (p.network.ecn as u8).into(),
        Field::Ttl => p.network.ttl.into(),
        Field::IpId | Field::Df => match p.network.kind {
            Kind::V4 { identification, .. } if field == Field::IpId => identification.into(),
            Kind::V4 { dont_fragment, .. } => dont_fragment.into(),
            _ => return None,
        },
        Field::FlowLabel => match p.network.kind {
            Kind::V6 { flow_label } | Kind::Grh { flow_label } => flow_label.into(),
            Kind::V4 { .. } => return None,
        },
        _ => return None,
    })
}

/// Fields behind which the rest of the frame reads otherwise.
const STEERING: [Field; 2] = [Field::Opcode, Field::Pad];

/// A packet of this opcode over IPv4, IPv6 or GRH, with every extension header that it may have.
fn frame_of(opcode: Opcode, network: u8) -> Vec<u8> {
    let mut repr = packet(Operation::SendOnly, 0x12_3456, 12);
    repr.bth.opcode = opcode;
    let flow_label = 0x5_4321;
    match network {
        0 => {}
        1 => repr.network.kind = Kind::V6 { flow_label },
        _ => repr.network.kind = Kind::Grh { flow_label },
    }
    repr.extensions = Extensions {
        deth: Some(Deth::default()),
        atomic: Some(AtomicEth::default()),
        ..repr.extensions
    };
    emit(&repr)
}

proptest! {
    #[test]
    fn a_field_is_what_was_written(opcode in 0..=0xb7u8, network in 0..3u8, value: u64) {
        let before = frame_of(Opcode(opcode), network);
        let old = roce(&before);
        for (name, field) in FIELDS {
            let known = read(field, &old);
            let mut after = before.clone();
            let done = set(field, value, &mut after);
            let Some(known) = known else { continue };
            prop_assert!(done, "{}", name);
            if STEERING.contains(&field) {
                continue;
            }
            let new = roce(&after);
            let mask = u64::MAX >> (64 - field.width());
            prop_assert_eq!(read(field, &new), Some(value & mask), "{}", name);
            prop_assert_eq!(new.icrc, Icrc::Valid, "{}", name);
            if network == 0 {
                prop_assert_eq!(judged(&after), (true, true, true), "{}", name);
            }
            // Nothing else has changed, so the old value makes the old frame.
            prop_assert!(set(field, known, &mut after));
            prop_assert_eq!(&after, &before, "{}", name);
        }
    }

    #[test]
    fn parts_of_frames_are_numbers(offset in 0..12u32, width in 1..=8u8, little: bool, value: u64,
                                   payload: bool) {
        let before = emit(&packet(Operation::SendOnly, 1, 12));
        let span = Span { offset, width, little };
        let field = if payload { Field::Payload(span) } else { Field::Frame(span) };
        let mut after = before.clone();
        let fits = !payload || offset + u32::from(width) <= 12;
        prop_assert_eq!(set(field, value, &mut after), fits);
        if fits {
            let start = if payload { 54 } else { 0 } + offset as usize;
            let mut bytes = value.to_le_bytes()[..usize::from(width)].to_vec();
            if !little {
                bytes.reverse();
            }
            prop_assert_eq!(&after[start..start + usize::from(width)], &bytes[..]);
            if payload {
                prop_assert_eq!(judged(&after), (true, true, true));
            }
        }
    }
}

#[test]
fn numbers_are_modulo_their_width() {
    let mut frame = emit(&packet(Operation::SendOnly, 0xff_ffff, 8));
    assert!(apply(rewrite(Field::Psn, Value::Add(2), true), &mut frame));
    assert_eq!(roce(&frame).bth.psn, 1);
    let minus = (-3i64).cast_unsigned();
    assert!(apply(
        rewrite(Field::Psn, Value::Add(minus), true),
        &mut frame
    ));
    assert_eq!(roce(&frame).bth.psn, 0xff_fffe);
    assert!(apply(
        rewrite(Field::Pkey, Value::Xor(0x8000), true),
        &mut frame
    ));
    assert_eq!((roce(&frame).bth.pkey, judged(&frame).0), (0x7fff, true));
}

#[test]
fn a_udp_checksum_of_zero_is_written_as_all_ones() {
    let mut frame = emit(&packet(Operation::SendOnly, 5, 8));
    let sum = |frame: &[u8]| u16::from_be_bytes([frame[40], frame[41]]);
    let port = u32::from(u16::from_be_bytes([frame[34], frame[35]]));
    // The port that takes the rest of the sum; the ICRC is left as it is.
    let rest = (port + u32::from(sum(&frame))) % 0xffff;
    let value = Value::Set(rest.into());
    assert!(apply(rewrite(Field::UdpSport, value, false), &mut frame));
    assert_eq!((sum(&frame), judged(&frame).2), (0xffff, true));
    // It is still kept up to date.
    assert!(set(Field::Psn, 9, &mut frame));
    assert_eq!(judged(&frame), (true, true, true));
}

#[test]
fn without_repair_the_icrc_alone_tells() {
    let mut frame = emit(&packet(Operation::SendOnly, 5, 8));
    assert!(apply(rewrite(Field::Psn, Value::Add(1), false), &mut frame));
    assert_eq!(judged(&frame), (false, true, true));
    let mut frame = emit(&packet(Operation::SendOnly, 5, 8));
    assert!(apply(
        rewrite(Field::IpId, Value::Add(1), false),
        &mut frame
    ));
    assert_eq!(judged(&frame), (false, true, true));
    // Routers may change this one.
    let mut frame = emit(&packet(Operation::SendOnly, 5, 8));
    assert!(apply(rewrite(Field::Ttl, Value::Add(1), false), &mut frame));
    assert_eq!(judged(&frame), (true, true, true));
    let mut frame = emit(&packet(Operation::SendOnly, 5, 8));
    assert!(apply(rewrite(Field::Icrc, Value::Xor(1), true), &mut frame));
    assert_eq!(judged(&frame), (false, true, true));
}

#[test]
fn lengths_and_ports_can_lie() {
    let before = emit(&packet(Operation::SendOnly, 5, 8));
    let mut frame = before.clone();
    assert!(set(Field::UdpLength, 20, &mut frame));
    assert_eq!(frame[38..40], [0, 20]);
    // Two of the sums are over the length: without it, they are what they were.
    frame[38..40].copy_from_slice(&before[38..40]);
    assert_ne!(frame[40..42], before[40..42]);
    let mut frame = before.clone();
    assert!(set(Field::UdpDport, 4790, &mut frame));
    assert!(!set(Field::Psn, 1, &mut frame), "no longer RoCE");
    let mut frame = before;
    assert!(set(Field::UdpChecksum, 0, &mut frame));
    // Zero is none, and stays none.
    assert!(set(Field::Psn, 9, &mut frame));
    assert_eq!((frame[40], frame[41]), (0, 0));
    assert_eq!(roce(&frame).icrc, Icrc::Valid);
}

#[test]
fn pauses_are_rewritten() {
    let pfc = mac_control::Repr::Pfc {
        enable: 8,
        quanta: [0, 0, 0, 100, 0, 0, 0, 0],
    };
    let mut frame = pfc.frame(Mac([2, 0, 0, 0, 0, 1])).to_vec();
    assert!(set(Field::Cev, 0x0118, &mut frame) && set(Field::Quanta(4), 7, &mut frame));
    let read = mac_control::Repr::parse(&frame[14..]).unwrap().0;
    let quanta = [0, 0, 0, 100, 7, 0, 0, 0];
    let enable = 0x118;
    assert_eq!(read, mac_control::Repr::Pfc { enable, quanta });
    let pause = mac_control::Repr::Pause { quanta: 9 };
    let mut frame = pause.frame(Mac([2, 0, 0, 0, 0, 1])).to_vec();
    assert!(set(Field::Quanta(0), 3, &mut frame) && !set(Field::Cev, 3, &mut frame));
    assert_eq!((frame[16], frame[17]), (0, 3));
    let mut data = emit(&packet(Operation::SendOnly, 5, 8));
    assert!(!set(Field::Quanta(3), 3, &mut data));
}

#[test]
fn acknowledgements_are_made() {
    let mut ack = packet(Operation::Acknowledge, 7, 0);
    ack.extensions.aeth = Some(Aeth {
        syndrome: 3,
        msn: 77,
    });
    let ack = emit(&ack);
    let made = |made| make(made, &ack).unwrap();
    let nak = made(Made::nak(1, 2));
    let syndrome = |frame: &[u8]| {
        let aeth = roce(frame).extensions.aeth.unwrap();
        (Syndrome::from_bits(aeth.syndrome), aeth.msn)
    };
    let invalid = Syndrome::Nak(NakCode::InvalidRequest);
    assert_eq!(syndrome(&nak), (invalid, 77));
    assert_eq!((roce(&nak).bth.psn, roce(&nak).bth.dest_qp), (9, 17));
    assert_eq!(judged(&nak), (true, true, true));
    assert_eq!(nak[..12], ack[..12]);
    let rnr = made(Made::rnr(14, psn_minus(1)));
    assert_eq!(syndrome(&rnr).0, Syndrome::RnrNak { timer: 14 });
    assert_eq!(roce(&rnr).bth.psn, 6);
    let unlimited = Syndrome::Ack { credits: 31 };
    assert_eq!(syndrome(&made(Made::ack(0))).0, unlimited);
    // A datagram is not acknowledged.
    let mut ud = packet(Operation::SendOnly, 7, 0);
    ud.bth.opcode = Opcode::UD_SEND_ONLY;
    assert_eq!(make(Made::ack(0), &emit(&ud)), None);
}

const fn psn_minus(n: u32) -> u32 {
    (1 << 24) - n
}

#[test]
fn notifications_ghosts_and_pauses_are_made() {
    let data = emit(&packet(Operation::SendOnly, 7, 30));
    let cnp = make(Made::Cnp, &data).unwrap();
    let packet = roce(&cnp);
    assert!(packet.bth.opcode.is_cnp() && packet.bth.becn && !packet.bth.fecn);
    assert_eq!((packet.bth.dest_qp, packet.bth.psn), (17, 0));
    assert_eq!(packet.payload, [0; 16]);
    assert_eq!(judged(&cnp), (true, true, true));
    let ghost = make(Made::Ghost { psn_add: 1000 }, &data).unwrap();
    assert_eq!((roce(&ghost).bth.psn, ghost.len()), (1007, data.len()));
    assert_eq!(roce(&ghost).payload, roce(&data).payload);
    assert_eq!(judged(&ghost), (true, true, true));
    let pause = |made| {
        let frame = make(made, &data).unwrap();
        let dissected = dissect(Link::Ethernet, &frame, frame.len() as u32);
        let Body::Pause(repr) = dissected.body else {
            panic!("no pause")
        };
        assert_eq!(dissected.ethernet.src, Mac([2, 0, 0, 0, 0, 1]));
        assert_eq!(dissected.ethernet.dst, mac_control::ADDRESS);
        repr
    };
    let pfc = pause(Made::Pfc {
        enable: 0x18,
        quanta: 5,
    });
    let quanta = [0, 0, 0, 5, 5, 0, 0, 0];
    let enable = 0x18;
    assert_eq!(pfc, mac_control::Repr::Pfc { enable, quanta });
    let quanta = 6;
    let plain = pause(Made::Pause { quanta });
    assert_eq!(plain, mac_control::Repr::Pause { quanta });
    assert_eq!(make(Made::Cnp, &[0; 60]), None);
    assert_eq!(make(Made::Pause { quanta }, &[0; 9]), None);
}

/// Does this to every frame.
fn rule(action: Action) -> Rule {
    Rule {
        name: String::new(),
        filter: Filter::default(),
        choice: Choice::default(),
        stack: false,
        action,
    }
}

#[test]
fn what_is_added_survives_a_drop() {
    let inject = Inject {
        frame: Made::Cnp,
        before: false,
    };
    let actions = [Action::Inject(inject), Action::Drop, Action::Inject(inject)];
    let mut rules = Rules::new(&actions.map(rule), 1);
    let decision = decide(&mut rules, &packet(Operation::SendOnly, 1, 8));
    assert!(decision.drop);
    assert!(decision.ahead.is_empty() && decision.after[0].0 == inject.frame);
    let loads: Vec<Load> = decision.train().map(|car| car.load).collect();
    assert!(matches!(loads[..], [Load::Made(Made::Cnp, _)]));
}

#[test]
fn a_train_has_its_order() {
    let inject = |frame, before| Action::Inject(Inject { frame, before });
    let pause = Made::Pause { quanta: 9 };
    let actions = [
        inject(Made::ack(0), false),
        inject(pause, false),
        Action::Duplicate { copies: 1 },
        Action::Delay(SimDuration::from_us(3)),
        Action::Reorder { by: 2 },
        inject(Made::Cnp, true),
    ];
    let mut rules = Rules::new(&actions.map(rule), 1);
    let train = decide(&mut rules, &packet(Operation::SendOnly, 1, 8)).train();
    let told = train.map(|car| {
        let load = match car.load {
            Load::Itself => "itself".to_owned(),
            Load::Copy => "copy".to_owned(),
            Load::Made(made, _) => format!("{made:?}"),
        };
        format!(
            "{load} +{} us, behind {}",
            car.delay.ns() / 1000,
            car.behind
        )
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r"
    Cnp +0 us, behind 0
    copy +3 us, behind 0
    itself +3 us, behind 2
    Acknowledge { syndrome: 31, psn_add: 0 } +3 us, behind 2
    Pause { quanta: 9 } +0 us, behind 0
    ");
}

#[test]
fn what_cannot_be_done_is_not_counted() {
    let once = |action| Rule {
        choice: Choice {
            limit: Some(1),
            ..Choice::default()
        },
        ..rule(action)
    };
    let edits = [
        Edit::Truncate { bytes: 9000 },
        Edit::Corrupt {
            bit: 3,
            repair: true,
        },
        Edit::SetCe,
    ];
    let mut rules = Rules::new(&edits.map(|edit| once(Action::Edit(edit))), 1);
    // Nothing to repair without a payload.
    let empty = decide(&mut rules, &packet(Operation::SendOnly, 1, 0));
    assert_eq!(empty.edits, [Edit::SetCe]);
    let full = decide(&mut rules, &packet(Operation::SendOnly, 2, 8));
    assert_eq!(full.edits.len(), 1);
    let counts: Vec<_> = rules.counts().map(|(_, count)| count.applied).collect();
    assert_eq!(counts, [0, 1, 1]);
    // An acknowledgement cannot be made of what has no transport.
    let inject = Inject {
        frame: Made::nak(0, 0),
        before: false,
    };
    let mut rules = Rules::new(&[once(Action::Inject(inject))], 1);
    let other = rules.decide(0, None, &[0; 60], SimDuration::ZERO);
    assert_eq!(other.train().count(), 1);
    let count = rules.counts().next().unwrap().1;
    assert_eq!((count.matched, count.applied), (1, 0));
}
