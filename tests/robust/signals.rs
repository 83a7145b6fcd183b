//! Signals: nothing half written is left, and what was read is told.

use super::ended;
use crate::cli::{Scratch, text};
use rustix::io::ioctl_fionread;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn begin(args: &[&str]) -> Child {
    // A program whose parent ignores a signal ignores it, too: that of a shell's background job.
    Command::new("env")
        .args(["--default-signal=INT,TERM,HUP", env!("CARGO_BIN_EXE_xoff")])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn a_capture_that_is_ended_leaves_nothing() {
    let scratch = Scratch::new("ended");
    // Far more than runs in the time that it has, in frames so short that no disk is filled.
    let path = scratch.file(
        "a.toml",
        "until = \"off\"\n[topology]\nkind = \"star\"\nhosts = 3\n\
         [[traffic]]\nkind = \"incast\"\nbytes = \"30MB\"\nmessage = \"1B\"\n",
    );
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::KILL] {
        let child = begin(&["run", "-q", &path, "--pcap", &scratch.path("a.pcapng")]);
        std::thread::sleep(Duration::from_millis(500));
        send(&child, signal);
        let output = ended(child, &format!("{signal:?}"));
        assert!(!output.status.success(), "{signal:?}");
        let left = std::fs::read_dir(scratch.dir()).unwrap().count();
        assert_eq!(left, 1, "{signal:?}: only the scenario is there");
    }
}

#[test]
fn a_capture_from_a_pipe_is_told_when_it_is_interrupted() {
    let capture = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/traces/captures/linux_rc_loss.pcap.gz"
    );
    let mut packed = Vec::new();
    std::fs::File::open(capture)
        .unwrap()
        .read_to_end(&mut packed)
        .unwrap();
    for signal in [Signal::INT, Signal::TERM] {
        let mut child = begin(&["trace", "-"]);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&packed).unwrap();
        stdin.flush().unwrap();
        // When it has read what there is it waits for more.
        while ioctl_fionread(&stdin).unwrap() > 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        send(&child, signal);
        let output = ended(child, &format!("{signal:?}"));
        drop(stdin);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{signal:?}: {stderr}");
        assert!(stderr.contains("interrupted"), "{signal:?}: {stderr}");
        assert!(text(&output.stdout).contains("RC-"), "{signal:?}");
    }
}
