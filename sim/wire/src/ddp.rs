//! DDP segments (RFC 5041): where the payload of an iWARP segment is to be placed.

use super::{Result, take};

/// The version that RFC 5041 defines.
pub const VERSION: u8 = 1;

/// Queue of an untagged segment (RFC 5040 4.3): Sends.
pub const QUEUE_SEND: u32 = 0;
/// RDMA Read Requests.
pub const QUEUE_READ_REQUEST: u32 = 1;
/// Terminate.
pub const QUEUE_TERMINATE: u32 = 2;

/// Where a segment goes, with the octets that belong to the layer above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Into a buffer that the receiver advertised.
    Tagged {
        ulp: u8,
        stag: u32,
        /// Tagged offset, bytes.
        offset: u64,
    },
    /// Into the next buffer of a queue.
    Untagged {
        ulp: [u8; 5],
        queue: u32,
        /// Message sequence number, from 1.
        msn: u32,
        /// Message offset, bytes.
        offset: u32,
    },
}

/// A DDP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// Last segment of its message.
    pub last: bool,
    /// Four reserved bits.
    pub reserved: u8,
    /// Two bits.
    pub version: u8,
    pub kind: Kind,
}

impl Repr {
    /// Reads a header; the rest of the segment is payload.
    ///
    /// # Errors
    /// If the segment is shorter than its header.
    pub fn parse(data: &[u8]) -> Result<(Repr, usize)> {
        let [control] = take::<1>(data, "DDP", "a control octet")?;
        let (kind, len) = if control & 0x80 != 0 {
            let d = take::<14>(data, "DDP", "14 octets of a tagged header")?;
            let stag = u32::from_be_bytes([d[2], d[3], d[4], d[5]]);
            let offset = u64::from_be_bytes([d[6], d[7], d[8], d[9], d[10], d[11], d[12], d[13]]);
            (
                Kind::Tagged {
                    ulp: d[1],
                    stag,
                    offset,
                },
                14,
            )
        } else {
            let d = take::<18>(data, "DDP", "18 octets of an untagged header")?;
            let kind = Kind::Untagged {
                ulp: [d[1], d[2], d[3], d[4], d[5]],
                queue: u32::from_be_bytes([d[6], d[7], d[8], d[9]]),
                msn: u32::from_be_bytes([d[10], d[11], d[12], d[13]]),
                offset: u32::from_be_bytes([d[14], d[15], d[16], d[17]]),
            };
            (kind, 18)
        };
        let repr = Repr {
            last: control & 0x40 != 0,
            reserved: (control >> 2) & 0xf,
            version: control & 3,
            kind,
        };
        Ok((repr, len))
    }

    /// Bytes of the header.
    pub fn buffer_len(&self) -> usize {
        match self.kind {
            Kind::Tagged { .. } => 14,
            Kind::Untagged { .. } => 18,
        }
    }

    /// Writes the header.
    pub fn emit(&self, buffer: &mut [u8]) {
        let tagged = matches!(self.kind, Kind::Tagged { .. });
        buffer[0] = u8::from(tagged) << 7
            | u8::from(self.last) << 6
            | (self.reserved & 0xf) << 2
            | self.version & 3;
        match self.kind {
            Kind::Tagged { ulp, stag, offset } => {
                buffer[1] = ulp;
                buffer[2..6].copy_from_slice(&stag.to_be_bytes());
                buffer[6..14].copy_from_slice(&offset.to_be_bytes());
            }
            Kind::Untagged {
                ulp,
                queue,
                msn,
                offset,
            } => {
                buffer[1..6].copy_from_slice(&ulp);
                buffer[6..10].copy_from_slice(&queue.to_be_bytes());
                buffer[10..14].copy_from_slice(&msn.to_be_bytes());
                buffer[14..18].copy_from_slice(&offset.to_be_bytes());
            }
        }
    }

    /// The octet in which RDMAP keeps its version and opcode.
    pub fn rdmap_control(&self) -> u8 {
        match self.kind {
            Kind::Tagged { ulp, .. } => ulp,
            Kind::Untagged {
                ulp: [control, ..], ..
            } => control,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_a_send_segment() {
        let bytes = [
            0x41, 0x43, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 5, 0xdc, 0xaa,
        ];
        let (repr, len) = Repr::parse(&bytes).unwrap();
        assert_eq!(len, 18);
        assert!(repr.last);
        assert_eq!(repr.version, VERSION);
        let ulp = [0x43, 0, 0, 0, 0];
        assert_eq!(
            repr.kind,
            Kind::Untagged {
                ulp,
                queue: QUEUE_SEND,
                msn: 7,
                offset: 1500
            }
        );
        assert_eq!(repr.rdmap_control(), 0x43);
    }

    #[test]
    fn short_headers_are_errors() {
        assert_eq!(Repr::parse(&[]).unwrap_err().layer, "DDP");
        assert_eq!(Repr::parse(&[0x81; 13]).unwrap_err().found, 13);
        assert_eq!(Repr::parse(&[0x01; 17]).unwrap_err().found, 17);
    }

    fn kind() -> impl Strategy<Value = Kind> {
        prop_oneof![
            any::<(u8, u32, u64)>().prop_map(|(ulp, stag, offset)| Kind::Tagged {
                ulp,
                stag,
                offset
            }),
            any::<([u8; 5], u32, u32, u32)>().prop_map(|(ulp, queue, msn, offset)| {
                Kind::Untagged {
                    ulp,
                    queue,
                    msn,
                    offset,
                }
            }),
        ]
    }

    proptest! {
        #[test]
        fn round_trip(kind in kind(), last: bool, reserved in 0u8..16, version in 0u8..4) {
            let repr = Repr { last, reserved, version, kind };
            let mut buffer = vec![0; repr.buffer_len()];
            repr.emit(&mut buffer);
            prop_assert_eq!(Repr::parse(&buffer), Ok((repr, buffer.len())));
        }
    }
}
