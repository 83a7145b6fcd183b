use crate::describe::describe;
use crate::device::{Device, PfcMode, Scheduler, Trust, WredAction};
use crate::language::Dialect;
use crate::remark::RemarkKind;
use crate::repair::{Wish, apply};
use crate::source::Source;
use crate::testing::{read, recognises_only, sample, survives_mutations};

const OS10: Dialect = Dialect::Os10;

/// The pattern of the cases: dot1p 3 lossless, one port.
const GOOD: &str = "hostname TOR1\ndcbx enable\nwred ecn\n random-detect color green minimum-threshold 150 \
maximum-threshold 1500 drop-probability 100\n random-detect ecn\nclass-map type queuing CQ0\n match queue 0\nclass-map \
type queuing CQ3\n match queue 3\nclass-map type network-qos CN3\n match qos-group 3\ntrust dot1p-map TM\n qos-group 0 \
dot1p 0-2,4-7\n qos-group 3 dot1p 3\nqos-map traffic-class QM\n queue 0 qos-group 0-2,4-7\n queue 3 qos-group 3\n\
policy-map type queuing PQ\n class CQ0\n  bandwidth percent 50\n class CQ3\n  bandwidth percent 50\n  random-detect \
ecn\npolicy-map type network-qos PN\n class CN3\n  pause\n  pfc-cos 3\nsystem qos\n trust-map dot1p TM\n ets mode \
on\ninterface ethernet1/1/1\n description hostA\n switchport mode trunk\n switchport trunk allowed vlan 711\n mtu 9216\n \
flowcontrol receive off\n flowcontrol transmit off\n priority-flow-control mode on\n service-policy input type \
network-qos PN\n service-policy output type queuing PQ\n ets mode on\n qos-map traffic-class QM\n";

/// Kind, line and priorities of each remark.
fn kinds(text: &str) -> Vec<(RemarkKind, String, u8)> {
    let device = read(OS10, text);
    let line = |r: &crate::remark::Remark| {
        text.lines()
            .nth(r.at.line as usize - 1)
            .unwrap()
            .trim()
            .to_owned()
    };
    device
        .remarks
        .iter()
        .map(|r| (r.kind, line(r), r.priorities))
        .collect()
}

fn told(kind: RemarkKind, line: &str, priorities: u8) -> Vec<(RemarkKind, String, u8)> {
    vec![(kind, line.to_owned(), priorities)]
}

#[test]
fn samples_are_read() {
    for name in ["azs_dell_expected_full_config", "S5212F-ON-TOR1-Advanced"] {
        let device = read(OS10, &sample(&format!("dell-os10/{name}.cfg")));
        assert!(device.lines.understood_count() * 100 >= device.lines.qos() * 95);
        insta::assert_snapshot!(name, describe(&device));
    }
}

#[test]
fn the_good_one_is_read_whole() {
    let device = read(OS10, GOOD);
    assert_eq!(device.lines.qos(), device.lines.understood_count());
    assert_eq!(device.remarks, []);
    insta::assert_snapshot!("good", describe(&device));
    assert_eq!(
        describe(&read(OS10, &GOOD.replace('\n', "\r\n"))),
        describe(&device)
    );
    let flat: String = GOOD.lines().map(|l| format!("{}\n", l.trim())).collect();
    assert_eq!(describe(&read(OS10, &flat)), describe(&device));
    let typed: String = GOOD
        .lines()
        .map(|l| format!("TOR1(config)# {}\n", l.trim()))
        .collect();
    assert_eq!(describe(&read(OS10, &typed)), describe(&device));
}

#[test]
fn nothing_is_trusted_without_a_map() {
    let device = read(OS10, &GOOD.replace(" trust-map dot1p TM\n", ""));
    assert!(device.ports[0].qos.trust.is(&Trust::Nothing));
    assert_eq!(device.remarks[0].kind, RemarkKind::NotBound);
    let device = read(
        OS10,
        &GOOD.replace("trust-map dot1p TM", "trust-map dscp default"),
    );
    let qos = &device.ports[0].qos;
    assert!(qos.trust.is(&Trust::Dscp) && qos.dscp[26].is(&3));
}

