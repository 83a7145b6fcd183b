//! Numbers by which a model names things, and how a packet is marked.

/// Number of 802.1Q priorities, and of traffic classes and priority groups per port.
pub const PRIORITIES: usize = 8;

/// Index into [`Model::nodes`](crate::Model).
pub type NodeId = u32;
/// Index into [`Model::flows`](crate::Model).
pub type FlowId = u32;

/// How a packet is marked and scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marking {
    /// Priority at the sending host: its queue, and the class that pause stops.
    pub priority: u8,
    pub dscp: u8,
    pub pcp: u8,
}
