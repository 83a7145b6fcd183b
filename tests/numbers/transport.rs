//! Operations, transports, timers and limits.

use crate::support::{Run, near, run};
use xoff_model::results::{DropCause, FlowStatus};

/// Two hosts on one switch at 100G; `h0` works on `h1`.
fn pair(nic: &str, link: &str, traffic: &str) -> Run {
    run(&format!(
        r#"
until = "2s"
[topology]
kind = "star"
hosts = 2
[[link]]
a = "h1"
b = "sw0"
{link}
[nic.default]
mtu = 1024
{nic}
[[traffic]]
name = "f"
kind = "flows"
{traffic}
"#
    ))
}

fn flow(bytes: &str) -> String {
    format!("flow = [{{ src = \"h0\", dst = \"h1\", bytes = \"{bytes}\" }}]")
}

#[test]
fn every_operation_moves_all_bytes_at_the_line_rate() {
    for op in ["write", "send", "read"] {
        let r = pair(
            "",
            "",
            &format!("op = \"{op}\"\nmessage = \"1MB\"\n{}", flow("100MB")),
        );
        let f = &r.results.flows[0];
        assert_eq!(
            (f.bytes_delivered, f.bytes_completed),
            (100_000_000, 100_000_000),
            "{op}"
        );
        assert_eq!(
            (f.messages_completed, f.data_packets),
            (100, 100 * 977),
            "{op}"
        );
        // 576 bytes in the last packet of each message.
        near(
            op,
            r.get("goodput.total"),
            100_000_000_000 / 1_106 * 1_024,
            2_000,
        );
        let (from, to) = if op == "read" {
            ("h1", "h0")
        } else {
            ("h0", "h1")
        };
        let data = r.port(from, "sw0").tx_bytes;
        assert!(
            data > 107_000_000 && r.port(to, "sw0").tx_bytes < data / 10,
            "{op}"
        );
    }
}

#[test]
fn atomics_wait_for_each_other_beyond_their_limit() {
    let time = |limit: u32| {
        let nic = format!("max_rd_atomic = {limit}");
        let r = pair(&nic, "", &format!("op = \"atomic\"\n{}", flow("8kB")));
        assert!(r.all_completed());
        assert_eq!(r.results.flows[0].messages_completed, 1_000);
        r.get("fct.max")
    };
    let one = time(1);
    // A round trip each: 2 links of 215 ns and 600 ns each way; the request takes 94 + 20 bytes
    // (8 of operand padded into AtomicETH's 28), the answer 78 + 20, each twice.
    let round = 2 * (2 * 215_000 + 600_000);
    assert!(one / 1_000 > round && one / 1_000 < round + 60_000, "{one}");
    near("16 at a time", time(16), one / 16, 20_000);
}

#[test]
fn timeouts_take_what_the_code_says_and_end_in_an_error() {
    for (code, retries) in [(8u32, 3u64), (10, 7), (6, 0)] {
        let nic = format!("timeout = {code}\nretry_cnt = {retries}");
        let r = pair(
            &nic,
            "loss = \"100%\"",
            &format!("message = \"10kB\"\n{}", flow("100kB")),
        );
        let f = &r.results.flows[0];
        assert_eq!(f.status, FlowStatus::RetryExceeded);
        assert_eq!(f.counters.local_ack_timeout_err, retries + 1);
        assert_eq!(f.counters.req_transport_retries_exceeded, 1);
        assert_eq!((f.messages_completed, f.messages_flushed), (0, 10));
        let wanted = (4_096_000 << code) * (retries + 1);
        near("time to the error", f.active_until.ps(), wanted, 20_000);
    }
}

#[test]
fn receivers_without_buffers_ask_for_patience() {
    let traffic = |receives: &str| {
        format!(
            "op = \"send\"\nmessage = \"1kB\"\nreceives = {{ {receives} }}\n{}",
            flow("100kB")
        )
    };
    // One buffer, reposted after 50 us; a wait of 60 us each time: 99 waits.
    let nic = "rnr_timer = \"60us\"";
    let r = pair(nic, "", &traffic("posted = 1, repost = \"50us\""));
    let f = &r.results.flows[0];
    assert_eq!(
        (f.status, f.messages_completed),
        (FlowStatus::Completed, 100)
    );
    assert_eq!(
        (f.counters.rnr_nak_retry_err, f.counters.out_of_buffer),
        (99, 99)
    );
    assert!(
        (99 * 60..99 * 64).contains(&(r.get("fct.max") / 1_000_000)),
        "{}",
        r.get("fct.max")
    );
    // Never reposted in time: the limit counts.
    let r = pair(
        "rnr_timer = \"10us\"\nrnr_retry = 2",
        "",
        &traffic("posted = 1, repost = \"1s\""),
    );
    let f = &r.results.flows[0];
    assert_eq!(f.status, FlowStatus::RnrRetryExceeded);
    assert_eq!(
        (
            f.counters.rnr_nak_retry_err,
            f.counters.req_rnr_retries_exceeded
        ),
        (3, 1)
    );
    // Enough buffers: nobody waits.
    let r = pair("", "", &traffic("posted = 100"));
    assert_eq!(r.results.flows[0].counters.rnr_nak_retry_err, 0);
}

