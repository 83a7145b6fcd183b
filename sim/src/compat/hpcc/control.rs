//! The keys of `config.txt` that set congestion control.

use super::config::{CcMode, Values};
use super::text::decimal;
use crate::model::PintSpec;
use crate::time::SimDuration;
use crate::units::{BitRate, Probability};
use std::sync::Arc;

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
