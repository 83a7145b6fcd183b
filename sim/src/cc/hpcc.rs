//! HPCC (Li et al., SIGCOMM 2019): the rate follows the utilisation of the busiest hop, which the
//! switches report in every packet.

use super::{AckInfo, IntHop, at_new_line, scaled_window};
use crate::model::HpccSpec;
use crate::time::SimDuration;
use crate::units::BitRate;

/// Hops of a path that are looked at; later ones are ignored.
pub const MAX_HOPS: usize = 8;
/// Utilisation 1 in Q32.
const ONE: u64 = 1 << 32;
/// Highest utilisation that is told apart (Q32): 65,536 times the capacity.
const MOST: u128 = 1 << 48;

/// What is known of one hop.
#[derive(Clone, Copy, Debug)]
struct Hop {
    last: IntHop,
    /// Only used with a rate per hop: utilisation in Q32, reference rate, additive steps taken.
    u: u64,
    reference: u64,
    stage: u32,
}

/// HPCC state of one queue pair.
#[derive(Clone, Debug)]
pub struct Hpcc {
    spec: HpccSpec,
    line: u64,
    rate: u64,
    /// The rate that the present round trip started with.
    reference: u64,
    /// The next ACK beyond this byte ends the round trip. None before the first ACK.
    update_after: Option<u64>,
    stage: u32,
    /// Smoothed utilisation of the busiest hop, Q32.
    u: u64,
    hop_count: usize,
    hops: [Hop; MAX_HOPS],
    /// Bytes in flight that fill the path: the scale of a queue.
    bdp: u64,
}

/// Bytes in flight that fill the path.
fn bdp(spec: &HpccSpec, line: BitRate) -> u64 {
    let bytes = match spec.window {
        Some(window) => window.bytes,
        None => line.bytes_in_floor(spec.base_rtt),
    };
    bytes.max(1)
}

impl Hpcc {
    /// At full rate. A base RTT of zero counts as the shortest possible.
    pub fn new(spec: &HpccSpec, line: BitRate) -> Self {
        let mut spec = *spec;
        spec.rate_min = spec.rate_min.min(line);
        spec.base_rtt = spec.base_rtt.max(SimDuration::from_ps(1));
        let hop = Hop {
            last: IntHop::default(),
            u: ONE,
            reference: line.bps(),
            stage: 0,
        };
        Hpcc {
            spec,
            line: line.bps(),
            rate: line.bps(),
            reference: line.bps(),
            update_after: None,
            stage: 0,
            u: ONE,
            hop_count: 0,
            hops: [hop; MAX_HOPS],
            bdp: bdp(&spec, line),
        }
    }

    /// The port has another rate from now on.
    pub fn set_line(&mut self, line: BitRate) {
        let old = std::mem::replace(&mut self.line, line.bps());
        self.spec.rate_min = self.spec.rate_min.min(line);
        self.bdp = bdp(&self.spec, line);
        self.rate = at_new_line(self.rate, old, self.line);
        self.reference = at_new_line(self.reference, old, self.line);
        for hop in &mut self.hops {
            hop.reference = at_new_line(hop.reference, old, self.line);
        }
    }

    /// Current rate in bits per second.
    pub fn rate_bps(&self) -> u64 {
        self.rate
    }

    /// Most payload bytes in flight.
    pub fn window(&self) -> Option<u64> {
        scaled_window(self.spec.window, self.rate, self.line)
    }

    /// An ACK arrived with the telemetry of its data packet.
    pub fn on_ack(&mut self, ack: &AckInfo<'_>) {
        let hops = &ack.hops[..ack.hops.len().min(MAX_HOPS)];
        let ends_round = self
            .update_after
            .is_none_or(|after| ack.acked_bytes_seq > after);
        if self.update_after.is_none() || hops.len() != self.hop_count {
            // First telemetry of this path: nothing to compare with.
            self.hop_count = hops.len();
            for (hop, int) in self.hops.iter_mut().zip(hops) {
                hop.last = *int;
            }
        } else if self.spec.multi_rate {
            if ends_round || self.spec.fast_react {
                self.update_per_hop(hops, ends_round);
            }
        } else if ends_round || self.spec.fast_react {
            self.update(hops, ends_round);
        }
        if ends_round {
            let after = self.update_after.unwrap_or(0);
            self.update_after = Some(after.max(ack.sent_bytes_seq));
        }
    }

