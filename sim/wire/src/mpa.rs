//! MPA (RFC 5044, RFC 6581): framing of iWARP segments in a TCP stream.
//!
//! A connection starts with one request and one reply frame; then each direction is a sequence of
//! FPDUs: length, ULPDU (a DDP segment), padding to a multiple of four, CRC-32C. If the receiver
//! asked for them, a four-octet marker stands at every 512th octet of the stream, from the first
//! octet of the first FPDU on. The CRC covers everything before it, markers included.

use super::{Result, WireError, take};

/// Distance between markers, octets (RFC 5044 4.3).
pub const MARKER_INTERVAL: u64 = 512;
const MARKER_LEN: u64 = 4;
/// Most private data in a request or reply frame (RFC 5044 7.1).
pub const PRIVATE_DATA_MAX: usize = 512;
/// Octets of a request or reply frame without private data.
pub const STARTUP_LEN: usize = 20;
/// What a request frame begins with, and a reply frame.
pub const REQUEST_KEY: [u8; 16] = *b"MPA ID Req Frame";
pub const REPLY_KEY: [u8; 16] = *b"MPA ID Rep Frame";

/// A request or reply frame (RFC 5044 7.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Startup<'a> {
    pub reply: bool,
    /// M: the sender of this frame wants to receive markers.
    pub markers: bool,
    /// C: the sender of this frame wants CRCs.
    pub crc: bool,
    /// R: the reply refuses the connection.
    pub reject: bool,
    /// S: private data starts with read depths (RFC 6581).
    pub enhanced: bool,
    /// Four bits.
    pub reserved: u8,
    pub revision: u8,
    pub private_data: &'a [u8],
}

/// What enhanced connection set-up says of RDMA Reads (RFC 6581 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadDepths {
    /// Peer to peer: the initiator sends a ready-to-receive first.
    pub peer_to_peer: bool,
    /// Inbound and outbound RDMA Reads, 14 bits each; 0x3fff: not negotiated.
    pub inbound: u16,
    pub outbound: u16,
}

impl<'a> Startup<'a> {
    /// Reads a request or reply frame.
    ///
    /// # Errors
    /// If the key is neither, private data is too long, or the frame is cut short.
    pub fn parse(data: &'a [u8]) -> Result<(Startup<'a>, usize)> {
        let d = take::<STARTUP_LEN>(data, "MPA", "20 octets of a start-up frame")?;
        let reply = match &d[..16] {
            key if *key == REQUEST_KEY => false,
            key if *key == REPLY_KEY => true,
            key => {
                return Err(WireError {
                    layer: "MPA",
                    field: "key",
                    offset: 0,
                    expected: "a request or reply key",
                    found: key.iter().take(8).fold(0, |n, b| n << 8 | u64::from(*b)),
                });
            }
        };
        let private_len = usize::from(u16::from_be_bytes([d[18], d[19]]));
        if private_len > PRIVATE_DATA_MAX {
            return Err(WireError {
                layer: "MPA",
                field: "private data length",
                offset: 18,
                expected: "at most 512",
                found: private_len as u64,
            });
        }
        let end = STARTUP_LEN + private_len;
        let Some(private_data) = data.get(STARTUP_LEN..end) else {
            return Err(WireError {
                layer: "MPA",
                field: "private data",
                offset: STARTUP_LEN,
                expected: "as many octets as its length says",
                found: (data.len() - STARTUP_LEN) as u64,
            });
        };
        let startup = Startup {
            reply,
            markers: d[16] & 0x80 != 0,
            crc: d[16] & 0x40 != 0,
            reject: d[16] & 0x20 != 0,
            enhanced: d[16] & 0x10 != 0,
            reserved: d[16] & 0xf,
            revision: d[17],
            private_data,
        };
        Ok((startup, end))
    }

    pub fn buffer_len(&self) -> usize {
        STARTUP_LEN + self.private_data.len()
    }

    /// Writes the frame; private data must not be longer than [`PRIVATE_DATA_MAX`].
    pub fn emit(&self, buffer: &mut [u8]) {
        buffer[..16].copy_from_slice(if self.reply { &REPLY_KEY } else { &REQUEST_KEY });
        buffer[16] = u8::from(self.markers) << 7
            | u8::from(self.crc) << 6
            | u8::from(self.reject) << 5
            | u8::from(self.enhanced) << 4
            | self.reserved & 0xf;
        buffer[17] = self.revision;
        buffer[18..20].copy_from_slice(&(self.private_data.len() as u16).to_be_bytes());
        buffer[20..self.buffer_len()].copy_from_slice(self.private_data);
    }

