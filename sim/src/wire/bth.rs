//! InfiniBand transport headers: BTH and the extension headers that opcodes call for (IBTA 9.2-9.4).

use super::{Result, WireError, take};
use std::fmt;

/// Bytes of a base transport header.
pub const BTH_LEN: usize = 12;
/// Most bytes that extension headers of one packet can take (RD atomic: RDETH, DETH, AtomicETH).
pub const MAX_EXTENSIONS: usize = 40;
/// Bytes of the reserved field that a CNP has in place of a payload (IBTA A17.9.3).
pub const CNP_PAYLOAD: usize = 16;
/// P_Key of the default partition, full member.
pub const DEFAULT_PKEY: u16 = 0xffff;

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
    /// FLUSH: placement type and selectivity level.
    pub feth: Option<u32>,
}

/// Transport service: the upper three bits of an opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    Rc,
    Uc,
    Rd,
    Ud,
    /// Congestion notification packets only.
    Cnp,
    Xrc,
}

/// Operation: the lower five bits of an opcode (IBTA table 38).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Operation {
    SendFirst,
    SendMiddle,
    SendLast,
    SendLastImm,
    SendOnly,
    SendOnlyImm,
    WriteFirst,
    WriteMiddle,
    WriteLast,
    WriteLastImm,
    WriteOnly,
    WriteOnlyImm,
    ReadRequest,
    ReadResponseFirst,
    ReadResponseMiddle,
    ReadResponseLast,
    ReadResponseOnly,
    Acknowledge,
    AtomicAcknowledge,
    CompareSwap,
    FetchAdd,
    Resync,
    SendLastInvalidate,
    SendOnlyInvalidate,
    Flush = 0x1c,
    AtomicWrite = 0x1d,
}

use Operation as Op;

impl Operation {
    const fn from_bits(bits: u8) -> Option<Operation> {
        Some(match bits & 0x1f {
            0x00 => Op::SendFirst,
            0x01 => Op::SendMiddle,
            0x02 => Op::SendLast,
            0x03 => Op::SendLastImm,
            0x04 => Op::SendOnly,
            0x05 => Op::SendOnlyImm,
            0x06 => Op::WriteFirst,
            0x07 => Op::WriteMiddle,
            0x08 => Op::WriteLast,
            0x09 => Op::WriteLastImm,
            0x0a => Op::WriteOnly,
            0x0b => Op::WriteOnlyImm,
            0x0c => Op::ReadRequest,
            0x0d => Op::ReadResponseFirst,
            0x0e => Op::ReadResponseMiddle,
            0x0f => Op::ReadResponseLast,
            0x10 => Op::ReadResponseOnly,
            0x11 => Op::Acknowledge,
            0x12 => Op::AtomicAcknowledge,
            0x13 => Op::CompareSwap,
            0x14 => Op::FetchAdd,
            0x15 => Op::Resync,
            0x16 => Op::SendLastInvalidate,
            0x17 => Op::SendOnlyInvalidate,
            0x1c => Op::Flush,
            0x1d => Op::AtomicWrite,
            _ => return None,
        })
    }

    const fn exists_in(self, service: Service) -> bool {
        match service {
            Service::Rc => !matches!(self, Op::Resync),
            Service::Uc => self as u8 <= Op::WriteOnlyImm as u8,
            Service::Rd => self as u8 <= Op::Resync as u8,
            Service::Ud => matches!(self, Op::SendOnly | Op::SendOnlyImm),
            Service::Xrc => {
                !matches!(self, Op::Resync) && self as u8 <= Op::SendOnlyInvalidate as u8
            }
            Service::Cnp => false,
        }
    }

