//! The committed fuzz corpora, replayed.

use std::path::Path;
use xoff_conformance::fuzzing as conformance;
use xoff_sim::fuzzing as sim;

#[test]
fn corpora_pass() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sim/fuzz/corpus");
    for (name, target) in sim::TARGETS.into_iter().chain(conformance::TARGETS) {
        let files: Vec<_> = std::fs::read_dir(root.join(name))
            .unwrap_or_else(|e| panic!("corpus {name}: {e}"))
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(!files.is_empty(), "corpus {name} is empty");
        for file in files {
            target(&std::fs::read(file).unwrap());
        }
    }
}
