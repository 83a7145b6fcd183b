//! Maps of markings, priorities and queues: which entry holds, and what untagged frames take.

use crate::support::{Run, load, run};
use xoff_model::FaultKind;

/// Two senders with DSCP 26 and PCP 5.
fn incast(switch: &str, framing: &str) -> Run {
    run(&format!(
        r#"
until = "200us"
[simulation.framing]
{framing}
[topology]
kind = "star"
hosts = 3
[switch.default]
{switch}
pfc = {{ mode = "pfc" }}
[nic.default]
pfc = {{ mode = "pfc" }}
[[traffic]]
kind = "incast"
bytes = "1GB"
dscp = 26
pcp = 5
"#
    ))
}

/// The priority in which the frames leave the switch.
fn served(r: &Run) -> u8 {
    let port = r.port("sw0", "h0");
    let used: Vec<u8> = (0..8)
        .filter(|&p| port.priority[usize::from(p)].tx_frames > 0)
        .collect();
    assert_eq!(used.len(), 1, "{used:?}");
    used[0]
}

#[test]
fn the_narrower_of_two_ranges_holds_in_any_order() {
    for (map, priority) in [
        ("\"8-63\" = 1, 26 = 3", 3),
        ("26 = 3, \"8-63\" = 1", 3),
        ("\"0-63\" = 1, \"20-31\" = 3, \"24-27\" = 4", 4),
        ("\"24-27\" = 4, \"20-31\" = 3, \"0-63\" = 1", 4),
    ] {
        let r = incast(&format!("dscp_to_priority = {{ {map} }}"), "");
        assert_eq!(served(&r), priority, "{map}");
    }
}

#[test]
fn every_map_refuses_keys_that_contradict_each_other() {
    for (table, both) in [
        (
            "dscp_to_priority = { \"0-20\" = 1, \"10-30\" = 2 }",
            "`0-20` and `10-30` overlap",
        ),
        (
            "dscp_to_priority = { 7 = 1, \"07\" = 2 }",
            "`7` and `07` mean the same",
        ),
        (
            "pcp_to_priority = { \"0-4\" = 1, \"3-7\" = 2 }",
            "`0-4` and `3-7` overlap",
        ),
        (
            "priority_to_pg = { \"0-4\" = 1, \"4-7\" = 2 }",
            "`0-4` and `4-7` overlap",
        ),
        (
            "priority_to_queue = { \"5-6\" = 1, \"4-5\" = 2 }",
            "`5-6` and `4-5` overlap",
        ),
        (
            "ets.shares = { 1 = 5, \"01\" = 6 }",
            "`1` and `01` mean the same",
        ),
        (
            "ets.max = { 1 = \"1Gbps\", \"01\" = \"2Gbps\" }",
            "`1` and `01` mean the same",
        ),
        (
            "buffer.pg = { 0 = { reserve = \"1kB\" }, \"00\" = { reserve = \"2kB\" } }",
            "`0` and `00` mean the same",
        ),
        (
            "buffer.queue = { 0 = { reserve = \"1kB\" }, \"00\" = { reserve = \"2kB\" } }",
            "`0` and `00` mean the same",
        ),
        (
            "ecn.queue = { 3 = { kmin = \"1kB\" }, \"03\" = { kmin = \"2kB\" } }",
            "`3` and `03` mean the same",
        ),
        (
            "ecn.by_rate = { \"100Gbps\" = { kmin = \"1kB\" }, \"0.1Tbps\" = { kmin = \"2kB\" } }",
            "`100Gbps` and `0.1Tbps` mean the same",
        ),
    ] {
        let text = format!(
            "[topology]\nkind = \"star\"\nhosts = 2\n[switch.default]\n{table}\n\
             [[traffic]]\nkind = \"incast\"\nbytes = \"1MB\"\n"
        );
        let errors = load(&text).map(|_| ()).unwrap_err();
        assert_eq!(errors.len(), 1, "{table}: {errors:?}");
        assert!(errors[0].message.contains(both), "{table}: {errors:?}");
        // The place is the value of the later key.
        let from = text.find(table).unwrap();
        let inside = from..from + table.len();
        assert!(
            inside.contains(&errors[0].span.start),
            "{table}: {errors:?}"
        );
    }
}

#[test]
fn untagged_frames_take_the_default_priority_where_pcp_is_trusted() {
    for (switch, framing, priority) in [
        ("trust = \"pcp\"", "vlan = true", 5),
        ("trust = \"pcp\"", "", 0),
        ("trust = \"pcp\"\ndefault_priority = 3", "vlan = false", 3),
        ("trust = \"pcp\"\ndefault_priority = 3", "vlan = true", 5),
        ("trust = \"none\"\ndefault_priority = 4", "vlan = true", 4),
        ("trust = \"dscp\"\ndefault_priority = 4", "", 3),
    ] {
        let r = incast(switch, framing);
        assert_eq!(served(&r), priority, "{switch} {framing}");
    }
}

#[test]
fn a_periodic_pause_counts_its_frames_from_its_times() {
    let count = |keys: &str| {
        let text = format!(
            "[topology]\nkind = \"star\"\nhosts = 2\n\
             [[fault]]\nkind = \"periodic-pause\"\nnode = \"h0\"\nat = \"10us\"\n\
             period = \"3us\"\nquanta = 9\n{keys}\n\
             [[traffic]]\nkind = \"incast\"\nbytes = \"1MB\"\n"
        );
        let plan = load(&text).unwrap_or_else(|e| panic!("{e:#?}"));
        match plan.cases[0].model.faults[0].kind {
            FaultKind::PeriodicPause { count, .. } => count,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(count(""), None);
    assert_eq!(count("count = 5"), Some(5));
    // At 10, 13 and 16 us; a fourth at 19 us would not lie before the end.
    assert_eq!(count("until = \"19us\""), Some(3));
    assert_eq!(count("until = \"19001ns\""), Some(4));
}
