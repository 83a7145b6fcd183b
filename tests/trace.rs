//! `xoff trace` and `xoff explain` on input of every kind: exit status, streams, files.

use crate::cli::{Scratch, text, xoff};
use std::io::Write;
use std::process::{Command, Output, Stdio};

/// A little-endian pcap of two broadcast ARP frames, the second at byte 100.
fn arp() -> Vec<u8> {
    let mut file = Vec::new();
    for n in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend(n.to_le_bytes());
    }
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 1, 8, 6]);
    frame.resize(60, 0);
    for n in 0..2_u32 {
        for field in [1_000 + n, 0, 60, 60] {
            file.extend(field.to_le_bytes());
        }
        file.extend(&frame);
    }
    file
}

fn binary(scratch: &Scratch, name: &str, content: &[u8]) -> String {
    let path = scratch.path(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn piped(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_xoff"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built with the tests");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

#[test]
fn what_cannot_be_read_is_an_error_with_its_reason() {
    let scratch = Scratch::new("trace-bad");
    let magic = [0xd4, 0xc3, 0xb2, 0xa1];
    let files = [
        (binary(&scratch, "empty", b""), "seems to be an empty file"),
        (binary(&scratch, "text", b"hello\n"), "seems to be text"),
        (binary(&scratch, "page", b"<html>"), "an HTML page"),
        (
            binary(&scratch, "short", &magic),
            "byte 0: the file ends inside the file header",
        ),
        (
            binary(&scratch, "cut", &arp()[..30]),
            "byte 24: the file ends inside a record header",
        ),
        (scratch.path("missing"), "cannot open: No such file"),
        (scratch.path("."), "is a directory"),
    ];
    for (path, words) in &files {
        let out = xoff(&["trace", "-q", path]);
        assert_eq!(out.status.code(), Some(2), "{path}");
        assert_eq!(text(&out.stdout), "", "{path}");
        let message = text(&out.stderr);
        assert!(
            message.contains(words) && message.contains(path),
            "{message}"
        );
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}

#[test]
fn a_cut_capture_gives_what_it_has_marked_as_partial() {
    let scratch = Scratch::new("trace-cut");
    let file = arp();
    let path = binary(&scratch, "cut.pcap", &file[..file.len() - 1]);
    let partial = "PARTIAL: reading stopped at byte 100: the file ends inside a frame: expected 76";
    for format in ["human", "json", "junit", "sarif", "github"] {
        let out = xoff(&["trace", "-q", "--format", format, &path]);
        assert_eq!(out.status.code(), Some(0), "{format}");
        let shown = text(&out.stdout);
        let words: Vec<&str> = shown.split_whitespace().collect();
        assert!(words.join(" ").contains(partial), "{format}: {shown}");
        assert_eq!(text(&out.stderr), "", "{format}");
    }
    let shown = text(&xoff(&["trace", "-q", &path]).stdout);
    assert!(shown.contains(": 1 frame, 60B captured"), "{shown}");
}

#[test]
fn a_capture_without_rdma_is_readable() {
    let scratch = Scratch::new("trace-arp");
    let path = binary(&scratch, "arp.pcap", &arp());
    let out = xoff(&["trace", &path]);
    assert_eq!(out.status.code(), Some(0));
    let shown = text(&out.stdout);
    assert!(
        shown.contains("no RDMA: the capture holds neither RoCE nor iWARP"),
        "{shown}"
    );
    assert!(
        text(&out.stderr).contains("arp.pcap: 2 frames"),
        "the speed"
    );
}

#[test]
fn captures_are_read_from_pipes() {
    let out = piped(&["trace", "-q", "-"], &arp());
    assert_eq!(out.status.code(), Some(0));
    assert!(text(&out.stdout).contains(": 2 frames, 120B captured, 1s, 1 interface"));
    let out = piped(&["trace", "-q", "-"], b"");
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).contains("standard input: not a pcap"));
}

#[test]
fn one_bad_capture_does_not_hide_the_others() {
    let scratch = Scratch::new("trace-several");
    let good = binary(&scratch, "good.pcap", &arp());
    let bad = binary(&scratch, "bad.pcap", b"no");
    let worse = binary(&scratch, "worse.pcap", b"");
    let csv = scratch.path("csv");
    let args = ["trace", "-q", &bad, &good, &worse, &good, "--csv", &csv];
    let out = xoff(&args);
    assert_eq!(out.status.code(), Some(2));
    assert_eq!(text(&out.stdout).matches("2 frames").count(), 2);
    let told = text(&out.stderr);
    assert!(
        told.contains("bad.pcap: not") && told.contains("worse.pcap: not"),
        "{told}"
    );
    for dir in ["good", "good-2"] {
        let path = scratch.path(&format!("csv/{dir}/findings.csv"));
        assert!(
            std::fs::read_to_string(&path)
                .unwrap()
                .starts_with("id,verdict,"),
            "{path}"
        );
    }
    let out = xoff(&["trace", "-q", "--format", "json", &good, &bad]);
    assert_eq!(out.status.code(), Some(2));
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(json["captures"][0]["capture"]["frames"], 2);
    assert!(
        json["unreadable"][0]["error"]
            .as_str()
            .unwrap()
            .contains("text")
    );
}

#[test]
fn a_capture_that_cannot_be_replayed_is_shown_all_the_same() {
    let scratch = Scratch::new("trace-no-replay");
    let capture = binary(&scratch, "arp.pcap", &arp());
    let out = xoff(&["trace", "-q", &capture, "--replay"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stdout).contains("holds: ARP 2"));
    assert!(text(&out.stderr).contains("nothing to replay"));
}

#[test]
fn a_foreign_link_type_is_named() {
    let scratch = Scratch::new("trace-wireless");
    let mut wireless = arp();
    wireless[20] = 105;
    let capture = binary(&scratch, "wireless.pcap", &wireless);
    let out = xoff(&["trace", "-q", &capture]);
    assert_eq!(out.status.code(), Some(2), "nothing could be read");
    let shown = text(&out.stdout);
    assert!(shown.contains("holds: 802.11 (not read) 2"), "{shown}");
    assert!(!shown.contains("nothing found"), "{shown}");
    let told = text(&out.stderr);
    assert!(
        told.contains("wireless.pcap: nothing could be read: of 2 frames, 2 802.11 (not read)"),
        "{told}"
    );
    let json = xoff(&["trace", "-q", "--format", "json", &capture]);
    assert_eq!(json.status.code(), Some(2));
    assert!(text(&json.stdout).contains("nothing could be read"));
}

#[test]
fn checks_are_explained_or_guessed() {
    let out = xoff(&["explain", "rc-07"]);
    assert_eq!(out.status.code(), Some(0));
    assert!(text(&out.stdout).starts_with("RC-07  ack-timeout\n"));
    let out = xoff(&["explain", "RC-7"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).contains("did you mean `RC-07`"));
    assert_eq!(text(&out.stdout), "");
    let out = xoff(&["explain"]);
    assert!(text(&out.stdout).lines().count() > 100);
}
