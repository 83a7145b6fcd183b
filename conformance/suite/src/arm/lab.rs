//! Real kernels as guests.

use super::drive::{Task, drive};
use super::smb::{self, Experiment, SmbEvidence};
use crate::arm::{Lie, Stage, StageError};
use crate::evidence::Evidence;
use crate::script::Script;
use crate::{Arm, Judged};
use std::time::Duration;
use xoff_lab::LabError;
use xoff_lab::agent::{Agent, AgentError, Pair, Reply, Request};
use xoff_lab::run::Options;
use xoff_lab::session::{Session, with_agents};
use xoff_model::Model;
use xoff_scenario::Overrides;

/// How long flows may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What headers take of a packet of the interface, generously.
const HEADERS: u32 = 104;

/// Runs a scenario's flows between guests. The interfaces' MTU is at least what the flows need.
///
/// # Errors
/// The lab did not work. [`LabError::Unable`]: it cannot do what the model says, or this program has
/// no agent.
pub fn observe(model: &Model, options: &Options<'_>) -> Result<Evidence, LabError> {
    let task = Task::new(model, PATIENCE.min(options.timeout / 2)).map_err(LabError::Unable)?;
    let options = Options {
        mtu: options.mtu.max(task.mtu + HEADERS),
        ..*options
    };
    let session = with_agents(model, &options, None, |agents| drive(agents, &task))?;
    let Session {
        value: driven,
        report,
        frames,
        cut,
    } = session;
    Ok(Evidence {
        frames,
        cut,
        flows: driven.flows,
        counters: report.guests.into_iter().map(|g| g.counters).collect(),
        rules: report.wire.rules,
        mtu: driven.mtu,
        ..Evidence::default()
    })
}

/// Runs a script against the agents of two guests, `h0` and `h1`.
///
/// # Errors
/// As [`observe`].
pub fn script(
    script: &Script,
    lie: Option<fn(&Request, &mut Reply)>,
    options: &Options<'_>,
) -> Result<Judged, LabError> {
    let model = hosts_of(script.rules).map_err(LabError::Message)?;
    let session = with_agents(&model, options, lie, |agents| play(agents, script))?;
    let mut judged = session.value;
    for rule in &session.report.wire.rules {
        if rule.applied == 0 {
            judged.stimuli = 0;
            judged.detail = format!("rule {} never applied", rule.name);
        }
    }
    Ok(judged)
}

/// Two hosts with rules between them.
fn hosts_of(rules: &str) -> Result<Model, String> {
    // A scenario must have traffic, which is not what runs here.
    let hosts = "[topology]\nkind = \"star\"\nhosts = 2\nrate = \"10Gbps\"\n[[traffic]]\n\
                 kind = \"flows\"\nflow = [{ src = \"h0\", dst = \"h1\", bytes = \"1B\" }]\n";
    let text = format!("{hosts}{rules}");
    let read = |path: &str| Err(format!("{path}: scripts refer to no files"));
    let plan =
        xoff_scenario::load("script", &text, &Overrides::default(), &read).map_err(|all| {
            let mistakes = all.iter().map(|mistake| mistake.message.clone());
            mistakes.collect::<Vec<_>>().join("; ")
        })?;
    let case = plan.cases.into_iter().next();
    case.map(|case| case.model).ok_or("no case".to_owned())
}

/// Runs a script; the agents are given back.
pub(super) fn play(agents: &mut Vec<Agent>, script: &Script) -> Result<Judged, AgentError> {
    let host = "the lab".to_owned();
    let two = <[Agent; 2]>::try_from(std::mem::take(agents));
    let two = two.map_err(|given| AgentError::Lost {
        host,
        message: format!("{} agents, and a script needs two", given.len()),
    })?;
    let mut pair = Pair { agents: two };
    let judged = (script.run)(&mut pair);
    agents.extend(pair.agents);
    judged
}

/// The arm for the suite. Every run boots guests, with the options' time limit.
#[derive(Clone, Debug)]
pub struct LabStage<'a> {
    pub options: Options<'a>,
}

impl Stage for LabStage<'_> {
    fn arm(&self) -> Arm {
        Arm::Lab
    }

    fn observe(&mut self, model: &Model) -> Result<Evidence, StageError> {
        observe(model, &self.options).map_err(stage_error)
    }

    fn smb(&mut self, experiment: Experiment) -> Result<SmbEvidence, StageError> {
        smb::observe(experiment, "", &self.options).map_err(stage_error)
    }

    fn script(&mut self, wanted: &Script, lie: Option<Lie>) -> Result<Judged, StageError> {
        script(wanted, lie, &self.options).map_err(stage_error)
    }
}

fn stage_error(error: LabError) -> StageError {
    match error {
        LabError::Unable(why) => StageError::Unable(why),
        LabError::Refused(what) => StageError::Refused(what),
        other => StageError::Broken(other.to_string()),
    }
}
