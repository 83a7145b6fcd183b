//! Outputs: whole files or none, and never in place of what is no file or is an input.

use crate::cli::{Scratch, text, xoff};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

const STAR: &str = "[topology]\nkind = \"star\"\nhosts = 3\n\
                    [[traffic]]\nkind = \"incast\"\nbytes = \"10kB\"\n";
const CAPTURE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/traces/captures/linux_rc_loss.pcap.gz"
);

/// Runs a command line of the shell in which `xoff` is the program.
fn shell(line: &str) -> Output {
    let xoff = env!("CARGO_BIN_EXE_xoff");
    let line = format!("xoff() {{ \"{xoff}\" \"$@\"; }}\n{line}");
    let output = Command::new("/bin/sh").args(["-c", &line]).output();
    output.unwrap()
}

/// HPCC's input with other names of outputs.
fn hpcc(scratch: &Scratch, fct: &str, pfc: &str) -> String {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hpcc/one_flow");
    for entry in std::fs::read_dir(&from).unwrap().map(|e| e.unwrap()) {
        std::fs::copy(
            entry.path(),
            scratch.path(entry.file_name().to_str().unwrap()),
        )
        .unwrap();
    }
    let config = std::fs::read_to_string(from.join("config.txt")).unwrap();
    let line = |line: &str| match line.split_whitespace().next() {
        Some("FCT_OUTPUT_FILE") => format!("FCT_OUTPUT_FILE {fct}\n"),
        Some("PFC_OUTPUT_FILE") => format!("PFC_OUTPUT_FILE {pfc}\n"),
        _ => format!("{line}\n"),
    };
    let config: String = config.lines().map(line).collect();
    scratch.file("config.txt", &config)
}

#[test]
fn devices_stay_devices() {
    let scratch = Scratch::new("devices");
    let link = scratch.path("null");
    symlink("/dev/null", &link).unwrap();
    let path = scratch.file("a.toml", STAR);
    let config = hpcc(&scratch, "/dev/null", &link);
    let csv = scratch.path("csv");
    std::fs::create_dir(&csv).unwrap();
    symlink("/dev/null", Path::new(&csv).join("flows.csv")).unwrap();
    for args in [
        &["run", "-q", &path, "--pcap", &link][..],
        &["run", "-q", "--hpcc", &config],
        &["run", "-q", &path, "--csv", &csv],
        &["trace", "-q", CAPTURE, "--replay", "--out", &link],
        &[
            "conform",
            "-q",
            "--check",
            "RC-01",
            "--snapshot",
            &link,
            "--update",
        ],
    ] {
        let output = xoff(args);
        assert!(
            output.status.code() < Some(2),
            "{args:?}: {}",
            text(&output.stderr)
        );
        assert!(
            std::fs::symlink_metadata(&link).unwrap().is_symlink(),
            "{args:?}"
        );
    }
    let null = std::fs::metadata("/dev/null").unwrap();
    assert!(null.file_type().is_char_device());
    let member = std::fs::symlink_metadata(Path::new(&csv).join("flows.csv"));
    assert!(member.unwrap().is_symlink());
}

#[test]
fn a_dash_is_standard_output() {
    let scratch = Scratch::new("dash");
    let path = scratch.file("a.toml", STAR);
    for (args, begins) in [
        (&["trace", "-q", CAPTURE, "--replay", "--out", "-"][..], "#"),
        (
            &[
                "conform",
                "-q",
                "--check",
                "RC-01",
                "--snapshot",
                "-",
                "--update",
            ],
            "",
        ),
        (&["run", "-q", &path, "--pcap", "-"], "\n\r\r\n"),
        (&["run", "-q", &path, "--pcap", "/dev/stdout"], "\n\r\r\n"),
    ] {
        let output = xoff(args);
        assert!(output.status.code() < Some(2), "{}", text(&output.stderr));
        assert!(output.stdout.starts_with(begins.as_bytes()), "{args:?}");
        assert!(
            !output.stdout.is_empty() && !output.stderr.is_empty(),
            "the report is aside"
        );
    }
    for args in [
        &["run", "-q", &path, "--csv", "-"][..],
        &["trace", "-q", CAPTURE, "--csv", "-"],
    ] {
        let output = xoff(args);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("is no directory"));
    }
    assert!(!Path::new("-").exists());
    // What comes before in a file stays there.
    let out = scratch.path("out");
    let done = shell(&format!(
        "{{ echo before; xoff run -q {path} --pcap /dev/stdout 2>/dev/null; echo after; }} > {out}"
    ));
    assert!(done.status.success());
    let content = std::fs::read(&out).unwrap();
    assert!(content.starts_with(b"before\n\n\r\r\n") && content.ends_with(b"after\n"));
}

