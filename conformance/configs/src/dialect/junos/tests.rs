use crate::describe::describe;
use crate::device::*;
use crate::language::Dialect;
use crate::languages::LANGUAGES;
use crate::remark::RemarkKind;
use crate::repair::Wish;
use crate::source::Source;
use crate::testing::{fault, read, sample, survives_mutations};
use xoff_model::time::SimDuration;

const JUNOS: Dialect = Dialect::Junos;

fn case(path: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/check/");
    std::fs::read_to_string(format!("{root}{path}")).unwrap()
}

fn share(device: &Device) -> f64 {
    device.lines.understood_count() as f64 / device.lines.qos() as f64
}

fn set(all: &[crate::fact::Fact<bool>; 8]) -> Vec<usize> {
    (0..8).filter(|&n| all[n].is(&true)).collect()
}

#[test]
fn the_samples_are_read() {
    let device = read(JUNOS, &sample("juniper/leaf1_qfx5240-64od.conf"));
    assert!(share(&device) >= 0.95);
    insta::assert_snapshot!("leaf1", describe(&device));
    let device = read(
        JUNOS,
        &sample("juniper/snip_evo__cos__rdma-rocev2-lossless.conf"),
    );
    assert!(share(&device) >= 0.95);
    assert!(device.ports.is_empty());
    assert_eq!(set(&device.other_ports.qos.pfc.send), [3]);
    insta::assert_snapshot!("snippet", describe(&device));
}

#[test]
fn the_cases_are_read() {
    let device = read(JUNOS, &case("05-ok-junos-queue4-priority3/sw1.junos.conf"));
    insta::assert_snapshot!("case05", describe(&device));
    let device = read(
        JUNOS,
        &case("44-junos-output-stanza-overrides-default/sw1.junos.conf"),
    );
    insta::assert_snapshot!("case44", describe(&device));
    let pfc = &device.ports[0].qos.pfc;
    assert_eq!(pfc.obey[3].span().map(|s| s.line), Some(16));
}

/// Every file that is not Junos is not taken for it.
#[test]
fn other_dialects_are_left_alone() {
    let mut folders = vec![
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/configs").into(),
        std::path::PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/data/check"
        )),
    ];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_some_and(|e| e == "toml" || e == "md") {
                continue;
            }
            let Ok(text) = std::fs::read_to_string(&path) else {
                continue;
            };
            let name = path.to_string_lossy().into_owned();
            let ours = name.ends_with(".junos.conf") || name.contains("/configs/juniper/");
            let score = (LANGUAGES[JUNOS as usize].recognise)(&Source::new(name.as_str(), text));
            assert_eq!(score > 0, ours, "{name}: {score}");
            files += 1;
        }
    }
    assert!(files > 50);
}

fn find(device: &Device, kind: RemarkKind) -> Vec<u32> {
    let of = device.remarks.iter().filter(|r| r.kind == kind);
    of.map(|r| r.at.line).collect()
}

#[test]
fn defaults_hold_where_nothing_is_said() {
    let device = read(
        JUNOS,
        "set interfaces xe-0/0/1 unit 0 family ethernet-switching interface-mode trunk\n\
         set interfaces xe-0/0/2 unit 0 family ethernet-switching interface-mode access\n\
         set interfaces et-0/0/3 unit 0 family inet address 192.0.2.1/31\n\
         set interfaces xe-0/0/4 disable\n",
    );
    let [trunk, access, routed, bare] = device.ports.as_slice() else {
        panic!()
    };
    assert!(trunk.qos.trust.is(&Trust::Pcp) && access.qos.trust.is(&Trust::Nothing));
    assert!(routed.qos.trust.is(&Trust::Dscp) && bare.qos.trust.get().is_none());
    assert!(bare.enabled.is(&false) && trunk.enabled.is(&true));
    let qos = &trunk.qos;
    let classes: Vec<u8> = qos.pcp.iter().map(|f| f.value().unwrap()).collect();
    assert_eq!(classes, [0, 0, 0, 3, 4, 0, 7, 7]);
    let lossless: Vec<usize> = (0..8)
        .filter(|&n| qos.classes[n].no_drop.is(&true))
        .collect();
    assert_eq!(lossless, [3, 4]);
    assert_eq!(set(&qos.pfc.obey), [3, 4]);
    assert!(qos.pfc.mode.is(&PfcMode::Off) && set(&qos.pfc.send).is_empty());
    assert!(qos.queues[3].scheduler.is(&Scheduler::Percent(35)));
    assert!(trunk.mtu.is(&1500) && trunk.native_vlan.is(&None));
    assert!(routed.qos.dscp[26].is(&0) && routed.qos.dscp[48].is(&7));
    assert!(access.native_vlan.is(&Some(1)));
}

