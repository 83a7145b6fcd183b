//! `xoff run --hpcc`: inputs of the HPCC ns-3 simulator and its family, and the files in its formats
//! that a run writes.

use super::{Loaded, Reader, subdirectory};
use crate::args::RunArgs;
use crate::memory;
use crate::output::{self, Error};
use std::io;
use std::path::{Path, PathBuf};
use xoff_model::results::Results;
use xoff_model::time::SimTime;
use xoff_scenario::Overrides;
use xoff_scenario::hpcc::{self, Files, HpccInput, TraceWriter};
use xoff_scenario::plan::{Case, Plan, ReportSpec};
use xoff_sim::Progress;
use xoff_trace::capture::write::Output;

/// An input of the family as a plan of one case without expectations.
pub(super) fn load(config: &Path, args: &RunArgs) -> Result<Loaded, Error> {
    let reader = Reader::beside(config);
    let name = config
        .file_name()
        .unwrap_or(config.as_os_str())
        .to_string_lossy();
    let mut input = match hpcc::load(&name, &|file| reader.read(file)) {
        Ok(input) => input,
        Err(diagnostics) => return Err(reader.failed(diagnostics)),
    };
    if !args.quiet {
        for note in &input.notes {
            output::tell(&format!("note: {note}"));
        }
    }
    let model = &mut input.model;
    model.seed = args.seed.unwrap_or(model.seed);
    if let Some(until) = args.until {
        model.until = until.time().map(|until| SimTime::ZERO + until);
    }
    let title = format!("{} input {name}", input.dialect.name());
    if let Some(file) = &args.export {
        let text = exported(&input, &title)?;
        output::create_dir(file.parent().unwrap_or(Path::new("")))?;
        output::replace_file(file, text.as_bytes())?;
    }
    let hash = fnv1a(&reader.texts.borrow());
    let plan = match args.sets.is_empty() {
        true => plan(config, input, title, hash, args),
        // A change is one of the scenario that does the same.
        false => {
            let text = exported(&input, &title)?;
            let over = Overrides {
                sets: args.sets.clone(),
                memory: memory::available(),
                ..Overrides::default()
            };
            let nothing = |file: &str| Err(format!("{file} is not part of the input"));
            match xoff_scenario::load(&name, &text, &over, &nothing) {
                Ok(plan) => plan,
                Err(diagnostics) => return Err(reader.failed(diagnostics)),
            }
        }
    };
    let file = config.to_string_lossy().into_owned();
    let command = args.command(&file);
    let dir = config.parent().unwrap_or(Path::new("")).to_owned();
    Ok(Loaded {
        plan,
        command,
        file,
        dir,
    })
}

fn exported(input: &HpccInput, title: &str) -> Result<String, Error> {
    hpcc::scenario_text(&input.model, &input.files, title)
        .map_err(|why| Error::Message(format!("the input cannot be written as a scenario: {why}")))
}

fn plan(config: &Path, input: HpccInput, title: String, hash: String, args: &RunArgs) -> Plan {
    let stem = config.file_stem().unwrap_or(config.as_os_str());
    Plan {
        name: stem.to_string_lossy().into_owned(),
        title,
        cases: vec![Case {
            labels: Vec::new(),
            model: input.model,
            expectations: Vec::new(),
        }],
        labels: Vec::new(),
        unmatched: args.cases.clone(),
        report: ReportSpec::default(),
        agreements: Vec::new(),
        hash,
        files: Some(input.files),
    }
}

/// FNV-1a over names and texts, 16 hex digits.
fn fnv1a(texts: &[(String, String)]) -> String {
    let bytes = texts
        .iter()
        .flat_map(|(name, text)| name.bytes().chain(text.bytes()));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// The files in the simulator's formats that cases write, and where.
pub(super) struct Places<'a> {
    cases: Vec<Option<Place<'a>>>,
}

struct Place<'a> {
    files: &'a Files,
    /// Directory of the input, or what the arguments say instead of it.
    dir: &'a Path,
    /// Files go to `dir` under their bare names.
    bare: bool,
    /// Of one of several cases.
    sub: PathBuf,
}