#[test]
fn maps_of_dscps_are_read() {
    let map = "trust dscp-map D\n qos-group 3 dscp 24-26,af32\n qos-group 6 dscp cs6\nsystem qos\n trust-map dscp D\n";
    let device = read(
        OS10,
        &GOOD.replace("system qos\n trust-map dot1p TM\n", map),
    );
    let qos = &device.ports[0].qos;
    let classes = [24, 26, 28, 48, 46].map(|n: usize| qos.dscp[n].value());
    assert_eq!(classes, [Some(3), Some(3), Some(3), Some(6), Some(0)]);
}

#[test]
fn a_policy_of_type_qos_classifies() {
    let text = "class-map type qos R\n match ip dscp 26\npolicy-map type qos IN\n class R\n  set qos-group 3\ninterface \
                ethernet1/1/1\n service-policy input type qos IN\n";
    let device = read(
        OS10,
        &GOOD
            .replace(" trust-map dot1p TM\n", "")
            .replace("interface ethernet1/1/1\n", text),
    );
    let qos = &device.ports[0].qos;
    assert!(qos.trust.is(&Trust::Dscp) && qos.dscp[26].is(&3) && qos.dscp[0].is(&0));
}

#[test]
fn both_halves_of_pfc_are_needed() {
    use RemarkKind::Prerequisite;
    let bind = "service-policy input type network-qos PN";
    let text = GOOD.replace(" priority-flow-control mode on\n", "");
    assert!(read(OS10, &text).ports[0].qos.pfc.mode.is(&PfcMode::Off));
    assert_eq!(kinds(&text), told(Prerequisite, bind, 8));
    let found = kinds(&GOOD.replace(&format!(" {bind}\n"), ""));
    let not_bound = told(RemarkKind::NotBound, "policy-map type network-qos PN", 8);
    let missing = told(Prerequisite, "priority-flow-control mode on", 8);
    assert_eq!(found, [not_bound, missing].concat());
    assert_eq!(
        kinds(&GOOD.replace("  pfc-cos 3\n", "")),
        told(Prerequisite, "pause", 8)
    );
    assert_eq!(
        kinds(&GOOD.replace("  pause\n", "")),
        told(Prerequisite, "pfc-cos 3", 8)
    );
}

#[test]
fn what_is_refused_is_told() {
    use RemarkKind::*;
    let one = |from: &str, to: &str, kind, line: &str, mask| {
        assert_eq!(
            kinds(&GOOD.replace(from, to)),
            told(kind, line, mask),
            "{to}"
        );
    };
    let bind = "service-policy input type network-qos";
    one(
        &format!("{bind} PN"),
        &format!("{bind} PM"),
        UnknownName,
        &format!("{bind} PM"),
        0xff,
    );
    one("class CN3", "class CN4", UnknownName, "class CN4", 0xff);
    one(
        "trust-map dot1p TM",
        "trust-map dot1p TN",
        UnknownName,
        "trust-map dot1p TN",
        0xff,
    );
    one(
        " qos-map traffic-class QM",
        " qos-map traffic-class QN",
        UnknownName,
        "qos-map traffic-class QN",
        0xff,
    );
    one(
        "percent 50\n class",
        "percent 60\n class",
        Sum,
        "policy-map type queuing PQ",
        0,
    );
    one("mtu 9216", "mtu 99999", BadValue, "mtu 99999", 0);
    one(
        "receive off",
        "receive on",
        TwoKindsOfPause,
        "flowcontrol receive on",
        0,
    );
    one(
        "ets mode on\n qos",
        "ets mode on\n ets mode off\n qos",
        Contradiction,
        "ets mode off",
        0,
    );
    one(
        "  random-detect ecn\npolicy",
        "  random-detect W\npolicy",
        UnknownName,
        "random-detect W",
        0,
    );
    let found = kinds(&GOOD.replace("pfc-cos 3", "pfc-cos 9"));
    assert_eq!(found[..1], told(BadValue, "pfc-cos 9", 0xff));
}

