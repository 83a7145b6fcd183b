//! `xoff conform`: the checks of the catalogue, made on a stack.

use crate::args::{ConformArgs, ConformArm, ConformFormat};
use crate::input;
use crate::lab;
use crate::output::{self, Error};
use crate::report::conform::{self as report, Conformed, Kept};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use xoff_checks::catalogue;
use xoff_lab::agent::Choice;
use xoff_model::Model;
use xoff_scenario::metrics::select::glob;
use xoff_suite::arm::device::DeviceStage;
use xoff_suite::arm::lab::LabStage;
use xoff_suite::arm::sim::SimStage;
use xoff_suite::arm::trace;
use xoff_suite::arm::{Lie, Stage, StageError};
use xoff_suite::compare::{self, Comparison};
use xoff_suite::evidence::Evidence;
use xoff_suite::judges::{self, Case, Means};
use xoff_suite::profile::{PROFILES, Profile};
use xoff_suite::run::{self, Outcome, Plan};
use xoff_suite::script::Script;
use xoff_suite::{Arm, Judged, mutants, snapshot};
use xoff_trace::capture::read::Reader;
use xoff_trace::capture::write::{Output, Writer};
use xoff_trace::capture::{Direction, Interface};

/// For each experiment or script on real devices.
const DEVICE_TIMEOUT: Duration = Duration::from_secs(60);

impl From<StageError> for Error {
    fn from(error: StageError) -> Error {
        Error::Message(error.to_string())
    }
}

/// Shows who makes which check.
pub(crate) fn matrix() -> Result<bool, Error> {
    let text = report::matrix::text(&xoff_suite::matrix::rows());
    output::print(|out| out.write_all(text.as_bytes()))?;
    Ok(true)
}

pub(crate) fn run(args: &ConformArgs) -> Result<bool, Error> {
    let arm = arm(args.arm);
    let profile = profile(args, arm)?;
    let cases = chosen(&args.checks)?;
    let written = || {
        let snapshot = args.snapshot.iter().filter(|_| args.update);
        snapshot.map(PathBuf::as_path)
    };
    output::check_places(written())?;
    refuse(args, arm, profile, &cases)?;
    let begun = Instant::now();
    let mut tell = progress(args.quiet);
    let as_json = args.format == ConformFormat::Json;
    let (mut sets, mut lost) = (Vec::new(), None);
    let lab = match arm {
        Arm::Lab => Some(lab::Prepared::new(args.kernel.as_deref())?),
        _ => None,
    };
    for (name, mut stage) in stages(args, profile, lab.as_ref())? {
        if args.compare {
            let mut of_both = cases.clone();
            of_both.retain(|case| case.foreign(profile.iwarp).is_none());
            let compared = compare_with_model(stage.as_mut(), &of_both, &mut tell)?;
            output::print(|out| report::compared(out, arm, &compared, as_json))?;
            continue;
        }
        let plan = Plan {
            profile,
            cases: &cases,
            events: &args.events,
            printer: report::selfcheck,
        };
        if args.mutants {
            let outcomes = mutants::run(stage.as_mut(), &plan, &mut tell)?;
            let caught = !outcomes.iter().any(|o| o.verdict.is_failure());
            output::print(|out| report::mutants(out, arm, profile, &outcomes, as_json))?;
            return Ok(caught);
        }
        let outcomes = run::run(stage.as_mut(), &plan, &mut tell)?;
        let kept = keep(stage.as_mut(), &plan, &outcomes, args, &mut lost);
        sets.push(Conformed {
            name,
            arm,
            profile,
            command: command(args),
            outcomes,
            kept,
        });
    }
    if args.compare {
        return Ok(true);
    }
    if !args.quiet {
        tell_time(&sets, begun);
    }
    output::print_beside(written(), |out| match args.format {
        ConformFormat::Human => report::human(out, &sets),
        ConformFormat::Json => report::json(out, &sets),
        ConformFormat::Junit => report::junit(out, &sets),
        ConformFormat::Tap => report::tap(out, &sets),
        ConformFormat::Sarif => report::sarif(out, &sets),
    })?;
    let fine = !sets.iter().any(|set| set.report().failed());
    let expected = compare(args, &sets)?;
    // What was found is told by now.
    match lost {
        Some(error) => Err(error),
        None => Ok(expected && fine),
    }
}

