//! SMB2 and SMB3 (MS-SMB2), as much as shows sessions, channels and interfaces.
//!
//! Everything here is little-endian, but for the length in front of a message over TCP.

use super::{Result, WireError, take};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const LAYER: &str = "SMB2";

/// TCP port of SMB over TCP, and of SMB over NetBIOS.
pub const PORT: u16 = 445;
pub const NETBIOS_PORT: u16 = 139;

/// Octets of a message header (MS-SMB2 2.2.1).
pub const HEADER_LEN: usize = 64;

/// Flags of a header (2.2.1).
pub const FLAG_RESPONSE: u32 = 1;
pub const FLAG_ASYNC: u32 = 2;
pub const FLAG_RELATED: u32 = 4;
pub const FLAG_SIGNED: u32 = 8;

/// Capabilities in NEGOTIATE (2.2.3).
pub const CAP_MULTI_CHANNEL: u32 = 8;
pub const CAP_ENCRYPTION: u32 = 0x40;

/// SESSION_SETUP request: this binds a connection to a session (2.2.5).
pub const SESSION_BINDING: u8 = 1;
/// SESSION_SETUP response: messages of this session are encrypted (2.2.6).
pub const SESSION_ENCRYPT_DATA: u16 = 4;

/// IOCTL code that asks for the server's interfaces (2.2.31).
pub const FSCTL_QUERY_NETWORK_INTERFACE_INFO: u32 = 0x0014_01fc;

pub const STATUS_SUCCESS: u32 = 0;
pub const STATUS_MORE_PROCESSING_REQUIRED: u32 = 0xc000_0016;
pub const STATUS_PENDING: u32 = 0x103;

pub(super) fn le16(d: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([d[at], d[at + 1]])
}

pub(super) fn le32(d: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([d[at], d[at + 1], d[at + 2], d[at + 3]])
}

pub(super) fn le64(d: &[u8], at: usize) -> u64 {
    u64::from(le32(d, at)) | u64::from(le32(d, at + 4)) << 32
}

fn guid(d: &[u8], at: usize) -> [u8; 16] {
    let mut guid = [0; 16];
    guid.copy_from_slice(&d[at..at + 16]);
    guid
}

pub(super) fn put<const N: usize>(buffer: &mut [u8], at: usize, octets: [u8; N]) {
    buffer[at..at + N].copy_from_slice(&octets);
}

/// An error unless the structure size of a body is what its command calls for.
fn structure_size(d: &[u8], size: u16, expected: &'static str) -> Result<()> {
    match le16(d, 0) {
        found if found == size => Ok(()),
        found => Err(WireError {
            layer: LAYER,
            field: "StructureSize",
            offset: 0,
            expected,
            found: u64::from(found),
        }),
    }
}

/// What stands in front of a message over TCP (2.1; RFC 1002 4.3.1 over NetBIOS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// 0: a message; others are session services of NetBIOS.
    pub kind: u8,
    /// Bytes that follow, 24 bits.
    pub len: u32,
}

impl Framing {
    pub const LEN: usize = 4;

    /// # Errors
    /// If there are fewer than four octets.
    pub fn parse(data: &[u8]) -> Result<(Framing, usize)> {
        let [kind, a, b, c] = take::<4>(data, LAYER, "4 octets of framing")?;
        Ok((
            Framing {
                kind,
                len: u32::from_be_bytes([0, a, b, c]),
            },
            Self::LEN,
        ))
    }

    pub fn emit(&self, buffer: &mut [u8]) {
        put(buffer, 0, self.len.to_be_bytes());
        buffer[0] = self.kind;
    }
}

/// What kind of message a protocol identifier announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// SMB 1: multi-protocol negotiation starts with it.
    Smb1,
    Smb2,
    /// Encrypted (2.2.41).
    Transform,
    /// Compressed (2.2.42).
    Compressed,
}

impl Protocol {
    /// From the first four octets of a message.
    pub fn of(data: &[u8]) -> Option<Protocol> {
        match *data.first_chunk::<4>()? {
            [0xff, b'S', b'M', b'B'] => Some(Protocol::Smb1),
            [0xfe, b'S', b'M', b'B'] => Some(Protocol::Smb2),
            [0xfd, b'S', b'M', b'B'] => Some(Protocol::Transform),
            [0xfc, b'S', b'M', b'B'] => Some(Protocol::Compressed),
            _ => None,
        }
    }
}

