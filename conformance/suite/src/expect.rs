//! What is expected of a stack where stacks may differ. The initial MigReq is none of it: IBTA
//! leaves no choice.

/// Among which CNPs of a notification point the least interval holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CnpScope {
    Qp,
    /// Per address that CNPs go to.
    Address,
    Port,
}

/// How a stack behaves where the specification leaves it free, or its makers chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expect {
    /// Packets of which at least one asks for an acknowledgement; None: not known.
    pub ack_request_every: Option<u32>,
    /// The UDP source port is that of Linux's `rdma_get_udp_sport`: from both queue pair numbers.
    pub port_from_qpns: bool,
    pub cnp_scope: CnpScope,
    /// Least time between CNPs of one scope, ns; None: not known.
    pub cnp_interval_ns: Option<u64>,
    /// DSCP of CNPs; None: it is not known how they are configured.
    pub cnp_dscp: Option<u8>,
    /// Loss causes CNPs, too.
    pub nack_triggered_cnp: bool,
    /// Counts packets whose ICRC is wrong.
    pub icrc_counter: Option<&'static str>,
}

/// Nothing is known of it.
pub const GENERIC: Expect = Expect {
    ack_request_every: None,
    port_from_qpns: false,
    // Not known: whoever has several queue pairs to one address may tell it of any of them.
    cnp_scope: CnpScope::Address,
    cnp_interval_ns: None,
    cnp_dscp: None,
    nack_triggered_cnp: false,
    icrc_counter: None,
};

pub const SIM: Expect = Expect {
    cnp_scope: CnpScope::Qp,
    cnp_interval_ns: Some(50_000),
    cnp_dscp: Some(48),
    icrc_counter: Some("rx_icrc_encapsulated"),
    ..GENERIC
};

pub const RXE: Expect = Expect {
    // RXE_MAX_PKT_PER_ACK; it counts beyond before it asks.
    ack_request_every: Some(66),
    port_from_qpns: true,
    ..GENERIC
};

/// The intervals and scopes of adapters are as measured by Lumina (SIGCOMM 2023).
const MLX5: Expect = Expect {
    cnp_interval_ns: Some(4_000),
    icrc_counter: Some("rx_icrc_encapsulated"),
    ..GENERIC
};

pub const CX4: Expect = Expect {
    cnp_scope: CnpScope::Address,
    ..MLX5
};

pub const CX5: Expect = Expect {
    cnp_scope: CnpScope::Port,
    nack_triggered_cnp: true,
    ..MLX5
};

pub const E810: Expect = Expect {
    cnp_scope: CnpScope::Qp,
    cnp_interval_ns: Some(50_000),
    ..GENERIC
};
