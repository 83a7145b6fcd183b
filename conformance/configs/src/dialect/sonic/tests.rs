use super::*;
use crate::describe::describe;
use crate::device::{Limit, PfcMode, Trust, WredAction};
use crate::remark::RemarkKind;
use crate::repair::{Wish, apply};
use crate::source::FileId;
use crate::testing::{fault, read, read_all, recognises_only, sample, survives_mutations};

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

fn kinds(text: &str) -> Vec<RemarkKind> {
    let device = read(Dialect::Sonic, text);
    device.remarks.iter().map(|r| r.kind).collect()
}

/// LEAF with one text in place of another, which it must have.
fn with(from: &str, to: &str) -> String {
    assert!(LEAF.contains(from), "{from}");
    LEAF.replacen(from, to, 1)
}

#[test]
fn forms_of_keys_and_references() {
    let text = r#"{"PORT_QOS_MAP": {
      "lc1|Asic0|Ethernet0,Ethernet4": {"dscp_to_tc_map": "[DSCP_TO_TC_MAP|A]", "pfc_enable": "2-3"},
      "global": {"dscp_to_tc_map": "B"}},
     "DSCP_TO_TC_MAP": {"A": {"0-7": "1", "26": "3"}, "B": {"26": "4"}},
     "BUFFER_PG": {"Ethernet4|3-4": {"profile": "NULL"}, "Ethernet0|3": {"profile": "P"}},
     "BUFFER_PROFILE": {"P": {"pool": "I", "headroom_type": "dynamic", "dynamic_th": "3"}},
     "BUFFER_POOL": {"I": {"type": "ingress", "mode": "dynamic"}}}"#;
    let device = read(Dialect::Sonic, text);
    assert_eq!(device.ports.len(), 2);
    let qos = &device.port("Ethernet4").unwrap().qos;
    assert!(qos.dscp[5].is(&1) && qos.dscp[26].is(&3) && qos.dscp[8].is(&0));
    assert!(qos.pfc.send[2].is(&true) && qos.pfc.obey[3].is(&true) && qos.pfc.send[4].is(&false));
    assert!(qos.groups[4].lossless.is(&true) && qos.groups[4].headroom.get().is_none());
    let qos = &device.port("Ethernet0").unwrap().qos;
    assert!(qos.groups[3].lossless.is(&true) && qos.groups[3].headroom.get().is_none());
    assert!(qos.groups[3].limit.is(&Limit::Dynamic { num: 8, den: 1 }));
    // What the file does not name has the map of the switch.
    assert!(
        device.other_ports.qos.trust.is(&Trust::Dscp) && device.other_ports.qos.dscp[26].is(&4)
    );
    assert!(device.remarks.is_empty(), "{:?}", device.remarks);
}

#[test]
fn rows_of_other_databases_are_read() {
    let list = r#"[{"PORT_QOS_MAP_TABLE:Ethernet0": {"pfc_enable": "3"}, "OP": "SET"},
      {"DSCP_TO_TC_MAP_TABLE:A": {"26": "3"}, "OP": "SET"}]"#;
    let dump = r#"{"PORT_QOS_MAP|Ethernet0": {"type": "hash", "value": {"pfc_enable": "3"}},
      "DSCP_TO_TC_MAP|A": {"type": "hash", "value": {"26": "3"}}}"#;
    for text in [list, dump] {
        let device = read(Dialect::Sonic, text);
        let qos = &device.port("Ethernet0").unwrap().qos;
        assert!(qos.pfc.send[3].is(&true), "{text}");
    }
}

#[test]
fn what_is_not_said_is_not_known() {
    // No map at all: the default of the ASIC.
    let bare = r#"{"PORT": {"Ethernet0": {}}, "PORT_QOS_MAP": {"Ethernet0": {"pfc_enable": "3"}}}"#;
    let device = read(Dialect::Sonic, bare);
    let port = &device.port("Ethernet0").unwrap();
    assert!(port.qos.trust.get().is_none() && port.qos.groups[3].lossless.get().is_none());
    assert!(port.mtu.is(&9100) && !port.mtu.is_stated() && port.qos.dcbx.on.is(&false));
    assert!(port.qos.watchdog.on.is(&false));
    // A file of buffers.
    let buffers = r#"{"BUFFER_PG": {"Ethernet0|3": {"profile": "p"}},
      "BUFFER_PROFILE": {"p": {"xoff": "9", "size": "5"}}, "BUFFER_POOL": {}}"#;
    let qos = read(Dialect::Sonic, buffers)
        .port("Ethernet0")
        .unwrap()
        .qos
        .clone();
    assert!(qos.pfc.mode.get().is_none() && qos.trust.get().is_none());
    assert!(qos.groups[3].headroom.is(&9) && qos.watchdog.on.get().is_none());
}

