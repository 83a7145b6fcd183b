//! Open-loop Poisson arrivals.

use super::{Demand, Sizes};
use xoff_model::NodeId;
use xoff_model::rng::{Purpose, Stream};
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::units::{BitRate, PS_BITS};

/// Flows that arrive independently of each other at a given mean load.
#[derive(Clone, Debug)]
pub struct Poisson {
    pub sources: Vec<NodeId>,
    pub destinations: Vec<NodeId>,
    /// Offered payload in parts per million of `rate`: of every source, or of every destination if
    /// `aggregate`.
    pub load_ppm: u64,
    pub rate: BitRate,
    pub sizes: Sizes,
    /// Flows start in `0..duration`.
    pub duration: SimDuration,
    /// One arrival process per destination with a uniformly drawn source each time, instead of one
    /// per source with a uniformly drawn destination.
    pub aggregate: bool,
}

/// Fraction bits of the mean gap in picoseconds.
const GAP_BITS: u32 = 16;

impl Poisson {
    /// Mean time between two arrivals of one process, in 2^-16 ps; None: no load at all.
    fn mean_gap(&self) -> Option<u128> {
        const PS_BITS_PPM: u128 = PS_BITS as u128 * 1_000_000;
        let load = u128::from(self.rate.bps()) * u128::from(self.load_ppm);
        let scaled = u128::from(self.sizes.mean()).checked_mul(PS_BITS_PPM << GAP_BITS);
        // Beyond 2^80 the first flow is later than any duration.
        (load > 0).then(|| (scaled.unwrap_or(u128::MAX) / load).clamp(1, 1 << 80))
    }

    /// Number of flows to expect: what a caller should limit before it asks for them.
    pub fn expected_flows(&self) -> u64 {
        let processes = if self.aggregate {
            self.destinations.len()
        } else {
            self.sources.len()
        };
        let span = u128::from(self.duration.ps()) << GAP_BITS;
        let each = self.mean_gap().map_or(0, |gap| span / gap);
        u64::try_from(each.saturating_mul(processes as u128)).unwrap_or(u64::MAX)
    }
}

/// The flows of `spec`, by start time. Every process draws from its own stream, so a longer
/// duration only adds flows.
pub fn poisson(spec: &Poisson, rng: &mut Stream) -> Vec<Demand> {
    let Some(gap) = spec.mean_gap() else {
        return Vec::new();
    };
    let (fixed, drawn) = match spec.aggregate {
        true => (&spec.destinations, &spec.sources),
        false => (&spec.sources, &spec.destinations),
    };
    let end = u128::from(spec.duration.ps()) << GAP_BITS;
    let mut demands = Vec::new();
    for &node in fixed {
        let mut stream = Stream::new(rng.next_u64(), node, 0, Purpose::Workload);
        let peers: Vec<NodeId> = drawn.iter().copied().filter(|&p| p != node).collect();
        if peers.is_empty() {
            continue;
        }
        let mut clock = next_gap(gap, &mut stream);
        while clock < end {
            let peer = peers[stream.below(peers.len() as u64) as usize];
            let (src, dst) = if spec.aggregate {
                (peer, node)
            } else {
                (node, peer)
            };
            let start = SimTime::from_ps((clock >> GAP_BITS) as u64);
            demands.push(Demand::new(src, dst, spec.sizes.sample(&mut stream), start));
            clock += next_gap(gap, &mut stream);
        }
    }
    demands.sort_by_key(|d| (d.start, d.src, d.dst));
    demands
}

/// An exponentially distributed multiple of `mean`.
fn next_gap(mean: u128, rng: &mut Stream) -> u128 {
    let (whole, fraction) = exponential(rng);
    mean.saturating_mul(u128::from(whole)) + ((mean * u128::from(fraction >> 32)) >> 32)
}

