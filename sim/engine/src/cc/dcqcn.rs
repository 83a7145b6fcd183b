//! DCQCN reaction point (Zhu et al., SIGCOMM 2015).
//!
//! As published: a CNP cuts the rate by α/2 at once, and then raises α; at most one cut falls into
//! a `decrease_interval`, a CNP that comes sooner cuts at its end. Every `alpha_interval` without a
//! CNP α decays. A cut starts the increase timer.
//!
//! In the HPCC simulator, after a Mellanox firmware, the first CNP sets α = 1, leaves the rate
//! alone and starts two grids: α is updated every `alpha_interval`, and 1 ns after every
//! `decrease_interval` the rate is cut if a CNP came since the last cut.
//!
//! Timers are lazy: α is brought up to date only when it is used, a cut is armed only while a CNP
//! waits for it, and the increase timer stops at full rate, so an undisturbed queue pair costs no
//! events.

use super::{at_new_line, scaled_window};
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::units::BitRate;
use xoff_model::{DcqcnSpec, Variant};

/// α = 1 in Q32.
const ONE: u64 = 1 << 32;
/// On the grid, cuts are checked this long after the α update of the same instant.
const CUT_OFFSET: SimDuration = SimDuration::from_ns(1);

/// DCQCN state of one queue pair.
#[derive(Clone, Debug)]
pub struct Dcqcn {
    spec: DcqcnSpec,
    line: u64,
    rate: u64,
    target: u64,
    /// Q32, valid for times before `alpha_next`.
    alpha: u64,
    alpha_next: SimTime,
    /// A CNP came in the current α interval (on the grid).
    alpha_cnp: bool,
    /// No cut before the end of the decrease interval that began here; on the grid, cuts happen at
    /// its ends. None before the first CNP.
    cut_origin: Option<SimTime>,
    cut_at: SimTime,
    increase_at: SimTime,
    time_stage: u32,
    byte_stage: u32,
    bytes: u64,
}

impl Dcqcn {
    /// At full rate. Intervals of zero count as the shortest possible.
    pub fn new(spec: &DcqcnSpec, line: BitRate) -> Self {
        let mut spec = *spec;
        let tick = |d: SimDuration| d.max(SimDuration::from_ps(1));
        spec.alpha_interval = tick(spec.alpha_interval);
        spec.decrease_interval = tick(spec.decrease_interval);
        spec.increase_timer = tick(spec.increase_timer);
        spec.g_q16 = spec.g_q16.min(1 << 16);
        spec.rate_min = spec.rate_min.min(line);
        Dcqcn {
            spec,
            line: line.bps(),
            rate: line.bps(),
            target: line.bps(),
            alpha: ONE,
            alpha_next: SimTime::NEVER,
            alpha_cnp: false,
            cut_origin: None,
            cut_at: SimTime::NEVER,
            increase_at: SimTime::NEVER,
            time_stage: 0,
            byte_stage: 0,
            bytes: 0,
        }
    }

    /// The port has another rate from now on.
    pub fn set_line(&mut self, line: BitRate) {
        let old = std::mem::replace(&mut self.line, line.bps());
        self.spec.rate_min = self.spec.rate_min.min(line);
        self.rate = at_new_line(self.rate, old, self.line);
        self.target = at_new_line(self.target, old, self.line);
    }

    /// Current rate in bits per second.
    pub fn rate_bps(&self) -> u64 {
        self.rate
    }

    /// Target rate in bits per second.
    pub fn target_bps(&self) -> u64 {
        self.target
    }

    /// α in 2^32ths, as of `now`.
    pub fn alpha_q32(&self, now: SimTime) -> u64 {
        let mut copy = self.clone();
        copy.update_alpha(now);
        copy.alpha
    }

    /// Most payload bytes in flight.
    pub fn window(&self) -> Option<u64> {
        scaled_window(self.spec.window, self.rate, self.line)
    }

