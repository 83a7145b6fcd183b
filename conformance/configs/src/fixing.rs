//! Cures applied to the files: the edits that the wishes of findings come to.

use crate::fabric::{Fabric, NodeId};
use crate::found::Found;
use crate::repair::{At, Edit, Wish, apply};
use crate::source::FileId;
use std::collections::BTreeMap;

/// What a wish becomes in the device's own dialect.
pub fn edits(fabric: &Fabric, node: NodeId, wish: &Wish) -> Option<Vec<Edit>> {
    let device = fabric.device(node)?;
    let source = fabric.source(device.file);
    match wish {
        Wish::Delete(at) => Some(vec![Edit {
            at: At::Instead(at.line, at.end_line),
            lines: Vec::new(),
        }]),
        Wish::Replace(at, lines) => Some(vec![Edit {
            at: At::Instead(at.line, at.end_line),
            lines: lines.clone(),
        }]),
        wish => (device.dialect.language().repair)(device, source, wish),
    }
}

/// The edits of a finding, by file; empty if its dialect does not know how.
pub fn cure(fabric: &Fabric, found: &Found) -> Vec<(FileId, Edit)> {
    let mut all = Vec::new();
    for (node, wish) in &found.wishes {
        let Some(file) = fabric.device(*node).map(|d| d.file) else {
            continue;
        };
        for edit in edits(fabric, *node, wish).into_iter().flatten() {
            if !all.contains(&(file, edit.clone())) {
                all.push((file, edit));
            }
        }
    }
    all
}

/// The texts of the files that the cures of these findings change.
pub fn fixed<'a>(
    fabric: &Fabric,
    findings: impl IntoIterator<Item = &'a Found>,
) -> BTreeMap<FileId, String> {
    let mut edits: BTreeMap<FileId, Vec<Edit>> = BTreeMap::new();
    for found in findings {
        for (file, edit) in cure(fabric, found) {
            let list = edits.entry(file).or_default();
            if !list.contains(&edit) {
                list.push(edit);
            }
        }
    }
    let change =
        |(file, edits): (FileId, Vec<Edit>)| (file, apply(&fabric.source(file).text, &edits));
    edits.into_iter().map(change).collect()
}