#[test]
fn unreliable_transports_lose_what_the_network_loses() {
    let every = "drop_every = 100";
    let uc = format!(
        "transport = \"uc\"\nop = \"write\"\nmessage = \"10240B\"\n{}",
        flow("10240kB")
    );
    let r = pair("", every, &uc);
    // 10,000 packets in 1,000 messages of 10: 100 drops in 100 different messages.
    assert_eq!(r.drops(DropCause::LinkError), 100);
    assert_eq!(r.delivered("f"), 900 * 10_240);
    assert_eq!(r.get("retransmits.packets"), 0);
    let ud = format!("transport = \"ud\"\nop = \"send\"\n{}", flow("10240kB"));
    let r = pair("", every, &ud);
    assert_eq!(r.drops(DropCause::LinkError), 100);
    assert_eq!(r.delivered("f"), 9_900 * 1_024);
}

#[test]
fn acks_are_coalesced() {
    for every in [1, 4, 16] {
        let r = pair(&format!("ack_every = {every}"), "", &flow("10240kB"));
        near("ACKs", r.port("h1", "sw0").tx_frames, 10_000 / every, 2_000);
    }
}

#[test]
fn queue_depth_limits_what_is_in_flight() {
    // 64 kB per round trip of about 2 us plus transmission.
    let deep = pair(
        "",
        "",
        &format!("message = \"64kB\"\ndepth = 8\n{}", flow("64MB")),
    );
    let flat = pair(
        "",
        "",
        &format!("message = \"64kB\"\ndepth = 1\n{}", flow("64MB")),
    );
    assert!(deep.get("slowdown.max") < 1_010_000);
    let message = 64_000 * 8 * 1_106 / 1_024 / 100 * 1_000;
    let round = 2 * (2 * 215_000 + 600_000) + 2 * 86 * 80 + 1_106 * 80;
    near(
        "one at a time",
        flat.get("fct.max"),
        1_000 * (message + round),
        10_000,
    );
}

#[test]
fn a_slow_receiver_sets_the_pace() {
    for (nic, lossless) in [("pfc.mode = \"pfc\"", true), ("", false)] {
        let text = format!(
            "until = \"10ms\"\n[topology]\nkind = \"star\"\nhosts = 2\n[switch.default]\n{nic}\n\
             [nic.default]\nmtu = 1024\n{nic}\ndrain = \"40Gbps\"\n[[traffic]]\nname = \"f\"\n\
             kind = \"flows\"\n{}",
            flow("1GB")
        );
        let r = run(&text);
        assert_eq!(r.get("drops.rx_buffer") == 0, lossless);
        if lossless {
            // 40G of frame bytes.
            near(
                "paced by the bus",
                r.get("goodput.total"),
                40_000_000_000 / 1_086 * 1_024,
                10_000,
            );
        } else {
            assert!(r.get("goodput.total") < 38_000_000_000);
        }
    }
}

const MIXED: &str = r#"
[topology]
kind = "leaf-spine"
leaves = 2
spines = 2
hosts_per_leaf = 4
loss = "0.1%"
[switch.default]
ecn.kmin = "20kB"
ecn.kmax = "100kB"
[nic.default]
cc = "dcqcn"
timeout = "200us"
[[traffic]]
kind = "poisson"
load = 0.5
sizes = "websearch"
duration = "300us"
[[traffic]]
kind = "permutation"
bytes = "300kB"
"#;

#[test]
fn a_seed_decides_everything() {
    let text = |seed: u32| {
        let r = run(&format!("seed = {seed}\n{MIXED}"));
        assert!(r.all_completed());
        format!("{:?}", r.results)
    };
    let first = text(1);
    assert!(first == text(1), "the same seed gives the same results");
    assert!(first != text(2), "another seed gives others");
}
