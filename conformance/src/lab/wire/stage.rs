//! Where rules are obeyed: frames go in, and come out as the rules want.

use super::held::{Held, Release};
use std::time::{Duration, Instant};
use xoff_sim::rules::{Rules, edit, inject};
use xoff_sim::time::SimDuration;
use xoff_sim::wire::dissect::{Link, dissect};

/// Rules and the frames that they hold back.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) rules: Rules,
    pub(super) held: Held,
}

/// Who sends a frame to whom, as ports and as rules number them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) from: (usize, u32),
    /// None: to a group, or to nobody that is known.
    pub(super) to: Option<(usize, u32)>,
}

impl Stage {
    pub(super) fn new(rules: Rules) -> Stage {
        Stage {
            rules,
            held: Held::default(),
        }
    }

    /// The next frame, `at` this time of the run. Says which frames go now, in order.
    pub(super) fn pass(
        &mut self,
        frame: Vec<u8>,
        way: Way,
        at: SimDuration,
        now: Instant,
    ) -> Vec<Release> {
        let decision = {
            let dissected = dissect(Link::Ethernet, &frame, frame.len() as u32);
            let receiver = way.to.map(|(_, node)| node);
            self.rules.decide(way.from.1, receiver, &dissected, at)
        };
        let made = |before: bool| {
            let wanted = decision
                .injections
                .iter()
                .filter(move |i| i.before == before);
            wanted.filter_map(|i| inject::make(i.frame, &frame))
        };
        // Frame, and whether later ones may pass it.
        let mut train: Vec<(Vec<u8>, bool)> = made(true).map(|frame| (frame, true)).collect();
        let after: Vec<Vec<u8>> = made(false).collect();
        if !decision.drop {
            let mut changed = frame;
            for change in &decision.edits {
                edit::apply(*change, &mut changed);
            }
            for copy in 0..decision.copies {
                train.push((changed.clone(), copy == 0));
            }
            train.push((changed, decision.copies == 0));
        }
        train.extend(after.into_iter().map(|frame| (frame, true)));
        let delay = Duration::from_nanos(decision.delay.ns());
        let mut released = Vec::new();
        for (frame, passed) in train {
            let release = Release {
                from: way.from.0,
                to: way.to.map(|(port, _)| port),
                frame,
            };
            let behind = if passed { decision.behind } else { 0 };
            released.extend(self.held.hold(release, delay, behind, now));
        }
        released
    }
}
