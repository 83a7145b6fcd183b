use crate::describe::describe;
use crate::device::*;
use crate::language::Dialect;
use crate::languages::LANGUAGES;
use crate::remark::RemarkKind;
use crate::repair::Wish;
use crate::source::Source;
use crate::testing::{fault, read, survives_mutations};
use xoff_model::time::SimDuration;

const VRP: Dialect = Dialect::Vrp;

fn case46() -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/check/");
    let path = "46-huawei-af4-for-24-host-sends-26/CE-1.vrp.cfg";
    std::fs::read_to_string(format!("{root}{path}")).unwrap()
}

fn find(device: &Device, kind: RemarkKind) -> Vec<u32> {
    let of = device.remarks.iter().filter(|r| r.kind == kind);
    of.map(|r| r.at.line).collect()
}

fn set(all: &[crate::fact::Fact<bool>; 8]) -> Vec<usize> {
    (0..8).filter(|&n| all[n].is(&true)).collect()
}

#[test]
fn the_case_is_read() {
    let device = read(VRP, &case46());
    assert_eq!(device.lines.qos(), device.lines.understood_count());
    let qos = &device.ports[0].qos;
    assert!(qos.dscp[26].is(&3) && !qos.dscp[26].is_stated());
    assert!(qos.dscp[24].is(&4) && qos.dscp[24].is_stated() && qos.dscp[48].is(&6));
    assert!(qos.classes[3].no_drop.is(&false) && qos.classes[4].no_drop.is(&true));
    insta::assert_snapshot!("case46", describe(&device));
}

/// A dump with what CloudEngine writes for DCB, ETS and ECN.
const DUMP: &str = "!Software Version V300R023C00
#
sysname leaf1
#
dcb pfc
#
dcb ets-profile E
 priority-group 0 drr weight 60
 priority-group 1 drr weight 40
 priority-group 0 queue 0 to 2 4 to 6
 priority-group 15 queue 7
#
drop-profile D
 color green buffer-size low-limit 200000 high-limit 400000 discard-percentage 10
 ecn buffer-size low-limit 150000 high-limit 1500000 discard-percentage 20
#
qos buffer headroom-pool size 4 mbytes slot 1
#
vlan batch 10 20
#
interface Eth-Trunk1
 peer-link 1
 port link-type trunk
 port trunk allow-pass vlan 2 to 4094
#
interface 100GE1/0/1
 description to host A // rack 3
 eth-trunk 1
 dcb pfc enable mode auto
 dcb compliance intel-oui
 lldp tlv-enable dcbx
 dcb ets enable E
#
interface 25GE 1/0/5
 port link-type trunk
 undo port trunk allow-pass vlan 1
 port trunk allow-pass vlan 10 20
 jumboframe enable 9216
 trust dscp
 qos queue 3 wred D
 qos queue 3 ecn
 qos drr 0 to 4
 qos queue 3 drr weight 20
 qos queue 6 shaping cir 10 gbps pir 20 gbps
 dcb pfc enable mode manual
 dcb pfc buffer 3 xoff static 300 kbytes xon offset 20 kbytes
 dcb pfc buffer 3 hdrm 100 kbytes
 dcb pfc buffer 3 guaranteed 25 kbytes
 shutdown
#
interface 100GE1/0/9.40
 dot1q termination vid 40
#
interface 100GE1/0/9
 undo portswitch
 mtu 9000
 port priority 2
#
lldp enable
#
return
";

