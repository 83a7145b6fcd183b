//! ETS shares, strict priority, shapers.

use crate::support::{Run, near, run};

/// 100G payload rate at MTU 1024, in messages of many packets.
const LINE: u64 = 100_000_000_000 / 1_106 * 1_024;

/// `h1` to `hN` send without end to `h0`, each on its own lossless priority.
fn classes(priorities: &[u8], switch: &str, nic: &str) -> Run {
    let list = format!("{priorities:?}");
    let flows: String = (1..)
        .zip(priorities)
        .map(|(host, p)| {
            format!(
                "[[traffic]]\nname = \"p{p}\"\nkind = \"flows\"\npriority = {p}\n\
                 flow = [{{ src = \"h{host}\", dst = \"h0\", bytes = \"1GB\" }}]\n"
            )
        })
        .collect();
    run(&format!(
        r#"
until = "5ms"
[topology]
kind = "star"
hosts = {}
[switch.default]
pfc = {{ mode = "pfc", priorities = {list} }}
dscp_to_priority = {{ "26" = 3 }}
ets = {{ {switch} }}
[nic.default]
mtu = 1024
pfc = {{ mode = "pfc", priorities = {list} }}
ets = {{ {nic} }}
{flows}
"#,
        priorities.len() + 1
    ))
}

fn rate(r: &Run, group: &str) -> u64 {
    r.delivered(group) * 8 * 200
}

#[test]
fn backlogged_classes_get_their_shares() {
    for (a, b) in [(50, 50), (70, 30), (90, 10), (1, 2)] {
        let shares = format!("shares = {{ \"3\" = {a}, \"4\" = {b} }}");
        let r = classes(&[3, 4], &shares, "");
        let total = rate(&r, "p3") + rate(&r, "p4");
        near("both fill the link", total, LINE, 10_000);
        for (group, part) in [("p3", a), ("p4", b)] {
            let share = rate(&r, group) * 1_000_000 / total;
            let wanted = part * 1_000_000 / (a + b);
            assert!(
                share.abs_diff(wanted) <= 10_000,
                "{a}:{b} {group}: {share} ppm"
            );
        }
    }
}

#[test]
fn three_classes_share_by_weight() {
    let r = classes(
        &[2, 3, 4],
        "shares = { \"2\" = 50, \"3\" = 30, \"4\" = 20 }",
        "",
    );
    let total: u64 = ["p2", "p3", "p4"].iter().map(|g| rate(&r, g)).sum();
    for (group, wanted) in [("p2", 500_000), ("p3", 300_000), ("p4", 200_000)] {
        let share = rate(&r, group) * 1_000_000 / total;
        assert!(share.abs_diff(wanted) <= 10_000, "{group}: {share} ppm");
    }
}

#[test]
fn an_idle_class_leaves_its_share_to_others() {
    let r = classes(&[4], "shares = { \"3\" = 99, \"4\" = 1 }", "");
    near("the class of weight 1 alone", rate(&r, "p4"), LINE, 5_000);
}

#[test]
fn strict_priority_starves_the_rest() {
    let r = classes(&[3, 5], "strict = [5]", "");
    near("the strict class", rate(&r, "p5"), LINE, 10_000);
    // Only what left before the strict class arrived.
    assert!(rate(&r, "p3") < LINE / 100, "{}", rate(&r, "p3"));
}

#[test]
fn shapers_hold_their_rate_and_leave_the_rest_to_others() {
    let limit = "max = { \"3\" = \"20Gbps\" }";
    for (switch, nic) in [(limit, ""), ("", limit)] {
        let r = classes(&[3, 4], switch, nic);
        near("shaped", rate(&r, "p3"), LINE / 5, 10_000);
        near("the rest", rate(&r, "p4"), LINE * 4 / 5, 10_000);
    }
}

#[test]
fn a_nic_schedules_its_queue_pairs_by_class() {
    let r = run(r#"
until = "5ms"
[topology]
kind = "star"
hosts = 3
[nic.default]
mtu = 1024
ets.shares = { "3" = 80, "4" = 20 }
[[traffic]]
name = "p3"
kind = "flows"
flow = [{ src = "h0", dst = "h1", bytes = "1GB" }]
[[traffic]]
name = "p4"
kind = "flows"
priority = 4
qps = 4
flow = [{ src = "h0", dst = "h2", bytes = "1GB" }]
"#);
    let total = rate(&r, "p3") + rate(&r, "p4");
    near("the port is full", total, LINE, 5_000);
    near("class 3", rate(&r, "p3"), total * 8 / 10, 10_000);
    // The queue pairs of a class take turns.
    let each: Vec<u64> = r.flows("p4").map(|f| f.bytes_delivered).collect();
    for one in &each {
        near("a queue pair", *one, each[0], 10_000);
    }
}

#[test]
fn pacing_limits_a_queue_pair() {
    let r = run(r#"
until = "5ms"
[topology]
kind = "star"
hosts = 2
[nic.default]
mtu = 1024
[[traffic]]
name = "f"
kind = "flows"
pace = "30Gbps"
flow = [{ src = "h0", dst = "h1", bytes = "1GB" }]
"#);
    near("paced", rate(&r, "f"), LINE * 3 / 10, 5_000);
}

/// Flows of `h1`, each with its pace, to `h0` and `h2` in turn.
fn paced(paces: &[u64], nic: &str) -> Run {
    let flows: String = (0..)
        .zip(paces)
        .map(|(i, pace)| {
            format!(
                "[[traffic]]\nname = \"f{i}\"\nkind = \"flows\"\npace = \"{pace}Gbps\"\n\
                 flow = [{{ src = \"h1\", dst = \"h{}\", bytes = \"1GB\" }}]\n",
                i % 2 * 2
            )
        })
        .collect();
    run(&format!(
        r#"
until = "5ms"
[topology]
kind = "star"
hosts = 3
[nic.default]
mtu = 1024
{nic}
{flows}
"#
    ))
}

/// Paces are rates on the wire, and a sender that waits for its port makes up for it.
#[test]
fn paced_flows_of_a_nic_keep_their_paces() {
    for paces in [&[30, 25][..], &[3, 5, 7, 9, 11, 13, 15, 17]] {
        let r = paced(paces, "");
        for (i, pace) in paces.iter().enumerate() {
            let wanted = pace * 1_000_000_000 / 1_106 * 1_024;
            near("pace", rate(&r, &format!("f{i}")), wanted, 3_000);
        }
    }
    let lossy = paced(&[30, 25], "pacing = \"sent\"");
    assert!(rate(&lossy, "f0") + rate(&lossy, "f1") < LINE * 52 / 100);
}

/// One class of four has one queue pair of five: turns go round classes, or round queue pairs.
#[test]
fn turns_go_round_queue_pairs_of_a_class_or_of_the_port() {
    for (turns, part) in [("class", 2), ("port", 5)] {
        let r = run(&format!(
            r#"
until = "5ms"
[topology]
kind = "star"
hosts = 2
[nic.default]
mtu = 1024
turns = "{turns}"
[[traffic]]
name = "four"
kind = "flows"
qps = 4
flow = [{{ src = "h0", dst = "h1", bytes = "1GB" }}]
[[traffic]]
name = "one"
kind = "flows"
priority = 4
flow = [{{ src = "h0", dst = "h1", bytes = "1GB" }}]
"#
        ));
        near(turns, rate(&r, "one"), LINE / part, 5_000);
    }
}