const PFC3: &str = "\
set class-of-service congestion-notification-profile P input ieee-802.1 code-point 011 pfc mru 2240
set class-of-service congestion-notification-profile P input cable-length 50
set class-of-service interfaces xe-0/0/[1-2] congestion-notification-profile P
set interfaces xe-0/0/1 unit 0 family ethernet-switching interface-mode trunk
set interfaces xe-0/0/1 unit 0 family ethernet-switching vlan members [ 10-12 20 ]
set interfaces xe-0/0/1 native-vlan-id 5
";

#[test]
fn a_named_class_without_no_loss_is_lossy_and_pfc_is_negotiated() {
    let device = read(JUNOS, PFC3);
    let port = &device.ports[0];
    assert!(port.qos.classes[3].no_drop.is(&true) && port.qos.classes[3].pause.is(&3));
    assert!(port.qos.pfc.mode.is(&PfcMode::Auto));
    assert_eq!(set(&port.qos.pfc.send), [3]);
    assert_eq!(port.cable.value().map(|l| l.0), Some(50_000));
    assert!(port.native_vlan.is(&Some(5)));
    assert!(
        port.tagged_vlans
            .is(&Vlans::These(vec![(10, 12), (20, 20)]))
    );
    let named = format!("{PFC3}set class-of-service forwarding-classes class fcoe queue-num 3\n");
    let device = read(JUNOS, &named);
    assert!(device.ports[0].qos.classes[3].no_drop.is(&false));
    let fixed = format!(
        "{PFC3}set protocols dcbx interface xe-0/0/1.0 priority-flow-control no-auto-negotiation\n"
    );
    let device = read(JUNOS, &fixed);
    assert!(device.ports[0].qos.pfc.mode.is(&PfcMode::On));
    let off = format!("{PFC3}set protocols dcbx interface all disable\n");
    let device = read(JUNOS, &off);
    assert!(
        device.ports[0].qos.dcbx.on.is(&false) && device.ports[0].qos.pfc.mode.is(&PfcMode::On)
    );
}

#[test]
fn what_is_deactivated_or_deleted_is_absent() {
    let more =
        "deactivate class-of-service interfaces xe-0/0/[1-2] congestion-notification-profile\n";
    let device = read(JUNOS, &format!("{PFC3}{more}"));
    assert!(device.ports[0].qos.pfc.mode.is(&PfcMode::Off));
    assert_eq!(find(&device, RemarkKind::Prerequisite), [7]);
    let again = more.replace("deactivate", "activate");
    let device = read(JUNOS, &format!("{PFC3}{more}{again}"));
    assert!(device.ports[0].qos.pfc.mode.is(&PfcMode::Auto) && device.remarks.is_empty());
    let device = read(
        JUNOS,
        &format!("{PFC3}{}", more.replace("deactivate", "delete")),
    );
    assert!(device.ports[0].qos.pfc.mode.is(&PfcMode::Off));
    let braces = "class-of-service {\n    forwarding-classes {\n        \
        class A queue-num 5 no-loss;\n        inactive: class B queue-num 6 no-loss;\n    }\n}\n\
        interfaces {\n    inactive: et-0/0/1 {\n        mtu 9216;\n    }\n}\n";
    let device = read(JUNOS, braces);
    let classes = &device.other_ports.qos.classes;
    assert!(classes[5].no_drop.is(&true) && classes[6].no_drop.is(&false));
    assert!(device.ports.is_empty());
    assert_eq!(find(&device, RemarkKind::Prerequisite), [4, 8]);
    assert_eq!(device.lines.qos(), device.lines.understood_count());
}

