//! --fix: the files with what can be cured.

use crate::args::CheckArgs;
use crate::output::{self, Error};
use std::collections::BTreeMap;
use xoff_checks::finding::Severity;
use xoff_configs::fabric::Fabric;
use xoff_configs::fixing::{cure, fixed};
use xoff_configs::found::Found;

/// Writes every file that a cure changes, under its own name.
pub(super) fn write(args: &CheckArgs, fabric: &Fabric, found: &[Found]) -> Result<(), Error> {
    let Some(dir) = &args.fix else { return Ok(()) };
    let curable = |f: &&Found| f.severity > Severity::Note && f.unknown.is_none();
    let files = fixed(fabric, found.iter().filter(curable));
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for &file in files.keys() {
        let path = fabric.source(file).path.as_str();
        if let Some(other) = names.insert(super::file_name(path), path) {
            let text =
                format!("--fix: {other} and {path} have the same name: check them one by one");
            return Err(Error::Message(text));
        }
    }
    output::create_dir(dir)?;
    for (file, text) in &files {
        let name = super::file_name(&fabric.source(*file).path);
        output::replace_file(&dir.join(name), text.as_bytes())?;
    }
    let left = found
        .iter()
        .filter(curable)
        .filter(|f| cure(fabric, f).is_empty())
        .count();
    let (files, all) = (files.len(), found.iter().filter(curable).count());
    output::tell(&format!(
        "{}: {files} files changed for {} of {all} findings; check them again before you use them",
        dir.display(),
        all - left
    ));
    Ok(())
}
