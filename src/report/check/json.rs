//! Findings for programs. Layout 1.

use super::{Checked, change, level, message};
use crate::report::VERSION;
use serde::Serialize;
use std::io::{self, Write};
use xoff_configs::found::{Found, place};

#[derive(Serialize)]
struct Report<'a> {
    layout: u32,
    version: &'static str,
    files: Vec<File<'a>>,
    /// What was assumed, and what has no configuration.
    assumed: &'a [String],
    findings: Vec<Item<'a>>,
    known: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    simulated: Option<&'a str>,
}

#[derive(Serialize)]
struct File<'a> {
    file: &'a str,
    dialect: &'static str,
    devices: Vec<&'a str>,
    qos_lines: usize,
    understood: usize,
    unknown: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    line: u32,
    why: &'a str,
}

#[derive(Serialize)]
pub(super) struct Item<'a> {
    id: &'static str,
    name: &'static str,
    severity: &'static str,
    device: &'a str,
    ports: &'a [String],
    message: String,
    cure: &'a str,
    #[serde(flatten)]
    at: Option<At>,
    related: Vec<At>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<&'a str>,
    fix: Vec<Fix<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<Proof<'a>>,
}

#[derive(Serialize)]
struct At {
    file: String,
    line: u64,
    end_line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u64>,
}

#[derive(Serialize)]
struct Fix<'a> {
    file: &'a str,
    /// As in a diff: `- ` goes, `+ ` comes, others stand before.
    lines: Vec<String>,
}

#[derive(Serialize)]
struct Proof<'a> {
    /// null: not simulated, or nothing that traffic shows.
    reproduced: Option<bool>,
    says: &'a str,
}

pub(crate) fn write(out: &mut dyn Write, checked: &Checked) -> io::Result<()> {
    let fabric = checked.fabric();
    let mut files: Vec<File> = Vec::new();
    for (_, device) in fabric.devices() {
        let path = fabric.source(device.file).path.as_str();
        match files.iter_mut().find(|f| f.file == path) {
            Some(file) => file.devices.push(&device.name),
            None => files.push(File {
                file: path,
                dialect: device.dialect.language().name,
                devices: vec![&device.name],
                qos_lines: device.lines.qos(),
                understood: device.lines.understood_count(),
                unknown: device
                    .lines
                    .unknown_lines()
                    .map(|(at, why)| Line { line: at.line, why })
                    .collect(),
            }),
        }
    }
    let report = Report {
        layout: 1,
        version: VERSION,
        files,
        assumed: &fabric.notes,
        findings: checked.found.iter().map(|f| item(checked, f)).collect(),
        known: checked.known,
        simulated: checked.proofs.map(|p| p.table.as_str()),
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}

pub(super) fn item<'a>(checked: &'a Checked, found: &'a Found) -> Item<'a> {
    let fabric = checked.fabric();
    let mut places = found.places.iter().map(|&span| {
        let place = place(fabric, span);
        At {
            file: place.file,
            line: place.line,
            end_line: place.end_line,
            column: (place.column > 0).then_some(place.column),
        }
    });
    let fix = change(fabric, found).into_iter().map(|(file, lines)| Fix {
        file: &fabric.source(file).path,
        lines,
    });
    Item {
        id: found.check.id,
        name: found.check.name,
        severity: level(found),
        device: &fabric.nodes[found.node].name,
        ports: &found.ports,
        message: message(found),
        cure: &found.cure,
        at: places.next(),
        related: places.collect(),
        unknown: found.unknown.as_deref(),
        fix: fix.collect(),
        proof: found.proof.as_ref().map(|p| Proof {
            reproduced: p.shown,
            says: &p.says,
        }),
    }
}
