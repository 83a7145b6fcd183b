//! Switch profiles as written, and what switches and NICs share.

use crate::quantity::{Alpha, Auto, Dscp, OneOrMany, OrHpcc, OrOff, Priority, Quanta, Sp};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use xoff_model::time::SimDuration;
use xoff_model::units::{BitRate, Bytes, Probability};

/// A switch model with its configuration. Out of the box: no PFC, no ECN, lossy.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawSwitch {
    /// The profile to start from. Default: "default".
    pub(crate) inherits: Option<Sp<String>>,
    /// Default: "store-and-forward".
    pub(crate) forwarding: Option<Sp<RawForwarding>>,
    /// cut-through: bytes of a frame (preamble included) that arrive before it leaves. Default: 64.
    pub(crate) cut_through_bytes: Option<Sp<u32>>,
    /// Pipeline latency from ingress to egress queue. Default: "600ns".
    pub(crate) latency: Option<Sp<SimDuration>>,
    /// The marking that decides a packet's priority. Default: "dscp".
    pub(crate) trust: Option<Sp<RawTrust>>,
    /// DSCP, or range such as "0-7", to priority. Default: DSCP 26 to 3, 48 to 6, others to
    /// DSCP / 8. Entries given here change only their code points, in whatever order they stand: a
    /// single one wins over a range, a narrower range over a wider one that holds it. Ranges that
    /// overlap otherwise are an error. The maps below are read alike.
    pub(crate) dscp_to_priority: BTreeMap<String, Sp<Priority>>,
    /// PCP to priority. Default: the same number.
    pub(crate) pcp_to_priority: BTreeMap<String, Sp<Priority>>,
    /// Priority of packets without a trusted marking: all with trust "none", and with trust "pcp"
    /// those without a VLAN tag (`nic.tagged`, `tagging`). Default: 0.
    pub(crate) default_priority: Option<Sp<Priority>>,
    /// Priority to priority group (ingress). Default: the same number.
    pub(crate) priority_to_pg: BTreeMap<String, Sp<Priority>>,
    /// Priority to egress queue. Default: the same number.
    pub(crate) priority_to_queue: BTreeMap<String, Sp<Priority>>,
    /// The shared packet buffer.
    pub(crate) buffer: RawBuffer,
    /// Pause. Default: off.
    pub(crate) pfc: RawPfc,
    /// Egress scheduling. Default: queues 6 and 7 strict, the others in equal shares.
    pub(crate) ets: RawEts,
    /// ECN marking. Default: off.
    pub(crate) ecn: RawEcn,
    /// PFC watchdog. Default: off.
    pub(crate) watchdog: RawWatchdog,
    /// Who loses when a lossy queue is full. Default: "fair".
    pub(crate) tail_drop: Option<Sp<RawTailDrop>>,
    /// Largest IP packet in bytes that a frame may hold, as 1500 or 9216; larger ones are
    /// discarded, coming in (giants, rx_oversize) or going out. "off": no limit. Default: "off".
    pub(crate) link_mtu: Option<Sp<OrOff<u32>>>,
    /// How frames leave, as to their VLAN tag. Default: "as-received".
    pub(crate) tagging: Option<Sp<RawTagging>>,
    /// What some ports have otherwise: `[switch.leaf.port."spine*"]` is for the ports of these
    /// switches whose neighbours are called so, `port."3"` for their ports number 3, counted from 0
    /// in the order of links. `*` stands for any characters, `|` separates alternatives; "leaf0:3"
    /// and "leaf0>spine*" are ports of one switch, as in selectors. A port can match one pattern
    /// only.
    pub(crate) port: BTreeMap<String, Sp<RawSwitchPort>>,
}

impl RawSwitch {
    /// What its ports have.
    pub(crate) fn own_port(&self) -> RawSwitchPort {
        RawSwitchPort {
            trust: self.trust.clone(),
            dscp_to_priority: self.dscp_to_priority.clone(),
            pcp_to_priority: self.pcp_to_priority.clone(),
            default_priority: self.default_priority.clone(),
            priority_to_pg: self.priority_to_pg.clone(),
            priority_to_queue: self.priority_to_queue.clone(),
            buffer: self.buffer.clone(),
            pfc: self.pfc.clone(),
            ets: self.ets.clone(),
            ecn: self.ecn.clone(),
            watchdog: self.watchdog.clone(),
            link_mtu: self.link_mtu.clone(),
            tagging: self.tagging.clone(),
        }
    }
}

