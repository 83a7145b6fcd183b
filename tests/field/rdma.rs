//! RoCE: bursts with silence between them and their replay, notifications, ICRCs, broken packets.

use super::frames::{File, emitted, exchange, packet, with_icrc};
use super::{Traced, trace};
use crate::cli::{text, xoff};
use serde_json::Value;
use xoff_wire::bth::Opcode;

const MS: u64 = 1_000_000;

/// Messages of one packet with their ACKs; `gap_ns` before each `every`th.
fn bursts(messages: u32, every: u32, gap_ns: u64) -> File {
    let mut file = File::new();
    for n in 0..messages {
        let [ask, answer] = exchange(n, 1_024);
        let gap = if n % every == 0 { gap_ns } else { 2_000 };
        file.frame(gap, &ask);
        file.frame(5_000, &answer);
    }
    file
}

fn replay(t: &Traced) -> Value {
    let out = xoff(&["trace", "-q", "--replay", "--format", "json", &t.path]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let all: Value = serde_json::from_slice(&out.stdout).unwrap();
    all["captures"][0]["replay"].clone()
}

/// Nothing was lost, sent again or left over.
fn is_clean(figures: &Value) {
    for key in [
        "retransmitted_packets",
        "naks",
        "timeouts",
        "rnr_naks",
        "cnps",
    ] {
        assert_eq!(figures[key], 0, "{key}: {figures}");
    }
    for flow in figures["flows"].as_array().unwrap() {
        assert_eq!(flow["completed"], true, "{figures}");
    }
}

fn near(value: &Value, wanted: u64, percent: u64) {
    let value = value.as_u64().unwrap();
    let apart = value.abs_diff(wanted);
    assert!(
        apart * 100 <= wanted * percent,
        "{value}, not about {wanted}"
    );
}

#[test]
fn a_clean_capture_with_silence_replays_clean() {
    // Ten bursts of ten messages, half a second apart.
    let t = trace("bursts", &bursts(100, 10, 500 * MS));
    assert_eq!(t.code, Some(0));
    let direction = &t.json["connections"][0]["directions"][0];
    // Nine gaps of 7 us in each of ten bursts; nine of ten packets lie behind the first.
    assert_eq!(direction["active_ns"], 10 * 9 * 7_000);
    assert_eq!(direction["messages"], 100);
    t.says("100 102.4kB 1.17");
    let r = replay(&t);
    is_clean(&r["captured"]);
    is_clean(&r["simulated"]);
    for figures in [&r["captured"], &r["simulated"]] {
        assert_eq!(figures["delivered_bytes"], 102_400);
        near(&figures["span_ns"], 4_500 * MS, 1);
    }
    // From the first packet of each burst to its last ACK: 68 us.
    near(&r["captured"]["goodput_bps"], 1_204_705_882, 1);
    near(&r["simulated"]["goodput_bps"], 1_204_705_882, 20);
    let toml = r["scenario"].as_str().unwrap();
    assert_eq!(toml.matches("start = ").count(), 10, "{toml}");
    let starts = ["0ns", "500068000ns"];
    assert!(
        starts
            .iter()
            .all(|s| toml.contains(&format!("start = \"{s}\""))),
        "{toml}"
    );
}

#[test]
fn a_packet_now_and_then_is_no_slow_flow() {
    // A message every 70 ms: 117 kb/s in the mean, at which a packet takes as long as a timeout.
    let t = trace("sparse", &bursts(64, 1, 70 * MS));
    t.says("RC 26 64 65.536kB -");
    let direction = &t.json["connections"][0]["directions"][0];
    assert_eq!(direction["active_ns"], 0);
    assert!(
        t.csv("connections")
            .lines()
            .nth(1)
            .unwrap()
            .contains(",65536,65536,,")
    );
    let r = replay(&t);
    is_clean(&r["simulated"]);
    near(&r["simulated"]["span_ns"], 63 * 70 * MS, 1);
    assert!(
        !r["scenario"].as_str().unwrap().contains("pace"),
        "{}",
        r["scenario"]
    );
}

#[test]
fn one_message_of_one_packet_has_no_rate() {
    let t = trace("single", &bursts(1, 1, 0));
    t.says("1 1024B -");
    t.never_says("0bps");
    let r = replay(&t);
    is_clean(&r["simulated"]);
    assert_eq!(r["simulated"]["delivered_bytes"], 1_024);
}

#[test]
fn more_bursts_than_are_kept_replay_clean_too() {
    let t = trace("many-bursts", &bursts(6_000, 1, 3 * MS));
    let r = replay(&t);
    is_clean(&r["simulated"]);
    assert_eq!(r["simulated"]["delivered_bytes"], 6_000 * 1_024);
    let notes = r["notes"].as_array().unwrap();
    let told = |n: &Value| n.as_str().unwrap().contains("as there are too many");
    assert!(notes.iter().any(told), "{notes:?}");
}

#[test]
fn several_senders_at_once_need_a_link_that_carries_them() {
    // Four senders of about 1 Gb/s each to host 2, all at the same time.
    let mut file = File::new();
    for n in 0..2_000u32 {
        let from = [1, 3, 4, 5][(n % 4) as usize];
        let qp = 0x20 + u32::from(from);
        let ask = packet(from, 2, qp, Opcode::RC_WRITE_ONLY, n / 4, 1_024);
        let mut answer = packet(2, from, qp + 0x100, Opcode::RC_ACKNOWLEDGE, n / 4, 0);
        answer.sport = Some(0xc123);
        file.frame(1_000, &emitted(&ask));
        file.frame(1_100, &emitted(&answer));
    }
    let t = trace("senders", &file);
    let r = replay(&t);
    is_clean(&r["simulated"]);
    let span = r["captured"]["span_ns"].as_u64().unwrap();
    near(&r["simulated"]["span_ns"], span, 5);
}

#[test]
fn notifications_alone_tell_no_service() {
    let mut file = File::new();
    for _ in 0..5 {
        file.frame(100_000, &emitted(&packet(1, 2, 0x22, Opcode::CNP, 0, 0)));
    }
    let t = trace("cnps", &file);
    assert_eq!(t.json["connections"][0]["service"], Value::Null);
    t.never_says("XRC");
    t.says("10.0.0.1 ? ? 0 0 0B -");
    t.never_says("a column is 0ps");
    assert!(
        t.csv("connections")
            .lines()
            .nth(1)
            .unwrap()
            .contains(",,#0,")
    );
}

#[test]
fn notifications_may_come_from_any_port() {
    let mut file = bursts(20, 100, 0);
    let mut cnp = packet(2, 1, 0x11, Opcode::CNP, 0, 0);
    cnp.sport = Some(0);
    file.frame(10_000, &emitted(&cnp));
    let [ask, answer] = exchange(20, 1_024);
    file.frame(10_000, &ask);
    file.frame(10_000, &answer);
    let t = trace("cnp-port", &file);
    assert!(t.findings("W-08").is_empty(), "{:?}", t.findings("W-08"));
}

#[test]
fn where_all_icrcs_are_wrong_packets_are_analysed() {
    for (name, icrc) in [("zero", Some([0; 4])), ("own", None)] {
        let mut file = File::new();
        for n in 0..3 {
            for mut frame in exchange(n, 200) {
                let computed = frame.clone();
                let wrong = icrc.unwrap_or([1, n as u8, computed[40], 3]);
                frame = with_icrc(frame, wrong);
                file.frame(2_000, &frame);
            }
        }
        let t = trace(&format!("icrc-{name}"), &file);
        assert_eq!(t.code, Some(0), "{name}");
        let direction = &t.json["connections"][0]["directions"][0];
        assert_eq!(direction["messages"], 3, "{name}");
        assert_eq!(direction["messages_completed"], 3, "{name}");
        assert_eq!(
            (&direction["bad_icrc"], &direction["unverified_icrc"]),
            (&0.into(), &3.into())
        );
        let found = t.findings("W-01");
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0]["verdict"], "inconclusive");
        assert_eq!(found[0]["count"], 6);
        let cause = found[0]["cause"].as_str().unwrap();
        assert!(
            cause.contains("10.0.0.1 and 1 other sender sent"),
            "{cause}"
        );
        assert_eq!(
            cause.contains("all are 0x00000000"),
            name == "zero",
            "{cause}"
        );
        t.never_says("no RDMA");
    }
}

