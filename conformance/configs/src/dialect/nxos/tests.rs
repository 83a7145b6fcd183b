use super::*;
use crate::describe::describe;
use crate::device::{PfcMode, Scheduler, Trust, WredAction};
use crate::remark::RemarkKind;
use crate::repair::{Wish, apply};
use crate::testing::{fabric_holds, fault, read, sample, survives_mutations};

const TOR: &str = "hostname TOR-A
feature lldp
priority-flow-control watch-dog-interval on
policy-map type network-qos NQ
  class type network-qos c-8q-nq3
    mtu 9216
    pause pfc-cos 3
  class type network-qos c-8q-nq-default
    mtu 9216
class-map type qos match-all CM-RDMA
  match cos 3
policy-map type qos PM-IN
  class CM-RDMA
    set qos-group 3
policy-map type queuing PM-OUT
  class type queuing c-out-8q-q3
    bandwidth remaining percent 50
    random-detect minimum-threshold 150 kbytes maximum-threshold 3000 kbytes drop-probability 7 weight 0
  class type queuing c-out-8q-q7
    priority level 1
system qos
  service-policy type queuing output PM-OUT
  service-policy type network-qos NQ
interface Ethernet1/1
  switchport mode trunk
  switchport trunk native vlan 99
  switchport trunk allowed vlan 711
  switchport trunk allowed vlan add 712-713
  mtu 9216
  priority-flow-control mode on
  priority-flow-control watch-dog-interval on
  service-policy type qos input PM-IN
interface Ethernet1/2
  no switchport
interface Ethernet1/3
  channel-group 10 mode active
interface port-channel10
  mtu 9216
  service-policy type qos input PM-IN
";

#[test]
fn policies_come_together_at_the_port() {
    let device = read(Dialect::NxOs, TOR);
    let port = device.port("Eth1/1").unwrap();
    let qos = &port.qos;
    assert!(qos.trust.is(&Trust::Pcp) && qos.pfc.mode.is(&PfcMode::On));
    assert_eq!((qos.pcp[3].value(), qos.pcp[4].value()), (Some(3), Some(0)));
    assert!(
        qos.classes[3].no_drop.is(&true) && qos.pfc.send[3].is(&true) && qos.pfc.stops[3].is(&3)
    );
    assert!(
        qos.queues[7].scheduler.is(&Scheduler::Strict)
            && qos.queues[3].wred.action.is(&WredAction::Drop)
    );
    assert_eq!(qos.queues[3].wred.max.value(), Some(3_000_000));
    assert!(qos.watchdog.on.is(&true) && port.native_vlan.is(&Some(99)));
    assert!(port.tagged_vlans.get().unwrap().has(713));
    let bare = device.port("Ethernet1/2").unwrap();
    assert!(
        bare.qos.pfc.mode.is(&PfcMode::Auto)
            && bare.qos.trust.is(&Trust::Nothing)
            && bare.routed.is(&true)
    );
    assert!(bare.qos.watchdog.on.is(&false) && bare.mtu.is(&1500));
    let member = device.port("Ethernet1/3").unwrap();
    assert!(member.mtu.is(&9216) && member.qos.trust.is(&Trust::Pcp));
    assert_eq!(device.lines.qos(), device.lines.understood_count());
}

#[test]
fn class_fcoe_is_predefined() {
    let device = read(
        Dialect::NxOs,
        "feature fcoe\nsystem qos\n  service-policy type qos input fcoe-default-in-policy\n  service-policy type network-qos fcoe-default-nq-policy\ninterface Ethernet1/1\n  switchport mode trunk\n",
    );
    let qos = &device.port("Ethernet1/1").unwrap().qos;
    assert!(
        qos.trust.is(&Trust::Pcp)
            && qos.pcp[3].is(&1)
            && qos.classes[1].no_drop.is(&true)
            && qos.classes[1].pause.is(&3)
    );
    assert!(qos.dcbx.on.is(&true) && qos.classes[1].mtu.is(&Some(2158)));
}

