use super::*;
use crate::describe::describe;
use crate::device::{PfcMode, Scheduler};
use crate::remark::RemarkKind;
use crate::repair::apply;
use crate::testing::{fabric_holds, fault, read, sample, survives_mutations};

const TOR: &str = "hostname S4810-A
dcb enable
service-class dynamic dot1p
dcb-map STORAGE
 priority-group 0 bandwidth 60 pfc on
 priority-group 1 bandwidth 40 pfc off
 priority-pgid 1 1 1 0 1 1 1 1
!
interface TenGigabitEthernet 0/1
 mtu 9216
 portmode hybrid
 switchport
 dcb-map STORAGE
 no shutdown
!
interface TenGigabitEthernet 0/2
 no ip address
 shutdown
!
interface Port-channel 50
 mtu 9216
 channel-member TenGigabitEthernet 0/2,5-6
!
interface Vlan 711
 tagged TenGigabitEthernet 0/1-2
";

#[test]
fn a_map_makes_lossless_priorities() {
    let device = read(Dialect::Os9, TOR);
    let port = device.port("Te 0/1").unwrap();
    let qos = &port.qos;
    assert!(
        qos.pfc.mode.is(&PfcMode::On)
            && qos.pfc.send[3].is(&true)
            && qos.classes[4].no_drop.is(&false)
    );
    assert!(
        qos.classes[3].queue.is(&1)
            && qos.pfc.stops[3].is(&1)
            && qos.queues[1].scheduler.is(&Scheduler::Percent(60))
    );
    assert!(port.mtu.is(&9198) && port.tagged_vlans.get().unwrap().has(711));
    assert!(device.port("TenGigabitEthernet 0/6").unwrap().mtu.is(&9198));
    assert!(
        device
            .port("TenGigabitEthernet 0/2")
            .unwrap()
            .enabled
            .is(&false)
    );
    assert!(device.remarks.is_empty() && device.lines.qos() == device.lines.understood_count());
}

#[test]
fn remarks_are_made() {
    let kinds = |text: &str| -> Vec<RemarkKind> {
        read(Dialect::Os9, text)
            .remarks
            .iter()
            .map(|r| r.kind)
            .collect()
    };
    assert_eq!(
        kinds(&TOR.replace("1 1 1 0 1 1 1 1", "1 1 1 0 0 0 1 1")),
        [RemarkKind::TooManyLossless]
    );
    assert_eq!(
        kinds(&TOR.replace("1 1 1 0 1 1 1 1", "1 1 1 0 1")),
        [RemarkKind::BadValue]
    );
    assert_eq!(
        kinds(&TOR.replace("bandwidth 40", "bandwidth 50")),
        [RemarkKind::Sum]
    );
    assert_eq!(
        kinds(&TOR.replace("dcb enable\n", "")),
        [RemarkKind::Prerequisite]
    );
    assert_eq!(
        kinds(&TOR.replace(" dcb-map STORAGE\n no", " no")),
        [RemarkKind::NotBound]
    );
    assert!(fault(Dialect::Os9, "nothing\n").contains("no interface"));
}

#[test]
fn a_sample_is_understood() {
    let device = read(Dialect::Os9, &sample("dell-os9/S4810-TOR1.cfg"));
    let (all, understood) = (device.lines.qos(), device.lines.understood_count());
    assert!(
        all >= 100 && understood * 100 >= all * 95,
        "{understood} of {all}"
    );
    insta::assert_snapshot!(describe(&device));
}

#[test]
fn repairs_are_read_again() {
    let source = Source::new("x", TOR);
    let device = read(Dialect::Os9, TOR);
    let again = |wish: Wish| {
        read(
            Dialect::Os9,
            &apply(TOR, &repair(&device, &source, &wish).unwrap()),
        )
    };
    let two = "TenGigabitEthernet 0/2".to_owned();
    let fixed = again(Wish::Like {
        port: two.clone(),
        other: "TenGigabitEthernet 0/1".to_owned(),
    });
    assert!(fixed.port("Te 0/2").unwrap().qos.pfc.send[3].is(&true));
    let fixed = again(Wish::Pfc {
        port: two.clone(),
        priority: 3,
    });
    assert!(fixed.port("Te 0/2").unwrap().qos.pfc.mode.is(&PfcMode::On));
    let fixed = again(Wish::Mtu {
        port: two,
        bytes: 9000,
    });
    assert!(fixed.port("Te 0/2").unwrap().mtu.is(&9198));
    let fixed = again(Wish::NoDrop {
        class: 4,
        priority: 4,
    });
    assert!(fixed.port("Te 0/1").unwrap().qos.pfc.send[4].is(&true));
}

