//! Making checks: experiments run, judges asked, verdicts given.

use super::arm::smb::Runs;
use super::arm::{Printer, Stage, StageError};
use super::evidence::Evidence;
use super::experiment::model;
use super::judges::{Case, Means};
use super::profile::Profile;
use super::shrink::{self, Failure, Minimal};
use super::{Arm, Facts, Judged};
use std::collections::BTreeMap;
use std::rc::Rc;
use xoff_checks::Verdict;
use xoff_checks::catalogue::Check;
use xoff_checks::deviations::{self, Deviation};
use xoff_model::Model;

#[cfg(test)]
mod tests;

/// What stands for an experiment where a capture is judged.
const CAPTURE: &str = "the capture";

/// A refusal is a fault of the stack that was asked.
pub(super) fn judgement(made: Result<Judged, StageError>) -> Result<Judged, StageError> {
    match made {
        Err(StageError::Refused(what)) => {
            let mut judged = Judged::default();
            judged.expect(false, &[], || format!("refused: {what}"));
            Ok(judged)
        }
        other => other,
    }
}

/// What came of a check.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub check: &'static Check,
    pub verdict: Verdict,
    /// By experiment; empty name: a script or xoff itself.
    pub judged: Vec<(&'static str, Judged)>,
    pub deviation: Option<&'static Deviation>,
    /// Set if it failed in an experiment, and not in the way that is known: which one, and what was
    /// seen.
    pub failed_in: Option<(&'static str, Rc<Evidence>)>,
}

impl Outcome {
    /// What was seen, or what is wrong.
    pub fn detail(&self) -> String {
        let faults = self.judged.iter().flat_map(|(_, judged)| &judged.faults);
        let mut texts: Vec<&str> = faults.map(|fault| fault.what.as_str()).collect();
        if texts.is_empty() {
            texts = self.judged.iter().map(|(_, j)| j.detail.as_str()).collect();
            texts.retain(|text| !text.is_empty());
        }
        texts.dedup();
        texts.join("; ")
    }

    pub fn stimuli(&self) -> u64 {
        self.judged.iter().map(|(_, judged)| judged.stimuli).sum()
    }
}

/// What to make, and how.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    pub profile: &'a Profile,
    pub cases: &'a [&'static Case],
    /// Rules act on these of their frames only; empty: as the experiments say.
    pub events: &'a [(String, Vec<u64>)],
    pub printer: Printer,
}