#[test]
fn remarks_are_made() {
    let kinds = |text: &str| -> Vec<RemarkKind> {
        read(Dialect::NxOs, text)
            .remarks
            .iter()
            .map(|r| r.kind)
            .collect()
    };
    assert_eq!(kinds(TOR), []);
    assert_eq!(
        kinds(&TOR.replace("  service-policy type network-qos NQ\n", "")),
        [RemarkKind::NotBound]
    );
    assert_eq!(
        kinds(&TOR.replacen("priority-flow-control watch-dog-interval on\n", "", 1)),
        [RemarkKind::WatchdogInert]
    );
    assert!(
        kinds(&TOR.replace(
            "class-map type qos match-all CM-RDMA\n",
            "class-map type qos match-all CM-RDM\n"
        ))
        .contains(&RemarkKind::UnknownName)
    );
    assert!(
        kinds(&TOR.replace("set qos-group 3", "set qos-group 9")).contains(&RemarkKind::BadValue)
    );
    assert!(
        kinds(&TOR.replace("type qos input PM-IN", "type qos input PM-INN"))
            .contains(&RemarkKind::UnknownName)
    );
}

#[test]
fn matches_by_dscp_and_names() {
    let text = TOR
        .replace("match cos 3", "match dscp 24-31,cs6")
        .replace("match-all", "match-any");
    let qos = &read(Dialect::NxOs, &text)
        .port("Ethernet1/1")
        .unwrap()
        .qos
        .clone();
    assert!(
        qos.trust.is(&Trust::Dscp)
            && qos.dscp[26].is(&3)
            && qos.dscp[48].is(&3)
            && qos.dscp[0].is(&0)
    );
}

#[test]
fn carriage_returns_change_nothing() {
    let device = read(Dialect::NxOs, &TOR.replace('\n', "\r\n"));
    assert_eq!(describe(&device), describe(&read(Dialect::NxOs, TOR)));
    assert!(fault(Dialect::NxOs, "nothing here\n").contains("no interface"));
}

#[test]
fn samples_are_understood() {
    for path in [
        "cisco-nxos/msdocs_nexus3132_6.0u6.cfg",
        "cisco-nxos/azs_std_cisco_nxos_switched_expected_full_config.cfg",
    ] {
        let device = read(Dialect::NxOs, &sample(path));
        let (all, understood) = (device.lines.qos(), device.lines.understood_count());
        assert!(
            all >= 25 && understood * 100 >= all * 95,
            "{path}: {understood} of {all}"
        );
        insta::assert_snapshot!(path.replace('/', "-"), describe(&device));
    }
}

#[test]
fn repairs_are_read_again() {
    let source = Source::new("x", TOR);
    let device = read(Dialect::NxOs, TOR);
    let again = |wish: Wish| {
        read(
            Dialect::NxOs,
            &apply(TOR, &repair::repair(&device, &source, &wish).unwrap()),
        )
    };
    let bare = || "Ethernet1/2".to_owned();
    let fixed = again(Wish::Pfc {
        port: bare(),
        priority: 3,
    });
    assert!(
        fixed
            .port("Ethernet1/2")
            .unwrap()
            .qos
            .pfc
            .mode
            .is(&PfcMode::On)
    );
    let fixed = again(Wish::Like {
        port: bare(),
        other: "Ethernet1/1".to_owned(),
    });
    assert!(fixed.port("Ethernet1/2").unwrap().qos.trust.is(&Trust::Pcp));
    let fixed = again(Wish::Mtu {
        port: bare(),
        bytes: 9000,
    });
    assert!(fixed.port("Ethernet1/2").unwrap().mtu.is(&9216));
    let one = || "Ethernet1/1".to_owned();
    let fixed = again(Wish::Mark {
        port: one(),
        queue: 3,
        min: 1,
        max: 2,
    });
    assert!(
        fixed.port("Ethernet1/1").unwrap().qos.queues[3]
            .wred
            .action
            .is(&WredAction::Mark)
    );
    let fixed = again(Wish::Share {
        port: one(),
        queue: 3,
        percent: 60,
    });
    assert!(
        fixed.port("Ethernet1/1").unwrap().qos.queues[3]
            .scheduler
            .is(&Scheduler::Percent(60))
    );
    let fixed = again(Wish::Tag {
        port: one(),
        vlan: 99,
    });
    assert!(fixed.port("Ethernet1/1").unwrap().native_vlan.is(&Some(1)));
    let fixed = again(Wish::Classify {
        port: one(),
        dscp: None,
        pcp: Some(4),
        class: 3,
    });
    assert!(fixed.port("Ethernet1/1").unwrap().qos.pcp[4].is(&3));
    let fixed = again(Wish::NoDrop {
        class: 3,
        priority: 4,
    });
    assert!(fixed.port("Ethernet1/1").unwrap().qos.pfc.send[4].is(&true));
    let fixed = again(Wish::WatchdogPoll { micros: 250_000 });
    let poll = fixed.port("Ethernet1/1").unwrap().qos.watchdog.poll.value();
    assert_eq!(poll, Some(xoff_model::time::SimDuration::from_ms(250)));
    let fixed = again(Wish::Watchdog { port: bare() });
    assert!(fixed.port("Ethernet1/2").unwrap().qos.watchdog.on.is(&true));
}

