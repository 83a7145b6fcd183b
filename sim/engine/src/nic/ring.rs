//! The order in which queue pairs of a NIC take turns.
//!
//! Every queue pair of a host has a slot for good, in the order in which they were made. A turn
//! goes to the first ready slot behind the last that sent: whoever was held back by a window or by
//! pacing is where it always was, and a newcomer waits for those between, not for everybody.

/// Levels below the uppermost word; 64^5 slots are more than there can be queue pairs.
const LEVELS: usize = 4;
/// No slot has sent yet: the first turn is slot 0's.
pub(crate) const NOBODY: u32 = u32::MAX;

/// The ready slots of one port and class: a bitmap, and above it bitmaps of the words that are
/// not zero, up to a single word. So a turn is found in as many steps as there are levels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ring {
    top: u64,
    /// None: `top` has room for all slots.
    below: Option<Box<Levels>>,
}

/// The levels below the uppermost word.
#[derive(Clone, Debug, Default)]
struct Levels {
    depth: u32,
    /// Where each level begins in `words`, lowest first.
    base: [u32; LEVELS],
    words: Vec<u64>,
}

impl Ring {
    /// Makes room for `slots` slots; a ring that has become larger has none ready yet.
    pub(crate) fn fit(&mut self, slots: usize) {
        if self.below.is_none() && slots > 64 {
            self.below = Some(Box::new(Levels::new(slots)));
        }
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.top == 0
    }

    #[inline]
    pub(crate) fn insert(&mut self, slot: u32) {
        let at = match &mut self.below {
            None => Some(slot),
            Some(levels) => levels.insert(slot),
        };
        if let Some(at) = at {
            self.top |= 1 << (at & 63);
        }
    }

    /// Takes a slot out, if it is there.
    #[inline]
    pub(crate) fn remove(&mut self, slot: u32) {
        let at = match &mut self.below {
            None => Some(slot),
            Some(levels) => levels.remove(slot),
        };
        if let Some(at) = at {
            self.top &= !(1 << (at & 63));
        }
    }

    /// The first ready slot behind `last`, from the beginning again after the end. The ring must
    /// not be empty.
    #[inline]
    pub(crate) fn next(&self, last: u32) -> u32 {
        match &self.below {
            // Nobody is 63 here, behind which there is nothing: shifts in two steps, as each must
            // be below 64.
            None => first(self.top, u64::MAX << 1 << (last & 63)),
            Some(levels) => levels.next(self.top, last),
        }
    }
}

/// The first bit of `top` among those `behind`, or the first of all.
#[inline]
const fn first(top: u64, behind: u64) -> u32 {
    let from = if top & behind != 0 { top & behind } else { top };
    from.trailing_zeros()
}

impl Levels {
    fn new(slots: usize) -> Self {
        let mut levels = Levels::default();
        let (mut bits, mut words) = (slots, 0);
        while bits > 64 {
            levels.base[levels.depth as usize] = words;
            levels.depth += 1;
            // One word more than needed: whoever looks behind the last slot finds nothing there.
            bits = bits / 64 + 1;
            words += bits as u32;
        }
        levels.words = vec![0; words as usize];
        levels
    }

    fn bases(&self) -> std::iter::Take<std::array::IntoIter<u32, LEVELS>> {
        self.base.into_iter().take(self.depth as usize)
    }

    /// The bit of the uppermost word that is to be set, if one is.
    fn insert(&mut self, slot: u32) -> Option<u32> {
        let mut at = slot;
        for base in self.bases() {
            let word = &mut self.words[(base + at / 64) as usize];
            let was = *word;
            *word |= 1 << (at % 64);
            if was != 0 {
                return None;
            }
            at /= 64;
        }
        Some(at)
    }

    /// The bit of the uppermost word that is to be cleared, if one is.
    fn remove(&mut self, slot: u32) -> Option<u32> {
        let mut at = slot;
        for base in self.bases() {
            let word = &mut self.words[(base + at / 64) as usize];
            *word &= !(1 << (at % 64));
            if *word != 0 {
                return None;
            }
            at /= 64;
        }
        Some(at)
    }

    fn next(&self, top: u64, last: u32) -> u32 {
        let mut at = last.wrapping_add(1);
        for (level, base) in (0..).zip(self.bases()) {
            let ready = self.words[(base + at / 64) as usize] & u64::MAX << (at % 64);
            if ready != 0 {
                return self.lowest(level, at / 64 * 64 + ready.trailing_zeros());
            }
            at = at / 64 + 1;
        }
        let behind = if at < 64 { u64::MAX << at } else { 0 };
        self.lowest(self.depth as usize, first(top, behind))
    }

    /// The first slot below the bit `at` of a level.
    fn lowest(&self, level: usize, mut at: u32) -> u32 {
        for &base in self.base[..level].iter().rev() {
            at = at * 64 + self.words[(base + at) as usize].trailing_zeros();
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn turn(ready: &BTreeSet<u32>, last: u32) -> Option<u32> {
        let behind = ready.range(last.wrapping_add(1)..).next();
        behind.or(ready.first()).copied()
    }

    #[test]
    fn turns_go_round_the_slots_and_newcomers_are_met_in_their_place() {
        let mut ring = Ring::default();
        ring.fit(5);
        for slot in [0, 1, 3] {
            ring.insert(slot);
        }
        assert_eq!(ring.next(NOBODY), 0);
        assert_eq!(ring.next(0), 1);
        ring.insert(2);
        assert_eq!(ring.next(1), 2);
        ring.insert(4);
        ring.remove(3);
        assert_eq!(ring.next(2), 4);
        assert_eq!(ring.next(4), 0);
        for slot in 0..5 {
            ring.remove(slot);
        }
        assert!(ring.is_empty());
    }

    proptest! {
        /// As an ordered set gives them, for rings of one level to four.
        #[test]
        fn turns_are_those_of_an_ordered_set(
            size in prop_oneof![
                1..=64u32,
                65..=4_200u32,
                260_000..=264_000u32,
                Just(17_000_000u32),
            ],
            steps in prop::collection::vec((any::<u32>(), any::<bool>()), 1..200),
        ) {
            let (mut ring, mut ready) = (Ring::default(), BTreeSet::new());
            ring.fit(size as usize);
            let mut last = NOBODY;
            for (draw, add) in steps {
                // Half of the draws near the ends.
                let slot = match draw % 2 {
                    0 => draw / 2 % size,
                    _ => size - 1 - draw % 70 % size,
                };
                if add {
                    ring.insert(slot);
                    ready.insert(slot);
                } else {
                    ring.remove(slot);
                    ready.remove(&slot);
                }
                prop_assert_eq!(ring.is_empty(), ready.is_empty());
                if let Some(expected) = turn(&ready, last) {
                    prop_assert_eq!(ring.next(last), expected);
                    last = expected;
                }
            }
        }
    }
}
