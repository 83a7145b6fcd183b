//! SMB Direct (MS-SMBD): negotiation, data transfer and buffer descriptors. Little-endian.
//!
//! What cannot be read is a [`WireError`](super::WireError); what can be read but breaks a rule of
//! the protocol is a [`Violation`], which says where the rule stands.

use super::smb2::{le16, le32, le64, put};
use super::{Result, take};

const LAYER: &str = "SMB Direct";

/// The only version there is.
pub const VERSION: u16 = 0x0100;
/// Least MaxReceiveSize and MaxFragmentedSize, bytes (3.1.5.6).
pub const RECEIVE_SIZE_MIN: u32 = 128;
pub const FRAGMENTED_SIZE_MIN: u32 = 131_072;
/// Flag of a data transfer: answer at once, to show that you live (2.2.3).
pub const RESPONSE_REQUESTED: u16 = 1;

/// A rule that a message breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Section of MS-SMBD.
    pub section: &'static str,
    pub field: &'static str,
    /// What the rule asks for.
    pub rule: &'static str,
    pub found: u64,
}

fn check(
    broken: bool,
    section: &'static str,
    field: &'static str,
    rule: &'static str,
    found: u64,
) -> Option<Violation> {
    broken.then_some(Violation {
        section,
        field,
        rule,
        found,
    })
}

/// Negotiate request (2.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NegotiateRequest {
    pub min_version: u16,
    pub max_version: u16,
    pub credits_requested: u16,
    /// Bytes.
    pub preferred_send_size: u32,
    pub max_receive_size: u32,
    pub max_fragmented_size: u32,
}

impl NegotiateRequest {
    pub const LEN: usize = 20;

    /// # Errors
    /// If it is cut short.
    pub fn parse(data: &[u8]) -> Result<(NegotiateRequest, usize)> {
        let d = take::<20>(data, LAYER, "20 octets of a negotiate request")?;
        let request = NegotiateRequest {
            min_version: le16(&d, 0),
            max_version: le16(&d, 2),
            credits_requested: le16(&d, 6),
            preferred_send_size: le32(&d, 8),
            max_receive_size: le32(&d, 12),
            max_fragmented_size: le32(&d, 16),
        };
        Ok((request, Self::LEN))
    }

    pub fn emit(&self, buffer: &mut [u8]) {
        put(buffer, 0, self.min_version.to_le_bytes());
        put(buffer, 2, self.max_version.to_le_bytes());
        put(buffer, 4, [0; 2]);
        put(buffer, 6, self.credits_requested.to_le_bytes());
        put(buffer, 8, self.preferred_send_size.to_le_bytes());
        put(buffer, 12, self.max_receive_size.to_le_bytes());
        put(buffer, 16, self.max_fragmented_size.to_le_bytes());
    }

