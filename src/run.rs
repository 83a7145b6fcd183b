//! `xoff run`: load, simulate, report, judge.

mod family;

use crate::args::{Format, RunArgs};
use crate::output::{self, Error};
use crate::pcap::{self, Capture};
use crate::progress::{Bar, CpuTimer};
use crate::report::{self, CaseRun, ScenarioRun};
use rayon::prelude::*;
use std::cell::RefCell;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;
use xoff_conformance::{judge_agreements, judge_expectations};
use xoff_sim::metrics::select::MetricRef;
use xoff_sim::metrics::value::grouped;
use xoff_sim::plan::{Case, Diagnostic, Plan, column};
use xoff_sim::results::Results;
use xoff_sim::scenario::{self, Overrides};

/// Runs what the arguments name. False: an expectation failed.
pub(crate) fn run(args: &RunArgs) -> Result<bool, Error> {
    let loaded = match &args.hpcc {
        Some(config) => vec![family::load(config, args)?],
        None => load_all(args)?,
    };
    let chosen = choose(&loaded, &args.cases)?;
    let capture = Capture::wanted(args, &chosen)?;
    let places = family::Places::of(&loaded, &chosen, args)?;
    let (results, cpu) = simulate(&chosen, args, capture.as_ref(), &places)?;
    places.write(&chosen, &results)?;
    let runs = assemble(&loaded, &chosen, results);
    if let Some(dir) = &args.csv {
        write_csv(dir, &runs)?;
    }
    let report = |out: &mut dyn std::io::Write| match args.format {
        Format::Human => report::human::write(out, &runs),
        Format::Json => report::json::write(out, &runs),
        Format::Junit => report::junit::write(out, &runs),
    };
    if capture.is_some_and(|capture| capture.takes_stdout()) {
        output::print_aside(report)?;
    } else {
        output::print(report)?;
    }
    if !args.quiet {
        output::tell(&speed(&runs, cpu));
    }
    Ok(!runs.iter().any(|run| run.report().failed()))
}

/// A plan, the command that repeats it, and the directory that its files are relative to.
struct Loaded {
    plan: Plan,
    command: String,
    dir: PathBuf,
}

/// A file's text, for messages with its name.
fn read_text(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8 text", path.display()))
}

/// Reads files relative to a directory and remembers their texts for messages.
struct Reader {
    dir: PathBuf,
    texts: RefCell<Vec<(String, String)>>,
}

impl Reader {
    fn beside(file: &Path) -> Reader {
        let dir = file.parent().unwrap_or(Path::new("")).to_owned();
        Reader {
            dir,
            texts: RefCell::new(Vec::new()),
        }
    }

    fn read(&self, name: &str) -> Result<String, String> {
        let text = read_text(&self.dir.join(name))?;
        self.texts
            .borrow_mut()
            .push((name.to_owned(), text.clone()));
        Ok(text)
    }

    fn failed(self, diagnostics: Vec<Diagnostic>) -> Error {
        Error::Input(diagnostics, self.texts.into_inner())
    }
}

fn load_all(args: &RunArgs) -> Result<Vec<Loaded>, Error> {
    let overrides = Overrides {
        sets: args.sets.clone(),
        seed: args.seed,
        until: args.until,
    };
    let mut loaded = Vec::new();
    for path in &args.scenarios {
        let plan = load_file(path, &overrides)?;
        let name = path.to_string_lossy();
        let command = args.command(&name);
        let dir = path.parent().unwrap_or(Path::new("")).to_owned();
        loaded.push(Loaded { plan, command, dir });
    }
    Ok(loaded)
}

/// Reads a scenario; `-` is standard input.
pub(crate) fn load_file(path: &Path, overrides: &Overrides) -> Result<Plan, Error> {
    let name = path.to_string_lossy();
    let text = if name == "-" {
        let mut text = String::new();
        let read = std::io::stdin().lock().read_to_string(&mut text);
        read.map_err(|e| Error::Message(format!("cannot read standard input: {e}")))?;
        text
    } else {
        read_text(path).map_err(Error::Message)?
    };
    let reader = Reader::beside(path);
    reader
        .texts
        .borrow_mut()
        .push((name.to_string(), text.clone()));
    match scenario::load(&name, &text, overrides, &|file| reader.read(file)) {
        Ok(plan) => {
            let unknown = unknown_metrics(&plan, &name, &text);
            match unknown.is_empty() {
                true => Ok(plan),
                false => Err(reader.failed(unknown)),
            }
        }
        Err(diagnostics) => Err(reader.failed(diagnostics)),
    }
}

/// Metrics of the report that do not exist.
fn unknown_metrics(plan: &Plan, file: &str, text: &str) -> Vec<Diagnostic> {
    let metrics = plan.report.metrics.iter().map(|text| column(text).0);
    let wrong = metrics.filter_map(|name| Some((name, MetricRef::parse(name).err()?)));
    wrong
        .map(|(name, error)| {
            let at = text.find(name);
            Diagnostic {
                file: file.to_owned(),
                span: at.map_or(0..0, |at| at..at + name.len()),
                message: error.message,
                label: String::new(),
                help: error.hint,
            }
        })
        .collect()
}

