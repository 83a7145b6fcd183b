//! However a run ends, it says why and leaves nothing.

use super::{Lab, text};
use crate::support::has_program;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

#[track_caller]
fn assert_failed(done: &Output, guest: &str, what: &str) {
    let told = text(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{told}");
    let named = told.contains(&format!("guest {guest}: "));
    assert!(named && told.contains(what), "{told}");
    assert!(told.contains("console"), "{told}");
}

/// Sends a signal with the shell's own `kill`: not every machine has the program.
#[track_caller]
fn kill(signal: &str, pid: &str) {
    let mut shell = Command::new("sh");
    let killed = shell.args(["-c", &format!("kill -{signal} {pid}")]);
    assert!(killed.status().unwrap().success());
}

#[test]
fn fifty_runs_leave_nothing() {
    let Some(lab) = Lab::new("fifty") else { return };
    for n in 0..50 {
        let done = lab.run(&["--pcap", "a.pcapng", "--", "true"]);
        assert_eq!(done.status.code(), Some(0), "{n}: {}", text(&done.stderr));
    }
    lab.assert_clean();
    assert_eq!(lab.files(), ["a.pcapng", "lab.toml"]);
}

#[test]
fn a_guest_without_memory_is_named() {
    let Some(lab) = Lab::new("memory") else {
        return;
    };
    // Keeps the line that never ends.
    let starved = lab.run(&["--memory", "96", "--on", "h1=tail /dev/zero"]);
    assert_failed(&starved, "h1", "too little memory");
    assert!(text(&starved.stderr).contains("Out of memory: Killed process"));
    lab.assert_clean();
    // A command that is killed otherwise is only a command that failed.
    let killed = lab.run(&["--on", "h1=kill -9 $$"]);
    assert_eq!(killed.status.code(), Some(1), "{}", text(&killed.stderr));
    lab.assert_clean();
}

#[test]
fn a_kernel_that_does_not_boot_is_told() {
    let Some(lab) = Lab::new("kernel") else {
        return;
    };
    let mut none = lab.verb("run", Path::new("/bin/true"), &["--", "true"]);
    let none = none.output().unwrap();
    assert_eq!(none.status.code(), Some(2));
    let told = text(&none.stderr);
    assert!(
        told.contains("guest h") && told.contains("console is empty"),
        "{told}"
    );
    lab.assert_clean();
    let script = lab.dir.join("kernel.sh");
    let run = |text: &str, timeout: &str| {
        fs::write(&script, text).unwrap();
        let made = Command::new("chmod").arg("+x").arg(&script).status();
        assert!(made.unwrap().success());
        let mut run = lab.verb("run", &script, &["--timeout", timeout, "--", "true"]);
        let done = run.output().unwrap();
        lab.assert_clean();
        done
    };
    let silent = run("#!/bin/sh\necho no such root; sleep 60\n", "1s");
    assert_failed(&silent, "h0", "did not boot within 1 s");
    // What it leaves holds its line: the end is that of the kernel.
    let left = run("#!/bin/sh\nexec 3<&0; sleep 60 &\n", "30s");
    assert_eq!(left.status.code(), Some(2));
    let told = text(&left.stderr);
    assert!(told.contains("ended before it could boot"), "{told}");
}

#[test]
fn a_guest_that_is_killed_is_named() {
    let Some(lab) = Lab::new("killed") else {
        return;
    };
    let child = lab.command(&["--", "sleep 60"]).spawn().unwrap();
    let begun = Instant::now();
    let mark = format!("uml_dir={}", lab.dir.display());
    let parent = format!("PPid:\t{}\n", child.id());
    let guest = loop {
        let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let found = processes.map(|entry| entry.path()).find(|path| {
            let read = |name| fs::read(path.join(name)).unwrap_or_default();
            let (line, status) = (read("cmdline"), read("status"));
            let line = String::from_utf8_lossy(&line);
            let kernel = String::from_utf8_lossy(&status).contains(&parent);
            kernel && line.contains(&mark) && line.contains("umid=h1")
        });
        if let Some(path) = found {
            break path;
        }
        assert!(begun.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(20));
    };
    let pid = guest.file_name().unwrap().to_string_lossy().into_owned();
    kill("KILL", &pid);
    let done = child.wait_with_output().unwrap();
    let told = text(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{told}");
    assert!(told.contains("guest h1: ended before it could"), "{told}");
    lab.assert_clean();
}

#[test]
fn a_shell_takes_commands_from_a_pipe() {
    let Some(lab) = Lab::new("shell") else { return };
    let mut command = lab.verb("shell", &lab.kernel, &["--host", "h1"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let commands = b"echo $XOFF_NAME $XOFF_DEVICE\necho wrong >&2\nexit 3\necho never\n";
    child.stdin.take().unwrap().write_all(commands).unwrap();
    let done = child.wait_with_output().unwrap();
    assert_eq!(
        (text(&done.stdout), done.status.code()),
        ("h1 rxe0\n".to_owned(), Some(1))
    );
    let told = text(&done.stderr);
    assert!(
        told.contains("wrong") && told.contains("nothing was done by lose, never"),
        "{told}"
    );
    lab.assert_clean();
    // The end of the input is the end of the shell.
    let mut command = lab.verb("shell", &lab.kernel, &[]);
    let done = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let mut command = lab.verb("shell", &lab.kernel, &["--host", "h9"]);
    let told = text(&command.output().unwrap().stderr);
    assert!(told.contains("no such host"), "{told}");
    lab.assert_clean();
}

#[test]
fn a_signal_ends_a_program_whose_guests_are_down() {
    let Some(lab) = Lab::new("signal") else {
        return;
    };
    // More than a pipe holds, of which nobody reads the rest: the program waits for that at its end.
    let long = "head -c 300000 /dev/zero | tr '\\0' x";
    let mut child = lab.command(&["--", long]).spawn().unwrap();
    let output = child.stdout.as_mut().unwrap();
    output.read_exact(&mut [0]).unwrap();
    lab.assert_clean();
    kill("TERM", &child.id().to_string());
    let begun = Instant::now();
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        if begun.elapsed() > Duration::from_secs(30) {
            child.kill().unwrap();
            panic!("the signal was ignored");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(ended.signal(), Some(15));
    lab.assert_clean();
}

#[test]
fn a_wire_that_breaks_ends_the_run_and_says_why() {
    let Some(lab) = Lab::new("full") else { return };
    if !has_program("full", "bash") {
        return;
    }
    // More than is kept before it is written. Each datagram has a socket that knows no refusal yet.
    let send =
        "for i in {1..60}; do dd if=/dev/zero bs=50000 count=1 > /dev/udp/$XOFF_PEER/9; done";
    let send = format!("h0=bash -c '{send}'; sleep 300");
    let begun = Instant::now();
    let arguments = ["--pcap", "/dev/full", "--timeout", "300s", "--on", &send];
    let done = lab.run(&arguments);
    let told = text(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{told}");
    assert!(told.contains("cannot write /dev/full"), "{told}");
    assert!(!told.contains("guest"), "{told}");
    // Long before the time of the guests is over.
    assert!(begun.elapsed() < Duration::from_secs(150));
    lab.assert_clean();
}

#[test]
fn a_sweep_goes_on_after_a_guest_that_hangs() {
    let Some(lab) = Lab::new("sweep") else {
        return;
    };
    let axis = "[[axis]]\nname = \"loss\"\npath = \"rule.lose.probability\"\n\
                values = [\"0%\", \"100%\"]\n";
    fs::write(
        lab.dir.join("lab.toml"),
        format!("{}{axis}", super::SCENARIO),
    )
    .unwrap();
    let arguments = [
        "--device",
        "rxe",
        "--timeout",
        "20s",
        "--format",
        "json",
        "--on",
        "h1=sleep 60",
    ];
    let mut sweep = lab.verb("sweep", &lab.kernel, &arguments);
    let done = sweep.output().unwrap();
    let told = text(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{told}");
    assert!(told.contains("guest h1: did not end"), "{told}");
    let rows: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    for row in [&rows[0], &rows[1]] {
        assert_eq!((&row["failed"], &row["runs"]), (&1.into(), &1.into()));
        assert!(row["milliseconds"].is_null(), "{row}");
    }
    let mut sweep = lab.verb("sweep", &lab.kernel, &["--device", "rxe", "--", "true"]);
    let done = sweep.output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let out = text(&done.stdout);
    let told = |idle: &str, case: &str| out.contains(&format!("done by {idle} in {case} with"));
    assert!(told("never", "0%") && told("lose, never", "100%"), "{out}");
    // A case that cannot be is said before any runs.
    let axis = "[[axis]]\nname = \"size\"\npath = \"topology.hosts\"\nvalues = [2, 9]\n";
    fs::write(
        lab.dir.join("lab.toml"),
        format!("{}{axis}", super::SCENARIO),
    )
    .unwrap();
    let mut sweep = lab.verb("sweep", &lab.kernel, &["--", "true"]);
    let done = sweep.output().unwrap();
    let told = text(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{told}");
    assert!(
        told.contains("9 hosts") && !told.contains("2 rxe"),
        "{told}"
    );
    lab.assert_clean();
}
