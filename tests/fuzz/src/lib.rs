//! Entry points of the fuzz targets: each takes foreign bytes and must neither panic nor hang.
//!
//! libFuzzer feeds them (`fuzz_targets`); the integration tests replay the committed corpora.

mod captures;
mod inputs;
mod material;
mod streams;
mod wire;

pub use captures::{capture, trace};
pub use inputs::{assertion, configs, hpcc, scenario, tables};
pub use streams::streams;
pub use wire::{dissect, iwarp, lldp, smb};

/// A target: name of its corpus, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: [Target; 12] = [
    ("scenario", scenario),
    ("hpcc", hpcc),
    ("tables", tables),
    ("assertion", assertion),
    ("configs", configs),
    ("dissect", dissect),
    ("lldp", lldp),
    ("iwarp", iwarp),
    ("smb", smb),
    ("capture", capture),
    ("trace", trace),
    ("streams", streams),
];
