//! The least that still makes a check fail: which events of the wire, which queue pairs.

use super::arm::{Stage, StageError};
use super::evidence::Evidence;
#[cfg(test)]
use super::expect;
use super::expect::Expect;
use super::{Facts, Judged};
use std::collections::BTreeMap;
use std::fmt;
use xoff_checks::deviations::Deviation;
use xoff_model::Model;
use xoff_model::rules::Choice;

/// A rule acted on a frame.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    pub rule: String,
    /// Which of the frames that fitted the rule, from 1.
    pub n: u64,
    /// The frame: class, queue pair, PSN, round.
    pub frame: String,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on its frame {} ({})", self.rule, self.n, self.frame)
    }
}

/// The least that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Minimal {
    pub events: Vec<Event>,
    /// Names of the queue pairs that are needed.
    pub flows: Vec<String>,
    /// Runs that it took.
    pub runs: u32,
    /// It failed again when repeated as it was; otherwise nothing could be left out.
    pub repeatable: bool,
}

impl Minimal {
    /// What `--events` repeats: `lose=3,5`.
    pub fn choices(&self) -> Vec<String> {
        let mut by_rule: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for event in &self.events {
            let hits = by_rule.entry(&event.rule).or_default();
            hits.push(event.n.to_string());
        }
        let rules = by_rule.iter();
        rules
            .map(|(rule, hits)| format!("{rule}={}", hits.join(",")))
            .collect()
    }
}

/// Lets rules act on these of the frames that fit them only; rules without any are left out.
pub fn restrict(model: &mut Model, hits: &[(String, Vec<u64>)]) {
    let of = |name: &str| {
        let mine = hits.iter().filter(|(rule, _)| rule == name);
        mine.flat_map(|(_, hits)| hits.iter().copied())
            .collect::<Vec<u64>>()
    };
    model.rules.retain(|rule| !of(&rule.name).is_empty());
    for rule in &mut model.rules {
        rule.choice = Choice {
            nth: of(&rule.name),
            every: 0,
            probability: None,
            limit: None,
            ..rule.choice.clone()
        };
    }
}

/// What fails.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    pub judge: fn(&Facts<'_>) -> Judged,
    pub expect: Expect,
    /// What the stack is known for is not looked for.
    pub known: Option<&'static Deviation>,
}

impl Failure {
    fn is_in(&self, evidence: &Evidence) -> bool {
        let judged = (self.judge)(&Facts::new(evidence).expecting(self.expect));
        let mut faults = judged.faults.iter();
        faults.any(|fault| !fault.is_excused(self.known))
    }
}

/// Searches for a smaller failure, in at most `budget` runs.
///
/// # Errors
/// The arm broke.
pub fn shrink(
    stage: &mut dyn Stage,
    model: &Model,
    evidence: &Evidence,
    failure: Failure,
    budget: u32,
) -> Result<Minimal, StageError> {
    let mut search = Search {
        stage,
        model: model.clone(),
        failure,
        left: budget,
    };
    let mut events = events(evidence);
    let names = |model: &Model| model.flows.iter().map(|f| f.name.clone()).collect();
    let repeatable = search.fails(&events, &[])?;
    if repeatable {
        // Flows first: events are counted over all of them.
        search.flows(&events)?;
        events = search.events(events)?;
    }
    Ok(Minimal {
        events,
        flows: names(&search.model),
        runs: budget - search.left,
        repeatable,
    })
}

fn events(evidence: &Evidence) -> Vec<Event> {
    let of_rule = |rule: &xoff_lab::report::RuleReport| {
        let name = rule.name.clone();
        let event = move |hit: &xoff_lab::report::Hit| Event {
            rule: name.clone(),
            n: hit.n,
            frame: hit.frame.clone(),
        };
        rule.hits.iter().map(event).collect::<Vec<_>>()
    };
    evidence.rules.iter().flat_map(of_rule).collect()
}

struct Search<'a> {
    stage: &'a mut dyn Stage,
    model: Model,
    failure: Failure,
    left: u32,
}

