//! SMB messages in a TCP stream: only their heads are kept.

use crate::reassembly::{Piece, Place};
use xoff_wire::smb2::{Command, FLAG_RESPONSE, Framing, HEADER_LEN, Header, Protocol, Transform};

/// Most octets of a message that are looked at.
const HEAD_MAX: u64 = 16 << 10;

/// The head of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) place: Place,
    pub(super) head: &'a [u8],
    /// Bytes of the whole message.
    pub(super) len: u64,
    /// The head is shorter than it should be: octets are missing.
    pub(super) cut: bool,
}

/// Collects as much of a message as is of interest.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    octets: Vec<u8>,
    place: Place,
    len: u64,
    /// Of the message, still to come.
    left: u64,
    want: u64,
    /// The head was handed out, or will not be.
    done: bool,
    holes: bool,
}

impl Head {
    pub(super) fn start(&mut self, place: Place, len: u64) {
        self.octets.clear();
        *self = Head {
            octets: std::mem::take(&mut self.octets),
            place,
            len,
            left: len,
            want: len.min(HEADER_LEN as u64),
            done: false,
            holes: false,
        };
    }

    /// Bytes of the message still to come.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Takes what belongs to this message; returns how much that was.
    pub(super) fn push(&mut self, data: &[u8], sink: &mut dyn FnMut(Message<'_>)) -> usize {
        let used = (data.len() as u64).min(self.left) as usize;
        let mut data = &data[..used];
        self.left -= used as u64;
        while !self.done && !self.holes && !data.is_empty() {
            let room = self.want.saturating_sub(self.octets.len() as u64) as usize;
            let len = room.min(data.len());
            self.octets.extend_from_slice(&data[..len]);
            data = &data[len..];
            if self.octets.len() as u64 >= self.want {
                let want = wanted(&self.octets, self.len);
                if want > self.want {
                    self.want = want;
                } else {
                    self.finish(sink);
                }
            }
        }
        if self.left == 0 {
            self.finish(sink);
        }
        used
    }

    /// Passes over missing octets of this message.
    pub(super) fn skip(&mut self, octets: u64, sink: &mut dyn FnMut(Message<'_>)) {
        self.left = self.left.saturating_sub(octets);
        self.holes = true;
        self.finish(sink);
    }

    fn finish(&mut self, sink: &mut dyn FnMut(Message<'_>)) {
        if std::mem::replace(&mut self.done, true) {
            return;
        }
        let cut = (self.octets.len() as u64) < self.want;
        sink(Message {
            place: self.place,
            head: &self.octets,
            len: self.len,
            cut,
        });
        // Bulk data follows: a stream at rest should not hold a buffer.
        if self.octets.capacity() > 1024 {
            self.octets = Vec::new();
        }
    }
}

/// How much of a message is of interest, judged by its header.
fn wanted(head: &[u8], len: u64) -> u64 {
    let of_interest = match Protocol::of(head) {
        Some(Protocol::Smb2) => match Header::parse(head) {
            Ok((header, _)) if header.next_command != 0 => HEAD_MAX,
            Ok((header, _)) => match header.command {
                Command::NEGOTIATE | Command::SESSION_SETUP => 512,
                Command::IOCTL if header.flags & FLAG_RESPONSE != 0 => HEAD_MAX,
                Command::IOCTL => 128,
                _ => HEADER_LEN as u64,
            },
            Err(_) => 0,
        },
        Some(Protocol::Transform) => Transform::LEN as u64,
        _ => 0,
    };
    of_interest.min(len).max(len.min(head.len() as u64))
}

/// One direction of a connection.
#[derive(Clone, Debug)]
pub(super) struct Framer {
    synced: bool,
    framing: Vec<u8>,
    in_message: bool,
    head: Head,
    /// How often the thread was lost.
    pub(super) lost: u64,
}

impl Framer {
    /// `synced`: the next octet is the first of a message.
    pub(super) fn new(synced: bool) -> Self {
        Self {
            synced,
            framing: Vec::new(),
            in_message: false,
            head: Head::default(),
            lost: 0,
        }
    }

    pub(super) fn piece(&mut self, piece: Piece<'_>, sink: &mut dyn FnMut(Message<'_>)) {
        match piece {
            Piece::Gap(octets) => self.gap(octets, sink),
            Piece::Data {
                place,
                octets,
                segment_start,
            } => {
                if !self.synced && segment_start && starts_message(octets) {
                    *self = Framer {
                        synced: true,
                        ..Framer::new(true)
                    }
                    .with_lost(self.lost);
                }
                self.data(place, octets, sink);
            }
        }
    }

    fn with_lost(mut self, lost: u64) -> Self {
        self.lost = lost;
        self
    }

    fn data(&mut self, place: Place, mut data: &[u8], sink: &mut dyn FnMut(Message<'_>)) {
        while self.synced && !data.is_empty() {
            if self.in_message {
                let used = self.head.push(data, sink);
                data = &data[used..];
                self.in_message = self.head.left() > 0;
                continue;
            }
            let len = data.len().min(Framing::LEN - self.framing.len());
            self.framing.extend_from_slice(&data[..len]);
            data = &data[len..];
            if let Ok((framing, _)) = Framing::parse(&self.framing) {
                self.framing.clear();
                match framing.kind {
                    0 | 0x81..=0x85 => {
                        self.head.start(place, u64::from(framing.len));
                        self.in_message = framing.len > 0;
                    }
                    _ => self.lose(),
                }
            }
        }
    }

    fn gap(&mut self, octets: u64, sink: &mut dyn FnMut(Message<'_>)) {
        if !self.synced {
            return;
        }
        if self.in_message && octets <= self.head.left() {
            self.head.skip(octets, sink);
            self.in_message = self.head.left() > 0;
            return;
        }
        if self.in_message {
            self.head.skip(u64::MAX, sink);
        }
        self.lose();
    }

    fn lose(&mut self) {
        self.synced = false;
        self.in_message = false;
        self.framing.clear();
        self.lost += 1;
    }
}

/// Whether framing and an SMB message begin here.
pub(crate) fn starts_message(octets: &[u8]) -> bool {
    octets.first() == Some(&0) && octets.get(4..).and_then(Protocol::of).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use xoff_wire::smb2;

    fn message(command: Command, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; 4 + len];
        Framing {
            kind: 0,
            len: len as u32,
        }
        .emit(&mut bytes);
        smb2::Header {
            command,
            ..smb2::Header::default()
        }
        .emit(&mut bytes[4..]);
        bytes
    }

    fn stream() -> Vec<u8> {
        [
            message(Command::NEGOTIATE, 110),
            vec![0x85, 0, 0, 0],
            message(Command::WRITE, 5000),
            message(Command::IOCTL, 120),
        ]
        .concat()
    }

    /// Head length, message length and whether it is cut.
    fn heads(framer: &mut Framer, pieces: &[Piece<'_>]) -> Vec<(usize, u64, bool)> {
        let mut heads = Vec::new();
        for piece in pieces {
            framer.piece(*piece, &mut |m| heads.push((m.head.len(), m.len, m.cut)));
        }
        heads
    }

    fn data(octets: &[u8]) -> Piece<'_> {
        Piece::Data {
            place: Place::default(),
            octets,
            segment_start: true,
        }
    }

    #[test]
    fn a_hole_in_bulk_data_costs_nothing() {
        let stream = stream();
        let pieces = [
            data(&stream[..400]),
            Piece::Gap(3000),
            data(&stream[3400..]),
        ];
        let expected = [(110, 110, false), (64, 5000, false), (120, 120, false)];
        assert_eq!(heads(&mut Framer::new(true), &pieces), expected);
    }

    #[test]
    fn a_hole_over_a_boundary_waits_for_the_next_message() {
        let stream = stream();
        let next = message(Command::IOCTL, 100);
        let hole = stream.len() as u64 - 400;
        let pieces = [
            data(&stream[..400]),
            Piece::Gap(hole),
            data(b"junk"),
            data(&next),
        ];
        let mut framer = Framer::new(true);
        assert_eq!(heads(&mut framer, &pieces).last(), Some(&(100, 100, false)));
        assert_eq!(framer.lost, 1);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_heads(step in 1usize..300) {
            let stream = stream();
            let pieces: Vec<_> = stream.chunks(step).map(data).collect();
            let whole = heads(&mut Framer::new(true), &[data(&stream)]);
            prop_assert_eq!(whole.len(), 3);
            prop_assert_eq!(heads(&mut Framer::new(true), &pieces), whole);
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), gap: u64) {
            let mut framer = Framer::new(true);
            heads(&mut framer, &[data(&bytes), Piece::Gap(gap), data(&bytes)]);
        }
    }
}
