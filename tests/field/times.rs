//! Times: none, too many, backwards.

use super::frames::{File, emitted, exchange, packet};
use super::{global, pauses, trace};
use crate::cli::{text, xoff};
use serde_json::Value;
use xoff_wire::bth::Opcode;

const DAY: u64 = 86_400_000_000_000;

#[test]
fn without_times_nothing_is_known_of_time() {
    let mut file = File::new();
    for n in 0..6 {
        // One packet is sent again.
        for frame in exchange(n.min(4), 1_024) {
            file.simple(&frame);
        }
    }
    for quanta in [0xffff, 0xffff, 0] {
        file.simple(&global(quanta).frame(super::PAUSER));
    }
    let t = trace("timeless", &file.clone().speed(1_000_000_000));
    t.says("captured, no times, 1 interface");
    for words in ["1970", "0ps", "0bps", "timeline"] {
        t.never_says(words);
    }
    t.says("all 2 1 - - -");
    let capture = &t.json["capture"];
    assert_eq!(
        (&capture["first_ns"], &capture["last_ns"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(capture["untimed_frames"], 15);
    let c = &t.json["connections"][0];
    assert_eq!(
        (&c["first_ns"], &c["directions"][0]["first_data_ns"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(c["directions"][0]["messages"], 5);
    assert_eq!(t.json["pauses"][0]["global"]["paused_ns"], Value::Null);
    assert_eq!(t.findings("T-01").len(), 1);
    for id in ["RC-14", "RC-07", "P-20"] {
        assert!(
            t.findings(id)
                .iter()
                .all(|f| f["verdict"] == "inconclusive"),
            "{id}"
        );
    }
    let out = xoff(&["trace", "-q", "--replay", &t.path]);
    assert_eq!(out.status.code(), Some(2));
    assert!(
        text(&out.stderr).contains("have no times"),
        "{}",
        text(&out.stderr)
    );
}

#[test]
fn a_packet_without_time_is_not_of_1970() {
    let mut file = File::new();
    let [ask, answer] = exchange(0, 1_024);
    file.simple(&ask);
    file.frame(0, &ask);
    file.frame(5_000, &answer);
    let t = trace("one-untimed", &file);
    t.says("captured, 5us, 1 interface");
    t.says("1 of 3 frames have no time");
    assert_eq!(t.json["capture"]["first_ns"], 1_700_000_000_000_000_000u64);
}

#[test]
fn spans_of_years_are_exact() {
    let mut file = File::new();
    for (n, after) in [(0, 0), (1, 300 * DAY), (2, 700 * DAY)] {
        for frame in exchange(n, 1_024) {
            file.frame(after / 2, &frame);
        }
    }
    let t = trace("years", &file);
    t.says("captured, 86400000s, 1 interface");
    t.never_says("18446744");
}

#[test]
fn stamps_that_are_no_time_are_unknown() {
    let mut file = File::new();
    let [ask, answer] = exchange(0, 1_024);
    file.frame(0, &ask);
    file.frame(5_000, &answer);
    let mut bytes = file.bytes();
    // Seconds, so that the stamps lie beyond any year.
    let at = bytes.windows(5).position(|w| w == [9, 0, 1, 0, 9]).unwrap();
    bytes[at + 4] = 0;
    let scratch = crate::cli::Scratch::new("field-far");
    let path = scratch.path("far");
    std::fs::write(&path, bytes).unwrap();
    let shown = text(&xoff(&["trace", "-q", &path]).stdout).to_owned();
    assert!(shown.contains("captured, no times"), "{shown}");
}

#[test]
fn a_clock_that_runs_backwards_is_told_and_shortens_nothing() {
    let mut file = File::new();
    for n in 0..20 {
        if n == 10 {
            file.at_ns -= 3_600_000_000_000;
        }
        for frame in exchange(n, 1_024) {
            file.frame(4_000, &frame);
        }
    }
    let t = trace("backwards", &file);
    let capture = &t.json["capture"];
    assert_eq!(
        (&capture["backwards_frames"], &capture["backwards_most_ns"]),
        (&1.into(), &3_599_999_996_000u64.into())
    );
    t.says("the clock runs backwards at 1 frame, by up to 3599.9 s");
    let d = &t.json["connections"][0]["directions"][0];
    // Nine gaps of 8 us before the jump and nine behind it.
    assert_eq!(d["active_ns"], 2 * 9 * 8_000);
    assert_eq!(d["completion"]["min_ns"], 4_000);
    t.says("20 20.48kB 1.02");
}

#[test]
fn pauses_over_years_do_not_wrap() {
    let t = trace(
        "old-pauses",
        &pauses(&[global(1), global(0)], 400 * DAY).speed(1_000_000_000),
    );
    t.says("captured, 34560000s");
}

#[test]
fn notifications_without_times_claim_no_spacing() {
    let mut file = File::new();
    for n in 0..9 {
        file.simple(&emitted(&packet(1, 2, 0x22, Opcode::CNP, n, 0)));
    }
    let t = trace("timeless-cnps", &file);
    assert!(
        t.findings("CC-02")
            .iter()
            .all(|f| f["verdict"] == "inconclusive")
    );
}