#[test]
fn statements_of_recipes_are_no_statements() {
    let lines = [
        ("trust dscp", 0xff),
        ("priority-flow-control priority 3 no-drop", 8),
        ("dcbx pfc-willing", 0xff),
        ("wred-profile W queue 3", 0),
        ("qos-map dscp-tc M", 0xff),
        ("wred ecn-profile W", 0),
    ];
    let text: String = lines.iter().map(|(line, _)| format!(" {line}\n")).collect();
    let expected = lines.map(|(line, mask)| (RemarkKind::NoSuchStatement, line.to_owned(), mask));
    assert_eq!(kinds(&format!("{GOOD}{text}")), expected);
}

#[test]
fn buffers_and_early_drops_are_read() {
    let device = read(
        OS10,
        &GOOD.replace(
            "pause\n",
            "pause buffer-size 120 pause-threshold 60 resume-threshold 40\n",
        ),
    );
    let group = &device.ports[0].qos.groups[3];
    assert!(group.headroom.is(&(60 * 1024)) && group.xon_offset.is(&(20 * 1024)));
    let device = read(OS10, &GOOD.replace(" random-detect ecn\nclass", "class"));
    let wred = &device.ports[0].qos.queues[3].wred;
    assert!(wred.action.is(&crate::device::WredAction::Drop) && wred.min.is(&(150 * 1024)));
}

#[test]
fn links_between_vlt_peers_are_known() {
    let text = format!(
        "{GOOD}vlt-domain 1\n discovery-interface ethernet1/1/29-1/1/30\ninterface range ethernet1/1/29-1/1/30\n no switchport\n"
    );
    let device = read(OS10, &text);
    assert_eq!(device.peer_link.as_ref().unwrap().0, "port-channel1000");
    let port = device.port("ethernet1/1/30").unwrap();
    assert!(port.routed.is(&false) && port.lag.as_ref().unwrap().0 == "port-channel1000");
    assert!(device.port("port-channel1000").is_some());
}

#[test]
fn members_have_what_their_lag_has() {
    let text = format!(
        "{GOOD}interface port-channel10\n switchport mode trunk\n switchport trunk allowed vlan 5\n mtu 9000\ninterface \
         ethernet1/1/2\n no switchport\n channel-group 10 mode active\n"
    );
    let device = read(OS10, &text);
    let port = device.port("ethernet1/1/2").unwrap();
    assert!(
        port.routed.is(&false) && port.mtu.is(&8968) && port.tagged_vlans.get().unwrap().has(5)
    );
}

#[test]
fn half_a_file_and_other_files_are_faults() {
    let fault = crate::testing::fault(OS10, "hostname x\nbanner motd #\nhello\n");
    assert!(fault.contains("cut short"), "{fault}");
    assert!(crate::testing::fault(OS10, "hello\nworld\n").contains("one of OS10"));
}

#[test]
fn mutations_do_no_harm() {
    survives_mutations(OS10, GOOD);
    survives_mutations(OS10, &sample("dell-os10/S5212F-ON-TOR1-Advanced.cfg"));
}

#[test]
fn only_its_own_files_are_recognised() {
    recognises_only(OS10, &[".os10.cfg"], &["/dell-os10/"]);
}

/// The device after a cure.
fn cured(text: &str, wish: Wish) -> Device {
    let device = read(OS10, text);
    let edits = (super::LANGUAGE.repair)(&device, &Source::new("device.cfg", text), &wish);
    let edits = edits.unwrap_or_else(|| panic!("{wish:?}"));
    let device = read(OS10, &apply(text, &edits));
    assert_eq!(
        device.lines.qos(),
        device.lines.understood_count(),
        "{wish:?}"
    );
    device
}

