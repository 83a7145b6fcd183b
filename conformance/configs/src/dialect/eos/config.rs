//! What a configuration of EOS says, as it says it: nothing resolved.

use crate::device::{DcbxVersion, Vlans};
use crate::names::key;
use crate::source::Span;
use std::collections::BTreeMap;
use xoff_model::time::SimDuration;
use xoff_model::units::BitRate;

/// A value and the line that says it.
pub(super) type Said<T> = Option<(T, Span)>;

/// The whole file.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub hostname: Option<String>,
    pub interfaces: Vec<Interface>,
    pub index: BTreeMap<String, usize>,
    pub profiles: BTreeMap<String, Settings>,
    /// `qos map`: value, class and the line.
    pub cos: Vec<(u8, u8, Span)>,
    pub dscp: Vec<(u8, u8, Span)>,
    /// Traffic class to queue.
    pub queues: Vec<(u8, u8, Span)>,
    pub classes: BTreeMap<String, Vec<(Matches, Span)>>,
    pub policies: BTreeMap<String, Vec<PolicyClass>>,
    /// `priority-flow-control all off`.
    pub all_off: Said<()>,
    pub watchdog: Times,
    pub drops: Said<bool>,
    pub lldp: Said<bool>,
    /// `interface defaults`: MTU of routed ports.
    pub mtu: Said<u32>,
    /// `switchport default mode routed`.
    pub routed: Said<bool>,
    pub peer_link: Said<String>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    pub timeout: Said<SimDuration>,
    pub recovery: Said<SimDuration>,
    /// None in it: `auto`.
    pub polling: Said<Option<SimDuration>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Matches {
    Dscp(Vec<u8>),
    Cos(Vec<u8>),
    /// An access list or another field.
    Other,
}

#[derive(Clone, Debug)]
pub(super) struct PolicyClass {
    pub name: String,
    pub class: Said<u8>,
}

/// An interface.
#[derive(Clone, Debug, Default)]
pub(super) struct Interface {
    pub name: String,
    pub at: Option<Span>,
    pub lag: bool,
    pub description: Said<String>,
    pub shut: Said<bool>,
    pub routed: Said<bool>,
    pub mode: Said<Mode>,
    pub access: Said<u16>,
    pub native: Said<Option<u16>>,
    pub allowed: Said<Vlans>,
    pub mtu: Said<u32>,
    pub l2_mtu: Said<u32>,
    pub member_of: Said<String>,
    pub speed: Said<BitRate>,
    pub receive: Said<bool>,
    pub send: Said<bool>,
    pub dcbx: Said<Option<DcbxVersion>>,
    pub lldp: Said<bool>,
    pub profile: Said<String>,
    pub own: Settings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Access,
    Trunk,
    Tunnel,
}

/// What a QoS profile and an interface can both say.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub at: Option<Span>,
    pub trust: Said<Trusts>,
    pub cos: Said<u8>,
    pub dscp: Said<u8>,
    pub policy: Said<String>,
    pub pfc: Said<bool>,
    /// By priority.
    pub no_drop: [Said<bool>; 8],
    pub watchdog: Said<bool>,
    pub times: Times,
    pub drops: Said<bool>,
    pub shape: Said<Rate>,
    pub queues: [Queue; 8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trusts {
    Cos,
    Dscp,
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rate {
    Percent(u32),
    Bits(BitRate),
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Queue {
    pub at: Option<Span>,
    pub strict: Said<bool>,
    pub percent: Said<u32>,
    pub guaranteed: Said<()>,
    pub shape: Said<Rate>,
    pub ecn: Said<Curve>,
    pub drop: Said<Curve>,
}

/// Early marking or drop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Curve {
    pub min: Option<u64>,
    pub max: Option<u64>,
    pub unit: Unit,
    pub percent: Option<u32>,
    /// Of packets with this drop precedence only.
    pub precedence: Option<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Unit {
    #[default]
    Bytes,
    Kilobytes,
    Megabytes,
    Segments,
    Microseconds,
    Milliseconds,
}

impl Config {
    /// The LAG that a port is a member of, if the file has it.
    pub(super) fn lag_of(&self, own: &Interface) -> Option<&Interface> {
        let (name, _) = own.member_of.as_ref()?;
        self.index.get(&key(name)).map(|&at| &self.interfaces[at])
    }

    /// What a port says: its own lines over those of its profile.
    pub(super) fn settings(&self, port: &Interface) -> Settings {
        let named = port.profile.as_ref();
        match named.and_then(|(name, _)| self.profiles.get(name)) {
            Some(profile) => port.own.over(profile),
            None => port.own.clone(),
        }
    }

    /// What a port goes by. A member's QoS is that of its LAG; lines of its own count only where the
    /// LAG has none.
    pub(super) fn in_force(&self, own: &Interface) -> Settings {
        let mine = self.settings(own);
        match self.lag_of(own).map(|lag| self.settings(lag)) {
            Some(lag) if lag.says_something() || !mine.says_something() => lag,
            _ => mine,
        }
    }
}

impl Settings {
    /// Whether it says anything about how packets are treated.
    pub(super) fn says_something(&self) -> bool {
        self.trust.is_some()
            || self.pfc.is_some()
            || self.policy.is_some()
            || self.no_drop.iter().any(Option::is_some)
            || self.queues.iter().any(|q| q.at.is_some())
    }

    /// Priorities that are kept lossless, as a mask.
    pub(super) fn lossless(&self) -> u8 {
        let on = |n: &u8| self.no_drop[usize::from(*n)].is_some_and(|(no_drop, _)| no_drop);
        (0..8).filter(on).fold(0, |mask, n| mask | 1 << n)
    }

    /// These, and what they do not say by `below`.
    pub(super) fn over(&self, below: &Settings) -> Settings {
        let queue = |n: usize| {
            let (a, b) = (&self.queues[n], &below.queues[n]);
            Queue {
                at: a.at.or(b.at),
                strict: a.strict.or(b.strict),
                percent: a.percent.or(b.percent),
                guaranteed: a.guaranteed.or(b.guaranteed),
                shape: a.shape.or(b.shape),
                ecn: a.ecn.or(b.ecn),
                drop: a.drop.or(b.drop),
            }
        };
        Settings {
            at: self.at.or(below.at),
            trust: self.trust.or(below.trust),
            cos: self.cos.or(below.cos),
            dscp: self.dscp.or(below.dscp),
            policy: self.policy.clone().or_else(|| below.policy.clone()),
            pfc: self.pfc.or(below.pfc),
            no_drop: std::array::from_fn(|n| self.no_drop[n].or(below.no_drop[n])),
            watchdog: self.watchdog.or(below.watchdog),
            times: self.times.over(below.times),
            drops: self.drops.or(below.drops),
            shape: self.shape.or(below.shape),
            queues: std::array::from_fn(queue),
        }
    }
}

impl Times {
    pub(super) fn over(self, below: Times) -> Times {
        Times {
            timeout: self.timeout.or(below.timeout),
            recovery: self.recovery.or(below.recovery),
            polling: self.polling.or(below.polling),
        }
    }
}
