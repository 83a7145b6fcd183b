//! `xoff run`: load, simulate, report, judge.

mod family;

use crate::args::{Format, RunArgs, Until};
use crate::input;
use crate::memory;
use crate::output::{self, Error};
use crate::pcap::{self, Capture};
use crate::progress::{Bar, CpuTimer};
use crate::report::{self, CaseRun, ScenarioRun};
use rayon::prelude::*;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;
use xoff_checks::{judge_agreements, judge_expectations};
use xoff_model::results::Results;
use xoff_scenario::Diagnostic;
use xoff_scenario::Overrides;
use xoff_scenario::metrics::select::MetricRef;
use xoff_scenario::metrics::value::grouped;
use xoff_scenario::plan::{Case, Plan, column};

/// Runs what the arguments name. False: an expectation failed.
pub(crate) fn run(args: &RunArgs) -> Result<bool, Error> {
    let mut loaded = match &args.hpcc {
        Some(config) => vec![family::load(config, args)?],
        None => load_all(args)?,
    };
    refuse_unmatched(&loaded, &args.cases)?;
    loaded.retain(|l| !l.plan.cases.is_empty());
    let chosen = all_cases(&loaded);
    let capture = Capture::wanted(args, &chosen)?;
    let places = family::Places::of(&loaded, &chosen, args)?;
    let outputs = places.paths();
    let taken = || outputs.iter().chain(&args.pcap).map(PathBuf::as_path);
    output::check_places(taken())?;
    let (results, cpu) = simulate(&chosen, args, capture.as_ref(), &places)?;
    places.write(&chosen, &results)?;
    let runs = assemble(&loaded, &chosen, results);
    tell_cut_series(&runs);
    if let Some(dir) = &args.csv {
        write_csv(dir, &runs)?;
    }
    output::print_beside(taken(), |out| match args.format {
        Format::Human => report::human::write(out, &runs),
        Format::Json => report::json::write(out, &runs),
        Format::Junit => report::junit::write(out, &runs),
        Format::Sarif => report::sarif::of_runs(out, &runs),
    })?;
    if !args.quiet {
        output::tell(&speed(&runs, cpu));
    }
    Ok(!runs.iter().any(|run| run.report().failed()))
}

/// A plan, the command that repeats it, its file, and the directory that its files are relative to.
struct Loaded {
    plan: Plan,
    command: String,
    file: String,
    dir: PathBuf,
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
        let text = input::text(&self.dir.join(name), input::TEXT_MAX)?;
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
        until: args.until.map(Until::time),
        cases: args.cases.clone(),
        memory: memory::available(),
    };
    input::refuse_twice(args.scenarios.iter().map(PathBuf::as_path))?;
    let mut loaded = Vec::new();
    for path in &args.scenarios {
        let plan = load_file(path, &overrides)?;
        let name = path.to_string_lossy();
        let command = args.command(&name);
        let dir = path.parent().unwrap_or(Path::new("")).to_owned();
        loaded.push(Loaded {
            plan,
            command,
            file: name.into_owned(),
            dir,
        });
    }
    Ok(loaded)
}