#[test]
fn cures_do_what_is_wished() {
    let text = format!(
        "{GOOD}interface range ethernet1/1/2-1/1/3\n switchport access vlan 5\n!\nend\nwrite memory\n"
    );
    let port = || "ethernet1/1/2".to_owned();
    let of = |wish: Wish| cured(&text, wish).port("ethernet1/1/2").unwrap().clone();
    assert!(
        of(Wish::Trust {
            port: port(),
            trust: Trust::Dscp
        })
        .qos
        .trust
        .is(&Trust::Dscp)
    );
    let like = of(Wish::Like {
        port: port(),
        other: "ethernet1/1/1".to_owned(),
    });
    assert!(
        like.qos.classes[3].no_drop.is(&true)
            && like.qos.pfc.mode.is(&PfcMode::On)
            && like.mtu.is(&9184)
    );
    let pfc = of(Wish::Pfc {
        port: port(),
        priority: 3,
    });
    assert!(pfc.qos.pfc.mode.is(&PfcMode::On) && pfc.qos.pfc.send[3].is(&true));
    assert!(
        of(Wish::Mtu {
            port: port(),
            bytes: 9000
        })
        .mtu
        .is(&9184)
    );
    let vlans = of(Wish::Tag {
        port: port(),
        vlan: 5,
    });
    assert!(vlans.tagged_vlans.get().unwrap().has(5) && vlans.native_vlan.is(&Some(1)));

    let first = || "ethernet1/1/1".to_owned();
    let of = |text: &str, wish: Wish| cured(text, wish).ports[0].clone();
    let classify = Wish::Classify {
        port: first(),
        dscp: None,
        pcp: Some(4),
        class: 3,
    };
    assert!(of(GOOD, classify).qos.pcp[4].is(&3));
    let share = of(
        GOOD,
        Wish::Share {
            port: first(),
            queue: 3,
            percent: 70,
        },
    );
    assert!(share.qos.queues[3].scheduler.is(&Scheduler::Percent(70)));
    assert!(share.qos.queues[0].scheduler.is(&Scheduler::Percent(30)));
    let without = GOOD.replace(" random-detect ecn\nclass", "class");
    let none = GOOD.replace("  random-detect ecn\n", "");
    for text in [GOOD, &without, &none] {
        let wish = Wish::Mark {
            port: first(),
            queue: 3,
            min: 102_400,
            max: 204_800,
        };
        let wred = of(text, wish).qos.queues[3].wred.clone();
        assert!(
            wred.action.is(&WredAction::Mark) && wred.min.is(&102_400) && wred.max.is(&204_800)
        );
    }
    let both = GOOD.replace("receive off", "receive on");
    assert!(
        of(&both, Wish::NoLinkPause { port: first() })
            .qos
            .pause_rx
            .is(&false)
    );
    let small = GOOD.replace(
        "pause\n",
        "pause buffer-size 70 pause-threshold 60 resume-threshold 40\n",
    );
    let headroom = of(
        &small,
        Wish::Headroom {
            port: first(),
            group: 3,
            bytes: 90_000,
        },
    );
    assert!(headroom.qos.groups[3].headroom.is(&(88 * 1024)));
    let no_drop = of(
        GOOD,
        Wish::NoDrop {
            class: 4,
            priority: 4,
        },
    );
    assert!(no_drop.qos.classes[4].no_drop.is(&true) && no_drop.qos.classes[3].no_drop.is(&true));
    let bare = "dcbx enable\ninterface ethernet1/1/1\n priority-flow-control mode on\n";
    assert!(
        of(
            bare,
            Wish::Pfc {
                port: first(),
                priority: 3
            }
        )
        .qos
        .pfc
        .send[3]
            .is(&true)
    );
}
