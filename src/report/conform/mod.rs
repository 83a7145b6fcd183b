//! Renderers of conformance runs.

mod compared;
mod human;
mod machine;
pub(crate) mod matrix;
mod selfcheck;
mod tap;
mod xml;

pub(crate) use compared::compared;
pub(crate) use human::{human, mutants};
pub(crate) use machine::{json, junit, sarif};
pub(crate) use selfcheck::selfcheck;
pub(crate) use tap::tap;

use crate::shell::quoted;
use xoff_checks::{CheckResult, Report};
use xoff_suite::Arm;
use xoff_suite::profile::Profile;
use xoff_suite::run::Outcome;
use xoff_suite::shrink::Minimal;

/// What came of a stack.
pub(crate) struct Conformed {
    /// Which, if there are several: a capture.
    pub(crate) name: String,
    pub(crate) arm: Arm,
    pub(crate) profile: &'static Profile,
    /// What repeats it, without the choice of checks.
    pub(crate) command: String,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) kept: Vec<Kept>,
}

/// What is kept of a check that failed.
pub(crate) struct Kept {
    pub(crate) id: &'static str,
    pub(crate) capture: Option<String>,
    /// The least that fails as well.
    pub(crate) minimal: Option<Minimal>,
}

impl Conformed {
    pub(crate) fn report(&self) -> Report {
        let result = |outcome: &Outcome| CheckResult {
            id: outcome.check.id.to_owned(),
            name: outcome.check.name.to_owned(),
            verdict: outcome.verdict.clone(),
            detail: outcome.detail(),
        };
        self.outcomes.iter().map(result).collect()
    }

    /// `lab, profile rxe`, and which.
    pub(crate) fn title(&self) -> String {
        let title = format!("{}, profile {}", self.arm, self.profile.name);
        match self.name.as_str() {
            "" => title,
            name => format!("{name}: {title}"),
        }
    }

    /// What repeats a check, with as few events as are needed.
    pub(crate) fn repeat(&self, id: &str) -> String {
        let minimal = self.kept(id).and_then(|kept| kept.minimal.as_ref());
        let minimal = minimal.filter(|minimal| minimal.repeatable);
        let choices = minimal.map(Minimal::choices).unwrap_or_default();
        let events = choices.iter().map(|c| format!(" --events {}", quoted(c)));
        let events: String = events.collect();
        format!("{} --check {id}{events}", self.command)
    }

    pub(crate) fn kept(&self, id: &str) -> Option<&Kept> {
        self.kept.iter().find(|kept| kept.id == id)
    }
}
