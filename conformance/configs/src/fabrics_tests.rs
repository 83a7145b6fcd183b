//! The reference fabrics in `topologies/fabrics`: right as they are, and each seeded mistake found by
//! its rule and no other.

use crate::load::{Given, load};
use crate::rules::check;
use crate::source::Source;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use xoff_checks::finding::Severity;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mistakes {
    mistake: Vec<Mistake>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mistake {
    name: String,
    file: String,
    replace: String,
    with: String,
    rule: String,
    #[allow(dead_code)]
    why: String,
}

fn fabrics() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../topologies/fabrics");
    let mut found: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("mistakes.toml").exists())
        .collect();
    found.sort();
    found
}

/// The files of a fabric by name, without those about it.
fn files(fabric: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(fabric)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let kept = entries.filter(|p| p.extension().is_none_or(|e| e != "toml" && e != "md"));
    kept.map(|p| {
        (
            p.file_name().unwrap().to_string_lossy().into_owned(),
            fs::read_to_string(&p).unwrap(),
        )
    })
    .collect()
}

/// The rules that are found above notes.
fn found(fabric: &Path, files: &BTreeMap<String, String>) -> Vec<String> {
    let topology = fs::read_to_string(fabric.join("topology.toml")).unwrap();
    let given = files.iter().map(|(name, text)| Given {
        source: Source::new(name.as_str(), text.as_str()),
        perhaps: false,
    });
    let loaded = load(
        given.collect(),
        Some(Source::new("topology.toml", topology)),
        None,
    );
    let loaded = loaded.unwrap_or_else(|faults| panic!("{}: {:?}", fabric.display(), faults));
    let found = check(&loaded.fabric);
    let loud = found
        .iter()
        .filter(|f| f.severity > Severity::Note && f.unknown.is_none());
    loud.map(|f| format!("{} {} {}", f.check.id, f.subject(&loaded.fabric), f.cause))
        .collect()
}

#[test]
fn reference_fabrics_are_right() {
    let fabrics = fabrics();
    assert!(!fabrics.is_empty());
    let wrong: Vec<String> = fabrics
        .iter()
        .map(|f| (f, found(f, &files(f))))
        .filter(|(_, found)| !found.is_empty())
        .map(|(f, found)| {
            format!(
                "{}: {}",
                f.file_name().unwrap().to_string_lossy(),
                found.join("\n    ")
            )
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_mistake_is_found_by_its_rule_alone() {
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for fabric in fabrics() {
        let name = fabric.file_name().unwrap().to_string_lossy().into_owned();
        let files = files(&fabric);
        let text = fs::read_to_string(fabric.join("mistakes.toml")).unwrap();
        let mistakes: Mistakes = toml::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        for mistake in mistakes.mistake {
            tried += 1;
            let mut files = files.clone();
            let text = files
                .get_mut(&mistake.file)
                .unwrap_or_else(|| panic!("{name}: {}", mistake.file));
            // The first place, if there are several.
            assert!(text.contains(&mistake.replace), "{name}: {}", mistake.name);
            *text = text.replacen(&mistake.replace, &mistake.with, 1);
            let found = found(&fabric, &files);
            let fits = !found.is_empty() && found.iter().all(|f| f.starts_with(&mistake.rule));
            if !fits {
                wrong.push(format!(
                    "{name}/{} wants {}: {found:#?}",
                    mistake.name, mistake.rule
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {tried}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(tried >= 60, "{tried} mistakes");
}