#[test]
fn any_bytes_end() {
    survives_mutations(Dialect::Os9, TOR);
}

#[test]
fn the_fabric_is_right_and_mistakes_are_told() {
    fabric_holds("os9", 8);
}

#[test]
fn the_model_tells_the_queues() {
    let queue = |text: &str| {
        let qos = &read(Dialect::Os9, text).ports[0].qos.clone();
        (qos.classes[3].queue.value(), qos.classes[0].queue.value())
    };
    assert_eq!(queue(TOR), (Some(1), Some(0)));
    let big = TOR.replace("dcb enable", "stack-unit 0 provision S6000\ndcb enable");
    assert_eq!(queue(&big), (Some(3), Some(1)));
    // A neighbour's model is not its own.
    let near = TOR.replacen(" mtu 9216", " description to S6000-ON\n mtu 9216", 1);
    assert_eq!(queue(&near), (Some(1), Some(0)));
    let without = TOR.replace("service-class dynamic dot1p\n", "");
    assert_eq!(queue(&without), (None, None));
}

#[test]
fn link_pause_beside_dcb_is_told() {
    let text = TOR.replacen(" mtu 9216", " flowcontrol rx on tx off\n mtu 9216", 1);
    let device = read(Dialect::Os9, &text);
    assert_eq!(device.remarks.len(), 1);
    assert_eq!(device.remarks[0].kind, RemarkKind::TwoKindsOfPause);
    assert!(device.ports[0].qos.pause_rx.is(&true) && device.ports[0].qos.pause_tx.is(&false));
}

#[test]
fn policies_of_old_releases_are_read() {
    let text = "hostname s\ndcb enable\ndcb-input SMB\n pfc priority 3\n!\n\
        interface TenGigabitEthernet 0/1\n dcb-policy input SMB\n pfc frobnicate\n no shutdown\n";
    let device = read(Dialect::Os9, text);
    let qos = &device.ports[0].qos;
    assert!(
        qos.pfc.mode.is(&PfcMode::On) && qos.pfc.send[3].is(&true) && qos.pfc.send[4].is(&false)
    );
    let unknown: Vec<u32> = device
        .lines
        .unknown_lines()
        .map(|(at, _)| at.line)
        .collect();
    assert_eq!(unknown, [8]);
}

#[test]
fn lossless_queues_without_a_map_are_unknown() {
    let text = TOR.replacen(" dcb-map STORAGE\n no", " pfc no-drop queues 1\n no", 1);
    let device = read(Dialect::Os9, &text);
    assert_eq!(device.ports[0].qos.classes[3].no_drop.value(), None);
}

#[test]
fn shares_and_tags_are_repaired() {
    let source = Source::new("x", TOR);
    let device = read(Dialect::Os9, TOR);
    let one = "TenGigabitEthernet 0/1".to_owned();
    let wish = Wish::Share {
        port: one.clone(),
        queue: 1,
        percent: 70,
    };
    let fixed = apply(TOR, &repair(&device, &source, &wish).unwrap());
    let fixed = read(Dialect::Os9, &fixed);
    assert!(fixed.remarks.is_empty());
    assert!(
        fixed.ports[0].qos.queues[1]
            .scheduler
            .is(&Scheduler::Percent(70))
    );
    let bare = TOR.replace(
        " tagged TenGigabitEthernet 0/1-2",
        " untagged TenGigabitEthernet 0/1",
    );
    let (source, device) = (Source::new("x", &*bare), read(Dialect::Os9, &bare));
    let wish = Wish::Tag {
        port: one,
        vlan: 711,
    };
    let fixed = apply(&bare, &repair(&device, &source, &wish).unwrap());
    let port = &read(Dialect::Os9, &fixed).ports[0];
    assert!(port.tagged_vlans.get().unwrap().has(711) && port.native_vlan.is(&Some(1)));
}

#[test]
fn carriage_returns_change_nothing() {
    let device = read(Dialect::Os9, &TOR.replace('\n', "\r\n"));
    assert_eq!(describe(&device), describe(&read(Dialect::Os9, TOR)));
}
