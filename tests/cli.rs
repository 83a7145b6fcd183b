//! Streams and exit statuses of every verb.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Runs `xoff` with these words as arguments.
pub(crate) fn xoff(args: &[&str]) -> Output {
    xoff_in(Path::new("."), args)
}

pub(crate) fn xoff_in(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xoff"))
        .args(args)
        .current_dir(dir)
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

    pub(crate) fn dir(&self) -> &Path {
        &self.0
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
    for format in ["human", "json", "junit", "sarif"] {
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

#[test]
fn junit_is_xml_with_a_test_per_expectation() {
    let scratch = Scratch::new("junit");
    let path = scratch.file("a.toml", &INCAST.replace("hops >= 0", "flows.total == 1"));
    let output = xoff(&["run", "-q", &path, "--format", "junit"]);
    assert_eq!(output.status.code(), Some(1));
    let xml = text(&output.stdout);
    assert!(xml.starts_with("<?xml version=\"1.0\""), "{xml}");
    // Every element that is opened is closed, in order.
    let mut open: Vec<&str> = Vec::new();
    for tag in xml.split('<').skip(2).map(|t| t.split('>').next().unwrap()) {
        let name = tag.split_whitespace().next().unwrap().trim_end_matches('/');
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{xml}"),
            None if tag.ends_with('/') => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty());
    assert_eq!(xml.matches("<failure").count(), 2);
}

#[test]
fn sarif_has_the_diagnosis_and_the_expectations_that_failed() {
    let scratch = Scratch::new("run-sarif");
    let path = scratch.file("a.toml", &INCAST.replace("hops >= 0", "flows.total == 1"));
    let output = xoff(&["run", "-q", &path, "--format", "sarif"]);
    assert_eq!(output.status.code(), Some(1));
    let log: serde_sarif::sarif::Sarif = serde_json::from_slice(&output.stdout).unwrap();
    let results = log.runs[0].results.as_ref().unwrap();
    let of = |id: &str| -> Vec<_> {
        let of_rule = results.iter().filter(|r| r.rule_id.as_deref() == Some(id));
        of_rule.collect()
    };
    // Two cases, and one line that neither keeps.
    let lines = of("F-02").into_iter().map(|result| {
        let place = result.locations.as_ref().unwrap()[0]
            .physical_location
            .as_ref();
        place.unwrap().region.as_ref().unwrap().start_line.unwrap()
    });
    let expected = text(&std::fs::read(&path).unwrap());
    let line = expected
        .lines()
        .position(|l| l.contains("flows.total == 1"));
    assert_eq!(lines.collect::<Vec<_>>(), [line.unwrap() as i64 + 1; 2]);
    // What the human report says is there, whatever it is.
    let human = text(&xoff(&["run", "-q", &path]).stdout);
    let told: Vec<&str> = human
        .lines()
        .skip_while(|l| *l != "diagnosis")
        .skip(1)
        .collect();
    let first = told[0].split_once(": ").unwrap().1;
    let message = |r: &serde_sarif::sarif::Result| r.message.text.clone().unwrap();
    assert!(
        results.iter().any(|r| message(r).contains(first)),
        "{first}"
    );
}

#[test]
fn options_change_the_run_and_are_in_the_command_that_repeats_it() {
    let scratch = Scratch::new("set");
    let path = scratch.file("a.toml", INCAST);
    let plain = text(&xoff(&["run", "-q", &path]).stdout);
    assert!(plain.contains("seed 1") && plain.contains("xoff run"));
    let args = [
        "run",
        "-q",
        &path,
        "--set",
        "traffic.0.bytes=50kB",
        "--seed",
        "7",
    ];
    let changed = text(&xoff(&[&args[..], &["--until", "1ms", "--case", "on"]].concat()).stdout);
    assert_ne!(plain, changed);
    let repeat = changed
        .lines()
        .find_map(|l| l.trim().strip_prefix("repeat with: xoff "));
    let repeat = repeat.expect("the report says how to repeat it");
    for part in [
        "--set traffic.0.bytes=50kB",
        "--seed 7",
        "--until 1ms",
        "--case on",
    ] {
        assert!(repeat.contains(part), "{repeat}");
    }
    let words: Vec<&str> = repeat.split(' ').collect();
    assert_eq!(text(&xoff(&[&words[..], &["-q"]].concat()).stdout), changed);
}

#[test]
fn standard_input_is_a_scenario_too() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_xoff"))
        .args(["run", "-q", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, INCAST.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("Incast"));
}

#[test]
fn a_run_cut_short_says_so() {
    let scratch = Scratch::new("until");
    let path = scratch.file("a.toml", INCAST);
    let output = xoff(&[
        "run", "-q", &path, "--until", "2us", "--case", "on", "--format", "json",
    ]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let case = &json["scenarios"][0]["cases"][0];
    assert!(case.to_string().contains("unfinished"), "{case}");
}

/// Editors find the schema beside the scenarios. `UPDATE_SCHEMA=1` writes it anew.
#[test]
fn the_committed_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("topologies/scenario.schema.json");
    let printed = text(&xoff(&["schema"]).stdout);
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &printed).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == printed,
        "run `xoff schema > topologies/scenario.schema.json`"
    );
}

#[test]
fn headroom_by_sonic_takes_the_inputs_of_its_formula_and_no_others() {
    let line = |options: &str| {
        let all = format!("headroom --rate 100G --cable 300m --profile sonic {options}");
        xoff(&all.split_whitespace().collect::<Vec<_>>())
    };
    let table = text(&line("").stdout);
    assert!(
        table.contains("163,840") && table.contains("18,432"),
        "{table}"
    );
    let stated = "--mtu 1024 --port-mtu 9100 --cell 144 --small-packets 100 --mac-phy-delay 819B \
                  --pipeline-latency 18KiB --gearbox-delay 0ns --response 2017280ps --lanes 4";
    let total = |output: &std::process::Output| {
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        json["total_bytes"].as_u64()
    };
    let stated = line(&format!("{stated} --format json"));
    assert_eq!(total(&stated), Some(163_840));
    let refused = line("--phy-delay 5ns");
    assert_eq!(refused.status.code(), Some(2));
    let words = text(&refused.stderr);
    assert!(
        words.contains("--phy-delay has no meaning for --profile sonic"),
        "{words}"
    );
    let wrong = line("--small-packets 101");
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn headroom_agrees_with_the_simulator_and_shows_its_terms() {
    let args = [
        "headroom", "--rate", "100G", "--cable", "100m", "--mtu", "1024",
    ];
    let human = text(&xoff(&args).stdout);
    assert!(
        human.contains("crossing frame") && human.contains("pause response"),
        "{human}"
    );
    let output = xoff(&[&args[..], &["--format", "json"]].concat());
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    // By hand in the calculator's own tests.
    assert!(json.to_string().contains("40432"), "{json}");
}
