//! IEEE 802.1Qaz DCBX TLVs: ETS configuration and recommendation, PFC, application priority, QCN.

/// ETS configuration or recommendation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ets {
    /// Configuration only.
    pub willing: bool,
    pub cbs: bool,
    /// Traffic classes supported; 0 means 8. Configuration only.
    pub max_tcs: u8,
    /// Traffic class of each priority (4 bits each).
    pub priority: [u8; 8],
    /// Per cent per traffic class.
    pub bandwidth: [u8; 8],
    /// Selection algorithm per traffic class: 0 strict, 1 credit-based shaper, 2 ETS, 255 vendor.
    pub tsa: [u8; 8],
}

/// PFC configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pfc {
    pub willing: bool,
    /// MACsec bypass capability.
    pub mbc: bool,
    /// How many classes may have PFC at once.
    pub capability: u8,
    pub enabled: u8,
}

/// One entry of the application priority table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct App {
    pub priority: u8,
    /// 1 ethertype, 2 TCP or SCTP port, 3 UDP or DCCP port, 4 any of these ports, 5 DSCP.
    pub selector: u8,
    pub protocol: u16,
}

/// Congestion notification (QCN): bit n for priority n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Qcn {
    pub cnpv: u8,
    pub ready: u8,
}
