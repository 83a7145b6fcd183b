//! Links and paths: rates, latency, ECMP, parallel links.

use crate::support::{Run, near, run};
use xoff_model::results::FlowStatus;
use xoff_model::units::BitRate;

/// Bytes on the wire of one packet with `payload`, which is a whole WRITE message, and of an ACK.
fn wire(payload: u64) -> u64 {
    payload + 98
}
const ACK_WIRE: u64 = 86;

fn one_message(bytes: u64, gbps: u64, switch: &str) -> u64 {
    let r = run(&format!(
        r#"
[topology]
kind = "star"
hosts = 2
rate = "{gbps}Gbps"
cable = "10m"
phy_delay = "100ns"
[switch.default]
latency = "300ns"
{switch}
[nic.default]
mtu = 4096
[[traffic]]
kind = "flows"
flow = [{{ src = "h0", dst = "h1", bytes = "{bytes}B" }}]
"#
    ));
    r.results.flows[0].end.expect("completed").ps()
}

#[test]
fn latency_is_exact_for_both_kinds_of_forwarding() {
    for gbps in [10, 25, 100, 400, 1_600] {
        for bytes in [64, 1_000, 4_096] {
            let on_wire = |n: u64| BitRate::from_gbps(gbps).serialize_ceil(n).ps();
            // Each way: two links of 50 + 100 ns, and the pipeline of 300 ns.
            let path = 2 * (2 * 150_000 + 300_000);
            let hops = 2 * on_wire(wire(bytes)) + 2 * on_wire(ACK_WIRE);
            let stored = one_message(bytes, gbps, "");
            let what = format!("{bytes} B at {gbps}G");
            assert_eq!(stored, path + hops, "{what}");
            // A cut-through switch begins when 64 bytes of the frame are in.
            let cut = one_message(bytes, gbps, "forwarding = \"cut-through\"");
            let gain = on_wire(wire(bytes) - 64) + on_wire(ACK_WIRE - 64);
            assert_eq!(cut, stored - gain, "{what}");
        }
    }
}

#[test]
fn goodput_is_the_line_rate_less_headers() {
    for gbps in [1, 10, 25, 40, 50, 100, 200, 400, 800, 1_600] {
        for mtu in [256u64, 1_024, 4_096] {
            let bytes = 10_000 * mtu;
            let r = run(&format!(
                "[topology]\nkind = \"star\"\nhosts = 2\nrate = \"{gbps}Gbps\"\ncable = \"0m\"\n\
                 phy_delay = \"0ns\"\n[switch.default]\nlatency = \"0ns\"\n\
                 [nic.default]\nmtu = {mtu}\n[[traffic]]\nkind = \"flows\"\n\
                 flow = [{{ src = \"h0\", dst = \"h1\", bytes = \"{bytes}B\" }}]\n"
            ));
            let wanted = gbps * 1_000_000_000 * mtu / (mtu + 82);
            let what = format!("{gbps}G MTU {mtu}");
            near(&what, r.get("goodput.total"), wanted, 200);
        }
    }
}

/// Bytes sent by `node` to each peer whose name starts with `prefix`, by port.
fn spread(r: &Run, node: &str, prefix: &str) -> Vec<u64> {
    let name = |id: u32| r.model.nodes[id as usize].name.as_str();
    let ports = r.results.ports.iter();
    ports
        .filter(|p| name(p.node) == node && name(p.peer).starts_with(prefix))
        .map(|p| p.tx_bytes)
        .collect()
}

