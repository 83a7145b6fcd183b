//! Changing the bytes of a frame.

mod field;
mod layout;

pub use field::{FIELDS, Field, Span, Value};

use self::layout::Layout;
use xoff_wire::dissect::{Body, Link, dissect};
use xoff_wire::icrc;
use xoff_wire::ip::Kind;

/// Congestion experienced, in the two bits of IP.
const CE: u8 = 3;

/// A change of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Turns one bit of the payload round, counted from its beginning and modulo its length; of the
    /// ICRC if there is no payload. `repair`: the ICRC or TCP checksum is made right again, so that
    /// only the application can notice. The UDP checksum is right in either case: what is tested
    /// is the ICRC.
    Corrupt { bit: u32, repair: bool },
    /// Gives a header field, or a part of the payload, another value. `repair`: the ICRC or TCP
    /// checksum is made right again. The checksums of IP and UDP are right in either case.
    Rewrite {
        field: Field,
        value: Value,
        repair: bool,
    },
    /// Cuts the frame to so many bytes, without FCS.
    Truncate { bytes: u32 },
    /// Marks congestion experienced, as a switch does.
    SetCe,
}

/// Changes a frame of Ethernet. False: there is nothing in it that could be changed so.
pub fn apply(edit: Edit, frame: &mut Vec<u8>) -> bool {
    match edit {
        Edit::Corrupt { bit, repair } => corrupt(frame, bit, repair).is_some(),
        Edit::Rewrite {
            field,
            value,
            repair,
        } => field::rewrite(frame, field, value, repair).is_some(),
        Edit::Truncate { bytes } => {
            let shorter = (bytes as usize) < frame.len();
            frame.truncate(bytes as usize);
            shorter
        }
        Edit::SetCe => set_ce(frame).is_some(),
    }
}

fn corrupt(frame: &mut [u8], bit: u32, repair: bool) -> Option<()> {
    let layout = Layout::of(frame)?;
    let at = match (layout.payload_len, layout.icrc) {
        (0, Some(_)) if repair => return None,
        (0, Some(icrc)) => icrc + bit as usize / 8 % icrc::LEN,
        (0, None) => return None,
        (len, _) => layout.payload + bit as usize / 8 % len,
    };
    let wrong = *frame.get(at)? ^ 0x80 >> (bit % 8);
    layout.put(frame, at, wrong, repair)?;
    if layout.icrc.is_some() && repair {
        layout.fix_icrc(frame)?;
    }
    Some(())
}

fn set_ce(frame: &mut [u8]) -> Option<()> {
    let (start, kind) = {
        let dissected = dissect(Link::Ethernet, frame, u32::try_from(frame.len()).ok()?);
        let network = match &dissected.body {
            Body::Roce(packet) => packet.network,
            Body::Tcp(network, _) => *network,
            _ => return None,
        };
        (dissected.ethernet.header_len(), network.kind)
    };
    let at = start + 1;
    let byte = frame.get_mut(at)?;
    let old = *byte;
    match kind {
        Kind::V4 { .. } => {
            *byte |= CE;
            layout::adjust(frame, start + layout::IP_CHECKSUM, false, at, old);
        }
        // The traffic class lies across the first two bytes; its low bits are in the second.
        Kind::V6 { .. } | Kind::Grh { .. } => *byte |= CE << 4,
    }
    Some(())
}
