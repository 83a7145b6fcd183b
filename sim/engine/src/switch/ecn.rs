//! ECN marking by queue length at dequeue (WRED curve: 0 below Kmin, rising to Pmax at Kmax, 1
//! above), and in-band telemetry.

use crate::Sim;
use crate::packet::{PacketId, flag};
use xoff_model::topology::fabric::PortId;
use xoff_model::units::BitRate;
use xoff_model::{EcnAction, EcnSpec, EcnThresholds};

/// Marking thresholds of one egress queue.
#[derive(Clone, Copy, Debug)]
pub struct Marking {
    kmin: u32,
    kmax: u32,
    /// Pmax in parts of 2^32.
    pmax: u64,
    action: EcnAction,
}

impl Marking {
    /// The thresholds that a specification gives for a port's rate, if any.
    pub fn new(spec: &EcnSpec, rate: BitRate) -> Option<Self> {
        let any = BitRate::default();
        let of = |wanted| {
            spec.by_rate
                .iter()
                .find(|t: &&EcnThresholds| t.rate == wanted)
        };
        let t = of(rate).or_else(|| of(any))?;
        let clamp = |bytes: u64| bytes.min(u64::from(u32::MAX)) as u32;
        Some(Marking {
            kmin: clamp(t.kmin.0),
            kmax: clamp(t.kmax.0),
            pmax: t.pmax.parts(),
            action: spec.action,
        })
    }

    /// Whether it drops some packets instead of marking them.
    pub fn drops(&self) -> bool {
        self.action != EcnAction::Mark
    }

    /// Probability of a mark at a queue length, in parts of 2^32.
    pub fn probability(&self, bytes: u32) -> u64 {
        if bytes > self.kmax {
            1 << 32
        } else if bytes <= self.kmin {
            0
        } else {
            let span = u64::from((self.kmax - self.kmin).max(1));
            (u128::from(self.pmax) * u128::from(bytes - self.kmin) / u128::from(span)) as u64
        }
    }
}

impl Sim<'_> {
    /// Marks a leaving packet by the length of the queue behind it.
    #[inline]
    pub(crate) fn mark(&mut self, port: PortId, queue: u8, id: PacketId) {
        let slot = (port, queue);
        let Some(marking) = self.marking[slot] else {
            return;
        };
        let bytes = self.queues[slot].bytes;
        if bytes <= marking.kmin || !self.packets[id].has(flag::ECT) {
            return;
        }
        if marking.action == EcnAction::Drop {
            return;
        }
        let p = marking.probability(bytes);
        if p >= 1 << 32 || u64::from(self.mark_rng[port as usize].next_u32()) < p {
            self.packets[id].flags |= flag::CE;
            self.queues[slot].marked += 1;
        }
    }
}

impl Sim<'_> {
    /// Whether WRED drops a packet that is to join a queue.
    pub(super) fn drops_early(&mut self, port: PortId, queue: u8, id: PacketId) -> bool {
        let Some(marking) = self.marking[(port, queue)] else {
            return false;
        };
        let capable = self.packets[id].has(flag::ECT);
        let spared = match marking.action {
            EcnAction::Mark => true,
            EcnAction::MarkOrDrop => capable,
            EcnAction::Drop => false,
        };
        let p = marking.probability(self.queues[(port, queue)].bytes);
        !spared && p > 0 && u64::from(self.mark_rng[port as usize].next_u32()) < p
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xoff_model::units::{Bytes, Probability};

    #[test]
    fn the_curve_rises_from_kmin_to_pmax_at_kmax_and_jumps_to_one() {
        let spec = EcnSpec {
            by_rate: vec![EcnThresholds {
                rate: BitRate::default(),
                kmin: Bytes(100_000),
                kmax: Bytes(300_000),
                pmax: Probability::ratio(1, 5),
            }],
            action: EcnAction::Mark,
        };
        let m = Marking::new(&spec, BitRate::from_gbps(100)).unwrap();
        assert_eq!(m.probability(100_000), 0);
        assert!(
            m.probability(200_000)
                .abs_diff(Probability::ratio(1, 10).parts())
                <= 1
        );
        assert_eq!(m.probability(300_000), Probability::ratio(1, 5).parts());
        assert_eq!(m.probability(300_001), Probability::ONE.parts());
    }
}
