//! `xoff check`: cases with known truth, and the command as its users run it.

use crate::cli::{Scratch, text, xoff_in};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn run(arguments: &[&str]) -> Output {
    xoff_in(root(), arguments)
}

fn json(arguments: &[&str]) -> Value {
    let output = run(arguments);
    let out = text(&output.stdout);
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}{}", text(&output.stderr)))
}

/// Findings above notes.
fn loud(report: &Value) -> Vec<&Value> {
    let all = report["findings"].as_array().unwrap();
    all.iter().filter(|f| f["severity"] != "info").collect()
}

struct Case {
    path: PathBuf,
    truth: toml::Value,
}

fn cases() -> Vec<Case> {
    let root = root().join("tests/data/check");
    let mut found: Vec<Case> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("truth.toml").exists())
        .map(|path| Case {
            truth: fs::read_to_string(path.join("truth.toml"))
                .unwrap()
                .parse::<toml::Table>()
                .unwrap()
                .into(),
            path,
        })
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

impl Case {
    /// The report on it, with the topology that its truth states.
    fn report(&self, scratch: &Scratch, more: &[&str]) -> Value {
        let topology = &self.truth["topology"];
        let speed = topology["speed_gbps"].as_integer().unwrap();
        let mut links = String::new();
        for link in topology["links"].as_array().unwrap() {
            let end = |n: usize| link[n].as_str().unwrap();
            links += &format!(
                "[[link]]\na = \"{}\"\nb = \"{}\"\nrate = \"{speed}Gbps\"\n",
                end(0),
                end(1)
            );
            if let Some(cable) = link.get(2) {
                links += &format!("cable = {cable}\n");
            }
        }
        let file = scratch.file("topology.toml", &links);
        let files: Vec<String> = topology["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| {
                self.path
                    .join(f.as_str().unwrap())
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        let mut arguments = vec!["check", "--topology", &file, "--format", "json"];
        arguments.extend(files.iter().map(String::as_str));
        arguments.extend(more);
        json(&arguments)
    }

    fn wanted(&self) -> Vec<&toml::Value> {
        self.truth
            .get("finding")
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten()
            .collect()
    }
}

/// A finding that the truth wants: its rule or one that is accepted, its severity, a line near by.
fn fits(want: &toml::Value, found: &Value) -> bool {
    let id = found["id"].as_str().unwrap();
    let accepted = want.get("also_accept").and_then(toml::Value::as_array);
    let named = want["rule"].as_str() == Some(id)
        || accepted.is_some_and(|all| all.iter().any(|a| a.as_str() == Some(id)));
    if !named || want["severity"].as_str() != found["severity"].as_str() {
        return false;
    }
    let files = [Some(&want["file"]), want.get("peer_file")];
    let lines = |key: &str| {
        want.get(key)
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_integer)
    };
    let places = std::iter::once(found).chain(found["related"].as_array().unwrap());
    places.into_iter().any(|place| {
        let file = Path::new(place["file"].as_str().unwrap())
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let here = files.iter().flatten().any(|f| f.as_str() == Some(&file));
        let (low, high) = (
            place["line"].as_i64().unwrap(),
            place["end_line"].as_i64().unwrap(),
        );
        let near = || {
            lines("lines")
                .chain(lines("peer_lines"))
                .any(|n| low - 3 <= n && n <= high + 3)
        };
        here && (want.get("absent").is_some() || near())
    })
}

#[test]
fn cases_with_known_truth_are_answered_so() {
    let (mut wrong, mut counted) = (Vec::new(), 0);
    for case in cases() {
        let name = case
            .path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let scratch = Scratch::new(&format!("check-{}", &name[..2]));
        let report = case.report(&scratch, &[]);
        let (found, wanted) = (loud(&report), case.wanted());
        counted += 1;
        for want in wanted.iter().filter(|w| !found.iter().any(|f| fits(w, f))) {
            wrong.push(format!(
                "{name}: missed {} in {}",
                want["rule"], want["file"]
            ));
        }
        // The watchdog is worth a warning everywhere.
        for f in found
            .iter()
            .filter(|f| f["id"] != "C-15" && !wanted.iter().any(|w| fits(w, f)))
        {
            wrong.push(format!(
                "{name}: false {} {}: {}",
                f["id"], f["severity"], f["message"]
            ));
        }
    }
    assert!(
        counted >= 35 && wrong.is_empty(),
        "of {counted}:\n{}",
        wrong.join("\n")
    );
}

/// What drops frames is shown by simulation.
#[test]
fn claims_of_loss_are_proved() {
    for (start, id) in [
        ("31", "C-01"),
        ("35", "C-19"),
        ("23", "C-21"),
        ("38", "C-20"),
        ("45", "Q-09"),
    ] {
        let case = cases()
            .into_iter()
            .find(|c| {
                c.path
                    .file_name()
                    .unwrap()
                    .to_string_lossy()
                    .starts_with(start)
            })
            .unwrap();
        let scratch = Scratch::new(&format!("proof-{start}"));
        let report = case.report(&scratch, &["--simulate"]);
        let found = report["findings"].as_array().unwrap();
        let one = found
            .iter()
            .find(|f| f["id"] == id)
            .unwrap_or_else(|| panic!("{start}: {report}"));
        assert_eq!(one["proof"]["reproduced"], true, "{start}: {one}");
        assert_eq!(one["severity"], "error");
    }
}