/// Refuses what cannot be or would do nothing, before anything runs.
fn refuse(
    args: &ConformArgs,
    arm: Arm,
    profile: &'static Profile,
    cases: &[&'static Case],
) -> Result<(), Error> {
    input::refuse_twice(args.captures.iter().map(PathBuf::as_path))?;
    output::refuse_stdout_as_directory(&args.keep)?;
    refuse_idle_options(args, arm, profile)?;
    refuse_unknown_rules(args, arm, profile, cases)
}

fn tell_time(sets: &[Conformed], begun: Instant) {
    let checks: usize = sets.iter().map(|set| set.outcomes.len()).sum();
    let seconds = begun.elapsed().as_secs_f64();
    output::tell(&format!("{checks} checks in {seconds:.1} s"));
}

fn arm(arm: ConformArm) -> Arm {
    match arm {
        ConformArm::Sim => Arm::Sim,
        ConformArm::Trace => Arm::Trace,
        ConformArm::Lab => Arm::Lab,
        ConformArm::Device => Arm::Device,
    }
}

fn profile(args: &ConformArgs, arm: Arm) -> Result<&'static Profile, Error> {
    let refuse = |text: String| Err(Error::Message(text));
    let Some(name) = &args.profile else {
        return Ok(Profile::of(arm));
    };
    let of_arm = || {
        let fitting = PROFILES.iter().filter(|p| p.arms.contains(&arm));
        fitting.map(|p| p.name).collect::<Vec<_>>().join(", ")
    };
    match Profile::find(name) {
        Some(profile) if profile.arms.contains(&arm) => Ok(profile),
        Some(_) => refuse(format!(
            "--profile {name} is not for --arm {arm}, which has {}",
            of_arm()
        )),
        None => refuse(format!(
            "no profile is called `{name}`; --arm {arm} has {}",
            of_arm()
        )),
    }
}

/// The cases that patterns choose, in the order of the catalogue.
fn chosen(patterns: &[String]) -> Result<Vec<&'static Case>, Error> {
    for pattern in patterns {
        if !judges::cases().any(|case| fits(pattern, case.check.id)) {
            let hint = match (catalogue::find(pattern), catalogue::similar(pattern)) {
                (Some(check), _) => format!("{} is in the catalogue, but not made here", check.id),
                (None, Some(check)) => format!("did you mean `{}`?", check.id),
                (None, None) => "`xoff explain` lists them all".to_owned(),
            };
            let text = format!("--check {pattern}: no check is called so; {hint}");
            return Err(Error::Message(text));
        }
    }
    let wanted =
        |case: &&Case| patterns.is_empty() || patterns.iter().any(|p| fits(p, case.check.id));
    Ok(judges::cases().filter(wanted).collect())
}

/// A pattern in which `*` stands for anything, whatever the case.
fn fits(pattern: &str, id: &str) -> bool {
    glob(&pattern.to_ascii_uppercase(), &id.to_ascii_uppercase())
}

fn refuse_idle_options(args: &ConformArgs, arm: Arm, profile: &Profile) -> Result<(), Error> {
    let refuse = |text: &str| Err(Error::Message(text.to_owned()));
    match arm {
        Arm::Trace if args.captures.is_empty() => refuse("--arm trace needs captures to judge"),
        Arm::Trace if args.mutants => refuse("--mutants needs a stack that runs, not captures"),
        _ if arm != Arm::Trace && !args.captures.is_empty() => {
            refuse("captures are judged with --arm trace only")
        }
        Arm::Trace if !args.events.is_empty() => {
            refuse("--events needs a stack that runs: the rules of a capture have acted")
        }
        _ if arm != Arm::Device && !args.agents.is_empty() => refuse("--agent is for --arm device"),
        _ if arm != Arm::Device && !(args.devices.is_empty() && args.gids.is_empty()) => {
            refuse("--device and --gid are for --arm device")
        }
        _ if arm != Arm::Lab && args.kernel.is_some() => refuse("--kernel is for --arm lab"),
        Arm::Sim | Arm::Trace if args.compare => refuse("--compare needs a real stack: --arm lab"),
        _ if args.compare && profile.iwarp => {
            refuse("--compare needs a stack with RoCE: the simulator has no iWARP")
        }
        _ if (args.mutants || args.compare)
            && !matches!(args.format, ConformFormat::Human | ConformFormat::Json) =>
        {
            refuse("mutants and comparisons are shown with --format human or json only")
        }
        _ => Ok(()),
    }
}