/// The configuration of a switch port. What is left out is as in the switch's own tables.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawSwitchPort {
    /// The marking that decides the priority of what comes in.
    pub(crate) trust: Option<Sp<RawTrust>>,
    /// DSCP, or range such as "0-7", to priority, for what comes in.
    pub(crate) dscp_to_priority: BTreeMap<String, Sp<Priority>>,
    /// PCP to priority, for what comes in.
    pub(crate) pcp_to_priority: BTreeMap<String, Sp<Priority>>,
    /// Priority of packets that come in without a trusted marking.
    pub(crate) default_priority: Option<Sp<Priority>>,
    /// Priority to priority group, for what comes in.
    pub(crate) priority_to_pg: BTreeMap<String, Sp<Priority>>,
    /// Priority to queue, for what goes out.
    pub(crate) priority_to_queue: BTreeMap<String, Sp<Priority>>,
    /// The port's part of the buffer: its priority groups and queues. `size`, `cell`,
    /// `headroom_pool` and `occupancy` belong to the whole switch.
    pub(crate) buffer: RawBuffer,
    /// Pause.
    pub(crate) pfc: RawPfc,
    /// Egress scheduling.
    pub(crate) ets: RawEts,
    /// ECN marking.
    pub(crate) ecn: RawEcn,
    /// PFC watchdog. `poll` belongs to the whole switch.
    pub(crate) watchdog: RawWatchdog,
    /// Largest IP packet in bytes that a frame may hold, coming in or going out; "off": no limit.
    pub(crate) link_mtu: Option<Sp<OrOff<u32>>>,
    /// How frames leave, as to their VLAN tag.
    pub(crate) tagging: Option<Sp<RawTagging>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawForwarding {
    StoreAndForward,
    CutThrough,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawTrust {
    /// The IP header's.
    Dscp,
    /// The VLAN tag's; a frame without a tag takes `default_priority`.
    Pcp,
    /// Nothing: every frame takes `default_priority`.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawTagging {
    /// With the tag that they came with, or without.
    AsReceived,
    /// Without, as at an access port, in the native VLAN, or behind a router: the PCP is lost.
    Untagged,
    /// With a tag. One that is added has the priority as its PCP.
    Tagged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawTailDrop {
    /// Packets that compete for the same slot lose with equal probability.
    Fair,
    /// The later arrival loses.
    Strict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawOccupancy {
    /// The frame with its FCS.
    Frame,
    /// With preamble and gap.
    Wire,
}

/// The shared packet buffer (MMU).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawBuffer {
    /// Total size. Default: "16MiB".
    pub(crate) size: Option<Sp<Bytes>>,
    /// Allocation unit; frames are rounded up to it. Default: "1B".
    pub(crate) cell: Option<Sp<Bytes>>,
    /// Lossless groups pause above this share of the free buffer. Default: "1/8".
    /// "hpcc-ns3": 1/8 at the rate of the slowest host, doubled with each doubling of the port's.
    pub(crate) alpha: Option<Sp<OrHpcc<Alpha>>>,
    /// Lossless groups pause above this fixed size, instead of `alpha`.
    pub(crate) xoff: Option<Sp<Bytes>>,
    /// Resume this far below the pause threshold. Default: "8KiB".
    pub(crate) xon_offset: Option<Sp<Bytes>>,
    /// Guaranteed minimum of each lossless group of a port. Default: "0B".
    pub(crate) reserve: Option<Sp<Bytes>>,
    /// Space of each lossless group of a port for what arrives after pausing. "auto" computes it
    /// from rate, cable, MTU and response time; "hpcc-ns3" is three times what the link holds one
    /// way. Default: "auto".
    pub(crate) headroom: Option<Sp<OrHpcc<Auto<Bytes>>>>,
    /// Lossless groups: they have headroom. Default: those of the priorities that send pause.
    pub(crate) lossless: Option<Sp<Vec<Priority>>>,
    /// Headroom shared by all lossless groups, instead of one each. Default: "off".
    pub(crate) headroom_pool: Option<Sp<OrOff<Bytes>>>,
    /// Lossy egress queues drop above this share of the free buffer. Default: 1.
    pub(crate) lossy_alpha: Option<Sp<Alpha>>,
    /// Lossy egress queues drop above this fixed size, instead of `lossy_alpha`; "off": they take
    /// whatever the buffer holds.
    pub(crate) lossy_limit: Option<Sp<OrOff<Bytes>>>,
    /// Lossy groups drop at ingress above this share of the free buffer. Default: no such limit.
    pub(crate) lossy_ingress_alpha: Option<Sp<Alpha>>,
    /// Count all priorities of a port together. Default: false; always so with 802.3x.
    pub(crate) per_port: Option<Sp<bool>>,
    /// What a frame counts as. Default: "frame".
    pub(crate) occupancy: Option<Sp<RawOccupancy>>,
    /// Exceptions by priority group, "0" to "7".
    pub(crate) pg: BTreeMap<String, Sp<RawPg>>,
    /// Exceptions by egress queue, "0" to "7".
    pub(crate) queue: BTreeMap<String, Sp<RawQueue>>,
}

/// One priority group of every port.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawPg {
    /// Share of the free buffer.
    pub(crate) alpha: Option<Sp<OrHpcc<Alpha>>>,
    /// Fixed limit, instead of `alpha`.
    pub(crate) xoff: Option<Sp<Bytes>>,
    /// Resume this far below the pause threshold.
    pub(crate) xon_offset: Option<Sp<Bytes>>,
    /// Guaranteed minimum per port.
    pub(crate) reserve: Option<Sp<Bytes>>,
    /// Space for what arrives after pausing.
    pub(crate) headroom: Option<Sp<OrHpcc<Auto<Bytes>>>>,
}

/// One egress queue of every port.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawQueue {
    /// Guaranteed minimum per port. Default: "0B".
    pub(crate) reserve: Option<Sp<Bytes>>,
    /// Share of the free buffer for lossy packets.
    pub(crate) alpha: Option<Sp<Alpha>>,
    /// Fixed limit for lossy packets, instead of `alpha`; "off": none.
    pub(crate) limit: Option<Sp<OrOff<Bytes>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawPfcMode {
    /// Neither sends pause nor obeys it.
    Off,
    /// IEEE 802.1Q priority-based flow control.
    Pfc,
    /// IEEE 802.3x pause of the whole port.
    #[serde(rename = "802.3x")]
    Global,
}

/// Pause behaviour of every port.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawPfc {
    /// Default: "off".
    pub(crate) mode: Option<Sp<RawPfcMode>>,
    /// Lossless priorities. Default: [3].
    pub(crate) priorities: Option<Sp<Vec<Priority>>>,
    /// Send pause. Default: true.
    pub(crate) send: Option<Sp<bool>>,
    /// Obey pause. Default: true.
    pub(crate) obey: Option<Sp<bool>>,
    /// Pause time in units of 512 bit times, or "infinite" until resumed. Default: 65535.
    pub(crate) quanta: Option<Sp<Quanta>>,
    /// Time from the arrival of a pause to its effect. "auto": the longest that IEEE 802.3 allows
    /// at the port's rate. Default: "auto".
    pub(crate) response: Option<Sp<Auto<SimDuration>>>,
    /// Pause takes no bandwidth, as in some simulators. Default: false.
    pub(crate) out_of_band: Option<Sp<bool>>,
}