/// Commands that concern sessions and transports (2.2.1); the others stay numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Command(pub u16);

impl Command {
    pub const NEGOTIATE: Command = Command(0);
    pub const SESSION_SETUP: Command = Command(1);
    pub const LOGOFF: Command = Command(2);
    pub const TREE_CONNECT: Command = Command(3);
    pub const READ: Command = Command(8);
    pub const WRITE: Command = Command(9);
    pub const IOCTL: Command = Command(11);
}

/// A message header, synchronous or asynchronous (2.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub credit_charge: u16,
    /// Of a response; a request of a 3.x dialect has its channel sequence here.
    pub status: u32,
    pub command: Command,
    /// Credits asked for or granted.
    pub credits: u16,
    pub flags: u32,
    /// Bytes from this header to the next of a compound, 0: last.
    pub next_command: u32,
    pub message_id: u64,
    /// Asynchronous ID if [`FLAG_ASYNC`] is set, else process and tree, the tree high.
    pub async_or_tree: u64,
    pub session_id: u64,
    pub signature: [u8; 16],
}

impl Header {
    /// # Errors
    /// If it is cut short, or neither identifier nor size are those of SMB2.
    pub fn parse(data: &[u8]) -> Result<(Header, usize)> {
        let d = take::<HEADER_LEN>(data, LAYER, "64 octets of a header")?;
        if Protocol::of(&d) != Some(Protocol::Smb2) {
            return Err(WireError {
                layer: LAYER,
                field: "ProtocolId",
                offset: 0,
                expected: "0xfe 'S' 'M' 'B'",
                found: u64::from(u32::from_be_bytes([d[0], d[1], d[2], d[3]])),
            });
        }
        structure_size(&d[4..], 64, "64")?;
        let header = Header {
            credit_charge: le16(&d, 6),
            status: le32(&d, 8),
            command: Command(le16(&d, 12)),
            credits: le16(&d, 14),
            flags: le32(&d, 16),
            next_command: le32(&d, 20),
            message_id: le64(&d, 24),
            async_or_tree: le64(&d, 32),
            session_id: le64(&d, 40),
            signature: guid(&d, 48),
        };
        Ok((header, HEADER_LEN))
    }

    pub fn emit(&self, buffer: &mut [u8]) {
        put(buffer, 0, [0xfe, b'S', b'M', b'B', 64, 0]);
        put(buffer, 6, self.credit_charge.to_le_bytes());
        put(buffer, 8, self.status.to_le_bytes());
        put(buffer, 12, self.command.0.to_le_bytes());
        put(buffer, 14, self.credits.to_le_bytes());
        put(buffer, 16, self.flags.to_le_bytes());
        put(buffer, 20, self.next_command.to_le_bytes());
        put(buffer, 24, self.message_id.to_le_bytes());
        put(buffer, 32, self.async_or_tree.to_le_bytes());
        put(buffer, 40, self.session_id.to_le_bytes());
        put(buffer, 48, self.signature);
    }

    pub fn is_response(&self) -> bool {
        self.flags & FLAG_RESPONSE != 0
    }
}

/// Transform header of an encrypted message (2.2.41).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transform {
    pub signature: [u8; 16],
    pub nonce: [u8; 16],
    /// Bytes of the message inside.
    pub original_size: u32,
    pub reserved: u16,
    pub flags: u16,
    pub session_id: u64,
}

impl Transform {
    pub const LEN: usize = 52;

    /// # Errors
    /// If it is cut short or the identifier is not 0xfd.
    pub fn parse(data: &[u8]) -> Result<(Transform, usize)> {
        let d = take::<52>(data, LAYER, "52 octets of a transform header")?;
        if Protocol::of(&d) != Some(Protocol::Transform) {
            return Err(WireError {
                layer: LAYER,
                field: "ProtocolId",
                offset: 0,
                expected: "0xfd 'S' 'M' 'B'",
                found: u64::from(u32::from_be_bytes([d[0], d[1], d[2], d[3]])),
            });
        }
        let transform = Transform {
            signature: guid(&d, 4),
            nonce: guid(&d, 20),
            original_size: le32(&d, 36),
            reserved: le16(&d, 40),
            flags: le16(&d, 42),
            session_id: le64(&d, 44),
        };
        Ok((transform, Self::LEN))
    }