#[test]
fn any_bytes_end() {
    survives_mutations(Dialect::NxOs, TOR);
}

/// Lines that NX-OS does not have are told; those that are not known are counted; none is dropped.
#[test]
fn no_line_about_qos_is_dropped() {
    let text = format!(
        "{TOR}interface Ethernet1/4\n  priority-flow-control priority 3 no-drop\n  \
         priority-flow-control frobnicate\n  flowcontrol receive on\n  priority-flow-control mode on\n"
    );
    let device = read(Dialect::NxOs, &text);
    let kinds: Vec<RemarkKind> = device.remarks.iter().map(|r| r.kind).collect();
    assert_eq!(
        kinds,
        [RemarkKind::TwoKindsOfPause, RemarkKind::NoSuchStatement]
    );
    let unknown: Vec<u32> = device
        .lines
        .unknown_lines()
        .map(|(at, _)| at.line)
        .collect();
    let odd = 1 + text.lines().position(|l| l.contains("frob")).unwrap();
    assert_eq!(unknown, [u32::try_from(odd).unwrap()]);
}

/// Several class maps that are not there: the file is a part, and what they say is unknown. One that is
/// not there among others is a mistake.
#[test]
fn class_maps_may_be_elsewhere() {
    let renamed = TOR
        .replace("c-8q-nq3", "MINE")
        .replace("c-8q-nq-default", "REST");
    let device = read(Dialect::NxOs, &renamed);
    let qos = &device.port("Ethernet1/1").unwrap().qos;
    assert!(qos.classes[3].no_drop.get().is_none() && qos.pfc.send[3].get().is_none());
    assert!(qos.pfc.send[4].is(&false));
    assert!(device.remarks.iter().all(|r| r.kind == RemarkKind::Note));
    let device = read(Dialect::NxOs, &TOR.replace("c-8q-nq3", "MINE"));
    let qos = &device.port("Ethernet1/1").unwrap().qos;
    assert!(qos.classes[3].no_drop.is(&false));
    assert_eq!(device.remarks[0].kind, RemarkKind::UnknownName);
}

#[test]
fn a_class_may_pause_by_another_priority() {
    let device = read(Dialect::NxOs, &TOR.replace("pfc-cos 3", "pfc-cos 4"));
    let qos = &device.port("Ethernet1/1").unwrap().qos;
    assert!(qos.classes[3].no_drop.is(&true) && qos.classes[3].pause.is(&4));
    assert!(qos.pfc.send[4].is(&true) && qos.pfc.stops[4].is(&3) && qos.pfc.send[3].is(&false));
}

/// What an access list matches is in another file or too much for this one: unknown, not class 0.
#[test]
fn access_lists_leave_classes_unknown() {
    let text = TOR.replace("match cos 3", "match access-group name ROCE");
    let device = read(Dialect::NxOs, &text);
    let qos = &device.port("Ethernet1/1").unwrap().qos;
    assert!(qos.dscp[26].why_unknown().unwrap().contains("ROCE") && qos.pcp[3].get().is_none());
}

#[test]
fn the_watchdog_counts_polls() {
    let text = TOR.replacen(
        "policy-map",
        "priority-flow-control watch-dog interval 200\n\
         priority-flow-control watch-dog shutdown-multiplier 3\npolicy-map",
        1,
    );
    let watchdog = read(Dialect::NxOs, &text)
        .port("Ethernet1/1")
        .unwrap()
        .qos
        .watchdog
        .clone();
    let ms = |f: &crate::fact::Fact<xoff_model::time::SimDuration>| {
        f.value().unwrap().ps() / 1_000_000_000
    };
    assert_eq!(
        [
            ms(&watchdog.poll),
            ms(&watchdog.detect),
            ms(&watchdog.restore)
        ],
        [200, 600, 2000]
    );
}

