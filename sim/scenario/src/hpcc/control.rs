//! The keys of `config.txt` that set congestion control.

use super::text::decimal;
use super::values::Values;
use std::sync::Arc;
use xoff_model::PintSpec;
use xoff_model::time::SimDuration;
use xoff_model::units::{BitRate, Probability};

/// Which congestion control runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CcMode {
    Dcqcn,
    Hpcc,
    Timely,
    Dctcp,
    HpccPint,
}

/// TIMELY's delays and factor; the original has no keys for them, only these values.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimelyKeys {
    pub(super) t_low: SimDuration,
    pub(super) t_high: SimDuration,
    pub(super) beta_q16: u32,
}

/// How HPCC-PINT tells a utilisation.
#[derive(Clone, Debug)]
pub(super) struct PintKeys {
    pub(super) powers: Arc<[u64]>,
    pub(super) probability: Probability,
}

impl PintKeys {
    /// Bytes that the number takes in a packet, up to the 512 x 512 parts of the reference.
    pub(super) fn bytes(&self) -> u32 {
        let values = self.powers.partition_point(|p| *p < (512 * 512) << 32);
        if values > 256 { 2 } else { 1 }
    }
}

impl CcMode {
    /// Reacts to ECN marks and to nothing else.
    pub(super) fn needs_marks(self) -> bool {
        matches!(self, CcMode::Dcqcn | CcMode::Dctcp)
    }

    fn name(self) -> &'static str {
        match self {
            CcMode::Dcqcn => "1 (DCQCN)",
            CcMode::Hpcc => "3 (HPCC)",
            CcMode::Timely => "7 (TIMELY)",
            CcMode::Dctcp => "8 (DCTCP)",
            CcMode::HpccPint => "10 (HPCC-PINT)",
        }
    }
}

impl Values<'_> {
    pub(super) fn cc_mode(&mut self) -> CcMode {
        let mode = |t: &str| t.parse::<u32>().ok().map(Some);
        match self.parsed("CC_MODE", Some("1"), "a whole number", mode) {
            Some(1) => CcMode::Dcqcn,
            Some(3) => CcMode::Hpcc,
            Some(7) => CcMode::Timely,
            Some(8) => CcMode::Dctcp,
            Some(10) => CcMode::HpccPint,
            Some(mode) => {
                let message = format!("CC_MODE {mode} is not supported; supported: 1, 3, 7, 8, 10");
                let help = "1 is DCQCN (with ENABLE_QCN 0: none), 3 HPCC, 7 TIMELY, 8 DCTCP, \
                            10 HPCC-PINT";
                self.error("CC_MODE", message, help);
                CcMode::Dcqcn
            }
            None => CcMode::Dcqcn,
        }
    }

    pub(super) fn timely(&mut self) -> TimelyKeys {
        let mut delay = |key, default| {
            self.parsed(key, Some(default), "a time in nanoseconds", |t| {
                decimal(t, 1_000).map(SimDuration::from_ps)
            })
        };
        let keys = TimelyKeys {
            t_low: delay("TIMELY_T_LOW", "50000"),
            t_high: delay("TIMELY_T_HIGH", "500000"),
            beta_q16: self.fraction_q16("TIMELY_BETA", Some("0.8")),
        };
        if keys.t_low > keys.t_high {
            let message = format!(
                "TIMELY_T_LOW ({}) is above TIMELY_T_HIGH ({})",
                keys.t_low, keys.t_high
            );
            let key = match self.text("TIMELY_T_LOW") {
                Some(_) => "TIMELY_T_LOW",
                None => "TIMELY_T_HIGH",
            };
            self.error(
                key,
                message,
                "rates grow below the one and fall above the other",
            );
        }
        keys
    }

    pub(super) fn pint(&mut self) -> PintKeys {
        let what = "a base from 1.001 to 16";
        let powers = self.parsed("PINT_LOG_BASE", Some("1.05"), what, |t| {
            let base = decimal(t, 1 << 32)?;
            let allowed = (1 << 32) / 1_000 * 1_001..=16 << 32;
            let base = allowed.contains(&base).then_some(base)?;
            PintSpec::powers_of(base)
        });
        PintKeys {
            powers,
            probability: match self.text("PINT_PROB") {
                Some(_) => self.probability("PINT_PROB"),
                None => Probability::ONE,
            },
        }
    }

    /// `FIXED_WIN`, in bytes.
    pub(super) fn fixed_win(&mut self, has_win: bool) -> Option<u64> {
        self.text("FIXED_WIN")?;
        let bytes = self.parsed("FIXED_WIN", None, "a number of bytes above zero", |t| {
            t.parse().ok().filter(|n| *n > 0)
        });
        if !has_win {
            self.notes
                .push("FIXED_WIN: no effect with HAS_WIN 0".to_owned());
        }
        Some(bytes)
    }

    /// `BASE_RTT`, in nanoseconds.
    pub(super) fn base_rtt(&mut self, cc: CcMode) -> Option<SimDuration> {
        self.text("BASE_RTT")?;
        let rtt = self.parsed("BASE_RTT", None, "a time in nanoseconds above zero", |t| {
            decimal(t, 1_000)
                .filter(|ps| *ps > 0)
                .map(SimDuration::from_ps)
        });
        if !matches!(cc, CcMode::Hpcc | CcMode::HpccPint) {
            self.notes.push(format!(
                "BASE_RTT: no effect under CC_MODE {}, which knows no base RTT",
                cc.name()
            ));
        }
        Some(rtt)
    }

    pub(super) fn max_rate(&mut self) -> Option<BitRate> {
        self.text("MAX_RATE")?;
        Some(self.rate("MAX_RATE", None)).filter(|r| r.bps() > 0)
    }
}

