//! The scenario file as written: one struct per table. The doc comments are the user's reference
//! (they become the JSON schema's descriptions).

mod network;
mod nic;
mod rule;
mod switch;
mod traffic;

pub(super) use network::*;
pub(super) use nic::*;
pub(super) use rule::*;
pub(super) use switch::*;
pub(super) use traffic::*;

use super::quantity::{Label, OneOrMany, OrOff, Sp};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use xoff_model::time::SimDuration;
use xoff_model::units::Probability;

/// A xoff scenario: a network, its configuration, traffic, faults, and what is expected of it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "xoff scenario")]
pub(super) struct RawScenario {
    /// Heading of the report. Default: the file's name.
    pub(super) title: Option<Sp<String>>,
    /// Seed of every random choice. Default: 1.
    pub(super) seed: Option<Sp<u64>>,
    /// Stop at this simulated time, even if flows are unfinished; "off": run until nothing is left
    /// to do, or no packet will ever move again. Default: "10s".
    pub(super) until: Option<Sp<OrOff<SimDuration>>>,
    /// How the simulation runs and what it records.
    pub(super) simulation: RawSimulation,
    /// Nodes and links.
    pub(super) topology: Option<Sp<RawTopology>>,
    /// Nodes beside those that the topology builds (all of them for kind "explicit").
    pub(super) node: Vec<Sp<RawNode>>,
    /// Links between nodes. Where the topology has built a link between the two, this changes it.
    pub(super) link: Vec<Sp<RawLink>>,
    /// Profiles given to nodes by name.
    pub(super) assign: Vec<Sp<RawAssign>>,
    /// Switch profiles by name. "default" always exists, and the others start from it.
    pub(super) switch: BTreeMap<String, Sp<RawSwitch>>,
    /// NIC profiles by name. "default" always exists, and the others start from it.
    pub(super) nic: BTreeMap<String, Sp<RawNic>>,
    /// What the hosts send.
    pub(super) traffic: Vec<Sp<RawTraffic>>,
    /// What goes wrong, and when.
    pub(super) fault: Vec<Sp<RawFault>>,
    /// What the wire does to frames at the links of hosts, in simulations and in the lab. Framing
    /// of kind "fixed" has no frames for them.
    pub(super) rule: Vec<Sp<RawRule>>,
    /// Parameters to vary: every combination of the axes is simulated.
    pub(super) axis: Vec<Sp<RawAxis>>,
    /// Conditions that results must meet.
    pub(super) expect: Option<OneOrMany<RawExpect>>,
    /// Conditions that compare cases with each other.
    pub(super) agree: Option<OneOrMany<RawAgree>>,
    /// What the report shows.
    pub(super) report: RawReport,
}

/// How the simulation runs and what it records.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawSimulation {
    /// Interval of the time series, which ends when its samples take 64 MiB. Default: "off".
    pub(super) sample: Option<Sp<OrOff<SimDuration>>>,
    /// How often blocked queues are examined for cyclic waits, at least "1us". Default: "1ms" if
    /// anything can pause, otherwise "off".
    pub(super) deadlock_scan: Option<Sp<OrOff<SimDuration>>>,
    /// How equal-cost next hops are chosen. Default: "mixed".
    pub(super) ecmp: Option<Sp<RawEcmp>>,
    /// How payload becomes bytes on the wire.
    pub(super) framing: RawFraming,
    /// Log every pause and resume that a port receives. Default: false.
    pub(super) log_pauses: Option<Sp<bool>>,
    /// Files of the HPCC ns-3 simulator that a run writes beside its report.
    pub(super) hpcc: RawHpccFiles,
}