/// Makes checks, and gives their outcomes in the same order.
///
/// # Errors
/// The arm broke.
pub fn run(
    stage: &mut dyn Stage,
    plan: &Plan<'_>,
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<Outcome>, StageError> {
    let Plan { profile, cases, .. } = *plan;
    let mut made: Vec<Made> = cases.iter().map(|_| Made::default()).collect();
    let fixed = stage.fixed();
    let groups = match fixed {
        Some(_) => vec![(CAPTURE, (0..cases.len()).collect())],
        None => by_experiment(stage.arm(), profile, cases),
    };
    for (name, users) in groups {
        tell(name);
        let seen = match &fixed {
            Some(evidence) => Ok(evidence.clone()),
            None => stage.observe(&restricted(name, plan)?),
        };
        let arm = stage.arm();
        match seen {
            Ok(evidence) => {
                let evidence = Rc::new(evidence);
                judge(name, evidence, (arm, profile), cases, &users, &mut made);
            }
            Err(StageError::Unable(why)) => {
                for user in users {
                    made[user].unable = Some(why.clone());
                }
            }
            Err(StageError::Broken(why)) => return Err(StageError::Broken(why)),
            Err(refused) => {
                let judged = judgement(Err(refused))?;
                for user in users {
                    made[user].judged.push((name, judged.clone()));
                }
            }
        }
    }
    let mut smb = Runs::default();
    for (case, made) in cases.iter().zip(&mut made) {
        let judged = match case.means {
            _ if skipped(case, stage.arm(), profile).is_some() => continue,
            Means::Judge { .. } => continue,
            Means::Smb { experiments, judge } => {
                tell(case.check.id);
                smb.judge(stage, experiments, judge, None)
            }
            Means::Harness(judge) => Ok(judge()),
            Means::Printer => Ok((plan.printer)(None)),
            Means::Script(script) => {
                tell(case.check.id);
                stage.script(&script, None)
            }
        };
        match judgement(judged) {
            Ok(mut judged) => {
                judged.shorten(deviations::known(profile.name, case.check));
                made.judged.push(("", judged));
            }
            Err(StageError::Unable(why)) => made.unable = Some(why),
            Err(broken) => return Err(broken),
        }
    }
    let outcomes = cases.iter().zip(made);
    Ok(outcomes
        .map(|(case, made)| outcome(case, made, stage.arm(), profile))
        .collect())
}

/// The experiments that checks make.
pub fn experiments(arm: Arm, profile: &Profile, cases: &[&'static Case]) -> Vec<&'static str> {
    let groups = by_experiment(arm, profile, cases).into_iter();
    groups.map(|(name, _)| name).collect()
}

fn restricted(name: &str, plan: &Plan<'_>) -> Result<Model, StageError> {
    let mut model = model(name, "").map_err(StageError::Broken)?;
    if !plan.events.is_empty() {
        shrink::restrict(&mut model, plan.events);
    }
    Ok(model)
}

/// The least that makes a check fail as it did; None if it did not fail in an experiment.
///
/// # Errors
/// The arm broke.
pub fn minimal(
    stage: &mut dyn Stage,
    plan: &Plan<'_>,
    outcome: &Outcome,
) -> Result<Option<Minimal>, StageError> {
    /// Runs that a real stack may take; the simulator's are quick.
    const REAL: u32 = 24;
    const SIMULATED: u32 = 500;
    let case = plan.cases.iter().find(|case| case.check == outcome.check);
    let (Some(case), Some((name, evidence))) = (case, &outcome.failed_in) else {
        return Ok(None);
    };
    let (Means::Judge { judge, .. }, false) = (case.means, stage.arm() == Arm::Trace) else {
        return Ok(None);
    };
    let budget = match stage.arm() {
        Arm::Sim => SIMULATED,
        _ => REAL,
    };
    let model = restricted(name, plan)?;
    let failure = Failure {
        judge,
        expect: plan.profile.expect,
        known: deviations::known(plan.profile.name, case.check),
    };
    shrink::shrink(stage, &model, evidence, failure, budget).map(Some)
}

#[derive(Default)]
struct Made {
    judged: Vec<(&'static str, Judged)>,
    /// Why the arm could not.
    unable: Option<String>,
    /// Rules that acted on nothing, with their experiments.
    idle: Vec<String>,
    failed_in: Option<(&'static str, Rc<Evidence>)>,
}

/// Experiments in the order of their first use, with the positions of the cases that use them.
fn by_experiment(
    arm: Arm,
    profile: &Profile,
    cases: &[&'static Case],
) -> Vec<(&'static str, Vec<usize>)> {
    let mut order = Vec::new();
    let mut users: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, case) in cases.iter().enumerate() {
        let Means::Judge { experiments, .. } = case.means else {
            continue;
        };
        if skipped(case, arm, profile).is_some() {
            continue;
        }
        for name in experiments {
            let of = users.entry(name).or_default();
            if of.is_empty() {
                order.push(*name);
            }
            of.push(index);
        }
    }
    let with_users = |name| (name, users.remove(name).unwrap_or_default());
    order.into_iter().map(with_users).collect()
}

/// Why a case is not made.
pub(super) fn skipped(case: &Case, arm: Arm, profile: &Profile) -> Option<&'static str> {
    let reason = case.not_on.iter().find(|(not, _)| *not == arm);
    let foreign = case.foreign(profile.iwarp);
    foreign.or(reason.map(|(_, why)| *why))
}

/// Asks the judges of the cases that use an experiment.
fn judge(
    name: &'static str,
    evidence: Rc<Evidence>,
    (arm, profile): (Arm, &Profile),
    cases: &[&'static Case],
    users: &[usize],
    made: &mut [Made],
) {
    let idle = evidence.rules.iter().filter(|rule| rule.applied == 0);
    let idle: Vec<String> = idle.map(|rule| format!("{name}: {}", rule.name)).collect();
    let facts = Facts::new(&evidence).expecting(profile.expect);
    for &user in users {
        let Means::Judge { judge, .. } = cases[user].means else {
            continue;
        };
        if skipped(cases[user], arm, profile).is_some() {
            continue;
        }
        let known = deviations::known(profile.name, cases[user].check);
        let mut judged = judge(&facts);
        judged.shorten(known);
        let made = &mut made[user];
        let fails = judged.faults.iter().any(|fault| !fault.is_excused(known));
        if fails && made.failed_in.is_none() {
            made.failed_in = Some((name, Rc::clone(&evidence)));
        }
        made.judged.push((name, judged));
        made.idle.extend(idle.iter().cloned());
    }
}

fn outcome(case: &'static Case, made: Made, arm: Arm, profile: &Profile) -> Outcome {
    let known = deviations::known(profile.name, case.check);
    let (verdict, deviation) = verdict(case, &made, (arm, profile), known);
    Outcome {
        check: case.check,
        verdict,
        judged: made.judged,
        deviation,
        failed_in: made.failed_in,
    }
}

fn verdict(
    case: &Case,
    made: &Made,
    (arm, profile): (Arm, &Profile),
    known: Option<&'static Deviation>,
) -> (Verdict, Option<&'static Deviation>) {
    if let Some(why) = skipped(case, arm, profile) {
        return (Verdict::Skip(why.to_owned()), None);
    }
    if let Some(why) = &made.unable {
        return (Verdict::Skip(why.clone()), None);
    }
    let faults: Vec<_> = made.judged.iter().flat_map(|(_, j)| &j.faults).collect();
    if !faults.is_empty() {
        // A deviation excuses what it describes, and nothing else.
        let excused = known.filter(|_| faults.iter().all(|fault| fault.is_excused(known)));
        return match excused {
            Some(deviation) => (Verdict::Xfail(deviation.reason()), Some(deviation)),
            None => (Verdict::Fail, None),
        };
    }
    let empty = made.judged.iter().find(|(_, judged)| judged.stimuli == 0);
    if let Some((name, judged)) = empty {
        let why = match (*name, judged.detail.as_str()) {
            ("", "") => "there was nothing to judge".to_owned(),
            ("", detail) => detail.to_owned(),
            (name, "") => format!("there was nothing to judge in {name}"),
            (name, detail) => format!("{name}: {detail}"),
        };
        return (Verdict::Inconclusive(why), None);
    }
    if let Some(rule) = made.idle.first() {
        let why = format!("a rule never acted ({rule})");
        return (Verdict::Inconclusive(why), None);
    }
    match known {
        Some(deviation) => (Verdict::Xpass, Some(deviation)),
        None => (Verdict::Pass, None),
    }
}
