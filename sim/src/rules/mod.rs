//! Rules: which frames a wire drops, repeats, delays, reorders or changes, and what it adds.
//!
//! [`classify`] says what a dissected frame is, [`Tracker`] which packet of its queue pair and which
//! transmission of it, [`Rules`] what is to be done, [`edit`] and [`inject`] do what concerns bytes.
//! Nothing here knows where frames come from.

mod classify;
pub mod edit;
pub mod inject;
mod track;

pub use classify::{Class, classify};
pub use track::{Place, Tracker};

use crate::rng::{Purpose, Stream};
use crate::time::SimDuration;
use crate::units::Probability;
use crate::wire::dissect::Dissected;

/// One rule: the frames that fit, those of them that are chosen, and what happens to these.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// For reports.
    pub name: String,
    pub filter: Filter,
    pub choice: Choice,
    /// It acts in the sending host, before the frame is on the wire: the host is what seems wrong.
    pub stack: bool,
    pub action: Action,
}

/// Which frames fit. What is None or empty does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub classes: Vec<Class>,
    /// Hosts, by number.
    pub from: Option<u32>,
    /// Never fits frames to a group.
    pub to: Option<u32>,
    /// Number of the queue pair among those that frames of this sender went to, from 0.
    pub qp: Option<u32>,
    /// First and last PSN, relative to the first that was seen of the queue pair.
    pub psn: Option<(u32, u32)>,
    /// 0: the first transmission of a PSN; n: its n-th repetition.
    pub round: Option<u32>,
}

/// Which of the frames that fit are chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// These, counted from 1. Empty: all.
    pub nth: Vec<u64>,
    /// Every k-th. 0: all.
    pub every: u64,
    pub probability: Option<Probability>,
    /// At most so many.
    pub limit: Option<u64>,
    /// Only from this time on, since the beginning of the run. Others are not counted as fitting.
    pub after: Option<SimDuration>,
    /// Only before this time.
    pub until: Option<SimDuration>,
}

/// What is done to a chosen frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Drop,
    /// This many more.
    Duplicate {
        copies: u8,
    },
    Delay(SimDuration),
    /// Let so many later frames between the same hosts pass first.
    Reorder {
        by: u32,
    },
    Edit(edit::Edit),
    /// Adds a frame.
    Inject(inject::Inject),
}

/// A frame at the wire.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub from: u32,
    /// None: to a group, or to nobody that is known.
    pub to: Option<u32>,
    pub class: Class,
    pub place: Option<Place>,
}

/// What to do with a frame: everything that chose it, in the order of the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    pub drop: bool,
    pub copies: u32,
    pub delay: SimDuration,
    /// Frames that go first.
    pub behind: u32,
    pub edits: Vec<edit::Edit>,
    /// Made from the frame as it came, before edits. They go even if it is dropped.
    pub injections: Vec<inject::Inject>,
}

/// What became of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Frames that fitted.
    pub matched: u64,
    /// Of these, chosen.
    pub applied: u64,
}

/// A rule acted on a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Which of the frames that fitted, from 1.
    pub n: u64,
    pub class: Class,
    pub place: Option<Place>,
}

impl std::fmt::Display for Hit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.class.name())?;
        let Some(place) = self.place else {
            return Ok(());
        };
        if let Some(qp) = place.qp {
            write!(f, ", queue pair {qp}")?;
        }
        write!(f, ", PSN +{}, round {}", place.psn, place.round)
    }
}

/// Hits that are remembered of each rule: the first ones.
const MAX_HITS: usize = 4096;

/// A rule at work.
#[derive(Clone, Debug)]
struct Acting {
    rule: Rule,
    stream: Stream,
    count: Count,
    hits: Vec<Hit>,
}

/// Rules at work.
#[derive(Clone, Debug)]
pub struct Rules {
    rules: Vec<Acting>,
    tracker: Tracker,
}

impl Rules {
    /// The rules of the wire among these.
    pub fn new(rules: &[Rule], seed: u64) -> Rules {
        Rules::of(rules, seed, false)
    }