/// (plan, case) of everything to run.
fn choose<'a>(loaded: &'a [Loaded], filters: &[String]) -> Result<Vec<(usize, &'a Case)>, Error> {
    let all = loaded.iter().enumerate();
    let all: Vec<(usize, &Case)> = all
        .flat_map(|(n, l)| l.plan.cases.iter().map(move |case| (n, case)))
        .collect();
    let chosen: Vec<(usize, &Case)> = all
        .iter()
        .filter(|(_, case)| filters.is_empty() || filters.iter().any(|f| matches(case, f)))
        .copied()
        .collect();
    if chosen.is_empty() {
        return Err(Error::Message(no_case(&all)));
    }
    Ok(chosen)
}

fn matches(case: &Case, filter: &str) -> bool {
    filter.split(',').all(|term| match term.split_once('=') {
        Some((axis, label)) => case
            .labels
            .iter()
            .any(|(a, l)| a == axis.trim() && l == label.trim()),
        None => case.labels.iter().any(|(_, l)| l == term.trim()),
    })
}

fn no_case(all: &[(usize, &Case)]) -> String {
    let mut known: Vec<String> = Vec::new();
    for (axis, label) in all.iter().flat_map(|(_, case)| &case.labels) {
        let text = format!("{axis}={label}");
        if !known.contains(&text) {
            known.push(text);
        }
    }
    match known.as_slice() {
        [] => "no case matches --case: the scenario has no axis".to_owned(),
        known => format!("no case matches --case; labels are {}", known.join(", ")),
    }
}

/// Results in the order of `cases` whatever the number of threads, and the CPU time they took.
fn simulate(
    cases: &[(usize, &Case)],
    args: &RunArgs,
    capture: Option<&Capture<'_>>,
    places: &family::Places<'_>,
) -> Result<(Vec<Results>, Duration), Error> {
    if let (Some(capture), [(_, case)]) = (capture, cases) {
        let timer = CpuTimer::start();
        let results = record(capture, case, args, false)?;
        let elapsed = timer.elapsed();
        if places.traces(0) {
            places.run(0, case, &mut |_| ())?;
        }
        return Ok((vec![results], elapsed));
    }
    let bar = Bar::new(cases.len(), args.quiet);
    let one = |(n, (_, case)): (usize, &(usize, &Case))| {
        let timer = CpuTimer::start();
        let mut part = bar.case();
        let results = places.run(n, case, &mut |progress| part.update(&progress))?;
        part.done();
        Ok((results, timer.elapsed()))
    };
    let done: Result<Vec<(Results, Duration)>, Error> = if cases.len() == 1 {
        cases.iter().enumerate().map(one).collect()
    } else {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(args.jobs.map_or(0, usize::from))
            .build()
            .map_err(|e| Error::Message(format!("cannot start threads: {e}")))?;
        let cases = || cases.par_iter().enumerate().with_max_len(1);
        pool.install(|| cases().map(one).collect())
    };
    bar.finish();
    let done = done?;
    let cpu = done.iter().map(|(_, cpu)| *cpu).sum();
    let results: Vec<Results> = done.into_iter().map(|(results, _)| results).collect();
    if let Some(capture) = capture {
        let (_, case) = cases[pcap::most_telling(&results)];
        record(capture, case, args, true)?;
    }
    Ok((results, cpu))
}

/// Simulates a case, once more if it is one of several, and captures its traffic.
fn record(
    capture: &Capture<'_>,
    case: &Case,
    args: &RunArgs,
    several: bool,
) -> Result<Results, Error> {
    let bar = Bar::new(1, args.quiet);
    let mut part = bar.case();
    let recorded = capture.record(case, &mut |progress| part.update(&progress));
    part.done();
    bar.finish();
    let (results, recorded) = recorded?;
    if !args.quiet {
        capture.tell(&recorded, case, several);
    }
    Ok(results)
}

fn assemble<'a>(
    loaded: &'a [Loaded],
    chosen: &[(usize, &'a Case)],
    results: Vec<Results>,
) -> Vec<ScenarioRun<'a>> {
    let mut runs: Vec<ScenarioRun<'a>> = loaded
        .iter()
        .map(|l| ScenarioRun {
            plan: &l.plan,
            command: l.command.clone(),
            cases: Vec::new(),
            agreements: Vec::new(),
        })
        .collect();
    for (&(plan, case), results) in chosen.iter().zip(results) {
        let mut run = CaseRun {
            case,
            results,
            checks: Vec::new(),
        };
        run.checks = judge_expectations(case, &run.summary());
        runs[plan].cases.push(run);
    }
    for run in &mut runs {
        let cases: Vec<_> = run.cases.iter().map(|c| (c.case, c.summary())).collect();
        run.agreements = judge_agreements(run.plan, &cases);
    }
    runs.retain(|run| !run.cases.is_empty());
    runs
}

