//! Nodes and links as written.

use crate::quantity::{BitErrors, OneOrMany, Sp};
use schemars::JsonSchema;
use serde::Deserialize;
use xoff_model::time::SimDuration;
use xoff_model::units::{BitRate, Length, Probability};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawTopologyKind {
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
pub(crate) struct RawTopology {
    /// The builder. Each reads the size keys that its description names.
    pub(crate) kind: Sp<RawTopologyKind>,
    /// star: number of hosts.
    #[serde(default)]
    pub(crate) hosts: Option<Sp<u32>>,
    /// leaf-spine: number of leaf switches.
    #[serde(default)]
    pub(crate) leaves: Option<Sp<u32>>,
    /// leaf-spine: number of spine switches.
    #[serde(default)]
    pub(crate) spines: Option<Sp<u32>>,
    /// leaf-spine: hosts at each leaf.
    #[serde(default)]
    pub(crate) hosts_per_leaf: Option<Sp<u32>>,
    /// fat-tree: ports per switch, an even number; k^3/4 hosts.
    #[serde(default)]
    pub(crate) k: Option<Sp<u32>>,
    /// dumbbell: hosts on the left.
    #[serde(default)]
    pub(crate) left: Option<Sp<u32>>,
    /// dumbbell: hosts on the right.
    #[serde(default)]
    pub(crate) right: Option<Sp<u32>>,
    /// ring: number of switches.
    #[serde(default)]
    pub(crate) switches: Option<Sp<u32>>,
    /// ring: hosts at each switch.
    #[serde(default)]
    pub(crate) hosts_per_switch: Option<Sp<u32>>,
    /// Rate of host links. Default: "100Gbps".
    #[serde(default)]
    pub(crate) rate: Option<Sp<BitRate>>,
    /// Rate of links between switches. Default: that of host links.
    #[serde(default)]
    pub(crate) fabric_rate: Option<Sp<BitRate>>,
    /// Length of host cables; 5 ns per metre. Default: "3m".
    #[serde(default)]
    pub(crate) cable: Option<Sp<Length>>,
    /// Length of cables between switches. Default: that of host cables.
    #[serde(default)]
    pub(crate) fabric_cable: Option<Sp<Length>>,
    /// Latency of PHY, FEC and MAC of both ends of a link together. Default: "200ns".
    #[serde(default)]
    pub(crate) phy_delay: Option<Sp<SimDuration>>,
    /// Parallel links of each host, one NIC port each. Default: 1.
    #[serde(default)]
    pub(crate) links_per_host: Option<Sp<u32>>,
    /// Parallel links between each pair of switches. Default: 1.
    #[serde(default)]
    pub(crate) fabric_links: Option<Sp<u32>>,
    /// Probability that any link loses a frame. Default: 0.
    #[serde(default)]
    pub(crate) loss: Option<Sp<Probability>>,
    /// Bit error rate of every link; a frame with an error is discarded. Default: 0.
    #[serde(default)]
    pub(crate) ber: Option<Sp<BitErrors>>,
    /// Every link drops exactly each n-th data frame per direction; 0: none. Default: 0.
    #[serde(default)]
    pub(crate) drop_every: Option<Sp<u32>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawRole {
    Host,
    Switch,
}

/// One or more nodes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawNode {
    /// Name, or list of names of like nodes.
    pub(crate) name: Sp<OneOrMany<String>>,
    /// Default: "host".
    #[serde(default)]
    pub(crate) role: Option<Sp<RawRole>>,
    /// NIC profile of a host, or switch profile of a switch. Default: "default".
    #[serde(default)]
    pub(crate) profile: Option<Sp<String>>,
}

/// The cable or cables between two nodes. Keys left out have the topology's values.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawLink {
    /// One end.
    pub(crate) a: Sp<String>,
    /// The other end.
    pub(crate) b: Sp<String>,
    /// Rate of both directions.
    #[serde(default)]
    pub(crate) rate: Option<Sp<BitRate>>,
    /// Rate configured at end `a`; an error if the ends disagree. Default: `rate`.
    #[serde(default)]
    pub(crate) rate_a: Option<Sp<BitRate>>,
    /// Rate configured at end `b`; an error if the ends disagree. Default: `rate`.
    #[serde(default)]
    pub(crate) rate_b: Option<Sp<BitRate>>,
    /// Length of the cable; 5 ns per metre.
    #[serde(default)]
    pub(crate) cable: Option<Sp<Length>>,
    /// Latency of PHY, FEC and MAC of both ends together.
    #[serde(default)]
    pub(crate) phy_delay: Option<Sp<SimDuration>>,
    /// Probability that a frame is lost, in each direction.
    #[serde(default)]
    pub(crate) loss: Option<Sp<Probability>>,
    /// Bit error rate; a frame with an error is discarded.
    #[serde(default)]
    pub(crate) ber: Option<Sp<BitErrors>>,
    /// Drop exactly each n-th data frame per direction; 0: none.
    #[serde(default)]
    pub(crate) drop_every: Option<Sp<u32>>,
    /// Number of parallel links. Default: 1, or as many as the topology built.
    #[serde(default)]
    pub(crate) count: Option<Sp<u32>>,
    /// A further link beside those stated before between the two. Default: false.
    #[serde(default)]
    pub(crate) parallel: Option<Sp<bool>>,
}

/// A profile for nodes that exist already.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAssign {
    /// Names of nodes; `*` stands for any characters.
    pub(crate) nodes: Sp<OneOrMany<String>>,
    /// NIC profile for hosts, switch profile for switches.
    pub(crate) profile: Sp<String>,
}
