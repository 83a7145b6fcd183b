//! Each finding by what makes it, and silence when all is well.

use super::dsl::{MTU, Talk, find};
use crate::rc::Output;
use xoff_checks::capture::T_02;
use xoff_checks::catalogue::Check;
use xoff_checks::congestion::{CC_01, CC_02, CC_14};
use xoff_checks::finding::Severity;
use xoff_checks::rc::{RC_05, RC_07, RC_08, RC_13, RC_14, RC_23, RC_28, RC_38, RC_40, UC_01};
use xoff_checks::wire::{W_01, W_05, W_06, W_08, W_10, W_12, W_13, W_15, W_16, W_18, W_20};
use xoff_wire::ip::Ecn;
use xoff_wire::roce::Icrc;

fn ids(o: &Output) -> Vec<&'static Check> {
    o.findings.iter().map(|f| f.check).collect()
}

fn lossy() -> Talk {
    let mut t = Talk::at(0);
    t.write(10, 8).nak(13);
    for i in 3..8 {
        t.part(10, 8, i);
    }
    t.ack(17);
    t
}

#[test]
fn loss_names_figures_frames_and_the_class() {
    let o = lossy().end();
    let f = find(&o, &RC_05).unwrap();
    assert_eq!(
        (f.severity, f.count, f.frames()),
        (Severity::Error, 5, &[10][..])
    );
    assert!(f.inconclusive.is_none());
    assert!(f.cause.contains("5 of 13 (38.4 %)"), "{}", f.cause);
    assert!(
        f.cause.contains("goes back to the lost packet"),
        "{}",
        f.cause
    );
    assert!(f.cause.contains("no pause for priority 3"), "{}", f.cause);
    assert!(!f.cure.is_empty());
    assert_eq!(f.subject, "10.0.0.1 QP 0x11 > 10.0.0.2 QP 0x22");
    let f = find(&o, &RC_40).unwrap();
    assert_eq!(f.severity, Severity::Note);

    let mut t = lossy();
    let paused = [false, false, false, true, false, false, false, false];
    t.context.paused.insert(0, paused);
    let o = t.end();
    let cause = &find(&o, &RC_05).unwrap().cause;
    assert!(cause.contains("although PFC pauses priority 3"), "{cause}");

    let mut t = lossy();
    t.context.paused.insert(7, paused);
    let o = t.end();
    let cause = &find(&o, &RC_05).unwrap().cause;
    assert!(cause.contains("priority 3 elsewhere"), "{cause}");

    let mut t = lossy();
    t.context
        .paused
        .insert(0, [true, false, false, false, false, false, false, false]);
    let o = t.end();
    let cause = &find(&o, &RC_05).unwrap().cause;
    assert!(
        cause.contains("never priority 3: the class is not lossless"),
        "{cause}"
    );
}

#[test]
fn timeouts_name_their_exponent_and_the_end() {
    let mut t = Talk::at(0);
    t.write(0, 4).wait(67_108_864).part(0, 4, 3).ack(3);
    let o = t.end();
    let f = find(&o, &RC_07).unwrap();
    assert!(f.cause.contains("2^14 = 67.1 ms"), "{}", f.cause);
    assert!(find(&o, &RC_08).is_none());

    let mut t = Talk::at(0);
    t.write(0, 2).ack(1);
    for _ in 0..9 {
        t.write(2, 1).wait(1_000_000);
    }
    t.wait(50_000_000);
    let o = t.end();
    assert_eq!(find(&o, &RC_08).unwrap().severity, Severity::Error);
}

#[test]
fn one_direction_only_is_inconclusive() {
    let mut t = Talk::at(0);
    t.write(0, 100);
    let o = t.end();
    assert!(find(&o, &T_02).unwrap().inconclusive.is_some());
    let mut t = Talk::at(0);
    t.write(0, 100).part(0, 100, 50).part(0, 100, 51);
    let o = t.end();
    assert!(find(&o, &RC_14).unwrap().inconclusive.is_some());
}

