//! Which packet of a queue pair a frame is, and which transmission of it.

use super::Class;
use std::collections::BTreeMap;
use xoff_wire::dissect::{Body, Dissected};
use xoff_wire::psn;

/// How far behind the latest PSN one is still the same: half of all (IBTA 9.7.1), so that a PSN that
/// comes again after all others is a new one.
const WINDOW: i64 = 1 << 23;
/// Queue pairs 0 and 1 are for management.
const FIRST_QP: u32 = 2;

/// Where a packet stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of its queue pair, in the order in which this sender's packets first went there; None
    /// for management.
    pub qp: Option<u32>,
    /// Relative to the first PSN that was seen of its stream, modulo 2^24.
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

/// PSNs are counted on beyond 2^24 here: numbers, from the first PSN that was seen.
#[derive(Clone, Debug)]
struct Stream {
    qp: Option<u32>,
    first: u32,
    /// The highest number so far.
    latest: i64,
    /// Runs of numbers that were sent: first and last.
    sent: BTreeMap<i64, i64>,
    /// Those sent more than once, and how often again.
    again: BTreeMap<i64, u32>,
}

/// Remembers streams. Grows with their number, and with the gaps and repetitions of each.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    streams: BTreeMap<Key, Stream>,
    qps: BTreeMap<(u32, [u8; 6], u32), u32>,
    /// Queue pairs per sender.
    of_sender: BTreeMap<u32, u32>,
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
        let mut stream = Stream {
            qp: self.relative_qp(key),
            first: psn,
            latest: 0,
            sent: BTreeMap::new(),
            again: BTreeMap::new(),
        };
        let place = stream.next(psn);
        self.streams.insert(key, stream);
        Some(place)
    }

    fn relative_qp(&mut self, key: Key) -> Option<u32> {
        if key.qp < FIRST_QP {
            return None;
        }
        let next = self.of_sender.entry(key.from).or_default();
        let number = self.qps.entry((key.from, key.to, key.qp));
        Some(*number.or_insert_with(|| {
            *next += 1;
            *next - 1
        }))
    }
}

impl Stream {
    fn next(&mut self, psn: u32) -> Place {
        let number = self.number(psn);
        Place {
            qp: self.qp,
            psn: psn::sub(psn, self.first),
            round: self.round(number),
        }
    }

    /// The number next to the latest that has this PSN.
    fn number(&self, psn: u32) -> i64 {
        let latest = psn::add(self.first, (self.latest & i64::from(psn::MASK)) as u32);
        self.latest + i64::from(psn::diff(psn, latest))
    }

    /// How often a number was sent before; now it is once more.
    fn round(&mut self, number: i64) -> u32 {
        // Most come one after the other.
        if let Some(mut run) = self.sent.last_entry()
            && *run.get() + 1 == number
        {
            *run.get_mut() = number;
            self.latest = number;
            self.forget();
            return 0;
        }
        if self.was_sent(number) {
            let again = self.again.entry(number).or_default();
            *again = again.saturating_add(1);
            return *again;
        }
        self.add(number);
        if number > self.latest {
            self.latest = number;
            self.forget();
        }
        0
    }

    fn was_sent(&self, number: i64) -> bool {
        let run = self.sent.range(..=number).next_back();
        run.is_some_and(|(_, last)| number <= *last)
    }

    /// Adds a number that is in no run.
    fn add(&mut self, number: i64) {
        let before = self.sent.range(..number).next_back();
        let first = match before {
            Some((first, last)) if last + 1 == number => *first,
            _ => number,
        };
        let last = self.sent.remove(&(number + 1)).unwrap_or(number);
        self.sent.insert(first, last);
    }

    /// What is too old to be repeated.
    fn forget(&mut self) {
        let oldest = self.latest - WINDOW;
        while let Some(run) = self.sent.first_entry().filter(|run| *run.get() < oldest) {
            run.remove();
        }
        while let Some(old) = self.again.first_entry().filter(|old| *old.key() < oldest) {
            old.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stream(first: u32) -> Stream {
        Stream {
            qp: Some(0),
            first,
            latest: 0,
            sent: BTreeMap::new(),
            again: BTreeMap::new(),
        }
    }

    #[test]
    fn repetitions_are_found_however_far_back() {
        let mut stream = stream(0xff_ff00);
        let mut round = |number: u32| stream.next(psn::add(0xff_ff00, number)).round;
        assert!((0..100_000).all(|number| round(number) == 0));
        assert!((5..100_000).all(|number| round(number) == 1));
        assert_eq!([round(4), round(5), round(100_000)], [1, 2, 0]);
    }

    #[test]
    fn a_psn_is_new_when_all_others_were_there() {
        let mut stream = stream(7);
        assert_eq!(stream.next(7).round, 0);
        for number in (0..=1 << 24).step_by(1 << 20) {
            stream.next(psn::add(7, number & psn::MASK));
        }
        assert_eq!((stream.next(7).round, stream.latest), (1, 1 << 24));
        assert!(stream.sent.len() <= 9);
    }

    proptest! {
        #[test]
        fn rounds_are_those_of_a_list(
            first in 0..=psn::MASK,
            numbers in proptest::collection::vec(0..40_u32, 0..200),
        ) {
            let mut stream = stream(first);
            let mut times = [0; 40];
            for number in numbers {
                let place = stream.next(psn::add(first, number));
                prop_assert_eq!(place.round, times[number as usize]);
                prop_assert_eq!(place.psn, number);
                times[number as usize] += 1;
            }
            prop_assert!(stream.sent.values().count() <= 20);
        }
    }
}