    pub fn emit(&self, buffer: &mut [u8]) {
        put(buffer, 0, [0xfd, b'S', b'M', b'B']);
        put(buffer, 4, self.signature);
        put(buffer, 20, self.nonce);
        put(buffer, 36, self.original_size.to_le_bytes());
        put(buffer, 40, self.reserved.to_le_bytes());
        put(buffer, 42, self.flags.to_le_bytes());
        put(buffer, 44, self.session_id.to_le_bytes());
    }
}

/// NEGOTIATE request (2.2.3), without contexts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NegotiateRequest {
    pub security_mode: u16,
    pub capabilities: u32,
    pub client_guid: [u8; 16],
    /// Such as 0x0302.
    pub dialects: Vec<u16>,
}

impl NegotiateRequest {
    /// # Errors
    /// If it is cut short or its structure size is not 36.
    pub fn parse(data: &[u8]) -> Result<(NegotiateRequest, usize)> {
        let d = take::<36>(data, LAYER, "36 octets of a NEGOTIATE request")?;
        structure_size(&d, 36, "36")?;
        let end = 36 + 2 * usize::from(le16(&d, 2));
        let Some(dialects) = data.get(36..end) else {
            return Err(WireError {
                layer: LAYER,
                field: "DialectCount",
                offset: 2,
                expected: "as many dialects as there are octets for",
                found: u64::from(le16(&d, 2)),
            });
        };
        let request = NegotiateRequest {
            security_mode: le16(&d, 4),
            capabilities: le32(&d, 8),
            client_guid: guid(&d, 12),
            dialects: dialects.chunks_exact(2).map(|c| le16(c, 0)).collect(),
        };
        Ok((request, end))
    }

    pub fn buffer_len(&self) -> usize {
        36 + 2 * self.dialects.len()
    }

    pub fn emit(&self, buffer: &mut [u8]) {
        buffer[..36].fill(0);
        put(buffer, 0, 36u16.to_le_bytes());
        put(buffer, 2, (self.dialects.len() as u16).to_le_bytes());
        put(buffer, 4, self.security_mode.to_le_bytes());
        put(buffer, 8, self.capabilities.to_le_bytes());
        put(buffer, 12, self.client_guid);
        for (i, dialect) in self.dialects.iter().enumerate() {
            put(buffer, 36 + 2 * i, dialect.to_le_bytes());
        }
    }
}

/// NEGOTIATE response (2.2.4), without security buffer and contexts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NegotiateResponse {
    pub security_mode: u16,
    pub dialect: u16,
    pub server_guid: [u8; 16],
    pub capabilities: u32,
    /// Bytes.
    pub max_transact: u32,
    pub max_read: u32,
    pub max_write: u32,
}

impl NegotiateResponse {
    pub const LEN: usize = 64;

    /// # Errors
    /// If it is cut short or its structure size is not 65.
    pub fn parse(data: &[u8]) -> Result<(NegotiateResponse, usize)> {
        let d = take::<64>(data, LAYER, "64 octets of a NEGOTIATE response")?;
        structure_size(&d, 65, "65")?;
        let response = NegotiateResponse {
            security_mode: le16(&d, 2),
            dialect: le16(&d, 4),
            server_guid: guid(&d, 8),
            capabilities: le32(&d, 24),
            max_transact: le32(&d, 28),
            max_read: le32(&d, 32),
            max_write: le32(&d, 36),
        };
        Ok((response, Self::LEN))
    }

    pub fn emit(&self, buffer: &mut [u8]) {
        buffer[..Self::LEN].fill(0);
        put(buffer, 0, 65u16.to_le_bytes());
        put(buffer, 2, self.security_mode.to_le_bytes());
        put(buffer, 4, self.dialect.to_le_bytes());
        put(buffer, 8, self.server_guid);
        put(buffer, 24, self.capabilities.to_le_bytes());
        put(buffer, 28, self.max_transact.to_le_bytes());
        put(buffer, 32, self.max_read.to_le_bytes());
        put(buffer, 36, self.max_write.to_le_bytes());
        put(buffer, 56, (HEADER_LEN as u16 + 64).to_le_bytes());
    }
}

