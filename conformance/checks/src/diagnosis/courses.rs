//! How a flow fared: its time against the least that its path and its own settings allow, and what
//! the ports on its path did meanwhile.

use super::Run;
use xoff_model::results::{FlowResult, FlowStatus, HopResult, OwnLimit, PortResult, Results};
use xoff_model::time::SimDuration;
use xoff_model::units::BitRate;
use xoff_model::{CcSpec, FlowSpec, Model, NicProfile, NodeId, Op, Recovery, Role, Transport};
use xoff_scenario::metrics::summary::goodput;
use xoff_scenario::metrics::value::{Value, ppm};

/// Up to here a flow took no longer than it must.
pub(super) const CALM_PPM: u64 = 1_050_000;

pub(super) struct Course<'a> {
    pub(super) spec: &'a FlowSpec,
    pub(super) result: &'a FlowResult,
    pub(super) hops: &'a [HopResult],
    /// From its start to its end, or to the end of the run.
    pub(super) span: SimDuration,
    /// Its time over the least that its path allows, and over the least that its own settings
    /// allow too. None: not known.
    pub(super) taken: Option<u64>,
    pub(super) beyond_own: Option<u64>,
}

impl<'a> Course<'a> {
    pub(super) fn new(
        model: &Model,
        results: &'a Results,
        spec: &'a FlowSpec,
        result: &'a FlowResult,
    ) -> Self {
        let last = result.end.unwrap_or(result.active_until);
        let span = SimDuration::from_ps(last.ps().saturating_sub(result.start.ps()));
        let own = result.own.map_or(SimDuration::ZERO, |own| own.1);
        let over = |least: SimDuration| taken(model, spec, result, span, least);
        Course {
            spec,
            result,
            hops: results.hops(result),
            span,
            taken: over(result.ideal),
            beyond_own: over(result.ideal.max(own)),
        }
    }

    /// It took longer than its path allows.
    pub(super) fn is_slow(&self) -> bool {
        self.taken.is_some_and(|taken| taken > CALM_PPM)
    }

    /// It took longer than its path and its own settings allow.
    pub(super) fn has_waited(&self) -> bool {
        self.beyond_own.is_some_and(|taken| taken > CALM_PPM)
    }

    /// Time beyond the least that it needed.
    pub(super) fn lost(&self) -> SimDuration {
        let ppm = self.beyond_own.unwrap_or(0).max(1);
        let least = u128::from(self.span.ps()) * 1_000_000 / u128::from(ppm);
        SimDuration::from_ps(self.span.ps().saturating_sub(least as u64))
    }

    pub(super) fn share(&self, part: SimDuration) -> u64 {
        ppm(part.ps(), self.span.ps()).unwrap_or(0).min(1_000_000)
    }

    /// Part of its time in which a port sent something.
    pub(super) fn busy(&self, hop: &HopResult, port: &PortResult) -> u64 {
        match port.rate.bps() {
            0 => 0,
            _ => self.share(port.rate.serialize_ceil(hop.sent)),
        }
    }

    /// At least so much of what a port sent meanwhile was not the flow's own data.
    pub(super) fn others(&self, hop: &HopResult) -> u64 {
        let own = self.result.data_packets * u64::from(self.result.packet_wire);
        ppm(hop.sent.saturating_sub(own), hop.sent).unwrap_or(0)
    }

    /// Something else than links and its own limits may have slowed it down.
    pub(super) fn held_otherwise(&self) -> bool {
        let c = &self.result.counters;
        let paused = self.hops.iter().any(|hop| self.share(hop.paused) > 50_000);
        self.has_repeated() || c.rnr_nak_retry_err > 0 || self.spec.after.is_some() || paused
    }

    /// It sent something again, or waited for its timer.
    pub(super) fn has_repeated(&self) -> bool {
        self.result.retransmitted_packets + self.result.counters.local_ack_timeout_err > 0
    }

