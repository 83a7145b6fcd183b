//! Frames that are held back, for a time or for later frames.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Bytes of held frames at which the wire takes no more until some have gone.
const ENOUGH: usize = 64 << 20;
/// A frame that waits for later ones does not wait longer: there may be none.
const PATIENCE: Duration = Duration::from_secs(1);

/// A frame and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Release {
    pub(super) from: usize,
    /// None: all others.
    pub(super) to: Option<usize>,
    /// A pause for the receiver itself: a wire that is a switch does not take it for its own.
    pub(super) direct: bool,
    pub(super) frame: Vec<u8>,
}

/// Ordered by time, then by arrival.
#[derive(Debug, Default)]
pub(super) struct Held {
    by_time: BTreeMap<(Instant, u64), (Release, u32)>,
    arrivals: u64,
    bytes: usize,
}

impl Held {
    /// Whether frames must go before others may come: none ever goes ahead of its time.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= ENOUGH
    }

    /// Takes a frame and adds to `ready` which frames go now, in order: this one unless it is held,
    /// and then those that have waited for it.
    pub(super) fn hold(
        &mut self,
        release: Release,
        delay: Duration,
        behind: u32,
        now: Instant,
        ready: &mut Vec<Release>,
    ) {
        if behind > 0 || !delay.is_zero() {
            self.arrivals += 1;
            self.bytes += release.frame.len();
            let wait = if behind > 0 { delay + PATIENCE } else { delay };
            self.by_time
                .insert((now + wait, self.arrivals), (release, behind));
            return;
        }
        let (from, to) = (release.from, release.to);
        ready.push(release);
        let mut passed = Vec::new();
        for (key, (held, behind)) in &mut self.by_time {
            if *behind > 0 && (held.from, held.to) == (from, to) {
                *behind -= 1;
                if *behind == 0 {
                    passed.push(*key);
                }
            }
        }
        for (held, _) in passed.iter().filter_map(|key| self.by_time.remove(key)) {
            self.bytes -= held.frame.len();
            ready.push(held);
        }
    }

    /// When the next frame goes.
    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.first_key_value().map(|((at, _), _)| *at)
    }

    /// The frames whose time has come.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Release> {
        let mut due = Vec::new();
        while let Some(entry) = self.by_time.first_entry().filter(|e| e.key().0 <= now) {
            let held = entry.remove().0;
            self.bytes -= held.frame.len();
            due.push(held);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(id: u8) -> Release {
        Release {
            from: 0,
            to: Some(1),
            direct: false,
            frame: vec![id],
        }
    }

    fn hold(
        held: &mut Held,
        frame: Release,
        delay: Duration,
        behind: u32,
        now: Instant,
    ) -> Vec<Release> {
        let mut ready = Vec::new();
        held.hold(frame, delay, behind, now, &mut ready);
        ready
    }

    fn ids(frames: &[Release]) -> Vec<u8> {
        frames.iter().map(|r| r.frame[0]).collect()
    }

    #[test]
    fn later_frames_pass_or_time_does() {
        let (mut held, now) = (Held::default(), Instant::now());
        let zero = Duration::ZERO;
        assert!(hold(&mut held, frame(1), zero, 2, now).is_empty());
        assert_eq!(ids(&hold(&mut held, frame(2), zero, 0, now)), [2]);
        // The other direction does not count.
        let back = Release {
            from: 1,
            to: Some(0),
            direct: false,
            frame: vec![9],
        };
        assert_eq!(ids(&hold(&mut held, back, zero, 0, now)), [9]);
        assert_eq!(ids(&hold(&mut held, frame(3), zero, 0, now)), [3, 1]);
        assert_eq!(held.next(), None);
        hold(&mut held, frame(4), zero, 5, now);
        assert!(held.due(now).is_empty());
        assert_eq!(ids(&held.due(now + PATIENCE)), [4]);
    }

    #[test]
    fn delayed_frames_come_in_the_order_of_their_times() {
        let (mut held, now) = (Held::default(), Instant::now());
        let ms = Duration::from_millis;
        hold(&mut held, frame(1), ms(5), 0, now);
        hold(&mut held, frame(2), ms(3), 0, now);
        hold(&mut held, frame(3), ms(3), 0, now);
        assert_eq!(held.next(), Some(now + ms(3)));
        assert_eq!(ids(&held.due(now + ms(4))), [2, 3]);
        assert_eq!(ids(&held.due(now + ms(9))), [1]);
    }

    #[test]
    fn what_is_held_is_weighed() {
        let (mut held, now) = (Held::default(), Instant::now());
        let heavy = || Release {
            frame: vec![0; ENOUGH / 2],
            ..frame(1)
        };
        hold(&mut held, heavy(), PATIENCE, 0, now);
        assert!(!held.is_full());
        hold(&mut held, heavy(), Duration::ZERO, 1, now);
        assert!(held.is_full());
        assert_eq!(hold(&mut held, frame(2), Duration::ZERO, 0, now).len(), 2);
        assert!(!held.is_full());
        assert_eq!((held.due(now + PATIENCE).len(), held.bytes), (1, 0));
    }
}