/// A name that is wrong would leave out all rules, and with them what a check is about.
fn refuse_unknown_rules(
    args: &ConformArgs,
    arm: Arm,
    profile: &Profile,
    cases: &[&'static Case],
) -> Result<(), Error> {
    if args.events.is_empty() {
        return Ok(());
    }
    let mut known = BTreeSet::new();
    for name in run::experiments(arm, profile, cases) {
        let model = xoff_suite::experiment::model(name, "").map_err(Error::Message)?;
        known.extend(model.rules.into_iter().map(|rule| rule.name));
    }
    let unknown = args.events.iter().find(|(name, _)| !known.contains(name));
    unknown.map_or(Ok(()), |(name, _)| {
        let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        let text = match &known[..] {
            [] => "these checks have no rules".to_owned(),
            names => format!("the rules of these checks are {}", names.join(", ")),
        };
        let text = format!("--events {name}: no rule is called so; {text}");
        Err(Error::Message(text))
    })
}

/// What is under test, with a name if there are several.
type Stages<'a> = Vec<(String, Box<dyn Stage + 'a>)>;

fn stages<'a>(
    args: &ConformArgs,
    profile: &Profile,
    lab: Option<&'a lab::Prepared>,
) -> Result<Stages<'a>, Error> {
    if let Some(lab) = lab {
        let driver = if profile.iwarp { "siw" } else { "rxe" };
        let stage = LabStage {
            options: lab.options(driver),
        };
        return Ok(vec![(String::new(), Box::new(stage))]);
    }
    if args.arm == ConformArm::Device {
        let commands = <[String; 2]>::try_from(args.agents.clone()).map_err(|_| {
            let text = "--arm device needs --agent twice: what reaches the agents of two hosts";
            Error::Message(text.to_owned())
        })?;
        let stage = DeviceStage {
            commands,
            choices: choices(args)?,
            timeout: DEVICE_TIMEOUT,
        };
        return Ok(vec![(String::new(), Box::new(stage))]);
    }
    Ok(match args.arm {
        ConformArm::Trace => {
            let one = |path: &PathBuf| {
                let name = path.to_string_lossy().into_owned();
                Ok((name, Box::new(Captured::read(path)?) as Box<dyn Stage>))
            };
            args.captures
                .iter()
                .map(one)
                .collect::<Result<_, Error>>()?
        }
        _ => vec![(String::new(), Box::new(SimStage))],
    })
}

/// Device and GID of each host.
fn choices(args: &ConformArgs) -> Result<[Choice; 2], Error> {
    let devices = for_both("--device", &args.devices)?;
    let gids = for_both("--gid", &args.gids)?;
    let mut choices: [Choice; 2] = Default::default();
    for (choice, (device, gid_index)) in choices.iter_mut().zip(devices.into_iter().zip(gids)) {
        *choice = Choice { device, gid_index };
    }
    Ok(choices)
}

/// Given once it is for both hosts.
fn for_both<T: Clone>(option: &str, given: &[T]) -> Result<[Option<T>; 2], Error> {
    match given {
        [] => Ok([None, None]),
        [both] => Ok([Some(both.clone()), Some(both.clone())]),
        [near, far] => Ok([Some(near.clone()), Some(far.clone())]),
        _ => Err(Error::Message(format!(
            "{option} is given once, or once for each of two hosts"
        ))),
    }
}

