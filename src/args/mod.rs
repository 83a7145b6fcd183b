//! The arguments of every verb.

mod check;
pub(crate) mod manual;

pub(crate) use check::{CheckArgs, CheckFormat, Traffic};

use crate::shell::quoted;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use xoff_model::time::SimDuration;
use xoff_model::units::{BitRate, Bytes, Length};

/// A lab for lossless Ethernet: simulate, check and explain RDMA over Ethernet.
///
/// Exit status: 0 all is well, 1 an expectation failed or a capture or configuration shows errors, 2
/// usage, input or internal error.
#[derive(Debug, Parser)]
#[command(name = "xoff", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Simulate scenarios, print the results, judge their expectations
    Run(RunArgs),
    /// Read switch and host configurations, say what will break, and prove it
    Check(CheckArgs),
    /// Explain a capture: every connection, every pause, what went wrong and what to do
    Trace(TraceArgs),
    /// Print the page of a check that findings name, such as RC-07, or of a known deviation
    Explain(ExplainArgs),
    /// Calculate the PFC headroom of a port and show every term
    #[command(after_long_help = manual::HEADROOM)]
    Headroom(HeadroomArgs),
    /// Make the checks of the catalogue on a stack: the simulator, a capture, real kernels, real NICs
    Conform(ConformArgs),
    /// Real kernels (RoCE and iWARP) as hosts, with xoff as the switch between them
    Lab(LabArgs),
    /// Print the JSON schema of scenario files, or the list of metrics
    Schema(SchemaArgs),
    /// Drive an RDMA device as told on standard input
    #[command(hide = true)]
    Agent,
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RunArgs {
    /// Scenario files (TOML); `-` reads standard input
    #[arg(value_name = "SCENARIO", required_unless_present = "hpcc")]
    pub(crate) scenarios: Vec<PathBuf>,

    /// Run the input files of the HPCC ns-3 simulator, or of one of its family (conweave,
    /// ns3-datacenter, SimAI, astra-sim, m3, ns3-rdma), unchanged and write its output files
    #[arg(long, value_name = "CONFIG", conflicts_with_all = ["scenarios", "cases"])]
    pub(crate) hpcc: Option<PathBuf>,

    /// Override a parameter of the scenario, such as switch.default.pfc.mode=off. A table is merged
    /// with the one that is there; a list replaces it
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = parse_set)]
    pub(crate) sets: Vec<(String, String)>,

    /// Seed of every random choice
    #[arg(long)]
    pub(crate) seed: Option<u64>,

    /// Stop at this simulated time, such as 10ms; off: when nothing is left to do
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Until>,

    /// Only cases with these labels: AXIS=LABEL or LABEL; commas mean and, repetition means or
    #[arg(long = "case", value_name = "LABELS")]
    pub(crate) cases: Vec<String>,

    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,

    /// Also write flows.csv, ports.csv, counters.csv, series.csv and pauses.csv to this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) csv: Option<PathBuf>,

    /// Write the traffic of one case as pcapng; `-` is standard output, .gz compresses
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,

    /// Where --pcap captures: a node, one of its ports, or `all` [default: all ports of hosts]
    #[arg(long = "tap", value_name = "NODE[:PORT]", requires = "pcap")]
    pub(crate) taps: Vec<String>,

    /// Bytes that --pcap keeps of each frame [default: all]
    #[arg(long, value_name = "BYTES", requires = "pcap",
          value_parser = clap::value_parser!(u32).range(1..=262_144))]
    pub(crate) snaplen: Option<u32>,

    /// Directory of the files that --hpcc or a scenario's [simulation.hpcc] writes [default: where
    /// they say, from their own]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Also write the run of --hpcc as a scenario
    #[arg(long, value_name = "FILE", requires = "hpcc", conflicts_with_all = ["sets", "scenarios"])]
    pub(crate) export: Option<PathBuf>,

    /// Cases that run at the same time [default: one per CPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,

    /// No progress and no speed on standard error
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// When a run stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    Off,
    Time(SimDuration),
}