#[test]
fn a_dump_is_read() {
    let device = read(VRP, DUMP);
    assert_eq!(device.lines.unknown_lines().count(), 0);
    assert!(device.lines.qos() > 20);
    assert_eq!(
        device.peer_link.as_ref().map(|l| l.0.as_str()),
        Some("Eth-Trunk1")
    );
    assert!(device.remarks.is_empty(), "{:?}", device.remarks);
    insta::assert_snapshot!("dump", describe(&device));
    let port = device.port("25ge1/0/5").unwrap();
    assert_eq!(set(&port.qos.pfc.send), [3], "bare dcb pfc is priority 3");
    assert!(
        port.tagged_vlans
            .is(&Vlans::These(vec![(10, 10), (20, 20)]))
    );
    assert!(port.native_vlan.is(&None) && port.mtu.is(&9198));
    let group = &port.qos.groups[3];
    assert!(group.headroom.is(&102_400) && group.limit.is(&Limit::Static(307_200)));
    assert!(group.reserved.is(&25_600) && group.xon_offset.is(&20_480));
    let member = device.port("100GE1/0/1").unwrap();
    assert!(member.tagged_vlans.is(&Vlans::All));
    assert!(member.qos.queues[3].scheduler.is(&Scheduler::Percent(40)));
    assert!(member.qos.queues[7].scheduler.is(&Scheduler::Strict));
    assert!(member.qos.dcbx.version.is(&DcbxVersion::Cee) && member.qos.dcbx.on.is(&true));
    let routed = device.port("100GE1/0/9").unwrap();
    assert!(routed.qos.trust.is(&Trust::Dscp) && routed.mtu.is(&9000));
    assert!(routed.tagged_vlans.is(&Vlans::These(vec![(40, 40)])));
    assert!(routed.qos.default_class.is(&2) && routed.qos.pfc.mode.is(&PfcMode::Off));
}

#[test]
fn defaults_hold_where_nothing_is_said() {
    let device = read(VRP, "sysname x\ninterface 100GE1/0/1\n");
    let port = &device.ports[0];
    assert!(port.qos.trust.is(&Trust::Pcp) && port.routed.is(&false));
    assert_eq!(port.speed.value().map(|s| s.bps()), Some(100_000_000_000));
    let qos = &port.qos;
    assert!((0..64).all(|n| qos.dscp[n].is(&(n as u8 >> 3))));
    assert!((0..8).all(|n| qos.pcp[n].is(&(n as u8))));
    assert!(set(&qos.pfc.send).is_empty() && qos.queues[0].scheduler.is(&Scheduler::Strict));
    assert!(qos.watchdog.on.is(&true) && qos.dcbx.on.is(&false));
    assert!(qos.watchdog.detect.is(&SimDuration::from_ms(100)));
    assert!(device.other_ports.mtu.is(&9198));
}

#[test]
fn priorities_add_up_and_are_undone() {
    let text = "dcb pfc
 priority 3
 priority 4 5
 priority 3 deadlock-detect time 5
 priority 3 turn-off threshold 100
 undo priority 5
dcb pfc P
 priority 0
 undo priority
interface 100GE1/0/1
 dcb pfc enable
interface 100GE1/0/2
 dcb pfc enable P mode manual
interface 100GE1/0/3
 dcb pfc enable mode manual
 undo dcb pfc enable
";
    let device = read(VRP, text);
    let [one, two, three] = device.ports.as_slice() else {
        panic!()
    };
    assert_eq!(set(&one.qos.pfc.send), [3, 4]);
    assert!(one.qos.pfc.mode.is(&PfcMode::On), "manual by default");
    assert!(one.qos.watchdog.detect.is(&SimDuration::from_ms(50)));
    assert!(set(&two.qos.pfc.send).is_empty());
    assert!(three.qos.pfc.mode.is(&PfcMode::Off));
    assert_eq!(device.lines.unknown_lines().count(), 0);
}

#[test]
fn groups_of_ports_are_spread() {
    let text = "#
port-group ROCE
 group-member 100GE1/0/1 to 100GE1/0/3
 dcb pfc enable mode manual
#
interface range 100GE 1/0/4 to 100GE 1/0/5
 trust dscp
#
port-group group-member 25GE1/0/1 25GE1/0/3
 jumboframe enable 5000
#
";
    let device = read(VRP, text);
    assert_eq!(device.ports.len(), 7);
    assert!(
        device
            .port("100GE1/0/3")
            .unwrap()
            .qos
            .pfc
            .mode
            .is(&PfcMode::On)
    );
    assert!(device.port("100GE1/0/5").unwrap().qos.trust.is_stated());
    assert!(device.port("25GE1/0/3").unwrap().mtu.is(&4982));
}