    /// The read depths, if this is enhanced set-up.
    pub fn read_depths(&self) -> Option<ReadDepths> {
        let [a, b, c, d] = *self
            .private_data
            .first_chunk::<4>()
            .filter(|_| self.enhanced)?;
        let (inbound, outbound) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        Some(ReadDepths {
            peer_to_peer: inbound & 0x8000 != 0,
            inbound: inbound & 0x3fff,
            outbound: outbound & 0x3fff,
        })
    }
}

/// Octets that fill an FPDU up to a multiple of four before its CRC.
pub fn padding(ulpdu_len: u16) -> usize {
    (4 - (usize::from(ulpdu_len) + 2) % 4) % 4
}

/// What the CRC of an FPDU says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crc {
    Good,
    Bad {
        found: u32,
        computed: u32,
    },
    /// Not in use on this connection.
    Unused,
    /// Octets are missing.
    Unknown,
}

/// What the markers of a stream say of the FPDU that they stand in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pointer {
    /// How far back it began, most significant octet first (RFC 5044 4.3).
    #[default]
    Big,
    /// The same in the other order.
    Little,
    /// Nothing: they are always zero.
    Zero,
}

/// Where markers stand, and what they say. The default is the rule; others are what senders do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkerRule {
    /// The octets of CRCs count in the distance between two markers.
    pub crc_counts: bool,
    pub pointer: Pointer,
}

impl Default for MarkerRule {
    fn default() -> Self {
        Self {
            crc_counts: true,
            pointer: Pointer::Big,
        }
    }
}

/// An FPDU that has passed through a [`Deframer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fpdu {
    pub ulpdu_len: u16,
    /// The first octets of the ULPDU, without markers.
    pub head: Vec<u8>,
    pub crc: Crc,
    /// Markers in it that point elsewhere than to its start, and those behind its first octet that
    /// are right to the last bit.
    pub bad_markers: u32,
    pub good_markers: u32,
}

/// Takes a stream apart into FPDUs, at any split, with memory for one head.
#[derive(Clone, Debug)]
pub struct Deframer {
    markers: bool,
    rule: MarkerRule,
    use_crc: bool,
    keep: usize,
    /// In the stream, from the first octet of the first FPDU; and of these, octets of CRCs.
    position: u64,
    crc_octets: u64,
    /// Octets since the last marker began, as the rule counts them.
    phase: u64,
    /// Of the length field of this FPDU.
    start: u64,
    /// Octets of this FPDU so far, without markers.
    taken: usize,
    length: [u8; 2],
    head: Vec<u8>,
    crc: u32,
    sent_crc: [u8; 4],
    marker: [u8; 4],
    bad_markers: u32,
    good_markers: u32,
    holes: bool,
}

impl Deframer {
    /// `keep`: how many octets of each ULPDU to hand out.
    pub fn new(markers: bool, use_crc: bool, keep: usize) -> Self {
        Self {
            markers,
            rule: MarkerRule::default(),
            use_crc,
            keep,
            position: 0,
            crc_octets: 0,
            phase: 0,
            start: 0,
            taken: 0,
            length: [0; 2],
            head: Vec::new(),
            crc: 0,
            sent_crc: [0; 4],
            marker: [0; 4],
            bad_markers: 0,
            good_markers: 0,
            holes: false,
        }
    }

    /// The same at this place of the stream, for a sender with another rule. Between two FPDUs.
    pub fn under(&self, rule: MarkerRule) -> Self {
        let counted = match rule.crc_counts {
            true => self.position,
            false => self.position.wrapping_sub(self.crc_octets),
        };
        Self {
            rule,
            phase: counted % MARKER_INTERVAL,
            ..self.clone()
        }
    }

    pub fn rule(&self) -> MarkerRule {
        self.rule
    }

    /// Markers so far of the FPDU that is being taken: wrong ones, and right ones.
    pub fn markers(&self) -> [u32; 2] {
        [self.bad_markers, self.good_markers]
    }

    /// Begins an FPDU at the next octet, wherever the last one was.
    pub fn restart(&mut self) {
        self.taken = 0;
        self.head.clear();
        self.crc = 0;
        self.bad_markers = 0;
        self.good_markers = 0;
        self.holes = false;
    }

