//! HPCC (Li et al., SIGCOMM 2019): the rate follows the utilisation of the busiest hop, which the
//! switches report in every packet.
//!
//! Flows that see the same utilisation become equal by the additive increase alone, and it is
//! small: 50 Mb/s per round trip. The HPCC simulator's rules hide two advantages of a fast flow
//! that are larger, and grow with the packet: a flow that sends less than a packet per round trip
//! gets its increase once per packet instead; and one packet that happens to stand behind another
//! counts as a queue of some percent of the BDP, which slow flows see more often, as it is the
//! fast flow's packet. So here a round lasts a base RTT at least, the increase is in proportion to
//! its length, and a queue is what stands beyond [`GRAIN`] packets.

use super::{AckInfo, IntHop, at_new_line, scaled_window};
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::units::BitRate;
use xoff_model::{HpccSpec, Variant, Window};

/// Hops of a path that are looked at; later ones are ignored.
pub const MAX_HOPS: usize = 8;
/// Utilisation 1 in Q32.
const ONE: u64 = 1 << 32;
/// Highest utilisation that is told apart (Q32): 65,536 times the capacity.
const MOST: u128 = 1 << 48;

/// Packets that meet at a port by chance when all are paced.
const GRAIN: u32 = 2;
/// Base RTTs of increase that a round can give, however long it was.
const LONGEST_ROUND: u64 = 16;

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
    round_began: SimTime,
    stage: u32,
    window: Option<Window>,
    /// A queue of so many bytes does not count.
    grain: u32,
    /// Smoothed utilisation of the busiest hop, Q32.
    u: u64,
    hop_count: usize,
    hops: [Hop; MAX_HOPS],
    /// Bytes in flight that fill the path: the scale of a queue.
    bdp: u64,
}

/// The bound of bytes in flight, and how many fill the path.
fn window_and_bdp(spec: &HpccSpec, line: BitRate) -> (Option<Window>, u64) {
    let window = spec.window.at(line, spec.base_rtt);
    let bdp = match window {
        Some(window) => window.bytes,
        None => line.bytes_in_floor(spec.base_rtt),
    };
    (window, bdp.max(1))
}

