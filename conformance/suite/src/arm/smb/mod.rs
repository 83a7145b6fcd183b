//! SMB between real kernels: experiments, each one run of the lab.

mod vectors;
mod wire;

pub use vectors::{Due, NOT_SUPPORTED, Side, VECTORS, Vector};
pub use wire::{Negotiation, SmbWire, WINDOW_NS, Window, Write};

use crate::Judged;
use crate::arm::{Stage, StageError};
use std::collections::BTreeMap;
use std::time::Duration;
use xoff_lab::LabError;
use xoff_lab::agent::AgentError;
use xoff_lab::report::RuleReport;
use xoff_lab::run::Options;
use xoff_lab::smb::protocol::{Ask, Copied, Mount, Mounted, Place, Tell};
use xoff_lab::smb::{ClientState, Guest, Pair, with_pair};
use xoff_model::Model;
use xoff_scenario::Overrides;

/// Bytes of the files that are copied.
const FILE: u64 = 4 << 20;
/// How long the cut interface stays down, ms.
pub const CUT_MS: u64 = 2000;
/// For an attempt to mount that must work, and for one that the wire spoils, ms.
const MOUNT_MS: u64 = 10_000;
const ATTEMPT_MS: u64 = 1500;
/// How often an attempt that did not come to negotiation is made again.
const AGAIN: usize = 3;
const MEMORY: u32 = 256;

/// The experiments by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Experiment {
    /// SMB Direct is asked for; every attempt has another message spoiled.
    Negotiate,
    /// SMB Direct is asked for, and packets are lost.
    Direct,
    /// RDMA is offered, and TCP without multichannel is asked for.
    Tcp,
    /// No RDMA, three interfaces, multichannel; one is cut for a while.
    Multichannel,
}

/// What a run left behind.
#[derive(Clone, Debug, Default)]
pub struct SmbEvidence {
    pub mounts: Vec<MountSeen>,
    pub copies: Vec<CopySeen>,
    pub wire: SmbWire,
    /// Networks of the hosts.
    pub networks: usize,
    pub rules: Vec<RuleReport>,
    pub counters: Vec<BTreeMap<String, u64>>,
    /// Messages of the kernels about SMB: server, client.
    pub kernels: [Vec<String>; 2],
    pub total_ms: u64,
}

#[derive(Clone, Debug)]
pub struct MountSeen {
    pub asked: Mount,
    pub got: Mounted,
    /// Just after it, and at the end.
    pub state: ClientState,
    pub last: Option<ClientState>,
}

impl MountSeen {
    fn died(how: &LabError) -> MountSeen {
        let text = how.to_string();
        MountSeen {
            asked: Mount {
                server: server_address(),
                rdma: true,
                channels: 1,
                limit_ms: ATTEMPT_MS,
            },
            got: Mounted {
                status: None,
                message: text.lines().next().unwrap_or_default().to_owned(),
                ms: 0,
            },
            state: ClientState::default(),
            last: None,
        }
    }
}

/// A copy of a file.
#[derive(Clone, Debug)]
pub struct CopySeen {
    /// Towards the server.
    pub writing: bool,
    /// SHA-256 before, and of the copy.
    pub sent: String,
    pub found: String,
    pub copied: Copied,
    /// An interface was down meanwhile: which.
    pub cut: Option<usize>,
}

impl Experiment {
    fn networks(self) -> usize {
        match self {
            Experiment::Multichannel => 3,
            Experiment::Negotiate | Experiment::Direct | Experiment::Tcp => 1,
        }
    }

    /// `skip`: attempts that were made in other runs, one in each.
    fn scenario(self, rules: &str, skip: usize) -> String {
        let links = self.networks();
        let own = match self {
            Experiment::Negotiate => {
                let rule = VECTORS.get(skip).map(|vector| vector.rule(0));
                rule.unwrap_or_default()
            }
            Experiment::Direct => ["data", "read-response"]
                .map(|class| {
                    format!(
                        "[[rule]]\nname = \"lose {class}\"\naction = \"drop\"\n\
                         class = \"{class}\"\nevery = 400\nround = 0\n"
                    )
                })
                .concat(),
            Experiment::Tcp | Experiment::Multichannel => {
                "[[rule]]\nname = \"lose TCP\"\naction = \"drop\"\nclass = \"tcp-data\"\n\
                 every = 400\n"
                    .to_owned()
            }
        };
        format!(
            "[topology]\nkind = \"star\"\nhosts = 2\nrate = \"10Gbps\"\n\
             links_per_host = {links}\n{own}{rules}"
        )
    }