    /// What a server must not accept (3.1.5.6).
    pub fn violations(&self) -> Vec<Violation> {
        let versions = u64::from(self.min_version) << 16 | u64::from(self.max_version);
        let range = self.min_version > VERSION || self.max_version < VERSION;
        [
            check(
                range,
                "3.1.5.6",
                "MinVersion, MaxVersion",
                "a range with 0x0100",
                versions,
            ),
            credits("3.1.5.6", "CreditsRequested", self.credits_requested),
            receive_size("3.1.5.6", self.max_receive_size),
            fragmented_size("3.1.5.6", self.max_fragmented_size),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn credits(section: &'static str, field: &'static str, found: u16) -> Option<Violation> {
    check(found == 0, section, field, "more than 0", u64::from(found))
}

fn receive_size(section: &'static str, found: u32) -> Option<Violation> {
    let low = found < RECEIVE_SIZE_MIN;
    check(
        low,
        section,
        "MaxReceiveSize",
        "at least 128",
        u64::from(found),
    )
}

fn fragmented_size(section: &'static str, found: u32) -> Option<Violation> {
    let low = found < FRAGMENTED_SIZE_MIN;
    check(
        low,
        section,
        "MaxFragmentedSize",
        "at least 131,072",
        u64::from(found),
    )
}

/// Negotiate response (2.2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NegotiateResponse {
    pub min_version: u16,
    pub max_version: u16,
    pub negotiated_version: u16,
    pub credits_requested: u16,
    pub credits_granted: u16,
    pub status: u32,
    /// Bytes.
    pub max_read_write_size: u32,
    pub preferred_send_size: u32,
    pub max_receive_size: u32,
    pub max_fragmented_size: u32,
}

impl NegotiateResponse {
    pub const LEN: usize = 32;

    /// # Errors
    /// If it is cut short.
    pub fn parse(data: &[u8]) -> Result<(NegotiateResponse, usize)> {
        let d = take::<32>(data, LAYER, "32 octets of a negotiate response")?;
        let response = NegotiateResponse {
            min_version: le16(&d, 0),
            max_version: le16(&d, 2),
            negotiated_version: le16(&d, 4),
            credits_requested: le16(&d, 8),
            credits_granted: le16(&d, 10),
            status: le32(&d, 12),
            max_read_write_size: le32(&d, 16),
            preferred_send_size: le32(&d, 20),
            max_receive_size: le32(&d, 24),
            max_fragmented_size: le32(&d, 28),
        };
        Ok((response, Self::LEN))
    }

    pub fn emit(&self, buffer: &mut [u8]) {
        put(buffer, 0, self.min_version.to_le_bytes());
        put(buffer, 2, self.max_version.to_le_bytes());
        put(buffer, 4, self.negotiated_version.to_le_bytes());
        put(buffer, 6, [0; 2]);
        put(buffer, 8, self.credits_requested.to_le_bytes());
        put(buffer, 10, self.credits_granted.to_le_bytes());
        put(buffer, 12, self.status.to_le_bytes());
        put(buffer, 16, self.max_read_write_size.to_le_bytes());
        put(buffer, 20, self.preferred_send_size.to_le_bytes());
        put(buffer, 24, self.max_receive_size.to_le_bytes());
        put(buffer, 28, self.max_fragmented_size.to_le_bytes());
    }

    /// What a client must not accept (3.1.5.7); a refusal has only its status.
    pub fn violations(&self) -> Vec<Violation> {
        if self.status != 0 {
            return Vec::new();
        }
        let version = u64::from(self.negotiated_version);
        let send = u64::from(self.preferred_send_size);
        let too_long = self.preferred_send_size > self.max_receive_size;
        [
            check(
                version != 0x100,
                "3.1.5.7",
                "NegotiatedVersion",
                "0x0100",
                version,
            ),
            credits("3.1.5.7", "CreditsRequested", self.credits_requested),
            credits("3.1.5.7", "CreditsGranted", self.credits_granted),
            receive_size("3.1.5.7", self.max_receive_size),
            fragmented_size("3.1.5.7", self.max_fragmented_size),
            check(
                too_long,
                "3.1.5.7",
                "PreferredSendSize",
                "at most MaxReceiveSize",
                send,
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Header of a data transfer (2.2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataTransfer {
    /// How many credits the sender would like to have in all.
    pub credits_requested: u16,
    /// How many it gives with this message.
    pub credits_granted: u16,
    pub flags: u16,
    /// Bytes of the upper message in fragments that follow this one.
    pub remaining_len: u32,
    /// Bytes from the start of the message, 0 if it has no data.
    pub data_offset: u32,
    pub data_len: u32,
}

impl DataTransfer {
    pub const LEN: usize = 20;

    /// # Errors
    /// If it is cut short.
    pub fn parse(data: &[u8]) -> Result<(DataTransfer, usize)> {
        let d = take::<20>(data, LAYER, "20 octets of a data transfer")?;
        let transfer = DataTransfer {
            credits_requested: le16(&d, 0),
            credits_granted: le16(&d, 2),
            flags: le16(&d, 4),
            remaining_len: le32(&d, 8),
            data_offset: le32(&d, 12),
            data_len: le32(&d, 16),
        };
        Ok((transfer, Self::LEN))
    }

    pub fn emit(&self, buffer: &mut [u8]) {
        put(buffer, 0, self.credits_requested.to_le_bytes());
        put(buffer, 2, self.credits_granted.to_le_bytes());
        put(buffer, 4, self.flags.to_le_bytes());
        put(buffer, 6, [0; 2]);
        put(buffer, 8, self.remaining_len.to_le_bytes());
        put(buffer, 12, self.data_offset.to_le_bytes());
        put(buffer, 16, self.data_len.to_le_bytes());
    }

    /// What a receiver must not accept (3.1.5.8).
    ///
    /// `message_len`: bytes of the whole message; `max_fragmented`: what the receiver announced.
    pub fn violations(&self, message_len: u64, max_fragmented: Option<u32>) -> Vec<Violation> {
        let end = u64::from(self.data_offset) + u64::from(self.data_len);
        let whole = u64::from(self.data_len) + u64::from(self.remaining_len);
        let offset = u64::from(self.data_offset);
        let fragmented = max_fragmented.is_some_and(|max| whole > u64::from(max));
        let aligned = "a multiple of 8";
        let inside = "data inside the message";
        let sum = "together at most the receiver's MaxFragmentedSize";
        [
            credits("3.1.5.8", "CreditsRequested", self.credits_requested),
            check(
                !offset.is_multiple_of(8),
                "3.1.5.8",
                "DataOffset",
                aligned,
                offset,
            ),
            check(
                end > message_len,
                "3.1.5.8",
                "DataOffset, DataLength",
                inside,
                end,
            ),
            check(
                fragmented,
                "3.1.5.8",
                "DataLength, RemainingDataLength",
                sum,
                whole,
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Where the other side may read or write by RDMA (2.2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BufferDescriptor {
    pub offset: u64,
    pub token: u32,
    /// Bytes.
    pub len: u32,
}

impl BufferDescriptor {
    pub const LEN: usize = 16;

    /// # Errors
    /// If it is cut short.
    pub fn parse(data: &[u8]) -> Result<(BufferDescriptor, usize)> {
        let d = take::<16>(data, LAYER, "16 octets of a buffer descriptor")?;
        let descriptor = BufferDescriptor {
            offset: le64(&d, 0),
            token: le32(&d, 8),
            len: le32(&d, 12),
        };
        Ok((descriptor, Self::LEN))
    }

    pub fn emit(&self, buffer: &mut [u8]) {
        put(buffer, 0, self.offset.to_le_bytes());
        put(buffer, 8, self.token.to_le_bytes());
        put(buffer, 12, self.len.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The figures of the worked example in MS-SMBD 4.1.
    const REQUEST: NegotiateRequest = NegotiateRequest {
        min_version: VERSION,
        max_version: VERSION,
        credits_requested: 10,
        preferred_send_size: 1024,
        max_receive_size: 1024,
        max_fragmented_size: 0x2_0000,
    };

    #[test]
    fn the_worked_example() {
        let mut bytes = [0xff; 20];
        REQUEST.emit(&mut bytes);
        let expected = [0, 1, 0, 1, 0, 0, 10, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 0, 2, 0];
        assert_eq!(bytes, expected);
        assert_eq!(REQUEST.violations(), []);
    }

    #[test]
    fn answers_and_data_octet_by_octet() {
        let response = NegotiateResponse {
            min_version: VERSION,
            max_version: VERSION,
            negotiated_version: VERSION,
            credits_requested: 10,
            credits_granted: 9,
            status: 0,
            max_read_write_size: 0x10_0000,
            preferred_send_size: 1364,
            max_receive_size: 1365,
            max_fragmented_size: 0x2_0000,
        };
        let mut bytes = [0xff; 32];
        response.emit(&mut bytes);
        let expected = [
            0, 1, 0, 1, 0, 1, 0, 0, 10, 0, 9, 0, 0, 0, 0, 0, //
            0, 0, 0x10, 0, 0x54, 5, 0, 0, 0x55, 5, 0, 0, 0, 0, 2, 0,
        ];
        assert_eq!(bytes, expected);
        assert_eq!(response.violations(), []);
        let transfer = DataTransfer {
            credits_requested: 10,
            credits_granted: 3,
            flags: RESPONSE_REQUESTED,
            remaining_len: 0x100,
            data_offset: 24,
            data_len: 64,
        };
        let mut bytes = [0xff; 20];
        transfer.emit(&mut bytes);
        let expected = [
            10, 0, 3, 0, 1, 0, 0, 0, 0, 1, 0, 0, 24, 0, 0, 0, 64, 0, 0, 0,
        ];
        assert_eq!(bytes, expected);
    }

    #[test]
    fn rules_hold_at_their_boundaries() {
        let fields = |r: NegotiateRequest| r.violations().iter().map(|v| v.field).collect();
        let low: Vec<_> = fields(NegotiateRequest {
            max_receive_size: 127,
            max_fragmented_size: 131_071,
            credits_requested: 0,
            max_version: 0xff,
            ..REQUEST
        });
        assert_eq!(
            low,
            [
                "MinVersion, MaxVersion",
                "CreditsRequested",
                "MaxReceiveSize",
                "MaxFragmentedSize"
            ]
        );
        let just: Vec<_> = fields(NegotiateRequest {
            max_receive_size: 128,
            ..REQUEST
        });
        assert!(just.is_empty());
    }

    #[test]
    fn a_refusal_breaks_no_rule() {
        let refused = NegotiateResponse {
            status: 0xc000_00bb,
            ..NegotiateResponse::default()
        };
        assert_eq!(refused.violations(), []);
        assert_eq!(NegotiateResponse::default().violations().len(), 5);
    }

    #[test]
    fn data_must_lie_in_the_message() {
        let transfer = DataTransfer {
            credits_requested: 1,
            data_offset: 24,
            data_len: 100,
            remaining_len: 131_000,
            ..DataTransfer::default()
        };
        assert_eq!(transfer.violations(124, Some(131_100)), []);
        assert_eq!(transfer.violations(123, None)[0].found, 124);
        assert_eq!(transfer.violations(124, Some(131_099))[0].found, 131_100);
        let odd = DataTransfer {
            data_offset: 20,
            ..transfer
        };
        assert_eq!(odd.violations(124, None)[0].field, "DataOffset");
    }

    proptest! {
        #[test]
        fn negotiation_round_trips(a: (u16, u16, u16, u16, u16), b: (u32, u32, u32, u32, u32)) {
            let request = NegotiateRequest {
                min_version: a.0,
                max_version: a.1,
                credits_requested: a.2,
                preferred_send_size: b.0,
                max_receive_size: b.1,
                max_fragmented_size: b.2,
            };
            let mut buffer = [0; 20];
            request.emit(&mut buffer);
            prop_assert_eq!(NegotiateRequest::parse(&buffer), Ok((request, 20)));
            request.violations();
            let response = NegotiateResponse {
                min_version: a.0,
                max_version: a.1,
                negotiated_version: a.2,
                credits_requested: a.3,
                credits_granted: a.4,
                status: b.0,
                max_read_write_size: b.1,
                preferred_send_size: b.2,
                max_receive_size: b.3,
                max_fragmented_size: b.4,
            };
            let mut buffer = [0; 32];
            response.emit(&mut buffer);
            prop_assert_eq!(NegotiateResponse::parse(&buffer), Ok((response, 32)));
            response.violations();
        }

        #[test]
        fn transfers_round_trip(a: (u16, u16, u16), b: (u32, u32, u32), c: (u64, u32, u32)) {
            let transfer = DataTransfer {
                credits_requested: a.0,
                credits_granted: a.1,
                flags: a.2,
                remaining_len: b.0,
                data_offset: b.1,
                data_len: b.2,
            };
            let mut buffer = [0; 20];
            transfer.emit(&mut buffer);
            prop_assert_eq!(DataTransfer::parse(&buffer), Ok((transfer, 20)));
            transfer.violations(c.0, Some(c.1));
            let descriptor = BufferDescriptor { offset: c.0, token: c.1, len: c.2 };
            let mut buffer = [0; 16];
            descriptor.emit(&mut buffer);
            prop_assert_eq!(BufferDescriptor::parse(&buffer), Ok((descriptor, 16)));
        }

        #[test]
        fn never_panics(data in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = NegotiateRequest::parse(&data);
            let _ = NegotiateResponse::parse(&data);
            let _ = DataTransfer::parse(&data);
            let _ = BufferDescriptor::parse(&data);
        }
    }
}
