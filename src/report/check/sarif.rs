//! SARIF 2.1.0 of configurations.

use super::Checked;
use crate::report::sarif;
use std::io::{self, Write};
use xoff_checks::finding::Finding;

pub(crate) fn write(out: &mut dyn Write, checked: &Checked) -> io::Result<()> {
    let fabric = checked.fabric();
    let mut files: Vec<(String, Vec<Finding>)> = Vec::new();
    for (_, device) in fabric.devices() {
        let path = &fabric.source(device.file).path;
        if !files.iter().any(|(file, _)| file == path) {
            files.push((path.clone(), Vec::new()));
        }
    }
    for (found, finding) in checked.findings() {
        let Some(at) = found.places.first() else {
            continue;
        };
        let path = &fabric.source(at.file).path;
        match files.iter_mut().find(|(file, _)| file == path) {
            Some((_, findings)) => findings.push(finding),
            None => files.push((path.clone(), vec![finding])),
        }
    }
    sarif::of_files(out, &files)
}