    /// As the IBTA writes it: `"RDMA WRITE First"`.
    pub const fn name(self) -> &'static str {
        match self {
            Op::SendFirst => "SEND First",
            Op::SendMiddle => "SEND Middle",
            Op::SendLast => "SEND Last",
            Op::SendLastImm => "SEND Last with Immediate",
            Op::SendOnly => "SEND Only",
            Op::SendOnlyImm => "SEND Only with Immediate",
            Op::WriteFirst => "RDMA WRITE First",
            Op::WriteMiddle => "RDMA WRITE Middle",
            Op::WriteLast => "RDMA WRITE Last",
            Op::WriteLastImm => "RDMA WRITE Last with Immediate",
            Op::WriteOnly => "RDMA WRITE Only",
            Op::WriteOnlyImm => "RDMA WRITE Only with Immediate",
            Op::ReadRequest => "RDMA READ Request",
            Op::ReadResponseFirst => "RDMA READ response First",
            Op::ReadResponseMiddle => "RDMA READ response Middle",
            Op::ReadResponseLast => "RDMA READ response Last",
            Op::ReadResponseOnly => "RDMA READ response Only",
            Op::Acknowledge => "Acknowledge",
            Op::AtomicAcknowledge => "ATOMIC Acknowledge",
            Op::CompareSwap => "CmpSwap",
            Op::FetchAdd => "FetchAdd",
            Op::Resync => "RESYNC",
            Op::SendLastInvalidate => "SEND Last with Invalidate",
            Op::SendOnlyInvalidate => "SEND Only with Invalidate",
            Op::Flush => "FLUSH",
            Op::AtomicWrite => "ATOMIC WRITE",
        }
    }

    pub const fn is_first(self) -> bool {
        matches!(self, Op::SendFirst | Op::WriteFirst | Op::ReadResponseFirst)
    }

    pub const fn is_middle(self) -> bool {
        matches!(
            self,
            Op::SendMiddle | Op::WriteMiddle | Op::ReadResponseMiddle
        )
    }

    pub const fn is_last(self) -> bool {
        use Op::{ReadResponseLast, SendLast, SendLastImm, SendLastInvalidate};
        matches!(
            self,
            SendLast | SendLastImm | SendLastInvalidate | ReadResponseLast
        ) || matches!(self, Op::WriteLast | Op::WriteLastImm)
    }

    pub const fn is_only(self) -> bool {
        use Op::{ReadResponseOnly, SendOnly, SendOnlyImm, SendOnlyInvalidate};
        matches!(
            self,
            SendOnly | SendOnlyImm | SendOnlyInvalidate | ReadResponseOnly
        ) || matches!(self, Op::WriteOnly | Op::WriteOnlyImm)
    }

    pub const fn is_send(self) -> bool {
        self as u8 <= Op::SendOnlyImm as u8
            || matches!(self, Op::SendLastInvalidate | Op::SendOnlyInvalidate)
    }

    pub const fn is_write(self) -> bool {
        Op::WriteFirst as u8 <= self as u8 && self as u8 <= Op::WriteOnlyImm as u8
    }

    pub const fn is_read_response(self) -> bool {
        Op::ReadResponseFirst as u8 <= self as u8 && self as u8 <= Op::ReadResponseOnly as u8
    }

    /// CmpSwap and FetchAdd.
    pub const fn is_atomic(self) -> bool {
        matches!(self, Op::CompareSwap | Op::FetchAdd)
    }

    /// What a responder sends: READ responses and acknowledgements.
    pub const fn is_response(self) -> bool {
        self.is_read_response() || matches!(self, Op::Acknowledge | Op::AtomicAcknowledge)
    }

    pub const fn is_request(self) -> bool {
        !self.is_response()
    }

    pub const fn carries_payload(self) -> bool {
        self.is_send()
            || self.is_write()
            || self.is_read_response()
            || matches!(self, Op::AtomicWrite)
    }

    const fn has_immediate(self) -> bool {
        use Op::{SendLastImm, SendOnlyImm, WriteLastImm, WriteOnlyImm};
        matches!(
            self,
            SendLastImm | SendOnlyImm | WriteLastImm | WriteOnlyImm
        )
    }

    const fn has_reth(self) -> bool {
        use Op::{AtomicWrite, Flush, ReadRequest, WriteFirst, WriteOnly, WriteOnlyImm};
        matches!(
            self,
            WriteFirst | WriteOnly | WriteOnlyImm | ReadRequest | Flush | AtomicWrite
        )
    }
}

/// Which extension headers an opcode calls for: bits in the order of the headers on the wire.
mod layout {
    use super::{Operation as Op, Service};

    pub(super) const RDETH: u16 = 1;
    pub(super) const DETH: u16 = 1 << 1;
    pub(super) const XRCETH: u16 = 1 << 2;
    pub(super) const FETH: u16 = 1 << 3;
    pub(super) const RETH: u16 = 1 << 4;
    pub(super) const ATOMIC: u16 = 1 << 5;
    pub(super) const AETH: u16 = 1 << 6;
    pub(super) const ATOMIC_ACK: u16 = 1 << 7;
    pub(super) const IMMEDIATE: u16 = 1 << 8;
    pub(super) const INVALIDATE: u16 = 1 << 9;
    /// Bytes of each.
    const LENGTHS: [u8; 10] = [4, 8, 4, 4, 16, 28, 4, 8, 4, 4];

