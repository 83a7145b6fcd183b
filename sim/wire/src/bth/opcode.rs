//! The opcodes of the BTH: what they are called, where in a message they stand, and which extension
//! headers they call for.

use std::fmt;

/// The opcode byte: three bits of service, five of operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Opcode(pub u8);

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
pub(super) mod layout {
    use super::{Operation as Op, Service};

    pub(in super::super) const RDETH: u16 = 1;
    pub(in super::super) const DETH: u16 = 1 << 1;
    pub(in super::super) const XRCETH: u16 = 1 << 2;
    pub(in super::super) const FETH: u16 = 1 << 3;
    pub(in super::super) const RETH: u16 = 1 << 4;
    pub(in super::super) const ATOMIC: u16 = 1 << 5;
    pub(in super::super) const AETH: u16 = 1 << 6;
    pub(in super::super) const ATOMIC_ACK: u16 = 1 << 7;
    pub(in super::super) const IMMEDIATE: u16 = 1 << 8;
    pub(in super::super) const INVALIDATE: u16 = 1 << 9;
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
    pub(in super::super) const TABLE: [(u16, u8); 256] = {
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

#[cfg(test)]
mod tests {
    use super::super::{Extensions, MAX_EXTENSIONS};
    use super::*;

    /// RC, UC, RD, UD, CNP, XRC.
    #[test]
    fn number_of_opcodes_per_service() {
        let mut known = [0; 8];
        for opcode in (0..=255).map(Opcode).filter(|opcode| opcode.is_known()) {
            known[usize::from(opcode.0 >> 5)] += 1;
        }
        assert_eq!(known, [25, 12, 22, 2, 1, 23, 0, 0]);
    }

    #[test]
    fn names() {
        let name = |opcode| Opcode(opcode).name();
        assert_eq!(name(0x06), "RC RDMA WRITE First");
        assert_eq!(name(0x25), "UC SEND Only with Immediate");
        assert_eq!(name(0x55), "RD RESYNC");
        assert_eq!(name(0x64), "UD SEND Only");
        assert_eq!(name(0x81), "CNP");
        assert_eq!(name(0xb7), "XRC SEND Only with Invalidate");
        assert_eq!(name(0x80), "opcode 0x80");
        assert_eq!(name(0x0f), "RC RDMA READ response Last");
    }

    #[test]
    fn lengths_of_extension_headers() {
        let len = |opcode| Extensions::len(Opcode(opcode));
        assert_eq!(
            [0x00, 0x03, 0x06, 0x0a, 0x0b, 0x0c].map(len),
            [0, 4, 16, 16, 20, 16]
        );
        assert_eq!(
            [0x0d, 0x0e, 0x11, 0x12, 0x13, 0x16].map(len),
            [4, 0, 4, 12, 28, 4]
        );
        assert_eq!([0x1c, 0x1d, 0x64, 0x65, 0x81].map(len), [20, 16, 8, 12, 0]);
        assert_eq!(
            [0x40, 0x4c, 0x4d, 0x51, 0x53, 0x55].map(len),
            [12, 28, 8, 8, 40, 12]
        );
        assert_eq!([0xa0, 0xa6, 0xad, 0xb1, 0xb3].map(len), [4, 20, 4, 4, 32]);
        assert_eq!((0..=255).map(len).max(), Some(MAX_EXTENSIONS));
    }

    #[test]
    fn every_message_has_a_first_and_a_last_packet() {
        for opcode in (0..=255).map(Opcode) {
            let Some(operation) = opcode.operation() else {
                assert!(
                    !opcode.starts_message() && !opcode.ends_message(),
                    "{opcode}"
                );
                continue;
            };
            let position = [opcode.is_first(), opcode.is_middle(), opcode.is_last()];
            let parts = position.iter().filter(|part| **part).count();
            assert!(parts <= usize::from(!opcode.is_only()), "{opcode}");
            assert!(!opcode.starts_message() || !opcode.is_middle(), "{opcode}");
            let packets = opcode.is_only() || is_single_request(operation);
            assert_eq!(
                opcode.starts_message() && opcode.ends_message(),
                packets,
                "{opcode}"
            );
            assert_ne!(opcode.is_request(), opcode.is_response(), "{opcode}");
            let service = opcode.service().unwrap();
            assert_eq!(Opcode::new(service, operation), opcode);
        }
    }
}
