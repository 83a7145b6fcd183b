//! `xoff conform`: verdicts are those that were reviewed, on the simulator always, on real kernels where
//! they run.

use crate::cli::{Scratch, text, xoff_in};
use crate::support::{guest_kernel, skip};
use std::path::Path;
use std::process::Output;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether real kernels with agents run here; a note if not.
fn real(name: &str) -> bool {
    if !cfg!(feature = "verbs") {
        skip(name, "built without the feature `verbs`");
        return false;
    }
    guest_kernel(name).is_some()
}

/// Runs it; if it does not succeed, once more what went wrong: real kernels live by the wall clock of a
/// machine that runs other tests, and a verdict counts if it is the same twice.
fn twice(arguments: &[&str], wrong: fn(&str, &str) -> Vec<String>) -> (Option<i32>, String) {
    let run = |arguments: &[&str]| {
        let output = xoff_in(root(), arguments);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        (output.status.code(), out, err)
    };
    let (code, out, err) = run(arguments);
    if code == Some(0) {
        return (code, out);
    }
    let again = wrong(&out, &err).join(",");
    let mut arguments = arguments.to_vec();
    if !again.is_empty() {
        arguments.extend(["--check", &again]);
    }
    let (code, again_out, again_err) = run(&arguments);
    (
        code,
        format!("{out}\n{err}\nagain:\n{again_out}\n{again_err}"),
    )
}

/// The table of verdicts is the one in the repository.
fn assert_table(scratch: &str, arguments: &[&str], file: &str) {
    let scratch = Scratch::new(scratch);
    let keep = scratch.path("kept");
    let snapshot = format!("conformance/suite/snapshots/{file}.txt");
    let mut all = vec!["conform", "-q", "--snapshot", &snapshot, "--keep", &keep];
    all.extend(arguments);
    // Lines that differ: `+ RC-01  fail`.
    let (code, told) = twice(&all, |_, err| {
        let lines = err.lines().filter_map(|line| line.strip_prefix("+ "));
        lines
            .filter_map(|line| line.split_whitespace().next())
            .map(str::to_owned)
            .collect()
    });
    assert_eq!(code, Some(0), "{told}");
}

#[test]
fn the_simulator_gets_its_verdicts() {
    assert_table("conform-sim", &["--arm", "sim"], "sim");
}

#[test]
fn linux_roce_gets_its_verdicts() {
    if real("linux_roce_gets_its_verdicts") {
        assert_table(
            "conform-rxe",
            &["--arm", "lab", "--profile", "rxe"],
            "lab-rxe",
        );
    }
}

#[test]
fn linux_iwarp_gets_its_verdicts() {
    if real("linux_iwarp_gets_its_verdicts") {
        assert_table(
            "conform-siw",
            &["--arm", "lab", "--profile", "siw"],
            "lab-siw",
        );
    }
}

fn assert_caught(scratch: &str, arguments: &[&str]) {
    let scratch = Scratch::new(scratch);
    let keep = scratch.path("kept");
    let mut all = vec!["conform", "-q", "--mutants", "--keep", &keep];
    all.extend(arguments);
    let (code, told) = twice(&all, |out, _| {
        let lines = out.lines().filter(|line| line.contains("SURVIVED"));
        lines
            .filter_map(|line| line.split_whitespace().next())
            .map(str::to_owned)
            .collect()
    });
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains(" 0 survived"), "{told}");
}

#[test]
fn mutants_of_the_simulator_are_caught() {
    assert_caught("mutants-sim", &["--arm", "sim"]);
}

#[test]
fn mutants_of_linux_roce_are_caught() {
    if real("mutants_of_linux_roce_are_caught") {
        assert_caught("mutants-rxe", &["--arm", "lab"]);
    }
}

#[test]
fn mutants_of_linux_iwarp_are_caught() {
    if real("mutants_of_linux_iwarp_are_caught") {
        let wire = "IW-*,W-23,W-24,W-25";
        let arguments = ["--arm", "lab", "--profile", "siw", "--check", wire];
        assert_caught("mutants-siw", &arguments);
    }
}

fn judge_as_rxe(arguments: &[&str]) -> Output {
    let all = ["conform", "-q", "--arm", "trace", "--profile", "rxe"];
    xoff_in(root(), &[&all[..], arguments].concat())
}

#[test]
fn a_capture_of_linux_roce_is_judged() {
    let capture = "traces/captures/linux_rc_loss.pcap.gz";
    let output = judge_as_rxe(&[capture]);
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}");
    assert!(out.contains("W-01   PASS"), "{out}");
}

