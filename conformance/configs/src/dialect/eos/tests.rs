use crate::describe::describe;
use crate::device::*;
use crate::language::Dialect;
use crate::remark::RemarkKind;
use crate::repair::{Wish, apply};
use crate::source::Source;
use crate::testing::{fault, read, recognises_only, sample, survives_mutations};
use xoff_model::time::SimDuration;

const EOS: Dialect = Dialect::Eos;

/// The pattern of the cases: a routed port with a profile.
const GOOD: &str = "hostname leaf1
qos profile ROCE
   priority-flow-control on
   priority-flow-control priority 3 no-drop
   priority-flow-control pause watchdog
   tx-queue 0
      no priority
      bandwidth percent 40
   tx-queue 3
      no priority
      bandwidth percent 60
      bandwidth guaranteed percent 5
      random-detect ecn minimum-threshold 256 kbytes maximum-threshold 512 kbytes max-mark-probability 100 weight 0
   tx-queue 6
      priority strict
!
interface Ethernet1/1
   description hostA
   mtu 9214
   no switchport
   service-profile ROCE
!
interface Ethernet2/1
   switchport mode trunk
   switchport trunk allowed vlan 10,20-29
!
priority-flow-control pause watchdog default timeout 0.2
priority-flow-control pause watchdog default recovery-time 0.2
priority-flow-control pause watchdog default polling-interval 0.1
";

fn kinds(text: &str) -> Vec<(RemarkKind, String, u8)> {
    let device = read(EOS, text);
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
    for name in ["qos.cfg", "avd_qos.yml"] {
        let device = read(EOS, &sample(&format!("arista-eos/{name}")));
        assert!(device.lines.understood_count() * 100 >= device.lines.qos() * 95);
        insta::assert_snapshot!(name.replace('.', "_"), describe(&device));
    }
}

#[test]
fn only_its_own_files_are_recognised() {
    recognises_only(EOS, &[".eos.cfg"], &["/arista-eos/"]);
}

#[test]
fn the_good_one_is_read_whole() {
    let device = read(EOS, GOOD);
    assert_eq!(device.lines.qos(), device.lines.understood_count());
    assert_eq!(device.remarks, []);
    insta::assert_snapshot!("good", describe(&device));
    assert_eq!(
        describe(&read(EOS, &GOOD.replace('\n', "\r\n"))),
        describe(&device)
    );
    let flat: String = GOOD.lines().map(|l| format!("{}\n", l.trim())).collect();
    assert_eq!(describe(&read(EOS, &flat)), describe(&device));
    let typed: String = GOOD
        .lines()
        .map(|l| format!("leaf1(config)#{}\n", l.trim()))
        .collect();
    assert_eq!(describe(&read(EOS, &typed)), describe(&device));
}

#[test]
fn what_ports_trust_depends_on_routing() {
    let device = read(EOS, GOOD);
    let (routed, switched) = (&device.ports[0], &device.ports[1]);
    assert!(routed.qos.trust.is(&Trust::Dscp) && switched.qos.trust.is(&Trust::Pcp));
    let classes = [0, 7, 8, 15, 26, 48].map(|n: usize| routed.qos.dscp[n].value());
    assert_eq!(
        classes,
        [Some(1), Some(1), Some(0), Some(0), Some(3), Some(6)]
    );
    let classes = [0, 1, 2, 7].map(|n: usize| switched.qos.pcp[n].value());
    assert_eq!(classes, [Some(1), Some(0), Some(2), Some(7)]);
    assert!(routed.qos.default_class.is(&1));
    let device = read(
        EOS,
        &GOOD.replace(
            "   service-profile ROCE\n",
            "   service-profile ROCE\n   no qos trust\n   qos cos 3\n",
        ),
    );
    assert!(
        device.ports[0].qos.trust.is(&Trust::Nothing) && device.ports[0].qos.default_class.is(&3)
    );
}

