//! Ethernet II with up to two VLAN tags (802.1Q, QinQ).

use super::{Mac, Result, take};
use std::fmt;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VlanTag {
    /// 0x8100, 0x88a8 or 0x9100.
    pub tpid: u16,
    pub pcp: u8,
    pub dei: bool,
    pub vid: u16,
}

/// Addresses, tags and the type of what follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repr {
    pub dst: Mac,
    pub src: Mac,
    pub outer: Option<VlanTag>,
    /// Present only with `outer`.
    pub inner: Option<VlanTag>,
    /// Type, or length (below 0x600) of an 802.3 frame.
    pub ethertype: u16,
}

/// Types of tags: 802.1Q customer, 802.1ad service, and what stacked tags had before 802.1ad.
pub const TPIDS: [u16; 3] = [0x8100, 0x88a8, 0x9100];

/// Addresses and type, and what a tag adds.
pub const UNTAGGED_LEN: usize = 14;
pub const TAG_LEN: usize = 4;
/// Frame check sequence.
pub const FCS: usize = 4;
/// Shortest frame without its FCS; shorter ones are padded.
pub const MIN_LEN: usize = 60;
/// Preamble with start delimiter, and the gap to the next frame.
pub const PREAMBLE: usize = 8;
pub const GAP: usize = 12;

impl VlanTag {
    fn parse(tpid: u16, tci: u16) -> Self {
        VlanTag {
            tpid,
            pcp: (tci >> 13) as u8,
            dei: tci & 0x1000 != 0,
            vid: tci & 0x0fff,
        }
    }

    /// Tag control information (802.1Q 9.6).
    fn tci(&self) -> u16 {
        u16::from(self.pcp & 7) << 13 | u16::from(self.dei) << 12 | self.vid & 0x0fff
    }
}

impl Repr {
    /// Reads addresses, up to two tags and the type; what follows a second tag is left alone.
    ///
    /// # Errors
    ///
    /// The frame ends before its type.
    #[inline]
    pub fn parse(data: &[u8]) -> Result<(Repr, usize)> {
        let head = take::<UNTAGGED_LEN>(data, "Ethernet", "14 bytes")?;
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = head;
        let mut repr = Repr {
            dst: Mac([d0, d1, d2, d3, d4, d5]),
            src: Mac([s0, s1, s2, s3, s4, s5]),
            outer: None,
            inner: None,
            ethertype: u16::from_be_bytes([t0, t1]),
        };
        let len = repr.parse_tags(data, UNTAGGED_LEN)?;
        Ok((repr, len))
    }

    /// Reads up to two tags at `len`, if the type says so, and returns the bytes before what
    /// follows them.
    #[inline]
    pub(super) fn parse_tags(&mut self, data: &[u8], mut len: usize) -> Result<usize> {
        if TPIDS.contains(&self.ethertype) {
            self.outer = Some(self.next_tag(data, &mut len)?);
            if TPIDS.contains(&self.ethertype) {
                self.inner = Some(self.next_tag(data, &mut len)?);
            }
        }
        Ok(len)
    }

    /// Reads the tag at `len`; the type becomes the one behind it.
    fn next_tag(&mut self, data: &[u8], len: &mut usize) -> Result<VlanTag> {
        let rest = data.get(*len..).unwrap_or_default();
        let [a, b, c, d] =
            take::<TAG_LEN>(rest, "VLAN tag", "4 bytes").map_err(|e| e.shifted(*len))?;
        let tag = VlanTag::parse(self.ethertype, u16::from_be_bytes([a, b]));
        self.ethertype = u16::from_be_bytes([c, d]);
        *len += TAG_LEN;
        Ok(tag)
    }

    /// Bytes of addresses, tags and type.
    pub fn header_len(&self) -> usize {
        UNTAGGED_LEN + TAG_LEN * self.tags().count()
    }

    /// The priority of the outer tag.
    #[inline]
    pub fn pcp(&self) -> Option<u8> {
        self.outer.map(|tag| tag.pcp)
    }

    /// Writes [`Self::header_len`] bytes.
    pub fn emit(&self, buffer: &mut [u8]) {
        buffer[..6].copy_from_slice(&self.dst.0);
        buffer[6..12].copy_from_slice(&self.src.0);
        let mut at = 12;
        for tag in self.tags() {
            buffer[at..at + 2].copy_from_slice(&tag.tpid.to_be_bytes());
            buffer[at + 2..at + 4].copy_from_slice(&tag.tci().to_be_bytes());
            at += TAG_LEN;
        }
        buffer[at..at + 2].copy_from_slice(&self.ethertype.to_be_bytes());
    }

    fn tags(&self) -> impl Iterator<Item = VlanTag> {
        let inner = self.outer.and(self.inner);
        self.outer.into_iter().chain(inner)
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}", self.src, self.dst)?;
        for tag in self.tags() {
            write!(f, ", vlan {} p {}", tag.vid, tag.pcp)?;
        }
        write!(f, ", type 0x{:04x}", self.ethertype)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tag() -> impl Strategy<Value = VlanTag> {
        (0usize..3, 0u8..8, any::<bool>(), 0u16..4096).prop_map(|(i, pcp, dei, vid)| VlanTag {
            tpid: TPIDS[i],
            pcp,
            dei,
            vid,
        })
    }

    #[test]
    fn stacked_tags_keep_their_order() {
        let bytes = [
            1, 0x80, 0xc2, 0, 0, 1, 2, 0, 0, 0, 0, 7, 0x88, 0xa8, 0x60, 0x64, 0x81, 0x00, 0xb0,
            0x0a, 0x08, 0x00, 0x45,
        ];
        let (repr, len) = Repr::parse(&bytes).unwrap();
        assert_eq!((len, repr.header_len()), (22, 22));
        assert_eq!(
            repr.to_string(),
            "02:00:00:00:00:07 > 01:80:c2:00:00:01, vlan 100 p 3, vlan 10 p 5, type 0x0800"
        );
        assert!(repr.inner.unwrap().dei);
        let mut out = [0xa5; 23];
        repr.emit(&mut out);
        assert_eq!(out[..22], bytes[..22]);
        assert_eq!(out[22], 0xa5);
        for cut in 0..22 {
            let error = Repr::parse(&bytes[..cut]).unwrap_err();
            assert_eq!((error.offset, error.field), (cut, "length"));
        }
    }

    proptest! {
        #[test]
        fn emitted_headers_parse_to_themselves(
            dst: [u8; 6], src: [u8; 6],
            outer in prop::option::of(tag()), inner in prop::option::of(tag()),
            ethertype in any::<u16>().prop_filter("a tag", |t| !TPIDS.contains(t)),
        ) {
            let repr = Repr {
                dst: Mac(dst),
                src: Mac(src),
                outer,
                inner: outer.and(inner),
                ethertype,
            };
            let mut buffer = vec![0xa5; repr.header_len()];
            repr.emit(&mut buffer);
            prop_assert_eq!(Repr::parse(&buffer), Ok((repr, buffer.len())));
        }
    }
}
