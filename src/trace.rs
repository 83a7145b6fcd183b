//! `xoff trace`: explains captures.

use crate::args::{TraceArgs, TraceFormat};
use crate::input;
use crate::output::{self, Error};
use crate::progress::CpuTimer;
use crate::replay;
use crate::report::plural;
use crate::report::trace::{self, Traced};
use crate::report::{github, sarif};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use xoff_checks::finding::Severity;
use xoff_model::units::BitRate;
use xoff_scenario::metrics::value::grouped;
use xoff_trace::analyzer::{self, Options};
use xoff_trace::capture::read::Reader;
use xoff_trace::report::TraceReport;

pub(crate) fn run(args: &TraceArgs) -> Result<bool, Error> {
    let options = replay_options(args)?;
    let captures = || args.captures.iter().map(PathBuf::as_path);
    input::refuse_twice(captures())?;
    if let Some(dir) = &args.csv {
        output::refuse_stdout_as_directory(dir)?;
    }
    let mut traced = Vec::new();
    let mut failures = Vec::new();
    let mut refused = Vec::new();
    for path in &args.captures {
        let cpu = CpuTimer::start();
        match analyze(path, args) {
            Ok(report) => {
                if !args.quiet {
                    output::tell(&speed(&report, path, &cpu));
                }
                let name = path.to_string_lossy().into_owned();
                if report.capture.unreadable() {
                    failures.push((name.clone(), unreadable(&name, &report)));
                }
                let replayed = match args.replay && !report.capture.unreadable() {
                    true => match replay::replay(&report, &file_name(path), &options) {
                        Ok(replayed) => Some(replayed),
                        Err(error) => {
                            refused.push(error);
                            None
                        }
                    },
                    false => None,
                };
                traced.push(Traced {
                    name,
                    report,
                    replayed,
                });
            }
            Err(failure) => failures.push(failure),
        }
    }
    if let Some(dir) = &args.csv {
        write_csv(dir, &traced)?;
    }
    let taken = args.out.iter().map(PathBuf::as_path);
    output::print_beside(taken, |out| match args.format {
        TraceFormat::Human => trace::human::write(out, &traced, args.timeline),
        TraceFormat::Json => trace::json::write(out, &traced, &failures),
        TraceFormat::Junit => trace::junit::write(out, &traced, &failures),
        TraceFormat::Sarif => sarif::write(out, &traced, &failures),
        TraceFormat::Github => github::write(out, &traced, &failures),
    })?;
    let unread = failures.into_iter().map(|(_, text)| Error::Message(text));
    let mut errors: Vec<Error> = unread.chain(refused).collect();
    // The last is told by the caller, as any error is.
    if let Some(last) = errors.pop() {
        for error in &errors {
            output::complain(error);
        }
        return Err(last);
    }
    Ok(!traced.iter().any(|t| shows_errors(&t.report)))
}

/// Warnings, notes and what could not be decided are no reason to fail.
fn shows_errors(report: &TraceReport) -> bool {
    let mut findings = report.findings.iter();
    findings.any(|f| f.severity == Severity::Error && f.inconclusive.is_none())
}

/// What --replay is to do.
fn replay_options(args: &TraceArgs) -> Result<replay::Options<'_>, Error> {
    let refuse = |text: &str| Err(Error::Message(text.to_owned()));
    let shown = matches!(args.format, TraceFormat::Human | TraceFormat::Json);
    if args.replay && !shown {
        return refuse("--replay is shown with --format human or json only");
    }
    if args.out.is_some() && args.captures.len() > 1 {
        return refuse("--out takes the scenario of one capture, but several are given");
    }
    Ok(replay::Options {
        out: args.out.as_deref(),
        sets: &args.sets,
        link_rate: args.link_rate.map(BitRate::bps),
    })
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// What is in a capture; an error, with the file's name, if nothing could be read from it.
fn analyze(path: &Path, args: &TraceArgs) -> Result<TraceReport, (String, String)> {
    let name = path.to_string_lossy();
    let failed = |message: String| (name.to_string(), message);
    let opened = input::Capture::open(path);
    let input::Capture {
        source,
        interrupted,
    } = opened.map_err(|e| failed(format!("{name}: cannot open: {e}")))?;
    let shown = if name == "-" { "standard input" } else { &name };
    let reader = Reader::new(source, shown).map_err(|e| failed(e.to_string()))?;
    let options = Options {
        timeline: args.timeline || args.csv.is_some(),
        link_rate: args.link_rate,
    };
    let report = analyzer::analyze(reader, options).map_err(|e| failed(e.to_string()));
    if input::was_interrupted(interrupted.as_ref()) {
        output::tell(&format!(
            "{shown}: interrupted; what came before is reported"
        ));
    }
    report
}