    fn work(self, pair: &mut Pair) -> Result<SmbEvidence, AgentError> {
        let mut seen = SmbEvidence {
            networks: self.networks(),
            ..SmbEvidence::default()
        };
        if self == Experiment::Multichannel {
            pair.server.call(&Ask::DropDevices)?;
            pair.client.call(&Ask::DropDevices)?;
        }
        pair.server.call(&Ask::Serve { multichannel: true })?;
        match self {
            Experiment::Negotiate => negotiate(pair, &mut seen)?,
            Experiment::Direct => transfer(pair, &mut seen, true, 1, None)?,
            Experiment::Tcp => transfer(pair, &mut seen, false, 1, None)?,
            Experiment::Multichannel => transfer(pair, &mut seen, false, 4, Some(0))?,
        }
        seen.kernels = [kernel(&mut pair.server)?, kernel(&mut pair.client)?];
        Ok(seen)
    }
}

/// Runs an experiment with further `[[rule]]` tables.
///
/// # Errors
/// The lab did not work. [`LabError::Unable`]: programs are missing, or the driver is not rxe.
pub fn observe(
    experiment: Experiment,
    rules: &str,
    options: &Options<'_>,
) -> Result<SmbEvidence, LabError> {
    if options.driver != "rxe" {
        let why = "SMB is tried over rxe";
        return Err(LabError::Unable(why.to_owned()));
    }
    let options = Options {
        memory: options.memory.max(MEMORY),
        timeout: options.timeout.max(Duration::from_secs(60)),
        ..*options
    };
    let mut all = until_negotiated(experiment, rules, 0, &options)?;
    while experiment == Experiment::Negotiate && all.mounts.len() < VECTORS.len() {
        let more = until_negotiated(experiment, rules, all.mounts.len(), &options)?;
        all.mounts.extend(more.mounts);
        all.wire.negotiations.extend(more.wire.negotiations);
        all.rules.extend(more.rules);
        all.total_ms = all.total_ms.saturating_add(more.total_ms);
        all.kernels = more.kernels;
    }
    Ok(all)
}

/// Guests may be too slow for the time of an attempt.
fn until_negotiated(
    experiment: Experiment,
    rules: &str,
    skip: usize,
    options: &Options<'_>,
) -> Result<SmbEvidence, LabError> {
    let mut seen = once(experiment, rules, skip, options)?;
    for _ in 0..AGAIN {
        let nothing = seen.wire.negotiations.iter().all(|n| n.qpn[0] == 0);
        if experiment != Experiment::Negotiate || !nothing {
            break;
        }
        seen = once(experiment, rules, skip, options)?;
    }
    Ok(seen)
}

/// One run. A client that dies of negotiation is something seen.
fn once(
    experiment: Experiment,
    rules: &str,
    skip: usize,
    options: &Options<'_>,
) -> Result<SmbEvidence, LabError> {
    let model = model(&experiment.scenario(rules, skip)).map_err(LabError::Message)?;
    let work = |pair: &mut Pair| experiment.work(pair);
    let ran = with_pair(&model, options, work, wire::read)?;
    let mut seen = match ran.value {
        Ok(seen) => seen,
        Err(died) if experiment == Experiment::Negotiate => SmbEvidence {
            mounts: vec![MountSeen::died(&died)],
            ..SmbEvidence::default()
        },
        Err(died) => return Err(died),
    };
    seen.wire = ran.seen;
    if experiment == Experiment::Negotiate {
        // A client may try again what failed.
        seen.wire.negotiations.resize(1, Negotiation::default());
    }
    if let Some(report) = ran.report {
        seen.rules = report.wire.rules;
        seen.counters = report.guests.into_iter().map(|g| g.counters).collect();
        seen.total_ms = report.total_ms;
    }
    Ok(seen)
}

fn model(text: &str) -> Result<Model, String> {
    let read = |path: &str| Err(format!("{path}: experiments refer to no files"));
    let plan = xoff_scenario::load("smb", text, &Overrides::default(), &read).map_err(|all| {
        let mistakes = all.iter().map(|mistake| mistake.message.clone());
        mistakes.collect::<Vec<_>>().join("; ")
    })?;
    let case = plan.cases.into_iter().next();
    case.map(|case| case.model).ok_or("no case".to_owned())
}

fn unexpected(told: &Tell) -> AgentError {
    AgentError::Lost {
        host: "a guest".to_owned(),
        message: format!("it told what it was not asked: {told:?}"),
    }
}

fn server_address() -> String {
    xoff_lab::smb::first_address(0)
}

fn mount(
    client: &mut Guest,
    rdma: bool,
    channels: u32,
    limit_ms: u64,
) -> Result<MountSeen, AgentError> {
    let asked = Mount {
        server: server_address(),
        rdma,
        channels,
        limit_ms,
    };
    let got = match client.call(&Ask::Mount(asked.clone()))? {
        Tell::Mounted(got) => got,
        told => return Err(unexpected(&told)),
    };
    Ok(MountSeen {
        asked,
        got,
        state: state(client)?,
        last: None,
    })
}

fn state(client: &mut Guest) -> Result<ClientState, AgentError> {
    match client.call(&Ask::State)? {
        Tell::State(state) => Ok(state),
        told => Err(unexpected(&told)),
    }
}