#[test]
fn groups_and_ranges_are_inherited() {
    let device = read(
        JUNOS,
        "groups {
    JUMBO {
        interfaces {
            <et-*> {
                mtu 9216;
                unit <*> {
                    family inet {
                        mtu 9000;
                    }
                }
            }
        }
        class-of-service {
            forwarding-classes {
                class RDMA queue-num 4 no-loss pfc-priority 3;
            }
        }
    }
}
apply-groups JUMBO;
interfaces {
    interface-range HOSTS {
        member et-0/0/[3-4];
        member-range et-0/0/6 to et-0/0/7;
        unit 0 {
            family inet;
        }
    }
    et-0/0/1 {
        mtu 4000;
    }
    et-0/0/2 {
        unit 0 {
            family inet;
        }
    }
    et-0/0/5 {
        apply-groups-except JUMBO;
    }
}
",
    );
    let mtu = |name: &str| device.port(name).unwrap().mtu.value();
    assert_eq!(mtu("et-0/0/1"), Some(3986));
    assert_eq!(mtu("et-0/0/2"), Some(9000));
    assert_eq!(mtu("et-0/0/5"), Some(1500));
    assert_eq!(device.ports.len(), 7);
    assert!(device.port("et-0/0/7").unwrap().routed.is(&true));
    assert!(device.other_ports.qos.classes[4].pause.is(&3));
}

#[test]
fn members_have_what_their_lag_has() {
    let device = read(
        JUNOS,
        "set interfaces xe-0/0/1 ether-options 802.3ad ae0
set interfaces xe-0/0/2 gigether-options 802.3ad ae0
set interfaces ae0 mtu 9216
set interfaces ae0 unit 0 family ethernet-switching interface-mode trunk
set interfaces ae0 unit 0 family ethernet-switching vlan members all
set class-of-service congestion-notification-profile P input ieee-802.1 code-point 3 pfc
set class-of-service interfaces ae0 congestion-notification-profile P
set class-of-service interfaces ae0 unit 0 classifiers ieee-802.1 default
set multi-chassis multi-chassis-protection 192.0.2.2 interface ae1
",
    );
    let member = device.port("xe-0/0/2").unwrap();
    assert_eq!(member.lag.as_ref().map(|l| l.0.as_str()), Some("ae0"));
    assert!(member.mtu.is(&9202) && member.tagged_vlans.is(&Vlans::All));
    assert!(member.qos.pfc.mode.is(&PfcMode::Auto) && member.qos.trust.is_stated());
    assert_eq!(device.peer_link.as_ref().map(|l| l.0.as_str()), Some("ae1"));
    // 3 is no code point: it must be bits.
    assert_eq!(find(&device, RemarkKind::BadValue), [6]);
}