    const fn of(service: Service, operation: Op) -> u16 {
        let mut bits = match service {
            Service::Rd if operation.is_response() => RDETH,
            Service::Rd => RDETH | DETH,
            Service::Ud => DETH,
            Service::Xrc if operation.is_request() => XRCETH,
            _ => 0,
        };
        if operation.has_reth() {
            bits |= RETH;
        }
        if operation.has_immediate() {
            bits |= IMMEDIATE;
        }
        bits | match operation {
            Op::CompareSwap | Op::FetchAdd => ATOMIC,
            Op::ReadResponseFirst | Op::ReadResponseLast | Op::ReadResponseOnly => AETH,
            Op::Acknowledge => AETH,
            Op::AtomicAcknowledge => AETH | ATOMIC_ACK,
            Op::SendLastInvalidate | Op::SendOnlyInvalidate => INVALIDATE,
            Op::Flush => FETH,
            _ => 0,
        }
    }

    /// Headers and their bytes, for each opcode.
    pub(super) const TABLE: [(u16, u8); 256] = {
        let mut table = [(0, 0); 256];
        let mut opcode = 0;
        while opcode < 256 {
            let found = super::Opcode(opcode as u8);
            if let (Some(service), Some(operation)) = (found.service(), found.operation()) {
                let bits = of(service, operation);
                let (mut len, mut bit) = (0, 0);
                while bit < LENGTHS.len() {
                    if bits >> bit & 1 == 1 {
                        len += LENGTHS[bit];
                    }
                    bit += 1;
                }
                table[opcode] = (bits, len);
            }
            opcode += 1;
        }
        table
    };
}

impl Opcode {
    /// RoCEv2 congestion notification.
    pub const CNP: Opcode = Opcode(0x81);
    pub const RC_SEND_ONLY: Opcode = Opcode(0x04);
    pub const RC_WRITE_FIRST: Opcode = Opcode(0x06);
    pub const RC_WRITE_MIDDLE: Opcode = Opcode(0x07);
    pub const RC_WRITE_LAST: Opcode = Opcode(0x08);
    pub const RC_WRITE_ONLY: Opcode = Opcode(0x0a);
    pub const RC_READ_REQUEST: Opcode = Opcode(0x0c);
    pub const RC_ACKNOWLEDGE: Opcode = Opcode(0x11);
    pub const UD_SEND_ONLY: Opcode = Opcode(0x64);

    /// The opcode of an operation; it may not exist, see [`Opcode::is_known`].
    pub const fn new(service: Service, operation: Operation) -> Opcode {
        let service = match service {
            Service::Rc => 0x00,
            Service::Uc => 0x20,
            Service::Rd => 0x40,
            Service::Ud => 0x60,
            Service::Cnp => 0x80,
            Service::Xrc => 0xa0,
        };
        Opcode(service | operation as u8)
    }

    /// None: 0xc0 and above are manufacturers'.
    pub const fn service(self) -> Option<Service> {
        Some(match self.0 >> 5 {
            0 => Service::Rc,
            1 => Service::Uc,
            2 => Service::Rd,
            3 => Service::Ud,
            4 => Service::Cnp,
            5 => Service::Xrc,
            _ => return None,
        })
    }

    /// None for a CNP and for opcodes that do not exist.
    pub const fn operation(self) -> Option<Operation> {
        match (self.service(), Operation::from_bits(self.0)) {
            (Some(service), Some(operation)) if operation.exists_in(service) => Some(operation),
            _ => None,
        }
    }

    pub const fn is_cnp(self) -> bool {
        self.0 == Opcode::CNP.0
    }

    pub const fn is_known(self) -> bool {
        self.is_cnp() || self.operation().is_some()
    }

    pub const fn is_first(self) -> bool {
        matches!(self.operation(), Some(operation) if operation.is_first())
    }

    pub const fn is_middle(self) -> bool {
        matches!(self.operation(), Some(operation) if operation.is_middle())
    }

    pub const fn is_last(self) -> bool {
        matches!(self.operation(), Some(operation) if operation.is_last())
    }

