//! Streams and exit statuses of every verb.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Runs `xoff` with these words as arguments.
pub(crate) fn xoff(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xoff"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("the binary was built with the tests")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

/// A directory that is removed at the end of the test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Scratch {
        let dir = std::env::temp_dir().join(format!("xoff-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Scratch(dir)
    }

    /// Writes a file and gives its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const INCAST: &str = r#"
title = "Incast"
[topology]
kind = "star"
hosts = 5
rate = "100Gbps"
cable = "7m"
[[traffic]]
kind = "incast"
senders = 4
receiver = "h0"
bytes = "100kB"
[[axis]]
name = "pfc"
[[axis.case]]
label = "off"
set = { "switch.default.pfc.mode" = "off" }
[[axis.case]]
label = "on"
set = { "switch.default.pfc.mode" = "pfc" }
[expect]
check = ["hops >= 0"]
"#;

#[test]
fn usage_errors_exit_with_2_and_print_no_data() {
    for args in [
        &["run"][..],
        &["fly"],
        &["headroom"],
        &[],
        &["run", "a", "--hpcc", "b"],
    ] {
        let output = xoff(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{args:?}"
        );
    }
    assert_eq!(xoff(&["--version"]).status.code(), Some(0));
}

#[test]
fn mistakes_in_a_scenario_are_shown_with_their_line() {
    let scratch = Scratch::new("mistake");
    let path = scratch.file("a.toml", &INCAST.replace("\"7m\"", "\"7\""));
    let output = xoff(&["run", &path]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("a.toml:7:9") && stderr.contains("cable = \"7\""),
        "{stderr}"
    );
    assert!(!stderr.contains('\x1b'), "no colour without a terminal");

    let path = scratch.file(
        "b.toml",
        &format!("{INCAST}[report]\nmetrics = [\"drops.totl\"]\n"),
    );
    let stderr = text(&xoff(&["run", &path]).stderr);
    assert!(stderr.contains("did you mean `drops.total`?"), "{stderr}");

    let output = xoff(&["run", &scratch.path("none.toml")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("none.toml"));
}

#[test]
fn a_failed_expectation_exits_with_1() {
    let scratch = Scratch::new("failed");
    let path = scratch.file("a.toml", &INCAST.replace("hops >= 0", "flows.total == 1"));
    let output = xoff(&["run", &path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("expectations: 2 failed"));
}

#[test]
fn output_does_not_depend_on_the_number_of_jobs() {
    let scratch = Scratch::new("jobs");
    let path = scratch.file("a.toml", INCAST);
    for format in ["human", "json", "junit"] {
        let run = |jobs| xoff(&["run", &path, "--format", format, "--jobs", jobs]);
        let (one, four) = (run("1"), run("4"));
        assert_eq!(one.status.code(), Some(0), "{}", text(&one.stderr));
        assert_eq!(text(&one.stdout), text(&four.stdout), "{format}");
    }
}

#[test]
fn json_is_json_and_csv_is_written_per_case() {
    let scratch = Scratch::new("formats");
    let path = scratch.file("a.toml", INCAST);
    let csv = scratch.path("csv");
    let output = xoff(&["run", &path, "--format", "json", "--csv", &csv, "--quiet"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["scenarios"][0]["cases"][1]["labels"]["pfc"], "on");
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    for case in ["pfc=off", "pfc=on"] {
        assert!(
            Path::new(&csv)
                .join("a")
                .join(case)
                .join("ports.csv")
                .is_file(),
            "{case}"
        );
    }
}

#[test]
fn a_reader_that_goes_away_is_not_an_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_xoff"))
        .arg("schema")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn hpcc_input_gives_hpcc_output() {
    let scratch = Scratch::new("hpcc");
    let config = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/hpcc/one_flow/config.txt"
    );
    let output = xoff(&["run", "--hpcc", config, "--out", &scratch.path("out")]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let files = std::fs::read_dir(scratch.path("out")).unwrap().count();
    assert_eq!(files, 2, "fct and pfc");
}

#[test]
fn helpers_print_data() {
    let schema = xoff(&["schema"]);
    assert!(serde_json::from_slice::<serde_json::Value>(&schema.stdout).is_ok());
    assert!(text(&xoff(&["schema", "--metrics"]).stdout).contains("drops.lossless"));
    let headroom = xoff(&[
        "headroom",
        "--rate",
        "100G",
        "--cable",
        "7m",
        "--profile",
        "mlx5",
    ]);
    assert_eq!(headroom.status.code(), Some(0));
    assert!(text(&headroom.stdout).contains("total"));
    assert_eq!(
        xoff(&["headroom", "--rate", "0G", "--cable", "7m"])
            .status
            .code(),
        Some(2)
    );
}