#[test]
fn later_lines_take_back() {
    let text = TOR.replace(
        "interface Ethernet1/2",
        "  no service-policy type qos input PM-IN\n  no priority-flow-control mode\ninterface Ethernet1/2",
    );
    let device = read(Dialect::NxOs, &text);
    let qos = &device.port("Ethernet1/1").unwrap().qos;
    assert!(qos.trust.is(&Trust::Nothing) && qos.pfc.mode.is(&PfcMode::Auto));
}

/// A banner may say what it likes; one that does not end means that the file is cut.
#[test]
fn banners_are_passed_over() {
    let text = format!("banner motd #\nhostname no\ninterface Ethernet9/9\n#\n{TOR}");
    let device = read(Dialect::NxOs, &text);
    assert!(device.name == "TOR-A" && device.port("Ethernet9/9").is_none());
    let cut = fault(Dialect::NxOs, &format!("{TOR}banner motd #\nhello\n"));
    assert!(cut.contains("cut short"), "{cut}");
}

/// Without indentation the lines of a port go on until something that is no port's; with it, a line at
/// the margin is the switch's.
#[test]
fn blocks_end_where_they_end() {
    let flat: String = TOR.lines().map(|l| format!("{}\n", l.trim())).collect();
    let flat = flat.replace(
        "switchport trunk native vlan 99",
        "spanning-tree port type edge\nno shutdown\nswitchport trunk native vlan 99",
    );
    let device = read(Dialect::NxOs, &flat);
    let port = device.port("Ethernet1/1").unwrap();
    assert!(port.native_vlan.is(&Some(99)) && port.qos.pfc.mode.is(&PfcMode::On));
    assert!(port.qos.watchdog.on.is(&true) && port.qos.trust.is(&Trust::Pcp));
    let last = TOR.replacen("priority-flow-control watch-dog-interval on\n", "", 1);
    let last = format!("{last}priority-flow-control watch-dog-interval on\n");
    let device = read(Dialect::NxOs, &last);
    assert!(
        device
            .port("Ethernet1/1")
            .unwrap()
            .qos
            .watchdog
            .on
            .is(&true)
    );
    assert!(
        device
            .port("port-channel10")
            .unwrap()
            .qos
            .watchdog
            .on
            .is(&false)
    );
}

/// The paste of the documentation is of a port without a name: both kinds of pause are on it.
#[test]
fn an_unindented_paste_is_read() {
    let device = read(
        Dialect::NxOs,
        &sample("cisco-nxos/msdocs_nexus3132_6.0u6.cfg"),
    );
    assert_eq!(device.remarks.len(), 1);
    assert_eq!(device.remarks[0].kind, RemarkKind::TwoKindsOfPause);
    let qos = &device.other_ports.qos;
    assert!(qos.classes[3].no_drop.is(&true) && qos.classes[3].mtu.is(&Some(2240)));
    assert!(qos.pfc.send[3].is(&true) && qos.pcp[3].is(&3));
}

#[test]
fn the_fabric_is_right_and_mistakes_are_told() {
    fabric_holds("nxos", 12);
}

fn files(dir: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

/// No file of another dialect is taken for NX-OS or OS9, and each of theirs is.
#[test]
fn only_own_files_are_recognised() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
    let mut all = Vec::new();
    for dir in [
        "tests/data/configs",
        "tests/data/check",
        "topologies/fabrics",
    ] {
        files(std::path::Path::new(&format!("{root}{dir}")), &mut all);
    }
    let (mut own, mut wrong) = (0, Vec::new());
    for path in all {
        // The checkout itself may lie below a folder of any name.
        let short = path.strip_prefix(root).unwrap().display().to_string();
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        // Descriptions of the cases quote lines of configurations.
        if short.ends_with(".toml") {
            continue;
        }
        let source = Source::new(short.clone(), text);
        let switch = !short.ends_with(".sh") && !short.ends_with(".ps1");
        for (dialect, sign) in [(Dialect::NxOs, "nxos"), (Dialect::Os9, "os9")] {
            let mine = switch && short.rsplit(['/', '.', '-']).any(|part| part == sign);
            own += u32::from(mine);
            if ((dialect.language().recognise)(&source) > 0) != mine
                || mine && crate::languages::detect(&source) != Some(dialect)
            {
                wrong.push(format!("{short} as {sign}"));
            }
        }
    }
    assert!(wrong.is_empty() && own >= 15, "{own}: {wrong:?}");
}