#[test]
fn without_dcb_it_works_until_it_is_congested() {
    let report = json(&[
        "check",
        "topologies/fabrics/wrong/roce-without-dcb",
        "--simulate",
        "--format",
        "json",
    ]);
    let found = loud(&report);
    let error = found.iter().find(|f| f["id"] == "C-01").unwrap();
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("works until a port is congested"),
        "{error}"
    );
    assert_eq!(error["proof"]["reproduced"], true, "{error}");
}

#[test]
fn the_dell_switch_and_the_windows_host_go_together() {
    let report = json(&[
        "check",
        "tests/data/configs/dell-os10/S5212F-ON-TOR1-Advanced.cfg",
        "tests/data/configs/windows/22H2_WithoutNetATC.ps1",
        "--format",
        "json",
    ]);
    for file in report["files"].as_array().unwrap() {
        let (all, understood) = (
            file["qos_lines"].as_u64().unwrap(),
            file["understood"].as_u64().unwrap(),
        );
        assert!(all > 0 && understood * 100 >= all * 95, "{file}");
    }
    // They agree: priority 3 is lossless on both, and the shares are near each other.
    let errors: Vec<&Value> = loud(&report)
        .into_iter()
        .filter(|f| f["severity"] == "error")
        .collect();
    assert!(
        errors
            .iter()
            .all(|f| f["id"] != "C-01" && f["id"] != "C-02"),
        "{errors:#?}"
    );
}

#[test]
fn fixed_files_have_none_of_what_was_cured() {
    let scratch = Scratch::new("check-fix");
    let dir = scratch.path("fixed");
    let fabric = "topologies/fabrics/wrong/policy-missing-on-one-port";
    let before = run(&["check", fabric, "--fix", &dir]);
    assert_eq!(before.status.code(), Some(1), "{}", text(&before.stderr));
    for entry in fs::read_dir(root().join(fabric)).unwrap() {
        let path = entry.unwrap().path();
        let to = Path::new(&dir).join(path.file_name().unwrap());
        if !to.exists() {
            fs::copy(&path, to).unwrap();
        }
    }
    let after = run(&["check", &dir]);
    assert_eq!(after.status.code(), Some(0), "{}", text(&after.stdout));
    let change = run(&["check", "--diff", fabric, &dir]);
    assert_eq!(change.status.code(), Some(0));
    assert!(
        text(&change.stdout).contains("0 come, 1 go, 0 stay"),
        "{}",
        text(&change.stdout)
    );
}

#[test]
fn formats_and_options() {
    let fabric = "topologies/fabrics/wrong/policy-missing-on-one-port";
    let out = |more: &[&str]| {
        let arguments: Vec<&str> = ["check", fabric].iter().chain(more).copied().collect();
        let output = run(&arguments);
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    assert!(
        out(&["--format", "sarif"])
            .1
            .contains("\"ruleId\": \"C-19\"")
    );
    assert!(out(&["--format", "junit"]).1.contains("<failure"));
    assert!(out(&["--format", "github"]).1.starts_with("::error file="));
    assert_eq!(out(&["--allow", "C-19"]).0, Some(0));
    let (code, _, told) = out(&["--allow", "C-9"]);
    assert!(
        code == Some(2) && told.contains("no rule is called `C-9`"),
        "{told}"
    );
    let scratch = Scratch::new("check-baseline");
    let known = scratch.path("known.txt");
    out(&["--baseline", &known]);
    let (code, shown, _) = out(&["--baseline", &known]);
    assert!(code == Some(0) && shown.contains("1 known"), "{shown}");
    let (code, shown, _) = out(&["--path", "nodeA", "nodeB"]);
    assert!(
        code == Some(1) && shown.contains("nodeB to nodeA"),
        "{shown}"
    );
    assert!(out(&["--model"]).1.contains("Cisco NX-OS"));
}

#[test]
fn bad_input_is_told_and_nothing_is_done() {
    let scratch = Scratch::new("check-bad");
    let wrong = |arguments: &[&str], words: &str| {
        let output = run(arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(words) && output.stdout.is_empty(), "{told}");
    };
    let letter = scratch.file("letter.txt", "Dear all,\nthe meeting is moved.\n");
    wrong(&["check", &letter], "no configuration that is known");
    let half = scratch.file("half.sonic.json", "{\"PORT_QOS_MAP\": {\"Ethernet0\": {\n");
    wrong(&["check", &half], "half.sonic.json");
    wrong(&["check", &scratch.path("missing")], "missing");
    let host = scratch.file("a.linux.sh", "#!/bin/sh\nmlnx_qos -i eth0 --trust dscp\n");
    let links = scratch.file("t.toml", "[[link]]\na = \"a:eth0\"\nb = \"x\"\n");
    wrong(&["check", &host, "--topology", &links], "`x` is no port");
    let links = scratch.file(
        "u.toml",
        "[[link]]\na = \"a:eth0\"\nb = \"x:1\"\nrate = \"fast\"\n",
    );
    wrong(&["check", &host, "--topology", &links], "`fast` is no rate");
    fs::create_dir_all(scratch.path("twin")).unwrap();
    let twin = scratch.file(
        "twin/a.linux.sh",
        "#!/bin/sh\nmlnx_qos -i eth0 --trust dscp\n",
    );
    wrong(&["check", &host, &twin], "is the name of a device");
    wrong(
        &["check", &host, "--dialect", "ios"],
        "no dialect is called `ios`",
    );
}
