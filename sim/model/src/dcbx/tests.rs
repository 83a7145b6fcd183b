use super::*;
use proptest::prelude::*;

fn end(mac: u8, willing: bool, enabled: u8) -> Advertised {
    Advertised {
        mac: Mac([2, 0, 0, 0, 0, mac]),
        pfc: Some(qaz::Pfc {
            willing,
            mbc: false,
            capability: 8,
            enabled,
        }),
        ..Advertised::default()
    }
}

fn cee_end(mac: u8, willing: bool, enabled: u8) -> Advertised {
    let feature = cee::Feature {
        enabled: true,
        willing,
        ..cee::Feature::default()
    };
    Advertised {
        mac: Mac([2, 0, 0, 0, 0, mac]),
        cee: Some(cee::Repr {
            pfc: Some(cee::Pfc {
                feature,
                enabled,
                tcs: 8,
            }),
            ..cee::Repr::default()
        }),
        ..Advertised::default()
    }
}

#[test]
fn pfc_follows_the_end_that_is_not_willing() {
    for make in [end, cee_end] {
        for (willing, expected) in [
            ([false, true], 0x08),
            ([true, false], 0x30),
            // The lower address wins.
            ([true, true], 0x08),
        ] {
            let (a, b) = (make(1, willing[0], 0x08), make(2, willing[1], 0x30));
            assert_eq!(negotiate(&a, Some(&b)).pfc, Some(expected));
            assert_eq!(negotiate(&b, Some(&a)).pfc, Some(expected));
        }
    }
}

#[test]
fn nobody_willing_is_a_conflict() {
    let (a, b) = (end(1, false, 0x08), end(2, false, 0x10));
    let outcome = negotiate(&a, Some(&b));
    assert_eq!(outcome.pfc, Some(0x08));
    assert!(outcome.conflict);
    assert_eq!(
        outcome.notes,
        ["PFC on priorities 3 here and 4 at the peer, and nobody is willing"]
    );
    // CEE turns the feature off.
    let outcome = negotiate(&cee_end(1, false, 8), Some(&cee_end(2, false, 16)));
    assert_eq!((outcome.pfc, outcome.conflict), (Some(0), true));
    let same = negotiate(&end(1, false, 8), Some(&end(2, false, 8)));
    assert!(!same.conflict && same.notes.is_empty());
}

#[test]
fn ets_follows_a_recommendation_only() {
    let tables = |share| qaz::Ets {
        bandwidth: [share, 100 - share, 0, 0, 0, 0, 0, 0],
        tsa: [2, 2, 0, 0, 0, 0, 0, 0],
        ..qaz::Ets::default()
    };
    let app = qaz::App {
        priority: 3,
        selector: 3,
        protocol: 4791,
    };
    let mut host = Advertised {
        ets: Some(qaz::Ets {
            willing: true,
            max_tcs: 4,
            ..tables(10)
        }),
        ..Advertised::default()
    };
    let mut switch = Advertised {
        ets: Some(tables(20)),
        ets_recommended: Some(tables(50)),
        apps: vec![app],
        ..Advertised::default()
    };
    let outcome = negotiate(&host, Some(&switch));
    let ets = outcome.ets.unwrap();
    assert_eq!((ets.bandwidth[0], ets.max_tcs), (50, 4));
    assert_eq!(outcome.apps, [app]);
    assert_eq!(
        negotiate(&switch, Some(&host)).ets.unwrap().bandwidth[0],
        20
    );
    switch.ets_recommended = None;
    let outcome = negotiate(&host, Some(&switch));
    assert_eq!(outcome.ets.unwrap().bandwidth[0], 10);
    assert_eq!(
        outcome.notes,
        ["willing in ETS, but the peer recommends nothing"]
    );
    host.ets = Some(tables(10));
    switch.ets_recommended = Some(tables(50));
    let outcome = negotiate(&host, Some(&switch));
    assert_eq!(outcome.ets.unwrap().bandwidth[0], 10);
    assert!(outcome.apps.is_empty());
}