#[test]
fn the_mtu_of_a_routed_port_is_1500_and_of_a_switched_one_9214() {
    let device = read(EOS, &GOOD.replace("   mtu 9214\n", ""));
    assert!(device.ports[0].mtu.is(&1500) && !device.ports[0].mtu.is_stated());
    assert!(device.ports[1].mtu.is(&9214));
    let text = GOOD
        .replace("   mtu 9214\n", "")
        .replace("hostname leaf1\n", "interface defaults\n   mtu 9000\n!\n");
    assert!(read(EOS, &text).ports[0].mtu.is(&9000));
}

#[test]
fn both_halves_of_pfc_are_needed() {
    use RemarkKind::Prerequisite;
    let on = "priority-flow-control on";
    let found = kinds(&GOOD.replace("   priority-flow-control priority 3 no-drop\n", ""));
    assert_eq!(found, told(Prerequisite, on, 0xff));
    let found = kinds(&GOOD.replace("   priority-flow-control on\n", ""));
    assert_eq!(
        found,
        told(Prerequisite, "priority-flow-control priority 3 no-drop", 8)
    );
    let old = read(EOS, &GOOD.replace(on, "priority-flow-control mode on"));
    assert!(old.ports[0].qos.pfc.mode.is(&PfcMode::On));
    let off = read(EOS, &format!("{GOOD}priority-flow-control all off\n"));
    assert!(off.ports[0].qos.pfc.mode.is(&PfcMode::Off) && off.ports[0].qos.pfc.send[3].is(&true));
}

#[test]
fn a_port_wins_over_its_profile() {
    let text = GOOD.replace(
        "   service-profile ROCE\n",
        "   service-profile ROCE\n   priority-flow-control priority 3 drop\n",
    );
    assert!(read(EOS, &text).ports[0].qos.classes[3].no_drop.is(&false));
}

#[test]
fn members_have_what_their_lag_has() {
    let text = GOOD
        .replace("interface Ethernet1/1\n", "interface Port-Channel7\n")
        .replace(
            "interface Ethernet2/1\n",
            "interface Ethernet5/1-2,7/1\n   channel-group 7 mode active\ninterface Ethernet2/1\n",
        );
    let device = read(EOS, &text);
    for name in ["Ethernet5/1", "Ethernet5/2", "Ethernet7/1"] {
        let port = device.port(name).unwrap();
        assert!(
            port.qos.classes[3].no_drop.is(&true) && port.mtu.is(&9214) && port.routed.is(&true),
            "{name}"
        );
    }
    assert_eq!(device.port("Po7").unwrap().kind, PortKind::Lag);
}

#[test]
fn the_watchdog_is_watched() {
    use RemarkKind::{WatchdogInert, WatchdogTimes};
    let found = kinds(&GOOD.replace("      bandwidth guaranteed percent 5\n", ""));
    assert_eq!(
        found,
        told(WatchdogInert, "priority-flow-control pause watchdog", 0)
    );
    let line = "priority-flow-control pause watchdog default polling-interval 0.5";
    assert_eq!(
        kinds(&GOOD.replace("interval 0.1", "interval 0.5")),
        told(WatchdogTimes, line, 0)
    );
    let watchdog = &read(EOS, GOOD).ports[0].qos.watchdog;
    assert!(watchdog.on.is(&true) && watchdog.detect.is(&SimDuration::from_ms(200)));
    assert!(watchdog.poll.is(&SimDuration::from_ms(100)));
}