#[test]
fn equal_cost_paths_share_the_flows() {
    let r = run(r#"
[topology]
kind = "leaf-spine"
leaves = 2
spines = 4
hosts_per_leaf = 16
rate = "10Gbps"
fabric_rate = "100Gbps"
[[traffic]]
kind = "permutation"
shift = 16
bytes = "100kB"
qps = 8
"#);
    assert!(r.all_completed());
    let uplinks = spread(&r, "leaf0", "spine");
    let total: u64 = uplinks.iter().sum();
    assert_eq!(uplinks.len(), 4);
    // 128 flows over 4 links: 32 each, standard deviation 4.9.
    for bytes in &uplinks {
        let share = bytes * 100 / total;
        assert!((10..=40).contains(&share), "{uplinks:?}");
    }
    // A flow keeps its path: nothing arrives out of order.
    assert!(
        r.results
            .flows
            .iter()
            .all(|f| f.counters.out_of_sequence == 0)
    );
}

#[test]
fn parallel_links_of_hosts_and_switches_all_carry() {
    let r = run(r#"
[topology]
kind = "dumbbell"
left = 4
right = 4
links_per_host = 2
fabric_links = 4
[[traffic]]
kind = "permutation"
shift = 4
bytes = "1MB"
qps = 16
"#);
    assert!(r.all_completed());
    for (node, prefix, links) in [("left", "right", 4), ("h0", "left", 2), ("right", "h4", 2)] {
        let bytes = spread(&r, node, prefix);
        assert_eq!(bytes.len(), links, "{node}");
        let mean = bytes.iter().sum::<u64>() / links as u64;
        assert!(bytes.iter().all(|b| *b > mean / 4), "{node}: {bytes:?}");
    }
}

#[test]
fn an_explicit_port_of_a_host_is_used() {
    let r = run(r#"
[topology]
kind = "star"
hosts = 2
links_per_host = 2
[[traffic]]
kind = "flows"
flow = [{ src = "h0", dst = "h1", bytes = "1MB", src_port = 1 }]
"#);
    let bytes = spread(&r, "h0", "sw0");
    assert!(bytes[0] == 0 && bytes[1] > 1_000_000, "{bytes:?}");
}

#[test]
fn a_failed_link_is_routed_around() {
    let text = |spines: u32| {
        format!(
            r#"
until = "1s"
[topology]
kind = "leaf-spine"
leaves = 2
spines = {spines}
hosts_per_leaf = 2
[switch.default]
pfc.mode = "pfc"
[nic.default]
pfc.mode = "pfc"
timeout = "1ms"
retry_cnt = 3
[[fault]]
kind = "link-down"
link = "leaf0:spine0"
at = "200us"
[[traffic]]
kind = "permutation"
shift = 2
bytes = "10MB"
qps = 4
"#
        )
    };
    let two = run(&text(2));
    assert!(two.all_completed());
    assert!(two.get("drops.link_down") > 0 && two.get("retransmits.packets") > 0);
    let one = run(&text(1));
    let failed = |s: FlowStatus| matches!(s, FlowStatus::RetryExceeded | FlowStatus::Unreachable);
    assert!(
        one.results.flows.iter().all(|f| failed(f.status)),
        "{:?}",
        one.results.flows[0]
    );
}

#[test]
fn loss_and_bit_errors_hit_as_often_as_stated() {
    // 100,000 packets of 1,106 bytes; 1 - (1 - 10^-7)^8848 = 0.0885 %.
    for (key, probability_ppm) in [("loss = \"1%\"", 10_000), ("ber = 1e-7", 885)] {
        let r = run(&format!(
            "[topology]\nkind = \"star\"\nhosts = 2\n[[link]]\na = \"h0\"\nb = \"sw0\"\n{key}\n\
             [nic.default]\nmtu = 1024\n[[traffic]]\nkind = \"flows\"\ntransport = \"uc\"\n\
             message = \"1024B\"\nflow = [{{ src = \"h0\", dst = \"h1\", bytes = \"102400kB\" }}]\n"
        ));
        let wanted = probability_ppm / 10;
        // Four standard deviations of a binomial distribution.
        let allowed = 4 * (wanted as f64).sqrt() as u64;
        let lost = r.get("drops.link_error");
        assert!(
            lost.abs_diff(wanted) <= allowed,
            "{key}: {lost}, wanted {wanted} ± {allowed}"
        );
    }
}
