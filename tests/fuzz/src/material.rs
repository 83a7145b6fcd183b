//! Valid messages from a few bytes of input, so that states behind them are reached.

use xoff_wire::smb2::{self, Command, InterfaceInfo};
use xoff_wire::{ddp, mpa, rdmap, smbd};

/// The input, byte by byte; zeros when it is used up.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn u8(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    pub(super) fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.u8(), self.u8()])
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from(self.u16()) << 16 | u32::from(self.u16())
    }

    pub(super) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A length: short, around multiples of 256, a power of two, or close to the greatest.
    pub(super) fn length(&mut self) -> u32 {
        let byte = self.u8();
        let low = u32::from(byte & 0x3f);
        match byte >> 6 {
            0 => low,
            1 => low
                .wrapping_shl(8)
                .wrapping_add(u32::from(self.u8() & 3))
                .wrapping_sub(1),
            2 => 1_u32.wrapping_shl(low),
            _ => u32::MAX - low,
        }
    }
}

fn emitted(len: usize, emit: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut buffer = vec![0; len];
    emit(&mut buffer);
    buffer
}

/// A message of SMB Direct, or what an RDMA Send may hold besides.
pub(super) fn send(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let kind = bytes.u8();
    let mut message = match kind % 8 {
        0 => emitted(smbd::NegotiateRequest::LEN, |b| {
            let request = smbd::NegotiateRequest {
                min_version: smbd::VERSION,
                max_version: smbd::VERSION,
                credits_requested: 255,
                preferred_send_size: 1364,
                max_receive_size: 8192,
                max_fragmented_size: 1 << 20,
            };
            request.emit(b);
        }),
        1 => emitted(smbd::NegotiateResponse::LEN, |b| {
            let response = smbd::NegotiateResponse {
                min_version: smbd::VERSION,
                max_version: smbd::VERSION,
                negotiated_version: smbd::VERSION,
                credits_requested: 255,
                credits_granted: 32,
                status: u32::from(kind >> 7),
                max_read_write_size: 1 << 23,
                preferred_send_size: 1364,
                max_receive_size: 8192,
                max_fragmented_size: 1 << 20,
            };
            response.emit(b);
        }),
        2..=4 => transfer(kind % 8 == 2, bytes),
        5 => smb(bytes),
        _ => bytes.take(usize::from(kind >> 3)).to_vec(),
    };
    spoil(&mut message, kind, bytes);
    message
}

fn transfer(plain: bool, bytes: &mut Bytes<'_>) -> Vec<u8> {
    let data = if plain { smb(bytes) } else { Vec::new() };
    let mut message = emitted(24, |b| {
        let transfer = smbd::DataTransfer {
            credits_requested: 255,
            credits_granted: u16::from(bytes.u8()),
            flags: u16::from(bytes.u8() & 1),
            remaining_len: bytes.length(),
            data_offset: if data.is_empty() { 0 } else { 24 },
            data_len: data.len() as u32,
        };
        transfer.emit(b);
    });
    message.extend(data);
    message
}

/// Overwrites one byte, sometimes.
fn spoil(message: &mut [u8], kind: u8, bytes: &mut Bytes<'_>) {
    if kind & 0x40 == 0 || message.is_empty() {
        return;
    }
    let at = usize::from(bytes.u8()) % message.len();
    message[at] = bytes.u8();
}

/// An SMB2 message without framing.
fn smb(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let kind = bytes.u8();
    let response = kind & 1 != 0;
    let (command, body) = body(kind >> 1 & 7, response, bytes);
    let header = smb2::Header {
        status: if response { status(bytes.u8()) } else { 0 },
        command,
        flags: u32::from(response) | u32::from(kind >> 4 & 2),
        next_command: if kind & 0x40 != 0 { bytes.length() } else { 0 },
        message_id: u64::from(bytes.u8()),
        session_id: u64::from(bytes.u8() & 3),
        ..smb2::Header::default()
    };
    let mut message = emitted(smb2::HEADER_LEN, |b| header.emit(b));
    message.extend(body);
    if kind & 0x80 != 0 {
        spoil(&mut message, 0x40, bytes);
    }
    message
}

fn status(byte: u8) -> u32 {
    match byte % 4 {
        0 => smb2::STATUS_SUCCESS,
        1 => smb2::STATUS_MORE_PROCESSING_REQUIRED,
        2 => smb2::STATUS_PENDING,
        _ => 0xc000_0022,
    }
}

