//! RDMAP messages (RFC 5040): what an iWARP segment does.

use super::{Result, ddp, take};
use std::fmt;

/// The version that RFC 5040 defines; the RDMA Consortium's drafts had 0.
pub const VERSION: u8 = 1;

/// Operation of a message; RFC 7306 added the last four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Opcode {
    Write,
    ReadRequest,
    ReadResponse,
    Send,
    SendInvalidate,
    SendSolicited,
    SendSolicitedInvalidate,
    Terminate,
    Immediate,
    ImmediateSolicited,
    AtomicRequest,
    AtomicResponse,
    /// 12 to 15.
    Reserved(u8),
}

const NAMED: [Opcode; 12] = [
    Opcode::Write,
    Opcode::ReadRequest,
    Opcode::ReadResponse,
    Opcode::Send,
    Opcode::SendInvalidate,
    Opcode::SendSolicited,
    Opcode::SendSolicitedInvalidate,
    Opcode::Terminate,
    Opcode::Immediate,
    Opcode::ImmediateSolicited,
    Opcode::AtomicRequest,
    Opcode::AtomicResponse,
];

impl Opcode {
    /// From the low four bits.
    pub fn from_bits(bits: u8) -> Opcode {
        let bits = bits & 0xf;
        NAMED
            .get(usize::from(bits))
            .copied()
            .unwrap_or(Opcode::Reserved(bits))
    }

    pub fn bits(self) -> u8 {
        match self {
            Opcode::Reserved(bits) => bits & 0xf,
            named => NAMED
                .iter()
                .position(|o| *o == named)
                .map_or(0xf, |i| i as u8),
        }
    }

    /// One of the four Sends.
    pub fn is_send(self) -> bool {
        matches!(
            self,
            Opcode::Send
                | Opcode::SendInvalidate
                | Opcode::SendSolicited
                | Opcode::SendSolicitedInvalidate
        )
    }

    /// Whether its segments are tagged (RFC 5040 4.3).
    pub fn is_tagged(self) -> bool {
        matches!(self, Opcode::Write | Opcode::ReadResponse)
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Opcode::Write => "RDMA Write",
            Opcode::ReadRequest => "RDMA Read Request",
            Opcode::ReadResponse => "RDMA Read Response",
            Opcode::Send => "Send",
            Opcode::SendInvalidate => "Send with Invalidate",
            Opcode::SendSolicited => "Send with Solicited Event",
            Opcode::SendSolicitedInvalidate => "Send with Solicited Event and Invalidate",
            Opcode::Terminate => "Terminate",
            Opcode::Immediate => "Immediate Data",
            Opcode::ImmediateSolicited => "Immediate Data with Solicited Event",
            Opcode::AtomicRequest => "Atomic Request",
            Opcode::AtomicResponse => "Atomic Response",
            Opcode::Reserved(_) => "reserved opcode",
        })
    }
}

/// The octets of a DDP header that belong to RDMAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// Two bits.
    pub version: u8,
    /// Two bits.
    pub reserved: u8,
    pub opcode: Opcode,
    /// Of an untagged segment: the STag that Sends with Invalidate name.
    pub invalidate: Option<u32>,
}

impl Control {
    /// Reads what RDMAP put into a DDP header.
    pub fn of(header: &ddp::Repr) -> Control {
        let octet = header.rdmap_control();
        Control {
            version: octet >> 6,
            reserved: (octet >> 4) & 3,
            opcode: Opcode::from_bits(octet),
            invalidate: match header.kind {
                ddp::Kind::Tagged { .. } => None,
                ddp::Kind::Untagged {
                    ulp: [_, a, b, c, d],
                    ..
                } => Some(u32::from_be_bytes([a, b, c, d])),
            },
        }
    }

    /// The control octet.
    pub fn octet(&self) -> u8 {
        (self.version & 3) << 6 | (self.reserved & 3) << 4 | self.opcode.bits()
    }