/// SESSION_SETUP request (2.2.5), without the security buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionSetupRequest {
    /// [`SESSION_BINDING`].
    pub flags: u8,
    pub security_mode: u8,
    pub capabilities: u32,
    /// Bytes of the security buffer.
    pub security_len: u16,
    pub previous_session_id: u64,
}

impl SessionSetupRequest {
    pub const LEN: usize = 24;

    /// # Errors
    /// If it is cut short or its structure size is not 25.
    pub fn parse(data: &[u8]) -> Result<(SessionSetupRequest, usize)> {
        let d = take::<24>(data, LAYER, "24 octets of a SESSION_SETUP request")?;
        structure_size(&d, 25, "25")?;
        let request = SessionSetupRequest {
            flags: d[2],
            security_mode: d[3],
            capabilities: le32(&d, 4),
            security_len: le16(&d, 14),
            previous_session_id: le64(&d, 16),
        };
        Ok((request, Self::LEN))
    }

    pub fn emit(&self, buffer: &mut [u8]) {
        buffer[..Self::LEN].fill(0);
        put(buffer, 0, 25u16.to_le_bytes());
        buffer[2] = self.flags;
        buffer[3] = self.security_mode;
        put(buffer, 4, self.capabilities.to_le_bytes());
        put(buffer, 12, ((HEADER_LEN + Self::LEN) as u16).to_le_bytes());
        put(buffer, 14, self.security_len.to_le_bytes());
        put(buffer, 16, self.previous_session_id.to_le_bytes());
    }
}

/// SESSION_SETUP response (2.2.6), without the security buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionSetupResponse {
    pub session_flags: u16,
    /// Bytes of the security buffer.
    pub security_len: u16,
}

impl SessionSetupResponse {
    pub const LEN: usize = 8;

    /// # Errors
    /// If it is cut short or its structure size is not 9.
    pub fn parse(data: &[u8]) -> Result<(SessionSetupResponse, usize)> {
        let d = take::<8>(data, LAYER, "8 octets of a SESSION_SETUP response")?;
        structure_size(&d, 9, "9")?;
        let response = SessionSetupResponse {
            session_flags: le16(&d, 2),
            security_len: le16(&d, 6),
        };
        Ok((response, Self::LEN))
    }

    pub fn emit(&self, buffer: &mut [u8]) {
        put(buffer, 0, 9u16.to_le_bytes());
        put(buffer, 2, self.session_flags.to_le_bytes());
        put(buffer, 4, ((HEADER_LEN + Self::LEN) as u16).to_le_bytes());
        put(buffer, 6, self.security_len.to_le_bytes());
    }
}

/// IOCTL request or response (2.2.31, 2.2.32), without its buffers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ioctl {
    pub response: bool,
    pub code: u32,
    pub file_id: [u8; 16],
    /// From the start of the SMB2 header, and bytes.
    pub input: (u32, u32),
    pub output: (u32, u32),
    /// Of a request: bytes that the client takes.
    pub max_output: u32,
    pub flags: u32,
}

impl Ioctl {
    /// # Errors
    /// If it is cut short or its structure size is not that of a request or response.
    pub fn parse(data: &[u8], response: bool) -> Result<(Ioctl, usize)> {
        let mut ioctl = Ioctl {
            response,
            ..Ioctl::default()
        };
        if response {
            let d = take::<48>(data, LAYER, "48 octets of an IOCTL response")?;
            structure_size(&d, 49, "49")?;
            ioctl.output = (le32(&d, 32), le32(&d, 36));
            ioctl.flags = le32(&d, 40);
        } else {
            let d = take::<56>(data, LAYER, "56 octets of an IOCTL request")?;
            structure_size(&d, 57, "57")?;
            ioctl.output = (le32(&d, 36), le32(&d, 40));
            ioctl.max_output = le32(&d, 44);
            ioctl.flags = le32(&d, 48);
        }
        ioctl.code = le32(data, 4);
        ioctl.file_id = guid(data, 8);
        ioctl.input = (le32(data, 24), le32(data, 28));
        Ok((ioctl, ioctl.buffer_len()))
    }

    pub fn buffer_len(&self) -> usize {
        if self.response { 48 } else { 56 }
    }

