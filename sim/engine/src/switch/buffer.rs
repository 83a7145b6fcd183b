//! The shared buffer (MMU) of a switch: per-group reserve, dynamic or static threshold on the
//! shared part, headroom above it for lossless groups.
//!
//! A group's bytes lie first in its reserve, then in the shared part up to its threshold, and then,
//! if it is lossless, in headroom. Using headroom, or reaching the threshold, is what makes a group
//! pause its sender; it resumes when headroom is empty and usage has fallen `xon_offset` below the
//! threshold. Leaving packets free headroom first.

use xoff_model::Limit;

/// A limit ready for use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// alpha = mul / 2^shift of the free shared bytes; 0: `fixed` holds.
    mul: u32,
    shift: u32,
    fixed: u32,
}

impl Threshold {
    pub const UNLIMITED: Threshold = Threshold {
        mul: 0,
        shift: 0,
        fixed: u32::MAX,
    };

    /// `rate_doublings`: how often the port's rate doubles that of the slowest host.
    pub fn new(limit: Limit, rate_doublings: u32) -> Self {
        match limit {
            Limit::Unlimited => Self::UNLIMITED,
            Limit::Static(bytes) => Threshold {
                mul: 0,
                shift: 0,
                fixed: bytes.0.min(u64::from(u32::MAX)) as u32,
            },
            Limit::Dynamic { num, den } if den.is_power_of_two() => Threshold {
                mul: num,
                shift: den.trailing_zeros(),
                fixed: 0,
            },
            // Other denominators are rounded to 2^-16 of the free bytes.
            Limit::Dynamic { num, den } => {
                let scaled = (u64::from(num) << 16) / u64::from(den.max(1));
                Threshold {
                    mul: scaled.min(u64::from(u32::MAX)) as u32,
                    shift: 16,
                    fixed: 0,
                }
            }
            Limit::DynamicByRate { shift } => Threshold {
                mul: 1,
                shift: shift.saturating_sub(rate_doublings),
                fixed: 0,
            },
        }
    }

    #[inline]
    pub fn bytes(self, free: u32) -> u32 {
        if self.mul == 0 {
            return self.fixed;
        }
        ((u64::from(free) * u64::from(self.mul)) >> self.shift).min(u64::from(u32::MAX)) as u32
    }
}

/// An ingress priority group of one port.
#[derive(Clone, Debug)]
pub struct Group {
    /// Bytes in reserve and shared part.
    pub used: u32,
    pub headroom_used: u32,
    pub headroom: u32,
    pub reserve: u32,
    pub xon_offset: u32,
    pub threshold: Threshold,
    pub lossless: bool,
    /// Sends pause for these priorities; 0: never.
    pub pause_mask: u8,
    pub paused: bool,
    pub peak: u32,
    pub headroom_peak: u32,
    /// Least that it held when it paused its sender; 0: it never did.
    pub pause_least: u32,
}

impl Group {
    pub const UNUSED: Group = Group {
        used: 0,
        headroom_used: 0,
        headroom: 0,
        reserve: 0,
        xon_offset: 0,
        threshold: Threshold::UNLIMITED,
        lossless: false,
        pause_mask: 0,
        paused: false,
        peak: 0,
        headroom_peak: 0,
        pause_least: 0,
    };

    #[inline]
    fn shared(&self) -> u32 {
        self.used.saturating_sub(self.reserve)
    }
}

/// The parts of a switch's buffer that all ports share.
#[derive(Clone, Debug)]
pub struct Pool {
    pub size: u32,
    /// size - reserves - headrooms.
    pub shared_size: u32,
    pub shared_used: u32,
    /// Headroom pool; None: each group has its own.
    pub headroom_pool: Option<u32>,
    pub headroom_used: u32,
    pub used: u32,
    pub peak: u32,
}

/// Outcome of an admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Admitted,
    /// A lossy group is above its limit.
    OverLimit,
    /// A lossless group has no headroom left.
    HeadroomFull,
    /// The headroom pool, which a lossless group shares with others, has none left.
    HeadroomPoolFull,
}

impl Pool {
    #[inline]
    pub fn free(&self) -> u32 {
        self.shared_size - self.shared_used
    }

    /// Takes `bytes` for a group, or refuses.
    #[inline]
    pub fn admit(&mut self, group: &mut Group, bytes: u32) -> Admission {
        let used = group.used + bytes;
        let shared_after = used.saturating_sub(group.reserve);
        let from_shared = shared_after - group.shared();
        let free = self.free();
        if shared_after == 0 || shared_after <= group.threshold.bytes(free) && from_shared <= free {
            group.used = used;
            self.shared_used += from_shared;
            group.peak = group.peak.max(used);
        } else if !group.lossless {
            return Admission::OverLimit;
        } else if self.headroom_left(group) < bytes {
            return match self.headroom_pool {
                Some(_) => Admission::HeadroomPoolFull,
                None => Admission::HeadroomFull,
            };
        } else {
            group.headroom_used += bytes;
            self.headroom_used += bytes;
            group.headroom_peak = group.headroom_peak.max(group.headroom_used);
        }
        self.used += bytes;
        self.peak = self.peak.max(self.used);
        assert!(self.used <= self.size, "buffer occupancy above its size");
        Admission::Admitted
    }

