//! The blocks of a pcapng file (draft-ietf-opsawg-pcapng).

use super::buffer::Window;
use super::{CaptureError, MAX_CAPTURED, Order, Record, Where, corrupt, link_type};
use crate::capture::{Direction, Interface, InterfaceStats};
use pcap_file::pcapng::blocks::block_common::{
    ENHANCED_PACKET_BLOCK, INTERFACE_DESCRIPTION_BLOCK, INTERFACE_STATISTIC_BLOCK, PACKET_BLOCK,
    SIMPLE_PACKET_BLOCK,
};
use xoff_wire::Mac;

pub(super) use pcap_file::pcapng::blocks::block_common::SECTION_HEADER_BLOCK as SECTION_HEADER;

const BIG: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];
const LITTLE: [u8; 4] = [0x4d, 0x3c, 0x2b, 0x1a];

/// Type, length, and the length again at the end.
const FRAME: u32 = 12;
/// Type, length and byte order mark of a section header.
const START: usize = 12;
const MAX_BLOCK: u32 = MAX_CAPTURED + (1 << 20);
const MAX_INTERFACES: usize = 1 << 16;
/// Characters kept of a name or description.
const MAX_TEXT: usize = 256;

pub(super) fn is_section(data: &[u8]) -> bool {
    data.get(8..START)
        .is_some_and(|mark| mark == BIG || mark == LITTLE)
}

/// How the time stamps of an interface become nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Times(u64),
    Over(u64),
    /// Units of 2^-n seconds.
    Binary(u8),
}

#[derive(Clone, Copy, Debug)]
struct Clock {
    unit: Unit,
    /// Seconds.
    offset: i64,
    fcs: u32,
    snaplen: u32,
}

impl Unit {
    fn new(resolution: u8) -> Unit {
        match resolution {
            n if n & 0x80 != 0 => Unit::Binary(n & 0x7f),
            n @ 0..=9 => Unit::Times(10_u64.pow(9 - u32::from(n))),
            // A unit so small that no stamp amounts to a nanosecond.
            n => 10_u64
                .checked_pow(u32::from(n) - 9)
                .map_or(Unit::Times(0), Unit::Over),
        }
    }
}

impl Clock {
    /// None: before 1970, or beyond the year 2554.
    #[inline]
    fn ns(&self, high: u32, low: u32) -> Option<u64> {
        let stamp = u64::from(high) << 32 | u64::from(low);
        if self.offset == 0
            && let Unit::Times(n) = self.unit
        {
            return stamp.checked_mul(n);
        }
        let ns = match self.unit {
            Unit::Times(n) => i128::from(stamp) * i128::from(n),
            Unit::Over(n) => i128::from(stamp / n),
            Unit::Binary(n) => (i128::from(stamp) * 1_000_000_000) >> n,
        };
        u64::try_from(ns + i128::from(self.offset) * 1_000_000_000).ok()
    }
}

/// What blocks tell besides frames.
pub(super) struct Found<'a> {
    pub(super) interfaces: &'a mut Vec<Interface>,
    pub(super) stats: &'a mut Vec<InterfaceStats>,
    pub(super) position: &'a mut u64,
}

/// The section being read.
pub(super) struct Sections {
    order: Order,
    /// Number over the whole file of the section's first interface.
    first: usize,
    clocks: Vec<Clock>,
    /// Simple packet blocks have no time: they get that of the frame before.
    last_ns: u64,
}

impl Default for Sections {
    fn default() -> Sections {
        Sections {
            order: Order::Little,
            first: 0,
            clocks: Vec::new(),
            last_ns: 0,
        }
    }
}

impl Sections {
    /// The next frame; None at the end of the file.
    pub(super) fn next(
        &mut self,
        window: &mut Window,
        file: &str,
        mut found: Found<'_>,
    ) -> Result<Option<Record>, CaptureError> {
        loop {
            let at = Where::new(file, window);
            *found.position = at.offset;
            if !window.fill(START) {
                return at
                    .end_or_cut(window, "a block header", START)
                    .map(|()| None);
            }
            let (kind, length) = self.block_header(window, &at)?;
            if !window.fill(length as usize) {
                return Err(at.cut(window, "a block", length as usize));
            }
            let body_len = (length - FRAME) as usize;
            let data = window.data();
            let again = self.order.u32(data, 8 + body_len);
            if again != Some(length) {
                return Err(corrupt(
                    &at,
                    format!(
                        "a block of {length} bytes ends with the length {}; both must be equal",
                        again.unwrap_or_default()
                    ),
                ));
            }
            let body = &data[8..8 + body_len];
            let record = self.block(kind, body, &at, &mut found)?;
            window.pass(length as usize);
            if let Some(mut record) = record {
                // Until here it counted from the start of the body.
                record.back = length as usize - 8 - record.back;
                self.last_ns = record.at_ns;
                return Ok(Some(record));
            }
        }
    }

