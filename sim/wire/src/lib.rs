//! Wire formats, in the manner of smoltcp: for each header a plain `Repr` with `parse` and `emit`.
//!
//! `parse` takes a slice that starts at the header, never panics, and returns what it read and how
//! many bytes it took; a header that cannot be is a [`WireError`] that names layer, field, offset,
//! what was expected and what was found. `emit` panics if its buffer is shorter than `buffer_len`:
//! that is the caller's mistake. All integers are in network byte order on the wire, in host order
//! in a `Repr`. What Ethernet needs of IPv4, IPv6, UDP and TCP comes from smoltcp.

pub mod bth;
pub mod cee;
pub mod ddp;
pub mod dissect;
pub mod ethernet;
pub mod icrc;
pub mod ip;
pub mod lldp;
pub mod mac_control;
pub mod mpa;
pub mod psn;
pub mod qaz;
pub mod rdmap;
pub mod roce;
pub mod smb2;
pub mod smbd;

use std::fmt;
use thiserror::Error;

/// A header that is malformed or cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{layer} {field} at byte {offset}: expected {expected}, found {found}")]
pub struct WireError {
    /// `"BTH"`, `"ETS configuration TLV"`.
    pub layer: &'static str,
    /// `"length"`, `"TVer"`.
    pub field: &'static str,
    /// From the start of the slice that was parsed.
    pub offset: usize,
    pub expected: &'static str,
    pub found: u64,
}

impl WireError {
    /// The same error in a slice that starts `by` bytes earlier.
    pub(crate) fn shifted(self, by: usize) -> Self {
        WireError {
            offset: self.offset + by,
            ..self
        }
    }
}

pub type Result<T> = std::result::Result<T, WireError>;

/// A MAC address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    pub const ZERO: Mac = Mac([0; 6]);

    /// Whether the group bit is set: multicast or broadcast.
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The first `N` bytes, or an error that says how many there are.
pub(crate) fn take<const N: usize>(
    data: &[u8],
    layer: &'static str,
    expected: &'static str,
) -> Result<[u8; N]> {
    match data.first_chunk::<N>() {
        Some(bytes) => Ok(*bytes),
        None => Err(WireError {
            layer,
            field: "length",
            offset: data.len(),
            expected,
            found: data.len() as u64,
        }),
    }
}