#[test]
fn shares_and_marking_come_from_schedulers() {
    let device = read(
        JUNOS,
        "set class-of-service schedulers S transmit-rate percent 50
set class-of-service schedulers S drop-profile-map loss-priority low protocol any drop-profile D
set class-of-service schedulers T shaping-rate 16g
set class-of-service schedulers T priority strict-high
set class-of-service schedulers U explicit-congestion-notification
set class-of-service drop-profiles D fill-level 70 drop-probability 80
set class-of-service scheduler-maps M forwarding-class fcoe scheduler S
set class-of-service scheduler-maps M forwarding-class network-control scheduler T
set class-of-service scheduler-maps M forwarding-class no-loss scheduler U
set class-of-service traffic-control-profiles C scheduler-map M
set class-of-service traffic-control-profiles C guaranteed-rate percent 40
set class-of-service forwarding-class-sets F class fcoe
set class-of-service interfaces xe-0/0/1 scheduler-map M
set class-of-service interfaces xe-0/0/2 forwarding-class-set F output-traffic-control-profile C
",
    );
    let queues = &device.port("xe-0/0/1").unwrap().qos.queues;
    assert!(queues[3].scheduler.is(&Scheduler::Percent(50)));
    assert!(queues[3].wred.action.is(&WredAction::Drop) && queues[3].wred.percent.is(&80));
    assert!(queues[7].scheduler.is(&Scheduler::Strict));
    assert_eq!(
        queues[7].shaper.value().flatten().map(|r| r.bps()),
        Some(16_000_000_000)
    );
    assert!(queues[4].wred.action.is(&WredAction::Off));
    let queues = &device.port("xe-0/0/2").unwrap().qos.queues;
    assert!(queues[3].scheduler.is(&Scheduler::Percent(20)));
    assert_eq!(find(&device, RemarkKind::Prerequisite), [5]);
    assert_eq!(device.lines.qos(), device.lines.understood_count());
}

#[test]
fn what_is_wrong_in_itself_is_told() {
    let device = read(
        JUNOS,
        "set class-of-service forwarding-classes class A queue-num 5 no-loss
set class-of-service forwarding-classes class B queue-num 5
set class-of-service forwarding-classes class C queue-num 8 no-loss
set class-of-service forwarding-classes class D queue-num 2 explicit-congestion-notification
set class-of-service classifiers dscp K forwarding-class NONE loss-priority low code-points ef
set class-of-service classifiers dscp L forwarding-class A loss-priority low code-points 26
set class-of-service classifiers dscp L forwarding-class A loss-priority low code-points af31
set class-of-service congestion-notification-profile P input dscp code-point af31 pfc
set class-of-service congestion-notification-profile P input ieee-802.1 code-point 101 pfc
set class-of-service congestion-notification-profile P pfc-watchdog
set class-of-service congestion-notification-profile Q input ieee-802.1 code-point 101 pfc
set class-of-service interfaces et-0/0/1 congestion-notification-profile P
set class-of-service interfaces et-0/0/1 scheduler-map NOWHERE
set class-of-service drop-profiles W interpolate fill-level [ 90 55 ]
set class-of-service drop-profiles W interpolate drop-probability [ 0 100 ]
set interfaces et-0/0/1 ether-options flow-control
set interfaces et-0/0/1 mtu 9216
set interfaces et-0/0/1 mtu 1514
set interfaces et-0/0/1 priority-flow-control
set class-of-service shared-buffer ingress buffer-partition lossless percent 80
set class-of-service shared-buffer ingress buffer-partition lossy percent 30
set class-of-service schedulers X frobnicate 5
",
    );
    use RemarkKind::*;
    assert_eq!(find(&device, BadValue), [1, 3, 6, 9, 14]);
    assert_eq!(find(&device, NoSuchStatement), [4, 19]);
    assert_eq!(find(&device, UnknownName), [5, 13]);
    assert_eq!(find(&device, NotBound), [6, 11]);
    assert_eq!(find(&device, Prerequisite), [8]);
    assert_eq!(find(&device, WatchdogInert), [10]);
    assert_eq!(find(&device, TwoKindsOfPause), [16]);
    assert_eq!(find(&device, Contradiction), [18]);
    assert_eq!(find(&device, Sum), [21]);
    assert!(device.ports[0].mtu.is(&1500) && device.ports[0].qos.pause_rx.is(&true));
    let unknown: Vec<u32> = device.lines.unknown_lines().map(|(s, _)| s.line).collect();
    assert_eq!(unknown, [22]);
    let many: String = (0..7)
        .map(|n| {
            format!("set class-of-service forwarding-classes class C{n} queue-num {n} no-loss\n")
        })
        .collect();
    assert_eq!(find(&read(JUNOS, &many), TooManyLossless), [7]);
}

