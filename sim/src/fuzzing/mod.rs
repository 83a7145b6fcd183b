//! Entry points of the fuzz targets: each takes foreign bytes and must neither panic nor hang.
//!
//! `sim/fuzz` feeds them with libFuzzer; the integration tests replay the committed corpora.

mod wire;

use crate::compat::hpcc;
use crate::metrics::expect::Expectation;
use crate::scenario::{self, Overrides};
use crate::workload;

pub use wire::{dissect, iwarp, lldp, smb};

/// A target: name of its corpus, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: [Target; 8] = [
    ("scenario", scenario),
    ("hpcc", hpcc),
    ("tables", tables),
    ("assertion", assertion),
    ("dissect", dissect),
    ("lldp", lldp),
    ("iwarp", iwarp),
    ("smb", smb),
];

/// Scenario text; the files that it names do not exist.
pub fn scenario(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let read = |name: &str| Err(format!("{name}: not there"));
    let _ = scenario::load("fuzz.toml", text, &Overrides::default(), &read);
}

/// Config, topology, flow and trace file, separated by NUL bytes.
pub fn hpcc(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut parts = text.split('\0');
    let [config, topology, flow, trace] =
        std::array::from_fn(|_| parts.next().unwrap_or_default().to_owned());
    let read = |name: &str| {
        Ok(match name {
            "config.txt" => config.clone(),
            "flow.txt" => flow.clone(),
            "trace.txt" => trace.clone(),
            _ => topology.clone(),
        })
    };
    if let Ok(input) = hpcc::load("config.txt", &read) {
        let _ = hpcc::scenario_text(&input.model, &input.files, "fuzz");
    }
}

/// Flow lists, connection matrices and size distributions.
pub fn tables(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = workload::parse_csv(text, &|name| name.parse().ok());
    let hosts: Vec<u32> = (0..16).collect();
    let _ = workload::parse_htsim(text, &hosts);
    if let Ok(cdf) = workload::Cdf::parse(text) {
        let mut rng = crate::rng::Stream::new(1, 0, 0, crate::rng::Purpose::Workload);
        let _ = (cdf.mean(), cdf.sample(&mut rng));
    }
}

/// Assertions about results.
pub fn assertion(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Err(error) = Expectation::parse(text)
    {
        assert!(error.offset <= text.len());
    }
}