#[test]
fn early_drops_need_their_switch() {
    let action = |fields: &str| {
        let text = format!(
            r#"{{"PORT_QOS_MAP": {{}}, "QUEUE": {{"Ethernet0|3": {{"wred_profile": "[WRED_PROFILE|W]"}}}},
            "WRED_PROFILE": {{"W": {{{fields}}}}}}}"#
        );
        let device = read(Dialect::Sonic, &text);
        device.port("Ethernet0").unwrap().qos.queues[3]
            .wred
            .action
            .value()
    };
    let on = "\"wred_green_enable\": \"true\"";
    assert_eq!(
        action(&format!("{on}, \"ecn\": \"ecn_none\"")),
        Some(WredAction::Drop)
    );
    assert_eq!(action(on), Some(WredAction::Drop));
    assert_eq!(action("\"ecn\": \"ecn_none\""), Some(WredAction::Off));
    assert_eq!(
        action(&format!("{on}, \"ecn\": \"ecn_all\"")),
        Some(WredAction::Mark)
    );
    let off = "\"wred_green_enable\": \"false\", \"ecn\": \"ecn_all\"";
    assert_eq!(action(off), None);
}

#[test]
fn asymmetric_pfc_obeys_everything() {
    let text = with(
        "\"mtu\": \"9100\"}",
        "\"mtu\": \"9100\", \"pfc_asym\": \"on\"}",
    );
    let device = read(Dialect::Sonic, &text);
    let pfc = &device.port("Ethernet0").unwrap().qos.pfc;
    assert!(pfc.obey[0].is(&true) && pfc.send[0].is(&false) && pfc.send[3].is(&true));
}

#[test]
fn lags_and_vlans() {
    let text = r#"{"PORT": {"Ethernet0": {"mtu": "9100"}, "Ethernet4": {"admin_status": "down"}, "Ethernet8": {}},
      "PORTCHANNEL": {"PortChannel1": {"mtu": "1500"}},
      "PORTCHANNEL_MEMBER": {"PortChannel1|Ethernet0": {}},
      "PORTCHANNEL_INTERFACE": {"PortChannel1": {}, "PortChannel1|10.0.0.0/31": {}, "PortChannel1|fc00::1/126": {}},
      "VLAN_MEMBER": {"Vlan10|Ethernet4": {"tagging_mode": "untagged"}, "Vlan11|Ethernet4": {"tagging_mode": "tagged"}},
      "DEVICE_NEIGHBOR": {"Ethernet8": {"name": "spine1", "port": "Ethernet1/1"}},
      "PORT_QOS_MAP": {"Ethernet0": {"pfc_enable": "3"}}}"#;
    let device = read(Dialect::Sonic, text);
    let port = device.port("Ethernet0").unwrap();
    assert!(port.routed.is(&true) && port.mtu.is(&1500));
    assert_eq!(port.lag.as_ref().unwrap().0, "PortChannel1");
    let lag = device.port("PortChannel1").unwrap();
    assert!(lag.kind == crate::device::PortKind::Lag && lag.qos.pfc.send[3].is(&true));
    let port = device.port("Ethernet4").unwrap();
    assert!(port.enabled.is(&false) && port.native_vlan.is(&Some(10)) && port.routed.is(&false));
    let tagged = port.tagged_vlans.get().unwrap();
    assert!(tagged.has(11) && !tagged.has(10));
    let port = device.port("Ethernet8").unwrap();
    assert_eq!(port.description.as_ref().unwrap().0, "spine1 Ethernet1/1");
}

