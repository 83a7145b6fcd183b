use super::*;
use crate::repair::apply;
use crate::testing::{fault, read, survives_mutations};

const FIVE: &str = "# /etc/cumulus/datapath/qos/qos_features.conf
traffic.packet_priority_source_set = [dscp]
traffic.cos_3.priority_source.dscp = [24,25,26,27]
pfc.port_group_list = [roce]
pfc.roce.cos_list = [3]
pfc.roce.port_set = swp1-swp4,swp6
pfc.roce.port_buffer_bytes = 25000
pfc.roce.xoff_size = 10000
pfc.roce.xon_delta = 2000
pfc.roce.tx_enable = true
pfc.roce.rx_enable = false
pfc.roce.cable_length = 100
ecn_red.port_group_list = [e]
ecn_red.e.port_set = allports
ecn_red.e.egress_queue_list = [3]
ecn_red.e.ecn_enable = true
ecn_red.e.min_threshold_bytes = 150000
ecn_red.e.max_threshold_bytes = 1500000
default_egress_sched.egr_queue_3.bw_percent = 50
default_egress_sched.egr_queue_6.bw_percent = 0
";

#[test]
fn settings_act_on_the_ports_of_their_sets() {
    let device = read(Dialect::Cumulus, FIVE);
    let port = device.port("swp6").unwrap();
    let qos = &port.qos;
    assert!(
        qos.trust.is(&Trust::Dscp)
            && qos.dscp[26].is(&3)
            && qos.pfc.send[3].is(&true)
            && qos.pfc.obey[3].is(&false)
    );
    assert_eq!(
        (qos.groups[3].headroom.value(), port.cable.value()),
        (Some(15_000), Some(Length(100_000)))
    );
    assert!(
        qos.queues[3].wred.action.is(&WredAction::Mark)
            && qos.queues[6].scheduler.is(&Scheduler::Strict)
    );
    assert!(device.port("swp5").is_none() && device.other_ports.qos.pfc.mode.is(&PfcMode::Off));
    assert_eq!(device.lines.qos(), device.lines.understood_count());
}

#[test]
fn older_releases_keep_cos_3_for_the_cpu() {
    let device = read(
        Dialect::Cumulus,
        "pfc.port_group_list = [a]\npfc.a.cos_list = [4]\npfc.a.port_set = allports\n#pfc.a.tx_enable = false\n",
    );
    let qos = &device.other_ports.qos;
    assert!(qos.trust.is(&Trust::Pcp) && qos.pcp[3].is(&4) && qos.pfc.send[4].is(&true));
    assert!(!qos.pcp[3].is_stated());
}

#[test]
fn groups_that_nobody_lists_do_nothing() {
    let device = read(
        Dialect::Cumulus,
        "pfc.a.cos_list = [3]\npfc.a.port_set = allports\n",
    );
    assert_eq!(device.remarks.len(), 1);
    assert!(fault(Dialect::Cumulus, "hello\n").contains("no setting"));
}

#[test]
fn repairs_are_read_again() {
    let source = Source::new("x", FIVE);
    let device = read(Dialect::Cumulus, FIVE);
    let again = |wish: Wish| {
        read(
            Dialect::Cumulus,
            &apply(FIVE, &repair(&device, &source, &wish).unwrap()),
        )
    };
    let port = "swp1".to_owned();
    let fixed = again(Wish::Headroom {
        port: port.clone(),
        group: 3,
        bytes: 80_000,
    });
    assert_eq!(
        fixed.port("swp1").unwrap().qos.groups[3].headroom.value(),
        Some(80_000)
    );
    let fixed = again(Wish::Obey {
        port: port.clone(),
        priority: 3,
        queue: 3,
    });
    assert!(fixed.port("swp1").unwrap().qos.pfc.obey[3].is(&true));
    let fixed = again(Wish::Classify {
        port: port.clone(),
        dscp: Some(30),
        pcp: None,
        class: 3,
    });
    assert!(fixed.port("swp1").unwrap().qos.dscp[30].is(&3));
    let fixed = again(Wish::Trust {
        port: port.clone(),
        trust: Trust::Pcp,
    });
    assert!(fixed.port("swp1").unwrap().qos.trust.is(&Trust::Pcp));
    let fixed = again(Wish::Pfc { port, priority: 4 });
    assert!(fixed.other_ports.qos.pfc.send[4].is(&true));
}

#[test]
fn any_bytes_end() {
    survives_mutations(Dialect::Cumulus, FIVE);
}
