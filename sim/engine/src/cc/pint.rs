//! HPCC-PINT (Ben Basat et al., SIGCOMM 2020): HPCC whose packets carry one number instead of a
//! record per hop, the utilisation of the busiest hop. It has few bits, so it is the power of a
//! base, rounded up or down at random so that it is right on average; and only a sample of the
//! packets need carry it.

use super::hpcc::{Steps, next_rate};
use super::{AckInfo, IntHop, at_new_line, scaled_window};
use xoff_model::rng::Stream;
use xoff_model::units::{BitRate, PS_BITS};
use xoff_model::{PintSpec, Window};

/// Utilisation is counted in parts of this, so that 1/512 is the least that can be told.
const PARTS: u64 = 512;

/// HPCC-PINT state of one queue pair.
#[derive(Clone, Debug)]
pub struct Pint {
    spec: PintSpec,
    line: u64,
    rate: u64,
    /// The rate that the present round trip started with.
    reference: u64,
    /// The next sampled ACK beyond this byte ends the round trip. None before the first.
    update_after: Option<u64>,
    stage: u32,
    window: Option<Window>,
    rng: Stream,
}

impl Pint {
    /// At full rate. `rng` decides which packets are samples, and how they are rounded.
    pub fn new(spec: &PintSpec, line: BitRate, rng: Stream) -> Self {
        let mut spec = spec.clone();
        spec.rate_min = spec.rate_min.min(line);
        let window = spec.window.at(line, spec.base_rtt);
        Pint {
            window,
            spec,
            line: line.bps(),
            rate: line.bps(),
            reference: line.bps(),
            update_after: None,
            stage: 0,
            rng,
        }
    }

    /// The port has another rate from now on.
    pub fn set_line(&mut self, line: BitRate) {
        let old = std::mem::replace(&mut self.line, line.bps());
        self.spec.rate_min = self.spec.rate_min.min(line);
        self.rate = at_new_line(self.rate, old, self.line);
        self.window = self.spec.window.at(line, self.spec.base_rtt);
        self.reference = at_new_line(self.reference, old, self.line);
    }

    /// Current rate in bits per second.
    pub fn rate_bps(&self) -> u64 {
        self.rate
    }

    /// Most payload bytes in flight.
    pub fn window(&self) -> Option<u64> {
        scaled_window(self.window, self.rate, self.line)
    }

    /// Time over which the switches average, in ps.
    pub fn base_rtt_ps(&self) -> u64 {
        self.spec.base_rtt.ps().max(1)
    }

    /// An ACK arrived with the utilisation that its data packet met.
    pub fn on_ack(&mut self, ack: &AckInfo<'_>) {
        if !self.spec.probability.hit(self.rng.next_u32()) {
            return;
        }
        let Some(after) = self.update_after else {
            self.update_after = Some(ack.sent_bytes_seq);
            return;
        };
        let u = self.encoded(ack.utilisation);
        let steps = Steps {
            u_target_q16: self.spec.u_target_q16,
            max_stage: self.spec.max_stage,
            increase: self.spec.rate_ai.bps(),
            least: self.spec.rate_min.bps(),
            most: self.line,
        };
        let (rate, stage) = next_rate(&steps, self.reference, u, self.stage);
        self.rate = rate;
        if ack.acked_bytes_seq > after {
            self.reference = rate;
            self.stage = stage;
            self.update_after = Some(after.max(ack.sent_bytes_seq));
        }
    }

    /// What is left of a utilisation (Q32) after its way through the packet.
    fn encoded(&mut self, u: u64) -> u64 {
        let parts = (u128::from(u) * u128::from(PARTS)).div_ceil(1 << 32).max(1);
        let wanted = parts << 32;
        let powers = &self.spec.powers;
        let above = powers.partition_point(|p| u128::from(*p) <= wanted);
        let lower = u128::from(powers[above.saturating_sub(1)]);
        let Some(upper) = powers.get(above).map(|p| u128::from(*p)) else {
            return (lower / u128::from(PARTS)) as u64;
        };
        let share = ((wanted.saturating_sub(lower)) << 32) / (upper - lower);
        let power = match u128::from(self.rng.next_u32()) < share {
            true => upper,
            false => lower,
        };
        (power / u128::from(PARTS)) as u64
    }
}