fn body(kind: u8, response: bool, bytes: &mut Bytes<'_>) -> (Command, Vec<u8>) {
    match (kind, response) {
        (0, false) => {
            let request = smb2::NegotiateRequest {
                capabilities: 0x7f,
                dialects: vec![0x0302, 0x0311],
                ..smb2::NegotiateRequest::default()
            };
            let body = emitted(request.buffer_len(), |b| request.emit(b));
            (Command::NEGOTIATE, body)
        }
        (0, true) => {
            let response = smb2::NegotiateResponse {
                dialect: 0x0302,
                capabilities: u32::from(bytes.u8()),
                ..smb2::NegotiateResponse::default()
            };
            let body = emitted(smb2::NegotiateResponse::LEN, |b| response.emit(b));
            (Command::NEGOTIATE, body)
        }
        (1 | 2, false) => {
            let request = smb2::SessionSetupRequest {
                flags: kind - 1,
                ..smb2::SessionSetupRequest::default()
            };
            let body = emitted(smb2::SessionSetupRequest::LEN, |b| request.emit(b));
            (Command::SESSION_SETUP, body)
        }
        (1 | 2, true) => {
            let response = smb2::SessionSetupResponse {
                session_flags: u16::from(bytes.u8() & 4),
                security_len: 0,
            };
            let body = emitted(smb2::SessionSetupResponse::LEN, |b| response.emit(b));
            (Command::SESSION_SETUP, body)
        }
        (3 | 4, _) => (Command::IOCTL, ioctl(response, bytes)),
        (5, _) => (Command::LOGOFF, vec![4, 0, 0, 0]),
        _ => (Command(u16::from(bytes.u8() & 31)), bytes.take(16).to_vec()),
    }
}

fn ioctl(response: bool, bytes: &mut Bytes<'_>) -> Vec<u8> {
    let count = if response {
        usize::from(bytes.u8() & 7)
    } else {
        0
    };
    let mut ioctl = smb2::Ioctl {
        response,
        code: smb2::FSCTL_QUERY_NETWORK_INTERFACE_INFO,
        max_output: 1 << 16,
        ..smb2::Ioctl::default()
    };
    let at = (smb2::HEADER_LEN + ioctl.buffer_len()) as u32;
    ioctl.output = (at, (count * smb2::INTERFACE_INFO_LEN) as u32);
    let mut body = emitted(ioctl.buffer_len(), |b| ioctl.emit(b));
    for i in 0..count {
        let flags = bytes.u8();
        let info = InterfaceInfo {
            if_index: u32::from(flags >> 4),
            rss: flags & 1 != 0,
            rdma: flags & 2 != 0,
            link_speed: u64::from(bytes.length()),
            address: Some([10, 0, 0, flags >> 6 | 1].into()),
        };
        let entry = emitted(smb2::INTERFACE_INFO_LEN, |b| info.emit(i + 1 == count, b));
        body.extend(entry);
    }
    body
}

/// What a TCP stream may hold next; `framer` counts its octets if it is iWARP.
pub(super) fn stream(framer: &mut mpa::Framer, bytes: &mut Bytes<'_>) -> Vec<u8> {
    let kind = bytes.u8();
    let mut octets = match kind % 8 {
        0 => startup(kind, bytes),
        1..=3 => {
            let mut octets = Vec::new();
            framer.emit(&segment(kind, bytes), &mut octets);
            octets
        }
        4..=6 => {
            let message = smb(bytes);
            let mut octets = emitted(smb2::Framing::LEN, |b| {
                let len = message.len() as u32 + u32::from(bytes.u8() & 4);
                smb2::Framing { kind: 0, len }.emit(b);
            });
            octets.extend(message);
            octets
        }
        _ => bytes.take(usize::from(kind >> 3)).to_vec(),
    };
    spoil(&mut octets, kind, bytes);
    octets
}

fn startup(kind: u8, bytes: &mut Bytes<'_>) -> Vec<u8> {
    let flags = bytes.u8();
    let startup = mpa::Startup {
        reply: kind & 8 != 0,
        markers: flags & 1 != 0,
        crc: flags & 2 != 0,
        reject: flags & 4 != 0,
        enhanced: flags & 8 != 0,
        reserved: 0,
        revision: 1 + (flags >> 7),
        private_data: bytes.take(usize::from(flags >> 4)),
    };
    emitted(startup.buffer_len(), |b| startup.emit(b))
}

fn segment(kind: u8, bytes: &mut Bytes<'_>) -> Vec<u8> {
    let control = bytes.u8();
    let ulp = rdmap::VERSION << 6 | control & 0xf;
    let kind = if kind & 8 != 0 {
        ddp::Kind::Tagged {
            ulp,
            stag: u32::from(bytes.u8()),
            offset: u64::from(bytes.length()),
        }
    } else {
        ddp::Kind::Untagged {
            ulp: [ulp, 0, 0, 0, 1],
            queue: u32::from(control >> 4 & 3),
            msn: u32::from(bytes.u8()),
            offset: bytes.length(),
        }
    };
    let header = ddp::Repr {
        last: control & 0x80 == 0,
        reserved: 0,
        version: ddp::VERSION,
        kind,
    };
    let mut segment = emitted(header.buffer_len(), |b| header.emit(b));
    segment.extend(send(bytes));
    segment
}