#[test]
fn what_is_refused_or_missing_is_told() {
    use RemarkKind::*;
    let one = |from: &str, to: &str, kind, line: &str, mask| {
        assert_eq!(
            kinds(&GOOD.replace(from, to)),
            told(kind, line, mask),
            "{to}"
        );
    };
    one(
        "service-profile ROCE",
        "service-profile ROC",
        UnknownName,
        "service-profile ROC",
        0xff,
    );
    one(
        "   service-profile ROCE\n",
        "",
        NotBound,
        "qos profile ROCE",
        8,
    );
    one("percent 40", "percent 50", Sum, "qos profile ROCE", 0);
    one("mtu 9214", "mtu 99999", BadValue, "mtu 99999", 0);
    one(
        "   no switchport\n",
        "   no switchport\n   flowcontrol receive on\n",
        TwoKindsOfPause,
        "flowcontrol receive on",
        0,
    );
    let bad = "priority-flow-control priority 9 no-drop";
    assert_eq!(
        kinds(&GOOD.replace("priority 3 no-drop", "priority 9 no-drop"))[0],
        told(BadValue, bad, 0xff)[0]
    );
}

#[test]
fn statements_of_recipes_are_no_statements() {
    let line = "priority-flow-control watchdog action errdisable";
    let text = GOOD.replace(
        "   no switchport\n",
        &format!("   no switchport\n   {line}\n"),
    );
    assert_eq!(kinds(&text), told(RemarkKind::NoSuchStatement, line, 0));
}

#[test]
fn maps_and_policies_decide_about_classes() {
    let device = read(
        EOS,
        &format!(
            "{GOOD}qos map dscp 59 to traffic-class 5\nqos map traffic-class 5 to tx-queue 2\n"
        ),
    );
    let qos = &device.ports[0].qos;
    assert!(qos.dscp[59].is(&5) && qos.classes[5].queue.is(&2) && qos.pfc.stops[5].is(&2));
    let policy = "class-map type qos match-any R\n   match dscp 26\n!\npolicy-map type quality-of-service P\n   class R\n      \
                  set traffic-class 4\n   class class-default\n      set traffic-class 1\n";
    let text = GOOD.replace(
        "   service-profile ROCE\n",
        "   service-profile ROCE\n   service-policy type qos input P\n",
    );
    let device = read(EOS, &format!("{text}{policy}"));
    let qos = &device.ports[0].qos;
    assert!(qos.dscp[26].is(&4) && qos.dscp[48].is(&1));
}

#[test]
fn thresholds_have_units() {
    let wred = |text: &str| {
        read(
            EOS,
            &GOOD
                .replace("256 kbytes", &format!("256 {text}"))
                .replace("512 kbytes", &format!("512 {text}")),
        )
        .ports[0]
            .qos
            .queues[3]
            .wred
            .clone()
    };
    assert!(wred("kbytes").min.is(&256_000) && wred("bytes").max.is(&512));
    assert!(wred("segments").min.get().is_none() && wred("segments").action.is(&WredAction::Mark));
    let text = GOOD
        .replace(
            "   no switchport\n",
            "   no switchport\n   speed forced 100gfull\n",
        )
        .replace("256 kbytes", "256 microseconds")
        .replace("512 kbytes", "512 microseconds");
    assert!(
        read(EOS, &text).ports[0].qos.queues[3]
            .wred
            .min
            .is(&(12_500 * 256))
    );
}

#[test]
fn half_a_file_and_other_files_are_faults() {
    assert!(fault(EOS, "hostname x\nbanner login\nhello\n").contains("cut short"));
    assert!(fault(EOS, "hello\nworld\n").contains("one of EOS"));
    assert!(fault(EOS, "qos_profiles:\n  - name: \"x\n").contains("cut short"));
}

#[test]
fn mutations_do_no_harm() {
    survives_mutations(EOS, GOOD);
    survives_mutations(EOS, &sample("arista-eos/qos.cfg"));
    survives_mutations(EOS, &sample("arista-eos/avd_qos.yml"));
}

/// The device after a cure.
fn cured(text: &str, wish: Wish) -> Device {
    let device = read(EOS, text);
    let edits = (super::LANGUAGE.repair)(&device, &Source::new("device.cfg", text), &wish);
    let edits = edits.unwrap_or_else(|| panic!("{wish:?}"));
    let device = read(EOS, &apply(text, &edits));
    assert_eq!(
        device.lines.qos(),
        device.lines.understood_count(),
        "{wish:?}"
    );
    device
}

