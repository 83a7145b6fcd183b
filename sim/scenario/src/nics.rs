//! NIC profiles.

use super::diag::Mistakes;
use super::profiles::{default_marking, link_mtu, marking, pause, scheduler};
use super::quantity::{Gain, Given, LogBase, OrOff, Sp, TimerCode};
use super::raw::*;
use xoff_model::time::SimDuration;
use xoff_model::units::{BitRate, Bytes, Probability};
use xoff_model::*;

/// A NIC profile and the congestion controls that its parameters give.
#[derive(Debug)]
pub(super) struct Nic {
    pub(super) profile: NicProfile,
    /// What its flows use unless they say otherwise.
    pub(super) cc: RawCc,
    dcqcn: DcqcnSpec,
    timely: TimelySpec,
    hpcc: HpccSpec,
    /// Windows scale with the rate.
    window_variable: bool,
    pint: PintSpec,
    dctcp: DctcpSpec,
}

impl Nic {
    /// A window of a flow's own.
    pub(super) fn window(&self, bytes: Bytes) -> Window {
        Window {
            bytes: bytes.0,
            variable: self.window_variable,
        }
    }

    pub(super) fn congestion_control(&self, cc: RawCc) -> CcSpec {
        match cc {
            RawCc::None => CcSpec::None,
            RawCc::Dcqcn => CcSpec::Dcqcn(self.dcqcn),
            RawCc::Timely => CcSpec::Timely(self.timely),
            RawCc::Hpcc => CcSpec::Hpcc(self.hpcc),
            RawCc::HpccPint => CcSpec::HpccPint(self.pint.clone()),
            RawCc::Dctcp => CcSpec::Dctcp(self.dctcp),
        }
    }
}

/// Builds a NIC profile whose ports have the given rates.
pub(super) fn nic(
    name: &str,
    raw: &RawNic,
    rates: &[BitRate],
    framing: Framing,
    mistakes: &mut Mistakes,
) -> Nic {
    let mtu = mtu(raw, framing, mistakes);
    let port = nic_port(&raw.own_port(), rates, mistakes);
    check_link_mtu(&raw.link_mtu, mtu, mistakes);
    let window_variable = raw.window_variable.get_or(false);
    let window = raw.window.get_or(OrOff(None)).0.map(|w| Window {
        bytes: w.0,
        variable: window_variable,
    });
    if let Some(zero) = raw.window.as_ref().filter(|w| w.0 == Some(Bytes(0))) {
        mistakes.at(zero, "a window of zero bytes", "use \"off\" for no window");
    }
    let cc = raw.cc.get_or(RawCc::None);
    let mut rc = reliability(raw, cc, mistakes);
    if let (RawCc::None, Some(w)) = (cc, window) {
        // Without a congestion control the window is a plain bound of packets.
        let packets = (w.bytes / u64::from(mtu)).clamp(1, 1 << 23) as u32;
        rc.max_outstanding = Some(rc.max_outstanding.map_or(packets, |m| m.min(packets)));
    }
    let profile = NicProfile {
        name: name.to_owned(),
        mtu,
        control_first: raw.control_first.get_or(true),
        turns: turns(raw, mistakes),
        pacing: match raw.pacing.get_or(RawPacing::Due) {
            RawPacing::Due => Pacing::Due,
            RawPacing::Sent => Pacing::Sent,
        },
        send_latency: raw.send_latency.get_or(SimDuration::ZERO),
        rc,
        np: notification(&raw.cnp),
        port,
        exceptions: Vec::new(),
    };
    let hpcc_window = match (&raw.window, window) {
        (None, _) => HpccWindow::Bdp,
        (Some(_), None) => HpccWindow::Off,
        (Some(_), Some(window)) => HpccWindow::Given(window),
    };
    let timely = timely(&raw.timely, window, mistakes);
    Nic {
        profile,
        cc,
        dcqcn: dcqcn(&raw.dcqcn, window, mistakes),
        timely,
        hpcc: hpcc(&raw.hpcc, hpcc_window),
        pint: pint(&raw.pint, &raw.hpcc, hpcc_window),
        dctcp: dctcp(&raw.dctcp, window),
        window_variable,
    }
}

