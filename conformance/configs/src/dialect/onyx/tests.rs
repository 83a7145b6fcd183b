use super::*;
use crate::repair::apply;
use crate::testing::{fault, read, survives_mutations};

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
    assert!(port.tagged_vlans.get().unwrap().has(711) && port.mtu.is(&9194));
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
            &apply(SW, &repair(&device, &source, &wish).unwrap()),
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
        .is(&9194)
    );
}

#[test]
fn any_bytes_end() {
    survives_mutations(Dialect::Onyx, SW);
}