    fn headroom_left(&self, group: &Group) -> u32 {
        match self.headroom_pool {
            Some(pool) => pool - self.headroom_used,
            None => group.headroom - group.headroom_used,
        }
    }

    /// Returns `bytes` of a group that leave.
    #[inline]
    pub fn release(&mut self, group: &mut Group, bytes: u32) {
        let from_headroom = group.headroom_used.min(bytes);
        let rest = bytes - from_headroom;
        let from_shared = rest.min(group.shared());
        group.headroom_used -= from_headroom;
        self.headroom_used -= from_headroom;
        group.used -= rest;
        self.shared_used -= from_shared;
        self.used -= bytes;
    }

    #[inline]
    pub fn should_pause(&self, group: &Group) -> bool {
        !group.paused
            && (group.headroom_used > 0 || group.shared() >= group.threshold.bytes(self.free()))
    }

    #[inline]
    pub fn should_resume(&self, group: &Group) -> bool {
        group.paused && group.headroom_used == 0 && {
            let shared = group.shared();
            let limit = u64::from(group.threshold.bytes(self.free()));
            shared == 0 || u64::from(shared) + u64::from(group.xon_offset) <= limit
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use xoff_model::units::Bytes;

    fn pool(shared: u32, headroom: u32) -> Pool {
        Pool {
            size: shared + headroom,
            shared_size: shared,
            shared_used: 0,
            headroom_pool: None,
            headroom_used: 0,
            used: 0,
            peak: 0,
        }
    }

    fn group(limit: Limit, headroom: u32) -> Group {
        Group {
            headroom,
            xon_offset: 2_000,
            threshold: Threshold::new(limit, 0),
            lossless: headroom > 0,
            ..Group::UNUSED
        }
    }

    #[test]
    fn lossless_group_pauses_then_uses_headroom_then_drops() {
        let mut pool = pool(100_000, 3_000);
        let mut g = group(Limit::Static(Bytes(10_000)), 3_000);
        for _ in 0..9 {
            assert_eq!(pool.admit(&mut g, 1_000), Admission::Admitted);
            assert!(!pool.should_pause(&g));
        }
        assert_eq!(pool.admit(&mut g, 1_000), Admission::Admitted);
        assert!(pool.should_pause(&g));
        g.paused = true;
        for _ in 0..3 {
            assert_eq!(pool.admit(&mut g, 1_000), Admission::Admitted);
        }
        assert_eq!(g.headroom_used, 3_000);
        assert_eq!(pool.admit(&mut g, 1_000), Admission::HeadroomFull);
        pool.release(&mut g, 3_000);
        assert!(!pool.should_resume(&g));
        pool.release(&mut g, 2_000);
        assert!(pool.should_resume(&g));
    }

    #[test]
    fn dynamic_threshold_is_alpha_times_free() {
        let mut pool = pool(8_000, 0);
        let mut g = group(Limit::Dynamic { num: 1, den: 1 }, 0);
        for _ in 0..4 {
            assert_eq!(pool.admit(&mut g, 1_000), Admission::Admitted);
        }
        assert_eq!(pool.admit(&mut g, 1_000), Admission::OverLimit);
    }

    #[test]
    fn faster_ports_get_a_larger_share() {
        let at =
            |doublings| Threshold::new(Limit::DynamicByRate { shift: 3 }, doublings).bytes(8_000);
        assert_eq!(
            [at(0), at(1), at(2), at(3), at(4)],
            [1_000, 2_000, 4_000, 8_000, 8_000]
        );
    }

    proptest! {
        #[test]
        fn accounting_closes(ops in prop::collection::vec((0usize..3, 64u32..4_000), 1..400)) {
            let mut pool = pool(60_000, 30_000);
            let mut groups = [
                group(Limit::Dynamic { num: 1, den: 2 }, 15_000),
                group(Limit::Static(Bytes(9_000)), 15_000),
                group(Limit::Dynamic { num: 1, den: 3 }, 0),
            ];
            let mut held: [Vec<u32>; 3] = Default::default();
            for (i, size) in ops {
                if size % 3 == 0 && !held[i].is_empty() {
                    let bytes = held[i].remove(0);
                    pool.release(&mut groups[i], bytes);
                } else if pool.admit(&mut groups[i], size) == Admission::Admitted {
                    held[i].push(size);
                }
                let total: u32 = held.iter().flatten().sum();
                prop_assert_eq!(pool.used, total);
                for (g, h) in groups.iter().zip(&held) {
                    prop_assert_eq!(g.used + g.headroom_used, h.iter().sum::<u32>());
                }
            }
            for i in 0..3 {
                for bytes in held[i].drain(..) {
                    pool.release(&mut groups[i], bytes);
                }
            }
            prop_assert_eq!((pool.used, pool.shared_used, pool.headroom_used), (0, 0, 0));
        }
    }
}
