use super::*;
use crate::device::{PfcMode, Scheduler};
use crate::repair::apply;
use crate::testing::{fault, read, survives_mutations};

const ROCE: &str = "nv set system hostname sw1\nnv set interface swp1-4 link mtu 9216\nnv set qos roce\nnv set interface swp1-4 qos pfc-watchdog\nnv config apply\n";

#[test]
fn one_line_makes_a_lossless_class() {
    let device = read(Dialect::Nvue, ROCE);
    let port = device.port("swp4").unwrap();
    let qos = &port.qos;
    assert!(
        qos.pfc.mode.is(&PfcMode::On) && qos.pfc.send[3].is(&true) && qos.pfc.obey[3].is(&true)
    );
    assert_eq!(
        (qos.dscp[26].value(), qos.dscp[48].value()),
        (Some(3), Some(6))
    );
    assert!(qos.queues[6].scheduler.is(&Scheduler::Strict) && qos.watchdog.on.is(&true));
    assert_eq!(
        (
            qos.queues[3].wred.min.value(),
            qos.queues[3].wred.max.value()
        ),
        (Some(150_000), Some(1_500_000))
    );
    assert!(device.other_ports.qos.pfc.send[3].is(&true));
    assert_eq!(device.lines.qos(), device.lines.understood_count());
}

#[test]
fn a_lossy_mode_stays() {
    let device = read(
        Dialect::Nvue,
        "nv set qos roce mode lossy\nnv set qos roce\nnv set interface swp1 link mtu 9216\n",
    );
    let qos = &device.port("swp1").unwrap().qos;
    assert!(qos.pfc.mode.is(&PfcMode::Off) && qos.classes[3].no_drop.is(&false));
    let device = read(
        Dialect::Nvue,
        "nv set qos roce mode losless\nnv set interface swp1 link mtu 9216\n",
    );
    assert_eq!(device.remarks.len(), 1);
}

#[test]
fn profiles_act_where_they_are_bound() {
    let text = "nv set qos mapping m trust dscp\nnv set qos mapping m dscp 26 switch-priority 4\nnv set qos pfc p switch-priority 4\n\
                nv set qos pfc p rx disable\nnv set interface swp1 qos mapping profile m\nnv set interface swp1 qos pfc profile p\n\
                nv set interface swp2 qos mapping profile m\n";
    let device = read(Dialect::Nvue, text);
    let one = &device.port("swp1").unwrap().qos;
    assert_eq!(one.dscp[26].value(), Some(4));
    assert!(one.pfc.send[4].is(&true) && one.pfc.obey[4].is(&false));
    assert!(device.port("swp2").unwrap().qos.pfc.mode.is(&PfcMode::Off));
    let device = read(
        Dialect::Nvue,
        "nv set qos pfc p switch-priority 4\nnv set interface swp1 link mtu 9216\n",
    );
    assert_eq!(device.remarks.len(), 1);
}

#[test]
fn yaml_says_the_same() {
    let yaml = "- header:\n    model: VX\n- set:\n    system:\n      hostname: sw1\n    interface:\n      swp1-4:\n        link:\n          mtu: 9216\n        qos:\n          pfc-watchdog: {}\n    qos:\n      roce:\n        enable: on\n        mode: lossless\n";
    let device = read(Dialect::Nvue, yaml);
    assert_eq!(device.name, "sw1");
    let qos = &device.port("swp3").unwrap().qos;
    assert!(qos.pfc.send[3].is(&true) && qos.watchdog.on.is(&true));
    assert!(fault(Dialect::Nvue, "- set:\n    qos: {\n").contains("cut short"));
}

#[test]
fn ranges_bonds_and_vlans() {
    let text = "nv set interface swp1s0-3 link mtu 9000\nnv set interface bond1 bond member swp5-6\nnv set interface bond1 link mtu 4200\n\
                nv set bridge domain br_default vlan 10,711\nnv set interface swp1s0 bridge domain br_default\nnv set interface swp1s1 bridge domain br_default access 10\n\
                nv set interface swp1s2 ip address 10.0.0.1/31\n";
    let device = read(Dialect::Nvue, text);
    assert_eq!(device.port("swp6").unwrap().mtu.value(), Some(4200));
    assert!(
        device
            .port("swp1s0")
            .unwrap()
            .tagged_vlans
            .get()
            .unwrap()
            .has(711)
    );
    assert_eq!(
        device.port("swp1s1").unwrap().native_vlan.value(),
        Some(Some(10))
    );
    assert!(device.port("swp1s2").unwrap().routed.is(&true) && device.port("swp1s3").is_some());
}

#[test]
fn repairs_are_read_again() {
    let source = Source::new(
        "x",
        "nv set interface swp1 link mtu 1500\nnv config apply\n",
    );
    let device = read(Dialect::Nvue, &source.text);
    let again = |wish: Wish| {
        read(
            Dialect::Nvue,
            &apply(&source.text, &repair(&device, &source, &wish).unwrap()),
        )
    };
    let port = "swp1".to_owned();
    let fixed = again(Wish::Mtu {
        port: port.clone(),
        bytes: 9000,
    });
    assert_eq!(fixed.port("swp1").unwrap().mtu.value(), Some(9216));
    let fixed = again(Wish::Pfc {
        port: port.clone(),
        priority: 3,
    });
    assert!(fixed.port("swp1").unwrap().qos.pfc.send[3].is(&true));
    let fixed = again(Wish::Classify {
        port,
        dscp: Some(30),
        pcp: None,
        class: 5,
    });
    assert_eq!(fixed.port("swp1").unwrap().qos.dscp[30].value(), Some(5));
}

#[test]
fn any_bytes_end() {
    survives_mutations(Dialect::Nvue, ROCE);
}