/// Reads a scenario; `-` is standard input.
pub(crate) fn load_file(path: &Path, overrides: &Overrides) -> Result<Plan, Error> {
    let standard = path == Path::new("-");
    let name = match standard {
        true => "standard input".into(),
        false => path.to_string_lossy(),
    };
    let text = match standard {
        true => input::standard_text(input::SCENARIO_MAX)?,
        false => input::text(path, input::SCENARIO_MAX)
            .map_err(|e| Error::Message(format!("cannot read {name}: {e}")))?,
    };
    input::refuse_long(&name, &text)?;
    let reader = Reader::beside(path);
    reader
        .texts
        .borrow_mut()
        .push((name.to_string(), text.clone()));
    match xoff_scenario::load(&name, &text, overrides, &|file| reader.read(file)) {
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
    // Nobody reads more.
    wrong
        .take(20)
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

/// Each `--case` must choose something.
fn refuse_unmatched(loaded: &[Loaded], filters: &[String]) -> Result<(), Error> {
    let nowhere = |filter: &&String| loaded.iter().all(|l| l.plan.unmatched.contains(filter));
    let Some(filter) = filters.iter().find(nowhere) else {
        return Ok(());
    };
    let mut known: Vec<String> = Vec::new();
    for (axis, labels) in loaded.iter().flat_map(|l| &l.plan.labels) {
        known.extend(labels.iter().map(|label| format!("{axis}={label}")));
    }
    known.sort_unstable();
    known.dedup();
    let labels = match known.len() {
        0 => "the scenario has no axis".to_owned(),
        1..=LABELS => format!("labels are {}", known.join(", ")),
        n => format!(
            "labels are {}, and {} more",
            known[..LABELS].join(", "),
            n - LABELS
        ),
    };
    let text = format!("no case matches --case {filter}; {labels}");
    Err(Error::Message(text))
}

/// Labels that a message lists.
const LABELS: usize = 40;

/// (plan, case) of everything to run.
fn all_cases(loaded: &[Loaded]) -> Vec<(usize, &Case)> {
    let all = loaded.iter().enumerate();
    all.flat_map(|(n, l)| l.plan.cases.iter().map(move |case| (n, case)))
        .collect()
}

/// Results in the order of `cases` whatever the number of threads, and the CPU time they took.
fn simulate(
    cases: &[(usize, &Case)],
    args: &RunArgs,
    capture: Option<&Capture<'_>>,
    places: &family::Places<'_>,
) -> Result<(Vec<Results>, Duration), Error> {
    if let (Some(capture), [(_, case)]) = (capture, cases) {
        memory::fitting(cases, 1)?;
        let timer = CpuTimer::start();
        let results = record(capture, case, args, false)?;
        let elapsed = timer.elapsed();
        if places.traces(0) {
            places.run(0, case, &mut |_| ())?;
        }
        return Ok((vec![results], elapsed));
    }
    let wanted = args.jobs.map_or_else(cpus, usize::from).min(cases.len());
    let threads = memory::fitting(cases, wanted)?;
    let bar = Bar::new(cases.len(), args.quiet);
    let one = |(n, (_, case)): (usize, &(usize, &Case))| {
        let timer = CpuTimer::start();
        let mut part = bar.case();
        let results = places.run(n, case, &mut |progress| part.update(&progress))?;
        part.done();
        Ok((results, timer.elapsed()))
    };
    let done: Result<Vec<(Results, Duration)>, Error> = if threads == 1 {
        cases.iter().enumerate().map(one).collect()
    } else {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
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

fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
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
            file: &l.file,
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
            output::create_dir(&dir)?;
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

fn tell_cut_series(runs: &[ScenarioRun<'_>]) {
    for case in runs.iter().flat_map(|run| &run.cases) {
        let Some(at) = case.results.series_cut else {
            continue;
        };
        let label = match case.label() {
            label if label.is_empty() => String::new(),
            label => format!(" of {label}"),
        };
        output::tell(&format!(
            "warning: the time series{label} ends at {at}: more samples would not fit \
             (simulation.sample)"
        ));
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
            file: String::new(),
            dir: PathBuf::new(),
        }]
    }

    #[test]
    fn each_case_that_is_asked_for_must_be_there() {
        let mut loaded = loaded();
        assert!(refuse_unmatched(&loaded, &["on".to_owned()]).is_ok());
        loaded[0].plan.unmatched = vec!["n=1".to_owned()];
        let filters = ["on", "n=1"].map(str::to_owned);
        let Err(Error::Message(text)) = refuse_unmatched(&loaded, &filters) else {
            panic!("matched")
        };
        assert_eq!(
            text,
            "no case matches --case n=1; labels are pfc=off, pfc=on"
        );
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
        let chosen = all_cases(&loaded);
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