/// Egress scheduling (ETS) of the eight queues of every port.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawEts {
    /// Queue to weight; queues left out have weight 1. Default: all 1.
    pub(crate) shares: BTreeMap<String, Sp<u32>>,
    /// Queues served before all others, highest first. Default: [6, 7].
    pub(crate) strict: Option<Sp<Vec<Priority>>>,
    /// Queue to maximum rate.
    pub(crate) max: BTreeMap<String, Sp<BitRate>>,
    /// Burst that a maximum rate lets through after the queue was held up. Less than two frames
    /// cannot make up for the wait for the port, and the rate is missed. Default: "16KiB".
    pub(crate) burst: Option<Sp<Bytes>>,
}

impl RawEts {
    /// Nothing is said about scheduling.
    pub(crate) fn is_silent(&self) -> bool {
        let RawEts {
            shares,
            strict,
            max,
            burst,
        } = self;
        shares.is_empty() && strict.is_none() && max.is_empty() && burst.is_none()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawSwitched {
    On,
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawEcnMode {
    On,
    Off,
    /// WRED without ECN: packets are dropped instead of being marked.
    Drop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawNotEct {
    /// They pass.
    Pass,
    /// They are dropped as often as others are marked, as they come to the queue (WRED).
    Drop,
}

/// ECN marking by egress queue length, at dequeue.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawEcn {
    /// Default: "on" if any other key of this table is given, otherwise "off".
    pub(crate) mode: Option<Sp<RawEcnMode>>,
    /// What becomes of packets that are not ECN-capable. Default: "pass".
    pub(crate) not_ect: Option<Sp<RawNotEct>>,
    /// Queues that mark. Default: all.
    pub(crate) queues: Option<Sp<OneOrMany<Priority>>>,
    /// No marking up to this length. Default: "150kB".
    pub(crate) kmin: Option<Sp<Bytes>>,
    /// Every packet is marked above this length. Default: "1500kB".
    pub(crate) kmax: Option<Sp<Bytes>>,
    /// Marking probability just below kmax. Default: 1.
    pub(crate) pmax: Option<Sp<Probability>>,
    /// Thresholds of queues that differ, by queue number.
    pub(crate) queue: BTreeMap<String, Sp<RawThresholds>>,
    /// Thresholds at ports of another rate, by rate such as "400Gbps".
    pub(crate) by_rate: BTreeMap<String, Sp<RawThresholds>>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawThresholds {
    /// No marking up to this length.
    pub(crate) kmin: Option<Sp<Bytes>>,
    /// Every packet is marked above this length.
    pub(crate) kmax: Option<Sp<Bytes>>,
    /// Marking probability just below kmax.
    pub(crate) pmax: Option<Sp<Probability>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawWatchdogAction {
    /// Discard what is queued and what arrives.
    Drop,
    /// Ignore the pause.
    Forward,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawEmptyQueue {
    /// In a storm as any other, as detectors on NVIDIA switches say.
    Storm,
    /// In no storm: the time of detection counts from the first packet that waits, as on Broadcom
    /// switches.
    Ignore,
}

/// PFC watchdog of every port.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawWatchdog {
    /// Default: "on" if any other key of this table is given, otherwise "off".
    pub(crate) mode: Option<Sp<RawSwitched>>,
    /// Interval of observation. Its clock runs from the start of the simulation, so detection and
    /// restoration take up to one interval longer than they say. Default: "100ms".
    pub(crate) poll: Option<Sp<SimDuration>>,
    /// A paused queue that sends nothing for this long is in a storm. Default: "200ms".
    pub(crate) detect: Option<Sp<SimDuration>>,
    /// What a paused queue without packets is. Default: "storm".
    pub(crate) empty_queue: Option<Sp<RawEmptyQueue>>,
    /// Normal again when no pause was in force for this long. Default: "200ms".
    pub(crate) restore: Option<Sp<SimDuration>>,
    /// Default: "drop".
    pub(crate) action: Option<Sp<RawWatchdogAction>>,
}

/// How packets are marked. Keys left out follow from the priority.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawMarking {
    /// Priority at the sending host.
    pub(crate) priority: Option<Sp<Priority>>,
    /// Default: 26 for priority 3, 48 for 6, otherwise 8 x priority.
    pub(crate) dscp: Option<Sp<Dscp>>,
    /// Default: the priority.
    pub(crate) pcp: Option<Sp<Priority>>,
}
