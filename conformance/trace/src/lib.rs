//! Explains a capture: follows every connection and every priority, and says what went wrong.
//!
//! - [`report`]: what comes out
//! - `rc`: reliable, unreliable and datagram queue pairs; `pause`: PFC and 802.3x; `links`: LLDP and
//!   DCBX; `tcp`, `smb`, `iwarp`: streams and what they carry; `timeline`: activity over time,
//!   in `buckets`

pub mod analyzer;
pub mod buckets;
pub mod capture;
pub mod class;
mod icrc;
pub mod iwarp;
pub mod links;
mod made;
mod malformed;
pub mod output;
pub mod pause;
pub mod rate;
pub mod rc;
pub mod reassembly;
pub mod replay;
pub mod report;
pub mod signals;
pub mod smb;
mod tally;
pub mod tcp;
pub mod timeline;
mod words;

pub use made::MADE;
