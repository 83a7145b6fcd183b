use super::*;
use crate::device::{PfcMode, Scheduler, Trust, WredAction};
use crate::remark::RemarkKind;
use crate::repair::{Wish, apply};
use crate::testing::{fault, read, recognises_only, survives_mutations};
use xoff_model::units::Length;

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
            &apply(FIVE, &repair::repair(&device, &source, &wish).unwrap()),
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
    let pfc = &fixed.port("swp1").unwrap().qos.pfc;
    assert!(pfc.send[4].is(&true) && pfc.send[3].is(&true));
    // A port that is in no group yet joins one.
    let port = "swp9".to_owned();
    let fixed = again(Wish::Pfc { port, priority: 3 });
    assert!(fixed.port("swp9").unwrap().qos.pfc.obey[3].is(&true));
    let fixed = again(Wish::Mark {
        port: "swp1".to_owned(),
        queue: 4,
        min: 7,
        max: 8,
    });
    assert!(fixed.port("swp1").unwrap().qos.queues[4].wred.min.is(&7));
}

#[test]
fn a_group_of_ports_may_sort_in_its_own_way() {
    let device = read(
        Dialect::Cumulus,
        "traffic.packet_priority_source_set = [802.1p]\nsource.port_group_list = [g]\n\
         source.g.packet_priority_source_set = [802.1p,dscp]\nsource.g.port_set = swp1-swp2\n\
         source.g.cos_5.priority_source.dscp = [26]\nsource.g.port_default_priority = 2\n",
    );
    let own = &device.port("swp2").unwrap().qos;
    assert!(own.trust.is(&Trust::Dscp) && own.dscp[26].is(&5) && own.default_class.is(&2));
    let other = &device.other_ports.qos;
    assert!(other.trust.is(&Trust::Pcp) && !other.dscp[26].is(&5));
    // What an old release does with a DSCP that no line names is not known.
    assert!(other.dscp[27].get().is_none());
}

#[test]
fn samples_behind_a_sign_are_no_configuration() {
    let device = read(
        Dialect::Cumulus,
        "# /etc/cumulus/datapath/qos/qos_features.conf\n#pfc.port_group_list = [a]\n#pfc.a.cos_list = [3]\n\
         # pfc.a.port_set = allports\n",
    );
    assert!(device.other_ports.qos.pfc.mode.is(&PfcMode::Off));
    assert_eq!((device.lines.qos(), device.remarks.len()), (0, 0));
    assert!(device.other_ports.qos.pcp[3].is(&3) && device.other_ports.qos.dscp[26].is(&3));
}

#[test]
fn mistakes_are_told() {
    let kinds = |text: &str| -> Vec<RemarkKind> {
        let device = read(Dialect::Cumulus, text);
        device.remarks.iter().map(|r| r.kind).collect()
    };
    let start = "pfc.port_group_list = [a]\npfc.a.port_set = allports\n";
    let with = |more: &str| kinds(&format!("{start}{more}"));
    assert_eq!(with("pfc.a.cos_list = [3]\n"), []);
    assert_eq!(with("pfc.a.cos_list = [8]\n"), [RemarkKind::BadValue]);
    assert_eq!(with("pfc.a.cos_lst = [3]\n"), [RemarkKind::NoSuchStatement]);
    let twice = "pfc.a.cos_list = [3]\npfc.a.cos_list = [4]\n";
    assert_eq!(with(twice), [RemarkKind::Contradiction]);
    let both =
        "traffic.cos_3.priority_source.dscp = [26]\ntraffic.cos_4.priority_source.dscp = [26]\n";
    assert_eq!(with(both), [RemarkKind::Contradiction]);
    let curve = "ecn.port_group_list = [e]\necn.e.port_set = swp1\necn.e.cos_list = [3]\n\
                 ecn.e.min_threshold_bytes = 9\necn.e.max_threshold_bytes = 8\n";
    assert_eq!(kinds(curve), [RemarkKind::BadValue]);
    // The list names a group of another name: the settings of both do nothing.
    let other = "pfc.port_group_list = [B]\npfc.a.cos_list = [3]\npfc.a.port_set = swp1\n";
    assert_eq!(kinds(other), [RemarkKind::NotBound, RemarkKind::NotBound]);
}

#[test]
fn rewriting_is_not_followed_and_said() {
    let text = "traffic.packet_priority_remark_set = [dscp]\ntraffic.cos_3.priority_remark.dscp = [26]\n\
                default_egress_shaping.egr_queue_3.shaper = 5\nswitch.x = 1\n";
    let device = read(Dialect::Cumulus, text);
    assert_eq!(
        (device.lines.qos(), device.lines.understood_count()),
        (3, 0)
    );
}

#[test]
fn carriage_returns_change_nothing() {
    let unix = crate::describe::describe(&read(Dialect::Cumulus, FIVE));
    let dos = crate::describe::describe(&read(Dialect::Cumulus, &FIVE.replace('\n', "\r\n")));
    assert_eq!(unix, dos);
    assert!(
        unix.contains("queue 3: Percent(50), Mark 150000 to 1500000 B"),
        "{unix}"
    );
}

#[test]
fn no_other_file_is_taken() {
    recognises_only(Dialect::Cumulus, &[".qos_features.conf"], &[]);
}

#[test]
fn any_bytes_end() {
    survives_mutations(Dialect::Cumulus, FIVE);
}
