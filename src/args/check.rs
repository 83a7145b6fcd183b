//! The arguments of `xoff check`.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct CheckArgs {
    /// Configurations of switches and hosts, in any dialect, or directories of them. A file
    /// `topology.toml` in a directory is its topology
    #[arg(value_name = "CONFIG", required_unless_present = "diff")]
    pub(crate) configs: Vec<PathBuf>,

    /// Which port is connected to which: TOML with [[link]] a = "leaf1:Ethernet1/1",
    /// b = "hostA:ens1np0", rate = "100Gbps", cable = "5m" [default: from descriptions of ports, or
    /// every host on the only switch; what was assumed is said]
    #[arg(long, value_name = "FILE")]
    pub(crate) topology: Option<PathBuf>,

    /// Dialect of all files: sonic, nxos, os9, os10, eos, junos, cumulus, nvue, onyx, vrp, windows,
    /// validate-dcb, linux [default: told from each file]
    #[arg(long, value_name = "NAME")]
    pub(crate) dialect: Option<String>,

    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    pub(crate) format: CheckFormat,

    /// Treat findings of this rule as errors, such as C-12; repeat or separate by commas
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) deny: Vec<String>,

    /// Do not report findings of this rule
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) allow: Vec<String>,

    /// Findings in this file are known: they are counted, and no reason to fail. If it does not exist
    /// it is written, with all that is found now
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,

    /// The way of RDMA from one host to another, both directions: class, priority, queue and buffer at
    /// each hop, and where it is not lossless
    #[arg(long, num_args = 2, value_names = ["HOST", "HOST"], conflicts_with = "diff")]
    pub(crate) path: Vec<String>,

    /// Whose RDMA --path follows [default: all that the hosts send]
    #[arg(long, value_enum, requires = "path")]
    pub(crate) traffic: Option<Traffic>,

    /// What a change does: findings that come and go from one set of configurations to another
    /// (files or directories)
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], conflicts_with_all = ["configs", "fix", "baseline"])]
    pub(crate) diff: Vec<PathBuf>,

    /// Run the fabric under stress, as configured and as cured, and say for each finding what it
    /// costs. What does not show drops in severity, and is said
    #[arg(long)]
    pub(crate) simulate: bool,

    /// Write the scenarios of --simulate to this directory
    #[arg(long, value_name = "DIR", requires = "simulate")]
    pub(crate) scenarios: Option<PathBuf>,

    /// Write the files with all findings cured that can be to this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) fix: Option<PathBuf>,

    /// Compare with what LLDP and DCBX really said in a capture
    #[arg(long, value_name = "CAPTURE", conflicts_with = "diff")]
    pub(crate) capture: Vec<PathBuf>,

    /// Print what was read of each device instead of findings; * is a default, ? is unknown
    #[arg(long, conflicts_with_all = ["diff", "path"])]
    pub(crate) model: bool,

    /// List the lines about QoS that were not understood
    #[arg(long)]
    pub(crate) unknown: bool,

    /// Also show notes: what is good to know, or cannot be decided
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    #[default]
    Human,
    Json,
    Junit,
    /// SARIF 2.1.0
    Sarif,
    /// Annotations of GitHub Actions
    Github,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Traffic {
    /// SMB Direct of Windows
    SmbDirect,
    /// What rdma_cm and verbs send
    Roce,
    /// NVMe over RDMA, which is connected by rdma_cm unless a line marks it
    Nvme,
}
