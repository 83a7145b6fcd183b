//! `xoff lab`: real kernels, with xoff as the switch between them.

mod sweep;

use crate::args::{
    LabArgs, LabBuildArgs, LabGuests, LabRunArgs, LabShellArgs, LabVerb, LabWire, LabWireArgs,
    TableFormat,
};
use crate::memory;
use crate::output::{self, Error};
use crate::report::lab as report;
use crate::run::load_file;
use crate::shell::quoted;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use xoff_lab::requirements::{self, Places};
use xoff_lab::wire::{Device, Endpoint};
use xoff_lab::{LabError, become_kernel, bridge, build, cache, init, run as lab, shell, smb};
use xoff_model::Model;
use xoff_model::time::SimDuration;
use xoff_scenario::Overrides;

impl From<LabError> for Error {
    fn from(error: LabError) -> Error {
        Error::Message(error.to_string())
    }
}

pub(crate) fn run(args: &LabArgs) -> Result<bool, Error> {
    match &args.verb {
        LabVerb::Build(args) => build(args).map(|()| true),
        LabVerb::Run(args) => run_guests(args),
        LabVerb::Sweep(args) => sweep::run(args),
        LabVerb::Shell(args) => open_shell(args),
        LabVerb::Wire(args) => connect(args).map(|()| true),
        LabVerb::Agent(_) if std::process::id() != 1 => Err(Error::Message(
            "the agent is the first process of a guest, not a command".to_owned(),
        )),
        LabVerb::Agent(_) => {
            init::main();
            Ok(false)
        }
        LabVerb::Smb => {
            smb::guest::serve(std::io::stdin().lock(), std::io::stdout().lock())?;
            Ok(true)
        }
        LabVerb::Exec(args) => {
            Err(become_kernel(args.parent, &args.kernel, &args.arguments).into())
        }
    }
}

fn build(args: &LabBuildArgs) -> Result<(), Error> {
    let missing = places().missing_to_build(args.source.is_some());
    refuse_missing(&missing)?;
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let options = build::Options {
        cache: &cache_dir()?,
        source: args.source.as_deref(),
        jobs: args.jobs.map_or(cpus, usize::from),
    };
    let kernel = build::build(&options, &mut output::tell)?;
    output::print(|out| writeln!(out, "{}", kernel.display()))
}

fn run_guests(args: &LabRunArgs) -> Result<bool, Error> {
    let model = model(&args.guests.wire)?;
    let commands = commands(&args.command, &args.on, &lab::hosts(&model)?)?;
    let prepared = Prepared::new(args.guests.kernel.as_deref())?;
    let options = options(&prepared, &args.guests, args.timeout);
    let done = lab::run(&model, &commands, &options)?;
    output::print(|out| match args.format {
        TableFormat::Human => report::human(out, &done),
        TableFormat::Json => report::json(out, &done),
    })?;
    Ok(done.succeeded())
}

fn open_shell(args: &LabShellArgs) -> Result<bool, Error> {
    let model = model(&args.guests.wire)?;
    let host = place(&args.host, &lab::hosts(&model)?, "--host")?;
    let prepared = Prepared::new(args.guests.kernel.as_deref())?;
    let options = options(&prepared, &args.guests, args.timeout);
    let mut said = |error: bool, text: &str| {
        let mut out: Box<dyn Write> = match error {
            true => Box::new(io::stderr().lock()),
            false => Box::new(io::stdout().lock()),
        };
        out.write_all(text.as_bytes())?;
        out.flush()
    };
    let (status, done) = shell::run(&model, host, &options, &mut said)?;
    // Standard output is the shell's.
    output::print_aside(|out| report::rules(out, &done.wire))?;
    Ok(status == 0)
}

fn connect(args: &LabWireArgs) -> Result<(), Error> {
    let model = model(&args.wire)?;
    let hosts = lab::hosts(&model)?;
    let mut devices: Vec<Device> = Vec::new();
    for (name, port) in &args.ports {
        let index = place(name, &hosts, "--port")?;
        let endpoint: Endpoint = port
            .parse()
            .map_err(|e| Error::Message(format!("--port {name}: {e}")))?;
        let (node, name) = hosts.get(index).cloned().unwrap_or_default();
        if devices.iter().any(|device| device.node == node) {
            let text = format!("--port {name}: the host has a port already");
            return Err(Error::Message(text));
        }
        devices.push(Device {
            name,
            node,
            endpoint,
        });
    }
    let time = args.time.map(|time| Duration::from_nanos(time.ns()));
    let mut ready = || output::tell("the wire is up");
    let capture = args.wire.pcap.as_deref();
    let report = bridge::run(
        &model,
        &devices,
        args.wire.switch,
        capture,
        time,
        &mut ready,
    )?;
    output::print(|out| match args.format {
        TableFormat::Human => report::wire(out, &report),
        TableFormat::Json => report::json(out, &report),
    })
}

