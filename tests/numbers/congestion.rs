//! ECN and congestion control.

use crate::support::{Run, run};

/// Frame of a packet in the middle of a message, MTU 1024, as buffers count it.
const FRAME: u64 = 1_024 + 62;

/// One sender at 100G with 100 packets in flight, a receiver at 25G: nearly the whole window
/// stands in the switch's queue, at the same length whenever a packet leaves.
fn standing_queue(ecn: &str) -> (u64, u64, u64) {
    let r = run(&format!(
        r#"
[topology]
kind = "star"
hosts = 2
[[link]]
a = "h1"
b = "sw0"
rate = "25Gbps"
[switch.default]
ecn = {{ {ecn} }}
[nic.default]
mtu = 1024
ack_every = 1
max_outstanding = 100
[[traffic]]
kind = "flows"
flow = [{{ src = "h0", dst = "h1", bytes = "102400kB" }}]
"#
    ));
    assert!(r.all_completed());
    // The peak includes the packet that was about to leave.
    let behind = r.get("queue.peak[node=sw0]") - FRAME;
    (behind, r.get("ecn.marked"), r.results.flows[0].data_packets)
}

#[test]
fn marks_follow_the_curve() {
    let (queue, none, packets) = standing_queue("kmin = \"105kB\", kmax = \"200kB\"");
    assert!((90_000..105_000).contains(&queue), "{queue}");
    assert_eq!((none, packets), (0, 100_000));
    let (_, all, _) = standing_queue("kmin = \"10kB\", kmax = \"40kB\"");
    // The queue grows at the start and drains at the end.
    assert!(packets - all < 200, "{all} of {packets}");
    for (kmin, kmax, pmax) in [
        (50_000, 150_000, 100),
        (20_000, 120_000, 20),
        (0, 200_000, 2),
    ] {
        let keys = format!("kmin = \"{kmin}B\", kmax = \"{kmax}B\", pmax = \"{pmax}%\"");
        let (queue, marked, packets) = standing_queue(&keys);
        let p = pmax as f64 / 100.0 * (queue - kmin) as f64 / (kmax - kmin) as f64;
        let mean = p * packets as f64;
        // Four standard deviations, and the ramps at both ends.
        let allowed = 4.0 * (mean * (1.0 - p)).sqrt() + 200.0 * p;
        assert!(
            (marked as f64 - mean).abs() <= allowed,
            "{keys}: {marked}, {mean} ± {allowed}"
        );
    }
}

#[test]
fn packets_that_are_not_ecn_capable_are_not_marked() {
    let r = run(
        "[topology]\nkind = \"star\"\nhosts = 3\n[switch.default]\necn.kmin = \"10kB\"\n\
         [[traffic]]\nname = \"plain\"\nkind = \"incast\"\nbytes = \"1MB\"\necn = false\n",
    );
    assert_eq!(r.get("ecn.marked"), 0);
}

/// N senders into one 100G port for 60 ms, after 40 ms of settling.
fn fair(cc: &str, mtu: u32, senders: u32) -> (f64, f64, Run) {
    let r = run(&format!(
        r#"
until = "100ms"
[simulation]
sample = "1ms"
[topology]
kind = "star"
hosts = {}
[switch.default]
pfc.mode = "pfc"
ecn = {{ kmin = "100kB", kmax = "400kB", pmax = "20%" }}
buffer.size = "32MiB"
[nic.default]
mtu = {mtu}
pfc.mode = "pfc"
cc = "{cc}"
ack_every = 1
hpcc.base_rtt = "5us"
timely.min_rtt = "5us"
timely.t_low = "10us"
timely.t_high = "50us"
[[traffic]]
name = "f"
kind = "incast"
bytes = "2GB"
stagger = "10us"
"#,
        senders + 1
    ));
    let late: Vec<_> = r
        .results
        .series
        .iter()
        .filter(|s| s.at.ps() > 40_000_000_000)
        .collect();
    let bytes: Vec<f64> = (0..senders as usize)
        .map(|f| late.iter().map(|s| s.flow_bytes[f]).sum::<u64>() as f64)
        .collect();
    let sum: f64 = bytes.iter().sum();
    let jain = sum * sum / (bytes.len() as f64 * bytes.iter().map(|b| b * b).sum::<f64>());
    let share =
        sum * 8.0 / (late.len() as f64 * 1e-3) / (100e9 * f64::from(mtu) / f64::from(mtu + 82));
    (jain, share, r)
}

/// Longest queue of the port to the receiver, of all samples after 40 ms.
fn late_queue(r: &Run) -> u64 {
    let ports = &r.results.ports;
    let name = |id: u32| r.model.nodes[id as usize].name.as_str();
    let to_h0 = ports
        .iter()
        .position(|p| name(p.node) == "sw0" && name(p.peer) == "h0");
    let to_h0 = to_h0.expect("the receiver has a port");
    let late = r
        .results
        .series
        .iter()
        .filter(|s| s.at.ps() > 40_000_000_000);
    late.map(|s| s.port_queue[to_h0]).max().expect("samples")
}

#[test]
fn dcqcn_is_fair_and_fills_the_link() {
    for senders in [2, 8, 32] {
        let (jain, share, r) = fair("dcqcn", 4_096, senders);
        assert!(jain >= 0.95, "{senders} flows: Jain {jain}");
        assert!(share >= 0.90, "{senders} flows: {share} of the link");
        assert_eq!(r.get("drops.total"), 0);
        assert!(r.get("cnp.handled") > 0 && r.get("cnp.sent") >= r.get("cnp.handled"));
    }
}

#[test]
fn hpcc_and_timely_keep_queues_short() {
    for cc in ["hpcc", "timely"] {
        let (jain, share, r) = fair(cc, 1_024, 8);
        assert!(late_queue(&r) < 500_000, "{cc}: {}", late_queue(&r));
        assert!(share > 0.80, "{cc}: {share} of the link");
        assert!(jain > 0.80, "{cc}: Jain {jain}");
        assert_eq!(r.get("drops.total"), 0);
    }
    let (.., none) = fair("none", 1_024, 8);
    assert!(late_queue(&none) > 2_000_000, "{}", late_queue(&none));
}

#[test]
fn every_congestion_control_finishes_an_incast() {
    for cc in ["none", "dcqcn", "timely", "hpcc"] {
        let r = run(&format!(
            "[topology]\nkind = \"star\"\nhosts = 9\n[switch.default]\npfc.mode = \"pfc\"\n\
             ecn.kmin = \"50kB\"\necn.kmax = \"200kB\"\n[nic.default]\npfc.mode = \"pfc\"\n\
             cc = \"{cc}\"\n[[traffic]]\nkind = \"incast\"\nbytes = \"2MB\"\n"
        ));
        assert!(r.all_completed(), "{cc}");
        assert_eq!(r.get("drops.total"), 0, "{cc}");
    }
}

#[test]
fn a_single_flow_keeps_the_line_rate_under_every_control() {
    for cc in ["none", "dcqcn", "timely"] {
        let r = run(&format!(
            "[topology]\nkind = \"star\"\nhosts = 2\n[nic.default]\ncc = \"{cc}\"\n\
             [[traffic]]\nkind = \"incast\"\nbytes = \"10MB\"\n"
        ));
        let slowdown = r.get("slowdown.max");
        assert!(slowdown <= 1_001_000, "{cc}: {slowdown} ppm");
    }
}
