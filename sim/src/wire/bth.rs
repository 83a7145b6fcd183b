//! InfiniBand transport headers: BTH and the extension headers that opcodes call for (IBTA 9.2-9.4).

/// Base transport header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bth {
    pub opcode: Opcode,
    pub solicited: bool,
    pub migreq: bool,
    /// Padding bytes after the payload, 0 to 3.
    pub pad: u8,
    pub tver: u8,
    pub pkey: u16,
    pub fecn: bool,
    pub becn: bool,
    /// Six reserved bits after FECN and BECN.
    pub reserved6: u8,
    pub dest_qp: u32,
    pub ack_request: bool,
    pub reserved7: u8,
    pub psn: u32,
}

/// The opcode byte: three bits of service, five of operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Opcode(pub u8);

/// RDMA extended transport header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reth {
    pub va: u64,
    pub rkey: u32,
    pub len: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtomicEth {
    pub va: u64,
    pub rkey: u32,
    pub swap_or_add: u64,
    pub compare: u64,
}

/// ACK extended transport header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aeth {
    pub syndrome: u8,
    pub msn: u32,
}

/// Datagram extended transport header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deth {
    pub qkey: u32,
    pub src_qp: u32,
}

/// The extension headers of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// RD: end-to-end context.
    pub rdeth: Option<u32>,
    pub deth: Option<Deth>,
    /// XRC: receive queue's SRQ number.
    pub xrceth: Option<u32>,
    pub reth: Option<Reth>,
    pub atomic: Option<AtomicEth>,
    pub aeth: Option<Aeth>,
    /// Original remote data of an atomic acknowledgement.
    pub atomic_ack: Option<u64>,
    pub immediate: Option<u32>,
    /// R_Key to invalidate.
    pub invalidate: Option<u32>,
}
