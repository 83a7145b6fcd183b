use super::*;
use crate::describe::describe;
use crate::device::{PfcMode, Scheduler};
use crate::remark::RemarkKind;
use crate::repair::apply;
use crate::testing::{fault, read, sample, survives_mutations};

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