/// A capture of which nothing could be read: what it holds instead.
fn unreadable(name: &str, report: &TraceReport) -> String {
    let capture = &report.capture;
    let held: Vec<String> = capture
        .protocols
        .iter()
        .map(|(what, frames)| format!("{} {}", grouped(*frames), what))
        .collect();
    format!(
        "{name}: nothing could be read: of {}, {}; expected Ethernet, raw IP or Linux cooked \
         capture",
        plural(capture.frames, "frame"),
        held.join(", ")
    )
}

fn speed(report: &TraceReport, path: &Path, cpu: &CpuTimer) -> String {
    let read = plural(report.capture.frames, "frame");
    let elapsed = cpu.elapsed();
    // The clock of the scheduler is too coarse for less.
    if elapsed < Duration::from_millis(10) {
        return format!("{}: {read}", path.display());
    }
    let rate = u128::from(report.capture.frames) * 1_000_000_000 / elapsed.as_nanos();
    format!(
        "{}: {read} in {:.2} s of CPU time, {} frames/s",
        path.display(),
        elapsed.as_secs_f64(),
        grouped(u64::try_from(rate).unwrap_or(u64::MAX)),
    )
}

/// The tables of one capture in `dir` itself, of several in directories named after them.
fn write_csv(dir: &Path, traced: &[Traced]) -> Result<(), Error> {
    for (capture, to) in traced.iter().zip(directories(dir, traced)) {
        output::create_dir(&to)?;
        for (name, text) in trace::csv::files(capture) {
            output::replace_file(&to.join(name), text.as_bytes())?;
        }
    }
    Ok(())
}

fn directories(dir: &Path, traced: &[Traced]) -> Vec<PathBuf> {
    if let [_] = traced {
        return vec![dir.to_owned()];
    }
    let mut used = BTreeSet::new();
    let name = |t: &Traced| {
        let stem = Path::new(&t.name).file_stem().unwrap_or_default();
        let stem = stem.to_string_lossy().into_owned();
        let numbered = (2..).map(|n| format!("{stem}-{n}"));
        let mut names = std::iter::once(stem.clone()).chain(numbered);
        let free = names.find(|name| used.insert(name.clone()));
        dir.join(free.unwrap_or(stem))
    };
    traced.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_that_are_certain_fail() {
        let mut report = trace::testing::traced().report;
        assert!(shows_errors(&report));
        for finding in &mut report.findings {
            if finding.severity == Severity::Error {
                finding.inconclusive = Some("one direction only".to_owned());
            }
        }
        assert!(!shows_errors(&report));
    }

    #[test]
    fn captures_of_one_name_get_directories_of_their_own() {
        let traced = ["a/x.pcap", "b/x.pcap", "y.pcap.gz"].map(|name| Traced {
            name: name.to_owned(),
            report: TraceReport::default(),
            replayed: None,
        });
        let dirs = directories(Path::new("out"), &traced);
        let expected = ["out/x", "out/x-2", "out/y.pcap"].map(PathBuf::from);
        assert_eq!(dirs, expected);
        assert_eq!(
            directories(Path::new("out"), &traced[..1]),
            [Path::new("out")]
        );
    }
}