fn kernel(guest: &mut Guest) -> Result<Vec<String>, AgentError> {
    match guest.call(&Ask::Kernel)? {
        Tell::Kernel(lines) => Ok(lines),
        told => Err(unexpected(&told)),
    }
}

/// One attempt in each run: a Linux client whose server leaves waits for two minutes, and may panic
/// when negotiation has failed.
fn negotiate(pair: &mut Pair, seen: &mut SmbEvidence) -> Result<(), AgentError> {
    let mounted = mount(&mut pair.client, true, 1, ATTEMPT_MS)?;
    if mounted.got.status == Some(0) {
        pair.client.call(&Ask::Unmount)?;
    }
    seen.mounts.push(mounted);
    Ok(())
}

/// A mount, a file to the server, another from it.
fn transfer(
    pair: &mut Pair,
    seen: &mut SmbEvidence,
    rdma: bool,
    channels: u32,
    cut: Option<usize>,
) -> Result<(), AgentError> {
    let mut mounted = mount(&mut pair.client, rdma, channels, MOUNT_MS)?;
    if mounted.got.status == Some(0) {
        let put = ("put", 1, true);
        seen.copies.push(copy(pair, put, cut)?);
        seen.copies.push(copy(pair, ("get", 2, false), None)?);
        mounted.last = Some(state(&mut pair.client)?);
        pair.client.call(&Ask::Unmount)?;
    }
    seen.mounts.push(mounted);
    Ok(())
}

/// Name, seed and direction of a copy.
fn copy(
    pair: &mut Pair,
    (name, seed, writing): (&str, u64, bool),
    cut: Option<usize>,
) -> Result<CopySeen, AgentError> {
    let name = name.to_owned();
    // Made at the server, a file is put into the share by a copy there.
    let (from, to) = match writing {
        true => (Place::Local, Place::Mounted),
        false => (Place::Mounted, Place::Local),
    };
    let origin = if writing {
        &mut pair.client
    } else {
        &mut pair.server
    };
    let bytes = FILE;
    let make = Ask::Make {
        name: name.clone(),
        bytes,
        seed,
    };
    origin.call(&make)?;
    let sent = hash(origin, Place::Local, &name)?;
    if !writing {
        let share = Ask::Copy {
            from: Place::Local,
            to: Place::Share,
            name: name.clone(),
            announce: false,
        };
        origin.call(&share)?;
    }
    let announce = cut.is_some();
    pair.client.ask(&Ask::Copy {
        from,
        to,
        name: name.clone(),
        announce,
    })?;
    let copied = loop {
        match (pair.client.hear()?, cut) {
            (Tell::Half, Some(interface)) => {
                let ms = CUT_MS;
                pair.server.call(&Ask::Cut { interface, ms })?;
            }
            (Tell::Copied(copied), _) => break copied,
            (told, _) => return Err(unexpected(&told)),
        }
    };
    let found = match writing {
        true => hash(&mut pair.server, Place::Share, &name)?,
        false => hash(&mut pair.client, Place::Local, &name)?,
    };
    Ok(CopySeen {
        writing,
        sent,
        found,
        copied,
        cut,
    })
}

fn hash(guest: &mut Guest, at: Place, name: &str) -> Result<String, AgentError> {
    let name = name.to_owned();
    match guest.call(&Ask::Hash { at, name })? {
        Tell::Hash(hash) => Ok(hash),
        told => Err(unexpected(&told)),
    }
}

/// Runs that were made, each experiment once.
#[derive(Default)]
pub struct Runs(BTreeMap<Experiment, Result<SmbEvidence, StageError>>);

impl Runs {
    /// Judges experiments, or what falsifying makes of them; what is wrong anywhere is wrong.
    ///
    /// # Errors
    /// The stage cannot, or broke.
    pub fn judge(
        &mut self,
        stage: &mut dyn Stage,
        experiments: &[Experiment],
        judge: fn(&SmbEvidence) -> Judged,
        falsify: Option<fn(&mut SmbEvidence)>,
    ) -> Result<Judged, StageError> {
        let mut all = Judged::default();
        let mut idle = None;
        for experiment in experiments {
            let run = self.0.entry(*experiment);
            let run = run.or_insert_with(|| stage.smb(*experiment));
            let mut seen = run.clone()?;
            if let Some(falsify) = falsify {
                falsify(&mut seen);
            }
            let one = judge(&seen);
            let unused = seen.rules.iter().find(|rule| rule.applied == 0);
            let unused = unused.map(|rule| format!("rule {} never acted", rule.name));
            let empty = (one.stimuli == 0).then(|| one.detail.clone());
            idle = idle.or(unused).or(empty);
            all.stimuli = all.stimuli.saturating_add(one.stimuli);
            all.faults.extend(one.faults);
            all.detail = one.detail;
        }
        if let (Some(why), true) = (idle, all.faults.is_empty()) {
            (all.stimuli, all.detail) = (0, why);
        }
        Ok(all)
    }
}