fn create_dir(dir: &Path) -> Result<(), Error> {
    let fail = |e| Error::Message(format!("cannot create {}: {e}", dir.display()));
    if dir.as_os_str().is_empty() {
        Ok(())
    } else {
        std::fs::create_dir_all(dir).map_err(fail)
    }
}

/// One case goes into the directory itself, several into directories named after them.
fn write_csv(dir: &Path, runs: &[ScenarioRun<'_>]) -> Result<(), Error> {
    let several = runs.iter().map(|run| run.cases.len()).sum::<usize>() > 1;
    for (n, run) in runs.iter().enumerate() {
        // Scenarios of the same name in different directories stay apart.
        let repeats = runs[..n]
            .iter()
            .filter(|r| r.plan.name == run.plan.name)
            .count();
        let suffix = if repeats == 0 {
            String::new()
        } else {
            format!("-{}", repeats + 1)
        };
        for case in &run.cases {
            let dir = if several {
                let label = case.label().replace(", ", ",");
                dir.join(subdirectory(&format!("{}{suffix}", run.plan.name), &label))
            } else {
                dir.to_owned()
            };
            create_dir(&dir)?;
            for (name, text) in report::csv::files(run.plan, case) {
                output::replace_file(&dir.join(name), text.as_bytes())?;
            }
        }
    }
    Ok(())
}

/// Where the files of one of several cases go.
fn subdirectory(plan: &str, case: &str) -> PathBuf {
    Path::new(&safe(plan)).join(safe(case))
}

/// A label as part of a path: it must not leave the directory.
fn safe(label: &str) -> String {
    let keep = |c: char| {
        if c.is_alphanumeric() || "._-=,+%".contains(c) {
            c
        } else {
            '_'
        }
    };
    let text: String = label.chars().map(keep).collect();
    if text.starts_with('.') {
        format!("_{text}")
    } else {
        text
    }
}

/// How fast it went: the only figure that depends on the machine, and not part of the report.
fn speed(runs: &[ScenarioRun<'_>], cpu: Duration) -> String {
    let all = || runs.iter().flat_map(|run| &run.cases);
    let events: u64 = all().map(|c| c.results.events).sum();
    let hops: u64 = all().map(|c| c.results.packet_hops).sum();
    let seconds = cpu.as_secs_f64();
    let work = format!("{} events, {} packet-hops", grouped(events), grouped(hops));
    // Shorter runs tell nothing about speed.
    if seconds < 0.01 {
        return format!("{work} in less than 10 ms of CPU time");
    }
    let rate = hops as f64 / seconds / 1e6;
    format!("{work} in {seconds:.2} CPU s ({rate:.2} M packet-hops per CPU s)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{plan, scenario_run};

    fn loaded() -> Vec<Loaded> {
        vec![Loaded {
            plan: plan().0,
            command: String::new(),
            dir: PathBuf::new(),
        }]
    }

    #[test]
    fn cases_are_chosen_by_label() {
        let loaded = loaded();
        let chosen = |filters: &[&str]| {
            let filters: Vec<String> = filters.iter().map(|f| (*f).to_owned()).collect();
            choose(&loaded, &filters).map(|cases| cases.len())
        };
        assert_eq!(chosen(&[]).unwrap(), 2);
        assert_eq!(chosen(&["on"]).unwrap(), 1);
        assert_eq!(chosen(&["pfc=on", "pfc=off"]).unwrap(), 2);
        assert!(chosen(&["pfc=on,off"]).is_err());
        let Err(Error::Message(text)) = chosen(&["n=1"]) else {
            panic!("matched")
        };
        assert_eq!(text, "no case matches --case; labels are pfc=on, pfc=off");
    }

    #[test]
    fn paths_stay_inside_the_directory() {
        assert_eq!(safe("pfc=on,n=4"), "pfc=on,n=4");
        assert_eq!(safe("../../etc"), "_.._.._etc");
        assert_eq!(safe(".."), "_..");
    }

    #[test]
    fn csv_of_several_cases_goes_to_directories_of_their_own() {
        let dir = std::env::temp_dir().join(format!("xoff-csv-{}", std::process::id()));
        let (plan, results) = plan();
        write_csv(&dir, &[scenario_run(&plan, &results, 2)]).unwrap();
        for label in ["pfc=on", "pfc=off"] {
            assert!(
                dir.join("incast").join(label).join("flows.csv").is_file(),
                "{label}"
            );
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn results_are_judged_in_the_order_of_the_plan() {
        let loaded = loaded();
        let chosen = choose(&loaded, &[]).unwrap();
        let runs = assemble(&loaded, &chosen, plan().1);
        let verdicts: Vec<&str> = runs[0]
            .report()
            .results
            .iter()
            .map(|r| r.verdict.name())
            .collect();
        assert_eq!(verdicts, ["fail", "pass", "fail", "fail"]);
    }
}