/// An exponential variate of mean 1 as whole part and 2^-64ths, by comparisons only (von Neumann
/// 1951): no logarithm, so the same numbers on every platform.
///
/// A descending run of uniform numbers that starts with u has an odd length with probability
/// e^-u; then u is the fraction. The number of runs rejected before is the whole part.
fn exponential(rng: &mut Stream) -> (u64, u64) {
    let mut whole = 0;
    loop {
        let first = rng.next_u64();
        let (mut last, mut odd) = (first, true);
        loop {
            let next = rng.next_u64();
            if next >= last {
                break;
            }
            (last, odd) = (next, !odd);
        }
        if odd {
            return (whole, first);
        }
        whole += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(seed: u64) -> Stream {
        Stream::new(seed, 0, 0, Purpose::Workload)
    }

    fn spec() -> Poisson {
        Poisson {
            sources: (0..8).collect(),
            destinations: (0..8).collect(),
            load_ppm: 500_000,
            rate: BitRate::from_gbps(100),
            sizes: Sizes::Fixed(10_000),
            duration: SimDuration::from_ms(5),
            aggregate: false,
        }
    }

    #[test]
    fn exponential_has_the_right_shape() {
        let (mut rng, n) = (stream(1), 100_000u64);
        let draws: Vec<f64> = (0..n)
            .map(|_| exponential(&mut rng))
            .map(|(whole, fraction)| whole as f64 + fraction as f64 / 2f64.powi(64))
            .collect();
        let mean = draws.iter().sum::<f64>() / n as f64;
        let variance = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n as f64;
        assert!((mean - 1.0).abs() < 0.015, "{mean}");
        assert!((variance - 1.0).abs() < 0.04, "{variance}");
        for t in [0.25f64, 0.7, 1.5, 3.0] {
            let above = draws.iter().filter(|x| **x > t).count() as f64 / n as f64;
            assert!((above - (-t).exp()).abs() < 0.006, "P(X > {t}) = {above}");
        }
    }

    #[test]
    fn offers_the_load_to_every_source() {
        let spec = spec();
        let demands = poisson(&spec, &mut stream(2));
        assert!(demands.is_sorted_by_key(|d| d.start));
        assert!(
            demands
                .iter()
                .all(|d| d.src != d.dst && d.start.ps() < spec.duration.ps())
        );
        // Per source: 50 Gb/s × 5 ms / 80 kbit = 3125 flows.
        assert_eq!(spec.expected_flows(), 8 * 3_125);
        for node in 0..8 {
            let sent = demands.iter().filter(|d| d.src == node).count();
            assert!(sent.abs_diff(3_125) < 200, "{sent}");
        }
    }

    #[test]
    fn aggregate_loads_the_receiver() {
        let spec = Poisson {
            destinations: vec![0],
            aggregate: true,
            ..spec()
        };
        let demands = poisson(&spec, &mut stream(3));
        assert!(demands.iter().all(|d| d.dst == 0 && d.src != 0));
        assert!(demands.len().abs_diff(3_125) < 200, "{}", demands.len());
    }

    #[test]
    fn a_longer_run_starts_with_the_shorter_one() {
        let short = poisson(&spec(), &mut stream(4));
        let spec = Poisson {
            duration: SimDuration::from_ms(6),
            ..spec()
        };
        let long = poisson(&spec, &mut stream(4));
        assert_eq!(short[..], long[..short.len()]);
    }

    #[test]
    fn degenerate_specs_give_nothing() {
        let cases = [
            Poisson {
                load_ppm: 0,
                ..spec()
            },
            Poisson {
                rate: BitRate::from_bps(0),
                ..spec()
            },
            Poisson {
                duration: SimDuration::ZERO,
                ..spec()
            },
            Poisson {
                sources: vec![],
                ..spec()
            },
            Poisson {
                destinations: vec![],
                ..spec()
            },
            Poisson {
                sources: vec![3],
                destinations: vec![3],
                ..spec()
            },
            Poisson {
                sizes: Sizes::Fixed(u64::MAX),
                load_ppm: 1,
                ..spec()
            },
        ];
        for (i, case) in cases.iter().enumerate() {
            assert!(poisson(case, &mut stream(5)).is_empty(), "case {i}");
        }
    }
}
