use super::*;
use crate::device::{Limit, PfcMode, Scheduler, Trust, Vlans, WredAction};
use crate::remark::RemarkKind;
use crate::repair::{Wish, apply};
use crate::testing::{fault, read, recognises_only, survives_mutations};

const SW: &str = "hostname sw1
interface ethernet 1/1-1/2 mtu 9216 force
dcb priority-flow-control enable force
dcb priority-flow-control priority 3 enable
interface ethernet 1/1 dcb priority-flow-control mode on force
interface ethernet 1/1-1/2 traffic-class 3 congestion-control ecn minimum-absolute 150 maximum-absolute 1500
interface ethernet 1/1-1/2 traffic-class 6 dcb ets strict
traffic pool ROCE type lossless
traffic pool ROCE map switch-priority 3
interface ethernet 1/1 qos trust L3
interface ethernet 1/1 switchport mode hybrid
interface ethernet 1/1 switchport hybrid allowed-vlan add 711
interface ethernet 1/2 ingress-buffer iPort.pg3 map pool iPool1 type lossless reserved 67538 xoff 18432 xon 18432 shared alpha 2
";

#[test]
fn statements_name_their_ports() {
    let device = read(Dialect::Onyx, SW);
    let port = device.port("1/1").unwrap();
    let qos = &port.qos;
    assert!(
        qos.pfc.mode.is(&PfcMode::On) && qos.pfc.send[3].is(&true) && qos.trust.is(&Trust::Dscp)
    );
    assert!(qos.queues[6].scheduler.is(&Scheduler::Strict) && qos.queues[3].wred.min.is(&150_000));
    assert!(port.tagged_vlans.get().unwrap().has(711) && port.mtu.is(&9216));
    let other = &device.port("1/2").unwrap().qos;
    assert!(
        other.pfc.mode.is(&PfcMode::Off)
            && other.trust.is(&Trust::Pcp)
            && other.groups[3].headroom.is(&49_106)
    );
    assert!(device.remarks.is_empty() && device.lines.qos() == device.lines.understood_count());
}

#[test]
fn one_line_makes_roce() {
    let qos = read(
        Dialect::Onyx,
        "roce\ninterface ethernet 1/1 mtu 9216 force\n",
    )
    .other_ports
    .qos;
    assert!(qos.pfc.send[3].is(&true) && qos.trust.is(&Trust::Dscp) && qos.dscp[26].is(&3));
    let qos = read(
        Dialect::Onyx,
        "roce semi-lossless\ninterface ethernet 1/1 mtu 9216 force\n",
    )
    .other_ports
    .qos;
    assert!(qos.pfc.send[3].is(&false) && qos.pfc.obey[3].is(&true));
}

#[test]
fn blocks_and_remarks() {
    let device = read(
        Dialect::Onyx,
        "interface ethernet 1/5\n   dcb priority-flow-control mode on force\n   qos trust both\n   exit\ntraffic pool R type lossless\n",
    );
    assert!(
        device
            .port("1/5")
            .unwrap()
            .qos
            .trust
            .is(&Trust::DscpThenPcp)
    );
    assert_eq!(device.remarks.len(), 2);
    assert!(fault(Dialect::Onyx, "# nothing\n").contains("no statement"));
}

#[test]
fn repairs_are_read_again() {
    let source = Source::new("x", SW);
    let device = read(Dialect::Onyx, SW);
    let again = |wish: Wish| {
        read(
            Dialect::Onyx,
            &apply(SW, &repair::repair(&device, &source, &wish).unwrap()),
        )
    };
    let two = "1/2".to_owned();
    assert!(
        again(Wish::Trust {
            port: two.clone(),
            trust: Trust::Dscp
        })
        .port("1/2")
        .unwrap()
        .qos
        .trust
        .is(&Trust::Dscp)
    );
    assert!(
        again(Wish::Pfc {
            port: two.clone(),
            priority: 3
        })
        .port("1/2")
        .unwrap()
        .qos
        .pfc
        .mode
        .is(&PfcMode::On)
    );
    assert!(
        again(Wish::Like {
            port: two.clone(),
            other: "1/1".to_owned()
        })
        .port("1/2")
        .unwrap()
        .qos
        .pfc
        .mode
        .is(&PfcMode::On)
    );
    assert!(
        again(Wish::Mtu {
            port: two,
            bytes: 9000
        })
        .port("1/2")
        .unwrap()
        .mtu
        .is(&9216)
    );
}