#[test]
fn what_was_typed_counts_when_it_is_committed() {
    let text = "<HUAWEI> system-view
[~HUAWEI] sysname CE1
[*HUAWEI] dcb pfc
[*HUAWEI-dcb-pfc-default] priority 4
[*HUAWEI-dcb-pfc-default] quit
[*HUAWEI] interface 100ge 1/0/1
[*HUAWEI-100GE1/0/1] dcb pfc enable mode manual
[*HUAWEI-100GE1/0/1] commit
[~HUAWEI-100GE1/0/1] trust dscp
[*HUAWEI-100GE1/0/1] quit
";
    let device = read(VRP, text);
    let port = &device.ports[0];
    assert_eq!(
        (device.name.as_str(), port.name.as_str()),
        ("CE1", "100GE1/0/1")
    );
    assert!(port.qos.pfc.mode.is(&PfcMode::On) && port.qos.classes[4].no_drop.is(&true));
    assert!(port.qos.trust.is(&Trust::Pcp), "trust was not committed");
    assert_eq!(find(&device, RemarkKind::Uncommitted), [9]);
    let marked = "dcb pfc\n priority 3\n#\ninterface 100GE1/0/1\n trust dscp\n* dcb pfc enable mode \
                  manual\n#\n";
    let device = read(VRP, marked);
    assert!(device.ports[0].qos.pfc.mode.is(&PfcMode::Off));
    assert_eq!(find(&device, RemarkKind::Uncommitted), [6]);
    assert_eq!(device.lines.qos(), 4);
    let bare = "interface 25GE1/0/5\ndcb pfc enable mode manual\n#\nlldp enable\n";
    assert!(read(VRP, bare).ports[0].qos.pfc.mode.is(&PfcMode::On));
    let flat = "system-view\ndcb pfc\npriority 3\nquit\ninterface 25GE 1/0/5\n\
                qos queue 3 ecn\ndcb pfc enable mode manual\ncommit\nquit\n";
    let device = read(VRP, flat);
    assert!(
        device.ports[0].qos.queues[3]
            .wred
            .action
            .is(&WredAction::Mark)
    );
    assert!(find(&device, RemarkKind::Uncommitted).is_empty());
}

#[test]
fn policies_sort_packets() {
    let text = "traffic classifier C
 if-match dscp 26 af41
traffic behavior B
 remark local-precedence af4
traffic policy P
 classifier C behavior B precedence 5
interface 100GE1/0/1
 trust dscp
 traffic-policy P inbound
";
    let device = read(VRP, text);
    let dscp = &device.ports[0].qos.dscp;
    assert!(dscp[26].is(&4) && dscp[34].is(&4) && dscp[24].is(&3));
}

#[test]
fn what_is_wrong_in_itself_is_told() {
    let text = "dcb pfc
 priority 3 4 5 6
 priority 7 9
 priority 3 deadlock-recovery time 0
dcb pfc LOOSE
 priority 1
diffserv domain LOST
 ip-dscp-inbound 26 phb af3
 ip-dscp-inbound 99 phb af3
 ip-dscp-inbound 10 phb gold
drop-profile LEFT
 ecn low-limit 80 high-limit 50 discard-percentage 20
drop-profile D
 ecn low-limit 50 high-limit 80 discard-percentage 20
interface 100GE1/0/1
 dcb pfc enable NONE mode auto
 dcb ets enable NOETS
 trust upstream NODOMAIN
 flow-control
 priority-flow-control enable
 qos queue 3 ecn
 qos queue 4 wred D
 mtu 1500
 mtu 9000
 dcb frobnicate
interface 100GE1/0/2
 dcb pfc enable mode manual
";
    let device = read(VRP, text);
    use RemarkKind::*;
    assert_eq!(find(&device, BadValue), [3, 9, 10, 12]);
    assert_eq!(find(&device, TooManyLossless), [3]);
    assert_eq!(find(&device, WatchdogInert), [4]);
    assert_eq!(find(&device, NotBound), [5, 8, 12]);
    assert_eq!(find(&device, UnknownName), [16, 17, 18]);
    assert_eq!(find(&device, Prerequisite), [21, 22]);
    assert_eq!(find(&device, TwoKindsOfPause), [19]);
    assert_eq!(find(&device, NoSuchStatement), [20]);
    assert_eq!(find(&device, Contradiction), [24]);
    let unknown: Vec<u32> = device.lines.unknown_lines().map(|(s, _)| s.line).collect();
    assert_eq!(unknown, [25]);
    assert!(device.ports[0].qos.pfc.send[3].get().is_none());
    let off = "dcb pfc global disable\ninterface 100GE1/0/1\n dcb pfc enable mode manual\n";
    let device = read(VRP, off);
    assert!(device.ports[0].qos.pfc.mode.is(&PfcMode::Off));
    assert_eq!(find(&device, Prerequisite), [1]);
}

