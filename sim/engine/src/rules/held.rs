//! Frames that rules hold back, for a time or for later frames.

use crate::packet::PacketId;
use crate::port::NEVER;
use std::collections::BTreeMap;
use xoff_model::topology::fabric::PortId;

/// Where a frame that was held goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// Out of this queue of a host's port.
    Queue(PortId, u8),
    /// To the other end of the link that leads away from this port.
    Link(PortId),
    /// Into effect at this port: a pause frame.
    Pause(PortId),
}

impl Way {
    /// Whether it is on the link away from a port.
    fn is_on(self, port: PortId) -> bool {
        self == Way::Link(port)
    }
}

/// Sender and receiver; None: a group.
pub(super) type Pair = (u32, Option<u32>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) id: PacketId,
    pub(super) way: Way,
    pair: Pair,
    /// Later frames of the pair that go first; 0: only time counts.
    behind: u32,
}

/// Ordered by time, then by where they go on, then in the order of arrival there.
#[derive(Debug)]
pub(crate) struct Holding {
    by_time: BTreeMap<(u64, Way, u64), Held>,
    arrivals: u64,
    /// Time of the pending Release event.
    pub(super) event_at: u64,
}

impl Default for Holding {
    fn default() -> Self {
        Holding {
            by_time: BTreeMap::new(),
            arrivals: 0,
            event_at: NEVER,
        }
    }
}

impl Holding {
    /// Holds a frame until `at`, or until `behind` later ones of its pair have passed.
    pub(super) fn hold(&mut self, at: u64, id: PacketId, way: Way, pair: Pair, behind: u32) {
        self.arrivals += 1;
        let held = Held {
            id,
            way,
            pair,
            behind,
        };
        self.by_time.insert((at, way, self.arrivals), held);
    }

    /// A frame of `pair` goes by the same kind of way: those that have waited for it, in order.
    pub(super) fn passed(&mut self, way: Way, pair: Pair) -> Vec<Held> {
        let mut ready = Vec::new();
        let same = |held: &Held| {
            std::mem::discriminant(&held.way) == std::mem::discriminant(&way) && held.pair == pair
        };
        for (key, held) in &mut self.by_time {
            if held.behind > 0 && same(held) {
                held.behind -= 1;
                if held.behind == 0 {
                    ready.push(*key);
                }
            }
        }
        let taken = ready.iter().filter_map(|key| self.by_time.remove(key));
        taken.collect()
    }

    /// When the next frame goes.
    pub(super) fn next(&self) -> Option<u64> {
        self.by_time.first_key_value().map(|((at, ..), _)| *at)
    }

    /// The next frame whose time has come.
    pub(super) fn due(&mut self, now: u64) -> Option<Held> {
        let entry = self.by_time.first_entry().filter(|e| e.key().0 <= now)?;
        Some(entry.remove())
    }

    /// Frames held on the link away from a port.
    pub(crate) fn on_link(&self, port: PortId) -> u64 {
        let here = self.by_time.values().filter(|held| held.way.is_on(port));
        here.count() as u64
    }

    /// Takes them.
    pub(crate) fn take_from_link(&mut self, port: PortId) -> Vec<PacketId> {
        let mut taken = Vec::new();
        self.by_time.retain(|_, held| {
            let here = held.way.is_on(port);
            if here {
                taken.push(held.id);
            }
            !here
        });
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAY: Way = Way::Link(3);

    #[test]
    fn later_frames_pass_or_time_does() {
        let mut held = Holding::default();
        held.hold(100, 1, WAY, (0, Some(1)), 2);
        held.hold(50, 2, WAY, (0, Some(1)), 0);
        assert!(held.passed(WAY, (1, Some(0))).is_empty());
        assert!(held.passed(Way::Queue(3, 0), (0, Some(1))).is_empty());
        assert!(held.passed(WAY, (0, Some(1))).is_empty());
        let ready = held.passed(WAY, (0, Some(1)));
        assert_eq!(ready.iter().map(|h| h.id).collect::<Vec<_>>(), [1]);
        assert_eq!((held.next(), held.due(49)), (Some(50), None));
        assert_eq!(held.due(50).map(|h| h.id), Some(2));
        held.hold(9, 5, WAY, (0, Some(1)), 3);
        assert_eq!(held.due(9).map(|h| h.id), Some(5));
    }

    #[test]
    fn a_link_takes_its_frames_with_it() {
        let mut held = Holding::default();
        held.hold(1, 1, Way::Link(3), (0, None), 0);
        held.hold(2, 2, Way::Link(4), (0, None), 0);
        held.hold(3, 3, Way::Pause(3), (0, None), 0);
        assert_eq!(held.on_link(3), 1);
        assert_eq!(held.take_from_link(3), [1]);
        assert_eq!((held.on_link(3), held.on_link(4)), (0, 1));
    }
}