/// Neither what was read of it nor the captures beside it are in vain.
#[test]
fn a_capture_that_breaks_off_is_judged_as_far_as_it_goes() {
    let scratch = Scratch::new("conform-broken");
    let whole = "traces/captures/linux_rc_loss.pcap.gz";
    let bytes = std::fs::read(root().join(whole)).unwrap();
    let broken = scratch.path("broken.pcap.gz");
    std::fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap();
    let judged = |checks| {
        let output = judge_as_rxe(&["--check", checks, &broken, whole]);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        (output.status.code(), out, err)
    };
    let (code, out, err) = judged("T-01,W-01");
    assert_eq!(code, Some(1), "{out}{err}");
    assert_eq!(out.matches("W-01  PASS").count(), 2, "{out}");
    assert!(
        out.contains("the capture breaks off: reading stopped at byte"),
        "{out}"
    );
    assert_eq!(out.matches("T-01  PASS").count(), 1, "{out}");
    // Who does not ask for T-01 is told, too.
    let (code, out, err) = judged("W-01");
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(err.contains("what was read before is judged"), "{err}");
}

#[test]
fn mistakes_are_told() {
    for (arguments, message) in [
        (
            &["--profile", "cx7"][..],
            "no profile is called `cx7`; --arm sim has sim",
        ),
        (
            &["--profile", "rxe"],
            "--profile rxe is not for --arm sim, which has sim",
        ),
        (
            &["--check", "RC-99"],
            "--check RC-99: no check is called so",
        ),
        (&["--arm", "trace"], "--arm trace needs captures to judge"),
        (&["a.pcap"], "captures are judged with --arm trace only"),
        (&["--arm", "trace", "/nowhere.pcap"], "/nowhere.pcap: "),
        (&["--kernel", "x"], "--kernel is for --arm lab"),
        (
            &["--arm", "lab", "--profile", "siw", "--compare"],
            "--compare needs a stack with RoCE: the simulator has no iWARP",
        ),
        (&["--events", "a=0"], "`0` is no number from 1"),
        (
            &["--check", "W-04", "--events", "dat=1"],
            "--events dat: no rule is called so; the rules of these checks are `ack`, `atomic`, ",
        ),
        (
            &["--arm", "trace", "--events", "data=1", "a.pcap"],
            "--events needs a stack that runs",
        ),
        (
            &["--device", "mlx5_1"],
            "--device and --gid are for --arm device",
        ),
        (
            &[
                "--arm", "device", "--agent", "a", "--agent", "b", "--gid", "1", "--gid", "2",
                "--gid", "3",
            ],
            "--gid is given once, or once for each of two hosts",
        ),
        (
            &["--arm", "lab", "--kernel", "/nowhere"],
            "cannot find /nowhere",
        ),
        (
            &["--snapshot", "/nowhere.txt", "--check", "W-01"],
            "--update writes it",
        ),
    ] {
        let mut all = vec!["conform", "-q"];
        all.extend(arguments);
        let output = xoff_in(root(), &all);
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {err}");
        assert!(err.contains(message), "{arguments:?}: {err}");
    }
}

#[test]
fn the_matrix_has_a_line_per_check() {
    let matrix = text(&xoff_in(root(), &["conform", "--matrix"]).stdout);
    let pages = text(&xoff_in(root(), &["explain"]).stdout);
    let pages = pages.lines().take_while(|line| !line.is_empty());
    let ids = |line: &str| line.split_whitespace().next().unwrap().to_owned();
    let made: Vec<String> = matrix.lines().skip(1).map(ids).collect();
    assert_eq!(made, pages.map(ids).collect::<Vec<_>>());
    let line = |id: &str| {
        let line = matrix.lines().find(|line| line.starts_with(id)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("RC-36"), "RC-36 state-machine - - - lab, device");
    assert_eq!(
        line("RC-05"),
        "RC-05 retransmission-start yes yes - sim, lab"
    );
    assert_eq!(line("P-21"), "P-21 deadlock yes - - -");
    assert_eq!(line("C-01"), "C-01 lossless-path - - yes -");
    assert_eq!(line("X-05"), "X-05 ttl - yes - -");
}

/// A failure names its capture, the least that fails, and what repeats it; that fails again.
#[test]
fn failures_are_made_small() {
    let scratch = Scratch::new("conform-failure");
    let keep = scratch.path("kept");
    // The experiment of W-04 without its stimulus is inconclusive, not passed.
    let idle = xoff_in(
        root(),
        &[
            "conform",
            "-q",
            "--check",
            "W-04",
            "--events",
            "data=9999999",
            "--keep",
            &keep,
        ],
    );
    let out = text(&idle.stdout);
    assert!(out.contains("INCONCLUSIVE"), "{out}");
}