    /// Those that act in sending hosts.
    pub fn stack(rules: &[Rule], seed: u64) -> Rules {
        Rules::of(rules, seed, true)
    }

    fn of(rules: &[Rule], seed: u64, stack: bool) -> Rules {
        // A rule has the chances of its place in the file.
        let stream = |index: usize| Stream::new(seed, index as u32, 0, Purpose::Rule);
        let with_state = |(index, rule): (usize, &Rule)| Acting {
            rule: rule.clone(),
            stream: stream(index),
            count: Count::default(),
            hits: Vec::new(),
        };
        let all = rules.iter().enumerate();
        Rules {
            rules: all
                .filter(|(_, rule)| rule.stack == stack)
                .map(with_state)
                .collect(),
            tracker: Tracker::default(),
        }
    }

    /// Says what is to be done with the next frame, `at` this time since the beginning of the run.
    /// Once per frame, in the order of arrival.
    pub fn decide(
        &mut self,
        from: u32,
        to: Option<u32>,
        frame: &Dissected<'_>,
        at: SimDuration,
    ) -> Decision {
        if self.rules.is_empty() {
            return Decision::default();
        }
        let class = classify(frame);
        let place = self.tracker.place(from, class, frame);
        let seen = Seen {
            from,
            to,
            class,
            place,
        };
        self.judge(&seen, at)
    }

    fn judge(&mut self, seen: &Seen, at: SimDuration) -> Decision {
        let mut decision = Decision::default();
        for Acting {
            rule,
            stream,
            count,
            hits,
        } in &mut self.rules
        {
            // Later rules see what earlier ones let through.
            if decision.drop || !rule.choice.is_open(at) || !rule.filter.fits(seen) {
                continue;
            }
            count.matched += 1;
            if !rule.choice.takes(count, stream) {
                continue;
            }
            count.applied += 1;
            if hits.len() < MAX_HITS {
                hits.push(Hit {
                    n: count.matched,
                    class: seen.class,
                    place: seen.place,
                });
            }
            match rule.action {
                Action::Drop => decision.drop = true,
                Action::Duplicate { copies } => decision.copies += u32::from(copies),
                Action::Delay(time) => decision.delay += time,
                Action::Reorder { by } => decision.behind = decision.behind.max(by),
                Action::Edit(edit) => decision.edits.push(edit),
                Action::Inject(inject) => decision.injections.push(inject),
            }
        }
        decision
    }

    /// What became of each rule, in the order given.
    pub fn counts(&self) -> impl Iterator<Item = (&Rule, Count)> {
        self.rules.iter().map(|acting| (&acting.rule, acting.count))
    }

    /// The first frames on which each rule acted, in the order given.
    pub fn hits(&self) -> impl Iterator<Item = &[Hit]> {
        self.rules.iter().map(|acting| &acting.hits[..])
    }
}

impl Filter {
    fn fits(&self, seen: &Seen) -> bool {
        let same = |wanted: Option<u32>, found: Option<u32>| wanted.is_none() || wanted == found;
        let place = seen.place;
        let in_range =
            |(first, last): (u32, u32)| place.is_some_and(|p| (first..=last).contains(&p.psn));
        (self.classes.is_empty() || self.classes.contains(&seen.class))
            && same(self.from, Some(seen.from))
            && same(self.to, seen.to)
            && same(self.qp, place.and_then(|p| p.qp))
            && same(self.round, place.map(|p| p.round))
            && self.psn.is_none_or(in_range)
    }
}

impl Choice {
    fn is_open(&self, at: SimDuration) -> bool {
        self.after.is_none_or(|after| at >= after) && self.until.is_none_or(|until| at < until)
    }

    fn takes(&self, count: &Count, stream: &mut Stream) -> bool {
        let n = count.matched;
        // Drawn for every frame that fits, so that other conditions do not shift the sequence.
        let lucky = self.probability.is_none_or(|p| p.hit(stream.next_u32()));
        (self.nth.is_empty() || self.nth.contains(&n))
            && (self.every == 0 || n.is_multiple_of(self.every))
            && self.limit.is_none_or(|limit| count.applied < limit)
            && lucky
    }
}

#[cfg(test)]
mod tests;
