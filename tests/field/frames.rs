//! Captures and frames, byte by byte.

use std::net::IpAddr;
use xoff_wire::bth::{Aeth, Bth, DEFAULT_PKEY, Extensions, Opcode, Reth};
use xoff_wire::ip::{Ecn, Kind, Network};
use xoff_wire::{Mac, ethernet, roce};

/// A pcapng file of one interface; each frame comes some time after the one before.
#[derive(Clone)]
pub(super) struct File {
    link_type: u16,
    speed: Option<u64>,
    blocks: Vec<u8>,
    pub(super) at_ns: u64,
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let len = (body.len() as u32 + 12).to_le_bytes();
    [&kind.to_le_bytes()[..], &len, &body, &len].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_le_bytes()).collect()
}

impl File {
    pub(super) fn new() -> File {
        File {
            link_type: 1,
            speed: None,
            blocks: Vec::new(),
            at_ns: 1_700_000_000_000_000_000,
        }
    }

    pub(super) fn link_type(mut self, number: u16) -> File {
        self.link_type = number;
        self
    }

    pub(super) fn speed(mut self, bps: u64) -> File {
        self.speed = Some(bps);
        self
    }

    pub(super) fn frame(&mut self, after_ns: u64, data: &[u8]) {
        self.cut(after_ns, data, data.len());
    }

    /// A frame of which only `data` was kept.
    pub(super) fn cut(&mut self, after_ns: u64, data: &[u8], original: usize) {
        self.at_ns += after_ns;
        let [high, low] = [(self.at_ns >> 32) as u32, self.at_ns as u32];
        let head = words(&[0, high, low, data.len() as u32, original as u32]);
        self.blocks.extend(block(6, &[&head[..], data].concat()));
    }

    /// A simple packet block, which has no time.
    pub(super) fn simple(&mut self, data: &[u8]) {
        let head = words(&[data.len() as u32]);
        self.blocks.extend(block(3, &[&head[..], data].concat()));
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let section = words(&[0x1a2b_3c4d, 1, u32::MAX, u32::MAX]);
        let mut interface = words(&[u32::from(self.link_type), 0]);
        // Times in nanoseconds.
        interface.extend([9, 0, 1, 0, 9, 0, 0, 0]);
        if let Some(speed) = self.speed {
            interface.extend([8, 0, 8, 0]);
            interface.extend(speed.to_le_bytes());
        }
        [
            block(0x0a0d_0d0a, &section),
            block(1, &interface),
            self.blocks.clone(),
        ]
        .concat()
    }
}

pub(super) fn address(host: u8) -> IpAddr {
    [10, 0, 0, host].into()
}

/// A RoCEv2 packet of `src` to a queue pair of `dst`.
pub(super) fn packet(src: u8, dst: u8, qp: u32, opcode: Opcode, psn: u32, len: u32) -> roce::Repr {
    let mut extensions = Extensions::default();
    if opcode == Opcode::RC_ACKNOWLEDGE {
        extensions.aeth = Some(Aeth {
            syndrome: 0x1f,
            msn: psn & 0xff_ffff,
        });
    }
    if opcode == Opcode::RC_WRITE_ONLY {
        extensions.reth = Some(Reth {
            va: 0,
            rkey: 1,
            len,
        });
    }
    roce::Repr {
        ethernet: ethernet::Repr {
            dst: Mac([2, 0, 0, 0, 0, dst]),
            src: Mac([2, 0, 0, 0, 0, src]),
            ..ethernet::Repr::default()
        },
        network: Network {
            kind: Kind::whole_v4(0),
            src: address(src),
            dst: address(dst),
            dscp: 26,
            ecn: Ecn::Ect0,
            ttl: 64,
            protocol: 0,
            payload_len: 0,
        },
        sport: Some(0xc123),
        bth: Bth {
            opcode,
            pkey: DEFAULT_PKEY,
            dest_qp: qp,
            becn: opcode == Opcode::CNP,
            ack_request: opcode == Opcode::RC_WRITE_ONLY,
            psn,
            ..Bth::default()
        },
        extensions,
        payload_len: if opcode == Opcode::CNP { 16 } else { len },
        spoil_icrc: false,
    }
}

pub(super) fn emitted(repr: &roce::Repr) -> Vec<u8> {
    let mut frame = Vec::new();
    repr.emit(&mut frame, |payload| {
        if repr.bth.opcode != Opcode::CNP {
            payload.fill(0x5a);
        }
    });
    frame
}

/// A WRITE of one packet of host 1, and the ACK of host 2, by message number.
pub(super) fn exchange(number: u32, len: u32) -> [Vec<u8>; 2] {
    let ask = packet(1, 2, 0x22, Opcode::RC_WRITE_ONLY, number, len);
    let answer = packet(2, 1, 0x11, Opcode::RC_ACKNOWLEDGE, number, 0);
    [emitted(&ask), emitted(&answer)]
}

/// Sets the last four bytes of a packet, its ICRC.
pub(super) fn with_icrc(mut frame: Vec<u8>, icrc: [u8; 4]) -> Vec<u8> {
    // Short frames are padded behind it: IP says where the packet ends.
    let end = 14 + usize::from(u16::from_be_bytes([frame[16], frame[17]]));
    frame[end - 4..end].copy_from_slice(&icrc);
    frame
}