#[test]
fn algorithms_are_not_followed() {
    let text = "ai-service\n ai-ecn\n  assign queue 3\n#\ninterface 100GE1/0/1\n qos queue 3 ecn\n";
    let device = read(VRP, text);
    assert_eq!(device.lines.unknown_lines().count(), 2);
    assert!(device.ports[0].qos.queues[3].wred.min.get().is_none());
    assert!(device.remarks.is_empty());
}

#[test]
fn other_dialects_are_left_alone() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/");
    let mut folders = vec![
        std::path::PathBuf::from(format!("{root}configs")),
        format!("{root}check").into(),
    ];
    let mut ours = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.to_string_lossy().into_owned();
            let Ok(text) = std::fs::read_to_string(&path) else {
                continue;
            };
            if name.ends_with(".toml") || name.ends_with(".md") {
                continue;
            }
            let is = name.ends_with(".vrp.cfg");
            ours += u32::from(is);
            let score = (LANGUAGES[VRP as usize].recognise)(&Source::new(name.as_str(), text));
            assert_eq!(score > 0, is, "{name}: {score}");
        }
    }
    assert!(ours >= 1);
}

#[test]
fn strangers_are_refused_and_ends_of_lines_do_not_matter() {
    assert!(fault(VRP, "hello world\n").contains("no statement of VRP"));
    let text = case46();
    let other = read(VRP, &text.replace('\n', "\r\n"));
    assert_eq!(describe(&read(VRP, &text)), describe(&other));
}

#[test]
fn mutations_are_survived() {
    survives_mutations(VRP, DUMP);
    survives_mutations(VRP, &case46());
}

fn after(text: &str, wish: &Wish) -> Device {
    let source = Source::new("device.cfg", text);
    let device = read(VRP, text);
    let edits = (LANGUAGES[VRP as usize].repair)(&device, &source, wish)
        .unwrap_or_else(|| panic!("{wish:?}"));
    let patched = crate::repair::apply(text, &edits);
    assert_ne!(patched, text, "{wish:?}");
    let fixed = read(VRP, &patched);
    let more = |kind| find(&fixed, kind).len() > find(&device, kind).len();
    assert!(!more(RemarkKind::Contradiction), "{patched}");
    fixed
}

