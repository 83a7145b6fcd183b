//! Hostile and unlucky use: whatever is given, xoff ends soon, in little memory, and says why.

mod outputs;
mod signals;

use crate::cli::{Scratch, text, xoff};
use rustix::process::{Pid, Signal, kill_process};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Address space that a run has, in KiB.
const MEMORY: u32 = 500_000;
/// What takes longer hangs: a machine that is busy may need a while for what takes a second.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits for a child that may hang.
fn ended(child: std::process::Child, what: &str) -> Output {
    let id = Pid::from_child(&child);
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        let hung = is_done.recv_timeout(PATIENCE).is_err();
        if hung {
            let _ = kill_process(id, Signal::KILL);
        }
        hung
    });
    let output = child.wait_with_output().unwrap();
    let _ = done.send(());
    assert!(!guard.join().unwrap(), "{what} hangs");
    output
}

/// Runs xoff in little memory.
fn cramped(args: &[&str]) -> Output {
    let child = Command::new("/bin/sh")
        .args(["-c", &format!("ulimit -v {MEMORY}; exec \"$0\" \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_xoff"))
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    ended(child, &args.join(" "))
}

/// Runs a scenario that is to be refused with words at a line, or (no words) to be simulated.
#[track_caller]
fn ends(path: &str, words: &str) {
    let begun = Instant::now();
    let output = cramped(&["run", path, "--quiet"]);
    let stderr = text(&output.stderr);
    let wanted = if words.is_empty() { 0 } else { 2 };
    assert_eq!(output.status.code(), Some(wanted), "{path}: {stderr}");
    assert!(stderr.contains(words), "{path}: {words}: {stderr}");
    assert!(begun.elapsed() < PATIENCE, "{path}");
}

#[test]
fn inputs_that_brought_it_down_end_as_they_should() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/robust");
    let right = [
        ("axes70", "1180591620717411303424 combinations"),
        ("stagger", "stagger.toml:8:11"),
        ("timeout31", ""),
        ("msg", "msg.toml:7:11"),
        ("glob", "glob.toml:12:9"),
    ];
    let files = std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().path());
    let files: Vec<PathBuf> = files
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    assert_eq!(files.len(), right.len(), "each has a right answer");
    for (name, words) in right {
        ends(
            dir.join(name).with_extension("toml").to_str().unwrap(),
            words,
        );
    }
}

const STAR: &str = "[topology]\nkind = \"star\"\nhosts = 4\n\
                    [[traffic]]\nkind = \"incast\"\nbytes = \"10kB\"\n";

fn repeated(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut all, n| {
        let _ = all.write_str(&one(n));
        all
    })
}

fn cases(count: usize) -> String {
    let case = |n| format!("[[axis.case]]\nlabel = \"c{n}\"\nset = {{ seed = {n} }}\n");
    format!("{STAR}[[axis]]\nname = \"a\"\n{}", repeated(count, case))
}