/// Files in the formats of the HPCC ns-3 simulator. Paths are relative to the scenario.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawHpccFiles {
    /// Absolute time of the start, as the files count. Default: "2s".
    pub(super) base: Option<Sp<SimDuration>>,
    /// fct.txt: completed flows with addresses, ports, bytes, start, duration and least duration.
    pub(super) fct: Option<Sp<String>>,
    /// fct.txt names hosts by number instead of address, as conweave-ns3 does. Default: false.
    pub(super) node_ids: Option<Sp<bool>>,
    /// pfc.txt: pauses and resumes as they were received. Switches log_pauses on.
    pub(super) pfc: Option<Sp<String>>,
    /// qlen.txt: how often, looked at each 100 ns, the queues of each switch port held i kB.
    pub(super) qlen: Option<Sp<String>>,
    /// When looking at queues begins. Default: "0us".
    pub(super) qlen_from: Option<Sp<SimDuration>>,
    /// When it ends. Default: "100ms".
    pub(super) qlen_until: Option<Sp<SimDuration>>,
    /// Packet trace, for `trace_reader`: frames received and sent by `trace_nodes`.
    pub(super) trace: Option<Sp<String>>,
    /// Nodes of the trace, `*` standing for any characters. Default: all.
    pub(super) trace_nodes: Option<Sp<OneOrMany<String>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawEcmp {
    /// xoff's own hash of seed, switch and 5-tuple.
    Mixed,
    /// The hash of the HPCC ns-3 simulator.
    HpccNs3,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawFramingKind {
    /// Real RoCEv2 frames: preamble, headers, ICRC, FCS, gap, 64-byte minimum.
    #[serde(rename = "rocev2")]
    RoceV2,
    /// Payload plus a fixed overhead, as other simulators count.
    Fixed,
}

/// How payload becomes bytes on the wire.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawFraming {
    /// Default: "rocev2".
    pub(super) kind: Option<Sp<RawFramingKind>>,
    /// rocev2: frames carry an 802.1Q tag. Default: false.
    pub(super) vlan: Option<Sp<bool>>,
    /// rocev2: IPv6 instead of IPv4. Default: false.
    pub(super) ipv6: Option<Sp<bool>>,
    /// fixed: bytes added to the payload of every data packet. Default: 64.
    pub(super) data_overhead: Option<Sp<u32>>,
    /// fixed: bytes of every control packet. Default: 64.
    pub(super) control_bytes: Option<Sp<u32>>,
    /// fixed: the last packet of a message is full size whatever it carries. Default: false.
    pub(super) pad_last: Option<Sp<bool>>,
}

/// A parameter to vary. Give cases with their own labels, or one path with its values. A table
/// that a case sets is merged, key by key, with the one that is there; a list, as any other value,
/// replaces it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAxis {
    /// Name of the axis in reports and in `when`.
    pub(super) name: Sp<String>,
    /// The cases along this axis.
    #[serde(default)]
    pub(super) case: Vec<Sp<RawAxisCase>>,
    /// Short form: a dotted path that takes each of `values` in turn.
    #[serde(default)]
    pub(super) path: Option<Sp<String>>,
    /// Short form: the values, which are also the labels.
    #[serde(default)]
    pub(super) values: Option<Sp<Vec<Sp<Label>>>>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAxisCase {
    /// Name of the case in reports and in `when`.
    pub(super) label: Sp<Label>,
    /// Dotted path to value, such as "switch.default.pfc.mode" = "off". A table is merged with the
    /// one that is there; a list replaces it.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, AnyValue>")]
    #[expect(
        dead_code,
        reason = "read from the document, which keeps the place of each value"
    )]
    pub(super) set: BTreeMap<String, AnyValue>,
}

/// Any value at all.
#[derive(Clone, Debug)]
pub(super) struct AnyValue;

impl<'de> Deserialize<'de> for AnyValue {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(d).map(|_| AnyValue)
    }
}

impl JsonSchema for AnyValue {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AnyValue".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        true.into()
    }
}

/// Labels of axes to which a condition is limited.
pub(super) type RawWhen = BTreeMap<String, Sp<OneOrMany<Label>>>;

/// Conditions on the result of each case.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExpect {
    /// Comparisons such as "drops.lossless == 0" or "goodput.total >= 98Gbps".
    pub(super) check: Sp<Vec<Sp<String>>>,
    /// Only cases with these labels, such as { pfc = "on" }. Default: all.
    #[serde(default)]
    pub(super) when: RawWhen,
}

/// Cases that differ only in one axis must agree on a metric.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAgree {
    /// The metric to compare.
    pub(super) metric: Sp<String>,
    /// The axis along which the cases must agree.
    pub(super) across: Sp<String>,
    /// Only cases with these labels. Default: all.
    #[serde(default)]
    pub(super) when: RawWhen,
    /// Largest allowed (max - min) / max. Default: 0.
    #[serde(default)]
    pub(super) within: Option<Sp<Probability>>,
}

/// What the report shows.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawReport {
    /// Metrics, one column each; "drops.total as drops" gives the column a heading of its own.
    /// Default: a selection that fits the scenario.
    pub(super) metrics: Vec<String>,
    /// The axis whose labels become column groups. Default: one row per case.
    pub(super) pivot: Option<Sp<String>>,
}
