//! Pacing of CNPs by scope, on evidence that is written by hand.

use super::cnp;
use crate::Facts;
use crate::evidence::{Evidence, Frame};
use crate::expect::{self, CnpScope, Expect};
use xoff_wire::bth::{Bth, CNP_PAYLOAD, DEFAULT_PKEY, Opcode};
use xoff_wire::ip::{Ecn, Kind, Network};
use xoff_wire::{Mac, ethernet, roce};

/// A packet between 10.0.0.1 and 10.0.0.2 at microsecond `at`.
fn packet(at: u64, from: u8, opcode: Opcode, qp: u32, ecn: Ecn) -> roce::Repr {
    let to = 3 - from;
    let mac = |host| Mac([2, 0, 0, 0, 0, host]);
    roce::Repr {
        ethernet: ethernet::Repr {
            dst: mac(to),
            src: mac(from),
            ..ethernet::Repr::default()
        },
        network: Network {
            kind: Kind::whole_v4(at as u16),
            src: [10, 0, 0, from].into(),
            dst: [10, 0, 0, to].into(),
            dscp: 26,
            ecn,
            ttl: 64,
            protocol: 0,
            payload_len: 0,
        },
        sport: Some(50_000),
        bth: Bth {
            opcode,
            becn: opcode.is_cnp(),
            pkey: DEFAULT_PKEY,
            dest_qp: qp,
            psn: at as u32,
            ..Bth::default()
        },
        extensions: Default::default(),
        payload_len: CNP_PAYLOAD as u32,
        spoil_icrc: false,
    }
}

/// Marked data to 10.0.0.2, which sends CNPs: the microseconds of each, and their queue pairs.
fn evidence(marks: &[(u64, u32)], cnps: &[(u64, u32)]) -> Evidence {
    let data = |&(at, qp)| (at, false, packet(at, 1, Opcode::RC_SEND_ONLY, qp, Ecn::Ce));
    let cnp = |&(at, qp)| (at, true, packet(at, 2, Opcode::CNP, qp, Ecn::NotEct));
    let mut all: Vec<_> = marks.iter().map(data).chain(cnps.iter().map(cnp)).collect();
    all.sort_by_key(|(at, out, _)| (*at, *out));
    let frame = |(at, out, repr): (u64, bool, roce::Repr)| {
        let mut bytes = Vec::new();
        repr.emit(&mut bytes, |_| {});
        Frame {
            at_ns: at * 1000,
            host: 1,
            out,
            bytes,
            ..Frame::default()
        }
    };
    Evidence {
        frames: all.into_iter().map(frame).collect(),
        ..Evidence::default()
    }
}

fn expect(cnp_scope: CnpScope) -> Expect {
    Expect {
        cnp_scope,
        cnp_interval_ns: Some(50_000),
        ..expect::GENERIC
    }
}

#[test]
fn spacing_holds_within_its_scope() {
    // Two queue pairs of one sender, 10 us apart; the first again after 50 us.
    let seen = evidence(&[], &[(0, 7), (10, 8), (50, 7)]);
    let faults = |scope| {
        let facts = Facts::new(&seen).expecting(expect(scope));
        cnp::spacing(&facts).faults.len()
    };
    assert_eq!(faults(CnpScope::Qp), 0);
    assert_eq!(faults(CnpScope::Address), 2);
    assert_eq!(faults(CnpScope::Port), 2);
}

#[test]
fn one_cnp_is_due_per_interval() {
    let marks = [(0, 7), (10, 7), (49, 7), (55, 7), (120, 7)];
    let faults = |cnps: &[(u64, u32)]| {
        let seen = evidence(&marks, cnps);
        let facts = Facts::new(&seen).expecting(expect(CnpScope::Address));
        cnp::count(&facts).faults.len()
    };
    assert_eq!(faults(&[(0, 7), (55, 7), (120, 7)]), 0);
    assert_eq!(faults(&[(0, 7), (55, 7)]), 1);
    assert_eq!(faults(&[(0, 7), (10, 7), (55, 7), (120, 7)]), 1);
}

#[test]
fn cnps_want_marks_and_marks_want_cnps() {
    let verdict = |marks: &[(u64, u32)], cnps: &[(u64, u32)]| {
        let seen = evidence(marks, cnps);
        let facts = Facts::new(&seen).expecting(expect(CnpScope::Qp));
        let judged = cnp::for_marks(&facts);
        (judged.stimuli, judged.faults.len())
    };
    assert_eq!(verdict(&[(5, 7)], &[(6, 7)]), (1, 0));
    assert_eq!(verdict(&[(5, 7)], &[]), (1, 1));
    assert_eq!(verdict(&[], &[(6, 7)]), (1, 1));
    assert_eq!(verdict(&[(5, 7)], &[(4, 7), (6, 7)]), (2, 1));
    assert_eq!(verdict(&[], &[]), (0, 0));
}