#[test]
fn refusals_and_unready_receivers() {
    let mut t = Talk::at(1);
    t.write(0, 2).rnr(0).wait(2_000).write(0, 2).ack(1);
    t.write(2, 1).answer(0x62, 2, 1);
    let o = t.end();
    let f = find(&o, &RC_23).unwrap();
    assert_eq!(f.severity, Severity::Error);
    assert!(f.cause.contains("3.0 us of 10.0 us"), "{}", f.cause);
    assert!(find(&o, &RC_28).is_some());
}

#[test]
fn packets_that_break_rules() {
    let mut t = Talk::at(0);
    t.send(0, 6, 0, MTU, |p| p.bth.reserved7 = 1);
    t.send(0, 6, 1, MTU, |p| p.bth.tver = 1);
    t.send(0, 8, 2, MTU, |p| p.bth.pad = 1);
    t.send(0, 6, 3, 1000, |_| ());
    t.send(0, 8, 4, MTU, |p| p.bth.ack_request = true);
    t.send(0, 10, 5, MTU, |p| p.sport = Some(5));
    t.send(0, 10, 6, MTU, |p| p.network.dscp = 5);
    t.answer(0x65, 6, 0);
    t.answer(0x5f, 6, 0);
    t.send(1, 0x81, 0, 16, |_| ());
    let o = t.end();
    let ids = ids(&o);
    for id in [
        &W_05, &W_06, &W_08, &W_10, &W_12, &W_13, &W_15, &W_16, &W_18, &W_20,
    ] {
        assert!(ids.contains(&id), "{id} is not in {ids:?}");
    }
    let o = {
        let mut t = Talk::at(1);
        t.write(0, 2);
        t.icrc = Icrc::Invalid {
            found: 1,
            computed: 2,
        };
        t.write(2, 1);
        t.icrc = Icrc::Valid;
        t.write(2, 1).ack(2);
        t.end()
    };
    assert_eq!(find(&o, &W_01).unwrap().frames(), [3]);
}

#[test]
fn marks_without_notifications_and_the_reverse() {
    let mut t = Talk::at(1);
    t.ecn = Ecn::Ce;
    t.write(0, 4);
    t.ecn = Ecn::Ect0;
    t.ack(3);
    let o = t.end();
    assert_eq!(find(&o, &CC_01).unwrap().count, 4);

    let mut t = Talk::at(1);
    t.write(0, 4).ack(3).cnp();
    let o = t.end();
    let f = find(&o, &CC_01).unwrap();
    assert!(
        f.inconclusive.is_none() && f.cause.contains("1 CNP"),
        "{}",
        f.cause
    );

    let mut t = Talk::at(0);
    t.ecn = Ecn::Ce;
    t.write(0, 4);
    let o = t.end();
    assert!(find(&o, &CC_14).is_some());
}

#[test]
fn spacing_of_notifications() {
    let mut t = Talk::at(1);
    t.ecn = Ecn::Ce;
    t.write(0, 4).ack(3);
    for i in 0..10 {
        t.wait(49_000 + i).cnp();
    }
    let o = t.end();
    let f = find(&o, &CC_02).unwrap();
    assert!(
        f.cause.contains("50.0 us apart for a queue pair"),
        "{}",
        f.cause
    );
}

#[test]
fn repeated_loss_reordering_and_gaps() {
    let mut t = Talk::at(0);
    t.write(0, 4).nak(1);
    for _ in 0..2 {
        for i in 1..4 {
            t.part(0, 4, i);
        }
        t.nak(1);
    }
    for i in 1..4 {
        t.part(0, 4, i);
    }
    t.ack(3);
    let o = t.end();
    assert!(find(&o, &RC_38).unwrap().cause.contains("3 times in a row"));

    let mut t = Talk::at(1);
    t.write(0, 2)
        .ack(1)
        .part(2, 4, 0)
        .part(2, 4, 2)
        .part(2, 4, 1)
        .part(2, 4, 3)
        .ack(5);
    let o = t.end();
    assert!(find(&o, &RC_13).is_some());

    let mut t = Talk::at(1);
    for (i, opcode) in [(0, 0x26), (2, 0x28)] {
        t.send(0, opcode, i, MTU, |_| ());
    }
    t.context.dropped.insert(0, 7);
    let o = t.end();
    let f = find(&o, &UC_01).unwrap();
    assert!(f.inconclusive.as_deref().unwrap().contains("lost 7 frames"));
}
