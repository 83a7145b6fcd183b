use super::*;
use crate::capture::Direction;
use xoff_checks::catalogue::Check;
use xoff_checks::dcbx::{X_02, X_04, X_05, X_06, X_07, X_08, X_09, X_10};
use xoff_checks::finding::Severity;
use xoff_wire::cee;
use xoff_wire::lldp::{Id, Organizational};
use xoff_wire::qaz::{App, Pfc};

const S: u64 = 1_000_000_000;

fn mac(n: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, n])
}

fn pfc(willing: bool, enabled: u8) -> Organizational {
    Organizational::Pfc(Pfc {
        willing,
        mbc: false,
        capability: 8,
        enabled,
    })
}

fn roce(priority: u8) -> Organizational {
    Organizational::App(vec![App {
        priority,
        selector: 3,
        protocol: 4791,
    }])
}

fn unit(ttl: u16, organizational: Vec<Organizational>) -> Repr {
    Repr {
        port: Id::interface("p1"),
        ttl,
        organizational,
        ..Repr::default()
    }
}

fn cee_unit(seq: u32, ack: u32, error: bool) -> Repr {
    let feature = cee::Feature {
        enabled: true,
        error,
        ..cee::Feature::default()
    };
    let repr = cee::Repr {
        control: cee::Control {
            seq,
            ack,
            ..cee::Control::default()
        },
        pfc: Some(cee::Pfc {
            feature,
            enabled: 8,
            tcs: 8,
        }),
        ..cee::Repr::default()
    };
    unit(120, vec![Organizational::Cee(repr)])
}

fn run(units: &[(u64, u8, Repr)], last_ns: u64) -> Outcome {
    let mut follower = Follower::new();
    for (i, (at_ns, from, unit)) in units.iter().enumerate() {
        let data = unit.frame(mac(*from));
        let (eth, len) = ethernet::Repr::parse(&data).unwrap();
        let f = Frame {
            number: i as u64 + 1,
            at_ns: *at_ns,
            timed: true,
            interface: 0,
            direction: Direction::Unknown,
            original_len: data.len() as u32,
            data: &data,
        };
        follower.frame(&f, &eth, &data[len..]);
    }
    follower.finish(&CaptureSummary {
        last_ns: Some(last_ns),
        ..CaptureSummary::default()
    })
}

/// IDs, without the notes on TLVs that Windows wants.
fn ids(outcome: &Outcome) -> Vec<(&'static Check, Severity, bool)> {
    outcome
        .findings
        .iter()
        .filter(|f| f.check != &X_09)
        .map(|f| (f.check, f.severity, f.inconclusive.is_some()))
        .collect()
}

#[test]
fn two_ends_that_agree_need_no_words() {
    let outcome = run(
        &[
            (0, 1, unit(120, vec![pfc(true, 0), roce(3)])),
            (S, 2, unit(120, vec![pfc(false, 8), roce(3)])),
        ],
        2 * S,
    );
    let [link] = outcome.links.as_slice() else {
        panic!("one link");
    };
    let both = link.negotiated.as_ref().unwrap();
    assert_eq!((both[0].pfc, both[1].pfc), (Some(8), Some(8)));
    assert_eq!(link.ends[1].port, "p1");
    // The willing end has not turned its own on yet.
    assert_eq!(ids(&outcome), [(&X_08, Severity::Warning, false)]);
}

#[test]
fn a_mismatch_is_an_error() {
    let outcome = run(
        &[
            (0, 1, unit(120, vec![pfc(false, 8), roce(3)])),
            (S, 2, unit(120, vec![pfc(false, 16), roce(4)])),
        ],
        2 * S,
    );
    assert_eq!(ids(&outcome), [(&X_10, Severity::Error, false)]);
    let finding = outcome.findings.last().unwrap();
    assert_eq!(finding.frames(), [1, 2]);
    assert!(finding.cause.contains("PFC on priorities 3 here and 4"));
    let mixed = run(
        &[
            (0, 1, unit(120, vec![pfc(false, 8), roce(3)])),
            (S, 2, cee_unit(1, 0, false)),
        ],
        2 * S,
    );
    assert_eq!(ids(&mixed)[0], (&X_06, Severity::Error, false));
}

#[test]
fn one_direction_decides_nothing() {
    let outcome = run(&[(0, 1, unit(120, vec![pfc(false, 8), roce(3)]))], S);
    assert!(outcome.links[0].negotiated.is_none());
    assert_eq!(ids(&outcome), [(&X_04, Severity::Note, true)]);
    let three: Vec<_> = (1..4)
        .map(|n| (0, n, unit(120, vec![pfc(false, 8), roce(3)])))
        .collect();
    let outcome = run(&three, S);
    assert_eq!(outcome.links[0].ends.len(), 3);
    assert_eq!(
        ids(&outcome),
        [
            (&X_04, Severity::Note, true),
            (&X_06, Severity::Warning, false)
        ]
    );
}

#[test]
fn silence_and_shutdown_end_the_agreement() {
    let plain = || unit(2, vec![]);
    let warning = (&X_05, Severity::Warning, false);
    let late = run(&[(0, 1, plain()), (3 * S, 1, plain())], 4 * S);
    assert_eq!(ids(&late), [warning]);
    assert!(late.findings[0].cause.contains("by up to 1000 ms"));
    let shut = run(&[(0, 1, plain()), (S, 1, unit(0, vec![]))], 4 * S);
    assert_eq!(ids(&shut), [warning]);
    assert_eq!(shut.links[0].ends[0].port, "p1");
    let gone = run(&[(0, 1, plain())], 3 * S);
    assert_eq!(ids(&gone), [warning]);
}

#[test]
fn cee_peers_acknowledge_each_other() {
    let mut units = vec![(0, 1, cee_unit(5, 0, false)), (1, 2, cee_unit(1, 5, false))];
    units.push((2, 1, cee_unit(5, 1, false)));
    assert_eq!(ids(&run(&units, 3)), []);
    for at in 3..6 {
        units.push((at, 1, cee_unit(5, 0, false)));
    }
    let outcome = run(&units, 6);
    assert_eq!(ids(&outcome), [(&X_07, Severity::Warning, false)]);
    assert_eq!(outcome.findings[0].frames(), [6]);
    units.push((7, 2, cee_unit(1, 5, true)));
    let words = ids(&run(&units, 7));
    assert!(words.contains(&(&X_07, Severity::Error, false)));
}

#[test]
fn malformed_units_are_found_and_survived() {
    let mut follower = Follower::new();
    let f = |data: &'static [u8], original_len| Frame {
        number: 9,
        at_ns: 0,
        timed: true,
        interface: 0,
        direction: Direction::Unknown,
        original_len,
        data,
    };
    let eth = ethernet::Repr::default();
    follower.frame(&f(&[0; 20], 20), &eth, &[2, 1, 4]);
    follower.frame(&f(&[0; 20], 90), &eth, &[]);
    let twice = unit(9, vec![pfc(false, 8), roce(3), pfc(false, 8)]).to_bytes();
    follower.frame(&f(&[0; 60], 60), &eth, &twice);
    let outcome = follower.finish(&CaptureSummary::default());
    assert_eq!(
        ids(&outcome),
        [
            (&X_02, Severity::Error, false),
            (&X_02, Severity::Note, true),
            (&X_02, Severity::Warning, false),
            (&X_04, Severity::Note, true),
        ]
    );
}
