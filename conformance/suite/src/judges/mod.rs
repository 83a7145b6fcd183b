//! The suite: for each check what stimulates it, who judges it, and which wrong stacks it must
//! catch. What a check means is in the [catalogue](xoff_checks::catalogue).

use super::arm::smb::{Experiment, SmbEvidence};
use super::facts::Facts;
use super::{Arm, Evidence};
use crate::script::Script;
use serde::Serialize;
use xoff_checks::catalogue::{Check, Symptom};
use xoff_checks::deviations::Deviation;

/// A rule of a wrong stack, by its lines: it acts before the frame is seen.
macro_rules! stack {
    ($($line:literal),+ $(,)?) => { concat!("[[rule]]\nstack = true\n", $($line, "\n"),+) };
}

#[cfg(test)]
mod captures;
mod congestion;
mod connection;
mod iwarp;
mod receiver;
mod smb;
#[cfg(test)]
mod tests;
mod verbs;
mod view;
mod wire;

/// One check of the suite.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub check: &'static Check,
    pub means: Means,
    /// Arms that cannot make it, each with the reason.
    pub not_on: &'static [(Arm, &'static str)],
    /// Each must make it fail.
    pub mutants: &'static [Mutant],
}

/// How a check is made.
#[derive(Clone, Copy, Debug)]
pub enum Means {
    /// Run these experiments (names of [`super::experiment`]); the judge must find fault with none,
    /// and must have had something to judge in each.
    Judge {
        experiments: &'static [&'static str],
        judge: fn(&Facts<'_>) -> Judged,
    },
    /// Drive the verbs of two hosts. Lab and device only.
    Script(Script),
    /// SMB server and client in guests of the lab.
    Smb {
        experiments: &'static [Experiment],
        judge: fn(&SmbEvidence) -> Judged,
    },
    /// About xoff itself: needs no stack.
    Harness(fn() -> Judged),
    /// About the reports: made by who prints them ([`super::arm::Printer`]).
    Printer,
}

/// A stack made wrong on purpose.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// What it does wrong, in a few words.
    pub name: &'static str,
    pub wrong: Wrong,
}

#[derive(Clone, Copy, Debug)]
pub enum Wrong {
    /// `[[rule]]` tables that are added to the experiment, with `stack = true`: they act before
    /// the frame is captured, so that it is the host that seems to do it.
    Rules(&'static str),
    /// The evidence is falsified: for what no rule can touch (completions, counters).
    Evidence(fn(&mut Evidence)),
    /// The agents lie to a script.
    Verbs(fn(&xoff_lab::agent::Request, &mut xoff_lab::agent::Reply)),
    /// What was seen of SMB is falsified.
    Smb(fn(&mut SmbEvidence)),
    /// What a harness check is given instead of the truth.
    Harness(fn() -> Judged),
    /// The reports are damaged so.
    Printer(&'static str),
}

impl Case {
    /// A judge looks at experiments.
    const fn judged(
        check: &'static Check,
        experiments: &'static [&'static str],
        judge: fn(&Facts<'_>) -> Judged,
        not_on: &'static [(Arm, &'static str)],
        mutants: &'static [Mutant],
    ) -> Case {
        Case {
            check,
            means: Means::judged_by(experiments, judge),
            not_on,
            mutants,
        }
    }
}

impl Means {
    const fn judged_by(
        experiments: &'static [&'static str],
        judge: fn(&Facts<'_>) -> Judged,
    ) -> Means {
        Means::Judge { experiments, judge }
    }
}

impl Mutant {
    const fn rules(name: &'static str, rules: &'static str) -> Mutant {
        let wrong = Wrong::Rules(rules);
        Mutant { name, wrong }
    }

    const fn evidence(name: &'static str, falsify: fn(&mut Evidence)) -> Mutant {
        let wrong = Wrong::Evidence(falsify);
        Mutant { name, wrong }
    }
}