#[test]
fn cures_do_what_is_wished() {
    let port = || "Ethernet2/1".to_owned();
    let of = |wish: Wish| cured(GOOD, wish).ports[1].clone();
    assert!(
        of(Wish::Trust {
            port: port(),
            trust: Trust::Dscp
        })
        .qos
        .trust
        .is(&Trust::Dscp)
    );
    let classify = Wish::Classify {
        port: port(),
        dscp: Some(59),
        pcp: None,
        class: 3,
    };
    assert!(of(classify).qos.dscp[59].is(&3));
    let classify = Wish::Classify {
        port: port(),
        dscp: None,
        pcp: Some(4),
        class: 3,
    };
    assert!(of(classify).qos.pcp[4].is(&3));
    let like = of(Wish::Like {
        port: port(),
        other: "Ethernet1/1".to_owned(),
    });
    assert!(like.qos.classes[3].no_drop.is(&true) && like.qos.pfc.mode.is(&PfcMode::On));
    let pfc = of(Wish::Pfc {
        port: port(),
        priority: 3,
    });
    assert!(pfc.qos.pfc.mode.is(&PfcMode::On) && pfc.qos.pfc.send[3].is(&true));
    let vlans = of(Wish::Tag {
        port: port(),
        vlan: 711,
    });
    assert!(
        vlans.tagged_vlans.get().unwrap().has(711) && vlans.tagged_vlans.get().unwrap().has(20)
    );
    assert!(
        of(Wish::Watchdog { port: port() })
            .qos
            .watchdog
            .on
            .is(&true)
    );
    assert!(
        of(Wish::Mtu {
            port: port(),
            bytes: 9000
        })
        .mtu
        .is(&9214)
    );

    let first = || "Ethernet1/1".to_owned();
    let of = |text: &str, wish: Wish| cured(text, wish).ports[0].clone();
    let low = GOOD.replace("mtu 9214", "mtu 1500");
    assert!(
        of(
            &low,
            Wish::Mtu {
                port: first(),
                bytes: 9000
            }
        )
        .mtu
        .is(&9214)
    );
    let share = of(
        GOOD,
        Wish::Share {
            port: first(),
            queue: 3,
            percent: 80,
        },
    );
    assert!(share.qos.queues[3].scheduler.is(&Scheduler::Percent(80)));
    assert!(share.qos.queues[0].scheduler.is(&Scheduler::Percent(20)));
    let mark = |text: &str, queue: u8| {
        let wish = Wish::Mark {
            port: first(),
            queue,
            min: 100_000,
            max: 200_000,
        };
        of(text, wish).qos.queues[usize::from(queue)].wred.clone()
    };
    for (text, queue) in [
        (GOOD.to_owned(), 3),
        (GOOD.to_owned(), 6),
        (GOOD.replace("detect ecn", "detect drop"), 3),
    ] {
        let wred = mark(&text, queue);
        assert!(
            wred.action.is(&WredAction::Mark) && wred.min.is(&100_000) && wred.max.is(&200_000)
        );
    }
    let both = GOOD.replace(
        "   no switchport\n",
        "   no switchport\n   flowcontrol receive on\n",
    );
    assert!(
        of(&both, Wish::NoLinkPause { port: first() })
            .qos
            .pause_rx
            .is(&false)
    );
    let poll = of(GOOD, Wish::WatchdogPoll { micros: 50_000 });
    assert!(poll.qos.watchdog.poll.is(&SimDuration::from_ms(50)));
    let no_drop = of(
        GOOD,
        Wish::NoDrop {
            class: 4,
            priority: 4,
        },
    );
    assert!(no_drop.qos.classes[4].no_drop.is(&true));
    let obey = of(
        GOOD,
        Wish::Obey {
            port: first(),
            priority: 3,
            queue: 4,
        },
    );
    assert!(obey.qos.pfc.stops[3].is(&4));
}
