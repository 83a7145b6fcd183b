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
use xoff_wire::dissect::{Link, dissect};

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
    /// Those that found something to change.
    pub edits: Vec<edit::Edit>,
    /// Made from the frame as it came, before edits, to go before it and behind it. They go even if
    /// it is dropped.
    pub ahead: Vec<(inject::Made, Vec<u8>)>,
    pub after: Vec<(inject::Made, Vec<u8>)>,
}

/// One of the frames that go on where one came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Car {
    pub load: Load,
    pub delay: SimDuration,
    /// Later frames that go first.
    pub behind: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Load {
    /// The frame that came, as edited.
    Itself,
    /// One more of it.
    Copy,
    Made(inject::Made, Vec<u8>),
}

impl Load {
    /// Whether it is a pause that a rule made.
    pub const fn is_pause(&self) -> bool {
        use inject::Made;
        matches!(self, Load::Made(Made::Pfc { .. } | Made::Pause { .. }, _))
    }
}

impl Decision {
    /// What goes on, in order: what is injected before the frame at once, copies with its delay, the
    /// frame, and with it what is injected behind, but for pauses: nothing is ordered by them.
    pub fn train(self) -> impl Iterator<Item = Car> {
        let at_once = |load| Car {
            load,
            delay: SimDuration::ZERO,
            behind: 0,
        };
        let late = move |load, behind| Car {
            load,
            delay: self.delay,
            behind,
        };
        let (drop, behind) = (self.drop, self.behind);
        let made = |(made, frame)| Load::Made(made, frame);
        let copies = if drop { 0 } else { self.copies };
        let itself = (!drop).then(|| late(Load::Itself, behind));
        let after = move |load: Load| match drop || load.is_pause() {
            true => at_once(load),
            false => late(load, behind),
        };
        let ahead = self.ahead.into_iter().map(made).map(at_once);
        ahead
            .chain((0..copies).map(move |_| late(Load::Copy, 0)))
            .chain(itself)
            .chain(self.after.into_iter().map(made).map(after))
    }

    /// Does one more thing. False: there is nothing about the frame that it could be done to.
    fn add(&mut self, action: Action, frame: &[u8], edited: &mut Vec<u8>) -> bool {
        match action {
            Action::Drop => self.drop = true,
            Action::Duplicate { copies } => self.copies += u32::from(copies),
            Action::Delay(time) => self.delay += time,
            Action::Reorder { by } => self.behind = self.behind.max(by),
            Action::Edit(edit) => {
                if self.edits.is_empty() {
                    edited.clear();
                    edited.extend_from_slice(frame);
                }
                let changed = edit::apply(edit, edited);
                self.edits.extend(changed.then_some(edit));
                return changed;
            }
            Action::Inject(inject) => {
                let Some(made) = inject::make(inject.frame, frame) else {
                    return false;
                };
                let place = match inject.before {
                    true => &mut self.ahead,
                    false => &mut self.after,
                };
                place.push((inject.frame, made));
            }
        }
        true
    }
}

/// What became of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Frames that fitted.
    pub matched: u64,
    /// Of these, chosen, and something was done to them: what a rule wants may be impossible, such as
    /// another AETH where there is none.
    pub applied: u64,
}

/// Why a rule with these counts has shown nothing, if so.
pub const fn idle(matched: u64, applied: u64) -> Option<&'static str> {
    match (matched, applied) {
        (0, _) => Some("it never matched"),
        (_, 0) => Some("it did nothing to the frames that fitted"),
        _ => None,
    }
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

impl Acting {
    fn judge(
        &mut self,
        seen: &Seen,
        (frame, edited): (&[u8], &mut Vec<u8>),
        at: SimDuration,
        decision: &mut Decision,
    ) {
        let Rule {
            filter,
            choice,
            action,
            ..
        } = &self.rule;
        if !choice.is_open(at) || !filter.fits(seen) {
            return;
        }
        self.count.matched += 1;
        let chosen = choice.takes(&self.count, &mut self.stream);
        if !chosen || !decision.add(*action, frame, edited) {
            return;
        }
        self.count.applied += 1;
        if self.hits.len() < MAX_HITS {
            self.hits.push(Hit {
                n: self.count.matched,
                class: seen.class,
                place: seen.place,
            });
        }
    }
}

/// Rules at work.
#[derive(Clone, Debug)]
pub struct Rules {
    rules: Vec<Acting>,
    tracker: Tracker,
    /// The last frame that was edited: every frame has its turn here.
    edited: Vec<u8>,
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
            edited: Vec::new(),
        }
    }

    /// Says what is to be done with the next frame of Ethernet, `at` this time since the beginning of
    /// the run. Once per frame, in the order of arrival.
    pub fn decide(
        &mut self,
        from: u32,
        to: Option<u32>,
        frame: &[u8],
        at: SimDuration,
    ) -> Decision {
        if self.rules.is_empty() {
            return Decision::default();
        }
        let dissected = dissect(Link::Ethernet, frame, frame.len() as u32);
        let class = classify(&dissected);
        let place = self.tracker.place(from, class, &dissected);
        let seen = Seen {
            from,
            to,
            class,
            place,
        };
        let mut decision = Decision::default();
        for acting in &mut self.rules {
            // Later rules see what earlier ones let through.
            if !decision.drop {
                acting.judge(&seen, (frame, &mut self.edited), at, &mut decision);
            }
        }
        decision
    }

    /// Nothing can happen to any frame.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What the edits of the last decision made of its frame, if there are any.
    pub fn edited(&self) -> &[u8] {
        &self.edited
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
