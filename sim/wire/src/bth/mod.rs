//! InfiniBand transport headers: BTH and the extension headers that opcodes call for (IBTA 9.2-9.4).

mod aeth;
mod opcode;

pub use aeth::{
    NakCode, Syndrome, UNLIMITED_CREDITS, ack_timeout_ns, credit_count, rnr_timer_code,
    rnr_timer_ns,
};
pub use opcode::{Opcode, Operation, Service};

use super::{Result, WireError, take};
use opcode::layout;

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

/// Bytes that fill a payload up to a multiple of four.
pub const fn pad(payload_len: u32) -> u8 {
    (payload_len.wrapping_neg() & 3) as u8
}

impl Bth {
    /// Reads a header; the error: fewer than 12 bytes. No value is refused.
    #[inline(always)]
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

impl Reth {
    #[inline(always)]
    fn read(r: &mut Reader<'_>) -> Reth {
        Reth {
            va: r.u64(),
            rkey: r.u32(),
            len: r.u32(),
        }
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
    #[inline(always)]
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
        // Nearly all packets that have any.
        match bits {
            layout::AETH => {
                extensions.aeth = Some(Aeth::from_bits(r.u32()));
                return Ok((extensions, usize::from(len)));
            }
            layout::RETH => {
                extensions.reth = Some(Reth::read(&mut r));
                return Ok((extensions, usize::from(len)));
            }
            _ => {}
        }
        let has = |bit: u16| bits & bit != 0;
        extensions.rdeth = has(layout::RDETH).then(|| r.u32() & 0xff_ffff);
        extensions.deth = has(layout::DETH).then(|| Deth {
            qkey: r.u32(),
            src_qp: r.u32() & 0xff_ffff,
        });
        extensions.xrceth = has(layout::XRCETH).then(|| r.u32() & 0xff_ffff);
        extensions.feth = has(layout::FETH).then(|| r.u32());
        extensions.reth = has(layout::RETH).then(|| Reth::read(&mut r));
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn padding() {
        assert_eq!([0, 1, 2, 3, 4, u32::MAX].map(pad), [0, 3, 2, 1, 0, 1]);
    }

    proptest! {
        #[test]
        fn bth_is_what_its_bytes_say(bytes in any::<[u8; BTH_LEN]>()) {
            let (bth, len) = Bth::parse(&bytes).unwrap();
            prop_assert_eq!(len, BTH_LEN);
            let mut again = [0; BTH_LEN];
            bth.emit(&mut again);
            prop_assert_eq!(again, bytes);
        }

        #[test]
        fn extensions_round_trip(opcode: u8, bytes in any::<[u8; MAX_EXTENSIONS]>()) {
            let opcode = Opcode(opcode);
            let (extensions, len) = Extensions::parse(opcode, &bytes).unwrap();
            let mut written = [0; MAX_EXTENSIONS];
            prop_assert_eq!(extensions.emit(opcode, &mut written), len);
            prop_assert_eq!(Extensions::parse(opcode, &written).unwrap(), (extensions, len));
            for short in 0..len {
                prop_assert!(Extensions::parse(opcode, &bytes[..short]).is_err());
            }
        }
    }
}