    /// A CNP arrived. What is due at `now` happens before it.
    pub fn on_cnp(&mut self, now: SimTime) {
        self.on_deadline(now);
        let Some(origin) = self.cut_origin else {
            return self.first_cnp(now);
        };
        self.update_alpha(now);
        let interval = self.spec.decrease_interval;
        match self.spec.variant {
            Variant::Ns3 => {
                self.alpha_cnp = true;
                if self.cut_at == SimTime::NEVER {
                    let past = now.since(origin).ps() / interval.ps();
                    self.cut_at = origin + interval * (past + 1);
                }
            }
            Variant::Published => {
                self.alpha_next = now + self.spec.alpha_interval;
                if now >= origin + interval {
                    self.cut(now);
                } else {
                    self.cut_at = origin + interval;
                }
            }
        }
    }

    /// Until here the queue pair has sent at full rate.
    fn first_cnp(&mut self, now: SimTime) {
        self.alpha_next = now + self.spec.alpha_interval;
        self.target = self.rate;
        if let Some(rate) = self.spec.first_cnp_rate {
            self.rate = rate.bps().clamp(self.spec.rate_min.bps(), self.line);
            self.target = self.rate;
        }
        match (self.spec.variant, self.spec.first_cnp_rate) {
            (Variant::Ns3, _) => {
                let origin = now + CUT_OFFSET;
                self.cut_origin = Some(origin);
                self.cut_at = origin + self.spec.decrease_interval;
            }
            (Variant::Published, None) => self.cut(now),
            (Variant::Published, Some(_)) => {
                self.cut_origin = Some(now);
                self.increase_at = now + self.spec.increase_timer;
            }
        }
    }

    /// `bytes` were sent: the byte counter of the increase.
    pub fn on_sent(&mut self, now: SimTime, bytes: u64) {
        let Some(stage_bytes) = self.spec.byte_counter else {
            return;
        };
        if self.is_full() {
            return;
        }
        self.on_deadline(now);
        self.bytes += bytes;
        while self.bytes >= stage_bytes.max(1) {
            self.bytes -= stage_bytes.max(1);
            self.increase();
            self.byte_stage = self.byte_stage.saturating_add(1);
        }
    }

    /// The next cut or increase.
    pub fn deadline(&self) -> SimTime {
        self.cut_at.min(self.increase_at)
    }

    /// Does everything due by `now`, in order; an increase precedes a cut at the same instant.
    pub fn on_deadline(&mut self, now: SimTime) {
        while self.deadline() <= now && self.deadline() != SimTime::NEVER {
            if self.increase_at <= self.cut_at {
                self.on_increase_timer();
            } else {
                self.cut(self.cut_at);
            }
        }
    }

    fn is_full(&self) -> bool {
        self.rate == self.line && self.target == self.line
    }

    fn on_increase_timer(&mut self) {
        self.increase();
        self.time_stage = self.time_stage.saturating_add(1);
        self.increase_at = if self.is_full() {
            SimTime::NEVER
        } else {
            self.increase_at + self.spec.increase_timer
        };
    }

    fn cut(&mut self, now: SimTime) {
        self.update_alpha(now);
        // Consecutive cuts without an increase between them keep the target, unless clamped.
        if self.spec.clamp_target || self.time_stage != 0 || self.byte_stage != 0 {
            self.target = self.rate;
        }
        let kept = (u128::from(self.rate) * u128::from(2 * ONE - self.alpha)) >> 33;
        self.rate = (kept as u64).max(self.spec.rate_min.bps());
        self.time_stage = 0;
        self.byte_stage = 0;
        self.bytes = 0;
        self.cut_at = SimTime::NEVER;
        self.increase_at = now + self.spec.increase_timer;
        if self.spec.variant == Variant::Published {
            self.cut_origin = Some(now);
            // The paper's order: the cut uses α of before the CNP.
            self.alpha = self.risen(self.alpha);
        }
    }

    /// α after an interval without a CNP.
    fn decayed(&self, alpha: u64) -> u64 {
        (alpha * ((1 << 16) - u64::from(self.spec.g_q16))) >> 16
    }