    /// The five octets of an untagged header.
    pub fn untagged(&self) -> [u8; 5] {
        let [a, b, c, d] = self.invalidate.unwrap_or(0).to_be_bytes();
        [self.octet(), a, b, c, d]
    }
}

/// The payload of an RDMA Read Request (RFC 5040 4.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadRequest {
    pub sink_stag: u32,
    pub sink_offset: u64,
    /// Bytes.
    pub size: u32,
    pub source_stag: u32,
    pub source_offset: u64,
}

impl ReadRequest {
    pub const LEN: usize = 28;

    /// # Errors
    /// If there are fewer than 28 octets.
    pub fn parse(data: &[u8]) -> Result<(ReadRequest, usize)> {
        let d = take::<28>(data, "RDMAP", "28 octets of a Read Request")?;
        let word = |at: usize| u32::from_be_bytes([d[at], d[at + 1], d[at + 2], d[at + 3]]);
        let long = |at: usize| u64::from(word(at)) << 32 | u64::from(word(at + 4));
        let request = ReadRequest {
            sink_stag: word(0),
            sink_offset: long(4),
            size: word(12),
            source_stag: word(16),
            source_offset: long(20),
        };
        Ok((request, Self::LEN))
    }

    pub fn emit(&self, buffer: &mut [u8]) {
        buffer[0..4].copy_from_slice(&self.sink_stag.to_be_bytes());
        buffer[4..12].copy_from_slice(&self.sink_offset.to_be_bytes());
        buffer[12..16].copy_from_slice(&self.size.to_be_bytes());
        buffer[16..20].copy_from_slice(&self.source_stag.to_be_bytes());
        buffer[20..28].copy_from_slice(&self.source_offset.to_be_bytes());
    }
}

/// The control field of a Terminate message (RFC 5040 4.8): who gave up and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Terminate {
    /// 0 RDMAP, 1 DDP, 2 MPA. Four bits.
    pub layer: u8,
    /// Four bits.
    pub error_type: u8,
    pub error_code: u8,
    /// Three bits: which headers of the offending segment follow (length, DDP, RDMAP).
    pub headers: u8,
    /// Thirteen bits.
    pub reserved: u16,
}

impl Terminate {
    pub const LEN: usize = 4;

    /// # Errors
    /// If there are fewer than four octets.
    pub fn parse(data: &[u8]) -> Result<(Terminate, usize)> {
        let [kind, code, a, b] = take::<4>(data, "RDMAP", "4 octets of Terminate control")?;
        let tail = u16::from_be_bytes([a, b]);
        let terminate = Terminate {
            layer: kind >> 4,
            error_type: kind & 0xf,
            error_code: code,
            headers: (tail >> 13) as u8,
            reserved: tail & 0x1fff,
        };
        Ok((terminate, Self::LEN))
    }

    pub fn emit(&self, buffer: &mut [u8]) {
        let tail = u16::from(self.headers & 7) << 13 | self.reserved & 0x1fff;
        buffer[0] = self.layer << 4 | self.error_type & 0xf;
        buffer[1] = self.error_code;
        buffer[2..4].copy_from_slice(&tail.to_be_bytes());
    }