#[test]
fn what_a_host_sends_may_lack_its_icrc_though_what_it_receives_has_one() {
    let mut file = File::new();
    for n in 0..40 {
        let [ask, answer] = exchange(n, 200);
        file.frame(2_000, &with_icrc(ask, [0; 4]));
        file.frame(2_000, &answer);
    }
    let t = trace("icrc-sent", &file);
    let direction = &t.json["connections"][0]["directions"][0];
    assert_eq!(
        (&direction["messages"], &direction["messages_completed"]),
        (&40.into(), &40.into())
    );
    assert_eq!(t.findings("W-01").len(), 1);
    t.says("every packet that 10.0.0.1 sent is wrong (40 in all): all are 0x00000000");
}

#[test]
fn one_wrong_icrc_among_right_ones_is_damage() {
    // The first of all, one in the middle, and the only one of a sender.
    for at in [0, 7, 100] {
        let mut file = File::new();
        for n in 0..20 {
            let [mut ask, answer] = exchange(n, 200);
            if n == at {
                ask = with_icrc(ask, [1; 4]);
            }
            file.frame(2_000, &ask);
            file.frame(2_000, &answer);
        }
        if at == 100 {
            let stray = packet(7, 2, 0x77, Opcode::RC_WRITE_ONLY, 5, 200);
            file.frame(2_000, &with_icrc(emitted(&stray), [1; 4]));
        }
        let t = trace(&format!("icrc-damage-{at}"), &file);
        let found = t.findings("W-01");
        assert_eq!(found.len(), 1, "{at}: {found:?}");
        assert_eq!(
            (&found[0]["verdict"], &found[0]["count"]),
            (&"error".into(), &1.into())
        );
        assert_eq!(t.code, Some(1));
    }
}

