//! `xoff check`: configurations of switches and hosts.

mod capture;
mod compare;
mod files;
mod fix;
mod prove;

use crate::args::{CheckArgs, CheckFormat};
use crate::output::{self, Error};
use crate::report::check::{self as report, Checked};
use std::collections::BTreeSet;
use std::path::Path;
use xoff_checks::catalogue;
use xoff_checks::finding::Severity;
use xoff_configs::describe::describe;
use xoff_configs::found::Found;
use xoff_configs::load::Loaded;
use xoff_configs::rules;

pub(crate) fn run(args: &CheckArgs) -> Result<bool, Error> {
    for name in args.deny.iter().chain(&args.allow) {
        known_rule(name)?;
    }
    if let [old, new] = args.diff.as_slice() {
        return compare::run(args, old, new);
    }
    let loaded = files::load(args, &args.configs)?;
    if args.model {
        return models(args, &loaded);
    }
    if let [from, to] = args.path.as_slice() {
        return path(args, &loaded, from, to);
    }
    let mut found = rules::check(&loaded.fabric);
    capture::compare(args, &loaded.fabric, &mut found)?;
    let proofs = prove::prove(args, &loaded.fabric, &mut found)?;
    judge(args, &mut found);
    let known = baseline(args, &loaded, &mut found)?;
    fix::write(args, &loaded.fabric, &found)?;
    let checked = Checked {
        loaded: &loaded,
        found: &found,
        proofs: proofs.as_ref(),
        known,
        all: args.all,
        unknown_lines: args.unknown,
    };
    output::print(|out| match args.format {
        CheckFormat::Human => report::human::write(out, &checked),
        CheckFormat::Json => report::json::write(out, &checked),
        CheckFormat::Junit => report::junit::write(out, &checked),
        CheckFormat::Sarif => report::sarif::write(out, &checked),
        CheckFormat::Github => report::github::write(out, &checked),
    })?;
    Ok(!fails(&found))
}

/// Warnings and notes are no reason to fail.
pub(super) fn fails(found: &[Found]) -> bool {
    found
        .iter()
        .any(|f| f.severity == Severity::Error && f.unknown.is_none())
}

fn known_rule(name: &str) -> Result<(), Error> {
    if catalogue::find(name).is_some() {
        return Ok(());
    }
    let hint = match catalogue::similar(name) {
        Some(check) => format!("did you mean `{}`?", check.id),
        None => "`xoff explain` lists them all".to_owned(),
    };
    Err(Error::Message(format!(
        "no rule is called `{name}`; {hint}"
    )))
}

/// --deny and --allow.
pub(super) fn judge(args: &CheckArgs, found: &mut Vec<Found>) {
    let named = |list: &[String], f: &Found| {
        list.iter()
            .any(|name| catalogue::find(name) == Some(f.check))
    };
    found.retain(|f| !named(&args.allow, f));
    for one in found
        .iter_mut()
        .filter(|f| f.unknown.is_none() && named(&args.deny, f))
    {
        one.severity = Severity::Error;
    }
    found.sort_by_key(|f| std::cmp::Reverse(f.severity));
}

/// What identifies a finding from one run to the next: not its line, which moves.
fn identity(loaded: &Loaded, found: &Found) -> String {
    format!(
        "{} {}: {}",
        found.check.id,
        found.subject(&loaded.fabric),
        found.cause
    )
}

/// Takes out what is in the baseline, or writes it. Returns how many were known.
fn baseline(args: &CheckArgs, loaded: &Loaded, found: &mut Vec<Found>) -> Result<usize, Error> {
    let Some(path) = &args.baseline else {
        return Ok(0);
    };
    if !path.exists() {
        let lines: BTreeSet<String> = found.iter().map(|f| identity(loaded, f)).collect();
        let text = lines
            .iter()
            .fold(String::new(), |text, line| text + line + "\n");
        output::replace_file(path, text.as_bytes())?;
        output::tell(&format!(
            "{}: {} findings are known from now on",
            path.display(),
            lines.len()
        ));
        return Ok(0);
    }
    let text = files::text(path)?;
    let lines: BTreeSet<&str> = text.lines().map(str::trim).collect();
    let before = found.len();
    found.retain(|f| !lines.contains(identity(loaded, f).as_str()));
    Ok(before - found.len())
}

fn models(args: &CheckArgs, loaded: &Loaded) -> Result<bool, Error> {
    let mut text = String::new();
    for (_, device) in loaded.fabric.devices() {
        text += &describe(device);
        if args.unknown {
            let source = loaded.fabric.source(device.file);
            for (span, why) in device.lines.unknown_lines() {
                let line = source.line(span.line).unwrap_or_default().trim();
                text += &format!("  {}:{}: {line}: {why}\n", source.path, span.line);
            }
        }
        text.push('\n');
    }
    output::print(|out| out.write_all(text.as_bytes()))?;
    Ok(true)
}

fn path(args: &CheckArgs, loaded: &Loaded, from: &str, to: &str) -> Result<bool, Error> {
    let fabric = &loaded.fabric;
    let node = |name: &str| {
        let is = |n: &xoff_configs::fabric::Node| {
            n.name.eq_ignore_ascii_case(name)
                || n.device
                    .as_ref()
                    .is_some_and(|d| d.alias.eq_ignore_ascii_case(name))
        };
        fabric.nodes.iter().position(is).ok_or_else(|| {
            let names: Vec<&str> = fabric.nodes.iter().map(|n| n.name.as_str()).collect();
            Error::Message(format!(
                "no device is called `{name}`; there are {}",
                names.join(", ")
            ))
        })
    };
    let (from, to) = (node(from)?, node(to)?);
    let paths = report::path::Paths::new(fabric, from, to, args.traffic);
    output::print(|out| match args.format {
        CheckFormat::Json => report::path::json(out, &paths),
        _ => report::path::human(out, &paths),
    })?;
    Ok(paths.lossless())
}

/// The name of a file without its folders.
pub(super) fn file_name(path: &str) -> String {
    let name = Path::new(path).file_name();
    name.map_or_else(|| path.to_owned(), |n| n.to_string_lossy().into_owned())
}