impl Search<'_> {
    /// Whether the judge still finds fault with these events, without some flows. False when there
    /// are no runs left.
    fn fails(&mut self, events: &[Event], without: &[usize]) -> Result<bool, StageError> {
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        let mut model = self.model.clone();
        let hits: Vec<_> = events.iter().map(|e| (e.rule.clone(), vec![e.n])).collect();
        restrict(&mut model, &hits);
        let mut index = 0;
        model.flows.retain(|_| {
            index += 1;
            !without.contains(&(index - 1))
        });
        Ok(self.failure.is_in(&self.stage.observe(&model)?))
    }

    /// Leaves out ever smaller parts of the list (delta debugging).
    fn events(&mut self, mut events: Vec<Event>) -> Result<Vec<Event>, StageError> {
        if !events.is_empty() && self.fails(&[], &[])? {
            return Ok(Vec::new());
        }
        let mut size = events.len().div_ceil(2);
        while size > 0 && events.len() > 1 && self.left > 0 {
            let mut start = 0;
            let mut smaller = false;
            while start < events.len() && events.len() > 1 {
                let end = (start + size).min(events.len());
                let rest: Vec<Event> = [&events[..start], &events[end..]].concat();
                if !rest.is_empty() && self.fails(&rest, &[])? {
                    events = rest;
                    smaller = true;
                } else {
                    start = end;
                }
            }
            size = match smaller {
                true => size.min(events.len().div_ceil(2)),
                false if size == 1 => 0,
                false => size / 2,
            };
        }
        Ok(events)
    }

    /// Leaves out flows, unless others wait for them.
    fn flows(&mut self, events: &[Event]) -> Result<(), StageError> {
        if self.model.flows.iter().any(|flow| flow.after.is_some()) {
            return Ok(());
        }
        let mut index = 0;
        while index < self.model.flows.len() && self.model.flows.len() > 1 {
            if self.fails(events, &[index])? {
                self.model.flows.remove(index);
            } else {
                index += 1;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::sim::SimStage;
    use crate::experiment::model;
    use xoff_model::rules::Class;

    fn failure(judge: fn(&Facts<'_>) -> Judged) -> Failure {
        Failure {
            judge,
            expect: expect::SIM,
            known: None,
        }
    }

    /// Loses every seventh packet, once.
    fn lossy() -> (Model, Evidence) {
        let rules = "[[rule]]\nname = \"many\"\naction = \"drop\"\nclass = \"data\"\nevery = 7\n\
                     round = 0\n";
        let model = model("clean", rules).unwrap();
        let evidence = SimStage.observe(&model).unwrap();
        (model, evidence)
    }

    /// Finds fault with every sequence NAK.
    fn no_naks(facts: &Facts<'_>) -> Judged {
        let mut judged = Judged::default();
        for seen in facts.seen.iter().filter(|seen| seen.class == Class::Nak) {
            judged.fault("a NAK".to_owned(), &[seen.number]);
        }
        judged
    }

    #[test]
    fn one_loss_and_one_flow_are_enough_for_a_nak() {
        let (model, evidence) = lossy();
        let events: usize = evidence.rules.iter().map(|rule| rule.hits.len()).sum();
        assert!(events > 10 && model.flows.len() > 3);
        let minimal = shrink(&mut SimStage, &model, &evidence, failure(no_naks), 500).unwrap();
        assert!(minimal.repeatable && minimal.runs < 100, "{minimal:?}");
        assert_eq!((minimal.events.len(), minimal.flows.len()), (1, 1));
        let choice = minimal.choices();
        assert!(choice[0].starts_with("many="), "{choice:?}");
        // What is left fails by itself.
        let mut small = model.clone();
        restrict(
            &mut small,
            &[("many".to_owned(), vec![minimal.events[0].n])],
        );
        let again = SimStage.observe(&small).unwrap();
        assert!(!no_naks(&Facts::new(&again)).faults.is_empty());
    }

    #[test]
    fn what_needs_no_event_has_none() {
        let (model, evidence) = lossy();
        let always = |_: &Facts<'_>| {
            let mut judged = Judged::default();
            judged.fault("always".to_owned(), &[]);
            judged
        };
        let minimal = shrink(&mut SimStage, &model, &evidence, failure(always), 500).unwrap();
        assert_eq!((minimal.events.len(), minimal.flows.len()), (0, 1));
    }

    #[test]
    fn what_the_stack_is_known_for_is_not_looked_for() {
        let (model, evidence) = lossy();
        let judge = |facts: &Facts<'_>| {
            let mut judged = no_naks(facts);
            judged.symptom(
                &xoff_checks::wire::NOT_MIGRATED,
                "MigReq is 0".to_owned(),
                &[],
            );
            judged
        };
        let known = Failure {
            known: xoff_checks::deviations::known("rxe", &xoff_checks::wire::W_07),
            ..failure(judge)
        };
        let minimal = shrink(&mut SimStage, &model, &evidence, known, 500).unwrap();
        assert_eq!((minimal.events.len(), minimal.flows.len()), (1, 1));
    }

    #[test]
    fn a_failure_is_looked_for_with_the_expectations_of_its_profile() {
        let model = model("clean", "").unwrap();
        let evidence = SimStage.observe(&model).unwrap();
        let unlike_adapters = |facts: &Facts<'_>| {
            let mut judged = Judged::default();
            judged.expect(facts.expect != expect::CX5, &[], || "cx5".to_owned());
            judged
        };
        let of_profile = Failure {
            expect: expect::CX5,
            ..failure(unlike_adapters)
        };
        let minimal = shrink(&mut SimStage, &model, &evidence, of_profile, 500).unwrap();
        assert!(minimal.repeatable);
    }
}
