//! What the importers' tests have in common.

use crate::device::Device;
use crate::language::{Dialect, Input};
use crate::languages::{detect, import};
use crate::source::{FileId, Source};
use proptest::test_runner::{Config, TestRunner};

/// The device of a file that this dialect reads without fault, and that is recognised as it.
pub(crate) fn read(dialect: Dialect, text: &str) -> Device {
    let mut devices = read_all(dialect, text);
    assert_eq!(devices.len(), 1, "one device");
    devices.remove(0)
}

/// The devices of a file.
pub(crate) fn read_all(dialect: Dialect, text: &str) -> Vec<Device> {
    let source = Source::new("device.cfg", text);
    assert_eq!(detect(&source), Some(dialect), "{text}");
    let input = Input {
        file: FileId(0),
        source: &source,
    };
    import(input, None).unwrap_or_else(|fault| panic!("{fault}"))
}

/// The fault of a file that is given as this dialect.
pub(crate) fn fault(dialect: Dialect, text: &str) -> String {
    let source = Source::new("device.cfg", text);
    let input = Input {
        file: FileId(0),
        source: &source,
    };
    import(input, Some(dialect))
        .map(|_| ())
        .expect_err(text)
        .to_string()
}

/// A sample from `tests/data/configs`, whose origin is told there.
pub(crate) fn sample(path: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/configs/");
    std::fs::read_to_string(format!("{root}{path}")).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// What the check says of the reference fabric of a dialect: file, rule and cause of each finding.
/// `change`: a file of it in which the first text is the second.
pub(crate) fn fabric(name: &str, change: Option<(&str, &str, &str)>) -> Vec<(String, String)> {
    let root = format!(
        "{}/../../topologies/fabrics/{name}",
        env!("CARGO_MANIFEST_DIR")
    );
    let (mut given, mut topology) = (Vec::new(), None);
    let mut paths: Vec<_> = std::fs::read_dir(&root)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    paths.sort();
    for path in paths {
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut text = std::fs::read_to_string(&path).unwrap();
        if let Some((_, from, to)) = change.filter(|c| c.0 == file) {
            assert!(text.contains(from), "{file} has no {from}");
            text = text.replacen(from, to, 1);
        }
        let source = Source::new(file.clone(), text);
        match file.as_str() {
            "topology.toml" => topology = Some(source),
            "mistakes.toml" => {}
            _ => given.push(crate::load::Given {
                source,
                perhaps: false,
            }),
        }
    }
    let loaded = crate::load::load(given, topology, None).unwrap_or_else(|f| panic!("{f:?}"));
    let found = crate::rules::check(&loaded.fabric);
    found
        .into_iter()
        .map(|f| (f.check.id.to_owned(), f.cause))
        .collect()
}

/// The reference fabric of a dialect has no finding, and each of its mistakes its own rule and no
/// other.
pub(crate) fn fabric_holds(name: &str, least: usize) {
    assert_eq!(fabric(name, None), []);
    let path = format!(
        "{}/../../topologies/fabrics/{name}/mistakes.toml",
        env!("CARGO_MANIFEST_DIR")
    );
    let list: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let list = list["mistake"].as_array().unwrap();
    assert!(list.len() >= least);
    let mut wrong = Vec::new();
    for mistake in list {
        let text = |key: &str| mistake[key].as_str().unwrap();
        let found = fabric(name, Some((text("file"), text("replace"), text("with"))));
        if found.is_empty() || found.iter().any(|(rule, _)| rule != text("rule")) {
            wrong.push(format!("{} {}: {found:?}", text("rule"), text("name")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Reads many mutations of a good file: lines lost, doubled, cut, swapped, bytes changed. None panics,
/// and every statement about lines lies within the file.
pub(crate) fn survives_mutations(dialect: Dialect, good: &str) {
    use proptest::prelude::*;
    let lines: Vec<&str> = good.lines().collect();
    let change = (0..lines.len(), 0..6_u8, any::<u16>());
    let mut runner = TestRunner::new(Config::with_cases(64));
    let changes = proptest::collection::vec(change, 1..6);
    let outcome = runner.run(&changes, |changes| {
        let mut lines: Vec<String> = lines.iter().map(|&l| l.to_owned()).collect();
        for (at, kind, with) in changes {
            let (at, other) = (at % lines.len(), usize::from(with) % lines.len());
            match kind {
                0 => lines[at].clear(),
                1 => lines.insert(at, lines[other].clone()),
                2 => {
                    let cut = usize::from(with) % (lines[at].len() + 1);
                    let cut = (0..=cut).rev().find(|&n| lines[at].is_char_boundary(n));
                    lines[at].truncate(cut.unwrap_or(0));
                }
                3 => lines.swap(at, other),
                4 => lines[at].push(char::from_u32(u32::from(with)).unwrap_or('?')),
                _ => lines[at] = format!("{}{}", lines[other], lines[at]),
            }
        }
        let source = Source::new("device.cfg", lines.join("\n"));
        let input = Input {
            file: FileId(0),
            source: &source,
        };
        for device in import(input, Some(dialect)).unwrap_or_default() {
            for (span, _) in device.lines.unknown_lines() {
                prop_assert!(span.line >= 1 && span.line <= source.lines());
            }
            crate::describe::describe(&device);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Of all samples and cases, those whose name ends or whose path has one of these are taken for this
/// dialect, and no others.
pub(crate) fn recognises_only(dialect: Dialect, ends: &[&str], within: &[&str]) {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data"));
    let mut open = vec![root.join("configs"), root.join("check")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_string_lossy().replace('\\', "/");
            if path.is_dir() {
                open.push(path);
            } else if !name.ends_with("truth.toml") && !name.ends_with(".md") {
                let source = Source::new(name.as_str(), std::fs::read_to_string(&path).unwrap());
                let own = ends.iter().any(|e| name.ends_with(e))
                    || within.iter().any(|w| name.contains(w));
                assert_eq!((dialect.language().recognise)(&source) > 0, own, "{name}");
                assert!(!own || detect(&source) == Some(dialect), "{name}");
            }
        }
    }
}
