//! Whether checks catch the wrong stacks that they must catch.

use super::arm::smb::Runs;
use super::arm::{Stage, StageError};
use super::evidence::Evidence;
use super::experiment::model;
use super::judges::{Case, Means, Mutant, Wrong};
use super::run::{Plan, judgement, skipped};
use super::{Facts, Judged};
use crate::script::Script;
use std::collections::BTreeMap;
use xoff_checks::Verdict;
use xoff_checks::catalogue::Check;
use xoff_checks::deviations::{self, Deviation};

/// What came of a mutant. PASS: it was caught.
#[derive(Clone, Debug)]
pub struct MutantOutcome {
    pub check: &'static Check,
    pub mutant: &'static str,
    pub verdict: Verdict,
    /// The fault that gave it away.
    pub fault: String,
}

/// Runs the mutants of cases.
///
/// # Errors
/// The arm broke.
pub fn run(
    stage: &mut dyn Stage,
    plan: &Plan<'_>,
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<MutantOutcome>, StageError> {
    let mut clean = Clean::default();
    let mut outcomes = Vec::new();
    for case in plan.cases {
        for mutant in case.mutants {
            tell(&format!("{} {}", case.check.id, mutant.name));
            outcomes.push(one(stage, case, mutant, plan, &mut clean)?);
        }
    }
    Ok(outcomes)
}

/// Evidence of experiments as they are, for mutants that falsify it.
#[derive(Default)]
struct Clean {
    experiments: BTreeMap<&'static str, Evidence>,
    smb: Runs,
}

fn one(
    stage: &mut dyn Stage,
    case: &'static Case,
    mutant: &'static Mutant,
    plan: &Plan<'_>,
    clean: &mut Clean,
) -> Result<MutantOutcome, StageError> {
    let profile = plan.profile;
    let judged = match skipped(case, stage.arm(), profile) {
        Some(why) => Err(StageError::Unable(why.to_owned())),
        None => judge(stage, case, mutant, plan, clean),
    };
    let (verdict, fault) = match judged {
        Ok(Found { judged, hidden }) => match (judged.faults.first(), hidden) {
            (Some(fault), _) => (Verdict::Pass, fault.what.clone()),
            // The stack is wrong in this way by itself.
            (None, Some(deviation)) => {
                let why = format!("hidden by {}", deviation.reason());
                (Verdict::Skip(why), String::new())
            }
            (None, None) => (Verdict::Fail, String::new()),
        },
        Err(StageError::Unable(why) | StageError::Refused(why)) => {
            (Verdict::Skip(why), String::new())
        }
        Err(broken) => return Err(broken),
    };
    Ok(MutantOutcome {
        check: case.check,
        mutant: mutant.name,
        verdict,
        fault,
    })
}

/// What was found with a mutant. What the stack is known for anyway is no sign of it.
#[derive(Default)]
struct Found {
    judged: Judged,
    /// Set if the stack did what it is known for.
    hidden: Option<&'static Deviation>,
}

impl Found {
    fn take(&mut self, mut judged: Judged, known: Option<&'static Deviation>) {
        if judged.excuse(known) {
            self.hidden = known;
        }
        self.judged = judged;
    }
}

/// The first judgement that finds fault, or the last one.
fn judge(
    stage: &mut dyn Stage,
    case: &'static Case,
    mutant: &'static Mutant,
    plan: &Plan<'_>,
    clean: &mut Clean,
) -> Result<Found, StageError> {
    let mut found = Found::default();
    let profile = plan.profile;
    let known = deviations::known(profile.name, case.check);
    let judged = match (case.means, mutant.wrong) {
        (Means::Judge { experiments, judge }, wrong) => {
            for name in experiments {
                let evidence = match wrong {
                    Wrong::Rules(rules) => {
                        stage.observe(&model(name, rules).map_err(StageError::Broken)?)?
                    }
                    Wrong::Evidence(falsify) => {
                        let mut evidence = truth(stage, name, clean)?.clone();
                        falsify(&mut evidence);
                        evidence
                    }
                    _ => return Err(mismatch(case)),
                };
                found.take(
                    judge(&Facts::new(&evidence).expecting(profile.expect)),
                    known,
                );
                if !found.judged.faults.is_empty() {
                    break;
                }
            }
            return Ok(found);
        }
        (Means::Script(script), Wrong::Verbs(lie)) => judgement(stage.script(&script, Some(lie)))?,
        (Means::Script(script), Wrong::Rules(rules)) => {
            let run = script.run;
            judgement(stage.script(&Script { rules, run }, None))?
        }
        (Means::Smb { experiments, judge }, Wrong::Smb(falsify)) => {
            clean.smb.judge(stage, experiments, judge, Some(falsify))?
        }
        (Means::Harness(_), Wrong::Harness(wrong)) => wrong(),
        (Means::Printer, Wrong::Printer(how)) => (plan.printer)(Some(how)),
        _ => return Err(mismatch(case)),
    };
    found.take(judged, known);
    Ok(found)
}

fn truth<'a>(
    stage: &mut dyn Stage,
    name: &'static str,
    clean: &'a mut Clean,
) -> Result<&'a Evidence, StageError> {
    use std::collections::btree_map::Entry;
    Ok(match clean.experiments.entry(name) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(place) => {
            let model = model(name, "").map_err(StageError::Broken)?;
            place.insert(stage.observe(&model)?)
        }
    })
}

fn mismatch(case: &Case) -> StageError {
    StageError::Broken(format!(
        "{}: a mutant of another kind of check",
        case.check.id
    ))
}
