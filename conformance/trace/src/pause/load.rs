//! How much traffic a link carries, as far as pauses need to know it.

use crate::capture::{Direction, Frame};
use crate::rate::OVERHEAD;
use xoff_wire::{Mac, ethernet};

/// Stations on one interface whose received bytes are counted.
const STATIONS: usize = 64;

/// One interface.
#[derive(Clone, Debug, Default)]
pub(super) struct Load {
    /// Bytes with overhead, by direction of the capture.
    bytes: [u64; 3],
    /// Bytes towards stations, for captures that do not tell directions.
    towards: Vec<(Mac, u64)>,
    /// Of `towards`, the last that was used.
    recent: usize,
    /// Time of the first frame.
    pub(super) first_ns: Option<u64>,
}

const fn index(direction: Direction) -> usize {
    match direction {
        Direction::Unknown => 0,
        Direction::In => 1,
        Direction::Out => 2,
    }
}

impl Load {
    /// A frame that is not a pause.
    #[inline]
    pub(super) fn add(&mut self, f: &Frame<'_>, eth: &ethernet::Repr) {
        self.first_ns.get_or_insert(f.at_ns);
        let i = index(f.direction);
        let bytes = u64::from(f.original_len).max(ethernet::MIN_LEN as u64) + OVERHEAD;
        self.bytes[i] = self.bytes[i].saturating_add(bytes);
        if f.direction == Direction::Unknown {
            self.count_towards(eth.dst, bytes);
        }
    }

    fn count_towards(&mut self, station: Mac, bytes: u64) {
        if self
            .towards
            .get(self.recent)
            .is_none_or(|(m, _)| *m != station)
        {
            match self.towards.iter().position(|(m, _)| *m == station) {
                Some(at) => self.recent = at,
                None if self.towards.len() < STATIONS => {
                    self.recent = self.towards.len();
                    self.towards.push((station, 0));
                }
                None => return,
            }
        }
        let count = &mut self.towards[self.recent].1;
        *count = count.saturating_add(bytes);
    }

    /// Bytes with overhead that went to a station whose pause frames pass in `direction`.
    pub(super) fn bytes_towards(&self, station: Mac, direction: Direction) -> u64 {
        match direction {
            Direction::In => self.bytes[index(Direction::Out)],
            Direction::Out => self.bytes[index(Direction::In)],
            Direction::Unknown => self
                .towards
                .iter()
                .find(|(mac, _)| *mac == station)
                .map_or(0, |(_, bytes)| *bytes),
        }
    }
}
