//! The lab with real kernels, where there is one in the cache; otherwise a note says why not.

use crate::support::{guest_kernel, has_program};
mod down;
mod ports;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const XOFF: &str = env!("CARGO_BIN_EXE_xoff");
const PINGPONG: &str = "ibv_rc_pingpong";

const SCENARIO: &str = "
[topology]
kind = \"star\"
hosts = 2
rate = \"10Gbps\"
[[rule]]
name = \"lose\"
action = \"drop\"
class = \"data\"
from = \"h1\"
nth = [10, 200]
round = 0
[[rule]]
name = \"never\"
action = \"drop\"
class = \"cnp\"
";

/// A directory of one test, in which the lab runs, and its kernel.
struct Lab {
    dir: PathBuf,
    kernel: PathBuf,
}

impl Lab {
    /// None, with a note, if the lab cannot run here.
    fn new(name: &str) -> Option<Lab> {
        let kernel = guest_kernel(name)?;
        let dir = std::env::temp_dir().join(format!("xoff-t-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("lab.toml"), SCENARIO).unwrap();
        Some(Lab { dir, kernel })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.verb("run", &self.kernel, arguments)
    }

    fn verb(&self, verb: &str, kernel: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(XOFF);
        command
            .args(["lab", verb, "lab.toml", "--kernel"])
            .arg(kernel);
        command
            .args(arguments)
            .current_dir(&self.dir)
            .env("TMPDIR", &self.dir);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs once more if the guests' kernel failed by itself, which was seen once in some hundred
    /// boots of a busy machine: what xoff does is asked here.
    fn run(&self, arguments: &[&str]) -> Output {
        let once = || self.command(arguments).output().unwrap();
        let done = once();
        match text(&done.stderr).contains("Kernel panic - not syncing: BUG!") {
            true => {
                crate::support::note(&format!(
                    "a guest's kernel panicked: {}",
                    text(&done.stderr)
                ));
                once()
            }
            false => done,
        }
    }

    /// Directories of runs that are there.
    fn runs(&self) -> usize {
        let dirs = fs::read_dir(&self.dir).unwrap().filter_map(Result::ok);
        let parent = dirs.map(|e| e.path()).find(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("xoff-lab-")
        });
        parent.map_or(0, |path| fs::read_dir(path).unwrap().count())
    }

    /// Guests of this test that live: the directory is in their arguments.
    fn guests(&self) -> usize {
        let mark = format!("uml_dir={}", self.dir.display());
        let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let line = |path: &Path| fs::read(path.join("cmdline")).unwrap_or_default();
        let alive = |path: &Path| String::from_utf8_lossy(&line(path)).contains(&mark);
        processes.filter(|entry| alive(&entry.path())).count()
    }

    /// What is in the directory, without those of runs.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.dir).unwrap().filter_map(Result::ok);
        let names = entries.map(|e| e.file_name().to_string_lossy().into_owned());
        let mut names: Vec<_> = names.filter(|n| !n.starts_with("xoff-lab-")).collect();
        names.sort();
        names
    }

    #[track_caller]
    fn assert_clean(&self) {
        let begun = Instant::now();
        while self.guests() > 0 {
            assert!(begun.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(self.runs(), 0);
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn kernels_repair_what_the_wire_loses() {
    let Some(lab) = Lab::new("loss") else { return };
    if !has_program("loss", PINGPONG) {
        return;
    }
    let pingpong = "ibv_rc_pingpong -e -d $XOFF_DEVICE -g 1 -n 20 -s 65536";
    let server = format!("h0={pingpong}");
    let client = format!("h1=sleep 1; {pingpong} $XOFF_PEER");
    let done = lab.run(&[
        "--format", "json", "--pcap", "a.pcapng", "--on", &server, "--on", &client,
    ]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let rules = &report["wire"]["rules"];
    assert_eq!(
        (&rules[0]["applied"], &rules[1]["matched"]),
        (&2.into(), &0.into())
    );
    // Neither lost packet is the last of its message, so each makes one NAK.
    let counter = |guest: usize, name: &str| report["guests"][guest]["counters"][name].as_u64();
    assert_eq!(counter(0, "rxe0/out_of_seq_request"), Some(2));
    assert_eq!(counter(1, "rxe0/rcvd_seq_err"), Some(2));
    assert!(counter(1, "net/TcpInSegs") > Some(0));
    let capture = Command::new(XOFF)
        .args(["trace", "--format", "json", "a.pcapng"])
        .current_dir(&lab.dir)
        .output()
        .unwrap();
    assert!(
        capture.status.code().is_some_and(|code| code < 2),
        "{}",
        text(&capture.stderr)
    );
    lab.assert_clean();
}

#[test]
fn statuses_of_commands_are_the_labs() {
    let Some(lab) = Lab::new("status") else {
        return;
    };
    let done = lab.run(&["--", "echo $XOFF_NAME; exit {host}"]);
    assert_eq!(done.status.code(), Some(1), "{}", text(&done.stderr));
    let out = text(&done.stdout);
    assert!(out.contains("h1 (10.9.0.2, rxe0): exit status 1"), "{out}");
    assert!(
        out.contains("\n  h0\n") && out.contains("never matched"),
        "{out}"
    );
    let read_only = lab.run(&["--", "! touch x"]);
    assert_eq!(
        read_only.status.code(),
        Some(0),
        "{}",
        text(&read_only.stdout)
    );
    assert!(!lab.dir.join("x").exists());
    lab.assert_clean();
}

#[test]
fn a_guest_that_hangs_or_dies_is_named() {
    let Some(lab) = Lab::new("hang") else { return };
    let hung = lab.run(&["--timeout", "20s", "--on", "h1=sleep 60"]);
    assert_eq!(hung.status.code(), Some(2));
    assert!(
        text(&hung.stderr).contains("guest h1: did not end"),
        "{}",
        text(&hung.stderr)
    );
    lab.assert_clean();
    let crash = lab.run(&["--on", "1=echo c > /proc/sysrq-trigger", "--", "sleep 20"]);
    assert_eq!(crash.status.code(), Some(2));
    let told = text(&crash.stderr);
    assert!(
        told.contains("guest h1") && told.contains("Kernel panic"),
        "{told}"
    );
    lab.assert_clean();
    let bad = lab.command(&["--", "true"]).arg("x").output().unwrap();
    assert_eq!(bad.status.code(), Some(0));
}

#[test]
fn nothing_survives_a_killed_lab() {
    let Some(lab) = Lab::new("kill") else { return };
    let capture = ["--pcap", "a.pcapng", "--"];
    let mut child = lab.command(&capture).arg("sleep 60").spawn().unwrap();
    let begun = Instant::now();
    while lab.guests() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // A capture that was never finished has no name.
    assert_eq!(lab.files(), ["lab.toml"]);
    let next = lab.command(&capture).arg("true").output().unwrap();
    assert_eq!(next.status.code(), Some(0), "{}", text(&next.stderr));
    lab.assert_clean();
    assert_eq!(lab.files(), ["a.pcapng", "lab.toml"]);
}

#[test]
fn without_a_kernel_the_lab_says_what_to_do() {
    let dir = std::env::temp_dir().join(format!("xoff-t-none-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("lab.toml"), SCENARIO).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(XOFF);
        command
            .args(arguments)
            .current_dir(&dir)
            .env("XOFF_CACHE", &dir);
        let done = command.output().unwrap();
        assert_eq!(done.status.code(), Some(2), "{arguments:?}");
        text(&done.stderr)
    };
    let told = run(&["lab", "run", "lab.toml", "--", "true"]);
    assert!(
        told.contains("lab build") || told.contains("apt-get install"),
        "{told}"
    );
    assert!(run(&["lab", "run", "lab.toml", "--on", "h7=true"]).contains("no such host"));
    assert!(run(&["lab", "agent"]).contains("first process"));
    let told = run(&[
        "lab",
        "run",
        "lab.toml",
        "--set",
        "topology.hosts=9",
        "--",
        "true",
    ]);
    assert!(told.contains("9 hosts"), "{told}");
    fs::remove_dir_all(&dir).unwrap();
}
