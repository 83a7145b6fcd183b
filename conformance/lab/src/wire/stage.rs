//! Where rules are obeyed: frames go in, and come out as the rules want.

use super::held::{Held, Release};
use std::time::{Duration, Instant};
use xoff_model::rules::{Load, Rules};
use xoff_model::time::SimDuration;

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
    /// A pause of the wire's own for this port.
    pub(super) paused: Option<usize>,
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
        let receiver = way.to.map(|(_, node)| node);
        let decision = self.rules.decide(way.from.1, receiver, &frame, at);
        let mut frame = frame;
        if !decision.edits.is_empty() {
            self.rules.edited().clone_into(&mut frame);
        }
        let mut released = Vec::new();
        let to = way.to.map(|(port, _)| port).or(way.paused);
        for car in decision.train() {
            let release = Release {
                from: way.from.0,
                to,
                direct: way.paused.is_some() || to.is_some() && car.load.is_pause(),
                frame: match car.load {
                    Load::Copy => frame.clone(),
                    // Copies go before it.
                    Load::Itself => std::mem::take(&mut frame),
                    Load::Made(_, made) => made,
                },
            };
            let delay = Duration::from_nanos(car.delay.ns());
            self.held
                .hold(release, delay, car.behind, now, &mut released);
        }
        released
    }
}