/// Which host is meant, by name or number.
fn place(host: &str, hosts: &[(u32, String)], option: &str) -> Result<usize, Error> {
    let by_name = hosts.iter().position(|(_, name)| name == host);
    let index = by_name.or_else(|| host.parse().ok());
    index.filter(|index| *index < hosts.len()).ok_or_else(|| {
        let names: Vec<&str> = hosts.iter().map(|(_, name)| name.as_str()).collect();
        Error::Message(format!(
            "{option} {host}: no such host; there are {}",
            names.join(", ")
        ))
    })
}

/// The lab, ready to run guests.
pub(crate) struct Prepared {
    kernel: PathBuf,
    program: PathBuf,
    temporary: PathBuf,
    directory: PathBuf,
}

impl Prepared {
    /// Refuses what is missing.
    pub(crate) fn new(kernel: Option<&Path>) -> Result<Prepared, Error> {
        refuse_missing(&places().missing_to_run())?;
        let place = |e: std::io::Error| Error::Message(format!("cannot say where this runs: {e}"));
        Ok(Prepared {
            kernel: lab::kernel(&cache_dir()?, kernel)?,
            program: std::env::current_exe().map_err(place)?,
            temporary: std::env::temp_dir(),
            directory: std::env::current_dir().map_err(place)?,
        })
    }

    /// Guests as checks need them.
    pub(crate) fn options<'a>(&'a self, driver: &'a str) -> lab::Options<'a> {
        lab::Options {
            kernel: &self.kernel,
            program: &self.program,
            temporary: &self.temporary,
            directory: &self.directory,
            driver,
            mtu: 1500,
            memory: 192,
            timeout: Duration::from_secs(60),
            capture: None,
            switch: false,
        }
    }
}

/// Guests as they were asked for.
fn options<'a>(
    prepared: &'a Prepared,
    guests: &'a LabGuests,
    timeout: SimDuration,
) -> lab::Options<'a> {
    lab::Options {
        mtu: guests.mtu,
        memory: guests.memory,
        timeout: Duration::from_nanos(timeout.ns()),
        capture: guests.wire.pcap.as_deref(),
        switch: guests.wire.switch,
        ..prepared.options(guests.device.driver())
    }
}

/// The scenario, which must be one case. Its report has standard output.
fn model(wire: &LabWire) -> Result<Model, Error> {
    if wire.pcap.as_deref() == Some(Path::new("-")) {
        let text = "--pcap of a lab needs a file: standard output has the report";
        return Err(Error::Message(text.to_owned()));
    }
    let overrides = Overrides {
        sets: wire.sets.clone(),
        seed: wire.seed,
        memory: memory::available(),
        ..Overrides::default()
    };
    let plan = load_file(&wire.scenario, &overrides)?;
    let count = plan.cases.len();
    let mut cases = plan.cases.into_iter();
    match (cases.next(), count) {
        (Some(case), 1) => Ok(case.model),
        _ => Err(Error::Message(format!(
            "the scenario has {count} cases; a lab runs one: choose with --set"
        ))),
    }
}

/// What each host runs.
pub(crate) fn commands(
    command: &[String],
    on: &[(String, String)],
    hosts: &[(u32, String)],
) -> Result<Vec<String>, Error> {
    let common = match command {
        [] => "true".to_owned(),
        [one] => one.clone(),
        words => words
            .iter()
            .map(|w| quoted(w))
            .collect::<Vec<_>>()
            .join(" "),
    };
    let mut commands = vec![common; hosts.len()];
    for (host, command) in on {
        let index = place(host, hosts, "--on")?;
        if let Some(place) = commands.get_mut(index) {
            place.clone_from(command);
        }
    }
    for (index, command) in commands.iter_mut().enumerate() {
        *command = command.replace("{host}", &index.to_string());
    }
    Ok(commands)
}

fn cache_dir() -> Result<PathBuf, Error> {
    Ok(cache::directory(|name| std::env::var_os(name))?)
}

fn places() -> Places {
    Places::of_machine(std::env::var_os("PATH").as_deref())
}

fn refuse_missing(packages: &[&str]) -> Result<(), Error> {
    if packages.is_empty() {
        return Ok(());
    }
    Err(Error::Message(format!(
        "not everything that the lab needs is installed; on Debian:\n  {}",
        requirements::install_line(packages)
    )))
}