impl Hpcc {
    /// At full rate. A base RTT of zero counts as the shortest possible. `packet`: bytes of the
    /// largest frame.
    pub fn new(spec: &HpccSpec, line: BitRate, packet: u32) -> Self {
        let mut spec = *spec;
        spec.rate_min = spec.rate_min.min(line);
        spec.base_rtt = spec.base_rtt.max(SimDuration::from_ps(1));
        let (window, bdp) = window_and_bdp(&spec, line);
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
            round_began: SimTime::ZERO,
            stage: 0,
            window,
            grain: match spec.variant {
                Variant::Published => packet.saturating_mul(GRAIN),
                Variant::Ns3 => 0,
            },
            u: ONE,
            hop_count: 0,
            hops: [hop; MAX_HOPS],
            bdp,
        }
    }

    /// The port has another rate from now on.
    pub fn set_line(&mut self, line: BitRate) {
        let old = std::mem::replace(&mut self.line, line.bps());
        self.spec.rate_min = self.spec.rate_min.min(line);
        (self.window, self.bdp) = window_and_bdp(&self.spec, line);
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
        scaled_window(self.window, self.rate, self.line)
    }

    /// An ACK arrived with the telemetry of its data packet.
    pub fn on_ack(&mut self, now: SimTime, ack: &AckInfo<'_>) {
        let hops = &ack.hops[..ack.hops.len().min(MAX_HOPS)];
        let first = self.update_after.is_none();
        let lasted = now.since(self.round_began);
        let ends_round = self.ends_round(ack.acked_bytes_seq, lasted);
        if first || hops.len() != self.hop_count {
            // First telemetry of this path: nothing to compare with.
            self.hop_count = hops.len();
            for (hop, int) in self.hops.iter_mut().zip(hops) {
                hop.last = *int;
            }
        } else if ends_round || self.spec.fast_react {
            let increase = self.increase(lasted);
            if self.spec.multi_rate {
                self.update_per_hop(hops, ends_round, increase);
            } else {
                self.update(hops, ends_round, increase);
            }
        }
        if ends_round {
            let after = self.update_after.unwrap_or(0);
            self.update_after = Some(after.max(ack.sent_bytes_seq));
            self.round_began = now;
        }
    }

    fn ends_round(&self, acked: u64, lasted: SimDuration) -> bool {
        let long_enough = match self.spec.variant {
            Variant::Published => lasted >= self.spec.base_rtt,
            Variant::Ns3 => true,
        };
        self.update_after
            .is_none_or(|after| acked > after && long_enough)
    }

    /// What a round that has lasted so long adds to the rate, in bit/s.
    fn increase(&self, lasted: SimDuration) -> u64 {
        let step = self.spec.rate_ai.bps();
        let round = u128::from(self.spec.base_rtt.ps());
        match self.spec.variant {
            Variant::Ns3 => step,
            Variant::Published => {
                let lasted = u128::from(lasted.ps()).min(round * u128::from(LONGEST_ROUND));
                u64::try_from(u128::from(step) * lasted / round).unwrap_or(u64::MAX)
            }
        }
    }

    /// One rate for the path: the busiest hop decides.
    fn update(&mut self, hops: &[IntHop], ends_round: bool, increase: u64) {
        let mut busiest = None;
        for (i, int) in hops.iter().enumerate() {
            if self.passed_over(int, ends_round) {
                continue;
            }
            let Some((u, tau)) = self.measure(i, int) else {
                continue;
            };
            if busiest.is_none_or(|(most, _)| u > most) {
                busiest = Some((u, tau));
            }
        }
        let Some((u, tau)) = busiest else { return };
        self.u = self.smooth(self.u, u, tau);
        let (rate, stage) = self.next_rate(self.reference, self.u, self.stage, increase);
        self.rate = rate;
        if ends_round {
            self.reference = rate;
            self.stage = stage;
        }
    }

    /// A rate per hop: the least counts.
    fn update_per_hop(&mut self, hops: &[IntHop], ends_round: bool, increase: u64) {
        let mut least = self.line;
        for (i, int) in hops.iter().enumerate() {
            let measured = match self.passed_over(int, ends_round) {
                true => None,
                false => self.measure(i, int),
            };
            if let Some((u, tau)) = measured {
                let hop = self.hops[i];
                let u = self.smooth(hop.u, u, tau);
                let (rate, stage) = self.next_rate(hop.reference, u, hop.stage, increase);
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

    fn passed_over(&self, int: &IntHop, ends_round: bool) -> bool {
        self.spec.sample_feedback && !ends_round && int.queue_bytes == 0
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
        let queue = int.queue_bytes.min(last.queue_bytes);
        let queue = u128::from(queue.saturating_sub(self.grain));
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
    fn next_rate(&self, reference: u64, u: u64, stage: u32, increase: u64) -> (u64, u32) {
        let steps = Steps {
            u_target_q16: self.spec.u_target_q16,
            max_stage: self.spec.max_stage,
            increase,
            least: self.spec.rate_min.bps(),
            most: self.line,
        };
        next_rate(&steps, reference, u, stage)
    }
}

/// How a rate follows from a utilisation. Rates in bit/s.
pub(super) struct Steps {
    /// Target utilisation, in 2^16ths.
    pub(super) u_target_q16: u32,
    /// Additive stages before a multiplicative update.
    pub(super) max_stage: u32,
    pub(super) increase: u64,
    pub(super) least: u64,
    pub(super) most: u64,
}

/// The next rate and additive stage from a reference rate and a utilisation (Q32).
pub(super) fn next_rate(steps: &Steps, reference: u64, u: u64, stage: u32) -> (u64, u32) {
    let target = u64::from(steps.u_target_q16) << 16;
    let (base, stage) = if u >= target || stage >= steps.max_stage {
        let base = match u128::from(u) {
            0 => u128::from(steps.most),
            u => u128::from(reference) * u128::from(target) / u,
        };
        (base, 0)
    } else {
        (u128::from(reference), stage + 1)
    };
    let rate = (base + u128::from(steps.increase)).min(u128::from(steps.most));
    ((rate as u64).max(steps.least), stage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use xoff_model::HpccWindow;

    const LINE: BitRate = BitRate::from_gbps(100);

    fn spec() -> HpccSpec {
        HpccSpec {
            variant: Variant::Ns3,
            u_target_q16: 62_259,
            max_stage: 0,
            rate_ai: BitRate::from_bps(50_000_000),
            rate_min: BitRate::from_bps(100_000_000),
            base_rtt: SimDuration::from_us(8),
            fast_react: true,
            multi_rate: false,
            sample_feedback: false,
            window: HpccWindow::Given(Window {
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

    /// An ACK that comes when its last hop was left.
    fn ack(m: &mut Hpcc, acked: u64, sent: u64, hops: &[IntHop]) {
        let now = hops.last().map_or(SimTime::ZERO, |h| h.at);
        m.on_ack(
            now,
            &AckInfo {
                acked_bytes_seq: acked,
                sent_bytes_seq: sent,
                hops,
                ..AckInfo::default()
            },
        );
    }

    fn published() -> Hpcc {
        let spec = HpccSpec {
            variant: Variant::Published,
            ..spec()
        };
        let mut m = Hpcc::new(&spec, LINE, 5_000);
        m.reference = 10_000_000_000;
        ack(&mut m, 1, 2, &[hop(0, 0, 0)]);
        m
    }

    #[test]
    fn a_round_is_at_least_a_base_rtt_and_adds_in_proportion_to_its_length() {
        // At the target utilisation only the increase moves the rate: 50 Mb/s per 8 us.
        let at_target = |us: u64| hop(us, 12_500 * us * 95 / 100, 0);
        let mut m = published();
        m.u = u64::from(m.spec.u_target_q16) << 16;
        for (us, rate, reference) in [
            (4, 10_025, 10_000),
            (8, 10_050, 10_050),
            (24, 10_150, 10_150),
            // 10 ms count as 16 base RTTs.
            (10_024, 10_950, 10_950),
        ] {
            ack(&mut m, 10 * us, 10 * us, &[at_target(us)]);
            let near = |is: u64, wanted: u64| (is / 100_000).abs_diff(wanted * 10) <= 10;
            assert!(near(m.rate_bps(), rate), "{us}: {}", m.rate_bps());
            assert!(near(m.reference, reference), "{us}: {}", m.reference);
        }
    }

    #[test]
    fn packets_that_meet_by_chance_are_no_queue() {
        let u = |queue: u32| {
            let mut m = published();
            ack(&mut m, 3, 4, &[hop(8, 50_000, queue)]);
            m.hops[0].last.queue_bytes = queue;
            ack(&mut m, 5, 6, &[hop(16, 100_000, queue)]);
            m.u
        };
        assert_eq!(u(10_000), ONE / 2);
        // 40 kB beyond the two packets of 5 kB: 0.4 of the BDP.
        assert_eq!(u(50_000), ONE / 2 + (ONE as u128 * 2 / 5) as u64);
    }

    #[test]
    fn by_default_the_window_is_the_bdp_of_the_base_rtt() {
        let spec = HpccSpec {
            window: HpccWindow::Bdp,
            ..spec()
        };
        let mut m = Hpcc::new(&spec, LINE, 1_000);
        assert_eq!(m.window(), Some(100_000));
        m.rate /= 4;
        assert_eq!(m.window(), Some(25_000));
        let off = HpccSpec {
            window: HpccWindow::Off,
            ..spec
        };
        assert_eq!(Hpcc::new(&off, LINE, 1_000).window(), None);
    }

    #[test]
    fn a_full_link_with_a_queue_halves_the_rate() {
        let mut m = Hpcc::new(&spec(), LINE, 1_000);
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
        let mut m = Hpcc::new(&spec(), LINE, 1_000);
        ack(&mut m, 1_000, 50_000, &[hop(0, 0, 0)]);
        ack(&mut m, 2_000, 60_000, &[hop(4, 100_000, 0)]);
        // Half an RTT at utilisation 2: (1 + 2) / 2 = 1.5.
        assert_eq!((m.u, m.reference), (ONE * 3 / 2, LINE.bps()));
        assert_eq!(m.rate_bps() / 10_000_000, 6_338);
        let slow = HpccSpec {
            fast_react: false,
            ..spec()
        };
        let mut m = Hpcc::new(&slow, LINE, 1_000);
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
            1_000,
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
            1_000,
        );
        ack(&mut m, 1, 2, &[hop(0, 0, 0), hop(0, 0, 0)]);
        ack(&mut m, 3, 4, &[hop(8, 95_000, 0), hop(8, 190_000, 0)]);
        assert_eq!(m.rate_bps() / 10_000_000, 5_004);
        let [first, second] = [m.hops[0].reference, m.hops[1].reference];
        assert!(first > 99_900_000_000 && second == m.rate_bps());
    }

    #[test]
    fn sampled_feedback_passes_over_hops_without_a_queue() {
        let sampled = HpccSpec {
            sample_feedback: true,
            ..spec()
        };
        let rate = |queue: u32, acked: u64| {
            let mut m = Hpcc::new(&sampled, LINE, 1_000);
            ack(&mut m, 1, 10, &[hop(0, 0, queue)]);
            ack(&mut m, acked, 20, &[hop(8, 100_000, queue)]);
            m.rate_bps()
        };
        assert_eq!(rate(0, 5), LINE.bps());
        assert!(rate(1, 5) < LINE.bps() && rate(0, 11) < LINE.bps());
    }

    #[test]
    fn strange_telemetry_is_survived() {
        let mut m = Hpcc::new(&spec(), LINE, 1_000);
        ack(&mut m, 1, 2, &[hop(5, 9_000, 7)]);
        ack(&mut m, 3, 4, &[hop(5, 9_000, 7)]);
        ack(&mut m, 5, 6, &[hop(4, 0, 7)]);
        ack(&mut m, 7, 8, &[]);
        ack(&mut m, 9, 10, &[hop(9, u64::MAX, u32::MAX); 20]);
        ack(&mut m, 11, 12, &[hop(10, u64::MAX, u32::MAX); 20]);
        assert!((100_000_000..=LINE.bps()).contains(&m.rate_bps()));
    }
}
