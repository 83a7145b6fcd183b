//! The records of a classic pcap file.

use super::buffer::Window;
use super::{CaptureError, MAX_CAPTURED, Order, Record, Where, corrupt, link_type};
use crate::capture::{Direction, Interface};
use pcap_file::TsResolution;
use pcap_file::pcap::PcapParser;

pub(super) const HEADER: usize = 24;
const RECORD: usize = 16;

/// The least limit on captured lengths. Writers often leave a smaller snaplen in the header than
/// they used.
const USUAL_LIMIT: u32 = 256 << 10;

pub(super) struct Classic {
    order: Order,
    /// Nanoseconds in a unit of the fraction.
    unit: u64,
    limit: u32,
    fcs: u32,
}

/// The state after the file header, which is `data`, and the only interface of the file.
pub(super) fn open(data: &[u8], place: &Where<'_>) -> Result<(Classic, Interface), CaptureError> {
    let (_, parser) = PcapParser::new(data).map_err(|e| corrupt(place, e.to_string()))?;
    let header = parser.header();
    let network = u32::from(header.datalink);
    let state = Classic {
        order: header.endianness.into(),
        unit: match header.ts_resolution {
            TsResolution::MicroSecond => 1_000,
            TsResolution::NanoSecond => 1,
        },
        limit: header.snaplen.clamp(USUAL_LIMIT, MAX_CAPTURED),
        // Bit 26 says that the length of the FCS is known: the top four bits, in units of 2 bytes.
        fcs: if network & 1 << 26 != 0 {
            2 * (network >> 28)
        } else {
            0
        },
    };
    let interface = Interface {
        link_type: link_type(network & 0xffff),
        snaplen: header.snaplen,
        ..Interface::default()
    };
    Ok((state, interface))
}

impl Classic {
    /// The next record; None at the end of the file.
    #[inline]
    pub(super) fn next(
        &self,
        window: &mut Window,
        file: &str,
    ) -> Result<Option<Record>, CaptureError> {
        let at = Where::new(file, window);
        if !window.fill(RECORD) {
            return at
                .end_or_cut(window, "a record header", RECORD)
                .map(|()| None);
        }
        let field = |n: usize| self.order.u32(window.data(), 4 * n).unwrap_or_default();
        let [seconds, fraction, captured, original] = [0, 1, 2, 3].map(field);
        if captured > self.limit {
            let what = format!(
                "a record of {captured} captured bytes; at most {} were expected",
                self.limit
            );
            return Err(corrupt(&at, what));
        }
        let length = captured as usize;
        if !window.fill(RECORD + length) {
            return Err(at.cut(window, "a frame", RECORD + length));
        }
        window.pass(RECORD + length);
        let at_ns = u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * self.unit;
        Ok(Some(Record {
            at_ns,
            timed: true,
            interface: 0,
            direction: Direction::Unknown,
            original_len: original,
            back: length,
            len: length,
            fcs: self.fcs,
        }))
    }
}