    pub const fn is_only(self) -> bool {
        matches!(self.operation(), Some(operation) if operation.is_only())
    }

    /// First packet of a request message or of a READ response: first, only, or a request that
    /// takes one packet.
    pub const fn starts_message(self) -> bool {
        match self.operation() {
            Some(op) => op.is_first() || op.is_only() || is_single_request(op),
            None => false,
        }
    }

    /// Last packet of a request message or of a READ response.
    pub const fn ends_message(self) -> bool {
        match self.operation() {
            Some(op) => op.is_last() || op.is_only() || is_single_request(op),
            None => false,
        }
    }

    /// Whether a payload may follow; what follows a CNP is reserved, not payload.
    pub const fn carries_payload(self) -> bool {
        matches!(self.operation(), Some(operation) if operation.carries_payload())
    }

    /// READ responses and acknowledgements.
    pub const fn is_response(self) -> bool {
        matches!(self.operation(), Some(operation) if operation.is_response())
    }

    /// What a requester sends.
    pub const fn is_request(self) -> bool {
        matches!(self.operation(), Some(operation) if operation.is_request())
    }

    /// As the IBTA writes it: `"RC RDMA WRITE First"`, `"CNP"`; the number if it does not exist.
    pub fn name(self) -> String {
        self.to_string()
    }
}

const fn is_single_request(operation: Operation) -> bool {
    operation.is_atomic() || matches!(operation, Op::ReadRequest | Op::Flush | Op::AtomicWrite)
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Service::Rc => "RC",
            Service::Uc => "UC",
            Service::Rd => "RD",
            Service::Ud => "UD",
            Service::Cnp => "CNP",
            Service::Xrc => "XRC",
        })
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.service(), self.operation()) {
            (Some(service), Some(operation)) => write!(f, "{service} {}", operation.name()),
            _ if self.is_cnp() => f.write_str("CNP"),
            _ => write!(f, "opcode {:#04x}", self.0),
        }
    }
}

/// Bytes that fill a payload up to a multiple of four.
pub const fn pad(payload_len: u32) -> u8 {
    (payload_len.wrapping_neg() & 3) as u8
}

impl Bth {
    /// Reads a header; the error: fewer than 12 bytes. No value is refused.
    pub fn parse(data: &[u8]) -> Result<(Bth, usize)> {
        let b = take::<BTH_LEN>(data, "BTH", "12 bytes")?;
        let bth = Bth {
            opcode: Opcode(b[0]),
            solicited: b[1] & 0x80 != 0,
            migreq: b[1] & 0x40 != 0,
            pad: b[1] >> 4 & 3,
            tver: b[1] & 0xf,
            pkey: u16::from_be_bytes([b[2], b[3]]),
            fecn: b[4] & 0x80 != 0,
            becn: b[4] & 0x40 != 0,
            reserved6: b[4] & 0x3f,
            dest_qp: u32::from_be_bytes([0, b[5], b[6], b[7]]),
            ack_request: b[8] & 0x80 != 0,
            reserved7: b[8] & 0x7f,
            psn: u32::from_be_bytes([0, b[9], b[10], b[11]]),
        };
        Ok((bth, BTH_LEN))
    }

    /// Writes 12 bytes; bits above a field's width are dropped.
    pub fn emit(&self, buffer: &mut [u8]) {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let b = &mut buffer[..BTH_LEN];
        b[0] = self.opcode.0;
        b[1] = flag(self.solicited, 0x80)
            | flag(self.migreq, 0x40)
            | (self.pad & 3) << 4
            | self.tver & 0xf;
        b[2..4].copy_from_slice(&self.pkey.to_be_bytes());
        b[4..8].copy_from_slice(&self.dest_qp.to_be_bytes());
        b[4] = flag(self.fecn, 0x80) | flag(self.becn, 0x40) | self.reserved6 & 0x3f;
        b[8..12].copy_from_slice(&self.psn.to_be_bytes());
        b[8] = flag(self.ack_request, 0x80) | self.reserved7 & 0x7f;
    }
}

/// Takes integers off the front; past the end they read as 0.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn u32(&mut self) -> u32 {
        match self.0.split_first_chunk() {
            Some((bytes, rest)) => {
                self.0 = rest;
                u32::from_be_bytes(*bytes)
            }
            None => 0,
        }
    }

    fn u64(&mut self) -> u64 {
        u64::from(self.u32()) << 32 | u64::from(self.u32())
    }
}