#[test]
fn running_configurations_are_not_blocks() {
    let device = read(
        Dialect::Onyx,
        "##\n## Running database \"initial\"\n## Hostname: sw9\n##\nno cli default prefix-modes enable\n   \
         interface port-channel 100\n   interface mlag-port-channel 1\n   traffic pool R type lossless\n   \
         traffic pool R map switch-priority 3\n   interface ethernet 1/1 mlag-channel-group 1 mode active\n   \
         interface ethernet 1/2 channel-group 100 mode active\n   interface mlag-port-channel 1 mtu 9216 force\n   \
         interface mlag-port-channel 1 switchport mode hybrid\n   \
         interface mlag-port-channel 1 switchport hybrid allowed-vlan add 711-712\n   \
         interface mlag-port-channel 1 qos trust both\n   interface port-channel 100 ipl 1\n   \
         dcb priority-flow-control enable force\n   dcb priority-flow-control priority 3 enable\n   \
         interface ethernet 1/2 dcb priority-flow-control mode on force\n   \
         interface mlag-port-channel 1 dcb priority-flow-control mode on force\nno interface ethernet 1/2 shutdown\n",
    );
    assert_eq!(device.peer_link.as_ref().unwrap().0, "port-channel 100");
    let port = device.port("1/1").unwrap();
    assert_eq!(port.lag.as_ref().unwrap().0, "mlag-port-channel 1");
    assert!(port.mtu.is(&9216) && port.tagged_vlans.get().unwrap().has(712));
    assert!(port.native_vlan.is(&Some(1)) && port.qos.trust.is(&Trust::DscpThenPcp));
    // The manual has PFC on physical ports only.
    assert!(port.qos.pfc.mode.get().is_none());
    let other = device.port("1/2").unwrap();
    assert!(other.qos.pfc.mode.is(&PfcMode::On) && other.enabled.is(&true));
    assert_eq!(device.lines.qos(), device.lines.understood_count());
    assert!(device.remarks.is_empty(), "{:?}", device.remarks);
}

#[test]
fn prompts_tell_the_mode() {
    let device = read(
        Dialect::Onyx,
        "sw1 [standalone: master] (config) # dcb priority-flow-control enable force\n\
         sw1 [standalone: master] (config interface ethernet 1/3) # qos trust L3\n\
         (config) # interface ethernet 1/3\n(config interface ethernet 1/3) # mtu 9216 force\n\
         (config interface ethernet 1/3) # exit\n(config) # interface ethernet 1/4\nqos trust L3\nexit\nqos trust L2\n",
    );
    let port = device.port("1/3").unwrap();
    assert!(port.qos.trust.is(&Trust::Dscp) && port.mtu.is(&9216));
    assert!(device.port("1/4").unwrap().qos.trust.is(&Trust::Dscp));
    assert_eq!(device.lines.unknown_lines().count(), 1);
}

#[test]
fn defaults_are_those_of_the_manual() {
    let device = read(
        Dialect::Onyx,
        "traffic pool a type lossy\ninterface ethernet 1/1\n",
    );
    let port = device.port("Eth1/1").unwrap();
    assert!(port.mtu.is(&1500) && !port.mtu.is_stated());
    assert!(port.qos.trust.is(&Trust::Pcp) && port.qos.pfc.mode.is(&PfcMode::Off));
    assert!(port.qos.dcbx.on.is(&true) && port.qos.dscp[26].is(&3));
    assert!(port.native_vlan.is(&Some(1)));
}

#[test]
fn maps_bindings_and_buffers() {
    let device = read(
        Dialect::Onyx,
        "advanced buffer management force\npool iPool1 size 5242880 type dynamic\n\
         interface ethernet 1/1-1/4 qos map dscp 46 to switch-priority 5\n\
         interface ethernet 1/1-1/4 qos map pcp 4 dei 0 to switch-priority 3\n\
         interface ethernet 1/1 traffic-class 2 bind switch-priority 3 5\n\
         interface ethernet 1/1 ingress-buffer iPort.pg6 bind switch-priority 3\n\
         interface ethernet 1/1 ingress-buffer iPort.pg6 map pool iPool1 type lossless reserved 64K xoff 16K xon 16K shared alpha 1/8\n\
         interface ethernet 1/1 egress-buffer ePort.tc3 map pool ePool1 reserved 1500 shared alpha inf\n\
         interface ethernet 1/1 traffic-class 3 congestion-control red minimum-absolute 300K maximum-absolute 1M\n\
         interface ethernet 1/1 traffic-class 5 bandwidth shape 10G\n\
         interface ethernet 1/2 switchport mode trunk\n\
         interface ethernet 1/2 switchport trunk allowed-vlan none\n\
         interface ethernet 1/2 switchport trunk allowed-vlan add 5-9\n\
         interface ethernet 1/2 switchport trunk allowed-vlan remove 7\n",
    );
    let qos = &device.port("1/1").unwrap().qos;
    assert!(qos.dscp[46].is(&5) && qos.dscp[26].is(&3) && qos.pcp[4].is(&3));
    assert!(qos.classes[3].queue.is(&2) && qos.pfc.stops[3].is(&2));
    assert!(qos.classes[3].group.is(&6) && qos.groups[6].lossless.is(&true));
    assert!(qos.groups[6].headroom.is(&49_152));
    assert!(qos.groups[6].limit.is(&Limit::Dynamic { num: 1, den: 8 }));
    assert!(qos.queues[3].wred.action.is(&WredAction::Drop));
    assert!(qos.queues[3].wred.max.is(&1_000_000));
    assert!(qos.queues[5].shaper.get().unwrap().is_some());
    let vlans = device
        .port("1/2")
        .unwrap()
        .tagged_vlans
        .get()
        .unwrap()
        .clone();
    assert_eq!(vlans, Vlans::These(vec![(5, 6), (8, 9)]));
    assert_eq!(device.lines.qos(), device.lines.understood_count());
}