    /// α after a CNP.
    fn risen(&self, alpha: u64) -> u64 {
        self.decayed(alpha) + (u64::from(self.spec.g_q16) << 16)
    }

    /// One increase step: fast recovery, additive or hyper increase.
    fn increase(&mut self) {
        let f = self.spec.fast_recovery;
        let (low, high) = match self.spec.byte_counter {
            None => (self.time_stage, self.time_stage),
            Some(_) => (
                self.time_stage.min(self.byte_stage),
                self.time_stage.max(self.byte_stage),
            ),
        };
        let step = if high < f {
            0
        } else if low > f {
            self.spec.rate_hai.bps()
        } else {
            self.spec.rate_ai.bps()
        };
        self.target = self.target.saturating_add(step).min(self.line);
        // Rounded up, so that the rate arrives at its target.
        self.rate += (self.target - self.rate).div_ceil(2);
    }

    /// Applies the α updates due by `now`. Only the first of them can have seen a CNP.
    fn update_alpha(&mut self, now: SimTime) {
        if now < self.alpha_next {
            return;
        }
        let interval = self.spec.alpha_interval;
        let ticks = now.since(self.alpha_next).ps() / interval.ps() + 1;
        self.alpha_next += interval * ticks;
        self.alpha = match std::mem::take(&mut self.alpha_cnp) {
            true => self.risen(self.alpha),
            false => self.decayed(self.alpha),
        };
        for _ in 1..ticks {
            let next = self.decayed(self.alpha);
            if next == self.alpha {
                break;
            }
            self.alpha = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use xoff_model::Window;

    const LINE: BitRate = BitRate::from_gbps(100);

    fn spec() -> DcqcnSpec {
        DcqcnSpec {
            variant: Variant::Ns3,
            g_q16: 256,
            alpha_interval: SimDuration::from_us(1),
            decrease_interval: SimDuration::from_us(4),
            increase_timer: SimDuration::from_us(300),
            byte_counter: None,
            fast_recovery: 1,
            rate_ai: BitRate::from_bps(20_000_000),
            rate_hai: BitRate::from_bps(200_000_000),
            rate_min: BitRate::from_gbps(1),
            clamp_target: false,
            first_cnp_rate: None,
            window: None,
        }
    }

    fn published() -> DcqcnSpec {
        DcqcnSpec {
            variant: Variant::Published,
            ..spec()
        }
    }

    fn us(n: u64) -> SimTime {
        SimTime::from_ns(n * 1_000)
    }

    /// The same control with every timer ticking: one clock step at a time, nothing skipped.
    struct Eager {
        spec: DcqcnSpec,
        rate: u128,
        target: u128,
        alpha: u128,
        saw: [bool; 2],
        next: Option<[u64; 2]>,
        timer: Option<u64>,
        stage: u64,
        byte_stage: u64,
        bytes: u64,
    }

    impl Eager {
        fn new(spec: DcqcnSpec) -> Self {
            let line = u128::from(LINE.bps());
            Eager {
                spec,
                rate: line,
                target: line,
                alpha: 1 << 32,
                saw: [false; 2],
                next: None,
                timer: None,
                stage: 0,
                byte_stage: 0,
                bytes: 0,
            }
        }

        fn raise(&mut self) {
            let f = u64::from(self.spec.fast_recovery);
            let other = match self.spec.byte_counter {
                Some(_) => self.byte_stage,
                None => self.stage,
            };
            if self.stage > f && other > f {
                self.target += u128::from(self.spec.rate_hai.bps());
            } else if self.stage >= f || other >= f {
                self.target += u128::from(self.spec.rate_ai.bps());
            }
            self.target = self.target.min(u128::from(LINE.bps()));
            self.rate = (self.rate + self.target).div_ceil(2);
        }

        fn run_to(&mut self, now: u64) {
            loop {
                let [alpha, cut] = self.next.unwrap_or([u64::MAX; 2]);
                let timer = self.timer.unwrap_or(u64::MAX);
                let at = alpha.min(cut).min(timer);
                if at > now {
                    return;
                }
                if at == alpha {
                    let g = u128::from(self.spec.g_q16);
                    let fresh = if self.saw[0] { g << 16 } else { 0 };
                    self.alpha = self.alpha * (65_536 - g) / 65_536 + fresh;
                    self.saw[0] = false;
                    self.next = Some([at + self.spec.alpha_interval.ps(), cut]);
                } else if at == timer {
                    self.raise();
                    self.stage += 1;
                    self.timer = Some(at + self.spec.increase_timer.ps());
                } else {
                    self.next = Some([alpha, at + self.spec.decrease_interval.ps()]);
                    if self.saw[1] {
                        self.reduce(at);
                    } else if self.published() {
                        // The interval is over: the next CNP cuts at once.
                        self.next = Some([alpha, u64::MAX]);
                    }
                }
            }
        }

        fn reduce(&mut self, at: u64) {
            if self.spec.clamp_target || self.stage + self.byte_stage > 0 {
                self.target = self.rate;
            }
            let two = 2u128 << 32;
            self.rate = self.rate * (two - self.alpha) / two;
            self.rate = self.rate.max(u128::from(self.spec.rate_min.bps()));
            (self.stage, self.byte_stage, self.bytes) = (0, 0, 0);
            self.saw[1] = false;
            self.timer = Some(at + self.spec.increase_timer.ps());
            if self.published() {
                let alpha = self.next.map_or(u64::MAX, |n| n[0]);
                self.next = Some([alpha, at + self.spec.decrease_interval.ps()]);
                let g = u128::from(self.spec.g_q16);
                self.alpha = self.alpha * (65_536 - g) / 65_536 + (g << 16);
            }
        }

        fn published(&self) -> bool {
            self.spec.variant == Variant::Published
        }

        /// A CNP under the published rules.
        fn plain_cnp(&mut self, now: u64) {
            let [_, cut] = self.next.unwrap_or([u64::MAX; 2]);
            let first = self.next.is_none();
            let alpha = now + self.spec.alpha_interval.ps();
            self.next = Some([alpha, cut]);
            match (first, self.spec.first_cnp_rate) {
                (true, Some(rate)) => {
                    let least = u128::from(self.spec.rate_min.bps());
                    self.rate = u128::from(rate.bps().min(LINE.bps())).max(least);
                    self.target = self.rate;
                    self.timer = Some(now + self.spec.increase_timer.ps());
                    self.next = Some([alpha, now + self.spec.decrease_interval.ps()]);
                }
                _ if cut == u64::MAX => self.reduce(now),
                _ => self.saw[1] = true,
            }
        }

        fn cnp(&mut self, now: u64) {
            if self.published() {
                return self.plain_cnp(now);
            }
            self.saw = [self.next.is_some(), true];
            if self.next.is_none() {
                let s = &self.spec;
                if let Some(rate) = s.first_cnp_rate {
                    let least = u128::from(s.rate_min.bps());
                    self.rate = u128::from(rate.bps().min(LINE.bps())).max(least);
                    self.target = self.rate;
                }
                let first_cut = now + s.decrease_interval.ps() + 1_000;
                self.next = Some([now + s.alpha_interval.ps(), first_cut]);
            }
        }

        fn sent(&mut self, bytes: u64) {
            let Some(each) = self.spec.byte_counter else {
                return;
            };
            let line = u128::from(LINE.bps());
            if (self.rate, self.target) == (line, line) {
                return;
            }
            self.bytes += bytes;
            while self.bytes >= each {
                self.bytes -= each;
                self.raise();
                self.byte_stage += 1;
            }
        }
    }

    fn any_spec() -> impl Strategy<Value = DcqcnSpec> {
        (
            0u32..3_000,
            (500u64..9_000, 1u64..20, 1u64..200),
            prop::option::of(20_000u64..500_000),
            0u32..4,
            (any::<bool>(), any::<bool>(), prop::option::of(0u64..150)),
        )
            .prop_map(
                |(g, (alpha, cut, timer), byte_counter, f, (clamp, ns3, first))| DcqcnSpec {
                    variant: if ns3 {
                        Variant::Ns3
                    } else {
                        Variant::Published
                    },
                    first_cnp_rate: first.map(BitRate::from_gbps),
                    g_q16: g,
                    alpha_interval: SimDuration::from_ns(alpha),
                    // Multiples, so that cuts and increases often coincide.
                    decrease_interval: SimDuration::from_ns(500 * cut),
                    increase_timer: SimDuration::from_ns(500 * timer),
                    byte_counter,
                    fast_recovery: f,
                    rate_ai: BitRate::from_gbps(1),
                    rate_hai: BitRate::from_gbps(7),
                    clamp_target: clamp,
                    ..spec()
                },
            )
    }

    proptest! {
        #[test]
        fn lazy_timers_give_the_trace_of_ticking_timers(
            spec in any_spec(),
            steps in prop::collection::vec((0u64..30_000, 0u8..4, 0u64..200_000), 1..80),
        ) {
            let mut lazy = Dcqcn::new(&spec, LINE);
            let mut eager = Eager::new(spec);
            let mut now = 0;
            for (gap, what, bytes) in steps {
                // Whole and broken nanoseconds, and sometimes a long silence.
                now += gap * if gap % 7 == 0 { 9_001 } else { 1_000 };
                eager.run_to(now);
                let at = SimTime::from_ps(now);
                while lazy.deadline() <= at {
                    lazy.on_deadline(lazy.deadline());
                }
                match what {
                    0 | 1 => (eager.cnp(now), lazy.on_cnp(at)),
                    2 => (eager.sent(bytes), lazy.on_sent(at, bytes)),
                    _ => ((), lazy.on_deadline(at)),
                };
                prop_assert_eq!(u128::from(lazy.rate_bps()), eager.rate);
                prop_assert_eq!(u128::from(lazy.target_bps()), eager.target);
                prop_assert_eq!(u128::from(lazy.alpha_q32(at)), eager.alpha);
            }
        }
    }

    #[test]
    fn the_first_cnp_halves_the_rate_and_the_next_waits_for_its_interval() {
        let slow = DcqcnSpec {
            alpha_interval: SimDuration::from_us(55),
            ..published()
        };
        let mut m = Dcqcn::new(&slow, LINE);
        m.on_cnp(us(10));
        assert_eq!((m.rate_bps(), m.target_bps()), (LINE.bps() / 2, LINE.bps()));
        m.on_cnp(us(12));
        assert_eq!((m.rate_bps(), m.deadline()), (LINE.bps() / 2, us(14)));
        // Two more CNPs of one interval make one cut.
        m.on_cnp(us(13));
        m.on_deadline(us(14));
        assert_eq!(m.rate_bps(), LINE.bps() / 4);
        // 6 us later than the end of the interval: at once.
        m.on_cnp(us(24));
        assert_eq!((m.rate_bps(), m.deadline()), (LINE.bps() / 8, us(324)));
    }

    #[test]
    fn a_cut_uses_alpha_of_before_its_cnp() {
        let mut m = Dcqcn::new(&published(), LINE);
        m.on_cnp(us(0));
        // 100 intervals of decay, the last one just before the CNP.
        let before = m.alpha_q32(us(100));
        assert!(before < ONE * 7 / 10);
        m.on_cnp(us(100));
        let kept = (u128::from(2 * ONE - before) * u128::from(LINE.bps() / 2)) >> 33;
        assert_eq!(u128::from(m.rate_bps()), kept);
        assert_eq!(
            m.alpha_q32(us(100)),
            ((before * 65_280) >> 16) + (256 << 16)
        );
    }

    #[test]
    fn the_rate_of_the_first_cnp_can_be_set() {
        let first_cnp_rate = Some(BitRate::from_gbps(10));
        let spec = DcqcnSpec {
            first_cnp_rate,
            ..published()
        };
        let mut m = Dcqcn::new(&spec, LINE);
        m.on_cnp(us(1));
        assert_eq!(
            (m.rate_bps(), m.target_bps()),
            (10_000_000_000, 10_000_000_000)
        );
        assert_eq!(m.deadline(), us(301));
        m.on_cnp(us(7));
        assert!((5_000_000_000..5_200_000_000).contains(&m.rate_bps()));
    }

    #[test]
    fn on_the_grid_the_first_cnp_cuts_one_interval_later_by_almost_half() {
        let mut m = Dcqcn::new(&spec(), LINE);
        m.on_cnp(us(10));
        assert_eq!(m.rate_bps(), LINE.bps());
        assert_eq!(m.deadline(), SimTime::from_ns(14_001));
        m.on_deadline(m.deadline());
        // α decayed four times without a CNP: (255/256)^4 = 0.98446.
        assert_eq!(m.alpha_q32(us(14)), ONE / 256u64.pow(4) * 255u64.pow(4));
        assert_eq!(m.rate_bps() / 10_000_000, 5_077);
        assert_eq!(m.target_bps(), LINE.bps());
        assert_eq!(m.deadline(), SimTime::from_ns(314_001));
    }

    #[test]
    fn recovery_is_fast_then_additive_then_hyper_and_then_silent() {
        let mut m = Dcqcn::new(&spec(), LINE);
        m.on_cnp(us(0));
        m.on_deadline(m.deadline());
        m.on_cnp(us(8));
        m.on_deadline(us(20));
        let cut = m.rate_bps();
        // No increase lay between the two cuts: the target is still the line rate.
        assert_eq!(m.target_bps(), LINE.bps());
        m.on_deadline(m.deadline());
        assert_eq!(m.rate_bps(), cut + (LINE.bps() - cut).div_ceil(2));
        m.on_cnp(us(400));
        m.on_deadline(us(410));
        let target = m.target_bps();
        assert!(target < LINE.bps());
        m.on_deadline(m.deadline());
        assert_eq!(m.target_bps(), target);
        m.on_deadline(m.deadline());
        assert_eq!(m.target_bps(), target + 20_000_000);
        m.on_deadline(m.deadline());
        assert_eq!(m.target_bps(), target + 220_000_000);
        while m.deadline() != SimTime::NEVER {
            m.on_deadline(m.deadline());
        }
        assert_eq!(m.rate_bps(), LINE.bps());
    }

    #[test]
    fn hyper_increase_needs_both_counters_when_bytes_count() {
        let byte_counter = Some(10_000);
        let mut m = Dcqcn::new(
            &DcqcnSpec {
                byte_counter,
                clamp_target: true,
                ..spec()
            },
            LINE,
        );
        m.on_cnp(us(0));
        m.on_deadline(us(5));
        m.on_cnp(us(6));
        m.on_deadline(us(12));
        let target = m.target_bps();
        m.on_sent(us(13), 40_000);
        // One fast recovery step and three additive ones, however often bytes alone run over.
        assert_eq!(m.target_bps(), target + 60_000_000);
    }

    #[test]
    fn the_rate_stays_between_minimum_and_line() {
        let window = Some(Window {
            bytes: 50_000,
            variable: true,
        });
        let mut m = Dcqcn::new(&DcqcnSpec { window, ..spec() }, LINE);
        for n in 0..10_000 {
            m.on_cnp(us(n));
            m.on_deadline(us(n));
        }
        assert_eq!(m.rate_bps(), 1_000_000_000);
        assert_eq!(m.window(), Some(500));
        assert!(m.alpha_q32(us(10_000)) > ONE * 9 / 10);
        let late = SimTime::from_ps(u64::MAX - 1);
        m.on_cnp(late);
        assert_eq!((m.rate_bps(), m.alpha_q32(late)), (LINE.bps(), 0));
    }
}