impl Until {
    pub(crate) fn time(self) -> Option<SimDuration> {
        match self {
            Until::Off => None,
            Until::Time(time) => Some(time),
        }
    }
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Until, String> {
        match text {
            "off" => Ok(Until::Off),
            _ => xoff_scenario::time(text).map(Until::Time),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Human,
    Json,
    Junit,
    /// SARIF 2.1.0: the diagnosis and the expectations that failed
    Sarif,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ConformArgs {
    /// Captures to judge (--arm trace)
    #[arg(value_name = "CAPTURE")]
    pub(crate) captures: Vec<PathBuf>,

    /// What is under test
    #[arg(long, value_enum, default_value_t = ConformArm::Sim)]
    pub(crate) arm: ConformArm,

    /// Kind of stack: sim, rxe, siw, cx4, cx5, cx6, e810, generic, iwarp [default: by arm]
    #[arg(long)]
    pub(crate) profile: Option<String>,

    /// Only these checks: an ID, or a pattern such as 'RC-0*'; repeat or separate by commas
    #[arg(long = "check", value_name = "ID", value_delimiter = ',')]
    pub(crate) checks: Vec<String>,

    #[arg(long, value_enum, default_value_t = ConformFormat::Human)]
    pub(crate) format: ConformFormat,

    /// Compare the verdicts with this table; a difference fails the run
    #[arg(long, value_name = "FILE")]
    pub(crate) snapshot: Option<PathBuf>,

    /// Write the table of --snapshot instead of comparing
    #[arg(long, requires = "snapshot")]
    pub(crate) update: bool,

    /// Run the mutants instead: every deliberately wrong stack must be caught by its check
    #[arg(long, conflicts_with_all = ["snapshot", "events"])]
    pub(crate) mutants: bool,

    /// Run the experiments of the checks here and on the simulator, and show side by side what was
    /// lost, refused, sent again and completed
    #[arg(long, conflicts_with_all = ["snapshot", "mutants", "events"])]
    pub(crate) compare: bool,

    /// Let a rule act only on these of the frames that fit it, as a failed check prints them;
    /// rules that are not named do not act
    #[arg(long, value_name = "RULE=N[,N]", value_parser = parse_events)]
    pub(crate) events: Vec<(String, Vec<u64>)>,

    /// Show which check is made where, and nothing else: of a run, of a capture, by this suite
    #[arg(long, exclusive = true)]
    pub(crate) matrix: bool,

    /// Where captures of failed checks go
    #[arg(long, value_name = "DIR", default_value = "xoff-conform")]
    pub(crate) keep: PathBuf,

    /// --arm lab: kernel of the guests [default: the newest that `xoff lab build` made]
    #[arg(long, value_name = "FILE")]
    pub(crate) kernel: Option<PathBuf>,

    /// --arm device: how to reach the agent of a host, twice: the requester, then the responder
    #[arg(long = "agent", value_name = "COMMAND")]
    pub(crate) agents: Vec<String>,

    /// --arm device: RDMA device of both hosts, or twice: of each [default: the first]
    #[arg(long = "device", value_name = "NAME")]
    pub(crate) devices: Vec<String>,

    /// --arm device: index of the GID of both hosts, or twice: of each [default: the first of
    /// RoCEv2 with an IPv4 address]
    #[arg(long = "gid", value_name = "INDEX")]
    pub(crate) gids: Vec<u8>,

    /// No progress on standard error
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConformArm {
    /// The simulator
    Sim,
    /// Captures
    Trace,
    /// Real kernels as guests
    Lab,
    /// Real RDMA devices of two hosts
    Device,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConformFormat {
    Human,
    Json,
    Junit,
    Tap,
    Sarif,
}

fn parse_events(text: &str) -> Result<(String, Vec<u64>), String> {
    let (rule, hits) = text.split_once('=').ok_or("expected RULE=N[,N]")?;
    let number = |hit: &str| match hit.parse() {
        Ok(0) | Err(_) => Err(format!("`{hit}` is no number from 1")),
        Ok(n) => Ok(n),
    };
    let hits = hits.split(',').filter(|hit| !hit.is_empty());
    Ok((rule.to_owned(), hits.map(number).collect::<Result<_, _>>()?))
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct TraceArgs {
    /// Captures: pcap or pcapng, also packed with gzip; `-` reads standard input
    #[arg(value_name = "CAPTURE", required = true)]
    pub(crate) captures: Vec<PathBuf>,

    #[arg(long, value_enum, default_value_t = TraceFormat::Human)]
    pub(crate) format: TraceFormat,

    /// Draw connections and pauses over time, as wide as the terminal (COLUMNS)
    #[arg(long)]
    pub(crate) timeline: bool,

    /// Also write connections.csv, episodes.csv, pauses.csv, timeline.csv and findings.csv there
    #[arg(long, value_name = "DIR")]
    pub(crate) csv: Option<PathBuf>,

    /// Rate of the links, to turn pause quanta into time [default: as captured, else a guess]
    #[arg(long, value_name = "RATE", value_parser = xoff_scenario::rate)]
    pub(crate) link_rate: Option<BitRate>,

    /// Derive a scenario from the capture, simulate it, and compare
    #[arg(long)]
    pub(crate) replay: bool,

    /// Write the derived scenario to this file; `-` is standard output
    #[arg(long, value_name = "FILE", requires = "replay")]
    pub(crate) out: Option<PathBuf>,

    /// What if: change a parameter of the derived scenario, such as switch.default.pfc.mode=pfc
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = parse_set, requires = "replay")]
    pub(crate) sets: Vec<(String, String)>,

    /// No speed on standard error
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TraceFormat {
    #[default]
    Human,
    Json,
    /// For test runners
    Junit,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of GitHub Actions
    Github,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ExplainArgs {
    /// ID or name of a check, or ID of a deviation; without it all are listed
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct HeadroomArgs {
    /// Rate of the port, such as 100G
    #[arg(long)]
    pub(crate) rate: BitRate,

    /// Length of the cable, such as 7m
    #[arg(long, value_name = "LENGTH")]
    pub(crate) cable: Length,

    /// Whose rule: the simulator's exact worst case, the Linux mlx5 driver's, or SONiC's
    #[arg(long, value_enum, default_value_t = HeadroomProfile::Xoff)]
    pub(crate) profile: HeadroomProfile,

    /// xoff: RoCE path MTU, payload bytes per packet [default: 4096]. mlx5: MTU of the interface
    /// [default: 4096]. sonic: MTU of lossless packets [default: 1024]
    #[arg(long, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(1..=65_000))]
    pub(crate) mtu: Option<u32>,

    /// xoff: largest frame of any class of the port with its FCS [default: that of the lossless
    /// class]. sonic: MTU of the port [default: 9100]
    #[arg(long, value_name = "BYTES")]
    pub(crate) port_mtu: Option<u32>,

    /// xoff: smallest frame of the lossless class with its FCS; it counts in cells [default: 64]
    #[arg(long, value_name = "BYTES")]
    pub(crate) min_frame: Option<u32>,

    /// xoff: one-way latency of PHY, FEC and MAC of both ends [default: 0ns]
    #[arg(long, value_name = "TIME")]
    pub(crate) phy_delay: Option<SimDuration>,

    /// xoff, sonic: time that the sender takes to obey a pause [default: by rate, as IEEE 802.3
    /// allows]
    #[arg(long, value_name = "TIME")]
    pub(crate) response: Option<SimDuration>,

    /// xoff, sonic: allocation unit of the switch buffer [default: xoff 1, sonic 144]
    #[arg(long, value_name = "BYTES")]
    pub(crate) cell: Option<u32>,

    /// sonic: percentage of packets that are small and so fill cells badly [default: 100]
    #[arg(long, value_name = "PERCENT")]
    pub(crate) small_packets: Option<u32>,

    /// sonic: what MAC and PHY hold when the pause is made, such as 819B [default: 819B]
    #[arg(long, value_name = "SIZE")]
    pub(crate) mac_phy_delay: Option<Bytes>,

    /// sonic: latency of a gearbox [default: 0ns]
    #[arg(long, value_name = "TIME")]
    pub(crate) gearbox_delay: Option<SimDuration>,

    /// sonic: what arrives between XON and the first packet; the XON threshold [default: 18KiB]
    #[arg(long, value_name = "SIZE")]
    pub(crate) pipeline_latency: Option<Bytes>,

    /// sonic: lanes of the port; 8 have almost twice the pipeline latency [default: 4]
    #[arg(long, value_name = "COUNT")]
    pub(crate) lanes: Option<u32>,

    #[arg(long, value_enum, default_value_t = TableFormat::Human)]
    pub(crate) format: TableFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HeadroomProfile {
    Xoff,
    Mlx5,
    Sonic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    Human,
    Json,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct SchemaArgs {
    /// List the metrics that expectations and reports can name
    #[arg(long)]
    pub(crate) metrics: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LabArgs {
    #[command(subcommand)]
    pub(crate) verb: LabVerb,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum LabVerb {
    /// Build the guests' kernel (User Mode Linux), once
    Build(LabBuildArgs),
    /// Boot a guest per host of a scenario and run commands in them
    ///
    /// Guests see the host's files, read-only, and have their own /tmp, /run and /dev. Commands find
    /// XOFF_HOST (0, 1, ...), XOFF_NAME, XOFF_ADDR, XOFF_PEER (the next host's address), XOFF_HOSTS
    /// (all addresses) and XOFF_DEVICE in their environment.
    ///
    /// Exit status: 0 all commands succeeded, 1 one failed, 2 the lab failed.
    Run(LabRunArgs),
    /// Run the same commands in every case of a scenario, with RoCE and iWARP, and compare times
    ///
    /// A run fails if a command does, or if a guest dies or does not end in time. Times are medians
    /// of the runs that did not fail.
    ///
    /// Exit status: 0 all runs succeeded, 1 one failed, 2 the lab failed.
    Sweep(LabSweepArgs),
    /// Boot a guest per host of a scenario and open a shell in one of them
    ///
    /// Guests are as those of `xoff lab run`. Everything is taken down when the shell ends. If
    /// standard input is no terminal, the shell reads commands from it.
    ///
    /// Exit status: 0 the shell's was 0, 1 it was not, 2 the lab failed.
    Shell(LabShellArgs),
    /// Connect real interfaces through the rules of a scenario
    ///
    /// Needs the right to open them (CAP_NET_ADMIN, CAP_NET_RAW). Ends with Ctrl-C or after --for.
    Wire(LabWireArgs),
    #[command(hide = true)]
    Agent(LabAgentArgs),
    /// What a guest does that serves or mounts SMB, as told on standard input
    #[command(hide = true)]
    Smb,
    #[command(hide = true)]
    Exec(LabExecArgs),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LabSweepArgs {
    /// Scenario file with axes
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenario: PathBuf,

    /// Drivers of the RDMA devices
    #[arg(long, value_enum, value_delimiter = ',', default_value = "rxe,siw")]
    pub(crate) device: Vec<LabDevice>,

    /// Runs of each case; the table has the median of those that succeed
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(1..=99))]
    pub(crate) repeat: u16,

    /// Take a run down after this time
    #[arg(long, value_name = "TIME", default_value = "120s")]
    pub(crate) timeout: SimDuration,

    /// A command for one host, by name or number
    #[arg(long = "on", value_name = "HOST=COMMAND", value_parser = parse_on)]
    pub(crate) on: Vec<(String, String)>,

    /// Override a parameter of the scenario
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = parse_set)]
    pub(crate) sets: Vec<(String, String)>,

    /// Another kernel than that of `xoff lab build`
    #[arg(long, value_name = "FILE")]
    pub(crate) kernel: Option<PathBuf>,

    #[arg(long, value_enum, default_value_t = TableFormat::Human)]
    pub(crate) format: TableFormat,

    /// Command for every guest, by sh -c; {host} is the host's number
    #[arg(last = true, value_name = "COMMAND", required_unless_present = "on")]
    pub(crate) command: Vec<String>,
}

/// What is the wire between guests, or ports.
#[derive(Clone, Debug, Args)]
pub(crate) struct LabWire {
    /// Scenario file: its hosts (2 to 8) are the ends, its rules are the wire's
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenario: PathBuf,

    /// Write what passed as pcapng; .gz compresses
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,

    /// The wire is the scenario's switch: its rates, buffer, marking and pauses
    #[arg(long)]
    pub(crate) switch: bool,

    /// Override a parameter of the scenario
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = parse_set)]
    pub(crate) sets: Vec<(String, String)>,

    /// Seed of the rules' chances
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

/// The kernels at its ends.
#[derive(Clone, Debug, Args)]
pub(crate) struct LabGuests {
    #[command(flatten)]
    pub(crate) wire: LabWire,

    /// Driver of the RDMA devices
    #[arg(long, value_enum, default_value_t = LabDevice::Rxe)]
    pub(crate) device: LabDevice,

    /// MTU of the interfaces; RoCE has a path MTU of 1024 with 1500, of 4096 with 4200
    #[arg(long, value_name = "BYTES", default_value_t = 1500,
          value_parser = clap::value_parser!(u32).range(576..=65_000))]
    pub(crate) mtu: u32,

    /// Memory of each guest in MiB
    #[arg(long, value_name = "MIB", default_value_t = 256,
          value_parser = clap::value_parser!(u32).range(8..=65_536))]
    pub(crate) memory: u32,

    /// Another kernel than that of `xoff lab build`
    #[arg(long, value_name = "FILE")]
    pub(crate) kernel: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LabRunArgs {
    #[command(flatten)]
    pub(crate) guests: LabGuests,

    /// Take everything down after this time
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub(crate) timeout: SimDuration,

    /// A command for one host, by name or number; others run COMMAND, or nothing
    #[arg(long = "on", value_name = "HOST=COMMAND", value_parser = parse_on)]
    pub(crate) on: Vec<(String, String)>,

    #[arg(long, value_enum, default_value_t = TableFormat::Human)]
    pub(crate) format: TableFormat,

    /// Command for every guest, by sh -c; {host} is the host's number
    #[arg(last = true, value_name = "COMMAND", required_unless_present = "on")]
    pub(crate) command: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LabShellArgs {
    #[command(flatten)]
    pub(crate) guests: LabGuests,

    /// The host, by name or number
    #[arg(long, value_name = "HOST", default_value = "0")]
    pub(crate) host: String,

    /// Take everything down after this time
    #[arg(long, value_name = "TIME", default_value = "86400s")]
    pub(crate) timeout: SimDuration,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LabWireArgs {
    #[command(flatten)]
    pub(crate) wire: LabWire,

    /// A host's port: HOST=tap:NAME makes a TAP interface, HOST=packet:INTERFACE uses one that
    /// there is (AF_PACKET; it should have no address)
    #[arg(long = "port", value_name = "HOST=PORT", value_parser = parse_port, required = true)]
    pub(crate) ports: Vec<(String, String)>,

    /// End after this time
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) time: Option<SimDuration>,

    #[arg(long, value_enum, default_value_t = TableFormat::Human)]
    pub(crate) format: TableFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LabDevice {
    /// RoCEv2
    Rxe,
    /// iWARP
    Siw,
}

impl LabDevice {
    pub(crate) const fn driver(self) -> &'static str {
        match self {
            LabDevice::Rxe => "rxe",
            LabDevice::Siw => "siw",
        }
    }
}

/// The kernel of a guest adds words of its own.
#[derive(Clone, Debug, Args)]
pub(crate) struct LabAgentArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// How xoff becomes a guest's kernel.
#[derive(Clone, Debug, Args)]
pub(crate) struct LabExecArgs {
    pub(crate) parent: u32,
    pub(crate) kernel: PathBuf,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LabBuildArgs {
    /// A Linux source tree, 6.6 or later [default: what Debian's linux-source-6.12 installs]
    #[arg(long, value_name = "DIR")]
    pub(crate) source: Option<PathBuf>,

    /// Compilers that run at the same time [default: one per CPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
}

/// A pair of words of this form.
fn parse_pair(text: &str, form: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((path, value)) if !path.trim().is_empty() => {
            Ok((path.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(format!("expected {form}")),
    }
}

fn parse_set(text: &str) -> Result<(String, String), String> {
    parse_pair(text, "PATH=VALUE")
}

fn parse_on(text: &str) -> Result<(String, String), String> {
    parse_pair(text, "HOST=COMMAND")
}

fn parse_port(text: &str) -> Result<(String, String), String> {
    parse_pair(text, "HOST=PORT")
}

impl RunArgs {
    /// The command that repeats this run of `input`, without what does not affect its results.
    pub(crate) fn command(&self, input: &str) -> String {
        let mut words = vec!["xoff".to_owned(), "run".to_owned()];
        if self.hpcc.is_some() {
            words.push("--hpcc".to_owned());
        }
        words.push(quoted(input));
        for (path, value) in &self.sets {
            words.extend(["--set".to_owned(), quoted(&format!("{path}={value}"))]);
        }
        if let Some(seed) = self.seed {
            words.extend(["--seed".to_owned(), seed.to_string()]);
        }
        if let Some(until) = self.until {
            words.extend([
                "--until".to_owned(),
                until.time().map_or("off".to_owned(), exact),
            ]);
        }
        for case in &self.cases {
            words.extend(["--case".to_owned(), quoted(case)]);
        }
        words.join(" ")
    }
}

/// In the largest unit that gives a whole number.
fn exact(d: SimDuration) -> String {
    const UNITS: [(u64, &str); 4] = [
        (1_000_000_000_000, "s"),
        (1_000_000_000, "ms"),
        (1_000_000, "us"),
        (1_000, "ns"),
    ];
    let fits = UNITS
        .into_iter()
        .find(|(unit, _)| d.ps().is_multiple_of(*unit));
    let (unit, name) = fits.unwrap_or((1, "ps"));
    format!("{}{name}", d.ps() / unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_run_is_repeated_by_what_affects_it() {
        let line = "xoff run a.toml --set sw.mode=off --set t=a'b --seed 7 --until 1500us \
                    --case pfc=on --jobs 3 --format json";
        let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
        let Verb::Run(args) = cli.verb else {
            panic!("not a run")
        };
        assert_eq!(
            args.command("a.toml"),
            [
                r"xoff run a.toml --set sw.mode=off --set 't=a'\''b'",
                "--seed 7 --until 1500us --case pfc=on",
            ]
            .join(" ")
        );
    }

    #[test]
    fn pairs_are_asked_for_by_their_names() {
        for (line, form) in [
            ("xoff run a.toml --set novalue", "PATH=VALUE"),
            ("xoff lab run a.toml --on h0", "HOST=COMMAND"),
            ("xoff lab wire a.toml --port h0", "HOST=PORT"),
        ] {
            let error = Cli::try_parse_from(line.split_whitespace()).unwrap_err();
            let told = error.to_string();
            assert!(told.contains(&format!("expected {form}")), "{told}");
        }
    }

    #[test]
    fn a_run_may_have_no_end() {
        let line = "xoff run a.toml --until off";
        let Verb::Run(args) = Cli::try_parse_from(line.split_whitespace()).unwrap().verb else {
            panic!("not a run")
        };
        assert_eq!(args.until, Some(Until::Off));
        assert_eq!(args.command("a.toml"), line);
    }

    #[test]
    fn contradictions_are_usage_errors() {
        for line in [
            "xoff run",
            "xoff run --hpcc c.txt a.toml",
            "xoff run a.toml --export b.toml",
            "xoff run --hpcc c.txt --export b.toml --set seed=2",
            "xoff run a.toml --set novalue",
            "xoff run a.toml --until 5",
            "xoff run a.toml --jobs 0",
            "xoff run a.toml --tap h0",
            "xoff run a.toml --snaplen 64",
            "xoff headroom --rate 100 --cable 7m",
            "xoff trace",
            "xoff trace a.pcap --link-rate 100",
            "xoff trace a.pcap --link-rate 0Gbps",
            "xoff run a.toml --until on",
            "xoff run a.toml --until 9999999s",
            "xoff trace a.pcap --format xml",
        ] {
            assert!(
                Cli::try_parse_from(line.split_whitespace()).is_err(),
                "{line}"
            );
        }
    }
}