/// Puts integers at the front.
struct Writer<'a>(&'a mut [u8], usize);

impl Writer<'_> {
    fn u32(&mut self, value: u32) {
        self.0[self.1..self.1 + 4].copy_from_slice(&value.to_be_bytes());
        self.1 += 4;
    }

    fn u64(&mut self, value: u64) {
        self.u32((value >> 32) as u32);
        self.u32(value as u32);
    }
}

impl Extensions {
    /// Bytes that the opcode's extension headers take; 0 if it does not exist.
    pub const fn len(opcode: Opcode) -> usize {
        layout::TABLE[opcode.0 as usize].1 as usize
    }

    /// Reads the headers that `opcode` calls for, from the first byte after the BTH.
    ///
    /// The error: they do not fit into `data`.
    pub fn parse(opcode: Opcode, data: &[u8]) -> Result<(Extensions, usize)> {
        let (bits, len) = layout::TABLE[usize::from(opcode.0)];
        let mut extensions = Extensions::default();
        if bits == 0 {
            return Ok((extensions, 0));
        }
        let Some(headers) = data.get(..usize::from(len)) else {
            return Err(WireError {
                layer: "extension header",
                field: "length",
                offset: data.len(),
                expected: "the headers that the opcode calls for",
                found: data.len() as u64,
            });
        };
        let mut r = Reader(headers);
        let has = |bit: u16| bits & bit != 0;
        extensions.rdeth = has(layout::RDETH).then(|| r.u32() & 0xff_ffff);
        extensions.deth = has(layout::DETH).then(|| Deth {
            qkey: r.u32(),
            src_qp: r.u32() & 0xff_ffff,
        });
        extensions.xrceth = has(layout::XRCETH).then(|| r.u32() & 0xff_ffff);
        extensions.feth = has(layout::FETH).then(|| r.u32());
        extensions.reth = has(layout::RETH).then(|| Reth {
            va: r.u64(),
            rkey: r.u32(),
            len: r.u32(),
        });
        extensions.atomic = has(layout::ATOMIC).then(|| AtomicEth {
            va: r.u64(),
            rkey: r.u32(),
            swap_or_add: r.u64(),
            compare: r.u64(),
        });
        extensions.aeth = has(layout::AETH).then(|| Aeth::from_bits(r.u32()));
        extensions.atomic_ack = has(layout::ATOMIC_ACK).then(|| r.u64());
        extensions.immediate = has(layout::IMMEDIATE).then(|| r.u32());
        extensions.invalidate = has(layout::INVALIDATE).then(|| r.u32());
        Ok((extensions, usize::from(len)))
    }

    /// Writes the headers that `opcode` calls for, zeros for those that are None, and returns their
    /// bytes. Headers that it does not call for are left out.
    pub fn emit(&self, opcode: Opcode, buffer: &mut [u8]) -> usize {
        let (bits, len) = layout::TABLE[usize::from(opcode.0)];
        let mut w = Writer(buffer, 0);
        let has = |bit: u16| bits & bit != 0;
        if has(layout::RDETH) {
            w.u32(self.rdeth.unwrap_or_default() & 0xff_ffff);
        }
        if has(layout::DETH) {
            let deth = self.deth.unwrap_or_default();
            w.u32(deth.qkey);
            w.u32(deth.src_qp & 0xff_ffff);
        }
        if has(layout::XRCETH) {
            w.u32(self.xrceth.unwrap_or_default() & 0xff_ffff);
        }
        if has(layout::FETH) {
            w.u32(self.feth.unwrap_or_default());
        }
        if has(layout::RETH) {
            let reth = self.reth.unwrap_or_default();
            w.u64(reth.va);
            w.u32(reth.rkey);
            w.u32(reth.len);
        }
        if has(layout::ATOMIC) {
            let atomic = self.atomic.unwrap_or_default();
            w.u64(atomic.va);
            w.u32(atomic.rkey);
            w.u64(atomic.swap_or_add);
            w.u64(atomic.compare);
        }
        if has(layout::AETH) {
            w.u32(self.aeth.unwrap_or_default().bits());
        }
        if has(layout::ATOMIC_ACK) {
            w.u64(self.atomic_ack.unwrap_or_default());
        }
        if has(layout::IMMEDIATE) {
            w.u32(self.immediate.unwrap_or_default());
        }
        if has(layout::INVALIDATE) {
            w.u32(self.invalidate.unwrap_or_default());
        }
        usize::from(len)
    }
}

