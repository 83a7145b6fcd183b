//! What a change does to a fabric.

use super::{level, message};
use crate::report::plural;
use crate::report::text::{paragraph, plain};
use serde::Serialize;
use std::io::{self, Write};
use xoff_configs::fabric::Fabric;
use xoff_configs::found::Found;

/// Two sets of configurations, compared.
pub(crate) struct Changes<'a> {
    pub(crate) old: &'a Fabric,
    pub(crate) new: &'a Fabric,
    pub(crate) gone: Vec<&'a Found>,
    pub(crate) come: Vec<&'a Found>,
    pub(crate) stay: usize,
    /// What simulation says of both: sentences.
    pub(crate) simulated: Vec<String>,
}

pub(crate) fn human(out: &mut dyn Write, changes: &Changes) -> io::Result<()> {
    for (mark, title, list, fabric) in [
        ("+", "come", &changes.come, changes.new),
        ("-", "go", &changes.gone, changes.old),
    ] {
        if list.is_empty() {
            continue;
        }
        writeln!(out, "{} {title}:\n", plural(list.len() as u64, "finding"))?;
        for found in list {
            let at = found.places.first().map_or(String::new(), |at| {
                format!(" ({}:{})", fabric.source(at.file).path, at.line)
            });
            let head = format!("{mark} {} {}: ", level(found), found.check.id);
            let text = format!("{}{at}: {}", found.subject(fabric), message(found));
            writeln!(out, "{}", paragraph(0, &head, &plain(&text)))?;
        }
    }
    for line in &changes.simulated {
        write!(out, "{}", paragraph(0, "simulation: ", line))?;
    }
    let (come, gone) = (changes.come.len(), changes.gone.len());
    writeln!(out, "{come} come, {gone} go, {} stay", changes.stay)
}

#[derive(Serialize)]
struct Report<'a> {
    layout: u32,
    come: Vec<Item<'a>>,
    gone: Vec<Item<'a>>,
    stay: usize,
    simulated: &'a [String],
}

#[derive(Serialize)]
struct Item<'a> {
    id: &'static str,
    severity: &'static str,
    device: &'a str,
    ports: &'a [String],
    message: String,
    file: &'a str,
    line: u32,
}

pub(crate) fn json(out: &mut dyn Write, changes: &Changes) -> io::Result<()> {
    fn items<'a>(fabric: &'a Fabric, list: &[&'a Found]) -> Vec<Item<'a>> {
        let item = |found: &&'a Found| Item {
            id: found.check.id,
            severity: level(found),
            device: &fabric.nodes[found.node].name,
            ports: &found.ports,
            message: message(found),
            file: found
                .places
                .first()
                .map_or("", |at| fabric.source(at.file).path.as_str()),
            line: found.places.first().map_or(0, |at| at.line),
        };
        list.iter().map(item).collect()
    }
    let report = Report {
        layout: 1,
        come: items(changes.new, &changes.come),
        gone: items(changes.old, &changes.gone),
        stay: changes.stay,
        simulated: &changes.simulated,
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}
