//! Congestion control of a requester: sans-I/O machines in integer arithmetic.
//!
//! A machine is told what happens to its queue pair and when, and answers with a rate, a window
//! and the time at which it wants to act by itself. It neither sends nor sleeps.

mod dcqcn;
mod dctcp;
mod hpcc;
mod pint;
mod timely;

pub use dcqcn::Dcqcn;
pub use dctcp::Dctcp;
pub use hpcc::{Hpcc, MAX_HOPS};
pub use pint::{Averaged, Pint};
pub use timely::Timely;

use xoff_model::rng::Stream;
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::units::BitRate;
use xoff_model::{CcSpec, Window};

/// The congestion control of one queue pair.
#[derive(Clone, Debug)]
pub enum Cc {
    None,
    Dcqcn(Dcqcn),
    Timely(Timely),
    Hpcc(Box<Hpcc>),
    Dctcp(Box<Dctcp>),
    Pint(Box<Pint>),
}

/// In-band telemetry of one switch egress, stamped when the packet leaves the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntHop {
    pub at: SimTime,
    /// Bytes that the port had sent before this packet, on the wire.
    pub tx_bytes: u64,
    /// Egress backlog of the port, without this packet.
    pub queue_bytes: u32,
    pub rate: BitRate,
}

/// What an ACK tells a machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct AckInfo<'a> {
    /// Payload bytes acknowledged so far.
    pub acked_bytes_seq: u64,
    /// Payload bytes up to the next byte to send.
    pub sent_bytes_seq: u64,
    /// From the transmission of the acknowledged packet to now.
    pub rtt: SimDuration,
    /// The packets that it acknowledges were marked.
    pub ce: bool,
    /// Packets that it acknowledges and no earlier one did.
    pub packets: u32,
    /// Telemetry of the path, first switch first.
    pub hops: &'a [IntHop],
    /// Utilisation of the busiest hop in 2^32ths (HPCC-PINT).
    pub utilisation: u64,
}

/// What a machine needs to know of its queue pair.
#[derive(Clone, Debug)]
pub struct Carrier {
    /// Most that it may send, in bits per second on the wire.
    pub line: BitRate,
    /// Payload bytes of a full packet.
    pub mtu: u32,
    /// Bytes of the largest frame.
    pub frame: u32,
    pub rng: Stream,
}

impl Cc {
    /// A machine at full rate.
    pub fn new(spec: &CcSpec, carrier: Carrier) -> Cc {
        let line = carrier.line;
        match spec {
            CcSpec::None => Cc::None,
            CcSpec::Dcqcn(s) => Cc::Dcqcn(Dcqcn::new(s, line)),
            CcSpec::Timely(s) => Cc::Timely(Timely::new(s, line)),
            CcSpec::Hpcc(s) => Cc::Hpcc(Box::new(Hpcc::new(s, line, carrier.frame))),
            CcSpec::Dctcp(s) => Cc::Dctcp(Box::new(Dctcp::new(s, line, carrier.mtu))),
            CcSpec::HpccPint(s) => Cc::Pint(Box::new(Pint::new(s, line, carrier.rng))),
        }
    }

    /// Allowed rate in bits per second on the wire; `u64::MAX` without congestion control.
    pub fn rate_bps(&self) -> u64 {
        match self {
            Cc::None => u64::MAX,
            Cc::Dcqcn(m) => m.rate_bps(),
            Cc::Timely(m) => m.rate_bps(),
            Cc::Hpcc(m) => m.rate_bps(),
            Cc::Dctcp(m) => m.rate_bps(),
            Cc::Pint(m) => m.rate_bps(),
        }
    }

    /// The queue pair uses a port of another rate from now on.
    pub fn set_line(&mut self, line: BitRate) {
        match self {
            Cc::None => {}
            Cc::Dcqcn(m) => m.set_line(line),
            Cc::Timely(m) => m.set_line(line),
            Cc::Hpcc(m) => m.set_line(line),
            Cc::Dctcp(m) => m.set_line(line),
            Cc::Pint(m) => m.set_line(line),
        }
    }

    /// Most payload bytes in flight. None: no bound.
    pub fn window(&self) -> Option<u64> {
        match self {
            Cc::None => None,
            Cc::Dcqcn(m) => m.window(),
            Cc::Timely(m) => m.window(),
            Cc::Hpcc(m) => m.window(),
            Cc::Dctcp(m) => m.window(),
            Cc::Pint(m) => m.window(),
        }
    }