#[test]
fn each_asic_is_a_device() {
    let text = r#"{"localhost": {"DEVICE_METADATA": {"localhost": {"hostname": "chassis"}}},
      "asic0": {"PORT": {"Ethernet0": {}}, "PORT_QOS_MAP": {"Ethernet0": {"pfc_enable": "3"}}},
      "asic1": {"PORT": {"Ethernet40": {}}, "DEVICE_METADATA": {"localhost": {"hostname": "chassis", "asic_name": "asic1"}}}}"#;
    let devices = read_all(Dialect::Sonic, text);
    let names: Vec<&str> = devices.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["chassis-asic0", "chassis-asic1"]);
    assert!(devices[0].port("Ethernet0").unwrap().qos.pfc.send[3].is(&true));
}

#[test]
fn tunnels_of_dual_tors_bounce() {
    let plain = r#"{"PORT": {"Ethernet0": {}}, "TUNNEL": {"MuxTunnel0": {"dscp_mode": "uniform"}},
      "MUX_CABLE": {"Ethernet0": {"state": "auto"}}, "PORT_QOS_MAP": {}}"#;
    let bounce = read(Dialect::Sonic, plain).bounce.unwrap();
    assert!(!bounce.remapped);
    let mapped = plain.replace("uniform\"", "pipe\", \"decap_dscp_to_tc_map\": \"T\"");
    assert!(read(Dialect::Sonic, &mapped).bounce.unwrap().remapped);
}

#[test]
fn the_watchdog_looks_at_what_is_selected() {
    let selected = |list: &str| {
        let row = format!("\"pfc_enable\": \"3,4\", \"pfcwd_sw_enable\": \"{list}\"");
        read(Dialect::Sonic, &with("\"pfc_enable\": \"3,4\"", &row))
    };
    let on = |device: &Device| device.port("Ethernet0").unwrap().qos.watchdog.on.value();
    let device = selected("3,4");
    assert_eq!((on(&device), device.remarks.len()), (Some(true), 1));
    let device = selected("4");
    assert_eq!(on(&device), Some(true));
    assert!(
        device
            .remarks
            .iter()
            .any(|r| r.kind == RemarkKind::WatchdogInert
                && r.priorities == 8
                && r.port.as_deref() == Some("Ethernet0"))
    );
    assert_eq!(on(&selected("")), Some(false));
    assert_eq!(on(&selected("5")), Some(false));
}

#[test]
fn refused_values_are_told() {
    let bad = |from: &str, to: &str| {
        let more = kinds(&with(from, to));
        // One is in the file as it is.
        let count = more.iter().filter(|k| **k == RemarkKind::BadValue).count();
        assert_eq!(count, 2, "{to}: {more:?}");
    };
    bad("\"pfc_enable\": \"3\"", "\"pfc_enable\": \"8\"");
    bad("\"26\": \"3\"", "\"66\": \"3\"");
    bad("\"26\": \"3\"", "\"26\": \"9\"");
    bad("\"Ethernet4\": \"0m\"", "\"Ethernet4\": \"far\"");
    bad("\"action\": \"drop\"", "\"action\": \"dorp\"");
    bad("\"48\": \"6\"}", "\"48\": \"6\",}");
    // Broadcom's lossy profiles have a static threshold in a dynamic pool.
    let pools = r#"{"BUFFER_POOL": {"I": {"mode": "dynamic"}}, "BUFFER_PROFILE": {"p": {"pool": "[BUFFER_POOL|I]", "static_th": "9"}}}"#;
    assert_eq!(kinds(pools), []);
}

#[test]
fn what_is_bound_to_nothing_is_told() {
    let text = LEAF.replace("\"dscp_to_tc_map\": \"[DSCP_TO_TC_MAP|AZURE]\", ", "");
    assert!(kinds(&text).contains(&RemarkKind::NotBound));
    let text = with("\"wred_profile\": \"W\"", "\"scheduler\": \"\"");
    assert!(kinds(&text).contains(&RemarkKind::NotBound));
}

