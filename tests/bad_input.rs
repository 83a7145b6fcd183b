//! Every kind of bad input: exit status 2, the place and what to do on standard error, nothing on
//! standard output, nothing written.

use crate::cli::{Scratch, text, xoff};
use std::path::Path;

/// A sound scenario; line 1 is `[topology]`.
const STAR: &str = "[topology]\nkind = \"star\"\nhosts = 4\n\
                    [[traffic]]\nkind = \"incast\"\nbytes = \"1MB\"\n";

/// Text that makes the scenario bad, words of the message, and the line that it points at.
const BAD: &[(&str, &[&str], usize)] = &[
    (
        "[switch.default]\nlatenzy = \"1us\"\n",
        &["unknown key `latenzy`", "did you mean"],
        8,
    ),
    (
        "[nic.default]\nrx_buffer = 512\n",
        &["missing unit", "KiB"],
        8,
    ),
    (
        "[[node]]\nname = \"lost\"\n[[traffic]]\nkind = \"flows\"\n\
         flow = [{ src = \"h0\", dst = \"lost\", bytes = \"1kB\" }]\n",
        &["`h0` cannot reach `lost`", "[[link]]"],
        11,
    ),
    (
        "[[link]]\na = \"h0\"\nb = \"sw0\"\nrate_a = \"100Gbps\"\nrate_b = \"25Gbps\"\n",
        &["ends disagree", "100Gbps", "25Gbps"],
        11,
    ),
    (
        "[switch.default.ets]\nshares = { \"3\" = 0 }\n",
        &["never served", "leave the queue out"],
        8,
    ),
    (
        "[switch.default]\npriority_to_queue = { \"9\" = 3 }\n",
        &["`9` is no priority", "\"0\" to \"7\""],
        8,
    ),
    (
        "[switch.default]\npfc.mode = \"pfc\"\nbuffer.size = \"64KiB\"\n",
        &["too small", "4 ports", "headroom", "buffer.size"],
        9,
    ),
    (
        "[[link]]\na = \"h0\"\nb = \"sw0\"\nrate = \"0Gbps\"\n",
        &["rate of zero"],
        10,
    ),
    (
        "[[traffic]]\nkind = \"flows\"\nflow = [{ src = \"h1\", dst = \"h1\", bytes = \"1B\" }]\n",
        &["from `h1` to itself"],
        9,
    ),
    (
        "[expect]\ncheck = [\"drops.losless == 0\"]\n",
        &["did you mean `drops.lossless`?"],
        8,
    ),
    (
        "[expect]\ncheck = [\"goodput.total >= 5\"]\n",
        &["unit", "Gbps"],
        8,
    ),
    ("[nic.default]\nmtu = \"jumbo\"\n", &["mtu"], 8),
    ("[topology\n", &[], 7),
    ("seed = [1\n", &[], 0),
];

#[test]
fn each_mistake_is_shown_with_its_place_and_a_hint() {
    let scratch = Scratch::new("bad");
    for (n, (addition, words, line)) in BAD.iter().enumerate() {
        let name = format!("bad{n}.toml");
        let path = scratch.file(&name, &format!("{STAR}{addition}"));
        let csv = scratch.path("csv");
        let output = xoff(&["run", &path, "--csv", &csv]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{addition}\n{stderr}");
        assert!(output.stdout.is_empty(), "{addition}");
        assert!(
            !Path::new(&csv).exists(),
            "{addition}: something was written"
        );
        let place = if *line == 0 {
            format!("{name}:")
        } else {
            format!("{name}:{line}:")
        };
        assert!(stderr.contains(&place), "{place}\n{stderr}");
        for word in *words {
            assert!(stderr.contains(word), "{word}\n{stderr}");
        }
    }
}

#[test]
fn all_mistakes_are_shown_at_once() {
    let scratch = Scratch::new("several");
    let additions: String = BAD[..2].iter().map(|b| b.0).collect();
    let path = scratch.file("a.toml", &format!("{STAR}{additions}"));
    let stderr = text(&xoff(&["run", &path]).stderr);
    assert_eq!(stderr.matches("error:").count(), 2, "{stderr}");
}

#[test]
fn a_bad_file_among_good_ones_stops_before_anything_runs() {
    let scratch = Scratch::new("among");
    let good = scratch.file("good.toml", STAR);
    let bad = scratch.file("bad.toml", "[topology]\nkind = \"torus\"\n");
    let output = xoff(&["run", &good, &bad]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).contains("bad.toml:2:"));
}

#[test]
fn bad_options_are_named() {
    let scratch = Scratch::new("options");
    let path = scratch.file("a.toml", STAR);
    for (set, words) in [
        ("nic.default.mut=4096", "unknown key `mut`"),
        ("nic.default.mtu=1500", "1500 is no MTU"),
        ("traffic.5.bytes=1MB", "traffic.5"),
        ("traffic.0.bytes=1", "missing unit"),
    ] {
        let output = xoff(&["run", &path, "--set", set]);
        assert_eq!(output.status.code(), Some(2), "{set}");
        assert!(output.stdout.is_empty());
        let stderr = text(&output.stderr);
        assert!(stderr.contains(words), "{set}\n{stderr}");
    }
    for args in [
        &["--until", "5"][..],
        &["--seed", "x"],
        &["--format", "xml"],
        &["--jobs", "0"],
        &["--case", "pfc=on"],
    ] {
        let output = xoff(&[&["run", &path], args].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{args:?}"
        );
    }
}

#[test]
fn files_that_cannot_be_read_or_written_are_named() {
    let scratch = Scratch::new("files");
    let csv = "[topology]\nkind = \"star\"\nhosts = 4\n\
               [[traffic]]\nkind = \"csv\"\nfile = \"flows.csv\"\n";
    let path = scratch.file("a.toml", csv);
    let stderr = text(&xoff(&["run", &path]).stderr);
    assert!(
        stderr.contains("a.toml:6:") && stderr.contains("flows.csv"),
        "{stderr}"
    );
    scratch.file(
        "flows.csv",
        "id,src,dst,bytes,start_ps\n1,h0,h1,1000,0\n2,h0,h1,many,0\n",
    );
    let output = xoff(&["run", &path]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr.contains("flows.csv:3:"), "{stderr}");
    // Not text at all.
    std::fs::write(scratch.path("b.toml"), [0xff, 0xfe, 0]).unwrap();
    let output = xoff(&["run", &scratch.path("b.toml")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("UTF-8"));
    // A directory where a file should be, and a file where a directory should be.
    let good = scratch.file("good.toml", STAR);
    assert_eq!(xoff(&["run", &scratch.path("")]).status.code(), Some(2));
    let output = xoff(&["run", &good, "--csv", &good]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
}