/// A scenario with many of one thing each. Without words it is fine.
fn large() -> Vec<(&'static str, String, &'static str)> {
    let check = |n| format!("[[expect]]\ncheck = [\"drops.total <= {n}\"]\n");
    let heir = |n: usize| format!("[nic.p{n}]\ninherits = \"p{}\"\n", n.saturating_sub(1));
    let heirs = |more: &str| repeated(8_000, |n| heir(n + 1) + &more.replace('#', &n.to_string()));
    let wide = STAR.replace("hosts = 4", "hosts = 1000");
    let nodes = repeated(5_000, |n| {
        format!("[[node]]\nname = \"n{n}\"\n[[link]]\na = \"n{n}\"\nb = \"sw0\"\n")
    });
    let flow = |n| format!("{{ src = \"h0\", dst = \"h1\", bytes = \"1kB\", name = \"f{n}\" }},\n");
    let listed = format!(
        "[topology]\nkind = \"star\"\nhosts = 4\n[[traffic]]\nkind = \"flows\"\nflow = [{}]\n",
        repeated(10_000, flow)
    );
    let mut all = vec![
        ("nodes", format!("{STAR}{nodes}"), ""),
        ("flows", listed, ""),
        (
            "links",
            STAR.to_owned()
                + &repeated(10_000, |n| format!("[[link]]\na = \"z{n}\"\nb = \"sw0\"\n")),
            "there are more mistakes than these",
        ),
        (
            "traffic",
            STAR.to_owned()
                + &repeated(10_000, |_| {
                    "[[traffic]]\nkind = \"incast\"\nbytes = \"1B\"\n".to_owned()
                }),
            "",
        ),
        (
            "assign",
            wide.clone()
                + &repeated(10_000, |n| {
                    format!(
                        "[[assign]]\nnodes = \"h{}\"\nprofile = \"default\"\n",
                        n % 1_000
                    )
                }),
            "",
        ),
        (
            "patterns",
            wide + &repeated(9_000, |n| {
                format!(
                    "[[assign]]\nnodes = \"*{}\"\nprofile = \"default\"\n",
                    n % 1_000
                )
            }),
            "",
        ),
        (
            "faults",
            STAR.to_owned()
                + &repeated(10_000, |n| {
                    format!(
                        "[[fault]]\nkind = \"loss\"\nlink = \"h1:sw0\"\nloss = 0.1\nat = \"{n}ns\"\n"
                    )
                }),
            "",
        ),
        (
            "rules",
            STAR.to_owned()
                + &repeated(10_000, |n| {
                    format!(
                        "[[rule]]\nname = \"r{n}\"\naction = \"drop\"\nnth = {}\n",
                        n + 1_000
                    )
                }),
            "",
        ),
        (
            "profiles",
            STAR.to_owned() + &repeated(9_000, |n| format!("[nic.p{n}]\n")),
            "",
        ),
        (
            "more profiles",
            STAR.to_owned() + &repeated(11_000, |n| format!("[nic.p{n}]\n")),
            "11000 nic profiles",
        ),
        (
            "inherits",
            format!("{STAR}[nic.p0]\nmtu = 1024\n{}", heirs("")),
            "",
        ),
        (
            "unknown heirlooms",
            format!("{STAR}[nic.p0]\n{}", heirs("k# = 1\n")),
            "the profiles inherit too many keys",
        ),
        ("expect", STAR.to_owned() + &repeated(10_000, check), ""),
        (
            "report",
            format!(
                "{STAR}[report]\nmetrics = [{}]\n",
                repeated(10_000, |n| format!("\"drops.total as m{n}\","))
            ),
            "",
        ),
        ("cases", cases(3_000), ""),
        (
            "more cases",
            cases(10_001),
            "the axes have 10001 combinations",
        ),
        (
            "checks of cases",
            cases(3_000) + &repeated(1_000, check),
            "more than 250000 checks",
        ),
        (
            "axes",
            STAR.to_owned()
                + &repeated(5_000, |n| {
                    format!("[[axis]]\nname = \"a{n}\"\n[[axis.case]]\nlabel = \"x\"\n")
                }),
            "",
        ),
        (
            "text",
            STAR.to_owned() + &"#".repeat(5 << 20),
            "it is too long",
        ),
        (
            "depth",
            "a = ".to_owned() + &"[".repeat(100_000),
            "nested too deeply",
        ),
    ];
    all.push((
        "keys",
        STAR.to_owned() + &repeated(10_000, |n| format!("k{n} = 1\n")),
        "unknown key `k0`",
    ));
    all
}