#[test]
fn links_and_modes_stay() {
    let scratch = Scratch::new("modes");
    let (target, link) = (scratch.file("target", "old"), scratch.path("link"));
    symlink("target", &link).unwrap();
    let mode = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(&target, mode).unwrap();
    let args = ["trace", "-q", CAPTURE, "--replay", "--out", &link];
    assert!(xoff(&args).status.code() < Some(2));
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(std::fs::read_to_string(&target).unwrap().starts_with('#'));
    assert_eq!(std::fs::metadata(&target).unwrap().mode() & 0o777, 0o640);
    assert_eq!(
        std::fs::read_dir(scratch.dir()).unwrap().count(),
        2,
        "nothing is left"
    );
}

#[test]
fn no_input_is_overwritten() {
    let scratch = Scratch::new("inputs");
    let path = scratch.file("a.toml", STAR);
    let csv = star_csv(&scratch);
    let capture = scratch.path("a.pcap.gz");
    std::fs::copy(CAPTURE, &capture).unwrap();
    let (link, same) = (scratch.path("link"), scratch.path("same"));
    symlink(&path, &link).unwrap();
    std::fs::hard_link(&path, &same).unwrap();
    let config = hpcc(&scratch, "flow.txt", "pfc.txt");
    let before = snapshot(&scratch);
    let dir = scratch.path("");
    for args in [
        &["run", "-q", &path, "--pcap", &path][..],
        &["run", "-q", &path, "--pcap", &link],
        &["run", "-q", &path, "--pcap", &same],
        &["run", "-q", &csv, "--csv", &dir],
        &["run", "-q", "--hpcc", &config],
        &["trace", "-q", &capture, "--replay", "--out", &capture],
        &[
            "conform",
            "-q",
            "--arm",
            "trace",
            &capture,
            "--snapshot",
            &capture,
            "--update",
        ],
    ] {
        let output = xoff(args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(
            stderr.contains("an input of this run"),
            "{args:?}: {stderr}"
        );
    }
    let changed = |old: &(String, Vec<u8>)| std::fs::read(scratch.path(&old.0)).unwrap() != old.1;
    assert!(!before.iter().any(changed));
    let config = hpcc(&scratch, "one.txt", "one.txt");
    let output = xoff(&["run", "-q", "--hpcc", &config]);
    assert!(
        text(&output.stderr).contains("are both"),
        "{}",
        text(&output.stderr)
    );
}

/// A scenario whose flows are in a file that is named like a table of results.
fn star_csv(scratch: &Scratch) -> String {
    scratch.file("flows.csv", "src,dst,bytes\nh1,h0,1000\n");
    let csv = "[topology]\nkind = \"star\"\nhosts = 3\n\
               [[traffic]]\nkind = \"csv\"\nfile = \"flows.csv\"\n";
    scratch.file("csv.toml", csv)
}

fn snapshot(scratch: &Scratch) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(scratch.dir())
        .unwrap()
        .map(|e| e.unwrap());
    entries
        .map(|e| {
            let name = e.file_name().to_str().unwrap().to_owned();
            (name, std::fs::read(e.path()).unwrap())
        })
        .collect()
}

#[test]
fn a_full_disk_is_an_error() {
    let scratch = Scratch::new("full");
    let path = scratch.file("a.toml", STAR);
    for line in [
        "xoff --help > /dev/full".to_owned(),
        "xoff --version > /dev/full".to_owned(),
        "xoff run --help > /dev/full".to_owned(),
        "xoff schema > /dev/full".to_owned(),
        format!("xoff run -q {path} > /dev/full"),
        format!("xoff run -q {path} --pcap - > /dev/full"),
        format!("xoff run -q {path} --pcap /dev/full"),
        format!("xoff trace -q {CAPTURE} > /dev/full"),
        format!("xoff trace -q {CAPTURE} --replay --out /dev/full"),
        "xoff conform -q --check RC-01 --snapshot /dev/full --update".to_owned(),
    ] {
        let output = shell(&line);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line}: {stderr}");
        assert!(stderr.contains("No space left"), "{line}: {stderr}");
    }
    // Nobody listens, or nothing is open.
    for line in ["xoff --help | true", "xoff schema | true"] {
        assert_eq!(shell(line).status.code(), Some(0), "{line}");
    }
    let closed = shell(&format!(
        "xoff run -q {path} >&-; xoff run -q {path} 2>&- >/dev/null"
    ));
    assert!(closed.status.code() < Some(3), "{}", text(&closed.stderr));
}