    /// Type and total length; a section header also sets the byte order.
    #[inline]
    fn block_header(
        &mut self,
        window: &Window,
        at: &Where<'_>,
    ) -> Result<(u32, u32), CaptureError> {
        let data = window.data();
        // The same in both byte orders.
        if data.starts_with(&SECTION_HEADER.to_be_bytes()) {
            self.order = match data.get(8..START) {
                Some(mark) if mark == BIG => Order::Big,
                Some(mark) if mark == LITTLE => Order::Little,
                _ => {
                    return Err(corrupt(
                        at,
                        "a section header without byte order mark".into(),
                    ));
                }
            };
        }
        let field = |n| self.order.u32(data, n).unwrap_or_default();
        let (kind, length) = (field(0), field(4));
        if length < FRAME || !length.is_multiple_of(4) || length > MAX_BLOCK {
            return Err(corrupt(
                at,
                format!(
                    "a block of {length} bytes; expected a multiple of 4 from {FRAME} to {MAX_BLOCK}"
                ),
            ));
        }
        Ok((kind, length))
    }

    #[inline]
    fn block(
        &mut self,
        kind: u32,
        body: &[u8],
        at: &Where<'_>,
        found: &mut Found<'_>,
    ) -> Result<Option<Record>, CaptureError> {
        match kind {
            ENHANCED_PACKET_BLOCK | PACKET_BLOCK => {
                self.packet(kind, body, at, found.stats).map(Some)
            }
            SIMPLE_PACKET_BLOCK => self.simple(body, at).map(Some),
            SECTION_HEADER => {
                let version = self.order.u16(body, 4).unwrap_or_default();
                if version != 1 {
                    let what = format!("pcapng version {version}; only version 1 is known");
                    return Err(corrupt(at, what));
                }
                self.first = found.interfaces.len();
                self.clocks.clear();
                Ok(None)
            }
            INTERFACE_DESCRIPTION_BLOCK => self.interface(body, at, found).map(|()| None),
            INTERFACE_STATISTIC_BLOCK => {
                self.statistics(body, found);
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// An enhanced packet block, or the obsolete packet block that differs in its first word.
    #[inline]
    fn packet(
        &self,
        kind: u32,
        body: &[u8],
        at: &Where<'_>,
        stats: &mut [InterfaceStats],
    ) -> Result<Record, CaptureError> {
        const FIXED: usize = 20;
        if body.len() < FIXED {
            let what = format!(
                "a packet block with {} bytes; expected 20 or more",
                body.len()
            );
            return Err(corrupt(at, what));
        }
        let field = |n: usize| self.order.u32(body, 4 * n).unwrap_or_default();
        let [mut interface, high, low, captured, original] = [0, 1, 2, 3, 4].map(field);
        let mut lost = 0;
        if kind == PACKET_BLOCK {
            let half = |n| self.order.u16(body, n).unwrap_or_default();
            interface = u32::from(half(0));
            // All ones: not known.
            lost = Some(half(2))
                .filter(|n| *n != u16::MAX)
                .map_or(0, u64::from);
        }
        let clock = self.clock(interface, at)?;
        if captured as usize > body.len() - FIXED {
            let room = body.len() - FIXED;
            let what =
                format!("a packet of {captured} captured bytes in a block with room for {room}");
            return Err(corrupt(at, what));
        }
        let at_ns = clock.ns(high, low);
        let mut record = Record {
            at_ns: at_ns.unwrap_or(self.last_ns),
            timed: at_ns.is_some(),
            interface: (self.first as u32).saturating_add(interface),
            direction: Direction::Unknown,
            original_len: original,
            back: FIXED,
            len: captured as usize,
            fcs: clock.fcs,
        };
        let options = body.get(FIXED + (captured as usize).next_multiple_of(4)..);
        for (code, value) in Options::new(self.order, options.unwrap_or_default()) {
            match code {
                2 => self.flags(value, &mut record),
                4 if kind == ENHANCED_PACKET_BLOCK => {
                    lost = self.order.u64(value, 0).unwrap_or_default();
                }
                _ => {}
            }
        }
        if lost > 0
            && let Some(stats) = stats.get_mut(record.interface as usize)
        {
            stats.dropped = Some(stats.dropped.unwrap_or_default().saturating_add(lost));
        }
        Ok(record)
    }

    fn flags(&self, value: &[u8], record: &mut Record) {
        let flags = self.order.u32(value, 0).unwrap_or_default();
        record.direction = match flags & 3 {
            1 => Direction::In,
            2 => Direction::Out,
            _ => Direction::Unknown,
        };
        // Bits 5 to 8: bytes of FCS, 0 if not known.
        if let fcs @ 1.. = flags >> 5 & 15 {
            record.fcs = fcs;
        }
    }

    fn simple(&self, body: &[u8], at: &Where<'_>) -> Result<Record, CaptureError> {
        let clock = self.clock(0, at)?;
        let Some(original) = self.order.u32(body, 0) else {
            return Err(corrupt(at, "a simple packet block without length".into()));
        };
        let limit = match clock.snaplen {
            0 => u32::MAX,
            snaplen => snaplen,
        };
        let len = (original.min(limit) as usize).min(body.len() - 4);
        Ok(Record {
            at_ns: self.last_ns,
            timed: false,
            interface: self.first as u32,
            direction: Direction::Unknown,
            original_len: original,
            back: 4,
            len,
            fcs: clock.fcs,
        })
    }

    #[inline]
    fn clock(&self, interface: u32, at: &Where<'_>) -> Result<&Clock, CaptureError> {
        self.clocks.get(interface as usize).ok_or_else(|| {
            let count = self.clocks.len();
            let what = format!("a packet of interface {interface}; the section has {count}");
            corrupt(at, what)
        })
    }

    fn interface(
        &mut self,
        body: &[u8],
        at: &Where<'_>,
        found: &mut Found<'_>,
    ) -> Result<(), CaptureError> {
        let (Some(network), Some(snaplen)) = (self.order.u16(body, 0), self.order.u32(body, 4))
        else {
            return Err(corrupt(at, "an interface description cut short".into()));
        };
        if found.interfaces.len() >= MAX_INTERFACES {
            return Err(corrupt(
                at,
                format!("more than {MAX_INTERFACES} interfaces"),
            ));
        }
        let mut interface = Interface {
            link_type: link_type(u32::from(network)),
            snaplen,
            ..Interface::default()
        };
        let mut clock = Clock {
            unit: Unit::Times(1_000),
            offset: 0,
            fcs: 0,
            snaplen,
        };
        for (code, value) in Options::new(self.order, &body[8..]) {
            match code {
                2 => interface.name = text(value),
                3 => interface.description = text(value),
                6 => interface.mac = value.first_chunk().map(|mac| Mac(*mac)),
                8 => interface.speed = self.order.u64(value, 0).filter(|speed| *speed > 0),
                9 => clock.unit = value.first().map_or(clock.unit, |n| Unit::new(*n)),
                // The standard says bits, some writers mean bytes.
                13 => {
                    clock.fcs = match value.first() {
                        Some(4 | 32) => 4,
                        _ => 0,
                    }
                }
                14 => clock.offset = self.order.u64(value, 0).unwrap_or_default().cast_signed(),
                _ => {}
            }
        }
        self.clocks.push(clock);
        found.interfaces.push(interface);
        found.stats.push(InterfaceStats::default());
        Ok(())
    }

    /// Later statistics of an interface replace earlier ones: they count from the start.
    fn statistics(&self, body: &[u8], found: &mut Found<'_>) {
        let interface = self.order.u32(body, 0).unwrap_or(u32::MAX) as usize;
        let (Some(clock), Some(stats)) = (
            self.clocks.get(interface),
            found.stats.get_mut(self.first.saturating_add(interface)),
        ) else {
            return;
        };
        let time = |value: &[u8]| clock.ns(self.order.u32(value, 0)?, self.order.u32(value, 4)?);
        let mut dropped: Option<u64> = None;
        for (code, value) in Options::new(self.order, body.get(12..).unwrap_or_default()) {
            let count = self.order.u64(value, 0);
            match code {
                2 => stats.start_ns = time(value).or(stats.start_ns),
                3 => stats.end_ns = time(value).or(stats.end_ns),
                4 => stats.received = count.or(stats.received),
                // Lost by the interface, lost by the system.
                5 | 7 => {
                    let count = count.unwrap_or_default();
                    dropped = Some(dropped.unwrap_or_default().saturating_add(count));
                }
                _ => {}
            }
        }
        stats.dropped = dropped.or(stats.dropped);
    }
}

fn text(value: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(value);
    let shown: String = text
        .trim_end_matches('\0')
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_TEXT)
        .collect();
    Some(shown).filter(|text| !text.is_empty())
}

/// Code and value of each option; ends at the first that does not fit.
struct Options<'a> {
    order: Order,
    data: &'a [u8],
}

impl<'a> Options<'a> {
    fn new(order: Order, data: &'a [u8]) -> Options<'a> {
        Options { order, data }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        let code = self.order.u16(self.data, 0).filter(|code| *code != 0)?;
        let length = usize::from(self.order.u16(self.data, 2)?);
        let value = self.data.get(4..4 + length)?;
        let next = 4 + length.next_multiple_of(4);
        self.data = self.data.get(next..).unwrap_or_default();
        Some((code, value))
    }
}