#[test]
fn filters_have_the_last_word() {
    let device = read(
        JUNOS,
        "set firewall family ethernet-switching filter F term 1 from learn-vlan-1p-priority 3
set firewall family ethernet-switching filter F term 1 then forwarding-class fcoe
set firewall family ethernet-switching filter F term 2 from dscp 26
set firewall family ethernet-switching filter F term 2 then forwarding-class no-loss
set firewall family ethernet-switching filter F term 3 then accept
set interfaces et-0/0/1 unit 0 family ethernet-switching interface-mode access
set interfaces et-0/0/1 unit 0 family ethernet-switching filter input F
",
    );
    let qos = &device.ports[0].qos;
    assert!(qos.trust.is(&Trust::DscpThenPcp));
    assert!(qos.dscp[26].is(&4) && qos.pcp[3].is(&3));
}

#[test]
fn halves_and_strangers_are_refused() {
    let half =
        "class-of-service {\n    forwarding-classes {\n        class A queue-num 3;\n    }\n";
    assert_eq!(fault(JUNOS, half), "`{` is never closed; expected a `}`");
    assert!(fault(JUNOS, "mtu 9216;\n}\n").contains("closes nothing"));
    assert!(fault(JUNOS, "interfaces {\n  mtu 9216\n  et-0/0/1;\n}\n").contains("has no end"));
    assert!(fault(JUNOS, "interfaces { /* x\n").contains("comment is never closed"));
    assert!(fault(JUNOS, "set interfaces x \"a\n").contains("quote is never closed"));
    let secret = "system {\n    root \"x\" ## SECRET-DATA\n    certificate \"a\nb\";\n}\n\
        interfaces {\n    ${PORT}:0 {\n        mtu 9216;\n    }\n}\n";
    assert!(read(JUNOS, secret).ports.is_empty());
    assert!(fault(JUNOS, "hostname leaf1;\n").contains("no statement of Junos"));
}

#[test]
fn pastes_are_understood() {
    let prompt = "admin@leaf1> show configuration class-of-service | no-more \n\
        ## Last changed: 2024-01-01\nforwarding-classes {\n    class A queue-num 5 no-loss; # x\n}\n\
        {master:0}[edit]\nadmin@leaf1# set interfaces et-0/0/1 mtu 9216\n";
    let device = read(JUNOS, prompt);
    assert!(device.other_ports.qos.classes[5].no_drop.is(&true));
    let banner = "[edit class-of-service forwarding-classes]\nadmin@leaf1# set class A queue-num 5 \
        no-loss\n\n[edit]\nadmin@leaf1# set interfaces ge-0/0/1 unit 0 family bridge interface-mode \
        trunk vlan-id-list 7\nadmin@leaf1# set policy-options application-maps M application X\n";
    let device = read(JUNOS, banner);
    assert!(device.other_ports.qos.classes[5].no_drop.is(&true));
    assert!(device.ports[0].tagged_vlans.is(&Vlans::These(vec![(7, 7)])));
    assert_eq!(device.lines.unknown_lines().count(), 1);
    let alone = "scheduler-maps {\n    M {\n        forwarding-class fcoe scheduler S;\n    }\n}\n\
        forwarding-classes {\n    class fcoe queue-num 3 no-loss;\n}\n";
    assert!(
        read(JUNOS, alone).other_ports.qos.classes[3]
            .no_drop
            .is_stated()
    );
    let edit = "edit class-of-service forwarding-classes\nset class A queue-num 5 no-loss\ntop\n\
        set interfaces et-0/0/1 mtu 9216\nset system host-name leaf9\n";
    let device = read(JUNOS, edit);
    assert!(device.other_ports.qos.classes[5].no_drop.is(&true));
    assert_eq!(device.name, "leaf9");
}