    /// Whether more than its last ACK matters to it: it waits for answers on the way.
    fn awaits_answers(&self, nic: Option<&NicProfile>) -> bool {
        let bounded = nic.is_none_or(|nic| nic.rc.max_outstanding.is_some());
        let by_message = matches!(self.spec.op, Op::Read | Op::Atomic);
        bounded || by_message || self.spec.depth.is_some() || self.is_controlled()
    }

    /// Where its data goes.
    pub(super) fn sink(&self) -> NodeId {
        match self.spec.op {
            Op::Read => self.spec.src,
            _ => self.spec.dst,
        }
    }

    pub(super) fn is_controlled(&self) -> bool {
        self.spec.cc != CcSpec::None
    }

    /// What its own settings are to blame for, where that is not all.
    fn told_of_own(&self) -> String {
        match (self.result.own, self.beyond_own) {
            (Some((limit, _)), Some(beyond)) if self.has_waited() => {
                let times = Value::Ratio(beyond);
                format!(", {times} times as long as {} allows", named(limit))
            }
            _ => String::new(),
        }
    }

    /// `f1 takes 2 times as long as its path allows`
    pub(super) fn told(&self) -> String {
        let (name, r) = (&self.spec.name, self.result);
        if r.status == FlowStatus::Completed {
            let times = Value::Ratio(self.taken.unwrap_or(0));
            let own = self.told_of_own();
            return format!("{name} takes {times} times as long as its path allows{own}");
        }
        if r.bytes_delivered == 0 {
            return format!("{name} has delivered nothing in {}", self.span);
        }
        let allowed = BitRate::mean_floor(self.spec.bytes, r.ideal);
        let got = goodput(r);
        format!("{name} gets {got} where its path allows {allowed}")
    }
}

pub(super) fn named(limit: OwnLimit) -> &'static str {
    match limit {
        OwnLimit::Pace => "its own pace",
        OwnLimit::Shaper => "the shaper of its class",
        OwnLimit::Receiver => "its receiver's way to memory",
        OwnLimit::Window => "its own window",
        OwnLimit::Depth => "the number of messages it may have in flight",
    }
}

/// The time that a flow took over the least for what it has done.
fn taken(
    model: &Model,
    spec: &FlowSpec,
    result: &FlowResult,
    span: SimDuration,
    least: SimDuration,
) -> Option<u64> {
    match result.status {
        FlowStatus::Completed => ppm(span.ps(), least.ps()),
        FlowStatus::Unfinished if !span.is_zero() && counts_packets(model, spec) => {
            // One packet's round is needed whatever part of the rest is done.
            let round = result.round.ps().min(least.ps());
            let part = u128::from(least.ps() - round) * u128::from(result.bytes_delivered);
            let part = part / u128::from(spec.bytes.max(1));
            ppm(span.ps(), round + part as u64)
        }
        _ => None,
    }
}

/// What is delivered is counted packet by packet, not message by message.
fn counts_packets(model: &Model, spec: &FlowSpec) -> bool {
    let nic = match model.nodes.get(spec.src as usize).map(|n| n.role) {
        Some(Role::Host(i)) => model.nics.get(i as usize),
        _ => None,
    };
    let recovery = nic.map_or(Recovery::GoBackN, |nic| nic.rc.recovery);
    spec.transport == Transport::Rc && recovery == Recovery::GoBackN
}

impl<'a> Run<'a> {
    /// No more of a flow's time went by because its ACKs were paused. Who sends without waiting for
    /// them feels the last one only.
    pub(super) fn answers_late(&self, c: &Course<'_>) -> SimDuration {
        let paused = c.result.answers_paused;
        if c.awaits_answers(self.nic(c.spec.src)) || c.has_repeated() {
            return paused;
        }
        let once = self.longest_pause.ps().saturating_mul(c.hops.len() as u64);
        paused.min(SimDuration::from_ps(once))
    }

    pub(super) fn port(&self, hop: &HopResult) -> Option<&'a PortResult> {
        self.results.ports.get(hop.port as usize)
    }
}