    /// Layer, type and code in words (RFC 5040 4.8, RFC 5041 6.2, RFC 5044 8).
    pub fn reason(&self) -> &'static str {
        match (self.layer, self.error_type, self.error_code) {
            (0, 0, _) => "RDMAP: local catastrophic error",
            (0, 1, 0) => "RDMAP: remote protection error, invalid STag",
            (0, 1, 1) => "RDMAP: remote protection error, base or bounds violation",
            (0, 1, 2) => "RDMAP: remote protection error, access rights violation",
            (0, 1, 3) => "RDMAP: remote protection error, STag not of this stream",
            (0, 1, 4) => "RDMAP: remote protection error, offset wraps",
            (0, 1, 9) => "RDMAP: remote protection error, STag cannot be invalidated",
            (0, 1, _) => "RDMAP: remote protection error",
            (0, 2, 5) => "RDMAP: remote operation error, wrong version",
            (0, 2, 6) => "RDMAP: remote operation error, unexpected opcode",
            (0, 2, 7) => "RDMAP: remote operation error, catastrophic for the stream",
            (0, 2, 8) => "RDMAP: remote operation error, catastrophic for the device",
            (0, 2, 9) => "RDMAP: remote operation error, STag cannot be invalidated",
            (0, 2, _) => "RDMAP: remote operation error",
            (1, 0, _) => "DDP: local catastrophic error",
            (1, 1, 0) => "DDP: tagged buffer, invalid STag",
            (1, 1, 1) => "DDP: tagged buffer, base or bounds violation",
            (1, 1, 2) => "DDP: tagged buffer, STag not of this stream",
            (1, 1, 3) => "DDP: tagged buffer, offset wraps",
            (1, 1, 4) => "DDP: tagged buffer, wrong version",
            (1, 1, _) => "DDP: tagged buffer error",
            (1, 2, 1) => "DDP: untagged buffer, invalid queue",
            (1, 2, 2) => "DDP: untagged buffer, none posted",
            (1, 2, 3) => "DDP: untagged buffer, sequence number out of range",
            (1, 2, 4) => "DDP: untagged buffer, invalid message offset",
            (1, 2, 5) => "DDP: untagged buffer, message too long",
            (1, 2, 6) => "DDP: untagged buffer, wrong version",
            (1, 2, _) => "DDP: untagged buffer error",
            (2, _, 1) => "MPA: the TCP connection was closed or lost",
            (2, _, 2) => "MPA: wrong CRC",
            (2, _, 3) => "MPA: marker and length disagree",
            (2, _, 4) => "MPA: invalid request or reply frame",
            (2, _, _) => "MPA: error",
            _ => "unknown layer or error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn opcodes_are_numbered_as_in_rfc_5040() {
        assert_eq!(Opcode::from_bits(0), Opcode::Write);
        assert_eq!(Opcode::from_bits(3), Opcode::Send);
        assert_eq!(Opcode::from_bits(7), Opcode::Terminate);
        assert_eq!(Opcode::AtomicResponse.bits(), 11);
        for bits in 0..16 {
            assert_eq!(Opcode::from_bits(bits).bits(), bits);
        }
    }

    #[test]
    fn terminate_says_why() {
        let (terminate, _) = Terminate::parse(&[0x01, 0x01, 0xc0, 0]).unwrap();
        assert_eq!(terminate.headers, 6);
        assert!(terminate.reason().contains("bounds"));
        assert_eq!(Terminate::parse(&[0; 3]).unwrap_err().found, 3);
    }

    proptest! {
        #[test]
        fn control_round_trip(octet: u8, invalidate: u32) {
            let [a, b, c, d] = invalidate.to_be_bytes();
            let ulp = [octet, a, b, c, d];
            let kind = ddp::Kind::Untagged { ulp, queue: 0, msn: 1, offset: 0 };
            let header = ddp::Repr { last: true, reserved: 0, version: 1, kind };
            prop_assert_eq!(Control::of(&header).untagged(), ulp);
        }

        #[test]
        fn read_request_round_trip(a: u32, b: u64, c: u32, d: u32, e: u64) {
            let request = ReadRequest {
                sink_stag: a, sink_offset: b, size: c, source_stag: d, source_offset: e,
            };
            let mut buffer = [0; ReadRequest::LEN];
            request.emit(&mut buffer);
            prop_assert_eq!(ReadRequest::parse(&buffer), Ok((request, 28)));
        }

        #[test]
        fn terminate_round_trip(bytes: [u8; 4]) {
            let (terminate, _) = Terminate::parse(&bytes).unwrap();
            let mut buffer = [0; 4];
            terminate.emit(&mut buffer);
            prop_assert_eq!(buffer, bytes);
        }
    }
}