#[test]
fn ends_of_lines_do_not_matter() {
    let text = sample("juniper/snip_evo__cos__rdma-rocev2-lossless.conf");
    let other = text.replace('\n', "\r\n");
    assert_eq!(
        describe(&read(JUNOS, &text)),
        describe(&read(JUNOS, &other))
    );
}

#[test]
fn mutations_are_survived() {
    survives_mutations(
        JUNOS,
        &sample("juniper/snip_evo__cos__rdma-rocev2-lossless.conf"),
    );
    survives_mutations(
        JUNOS,
        &case("44-junos-output-stanza-overrides-default/sw1.junos.conf"),
    );
}

/// The device after a wish; the text must be Junos still.
fn after(text: &str, wish: &Wish) -> Device {
    let source = Source::new("device.cfg", text);
    let device = read(JUNOS, text);
    let edits = (LANGUAGES[JUNOS as usize].repair)(&device, &source, wish)
        .unwrap_or_else(|| panic!("{wish:?}"));
    let patched = crate::repair::apply(text, &edits);
    assert_ne!(patched, text);
    let fixed = read(JUNOS, &patched);
    let more = |kind| find(&fixed, kind).len() > find(&device, kind).len();
    assert!(!more(RemarkKind::Contradiction), "{patched}");
    fixed
}

/// Wishes on a configuration in both ways of writing.
#[test]
fn wishes_come_true() {
    let commands = format!(
        "{PFC3}set class-of-service schedulers S transmit-rate percent 10
set class-of-service schedulers S drop-profile-map loss-priority any protocol any drop-profile D
set class-of-service drop-profiles D interpolate fill-level [ 10 90 ] drop-probability [ 0 100 ]
set class-of-service scheduler-maps M forwarding-class fcoe scheduler S
set class-of-service interfaces xe-0/0/1 scheduler-map M
set interfaces xe-0/0/1 mtu 1514
set interfaces xe-0/0/1 ether-options flow-control
set interfaces xe-0/0/3 unit 0 family ethernet-switching interface-mode access
"
    );
    let braces = "class-of-service {
    congestion-notification-profile {
        P {
            input {
                ieee-802.1 {
                    code-point 011 {
                        pfc;
                    }
                }
            }
        }
    }
    schedulers {
        S {
            transmit-rate percent 10;
            drop-profile-map loss-priority any protocol any drop-profile D;
        }
    }
    drop-profiles {
        D {
            interpolate {
                fill-level [ 10 90 ];
                drop-probability [ 0 100 ];
            }
        }
    }
    scheduler-maps {
        M {
            forwarding-class fcoe scheduler S;
        }
    }
    interfaces {
        xe-0/0/1 {
            congestion-notification-profile P;
            scheduler-map M;
        }
    }
}
interfaces {
    xe-0/0/1 {
        mtu 1514;
        ether-options {
            flow-control;
        }
        native-vlan-id 5;
        unit 0 {
            family ethernet-switching {
                interface-mode trunk;
            }
        }
    }
    xe-0/0/3 {
        unit 0 {
            family ethernet-switching {
                interface-mode access;
            }
        }
    }
}
";
    for text in [commands.as_str(), braces] {
        all_wishes(text);
    }
}

