//! Cumulus Linux: `traffic.conf` and `datapath.conf` of releases 3 and 4, `qos_features.conf` and
//! `qos_infra.conf` of release 5.

mod build;
mod repair;
mod settings;
#[cfg(test)]
mod tests;

use crate::device::Device;
use crate::language::{Dialect, Input, Language};
use crate::source::{Fault, Source};

pub static LANGUAGE: Language = Language {
    dialect: Dialect::Cumulus,
    name: "cumulus",
    title: "Cumulus Linux",
    recognise,
    import,
    repair: repair::repair,
};

const STARTS: [&str; 17] = [
    "traffic.",
    "priority_group.",
    "pfc.",
    "link_pause.",
    "ecn.",
    "ecn_red.",
    "default_ecn_red_conf.",
    "default_egress_sched.",
    "default_egress_shaping.",
    "egress_sched.",
    "egress_shaping.",
    "cos_egr_queue.",
    "source.",
    "remark.",
    "ingress_service_pool.",
    "egress_service_pool.",
    "flow_control.",
];

fn recognise(source: &Source) -> u32 {
    // What is shipped is mostly samples behind #.
    let lines = source
        .text
        .lines()
        .take(600)
        .map(|l| l.trim_start_matches(['#', ' ', '\t']));
    let telling = |line: &str| STARTS.iter().any(|s| line.starts_with(s)) && line.contains('=');
    lines.map(|line| if telling(line) { 10 } else { 0 }).sum()
}

fn import(input: Input) -> Result<Vec<Device>, Fault> {
    let file = settings::File::read(input)?;
    Ok(vec![build::device(input, file)])
}