/// Builds the profile of NIC ports that have the given rates.
pub(super) fn nic_port(
    raw: &RawNicPort,
    rates: &[BitRate],
    mistakes: &mut Mistakes,
) -> NicPortProfile {
    let rx_buffer = raw.rx_buffer.get_or(Bytes(512 << 10));
    let rx_xoff = raw.rx_xoff.get_or(Bytes(rx_buffer.0 / 2));
    let rx_xon = raw.rx_xon.get_or(Bytes(rx_xoff.0 / 2));
    check_order(&raw.rx_xoff, rx_xoff, "rx_buffer", rx_buffer, mistakes);
    check_order(&raw.rx_xon, rx_xon, "rx_xoff", rx_xoff, mistakes);
    NicPortProfile {
        pfc: pause(&raw.pfc, rates),
        scheduler: scheduler(&raw.ets, mistakes),
        rx_buffer,
        rx_xoff,
        rx_xon,
        rx_drain: raw.drain.get_or(OrOff(None)).0,
        storm_guard: raw.storm_guard.get_or(OrOff(None)).0,
        link_mtu: link_mtu(&raw.link_mtu, mistakes),
        tagged: raw.tagged.given(),
    }
}

/// What RoCE adds to a path MTU at most, as Linux counts it (`iboe_get_mtu`): GRH 40, UDP 8, BTH
/// 12, XRCETH 4, AtomicETH 28, ICRC 4.
const ROCE_HEADERS: u32 = 96;

/// An interface must hold the packets that its queue pairs make.
pub(super) fn check_link_mtu(raw: &Option<Sp<OrOff<u32>>>, mtu: u32, mistakes: &mut Mistakes) {
    let Some((given, link)) = raw.as_ref().and_then(|raw| Some((raw, raw.0?))) else {
        return;
    };
    if link < mtu + ROCE_HEADERS {
        let least = mtu + ROCE_HEADERS;
        let message = format!("a link MTU of {link} is too small for a path MTU of {mtu}");
        let help = format!("RoCE needs {least} here, or a smaller `mtu`");
        mistakes.at(given, message, &help);
    }
}

fn turns(raw: &RawNic, mistakes: &mut Mistakes) -> Turns {
    match &raw.turns {
        Some(given) if given.value == RawTurns::Port => {
            let silent = |port: &Sp<RawNicPort>| port.ets.is_silent();
            if !raw.ets.is_silent() || !raw.port.values().all(silent) {
                let help = "leave `ets` out, or use turns = \"class\"";
                mistakes.at(given, "turns of a whole port know no `ets`", help);
            }
            Turns::Port
        }
        _ => Turns::Class,
    }
}

fn mtu(raw: &RawNic, framing: Framing, mistakes: &mut Mistakes) -> u32 {
    let mtu = raw.mtu.get_or(4096);
    let roce = matches!(framing, Framing::RoceV2 { .. });
    let good = match roce {
        true => [256, 512, 1024, 2048, 4096].contains(&mtu),
        false => (1..=65_535).contains(&mtu),
    };
    if let (false, Some(given)) = (good, &raw.mtu) {
        let help = match roce {
            true => "RoCE has path MTUs of 256, 512, 1024, 2048 and 4096 bytes",
            false => "use 1 to 65535 bytes",
        };
        mistakes.at(given, format!("{mtu} is no MTU"), help);
        return 4096;
    }
    mtu
}

fn check_order(
    given: &Option<Sp<Bytes>>,
    value: Bytes,
    bound_name: &str,
    bound: Bytes,
    mistakes: &mut Mistakes,
) {
    if let (true, Some(given)) = (value > bound, given) {
        mistakes.at(
            given,
            format!("{value} is above {bound_name} ({bound})"),
            "",
        );
    }
}

/// The RNR timer of a 5-bit code, in units of 10 us (IBTA, AETH syndrome).
fn rnr_time(code: u8) -> SimDuration {
    // Codes 2n and 2n + 1 differ by a factor of 1.5, except for the first ones; 0 is the longest.
    let tens = match code & 31 {
        0 => 65_536,
        n @ 1..=4 => u64::from(n),
        n if n % 2 == 1 => 6 << ((n - 5) / 2),
        n => 4 << ((n - 4) / 2),
    };
    SimDuration::from_us(10 * tens)
}

fn reliability(raw: &RawNic, cc: RawCc, mistakes: &mut Mistakes) -> RcSpec {
    check_reliability(raw, mistakes);
    let rnr_retry = raw.rnr_retry.get_or(7);
    let retry_cnt = raw.retry_cnt.get_or(OrOff(Some(7))).0;
    RcSpec {
        recovery: match raw.recovery.get_or(RawRecovery::GoBackN) {
            RawRecovery::GoBackN => Recovery::GoBackN,
            RawRecovery::GoBack0 => Recovery::GoBack0,
            RawRecovery::Selective => Recovery::Selective,
        },
        ack_every: raw.ack_every.get_or(match cc {
            RawCc::None | RawCc::Dcqcn => 4,
            RawCc::Timely | RawCc::Hpcc | RawCc::HpccPint | RawCc::Dctcp => 1,
        }),
        timeout: match raw.timeout.get_or(TimerCode::Code(14)) {
            TimerCode::Code(0) => SimDuration::ZERO,
            TimerCode::Code(n) => SimDuration::from_ps(4_096_000) * (1 << n),
            TimerCode::Time(time) => time,
        },
        retry_cnt: retry_cnt.map(|r| r.min(7) as u8),
        rnr_retry: (rnr_retry < 7).then_some(rnr_retry.min(7) as u8),
        rnr_timer: match raw.rnr_timer.get_or(TimerCode::Code(12)) {
            TimerCode::Code(n) => rnr_time(n),
            TimerCode::Time(time) => time,
        },
        nak_delay: raw.nak_delay.get_or(SimDuration::from_us(1)),
        nak_repeat: raw.nak_repeat.get_or(OrOff(None)).0,
        retransmit_delay: raw.retransmit_delay.get_or(SimDuration::from_us(1)),
        max_outstanding: raw
            .max_outstanding
            .get_or(OrOff(None))
            .0
            .map(|m| m.min(1 << 23)),
        max_rd_atomic: raw.max_rd_atomic.get_or(16),
    }
}