    /// Whether there are markers in the stream.
    pub fn marked(&self) -> bool {
        self.markers
    }

    pub fn uses_crc(&self) -> bool {
        self.use_crc
    }

    /// Octets of a marker that stands before the next field; `None` in the middle of one.
    pub fn before_field(&self) -> Option<usize> {
        match self.phase {
            0 if self.markers => Some(MARKER_LEN as usize),
            1..MARKER_LEN if self.markers => None,
            _ => Some(0),
        }
    }

    /// Length and octets so far of the ULPDU that is being taken, once its length is known.
    pub fn current(&self) -> Option<(u16, &[u8])> {
        (self.taken >= 2 && !self.holes).then(|| (u16::from_be_bytes(self.length), &self.head[..]))
    }

    /// Whether the next octet is the first of an FPDU.
    pub fn at_boundary(&self) -> bool {
        self.taken == 0
    }

    fn in_marker(&self) -> bool {
        self.interrupted() && self.phase < MARKER_LEN
    }

    /// Whether a marker may stand here: not where octets do not count.
    fn interrupted(&self) -> bool {
        self.markers && (self.rule.crc_counts || !self.in_crc())
    }

    fn in_crc(&self) -> bool {
        self.taken >= 2 && self.taken >= self.crc_at()
    }

    /// Passes over octets of one field or marker.
    fn advance(&mut self, len: u64) {
        let crc = self.in_crc() && !self.in_marker();
        self.position = self.position.wrapping_add(len);
        self.crc_octets = self.crc_octets.wrapping_add(if crc { len } else { 0 });
        if !crc || self.rule.crc_counts {
            self.phase = (self.phase + len % MARKER_INTERVAL) % MARKER_INTERVAL;
        }
    }

    fn ulpdu_len(&self) -> usize {
        usize::from(u16::from_be_bytes(self.length))
    }

    /// Where the CRC begins, counted as `taken` is.
    fn crc_at(&self) -> usize {
        2 + self.ulpdu_len() + padding(u16::from_be_bytes(self.length))
    }

    /// Octets up to the next change of field or marker.
    fn run(&self) -> usize {
        if self.in_marker() {
            return (MARKER_LEN - self.phase) as usize;
        }
        let field_end = match self.taken {
            0..2 => 2,
            taken if taken < self.crc_at() => self.crc_at(),
            _ => self.crc_at() + 4,
        };
        let field = field_end - self.taken;
        if self.interrupted() {
            field.min((MARKER_INTERVAL - self.phase) as usize)
        } else {
            field
        }
    }

    /// Takes what `data` has of the current FPDU: how many octets that was, and the FPDU if this
    /// ends it.
    pub fn push(&mut self, data: &[u8]) -> (usize, Option<Fpdu>) {
        let mut used = 0;
        while used < data.len() {
            let len = self.run().min(data.len() - used);
            self.octets(&data[used..used + len]);
            used += len;
            if let Some(fpdu) = self.complete() {
                return (used, Some(fpdu));
            }
        }
        (used, None)
    }

    /// Passes over octets that were not captured; any FPDU that this ends is handed out.
    ///
    /// `None` if a length is among the missing: nobody knows where the next FPDU begins.
    pub fn skip(&mut self, missing: u64) -> Option<Option<Fpdu>> {
        let mut left = missing;
        let mut ended = None;
        while left > 0 {
            if !self.in_marker() && (self.taken < 2 || ended.is_some()) {
                // How many of them are CRCs is not known.
                self.position = self.position.wrapping_add(left);
                self.phase = (self.phase + left % MARKER_INTERVAL) % MARKER_INTERVAL;
                self.restart();
                return None;
            }
            let len = (self.run() as u64).min(left);
            let marker = self.in_marker();
            self.advance(len);
            if !marker {
                self.taken += len as usize;
            }
            self.holes = true;
            left -= len;
            if let Some(fpdu) = self.complete() {
                ended = Some(fpdu);
            }
        }
        Some(ended)
    }

