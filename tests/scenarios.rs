//! Every scenario of `topologies/`: it passes, it gives the same bytes whenever and however it is
//! run, and its report is the one that was reviewed.

use crate::cli::{Scratch, text, xoff_in};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Names of the files with this ending, without it.
fn names(dir: &str, ending: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(root().join(dir)).into_iter().flatten();
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.strip_suffix(ending).map(str::to_owned)
    };
    files.filter_map(name).collect()
}

/// All files below a directory.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_owned();
                all.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    all
}

/// Runs a scenario twice, with one job and with two; gives the report.
fn report(name: &str) -> Result<String, String> {
    let scratch = Scratch::new(&format!("scenario-{name}"));
    let path = format!("topologies/{name}.toml");
    let run = |jobs: &str| {
        let csv = scratch.path(jobs);
        let output = xoff_in(root(), &["run", "-q", &path, "--jobs", jobs, "--csv", &csv]);
        (output, contents(Path::new(&csv)))
    };
    let ((first, files), (second, again)) = (run("1"), run("2"));
    let stdout = text(&first.stdout);
    if first.status.code() != Some(0) {
        let stderr = text(&first.stderr);
        return Err(format!("{name}: {}\n{stdout}{stderr}", first.status));
    }
    if first.stdout != second.stdout || files != again {
        return Err(format!("{name}: two runs differ"));
    }
    assert!(!files.is_empty());
    Ok(without_hash(&stdout))
}

/// The hash changes with every comment in the scenario.
fn without_hash(report: &str) -> String {
    let start = report.find(" (").map(|at| at + 2);
    let is_hash = |s: &str| s.len() == 16 && s.bytes().all(|b| b.is_ascii_hexdigit());
    match start.and_then(|at| Some((at, report.get(at..at + 16)?))) {
        Some((at, hash)) if is_hash(hash) => report.replacen(&report[at..at + 16], "hash", 1),
        _ => report.to_owned(),
    }
}

#[test]
fn every_scenario_passes_and_gives_its_report_again() {
    let scenarios: Vec<String> = names("topologies", ".toml").into_iter().collect();
    let reports = Mutex::new(BTreeMap::new());
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(name) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let report = report(name);
                    reports.lock().unwrap().insert(name.clone(), report);
                }
            });
        }
    });
    let reports = reports.into_inner().unwrap();
    let wrong: Vec<String> = reports.values().filter_map(|r| r.clone().err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(reports.len(), scenarios.len());
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (name, report) in reports {
            insta::assert_snapshot!(name, report.unwrap());
        }
    });
}

#[test]
fn every_snapshot_has_its_scenario() {
    let orphans: Vec<String> = names("tests/snapshots", ".snap")
        .difference(&names("topologies", ".toml"))
        .cloned()
        .collect();
    assert!(orphans.is_empty(), "{orphans:?}");
}

#[test]
fn every_scenario_explains_itself_and_expects_something() {
    for name in names("topologies", ".toml") {
        let path = root().join(format!("topologies/{name}.toml"));
        let scenario = std::fs::read_to_string(path).unwrap();
        assert!(
            scenario.starts_with('#'),
            "{name}: a comment says what it shows"
        );
        assert!(
            scenario.contains("[expect]") || scenario.contains("[[expect]]"),
            "{name}"
        );
        assert!(scenario.contains("title ="), "{name}");
    }
}