fn all_wishes(text: &str) {
    let port = || "xe-0/0/1".to_owned();
    let of = |device: &Device, name: &str| device.port(name).unwrap().clone();
    let wish = Wish::Classify {
        port: port(),
        dscp: Some(26),
        pcp: Some(5),
        class: 3,
    };
    let qos = of(&after(text, &wish), &port()).qos;
    assert!(qos.dscp[26].is(&3) && qos.pcp[5].is(&3) && qos.pcp[4].is(&4));
    let trust = Trust::Dscp;
    let fixed = after(
        text,
        &Wish::Trust {
            port: port(),
            trust,
        },
    );
    assert!(of(&fixed, &port()).qos.trust.is(&trust));
    let other = "xe-0/0/3".to_owned();
    let wish = Wish::Like {
        port: other.clone(),
        other: port(),
    };
    let fixed = of(&after(text, &wish), &other);
    assert!(fixed.qos.pfc.send[3].is(&true) && fixed.qos.queues[3].scheduler.is_stated());
    let wish = Wish::Pfc {
        port: other.clone(),
        priority: 3,
    };
    let pfc = of(&after(text, &wish), &other).qos.pfc;
    assert!(pfc.mode.is(&PfcMode::On) && pfc.send[3].is(&true));
    let wish = Wish::Pfc {
        port: port(),
        priority: 5,
    };
    assert_eq!(set(&of(&after(text, &wish), &port()).qos.pfc.send), [3, 5]);
    let wish = Wish::Obey {
        port: port(),
        priority: 5,
        queue: 5,
    };
    let pfc = of(&after(text, &wish), &port()).qos.pfc;
    assert_eq!(
        (set(&pfc.obey), pfc.stops[5].value()),
        (vec![3, 5], Some(5))
    );
    let fixed = after(text, &Wish::NoLinkPause { port: port() });
    assert!(of(&fixed, &port()).qos.pause_rx.is(&false));
    let wish = Wish::Mtu {
        port: port(),
        bytes: 9000,
    };
    assert!(of(&after(text, &wish), &port()).mtu.is(&9000));
    let wish = Wish::Share {
        port: port(),
        queue: 3,
        percent: 60,
    };
    let fixed = of(&after(text, &wish), &port());
    assert!(fixed.qos.queues[3].scheduler.is(&Scheduler::Percent(60)));
    let wish = Wish::Mark {
        port: port(),
        queue: 3,
        min: 1,
        max: 2,
    };
    let fixed = of(&after(text, &wish), &port());
    assert!(fixed.qos.queues[3].wred.action.is(&WredAction::Mark));
    let fixed = after(text, &Wish::Watchdog { port: port() });
    assert!(of(&fixed, &port()).qos.watchdog.on.is(&true));
    assert_eq!(set(&of(&fixed, &port()).qos.pfc.obey), [3]);
    for name in [port(), other] {
        let wish = Wish::Tag {
            port: name.clone(),
            vlan: 5,
        };
        let fixed = of(&after(text, &wish), &name);
        assert!(fixed.tagged_vlans.get().unwrap().has(5) && !fixed.native_vlan.is(&Some(5)));
    }
}

#[test]
fn classes_and_watchdogs_are_repaired() {
    let text = case("05-ok-junos-queue4-priority3/sw1.junos.conf");
    let lossy = text.replace(" no-loss pfc-priority 3", "");
    let wish = Wish::NoDrop {
        class: 4,
        priority: 3,
    };
    let fixed = after(&lossy, &wish);
    let class = &fixed.ports[0].qos.classes[4];
    assert!(class.no_drop.is(&true) && class.pause.is(&3));
    let fixed = after(&text, &Wish::WatchdogPoll { micros: 10_000 });
    let dog = &fixed.ports[0].qos.watchdog;
    assert!(dog.poll.is(&SimDuration::from_ms(10)) && dog.detect.is(&SimDuration::from_ms(20)));
    let wish = Wish::Classify {
        port: "et-0/0/1".to_owned(),
        dscp: Some(48),
        pcp: None,
        class: 4,
    };
    assert!(after(&text, &wish).ports[0].qos.dscp[48].is(&4));
    let list = "class-of-service {\n    classifiers {\n        dscp K {\n            \
        forwarding-class fcoe {\n                loss-priority low code-points [ ef af31 ];\n\
        \n            }\n        }\n    }\n    interfaces {\n        xe-0/0/1 {\n            \
        unit 0 {\n                classifiers {\n                    dscp K;\n                }\n\
        \n            }\n        }\n    }\n}\n";
    let wish = Wish::Classify {
        port: "xe-0/0/1".to_owned(),
        dscp: Some(26),
        pcp: None,
        class: 4,
    };
    let dscp = after(list, &wish).ports[0].qos.dscp.clone();
    assert!(dscp[26].is(&4) && dscp[46].is(&3));
}

