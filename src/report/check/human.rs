//! Findings for people: each with its line, why, and the lines that cure it.

use super::{Checked, change, level, message};
use crate::report::plural;
use crate::report::text::{paragraph, plain};
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::collections::BTreeMap;
use std::io::{self, Write};
use xoff_configs::fabric::Fabric;
use xoff_configs::found::Found;
use xoff_configs::source::{FileId, Span};

/// Places that are shown of a finding; the others are counted.
const PLACES: usize = 4;
/// Lines of a cure that are shown.
const CURE_LINES: usize = 12;

pub(crate) fn write(out: &mut dyn Write, checked: &Checked) -> io::Result<()> {
    files(out, checked)?;
    for note in &checked.fabric().notes {
        write!(out, "{}", paragraph(2, "assumed: ", &plain(note)))?;
    }
    writeln!(out)?;
    let renderer = Renderer::plain().decor_style(DecorStyle::Ascii);
    let mut hidden = 0;
    for found in checked.found {
        if level(found) == "info" && !checked.all {
            hidden += 1;
            continue;
        }
        writeln!(out, "{}\n", finding(checked.fabric(), found, &renderer))?;
    }
    if let Some(simulated) = checked.proofs {
        writeln!(out, "{}", simulated.table)?;
    }
    ending(out, checked, hidden)
}

/// A line per file.
fn files(out: &mut dyn Write, checked: &Checked) -> io::Result<()> {
    let mut by_file: BTreeMap<FileId, Vec<&xoff_configs::device::Device>> = BTreeMap::new();
    for (_, device) in checked.fabric().devices() {
        by_file.entry(device.file).or_default().push(device);
    }
    let (all, understood) = checked.lines();
    if by_file.len() > 12 && !checked.unknown_lines {
        let files = by_file.len();
        return writeln!(
            out,
            "{files} files: understood {understood} of {all} QoS lines"
        );
    }
    for (file, devices) in by_file {
        let source = checked.fabric().source(file);
        let names: Vec<&str> = devices.iter().map(|d| d.name.as_str()).collect();
        let title = devices[0].dialect.language().title;
        let qos: usize = devices.iter().map(|d| d.lines.qos()).max().unwrap_or(0);
        let understood = devices
            .iter()
            .map(|d| d.lines.understood_count())
            .max()
            .unwrap_or(0);
        let path = plain(&source.path);
        writeln!(
            out,
            "{path}: {} ({title}), understood {understood} of {qos} QoS lines",
            names.join(", ")
        )?;
        if checked.unknown_lines {
            for (span, why) in devices[0].lines.unknown_lines() {
                let line = plain(source.line(span.line).unwrap_or_default().trim());
                writeln!(out, "  line {}: {line}\n    {}", span.line, plain(why))?;
            }
        }
    }
    Ok(())
}

fn finding(fabric: &Fabric, found: &Found, renderer: &Renderer) -> String {
    let title = format!(
        "{}: {}",
        plain(&found.subject(fabric)),
        plain(&message(found))
    );
    let primary = match level(found) {
        "error" => Level::ERROR,
        "warning" => Level::WARNING,
        _ => Level::INFO,
    };
    let title = crate::report::text::wrap(&title, 92).join("\n");
    let mut group = primary
        .primary_title(title)
        .id(found.check.id)
        .elements(None::<Snippet<'_, annotate_snippets::Annotation<'_>>>);
    let shown = spread(&found.places);
    for (n, span) in shown.iter().take(PLACES).enumerate() {
        let source = fabric.source(span.file);
        let Some(line) = source.line(span.line) else {
            continue;
        };
        let range = source.range(*span);
        let start = line.as_ptr() as usize - source.text.as_ptr() as usize;
        let mark = range.start.saturating_sub(start)..range.end.saturating_sub(start);
        let mark = match mark.is_empty() {
            true => 0..line.len(),
            false => mark,
        };
        let kind = if n == 0 {
            AnnotationKind::Primary
        } else {
            AnnotationKind::Context
        };
        let snippet = Snippet::source(line)
            .line_start(span.line as usize)
            .path(source.path.as_str());
        group = group.element(snippet.annotation(kind.span(mark)));
    }
    let more = shown.len().saturating_sub(PLACES);
    if more > 0 {
        group = group.element(Level::NOTE.message(format!(
            "and {} more {}",
            more,
            if more == 1 { "place" } else { "places" }
        )));
    }
    if let Some(proof) = &found.proof {
        group = group.element(Level::NOTE.message(format!("simulation: {}", proof.says)));
    }
    let cure = cure_text(fabric, found);
    group = group.element(Level::HELP.message(cure));
    let groups: [Group<'_>; 1] = [group];
    renderer.render(&groups)
}

/// Each line once, the first of them first.
fn spread(places: &[Span]) -> Vec<Span> {
    let mut shown: Vec<Span> = Vec::new();
    for &place in places {
        if !shown
            .iter()
            .any(|s| s.file == place.file && s.line == place.line)
        {
            shown.push(place);
        }
    }
    shown
}

fn cure_text(fabric: &Fabric, found: &Found) -> String {
    let mut text = plain(&found.cure);
    for (file, lines) in change(fabric, found) {
        text += &format!("\nin {}:", plain(&fabric.source(file).path));
        for line in lines.iter().take(CURE_LINES) {
            text += &format!("\n  {}", plain(line));
        }
        if lines.len() > CURE_LINES {
            text += &format!(
                "\n  ... {} more lines (--fix DIR writes them)",
                lines.len() - CURE_LINES
            );
        }
    }
    text
}

fn ending(out: &mut dyn Write, checked: &Checked, hidden: usize) -> io::Result<()> {
    let [errors, warnings, notes] = checked.counts();
    let devices = checked.fabric().devices().count();
    let mut parts = vec![
        plural(errors as u64, "error"),
        plural(warnings as u64, "warning"),
    ];
    if notes > 0 {
        let shown = if hidden > 0 {
            " (--all shows them)"
        } else {
            ""
        };
        parts.push(format!("{}{shown}", plural(notes as u64, "note")));
    }
    if checked.known > 0 {
        parts.push(format!("{} known", checked.known));
    }
    let links = checked.fabric().links.len();
    writeln!(
        out,
        "{}, {}: {}",
        plural(devices as u64, "device"),
        plural(links as u64, "link"),
        parts.join(", ")
    )
}