/// HPCC-PINT: what a switch port keeps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Averaged {
    /// Utilisation, Q32.
    u: u64,
    at: u64,
    tx_bytes: u64,
}

impl Averaged {
    /// Brings the average over `span` ps up to date: a weighted mean of what was sent, and of the
    /// queue in relation to what the port sends in `span`.
    pub(crate) fn update(&mut self, span: u64, hop: &IntHop) -> u64 {
        let now = hop.at.ps();
        let step = u128::from((now - self.at).min(span));
        let whole = u128::from(span);
        // Bytes of one time span at the port's rate, times 8e12.
        let full = u128::from(hop.rate.bps()).max(1) * whole;
        let share = |bytes: u64| ((u128::from(bytes) * u128::from(PS_BITS)) << 32) / full;
        let old = u128::from(self.u) * (whole - step) / whole;
        let queued = share(u64::from(hop.queue_bytes)) * step / whole;
        let sent = share(hop.tx_bytes.saturating_sub(self.tx_bytes).min(1 << 40));
        // 65,536 times the capacity is as much as can be told.
        self.u = (old + queued + sent).min(1 << 48) as u64;
        (self.at, self.tx_bytes) = (now, hop.tx_bytes);
        self.u
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xoff_model::HpccWindow;
    use xoff_model::rng::Purpose;
    use xoff_model::units::Probability;

    fn machine(probability: Probability) -> Pint {
        let spec = PintSpec {
            u_target_q16: 62_259,
            max_stage: 0,
            rate_ai: BitRate::from_bps(50_000_000),
            rate_min: BitRate::from_bps(100_000_000),
            base_rtt: xoff_model::time::SimDuration::from_us(8),
            window: HpccWindow::Off,
            powers: PintSpec::powers_of((1 << 32) / 20 * 21).expect("1.05 is a base"),
            probability,
        };
        let rng = Stream::new(1, 2, 3, Purpose::Pint);
        Pint::new(&spec, BitRate::from_gbps(100), rng)
    }

    #[test]
    fn rounding_is_within_a_power_and_right_on_average() {
        let mut m = machine(Probability::ratio(1, 1));
        for percent in [1u64, 20, 95, 130, 400] {
            let u = percent * (1 << 32) / 100;
            let all: Vec<u64> = (0..4_000).map(|_| m.encoded(u)).collect();
            assert!(
                all.iter()
                    .all(|e| (u * 20 / 22..u * 22 / 20 + (1 << 23)).contains(e))
            );
            let mean = all.iter().sum::<u64>() / 4_000;
            assert!(
                mean.abs_diff(u) < u / 200 + (1 << 23),
                "{percent}: {mean} {u}"
            );
        }
        // One byte holds them up to 512 flows' worth of utilisation.
        assert!(
            m.spec
                .powers
                .iter()
                .filter(|p| **p <= (512 * 512) << 32)
                .count()
                <= 256
        );
    }

    #[test]
    fn a_full_link_with_a_queue_cuts_and_only_samples_count() {
        let ack = |m: &mut Pint, n: u64| {
            m.on_ack(&AckInfo {
                acked_bytes_seq: n,
                sent_bytes_seq: n,
                utilisation: 19 * (1 << 32) / 10,
                ..AckInfo::default()
            });
        };
        let mut m = machine(Probability::ratio(1, 1));
        ack(&mut m, 1);
        assert_eq!(m.rate_bps(), 100_000_000_000);
        ack(&mut m, 2);
        assert!((47_000_000_000..53_000_000_000).contains(&m.rate_bps()));
        let mut m = machine(Probability::ratio(0, 1));
        (1..100).for_each(|n| ack(&mut m, n));
        assert_eq!(m.rate_bps(), 100_000_000_000);
    }
}
