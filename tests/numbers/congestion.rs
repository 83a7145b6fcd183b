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
    fair_with(cc, mtu, senders, "")
}

fn fair_with(cc: &str, mtu: u32, senders: u32, nic: &str) -> (f64, f64, Run) {
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
{nic}
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

/// Packets of every size, down to less than one of them per flow and round trip.
#[test]
fn hpcc_is_fair_at_every_mtu() {
    for (mtu, senders) in [(256, 4), (512, 8), (1_024, 16), (2_048, 4), (4_096, 4)] {
        is_fair("hpcc", mtu, senders);
    }
    for senders in [8, 16, 32] {
        is_fair("hpcc", 4_096, senders);
    }
}

#[test]
fn dctcp_and_hpcc_pint_are_fair_at_every_mtu() {
    for cc in ["dctcp", "hpcc-pint"] {
        for (mtu, senders) in [(256, 8), (1_024, 8), (4_096, 8)] {
            is_fair(cc, mtu, senders);
        }
    }
}

fn is_fair(cc: &str, mtu: u32, senders: u32) {
    let (jain, share, r) = fair(cc, mtu, senders);
    assert!(
        jain >= 0.95,
        "{cc}, {senders} flows, MTU {mtu}: Jain {jain}"
    );
    assert!(
        share >= 0.80,
        "{cc}, {senders} flows, MTU {mtu}: {share} of the link"
    );
    // DCTCP marks from 100 kB on, and its eight flows grow by 0.6 Gb/s per round trip all the same.
    let longest = if cc == "dctcp" { 1_000_000 } else { 500_000 };
    assert!(late_queue(&r) < longest, "{cc}: {}", late_queue(&r));
    assert_eq!(r.get("drops.total"), 0);
}

/// The rules of the ns-3 simulator remain for who wants them, with the unfairness.
#[test]
fn hpcc_of_ns3_starves_flows_that_send_seldom() {
    let (jain, ..) = fair_with("hpcc", 4_096, 8, "hpcc.variant = \"ns3\"\nwindow = \"off\"");
    assert!(jain < 0.5, "Jain {jain}");
}

/// One flow from 100G to 25G, marked from 100 kB on.
fn first_cut(nic: &str) -> Run {
    run(&format!(
        r#"
until = "300us"
[topology]
kind = "star"
hosts = 1
rate = "100Gbps"
[[node]]
name = "srv"
[[link]]
a = "srv"
b = "sw0"
rate = "25Gbps"
[switch.default]
buffer.size = "64MB"
ecn = {{ kmin = "100kB", kmax = "100kB" }}
[nic.default]
mtu = 1024
cc = "dcqcn"
{nic}
[simulation]
sample = "1us"
[[traffic]]
kind = "flows"
flow = [{{ src = "h0", dst = "srv", bytes = "1GB" }}]
"#
    ))
}

/// Microseconds until the sender's rate is below the line's, and that rate in Mb/s.
fn slowed(r: &Run) -> (u64, u64) {
    let line = r.results.series[0].flow_rate_bps[0];
    let slow = r.results.series.iter().find(|s| s.flow_rate_bps[0] < line);
    let slow = slow.expect("the rate is cut");
    (slow.at.ps() / 1_000_000, slow.flow_rate_bps[0] / 1_000_000)
}

#[test]
fn dcqcn_cuts_when_the_cnp_arrives() {
    // 25 Gb/s of 100 leave the queue: it grows by 75 Gb/s to 100 kB in 10.7 us, the CNP needs 3.
    let r = first_cut("");
    assert_eq!(slowed(&r), (14, 50_000));
    // Until the second cut, 50 us later, by 25 Gb/s.
    let peak = r.get("queue.peak");
    assert!((270_000..290_000).contains(&peak), "{peak}");
    assert_eq!(r.get("cnp.handled"), r.get("cnp.sent"));
    // On the grid of the ns-3 simulator one interval passes first.
    let r = first_cut("dcqcn.variant = \"ns3\"");
    let ((at, _), peak) = (slowed(&r), r.get("queue.peak"));
    assert!(at == 64 && peak > 700_000, "{at} us, {peak}");
}

#[test]
fn a_cnp_takes_the_time_that_its_receiver_needs() {
    let (at, rate) = slowed(&first_cut("cnp.delay = \"20us\""));
    assert_eq!((at, rate), (34, 50_000));
    // Longer than the interval: several are under way, none is lost.
    let r = first_cut("cnp = { delay = \"25us\", interval = \"10us\" }");
    assert_eq!(slowed(&r), (39, 50_000));
    assert!(r.get("cnp.sent") > 3 && r.get("cnp.sent") - r.get("cnp.handled") <= 3);
}

#[test]
fn the_first_cnp_can_set_a_rate() {
    let r = first_cut("dcqcn.first_cnp_rate = \"20Gbps\"");
    assert_eq!(slowed(&r), (14, 20_000));
    assert!(r.get("queue.peak") < 140_000);
}

#[test]
fn timely_keeps_queues_short() {
    let (jain, share, r) = fair("timely", 1_024, 8);
    assert!(late_queue(&r) < 500_000, "{}", late_queue(&r));
    assert!(share > 0.80, "{share} of the link");
    assert!(jain > 0.80, "Jain {jain}");
    assert_eq!(r.get("drops.total"), 0);
    let (.., none) = fair("none", 1_024, 8);
    assert!(late_queue(&none) > 2_000_000, "{}", late_queue(&none));
}

#[test]
fn every_congestion_control_finishes_an_incast() {
    for cc in ["none", "dcqcn", "timely", "hpcc", "hpcc-pint", "dctcp"] {
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
    for cc in ["none", "dcqcn", "timely", "dctcp"] {
        let r = run(&format!(
            "[topology]\nkind = \"star\"\nhosts = 2\n[nic.default]\ncc = \"{cc}\"\n\
             [[traffic]]\nkind = \"incast\"\nbytes = \"10MB\"\n"
        ));
        let slowdown = r.get("slowdown.max");
        assert!(slowdown <= 1_001_000, "{cc}: {slowdown} ppm");
    }
}