/// The experiments of cases, here and on the simulator.
fn compare_with_model(
    stage: &mut dyn Stage,
    cases: &[&'static Case],
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<(&'static str, Comparison)>, Error> {
    let mut names: Vec<&'static str> = Vec::new();
    for case in cases {
        if let Means::Judge { experiments, .. } = case.means {
            names.extend(experiments);
        }
    }
    let mut known = BTreeSet::new();
    names.retain(|name| known.insert(*name));
    let mut compared = Vec::new();
    for name in names {
        tell(name);
        let model = xoff_suite::experiment::model(name, "").map_err(Error::Message)?;
        match (SimStage.observe(&model), stage.observe(&model)) {
            (Ok(model), Ok(real)) => compared.push((name, compare::side_by_side(&model, &real))),
            (Err(StageError::Unable(why) | StageError::Refused(why)), _)
            | (_, Err(StageError::Unable(why) | StageError::Refused(why))) => {
                tell(&format!("{name}: {why}"));
            }
            (Err(broken), _) | (_, Err(broken)) => return Err(broken.into()),
        }
    }
    Ok(compared)
}

/// A capture under test.
struct Captured(Evidence);

impl Captured {
    fn read(path: &Path) -> Result<Captured, Error> {
        let name = path.display().to_string();
        let opened = input::Capture::open(path);
        let capture = opened.map_err(|e| Error::Message(format!("{name}: {e}")))?;
        let reader = Reader::new(capture.source, &name);
        let evidence = reader.and_then(trace::read);
        let evidence = evidence.map_err(|e| Error::Message(e.to_string()))?;
        if let Some(why) = &evidence.missing.end {
            output::tell(&format!("{name}: {why}; what was read before is judged"));
        }
        Ok(Captured(evidence))
    }
}

impl Stage for Captured {
    fn arm(&self) -> Arm {
        Arm::Trace
    }

    fn observe(&mut self, _: &Model) -> Result<Evidence, StageError> {
        Ok(self.0.clone())
    }

    fn fixed(&mut self) -> Option<Evidence> {
        Some(std::mem::take(&mut self.0))
    }

    fn script(&mut self, _: &Script, _: Option<Lie>) -> Result<Judged, StageError> {
        let why = "a capture cannot be told what to do";
        Err(StageError::Unable(why.to_owned()))
    }
}

fn progress(quiet: bool) -> impl FnMut(&str) {
    move |what: &str| {
        if !quiet {
            output::tell(what);
        }
    }
}

/// The command that repeats a run, without the checks.
fn command(args: &ConformArgs) -> String {
    let arm = arm(args.arm);
    let mut words = vec!["xoff conform".to_owned(), format!("--arm {arm}")];
    words.extend(args.profile.iter().map(|name| format!("--profile {name}")));
    let agents = args.agents.iter();
    words.extend(agents.map(|agent| format!("--agent {}", crate::shell::quoted(agent))));
    let devices = args.devices.iter();
    words.extend(devices.map(|name| format!("--device {}", crate::shell::quoted(name))));
    words.extend(args.gids.iter().map(|index| format!("--gid {index}")));
    let kernel = args.kernel.iter();
    words
        .extend(kernel.map(|k| format!("--kernel {}", crate::shell::quoted(&k.to_string_lossy()))));
    let captures = args.captures.iter();
    words.extend(captures.map(|path| crate::shell::quoted(&path.to_string_lossy())));
    words.join(" ")
}

/// Writes the captures of failed checks, and looks for the least that fails. Verdicts are there
/// already: a capture that cannot be written is `lost`, and a stack that breaks in the search is
/// only noted.
fn keep(
    stage: &mut dyn Stage,
    plan: &Plan<'_>,
    outcomes: &[Outcome],
    args: &ConformArgs,
    lost: &mut Option<Error>,
) -> Vec<Kept> {
    let mut kept = Vec::new();
    let mut captures: BTreeMap<&str, Option<String>> = BTreeMap::new();
    for outcome in outcomes.iter().filter(|o| o.verdict.is_failure()) {
        let Some((experiment, evidence)) = &outcome.failed_in else {
            continue;
        };
        let id = outcome.check.id;
        let mut write = || {
            let path = args.keep.join(format!("{experiment}.pcapng"));
            let written = write_capture(&path, evidence);
            let name = written.is_ok().then(|| path.display().to_string());
            *lost = lost.take().or(written.err());
            name
        };
        let capture = match args.arm {
            ConformArm::Trace => None,
            _ => captures
                .entry(experiment)
                .or_insert_with(&mut write)
                .clone(),
        };
        let minimal = run::minimal(stage, plan, outcome).unwrap_or_else(|broken| {
            output::tell(&format!(
                "{id}: the least that fails is not known: {broken}"
            ));
            None
        });
        kept.push(Kept {
            id,
            capture,
            minimal,
        });
    }
    kept
}

fn write_capture(path: &Path, evidence: &Evidence) -> Result<(), Error> {
    let failed =
        |e: std::io::Error| Error::Message(format!("cannot write {}: {e}", path.display()));
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(failed)?;
    }
    let hosts = evidence.frames.iter().map(|f| f.host).max().unwrap_or(0) + 1;
    let interface = |host: usize| Interface {
        name: Some(format!("h{host}")),
        ..Interface::default()
    };
    let interfaces: Vec<Interface> = (0..hosts).map(interface).collect();
    let out = Output::create(path).map_err(failed)?;
    let mut writer = Writer::new(out, &interfaces).map_err(failed)?;
    for frame in &evidence.frames {
        let direction = if frame.out {
            Direction::Out
        } else {
            Direction::In
        };
        let host = u32::try_from(frame.host).unwrap_or_default();
        writer
            .frame(frame.at_ns, host, direction, &frame.bytes)
            .map_err(failed)?;
    }
    let times = evidence.frames.iter().map(|f| f.at_ns);
    let (first, last) = (times.clone().min(), times.max());
    let done = writer.finish(first.unwrap_or(0), last.unwrap_or(0));
    done.and_then(Output::commit).map_err(failed)
}

/// Writes the snapshot, or says on standard error where it differs.
fn compare(args: &ConformArgs, sets: &[Conformed]) -> Result<bool, Error> {
    let Some(path) = &args.snapshot else {
        return Ok(true);
    };
    let [set] = sets else {
        let text = "--snapshot is of one stack; several captures were given";
        return Err(Error::Message(text.to_owned()));
    };
    let title = format!(
        "xoff conform --arm {} --profile {}",
        set.arm, set.profile.name
    );
    let table = snapshot::table(&title, &set.outcomes);
    if args.update {
        output::replace_file(path, table.as_bytes())?;
        return Ok(true);
    }
    let expected = input::text(path, input::TEXT_MAX).map_err(|e| {
        let hint = "--update writes it";
        Error::Message(format!("cannot read {}: {e}; {hint}", path.display()))
    })?;
    let lines = snapshot::difference(&expected, &table, !args.checks.is_empty());
    if !lines.is_empty() {
        let lines = lines.join("\n");
        output::tell(&format!(
            "{} is not what was found (--update replaces it):\n{lines}",
            path.display()
        ));
    }
    Ok(lines.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Verb};
    use clap::Parser;
    use std::rc::Rc;
    use xoff_checks::Verdict;

    fn args(words: &[&str]) -> ConformArgs {
        let words = ["xoff", "conform"].iter().chain(words);
        match Cli::parse_from(words).verb {
            Verb::Conform(args) => args,
            other => panic!("{other:?}"),
        }
    }

    /// Guests that are gone when they are asked again.
    struct Gone;

    impl Stage for Gone {
        fn arm(&self) -> Arm {
            Arm::Lab
        }

        fn observe(&mut self, _: &Model) -> Result<Evidence, StageError> {
            Err(StageError::Broken("guest h0 ended".to_owned()))
        }

        fn script(&mut self, _: &Script, _: Option<Lie>) -> Result<Judged, StageError> {
            Err(StageError::Broken("guest h0 ended".to_owned()))
        }
    }

    #[test]
    fn verdicts_do_not_hang_on_captures_or_on_what_is_made_small() {
        let args = args(&["--arm", "lab", "--keep", "/dev/null/kept"]);
        let cases = chosen(&["RC-05".to_owned()]).unwrap();
        let plan = Plan {
            profile: Profile::of(Arm::Lab),
            cases: &cases,
            events: &[],
            printer: report::selfcheck,
        };
        let outcome = Outcome {
            check: catalogue::find("RC-05").unwrap(),
            verdict: Verdict::Fail,
            judged: Vec::new(),
            deviation: None,
            failed_in: Some(("loss-middle", Rc::new(Evidence::default()))),
        };
        let mut lost = None;
        let kept = keep(&mut Gone, &plan, &[outcome], &args, &mut lost);
        assert_eq!(kept.len(), 1);
        assert!(kept[0].capture.is_none() && kept[0].minimal.is_none());
        // The run ends with it, after the table.
        assert!(matches!(lost, Some(Error::Message(why)) if why.contains("/dev/null/kept")));
    }

    #[test]
    fn devices_of_both_hosts() {
        let same = choices(&args(&["--device", "mlx5_1", "--gid", "3"])).unwrap();
        assert_eq!(same[0], same[1]);
        assert_eq!(same[0].device.as_deref(), Some("mlx5_1"));
        assert_eq!(same[0].gid_index, Some(3));
        let each = choices(&args(&["--gid", "1", "--gid", "5"])).unwrap();
        assert_eq!(each.map(|choice| choice.gid_index), [Some(1), Some(5)]);
        let repeated = command(&args(&["--arm", "device", "--device", "a", "--gid", "1"]));
        assert_eq!(repeated, "xoff conform --arm device --device a --gid 1");
    }

    #[test]
    fn patterns() {
        for (pattern, id, is) in [
            ("RC-04", "RC-04", true),
            ("rc-04", "RC-04", true),
            ("RC-0*", "RC-04", true),
            ("RC-0*", "RC-14", false),
            ("*-04", "RC-04", true),
            ("R*-*4", "RC-04", true),
            ("*", "X", true),
            ("RC", "RC-04", false),
            ("W*W", "W", false),
        ] {
            assert_eq!(fits(pattern, id), is, "{pattern} {id}");
        }
    }
}
