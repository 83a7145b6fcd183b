//! Which packet of a queue pair a frame is, and which transmission of it.

use super::Class;
use crate::wire::dissect::{Body, Dissected};
use crate::wire::psn;
use std::collections::BTreeMap;

/// Streams of packets that are told apart; further ones have no place.
const MAX_STREAMS: usize = 1024;
/// PSNs of a stream that are remembered; must exceed what can be in flight.
const WINDOW: usize = 1 << 12;
/// Queue pairs 0 and 1 are for management.
const FIRST_QP: u32 = 2;

/// Where a packet stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of its queue pair, in the order in which this sender's packets first went there; None
    /// for management.
    pub qp: Option<u32>,
    /// Relative to the first PSN that was seen of its stream.
    pub psn: u32,
    /// Transmissions of this PSN before.
    pub round: u32,
}

/// PSNs of requests and of their answers are numbered apart in each direction, and acknowledgements
/// may come twice for one PSN without being repetitions of read responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Request,
    Response,
    Acknowledgement,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    from: u32,
    /// The receiver, whose queue pair it is: its address, as a number.
    to: [u8; 6],
    qp: u32,
    kind: Kind,
}

#[derive(Clone, Debug)]
struct Stream {
    qp: Option<u32>,
    first: u32,
    /// Per place in the window: PSN and transmissions. The latest PSN of each place.
    sent: Vec<(u32, u32)>,
}

/// Remembers streams. Grows with their number only, up to a limit.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    streams: BTreeMap<Key, Stream>,
    /// Queue pairs per sender.
    qps: BTreeMap<(u32, [u8; 6], u32), u32>,
}

impl Tracker {
    /// The place of the next frame; None if it is no packet of a stream.
    pub fn place(&mut self, from: u32, class: Class, frame: &Dissected<'_>) -> Option<Place> {
        let Body::Roce(packet) = &frame.body else {
            return None;
        };
        let kind = match class {
            Class::Data | Class::ReadRequest | Class::Atomic | Class::Mad => Kind::Request,
            Class::ReadResponse | Class::AtomicAck => Kind::Response,
            Class::Ack | Class::Nak | Class::Rnr => Kind::Acknowledgement,
            _ => return None,
        };
        let key = Key {
            from,
            to: frame.ethernet.dst.0,
            qp: packet.bth.dest_qp,
            kind,
        };
        let psn = packet.bth.psn;
        if let Some(stream) = self.streams.get_mut(&key) {
            return Some(stream.next(psn));
        }
        if self.streams.len() >= MAX_STREAMS {
            return None;
        }
        let mut stream = Stream {
            qp: self.relative_qp(key),
            first: psn,
            sent: vec![(0, 0); WINDOW],
        };
        let place = stream.next(psn);
        self.streams.insert(key, stream);
        Some(place)
    }

    fn relative_qp(&mut self, key: Key) -> Option<u32> {
        if key.qp < FIRST_QP {
            return None;
        }
        let of_sender = self
            .qps
            .keys()
            .filter(|(from, ..)| *from == key.from)
            .count();
        let next = u32::try_from(of_sender).ok()?;
        let id = (key.from, key.to, key.qp);
        Some(*self.qps.entry(id).or_insert(next))
    }
}

impl Stream {
    fn next(&mut self, psn: u32) -> Place {
        let index = psn as usize % WINDOW;
        let mut round = 0;
        if let Some((known, times)) = self.sent.get_mut(index) {
            if *known == psn {
                round = *times;
            }
            (*known, *times) = (psn, round.saturating_add(1));
        }
        Place {
            qp: self.qp,
            psn: psn::sub(psn, self.first),
            round,
        }
    }
}