#[cfg(test)]
mod tests {
    use crate::hpcc::tests::load_text;

    /// Two flows of 2 MB into one port of 10 Gb/s, the second 5 us later, without a window.
    const CONFIG: &str = "TOPOLOGY_FILE topology.txt\nFLOW_FILE flow.txt\nENABLE_QCN 1\n\
        L2_ACK_INTERVAL 1\nL2_CHUNK_SIZE 4000\nENABLE_TRACE 0\nBUFFER_SIZE 64\nHAS_WIN 0\n\
        FAST_REACT 0\nMI_THRESH 0\nMULTI_RATE 0\nPMAX_MAP 1 10000000000 1.0\n";
    const TOPOLOGY: &str =
        "4 1 3\n3\n0 3 10Gbps 1000ns 0\n1 3 10Gbps 1000ns 0\n2 3 10Gbps 1000ns 0\n";
    const FLOWS: &str = "2\n0 2 3 100 2000000 2.000000000\n1 2 3 100 2000000 2.000005000\n";

    /// Completion times in ns.
    fn times(lines: &str) -> [u64; 2] {
        let input = load_text(&format!("{CONFIG}{lines}"), TOPOLOGY, FLOWS).unwrap();
        let results = xoff_sim::run(&input.model, &mut |_| {});
        [0, 1].map(|f| {
            let flow = &results.flows[f];
            flow.active_until.since(flow.start).ps() / 1_000
        })
    }

    fn assert_near(ours: [u64; 2], theirs: [u64; 2], each_ppm: u64, mean_ppm: u64) {
        for (o, t) in ours.iter().zip(&theirs) {
            assert!(
                o.abs_diff(*t) * 1_000_000 <= t * each_ppm,
                "{ours:?} {theirs:?}"
            );
        }
        let [o, t] = [ours, theirs].map(|f| f[0] + f[1]);
        assert!(
            o.abs_diff(t) * 1_000_000 <= t * mean_ppm,
            "{ours:?} {theirs:?}"
        );
    }

    const DCTCP: &str = "CC_MODE 8\nEWMA_GAIN 0.0625\nMIN_RATE 100Mb/s\n\
        DCTCP_RATE_AI 615Mb/s\nRATE_AI 10Mb/s\nRATE_HAI 10Mb/s\n";