    /// One rate for the path: the busiest hop decides.
    fn update(&mut self, hops: &[IntHop], ends_round: bool) {
        let mut busiest = None;
        for (i, int) in hops.iter().enumerate() {
            let Some((u, tau)) = self.measure(i, int) else {
                continue;
            };
            if busiest.is_none_or(|(most, _)| u > most) {
                busiest = Some((u, tau));
            }
        }
        let Some((u, tau)) = busiest else { return };
        self.u = self.smooth(self.u, u, tau);
        let (rate, stage) = self.next_rate(self.reference, self.u, self.stage);
        self.rate = rate;
        if ends_round {
            self.reference = rate;
            self.stage = stage;
        }
    }

    /// A rate per hop: the least counts.
    fn update_per_hop(&mut self, hops: &[IntHop], ends_round: bool) {
        let mut least = self.line;
        for (i, int) in hops.iter().enumerate() {
            if let Some((u, tau)) = self.measure(i, int) {
                let hop = self.hops[i];
                let u = self.smooth(hop.u, u, tau);
                let (rate, stage) = self.next_rate(hop.reference, u, hop.stage);
                least = least.min(rate);
                let hop = &mut self.hops[i];
                hop.u = u;
                if ends_round {
                    hop.reference = rate;
                    hop.stage = stage;
                }
            } else {
                least = least.min(self.hops[i].reference);
            }
        }
        self.rate = least;
    }

    /// Utilisation of a hop since its last report in Q32, and the time since then in picoseconds.
    /// None if no time has passed.
    fn measure(&mut self, i: usize, int: &IntHop) -> Option<(u64, u64)> {
        let last = std::mem::replace(&mut self.hops[i].last, *int);
        let tau = int.at.since(last.at).ps();
        if tau == 0 || int.rate.bps() == 0 {
            return None;
        }
        let capacity = u128::from(int.rate.bps());
        // Below 2^40 bits in an interval everything fits; more is a broken report.
        let bits = (u128::from(int.tx_bytes.saturating_sub(last.tx_bytes)) * 8).min(1 << 44);
        let sent = ((bits * 1_000_000_000_000) << 32) / (u128::from(tau) * capacity);
        let queue = u128::from(int.queue_bytes.min(last.queue_bytes));
        let queued = ((queue * u128::from(self.line)) << 32) / (capacity * u128::from(self.bdp));
        Some(((sent + queued).min(MOST) as u64, tau))
    }

    /// Moves `old` towards `new` by the share of a base RTT that `tau` is.
    fn smooth(&self, old: u64, new: u64, tau: u64) -> u64 {
        let whole = u128::from(self.spec.base_rtt.ps());
        let tau = u128::from(tau).min(whole);
        ((u128::from(old) * (whole - tau) + u128::from(new) * tau) / whole) as u64
    }

