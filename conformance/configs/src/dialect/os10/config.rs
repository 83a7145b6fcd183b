//! What a configuration of OS10 says, as it says it: bindings by name, nothing resolved.

use crate::device::{DcbxVersion, Limit, PortKind};
use crate::source::Span;
use std::collections::BTreeMap;
use xoff_model::units::BitRate;

/// A value and the line that says it.
pub(super) type Said<T> = Option<(T, Span)>;

/// The whole file.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub hostname: Option<String>,
    pub dcbx: Said<bool>,
    pub lldp: Said<bool>,
    pub mtu: Said<u32>,
    pub system: Interface,
    pub interfaces: Vec<Interface>,
    /// From the key of a name to its place in `interfaces`.
    pub index: BTreeMap<String, usize>,
    /// By type and name: `network-qos`, `SMB`.
    pub classes: BTreeMap<(String, String), ClassMap>,
    pub policies: BTreeMap<(String, String), Policy>,
    /// By kind (`dot1p` or `dscp`) and name.
    pub trusts: BTreeMap<(String, String), ValueMap>,
    pub queue_maps: BTreeMap<String, ValueMap>,
    pub wreds: BTreeMap<String, Wred>,
    /// Ports of the link to the other switch of a VLT pair.
    pub discovery: Vec<(String, Span)>,
    /// The same, by the key of the name.
    pub peers: BTreeMap<String, Span>,
    pub breakouts: Vec<(String, BitRate, Span)>,
    pub buffer: Said<()>,
}

/// An interface, or `system qos`.
#[derive(Clone, Debug, Default)]
pub(super) struct Interface {
    pub name: String,
    pub at: Option<Span>,
    pub lag: bool,
    pub description: Said<String>,
    pub shut: Said<bool>,
    pub routed: Said<bool>,
    pub trunk: Said<bool>,
    pub access: Said<u16>,
    pub allowed: Said<Vec<(u16, u16)>>,
    pub mtu: Said<u32>,
    pub member_of: Said<String>,
    pub speed: Said<BitRate>,
    pub pfc: Said<bool>,
    pub ets: Said<bool>,
    pub receive: Said<bool>,
    pub transmit: Said<bool>,
    pub trust_dot1p: Said<String>,
    pub trust_dscp: Said<String>,
    pub queue_map: Said<String>,
    pub network_qos: Said<String>,
    pub queuing: Said<String>,
    pub qos: Said<String>,
    pub wred: Said<String>,
    pub dcbx: Said<bool>,
    pub version: Said<DcbxVersion>,
    pub willing: Said<bool>,
    pub watchdog: Said<bool>,
}

impl Interface {
    pub(super) fn kind(&self) -> PortKind {
        match self.lag {
            true => PortKind::Lag,
            false => PortKind::Physical,
        }
    }
}

/// `class-map`.
#[derive(Clone, Debug)]
pub(super) struct ClassMap {
    pub matches: Vec<(Matches, Span)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Matches {
    Groups(Vec<u8>),
    Queues(Vec<u8>),
    Dscp(Vec<u8>),
    Cos(Vec<u8>),
    /// An access list or another field.
    Other,
}

/// `policy-map`.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub at: Span,
    pub classes: Vec<PolicyClass>,
}

#[derive(Clone, Debug)]
pub(super) struct PolicyClass {
    pub name: String,
    pub at: Span,
    pub pause: Said<Pause>,
    pub cos: Said<Vec<u8>>,
    pub bandwidth: Said<u32>,
    pub strict: Said<()>,
    pub shaper: Said<BitRate>,
    pub wred: Said<String>,
    pub group: Said<u8>,
    pub limit: Said<Limit>,
    /// `trust dot1p` or `trust dscp` of class-trust, as releases up to 10.3 had it.
    pub trust: Said<bool>,
}

impl PolicyClass {
    pub(super) fn new(name: &str, at: Span) -> PolicyClass {
        PolicyClass {
            name: name.to_owned(),
            at,
            pause: None,
            cos: None,
            bandwidth: None,
            strict: None,
            shaper: None,
            wred: None,
            group: None,
            limit: None,
            trust: None,
        }
    }
}

/// Kilobytes of `pause`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pause {
    pub size: Option<u64>,
    pub xoff: Option<u64>,
    pub xon: Option<u64>,
}

/// A trust map (DSCP or dot1p to group), or a map of groups to queues.
#[derive(Clone, Debug)]
pub(super) struct ValueMap {
    pub at: Span,
    /// Value, what it becomes, and where that is said.
    pub entries: Vec<(u8, u8, Span)>,
}

impl ValueMap {
    /// The last entry for a value.
    pub(super) fn get(&self, value: u8) -> Said<u8> {
        let mut found = self.entries.iter().rev();
        found.find(|e| e.0 == value).map(|e| (e.1, e.2))
    }
}

/// `wred NAME`.
#[derive(Clone, Debug)]
pub(super) struct Wred {
    pub at: Span,
    /// Of green packets, kilobytes and percent.
    pub min: Said<u64>,
    pub max: Said<u64>,
    pub percent: Said<u32>,
    pub ecn: Said<()>,
}