#[test]
fn many_of_anything_take_little() {
    let scratch = Scratch::new("many");
    for (name, content, words) in large() {
        ends(&scratch.file(&format!("{name}.toml"), &content), words);
    }
    let path = scratch.file("chosen.toml", &cases(3_000));
    let output = cramped(&["run", "-q", &path, "--case", "c1"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

fn star(hosts: u32, traffic: &str, rest: &str) -> String {
    format!("[topology]\nkind = \"star\"\nhosts = {hosts}\n[[traffic]]\n{traffic}\n{rest}")
}

#[test]
fn extremes_are_run_or_refused_with_their_place() {
    let scratch = Scratch::new("extremes");
    let incast = |keys: &str| format!("kind = \"incast\"\n{keys}");
    let endless = "[nic.default]\nretry_cnt = \"off\"\ntimeout = 31\n";
    let lossy = |rest: &str| {
        let star = star(2, &incast("bytes = \"1MB\""), rest);
        format!(
            "until = \"off\"\n{}",
            star.replace("hosts", "loss = 1\nhosts")
        )
    };
    let long = "*a".repeat(500_000);
    let pausing = "pfc.mode = \"pfc\"\n[switch.default]\npfc.mode = \"pfc\"\n";
    for (n, (content, words)) in [
        (
            star(2, &incast("bytes = \"1GB\"\nmessage = \"2B\""), ""),
            ":7:11",
        ),
        (
            star(2, &incast("bytes = \"8GB\"\nop = \"atomic\""), ""),
            ":6:9",
        ),
        (star(2, &incast("bytes = \"8000000TiB\""), ""), "a flow of"),
        (
            star(2, &incast("bytes = \"80000000TiB\""), ""),
            "at most 8388607TiB",
        ),
        (
            star(9, "kind = \"ring-allreduce\"\nbytes = \"8000000TiB\"", ""),
            "a flow of",
        ),
        (
            star(
                2,
                &incast("bytes = \"1MB\"\nstart = \"1000000s\""),
                "until = \"off\"\n",
            )
            .replace("until = \"off\"\n", ""),
            "",
        ),
        (
            star(2, &incast("bytes = \"1MB\"\nstart = \"1000001s\""), ""),
            "at most 1000000s",
        ),
        (
            star(100, &incast("bytes = \"1kB\"\nstagger = \"100000s\""), ""),
            "after the end of the clock",
        ),
        (
            star(3, &incast("bytes = \"1MB\""), "")
                .replace("hosts", "phy_delay = \"9000000s\"\nhosts"),
            ":3:13",
        ),
        (
            star(3, &incast("bytes = \"1MB\""), "")
                .replace("hosts", "phy_delay = \"1000000s\"\nhosts"),
            "",
        ),
        (
            star(
                4_000,
                &incast("bytes = \"1kB\""),
                &format!("[switch.default.port.\"{long}\"]\nlink_mtu = 2000\n"),
            ),
            "too many or too long patterns of ports",
        ),
        (
            star(
                4_000,
                &incast("bytes = \"1kB\""),
                &format!("[switch.x]\n[[assign]]\nnodes = \"{long}\"\nprofile = \"x\"\n"),
            ),
            "too many",
        ),
        (
            star(
                4_000,
                &incast("bytes = \"1kB\""),
                &format!("[simulation.hpcc]\ntrace = \"t\"\ntrace_nodes = \"{long}\"\n"),
            ),
            "too many or too long patterns",
        ),
        (
            star(
                4_000,
                &incast("bytes = \"1kB\""),
                &format!("[[expect]]\ncheck = [\"fct.max[flow={long}] < \\\"1s\\\"\"]\n"),
            ),
            "use at most 4096",
        ),
        (lossy(endless), ""),
        (lossy(&format!("{endless}{pausing}")), ""),
        (
            star(
                4,
                &incast("bytes = \"1MB\""),
                "[simulation]\nsample = \"1ps\"\n",
            ),
            "",
        ),
        (
            star(
                4,
                &incast("bytes = \"1MB\""),
                "[simulation]\ndeadlock_scan = \"1ps\"\n",
            ),
            "too short",
        ),
        (
            star(
                4,
                &incast("bytes = \"1MB\""),
                "[nic.default]\ntimeout = \"1ps\"\n",
            ),
            "too short",
        ),
        (
            star(
                4,
                &incast("bytes = \"1MB\""),
                "[nic.default]\ncc = \"dcqcn\"\ndcqcn.increase_timer = \"1ps\"\n",
            ),
            "1ns",
        ),
        (
            star(65_536, &incast("bytes = \"1kB\""), ""),
            "more memory than there is",
        ),
        (
            star(2_236, "kind = \"all-to-all\"\nbytes = \"1kB\"", ""),
            "flows, for which there is memory",
        ),
        (
            star(77, &incast("bytes = \"1kB\"\nqps = 65536"), ""),
            "flows, for which there is memory",
        ),
        (star(2, &incast("bytes = \"1kB\"\nqps = 65536"), ""), ""),
        (
            "[topology]\nkind = \"ring\"\nswitches = 60000\nhosts_per_switch = 1\n".to_owned(),
            ":3:12",
        ),
        (
            star(
                4,
                &incast("bytes = \"1kB\"\nhosts = \"*a*a*a*a*a*a*a*a*a*a*a*a*ab\""),
                "",
            ),
            "no host matches",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        ends(&scratch.file(&format!("x{n}.toml"), &content), words);
    }
}

/// The quadratic part of a star was a table of distances for each of its hosts.
#[test]
fn hosts_take_memory_one_by_one() {
    let scratch = Scratch::new("hosts");
    for hosts in [5_000, 20_000] {
        let path = scratch.file(
            "a.toml",
            &star(hosts, "kind = \"incast\"\nbytes = \"1kB\"", ""),
        );
        ends(&path, "");
    }
}

#[test]
fn files_without_end_are_given_up() {
    let scratch = Scratch::new("endless");
    let zero = |what: &str, args: &[&str]| {
        let output = cramped(args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{what}: {stderr}");
        assert!(output.stdout.is_empty(), "{what}");
        assert!(!stderr.contains("memory allocation"), "{what}: {stderr}");
        stderr
    };
    for args in [&["run", "/dev/zero"][..], &["run", "--hpcc", "/dev/zero"]] {
        assert!(zero("scenario", args).contains("too long"));
    }
    assert!(zero("capture", &["trace", "/dev/zero"]).contains("not a pcap"));
    let csv = star(4, "kind = \"csv\"\nfile = \"/dev/zero\"", "");
    assert!(zero("flows", &["run", &scratch.file("a.toml", &csv)]).contains("a.toml:6:"));
    let sizes = "kind = \"poisson\"\nload = 0.5\nduration = \"1ms\"\nsizes = \"/dev/zero\"";
    assert!(
        zero(
            "sizes",
            &["run", &scratch.file("b.toml", &star(4, sizes, ""))]
        )
        .contains("too long")
    );
    let args = [
        "conform",
        "-q",
        "--check",
        "RC-01",
        "--snapshot",
        "/dev/zero",
    ];
    let stderr = text(&cramped(&args).stderr);
    assert!(stderr.contains("/dev/zero: it is too long"), "{stderr}");
}

#[test]
fn each_case_that_is_asked_for_is_run_or_missed() {
    let scratch = Scratch::new("case");
    let path = scratch.file("a.toml", &cases(5));
    let output = xoff(&["run", "-q", &path, "--case", "c3", "--case", "c99"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("no case matches --case c99"), "{stderr}");
    let twice = xoff(&[
        "run", "-q", &path, "--case", "c3", "--case", "a=c4", "--format", "json",
    ]);
    let json: serde_json::Value = serde_json::from_slice(&twice.stdout).unwrap();
    assert_eq!(json["scenarios"][0]["cases"].as_array().unwrap().len(), 2);
    // What one case sets may be set where another one runs.
    let axis = "[[axis]]\nname = \"pfc\"\n[[axis.case]]\nlabel = \"as is\"\n\
                [[axis.case]]\nlabel = \"on\"\nset = { \"switch.default.pfc.mode\" = \"pfc\" }\n";
    let path = scratch.file("b.toml", &format!("{STAR}{axis}"));
    let set = ["run", "-q", &path, "--set", "switch.default.pfc.mode=off"];
    for (case, status) in [(None, 2), (Some("on"), 2), (Some("as is"), 0)] {
        let case: Vec<&str> = case
            .into_iter()
            .flat_map(|label| ["--case", label])
            .collect();
        let output = xoff(&[&set[..], &case].concat());
        assert_eq!(
            output.status.code(),
            Some(status),
            "{case:?}: {}",
            text(&output.stderr)
        );
    }
}

#[test]
fn messages_say_what_to_write() {
    let scratch = Scratch::new("words");
    for (addition, words) in [
        ("[nic.default]\ntimeout = \"14\"\n", "or 14 without quotes"),
        (
            "[switch.default]\nbuffer = \"1MB\"\n",
            "expected a table, found string",
        ),
        ("[nic]\ndefault = 1\n", "expected a table, found integer"),
        ("[simulation]\nsample = [1]\n", "found a list"),
        ("[report]\nmetrics = 1\n", "expected a list"),
    ] {
        let path = scratch.file("a.toml", &format!("{STAR}{addition}"));
        let stderr = text(&xoff(&["run", &path]).stderr);
        assert!(stderr.contains(words), "{addition}: {stderr}");
        for jargon in ["struct", "Raw", "i64", "u32", "sequence", " map"] {
            assert!(!stderr.contains(jargon), "{addition}: {stderr}");
        }
    }
    let none = xoff(&["run", "/none/a.toml"]);
    assert_eq!(text(&none.stderr).matches("cannot read").count(), 1);
    let csv = star(4, "kind = \"csv\"\nfile = \"none.csv\"", "");
    let stderr = text(&xoff(&["run", &scratch.file("c.toml", &csv)]).stderr);
    assert_eq!(stderr.matches("cannot read").count(), 1, "{stderr}");
    let off = xoff(&["run", "-q", &scratch.file("d.toml", STAR), "--until", "off"]);
    assert_eq!(off.status.code(), Some(0), "{}", text(&off.stderr));
    let twice = text(&xoff(&["run", "-", "-"]).stderr);
    assert!(twice.contains("given twice"), "{twice}");
}

#[test]
fn names_do_not_move_the_cursor() {
    let scratch = Scratch::new("escapes");
    let title = "title = \"a\\u001b[31mred\\u0007\\u009b2J\"\n";
    let axis = "[[axis]]\nname = \"a\"\n[[axis.case]]\nlabel = \"l\\u001b[2J\"\n\
                [[axis.case]]\nlabel = \"k\"\n";
    let path = scratch.file("a.toml", &format!("{title}{STAR}{axis}"));
    let bad = scratch.file(
        "b.toml",
        "a = \"\\u001b[2J\"\n\"\\u001b[2Jb\" = 1\n[nic.default]\nmtu = \"\u{1b}[2J\"\n",
    );
    for args in [
        &["run", &path][..],
        &["run", &path, "--case", "\u{1b}[2J"],
        &["run", &path, "--format", "junit"],
        &["run", &path, "--format", "json"],
        &["run", &bad],
        &["run", "none\u{1b}[2J.toml"],
        &["trace", "none\u{1b}[2J.pcap"],
    ] {
        let output = xoff(args);
        for stream in [&output.stdout, &output.stderr] {
            let moves = |c: char| c.is_control() && c != '\n' && c != '\t';
            let shown = text(stream);
            assert!(!shown.contains(moves), "{args:?}: {shown:?}");
        }
    }
}