impl<'a> Places<'a> {
    /// For each of the chosen cases.
    pub(super) fn of(
        loaded: &'a [Loaded],
        chosen: &[(usize, &Case)],
        args: &'a RunArgs,
    ) -> Result<Places<'a>, Error> {
        let several = chosen.len() > 1;
        let place = |(plan, case): &(usize, &Case)| {
            let Loaded { plan, dir, .. } = &loaded[*plan];
            let labels: Vec<String> = case
                .labels
                .iter()
                .map(|(a, l)| format!("{a}={l}"))
                .collect();
            let sub = match several {
                true => subdirectory(&plan.name, &labels.join(",")),
                false => PathBuf::new(),
            };
            Some(Place {
                files: plan.files.as_ref()?,
                dir: args.out.as_deref().unwrap_or(dir),
                bare: args.out.is_some(),
                sub,
            })
        };
        let cases: Vec<Option<Place<'_>>> = chosen.iter().map(place).collect();
        if args.out.is_some() && cases.iter().all(Option::is_none) {
            let text =
                "--out: nothing is written there; a scenario's [simulation.hpcc] names files";
            return Err(Error::Message(text.to_owned()));
        }
        if let Some(dir) = &args.out {
            output::refuse_stdout_as_directory(dir)?;
        }
        cases.iter().flatten().try_for_each(Place::check)?;
        Ok(Places { cases })
    }

    /// Of all files.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        let places = self.cases.iter().flatten();
        places
            .flat_map(|place| place.files.names().map(|name| place.path(name)))
            .collect()
    }

    /// Whether a case has a packet trace.
    pub(super) fn traces(&self, n: usize) -> bool {
        self.trace(n).is_some()
    }

    fn trace(&self, n: usize) -> Option<(&Place<'a>, &'a str, &'a [u32])> {
        let place = self.cases.get(n)?.as_ref()?;
        let (file, nodes) = place.files.trace.as_ref()?;
        Some((place, file, nodes))
    }

    /// Simulates a case, with its packet trace if it has one.
    pub(super) fn run(
        &self,
        n: usize,
        case: &Case,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Results, Error> {
        let Some((place, file, nodes)) = self.trace(n) else {
            return Ok(xoff_sim::run(&case.model, progress));
        };
        let path = place.ready(file)?;
        let fail = |e: io::Error| Error::Message(format!("cannot write {}: {e}", path.display()));
        let out = Output::create(&path).map_err(fail)?;
        let mut writer = TraceWriter::new(&case.model, place.files, out).map_err(fail)?;
        let ports = hpcc::traced_ports(&case.model, nodes);
        let mut failed = None;
        let mut sink = |event: &xoff_sim::tap::TapEvent| {
            if failed.is_none() {
                failed = writer.take(event).err();
            }
        };
        let results = xoff_sim::run_tapped(&case.model, &ports, &mut sink, progress);
        match failed {
            Some(error) => Err(fail(error)),
            None => writer
                .finish()
                .and_then(Output::commit)
                .map_err(fail)
                .map(|()| results),
        }
    }

    /// Writes the files of all cases.
    pub(super) fn write(&self, cases: &[(usize, &Case)], results: &[Results]) -> Result<(), Error> {
        for ((place, (_, case)), results) in self.cases.iter().zip(cases).zip(results) {
            let Some(place) = place else { continue };
            for (name, text) in place.files.texts(&case.model, results) {
                output::replace_file(&place.ready(name)?, text.as_bytes())?;
            }
        }
        Ok(())
    }
}

impl Place<'_> {
    /// No file may be written twice; what is no file may.
    fn check(&self) -> Result<(), Error> {
        let mut names: Vec<PathBuf> = self.files.names().map(|name| self.path(name)).collect();
        names.sort_unstable();
        let is_file = |path: &Path| std::fs::metadata(path).map_or(true, |m| m.is_file());
        let twice = names
            .windows(2)
            .find(|pair| pair[0] == pair[1] && is_file(&pair[0]));
        match twice {
            None => Ok(()),
            Some(pair) => {
                let text = format!(
                    "two files that the run writes are both {}",
                    pair[0].display()
                );
                Err(Error::Message(text))
            }
        }
    }

    /// Where a file goes; its directory is there.
    fn ready(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.path(name);
        output::create_dir(path.parent().unwrap_or(Path::new("")))?;
        Ok(path)
    }

    /// Where a file goes. A dash is a name like any other.
    fn path(&self, name: &str) -> PathBuf {
        let name = Path::new(name);
        let bare = name.file_name().map_or(name, Path::new);
        let relative = if self.bare || self.is_own_directory(name) {
            bare
        } else {
            name
        };
        self.directory().join(&self.sub).join(relative)
    }

    fn directory(&self) -> &Path {
        match self.dir.as_os_str().is_empty() {
            true => Path::new("."),
            false => self.dir,
        }
    }

    /// The simulator's own configurations name files from one directory up (`mix/fct.txt` in
    /// `mix/config.txt`).
    fn is_own_directory(&self, name: &Path) -> bool {
        let parent = name
            .parent()
            .filter(|p| name.is_relative() && !p.as_os_str().is_empty());
        parent.is_some_and(|p| {
            std::fs::canonicalize(self.directory()).is_ok_and(|dir| dir.ends_with(p))
        })
    }
}