#[test]
fn the_last_of_two_counts() {
    let text = with("\"26\": \"3\"", "\"26\": \"3\", \"26\": \"4\"");
    let device = read(Dialect::Sonic, &text);
    assert!(device.port("Ethernet0").unwrap().qos.dscp[26].is(&4));
    let text = with(
        "\"PFC_WD\": {",
        "\"PFC_WD\": {\"Ethernet0\": {}},\n \"PFC_WD\": {",
    );
    let device = read(Dialect::Sonic, &text);
    let told = device
        .remarks
        .iter()
        .find(|r| r.kind == RemarkKind::Contradiction);
    assert_eq!(
        (told.unwrap().at.line, told.unwrap().related[0].line),
        (20, 19)
    );
    assert!(
        device
            .port("Ethernet0")
            .unwrap()
            .qos
            .watchdog
            .detect
            .get()
            .is_some()
    );
}

#[test]
fn real_tables_are_no_mistakes() {
    let text = with(
        " \"PFC_WD\"",
        " \"DSCP_TO_FC_MAP\": {}, \"VLAN_INTERFACE\": {}, \"BGP_NEIGHBOR\": {\"10.0.0.1\": {\"asn\": \"1\"}},\n \
         \"PFC_HISTORY\": {\"Ethernet0\": {\"x\": \"1\"}},\n \"PFC_WD\"",
    );
    let device = read(Dialect::Sonic, &text);
    assert_eq!(device.remarks.len(), 1, "{:?}", device.remarks);
    // A table that is about QoS by its name, and not known.
    assert_eq!(device.lines.unknown_lines().count(), 1);
}

#[test]
fn prompts_line_ends_and_tabs_change_nothing() {
    let plain = describe(&read(Dialect::Sonic, LEAF));
    let dos = LEAF.replace('\n', "\r\n").replace("\n ", "\n\t");
    assert_eq!(describe(&read(Dialect::Sonic, &dos)), plain);
    let typed = format!(
        "admin@leaf1:~$ cat /etc/sonic/config_db.json\n{}admin@leaf1:~$ \n",
        LEAF.replace("\": ", "\":")
    );
    let device = read(Dialect::Sonic, &typed);
    assert_eq!(
        device.port("Ethernet0").unwrap().qos.dscp[26]
            .span()
            .unwrap()
            .line,
        9
    );
}

#[test]
fn malformed_files_are_faults() {
    let told = |text: &str, what: &str| {
        let fault = fault(Dialect::Sonic, text);
        assert!(fault.contains(what), "{fault}");
    };
    told(
        "{\"PORT\": {\"Ethernet0\": {}",
        "cut short: `{` of line 1 is never closed",
    );
    told("{\"PORT\": \"x", "a text has no end");
    told("{\"PORT\" {}}", "no value behind `PORT`");
    told("{\"PORT\": {} \"QUEUE\": {}}", "not separated");
    told("{\"PORT\": {}}}", "more follows");
    told("{PORT: 1}", "has no key here");
    told("{\"PORT\": {% for p in x %}}", "no key here");
    told("{\"a\": nope}", "no value here");
    told(&"[".repeat(100_000), "nested too deeply");
    let text = "{\"a\": \"\\u00e9\\n\\ud83d\\/\", \"b\": [1, -2.5, true, null, []]}";
    let source = Source::new("x", text);
    let file = FileId(0);
    let json = json::parse(Input {
        file,
        source: &source,
    });
    assert_eq!(
        json.unwrap().tree.get("a").unwrap().text(),
        Some("\u{e9}\n\u{fffd}/")
    );
}