#[test]
fn the_dialect_is_one_that_both_speak() {
    use Dialect::*;
    let outcomes = [
        (Both, Both, Ieee),
        (Both, Cee, Cee),
        (Cee, Both, Cee),
        (Ieee, Both, Ieee),
        (Ieee, Cee, None),
        (None, Both, None),
    ];
    for (a, b, common) in outcomes {
        assert_eq!((a.common(b), b.common(a)), (common, common), "{a} {b}");
    }
    let outcome = negotiate(&end(1, true, 8), Some(&cee_end(2, false, 16)));
    assert!(outcome.conflict);
    assert_eq!(outcome.pfc, Some(8));
    let both = Advertised {
        cee: cee_end(1, true, 4).cee,
        ..end(1, true, 8)
    };
    let outcome = negotiate(&both, Some(&cee_end(2, false, 16)));
    assert_eq!((outcome.dialect, outcome.pfc), (Cee, Some(16)));
    assert_eq!(negotiate(&both, Option::None).pfc, Some(8));
    let outcome = negotiate_among(&both, &[&end(2, false, 1), &end(3, false, 2)]);
    assert_eq!((outcome.pfc, outcome.conflict), (Some(8), true));
}

#[test]
fn cee_features_need_both_ends_and_one_version() {
    let (a, mut b) = (cee_end(1, true, 8), cee_end(2, false, 16));
    let feature = |b: &mut Advertised, set: fn(&mut cee::Feature)| {
        let pfc = b.cee.as_mut().unwrap().pfc.as_mut().unwrap();
        pfc.feature = cee::Feature {
            enabled: true,
            ..cee::Feature::default()
        };
        set(&mut pfc.feature);
    };
    feature(&mut b, |f| f.error = true);
    let outcome = negotiate(&a, Some(&b));
    assert_eq!(outcome.pfc, Some(0));
    assert_eq!(
        outcome.notes,
        ["PFC: the error bit is set, the feature is off"]
    );
    feature(&mut b, |f| f.enabled = false);
    let outcome = negotiate(&a, Some(&b));
    assert_eq!(outcome.notes, ["PFC: not enabled at both ends, hence off"]);
    feature(&mut b, |f| f.oper_version = 1);
    let outcome = negotiate(&a, Some(&b));
    assert_eq!(outcome.pfc, Some(16));
    assert_eq!(
        outcome.notes,
        ["PFC: an end does not work at version 0, the best that both have"]
    );
}

#[test]
fn a_neighbour_is_forgotten_after_its_ttl() {
    let mut n = Neighbour::default();
    assert!(n.expired(0));
    assert_eq!(n.heard(1_000_000_000, 2), Heard::New);
    assert!(!n.expired(3_000_000_000) && n.expired(3_000_000_001));
    assert_eq!(n.heard(3_000_000_000, 2), Heard::Refreshed);
    assert_eq!(n.heard(5_000_000_009, 2), Heard::Late { by_ns: 9 });
    assert_eq!(n.heard(5_000_000_010, 0), Heard::Shutdown);
    assert!(n.expired(5_000_000_010));
    assert_eq!(n.heard(u64::MAX, u16::MAX), Heard::New);
    assert!(!n.expired(u64::MAX));
}

proptest! {
    #[test]
    fn both_ends_agree_on_pfc_if_one_is_willing(
        macs in (any::<u8>(), any::<u8>()), willing: [bool; 2], vectors: [u8; 2], old: bool,
    ) {
        prop_assume!(macs.0 != macs.1);
        let make = if old { cee_end } else { end };
        let a = make(macs.0, willing[0], vectors[0]);
        let b = make(macs.1, willing[1], vectors[1]);
        let (here, there) = (negotiate(&a, Some(&b)), negotiate(&b, Some(&a)));
        prop_assert_eq!(here.conflict, there.conflict);
        prop_assert_eq!(here.dialect, there.dialect);
        let agree = willing[0] || willing[1] || vectors[0] == vectors[1];
        prop_assert_eq!(here.conflict, !agree);
        if agree {
            prop_assert_eq!(here.pfc, there.pfc);
            prop_assert!(vectors.contains(&here.pfc.unwrap()));
        }
    }
}