#[test]
fn mistakes_are_told() {
    let kinds = |text: &str| -> Vec<RemarkKind> {
        let device = read(Dialect::Onyx, text);
        device.remarks.iter().map(|r| r.kind).collect()
    };
    let swapped = "interface ethernet 1/1-1/9 traffic-class 3 congestion-control ecn minimum-absolute 900 maximum-absolute 90\n";
    assert_eq!(kinds(swapped), [RemarkKind::BadValue]);
    let pool = "traffic pool R map switch-priority 3\n";
    assert_eq!(kinds(pool), [RemarkKind::UnknownName]);
    let watchdog = "interface port-channel 7 pfc-wd\n";
    assert_eq!(kinds(watchdog), [RemarkKind::WatchdogInert]);
    let device = read(Dialect::Onyx, "roce\ndcb something\n");
    assert_eq!(device.lines.unknown_lines().count(), 1);
}

#[test]
fn carriage_returns_change_nothing() {
    let unix = crate::describe::describe(&read(Dialect::Onyx, SW));
    let dos = crate::describe::describe(&read(Dialect::Onyx, &SW.replace('\n', "\r\n")));
    assert_eq!(unix, dos);
}

#[test]
fn more_repairs_are_read_again() {
    let source = Source::new("x", SW);
    let device = read(Dialect::Onyx, SW);
    let again = |wish: Wish| {
        let edits = repair::repair(&device, &source, &wish).unwrap();
        read(Dialect::Onyx, &apply(SW, &edits))
    };
    let port = || "1/2".to_owned();
    let fixed = again(Wish::Classify {
        port: port(),
        dscp: Some(30),
        pcp: None,
        class: 4,
    });
    assert!(fixed.port("1/2").unwrap().qos.dscp[30].is(&4));
    let fixed = again(Wish::Watchdog { port: port() });
    assert!(fixed.port("1/2").unwrap().qos.watchdog.on.is(&true));
    let fixed = again(Wish::Mark {
        port: port(),
        queue: 3,
        min: 50_000,
        max: 60_000,
    });
    let wred = &fixed.port("1/2").unwrap().qos.queues[3].wred;
    assert!(wred.min.is(&50_000) && wred.max.is(&60_000));
    let fixed = again(Wish::Tag {
        port: port(),
        vlan: 711,
    });
    assert!(
        fixed
            .port("1/2")
            .unwrap()
            .tagged_vlans
            .get()
            .unwrap()
            .has(711)
    );
    let fixed = again(Wish::Obey {
        port: port(),
        priority: 4,
        queue: 2,
    });
    let pfc = &fixed.port("1/2").unwrap().qos.pfc;
    assert!(pfc.obey[4].is(&true) && pfc.stops[4].is(&2));
    let fixed = again(Wish::NoLinkPause { port: port() });
    assert!(fixed.port("1/2").unwrap().qos.pause_rx.is(&false));
    let fixed = again(Wish::NoDrop {
        class: 5,
        priority: 5,
    });
    assert!(fixed.port("1/2").unwrap().qos.classes[5].no_drop.is(&true));
}

#[test]
fn a_thousand_lines_are_read_in_time() {
    let mut text = String::from("no cli default prefix-modes enable\n");
    for n in 0..1000 {
        let line = format!(
            "interface ethernet 1/1-1/64 traffic-class {} dcb ets strict\n",
            n % 8
        );
        text.push_str(&line);
    }
    let device = read(Dialect::Onyx, &text);
    assert_eq!(device.ports.len(), 64);
}

#[test]
fn no_other_file_is_taken() {
    recognises_only(Dialect::Onyx, &[".onyx.cfg"], &[]);
}

#[test]
fn any_bytes_end() {
    survives_mutations(Dialect::Onyx, SW);
}