#[test]
fn wishes_come_true() {
    let of = |device: &Device, name: &str| device.port(name).unwrap().clone();
    let port = || "100GE1/0/1".to_owned();
    let storage = || "25GE1/0/5".to_owned();
    let routed = || "100GE1/0/9".to_owned();
    for name in [port(), storage(), routed()] {
        let wish = Wish::Classify {
            port: name.clone(),
            dscp: Some(26),
            pcp: Some(5),
            class: 4,
        };
        let qos = of(&after(DUMP, &wish), &name).qos;
        assert!(qos.dscp[26].is(&4) && qos.pcp[5].is(&4) && qos.dscp[24].is(&3));
        let wish = Wish::Pfc {
            port: name.clone(),
            priority: 4,
        };
        let pfc = of(&after(DUMP, &wish), &name).qos.pfc;
        assert!(pfc.mode.is(&PfcMode::On));
        assert_eq!(set(&pfc.send), [3, 4], "3 is kept");
        let wish = Wish::Mtu {
            port: name.clone(),
            bytes: 4200,
        };
        assert!(of(&after(DUMP, &wish), &name).mtu.is(&4200), "{name}");
        let wish = Wish::Mark {
            port: name.clone(),
            queue: 3,
            min: 100_000,
            max: 900_000,
        };
        let wred = of(&after(DUMP, &wish), &name).qos.queues[3].wred.clone();
        assert!(wred.action.is(&WredAction::Mark));
        assert!(wred.min.is(&100_000) && wred.max.is(&900_000));
        let wish = Wish::Headroom {
            port: name.clone(),
            group: 3,
            bytes: 200_000,
        };
        let headroom = of(&after(DUMP, &wish), &name).qos.groups[3]
            .headroom
            .value();
        assert!(headroom.unwrap() >= 200_000);
    }
    let trust = Trust::Pcp;
    let fixed = after(
        DUMP,
        &Wish::Trust {
            port: storage(),
            trust,
        },
    );
    assert!(of(&fixed, &storage()).qos.trust.is(&trust));
    let wish = Wish::Like {
        port: routed(),
        other: storage(),
    };
    let fixed = of(&after(DUMP, &wish), &routed());
    assert!(fixed.qos.pfc.mode.is(&PfcMode::On) && fixed.qos.queues[3].wred.min.is(&150_000));
    let wish = Wish::Share {
        port: storage(),
        queue: 3,
        percent: 50,
    };
    let fixed = of(&after(DUMP, &wish), &storage());
    assert!(fixed.qos.queues[3].scheduler.is(&Scheduler::Weight(4)));
    let wish = Wish::Share {
        port: port(),
        queue: 3,
        percent: 55,
    };
    let fixed = of(&after(DUMP, &wish), &port());
    assert!(fixed.qos.queues[3].scheduler.is(&Scheduler::Percent(55)));
    assert!(fixed.qos.queues[0].scheduler.is(&Scheduler::Percent(45)));
    let wish = Wish::Tag {
        port: storage(),
        vlan: 30,
    };
    let vlans = of(&after(DUMP, &wish), &storage()).tagged_vlans;
    assert!(vlans.get().is_some_and(|v| v.has(30) && v.has(20)));
    let access = "interface 10GE1/0/1\n port default vlan 7\n flow-control\n#\nreturn\n";
    let wish = Wish::Tag {
        port: "10GE1/0/1".to_owned(),
        vlan: 7,
    };
    let fixed = after(access, &wish);
    assert!(fixed.ports[0].tagged_vlans.get().unwrap().has(7));
    assert!(!fixed.ports[0].native_vlan.is(&Some(7)));
    let port = "10GE1/0/1".to_owned();
    let fixed = after(access, &Wish::NoLinkPause { port: port.clone() });
    assert!(fixed.ports[0].qos.pause_rx.is(&false));
    let wish = Wish::NoDrop {
        class: 4,
        priority: 4,
    };
    assert!(
        after(DUMP, &wish).port("25GE1/0/5").unwrap().qos.classes[4]
            .no_drop
            .is(&true)
    );
    let inert = "dcb pfc\n priority 3 deadlock-recovery time 0\ninterface 10GE1/0/1\n \
                 dcb pfc enable\n";
    let fixed = after(inert, &Wish::Watchdog { port });
    assert!(fixed.ports[0].qos.watchdog.on.is(&true));
    let at = crate::source::Span::line(crate::source::FileId(0), 2);
    after(inert, &Wish::Delete(at));
    after(inert, &Wish::Replace(at, vec!["priority 4".to_owned()]));
}

/// The reference fabric has nothing to remark.
#[test]
fn the_fabric_is_right() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../topologies/fabrics/vrp/");
    for name in ["CE-1", "CE-2"] {
        let text = std::fs::read_to_string(format!("{root}{name}.vrp.cfg")).unwrap();
        let device = read(VRP, &text);
        assert_eq!(device.name, name);
        assert!(device.remarks.is_empty(), "{:?}", device.remarks);
        assert_eq!(device.lines.unknown_lines().count(), 0);
        for port in &device.ports {
            let qos = &port.qos;
            assert!(qos.dscp[26].is(&3) && qos.dscp[48].is(&6));
            assert_eq!((set(&qos.pfc.send), set(&qos.pfc.obey)), (vec![3], vec![3]));
            let wred = &qos.queues[3].wred;
            assert!(wred.action.is(&WredAction::Mark) && wred.max.value() < Some(2_000_000));
            assert!(qos.queues[6].scheduler.is(&Scheduler::Strict));
            assert!(qos.watchdog.on.is_stated() && port.mtu.value() >= Some(9000));
        }
    }
}