#[test]
fn a_malformed_packet_is_what_was_found() {
    let frame = emitted(&packet(1, 2, 0x22, Opcode::RC_WRITE_ONLY, 9, 64));
    // UDP's length beyond IP's; too short for the headers that the opcode calls for.
    for (name, length, words) in [
        ("long", 500u16, "UDP of RoCEv2"),
        ("short", 8 + 12 + 3, "extension header"),
        ("no-icrc", 8 + 12 + 16 + 2, "BTH payload length"),
    ] {
        let mut bad = frame.clone();
        bad[38..40].copy_from_slice(&length.to_be_bytes());
        let mut file = File::new();
        file.frame(1_000, &bad);
        let t = trace(&format!("malformed-{name}"), &file);
        assert_eq!(t.code, Some(1), "{name}");
        let found = t.findings("W-22");
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0]["frames"][0], 1);
        let cause = found[0]["cause"].as_str().unwrap();
        assert!(cause.contains(words), "{name}: {cause}");
        t.says("holds: malformed RoCE 1");
        t.says("no RDMA that could be followed: 1 RoCE packet, all malformed");
        t.never_says("nothing found");
    }
}

#[test]
fn answers_from_the_port_of_roce_are_told() {
    let mut frame = emitted(&packet(2, 1, 0x11, Opcode::RC_ACKNOWLEDGE, 9, 0));
    frame[34..36].copy_from_slice(&4791u16.to_be_bytes());
    frame[36..38].copy_from_slice(&0xc123u16.to_be_bytes());
    let mut file = bursts(1, 1, 0);
    file.frame(1_000, &frame);
    let t = trace("from-4791", &file);
    t.says("UDP from port 4791 (the other direction of what goes there, no RoCE) 1");
}

#[test]
fn queue_pairs_find_each_other_whatever_their_number() {
    // Many between two hosts, whose sequence numbers are spread; all from one port.
    let mut file = File::new();
    let qps = 3_000u32;
    for round in 0..2 {
        for qp in 0..qps {
            let psn = ((qp.wrapping_mul(0x9e37_79b1) >> 8) + round) & 0xff_ffff;
            let ask = packet(1, 2, 0x1_0000 + qp, Opcode::RC_WRITE_ONLY, psn, 64);
            let answer = packet(2, 1, 0x2_0000 + qp, Opcode::RC_ACKNOWLEDGE, psn, 0);
            file.frame(500, &emitted(&ask));
            file.frame(500, &emitted(&answer));
        }
    }
    let t = trace("many-qps", &file);
    let connections = t.json["connections"].as_array().unwrap();
    assert_eq!(connections.len(), qps as usize);
    for c in connections {
        let (a, b) = (c["a"]["qpn"].as_u64(), c["b"]["qpn"].as_u64());
        assert_eq!(a.unwrap() - 0x2_0000, b.unwrap() - 0x1_0000, "{c}");
        assert_eq!(c["directions"][0]["messages_completed"], 2);
    }
}
