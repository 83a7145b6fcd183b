use super::*;
use crate::describe::describe;
use crate::device::{Limit, PfcMode, Trust, WredAction};
use crate::remark::RemarkKind;
use crate::repair::{Wish, apply};
use crate::testing::{fault, read, sample, survives_mutations};

const LEAF: &str = r#"{
 "DEVICE_METADATA": {"localhost": {"hostname": "leaf1"}},
 "PORT": {
  "Ethernet0": {"speed": "100000", "mtu": "9100"},
  "Ethernet4": {"speed": "100000", "mtu": "9100"}
 },
 "CABLE_LENGTH": {"AZURE": {"Ethernet0": "40m", "Ethernet4": "0m"}},
 "DSCP_TO_TC_MAP": {"AZURE": {"0": "1", "26": "3", "48": "6"}},
 "TC_TO_QUEUE_MAP": {"AZURE": {"1": "1", "3": "3", "6": "6"}},
 "TC_TO_PRIORITY_GROUP_MAP": {"AZURE": {"1": "0", "3": "3", "6": "0"}},
 "PORT_QOS_MAP": {
  "Ethernet0": {"dscp_to_tc_map": "[DSCP_TO_TC_MAP|AZURE]", "tc_to_queue_map": "AZURE", "tc_to_pg_map": "AZURE", "pfc_enable": "3,4"},
  "Ethernet4": {"tc_to_queue_map": "AZURE", "pfc_enable": "3"}
 },
 "BUFFER_PROFILE": {"lossless": {"size": "1248", "xoff": "101088", "dynamic_th": "-3", "xon_offset": "2496"}},
 "BUFFER_PG": {"Ethernet0|3-4": {"profile": "[BUFFER_PROFILE|lossless]"}},
 "WRED_PROFILE": {"W": {"ecn": "ecn_none", "wred_green_enable": "true", "green_min_threshold": "9", "green_max_threshold": "5"}},
 "QUEUE": {"Ethernet0|3": {"wred_profile": "W"}},
 "PFC_WD": {"GLOBAL": {"POLL_INTERVAL": "1000"}, "Ethernet0": {"action": "drop", "detection_time": "200"}}
}
"#;

#[test]
fn tables_come_together_at_the_port() {
    let device = read(Dialect::Sonic, LEAF);
    assert_eq!(device.name, "leaf1");
    let port = device.port("Ethernet0").unwrap();
    let qos = &port.qos;
    assert!(qos.trust.is(&Trust::Dscp) && qos.pfc.mode.is(&PfcMode::On));
    assert_eq!(
        (qos.dscp[26].value(), qos.dscp[3].value()),
        (Some(3), Some(0))
    );
    assert_eq!(qos.dscp[26].span().unwrap().line, 8);
    assert!(qos.classes[3].no_drop.is(&true) && qos.classes[6].no_drop.is(&false));
    assert_eq!(qos.groups[3].headroom.value(), Some(101_088));
    assert!(qos.groups[3].limit.is(&Limit::Dynamic { num: 1, den: 8 }));
    assert!(qos.queues[3].wred.action.is(&WredAction::Drop));
    assert!(qos.watchdog.on.is(&true));
    let other = &device.port("Ethernet4").unwrap().qos;
    assert!(other.trust.is(&Trust::Nothing) && other.groups[3].lossless.is(&false));
    assert_eq!(device.remarks[0].kind, RemarkKind::BadValue);
}

#[test]
fn names_that_are_wrong_are_told() {
    let text = LEAF
        .replace("\"BUFFER_PG\"", "\"BUFER_PG\"")
        .replace("[DSCP_TO_TC_MAP|AZURE]", "AZUR")
        .replace("\"pfc_enable\": \"3,4\"", "\"pfc_enabel\": \"3\"");
    let device = read(Dialect::Sonic, &text);
    let kinds: Vec<RemarkKind> = device.remarks.iter().map(|r| r.kind).collect();
    assert!(kinds.contains(&RemarkKind::UnknownName));
    assert_eq!(
        kinds
            .iter()
            .filter(|k| **k == RemarkKind::NoSuchStatement)
            .count(),
        2,
        "{}",
        describe(&device)
    );
}

#[test]
fn half_a_file_is_a_fault() {
    assert!(fault(Dialect::Sonic, &LEAF[..700]).contains("cut short"));
    assert!(fault(Dialect::Sonic, "hostname x").contains("no JSON"));
}

#[test]
fn samples_are_understood() {
    for (path, least) in [
        ("sonic/qos-arista7050.json", 300),
        ("sonic/buffer-arista7260-t1.json", 200),
        (
            "sonic/tests__vs_voq_cfgs__vlab-t2-01_qos_new_dbfmt_config_db.json",
            300,
        ),
    ] {
        let device = read(Dialect::Sonic, &sample(path));
        let (all, understood) = (device.lines.qos(), device.lines.understood_count());
        assert!(
            all >= least && understood * 100 >= all * 95,
            "{path}: {understood} of {all}"
        );
        insta::assert_snapshot!(path.replace('/', "-"), describe(&device));
    }
}

#[test]
fn repairs_are_read_again() {
    let source = Source::new("x", LEAF);
    let device = read(Dialect::Sonic, LEAF);
    let again = |wish: Wish| {
        read(
            Dialect::Sonic,
            &apply(LEAF, &repair::repair(&device, &source, &wish).unwrap()),
        )
    };
    let port = "Ethernet0".to_owned();
    let fixed = again(Wish::Classify {
        port: port.clone(),
        dscp: Some(30),
        pcp: None,
        class: 3,
    });
    assert_eq!(
        fixed.port("Ethernet0").unwrap().qos.dscp[30].value(),
        Some(3)
    );
    let fixed = again(Wish::Classify {
        port: port.clone(),
        dscp: Some(26),
        pcp: None,
        class: 4,
    });
    assert_eq!(
        fixed.port("Ethernet0").unwrap().qos.dscp[26].value(),
        Some(4)
    );
    let fixed = again(Wish::Like {
        port: "Ethernet4".to_owned(),
        other: port.clone(),
    });
    assert!(fixed.port("Ethernet4").unwrap().qos.trust.is(&Trust::Dscp));
    let fixed = again(Wish::Mark {
        port: port.clone(),
        queue: 3,
        min: 100,
        max: 200,
    });
    assert!(
        fixed.port("Ethernet0").unwrap().qos.queues[3]
            .wred
            .action
            .is(&WredAction::Mark)
            && fixed.remarks.is_empty()
    );
    let fixed = again(Wish::WatchdogPoll { micros: 100_000 });
    assert_eq!(
        fixed
            .port("Ethernet0")
            .unwrap()
            .qos
            .watchdog
            .poll
            .value()
            .unwrap()
            .ps(),
        100_000_000_000
    );
    let fixed = again(Wish::Headroom {
        port: "Ethernet4".to_owned(),
        group: 3,
        bytes: 1,
    });
    assert_eq!(
        fixed.port("Ethernet4").unwrap().cable.value().unwrap().0,
        40_000
    );
}

#[test]
fn any_bytes_end() {
    survives_mutations(Dialect::Sonic, LEAF);
}
