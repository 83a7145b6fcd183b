//! Signals: nothing half written is left, and what was read is told.

use super::ended;
use crate::cli::{Scratch, text};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn begin(args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_xoff"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args([name, &id]).status();
    assert!(sent.unwrap().success());
}

#[test]
fn a_capture_that_is_ended_leaves_nothing() {
    let scratch = Scratch::new("ended");
    // Far more than runs in the time that it has.
    let path = scratch.file(
        "a.toml",
        "until = \"off\"\n[topology]\nkind = \"star\"\nhosts = 3\n\
         [[traffic]]\nkind = \"incast\"\nbytes = \"1TB\"\n",
    );
    for name in ["-INT", "-TERM", "-HUP", "-KILL"] {
        let child = begin(&["run", "-q", &path, "--pcap", &scratch.path("a.pcapng")]);
        std::thread::sleep(Duration::from_millis(500));
        signal(&child, name);
        let output = ended(child, name);
        assert!(!output.status.success(), "{name}");
        let left = std::fs::read_dir(scratch.dir()).unwrap().count();
        assert_eq!(left, 1, "{name}: only the scenario is there");
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
    for name in ["-INT", "-TERM"] {
        let mut child = begin(&["trace", "-"]);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&packed).unwrap();
        stdin.flush().unwrap();
        // It has read what there is, and waits for more.
        std::thread::sleep(Duration::from_millis(700));
        signal(&child, name);
        let output = ended(child, name);
        drop(stdin);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {stderr}");
        assert!(stderr.contains("interrupted"), "{name}: {stderr}");
        assert!(text(&output.stdout).contains("RC-"), "{name}");
    }
}