#[test]
fn more_repairs_are_read_again() {
    let source = Source::new("x", LEAF);
    let device = read(Dialect::Sonic, LEAF);
    let again = |wish: Wish| {
        let edits = repair::repair(&device, &source, &wish).unwrap_or_else(|| panic!("{wish:?}"));
        read(Dialect::Sonic, &apply(LEAF, &edits))
    };
    let port = || "Ethernet4".to_owned();
    let qos = |device: &Device| device.port("Ethernet4").unwrap().qos.clone();
    // What has PFC keeps it.
    let fixed = qos(&again(Wish::Pfc {
        port: port(),
        priority: 5,
    }));
    assert!(fixed.pfc.send[3].is(&true) && fixed.pfc.send[5].is(&true));
    let fixed = qos(&again(Wish::Trust {
        port: port(),
        trust: Trust::Dscp,
    }));
    assert!(fixed.trust.is(&Trust::Dscp) && fixed.dscp[26].is(&3));
    let fixed = qos(&again(Wish::Obey {
        port: port(),
        priority: 4,
        queue: 4,
    }));
    assert!(fixed.pfc.obey[4].is(&true));
    let fixed = qos(&again(Wish::Watchdog { port: port() }));
    assert!(fixed.watchdog.on.is(&true) && fixed.watchdog.detect.get().is_some());
    let fixed = again(Wish::NoDrop {
        class: 6,
        priority: 6,
    });
    assert!(fixed.port("Ethernet0").unwrap().qos.pfc.send[6].is(&true));
    let fixed = again(Wish::Mtu {
        port: port(),
        bytes: 9216,
    });
    assert!(fixed.port("Ethernet4").unwrap().mtu.is(&9216));
    let fixed = again(Wish::Headroom {
        port: "Ethernet0".to_owned(),
        group: 3,
        bytes: 77,
    });
    assert!(
        fixed.port("Ethernet0").unwrap().qos.groups[3]
            .headroom
            .is(&77)
    );
    let share = r#"{"PORT": {"Ethernet0": {}}, "SCHEDULER": {"a": {"type": "DWRR", "weight": "1"}, "b": {"type": "DWRR", "weight": "30"}},
      "QUEUE": {"Ethernet0|3": {"scheduler": "a"}, "Ethernet0|0": {"scheduler": "b"}}, "VLAN_MEMBER": {}, "WRED_PROFILE": {}}"#;
    let source = Source::new("x", share);
    let device = read(Dialect::Sonic, share);
    let again = |wish: Wish| {
        let edits = repair::repair(&device, &source, &wish).unwrap();
        read(Dialect::Sonic, &apply(share, &edits))
    };
    let name = || "Ethernet0".to_owned();
    let fixed = again(Wish::Share {
        port: name(),
        queue: 3,
        percent: 50,
    });
    let scheduler = fixed.port("Ethernet0").unwrap().qos.queues[3]
        .scheduler
        .value();
    assert_eq!(scheduler, Some(crate::device::Scheduler::Weight(30)));
    let fixed = again(Wish::Tag {
        port: name(),
        vlan: 711,
    });
    assert!(
        fixed
            .port("Ethernet0")
            .unwrap()
            .tagged_vlans
            .get()
            .unwrap()
            .has(711)
    );
    let fixed = again(Wish::Watchdog { port: name() });
    assert!(fixed.port("Ethernet0").unwrap().qos.watchdog.on.is(&true));
}

#[test]
fn no_other_file_is_taken() {
    recognises_only(Dialect::Sonic, &[".sonic.json"], &["configs/sonic/"]);
}

/// A thousand ports must not make each table be read a thousand times.
#[test]
fn big_files_are_read_in_time() {
    use std::fmt::Write;
    let (mut ports, mut maps, mut groups, mut members) =
        (String::new(), String::new(), String::new(), String::new());
    for n in 0..1000 {
        let comma = if n == 0 { "" } else { ",\n" };
        let _ = write!(ports, "{comma}\"Ethernet{n}\": {{\"mtu\": \"9100\"}}");
        let _ = write!(
            maps,
            "{comma}\"Ethernet{n}\": {{\"pfc_enable\": \"3\", \"dscp_to_tc_map\": \"A\"}}"
        );
        let _ = write!(groups, "{comma}\"Ethernet{n}|3-4\": {{\"profile\": \"p\"}}");
        let _ = write!(
            members,
            "{comma}\"Vlan7|Ethernet{n}\": {{\"tagging_mode\": \"tagged\"}}"
        );
    }
    let text = format!(
        "{{\"PORT\": {{{ports}}}, \"PORT_QOS_MAP\": {{{maps}}}, \"BUFFER_PG\": {{{groups}}}, \"VLAN_MEMBER\": {{{members}}}, \
         \"DSCP_TO_TC_MAP\": {{\"A\": {{\"26\": \"3\"}}}}, \"BUFFER_PROFILE\": {{\"p\": {{\"xoff\": \"1\"}}}}}}"
    );
    let device = read(Dialect::Sonic, &text);
    assert_eq!(device.ports.len(), 1000);
}

#[test]
fn any_bytes_end() {
    survives_mutations(Dialect::Sonic, LEAF);
}
