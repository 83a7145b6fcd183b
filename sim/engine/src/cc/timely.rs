//! TIMELY (Mittal et al., SIGCOMM 2015): the rate follows the gradient of the round-trip time,
//! once per round trip, as in the HPCC simulator's mode 7.

use super::{AckInfo, at_new_line, scaled_window};
use xoff_model::TimelySpec;
use xoff_model::time::SimDuration;
use xoff_model::units::BitRate;

/// Increases in a row after which the hyper step is taken.
const HYPER_AFTER: u32 = 5;
/// 1 in Q32.
const ONE: i128 = 1 << 32;

/// TIMELY state of one queue pair.
#[derive(Clone, Debug)]
pub struct Timely {
    spec: TimelySpec,
    line: u64,
    rate: u64,
    /// The next ACK beyond this byte ends the round trip. None before the first ACK.
    update_after: Option<u64>,
    last_rtt: SimDuration,
    /// Smoothed change of the RTT per round trip, in picoseconds.
    rtt_diff: i64,
    stage: u32,
}

impl Timely {
    /// At full rate.
    pub fn new(spec: &TimelySpec, line: BitRate) -> Self {
        let mut spec = *spec;
        spec.rate_min = spec.rate_min.min(line);
        spec.ewma_q16 = spec.ewma_q16.min(1 << 16);
        spec.min_rtt = spec.min_rtt.max(SimDuration::from_ps(1));
        Timely {
            spec,
            line: line.bps(),
            rate: line.bps(),
            update_after: None,
            last_rtt: SimDuration::ZERO,
            rtt_diff: 0,
            stage: 0,
        }
    }

    /// The port has another rate from now on.
    pub fn set_line(&mut self, line: BitRate) {
        let old = std::mem::replace(&mut self.line, line.bps());
        self.spec.rate_min = self.spec.rate_min.min(line);
        self.rate = at_new_line(self.rate, old, self.line);
    }

    /// Current rate in bits per second.
    pub fn rate_bps(&self) -> u64 {
        self.rate
    }

    /// Most payload bytes in flight.
    pub fn window(&self) -> Option<u64> {
        scaled_window(self.spec.window, self.rate, self.line)
    }

    /// An ACK arrived; only the first beyond the last round trip counts.
    pub fn on_ack(&mut self, ack: &AckInfo<'_>) {
        match self.update_after {
            Some(after) if ack.acked_bytes_seq <= after => return,
            Some(_) => self.update(ack.rtt),
            None => {}
        }
        if self
            .update_after
            .is_none_or(|after| ack.sent_bytes_seq > after)
        {
            self.update_after = Some(ack.sent_bytes_seq);
            self.last_rtt = ack.rtt;
        }
    }

    fn update(&mut self, rtt: SimDuration) {
        let s = &self.spec;
        let fresh = i128::from(rtt.ps()) - i128::from(self.last_rtt.ps());
        let weight = i128::from(s.ewma_q16);
        let diff = ((1 << 16) - weight) * i128::from(self.rtt_diff) + weight * fresh;
        let diff = diff >> 16;
        self.rtt_diff = diff.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        let beta = i128::from(s.beta_q16);
        // The factor to keep in Q32, or none to increase.
        let keep = if rtt < s.t_low {
            None
        } else if rtt > s.t_high {
            let below = (i128::from(s.t_high.ps()) << 32) / i128::from(rtt.ps());
            Some(ONE - ((beta * (ONE - below)) >> 16))
        } else if diff <= 0 {
            None
        } else {
            Some((ONE - ((beta * diff) << 16) / i128::from(s.min_rtt.ps())).max(0))
        };
        match keep {
            None => {
                let step = if self.stage < HYPER_AFTER {
                    s.rate_ai
                } else {
                    s.rate_hai
                };
                self.rate = self.rate.saturating_add(step.bps()).min(self.line);
                self.stage = self.stage.saturating_add(1);
            }
            Some(keep) => {
                let cut = (i128::from(self.rate) * keep) >> 32;
                self.rate = u64::try_from(cut).unwrap_or(0).max(s.rate_min.bps());
                self.stage = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(rate: u64) -> Timely {
        let spec = TimelySpec {
            ewma_q16: 57_344,
            beta_q16: 52_429,
            t_low: SimDuration::from_us(50),
            t_high: SimDuration::from_us(500),
            min_rtt: SimDuration::from_us(20),
            rate_ai: BitRate::from_bps(10_000_000),
            rate_hai: BitRate::from_bps(50_000_000),
            rate_min: BitRate::from_bps(100_000_000),
            window: None,
        };
        let mut m = Timely::new(&spec, BitRate::from_gbps(100));
        m.rate = rate;
        m
    }

    /// One ACK per round trip, each beyond everything sent before.
    fn feed(m: &mut Timely, rtts_us: &[u64]) {
        let from = m.update_after.unwrap_or(0) + 1;
        for (seq, &rtt) in (from..).step_by(1_000).zip(rtts_us) {
            m.on_ack(&AckInfo {
                acked_bytes_seq: seq,
                sent_bytes_seq: seq + 500,
                rtt: SimDuration::from_us(rtt),
                ..AckInfo::default()
            });
        }
    }

    #[test]
    fn low_delay_raises_the_rate_and_hyper_raises_after_five() {
        let mut m = machine(10_000_000_000);
        feed(&mut m, &[10]);
        assert_eq!(m.rate_bps(), 10_000_000_000);
        feed(&mut m, &[10; 5]);
        assert_eq!(m.rate_bps(), 10_050_000_000);
        feed(&mut m, &[10; 2]);
        assert_eq!(m.rate_bps(), 10_150_000_000);
    }

    #[test]
    fn a_rising_delay_cuts_by_its_gradient() {
        let mut m = machine(10_000_000_000);
        feed(&mut m, &[100, 104]);
        // diff = 0.875 × 4 us, gradient 0.175, factor 1 - 0.8 × 0.175 = 0.86.
        assert_eq!(m.rate_bps() / 100_000, 85_999);
        assert_eq!(m.rtt_diff, 3_500_000);
        feed(&mut m, &[400]);
        assert_eq!(m.rate_bps(), 100_000_000);
    }

    #[test]
    fn too_long_a_delay_cuts_even_when_it_falls() {
        let mut m = machine(10_000_000_000);
        feed(&mut m, &[2_000, 1_000]);
        // 1 - 0.8 × (1 - 500/1000) = 0.6.
        assert_eq!(m.rate_bps() / 1_000_000, 5_999);
    }

    #[test]
    fn acks_within_the_round_trip_change_nothing() {
        let mut m = machine(10_000_000_000);
        feed(&mut m, &[100]);
        let after = m.update_after.unwrap();
        let rtt = SimDuration::from_us(499);
        m.on_ack(&AckInfo {
            acked_bytes_seq: after,
            sent_bytes_seq: after + 9,
            rtt,
            ..AckInfo::default()
        });
        assert_eq!(m.rate_bps(), 10_000_000_000);
    }
}
