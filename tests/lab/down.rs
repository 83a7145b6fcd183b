//! However a run ends, it says why and leaves nothing.

use super::{Lab, text};
use std::fs;
use std::io::Write;
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
    fs::write(&script, "#!/bin/sh\necho no such root; sleep 60\n").unwrap();
    let made = Command::new("chmod").arg("+x").arg(&script).status();
    assert!(made.unwrap().success());
    let mut silent = lab.verb("run", &script, &["--timeout", "1s", "--", "true"]);
    assert_failed(&silent.output().unwrap(), "h0", "did not boot within 1 s");
    lab.assert_clean();
}

#[test]
fn a_guest_that_is_killed_is_named() {
    let Some(lab) = Lab::new("killed") else {
        return;
    };
    let child = lab.command(&["--", "sleep 60"]).spawn().unwrap();
    let begun = Instant::now();
    let mark = format!("uml_dir={}", lab.dir.display());
    let guest = loop {
        let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let found = processes.map(|entry| entry.path()).find(|path| {
            let line = fs::read(path.join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line);
            line.contains(&mark) && line.contains("umid=h1")
        });
        if let Some(path) = found {
            break path;
        }
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    };
    let pid = guest.file_name().unwrap().to_string_lossy().into_owned();
    // The shell's own: not every machine has the program.
    let mut kill = Command::new("sh");
    let killed = kill.args(["-c", &format!("kill -9 {pid}")]).status();
    assert!(killed.unwrap().success());
    let done = child.wait_with_output().unwrap();
    let told = text(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{told}");
    assert!(told.contains("guest h1: "), "{told}");
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
    assert!(text(&done.stderr).contains("wrong"));
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
