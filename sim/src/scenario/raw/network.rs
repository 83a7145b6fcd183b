//! Nodes and links as written.

use crate::scenario::quantity::{BitErrors, OneOrMany, Sp};
use crate::time::SimDuration;
use crate::units::{BitRate, Length, Probability};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum RawTopologyKind {
    /// Hosts around one switch. Keys: hosts.
    Star,
    /// Two tiers. Keys: leaves, spines, hosts_per_leaf.
    LeafSpine,
    /// Three tiers of k-port switches. Keys: k.
    FatTree,
    /// Two switches with hosts on either side. Keys: left, right.
    Dumbbell,
    /// Switches in a circle. Keys: switches, hosts_per_switch.
    Ring,
    /// Only what `node` and `link` state.
    Explicit,
}

/// The network. Hosts are named h0, h1, ... in the order in which they are built.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct RawTopology {
    /// The builder. Each reads the size keys that its description names.
    pub(in crate::scenario) kind: Sp<RawTopologyKind>,
    /// star: number of hosts.
    #[serde(default)]
    pub(in crate::scenario) hosts: Option<Sp<u32>>,
    /// leaf-spine: number of leaf switches.
    #[serde(default)]
    pub(in crate::scenario) leaves: Option<Sp<u32>>,
    /// leaf-spine: number of spine switches.
    #[serde(default)]
    pub(in crate::scenario) spines: Option<Sp<u32>>,
    /// leaf-spine: hosts at each leaf.
    #[serde(default)]
    pub(in crate::scenario) hosts_per_leaf: Option<Sp<u32>>,
    /// fat-tree: ports per switch, an even number; k^3/4 hosts.
    #[serde(default)]
    pub(in crate::scenario) k: Option<Sp<u32>>,
    /// dumbbell: hosts on the left.
    #[serde(default)]
    pub(in crate::scenario) left: Option<Sp<u32>>,
    /// dumbbell: hosts on the right.
    #[serde(default)]
    pub(in crate::scenario) right: Option<Sp<u32>>,
    /// ring: number of switches.
    #[serde(default)]
    pub(in crate::scenario) switches: Option<Sp<u32>>,
    /// ring: hosts at each switch.
    #[serde(default)]
    pub(in crate::scenario) hosts_per_switch: Option<Sp<u32>>,
    /// Rate of host links. Default: "100Gbps".
    #[serde(default)]
    pub(in crate::scenario) rate: Option<Sp<BitRate>>,
    /// Rate of links between switches. Default: that of host links.
    #[serde(default)]
    pub(in crate::scenario) fabric_rate: Option<Sp<BitRate>>,
    /// Length of host cables; 5 ns per metre. Default: "3m".
    #[serde(default)]
    pub(in crate::scenario) cable: Option<Sp<Length>>,
    /// Length of cables between switches. Default: that of host cables.
    #[serde(default)]
    pub(in crate::scenario) fabric_cable: Option<Sp<Length>>,
    /// Latency of PHY, FEC and MAC of both ends of a link together. Default: "200ns".
    #[serde(default)]
    pub(in crate::scenario) phy_delay: Option<Sp<SimDuration>>,
    /// Parallel links of each host, one NIC port each. Default: 1.
    #[serde(default)]
    pub(in crate::scenario) links_per_host: Option<Sp<u32>>,
    /// Parallel links between each pair of switches. Default: 1.
    #[serde(default)]
    pub(in crate::scenario) fabric_links: Option<Sp<u32>>,
    /// Probability that any link loses a frame. Default: 0.
    #[serde(default)]
    pub(in crate::scenario) loss: Option<Sp<Probability>>,
    /// Bit error rate of every link; a frame with an error is discarded. Default: 0.
    #[serde(default)]
    pub(in crate::scenario) ber: Option<Sp<BitErrors>>,
    /// Every link drops exactly each n-th data frame per direction; 0: none. Default: 0.
    #[serde(default)]
    pub(in crate::scenario) drop_every: Option<Sp<u32>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum RawRole {
    Host,
    Switch,
}

/// One or more nodes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct RawNode {
    /// Name, or list of names of like nodes.
    pub(in crate::scenario) name: Sp<OneOrMany<String>>,
    /// Default: "host".
    #[serde(default)]
    pub(in crate::scenario) role: Option<Sp<RawRole>>,
    /// NIC profile of a host, or switch profile of a switch. Default: "default".
    #[serde(default)]
    pub(in crate::scenario) profile: Option<Sp<String>>,
}

/// The cable or cables between two nodes. Keys left out have the topology's values.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct RawLink {
    /// One end.
    pub(in crate::scenario) a: Sp<String>,
    /// The other end.
    pub(in crate::scenario) b: Sp<String>,
    /// Rate of both directions.
    #[serde(default)]
    pub(in crate::scenario) rate: Option<Sp<BitRate>>,
    /// Rate configured at end `a`; an error if the ends disagree. Default: `rate`.
    #[serde(default)]
    pub(in crate::scenario) rate_a: Option<Sp<BitRate>>,
    /// Rate configured at end `b`; an error if the ends disagree. Default: `rate`.
    #[serde(default)]
    pub(in crate::scenario) rate_b: Option<Sp<BitRate>>,
    /// Length of the cable; 5 ns per metre.
    #[serde(default)]
    pub(in crate::scenario) cable: Option<Sp<Length>>,
    /// Latency of PHY, FEC and MAC of both ends together.
    #[serde(default)]
    pub(in crate::scenario) phy_delay: Option<Sp<SimDuration>>,
    /// Probability that a frame is lost, in each direction.
    #[serde(default)]
    pub(in crate::scenario) loss: Option<Sp<Probability>>,
    /// Bit error rate; a frame with an error is discarded.
    #[serde(default)]
    pub(in crate::scenario) ber: Option<Sp<BitErrors>>,
    /// Drop exactly each n-th data frame per direction; 0: none.
    #[serde(default)]
    pub(in crate::scenario) drop_every: Option<Sp<u32>>,
    /// Number of parallel links. Default: 1, or as many as the topology built.
    #[serde(default)]
    pub(in crate::scenario) count: Option<Sp<u32>>,
    /// A further link beside those stated before between the two. Default: false.
    #[serde(default)]
    pub(in crate::scenario) parallel: Option<Sp<bool>>,
}

/// A profile for nodes that exist already.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct RawAssign {
    /// Names of nodes; `*` stands for any characters.
    pub(in crate::scenario) nodes: Sp<OneOrMany<String>>,
    /// NIC profile for hosts, switch profile for switches.
    pub(in crate::scenario) profile: Sp<String>,
}
