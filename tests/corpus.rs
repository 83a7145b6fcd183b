//! The committed fuzz corpora, replayed.

#[path = "fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is the library of the fuzz targets")]
mod fuzz;

use std::path::Path;

#[test]
fn corpora_pass() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    for (name, target) in fuzz::TARGETS {
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