#[test]
fn lines_and_blocks_are_deleted() {
    let text = sample("juniper/snip_evo__cos__rdma-rocev2-lossless.conf");
    let line = text
        .lines()
        .position(|l| l.contains("drop-profiles {"))
        .unwrap()
        + 1;
    let span = crate::source::Span::line(crate::source::FileId(0), line as u32);
    let fixed = after(&text, &Wish::Delete(span));
    assert_eq!(find(&fixed, RemarkKind::UnknownName).len(), 1);
    let line = text.lines().position(|l| l.contains("percent 5;")).unwrap() + 1;
    let span = crate::source::Span::line(crate::source::FileId(0), line as u32);
    let lines = vec![
        "transmit-rate percent 7;".to_owned(),
        "priority low;".to_owned(),
    ];
    after(&text, &Wish::Replace(span, lines));
}

/// The reference fabric has nothing to remark.
#[test]
fn the_fabric_is_right() {
    let root = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../topologies/fabrics/junos/"
    );
    for name in ["leaf1", "leaf2"] {
        let text = std::fs::read_to_string(format!("{root}{name}.junos.conf")).unwrap();
        let device = read(JUNOS, &text);
        assert_eq!(device.name, name);
        assert!(device.remarks.is_empty(), "{:?}", device.remarks);
        assert_eq!(device.lines.unknown_lines().count(), 0);
        for port in &device.ports {
            let qos = &port.qos;
            assert!(qos.dscp[26].is(&4) && qos.dscp[48].is(&6) && qos.dscp[0].is(&0));
            let lossless = (0..8).filter(|&n| qos.classes[n].no_drop.is(&true));
            assert_eq!(lossless.collect::<Vec<_>>(), [4]);
            assert!(qos.pfc.mode.is(&PfcMode::On) && qos.pfc.stops[3].is(&4));
            assert_eq!((set(&qos.pfc.send), set(&qos.pfc.obey)), (vec![3], vec![3]));
            assert!(qos.queues[4].scheduler.is(&Scheduler::Percent(60)));
            assert!(qos.queues[4].wred.action.is(&WredAction::Mark));
            assert!(qos.queues[6].scheduler.is(&Scheduler::Strict));
            assert!(qos.watchdog.on.is(&true) && port.mtu.value() > Some(9000));
        }
        assert_eq!(device.ports[1].mtu.value(), Some(9160));
    }
}

/// Garbage that is deep, wide or endless is read in time.
#[test]
fn garbage_is_survived() {
    let deep = format!("set interfaces {}\n", "a ".repeat(100_000));
    let wide = format!(
        "set interfaces [ {} ] [ {} ]\n",
        "b ".repeat(5000),
        "c ".repeat(5000)
    );
    let braces = "a { ".repeat(70);
    let pattern = format!(
        "set interfaces interface-range X member {}[0-9][0-9][0-9][0-9]\nset interfaces et-0/0/1 \
         mtu 9216\nset class-of-service interfaces {} scheduler-map M\n",
        "x".repeat(1000),
        "*".repeat(1000)
    );
    assert!(
        !read(JUNOS, &format!("{PFC3}{deep}{wide}{pattern}"))
            .ports
            .is_empty()
    );
    assert!(fault(JUNOS, &format!("interfaces {{ {braces}")).contains('{'));
}