/// What an AETH syndrome says (IBTA 9.7.5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Syndrome {
    /// The credit code, 0 to 31; see [`credit_count`].
    Ack {
        credits: u8,
    },
    /// Receiver not ready; the timer code, 0 to 31; see [`rnr_timer_ns`].
    RnrNak {
        timer: u8,
    },
    Nak(NakCode),
    Reserved(u8),
}

/// Why a responder refuses (IBTA table 58).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NakCode {
    PsnSequenceError,
    InvalidRequest,
    RemoteAccessError,
    RemoteOperationalError,
    InvalidRdRequest,
    Reserved(u8),
}

impl NakCode {
    pub const fn from_bits(bits: u8) -> NakCode {
        match bits & 0x1f {
            0 => NakCode::PsnSequenceError,
            1 => NakCode::InvalidRequest,
            2 => NakCode::RemoteAccessError,
            3 => NakCode::RemoteOperationalError,
            4 => NakCode::InvalidRdRequest,
            code => NakCode::Reserved(code),
        }
    }

    pub const fn bits(self) -> u8 {
        match self {
            NakCode::PsnSequenceError => 0,
            NakCode::InvalidRequest => 1,
            NakCode::RemoteAccessError => 2,
            NakCode::RemoteOperationalError => 3,
            NakCode::InvalidRdRequest => 4,
            NakCode::Reserved(code) => code & 0x1f,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            NakCode::PsnSequenceError => "PSN sequence error",
            NakCode::InvalidRequest => "invalid request",
            NakCode::RemoteAccessError => "remote access error",
            NakCode::RemoteOperationalError => "remote operational error",
            NakCode::InvalidRdRequest => "invalid RD request",
            NakCode::Reserved(_) => "reserved NAK code",
        }
    }
}

impl Syndrome {
    pub const fn from_bits(bits: u8) -> Syndrome {
        match bits >> 5 {
            0 => Syndrome::Ack {
                credits: bits & 0x1f,
            },
            1 => Syndrome::RnrNak { timer: bits & 0x1f },
            3 => Syndrome::Nak(NakCode::from_bits(bits)),
            _ => Syndrome::Reserved(bits),
        }
    }

    pub const fn bits(self) -> u8 {
        match self {
            Syndrome::Ack { credits } => credits & 0x1f,
            Syndrome::RnrNak { timer } => 0x20 | timer & 0x1f,
            Syndrome::Nak(code) => 0x60 | code.bits(),
            Syndrome::Reserved(bits) => bits,
        }
    }
}

impl Aeth {
    const fn from_bits(bits: u32) -> Aeth {
        Aeth {
            syndrome: (bits >> 24) as u8,
            msn: bits & 0xff_ffff,
        }
    }

    const fn bits(self) -> u32 {
        (self.syndrome as u32) << 24 | self.msn & 0xff_ffff
    }

    pub const fn new(syndrome: Syndrome, msn: u32) -> Aeth {
        Aeth {
            syndrome: syndrome.bits(),
            msn: msn & 0xff_ffff,
        }
    }

    pub const fn kind(self) -> Syndrome {
        Syndrome::from_bits(self.syndrome)
    }
}

/// Credit code of an ACK without flow control.
pub const UNLIMITED_CREDITS: u8 = 31;

/// Receive buffers that a credit code stands for (IBTA 9.7.7.2.1); None: not limited.
pub const fn credit_count(code: u8) -> Option<u32> {
    match code & 0x1f {
        UNLIMITED_CREDITS => None,
        code @ 0..2 => Some(code as u32),
        code => Some((2 + (code as u32 & 1)) << (code / 2) >> 1),
    }
}

/// Time to wait after an RNR NAK, ns, by its code (IBTA table 45).
pub const fn rnr_timer_ns(code: u8) -> u64 {
    /// In units of 10 microseconds.
    const TABLE: [u32; 32] = [
        65536, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024,
        1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384, 24576, 32768, 49152,
    ];
    TABLE[(code & 0x1f) as usize] as u64 * 10_000
}

/// Local ACK timeout, ns: 4.096 microseconds times 2^code (IBTA 9.9.2.1.1); None: disabled.
pub const fn ack_timeout_ns(code: u8) -> Option<u64> {
    match code & 0x1f {
        0 => None,
        code => Some(4096 << code),
    }
}
