//! Renderers of what configurations show.

pub(crate) mod changes;
pub(crate) mod github;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod junit;
pub(crate) mod path;
pub(crate) mod sarif;

use xoff_checks::finding::{Finding, Severity};
use xoff_configs::fabric::Fabric;
use xoff_configs::fixing;
use xoff_configs::found::Found;
use xoff_configs::load::Loaded;
use xoff_configs::proof::Simulated;
use xoff_configs::repair::{At, Edit};
use xoff_configs::source::FileId;

/// Configurations that were checked.
pub(crate) struct Checked<'a> {
    pub(crate) loaded: &'a Loaded,
    /// The worst first.
    pub(crate) found: &'a [Found],
    /// With --simulate.
    pub(crate) proofs: Option<&'a Simulated>,
    /// Findings of the baseline.
    pub(crate) known: usize,
    /// Notes are shown as well.
    pub(crate) all: bool,
    /// Lines that were not understood are listed.
    pub(crate) unknown_lines: bool,
}

impl Checked<'_> {
    pub(crate) fn fabric(&self) -> &Fabric {
        &self.loaded.fabric
    }

    pub(crate) fn findings(&self) -> impl Iterator<Item = (&Found, Finding)> {
        self.found.iter().map(|f| (f, f.finding(self.fabric())))
    }

    /// Lines about QoS: of all files, and those that were understood.
    pub(crate) fn lines(&self) -> (usize, usize) {
        let devices = self.fabric().devices();
        devices.fold((0, 0), |(all, understood), (_, d)| {
            (all + d.lines.qos(), understood + d.lines.understood_count())
        })
    }

    /// Errors, warnings and notes.
    pub(crate) fn counts(&self) -> [usize; 3] {
        let count = |severity: &str| self.found.iter().filter(|f| level(f) == severity).count();
        ["error", "warning", "info"].map(count)
    }
}

/// `error`, `warning` or `info`.
pub(crate) fn level(found: &Found) -> &'static str {
    match (found.unknown.is_some(), found.severity) {
        (true, _) | (_, Severity::Note) => "info",
        (_, Severity::Warning) => "warning",
        (_, Severity::Error) => "error",
    }
}

/// What it says, with what it depends on.
pub(crate) fn message(found: &Found) -> String {
    match &found.unknown {
        None => found.cause.clone(),
        Some(why) => format!(
            "{} Unknown, because {}.",
            found.cause,
            why.trim_end_matches('.')
        ),
    }
}

/// The lines to change, as people write a change: file, then what goes and what comes.
pub(crate) fn change(fabric: &Fabric, found: &Found) -> Vec<(FileId, Vec<String>)> {
    let mut files: Vec<(FileId, Vec<String>)> = Vec::new();
    for (file, edit) in fixing::cure(fabric, found) {
        let lines = shown(fabric, file, &edit);
        match files.iter_mut().find(|(f, _)| *f == file) {
            Some((_, all)) => all.extend(lines),
            None => files.push((file, lines)),
        }
    }
    files
}

fn shown(fabric: &Fabric, file: FileId, edit: &Edit) -> Vec<String> {
    let source = fabric.source(file);
    let mut lines = Vec::new();
    match edit.at {
        At::Instead(from, to) => {
            lines.extend(
                (from..=to)
                    .filter_map(|n| source.line(n))
                    .map(|line| format!("- {line}")),
            );
        }
        // Where it goes is clear only with the line before it.
        At::After(n) => lines.extend(source.line(n).map(|line| format!("  {line}"))),
        At::Begin | At::End => {}
    }
    lines.extend(edit.lines.iter().map(|line| format!("+ {line}")));
    lines
        .into_iter()
        .map(|line| line.trim_end().to_owned())
        .collect()
}