    /// The next rate and additive stage from a reference rate and a utilisation.
    fn next_rate(&self, reference: u64, u: u64, stage: u32) -> (u64, u32) {
        let target = u64::from(self.spec.u_target_q16) << 16;
        let (base, stage) = if u >= target || stage >= self.spec.max_stage {
            let base = match u128::from(u) {
                0 => u128::from(self.line),
                u => u128::from(reference) * u128::from(target) / u,
            };
            (base, 0)
        } else {
            (u128::from(reference), stage + 1)
        };
        let rate = (base + u128::from(self.spec.rate_ai.bps())).min(u128::from(self.line));
        ((rate as u64).max(self.spec.rate_min.bps()), stage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Window;
    use crate::time::SimTime;

    const LINE: BitRate = BitRate::from_gbps(100);

    fn spec() -> HpccSpec {
        HpccSpec {
            u_target_q16: 62_259,
            max_stage: 0,
            rate_ai: BitRate::from_bps(50_000_000),
            rate_min: BitRate::from_bps(100_000_000),
            base_rtt: SimDuration::from_us(8),
            fast_react: true,
            multi_rate: false,
            window: Some(Window {
                bytes: 100_000,
                variable: true,
            }),
        }
    }

    fn hop(us: u64, tx_bytes: u64, queue_bytes: u32) -> IntHop {
        IntHop {
            at: SimTime::from_ns(us * 1_000),
            tx_bytes,
            queue_bytes,
            rate: LINE,
        }
    }

    fn ack(m: &mut Hpcc, acked: u64, sent: u64, hops: &[IntHop]) {
        let rtt = SimDuration::ZERO;
        m.on_ack(&AckInfo {
            acked_bytes_seq: acked,
            sent_bytes_seq: sent,
            rtt,
            hops,
        });
    }

    #[test]
    fn a_full_link_with_a_queue_halves_the_rate() {
        let mut m = Hpcc::new(&spec(), LINE);
        ack(&mut m, 1_000, 50_000, &[hop(0, 0, 90_000)]);
        assert_eq!(m.rate_bps(), LINE.bps());
        // 8 us at line rate is 100 kB; a standing queue of 0.9 BDP comes on top: u = 1.9.
        ack(&mut m, 51_000, 150_000, &[hop(8, 100_000, 95_000)]);
        assert_eq!(m.u, ONE * 19 / 10);
        assert_eq!(m.rate_bps() / 10_000_000, 5_004);
        assert_eq!(m.window(), Some(50_049));
    }

    #[test]
    fn within_a_round_trip_it_reacts_from_the_same_reference() {
        let mut m = Hpcc::new(&spec(), LINE);
        ack(&mut m, 1_000, 50_000, &[hop(0, 0, 0)]);
        ack(&mut m, 2_000, 60_000, &[hop(4, 100_000, 0)]);
        // Half an RTT at utilisation 2: (1 + 2) / 2 = 1.5.
        assert_eq!((m.u, m.reference), (ONE * 3 / 2, LINE.bps()));
        assert_eq!(m.rate_bps() / 10_000_000, 6_338);
        let slow = HpccSpec {
            fast_react: false,
            ..spec()
        };
        let mut m = Hpcc::new(&slow, LINE);
        ack(&mut m, 1_000, 50_000, &[hop(0, 0, 0)]);
        ack(&mut m, 2_000, 60_000, &[hop(4, 100_000, 0)]);
        assert_eq!((m.u, m.rate_bps()), (ONE, LINE.bps()));
    }

    #[test]
    fn additive_stages_come_before_a_multiplicative_step() {
        let mut m = Hpcc::new(
            &HpccSpec {
                max_stage: 2,
                ..spec()
            },
            LINE,
        );
        m.reference = 10_000_000_000;
        ack(&mut m, 1, 2, &[hop(0, 0, 0)]);
        let rates: Vec<u64> = (1..4)
            .map(|n| {
                ack(&mut m, 2 * n + 1, 2 * n + 2, &[hop(8 * n, 50_000 * n, 0)]);
                m.rate_bps() / 1_000_000
            })
            .collect();
        // Two steps of 50 Mb/s, then 10.1 × 0.95 / 0.5 + 0.05 Gb/s.
        assert_eq!(rates, [10_050, 10_100, 19_239]);
    }

    #[test]
    fn with_a_rate_per_hop_the_least_counts() {
        let mut m = Hpcc::new(
            &HpccSpec {
                multi_rate: true,
                ..spec()
            },
            LINE,
        );
        ack(&mut m, 1, 2, &[hop(0, 0, 0), hop(0, 0, 0)]);
        ack(&mut m, 3, 4, &[hop(8, 95_000, 0), hop(8, 190_000, 0)]);
        assert_eq!(m.rate_bps() / 10_000_000, 5_004);
        let [first, second] = [m.hops[0].reference, m.hops[1].reference];
        assert!(first > 99_900_000_000 && second == m.rate_bps());
    }

    #[test]
    fn strange_telemetry_is_survived() {
        let mut m = Hpcc::new(&spec(), LINE);
        ack(&mut m, 1, 2, &[hop(5, 9_000, 7)]);
        ack(&mut m, 3, 4, &[hop(5, 9_000, 7)]);
        ack(&mut m, 5, 6, &[hop(4, 0, 7)]);
        ack(&mut m, 7, 8, &[]);
        ack(&mut m, 9, 10, &[hop(9, u64::MAX, u32::MAX); 20]);
        ack(&mut m, 11, 12, &[hop(10, u64::MAX, u32::MAX); 20]);
        assert!((100_000_000..=LINE.bps()).contains(&m.rate_bps()));
    }
}