    /// A congestion notification (CNP, or CE echoed on an ACK) arrived.
    pub fn on_cnp(&mut self, now: SimTime) {
        if let Cc::Dcqcn(m) = self {
            m.on_cnp(now);
        }
    }

    /// `bytes` were sent.
    pub fn on_sent(&mut self, now: SimTime, bytes: u64) {
        if let Cc::Dcqcn(m) = self {
            m.on_sent(now, bytes);
        }
    }

    /// An ACK or NAK arrived.
    pub fn on_ack(&mut self, now: SimTime, ack: &AckInfo<'_>) {
        match self {
            Cc::None | Cc::Dcqcn(_) => {}
            Cc::Timely(m) => m.on_ack(ack),
            Cc::Hpcc(m) => m.on_ack(now, ack),
            Cc::Dctcp(m) => m.on_ack(ack),
            Cc::Pint(m) => m.on_ack(ack),
        }
    }

    /// When [`Cc::on_deadline`] wants to be called; [`SimTime::NEVER`] if not at all.
    pub fn deadline(&self) -> SimTime {
        match self {
            Cc::Dcqcn(m) => m.deadline(),
            Cc::None | Cc::Timely(_) | Cc::Hpcc(_) | Cc::Dctcp(_) | Cc::Pint(_) => SimTime::NEVER,
        }
    }

    /// Does what was due by `now`. Calling early or late is harmless.
    pub fn on_deadline(&mut self, now: SimTime) {
        if let Cc::Dcqcn(m) = self {
            m.on_deadline(now);
        }
    }

    /// Data packets must collect telemetry and ACKs must return it.
    pub fn needs_telemetry(&self) -> bool {
        matches!(self, Cc::Hpcc(_) | Cc::Pint(_))
    }

    /// [`Cc::on_ack`] is to be called.
    pub fn follows_acks(&self) -> bool {
        !matches!(self, Cc::None | Cc::Dcqcn(_))
    }
}

/// The least that a window may come to, in bytes. None: it keeps its size, or there is none.
pub(crate) fn least_window(spec: &CcSpec, line: BitRate) -> Option<u64> {
    let rate_min = spec.rate_min()?;
    let window = spec.window_at(line).filter(|w| w.variable);
    scaled_window(window, rate_min.min(line).bps(), line.bps())
}

/// A rate after the line's has changed from `old` to `new`: who had all of it has all of it again.
fn at_new_line(rate: u64, old: u64, new: u64) -> u64 {
    if rate >= old { new } else { rate.min(new) }
}

/// The window at the present rate, in bytes; at least 1, so that a flow never stops for good.
fn scaled_window(window: Option<Window>, rate: u64, line: u64) -> Option<u64> {
    let w = window?;
    if !w.variable || line == 0 {
        return Some(w.bytes.max(1));
    }
    let bytes = u128::from(w.bytes) * u128::from(rate) / u128::from(line);
    Some((bytes as u64).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_congestion_control_nothing_is_limited() {
        let carrier = Carrier {
            line: BitRate::from_gbps(100),
            mtu: 1_024,
            frame: 1_086,
            rng: Stream::new(1, 0, 0, xoff_model::rng::Purpose::Pint),
        };
        let mut cc = Cc::new(&CcSpec::None, carrier);
        cc.on_cnp(SimTime::from_ns(5));
        assert_eq!((cc.rate_bps(), cc.window()), (u64::MAX, None));
        assert_eq!(cc.deadline(), SimTime::NEVER);
    }

    #[test]
    fn a_new_line_bounds_the_rate_and_full_rate_stays_full() {
        assert_eq!(at_new_line(100, 100, 400), 400);
        assert_eq!(at_new_line(100, 100, 25), 25);
        assert_eq!(at_new_line(50, 100, 400), 50);
        assert_eq!(at_new_line(50, 100, 25), 25);
    }

    #[test]
    fn a_variable_window_follows_the_rate_and_never_closes() {
        let w = |variable| {
            Some(Window {
                bytes: 52_000,
                variable,
            })
        };
        assert_eq!(scaled_window(w(true), 25, 100), Some(13_000));
        assert_eq!(scaled_window(w(false), 25, 100), Some(52_000));
        assert_eq!(scaled_window(w(true), 0, 100), Some(1));
        assert_eq!(scaled_window(None, 25, 100), None);
    }
}