/// What a judge says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// How often there was something to judge. 0: inconclusive.
    pub stimuli: u64,
    pub faults: Vec<Fault>,
    /// What was seen, in a few words with figures that are the same in every run: no times, no
    /// absolute numbers of packets or queue pairs.
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// One sentence: what, where, what was expected.
    pub what: String,
    /// Frames of the evidence that show it.
    pub frames: Vec<u64>,
    /// Which way to fail it is, if stacks are known for it.
    #[serde(skip)]
    pub symptom: Option<&'static Symptom>,
}

/// Most faults that are told of a check in one experiment or script.
const MAX_TOLD: usize = 8;
/// Most faults that are kept until it is known which of them a deviation excuses.
const MAX_KEPT: usize = 1 << 16;

impl Fault {
    /// Whether a stack is known for it.
    pub fn is_excused(&self, known: Option<&Deviation>) -> bool {
        known.is_some_and(|deviation| deviation.excuses(self.symptom))
    }
}

impl Judged {
    /// There was something, but it cannot be judged.
    pub fn inconclusive(why: String) -> Judged {
        Judged {
            detail: why,
            ..Judged::default()
        }
    }

    /// Faults stand; that none were found means nothing, if there is a reason.
    pub fn unless(self, why: Option<String>) -> Judged {
        match why {
            Some(why) if self.faults.is_empty() => Judged::inconclusive(why),
            _ => self,
        }
    }

    /// Counts one more thing that was judged.
    pub fn saw(&mut self) {
        self.stimuli += 1;
    }

    /// Finds fault.
    pub fn fault(&mut self, what: String, frames: &[u64]) {
        self.find(None, what, frames);
    }

    /// Finds fault that stacks are known for.
    pub fn symptom(&mut self, symptom: &'static Symptom, what: String, frames: &[u64]) {
        self.find(Some(symptom), what, frames);
    }

    fn find(&mut self, symptom: Option<&'static Symptom>, what: String, frames: &[u64]) {
        let (symptom, what) = match self.faults.len() {
            ..MAX_KEPT => (symptom, what),
            // Nothing excuses it: what is not kept may be worse than what is.
            MAX_KEPT => (None, format!("there are more faults than these {MAX_KEPT}")),
            _ => return,
        };
        let frames = frames.to_vec();
        self.faults.push(Fault {
            what,
            frames,
            symptom,
        });
    }

    /// Leaves as many faults as are told, those that a deviation does not excuse before others.
    pub fn shorten(&mut self, known: Option<&Deviation>) {
        self.faults.sort_by_key(|fault| fault.is_excused(known));
        self.faults.truncate(MAX_TOLD);
    }

    /// Leaves out what a stack is known for; whether there was any.
    pub fn excuse(&mut self, known: Option<&Deviation>) -> bool {
        let all = self.faults.len();
        self.faults.retain(|fault| !fault.is_excused(known));
        self.faults.len() < all
    }

    /// Counts, and finds fault unless it is right.
    pub fn expect(&mut self, right: bool, frames: &[u64], what: impl FnOnce() -> String) {
        self.expect_not(None, right, frames, what);
    }

    /// The same, where what is wrong may be a symptom that stacks are known for.
    pub fn expect_not(
        &mut self,
        symptom: impl Into<Option<&'static Symptom>>,
        right: bool,
        frames: &[u64],
        what: impl FnOnce() -> String,
    ) {
        self.saw();
        if !right {
            self.find(symptom.into(), what(), frames);
        }
    }
}

impl Case {
    /// Why it does not apply to stacks that speak iWARP, or to those that speak RoCE.
    pub fn foreign(&self, iwarp: bool) -> Option<&'static str> {
        let own = iwarp::CASES.iter().chain(verbs::IWARP);
        let of_iwarp = own.into_iter().any(|case| case.check == self.check);
        match (self.means, of_iwarp) {
            (Means::Harness(_) | Means::Printer | Means::Smb { .. }, _) => None,
            (_, true) => (!iwarp).then_some("about iWARP"),
            (_, false) => iwarp.then_some("about RoCE"),
        }
    }
}

/// All checks that are made, in the order of the catalogue.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    [
        wire::CASES,
        connection::CASES,
        verbs::CASES,
        iwarp::CASES,
        verbs::IWARP,
        congestion::CASES,
        smb::CASES,
    ]
    .into_iter()
    .flatten()
}