    pub fn emit(&self, buffer: &mut [u8]) {
        let len = self.buffer_len();
        buffer[..len].fill(0);
        put(buffer, 0, (len as u16 + 1).to_le_bytes());
        put(buffer, 4, self.code.to_le_bytes());
        put(buffer, 8, self.file_id);
        put(buffer, 24, self.input.0.to_le_bytes());
        put(buffer, 28, self.input.1.to_le_bytes());
        let output = if self.response { 32 } else { 36 };
        put(buffer, output, self.output.0.to_le_bytes());
        put(buffer, output + 4, self.output.1.to_le_bytes());
        if !self.response {
            put(buffer, 44, self.max_output.to_le_bytes());
        }
        put(
            buffer,
            output + if self.response { 8 } else { 12 },
            self.flags.to_le_bytes(),
        );
    }
}

/// NETWORK_INTERFACE_INFO (2.2.32.5): one address of one interface of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceInfo {
    pub if_index: u32,
    pub rss: bool,
    pub rdma: bool,
    /// Bit/s.
    pub link_speed: u64,
    /// `None`: of a family that is neither IPv4 nor IPv6.
    pub address: Option<IpAddr>,
}

/// Octets of one entry.
pub const INTERFACE_INFO_LEN: usize = 152;
/// Most entries that are read: more than any server has.
pub const INTERFACES_MAX: usize = 1024;

const RSS_CAPABLE: u32 = 1;
const RDMA_CAPABLE: u32 = 2;
const FAMILY_INET: u16 = 2;
const FAMILY_INET6: u16 = 23;

impl InterfaceInfo {
    /// One entry, and the distance to the next, 0: last.
    ///
    /// # Errors
    /// If it is cut short.
    pub fn parse(data: &[u8]) -> Result<(InterfaceInfo, usize)> {
        let d = take::<INTERFACE_INFO_LEN>(data, LAYER, "152 octets of an interface")?;
        let address = match le16(&d, 24) {
            FAMILY_INET => Some(IpAddr::V4(Ipv4Addr::new(d[28], d[29], d[30], d[31]))),
            FAMILY_INET6 => Some(IpAddr::V6(Ipv6Addr::from(guid(&d, 32)))),
            _ => None,
        };
        let info = InterfaceInfo {
            if_index: le32(&d, 4),
            rss: le32(&d, 8) & RSS_CAPABLE != 0,
            rdma: le32(&d, 8) & RDMA_CAPABLE != 0,
            link_speed: le64(&d, 16),
            address,
        };
        Ok((info, le32(&d, 0) as usize))
    }

    /// The chain of entries in the output buffer of the IOCTL.
    ///
    /// # Errors
    /// If an entry is cut short, or a distance is shorter than an entry.
    pub fn parse_list(data: &[u8]) -> Result<Vec<InterfaceInfo>> {
        let (mut list, mut at) = (Vec::new(), 0);
        while list.len() < INTERFACES_MAX {
            let (info, next) = InterfaceInfo::parse(data.get(at..).unwrap_or(&[]))?;
            list.push(info);
            match next {
                0 => break,
                INTERFACE_INFO_LEN.. => at = at.saturating_add(next),
                _ => {
                    return Err(WireError {
                        layer: LAYER,
                        field: "Next",
                        offset: at,
                        expected: "0 or at least 152",
                        found: next as u64,
                    });
                }
            }
        }
        Ok(list)
    }

    pub fn emit(&self, last: bool, buffer: &mut [u8]) {
        buffer[..INTERFACE_INFO_LEN].fill(0);
        let next = if last { 0 } else { INTERFACE_INFO_LEN as u32 };
        let capability = u32::from(self.rss) | u32::from(self.rdma) << 1;
        put(buffer, 0, next.to_le_bytes());
        put(buffer, 4, self.if_index.to_le_bytes());
        put(buffer, 8, capability.to_le_bytes());
        put(buffer, 16, self.link_speed.to_le_bytes());
        match self.address {
            Some(IpAddr::V4(v4)) => {
                put(buffer, 24, FAMILY_INET.to_le_bytes());
                put(buffer, 28, v4.octets());
            }
            Some(IpAddr::V6(v6)) => {
                put(buffer, 24, FAMILY_INET6.to_le_bytes());
                put(buffer, 32, v6.octets());
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