    /// Takes octets of one field or marker.
    fn octets(&mut self, data: &[u8]) {
        if self.in_marker() {
            self.crc = crc32c::crc32c_append(self.crc, data);
            for octet in data {
                self.marker[self.phase as usize] = *octet;
                self.advance(1);
            }
            if !self.in_marker() {
                self.check_marker();
            }
            return;
        }
        if self.taken == 0 {
            self.start = self.position;
        }
        self.advance(data.len() as u64);
        let crc_at = if self.taken < 2 {
            usize::MAX
        } else {
            self.crc_at()
        };
        if self.taken < 2 {
            for octet in data {
                self.length[self.taken] = *octet;
                self.taken += 1;
            }
            self.crc = crc32c::crc32c_append(self.crc, data);
        } else if self.taken < crc_at {
            let ulpdu_left = (2 + self.ulpdu_len()).saturating_sub(self.taken);
            let wanted = ulpdu_left.min(self.keep.saturating_sub(self.head.len()));
            if !self.holes {
                self.head.extend_from_slice(&data[..wanted.min(data.len())]);
            }
            if self.use_crc {
                self.crc = crc32c::crc32c_append(self.crc, data);
            }
            self.taken += data.len();
        } else {
            for octet in data {
                self.sent_crc[self.taken - crc_at] = *octet;
                self.taken += 1;
            }
        }
    }

    /// A marker says how far back its FPDU began; one in front of an FPDU says 0.
    fn check_marker(&mut self) {
        let [a, b, c, d] = self.marker;
        let pointer = match self.rule.pointer {
            Pointer::Little => u16::from_le_bytes([c, d]),
            Pointer::Big | Pointer::Zero => u16::from_be_bytes([c, d]),
        };
        let pointer = u64::from(pointer);
        let behind = match self.taken {
            0 => 0,
            _ => self
                .position
                .wrapping_sub(MARKER_LEN)
                .wrapping_sub(self.start),
        };
        let expected = match self.rule.pointer {
            Pointer::Zero => 0,
            Pointer::Big | Pointer::Little => behind,
        };
        if self.holes {
            return;
        }
        if pointer != expected {
            self.bad_markers = self.bad_markers.saturating_add(1);
        } else if behind > 0 && [a, b] == [0; 2] {
            self.good_markers = self.good_markers.saturating_add(1);
        }
    }

    fn complete(&mut self) -> Option<Fpdu> {
        if self.taken < 2 || self.taken < self.crc_at() + 4 {
            return None;
        }
        // The octets of a CRC-32C travel least significant first, as in iSCSI (RFC 3720 12.1).
        let found = u32::from_le_bytes(self.sent_crc);
        let crc = match () {
            () if !self.use_crc => Crc::Unused,
            () if self.holes => Crc::Unknown,
            () if found == self.crc => Crc::Good,
            () => Crc::Bad {
                found,
                computed: self.crc,
            },
        };
        let fpdu = Fpdu {
            ulpdu_len: u16::from_be_bytes(self.length),
            head: std::mem::take(&mut self.head),
            crc,
            bad_markers: self.bad_markers,
            good_markers: self.good_markers,
        };
        self.restart();
        Some(fpdu)
    }
}

/// Writes FPDUs one after the other into a stream.
#[derive(Clone, Debug, Default)]
pub struct Framer {
    markers: bool,
    rule: MarkerRule,
    use_crc: bool,
    /// As the rule counts.
    position: u64,
}

impl Framer {
    pub fn new(markers: bool, use_crc: bool) -> Self {
        Self {
            markers,
            rule: MarkerRule::default(),
            use_crc,
            position: 0,
        }
    }

    /// With markers by another rule than that of the RFC.
    pub fn with_rule(use_crc: bool, rule: MarkerRule) -> Self {
        Self {
            rule,
            ..Self::new(true, use_crc)
        }
    }

    /// Appends one FPDU; a ULPDU has at most 65,535 octets, the rest is cut off.
    pub fn emit(&mut self, ulpdu: &[u8], out: &mut Vec<u8>) {
        let ulpdu = &ulpdu[..ulpdu.len().min(usize::from(u16::MAX))];
        let len = ulpdu.len() as u16;
        let begin = out.len();
        let mut start = None;
        self.append(&len.to_be_bytes(), &mut start, out);
        self.append(ulpdu, &mut start, out);
        self.append(&[0; 3][..padding(len)], &mut start, out);
        if self.rule.crc_counts {
            self.marker(&mut start, out);
        }
        let crc = if self.use_crc {
            crc32c::crc32c(&out[begin..])
        } else {
            0
        };
        if self.rule.crc_counts {
            self.append(&crc.to_le_bytes(), &mut start, out);
        } else {
            out.extend_from_slice(&crc.to_le_bytes());
        }
    }