fn check_reliability(raw: &RawNic, mistakes: &mut Mistakes) {
    if let Some(given) = raw.rnr_retry.as_ref().filter(|r| r.value > 7) {
        mistakes.at(
            given,
            format!("rnr_retry is {}", **given),
            "use 0 to 7; 7 means no limit",
        );
    }
    let retries = raw.retry_cnt.as_ref();
    if let Some(given) = retries.filter(|r| r.0.is_some_and(|r| r > 7)) {
        mistakes.at(
            given,
            "retry_cnt above 7",
            "use 0 to 7, or \"off\" for no limit",
        );
    }
    if let Some(given) = raw.max_rd_atomic.as_ref().filter(|v| v.value > 255) {
        let message = format!("{} outstanding READs or atomics", **given);
        mistakes.at(
            given,
            message,
            "use 1 to 255: the connection request has 8 bits",
        );
    }
    for zero in [&raw.ack_every, &raw.max_rd_atomic]
        .into_iter()
        .flatten()
        .filter(|v| v.value == 0)
    {
        mistakes.at(zero, "a count of zero", "use at least 1");
    }
    if let Some(zero) = raw.max_outstanding.as_ref().filter(|v| v.0 == Some(0)) {
        mistakes.at(
            zero,
            "no packet may be in flight",
            "use \"off\" for no limit",
        );
    }
    if let Some(given) = raw.timeout.as_ref()
        && let TimerCode::Time(time) = given.value
        && !time.is_zero()
        && time < SimDuration::from_us(1)
    {
        let help = "use at least 1us; code 1 is 8.192us, the shortest of the verbs API";
        mistakes.at(given, "too short a timeout", help);
    }
}

fn notification(raw: &RawCnp) -> NpSpec {
    match raw.mode.get_or(RawCnpMode::On) {
        RawCnpMode::Off => NpSpec::Off,
        RawCnpMode::Echo => NpSpec::EchoOnAck,
        RawCnpMode::On => NpSpec::Cnp {
            interval: raw.interval.get_or(SimDuration::from_us(50)),
            scope: match raw.scope.get_or(RawCnpScope::Qp) {
                RawCnpScope::Qp => CnpScope::Qp,
                RawCnpScope::Ip => CnpScope::DestinationIp,
                RawCnpScope::Port => CnpScope::Port,
            },
            marking: marking(&raw.marking(), default_marking(6)),
            delay: raw.delay.get_or(SimDuration::ZERO),
        },
    }
}

/// Zero intervals would make timers fire without end, and picoseconds almost.
fn positive(times: &[&Option<Sp<SimDuration>>], mistakes: &mut Mistakes) {
    let shortest = SimDuration::from_ns(1);
    for given in times.iter().copied().flatten().filter(|t| ***t < shortest) {
        let message = match given.is_zero() {
            true => "an interval of zero",
            false => "an interval below 1ns",
        };
        mistakes.at(given, message, "use at least 1ns");
    }
}

const fn mbps(rate: u64) -> BitRate {
    BitRate::from_bps(rate * 1_000_000)
}

