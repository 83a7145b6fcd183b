//! Captures as people bring them: `xoff trace` as its users run it, on frames made here, and what
//! it must say of them.

mod frames;
mod rdma;
mod streams;
mod times;

use crate::cli::{Scratch, text, xoff};
use frames::File;
use serde_json::Value;
use xoff_wire::Mac;
use xoff_wire::mac_control;

/// What came of a capture: the exit status, the report for people, and the JSON of the capture.
struct Traced {
    code: Option<i32>,
    shown: String,
    told: String,
    json: Value,
    scratch: Scratch,
    path: String,
}

fn trace(name: &str, file: &File) -> Traced {
    let scratch = Scratch::new(&format!("field-{name}"));
    let path = scratch.path("capture");
    std::fs::write(&path, file.bytes()).unwrap();
    let out = xoff(&["trace", "-q", "--timeline", &path]);
    let json = xoff(&["trace", "-q", "--format", "json", &path]);
    assert_eq!(out.status.code(), json.status.code(), "{name}");
    let all: Value = serde_json::from_slice(&json.stdout).unwrap();
    Traced {
        code: out.status.code(),
        // Lines are broken at blanks: sentences are looked for as one.
        shown: text(&out.stdout)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
        told: text(&out.stderr).to_owned(),
        json: all["captures"][0].clone(),
        scratch,
        path,
    }
}

impl Traced {
    fn says(&self, words: &str) {
        assert!(self.shown.contains(words), "{words}\n{}", self.shown);
    }

    fn never_says(&self, words: &str) {
        assert!(!self.shown.contains(words), "{words}\n{}", self.shown);
    }

    /// The findings of a check, in JSON.
    fn findings(&self, id: &str) -> Vec<&Value> {
        let all = self.json["findings"].as_array().unwrap();
        all.iter().filter(|f| f["id"] == id).collect()
    }

    fn csv(&self, table: &str) -> String {
        let dir = self.scratch.path("csv");
        xoff(&["trace", "-q", "--csv", &dir, &self.path]);
        std::fs::read_to_string(format!("{dir}/{table}.csv")).unwrap()
    }
}

const PAUSER: Mac = Mac([2, 0, 0, 0, 0, 9]);

fn pauses(kinds: &[mac_control::Repr], spacing_ns: u64) -> File {
    let mut file = File::new();
    for kind in kinds {
        file.frame(spacing_ns, &kind.frame(PAUSER));
    }
    file
}

fn global(quanta: u16) -> mac_control::Repr {
    mac_control::Repr::Pause { quanta }
}

fn pfc(class: usize, quanta: u16) -> mac_control::Repr {
    mac_control::Repr::Pfc {
        enable: 1 << class,
        quanta: std::array::from_fn(|c| if c == class { quanta } else { 0 }),
    }
}

#[test]
fn global_pauses_are_told_from_resumes() {
    // 38 pauses of a second's length at most, 22 resumes, 40 ms apart.
    let kinds: Vec<_> = (0..60)
        .map(|n| global(if n < 38 { 0xffff } else { 0 }))
        .collect();
    let mut t = trace("global", &pauses(&kinds, 40_000_000).speed(1_000_000_000));
    t.says("#0 02:00:00:00:00:09 all 38 22");
    let port = &t.json["pauses"][0];
    assert_eq!(port["global_pause_frames"], 38);
    assert_eq!(port["global_resume_frames"], 22);
    assert_eq!(port["global"]["pause_frames"], 38);
    assert_eq!(port["global"]["resume_frames"], 22);
    assert_eq!(port["priorities"].as_array().unwrap().len(), 0);
    let csv = t.csv("pauses");
    assert_eq!(csv.lines().count(), 2, "{csv}");
    assert!(csv.contains(",all,38,22,"), "{csv}");
    // 33.6 ms each, of 40.
    let storms = t.findings("P-20");
    assert_eq!(storms.len(), 1, "{storms:?}");
    assert!(
        storms[0]["cause"]
            .as_str()
            .unwrap()
            .contains("the whole link (802.3x)")
    );
    t.says("paused by 02:00:00:00:00:09, the whole link (802.3x)");
    t.never_says("priority 7");
    t.shown.clear();
}

#[test]
fn both_kinds_of_pause_keep_their_own_times() {
    // PFC stops priority 3 for long, 802.3x the link for a short while.
    let kinds = [pfc(3, 60_000), global(100), global(0), pfc(3, 0), global(0)];
    let t = trace(
        "both-pauses",
        &pauses(&kinds, 1_000_000).speed(1_000_000_000),
    );
    let port = &t.json["pauses"][0];
    assert_eq!(port["global"]["pause_frames"], 1);
    assert_eq!(port["global"]["resume_frames"], 2);
    assert_eq!(port["global"]["paused_ns"], 51_200);
    let pfc = &port["priorities"][0];
    assert_eq!(
        (&pfc["priority"], &pfc["pause_frames"]),
        (&3.into(), &1.into())
    );
    // The shorter 802.3x pause replaces what PFC had asked for.
    assert_eq!(pfc["paused_ns"], 1_051_200);
    assert_eq!(t.findings("P-06").len(), 1);
}

#[test]
fn resumes_alone_stop_nothing() {
    let t = trace(
        "resumes",
        &pauses(&[global(0); 7], 1_000_000).speed(1_000_000_000),
    );
    t.says("all 0 7 0ps");
    assert_eq!(t.findings("P-20").len(), 0);
}

#[test]
fn a_link_type_that_is_not_read_is_no_verdict() {
    let mut file = File::new().link_type(147);
    for _ in 0..43 {
        file.frame(1_000, &[0x45; 80]);
    }
    let t = trace("unread", &file);
    assert_eq!(t.code, Some(2));
    t.says("verdict: none, as nothing could be read");
    t.never_says("nothing found");
    assert!(
        t.told.contains("of 43 frames, 43 link type 147 (not read)"),
        "{}",
        t.told
    );
}

#[test]
fn frames_cut_before_their_headers_end_are_no_verdict_either() {
    let mut file = File::new();
    for _ in 0..5 {
        file.cut(1_000, &[0; 10], 1_000);
    }
    let t = trace("cut-short", &file);
    assert_eq!(t.code, Some(2));
    assert!(
        t.told.contains("nothing could be read: of 5 frames"),
        "{}",
        t.told
    );
}