    /// `start`: where the length field of this FPDU stands.
    fn append(&mut self, mut data: &[u8], start: &mut Option<u64>, out: &mut Vec<u8>) {
        while !data.is_empty() {
            self.marker(start, out);
            start.get_or_insert(self.position);
            let room = MARKER_INTERVAL - self.position % MARKER_INTERVAL;
            let len = if self.markers {
                data.len().min(room as usize)
            } else {
                data.len()
            };
            out.extend_from_slice(&data[..len]);
            self.position += len as u64;
            data = &data[len..];
        }
    }

    fn marker(&mut self, start: &mut Option<u64>, out: &mut Vec<u8>) {
        if self.markers && self.position.is_multiple_of(MARKER_INTERVAL) {
            let pointer = start.map_or(0, |s| (self.position - s) as u16);
            out.extend_from_slice(&[0, 0]);
            out.extend_from_slice(&match self.rule.pointer {
                Pointer::Big => pointer.to_be_bytes(),
                Pointer::Little => pointer.to_le_bytes(),
                Pointer::Zero => [0; 2],
            });
            self.position += MARKER_LEN;
        }
    }
}

/// Appends to `out` what is left of a stretch of a stream without its markers.
///
/// `position`: of the first octet, counted from the first octet of the first FPDU.
pub fn strip_markers(data: &[u8], position: u64, out: &mut Vec<u8>) {
    let (mut position, mut rest) = (position % MARKER_INTERVAL, data);
    while !rest.is_empty() {
        let marker = position < MARKER_LEN;
        let end = if marker { MARKER_LEN } else { MARKER_INTERVAL };
        let len = rest.len().min((end - position) as usize);
        if !marker {
            out.extend_from_slice(&rest[..len]);
        }
        position = (position + len as u64) % MARKER_INTERVAL;
        rest = &rest[len..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn start_up_frames_round_trip() {
        let startup = Startup {
            reply: true,
            crc: true,
            enhanced: true,
            revision: 2,
            private_data: &[0x80, 0x20, 0x40, 0x10, 0xaa],
            ..Startup::default()
        };
        let mut buffer = vec![0; startup.buffer_len()];
        startup.emit(&mut buffer);
        assert_eq!(&buffer[..20], b"MPA ID Rep Frame\x50\x02\x00\x05");
        assert_eq!(Startup::parse(&buffer), Ok((startup, 25)));
        let depths = startup.read_depths().unwrap();
        assert_eq!(
            depths,
            ReadDepths {
                peer_to_peer: true,
                inbound: 32,
                outbound: 16
            }
        );
    }

    #[test]
    fn start_up_frames_that_cannot_be() {
        assert_eq!(Startup::parse(b"MPA ID Req").unwrap_err().field, "length");
        assert_eq!(Startup::parse(&[b'x'; 20]).unwrap_err().field, "key");
        let long = b"MPA ID Req Frame\x40\x01\x02\x01";
        assert_eq!(
            Startup::parse(long).unwrap_err().field,
            "private data length"
        );
        let cut = b"MPA ID Req Frame\x40\x01\x00\x04abc";
        assert_eq!(Startup::parse(cut).unwrap_err().field, "private data");
    }

    fn deframe(deframer: &mut Deframer, data: &[u8], step: usize) -> Vec<Fpdu> {
        let mut fpdus = Vec::new();
        for chunk in data.chunks(step) {
            let mut rest = chunk;
            while !rest.is_empty() {
                let (used, fpdu) = deframer.push(rest);
                fpdus.extend(fpdu);
                rest = &rest[used..];
            }
        }
        fpdus
    }

    #[test]
    fn an_fpdu_has_length_padding_and_crc() {
        let mut out = Vec::new();
        Framer::new(false, true).emit(b"abc", &mut out);
        // CRC-32C of 00 03 'a' 'b' 'c' 00 00 00, bitwise.
        let mut crc = u32::MAX;
        for octet in [0, 3, b'a', b'b', b'c', 0, 0, 0] {
            crc ^= u32::from(octet);
            for _ in 0..8 {
                crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
            }
        }
        assert_eq!(out[..8], [0, 3, b'a', b'b', b'c', 0, 0, 0]);
        assert_eq!(out[8..], (!crc).to_le_bytes());
    }

    #[test]
    fn markers_point_to_the_start_of_their_fpdu() {
        let mut out = Vec::new();
        Framer::new(true, true).emit(&[7; 1000], &mut out);
        assert_eq!(out[..6], [0, 0, 0, 0, 0x03, 0xe8]);
        // 508 octets after the length field, which stands behind the first marker.
        assert_eq!(out[512..516], [0, 0, 0x01, 0xfc]);
        let mut plain = Vec::new();
        strip_markers(&out, 0, &mut plain);
        assert_eq!(plain.len(), 2 + 1000 + 2 + 4);
    }

    /// A Send of 20 octets. tshark 4.0 agrees with the CRC of this and of FPDUs with markers.
    const DATA_MESSAGE: [u8; 38] = [
        0x41, 0x43, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0x0a, //
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];

    #[test]
    fn crc_octets_are_in_wire_order() {
        let mut out = Vec::new();
        Framer::new(false, true).emit(&DATA_MESSAGE, &mut out);
        assert_eq!(out[40..], [0xd1, 0x31, 0x13, 0xc6]);
    }

    #[test]
    fn a_flipped_bit_breaks_the_crc() {
        let mut out = Vec::new();
        Framer::new(false, true).emit(&[1; 40], &mut out);
        out[20] ^= 4;
        let fpdus = deframe(&mut Deframer::new(false, true, 100), &out, 1000);
        assert!(matches!(fpdus[0].crc, Crc::Bad { .. }));
    }

    #[test]
    fn missing_octets_inside_an_fpdu_keep_the_framing() {
        let (mut framer, mut out) = (Framer::new(true, true), Vec::new());
        framer.emit(&[1; 1400], &mut out);
        framer.emit(&[2; 30], &mut out);
        let mut deframer = Deframer::new(true, true, 64);
        assert_eq!(deframer.push(&out[..100]), (100, None));
        assert_eq!(deframer.skip(900), Some(None));
        let fpdus = deframe(&mut deframer, &out[1000..], 7);
        assert_eq!(fpdus.len(), 2);
        assert_eq!((fpdus[0].crc, fpdus[0].ulpdu_len), (Crc::Unknown, 1400));
        assert_eq!((fpdus[1].crc, fpdus[1].head.len()), (Crc::Good, 30));
    }

    #[test]
    fn a_missing_length_loses_the_framing() {
        let mut out = Vec::new();
        Framer::new(false, true).emit(&[1; 40], &mut out);
        let mut deframer = Deframer::new(false, true, 64);
        deframer.push(&out[..20]);
        assert_eq!(deframer.skip(out.len() as u64), None);
        assert!(deframer.at_boundary());
    }

    proptest! {
        #[test]
        fn streams_round_trip(
            ulpdus in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..1500), 1..5),
            markers: bool,
            use_crc: bool,
            step in 1usize..2000,
            crc_counts: bool,
            kind in 0usize..3,
        ) {
            let pointer = [Pointer::Big, Pointer::Little, Pointer::Zero][kind];
            let rule = MarkerRule { crc_counts, pointer };
            let mut framer = Framer::new(markers, use_crc);
            if markers {
                framer = Framer::with_rule(use_crc, rule);
            }
            let mut out = Vec::new();
            for ulpdu in &ulpdus {
                framer.emit(ulpdu, &mut out);
            }
            let mut deframer = Deframer::new(markers, use_crc, usize::MAX).under(rule);
            let fpdus = deframe(&mut deframer, &out, step);
            let heads: Vec<_> = fpdus.iter().map(|f| f.head.clone()).collect();
            prop_assert_eq!(heads, ulpdus);
            let good = if use_crc { Crc::Good } else { Crc::Unused };
            prop_assert!(fpdus.iter().all(|f| f.crc == good && f.bad_markers == 0));
        }

        #[test]
        fn never_panics(
            data in prop::collection::vec(any::<u8>(), 0..600),
            markers: bool,
            gaps in prop::collection::vec(any::<u64>(), 0..4),
        ) {
            let mut deframer = Deframer::new(markers, true, 32);
            for gap in gaps.into_iter().chain([u64::MAX]) {
                deframe(&mut deframer, &data, 100);
                deframer.skip(gap >> (gap % 64));
            }
            deframe(&mut deframer, &data, 100);
            let _ = Startup::parse(&data);
        }
    }
}