fn dcqcn(raw: &RawDcqcn, window: Option<Window>, mistakes: &mut Mistakes) -> DcqcnSpec {
    positive(
        &[
            &raw.alpha_interval,
            &raw.decrease_interval,
            &raw.increase_timer,
        ],
        mistakes,
    );
    let byte_counter = raw.byte_counter.get_or(OrOff(Some(Bytes(10_000_000)))).0;
    if let Some(zero) = raw.byte_counter.as_ref().filter(|c| c.0 == Some(Bytes(0))) {
        mistakes.at(
            zero,
            "a byte counter of zero",
            "use \"off\" for the timer alone",
        );
    }
    if let Some(zero) = raw
        .first_cnp_rate
        .as_ref()
        .filter(|r| r.0.is_some_and(|r| r.bps() == 0))
    {
        mistakes.at(
            zero,
            "a rate of zero",
            "use \"off\" for a cut like any other",
        );
    }
    DcqcnSpec {
        variant: variant(&raw.variant),
        g_q16: raw.g.get_or(Gain(256)).0,
        alpha_interval: raw.alpha_interval.get_or(SimDuration::from_us(55)),
        decrease_interval: raw.decrease_interval.get_or(SimDuration::from_us(50)),
        increase_timer: raw.increase_timer.get_or(SimDuration::from_us(300)),
        byte_counter: byte_counter.map(|b| b.0),
        fast_recovery: raw.fast_recovery.get_or(5),
        rate_ai: raw.rate_ai.get_or(mbps(40)),
        rate_hai: raw.rate_hai.get_or(mbps(400)),
        rate_min: raw.rate_min.get_or(mbps(100)),
        clamp_target: raw.clamp_target.get_or(false),
        first_cnp_rate: raw.first_cnp_rate.get_or(OrOff(None)).0,
        window,
    }
}

fn timely(raw: &RawTimely, window: Option<Window>, mistakes: &mut Mistakes) -> TimelySpec {
    positive(&[&raw.min_rtt], mistakes);
    let (t_low, t_high) = (
        raw.t_low.get_or(SimDuration::from_us(50)),
        raw.t_high.get_or(SimDuration::from_us(500)),
    );
    if let (true, Some(given)) = (t_low > t_high, raw.t_low.as_ref().or(raw.t_high.as_ref())) {
        mistakes.at(
            given,
            format!("t_low ({t_low}) is above t_high ({t_high})"),
            "",
        );
    }
    TimelySpec {
        ewma_q16: raw.ewma.get_or(Gain(57_344)).0,
        beta_q16: raw.beta.get_or(Gain(52_429)).0,
        t_low,
        t_high,
        min_rtt: raw.min_rtt.get_or(SimDuration::from_us(20)),
        rate_ai: raw.rate_ai.get_or(mbps(50)),
        rate_hai: raw.rate_hai.get_or(mbps(250)),
        rate_min: raw.rate_min.get_or(mbps(100)),
        window,
    }
}

fn variant(raw: &Option<Sp<RawVariant>>) -> Variant {
    match raw.get_or(RawVariant::Published) {
        RawVariant::Published => Variant::Published,
        RawVariant::Ns3 => Variant::Ns3,
    }
}

fn pint(raw: &RawPint, hpcc: &RawHpcc, window: HpccWindow) -> PintSpec {
    // 1.05 in 2^32ths. The range of the key leaves no base without powers.
    let base = raw.log_base.get_or(LogBase(4_509_715_661)).0;
    let shared = self::hpcc(hpcc, window);
    PintSpec {
        u_target_q16: shared.u_target_q16,
        max_stage: shared.max_stage,
        rate_ai: shared.rate_ai,
        rate_min: shared.rate_min,
        base_rtt: shared.base_rtt,
        window,
        powers: PintSpec::powers_of(base).unwrap_or_default(),
        probability: raw.probability.get_or(Probability::ONE),
    }
}

fn dctcp(raw: &RawDctcp, window: Option<Window>) -> DctcpSpec {
    DctcpSpec {
        g_q16: raw.g.get_or(Gain(4_096)).0,
        rate_ai: raw.rate_ai.get_or(mbps(615)),
        rate_min: raw.rate_min.get_or(mbps(100)),
        window,
    }
}

fn hpcc(raw: &RawHpcc, window: HpccWindow) -> HpccSpec {
    HpccSpec {
        variant: variant(&raw.variant),
        u_target_q16: raw.u_target.get_or(Gain(62_259)).0,
        max_stage: raw.max_stage.get_or(5),
        rate_ai: raw.rate_ai.get_or(mbps(50)),
        rate_min: raw.rate_min.get_or(mbps(100)),
        base_rtt: raw.base_rtt.get_or(SimDuration::from_us(13)),
        fast_react: raw.fast_react.get_or(true),
        multi_rate: raw.multi_rate.get_or(false),
        sample_feedback: raw.sample_feedback.get_or(false),
        window,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rnr_timers_are_those_of_the_ibta() {
        let table = [
            655_360, 10, 20, 30, 40, 60, 80, 120, 160, 240, 320, 480, 640, 960, 1_280, 1_920,
            2_560, 3_840, 5_120, 7_680, 10_240, 15_360, 20_480, 30_720, 40_960, 61_440, 81_920,
            122_880, 163_840, 245_760, 327_680, 491_520,
        ];
        for (code, us) in (0..).zip(table) {
            assert_eq!(rnr_time(code), SimDuration::from_us(us), "code {code}");
        }
    }
}