    /// The reference cuts the time of a frame to nanoseconds, 838.4 to 838: links that are so much
    /// faster give its times.
    #[test]
    fn dctcp_takes_the_times_of_the_reference() {
        let maps = "KMIN_MAP 1 10000000000 12\nKMAX_MAP 1 10000000000 12\n";
        let ours = times(&format!("{DCTCP}{maps}"));
        assert_near(ours, [3_293_787, 3_410_253], 15_000, 10_000);
        let fast = |text: &str| {
            text.replace("10Gbps", "10004773269bps")
                .replace("10000000000", "10004773269")
        };
        let config = fast(&format!("{CONFIG}{DCTCP}{maps}"));
        let input = load_text(&config, &fast(TOPOLOGY), FLOWS).unwrap();
        let results = xoff_sim::run(&input.model, &mut |_| {});
        let ours = [0, 1].map(|f| {
            let flow = &results.flows[f];
            flow.active_until.since(flow.start).ps() / 1_000
        });
        assert_near(ours, [3_293_787, 3_410_253], 600, 100);
    }

    #[test]
    fn timely_follows_its_keys() {
        let timely = "CC_MODE 7\nEWMA_GAIN 0.00390625\nRATE_AI 10Mb/s\nRATE_HAI 50Mb/s\n\
            MIN_RATE 1000Mb/s\nKMIN_MAP 1 10000000000 1000\nKMAX_MAP 1 10000000000 1000\n";
        let keys = "TIMELY_T_HIGH 100000\nTIMELY_T_LOW 20000\nTIMELY_BETA 0.8\n";
        // Which of the two gets more is a matter of nanoseconds, what both get is not.
        let ours = times(&format!("{timely}{keys}"));
        assert_near(ours, [3_731_472, 3_587_281], 40_000, 5_000);
        let without = times(timely);
        assert_ne!(ours, without);
        let other = keys.replace("0.8", "0.1");
        assert_ne!(ours, times(&format!("{timely}{other}")));
    }

    #[test]
    fn pint_keeps_the_link_full_and_its_keys_count() {
        let pint = "CC_MODE 10\nHAS_WIN 1\nVAR_WIN 1\nRATE_AI 50Mb/s\nRATE_HAI 50Mb/s\n\
            KMIN_MAP 1 10000000000 1000\nKMAX_MAP 1 10000000000 1000\n";
        let all = times(pint);
        // 4,000 frames of 1,049 bytes at 10 Gb/s take 3.36 ms, at 95 % 3.53 ms.
        assert!((3_400_000..3_900_000).contains(&all[1]), "{all:?}");
        for keys in ["PINT_PROB 0.1\n", "PINT_LOG_BASE 1.5\n"] {
            let ours = times(&format!("{pint}{keys}"));
            assert!(ours != all && ours[1] < 6_000_000, "{keys}: {ours:?}");
        }
    }

    #[test]
    fn a_fixed_window_and_a_largest_rate_bound_a_flow() {
        let dcqcn = "CC_MODE 1\nHAS_WIN 1\nEWMA_GAIN 0.0625\nRP_TIMER 300\nRATE_AI 50Mb/s\n\
            RATE_HAI 50Mb/s\nKMIN_MAP 1 10000000000 1000\nKMAX_MAP 1 10000000000 1000\n";
        // 1,048 bytes of every frame at 2 Gb/s, each of both flows by itself.
        let paced = times(&format!("{dcqcn}FIXED_WIN 100000\nMAX_RATE 2Gb/s\n"));
        let wanted = 2_000 * 1_048 * 8 / 2;
        assert_near(paced, [wanted; 2], 2_000, 2_000);
        // One packet per round trip: two frames, two ACKs, four links of 1 us; twice, if the other
        // flow's frame is before it.
        let one = times(&format!("{dcqcn}FIXED_WIN 1\n"));
        let round = 2 * 838 + 2 * 48 + 4_000;
        let slowest = 2_000 * (round + 838);
        assert!(
            one.iter().all(|t| (2_000 * round - 9..slowest).contains(t)),
            "{one:?}"
        );
    }
}
